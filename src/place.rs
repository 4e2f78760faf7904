//! Where in a text file something stands, and the one strict way cuff reads TOML.
//! Takes the file's name and text; gives a value or a complaint with line and column. Opens no file.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;

/// A position a person can jump to, counted from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line, from one.
    pub line: usize,
    /// Column in characters, from one.
    pub column: usize,
}

impl Place {
    /// The place where byte `offset` of `text` stands.
    pub fn at(file: &str, text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A TOML file that is not TOML, or holds other fields or values than expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {complaint}")]
pub struct Malformed {
    /// Where the reader stopped.
    pub place: Place,
    /// What it expected and what it found, in one line.
    pub complaint: String,
}

/// Why a TOML file was refused; `F` are its own rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TomlError<F: std::error::Error + 'static> {
    /// Not TOML, a field missing, unknown or of the wrong type.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Well-formed, but against a rule.
    #[error("{place}: {fault}")]
    Rule {
        /// Where it stands.
        place: Place,
        /// The rule.
        fault: F,
    },
}

impl<F: std::error::Error + 'static> TomlError<F> {
    /// A rule that is broken at byte `offset` of `text`.
    pub fn rule(file: &str, text: &str, offset: usize, fault: F) -> Self {
        Self::Rule {
            place: Place::at(file, text, offset),
            fault,
        }
    }
}

/// Reads `text` into `T`. Strictness (unknown fields) is `T`'s own to declare.
pub fn read_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Malformed> {
    toml::from_str(text).map_err(|error| {
        let Range { start, .. } = error.span().unwrap_or_default();
        Malformed {
            place: Place::at(file, text, start),
            complaint: in_plain_words(error.message()),
        }
    })
}

/// The parser speaks of Rust's types, which a manifest's author need not know.
fn in_plain_words(message: &str) -> String {
    message
        .replace('\n', "; ")
        .replace("expected u64", "expected a whole number, zero or more")
        .replace("expected u8", "expected a whole number from 0 to 255")
        .replace("expected a sequence", "expected a list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a = 1\nß = 2\n";
        let place = Place::at("x.toml", text, text.find('2').unwrap());
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(place.to_string(), "x.toml:2:5");
        assert_eq!(Place::at("x.toml", "", 9).to_string(), "x.toml:1:1");
    }
}
