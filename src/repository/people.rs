//! Whose key is whose: the `.pub` files in `keys/`.
//!
//! Names are for people only; who may sign is decided by key ids in signed metadata.

use super::desk::Desk;
use crate::key::public_file::{PublicFile, ReadError};
use crate::role::wire::Hex;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// Names by key id, and who goes by which.
#[derive(Clone, Debug, Default)]
pub struct People {
    names: BTreeMap<Hex, String>,
    persons: BTreeMap<String, String>,
}

impl People {
    /// Reads every `.pub` file of a working directory.
    pub fn load(desk: &Desk) -> Result<Self, PeopleError> {
        let folder = desk.keys();
        let failed = |source| PeopleError::Folder {
            path: folder.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "pub") {
                let file = PublicFile::read(&path)?;
                names.insert(Hex::from(file.key().id()), file.name().to_owned());
            }
        }
        let said = desk.settings().people.iter();
        let persons =
            said.flat_map(|(person, keys)| keys.iter().map(|key| (key.clone(), person.clone())));
        Ok(Self {
            names,
            persons: persons.collect(),
        })
    }

    /// The person who holds a key: as cuff.toml says, or else its name without a number at the end (`bob-2` is bob's).
    pub fn person(&self, id: &Hex) -> Option<&str> {
        let name = self.name(id)?;
        if let Some(person) = self.persons.get(name) {
            return Some(person);
        }
        let numbered = name.rsplit_once('-').filter(|(_, number)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        Some(numbered.map_or(name, |(person, _)| person))
    }

    /// Learns one more name, from a file that is not in `keys/` yet.
    pub fn learn(&mut self, file: &PublicFile) {
        let id = Hex::from(file.key().id());
        self.names.insert(id, file.name().to_owned());
    }

    /// The holder of a key, if there is a file that says so.
    pub fn name(&self, id: &Hex) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// All key ids.
    pub fn ids(&self) -> impl Iterator<Item = Hex> {
        self.names.keys().copied()
    }

    /// The key id of a person, by name or by the beginning of a key id (8 digits at least).
    pub fn find(&self, text: &str, among: impl IntoIterator<Item = Hex>) -> Vec<Hex> {
        let by_id = |id: &Hex| text.len() >= 8 && id.to_string().starts_with(text);
        among
            .into_iter()
            .filter(|id| self.name(id) == Some(text) || by_id(id))
            .collect()
    }

    /// These keys in the order people look for them: by name, then those without one by their ids.
    pub fn sorted<'k>(&self, ids: impl IntoIterator<Item = &'k Hex>) -> Vec<&'k Hex> {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_by_key(|id| (self.name(id).is_none(), self.name(id), **id));
        ids
    }

    /// `alice (1a2b3c4d)`, or the short id alone.
    pub fn show(&self, id: &Hex) -> String {
        let short: String = id.to_string().chars().take(8).collect();
        self.name(id).map_or_else(
            || format!("key {short}"),
            |name| format!("{name} ({short})"),
        )
    }
}

/// A `keys/` that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The directory.
    #[error("cannot read `{}`", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of the files.
    #[error(transparent)]
    File(#[from] ReadError),
}
