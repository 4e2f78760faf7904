//! `cuff completions`: what a shell needs to complete our words, on standard output.

use std::fmt::{self, Write};

use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli;
use crate::console::{Answer, Console, Exit};

/// Print the completions of a shell
///
/// For bash: `cuff completions bash > /etc/bash_completion.d/cuff`
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli::definition(), "cuff", &mut script);
        console.answer(&Script {
            shell: self.shell.to_string(),
            script: String::from_utf8(script)?,
        })
    }
}

/// The completions of a shell.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Script {
    /// The shell.
    shell: String,
    /// What it reads.
    script: String,
}

impl Answer for Script {
    const COMMAND: &'static str = "completions";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        out.write_str(&self.script)
    }
}
