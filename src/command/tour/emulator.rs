//! The chip of qemu-an386 in QEMU: our bootloader's program, and for flash what lies in the folder of a simulated wearable.
//!
//! Takes the folder and words to wait for; powers the chip until they were said on its serial line, and puts its flash back.
//! Time on the chip is counted in instructions, so that a watchdog of seconds bites at once.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::kit::BOOTLOADER;
use crate::console::{Advice, Exit};
use crate::device::sim::folder::FLASH;
use crate::durable;

/// A program that is known to be there.
pub struct Emulator {
    program: &'static str,
}

impl Emulator {
    /// Looks for it before anything is made.
    pub fn find() -> anyhow::Result<Self> {
        let answer = Command::new(PROGRAM)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot run `{PROGRAM}`"))
            .exit(Exit::Unknown)
            .help("install QEMU (Debian: `apt-get install qemu-system-arm`); `cuff tour` without --qemu needs nothing")?;
        if answer.success() {
            return Ok(Self { program: PROGRAM });
        }
        Err(anyhow::anyhow!("`{PROGRAM} --version` failed: {answer}"))
            .exit(Exit::Unknown)
            .help("mend your installation of QEMU; `cuff tour` without --qemu needs none")
    }

    /// Powers the chip with this wearable's flash until `words` were said; gives all that was said.
    pub fn run(&self, wearable: &Path, words: &str) -> anyhow::Result<String> {
        let bench = tempfile::tempdir().context("cannot make a folder for QEMU")?;
        let at = |name: &str| bench.path().join(name);
        let flash = wearable.join(FLASH);
        let before = fs::read(&flash)?;
        let mut memory = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(at("flash.bin"))?;
        memory.write_all(&before)?;
        memory.set_len(PSRAM)?;
        memory.rewind()?;
        memory.write_all(BOOTLOADER)?;
        // The core takes its first stack and entry from address 0, where this board has no flash.
        fs::write(at("vectors.bin"), &BOOTLOADER[..8])?;
        let chip = Command::new(self.program)
            .current_dir(bench.path())
            .args("-machine mps2-an386,memory-backend=flash -object".split(' '))
            .arg(format!(
                "memory-backend-file,id=flash,size={PSRAM},share=on,mem-path=flash.bin"
            ))
            .args("-device loader,file=vectors.bin,addr=0 -serial file:line.txt".split(' '))
            .args("-display none -monitor none -icount shift=0,sleep=off".split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", self.program))?;
        let said = listen(Powered(chip), &at("line.txt"), words)?;
        // The chip has no power any more: this is what it left.
        let mut after = vec![0; before.len()];
        memory.seek(SeekFrom::Start(0))?;
        memory.read_exact(&mut after)?;
        durable::write(&flash, &after)?;
        Ok(said)
    }
}

/// Loses its power with the value.
struct Powered(Child);

impl Drop for Powered {
    fn drop(&mut self) {
        // One that is gone already needs neither.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen(mut chip: Powered, line: &Path, words: &str) -> anyhow::Result<String> {
    let start = Instant::now();
    loop {
        let said = fs::read(line).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        if said.contains(words) {
            return Ok(said);
        }
        if let Some(status) = chip.0.try_wait()? {
            let mut why = String::new();
            if let Some(mut talk) = chip.0.stderr.take() {
                talk.read_to_string(&mut why)?;
            }
            anyhow::bail!("`{PROGRAM}` ended with {status}: {}", why.trim());
        }
        anyhow::ensure!(
            start.elapsed() < PATIENCE,
            "the chip did not say `{words}` within {} s, but:\n{said}",
            PATIENCE.as_secs()
        );
        sleep(Duration::from_millis(10));
    }
}

const PROGRAM: &str = "qemu-system-arm";
/// What QEMU insists on.
const PSRAM: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_mins(1);
