//! `cuff inspect`: what is in a file.
//!
//! It takes any file cuff makes or reads and shows what the file says of itself. It checks that the parts agree; it never
//! asks who signed what, and never says trusted.

mod firmware;
mod key;
mod metadata;
mod release;
mod sealed;

use std::fmt::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use cuff_verifier::digest::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::given;
use crate::bundle::seal::{MAX_SEAL, Seal};
use crate::bundle::{Bundle, RECORD, tape};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::firmware::{Format, MAX_FILE};

/// Show what is in a bundle, sealed bundle, firmware, metadata or key file
///
/// Shows what the file says of itself. Nothing is verified: `cuff verify` answers whether a device may run it, and
/// `cuff check` whether a repository is healthy.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The file
    file: PathBuf,
}

impl Inspect {
    /// Reads and shows the file.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let bytes = given::read(&self.file, MAX_FILE.max(MAX_SEAL))?;
        let (length, sha256) = (bytes.len() as u64, Digest::of(&bytes).to_string());
        let content = look(bytes)
            .with_context(|| format!("`{}` is damaged or was changed", self.file.display()))
            .exit(Exit::No)
            .rule("damaged")?;
        console.answer(&Inspected {
            file: self.file.display().to_string(),
            length,
            sha256,
            verified: false,
            content,
        })
    }
}

/// What a file says of itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Inspected {
    /// The file as it was named.
    file: String,
    /// Length in bytes.
    length: u64,
    /// SHA-256 of the whole file.
    sha256: String,
    /// Always false: looking inside verifies nothing.
    verified: bool,
    /// What is inside.
    content: Content,
}

/// The kinds of files.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Content {
    /// One release.
    Bundle(release::Release),
    /// A small repository in one file.
    SealedBundle(sealed::Sealed),
    /// ELF, Intel HEX or UF2.
    Firmware(firmware::Program),
    /// A `.pub` file.
    PublicKey(key::Key),
    /// A TUF metadata file.
    Metadata(metadata::Metadata),
    /// Nothing cuff knows; perhaps a raw binary, which has no mark of its own.
    Unknown,
}

fn look(bytes: Vec<u8>) -> anyhow::Result<Content> {
    if tape::looks_like_tar(&bytes) {
        if bytes.starts_with(RECORD.as_bytes()) {
            return Ok(Content::Bundle(release::Release::of(&Bundle::of(
                bytes.into(),
            )?)));
        }
        return Ok(Content::SealedBundle(sealed::Sealed::of(&Seal::open(
            bytes,
        )?)));
    }
    if let Some(metadata) = metadata::Metadata::of(&bytes) {
        return Ok(Content::Metadata(metadata));
    }
    if let Some(key) = key::Key::of(&bytes)? {
        return Ok(Content::PublicKey(key));
    }
    match Format::detect(&bytes) {
        Ok(Format::Elf | Format::IntelHex | Format::Uf2) => {
            Ok(Content::Firmware(firmware::Program::of(&bytes)?))
        }
        _ => Ok(Content::Unknown),
    }
}

impl Answer for Inspected {
    const COMMAND: &'static str = "inspect";

    fn exit(&self) -> Exit {
        match self.content {
            Content::Unknown => Exit::No,
            _ => Exit::Yes,
        }
    }

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let kind = match &self.content {
            Content::Bundle(_) => "a bundle",
            Content::SealedBundle(_) => "a sealed bundle",
            Content::Firmware(_) => "firmware",
            Content::PublicKey(_) => "a public key",
            Content::Metadata(_) => "TUF metadata",
            Content::Unknown => "nothing cuff knows (a raw binary has no mark of its own)",
        };
        writeln!(out, "file       {}, {kind}", safe(&self.file))?;
        writeln!(out, "length     {} bytes", self.length)?;
        writeln!(out, "sha256     {}", self.sha256)?;
        match &self.content {
            Content::Bundle(release) => release.human(out)?,
            Content::SealedBundle(sealed) => sealed.human(out)?,
            Content::Firmware(program) => program.human(out)?,
            Content::PublicKey(key) => key.human(out)?,
            Content::Metadata(metadata) => metadata.human(out)?,
            Content::Unknown => {}
        }
        writeln!(
            out,
            "not verified: this is what the file says of itself, not who approved it"
        )
    }
}
