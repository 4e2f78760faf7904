//! A device that is none of ours: it speaks SMP as those of `MCUboot` and Zephyr do, over a socket, and knows no cuff group.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ciborium::{Value, cbor};
use cuff_bootloader::smp::frame::{self, Inbound};
use cuff_verifier::digest::Digest;

/// What it holds; `None` is an empty slot.
#[derive(Default)]
pub struct Slots {
    pub running: Vec<u8>,
    pub second: Vec<u8>,
    pub length: usize,
    pub pending: bool,
    pub resets: usize,
}

/// A running one; it ends with the process.
pub struct Foreign {
    port: u16,
    pub slots: Arc<Mutex<Slots>>,
}

impl Foreign {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let slots = Arc::new(Mutex::new(Slots {
            running: b"what it came with".to_vec(),
            ..Slots::default()
        }));
        let theirs = Arc::clone(&slots);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let slots = Arc::clone(&theirs);
                thread::spawn(move || serve(stream, &slots));
            }
        });
        Self { port, slots }
    }

    pub fn target(&self) -> String {
        format!("tcp:127.0.0.1:{}", self.port)
    }
}

fn serve(mut stream: TcpStream, slots: &Mutex<Slots>) {
    let mut inbound = Box::new(Inbound::<512>::new());
    let mut bytes = [0; 512];
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        for byte in &bytes[..length] {
            let Some(packet) = inbound.push(*byte) else {
                continue;
            };
            let answer = answer(packet, &mut slots.lock().unwrap());
            let mut lines = b"*** Booting Zephyr OS ***\n".to_vec();
            frame::send(&answer, &mut |piece| lines.extend_from_slice(piece));
            if stream.write_all(&lines).is_err() {
                return;
            }
        }
    }
}

fn answer(packet: &[u8], slots: &mut Slots) -> Vec<u8> {
    let arguments: Value = ciborium::from_reader(&packet[8..]).unwrap_or(Value::Map(Vec::new()));
    let arguments: BTreeMap<String, Value> = arguments
        .into_map()
        .unwrap()
        .into_iter()
        .map(|(name, value)| (name.into_text().unwrap(), value))
        .collect();
    let said = match (
        packet[0] & 7,
        u16::from_be_bytes([packet[4], packet[5]]),
        packet[7],
    ) {
        (2, 0, 5) => {
            slots.resets += 1;
            if std::mem::take(&mut slots.pending) {
                let slots = &mut *slots;
                std::mem::swap(&mut slots.running, &mut slots.second);
            }
            cbor!({})
        }
        (0, 0, 6) => cbor!({ "buf_size" => 384, "buf_count" => 4 }),
        (0, 0, 8) if arguments.contains_key("query") => cbor!({ "mode" => 3 }),
        (0, 0, 8) => cbor!({ "bootloader" => "MCUboot" }),
        (0, 1, 0) => Ok(state(slots)),
        (2, 1, 0) => {
            let hash = arguments.get("hash").and_then(Value::as_bytes);
            if hash == Some(&Digest::of(&slots.second).0.to_vec()) {
                slots.pending = true;
                Ok(state(slots))
            } else {
                cbor!({ "err" => { "group" => 1, "rc" => 8 } })
            }
        }
        (2, 1, 1) => {
            let off = arguments["off"].as_integer().unwrap();
            if off == 0.into() {
                slots.second.clear();
                let length = arguments["len"].as_integer().unwrap();
                slots.length = usize::try_from(length).unwrap();
            }
            if usize::try_from(off).unwrap() == slots.second.len() {
                slots.second.extend(arguments["data"].as_bytes().unwrap());
            }
            let at = slots.second.len();
            if at == slots.length {
                cbor!({ "off" => at, "match" => true })
            } else {
                cbor!({ "off" => at })
            }
        }
        // Zephyr: no such group or command.
        _ => cbor!({ "rc" => 8 }),
    };
    let mut body = Vec::new();
    ciborium::into_writer(&said.unwrap(), &mut body).unwrap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let head = [
        packet[0] + 1,
        0,
        length[0],
        length[1],
        packet[4],
        packet[5],
        packet[6],
        packet[7],
    ];
    [&head[..], &body].concat()
}

fn state(slots: &Slots) -> Value {
    let mut images = vec![
        cbor!({
            "slot" => 0, "version" => "1.0.0", "hash" => Value::Bytes(Digest::of(&slots.running).0.to_vec()),
            "bootable" => true, "confirmed" => slots.resets == 0, "active" => true
        })
        .unwrap(),
    ];
    if !slots.second.is_empty() {
        images.push(
            cbor!({
                "slot" => 1, "version" => "0.0.0", "hash" => Value::Bytes(Digest::of(&slots.second).0.to_vec()),
                "bootable" => true, "pending" => slots.pending
            })
            .unwrap(),
        );
    }
    cbor!({ "images" => images, "splitStatus" => 0 }).unwrap()
}
