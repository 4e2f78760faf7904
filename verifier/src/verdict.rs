//! The verdict, and every reason there is to refuse, each with a number that never changes.
//!
//! The same numbers stand in the device's log, in what it answers over a wire, in the CLI's words and JSON, and in the docs.

use core::fmt;

use crate::evidence::BadEvidence;
use crate::json::Fault;
use crate::refusal::{Refusal, Rule};
use crate::release::BadRecord;
use crate::role::{Malformed, Role};
use crate::threshold::Unauthentic;

/// May it run? There is one way to say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Yes.
    Boot,
    /// No, because.
    Refuse(Reason),
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $name:literal;)+) => {
        /// Why something was refused. The text of each variant is what people are told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant = $code,)+
        }

        impl Reason {
            /// Every reason, by ascending number.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The short name, as JSON and file names have it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The reason with this number.
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

reasons! {
    /// the evidence does not begin with its magic
    EvidenceMagic = 100, "evidence-magic";
    /// the evidence ends before the length it states
    EvidenceTruncated = 101, "evidence-truncated";
    /// the evidence header contradicts itself
    EvidenceHeader = 102, "evidence-header";
    /// the target path in the evidence is not plain text
    EvidencePath = 103, "evidence-path";
    /// a file is missing that the search for the target must look into first
    EvidenceIncomplete = 104, "evidence-incomplete";
    /// the evidence carries a file that nothing asks for
    EvidenceSurplus = 105, "evidence-surplus";
    /// the first root in the evidence is more than one version ahead of the trusted root
    EvidenceRootGap = 106, "evidence-root-gap";
    /// the evidence is larger than the space reserved for it
    EvidenceTooLarge = 107, "evidence-too-large";

    /// metadata is not canonical JSON
    NotCanonical = 110, "not-canonical";
    /// a member stands twice in metadata
    RepeatedMember = 111, "repeated-member";
    /// metadata holds a byte that is not printable ASCII
    NotPrintable = 112, "not-printable";
    /// metadata lacks a member it must have
    MissingMember = 113, "missing-member";
    /// metadata is not an object of signatures and signed
    Envelope = 114, "envelope";
    /// metadata was signed as another role than it is shown for
    WrongType = 115, "wrong-type";
    /// metadata follows a specification version other than 1.x
    SpecVersion = 116, "spec-version";
    /// a key is not an Ed25519 key
    KeyType = 117, "key-type";
    /// a role has threshold 0
    ThresholdZero = 118, "threshold-zero";
    /// a role lists the same key id twice
    RepeatedKeyId = 119, "repeated-key-id";
    /// a file is listed in meta that cannot stand there
    MetaName = 120, "meta-name";
    /// a digest is missing or not SHA-256 in hex
    HashMalformed = 121, "hash-malformed";
    /// a delegated role has a name it cannot have
    RoleName = 122, "role-name";
    /// a delegation does not say which paths it covers
    DelegatedPaths = 123, "delegated-paths";
    /// a target path is absolute, climbs or is empty
    TargetPath = 124, "target-path";
    /// a date is not a real moment in UTC
    DateMalformed = 125, "date-malformed";
    /// a version is 0
    VersionZero = 126, "version-zero";
    /// the repository does not use consistent snapshots
    InconsistentSnapshot = 127, "inconsistent-snapshot";
    /// metadata lists more keys or signatures than are read
    TooMany = 128, "too-many";

    /// too few distinct keys signed
    UnderThreshold = 200, "under-threshold";
    /// two signatures stand under one key id
    RepeatedSignature = 201, "repeated-signature";
    /// a new root is not signed by enough of the keys it lists itself
    RootNotSignedByItself = 202, "root-not-signed-by-itself";
    /// a root is not exactly one version after the trusted one
    RootVersion = 210, "root-version";
    /// a file does not have the version that was announced for it
    WrongVersion = 211, "wrong-version";
    /// the timestamp is older than the one trusted before
    TimestampRollback = 212, "timestamp-rollback";
    /// the snapshot is older than the one trusted before
    SnapshotRollback = 213, "snapshot-rollback";
    /// the targets role is older than the one trusted before
    TargetsRollback = 214, "targets-rollback";
    /// the product role is older than the one trusted before
    ProductRollback = 215, "product-rollback";
    /// other bytes stand under a timestamp version that was trusted before
    TimestampSubstituted = 216, "timestamp-substituted";
    /// length or digest of a file differ from what signed metadata announces
    Unpinned = 217, "unpinned";
    /// a role that was trusted before is no longer listed
    RoleRemoved = 218, "role-removed";
    /// a delegated role is not listed in snapshot
    NotInSnapshot = 219, "not-in-snapshot";
    /// the search for the target would visit too many roles
    TooManyDelegations = 220, "too-many-delegations";

    /// the root has expired
    RootExpired = 230, "root-expired";
    /// the timestamp has expired
    TimestampExpired = 231, "timestamp-expired";
    /// the snapshot has expired
    SnapshotExpired = 232, "snapshot-expired";
    /// the targets role has expired
    TargetsExpired = 233, "targets-expired";
    /// the product role has expired
    ProductExpired = 234, "product-expired";
    /// the timestamp was signed when a file it stands for had already expired
    SignedAfterExpiry = 235, "signed-after-expiry";

    /// the target path is not one of this device's product
    PathOutsideProduct = 300, "path-outside-product";
    /// nobody who may speak for the target path knows it
    TargetUnknown = 301, "target-unknown";
    /// the target is listed by a role other than this product's
    SignedByOtherRole = 302, "signed-by-other-role";
    /// the release record is for another product
    OtherProduct = 303, "other-product";
    /// the evidence does not contain this product's role
    ProductRoleMissing = 304, "product-role-missing";
    /// the release record is malformed
    RecordMalformed = 310, "record-malformed";
    /// the release record holds a member this bootloader does not know
    RecordUnknownMember = 311, "record-unknown-member";
    /// the release record has another format than this bootloader reads
    RecordFormat = 312, "record-format";
    /// the release does not hold exactly one image for its region
    RecordImages = 313, "record-images";
    /// a bootloader is installed only when a unit is provisioned
    NotAnApplication = 314, "not-an-application";
    /// the release is not for this hardware
    OtherHardware = 315, "other-hardware";
    /// the release needs a newer bootloader
    BootloaderTooOld = 316, "bootloader-too-old";
    /// the security counter is lower than that of a release confirmed before
    CounterRollback = 317, "counter-rollback";
    /// the security counter is lower than the signed minimum
    CounterBelowMinimum = 318, "counter-below-minimum";

    /// the image does not have the signed length
    ImageLength = 400, "image-length";
    /// the image does not have the signed digest
    ImageDigest = 401, "image-digest";
    /// the image does not fit its slot
    ImageTooLarge = 402, "image-too-large";

    /// no image comes with this evidence
    NoImage = 500, "no-image";
    /// the security counter has no free unit left for this jump
    CounterExhausted = 501, "counter-exhausted";
    /// a trial is open, and the candidate slot holds the only way back
    TrialOpen = 502, "trial-open";
    /// the trial ended without a confirm
    TrialUnconfirmed = 503, "trial-unconfirmed";
    /// the active image is not the installed one
    ActiveMismatch = 504, "active-mismatch";
    /// both banks of the trust store are damaged
    TrustDamaged = 505, "trust-damaged";
    /// this candidate was refused before
    RefusedBefore = 506, "refused-before";
    /// no image has been installed yet
    NothingInstalled = 507, "nothing-installed";
    /// flash could not be read or written
    FlashFault = 508, "flash-fault";
    /// the confirm does not name the open trial
    ConfirmMismatch = 509, "confirm-mismatch";
    /// two judgements of the same bytes differ: something disturbed the chip
    JudgementsDiffer = 510, "judgements-differ";
    /// another file is being uploaded
    UploadUnderWay = 511, "upload-under-way";
    /// only the running application confirms, never a host
    ConfirmByHost = 512, "confirm-by-host";
}

impl Reason {
    /// The number.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence().trim_start())
    }
}

impl core::error::Error for Reason {}

impl From<BadEvidence> for Reason {
    fn from(error: BadEvidence) -> Self {
        match error {
            BadEvidence::Magic => Self::EvidenceMagic,
            BadEvidence::Truncated => Self::EvidenceTruncated,
            BadEvidence::Header => Self::EvidenceHeader,
            BadEvidence::Path => Self::EvidencePath,
        }
    }
}

impl From<Fault> for Reason {
    fn from(error: Fault) -> Self {
        match error {
            Fault::RepeatedMember => Self::RepeatedMember,
            Fault::NotPrintableAscii => Self::NotPrintable,
            _ => Self::NotCanonical,
        }
    }
}

impl From<Malformed> for Reason {
    fn from(error: Malformed) -> Self {
        match error {
            Malformed::Json(error) => error.into(),
            Malformed::Missing(_) => Self::MissingMember,
            Malformed::Type => Self::WrongType,
            Malformed::SpecVersion => Self::SpecVersion,
            Malformed::VersionZero => Self::VersionZero,
            Malformed::ThresholdZero => Self::ThresholdZero,
            Malformed::Date => Self::DateMalformed,
            Malformed::KeyType => Self::KeyType,
            Malformed::RepeatedKeyId => Self::RepeatedKeyId,
            Malformed::TooManySigners | Malformed::TooManyKeys => Self::TooMany,
            Malformed::InconsistentSnapshot => Self::InconsistentSnapshot,
            Malformed::MetaName => Self::MetaName,
            Malformed::Hash => Self::HashMalformed,
            Malformed::RoleName => Self::RoleName,
            Malformed::DelegatedPaths => Self::DelegatedPaths,
            Malformed::TargetPath => Self::TargetPath,
        }
    }
}

impl From<Unauthentic> for Reason {
    fn from(error: Unauthentic) -> Self {
        match error {
            Unauthentic::Json(error) => error.into(),
            Unauthentic::Envelope => Self::Envelope,
            Unauthentic::RepeatedSignature => Self::RepeatedSignature,
            Unauthentic::TooManySignatures => Self::TooMany,
            Unauthentic::UnderThreshold { .. } => Self::UnderThreshold,
        }
    }
}

impl From<Refusal> for Reason {
    fn from(Refusal { role, rule }: Refusal) -> Self {
        match rule {
            Rule::Unauthentic(error) => error.into(),
            Rule::NotSignedByItself(_) => Self::RootNotSignedByItself,
            Rule::Malformed(error) => error.into(),
            Rule::Expired { .. } => Self::expired(role),
            Rule::WrongVersion { .. } if role == Role::Root => Self::RootVersion,
            Rule::WrongVersion { .. } => Self::WrongVersion,
            Rule::Rollback { .. } => match role {
                Role::Root => Self::RootVersion,
                Role::Timestamp => Self::TimestampRollback,
                Role::Snapshot => Self::SnapshotRollback,
                Role::Targets => Self::TargetsRollback,
                Role::Delegated => Self::ProductRollback,
            },
            Rule::Substituted { .. } => Self::TimestampSubstituted,
            Rule::Unpinned => Self::Unpinned,
            Rule::Removed { .. } => Self::RoleRemoved,
            Rule::NotInSnapshot => Self::NotInSnapshot,
            Rule::TooManyDelegations | Rule::DelegationsTooDeep => Self::TooManyDelegations,
        }
    }
}

impl Reason {
    /// The reason for an expired role.
    pub(crate) const fn expired(role: Role) -> Self {
        match role {
            Role::Root => Self::RootExpired,
            Role::Timestamp => Self::TimestampExpired,
            Role::Snapshot => Self::SnapshotExpired,
            Role::Targets => Self::TargetsExpired,
            Role::Delegated => Self::ProductExpired,
        }
    }
}

impl From<BadRecord> for Reason {
    fn from(error: BadRecord) -> Self {
        match error {
            BadRecord::UnknownMember => Self::RecordUnknownMember,
            BadRecord::Format => Self::RecordFormat,
            BadRecord::Images => Self::RecordImages,
            _ => Self::RecordMalformed,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::string::ToString;

    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_read_back() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for pair in Reason::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code(), "{pair:?}");
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            let sentence = reason.to_string();
            assert!(
                !sentence.is_empty() && !sentence.starts_with(' ') && !sentence.ends_with('.'),
                "{sentence}"
            );
        }
        assert_eq!(Reason::from_code(0), None);
        assert_eq!(Reason::from_code(u16::MAX), None);
    }
}
