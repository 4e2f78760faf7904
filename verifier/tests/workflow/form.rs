//! What every file must look like: each member taken away, and put in as another kind of value.

use cuff_verifier::member::Member;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::{Malformed, Role};
use serde_json::{Value, json};

use crate::online::{ROLES, file};
use crate::repository::{Client, Repository, delegation, id, keys, signers};

/// An interpreter takes one in so many.
const STEP: usize = if cfg!(miri) { 23 } else { 1 };

const PROFILES: [Profile; 2] = [Profile::Device, Profile::Foreign];

fn update(repository: &Repository, profile: Profile) -> Result<(), Refusal> {
    let client = Client {
        profile,
        ..Client::default()
    };
    repository.files().update(&client, "band/1").map(|_| ())
}

/// A repository in which the pins that stand in the file of `role` can be bent.
fn bendable(role: Role) -> Repository {
    let mut repository = Repository::new();
    if matches!(role, Role::Timestamp | Role::Snapshot) {
        repository.freeze();
    }
    if role == Role::Snapshot {
        repository.timestamp.body["meta"]["snapshot.json"] = json!({"version": 1});
    }
    repository
}

/// The way to every value in `value`, in JSON pointers.
pub fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    let mut inside = |name: &str, value: &Value| {
        let at = format!("{at}/{}", name.replace('/', "~1"));
        out.push(at.clone());
        pointers(value, &at, out);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(index, value)| inside(&index.to_string(), value)),
        _ => {}
    }
}

pub fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[test]
fn no_value_passes_as_another_kind() {
    let kinds = [
        json!(null),
        json!(true),
        json!(1),
        json!(-1),
        json!("1"),
        json!([]),
        json!({}),
    ];
    let mut tried = 0;
    for role in ROLES {
        let whole = bendable(role);
        let mut ways = Vec::new();
        pointers(&file(&mut whole.clone(), role).body, "", &mut ways);
        for (way, profile) in ways
            .iter()
            .flat_map(|way| PROFILES.map(|profile| (way, profile)))
            .step_by(STEP)
        {
            // `issued` and the minimum counter are ours alone: in somebody else's file they could mean anything.
            let ours = way.ends_with("/issued") || way.ends_with("/minimum_counter");
            if ours && profile == Profile::Foreign {
                continue;
            }
            for other in &kinds {
                let mut bent = whole.clone();
                let place = file(&mut bent, role).body.pointer_mut(way).unwrap();
                if kind(place) == kind(other) && other != &json!(-1) {
                    continue;
                }
                *place = other.clone();
                let found = update(&bent, profile);
                let malformed = matches!(
                    found,
                    Err(Refusal { role: said, rule: Rule::Malformed(_) }) if said == role
                );
                assert!(malformed, "{role} {profile:?} {way} as {other}: {found:?}");
                tried += 1;
            }
        }
    }
    assert!(tried * STEP > 900, "only {tried}");
}

#[test]
fn no_member_may_be_missing_but_those_that_may() {
    let free = |profile: Profile, role: Role, way: &str| {
        let (parent, name) = way.rsplit_once('/').unwrap();
        // What stands in these is data, not form.
        let in_data = matches!(parent, "/keys" | "/targets" | "/delegations/keys");
        let foreign = matches!(name, "consistent_snapshot" | "issued" | "hashes" | "length")
            && !way.starts_with("/targets/");
        in_data
            || matches!(name, "terminating" | "minimum_counter" | "delegations")
            || name == "issued" && role == Role::Snapshot
            || way == "/meta/band.json"
            || profile == Profile::Foreign && foreign
    };
    let mut tried = 0;
    for role in ROLES {
        let whole = bendable(role);
        let mut ways = Vec::new();
        pointers(&file(&mut whole.clone(), role).body, "", &mut ways);
        for (way, profile) in ways
            .iter()
            .flat_map(|way| PROFILES.map(|profile| (way, profile)))
            .step_by(STEP)
        {
            let (parent, name) = way.rsplit_once('/').unwrap();
            let mut bent = whole.clone();
            // A pin that is missing must not be filled in again.
            bent.pinned = !matches!(role, Role::Timestamp | Role::Snapshot);
            if role == Role::Snapshot {
                bent.timestamp.body["meta"]["snapshot.json"] = json!({"version": 1});
            }
            let body = &mut file(&mut bent, role).body;
            let Some(Value::Object(members)) = body.pointer_mut(parent) else {
                continue;
            };
            members.remove(&name.replace("~1", "/")).unwrap();
            if role == Role::Snapshot {
                let snapshot = bent.snapshot.sign();
                let sha256 = cuff_verifier::digest::Digest::of(&snapshot).to_string();
                bent.timestamp.body["meta"]["snapshot.json"] = json!({
                    "hashes": {"sha256": sha256}, "length": snapshot.len(), "version": 1,
                });
            }
            let found = update(&bent, profile);
            let malformed = matches!(
                found,
                Err(Refusal { role: said, rule: Rule::Malformed(_) }) if said == role
            );
            // A digest that is missing from its list leaves a list that pins nothing.
            if name == "sha256" && profile == Profile::Foreign {
                let unpinned = matches!(
                    found,
                    Err(Refusal {
                        rule: Rule::Unpinned,
                        ..
                    })
                );
                assert!(unpinned || way.starts_with("/targets/"), "{way}: {found:?}");
            } else {
                let free = free(profile, role, way);
                assert_eq!(malformed, !free, "{role} {profile:?} {way}: {found:?}");
            }
            tried += 1;
        }
    }
    assert!(tried * STEP > 120, "only {tried}");
}

fn malformed(role: Role, profile: Profile, change: impl Fn(&mut Value)) -> Option<Malformed> {
    let mut repository = Repository::new();
    change(&mut file(&mut repository, role).body);
    match update(&repository, profile) {
        Err(Refusal {
            role: said,
            rule: Rule::Malformed(error),
        }) if said == role => Some(error),
        _ => None,
    }
}

#[test]
fn a_missing_member_is_named() {
    for (role, way, name, member) in [
        (Role::Root, "", "_type", Member::Type),
        (Role::Root, "", "expires", Member::Expires),
        (Role::Root, "", "keys", Member::Keys),
        (Role::Root, "", "roles", Member::Roles),
        (Role::Root, "", "spec_version", Member::SpecVersion),
        (Role::Root, "", "version", Member::Version),
        (Role::Root, "/roles", "root", Member::RolesRoot),
        (Role::Root, "/roles", "snapshot", Member::RolesSnapshot),
        (Role::Root, "/roles", "targets", Member::RolesTargets),
        (Role::Root, "/roles", "timestamp", Member::RolesTimestamp),
        (Role::Root, "/roles/root", "keyids", Member::KeyIds),
        (Role::Root, "/roles/root", "threshold", Member::Threshold),
        (Role::Root, "/keys/key-1", "keytype", Member::KeyType),
        (Role::Root, "/keys/key-1", "keyval", Member::KeyvalPublic),
        (
            Role::Root,
            "/keys/key-1/keyval",
            "public",
            Member::KeyvalPublic,
        ),
        (Role::Root, "/keys/key-1", "scheme", Member::Scheme),
        (Role::Timestamp, "", "meta", Member::Meta),
        (
            Role::Timestamp,
            "/meta",
            "snapshot.json",
            Member::MetaSnapshotJson,
        ),
        (Role::Snapshot, "", "meta", Member::Meta),
        (
            Role::Snapshot,
            "/meta",
            "targets.json",
            Member::MetaTargetsJson,
        ),
        (
            Role::Snapshot,
            "/meta/band.json",
            "version",
            Member::Version,
        ),
        (Role::Targets, "", "targets", Member::Targets),
        (Role::Targets, "/targets/free", "hashes", Member::Hashes),
        (Role::Targets, "/targets/free", "length", Member::Length),
        (
            Role::Targets,
            "/delegations",
            "keys",
            Member::DelegationsKeys,
        ),
        (
            Role::Targets,
            "/delegations",
            "roles",
            Member::DelegationsRoles,
        ),
        (Role::Targets, "/delegations/roles/0", "name", Member::Name),
        (
            Role::Targets,
            "/delegations/roles/0",
            "keyids",
            Member::KeyIds,
        ),
    ] {
        for profile in PROFILES {
            let found = malformed(role, profile, |body| {
                let parent = body.pointer_mut(way).and_then(Value::as_object_mut);
                parent.unwrap().remove(name).unwrap();
            });
            assert_eq!(
                found,
                Some(Malformed::Missing(member)),
                "{role} {way}/{name}"
            );
            assert!(member.name().ends_with(name) || name == "keyval");
        }
    }
    let issued = |role, profile| {
        malformed(role, profile, |body| {
            body.as_object_mut().unwrap().remove("issued");
        })
    };
    for role in ROLES {
        let wanted = Some(Malformed::Missing(Member::Issued)).filter(|_| role != Role::Snapshot);
        assert_eq!(issued(role, Profile::Device), wanted);
        assert_eq!(issued(role, Profile::Foreign), None);
    }
}

#[test]
fn each_rule_of_form_is_named() {
    let zero = |body: &mut Value| body["version"] = json!(0);
    let date = |body: &mut Value| body["expires"] = json!("2030-02-30T00:00:00Z");
    let major = |body: &mut Value| body["spec_version"] = json!("2.0");
    for (role, profile) in ROLES
        .into_iter()
        .flat_map(|role| PROFILES.map(|profile| (role, profile)))
    {
        assert_eq!(malformed(role, profile, zero), Some(Malformed::VersionZero));
        assert_eq!(malformed(role, profile, date), Some(Malformed::Date));
        assert_eq!(
            malformed(role, profile, major),
            Some(Malformed::SpecVersion)
        );
        let threshold = malformed(role, profile, |body| {
            for way in ["/roles/root/threshold", "/delegations/roles/0/threshold"] {
                if let Some(threshold) = body.pointer_mut(way) {
                    *threshold = json!(0);
                }
            }
        });
        let has = matches!(role, Role::Root | Role::Targets);
        assert_eq!(threshold, Some(Malformed::ThresholdZero).filter(|_| has));
    }
}

type Bend = fn(&mut Value);

#[test]
fn what_a_role_may_not_hold_is_named() {
    let cases: [(Role, Bend, Option<Malformed>, Option<Malformed>); 18] = [
        (
            Role::Root,
            |root| root["roles"]["root"]["keyids"] = json!([id(1), id(2), id(1)]),
            Some(Malformed::RepeatedKeyId),
            Some(Malformed::RepeatedKeyId),
        ),
        (
            Role::Root,
            |root| {
                let more: Vec<_> = (0..65).map(|number| format!("other-{number}")).collect();
                root["roles"]["targets"]["keyids"] = json!(more);
            },
            Some(Malformed::TooManySigners),
            Some(Malformed::TooManySigners),
        ),
        (
            Role::Root,
            |root| {
                let mut most: Vec<_> = (0..63).map(|number| format!("other-{number}")).collect();
                most.push(id(9));
                root["roles"]["snapshot"]["keyids"] = json!(most);
            },
            None,
            None,
        ),
        (
            Role::Root,
            |root| {
                root["keys"][id(1)]["scheme"] = json!("other");
                root["roles"]["root"] = signers(&[2], 1);
                root["roles"]["targets"] = signers(&[2], 1);
            },
            Some(Malformed::KeyType),
            None,
        ),
        (
            Role::Root,
            |root| {
                root["keys"][id(1)]["keytype"] = json!("other");
                root["roles"]["root"] = signers(&[2], 1);
                root["roles"]["targets"] = signers(&[2], 1);
            },
            Some(Malformed::KeyType),
            None,
        ),
        (
            Role::Root,
            |root| root["consistent_snapshot"] = json!(false),
            Some(Malformed::InconsistentSnapshot),
            None,
        ),
        (
            Role::Timestamp,
            |timestamp| timestamp["meta"]["other.json"] = json!({"version": 1}),
            Some(Malformed::MetaName),
            Some(Malformed::MetaName),
        ),
        (
            Role::Snapshot,
            |snapshot| snapshot["meta"][".json"] = json!({"version": 1}),
            Some(Malformed::MetaName),
            Some(Malformed::MetaName),
        ),
        (
            Role::Snapshot,
            |snapshot| snapshot["meta"]["band.txt"] = json!({"version": 1}),
            Some(Malformed::MetaName),
            Some(Malformed::MetaName),
        ),
        (
            Role::Snapshot,
            |snapshot| {
                let entry =
                    json!({"hashes": {"sha256": "0".repeat(64)}, "length": 1, "version": 1});
                snapshot["meta"]["root.json"] = entry;
            },
            Some(Malformed::MetaName),
            None,
        ),
        (
            Role::Targets,
            |targets| targets["targets"]["free"]["hashes"] = json!({"sha256": "A".repeat(64)}),
            Some(Malformed::Hash),
            Some(Malformed::Hash),
        ),
        (
            Role::Targets,
            |targets| targets["targets"]["free"]["hashes"] = json!({"sha512": ""}),
            Some(Malformed::Hash),
            None,
        ),
        (
            Role::Targets,
            |targets| targets["targets"][""] = targets["targets"]["free"].clone(),
            Some(Malformed::TargetPath),
            Some(Malformed::TargetPath),
        ),
        (
            Role::Targets,
            |targets| targets["targets"]["a/../b"] = targets["targets"]["free"].clone(),
            Some(Malformed::TargetPath),
            None,
        ),
        (
            Role::Targets,
            |targets| targets["targets"]["a\\b"] = targets["targets"]["free"].clone(),
            Some(Malformed::TargetPath),
            None,
        ),
        (
            Role::Targets,
            |targets| {
                targets["delegations"]["roles"][0]["path_hash_prefixes"] = json!([]);
            },
            Some(Malformed::DelegatedPaths),
            Some(Malformed::DelegatedPaths),
        ),
        (
            Role::Targets,
            |targets| {
                let role = targets["delegations"]["roles"][0].as_object_mut().unwrap();
                role.remove("paths");
            },
            Some(Malformed::DelegatedPaths),
            Some(Malformed::DelegatedPaths),
        ),
        (
            Role::Targets,
            |targets| targets["delegations"]["keys"] = keys(&[5]),
            None,
            None,
        ),
    ];
    for (index, (role, bend, device, foreign)) in cases.into_iter().enumerate() {
        assert_eq!(malformed(role, Profile::Device, bend), device, "{index}");
        assert_eq!(malformed(role, Profile::Foreign, bend), foreign, "{index}");
    }
}

#[test]
fn paths_of_plain_segments_are_what_a_device_reads() {
    for (path, device) in [
        ("a", true),
        ("a/b.c-d_e", true),
        ("a b", true),
        ("...", true),
        ("/a", false),
        ("a/", false),
        ("a//b", false),
        ("./a", false),
        ("a/.", false),
        ("..", false),
        ("a/..", false),
    ] {
        let bend = |targets: &mut Value| {
            targets["targets"][path] = targets["targets"]["free"].clone();
        };
        let refused = Some(Malformed::TargetPath);
        assert_eq!(
            malformed(Role::Targets, Profile::Device, bend),
            refused.filter(|_| !device),
            "{path}"
        );
        assert_eq!(malformed(Role::Targets, Profile::Foreign, bend), None);
    }
}

#[test]
fn no_delegated_role_passes_for_another() {
    for (name, device, foreign) in [
        ("a-b_c.D9", true, true),
        ("x.", true, true),
        ("", false, false),
        ("root", false, false),
        ("timestamp", false, false),
        ("snapshot", false, false),
        ("targets", false, false),
        ("Root", true, true),
        (".a", false, true),
        ("a/b", false, true),
        ("a b", false, true),
        ("../root", false, true),
        ("a\"b", false, true),
    ] {
        let bend = |targets: &mut Value| {
            targets["delegations"]["roles"][1] = delegation(name, &["other"], false);
        };
        let bend = |targets: &mut Value| {
            let roles = targets["delegations"]["roles"].as_array_mut().unwrap();
            roles.push(json!(null));
            bend(targets);
        };
        let refused = Some(Malformed::RoleName);
        assert_eq!(
            malformed(Role::Targets, Profile::Device, bend),
            refused.filter(|_| !device),
            "{name}"
        );
        assert_eq!(
            malformed(Role::Targets, Profile::Foreign, bend),
            refused.filter(|_| !foreign),
            "{name}"
        );
    }
}

#[test]
fn so_many_keys_and_no_more() {
    let with = |count: usize| {
        malformed(Role::Root, Profile::Foreign, |root| {
            let spare = root["keys"][id(1)].clone();
            for number in root["keys"].as_object().unwrap().len()..count {
                root["keys"][format!("spare-{number}")] = spare.clone();
            }
        })
    };
    assert_eq!(with(cuff_verifier::key::MAX_KEYS), None);
    assert_eq!(
        with(cuff_verifier::key::MAX_KEYS + 1),
        Some(Malformed::TooManyKeys)
    );
}
