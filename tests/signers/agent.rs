//! A real ssh-agent.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Desk;
use crate::{found, refused, run};

/// An agent of its own, which goes with this value.
pub struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(desk: &Desk) -> Self {
        let socket = desk.path("agent.sock");
        let process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need OpenSSH's `ssh-agent`");
        let patience = Instant::now() + Duration::from_secs(10);
        while !socket.exists() {
            assert!(Instant::now() < patience, "ssh-agent made no socket");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, socket }
    }

    pub fn add(&self, desk: &Desk, name: &str) {
        run(Command::new("ssh-add")
            .arg(desk.path(name))
            .env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A desk and its agent; `cuff` knows the socket.
pub fn desk() -> (Desk, Agent) {
    let desk = Desk::new().hide_hex();
    let agent = Agent::start(&desk);
    let socket = agent.socket.clone();
    (desk.variable("SSH_AUTH_SOCK", socket), agent)
}

pub fn generate(desk: &Desk, kind: &str, name: &str, passphrase: &str) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C"])
        .arg(format!("{name}@desk"))
        .arg("-f")
        .arg(desk.path(name)));
}

#[test]
fn an_agent_founds_signs_and_publishes() {
    let (desk, agent) = desk();
    generate(&desk, "ed25519", "me.ssh", "");
    generate(&desk, "rsa", "rsa", "");
    agent.add(&desk, "me.ssh");
    agent.add(&desk, "rsa");
    desk.cuff("key new me --signer ssh-agent:").expect(0);
    // The same key, from its file: the agent adds nothing to what it signs.
    desk.cuff("key new online --signer file:me.ssh").expect(0);
    found(&desk);
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    desk.cuff(&format!(
        "sign --desk desk --key ssh-agent:me.ssh@desk --review {digest}"
    ))
    .expect(0);
    desk.cuff("publish --desk desk --online-key ssh-agent:me.ssh@desk")
        .expect(0);
    desk.cuff("status --desk desk").expect(0);
}

#[test]
fn what_an_agent_cannot_do_is_told_apart() {
    let (desk, agent) = desk();
    refused(&desk, "ssh-agent:", 1, "agent-empty", &["holds no key"]);
    generate(&desk, "rsa", "rsa", "");
    agent.add(&desk, "rsa");
    refused(
        &desk,
        "ssh-agent:",
        1,
        "unsupported-key",
        &["ssh-rsa", "rsa@desk", "ssh-keygen -t ed25519"],
    );
    for name in ["one", "two"] {
        generate(&desk, "ed25519", name, "");
        agent.add(&desk, name);
    }
    refused(
        &desk,
        "ssh-agent:",
        2,
        "several-keys",
        &["one@desk", "two@desk", "SHA256:"],
    );
    refused(
        &desk,
        "ssh-agent:three",
        1,
        "no-such-key",
        &["three", "one@desk"],
    );
    drop(agent);
    refused(&desk, "ssh-agent:", 3, "agent-gone", &["is gone"]);
    refused(
        &Desk::new(),
        "ssh-agent:",
        3,
        "no-agent",
        &["SSH_AUTH_SOCK"],
    );
}

#[test]
fn more_than_an_agent_takes_is_said_before_it_hangs_up() {
    use cuff::key::Signer;
    let (desk, agent) = desk();
    generate(&desk, "ed25519", "me", "");
    agent.add(&desk, "me");
    let length = 256 * 1024 - 128;
    let signer = in_process(&agent);
    assert!(cuff::key::verified_signature(&signer, &vec![7; length]).is_ok());
    let error = signer.sign(&vec![7; length + 1]).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("at most"), "{cause}");
}

fn in_process(agent: &Agent) -> cuff::key::agent::AgentSigner {
    cuff::key::agent::AgentSigner::open_at(&agent.socket, &"".into()).unwrap()
}

#[test]
fn key_files_of_openssh_open_with_their_passphrase() {
    let desk = Desk::new().hide_hex();
    generate(&desk, "ed25519", "locked", "sesame");
    generate(&desk, "rsa", "rsa", "");
    desk.write("right", "sesame\n");
    desk.write("wrong", "barley\n");
    desk.cuff("key new me --signer locked --passphrase-file right")
        .expect(0);
    refused(
        &desk,
        "locked --passphrase-file wrong",
        1,
        "wrong-passphrase",
        &["does not open it"],
    );
    refused(&desk, "rsa", 2, "unsupported-key", &["ssh-rsa"]);
    let text = desk.read("locked");
    desk.write("cut", &text[..text.len() / 2]);
    refused(
        &desk,
        "cut --passphrase-file right",
        2,
        "corrupt-key",
        &["damaged"],
    );
}
