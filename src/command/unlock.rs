//! Opening a signer for a command, and asking for its passphrase or PIN.
//!
//! It takes a [`SignerUri`], the flags, the environment and the terminal, in this order, and gives a signer. Every failure says
//! what to do next.

mod advice;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use zeroize::Zeroizing;

use crate::console::{Advice, Console, Exit, safe};
use crate::key::agent::AgentSigner;
use crate::key::example;
use crate::key::file::{FileSigner, KeyFile};
use crate::key::program::ProgramSigner;
use crate::key::public_file::PublicFile;
use crate::key::secret::{self, Passphrase};
use crate::key::token::uri::TokenUri;
use crate::key::token::{Attempts, Token};
use crate::key::uri::SignerUri;
use crate::key::vault::VaultSigner;
use crate::key::{PublicKey, Signer};

/// The environment variable that holds a passphrase or PIN.
pub const PASSPHRASE_VARIABLE: &str = "CUFF_PASSPHRASE";

/// Where a passphrase comes from, for commands that sign: `#[command(flatten)]` it.
#[derive(Debug, Default, clap::Args)]
pub struct Unlock {
    /// Read the passphrase or PIN from the first line of FILE (else from `CUFF_PASSPHRASE`, else from the terminal)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl Unlock {
    /// Opens a signer; asks for a passphrase or PIN only if it takes one.
    pub fn open(&self, console: &Console, uri: &SignerUri) -> anyhow::Result<Box<dyn Signer>> {
        if uri.needs_network() && console.offline() {
            return Err(anyhow::anyhow!(
                "`{uri}` needs the network, and --offline was given"
            ))
            .exit(Exit::Usage)
            .rule("offline");
        }
        secret::forbid_dumps();
        match uri {
            SignerUri::File(path) => self.open_file(console, path).map(boxed),
            SignerUri::Token(uri) => self.open_token(console, uri),
            SignerUri::Agent(wanted) => AgentSigner::open(wanted)
                .map(boxed)
                .map_err(advice::of_agent),
            SignerUri::Exec(program) => ProgramSigner::open(program)
                .map(boxed)
                .map_err(advice::of_program),
            SignerUri::Vault(uri) => VaultSigner::open(uri).map(boxed).map_err(advice::of_vault),
        }
    }

    /// Whose signature it will be, where that can be known before anybody types a passphrase or touches a token: from the
    /// `.pub` beside a key file, or from a token that shows public keys to everyone.
    pub fn announced(uri: &SignerUri) -> Option<PublicKey> {
        match uri {
            SignerUri::File(path) => PublicFile::read(&path.with_extension("pub"))
                .ok()
                .map(|file| file.key()),
            SignerUri::Token(uri) => Token::find(uri).ok()?.public(),
            _ => None,
        }
    }

    /// Opens a private key file, for those who need one that can be passed to another thread.
    pub fn open_file(&self, console: &Console, path: &Path) -> anyhow::Result<FileSigner> {
        secret::forbid_dumps();
        let file = KeyFile::read(path).map_err(advice::of_file)?;
        let exposed = file.is_exposed();
        let passphrase = if file.is_encrypted() {
            Some(self.passphrase(console, &format!("passphrase of {}", path.display()))?)
        } else {
            None
        };
        let signer = file.open(passphrase.as_ref()).map_err(advice::of_file)?;
        if exposed && !example::is_example(&signer.public().id()) {
            console.warn(format_args!(
                "others on this machine can read `{0}`: chmod 600 {0}",
                path.display()
            ));
        }
        Ok(signer)
    }

    fn open_token(&self, console: &Console, uri: &TokenUri) -> anyhow::Result<Box<dyn Signer>> {
        let token = Token::find(uri).map_err(advice::of_token)?;
        token.refuse_locked().map_err(advice::of_token)?;
        if matches!(token.attempts(), Attempts::Fewer | Attempts::Last) {
            console.warn(format_args!("{}{}", token.name(), token.attempts().words()));
        }
        let pin = match &uri.pin_source {
            _ if !token.needs_pin() => None,
            Some(path) => Some(first_line(path)?),
            None => Some(self.passphrase(console, &format!("PIN of {}", token.name()))?),
        };
        if token.has_keypad() {
            console.show(format_args!(
                "enter the PIN of {} on its own keypad",
                token.name()
            ));
        }
        let signer = token.open(pin.as_ref()).map_err(advice::of_token)?;
        console.note(format_args!(
            "using {}; touch it if it blinks",
            signer.describe()
        ));
        Ok(boxed(signer))
    }

    /// The passphrase of an existing key.
    fn passphrase(&self, console: &Console, what: &str) -> anyhow::Result<Passphrase> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let typed = console
            .prompt()
            .secret(what, WAYS)
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
            return first_line(path).map(Some);
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

fn boxed(signer: impl Signer + 'static) -> Box<dyn Signer> {
    Box::new(signer)
}

fn first_line(path: &Path) -> anyhow::Result<Passphrase> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| {
            format!(
                "cannot read the passphrase file `{}`",
                safe(&path.display().to_string())
            )
        })?;
    Passphrase::from_file(&text)
        .with_context(|| {
            format!(
                "the passphrase file `{}` begins with an empty line",
                path.display()
            )
        })
        .exit(Exit::Usage)
        .rule("no-passphrase")
}

const WAYS: &str = "--passphrase-file FILE or CUFF_PASSPHRASE";
