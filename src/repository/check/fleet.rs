//! The fleet of a published repository: whether every object that snapshot leads to is there and is what its name says.
//!
//! Reads the chain and judges nothing of its content: which devices a publication would strand is asked on publishing.

use serde_json::Value;

use super::Case;
use crate::repository::source::SourceError;
use crate::role::wire::Hex;

/// Follows the fleet from the snapshot.
pub fn examine(case: &mut Case<'_>, snapshot: Option<&[u8]>) -> Result<(), SourceError> {
    let json: Value = snapshot
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    let Some(newest) = json.pointer("/signed/fleet").and_then(Value::as_str) else {
        return Ok(());
    };
    let newest = object(case, newest)?;
    let before = newest.get("before").and_then(Value::as_array);
    for digest in before.into_iter().flatten().filter_map(Value::as_str) {
        object(case, digest)?;
    }
    Ok(())
}

fn object(case: &mut Case<'_>, digest: &str) -> Result<Value, SourceError> {
    let name = format!("fleet/{digest}.json");
    let Some(bytes) = case.read(&name, MAX_PAGE)? else {
        return Ok(Value::Null);
    };
    let found = Hex::sha256(&bytes).to_string();
    if found != digest {
        let message = format!("expected SHA-256 {digest}, found {found}: `publish` will refuse");
        case.error("changed-fleet", &name, message);
    }
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Room for some ten thousand publications.
const MAX_PAGE: u64 = 4 << 20;
