//! `cuff fetch`, `cuff verify` and `cuff check` as a person sees them.

use std::fs;

use cuff::bundle::Bundle;
use cuff::bundle::seal::Seal;
use cuff_verifier::time::Instant;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::author::{self, Author};
use crate::support::{Desk, Transcript};

/// A folder with a repository, its first root, and a device. Commands have the real date, so this one is made today.
struct Bench {
    desk: Desk,
    author: Author,
}

impl Bench {
    fn new() -> Self {
        let mut author = Author::new();
        author.rotate(&["alice", "bob"], |_| ());
        Self::of(author)
    }

    fn of(author: Author) -> Self {
        let mut author = author;
        move_to_today(&mut author);
        let desk = Desk::new().hide_hex();
        author.publish(&desk.path("repo"));
        desk.write("root.json", author.root());
        desk.write("unit.json", author.state().to_string());
        Self { desk, author }
    }

    fn cuff(&self, line: &str) -> Transcript {
        self.desk.cuff(line)
    }

    fn check(&self) -> Transcript {
        let today = cuff::instant::now().unwrap().0 / 86_400 * 86_400 + 43_200;
        self.cuff(&format!(
            "check repo --second-opinion --at {}",
            Instant(today)
        ))
    }

    fn fetch(&self, rest: &str) -> Transcript {
        self.cuff(&format!(
            "fetch repo {rest} --root root.json --metadata-dir kept"
        ))
    }
}

/// Shifts every date of the tests' hour to the same distance from today, at noon.
pub fn move_to_today(author: &mut Author) {
    let today = cuff::instant::now().unwrap().0 / 86_400 * 86_400 + 43_200;
    let shift = |body: &mut Value| {
        for name in ["issued", "expires"] {
            if let Some(date) = body.get(name).and_then(Value::as_str) {
                let date = Instant::parse(date.as_bytes()).unwrap().0;
                let moved = (date + today).checked_sub(author::now().0).unwrap();
                body[name] = json!(Instant(moved).to_string());
            }
        }
    };
    author
        .roots
        .iter_mut()
        .for_each(|role| shift(&mut role.body));
    author
        .products
        .values_mut()
        .for_each(|role| shift(&mut role.body));
    shift(&mut author.timestamp.body);
    shift(&mut author.snapshot.body);
    shift(&mut author.targets.body);
}

/// Every date in a transcript as `[date]`.
fn undated(transcript: &Transcript) -> String {
    let text = transcript.to_string();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("T12:00:00Z") {
        out.push_str(&rest[..at - 10]);
        out.push_str("[date]");
        rest = &rest[at + 10..];
    }
    out + rest
}

#[test]
fn one_release_is_fetched_whole() {
    let bench = Bench::new();
    let transcript = bench.fetch("band/1.0.0 -o band.cuff").expect(0);
    assert_snapshot!(transcript, @"
    $ cuff fetch repo band/1.0.0 -o band.cuff --root root.json --metadata-dir kept
    exit: 0
    --- stdout
    band/1.0.0  counter 1, for band-a, signed as band
      sha256 [hex] (3072 bytes)
    verified under root v2 of `repo`
    wrote band.cuff
    ");
    let bytes = fs::read(bench.desk.path("band.cuff")).unwrap();
    assert_eq!(bytes, bench.author.bundles["band/1.0.0"]);
    assert_eq!(Bundle::open(&bytes).unwrap().image(), b"the first image");
}

#[test]
fn several_releases_go_into_a_directory_that_exists() {
    let mut author = Author::new();
    author.release("scale/3", 1, b"weighs");
    let bench = Bench::of(author);
    let releases = "band/1.0.0 scale/3 -o out";
    assert_snapshot!(bench.fetch(releases).expect(2), @"
    $ cuff fetch repo band/1.0.0 scale/3 -o out --root root.json --metadata-dir kept
    exit: 2
    --- stderr
    error: several bundles need a directory to be written to, and `out` is none
    help: make the directory first, or write one file with --sealed
    ");
    fs::create_dir(bench.desk.path("out")).unwrap();
    bench.fetch(releases).expect(0);
    assert!(bench.desk.path("out/band-1.0.0.cuff").is_file());
    assert!(bench.desk.path("out/scale-3.cuff").is_file());
}

#[test]
fn a_sealed_bundle_says_until_when_and_for_whom_and_boots_on_the_device() {
    let bench = Bench::new();
    let fetched = bench.fetch("band/1.0.0 --sealed -o band.sealed").expect(0);
    assert_snapshot!(undated(&fetched), @"
    $ cuff fetch repo band/1.0.0 --sealed -o band.sealed --root root.json --metadata-dir kept
    exit: 0
    --- stdout
    band/1.0.0  counter 1, for band-a, signed as band
      sha256 [hex] (3072 bytes)
    verified under root v2 of `repo`
    sealed: installs on devices that have seen nothing signed since [date] (then timestamp has expired),
      that trust root v1 to v2, and that have seen no newer than band v1, snapshot v1, targets v1, timestamp v1
      sha256 [hex] (17408 bytes)
    wrote band.sealed
    ");
    let seal = Seal::open(fs::read(bench.desk.path("band.sealed")).unwrap()).unwrap();
    let names: Vec<&str> = seal.entries().map(|(name, _)| name).collect();
    assert_eq!(
        names[..6],
        [
            "metadata/1.band.json",
            "metadata/1.root.json",
            "metadata/1.snapshot.json",
            "metadata/1.targets.json",
            "metadata/2.root.json",
            "metadata/timestamp.json"
        ]
    );
    assert_eq!(names.len(), 7);
    let verified = bench.cuff("verify band.sealed --for unit.json").expect(0);
    assert_snapshot!(undated(&verified), @"
    $ cuff verify band.sealed --for unit.json
    exit: 0
    --- stdout
    boot: unit-1 installs and boots it
    release: band/1.0.0, counter 1, image of 15 bytes with sha256 [hex]
    trust: moves with the whole chain, whatever becomes of the image
      root v2, timestamp v1, snapshot v1, targets v1, product v1, floor [date], minimum counter 1
    freshness: expiry was held against the device's time floor, [date]
    ");
    // A sealed bundle is a repository like any other.
    bench
        .cuff("fetch band.sealed band/1.0.0 --root root.json -o again.cuff")
        .expect(0);
    // The same content, the same bytes.
    bench.fetch("band/1.0.0 --sealed -o twice.sealed").expect(0);
    assert_eq!(
        fs::read(bench.desk.path("band.sealed")).unwrap(),
        fs::read(bench.desk.path("twice.sealed")).unwrap()
    );
}

#[test]
fn a_chain_is_sealed_from_root_1_even_where_a_later_one_is_trusted() {
    let bench = Bench::new();
    let second = bench.author.roots[1].bytes();
    bench.desk.write("root.json", second);
    let answer = bench
        .fetch("band/1.0.0 --sealed -o band.sealed --json")
        .expect(0)
        .json();
    assert_eq!(answer["sealed"]["from_root"], 1);
    assert_eq!(answer["sealed"]["vouched_from_root"], 2);
    bench.cuff("verify band.sealed --for unit.json").expect(0);
    fs::remove_file(bench.desk.path("repo/metadata/1.root.json")).unwrap();
    let refused = bench.fetch("band/1.0.0 --sealed -o none.sealed").expect(1);
    assert_snapshot!(refused, @"
    $ cuff fetch repo band/1.0.0 --sealed -o none.sealed --root root.json --metadata-dir kept
    exit: 1
    --- stderr
    error: `metadata/1.root.json` is missing, and a sealed bundle holds every root since the first
    help: `cuff check` lists everything that is wrong with a repository
    ");
}

#[test]
fn a_dry_run_verifies_and_leaves_nothing() {
    let bench = Bench::new();
    let before = bench.desk.files();
    bench.fetch("band/1.0.0 --dry-run").expect(0);
    assert_eq!(bench.desk.files(), before);
}

#[test]
fn an_older_repository_is_noticed_the_next_time() {
    let bench = Bench::new();
    let old = fs::read(bench.desk.path("repo/metadata/timestamp.json")).unwrap();
    let mut newer = bench.author.clone();
    newer.next(&["band"]);
    newer.publish(&bench.desk.path("repo"));
    bench.fetch("band/1.0.0 -o band.cuff").expect(0);
    fs::write(bench.desk.path("repo/metadata/timestamp.json"), old).unwrap();
    let refused = bench.fetch("band/1.0.0 -o older.cuff").expect(1);
    assert_snapshot!(refused, @"
    $ cuff fetch repo band/1.0.0 -o older.cuff --root root.json --metadata-dir kept
    exit: 1
    --- stderr
    error: nothing was fetched from `repo`
    cause: metadata/timestamp.json is refused: timestamp: version 1 is older than version 2, which was trusted before
    help: `cuff check` lists everything that is wrong with a repository; what was trusted before is kept
    ");
    assert!(!bench.desk.path("older.cuff").exists());
    let refused = bench.fetch("band/1.0.0 --dry-run --json").expect(1);
    assert_eq!(refused.json()["error"]["rule"], "timestamp-rollback");
}

#[test]
fn a_bundle_that_disagrees_with_the_signed_record_is_not_fetched() {
    let mut author = Author::new();
    author.product("band").body["targets"]["band/1.0.0"]["custom"]["cuff"]["counter"] = json!(9);
    let bench = Bench::of(author);
    assert_snapshot!(bench.fetch("band/1.0.0 -o band.cuff").expect(1), @"
    $ cuff fetch repo band/1.0.0 -o band.cuff --root root.json --metadata-dir kept
    exit: 1
    --- stderr
    error: the record that was signed for band/1.0.0 and the one in its bundle disagree: `counter` is 9 as signed and 1 in the bundle
    help: do not install it: the people who signed approved something else than the bundle says
    ");
    assert!(!bench.desk.path("band.cuff").exists());
}

#[test]
fn what_cannot_be_fetched_is_told_apart() {
    let bench = Bench::new();
    for (line, code, rule) in [
        (
            "fetch nowhere band/1.0.0 --root root.json -o x",
            3,
            "no-repository",
        ),
        (
            "fetch ftp://localhost/ band/1 --root root.json -o x",
            2,
            "url",
        ),
        (
            "fetch https://someone:secret@localhost/ band/1 --root root.json -o x",
            2,
            "url",
        ),
        (
            "--offline fetch http://localhost:9/ band/1 --root root.json -o x",
            2,
            "offline",
        ),
        (
            "fetch unit.json band/1.0.0 --root root.json -o x",
            2,
            "no-repository",
        ),
        ("fetch repo band/1.0.0 -o x", 2, "no-working-directory"),
        (
            "fetch repo band/1.0.0 --root absent.json -o x",
            3,
            "no-root",
        ),
        ("fetch repo band/1.0.0 --root unit.json -o x", 1, "envelope"),
        (
            "fetch repo band/7 --root root.json -o x",
            1,
            "target-unknown",
        ),
        (
            "fetch repo scale/1 --root root.json -o x",
            1,
            "target-unknown",
        ),
    ] {
        let transcript = bench.cuff(&format!("{line} --json")).expect(code);
        assert_eq!(transcript.json()["error"]["rule"], rule, "{transcript}");
        assert!(!bench.desk.path("x").exists());
    }
    let digest = author::sha256(&bench.author.bundles["band/1.0.0"]);
    let path = bench.desk.path(format!("repo/targets/band/{digest}.1.0.0"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[600] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_snapshot!(bench.fetch("band/1.0.0 -o x").expect(1), @"
    $ cuff fetch repo band/1.0.0 -o x --root root.json --metadata-dir kept
    exit: 1
    --- stderr
    error: `targets/band/[hex].1.0.0` must have SHA-256 [hex] as signed, found [hex]
    help: the bytes are not what was signed: copy the repository again, and find out who changed them
    ");
    fs::remove_file(&path).unwrap();
    assert_snapshot!(bench.fetch("band/1.0.0 -o x").expect(1), @"
    $ cuff fetch repo band/1.0.0 -o x --root root.json --metadata-dir kept
    exit: 1
    --- stderr
    error: band/1.0.0 is signed, but its file `targets/band/[hex].1.0.0` is missing
    help: publish or copy the repository again; if it is a mirror, copy timestamp.json last
    ");
}

#[test]
fn the_working_directory_knows_its_root() {
    let bench = Bench::new();
    let signed = author::canonical(&bench.author.roots[0].body);
    let pin = json!({"version": 1, "sha256": author::sha256(signed.as_bytes())});
    bench.desk.write("cuff.toml", "");
    bench.desk.write(".cuff/pin.json", pin.to_string());
    bench
        .desk
        .write("metadata/1.root.json", bench.author.root());
    bench.cuff("fetch repo band/1.0.0 -o band.cuff").expect(0);
    assert!(bench.desk.path(".cuff/trusted/timestamp.json").is_file());
    let mut other = bench.author.clone();
    other.roots[0].signers = vec!["bob", "carol"];
    bench.desk.write("metadata/1.root.json", other.root());
    bench.cuff("fetch repo band/1.0.0 -o band.cuff").expect(0);
    other.roots[0].body["version"] = json!(3);
    bench.desk.write("metadata/1.root.json", other.root());
    assert_snapshot!(bench.cuff("fetch repo band/1.0.0 -o band.cuff").expect(1), @"
    $ cuff fetch repo band/1.0.0 -o band.cuff
    exit: 1
    --- stderr
    error: `[dir]/metadata/1.root.json` is not the root this clone trusts: expected SHA-256 [hex] of its signed part, found [hex]
    help: join the repository again with `cuff init --join`, after asking a colleague for the fingerprint
    ");
}

#[test]
fn a_device_of_another_product_or_with_a_higher_counter_says_so() {
    let bench = Bench::new();
    bench.fetch("band/1.0.0 --sealed -o band.sealed").expect(0);
    for (member, value, name) in [
        ("product", json!("scale"), "path-outside-product"),
        ("hardware", json!("band-z"), "other-hardware"),
        ("counter", json!(2), "counter-rollback"),
        ("bootloader", json!(0), "bootloader-too-old"),
        ("floor", json!("2099-01-01T00:00:00Z"), "root-expired"),
    ] {
        let mut state = bench.author.state();
        state[member] = value;
        bench.desk.write("other.json", state.to_string());
        let refused = bench
            .cuff("verify band.sealed --for other.json --json")
            .expect(1);
        assert_eq!(refused.json()["reason"]["name"], name);
    }
    assert_snapshot!(bench.cuff("verify band.sealed --for other.json"), @"
    $ cuff verify band.sealed --for other.json
    exit: 1
    --- stdout
    refuse: unit-1 refuses it with reason 230 (root-expired): the root has expired
    trust: moves to new roots, and nothing below them, whatever becomes of the image
      root v2, timestamp v0, snapshot v0, targets v0, product v0, floor 2099-01-01T00:00:00Z, minimum counter 0
    freshness: expiry was held against the device's time floor, 2099-01-01T00:00:00Z
    ");
}

#[test]
fn what_cannot_be_judged_is_no_verdict() {
    let bench = Bench::new();
    bench.desk.write("empty", "");
    bench.fetch("band/1.0.0 -o band.cuff").expect(0);
    for (line, code, rule) in [
        ("verify absent --for unit.json", 3, "unreadable-file"),
        ("verify empty --for unit.json", 3, "unreadable-file"),
        ("verify band.cuff --for unit.json", 3, "unreadable-file"),
        ("verify unit.json --for root.json", 2, "state"),
    ] {
        let transcript = bench.cuff(&format!("{line} --json")).expect(code);
        assert_eq!(transcript.json()["error"]["rule"], rule, "{transcript}");
    }
    // Bytes that are no evidence are what a device would find in its slot, and it has a word for that.
    let refused = bench
        .cuff("verify root.json --for unit.json --json")
        .expect(1);
    assert_eq!(refused.json()["reason"]["name"], "evidence-magic");
}

#[test]
fn a_sealed_bundle_that_was_changed_is_refused_by_the_device() {
    let bench = Bench::new();
    let files = bench.author.files();
    let verdict = |files| {
        let seal = Seal::pack(&files).unwrap();
        bench.desk.write("changed.sealed", seal.as_bytes());
        let refused = bench
            .cuff("verify changed.sealed --for unit.json --json")
            .expect(1);
        let answer = refused.json();
        let name = &answer["reason"]["name"];
        name.as_str()
            .or(answer["error"]["rule"].as_str())
            .unwrap()
            .to_owned()
    };
    let mut gone = files.clone();
    gone.remove("metadata/1.band.json");
    assert_eq!(verdict(gone), "evidence-incomplete");
    let mut gone = files.clone();
    gone.remove("metadata/1.snapshot.json");
    assert_eq!(verdict(gone), "evidence-incomplete");
    let mut other = files.clone();
    other.insert("metadata/timestamp.json".to_owned(), b"{}".to_vec());
    assert_eq!(verdict(other), "envelope");
    let mut gone = files.clone();
    gone.retain(|name, _| !name.starts_with("targets/"));
    assert_eq!(verdict(gone), "no-image");
    let (target, bytes) = files.last_key_value().unwrap();
    let (target, mut bytes) = (target.clone(), bytes.clone());
    bytes[600] ^= 1;
    let mut other = files.clone();
    other.insert(target, bytes);
    assert_eq!(verdict(other), "wrong-bundle");
    let mut unsigned = bench.author.clone();
    unsigned.product("band").signers = vec!["alice"];
    assert_eq!(verdict(unsigned.files()), "under-threshold");
}

#[test]
fn check_tells_a_person_what_is_wrong() {
    let bench = Bench::new();
    assert_snapshot!(undated(&bench.check().expect(0)), @"
    $ cuff check repo --second-opinion --at [date]
    exit: 0
    --- stdout
    band         v1      until [date]
    root         v2      until [date]
    scale        v1      until [date]
    snapshot     v1      until [date]
    targets      v1      until [date]
    timestamp    v1      until [date]
    evidence for band: 6167 bytes from root v1
    evidence for scale: 5571 bytes from root v1
    second opinion: tuf 0.3.0-beta14 agrees about the signatures of 5 of 5 files; it was asked about root, timestamp, snapshot and targets and about nothing else, and its yes counts for nothing
    healthy: 0 errors, 0 warnings, 1 release, checked for [date]
    ");
    bench.desk.write("repo/metadata/3.root.json", "{}");
    fs::remove_file(bench.desk.path("repo/metadata/1.scale.json")).unwrap();
    assert_snapshot!(undated(&bench.check().expect(1)), @"
    $ cuff check repo --second-opinion --at [date]
    exit: 1
    --- stdout
    error: band/: a device refuses it with reason 114: metadata is not an object of signatures and signed [device-refuses]
    error: band/1.0.0: a device refuses it with reason 114: metadata is not an object of signatures and signed [device-refuses]
    error: metadata/1.scale.json: the file is missing [missing-file]
    error: metadata/3.root.json: root: not an object of exactly `signatures` (pairs of keyid and sig) and `signed` [envelope]
    error: metadata/3.root.json: tuf 0.3.0-beta14 does not agree: missing field `signatures` at line 1 column 2 [second-opinion]
    error: repository: metadata/3.root.json is refused: root: not an object of exactly `signatures` (pairs of keyid and sig) and `signed` [client-refuses]
    band         v1      until [date]
    root         v2      until [date]
    snapshot     v1      until [date]
    targets      v1      until [date]
    timestamp    v1      until [date]
    evidence for band: 6173 bytes from root v1
    second opinion: tuf 0.3.0-beta14 agrees about the signatures of 5 of 6 files; it was asked about root, timestamp, snapshot and targets and about nothing else, and its yes counts for nothing
    not healthy: 6 errors, 0 warnings, 1 release, checked for [date]
    ");
    bench.cuff("check nowhere").expect(3);
    bench.cuff("check repo --soon never").expect(2);
}
