//! The root that somebody vouches for on the command line: by file, by fingerprint, or by the working directory. Not a command;
//! shared by those that verify a sealed bundle from it.

use std::path::PathBuf;

use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::Reason;

use super::{after, unshipped};
use crate::command::desk::desk_failed;
use crate::command::given;
use crate::console::{Advice, Exit, advised};
use crate::device::provision::{OrderError, Pin};
use crate::repository::desk::{Desk, DeskError};

/// Largest root file, in bytes.
const MAX_ROOT: u64 = 1 << 20;

/// Which root.
#[derive(Debug, clap::Args)]
pub struct Pinned {
    /// A root file that came to you over a way you trust
    #[arg(long, value_name = "FILE", conflicts_with = "root_sha256")]
    root: Option<PathBuf>,

    /// The SHA-256 of a root's signed bytes, as `cuff role show root` prints it
    #[arg(long, value_name = "HEX")]
    root_sha256: Option<String>,
}

impl Pinned {
    /// The root that was pinned.
    pub fn pin(&self) -> anyhow::Result<Pin> {
        if let Some(path) = &self.root {
            return Ok(Pin::File(given::read(path, MAX_ROOT)?));
        }
        let (text, whence) = match &self.root_sha256 {
            Some(text) => (Some(text.clone()), "--root-sha256"),
            None => (working_directory_pin()?, "the working directory"),
        };
        let text = text
            .ok_or_else(|| anyhow::anyhow!("no root is pinned: nothing says whom the unit shall trust"))
            .exit(Exit::Usage)
            .rule("no-pin")
            .help("give --root FILE or --root-sha256 HEX, or stand in a working directory that has joined its repository")?;
        Digest::from_hex(text.as_bytes())
            .map(Pin::Fingerprint)
            .ok_or_else(|| {
                anyhow::anyhow!("{whence} holds `{text}`: expected 64 lower-case hex digits")
            })
            .exit(Exit::Usage)
            .rule("root-sha256")
    }
}

/// What the working directory around us pins, if we stand in one.
fn working_directory_pin() -> anyhow::Result<Option<String>> {
    match Desk::discover(&std::env::current_dir()?) {
        Ok(desk) => Ok(desk
            .pin()
            .map_err(desk_failed)?
            .map(|pin| pin.sha256.to_string())),
        Err(DeskError::NotFound(_)) => Ok(None),
        Err(error) => Err(desk_failed(error)),
    }
}

/// What an order's failure means to whoever called.
pub fn unordered(error: OrderError) -> anyhow::Error {
    match error {
        OrderError::Shipment(error) => unshipped(error),
        OrderError::Name { .. } => advised(
            error,
            Exit::Usage,
            "identity",
            "choose a shorter, plainer name",
        ),
        OrderError::PinUnknown { .. } => advised(
            error,
            Exit::No,
            "pinned-root-missing",
            "fetch a sealed bundle that begins at the pinned root, or check the fingerprint over a way you trust",
        ),
        OrderError::Root(refusal) => {
            let reason = Reason::from(refusal);
            advised(error, Exit::Refused, reason.name(), after(reason))
        }
        OrderError::Refused(reason) => advised(error, Exit::Refused, reason.name(), after(reason)),
    }
}
