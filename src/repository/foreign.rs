//! Somebody else's metadata: any strict JSON, brought into the one canonical form that the verifier reads.
//!
//! Takes a file as it was served; gives the canonical bytes that its signatures are over. Reads nothing into it: what two
//! readers could understand differently (a member that stands twice, a lone surrogate, a fraction, an integer that is rounded
//! elsewhere, bytes behind the end) is refused here, everything else by the verifier.

pub mod schemes;

use std::collections::BTreeMap;
use std::fmt;

use cuff_verifier::json::Value;
use cuff_verifier::version::MAX_INTEGER;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The canonical form of a metadata file. Of the outer object only `signatures` and `signed` are kept: what else stands there
/// is signed by nobody and read by nobody.
pub fn canonical(served: &[u8]) -> Result<Vec<u8>, ForeignError> {
    let Members(mut members) = serde_json::from_slice(served)?;
    let mut part = |name: &'static str| {
        let found = members.remove(name).map(|Piece(bytes)| bytes);
        found.ok_or(ForeignError::Missing(name))
    };
    let (signatures, signed) = (part("signatures")?, part("signed")?);
    Ok([
        b"{\"signatures\":",
        signatures.as_slice(),
        b",\"signed\":",
        &signed,
        b"}",
    ]
    .concat())
}

/// Whether a metadata file is what [`canonical`] would make of it, as ours are.
pub fn is_canonical(served: &[u8]) -> bool {
    let printable = served.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let members = [&b"signatures"[..], b"signed"];
    let names = Value::check(served).and_then(Value::members);
    printable && names.is_ok_and(|names| names.map(|(name, _)| name.raw()).eq(members))
}

/// A string as canonical JSON writes it, quotes included: only the quote and the backslash are escaped.
pub fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// Not JSON that every reader understands alike.
    #[error("not JSON that every reader understands alike: {0}")]
    Json(#[from] serde_json::Error),
    /// Not a metadata file.
    #[error("not a metadata file: the outer object has no `{0}`")]
    Missing(&'static str),
}

/// A value in canonical form.
struct Piece(Vec<u8>);

/// The members of an object; sorted by the bytes of their names, which is the order of their code points.
struct Members(BTreeMap<String, Piece>);

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(AnyValue)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(AnyObject)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Piece;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Piece, E> {
        Ok(Piece(b"null".to_vec()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Piece, E> {
        Ok(Piece(value.to_string().into_bytes()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Piece, E> {
        exact(value)?;
        Ok(Piece(value.to_string().into_bytes()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Piece, E> {
        exact(value.unsigned_abs())?;
        Ok(Piece(value.to_string().into_bytes()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Piece, E> {
        // Also what is too large for 64 bits, and the minus zero.
        Err(E::custom(format_args!(
            "{value} is not a whole number up to 2^53 - 1"
        )))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Piece, E> {
        Ok(Piece(quoted(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Piece, A::Error> {
        let mut out = vec![b'['];
        while let Some(Piece(element)) = list.next_element()? {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend(element);
        }
        out.push(b']');
        Ok(Piece(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Piece, A::Error> {
        let Members(members) = AnyObject.visit_map(map)?;
        let mut out = vec![b'{'];
        for (name, Piece(member)) in members {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend(quoted(&name));
            out.push(b':');
            out.extend(member);
        }
        out.push(b'}');
        Ok(Piece(out))
    }
}

struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, piece)) = map.next_entry::<String, Piece>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the member \"{}\" stands twice",
                    name.escape_debug()
                )));
            }
            members.insert(name, piece);
        }
        Ok(Members(members))
    }
}

fn exact<E: Error>(size: u64) -> Result<(), E> {
    if size > MAX_INTEGER {
        return Err(E::custom("an integer beyond 2^53 - 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(json: &str) -> Result<String, ForeignError> {
        let file = format!(r#"{{"signed":{json},"signatures":[]}}"#);
        let canonical = canonical(file.as_bytes())?;
        let text = String::from_utf8(canonical).unwrap();
        let inside = text
            .strip_prefix(r#"{"signatures":[],"signed":"#)
            .and_then(|rest| rest.strip_suffix('}'));
        Ok(inside.unwrap().to_owned())
    }

    #[test]
    fn what_is_canonical_stays_as_it_is() {
        let ours = br#"{"signatures":[{"keyid":"a","sig":"b"}],"signed":{"a":[1,"\""]}}"#;
        assert!(is_canonical(ours));
        assert_eq!(canonical(ours).unwrap(), ours);
        for other in [
            r#"{"signatures":[],"signed":{"b":1,"a":1}}"#,
            r#"{"signatures":[],"signed": {}}"#,
            r#"{"signed":{},"signatures":[]}"#,
            r#"{"signatures":[],"signed":{},"unsigned":{}}"#,
            r#"{"signatures":[],"signed":{"a":1.0}}"#,
            "{\"signatures\":[],\"signed\":{\"a\":\"\u{e9}\"}}",
            r#"{"signatures":[]}"#,
            "{}",
            "",
        ] {
            assert!(!is_canonical(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_is_said_stays_and_how_it_is_written_goes() {
        for (written, canonical) in [
            (
                "{ \"b\" : 1 ,\n\t\"a\" : [ 1 , 2 ] }",
                r#"{"a":[1,2],"b":1}"#,
            ),
            (r#""\u0061\/\u00e9""#, "\"a/\u{e9}\""),
            (r#""\n\u0001\u007f""#, "\"\n\u{1}\u{7f}\""),
            (r#""\"\\""#, r#""\"\\""#),
            (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
            (r#"{"a b":1,"a":2,"a!":3}"#, r#"{"a":2,"a b":1,"a!":3}"#),
            (
                r#"{"\ud83d\ude00":1,"\uffee":2}"#,
                "{\"\u{ffee}\":2,\"\u{1f600}\":1}",
            ),
            ("-9007199254740991", "-9007199254740991"),
            (
                "[true,false,null,{},[],\"\"]",
                "[true,false,null,{},[],\"\"]",
            ),
        ] {
            assert_eq!(inside(written).unwrap(), canonical, "{written}");
        }
    }

    #[test]
    fn what_readers_understand_differently_is_refused() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":{"version":1,"b":2,"version":3}}"#,
            r#"[{"a":1,"a":2}]"#,
            r#""\ud800""#,
            r#""\udc00x""#,
            r#""\ud800\u0061""#,
            "1.0",
            "1.5",
            "1e2",
            "-0",
            "01",
            "+1",
            "0x10",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "NaN",
            "Infinity",
            "True",
            "[1,]",
            r#"{"a":1,}"#,
            "{a:1}",
            "'a'",
            "\"\n\"",
            "\"\u{0}\"",
            "/* */1",
            "",
        ] {
            assert!(
                matches!(inside(bad), Err(ForeignError::Json(_))),
                "{bad} was read"
            );
        }
    }

    #[test]
    fn bytes_around_a_file_and_bad_encodings_are_refused() {
        let good = br#"{"signatures":[],"signed":{}}"#;
        assert!(canonical(good).is_ok());
        assert!(canonical(b" {\"signatures\":[],\"signed\":{}}\n").is_ok());
        for bad in [
            [good.as_slice(), b"x"].concat(),
            [good.as_slice(), b"\0"].concat(),
            [good.as_slice(), good].concat(),
            [b"\xef\xbb\xbf", good.as_slice()].concat(),
            b"{\"signatures\":[],\"signed\":\"\xff\"}".to_vec(),
            b"{\"signatures\":[],\"signed\":\"\xed\xa0\x80\"}".to_vec(),
            b"{\"signatures\":[],\"signed\":\"\xc0\x80\"}".to_vec(),
            b"[]".to_vec(),
            Vec::new(),
        ] {
            assert!(canonical(&bad).is_err(), "{}", bad.escape_ascii());
        }
        for end in 0..good.len() {
            assert!(canonical(&good[..end]).is_err(), "{end}");
        }
        let nested = format!(
            r#"{{"signatures":[],"signed":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(canonical(nested.as_bytes()).is_err());
    }

    #[test]
    fn the_outer_object_is_cut_down_to_what_is_signed() {
        assert_eq!(
            canonical(br#"{"x":1,"signed":{},"a":2,"signatures":[]}"#).unwrap(),
            br#"{"signatures":[],"signed":{}}"#
        );
        assert!(matches!(
            canonical(br#"{"signed":{}}"#),
            Err(ForeignError::Missing("signatures"))
        ));
        assert!(canonical(br#"{"signed":{},"signed":{},"signatures":[]}"#).is_err());
        assert!(canonical(br#"{"signed":{},"signatures":[],"x":1,"x":1}"#).is_err());
    }
}
