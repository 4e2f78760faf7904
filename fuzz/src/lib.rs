//! What the fuzz targets ask. Each function takes bytes and panics when a promise is broken; returning is passing.
//!
//! | room | what it asks |
//! |---|---|
//! | [`decode`] | every reader of outside bytes: no panic, and what was read writes back the same |
//! | [`flash`] | the bootloader over flash that holds anything at all |
//! | [`serial`] | a wearable's serial line with anything at all on it |
//! | [`hostile`] | a repository whose signers have gone mad: validly signed, hostile metadata |
//! | [`trusted`] | the whole walk over such a repository, held against what an independent count says |
//! | [`other`] | the same repository before sigstore-tuf: what it refuses, we must refuse |

#[path = "../../xtask/src/vectors/author.rs"]
#[allow(dead_code, missing_docs, clippy::pedantic, clippy::new_without_default)]
pub mod author;
pub mod decode;
pub mod flash;
pub mod hostile;
pub mod other;
#[path = "../../tests/support/ring_provider.rs"]
pub mod ring_provider;
pub mod serial;
pub mod trusted;
