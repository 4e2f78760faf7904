//! Disks that are full and directories that may only be read: clear errors, nothing lost, and the same command finishes.
//!
//! Permissions do not stop root, so as root `cuff` runs as nobody here.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use release::bundle;
use support::Desk;

const INIT: &str =
    "init desk --demo --key root=alice.pub,bob.pub --product band --online online.pub";
const NOBODY: u32 = 65534;

fn room() -> Desk {
    let desk = Desk::new().with_a_working_directory();
    desk.write("band-1.cuff", bundle("band", "1.0.0", 5, 1));
    desk.write("band-2.cuff", bundle("band", "2.0.0", 6, 2));
    desk
}

/// Gives everything below to nobody, with or without the right to write.
fn hand_over(path: &Path, writable: bool) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            hand_over(&entry.unwrap().path(), writable);
        }
    }
    let read = if path.is_dir() { 0o555 } else { 0o444 };
    let mode = if writable { read | 0o200 } else { read };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs `cuff` as somebody whom permissions stop; exit code and standard error.
fn as_nobody(desk: &Desk, line: &str) -> (i32, String) {
    let plain = desk.command();
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(reachable());
        command
    } else {
        Command::new(plain.get_program())
    };
    command.env_clear().current_dir(desk.path(""));
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    let output = command.args(line.split_whitespace()).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The program where nobody can run it, wherever the build directory is.
fn reachable() -> PathBuf {
    static COPY: std::sync::OnceLock<(tempfile::TempDir, PathBuf)> = std::sync::OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("cuff");
        fs::copy(env!("CARGO_BIN_EXE_cuff"), &path).unwrap();
        (folder, path)
    });
    path.clone()
}

#[test]
fn a_directory_that_may_only_be_read_is_named_and_can_still_be_reviewed() {
    let desk = room();
    desk.cuff(INIT).expect(0);
    desk.cuff("stage band-1.cuff").expect(0);
    desk.sign("alice").expect(0);
    let digest = desk.cuff("review --json").expect(0).json()["digest"].clone();
    let before = desk.files();
    hand_over(&desk.path(""), false);
    let sign = format!("sign --key bob.key --review {}", digest.as_str().unwrap());
    let locked = [
        "error: cannot write `desk/.cuff/lock`",
        "help: this user may not",
    ];
    let store = [
        "error: cannot write anything to directory `desk/published`",
        "help: make room or fix the permissions",
    ];
    for (line, parts) in [
        ("stage band-2.cuff", locked),
        (&sign, locked),
        ("publish --online-key online.key", store),
    ] {
        let (code, says) = as_nobody(&desk, line);
        assert_eq!(code, 3, "{line}: {says}");
        for part in parts.into_iter().chain(["cause: Permission denied"]) {
            assert!(says.contains(part), "{line}: {says}");
        }
    }
    let (code, says) = as_nobody(&desk, "review");
    assert!(
        code == 0 && says.contains("this review is not remembered"),
        "{says}"
    );
    let (code, says) = as_nobody(&desk, "status");
    assert!(code == 1 && says.is_empty(), "{says}");
    hand_over(&desk.path(""), true);
    assert_eq!(desk.files(), before);
}

#[test]
fn a_store_that_may_only_be_read_is_named() {
    let desk = room();
    desk.cuff(INIT).expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    fs::create_dir(desk.path("desk/published")).unwrap();
    hand_over(&desk.path(""), true);
    hand_over(&desk.path("desk/published"), false);
    let (code, says) = as_nobody(&desk, "publish --online-key online.key");
    assert_eq!(code, 3, "{says}");
    assert!(
        says.contains("to directory `desk/published`: this user may not write there"),
        "{says}"
    );
    hand_over(&desk.path(""), true);
    let (code, says) = as_nobody(&desk, "publish --online-key online.key");
    assert_eq!(code, 0, "{says}");
}

/// A small disk of its own, as long as this lives.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let mounted = mount
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(path))
    }

    fn fill(&self) {
        let written = fs::write(self.0.join("filler"), vec![0; 4 << 20]);
        assert!(written.is_err(), "the disk is larger than it should be");
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_nobody_their_signature() {
    let desk = room();
    let Some(small) = Disk::mount(desk.path("desk"), "1m") else {
        return;
    };
    desk.cuff(INIT).expect(0);
    desk.cuff("stage band-1.cuff").expect(0);
    desk.sign("alice").expect(0);
    let before = desk.files();
    small.fill();
    let stage = desk.cuff("stage band-2.cuff").expect(3);
    for part in [
        "error: cannot write `desk/staged/",
        "cause: No space left",
        "help: make room on the disk",
    ] {
        assert!(stage.stderr.contains(part), "{stage}");
    }
    let bob = desk.sign("bob").expect(3);
    assert!(bob.stderr.contains("help: make room on the disk"), "{bob}");
    small.make_room();
    assert_eq!(desk.files(), before);
    desk.sign("bob").expect(0);
    small.fill();
    // The store has room, the audit log has not: nothing is published that nobody could account for.
    let publish = desk
        .cuff("publish --online-key online.key --to store")
        .expect(3);
    assert!(
        publish.stderr.contains("error: cannot write `desk/audit/"),
        "{publish}"
    );
    assert!(!desk.path("store/metadata/timestamp.json").exists());
    small.make_room();
    desk.cuff("publish --online-key online.key --to store")
        .expect(0);
    desk.cuff("status").expect(0);
}
