//! The guide: runs commands, holds every answer against what it should be, and tells what happened.
//!
//! It takes command lines as a person types them, gives them to this very program in a process of its own, and keeps a
//! record of each. A command that answers otherwise than expected ends the tour; no step is called a success without it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use cuff_verifier::verdict::Reason;

use super::kit::{self, PASSPHRASE};
use super::step::{Ending, Ran, Step};
use crate::command::unlock::PASSPHRASE_VARIABLE;
use crate::console::{Console, Exit, Progress};
use crate::device::event::Why;

/// Leads through the tour.
pub struct Guide<'c> {
    console: &'c Console,
    room: Room,
    progress: Progress,
    chapter: &'static str,
    steps: Vec<Step>,
}

/// Where everything happens.
pub struct Room {
    program: PathBuf,
    folder: PathBuf,
}

/// One step while it is played.
pub struct Scene<'g> {
    room: &'g Room,
    commands: Vec<Ran>,
    reason: Option<Reason>,
}

/// What a command must answer.
pub struct Expected {
    exit: Exit,
    says: Vec<String>,
    reason: Option<Reason>,
}

/// A command answered otherwise than it must.
#[derive(Debug, thiserror::Error)]
#[error("`{typed}` was expected to {expected}; it {found}")]
pub struct Surprise {
    typed: String,
    expected: String,
    found: String,
}

impl<'c> Guide<'c> {
    /// A guide who works in `folder`.
    pub fn new(console: &'c Console, folder: &Path, steps: usize) -> anyhow::Result<Self> {
        kit::lay_out(folder)?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        Ok(Self {
            console,
            room: Room {
                program,
                folder: folder.to_owned(),
            },
            progress: console.progress("tour", steps as u64),
            chapter: "",
            steps: Vec::new(),
        })
    }

    /// Where everything happens.
    pub fn folder(&self) -> &Path {
        &self.room.folder
    }

    /// Begins a part of the story.
    pub fn chapter(&mut self, name: &'static str) {
        self.chapter = name;
        self.say(&format!("\n== {name} =="));
    }

    /// Plays one step and keeps what happened.
    pub fn step(
        &mut self,
        title: &str,
        play: impl FnOnce(&mut Scene<'_>) -> anyhow::Result<Ending>,
    ) -> anyhow::Result<()> {
        let number = self.steps.len() + 1;
        let mut scene = Scene {
            room: &self.room,
            commands: Vec::new(),
            reason: None,
        };
        let played = play(&mut scene);
        let Scene {
            commands, reason, ..
        } = scene;
        let (ending, surprise) = match &played {
            Ok(ending) => (*ending, None),
            Err(error) => (Ending::Unexpected, Some(format!("{error:#}"))),
        };
        let step = Step {
            number,
            chapter: self.chapter.to_owned(),
            title: title.to_owned(),
            commands,
            ending,
            reason: reason.map(Why::from),
            as_expected: played.is_ok(),
            surprise,
        };
        self.tell(&step);
        self.steps.push(step);
        self.progress.advance(1);
        played.map(|_| ())
    }

    /// All that was done.
    pub fn finish(self) -> Vec<Step> {
        self.steps
    }

    fn tell(&self, step: &Step) {
        let mut lines = vec![format!("\n{:>2}. {}", step.number, step.title)];
        for ran in &step.commands {
            lines.push(match ran.exit {
                Some(_) => format!("    $ cuff {}", ran.typed),
                None => format!("    {}", ran.typed),
            });
            lines.push(format!("      {}", ran.line));
        }
        lines.extend(step.surprise.iter().map(|text| format!("    {text}")));
        self.say(&lines.join("\n"));
    }

    /// The story is talk: it goes to standard error, and the answer holds all of it once more.
    fn say(&self, text: &str) {
        if !self.console.json() {
            self.progress.aside(|| self.console.note(text));
        }
    }
}

impl Scene<'_> {
    /// Where everything happens.
    pub fn folder(&self) -> &Path {
        &self.room.folder
    }

    /// Runs one command in the working directory; gives the line that matters.
    pub fn cuff(&mut self, typed: &str, expected: Expected) -> anyhow::Result<String> {
        self.cuff_in(&self.room.folder.join(kit::DESK), typed, expected)
    }

    /// The same in another folder.
    pub fn cuff_in(
        &mut self,
        folder: &Path,
        typed: &str,
        expected: Expected,
    ) -> anyhow::Result<String> {
        let output = Command::new(&self.room.program)
            .args(typed.split_whitespace())
            .current_dir(folder)
            .env(PASSPHRASE_VARIABLE, PASSPHRASE)
            .env_remove("CUFF_DESK")
            .env_remove("CUFF_DEVICE")
            .env("NO_COLOR", "1")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run `{}`", self.room.program.display()))?;
        let answer = [output.stdout, output.stderr].concat();
        let answer = String::from_utf8_lossy(&answer);
        let exit = output.status.code();
        let line = expected.find(exit, &answer);
        self.commands.push(Ran {
            typed: typed.to_owned(),
            exit: exit.and_then(|code| u8::try_from(code).ok()),
            line: line.clone().unwrap_or_default(),
        });
        self.reason = expected.reason.or(self.reason);
        line.ok_or_else(|| {
            let code = exit.map_or("was killed".to_owned(), |code| format!("left with {code}"));
            let surprise = Surprise {
                typed: format!("cuff {typed}"),
                expected: expected.into_words(),
                found: format!("{code} and said:\n{}", answer.trim_end()),
            };
            surprise.into()
        })
    }

    /// Records what was done without cuff.
    pub fn deed(&mut self, what: &str, line: String) {
        self.commands.push(Ran {
            typed: format!("({what})"),
            exit: None,
            line,
        });
    }

    /// Reviews what is staged, and has these people sign it.
    pub fn reviewed_and_signed(&mut self, people: &[&str]) -> anyhow::Result<()> {
        let line = self.cuff("review", says("review "))?;
        let digest = line.trim_start_matches("review ").to_owned();
        for person in people {
            let typed = format!("sign --key ../{person}.key --review {digest}");
            self.cuff(&typed, says(" signed "))?;
        }
        Ok(())
    }
}

/// A yes, and a line with this in it.
pub fn says(text: &str) -> Expected {
    leaves(Exit::Yes, text)
}

/// This exit code, and a line with this in it.
pub fn leaves(exit: Exit, text: &str) -> Expected {
    Expected {
        exit,
        says: vec![text.to_owned()],
        reason: None,
    }
}

/// The bootloader's own verdict on a candidate, by number; what ran before still runs.
pub fn device_refuses(reason: Reason, still_runs: &str) -> Expected {
    Expected {
        exit: Exit::Refused,
        says: vec![
            format!("verdict: candidate refused: {}", Why::from(reason)),
            format!("jump: {still_runs} runs"),
        ],
        reason: Some(reason),
    }
}

impl Expected {
    /// Another line that must be there.
    pub fn and(mut self, text: impl Into<String>) -> Self {
        self.says.push(text.into());
        self
    }

    /// The reason that is read in it.
    pub fn because(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// The first line asked for, if the answer is as it must be.
    fn find(&self, exit: Option<i32>, answer: &str) -> Option<String> {
        if exit != Some(i32::from(self.exit.code())) {
            return None;
        }
        let lines: Option<Vec<&str>> = self
            .says
            .iter()
            .map(|text| answer.lines().find(|line| line.contains(text)))
            .collect();
        let first = *lines?.first()?;
        Some(first.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn into_words(self) -> String {
        let says = self.says.join("` and `");
        format!("leave with {} and to say `{says}`", self.exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_with_exit_code_and_every_line() {
        let answer = "band/1.5.0  counter 8\n  jump: band/1.5.0 runs\n";
        let expected = || says("jump: ").and("counter 8");
        assert_eq!(
            expected().find(Some(0), answer).as_deref(),
            Some("jump: band/1.5.0 runs")
        );
        assert_eq!(expected().find(Some(1), answer), None);
        assert_eq!(expected().find(None, answer), None);
        assert_eq!(expected().and("counter 9").find(Some(0), answer), None);
    }

    #[test]
    fn a_refusal_is_the_bootloaders_and_has_the_right_number() {
        let verdict = |reason: Reason| {
            format!(
                "  verdict: candidate refused: {}\n  jump: band/1.0 runs\n",
                Why::from(reason)
            )
        };
        let expected = || device_refuses(Reason::UnderThreshold, "band/1.0");
        assert!(
            expected()
                .find(Some(10), &verdict(Reason::UnderThreshold))
                .is_some()
        );
        assert!(
            expected()
                .find(Some(10), &verdict(Reason::ImageDigest))
                .is_none()
        );
        // The desk's own words are not the device's.
        let desk = format!("error: refused: {}\n", Why::from(Reason::UnderThreshold));
        assert!(expected().find(Some(10), &desk).is_none());
    }
}
