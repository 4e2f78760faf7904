//! Drives the real `cuff` binary the way a person does, in a folder of its own, and writes down what happened.
//!
//! A test file says `#[path = "support/cuff.rs"] mod support;`. Give it arguments, get a [`Transcript`]: arguments, exit
//! code, stdout and stderr together, for an inline `insta` snapshot. Temporary paths become `[dir]`; long hex and other
//! things that differ from run to run are replaced only where the test asks for it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc
)]

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with nothing in it, which is both home and working directory of every `cuff` it runs.
pub struct Desk {
    folder: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
    replacements: Vec<(String, String)>,
    hide_hex: bool,
}

/// What one run of `cuff` said and did.
pub struct Transcript {
    /// The process's exit code.
    pub code: i32,
    /// What it answered, as it was.
    pub stdout: String,
    /// What it said besides, as it was.
    pub stderr: String,
    shown: String,
}

impl Desk {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            replacements: Vec::new(),
            hide_hex: false,
        }
    }

    /// From now on `cuff` runs with this environment variable.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// From now on transcripts show `[hex]` for every run of 32 or more lower-case hexadecimal digits.
    pub fn hide_hex(mut self) -> Self {
        self.hide_hex = true;
        self
    }

    /// From now on transcripts show `to` for every `from`.
    pub fn replace(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.replacements.push((from.into(), to.into()));
        self
    }

    /// The path of a file in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into it.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Reads a text file in it.
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of all files below it, sorted, for tests that say what was and was not written.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.folder.path(), self.folder.path(), &mut found);
        found.sort();
        found
    }

    /// Copies the project's example keys into it.
    pub fn with_example_keys(self) -> Self {
        for entry in fs::read_dir(project().join("keys.example")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, self.path(path.file_name().unwrap())).unwrap();
        }
        self
    }

    /// Puts the example keys into it, and says how they open and where the working directory is: `desk`.
    pub fn with_a_working_directory(self) -> Self {
        self.with_example_keys()
            .variable("CUFF_PASSPHRASE", "example")
            .variable("CUFF_DESK", "desk")
    }

    /// The digest that `cuff review` shows, all of it.
    pub fn review_digest(&self) -> String {
        let review = self.cuff("review --json").expect(0).json();
        review["digest"].as_str().unwrap().to_owned()
    }

    /// Lets the holder of `PERSON.key` review and sign.
    pub fn sign(&self, person: &str) -> Transcript {
        let digest = self.review_digest();
        self.cuff(&format!("sign --key {person}.key --review {digest}"))
    }

    /// Lets the online key publish.
    pub fn publish(&self) -> Transcript {
        self.cuff("publish --online-key online.key")
    }

    /// Runs `cuff` with these words, split at spaces.
    pub fn cuff(&self, line: &str) -> Transcript {
        self.run(line.split_whitespace(), "")
    }

    /// Runs `cuff` with these arguments and this standard input.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Transcript {
        let mut command = self.command();
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        command
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone before it is written to.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        self.transcript(&words.join(" "), &output)
    }

    /// `cuff` in this folder with nothing of the caller's environment but the path, for tests that need pipes of their own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuff"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    fn transcript(&self, line: &str, output: &std::process::Output) -> Transcript {
        let code = output.status.code().unwrap_or(-1);
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        // A snapshot is a source file: no control characters of the arguments in it.
        let line = cuff::console::safe(line);
        let mut shown = format!("$ cuff {line}\nexit: {code}\n");
        for (name, text) in [("stdout", &stdout), ("stderr", &stderr)] {
            if !text.is_empty() {
                let text = text.trim_end_matches('\n');
                shown.extend(["--- ", name, "\n", text, "\n"]);
            }
        }
        Transcript {
            code,
            stdout,
            stderr,
            shown: self.replaced(shown),
        }
    }

    fn replaced(&self, mut text: String) -> String {
        let folder = self.folder.path();
        let real = folder.canonicalize().unwrap();
        for path in [real.as_path(), folder] {
            text = text.replace(path.to_str().unwrap(), "[dir]");
        }
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        if self.hide_hex { hide_hex(&text) } else { text }
    }
}

impl Transcript {
    /// The answer as JSON; fails the test if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Fails the test, showing the transcript, unless `cuff` left with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The project's own folder, for fixtures.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the person asked for committed, generated files to be written anew: `CUFF_BLESS=1 cargo test`.
pub fn blessing() -> bool {
    std::env::var_os("CUFF_BLESS").is_some()
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            found.push(
                path.strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
}

fn hide_hex(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() || matches!(character, 'a'..='f') {
            run.push(character);
            continue;
        }
        out.push_str(if run.len() >= 32 { "[hex]" } else { &run });
        run.clear();
        out.push(character);
    }
    out.pop();
    out
}
