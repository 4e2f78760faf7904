//! `cuff role delegate` and `undelegate`: products come and go.

use std::path::PathBuf;

use super::change::stage;
use super::holder::{keep, newcomer};
use crate::command::desk::{Place, bench_failed, edited};
use crate::console::{Console, Exit};
use crate::key::public_file::PublicFile;
use crate::name::Product;

/// Add a product, with keys of its own
#[derive(Debug, clap::Args)]
pub struct Delegate {
    /// The product; its releases are PRODUCT/VERSION
    #[arg(value_name = "PRODUCT", value_parser = product)]
    product: Product,

    /// Who signs its releases
    #[arg(long, required = true, value_name = "FILE.pub", value_delimiter = ',')]
    key: Vec<PathBuf>,

    /// How many must sign; else 2, or 1 where there is one key
    #[arg(long, value_name = "N")]
    threshold: Option<u64>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Delegate {
    /// Stages it, and keeps the files in `keys/`.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let files = self.key.iter().map(|path| newcomer(&desk, path));
        let files = files.collect::<anyhow::Result<Vec<_>>>()?;
        let keys: Vec<_> = files.iter().map(PublicFile::key).collect();
        let threshold = self.threshold.unwrap_or(u64::from(keys.len() > 1) + 1);
        let edited = stage(&desk, self.dry_run, |bench| {
            bench
                .delegate(&self.product, &keys, threshold)
                .map_err(bench_failed)
        })?;
        if !self.dry_run {
            for file in &files {
                keep(&desk, file)?;
            }
        }
        if !desk.settings().products.contains_key(&self.product) {
            console.note(format_args!(
                "name its boards in cuff.toml, so that `stage` knows what fits them: boards under [products.{}]",
                self.product
            ));
        }
        console.answer(&Delegated(edited))
    }
}

/// Take a product out: nobody can release for it any more
///
/// Its devices keep what they run and are offered nothing any more. Its name can be delegated again later.
#[derive(Debug, clap::Args)]
pub struct Undelegate {
    /// The product
    #[arg(value_name = "PRODUCT", value_parser = product)]
    product: Product,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Undelegate {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let edited = stage(&desk, self.dry_run, |bench| {
            bench.undelegate(&self.product).map_err(bench_failed)
        })?;
        console.answer(&Undelegated(edited))
    }
}

fn product(text: &str) -> Result<Product, String> {
    Product::parse(text).map_err(|error| error.to_string())
}

edited!(Delegated, "role delegate");
edited!(Undelegated, "role undelegate");
