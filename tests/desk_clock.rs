//! A clock that is wrong: the dates people sign come from the machine that stages, and devices never forget them.

#![allow(clippy::unwrap_used)]

#[path = "support/cuff.rs"]
mod support;

use std::collections::BTreeMap;

use cuff::instant::{self, Span};
use cuff::key::secret::SecretKey;
use cuff::key::{PublicKey, SignError, Signer};
use cuff::repository::bench::Bench;
use cuff::repository::bench::roles::RoleEdit;
use cuff::repository::desk::Desk as WorkingDirectory;
use cuff::repository::foundation::{Foundation, Signers};
use cuff::repository::people::People;
use cuff::repository::publish::{Order, Scope, publish};
use cuff::repository::review::Review;
use cuff::repository::signing::Task;
use cuff::role::name::RoleName;
use cuff::store::local::LocalStore;
use cuff_verifier::time::Instant;
use support::Desk;

/// A key in memory.
struct Hand(SecretKey);

impl Signer for Hand {
    fn public(&self) -> PublicKey {
        self.0.public()
    }
    fn describe(&self) -> String {
        "a key of this test".to_owned()
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message))
    }
}

fn hand(seed: u8) -> Hand {
    Hand(SecretKey::from_seed(&[seed; 32]))
}

/// A repository whose first versions were staged, and published if that is wished, by a machine whose clock says `now`.
fn founded(desk: &Desk, now: Instant, published: bool) {
    let room = WorkingDirectory::create(&desk.path("desk"), "").unwrap();
    let signers = || Signers {
        keys: vec![hand(1).public()],
        threshold: 1,
    };
    let foundation = Foundation {
        root: signers(),
        targets: signers(),
        products: BTreeMap::from([("band".parse().unwrap(), signers())]),
        online: hand(2).public(),
        bins: None,
    };
    let mut bench = Bench::take(&room, now).unwrap();
    foundation.lay(&mut bench).unwrap();
    bench.save().unwrap();
    if !published {
        return;
    }
    let people = People::load(&room).unwrap();
    let digest = Review::of(&bench, &people).unwrap().digest.parse().unwrap();
    let task = Task::of(&bench, &people, hand(1).public().id().into(), &[]).unwrap();
    task.sign(&mut bench, &digest, &hand(1)).unwrap();
    let store = LocalStore::create(&desk.path("desk/published")).unwrap();
    let online: [&dyn Signer; 1] = [&hand(2)];
    let order = Order {
        scope: Scope::Staged,
        dry_run: false,
        online: &online,
        bins: None,
        begin_fleet: false,
    };
    publish(&mut bench, &store, &order, &mut |_, _| {}).unwrap();
}

fn later(hours: u64) -> Instant {
    instant::later(instant::now().unwrap(), Span::from_seconds(hours * 3600)).unwrap()
}

#[test]
fn a_clock_that_is_behind_what_was_signed_stages_nothing() {
    let desk = Desk::new().variable("CUFF_DESK", "desk").hide_hex();
    let ahead = later(48);
    founded(&desk, ahead, true);
    let before = desk.files();
    let refused = desk.cuff("role expiry band 30d").expect(1);
    assert!(
        refused.stderr.contains("this machine's clock says ")
            && refused
                .stderr
                .contains(&format!("but the published band was made at {ahead}")),
        "{refused}"
    );
    assert!(
        refused.stderr.contains("set this machine's clock"),
        "{refused}"
    );
    assert_eq!(
        desk.cuff("role expiry band 30d --json").json()["error"]["rule"],
        "clock"
    );
    let after = desk.files();
    let staged = |files: &[String]| files.iter().any(|file| file.contains("staged/"));
    assert!(!staged(&before) && !staged(&after), "{after:?}");
}

#[test]
fn a_clock_that_ran_ahead_is_pointed_out_to_whoever_signs() {
    let desk = Desk::new().variable("CUFF_DESK", "desk");
    founded(&desk, later(48), false);
    let review = desk.cuff("review").expect(0).stdout;
    for role in ["root", "targets", "band"] {
        let line = format!("! {role}: it says it was made at ");
        assert!(review.contains(&line), "{review}");
    }
    assert!(
        review.contains(
            "one of the two clocks is wrong, and devices never forget a date that was signed"
        ),
        "{review}"
    );
    // Clocks that are looked after differ by less.
    let desk = Desk::new().variable("CUFF_DESK", "desk");
    founded(&desk, instant::now().unwrap(), false);
    let review = desk.cuff("review").expect(0).stdout;
    assert!(!review.contains("clocks"), "{review}");
    for role in ["root", "targets", "band"] {
        let line =
            format!("! {role}: a threshold of 1: one stolen key is enough to sign this role");
        assert!(review.contains(&line), "{review}");
    }
}

#[test]
fn an_expiry_too_near_and_too_far_is_pointed_out() {
    let desk = Desk::new().variable("CUFF_DESK", "desk");
    founded(&desk, instant::now().unwrap(), false);
    for (days, words) in [
        (7, "in less than 14d"),
        (
            900,
            "more than 730d from now: lost keys go unnoticed until then",
        ),
    ] {
        let room = WorkingDirectory::open(&desk.path("desk")).unwrap();
        let mut bench = Bench::take(&room, instant::now().unwrap()).unwrap();
        let span = Span::days(days);
        bench.edit(&RoleName::Root, RoleEdit::Expiry(span)).unwrap();
        bench.save().unwrap();
        drop(bench);
        let review = desk.cuff("review").expect(0).stdout;
        assert!(
            review.contains("! root: it expires on ") && review.contains(words),
            "{review}"
        );
    }
}
