//! What tough takes for the same work: prints `what | wall | CPU | peak memory` lines.
//!
//! usage: tough-bench TARGETS BINS. Entries are synthetic, as in the lists cuff is given; nothing is flushed to the disk. Its client
//! has no search for one target: it loads every role there is.

use anyhow::{Context, Result};
use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Instant;
use tough::editor::RepositoryEditor;
use tough::editor::signed::SignedRole;
use tough::editor::targets::TargetsEditor;
use tough::key_source::KeySource;
use tough::schema::{
    Hashes, KeyHolder, PathHashPrefix, PathSet, RoleKeys, RoleType, Root, Target, Targets,
};
use tough::sign::Sign;
use tough::{RepositoryLoader, TargetName};
use url::Url;

const SPEC: &str = "1.0.0";
const CONTENT: [u8; 4096] = [b'x'; 4096];

/// One key for every role: which it is costs nothing.
#[derive(Clone, Debug)]
struct Key(Vec<u8>);

#[async_trait]
impl KeySource for Key {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(Ed25519KeyPair::from_pkcs8(&self.0)?))
    }

    async fn write(&self, _: &str, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        Err("a key of this program is never written".into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut number = || words.next().context("usage: tough-bench TARGETS BINS");
    let (targets, bins): (u32, u32) = (number()?.parse()?, number()?.parse()?);
    let key = Key(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?
        .as_ref()
        .to_vec());
    let place = tempfile::tempdir()?;
    let folder = place.path();
    let start = Clock::now()?;
    create(folder, &key, targets, bins).await?;
    start.say("create")?;
    let start = Clock::now()?;
    load(folder).await?;
    start.say("client, cold, loads everything")
}

async fn create(folder: &Path, key: &Key, count: u32, bins: u32) -> Result<()> {
    let keys: Vec<Box<dyn KeySource>> = vec![Box::new(key.clone())];
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let one = NonZeroU64::MIN;
    let public = Ed25519KeyPair::from_pkcs8(&key.0)?.tuf_key();
    let id = public.key_id()?;
    let role = RoleKeys {
        keyids: vec![id.clone()],
        threshold: one,
        _extra: HashMap::new(),
    };
    let types = [
        RoleType::Root,
        RoleType::Targets,
        RoleType::Snapshot,
        RoleType::Timestamp,
    ];
    let root = Root {
        spec_version: SPEC.to_owned(),
        consistent_snapshot: true,
        version: one,
        expires,
        keys: HashMap::from([(id.clone(), public.clone())]),
        roles: types.into_iter().map(|kind| (kind, role.clone())).collect(),
        _extra: HashMap::new(),
    };
    let holder = KeyHolder::Root(root.clone());
    let signed = SignedRole::new(root, &holder, &keys, &SystemRandom::new()).await?;
    let path = folder.join("1.root.json");
    fs::write(&path, signed.buffer())?;

    let mut editors: Vec<TargetsEditor> = Vec::new();
    let digits = if bins == 1 {
        1
    } else {
        (bins.ilog2()).div_ceil(4)
    };
    let share = 16_u32.pow(digits) / bins;
    let name = |bin: u32| format!("bin-{:0width$x}", bin * share, width = digits as usize);
    for bin in 0..bins {
        let mut editor = TargetsEditor::new(&name(bin));
        editor.version(one).expires(expires);
        editors.push(editor);
    }
    let sha256 = digest(&SHA256, &CONTENT).as_ref().to_vec();
    for number in 0..count {
        // No slash: tough asks for a target in a folder under another name than the specification's.
        let path = format!("unit-{number:08}.bin");
        let [a, b, c, d, ..] = *digest(&SHA256, path.as_bytes()).as_ref() else {
            continue;
        };
        let bin = (u32::from_be_bytes([a, b, c, d]) >> (32 - 4 * digits)) / share;
        let target = Target {
            length: CONTENT.len() as u64,
            hashes: Hashes {
                sha256: sha256.clone().into(),
                _extra: HashMap::new(),
            },
            custom: HashMap::new(),
            _extra: HashMap::new(),
        };
        editors[bin as usize].add_target(TargetName::new(path)?, target)?;
    }

    let nothing = Targets::new(SPEC.to_owned(), one, expires);
    let mut top = TargetsEditor::from_targets("targets", nothing, holder);
    top.version(one).expires(expires);
    for (bin, editor) in (0..bins).zip(&editors) {
        let prefixes = (bin * share..(bin + 1) * share).map(|prefix| {
            PathHashPrefix::new(format!("{prefix:0width$x}", width = digits as usize))
        });
        top.delegate_role(
            editor.create_signed(&keys).await?,
            PathSet::PathHashPrefixes(prefixes.collect::<Result<_, _>>()?),
            true,
            HashMap::from([(id.clone(), public.clone())]),
            vec![id.clone()],
            one,
        )?;
    }
    let (_, targets) = top.create_signed(&keys).await?.targets();
    let mut repository = RepositoryEditor::new(&path).await?;
    repository.targets(targets)?;
    repository.targets_version(one)?.targets_expires(expires)?;
    repository.snapshot_version(one).snapshot_expires(expires);
    repository.timestamp_version(one).timestamp_expires(expires);
    repository.sign(&keys).await?.write(folder).await?;
    Ok(())
}

async fn load(folder: &Path) -> Result<()> {
    let root = fs::read(folder.join("1.root.json"))?;
    let address = Url::from_directory_path(folder)
        .ok()
        .context("a folder has an address")?;
    let targets = address.join("targets/")?;
    let repository = RepositoryLoader::new(&root, address, targets)
        .load()
        .await?;
    let known = TargetName::new("unit-00000007.bin")?;
    let found = repository.all_targets().any(|(name, _)| *name == known);
    anyhow::ensure!(found, "the target is not there");
    Ok(())
}

/// Since when, on the wall and on the processor.
struct Clock(Instant, f64);

impl Clock {
    fn now() -> Result<Self> {
        Ok(Self(Instant::now(), processor()?))
    }

    fn say(&self, what: &str) -> Result<()> {
        let status = fs::read_to_string("/proc/self/status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak
            .and_then(|line| line.split_whitespace().next())
            .context("no VmHWM")?;
        let (wall, cpu) = (self.0.elapsed().as_secs_f64(), processor()? - self.1);
        let memory = peak.parse::<u64>()? / 1024;
        println!("{what} | {} | {} | {memory} MiB", show(wall), show(cpu));
        Ok(())
    }
}

/// Seconds on the processor since the start, to the 10 ms that the system counts in.
fn processor() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no such statistics")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| Ok::<f64, anyhow::Error>(fields.get(at).context("too few")?.parse()?);
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn show(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}
