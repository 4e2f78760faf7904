//! What may ride along with an image: a bill of materials and a data-recipients declaration.
//! Takes the files' bytes and makes sure each is what its name promises; changes nothing in them.

use super::recipients::{Recipients, RecipientsError};
use super::sbom::{Sbom, SbomError};

/// Files that go into a bundle beside its image. Their digests are part of the release record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    sbom: Option<Vec<u8>>,
    recipients: Option<Vec<u8>>,
}

impl Extras {
    /// Adds a `CycloneDX` bill of materials in JSON.
    pub fn with_sbom(mut self, bytes: Vec<u8>) -> Result<Self, ExtrasError> {
        Sbom::read(&bytes)?;
        self.sbom = Some(bytes);
        Ok(self)
    }

    /// Adds a data-recipients declaration in TOML.
    pub fn with_recipients(mut self, bytes: Vec<u8>) -> Result<Self, ExtrasError> {
        Recipients::read(super::RECIPIENTS, &bytes)?;
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
    /// The bill of materials.
    #[error(transparent)]
    Sbom(#[from] SbomError),
    /// The declaration.
    #[error(transparent)]
    Recipients(#[from] RecipientsError),
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
            Err(SbomError::NotCycloneDx.into())
        );
        assert!(matches!(
            Extras::default().with_sbom(b"".to_vec()),
            Err(ExtrasError::Sbom(SbomError::NotJson(_)))
        ));
        for bad in [b"= 1".to_vec(), vec![0xFF]] {
            assert!(matches!(
                Extras::default().with_recipients(bad),
                Err(ExtrasError::Recipients(_))
            ));
        }
    }
}
