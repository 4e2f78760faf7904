//! The published schemas, and whether an answer obeys one.
//!
//! Takes a schema and a value, gives what is wrong with the value: the part of JSON Schema that answers use.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc
)]

use serde_json::Value;

/// A schema of docs/schema.
pub fn published(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    serde_json::from_str(&std::fs::read_to_string(path.join(name)).unwrap()).unwrap()
}

/// What in `value` is not as the schema says.
pub fn disobeyed(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    disobeys(schema, schema, value, "answer", &mut faults);
    faults
}

fn merge(to: &mut Value, from: &Value) {
    match (to, from) {
        (Value::Object(to), Value::Object(from)) => {
            to.extend(
                from.iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        (Value::Array(to), Value::Array(from)) => to.extend(from.iter().cloned()),
        _ => {}
    }
}

/// What in `value` is not as the schema says: the part of JSON Schema that answers use. An unknown member is a fault too.
fn disobeys(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let below = root.pointer(name.trim_start_matches('#')).unwrap();
        return disobeys(root, below, value, place, faults);
    }
    // Of several forms the one with the value's own `type` is meant.
    if let Some(forms) = schema["oneOf"].as_array() {
        let form = forms
            .iter()
            .find(|form| form["properties"]["type"]["const"] == value["type"]);
        match form {
            Some(form) => {
                let mut whole = form.clone();
                for member in ["properties", "required"] {
                    merge(&mut whole[member], &schema[member]);
                }
                disobeys(root, &whole, value, place, faults);
            }
            None => faults.push(format!("{place} is of no known type: {}", value["type"])),
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = &schema["type"];
    if !(allowed.is_null()
        || allowed == kind
        || allowed
            .as_array()
            .is_some_and(|kinds| kinds.contains(&kind.into())))
    {
        faults.push(format!("{place} is of type {kind}, not {allowed}"));
    }
    if schema.get("const").is_some_and(|fixed| fixed != value) {
        faults.push(format!("{place} is {value}, not {}", schema["const"]));
    }
    if let Value::Array(values) = value {
        for (index, value) in values.iter().enumerate() {
            disobeys(
                root,
                &schema["items"],
                value,
                &format!("{place}[{index}]"),
                faults,
            );
        }
    }
    if let Value::Object(members) = value {
        for required in schema["required"].as_array().unwrap_or(&Vec::new()) {
            if !members.contains_key(required.as_str().unwrap()) {
                faults.push(format!("{place} lacks {required}"));
            }
        }
        for (name, value) in members {
            match schema["properties"].get(name) {
                Some(below) => disobeys(root, below, value, &format!("{place}.{name}"), faults),
                None => faults.push(format!("{place}.{name} is not in the schema")),
            }
        }
    }
}
