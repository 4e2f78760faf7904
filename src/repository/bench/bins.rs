//! Hashed bins on the bench: how many there are, and which key signs them. People sign that, like everything in targets.

use super::{Bench, BenchError};
use crate::key::PublicKey;
use crate::role::bins::{Bins, Count};
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::wire::{Hex, Key};

impl Bench<'_> {
    /// The bins there will be.
    pub fn bins(&self) -> Option<&Bins> {
        self.targets()?.delegations.bins.as_ref()
    }

    /// Shares the targets out among another number of bins, or gives the bins another key. `publish` makes the bins then.
    pub fn share_out(
        &mut self,
        count: Option<Count>,
        key: Option<PublicKey>,
    ) -> Result<(), BenchError> {
        self.refuse_stale()?;
        let bins = self.bins().cloned().ok_or(BenchError::NoBins)?;
        if let Some(key) = key {
            let id = Hex::from(key.id());
            if self
                .roles()
                .iter()
                .any(|role| self.keys_of(role).contains_key(&id))
            {
                return Err(BenchError::SharedKey(id));
            }
        }
        let mut draft = self.draft(&RoleName::Targets)?;
        if let Draft::Targets(targets) = &mut draft {
            let keyids = key.map_or(bins.keyids.clone(), |key| vec![Hex::from(key.id())]);
            let keys = key.map(|key| (Hex::from(key.id()), Key(key)));
            targets.delegations.keys.extend(keys);
            let count = count.unwrap_or(bins.count());
            targets.delegations.bins = Some(Bins::of(count, keyids, 1));
            targets.drop_unused_keys();
        }
        self.put(draft)?;
        self.settle()
    }

    /// Refuses what only a repository of products has.
    pub(super) fn refuse_bins(&self) -> Result<(), BenchError> {
        if self.bins().is_some() {
            Err(BenchError::Bins)
        } else {
            Ok(())
        }
    }
}
