//! What chip and host say to each other, over two streams of bytes. The host's side reads this very file.
//!
//! The host begins with an order: a task, the time, and target paths. From then on the chip asks and the host answers, until
//! the chip says how it ended. Numbers are little-endian.
//!
//! ```text
//! order     task u8, seconds since 1970 u64, count of paths u32, and for each path its length u32 and its bytes
//! question  word u8, most u32, length of the name u32, length of the body u32, name, body
//! answer    state u8, length u32, bytes
//! ```
//!
//! An answer with another state than [`HERE`] has no bytes. [`SAY`], [`YES`] and [`NO`] get no answer.

/// Task: begin with the root that is given.
pub const BEGIN: u8 = b'i';
/// Task: update the top-level metadata, then download every path of the order.
pub const UPDATE: u8 = b'u';

/// Fetch a file below the metadata's address, of at most so many bytes.
pub const METADATA: u8 = b'M';
/// Fetch a file below the targets' address, of at most so many bytes.
pub const TARGET: u8 = b'T';
/// Bring the root file that the client was given.
pub const GIVEN: u8 = b'G';
/// Bring a file that was kept before.
pub const KEPT: u8 = b'R';
/// Bring the target that was placed under this path before.
pub const PLACED: u8 = b'O';
/// Keep the body under this name.
pub const KEEP: u8 = b'K';
/// Take away what was kept under this name.
pub const FORGET: u8 = b'F';
/// Place the body where targets go, under this path.
pub const PLACE: u8 = b'P';
/// Tell people.
pub const SAY: u8 = b'S';
/// It ended well.
pub const YES: u8 = b'Y';
/// It ended with a refusal.
pub const NO: u8 = b'N';

/// Here it is, or it is done.
pub const HERE: u8 = b'h';
/// There is no such file.
pub const ABSENT: u8 = b'a';
/// There is one, and it is longer than the most that was asked for.
pub const LONGER: u8 = b'l';
/// It could not be brought, or not be done.
pub const FAILED: u8 = b'f';
