//! What we depend on: licences, sources, and who may reach whom.
//!
//! Takes `deny.toml` and the dependency graph; gives an error that names the offender.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::place;
use crate::tool::Tool;

const CARGO_DENY: &str = "0.20.2";

/// What a package must not reach, except in its tests.
struct Ban {
    package: &'static str,
    crates: &'static [&'static str],
    reason: &'static str,
}

const BANS: [Ban; 3] = [
    Ban {
        package: "cuff",
        crates: &["sigstore-tuf", "tough"],
        reason: "other TUF clients are asked in tests only (docs/decisions/0002)",
    },
    Ban {
        package: "cuff-verifier",
        crates: &["tuf", "serde", "serde_json", "getrandom"],
        reason: "the verifier parses by itself, allocates nothing and draws no random numbers",
    },
    Ban {
        package: "cuff-bootloader",
        crates: &["tuf", "serde", "serde_json", "getrandom"],
        reason: "the bootloader parses by itself, allocates nothing and draws no random numbers",
    },
];

/// Checks both workspaces with cargo-deny, then the bans that it has no words for.
pub fn check() -> Result<()> {
    for workspace in ["Cargo.toml", "boards/Cargo.toml"] {
        Tool::new(cargo_deny())
            .words("--locked --config deny.toml --manifest-path")
            .arg(workspace)
            .words("check --hide-inclusion-graph licenses bans sources")
            .run()?;
    }
    reach()
}

/// Fails when something shipped reaches a crate that only tests may use.
pub fn reach() -> Result<()> {
    for ban in &BANS {
        let tree = Tool::cargo("tree --locked --edges normal,build --prefix none --format {p}")
            .words("--all-features --target all --package")
            .arg(ban.package)
            .output()?;
        let reached: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        for name in ban.crates {
            if reached.contains(name) {
                bail!(
                    "{} reaches {name}: {}; see `cargo tree --package {} --edges normal,build --invert {name}`",
                    ban.package,
                    ban.reason,
                    ban.package
                );
            }
        }
    }
    Ok(())
}

/// Builds cargo-deny where the Python environment could not bring it.
pub fn install() -> Result<()> {
    if Tool::new(cargo_deny()).words("--version").answers() {
        return Ok(());
    }
    Tool::installed("cargo-deny", CARGO_DENY).map(drop)
}

fn cargo_deny() -> PathBuf {
    let packaged = place::python_environment().join("bin/cargo-deny");
    if packaged.is_file() {
        packaged
    } else {
        place::tools().join("bin/cargo-deny")
    }
}
