//! What can happen to a wearable, told so that it can be cut at any flash operation and gone on with.
//!
//! Takes a story and a unit, gives the first broken invariant by name. It never forgives one.

use std::rc::Rc;

use cuff_bootloader::{
    counter,
    layout::Layout,
    log::{self, Kind},
    plan::HandOver,
    record::{Image, Record},
    trust::{self, Banks},
    upload::{self, Refused},
};
use cuff_verifier::{digest::Digest, time::Instant};

use crate::{
    signer::{Release, Repository},
    wearable::{Wearable, old},
};

/// One thing that happens, from a sound unit to a settled one.
#[derive(Clone, Copy)]
pub struct Story {
    pub name: &'static str,
    /// Makes the unit, before power can go.
    pub prepare: fn(&'static Layout) -> World,
    /// What the application or a host writes; the boots that follow are the same for all.
    pub act: fn(&mut World) -> Result<(), Stop>,
    /// How it must end when nothing is cut.
    pub ends_well: fn(&mut World) -> bool,
}

/// Why a story does not go on.
#[derive(Debug)]
pub enum Stop {
    /// Power is gone, as ordered.
    Dark,
    /// An invariant is broken.
    Broken(String),
}

/// A unit, and all that a witness remembers of it.
#[derive(Clone)]
pub struct World {
    pub unit: Wearable,
    pub repository: Rc<Repository>,
    pub new: Rc<Release>,
    /// What is sent.
    pub evidence: Rc<Vec<u8>>,
    /// Whether the new application confirms.
    pub healthy: bool,
    /// Whether the new application may be installed: only after it confirmed.
    pub confirmed: bool,
    /// How many operations there had been when it first did.
    pub confirmed_at: Option<usize>,
    before: Option<(Record, u64)>,
}

impl World {
    fn new(
        layout: &'static Layout,
        counter: u64,
        healthy: bool,
        change: fn(&mut Repository),
        path: &str,
    ) -> Self {
        let mut repository = Repository::new();
        repository.release(old());
        let unit = Wearable::new(layout, &repository);
        let new = Release::new("1.1", counter, 2900);
        repository.release(new.clone());
        change(&mut repository);
        Self {
            unit,
            evidence: Rc::new(repository.evidence(path, 2)),
            repository: Rc::new(repository),
            new: Rc::new(new),
            healthy,
            confirmed: false,
            confirmed_at: None,
            before: None,
        }
    }

    fn update(layout: &'static Layout, counter: u64, healthy: bool) -> Self {
        Self::new(layout, counter, healthy, |_| {}, "band/1.1")
    }

    fn offer(&mut self) -> Result<(), Stop> {
        let (evidence, new) = (self.evidence.clone(), self.new.clone());
        self.lit(|unit| upload::candidate(&mut unit.chip(), &evidence, &new.image))
    }

    fn send(&mut self) -> Result<(), Stop> {
        let evidence = self.evidence.clone();
        self.lit(|unit| unit.send(&evidence))
    }

    fn lit(&mut self, act: impl FnOnce(&mut Wearable) -> Result<(), Refused>) -> Result<(), Stop> {
        match act(&mut self.unit) {
            _ if self.unit.flash.is_dark() => Err(Stop::Dark),
            // After a cut the same act may come at a moment when it is rightly refused.
            Ok(()) | Err(Refused::TrialOpen) => Ok(()),
            Err(other) => Err(Stop::Broken(format!("refused: {other}"))),
        }
    }

    /// Boots until nothing more happens.
    pub fn settle(&mut self) -> Result<(), Stop> {
        for _ in 0..8 {
            let hand_over = self.unit.boot();
            if self.unit.flash.is_dark() {
                return Err(Stop::Dark);
            }
            self.witness()?;
            match hand_over {
                HandOver::Recovery(reason) => {
                    return broken(format!("recovery: {reason}"));
                }
                HandOver::Jump { trial } => {
                    self.witness_jump(trial.is_some())?;
                    match trial {
                        None => return Ok(()),
                        Some(id) if self.healthy => {
                            // The application that confirms is the one the witness has just seen.
                            self.confirmed = true;
                            self.confirmed_at.get_or_insert(self.unit.flash.trace.len());
                            self.lit(|unit| unit.confirm(id))?;
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        broken("it never settles")
    }

    fn witness_jump(&mut self, trial: bool) -> Result<(), Stop> {
        let record = self.unit.record();
        if !self.unit.is_at_rest() {
            return broken("the banks differ at the jump");
        }
        if record.trial.is_some() != trial {
            return broken("a trial is open and nobody says so");
        }
        let Some(expected) = record.expected() else {
            return broken("a jump into nothing");
        };
        let runs = [&old(), &*self.new]
            .into_iter()
            .find(|release| self.unit.runs(release))
            .map(|release| Digest::of(&release.image));
        if runs != Some(expected.sha256) {
            return broken("a jump into something that was not accepted");
        }
        Ok(())
    }

    /// What must be so at any moment, power or no power.
    pub fn witness(&mut self) -> Result<(), Stop> {
        let banks = trust::look(&mut self.unit.chip());
        let Some(record) = banks.record().copied() else {
            return broken("no trust bank can be read");
        };
        let new = Digest::of(&self.new.image);
        let is_new = |image: &Option<Image>| image.is_some_and(|image| image.sha256 == new);
        if is_new(&record.installed) && !self.confirmed {
            return broken("installed without a confirm");
        }
        let accepted = self
            .repository
            .releases
            .iter()
            .any(|release| release.name == self.new.name);
        if (is_new(&record.installed) || record.trial.is_some()) && !accepted {
            return broken("a refused image was accepted");
        }
        let pages = counter::look(&mut self.unit.chip())
            .value
            .map_or(0, |value| value.0);
        if pages > record.counter.0 {
            return broken("the counter runs ahead of what confirmed");
        }
        let counter = pages.max(record.counter.0);
        if let Some((before, counter_before)) = &self.before {
            let rolled_back = record.sequence < before.sequence
                || record.root.version < before.root.version
                || record.floor < before.floor
                || record.root.version == before.root.version
                    && (record.versions.timestamp < before.versions.timestamp
                        || record.versions.product < before.versions.product
                        || record.minimum_counter < before.minimum_counter);
            if rolled_back {
                return broken("trust went back");
            }
            if counter < *counter_before {
                return broken("the counter went back");
            }
        }
        // Of an interrupted commit only the first half may stand: it counts from now on.
        if !matches!(banks, Banks::Single { .. }) {
            self.before = Some((record, counter));
        }
        Ok(())
    }
}

/// The act, and the boots that follow.
pub fn run(story: &Story, world: &mut World) -> Result<(), Stop> {
    (story.act)(world)?;
    world.settle()
}

fn broken<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Broken(what.into()))
}

pub const UPDATE: Story = Story {
    name: "install, trial, confirm",
    prepare: |layout| World::update(layout, 2, true),
    act: World::offer,
    ends_well: |world| world.unit.runs(&world.new) && world.unit.counter() == Some(2),
};

pub const SICK: Story = Story {
    name: "install, trial, revert",
    prepare: |layout| World::update(layout, 2, false),
    act: World::offer,
    ends_well: |world| world.unit.runs(&old()) && world.unit.counter() == Some(1),
};

pub const ROTATION: Story = Story {
    name: "root rotation by evidence alone",
    prepare: |layout| {
        let rotate = |repository: &mut Repository| {
            repository.renew_root().demand(1);
        };
        World::new(layout, 2, true, rotate, "band/")
    },
    act: World::send,
    ends_well: |world| {
        world.unit.record().root.version == 2 && world.unit.record().minimum_counter.0 == 1
    },
};

pub const KEY_CHANGE: Story = Story {
    name: "online key change with a sick release",
    prepare: |layout| {
        let change = |repository: &mut Repository| {
            repository.replace_online_key(9);
        };
        World::new(layout, 2, false, change, "band/1.1")
    },
    act: World::offer,
    ends_well: |world| {
        world.unit.runs(&old())
            && world.unit.record().root.version == 2
            && world.unit.record().versions.timestamp == 1
    },
};

pub const JUMP: Story = Story {
    name: "counter page turn",
    prepare: |layout| World::update(layout, 5000, true),
    act: World::offer,
    ends_well: |world| world.unit.runs(&world.new) && world.unit.counter() == Some(5000),
};

pub const REFUSAL: Story = Story {
    name: "refused candidate and log page turn",
    prepare: |layout| {
        // The evidence is sound and speaks of a release that nobody signed; the log has one free place.
        let unsign = |repository: &mut Repository| {
            repository.releases.pop();
        };
        let mut world = World::new(layout, 2, true, unsign, "band/1.1");
        fill_log(&mut world.unit);
        world
    },
    act: World::offer,
    ends_well: |world| world.unit.runs(&old()) && world.unit.logged(Kind::RefusedCandidate) >= 1,
};

pub const RESTORE: Story = Story {
    name: "damaged active slot, former image restored",
    prepare: |layout| {
        let mut world = World::update(layout, 1, true);
        world
            .offer()
            .and_then(|()| world.settle())
            .expect("an update of equal counter");
        world.unit.damage(layout.active, 1000);
        world
    },
    act: |_| Ok(()),
    ends_well: |world| world.unit.runs(&old()),
};

pub const REPAIR: Story = Story {
    name: "trust bank repair",
    prepare: |layout| {
        let mut world = World::update(layout, 2, true);
        world.unit.damage(layout.bank(trust::Bank::A), 18);
        world
    },
    act: |_| Ok(()),
    ends_well: |world| world.unit.is_at_rest(),
};

pub const DAMAGED_TRIAL: Story = Story {
    name: "damaged trial goes back",
    prepare: |layout| {
        let mut world = World::update(layout, 2, false);
        world.offer().expect("uploaded");
        world.unit.boot_to_trial();
        world.unit.damage(layout.active, 1000);
        world
    },
    act: |_| Ok(()),
    ends_well: |world| world.unit.runs(&old()),
};

pub const ALL: [Story; 9] = [
    UPDATE,
    SICK,
    ROTATION,
    KEY_CHANGE,
    JUMP,
    REFUSAL,
    RESTORE,
    REPAIR,
    DAMAGED_TRIAL,
];

fn fill_log(unit: &mut Wearable) {
    let kinds = [Kind::DebugSession, Kind::RefusedEvidence, Kind::TrialFailed];
    let free = unit.layout.erase / 32 - 2;
    for nth in 1..free {
        let kind = kinds[nth as usize % kinds.len()];
        log::append(&mut unit.chip(), kind, nth, Instant(1)).expect("appended");
    }
}
