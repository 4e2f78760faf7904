//! From a probe's name to a chip that was identified.
//!
//! Takes what the user named and what the board says, gives a session on exactly that chip, or a [`Trouble`] in plain words.
//! probe-rs attaches to any chip under any name; here nothing is given out before the chip's own words were read.

use std::io;
use std::sync::{Arc, OnceLock};

use probe_rs::architecture::arm::{ArmError, DapError};
use probe_rs::config::Registry;
use probe_rs::probe::list::{Accessibility, Lister, ProbeListItem};
use probe_rs::probe::{
    DebugProbeError, DebugProbeSelector, Probe, ProbeCreationError, WireProtocol,
};
use probe_rs::{MemoryInterface, Permissions, Session};

use crate::board::Board;
use crate::board::debug::Debug;
use crate::device::target::{ProbeId, Target};
use crate::device::trouble::{Trouble, udev_rule};

/// One probe that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What kind.
    pub kind: String,
    /// How to name it; the serial is missing where the probe has none.
    pub id: ProbeId,
    /// Whether this user may use it.
    pub usable: bool,
}

impl Found {
    fn of(item: &ProbeListItem) -> Self {
        let info = &item.info;
        Self {
            kind: info.identifier.clone(),
            id: ProbeId {
                vendor: info.vendor_id,
                product: info.product_id,
                serial: info.serial_number.clone(),
            },
            usable: item.accessibility == Accessibility::Accessible,
        }
    }
}

/// All probes that are plugged in; with a name, that one, also where it is reached over a network.
pub fn list(named: Option<&ProbeId>) -> Vec<Found> {
    look(named).iter().map(Found::of).collect()
}

fn look(named: Option<&ProbeId>) -> Vec<ProbeListItem> {
    let selector = named.map(selector);
    Lister::new().list_with_access(selector.as_ref())
}

/// Opens a probe; without a name, the only one there is.
pub fn open(named: Option<&ProbeId>) -> Result<(Probe, ProbeId), Trouble> {
    let items = look(named);
    let found: Vec<Found> = items.iter().map(Found::of).collect();
    let one = match found.as_slice() {
        [] => {
            return Err(Trouble::NoProbe {
                wanted: named.map_or("is plugged in".to_owned(), |id| {
                    format!("{} is plugged in", name(id))
                }),
            });
        }
        [one] => one,
        _ => {
            return Err(Trouble::Several {
                found: found.iter().map(|one| name(&one.id)).collect(),
            });
        }
    };
    if !one.usable {
        return Err(no_permission(&one.id));
    }
    // Its own driver alone: asked for any probe of that name, probe-rs tells the error of whichever driver it tried last.
    match items.iter().map(|item| item.info.open()).next() {
        Some(Ok(probe)) => Ok((probe, one.id.clone())),
        Some(Err(error)) => Err(unopened(&error, &one.id)),
        None => Err(Trouble::NoProbe {
            wanted: format!("{} is plugged in", name(&one.id)),
        }),
    }
}

/// Attaches, and reads the words that prove the chip. `erase` lets a locked port be opened by erasing everything.
pub fn attach(
    mut probe: Probe,
    board: &Board,
    millivolts: Option<u32>,
    erase: bool,
) -> Result<Session, Trouble> {
    let debug = debug(board)?;
    let registry = registry(board, debug)?;
    // Probes that cannot choose speak nothing else.
    let _refused = probe.select_protocol(WireProtocol::Swd);
    if let Some(found) = millivolts.filter(|found| *found < UNPOWERED) {
        return Err(Trouble::NoTarget {
            millivolts: Some(found),
        });
    }
    let mut permissions = Permissions::new();
    if erase {
        permissions = permissions.allow_erase_all();
    }
    let mut session = probe
        .attach_with_registry(&debug.chip, permissions, &registry)
        .map_err(|error| unattached(&error, millivolts))?;
    identify(&mut session, debug)?;
    check_erase_unit(&session, board)?;
    Ok(session)
}

/// Supply voltage, where the probe tells.
pub fn supply(probe: &mut Probe) -> Option<u32> {
    probe
        .get_target_voltage()
        .ok()
        .flatten()
        .map(millivolts)
        .filter(|found| *found < MAX_MILLIVOLTS)
}

/// The chip must say of itself what the board says of it.
fn identify(session: &mut Session, debug: &Debug) -> Result<(), Trouble> {
    let mut core = session.core(0).map_err(|error| unread(&error))?;
    for word in &debug.identify {
        let found = core
            .read_word_32(word.address)
            .map_err(|error| unread(&error))?;
        if !word.is(found) {
            return Err(Trouble::WrongChip {
                chip: debug.chip.clone(),
                address: word.address,
                found: found & word.mask,
                expected: word.value & word.mask,
            });
        }
    }
    Ok(())
}

/// What a probe erases at once must be what the board's regions were cut for.
fn check_erase_unit(session: &Session, board: &Board) -> Result<(), Trouble> {
    let start = board.flash_start();
    let largest = session
        .target()
        .flash_algorithms
        .iter()
        .map(|algorithm| &algorithm.flash_properties)
        .filter(|properties| properties.address_range.contains(&start))
        .flat_map(|properties| properties.sectors.iter().map(|sector| sector.size))
        .max()
        .unwrap_or(board.erase_unit);
    if largest > board.erase_unit {
        return Err(Trouble::EraseUnit {
            chip: largest,
            board: board.erase_unit,
        });
    }
    Ok(())
}

/// What the board says about its debug port.
pub fn debug(board: &Board) -> Result<&Debug, Trouble> {
    board.debug.as_ref().ok_or_else(|| Trouble::NoDebug {
        board: board.name.clone(),
    })
}

/// The chips probe-rs knows and ours, read once a process: it takes a while.
fn registry(board: &Board, debug: &Debug) -> Result<Arc<Registry>, Trouble> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let mut registry = Registry::from_builtin_families();
        for yaml in CHIPS {
            // A description that probe-rs refuses is missed when its chip is asked for.
            let _refused = registry.add_target_family_from_yaml(yaml);
        }
        Arc::new(registry)
    });
    registry
        .get_target_by_name(&debug.chip)
        .map_err(|error| Trouble::UnknownChip {
            chip: debug.chip.clone(),
            board: board.name.clone(),
            why: error.to_string(),
        })?;
    Ok(Arc::clone(registry))
}

fn selector(id: &ProbeId) -> DebugProbeSelector {
    DebugProbeSelector {
        vendor_id: id.vendor,
        product_id: id.product,
        interface: None,
        serial_number: id.serial.clone(),
    }
}

/// As the target that names it.
pub fn name(id: &ProbeId) -> String {
    Target::Probe(Some(id.clone())).to_string()
}

fn no_permission(id: &ProbeId) -> Trouble {
    Trouble::NoPermission {
        probe: name(id),
        rule: (!is_networked(id)).then(|| udev_rule(id.vendor, id.product)),
    }
}

/// Whether a probe is reached over a socket.
fn is_networked(id: &ProbeId) -> bool {
    let serial = id.serial.as_deref().unwrap_or_default();
    serial.starts_with("tcp:") || serial.starts_with("unix:")
}

fn unopened(error: &DebugProbeError, id: &ProbeId) -> Trouble {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(system) = one.downcast_ref::<io::Error>() {
            match system.raw_os_error() {
                Some(EBUSY) => return Trouble::InUse { probe: name(id) },
                Some(EACCES | EPERM) => return no_permission(id),
                // What probe-rs says around it tells a person at a bench nothing.
                _ => {
                    return Trouble::NoProbe {
                        wanted: format!("answers at {}: {system}", name(id)),
                    };
                }
            }
        }
        cause = one.source();
    }
    match error {
        DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::CouldNotOpen) => {
            Trouble::InUse { probe: name(id) }
        }
        other => Trouble::NoProbe {
            wanted: format!("answers at {}: {}", name(id), chain(other)),
        },
    }
}

/// What an error of an attached or attaching probe means to whoever stands at the bench.
pub fn unattached(error: &probe_rs::Error, millivolts: Option<u32>) -> Trouble {
    // A part that answers on its debug port and faults on its memory has closed it.
    if forbidden(error) || faulted(error) {
        Trouble::Locked
    } else if silent(error) {
        Trouble::NoTarget { millivolts }
    } else {
        Trouble::Silent { why: chain(error) }
    }
}

fn unread(error: &probe_rs::Error) -> Trouble {
    unattached(error, None)
}

/// Whether nothing answered at all.
fn silent(error: &(dyn std::error::Error + 'static)) -> bool {
    any(error, |one| {
        let arm = one.downcast_ref::<ArmError>();
        let dap = one.downcast_ref::<DapError>();
        matches!(
            arm,
            Some(
                ArmError::NoTargetResponse { .. }
                    | ArmError::Probe(_)
                    | ArmError::Dap(DapError::NoAcknowledge | DapError::Protocol(_))
            )
        ) || matches!(dap, Some(DapError::NoAcknowledge | DapError::Protocol(_)))
            || one.downcast_ref::<DebugProbeError>().is_some()
    })
}

/// Whether the port answered that this access is not allowed.
fn faulted(error: &(dyn std::error::Error + 'static)) -> bool {
    any(error, |one| {
        matches!(one.downcast_ref(), Some(DapError::FaultResponse))
            || matches!(
                one.downcast_ref(),
                Some(ArmError::Dap(DapError::FaultResponse))
            )
    })
}

/// Whether opening the port would need everything to be erased.
fn forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    any(error, |one| {
        matches!(one.downcast_ref(), Some(ArmError::MissingPermissions(_)))
            || matches!(
                one.downcast_ref(),
                Some(probe_rs::Error::MissingPermissions(_))
            )
    })
}

fn any(
    error: &(dyn std::error::Error + 'static),
    holds: impl Fn(&(dyn std::error::Error + 'static)) -> bool,
) -> bool {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if holds(one) {
            return true;
        }
        cause = one.source();
    }
    false
}

/// The whole chain of an error: the first line of probe-rs says too little.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(one) = cause {
        let text = one.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        cause = one.source();
    }
    words.join(": ")
}

/// Probes tell volts as a fraction.
fn millivolts(volts: f32) -> u32 {
    let text = format!("{:.0}", (volts * 1000.0).clamp(0.0, 100_000.0));
    text.parse().unwrap_or(0)
}

/// Chips that probe-rs does not know by itself.
const CHIPS: [&str; 1] = [include_str!("../../../boards/qemu-an386/chip.yaml")];
/// Below this supply no chip runs.
const UNPOWERED: u32 = 900;
/// Above this a reading is none.
const MAX_MILLIVOLTS: u32 = 50_000;
const EPERM: i32 = 1;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
