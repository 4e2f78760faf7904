//! The attacker's room: false metadata, signed with keys that somebody got hold of.
//!
//! The attacker owns the store and the online key in every case; which people's keys besides, the forgery says. It starts from
//! what is published, changes one thing, and makes the rest fit, so that nothing but the one thing can be refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Parts;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::kit::{DESK, PASSPHRASE};
use crate::bundle::Bundle;
use crate::bundle::seal::Seal;
use crate::bundle::tape::{self, Entry};
use crate::key::Signer;
use crate::key::file::{FileSigner, KeyFile};
use crate::key::secret::Passphrase;
use crate::role::canonical;

/// What the attacker offers: an image of their own, as the band's release 6.6.6.
pub struct Forgery<'f> {
    /// Whose keys sign it, one signature each, also when a name stands twice.
    pub signers: &'f [&'f str],
    /// When the band's role is said to be signed and to expire; else now, as the published one.
    pub dates: Option<(&'f str, &'f str)>,
}

/// The release that no honest person ever signed.
pub const IMPLANT: &str = "band/6.6.6";

/// A forgery, signed and packed.
pub struct Forged {
    roots: Vec<Vec<u8>>,
    timestamp: Vec<u8>,
    snapshot: (Vec<u8>, Value),
    targets: (Vec<u8>, Value),
    band: (Vec<u8>, Value),
    bundle: Vec<u8>,
}

impl Forgery<'_> {
    /// Makes it from the repository as it lies in a folder.
    pub fn make(&self, folder: &Path, repository: &Path) -> anyhow::Result<Forged> {
        let metadata = repository.join("metadata");
        let file = |role: &str, meta: &Value| {
            let path = metadata.join(format!("{}.{role}", meta["version"]));
            fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let mut timestamp = signed(&fs::read(metadata.join("timestamp.json"))?)?;
        let mut snapshot = signed(&file("snapshot.json", &timestamp["meta"]["snapshot.json"])?)?;
        let targets = file("targets.json", &snapshot["meta"]["targets.json"])?;
        let mut band = signed(&file("band.json", &snapshot["meta"]["band.json"])?)?;

        let bundle = implant(folder)?;
        next(&mut band);
        band["targets"][IMPLANT] = json!({
            "custom": {"cuff": Bundle::open(&bundle)?.record().value()},
            "hashes": {"sha256": Digest::of(&bundle).to_string()}, "length": bundle.len(),
        });
        if let Some((issued, expires)) = self.dates {
            band["issued"] = issued.into();
            band["expires"] = expires.into();
            // A timestamp signed after that expiry would give it away at once.
            timestamp["issued"] = issued.into();
        }
        let band_file = envelope(folder, &band, self.signers)?;
        next(&mut snapshot);
        snapshot["meta"]["band.json"] = pin(&band_file, &band);
        let snapshot_file = envelope(folder, &snapshot, &["online"])?;
        next(&mut timestamp);
        timestamp["meta"]["snapshot.json"] = pin(&snapshot_file, &snapshot);
        let roots =
            (1..).map_while(|version| fs::read(metadata.join(format!("{version}.root.json"))).ok());
        Ok(Forged {
            roots: roots.collect(),
            timestamp: envelope(folder, &timestamp, &["online"])?,
            snapshot: (snapshot_file, snapshot),
            targets: (targets.clone(), signed(&targets)?),
            band: (band_file, band),
            bundle,
        })
    }
}

impl Forged {
    /// As a sealed bundle, for whoever uses cuff.
    pub fn seal(&self) -> anyhow::Result<Seal> {
        let mut files =
            BTreeMap::from([("metadata/timestamp.json".to_owned(), self.timestamp.clone())]);
        for (version, root) in (1..).zip(&self.roots) {
            files.insert(format!("metadata/{version}.root.json"), root.clone());
        }
        for (role, (file, signed)) in [
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
            ("band", &self.band),
        ] {
            let name = format!("metadata/{}.{role}.json", signed["version"]);
            files.insert(name, file.clone());
        }
        let name = format!("targets/band/{}.6.6.6", Digest::of(&self.bundle));
        files.insert(name, self.bundle.clone());
        Ok(Seal::pack(&files)?)
    }

    /// As evidence and image, for whoever writes to a device that knows the newest root, without cuff.
    pub fn raw(&self) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        let mut evidence = Vec::new();
        let parts = Parts {
            path: IMPLANT,
            first_root: 0,
            roots: &[],
            online: Some([&self.timestamp, &self.snapshot.0, &self.targets.0]),
            delegated: &[&self.band.0],
        };
        parts
            .encode(&mut |piece| evidence.extend_from_slice(piece))
            .context("the forgery is too large for evidence")?;
        Ok((evidence, Bundle::open(&self.bundle)?.image().to_vec()))
    }
}

/// Keeps a copy of the repository as it is published now.
pub fn keep_mirror(folder: &Path) -> anyhow::Result<()> {
    copy(&folder.join(DESK).join("published"), &folder.join(MIRROR)).context("cannot keep a mirror")
}

/// Where the copy lies, in the tour's folder.
pub const MIRROR: &str = "old-mirror";

/// A genuine release's image with a little more in it, and a record that says so.
fn implant(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(folder.join("band-1.6.0.cuff"))?;
    let genuine = Bundle::open(&bytes)?;
    let image = [genuine.image(), b"implant!"].concat();
    let mut record = genuine.record().value();
    record["version"] = "6.6.6".into();
    record["counter"] = 9.into();
    record["images"][0]["length"] = image.len().into();
    record["images"][0]["sha256"] = Digest::of(&image).to_string().into();
    Ok(tape::write(&[
        Entry {
            name: "release.json",
            bytes: &canonical::encode(&record)?,
        },
        Entry {
            name: "images/active.bin",
            bytes: &image,
        },
    ])?)
}

fn signed(file: &[u8]) -> anyhow::Result<Value> {
    let mut file: Value = serde_json::from_slice(file)?;
    Ok(file["signed"].take())
}

fn next(role: &mut Value) {
    role["version"] = (role["version"].as_u64().unwrap_or_default() + 1).into();
}

fn pin(file: &[u8], role: &Value) -> Value {
    json!({"hashes": {"sha256": Digest::of(file).to_string()}, "length": file.len(), "version": role["version"]})
}

fn envelope(folder: &Path, role: &Value, signers: &[&str]) -> anyhow::Result<Vec<u8>> {
    let bytes = canonical::encode(role)?;
    let mut signatures = BTreeMap::new();
    for (index, name) in signers.iter().enumerate() {
        let key = key(folder, name)?;
        let id = key.public().id().to_string();
        let sig = hex::encode(key.sign(&bytes)?);
        signatures.insert((id.clone(), index), json!({"keyid": id, "sig": sig}));
    }
    let signatures: Vec<Value> = signatures.into_values().collect();
    Ok(canonical::encode(
        &json!({"signatures": signatures, "signed": role}),
    )?)
}

fn key(folder: &Path, name: &str) -> anyhow::Result<FileSigner> {
    let passphrase = Passphrase::new(Zeroizing::new(PASSPHRASE.to_owned()))?;
    Ok(KeyFile::read(&folder.join(format!("{name}.key")))?.open(Some(&passphrase))?)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
