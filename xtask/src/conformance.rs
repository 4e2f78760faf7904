//! The client's cases against our own repository simulator (docs/conformance.md), alone.
//!
//! Takes another client that speaks the protocol, if one is named, and the cases it is for; without one it is `cuff tuf-client`.
//! Or a chip: then every case of devices is asked, not the sample that the tests take, and clients that are wrong on purpose
//! are found out.

use anyhow::Result;

use crate::setup;
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

/// Runs those of a client on a chip.
pub fn device() -> Result<()> {
    setup::run()?;
    Tool::cargo("test --quiet --locked --package cuff --test conformance chip::")
        .env("CUFF_SWEEP", "all")
        .without("CUFF_QUICK")
        .without("CUFF_TUF_CLIENT")
        .run()
}
