//! What to do about a store that failed. Not a command; shared by those that publish to one and those that look at one.
//!
//! It takes the error of a store, gives exit code, rule name and the next step.

use crate::console::{Exit, advised};
use crate::store::StoreError;
use crate::store::trouble::Trouble;

/// What to do about a store that could not be published to.
pub fn of_store(error: StoreError) -> anyhow::Error {
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

/// What to do about a store that could not be read, and that nothing was written to: rule name and next step.
pub fn reading(error: &StoreError) -> (&'static str, &'static str) {
    match error {
        StoreError::NoCredentials { .. } => (
            "no-credentials",
            "set them in the environment of this command, as for the store's own tools (docs/store.md)",
        ),
        StoreError::Remote { trouble, .. } => match trouble {
            Trouble::NoBucket => ("no-bucket", "correct the name of the bucket"),
            Trouble::Credentials => (
                "credentials",
                "get fresh credentials into the environment: these are wrong, expired or of another account",
            ),
            Trouble::Denied => (
                "denied",
                "allow them to read and to list everything below the prefix (docs/store.md)",
            ),
            Trouble::Region => ("region", "set AWS_REGION to the region of the bucket"),
            Trouble::Clock => ("clock", "set the clock of this machine"),
            Trouble::Full | Trouble::Unreachable | Trouble::Failed => (
                "store",
                "run the same command again; if it stays so, ask whoever keeps the store",
            ),
        },
        _ => (
            "store",
            "check that it can be reached and read: the address, the network, the disk",
        ),
    }
}
