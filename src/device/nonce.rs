//! Sixteen bytes to ask a device with, which nobody can have answered before.

use super::link::LinkError;

/// Fresh random bytes from the system.
pub fn nonce() -> Result<[u8; 16], LinkError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| LinkError::Lost {
        why: format!("this machine gave no random bytes to ask with: {error}"),
    })?;
    Ok(nonce)
}
