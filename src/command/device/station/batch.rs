//! One unit in every slot, all slots at once. Not a command of its own.
//!
//! It verifies the sealed bundle before the first probe is opened, hands each slot to a worker, records every attempt, and says
//! PASS or FAIL in a way nobody overlooks. It opens no network connection.

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Known, Outcome as Walked, walk};
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::{Reason, Verdict};
use serde::Serialize;

use super::{AtStation, now, read, unrecorded};
use crate::board::Board;
use crate::bundle::seal::MAX_SEAL;
use crate::command::device::{after, explained, trouble, unshipped};
use crate::command::{boards, given};
use crate::console::progress::Bars;
use crate::console::{Advice, Console, Exit, Failure, advised, safe, style};
use crate::device::link::LinkError;
use crate::device::provision::{Pin, newest_root};
use crate::device::shipment::{Goods, Shipment};
use crate::device::station::pass::{Failed, Order, Outcome, Pass, Say};
use crate::device::station::records::{Attempt, Entry, Records};
use crate::device::station::serials::Serials;
use crate::device::station::{Slot, Station};
use crate::device::target::Target;
use crate::instant;
use crate::judgement::{Room, Trust, Update, judge};

impl AtStation {
    /// One unit in every slot.
    pub fn run(&self, console: &Console, path: &Path, rehearse: bool) -> anyhow::Result<Exit> {
        let (station, base) = read(path)?;
        let order = order(console, &station, &base)?;
        let key = self.unlock.open_file(console, &base.join(&station.key))?;
        let serials = match &station.serials {
            Serials::List(list) => Serials::List(base.join(list)),
            other => other.clone(),
        };
        let records = Records::open(
            &base.join(&station.log),
            &station.name,
            Box::new(key),
            station.range(),
            now(),
        )
        .map_err(unrecorded)?;
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
        };
        batch.run(&slots)
    }

    fn slots(&self, station: &Station, records: &Records) -> anyhow::Result<Vec<Slot>> {
        let mut slots = station.slots.clone();
        for slot in &mut slots {
            if let Some(Ok(Target::Probe(probe))) =
                records.told().probe_of(&slot.label).map(str::parse)
            {
                slot.probe = probe;
            }
        }
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

/// Verifies everything that every unit gets.
fn order(console: &Console, station: &Station, base: &Path) -> anyhow::Result<Order> {
    let board = match boards::named(&station.board) {
        Ok(board) => board,
        Err(_) => boards::named(&base.join(&station.board).display().to_string())?,
    };
    let bytes = given::read(&base.join(&station.sealed), MAX_SEAL)?;
    let bundle = Digest::of(&bytes);
    let shipment = Shipment::open(bytes).map_err(unshipped)?;
    let goods = |release: &str| -> anyhow::Result<Goods> {
        let found = shipment.goods(&station.product, Some(release));
        found.map_err(unshipped)?.ok_or_else(|| {
            advised(
                anyhow::anyhow!("the sealed bundle does not hold {release}"),
                Exit::No,
                "release-not-inside",
                "fetch a sealed bundle with bootloader and first release in it",
            )
        })
    };
    let (first, boot) = (goods(&station.release)?, goods(&station.bootloader)?);
    let metadata = shipment.metadata().map_err(unshipped)?;
    let (root, version) = newest_root(&metadata, &Pin::Fingerprint(station.root))
        .exit(Exit::Refused)
        .rule("pinned-root-missing")
        .help("fetch a sealed bundle that begins at the pinned root, or check root-sha256 over a way you trust")?;
    let evidence = |path: &str| -> anyhow::Result<Vec<u8>> {
        metadata
            .evidence(path, version)
            .map_err(|error| unshipped(error.into()))
    };
    let known = Known::of_new_unit(&station.product, &station.hardware, board.bootloader, &root);
    let trust = evidence(&format!("{}/", station.product))?;
    let of_release = evidence(&first.path)?;
    let judged = judge(
        &known,
        &Update {
            evidence: &of_release,
            image: Some(first.bundle.image()),
        },
        Some(Room::on(&board)),
    );
    if let Verdict::Refuse(reason) = judged.verdict {
        return Err(refused(&first.path, reason));
    }
    judge_bootloader(&known, &evidence(&boot.path)?, &boot, &board)?;
    if let Trust::Chain(moved) = judged.trust {
        freshness(console, station, moved.floor)?;
    }
    Ok(Order {
        product: station.product.clone(),
        hardware: station.hardware.clone(),
        root,
        trust,
        evidence: of_release,
        release: first.path.clone(),
        image: first.bundle.image().to_vec(),
        bootloader: boot.path.clone(),
        boot: boot.bundle.image().to_vec(),
        bundle,
        confirm: Duration::from_secs(station.confirm),
        board,
    })
}

/// The bootloader is a release too: the same signers, and an image for the boot region.
fn judge_bootloader(
    known: &Known<'_>,
    evidence: &[u8],
    boot: &Goods,
    board: &Board,
) -> anyhow::Result<()> {
    let judged = Evidence::parse(evidence)
        .map_err(Reason::from)
        .and_then(|evidence| match walk(known, &evidence).outcome {
            Walked::Complete(chain) => {
                let release = chain.first_bootloader(known)?;
                match release.admits(boot.bundle.image()) {
                    Verdict::Boot => Ok(()),
                    Verdict::Refuse(reason) => Err(reason),
                }
            }
            Walked::RootsOnly => Err(Reason::EvidenceIncomplete),
            Walked::Refused(reason) => Err(reason),
        });
    match judged {
        Err(reason) => Err(refused(&boot.path, reason)),
        Ok(()) if boot.bundle.image().len() as u64 > board.regions.boot.length => {
            Err(refused(&boot.path, Reason::ImageTooLarge))
        }
        Ok(()) => Ok(()),
    }
}

fn refused(path: &str, reason: Reason) -> anyhow::Error {
    advised(
        anyhow::anyhow!(
            "{path} of the sealed bundle is refused: {reason} (reason {}, {})",
            reason.code(),
            reason.name()
        ),
        Exit::Refused,
        reason.name(),
        after(reason),
    )
}

/// The bundle's newest signed date is all the time there is; how old it is, this machine's clock says.
fn freshness(console: &Console, station: &Station, floor: Instant) -> anyhow::Result<()> {
    let now = instant::now().exit(Exit::Unknown).rule("clock")?;
    let Some(age) = instant::between(floor, now) else {
        console.note(format!(
            "the sealed bundle was signed on {floor}, which this machine's clock has not reached"
        ));
        return Ok(());
    };
    let days = age.seconds() / 86_400;
    console.note(format!(
        "the sealed bundle was signed on {floor}, {days} days ago"
    ));
    match station.max_bundle_age {
        Some(most) if age > most => Err(advised(
            anyhow::anyhow!(
                "the sealed bundle is {days} days old, and this station takes none older than {most}"
            ),
            Exit::No,
            "bundle-too-old",
            "fetch it again with `cuff fetch --sealed`",
        )),
        _ => Ok(()),
    }
}

struct Batch<'b> {
    console: &'b Console,
    order: &'b Order,
    say: &'b Say,
    serials: &'b Serials,
    records: &'b Mutex<Records>,
    bars: &'b Bars,
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
        self.console.line(&Line::BatchEnd {
            passed,
            failed: codes.len() - passed,
            exit: exit.code(),
        });
        Ok(exit)
    }

    fn unit(&self, slot: &Slot) -> anyhow::Result<Exit> {
        let bar = self.bars.bar(&slot.label);
        self.console.line(&Line::TaskBegin { slot: &slot.label });
        let pass = Pass {
            order: self.order,
            say: self.say,
            records: self.records,
            serials: self.serials,
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
                self.console.line(&Line::TaskProgress {
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
        }
        attempt.exit = exit.code();
        if !self.say.rehearse {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            let line = Entry::Attempt(Box::new(attempt.clone()));
            records.append(now(), line).map_err(unrecorded)?;
        }
        self.console.line(&Line::TaskEnd {
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
                .map(|one| (one.address, one.length))
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

/// What a failed unit means: exit code, rule and help.
fn unmade(error: Failed) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        Failed::Link(_) => {
            let Failed::Link(error) = error else {
                return error.into();
            };
            return match error {
                LinkError::Trouble(found) => trouble::explained(found),
                other => explained(other),
            };
        }
        Failed::Records(_) => {
            let Failed::Records(error) = error else {
                return error.into();
            };
            return unrecorded(error);
        }
        Failed::NoUid { .. } => (
            Exit::WrongChip,
            "no-uid",
            "check the uid address in the board's [debug] table",
        ),
        Failed::PassedBefore { .. } => (
            Exit::AlreadyProvisioned,
            "passed-before",
            "take the next unit, or make this one anew with --replace",
        ),
        Failed::Somebody { .. } => (
            Exit::AlreadyProvisioned,
            "already-provisioned",
            "a unit from elsewhere comes in through `cuff device recover --erase-all --rma`",
        ),
        Failed::OtherRoot { .. } => (
            Exit::Foreign,
            "other-root",
            "it is another company's unit, or another product line's: set it aside",
        ),
        Failed::Foreign => (
            Exit::Foreign,
            "foreign-firmware",
            "set it aside, or overwrite what it holds with --overwrite",
        ),
        Failed::SerialTaken { .. } => (
            Exit::SerialTaken,
            "serial-taken",
            "scan this unit's own label; a label that exists twice goes back to the printer",
        ),
        Failed::OtherLabel { .. } => (
            Exit::SerialTaken,
            "other-label",
            "scan the label that this unit was promised",
        ),
        Failed::NoSerial { .. } => (Exit::SerialTaken, "no-serial", "scan the label again"),
        Failed::Exhausted { .. } => (
            Exit::Exhausted,
            "serials-exhausted",
            "give the station a new range, list or label",
        ),
        Failed::List { .. } => (
            Exit::Unknown,
            "serial-list",
            "check the path in the station's description",
        ),
        Failed::Report { .. } => (
            Exit::Silent,
            "other-report",
            "set the unit aside: its bootloader does not say what was written",
        ),
        Failed::Unconfirmed { .. } => (
            Exit::TrialReverted,
            "unconfirmed",
            "the application is sick on this unit: repeat the command once, then set it aside",
        ),
        Failed::Differs { .. } => (
            Exit::WriteFailed,
            "differs",
            "repeat the command; if the same address differs again, the flash is damaged",
        ),
    };
    advised(error, exit, rule, help)
}

/// One object a line, with `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'l> {
    TaskBegin {
        slot: &'l str,
    },
    TaskProgress {
        slot: &'l str,
        step: &'l str,
        done: u64,
        total: u64,
    },
    TaskEnd {
        slot: &'l str,
        serial: Option<&'l str>,
        uid: Option<&'l str>,
        passed: bool,
        step: Option<&'l str>,
        code: u8,
        rule: &'l str,
        error: &'l [String],
        help: &'l [String],
        planned: Vec<(u64, u64)>,
        locked: bool,
        milliseconds: u64,
    },
    BatchEnd {
        passed: usize,
        failed: usize,
        exit: u8,
    },
}
