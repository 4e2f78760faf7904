//! Which kind of repository is read: ours, as a device reads it, or somebody else's.
//!
//! A value, never a cargo feature: the same binary must be able to hold both and to say which one it used.

/// What is demanded beyond TUF itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What a device accepts: printable ASCII, Ed25519 keys only, hash and length of every metadata file pinned,
    /// `issued` in every role but snapshot, consistent snapshots, no unusual names.
    Device,
    /// Any repository that follows TUF 1.0, after a host front end has put it into canonical form.
    Foreign,
}

impl Profile {
    /// Whether this is the device's own, stricter reading.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::Device)
    }
}
