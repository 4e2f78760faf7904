//! Releases on the bench: staging one, replacing a staged one, taking one back, raising the minimum counter.
//!
//! Takes a parsed release record and the bundle bytes it was recomputed from; never opens a bundle itself.

use super::{Bench, BenchError};
use crate::bundle::record::Record;
use crate::name::Product as ProductName;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::Draft;
use crate::role::product::{Advisory, Product, Release};
use crate::role::wire::{Hex, Utc};

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is staged now.
    Staged,
    /// These very bytes were staged before.
    AlreadyStaged,
}

impl Bench<'_> {
    /// Stages a release. With `amend` a staged (never a published) release of the same name is replaced.
    pub fn stage(
        &mut self,
        record: Record,
        bundle: Vec<u8>,
        amend: bool,
    ) -> Result<Stage, BenchError> {
        self.refuse_stale()?;
        self.refuse_bins()?;
        let product = record.product.clone();
        let name = ReleaseName::new(product.clone(), record.version.clone());
        let known: Vec<String> = self
            .targets()
            .map(|targets| {
                targets
                    .delegations
                    .roles
                    .iter()
                    .map(|role| role.name.to_string())
                    .collect()
            })
            .unwrap_or_default();
        if !known.contains(&product.to_string()) {
            return Err(ReleaseError::UnknownProduct {
                product,
                known: known.join(", "),
            }
            .into());
        }
        let release = Release::of(record, &bundle);
        if let Some(published) = self
            .published()
            .and_then(|published| published.product(&product))
        {
            refuse_published(&name, &release, published)?;
        }
        let mut draft = self.product_draft(&product)?;
        let counter = release.record().counter.0;
        if counter < draft.minimum_counter {
            return Err(ReleaseError::BelowMinimum {
                name,
                counter,
                minimum: draft.minimum_counter,
            }
            .into());
        }
        match draft.targets.get(&name) {
            Some(staged) if *staged == release => return Ok(Stage::AlreadyStaged),
            Some(staged) if !amend => {
                let (expected, found) = (staged.hashes.sha256, release.hashes.sha256);
                return Err(ReleaseError::OtherBytes {
                    name: name.to_string(),
                    place: "staged",
                    expected,
                    found,
                }
                .into());
            }
            None if amend => return Err(ReleaseError::NothingToAmend(name).into()),
            _ => {}
        }
        draft.targets.insert(name.clone(), release);
        self.staging.bundles.insert(name, bundle.into());
        self.put(Draft::Product(product, draft))?;
        Ok(Stage::Staged)
    }

    /// Takes a release back: a staged one vanishes, a published one is no longer named by the next version. With an advisory
    /// the next version says why.
    pub fn yank(
        &mut self,
        name: &ReleaseName,
        advisory: Option<Advisory>,
    ) -> Result<(), BenchError> {
        self.refuse_stale()?;
        let mut draft = self.product_draft(name.product())?;
        let was_published = self
            .published()
            .and_then(|published| published.product(name.product()))
            .is_some_and(|product| product.targets.contains_key(name));
        if draft.targets.remove(name).is_none() && !(was_published && advisory.is_some()) {
            return Err(ReleaseError::NotThere(name.clone()).into());
        }
        if let Some(advisory) = advisory {
            if !was_published {
                return Err(ReleaseError::NobodyHasIt(name.clone()).into());
            }
            let instead = advisory.replaced_by.as_ref();
            if let Some(instead) = instead
                && !draft
                    .targets
                    .keys()
                    .any(|there| there.to_string() == *instead)
            {
                return Err(ReleaseError::NoReplacement(instead.clone()).into());
            }
            draft.withdrawn.insert(name.clone(), advisory);
        }
        self.put(Draft::Product(name.product().clone(), draft))?;
        self.drop_orphaned_bundles();
        self.drop_if_unchanged(name.product());
        Ok(())
    }

    /// Raises the counter below which devices refuse releases of a product.
    pub fn raise_minimum(&mut self, product: &ProductName, minimum: u64) -> Result<(), BenchError> {
        self.refuse_stale()?;
        let mut draft = self.product_draft(product)?;
        if minimum < draft.minimum_counter {
            let found = draft.minimum_counter;
            return Err(ReleaseError::MinimumFalls {
                product: product.clone(),
                from: found,
                to: minimum,
            }
            .into());
        }
        draft.minimum_counter = minimum;
        self.put(Draft::Product(product.clone(), draft))
    }

    /// Makes everything that is staged afresh on what is published now: version, `issued` and expiry are new, signatures
    /// are gone. Stale changes to keys cannot be carried over and are refused.
    pub fn restage(&mut self) -> Result<(), BenchError> {
        let stale: Vec<RoleName> = self.stale().into_iter().map(|stale| stale.role).collect();
        let roles: Vec<RoleName> = self.staging.roles.keys().cloned().collect();
        for role in roles {
            let (issued, expires) = (Utc(self.now), self.expiry(&role)?);
            let Some(staged) = self.staging.roles.remove(&role) else {
                continue;
            };
            let is_stale = stale.contains(&role);
            let mut draft = staged.into_draft();
            match &mut draft {
                Draft::Root(_) | Draft::Targets(_) if is_stale => {
                    return Err(ReleaseError::CannotCarry(role).into());
                }
                Draft::Product(name, product) if is_stale => {
                    let old = std::mem::replace(product, self.product_draft(name)?);
                    for (release, bundle) in &self.staging.bundles {
                        if let Some(entry) = old.targets.get(release)
                            && release.product() == name
                            && entry.hashes.sha256 == bundle.sha256()
                        {
                            refuse_published(release, entry, product)?;
                            product.targets.insert(release.clone(), entry.clone());
                        }
                    }
                    product.minimum_counter = product.minimum_counter.max(old.minimum_counter);
                    for (release, advisory) in old.withdrawn {
                        product.targets.remove(&release);
                        product.withdrawn.entry(release).or_insert(advisory);
                    }
                }
                _ => {}
            }
            match &mut draft {
                Draft::Root(root) => (root.issued, root.expires) = (issued, expires),
                Draft::Targets(targets) => (targets.issued, targets.expires) = (issued, expires),
                Draft::Product(_, product) => (product.issued, product.expires) = (issued, expires),
                Draft::Snapshot(_) | Draft::Timestamp(_) => {}
            }
            self.put(draft)?;
        }
        self.drop_orphaned_bundles();
        self.settle()
    }

    fn product_draft(&self, name: &ProductName) -> Result<Product, BenchError> {
        let role = RoleName::Product(name.clone());
        match self.draft(&role)? {
            Draft::Product(_, product) => Ok(product),
            _ => Err(BenchError::Unknown(role)),
        }
    }

    /// A product role that says again what is published needs nobody's signature.
    fn drop_if_unchanged(&mut self, name: &ProductName) {
        let role = RoleName::Product(name.clone());
        let published = self
            .published()
            .and_then(|published| published.product(name));
        let same = match (self.product(name), published) {
            (Some(staged), Some(published)) => {
                staged.targets == published.targets
                    && staged.minimum_counter == published.minimum_counter
                    && staged.withdrawn == published.withdrawn
            }
            _ => false,
        };
        if same {
            self.staging.roles.remove(&role);
        }
    }
}

/// A release that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Nobody may sign for it.
    #[error("the repository has no product `{product}`; it has: {known}")]
    UnknownProduct {
        /// The product.
        product: ProductName,
        /// Those there are.
        known: String,
    },
    /// Devices that confirmed the highest would refuse it.
    #[error(
        "{name} has security counter {counter}, but {highest} is published already: devices that run it refuse this release"
    )]
    BelowPublished {
        /// The release.
        name: ReleaseName,
        /// Its counter.
        counter: u64,
        /// The highest published.
        highest: u64,
    },
    /// All devices would refuse it.
    #[error(
        "{name} has security counter {counter}, but the minimum counter of its product is {minimum}: every device refuses it"
    )]
    BelowMinimum {
        /// The release.
        name: ReleaseName,
        /// Its counter.
        counter: u64,
        /// The minimum.
        minimum: u64,
    },
    /// A name stands for one bundle forever.
    #[error("{name} is {place} with other bytes: expected bundle {expected}, found {found}")]
    OtherBytes {
        /// The release.
        name: String,
        /// `published` or `staged`.
        place: &'static str,
        /// Digest of what is there.
        expected: Hex,
        /// Digest of what was brought.
        found: Hex,
    },
    /// Nothing to do.
    #[error("{0} is published already, with exactly these bytes")]
    AlreadyPublished(ReleaseName),
    /// `amend` replaces.
    #[error("{0} is not staged, so there is nothing to amend")]
    NothingToAmend(ReleaseName),
    /// No such release.
    #[error("there is no release {0}")]
    NotThere(ReleaseName),
    /// Its name stays taken.
    #[error("{name} was withdrawn ({advisory})")]
    Withdrawn {
        /// The release.
        name: ReleaseName,
        /// Why.
        advisory: String,
    },
    /// An advisory is for those who have it.
    #[error("{0} was never published, so nobody has to be told why it goes")]
    NobodyHasIt(ReleaseName),
    /// The advice would lead nowhere.
    #[error("there is no release {0} to take instead")]
    NoReplacement(String),
    /// Minimum counters only rise.
    #[error("the minimum counter of {product} is {from} and cannot fall to {to}")]
    MinimumFalls {
        /// The product.
        product: ProductName,
        /// What it is.
        from: u64,
        /// What was asked.
        to: u64,
    },
    /// Changes of keys are not merged by machine.
    #[error("the staged change to {0} was made on an older version and cannot be carried over")]
    CannotCarry(RoleName),
}

fn refuse_published(
    name: &ReleaseName,
    release: &Release,
    published: &Product,
) -> Result<(), ReleaseError> {
    match published.targets.get(name) {
        Some(there) if there == release => {
            return Err(ReleaseError::AlreadyPublished(name.clone()));
        }
        Some(there) => {
            return Err(ReleaseError::OtherBytes {
                name: name.to_string(),
                place: "published",
                expected: there.hashes.sha256,
                found: release.hashes.sha256,
            });
        }
        None => {}
    }
    if let Some(advisory) = published.withdrawn.get(name) {
        return Err(ReleaseError::Withdrawn {
            name: name.clone(),
            advisory: advisory.to_string(),
        });
    }
    let counter = release.record().counter.0;
    match published
        .highest_counter()
        .filter(|highest| counter < *highest)
    {
        Some(highest) => Err(ReleaseError::BelowPublished {
            name: name.clone(),
            counter,
            highest,
        }),
        None => Ok(()),
    }
}
