use super::{Draft, ReadError, Signed, SigningError};
use crate::key::secret::SecretKey;
use crate::key::{PublicKey, SignError, Signer};
use crate::role::authority::Authority;
use crate::role::name::RoleName;
use crate::role::product::Product;
use crate::role::root::{RoleKeys, Root, RootRoles};
use crate::role::wire::{Hex, Key, Utc};
use cuff_verifier::time::Instant;

struct Hand(SecretKey);

impl Signer for Hand {
    fn public(&self) -> PublicKey {
        self.0.public()
    }
    fn describe(&self) -> String {
        "test key".to_owned()
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message))
    }
}

fn hand(seed: u8) -> Hand {
    Hand(SecretKey::from_seed(&[seed; 32]))
}

fn root(version: u64, seeds: &[u8], threshold: u64) -> Root {
    let keys: Vec<PublicKey> = seeds.iter().map(|seed| hand(*seed).public()).collect();
    let mut keyids: Vec<Hex> = keys.iter().map(|key| Hex::from(key.id())).collect();
    keyids.sort();
    let who = RoleKeys { keyids, threshold };
    let roles = RootRoles {
        root: who.clone(),
        snapshot: who.clone(),
        targets: who.clone(),
        timestamp: who,
    };
    let keys = keys
        .into_iter()
        .map(|key| (Hex::from(key.id()), Key(key)))
        .collect();
    Root {
        version,
        ..Root::first(roles, keys, Utc(Instant(1000)), Utc(Instant(2000)))
    }
}

fn own(root: &Root) -> Vec<Authority> {
    Authority::of_top_level(root, &RoleName::Root)
        .into_iter()
        .collect()
}

fn sealed(root: &Root, seeds: &[u8], authorities: &[Authority]) -> Result<Signed, ReadError> {
    let mut staged = Draft::Root(root.clone()).stage().unwrap();
    for seed in seeds {
        staged.sign(&hand(*seed)).unwrap();
    }
    staged.seal(authorities)
}

#[test]
fn a_sealed_role_opens_again_and_its_signatures_are_sorted() {
    let root = root(1, &[1, 2, 3], 2);
    let signed = sealed(&root, &[3, 1], &own(&root)).unwrap();
    let text = String::from_utf8(signed.file().to_owned()).unwrap();
    assert!(text.starts_with(r#"{"signatures":[{"keyid":""#), "{text}");
    let ids: Vec<&str> = text
        .match_indices(r#""keyid":""#)
        .map(|(at, _)| &text[at + 9..at + 73])
        .collect();
    assert!(ids.len() == 2 && ids[0] < ids[1], "{ids:?}");
    let (opened, read) = Signed::open_root(signed.file(), None).unwrap();
    assert_eq!((opened.signed(), &read), (signed.signed(), &root));
}

#[test]
fn the_verifier_accepts_what_we_seal() {
    use cuff_verifier::key::Ed25519;
    use cuff_verifier::profile::Profile;
    use cuff_verifier::threshold::Document;
    use cuff_verifier::time::Clock;
    use cuff_verifier::trusted::{Policy, RootChain};
    let policy = || Policy {
        profile: Profile::Device,
        clock: Clock::Exact(Instant(1500)),
        schemes: &Ed25519,
    };
    let (one, two) = (root(1, &[1, 2], 2), root(2, &[2, 3], 2));
    let authorities = [own(&one), own(&two)].concat();
    let first = sealed(&one, &[1, 2], &own(&one)).unwrap();
    let second = sealed(&two, &[1, 2, 3], &authorities).unwrap();
    let chain = RootChain::anchor(Document::canonical(first.file()), policy()).unwrap();
    chain
        .extend(Document::canonical(second.file()))
        .unwrap()
        .finish()
        .unwrap();
}

#[test]
fn a_new_root_needs_the_old_and_the_new_threshold() {
    let (one, two) = (root(1, &[1, 2], 2), root(2, &[2, 3], 2));
    let authorities = [own(&one), own(&two)].concat();
    let by_new_only = sealed(&two, &[2, 3], &authorities).unwrap_err();
    assert!(
        matches!(by_new_only, ReadError::Unsigned { ref by, found: 1, .. } if by == "root v1"),
        "{by_new_only}"
    );
    let by_old_only = sealed(&two, &[1, 2], &authorities).unwrap_err();
    assert!(
        matches!(by_old_only, ReadError::Unsigned { ref by, found: 1, .. } if by == "root v2"),
        "{by_old_only}"
    );
    sealed(&two, &[1, 2, 3], &authorities).unwrap();
}

#[test]
fn strangers_and_nobody_do_not_count() {
    let root = root(1, &[1, 2], 2);
    assert!(matches!(
        sealed(&root, &[1, 9], &own(&root)),
        Err(ReadError::Unsigned { found: 1, .. })
    ));
    assert!(matches!(
        sealed(&root, &[1, 2], &[]),
        Err(ReadError::Nobody { .. })
    ));
}

#[test]
fn a_file_that_is_spelled_differently_is_not_ours() {
    let root = root(1, &[1], 1);
    let file = sealed(&root, &[1], &own(&root)).unwrap().file().to_owned();
    let text = String::from_utf8(file).unwrap();
    for changed in [
        text.replace(r#""version":1"#, r#""version":1 "#),
        text.replace(r#""version":1"#, r#""version":1,"version":1"#),
        format!("{text}\n"),
    ] {
        assert!(
            Signed::open_root(changed.as_bytes(), None).is_err(),
            "{changed}"
        );
    }
    let unknown = text.replace(r#""version":1"#, r#""version":1,"x":1"#);
    assert!(matches!(
        Signed::open_root(unknown.as_bytes(), None),
        Err(ReadError::Unreadable { .. })
    ));
}

#[test]
fn a_signature_is_checked_as_soon_as_it_is_made() {
    struct Swapped;
    impl Signer for Swapped {
        fn public(&self) -> PublicKey {
            hand(1).public()
        }
        fn describe(&self) -> String {
            "token in slot 9c".to_owned()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            hand(2).sign(message)
        }
    }
    let mut staged = Draft::Root(root(1, &[1], 1)).stage().unwrap();
    let error = staged.sign(&Swapped).unwrap_err();
    assert!(matches!(error, SigningError::WrongKey { .. }), "{error}");
    assert!(staged.signatures().is_empty());
}

#[test]
fn a_product_is_written_canonically_and_whole() {
    let product = Product::first(Utc(Instant(0)), Utc(Instant(86_400)));
    let staged = Draft::Product("band".parse().unwrap(), product)
        .stage()
        .unwrap();
    assert_eq!(
        String::from_utf8(staged.signed().to_owned()).unwrap(),
        r#"{"_type":"targets","expires":"1970-01-02T00:00:00Z","issued":"1970-01-01T00:00:00Z","minimum_counter":0,"spec_version":"1.0.0","targets":{},"version":1}"#
    );
}

#[test]
fn one_key_under_two_ids_is_not_two_signers() {
    let mut root = root(1, &[1], 1);
    let key = hand(1).public();
    let other = Hex::sha256(b"another name for the same key");
    root.keys.insert(other, Key(key));
    root.roles.root.keyids.push(other);
    root.roles.root.threshold = 2;
    let staged = Draft::Root(root).stage().unwrap();
    let error = Draft::read(&RoleName::Root, staged.signed()).unwrap_err();
    assert!(matches!(error, ReadError::NotOurs { .. }), "{error}");
}

#[test]
fn everyone_who_signed_is_named_and_strangers_crowd_nobody_out() {
    let root = root(1, &[1, 2, 3], 2);
    let mut staged = Draft::Root(root.clone()).stage().unwrap();
    // A file holds 64 signatures; these are more, and all of them are worth nothing.
    for stranger in 0..70 {
        staged.restore(Hex([stranger; 32]), super::Signature([0; 64]));
    }
    for seed in [1, 2, 3] {
        assert_eq!(
            staged.tally(&own(&root))[0].missing,
            2_u64.saturating_sub(u64::from(seed) - 1)
        );
        staged.sign(&hand(seed)).unwrap();
    }
    let tally = staged.tally(&own(&root)).remove(0);
    assert_eq!((tally.valid.len(), tally.missing), (3, 0));
    let signed = staged.seal(&own(&root)).unwrap();
    assert_eq!(
        signed.file().windows(5).filter(|at| at == b"keyid").count(),
        3 + 4
    );
}

#[test]
fn an_authority_the_verifier_cannot_read_is_never_satisfied() {
    let mut root = root(1, &[1, 2], 1);
    // The authoring types can write this; the verifier refuses such a root altogether.
    root.roles.root.threshold = 0;
    let mut staged = Draft::Root(root.clone()).stage().unwrap();
    staged.sign(&hand(1)).unwrap();
    assert_eq!(staged.tally(&own(&root))[0].missing, 1);
    let error = staged.seal(&own(&root)).unwrap_err();
    assert!(matches!(error, ReadError::Refused { .. }), "{error}");
}
