//! The console: the only room that prints.
//!
//! Answers go to standard output, for people or as JSON; everything else goes to standard error. It takes finished
//! values, gives an [`Exit`], and never decides what is true.

pub mod answer;
pub mod exit;
pub mod failure;
pub mod progress;
pub mod prompt;
pub mod safe;
pub mod style;

use std::fmt::Display;
use std::io::{self, Write};

pub use answer::Answer;
pub use exit::Exit;
pub use failure::{Advice, Failure, advised};
pub use progress::Progress;
pub use prompt::Prompt;
pub use safe::safe;

use safe::safe_paragraph;

/// How the person, or the script, asked to be talked to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// One JSON object instead of text.
    pub json: bool,
    /// No network connection may be opened.
    pub offline: bool,
    /// No talk, no progress.
    pub quiet: bool,
}

/// One command's way to the person who called it.
#[derive(Debug)]
pub struct Console {
    command: String,
    manner: Manner,
}

impl Console {
    /// A console for the command with this name (`key new`).
    pub fn new(command: impl Into<String>, manner: Manner) -> Self {
        Self {
            command: command.into(),
            manner,
        }
    }

    /// Whether the answer will be JSON.
    pub fn json(&self) -> bool {
        self.manner.json
    }

    /// Whether network connections are forbidden: whoever would open one asks first.
    pub fn offline(&self) -> bool {
        self.manner.offline
    }

    /// Prints the one answer of a command, and gives the exit code it calls for.
    ///
    /// A reader that closed the pipe has seen enough: the exit code stays the answer's.
    pub fn answer<A: Answer>(&self, answer: &A) -> anyhow::Result<Exit> {
        let text = if self.manner.json {
            answer::json(answer)?
        } else {
            answer::text(answer)?
        };
        match print(&text) {
            Ok(()) => Ok(answer.exit()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(answer.exit()),
            Err(error) => Err(anyhow::Error::from(error)
                .context("the answer could not be written to standard output")),
        }
    }

    /// Says something in passing; not with `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.manner.quiet {
            talk(&format!("{}\n", safe_paragraph(&text.to_string(), 0)));
        }
    }

    /// Shows what a question is about, even with `--quiet`: nobody says yes to what they could not read.
    pub fn show(&self, text: impl Display) {
        talk(&format!("{}\n", safe_paragraph(&text.to_string(), 0)));
    }

    /// Says something the person should not miss, even with `--quiet`.
    pub fn warn(&self, text: impl Display) {
        let label = style::paint(style::WARNING, "warning:");
        talk(&format!(
            "{label} {}\n",
            safe_paragraph(&text.to_string(), 9)
        ));
    }

    /// Prints why the command failed, and gives its exit code. With `--json` the same record goes to standard output.
    pub fn fail(&self, failure: &Failure) -> Exit {
        if self.manner.json {
            // Nothing is left to tell anyone when even this cannot be written.
            let _ = print(&failure.json(&self.command));
        }
        talk(&failure.text());
        failure.exit()
    }

    /// A progress bar on standard error, invisible when nobody looks.
    pub fn progress(&self, label: &str, total: u64) -> Progress {
        Progress::new(label, total, self.manner.quiet || self.manner.json)
    }

    /// Several progress bars at once.
    pub fn bars(&self) -> progress::Bars {
        progress::Bars::new(self.manner.quiet || self.manner.json)
    }

    /// With `--json`, one object on a line of its own as soon as it is known; otherwise nothing.
    pub fn line(&self, line: &impl serde::Serialize) {
        if self.manner.json
            && let Ok(text) = serde_json::to_string(line)
        {
            self.lines(&format!("{text}\n"));
        }
    }

    /// Lines of an answer that comes bit by bit: what several workers say stays whole.
    pub fn lines(&self, text: &str) {
        // A reader that closed the pipe has seen enough.
        let _closed = print(text);
    }

    /// Questions to the person at the terminal; refused when there is none.
    pub fn prompt(&self) -> Prompt {
        Prompt::of_this_process()
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Talk that cannot be written is lost: there is nobody to tell.
fn talk(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
