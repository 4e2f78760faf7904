//! PKCS#11 URIs (RFC 7512): which token, which key, which library.
//!
//! It takes the text after `pkcs11:`. A criterion that cuff does not check is refused rather than ignored, and so is a PIN.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// A PKCS#11 URI. What is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUri {
    text: String,
    /// The token's label.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The slot it is in.
    pub slot_id: Option<u64>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's id.
    pub id: Option<Vec<u8>>,
    /// The library that speaks to the token.
    pub module_path: Option<PathBuf>,
    /// A file whose first line is the PIN.
    pub pin_source: Option<PathBuf>,
}

impl FromStr for TokenUri {
    type Err = TokenUriError;

    fn from_str(rest: &str) -> Result<Self, TokenUriError> {
        let mut uri = Self {
            text: format!("pkcs11:{rest}"),
            ..Self::default()
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts = path.split(';').map(|part| (part, false));
        let parts = parts.chain(query.split('&').map(|part| (part, true)));
        let mut seen = Vec::new();
        for (part, in_query) in parts.filter(|(part, _)| !part.is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| TokenUriError::NoValue(part.to_owned()))?;
            if seen.contains(&name) {
                return Err(TokenUriError::Twice(name.to_owned()));
            }
            seen.push(name);
            uri.set(name, value, in_query)?;
        }
        Ok(uri)
    }
}

impl TokenUri {
    fn set(&mut self, name: &str, value: &str, in_query: bool) -> Result<(), TokenUriError> {
        let text = || {
            let decoded = percent_decode_str(value).decode_utf8();
            decoded
                .map(Cow::into_owned)
                .map_err(|_| TokenUriError::NotText(name.to_owned()))
        };
        match (name, in_query) {
            ("token", false) => self.token = Some(text()?),
            ("serial", false) => self.serial = Some(text()?),
            ("manufacturer", false) => self.manufacturer = Some(text()?),
            ("model", false) => self.model = Some(text()?),
            ("object", false) => self.object = Some(text()?),
            ("id", false) => self.id = Some(percent_decode_str(value).collect()),
            ("slot-id", false) => {
                let number = value.parse();
                self.slot_id = Some(number.map_err(|_| TokenUriError::Slot(value.to_owned()))?);
            }
            ("type", false) if value == "private" => {}
            ("type", false) => return Err(TokenUriError::Type(text()?)),
            ("module-path", true) => self.module_path = Some(PathBuf::from(text()?)),
            ("pin-source", true) => {
                let source = text()?;
                let path = source.strip_prefix("file:").unwrap_or(&source);
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.starts_with('|') {
                    return Err(TokenUriError::PinSource);
                }
                self.pin_source = Some(PathBuf::from(path));
            }
            ("pin-value", _) => return Err(TokenUriError::PinValue),
            (name, _) => return Err(TokenUriError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

impl Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A PKCS#11 URI that is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenUriError {
    /// No `=`.
    #[error("a PKCS#11 URI is a list of NAME=VALUE: `{}` has no value", .0.escape_debug())]
    NoValue(String),
    /// One attribute twice.
    #[error("`{}` stands twice in the PKCS#11 URI", .0.escape_debug())]
    Twice(String),
    /// Not UTF-8 behind the percent signs.
    #[error("`{}` in the PKCS#11 URI is not UTF-8", .0.escape_debug())]
    NotText(String),
    /// Not a number.
    #[error("slot-id in the PKCS#11 URI must be a number, found `{}`", .0.escape_debug())]
    Slot(String),
    /// Another kind of object.
    #[error("type in the PKCS#11 URI must be `private`, found `{}`", .0.escape_debug())]
    Type(String),
    /// A command, or nothing.
    #[error("pin-source in the PKCS#11 URI must be a file: `pin-source=file:/path`")]
    PinSource,
    /// A PIN where everybody can read it.
    #[error(
        "a PIN in a URI can be read in the shell's history and by other processes: use pin-source=file:/path, --passphrase-file or the terminal"
    )]
    PinValue,
    /// Something cuff does not check.
    #[error(
        "`{}` in the PKCS#11 URI is not supported: expected token, serial, manufacturer, model, slot-id, object, id or type, and module-path or pin-source after `?`", .0.escape_debug()
    )]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_the_rfc_are_read() {
        let uri: TokenUri =
            "token=The%20desk;serial=4a0f;object=root;id=%01%ff;type=private?module-path=/lib/p.so&pin-source=file:/run/pin"
                .parse()
                .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The desk"));
        assert_eq!(uri.serial.as_deref(), Some("4a0f"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 0xFF][..]));
        assert_eq!(uri.module_path, Some(PathBuf::from("/lib/p.so")));
        assert_eq!(uri.pin_source, Some(PathBuf::from("/run/pin")));
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for (text, error) in [
            ("token", TokenUriError::NoValue("token".into())),
            ("token=a;token=b", TokenUriError::Twice("token".into())),
            ("token=%ff", TokenUriError::NotText("token".into())),
            ("slot-id=x", TokenUriError::Slot("x".into())),
            ("type=public", TokenUriError::Type("public".into())),
            (
                "library-version=2",
                TokenUriError::Unknown("library-version".into()),
            ),
            (
                "?module-name=softhsm",
                TokenUriError::Unknown("module-name".into()),
            ),
            ("?token=a", TokenUriError::Unknown("token".into())),
            ("token=a?pin-value=12345", TokenUriError::PinValue),
            ("?pin-source=|cat", TokenUriError::PinSource),
        ] {
            assert_eq!(text.parse::<TokenUri>(), Err(error), "{text}");
        }
    }
}
