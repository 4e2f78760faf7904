//! The targets of hashed bins: every one there, whole, and in the bin that its path falls into.

use cuff_verifier::profile::Profile;
use cuff_verifier::role::Role;
use cuff_verifier::role::delegation::Delegations;
use cuff_verifier::role::targets::{Target, Targets};
use cuff_verifier::threshold::{Document, unauthenticated};

use super::rule;
use crate::bundle::MAX_BUNDLE;
use crate::repository::check::Case;
use crate::repository::check::metadata::Found;
use crate::repository::release::ReleaseError;
use crate::repository::source::SourceError;
use crate::repository::target::{self, TargetError};
use crate::repository::view::Listing;
use crate::role::bins::Count;

/// Goes through every bin.
pub(super) fn examine(case: &mut Case<'_>, found: &Found) -> Result<(), SourceError> {
    let count = found.targets.as_deref().and_then(count);
    for (role, file) in &found.roles {
        let Some(bin) = read(file, Role::Delegated) else {
            continue;
        };
        for (path, target) in bin.targets() {
            let path = String::from_utf8_lossy(path.raw()).into_owned();
            case.report.releases.push(path.clone());
            let right = count.map(|count| count.name(count.bin_of(&path)));
            if let Some(right) = right.filter(|right| right != role) {
                let message =
                    format!("listed by {role}, and no client looks for it there but in {right}");
                case.error("wrong-bin", &path, message);
            }
            whole(case, &path, &target)?;
        }
    }
    Ok(())
}

/// How many bins there are, as targets delegates to them.
fn count(targets: &[u8]) -> Option<Count> {
    let targets = read(targets, Role::Targets)?;
    let delegations = targets.delegations()?;
    let names = || Delegations::iter(&delegations);
    let count = Count::new(u32::try_from(names().count()).ok()?).ok()?;
    // Those of other people may be called and shared out otherwise.
    let ours = |(bin, name): (u32, &[u8])| count.name(bin).as_bytes() == name;
    let mut both = count.bins().zip(names().map(|one| one.name().raw()));
    both.all(ours).then_some(count)
}

/// Asks for the file, and holds it against what is listed.
fn whole(case: &mut Case<'_>, path: &str, target: &Target<'_>) -> Result<(), SourceError> {
    let listing = Listing {
        length: target.length,
        sha256: target.sha256,
        hashes: target.hashes.value().bytes().to_vec(),
        custom: None,
    };
    if let Some(digest) = listing.sha256 {
        let file = target::file_of(path, &digest.to_string(), true);
        case.referenced.insert(file);
    }
    match target::fetch(case.source, path, &listing, true, MAX_BUNDLE) {
        Ok(_) => Ok(()),
        Err(TargetError::Source(error @ SourceError::Read { .. })) => Err(error),
        Err(error) => {
            let message = error.to_string();
            case.error(rule(&ReleaseError::Target(error)), path, message);
            Ok(())
        }
    }
}

fn read(file: &[u8], role: Role) -> Option<Targets<'_>> {
    let unproven = unauthenticated(Document::canonical(file), Profile::Foreign).ok()?;
    Targets::parse(&unproven, role).ok()
}
