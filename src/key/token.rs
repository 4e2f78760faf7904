//! Keys on PKCS#11 tokens: found by URI, used where they are.
//!
//! It takes a [`TokenUri`] and a PIN and gives a [`TokenSigner`]. The vendor's library is loaded here and nowhere else, only
//! when a token was named. Private keys never leave the token; what it signs is verified by whoever asked.

pub mod key;
pub mod uri;

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as CallError, RvError};
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::PublicKey;
use super::secret::Passphrase;
use key::{Key, PointError, TokenSigner, decode, point};
use uri::TokenUri;

/// The environment variable that names the library, where the URI does not.
pub const MODULE_VARIABLE: &str = "CUFF_PKCS11_MODULE";

/// A token that is there, not yet unlocked.
#[derive(Debug)]
pub struct Token {
    uri: TokenUri,
    library: Pkcs11,
    slot: Slot,
    info: TokenInfo,
    session: Session,
}

/// How many wrong PINs the token still takes, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempts {
    /// It says nothing.
    Unsaid,
    /// A wrong PIN was given since the last right one.
    Fewer,
    /// The next wrong PIN locks it.
    Last,
    /// None.
    Locked,
}

impl Token {
    /// Loads the library and finds the one token that the URI names.
    pub fn find(uri: &TokenUri) -> Result<Self, TokenError> {
        let path = uri
            .module_path
            .clone()
            .or_else(|| std::env::var_os(MODULE_VARIABLE).map(PathBuf::from))
            .ok_or(TokenError::NoLibrary)?;
        let library = Pkcs11::new(&path).map_err(|source| TokenError::Library {
            path: path.clone(),
            source,
        })?;
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Once a process is enough, and a command may look at the token before it opens it.
            Ok(()) | Err(CallError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(source) => return Err(TokenError::Library { path, source }),
        }
        let mut present = Vec::new();
        for slot in library
            .get_slots_with_token()
            .map_err(called("list the slots"))?
        {
            let info = library
                .get_token_info(slot)
                .map_err(called("ask a token who it is"))?;
            if info.token_initialized() {
                present.push((slot, info));
            }
        }
        let names =
            |tokens: &[(Slot, TokenInfo)]| tokens.iter().map(|(_, info)| name(info)).collect();
        let (mut found, others): (Vec<_>, Vec<_>) = present
            .into_iter()
            .partition(|(slot, info)| fits(uri, *slot, info));
        if found.len() > 1 {
            return Err(TokenError::SeveralTokens {
                uri: uri.to_string(),
                found: names(&found),
            });
        }
        let Some((slot, info)) = found.pop() else {
            return Err(TokenError::NoToken {
                uri: uri.to_string(),
                present: names(&others),
            });
        };
        let session = library
            .open_ro_session(slot)
            .map_err(called("open a session"))?;
        Ok(Self {
            uri: uri.clone(),
            library,
            slot,
            info,
            session,
        })
    }

    /// The token as people know it: label and serial.
    pub fn name(&self) -> String {
        name(&self.info)
    }

    /// Whether it asks for its PIN itself, on a keypad of its own.
    pub fn has_keypad(&self) -> bool {
        self.info.protected_authentication_path()
    }

    /// Whether it wants a PIN at all.
    pub fn needs_pin(&self) -> bool {
        self.info.login_required() && !self.has_keypad()
    }

    /// How many wrong PINs are left.
    pub fn attempts(&self) -> Attempts {
        attempts(&self.info)
    }

    /// Refuses a token that no PIN would open, before anybody types one.
    pub fn refuse_locked(&self) -> Result<(), TokenError> {
        let token = self.name();
        if self.attempts() == Attempts::Locked {
            return Err(TokenError::Locked { token });
        }
        if self.info.login_required() && !self.info.user_pin_initialized() {
            return Err(TokenError::NoUserPin { token });
        }
        Ok(())
    }

    /// The public key, where the token shows it before it is unlocked.
    pub fn public(&self) -> Option<PublicKey> {
        let mut template = self.template(ObjectClass::PUBLIC_KEY);
        template.push(Attribute::KeyType(KeyType::EC_EDWARDS));
        let found = self.session.find_objects(&template).ok()?;
        match found[..] {
            [one] => point(&self.session, one)
                .ok()
                .flatten()
                .and_then(|point| decode(&point).ok()),
            _ => None,
        }
    }

    /// Unlocks it and finds the one key that the URI names. `pin` is `None` where the token has a keypad or wants no PIN.
    pub fn open(self, pin: Option<&Passphrase>) -> Result<TokenSigner, TokenError> {
        self.refuse_locked()?;
        if self.info.login_required() {
            self.log_in(pin)?;
        }
        let key = self.key()?;
        let public = self.public_of(&key)?;
        Ok(TokenSigner::new(&self.name(), self.session, &key, public))
    }

    fn log_in(&self, pin: Option<&Passphrase>) -> Result<(), TokenError> {
        let pin = pin.map(|pin| AuthPin::new(pin.text().into()));
        let token = self.name();
        self.session
            .login(UserType::User, pin.as_ref())
            .or_else(|error| match error {
                CallError::Pkcs11(RvError::UserAlreadyLoggedIn, _) => Ok(()),
                other => Err(other),
            })
            .map_err(|error| match error {
                CallError::Pkcs11(RvError::PinIncorrect, _) => TokenError::WrongPin {
                    token,
                    left: self
                        .library
                        .get_token_info(self.slot)
                        .map_or(Attempts::Unsaid, |info| attempts(&info)),
                },
                CallError::Pkcs11(RvError::PinLenRange | RvError::PinInvalid, _) => {
                    TokenError::PinLength {
                        token,
                        least: self.info.min_pin_length(),
                        most: self.info.max_pin_length(),
                    }
                }
                CallError::Pkcs11(RvError::PinLocked, _) => TokenError::Locked { token },
                CallError::Pkcs11(RvError::PinExpired, _) => TokenError::PinExpired { token },
                CallError::Pkcs11(RvError::UserPinNotInitialized, _) => {
                    TokenError::NoUserPin { token }
                }
                source => TokenError::Call {
                    what: "check the PIN",
                    source,
                },
            })
    }

    /// What the URI says of the key.
    fn template(&self, class: ObjectClass) -> Vec<Attribute> {
        let mut template = vec![Attribute::Class(class)];
        if let Some(label) = &self.uri.object {
            template.push(Attribute::Label(label.as_bytes().to_vec()));
        }
        if let Some(id) = &self.uri.id {
            template.push(Attribute::Id(id.clone()));
        }
        template
    }

    fn key(&self) -> Result<Key, TokenError> {
        let find = |template: &[Attribute]| {
            let handles = self
                .session
                .find_objects(template)
                .map_err(called("look for keys"))?;
            handles
                .into_iter()
                .map(|handle| Key::describe(&self.session, handle))
                .collect::<Result<Vec<_>, _>>()
        };
        let (token, uri) = (self.name(), self.uri.to_string());
        let named = find(&self.template(ObjectClass::PRIVATE_KEY))?;
        let shown = |keys: &[Key]| keys.iter().map(|key| key.name.clone()).collect();
        if named.is_empty() {
            let present = find(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
            return Err(TokenError::NoKey {
                token,
                uri,
                present: shown(&present),
            });
        }
        let (mut edwards, others): (Vec<_>, Vec<_>) = named
            .into_iter()
            .partition(|key| key.kind == KeyType::EC_EDWARDS);
        if edwards.len() > 1 {
            return Err(TokenError::SeveralKeys {
                token,
                uri,
                found: shown(&edwards),
            });
        }
        edwards.pop().ok_or_else(|| TokenError::NotEd25519 {
            token,
            found: others
                .iter()
                .map(|key| format!("{} ({})", key.name, key.kind))
                .collect(),
        })
    }

    /// The public half: on the object of that class with the same id or label, or on the private key itself.
    fn public_of(&self, key: &Key) -> Result<PublicKey, TokenError> {
        let template = |attribute| vec![Attribute::Class(ObjectClass::PUBLIC_KEY), attribute];
        let by_id = (!key.id.is_empty()).then(|| template(Attribute::Id(key.id.clone())));
        let by_label =
            (!key.label.is_empty()).then(|| template(Attribute::Label(key.label.clone())));
        let mut candidates = Vec::new();
        for template in [by_id, by_label].into_iter().flatten() {
            let found = self.session.find_objects(&template);
            candidates.extend(found.map_err(called("look for the public key"))?);
        }
        candidates.push(key.handle);
        for handle in candidates {
            if let Some(bytes) = point(&self.session, handle).map_err(called("read EC_POINT"))? {
                return decode(&bytes).map_err(|source| TokenError::Point {
                    token: self.name(),
                    key: key.name.clone(),
                    source,
                });
            }
        }
        Err(TokenError::NoPublic {
            token: self.name(),
            key: key.name.clone(),
        })
    }
}

fn fits(uri: &TokenUri, slot: Slot, info: &TokenInfo) -> bool {
    let is = |wanted: &Option<String>, found: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted == found.trim_end())
    };
    is(&uri.token, info.label())
        && is(&uri.serial, info.serial_number())
        && is(&uri.manufacturer, info.manufacturer_id())
        && is(&uri.model, info.model())
        && uri.slot_id.is_none_or(|wanted| wanted == slot.id())
}

fn name(info: &TokenInfo) -> String {
    format!(
        "token `{}` (serial {})",
        info.label().trim_end(),
        info.serial_number().trim_end()
    )
}

fn attempts(info: &TokenInfo) -> Attempts {
    if info.user_pin_locked() {
        Attempts::Locked
    } else if info.user_pin_final_try() {
        Attempts::Last
    } else if info.user_pin_count_low() {
        Attempts::Fewer
    } else {
        Attempts::Unsaid
    }
}

fn called(what: &'static str) -> impl Fn(CallError) -> TokenError {
    move |source| TokenError::Call { what, source }
}

/// Why a token gave no signer.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nobody said which.
    #[error("which PKCS#11 library speaks to the token is not said")]
    NoLibrary,
    /// Not there, or no PKCS#11 library.
    #[error("cannot use the PKCS#11 library `{}`", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// What the loader or the library said.
        source: CallError,
    },
    /// The library refused a call.
    #[error("the PKCS#11 library could not {what}")]
    Call {
        /// What it was to do.
        what: &'static str,
        /// What it said.
        source: CallError,
    },
    /// No such token.
    #[error(
        "no token is like `{uri}`; {}",
        listed("there is", present, "there is none")
    )]
    NoToken {
        /// What was asked for.
        uri: String,
        /// The others.
        present: Vec<String>,
    },
    /// More than one.
    #[error("{} tokens are like `{uri}`: {}", found.len(), found.join(", "))]
    SeveralTokens {
        /// What was asked for.
        uri: String,
        /// All of them.
        found: Vec<String>,
    },
    /// Too many wrong PINs.
    #[error("{token} is locked: too many wrong PINs were given")]
    Locked {
        /// The token.
        token: String,
    },
    /// Nobody set one.
    #[error("{token} has no user PIN yet")]
    NoUserPin {
        /// The token.
        token: String,
    },
    /// Not this one.
    #[error("the PIN is wrong for {token}{}", left.words())]
    WrongPin {
        /// The token.
        token: String,
        /// What is left.
        left: Attempts,
    },
    /// Too short or too long to be one; most tokens do not count it.
    #[error("the PIN is none for {token}: expected {least} to {most} characters")]
    PinLength {
        /// The token.
        token: String,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// It wants a new one.
    #[error("the PIN of {token} has expired")]
    PinExpired {
        /// The token.
        token: String,
    },
    /// No such key.
    #[error(
        "no private key on {token} is like `{uri}`; {}",
        listed("there is", present, "there is none")
    )]
    NoKey {
        /// The token.
        token: String,
        /// What was asked for.
        uri: String,
        /// The others.
        present: Vec<String>,
    },
    /// More than one.
    #[error("{} Ed25519 keys on {token} are like `{uri}`: {}", found.len(), found.join(", "))]
    SeveralKeys {
        /// The token.
        token: String,
        /// What was asked for.
        uri: String,
        /// All of them.
        found: Vec<String>,
    },
    /// A key that devices cannot verify.
    #[error("{token} holds no Ed25519 key of that name, and devices verify nothing else; found {}", found.join(", "))]
    NotEd25519 {
        /// The token.
        token: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The public half is nowhere.
    #[error("{token} shows no public key for {key}")]
    NoPublic {
        /// The token.
        token: String,
        /// The private key.
        key: String,
    },
    /// The public half is no good.
    #[error("the public key that {token} shows for {key} is refused")]
    Point {
        /// The token.
        token: String,
        /// The private key.
        key: String,
        /// Why.
        source: PointError,
    },
}

impl Attempts {
    /// What to say to whoever is about to type.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Fewer => ": it takes fewer wrong PINs now than when it was new",
            Self::Last => ": ONE attempt is left, the next wrong PIN locks it",
            Self::Locked => ": it is locked now",
        }
    }
}

fn listed(before: &str, names: &[String], nothing: &str) -> String {
    if names.is_empty() {
        nothing.to_owned()
    } else {
        format!("{before} {}", names.join(", "))
    }
}
