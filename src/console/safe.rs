//! Foreign strings, made safe for a terminal.
//!
//! Names and notes come from bundles, repositories and devices. Printed raw they could move the cursor, hide text or
//! turn its reading direction. [`safe`] shows such characters as `\u{..}` and never drops one.

use std::borrow::Cow;
use std::fmt::{self, Display};

/// The string with every character a terminal could obey, or a reader could not see, written out.
pub fn safe(text: &str) -> Safe<'_> {
    Safe(text)
}

/// A string that prints safely; see [`safe`].
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a>(&'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.0.chars().any(harmful) {
            Cow::Owned(escaped(self.0))
        } else {
            Cow::Borrowed(self.0)
        };
        f.pad(&text)
    }
}

/// Text of several lines: each made safe, and all but the first indented, so that none can pass for a line of ours.
pub(super) fn safe_paragraph(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .split('\n')
        .map(|line| safe(line.trim_end_matches('\r')).to_string())
        .collect();
    lines.join(&format!("\n{:indent$}", ""))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if harmful(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and the invisible ones of Unicode that join, hide or turn text (UAX #9, UTS #36).
fn harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_language_is_left_alone() {
        for text in ["band/1.4.0", "Грузия", "腕時計", "naïve", ""] {
            assert_eq!(safe(text).to_string(), text);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(
            safe("a\u{1b}[31mb\u{7}\u{9b}\n\t").to_string(),
            "a\\u{1b}[31mb\\u{7}\\u{9b}\\u{a}\\u{9}"
        );
        assert_eq!(
            safe("gpj.\u{202e}exe\u{200b}").to_string(),
            "gpj.\\u{202e}exe\\u{200b}"
        );
    }

    #[test]
    fn columns_still_line_up() {
        assert_eq!(format!("{:<8}|", safe("a\u{7}")), "a\\u{7}  |");
    }

    #[test]
    fn later_lines_are_indented() {
        assert_eq!(safe_paragraph("one\r\ntwo\n", 3), "one\n   two");
    }
}
