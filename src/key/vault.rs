//! Keys in `HashiCorp` Vault's transit engine: the private key stays there, signatures come over HTTPS.
//!
//! It takes a [`VaultUri`] and Vault's own environment variables and gives a [`VaultSigner`], bound to one version of the key.
//! Vault's token is a secret: it goes into one header and nowhere else, and over plain HTTP to this machine alone.

pub mod uri;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::secret::{EmptyPassphrase, Passphrase};
use super::{PublicKey, PublicKeyError, SignError, Signer};
use uri::VaultUri;

/// Where Vault is and who we are there.
pub struct Vault {
    address: String,
    token: Passphrase,
    namespace: Option<String>,
    agent: ureq::Agent,
}

impl Vault {
    /// As the environment says: `VAULT_ADDR`, `VAULT_TOKEN`, and if set `VAULT_NAMESPACE` and `VAULT_CACERT`.
    pub fn from_environment() -> Result<Self, VaultError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let address = variable("VAULT_ADDR").ok_or(VaultError::NotSet("VAULT_ADDR"))?;
        let address = address.trim_end_matches('/').to_owned();
        if !is_private(&address) {
            return Err(VaultError::Plain(address));
        }
        let token = variable("VAULT_TOKEN").ok_or(VaultError::NotSet("VAULT_TOKEN"))?;
        let mut tls = TlsConfig::builder();
        if let Some(path) = variable("VAULT_CACERT") {
            tls = tls.root_certs(authorities(PathBuf::from(path))?);
        }
        let config = ureq::Agent::config_builder()
            .tls_config(tls.build())
            .timeout_global(Some(PATIENCE))
            // The token must not follow a redirect to somebody else.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("cuff")
            .build();
        Ok(Self {
            address,
            token: Passphrase::from_file(&token)?,
            namespace: variable("VAULT_NAMESPACE"),
            agent: config.new_agent(),
        })
    }

    fn get(&self, path: &str) -> Result<Value, VaultError> {
        let mut request = self
            .agent
            .get(format!("{}/v1/{path}", self.address))
            .header("X-Vault-Token", self.token.text());
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        self.read(request.call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, VaultError> {
        let mut request = self
            .agent
            .post(format!("{}/v1/{path}", self.address))
            .header("X-Vault-Token", self.token.text())
            .header("Content-Type", "application/json");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        self.read(request.send(body.to_string()))
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, VaultError> {
        let gone = |source| VaultError::Gone {
            address: self.address.clone(),
            source,
        };
        let mut answer = answer.map_err(gone)?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(gone)?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status != 200 {
            let said: Vec<&str> = value["errors"]
                .as_array()
                .map(|errors| errors.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            return Err(VaultError::Refused {
                address: self.address.clone(),
                status,
                said: if said.is_empty() {
                    "it gives no reason".to_owned()
                } else {
                    said.join("; ")
                },
            });
        }
        Ok(value["data"].clone())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault at {}", self.address)
    }
}

/// Signs with one version of a key in Vault.
#[derive(Debug)]
pub struct VaultSigner {
    vault: Vault,
    uri: VaultUri,
    version: u64,
    public: PublicKey,
}

impl VaultSigner {
    /// Asks Vault for the public key.
    pub fn open(uri: &VaultUri) -> Result<Self, VaultError> {
        let vault = Vault::from_environment()?;
        let data = vault.get(&format!("{}/keys/{}", uri.mount, uri.key))?;
        let strange = |what: String| VaultError::Strange {
            address: vault.address.clone(),
            what,
        };
        let about: About =
            serde_json::from_value(data).map_err(|error| strange(error.to_string()))?;
        if about.kind != "ed25519" {
            return Err(VaultError::NotEd25519 {
                key: uri.key.clone(),
                found: about.kind,
            });
        }
        if about.derived {
            return Err(VaultError::Derived {
                key: uri.key.clone(),
            });
        }
        let version = uri.version.unwrap_or(about.latest_version);
        let text = about.keys[version.to_string()]["public_key"]
            .as_str()
            .ok_or_else(|| VaultError::NoVersion {
                key: uri.key.clone(),
                version,
                latest: about.latest_version,
            })?;
        let mut bytes = [0; 32];
        match Base64::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => {}
            _ => {
                return Err(strange(
                    "a public key that is not 32 bytes in base64".to_owned(),
                ));
            }
        }
        Ok(Self {
            public: PublicKey(bytes).strong()?,
            uri: uri.clone(),
            version,
            vault,
        })
    }

    fn ask(&self, message: &[u8]) -> Result<[u8; 64], VaultError> {
        let data = self.vault.post(
            &format!("{}/sign/{}", self.uri.mount, self.uri.key),
            &json!({ "input": Base64::encode_string(message), "key_version": self.version }),
        )?;
        let prefix = format!("vault:v{}:", self.version);
        let mut signature = [0; 64];
        data["signature"]
            .as_str()
            .and_then(|text| text.strip_prefix(&prefix))
            .and_then(|text| Base64::decode(text, &mut signature).ok())
            .filter(|decoded| decoded.len() == 64)
            .ok_or_else(|| VaultError::Strange {
                address: self.vault.address.clone(),
                what: format!("no signature `{prefix}` and 64 bytes in base64"),
            })?;
        Ok(signature)
    }
}

impl Signer for VaultSigner {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn describe(&self) -> String {
        format!(
            "Vault key `{}` version {} at {}",
            self.uri.key, self.version, self.vault.address
        )
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.ask(message).map_err(|error| SignError {
            signer: self.describe(),
            source: Some(error.into()),
        })
    }
}

/// What Vault says of a key.
#[derive(Deserialize)]
struct About {
    #[serde(rename = "type")]
    kind: String,
    latest_version: u64,
    #[serde(default)]
    derived: bool,
    keys: Value,
}

/// Whether a secret may be sent there: over TLS, or without leaving this machine.
fn is_private(address: &str) -> bool {
    if address.starts_with("https://") {
        return true;
    }
    let Some(rest) = address.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            host
        } else {
            // What looks like a port and is none (`user@host`, `[::1]`) is no name of this machine that we know.
            rest
        }
    });
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn authorities(path: PathBuf) -> Result<RootCerts, VaultError> {
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(VaultError::Authorities { path, source }),
    };
    let found: Vec<Certificate<'static>> = ureq::tls::parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(VaultError::NoAuthorities(path));
    }
    Ok(RootCerts::new_with_certs(&found))
}

/// Why Vault gave no signature.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The environment is not complete.
    #[error("{0} is not set")]
    NotSet(&'static str),
    /// The token is nothing.
    #[error("VAULT_TOKEN begins with an empty line")]
    Token(#[from] EmptyPassphrase),
    /// Anyone could read the token.
    #[error("VAULT_ADDR must begin with https:// (http:// is for this machine alone), found `{}`", .0.escape_debug())]
    Plain(String),
    /// The file of authorities.
    #[error("cannot read VAULT_CACERT `{}`", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in it.
    #[error("VAULT_CACERT `{}` holds no certificate in PEM", .0.display())]
    NoAuthorities(PathBuf),
    /// No answer.
    #[error("Vault at {address} does not answer")]
    Gone {
        /// The server.
        address: String,
        /// What happened.
        source: ureq::Error,
    },
    /// It said no.
    #[error("Vault at {address} refused (HTTP {status}): {said}")]
    Refused {
        /// The server.
        address: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        said: String,
    },
    /// Not what its interface says.
    #[error("Vault at {address} answered something else than expected: {what}")]
    Strange {
        /// The server.
        address: String,
        /// What was wrong.
        what: String,
    },
    /// A key that devices cannot verify.
    #[error("the Vault key `{key}` is of type {found}, and devices verify Ed25519 alone")]
    NotEd25519 {
        /// The key.
        key: String,
        /// Its type.
        found: String,
    },
    /// A key per context has no one public key.
    #[error("the Vault key `{key}` is derived: it has no public key of its own")]
    Derived {
        /// The key.
        key: String,
    },
    /// No such version.
    #[error("the Vault key `{key}` has no version {version}; the latest is {latest}")]
    NoVersion {
        /// The key.
        key: String,
        /// What was asked for.
        version: u64,
        /// What there is.
        latest: u64,
    },
    /// A weak key.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
}

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_ANSWER: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_in_the_clear_to_this_machine_alone() {
        for address in [
            "https://vault.example:8200",
            "http://127.0.0.1:8200",
            "http://localhost",
            "http://[::1]:8200/v",
        ] {
            assert!(is_private(address), "{address}");
        }
        for address in [
            "http://vault.example:8200",
            "http://localhost.example",
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1:1@evil.example",
            "localhost:8200",
            "ftp://localhost",
        ] {
            assert!(!is_private(address), "{address}");
        }
    }
}
