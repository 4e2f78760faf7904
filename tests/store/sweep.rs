//! Publishing, interrupted everywhere: afterwards clients see the old repository or the new one, and the same command finishes.
//!
//! A sample runs with the tests; `cargo xtask sweep publish` sets `CUFF_SWEEP=all` and takes every point.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fake_s3::{FakeS3, Fault, Honesty, When};
use crate::support::{Desk, Transcript};
use crate::{PUBLISH, next, room, staged};

/// Every so manieth point is taken.
fn step(sample: usize) -> usize {
    if std::env::var("CUFF_SWEEP").is_ok_and(|value| value == "all") {
        1
    } else {
        sample
    }
}

/// A healthy repository with this release or the one before.
fn judge(desk: &Desk, folder: &str, point: &str) {
    let checked = desk.cuff(&format!("check {folder} --demo --json"));
    assert_eq!(checked.code, 0, "{point}: {checked}");
}

fn judge_bucket(desk: &Desk, server: &FakeS3, point: &str) {
    let folder = desk.path("seen");
    let _ = fs::remove_dir_all(&folder);
    for (name, (bytes, _)) in server.snapshot() {
        let name = name.strip_prefix("tuf/").unwrap();
        if !name.starts_with("probe/") {
            desk.write(Path::new("seen").join(name), bytes);
        }
    }
    judge(desk, "seen", point);
}

#[test]
fn a_bucket_survives_every_fault_at_every_call() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server).variable("AWS_TIMEOUT", "1s");
    desk.cuff(PUBLISH).expect(0);
    next(&desk);
    let (objects, before) = (server.snapshot(), desk.path("before"));
    copy(&desk.path("desk"), &before);
    server.fail(None);
    desk.cuff(PUBLISH).expect(0);
    let calls = server.calls();
    assert!(calls > 10, "{calls} calls");
    let mut points = 0;
    for (fault, sample) in [
        (Fault::Kill, 4),
        (Fault::Lost, 5),
        (Fault::Status(503, "SlowDown"), 9),
        (Fault::Status(500, "InternalError"), 9),
        (Fault::Status(403, "AccessDenied"), 7),
        (Fault::Truncated, 7),
        (Fault::Slow, 11),
        (Fault::Hang, 13),
    ] {
        for call in (0..calls).step_by(step(sample)) {
            let point = format!("{fault:?} at call {call} of {calls}");
            server.restore(&objects);
            fs::remove_dir_all(desk.path("desk")).unwrap();
            copy(&before, &desk.path("desk"));
            let when = match fault {
                Fault::Kill | Fault::Status(403, _) => When::From(call),
                _ => When::Once(call),
            };
            server.fail(Some((fault, when)));
            if fault == Fault::Kill {
                let mut child = desk
                    .command()
                    .args(PUBLISH.split_whitespace())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                assert!(server.wait_for_the_kill(Duration::from_mins(1)), "{point}");
                child.kill().unwrap();
                child.wait().unwrap();
                // Calls that were on their way together send the word more than once.
                while server.wait_for_the_kill(Duration::from_millis(20)) {}
            } else {
                let run = desk.cuff(PUBLISH);
                let passes = !matches!(fault, Fault::Status(403, _));
                // Whether a write that nobody answered took place cannot be known: it is not sent again, a person may.
                let unsure = fault == Fault::Hang && run.code == 3;
                assert!(
                    run.code == if passes { 0 } else { 3 } || unsure,
                    "{point}: {run}"
                );
            }
            server.fail(None);
            judge_bucket(&desk, &server, &point);
            finish(&desk, PUBLISH, &point);
            judge_bucket(&desk, &server, &point);
            points += 1;
        }
        println!("{points} points in a bucket, up to {fault:?} at each of {calls} calls");
    }
}

#[test]
fn a_bucket_that_stays_broken_leaves_the_old_repository() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    next(&desk);
    let before = server.snapshot();
    server.fail(Some((Fault::Status(500, "InternalError"), When::From(0))));
    let failed = desk.cuff(PUBLISH).expect(3);
    assert!(failed.stderr.contains("the store failed"), "{failed}");
    server.fail(None);
    assert_eq!(server.snapshot(), before);
    finish(&desk, PUBLISH, "after a broken server");
}

/// Every system call that changes a directory or the files in it.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_survives_a_kill_at_every_system_call_and_a_full_disk_at_every_write() {
    const LOCAL: &str = "publish --to store --online-key online.key";
    if std::env::var_os("CUFF_QUICK").is_some() {
        return;
    }
    let desk = staged(Desk::new().with_a_working_directory());
    desk.cuff(LOCAL).expect(0);
    next(&desk);
    for folder in ["desk", "store"] {
        copy(&desk.path(folder), &desk.path(format!("before-{folder}")));
    }
    let reset = || {
        for folder in ["desk", "store"] {
            fs::remove_dir_all(desk.path(folder)).unwrap();
            copy(&desk.path(format!("before-{folder}")), &desk.path(folder));
        }
    };
    let mut points = 0;
    for (call, fault, sample) in [
        ("openat", "signal=SIGKILL", 41),
        ("write", "signal=SIGKILL", 7),
        ("fsync", "signal=SIGKILL", 7),
        ("rename", "signal=SIGKILL", 3),
        ("renameat2", "signal=SIGKILL", 3),
        ("mkdir", "signal=SIGKILL", 3),
        ("unlink", "signal=SIGKILL", 3),
        ("flock", "signal=SIGKILL", 9),
        ("write", "error=ENOSPC", 5),
        ("fsync", "error=EIO", 11),
        ("renameat2", "error=ENOSPC", 5),
        ("mkdir", "error=ENOSPC", 3),
    ] {
        reset();
        let all = traced(&desk, LOCAL, call, None);
        assert_eq!(all.1, 0, "without a fault it succeeds");
        for at in (1..=all.0).step_by(step(sample)) {
            let point = format!("{fault} at {call} {at} of {}", all.0);
            reset();
            traced(&desk, LOCAL, call, Some(&format!("{fault}:when={at}")));
            judge(&desk, "store", &point);
            finish(&desk, LOCAL, &point);
            judge(&desk, "store", &point);
            points += 1;
        }
        println!(
            "{points} points in a directory, up to {fault} at each of {} {call}",
            all.0
        );
    }
    assert!(points > 10, "{points}");
}

/// Runs `cuff` under strace: how often the call was made, and the exit code.
fn traced(desk: &Desk, line: &str, call: &str, inject: Option<&str>) -> (usize, i32) {
    let log = desk.path("strace.log");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-e", &format!("trace={call}"), "-o"])
        .arg(&log);
    if let Some(inject) = inject {
        command.args(["-e", &format!("inject={call}:{inject}")]);
    }
    let plain = desk.command();
    command
        .arg(plain.get_program())
        .args(line.split_whitespace())
        .current_dir(desk.path(""))
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    let status = command.status().expect("strace is there");
    let calls = fs::read_to_string(log).unwrap();
    let calls = calls
        .lines()
        .filter(|line| line.contains(&format!("{call}(")));
    (calls.count(), status.code().unwrap_or(-1))
}

/// The same command again does the rest, and a third time there is nothing to do.
fn finish(desk: &Desk, line: &str, point: &str) {
    let ok = |run: Transcript| {
        assert_eq!(run.code, 0, "{point}: {run}");
        run
    };
    ok(desk.cuff(line));
    let again = ok(desk.cuff(&format!("{line} --json"))).json();
    assert_eq!(again["up_to_date"], true, "{point}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
