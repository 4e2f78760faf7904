//! Opening a bundle and recomputing what its record says.
//!
//! Gives the record as it stands in signed metadata, once every digest and length in the bundle was found to be true.

use crate::bundle::{Bundle, BundleError};
use crate::role::record::Record;

/// The record of a bundle that holds.
pub fn record(bytes: &[u8]) -> Result<Record, RecomputeError> {
    let bundle = Bundle::open(bytes)?;
    Ok(serde_json::from_value(bundle.record().value())?)
}

/// Bytes that cannot be staged.
#[derive(Debug, thiserror::Error)]
pub enum RecomputeError {
    /// Not a bundle, or one that contradicts itself.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The record is one the desk cannot write.
    #[error("the release record of the bundle has members the desk does not know")]
    Shape(#[from] serde_json::Error),
}
