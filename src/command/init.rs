//! `cuff init`: a new working directory with the first version of every role staged, or a clone that joins one.
//!
//! It takes public keys and thresholds, or a root fingerprint. It never overwrites and never signs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{bench_failed, desk_failed};
use super::key::read_public;
use super::role::holder::refuse_example;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::durable;
use crate::instant::{self, Span};
use crate::key::public_file::PublicFile;
use crate::name::Product;
use crate::repository::bench::{Bench, BenchError};
use crate::repository::capacity;
use crate::repository::desk::{Desk, Pin};
use crate::repository::foundation::{Foundation, Signers};
use crate::repository::join::{self, JoinError};
use crate::repository::settings;
use crate::role::bins::Count;
use crate::role::name::RoleName;
use crate::role::pipeline::Staged;
use crate::role::wire::Hex;
use crate::store::Store;
use crate::store::local::LocalStore;

/// Make a working directory, or join a colleague's
///
/// Stages version 1 of root, targets and every product, unsigned. Roles without keys of their own take those of the role
/// above: products from targets, targets from root. With `--join`, tells this clone which root to trust.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// The directory; the current one if left away
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Who signs a role: `root=alice.pub,bob.pub`; a product's name makes the product. Repeat for every role
    #[arg(long, value_name = "ROLE=FILE[,FILE]", value_parser = split)]
    key: Vec<(String, String)>,

    /// How many must sign a role; else 2, or 1 where there is one key
    #[arg(long, value_name = "ROLE=N", value_parser = split)]
    threshold: Vec<(String, String)>,

    /// A product; its releases are PRODUCT/VERSION
    #[arg(long, value_name = "NAME")]
    product: Vec<String>,

    /// Hashed bins instead of products: 1, 2, 4, ... or 4096, for very many targets that hosts read
    #[arg(long, value_name = "N", conflicts_with_all = ["product", "board"], requires = "bin_key")]
    bins: Option<Count>,

    /// The key that signs the bins on publishing; not the online key
    #[arg(long, value_name = "FILE.pub", requires = "bins")]
    bin_key: Option<PathBuf>,

    /// The boards a product runs on, ours by name or a description by its path from DIR: `band=nrf52840`
    #[arg(long, value_name = "PRODUCT=NAME[,NAME]", value_parser = split)]
    board: Vec<(String, String)>,

    /// The key that signs snapshot and timestamp on publishing
    #[arg(long, value_name = "FILE.pub", required_unless_present = "join")]
    online: Option<PathBuf>,

    /// How long a role is valid: `root=365d`, `timestamp=7d`
    #[arg(long, value_name = "ROLE=TIME", value_parser = split)]
    expires: Vec<(String, String)>,

    /// Accept the published example keys
    #[arg(long)]
    demo: bool,

    /// Where `publish` writes, relative to the working directory
    #[arg(long, value_name = "DIR", default_value = "published")]
    store: String,

    /// Join the working directory in DIR; with a value, hold it against the repository published there
    #[arg(long, value_name = "PUBLISHED", num_args = 0..=1, default_missing_value = "", requires = "root_sha256",
          conflicts_with_all = ["key", "threshold", "product", "board", "online", "expires", "demo", "bins"])]
    join: Option<String>,

    /// The fingerprint of the root to trust, as `init` and `status` show it
    #[arg(long, value_name = "HEX", requires = "join")]
    root_sha256: Option<Hex>,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    /// Makes or joins.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match (&self.join, self.root_sha256) {
            (Some(published), Some(fingerprint)) => self.join(console, published, fingerprint),
            _ => self.found(console),
        }
    }

    fn found(&self, console: &Console) -> anyhow::Result<Exit> {
        let (foundation, files) = self.foundation()?;
        foundation.check().exit(Exit::Usage).rule("keys")?;
        let expiry = self.expiry()?;
        let products: Vec<Product> = foundation.products.keys().cloned().collect();
        let boards = self.boards(&products)?;
        let text = settings::template(&self.store, self.demo, &expiry, &products, &boards);
        if self.dry_run {
            let folder = tempfile::tempdir()?;
            let mut answer = lay(folder.path(), &text, &foundation, &BTreeMap::new())?;
            answer.directory = self.folder.display().to_string();
            answer.dry_run = true;
            return console.answer(&answer);
        }
        console.answer(&lay(&self.folder, &text, &foundation, &files)?)
    }

    fn foundation(&self) -> anyhow::Result<(Foundation, BTreeMap<String, PublicFile>)> {
        let mut files = BTreeMap::new();
        let mut by_role: BTreeMap<RoleName, Vec<PublicFile>> = BTreeMap::new();
        for product in &self.product {
            let role = product.parse::<RoleName>().exit(Exit::Usage).rule("name")?;
            if !matches!(role, RoleName::Product(_)) {
                return Err(anyhow::anyhow!(
                    "`{role}` is a role of every repository, not a product"
                ))
                .exit(Exit::Usage);
            }
            by_role.entry(role).or_default();
        }
        for (role, list) in &self.key {
            let role = role.parse::<RoleName>().exit(Exit::Usage).rule("name")?;
            if !role.is_offline() {
                return Err(anyhow::anyhow!("{role} is signed by the online key"))
                    .exit(Exit::Usage)
                    .help("give it with --online FILE.pub");
            }
            for path in list.split(',') {
                by_role
                    .entry(role.clone())
                    .or_default()
                    .push(read_public(Path::new(path))?);
            }
        }
        let online = self.online.as_deref().map(read_public).transpose()?;
        let online = online
            .ok_or_else(|| anyhow::anyhow!("--online FILE.pub is missing"))
            .exit(Exit::Usage)?;
        let bin_key = self.bin_key.as_deref().map(read_public).transpose()?;
        let all = by_role.values().flatten().chain([&online]);
        if let Some(bin_key) = &bin_key
            && all.clone().any(|file| file.key() == bin_key.key())
        {
            return Err(bench_failed(BenchError::SharedKey(Hex::from(
                bin_key.key().id(),
            ))));
        }
        for file in all.chain(&bin_key) {
            refuse_example(file, self.demo)?;
            let other = files.insert(file.name().to_owned(), file.clone());
            if other.is_some_and(|other| other.key() != file.key()) {
                return Err(anyhow::anyhow!(
                    "two different keys are called {}",
                    safe(file.name())
                ))
                .exit(Exit::Usage)
                .help("names tell people apart: make one of the keys again under another name");
            }
        }
        let root = by_role.get(&RoleName::Root).filter(|keys| !keys.is_empty());
        let root = root
            .ok_or_else(|| anyhow::anyhow!("nobody may sign root"))
            .exit(Exit::Usage)
            .help("name its keys with --key root=alice.pub,bob.pub")?;
        let targets = by_role.get(&RoleName::Targets).unwrap_or(root);
        let mut products = BTreeMap::new();
        for (role, keys) in &by_role {
            if let RoleName::Product(name) = role {
                let keys = if keys.is_empty() { targets } else { keys };
                products.insert(name.clone(), self.signers(role, keys)?);
            }
        }
        if self.bins.is_some() && !products.is_empty() {
            return Err(bench_failed(BenchError::Bins));
        }
        if products.is_empty() && self.bins.is_none() {
            return Err(anyhow::anyhow!(
                "a repository without a product can hold no release"
            ))
            .exit(Exit::Usage)
            .help("name one with --product NAME, or make hashed bins with --bins N");
        }
        self.refuse_unknown_roles(&products)?;
        let foundation = Foundation {
            root: self.signers(&RoleName::Root, root)?,
            targets: self.signers(&RoleName::Targets, targets)?,
            products,
            bins: self.bins.zip(bin_key.map(|file| file.key())),
            online: online.key(),
        };
        Ok((foundation, files))
    }

    /// A threshold or lifetime for a role that does not exist is a typing mistake.
    fn refuse_unknown_roles(&self, products: &BTreeMap<Product, Signers>) -> anyhow::Result<()> {
        for (name, _) in self.threshold.iter().chain(&self.expires) {
            let role = name.parse::<RoleName>().exit(Exit::Usage).rule("name")?;
            if let RoleName::Product(product) = &role
                && !products.contains_key(product)
            {
                return Err(anyhow::anyhow!(
                    "there is no role `{role}` in this repository"
                ))
                .exit(Exit::Usage)
                .help("make it a product with --product");
            }
        }
        Ok(())
    }

    fn signers(&self, role: &RoleName, files: &[PublicFile]) -> anyhow::Result<Signers> {
        let given = self
            .threshold
            .iter()
            .find(|(name, _)| *name == role.to_string());
        let threshold = match given {
            Some((_, text)) => text
                .parse()
                .map_err(|_| {
                    anyhow::anyhow!(
                        "the threshold of {role} must be a whole number, found `{}`",
                        safe(text)
                    )
                })
                .exit(Exit::Usage)?,
            None => u64::from(files.len() > 1) + 1,
        };
        Ok(Signers {
            keys: files.iter().map(PublicFile::key).collect(),
            threshold,
        })
    }

    /// The boards of each product, all of them known.
    fn boards(&self, products: &[Product]) -> anyhow::Result<BTreeMap<Product, Vec<String>>> {
        let mut boards: BTreeMap<Product, Vec<String>> = BTreeMap::new();
        for (product, names) in &self.board {
            let product: Product = product.parse().exit(Exit::Usage).rule("name")?;
            if !products.contains(&product) {
                return Err(anyhow::anyhow!(
                    "there is no product `{product}` in this repository"
                ))
                .exit(Exit::Usage)
                .help("make it one with --product");
            }
            for name in names.split(',') {
                capacity::room(&self.folder, name)
                    .with_context(|| format!("`{}` is no board of {product}", safe(name)))
                    .exit(Exit::Usage)
                    .rule("board")
                    .help("give one of ours by name, or the path of a description, from the working directory on")?;
                boards
                    .entry(product.clone())
                    .or_default()
                    .push(name.to_owned());
            }
        }
        Ok(boards)
    }

    fn expiry(&self) -> anyhow::Result<Vec<(RoleName, Span)>> {
        let mut expiry = Vec::new();
        for (role, span) in &self.expires {
            expiry.push((
                role.parse().exit(Exit::Usage)?,
                span.parse().exit(Exit::Usage)?,
            ));
        }
        Ok(expiry)
    }

    fn join(&self, console: &Console, published: &str, fingerprint: Hex) -> anyhow::Result<Exit> {
        let desk = Desk::open(&self.folder).map_err(desk_failed)?;
        if published.contains("://") {
            return Err(anyhow::anyhow!(
                "joining against a URL is not possible yet: `{}`",
                safe(published)
            ))
            .exit(Exit::Usage)
            .help("leave it away, or give the directory of the published repository");
        }
        let store = if published.is_empty() {
            None
        } else {
            Some(LocalStore::open(Path::new(published)).exit(Exit::Unknown)?)
        };
        let store = store.as_ref().map(|store| store as &dyn Store);
        let pin = join::find(&desk, fingerprint, store).map_err(join_failed)?;
        if !self.dry_run {
            desk.set_pin(&pin).map_err(desk_failed)?;
        }
        console.answer(&Founded {
            directory: self.folder.display().to_string(),
            dry_run: self.dry_run,
            joined: true,
            root_version: pin.version,
            root_sha256: pin.sha256.to_string(),
            staged: Vec::new(),
        })
    }
}

/// Writes the working directory and stages the first versions.
fn lay(
    folder: &Path,
    settings: &str,
    foundation: &Foundation,
    files: &BTreeMap<String, PublicFile>,
) -> anyhow::Result<Founded> {
    let desk = Desk::create(folder, settings).map_err(desk_failed)?;
    for (name, file) in files {
        durable::write(
            &desk.keys().join(format!("{name}.pub")),
            file.text().as_bytes(),
        )?;
    }
    let mut bench = Bench::take(&desk, instant::now()?).map_err(bench_failed)?;
    foundation.lay(&mut bench).map_err(bench_failed)?;
    bench.save().map_err(bench_failed)?;
    let root = bench
        .staging()
        .roles
        .get(&RoleName::Root)
        .map(Staged::signed)
        .unwrap_or_default();
    let pin = Pin {
        version: 1,
        sha256: Hex::sha256(root),
    };
    desk.set_pin(&pin).map_err(desk_failed)?;
    Ok(Founded {
        directory: folder.display().to_string(),
        dry_run: false,
        joined: false,
        root_version: 1,
        root_sha256: pin.sha256.to_string(),
        staged: bench
            .staging()
            .roles
            .keys()
            .map(ToString::to_string)
            .collect(),
    })
}

pub(super) fn join_failed(error: JoinError) -> anyhow::Error {
    match error {
        JoinError::Desk(error) => desk_failed(error),
        JoinError::Staging(error) => super::desk::staging_failed(error),
        JoinError::Published(error) => super::desk::published_failed(error),
        JoinError::Store(_) => advised(
            error,
            Exit::Unknown,
            "store",
            "check the path and the permissions",
        ),
        JoinError::NoSuchRoot { .. } => advised(
            error,
            Exit::No,
            "other-root",
            "compare fingerprints with a colleague; do not take one that is shown here",
        ),
        JoinError::Behind { .. } => advised(
            error,
            Exit::No,
            "rolled-back",
            "the published repository was put back: find out who did it",
        ),
    }
}

/// `ROLE=VALUE`.
fn split(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((role, value)) if !role.is_empty() && !value.is_empty() => {
            Ok((role.to_owned(), value.to_owned()))
        }
        _ => Err("expected ROLE=VALUE".to_owned()),
    }
}

/// A working directory that was made or joined.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Founded {
    /// The working directory.
    directory: String,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether an existing working directory was joined.
    joined: bool,
    /// Version of the root this clone trusts.
    root_version: u64,
    /// Its fingerprint: SHA-256 of its signed bytes.
    root_sha256: String,
    /// Roles staged, unsigned.
    staged: Vec<String>,
}

impl Answer for Founded {
    const COMMAND: &'static str = "init";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        if self.joined {
            writeln!(out, "joined `{}`", safe(&self.directory))?;
        } else {
            writeln!(
                out,
                "`{}` {would}made; staged, unsigned: {}",
                safe(&self.directory),
                self.staged.join(", ")
            )?;
        }
        writeln!(
            out,
            "root v{} fingerprint {}",
            self.root_version, self.root_sha256
        )?;
        if !self.joined && !self.dry_run {
            writeln!(
                out,
                "next: commit it to git, then everyone `cuff review` and `cuff sign --key FILE`"
            )?;
            writeln!(
                out,
                "on another laptop: `cuff init --join --root-sha256 FINGERPRINT` in its clone"
            )?;
        }
        Ok(())
    }
}
