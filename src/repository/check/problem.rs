//! One thing that is wrong with a repository.
//!
//! A problem has a rule that scripts can match on: the device's own name for it where a device would refuse, and otherwise one
//! from the table in docs/verify.md.

use schemars::JsonSchema;
use serde::Serialize;

/// A problem. They sort worst first, then by subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file or release it is about.
    pub subject: String,
    /// The rule that is broken, in kebab case.
    pub rule: String,
    /// What is expected and what was found.
    pub message: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Clients or devices refuse something, or will; or a secret lies open.
    Error,
    /// It works today, and somebody should look.
    Warning,
    /// Normal, and worth knowing.
    Note,
}

impl Severity {
    /// The word in front of the problem.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}
