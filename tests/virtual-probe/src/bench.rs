//! Units on a bench: each a chip behind a probe of its own.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::port::{Chip, FLASH, FLASH_LENGTH, Faults};
use crate::port::{Failed, Port};
use crate::serve::serve;

/// A chip, its probe, and whoever looks behind its back.
#[derive(Clone)]
pub struct Unit {
    port: Arc<Mutex<Port>>,
    at: u16,
}

impl Unit {
    /// A virgin chip with this number, powered, behind a probe that waits for a host.
    pub fn power_on(uid: [u32; 2]) -> io::Result<Self> {
        let port = Arc::new(Mutex::new(Port::power_on(uid).map_err(told)?));
        let at = serve(Arc::clone(&port))?;
        Ok(Self { port, at })
    }

    /// How `cuff` names its probe.
    pub fn target(&self) -> String {
        format!("probe:20b7:9db1:tcp:127.0.0.1:{}", self.at)
    }

    /// How `cuff` names the chip's serial line.
    pub fn serial(&self) -> String {
        format!("tcp:127.0.0.1:{}", self.port().core.machine.serial)
    }

    /// Orders faults; those with a count begin to count now.
    pub fn break_with(&self, faults: Faults) -> io::Result<()> {
        self.port().break_with(faults).map_err(told)
    }

    /// The cable comes off, now.
    pub fn unplug(&self) {
        self.port().lose_cable();
    }

    /// The board is taken off the bench and another one put there.
    pub fn seat(&self, chip: &Chip) -> io::Result<()> {
        self.port().seat(chip).map_err(told)
    }

    /// The board as it is now, to be seated again.
    pub fn chip(&self) -> io::Result<Chip> {
        self.port().chip().map_err(told)
    }

    /// How many transfers there were so far.
    pub fn transfers(&self) -> u64 {
        self.port().transfers
    }

    /// Power goes.
    pub fn power_off(&self) -> io::Result<()> {
        self.port().lose_power().map_err(told)
    }

    /// Power and cable come back.
    pub fn power_cycle(&self) -> io::Result<()> {
        self.port().power_cycle().map_err(told)
    }

    /// Closes the debug port, as the word in flash does at a reset.
    pub fn lock(&self) -> io::Result<()> {
        self.port().lock().map_err(told)
    }

    /// The chip says from now on that it is another one.
    pub fn become_another_chip(&self) {
        self.port().become_another_chip();
    }

    /// Reads flash behind the probe's back.
    pub fn read(&self, offset: u32, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.port().core.machine.read(FLASH + offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes flash behind the probe's back.
    pub fn write(&self, offset: u32, bytes: &[u8]) -> io::Result<()> {
        self.port().core.machine.write(FLASH + offset, bytes)
    }

    fn port(&self) -> MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(failed: Failed) -> io::Error {
    match failed {
        Failed::Machine(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
