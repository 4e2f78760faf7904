//! What happens in a wearable, step by step, in words.
//!
//! Takes the bootloader's steps and what became of them, gives one event for each that a person would want to know. It
//! tells what was done; it never decides it.

use std::fmt::{self, Write};

use cuff_bootloader::boot::Ended;
use cuff_bootloader::flash::Fault;
use cuff_bootloader::judge::Place;
use cuff_bootloader::plan::{HandOver, Memory, Seen, Step};
use cuff_bootloader::record::Record;
use cuff_bootloader::report::Report;
use cuff_verifier::verdict::Reason;
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::safe;

/// A numbered reason, the same in device, log, JSON and docs.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Why {
    /// The number; it never changes.
    pub code: u16,
    /// The short name.
    pub name: String,
    /// One sentence.
    pub sentence: String,
}

impl From<Reason> for Why {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code(),
            name: reason.name().to_owned(),
            sentence: reason.to_string(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (reason {}, {})", self.sentence, self.code, self.name)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// One of the two trust banks was written anew from the other.
    TrustRepaired {
        /// Whether it was damaged; otherwise a commit had been interrupted.
        damaged: bool,
    },
    /// The security counter was brought up to the trust record.
    CounterRaised {
        /// Its value now.
        counter: u64,
    },
    /// Trust moved forward, whatever becomes of the image.
    TrustAdvanced {
        /// Version of the trusted root now.
        root: u64,
        /// Whether that root is new.
        root_changed: bool,
        /// Version of timestamp now.
        timestamp: u64,
        /// Version of the product role now.
        product: u64,
        /// The time floor now.
        floor: String,
        /// The signed minimum counter now.
        minimum_counter: u64,
    },
    /// Evidence without an image was accepted.
    EvidenceAccepted,
    /// Evidence or a candidate was refused.
    Refused {
        /// `evidence` without an image, or a `candidate`.
        what: String,
        /// Why.
        reason: Why,
    },
    /// A candidate was accepted; its trial is open.
    TrialOpened {
        /// The release.
        release: String,
    },
    /// The two slots change places.
    Swapping {
        /// What the active slot will hold.
        release: String,
    },
    /// The image on trial was started.
    TrialStarted {
        /// The release.
        release: String,
        /// Which start this is.
        start: u32,
        /// How many there are.
        of: u32,
    },
    /// The application returned the trial's id.
    Confirmed {
        /// The release.
        release: String,
    },
    /// The application ran and did not confirm.
    Silent {
        /// The release.
        release: String,
    },
    /// The confirmed image is installed.
    Installed {
        /// The release.
        release: String,
        /// The security counter of this unit from now on.
        counter: u64,
    },
    /// The trial is over without a confirm.
    TrialFailed {
        /// The release that failed.
        release: String,
        /// How often it had started.
        starts: u32,
    },
    /// The image before the trial is back.
    Reverted {
        /// The release.
        release: String,
    },
    /// The active slot does not hold what it must.
    Damaged {
        /// `active`, `candidate` or `way back`.
        slot: String,
        /// The release it should hold.
        release: String,
    },
    /// The image before the damaged one is installed again.
    Restored {
        /// The release.
        release: String,
    },
    /// Flash failed at a step; the boot went on around it.
    FlashFailed {
        /// Why.
        fault: String,
    },
    /// Power went.
    PowerLost {
        /// After how many whole flash operations.
        after: u64,
    },
    /// The bootloader jumped.
    Running {
        /// The release.
        release: String,
        /// Whether it is on trial.
        trial: bool,
    },
    /// The bootloader stayed.
    Recovery {
        /// Why.
        reason: Why,
    },
}

impl fmt::Display for Event {
    #[allow(clippy::too_many_lines, reason = "one sentence an event")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrustRepaired { damaged: true } => {
                f.write_str("trust: a damaged bank was repaired from the other")
            }
            Self::TrustRepaired { damaged: false } => {
                f.write_str("trust: an interrupted commit was completed")
            }
            Self::CounterRaised { counter } => {
                write!(f, "counter: both mirrors hold {counter} now")
            }
            Self::TrustAdvanced {
                root,
                root_changed,
                timestamp,
                product,
                floor,
                minimum_counter,
            } => {
                let new = if *root_changed { " (new)" } else { "" };
                write!(
                    f,
                    "trust: root {root}{new}, timestamp {timestamp}, product {product}, floor {floor}, minimum counter {minimum_counter}"
                )
            }
            Self::EvidenceAccepted => f.write_str("verdict: the evidence holds"),
            Self::Refused { what, reason } => write!(f, "verdict: {what} refused: {reason}"),
            Self::TrialOpened { release } => {
                write!(f, "verdict: {} may run; its trial is open", safe(release))
            }
            Self::Swapping { release } => {
                write!(f, "swap: {} moves into the active slot", safe(release))
            }
            Self::TrialStarted { release, start, of } => {
                write!(f, "trial: {} starts, {start} of {of}", safe(release))
            }
            Self::Confirmed { release } => {
                write!(
                    f,
                    "application: {} confirms its trial; the next boot installs it",
                    safe(release)
                )
            }
            Self::Silent { release } => {
                write!(f, "application: {} does not confirm", safe(release))
            }
            Self::Installed { release, counter } => {
                write!(
                    f,
                    "confirm: {} is installed, security counter {counter}",
                    safe(release)
                )
            }
            Self::TrialFailed { release, starts } => {
                write!(
                    f,
                    "revert: {} started {starts} times and never confirmed",
                    safe(release)
                )
            }
            Self::Reverted { release } => write!(f, "revert: {} is back", safe(release)),
            Self::Damaged { slot, release } => {
                write!(f, "damage: the {slot} slot does not hold {}", safe(release))
            }
            Self::Restored { release } => {
                write!(f, "restore: {} is installed again", safe(release))
            }
            Self::FlashFailed { fault } => write!(f, "flash: {fault}"),
            Self::PowerLost { after } => write!(f, "power: lost after {after} flash operations"),
            Self::Running {
                release,
                trial: true,
            } => write!(f, "jump: {} runs on trial", safe(release)),
            Self::Running {
                release,
                trial: false,
            } => write!(f, "jump: {} runs", safe(release)),
            Self::Recovery { reason } => write!(f, "recovery: {reason}"),
        }
    }
}

/// Writes events one a line, numbered as they happened.
pub fn list(out: &mut dyn Write, events: &[Event]) -> fmt::Result {
    events
        .iter()
        .try_for_each(|event| writeln!(out, "  {event}"))
}

/// What one step of a boot amounts to; `None` when nobody would want to know.
pub fn of_step(
    seen: &Seen,
    memory: &Memory,
    step: Step,
    trials: u32,
    done: Result<(), Fault>,
) -> Option<Event> {
    if let Err(fault) = done {
        return Some(Event::FlashFailed {
            fault: fault.to_string(),
        });
    }
    let record = seen.banks.record()?;
    let on_trial = || {
        name(
            record
                .trial
                .as_ref()
                .map(|trial| trial.image.release.as_str()),
        )
    };
    let installed = || {
        name(
            record
                .installed
                .as_ref()
                .map(|image| image.release.as_str()),
        )
    };
    let damaged = |slot: &str, whole: Option<cuff_verifier::sure::Sure>, release: &str| {
        (!whole?.holds()).then(|| Event::Damaged {
            slot: slot.to_owned(),
            release: release.to_owned(),
        })
    };
    Some(match step {
        Step::Repair { damaged, .. } => Event::TrustRepaired { damaged },
        Step::RaiseCounter(counter) => Event::CounterRaised { counter: counter.0 },
        Step::Dismiss(place, Err(reason)) => Event::Refused {
            what: match place {
                Place::Inbox => "evidence",
                Place::Candidate => "candidate",
            }
            .to_owned(),
            reason: reason.into(),
        },
        Step::Dismiss(Place::Inbox, Ok(())) => Event::EvidenceAccepted,
        Step::Accept(image) => Event::TrialOpened {
            release: name(Some(image.release.as_str())),
        },
        Step::Begin { failed_after, .. } => match (failed_after, &record.trial, &record.former) {
            (Some(starts), _, _) => Event::TrialFailed {
                release: on_trial(),
                starts,
            },
            (None, Some(_), _) => Event::Swapping {
                release: on_trial(),
            },
            (None, None, former) => Event::Swapping {
                release: name(former.as_ref().map(|image| image.release.as_str())),
            },
        },
        Step::CountStart => Event::TrialStarted {
            release: on_trial(),
            start: seen
                .progress
                .map_or(1, |progress| progress.starts.saturating_add(1)),
            of: trials,
        },
        Step::Confirm => Event::Installed {
            release: on_trial(),
            counter: record
                .trial
                .map_or(0, |trial| trial.image.counter.max(record.counter).0),
        },
        Step::EndTrial => Event::Reverted {
            release: installed(),
        },
        Step::EndRestore => Event::Restored {
            release: name(record.former.as_ref().map(|image| image.release.as_str())),
        },
        Step::HashActive(image) => {
            return damaged("active", memory.active_is_whole, image.release.as_str());
        }
        Step::HashCandidate(image) => {
            return damaged(
                "candidate",
                memory.candidate_is_whole,
                image.release.as_str(),
            );
        }
        Step::HashFormer(image) => {
            return damaged("way back", memory.former_is_whole, image.release.as_str());
        }
        Step::Advance(_)
        | Step::Judge(_)
        | Step::Dismiss(Place::Candidate, Ok(()))
        | Step::Swap
        | Step::ClearConfirmation
        | Step::HandOver(_) => return None,
    })
}

/// Trust moved from one record to the next.
pub fn of_advance(before: &Record, after: &Record) -> Event {
    Event::TrustAdvanced {
        root: after.root.version,
        root_changed: before.root.version != after.root.version,
        timestamp: after.versions.timestamp,
        product: after.versions.product,
        floor: after.floor.to_string(),
        minimum_counter: after.minimum_counter.0,
    }
}

/// How a boot ended.
pub fn of_hand_over(hand_over: HandOver, record: Option<&Record>) -> Event {
    match hand_over {
        HandOver::Jump { trial } => Event::Running {
            release: name(record.and_then(|record| Some(record.expected()?.release.as_str()))),
            trial: trial.is_some(),
        },
        HandOver::Recovery(reason) => Event::Recovery {
            reason: reason.into(),
        },
    }
}

/// What a bootloader's report says of its boot, where nobody watched it step by step.
pub fn of_report(report: &Report) -> Vec<Event> {
    let releases = report
        .state
        .as_ref()
        .map(|state| (state.installed.as_str(), state.trial.as_str()));
    of_ended(&report.ended, releases)
}

/// What the end of a boot says of it; `releases` are the one installed and the one on trial.
pub fn of_ended(ended: &Ended, releases: Option<(&str, &str)>) -> Vec<Event> {
    let refused = |what: &str, answer: Option<Result<(), Reason>>| match answer {
        Some(Err(reason)) => Some(Event::Refused {
            what: what.to_owned(),
            reason: reason.into(),
        }),
        _ => None,
    };
    let mut events: Vec<Event> = refused("evidence", ended.inbox).into_iter().collect();
    if ended.inbox == Some(Ok(())) {
        events.push(Event::EvidenceAccepted);
    }
    events.extend(refused("candidate", ended.candidate));
    let release = |on_trial: bool| {
        name(releases.map(|(installed, trial)| if on_trial { trial } else { installed }))
    };
    if ended.candidate == Some(Ok(())) {
        events.push(Event::TrialOpened {
            release: release(true),
        });
    }
    events.push(match ended.hand_over {
        HandOver::Jump { trial } => Event::Running {
            release: release(trial.is_some()),
            trial: trial.is_some(),
        },
        HandOver::Recovery(reason) => Event::Recovery {
            reason: reason.into(),
        },
    });
    events
}

fn name(release: Option<&str>) -> String {
    release.unwrap_or("nothing").to_owned()
}
