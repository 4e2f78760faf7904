//! The TUF client workflow, sections 5.3 to 5.6, as stages that consume each other.
//!
//! [`RootChain`] -> [`TrustedRoot`] -> [`Stamped`] -> [`Listed`] -> [`Trusted`]: a stage that is skipped does not compile.
//! Takes the bytes the caller fetched, gives the next stage or a [`Refusal`]. It never fetches, stores or retries, so that
//! the caller can persist each file exactly when its stage exists.

use crate::digest::Digest;
use crate::key::Schemes;
use crate::profile::Profile;
use crate::refusal::{Refusal, Rule};
use crate::role::metafile::MetaFile;
use crate::role::root::Root;
use crate::role::snapshot::Snapshot;
use crate::role::targets::Targets;
use crate::role::timestamp::Timestamp;
use crate::role::{Head, Role};
use crate::threshold::{Authentic, Authority, Document, authenticate, unauthenticated};
use crate::time::{Clock, Instant};
use crate::version::Version;

/// How one update is judged from beginning to end (TUF 5.1 fixes the clock for all of it).
#[derive(Debug)]
pub struct Policy<'r, S> {
    /// Whose repository it is.
    pub profile: Profile,
    /// What is known of the present.
    pub clock: Clock,
    /// How signatures are verified.
    pub schemes: &'r S,
}

// Derived copies would demand that the schemes are `Copy`.
impl<S> Clone for Policy<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Policy<'_, S> {}

impl<S: Schemes> Policy<'_, S> {
    /// By the authority that `root` gives the role.
    fn authenticate_by<'a>(
        &self,
        root: &Root<'_>,
        role: Role,
        document: Document<'a>,
    ) -> Result<Authentic<'a>, Refusal> {
        let authority = root.authority(role).map_err(Refusal::malformed(role))?;
        self.authenticate(role, document, &authority)
    }

    #[inline(never)]
    pub(crate) fn authenticate<'a>(
        &self,
        role: Role,
        document: Document<'a>,
        authority: &Authority<'_>,
    ) -> Result<Authentic<'a>, Refusal> {
        authenticate(document, authority, self.profile, self.schemes).map_err(|error| Refusal {
            role,
            rule: Rule::Unauthentic(error),
        })
    }

    fn check_pins(
        &self,
        role: Role,
        pinned: &MetaFile<'_>,
        document: Document<'_>,
    ) -> Result<(), Refusal> {
        if pinned.pins(document.served(), self.schemes) {
            Ok(())
        } else {
            Err(Refusal {
                role,
                rule: Rule::Unpinned,
            })
        }
    }

    #[inline(never)]
    pub(crate) fn check_expiry(&self, role: Role, head: &Head) -> Result<(), Refusal> {
        if self.clock.allows(head.expires) {
            return Ok(());
        }
        Err(Refusal {
            role,
            rule: Rule::Expired {
                expires: head.expires,
            },
        })
    }
}

/// What the last update left behind, against which versions may only rise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'s> {
    /// Version of the last trusted timestamp, and the SHA-256 of its served bytes.
    pub timestamp: Option<(Version, Digest)>,
    /// Version of the last trusted snapshot.
    pub snapshot: Option<Version>,
    /// Versions of targets roles.
    pub roles: SeenRoles<'s>,
}

/// The targets roles of the last update.
#[derive(Clone, Copy, Debug, Default)]
pub enum SeenRoles<'s> {
    /// None are known.
    #[default]
    None,
    /// Names (without `.json`) and versions: what a device keeps.
    Versions(&'s [(&'s [u8], Version)]),
    /// The whole last snapshot: what a host keeps.
    Snapshot(Snapshot<'s>),
}

/// 5.3: from the trusted root to the newest, one link at a time.
#[derive(Debug)]
pub struct RootChain<'a, 'r, S> {
    policy: Policy<'r, S>,
    root: Root<'a>,
    resets: bool,
}

impl<'a, 'r, S: Schemes> RootChain<'a, 'r, S> {
    /// 5.2: starts from a root file that came with the product. Who gives it vouches for it; that it is signed by its own
    /// threshold is checked all the same.
    pub fn anchor(document: Document<'a>, policy: Policy<'r, S>) -> Result<Self, Refusal> {
        let refuse = |rule| Refusal {
            role: Role::Root,
            rule,
        };
        let unproven = unauthenticated(document, policy.profile)
            .map_err(|error| refuse(Rule::Unauthentic(error)))?;
        let root = Root::parse(&unproven).map_err(|error| refuse(Rule::Malformed(error)))?;
        let proven = policy.authenticate_by(&root, Role::Root, document)?;
        Self::resume(&proven, policy)
    }

    /// Starts from a root that an earlier update authenticated.
    pub fn resume(kept: &Authentic<'a>, policy: Policy<'r, S>) -> Result<Self, Refusal> {
        let root = Root::parse(kept).map_err(Refusal::malformed(Role::Root))?;
        Ok(Self {
            policy,
            root,
            resets: false,
        })
    }

    /// 5.3.4 and 5.3.5: the next root is signed by the threshold of this one and of its own, and is exactly one version on.
    /// A link that does not hold leaves this one as it is.
    pub fn extend(&self, document: Document<'a>) -> Result<Self, Refusal> {
        let refuse = |rule| Refusal {
            role: Role::Root,
            rule,
        };
        let malformed = Refusal::malformed(Role::Root);
        let by_old = self
            .policy
            .authenticate_by(&self.root, Role::Root, document)?;
        let next = Root::parse(&by_old).map_err(&malformed)?;
        if let Err(refusal) = self.policy.authenticate_by(&next, Role::Root, document) {
            return Err(match refusal.rule {
                Rule::Unauthentic(error) => refuse(Rule::NotSignedByItself(error)),
                _ => refusal,
            });
        }
        let (expected, found) = (self.root.head.version.next(), next.head.version);
        if expected != Some(found) {
            return Err(refuse(Rule::WrongVersion {
                expected: expected.unwrap_or(found),
                found,
            }));
        }
        // 5.3.11
        let mut resets = self.resets;
        for role in [Role::Timestamp, Role::Snapshot] {
            let (old, new) = (self.root.authority(role), next.authority(role));
            resets |= old
                .map_err(&malformed)?
                .is_revoked_by(&new.map_err(&malformed)?, self.policy.schemes);
        }
        Ok(Self {
            policy: self.policy,
            root: next,
            resets,
        })
    }

    /// The newest root so far: what may be persisted (5.3.8).
    pub const fn root(&self) -> &Root<'a> {
        &self.root
    }

    /// 5.3.11: whether a link took timestamp or snapshot keys away, so that what was seen under them no longer binds.
    pub const fn resets(&self) -> bool {
        self.resets
    }

    /// 5.3.10: the newest root must not have expired; those before it may.
    pub fn finish(self) -> Result<TrustedRoot<'a, 'r, S>, Refusal> {
        self.policy.check_expiry(Role::Root, &self.root.head)?;
        let dates = Dates::of(Role::Root, &self.root.head);
        Ok(TrustedRoot {
            policy: self.policy,
            root: self.root,
            resets: self.resets,
            dates,
        })
    }
}

/// A root that is current.
#[derive(Debug)]
pub struct TrustedRoot<'a, 'r, S> {
    policy: Policy<'r, S>,
    root: Root<'a>,
    resets: bool,
    dates: Dates,
}

impl<'a, 'r, S: Schemes> TrustedRoot<'a, 'r, S> {
    /// The root.
    pub const fn root(&self) -> &Root<'a> {
        &self.root
    }

    /// 5.4: signed by the timestamp role, no older than what was seen, not expired.
    pub fn timestamp<'s>(
        self,
        document: Document<'a>,
        seen: Seen<'s>,
    ) -> Result<Stamped<'a, 'r, 's, S>, Refusal> {
        let refuse = |rule| Refusal {
            role: Role::Timestamp,
            rule,
        };
        let seen = if self.resets { Seen::default() } else { seen };
        let authentic = self
            .policy
            .authenticate_by(&self.root, Role::Timestamp, document)?;
        let timestamp =
            Timestamp::parse(&authentic).map_err(Refusal::malformed(Role::Timestamp))?;
        let digest = Digest::of(document.served());
        let found = timestamp.head.version;
        let novelty = match seen.timestamp {
            Some((trusted, _)) if found < trusted => {
                return Err(refuse(Rule::Rollback { trusted, found }));
            }
            Some((trusted, same)) if found == trusted && digest == same => Novelty::Same,
            Some((trusted, _)) if found == trusted => {
                if self.policy.profile.is_device() {
                    return Err(refuse(Rule::Substituted { version: found }));
                }
                Novelty::Substituted
            }
            _ => Novelty::Newer,
        };
        if let Some(trusted) = seen
            .snapshot
            .filter(|trusted| timestamp.snapshot.version < *trusted)
        {
            return Err(Refusal {
                role: Role::Snapshot,
                rule: Rule::Rollback {
                    trusted,
                    found: timestamp.snapshot.version,
                },
            });
        }
        self.policy.check_expiry(Role::Timestamp, &timestamp.head)?;
        let dates = self.dates.and(Role::Timestamp, &timestamp.head);
        Ok(Stamped {
            policy: self.policy,
            root: self.root,
            timestamp,
            digest,
            novelty,
            seen,
            dates,
        })
    }
}

/// How a timestamp compares with the one that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// A higher version, or the first.
    Newer,
    /// The same bytes.
    Same,
    /// Other bytes under the same version: a client keeps what it has and stops (5.4.3.1). A device refuses it outright.
    Substituted,
}

/// A current timestamp.
#[derive(Debug)]
pub struct Stamped<'a, 'r, 's, S> {
    policy: Policy<'r, S>,
    root: Root<'a>,
    timestamp: Timestamp<'a>,
    digest: Digest,
    novelty: Novelty,
    seen: Seen<'s>,
    dates: Dates,
}

impl<'a, 'r, S: Schemes> Stamped<'a, 'r, '_, S> {
    /// The timestamp.
    pub const fn timestamp(&self) -> &Timestamp<'a> {
        &self.timestamp
    }

    /// How it compares with the one seen before.
    pub const fn novelty(&self) -> Novelty {
        self.novelty
    }

    /// What the snapshot file must be.
    pub const fn needs(&self) -> MetaFile<'a> {
        self.timestamp.snapshot
    }

    /// 5.5: pinned by the timestamp, signed by the snapshot role, and nothing it lists has gone back or away.
    pub fn snapshot(self, document: Document<'a>) -> Result<Listed<'a, 'r, S>, Refusal> {
        let role = Role::Snapshot;
        let refuse = |rule| Refusal { role, rule };
        let pinned = self.timestamp.snapshot;
        self.policy.check_pins(role, &pinned, document)?;
        let authentic = self.policy.authenticate_by(&self.root, role, document)?;
        let snapshot = Snapshot::parse(&authentic).map_err(Refusal::malformed(role))?;
        check_version(role, &pinned, &snapshot.head)?;
        let check = |name: &[u8], trusted: Version, found: Option<Version>| {
            let role = if name == b"targets" {
                Role::Targets
            } else {
                Role::Delegated
            };
            match found {
                None => Err(Refusal {
                    role,
                    rule: Rule::Removed { trusted },
                }),
                Some(found) if found < trusted => Err(Refusal {
                    role,
                    rule: Rule::Rollback { trusted, found },
                }),
                Some(_) => Ok(()),
            }
        };
        // 5.5.5
        match self.seen.roles {
            SeenRoles::None => {}
            SeenRoles::Versions(list) => list.iter().try_for_each(|(name, trusted)| {
                let found = snapshot.file(name).map(|file| file.version);
                check(name, *trusted, found)
            })?,
            SeenRoles::Snapshot(old) => {
                snapshot
                    .against(&old)
                    .try_for_each(|(name, trusted, found)| {
                        check(name.raw(), trusted.version, found.map(|file| file.version))
                    })?;
            }
        }
        if let Some(trusted) = self
            .seen
            .snapshot
            .filter(|trusted| snapshot.head.version < *trusted)
        {
            return Err(refuse(Rule::Rollback {
                trusted,
                found: snapshot.head.version,
            }));
        }
        self.policy.check_expiry(role, &snapshot.head)?;
        let dates = self.dates.and(role, &snapshot.head);
        let Self {
            policy,
            root,
            timestamp,
            digest,
            ..
        } = self;
        Ok(Listed {
            policy,
            root,
            timestamp,
            digest,
            snapshot,
            dates,
        })
    }
}

/// A current snapshot.
#[derive(Debug)]
pub struct Listed<'a, 'r, S> {
    policy: Policy<'r, S>,
    root: Root<'a>,
    timestamp: Timestamp<'a>,
    digest: Digest,
    snapshot: Snapshot<'a>,
    dates: Dates,
}

impl<'a, 'r, S: Schemes> Listed<'a, 'r, S> {
    /// The snapshot.
    pub const fn snapshot(&self) -> &Snapshot<'a> {
        &self.snapshot
    }

    /// What the top-level targets file must be.
    pub const fn needs(&self) -> MetaFile<'a> {
        self.snapshot.targets
    }

    /// 5.6: the top-level targets role.
    pub fn targets(self, document: Document<'a>) -> Result<Trusted<'a, 'r, S>, Refusal> {
        let pinned = self.needs();
        let authority = self
            .root
            .authority(Role::Targets)
            .map_err(Refusal::malformed(Role::Targets))?;
        let targets = targets_role(&self.policy, Role::Targets, document, &pinned, &authority)?;
        let dates = self.dates.and(Role::Targets, &targets.head);
        let Self {
            policy,
            root,
            timestamp,
            digest,
            snapshot,
            ..
        } = self;
        Ok(Trusted {
            policy,
            root,
            timestamp,
            timestamp_digest: digest,
            snapshot,
            targets,
            dates,
        })
    }
}

/// Top-level metadata that is signed, current and fits together. [`Search`](crate::search::Search) goes on from here.
#[derive(Debug)]
pub struct Trusted<'a, 'r, S> {
    pub(crate) policy: Policy<'r, S>,
    /// The root.
    pub root: Root<'a>,
    /// The timestamp.
    pub timestamp: Timestamp<'a>,
    /// SHA-256 of the timestamp as served.
    pub timestamp_digest: Digest,
    /// The snapshot.
    pub snapshot: Snapshot<'a>,
    /// The top-level targets.
    pub targets: Targets<'a>,
    /// The dates of all of them.
    pub dates: Dates,
}

/// 5.6.2 to 5.6.5, for the top-level role and for every delegated one.
pub(crate) fn targets_role<'a, S: Schemes>(
    policy: &Policy<'_, S>,
    role: Role,
    document: Document<'a>,
    pinned: &MetaFile<'_>,
    authority: &Authority<'_>,
) -> Result<Targets<'a>, Refusal> {
    policy.check_pins(role, pinned, document)?;
    let authentic = policy.authenticate(role, document, authority)?;
    let targets = Targets::parse(&authentic, role).map_err(Refusal::malformed(role))?;
    check_version(role, pinned, &targets.head)?;
    policy.check_expiry(role, &targets.head)?;
    Ok(targets)
}

fn check_version(role: Role, pinned: &MetaFile<'_>, head: &Head) -> Result<(), Refusal> {
    if pinned.version == head.version {
        return Ok(());
    }
    Err(Refusal {
        role,
        rule: Rule::WrongVersion {
            expected: pinned.version,
            found: head.version,
        },
    })
}

/// The dates of a chain of metadata, for readers whose clock is what the chain itself says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// The latest `issued` of the roles that people sign: where a time floor moves to.
    pub issued: Instant,
    /// `issued` of the timestamp, which never moves a floor.
    pub stamped: Option<Instant>,
    /// The earliest `expires`, and whose it is.
    pub expires: (Instant, Role),
}

impl Dates {
    fn of(role: Role, head: &Head) -> Self {
        Self {
            issued: Instant(0),
            stamped: None,
            expires: (Instant::LAST, role),
        }
        .and(role, head)
    }

    pub(crate) fn and(self, role: Role, head: &Head) -> Self {
        let issued = if role.is_offline() {
            self.issued.max(head.issued.unwrap_or_default())
        } else {
            self.issued
        };
        let stamped = if role == Role::Timestamp {
            head.issued
        } else {
            self.stamped
        };
        let expires = if head.expires < self.expires.0 {
            (head.expires, role)
        } else {
            self.expires
        };
        Self {
            issued,
            stamped,
            expires,
        }
    }
}
