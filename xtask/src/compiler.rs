//! Stands between cargo and rustc when programs for chips are built.
//!
//! Takes the compiler's command line from cargo; runs it, with the checkout's own crates named by what they are called.
//! Cargo names a crate outside of its workspace by where it lies (`-C metadata`), the names of functions follow from that and
//! the order of functions from their names: the same sources would give other bytes in another folder.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::place;
use crate::tool::Tool;

/// Set for the compiler's stand-in, which is this program.
const STAND_IN: &str = "CUFF_COMPILER_STAND_IN";

/// Lets cargo ask us for the compiler.
pub fn stand_in(tool: Tool) -> Tool {
    // Cargo says what is missing when this program cannot be found.
    let us = env::current_exe().unwrap_or_else(|_| "xtask".into());
    tool.env("RUSTC_WRAPPER", us).env(STAND_IN, "1")
}

/// Runs the compiler, when cargo asked for that.
pub fn asked() -> Option<ExitCode> {
    env::var_os(STAND_IN)?;
    let mut words = env::args_os().skip(1);
    let compiler = words.next()?;
    let ours = env::var_os("CARGO_MANIFEST_DIR")
        .is_some_and(|folder| Path::new(&folder).starts_with(place::root()));
    let name = env::var("CARGO_CRATE_NAME").unwrap_or_default();
    let status = Command::new(&compiler)
        .args(words.map(|word| named(word, &name, ours)))
        .status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}: {error}", compiler.display());
            ExitCode::FAILURE
        }
    })
}

fn named(word: OsString, name: &str, ours: bool) -> OsString {
    let by_place = word
        .to_str()
        .is_some_and(|word| word.starts_with("metadata="));
    if ours && by_place {
        OsStr::new(&format!("metadata=cuff-{name}")).into()
    } else {
        word
    }
}
