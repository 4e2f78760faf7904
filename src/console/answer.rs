//! Answers: what a command prints on standard output.
//!
//! An answer is one serde type, printed for people by its own `human`, or as JSON inside an `Envelope`, whose schema is
//! published. The two never come from different values.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::Exit;

/// Something a command can answer with. Field docs become the schema's descriptions.
pub trait Answer: Serialize + JsonSchema {
    /// The command it answers, as typed: `key new`. Names the schema file too.
    const COMMAND: &'static str;

    /// Grows when a field is removed or changes its meaning; a new field does not count.
    const SCHEMA_VERSION: u32 = 1;

    /// Writes the answer for people, lines ending in `\n`. Foreign strings go through [`safe`](super::safe()).
    fn human(&self, out: &mut dyn Write) -> fmt::Result;

    /// The exit code this answer calls for.
    fn exit(&self) -> Exit {
        Exit::Yes
    }
}

/// The members every JSON answer opens with.
#[derive(Serialize, JsonSchema)]
struct Envelope<'a, A> {
    /// Version of this answer's schema; grows when a field is removed or changes its meaning.
    schema_version: u32,
    /// The command that answers.
    command: &'a str,
    /// Whether the answer is yes, that is, whether the exit code is 0.
    ok: bool,
    #[serde(flatten)]
    answer: &'a A,
}

/// The answer as text for people.
pub(super) fn text<A: Answer>(answer: &A) -> anyhow::Result<String> {
    let mut text = String::new();
    answer.human(&mut text)?;
    Ok(text)
}

/// The answer as one JSON object and a line feed.
pub(super) fn json<A: Answer>(answer: &A) -> anyhow::Result<String> {
    let envelope = Envelope {
        schema_version: A::SCHEMA_VERSION,
        command: A::COMMAND,
        ok: answer.exit() == Exit::Yes,
        answer,
    };
    let mut text = serde_json::to_string_pretty(&envelope)?;
    text.push('\n');
    Ok(text)
}

/// The JSON schema of the answer as printed, envelope included.
pub fn schema<A: Answer>() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Envelope<'_, A>);
    schema.insert("title".to_owned(), format!("cuff {}", A::COMMAND).into());
    if let Some(properties) = schema
        .get_mut("properties")
        .and_then(|value| value.as_object_mut())
    {
        for (member, value) in [
            ("schema_version", serde_json::json!(A::SCHEMA_VERSION)),
            ("command", serde_json::json!(A::COMMAND)),
        ] {
            if let Some(property) = properties
                .get_mut(member)
                .and_then(|value| value.as_object_mut())
            {
                property.insert("const".to_owned(), value);
            }
        }
    }
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Weather {
        rain: bool,
    }

    impl Answer for Weather {
        const COMMAND: &'static str = "weather now";

        fn human(&self, out: &mut dyn Write) -> fmt::Result {
            writeln!(out, "{}", if self.rain { "rain" } else { "dry" })
        }

        fn exit(&self) -> Exit {
            if self.rain { Exit::No } else { Exit::Yes }
        }
    }

    #[test]
    fn json_opens_with_version_command_and_ok() {
        let text = json(&Weather { rain: true }).unwrap();
        assert_eq!(
            text,
            "{\n  \"schema_version\": 1,\n  \"command\": \"weather now\",\n  \"ok\": false,\n  \"rain\": true\n}\n"
        );
    }

    #[test]
    fn the_schema_covers_envelope_and_answer() {
        let schema = schema::<Weather>();
        assert_eq!(schema["title"], "cuff weather now");
        assert_eq!(schema["properties"]["command"]["const"], "weather now");
        assert_eq!(schema["properties"]["rain"]["type"], "boolean");
        assert_eq!(
            schema["required"],
            serde_json::json!(["schema_version", "command", "ok", "rain"])
        );
    }
}
