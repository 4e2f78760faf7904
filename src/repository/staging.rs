//! The staging area: what people are about to sign, on disk.
//!
//! One file a role, one file a signature, so that `git merge` brings two people together without a conflict unless they
//! changed the same role. Reading gives the staged roles with the signatures that were made for exactly these bytes;
//! nothing here says whether a signature counts.

pub mod bundle;

use crate::durable::{self, WriteError};
use crate::name::Product as ProductName;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{ReadError, Signature, Staged};
use crate::role::wire::Hex;
use bundle::StagedBundle;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Everything that is staged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staging {
    /// Roles with their signatures so far.
    pub roles: BTreeMap<RoleName, Staged>,
    /// Bundles by release.
    pub bundles: BTreeMap<ReleaseName, StagedBundle>,
    /// Signatures that were made for other bytes and do not count.
    pub outdated: Vec<Outdated>,
}

/// A signature over bytes that are no longer staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// The role it was for.
    pub role: RoleName,
    /// Whose it is.
    pub keyid: Hex,
}

impl Staging {
    /// Reads `staged/`; a missing directory is an empty one.
    pub fn load(folder: &Path) -> Result<Self, StagingError> {
        let mut staging = Self::default();
        for path in list(folder)? {
            match file_name(&path)? {
                "targets" => staging.load_bundles(&path)?,
                "signatures" => {}
                name => {
                    let role = name
                        .strip_suffix(".json")
                        .and_then(|stem| stem.parse::<RoleName>().ok());
                    let role = role
                        .filter(RoleName::is_offline)
                        .ok_or_else(|| StagingError::Stray(path.clone()))?;
                    let signed = read(&path)?;
                    let conflict =
                        signed.contains(&b'<') && signed.windows(8).any(|part| part == b"<<<<<<< ");
                    let staged = Staged::read(&role, signed).map_err(|source| {
                        if conflict {
                            StagingError::Conflict {
                                role: role.clone(),
                                path: path.clone(),
                            }
                        } else {
                            StagingError::Edited {
                                path: path.clone(),
                                source,
                            }
                        }
                    })?;
                    staging.roles.insert(role, staged);
                }
            }
        }
        staging.load_signatures(&folder.join("signatures"))?;
        Ok(staging)
    }

    /// Whether there is nothing to sign.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.bundles.is_empty()
    }

    /// Writes what differs from `before` to `folder`: roles, bundles, and the removal of signatures for other bytes.
    pub fn save(&self, before: &Self, folder: &Path) -> Result<(), StagingError> {
        for (release, bundle) in &self.bundles {
            if before.bundles.get(release) != Some(bundle) {
                write(&bundle_path(folder, release), bundle.bytes())?;
            }
        }
        for (role, staged) in &self.roles {
            if before.roles.get(role).map(Staged::signed) != Some(staged.signed()) {
                // Signatures go last: each names the bytes it is for, and a full disk must not cost anyone theirs.
                write(&role_path(folder, role), staged.signed())?;
                remove(&signatures_path(folder, role))?;
            }
        }
        for role in before
            .roles
            .keys()
            .filter(|role| !self.roles.contains_key(role))
        {
            remove(&signatures_path(folder, role))?;
            remove(&role_path(folder, role))?;
        }
        for release in before
            .bundles
            .keys()
            .filter(|release| !self.bundles.contains_key(release))
        {
            remove(&bundle_path(folder, release))?;
        }
        Ok(())
    }

    /// Empties `staged/`, the roles before the bundles they need.
    pub fn clear(folder: &Path) -> Result<(), StagingError> {
        remove(&folder.join("signatures"))?;
        for path in list(folder)? {
            if path.is_file() {
                remove(&path)?;
            }
        }
        remove(&folder.join("targets"))
    }

    /// Stores one signature; those of others are not touched.
    pub fn save_signature(
        folder: &Path,
        staged: &Staged,
        keyid: Hex,
        sig: Signature,
    ) -> Result<(), StagingError> {
        let record = SignatureFile {
            keyid,
            sha256: Hex::sha256(staged.signed()),
            sig,
        };
        let text = serde_json::to_string_pretty(&record).unwrap_or_default();
        write(
            &signatures_path(folder, &staged.draft().name()).join(format!("{keyid}.json")),
            format!("{text}\n").as_bytes(),
        )
    }

    fn load_bundles(&mut self, folder: &Path) -> Result<(), StagingError> {
        for product_folder in list(folder)? {
            let stray = || StagingError::Stray(product_folder.clone());
            let product: ProductName = file_name(&product_folder)?.parse().map_err(|_| stray())?;
            for path in list(&product_folder)? {
                let version = file_name(&path)?.parse();
                let version = version.map_err(|_| StagingError::Stray(path.clone()))?;
                let release = ReleaseName::new(product.clone(), version);
                self.bundles.insert(release, read(&path)?.into());
            }
        }
        Ok(())
    }

    fn load_signatures(&mut self, folder: &Path) -> Result<(), StagingError> {
        for role_folder in list(folder)? {
            let role: RoleName = file_name(&role_folder)?
                .parse()
                .map_err(|_| StagingError::Stray(role_folder.clone()))?;
            for path in list(&role_folder)? {
                let file: SignatureFile =
                    serde_json::from_slice(&read(&path)?).map_err(|source| {
                        StagingError::Signature {
                            path: path.clone(),
                            source,
                        }
                    })?;
                if file_name(&path)? != format!("{}.json", file.keyid) {
                    return Err(StagingError::Stray(path));
                }
                match self
                    .roles
                    .get_mut(&role)
                    .filter(|staged| Hex::sha256(staged.signed()) == file.sha256)
                {
                    Some(staged) => staged.restore(file.keyid, file.sig),
                    None => self.outdated.push(Outdated {
                        role: role.clone(),
                        keyid: file.keyid,
                    }),
                }
            }
        }
        Ok(())
    }
}

/// A staging area that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// Two people changed the same role and git could not merge it.
    #[error("two people staged different changes to {role}: `{}` holds a git conflict", path.display())]
    Conflict {
        /// The role.
        role: RoleName,
        /// The file.
        path: PathBuf,
    },
    /// Not the bytes cuff would write.
    #[error("`{}` was edited by hand or damaged", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// Something else lies there.
    #[error("`{}` is nothing cuff stages", .0.display())]
    Stray(PathBuf),
    /// Not a signature file.
    #[error("`{}` does not hold a signature", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The disk.
    #[error("cannot read or remove `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk.
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFile {
    keyid: Hex,
    /// What was signed.
    sha256: Hex,
    sig: Signature,
}

fn role_path(folder: &Path, role: &RoleName) -> PathBuf {
    folder.join(format!("{role}.json"))
}

fn signatures_path(folder: &Path, role: &RoleName) -> PathBuf {
    folder.join("signatures").join(role.to_string())
}

fn bundle_path(folder: &Path, release: &ReleaseName) -> PathBuf {
    folder
        .join("targets")
        .join(release.product().as_str())
        .join(release.version())
}

fn file_name(path: &Path) -> Result<&str, StagingError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| StagingError::Stray(path.to_owned()))
}

/// The entries of a directory in order; hidden ones are editors' and git's business.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StagingError> {
    let io = |source| StagingError::Io {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io(source)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.retain(|path| {
        !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    });
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<u8>, StagingError> {
    fs::read(path).map_err(|source| StagingError::Io {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StagingError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| StagingError::Io {
            path: parent.to_owned(),
            source,
        })?;
    }
    Ok(durable::write(path, bytes)?)
}

fn remove(path: &Path) -> Result<(), StagingError> {
    let result = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StagingError::Io {
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}
