//! What is asked of the client, read from the command line.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

/// The command line.
#[derive(Debug, Default)]
pub struct Order {
    /// What lies in the chip's flash.
    pub program: PathBuf,
    /// What is to be done.
    pub task: Task,
    /// Where metadata is kept.
    pub metadata: PathBuf,
    /// Where targets go.
    pub downloads: Option<PathBuf>,
    /// Where the repository's metadata is.
    pub metadata_url: String,
    /// Where its targets are.
    pub target_url: String,
    /// Which targets.
    pub paths: Vec<String>,
}

/// What is to be done.
#[derive(Debug, Default)]
pub enum Task {
    /// Begin with this root file.
    Init(PathBuf),
    /// Update.
    #[default]
    Refresh,
    /// Update, and download.
    Download,
}

impl Order {
    /// Reads it.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut order = Self::default();
        loop {
            let word = words.next().context("init, refresh or download?")?;
            let mut value = || words.next().with_context(|| format!("{word} of what?"));
            match word.as_str() {
                "--program" => order.program = value()?.into(),
                "--metadata-dir" => order.metadata = value()?.into(),
                "--metadata-url" => order.metadata_url = value()?,
                "--target-name" => order.paths.push(value()?),
                "--target-dir" => order.downloads = Some(value()?.into()),
                "--target-base-url" => order.target_url = value()?,
                "init" => order.task = Task::Init(value()?.into()),
                "refresh" => order.task = Task::Refresh,
                "download" => order.task = Task::Download,
                _ => bail!("{word} is nothing that this client knows"),
            }
            if matches!(word.as_str(), "init" | "refresh" | "download") {
                break;
            }
        }
        if words.next().is_some() {
            bail!("options stand before the task");
        }
        if !matches!(order.task, Task::Download) {
            order.paths.clear();
        }
        Ok(order)
    }

    /// The time that this machine says it is, in seconds since 1970.
    pub fn now() -> Result<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(now.context("a clock before 1970")?.as_secs())
    }
}
