//! The example keys: anyone can sign with them, so nothing real may trust them.
//!
//! Their private halves and passphrase are published in `keys.example/`. Whoever publishes asks here first.

use std::sync::LazyLock;

use super::KeyId;
use super::public_file::PublicFile;

/// The passphrase of every example key.
pub const PASSPHRASE: &str = "example";

/// The example `.pub` files, three people and one machine.
pub const FILES: [(&str, &str); 4] = [
    ("alice", include_str!("../../keys.example/alice.pub")),
    ("bob", include_str!("../../keys.example/bob.pub")),
    ("carol", include_str!("../../keys.example/carol.pub")),
    ("online", include_str!("../../keys.example/online.pub")),
];

/// The example holder of this key, if it is one of the published keys.
pub fn holder(id: &KeyId) -> Option<&'static str> {
    // Reading the files checks their proofs, which is worth doing once and not for every key of every role.
    static IDS: LazyLock<Vec<(&str, KeyId)>> = LazyLock::new(|| {
        let files = FILES.iter().filter_map(|(name, text)| {
            let file = PublicFile::parse(text).ok()?;
            Some((*name, file.key().id()))
        });
        files.collect()
    });
    IDS.iter().find(|(_, key)| key == id).map(|(name, _)| *name)
}

/// Whether everyone has this key's private half.
pub fn is_example(id: &KeyId) -> bool {
    holder(id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::secret::SecretKey;

    #[test]
    fn every_embedded_file_is_known_by_its_key() {
        for (name, text) in FILES {
            let file = PublicFile::parse(text).unwrap();
            assert_eq!(file.name(), name);
            assert_eq!(holder(&file.key().id()), Some(name));
        }
        assert!(!is_example(&SecretKey::from_seed(&[7; 32]).public().id()));
    }
}
