//! `cuff device list`: the debug probes of this machine, and what keeps a person from using one.
//!
//! It opens none of them, and talks to no chip.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Answer, Console, Exit, safe};
use crate::device::target::Target;

/// Show the debug probes that are plugged in
#[derive(Debug, clap::Args)]
pub struct List {
    /// Probes to look for by name, as probe:VID:PID:SERIAL; without any, all that are plugged in
    #[arg(value_name = "TARGET")]
    targets: Vec<Target>,
}

impl List {
    /// Looks and shows.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        console.answer(&self.look()?)
    }

    #[cfg(feature = "probe")]
    fn look(&self) -> anyhow::Result<Probes> {
        use crate::console::advised;
        use crate::device::probe::attach::{Found, list};
        let mut found: Vec<Found> = Vec::new();
        if self.targets.is_empty() {
            found = list(None);
        }
        for target in &self.targets {
            let Target::Probe(id) = target else {
                return Err(advised(
                    anyhow::anyhow!("`{target}` is no debug probe"),
                    Exit::Usage,
                    "not-a-probe",
                    "name probes alone, as probe:VID:PID:SERIAL",
                ));
            };
            found.extend(list(id.as_ref()));
        }
        Ok(Probes {
            probes: found.iter().map(Shown::of).collect(),
        })
    }

    #[cfg(not(feature = "probe"))]
    fn look(&self) -> anyhow::Result<Probes> {
        Err(super::trouble::explained(
            crate::device::trouble::Trouble::NotBuilt,
        ))
    }
}

/// What is plugged in.
#[derive(Serialize, JsonSchema)]
pub struct Probes {
    /// Each probe, as the system lists it.
    probes: Vec<Shown>,
}

/// One probe.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// As other commands take it.
    target: String,
    /// What kind.
    kind: String,
    /// Its serial; absent where it has none, and then two of them cannot be told apart.
    serial: Option<String>,
    /// Whether this user may use it.
    usable: bool,
    /// The udev rule that helps where not.
    rule: Option<String>,
}

#[cfg(feature = "probe")]
impl Shown {
    fn of(found: &crate::device::probe::attach::Found) -> Self {
        let id = &found.id;
        Self {
            target: Target::Probe(Some(id.clone())).to_string(),
            kind: found.kind.clone(),
            serial: id.serial.clone(),
            usable: found.usable,
            rule: (!found.usable).then(|| crate::device::trouble::udev_rule(id.vendor, id.product)),
        }
    }
}

impl Answer for Probes {
    const COMMAND: &'static str = "device list";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        if self.probes.is_empty() {
            return writeln!(out, "no debug probe is plugged in");
        }
        for probe in &self.probes {
            let serial = probe.serial.as_deref().unwrap_or("no serial");
            writeln!(
                out,
                "{}  {}, {}{}",
                safe(&probe.target),
                safe(&probe.kind),
                safe(serial),
                if probe.usable {
                    ""
                } else {
                    ", not for this user"
                }
            )?;
        }
        let mut rules: Vec<&str> = self
            .probes
            .iter()
            .filter_map(|probe| probe.rule.as_deref())
            .collect();
        rules.dedup();
        if !rules.is_empty() {
            writeln!(
                out,
                "to use them, write to /etc/udev/rules.d/70-cuff.rules, run `udevadm control --reload` and plug them in again:"
            )?;
        }
        rules.iter().try_for_each(|rule| writeln!(out, "  {rule}"))
    }

    fn exit(&self) -> Exit {
        match self.probes.iter().any(|probe| probe.usable) {
            true => Exit::Yes,
            false if self.probes.is_empty() => Exit::NoProbe,
            false => Exit::NoPermission,
        }
    }
}
