//! What the verifier costs.
use anyhow::Result;
/// Runs.
pub fn run() -> Result<()> {
    Ok(())
}
