//! Every vector of `fixtures/vectors` through the real `cuff verify`: the verdict, the reason's name and number, the exit
//! code, and how far trust moves must be what stands beside it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;
#[path = "support/vectors.rs"]
mod vectors;

use std::thread;

use support::Desk;
use vectors::{Expected, folder, names};

#[test]
fn the_desk_says_what_the_device_says() {
    let names = names();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = thread::scope(|scope| {
        let chunks = names.chunks(names.len().div_ceil(workers));
        let threads: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().filter_map(|name| judge(name)).collect()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| -> Vec<String> { thread.join().unwrap() })
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
}

/// What is wrong with the verdict on one vector.
fn judge(name: &str) -> Option<String> {
    let expected = Expected::of(name);
    let update = folder().join(format!("{name}.update"));
    let state = folder().join(&expected.state);
    let (update, state) = (update.to_str().unwrap(), state.to_str().unwrap());
    let transcript = Desk::new().run(["verify", update, "--for", state, "--json"], "");
    let answer = transcript.json();
    let found = (
        transcript.code,
        answer["verdict"].as_str().map(str::to_owned),
        answer["reason"]["name"].as_str().map(str::to_owned),
        answer["reason"]["code"].as_u64(),
        answer["trust"].as_str().map(str::to_owned),
    );
    let wanted = (
        i32::from(expected.verdict != "boot"),
        Some(expected.verdict),
        expected.reason,
        expected.code.map(u64::from),
        Some(expected.trust),
    );
    (found != wanted).then(|| format!("{name}: expected {wanted:?}, found {found:?}"))
}
