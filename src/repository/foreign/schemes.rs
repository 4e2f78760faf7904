//! What a host verifies beyond a device: ECDSA over P-256, RSASSA-PSS, SHA-512, and delegations by hash of the path.
//!
//! Takes keys and signatures as metadata writes them; says yes or no. The arithmetic is `ring`'s, Ed25519 the verifier's own.

use cuff_verifier::digest::decode_hex;
use cuff_verifier::json::{Text, Value};
use cuff_verifier::key::{Ed25519, Key, Schemes};
use cuff_verifier::role::Malformed;
use cuff_verifier::sure::Sure;
use pkcs8::Document;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use ring::digest::{SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

/// Every scheme that cuff reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllSchemes;

impl Schemes for AllSchemes {
    const HASHED_PATHS: bool = true;

    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> Sure {
        let algorithm: &'static dyn VerificationAlgorithm = match kind_of(key) {
            Some(Kind::Ed25519) => return Ed25519.verify(key, message, signature),
            Some(Kind::P256) if key.scheme.is("ecdsa-sha2-nistp256") => &ECDSA_P256_SHA256_ASN1,
            Some(Kind::Rsa) if key.scheme.is("rsassa-pss-sha256") => &RSA_PSS_2048_8192_SHA256,
            _ => return Sure::NO,
        };
        let (Some(public), Ok(signature)) = (material(key), hex::decode(signature.raw())) else {
            return Sure::NO;
        };
        let said = UnparsedPublicKey::new(algorithm, public).verify(message, &signature);
        Sure::twice(&said, Result::is_ok)
    }

    /// One key in two encodings, a PEM file and a bare point, is one signer.
    fn same(&self, left: &Key<'_>, right: &Key<'_>) -> bool {
        left.public == right.public
            || kind_of(left) == kind_of(right)
                && material(left).is_some_and(|left| material(right) == Some(left))
    }

    fn other_digests_hold(&self, hashes: Value<'_>, bytes: &[u8]) -> Option<bool> {
        let expected = sha512(hashes)?;
        let found = digest(&SHA512, bytes);
        Some(expected.is_ok_and(|expected| found.as_ref() == expected))
    }
}

/// The SHA-512 in HASHES, if there is one: 128 lower-case hex digits.
pub fn sha512(hashes: Value<'_>) -> Option<Result<[u8; 64], Malformed>> {
    let [sha512] = hashes.pick(&["sha512"]).ok()?;
    let text = sha512?.text().ok();
    let mut digest = [0; 64];
    let read = text.and_then(|hex| decode_hex(hex.raw(), &mut digest));
    Some(read.map(|()| digest).ok_or(Malformed::Hash))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519,
    P256,
    Rsa,
}

fn kind_of(key: &Key<'_>) -> Option<Kind> {
    match key.keytype.raw() {
        b"ed25519" => Some(Kind::Ed25519),
        // The second name is how keys were written before TUF 1.0.17.
        b"ecdsa" | b"ecdsa-sha2-nistp256" => Some(Kind::P256),
        b"rsa" => Some(Kind::Rsa),
        _ => None,
    }
}

/// The key itself: an uncompressed point, or an `RSAPublicKey` in DER (RFC 8017, A.1.1). Nothing when it is neither.
fn material(key: &Key<'_>) -> Option<Vec<u8>> {
    let public: Vec<u8> = key.public.bytes().collect();
    let kind = kind_of(key)?;
    if kind == Kind::Ed25519 {
        return hex::decode(&public).ok();
    }
    // The second form of a point is how keys were written before TUF 1.0.17.
    if kind == Kind::P256 && !public.starts_with(b"-") {
        return hex::decode(&public).ok().filter(|point| point.len() == 65);
    }
    let text = std::str::from_utf8(&public).ok()?;
    let (label, file) = Document::from_pem(text).ok()?;
    if label != "PUBLIC KEY" {
        return None;
    }
    let info: SubjectPublicKeyInfoRef<'_> = file.decode_msg().ok()?;
    let fits = match kind {
        Kind::P256 => {
            info.algorithm.oid == EC_KEY && info.algorithm.parameters_oid().ok() == Some(P256)
        }
        Kind::Rsa => {
            info.algorithm.oid == RSA_KEY && info.algorithm.parameters == Some(AnyRef::NULL)
        }
        Kind::Ed25519 => false,
    };
    let bits = info.subject_public_key.as_bytes()?;
    fits.then(|| bits.to_vec())
}

const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
