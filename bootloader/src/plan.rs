//! What to do next, as a pure function of what flash shows and what this boot has found out.
//!
//! Takes [`Seen`] and [`Memory`], gives one [`Step`]; it reads and writes nothing, so every order it can choose is tested
//! on the desk. Each step leaves a state from which the same function goes on.

use cuff_verifier::{digest::Hasher, sure::Sure, verdict::Reason, version::Counter};

use crate::{
    counter::Held,
    journal::{Business, Progress, Turn},
    judge::{Judged, Place},
    layout::Layout,
    record::{Image, Record, Trial, TrialId, shortened},
    slot::Offer,
    trust::{Bank, Banks},
};

/// What flash shows.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The trust store.
    pub banks: Banks,
    /// The security counter.
    pub counter: Held,
    /// The journal.
    pub progress: Option<Progress>,
    /// The candidate slot.
    pub offer: Offer,
    /// Whether the inbox holds something.
    pub inbox: bool,
    /// What the application returned.
    pub confirmation: Option<TrialId>,
    /// Whether the confirmation page is erased.
    pub confirmation_is_clear: bool,
}

/// What this boot has found out, forgotten at the next reset.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// What the verifier said, and of which place.
    pub judged: Option<(Place, Judged)>,
    /// Whether it said the same when it was asked again. Nothing is kept and nothing installed before.
    pub agreed: Option<Sure>,
    /// Whether the candidate slot holds the accepted image, before a swap touches it.
    pub candidate_is_whole: Option<Sure>,
    /// Whether the active slot holds the expected image.
    pub active_is_whole: Option<Sure>,
    /// Whether the way back holds the former image.
    pub former_is_whole: Option<Sure>,
    /// Whether this start of the trial was counted.
    pub start_counted: bool,
    /// What became of the inbox in this boot.
    pub inbox: Option<Result<(), Reason>>,
    /// What became of the candidate in this boot.
    pub candidate: Option<Result<(), Reason>>,
    /// What is left alone for the rest of this boot, because flash failed there.
    pub given_up: GivenUp,
}

impl Memory {
    /// What the verifier said of this place, if it was the last one asked about.
    pub fn judged_at(&self, place: Place) -> Option<&Judged> {
        self.judged
            .as_ref()
            .filter(|(of, _)| *of == place)
            .map(|(_, judged)| judged)
    }
}

/// What flash failed at in this boot.
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each names another thing that failed"
)]
pub struct GivenUp {
    /// Trust cannot be changed.
    pub trust: bool,
    /// The counter cannot be changed.
    pub counter: bool,
    /// The inbox is left alone.
    pub inbox: bool,
    /// The candidate is left alone.
    pub candidate: bool,
    /// The confirm waits for the next boot.
    pub confirm: bool,
    /// Something failed that a boot cannot do without.
    pub essential: bool,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Copy the good trust bank over the other one.
    Repair {
        /// The good one.
        good: Bank,
        /// Whether the other one was damaged, rather than merely older.
        damaged: bool,
    },
    /// Bring the counter pages to this value, both of them.
    RaiseCounter(Counter),
    /// Ask the verifier.
    Judge(Place),
    /// Commit the trust state that the verifier gave.
    Advance(Place),
    /// Be done with a place: log the reason if it was refused, and do not look again.
    Dismiss(Place, Result<(), Reason>),
    /// Commit the candidate as the image on trial.
    Accept(Image),
    /// Hash the candidate slot against the image on trial.
    HashCandidate(Image),
    /// Hash the active slot against the expected image.
    HashActive(Image),
    /// Hash the way back against the former image.
    HashFormer(Image),
    /// Open a swap.
    Begin {
        /// Which way.
        turn: Turn,
        /// What for.
        business: Business,
        /// Pages of image.
        image_pages: u32,
        /// How often a failed trial started, to be logged.
        failed_after: Option<u32>,
    },
    /// Copy pages until the swap is complete.
    Swap,
    /// Erase what the application returned.
    ClearConfirmation,
    /// Count a start of the trial.
    CountStart,
    /// Commit the image on trial as installed.
    Confirm,
    /// Commit that the trial failed.
    EndTrial,
    /// Commit that the former image is installed again.
    EndRestore,
    /// Leave the bootloader's work.
    HandOver(HandOver),
}

/// How a boot ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum HandOver {
    /// Jump to the active slot.
    Jump {
        /// What the application must return to confirm, while its trial is open.
        trial: Option<TrialId>,
    },
    /// Stay, and talk to whoever asks.
    Recovery(Reason),
}

/// The next step.
pub fn plan(layout: &Layout, seen: &Seen, memory: &Memory) -> Step {
    let Some(record) = seen.banks.record() else {
        return Step::HandOver(HandOver::Recovery(Reason::TrustDamaged));
    };
    if memory.given_up.essential {
        return Step::HandOver(HandOver::Recovery(Reason::FlashFault));
    }
    match seen.banks {
        Banks::Single { good, .. } if !memory.given_up.trust => {
            return Step::Repair {
                good,
                damaged: true,
            };
        }
        Banks::Window { good, .. } if !memory.given_up.trust => {
            return Step::Repair {
                good,
                damaged: false,
            };
        }
        _ => {}
    }
    let behind = seen
        .counter
        .value
        .is_none_or(|value| value < record.counter);
    if (behind || !seen.counter.mirrored) && !memory.given_up.counter {
        return Step::RaiseCounter(record.counter);
    }
    match &record.trial {
        Some(trial) => during_trial(layout, record, trial, seen, memory),
        None => at_rest(layout, record, seen, memory),
    }
}

/// What a restoration of the former image is called in the journal.
pub fn restoration(record: &Record, former: &Image) -> Business {
    let mut hasher = Hasher::new();
    hasher.update(b"cuff restore 1\0");
    hasher.update(&record.sequence.to_le_bytes());
    hasher.update(&former.sha256.0);
    shortened(&hasher.finish())
}

fn during_trial(
    layout: &Layout,
    record: &Record,
    trial: &Trial,
    seen: &Seen,
    memory: &Memory,
) -> Step {
    let id = trial.id(&record.identity);
    let begin = |turn, failed_after| Step::Begin {
        turn,
        business: id.0,
        image_pages: image_pages(layout, record.installed.as_ref(), &trial.image),
        failed_after,
    };
    let Some(progress) = seen.progress.filter(|progress| progress.business == id.0) else {
        return match memory.candidate_is_whole {
            None => Step::HashCandidate(trial.image),
            Some(whole) if whole.holds() => begin(Turn::Install, None),
            // The candidate is not what was accepted: `active` was not touched, or the way back is still there.
            Some(_) => Step::EndTrial,
        };
    };
    if !progress.is_complete() {
        return Step::Swap;
    }
    if progress.turn == Turn::Revert {
        return Step::EndTrial;
    }
    if let Some(step) = inbox(seen, memory) {
        return step;
    }
    match memory.active_is_whole {
        None => return Step::HashActive(trial.image),
        Some(whole) if whole.holds() => {}
        Some(_) => return begin(Turn::Revert, Some(progress.starts)),
    }
    if memory.start_counted {
        return Step::HandOver(HandOver::Jump { trial: Some(id) });
    }
    // Only what was returned after a counted start is a confirm; what lay there before was cleared.
    if progress.starts > 0
        && seen
            .confirmation
            .is_some_and(|returned| Sure::equal(&returned.0, &id.0).holds())
    {
        return if memory.given_up.confirm {
            Step::HandOver(HandOver::Jump { trial: Some(id) })
        } else {
            Step::Confirm
        };
    }
    if progress.starts >= layout.trials {
        return begin(Turn::Revert, Some(progress.starts));
    }
    if !seen.confirmation_is_clear {
        return Step::ClearConfirmation;
    }
    Step::CountStart
}

fn at_rest(layout: &Layout, record: &Record, seen: &Seen, memory: &Memory) -> Step {
    if let Some(former) = &record.former
        && let Some(progress) = &seen.progress
        && progress.business == restoration(record, former)
    {
        return if progress.is_complete() {
            Step::EndRestore
        } else {
            Step::Swap
        };
    }
    if let Some(step) = inbox(seen, memory) {
        return step;
    }
    if let Some(step) = candidate(seen, memory) {
        return step;
    }
    let Some(installed) = &record.installed else {
        return Step::HandOver(HandOver::Recovery(Reason::NothingInstalled));
    };
    match memory.active_is_whole {
        None => return Step::HashActive(*installed),
        Some(whole) if whole.holds() => {
            return Step::HandOver(HandOver::Jump { trial: None });
        }
        Some(_) => {}
    }
    let least = seen
        .counter
        .value
        .unwrap_or_default()
        .max(record.counter)
        .max(record.minimum_counter);
    let way_back = record
        .former
        .filter(|former| former.counter >= least || *former == *installed);
    match (way_back, memory.former_is_whole) {
        (Some(former), None) => Step::HashFormer(former),
        (Some(former), Some(whole)) if whole.holds() => Step::Begin {
            turn: Turn::Revert,
            business: restoration(record, &former),
            image_pages: image_pages(layout, Some(installed), &former),
            failed_after: None,
        },
        _ => Step::HandOver(HandOver::Recovery(Reason::ActiveMismatch)),
    }
}

fn inbox(seen: &Seen, memory: &Memory) -> Option<Step> {
    if !seen.inbox || memory.given_up.inbox || memory.given_up.trust {
        return None;
    }
    Some(match memory.judged_at(Place::Inbox) {
        None => Step::Judge(Place::Inbox),
        Some(Judged {
            advance: Some(_), ..
        }) => agreed(memory, Place::Inbox, Step::Advance(Place::Inbox)),
        Some(judged) => Step::Dismiss(Place::Inbox, judged.evidence),
    })
}

fn candidate(seen: &Seen, memory: &Memory) -> Option<Step> {
    let given_up = memory.given_up.candidate || memory.given_up.trust;
    if seen.offer != Offer::Open || given_up {
        return None;
    }
    Some(match memory.judged_at(Place::Candidate) {
        None => Step::Judge(Place::Candidate),
        Some(Judged {
            advance: Some(_), ..
        }) => agreed(memory, Place::Candidate, Step::Advance(Place::Candidate)),
        Some(Judged {
            image: Ok(image), ..
        }) => agreed(memory, Place::Candidate, Step::Accept(*image)),
        Some(Judged {
            image: Err(reason), ..
        }) => Step::Dismiss(Place::Candidate, Err(*reason)),
    })
}

/// `yes` when two judgements agree; until there are two, the second one. A no needs no second opinion.
fn agreed(memory: &Memory, place: Place, yes: Step) -> Step {
    match memory.agreed {
        None => Step::Judge(place),
        Some(agreed) if agreed.holds() => yes,
        Some(_) => Step::Dismiss(place, Err(Reason::JudgementsDiffer)),
    }
}

fn image_pages(layout: &Layout, one: Option<&Image>, other: &Image) -> u32 {
    layout.pages(one.map_or(0, |one| one.length).max(other.length))
}
