//! `cuff key new`: a private key and its `.pub` file.
//!
//! It takes a name and a passphrase, writes two new files, and answers with the key's id. For a key that is kept elsewhere it
//! writes the `.pub` file alone, with a proof that the signer has the key. It never overwrites.

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
use crate::key::public_file::{ProveError, PublicFile};
use crate::key::secret::SecretKey;
use crate::key::uri::SignerUri;

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

    /// Make no private key: write the `.pub` of one that is kept elsewhere (pkcs11:, ssh-agent:, exec:, vault:, or a key file)
    #[arg(long, value_name = "SIGNER", conflicts_with = "unencrypted")]
    signer: Option<SignerUri>,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl New {
    /// Makes the key.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        if let Some(signer) = &self.signer {
            return self.introduce(console, signer);
        }
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
            private_key: Some(private.display().to_string()),
            public_key: public.display().to_string(),
            encrypted: Some(!self.unencrypted),
            signer: None,
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

    /// The `.pub` file of a key that is kept elsewhere.
    fn introduce(&self, console: &Console, uri: &SignerUri) -> anyhow::Result<Exit> {
        let public = self.place("pub");
        if public.symlink_metadata().is_ok() {
            return Err(taken(WriteError::Exists(public).into()));
        }
        let signer = self.unlock.open(console, uri)?;
        let card = PublicFile::prove_by(&self.name, &*signer).map_err(|error| {
            let (exit, rule, help) = match &error {
                ProveError::Name(_) => (
                    Exit::Usage,
                    "key-name",
                    "a name is 1 to 32 characters of a-z, 0-9 and -",
                ),
                ProveError::Key(_) => (Exit::No, "weak-key", "use another key"),
                ProveError::Sign(_) => (
                    Exit::Unknown,
                    "signer",
                    "check that the right token or agent is there, and try again",
                ),
            };
            advised(error, exit, rule, help)
        })?;
        let mut made = Made {
            name: self.name.clone(),
            private_key: None,
            public_key: public.display().to_string(),
            encrypted: None,
            signer: Some(signer.describe()),
            keyid: None,
        };
        drop(signer);
        if !self.dry_run {
            fs::create_dir_all(&self.output)
                .with_context(|| format!("cannot make the folder `{}`", self.output.display()))?;
            durable::create_new(&public, card.text().as_bytes())
                .map_err(|error| taken(error.into()))?;
            made.keyid = Some(card.key().id().to_string());
        }
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
    /// Path of the private key: keep it; null when it is kept by `signer`.
    private_key: Option<String>,
    /// Path of the public key: share it.
    public_key: String,
    /// Whether the private key is under a passphrase; null when it is kept by `signer`.
    encrypted: Option<bool>,
    /// What keeps the private key, if no file was made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// The key's id in metadata; null in a dry run.
    keyid: Option<String>,
}

impl Answer for Made {
    const COMMAND: &'static str = "key new";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let state = if self.encrypted == Some(true) {
            "encrypted"
        } else {
            "NOT encrypted"
        };
        let private = self.private_key.as_deref().map(safe);
        let Some(keyid) = &self.keyid else {
            match private {
                Some(private) => {
                    writeln!(
                        out,
                        "would write {private} ({state}) and {}",
                        safe(&self.public_key)
                    )?;
                }
                None => writeln!(out, "would write {}", safe(&self.public_key))?,
            }
            return writeln!(out, "dry run: nothing was written");
        };
        writeln!(out, "name     {}", safe(&self.name))?;
        writeln!(out, "keyid    {keyid}")?;
        if let Some(private) = private {
            writeln!(out, "private  {private} ({state}; keep it, and a backup)")?;
        }
        if let Some(signer) = &self.signer {
            writeln!(out, "private  stays where it is: {}", safe(signer))?;
        }
        writeln!(out, "public   {} (share it)", safe(&self.public_key))
    }
}
