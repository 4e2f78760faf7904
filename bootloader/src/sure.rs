//! A yes that a single skipped instruction or flipped bit does not turn into.
//!
//! Takes two byte strings or a decision, keeps the answer twice as words far from 0 and 1, and gives it back only
//! when both agree. It never makes a wrong yes unlikely against a determined bench attacker; it removes the cheap ones.

use core::hint::black_box;

/// An answer held twice. Anything that is not exactly twice yes is no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sure {
    once: u32,
    again: u32,
}

impl Sure {
    /// No.
    pub const NO: Self = Self {
        once: NO,
        again: !NO,
    };

    /// Whether `left` and `right` are the same bytes, compared twice in opposite directions.
    pub fn equal(left: &[u8], right: &[u8]) -> Self {
        let mut answer = Self::NO;
        if left.len() != right.len() {
            return answer;
        }
        let up = left
            .iter()
            .zip(right)
            .fold(0u8, |seen, (l, r)| seen | (l ^ r));
        if black_box(up) == 0 {
            answer.once = YES;
        }
        let down = left
            .iter()
            .rev()
            .zip(right.iter().rev())
            .fold(0u8, |seen, (l, r)| seen | (l ^ r));
        if black_box(down) == 0 {
            answer.again = !YES;
        }
        answer
    }

    /// Yes only when both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.holds() && other.holds() && black_box(self).holds() && black_box(other).holds() {
            Self {
                once: YES,
                again: !YES,
            }
        } else {
            Self::NO
        }
    }

    /// The answer, looked at twice.
    pub fn holds(self) -> bool {
        let first = black_box(self.once) == YES;
        let second = !black_box(self.again) == YES;
        black_box(first) && black_box(second)
    }
}

impl core::fmt::Debug for Sure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.holds() {
            "Sure(yes)"
        } else {
            "Sure(no)"
        })
    }
}

const YES: u32 = 0x5ac3_963c;
const NO: u32 = 0xc35a_0ff0;

#[cfg(test)]
mod tests {
    use super::Sure;

    #[test]
    fn only_equal_bytes_hold() {
        assert!(Sure::equal(b"abc", b"abc").holds());
        assert!(!Sure::equal(b"abc", b"abd").holds());
        assert!(!Sure::equal(b"abc", b"ab").holds());
    }

    #[test]
    fn half_a_yes_is_no() {
        let mut half = Sure::equal(b"a", b"a");
        half.again = Sure::NO.again;
        assert!(!half.holds());
        assert!(!Sure { once: 0, again: 0 }.holds());
        assert!(
            !Sure {
                once: u32::MAX,
                again: u32::MAX
            }
            .holds()
        );
        assert!(!half.and(Sure::equal(b"a", b"a")).holds());
    }
}
