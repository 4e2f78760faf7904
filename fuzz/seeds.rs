//! Every fuzz target, and where its first inputs come from: files of these folders with these endings ("" is any).
//!
//! Read by `cargo xtask fuzz` and by the smoke in `tests/hostile_bytes.rs`.

/// By target.
pub const SEEDS: [(&str, &[(&str, &str)]); 21] = [
    (
        "board",
        &[
            ("boards/microbit", "toml"),
            ("boards/nrf52840", "toml"),
            ("boards/qemu-an386", "toml"),
            ("boards/qemu-an505", "toml"),
            ("fixtures/boards", "toml"),
        ],
    ),
    ("bundle", &[("fuzz/seeds/bundle", "")]),
    (
        "canonical_json",
        &[
            ("fuzz/seeds/foreign_json", "json"),
            ("fuzz/seeds/release_record", ""),
        ],
    ),
    ("differential", &[]),
    ("evidence", &[("fixtures/vectors", "update")]),
    (
        "firmware",
        &[("fixtures/firmware", "elf"), ("fuzz/seeds/firmware", "")],
    ),
    ("flash", &[]),
    ("foreign_json", &[("fuzz/seeds/foreign_json", "json")]),
    ("mailbox", &[]),
    ("manifest", &[("manifests", "toml")]),
    ("private_key", &[("keys.example", "key")]),
    ("public_file", &[("keys.example", "pub")]),
    ("release_record", &[("fuzz/seeds/release_record", "")]),
    ("seal", &[("fuzz/seeds/seal", "")]),
    ("settings", &[("fuzz/seeds/settings", "")]),
    ("smp", &[("fuzz/seeds/smp", "")]),
    ("state_file", &[("fixtures/vectors", "json")]),
    (
        "tape",
        &[("fuzz/seeds/bundle", ""), ("fuzz/seeds/seal", "")],
    ),
    ("trust_record", &[]),
    ("trusted_set", &[]),
    ("words", &[]),
];
