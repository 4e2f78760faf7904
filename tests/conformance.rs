//! The TUF client against a repository simulator of our own: every case of the public suite's list, and what it leaves out.
//!
//! Each case runs against the release protocol of `cuff tuf-client`, in the style of other people's repositories and, where the
//! style knows it, in the style that devices read; in that one it runs once more against a client on a chip (`chip.rs`).
//! `CUFF_TUF_CLIENT` names another client that speaks the protocol (`cargo xtask conformance --client COMMAND`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs
)]

#[path = "conformance/beyond.rs"]
mod beyond;
#[path = "support/boards.rs"]
mod boards;
#[path = "conformance/chip.rs"]
mod chip;
#[path = "conformance/delegations.rs"]
mod delegations;
#[path = "conformance/floor.rs"]
mod floor;
#[path = "conformance/keys.rs"]
mod keys;
#[path = "support/server.rs"]
mod server;
#[path = "conformance/simulator.rs"]
mod simulator;
#[path = "conformance/trust.rs"]
mod trust;
#[path = "conformance/workflow.rs"]
mod workflow;

/// Runs every case in the styles it is for.
#[macro_export]
macro_rules! cases {
    (both: $($both:ident)*; foreign: $($foreign:ident)*; device: $($device:ident)*;) => {
        /// What a client on a chip is held against, and what is not for it.
        pub const CASES: $crate::chip::Cases = $crate::chip::Cases {
            held: &[$((stringify!($both), $both),)* $((stringify!($device), $device),)*],
            foreign: &[$(stringify!($foreign)),*],
        };
        mod foreign {
            use $crate::simulator::Style;
            $(#[test] fn $both() { super::$both(Style::Foreign); })*
            $(#[test] fn $foreign() { super::$foreign(Style::Foreign); })*
        }
        mod device {
            use $crate::simulator::Style;
            $(#[test] fn $both() { super::$both(Style::Device); })*
            $(#[test] fn $device() { super::$device(Style::Device); })*
        }
    };
}
