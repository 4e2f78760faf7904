//! The members that metadata and records must have, so that a missing one can be named in one byte.

macro_rules! members {
    ($($variant:ident = $name:literal,)+) => {
        /// A member that must be there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the name of each is its text")]
        pub enum Member {
            $($variant,)+
        }

        impl Member {
            /// The member's name, with those of the objects it stands in.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

members! {
    Counter = "counter",
    CustomCuff = "custom.cuff",
    DelegationsKeys = "delegations.keys",
    DelegationsRoles = "delegations.roles",
    Expires = "expires",
    Format = "format",
    Hardware = "hardware",
    Hashes = "hashes",
    Images = "images",
    ImagesLength = "images.length",
    ImagesRegion = "images.region",
    ImagesSha256 = "images.sha256",
    Issued = "issued",
    KeyIds = "keyids",
    KeyType = "keytype",
    Keys = "keys",
    KeyvalPublic = "keyval.public",
    Kind = "kind",
    Length = "length",
    Meta = "meta",
    MetaSnapshotJson = "meta.snapshot.json",
    MetaTargetsJson = "meta.targets.json",
    MinimumBootloader = "minimum_bootloader",
    MinimumCounter = "minimum_counter",
    Name = "name",
    Product = "product",
    Roles = "roles",
    RolesRoot = "roles.root",
    RolesSnapshot = "roles.snapshot",
    RolesTargets = "roles.targets",
    RolesTimestamp = "roles.timestamp",
    Scheme = "scheme",
    SpecVersion = "spec_version",
    Targets = "targets",
    Threshold = "threshold",
    Type = "_type",
    Version = "version",
}
