//! Cryptography for sigstore-tuf, which brings none of its own here. Ring's comes from other people than the one we verify
//! with.
#![allow(missing_docs)]

use std::sync::Once;

use sigstore_crypto::{CryptoProvider, HashContext, SigningScheme};
use sigstore_types::HashAlgorithm;

#[derive(Debug)]
struct Ring;

struct Hashing(ring::digest::Context);

impl HashContext for Hashing {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> sigstore_crypto::Result<Box<dyn HashContext>> {
        let algorithm = match algorithm {
            HashAlgorithm::Sha2256 => &ring::digest::SHA256,
            HashAlgorithm::Sha2384 => &ring::digest::SHA384,
            _ => &ring::digest::SHA512,
        };
        Ok(Box::new(Hashing(ring::digest::Context::new(algorithm))))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> sigstore_crypto::Result<()> {
        let no = |why: &str| sigstore_crypto::Error::Verification(why.to_owned());
        if scheme != SigningScheme::Ed25519 {
            return Err(no("only Ed25519 is asked about"));
        }
        ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key)
            .verify(data, signature)
            .map_err(|_| no("bad signature"))
    }

    fn verify_prehashed(
        &self,
        _: SigningScheme,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> sigstore_crypto::Result<()> {
        Err(sigstore_crypto::Error::Verification(
            "not asked about".to_owned(),
        ))
    }
}

/// From now on sigstore-tuf hashes and verifies with ring.
pub fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(sigstore_crypto::install_default_provider(&Ring).is_ok()));
}
