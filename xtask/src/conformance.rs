//! The client's cases against our own repository simulator (docs/conformance.md), alone.
//!
//! Takes another client that speaks the protocol, if one is named, and the cases it is for; without one it is `cuff tuf-client`.

use anyhow::Result;

use crate::tool::Tool;

/// Runs them.
pub fn run(client: Option<&str>, style: Option<&str>) -> Result<()> {
    let mut tool =
        Tool::cargo("nextest run --locked --no-fail-fast --package cuff --test conformance");
    tool = match client {
        Some(client) => tool.env("CUFF_TUF_CLIENT", client),
        None => tool.without("CUFF_TUF_CLIENT"),
    };
    if let Some(style) = style {
        tool = tool.words("-E").arg(format!("test({style}::)"));
    }
    tool.run()
}
