//! What a TUF metadata file says, whoever wrote it.
//! Takes bytes; gives the part of the answer, or nothing when they are no metadata. Counts signatures, checks none.

use std::fmt::{self, Write};

use cuff_verifier::json::locate;
use cuff_verifier::profile::Profile;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::console::safe;

/// A metadata file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Metadata {
    /// `root`, `timestamp`, `snapshot` or `targets`.
    role: String,
    /// Version of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// When it was signed, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<String>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Lowest counter a device may run, in product roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_counter: Option<u64>,
    /// Ids of the keys that claim to have signed; not checked.
    signatures: Vec<String>,
    /// Roles it appoints: those of a root, and delegations.
    appoints: Vec<Appointed>,
    /// Files it lists, with version or length.
    lists: Vec<Listed>,
    /// Whether the file is in the one spelling that cuff writes and devices read.
    canonical: bool,
}

/// A role and who may sign it.
#[derive(Debug, Serialize, JsonSchema)]
struct Appointed {
    /// Name of the role.
    role: String,
    /// How many must sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u64>,
    /// Ids of the keys that may.
    keyids: Vec<String>,
}

/// A file that metadata lists.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// Its path.
    path: String,
    /// Version, of metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Length in bytes, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    /// Security counter, of releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
}

impl Metadata {
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let signed = value.get("signed")?;
        let role = text(signed, "_type")?;
        let signatures = value.get("signatures")?.as_array()?;
        Some(Self {
            role,
            version: number(signed, "version"),
            issued: text(signed, "issued"),
            expires: text(signed, "expires"),
            minimum_counter: number(signed, "minimum_counter"),
            signatures: signatures
                .iter()
                .filter_map(|signature| text(signature, "keyid"))
                .collect(),
            appoints: appoints(signed),
            lists: lists(signed),
            canonical: is_canonical(bytes),
        })
    }

    /// The file in one line.
    pub(super) fn headline(&self) -> String {
        let or_unknown = |known: Option<String>| known.unwrap_or_else(|| "unknown".to_owned());
        format!(
            "{} version {}, expires {}",
            self.role,
            or_unknown(self.version.map(|version| version.to_string())),
            or_unknown(self.expires.clone())
        )
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "role       {}", safe(&self.headline()))?;
        if let Some(issued) = &self.issued {
            writeln!(out, "issued     {}", safe(issued))?;
        }
        if let Some(counter) = self.minimum_counter {
            writeln!(out, "counter    at least {counter}")?;
        }
        for role in &self.appoints {
            let threshold = role
                .threshold
                .map_or("?".to_owned(), |count| count.to_string());
            let (name, keys) = (safe(&role.role), role.keyids.len());
            writeln!(out, "appoints   {name}: {threshold} of {keys} keys")?;
        }
        for file in &self.lists {
            write!(out, "lists      {}", safe(&file.path))?;
            for (what, number) in [("version", file.version), ("counter", file.counter)] {
                if let Some(number) = number {
                    write!(out, ", {what} {number}")?;
                }
            }
            if let Some(length) = file.length {
                write!(out, ", {length} bytes")?;
            }
            writeln!(out)?;
        }
        for keyid in &self.signatures {
            writeln!(out, "signature  by {}, not checked", safe(keyid))?;
        }
        if !self.canonical {
            writeln!(
                out,
                "spelling   not canonical: devices would refuse this file"
            )?;
        }
        Ok(())
    }
}

/// The verifier's own reading of the spelling, with the rules it has on a device.
fn is_canonical(bytes: &[u8]) -> bool {
    locate(bytes, Profile::Device).is_none()
}

fn appoints(signed: &Value) -> Vec<Appointed> {
    let appointed = |name: &str, role: &Value| Appointed {
        role: name.to_owned(),
        threshold: number(role, "threshold"),
        keyids: strings(role.get("keyids")),
    };
    let top = signed.get("roles").and_then(Value::as_object);
    let delegated = signed
        .pointer("/delegations/roles")
        .and_then(Value::as_array);
    top.into_iter()
        .flatten()
        .map(|(name, role)| appointed(name, role))
        .chain(delegated.into_iter().flatten().map(|role| {
            let name = text(role, "name").unwrap_or_default();
            appointed(&name, role)
        }))
        .collect()
}

fn lists(signed: &Value) -> Vec<Listed> {
    let member = |name: &str| signed.get(name).and_then(Value::as_object);
    member("meta")
        .into_iter()
        .chain(member("targets"))
        .flatten()
        .map(|(path, file)| Listed {
            path: path.clone(),
            version: number(file, "version"),
            length: number(file, "length"),
            counter: file.pointer("/custom/cuff/counter").and_then(Value::as_u64),
        })
        .collect()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member)?.as_str().map(str::to_owned)
}

fn number(value: &Value, member: &str) -> Option<u64> {
    value.get(member)?.as_u64()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let array = value.and_then(Value::as_array);
    let texts = array.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
