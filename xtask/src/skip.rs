//! The instruction-skip sweep of the bootloader in QEMU (`tests/skip.rs`), with what a person wants of it.
//!
//! Takes options; gives a table of rows. A bypass fails the test that finds it, and so this command.

use anyhow::Result;

use crate::setup;
use crate::tool::Tool;

/// Which rows, and which part of them.
#[derive(Clone, Copy, Default)]
pub struct Options<'o> {
    row: Option<&'o str>,
    shard: Option<&'o str>,
    sample: Option<&'o str>,
    seed: Option<&'o str>,
    crypto: bool,
    every: bool,
}

impl<'o> Options<'o> {
    /// Reads them; nothing for a word that is not one.
    pub fn read(words: &[&'o str]) -> Option<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--row" => options.row = Some(words.next()?),
                "--shard" => options.shard = Some(words.next().filter(|text| is_part(text))?),
                "--sample" => options.sample = Some(words.next().filter(|text| is_number(text))?),
                "--seed" => options.seed = Some(words.next().filter(|text| is_number(text))?),
                "--crypto" => options.crypto = true,
                "--every" => options.every = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Skips.
pub fn run(options: &Options<'_>) -> Result<()> {
    setup::run()?;
    let mut tests = Tool::cargo("test --quiet --locked --package cuff --test skip")
        .words("-- --exact sweep --nocapture")
        .env("CUFF_SWEEP", "all")
        .without("CUFF_QUICK");
    for (name, value) in [
        ("CUFF_SKIP_ROW", options.row),
        ("CUFF_SKIP_SHARD", options.shard),
        ("CUFF_SKIP_SAMPLE", options.sample),
        ("CUFF_SKIP_SEED", options.seed),
        ("CUFF_SKIP_CRYPTO", options.crypto.then_some("1")),
        ("CUFF_SKIP_EVERY", options.every.then_some("1")),
    ] {
        tests = match value {
            Some(value) => tests.env(name, value),
            None => tests.without(name),
        };
    }
    tests.run()
}

/// `K/N`, with K from 1 to N.
pub fn is_part(text: &str) -> bool {
    let parts = text.split_once('/');
    let parts = parts.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    parts.is_some_and(|(part, parts): (u32, u32)| (1..=parts).contains(&part))
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_option_is_none() {
        for bad in [
            &["--row"][..],
            &["--shard", "0/2"],
            &["--shard", "3/2"],
            &["--sample", "0"],
            &["--seed", "x"],
            &["all"],
        ] {
            assert!(Options::read(bad).is_none(), "{bad:?}");
        }
        let options = Options::read(&["--row", "older-root", "--shard", "2/2"]);
        assert!(options.is_some_and(|read| read.row == Some("older-root") && !read.crypto));
    }
}
