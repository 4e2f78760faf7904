//! One unit, from a bare board to a device that has proven itself.
//!
//! Takes a probe, an [`Order`] that was verified before, and the station log; gives what the unit became, or the step and the
//! reason. A serial is promised to the chip before the first write and used by no other; whatever is interrupted is done
//! again from the beginning by the same command, for the same chip under the same serial.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use cuff_bootloader::field::Text;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::provision::First;
use cuff_bootloader::record::Identity;
use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::Counter;

use super::records::{Attempt, Entry, Records, RecordsError, StepTime};
use super::serials::{Serials, fits};
use crate::board::Board;
use crate::device::link::{Link, LinkError};
use crate::device::probe::Probe;
use crate::device::target::ProbeId;
use crate::device::trouble::Trouble;
use crate::device::unit::Standing;

/// What every unit of a batch gets; verified before the first of them is touched.
#[derive(Clone, Debug)]
pub struct Order {
    /// The board.
    pub board: Board,
    /// Product, hardware id; the serial is each unit's own.
    pub product: String,
    /// See `product`.
    pub hardware: String,
    /// Canonical `signed` bytes of the root.
    pub root: Vec<u8>,
    /// Evidence without an image: trust alone.
    pub trust: Vec<u8>,
    /// Evidence of the first release.
    pub evidence: Vec<u8>,
    /// The first release, by target path.
    pub release: String,
    /// Its image.
    pub image: Vec<u8>,
    /// The bootloader, by target path.
    pub bootloader: String,
    /// Its image.
    pub boot: Vec<u8>,
    /// SHA-256 of the sealed bundle.
    pub bundle: Digest,
    /// How long the application may take to confirm.
    pub confirm: Duration,
}

/// What the operator said.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command"
)]
#[derive(Clone, Debug, Default)]
pub struct Say {
    /// Who.
    pub operator: String,
    /// A unit that passed here before may be made anew.
    pub replace: bool,
    /// Firmware that is not ours may be overwritten.
    pub overwrite: bool,
    /// Close the debug port once everything is proven.
    pub lock: bool,
    /// Write nothing.
    pub rehearse: bool,
    /// The label that was scanned.
    pub scanned: Option<String>,
}

/// The steps, in order. Their names are the same in bars, records and JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Reach the chip and prove which it is.
    Attach,
    /// Find out whether this unit may be made here.
    Preflight,
    /// Promise it a serial.
    Reserve,
    /// Work out every write.
    Rehearse,
    /// Write bootloader, trust and identity.
    Write,
    /// Ask the bootloader who it is.
    Answer,
    /// Bring the first release.
    Push,
    /// Wait until the application confirms, and have it installed.
    Confirm,
    /// Read everything back.
    Verify,
    /// Close the debug port.
    Lock,
    /// Prove that it is closed.
    Prove,
}

impl Step {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Preflight => "preflight",
            Self::Reserve => "reserve",
            Self::Rehearse => "rehearse",
            Self::Write => "write",
            Self::Answer => "answer",
            Self::Push => "push",
            Self::Confirm => "confirm",
            Self::Verify => "verify",
            Self::Lock => "lock",
            Self::Prove => "prove",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a unit failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Between desk and chip.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The log.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A chip whose number is none.
    #[error("the chip's unique number reads {uid}: it names no chip")]
    NoUid {
        /// The number.
        uid: String,
    },
    /// It passed before.
    #[error("chip {uid} passed here before, as unit {serial}")]
    PassedBefore {
        /// The chip.
        uid: String,
        /// The unit.
        serial: String,
    },
    /// Somebody made it already, and not this station.
    #[error("the chip is {product} {serial} already, and not on this station's record")]
    Somebody {
        /// The product.
        product: String,
        /// The unit.
        serial: String,
    },
    /// Its trust is another company's.
    #[error("the chip is {product} {serial} already, and trusts another root: {root}")]
    OtherRoot {
        /// The product.
        product: String,
        /// The unit.
        serial: String,
        /// SHA-256 of the root it trusts.
        root: String,
    },
    /// Something is in flash that this station did not write.
    #[error("the chip holds firmware that this station did not write")]
    Foreign,
    /// The label was used.
    #[error("serial {serial} was given to another unit before, chip {uid}")]
    SerialTaken {
        /// The serial.
        serial: String,
        /// The chip that has it.
        uid: String,
    },
    /// The label does not belong to this chip.
    #[error("serial {scanned} was scanned, and chip {uid} was promised {promised} before")]
    OtherLabel {
        /// What was scanned.
        scanned: String,
        /// What was promised.
        promised: String,
        /// The chip.
        uid: String,
    },
    /// The label is none.
    #[error("\"{}\" cannot be a serial: expected 1 to 31 printable ASCII characters", scanned.escape_debug())]
    NoSerial {
        /// What was scanned.
        scanned: String,
    },
    /// None left.
    #[error("no serial is left: {why}")]
    Exhausted {
        /// Which source.
        why: String,
    },
    /// The list cannot be read.
    #[error("the list of serials cannot be read: {why}")]
    List {
        /// Why.
        why: String,
    },
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
                probe: self
                    .probe
                    .map(crate::device::probe::attach::name)
                    .unwrap_or_default(),
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
        self.attempt.probe = crate::device::probe::attach::name(probe.id());
        let uid = probe.uid()?;
        self.next(Step::Preflight);
        if uid.bytes().all(|digit| digit == b'0') || uid.bytes().all(|digit| digit == b'f') {
            return Err(Failed::NoUid { uid });
        }
        self.attempt.uid = Some(uid.clone());
        let before = self.preflight(&mut probe, &uid)?;
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

    /// Whether this chip may be made a unit here; gives the counter and floor it may not fall below.
    fn preflight(&self, probe: &mut Probe, uid: &str) -> Result<(Counter, Instant), Failed> {
        let say = self.pass.say;
        let records = self
            .pass
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let passed = records.told().passed(uid).cloned();
        let promised = records.told().promised(uid).map(str::to_owned);
        drop(records);
        if let Some(passed) = &passed
            && !say.replace
        {
            return Err(Failed::PassedBefore {
                uid: uid.to_owned(),
                serial: passed.serial.clone().unwrap_or_default(),
            });
        }
        let mut least = passed.map_or((Counter(0), Instant(0)), |passed| {
            (
                Counter(passed.counter.unwrap_or(0)),
                Instant(passed.floor.unwrap_or(0)),
            )
        });
        match probe.unit()?.standing {
            Standing::Provisioned(knowledge) => {
                let ours = promised.as_deref() == Some(knowledge.serial());
                let root = knowledge.record.root.sha256;
                if !ours && root != Digest::of(&self.pass.order.root) {
                    return Err(Failed::OtherRoot {
                        product: knowledge.product().to_owned(),
                        serial: knowledge.serial().to_owned(),
                        root: root.to_string(),
                    });
                }
                if !ours {
                    return Err(Failed::Somebody {
                        product: knowledge.product().to_owned(),
                        serial: knowledge.serial().to_owned(),
                    });
                }
                least = (
                    least.0.max(knowledge.counter),
                    least.1.max(knowledge.record.floor),
                );
            }
            Standing::Blank | Standing::Damaged => {
                let layout = probe.board().layout().map_err(|_| Failed::Foreign)?;
                let mut held = probe.region(layout.boot.part(0, LOOK))?;
                held.extend(probe.region(layout.active.part(0, LOOK))?);
                let written = held.iter().any(|byte| *byte != 0xff);
                if written && promised.is_none() && !say.overwrite {
                    return Err(Failed::Foreign);
                }
            }
        }
        Ok(least)
    }

    /// Promises the chip a serial, or finds the one it was promised.
    fn reserve(&self, uid: &str) -> Result<String, Failed> {
        let say = self.pass.say;
        let mut records = self
            .pass
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let promised = records.told().promised(uid).map(str::to_owned);
        if let Some(scanned) = &say.scanned {
            if !fits(scanned) {
                return Err(Failed::NoSerial {
                    scanned: scanned.clone(),
                });
            }
            if let Some(promised) = promised.as_ref().filter(|one| *one != scanned) {
                return Err(Failed::OtherLabel {
                    scanned: scanned.clone(),
                    promised: promised.clone(),
                    uid: uid.to_owned(),
                });
            }
            if let Some(holder) = records.told().holder(scanned).filter(|one| *one != uid) {
                return Err(Failed::SerialTaken {
                    serial: scanned.clone(),
                    uid: holder.to_owned(),
                });
            }
        }
        if let Some(promised) = promised {
            return Ok(promised);
        }
        let serial = match (&say.scanned, self.pass.serials) {
            (Some(scanned), _) => scanned.clone(),
            (None, Serials::Range(range)) => range
                .all()
                .find(|serial| records.told().holder(serial).is_none())
                .ok_or_else(|| Failed::Exhausted {
                    why: format!("the range ends at {}{}", range.prefix, range.last),
                })?,
            (None, Serials::List(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failed::List {
                    why: format!("{}: {error}", path.display()),
                })?;
                let free = text
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .find(|line| records.told().holder(line).is_none());
                let serial = free.ok_or_else(|| Failed::Exhausted {
                    why: format!("every line of {} was used", path.display()),
                })?;
                if !fits(serial) {
                    return Err(Failed::NoSerial {
                        scanned: serial.to_owned(),
                    });
                }
                serial.to_owned()
            }
            (None, Serials::Scan) => {
                return Err(Failed::Exhausted {
                    why: "no line came from the scanner".to_owned(),
                });
            }
        };
        if !say.rehearse {
            records.append(
                (self.pass.now)(),
                Entry::Reserved {
                    serial: serial.clone(),
                    uid: uid.to_owned(),
                    slot: self.pass.slot.to_owned(),
                },
            )?;
        }
        Ok(serial)
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
    fn answer(&self, probe: &mut Probe, serial: &str) -> Result<(), Failed> {
        let boot = probe.reset()?;
        let report = probe.report().and_then(|report| report.state);
        let found = report.map(|state| {
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
        let state = probe.report().and_then(|report| report.state);
        let installed = state.map(|state| {
            (
                state.installed.as_str() == order.release
                    && state.installed_sha256 == Digest::of(&order.image)
                    && state.trial.as_str().is_empty(),
                state.installed.as_str().to_owned(),
            )
        });
        match installed {
            Some((true, _)) => {}
            Some((false, found)) => {
                return Err(Failed::Report {
                    found: format!("that `{found}` is installed"),
                    expected: format!("{} of the sealed bundle", order.release),
                });
            }
            None => {
                return Err(Failed::Report {
                    found: "that its trust store is damaged".to_owned(),
                    expected: format!("{} of the sealed bundle", order.release),
                });
            }
        }
        if let Some(state) = state {
            self.attempt.counter = Some(state.counter.0);
            self.attempt.floor = Some(state.floor.0);
        }
        Ok(())
    }

    /// Bootloader and release, byte for byte, as the sealed bundle has them.
    fn verify(&self, probe: &mut Probe) -> Result<(), Failed> {
        let order = self.pass.order;
        let regions = &order.board.regions;
        let length = u32::try_from(order.boot.len()).unwrap_or(u32::MAX);
        let layout = order.board.layout().map_err(|_| Failed::Foreign)?;
        let boot = probe.region(layout.boot.part(0, length))?;
        compare("boot", regions.boot.start, &boot, &order.boot)?;
        let length = u32::try_from(order.image.len()).unwrap_or(u32::MAX);
        let active = probe.active(length)?;
        compare("active", regions.active.start, &active, &order.image)
    }
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

/// How much of a region is looked at to see whether something is in it.
const LOOK: u32 = 4096;
/// Between two looks at the confirmation page.
const GLANCE: Duration = Duration::from_millis(50);
