//! A strict reader of canonical JSON (OLPC): exactly the canonical bytes of a value and nothing else.
//!
//! Takes borrowed bytes, gives borrowed pieces of them. It never copies, allocates, repairs or guesses: white space,
//! unsorted or repeated members, needless escapes, floats, integers that other readers round, and trailing bytes are refused,
//! each by name. Because the canonical form of a value is unique, equal bytes are equal values, and the bytes of a value are
//! what was signed.

use core::cmp::Ordering;
use core::fmt;

use crate::profile::Profile;
use crate::version::MAX_INTEGER;

/// Deepest nesting of arrays and objects; real metadata needs six.
pub const MAX_DEPTH: u8 = 10;

/// The bytes of one value, checked for canonical form to the last brace. Only [`Value::check`] makes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// Reads a value that is all there is in `bytes`.
    pub fn check(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut scanner = Scanner { bytes, at: 0 };
        let value = scanner.value(MAX_DEPTH)?;
        if scanner.at == bytes.len() {
            Ok(value)
        } else {
            Err(Fault::TrailingBytes)
        }
    }

    /// Its canonical bytes.
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// It, as a string.
    #[inline(never)]
    pub fn text(self) -> Result<Text<'a>, Fault> {
        let inside = self
            .0
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""));
        inside.map(Text).ok_or(Fault::Unexpected)
    }

    /// It, as an integer from 0 to 2^53 - 1.
    pub fn unsigned(self) -> Result<u64, Fault> {
        integer(self.0).ok_or(Fault::Unexpected)
    }

    /// It, as `true` or `false`.
    pub fn boolean(self) -> Result<bool, Fault> {
        match self.0 {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(Fault::Unexpected),
        }
    }

    /// The members of an object, ascending by name.
    pub fn members(self) -> Result<Members<'a>, Fault> {
        self.inside(b'{').map(|scanner| Members { scanner })
    }

    /// The elements of an array, in order.
    pub fn elements(self) -> Result<Elements<'a>, Fault> {
        self.inside(b'[').map(|scanner| Elements { scanner })
    }

    /// The members of an object that have these names; others are passed over.
    pub fn pick<const N: usize>(self, names: &[&str; N]) -> Result<[Option<Self>; N], Fault> {
        let mut found = [None; N];
        self.collect(names, &mut found)?;
        Ok(found)
    }

    /// Whether an object has no member beyond these.
    pub fn has_only(self, names: &[&str]) -> bool {
        self.members().is_ok_and(|mut members| {
            members.all(|(name, _)| names.iter().any(|known| name.is(known)))
        })
    }

    // Not generic: one loop for every object there is.
    #[inline(never)]
    fn collect(self, names: &[&str], found: &mut [Option<Self>]) -> Result<(), Fault> {
        for (name, value) in self.members()? {
            if let Some((slot, _)) = found
                .iter_mut()
                .zip(names)
                .find(|(_, wanted)| name.is(wanted))
            {
                *slot = Some(value);
                if found.iter().all(Option::is_some) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn inside(self, bracket: u8) -> Result<Scanner<'a>, Fault> {
        if self.0.first() == Some(&bracket) {
            Ok(Scanner {
                bytes: self.0,
                at: 1,
            })
        } else {
            Err(Fault::Unexpected)
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Walks the members of a checked object.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        let name = self.scanner.checked()?.text().ok()?;
        let value = self.scanner.checked()?;
        Some((name, value))
    }
}

/// Walks the elements of a checked array.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.scanner.checked()
    }
}

/// The value at the beginning of `bytes`, and what follows it.
pub(crate) fn split(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Fault> {
    let mut scanner = Scanner { bytes, at: 0 };
    let value = scanner.value(MAX_DEPTH)?;
    Ok((value, bytes.get(scanner.at..).unwrap_or_default()))
}

/// Where canonical form is broken first, and how: for people. What is refused for it is decided by those who read.
pub fn locate(bytes: &[u8], profile: Profile) -> Option<(Fault, usize)> {
    let mut scanner = Scanner { bytes, at: 0 };
    let read = match scanner.value(MAX_DEPTH) {
        Ok(_) if scanner.at < bytes.len() => Err(Fault::TrailingBytes),
        read => read,
    };
    foul(bytes, profile).or_else(|| Some((read.err()?, scanner.at)))
}

/// The first byte that the profile does not read at all.
pub(crate) fn foul(bytes: &[u8], profile: Profile) -> Option<(Fault, usize)> {
    match profile {
        Profile::Device => {
            let at = bytes
                .iter()
                .position(|byte| !(0x20..=0x7e).contains(byte))?;
            Some((Fault::NotPrintableAscii, at))
        }
        Profile::Foreign => {
            let error = core::str::from_utf8(bytes).err()?;
            Some((Fault::NotUtf8, error.valid_up_to()))
        }
    }
}

/// A position in bytes that may be canonical JSON.
#[derive(Clone, Debug)]
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Steps over one value.
    #[inline(never)]
    fn value(&mut self, depth: u8) -> Result<Value<'a>, Fault> {
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' => self.list(b'}', depth)?,
            b'[' => self.list(b']', depth)?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => self.number()?,
        }
        Ok(Value(self.bytes.get(start..self.at).unwrap_or_default()))
    }

    /// Steps over one value that [`value`](Self::value) has stepped over before, and over the `:`, `,` or bracket behind it:
    /// quotes and brackets alone say where it ends. In bytes that nobody checked it ends somewhere, at the latest with them.
    #[inline(never)]
    fn checked(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let mut open = 0_usize;
        loop {
            let byte = self.peek().ok()?;
            match byte {
                b'"' => {
                    self.string().ok()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' | b',' | b':' if open == 0 => break,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
        let value = self.bytes.get(start..self.at)?;
        self.at += 1;
        (!value.is_empty()).then_some(Value(value))
    }

    /// The inside of an object or an array: they differ in that members have names.
    fn list(&mut self, close: u8, depth: u8) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
        let mut previous: Option<Text<'_>> = None;
        self.at += 1;
        if self.peek()? == close {
            self.at += 1;
            return Ok(());
        }
        loop {
            if close == b'}' {
                if self.peek()? != b'"' {
                    return Err(Fault::Unexpected);
                }
                let name = self.value(depth)?.text()?;
                match previous.map(|previous| name.cmp(&previous)) {
                    Some(Ordering::Less) => return Err(Fault::UnsortedMember),
                    Some(Ordering::Equal) => return Err(Fault::RepeatedMember),
                    Some(Ordering::Greater) | None => previous = Some(name),
                }
                self.literal(b":")?;
            }
            self.value(depth)?;
            let next = self.peek()?;
            if next != b',' && next != close {
                return Err(Fault::Unexpected);
            }
            self.at += 1;
            if next == close {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            if self.peek()? == b'"' {
                self.at += 1;
                return Ok(());
            }
            self.at += 1;
            if !matches!(self.peek()?, b'"' | b'\\') {
                return Err(Fault::NeedlessEscape);
            }
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let first = self.peek()?;
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        if digits.is_empty() {
            return Err(Fault::Unexpected);
        }
        let zero_in_front = first == b'0' && (negative || digits.len() > 1);
        if zero_in_front || matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E')) {
            return Err(Fault::NotCanonicalNumber);
        }
        integer(digits).map(|_| ()).ok_or(Fault::IntegerTooLarge)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        for byte in word {
            if self.peek()? != *byte {
                return Err(Fault::Unexpected);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.bytes.get(self.at).copied().ok_or(Fault::Truncated)
    }
}

/// How many bytes there are in front of the first `"` or `\`: a word at a time, because most of metadata is digits in strings.
fn plain(bytes: &[u8]) -> usize {
    const ONES: usize = usize::MAX / 0xff;
    const WORD: usize = size_of::<usize>();
    // The highest bit of each byte that is zero; above the lowest of them, of others too.
    let zeros = |word: usize| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, rest) = bytes.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let word = usize::from_le_bytes(*word);
        let stops =
            zeros(word ^ (ONES * usize::from(b'"'))) | zeros(word ^ (ONES * usize::from(b'\\')));
        if stops != 0 {
            return index * WORD + (stops.trailing_zeros() / 8) as usize;
        }
    }
    let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    words.len() * WORD + stop.unwrap_or(rest.len())
}

/// Decimal digits as an integer up to 2^53 - 1.
fn integer(digits: &[u8]) -> Option<u64> {
    // Sixteen digits cannot overflow 64 bits.
    if digits.len() > 16 {
        return None;
    }
    let value = digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + u64::from(digit - b'0'))
    })?;
    (value <= MAX_INTEGER).then_some(value)
}

/// A string as it stands between its quotes. Equal bytes are equal strings; the order is that of the unescaped bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
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

    /// Whether it is this string, which has nothing to escape.
    pub fn is(self, plain: &str) -> bool {
        self.0 == plain.as_bytes()
    }

    /// The string without `plain`, which has nothing to escape, at its end.
    pub fn without_suffix(self, plain: &str) -> Option<Self> {
        self.0.strip_suffix(plain.as_bytes()).map(Self)
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

/// The rules of canonical form. Small on purpose: every step of a reader on a chip passes one on. [`locate`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ends inside a value.
    Truncated,
    /// Bytes follow the value.
    TrailingBytes,
    /// Another byte was expected here (white space never is), or a value of another kind.
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
    /// An integer beyond 2^53 - 1, which other readers round.
    IntegerTooLarge,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the file ends inside a value",
            Self::TrailingBytes => "bytes follow the end of the value",
            Self::Unexpected => {
                "a byte that cannot stand here in canonical JSON, or a value of another kind"
            }
            Self::UnsortedMember => "a member stands out of order",
            Self::RepeatedMember => "a member stands twice",
            Self::NeedlessEscape => "an escape other than \\\" and \\\\",
            Self::NotPrintableAscii => "a byte that is not printable ASCII",
            Self::NotUtf8 => "a byte that is not UTF-8",
            Self::NotCanonicalNumber => "a number that is not a canonical integer",
            Self::IntegerTooLarge => "an integer beyond 2^53 - 1",
            Self::TooDeep => "values nested too deep",
        })
    }
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn read(input: &[u8], profile: Profile) -> Result<(), Fault> {
        let walk = || match foul(input, profile) {
            Some((fault, _)) => Err(fault),
            None => Value::check(input).map(|_| ()),
        };
        assert_eq!(walk().err(), locate(input, profile).map(|(fault, _)| fault));
        walk()
    }

    #[test]
    fn a_fault_is_located() {
        let at = |input: &[u8]| locate(input, Profile::Device);
        assert_eq!(at(br#"{"a":1,"a":2}"#), Some((Fault::RepeatedMember, 10)));
        assert_eq!(at(b"{}\n"), Some((Fault::NotPrintableAscii, 2)));
        assert_eq!(at(b"{}"), None);
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
    fn a_word_hides_no_quote_and_invents_none() {
        // An interpreter takes one in so many.
        let firsts = (0..=u8::MAX).step_by(if cfg!(miri) { 0x1d } else { 1 });
        for (first, second) in firsts.flat_map(|first| [(first, 0xa3), (first, b'"')]) {
            for length in 0..20 {
                for at in 0..length {
                    let mut bytes = [first.wrapping_add(0x80); 20];
                    bytes[at] = first;
                    bytes[length - 1] = second;
                    let bytes = &bytes[..length];
                    let stop = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                    assert_eq!(plain(bytes), stop.unwrap_or(length), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_checked_is_walked_piece_by_piece() {
        let pieces = [
            &br#""}],:{[\"\\""#[..],
            b"[]",
            b"{}",
            br#"[[1,[]],{"a":{"b":[{}]}},"]"]"#,
            b"-12",
            b"null",
            br#""""#,
        ];
        let mut list = std::vec::Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            list.extend_from_slice(if index == 0 { b"[" } else { b"," });
            list.extend_from_slice(piece);
        }
        list.push(b']');
        let value = Value::check(&list).unwrap();
        assert!(value.elements().unwrap().map(Value::bytes).eq(pieces));
        let named = br#"{"":[1],"\"":"\\","a:b":{"c":1}}"#;
        let members = Value::check(named).unwrap().members().unwrap();
        let members = members.map(|(name, value)| (name.raw(), value.bytes()));
        assert!(members.eq([
            (&b""[..], &b"[1]"[..]),
            (br#"\""#, br#""\\""#),
            (b"a:b", br#"{"c":1}"#)
        ]));
    }

    #[test]
    fn what_was_not_checked_ends_somewhere() {
        for rubbish in ["[", "[,]", "[\"", "[]]]", "[}", "[[[[", "[1:2", "[\"\\"] {
            let elements = Value(rubbish.as_bytes()).elements().unwrap();
            assert!(elements.count() < rubbish.len(), "{rubbish}");
        }
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
        assert_eq!(
            read(b"18446744073709551616", Profile::Foreign),
            Err(Fault::IntegerTooLarge)
        );
        let unsigned = |input| Value::check(input).and_then(Value::unsigned);
        assert_eq!(unsigned(b"9007199254740991"), Ok(MAX_INTEGER));
        assert_eq!(unsigned(b"-1"), Err(Fault::Unexpected));
        assert_eq!(unsigned(b"\"1\""), Err(Fault::Unexpected));
    }

    #[test]
    fn members_are_picked_by_name() {
        let value = Value::check(br#"{"a":[1,2],"b":{"c":"x"},"d":null}"#).unwrap();
        let [d, b, missing] = value.pick(&["d", "b", "c"]).unwrap();
        assert_eq!(d.unwrap().bytes(), b"null");
        assert_eq!(
            b.unwrap().pick(&["c"]).unwrap()[0]
                .unwrap()
                .text()
                .unwrap()
                .raw(),
            b"x"
        );
        assert_eq!(missing, None);
        assert!(value.has_only(&["a", "b", "d"]) && !value.has_only(&["a", "b"]));
        let [a] = value.pick(&["a"]).unwrap();
        assert!(
            a.unwrap()
                .elements()
                .unwrap()
                .map(Value::unsigned)
                .eq([Ok(1), Ok(2)])
        );
    }
}
