//! Stock SMP tools against a wearable of ours: smpmgr with its defaults, and smpclient with the frames it chooses itself.

use crate::stock::run;
use crate::support::project;
use crate::{Served, bench, installed};

/// Whether foreign programs are left out: a quick run does without them, a whole one fails where they are missing.
fn quick() -> bool {
    std::env::var_os("CUFF_QUICK").is_some()
}

#[test]
#[cfg(target_os = "linux")]
fn smpmgr_uploads_an_export_and_reads_the_state() {
    if quick() {
        return;
    }
    let (desk, _) = bench::unit();
    desk.cuff("export --smp 1.1.sealed --release band/1.1 -o band.smp")
        .expect(0);
    let served = Served::pty(&desk);
    let port = served.target.strip_prefix("serial:").unwrap();
    let smpmgr = |words: &str| {
        let words: Vec<&str> = ["--port", port]
            .into_iter()
            .chain(words.split(' '))
            .collect();
        run(&desk, "smpmgr", &words)
    };
    let pleased = |words: &str| {
        let (pleased, said) = smpmgr(words);
        assert!(pleased, "{words}: {said}");
        said
    };
    // The default slot is the first one; the file goes where it belongs.
    pleased("image upload --format any band.smp");
    let state = pleased("image state-read");
    assert!(
        state.contains("version='1.1'") && state.contains("pending=True"),
        "{state}"
    );
    let (_, said) = smpmgr("image state-write --confirm");
    assert!(said.contains("reason 512"), "{said}");
    pleased("os reset");
    let state = pleased("image state-read");
    assert!(
        state.contains("version='1.1'") && !state.contains("pending=True"),
        "{state}"
    );
    let (_, said) = smpmgr("image erase 1");
    assert!(said.contains("reason 502"), "{said}");
    drop(served);
    desk.cuff("sim boot unit").expect(0);
    assert_eq!(installed(&desk), "band/1.1");
}

#[test]
#[cfg(target_os = "linux")]
fn smpmgr_upgrades_in_one_go_and_smpclient_resumes() {
    if quick() {
        return;
    }
    let (desk, _) = bench::unit();
    desk.cuff("export --smp 1.1.sealed --release band/1.1 -o band.smp")
        .expect(0);
    let served = Served::pty(&desk);
    let port = served.target.strip_prefix("serial:").unwrap().to_owned();
    let script = project().join("tests/smp/client.py");
    let client = |stop: &str| {
        let arguments = [script.to_str().unwrap(), &port, "band.smp", stop];
        let (pleased, said) = run(&desk, "python", &arguments);
        assert!(pleased, "{said}");
        said
    };
    let first = client("2");
    assert!(first.starts_with("stopped at "), "{first}");
    let second = client("0");
    assert!(
        second.starts_with("resumed") && second.contains("whole"),
        "{second}"
    );
    let upgrade = [
        "--port", &port, "upgrade", "--slot", "1", "--format", "any", "band.smp",
    ];
    let (pleased, said) = run(&desk, "smpmgr", &upgrade);
    assert!(pleased && said.contains("Upgrade complete"), "{said}");
    drop(served);
    desk.cuff("sim boot unit").expect(0);
    assert_eq!(installed(&desk), "band/1.1");
}
