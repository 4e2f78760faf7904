//! What may ride along with an image: a bill of materials and a data-recipients declaration.
//! Takes the files' bytes and makes sure each is what its name promises; changes nothing in them.

/// Files that go into a bundle beside its image. Their digests are part of the release record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    sbom: Option<Vec<u8>>,
    recipients: Option<Vec<u8>>,
}

impl Extras {
    /// Adds a `CycloneDX` bill of materials in JSON.
    pub fn with_sbom(mut self, bytes: Vec<u8>) -> Result<Self, ExtrasError> {
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| ExtrasError::SbomNotJson {
                complaint: error.to_string(),
            })?;
        if value.get("bomFormat").and_then(serde_json::Value::as_str) != Some("CycloneDX") {
            return Err(ExtrasError::NotCycloneDx);
        }
        self.sbom = Some(bytes);
        Ok(self)
    }

    /// Adds a data-recipients declaration in TOML.
    pub fn with_recipients(mut self, bytes: Vec<u8>) -> Result<Self, ExtrasError> {
        let read = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
        let table = read.and_then(|text| {
            toml::from_str::<toml::Table>(text).map_err(|error| error.message().to_owned())
        });
        if let Err(complaint) = table {
            return Err(ExtrasError::RecipientsNotToml { complaint });
        }
        self.recipients = Some(bytes);
        Ok(self)
    }

    /// The bill of materials.
    pub fn sbom(&self) -> Option<&[u8]> {
        self.sbom.as_deref()
    }

    /// The data-recipients declaration.
    pub fn recipients(&self) -> Option<&[u8]> {
        self.recipients.as_deref()
    }
}

/// A file that is not what its place in the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtrasError {
    /// Not JSON at all.
    #[error(
        "sbom must be a CycloneDX bill of materials in JSON, found something else: {complaint}"
    )]
    SbomNotJson {
        /// What the reader says.
        complaint: String,
    },
    /// JSON of another kind.
    #[error(
        "sbom must be a CycloneDX bill of materials (\"bomFormat\": \"CycloneDX\"), found other JSON: convert SPDX files first"
    )]
    NotCycloneDx,
    /// Not TOML.
    #[error("recipients must be a TOML file, found something else: {complaint}")]
    RecipientsNotToml {
        /// What the reader says.
        complaint: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_what_it_is_called() {
        let good = br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#.to_vec();
        let extras = Extras::default().with_sbom(good.clone()).unwrap();
        assert_eq!(extras.sbom(), Some(good.as_slice()));
        assert_eq!(
            Extras::default().with_sbom(b"{\"spdxVersion\":\"SPDX-2.3\"}".to_vec()),
            Err(ExtrasError::NotCycloneDx)
        );
        assert!(matches!(
            Extras::default().with_sbom(b"".to_vec()),
            Err(ExtrasError::SbomNotJson { .. })
        ));
        for bad in [b"= 1".to_vec(), vec![0xFF]] {
            assert!(matches!(
                Extras::default().with_recipients(bad),
                Err(ExtrasError::RecipientsNotToml { .. })
            ));
        }
    }
}
