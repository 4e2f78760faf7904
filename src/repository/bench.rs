//! The bench: what is published and what is staged, laid side by side and edited.
//!
//! Every edit turns a role into a draft and stages it anew; signatures over the old bytes fall away. When new keys leave
//! another role under its threshold, that role is staged too. Nothing is written before [`Bench::save`].

use super::audit::entry::Event;
use super::audit::{Audit, AuditError};
use super::desk::{Desk, DeskError};
use super::published::{Published, PublishedError};
use super::review;
use super::settings::Settings;
use super::staging::{Staging, StagingError};
use crate::durable::Lock;
use crate::instant;
use crate::name::Product as ProductName;
use crate::role::authority::Authority;
use crate::role::canonical::CanonicalError;
use crate::role::name::RoleName;
use crate::role::pipeline::{Draft, Staged};
use crate::role::product::Product;
use crate::role::root::Root;
use crate::role::targets::Targets;
use crate::role::wire::{Hex, Utc};
use crate::store::local::LocalStore;
use cuff_verifier::time::Instant;
use std::collections::BTreeSet;

pub mod bins;
pub mod release;
pub mod roles;

/// A working directory, opened for reading or, with the lock, for writing.
#[derive(Debug)]
pub struct Bench<'a> {
    desk: &'a Desk,
    published: Option<Published>,
    before: Staging,
    staging: Staging,
    now: Instant,
    lock: Option<Lock>,
}

impl<'a> Bench<'a> {
    /// Lays out the working directory to be looked at.
    pub fn look(desk: &'a Desk, now: Instant) -> Result<Self, BenchError> {
        Self::lay_out(desk, now, None)
    }

    /// Lays out the working directory to be changed; no second writer until this is dropped.
    pub fn take(desk: &'a Desk, now: Instant) -> Result<Self, BenchError> {
        let lock = desk.lock()?;
        Self::lay_out(desk, now, Some(lock))
    }

    fn lay_out(desk: &'a Desk, now: Instant, lock: Option<Lock>) -> Result<Self, BenchError> {
        let before = Staging::load(&desk.staged())?;
        let mirror = LocalStore::open(desk.root()).map_err(PublishedError::from)?;
        let published = Published::read(&mirror, desk.pin()?.as_ref())?;
        let staging = before.clone();
        Ok(Self {
            desk,
            published,
            before,
            staging,
            now,
            lock,
        })
    }

    /// The working directory.
    pub fn desk(&self) -> &'a Desk {
        self.desk
    }

    /// What `cuff.toml` says.
    pub fn settings(&self) -> &'a Settings {
        self.desk.settings()
    }

    /// When this command started.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What is published.
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// What is staged, with the edits so far.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// A staged role, to be signed.
    pub(super) fn staged_mut(&mut self, role: &RoleName) -> Option<&mut Staged> {
        self.staging.roles.get_mut(role)
    }

    /// Staged roles that were made before something else was published under their version.
    pub fn stale(&self) -> Vec<Stale> {
        self.staging
            .roles
            .iter()
            .map(|(role, staged)| (role, staged.draft().version(), self.published_version(role)))
            .filter(|(_, staged, published)| *staged != published + 1)
            .map(|(role, staged, published)| Stale {
                role: role.clone(),
                staged,
                published,
            })
            .collect()
    }

    /// Refuses to go on from stale drafts.
    pub fn refuse_stale(&self) -> Result<(), BenchError> {
        self.stale()
            .into_iter()
            .next()
            .map_or(Ok(()), |stale| Err(BenchError::Stale(stale)))
    }

    /// The root that will hold: staged, or else published.
    pub fn root(&self) -> Option<&Root> {
        match self.staging.roles.get(&RoleName::Root).map(Staged::draft) {
            Some(Draft::Root(root)) => Some(root),
            _ => self.published().map(Published::root),
        }
    }

    /// The targets role that will hold: staged, or else published.
    pub fn targets(&self) -> Option<&Targets> {
        match self
            .staging
            .roles
            .get(&RoleName::Targets)
            .map(Staged::draft)
        {
            Some(Draft::Targets(targets)) => Some(targets),
            _ => self.published().map(Published::targets),
        }
    }

    /// The product role that will hold: staged, or else published.
    pub fn product(&self, name: &ProductName) -> Option<&Product> {
        match self
            .staging
            .roles
            .get(&RoleName::Product(name.clone()))
            .map(Staged::draft)
        {
            Some(Draft::Product(_, product)) => Some(product),
            _ => self
                .published()
                .and_then(|published| published.product(name)),
        }
    }

    /// Everyone who must be satisfied before a role may be published: for root the old and the new root.
    pub fn authorities(&self, role: &RoleName) -> Vec<Authority> {
        match role {
            RoleName::Product(name) => self
                .targets()
                .and_then(|targets| Authority::of_product(targets, name))
                .into_iter()
                .collect(),
            RoleName::Root => {
                let old = self.published().map(Published::root);
                let new = self
                    .root()
                    .filter(|root| old.is_none_or(|old| old.version != root.version));
                old.into_iter()
                    .chain(new)
                    .filter_map(|root| Authority::of_top_level(root, role))
                    .collect()
            }
            _ => self
                .root()
                .and_then(|root| Authority::of_top_level(root, role))
                .into_iter()
                .collect(),
        }
    }

    /// Stages a first version; `init` lays the foundation with it.
    pub fn found(&mut self, draft: Draft) -> Result<(), BenchError> {
        self.put(draft)
    }

    /// Takes everything off the bench, or one role. What depends on a root or targets change goes with it.
    pub fn cancel(&mut self, role: Option<&RoleName>) -> Result<Vec<RoleName>, BenchError> {
        let gone: Vec<RoleName> = match role {
            None => self.staging.roles.keys().cloned().collect(),
            Some(role) if self.staging.roles.contains_key(role) => vec![role.clone()],
            Some(role) => return Err(BenchError::NotStaged(role.clone())),
        };
        if let (None, Some(role)) = (&self.published, gone.first()) {
            return Err(BenchError::Foundation(role.clone()));
        }
        for role in &gone {
            self.staging.roles.remove(role);
        }
        self.drop_orphaned_bundles();
        self.settle()?;
        Ok(gone)
    }

    /// Writes the edits to `staged/`. Without the lock nothing is written.
    pub fn save(&mut self) -> Result<(), BenchError> {
        if self.lock.is_some() {
            let changed = self.changed();
            self.staging.save(&self.before, &self.desk.staged())?;
            self.before = self.staging.clone();
            self.note_staged(&changed)?;
        }
        Ok(())
    }

    /// What was staged goes to the audit log of this clone.
    fn note_staged(&self, changed: &[Changed]) -> Result<(), BenchError> {
        if changed.is_empty() {
            return Ok(());
        }
        let roles = changed.iter().map(|changed| match changed.version {
            Some(version) => format!("{} v{version}", changed.role),
            None => format!("{} off", changed.role),
        });
        let event = Event::Staged {
            roles: roles.collect(),
            digest: review::digest(self),
        };
        Ok(Audit::of(self.desk).note(self.now, event)?)
    }

    /// Roles whose staged bytes differ from what was there before, and how many signatures that cost.
    pub fn changed(&self) -> Vec<Changed> {
        let roles: BTreeSet<_> = self
            .staging
            .roles
            .keys()
            .chain(self.before.roles.keys())
            .collect();
        roles
            .into_iter()
            .filter_map(|role| {
                let (before, now) = (self.before.roles.get(role), self.staging.roles.get(role));
                (before.map(Staged::signed) != now.map(Staged::signed)).then(|| Changed {
                    role: role.clone(),
                    version: now.map(|staged| staged.draft().version()),
                    lost_signatures: before.map_or(0, |staged| staged.signatures().len()),
                })
            })
            .collect()
    }

    fn published_version(&self, role: &RoleName) -> u64 {
        self.published()
            .map_or(0, |published| published.version(role))
    }

    /// When a role staged now expires.
    pub(super) fn expiry(&self, role: &RoleName) -> Result<Utc, BenchError> {
        let span = self.settings().lifetime(role);
        instant::later(self.now, span)
            .map(Utc)
            .ok_or(BenchError::Forever)
    }

    /// The role as a draft: what is staged of it, or else the next version of what is published.
    fn draft(&self, role: &RoleName) -> Result<Draft, BenchError> {
        if let Some(staged) = self.staging.roles.get(role) {
            return Ok(staged.clone().into_draft());
        }
        let (issued, expires) = (Utc(self.now), self.expiry(role)?);
        let published = self
            .published()
            .and_then(|published| published.signed(role));
        let mut draft = published
            .ok_or_else(|| BenchError::Unknown(role.clone()))?
            .draft()
            .clone();
        if let Some(before) = draft.issued().filter(|before| *before > issued) {
            return Err(BenchError::Clock {
                role: role.clone(),
                before,
                now: issued,
            });
        }
        match &mut draft {
            Draft::Root(root) => {
                (root.version, root.issued, root.expires) = (root.version + 1, issued, expires);
            }
            Draft::Targets(targets) => {
                (targets.version, targets.issued, targets.expires) =
                    (targets.version + 1, issued, expires);
            }
            Draft::Product(_, product) => {
                (product.version, product.issued, product.expires) =
                    (product.version + 1, issued, expires);
            }
            Draft::Snapshot(_) | Draft::Timestamp(_) => {
                return Err(BenchError::Online(role.clone()));
            }
        }
        Ok(draft)
    }

    fn put(&mut self, draft: Draft) -> Result<(), BenchError> {
        let staged = draft.stage()?;
        let role = staged.draft().name();
        if self.staging.roles.get(&role).map(Staged::signed) != Some(staged.signed()) {
            self.staging.roles.insert(role, staged);
        }
        Ok(())
    }

    /// Stages what the edits so far make necessary: published roles whose signatures no longer suffice, and products that
    /// have no role yet.
    fn settle(&mut self) -> Result<(), BenchError> {
        // Root first, then targets, then products: each can only be undermined by the one before.
        let products = self.targets().map(|targets| {
            let names = targets
                .delegations
                .roles
                .iter()
                .map(|role| RoleName::Product(role.name.clone()));
            names.collect::<Vec<_>>()
        });
        for role in [RoleName::Targets]
            .into_iter()
            .chain(products.unwrap_or_default())
        {
            if self.staging.roles.contains_key(&role) {
                continue;
            }
            let signed = self
                .published()
                .and_then(|published| published.signed(&role));
            match (signed, &role) {
                (Some(signed), _) => {
                    if !signed.satisfies(&self.authorities(&role)) {
                        self.put(self.draft(&role)?)?;
                    }
                }
                (None, RoleName::Product(name)) => {
                    let mut product = Product::first(Utc(self.now), self.expiry(&role)?);
                    // A product that comes back goes on from where it was: clients remember.
                    product.version += self.published_version(&role);
                    self.put(Draft::Product(name.clone(), product))?;
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    fn drop_orphaned_bundles(&mut self) {
        let roles = &self.staging.roles;
        self.staging.bundles.retain(|release, _| {
            let role = RoleName::Product(release.product().clone());
            matches!(roles.get(&role).map(Staged::draft), Some(Draft::Product(_, product)) if product.targets.contains_key(release))
        });
    }
}

/// A role an edit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The role.
    pub role: RoleName,
    /// Its staged version; none when it is no longer staged.
    pub version: Option<u64>,
    /// Signatures over the bytes that are gone.
    pub lost_signatures: usize,
}

/// A draft that was overtaken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The role.
    pub role: RoleName,
    /// The version that is staged.
    pub staged: u64,
    /// The version that is published.
    pub published: u64,
}

/// An edit that is refused.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The working directory.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The mirror.
    #[error("the mirror of what is published does not hold")]
    Published(#[from] PublishedError),
    /// The staging area.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What was asked for cannot be written.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Somebody else published in the meantime.
    #[error(
        "the staged {} v{} is stale: v{} is published, so the next is v{}",
        .0.role, .0.staged, .0.published, .0.published + 1
    )]
    Stale(Stale),
    /// There is no such role.
    #[error("there is no role `{0}` in this repository")]
    Unknown(RoleName),
    /// Snapshot and timestamp are made on publishing.
    #[error("{0} is made by `publish` and `refresh`, not staged")]
    Online(RoleName),
    /// Nothing to take away.
    #[error("{0} is not staged")]
    NotStaged(RoleName),
    /// Without its first versions a working directory holds nothing.
    #[error(
        "{0} v1 cannot be cancelled: nothing is published yet, and a repository begins with all its roles"
    )]
    Foundation(RoleName),
    /// This machine's clock is behind.
    #[error(
        "this machine's clock says {now}, but the published {role} was made at {before}: its next version would be older than itself"
    )]
    Clock {
        /// The role.
        role: RoleName,
        /// When the published version was made.
        before: Utc,
        /// What the clock says.
        now: Utc,
    },
    /// Beyond the year 9999.
    #[error("the expiry lies beyond the year 9999")]
    Forever,
    /// Products beside bins.
    #[error(
        "this repository has hashed bins, and no product can stand beside them: snapshot lists every bin, and devices must hold the snapshot"
    )]
    Bins,
    /// Bins beside products.
    #[error(
        "this repository has products, and no hashed bins can stand beside them: snapshot lists every bin, and devices must hold the snapshot"
    )]
    NoBins,
    /// The key of the bins.
    #[error(
        "key {0} signs another role of this repository: whoever has it could then speak for the bins too, and the other way round"
    )]
    SharedKey(Hex),
    /// A release.
    #[error(transparent)]
    Release(#[from] release::ReleaseError),
    /// Keys and thresholds.
    #[error(transparent)]
    Roles(#[from] roles::RoleError),
}
