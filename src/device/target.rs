//! The one way to name a device: `sim:PATH | probe:[VID:PID[:SERIAL]] | serial:PATH[@BAUD] | tcp:HOST:PORT`.
//!
//! Takes text from the command line or `CUFF_DEVICE`, gives a target; it opens nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Which device, and over what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A simulated wearable, kept in a folder.
    Sim(PathBuf),
    /// A debug probe.
    Probe(Option<ProbeId>),
    /// A serial line.
    Serial {
        /// The port.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
    },
    /// A serial line behind a network socket.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// One of several probes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbeId {
    /// USB vendor.
    pub vendor: u16,
    /// USB product.
    pub product: u16,
    /// Serial, where two probes of one kind are plugged in.
    pub serial: Option<String>,
}

/// Bits a second where none are given.
pub const BAUD: u32 = 115_200;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = |expected| TargetError {
            text: text.to_owned(),
            expected,
        };
        let (kind, rest) = text.split_once(':').ok_or_else(|| wrong(GRAMMAR))?;
        match kind {
            "sim" if !rest.is_empty() => Ok(Self::Sim(rest.into())),
            "sim" => Err(wrong("sim:PATH, the folder of a simulated wearable")),
            "probe" if rest.is_empty() => Ok(Self::Probe(None)),
            "probe" => probe(rest)
                .map(|id| Self::Probe(Some(id)))
                .ok_or_else(|| wrong("probe: or probe:VID:PID[:SERIAL], VID and PID in hex")),
            "serial" => {
                serial(rest).ok_or_else(|| wrong("serial:PATH[@BAUD], BAUD a number above 0"))
            }
            "tcp" => tcp(rest).ok_or_else(|| wrong("tcp:HOST:PORT, PORT between 1 and 65535")),
            _ => Err(wrong(GRAMMAR)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim(path) => write!(f, "sim:{}", path.display()),
            Self::Probe(None) => f.write_str("probe:"),
            Self::Probe(Some(id)) => {
                write!(f, "probe:{:04x}:{:04x}", id.vendor, id.product)?;
                id.serial
                    .as_ref()
                    .map_or(Ok(()), |serial| write!(f, ":{serial}"))
            }
            Self::Serial { path, baud } => write!(f, "serial:{}@{baud}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// Text that names no device.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` names no device: expected {expected}")]
pub struct TargetError {
    text: String,
    expected: &'static str,
}

fn probe(rest: &str) -> Option<ProbeId> {
    let mut parts = rest.splitn(3, ':');
    let mut id = || {
        let text = parts.next()?;
        let plain = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u16::from_str_radix(text, 16).ok())?
    };
    let (vendor, product) = (id()?, id()?);
    // All that follows: a serial may hold colons itself.
    let serial = match parts.next() {
        Some("") => return None,
        other => other.map(str::to_owned),
    };
    Some(ProbeId {
        vendor,
        product,
        serial,
    })
}

fn serial(rest: &str) -> Option<Target> {
    let (path, baud) = match rest.rsplit_once('@') {
        Some((path, baud)) => (path, number(baud)?),
        None => (rest, BAUD),
    };
    (!path.is_empty() && baud > 0).then(|| Target::Serial {
        path: path.into(),
        baud,
    })
}

fn tcp(rest: &str) -> Option<Target> {
    let (host, port) = rest.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let port: u16 = number(port)?;
    (!host.is_empty() && port > 0 && (bracketed || !host.contains(':'))).then(|| Target::Tcp {
        host: host.to_owned(),
        port,
    })
}

fn number<N: FromStr>(digits: &str) -> Option<N> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

const GRAMMAR: &str = "sim:PATH, probe:[VID:PID[:SERIAL]], serial:PATH[@BAUD] or tcp:HOST:PORT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for text in [
            "sim:unit",
            "sim:/a b:c@d",
            "probe:",
            "probe:1366:1015",
            "probe:20b7:9db1:tcp:localhost:4444",
            "serial:/dev/ttyUSB0@9600",
            "tcp:band.local:1337",
            "tcp:[::1]:1337",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!(
            "serial:COM3".parse::<Target>().unwrap().to_string(),
            "serial:COM3@115200"
        );
    }

    #[test]
    fn anything_else_is_refused_with_what_was_expected() {
        for text in [
            "",
            "sim",
            "sim:",
            "unit",
            "usb:1",
            "probe:1366",
            "probe:1366:",
            "probe:13666:1",
            "probe:1366:1015:",
            "probe:+1:2",
            "serial:",
            "serial:@9600",
            "serial:/dev/x@",
            "serial:/dev/x@fast",
            "serial:/dev/x@0",
            "tcp:",
            "tcp:host",
            "tcp::80",
            "tcp:host:0",
            "tcp:host:65536",
            "tcp:::1:80",
            "SIM:unit",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.to_string().contains("expected "), "{error}");
        }
    }
}
