//! The mirror in the working directory: what is published, committed to git for everyone to review against.
//!
//! Takes a repository that was read back from the store and verified.

use super::PublishError;
use crate::durable;
use crate::repository::bench::Bench;
use crate::repository::papers::Papers;
use crate::repository::published::Published;
use crate::repository::staging::Staging;
use crate::role::name::RoleName;
use std::path::Path;

/// Brings the mirror up to date, then empties `staged/`. Papers come first: once the mirror says that all is published, nobody
/// looks into `staged/` for them.
pub(super) fn update(bench: &Bench<'_>, published: &Published) -> Result<(), PublishError> {
    Papers::of(bench.desk()).keep(published, bench.staging())?;
    write(&bench.desk().metadata(), published)?;
    Ok(Staging::clear(&bench.desk().staged())?)
}

pub(super) fn write(folder: &Path, published: &Published) -> Result<(), PublishError> {
    let io = |source| PublishError::Mirror {
        path: folder.display().to_string(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut keep = Vec::new();
    let below = published
        .offline_roles()
        .filter(|role| *role != RoleName::Root);
    for role in below.chain([RoleName::Snapshot]) {
        if let Some(signed) = published.signed(&role) {
            keep.push((role.file(signed.draft().version()), signed.file()));
        }
    }
    // In the store's order: what nobody asks for yet, then root, then what is current.
    for (version, root) in published.roots() {
        keep.push((RoleName::Root.file(*version), root.file()));
    }
    if let Some(signed) = published.signed(&RoleName::Timestamp) {
        keep.push((RoleName::Timestamp.file(0), signed.file()));
    }
    for (name, bytes) in &keep {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_deref() != Some(bytes) {
            durable::write(&path, bytes)?;
        }
    }
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry
            .map_err(io)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        // Roots are kept for ever: a device may still trust the oldest.
        let is_json = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "json");
        let old =
            is_json && !name.ends_with(".root.json") && !keep.iter().any(|(kept, _)| *kept == name);
        if old {
            std::fs::remove_file(folder.join(&name)).map_err(io)?;
        }
    }
    Ok(())
}
