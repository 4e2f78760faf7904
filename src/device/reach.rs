//! From a target to a link.
//!
//! Takes a parsed target, gives a link that was opened, or says that this build has no way there.

use super::link::{Link, LinkError};
use super::sim::Sim;
use super::target::Target;

/// Reaches a device.
pub fn reach(target: &Target) -> Result<Box<dyn Link>, ReachError> {
    let way = match target {
        Target::Sim(path) => return Ok(Box::new(Sim::open(path)?)),
        Target::Probe(_) => "debug probes",
        Target::Serial { .. } => "serial lines",
        Target::Tcp { .. } => "serial lines behind a socket",
    };
    Err(ReachError::NoWay {
        target: target.to_string(),
        way,
    })
}

/// Why a device was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Nothing in this build speaks that.
    #[error("this build does not reach {way} yet: `{target}` was not tried")]
    NoWay {
        /// The target as typed.
        target: String,
        /// What it needs.
        way: &'static str,
    },
    /// It was tried.
    #[error(transparent)]
    Link(#[from] LinkError),
}
