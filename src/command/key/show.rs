//! `cuff key show`: one `.pub` file, checked.
//!
//! It takes a path and answers with the name and the key, or refuses; it never shows a key whose proof does not hold.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Answer, Console, Exit, safe};
use crate::key::example;

/// Check a `.pub` file and show what it says
#[derive(Debug, clap::Args)]
pub struct Show {
    /// A `.pub` file
    file: PathBuf,
}

impl Show {
    /// Reads, checks and shows the file.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let file = super::read_public(&self.file)?;
        let id = file.key().id();
        console.answer(&Shown {
            name: file.name().to_owned(),
            keyid: id.to_string(),
            public: file.key().to_string(),
            example: example::is_example(&id),
        })
    }
}

/// A public key whose proof of possession holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The name its holder gave it.
    name: String,
    /// The key's id in metadata: compare it with the holder over another way.
    keyid: String,
    /// The Ed25519 public key, 32 bytes in hex.
    public: String,
    /// Whether it is an example key, whose private half everyone has.
    example: bool,
}

impl Answer for Shown {
    const COMMAND: &'static str = "key show";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "name    {}", safe(&self.name))?;
        writeln!(out, "keyid   {}", self.keyid)?;
        writeln!(out, "public  {} (Ed25519)", self.public)?;
        writeln!(
            out,
            "proof   holds: the holder of the private key chose this name"
        )?;
        if self.example {
            writeln!(out, "note    an EXAMPLE key: everyone has its private half")?;
        }
        Ok(())
    }
}
