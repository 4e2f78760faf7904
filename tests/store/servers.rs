//! The same against servers that other people wrote: moto for S3, Azurite for Azure, nginx for readers.
//!
//! `cargo xtask setup` installs them; they are left out with `CUFF_QUICK=1` alone.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Desk, project};
use crate::{at, next, staged};

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn quick() -> bool {
    std::env::var_os("CUFF_QUICK").is_some()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(mut command: Command, port: u16) -> Server {
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run `cargo xtask setup`"));
    let server = Server(child);
    let patience = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "{command:?} does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    server
}

pub fn tools() -> PathBuf {
    project().join("target/tools")
}

/// First publication, a release, a refresh, and nothing to do: against whatever server this is.
fn river(desk: &Desk, url: &str) {
    let publish = format!("publish --to {url} --online-key online.key");
    desk.cuff(&publish).expect(0);
    next(desk);
    desk.cuff(&publish).expect(0);
    let again = desk.cuff(&format!("{publish} --json")).expect(0).json();
    assert_eq!(again["up_to_date"], true);
    desk.cuff(&format!("refresh --to {url} --online-key online.key"))
        .expect(0);
    // By the server's clock all of it was written eight days ago.
    let pruned = desk.cuff(&format!("prune --to {url} --json")).expect(0);
    let pruned = pruned.json()["removed"].as_array().unwrap().len();
    assert_eq!(pruned, 3, "two snapshots and a band");
    desk.cuff(&format!("check {url} --demo")).expect(0);
    let again = desk.cuff(&format!("prune --to {url} --json")).expect(0);
    assert_eq!(again.json()["removed"].as_array().unwrap().len(), 0);
    desk.cuff(&format!("refresh --to {url} --online-key online.key"))
        .expect(0);
}

/// Bins are made, filled, shared out anew and pruned.
fn river_of_bins(desk: &Desk, url: &str) {
    let keys = format!("--to {url} --online-key online.key --bin-key carol.key");
    desk.cuff("init desk --demo --key root=alice.pub,bob.pub --online online.pub --bins 64 --bin-key carol.pub")
        .expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.cuff(&format!("publish {keys}")).expect(0);
    let digest = "00".repeat(32);
    let unit = |number| format!("{digest} 5 unit/{number:04}.bin\n");
    desk.write("list", (0..200).map(unit).collect::<String>());
    desk.cuff(&format!("bins add --list list {keys}")).expect(0);
    desk.write("one", "calibration");
    let added = desk.cuff(&format!("bins add unit/one.bin=one {keys} --json"));
    assert_eq!(added.expect(0).json()["added"], 1);
    desk.cuff("bins rebalance 16").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.cuff(&format!("publish {keys}")).expect(0);
    let pruned = desk.cuff(&format!("prune --to {url} --json")).expect(0);
    let pruned = pruned.json()["removed"].as_array().unwrap().len();
    assert!(pruned > 64, "the bins of before among them: {pruned}");
    let shown = desk.cuff(&format!("bins show --to {url} --json")).expect(0);
    let shown = shown.json();
    assert_eq!(
        (&shown["bins"], &shown["targets"]),
        (&16.into(), &201.into())
    );
}

#[test]
fn moto_is_published_to() {
    if quick() {
        return;
    }
    let port = free_port();
    let mut command = Command::new(tools().join("store/bin/python"));
    command
        .arg(project().join("tests/support/moto_last_week.py"))
        .arg(port.to_string());
    let _server = start(command, port);
    let address = format!("http://127.0.0.1:{port}");
    let desk = staged(at(&address));
    let missing = desk
        .cuff("publish --to s3://bucket/tuf --online-key online.key")
        .expect(3);
    assert!(
        missing.stderr.contains("the bucket does not exist"),
        "{missing}"
    );
    let mut made = Command::new("curl");
    made.args(["--silent", "--fail", "-X", "PUT"]);
    made.arg(format!("{address}/bucket"));
    assert!(made.status().unwrap().success());
    river(&desk, "s3://bucket/tuf");
    river_of_bins(&at(&address), "s3://bucket/bins");
}

#[test]
fn azurite_is_published_to() {
    if quick() {
        return;
    }
    // The emulator's address is known to every client and cannot be chosen, so that only one runs at a time.
    let port = 10000;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(tools().join("azurite/node_modules/.bin/azurite-blob"));
    let clock = project().join("tests/support/last_week.cjs");
    command
        .env("NODE_OPTIONS", format!("--require {}", clock.display()))
        .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"])
        .args(["--blobHost", "127.0.0.1", "--location"])
        .arg(folder.path());
    let _server = start(command, port);
    let desk = || {
        Desk::new()
            .with_a_working_directory()
            .variable("AZURE_STORAGE_USE_EMULATOR", "true")
    };
    let (desk, of_bins) = (staged(desk()), desk());
    let missing = desk
        .cuff("publish --to az://box/tuf --online-key online.key")
        .expect(3);
    assert!(
        missing.stderr.contains("the bucket does not exist"),
        "{missing}"
    );
    let made = Command::new(tools().join("store/bin/python"))
        .arg(project().join("tests/support/azure_container.py"))
        .arg("box")
        .status();
    assert!(made.unwrap().success());
    river(&desk, "az://box/tuf");
    river_of_bins(&of_bins, "az://box/bins");
}

/// Any web server will do for readers: what it must not do is invent, and `fetch` finds the rest.
#[test]
fn nginx_serves_a_published_directory_to_readers() {
    if quick() {
        return;
    }
    let desk = staged(Desk::new().with_a_working_directory());
    desk.cuff("publish --to store --online-key online.key")
        .expect(0);
    let port = free_port();
    let template = fs::read_to_string(project().join("docs/ci/nginx.conf")).unwrap();
    let config = template
        .replace("/srv/tuf", desk.path("store").to_str().unwrap())
        .replace("listen 80", &format!("listen 127.0.0.1:{port}"));
    let whole = format!(
        "daemon off; pid {0}/nginx.pid; error_log {0}/error.log; events {{}}\nhttp {{ access_log off;\n\
         client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;\n\
         {config}\n}}\n",
        desk.path("").display()
    );
    desk.write("nginx.conf", whole);
    let mut command = Command::new("/usr/sbin/nginx");
    command
        .arg("-c")
        .arg(desk.path("nginx.conf"))
        .arg("-p")
        .arg(desk.path(""));
    let _server = start(command, port);
    let headers = |path: &str| {
        let output = Command::new("curl")
            .args(["--silent", "--head"])
            .arg(format!("http://127.0.0.1:{port}/{path}"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().to_lowercase()
    };
    let timestamp = headers("metadata/timestamp.json");
    assert!(
        timestamp.contains("200") && timestamp.contains("max-age=60"),
        "{timestamp}"
    );
    let root = headers("metadata/1.root.json");
    assert!(root.contains("200") && root.contains("immutable"), "{root}");
    let absent = headers("metadata/2.root.json");
    assert!(
        absent.contains("404") && !absent.contains("immutable"),
        "{absent}"
    );
    assert!(headers(".cuff-lock").contains("404"));
}

/// The workflows in docs/ci are what their machines take.
#[test]
fn the_workflows_hold_to_their_schemas() {
    if quick() {
        return;
    }
    for (file, schema) in [
        ("github-actions.yml", "vendor.github-workflows"),
        ("gitlab-ci.yml", "vendor.gitlab-ci"),
    ] {
        let output = Command::new(tools().join("store/bin/check-jsonschema"))
            .args(["--builtin-schema", schema])
            .args(if file.starts_with("gitlab") {
                vec!["--data-transform", "gitlab-ci"]
            } else {
                vec![]
            })
            .arg(project().join("docs/ci").join(file))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{file}: {said}");
    }
}

/// An auditor finds nothing in the workflow: no action that is not pinned, no right too many, nothing to inject into.
#[test]
fn an_auditor_finds_nothing_in_the_workflow() {
    if quick() {
        return;
    }
    let output = Command::new(tools().join("store/bin/zizmor"))
        .args(["--offline", "--no-progress"])
        .arg(project().join("docs/ci/github-actions.yml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
