//! The client's workflow (TUF 5.2 to 5.7): what is asked for next, what may be kept, and whether it ended well.
//!
//! Takes a host that moves bytes; gives yes or a reason. The rules are the verifier's. A file is handed over for keeping only
//! after every check on it has passed, and what was kept comes back as it was served and is checked again.

use core::fmt;

use cuff_verifier::digest::Digest;
use cuff_verifier::json::Text;
use cuff_verifier::key::Schemes;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::metafile::MetaFile;
use cuff_verifier::role::root::Root;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::targets::{Target, Targets};
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::search::{Search, Step};
use cuff_verifier::threshold::{Authentic, Authority, Document, authenticate, unauthenticated};
use cuff_verifier::trusted::{Policy, RootChain, Seen, SeenRoles, Trusted};
use cuff_verifier::version::Version;

use crate::host::{Host, Lack, Name};
use crate::shelf::MAX_TARGET;
use crate::wire;

/// Largest files, in bytes.
const MAX_ROOT: usize = 512 << 10;
const MAX_TIMESTAMP: usize = 16 << 10;
const MAX_SNAPSHOT: usize = 2 << 20;
const MAX_TARGETS: usize = 4 << 20;
/// Most root links followed in one update.
const MAX_LINKS: usize = 1024;

const ROOT: &str = "root.json";
const TIMESTAMP: &str = "timestamp.json";
const SNAPSHOT: &str = "snapshot.json";

/// A client about to do its task.
pub struct Client<'h, S: 'static> {
    /// Who moves the bytes.
    pub host: &'h Host,
    /// How is judged.
    pub policy: Policy<'static, S>,
}

type File = Document<'static>;

impl<S: Schemes> Client<'_, S> {
    /// Begins with the root that is given. Where the client began before, it must be one that was trusted.
    pub fn begin(&self) -> Result<(), Stop> {
        let given = self.bring(wire::GIVEN, "the trusted root", MAX_ROOT)?;
        let chain = RootChain::anchor(given, self.policy)?;
        if self.kept(ROOT, MAX_ROOT)?.is_none() {
            return self.keep_root(chain.root().head.version, given);
        }
        let history = history(chain.root().head.version)?;
        let known = self.kept(history.as_str(), MAX_ROOT)?;
        match known.and_then(signed) {
            Some(known) if Some(known) == signed(given) => Ok(()),
            _ => Err(Stop::OtherRoot),
        }
    }

    /// 5.2 to 5.6: the top-level roles.
    pub fn update(&self) -> Result<Trusted<'static, 'static, S>, Stop> {
        let anchor = self.kept(ROOT, MAX_ROOT)?.ok_or(Stop::NoBeginning)?;
        let chain = RootChain::anchor(anchor, self.policy)?;
        let seen = self.seen(chain.root())?;
        let chain = self.follow_roots(chain)?;
        let newest = *chain.root();

        let current = chain.finish()?;
        let file = self.bring(wire::METADATA, TIMESTAMP, MAX_TIMESTAMP)?;
        let stamped = current.timestamp(file, seen)?;
        self.keep(TIMESTAMP, file)?;

        let pinned = stamped.needs();
        let authority = authority(&newest, Role::Snapshot)?;
        let file = self.pinned("snapshot", Role::Snapshot, &pinned, &authority)?;
        let listed = stamped.snapshot(file)?;
        self.keep(SNAPSHOT, file)?;

        let pinned = listed.needs();
        let authority = self::authority(&newest, Role::Targets)?;
        let file = self.pinned("targets", Role::Targets, &pinned, &authority)?;
        let trusted = listed.targets(file)?;
        self.keep("targets.json", file)?;
        Ok(trusted)
    }

    /// 5.6.7 and 5.7: the search for one path, and its file.
    pub fn download(
        &self,
        trusted: &Trusted<'static, 'static, S>,
        path: &str,
        place: &mut [u8],
    ) -> Result<(), Stop> {
        let printable = path.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        let text = Text::plain(path).filter(|_| printable).ok_or(Stop::Path)?;
        let mut search = Search::new(trusted, text);
        loop {
            match search.step()? {
                Step::Absent => return Err(Stop::Unlisted),
                Step::Found(found) => return self.fetch(path, &found.target, place),
                Step::Needs(needed) => {
                    let role = needed.delegation.name().as_str().ok_or(Stop::Name)?;
                    let authority = needed.delegation.authority();
                    let authority = authority.map_err(malformed(Role::Delegated))?;
                    let file = self.pinned(role, Role::Delegated, &needed.file, &authority)?;
                    search.supply(file)?;
                    self.keep(local(role)?.as_str(), file)?;
                }
            }
        }
    }

    /// 5.3: one link at a time, each kept before the next is asked for.
    fn follow_roots(
        &self,
        mut chain: RootChain<'static, 'static, S>,
    ) -> Result<RootChain<'static, 'static, S>, Stop> {
        let mut links = 0;
        while let Some(next) = chain.root().head.version.next() {
            let name = name(format_args!("{next}.root.json"))?;
            let file = match self.host.bring(wire::METADATA, name.as_str(), MAX_ROOT) {
                Ok(bytes) => Document::canonical(bytes),
                Err(Lack::Absent) => break,
                Err(lack) => return Err(self.lacking(name.as_str())(lack)),
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(Stop::TooManyRoots);
            }
            let before = chain.resets();
            chain = chain.extend(file)?;
            // 5.3.11, and before the root is kept: a run that is cut short must not leave versions that nobody can go below.
            if chain.resets() && !before {
                for name in [TIMESTAMP, SNAPSHOT] {
                    self.have_done(wire::FORGET, name, &[])?;
                }
            }
            self.keep_root(next, file)?;
        }
        Ok(chain)
    }

    /// What the last update left behind, read with the root that it was trusted under.
    fn seen(&self, root: &Root<'_>) -> Result<Seen<'static>, Stop> {
        let mut seen = Seen::default();
        if let Some(file) = self.kept(TIMESTAMP, MAX_TIMESTAMP)? {
            let proof = self.reread(file, root, Role::Timestamp)?;
            let timestamp = Timestamp::parse(&proof).map_err(malformed(Role::Timestamp))?;
            seen.timestamp = Some((timestamp.head.version, Digest::of(file.served())));
            seen.snapshot = Some(timestamp.snapshot.version);
        }
        if let Some(file) = self.kept(SNAPSHOT, MAX_SNAPSHOT)? {
            let proof = self.reread(file, root, Role::Snapshot)?;
            let snapshot = Snapshot::parse(&proof).map_err(malformed(Role::Snapshot))?;
            seen.snapshot = seen.snapshot.max(Some(snapshot.head.version));
            seen.roles = SeenRoles::Snapshot(snapshot);
        }
        Ok(seen)
    }

    fn reread(&self, file: File, root: &Root<'_>, role: Role) -> Result<Authentic<'static>, Stop> {
        self.authentic(file, &authority(root, role)?)
            .ok_or(Stop::Damaged(role))
    }

    /// A file that other metadata announces: the one that was kept if it is still the same, or else the repository's.
    fn pinned(
        &self,
        role: &str,
        kind: Role,
        pinned: &MetaFile<'_>,
        authority: &Authority<'_>,
    ) -> Result<File, Stop> {
        let most = if kind == Role::Snapshot {
            MAX_SNAPSHOT
        } else {
            MAX_TARGETS
        };
        let length = pinned.length().map_or(u64::MAX, |length| length.0);
        let most = usize::try_from(length).unwrap_or(most).min(most);
        let local = local(role)?;
        let kept = match self.host.bring(wire::KEPT, local.as_str(), most) {
            Ok(bytes) => Some(Document::canonical(bytes)),
            Err(Lack::Absent | Lack::Longer) => None,
            Err(lack) => return Err(self.lacking(local.as_str())(lack)),
        };
        let same = |file: &File| {
            let proof = || self.authentic(*file, authority);
            pinned.pins(file.served(), self.policy.schemes)
                && proof().and_then(|proof| version_of(&proof, kind)) == Some(pinned.version)
        };
        if let Some(same) = kept.filter(same) {
            return Ok(same);
        }
        let name = name(format_args!("{}.{role}.json", pinned.version))?;
        self.bring(wire::METADATA, name.as_str(), most)
    }

    /// 5.7: the file of a target; none is fetched where the one that is there already is the one that is listed.
    fn fetch(&self, path: &str, target: &Target<'_>, place: &mut [u8]) -> Result<(), Stop> {
        let length = usize::try_from(target.length.0).unwrap_or(usize::MAX);
        let place = place
            .get_mut(..length.min(MAX_TARGET))
            .filter(|place| place.len() == length);
        let place = place.ok_or(Stop::TooLarge)?;
        let is_it =
            |bytes: &[u8]| bytes.len() == length && target.hashes.hold(bytes, self.policy.schemes);
        match self.host.bring_into(wire::PLACED, path, place) {
            Ok(bytes) if is_it(bytes) => return Ok(()),
            Ok(_) | Err(Lack::Absent | Lack::Longer) => {}
            Err(lack) => return Err(self.lacking(path)(lack)),
        }
        let digest = target.sha256.ok_or(Stop::Unlisted)?;
        // TUF 7: the digest goes before the last segment.
        let (folder, last) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let file = name(format_args!("{folder}{digest}.{last}"))?;
        let fetched = self.host.bring_into(wire::TARGET, file.as_str(), place);
        let bytes = fetched.map_err(self.lacking(file.as_str()))?;
        if !is_it(bytes) {
            return Err(Stop::OtherTarget);
        }
        self.have_done(wire::PLACE, path, bytes)
    }

    fn authentic(&self, file: File, authority: &Authority<'_>) -> Option<Authentic<'static>> {
        let Policy {
            profile, schemes, ..
        } = self.policy;
        authenticate(file, authority, profile, schemes).ok()
    }

    fn bring(&self, word: u8, name: &str, most: usize) -> Result<File, Stop> {
        let bytes = self
            .host
            .bring(word, name, most)
            .map_err(self.lacking(name))?;
        Ok(Document::canonical(bytes))
    }

    fn kept(&self, name: &str, most: usize) -> Result<Option<File>, Stop> {
        match self.host.bring(wire::KEPT, name, most) {
            Ok(bytes) => Ok(Some(Document::canonical(bytes))),
            Err(Lack::Absent) => Ok(None),
            Err(lack) => Err(self.lacking(name)(lack)),
        }
    }

    fn keep(&self, name: &str, file: File) -> Result<(), Stop> {
        self.have_done(wire::KEEP, name, file.served())
    }

    fn keep_root(&self, version: Version, file: File) -> Result<(), Stop> {
        self.keep(history(version)?.as_str(), file)?;
        self.keep(ROOT, file)
    }

    fn lacking(&self, name: &str) -> impl Fn(Lack) -> Stop {
        move |lack| Stop::Lacking(self.host.note(name), lack)
    }

    fn have_done(&self, word: u8, name: &str, body: &[u8]) -> Result<(), Stop> {
        let done = self.host.have_done(word, name, body);
        done.map_err(self.lacking(name))
    }
}

fn authority<'a>(root: &Root<'a>, role: Role) -> Result<Authority<'a>, Stop> {
    root.authority(role).map_err(malformed(role))
}

fn version_of(proof: &Authentic<'_>, kind: Role) -> Option<Version> {
    Some(match kind {
        Role::Snapshot => Snapshot::parse(proof).ok()?.head.version,
        _ => Targets::parse(proof, kind).ok()?.head.version,
    })
}

fn signed(file: File) -> Option<&'static [u8]> {
    let unproven = unauthenticated(file, Profile::Device).ok()?;
    Some(unproven.signed())
}

fn malformed(role: Role) -> impl Fn(Malformed) -> Stop {
    move |error| {
        Stop::Refused(Refusal {
            role,
            rule: Rule::Malformed(error),
        })
    }
}

/// A role's file among those that are kept. In this profile no role has a name that leads elsewhere.
fn local(role: &str) -> Result<Name, Stop> {
    name(format_args!("{role}.json"))
}

fn history(version: Version) -> Result<Name, Stop> {
    name(format_args!("root_history/{version}.root.json"))
}

fn name(what: fmt::Arguments<'_>) -> Result<Name, Stop> {
    Name::of(what).ok_or(Stop::Name)
}

/// Why it stops.
#[derive(Debug)]
pub enum Stop {
    /// By a rule of the verifier.
    Refused(Refusal),
    /// A file did not come.
    Lacking(&'static str, Lack),
    /// What was kept is not what a client leaves.
    Damaged(Role),
    /// It never began.
    NoBeginning,
    /// It began with another root.
    OtherRoot,
    /// The chain of roots does not end.
    TooManyRoots,
    /// A path that no metadata of this profile holds.
    Path,
    /// A name that is too long.
    Name,
    /// Nobody lists the target.
    Unlisted,
    /// A target longer than the memory for it.
    TooLarge,
    /// Other bytes than were listed.
    OtherTarget,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(refusal) => return refusal.fmt(f),
            Self::Lacking(name, lack) => return write!(f, "{name} {lack}"),
            Self::Damaged(role) => {
                return write!(f, "{role}: what was kept is not what a client leaves");
            }
            Self::NoBeginning => "there is no root to begin with",
            Self::OtherRoot => "the client began with another root, or has gone on from this one",
            Self::TooManyRoots => "more than 1024 roots after the trusted one",
            Self::Path => "a target path that no metadata of this profile can list",
            Self::Name => "a name of more than 1024 bytes",
            Self::Unlisted => "no role that may speak for the target lists it",
            Self::TooLarge => "the target is longer than 4 MiB",
            Self::OtherTarget => "the target has another length or SHA-256 than was signed",
        })
    }
}
