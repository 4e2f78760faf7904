//! What is left of a private key: nothing in what a process prints, and nothing in its memory once it has signed, whatever kind
//! of signer it had.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use cuff::key::file::{self, Protection};
use cuff::key::secret::{Passphrase, SecretKey};
use sha2::{Digest, Sha512};

use crate::support::Desk;
use crate::{agent, found, quick, token, vault};

const PASSPHRASE: &str = "a passphrase of this test alone";

/// A seed that looks like nothing else in memory.
const SEED: [u8; 32] = *b"\x91\xe4\x3a\xc7\x5d\x02\xb8\xf6\x1c\x77\xa9\x40\xde\x83\x2b\x65\xf0\x19\x8c\xd2\x4e\xa5\x36\x0b\xc9\x72\xee\x58\x14\x9d\xb3\x6f";

/// A desk with `me.key` and `me.pub`, and a repository that waits for its signature.
fn desk() -> Desk {
    let desk = Desk::new();
    let protection = Protection::Passphrase(Passphrase::from_file(PASSPHRASE).unwrap());
    let key = SecretKey::from_seed(&SEED);
    file::create(&desk.path("me.key"), &key, &protection).unwrap();
    desk.write("passphrase", PASSPHRASE);
    for name in ["me", "online"] {
        desk.cuff(&format!(
            "key new {name} --signer me.key --passphrase-file passphrase"
        ))
        .expect(0);
    }
    found(&desk);
    desk
}

/// What a secret is called, and its bytes.
type Needle = (&'static str, Vec<u8>);

/// Everything a private key might be found by.
fn needles_of(seed: [u8; 32]) -> Vec<Needle> {
    let expanded = Sha512::digest(seed);
    let mut scalar = expanded[..32].to_vec();
    scalar[0] &= 0xF8;
    scalar[31] = scalar[31] & 0x7F | 0x40;
    vec![
        ("the seed", seed.to_vec()),
        ("half the seed", seed[..16].to_vec()),
        ("the other half", seed[16..].to_vec()),
        ("the seed in hex", hex::encode(seed).into_bytes()),
        (
            "the seed in base64",
            Base64::encode_string(&seed[..30]).into_bytes(),
        ),
        ("the scalar", scalar),
        ("the prefix for nonces", expanded[32..].to_vec()),
    ]
}

/// The same, and the passphrase.
fn needles() -> Vec<Needle> {
    let mut needles = needles_of(SEED);
    needles.push(("the passphrase", PASSPHRASE.as_bytes().to_vec()));
    needles
}

fn holds(memory: &[u8], needle: &[u8]) -> bool {
    memory.windows(needle.len()).any(|window| window == needle)
}

/// `cuff sign`, stopped where it has signed and its answer does not fit into the pipe that nobody reads.
fn signed_and_stuck(desk: &Desk, key: &[&str]) -> (Child, std::io::PipeReader) {
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap().to_owned();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // Full but for a few bytes: a pipe takes 64 KiB.
    std::io::Write::write_all(&mut writer, &vec![b'.'; 65536]).unwrap();
    let child = desk
        .command()
        .args(["sign", "--desk", "desk", "--review", &digest, "--key"])
        .args(key)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let signatures = desk.path("desk/staged/signatures/band");
    let patience = Instant::now() + Duration::from_mins(1);
    let asleep = || {
        let wait = fs::read_to_string(format!("/proc/{}/wchan", child.id())).unwrap_or_default();
        let call = fs::read_to_string(format!("/proc/{}/syscall", child.id())).unwrap_or_default();
        // On x86-64 and aarch64 write is 1 and 64; a kernel that hides both is waited for instead.
        wait.contains("pipe_write") || call.starts_with("1 0x1 ") || call.starts_with("64 0x1 ")
    };
    while !(signatures.is_dir() && asleep()) {
        assert!(
            Instant::now() < patience,
            "cuff did not get stuck in its answer"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, reader)
}

#[test]
fn a_process_that_has_signed_holds_no_private_key() {
    let key = ["me.key", "--passphrase-file", "passphrase"];
    holds_nothing(&desk(), &key, &needles());
}

#[test]
fn nor_one_that_signed_with_an_agent() {
    let (desk, agent) = agent::desk();
    agent::generate(&desk, "ed25519", "me.ssh", "");
    agent.add(&desk, "me.ssh");
    let key = ssh_key::PrivateKey::from_openssh(desk.read("me.ssh")).unwrap();
    let seed = key.key_data().ed25519().unwrap().private.to_bytes();
    for name in ["me", "online"] {
        desk.cuff(&format!("key new {name} --signer ssh-agent:"))
            .expect(0);
    }
    found(&desk);
    holds_nothing(&desk, &["ssh-agent:"], &needles_of(seed));
}

/// The library of a software token works with the key inside of our process: it too must be gone, and the PIN.
#[test]
fn nor_one_that_signed_with_a_token() {
    if quick() {
        return;
    }
    let desk = token::desk();
    token::token(&desk, "desk", &[]);
    let key = SecretKey::from_seed(&SEED);
    file::create(&desk.path("plain.pem"), &key, &Protection::Unencrypted).unwrap();
    desk.write("pin", PASSPHRASE);
    token::import(&desk, "desk", "root", "plain.pem");
    token::change_pin(&desk, "desk", PASSPHRASE);
    let uri = "pkcs11:token=desk?pin-source=file:pin";
    for name in ["me", "online"] {
        desk.cuff(&format!("key new {name} --signer {uri}"))
            .expect(0);
    }
    found(&desk);
    holds_nothing(&desk, &[uri], &needles());
}

#[test]
fn nor_one_that_signed_with_vault() {
    let (address, _) = vault::vault("ed25519");
    let desk = Desk::new()
        .variable("VAULT_ADDR", address)
        .variable("VAULT_TOKEN", vault::TOKEN);
    for name in ["me", "online"] {
        desk.cuff(&format!("key new {name} --signer vault:band"))
            .expect(0);
    }
    found(&desk);
    holds_nothing(&desk, &["vault:band"], &needles_of(vault::seed(2)));
}

/// Lets it sign, and looks for the secrets in its memory.
fn holds_nothing(desk: &Desk, key: &[&str], secrets: &[Needle]) {
    let (mut child, reader) = signed_and_stuck(desk, key);
    let process = format!("/proc/{}", child.id());
    // Not dumpable: its files belong to root, so that no other process of this user may look.
    assert_eq!(fs::metadata(format!("{process}/mem")).unwrap().uid(), 0);
    match File::open(format!("{process}/mem")) {
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        Ok(memory) => {
            let found = search(&process, memory, b"--review\0", secrets);
            assert!(found.is_empty(), "{found:#?}");
        }
    }
    drop(reader);
    let _ = child.wait();
}

/// All memory of a process that can be written to, which is where anything it was given would be. `canary` is surely there.
fn search(process: &str, mut memory: File, canary: &[u8], secrets: &[Needle]) -> Vec<String> {
    let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
    let (mut sung, mut found) = (false, Vec::new());
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, access) = (words.next().unwrap(), words.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(end));
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(start)).unwrap();
        if (&mut memory)
            .take(end - start)
            .read_to_end(&mut bytes)
            .is_err()
            && bytes.is_empty()
        {
            continue;
        }
        sung |= holds(&bytes, canary);
        for (name, needle) in secrets {
            if holds(&bytes, needle) {
                found.push(format!("{name} in {line}"));
            }
        }
    }
    assert!(sung, "nothing was searched: {maps}");
    found
}

/// What holds a secret is found where it is looked for: the test above can fail.
#[test]
fn the_search_finds_what_is_there() {
    let haystack = [&[0; 100][..], &SEED, &[0; 100]].concat();
    assert!(holds(&haystack, &needles()[0].1));
    let mut child = Command::new("sleep")
        .arg("60")
        .env("KEPT", PASSPHRASE)
        .spawn()
        .unwrap();
    let process = format!("/proc/{}", child.id());
    std::thread::sleep(Duration::from_millis(100));
    let memory = File::open(format!("{process}/mem")).unwrap();
    let found = search(&process, memory, b"sleep\0", &needles());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("the passphrase in "), "{found:?}");
}

#[test]
fn nothing_it_prints_holds_a_private_key() {
    let desk = desk();
    desk.write("wrong", "another passphrase\n");
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    let mut said = String::new();
    for line in [
        format!("sign --desk desk --key me.key --review {digest} --passphrase-file wrong"),
        format!("sign --desk desk --key me.key --review {digest} --passphrase-file wrong --json"),
        "key new you --signer me.key --passphrase-file passphrase".to_owned(),
        "key new you --signer me.key --passphrase-file passphrase".to_owned(),
        "key show me.key".to_owned(),
        "key export me.key".to_owned(),
        "inspect me.key".to_owned(),
        format!(
            "sign --desk desk --key me.key --review {digest} --passphrase-file passphrase --json"
        ),
        "publish --desk desk --online-key me.key --passphrase-file passphrase".to_owned(),
        "publish --desk desk --online-key me.key --passphrase-file me.key".to_owned(),
    ] {
        let transcript = desk.cuff(&line);
        said += &transcript.stdout;
        said += &transcript.stderr;
    }
    for (name, needle) in needles() {
        assert!(!holds(said.as_bytes(), &needle), "{name}: {said}");
    }
}
