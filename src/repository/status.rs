//! Where things stand: who has signed, who can still sign, what is missing, what expires when.
//!
//! Takes the bench and a point in time, decides nothing and writes nothing.

use super::bench::Bench;
use super::drill;
use super::people::People;
use super::published::Published;
use crate::role::name::RoleName;
use crate::role::pipeline::Staged;
use crate::role::wire::{Hex, Utc};
use cuff_verifier::time::Instant;
use schemars::JsonSchema;
use serde::Serialize;

/// Where things stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// The point in time expiry is held against.
    pub at: String,
    /// Whether this clone was told which root to trust.
    pub pinned: bool,
    /// What is staged.
    pub staged: Vec<StagedRole>,
    /// Bundles staged with it.
    pub bundles: Vec<String>,
    /// Signatures that do not count because they are over other bytes.
    pub outdated: Vec<OutdatedSignature>,
    /// What is published.
    pub published: Vec<PublishedRole>,
    /// Whether everything staged has all its signatures (true when nothing is staged).
    pub complete: bool,
    /// Whether anything published has expired.
    pub expired: bool,
    /// How many more root keys may be lost before no device could ever be updated; null when nothing is published.
    pub root_keys_to_lose: Option<u64>,
    /// What devices make of what is published, product by product.
    pub devices: Vec<Forecast>,
}

/// What devices of a product make of what is published, at the point in time that was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Forecast {
    /// The product.
    pub product: String,
    /// The latest time signed into anything they know once they are up to date: their time floor.
    pub floor: String,
    /// The earliest expiry on the way to its releases.
    pub until: String,
    /// Whose that is.
    pub until_role: String,
    /// Whether devices with a clock still install what is published.
    pub with_clock: bool,
    /// Whether devices without one do. Time does not change it, only a later signature does.
    pub without_clock: bool,
    /// Roles that people must sign again before anything can be released at that time.
    pub sign_again: Vec<String>,
}

/// One staged role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StagedRole {
    /// The role.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// Until when it is valid.
    pub expires: String,
    /// Whether this version was overtaken by a published one.
    pub stale: bool,
    /// Everyone who must be satisfied.
    pub asked: Vec<Asked>,
}

/// Some keys and how far they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asked {
    /// The metadata that names the keys.
    pub by: String,
    /// How many must sign.
    pub threshold: u64,
    /// Who has signed.
    pub signed: Vec<String>,
    /// Who can still sign.
    pub can_sign: Vec<String>,
    /// How many are missing.
    pub missing: u64,
}

/// A signature over bytes that are no longer staged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutdatedSignature {
    /// The role.
    pub role: String,
    /// Who made it.
    pub person: String,
}

/// One published role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PublishedRole {
    /// The role.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// Until when it is valid.
    pub expires: String,
    /// Whether that is over.
    pub expired: bool,
    /// Seconds left.
    pub seconds_left: u64,
}

impl Status {
    /// Where things stand at a point in time.
    pub fn of(bench: &Bench<'_>, people: &People, pinned: bool, at: Instant) -> Self {
        let stale = bench.stale();
        let staged: Vec<StagedRole> = bench
            .staging()
            .roles
            .iter()
            .map(|(role, staged)| StagedRole {
                role: role.to_string(),
                version: staged.draft().version(),
                expires: staged.draft().expires().to_string(),
                stale: stale.iter().any(|stale| stale.role == *role),
                asked: asked(bench, people, role, staged),
            })
            .collect();
        let published: Vec<PublishedRole> = published(bench, at);
        let outdated = bench
            .staging()
            .outdated
            .iter()
            .map(|outdated| OutdatedSignature {
                role: outdated.role.to_string(),
                person: people.show(&outdated.keyid),
            });
        Self {
            at: Utc(at).to_string(),
            pinned,
            bundles: bench
                .staging()
                .bundles
                .keys()
                .map(ToString::to_string)
                .collect(),
            outdated: outdated.collect(),
            complete: staged.iter().all(StagedRole::is_complete),
            expired: published.iter().any(|role| role.expired),
            root_keys_to_lose: bench.published().map(drill::root_margin),
            devices: bench
                .published()
                .map(|published| forecasts(published, at))
                .unwrap_or_default(),
            staged,
            published,
        }
    }
}

impl Status {
    /// Staged roles that wait for more signatures.
    pub fn waiting(&self) -> Vec<String> {
        let waiting = self.staged.iter().filter(|role| !role.is_complete());
        waiting.map(|role| role.role.clone()).collect()
    }
}

impl StagedRole {
    /// Whether it could be published.
    pub fn is_complete(&self) -> bool {
        !self.stale && !self.asked.is_empty() && self.asked.iter().all(|asked| asked.missing == 0)
    }
}

/// What devices make of each product.
fn forecasts(published: &Published, at: Instant) -> Vec<Forecast> {
    let products = published.products();
    let forecasts = products.map(|(name, product)| {
        let role = RoleName::Product(name.clone());
        let floor = published
            .root()
            .issued
            .max(published.targets().issued)
            .max(product.issued);
        let chain = [
            RoleName::Root,
            RoleName::Targets,
            role,
            RoleName::Snapshot,
            RoleName::Timestamp,
        ];
        let dated: Vec<(Utc, &RoleName)> = chain
            .iter()
            .filter_map(|role| Some((published.signed(role)?.draft().expires(), role)))
            .collect();
        let (until, whose) = dated
            .iter()
            .min()
            .map_or((floor, String::new()), |(until, role)| {
                (*until, role.to_string())
            });
        let over = dated
            .iter()
            .filter(|(expires, role)| expires.0 <= at && role.is_offline());
        Forecast {
            product: name.to_string(),
            floor: floor.to_string(),
            until: until.to_string(),
            until_role: whose,
            with_clock: until.0 > at,
            without_clock: until > floor,
            sign_again: over.map(|(_, role)| role.to_string()).collect(),
        }
    });
    forecasts.collect()
}

fn asked(bench: &Bench<'_>, people: &People, role: &RoleName, staged: &Staged) -> Vec<Asked> {
    let authorities = bench.authorities(role);
    let tallies = staged.tally(&authorities);
    authorities
        .iter()
        .zip(tallies)
        .map(|(authority, tally)| {
            let show = |keys: Vec<&Hex>| {
                let keys = people.sorted(keys).into_iter();
                keys.map(|key| people.show(key)).collect()
            };
            Asked {
                by: authority.by.clone(),
                threshold: authority.threshold,
                missing: tally.missing,
                signed: show(tally.valid.iter().collect()),
                can_sign: show(
                    authority
                        .keys
                        .keys()
                        .filter(|key| !tally.valid.contains(key))
                        .collect(),
                ),
            }
        })
        .collect()
}

fn published(bench: &Bench<'_>, at: Instant) -> Vec<PublishedRole> {
    let Some(published) = bench.published() else {
        return Vec::new();
    };
    let online = [RoleName::Snapshot, RoleName::Timestamp];
    let signed = published
        .offline_roles()
        .chain(online)
        .filter_map(|role| published.signed(&role));
    signed
        .map(|signed| {
            let expires = signed.draft().expires();
            PublishedRole {
                role: signed.draft().name().to_string(),
                version: signed.draft().version(),
                expires: expires.to_string(),
                // The same comparison as TUF 5.3.10: expired from its last second on.
                expired: expires.0 <= at,
                seconds_left: expires.0.0.saturating_sub(at.0),
            }
        })
        .collect()
}
