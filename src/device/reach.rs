//! From a target to a link.
//!
//! Takes a parsed target, gives a link that was opened, or says that this build has no way there.

use super::link::{Link, LinkError};
use super::sim::Sim;
use super::target::{ProbeId, Target};
use super::trouble::Trouble;
use crate::board::Board;

/// Reaches a device. Behind a probe is only a chip: somebody has to say which board it is on.
pub fn reach(target: &Target, board: Option<&Board>) -> Result<Box<dyn Link>, ReachError> {
    let way = match target {
        Target::Sim(path) => return Ok(Box::new(Sim::open(path)?)),
        Target::Probe(id) => return Ok(probe(id.as_ref(), board)?),
        Target::Serial { .. } => "serial lines",
        Target::Tcp { .. } => "serial lines behind a socket",
    };
    Err(ReachError::NoWay {
        target: target.to_string(),
        way,
    })
}

#[cfg(feature = "probe")]
fn probe(id: Option<&ProbeId>, board: Option<&Board>) -> Result<Box<dyn Link>, LinkError> {
    let board = board.ok_or(Trouble::NoBoard)?;
    Ok(Box::new(super::probe::Probe::open(id, board)?))
}

#[cfg(not(feature = "probe"))]
fn probe(_: Option<&ProbeId>, _: Option<&Board>) -> Result<Box<dyn Link>, LinkError> {
    Err(Trouble::NotBuilt.into())
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
