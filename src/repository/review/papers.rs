//! What changed in the papers of a release: its bill of materials and its data-recipients declaration, held against those of
//! the published release it follows.

use super::{ReleaseFacts, Warning};
use crate::bundle::Bundle;
use crate::bundle::recipients::Recipients;
use crate::bundle::sbom::Sbom;
use crate::repository::papers::Papers;
use crate::role::name::ReleaseName;
use crate::role::product::{Product, Release};
use cuff_verifier::digest::Digest;
use std::collections::BTreeSet;

/// Fills in what the papers say.
pub(super) fn compare(
    facts: &mut ReleaseFacts,
    bundle: &Bundle,
    published: Option<&Product>,
    kept: &Papers,
    warnings: &mut Vec<Warning>,
) {
    let before = published.and_then(|published| follows(published, bundle));
    facts.compared_with = before.map(|(name, _)| name.to_string());
    let mut comparison = Comparison {
        about: facts.release.clone(),
        before: before.map(|(name, release)| (name, release.record())),
        kept,
        warnings,
    };
    comparison.sbom(facts, bundle);
    comparison.recipients(facts, bundle);
}

struct Comparison<'a> {
    about: String,
    before: Option<(&'a ReleaseName, &'a crate::bundle::record::Record)>,
    kept: &'a Papers,
    warnings: &'a mut Vec<Warning>,
}

impl Comparison<'_> {
    fn sbom(&mut self, facts: &mut ReleaseFacts, bundle: &Bundle) {
        let what = "the bill of materials";
        let earlier = self.before.and_then(|(_, record)| record.sbom);
        let Some(bytes) = bundle.sbom() else {
            if earlier.is_some() {
                self.gone("sbom-gone", "no bill of materials comes with it any more");
            }
            return;
        };
        let Some(now) = self.readable(what, Sbom::read(bytes)) else {
            return;
        };
        facts.sbom_components = Some(now.components.len());
        if let Some(then) = self.earlier(what, earlier, Sbom::read) {
            facts.sbom_changes = now.since(&then);
        }
    }

    fn recipients(&mut self, facts: &mut ReleaseFacts, bundle: &Bundle) {
        let what = "the data-recipients declaration";
        let earlier = self.before.and_then(|(_, record)| record.recipients);
        let Some(bytes) = bundle.recipients() else {
            if earlier.is_some() {
                self.gone(
                    "recipients-gone",
                    "it does not declare any more who gets the wearer's data",
                );
            }
            return;
        };
        let read = |bytes: &[u8]| Recipients::read(crate::bundle::RECIPIENTS, bytes);
        let Some(now) = self.readable(what, read(bytes)) else {
            return;
        };
        if earlier.is_none() {
            facts.recipients_changes = now.since(&Recipients::default());
        } else if let Some(then) = self.earlier(what, earlier, read) {
            facts.recipients_changes = now.since(&then);
            if facts
                .recipients_changes
                .iter()
                .any(|line| line.starts_with('+'))
            {
                let message = format!(
                    "more of the wearer's data goes to others than with {}: read the lines with a plus",
                    facts.compared_with.as_deref().unwrap_or_default()
                );
                self.warn("recipients-widen", message);
            }
        }
    }

    /// The paper of the release before, if there is one and it can be read here.
    fn earlier<T, E: std::fmt::Display>(
        &mut self,
        what: &str,
        digest: Option<Digest>,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        let paper = self.kept.get(&digest?);
        let then = paper.and_then(|bytes| read(&bytes).ok());
        if then.is_none()
            && let Some((name, _)) = self.before
        {
            let message = format!(
                "what changed in {what} cannot be told: that of {name} is not in `metadata/papers/` of this working directory"
            );
            self.warn("not-compared", message);
        }
        then
    }

    fn readable<T, E: std::fmt::Display>(&mut self, what: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.warn("unreadable", format!("{what} cannot be read: {error}")))
            .ok()
    }

    fn gone(&mut self, rule: &str, words: &str) {
        let before = self.before.map(|(name, _)| name.to_string());
        let message = format!("{words}; with {} it did", before.unwrap_or_default());
        self.warn(rule, message);
    }

    fn warn(&mut self, rule: &str, message: String) {
        self.warnings.push(Warning {
            rule: rule.to_owned(),
            about: self.about.clone(),
            message,
        });
    }
}

/// The published release that this one follows: the one it replaces, or else of those of its kind that share hardware with it
/// the one with the highest counter, and among equals the highest version.
fn follows<'p>(published: &'p Product, bundle: &Bundle) -> Option<(&'p ReleaseName, &'p Release)> {
    let record = bundle.record();
    let hardware: BTreeSet<_> = record.hardware.iter().collect();
    let same = published
        .targets
        .iter()
        .find(|(name, _)| name.to_string() == record.target());
    same.or_else(|| {
        published
            .targets
            .iter()
            .filter(|(_, release)| release.record().kind == record.kind)
            .filter(|(_, release)| {
                let theirs = &release.record().hardware;
                theirs.iter().any(|id| hardware.contains(id))
            })
            .max_by_key(|(name, release)| (release.record().counter, numbers(name.version())))
    })
}

/// A version as people order it: `1.10` after `1.9`.
fn numbers(version: &str) -> Vec<(u64, &str)> {
    version
        .split(['.', '-', '_', '+'])
        .map(|part| {
            let end = part
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(part.len());
            let (digits, rest) = part.split_at(end);
            (digits.parse().unwrap_or_default(), rest)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (low, high) in [
            ("1.9", "1.10"),
            ("1.9.9", "2.0"),
            ("1.0", "1.0.1"),
            ("7", "7b"),
        ] {
            assert!(numbers(low) < numbers(high), "{low} {high}");
        }
    }
}
