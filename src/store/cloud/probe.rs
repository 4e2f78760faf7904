//! Whether a server keeps the two promises that publishing rests on, found out by asking.
//!
//! Of two real servers one answered 200 to a conditional write and overwrote; another let several of many writers at once
//! believe that they were the one. Both would let one publisher undo what another has published.

use bytes::Bytes;
use futures_util::future::join_all;
use object_store::{Error, ObjectStoreExt, PutMode};

use super::super::{ObjectName, StoreError};
use super::{CloudStore, SHORTLY};
use crate::role::wire::Hex;

/// Tries it out, unless an earlier run has left word that it did, at this very address.
pub(super) async fn prove(store: &CloudStore) -> Result<(), StoreError> {
    let address = Hex::sha256(store.bucket.to_string().as_bytes()).to_string();
    let word = ObjectName::new(format!("probe/{address}.txt"))?;
    if store.read(&word).await?.is_some() {
        return Ok(());
    }
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| StoreError::Unconditional {
        store: store.bucket.to_string(),
        found: format!("it could not be probed: {error}"),
    })?;
    let trial = format!("probe/{}", hex::encode(random));
    let mut names = Vec::new();
    let found = examine(store, &trial, &mut names).await;
    for name in &names {
        // What may not be removed does no harm where it lies.
        let _ = store.store.delete(&store.path(name)).await;
    }
    if let Some(found) = found? {
        return Err(StoreError::Unconditional {
            store: store.bucket.to_string(),
            found,
        });
    }
    store.create(&word, WORD).await.map(drop)
}

/// What is wrong, if anything.
async fn examine(
    store: &CloudStore,
    trial: &str,
    names: &mut Vec<ObjectName>,
) -> Result<Option<String>, StoreError> {
    let mut name = |what: &str| -> Result<ObjectName, StoreError> {
        let name = ObjectName::new(format!("{trial}-{what}"))?;
        names.push(name.clone());
        Ok(name)
    };
    let once = name("once")?;
    if !took(store, &once, b"first", PutMode::Create).await? {
        return Ok(Some("it refuses to write a new object".to_owned()));
    }
    if took(store, &once, b"second", PutMode::Create).await?
        || holds(store, &once).await? != "first"
    {
        return Ok(Some(
            "it accepts a write that must only create, and overwrites what is there".to_owned(),
        ));
    }
    let Some(old) = store.read(&once).await? else {
        return Ok(Some("it does not keep what was written".to_owned()));
    };
    if !took(store, &once, b"next", PutMode::Update(old.version.clone())).await? {
        return Ok(Some(
            "it refuses to replace an object that nobody has changed".to_owned(),
        ));
    }
    if took(store, &once, b"late", PutMode::Update(old.version)).await?
        || holds(store, &once).await? != "next"
    {
        return Ok(Some(
            "it accepts a replacement of what was replaced before, and overwrites".to_owned(),
        ));
    }
    for round in 0..ROUNDS {
        let race = name(&format!("race-{round}"))?;
        let created = winners(store, &race, "first", || PutMode::Create).await?;
        if created != 1 {
            return Ok(Some(format!(
                "of {WRITERS} that create one object at the same time {created} are told that they did"
            )));
        }
        let Some(read) = store.read(&race).await? else {
            return Ok(Some("it does not keep what was written".to_owned()));
        };
        let replaced = winners(store, &race, "next", || {
            PutMode::Update(read.version.clone())
        })
        .await?;
        if replaced != 1 {
            return Ok(Some(format!(
                "of {WRITERS} that replace one object at the same time {replaced} are told that they did"
            )));
        }
    }
    Ok(None)
}

/// Whether a write is said to have taken place.
async fn took(
    store: &CloudStore,
    name: &ObjectName,
    bytes: &[u8],
    mode: PutMode,
) -> Result<bool, StoreError> {
    match store.put(name, bytes, mode, SHORTLY).await {
        Ok(()) => Ok(true),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
        Err(error) => Err(store.trouble(&format!("probe {name} in"), &error)),
    }
}

async fn holds(store: &CloudStore, name: &ObjectName) -> Result<String, StoreError> {
    let read = store.read(name).await?;
    Ok(read.map_or_else(String::new, |read| {
        String::from_utf8_lossy(&read.bytes).into_owned()
    }))
}

/// How many of many writers at once believe that they were the one.
async fn winners(
    store: &CloudStore,
    name: &ObjectName,
    // Where a version is a digest of the content, what is written must not be what is there.
    round: &str,
    mode: impl Fn() -> PutMode,
) -> Result<usize, StoreError> {
    let writers = (0..WRITERS).map(|writer| {
        let mode = mode();
        let bytes = Bytes::from(format!("{round} by {writer}"));
        async move { took(store, name, &bytes, mode).await }
    });
    let mut winners = 0;
    for won in join_all(writers).await {
        winners += usize::from(won?);
    }
    Ok(winners)
}

/// Left in the store when it has passed.
const WORD: &[u8] = b"This store was found to keep apart two that write at once. cuff looks for this file and for nothing in it.\n";
const WRITERS: usize = 8;
const ROUNDS: usize = 3;
