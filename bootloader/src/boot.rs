//! The boot: plan, carry, plan again, until there is something to hand over to.
//!
//! Takes a chip and the bootloader's version, gives one [`HandOver`]. It ends after a bounded number of steps, and says
//! jump only when the active slot was found whole in this very boot.

use core::hint::black_box;

use cuff_verifier::{sure::Sure, verdict::Reason};

use crate::{
    carry::{self, carry, give_up, look},
    flash::{Chip, Fault, Flash},
    log::Kind,
    plan::{HandOver, Memory, Seen, Step, plan},
};

/// How a boot ended, and what it said on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ended {
    /// What to do now.
    pub hand_over: HandOver,
    /// The answer to evidence that came alone, if there was any.
    pub inbox: Option<Result<(), Reason>>,
    /// The answer to a candidate, if one was judged or its trial ended.
    pub candidate: Option<Result<(), Reason>>,
}

impl Ended {
    fn with(hand_over: HandOver, memory: &Memory) -> Self {
        Self {
            hand_over,
            inbox: memory.inbox,
            candidate: memory.candidate,
        }
    }
}

/// Runs a boot to its end.
pub fn boot<F: Flash>(chip: &mut Chip<'_, F>, bootloader: u64) -> Ended {
    drive(
        chip,
        |chip, seen, memory| plan(chip.layout(), seen, memory),
        |chip, seen, memory, step| carry(chip, seen, memory, bootloader, step),
    )
}

/// The loop itself, over any plan and any carrier: what tests put wrong ones into.
pub fn drive<F: Flash>(
    chip: &mut Chip<'_, F>,
    plan: impl Fn(&Chip<'_, F>, &Seen, &Memory) -> Step,
    mut carry: impl FnMut(&mut Chip<'_, F>, &Seen, &mut Memory, Step) -> Result<(), Fault>,
) -> Ended {
    let mut memory = Memory::default();
    if !chip.fits() {
        return Ended::with(HandOver::Recovery(Reason::FlashFault), &memory);
    }
    for _ in 0..MOST_STEPS {
        let seen = look(chip);
        let step = plan(chip, &seen, &memory);
        if let Step::HandOver(hand_over) = step {
            return Ended::with(finish(chip, &seen, &memory, hand_over), &memory);
        }
        if carry(chip, &seen, &mut memory, step).is_err() {
            give_up(&mut memory, step);
        }
    }
    Ended::with(HandOver::Recovery(Reason::FlashFault), &memory)
}

/// The last look: a jump needs an active slot that was found whole, asked twice.
fn finish<F: Flash>(
    chip: &mut Chip<'_, F>,
    seen: &Seen,
    memory: &Memory,
    hand_over: HandOver,
) -> HandOver {
    let whole = |memory: &Memory| memory.active_is_whole.is_some_and(Sure::holds);
    let decided = match hand_over {
        HandOver::Jump { .. } if whole(memory) && whole(black_box(memory)) => hand_over,
        HandOver::Jump { .. } => HandOver::Recovery(Reason::ActiveMismatch),
        HandOver::Recovery(_) => hand_over,
    };
    if let (HandOver::Recovery(reason), Some(record)) = (decided, seen.banks.record()) {
        carry::note(
            chip,
            record,
            Kind::RecoveryEntered,
            u32::from(reason.code()),
        );
    }
    decided
}

/// Far above what any honest boot needs.
const MOST_STEPS: u32 = 64;
