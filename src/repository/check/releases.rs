//! The releases of a repository: every bundle there, whole, with a record that agrees, and acceptable to a device.
//!
//! Takes the metadata that was found; goes through every target of every role. What a device says is asked of the judge.

mod bins;

use cuff_verifier::judge::Known;
use cuff_verifier::profile::Profile;
use cuff_verifier::release::{Kind, Record};
use cuff_verifier::role::Role;
use cuff_verifier::role::targets::{Target, Targets};
use cuff_verifier::threshold::{Document, unauthenticated};
use cuff_verifier::verdict::{Reason, Verdict};

use super::Case;
use super::metadata::Found;
use super::problem::Severity;
use crate::bundle::Bundle;
use crate::evidence::Metadata;
use crate::judgement::{self, Update};
use crate::repository::release::{self, ReleaseError};
use crate::repository::source::SourceError;
use crate::repository::target::TargetError;
use crate::repository::view::Listing;

/// Goes through every target.
pub fn examine(case: &mut Case<'_>, found: &Found) -> Result<(), SourceError> {
    if !case.profile.is_device() {
        return bins::examine(case, found);
    }
    if let Some(targets) = found
        .targets
        .as_deref()
        .and_then(|file| read(file, Role::Targets))
    {
        for (path, _) in targets.targets() {
            let path = String::from_utf8_lossy(path.raw()).into_owned();
            let message = "listed by the top-level targets role: devices accept releases from their product's role only";
            case.error(Reason::SignedByOtherRole.name(), &path, message);
        }
    }
    for (role, file) in &found.roles {
        let Some(targets) = read(file, Role::Delegated) else {
            continue;
        };
        let minimum = targets.minimum_counter();
        if minimum.is_none() {
            let message = "the role has no `minimum_counter`, and devices demand one";
            case.error(Reason::MissingMember.name(), role, message);
        }
        for (path, target) in targets.targets() {
            let path = String::from_utf8_lossy(path.raw()).into_owned();
            case.report.releases.push(path.clone());
            let bundle = bundle(case, role, &path, &target)?;
            let record = match Record::of(&target) {
                Ok(record) => record,
                Err(error) => {
                    case.error(Reason::from(error).name(), &path, error.to_string());
                    continue;
                }
            };
            if record.counter < minimum.unwrap_or_default() {
                let message = format!(
                    "its counter {} is below the minimum {}: no device installs it any more",
                    record.counter,
                    minimum.unwrap_or_default()
                );
                case.tell(Severity::Note, "below-minimum", &path, message);
            } else if record.kind == Kind::Application {
                let image = bundle.as_ref().map(Bundle::image);
                ask_a_device(case, found, role, &path, Some((&record, image)));
            }
        }
        ask_a_device(case, found, role, &format!("{role}/"), None);
    }
    Ok(())
}

/// The bundle of a target, when there is one and nothing is wrong with it.
fn bundle(
    case: &mut Case<'_>,
    role: &str,
    path: &str,
    target: &Target<'_>,
) -> Result<Option<Bundle>, SourceError> {
    if path.split('/').next() != Some(role) {
        let message = format!("listed by the role {role}, which no device takes it from");
        case.error(Reason::PathOutsideProduct.name(), path, message);
    }
    let listing = Listing {
        length: target.length,
        sha256: target.sha256,
        hashes: target.hashes.value().bytes().to_vec(),
        custom: target.custom.map(|custom| custom.bytes().to_vec()),
    };
    if let Some(digest) = target.sha256 {
        case.referenced.insert(release::file_of(path, digest));
    }
    let opened = release::download(case.source, path, &listing).and_then(|(_, bytes)| {
        let bundle = Bundle::of(bytes.into()).map_err(|source| ReleaseError::Bundle {
            path: path.to_owned(),
            source,
        })?;
        let signed = listing.custom.as_deref().and_then(release::signed_record);
        release::agree(path, signed, &bundle)?;
        Ok(bundle)
    });
    match opened {
        Ok(bundle) => Ok(Some(bundle)),
        Err(ReleaseError::Target(TargetError::Source(error @ SourceError::Read { .. }))) => {
            Err(error)
        }
        Err(error) => {
            let mut message = error.to_string();
            if let ReleaseError::Bundle { source, .. } = &error {
                message = format!("{message}: {source}");
            }
            case.error(rule(&error), path, message);
            Ok(None)
        }
    }
}

fn rule(error: &ReleaseError) -> &'static str {
    match error {
        ReleaseError::Target(TargetError::Missing { .. }) => "missing-bundle",
        ReleaseError::Target(TargetError::Length { .. } | TargetError::Digest { .. }) => {
            "wrong-bundle"
        }
        ReleaseError::Record { .. } | ReleaseError::Path { .. } => "record-disagrees",
        ReleaseError::Bundle { .. } => "bad-bundle",
        _ => "unfit-file",
    }
}

/// A device of the product that was made when the first root was new, and never updated since.
fn ask_a_device(
    case: &mut Case<'_>,
    found: &Found,
    product: &str,
    path: &str,
    release: Option<(&Record<'_>, Option<&[u8]>)>,
) {
    let (Some((first, root)), Some(timestamp), Some(snapshot), Some(targets)) = (
        found.roots.first_key_value(),
        &found.timestamp,
        &found.snapshot,
        &found.targets,
    ) else {
        return;
    };
    let Ok(root) = unauthenticated(Document::canonical(root), Profile::Device) else {
        return;
    };
    let metadata = Metadata {
        roots: found
            .roots
            .iter()
            .map(|(version, bytes)| (*version, bytes.as_slice()))
            .collect(),
        timestamp,
        snapshot,
        targets,
        roles: found
            .roles
            .iter()
            .map(|(role, bytes)| (role.clone(), bytes.as_slice()))
            .collect(),
    };
    let evidence = match metadata.evidence(path, *first) {
        Ok(evidence) => evidence,
        Err(error) => return case.error(error.reason().name(), path, error.to_string()),
    };
    let hardware = release.and_then(|(record, _)| {
        let id = record.hardware().next()?;
        Some(String::from_utf8_lossy(id.raw()).into_owned())
    });
    let known = Known::of_new_unit(
        product,
        hardware.as_deref().unwrap_or("none"),
        release.map_or(0, |(record, _)| record.minimum_bootloader),
        root.signed(),
    );
    let update = Update {
        evidence: &evidence,
        image: release.and_then(|(_, image)| image),
    };
    let length = evidence.len() as u64;
    let largest = case.report.evidence.entry(product.to_owned()).or_default();
    *largest = length.max(*largest);
    let judgement = judgement::judge(&known, &update, None);
    let expected = match release {
        None => Verdict::Refuse(Reason::NoImage),
        // Without its bundle, which is a problem of its own, the judge comes as far as the image.
        Some((_, None)) => Verdict::Refuse(Reason::ImageLength),
        Some(_) => Verdict::Boot,
    };
    if let Verdict::Refuse(reason) = judgement.verdict
        && judgement.verdict != expected
    {
        let message = format!(
            "a device refuses it with reason {}: {reason}",
            reason.code()
        );
        case.error("device-refuses", path, message);
    }
}

fn read(file: &[u8], role: Role) -> Option<Targets<'_>> {
    let unproven = unauthenticated(Document::canonical(file), Profile::Device).ok()?;
    Targets::parse(&unproven, role).ok()
}
