//! Serials, and the log that says which were given.

use virtual_probe::bench::Chip;

use crate::station::{Bench, RANGE, chip, uid};
use crate::support::project;

#[test]
fn serials_come_from_a_range_a_list_or_a_label_and_none_is_given_twice() {
    let Some(bench) = Bench::new(&["A"], "{ scan = true }") else {
        return;
    };
    let scan = |label: &str| {
        let mut child = bench
            .desk
            .command()
            .args(["device", "provision", "--station", "station.toml"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), label.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(scan("").0, 30);
    assert_eq!(scan(&"x".repeat(40)).0, 29);
    assert_eq!(scan("LABEL 7\r\n").0, 0);
    let second = chip(77);
    bench.describe(&["A"], std::slice::from_ref(&second), "{ scan = true }");
    let (code, said) = scan("LABEL 7\n");
    assert_eq!(code, 29, "{said}");
    assert!(said.contains("was given to another unit"), "{said}");
    bench.desk.write("list.txt", "LABEL 7\n\nLABEL 8\n");
    bench.describe(
        &["A"],
        std::slice::from_ref(&second),
        "{ list = \"list.txt\" }",
    );
    let listed = bench.make("");
    assert!(listed.stdout.contains("LABEL 8"), "{listed}");
    let third = chip(78);
    bench.describe(
        &["A"],
        std::slice::from_ref(&third),
        "{ list = \"list.txt\" }",
    );
    assert_eq!(bench.make("").code, 30);
}

#[test]
fn a_log_that_was_touched_stops_the_line_and_two_logs_share_no_serial() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    assert_eq!(bench.make("").code, 0);
    let table = bench.desk.cuff("device records export csv line-1.jsonl");
    assert!(
        table
            .stdout
            .contains("line-1,kim,A,B0001,01000000ed5e0000,true,0"),
        "{table}"
    );
    let whole = bench.desk.read("line-1.jsonl");
    bench
        .desk
        .write("line-1.jsonl", whole.replace("B0001", "B0002"));
    assert_eq!(bench.make("--replace").code, 31);
    let touched = bench.desk.cuff("device records verify line-1.jsonl");
    assert_eq!(touched.code, 31, "{touched}");
    bench.desk.write(
        "line-1.jsonl",
        whole.lines().next().unwrap().to_owned() + "\n",
    );
    assert_eq!(bench.make("--replace").code, 31);
    bench.desk.write("line-1.jsonl", &whole);
    let stranger = std::fs::read(project().join("keys.example/bob.pub")).unwrap();
    bench.desk.write("bob.pub", stranger);
    assert_eq!(
        bench
            .desk
            .cuff("device records verify line-1.jsonl --key bob.pub")
            .code,
        31
    );
    let other = bench.desk.read("station.toml").replace("line-1", "line-2");
    bench.desk.write("other.toml", other);
    assert_eq!(
        bench
            .desk
            .cuff("device provision --station other.toml")
            .code,
        14
    );
    let both = bench
        .desk
        .cuff("device records verify line-1.jsonl line-2.jsonl");
    assert_eq!(both.code, 31, "{both}");
    assert!(
        both.stdout.contains("OVERLAP: both ranges hold B1 to B400"),
        "{both}"
    );
    let unwritable = bench
        .desk
        .read("station.toml")
        .replace("log = \"line-1", "log = \"absent/line-1");
    bench.desk.write("unwritable.toml", unwritable);
    assert_eq!(
        bench
            .desk
            .cuff("device provision --station unwritable.toml")
            .code,
        3
    );
}

#[test]
fn a_range_ends_and_slots_that_cannot_be_told_apart_are_refused() {
    let short = RANGE.replace("last = 400", "last = 1");
    let Some(bench) = Bench::new(&["A"], &short) else {
        return;
    };
    assert_eq!(bench.make("").code, 0);
    bench.units[0].seat(&Chip::virgin(uid(2))).unwrap();
    let ended = bench.make("");
    assert_eq!(ended.code, 30, "{ended}");
    assert!(ended.stdout.contains("the range ends at B1"), "{ended}");
    let probe = bench.units[0].target();
    for (second, said) in [
        (probe.as_str(), "name the same probe"),
        ("probe:20b7:9db1", "each probe needs a serial"),
    ] {
        let text = bench.desk.read("station.toml");
        let slot = format!("{text}[[slot]]\nlabel = \"B\"\nprobe = \"{second}\"\n");
        bench.desk.write("two.toml", slot);
        let refused = bench.desk.cuff("device provision --station two.toml");
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stderr.contains(said), "{refused}");
    }
}
