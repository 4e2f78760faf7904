//! What to do when a fetch fails: exit code, rule and hint for every error below it.
//!
//! "No" is for what was found wanting, "could not find out" for what was out of reach.

use cuff_verifier::verdict::Reason;

use crate::command::bucket::reading;
use crate::console::{Exit, advised};
use crate::repository::anchor::AnchorError;
use crate::repository::client::ClientError;
use crate::repository::client::trust::TrustError;
use crate::repository::release::ReleaseError;
use crate::repository::sealing::SealingError;
use crate::repository::source::SourceError;
use crate::repository::source::http::HttpError;
use crate::repository::source::open::OpenError;
use crate::repository::target::TargetError;
use crate::store::StoreError;

/// Says what to do about it: why there is no source.
pub fn explain_open(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Missing { .. } => {
            advised(error, Exit::Unknown, "no-repository", "check the path")
        }
        OpenError::Offline { .. } => advised(
            error,
            Exit::Usage,
            "offline",
            "leave out --offline, or mirror the repository into a directory and name that",
        ),
        OpenError::Http(HttpError::Address(_)) => advised(
            error,
            Exit::Usage,
            "url",
            "name the address below which metadata/ and targets/ are",
        ),
        OpenError::Address(_) => advised(
            error,
            Exit::Usage,
            "url",
            "name a bucket as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
        ),
        OpenError::Store(ref store) => {
            let (rule, help) = reading(store);
            advised(error, Exit::Unknown, rule, help)
        }
        OpenError::Http(_) => advised(
            error,
            Exit::Usage,
            "certificate-authorities",
            "let SSL_CERT_FILE name a file of certificates in PEM, or unset it",
        ),
        OpenError::Seal { .. } | OpenError::Intake(_) => advised(
            error,
            Exit::Usage,
            "no-repository",
            "name a directory that holds metadata/ and targets/, or a file that `cuff fetch --sealed` wrote",
        ),
        OpenError::Io { .. } => advised(
            error,
            Exit::Unknown,
            "unreadable-file",
            "check that you may read it",
        ),
    }
}

/// Says what to do about it: why there is nothing to begin with.
pub fn explain_anchor(error: AnchorError) -> anyhow::Error {
    let (exit, help) = match &error {
        AnchorError::NoPin(_) => (
            Exit::Usage,
            "name a root file you have from somebody you trust: --root FILE",
        ),
        AnchorError::NotPinned { .. } => (
            Exit::No,
            "join the repository again with `cuff init --join`, after asking a colleague for the fingerprint",
        ),
        AnchorError::Read(_) | AnchorError::Desk(_) => {
            (Exit::Unknown, "check the path, and that you may read it")
        }
    };
    advised(error, exit, "no-root", help)
}

/// Says what to do about it: why nothing was remembered.
pub fn explain_trust(error: TrustError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        TrustError::Busy(_) => (
            Exit::Unknown,
            "busy",
            "wait until it is done, or name another directory with --metadata-dir",
        ),
        TrustError::OtherRoot { .. } | TrustError::NotReached { .. } => (
            Exit::No,
            "other-root",
            "ask where the root came from before you trust it; to begin anew, name an empty directory with --metadata-dir",
        ),
        TrustError::NotARoot => (
            Exit::Usage,
            "no-root",
            "name a file like `1.root.json`, as it is published",
        ),
        TrustError::Damaged { .. } => (
            Exit::Unknown,
            "damaged-memory",
            "find out who wrote there; to begin anew, name an empty directory with --metadata-dir",
        ),
        _ => (
            Exit::Unknown,
            "unwritable-memory",
            "check that the disk has room and that you may write there; what was trusted before is untouched",
        ),
    };
    advised(error, exit, rule, help)
}

/// Says what to do about it: why a client stopped.
pub fn explain_client(error: ClientError) -> anyhow::Error {
    let exit = if error.is_refusal() {
        Exit::No
    } else {
        Exit::Unknown
    };
    match error {
        ClientError::Trust(error) => explain_trust(error),
        ClientError::Source(error) => explain_source(error),
        ClientError::Refused { refusal, .. } => advised(
            error,
            exit,
            Reason::from(refusal).name(),
            "`cuff check` lists everything that is wrong with a repository; what was trusted before is kept",
        ),
        ClientError::Missing { .. } => advised(
            error,
            exit,
            "missing-file",
            "publish or copy the repository again; if it is a mirror, copy timestamp.json last",
        ),
        _ => advised(
            error,
            exit,
            "refused",
            "`cuff check` lists everything that is wrong with a repository",
        ),
    }
}

/// Says what to do about it: why a file could not be read.
pub fn explain_source(error: SourceError) -> anyhow::Error {
    match &error {
        SourceError::Read { source, .. } => {
            let (rule, help) = match source.downcast_ref::<StoreError>() {
                Some(store) => reading(store),
                None => (
                    "unreadable-file",
                    "check that it can be reached and read: the address, the network, the disk",
                ),
            };
            advised(error, Exit::Unknown, rule, help)
        }
        _ => advised(
            error,
            Exit::No,
            "unfit-file",
            "this is no file of a sound repository: ask whoever keeps it",
        ),
    }
}

/// Says what to do about it: why a target was not fetched.
pub fn explain_target(error: TargetError) -> anyhow::Error {
    match error {
        TargetError::Source(error) => explain_source(error),
        TargetError::Write(error) => error.into(),
        TargetError::Missing { .. } => advised(
            error,
            Exit::No,
            "missing-target",
            "publish or copy the repository again; if it is a mirror, copy timestamp.json last",
        ),
        _ => advised(
            error,
            Exit::No,
            "wrong-target",
            "the bytes are not what was signed: copy the repository again, and find out who changed them",
        ),
    }
}

/// Says what to do about it: why a release was not fetched.
pub fn explain_release(error: ReleaseError) -> anyhow::Error {
    let (rule, help) = match error {
        ReleaseError::Target(TargetError::Source(error)) => return explain_source(error),
        ReleaseError::Withdrawn { .. } => (
            "withdrawn",
            "do not install it; whoever signs for its product can say more",
        ),
        ReleaseError::Unknown(_) => (
            "target-unknown",
            "`cuff check` lists every release there is; a release is named PRODUCT/NAME",
        ),
        ReleaseError::Target(TargetError::Missing { .. }) => (
            "missing-bundle",
            "publish or copy the repository again; if it is a mirror, copy timestamp.json last",
        ),
        ReleaseError::Record { .. } | ReleaseError::Path { .. } => (
            "record-disagrees",
            "do not install it: the people who signed approved something else than the bundle says",
        ),
        _ => (
            "wrong-bundle",
            "the bytes are not what was signed: copy the repository again, and find out who changed them",
        ),
    };
    advised(error, Exit::No, rule, help)
}

/// Says what to do about it: why nothing was sealed.
pub fn explain_sealing(error: SealingError) -> anyhow::Error {
    let exit = if error.is_refusal() {
        Exit::No
    } else {
        Exit::Unknown
    };
    advised(
        error,
        exit,
        "not-sealed",
        "`cuff check` lists everything that is wrong with a repository",
    )
}
