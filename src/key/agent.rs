//! Keys held by an ssh-agent: the agent protocol (draft-ietf-sshm-ssh-agent), as much of it as signing takes.
//!
//! It takes the socket in `SSH_AUTH_SOCK` and gives an [`AgentSigner`]. An agent signs exactly the bytes it is given with plain
//! Ed25519. FIDO keys (`sk-`) sign something around them, which devices do not verify, so they are not offered.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ssh_key::{HashAlg, public::KeyData};

use super::{PublicKey, PublicKeyError, SignError, Signer};

/// The environment variable that names the socket.
pub const SOCKET_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Which of the agent's keys: the text after `ssh-agent:`. Empty: the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(String);

impl From<&str> for Wanted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ssh-agent:{}", self.0)
    }
}

/// Signs through an agent.
#[derive(Debug)]
pub struct AgentSigner {
    agent: RefCell<Connection>,
    key: Held,
    public: PublicKey,
}

impl AgentSigner {
    /// Asks the agent that `SSH_AUTH_SOCK` names.
    pub fn open(wanted: &Wanted) -> Result<Self, AgentError> {
        let path = std::env::var_os(SOCKET_VARIABLE).ok_or(AgentError::NoSocket)?;
        Self::open_at(Path::new(&path), wanted)
    }

    /// Connects and finds the one key that is wanted: by comment or by `SHA256:` fingerprint, or the only Ed25519 key.
    pub fn open_at(socket: &Path, wanted: &Wanted) -> Result<Self, AgentError> {
        let mut agent = Connection::open(socket)?;
        let held = agent.list()?;
        let shown =
            |keys: &[&Held]| -> Vec<String> { keys.iter().map(|key| key.shown()).collect() };
        let all: Vec<&Held> = held.iter().collect();
        if all.is_empty() {
            return Err(AgentError::Empty {
                socket: socket.to_owned(),
            });
        }
        let named: Vec<&Held> = all
            .iter()
            .copied()
            .filter(|key| key.is(&wanted.0))
            .collect();
        if named.is_empty() {
            return Err(AgentError::NoSuchKey {
                wanted: wanted.to_string(),
                found: shown(&all),
            });
        }
        let ours: Vec<&Held> = named
            .iter()
            .copied()
            .filter(|key| key.ed25519().is_some())
            .collect();
        match ours[..] {
            [] => Err(AgentError::NotEd25519 {
                found: shown(&named),
            }),
            [key] => Ok(Self {
                public: key.ed25519().unwrap_or(PublicKey([0; 32])).strong()?,
                key: key.clone(),
                agent: RefCell::new(agent),
            }),
            _ => Err(AgentError::SeveralKeys {
                wanted: wanted.to_string(),
                found: shown(&ours),
            }),
        }
    }
}

impl Signer for AgentSigner {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn describe(&self) -> String {
        format!("ssh-agent key {}", self.key.shown())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.agent
            .borrow_mut()
            .sign(&self.key.blob, message)
            .map_err(|error| SignError {
                signer: self.describe(),
                source: Some(error.into()),
            })
    }
}

/// A key the agent holds.
#[derive(Clone, Debug)]
struct Held {
    blob: Vec<u8>,
    comment: String,
}

impl Held {
    /// The kind of key, as SSH names it.
    fn kind(&self) -> String {
        let mut blob = &self.blob[..];
        let name = string(&mut blob).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    fn ed25519(&self) -> Option<PublicKey> {
        let mut blob = &self.blob[..];
        let (kind, key) = (string(&mut blob)?, string(&mut blob)?);
        (kind == ED25519 && blob.is_empty())
            .then(|| <[u8; 32]>::try_from(key).ok().map(PublicKey))?
    }

    fn fingerprint(&self) -> String {
        ssh_key::PublicKey::from_bytes(&self.blob).map_or_else(
            |_| "of an unknown kind".to_owned(),
            |key| KeyData::fingerprint(key.key_data(), HashAlg::Sha256).to_string(),
        )
    }

    fn is(&self, wanted: &str) -> bool {
        wanted.is_empty() || wanted == self.comment || wanted == self.fingerprint()
    }

    fn shown(&self) -> String {
        format!(
            "`{}` ({}, {})",
            self.comment,
            self.kind(),
            self.fingerprint()
        )
    }
}

/// A conversation with an agent.
#[derive(Debug)]
struct Connection {
    socket: PathBuf,
    stream: Stream,
}

#[cfg(unix)]
type Stream = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
type Stream = std::net::TcpStream;

impl Connection {
    fn open(socket: &Path) -> Result<Self, AgentError> {
        #[cfg(unix)]
        let stream = Stream::connect(socket);
        #[cfg(not(unix))]
        let stream = Err(io::Error::from(io::ErrorKind::Unsupported));
        let stream = stream.map_err(|source| AgentError::Gone {
            socket: socket.to_owned(),
            source,
        })?;
        Ok(Self {
            socket: socket.to_owned(),
            stream,
        })
    }

    fn list(&mut self) -> Result<Vec<Held>, AgentError> {
        let answer = self.ask(REQUEST_IDENTITIES, &[])?;
        let mut rest = answer
            .strip_prefix(&[IDENTITIES_ANSWER])
            .ok_or_else(|| self.strange("a list of keys", &answer))?;
        let mut keys = Vec::new();
        let held = number(&mut rest).and_then(|count| {
            for _ in 0..count {
                keys.push(Held {
                    blob: string(&mut rest)?.to_vec(),
                    comment: String::from_utf8_lossy(string(&mut rest)?).into_owned(),
                });
            }
            Some(())
        });
        held.map(|()| keys)
            .ok_or_else(|| self.strange("a list of keys", &answer))
    }

    fn sign(&mut self, blob: &[u8], message: &[u8]) -> Result<[u8; 64], AgentError> {
        if message.len() > MAX_MESSAGE {
            return Err(AgentError::TooLong {
                length: message.len(),
            });
        }
        let mut request = Vec::new();
        for part in [blob, message] {
            put_string(&mut request, part);
        }
        request.extend(NO_FLAGS.to_be_bytes());
        let answer = self.ask(SIGN_REQUEST, &request)?;
        if answer == [FAILURE] {
            return Err(AgentError::Refused {
                socket: self.socket.clone(),
            });
        }
        let signature = answer.strip_prefix(&[SIGN_RESPONSE]).and_then(|mut rest| {
            let mut signature = string(&mut rest)?;
            let kind = string(&mut signature)?;
            let bytes = string(&mut signature)?;
            (kind == ED25519).then(|| <[u8; 64]>::try_from(bytes).ok())?
        });
        signature.ok_or_else(|| self.strange("an Ed25519 signature", &answer))
    }

    /// One message there, one back.
    fn ask(&mut self, kind: u8, body: &[u8]) -> Result<Vec<u8>, AgentError> {
        let mut message = Vec::with_capacity(body.len() + 5);
        put_string(&mut message, &[&[kind], body].concat());
        let mut answer = || {
            self.stream.write_all(&message)?;
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length);
            if length > MAX_ANSWER {
                return Err(io::Error::other(format!(
                    "it announced an answer of {length} bytes"
                )));
            }
            let mut answer = vec![0; length as usize];
            self.stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        answer().map_err(|source| AgentError::Gone {
            socket: self.socket.clone(),
            source,
        })
    }

    fn strange(&self, expected: &'static str, answer: &[u8]) -> AgentError {
        AgentError::Strange {
            socket: self.socket.clone(),
            expected,
            kind: answer.first().copied(),
        }
    }
}

/// Why an agent gave no signature.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No agent is known here.
    #[error("no ssh-agent is known here: {SOCKET_VARIABLE} is not set")]
    NoSocket,
    /// The socket leads nowhere, or the agent hung up.
    #[error("the ssh-agent at `{}` is gone", socket.display())]
    Gone {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An agent without keys, or a locked one.
    #[error("the ssh-agent at `{}` holds no key, or is locked", socket.display())]
    Empty {
        /// The socket.
        socket: PathBuf,
    },
    /// Not the one.
    #[error("the ssh-agent holds no key `{wanted}`; it holds {}", found.join(", "))]
    NoSuchKey {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// RSA, ECDSA, FIDO.
    #[error("the ssh-agent holds no Ed25519 key that fits, and devices verify nothing else; it holds {}", found.join(", "))]
    NotEd25519 {
        /// What there is.
        found: Vec<String>,
    },
    /// More than one.
    #[error("the ssh-agent holds {} Ed25519 keys like `{wanted}`: {}", found.len(), found.join(", "))]
    SeveralKeys {
        /// What was asked for.
        wanted: String,
        /// All of them.
        found: Vec<String>,
    },
    /// A weak key.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// It said no: the person declined, or the key was locked or removed meanwhile.
    #[error("the ssh-agent at `{}` refused to sign", socket.display())]
    Refused {
        /// The socket.
        socket: PathBuf,
    },
    /// More than agents take.
    #[error(
        "an ssh-agent signs at most {MAX_MESSAGE} bytes at once, these are {length}: sign with a key file or a token"
    )]
    TooLong {
        /// What there is to sign.
        length: usize,
    },
    /// Not what the protocol says.
    #[error("the ssh-agent at `{}` answered something else than {expected} (message {kind:?})", socket.display())]
    Strange {
        /// The socket.
        socket: PathBuf,
        /// What was asked for.
        expected: &'static str,
        /// The kind of message that came.
        kind: Option<u8>,
    },
}

/// A length and as many bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (text, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    Some(text)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

/// Every message here is far below 4 GiB.
fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(bytes);
}

const ED25519: &[u8] = b"ssh-ed25519";
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const NO_FLAGS: u32 = 0;
/// `OpenSSH` hangs up on messages of more than 256 KiB; the key, lengths and flags take up to 128 bytes of it.
const MAX_MESSAGE: usize = 256 * 1024 - 128;
const MAX_ANSWER: u32 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_is_cut_short_is_none() {
        let whole = [0, 0, 0, 2, b'a', b'b'];
        assert_eq!(string(&mut &whole[..]), Some(&b"ab"[..]));
        for length in 0..whole.len() {
            assert_eq!(string(&mut &whole[..length]), None);
        }
        assert_eq!(string(&mut &[0xFF; 8][..]), None);
    }
}
