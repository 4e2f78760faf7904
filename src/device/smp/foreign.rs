//! A device on a line that has another bootloader than ours, as `MCUboot`.
//!
//! Takes an image, gives what its slots hold afterwards. It knows nothing of evidence: whoever sends here has judged at the
//! desk, and the device decides by its own rules.

use std::thread::sleep;
use std::time::Duration;

use mcumgr_toolkit::MCUmgrClient;

use super::commands::AskUnit;
use super::{answering, bootloader, come_back, told, upload};
use crate::device::link::{LinkError, Sent};
use crate::device::target::Target;

/// Such a device, held by this process alone.
pub struct Foreign {
    target: Target,
    client: MCUmgrClient,
    bootloader: String,
}

/// What a slot holds, as the device says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slot {
    /// Its number.
    pub slot: u32,
    /// The version in the image's header.
    pub version: String,
    /// The digest that the device lists.
    pub hash: Vec<u8>,
    /// Whether it runs.
    pub active: bool,
    /// Whether it stays.
    pub confirmed: bool,
    /// Whether the next reset starts it.
    pub pending: bool,
}

impl Foreign {
    /// Opens the line; a device of ours is refused.
    pub fn open(target: &Target) -> Result<Self, LinkError> {
        let client = answering(target)?;
        if client.raw_command(&AskUnit {}).is_ok() {
            return Err(LinkError::Ours {
                target: target.to_string(),
            });
        }
        Ok(Self {
            target: target.clone(),
            bootloader: bootloader(&client),
            client,
        })
    }

    /// What it says of its bootloader.
    pub fn bootloader(&self) -> &str {
        &self.bootloader
    }

    /// Its slots.
    pub fn slots(&self) -> Result<Vec<Slot>, LinkError> {
        slots(&self.client).map_err(|error| told(&error))
    }

    /// Uploads an image, has it tried at the next reset, resets, and gives the digest that was to be tried and the slots then.
    pub fn update(
        &mut self,
        image: &[u8],
        sent: &mut Sent<'_>,
    ) -> Result<(Vec<u8>, Vec<Slot>), LinkError> {
        upload(&self.client, image, sent).map_err(|error| told(&error))?;
        let uploaded = self.slots()?.into_iter().find(|slot| slot.slot == 1);
        let uploaded = uploaded.ok_or_else(|| LinkError::Answer {
            said: "no image in the second slot after the upload".to_owned(),
        })?;
        let test = self.client.image_set_state(Some(&uploaded.hash), false);
        test.map_err(|error| told(&error))?;
        let reset = self.client.os_system_reset(false, None);
        reset.map_err(|error| told(&error))?;
        sleep(SETTLE);
        let slots = come_back(&self.target, &mut self.client, |client| {
            let slots = slots(client)?;
            // As long as it waits for the reset, it has not been reset.
            Ok((!slots.iter().any(|slot| slot.pending)).then_some(slots))
        })?;
        Ok((uploaded.hash, slots))
    }
}

fn slots(client: &MCUmgrClient) -> Result<Vec<Slot>, mcumgr_toolkit::client::MCUmgrClientError> {
    let images = client.image_get_state()?;
    let ours = images.into_iter().filter(|image| image.image == 0);
    Ok(ours
        .map(|image| Slot {
            slot: image.slot,
            version: image.version,
            hash: image.hash.unwrap_or_default(),
            active: image.active,
            confirmed: image.confirmed,
            pending: image.pending,
        })
        .collect())
}

/// How long a device may take to begin its reset.
const SETTLE: Duration = Duration::from_millis(500);
