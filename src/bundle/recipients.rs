//! Data-recipients declarations: who gets which of the wearer's data, why, and where.
//! Takes TOML; gives the recipients by name, every complaint with its line. An empty list declares that nobody gets any.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use crate::place::{TomlError, read_toml};

/// A declaration that keeps every rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients(BTreeMap<String, Recipient>);

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Kinds of data, as the maker names them.
    pub data: BTreeSet<String>,
    /// What for.
    pub why: String,
    /// Countries (ISO 3166-1), two letters each.
    pub countries: BTreeSet<String>,
}

impl Recipients {
    /// Reads it; `file` is used in messages only.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, RecipientsError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| RecipientsError::rule(file, "", 0, Fault::NotText))?;
        let written: Written = read_toml(file, text)?;
        let fault = |offset, fault| RecipientsError::rule(file, text, offset, fault);
        if *written.format.get_ref() != FORMAT {
            let found = *written.format.get_ref();
            return Err(fault(written.format.span().start, Fault::Format(found)));
        }
        if written.recipient.len() > MOST {
            return Err(fault(0, Fault::Count(written.recipient.len())));
        }
        let mut recipients = BTreeMap::new();
        for recipient in written.recipient {
            let start = recipient.name.span().start;
            let (name, recipient) = recipient
                .check()
                .map_err(|(offset, broken)| fault(offset, broken))?;
            if recipients.insert(name.clone(), recipient).is_some() {
                return Err(fault(start, Fault::Twice(name)));
            }
        }
        Ok(Self(recipients))
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Recipient)> {
        self.0.iter().map(|(name, one)| (name.as_str(), one))
    }

    /// What changed since another one, as lines. What gives someone more begins with `+`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let list = |items: &BTreeSet<String>| {
            items
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let less = |from: &BTreeSet<String>, what: &BTreeSet<String>| -> BTreeSet<String> {
            from.difference(what).cloned().collect()
        };
        let mut lines = Vec::new();
        let names: BTreeSet<&String> = before.0.keys().chain(self.0.keys()).collect();
        for name in names {
            let (then, now) = match (before.0.get(name), self.0.get(name)) {
                (None, Some(now)) => {
                    lines.push(format!(
                        "+ {name} gets {} in {}: {}",
                        list(&now.data),
                        list(&now.countries),
                        now.why
                    ));
                    continue;
                }
                (Some(_), None) => {
                    lines.push(format!("- {name} gets nothing any more"));
                    continue;
                }
                (Some(then), Some(now)) => (then, now),
                (None, None) => continue,
            };
            for (sign, words, items) in [
                ('+', "also gets", less(&now.data, &then.data)),
                ('-', "no longer gets", less(&then.data, &now.data)),
                ('+', "is now also in", less(&now.countries, &then.countries)),
                (
                    '-',
                    "is no longer in",
                    less(&then.countries, &now.countries),
                ),
            ] {
                if !items.is_empty() {
                    lines.push(format!("{sign} {name} {words} {}", list(&items)));
                }
            }
            if then.why != now.why {
                lines.push(format!(
                    "+ {name} says why anew: {} (was: {})",
                    now.why, then.why
                ));
            }
        }
        lines
    }
}

/// A declaration that is refused.
pub type RecipientsError = TomlError<Fault>;

/// Rules for values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not UTF-8.
    #[error("recipients must be a TOML file in UTF-8")]
    NotText,
    /// Written for a newer cuff.
    #[error("format must be {FORMAT}, found {0}")]
    Format(u32),
    /// More than anyone would read.
    #[error("at most {MOST} recipients may be declared, found {0}")]
    Count(usize),
    /// One recipient in two places.
    #[error("each recipient must be declared once, found \"{}\" again", .0.escape_debug())]
    Twice(String),
    /// Text that says nothing, or too much.
    #[error("{field} must be 1 to {LONGEST} printable characters, found \"{}\"", found.escape_debug())]
    Text {
        /// Which field.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// An empty list.
    #[error("{0} must list something: leave the recipient out if it gets nothing")]
    Empty(&'static str),
    /// Not the name of a kind of data.
    #[error("data must be names out of a-z, 0-9 and -, found \"{}\"", .0.escape_debug())]
    Data(String),
    /// Not a country.
    #[error("where must be countries of two letters A-Z (ISO 3166-1), found \"{}\"", .0.escape_debug())]
    Country(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: Spanned<u32>,
    #[serde(default)]
    recipient: Vec<WrittenRecipient>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecipient {
    name: Spanned<String>,
    data: Spanned<Vec<String>>,
    why: Spanned<String>,
    r#where: Spanned<Vec<String>>,
}

impl WrittenRecipient {
    fn check(self) -> Result<(String, Recipient), (usize, Fault)> {
        for (field, written) in [("name", &self.name), ("why", &self.why)] {
            let found = written.get_ref();
            let length = found.chars().count();
            if found.trim().is_empty() || length > LONGEST || found.chars().any(char::is_control) {
                let found = found.chars().take(LONGEST).collect();
                return Err((written.span().start, Fault::Text { field, found }));
            }
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        for (field, written) in [("data", &self.data), ("where", &self.r#where)] {
            let start = written.span().start;
            if written.get_ref().is_empty() {
                return Err((start, Fault::Empty(field)));
            }
            for found in written.get_ref() {
                let kind = (1..=64).contains(&found.len()) && found.bytes().all(plain);
                let country =
                    found.len() == 2 && found.bytes().all(|byte| byte.is_ascii_uppercase());
                match field {
                    "data" if !kind => return Err((start, Fault::Data(found.clone()))),
                    "where" if !country => return Err((start, Fault::Country(found.clone()))),
                    _ => {}
                }
            }
        }
        Ok((
            self.name.into_inner(),
            Recipient {
                data: self.data.into_inner().into_iter().collect(),
                why: self.why.into_inner(),
                countries: self.r#where.into_inner().into_iter().collect(),
            },
        ))
    }
}

const FORMAT: u32 = 1;
const MOST: usize = 256;
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"format = 1

[[recipient]]
name = "Example Health GmbH"
data = ["heart-rate", "device-id"]
why = "shows the wearer their own data"
where = ["DE"]
"#;

    fn read(text: &str) -> Recipients {
        Recipients::read("r.toml", text.as_bytes()).unwrap()
    }

    #[test]
    fn the_documented_declaration_is_one() {
        let documentation = include_str!("../../docs/manifests.md");
        let (_, example) = documentation.split_once("```toml\nformat = 1").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        assert_eq!(read(&format!("format = 1{example}")).iter().count(), 2);
    }

    #[test]
    fn what_widens_begins_with_a_plus() {
        let nobody = read("format = 1\n");
        let one = read(ONE);
        assert_eq!(
            one.since(&nobody),
            [
                "+ Example Health GmbH gets device-id, heart-rate in DE: shows the wearer their own data"
            ]
        );
        assert_eq!(
            nobody.since(&one),
            ["- Example Health GmbH gets nothing any more"]
        );
        let more = read(
            &ONE.replace("\"device-id\"", "\"location\"")
                .replace("[\"DE\"]", "[\"DE\", \"US\"]")
                .replace("own data", "own data, and advertising"),
        );
        assert_eq!(
            more.since(&one),
            [
                "+ Example Health GmbH also gets location",
                "- Example Health GmbH no longer gets device-id",
                "+ Example Health GmbH is now also in US",
                "+ Example Health GmbH says why anew: shows the wearer their own data, and advertising (was: shows the wearer their own data)",
            ]
        );
        assert_eq!(one.since(&one), Vec::<String>::new());
    }

    #[test]
    fn each_fault_has_its_line() {
        for (from, to, place, words) in [
            (
                "format = 1",
                "format = 2",
                "r.toml:1:10:",
                "format must be 1",
            ),
            ("format = 1", "", "r.toml:", "missing field `format`"),
            ("name =", "nome =", "r.toml:", "unknown field `nome`"),
            (
                "\"Example Health GmbH\"",
                "\" \"",
                "r.toml:4:8:",
                "name must be",
            ),
            (
                "why = \"shows",
                "why = \"\\u001bshows",
                "r.toml:6:7:",
                "why must be",
            ),
            (
                "[\"heart-rate\", \"device-id\"]",
                "[]",
                "r.toml:5:8:",
                "data must list",
            ),
            (
                "heart-rate",
                "Heart Rate",
                "r.toml:5:8:",
                "found \"Heart Rate\"",
            ),
            ("[\"DE\"]", "[\"Germany\"]", "r.toml:7:9:", "two letters"),
        ] {
            assert!(ONE.contains(from), "{from}");
            let error = Recipients::read("r.toml", ONE.replace(from, to).as_bytes());
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with(place) && error.contains(words),
                "{to}: {error}"
            );
        }
        let (_, again) = ONE.split_once('\n').unwrap();
        let twice = Recipients::read("r.toml", format!("{ONE}{again}").as_bytes());
        assert!(twice.unwrap_err().to_string().contains("again"));
        let binary = Recipients::read("r.toml", &[0xFF]).unwrap_err().to_string();
        assert_eq!(
            binary,
            "r.toml:1:1: recipients must be a TOML file in UTF-8"
        );
    }
}
