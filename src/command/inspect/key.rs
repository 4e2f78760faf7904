//! What a `.pub` file says, its proof of possession checked.
//! Takes bytes; gives the part of the answer, or nothing when they are no `.pub` file. Whose key it is nobody can tell from it.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::safe;
use crate::key::example;
use crate::key::public_file::{PublicFile, PublicFileError};

/// A public key.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Key {
    /// The name its holder gave it.
    name: String,
    /// The key's id in metadata.
    keyid: String,
    /// The Ed25519 public key, 32 bytes in hex.
    public: String,
    /// Whether it is an example key, whose private half everyone has.
    example: bool,
}

impl Key {
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Self>, PublicFileError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(None);
        };
        let is_pub = toml::from_str::<toml::Table>(text)
            .is_ok_and(|table| table.contains_key("public") && table.contains_key("proof"));
        if !is_pub {
            return Ok(None);
        }
        let file = PublicFile::parse(text)?;
        let keyid = file.key().id();
        Ok(Some(Self {
            name: file.name().to_owned(),
            keyid: keyid.to_string(),
            public: file.key().to_string(),
            example: example::is_example(&keyid),
        }))
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "name       {}", safe(&self.name))?;
        writeln!(out, "keyid      {}", self.keyid)?;
        writeln!(out, "public     {} (Ed25519)", self.public)?;
        writeln!(
            out,
            "proof      holds: the holder of the private key chose this name"
        )?;
        if self.example {
            writeln!(
                out,
                "note       an EXAMPLE key: everyone has its private half"
            )?;
        }
        Ok(())
    }
}
