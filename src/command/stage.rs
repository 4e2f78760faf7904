//! `cuff stage`: puts a release into the next version of its product role, for people to review and sign.
//!
//! It takes a bundle and recomputes every digest in it; whatever disagrees is refused.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Edited, Place, bench, bench_failed, capacity_failed, people, review_failed};
use super::given;
use crate::bundle::record::Record;
use crate::bundle::{Bundle, MAX_BUNDLE};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::repository::bench::BenchError;
use crate::repository::bench::release::{ReleaseError, Stage as Staged};
use crate::repository::capacity;
use crate::repository::review::{EVIDENCE_NEAR_LIMIT, Review};

/// Stage a bundle as a release
#[derive(Debug, clap::Args)]
pub struct Stage {
    /// The bundle, as `cuff build` made it
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Stage {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let (record, bytes) = open(&self.bundle)?;
        let (release, product) = (record.target(), record.product.clone());
        let mut bench = bench(&desk, self.dry_run)?;
        let state = match bench.stage(record, bytes, false) {
            Ok(Staged::Staged) => State::Staged,
            Ok(Staged::AlreadyStaged) => State::AlreadyStaged,
            Err(BenchError::Release(ReleaseError::AlreadyPublished(_))) => State::AlreadyPublished,
            Err(error) => return Err(bench_failed(error)),
        };
        let review = Review::of(&bench, &people(&desk)?).map_err(review_failed)?;
        if state != State::AlreadyPublished {
            capacity::foresee(&bench, &product).map_err(capacity_failed)?;
        }
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        for warning in review
            .warnings
            .iter()
            .filter(|warning| warning.about == release || warning.rule == EVIDENCE_NEAR_LIMIT)
        {
            console.warn(format_args!("{}: {}", warning.about, warning.message));
        }
        console.answer(&StagedRelease {
            release,
            state,
            edited,
        })
    }
}

/// Reads a bundle and recomputes it.
pub(super) fn open(path: &Path) -> anyhow::Result<(Record, Vec<u8>)> {
    let bytes = given::read(path, MAX_BUNDLE)?;
    let bundle = Bundle::open(&bytes)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("`{}` is refused", path.display()))
        })
        .exit(Exit::No)
        .rule("bundle")
        .help("build it again with `cuff build MANIFEST`")?;
    Ok((bundle.record().clone(), bytes))
}

/// A release that is staged.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StagedRelease {
    /// PRODUCT/VERSION.
    release: String,
    /// What became of it.
    state: State,
    #[serde(flatten)]
    edited: Edited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
enum State {
    /// It is staged now.
    Staged,
    /// It was staged before, with the same bytes.
    AlreadyStaged,
    /// It is published, with the same bytes.
    AlreadyPublished,
}

impl Answer for StagedRelease {
    const COMMAND: &'static str = "stage";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        match self.state {
            State::AlreadyPublished => writeln!(
                out,
                "{} is published already, with exactly these bytes",
                safe(&self.release)
            ),
            State::AlreadyStaged => writeln!(
                out,
                "{} is staged already, with exactly these bytes",
                safe(&self.release)
            ),
            State::Staged => {
                let would = if self.edited.dry_run { "would be " } else { "" };
                writeln!(out, "{} {would}staged", safe(&self.release))?;
                self.edited.write(out)?;
                writeln!(out, "next: `cuff review`, then `cuff sign --key FILE`")
            }
        }
    }
}
