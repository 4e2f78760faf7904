//! One spelling only: every other one is refused by the name of what differs.

use super::*;

const LIMITS: Limits = Limits {
    entries: 3,
    entry: |name| if name == "small" { 4 } else { 1 << 20 },
    whole: 1 << 21,
};

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|&(name, bytes)| Entry { name, bytes })
        .collect();
    write(&entries).unwrap()
}

/// The archive of one entry `a` with some bytes of its header overwritten and the checksum made right again.
fn doctored(at: usize, with: &[u8]) -> Result<(), TapeError> {
    let mut bytes = archive(&[("a", b"content")]);
    bytes[at..at + with.len()].copy_from_slice(with);
    let mut header = Header::from_byte_slice(&bytes[..BLOCK]).clone();
    header.set_cksum();
    bytes[..BLOCK].copy_from_slice(header.as_bytes());
    read(&bytes, &LIMITS).map(|_| ())
}

fn field(result: Result<(), TapeError>) -> &'static str {
    match result {
        Err(TapeError::Header { index: 0, field }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bytes_of_a_header_are_pinned() {
    let bytes = archive(&[("images/active.bin", b"content")]);
    let mut expected = vec![0; 4 * BLOCK];
    for (at, text) in [
        (0, "images/active.bin"),
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (124, "00000000007"),
        (136, "00000000000"),
        (148, "0011154\0"),
        (156, "0"),
        (257, "ustar\x00"),
        (263, "00"),
        (512, "content"),
    ] {
        expected[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let differing = bytes.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(
        differing.map(|at| (at, String::from_utf8_lossy(&bytes[at..at + 8]))),
        None
    );
    assert_eq!(bytes.len(), expected.len());
}

#[test]
fn what_is_written_is_read_in_order() {
    let long = format!("targets/{}", "n".repeat(200));
    let bytes = archive(&[("b", b""), ("a", &[1; 513]), (&long, b"x")]);
    let entries = read(&bytes, &LIMITS).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["b", "a", long.as_str()]);
    assert_eq!(entries[1].bytes, [1; 513]);
}

#[test]
fn a_header_of_anyone_elses_making_is_refused_by_field() {
    assert_eq!(field(doctored(100, b"0000755")), "mode");
    assert_eq!(field(doctored(108, b"0001750")), "uid");
    assert_eq!(field(doctored(116, b"0001750")), "gid");
    assert_eq!(field(doctored(124, b"      7 ")), "size");
    assert_eq!(field(doctored(136, b"14524770371")), "mtime");
    assert_eq!(field(doctored(156, b"2")), "type");
    assert_eq!(field(doctored(157, b"/etc/passwd")), "link name");
    assert_eq!(field(doctored(265, b"root")), "user name");
    assert_eq!(field(doctored(297, b"root")), "group name");
    assert_eq!(field(doctored(345, b"..")), "prefix");
    assert_eq!(field(doctored(500, b"x")), "reserved");
    assert_eq!(field(doctored(50, b"x")), "name");
    let mut bytes = archive(&[("a", b"content")]);
    bytes[148] = b'7';
    assert_eq!(field(read(&bytes, &LIMITS).map(|_| ())), "checksum");
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in [
        "",
        "/a",
        "../a",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        ".a",
        "a.",
        "a\\b",
        "a b",
        "a\nb",
        "C:a",
        "a/nul.txt",
        "\u{e4}",
        "a\u{202e}b",
    ] {
        let entry = Entry { name, bytes: b"" };
        assert!(
            matches!(write(&[entry]), Err(TapeError::Name { .. })),
            "{name:?}"
        );
    }
    assert!(matches!(
        doctored(0, b"../../a"),
        Err(TapeError::Name { .. })
    ));
    assert!(matches!(
        doctored(0, b"a\x1b[2J"),
        Err(TapeError::Name { .. })
    ));
    let error = doctored(0, b"a\x1b[2J").unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_name_has_one_spelling() {
    // A short name in the long form.
    let long = format!("{}/b", "a".repeat(100));
    let mut bytes = archive(&[(&long, b"")]);
    let text = b"012 path=ab\n";
    bytes[BLOCK..2 * BLOCK].fill(0);
    bytes[BLOCK..BLOCK + text.len()].copy_from_slice(text);
    assert_eq!(field(read(&bytes, &LIMITS).map(|_| ())), "name");
    // Another record hidden behind the name.
    let mut bytes = archive(&[(&long, b"")]);
    bytes[2 * BLOCK - 1] = b'x';
    assert!(matches!(
        read(&bytes, &LIMITS),
        Err(TapeError::Header { index: 0, .. })
    ));
}

#[test]
fn the_end_is_where_it_must_be() {
    let whole = archive(&[("a", b"content")]);
    for length in 0..whole.len() {
        assert!(
            matches!(
                read(&whole[..length], &LIMITS),
                Err(TapeError::CutShort { .. })
            ),
            "cut to {length}"
        );
    }
    let mut more = whole.clone();
    more.push(0);
    assert_eq!(
        read(&more, &LIMITS),
        Err(TapeError::Trailing {
            end: whole.len(),
            found: 1
        })
    );
    let mut padded = whole;
    padded[BLOCK + 100] = 1;
    assert_eq!(
        read(&padded, &LIMITS),
        Err(TapeError::Padding {
            name: "a".to_owned()
        })
    );
}

#[test]
fn sizes_and_counts_are_bounded() {
    assert_eq!(
        read(&archive(&[("small", b"12345")]), &LIMITS),
        Err(TapeError::EntryTooLong {
            name: "small".to_owned(),
            limit: 4,
            found: 5
        })
    );
    assert!(matches!(
        doctored(124, b"77777777777"),
        Err(TapeError::EntryTooLong { .. })
    ));
    let four = archive(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]);
    assert_eq!(read(&four, &LIMITS), Err(TapeError::TooMany { limit: 3 }));
    let twice = archive(&[("a", b""), ("a", b"")]);
    assert_eq!(
        read(&twice, &LIMITS),
        Err(TapeError::Twice {
            name: "a".to_owned()
        })
    );
    assert!(matches!(
        read(&vec![0; 1 << 22], &LIMITS),
        Err(TapeError::TooLong { .. })
    ));
}
