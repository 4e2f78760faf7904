//! A stand-in for Vault: the three answers of its transit engine that cuff asks for, over plain HTTP on this machine. Nothing
//! here ran against a live service.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64ct::{Base64, Encoding};
use cuff::key::secret::SecretKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::found;
use crate::support::Desk;

pub const TOKEN: &str = "s.only-for-this-test";

/// A server that lives as long as the test process; it notes every request line.
pub fn vault(kind: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), kind, &notes);
        }
    });
    (address, asked)
}

/// One request, as Vault's API documentation describes it (GET /transit/keys/:name, POST /transit/sign/:name).
fn answer(stream: &TcpStream, kind: &str, notes: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-vault-token" => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    notes.lock().unwrap().push(line.trim().to_owned());
    let words: Vec<&str> = line.split(' ').collect();
    let (status, answer) = match (words[0], words[1]) {
        _ if token != TOKEN => (403, json!({"errors": ["permission denied"]})),
        ("GET", "/v1/transit/keys/band") => {
            let key = |seed| json!({"public_key": Base64::encode_string(&secret(seed).public().0)});
            let keys = json!({"1": key(1), "2": key(2)});
            (
                200,
                json!({"data": {"type": kind, "latest_version": 2, "derived": false, "keys": keys}}),
            )
        }
        ("POST", "/v1/transit/sign/band") => {
            let version = u8::try_from(body["key_version"].as_u64().unwrap()).unwrap();
            let message = Base64::decode_vec(body["input"].as_str().unwrap()).unwrap();
            let signature = Base64::encode_string(&secret(version).sign(&message));
            (
                200,
                json!({"data": {"signature": format!("vault:v{version}:{signature}")}}),
            )
        }
        _ => (404, json!({"errors": []})),
    };
    let text = answer.to_string();
    let mut stream = stream;
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all((head + &text).as_bytes()).unwrap();
}

fn secret(version: u8) -> SecretKey {
    SecretKey::from_seed(&seed(version))
}

/// The private key of a version; it looks like nothing else in memory.
pub fn seed(version: u8) -> [u8; 32] {
    Sha256::digest([version]).into()
}

fn refused(desk: &Desk, uri: &str, code: i32, rule: &str, words: &str) {
    let refused = crate::refused(desk, uri, code, rule, &[words]);
    assert!(!refused.to_string().contains(TOKEN), "{refused}");
}

#[test]
fn a_key_in_vault_founds_signs_and_publishes() {
    let (address, asked) = vault("ed25519");
    let desk = Desk::new()
        .hide_hex()
        .variable("VAULT_ADDR", address)
        .variable("VAULT_TOKEN", TOKEN);
    desk.cuff("key new me --signer vault:band").expect(0);
    desk.cuff("key new online --signer vault:band?version=1")
        .expect(0);
    assert_ne!(desk.read("me.pub"), desk.read("online.pub"));
    found(&desk);
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    desk.cuff(&format!(
        "sign --desk desk --key vault:band --review {digest}"
    ))
    .expect(0);
    desk.cuff("publish --desk desk --online-key vault:band?version=1")
        .expect(0);
    let before = asked.lock().unwrap().len();
    refused(
        &desk,
        "vault:band --offline",
        2,
        "offline",
        "needs the network",
    );
    assert_eq!(asked.lock().unwrap().len(), before, "a socket was opened");
    refused(&desk, "vault:wristband", 1, "no-such-key", "HTTP 404");
    refused(
        &desk,
        "vault:band?version=3",
        1,
        "no-such-key",
        "no version 3",
    );
    let stranger = desk.variable("VAULT_TOKEN", "s.other");
    refused(
        &stranger,
        "vault:band",
        1,
        "vault-refused",
        "permission denied",
    );
}

#[test]
fn what_vault_cannot_do_is_told_apart() {
    let (address, _) = vault("ecdsa-p256");
    let desk = Desk::new().variable("VAULT_TOKEN", TOKEN);
    refused(&desk, "vault:band", 2, "vault-environment", "VAULT_ADDR");
    let desk = desk.variable("VAULT_ADDR", "http://vault.example:8200");
    refused(&desk, "vault:band", 2, "vault-environment", "https://");
    let desk = desk.variable("VAULT_ADDR", address);
    refused(&desk, "vault:band", 1, "unsupported-key", "ecdsa-p256");
    // A port nobody listens at any more.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let desk = desk.variable("VAULT_ADDR", format!("http://{gone}"));
    refused(&desk, "vault:band", 3, "vault-gone", "does not answer");
}
