//! What device.md... placeholder
mod promises;
mod signer;
mod wearable;
