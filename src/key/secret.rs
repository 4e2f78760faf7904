//! Secrets: private keys and passphrases while they are in memory.
//!
//! Nothing here prints: `Debug` says `redacted`, and memory is wiped on drop. A process that is about to hold a private key
//! asks the system never to write its memory to a disk ([`forbid_dumps`]).

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::{Zeroize, Zeroizing};

use super::PublicKey;

/// An Ed25519 private key. In a box, so that passing it on leaves no copies behind.
pub struct SecretKey(Box<SigningKey>);

/// A passphrase.
#[derive(Clone, Eq, PartialEq)]
pub struct Passphrase(Zeroizing<String>);

impl SecretKey {
    /// A new one, from the operating system's randomness.
    pub fn generate() -> Result<Self, RandomError> {
        let mut seed = Zeroizing::new([0; 32]);
        fill_random(seed.as_mut())?;
        Ok(Self::from_seed(&seed))
    }

    /// The one that grows from this seed (RFC 8032, 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = Self(Box::new(SigningKey::from_bytes(seed)));
        wipe_stack();
        key
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The signature over exactly these bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message).to_bytes();
        wipe_stack();
        signature
    }

    /// The seed, for whoever writes key files.
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }
}

impl Passphrase {
    /// Takes what a person typed; the empty one protects nothing.
    pub fn new(text: Zeroizing<String>) -> Result<Self, EmptyPassphrase> {
        if text.is_empty() {
            Err(EmptyPassphrase)
        } else {
            Ok(Self(text))
        }
    }

    /// Takes the contents of a passphrase file: its first line.
    pub fn from_file(text: &str) -> Result<Self, EmptyPassphrase> {
        let line = text.split('\n').next().unwrap_or_default();
        Self::new(Zeroizing::new(
            line.strip_suffix('\r').unwrap_or(line).to_owned(),
        ))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

/// The passphrase is empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the passphrase is empty")]
pub struct EmptyPassphrase;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomError(#[source] getrandom::Error);

/// From now on this process leaves no core dump, and no other process of the same user may read its memory.
pub fn forbid_dumps() {
    // Where a system knows no such thing the key is handled all the same; docs/signers.md says so.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Overwrites what calls that have returned left on the stack: copies of keys among it that nobody owns.
#[inline(never)]
#[expect(clippy::large_stack_arrays, reason = "the stack is what is wiped")]
pub(super) fn wipe_stack() {
    let mut room = [0_u8; STACK];
    room.zeroize();
    std::hint::black_box(&mut room);
}

/// More than key derivation, decryption and signing go down.
const STACK: usize = 64 * 1024;

pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        let key = SecretKey::from_seed(&[0x41; 32]);
        let passphrase = Passphrase::from_file("AAAA").unwrap();
        assert_eq!(format!("{key:?} {passphrase:?}"), "redacted redacted");
    }

    #[test]
    fn a_passphrase_file_is_its_first_line() {
        let plain = Passphrase::from_file("a b").unwrap();
        for text in ["a b\n", "a b\r\n", "a b\nsecond"] {
            assert_eq!(Passphrase::from_file(text), Ok(plain.clone()));
        }
        assert_eq!(Passphrase::from_file("\n"), Err(EmptyPassphrase));
    }

    /// RFC 8032, 7.1, test 1.
    #[test]
    fn signatures_are_those_of_the_rfc() {
        let mut seed = [0; 32];
        hex::decode_to_slice(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            &mut seed,
        )
        .unwrap();
        let key = SecretKey::from_seed(&seed);
        assert_eq!(
            key.public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(hex::encode(key.sign(b"")).starts_with("e5564300c360ac729086e2cc806e828a"));
        assert!(key.public().verifies(b"", &key.sign(b"")));
        assert!(!key.public().verifies(b"x", &key.sign(b"")));
    }
}
