//! Points in time at the desk: whole seconds, UTC.
//!
//! It takes the wall clock once, at the command, and gives an [`Instant`] that is passed down as a value; nothing below
//! a command ever looks at a clock. Written as in the metadata, `2026-11-23T01:02:03Z`; durations are `90d`, `12h`.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use cuff_verifier::time::Instant;

/// What this machine's clock says. Commands call it; everything else takes the value.
pub fn now() -> Result<Instant, ClockError> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| ClockError)?;
    in_range(since.as_secs()).ok_or(ClockError)
}

/// Reads what a person writes: `2026-11-23T01:02:03Z`, or `2026-11-23` for that day's first second.
pub fn parse(text: &str) -> Result<Instant, InstantError> {
    let full = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Instant::parse(full.as_bytes()).ok_or_else(|| InstantError(text.to_owned()))
}

/// The instant so much later, if it lies before the year 10000.
pub fn later(start: Instant, span: Span) -> Option<Instant> {
    in_range(start.0.checked_add(span.0)?)
}

/// How much later `end` is, or nothing if it is earlier.
pub fn between(start: Instant, end: Instant) -> Option<Span> {
    end.0.checked_sub(start.0).map(Span)
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span(u64);

impl Span {
    /// So many days.
    pub const fn days(days: u32) -> Self {
        Self(days as u64 * DAY)
    }

    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// All of it in seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl Display for Span {
    /// In the largest unit that divides it: `90d`, `36h`, `5m`, `1s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = UNITS
            .iter()
            .find(|(_, seconds)| self.0.is_multiple_of(*seconds))
            .unwrap_or(&('s', 1));
        f.pad(&format!("{}{unit}", self.0 / seconds))
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError(text.to_owned());
        let unit = text.chars().last().ok_or_else(wrong)?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(letter, _)| *letter == unit)
            .ok_or_else(wrong)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        match count.checked_mul(*seconds) {
            Some(0) | None => Err(wrong()),
            Some(total) => Ok(Self(total)),
        }
    }
}

/// The clock is before 1970 or after 9999.
#[derive(Debug, thiserror::Error)]
#[error("this machine's clock shows no date between 1970 and 9999")]
pub struct ClockError;

/// Not a point in time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no point in time: write it as 2026-11-23T01:02:03Z, or 2026-11-23")]
pub struct InstantError(String);

/// Not a length of time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no length of time: write a whole number and a unit, as 90d, 12h, 30m or 45s")]
pub struct SpanError(String);

fn in_range(seconds: u64) -> Option<Instant> {
    (seconds <= Instant::LAST.0).then_some(Instant(seconds))
}

const DAY: u64 = 24 * 60 * 60;
const UNITS: [(char, u64); 4] = [('d', DAY), ('h', 60 * 60), ('m', 60), ('s', 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_second() {
        let instant = parse("2026-11-23T01:02:03Z").unwrap();
        assert_eq!(instant.0, 1_795_395_723);
        assert_eq!(instant.to_string(), "2026-11-23T01:02:03Z");
        assert_eq!(
            parse("2026-11-23").unwrap().to_string(),
            "2026-11-23T00:00:00Z"
        );
        for wrong in [
            "2026-11-23T01:02:03+00:00",
            "2026-11-23T01:02:03.5Z",
            "2026-11-23t01:02:03z",
            "2026-11-23 01:02:03Z",
            "2026-02-30",
            "2026-11-23T01:02:60Z",
            "1969-12-31",
            "tomorrow",
            "",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!("90d".parse::<Span>().unwrap(), Span::days(90));
        assert_eq!("36h".parse::<Span>().unwrap().to_string(), "36h");
        assert_eq!("48h".parse::<Span>().unwrap().to_string(), "2d");
        for wrong in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "1w",
            "90é",
            "999999999999999999d",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_ends() {
        assert_eq!(later(Instant::LAST, Span::from_seconds(1)), None);
        assert_eq!(between(Instant(0), Instant(DAY)), Some(Span::days(1)));
        assert_eq!(between(Instant(1), Instant(0)), None);
    }
}
