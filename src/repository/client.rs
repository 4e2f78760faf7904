//! The TUF client: from a root somebody vouches for to verified metadata, over any source.
//!
//! Takes a source, what was trusted before, a profile and a clock; gives a [`View`] or a named refusal. The rules are the
//! verifier's; `client/update.rs` fetches what they ask for and remembers a file, as it was served, only after every check on it has
//! passed.

pub mod files;
pub mod shelf;
pub mod trust;
mod update;

use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::search::MAX_ROLES;
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::{Policy, RootChain};

use super::foreign::ForeignError;
use super::foreign::schemes::AllSchemes;
use super::source::{Source, SourceError};
use super::view::{Finding, View};
use shelf::Shelf;
use trust::{Trust, TrustError};
use update::{Update, read, refused};

/// Largest root file, in bytes.
pub const MAX_ROOT: u64 = 512 << 10;
/// Largest timestamp file, in bytes.
pub const MAX_TIMESTAMP: u64 = 16 << 10;
/// Largest snapshot file, in bytes.
pub const MAX_SNAPSHOT: u64 = 2 << 20;
/// Largest targets file, top-level or delegated, in bytes.
pub const MAX_TARGETS: u64 = 4 << 20;
/// Most root links followed in one update.
pub const MAX_LINKS: usize = 1024;

/// A client about to update.
#[derive(Debug)]
pub struct Client<'c> {
    /// What was trusted before, and is from now on.
    pub trust: &'c mut Trust,
    /// Whose repository it is.
    pub profile: Profile,
    /// What is known of the present.
    pub clock: Clock,
}

impl Client<'_> {
    /// Updates from `source` (TUF 5.2 to 5.6) and looks for every path in `wanted`.
    pub fn update(self, source: &dyn Source, wanted: &[&str]) -> Result<View, ClientError> {
        self.update_and(source, wanted, |_, _| Ok(()))
    }

    /// Like [`update`](Self::update), and does something with every path that was looked for before it looks for the next.
    pub fn update_and<E: From<ClientError>>(
        self,
        source: &dyn Source,
        wanted: &[&str],
        each: impl FnMut(&View, &Finding) -> Result<(), E>,
    ) -> Result<View, E> {
        // A foreign file is kept in two forms.
        let room = Shelf::new(2 * (MAX_LINKS + 8 + 2 * MAX_ROLES * wanted.len().max(1)));
        let update = Update {
            source,
            shelf: &room,
            policy: Policy {
                profile: self.profile,
                clock: self.clock,
                schemes: &AllSchemes,
            },
        };
        update.run(self.trust, wanted, each)
    }

    /// Begins with the root that was given, without a source: it must be signed as it says itself, and is remembered then.
    pub fn begin(self) -> Result<(), ClientError> {
        let room = Shelf::new(2);
        let served = self.trust.anchor().to_vec();
        let document = read(&room, self.profile, "the trusted root", served)?;
        let policy = Policy {
            profile: self.profile,
            clock: self.clock,
            schemes: &AllSchemes,
        };
        let chain = RootChain::anchor(document, policy).map_err(refused("the trusted root"))?;
        let version = chain.root().head.version.get();
        self.trust.accept_root(version, document.served(), false)?;
        Ok(())
    }
}

/// Why a client stops. What it trusted before stays as it was, up to the file that is named.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A rule of the workflow.
    #[error("{file} is refused: {refusal}")]
    Refused {
        /// The file.
        file: String,
        /// The rule.
        refusal: Refusal,
    },
    /// A file that cannot be read in one way only.
    #[error("{file} is refused")]
    Foreign {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: ForeignError,
    },
    /// Half a repository.
    #[error("{file} is missing: the repository is incomplete")]
    Missing {
        /// The file.
        file: String,
    },
    /// More root links than are followed.
    #[error("the repository has more than {MAX_LINKS} roots after the trusted one")]
    TooManyRoots,
    /// More files than one update reads.
    #[error("the repository makes the client read more files than one update may")]
    TooManyFiles,
    /// Not a target path.
    #[error("\"{}\" is no target path: it holds a quote or a backslash", .0.escape_debug())]
    Path(String),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The memory.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl ClientError {
    /// Whether the repository was found wanting, rather than out of reach.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Source(error) => !matches!(error, SourceError::Read { .. }),
            Self::Trust(error) => matches!(
                error,
                TrustError::OtherRoot { .. } | TrustError::NotReached { .. }
            ),
            _ => true,
        }
    }
}
