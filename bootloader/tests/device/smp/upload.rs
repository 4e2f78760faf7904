//! Uploads: pieces, hosts, resets and cuts in the middle, and what is offered to the next boot.

use ciborium::{Value, cbor};
use cuff_bootloader::{
    nor::{Cut, Tear},
    plan::HandOver,
    slot::Offer,
    smp::{After, GROUP},
};
use cuff_verifier::{digest::Digest, verdict::Reason};

use super::host::{Bench, IMAGE, bench, complete, get, in_recovery, none, off, refused, update};
use crate::signer::Release;

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
