//! A working directory with two people and a store, for tests; and a store that fails.

use super::super::{Order, PublishError, Report, Scope, publish};
use crate::bundle::Bundle;
use crate::bundle::record::{ImageRecord, Record};
use crate::bundle::tape::{self, Entry};
use crate::key::secret::SecretKey;
use crate::key::{PublicKey, SignError, Signer};
use crate::repository::bench::Bench;
use crate::repository::bench::roles::RoleEdit;
use crate::repository::desk::Desk;
use crate::repository::foundation::{Foundation, Signers};
use crate::repository::people::People;
use crate::repository::published::Published;
use crate::repository::review::Review;
use crate::repository::signing::Task;
use crate::role::name::RoleName;
use crate::role::wire::Hex;
use crate::store::local::LocalStore;
use crate::store::{ObjectName, Put, Replace, Store, StoreError};
use cuff_verifier::digest::Digest;
use cuff_verifier::release::Kind;
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::version::{Counter, Length};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

pub(super) const NOW: Instant = Instant(1_800_000_000);

pub(super) struct Hand(SecretKey);

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

pub(super) fn hand(seed: u8) -> Hand {
    Hand(SecretKey::from_seed(&[seed; 32]))
}

pub(super) const ALICE: u8 = 1;
pub(super) const BOB: u8 = 2;
pub(super) const ONLINE: u8 = 3;
pub(super) const NEXT_ONLINE: u8 = 4;

/// A store that stops working after some writes; `torn` decides whether the last of them still took place.
pub(super) struct Faulty<'a> {
    inner: &'a LocalStore,
    left: Cell<usize>,
    torn: bool,
}

impl<'a> Faulty<'a> {
    pub(super) fn new(inner: &'a LocalStore, writes: usize, torn: bool) -> Self {
        Self {
            inner,
            left: Cell::new(writes),
            torn,
        }
    }

    fn write<T>(
        &self,
        name: &ObjectName,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(left) = self.left.get().checked_sub(1) {
            self.left.set(left);
            return write();
        }
        if self.torn {
            write()?;
        }
        Err(StoreError::Write {
            store: self.describe(),
            name: name.to_string(),
            source: io::ErrorKind::StorageFull.into(),
        })
    }
}

impl Store for Faulty<'_> {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn get(&self, name: &ObjectName) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(name)
    }
    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        self.write(name, || self.inner.put_if_absent(name, bytes))
    }
    fn replace_if_unchanged(
        &self,
        name: &ObjectName,
        read: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Replace, StoreError> {
        self.write(name, || self.inner.replace_if_unchanged(name, read, bytes))
    }
}

/// A working directory and its store.
pub(super) struct Room {
    pub(super) _folder: tempfile::TempDir,
    pub(super) desk: Desk,
    pub(super) store: LocalStore,
}

/// Everything that is staged, signed by these.
pub(super) fn order<'a>(online: &'a [&'a dyn Signer]) -> Order<'a> {
    Order {
        scope: Scope::Staged,
        dry_run: false,
        online,
        bins: None,
        begin_fleet: false,
    }
}

impl Room {
    pub(super) fn founded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::create(
            &folder.path().join("desk"),
            "[products.band]\nboards = [\"nrf52840\"]\n",
        )
        .unwrap();
        let store = LocalStore::create(&folder.path().join("store")).unwrap();
        let signers = || Signers {
            keys: vec![hand(ALICE).public(), hand(BOB).public()],
            threshold: 1,
        };
        let products = BTreeMap::from([("band".parse().unwrap(), signers())]);
        let foundation = Foundation {
            root: signers(),
            targets: signers(),
            products,
            bins: None,
            online: hand(ONLINE).public(),
        };
        let room = Self {
            _folder: folder,
            desk,
            store,
        };
        room.change(|bench| foundation.lay(bench).unwrap());
        room
    }

    pub(super) fn published() -> Self {
        let room = Self::founded();
        room.stage("1.0.0", 1);
        room.sign(ALICE);
        room.publish(&room.store, ONLINE).unwrap();
        room
    }

    pub(super) fn change(&self, edit: impl FnOnce(&mut Bench<'_>)) {
        let mut bench = Bench::take(&self.desk, NOW).unwrap();
        edit(&mut bench);
        bench.save().unwrap();
    }

    pub(super) fn stage(&self, version: &str, counter: u64) {
        self.stage_for(version, counter, 1);
    }

    pub(super) fn stage_for(&self, version: &str, counter: u64, bootloader: u64) {
        self.change(|bench| {
            let bytes = bundle(version, counter, bootloader);
            bench
                .stage(Bundle::open(&bytes).unwrap().record().clone(), bytes, false)
                .unwrap();
        });
    }

    pub(super) fn stage_image(&self, version: &str, counter: u64, image: &[u8]) {
        self.change(|bench| {
            let bytes = bundle_of(version, counter, 1, image);
            bench
                .stage(Bundle::open(&bytes).unwrap().record().clone(), bytes, false)
                .unwrap();
        });
    }

    pub(super) fn edit(&self, role: &RoleName, edit: RoleEdit) {
        self.change(|bench| bench.edit(role, edit).unwrap());
    }

    pub(super) fn sign(&self, seed: u8) {
        let mut bench = Bench::take(&self.desk, NOW).unwrap();
        let people = People::default();
        let digest: Hex = Review::of(&bench, &people).unwrap().digest.parse().unwrap();
        let key = Hex::from(hand(seed).public().id());
        let task = Task::of(&bench, &people, key, &[]).unwrap();
        task.sign(&mut bench, &digest, &hand(seed)).unwrap();
    }

    pub(super) fn publish(&self, store: &dyn Store, online: u8) -> Result<Report, PublishError> {
        self.publish_with(store, &[online])
    }

    pub(super) fn publish_with(
        &self,
        store: &dyn Store,
        online: &[u8],
    ) -> Result<Report, PublishError> {
        let mut bench = Bench::take(&self.desk, NOW).unwrap();
        let hands: Vec<_> = online.iter().map(|seed| hand(*seed)).collect();
        let online: Vec<_> = hands.iter().map(|hand| hand as &dyn Signer).collect();
        let told = &mut |_, _| {};
        publish(&mut bench, store, &order(&online), told)
    }

    /// What a client sees that starts from the first root and has seen nothing, or the earlier state.
    pub(super) fn judge(&self, seen: Option<&Published>) -> Result<Option<Published>, String> {
        let Some(published) =
            Published::read(&self.store, None).map_err(|error| error.to_string())?
        else {
            return Ok(None);
        };
        let (view, clock) = (published.view(), Clock::Exact(NOW));
        for seen in [None, seen] {
            let seen = seen.map(Published::seen).unwrap_or_default();
            view.judge_as_client(1, seen, clock)
                .map_err(|error| error.to_string())?;
        }
        for (product, role) in published.products() {
            for (name, release) in &role.targets {
                let digest = release.hashes.sha256;
                let object = crate::repository::candidate::bundle_name(name, &digest).unwrap();
                let bytes = self
                    .store
                    .get(&object)
                    .unwrap()
                    .ok_or_else(|| format!("{product}: {object} is missing"))?;
                if Hex::sha256(&bytes) != digest {
                    return Err(format!("{object} is torn"));
                }
            }
        }
        Ok(Some(published))
    }
}

pub(super) fn bundle(version: &str, counter: u64, bootloader: u64) -> Vec<u8> {
    bundle_of(version, counter, bootloader, &version.as_bytes().repeat(50))
}

fn bundle_of(version: &str, counter: u64, bootloader: u64, image: &[u8]) -> Vec<u8> {
    let record = Record {
        kind: Kind::Application,
        product: "band".parse().unwrap(),
        version: version.parse().unwrap(),
        counter: Counter(counter),
        hardware: vec!["band-a".parse().unwrap()],
        minimum_bootloader: bootloader,
        image: ImageRecord {
            length: Length::of(image),
            sha256: Digest::of(image),
        },
        sbom: None,
        recipients: None,
    };
    let release = record.canonical();
    tape::write(&[
        Entry {
            name: "release.json",
            bytes: &release,
        },
        Entry {
            name: "images/active.bin",
            bytes: image,
        },
    ])
    .unwrap()
}

pub(super) fn timestamp(published: Option<&Published>) -> Option<Vec<u8>> {
    Some(published?.signed(&RoleName::Timestamp)?.file().to_owned())
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
