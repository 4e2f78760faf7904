//! `cuff key new`: a private key and its `.pub` file.
//!
//! It takes a name and a passphrase, writes two new files, and answers with the key's id. It never overwrites.

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::unlock::Unlock;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::durable::{self, WriteError};
use crate::key::file::{self, CreateError, Protection};
use crate::key::public_file::PublicFile;
use crate::key::secret::SecretKey;

/// Make a private key and its `.pub` file
///
/// Writes NAME.key (private, encrypted, for you alone) and NAME.pub (to give to others). Never overwrites a file.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Whose key it is: 1 to 31 characters of a-z, 0-9 and -
    name: String,

    /// Write the two files into this folder; made if it is missing
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,

    #[command(flatten)]
    unlock: Unlock,

    /// Leave the private key readable for whoever can read the file: for machines with a vault of their own
    #[arg(long, conflicts_with = "passphrase_file")]
    unencrypted: bool,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl New {
    /// Makes the key.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let secret = SecretKey::generate()?;
        let card = PublicFile::prove(&self.name, &secret)
            .exit(Exit::Usage)
            .rule("key-name")?;
        let private = self.place("key");
        let public = self.place("pub");
        for path in [&private, &public] {
            // Asked again, without a gap, when the file is made; asked here so that nobody types a passphrase in vain.
            if path.symlink_metadata().is_ok() {
                return Err(taken(WriteError::Exists(path.clone()).into()));
            }
        }
        let mut made = Made {
            name: self.name.clone(),
            private_key: private.display().to_string(),
            public_key: public.display().to_string(),
            encrypted: !self.unencrypted,
            keyid: None,
        };
        if self.dry_run {
            return console.answer(&made);
        }
        let protection = if self.unencrypted {
            Protection::Unencrypted
        } else {
            Protection::Passphrase(self.unlock.new_passphrase(console, &self.name)?)
        };
        fs::create_dir_all(&self.output)
            .with_context(|| format!("cannot make the folder `{}`", self.output.display()))?;
        write(&private, &public, &secret, &protection, &card).map_err(taken)?;
        if self.unencrypted {
            console.warn(format_args!(
                "whoever can read `{}` can sign as {}",
                private.display(),
                self.name
            ));
        }
        made.keyid = Some(card.key().id().to_string());
        console.answer(&made)
    }

    /// Where a file goes; `alice.key` rather than `./alice.key`, as messages show it.
    fn place(&self, extension: &str) -> PathBuf {
        let path = self.output.join(format!("{}.{extension}", self.name));
        path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
    }
}

fn write(
    private: &Path,
    public: &Path,
    secret: &SecretKey,
    protection: &Protection,
    card: &PublicFile,
) -> anyhow::Result<()> {
    file::create(private, secret, protection)?;
    durable::create_new(public, card.text().as_bytes()).inspect_err(|_| {
        // Nobody has seen this key yet, and without its `.pub` it is of no use.
        let _ = fs::remove_file(private);
    })?;
    Ok(())
}

/// Two keys of one name are a mistake, whoever made the first.
fn taken(error: anyhow::Error) -> anyhow::Error {
    let exists = matches!(error.downcast_ref(), Some(WriteError::Exists(_)))
        || matches!(
            error.downcast_ref(),
            Some(CreateError::Write(WriteError::Exists(_)))
        );
    if !exists {
        return error;
    }
    advised(
        error,
        Exit::No,
        "key-exists",
        "choose another name or folder; cuff never overwrites a key",
    )
}

/// The files of a new key.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    /// Whose key it is.
    name: String,
    /// Path of the private key: keep it.
    private_key: String,
    /// Path of the public key: share it.
    public_key: String,
    /// Whether the private key is under a passphrase.
    encrypted: bool,
    /// The key's id in metadata; null in a dry run.
    keyid: Option<String>,
}

impl Answer for Made {
    const COMMAND: &'static str = "key new";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let state = if self.encrypted {
            "encrypted"
        } else {
            "NOT encrypted"
        };
        let Some(keyid) = &self.keyid else {
            writeln!(
                out,
                "would write {} ({state}) and {}",
                safe(&self.private_key),
                safe(&self.public_key)
            )?;
            return writeln!(out, "dry run: nothing was written");
        };
        writeln!(out, "name     {}", safe(&self.name))?;
        writeln!(out, "keyid    {keyid}")?;
        writeln!(
            out,
            "private  {} ({state}; keep it, and a backup)",
            safe(&self.private_key)
        )?;
        writeln!(out, "public   {} (share it)", safe(&self.public_key))
    }
}
