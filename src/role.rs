//! The authoring side of TUF metadata: what the desk writes and people sign.
//!
//! A role is edited as typed values, frozen into canonical bytes, signed by people one at a time and sealed once its
//! thresholds are met: [`pipeline::Draft`] to [`pipeline::Staged`] to [`pipeline::Signed`]. What a client or a device
//! accepts is never decided here but in the verifier.

pub mod authority;
pub mod bin;
pub mod bins;
pub mod canonical;
pub mod name;
pub mod pipeline;
pub mod product;
pub mod root;
pub mod snapshot;
pub mod targets;
pub mod timestamp;
pub mod wire;
