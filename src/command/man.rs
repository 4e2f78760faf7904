//! `cuff man`: manual pages, one a command.
//!
//! It takes the words of a command and answers with its page, or writes all pages into a folder.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::durable;

/// Print a manual page, or write all of them
///
/// To read one: `cuff man key new | man -l -`
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command, word by word; none for `cuff` itself
    words: Vec<String>,

    /// Write all pages into this folder; made if it is missing
    #[arg(short, long, value_name = "DIR", conflicts_with = "words")]
    output: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut definition = cli::definition();
        definition.build();
        let mut manual = Manual {
            page: None,
            written: Vec::new(),
        };
        if let Some(folder) = &self.output {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
            write(&definition, "cuff", folder, &mut manual.written)?;
        } else {
            let (mut command, mut name) = (&definition, "cuff".to_owned());
            for word in &self.words {
                command = command.find_subcommand(word).ok_or_else(|| {
                    advised(
                        anyhow::anyhow!("there is no command `{name} {}`", safe(word)),
                        Exit::Usage,
                        "usage",
                        "`cuff --help` lists them",
                    )
                })?;
                name = format!("{name} {}", command.get_name());
            }
            manual.page = Some(page(command, &name)?);
        }
        console.answer(&manual)
    }
}

/// The page of a command and those of all below it.
fn write(
    command: &clap::Command,
    name: &str,
    folder: &Path,
    written: &mut Vec<String>,
) -> anyhow::Result<()> {
    let file = format!("{}.1", name.replace(' ', "-"));
    durable::write(&folder.join(&file), page(command, name)?.as_bytes())?;
    written.push(file);
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write(
            below,
            &format!("{name} {}", below.get_name()),
            folder,
            written,
        )?;
    }
    Ok(())
}

fn page(command: &clap::Command, name: &str) -> anyhow::Result<String> {
    // clap wants names that live as long as the process; this one does not live much shorter.
    let title: &'static str = name.replace(' ', "-").leak();
    let mut text = Vec::new();
    clap_mangen::Man::new(
        command
            .clone()
            .name(title)
            .version(env!("CARGO_PKG_VERSION")),
    )
    .render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// Manual pages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Manual {
    /// The page, in roff; null when pages were written.
    page: Option<String>,
    /// Files that were written.
    written: Vec<String>,
}

impl Answer for Manual {
    const COMMAND: &'static str = "man";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        match &self.page {
            Some(page) => out.write_str(page),
            None => writeln!(out, "{} pages written", self.written.len()),
        }
    }
}
