//! A yes that a single skipped instruction or flipped bit does not turn into.
//!
//! Takes two byte strings or a decision, keeps the answer in a word far from 0 and 1, and gives it back only
//! when both agree. It never makes a wrong yes unlikely against a determined bench attacker; it removes the cheap ones.

use core::hint::black_box;

/// An answer in two halves of one word, each set by a look of its own. Anything that is not exactly twice yes is no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sure(u32);

impl Sure {
    /// No.
    pub const NO: Self = Self(NO);

    /// Whether `left` and `right` are the same bytes, compared twice.
    #[inline(never)]
    pub fn equal(left: &[u8], right: &[u8]) -> Self {
        Self::twice(&(left, right), |(left, right)| left == right)
    }

    /// What `check` says of `value`, asked twice.
    pub fn twice<T>(value: &T, check: impl Fn(&T) -> bool) -> Self {
        let mut answer = Self::NO;
        if check(black_box(value)) {
            answer.0 ^= FIRST;
        }
        if check(black_box(value)) {
            answer.0 ^= SECOND;
        }
        answer
    }

    /// Yes only when both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::twice(&(self, other), |(one, other)| one.holds() && other.holds())
    }

    /// The answer, looked at twice.
    #[inline(never)]
    pub fn holds(self) -> bool {
        black_box(self.0) == YES && !black_box(self.0) == !YES
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

/// How often the answer was yes, counted, and once more as the sum of the very words that said so.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The count.
    pub(crate) count: u16,
    sum: u32,
}

impl Tally {
    /// Adds one when `answer` is yes.
    pub(crate) fn add(&mut self, answer: Sure) {
        if answer.holds() {
            self.count += 1;
            self.sum = self.sum.wrapping_add(black_box(answer.0));
        }
    }

    /// Whether the sum is that of exactly so many: a branch into the count that was not earned adds a no to the sum.
    pub(crate) fn is_of(&self, count: u16) -> bool {
        black_box(self.sum) == YES.wrapping_mul(u32::from(count))
    }
}

const YES: u32 = 0x5ac3_963c;
// Every bit differs from yes, so that no half of a yes is like a half of a no.
const NO: u32 = !YES;
const FIRST: u32 = 0xffff_0000;
const SECOND: u32 = 0x0000_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_bytes_hold() {
        assert!(Sure::equal(b"abc", b"abc").holds());
        assert!(!Sure::equal(b"abc", b"abd").holds());
        assert!(!Sure::equal(b"abc", b"ab").holds());
    }

    #[test]
    fn a_check_is_asked_twice_and_must_say_yes_both_times() {
        let asked = core::cell::Cell::new(0);
        let yes_at = |which: &'static [u32]| {
            asked.set(0);
            Sure::twice(&asked, |asked| {
                asked.set(asked.get() + 1);
                which.contains(&asked.get())
            })
        };
        assert!(yes_at(&[1, 2]).holds());
        assert!(!yes_at(&[1]).holds());
        assert!(!yes_at(&[2]).holds());
        assert!(!yes_at(&[]).holds());
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn what_was_not_earned_spoils_the_sum() {
        let mut tally = Tally::default();
        for answer in [Sure(YES), Sure::NO, Sure(YES), Sure(YES ^ 1)] {
            tally.add(answer);
        }
        assert_eq!(tally.count, 2);
        assert!(tally.is_of(2) && !tally.is_of(1) && !tally.is_of(3));
        for unearned in [NO, NO ^ FIRST, NO ^ SECOND] {
            let mut tally = Tally {
                count: 2,
                sum: YES.wrapping_add(unearned),
            };
            assert!(!tally.is_of(2));
            tally.sum = unearned;
            assert!(!tally.is_of(1));
        }
    }

    #[test]
    fn half_a_yes_is_no() {
        for word in [
            NO ^ FIRST,
            NO ^ SECOND,
            NO,
            0,
            1,
            u32::MAX,
            YES ^ 1,
            YES ^ (1 << 31),
        ] {
            let half = Sure(word);
            assert!(!half.holds(), "{word:08x}");
            assert!(!half.and(Sure(YES)).holds());
            assert!(!Sure(YES).and(half).holds());
        }
        assert!(Sure(YES).and(Sure(YES)).holds());
        assert_eq!(FIRST ^ SECOND, NO ^ YES);
    }
}
