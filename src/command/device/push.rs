//! `cuff device push`: an update over to a device, and the device's own verdict.
//!
//! It writes evidence and image and resets the device; the bootloader judges. The desk refuses only what cannot be sent.

use std::fmt::{self, Write};
use std::path::Path;

use cuff_bootloader::plan::HandOver;
use cuff_verifier::verdict::{Reason, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use super::{At, after, explained, layout, provisioned, shipment, unshipped};
use crate::command::desk::bench;
use crate::command::origin::Origin;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::event::{Event, Why, list};
use crate::device::link::Boot;
use crate::device::push::{push, refusal};
use crate::device::shipment::{Goods, Message, Shipment, ShipmentError, listed};
use crate::device::unit::{Knowledge, Unit};
use crate::judgement::{Room, Trust, Update, judge};
use crate::repository::source::open::is_address;
use crate::role::name::ReleaseName;

/// Bring an update, or trust alone, to a device
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Push {
    #[command(flatten)]
    at: At,

    /// The sealed bundle, as `cuff fetch --sealed` writes it, or the web address of a repository
    sealed: String,

    /// Which release: from a repository, or when the sealed bundle holds several for this product
    #[arg(long, value_name = "RELEASE", conflicts_with = "trust_only")]
    release: Option<String>,

    #[command(flatten)]
    origin: Origin,

    /// Bring evidence alone: revocations, minimum counters and new roots, but no image
    #[arg(long)]
    trust_only: bool,

    /// Say what would be sent and what the device would answer, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Push {
    /// Sends, resets and shows the verdict.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let packed = if is_address(&self.sealed) {
            None
        } else {
            Some(shipment(Path::new(&self.sealed))?)
        };
        let mut link = self.at.reach(console)?;
        let unit = link.unit().map_err(explained)?;
        let knowledge = provisioned(&unit)?;
        let shipment = match packed {
            Some(packed) => packed,
            None => self.fetch(console, knowledge.product())?,
        };
        let goods = self.goods(&shipment, knowledge.product())?;
        let layout = layout(&unit)?;
        let messages = shipment
            .messages(
                &layout,
                knowledge.record.root.version,
                knowledge.product(),
                goods.as_ref(),
            )
            .map_err(unshipped)?;
        let mut answer = Pushed {
            target: self.at.target()?.to_string(),
            serial: knowledge.serial().to_owned(),
            release: goods.as_ref().map(|goods| goods.path.clone()),
            messages: messages.iter().map(Sent::of).collect(),
            dry_run: self.dry_run,
            ended: Ended::Accepted,
            reason: None,
            boots: Vec::new(),
            next: String::new(),
        };
        if self.dry_run {
            answer.forecast(
                &shipment,
                &unit,
                knowledge,
                goods.as_ref(),
                layout.largest_image(),
            )?;
        } else {
            let total = messages.iter().map(Message::length).sum();
            let progress = console.progress("writing", total);
            let boots =
                push(link.as_mut(), &messages, |done| progress.reach(done)).map_err(explained)?;
            drop(progress);
            answer.conclude(&messages, boots);
        }
        console.answer(&answer)
    }

    /// What a sealed bundle would hold, from a repository.
    fn fetch(&self, console: &Console, product: &str) -> anyhow::Result<Shipment> {
        let wanted = match (&self.release, self.trust_only) {
            (Some(release), _) => release.clone(),
            (None, true) => format!("{product}/"),
            (None, false) => {
                return Err(advised(
                    anyhow::anyhow!("a repository holds many releases, and none was named"),
                    Exit::Usage,
                    "no-release",
                    "name one with --release PRODUCT/NAME, or bring trust alone with --trust-only",
                ));
            }
        };
        let verified = self
            .origin
            .update(console, &self.sealed, &[&wanted], self.dry_run)?;
        let releases = if self.trust_only {
            Vec::new()
        } else {
            verified.releases(console)?
        };
        let sealing = verified.seal(&releases)?;
        Shipment::open(sealing.seal.as_bytes().to_vec()).map_err(unshipped)
    }

    fn goods(&self, shipment: &Shipment, product: &str) -> anyhow::Result<Option<Goods>> {
        if self.trust_only {
            return Ok(None);
        }
        let goods = shipment
            .goods(product, self.release.as_deref())
            .map_err(unshipped)?;
        if goods.is_none() {
            return Err(advised(
                anyhow::anyhow!(
                    "the sealed bundle holds {}, and this unit is a {product}",
                    listed(&shipment.releases())
                ),
                Exit::Refused,
                Reason::PathOutsideProduct.name(),
                "name a sealed bundle for this product, or bring its trust alone with --trust-only",
            ));
        }
        if let Some(goods) = &goods {
            self.refuse_withdrawn(&goods.path)?;
        }
        Ok(goods)
    }

    /// A sealed bundle cannot know that its release was withdrawn after it was made. A working directory does.
    fn refuse_withdrawn(&self, path: &str) -> anyhow::Result<()> {
        let Some(desk) = self.origin.place.find()? else {
            return Ok(());
        };
        let bench = bench(&desk, true)?;
        let release: Option<ReleaseName> = path.parse().ok();
        let advisory = release.as_ref().and_then(|release| {
            let product = bench.published()?.product(release.product())?;
            product.withdrawn.get(release)
        });
        match advisory {
            Some(advisory) => Err(advised(
                anyhow::anyhow!(
                    "{} was withdrawn ({})",
                    safe(path),
                    safe(&advisory.to_string())
                ),
                Exit::Refused,
                "withdrawn",
                "push the release that replaces it; nothing was sent",
            )),
            None => Ok(()),
        }
    }
}

/// What a push came to.
#[derive(Serialize, JsonSchema)]
pub struct Pushed {
    /// The device, as it was named.
    target: String,
    /// The unit.
    serial: String,
    /// The release; absent when trust went alone.
    release: Option<String>,
    /// What was sent, or would be, one reset after each.
    messages: Vec<Sent>,
    /// Whether nothing was written.
    dry_run: bool,
    /// How it ended.
    ended: Ended,
    /// Why it was refused.
    reason: Option<Why>,
    /// What the bootloader did after each reset.
    boots: Vec<Vec<Event>>,
    /// What to expect now.
    next: String,
}

/// How a push ended.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    /// The device accepted it, or would.
    Accepted,
    /// The device refused it, or would.
    Refused,
    /// The device stays in recovery.
    Recovery,
}

/// One message.
#[derive(Serialize, JsonSchema)]
struct Sent {
    /// `roots`, `trust` or `candidate`.
    what: String,
    /// Bytes of evidence.
    evidence: u64,
    /// Bytes of image.
    image: u64,
}

impl Sent {
    fn of(message: &Message) -> Self {
        let (what, evidence, image) = match message {
            Message::Roots(evidence) => ("roots", evidence.len(), 0),
            Message::Trust(evidence) => ("trust", evidence.len(), 0),
            Message::Candidate { evidence, image } => ("candidate", evidence.len(), image.len()),
        };
        Self {
            what: what.to_owned(),
            evidence: evidence as u64,
            image: image as u64,
        }
    }
}

impl Pushed {
    /// The bootloader's judge, asked at the desk.
    fn forecast(
        &mut self,
        shipment: &Shipment,
        unit: &Unit,
        knowledge: &Knowledge,
        goods: Option<&Goods>,
        largest_image: u32,
    ) -> anyhow::Result<()> {
        let trust_alone = format!("{}/", knowledge.product());
        let path = goods.map_or(trust_alone.as_str(), |goods| goods.path.as_str());
        let evidence = shipment
            .metadata()
            .and_then(|metadata| {
                let evidence = metadata.evidence(path, knowledge.record.root.version);
                evidence.map_err(ShipmentError::from)
            })
            .map_err(unshipped)?;
        let judgement = judge(
            &knowledge.known(unit.bootloader),
            &Update {
                evidence: &evidence,
                image: Some(goods.map_or(&[], |goods| goods.bundle.image())),
            },
            Some(Room {
                evidence: u64::MAX,
                image: u64::from(largest_image),
            }),
        );
        let open = goods.is_some() && knowledge.record.trial.is_some();
        let refusal = match judgement.verdict {
            _ if open => Some(Reason::TrialOpen),
            Verdict::Refuse(Reason::NoImage) if goods.is_none() => None,
            Verdict::Refuse(reason) => Some(reason),
            Verdict::Boot => None,
        };
        let moves = match judgement.trust {
            Trust::Stays => "its trust would stay as it is",
            Trust::Root(_) => "its trusted root would move",
            Trust::Chain(_) => "its trust would move",
        };
        self.ended = refusal.map_or(Ended::Accepted, |_| Ended::Refused);
        self.reason = refusal.map(Why::from);
        self.next = match refusal {
            Some(reason) => format!("{moves}; {}", after(reason)),
            None => format!("{moves}; push again without --dry-run"),
        };
        Ok(())
    }

    /// What the last boot says, and what to expect.
    fn conclude(&mut self, messages: &[Message], boots: Vec<Boot>) {
        if let Some((message, boot)) = messages.iter().zip(&boots).next_back() {
            let refused = refusal(message, boot).map(|reason| (Ended::Refused, reason));
            let stays = match boot.ended.hand_over {
                HandOver::Recovery(reason) => Some((Ended::Recovery, reason)),
                HandOver::Jump { .. } => None,
            };
            if let Some((ended, reason)) = stays.or(refused) {
                self.ended = ended;
                self.reason = Some(reason.into());
            }
        }
        self.boots = boots.into_iter().map(|boot| boot.events).collect();
        let events = self.boots.last().map(Vec::as_slice).unwrap_or_default();
        let started = events.iter().rev().find_map(|event| match event {
            Event::TrialStarted { release, start, of } => {
                Some((release, format!(", start {start} of {of}")))
            }
            _ => None,
        });
        // Where nobody watched step by step, only that it runs is known.
        let started = started.or_else(|| match events.last() {
            Some(Event::Running {
                release,
                trial: true,
            }) => Some((release, String::new())),
            _ => None,
        });
        self.next = match (self.ended, started, &self.reason) {
            (Ended::Accepted, Some((release, start)), _) => format!(
                "{release} runs on trial{start}: once it confirms, the next boot installs it; if it never does, the release before comes back"
            ),
            (Ended::Accepted, None, _) => {
                "the device's trust is up to date; what it runs has not changed".to_owned()
            }
            (_, _, Some(reason)) => Reason::from_code(reason.code).map_or("", after).to_owned(),
            (_, _, None) => String::new(),
        };
    }
}

impl Answer for Pushed {
    const COMMAND: &'static str = "device push";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let what = self.release.as_deref().unwrap_or("trust alone");
        writeln!(
            out,
            "{} to {}, {}",
            safe(what),
            safe(&self.serial),
            safe(&self.target)
        )?;
        for (index, message) in self.messages.iter().enumerate() {
            let image = match message.image {
                0 => String::new(),
                bytes => format!(", image {bytes} bytes"),
            };
            writeln!(
                out,
                "message {} of {}: {}, evidence {} bytes{image}",
                index + 1,
                self.messages.len(),
                message.what,
                message.evidence
            )?;
            if let Some(events) = self.boots.get(index) {
                list(out, events)?;
            }
        }
        let would = if self.dry_run { "would be " } else { "" };
        match (self.ended, &self.reason) {
            (Ended::Accepted, _) => writeln!(out, "{would}accepted")?,
            (Ended::Refused, Some(reason)) => writeln!(out, "{would}refused: {reason}")?,
            (_, reason) => writeln!(
                out,
                "the device stays in recovery{}",
                reason
                    .as_ref()
                    .map_or(String::new(), |reason| format!(": {reason}"))
            )?,
        }
        writeln!(out, "next: {}", safe(&self.next))
    }

    fn exit(&self) -> Exit {
        match self.ended {
            Ended::Accepted => Exit::Yes,
            Ended::Refused => Exit::Refused,
            Ended::Recovery => Exit::Recovery,
        }
    }
}
