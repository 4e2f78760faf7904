//! What caches between the repository and its readers are told: the timestamp shortly, everything with a version or a digest in its
//! name for ever, and that a file is not there never for long.
//!
//! Takes what was heard while the files were read.

use super::Case;
use super::problem::Severity;
use crate::repository::source::site::Caching;

/// Looks at what was said of every file that was read.
pub fn examine(case: &mut Case<'_>) {
    timestamp(case);
    absence(case);
    let mut short = Vec::new();
    for file in case.referenced.iter().filter(|file| *file != TIMESTAMP) {
        let enough = match case.source.caching(file) {
            Caching::NotAsked => true,
            Caching::Silent => false,
            Caching::Told(words) => Kept::of(&words).for_ever(),
        };
        if !enough {
            short.push(file.clone());
        }
    }
    if let Some(first) = short.first() {
        let message = format!(
            "caches are not told that it never changes (`Cache-Control: max-age=31536000, immutable`), and ask for it again and again; \
             so for {} of {} files",
            short.len(),
            case.referenced.len()
        );
        case.tell(Severity::Warning, "cache-short", &first.clone(), message);
    }
}

/// The one file that is replaced: who keeps it too long keeps everybody on what was.
fn timestamp(case: &mut Case<'_>) {
    let expires = case.report.roles.get("timestamp");
    let left = expires.map(|(_, expires)| expires.0.saturating_sub(case.criteria.now.0));
    match (case.source.caching(TIMESTAMP), left) {
        (Caching::Silent, _) => {
            let message = "caches are told nothing, and each keeps it as long as it likes: expected `Cache-Control: max-age=60`";
            case.tell(Severity::Warning, "cache-unset", TIMESTAMP, message);
        }
        (Caching::Told(words), left) => {
            let kept = Kept::of(&words);
            if left.is_some_and(|left| left > 0 && kept.seconds > left) || kept.immutable {
                let message = format!(
                    "caches are told `{words}`, beyond the time it is valid: readers will be given one that has expired"
                );
                case.error("cached-past-expiry", TIMESTAMP, message);
            } else if kept.seconds > SHORT {
                let message = format!(
                    "caches are told `{words}`: readers hear of a release, or of a withdrawal, that much later"
                );
                case.tell(Severity::Warning, "cached-long", TIMESTAMP, message);
            }
        }
        (Caching::NotAsked, _) => {}
    }
}

/// The root that does not exist yet was asked for: an answer that is kept hides it when it does.
fn absence(case: &mut Case<'_>) {
    let Some((version, _)) = case.report.roles.get("root") else {
        return;
    };
    let next = format!("metadata/{}.root.json", version + 1);
    if let Caching::Told(words) = case.source.caching(&next) {
        let kept = Kept::of(&words);
        if kept.seconds > SHORT || kept.immutable {
            let message = format!(
                "it does not exist yet, and caches are told to remember that (`{words}`): readers will miss the next root"
            );
            case.tell(Severity::Warning, "absence-cached", &next, message);
        }
    }
}

/// How long a shared cache may keep an answer without asking (RFC 9111, 5.2.2; RFC 8246).
struct Kept {
    seconds: u64,
    immutable: bool,
}

impl Kept {
    fn of(words: &str) -> Self {
        let (mut own, mut shared, mut immutable) = (0, None, false);
        for word in words.split(',') {
            let word = word.trim().to_ascii_lowercase();
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            let seconds = || value.trim_matches('"').parse().unwrap_or(0);
            match name {
                "no-store" | "no-cache" | "private" => shared = Some(0),
                "immutable" => immutable = true,
                "max-age" => own = seconds(),
                "s-maxage" => shared = shared.or(Some(seconds())),
                _ => {}
            }
        }
        Self {
            seconds: shared.unwrap_or(own),
            immutable,
        }
    }

    fn for_ever(&self) -> bool {
        self.seconds >= LONG
    }
}

const TIMESTAMP: &str = "metadata/timestamp.json";
/// The longest that anybody should wait for news, in seconds.
const SHORT: u64 = 3_600;
/// A week: who keeps a file that long need not be told more.
const LONG: u64 = 604_800;

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn a_shared_cache_is_told_by_its_own_word_first() {
        for (words, seconds) in [
            ("public, max-age=60, must-revalidate", 60),
            ("max-age=60, s-maxage=31536000", 31_536_000),
            ("S-MaxAge=\"5\", max-age=60", 5),
            ("no-cache, max-age=60", 0),
            ("max-age=soon", 0),
            ("", 0),
        ] {
            assert_eq!(Kept::of(words).seconds, seconds, "{words}");
        }
        assert!(Kept::of("max-age=31536000, immutable").immutable);
    }
}
