//! The `cuff` command.
fn main() {}
