//! Colours: decoration only.
//!
//! Whoever prints through the console has them stripped when the output is no terminal or `NO_COLOR` is set, so no
//! meaning may hang on them.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// Before why a command failed.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Before each deeper reason.
pub const CAUSE: Style = AnsiColor::Red.on_default();
/// Before what to do next.
pub const HELP: Style = AnsiColor::Cyan.on_default().bold();
/// Before what should not be missed.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// A yes.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// A no.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings and names.
pub const STRONG: Style = Style::new().bold();
/// What most readers skip.
pub const DIM: Style = Style::new().dimmed();

/// The text in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
