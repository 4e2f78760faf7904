//! `CycloneDX` bills of materials: recognised, and checked as far as everyone who reads one relies on.
//! Takes JSON; gives the components by name. What is inside a component is its author's business.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What a bill of materials lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sbom {
    /// The version of the format.
    pub spec: String,
    /// Versions of every component, by group and name; a component without a version has an empty one.
    pub components: BTreeMap<String, BTreeSet<String>>,
}

impl Sbom {
    /// Reads it.
    pub fn read(bytes: &[u8]) -> Result<Self, SbomError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| SbomError::NotJson(error.to_string()))?;
        if value["bomFormat"] != "CycloneDX" {
            return Err(SbomError::NotCycloneDx);
        }
        let spec = value["specVersion"].as_str().unwrap_or_default();
        if !SPECS.contains(&spec) {
            return Err(SbomError::Spec(spec.to_owned()));
        }
        let mut sbom = Self {
            spec: spec.to_owned(),
            components: BTreeMap::new(),
        };
        let mut references = BTreeSet::new();
        match &value["components"] {
            Value::Null => {}
            Value::Array(components) => {
                sbom.take(components, "components", 0, &mut references)?;
            }
            _ => return Err(SbomError::NotAList("components".to_owned())),
        }
        Ok(sbom)
    }

    fn take(
        &mut self,
        components: &[Value],
        place: &str,
        depth: usize,
        references: &mut BTreeSet<String>,
    ) -> Result<(), SbomError> {
        for (index, component) in components.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let empty = Map::new();
            let fields = component.as_object().unwrap_or(&empty);
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("name").is_empty() {
                return Err(SbomError::NoName(place));
            }
            if text("type").is_empty() {
                return Err(SbomError::NoType(place));
            }
            let reference = text("bom-ref");
            if !reference.is_empty() && !references.insert(reference.to_owned()) {
                return Err(SbomError::Twice {
                    place,
                    reference: reference.to_owned(),
                });
            }
            let name = match text("group") {
                "" => text("name").to_owned(),
                group => format!("{group}/{}", text("name")),
            };
            self.components
                .entry(name)
                .or_default()
                .insert(text("version").to_owned());
            if let Some(Value::Array(below)) = fields.get("components") {
                if depth == DEEPEST {
                    return Err(SbomError::TooDeep(place));
                }
                self.take(below, &format!("{place}.components"), depth + 1, references)?;
            }
        }
        Ok(())
    }

    /// What changed since another one, as lines: `+ zlib 1.3`, `- zlib 1.2`, `zlib 1.2 -> 1.3`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let shown = |name: &str, versions: &BTreeSet<String>| {
            let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
            format!("{name} {}", versions.join(", "))
                .trim_end()
                .to_owned()
        };
        let names: BTreeSet<&String> = before
            .components
            .keys()
            .chain(self.components.keys())
            .collect();
        let mut lines = Vec::new();
        for name in names {
            match (before.components.get(name), self.components.get(name)) {
                (None, Some(now)) => lines.push(format!("+ {}", shown(name, now))),
                (Some(then), None) => lines.push(format!("- {}", shown(name, then))),
                (Some(then), Some(now)) if then != now => {
                    lines.push(format!(
                        "{} -> {}",
                        shown(name, then),
                        shown("", now).trim()
                    ));
                }
                _ => {}
            }
        }
        lines
    }
}

/// A file that is no bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// Not JSON at all.
    #[error("sbom must be a CycloneDX bill of materials in JSON, found something else: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error(
        "sbom must be a CycloneDX bill of materials (\"bomFormat\": \"CycloneDX\"), found other JSON: convert SPDX files first"
    )]
    NotCycloneDx,
    /// A version nobody has published, or none.
    #[error("sbom: specVersion must be 1.2 to 1.7, found \"{}\"", .0.escape_debug())]
    Spec(String),
    /// Another type where a list belongs.
    #[error("sbom: {0} must be a list")]
    NotAList(String),
    /// A component without a name.
    #[error("sbom: {0} must have a name")]
    NoName(String),
    /// A component without a type.
    #[error("sbom: {0} must have a type")]
    NoType(String),
    /// Two components that cannot be told apart.
    #[error("sbom: {place} has the bom-ref \"{}\" of another component", reference.escape_debug())]
    Twice {
        /// Where.
        place: String,
        /// The reference.
        reference: String,
    },
    /// Components in components in components.
    #[error("sbom: {0} lies more than {DEEPEST} components deep")]
    TooDeep(String),
}

const SPECS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];
const DEEPEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn sbom(components: &str) -> Result<Sbom, SbomError> {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":{components}}}"#
        );
        Sbom::read(text.as_bytes())
    }

    #[test]
    fn changes_are_told_by_component() {
        let before = sbom(
            r#"[{"type":"library","name":"zlib","version":"1.2"},{"type":"library","group":"arm","name":"cmsis","version":"5"},
                {"type":"library","name":"gone"}]"#,
        )
        .unwrap();
        let now = sbom(
            r#"[{"type":"library","name":"zlib","version":"1.3"},{"type":"library","group":"arm","name":"cmsis","version":"5",
                "components":[{"type":"file","name":"dsp","version":"1"}]}]"#,
        )
        .unwrap();
        assert_eq!(now.since(&before), ["+ dsp 1", "- gone", "zlib 1.2 -> 1.3"]);
        assert_eq!(now.since(&now), Vec::<String>::new());
    }

    #[test]
    fn each_fault_names_its_place() {
        let one = r#"{"type":"library","name":"a","bom-ref":"x"}"#;
        for (components, words) in [
            ("{}", "components must be a list"),
            ("[7]", "components[0] must have a name"),
            (r#"[{"type":"library","name":""}]"#, "must have a name"),
            (r#"[{"name":"a"}]"#, "components[0] must have a type"),
            (
                &format!("[{one},{one}]"),
                "components[1] has the bom-ref \"x\"",
            ),
        ] {
            let error = sbom(components).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        for (text, error) in [
            (r#"{"spdxVersion":"SPDX-2.3"}"#, SbomError::NotCycloneDx),
            (
                r#"{"bomFormat":"CycloneDX"}"#,
                SbomError::Spec(String::new()),
            ),
            (
                r#"{"bomFormat":"CycloneDX","specVersion":"9"}"#,
                SbomError::Spec("9".to_owned()),
            ),
        ] {
            assert_eq!(Sbom::read(text.as_bytes()), Err(error));
        }
        let deep = (0..40).fold("[]".to_owned(), |below, _| {
            format!(r#"[{{"type":"library","name":"a","components":{below}}}]"#)
        });
        assert!(matches!(sbom(&deep), Err(SbomError::TooDeep(_))));
    }
}
