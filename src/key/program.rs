//! Programs that sign: the way out for key stores cuff does not know.
//!
//! It takes a program and runs it once for the public key and once a signature (docs/signers.md has the protocol). The program
//! is trusted with nothing but the key it keeps: what it gives is verified by whoever asked.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::str::FromStr;

use cuff_verifier::digest::decode_hex;
use percent_encoding::percent_decode_str;

use super::{PublicKey, PublicKeyError, SignError, Signer};

/// A program and the words it is given before the verb: `exec:PROGRAM?arg=WORD&arg=WORD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    text: String,
    path: String,
    words: Vec<String>,
}

impl FromStr for Program {
    type Err = ProgramUriError;

    fn from_str(rest: &str) -> Result<Self, ProgramUriError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decode = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(Cow::into_owned)
                .map_err(|_| ProgramUriError::NotText)
        };
        let words = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| match part.split_once('=') {
                Some(("arg", word)) => decode(word),
                _ => Err(ProgramUriError::Unknown(part.to_owned())),
            })
            .collect::<Result<_, _>>()?;
        let path = decode(path)?;
        if path.is_empty() {
            return Err(ProgramUriError::NoProgram);
        }
        Ok(Self {
            text: format!("exec:{rest}"),
            path,
            words,
        })
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A program URI that is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramUriError {
    /// Nothing to run.
    #[error("exec: names no program")]
    NoProgram,
    /// Not UTF-8 behind the percent signs.
    #[error("the program in exec: is not UTF-8")]
    NotText,
    /// Only words are passed on.
    #[error("`{}` in exec: is not supported: expected arg=WORD", .0.escape_debug())]
    Unknown(String),
}

/// Signs through a program.
#[derive(Debug)]
pub struct ProgramSigner {
    program: Program,
    public: PublicKey,
}

impl ProgramSigner {
    /// Asks the program for its public key.
    pub fn open(program: &Program) -> Result<Self, ProgramError> {
        let answer: [u8; 32] = program.run("public", &[])?;
        Ok(Self {
            program: program.clone(),
            public: PublicKey(answer).strong()?,
        })
    }
}

impl Signer for ProgramSigner {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn describe(&self) -> String {
        format!("program `{}`", self.program.path)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.program
            .run("sign", message)
            .map_err(|error| SignError {
                signer: self.describe(),
                source: Some(error.into()),
            })
    }
}

impl Program {
    /// Runs it and reads one line of `N` bytes in hex. Its standard error is the person's: it may ask them for a touch.
    fn run<const N: usize>(
        &self,
        verb: &'static str,
        input: &[u8],
    ) -> Result<[u8; N], ProgramError> {
        let program = self.path.clone();
        let failed = |source| ProgramError::Run {
            program: self.path.clone(),
            source,
        };
        let mut child = Command::new(&self.path)
            .args(&self.words)
            .arg(verb)
            .env("CUFF_SIGNER_PROTOCOL", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        // A program may answer before it has read all: its exit status and its answer say whether that was right.
        let stdin = child.stdin.take();
        let (answer, status) = std::thread::scope(|scope| -> io::Result<(Vec<u8>, ExitStatus)> {
            scope.spawn(|| {
                if let Some(mut stdin) = stdin {
                    let _ = stdin.write_all(input);
                }
            });
            let mut answer = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MAX_ANSWER).read_to_end(&mut answer)?;
            }
            Ok((answer, child.wait()?))
        })
        .map_err(failed)?;
        if !status.success() {
            return Err(ProgramError::Failed {
                program,
                verb,
                status,
            });
        }
        let mut bytes = [0; N];
        let line = answer.strip_suffix(b"\n").unwrap_or(&answer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        decode_hex(line, &mut bytes).ok_or_else(|| ProgramError::Answer {
            program,
            verb,
            expected: 2 * N,
            found: line.len(),
        })?;
        Ok(bytes)
    }
}

/// Why a program gave nothing to use.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Not there, not executable.
    #[error("cannot run the signing program `{program}`")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It said no.
    #[error("the signing program `{program} {verb}` failed ({status})")]
    Failed {
        /// The program.
        program: String,
        /// What it was asked.
        verb: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// Not one line of hex.
    #[error(
        "the signing program `{program} {verb}` must print {expected} lower-case hexadecimal digits and nothing else, it printed {found} characters"
    )]
    Answer {
        /// The program.
        program: String,
        /// What it was asked.
        verb: &'static str,
        /// Digits.
        expected: usize,
        /// Characters.
        found: usize,
    },
    /// A weak key.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
}

/// 128 digits, a line feed, and enough more to see that it is too much.
const MAX_ANSWER: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_passed_and_nothing_else() {
        let program: Program = "/bin/my%20signer?arg=--slot&arg=a%26b".parse().unwrap();
        assert_eq!(program.path, "/bin/my signer");
        assert_eq!(program.words, ["--slot", "a&b"]);
        assert_eq!("".parse::<Program>(), Err(ProgramUriError::NoProgram));
        assert_eq!(
            "p?word=1".parse::<Program>(),
            Err(ProgramUriError::Unknown("word=1".to_owned()))
        );
    }
}
