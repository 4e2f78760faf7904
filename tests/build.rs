//! `cuff build` and `cuff inspect`, as a person sees them: what is made, and how each mistake is told.

#![allow(clippy::unwrap_used)]

#[path = "support/cuff.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use cuff::bundle::Bundle;
use cuff::bundle::seal::Seal;
use insta::assert_snapshot;
use support::{Desk, Transcript, project};

const MANIFEST: &str = r#"product = "band"
version = "1.4.0"
counter = 7
hardware = ["band-b", "band-a"]
boards = ["bench"]
minimum-bootloader = 1
firmware = "firmware/band.elf"
"#;

/// The one build that most tests run.
const BUILD: &str = "build band.toml --board bench.toml -o band.cuff";

/// Where the made-up board wants its images.
const START: u32 = 0x2_0000;

/// A folder with a good manifest, the made-up board and a program for it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("band.toml", MANIFEST);
    desk.write("bench.toml", board("bench"));
    desk.write("firmware/band.elf", elf(&program(START, 1000)));
    desk
}

fn board(name: &str) -> Vec<u8> {
    fs::read(project().join(format!("fixtures/boards/{name}.toml"))).unwrap()
}

/// A vector table and filler. The stack pointer suits boards with 16 KiB of RAM or more.
fn program(start: u32, length: usize) -> Vec<u8> {
    let mut bytes = 0x2000_4000_u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(start + 0x41).to_le_bytes());
    bytes.resize(length, 0x5A);
    bytes
}

/// A linked Arm program of one segment.
fn elf(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend_from_slice(&[2, 0, 40, 0]);
    for word in [1, START + 0x41, 52, 0, 0, 0x20_0034, 0x28_0001, 0] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for word in [1, 84, START, START, length, length, 5, 4] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(bytes);
    file
}

/// The run after the manifest's line was replaced.
fn with_line(from: &str, to: &str) -> Transcript {
    let desk = desk();
    assert!(MANIFEST.contains(from));
    desk.write("band.toml", MANIFEST.replace(from, to));
    let transcript = desk.cuff(BUILD);
    assert!(!desk.files().contains(&"band.cuff".to_owned()));
    transcript
}

/// The run after the firmware was replaced.
fn with_firmware(bytes: impl AsRef<[u8]>) -> Transcript {
    let desk = desk();
    desk.write("firmware/band.elf", bytes);
    desk.cuff(BUILD)
}

/// One Intel HEX record.
fn hex_record(kind: u8, offset: u16, bytes: &[u8]) -> String {
    let mut record = vec![u8::try_from(bytes.len()).unwrap()];
    record.extend_from_slice(&offset.to_be_bytes());
    record.push(kind);
    record.extend_from_slice(bytes);
    let sum = record.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    record.push(sum.wrapping_neg());
    let mut text = ":".to_owned();
    for byte in record {
        write!(text, "{byte:02X}").unwrap();
    }
    text + "\n"
}

/// A program as Intel HEX, and bytes far behind it.
fn hex(start: u32, program: &[u8], far: Option<(u32, &[u8])>) -> String {
    let mut text = String::new();
    for (address, bytes) in [(start, program)].into_iter().chain(far) {
        for (index, chunk) in bytes.chunks(16).enumerate() {
            let here = address + u32::try_from(index * 16).unwrap();
            text.push_str(&hex_record(4, 0, &here.to_be_bytes()[..2]));
            text.push_str(&hex_record(0, u16::try_from(here & 0xFFFF).unwrap(), chunk));
        }
    }
    text + &hex_record(1, 0, &[])
}

/// What a micro:bit's MicroPython looks like to cuff: a program at 0, and 28 bytes of configuration far away.
fn like_micropython() -> String {
    hex(0, &program(0, 1024), Some((0x1000_10C0, &[0xFF; 28])))
}

#[test]
fn a_bundle_is_built_and_shown() {
    let desk = desk();
    assert_snapshot!(desk.cuff(BUILD), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 0
    --- stdout
    release   band/1.4.0 (application)
    counter   7
    hardware  band-a, band-b
    boards    bench, bootloader 1 or later
    image     1000 bytes at 0x00020000, from ELF
              sha256 78602ea0b11a63bb794cd6c23c10a6e7994d345e75bcd937db865abda1af9084
    bundle    3584 bytes
              sha256 372b874b5952f5c3ba611aecbeb25130a62c9ddb09f0a62d4c4088d5089311d6
    written   band.cuff
    ");
    assert_snapshot!(desk.cuff("inspect band.cuff"), @"
    $ cuff inspect band.cuff
    exit: 0
    --- stdout
    file       band.cuff, a bundle
    length     3584 bytes
    sha256     372b874b5952f5c3ba611aecbeb25130a62c9ddb09f0a62d4c4088d5089311d6
    release    band/1.4.0 (application)
    counter    7
    hardware   band-a, band-b
    bootloader 1 or later
    image      1000 bytes for active
               sha256 78602ea0b11a63bb794cd6c23c10a6e7994d345e75bcd937db865abda1af9084
               stack 0x20004000, reset 0x00020041
    not verified: this is what the file says of itself, not who approved it
    ");
    Bundle::open(&fs::read(desk.path("band.cuff")).unwrap()).unwrap();
}

#[test]
fn a_build_as_json() {
    assert_snapshot!(desk().cuff("build band.toml --board bench.toml --dry-run --json"), @r#"
    $ cuff build band.toml --board bench.toml --dry-run --json
    exit: 0
    --- stdout
    {
      "schema_version": 1,
      "command": "build",
      "ok": true,
      "release": "band/1.4.0",
      "product": "band",
      "version": "1.4.0",
      "counter": 7,
      "hardware": [
        "band-a",
        "band-b"
      ],
      "boards": [
        "bench"
      ],
      "minimum_bootloader": 1,
      "kind": "application",
      "image": {
        "format": "ELF",
        "address": 131072,
        "length": 1000,
        "sha256": "78602ea0b11a63bb794cd6c23c10a6e7994d345e75bcd937db865abda1af9084",
        "filled": 0,
        "left_out": 0
      },
      "bundle": {
        "length": 3584,
        "sha256": "372b874b5952f5c3ba611aecbeb25130a62c9ddb09f0a62d4c4088d5089311d6"
      }
    }
    "#);
}

#[test]
fn the_same_input_gives_the_same_bytes_in_any_folder_at_any_time() {
    let [one, two] = [desk(), desk()];
    let file = fs::File::options()
        .write(true)
        .open(two.path("firmware/band.elf"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(10_000))
        .unwrap();
    let mut bundles = Vec::new();
    for (desk, umask) in [(&one, "022"), (&two, "077")] {
        let status = Command::new("sh")
            .args([
                "-c",
                "umask $0; exec \"$@\"",
                umask,
                env!("CARGO_BIN_EXE_cuff"),
            ])
            .args(BUILD.split(' '))
            .env("TZ", if umask == "022" { "UTC" } else { "Asia/Tokyo" })
            .current_dir(desk.path(""))
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        bundles.push(fs::read(desk.path("band.cuff")).unwrap());
    }
    assert_eq!(bundles[0], bundles[1]);
    // The same program as Intel HEX or raw binary is the same image, hence the same bundle.
    one.write("firmware/band.elf", hex(START, &program(START, 1000), None));
    one.cuff(BUILD).expect(0);
    assert_eq!(fs::read(one.path("band.cuff")).unwrap(), bundles[0]);
    one.write("firmware/band.elf", program(START, 1000));
    one.write("band.toml", format!("{MANIFEST}address = 0x20000\n"));
    one.cuff(BUILD).expect(0);
    assert_eq!(fs::read(one.path("band.cuff")).unwrap(), bundles[0]);
}

#[test]
fn tar_of_any_make_reads_a_bundle() {
    let desk = desk();
    desk.cuff(BUILD).expect(0);
    let list = Command::new("tar")
        .args(["-tvf"])
        .arg(desk.path("band.cuff"))
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(list.status.success());
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(
        text.contains("-rw-r--r-- 0/0") && text.contains("1970-01-01 00:00 release.json"),
        "{text}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = desk();
    desk.cuff("build band.toml --board bench.toml --dry-run -o band.cuff")
        .expect(0);
    assert_eq!(
        desk.files(),
        ["band.toml", "bench.toml", "firmware/band.elf"]
    );
}

#[test]
fn an_input_is_never_overwritten() {
    let desk = desk();
    assert_snapshot!(desk.cuff("build band.toml --board bench.toml -o firmware/band.elf"), @"
    $ cuff build band.toml --board bench.toml -o firmware/band.elf
    exit: 2
    --- stderr
    error: `firmware/band.elf` would be overwritten by the bundle made from it
    help: choose another name for --output
    ");
    assert_eq!(desk.read("band.toml"), MANIFEST);
}

#[test]
fn extras_ride_along_and_are_what_they_are_called() {
    let desk = desk();
    desk.write(
        "band.toml",
        format!("{MANIFEST}sbom = \"sbom.json\"\nrecipients = \"recipients.toml\"\n"),
    );
    desk.write(
        "sbom.json",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\"}",
    );
    desk.write("recipients.toml", "format = 1\n# nobody yet\n");
    desk.cuff(BUILD).expect(0);
    let bundle = Bundle::open(&fs::read(desk.path("band.cuff")).unwrap()).unwrap();
    assert_eq!(
        bundle.recipients(),
        Some(b"format = 1\n# nobody yet\n".as_slice())
    );
    desk.write("sbom.json", "{\"spdxVersion\":\"SPDX-2.3\"}");
    assert_snapshot!(desk.cuff("build band.toml --board bench.toml -o other.cuff"), @r#"
    $ cuff build band.toml --board bench.toml -o other.cuff
    exit: 1
    --- stderr
    error: `sbom.json` is refused
    cause: sbom must be a CycloneDX bill of materials ("bomFormat": "CycloneDX"), found other JSON: convert SPDX files first
    "#);
}

#[test]
fn a_missing_field_is_told_with_its_place() {
    assert_snapshot!(with_line("counter = 7\n", ""), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:1:1: missing field `counter`
    ");
}

#[test]
fn a_malformed_field_is_told_with_its_place() {
    assert_snapshot!(with_line("counter = 7", "counter = \"seven\""), @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:3:11: invalid type: string "seven", expected a whole number, zero or more
    "#);
    assert_snapshot!(with_line("counter = 7", "counter = 7\ncuonter = 8"), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:4:1: unknown field `cuonter`, expected one of `product`, `version`, `counter`, `hardware`, `boards`, `minimum-bootloader`, `kind`, `firmware`, `address`, `leave-out`, `sbom`, `recipients`
    ");
}

#[test]
fn a_name_that_leaves_its_folder_is_refused() {
    assert_snapshot!(with_line("\"1.4.0\"", "\"../../1.4.0\""), @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:2:11: version "../../1.4.0" must be 1 to 64 characters out of A-Z, a-z, 0-9, dot, underscore, plus and minus
    "#);
    assert_snapshot!(with_line("\"band\"", "\"snapshot\""), @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:1:11: product "snapshot" is the name of a TUF role (root, targets, snapshot, timestamp): choose another product name
    "#);
}

#[test]
fn a_control_character_reaches_no_terminal() {
    let transcript = with_line("\"band\"", "\"band\\u001b[2J\"");
    assert!(!transcript.stderr.contains('\u{1b}'));
    assert_snapshot!(transcript, @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest is refused
    cause: band.toml:1:11: product "band\u{1b}[2J" must be 1 to 31 characters out of a-z, 0-9 and -
    "#);
}

#[test]
fn an_unknown_board_is_refused_with_those_there_are() {
    assert_snapshot!(with_line("[\"bench\"]", "[\"bench\", \"pebble\"]"), @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 2
    --- stderr
    error: the manifest names a board that is not described
    cause: no board is called "pebble": known are qemu-an505, qemu-an386, microbit, nrf52840, bench; describe another with --board FILE
    "#);
}

#[test]
fn a_missing_firmware_file_is_not_a_refusal() {
    assert_snapshot!(with_line("firmware/band.elf", "firmware/bend.elf"), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 3
    --- stderr
    error: cannot read `firmware/bend.elf`
    cause: No such file or directory (os error 2)
    help: check the path, and that you may read it
    ");
}

#[test]
fn firmware_that_is_no_program_is_refused() {
    assert_snapshot!(with_firmware(""), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: the firmware file is empty: expected ELF, Intel HEX, UF2 or binary, found 0 bytes
    ");
    assert_snapshot!(with_firmware([0xFF; 64]), @r#"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: the firmware file is neither ELF, Intel HEX nor UF2, so it is taken as a raw binary, and a raw binary states no address: add "address = 0x..." to the manifest, or build from the ELF file
    "#);
    assert_snapshot!(with_firmware(b"UF2\nWQ]\x9e"), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: UF2 must be whole blocks of 512 bytes, found 8 bytes: the file is cut short
    ");
}

#[test]
fn a_uf2_file_gives_the_image_of_its_elf() {
    let desk = desk();
    let program = program(START, 1000);
    let blocks: Vec<&[u8]> = program.chunks(256).collect();
    let mut file = Vec::new();
    for (block, number) in blocks.iter().zip(0_u32..) {
        let address = START + number * 256;
        let length = u32::try_from(block.len()).unwrap();
        let count = u32::try_from(blocks.len()).unwrap();
        file.extend(b"UF2\n");
        for word in [
            0x9E5D_5157,
            0x2000,
            address,
            length,
            number,
            count,
            0xADA5_2840,
        ] {
            file.extend(u32::to_le_bytes(word));
        }
        file.extend(*block);
        file.resize(file.len().next_multiple_of(512) - 4, 0);
        file.extend(u32::to_le_bytes(0x0AB1_6F30));
    }
    desk.write("band.uf2", file);
    desk.cuff(BUILD).expect(0);
    desk.cuff("build band.toml --board bench.toml --firmware band.uf2 -o other.cuff")
        .expect(0);
    assert_eq!(
        fs::read(desk.path("band.cuff")).unwrap(),
        fs::read(desk.path("other.cuff")).unwrap()
    );
    let inspected = desk.cuff("inspect band.uf2 --json").expect(0).json();
    assert_eq!(inspected["content"]["format"], "UF2", "{inspected}");
}

#[test]
fn damaged_firmware_is_refused() {
    let whole = elf(&program(START, 1000));
    assert_snapshot!(with_firmware(&whole[..200]), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: ELF segment 0 wants 1000 bytes at file offset 84, found a file of 200 bytes: the file is cut short
    ");
    assert_snapshot!(with_firmware(":0400000001020304F3\n"), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: Intel HEX line 1: the checksum must be F2, found F3: the file is damaged, build or download it again
    ");
    let twice = hex_record(0, 0, &[1, 2]) + &hex_record(0, 1, &[2, 3]) + &hex_record(1, 0, &[]);
    assert_snapshot!(with_firmware(twice), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: two parts of the firmware claim the same addresses: 0x00000000..0x00000002 and 0x00000001..0x00000003: check the linker script, or whether two files were merged
    ");
}

#[test]
fn firmware_larger_than_the_slot_is_refused() {
    let desk = desk();
    desk.write("firmware/band.elf", program(START, 0x7_0000 - 0x4000 + 1));
    desk.write("band.toml", format!("{MANIFEST}address = 0x20000\n"));
    assert_snapshot!(desk.cuff(BUILD), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: firmware does not fit region active of board bench: it may hold 442368 bytes (evidence has the rest of the slot), found 442369, 1 too many: shrink it, or check what the linker put at its end
    ");
}

#[test]
fn a_blank_image_is_refused() {
    let desk = desk();
    desk.write("firmware/band.elf", [0xFF; 4096]);
    desk.write("band.toml", format!("{MANIFEST}address = 0x20000\n"));
    assert_snapshot!(desk.cuff(BUILD), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: firmware does not fit region active of board bench: every byte is 0xff: expected a program; check the file and the objcopy step that made it
    ");
}

#[test]
fn foreign_firmware_needs_its_own_board_and_no_configuration_bytes() {
    let desk = desk();
    desk.write("firmware/band.elf", like_micropython());
    // First the bytes far away, then the address: each refusal names the way on.
    assert_snapshot!(desk.cuff(BUILD), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: a hole of 268438720 bytes (0x00000400..0x100010c0) before the part at 0x100010c0..0x100010dc: expected at most 1048576; if that part is configuration set at the factory (UICR, option bytes), keep it out of the image with leave-out = [{ start = 0x100010c0, length = 0x1c }] in the manifest
    ");
    let manifest = format!("{MANIFEST}leave-out = [{{ start = 0x100010C0, length = 0x1C }}]\n");
    desk.write("band.toml", &manifest);
    assert_snapshot!(desk.cuff(BUILD), @"
    $ cuff build band.toml --board bench.toml -o band.cuff
    exit: 1
    --- stderr
    error: the firmware `firmware/band.elf` is refused
    cause: firmware does not fit region active of board bench: it must start at 0x20000, found 0x0: link it for this board, or name the board it was linked for (--board FILE describes your own)
    ");
    desk.write("band.toml", manifest.replace("bench", "whole-flash"));
    desk.write("whole.toml", board("whole-flash"));
    assert_snapshot!(desk.cuff("build band.toml --board whole.toml -o band.cuff"), @"
    $ cuff build band.toml --board whole.toml -o band.cuff
    exit: 0
    --- stdout
    release   band/1.4.0 (application)
    counter   7
    hardware  band-a, band-b
    boards    whole-flash, bootloader 1 or later
    image     1024 bytes at 0x00000000, from Intel HEX, 28 bytes left out
              sha256 f0193f409ba8c1259f1c2f9d27f775be83fa1e618fb4570e734b3fbc2aba5d4c
    bundle    3584 bytes
              sha256 cc63fadc1b9608af2589254b074d1260c3048e14d1134930711d28d338aba555
    written   band.cuff
    ");
}

#[test]
fn a_board_that_is_unsound_taken_or_not_asked_for_is_refused() {
    let desk = desk();
    let mut said = String::new();
    let whole = String::from_utf8(board("whole-flash")).unwrap();
    for text in [
        whole.clone(),
        whole.replace("whole-flash", "microbit"),
        whole.replace("0x0009A000", "0x00098000"),
    ] {
        desk.write("whole.toml", text);
        let run = desk.cuff("build band.toml --board bench.toml --board whole.toml -o band.cuff");
        said.push_str(&run.expect(2).stderr);
    }
    assert_snapshot!(said, @r#"
    error: board "whole-flash" of `whole.toml` is not one the manifest names (bench)
    help: add "whole-flash" to boards in the manifest, or leave --board away
    error: board description `whole.toml` is refused
    cause: a board called "microbit" is already described: give yours a name of its own
    error: the board description is refused
    cause: whole.toml:22:11: region trust (0x00098000..0x0009a000) overlaps region counter (0x00098000..0x00099000)
    "#);
}

/// The Debian package `firmware-microbit-micropython`; the test above covers its shape anywhere.
#[test]
fn micropython_of_debian_is_built_and_inspected() {
    if std::env::var_os("CUFF_QUICK").is_some() {
        return;
    }
    let path = "/usr/share/firmware-microbit-micropython/firmware.hex";
    assert!(
        std::path::Path::new(path).exists(),
        "`{path}` is missing: run `cargo xtask setup`, or set CUFF_QUICK=1 to leave foreign firmware out"
    );
    let desk = desk();
    desk.write("whole.toml", board("whole-flash"));
    let manifest = format!("{MANIFEST}leave-out = [{{ start = 0x100010C0, length = 0x1C }}]\n");
    desk.write("band.toml", manifest.replace("bench", "whole-flash"));
    let built = desk.cuff(&format!(
        "build band.toml --firmware {path} --board whole.toml -o m.cuff --json"
    ));
    let length = built.expect(0).json()["image"]["length"].as_u64().unwrap();
    assert!(length > 200_000, "{length}");
    let seen = desk.cuff(&format!("inspect {path}")).expect(0);
    assert!(seen.stdout.contains("part       0x00000000, "), "{seen}");
}

#[test]
fn a_tampered_bundle_is_told_by_name() {
    let desk = desk();
    desk.cuff(BUILD).expect(0);
    let whole = fs::read(desk.path("band.cuff")).unwrap();
    let mut changed = whole.clone();
    changed[1536 + 8] ^= 1;
    desk.write("band.cuff", changed);
    assert_snapshot!(desk.cuff("inspect band.cuff"), @r#"
    $ cuff inspect band.cuff
    exit: 1
    --- stderr
    error: `band.cuff` is damaged or was changed
    cause: bundle entry "images/active.bin" must have SHA-256 78602ea0b11a63bb794cd6c23c10a6e7994d345e75bcd937db865abda1af9084 as its record says, found c2d3d998a37e406153d1f232e4974624e4a1e3f4a1f8107ced22e3edd78b2d6c
    "#);
    desk.write("band.cuff", [whole.as_slice(), b"more"].concat());
    assert_snapshot!(desk.cuff("inspect band.cuff"), @"
    $ cuff inspect band.cuff
    exit: 1
    --- stderr
    error: `band.cuff` is damaged or was changed
    cause: not a bundle as cuff writes it: the archive must end at byte 3584, found 4 bytes more
    cause: the archive must end at byte 3584, found 4 bytes more
    ");
    desk.write("band.cuff", &whole[..whole.len() - 512]);
    assert_snapshot!(desk.cuff("inspect band.cuff"), @"
    $ cuff inspect band.cuff
    exit: 1
    --- stderr
    error: `band.cuff` is damaged or was changed
    cause: not a bundle as cuff writes it: the archive is cut short at byte 3072: expected 1024 zero bytes that close the archive
    cause: the archive is cut short at byte 3072: expected 1024 zero bytes that close the archive
    ");
}

#[test]
fn a_sealed_bundle_is_listed() {
    let desk = desk();
    desk.cuff(BUILD).expect(0);
    let bundle = fs::read(desk.path("band.cuff")).unwrap();
    let root = br#"{"signatures":[],"signed":{"_type":"root","expires":"2027-01-01T00:00:00Z","version":1}}"#;
    let files: BTreeMap<_, _> = [
        ("metadata/1.root.json".to_owned(), root.to_vec()),
        ("targets/band/1.4.0".to_owned(), bundle),
    ]
    .into();
    desk.write("all.sealed", Seal::pack(&files).unwrap().as_bytes());
    assert_snapshot!(desk.cuff("inspect all.sealed"), @"
    $ cuff inspect all.sealed
    exit: 0
    --- stdout
    file       all.sealed, a sealed bundle
    length     6144 bytes
    sha256     3e40ac3835c1f32b53b1108af344ec8c2b36653a65f9a5944bc79def1193e1da
           88 B metadata/1.root.json: root version 1, expires 2027-01-01T00:00:00Z
         3584 B targets/band/1.4.0: release band/1.4.0, counter 7
    not verified: this is what the file says of itself, not who approved it
    ");
}

#[test]
fn metadata_is_shown_and_never_called_trusted() {
    let desk = Desk::new();
    let targets = r#"{"signatures":[{"keyid":"ab","sig":"00"}],"signed":{"_type":"targets","delegations":{"keys":{},"roles":[{"keyids":["ab","cd"],"name":"band\u001b[2J","paths":["band/*"],"terminating":true,"threshold":2}]},"expires":"2027-01-01T00:00:00Z","issued":"2026-11-23T01:02:03Z","spec_version":"1.0.0","targets":{"band/1.4.0":{"custom":{"cuff":{"counter":7}},"hashes":{},"length":4608}},"version":3}}"#;
    desk.write("targets.json", targets);
    let seen = desk.cuff("inspect targets.json");
    assert!(!seen.stdout.contains('\u{1b}'));
    assert_snapshot!(seen, @r"
    $ cuff inspect targets.json
    exit: 0
    --- stdout
    file       targets.json, TUF metadata
    length     390 bytes
    sha256     e28dfe4ad8cc1d9beb662d528d56a1af171eebcf6ac35a8c44c0e19353644169
    role       targets version 3, expires 2027-01-01T00:00:00Z
    issued     2026-11-23T01:02:03Z
    appoints   band\u{1b}[2J: 2 of 2 keys
    lists      band/1.4.0, counter 7, 4608 bytes
    signature  by ab, not checked
    spelling   not canonical: devices would refuse this file
    not verified: this is what the file says of itself, not who approved it
    ");
}

#[test]
fn a_public_key_is_shown_if_its_proof_holds() {
    let desk = Desk::new().with_example_keys();
    let files = desk.files();
    let name = files.iter().find(|name| name.contains(".pub")).unwrap();
    let seen = desk.cuff(&format!("inspect {name}")).expect(0);
    assert!(
        seen.stdout.contains("EXAMPLE") && seen.stdout.contains("not verified"),
        "{seen}"
    );
    let text = desk.read(name);
    desk.write("other.pub", text.replace("name = \"", "name = \"x"));
    let seen = desk.cuff("inspect other.pub").expect(1);
    assert!(seen.stderr.contains("damaged or was changed"), "{seen}");
}

#[test]
fn a_file_of_no_kind_is_told_so() {
    let desk = Desk::new();
    desk.write("notes.txt", "hello");
    assert_snapshot!(desk.cuff("inspect notes.txt"), @"
    $ cuff inspect notes.txt
    exit: 1
    --- stdout
    file       notes.txt, nothing cuff knows (a raw binary has no mark of its own)
    length     5 bytes
    sha256     2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
    not verified: this is what the file says of itself, not who approved it
    ");
}

#[test]
fn every_demo_manifest_builds() {
    for name in ["band", "scale"] {
        let manifest = project().join("manifests").join(format!("{name}.toml"));
        let line = format!("build {} --dry-run --json", manifest.display());
        let built = Desk::new().cuff(&line).expect(0).json();
        assert_eq!(built["product"], name);
    }
}
