//! What to do when publishing is refused or fails: exit code, rule name and the next step.

use crate::command::desk::{
    audit_failed, bench_failed, capacity_failed, published_failed, review_failed,
};
use crate::console::{Exit, advised};
use crate::repository::candidate::CandidateError;
use crate::repository::fleet::FleetError;
use crate::repository::publish::PublishError;
use crate::repository::published::PublishedError;
use crate::role::pipeline::ReadError;
use crate::store::StoreError;
use crate::store::trouble::Trouble;

/// What to do about a store that failed.
pub(super) fn of_store(error: StoreError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        StoreError::Busy { .. } => (
            Exit::Unknown,
            "store",
            "wait for the other process to finish",
        ),
        StoreError::Missing { .. } => (
            Exit::Unknown,
            "store",
            "give another directory with --to, or make this one",
        ),
        StoreError::NoCredentials { .. } => (
            Exit::Unknown,
            "no-credentials",
            "set them in the environment of this command, as for the store's own tools (docs/store.md); never in cuff.toml",
        ),
        StoreError::Unconditional { .. } => (
            Exit::No,
            "unconditional-store",
            "nothing was published; take a store with conditional writes, or a newer version of this one (docs/store.md)",
        ),
        StoreError::Corrupt { .. } => (
            Exit::No,
            "corrupt-store",
            "nothing became visible; look into the store, or take another one",
        ),
        StoreError::Remote { trouble, .. } => match trouble {
            Trouble::NoBucket => (
                Exit::Unknown,
                "no-bucket",
                "make the bucket first, or correct its name in --to or cuff.toml",
            ),
            Trouble::Credentials => (
                Exit::Unknown,
                "credentials",
                "get fresh credentials into the environment: these are wrong, expired or of another account",
            ),
            Trouble::Denied => (
                Exit::Unknown,
                "denied",
                "allow them to read, write and list everything below the prefix (docs/store.md); nothing visible was changed, run it again then",
            ),
            Trouble::Region => (
                Exit::Unknown,
                "region",
                "set AWS_REGION to the region of the bucket",
            ),
            Trouble::Clock => (
                Exit::Unknown,
                "clock",
                "set the clock of this machine: signed dates depend on it as well",
            ),
            Trouble::Full => (
                Exit::Unknown,
                "store-full",
                "make room, then run the same command again: it goes on where it stopped",
            ),
            Trouble::Unreachable | Trouble::Failed => (
                Exit::Unknown,
                "store",
                "run the same command again: it goes on where it stopped",
            ),
        },
        _ => (
            Exit::Unknown,
            "store",
            "make room or fix the permissions, then run the same command again: it goes on where it stopped",
        ),
    };
    advised(error, exit, rule, help)
}

/// What to do about a publication that was refused or failed.
pub(super) fn of(error: PublishError) -> anyhow::Error {
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
        PublishError::Raced { .. } => (
            Exit::Unknown,
            "raced",
            "pull, then run the same command again",
        ),
        PublishError::Fleet(ref error) => of_fleet(error),
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
        | PublishError::Staging(_) => (
            Exit::Unknown,
            "mirror",
            "the repository is published; run the same command again to bring this directory up to date",
        ),
    };
    advised(error, exit, rule, help)
}

fn of_fleet(error: &FleetError) -> (Exit, &'static str, &'static str) {
    match error {
        FleetError::Stranded { .. } | FleetError::NoProduct(_) => (
            Exit::No,
            "stranded",
            "nothing was written; publish something these devices can take, or name their release in `left-behind` under their product in cuff.toml",
        ),
        _ => (
            Exit::No,
            "fleet",
            "nothing was written; put the object back from a copy of the store",
        ),
    }
}
