//! Whose key: `.pub` files on their way into `keys/`, and people named on the command line.
//!
//! Not a command. A name stands for one key in a working directory, and a published example key is only taken by a demo.

use std::collections::BTreeMap;
use std::path::Path;

use crate::command::desk::people;
use crate::command::key::read_public;
use crate::console::{Advice, Exit, advised, safe};
use crate::durable;
use crate::key::example;
use crate::key::public_file::PublicFile;
use crate::repository::bench::Bench;
use crate::repository::desk::Desk;
use crate::role::wire::Hex;

/// Reads a `.pub` file that may join this working directory.
pub fn newcomer(desk: &Desk, path: &Path) -> anyhow::Result<PublicFile> {
    let file = read_public(path)?;
    refuse_example(&file, desk.settings().demo)?;
    let kept = desk.keys().join(format!("{}.pub", file.name()));
    if kept.exists() && read_public(&kept)?.key() != file.key() {
        return Err(anyhow::anyhow!(
            "`{}` holds another key of that name",
            kept.display()
        ))
        .exit(Exit::No)
        .rule("name-taken")
        .help("names tell keys apart: make the new key under another name; `alice-2` is read as alice's second key");
    }
    Ok(file)
}

/// Refuses a key whose private half is published, unless this is a demo.
pub fn refuse_example(file: &PublicFile, demo: bool) -> anyhow::Result<()> {
    match example::holder(&file.key().id()) {
        Some(holder) if !demo => Err(advised(
            anyhow::anyhow!(
                "key {} is the published example key of {holder}: anyone can sign with it",
                file.key().id()
            ),
            Exit::No,
            "example-key",
            "make a key of your own with `cuff key new`; example keys belong into a working directory made with `cuff init --demo`",
        )),
        _ => Ok(()),
    }
}

/// Puts a `.pub` file into `keys/`.
pub fn keep(desk: &Desk, file: &PublicFile) -> anyhow::Result<()> {
    std::fs::create_dir_all(desk.keys())?;
    let path = desk.keys().join(format!("{}.pub", file.name()));
    Ok(durable::write(&path, file.text().as_bytes())?)
}

/// The key that a person means, by name or by the beginning of its id, among those of some roles.
pub fn key(desk: &Desk, text: &str, among: Vec<Hex>, of: &str) -> anyhow::Result<Hex> {
    let (why, help) = match people(desk)?.find(text, among).as_slice() {
        [key] => return Ok(*key),
        [] => (
            format!("{of} has no key `{}`", safe(text)),
            "`cuff role list` shows whose keys there are",
        ),
        _ => (
            format!("`{}` fits several keys of {of}", safe(text)),
            "give more digits of the key id",
        ),
    };
    Err(anyhow::anyhow!(why))
        .exit(Exit::Usage)
        .rule("unknown-key")
        .help(help)
}

/// Every key of every role, published or to be.
pub fn all_keys(bench: &Bench<'_>) -> Vec<Hex> {
    let roles = bench.roles().into_iter();
    let mut keys: Vec<Hex> = roles
        .flat_map(|role| bench.authorities(&role))
        .flat_map(|authority| authority.keys.into_keys())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// `OLD=FILE.pub`, each with the key that goes and the file of the one that comes.
pub fn replacements(
    desk: &Desk,
    known: &[Hex],
    given: &[(String, String)],
) -> anyhow::Result<BTreeMap<Hex, PublicFile>> {
    let mut replaced = BTreeMap::new();
    for (old, new) in given {
        let old = key(desk, old, known.to_vec(), "this repository")?;
        let new = newcomer(desk, Path::new(new))?;
        if replaced.insert(old, new).is_some() {
            return Err(anyhow::anyhow!("key {old} is replaced twice"))
                .exit(Exit::Usage)
                .rule("usage");
        }
    }
    Ok(replaced)
}

/// `OLD=FILE.pub` as text.
pub fn split(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("expected OLD=FILE.pub".to_owned()),
    }
}
