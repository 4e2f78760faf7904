//! `cuff tuf-client`: any TUF repository, read the way the public conformance suite asks its clients to.
//!
//! The suite's protocol (docs/conformance.md): options before `init`, `refresh` or `download`, and exit code 0 or 1 whatever
//! happens. There is no other client behind it than the one behind `cuff fetch`. Hidden, because it knows no releases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cuff_verifier::profile::Profile;
use cuff_verifier::time::Clock;

use super::given;
use crate::console::{Console, Exit, Failure};
use crate::instant;
use crate::repository::client::files::local;
use crate::repository::client::trust::Trust;
use crate::repository::client::{Client, ClientError, MAX_ROOT};
use crate::repository::source::Source;
use crate::repository::source::http::{Http, Patience};
use crate::repository::target;
use crate::repository::view::{Finding, View};

/// Read any TUF repository, as the conformance suite asks its clients to
#[derive(Debug, clap::Args)]
pub struct TufClient {
    /// Directory of the metadata that is trusted
    #[arg(long, value_name = "DIR")]
    metadata_dir: PathBuf,

    /// Where the repository's metadata is
    #[arg(long, value_name = "URL")]
    metadata_url: Option<String>,

    /// Where the repository's targets are
    #[arg(long, value_name = "URL")]
    target_base_url: Option<String>,

    /// Directory for targets
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,

    /// A target to download; may be repeated
    #[arg(long, value_name = "PATH")]
    target_name: Vec<String>,

    /// Read what a device reads and nothing else: canonical files, Ed25519
    #[arg(long)]
    device_profile: bool,

    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Begin with a root file
    Init {
        /// The root file
        root: PathBuf,
    },
    /// Update the top-level metadata
    Refresh,
    /// Update the top-level metadata, and download targets
    Download,
}

impl TufClient {
    /// Does its task. The suite knows two exit codes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let done = match &self.task {
            Task::Init { root } => self.init(root),
            Task::Refresh => self.update(console, &[]),
            Task::Download if self.target_name.is_empty() => {
                Err(anyhow::anyhow!("--target-name is missing"))
            }
            Task::Download => {
                let wanted: Vec<&str> = self.target_name.iter().map(String::as_str).collect();
                self.update(console, &wanted)
            }
        };
        Ok(match done {
            Ok(()) => Exit::Yes,
            Err(error) => {
                console.fail(&Failure::from(error));
                Exit::No
            }
        })
    }

    fn init(&self, root: &Path) -> anyhow::Result<()> {
        let root = given::read(root, MAX_ROOT)?;
        let mut trust = Trust::in_folder(&self.metadata_dir, Some(root))?;
        self.client(&mut trust)?.begin()?;
        Ok(())
    }

    fn update(&self, console: &Console, wanted: &[&str]) -> anyhow::Result<()> {
        if console.offline() {
            bail!(
                "--offline forbids network connections, and a repository is at a network address"
            );
        }
        let metadata = self
            .metadata_url
            .as_deref()
            .context("--metadata-url is missing")?;
        let targets = self.target_base_url.as_deref().unwrap_or(metadata);
        let source = Http::apart(metadata, targets, Patience::default())?;
        let mut trust = Trust::in_folder(&self.metadata_dir, None)?;
        let client = self.client(&mut trust)?;
        client.update_and(&source, wanted, |view, finding| {
            self.keep(console, &source, view, finding)
        })?;
        Ok(())
    }

    fn client<'c>(&self, trust: &'c mut Trust) -> anyhow::Result<Client<'c>> {
        let profile = if self.device_profile {
            Profile::Device
        } else {
            Profile::Foreign
        };
        Ok(Client {
            trust,
            profile,
            clock: Clock::Exact(instant::now()?),
        })
    }

    /// Leaves the target in the directory: the one that is there already if it is still the one that is listed.
    fn keep(
        &self,
        console: &Console,
        source: &dyn Source,
        view: &View,
        finding: &Finding,
    ) -> Result<(), TaskError> {
        let path = &finding.path;
        let unknown = || TaskError::Unknown(path.clone());
        let listing = finding.listing.as_ref().ok_or_else(unknown)?;
        let folder = self.target_dir.as_deref().ok_or(TaskError::NoFolder)?;
        let place = folder.join(local(path));
        if target::is_at(&place, listing) {
            console.note(format!("{path} is there already"));
            return Ok(());
        }
        fs::create_dir_all(folder).map_err(|source| TaskError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let consistent = view.is_consistent();
        let file = target::download(source, path, listing, consistent, MAX_TARGET, &place)?;
        console.note(format!("{path} came from {file}"));
        Ok(())
    }
}

/// Largest target, in bytes.
const MAX_TARGET: u64 = 512 << 20;

/// Why a target was not left in the directory.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Target(#[from] target::TargetError),
    #[error("no role that may speak for {0} lists it")]
    Unknown(String),
    #[error("--target-dir is missing")]
    NoFolder,
    #[error("cannot make the directory `{}`", path.display())]
    Folder { path: PathBuf, source: io::Error },
}
