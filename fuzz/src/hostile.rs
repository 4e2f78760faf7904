//! A repository whose signers have gone mad: everything they write is validly signed, little of it is right.
//!
//! Takes bytes as a list of deeds; gives files, evidence, and what the device knew before.

use cuff_verifier::time::Instant;
use serde_json::{Value, json};

use crate::author::{self, Draft, Repo};

/// Everybody who could sign something.
const PEOPLE: [&str; 7] = [
    "alice", "bob", "carol", "erin", "frank", "online", "mallory",
];

const MOST_DEEDS: usize = 12;

/// What the mad signers published, and to whom it is shown.
pub struct Hostile {
    /// The first root, which the device trusts, signed.
    pub anchor: Vec<u8>,
    /// Root files that follow it.
    pub roots: Vec<Vec<u8>>,
    /// Version that the first of them is said to have.
    pub first_root: u32,
    /// Timestamp, snapshot and targets.
    pub online: [Vec<u8>; 3],
    /// Delegated files by name, in the order they are shown.
    pub delegated: Vec<(String, Vec<u8>)>,
    /// Target path.
    pub path: String,
    /// Evidence, then image.
    pub update: Vec<u8>,
    /// The image.
    pub image: Vec<u8>,
    /// Canonical `signed` bytes of the root that the device trusts.
    pub known_root: String,
    /// Versions known: timestamp, snapshot, targets, product.
    pub versions: [u64; 4],
    /// The time floor.
    pub floor: Instant,
    /// Minimum counter and counter.
    pub counters: [u64; 2],
}

/// Bytes to choose by; zero when there are none left.
struct Dice<'a>(&'a [u8]);

impl Dice<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first)
    }

    fn of(&mut self, sides: usize) -> usize {
        self.byte() % sides.max(1)
    }
}

impl Hostile {
    /// Does the deeds.
    pub fn repository(data: &[u8]) -> Self {
        let mut dice = Dice(data);
        let mut repo = Repo::new();
        let mut versions = [5, 4, 2, 3];
        let mut floor = Instant::parse(b"2026-06-15T00:00:00Z").expect("a date");
        let mut counters = [2, 3];
        for _ in 0..MOST_DEEDS {
            if dice.0.is_empty() {
                break;
            }
            match dice.of(13) {
                0..=3 => change(draft(&mut repo, &mut dice), &mut dice),
                4 => sign(draft(&mut repo, &mut dice), &mut dice),
                5 => transplant(&mut repo, &mut dice),
                6 => rotate(&mut repo, &mut dice),
                7 => delegate(&mut repo, &mut dice),
                8 => forge(draft(&mut repo, &mut dice), &mut dice),
                9 => show(&mut repo, &mut dice),
                10 => versions[dice.of(4)] = number(&mut dice),
                11 => match dice.of(4) {
                    0 => floor = Instant(1_750_000_000 + 8_640_000 * dice.byte() as u64),
                    which => counters[which % 2] = number(&mut dice),
                },
                _ => touch(&mut repo, &mut dice),
            }
        }
        let update = repo.update();
        let shown = repo.shown.clone();
        Self {
            anchor: author::root().bytes(),
            roots: repo.roots.iter().map(Draft::bytes).collect(),
            first_root: repo.first_root,
            online: [
                repo.timestamp.bytes(),
                repo.snapshot.bytes(),
                repo.targets.bytes(),
            ],
            delegated: shown
                .into_iter()
                .map(|name| {
                    let bytes = repo.role(&name).bytes();
                    (name, bytes)
                })
                .collect(),
            path: repo.path.clone(),
            update,
            image: repo.image.clone(),
            known_root: author::canonical(&author::root().body),
            versions,
            floor,
            counters,
        }
    }
}

fn draft<'r>(repo: &'r mut Repo, dice: &mut Dice<'_>) -> &'r mut Draft {
    let roles = repo.roles.len();
    match dice.of(4 + roles) {
        0 => &mut repo.timestamp,
        1 => &mut repo.snapshot,
        2 => &mut repo.targets,
        3 if !repo.roots.is_empty() => {
            let which = dice.of(repo.roots.len());
            &mut repo.roots[which]
        }
        3 => &mut repo.targets,
        role => &mut repo.roles[role - 4].1,
    }
}

/// Replaces, removes or doubles something inside, at any depth.
fn change(draft: &mut Draft, dice: &mut Dice<'_>) {
    let deed = dice.of(4);
    let value = anything(dice);
    let name = word(dice);
    let nodes = count(&draft.body);
    // Never the whole: a body is an object.
    let which = 1 + dice.of(nodes.saturating_sub(1));
    let Some(node) = find(&mut draft.body, &mut { which }) else {
        return;
    };
    match (deed, node) {
        (0 | 1, node) => *node = value,
        (2, Value::Object(members)) => {
            members.insert(name, value);
        }
        (2, Value::Array(elements)) => elements.push(value),
        (3, Value::Object(members)) => {
            let key = members.keys().nth(dice.of(members.len())).cloned();
            key.and_then(|key| members.remove(&key));
        }
        (3, Value::Array(elements)) if !elements.is_empty() => {
            let again = elements[dice.of(elements.len())].clone();
            elements.push(again);
        }
        (_, node) => *node = value,
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(elements) => elements.iter().map(count).sum(),
        _ => 0,
    }
}

/// The node of this number, in pre-order.
fn find<'v>(value: &'v mut Value, number: &mut usize) -> Option<&'v mut Value> {
    if *number == 0 {
        return Some(value);
    }
    *number -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|value| find(value, number)),
        Value::Array(elements) => elements.iter_mut().find_map(|value| find(value, number)),
        _ => None,
    }
}

/// Lets any of the people sign, and no other.
fn sign(draft: &mut Draft, dice: &mut Dice<'_>) {
    let mask = dice.byte();
    let signers: Vec<&str> = (0..PEOPLE.len())
        .filter(|at| mask >> at & 1 == 1)
        .map(|at| PEOPLE[at])
        .collect();
    draft.signed_by(&signers);
}

/// Signatures that should not count: over something else, under another's id, twice, none at all.
fn forge(draft: &mut Draft, dice: &mut Dice<'_>) {
    let (who, other) = (PEOPLE[dice.of(7)], PEOPLE[dice.of(7)]);
    let mut forged = author::signature(who, author::canonical(&draft.body).as_bytes());
    match dice.of(5) {
        0 => forged = author::signature(who, b"{}"),
        1 => forged["keyid"] = json!(author::keyid(other)),
        2 => forged["sig"] = json!(""),
        3 => forged[word(dice)] = anything(dice),
        _ => {}
    }
    draft.extra.push(forged);
}

/// Takes a member of one file into another.
fn transplant(repo: &mut Repo, dice: &mut Dice<'_>) {
    let from = draft(repo, dice).body.clone();
    let name = from
        .as_object()
        .and_then(|members| members.keys().nth(dice.of(members.len())).cloned());
    let to = draft(repo, dice);
    if let Some(name) = name {
        let part = from[&name].clone();
        to.body[&name] = part;
    }
}

fn rotate(repo: &mut Repo, dice: &mut Dice<'_>) {
    let sound = repo
        .roots
        .last()
        .is_none_or(|root| root.body["version"].is_u64());
    if repo.roots.len() >= 3 || !sound {
        return;
    }
    let people: Vec<&str> = (0..=dice.of(4))
        .map(|at| PEOPLE[(at + dice.of(7)) % 7])
        .collect();
    let role = ["root", "timestamp", "snapshot", "targets"][dice.of(4)];
    let threshold = dice.of(4);
    let whole = dice.of(2) == 0;
    repo.rotate(
        |root| {
            if !root["roles"].is_object() || !root["roles"][role].is_object() {
                return;
            }
            if whole {
                root["keys"] = author::keys(&PEOPLE);
                root["roles"][role]["keyids"] = author::keyids(&people);
            }
            root["roles"][role]["threshold"] = json!(threshold);
        },
        &["alice", "bob"],
    );
}

/// Puts another delegation somewhere, with a file behind it, and perhaps back again.
fn delegate(repo: &mut Repo, dice: &mut Dice<'_>) {
    let name = ["early", "band", "ring", "root", "../band", "targets"][dice.of(6)].to_owned();
    let signers = &PEOPLE[..=dice.of(6)];
    let mut delegation = author::delegation(&name, signers, dice.of(3) as u64);
    delegation["terminating"] = json!(dice.of(2) == 1);
    let pattern = ["band/*", "*", "band/1.?.0", "*/*", "b*d/*", "scale/*"][dice.of(6)];
    delegation["paths"] = json!([pattern]);
    if dice.of(8) == 0 {
        delegation["path_hash_prefixes"] = json!(["", "00", "f"]);
    }
    let inside = match dice.of(3) {
        0 if !repo.roles.is_empty() => {
            let which = dice.of(repo.roles.len());
            &mut repo.roles[which].1.body
        }
        _ => &mut repo.targets.body,
    };
    if !inside["delegations"].is_object() {
        inside["delegations"] = json!({"keys": author::keys(&PEOPLE), "roles": []});
    }
    inside["delegations"]["keys"] = author::keys(&PEOPLE);
    if let Some(roles) = inside["delegations"]["roles"].as_array_mut() {
        let at = dice.of(roles.len() + 1);
        roles.insert(at, delegation);
    }
    if repo.roles.iter().all(|(role, _)| *role != name) {
        let targets = if dice.of(2) == 0 {
            vec![]
        } else {
            vec![("band/1.1.0", author::entry(&author::record(&repo.image)))]
        };
        repo.roles.push((
            name,
            author::product(1 + dice.of(4) as u64, &targets, signers),
        ));
    }
}

fn show(repo: &mut Repo, dice: &mut Dice<'_>) {
    let name = repo.roles[dice.of(repo.roles.len())].0.clone();
    match dice.of(3) {
        0 => {
            let at = dice.of(repo.shown.len() + 1);
            repo.shown.insert(at, name);
        }
        1 => {
            repo.shown.pop();
        }
        _ => repo.online = !repo.online,
    }
}

/// What a thief of the parcel can do: image and path.
fn touch(repo: &mut Repo, dice: &mut Dice<'_>) {
    match dice.of(4) {
        0 => repo.image.push(0),
        1 => {
            let at = dice.of(repo.image.len());
            repo.image[at] ^= 1;
        }
        2 => repo.path = word(dice),
        _ => repo.first_root = u32::try_from(dice.byte()).expect("a byte"),
    }
}

fn number(dice: &mut Dice<'_>) -> u64 {
    [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        100,
        u64::from(u16::MAX),
        u64::from(u32::MAX),
        (1 << 53) - 1,
        1 << 53,
        u64::MAX,
    ][dice.of(14)]
}

fn word(dice: &mut Dice<'_>) -> String {
    const WORDS: [&str; 24] = [
        "",
        "band",
        "scale",
        "band/1.1.0",
        "band/*",
        "band/",
        "../band",
        "version",
        "cuff",
        "custom",
        "expires",
        "sha256",
        "active",
        "application",
        "bootloader",
        "1.0.0",
        "2.0.0",
        "targets.json",
        "band.json",
        "2026-06-15T00:00:00Z",
        "2026-12-31T23:59:60Z",
        "9999-12-31T23:59:59Z",
        "\"",
        "\\",
    ];
    WORDS[dice.of(24)].to_owned()
}

fn anything(dice: &mut Dice<'_>) -> Value {
    match dice.of(9) {
        0 | 1 => json!(number(dice)),
        2 | 3 => json!(word(dice)),
        4 => json!(author::keyid(PEOPLE[dice.of(7)])),
        5 => [
            json!(null),
            json!(true),
            json!(false),
            json!(-1),
            json!(1.5),
        ][dice.of(5)]
        .clone(),
        6 => author::key(PEOPLE[dice.of(7)]),
        7 => json!([word(dice), author::keyid(PEOPLE[dice.of(7)])]),
        _ => json!({ word(dice): number(dice) }),
    }
}
