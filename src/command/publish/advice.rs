//! What to do when publishing is refused or fails: exit code, rule name and the next step.

use crate::command::bucket::of_store;
use crate::command::desk::{
    audit_failed, bench_failed, capacity_failed, published_failed, review_failed,
};
use crate::console::{Exit, advised};
use crate::repository::bins::BinsError;
use crate::repository::bins::edits::EditError;
use crate::repository::candidate::CandidateError;
use crate::repository::fleet::FleetError;
use crate::repository::publish::PublishError;
use crate::repository::published::PublishedError;
use crate::role::pipeline::ReadError;

/// What to do about a publication that was refused or failed.
pub(in crate::command) fn of(error: PublishError) -> anyhow::Error {
    let (exit, rule, help) = match error {
        PublishError::Bench(error) | PublishError::Candidate(CandidateError::Bench(error)) => {
            return bench_failed(error);
        }
        PublishError::Review(error) => return review_failed(error),
        PublishError::Audit(error) => return audit_failed(error),
        PublishError::Capacity(error) => return capacity_failed(error),
        PublishError::Store(error)
        | PublishError::Candidate(CandidateError::Store(error))
        | PublishError::Published(PublishedError::Store(error)) => {
            return of_store(error);
        }
        PublishError::Candidate(CandidateError::Published(error)) => {
            return published_failed(error);
        }
        PublishError::Candidate(ref candidate) => match candidate {
            CandidateError::Fleet(error) => of_fleet(error),
            CandidateError::Bins(error) => of_bins(error),
            CandidateError::Role(ReadError::Unsigned { .. }) => (
                Exit::No,
                "under-threshold",
                "`cuff status` shows who can still sign",
            ),
            CandidateError::NotOnline { .. } => (
                Exit::No,
                "not-the-online-key",
                "take the key that `cuff role show timestamp` lists",
            ),
            CandidateError::NoRepository | CandidateError::NotStaged(_) => {
                (Exit::No, "nothing-staged", "begin with `cuff init`")
            }
            CandidateError::Taken { .. } => (
                Exit::No,
                "other-bytes",
                "find out who wrote it; published objects are never replaced",
            ),
            _ => (Exit::Unknown, "candidate", "nothing was written"),
        },
        PublishError::NothingPublished => {
            (Exit::No, "nothing-published", "`cuff publish` comes first")
        }
        PublishError::ExampleKeys(_) => (
            Exit::No,
            "example-keys",
            "make real keys with `cuff key new`; for a demonstration set `demo = true` in cuff.toml",
        ),
        PublishError::Empty(_) => (
            Exit::No,
            "half-a-repository",
            "give the right directory with --to; to move a repository, copy all of it there first",
        ),
        PublishError::Taken(_) => (Exit::No, "store-taken", "give another directory with --to"),
        PublishError::Behind { .. } => (
            Exit::No,
            "rolled-back",
            "somebody put an old copy back: restore the newest one",
        ),
        PublishError::Ahead { .. } => (
            Exit::No,
            "behind",
            "pull: somebody published from another clone",
        ),
        PublishError::RanAhead { .. } => (
            Exit::No,
            "ran-ahead",
            "somebody else has the online key: `cuff role drill --compromised KEY --replace KEY=NEW.pub` leads clients and devices back (docs/ceremony.md)",
        ),
        PublishError::Raced { .. } => (
            Exit::Unknown,
            "raced",
            "pull, then run the same command again",
        ),
        PublishError::Fleet(ref error) => of_fleet(error),
        PublishError::Edits(ref error) => of_edits(error),
        PublishError::Preflight(_) => (
            Exit::No,
            "refused",
            "nothing was written; `cuff status` shows what is out of date",
        ),
        PublishError::Published(_) => (
            Exit::No,
            "broken-store",
            "nothing was written; compare the store with `metadata/`",
        ),
        PublishError::People(_) => (
            Exit::No,
            "refused-public-key",
            "ask its holder for the file again",
        ),
        PublishError::Vanished(_)
        | PublishError::Mirror { .. }
        | PublishError::Durable(_)
        | PublishError::Papers(_)
        | PublishError::Staging(_) => (
            Exit::Unknown,
            "mirror",
            "the repository is published; run the same command again to bring this directory up to date",
        ),
    };
    advised(error, exit, rule, help)
}

fn of_bins(error: &BinsError) -> (Exit, &'static str, &'static str) {
    match error {
        BinsError::NoBins => (
            Exit::No,
            "no-bins",
            "make a repository for them with `cuff init --bins`",
        ),
        BinsError::NoKey => (Exit::Usage, "no-bin-key", "give it with --bin-key"),
        BinsError::WrongKey { .. } => (
            Exit::No,
            "not-the-bin-key",
            "take the key that `cuff bins show` names",
        ),
        BinsError::Unknown(_) => (
            Exit::No,
            "target-unknown",
            "nothing was written; name targets as they were added",
        ),
        BinsError::TooLarge { .. } => (
            Exit::No,
            "bin-full",
            "nothing was written; share the targets out among more bins with `cuff bins rebalance`",
        ),
        BinsError::LongSnapshot(_) => (
            Exit::No,
            "snapshot-full",
            "nothing was written; begin a new repository for these targets",
        ),
        BinsError::Bin { .. } | BinsError::Store(_) => (
            Exit::Unknown,
            "bins",
            "nothing was written; run the same command again",
        ),
        BinsError::NotListed(_)
        | BinsError::Missing(_)
        | BinsError::NotPinned(_)
        | BinsError::Refused { .. } => (
            Exit::No,
            "broken-store",
            "nothing was written; put the file back from a copy of the store",
        ),
    }
}

fn of_edits(error: &EditError) -> (Exit, &'static str, &'static str) {
    match error {
        EditError::Path(_) | EditError::Line { .. } | EditError::Twice(_) => {
            (Exit::Usage, "target", "correct it; nothing was written")
        }
        _ => (
            Exit::Unknown,
            "unreadable-file",
            "check the path, and that you may read it; run the same command again",
        ),
    }
}

/// What to do about changes to bins that cannot be made.
pub(in crate::command) fn of_edit(error: EditError) -> anyhow::Error {
    let (exit, rule, help) = of_edits(&error);
    advised(error, exit, rule, help)
}

fn of_fleet(error: &FleetError) -> (Exit, &'static str, &'static str) {
    match error {
        FleetError::Stranded { .. } | FleetError::NoProduct(_) => (
            Exit::No,
            "stranded",
            "nothing was written; publish something these devices can take, or name their release in `left-behind` under their product in cuff.toml",
        ),
        FleetError::NoFleet(_) => (
            Exit::No,
            "no-fleet",
            "nothing was written; if no cuff that keeps a fleet has ever published it, begin one with --begin-fleet",
        ),
        FleetError::NoBundle(_) | FleetError::Bundle { .. } => (
            Exit::No,
            "broken-store",
            "nothing was written; put the bundle back from a copy of the store",
        ),
        FleetError::Board(_) => (
            Exit::Usage,
            "board",
            "correct `boards` under the product in cuff.toml",
        ),
        _ => (
            Exit::No,
            "fleet",
            "nothing was written; put the object back from a copy of the store",
        ),
    }
}
