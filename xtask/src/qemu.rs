//! Runs a program on QEMU's mps2-an386, with memory that host and program share.
//!
//! Takes an ELF file and 16 MiB; gives the same memory afterwards. One instruction takes one nanosecond, always.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const PATIENCE: Duration = Duration::from_mins(2);

/// Runs `program` until it ends QEMU through semihosting.
pub fn run(program: &Path, memory: &[u8]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("no folder for the shared memory")?;
    let file = folder.path().join("memory.bin");
    fs::write(&file, memory).context("could not write the shared memory")?;
    let mut backend = std::ffi::OsString::from(format!(
        "memory-backend-file,id=shared,size={},share=on,mem-path=",
        memory.len()
    ));
    backend.push(&file);
    let qemu = Command::new("qemu-system-arm")
        .args(["-machine", "mps2-an386,memory-backend=shared"])
        .arg("-object")
        .arg(backend)
        .arg("-kernel")
        .arg(program)
        .args("-display none -monitor none -serial none".split(' '))
        .args("-icount shift=0,sleep=off".split(' '))
        .args("-semihosting-config enable=on,target=native".split(' '))
        .stdin(Stdio::null())
        .spawn()
        .context("could not start qemu-system-arm; run `cargo xtask setup`")?;
    let status = wait(qemu)?;
    if !status.success() {
        bail!(
            "{} ended QEMU with {status}: it panicked or faulted",
            program.display()
        );
    }
    fs::read(&file).context("could not read the shared memory")
}

fn wait(mut qemu: Child) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = qemu.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > PATIENCE {
            qemu.kill()?;
            qemu.wait()?;
            bail!("the program did not end within {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(5));
    }
}
