//! The serial line: what a host can do there, and what it cannot.

use ciborium::{Value, cbor};
use cuff_bootloader::{
    boot::Ended,
    field::Text,
    log::Kind,
    nor::{Cut, Tear},
    plan::HandOver,
    record::Identity,
    slot::{self, Offer},
    smp::{
        After, GROUP, Mode, Server, Stand,
        frame::{self, Inbound},
    },
    upload,
};
use cuff_verifier::{digest::Digest, verdict::Reason};

use crate::{
    signer::{Release, Repository},
    wearable::{BOOTLOADER, Wearable, unit},
};

const ROOM: usize = 516;
const AT_REST: HandOver = HandOver::Jump { trial: None };
const NONCE: [u8; 16] = *b"nonce-nonce-0001";
const OS: u16 = 0;
const IMAGE: u16 = 1;

/// A unit and whoever talks to it.
struct Bench {
    unit: Wearable,
    server: Server<'static, ROOM>,
    sequence: u8,
}

impl Bench {
    fn new(unit: Wearable) -> Self {
        let mode = Mode::Application;
        let ended = Ended {
            hand_over: AT_REST,
            inbox: None,
            candidate: None,
        };
        Self {
            unit,
            server: server(mode, ended),
            sequence: 0,
        }
    }

    /// Resets the unit; whoever stays serves.
    fn reboot(&mut self) -> Ended {
        let ended = self.unit.boot_and_tell();
        let mode = match ended.hand_over {
            HandOver::Recovery(_) => Mode::Recovery,
            HandOver::Jump { .. } => Mode::Application,
        };
        self.server = server(mode, ended);
        ended
    }

    fn reset(&mut self) {
        let _told_by_what_runs_then = self.reboot();
    }

    fn say(&mut self, bytes: &[u8]) -> (Vec<u8>, After) {
        let mut heard = Vec::new();
        let mut after = After::Listen;
        for byte in bytes {
            let mut chip =
                cuff_bootloader::flash::Chip::new(&mut self.unit.flash, self.unit.layout);
            let said = &mut |bytes: &[u8]| heard.extend_from_slice(bytes);
            match self.server.hear(&mut chip, *byte, said) {
                After::Listen => {}
                reset @ After::Reset(_) => after = reset,
            }
        }
        (heard, after)
    }

    /// The whole answer packet, if there is one.
    fn exchange(&mut self, packet: &[u8]) -> (Option<Vec<u8>>, After) {
        let mut line = Vec::new();
        frame::send(packet, &mut |bytes| line.extend_from_slice(bytes));
        let (heard, after) = self.say(&line);
        let mut inbound = Inbound::<1024>::new();
        let mut packets = heard
            .iter()
            .filter_map(|byte| Some(inbound.push(*byte)?.to_vec()));
        let answer = packets.next();
        assert_eq!(packets.next(), None, "one answer");
        (answer, after)
    }

    fn ask(&mut self, write: bool, group: u16, command: u8, payload: &Value) -> Value {
        self.sequence = self.sequence.wrapping_add(1);
        let mut body = Vec::new();
        ciborium::into_writer(payload, &mut body).expect("writes");
        let op = 8 | if write { 2 } else { 0 };
        let packet = [
            &[op, 0][..],
            &u16::try_from(body.len()).expect("short").to_be_bytes(),
            &group.to_be_bytes(),
            &[self.sequence, command],
            &body,
        ]
        .concat();
        let answer = self.exchange(&packet).0.expect("answered");
        assert_eq!(answer[0], op + 1);
        assert_eq!(answer[2..4], ((answer.len() - 8) as u16).to_be_bytes());
        assert_eq!(answer[4..8], packet[4..8]);
        ciborium::from_reader(&answer[8..]).expect("reads")
    }

    fn first_piece(&mut self, file: &[u8], size: usize) -> Value {
        let sha = Value::Bytes(Digest::of(file).0.to_vec());
        let data = Value::Bytes(file[..size.min(file.len())].to_vec());
        let piece = cbor!({
            "off" => 0, "len" => file.len(), "sha" => sha, "data" => data,
            "image" => 0, "upgrade" => false
        });
        self.ask(true, IMAGE, 1, &piece.expect("writes"))
    }

    fn piece(&mut self, file: &[u8], at: usize, size: usize) -> Value {
        let data = Value::Bytes(file[at..(at + size).min(file.len())].to_vec());
        let piece = cbor!({ "off" => at, "data" => data }).expect("writes");
        self.ask(true, IMAGE, 1, &piece)
    }

    /// Uploads as a stock client does; gives the last answer.
    fn upload(&mut self, file: &[u8], size: usize) -> Value {
        self.upload_until(file, size, usize::MAX)
    }

    fn upload_until(&mut self, file: &[u8], size: usize, stop: usize) -> Value {
        let mut answer = self.first_piece(file, size);
        while let Some(at) = off(&answer)
            && at < file.len().min(stop)
        {
            answer = self.piece(file, at, size);
        }
        answer
    }

    fn state(&mut self) -> Vec<Value> {
        let state = self.ask(false, IMAGE, 0, &cbor!({}).expect("writes"));
        get(&state, "images").as_array().expect("a list").clone()
    }

    fn offer(&mut self) -> Offer {
        slot::offer(&mut self.unit.chip())
    }

    fn candidate(&self) -> Vec<u8> {
        let slot = self.unit.layout.candidate;
        self.unit.flash.contents()[slot.offset as usize..slot.end() as usize].to_vec()
    }
}

fn server(mode: Mode, ended: Ended) -> Server<'static, ROOM> {
    Server::new(Stand {
        mode,
        board: "desk",
        bootloader: BOOTLOADER,
        ended,
        nonce: NONCE,
    })
}

fn get<'v>(value: &'v Value, key: &str) -> &'v Value {
    let map = value.as_map().expect("a map");
    let found = map.iter().find(|(name, _)| name.as_text() == Some(key));
    &found.unwrap_or_else(|| panic!("no {key} in {value:?}")).1
}

fn off(value: &Value) -> Option<usize> {
    let map = value.as_map()?;
    let (_, at) = map.iter().find(|(name, _)| name.as_text() == Some("off"))?;
    usize::try_from(at.as_integer()?).ok()
}

fn refused(value: &Value, rc: u8, reason: Reason) {
    let said = format!("reason {}", reason.code());
    assert_eq!(
        *value,
        cbor!({ "rc" => rc, "rsn" => said }).expect("writes")
    );
}

fn complete(value: &Value, file: &[u8]) {
    let whole = cbor!({ "off" => file.len(), "match" => true });
    assert_eq!(*value, whole.expect("writes"));
}

fn none() -> Value {
    cbor!({}).expect("writes")
}

/// A release that came after the factory's, and its file.
fn update(repository: &mut Repository, new: &Release) -> Vec<u8> {
    repository.release(new.clone());
    [repository.evidence(&new.path(), 2), new.image.clone()].concat()
}

fn bench() -> (Repository, Bench, Release, Vec<u8>) {
    let (mut repository, unit) = unit();
    let new = Release::new("1.1", 2, 2500);
    let file = update(&mut repository, &new);
    (repository, Bench::new(unit), new, file)
}

fn in_recovery() -> (Repository, Bench, Release, Vec<u8>) {
    let (repository, mut bench, new, file) = bench();
    bench.unit.damage(bench.unit.layout.active, 1000);
    let ended = bench.reboot();
    assert_eq!(ended.hand_over, HandOver::Recovery(Reason::ActiveMismatch));
    (repository, bench, new, file)
}

#[test]
fn an_uploaded_file_is_offered_and_boots_on_trial() {
    for size in [64, 130, 400] {
        let (_, mut bench, new, file) = bench();
        complete(&bench.upload(&file, size), &file);
        let state = bench.state();
        assert_eq!(get(&state[0], "version").as_text(), Some("1.0"));
        assert_eq!(get(&state[0], "active").as_bool(), Some(true));
        assert_eq!(get(&state[1], "version").as_text(), Some("1.1"));
        assert_eq!(get(&state[1], "pending").as_bool(), Some(true));
        let hash = get(&state[1], "hash").clone();
        assert_eq!(hash.as_bytes(), Some(&Digest::of(&file).0.to_vec()));
        // What stock tools do next: `test` changes nothing.
        let test = cbor!({ "hash" => hash, "confirm" => false }).expect("writes");
        let answer = bench.ask(true, IMAGE, 0, &test);
        assert_eq!(get(&answer, "images").as_array().expect("a list").len(), 2);
        assert!(matches!(
            bench.reboot().hand_over,
            HandOver::Jump { trial: Some(_) }
        ));
        assert!(bench.unit.runs(&new));
        let state = bench.state();
        assert_eq!(get(&state[0], "confirmed").as_bool(), Some(false));
        assert_eq!(get(&state[1], "confirmed").as_bool(), Some(true));
        assert_eq!(get(&state[1], "version").as_text(), Some("1.0"));
    }
}

#[test]
fn an_upload_goes_on_after_a_reset_wherever_it_was_cut_off() {
    for stop in (0..).map(|step| step * 700) {
        let (_, mut bench, new, file) = bench();
        if stop >= file.len() {
            break;
        }
        bench.upload_until(&file, 100, stop);
        bench.reset();
        let evidence = file.len() - new.image.len();
        let at = off(&bench.first_piece(&file, 100)).expect("an offset");
        if stop > evidence + 1024 {
            assert!(at >= evidence + 1024, "cut off at {stop}, goes on at {at}");
        }
        complete(&bench.upload(&file, 100), &file);
        bench.reset();
        assert!(bench.unit.runs(&new), "cut off at {stop}");
    }
}

#[test]
fn a_piece_that_comes_again_or_too_early_changes_nothing() {
    let (_, mut bench, new, file) = bench();
    assert_eq!(
        off(&bench.piece(&file, 500, 100)),
        Some(0),
        "nothing was begun"
    );
    bench.first_piece(&file, 100);
    assert_eq!(off(&bench.piece(&file, 100, 100)), Some(200));
    assert_eq!(off(&bench.piece(&file, 100, 100)), Some(200));
    assert_eq!(off(&bench.piece(&file, 900, 100)), Some(200));
    assert_eq!(
        off(&bench.first_piece(&file, 100)),
        Some(200),
        "begun again"
    );
    complete(&bench.upload(&file, 100), &file);
    let last = file.len() - 1;
    complete(&bench.piece(&file, last, 100), &file);
    complete(&bench.first_piece(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
}

#[test]
fn a_second_host_is_told_to_wait_and_takes_over_an_abandoned_upload() {
    let (mut repository, mut bench, new, file) = bench();
    let other = update(&mut repository, &Release::new("1.2", 2, 1500));
    bench.upload_until(&file, 100, 500);
    refused(&bench.first_piece(&other, 100), 10, Reason::UploadUnderWay);
    assert_eq!(
        off(&bench.piece(&file, 500, 100)),
        Some(600),
        "the first one goes on"
    );
    refused(&bench.first_piece(&other, 100), 10, Reason::UploadUnderWay);
    complete(&bench.upload(&file, 100), &file);
    // Complete is not under way: now the other one may replace it.
    bench.upload_until(&other, 100, 500);
    refused(&bench.first_piece(&file, 100), 10, Reason::UploadUnderWay);
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
}

#[test]
fn a_file_that_is_not_what_was_promised_is_forgotten() {
    let (_, mut bench, new, file) = bench();
    let mut wrong = file.clone();
    wrong[file.len() - 7] ^= 1;
    bench.first_piece(&file, 100);
    let mut answer = cbor!({ "off" => 100 }).expect("writes");
    while let Some(at) = off(&answer).filter(|at| *at < file.len()) {
        answer = bench.piece(&wrong, at, 100);
    }
    let told = cbor!({ "off" => file.len(), "match" => false });
    assert_eq!(answer, told.expect("writes"));
    assert_eq!(bench.offer(), Offer::None);
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
}

#[test]
fn what_has_no_room_is_refused_before_anything_is_erased() {
    let (_, mut bench, _, file) = bench();
    complete(&bench.upload(&file, 100), &file);
    let before = bench.unit.flash.operations();
    let begin = |bench: &mut Bench, head: &[u8], length: usize| {
        let data = Value::Bytes(head.to_vec());
        let piece = cbor!({ "off" => 0, "len" => length, "data" => data }).expect("writes");
        bench.ask(true, IMAGE, 1, &piece)
    };
    let evidence = |length: u32| [&b"cuff-ev1"[..], &length.to_le_bytes()].concat();
    refused(
        &begin(&mut bench, &[0x3d; 32], 1000),
        3,
        Reason::EvidenceMagic,
    );
    refused(
        &begin(&mut bench, &evidence(1001), 1000),
        3,
        Reason::EvidenceTruncated,
    );
    refused(
        &begin(&mut bench, &evidence(8193), 9000),
        3,
        Reason::EvidenceTooLarge,
    );
    refused(
        &begin(&mut bench, &evidence(8193), 8193),
        3,
        Reason::EvidenceTooLarge,
    );
    refused(
        &begin(&mut bench, &evidence(100), 100_000),
        3,
        Reason::ImageTooLarge,
    );
    refused(
        &begin(&mut bench, &evidence(100), 5_000_000_000),
        3,
        Reason::ImageTooLarge,
    );
    assert_eq!(bench.unit.flash.operations(), before);
    assert_eq!(bench.offer(), Offer::Open);
}

#[test]
fn recovery_refuses_bad_evidence_with_the_candidate_slot_untouched() {
    let (mut repository, mut bench, new, file) = in_recovery();
    let bad = update(&mut repository, &Release::new("0.9", 0, 2000));
    // Something lies there that a half-done upload left.
    upload::Candidate::begin(&mut bench.unit.chip(), &Digest::of(b"left")).expect("begun");
    let before = bench.candidate();
    refused(&bench.upload(&bad, 100), 11, Reason::CounterRollback);
    assert_eq!(bench.candidate(), before);
    let reasons = bench.unit.reasons(Kind::RefusedEvidence);
    assert_eq!(reasons, [Reason::CounterRollback]);
    // An image of another length than the evidence says.
    let mut longer = file.clone();
    longer.extend([0; 10]);
    refused(&bench.upload(&longer, 100), 11, Reason::ImageLength);
    assert_eq!(bench.candidate(), before);
    let mut forged = file.clone();
    forged[2000] ^= 1;
    let answer = bench.upload(&forged, 100);
    assert_eq!(get(&answer, "rc").as_integer(), Some(11.into()));
    assert_eq!(bench.candidate(), before);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
}

#[test]
fn recovery_goes_on_after_a_reset_and_judges_what_an_application_stored() {
    let (mut repository, mut bench, new, file) = in_recovery();
    bench.upload_until(&file, 100, file.len() - 300);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    let at = off(&bench.first_piece(&file, 100)).expect("an offset");
    assert!(at > file.len() - new.image.len(), "goes on at {at}");
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));

    // Half an upload of an application, which judges nothing; then the unit falls into recovery.
    let (_, mut bench, ..) = self::bench();
    let bad = update(&mut repository, &Release::new("0.9", 0, 2500));
    bench.upload_until(&bad, 100, bad.len() - 300);
    bench.unit.damage(bench.unit.layout.active, 1000);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    refused(&bench.first_piece(&bad, 100), 11, Reason::CounterRollback);
    assert_eq!(slot::file(&mut bench.unit.chip()), None);
}

#[test]
fn a_damaged_trust_store_takes_nothing() {
    let (_, mut bench, _, file) = bench();
    bench.unit.damage(bench.unit.layout.trust, 0);
    let half = bench.unit.layout.trust.length / 2;
    bench.unit.damage(bench.unit.layout.trust, half);
    assert_eq!(
        bench.reboot().hand_over,
        HandOver::Recovery(Reason::TrustDamaged)
    );
    let before = bench.candidate();
    refused(&bench.upload(&file, 100), 11, Reason::TrustDamaged);
    assert_eq!(bench.candidate(), before);
    assert!(bench.state().is_empty());
    let unit = bench.ask(false, GROUP, 0, &none());
    assert_eq!(get(&unit, "end").as_integer(), Some(2.into()));
    assert_eq!(get(&unit, "reason").as_integer(), Some(505.into()));
}

#[test]
fn an_open_trial_closes_the_candidate_slot_but_not_the_inbox() {
    let (mut repository, mut bench, _, file) = bench();
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    let next = update(&mut repository, &Release::new("1.2", 3, 1500));
    refused(&bench.upload(&next, 100), 6, Reason::TrialOpen);
    let answer = bench.ask(true, IMAGE, 5, &none());
    refused(&answer, 6, Reason::TrialOpen);
    let message = repository.demand(2).evidence("band/", 2);
    let answer = bench.upload(&message, 100);
    complete(&answer, &message);
    let ended = bench.reboot();
    assert_eq!(ended.inbox, Some(Ok(())));
    assert_eq!(bench.unit.record().minimum_counter.0, 2);
    let unit = bench.ask(false, GROUP, 0, &none());
    assert_eq!(get(&unit, "inbox").as_integer(), Some(1.into()));
    assert_eq!(get(&unit, "minimum").as_integer(), Some(2.into()));
    assert_eq!(get(&unit, "starts").as_integer(), Some(2.into()));
}

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
fn noise_costs_a_repetition_and_nothing_else() {
    let (_, mut bench, new, file) = bench();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut answer = bench.first_piece(&file, 100);
    while let Some(at) = off(&answer).filter(|at| *at < file.len()) {
        let mut hail = Vec::new();
        for _ in 0..at % 97 {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            hail.push((noise >> 56) as u8);
        }
        assert_eq!(bench.say(&hail).1, After::Listen);
        answer = bench.piece(&file, at, 100);
    }
    complete(&answer, &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
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
    cuff_bootloader::trust::commit(
        &mut bench.unit.chip(),
        &mut record,
        cuff_bootloader::trust::RootAt::Kept,
    )
    .expect("committed");
    assert_eq!(bench.state().len(), 2);
    let unit = bench.ask(false, GROUP, 0, &none());
    assert_eq!(get(&unit, "serial").as_text(), Some(long.as_str()));
}

#[test]
fn power_goes_during_an_upload_and_the_old_image_boots() {
    for (after, recovers) in (0..600)
        .step_by(23)
        .flat_map(|after| [(after, true), (after, false)])
    {
        let (_, mut bench, new, file) = if recovers { in_recovery() } else { bench() };
        let tear = Tear::Random(after);
        bench.unit.flash.cut(Cut { after, tear });
        let answer = bench.upload(&file, 300);
        if !bench.unit.flash.is_dark() {
            complete(&answer, &file);
        }
        bench.unit.flash.power_on();
        let ended = bench.reboot();
        if !recovers {
            assert!(
                matches!(ended.hand_over, HandOver::Jump { .. }),
                "cut after {after}: {ended:?}"
            );
        }
        if !bench.unit.runs(&new) {
            complete(&bench.upload(&file, 300), &file);
            bench.reset();
        }
        assert!(bench.unit.runs(&new), "cut after {after}");
    }
}
