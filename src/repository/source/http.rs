//! A repository on any static web server.
//!
//! Takes paths, gives bytes. Whatever the server does, it ends: every wait has a limit, a body is read up to its limit and
//! within a time that grows with it, and what breaks off is taken up again where it broke. Nobody is asked for a password.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::part::Part;
use super::site::{Caching, Entry, Heard, Site};
use super::{NotTaken, Sink, Source, SourceError};
use crate::intake::{self, IntakeError};

/// How long is waited, for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, for the head of an answer, and for the next piece of a body.
    pub step: Duration,
    /// For a whole file, besides what its length takes.
    pub file: Duration,
    /// The slowest body that is waited for, in bytes a second.
    pub slowest: u64,
    /// How often a file is asked for again without a single new byte.
    pub retries: u32,
    /// Before the first of these; the next waits are twice as long each.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(15),
            file: Duration::from_mins(1),
            slowest: 16 << 10,
            retries: 3,
            pause: Duration::from_millis(250),
        }
    }
}

/// A web server that holds `metadata/` and `targets/`, or one for each.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    metadata: String,
    targets: String,
    patience: Patience,
    heard: Heard,
}

impl Http {
    /// The repository below `base`.
    pub fn new(base: &str, patience: Patience) -> Result<Self, HttpError> {
        let base = folder(base)?;
        Self::apart(
            &format!("{base}metadata/"),
            &format!("{base}targets/"),
            patience,
        )
    }

    /// A repository whose metadata and targets are in two places.
    pub fn apart(metadata: &str, targets: &str, patience: Patience) -> Result<Self, HttpError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects_will_error(true)
            .max_redirects(5)
            .user_agent(concat!("cuff/", env!("CARGO_PKG_VERSION")))
            // Digests are of the bytes as they were published.
            .accept_encoding("identity")
            .timeout_connect(Some(patience.step))
            .timeout_recv_response(Some(patience.step))
            .timeout_per_read(Some(patience.step))
            .tls_config(TlsConfig::builder().root_certs(authorities()?).build())
            .build();
        Ok(Self {
            agent: config.new_agent(),
            metadata: folder(metadata)?,
            targets: folder(targets)?,
            patience,
            heard: Heard::default(),
        })
    }

    /// The address of a file. Names of metadata come escaped, because a role may be called anything; those of targets do not.
    fn address(&self, path: &str) -> Option<String> {
        if let Some(name) = path.strip_prefix("metadata/") {
            return Some(self.metadata.clone() + name);
        }
        let (mut address, path) = match path.strip_prefix("targets/") {
            Some(path) => (self.targets.clone(), path),
            // What lies beside them, where that is one place.
            None => (self.base()?.to_owned(), path),
        };
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                address.push(char::from(byte));
            } else {
                let _ = write!(address, "%{byte:02X}");
            }
        }
        Some(address)
    }

    /// What metadata and targets lie below, unless they are in two places.
    fn base(&self) -> Option<&str> {
        let base = self.metadata.strip_suffix("metadata/")?;
        (self.targets.strip_suffix("targets/") == Some(base)).then_some(base)
    }

    /// One request; adds to `partial` what comes.
    fn ask(&self, file: &File<'_>, partial: &mut Partial<'_>) -> Result<Answer, Trouble> {
        let left = file.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Final(Box::new(HttpError::Slow)));
        }
        let mut request = self.agent.get(&file.address);
        if let Some(tag) = partial.tag.as_ref().filter(|_| partial.length > 0) {
            request = request
                .header(header::RANGE, format!("bytes={}-", partial.length))
                .header(header::IF_RANGE, tag);
        }
        let config = request.config().timeout_global(Some(left));
        let response = config.build().call().map_err(trouble)?;
        let caches = response.headers().get(header::CACHE_CONTROL);
        let words = caches.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        file.heard.note(file.path, words);
        match response.status() {
            StatusCode::OK => partial
                .begin(validator(response.headers()))
                .map_err(not_taken)?,
            StatusCode::PARTIAL_CONTENT if partial.continues(response.headers()) => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Answer::Absent),
            // What object stores say of a file that is not there, to those who may not list.
            StatusCode::FORBIDDEN if file.may_be_absent => return Ok(Answer::Absent),
            _ => return Err(unfit(&response, partial)),
        }
        receive(file, partial, response)
    }
}

impl Source for Http {
    fn describe(&self) -> String {
        self.base().unwrap_or(&self.metadata).to_owned()
    }

    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let mut bytes = Vec::new();
        let there = self.pour(path, limit, &mut bytes)?;
        Ok(there.then_some(bytes))
    }

    fn pour(&self, path: &str, limit: u64, into: &mut dyn Sink) -> Result<bool, SourceError> {
        self.fetch(path, limit, Partial::new(into))
    }

    fn resume(
        &self,
        path: &str,
        limit: u64,
        part: &mut Part,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let recalled = part.recall(limit);
        let (tag, mut bytes) = recalled.map_or_else(Default::default, |(tag, bytes)| {
            part.go_on();
            (Some(tag), bytes)
        });
        let length = bytes.len() as u64;
        if tag.is_some() && length == limit {
            return Ok(Some(bytes));
        }
        let partial = Partial {
            length,
            tag,
            part: Some(part),
            into: &mut bytes,
        };
        let there = self.fetch(path, limit, partial)?;
        Ok(there.then_some(bytes))
    }

    fn is_far(&self) -> bool {
        true
    }
}

impl Http {
    /// Asks until the file is whole, from what has come of it before.
    fn fetch(&self, path: &str, limit: u64, mut partial: Partial<'_>) -> Result<bool, SourceError> {
        let address = self.address(path).ok_or_else(|| SourceError::Path {
            path: path.to_owned(),
        })?;
        let of_length = Duration::from_secs(limit / self.patience.slowest.max(1));
        let file = File {
            address,
            limit,
            until: Instant::now() + self.patience.file + of_length,
            may_be_absent: path.ends_with(".root.json"),
            path,
            heard: &self.heard,
        };
        let mut tries = 0;
        loop {
            let had = partial.length;
            let (trouble, wish) = match self.ask(&file, &mut partial) {
                Ok(Answer::Whole) => return Ok(true),
                Ok(Answer::Absent) => return Ok(false),
                Ok(Answer::TooLong) => {
                    return Err(SourceError::TooLong {
                        path: path.to_owned(),
                        place: self.describe(),
                        limit,
                    });
                }
                Err(Trouble::Passing(trouble, wish)) => (trouble, wish),
                Err(Trouble::Final(trouble)) => (trouble, Some(Duration::MAX)),
            };
            if partial.length > had {
                tries = 0;
            }
            let pause = self.patience.pause.saturating_mul(1 << tries.min(16));
            let pause = wish.map_or(pause, |wish| wish.max(pause));
            let left = file.until.saturating_duration_since(Instant::now());
            if tries == self.patience.retries || pause >= left {
                return Err(SourceError::Read {
                    path: path.to_owned(),
                    place: self.describe(),
                    source: trouble,
                });
            }
            thread::sleep(pause);
            tries += 1;
        }
    }
}

impl Site for Http {
    fn list(&self) -> Result<Option<Vec<Entry>>, SourceError> {
        Ok(None)
    }

    fn start(&self, _: &str) -> Vec<u8> {
        Vec::new()
    }

    fn caching(&self, path: &str) -> Caching {
        self.heard.of(path)
    }
}

/// Why a web server cannot be a source, or is none.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not a plain http(s) address.
    #[error("\"{}\" is not the address of a folder: expected http://HOST/PATH or https://HOST/PATH, with no query, no fragment, no user and no password", .0.escape_debug())]
    Address(String),
    /// What `SSL_CERT_FILE` names.
    #[error("the certificate authorities in SSL_CERT_FILE cannot be used")]
    Authorities(#[source] IntakeError),
    /// What is in the file that `SSL_CERT_FILE` names.
    #[error("`{0}`, which SSL_CERT_FILE names, holds no certificate in PEM")]
    NoAuthority(String),
    /// An answer that is neither the file nor its absence.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// Fewer bytes than announced.
    #[error("the server closed the connection in the middle of the file")]
    CutShort,
    /// Too few bytes a second, over and over.
    #[error("the server is too slow: the file did not come within its time")]
    Slow,
}

/// A file that is asked for.
struct File<'a> {
    address: String,
    limit: u64,
    until: Instant,
    may_be_absent: bool,
    path: &'a str,
    heard: &'a Heard,
}

/// What has come of a file.
struct Partial<'p> {
    /// How many bytes.
    length: u64,
    /// What the server calls this version of it; without that nothing can be taken up again.
    tag: Option<String>,
    /// Where it is kept for the next run.
    part: Option<&'p mut Part>,
    /// Where the bytes are.
    into: &'p mut dyn Sink,
}

impl<'p> Partial<'p> {
    fn new(into: &'p mut dyn Sink) -> Self {
        Self {
            length: 0,
            tag: None,
            part: None,
            into,
        }
    }

    /// Forgets what came: another version comes, or nothing that could be taken up again.
    fn begin(&mut self, tag: Option<String>) -> io::Result<()> {
        self.length = 0;
        if let Some(part) = &mut self.part {
            match &tag {
                Some(tag) => part.begin(tag),
                None => part.remove(),
            }
        }
        self.tag = tag;
        self.into.clear()
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.length += piece.len() as u64;
        if let Some(part) = &mut self.part {
            part.add(piece);
        }
        self.into.add(piece)
    }

    /// Whether an answer goes on exactly where this ends.
    fn continues(&self, headers: &HeaderMap) -> bool {
        let from = format!("bytes {}-", self.length);
        let range = headers.get(header::CONTENT_RANGE);
        self.length > 0
            && self.tag.is_some()
            && range.is_some_and(|range| range.as_bytes().starts_with(from.as_bytes()))
    }
}

enum Answer {
    Whole,
    Absent,
    TooLong,
}

enum Trouble {
    /// May be over the next time; the server may have said how long that takes.
    Passing(Box<dyn Error + Send + Sync>, Option<Duration>),
    /// Will be the same.
    Final(Box<dyn Error + Send + Sync>),
}

/// Reads the body to its end, or to the limit.
fn receive(
    file: &File<'_>,
    partial: &mut Partial<'_>,
    mut response: Response<ureq::Body>,
) -> Result<Answer, Trouble> {
    let rest = response.body().content_length();
    let announced = rest.map(|rest| rest.saturating_add(partial.length));
    if announced.is_some_and(|length| length > file.limit) {
        return Ok(Answer::TooLong);
    }
    let mut body = response.body_mut().as_reader();
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = body
            .read(&mut piece)
            .map_err(|error| Trouble::Passing(Box::new(error), None))?;
        if read == 0 {
            break;
        }
        partial
            .add(piece.get(..read).unwrap_or_default())
            .map_err(not_taken)?;
        if partial.length > file.limit {
            return Ok(Answer::TooLong);
        }
    }
    if announced.is_some_and(|length| length != partial.length) {
        return Err(Trouble::Passing(Box::new(HttpError::CutShort), None));
    }
    Ok(Answer::Whole)
}

fn not_taken(error: io::Error) -> Trouble {
    Trouble::Final(Box::new(NotTaken(error)))
}

fn trouble(error: ureq::Error) -> Trouble {
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::BodyStalled
        | ureq::Error::HostNotFound => Trouble::Passing(Box::new(error), None),
        _ => Trouble::Final(Box::new(error)),
    }
}

/// An answer that is neither the file nor its absence.
fn unfit(response: &Response<ureq::Body>, partial: &mut Partial<'_>) -> Trouble {
    let status = response.status();
    let error = Box::new(HttpError::Status(status));
    let wish = response.headers().get(header::RETRY_AFTER);
    let wish = wish.and_then(|wish| wish.to_str().ok()?.parse().ok());
    match status {
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
            match partial.begin(None) {
                Ok(()) => Trouble::Passing(error, None),
                Err(error) => not_taken(error),
            }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Trouble::Passing(error, wish.map(Duration::from_secs))
        }
        status if status.is_server_error() => {
            Trouble::Passing(error, wish.map(Duration::from_secs))
        }
        _ => Trouble::Final(error),
    }
}

/// What names exactly these bytes (RFC 9110, 13.1.5): a strong tag, or else the date of the last change.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    text(header::ETAG)
        .filter(|tag| !tag.starts_with("W/"))
        .or_else(|| text(header::LAST_MODIFIED))
}

/// An address that ends in a slash and has nothing but a host and a path.
fn folder(address: &str) -> Result<String, HttpError> {
    let refuse = || HttpError::Address(address.to_owned());
    let parsed: Uri = address.parse().map_err(|_| refuse())?;
    let plain = matches!(parsed.scheme_str(), Some("http" | "https"))
        && parsed.host().is_some_and(|host| !host.is_empty())
        && parsed
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'))
        && parsed.query().is_none()
        && !address.contains('#');
    if !plain {
        return Err(refuse());
    }
    Ok(if address.ends_with('/') {
        address.to_owned()
    } else {
        format!("{address}/")
    })
}

/// Who vouches for servers: those that browsers trust, or those in the file that `SSL_CERT_FILE` names.
fn authorities() -> Result<RootCerts, HttpError> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let path = Path::new(&path);
    let file = intake::read(path, MAX_AUTHORITIES).map_err(HttpError::Authorities)?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&file)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(HttpError::NoAuthority(path.display().to_string()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Largest file of certificate authorities, in bytes.
const MAX_AUTHORITIES: u64 = 4 << 20;
