//! Keys made up on the spot, in every form that metadata knows.

use ed25519_dalek::{Signer as _, SigningKey};
use pkcs8::Document;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::process::Command;
use std::sync::Arc;

/// A pair of keys, and how metadata lists the public one.
pub struct Key {
    secret: Arc<Secret>,
    /// As it stands in metadata.
    pub entry: Value,
    /// The name it goes by.
    pub id: String,
}

enum Secret {
    Ed25519(Box<SigningKey>),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    /// Ed25519, as devices read it.
    pub fn ed25519() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let secret = SigningKey::from_bytes(&seed);
        let public = hex::encode(secret.verifying_key().to_bytes());
        Self::of(
            Secret::Ed25519(Box::new(secret)),
            "ed25519",
            "ed25519",
            &public,
        )
    }

    /// ECDSA over P-256, in PEM.
    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let secret =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        let secret = secret.unwrap();
        // SubjectPublicKeyInfo (RFC 5480) up to the point.
        let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let info = [&head, secret.public_key().as_ref()].concat();
        let pem = Document::try_from(info)
            .unwrap()
            .to_pem("PUBLIC KEY", pkcs8::LineEnding::LF)
            .unwrap();
        Self::of(Secret::P256(secret), "ecdsa", "ecdsa-sha2-nistp256", &pem)
    }

    /// The same key as a bare point, as it was written in early days.
    pub fn as_point(&self) -> Value {
        let Secret::P256(secret) = &*self.secret else {
            panic!("only a P-256 key is a point");
        };
        json!({"keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256",
            "keyval": {"public": hex::encode(secret.public_key().as_ref())}})
    }

    /// RSA with 2048 bits, made by OpenSSL.
    pub fn rsa() -> Self {
        let openssl = |arguments: &str, input: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("in");
            std::fs::write(&path, input).unwrap();
            let output = Command::new("openssl")
                .args(arguments.split(' '))
                .stdin(std::fs::File::open(&path).unwrap())
                .output()
                .expect("openssl starts: `cargo xtask setup` installs it");
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        let private = openssl(
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER",
            b"",
        );
        let public = openssl("pkey -inform DER -pubout", &private);
        let private = openssl("pkcs8 -topk8 -nocrypt -inform DER -outform DER", &private);
        let secret = RsaKeyPair::from_pkcs8(&private).unwrap();
        let pem = String::from_utf8(public).unwrap();
        Self::of(Secret::Rsa(secret), "rsa", "rsassa-pss-sha256", &pem)
    }

    fn of(secret: Secret, keytype: &str, scheme: &str, public: &str) -> Self {
        Self {
            secret: Arc::new(secret),
            entry: json!({"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}),
            id: hex::encode(Sha256::digest(public)),
        }
    }

    /// The same key again, to be listed under another id or in another way.
    pub fn twin(&self, id: &str, entry: Value) -> Self {
        Self {
            secret: Arc::clone(&self.secret),
            entry,
            id: id.to_owned(),
        }
    }

    /// A signature as metadata writes it.
    pub fn sign(&self, message: &[u8]) -> String {
        let random = SystemRandom::new();
        match &*self.secret {
            Secret::Ed25519(secret) => hex::encode(secret.sign(message).to_bytes()),
            Secret::P256(secret) => hex::encode(secret.sign(&random, message).unwrap()),
            Secret::Rsa(secret) => {
                let mut signature = vec![0; secret.public().modulus_len()];
                secret
                    .sign(&RSA_PSS_SHA256, &random, message, &mut signature)
                    .unwrap();
                hex::encode(signature)
            }
        }
    }
}
