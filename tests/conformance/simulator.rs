//! A repository that publishes whatever a case wants, served over http, and a client that is asked about it.
//!
//! It shares no code with cuff: metadata is written, signed and served here. In the foreign style files are indented and keys
//! are P-256 in PEM, in the device style files are canonical and keys are Ed25519; every case is told the style it runs in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::keys::Key;
use crate::server::{Reply, Server};

/// What the repository looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As others write it.
    Foreign,
    /// As devices read it.
    Device,
}

/// What was served, and what lies there.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    requests: Vec<String>,
}

/// A repository, its server and its client.
pub struct Stage {
    pub style: Style,
    /// What every role says; `version` is the next one to be published.
    pub roles: BTreeMap<String, Value>,
    /// Who signs.
    pub signers: BTreeMap<String, Vec<Arc<Key>>>,
    /// Roles whose signatures are over something else than the file.
    pub forged: BTreeSet<String>,
    /// Whether metadata pins lengths and digests; in the device style it must.
    pub pins: bool,
    /// The client's command line, as far as it is the same in every run.
    client: Vec<String>,
    shelf: Arc<Mutex<Shelf>>,
    server: Server,
    folder: tempfile::TempDir,
}

thread_local! {
    static CLIENT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// From now on this thread's cases are run against another client than the one that is asked otherwise.
pub fn against(client: &[String]) {
    CLIENT.set(Some(client.to_vec()));
}

/// The client that is asked otherwise.
fn client_for(style: Style) -> Vec<String> {
    if let Ok(line) = std::env::var("CUFF_TUF_CLIENT") {
        return line.split(' ').map(str::to_owned).collect();
    }
    let profile = (style == Style::Device).then_some("--device-profile");
    [env!("CARGO_BIN_EXE_cuff"), "tuf-client"]
        .into_iter()
        .chain(profile)
        .map(str::to_owned)
        .collect()
}

pub const FAR: &str = "2099-01-01T00:00:00Z";
pub const PAST: &str = "2021-01-01T00:00:00Z";

impl Stage {
    /// A repository at version 1 of everything, and a client that has its root.
    pub fn new(style: Style) -> Self {
        let stage = Self::before_init(style);
        assert!(stage.init(&stage.file("metadata/1.root.json")));
        stage
    }

    /// The same before the client has anything.
    pub fn before_init(style: Style) -> Self {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let server = Server::start({
            let shelf = Arc::clone(&shelf);
            move |request| {
                let mut shelf = shelf.lock().unwrap();
                shelf.requests.push(request.path.clone());
                match shelf.files.get(&request.path) {
                    Some(bytes) => Reply::file(bytes.clone()),
                    None => Reply::status("404 Not Found"),
                }
            }
        });
        let mut stage = Self {
            style,
            roles: BTreeMap::new(),
            signers: BTreeMap::new(),
            forged: BTreeSet::new(),
            pins: style == Style::Device,
            client: CLIENT
                .with_borrow(Clone::clone)
                .unwrap_or_else(|| client_for(style)),
            shelf,
            server,
            folder: tempfile::tempdir().unwrap(),
        };
        stage.found();
        stage.publish(&["root", "targets", "snapshot", "timestamp"]);
        stage
    }

    fn found(&mut self) {
        let mut root = self.head("root");
        root["consistent_snapshot"] = json!(true);
        root["keys"] = json!({});
        root["roles"] = json!({});
        self.roles.insert("root".into(), root);
        for role in ["root", "timestamp", "snapshot", "targets"] {
            self.roles.get_mut("root").unwrap()["roles"][role] =
                json!({"keyids": [], "threshold": 1});
            let key = self.key();
            self.add_key(role, &key);
        }
        let mut targets = self.head("targets");
        targets["targets"] = json!({});
        self.roles.insert("targets".into(), targets);
        for role in ["snapshot", "timestamp"] {
            let mut body = self.head(role);
            body["meta"] = json!({});
            self.roles.insert(role.into(), body);
        }
    }

    /// What every role says of itself.
    pub fn head(&self, kind: &str) -> Value {
        let mut head =
            json!({"_type": kind, "expires": FAR, "spec_version": "1.0.34", "version": 1});
        if self.style == Style::Device {
            head["issued"] = json!("2026-01-01T00:00:00Z");
        }
        head
    }

    /// A new key of the style.
    pub fn key(&self) -> Arc<Key> {
        Arc::new(match self.style {
            Style::Foreign => Key::p256(),
            Style::Device => Key::ed25519(),
        })
    }

    /// What a role says.
    pub fn role(&mut self, name: &str) -> &mut Value {
        self.roles.get_mut(name).unwrap()
    }

    /// Lists a key for a top-level role, and lets it sign.
    pub fn add_key(&mut self, role: &str, key: &Arc<Key>) {
        let root = self.roles.get_mut("root").unwrap();
        root["keys"][&key.id] = key.entry.clone();
        let ids = root["roles"][role]["keyids"].as_array_mut().unwrap();
        ids.push(json!(key.id));
        self.signers
            .entry(role.into())
            .or_default()
            .push(Arc::clone(key));
    }

    /// Takes all keys of a top-level role away, and gives them back.
    pub fn drop_keys(&mut self, role: &str) -> Vec<Arc<Key>> {
        self.role("root")["roles"][role]["keyids"] = json!([]);
        self.signers.remove(role).unwrap_or_default()
    }

    /// Replaces the keys of a top-level role.
    pub fn rotate(&mut self, role: &str) {
        self.drop_keys(role);
        let key = self.key();
        self.add_key(role, &key);
    }

    /// Lets one role delegate to another, with a key of its own; the delegation is given.
    pub fn delegate(&mut self, from: &str, to: &str, mut delegation: Value) -> Arc<Key> {
        let key = self.key();
        delegation["name"] = json!(to);
        delegation["keyids"] = json!([key.id]);
        if delegation["threshold"].is_null() {
            delegation["threshold"] = json!(1);
        }
        if delegation["terminating"].is_null() {
            delegation["terminating"] = json!(false);
        }
        let body = self.role(from);
        if body["delegations"].is_null() {
            body["delegations"] = json!({"keys": {}, "roles": []});
        }
        body["delegations"]["keys"][&key.id] = key.entry.clone();
        body["delegations"]["roles"]
            .as_array_mut()
            .unwrap()
            .push(delegation);
        self.signers
            .entry(to.into())
            .or_default()
            .push(Arc::clone(&key));
        if !self.roles.contains_key(to) {
            let mut targets = self.head("targets");
            targets["targets"] = json!({});
            self.roles.insert(to.into(), targets);
        }
        key
    }

    /// Lists a target, and puts its file there.
    pub fn target(&mut self, role: &str, path: &str, bytes: &[u8]) {
        let digest = hex::encode(Sha256::digest(bytes));
        self.role(role)["targets"][path] =
            json!({"hashes": {"sha256": digest}, "length": bytes.len()});
        let (folder, name) = path
            .rsplit_once('/')
            .map_or((String::new(), path), |(folder, name)| {
                (format!("{folder}/"), name)
            });
        self.put(&format!("targets/{folder}{digest}.{name}"), bytes.to_vec());
    }

    /// Signs the roles, puts them where clients look, and counts on. What snapshot and timestamp say of others is filled in as
    /// those are published.
    pub fn publish(&mut self, roles: &[&str]) {
        for role in roles {
            let version = self.roles[*role]["version"].as_u64().unwrap();
            self.publish_as(role, version);
        }
    }

    /// Publishes a role that says it had this version, under the name of its own.
    pub fn publish_as(&mut self, role: &str, said: u64) {
        let mut body = self.roles[role].clone();
        let version = body["version"].as_u64().unwrap();
        body["version"] = json!(said);
        let file = self.signed(role, &body);
        self.announce(role, version, &file);
        let consistent = self.roles["root"]["consistent_snapshot"] != json!(false);
        let name = quoted(role);
        let path = match role {
            "timestamp" => "metadata/timestamp.json".to_owned(),
            "root" => format!("metadata/{version}.root.json"),
            _ if consistent => format!("metadata/{version}.{name}.json"),
            _ => format!("metadata/{name}.json"),
        };
        self.put(&path, file);
        self.role(role)["version"] = json!(version + 1);
    }

    /// Everything below root anew.
    pub fn publish_all(&mut self) {
        let delegated: Vec<String> = self
            .roles
            .keys()
            .filter(|role| !["root", "timestamp", "snapshot", "targets"].contains(&role.as_str()))
            .cloned()
            .collect();
        let roles: Vec<&str> = delegated.iter().map(String::as_str).collect();
        self.publish(&roles);
        self.publish(&["targets", "snapshot", "timestamp"]);
    }

    /// The entry of a file in the metadata above it.
    pub fn announce(&mut self, role: &str, version: u64, file: &[u8]) {
        let above = match role {
            "root" | "timestamp" => return,
            "snapshot" => "timestamp",
            _ => "snapshot",
        };
        let mut entry = json!({"version": version});
        if self.pins {
            entry["length"] = json!(file.len());
            entry["hashes"] = json!({"sha256": hex::encode(Sha256::digest(file))});
        }
        if let Some(above) = self.roles.get_mut(above) {
            above["meta"][format!("{role}.json")] = entry;
        }
    }

    /// A file, signed by those who sign for the role.
    pub fn signed(&self, role: &str, body: &Value) -> Vec<u8> {
        let mut message = canonical(body);
        if self.forged.contains(role) {
            message.push(' ');
        }
        let mut signatures: Vec<Value> = Vec::new();
        for key in self.signers.get(role).into_iter().flatten() {
            signatures.push(json!({"keyid": key.id, "sig": key.sign(message.as_bytes())}));
        }
        self.written(&json!({"signatures": signatures, "signed": body}))
    }

    /// A file in the style.
    pub fn written(&self, file: &Value) -> Vec<u8> {
        match self.style {
            Style::Foreign => serde_json::to_vec_pretty(file).unwrap(),
            Style::Device => canonical(file).into_bytes(),
        }
    }

    /// A file that lies there.
    pub fn file(&self, path: &str) -> Vec<u8> {
        self.shelf.lock().unwrap().files[path].clone()
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.shelf
            .lock()
            .unwrap()
            .files
            .insert(path.to_owned(), bytes);
    }

    /// Takes a file away.
    pub fn remove(&self, path: &str) {
        assert!(
            self.shelf.lock().unwrap().files.remove(path).is_some(),
            "{path}"
        );
    }

    /// Changes a file in place.
    pub fn edit(&self, path: &str, change: impl Fn(String) -> String) {
        let before = String::from_utf8(self.file(path)).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "nothing changed in {path}");
        self.put(path, after.into_bytes());
    }

    /// What was asked for since the last time, metadata without its folder.
    pub fn requests(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.shelf.lock().unwrap().requests);
        requests
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix("metadata/");
                let name = name.and_then(|name| name.strip_suffix(".json"));
                name.unwrap_or(&path).to_owned()
            })
            .collect()
    }

    /// Gives the client a root.
    pub fn init(&self, root: &[u8]) -> bool {
        let path = self.folder.path().join("given.json");
        fs::write(&path, root).unwrap();
        self.client(&["init", path.to_str().unwrap()])
    }

    /// Lets the client update.
    pub fn refresh(&self) -> bool {
        self.client(&["--metadata-url", &self.server.url("metadata/"), "refresh"])
    }

    /// Lets the client download targets.
    pub fn download(&self, paths: &[&str]) -> bool {
        let (metadata, targets) = (self.server.url("metadata/"), self.server.url("targets/"));
        let folder = self.downloads();
        let mut arguments = vec!["--metadata-url", &metadata, "--target-base-url", &targets];
        arguments.extend(["--target-dir", folder.to_str().unwrap()]);
        for path in paths {
            arguments.extend(["--target-name", path]);
        }
        arguments.push("download");
        self.client(&arguments)
    }

    /// One run of the client, which knows yes and no and nothing else.
    fn client(&self, arguments: &[&str]) -> bool {
        let metadata = self.folder.path().join("metadata");
        fs::create_dir_all(&metadata).unwrap();
        let output = Command::new(&self.client[0])
            .args(&self.client[1..])
            .arg("--metadata-dir")
            .arg(metadata)
            .args(arguments)
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        print!("{}", String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            other => panic!("exit code {other:?}: {output:?}"),
        }
    }

    /// A file of the client's metadata, if it trusts one.
    pub fn kept(&self, role: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(format!("metadata/{role}.json"))).ok()
    }

    /// The roles that the client trusts, with their versions, in alphabetical order.
    pub fn trusted(&self) -> Vec<(String, u64)> {
        let mut roles = Vec::new();
        for entry in fs::read_dir(self.folder.path().join("metadata")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(role) = name.strip_suffix(".json") {
                let file: Value = serde_json::from_slice(&self.kept(role).unwrap()).unwrap();
                roles.push((role.to_owned(), file["signed"]["version"].as_u64().unwrap()));
            }
        }
        roles.sort();
        roles
    }

    /// What the client trusts, in one line: `root 2, timestamp 1`.
    pub fn trust(&self) -> String {
        let roles = self.trusted().into_iter();
        let words: Vec<String> = roles
            .map(|(role, version)| format!("{role} {version}"))
            .collect();
        words.join(", ")
    }

    /// Puts something else in place of what the client keeps.
    pub fn spoil(&self, role: &str, bytes: &[u8]) {
        fs::write(
            self.folder.path().join(format!("metadata/{role}.json")),
            bytes,
        )
        .unwrap();
    }

    /// What lies around the client's folders: nothing of its downloads may.
    pub fn around(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "downloads")
            .collect();
        names.sort();
        names
    }

    /// Where downloads go.
    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// What was downloaded, sorted.
    pub fn downloaded(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.downloads()) else {
            return Vec::new();
        };
        let mut found: Vec<Vec<u8>> = entries
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect();
        found.sort();
        found
    }
}

/// A name in a URL.
pub fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| match byte {
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Canonical JSON (OLPC).
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&[u8], (&String, &Value)> = members
                .iter()
                .map(|(name, value)| (name.as_bytes(), (name, value)))
                .collect();
            let members: Vec<String> = sorted
                .into_values()
                .map(|(name, value)| format!("{}:{}", string(name), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// An object of one member.
pub fn only(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
