//! The serial line: what a host can do there, and what it cannot.

mod host;
mod recovery;
mod upload;

use ciborium::{Value, cbor};
use cuff_bootloader::{
    field::Text,
    record::Identity,
    smp::{After, GROUP},
    trust,
};
use cuff_verifier::verdict::Reason;
use host::{AT_REST, Bench, IMAGE, NONCE, OS, bench, complete, get, none, refused};

#[test]
fn evidence_alone_has_a_command_of_its_own() {
    let (mut repository, mut bench, _, file) = bench();
    let message = repository.demand(2).evidence("band/", 2);
    for (file, answer) in [
        (&file, cbor!({ "rc" => 3 })),
        (&message, cbor!({ "off" => 200 })),
    ] {
        let data = Value::Bytes(file[..200].to_vec());
        let piece = cbor!({ "off" => 0, "len" => file.len(), "data" => data });
        let said = bench.ask(true, GROUP, 4, &piece.expect("writes"));
        assert_eq!(said, answer.expect("writes"));
    }
}

#[test]
fn no_host_confirms() {
    let (_, mut bench, _, file) = bench();
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    let confirm = cbor!({ "confirm" => true }).expect("writes");
    refused(
        &bench.ask(true, IMAGE, 0, &confirm),
        11,
        Reason::ConfirmByHost,
    );
    let unknown = cbor!({ "hash" => Value::Bytes(vec![1; 32]) }).expect("writes");
    let answer = bench.ask(true, IMAGE, 0, &unknown);
    assert_eq!(answer, cbor!({ "rc" => 5 }).expect("writes"));
    for _ in 0..bench.unit.layout.trials {
        bench.reset();
    }
    assert_eq!(bench.reboot().hand_over, AT_REST);
}

#[test]
fn the_os_group_answers() {
    let (_, mut bench, ..) = bench();
    let said = bench.ask(true, OS, 0, &cbor!({ "d" => "hello" }).expect("writes"));
    assert_eq!(said, cbor!({ "r" => "hello" }).expect("writes"));
    let long = "x".repeat(600);
    let said = bench.ask(true, OS, 6, &none());
    assert_eq!(said, cbor!({ "rc" => 8 }).expect("writes"));
    let said = bench.ask(false, OS, 6, &none());
    assert_eq!(
        said,
        cbor!({ "buf_size" => 512, "buf_count" => 1 }).expect("writes")
    );
    let said = bench.ask(false, OS, 8, &none());
    assert_eq!(said, cbor!({ "bootloader" => "cuff" }).expect("writes"));
    let said = bench.ask(false, OS, 8, &cbor!({ "query" => "mode" }).expect("writes"));
    assert_eq!(said, cbor!({ "rc" => 5 }).expect("writes"));
    let said = bench.ask(true, OS, 0, &cbor!({ "d" => long[..490] }).expect("writes"));
    assert_eq!(get(&said, "r").as_text(), Some(&long[..490]));
    let nonce = Value::Bytes(NONCE.to_vec());
    let mut body = Vec::new();
    ciborium::into_writer(&cbor!({ "nonce" => nonce }).expect("writes"), &mut body)
        .expect("writes");
    let packet = [&[10, 0, 0, body.len() as u8, 0x63, 0x75, 1, 5][..], &body].concat();
    assert_eq!(bench.exchange(&packet).1, After::Reset(NONCE));
    assert_eq!(
        bench.exchange(&[10, 0, 0, 0, 0, 0, 1, 5]).1,
        After::Reset([0; 16])
    );
}

#[test]
fn what_is_no_request_of_ours_has_a_named_answer_or_none() {
    let (_, mut bench, ..) = bench();
    for (group, command) in [(OS, 9), (IMAGE, 2), (8, 0), (GROUP, 9)] {
        let said = bench.ask(true, group, command, &none());
        assert_eq!(said, cbor!({ "rc" => 8 }).expect("writes"));
    }
    // A response, an operation that does not exist, a header alone in part.
    for packet in [
        &[9, 0, 0, 0, 0, 0, 1, 0][..],
        &[15, 0, 0, 0, 0, 0, 1, 0],
        &[8, 0, 0],
    ] {
        assert_eq!(bench.exchange(packet).0, None);
    }
    let code = |bench: &mut Bench, packet: &[u8]| {
        let answer = bench.exchange(packet).0.expect("answered");
        let value: Value = ciborium::from_reader(&answer[8..]).expect("reads");
        get(&value, "rc").as_integer()
    };
    let invalid = Some(3.into());
    assert_eq!(
        code(&mut bench, &[16, 0, 0, 0, 0, 0, 1, 0]),
        Some(13.into())
    );
    assert_eq!(code(&mut bench, &[8, 0, 0, 5, 0, 0, 1, 0, 0xa0]), invalid);
    assert_eq!(code(&mut bench, &[10, 0, 0, 1, 0, 0, 1, 0, 0xff]), invalid);
    assert_eq!(code(&mut bench, &[10, 0, 0, 1, 0, 1, 1, 1, 0xa0]), invalid);
    let short = cbor!({ "off" => 0, "len" => 9, "sha" => Value::Bytes(vec![1; 31]), "data" => Value::Bytes(b"cuff-ev1\x09\0\0\0".to_vec()) });
    let said = bench.ask(true, IMAGE, 1, &short.expect("writes"));
    assert_eq!(said, cbor!({ "rc" => 3 }).expect("writes"));
}

#[test]
fn a_host_reads_record_log_and_image() {
    let (_, mut bench, ..) = bench();
    let pieces = |bench: &mut Bench, command: u8| {
        let mut whole = Vec::<u8>::new();
        loop {
            let at = cbor!({ "off" => whole.len() }).expect("writes");
            let piece = bench.ask(false, GROUP, command, &at);
            whole.extend(get(&piece, "data").as_bytes().expect("bytes"));
            if get(&piece, "len").as_integer() == Some(whole.len().into()) {
                return whole;
            }
        }
    };
    let record = pieces(&mut bench, 1);
    let trust = bench.unit.layout.trust.offset as usize;
    assert_eq!(
        record,
        bench.unit.flash.contents()[trust..trust + record.len()]
    );
    assert_eq!(record.len() - 768, bench.unit.record().root.length as usize);
    let log = pieces(&mut bench, 2);
    let region = bench.unit.layout.log;
    assert_eq!(
        log,
        bench.unit.flash.contents()[region.offset as usize..region.end() as usize]
    );
    let image = bench.ask(false, GROUP, 3, &none());
    let installed = bench.unit.record().installed.expect("installed");
    assert_eq!(
        get(&image, "sha").as_bytes(),
        Some(&installed.sha256.0.to_vec())
    );
    let beyond = cbor!({ "off" => 1 << 20 }).expect("writes");
    let said = bench.ask(false, GROUP, 2, &beyond);
    assert_eq!(said, cbor!({ "rc" => 3 }).expect("writes"));
}

/// The longest names a unit can have still fit into an answer.
#[test]
fn the_longest_answers_fit() {
    let (_, mut bench, _, file) = bench();
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    let long = Text::new(&"n".repeat(31)).expect("fits");
    let mut record = bench.unit.record();
    record.identity = Identity {
        product: long,
        hardware: long,
        serial: long,
    };
    let release = Text::new(&format!("p/{}", "r".repeat(93))).expect("fits");
    record.installed.as_mut().expect("installed").release = release;
    record.trial.as_mut().expect("open").image.release = release;
    for version in [
        &mut record.root.version,
        &mut record.versions.timestamp,
        &mut record.versions.snapshot,
        &mut record.versions.targets,
        &mut record.versions.product,
        &mut record.minimum_counter.0,
        &mut record.floor.0,
        &mut record.counter.0,
    ] {
        *version = (1 << 53) - 1;
    }
    let chip = &mut bench.unit.chip();
    let root = trust::trusted_root(chip, &record);
    let root = chip.mapped(root).expect("mapped").to_vec();
    trust::found(chip, &record, &root).expect("written");
    assert_eq!(bench.state().len(), 2);
    let unit = bench.ask(false, GROUP, 0, &none());
    assert_eq!(get(&unit, "serial").as_text(), Some(long.as_str()));
}
