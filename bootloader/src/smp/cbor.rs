//! As much CBOR (RFC 8949) as SMP asks for: one map of text keys in, one map out.
//!
//! Takes bytes, gives the arguments this server knows and skips the others; a key twice, a wrong type, a nesting deeper than
//! four or a byte too much make the whole request malformed. It copies nothing and allocates nothing.

/// Every argument that some command knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arguments<'a> {
    /// Where the piece belongs.
    pub off: Option<u64>,
    /// How long the whole is.
    pub len: Option<u64>,
    /// SHA-256 of the whole.
    pub sha: Option<&'a [u8]>,
    /// The piece.
    pub data: Option<&'a [u8]>,
    /// Which image.
    pub image: Option<u64>,
    /// Which slot.
    pub slot: Option<u64>,
    /// Which image, by digest.
    pub hash: Option<&'a [u8]>,
    /// Whether to confirm.
    pub confirm: Option<bool>,
    /// What to say back.
    pub echo: Option<&'a str>,
    /// What to ask the bootloader.
    pub query: Option<&'a str>,
    /// What the next answer must carry.
    pub nonce: Option<&'a [u8]>,
}

impl<'a> Arguments<'a> {
    /// Reads a request's payload; an empty one has no arguments.
    #[inline(never)]
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let mut arguments = Self::default();
        if payload.is_empty() {
            return Some(arguments);
        }
        let mut reader = Reader { rest: payload };
        let (MAP, count) = reader.head()? else {
            return None;
        };
        let mut left = count;
        while left != Some(0) {
            if left.is_none() && reader.breaks() {
                break;
            }
            arguments.take(&mut reader)?;
            left = left.map(|left| left.saturating_sub(1));
        }
        reader.rest.is_empty().then_some(arguments)
    }

    #[inline(never)]
    fn take(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let key = reader.text()?;
        // Some clients write null for what they leave out.
        if reader.passes(NULL) {
            return Some(());
        }
        match key {
            "off" => once(&mut self.off, reader.uint()?),
            "len" => once(&mut self.len, reader.uint()?),
            "sha" => once(&mut self.sha, reader.bytes()?),
            "data" => once(&mut self.data, reader.bytes()?),
            "image" => once(&mut self.image, reader.uint()?),
            "slot" => once(&mut self.slot, reader.uint()?),
            "hash" => once(&mut self.hash, reader.bytes()?),
            "confirm" => once(&mut self.confirm, reader.boolean()?),
            "d" => once(&mut self.echo, reader.text()?),
            "query" => once(&mut self.query, reader.text()?),
            "nonce" => once(&mut self.nonce, reader.bytes()?),
            _ => reader.skip(DEEPEST),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    match place.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// Major type and argument; no argument for what ends with a break.
    #[inline(never)]
    fn head(&mut self) -> Option<(u8, Option<u64>)> {
        let first = self.byte()?;
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            wide @ 24..=27 => {
                let bytes = self.take(1 << (wide & 3))?;
                bytes
                    .iter()
                    .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
            }
            31 => return Some((first >> 5, None)),
            _ => return None,
        };
        Some((first >> 5, Some(argument)))
    }

    #[inline(never)]
    fn uint(&mut self) -> Option<u64> {
        match self.head()? {
            (UINT, Some(value)) => Some(value),
            _ => None,
        }
    }

    #[inline(never)]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.head()? {
            (BYTES, Some(length)) => self.take(length),
            _ => None,
        }
    }

    #[inline(never)]
    fn text(&mut self) -> Option<&'a str> {
        match self.head()? {
            (TEXT, Some(length)) => core::str::from_utf8(self.take(length)?).ok(),
            _ => None,
        }
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.byte()? {
            FALSE => Some(false),
            TRUE => Some(true),
            _ => None,
        }
    }

    fn breaks(&mut self) -> bool {
        self.passes(BREAK)
    }

    #[inline(never)]
    fn passes(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(never)]
    fn skip(&mut self, depth: u8) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match self.head()? {
            (BYTES | TEXT, Some(length)) => self.take(length).map(|_| ()),
            (ARRAY, count) => self.skip_items(count, 1, deeper),
            (MAP, count) => self.skip_items(count, 2, deeper),
            (TAG, Some(_)) => self.skip(deeper),
            (UINT | NEGATIVE | SIMPLE, Some(_)) => Some(()),
            _ => None,
        }
    }

    /// Every item takes a byte at least, so that a large count only runs out of bytes.
    fn skip_items(&mut self, count: Option<u64>, each: u8, depth: u8) -> Option<()> {
        let mut left = count;
        while left != Some(0) {
            if left.is_none() && self.breaks() {
                break;
            }
            for _ in 0..each {
                self.skip(depth)?;
            }
            left = left.map(|left| left.saturating_sub(1));
        }
        Some(())
    }
}

/// Writes an answer; what does not fit is remembered.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    at: usize,
    overrun: bool,
}

impl<'b> Writer<'b> {
    /// Over a buffer.
    pub fn new(out: &'b mut [u8]) -> Self {
        Self {
            out,
            at: 0,
            overrun: false,
        }
    }

    /// How many bytes were written; nothing when they did not fit.
    pub fn written(&self) -> Option<usize> {
        (!self.overrun).then_some(self.at)
    }

    /// A map of `count` pairs.
    #[inline(never)]
    pub fn map(&mut self, count: u8) -> &mut Self {
        self.head(MAP, u64::from(count))
    }

    /// An array of `count` items.
    #[inline(never)]
    pub fn array(&mut self, count: u8) -> &mut Self {
        self.head(ARRAY, u64::from(count))
    }

    /// A number.
    #[inline(never)]
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    /// Text.
    #[inline(never)]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(TEXT, text.len() as u64).raw(text.as_bytes())
    }

    /// Bytes.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64).raw(bytes)
    }

    /// Yes or no.
    #[inline(never)]
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.raw(&[if value { TRUE } else { FALSE }])
    }

    /// Bytes whose content is written in place: room for `length` of them, when there is room.
    pub fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        self.head(BYTES, length as u64);
        let end = self.at.checked_add(length)?;
        let room = self.out.get_mut(self.at..end);
        match &room {
            Some(_) => self.at = end,
            None => self.overrun = true,
        }
        room
    }

    #[inline(never)]
    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let kind = major << 5;
        let [.., c, d] = value.to_be_bytes();
        match value {
            0..=23 => self.raw(&[kind | d]),
            24..=0xff => self.raw(&[kind | ONE, d]),
            0x100..=0xffff => self.raw(&[kind | TWO, c, d]),
            0x1_0000..=0xffff_ffff => {
                let [.., a, b, c, d] = value.to_be_bytes();
                self.raw(&[kind | FOUR, a, b, c, d])
            }
            _ => self.raw(&[kind | EIGHT]).raw(&value.to_be_bytes()),
        }
    }

    #[inline(never)]
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.at.saturating_add(bytes.len());
        match self.out.get_mut(self.at..end) {
            Some(place) => {
                // Not `copy_from_slice`, whose panic would be linked.
                for (to, from) in place.iter_mut().zip(bytes) {
                    *to = *from;
                }
                self.at = end;
            }
            None => self.overrun = true,
        }
        self
    }
}

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;
/// How many bytes the argument takes.
const ONE: u8 = 0x18;
const TWO: u8 = 0x19;
const FOUR: u8 = 0x1a;
const EIGHT: u8 = 0x1b;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const BREAK: u8 = 0xff;
const DEEPEST: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_as_a_stock_client_writes_it() {
        // smp 4.2.0: ImageUploadWrite(off=0, data=b"abc", image=0, len=3, sha=..., upgrade=False)
        let bytes = [
            b"\xa6\x63off\x00\x64data\x43abc\x65image\x00\x63len\x03\x63sha\x42\x01\x02".as_slice(),
            b"\x67upgrade\xf4",
        ]
        .concat();
        let read = Arguments::read(&bytes).expect("sound");
        assert_eq!(read.off, Some(0));
        assert_eq!(read.data, Some(&b"abc"[..]));
        assert_eq!(read.len, Some(3));
        assert_eq!(read.sha, Some(&[1, 2][..]));
        assert_eq!(read.confirm, None);
    }

    #[test]
    fn what_is_not_known_is_skipped_and_open_maps_are_read() {
        let bytes =
            b"\xbf\x61x\x9f\x01\xa1\x61y\xf6\xff\x61z\xc0\x61a\x63off\x19\x01\x00\x64hash\xf6\xff";
        let read = Arguments::read(bytes).expect("sound");
        assert_eq!(read.off, Some(256));
        assert_eq!(read.hash, None);
        assert_eq!(Arguments::read(b""), Some(Arguments::default()));
        assert_eq!(Arguments::read(b"\xa0"), Some(Arguments::default()));
    }

    #[test]
    fn malformed_requests_are_refused() {
        for bad in [
            &b"\x80"[..],
            b"\xa1",
            b"\xa1\x63off",
            b"\xa1\x63off\x61a",
            b"\xa1\x63off\x20",
            b"\xa2\x63off\x00\x63off\x00",
            b"\xa1\x64data\x45abc",
            b"\xa0\x00",
            b"\xa1\x01\x01",
            b"\xa1\x61x\x81\x81\x81\x81\x81\x00",
            b"\xbf\x61x\x00",
            b"\xa1\x61x\xff",
            b"\xa1\x61x\x1c",
            b"\xa1\x61x\x5f\x41a\xff",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x61x\x00",
            b"\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\xa1\x61\xff\x00",
        ] {
            assert_eq!(Arguments::read(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn heads_take_as_many_bytes_as_they_need() {
        for (value, bytes) in [
            (0u64, &b"\x00"[..]),
            (23, b"\x17"),
            (24, b"\x18\x18"),
            (256, b"\x19\x01\x00"),
            (0x1_0000, b"\x1a\x00\x01\x00\x00"),
            (1 << 32, b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
        ] {
            let mut out = [0; 9];
            let mut writer = Writer::new(&mut out);
            let written = writer.uint(value).written().expect("fits");
            assert_eq!(&out[..written], bytes);
        }
        let mut out = [0; 4];
        assert_eq!(Writer::new(&mut out).text("four").written(), None);
    }
}
