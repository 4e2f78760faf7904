//! What to do next when a signer cannot be opened.
//!
//! It takes the errors of every kind of signer and gives exit code, rule and help.

use std::io;

use crate::console::{Exit, advised};
use crate::key::agent::AgentError;
use crate::key::file::KeyFileError;
use crate::key::pkcs8::OpenError;
use crate::key::program::ProgramError;
use crate::key::token::{Attempts, TokenError};
use crate::key::vault::VaultError;

pub(super) fn of_file(error: KeyFileError) -> anyhow::Error {
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

pub(super) fn of_token(error: TokenError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        TokenError::NoLibrary => (
            Exit::Usage,
            "no-pkcs11-library",
            "end the URI with ?module-path=/path/to/library.so, or set CUFF_PKCS11_MODULE",
        ),
        TokenError::Library { .. } => (
            Exit::Unknown,
            "pkcs11-library",
            "check the path, and that the library is the token vendor's PKCS#11 library for this machine",
        ),
        TokenError::Call { .. } => (
            Exit::Unknown,
            "token",
            "take the token out, put it in again, and try again",
        ),
        TokenError::NoToken { .. } => (
            Exit::Unknown,
            "no-token",
            "put the right token in, or correct token= and serial= in the URI",
        ),
        TokenError::SeveralTokens { .. } => (
            Exit::Usage,
            "several-tokens",
            "take one out, or say which with serial= in the URI",
        ),
        TokenError::Locked { .. } => (
            Exit::No,
            "token-locked",
            "unlock it with its security officer's PIN or PUK, with the vendor's tool; another key holder can sign meanwhile",
        ),
        TokenError::NoUserPin { .. } => (
            Exit::No,
            "token-without-pin",
            "set one with the vendor's tool, or `pkcs11-tool --init-pin`",
        ),
        TokenError::WrongPin { left, .. } => (
            Exit::No,
            "wrong-pin",
            match left {
                Attempts::Locked => {
                    "unlock it with its security officer's PIN or PUK, with the vendor's tool"
                }
                _ => "do not guess: find out the right PIN before you try again",
            },
        ),
        TokenError::PinLength { .. } => (
            Exit::No,
            "wrong-pin",
            "this cannot be the PIN of that token: see that it is the right token",
        ),
        TokenError::PinExpired { .. } => (
            Exit::No,
            "pin-expired",
            "set a new one with the vendor's tool",
        ),
        TokenError::NoKey { .. } => (
            Exit::No,
            "no-such-key",
            "correct object= and id= in the URI, or make a key: docs/signers.md",
        ),
        TokenError::SeveralKeys { .. } => (
            Exit::Usage,
            "several-keys",
            "say which with object= or id= in the URI",
        ),
        TokenError::NotEd25519 { .. } => (
            Exit::No,
            "unsupported-key",
            "make an Ed25519 key on the token: docs/signers.md",
        ),
        TokenError::NoPublic { .. } | TokenError::Point { .. } => (
            Exit::No,
            "no-public-key",
            "put the public key object onto the token again, with the same id as the private key",
        ),
    };
    advised(error, exit, rule, help)
}

pub(super) fn of_agent(error: AgentError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        AgentError::NoSocket => (
            Exit::Unknown,
            "no-agent",
            "start one: eval $(ssh-agent), then `ssh-add KEYFILE`",
        ),
        AgentError::Gone { .. } => (
            Exit::Unknown,
            "agent-gone",
            "start it again: eval $(ssh-agent), then `ssh-add KEYFILE`",
        ),
        AgentError::Empty { .. } => (
            Exit::No,
            "agent-empty",
            "add the key with `ssh-add KEYFILE`, or unlock the agent with `ssh-add -X`",
        ),
        AgentError::NoSuchKey { .. } => (
            Exit::No,
            "no-such-key",
            "add the key with `ssh-add KEYFILE`, or name another by its comment or SHA256: fingerprint",
        ),
        AgentError::NotEd25519 { .. } => (
            Exit::No,
            "unsupported-key",
            "make one with `ssh-keygen -t ed25519` (not -sk) and add it with `ssh-add`",
        ),
        AgentError::SeveralKeys { .. } => (
            Exit::Usage,
            "several-keys",
            "say which: ssh-agent:COMMENT or ssh-agent:SHA256:FINGERPRINT",
        ),
        AgentError::Key(_) => (Exit::No, "weak-key", "use another key"),
        AgentError::Refused { .. } | AgentError::TooLong { .. } | AgentError::Strange { .. } => {
            (Exit::Unknown, "agent", "use a key file or a token")
        }
    };
    advised(error, exit, rule, help)
}

pub(super) fn of_program(error: ProgramError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        ProgramError::Run { .. } => (
            Exit::Unknown,
            "signer-program",
            "give the path of an executable program after exec:",
        ),
        ProgramError::Failed { .. } => (
            Exit::Unknown,
            "signer-program",
            "what it printed above says why",
        ),
        ProgramError::Answer { .. } => (
            Exit::Unknown,
            "signer-program",
            "docs/signers.md says what a signing program prints",
        ),
        ProgramError::Key(_) => (Exit::No, "weak-key", "use another key"),
    };
    advised(error, exit, rule, help)
}

pub(super) fn of_vault(error: VaultError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        VaultError::NotSet(_) | VaultError::Token(_) | VaultError::Plain(_) => (
            Exit::Usage,
            "vault-environment",
            "set VAULT_ADDR and VAULT_TOKEN as for Vault's own command line",
        ),
        VaultError::Authorities { .. } | VaultError::NoAuthorities(_) => (
            Exit::Usage,
            "vault-environment",
            "VAULT_CACERT names a PEM file with the authorities Vault's certificate is checked against",
        ),
        VaultError::Gone { .. } => (
            Exit::Unknown,
            "vault-gone",
            "check VAULT_ADDR and the network",
        ),
        VaultError::Refused { status: 403, .. } => (
            Exit::No,
            "vault-refused",
            "renew VAULT_TOKEN, and see that its policy allows to read the key and to sign with it",
        ),
        VaultError::Refused { status: 404, .. } => (
            Exit::No,
            "no-such-key",
            "correct the name of the key, or mount= in the URI",
        ),
        VaultError::Refused { .. } | VaultError::Strange { .. } => (
            Exit::Unknown,
            "vault",
            "see that the address is Vault's and the engine is transit",
        ),
        VaultError::NotEd25519 { .. } | VaultError::Derived { .. } => (
            Exit::No,
            "unsupported-key",
            "make one with `vault write transit/keys/NAME type=ed25519`",
        ),
        VaultError::NoVersion { .. } => (
            Exit::No,
            "no-such-key",
            "correct version= in the URI, or leave it out for the latest",
        ),
        VaultError::Key(_) => (Exit::No, "weak-key", "use another key"),
    };
    advised(error, exit, rule, help)
}
