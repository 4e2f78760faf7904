//! Why metadata was refused: which role, and which rule of the client workflow.

use core::fmt;

use crate::role::{Malformed, Role};
use crate::threshold::Unauthentic;
use crate::time::Instant;
use crate::version::Version;

/// Which file was refused, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The role the file was to play.
    pub role: Role,
    /// The rule it broke.
    pub rule: Rule,
}

impl Refusal {
    pub(crate) fn malformed(role: Role) -> impl Fn(Malformed) -> Self {
        move |error| Self {
            role,
            rule: Rule::Malformed(error),
        }
    }
}

/// The rules of the client workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Not signed as it should be.
    Unauthentic(Unauthentic),
    /// A root that the old keys signed, but not enough of its own.
    NotSignedByItself(Unauthentic),
    /// Signed, but not what the role should look like.
    Malformed(Malformed),
    /// Expired.
    Expired {
        /// The date in the file.
        expires: Instant,
    },
    /// Not exactly the version that was announced.
    WrongVersion {
        /// The version announced.
        expected: Version,
        /// The version in the file.
        found: Version,
    },
    /// Older than what was trusted before.
    Rollback {
        /// The version trusted before.
        trusted: Version,
        /// The version offered.
        found: Version,
    },
    /// Other bytes under a version that was trusted before.
    Substituted {
        /// The version.
        version: Version,
    },
    /// Length or digest differ from what was announced.
    Unpinned,
    /// A role that was trusted before is no longer listed.
    Removed {
        /// The version trusted before.
        trusted: Version,
    },
    /// A delegated role that snapshot does not list.
    NotInSnapshot,
    /// More delegated roles than a search visits.
    TooManyDelegations,
    /// A longer chain of delegations than a search follows.
    DelegationsTooDeep,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role;
        match self.rule {
            Rule::Unauthentic(error) => write!(f, "{role}: {error}"),
            Rule::NotSignedByItself(error) => {
                write!(f, "{role}: by the keys it lists itself: {error}")
            }
            Rule::Malformed(error) => write!(f, "{role}: {error}"),
            Rule::Expired { expires } => write!(f, "{role}: expired at {expires}"),
            Rule::WrongVersion { expected, found } => {
                write!(f, "{role}: expected version {expected}, found {found}")
            }
            Rule::Rollback { trusted, found } => {
                write!(
                    f,
                    "{role}: version {found} is older than version {trusted}, which was trusted before"
                )
            }
            Rule::Substituted { version } => {
                write!(
                    f,
                    "{role}: other bytes under version {version}, which was trusted before"
                )
            }
            Rule::Unpinned => write!(
                f,
                "{role}: length or SHA-256 differ from what the signed metadata announces"
            ),
            Rule::Removed { trusted } => {
                write!(
                    f,
                    "{role}: trusted before at version {trusted}, no longer listed in snapshot"
                )
            }
            Rule::NotInSnapshot => write!(f, "{role}: delegated to, but not listed in snapshot"),
            Rule::TooManyDelegations => write!(
                f,
                "{role}: more than 32 delegated roles would have to be looked into for one target"
            ),
            Rule::DelegationsTooDeep => {
                write!(f, "{role}: a chain of more than 8 delegating roles")
            }
        }
    }
}

impl core::error::Error for Refusal {}
