//! A sealed bundle on its way to a device: which release, which evidence, in how many messages.
//!
//! Takes a sealed bundle and what the device knows, gives the messages to send. It collects and never believes: the
//! device's bootloader judges every message, and the desk only refuses what cannot be sent at all.

use cuff_bootloader::layout::Layout;
use cuff_verifier::digest::Digest;
use cuff_verifier::version::Length;

use crate::bundle::seal::{Seal, SealError, TARGETS};
use crate::bundle::{Bundle, BundleError};
use crate::evidence::{EvidenceError, Metadata};

/// A sealed bundle, taken apart.
#[derive(Debug)]
pub struct Shipment {
    seal: Seal,
}

/// One release out of it.
#[derive(Debug)]
pub struct Goods {
    /// Its target path.
    pub path: String,
    /// Its bundle, with the length and digest that the metadata lists.
    pub bundle: Bundle,
}

/// One thing to write, each followed by a reset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Root links alone: the device is further behind than one message can bridge.
    Roots(Vec<u8>),
    /// Trust state without an image.
    Trust(Vec<u8>),
    /// Evidence and image.
    Candidate {
        /// The evidence.
        evidence: Vec<u8>,
        /// The image.
        image: Vec<u8>,
    },
}

impl Message {
    /// How many bytes are sent.
    pub fn length(&self) -> u64 {
        let bytes = match self {
            Self::Roots(evidence) | Self::Trust(evidence) => evidence.len(),
            Self::Candidate { evidence, image } => evidence.len() + image.len(),
        };
        bytes as u64
    }
}

impl Shipment {
    /// Takes a sealed bundle apart.
    pub fn open(bytes: Vec<u8>) -> Result<Self, ShipmentError> {
        Ok(Self {
            seal: Seal::open(bytes)?,
        })
    }

    /// Its metadata.
    pub fn metadata(&self) -> Result<Metadata<'_>, ShipmentError> {
        Ok(Metadata::of_seal(&self.seal)?)
    }

    /// The target paths of the releases inside, by path.
    pub fn releases(&self) -> Vec<String> {
        self.targets().map(|(path, _)| path).collect()
    }

    /// The release for `product`: the one asked for, or the only one there is. `None` when there is none for it.
    pub fn goods(
        &self,
        product: &str,
        wanted: Option<&str>,
    ) -> Result<Option<Goods>, ShipmentError> {
        let ours = |path: &str| {
            path.strip_prefix(product)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let mut matching: Vec<(String, &[u8])> = self
            .targets()
            .filter(|(path, _)| wanted.map_or_else(|| ours(path), |asked| asked == path))
            .collect();
        if matching.len() > 1 {
            return Err(ShipmentError::Several {
                product: product.to_owned(),
                found: matching.into_iter().map(|(path, _)| path).collect(),
            });
        }
        let Some((path, bytes)) = matching.pop() else {
            return match wanted {
                Some(asked) => Err(ShipmentError::NotInside {
                    wanted: asked.to_owned(),
                    found: self.releases(),
                }),
                None => Ok(None),
            };
        };
        let bundle = Bundle::open(bytes).map_err(|source| ShipmentError::Bundle {
            path: path.clone(),
            source,
        })?;
        self.check_pins(&path, bytes)?;
        Ok(Some(Goods { path, bundle }))
    }

    /// The messages that bring `path` (or trust alone) to a device whose trusted root has version `trusted`.
    ///
    /// All root links go with the last message if they fit there; otherwise they go first, in steps.
    pub fn messages(
        &self,
        layout: &Layout,
        trusted: u64,
        product: &str,
        goods: Option<&Goods>,
    ) -> Result<Vec<Message>, ShipmentError> {
        let metadata = self.metadata()?;
        let inbox = u64::from(layout.inbox_evidence().length);
        let (path, room) = match goods {
            Some(goods) => (goods.path.clone(), u64::from(layout.evidence)),
            None => (format!("{product}/"), inbox),
        };
        let mut messages = Vec::new();
        let mut evidence = metadata.evidence(&path, trusted)?;
        if evidence.len() as u64 > room {
            let newest = metadata
                .roots
                .keys()
                .next_back()
                .copied()
                .unwrap_or(trusted);
            let steps = metadata.root_steps(trusted, inbox)?;
            messages.extend(steps.into_iter().map(Message::Roots));
            evidence = metadata.evidence(&path, newest.max(trusted))?;
        }
        if evidence.len() as u64 > room {
            return Err(ShipmentError::TooLarge {
                bytes: evidence.len() as u64,
                room,
            });
        }
        messages.push(match goods {
            Some(goods) => Message::Candidate {
                evidence,
                image: goods.bundle.image().to_vec(),
            },
            None => Message::Trust(evidence),
        });
        Ok(messages)
    }

    /// The bundle must be the file that the metadata lists; who signed that metadata is judged elsewhere.
    fn check_pins(&self, path: &str, bytes: &[u8]) -> Result<(), ShipmentError> {
        let listed = self.metadata()?.search(path)?.target;
        let agrees = listed.is_some_and(|target| {
            target.length == Length::of(bytes) && target.sha256 == Some(Digest::of(bytes))
        });
        if agrees {
            Ok(())
        } else {
            Err(ShipmentError::Unpinned {
                path: path.to_owned(),
            })
        }
    }

    /// Target path and bytes of every bundle: `targets/band/HASH.1.4.0` is `band/1.4.0`.
    fn targets(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.seal.entries().filter_map(|(name, bytes)| {
            let (folder, file) = name.strip_prefix(TARGETS)?.rsplit_once('/')?;
            let (_, release) = file.split_once('.')?;
            Some((format!("{folder}/{release}"), bytes))
        })
    }
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum ShipmentError {
    /// Not a sealed bundle.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A release inside is damaged.
    #[error("{path} in the sealed bundle is no bundle")]
    Bundle {
        /// The release.
        path: String,
        /// Why.
        source: BundleError,
    },
    /// Another file than the metadata lists.
    #[error("{path} in the sealed bundle is not the file that its metadata lists")]
    Unpinned {
        /// The release.
        path: String,
    },
    /// More than one would do.
    #[error("the sealed bundle holds several releases of {product}: {}", found.join(", "))]
    Several {
        /// The product.
        product: String,
        /// The releases.
        found: Vec<String>,
    },
    /// The one that was asked for is not there.
    #[error("the sealed bundle holds {}, not {wanted}", listed(found))]
    NotInside {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The evidence cannot be put together.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The board has less room.
    #[error(
        "the evidence is {bytes} bytes without any root link, and this board keeps {room} for it"
    )]
    TooLarge {
        /// What is needed.
        bytes: u64,
        /// What there is.
        room: u64,
    },
}

/// Names, or that there are none.
pub fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "no release".to_owned()
    } else {
        names.join(", ")
    }
}
