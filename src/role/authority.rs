//! Who may sign a role, and who has.
//!
//! Taken from the metadata that delegates, and kept with it: the verifier reads keys and threshold from those very bytes
//! and counts the signatures. Nothing is counted here.

use super::name::RoleName;
use super::pipeline::{Draft, Signatures, write};
use super::root::{RoleKeys, Root};
use super::targets::Targets;
use super::wire::{Hex, Keys};
use crate::key::PublicKey;
use crate::name::Product as ProductName;
use cuff_verifier::key::Ed25519;
use cuff_verifier::member::Member;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::root::Root as RootView;
use cuff_verifier::role::targets::Targets as TargetsView;
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::threshold::{self, Authentic, Document, Unauthentic, unauthenticated};
use std::collections::{BTreeMap, BTreeSet};

/// Keys and a threshold, and the metadata that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The metadata that names these keys, for example `root v2`.
    pub by: String,
    /// How many different keys must sign.
    pub threshold: u64,
    /// The keys.
    pub keys: BTreeMap<Hex, PublicKey>,
    /// The role they sign.
    role: RoleName,
    /// The metadata that names them, as a file that nobody has signed yet.
    source: Vec<u8>,
}

impl Authority {
    /// What a root says about one of the four top-level roles.
    pub fn of_top_level(root: &Root, role: &RoleName) -> Option<Self> {
        let who = match role {
            RoleName::Root => &root.roles.root,
            RoleName::Targets => &root.roles.targets,
            RoleName::Snapshot => &root.roles.snapshot,
            RoleName::Timestamp => &root.roles.timestamp,
            RoleName::Product(_) => return None,
        };
        let by = Draft::Root(root.clone());
        Some(Self::new(&by, role.clone(), who, &root.keys))
    }

    /// What a targets role says about a product.
    pub fn of_product(targets: &Targets, product: &ProductName) -> Option<Self> {
        let delegation = targets.delegation(product)?;
        let who = RoleKeys {
            keyids: delegation.keyids.clone(),
            threshold: delegation.threshold,
        };
        let (by, role) = (
            Draft::Targets(targets.clone()),
            RoleName::Product(product.clone()),
        );
        Some(Self::new(&by, role, &who, &targets.delegations.keys))
    }

    fn new(by: &Draft, role: RoleName, who: &RoleKeys, keys: &Keys) -> Self {
        let keys = who
            .keyids
            .iter()
            .filter_map(|id| keys.get(id).map(|key| (*id, key.0)))
            .collect();
        Self {
            by: format!("{} v{}", by.name(), by.version()),
            threshold: who.threshold,
            keys,
            role,
            // What cannot be written cannot be read either, and then no signatures are ever enough.
            source: by
                .encode()
                .map(|signed| write(&signed, &Signatures::new()))
                .unwrap_or_default(),
        }
    }

    /// The verifier's verdict on the signatures of a file.
    pub fn authenticate<'f>(&self, file: &'f [u8]) -> Result<Authentic<'f>, Refusal> {
        let file = Document::canonical(file);
        threshold::authenticate(file, &self.read()?, Profile::Device, &Ed25519)
            .map_err(|error| self.unauthentic(error))
    }

    /// Who of these keys has signed some bytes, and how many are still missing.
    pub fn tally(&self, signed: &[u8], signatures: &Signatures) -> Tally {
        let Some(file) = self.file(signed, signatures) else {
            return Tally {
                valid: BTreeSet::new(),
                missing: self.threshold.max(1),
            };
        };
        let missing = match self.authenticate(&file) {
            Ok(_) => 0,
            Err(Refusal {
                rule: Rule::Unauthentic(Unauthentic::UnderThreshold { needed, counted }),
                ..
            }) => u64::from(needed - counted),
            Err(_) => self.threshold.max(1),
        };
        Tally {
            valid: self.signers(&file).unwrap_or_default(),
            missing,
        }
    }

    /// Who of these keys has signed some bytes.
    pub fn valid(&self, signed: &[u8], signatures: &Signatures) -> BTreeSet<Hex> {
        let file = self.file(signed, signatures);
        file.and_then(|file| self.signers(&file).ok())
            .unwrap_or_default()
    }

    /// The bytes with the signatures of these keys, if there are any: a large role is long to read for nothing. A file holds only
    /// so many, and those of strangers must not crowd out ours.
    fn file(&self, signed: &[u8], signatures: &Signatures) -> Option<Vec<u8>> {
        let ours: Signatures = signatures
            .iter()
            .filter(|(id, _)| self.keys.contains_key(id))
            .map(|(id, signature)| (*id, *signature))
            .collect();
        (!ours.is_empty()).then(|| write(signed, &ours))
    }

    fn signers(&self, file: &[u8]) -> Result<BTreeSet<Hex>, Refusal> {
        let (file, authority) = (Document::canonical(file), self.read()?);
        let ids = threshold::signers(file, &authority, Profile::Device, &Ed25519)
            .map_err(|error| self.unauthentic(error))?;
        Ok(ids
            .filter_map(|id| id.as_str().and_then(|id| id.parse().ok()))
            .collect())
    }

    /// Keys and threshold as the verifier reads them. The metadata may be a draft: this asks who would have to sign, not
    /// whether anyone should believe it.
    fn read(&self) -> Result<threshold::Authority<'_>, Refusal> {
        let delegator = match self.role {
            RoleName::Product(_) => Role::Targets,
            _ => Role::Root,
        };
        let malformed = |error| Refusal {
            role: delegator,
            rule: Rule::Malformed(error),
        };
        let draft = unauthenticated(Document::canonical(&self.source), Profile::Device);
        let draft = draft.map_err(|error| Refusal {
            role: delegator,
            rule: Rule::Unauthentic(error),
        })?;
        if let RoleName::Product(product) = &self.role {
            let targets = TargetsView::parse(&draft, Role::Targets).map_err(malformed)?;
            let delegation = targets
                .delegations()
                .and_then(|all| all.iter().find(|role| role.name().is(product.as_str())));
            return delegation
                .ok_or(Malformed::Missing(Member::DelegationsRoles))
                .and_then(|delegation| delegation.authority())
                .map_err(malformed);
        }
        RootView::parse(&draft)
            .and_then(|root| root.authority(self.verifier_role()))
            .map_err(malformed)
    }

    fn unauthentic(&self, error: Unauthentic) -> Refusal {
        Refusal {
            role: self.verifier_role(),
            rule: Rule::Unauthentic(error),
        }
    }

    fn verifier_role(&self) -> Role {
        match self.role {
            RoleName::Root => Role::Root,
            RoleName::Targets => Role::Targets,
            RoleName::Snapshot => Role::Snapshot,
            RoleName::Timestamp => Role::Timestamp,
            RoleName::Product(_) => Role::Delegated,
        }
    }
}

/// How far the keys of one authority are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Keys with a valid signature.
    pub valid: BTreeSet<Hex>,
    /// How many more must sign before the verifier accepts it.
    pub missing: u64,
}
