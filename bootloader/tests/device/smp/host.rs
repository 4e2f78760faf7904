//! A unit and whoever talks to it on its serial line.

use ciborium::{Value, cbor};
use cuff_bootloader::{
    boot::Ended,
    plan::HandOver,
    slot::{self, Offer},
    smp::{
        After, Mode, Server, Stand,
        frame::{self, Inbound},
    },
};
use cuff_verifier::{digest::Digest, verdict::Reason};

use crate::{
    signer::{Release, Repository},
    wearable::{BOOTLOADER, Wearable, unit},
};

const ROOM: usize = 516;
pub const AT_REST: HandOver = HandOver::Jump { trial: None };
pub const NONCE: [u8; 16] = *b"nonce-nonce-0001";
pub const OS: u16 = 0;
pub const IMAGE: u16 = 1;

/// A unit and whoever talks to it.
pub struct Bench {
    pub unit: Wearable,
    pub server: Server<'static, ROOM>,
    sequence: u8,
}

impl Bench {
    pub fn new(unit: Wearable) -> Self {
        let mode = Mode::Application;
        let ended = Ended {
            hand_over: AT_REST,
            inbox: None,
            candidate: None,
        };
        Self {
            unit,
            server: server(mode, ended),
            sequence: 0,
        }
    }

    /// Resets the unit; whoever stays serves.
    pub fn reboot(&mut self) -> Ended {
        let ended = self.unit.boot_and_tell();
        let mode = match ended.hand_over {
            HandOver::Recovery(_) => Mode::Recovery,
            HandOver::Jump { .. } => Mode::Application,
        };
        self.server = server(mode, ended);
        ended
    }

    pub fn reset(&mut self) {
        let _told_by_what_runs_then = self.reboot();
    }

    pub fn say(&mut self, bytes: &[u8]) -> (Vec<u8>, After) {
        let mut heard = Vec::new();
        let mut after = After::Listen;
        for byte in bytes {
            let mut chip =
                cuff_bootloader::flash::Chip::new(&mut self.unit.flash, self.unit.layout);
            let said = &mut |bytes: &[u8]| heard.extend_from_slice(bytes);
            match self.server.hear(&mut chip, *byte, said) {
                After::Listen => {}
                reset @ After::Reset(_) => after = reset,
            }
        }
        (heard, after)
    }

    /// The whole answer packet, if there is one.
    pub fn exchange(&mut self, packet: &[u8]) -> (Option<Vec<u8>>, After) {
        let mut line = Vec::new();
        frame::send(packet, &mut |bytes| line.extend_from_slice(bytes));
        let (heard, after) = self.say(&line);
        let mut inbound = Inbound::<1024>::new();
        let mut packets = heard
            .iter()
            .filter_map(|byte| Some(inbound.push(*byte)?.to_vec()));
        let answer = packets.next();
        assert_eq!(packets.next(), None, "one answer");
        (answer, after)
    }

    pub fn ask(&mut self, write: bool, group: u16, command: u8, payload: &Value) -> Value {
        self.sequence = self.sequence.wrapping_add(1);
        let mut body = Vec::new();
        ciborium::into_writer(payload, &mut body).expect("writes");
        let op = 8 | if write { 2 } else { 0 };
        let packet = [
            &[op, 0][..],
            &u16::try_from(body.len()).expect("short").to_be_bytes(),
            &group.to_be_bytes(),
            &[self.sequence, command],
            &body,
        ]
        .concat();
        let answer = self.exchange(&packet).0.expect("answered");
        assert_eq!(answer[0], op + 1);
        assert_eq!(answer[2..4], ((answer.len() - 8) as u16).to_be_bytes());
        assert_eq!(answer[4..8], packet[4..8]);
        ciborium::from_reader(&answer[8..]).expect("reads")
    }

    pub fn first_piece(&mut self, file: &[u8], size: usize) -> Value {
        let sha = Value::Bytes(Digest::of(file).0.to_vec());
        let data = Value::Bytes(file[..size.min(file.len())].to_vec());
        let piece = cbor!({
            "off" => 0, "len" => file.len(), "sha" => sha, "data" => data,
            "image" => 0, "upgrade" => false
        });
        self.ask(true, IMAGE, 1, &piece.expect("writes"))
    }

    pub fn piece(&mut self, file: &[u8], at: usize, size: usize) -> Value {
        let data = Value::Bytes(file[at..(at + size).min(file.len())].to_vec());
        let piece = cbor!({ "off" => at, "data" => data }).expect("writes");
        self.ask(true, IMAGE, 1, &piece)
    }

    /// Uploads as a stock client does; gives the last answer.
    pub fn upload(&mut self, file: &[u8], size: usize) -> Value {
        self.upload_until(file, size, usize::MAX)
    }

    pub fn upload_until(&mut self, file: &[u8], size: usize, stop: usize) -> Value {
        let mut answer = self.first_piece(file, size);
        while let Some(at) = off(&answer)
            && at < file.len().min(stop)
        {
            answer = self.piece(file, at, size);
        }
        answer
    }

    pub fn state(&mut self) -> Vec<Value> {
        let state = self.ask(false, IMAGE, 0, &cbor!({}).expect("writes"));
        get(&state, "images").as_array().expect("a list").clone()
    }

    pub fn offer(&mut self) -> Offer {
        slot::offer(&mut self.unit.chip())
    }

    pub fn candidate(&self) -> Vec<u8> {
        let slot = self.unit.layout.candidate;
        self.unit.flash.contents()[slot.offset as usize..slot.end() as usize].to_vec()
    }
}

fn server(mode: Mode, ended: Ended) -> Server<'static, ROOM> {
    Server::new(Stand {
        mode,
        board: "desk",
        bootloader: BOOTLOADER,
        ended,
        nonce: NONCE,
    })
}

pub fn get<'v>(value: &'v Value, key: &str) -> &'v Value {
    let map = value.as_map().expect("a map");
    let found = map.iter().find(|(name, _)| name.as_text() == Some(key));
    &found.unwrap_or_else(|| panic!("no {key} in {value:?}")).1
}

pub fn off(value: &Value) -> Option<usize> {
    let map = value.as_map()?;
    let (_, at) = map.iter().find(|(name, _)| name.as_text() == Some("off"))?;
    usize::try_from(at.as_integer()?).ok()
}

pub fn refused(value: &Value, rc: u8, reason: Reason) {
    let said = format!("reason {}", reason.code());
    assert_eq!(
        *value,
        cbor!({ "rc" => rc, "rsn" => said }).expect("writes")
    );
}

pub fn complete(value: &Value, file: &[u8]) {
    let whole = cbor!({ "off" => file.len(), "match" => true });
    assert_eq!(*value, whole.expect("writes"));
}

pub fn none() -> Value {
    cbor!({}).expect("writes")
}

/// A release that came after the factory's, and its file.
pub fn update(repository: &mut Repository, new: &Release) -> Vec<u8> {
    repository.release(new.clone());
    [repository.evidence(&new.path(), 2), new.image.clone()].concat()
}

pub fn bench() -> (Repository, Bench, Release, Vec<u8>) {
    let (mut repository, unit) = unit();
    let new = Release::new("1.1", 2, 2500);
    let file = update(&mut repository, &new);
    (repository, Bench::new(unit), new, file)
}

pub fn in_recovery() -> (Repository, Bench, Release, Vec<u8>) {
    let (repository, mut bench, new, file) = bench();
    bench.unit.damage(bench.unit.layout.active, 1000);
    let ended = bench.reboot();
    assert_eq!(ended.hand_over, HandOver::Recovery(Reason::ActiveMismatch));
    (repository, bench, new, file)
}
