//! Canonical JSON, in the OLPC dialect that TUF signs.
//!
//! Takes a JSON value and gives its one canonical form, limited to what every encoder we measured writes alike:
//! printable ASCII and whole numbers up to 2^53 - 1. Anything else is refused, never rewritten.

use cuff_verifier::json;
use serde_json::Value;

/// The largest integer that every JSON reader keeps exact.
const LARGEST: u64 = (1 << 53) - 1;

/// Encodes a value; object members come out sorted by the bytes of their names.
pub fn encode(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    put(value, &mut Vec::new(), &mut out)?;
    Ok(out)
}

/// Whether these bytes are what [`encode`] gives for their value.
pub fn is(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) && json::Value::check(bytes).is_ok()
}

/// A value that has no canonical form. `at` is the path of member names that leads to it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CanonicalError {
    /// Fractions and exponents: encoders disagree about them.
    #[error("signed metadata holds whole numbers only, found {found} at {at}")]
    NotWhole {
        /// Where.
        at: String,
        /// The number as JSON writes it.
        found: String,
    },
    /// Readers round integers above 2^53 - 1.
    #[error("numbers in signed metadata end at 9007199254740991, found {found} at {at}")]
    TooLarge {
        /// Where.
        at: String,
        /// The number as JSON writes it.
        found: String,
    },
    /// Control characters and non-ASCII text: encoders disagree about them.
    #[error("signed metadata is printable ASCII, found {found} at {at}")]
    NotPrintable {
        /// Where.
        at: String,
        /// The character, escaped.
        found: String,
    },
}

/// One step from the top to a value.
#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

fn put<'v>(
    value: &'v Value,
    at: &mut Vec<Step<'v>>,
    out: &mut Vec<u8>,
) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            let size = match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => value,
                (None, Some(value)) => value.unsigned_abs(),
                (None, None) => {
                    return Err(CanonicalError::NotWhole {
                        at: path(at),
                        found: number.to_string(),
                    });
                }
            };
            if size > LARGEST {
                return Err(CanonicalError::TooLarge {
                    at: path(at),
                    found: number.to_string(),
                });
            }
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => put_string(text, at, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                at.push(Step::Item(index));
                put(item, at, out)?;
                at.pop();
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            out.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                at.push(Step::Member(name));
                put_string(name, at, out)?;
                out.push(b':');
                put(member, at, out)?;
                at.pop();
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn put_string(text: &str, at: &[Step<'_>], out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    out.push(b'"');
    if text
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
    {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => out.push(character as u8),
            _ => {
                return Err(CanonicalError::NotPrintable {
                    at: path(at),
                    found: character.escape_unicode().to_string(),
                });
            }
        }
    }
    out.push(b'"');
    Ok(())
}

fn path(at: &[Step<'_>]) -> String {
    if at.is_empty() {
        return "the top".to_owned();
    }
    let steps = at.iter().map(|step| match step {
        Step::Member(name) => name.escape_debug().to_string(),
        Step::Item(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::{CanonicalError, encode};
    use serde_json::{Value, json};

    fn text(value: &Value) -> String {
        String::from_utf8(encode(value).unwrap()).unwrap()
    }

    #[test]
    fn members_are_sorted_by_bytes_and_nothing_is_spaced() {
        let value = json!({"b": [1, true, null], "a b": "x", "a": {"z": -1, "Z": ""}});
        assert_eq!(
            text(&value),
            r#"{"a":{"Z":"","z":-1},"a b":"x","b":[1,true,null]}"#
        );
    }

    #[test]
    fn only_quote_and_backslash_are_escaped() {
        assert_eq!(text(&json!(r#"a"b\c/<&"#)), r#""a\"b\\c/<&""#);
    }

    #[test]
    fn canonical_bytes_are_recognised() {
        let value =
            json!({"b": [1, true, null, -7], "a \"\\": "x", "a": {"z": 9_007_199_254_740_991_u64}});
        assert!(super::is(&encode(&value).unwrap()));
        for other in [
            "{\"b\":1,\"a\":2}",
            "{\"a\": 1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1}\n",
            "{\"a\":1.0}",
            "{\"a\":9007199254740992}",
            "{\"a\":\"\u{e9}\"}",
            "{\"a\":\"\\u0041\"}",
        ] {
            assert!(!super::is(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_fraction_is_refused_and_named() {
        let error = encode(&json!({"meta": [{"x": 1.5}]})).unwrap_err();
        assert_eq!(
            error,
            CanonicalError::NotWhole {
                at: "meta.0.x".to_owned(),
                found: "1.5".to_owned()
            }
        );
    }

    #[test]
    fn one_point_zero_is_refused_too() {
        assert!(matches!(
            encode(&json!(1.0)),
            Err(CanonicalError::NotWhole { .. })
        ));
    }

    #[test]
    fn numbers_end_where_readers_start_to_round() {
        assert_eq!(text(&json!(9_007_199_254_740_991_u64)), "9007199254740991");
        assert!(matches!(
            encode(&json!(9_007_199_254_740_992_u64)),
            Err(CanonicalError::TooLarge { .. })
        ));
        assert!(matches!(
            encode(&json!(-9_007_199_254_740_992_i64)),
            Err(CanonicalError::TooLarge { .. })
        ));
    }

    #[test]
    fn control_characters_and_unicode_are_refused_in_names_and_values() {
        for bad in ["\n", "\u{7f}", "\u{0}", "\u{e9}", "\u{1f600}"] {
            assert!(
                matches!(
                    encode(&json!({ "a": bad })),
                    Err(CanonicalError::NotPrintable { .. })
                ),
                "{bad:?}"
            );
            assert!(
                matches!(
                    encode(&json!({ bad: 1 })),
                    Err(CanonicalError::NotPrintable { .. })
                ),
                "{bad:?}"
            );
        }
    }
}
