//! The device's judge: evidence held against what the device knows, and an image against its release.
//!
//! Takes memory, gives what may be kept ([`Advance`]) and what may be installed ([`Release`]). It never writes: trust is
//! committed by the caller as soon as the walk gives it, whatever becomes of the image (docs/trust.md).

use core::hint::black_box;

use crate::digest::Digest;
use crate::evidence::Evidence;
use crate::json::Text;
use crate::key::Ed25519;
use crate::profile::Profile;
use crate::release::{Kind, Record};
use crate::role::targets::{Target, Targets};
use crate::search::{Search, Step};
use crate::threshold::Authentic;
use crate::time::{Clock, Instant};
use crate::trusted::{Dates, Policy, RootChain, Seen, SeenRoles, Trusted};
use crate::verdict::{Reason, Verdict};
use crate::version::{Counter, Length, Version};

/// What a device knows before it is shown anything.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its product, which is the name of the role that speaks for its releases.
    pub product: &'a str,
    /// Its hardware id.
    pub hardware: &'a str,
    /// Version of its bootloader.
    pub bootloader: u64,
    /// Canonical `signed` bytes of the trusted root.
    pub root: &'a [u8],
    /// Versions trusted before.
    pub versions: Versions,
    /// SHA-256 of the last trusted timestamp.
    pub timestamp_digest: Digest,
    /// The largest threshold-signed `issued` seen.
    pub floor: Instant,
    /// The least counter that the product role allows.
    pub minimum_counter: Counter,
    /// The counter of the last confirmed release.
    pub counter: Counter,
}

impl<'a> Known<'a> {
    /// What a unit knows that was given its root and has seen nothing yet.
    pub const fn of_new_unit(
        product: &'a str,
        hardware: &'a str,
        bootloader: u64,
        root: &'a [u8],
    ) -> Self {
        Self {
            product,
            hardware,
            bootloader,
            root,
            versions: Versions {
                timestamp: 0,
                snapshot: 0,
                targets: 0,
                product: 0,
            },
            timestamp_digest: Digest([0; 32]),
            floor: Instant(0),
            minimum_counter: Counter(0),
            counter: Counter(0),
        }
    }
}

/// Versions of the roles below root; 0 where none was trusted yet, or a root has reset it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Of timestamp.
    pub timestamp: u64,
    /// Of snapshot.
    pub snapshot: u64,
    /// Of the top-level targets role.
    pub targets: u64,
    /// Of the product role.
    pub product: u64,
}

impl Versions {
    /// Whether a walk leaves such versions: all of them or, before the first update and after a reset, none. A number that no
    /// version can have is damage: it must not read as "nothing was seen".
    fn holds(&self) -> bool {
        let all = [self.timestamp, self.snapshot, self.targets, self.product];
        let known = all.into_iter().filter_map(Version::new).count();
        known == all.len() || all == [0; 4]
    }
}

/// Where a walk through evidence ended.
#[derive(Debug)]
pub struct Walk<'a> {
    /// Trust state to commit now, when it differs from what the device knows: the root links that held, and all the rest
    /// if the whole chain held.
    pub advance: Option<Advance<'a>>,
    /// What the evidence amounts to.
    pub outcome: Outcome<'a>,
}

/// What the evidence amounts to.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// The whole chain holds.
    Complete(Chain<'a>),
    /// Root links that hold, and nothing else: one step of several.
    RootsOnly,
    /// Something does not hold.
    Refused(Reason),
}

/// New trust state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance<'a> {
    /// Canonical `signed` bytes of the root.
    pub root: &'a [u8],
    /// Version of the root.
    pub root_version: Version,
    /// Whether the root is another than before.
    pub root_changed: bool,
    /// Versions of the other roles.
    pub versions: Versions,
    /// SHA-256 of the timestamp.
    pub timestamp_digest: Digest,
    /// The time floor.
    pub floor: Instant,
    /// The minimum counter.
    pub minimum_counter: Counter,
}

/// Judges evidence: root links, timestamp, snapshot, targets, and the roles that the search for its path meets.
pub fn walk<'a>(known: &Known<'a>, evidence: &Evidence<'a>) -> Walk<'a> {
    let policy = Policy {
        profile: Profile::Device,
        clock: Clock::Floor(known.floor),
        schemes: &Ed25519,
    };
    let kept = Authentic::kept_in_trust_store(known.root, Profile::Device);
    let mut roots = match RootChain::resume(&kept, policy) {
        Ok(roots) if known.versions.holds() => roots,
        resumed => {
            return Walk {
                advance: None,
                outcome: Outcome::Refused(
                    resumed.map_or_else(Reason::from, |_| Reason::TrustDamaged),
                ),
            };
        }
    };
    let before = roots.root().head.version;
    let mut broken = None;
    for (version, document) in evidence.roots() {
        if version <= roots.root().head.version.get() {
            continue;
        }
        if roots.root().head.version.next().map(Version::get) != Some(version) {
            broken = Some(Reason::EvidenceRootGap);
            break;
        }
        match roots.extend(document) {
            Ok(next) => roots = next,
            Err(refusal) => {
                broken = Some(refusal.into());
                break;
            }
        }
    }
    let base = Advance {
        root: roots.root().signed(),
        root_version: roots.root().head.version,
        root_changed: roots.root().head.version != before,
        versions: if roots.resets() {
            Versions::default()
        } else {
            known.versions
        },
        timestamp_digest: known.timestamp_digest,
        floor: known.floor,
        minimum_counter: known.minimum_counter,
    };
    let outcome = match broken {
        Some(reason) => Err(reason),
        None => complete(known, evidence, roots, base),
    };
    let root_alone = base.root_changed.then_some(base);
    match outcome {
        Ok(Some((advance, chain))) => Walk {
            advance: (base.root_changed || !advance.is_known(known)).then_some(advance),
            outcome: Outcome::Complete(chain),
        },
        Ok(None) => Walk {
            advance: root_alone,
            outcome: Outcome::RootsOnly,
        },
        Err(reason) => Walk {
            advance: root_alone,
            outcome: Outcome::Refused(reason),
        },
    }
}

impl Advance<'_> {
    fn is_known(&self, known: &Known<'_>) -> bool {
        self.versions == known.versions
            && self.timestamp_digest == known.timestamp_digest
            && self.floor == known.floor
            && self.minimum_counter == known.minimum_counter
    }
}

/// Everything below root; `None` when the evidence stops at root.
fn complete<'a>(
    known: &Known<'a>,
    evidence: &Evidence<'a>,
    roots: RootChain<'a, '_, Ed25519>,
    base: Advance<'a>,
) -> Result<Option<(Advance<'a>, Chain<'a>)>, Reason> {
    let Some([timestamp, snapshot, targets]) = evidence.online() else {
        return Ok(None);
    };
    let seen = base.versions;
    let listed = Version::new(seen.targets).zip(Version::new(seen.product));
    let roles = listed.map(|(targets, product)| {
        [
            (b"targets".as_slice(), targets),
            (known.product.as_bytes(), product),
        ]
    });
    let seen = Seen {
        timestamp: Version::new(seen.timestamp).map(|version| (version, known.timestamp_digest)),
        snapshot: Version::new(seen.snapshot),
        roles: roles
            .as_ref()
            .map_or(SeenRoles::None, |roles| SeenRoles::Versions(roles)),
    };
    let trusted = roots
        .finish()?
        .timestamp(timestamp, seen)?
        .snapshot(snapshot)?
        .targets(targets)?;
    let product = look_up(known, evidence, &trusted)?;
    let floor = known.floor.max(product.dates.issued);
    let (expires, role) = product.dates.expires;
    if expires <= floor {
        return Err(Reason::expired(role));
    }
    if product
        .dates
        .stamped
        .is_none_or(|stamped| stamped >= expires)
    {
        return Err(Reason::SignedAfterExpiry);
    }
    let minimum = product
        .role
        .minimum_counter()
        .ok_or(Reason::MissingMember)?;
    let advance = Advance {
        versions: Versions {
            timestamp: trusted.timestamp.head.version.get(),
            snapshot: trusted.snapshot.head.version.get(),
            targets: trusted.targets.head.version.get(),
            product: product.role.head.version.get(),
        },
        timestamp_digest: trusted.timestamp_digest,
        floor,
        // After a reset the first product role says anew what the minimum is.
        minimum_counter: if base.versions.product == 0 {
            minimum
        } else {
            minimum.max(known.minimum_counter)
        },
        ..base
    };
    let chain = Chain {
        path: evidence.path(),
        image: evidence.has_image(),
        target: product.target,
        minimum: advance.minimum_counter,
    };
    Ok(Some((advance, chain)))
}

/// What the search for the evidence's path found.
struct Product<'a> {
    role: Targets<'a>,
    target: Option<Target<'a>>,
    dates: Dates,
}

/// The path is a hint: it must lie in the product, the search for it must be served in full, and it must lead to the role
/// of this product, whoever else might answer.
fn look_up<'a>(
    known: &Known<'a>,
    evidence: &Evidence<'a>,
    trusted: &Trusted<'a, '_, Ed25519>,
) -> Result<Product<'a>, Reason> {
    let name = evidence
        .path()
        .strip_prefix(known.product)
        .and_then(|rest| rest.strip_prefix('/'));
    name.ok_or(Reason::PathOutsideProduct)?;
    let path = Text::plain(evidence.path()).ok_or(Reason::EvidencePath)?;
    let mut search = Search::new(trusted, path);
    let mut files = evidence.delegated();
    let mut role = None;
    let found = loop {
        match search.step()? {
            Step::Found(found) => break Some(found),
            Step::Absent => break None,
            Step::Needs(needed) => {
                let file = files.next().ok_or(Reason::EvidenceIncomplete)?;
                let is_product = needed.delegation.name().raw() == known.product.as_bytes();
                let targets = search.supply(file)?;
                if is_product {
                    role = targets;
                }
            }
        }
    };
    if files.next().is_some() {
        return Err(Reason::EvidenceSurplus);
    }
    if found.is_some_and(|found| found.role.map(Text::raw) != Some(known.product.as_bytes())) {
        return Err(Reason::SignedByOtherRole);
    }
    let role = role.ok_or(Reason::ProductRoleMissing)?;
    Ok(Product {
        role,
        target: found.map(|found| found.target),
        dates: search.dates(),
    })
}

/// A chain that holds, down to the product role.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    path: &'a str,
    image: bool,
    target: Option<Target<'a>>,
    minimum: Counter,
}

impl<'a> Chain<'a> {
    /// The release that the evidence speaks of, if this device may install it.
    pub fn release(&self, known: &Known<'_>) -> Result<Release<'a>, Reason> {
        self.release_of(Kind::Application, known)
    }

    /// The bootloader that the evidence speaks of, if a unit may begin with it: for whoever provisions, never for a device.
    pub fn first_bootloader(&self, known: &Known<'_>) -> Result<Release<'a>, Reason> {
        self.release_of(Kind::Bootloader, known)
    }

    fn release_of(&self, kind: Kind, known: &Known<'_>) -> Result<Release<'a>, Reason> {
        if !self.image {
            return Err(Reason::NoImage);
        }
        let record = Record::of(&self.target.ok_or(Reason::TargetUnknown)?)?;
        if record.product != known.product {
            return Err(Reason::OtherProduct);
        }
        if record.kind != kind {
            return Err(Reason::NotAnApplication);
        }
        if !record.suits(known.hardware) {
            return Err(Reason::OtherHardware);
        }
        if record.minimum_bootloader > known.bootloader {
            return Err(Reason::BootloaderTooOld);
        }
        if record.counter < known.counter {
            return Err(Reason::CounterRollback);
        }
        // Asked twice: one branch that is not taken must not be enough.
        if record.counter < self.minimum
            || black_box(record.counter) < known.counter.max(self.minimum)
        {
            return Err(Reason::CounterBelowMinimum);
        }
        Ok(Release {
            path: self.path,
            record,
        })
    }
}

/// A release that this device may install, if the image is the one that was signed.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its target path.
    pub path: &'a str,
    /// Its record.
    pub record: Record<'a>,
}

impl Release<'_> {
    /// Whether `image` is the one that was signed. `image` is exactly as long as the record says, or it is refused.
    pub fn admits(&self, image: &[u8]) -> Verdict {
        if Length::of(image) != self.record.image.length {
            return Verdict::Refuse(Reason::ImageLength);
        }
        let same = self.record.image.sha256.is_of(image);
        // Asked twice: one branch that is not taken must not be enough.
        match (same.holds(), same.holds()) {
            (true, true) => Verdict::Boot,
            _ => Verdict::Refuse(Reason::ImageDigest),
        }
    }
}
