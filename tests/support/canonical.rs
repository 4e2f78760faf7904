//! OLPC canonical JSON as tests write it: it shares no code with the product, so that a mistake there is not repeated here.
//!
//! Takes a value of integers, and of strings without control characters; gives its only bytes, whatever order the reader of JSON
//! keeps.

use serde_json::Value;

/// The canonical text of a value.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let list: Vec<_> = sorted
                .iter()
                .map(|(name, value)| format!("{}:{}", string(name), canonical(value)))
                .collect();
            format!("{{{}}}", list.join(","))
        }
        Value::Array(elements) => format!(
            "[{}]",
            elements.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

fn string(text: &str) -> String {
    if text.contains(['\\', '"']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("\"{text}\"")
    }
}
