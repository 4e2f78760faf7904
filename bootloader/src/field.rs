//! Fixed-width little-endian fields, written and read in order.
//!
//! Takes a buffer, gives fields; running past the end is remembered and answered once at the end. It never indexes.

/// Writes fields one behind the other.
pub(crate) struct Writer<'b> {
    rest: &'b mut [u8],
    overrun: bool,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(out: &'b mut [u8]) -> Self {
        Self {
            rest: out,
            overrun: false,
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match core::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            Some((field, rest)) => {
                field.copy_from_slice(bytes);
                self.rest = rest;
            }
            None => self.overrun = true,
        }
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn text<const N: usize>(&mut self, text: &Text<N>) -> &mut Self {
        self.u8(text.length).bytes(&text.bytes)
    }

    /// Whether everything fitted.
    pub(crate) fn fitted(&self) -> bool {
        !self.overrun
    }
}

/// Reads fields one behind the other; a short buffer reads as zeros and is remembered.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
    short: bool,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self {
            rest: bytes,
            short: false,
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        if let Some((field, rest)) = self.rest.split_first_chunk::<N>() {
            self.rest = rest;
            *field
        } else {
            self.short = true;
            [0; N]
        }
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn text<const N: usize>(&mut self) -> Option<Text<N>> {
        let length = self.u8();
        let text = Text {
            length,
            bytes: self.array(),
        };
        text.is_sound().then_some(text)
    }

    /// Whether every field was there.
    pub(crate) fn complete(&self) -> bool {
        !self.short
    }
}

/// At most `N` printable ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self {
        length: 0,
        bytes: [0; N],
    };

    /// The text, if it is short enough and printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let text = Self {
            length: u8::try_from(text.len()).ok()?,
            bytes,
        };
        text.is_sound().then_some(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }

    fn is_sound(&self) -> bool {
        let Some((used, rest)) = self.bytes.split_at_checked(usize::from(self.length)) else {
            return false;
        };
        used.iter().all(|byte| (0x20..0x7f).contains(byte)) && rest.iter().all(|byte| *byte == 0)
    }
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const N: usize> core::fmt::Display for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}
