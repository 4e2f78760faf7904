//! What a boot executes from the entry of the judge to the jump, instruction by instruction.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::chip::{Chip, FOREVER};
use crate::code::{Code, JUDGE};
use crate::row::Case;

/// The addresses, in order.
pub struct Trace {
    pub steps: Vec<u32>,
}

impl Trace {
    /// Boots, and writes down what is executed outside of cryptography, or `all` of it.
    pub fn of(case: &Case, code: &Code, all: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("trace");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let mut words = vec!["-singlestep".to_owned()];
        words.extend(["-d", "exec,nochain", "-D"].map(str::to_owned));
        words.push(pipe.display().to_string());
        if !all {
            let range = |(start, end): &(u32, u32)| format!("{start:#x}+{:#x}", end - start);
            let ranges: Vec<String> = code.own().iter().map(range).collect();
            words.extend(["-dfilter".to_owned(), ranges.join(",")]);
        }
        let judge = code.entry(JUDGE);
        let reader = thread::spawn(move || read(&pipe, judge));
        let mut chip = Chip::new(case, code, &words).unwrap();
        chip.stop_at(case.application).unwrap();
        assert_eq!(chip.run(FOREVER).unwrap(), Some(case.application));
        chip.qemu.quit().unwrap();
        let steps = reader.join().unwrap();
        assert!(!steps.is_empty(), "nothing is judged");
        Self { steps }
    }

    /// About how many instructions a boot takes: one in five is not cryptography.
    pub fn instructions(&self, code: &Code) -> usize {
        let own = self.steps.iter().filter(|at| !code.is_crypto(**at));
        own.count() * 5
    }

    /// The first step at an address.
    pub fn reaches(&self, address: u32) -> usize {
        let mut steps = self.steps.iter();
        steps.position(|step| *step == address).expect("executed")
    }

    /// Each step at an address that is wanted.
    pub fn steps_at(&self, wanted: impl Fn(u32) -> bool) -> Vec<usize> {
        let steps = self.steps.iter().enumerate();
        let steps = steps.filter(|(_, address)| wanted(**address));
        steps.map(|(step, _)| step).collect()
    }

    /// The first and the last time that each of them is executed, in order of time.
    pub fn points(&self, wanted: impl Fn(u32) -> bool) -> Vec<usize> {
        let mut seen: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (index, address) in self.steps.iter().enumerate() {
            seen.entry(*address).or_insert((index, index)).1 = index;
        }
        let mut points: Vec<usize> = seen
            .into_iter()
            .filter(|(address, _)| wanted(*address))
            .flat_map(|(_, (first, last))| [first, last])
            .collect();
        points.sort_unstable();
        points.dedup();
        points
    }
}

fn read(pipe: &Path, judge: u32) -> Vec<u32> {
    let mut log = BufReader::with_capacity(1 << 20, File::open(pipe).unwrap());
    let mut steps = Vec::new();
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line).unwrap() > 0 {
        let address = address(&line);
        steps.extend(address.filter(|address| !steps.is_empty() || *address == judge));
        line.clear();
    }
    steps
}

/// `Trace 0: HOST [CS/PC/FLAGS/CFLAGS] SYMBOL`
fn address(line: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(line).ok()?;
    let (_, inside) = text.strip_prefix("Trace ")?.split_once('[')?;
    u32::from_str_radix(inside.split('/').nth(1)?, 16).ok()
}
