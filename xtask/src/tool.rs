//! Runs another program.
//!
//! Takes a command line; gives its output, or an error that repeats the command line. Never runs a shell.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::place;

/// A command line in the making, started in the checkout's root.
pub struct Tool {
    command: Command,
}

impl Tool {
    /// The program of this name.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(place::root()).stdin(Stdio::null());
        Self { command }
    }

    /// The cargo that runs us, with words that are separated by spaces.
    pub fn cargo(words: &str) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo).words(words)
    }

    /// A program of this name and version that cargo can build, built into the checkout when it is not there yet.
    pub fn installed(name: &str, version: &str) -> Result<PathBuf> {
        let program = place::tools().join("bin").join(name);
        // What cargo notes about what it installed.
        let noted = std::fs::read_to_string(place::tools().join(".crates.toml"));
        let there = noted.is_ok_and(|noted| noted.contains(&format!("\"{name} {version} (")));
        if !(there && program.is_file()) {
            Self::cargo("install --locked --quiet --version")
                .arg(version)
                .arg("--root")
                .arg(place::tools())
                .arg(name)
                .run()?;
        }
        Ok(program)
    }

    /// Adds arguments that hold no spaces themselves.
    pub fn words(mut self, words: &str) -> Self {
        self.command.args(words.split_whitespace());
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds many arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable.
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts it elsewhere than in the root.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it; what it prints is shown.
    pub fn run(mut self) -> Result<()> {
        let line = self.line();
        println!("$ {line}");
        let status = self
            .command
            .status()
            .with_context(|| format!("could not start `{line}`"))?;
        if !status.success() {
            bail!("`{line}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it with all it prints in a file; whether it said yes.
    pub fn log(mut self, file: &Path) -> Result<bool> {
        let line = self.line();
        let out = std::fs::File::create(file)
            .with_context(|| format!("could not write {}", file.display()))?;
        let status = self
            .command
            .stderr(out.try_clone()?)
            .stdout(out)
            .status()
            .with_context(|| format!("could not start `{line}`"))?;
        Ok(status.success())
    }

    /// Runs it silently and gives what it printed.
    pub fn output(mut self) -> Result<String> {
        let line = self.line();
        let output = self
            .command
            .output()
            .with_context(|| format!("could not start `{line}`"))?;
        if !output.status.success() {
            bail!(
                "`{line}` ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no text"))
    }

    /// Whether it starts and says yes; what it prints is dropped.
    pub fn answers(mut self) -> bool {
        self.command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn line(&self) -> String {
        let program = Path::new(self.command.get_program());
        let name = program.file_name().unwrap_or(self.command.get_program());
        let mut line = name.to_string_lossy().into_owned();
        for argument in self.command.get_args() {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }
}
