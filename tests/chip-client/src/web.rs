//! A repository on a web server.

use std::fmt::Write;
use std::time::Duration;

use ureq::Agent;
use ureq::http::StatusCode;

use crate::chip::Answer;
use crate::folder;

/// Somebody who fetches.
#[derive(Debug)]
pub struct Web(Agent);

impl Default for Web {
    fn default() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)))
            .build();
        Self(config.new_agent())
    }
}

impl Web {
    /// The file `name` below `base`, of at most so many bytes.
    pub fn fetch(&self, base: &str, name: &str, most: u64) -> Answer {
        let slash = if base.ends_with('/') { "" } else { "/" };
        let address = format!("{base}{slash}{}", escaped(name, b"-_.~/"));
        match self.0.get(&address).call() {
            Ok(mut response) => match response.status() {
                StatusCode::OK => folder::read(response.body_mut().as_reader(), most),
                StatusCode::NOT_FOUND => Answer::Absent,
                _ => Answer::Failed,
            },
            Err(error) => {
                eprintln!("{address}: {error}");
                Answer::Failed
            }
        }
    }
}

/// A name with all but letters, digits and `plain` percent-encoded.
pub fn escaped(name: &str, plain: &[u8]) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
