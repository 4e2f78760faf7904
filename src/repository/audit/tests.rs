use super::check::{Report, check};
use super::entry::Entry;
use super::*;

fn at(second: u8) -> Instant {
    Instant::parse(format!("2026-11-26T11:00:{second:02}Z").as_bytes()).unwrap()
}

/// A working directory in which Alice staged and signed, the server published, and Bob reviewed afterwards.
struct Room {
    _folder: tempfile::TempDir,
    desk: Desk,
    alice: Hex,
    online: Hex,
    published: Hex,
}

fn room() -> Room {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::create(folder.path(), "").unwrap();
    let (alice, online, bob) = (
        Hex::sha256(b"alice"),
        Hex::sha256(b"online"),
        Hex::sha256(b"bob"),
    );
    let audit = Audit::of(&desk);
    audit.set_identity(&alice).unwrap();
    let digest = Hex::sha256(b"what is staged");
    let roles = vec!["band v2".to_owned()];
    audit
        .note(
            at(1),
            Event::Staged {
                roles: roles.clone(),
                digest,
            },
        )
        .unwrap();
    let signer = "token `desk` (serial 1)".to_owned();
    audit
        .note_by(
            &alice,
            at(2),
            Event::Signed {
                signer,
                roles: roles.clone(),
                digest,
            },
        )
        .unwrap();
    let published = audit.publishing(&online, at(3), "key file", roles).unwrap();
    audit
        .note_by(&bob, at(4), Event::Reviewed { digest })
        .unwrap();
    Room {
        _folder: folder,
        desk,
        alice,
        online,
        published,
    }
}

impl Room {
    fn report(&self) -> Report {
        let audit = Audit::of(&self.desk);
        check(&audit.logs().unwrap(), Some((1, self.published)))
    }

    fn path(&self, key: &Hex) -> PathBuf {
        Audit::of(&self.desk).folder().join(format!("{key}.jsonl"))
    }

    fn edit(&self, key: &Hex, edit: impl FnOnce(String) -> String) -> Report {
        let text = fs::read_to_string(self.path(key)).unwrap();
        fs::write(self.path(key), edit(text)).unwrap();
        self.report()
    }
}

#[test]
fn logs_that_were_only_added_to_hold() {
    let room = room();
    let report = room.report();
    assert_eq!(report.problems, []);
    assert!(report.vouched);
    // Bob's review came after the publication.
    assert_eq!(report.uncovered, 1);
}

#[test]
fn every_edit_and_truncation_is_named() {
    type Edit = fn(String) -> String;
    let last: Edit = |text| {
        let end = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
        text[..end].to_owned()
    };
    let first: Edit = |text| text.split_once('\n').unwrap().1.to_owned();
    let word: Edit = |text| text.replace("band v2", "band v3");
    let half: Edit = |text| text[..text.len() - 20].to_owned();
    let space: Edit = |text| text.replacen(',', ", ", 1);
    let twice: Edit = |text| text.repeat(2);
    let conflict: Edit = |text| format!("<<<<<<< HEAD\n{text}=======\n>>>>>>> theirs\n");
    let nothing: Edit = |_| String::new();
    for (online, edit, words) in [
        (false, last, "truncated: it had 2 entries and has 1"),
        (false, nothing, "truncated: it had 2 entries and has 0"),
        (false, first, "expected 1: entries were removed"),
        (false, word, "does not follow the entry before it"),
        (false, half, "cut off"),
        (false, space, "spell it differently"),
        (false, twice, "expected 3"),
        (false, conflict, "both sides of a merge"),
        (true, last, "the signed snapshot v1 vouches for"),
        (true, word, "the signed snapshot v1 vouches for"),
    ] {
        let room = room();
        let key = if online { room.online } else { room.alice };
        let report = room.edit(&key, edit);
        let found: Vec<&str> = report
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(
            found.iter().any(|found| found.contains(words)),
            "{words}: {found:?}"
        );
    }
}

#[test]
fn a_log_cannot_be_rewritten_from_its_beginning() {
    // Even one that is chained anew and holds by itself.
    let room = room();
    let mut previous = Entry::before_first(&room.alice.to_string());
    let report = room.edit(&room.alice, |text| {
        let mut out = String::new();
        for line in text.lines() {
            let mut entry = Entry::read(line.as_bytes()).unwrap();
            entry.time = Utc(at(0));
            entry.previous = previous;
            let line = entry.line().unwrap();
            previous = Hex::sha256(&line);
            out += &String::from_utf8(line).unwrap();
            out.push('\n');
        }
        out
    });
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].message.contains("edited: entry 2 was"));
}

#[test]
fn a_removed_log_and_an_entry_of_another_log_are_named() {
    let room = room();
    fs::remove_file(room.path(&room.alice)).unwrap();
    assert!(
        room.report().problems[0]
            .message
            .contains("it had 2 entries and has 0")
    );
    fs::copy(room.path(&room.online), room.path(&room.alice)).unwrap();
    let report = room.report();
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.message.contains("belongs to the log"))
    );
}

#[test]
fn nothing_is_built_upon_a_broken_end() {
    let room = room();
    room.edit(&room.alice, |text| text.replace("\"time\":", "\"time\": "));
    let digest = Hex::sha256(b"");
    let audit = Audit::of(&room.desk);
    let refused = audit.note_by(&room.alice, at(9), Event::Reviewed { digest });
    assert!(
        matches!(refused, Err(AuditError::Broken { line: 2, .. })),
        "{refused:?}"
    );
}

#[test]
fn what_a_power_cut_left_of_an_entry_is_replaced_by_the_next() {
    let room = room();
    let bob = Hex::sha256(b"bob");
    let event = || Event::Reviewed {
        digest: Hex::sha256(b""),
    };
    let audit = Audit::of(&room.desk);
    let whole = fs::read(room.path(&bob)).unwrap();
    for left in ["{", "{\"event\":{\"reviewed\""] {
        let cut = [&whole, left.as_bytes()].concat();
        fs::write(room.path(&bob), cut).unwrap();
        audit.note_by(&bob, at(9), event()).unwrap();
        assert!(fs::read(room.path(&bob)).unwrap().starts_with(&whole));
        assert_eq!(room.report().problems, []);
        assert_eq!(room.report().uncovered, 2);
    }
    // One that a publication vouches for was whole: that it is gone shows.
    room.edit(&room.alice, |text| text[..text.len() - 3].to_owned());
    audit.note_by(&room.alice, at(9), event()).unwrap();
    let report = room.report();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].message.contains("edited: entry 2 was"));
    // The first of a log, too.
    fs::write(room.path(&bob), "{").unwrap();
    audit.note_by(&bob, at(9), event()).unwrap();
    assert_eq!(audit.logs().unwrap()[&bob.to_string()].faults(), []);
}

#[test]
fn a_clock_that_went_back_is_a_note() {
    let room = room();
    let event = Event::Reviewed {
        digest: Hex::sha256(b""),
    };
    Audit::of(&room.desk).note(at(0), event).unwrap();
    let report = room.report();
    assert_eq!(
        (report.problems.len(), report.notes.len()),
        (0, 1),
        "{report:?}"
    );
}

#[test]
fn a_clone_that_belongs_to_nobody_has_a_log_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::create(folder.path(), "").unwrap();
    let audit = Audit::of(&desk);
    let event = || Event::Reviewed {
        digest: Hex::sha256(b""),
    };
    audit.note(at(1), event()).unwrap();
    let name = audit.identity().unwrap();
    assert!(name.starts_with("clone-"));
    let key = Hex::sha256(b"alice");
    audit.note_by(&key, at(2), event()).unwrap();
    assert_eq!(audit.identity().unwrap(), key.to_string());
    assert_eq!(audit.names().unwrap().len(), 2);
}

#[test]
fn foreign_words_are_made_printable() {
    assert_eq!(entry::printable("a\u{1b}[2J\u{e9}"), "a\\u{1b}[2J\\u{e9}");
    assert!(entry::printable(&"x".repeat(5000)).len() < 1100);
}
