//! Questions to the person at the terminal.
//!
//! A script never hangs on a question: without a terminal on both standard input and standard error the question is
//! refused, and the refusal names the flag or variable that answers it.

use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

/// A way to ask, if anyone is there.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    terminal: bool,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Nobody to ask.
    #[error("cannot ask {question} without a terminal: use {instead}")]
    NoTerminal {
        /// What would have been asked, as the object of "ask".
        question: String,
        /// The flag or variable that answers it.
        instead: String,
    },
    /// The terminal went away.
    #[error("the terminal gave no answer")]
    Read(#[source] io::Error),
    /// Two different passphrases.
    #[error("the two passphrases differ")]
    Differ,
}

impl Prompt {
    pub(super) fn of_this_process() -> Self {
        Self {
            terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Asks for a secret without echo. `what` names it (`passphrase of alice.key`), `instead` how to give it unasked.
    pub fn secret(self, what: &str, instead: &str) -> Result<Zeroizing<String>, PromptError> {
        self.need_terminal(format!("for the {what}"), instead)?;
        rpassword::prompt_password(format!("{}: ", super::safe(what)))
            .map(Zeroizing::new)
            .map_err(PromptError::Read)
    }

    /// Asks for a new secret, twice.
    pub fn new_secret(self, what: &str, instead: &str) -> Result<Zeroizing<String>, PromptError> {
        let first = self.secret(what, instead)?;
        let again = self.secret(&format!("{what}, again"), instead)?;
        if first == again {
            Ok(first)
        } else {
            Err(PromptError::Differ)
        }
    }

    /// Asks yes or no; only `y` and `yes` are yes.
    pub fn confirm(self, question: &str, instead: &str) -> Result<bool, PromptError> {
        self.need_terminal(format!("`{question}`"), instead)?;
        let mut talk = io::stderr().lock();
        write!(talk, "{} [y/N] ", super::safe(question))
            .and_then(|()| talk.flush())
            .map_err(PromptError::Read)?;
        let mut line = String::new();
        io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(PromptError::Read)?;
        Ok(matches!(
            line.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    fn need_terminal(self, question: String, instead: &str) -> Result<(), PromptError> {
        if self.terminal {
            return Ok(());
        }
        Err(PromptError::NoTerminal {
            question,
            instead: instead.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_the_refusal_names_the_way_out() {
        let prompt = Prompt { terminal: false };
        let error = prompt.confirm("publish to s3://b?", "--yes").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot ask `publish to s3://b?` without a terminal: use --yes"
        );
        assert!(prompt.secret("passphrase", "CUFF_PASSPHRASE").is_err());
    }
}
