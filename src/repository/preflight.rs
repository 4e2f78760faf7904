//! The verdict on a repository before anyone else sees it.
//!
//! Takes the metadata files a repository consists of, or would, and lets the one verifier judge them: as a client does, and
//! as the oldest device of every product does. Reads no store and writes nothing.

use crate::evidence::{EvidenceError, Metadata};
use crate::name::{Hardware, Product as ProductName};
use crate::role::name::{ReleaseName, RoleName};
use crate::role::product::Product;
use cuff_verifier::evidence::{BadEvidence, Evidence};
use cuff_verifier::json::Text;
use cuff_verifier::judge::{self, Known, Outcome};
use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::search::{Search, Step};
use cuff_verifier::threshold::{Document, unauthenticated};
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::{Policy, RootChain, Seen};
use cuff_verifier::verdict::Reason;
use std::collections::BTreeMap;

/// The metadata of one state of a repository.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Root files by version.
    pub roots: BTreeMap<u64, Vec<u8>>,
    /// The timestamp file.
    pub timestamp: Vec<u8>,
    /// The snapshot file.
    pub snapshot: Vec<u8>,
    /// Targets and products by role.
    pub roles: BTreeMap<RoleName, Vec<u8>>,
    /// Whether targets delegates to hashed bins, which no device reads.
    pub for_hosts: bool,
}

impl View {
    /// Judges as a client that trusts root `anchor`, knows this much of the present, and may have seen an earlier state.
    pub fn judge_as_client(
        &self,
        anchor: u64,
        seen: Seen<'_>,
        clock: Clock,
    ) -> Result<(), PreflightError> {
        let policy = Policy {
            profile: if self.for_hosts {
                Profile::Foreign
            } else {
                Profile::Device
            },
            clock,
            schemes: &Ed25519,
        };
        let mut roots = RootChain::anchor(Document::canonical(self.root(anchor)?), policy)?;
        for file in self.roots.range(anchor + 1..).map(|(_, file)| file) {
            roots = roots.extend(Document::canonical(file))?;
        }
        let trusted = roots
            .finish()?
            .timestamp(Document::canonical(&self.timestamp), seen)?
            .snapshot(Document::canonical(&self.snapshot))?
            .targets(Document::canonical(self.role(&RoleName::Targets)?))?;
        for role in self.roles.keys() {
            let RoleName::Product(product) = role else {
                continue;
            };
            // No release has this name, so that the search looks into the role and comes back empty.
            let path = format!("{product}/ ");
            let path = Text::plain(&path).ok_or(PreflightError::Missing(role.clone()))?;
            let mut search = Search::new(&trusted, path);
            while let Step::Needs(needed) = search.step()? {
                let name = String::from_utf8_lossy(needed.delegation.name().raw()).into_owned();
                let name = name
                    .parse()
                    .map_err(|_| PreflightError::Missing(role.clone()))?;
                search.supply(Document::canonical(self.role(&name)?))?;
            }
        }
        Ok(())
    }

    /// Whether the roots after `anchor` make whoever follows them forget the versions they have seen (TUF 5.3.11).
    pub fn forgets(&self, anchor: u64) -> Result<bool, PreflightError> {
        let policy = Policy {
            profile: Profile::Device,
            clock: Clock::Absent,
            schemes: &Ed25519,
        };
        let mut roots = RootChain::anchor(Document::canonical(self.root(anchor)?), policy)?;
        for file in self.roots.range(anchor + 1..).map(|(_, file)| file) {
            roots = roots.extend(Document::canonical(file))?;
        }
        Ok(roots.resets())
    }

    /// Judges as devices that trust no newer root than `oldest` and are offered one release of their product, or evidence
    /// alone. The chain is the same whatever the hardware, so it is walked once.
    pub fn judge_as_device(&self, oldest: u64, offer: &Offer<'_>) -> Result<(), PreflightError> {
        let refused = |reason| PreflightError::Device {
            product: offer.product.clone(),
            offer: offer.path(),
            reason,
        };
        let anchor = unauthenticated(Document::canonical(self.root(oldest)?), Profile::Device)
            .map_err(|_| PreflightError::NoRoot(oldest))?;
        let bytes = self.evidence(oldest, offer.product, &offer.path())?;
        let known = |hardware| {
            Known::of_new_unit(offer.product.as_str(), hardware, u64::MAX, anchor.signed())
        };
        let evidence = Evidence::parse(&bytes)?;
        let chain = match judge::walk(&known("none"), &evidence).outcome {
            Outcome::Refused(reason) => return Err(refused(reason)),
            Outcome::RootsOnly => return Err(refused(Reason::EvidenceIncomplete)),
            Outcome::Complete(chain) => chain,
        };
        for hardware in &offer.hardware {
            match chain.release(&known(hardware.as_str())) {
                // Provisioning takes bootloaders; the chain that leads to them is what was to be judged.
                Ok(_) | Err(Reason::NotAnApplication) => {}
                Err(reason) => return Err(refused(reason)),
            }
        }
        Ok(())
    }

    /// Judges as one device does that knows something already, and is offered a release or evidence alone (`PRODUCT/`).
    pub fn judge_as_known<'a>(
        &'a self,
        trusted: u64,
        product: &'a ProductName,
        offer: &str,
        known: impl FnOnce(&'a [u8]) -> Known<'a>,
    ) -> Result<(), PreflightError> {
        let refused = |reason| PreflightError::Device {
            product: product.clone(),
            offer: offer.to_owned(),
            reason,
        };
        let root = unauthenticated(Document::canonical(self.root(trusted)?), Profile::Device)
            .map_err(|_| PreflightError::NoRoot(trusted))?;
        let bytes = self.evidence(trusted, product, offer)?;
        let (known, evidence) = (known(root.signed()), Evidence::parse(&bytes)?);
        let chain = match judge::walk(&known, &evidence).outcome {
            Outcome::Refused(reason) => return Err(refused(reason)),
            Outcome::RootsOnly => return Err(refused(Reason::EvidenceIncomplete)),
            Outcome::Complete(chain) => chain,
        };
        if offer.ends_with('/') {
            return Ok(());
        }
        chain.release(&known).map(drop).map_err(refused)
    }

    /// The evidence that leads a device of this product from root `oldest` to an offer.
    pub fn evidence(
        &self,
        oldest: u64,
        product: &ProductName,
        offer: &str,
    ) -> Result<Vec<u8>, PreflightError> {
        Ok(self.metadata(product)?.evidence(offer, oldest)?)
    }

    /// The same, as it is sent to a device: root links first, in steps, where not all of it fits into `room` bytes.
    pub fn messages(
        &self,
        trusted: u64,
        product: &ProductName,
        offer: &str,
        room: u64,
        inbox: u64,
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), PreflightError> {
        let metadata = self.metadata(product)?;
        let evidence = metadata.evidence(offer, trusted)?;
        if evidence.len() as u64 <= room {
            return Ok((Vec::new(), evidence));
        }
        let newest = self.roots.keys().next_back().copied().unwrap_or(trusted);
        let steps = metadata.root_steps(trusted, inbox)?;
        Ok((steps, metadata.evidence(offer, newest.max(trusted))?))
    }

    /// The `signed` bytes of a root: what a device keeps of it.
    pub fn root_signed(&self, version: u64) -> Result<&[u8], PreflightError> {
        unauthenticated(Document::canonical(self.root(version)?), Profile::Device)
            .map(|root| root.signed())
            .map_err(|_| PreflightError::NoRoot(version))
    }

    fn metadata(&self, product: &ProductName) -> Result<Metadata<'_>, PreflightError> {
        let mut metadata = Metadata {
            roots: self
                .roots
                .iter()
                .map(|(version, file)| (*version, file.as_slice()))
                .collect(),
            timestamp: &self.timestamp,
            snapshot: &self.snapshot,
            targets: self.role(&RoleName::Targets)?,
            ..Metadata::default()
        };
        let role = RoleName::Product(product.clone());
        metadata.roles.insert(role.to_string(), self.role(&role)?);
        Ok(metadata)
    }

    /// The largest file in the evidence of a product.
    pub fn largest(&self, oldest: u64, product: &ProductName) -> (String, u64) {
        let product = RoleName::Product(product.clone());
        let roles = self
            .roles
            .iter()
            .filter(|(role, _)| **role == RoleName::Targets || **role == product);
        let files = self
            .roots
            .range(oldest + 1..)
            .map(|(version, file)| (format!("root v{version}"), file.len()))
            .chain([
                ("timestamp".to_owned(), self.timestamp.len()),
                ("snapshot".to_owned(), self.snapshot.len()),
            ])
            .chain(roles.map(|(role, file)| (role.to_string(), file.len())));
        let (role, length) = files.max_by_key(|(_, length)| *length).unwrap_or_default();
        (role, length as u64)
    }

    /// The first root from `oldest` on whose `signed` part is longer than this, and its length.
    pub fn root_longer_than(
        &self,
        oldest: u64,
        room: u64,
    ) -> Result<Option<(u64, u64)>, PreflightError> {
        for (version, file) in self.roots.range(oldest..) {
            let document = unauthenticated(Document::canonical(file), Profile::Device)
                .map_err(|_| PreflightError::NoRoot(*version))?;
            let length = document.signed().len() as u64;
            if length > room {
                return Ok(Some((*version, length)));
            }
        }
        Ok(None)
    }

    fn root(&self, version: u64) -> Result<&[u8], PreflightError> {
        self.roots
            .get(&version)
            .map(Vec::as_slice)
            .ok_or(PreflightError::NoRoot(version))
    }

    fn role(&self, role: &RoleName) -> Result<&[u8], PreflightError> {
        self.roles
            .get(role)
            .map(Vec::as_slice)
            .ok_or_else(|| PreflightError::Missing(role.clone()))
    }
}

/// What devices of a product are offered.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// The product.
    pub product: &'a ProductName,
    /// The release; none: evidence alone.
    pub release: Option<&'a ReleaseName>,
    /// The hardware ids it is for.
    pub hardware: Vec<&'a Hardware>,
}

impl<'a> Offer<'a> {
    /// Every offer a product role makes that it did not make `before`: each release that its hardware may take, and evidence
    /// alone. The chain is the same for all of them, so that one offer proves it; what a published release says of itself
    /// was judged when it was new.
    pub fn new_in(
        product: &'a ProductName,
        role: &'a Product,
        before: Option<&Product>,
    ) -> Vec<Self> {
        let alone = Self {
            product,
            release: None,
            hardware: Vec::new(),
        };
        let known =
            |name, release| before.is_some_and(|before| before.targets.get(name) == Some(release));
        // What is below the minimum is kept for those who look back, and refused by every device.
        let offered = role.targets.iter().filter(|(name, release)| {
            !known(name, release) && release.record().counter.0 >= role.minimum_counter
        });
        let releases = offered.map(|(name, release)| Self {
            product,
            release: Some(name),
            hardware: release.record().hardware.iter().collect(),
        });
        releases.chain([alone]).collect()
    }

    fn path(&self) -> String {
        self.release
            .map_or_else(|| format!("{}/", self.product), ReleaseName::to_string)
    }
}

/// A repository that must not be published.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The client workflow refuses it.
    #[error("clients would refuse this repository: {0}")]
    Client(Refusal),
    /// A device refuses it.
    #[error("devices of {product} would refuse {offer}: {reason}")]
    Device {
        /// The product.
        product: ProductName,
        /// What they are offered.
        offer: String,
        /// Why.
        reason: Reason,
    },
    /// A role without a file.
    #[error("{0} is delegated but has no metadata")]
    Missing(RoleName),
    /// A root that devices may still trust is gone.
    #[error("`metadata/{0}.root.json` is missing, and devices that trust it could not be led on")]
    NoRoot(u64),
    /// No evidence can be made of it.
    #[error(transparent)]
    NoEvidence(#[from] EvidenceError),
    /// The evidence does not read back.
    #[error("the evidence does not read back: {0}")]
    Evidence(BadEvidence),
}

impl From<Refusal> for PreflightError {
    fn from(refusal: Refusal) -> Self {
        Self::Client(refusal)
    }
}

impl From<BadEvidence> for PreflightError {
    fn from(error: BadEvidence) -> Self {
        Self::Evidence(error)
    }
}
