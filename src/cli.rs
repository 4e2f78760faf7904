//! The command line: global flags, the table of commands, and the way from arguments to an exit code.
//!
//! It takes the process's arguments and gives an [`Exit`]; it never decides anything itself.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::command;
use crate::command::desk::Place;
use crate::console::{Console, Exit, Failure, Manner};

/// Sign, publish and deliver firmware for wearables
///
/// Answers go to standard output, talk and progress to standard error. Exit codes: 0 yes, 1 no, 2 the command line or
/// its files are wrong, 3 could not find out.
#[derive(Debug, Parser)]
#[command(
    name = "cuff",
    version,
    propagate_version = false,
    disable_help_subcommand = true
)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Flags {
    /// Print the answer as one JSON object
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,

    /// Open no network connection
    #[arg(long, global = true, help_heading = "Global options")]
    offline: bool,

    /// Print answers, warnings and errors only
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
}

/// Makes the subcommand enum and its dispatch from one line a command.
macro_rules! commands {
    ($($(#[$attribute:meta])* $variant:ident => $module:ident,)+) => {
        #[derive(Debug, clap::Subcommand)]
        enum Command {
            $($(#[$attribute])* $variant(command::$module::$variant),)+
        }

        impl Command {
            /// The command with this name of one word, as clap knows it.
            fn named(name: &OsString) -> Option<clap::Command> {
                let name = name.to_str().filter(|name| !name.contains('_'))?;
                match name {
                    $(stringify!($module) => Some(command::$module::$variant::augment_args(
                        clap::Command::new(stringify!($module)),
                    )),)+
                    _ => None,
                }
            }

            fn run(&self, console: &Console) -> anyhow::Result<Exit> {
                match self {
                    $(Self::$variant(command) => command.run(console),)+
                }
            }
        }
    };
}

// Sorted by name. `Variant => file,` for `command::file::Variant`; its doc comment is the help text.
commands! {
    Amend => amend,
    Audit => audit,
    Bins => bins,
    Build => build,
    Cancel => cancel,
    Check => check,
    Completions => completions,
    Device => device,
    Export => export,
    Fetch => fetch,
    Init => init,
    Inspect => inspect,
    Key => key,
    Man => man,
    Prune => prune,
    Publish => publish,
    Refresh => refresh,
    Review => review,
    Role => role,
    #[command(hide = true)]
    Schema => schema,
    Sign => sign,
    Sim => sim,
    Stage => stage,
    Status => status,
    Tour => tour,
    #[command(hide = true)]
    TufClient => tuf_client,
    Verify => verify,
    Yank => yank,
}

/// Parses the arguments (the first is the program's name), runs the command, and prints a failure if there is one.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Whoever names a command at once has no use for all the others, which take longer to lay out than many commands run.
    let only = arguments.get(1).and_then(Command::named);
    let definition = only.map_or_else(definition, |only| Flags::command().subcommand(only));
    let parsed = definition
        .try_get_matches_from(&arguments)
        .and_then(|matches| {
            Ok((
                name(&matches),
                desk_written_to(&matches),
                Flags::from_arg_matches(&matches)?,
                Command::from_arg_matches(&matches)?,
            ))
        });
    match parsed {
        Ok((name, desk, flags, command)) => {
            let manner = Manner {
                json: flags.json,
                offline: flags.offline,
                quiet: flags.quiet,
            };
            let console = Console::new(name.clone(), manner);
            match command.run(&console) {
                Ok(exit) => exit,
                Err(error) => {
                    let failure = Failure::from(error);
                    if let Some(desk) = desk.filter(|_| failure.exit() == Exit::No) {
                        command::audit::note_refusal(&console, &desk, &name, &failure);
                    }
                    console.fail(&failure)
                }
            }
        }
        Err(error) => usage(
            &error,
            arguments.iter().any(|argument| argument == "--json"),
        ),
    }
}

/// The whole command line as clap knows it, for completions, manual pages and tests.
pub fn definition() -> clap::Command {
    Command::augment_subcommands(Flags::command())
}

/// The words that chose the command: `key new`.
fn name(matches: &clap::ArgMatches) -> String {
    let mut words = Vec::new();
    let mut here = matches;
    while let Some((word, below)) = here.subcommand() {
        words.push(word);
        here = below;
    }
    words.join(" ")
}

/// The working directory a command was to write to: one that takes `--desk` and `--dry-run`, and was not asked for the latter.
/// Its refusals go to the audit log.
fn desk_written_to(matches: &clap::ArgMatches) -> Option<Place> {
    let mut here = matches;
    while let Some((_, below)) = here.subcommand() {
        here = below;
    }
    let dry_run = here.try_get_one::<bool>("dry_run").ok().flatten()?;
    let desk = here.try_get_one::<PathBuf>("desk").ok()?;
    (!dry_run && name(matches) != "fetch").then(|| Place::at(desk.map(PathBuf::as_path)))
}

/// What clap has to say: help and version are answers, everything else is a usage failure.
fn usage(error: &clap::Error, json: bool) -> Exit {
    if !error.use_stderr() {
        // A reader that went away has seen as much help as it wanted.
        let _ = error.print();
        return Exit::Yes;
    }
    let manner = Manner {
        json,
        ..Manner::default()
    };
    if json {
        let text = error.render().to_string();
        let mut paragraphs = text.trim().split("\n\n").map(str::trim);
        let message = paragraphs.next().unwrap_or_default();
        return Console::new("", manner).fail(&Failure::usage(message, paragraphs));
    }
    let _ = error.print();
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        definition().debug_assert();
    }

    #[test]
    fn a_command_alone_is_the_command_among_all() {
        let all = definition();
        assert!(Command::named(&"tuf_client".into()).is_none());
        for command in all.get_subcommands() {
            let Some(mut alone) = Command::named(&command.get_name().into()) else {
                assert_eq!(command.get_name(), "tuf-client");
                continue;
            };
            assert_eq!(alone.get_name(), command.get_name());
            let mut among = command.clone();
            assert_eq!(
                alone.render_long_help().to_string(),
                among.render_long_help().to_string()
            );
        }
    }

    #[test]
    fn a_command_is_named_by_all_its_words() {
        let definition = clap::Command::new("cuff")
            .subcommand(clap::Command::new("key").subcommand(clap::Command::new("new")));
        let matches = definition.get_matches_from(["cuff", "key", "new"]);
        assert_eq!(name(&matches), "key new");
    }
}
