//! Runs the console blocks of a document in a shell, and compares what is printed with what stands there.
//!
//! `...` alone stands for any lines, at the end of a line for any rest of it; `(exit code N)` for how the command left.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::project;

/// The commands of one console block.
pub type Block = Vec<Typed>;

/// One command as the document shows it.
pub struct Typed {
    pub line: String,
    pub output: Vec<String>,
    pub code: i32,
}

/// One command as it was run.
pub struct Ran {
    pub line: String,
    pub code: i32,
    /// How many lines of output the document shows, and were found.
    pub compared: usize,
}

/// All console blocks, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => {
                inside = true;
                blocks.push(Vec::new());
            }
            "```" => inside = false,
            _ if inside => read(blocks.last_mut().unwrap(), line),
            _ => {}
        }
    }
    blocks
}

fn read(block: &mut Block, line: &str) {
    if let Some(typed) = line.strip_prefix("$ ") {
        block.push(Typed {
            line: typed.to_owned(),
            output: Vec::new(),
            code: 0,
        });
        return;
    }
    let command = block.last_mut().unwrap();
    let code = line
        .strip_prefix("(exit code ")
        .and_then(|rest| rest.strip_suffix(')'));
    match code {
        Some(code) => command.code = code.parse().unwrap(),
        None => command.output.push(line.to_owned()),
    }
}

/// A walk through a document: one shell, from the first command to the last, and what the document's digests stand for.
pub struct Walk {
    folder: tempfile::TempDir,
    /// What the shell has set, and where it stands, between two commands.
    memory: tempfile::TempDir,
    stands_for: BTreeMap<String, String>,
    loosely: bool,
}

impl Walk {
    /// Begins in an empty directory beside the clone.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(project(), folder.path().join("cuff")).unwrap();
        let memory = tempfile::tempdir().unwrap();
        fs::write(memory.path().join("variables"), "").unwrap();
        fs::write(memory.path().join("place"), folder.path().to_str().unwrap()).unwrap();
        Self {
            folder,
            memory,
            stands_for: BTreeMap::new(),
            loosely: false,
        }
    }

    /// One in a world that is not quite the document's: only lines with digests are compared, they may go on, and others may
    /// stand between them.
    pub fn loosely() -> Self {
        let mut walk = Self::new();
        walk.loosely = true;
        walk
    }

    /// A file below the directory it began in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs everything; ends with the first command that does otherwise than the document says.
    pub fn run(&mut self, blocks: &[Block]) -> Result<Vec<Ran>, String> {
        let commands = blocks.iter().flatten();
        commands.map(|typed| self.step(typed)).collect()
    }

    /// Runs one command.
    pub fn step(&mut self, typed: &Typed) -> Result<Ran, String> {
        let (code, output) = self.shell(&typed.line);
        let told = |why: String| format!("$ {}\n{output}({code})\n\n{why}", typed.line);
        if code != typed.code {
            return Err(told(format!("it left with {code}, not {}", typed.code)));
        }
        let lines: Vec<&str> = output.lines().collect();
        let compared = self.compare(&typed.output, &lines).map_err(told)?;
        Ok(Ran {
            line: typed.line.clone(),
            code,
            compared,
        })
    }

    /// Runs a line that must succeed; gives what it printed.
    pub fn must(&mut self, line: &str) -> String {
        let (code, output) = self.shell(line);
        assert_eq!(code, 0, "$ {line}\n{output}");
        output
    }

    fn shell(&self, line: &str) -> (i32, String) {
        let line: String = words(line)
            .into_iter()
            .map(|word| self.stands_for.get(word).map_or(word, String::as_str))
            .collect();
        let memory = self.memory.path();
        let script = format!(
            "exec 2>&1\n. {0}/variables\ncd \"$(cat {0}/place)\" || exit\n{line}\n\
             code=$?\npwd > {0}/place\nexport -p > {0}/variables\nexit $code\n",
            memory.display()
        );
        let cuff = Path::new(env!("CARGO_BIN_EXE_cuff")).parent().unwrap();
        let path = format!("{}:{}", cuff.display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .envs([
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_SYSTEM", "/dev/null"),
                ("GIT_AUTHOR_NAME", "test"),
                ("GIT_AUTHOR_EMAIL", "test@example.org"),
                ("GIT_COMMITTER_NAME", "test"),
                ("GIT_COMMITTER_EMAIL", "test@example.org"),
                ("HOME", self.folder.path().to_str().unwrap()),
                ("PATH", path.as_str()),
            ])
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }

    /// How many lines were compared, or which was not found.
    fn compare(&mut self, shown: &[String], printed: &[&str]) -> Result<usize, String> {
        let mut left = printed.iter();
        let (mut compared, mut any) = (0, self.loosely);
        for line in shown {
            if self.loosely {
                if !words(line).into_iter().any(is_digest) {
                    continue;
                }
                let begin = format!("{}...", line.trim_end_matches("..."));
                if !left.any(|printed| self.agrees(&begin, printed)) {
                    return Err(format!("not printed, or not here: {line}"));
                }
                compared += 1;
                continue;
            }
            if line == "..." {
                any = true;
                continue;
            }
            let found = if any {
                left.any(|printed| self.agrees(line, printed))
            } else {
                left.next()
                    .is_some_and(|printed| self.agrees(line, printed))
            };
            if !found {
                return Err(format!("not printed, or not here: {line}"));
            }
            any = false;
            compared += 1;
        }
        match left.next() {
            Some(more) if !any => Err(format!("printed and not shown: {more}")),
            _ => Ok(compared),
        }
    }

    /// Whether a line is the one shown; if so, its digests are what the shown ones stand for from now on.
    fn agrees(&mut self, shown: &str, printed: &str) -> bool {
        let (shown, open) = match shown.strip_suffix("...") {
            Some(begin) => (begin, true),
            None => (shown, false),
        };
        let (shown, printed) = (words(shown), words(printed));
        if printed.len() < shown.len() || (!open && printed.len() > shown.len()) {
            return false;
        }
        let mut learned = self.stands_for.clone();
        let last = shown.len().wrapping_sub(1);
        for (index, (shown, printed)) in shown.into_iter().zip(printed).enumerate() {
            let alike = match (shape(shown), shape(printed)) {
                (Shape::Fixed, Shape::Fixed) if open && index == last => printed.starts_with(shown),
                (Shape::Fixed, Shape::Fixed) => shown == printed,
                (Shape::Digest(a), Shape::Digest(b)) => {
                    let known = learned
                        .entry(shown.to_owned())
                        .or_insert_with(|| printed.to_owned());
                    a == b && known == printed
                }
                (Shape::Date, Shape::Date) => true,
                _ => false,
            };
            if !alike {
                return false;
            }
        }
        let distinct: std::collections::BTreeSet<&String> = learned.values().collect();
        if distinct.len() < learned.len() {
            return false;
        }
        self.stands_for = learned;
        true
    }
}

#[derive(PartialEq)]
enum Shape {
    /// The same everywhere.
    Fixed,
    /// Hexadecimal digits, so many, in so many groups.
    Digest((usize, usize)),
    /// A moment.
    Date,
}

fn is_digest(word: &str) -> bool {
    matches!(shape(word), Shape::Digest(_))
}

fn shape(word: &str) -> Shape {
    // A colon may follow a moment, and stands inside one too.
    let bytes = word.trim_end_matches(':').as_bytes();
    if bytes.len() == 20 && bytes[19] == b'Z' && bytes[4] == b'-' && bytes[13] == b':' {
        return Shape::Date;
    }
    let groups: Vec<&str> = word.split('-').collect();
    let hex = |text: &&str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if bytes.len() >= 8 && groups.iter().all(hex) {
        return Shape::Digest((bytes.len(), groups.len()));
    }
    Shape::Fixed
}

/// The words of a line and what is between them; together they are the line.
fn words(line: &str) -> Vec<&str> {
    let inner = |character: char| character.is_ascii_alphanumeric() || "-:".contains(character);
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_inner = inner(first);
        let end = rest
            .find(|character| inner(character) != is_inner)
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

impl Drop for Walk {
    /// An agent that the document started, and did not get to ending.
    fn drop(&mut self) {
        self.shell("if [ -n \"$SSH_AGENT_PID\" ]; then ssh-agent -k; fi");
    }
}
