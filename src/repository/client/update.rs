//! One update under way (TUF 5.2 to 5.6), from the trusted root to the targets that are looked for.
//!
//! Takes what stays the same throughout: a source, room for its files, a policy. It asks the verifier what it needs next,
//! fetches that, and has a file remembered only after every check on it has passed.

use std::collections::BTreeMap;

use cuff_verifier::digest::Digest;
use cuff_verifier::json::{Text, Value};
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::metafile::MetaFile;
use cuff_verifier::role::root::Root;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::targets::Targets;
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::search::{Search, Step};
use cuff_verifier::threshold::{Authentic, Authority, Document, authenticate};
use cuff_verifier::trusted::{
    Listed, Novelty, Policy, RootChain, Seen, SeenRoles, Trusted, TrustedRoot,
};
use cuff_verifier::version::Version;

use super::files::{file_of, name_of, root_file};
use super::shelf::Shelf;
use super::trust::Trust;
use super::{ClientError, MAX_LINKS, MAX_ROOT, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use crate::repository::foreign;
use crate::repository::foreign::schemes::AllSchemes;
use crate::repository::source::Source;
use crate::repository::view::{Finding, Listing, View};

/// The parts of an update that stay the same throughout.
pub(super) struct Update<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) shelf: &'a Shelf,
    pub(super) policy: Policy<'static, AllSchemes>,
}

type Chain<'a> = RootChain<'a, 'static, AllSchemes>;

impl<'a> Update<'a> {
    /// Does it, and `each` with every path before the next is looked for.
    pub(super) fn run<E: From<ClientError>>(
        &self,
        trust: &mut Trust,
        wanted: &[&str],
        mut each: impl FnMut(&View, &Finding) -> Result<(), E>,
    ) -> Result<View, E> {
        let (mut view, trusted) = self.top_level(trust)?;
        for path in wanted {
            let finding = self.find(trust, &trusted, path, &mut view)?;
            each(&view, &finding)?;
            view.findings.push(finding);
        }
        Ok(view)
    }

    /// 5.2 to 5.6.6: the top-level roles.
    fn top_level(&self, trust: &mut Trust) -> Result<(View, Top<'a>), ClientError> {
        let anchor = self.keep("the trusted root", trust.anchor().to_vec())?;
        let chain = RootChain::anchor(anchor, self.policy).map_err(refused("the trusted root"))?;
        let seen = self.recall_seen(trust, chain.root())?;
        let mut roots = BTreeMap::new();
        let chain = self.follow_roots(trust, chain, anchor, &mut roots)?;
        trust.settle()?;
        let newest = *chain.root();
        let file = root_file(newest.head.version);
        let root = chain.finish().map_err(refused(&file))?;
        let online = self.online(trust, root, &newest, seen)?;
        let pinned = online.listed.needs();
        let name = file_of("targets", &pinned, &newest);
        let authority = authority_of(&newest, Role::Targets, &name)?;
        let file = self.pinned(
            trust,
            ("targets", Role::Targets),
            &name,
            &pinned,
            &authority,
        )?;
        let trusted = online.listed.targets(file).map_err(refused(&name))?;
        trust.accept("targets", file.served())?;
        let view = View {
            roots,
            timestamp: online.timestamp.to_vec(),
            snapshot: online.snapshot.to_vec(),
            targets: file.served().to_vec(),
            roles: BTreeMap::new(),
            versions: [
                ("root", newest.head.version),
                ("timestamp", trusted.timestamp.head.version),
                ("snapshot", trusted.snapshot.head.version),
                ("targets", trusted.targets.head.version),
            ]
            .map(|(role, version)| (role.to_owned(), version.get()))
            .into(),
            consistent: newest.consistent_snapshot(),
            findings: Vec::new(),
        };
        let snapshot = online.name;
        Ok((view, Top { trusted, snapshot }))
    }

    /// 5.3: one link at a time, each remembered before the next is asked for.
    fn follow_roots(
        &self,
        trust: &mut Trust,
        mut chain: Chain<'a>,
        anchor: Document<'a>,
        roots: &mut BTreeMap<u64, Vec<u8>>,
    ) -> Result<Chain<'a>, ClientError> {
        let first = chain.root().head.version.get();
        trust.accept_root(first, anchor.served(), false)?;
        roots.insert(first, anchor.served().to_vec());
        for version in (1..first).rev() {
            let Some(earlier) = trust.history().get(&version) else {
                break;
            };
            roots.insert(version, earlier.clone());
        }
        let mut links = 0;
        while let Some(next) = chain.root().head.version.next() {
            let file = root_file(next);
            let Some(bytes) = self.source.get(&file, MAX_ROOT)? else {
                break;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(ClientError::TooManyRoots);
            }
            let root = self.keep(&file, bytes)?;
            let before = chain.resets();
            chain = chain.extend(root).map_err(refused(&file))?;
            let served = root.served();
            trust.accept_root(next.get(), served, chain.resets() && !before)?;
            roots.insert(next.get(), served.to_vec());
        }
        Ok(chain)
    }

    /// 5.4 and 5.5: timestamp and snapshot.
    fn online(
        &self,
        trust: &mut Trust,
        root: TrustedRoot<'a, 'static, AllSchemes>,
        newest: &Root<'a>,
        seen: Seen<'a>,
    ) -> Result<Online<'a>, ClientError> {
        let name = "metadata/timestamp.json";
        let served = self.source.get(name, MAX_TIMESTAMP)?;
        let mut timestamp = self.keep(name, served.ok_or_else(|| missing(name))?)?;
        let mut stamped = root.timestamp(timestamp, seen).map_err(refused(name))?;
        if stamped.novelty() == Novelty::Substituted {
            // 5.4.3.1: a foreign repository may sign the same version twice; what was trusted first stays.
            let kept = trust.recall("timestamp")?;
            timestamp = self.keep(name, kept.ok_or_else(|| trust.damaged("timestamp.json"))?)?;
            let root = Authentic::kept_in_trust_store(newest.signed(), self.policy.profile);
            stamped = RootChain::resume(&root, self.policy)
                .and_then(RootChain::finish)
                .and_then(|root| root.timestamp(timestamp, seen))
                .map_err(refused(name))?;
        }
        trust.accept("timestamp", timestamp.served())?;
        let pinned = stamped.needs();
        let name = file_of("snapshot", &pinned, newest);
        let authority = authority_of(newest, Role::Snapshot, &name)?;
        let role = ("snapshot", Role::Snapshot);
        let snapshot = self.pinned(trust, role, &name, &pinned, &authority)?;
        let listed = stamped.snapshot(snapshot).map_err(refused(&name))?;
        trust.accept("snapshot", snapshot.served())?;
        Ok(Online {
            listed,
            timestamp: timestamp.served(),
            snapshot: snapshot.served(),
            name,
        })
    }

    /// 5.6.7: the search for one path.
    fn find(
        &self,
        trust: &mut Trust,
        Top { trusted, snapshot }: &Top<'a>,
        path: &str,
        view: &mut View,
    ) -> Result<Finding, ClientError> {
        let quoted = foreign::quoted(path);
        let text = self.path(path, &quoted)?;
        let (expires, role) = trusted.dates.expires;
        let mut finding = Finding {
            path: path.to_owned(),
            role: None,
            listing: None,
            withdrawn: None,
            expires: (expires, role.name().to_owned()),
        };
        let mut search = Search::new(trusted, text);
        loop {
            match search.step().map_err(refused(snapshot))? {
                Step::Absent => {
                    finding.withdrawn = view.advisory(path);
                    return Ok(finding);
                }
                Step::Found(found) => {
                    finding.role = found.role.map(name_of);
                    finding.listing = Some(Listing {
                        length: found.target.length,
                        sha256: found.target.sha256,
                        hashes: found.target.hashes.value().bytes().to_vec(),
                        custom: found.target.custom.map(|custom| custom.bytes().to_vec()),
                    });
                    return Ok(finding);
                }
                Step::Needs(needed) => {
                    let role = name_of(needed.delegation.name());
                    let file = file_of(&role, &needed.file, &trusted.root);
                    let authority = needed.delegation.authority();
                    let authority = authority.map_err(malformed(Role::Delegated, &file))?;
                    let kind = (role.as_str(), Role::Delegated);
                    let found = self.pinned(trust, kind, &file, &needed.file, &authority)?;
                    let targets = search.supply(found).map_err(refused(&file))?;
                    trust.accept(&role, found.served())?;
                    if let Some(targets) = targets {
                        view.versions
                            .insert(role.clone(), targets.head.version.get());
                        if targets.head.expires < finding.expires.0 {
                            finding.expires = (targets.head.expires, role.clone());
                        }
                    }
                    view.roles.insert(role, found.served().to_vec());
                }
            }
        }
    }

    /// A path as metadata writes it.
    fn path<'p>(&self, path: &str, quoted: &'p [u8]) -> Result<Text<'p>, ClientError> {
        let text = Value::check(quoted).and_then(Value::text);
        let text = text.map_err(|_| ClientError::Path(path.to_owned()))?;
        if self.policy.profile.is_device() && text.as_str().is_none() {
            return Err(ClientError::Path(path.to_owned()));
        }
        Ok(text)
    }

    /// What the last update left behind, read with the root that it was trusted under.
    fn recall_seen(&self, trust: &mut Trust, root: &Root<'_>) -> Result<Seen<'a>, ClientError> {
        let mut seen = Seen::default();
        if let Some(bytes) = trust.recall("timestamp")? {
            let name = "timestamp.json";
            let (file, timestamp) = self
                .reread(name, bytes, root, Role::Timestamp, Timestamp::parse)
                .ok_or_else(|| trust.damaged(name))?;
            seen.timestamp = Some((timestamp.head.version, Digest::of(file.served())));
            seen.snapshot = Some(timestamp.snapshot.version);
        }
        if let Some(bytes) = trust.recall("snapshot")? {
            let name = "snapshot.json";
            let (_, snapshot) = self
                .reread(name, bytes, root, Role::Snapshot, Snapshot::parse)
                .ok_or_else(|| trust.damaged(name))?;
            seen.snapshot = seen.snapshot.max(Some(snapshot.head.version));
            seen.roles = SeenRoles::Snapshot(snapshot);
        }
        Ok(seen)
    }

    fn reread<T>(
        &self,
        name: &str,
        bytes: Vec<u8>,
        root: &Root<'_>,
        role: Role,
        parse: impl Fn(&Authentic<'a>) -> Result<T, Malformed>,
    ) -> Option<(Document<'a>, T)> {
        let file = self.keep(name, bytes).ok()?;
        let authority = root.authority(role).ok()?;
        let authentic = self.authentic(file, &authority)?;
        Some((file, parse(&authentic).ok()?))
    }

    /// A file that other metadata announces: the one that was trusted before if it is still the same, or else the source's.
    fn pinned(
        &self,
        trust: &mut Trust,
        (role, kind): (&str, Role),
        name: &str,
        pinned: &MetaFile<'_>,
        authority: &Authority<'_>,
    ) -> Result<Document<'a>, ClientError> {
        let kept = trust.recall(role)?;
        let kept = kept.filter(|kept| pinned.pins(kept, self.policy.schemes));
        if let Some(kept) = kept.and_then(|kept| self.keep(name, kept).ok()) {
            // Where no digest is pinned, which file it is only its version tells.
            let same = pinned.sha256().is_some() || {
                let authentic = self.authentic(kept, authority);
                let version = authentic.and_then(|authentic| version_of(&authentic, kind));
                version == Some(pinned.version)
            };
            if same {
                return Ok(kept);
            }
        }
        let most = if role == "snapshot" {
            MAX_SNAPSHOT
        } else {
            MAX_TARGETS
        };
        let limit = pinned.length().map_or(most, |length| length.0.min(most));
        let bytes = self.source.get(name, limit)?;
        self.keep(name, bytes.ok_or_else(|| missing(name))?)
    }

    fn authentic(&self, file: Document<'a>, authority: &Authority<'_>) -> Option<Authentic<'a>> {
        authenticate(file, authority, self.policy.profile, self.policy.schemes).ok()
    }

    fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<Document<'a>, ClientError> {
        read(self.shelf, self.policy.profile, name, bytes)
    }
}

/// Puts a file on the shelf, a foreign one together with its canonical form.
pub(super) fn read<'a>(
    shelf: &'a Shelf,
    profile: Profile,
    name: &str,
    bytes: Vec<u8>,
) -> Result<Document<'a>, ClientError> {
    let served = shelf.keep(bytes).ok_or(ClientError::TooManyFiles)?;
    if profile.is_device() || foreign::is_canonical(served) {
        return Ok(Document::canonical(served));
    }
    let canonical = foreign::canonical(served).map_err(|source| ClientError::Foreign {
        file: name.to_owned(),
        source,
    })?;
    let canonical = shelf.keep(canonical).ok_or(ClientError::TooManyFiles)?;
    Ok(Document::foreign(served, canonical))
}

fn version_of(authentic: &Authentic<'_>, kind: Role) -> Option<Version> {
    match kind {
        Role::Snapshot => Some(Snapshot::parse(authentic).ok()?.head.version),
        Role::Targets | Role::Delegated => Some(Targets::parse(authentic, kind).ok()?.head.version),
        Role::Root | Role::Timestamp => None,
    }
}

/// What a search begins with: the top-level roles, and the file that snapshot is in.
struct Top<'a> {
    trusted: Trusted<'a, 'static, AllSchemes>,
    snapshot: String,
}

/// What 5.4 and 5.5 lead to: the stage, and the files it was built from.
struct Online<'a> {
    listed: Listed<'a, 'static, AllSchemes>,
    timestamp: &'a [u8],
    snapshot: &'a [u8],
    name: String,
}

fn authority_of<'a>(root: &Root<'a>, role: Role, file: &str) -> Result<Authority<'a>, ClientError> {
    root.authority(role).map_err(malformed(role, file))
}

fn malformed(role: Role, file: &str) -> impl Fn(Malformed) -> ClientError {
    move |error| {
        refused(file)(Refusal {
            role,
            rule: Rule::Malformed(error),
        })
    }
}

pub(super) fn refused(file: &str) -> impl Fn(Refusal) -> ClientError {
    move |refusal| ClientError::Refused {
        file: file.to_owned(),
        refusal,
    }
}

fn missing(file: &str) -> ClientError {
    ClientError::Missing {
        file: file.to_owned(),
    }
}
