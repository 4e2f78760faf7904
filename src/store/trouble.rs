//! What the answer of a remote store means.
//!
//! Takes an error of `object_store`, with all it wraps; gives one of a few kinds of trouble, and the store's own words with
//! everything cut off that could be a secret.

use std::error::Error;
use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The bucket is not there.
    NoBucket,
    /// The credentials are not accepted.
    Credentials,
    /// The credentials are good, and may not do this.
    Denied,
    /// The bucket lives elsewhere.
    Region,
    /// This machine's clock is wrong.
    Clock,
    /// No room.
    Full,
    /// Nobody answers.
    Unreachable,
    /// Anything else.
    Failed,
}

impl Trouble {
    /// What an error is about.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let text = chain(error);
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["RequestTimeTooSkewed", "Request date header too old"]) {
            Self::Clock
        } else if says(&[
            "NoSuchBucket",
            "ContainerNotFound",
            "The specified bucket does not exist",
        ]) {
            Self::NoBucket
        } else if says(&[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraint",
            "incorrectly configured region",
        ]) {
            Self::Region
        } else if says(&[
            "QuotaExceeded",
            "StorageFull",
            "507 Insufficient",
            "InsufficientStorage",
        ]) {
            Self::Full
        } else if says(&[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "TokenRefreshRequired",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "401 Unauthorized",
        ]) {
            Self::Credentials
        } else if says(&["AccessDenied", "403 Forbidden", "AuthorizationFailure"]) {
            Self::Denied
        } else if says(&[
            "error sending request",
            "operation timed out",
            "connection closed",
            "dns error",
            "error decoding response body",
            "error reading a body",
        ]) {
            Self::Unreachable
        } else {
            Self::Failed
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBucket => "the bucket does not exist",
            Self::Credentials => "the credentials are not accepted",
            Self::Denied => "these credentials may not do that",
            Self::Region => "the bucket is in another region",
            Self::Clock => "the store finds that this machine's clock is wrong",
            Self::Full => "the store is full",
            Self::Unreachable => "the store does not answer",
            Self::Failed => "the store failed",
        })
    }
}

/// Whether an answer ended in the middle of it.
pub fn broke_off(error: &(dyn Error + 'static)) -> bool {
    chain(error).contains("error reading a body")
}

/// The store's own words in one line: its code and message where it gives them, and no part of a URL that could sign.
pub fn said(error: &(dyn Error + 'static)) -> String {
    let text = chain(error);
    if let Some(code) = element(&text, "Code") {
        let message = element(&text, "Message").unwrap_or_default();
        let message = message.lines().next().unwrap_or_default();
        return format!("it said {code}: {message}");
    }
    let words = text.split_whitespace().map(|word| {
        // A query string may be a signature.
        match word.split_once('?') {
            Some((before, _)) if before.contains("://") => format!("{before}?..."),
            _ => word.to_owned(),
        }
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MOST) {
        line.truncate(end);
    }
    format!("it said: {line}")
}

/// Every error in the chain; what repeats the one before it is left out.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    text
}

fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once(&format!("</{name}>"))?;
    Some(inside.trim())
}

/// Characters that are shown of an answer without a form.
const MOST: usize = 300;

#[cfg(test)]
mod tests {
    use super::{Trouble, said};
    use std::io::Error;

    #[test]
    fn answers_are_told_apart() {
        for (answer, expected) in [
            ("<Code>NoSuchBucket</Code>", Trouble::NoBucket),
            ("<Code>InvalidAccessKeyId</Code>", Trouble::Credentials),
            ("403 Forbidden: <Code>AccessDenied</Code>", Trouble::Denied),
            ("<Code>PermanentRedirect</Code>", Trouble::Region),
            ("403: <Code>RequestTimeTooSkewed</Code>", Trouble::Clock),
            ("<Code>QuotaExceeded</Code>", Trouble::Full),
            ("error sending request for url", Trouble::Unreachable),
            ("500 Internal Server Error", Trouble::Failed),
        ] {
            assert_eq!(Trouble::of(&Error::other(answer)), expected, "{answer}");
        }
    }

    #[test]
    fn a_signature_in_a_url_is_not_repeated() {
        let error = Error::other("cannot GET https://a.blob/x?sv=1&sig=hunter2 now");
        assert_eq!(said(&error), "it said: cannot GET https://a.blob/x?... now");
        let error = Error::other("403: <Code>AccessDenied</Code><Message>No.\nhunter2</Message>");
        assert_eq!(said(&error), "it said AccessDenied: No.");
    }
}
