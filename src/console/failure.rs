//! Failures: why a command could not do what it was asked, and what to do next.
//!
//! Libraries return their own errors; a command adds, through [`Advice`], what only it knows: the exit code, a stable
//! rule name and a hint. Without advice a failure is [`Exit::Unknown`]: something broke, nothing was refused.

use std::error::Error;
use std::fmt::{self, Display};

use schemars::JsonSchema;
use serde::Serialize;

use super::safe::safe_paragraph;
use super::{Exit, style};

/// A failure ready to be printed.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    rule: &'static str,
    message: String,
    causes: Vec<String>,
    help: Vec<String>,
}

/// Attaches to any error what the person needs: `read(path).exit(Exit::Usage).help("...")?`.
pub trait Advice<T> {
    /// Sets the exit code. The outermost one wins.
    fn exit(self, exit: Exit) -> anyhow::Result<T>;

    /// Names the rule, in kebab case, for scripts that read `--json`. The outermost one wins.
    fn rule(self, rule: &'static str) -> anyhow::Result<T>;

    /// Adds a hint what to do next: a sentence, lower case, no full stop. Can be called again for another.
    fn help(self, help: impl Display) -> anyhow::Result<T>;
}

impl Failure {
    /// A mistake on the command line, in clap's words.
    pub(crate) fn usage<'a>(message: &str, help: impl Iterator<Item = &'a str>) -> Self {
        Self {
            exit: Exit::Usage,
            rule: "usage",
            message: message.trim_start_matches("error: ").to_owned(),
            causes: Vec::new(),
            help: help.map(str::to_owned).collect(),
        }
    }

    /// The exit code the process will leave with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The rule that was broken.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What went wrong and why, outermost first.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.message.clone()];
        words.extend(self.causes.iter().cloned());
        words
    }

    /// What to do next.
    pub fn help(&self) -> &[String] {
        &self.help
    }

    /// What went wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The failure as lines for standard error.
    pub(super) fn text(&self) -> String {
        let mut text = line(style::ERROR, "error:", &self.message);
        for cause in &self.causes {
            text.push_str(&line(style::CAUSE, "cause:", cause));
        }
        for help in &self.help {
            text.push_str(&line(style::HELP, "help:", help));
        }
        text
    }

    /// The failure as one JSON object and a line feed.
    pub(super) fn json(&self, command: &str) -> String {
        let record = FailureRecord {
            schema_version: 1,
            command,
            ok: false,
            exit: self.exit.code(),
            error: ErrorRecord {
                rule: self.rule,
                message: &self.message,
                causes: &self.causes,
                help: &self.help,
            },
        };
        // Strings and numbers always serialise; an empty object would still be JSON.
        let mut text = serde_json::to_string_pretty(&record).unwrap_or_else(|_| "{}".to_owned());
        text.push('\n');
        text
    }
}

/// The JSON schema of a failure, the same for every command.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(FailureRecord<'_>).to_value()
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut failure = Self {
            exit: Exit::Unknown,
            rule: "unexpected",
            message: String::new(),
            causes: Vec::new(),
            help: Vec::new(),
        };
        let (mut exit, mut rule) = (None, None);
        let mut words = Vec::new();
        for error in error.chain() {
            if let Some(advised) = error.downcast_ref::<Advised>() {
                exit = exit.or(advised.exit);
                rule = rule.or(advised.rule);
                failure.help.extend(advised.help.iter().cloned());
            }
            let text = error.to_string();
            // A transparent error says what its source says: once is enough.
            if words.last() != Some(&text) {
                words.push(text);
            }
        }
        let mut words = words.into_iter();
        failure.message = words.next().unwrap_or_default();
        failure.causes = words.collect();
        failure.exit = exit.unwrap_or(failure.exit);
        failure.rule = rule.unwrap_or(match failure.exit {
            Exit::Yes | Exit::Unknown => "unexpected",
            Exit::Refused
            | Exit::TrialReverted
            | Exit::Recovery
            | Exit::NotProvisioned
            | Exit::AlreadyProvisioned
            | Exit::LinkLost
            | Exit::Busy
            | Exit::LogBroken
            | Exit::NoProbe
            | Exit::NoPermission
            | Exit::NoTarget
            | Exit::WrongChip
            | Exit::Locked
            | Exit::Silent
            | Exit::WriteFailed
            | Exit::LockNotProven
            | Exit::Foreign
            | Exit::SerialTaken
            | Exit::Exhausted
            | Exit::RecordsBroken
            | Exit::PartialBatch => "device",
            Exit::No => "refused",
            Exit::Usage => "usage",
        });
        failure
    }
}

impl<T, E: Into<anyhow::Error>> Advice<T> for Result<T, E> {
    fn exit(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|error| advise(error.into(), |advised| advised.exit = Some(exit)))
    }

    fn rule(self, rule: &'static str) -> anyhow::Result<T> {
        self.map_err(|error| advise(error.into(), |advised| advised.rule = Some(rule)))
    }

    fn help(self, help: impl Display) -> anyhow::Result<T> {
        self.map_err(|error| advise(error.into(), |advised| advised.help.push(help.to_string())))
    }
}

/// An error with advice; it speaks and points to its causes exactly as the error inside.
struct Advised {
    error: anyhow::Error,
    exit: Option<Exit>,
    rule: Option<&'static str>,
    help: Vec<String>,
}

/// The whole advice at once, for errors whose variants call for different ones.
pub fn advised(
    error: impl Into<anyhow::Error>,
    exit: Exit,
    rule: &'static str,
    help: impl Display,
) -> anyhow::Error {
    advise(error.into(), |advised| {
        advised.exit = Some(exit);
        advised.rule = Some(rule);
        advised.help.push(help.to_string());
    })
}

fn advise(mut error: anyhow::Error, give: impl FnOnce(&mut Advised)) -> anyhow::Error {
    // Only the outermost error: `downcast` alone would also find one below a context, and drop the context.
    let outermost: Option<&Advised> = AsRef::<dyn Error>::as_ref(&error).downcast_ref();
    if outermost.is_none() {
        error = anyhow::Error::new(Advised {
            error,
            exit: None,
            rule: None,
            help: Vec::new(),
        });
    }
    if let Some(advised) = error.downcast_mut() {
        give(advised);
    }
    error
}

impl Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// What a failed command prints with `--json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "cuff failure")]
struct FailureRecord<'a> {
    /// Version of this schema; grows when a field is removed or changes its meaning.
    schema_version: u32,
    /// The command that failed; empty when the command line itself was not understood.
    command: &'a str,
    /// Always false.
    ok: bool,
    /// The process's exit code.
    exit: u8,
    /// What went wrong.
    error: ErrorRecord<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ErrorRecord<'a> {
    /// The rule that was broken, in kebab case; `unexpected` when none was named.
    rule: &'a str,
    /// One sentence.
    message: &'a str,
    /// Why, outermost first.
    causes: &'a [String],
    /// What to do next.
    help: &'a [String],
}

fn line(style: anstyle::Style, label: &str, text: &str) -> String {
    format!(
        "{} {}\n",
        style::paint(style, label),
        safe_paragraph(text, label.len() + 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn disk() -> Result<(), std::io::Error> {
        Err(std::io::Error::other("disk on fire"))
    }

    fn failure(result: anyhow::Result<()>) -> Failure {
        Failure::from(result.unwrap_err())
    }

    #[test]
    fn without_advice_nothing_was_refused() {
        let failure = failure(disk().context("cannot read `a`"));
        assert_eq!(failure.exit(), Exit::Unknown);
        assert_eq!(
            anstream::adapter::strip_str(&failure.text()).to_string(),
            "error: cannot read `a`\ncause: disk on fire\n"
        );
    }

    #[test]
    fn advice_survives_context_and_the_outermost_exit_wins() {
        let inner = disk().exit(Exit::Usage).rule("inner").help("buy water");
        let failure = failure(
            inner
                .context("cannot read `a`")
                .exit(Exit::No)
                .help("call someone"),
        );
        assert_eq!((failure.exit(), failure.rule), (Exit::No, "inner"));
        assert_eq!(failure.help, ["call someone", "buy water"]);
        assert_eq!(failure.causes, ["disk on fire"]);
    }

    #[test]
    fn a_foreign_newline_cannot_start_a_line_of_ours() {
        let failure = failure(Err(anyhow::anyhow!("bad name `x\nhelp: run rm\u{1b}[2J`")));
        let text = failure.text();
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "error: bad name `x\n       help: run rm\\u{1b}[2J`\n"
        );
    }

    #[test]
    fn json_has_the_same_words() {
        let failure = failure(
            disk()
                .exit(Exit::No)
                .rule("on-fire")
                .help("buy water")
                .context("cannot"),
        );
        let value: serde_json::Value = serde_json::from_str(&failure.json("key new")).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "schema_version": 1, "command": "key new", "ok": false, "exit": 1,
                "error": {"rule": "on-fire", "message": "cannot", "causes": ["disk on fire"], "help": ["buy water"]},
            })
        );
    }
}
