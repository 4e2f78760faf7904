//! Moments in UTC and what is known of "now".

use core::fmt;

/// A moment: whole seconds since 1970-01-01T00:00:00Z, up to the year 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The last second that [`Instant::parse`] can read: 9999-12-31T23:59:59Z.
    pub const LAST: Self = Self(253_402_300_799);

    /// Reads exactly `YYYY-MM-DDTHH:MM:SSZ` (TUF 4.2.2), a real date from 1970 on, no leap second.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 20] = text.try_into().ok()?;
        let [
            y3,
            y2,
            y1,
            y0,
            b'-',
            m1,
            m0,
            b'-',
            d1,
            d0,
            b'T',
            h1,
            h0,
            b':',
            n1,
            n0,
            b':',
            s1,
            s0,
            b'Z',
        ] = *text
        else {
            return None;
        };
        let year = number(&[y3, y2, y1, y0])?;
        let month = number(&[m1, m0])?;
        let day = number(&[d1, d0])?;
        let (hour, minute, second) = (number(&[h1, h0])?, number(&[n1, n0])?, number(&[s1, s0])?);
        let real = year >= 1970
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let of_day = hour * 3_600 + minute * 60 + second;
        real.then(|| Self(u64::from(days_before(year, month, day)) * 86_400 + u64::from(of_day)))
    }

    /// Year, month, day, hour, minute, second.
    pub fn civil(self) -> [u64; 6] {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        // Days since 0000-03-01, so that leap days end a cycle (Howard Hinnant, "chrono-compatible date algorithms").
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        [year, month, day, rest / 3_600, rest / 60 % 60, rest % 60]
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = self.civil();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// What is known of the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It is exactly this moment: a trustworthy clock, read once per update (TUF 5.1).
    Exact(Instant),
    /// It is at least this moment: the largest signed `issued` seen so far.
    Floor(Instant),
    /// Nothing is known; nothing expires.
    Absent,
}

impl Clock {
    /// Whether metadata that expires at `expires` may still be used: only while `expires` lies ahead.
    pub fn allows(self, expires: Instant) -> bool {
        match self {
            Self::Exact(now) | Self::Floor(now) => expires > now,
            Self::Absent => true,
        }
    }
}

#[inline(never)]
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + u32::from(digit - b'0'))
    })
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_before(year: u32, month: u32, day: u32) -> u32 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = (month + 9) % 12;
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn reads_and_shows_the_same_text() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-11-23T01:02:03Z", 1_795_395_723),
            ("9999-12-31T23:59:59Z", Instant::LAST.0),
        ] {
            assert_eq!(Instant::parse(text.as_bytes()), Some(Instant(seconds)));
            assert_eq!(Instant(seconds).to_string(), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_reads_back() {
        let days = if cfg!(miri) { 4_001 } else { 1 };
        for day in (0..146_097).step_by(days) {
            let instant = Instant(day * 86_400 + 1);
            assert_eq!(
                Instant::parse(instant.to_string().as_bytes()),
                Some(instant)
            );
        }
    }

    #[test]
    fn refuses_what_is_not_a_moment() {
        for bad in [
            "",
            "2026-11-23T01:02:03",
            "2026-11-23T01:02:03z",
            "2026-11-23 01:02:03Z",
            "2026-11-23T01:02:03.0Z",
            "2026-11-23T01:02:03+00:00",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-01-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn metadata_expires_at_its_last_second() {
        assert!(Clock::Exact(Instant(9)).allows(Instant(10)));
        assert!(!Clock::Exact(Instant(10)).allows(Instant(10)));
        assert!(!Clock::Floor(Instant(11)).allows(Instant(10)));
        assert!(Clock::Absent.allows(Instant(0)));
    }
}
