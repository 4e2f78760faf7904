//! Where things are in the checkout.
//!
//! Gives paths; never touches them.

use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Where tools of other languages are installed: inside `target/`, so that nothing leaves the checkout.
pub fn tools() -> PathBuf {
    root().join("target/tools")
}

/// The Python environment with the tests' oracles; `CUFF_PYTHON` in
/// `.cargo/config.toml` names its interpreter.
pub fn python_environment() -> PathBuf {
    tools().join("python")
}

/// The folder with the tests' oracle in JavaScript.
pub fn node_environment() -> PathBuf {
    tools().join("node")
}
