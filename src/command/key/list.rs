//! `cuff key list`: the `.pub` files of a folder, each checked.
//!
//! It takes a folder and answers with the keys that hold and the files that are refused; one refused makes it a no.

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Answer, Console, Exit, safe};
use crate::key::example;
use crate::key::public_file::{PublicFile, ReadError};

/// Check and list the `.pub` files in a folder
#[derive(Debug, clap::Args)]
pub struct List {
    /// The folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

impl List {
    /// Reads every `.pub` file.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut listed = Listed {
            keys: Vec::new(),
            refused: Vec::new(),
        };
        for path in public_files(&self.folder)? {
            let file = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match PublicFile::read(&path) {
                Ok(card) => listed.keys.push(Entry::of(file, &card, &path)),
                Err(ReadError::Refused { source, .. }) => {
                    listed.refused.push(Refused {
                        file,
                        reason: source.to_string(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        console.answer(&listed)
    }
}

fn public_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let trouble = || format!("cannot read the folder `{}`", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(trouble)? {
        let path = entry.with_context(trouble)?.path();
        if path.extension().is_some_and(|extension| extension == "pub") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The public keys of a folder.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// Keys whose proof of possession holds, sorted by file name.
    keys: Vec<Entry>,
    /// Files that are refused.
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Entry {
    /// The file's name.
    file: String,
    /// The name its holder gave it.
    name: String,
    /// The key's id in metadata.
    keyid: String,
    /// Whether the private key lies beside it.
    private_key: bool,
    /// Whether it is an example key, whose private half everyone has.
    example: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Refused {
    /// The file's name.
    file: String,
    /// Why.
    reason: String,
}

impl Entry {
    fn of(file: String, card: &PublicFile, path: &Path) -> Self {
        let id = card.key().id();
        Self {
            file,
            name: card.name().to_owned(),
            keyid: id.to_string(),
            private_key: path.with_extension("key").exists(),
            example: example::is_example(&id),
        }
    }
}

impl Answer for Listed {
    const COMMAND: &'static str = "key list";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        if self.keys.is_empty() && self.refused.is_empty() {
            return writeln!(out, "no `.pub` files here");
        }
        let width = self
            .keys
            .iter()
            .map(|key| key.name.len())
            .max()
            .unwrap_or(0);
        for key in &self.keys {
            write!(out, "{:width$}  {}", safe(&key.name), key.keyid)?;
            for (said, words) in [
                (key.private_key, "private key here"),
                (key.example, "EXAMPLE"),
            ] {
                if said {
                    write!(out, "  {words}")?;
                }
            }
            writeln!(out)?;
        }
        for refused in &self.refused {
            writeln!(
                out,
                "refused  {}: {}",
                safe(&refused.file),
                safe(&refused.reason)
            )?;
        }
        Ok(())
    }

    fn exit(&self) -> Exit {
        if self.refused.is_empty() {
            Exit::Yes
        } else {
            Exit::No
        }
    }
}
