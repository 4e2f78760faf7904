//! From a target to a link.
//!
//! Takes a parsed target, gives a link that was opened.

use super::link::{Link, LinkError};
use super::sim::Sim;
use super::smp::Smp;
use super::target::{ProbeId, Target};
use super::trouble::Trouble;
use crate::board::Board;

/// Reaches a device. Behind a probe is only a chip: somebody has to say which board it is on. On a line a device says so itself.
pub fn reach(target: &Target, board: Option<&Board>) -> Result<Box<dyn Link>, LinkError> {
    match target {
        Target::Sim(path) => Ok(Box::new(Sim::open(path)?)),
        Target::Probe(id) => probe(id.as_ref(), board),
        Target::Serial { .. } | Target::Tcp { .. } => Ok(Box::new(Smp::open(target, board)?)),
    }
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
