//! `cuff verify`: may this run there?
//!
//! It takes a file and a device's state and runs the bootloader's own judge: same bytes, same verdict, same number and words.
//! It asks no repository and no clock; the device has none either.

mod answer;

use std::path::PathBuf;

use anyhow::Context;
use bytes::Bytes;
use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::{Reason, Verdict};

pub use answer::Verified;

use super::{boards, given};
use crate::bundle::Bundle;
use crate::bundle::seal::{MAX_SEAL, Seal, TARGETS};
use crate::bundle::tape;
use crate::console::{Advice, Console, Exit, advised};
use crate::evidence::{EvidenceError, Metadata};
use crate::firmware::measure::MAX_IMAGE;
use crate::judgement::{self, Judgement, Room, Trust, Update};
use crate::repository::release::{self, ReleaseError};
use crate::repository::target::TargetError;
use crate::state::{Device, MAX_STATE, State};

/// Ask whether a device would install and boot what is in a file
///
/// Runs the bootloader's own judge over a sealed bundle, or over evidence followed by an image, against a state that
/// `cuff device info --save` wrote. Exit code 0: it boots; 1: it is refused; 3: there is nothing to judge in the file.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// A sealed bundle, or evidence followed by an image
    file: PathBuf,

    /// The device: what `cuff device info --save` wrote
    #[arg(long = "for", value_name = "STATE")]
    device: PathBuf,

    /// Which release of a sealed bundle, where it holds several
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,

    /// Judge this image instead of the one in the file
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// Description of a board of your own; can be given again
    #[arg(long = "board", value_name = "FILE")]
    boards: Vec<PathBuf>,
}

/// What a device would be shown.
struct Shown {
    evidence: Result<Vec<u8>, Reason>,
    image: Option<Bytes>,
}

impl Verify {
    /// Judges and says what the device says.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let device = self.device()?;
        let room = self.room(console, &device)?;
        let mut shown = self.shown(&device)?;
        if let Some(path) = &self.image {
            shown.image = Some(given::read(path, MAX_IMAGE)?.into());
        }
        let judgement = match &shown.evidence {
            Ok(evidence) => {
                let update = Update {
                    evidence,
                    image: shown.image.as_deref(),
                };
                judgement::judge(&device.known(), &update, room)
            }
            Err(reason) => Judgement {
                verdict: Verdict::Refuse(*reason),
                trust: Trust::Stays,
                release: None,
            },
        };
        console.answer(&Verified::of(
            self.file.display().to_string(),
            &device,
            &judgement,
        ))
    }

    fn device(&self) -> anyhow::Result<Device> {
        let text = given::read(&self.device, MAX_STATE)?;
        State::read(&text)
            .and_then(State::check)
            .with_context(|| format!("`{}` describes no device", self.device.display()))
            .exit(Exit::Usage)
            .rule("state")
            .help("write it with `cuff device info TARGET --save FILE`")
    }

    /// How much fits, where the state names its board.
    fn room(&self, console: &Console, device: &Device) -> anyhow::Result<Option<Room>> {
        let catalogue = boards::catalogue(&self.boards)?;
        let Some(name) = &device.state().board else {
            return Ok(None);
        };
        match catalogue.get(name) {
            Ok(board) => Ok(Some(Room::on(board))),
            Err(error) => {
                console.warn(format!(
                    "{error}: whether it fits the device is not judged; --board FILE describes a board"
                ));
                Ok(None)
            }
        }
    }

    fn shown(&self, device: &Device) -> anyhow::Result<Shown> {
        let bytes = given::read(&self.file, MAX_SEAL).exit(Exit::Unknown)?;
        if tape::looks_like_tar(&bytes) {
            let seal = Seal::open(bytes)
                .with_context(|| format!("`{}` cannot be judged", self.file.display()))
                .exit(Exit::Unknown)
                .rule("unreadable-file")
                .help("name a file that `cuff fetch --sealed` wrote; a bundle alone carries no signatures")?;
            return self.unsealed(&seal, device);
        }
        if bytes.is_empty() || self.release.is_some() {
            return Err(anyhow::anyhow!(
                "`{}` is {}",
                self.file.display(),
                if bytes.is_empty() {
                    "empty"
                } else {
                    "no sealed bundle, and --release chooses in one"
                }
            ))
            .exit(Exit::Unknown)
            .rule("unreadable-file")
            .help("name a sealed bundle, or evidence followed by an image");
        }
        Ok(Shown {
            evidence: Ok(bytes),
            image: None,
        })
    }

    /// The evidence a sealed bundle holds for this device, and the image.
    fn unsealed(&self, seal: &Seal, device: &Device) -> anyhow::Result<Shown> {
        let refused = |error: &EvidenceError| Shown {
            evidence: Err(error.reason()),
            image: None,
        };
        let metadata = match Metadata::of_seal(seal) {
            Ok(metadata) => metadata,
            Err(error) => return Ok(refused(&error)),
        };
        let path = self.choose(seal, device)?;
        let trusted = device.root_version();
        let (evidence, met) = match (metadata.evidence(&path, trusted), metadata.search(&path)) {
            (Ok(evidence), Ok(met)) => (evidence, met),
            (Err(error), _) | (_, Err(error)) => return Ok(refused(&error)),
        };
        let mut image = None;
        if let Some(target) = met.target
            && let Some(digest) = target.sha256
        {
            let file = release::file_of(&path, digest);
            let bytes = seal.share(&file).ok_or_else(|| TargetError::Missing {
                path: path.clone(),
                file: file.clone(),
            });
            let custom = target.custom.map(cuff_verifier::json::Value::bytes);
            image = Some(
                bytes
                    .map_err(ReleaseError::from)
                    .and_then(|bytes| unpacked(&path, &file, bytes, digest, custom))
                    .map_err(differs)?,
            );
        }
        Ok(Shown {
            evidence: Ok(evidence),
            image: image.or(Some(Bytes::new())),
        })
    }

    /// The release that was named, or the only one for the device's product.
    fn choose(&self, seal: &Seal, device: &Device) -> anyhow::Result<String> {
        if let Some(release) = &self.release {
            return Ok(release.clone());
        }
        let product = &device.state().product;
        let names: Vec<String> = seal
            .entries()
            .filter_map(|(path, _)| {
                let (folder, file) = path.strip_prefix(TARGETS)?.rsplit_once('/')?;
                Some(format!("{folder}/{}", file.split_once('.')?.1))
            })
            .collect();
        let ours: Vec<&String> = names
            .iter()
            .filter(|name| name.split('/').next() == Some(product))
            .collect();
        match ours.as_slice() {
            [only] => Ok((*only).clone()),
            // None for its product: the device is shown what there is, and says so itself.
            [] => Ok(names
                .first()
                .cloned()
                .unwrap_or_else(|| format!("{product}/"))),
            _ => Err(anyhow::anyhow!(
                "`{}` holds several releases: {}",
                self.file.display(),
                names.join(", ")
            ))
            .exit(Exit::Usage)
            .rule("which-release")
            .help("choose one with --release"),
        }
    }
}

/// The image out of a bundle that is what metadata says. The device sees the image alone; here the whole bundle is at hand.
fn unpacked(
    path: &str,
    file: &str,
    bytes: Bytes,
    expected: Digest,
    custom: Option<&[u8]>,
) -> Result<Bytes, ReleaseError> {
    let found = Digest::of(&bytes);
    if found != expected {
        return Err(TargetError::Digest {
            file: file.to_owned(),
            expected,
            found,
        }
        .into());
    }
    let bundle = Bundle::of(bytes).map_err(|source| ReleaseError::Bundle {
        path: path.to_owned(),
        source,
    })?;
    release::agree(path, custom.and_then(release::signed_record), &bundle)?;
    Ok(bundle.into_image())
}

fn differs(error: ReleaseError) -> anyhow::Error {
    advised(
        error,
        Exit::No,
        "wrong-bundle",
        "the bundle is not what was signed: fetch it again, and find out who changed it",
    )
}
