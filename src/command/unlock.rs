//! Opening a private key for a command, and asking for its passphrase.
//!
//! It takes the flags, the environment and the terminal, in this order, and gives a signer. Every failure says what to
//! do next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use zeroize::Zeroizing;

use crate::console::{Advice, Console, Exit, advised};
use crate::key::Signer;
use crate::key::example;
use crate::key::file::{FileSigner, KeyFile, KeyFileError};
use crate::key::pkcs8::OpenError;
use crate::key::secret::Passphrase;

/// The environment variable that holds a passphrase.
pub const PASSPHRASE_VARIABLE: &str = "CUFF_PASSPHRASE";

/// Where a passphrase comes from, for commands that sign: `#[command(flatten)]` it.
#[derive(Debug, Default, clap::Args)]
pub struct Unlock {
    /// Read the passphrase from the first line of FILE (else from `CUFF_PASSPHRASE`, else from the terminal)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl Unlock {
    /// Opens the private key file; asks for its passphrase only if it has one.
    pub fn open(&self, console: &Console, path: &Path) -> anyhow::Result<FileSigner> {
        let file = KeyFile::read(path).map_err(explained)?;
        let exposed = file.is_exposed();
        let passphrase = if file.is_encrypted() {
            Some(self.passphrase(console, path)?)
        } else {
            None
        };
        let signer = file.open(passphrase.as_ref()).map_err(explained)?;
        if exposed && !example::is_example(&signer.public().id()) {
            console.warn(format_args!(
                "others on this machine can read `{0}`: chmod 600 {0}",
                path.display()
            ));
        }
        Ok(signer)
    }

    /// The passphrase of an existing key.
    fn passphrase(&self, console: &Console, path: &Path) -> anyhow::Result<Passphrase> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let what = format!("passphrase of {}", path.display());
        let typed = console
            .prompt()
            .secret(&what, WAYS)
            .exit(Exit::Usage)
            .rule("no-terminal")?;
        Passphrase::new(typed)
            .exit(Exit::No)
            .rule("wrong-passphrase")
    }

    /// A passphrase for a new key; typed twice.
    pub fn new_passphrase(&self, console: &Console, name: &str) -> anyhow::Result<Passphrase> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let what = format!("new passphrase of {name}");
        let typed = console
            .prompt()
            .new_secret(
                &what,
                "--passphrase-file FILE, CUFF_PASSPHRASE or --unencrypted",
            )
            .exit(Exit::Usage)
            .rule("no-passphrase")?;
        Passphrase::new(typed)
            .exit(Exit::Usage)
            .rule("no-passphrase")
    }

    fn given(&self) -> anyhow::Result<Option<Passphrase>> {
        if let Some(path) = &self.passphrase_file {
            let text = fs::read_to_string(path)
                .map(Zeroizing::new)
                .with_context(|| format!("cannot read the passphrase file `{}`", path.display()))?;
            let passphrase = Passphrase::from_file(&text).with_context(|| {
                format!(
                    "the passphrase file `{}` begins with an empty line",
                    path.display()
                )
            });
            return passphrase.map(Some).exit(Exit::Usage).rule("no-passphrase");
        }
        match std::env::var(PASSPHRASE_VARIABLE) {
            Ok(text) => Passphrase::new(Zeroizing::new(text))
                .with_context(|| format!("{PASSPHRASE_VARIABLE} is set to nothing"))
                .map(Some)
                .exit(Exit::Usage)
                .rule("no-passphrase"),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(anyhow::anyhow!("{PASSPHRASE_VARIABLE} is not UTF-8"))
                    .exit(Exit::Usage)
                    .rule("no-passphrase")
            }
        }
    }
}

/// The error with the exit code and the advice that fit it.
fn explained(error: KeyFileError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        KeyFileError::Read { source, .. } if source.kind() == io::ErrorKind::InvalidData => (
            Exit::Usage,
            "no-private-key",
            "a private key is a PEM file, as `cuff key new` makes it",
        ),
        KeyFileError::Read { .. } => (
            Exit::Unknown,
            "unreadable-key",
            "give the path of a private key, as `cuff key new` made it",
        ),
        KeyFileError::Open { source, .. } => match source {
            OpenError::WrongPassphrase => (
                Exit::No,
                "wrong-passphrase",
                "try again; if you are sure of the passphrase, the file is damaged: take it from your backup",
            ),
            OpenError::Corrupt(_) | OpenError::Mismatch => {
                (Exit::Usage, "corrupt-key", "take the file from your backup")
            }
            OpenError::NoPrivateKey { .. } => (
                Exit::Usage,
                "no-private-key",
                "give the private key, NAME.key, as `cuff key new` made it",
            ),
            OpenError::Unsupported(_) => (
                Exit::Usage,
                "unsupported-key",
                "rewrite it with `openssl pkcs8 -topk8 -scrypt -in OLD -out NEW`",
            ),
            OpenError::NotEd25519(_) => (
                Exit::Usage,
                "unsupported-key",
                "cuff signs with Ed25519: make a key with `cuff key new NAME`",
            ),
        },
    };
    advised(error, exit, rule, help)
}

const WAYS: &str = "--passphrase-file FILE or CUFF_PASSPHRASE";
