//! The same hostile repository before sigstore-tuf: a client by other people, with other cryptography.
//!
//! What it refuses, the device must refuse. The other way round differs: a device is stricter, and remembers more.

use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Outcome, walk};
use sigstore_tuf::trusted::TrustedMetadataSet;

use crate::hostile::Hostile;
use crate::ring_provider::use_ring;
use crate::trusted::known;

/// Asks both.
pub fn differential(data: &[u8]) {
    let hostile = Hostile::repository(data);
    let Ok(evidence) = Evidence::parse(&hostile.update) else {
        return;
    };
    let known = known(&hostile);
    let walked = walk(&known, &evidence);
    if !matches!(walked.outcome, Outcome::Complete(_)) {
        return;
    }
    use_ring();
    if let Err(error) = theirs(&hostile) {
        panic!("a device takes what sigstore-tuf refuses: {error}");
    }
}

fn theirs(hostile: &Hostile) -> Result<(), sigstore_tuf::Error> {
    let now = i64::try_from(hostile.floor.0).expect("before the year 9999");
    let now = jiff::Timestamp::from_second(now).expect("a date");
    let mut set = TrustedMetadataSet::from_root(&hostile.anchor)?;
    for (version, root) in (u64::from(hostile.first_root)..).zip(&hostile.roots) {
        // A device skips the roots it knows, by the version the evidence states.
        if version > set.root().version {
            set.update_root(root)?;
        }
    }
    set.check_root_expired(now)?;
    let [timestamp, snapshot, targets] = &hostile.online;
    set.update_timestamp(timestamp, now)?;
    set.update_snapshot(snapshot, now)?;
    set.update_targets(targets, now)?;
    visit(&mut set, hostile, "targets", now, &mut Vec::new())
}

/// Every delegated file that was shown, below each role that delegates to it for this path.
fn visit(
    set: &mut TrustedMetadataSet,
    hostile: &Hostile,
    delegator: &str,
    now: jiff::Timestamp,
    visited: &mut Vec<String>,
) -> Result<(), sigstore_tuf::Error> {
    let delegations = set
        .targets_role(delegator)
        .and_then(|role| role.delegations.clone());
    for role in delegations.into_iter().flat_map(|all| all.roles) {
        let shown = hostile
            .delegated
            .iter()
            .find(|(name, _)| *name == role.name);
        let Some((name, file)) = shown else { continue };
        if visited.contains(name) || !role.matches_path(&hostile.path)? {
            continue;
        }
        visited.push(name.clone());
        let found = set
            .update_delegated_targets(file, name, delegator, now)?
            .target(&hostile.path)
            .is_some();
        if found {
            return Ok(());
        }
        visit(set, hostile, name, now, visited)?;
        if role.terminating {
            return Ok(());
        }
    }
    Ok(())
}
