//! One unit in every slot, all slots at once. Not a command of its own.
//!
//! It hands each slot to a worker, records every attempt, and says PASS or FAIL in a way nobody overlooks. It opens no network
//! connection.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::line::{Line, Said, Stretch};
use super::order::order;
use super::unmade::unmade;
use super::{AtStation, now, read, records, unrecorded, wired};
use crate::console::progress::Bars;
use crate::console::{Advice, Console, Exit, Failure, advised, safe, style};
use crate::device::station::order::{Order, Say};
use crate::device::station::pass::{Outcome, Pass};
use crate::device::station::records::Records;
use crate::device::station::records::record::{Attempt, Entry};
use crate::device::station::serials::Serials;
use crate::device::station::{Slot, Station};

impl AtStation {
    /// One unit in every slot.
    pub fn run(&self, console: &Console, path: &Path, rehearse: bool) -> anyhow::Result<Exit> {
        let (station, base) = read(path)?;
        let order = order(console, &station, &base)?;
        let serials = match &station.serials {
            Serials::List(list) => Serials::List(base.join(list)),
            other => other.clone(),
        };
        let records = records(console, &station, &base, &self.unlock)?;
        let slots = self.slots(&station, &records)?;
        let say = Say {
            operator: self.operator.clone().unwrap_or_default(),
            replace: self.replace,
            overwrite: self.overwrite,
            lock: self.lock,
            rehearse,
            scanned: match serials {
                Serials::Scan => scan()?,
                _ => None,
            },
        };
        let batch = Batch {
            console,
            order: &order,
            say: &say,
            serials: &serials,
            records: &Mutex::new(records),
            bars: &console.bars(),
            chips: &Mutex::default(),
        };
        batch.run(&slots)
    }

    fn slots(&self, station: &Station, records: &Records) -> anyhow::Result<Vec<Slot>> {
        let mut slots = wired(station, records.told(), None)?;
        if let Some(label) = &self.slot {
            slots.retain(|slot| slot.label == *label);
            if slots.is_empty() {
                return Err(advised(
                    anyhow::anyhow!("station {} has no slot {label}", station.name),
                    Exit::Usage,
                    "no-slot",
                    "name a slot that the station describes",
                ));
            }
        }
        Ok(slots)
    }
}

fn scan() -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .exit(Exit::Unknown)
        .rule("scanner")?;
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    Ok((!line.is_empty()).then_some(line))
}

struct Batch<'b> {
    console: &'b Console,
    order: &'b Order,
    say: &'b Say,
    serials: &'b Serials,
    records: &'b Mutex<Records>,
    bars: &'b Bars,
    /// The chips that some slot has worked on.
    chips: &'b Mutex<BTreeSet<String>>,
}

impl Batch<'_> {
    fn run(&self, slots: &[Slot]) -> anyhow::Result<Exit> {
        let ended: Vec<anyhow::Result<Exit>> = thread::scope(|scope| {
            let workers: Vec<_> = slots
                .iter()
                .map(|slot| scope.spawn(|| self.unit(slot)))
                .collect();
            workers
                .into_iter()
                .map(|worker| {
                    worker
                        .join()
                        .unwrap_or_else(|_| Err(anyhow::anyhow!("a slot's worker broke down")))
                })
                .collect()
        });
        let mut codes = Vec::new();
        for one in ended {
            codes.push(one?);
        }
        let passed = codes.iter().filter(|code| **code == Exit::Yes).count();
        let exit = match codes.as_slice() {
            [one] => *one,
            _ if passed == codes.len() => Exit::Yes,
            _ => Exit::PartialBatch,
        };
        self.line(Said::BatchEnd {
            passed,
            failed: codes.len() - passed,
            exit: exit.code(),
        });
        Ok(exit)
    }

    fn unit(&self, slot: &Slot) -> anyhow::Result<Exit> {
        let bar = self.bars.bar(&slot.label);
        self.line(Said::TaskBegin { slot: &slot.label });
        let pass = Pass {
            order: self.order,
            say: self.say,
            records: self.records,
            serials: self.serials,
            chips: self.chips,
            slot: &slot.label,
            probe: slot.probe.as_ref(),
            now: &now,
        };
        let Outcome {
            mut attempt,
            planned,
            failed,
        } = pass.run(&mut |step, done, total| {
            bar.say(&format!("{} {step}", slot.label), done, total);
            if done == 0 || done == total {
                self.line(Said::TaskProgress {
                    slot: &slot.label,
                    step: step.name(),
                    done,
                    total,
                });
            }
        });
        drop(bar);
        let mut rule = "";
        let mut help = Vec::new();
        let mut exit = Exit::Yes;
        if let Some((_, error)) = failed {
            let failure = Failure::from(unmade(error));
            exit = failure.exit();
            rule = failure.rule();
            attempt.error = failure.words();
            help = failure.help().to_vec();
            help.extend(self.interrupted(&slot.label, exit));
        }
        attempt.exit = exit.code();
        if !self.say.rehearse {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            let line = Entry::Attempt(Box::new(attempt.clone()));
            records.append(now(), line).map_err(unrecorded)?;
        }
        self.line(Said::TaskEnd {
            slot: &slot.label,
            serial: attempt.serial.as_deref(),
            uid: attempt.uid.as_deref(),
            passed: exit == Exit::Yes,
            step: attempt.step.as_deref(),
            code: exit.code(),
            rule,
            error: &attempt.error,
            help: &help,
            planned: planned
                .iter()
                .map(|one| Stretch {
                    address: one.address,
                    length: one.length,
                })
                .collect(),
            locked: attempt.locked,
            milliseconds: attempt.steps.iter().map(|step| step.milliseconds).sum(),
        });
        if !self.console.json() {
            let mut text = String::new();
            for one in planned.iter().filter(|_| self.say.rehearse) {
                let _full = writeln!(
                    text,
                    "  would write {:#010x}, {} bytes, in its own erased page",
                    one.address, one.length
                );
            }
            text.push_str(&verdict(&attempt, exit, self.say.rehearse));
            for line in &help {
                let _full = writeln!(text, "      help: {}", safe(line));
            }
            self.console.lines(&text);
        }
        Ok(exit)
    }

    /// A chip that is locked does not say who it is; the records know whose lock was being closed here last.
    fn interrupted(&self, slot: &str, exit: Exit) -> Option<String> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let unit = records.told().cut_off_while_locking(slot)?;
        (exit == Exit::Locked).then(|| {
            format!(
                "unit {unit} was cut off here while its port was being closed: if this is it, `cuff device recover --erase-all --rma TICKET --unit {unit}` opens it to be made anew"
            )
        })
    }

    fn line(&self, said: Said<'_>) {
        self.console.line(&Line::from(said));
    }
}

/// What nobody overlooks.
fn verdict(attempt: &Attempt, exit: Exit, rehearse: bool) -> String {
    let serial = attempt.serial.as_deref().unwrap_or("no serial");
    let uid = attempt.uid.as_deref().unwrap_or("unknown");
    let spent: u64 = attempt.steps.iter().map(|step| step.milliseconds).sum();
    let bar = "=".repeat(64);
    if exit == Exit::Yes {
        let word = match (rehearse, attempt.locked) {
            (true, _) => "WOULD BE WRITTEN",
            (false, true) => "PASS, LOCKED",
            (false, false) => "PASS",
        };
        return format!(
            "{bar}\n{}  slot {}  {}  chip {uid}  {}.{} s\n{bar}\n",
            style::paint(style::GOOD, word),
            safe(&attempt.slot),
            safe(serial),
            spent / 1000,
            spent % 1000 / 100,
        );
    }
    let step = attempt.step.as_deref().unwrap_or("?");
    let mut text = format!(
        "{bar}\n{}  slot {}  {}  chip {uid}  at step {step}\n",
        style::paint(style::BAD, "FAIL"),
        safe(&attempt.slot),
        safe(serial),
    );
    for line in &attempt.error {
        let _full = writeln!(text, "      {}", safe(line));
    }
    text.push_str(&bar);
    text.push('\n');
    text
}
