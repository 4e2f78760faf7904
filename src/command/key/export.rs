//! `cuff key export`: a public key in another format, for other tools.
//!
//! It takes a `.pub` file, checks it, and answers with the key alone; private keys never pass through here.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Answer, Console, Exit};
use crate::key::pkcs8;

/// Print a public key in another format
#[derive(Debug, clap::Args)]
pub struct Export {
    /// A `.pub` file
    file: PathBuf,

    /// The format to print
    #[arg(long, value_enum, default_value_t = Format::Pem)]
    format: Format,
}

/// How a public key is written.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Format {
    /// `BEGIN PUBLIC KEY`, as OpenSSL reads it
    Pem,
    /// The 32 bytes in hex
    Hex,
    /// The key object of TUF metadata, as canonical JSON
    Tuf,
}

impl Export {
    /// Reads, checks and prints the key.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let key = super::read_public(&self.file)?.key();
        let text = match self.format {
            Format::Pem => pkcs8::public_pem(&key)?,
            Format::Hex => format!("{key}\n"),
            Format::Tuf => format!("{}\n", key.canonical()),
        };
        console.answer(&Exported {
            format: self.format,
            text,
        })
    }
}

/// A public key for other tools.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exported {
    /// The format of `text`.
    format: Format,
    /// The key.
    text: String,
}

impl Answer for Exported {
    const COMMAND: &'static str = "key export";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        out.write_str(&self.text)
    }
}
