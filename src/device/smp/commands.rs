//! Cuff's own SMP group, as a client writes and reads it (docs/smp.md).

use cuff_bootloader::smp::GROUP;
use mcumgr_toolkit::commands::McuMgrCommand;
use serde::{Deserialize, Serialize};

/// Who is there, and how its last boot ended.
#[derive(Serialize)]
pub struct AskUnit {}

/// The answer. Nothing of it is proven.
#[derive(Clone, Debug, Deserialize)]
pub struct UnitAnswer {
    /// The board, as the device names it.
    pub board: String,
    /// The version of its bootloader.
    pub bootloader: u64,
    /// 0 the application answers, 1 the bootloader.
    pub mode: u8,
    /// The nonce of the reset before its last boot.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 16],
    /// 0 it runs, 1 it runs on trial, 2 recovery.
    pub end: u8,
    /// Why recovery.
    pub reason: u16,
    /// 0 nothing, 1 yes, or a reason.
    pub inbox: u16,
    /// The same of a candidate.
    pub candidate: u16,
    /// Packets it dropped.
    pub broken: u32,
    /// 0 sound, 1 damaged, 2 blank.
    pub trust: u8,
    /// The larger of record and counter pages.
    #[serde(default)]
    pub counter: u64,
    /// How often the image on trial has started.
    #[serde(default)]
    pub starts: u32,
    /// The last record of its tamper log.
    #[serde(default)]
    pub log: u32,
    /// That record's hash.
    #[serde(default, with = "serde_bytes")]
    pub head: [u8; 16],
}

/// A piece of the trust record and the root behind it.
#[derive(Serialize)]
pub struct AskRecord {
    /// From where.
    pub off: u64,
}

/// A piece of the tamper log's region.
#[derive(Serialize)]
pub struct AskLog {
    /// From where.
    pub off: u64,
}

/// A piece of memory.
#[derive(Debug, Deserialize)]
pub struct Piece {
    /// From where.
    pub off: u64,
    /// How long the whole is.
    pub len: u64,
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

/// What the active slot holds.
#[derive(Serialize)]
pub struct AskImage {}

/// Its digest, computed when it was asked for.
#[derive(Debug, Deserialize)]
pub struct ImageAnswer {
    /// Bytes that were hashed.
    pub len: u64,
    /// Their SHA-256.
    #[serde(with = "serde_bytes")]
    pub sha: [u8; 32],
}

/// Reset, and know the answer again.
#[derive(Serialize)]
pub struct Reset {
    /// What the next answer must carry.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 16],
}

/// Nothing.
#[derive(Debug, Deserialize)]
pub struct Done {}

macro_rules! command {
    ($($request:ty => $response:ty, $number:literal, $write:literal;)+) => {$(
        impl McuMgrCommand for $request {
            type Payload = Self;
            type Response = $response;

            fn is_write_operation(&self) -> bool {
                $write
            }

            fn group_id(&self) -> u16 {
                GROUP
            }

            fn command_id(&self) -> u8 {
                $number
            }

            fn data(&self) -> &Self {
                self
            }
        }
    )+};
}

command! {
    AskUnit => UnitAnswer, 0, false;
    AskRecord => Piece, 1, false;
    AskLog => Piece, 2, false;
    AskImage => ImageAnswer, 3, false;
    Reset => Done, 5, true;
}
