//! The vectors of `fixtures/vectors`, and what stands beside each of them.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What every judge must say of a vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The file with the device's state.
    pub state: String,
    /// `boot` or `refuse`.
    pub verdict: String,
    /// The reason's name.
    pub reason: Option<String>,
    /// The reason's number.
    pub code: Option<u16>,
    /// How far trust moves.
    pub trust: String,
}

impl Expected {
    /// What stands beside the vector of this name.
    pub fn of(name: &str) -> Self {
        let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
        toml::from_str(&text).unwrap()
    }
}

/// The names of all vectors; a folder that lost most of them is no test.
pub fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name();
            name.to_str()?.strip_suffix(".update").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 150, "only {} vectors", names.len());
    names
}

/// Where they lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors")
}
