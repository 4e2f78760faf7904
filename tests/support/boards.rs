//! The programs of `boards/`, built as they are delivered.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder they are in.
pub fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--package", "xtask", "boards"])
            .current_dir(project)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the boards do not build: {said}");
        project.join("boards/target/programs")
    })
}

/// Whether foreign programs are left out, as `cargo xtask test --quick` asks.
pub fn left_out() -> bool {
    std::env::var_os("CUFF_QUICK").is_some()
}
