//! Exit codes: what a script learns without reading a word.
//!
//! "No" and "could not find out" are different numbers, because a script must not treat a broken disk as a refusal, nor
//! the other way round. `docs/exit-codes.md` is the table for people.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Exit {
    /// The answer is yes; what was asked is done.
    Yes,
    /// The answer is no: refused, expired, under threshold, already there.
    No,
    /// The command line, a manifest or a configuration file is wrong.
    Usage,
    /// It could not be found out: disk, network, probe, an interrupted prompt.
    Unknown,
}

impl Exit {
    /// All of them, for the table in the documentation.
    pub const ALL: &[Self] = &[Self::Yes, Self::No, Self::Usage, Self::Unknown];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_ends_share_a_code() {
        let codes: HashSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
