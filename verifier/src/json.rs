//! A strict cursor over canonical JSON (OLPC): exactly the canonical bytes of a value and nothing else.
//!
//! Takes borrowed bytes, gives borrowed pieces of them. It never copies, allocates, repairs or guesses: white space,
//! unsorted or repeated members, escapes that are not needed, floats and trailing bytes are refused, each by name. Because
//! the canonical form of a value is unique, equal bytes are equal values, and the bytes of a span are what was signed.

use core::cmp::Ordering;
use core::fmt;

use crate::profile::Profile;
use crate::version::MAX_INTEGER;

/// Deepest nesting of arrays and objects; real metadata needs six.
pub const MAX_DEPTH: u8 = 10;

/// A position in canonical JSON.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
    profile: Profile,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte. The whole input must be printable ASCII for a device, UTF-8 otherwise.
    pub fn new(bytes: &'a [u8], profile: Profile) -> Result<Self, Error> {
        let foul = match profile {
            Profile::Device => bytes
                .iter()
                .position(|byte| !(0x20..=0x7e).contains(byte))
                .map(|at| (Fault::NotPrintableAscii, at)),
            Profile::Foreign => core::str::from_utf8(bytes)
                .err()
                .map(|error| (Fault::NotUtf8, error.valid_up_to())),
        };
        match foul {
            Some((fault, at)) => Err(Error { fault, at }),
            None => Ok(Self::revisit(bytes, profile)),
        }
    }

    /// Starts over bytes that a cursor of the same profile has walked before.
    pub(crate) fn revisit(bytes: &'a [u8], profile: Profile) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            profile,
        }
    }

    /// The reading this cursor follows.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes from `start` (an earlier [`position`](Self::position)) up to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// All bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Refuses bytes after the value.
    pub fn end(&self) -> Result<(), Error> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.fault(Fault::TrailingBytes))
        }
    }

    /// Reads a string.
    pub fn text(&mut self) -> Result<Text<'a>, Error> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    match self.peek()? {
                        b'"' | b'\\' => self.at += 1,
                        _ => return Err(self.fault(Fault::NeedlessEscape)),
                    }
                }
                _ => self.at += 1,
            }
        }
        let text = Text(self.since(start));
        self.at += 1;
        Ok(text)
    }

    /// Reads an integer from 0 to 2^53 - 1.
    pub fn unsigned(&mut self) -> Result<u64, Error> {
        let start = self.at;
        if self.peek()? == b'-' {
            return Err(self.fault(Fault::Negative));
        }
        let digits = self.digits()?;
        digits
            .iter()
            .try_fold(0_u64, |value, digit| {
                value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
            })
            .filter(|value| *value <= MAX_INTEGER)
            .ok_or(Error {
                fault: Fault::IntegerTooLarge,
                at: start,
            })
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        if self.peek()? == b't' {
            self.literal(b"true").map(|()| true)
        } else {
            self.literal(b"false").map(|()| false)
        }
    }

    /// Opens an object; its members are walked with [`Members::next`].
    pub fn object(&mut self) -> Result<Members<'a>, Error> {
        self.open(b'{')?;
        Ok(Members { previous: None })
    }

    /// Opens an array; its elements are walked with [`Elements::next`].
    pub fn array(&mut self) -> Result<Elements, Error> {
        self.open(b'[')?;
        Ok(Elements { first: true })
    }

    /// Reads any value, checks its form, and gives its bytes.
    pub fn skip(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        match self.peek()? {
            b'"' => {
                self.text()?;
            }
            b'{' => {
                let mut members = self.object()?;
                while members.next(self)?.is_some() {
                    self.skip()?;
                }
            }
            b'[' => {
                let mut elements = self.array()?;
                while elements.next(self)? {
                    self.skip()?;
                }
            }
            b't' | b'f' => {
                self.boolean()?;
            }
            b'n' => self.literal(b"null")?,
            b'-' => {
                self.at += 1;
                if self.peek()? == b'0' {
                    return Err(self.fault(Fault::NotCanonicalNumber));
                }
                self.integer()?;
            }
            _ => self.integer()?,
        }
        Ok(self.since(start))
    }

    /// An integer whose value nobody asks for: a device still refuses what JSON readers would round.
    fn integer(&mut self) -> Result<(), Error> {
        if self.profile.is_device() {
            self.unsigned().map(|_| ())
        } else {
            self.digits().map(|_| ())
        }
    }

    fn digits(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = self.since(start);
        if digits.is_empty() {
            self.peek()?;
            return Err(self.fault(Fault::Unexpected));
        }
        let leading_zero = digits.len() > 1 && digits.first() == Some(&b'0');
        let fraction = matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        if leading_zero || fraction {
            return Err(Error {
                fault: Fault::NotCanonicalNumber,
                at: start,
            });
        }
        Ok(digits)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Error> {
        for byte in word {
            self.expect(*byte)?;
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(Fault::TooDeep));
        }
        self.expect(bracket)?;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fault(Fault::Unexpected))
        }
    }

    /// The next byte without reading it.
    pub fn peek(&self) -> Result<u8, Error> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or(self.fault(Fault::Truncated))
    }

    fn fault(&self, fault: Fault) -> Error {
        Error { fault, at: self.at }
    }
}

/// The strings of an array that a cursor of the same profile has walked before.
pub(crate) fn texts<'a>(
    array: &'a [u8],
    profile: Profile,
) -> impl Iterator<Item = Text<'a>> + Clone + use<'a> {
    let mut cursor = Cursor::revisit(array, profile);
    let mut elements = cursor.array().ok();
    core::iter::from_fn(move || match elements.as_mut()?.next(&mut cursor) {
        Ok(true) => cursor.text().ok(),
        _ => None,
    })
}

/// The members of an object under way, in strictly ascending order of their names.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    previous: Option<Text<'a>>,
}

impl<'a> Members<'a> {
    /// The name of the next member, with the cursor on its value; `None` after the closing brace.
    pub fn next(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<Text<'a>>, Error> {
        match (cursor.peek()?, self.previous.is_some()) {
            (b'}', _) => {
                cursor.close();
                return Ok(None);
            }
            (b',', true) => cursor.at += 1,
            (_, true) => return Err(cursor.fault(Fault::Unexpected)),
            (_, false) => {}
        }
        let at = cursor.at;
        let name = cursor.text()?;
        if let Some(previous) = self.previous {
            match name.cmp(&previous) {
                Ordering::Less => {
                    return Err(Error {
                        fault: Fault::UnsortedMember,
                        at,
                    });
                }
                Ordering::Equal => {
                    return Err(Error {
                        fault: Fault::RepeatedMember,
                        at,
                    });
                }
                Ordering::Greater => {}
            }
        }
        self.previous = Some(name);
        cursor.expect(b':')?;
        Ok(Some(name))
    }
}

/// The elements of an array under way.
#[derive(Clone, Debug)]
pub struct Elements {
    first: bool,
}

impl Elements {
    /// Whether the cursor is on another element; `false` after the closing bracket.
    pub fn next(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Error> {
        match (cursor.peek()?, self.first) {
            (b']', _) => {
                cursor.close();
                return Ok(false);
            }
            (b',', false) => cursor.at += 1,
            (_, false) => return Err(cursor.fault(Fault::Unexpected)),
            (_, true) => self.first = false,
        }
        Ok(true)
    }
}

/// A string as it stands between its quotes. Equal bytes are equal strings; the order is that of the unescaped bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// A string that holds neither `"` nor `\`, so that it stands for itself.
    pub fn plain(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        (!bytes.contains(&b'"') && !bytes.contains(&b'\\')).then_some(Self(bytes))
    }

    /// The bytes between the quotes, escapes left in.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// The string itself, when nothing in it is escaped.
    pub fn as_str(self) -> Option<&'a str> {
        if self.0.contains(&b'\\') {
            None
        } else {
            core::str::from_utf8(self.0).ok()
        }
    }

    /// The bytes the string stands for.
    pub fn bytes(self) -> impl Iterator<Item = u8> + Clone + 'a {
        let mut raw = self.0.iter();
        core::iter::from_fn(move || match raw.next() {
            Some(b'\\') => raw.next().copied(),
            byte => byte.copied(),
        })
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Where canonical form was broken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The rule that was broken.
    pub fault: Fault,
    /// Byte offset in the bytes given to the cursor.
    pub at: usize,
}

/// The rules of canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ends inside a value.
    Truncated,
    /// Bytes follow the value.
    TrailingBytes,
    /// Another byte was expected here (white space is never expected).
    Unexpected,
    /// A member's name sorts before the one in front of it.
    UnsortedMember,
    /// The same member stands twice.
    RepeatedMember,
    /// An escape other than `\"` and `\\`.
    NeedlessEscape,
    /// A byte outside 0x20 to 0x7e, in the device profile.
    NotPrintableAscii,
    /// Not UTF-8.
    NotUtf8,
    /// A leading zero, a minus zero, a fraction or an exponent.
    NotCanonicalNumber,
    /// A negative integer where only an unsigned one can stand.
    Negative,
    /// An integer above 2^53 - 1.
    IntegerTooLarge,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.fault {
            Fault::Truncated => "the file ends inside a value",
            Fault::TrailingBytes => "bytes follow the end of the value",
            Fault::Unexpected => "this byte cannot stand here in canonical JSON",
            Fault::UnsortedMember => "a member stands out of order",
            Fault::RepeatedMember => "a member stands twice",
            Fault::NeedlessEscape => "an escape other than \\\" and \\\\",
            Fault::NotPrintableAscii => "a byte that is not printable ASCII",
            Fault::NotUtf8 => "a byte that is not UTF-8",
            Fault::NotCanonicalNumber => "a number that is not a canonical integer",
            Fault::Negative => "a negative number",
            Fault::IntegerTooLarge => "an integer above 2^53 - 1",
            Fault::TooDeep => "values nested too deep",
        };
        write!(f, "{rule} (at byte {})", self.at)
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], profile: Profile) -> Result<(), Fault> {
        let walk = || {
            let mut cursor = Cursor::new(input, profile)?;
            cursor.skip()?;
            cursor.end()
        };
        walk().map_err(|error: Error| error.fault)
    }

    #[test]
    fn canonical_values_are_read_whole() {
        for good in [
            &br#"{"a":1,"b":[true,false,null,-1,"x"],"c":{}}"#[..],
            br#"{"":0,"a":[],"a b":[[]]}"#,
            br#""quote \" and backslash \\""#,
            b"9007199254740991",
        ] {
            assert_eq!(read(good, Profile::Device), Ok(()));
            assert_eq!(read(good, Profile::Foreign), Ok(()));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = br#"{"a":[true,null,-12,"x\\"],"b":{"c":"d"}}"#;
        for end in 0..whole.len() {
            assert_eq!(
                read(&whole[..end], Profile::Device),
                Err(Fault::Truncated),
                "{end}"
            );
        }
    }

    #[test]
    fn each_rule_is_named() {
        for (input, fault) in [
            (&b""[..], Fault::Truncated),
            (b" {}", Fault::Unexpected),
            (b"{} ", Fault::TrailingBytes),
            (b"{}{}", Fault::TrailingBytes),
            (br#"{"a": 1}"#, Fault::Unexpected),
            (br#"{"a":1,}"#, Fault::Unexpected),
            (b"[1,]", Fault::Unexpected),
            (b"[,1]", Fault::Unexpected),
            (br#"{"b":1,"a":1}"#, Fault::UnsortedMember),
            (br#"{"a":1,"a":2}"#, Fault::RepeatedMember),
            (br#"{"x":{"a":1,"a":2}}"#, Fault::RepeatedMember),
            (br#"{"\\":1,"\"":2}"#, Fault::UnsortedMember),
            (br#""\n""#, Fault::NeedlessEscape),
            (br#""\/""#, Fault::NeedlessEscape),
            (br#""\u0061""#, Fault::NeedlessEscape),
            (b"-0", Fault::NotCanonicalNumber),
            (b"00", Fault::NotCanonicalNumber),
            (b"01", Fault::NotCanonicalNumber),
            (b"+1", Fault::Unexpected),
            (b"1.0", Fault::NotCanonicalNumber),
            (b"1e3", Fault::NotCanonicalNumber),
            (b"-", Fault::Truncated),
            (b"-a", Fault::Unexpected),
            (b"NaN", Fault::Unexpected),
            (b"Infinity", Fault::Unexpected),
            (b"True", Fault::Unexpected),
            (b"nul", Fault::Truncated),
            (b"nulL", Fault::Unexpected),
        ] {
            assert_eq!(
                read(input, Profile::Device),
                Err(fault),
                "{}",
                input.escape_ascii()
            );
            assert_eq!(
                read(input, Profile::Foreign),
                Err(fault),
                "{}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn bytes_outside_the_profile_are_refused() {
        for input in [
            &b"\"\x7f\""[..],
            b"\"\x00\"",
            b"\"\n\"",
            "\"\u{e9}\"".as_bytes(),
            b"{}\n",
        ] {
            assert_eq!(read(input, Profile::Device), Err(Fault::NotPrintableAscii));
        }
        assert_eq!(
            read("\"\u{e9}\n\u{7f}\"".as_bytes(), Profile::Foreign),
            Ok(())
        );
        for input in [
            &b"\"\xff\""[..],
            b"\"\xc0\x80\"",
            b"\"\xed\xa0\x80\"",
            b"\"\xf4\x90\x80\x80\"",
        ] {
            assert_eq!(read(input, Profile::Foreign), Err(Fault::NotUtf8));
        }
        assert_eq!(
            read(b"\xef\xbb\xbf{}", Profile::Foreign),
            Err(Fault::Unexpected)
        );
    }

    #[test]
    fn names_sort_by_what_they_mean_not_by_how_they_are_written() {
        // `"` is 0x22 and sorts before `a`, though it is written with a backslash (0x5c).
        assert_eq!(
            read(
                br##"{"!":0,"\"":0,"#":0,"[":0,"\\":0,"]":0,"a":0}"##,
                Profile::Device
            ),
            Ok(())
        );
        // Code points, not UTF-16 units.
        assert_eq!(
            read(
                "{\"\u{ffee}\":1,\"\u{1f600}\":1}".as_bytes(),
                Profile::Foreign
            ),
            Ok(())
        );
    }

    #[test]
    fn depth_is_bounded() {
        let mut nested = [b'['; 2 * MAX_DEPTH as usize + 2];
        let (open, close) = nested.split_at_mut(MAX_DEPTH as usize + 1);
        close.fill(b']');
        let _ = open;
        assert_eq!(read(&nested, Profile::Device), Err(Fault::TooDeep));
        assert_eq!(read(&nested[1..nested.len() - 1], Profile::Device), Ok(()));
    }

    #[test]
    fn large_integers_are_refused_where_they_would_be_rounded() {
        assert_eq!(
            read(b"9007199254740992", Profile::Device),
            Err(Fault::IntegerTooLarge)
        );
        assert_eq!(
            read(b"-9007199254740992", Profile::Device),
            Err(Fault::IntegerTooLarge)
        );
        assert_eq!(read(b"99999999999999999999999", Profile::Foreign), Ok(()));
        let unsigned =
            |input| Cursor::new(input, Profile::Foreign).and_then(|mut cursor| cursor.unsigned());
        assert_eq!(unsigned(b"9007199254740991"), Ok(MAX_INTEGER));
        assert!(unsigned(b"9007199254740992").is_err());
        assert!(unsigned(b"18446744073709551616").is_err());
        assert!(unsigned(b"-1").is_err());
    }
}
