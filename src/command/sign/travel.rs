//! Signing requests on their way: written at the desk, signed on a machine of its own, merged at the desk again.
//!
//! Not a command. It takes the paths that `cuff sign` was given; who signs and what they are shown is `sign`'s business.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::desk::{
    Place, bench, bench_failed, desk_failed, need_pin, people, review_failed, staging_failed,
};
use crate::command::given;
use crate::command::init::join_failed;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::durable;
use crate::repository::bench::Bench;
use crate::repository::desk::Desk;
use crate::repository::join;
use crate::repository::people::People;
use crate::repository::request::{self, MAX_REQUEST, Request, RequestError};
use crate::repository::review::Review;
use crate::repository::status::Status;
use crate::role::name::RoleName;
use crate::role::wire::Hex;

/// Writes a request about everything that is staged.
pub fn write_out(
    console: &Console,
    place: &Place,
    out: &Path,
    dry_run: bool,
) -> anyhow::Result<Exit> {
    let desk = place.open()?;
    need_pin(&desk)?;
    let bench = bench(&desk, dry_run)?;
    bench.refuse_stale().map_err(bench_failed)?;
    if bench.staging().roles.is_empty() {
        return Err(advised(
            anyhow::anyhow!("nothing is staged, so there is nothing to sign"),
            Exit::No,
            "nothing-staged",
            "`cuff status` shows what is staged",
        ));
    }
    let review = Review::of(&bench, &people(&desk)?).map_err(review_failed)?;
    let request = Request::pack(&desk, review.digest.parse()?);
    let bytes = request
        .and_then(|request| request.encode())
        .map_err(|error| explained(error, out))?;
    let pin = desk.pin().map_err(desk_failed)?;
    if !dry_run {
        durable::create_new(out, &bytes).map_err(|error| match error {
            durable::WriteError::Exists(_) => advised(
                error,
                Exit::No,
                "taken",
                "a request may hold somebody's signature, so it is never overwritten: name another file, or remove it",
            ),
            durable::WriteError::Io { .. } => anyhow::Error::new(error),
        })?;
    }
    console.answer(&SentOut {
        file: out.display().to_string(),
        dry_run,
        review: review.digest,
        short: review.short,
        roles: bench
            .staging()
            .roles
            .keys()
            .map(ToString::to_string)
            .collect(),
        root_sha256: pin.map(|pin| pin.sha256.to_string()).unwrap_or_default(),
    })
}

/// A request, laid out as a working directory that goes away again.
pub struct Laid {
    _folder: tempfile::TempDir,
    /// The working directory.
    pub desk: Desk,
}

/// Lays a request out, and checks that everything in it follows from this root.
pub fn lay_out(path: &Path, root: Hex) -> anyhow::Result<Laid> {
    let request = read(path)?;
    let folder = tempfile::tempdir()?;
    let desk = request
        .lay_out(folder.path())
        .map_err(|error| explained(error, path))?;
    let pin = join::find(&desk, root, None).map_err(join_failed)?;
    desk.set_pin(&pin).map_err(desk_failed)?;
    let laid = Laid {
        _folder: folder,
        desk,
    };
    {
        let bench = bench(&laid.desk, true)?;
        check(&request, &bench, &people(&laid.desk)?, path)?;
    }
    Ok(laid)
}

/// Writes the request again, with the signatures it has now.
pub fn write_back(desk: &Desk, review: &str, path: &Path) -> anyhow::Result<()> {
    let request = Request::pack(desk, review.parse()?);
    let bytes = request
        .and_then(|request| request.encode())
        .map_err(|error| explained(error, path))?;
    Ok(durable::write(path, &bytes)?)
}

/// Merges the signatures of requests that came back.
pub fn take_in(
    console: &Console,
    place: &Place,
    files: &[PathBuf],
    dry_run: bool,
) -> anyhow::Result<Exit> {
    let desk = place.open()?;
    need_pin(&desk)?;
    let names = people(&desk)?;
    let mut bench = bench(&desk, dry_run)?;
    bench.refuse_stale().map_err(bench_failed)?;
    let ours = Review::of(&bench, &names).map_err(review_failed)?;
    let mut answer = TakenIn {
        dry_run,
        review: ours.digest.clone(),
        taken: Vec::new(),
        known: Vec::new(),
        refused: Vec::new(),
        complete: false,
        waiting: Vec::new(),
    };
    // All of them are checked before the first signature is written.
    let mut checked = Vec::new();
    for path in files {
        let request = read(path)?;
        let folder = tempfile::tempdir()?;
        let theirs = request
            .lay_out(folder.path())
            .map_err(|error| explained(error, path))?;
        if let Some(pin) = desk.pin().map_err(desk_failed)? {
            theirs.set_pin(&pin).map_err(desk_failed)?;
        }
        let laid = Bench::look(&theirs, bench.now()).map_err(bench_failed)?;
        check(&request, &laid, &names, path)?;
        if request.review().to_string() != ours.digest {
            let differ = request::differences(&bench, &laid).join(", ");
            return Err(advised(
                anyhow::anyhow!(
                    "`{}` is about another state than is staged here, review {}, here {}: {differ}",
                    safe(&path.display().to_string()),
                    request.review(),
                    ours.digest
                ),
                Exit::No,
                "not-reviewed",
                "nothing was taken: write a new request with `cuff sign --out`, or bring back the state it was made for",
            ));
        }
        checked.push(laid.staging().clone());
    }
    for theirs in &checked {
        let merged = request::merge(&mut bench, theirs);
        if !dry_run {
            request::keep(&bench, &merged).map_err(staging_failed)?;
        }
        let told = |(key, role): (Hex, RoleName)| TakenSignature {
            person: names.show(&key),
            role: role.to_string(),
        };
        answer.taken.extend(merged.taken.into_iter().map(told));
        answer.known.extend(merged.known.into_iter().map(told));
        let refused = merged.refused.into_iter();
        answer
            .refused
            .extend(refused.map(|(key, role, why)| RefusedSignature {
                person: names.show(&key),
                role: role.to_string(),
                why: why.words().to_owned(),
            }));
    }
    let status = Status::of(&bench, &names, true, bench.now());
    answer.complete = status.complete;
    answer.waiting = status.waiting();
    console.answer(&answer)
}

fn read(path: &Path) -> anyhow::Result<Request> {
    Request::read(&given::read(path, MAX_REQUEST)?).map_err(|error| explained(error, path))
}

fn check(request: &Request, bench: &Bench<'_>, people: &People, path: &Path) -> anyhow::Result<()> {
    let review = request::review(bench, people).map_err(|error| explained(error, path))?;
    request
        .check(&review)
        .map_err(|error| explained(error, path))
}

fn explained(error: RequestError, path: &Path) -> anyhow::Error {
    let (exit, rule, help) = match error {
        RequestError::Desk(error) => return desk_failed(error),
        RequestError::Staging(error) => return staging_failed(error),
        RequestError::Review(error) => return review_failed(error),
        RequestError::NoRequest | RequestError::Format(_) => (
            Exit::Usage,
            "no-request",
            "name a file that `cuff sign --out` wrote",
        ),
        RequestError::Tape(_) | RequestError::Stray(_) | RequestError::Edited { .. } => (
            Exit::No,
            "edited-request",
            "nothing was signed; have the request written again, and find out who changed this one",
        ),
        RequestError::Name(_) => (Exit::No, "stray-file", "rename it, or move it away"),
        RequestError::Io { .. } | RequestError::Write(_) => (
            Exit::Unknown,
            "unreadable-file",
            "check the disk and the permissions",
        ),
    };
    let refused = format!("`{}` is refused", safe(&path.display().to_string()));
    advised(anyhow::Error::new(error).context(refused), exit, rule, help)
}

/// A request that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SentOut {
    /// The file.
    file: String,
    /// Whether nothing was written.
    dry_run: bool,
    /// The digest of the review it is about.
    review: String,
    /// Its first 16 digits, to be read aloud.
    short: String,
    /// Roles to be signed.
    roles: Vec<String>,
    /// The fingerprint of the root this clone trusts: the other machine must be told.
    root_sha256: String,
}

impl Answer for SentOut {
    const COMMAND: &'static str = "sign-out";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        writeln!(
            out,
            "{} {would}written: {}",
            safe(&self.file),
            self.roles.join(", ")
        )?;
        writeln!(out, "review {}", self.short)?;
        writeln!(
            out,
            "there: `cuff sign {} --key FILE --root-sha256 {}`",
            safe(&self.file),
            self.root_sha256
        )?;
        writeln!(out, "back here: `cuff sign --in {}`", safe(&self.file))
    }
}

/// Requests that came back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TakenIn {
    /// Whether nothing was written.
    dry_run: bool,
    /// The digest of the review they are about.
    review: String,
    /// Signatures that are new here.
    taken: Vec<TakenSignature>,
    /// Signatures that were here already.
    known: Vec<TakenSignature>,
    /// Signatures that were not taken.
    refused: Vec<RefusedSignature>,
    /// Whether everything staged has all its signatures.
    complete: bool,
    /// Roles that wait for more signatures.
    waiting: Vec<String>,
}

/// One signature.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct TakenSignature {
    /// Whose.
    person: String,
    /// On what.
    role: String,
}

/// One signature that was not taken.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct RefusedSignature {
    /// Whose.
    person: String,
    /// On what.
    role: String,
    /// Why.
    why: String,
}

impl Answer for TakenIn {
    const COMMAND: &'static str = "sign-in";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        for (list, what) in [(&self.taken, "taken"), (&self.known, "here already")] {
            for signature in list {
                writeln!(
                    out,
                    "{} on {}: {}{what}",
                    safe(&signature.person),
                    safe(&signature.role),
                    if what == "taken" { would } else { "" }
                )?;
            }
        }
        for signature in &self.refused {
            writeln!(
                out,
                "! {} on {}: not taken, {}",
                safe(&signature.person),
                safe(&signature.role),
                signature.why
            )?;
        }
        if self.taken.len() + self.known.len() + self.refused.len() == 0 {
            writeln!(out, "no signature in it: it was not signed yet")?;
        }
        super::next(self.complete, &self.waiting, out)
    }

    fn exit(&self) -> Exit {
        if self.refused.is_empty() {
            Exit::Yes
        } else {
            Exit::No
        }
    }
}
