//! One unit, from a bare board to a device that has proven itself.
//!
//! Takes a probe, an [`Order`] that was verified before, and the station log; gives what the unit became, or the step and the
//! reason. A serial is promised to the chip before the first write and used by no other; whatever is interrupted is done
//! again from the beginning by the same command, for the same chip under the same serial.

pub mod preflight;
pub mod promise;
pub mod step;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use cuff_bootloader::field::Text;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::provision::First;
use cuff_bootloader::record::Identity;
use cuff_bootloader::report::State;
use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::Counter;

use self::preflight::{Unfit, preflight};
use self::promise::{Asked, Unpromised, promise};
use self::step::Step;
use super::order::{Order, Say};
use super::records::Records;
use super::records::record::{Attempt, StepTime};
use super::serials::Serials;
use crate::device::link::{Link, LinkError};
use crate::device::probe::Probe;
use crate::device::probe::attach::name;
use crate::device::target::ProbeId;
use crate::device::trouble::Trouble;

/// Told about every step that begins, and how far it is.
pub type Progress<'p> = dyn FnMut(Step, u64, u64) + 'p;

/// Works on one unit, and gives the attempt as it goes into the log. The log line itself is the caller's to add.
pub struct Pass<'a> {
    /// What to make.
    pub order: &'a Order,
    /// Who asks for it, and how.
    pub say: &'a Say,
    /// Where promises are kept.
    pub records: &'a Mutex<Records>,
    /// Where serials come from.
    pub serials: &'a Serials,
    /// The chips that some slot of this batch has worked on.
    pub chips: &'a Mutex<BTreeSet<String>>,
    /// The slot.
    pub slot: &'a str,
    /// The probe.
    pub probe: Option<&'a ProbeId>,
    /// The time, for records.
    pub now: &'a (dyn Fn() -> String + Sync),
}

/// A stretch that a rehearsal would write.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Its address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// What became of a unit.
pub struct Outcome {
    /// For the log.
    pub attempt: Attempt,
    /// The writes of a rehearsal.
    pub planned: Vec<Planned>,
    /// The step that failed, and why.
    pub failed: Option<(Step, Failed)>,
}

impl Pass<'_> {
    /// Makes the unit.
    pub fn run(&self, progress: &mut Progress<'_>) -> Outcome {
        let order = self.order;
        let mut work = Work {
            pass: self,
            progress,
            attempt: Attempt {
                operator: self.say.operator.clone(),
                slot: self.slot.to_owned(),
                probe: self.probe.map(name).unwrap_or_default(),
                bundle_sha256: order.bundle.to_string(),
                root_sha256: Digest::of(&order.root).to_string(),
                release: order.release.clone(),
                release_sha256: Digest::of(&order.image).to_string(),
                bootloader: order.bootloader.clone(),
                bootloader_sha256: Digest::of(&order.boot).to_string(),
                ..Attempt::default()
            },
            planned: Vec::new(),
            step: Step::Attach,
            begun: Clock::now(),
        };
        let done = work.run();
        let mut outcome = Outcome {
            failed: None,
            planned: std::mem::take(&mut work.planned),
            attempt: Attempt::default(),
        };
        if let Err(error) = done {
            work.attempt.step = Some(work.step.name().to_owned());
            outcome.failed = Some((work.step, error));
        } else {
            work.ended();
            work.attempt.passed = !self.say.rehearse;
        }
        outcome.attempt = work.attempt;
        outcome
    }
}

struct Work<'w, 'a, 'p> {
    pass: &'w Pass<'a>,
    progress: &'w mut Progress<'p>,
    attempt: Attempt,
    planned: Vec<Planned>,
    step: Step,
    begun: Clock,
}

impl Work<'_, '_, '_> {
    fn run(&mut self) -> Result<(), Failed> {
        let (order, say) = (self.pass.order, self.pass.say);
        self.begin(Step::Attach);
        let mut probe = Probe::open(self.pass.probe, &order.board)?;
        self.attempt.probe = name(probe.id());
        let uid = probe.uid()?;
        self.attempt.uid = Some(uid.clone());
        self.attempt.millivolts = probe.millivolts()?;
        self.next(Step::Preflight);
        self.claim(&uid)?;
        let before = preflight(&mut probe, &uid, order, say, self.pass.records)?;
        self.next(Step::Reserve);
        let serial = self.reserve(&uid)?;
        self.attempt.serial = Some(serial.clone());
        self.next(Step::Rehearse);
        let first = self.first(&serial, before)?;
        let stretches = probe.rehearse(&first, Some(&order.boot))?;
        self.planned = stretches
            .iter()
            .map(|stretch| Planned {
                address: order.board.flash_start() + u64::from(stretch.offset),
                length: stretch.bytes.len() as u64,
            })
            .collect();
        if say.rehearse {
            return Ok(());
        }
        self.next(Step::Write);
        let total = stretches.iter().map(|one| one.bytes.len() as u64).sum();
        let progress = &mut *self.progress;
        probe.write(stretches, &mut |done| progress(Step::Write, done, total))?;
        self.next(Step::Answer);
        self.answer(&mut probe, &serial)?;
        self.next(Step::Push);
        let total = (order.evidence.len() + order.image.len()) as u64;
        let progress = &mut *self.progress;
        probe.write_candidate(&order.evidence, &order.image, &mut |done| {
            progress(Step::Push, done, total);
        })?;
        self.next(Step::Judge);
        let boot = probe.reset()?;
        if let Some(Err(reason)) = boot.ended.candidate {
            return Err(LinkError::Refused(reason).into());
        }
        if !matches!(boot.ended.hand_over, HandOver::Jump { trial: Some(_) }) {
            return Err(Failed::Report {
                found: "that no trial was opened".to_owned(),
                expected: format!("a trial of {}", order.release),
            });
        }
        self.next(Step::Confirm);
        self.confirm(&mut probe)?;
        self.next(Step::Verify);
        self.verify(&mut probe)?;
        if say.lock {
            self.next(Step::Lock);
            probe.lock()?;
            self.next(Step::Prove);
            match Probe::open(self.pass.probe, &order.board) {
                Err(LinkError::Trouble(Trouble::Locked)) => self.attempt.locked = true,
                Ok(_) => return Err(LinkError::Trouble(Trouble::StillOpen).into()),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    fn begin(&mut self, step: Step) {
        self.step = step;
        self.begun = Clock::now();
        (self.progress)(step, 0, 0);
    }

    fn ended(&mut self) {
        let spent = self.begun.elapsed().as_millis();
        self.attempt.steps.push(StepTime {
            step: self.step.name().to_owned(),
            milliseconds: u64::try_from(spent).unwrap_or(u64::MAX),
        });
    }

    fn next(&mut self, step: Step) {
        self.ended();
        self.begin(step);
    }

    /// Two chips with one number would become one unit.
    fn claim(&self, uid: &str) -> Result<(), Unfit> {
        let mut chips = self
            .pass
            .chips
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if chips.insert(uid.to_owned()) {
            return Ok(());
        }
        Err(Unfit::Twice {
            uid: uid.to_owned(),
        })
    }

    /// Promises the chip a serial, or finds the one it was promised.
    fn reserve(&self, uid: &str) -> Result<String, Unpromised> {
        let pass = self.pass;
        let mut records = pass.records.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked {
            uid,
            slot: pass.slot,
            scanned: pass.say.scanned.as_deref(),
            rehearse: pass.say.rehearse,
            now: pass.now,
        };
        promise(&mut records, pass.serials, asked)
    }

    fn first(&self, serial: &str, least: (Counter, Instant)) -> Result<First<'_>, Failed> {
        let order = self.pass.order;
        let outside = || LinkError::Refused(Reason::EvidencePath);
        Ok(First {
            identity: Identity {
                product: Text::new(&order.product).ok_or_else(outside)?,
                hardware: Text::new(&order.hardware).ok_or_else(outside)?,
                serial: Text::new(serial).ok_or_else(outside)?,
            },
            root: &order.root,
            evidence: &order.trust,
            image: &[],
            floor: least.1,
            counter: least.0,
            bootloader: order.board.bootloader,
        })
    }

    /// The bootloader must say that it is this unit, that it trusts this root, and that it runs nothing yet.
    fn answer(&mut self, probe: &mut Probe, serial: &str) -> Result<(), Failed> {
        let boot = probe.reset()?;
        let state = self.state(probe);
        let found = state.map(|state| {
            format!(
                "serial {}, root {}",
                state.identity.serial.as_str(),
                state.root_sha256
            )
        });
        let expected = format!(
            "serial {serial}, root {}",
            Digest::of(&self.pass.order.root)
        );
        if found.as_deref() != Some(expected.as_str()) {
            return Err(Failed::Report {
                found: found.unwrap_or_else(|| "that its trust store is damaged".to_owned()),
                expected,
            });
        }
        match boot.ended.hand_over {
            HandOver::Recovery(Reason::NothingInstalled) => Ok(()),
            HandOver::Recovery(reason) => Err(LinkError::Refused(reason).into()),
            HandOver::Jump { .. } => Err(Failed::Report {
                found: "that something runs already".to_owned(),
                expected: "that nothing is installed".to_owned(),
            }),
        }
    }

    fn confirm(&mut self, probe: &mut Probe) -> Result<(), Failed> {
        let order = self.pass.order;
        let begun = Clock::now();
        while !probe.has_confirmed()? {
            if begun.elapsed() > order.confirm {
                return Err(Failed::Unconfirmed {
                    seconds: order.confirm.as_secs(),
                });
            }
            std::thread::sleep(GLANCE);
        }
        probe.reset()?;
        let installed = self.state(probe).map(|state| {
            (
                state.installed.as_str() == order.release
                    && state.installed_sha256 == Digest::of(&order.image)
                    && state.trial.as_str().is_empty(),
                state.installed.as_str().to_owned(),
            )
        });
        match installed {
            Some((true, _)) => Ok(()),
            Some((false, found)) => Err(Failed::Report {
                found: format!("that `{found}` is installed"),
                expected: format!("{} of the sealed bundle", order.release),
            }),
            None => Err(Failed::Report {
                found: "that its trust store is damaged".to_owned(),
                expected: format!("{} of the sealed bundle", order.release),
            }),
        }
    }

    /// What the bootloader said last of itself; counter and floor go on record, and are never undercut again.
    fn state(&mut self, probe: &Probe) -> Option<State> {
        let state = probe.report().and_then(|report| report.state);
        if let Some(state) = state {
            self.attempt.counter = Some(state.counter.0);
            self.attempt.floor = Some(state.floor.0);
        }
        state
    }

    /// Bootloader and release, byte for byte, as the sealed bundle has them.
    fn verify(&self, probe: &mut Probe) -> Result<(), Failed> {
        let order = self.pass.order;
        let regions = &order.board.regions;
        let length = u32::try_from(order.boot.len()).unwrap_or(u32::MAX);
        let layout = order.board.layout().map_err(|_| Unfit::Foreign)?;
        let boot = probe.region(layout.boot.part(0, length))?;
        compare("boot", regions.boot.start, &boot, &order.boot)?;
        let length = u32::try_from(order.image.len()).unwrap_or(u32::MAX);
        let active = probe.region(layout.active.part(0, length))?;
        compare("active", regions.active.start, &active, &order.image)
    }
}

/// Why a unit failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Between desk and chip.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The chip may not become a unit here.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// There is no serial for it.
    #[error(transparent)]
    Unpromised(#[from] Unpromised),
    /// The bootloader says it is somebody else, or runs something else.
    #[error("the bootloader says {found}, expected {expected}")]
    Report {
        /// What it says.
        found: String,
        /// What it should.
        expected: String,
    },
    /// The application does not confirm.
    #[error("the application did not confirm within {seconds} seconds")]
    Unconfirmed {
        /// How long it was waited for.
        seconds: u64,
    },
    /// What is there is not what the release says.
    #[error("{region} does not hold what was signed: the first difference is at {address:#010x}")]
    Differs {
        /// The region.
        region: &'static str,
        /// Where.
        address: u64,
    },
}

fn compare(region: &'static str, start: u64, found: &[u8], expected: &[u8]) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    let same = found
        .iter()
        .zip(expected)
        .take_while(|(found, expected)| found == expected)
        .count();
    Err(Failed::Differs {
        region,
        address: start + same as u64,
    })
}

/// Between two looks at the confirmation page.
const GLANCE: Duration = Duration::from_millis(50);
