//! The boot: plan, carry, plan again, until there is something to hand over to.
//!
//! Takes a chip and the bootloader's version, gives one [`HandOver`]. It ends after a bounded number of steps, and says
//! jump only when the active slot was found whole in this very boot.

use core::hint::black_box;

use cuff_verifier::verdict::Reason;

use crate::{
    carry::{self, carry, give_up, look},
    flash::{Chip, Fault, Flash},
    log::Kind,
    plan::{HandOver, Memory, Seen, Step, plan},
    sure::Sure,
};

/// Runs a boot to its end.
pub fn boot<F: Flash>(chip: &mut Chip<'_, F>, bootloader: u64) -> HandOver {
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
) -> HandOver {
    if !chip.fits() {
        return HandOver::Recovery(Reason::FlashFault);
    }
    let mut memory = Memory::default();
    for _ in 0..MOST_STEPS {
        let seen = look(chip);
        let step = plan(chip, &seen, &memory);
        if let Step::HandOver(hand_over) = step {
            return finish(chip, &seen, &memory, hand_over);
        }
        if carry(chip, &seen, &mut memory, step).is_err() {
            give_up(&mut memory, step);
        }
    }
    HandOver::Recovery(Reason::FlashFault)
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
