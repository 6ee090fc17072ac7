//! What a copied folder may replace in a folder that is there: the files that were there when the copy first looked, as
//! they were then.
//!
//! It is written down before anything is replaced, so that a copy that goes on after a night does not take what was
//! written that night for what a person agreed to lose. A folder of this computer is looked at as soon as the copy begins,
//! one of another device when that first answers. Another decision of the person lets the copy look anew.

use super::Item;
use crate::{
    consume::{
        download::blocking,
        journal::{Row, Told},
        transfer::{Conflict, Direction},
        transfers::Job,
        trouble::Trouble,
    },
    disk,
    frames::Replaces,
    path,
    wire::TREE,
};
use std::{collections::HashMap, fs, path::Path};

/// Versions of files by their paths in the copy.
pub(super) type Versions = HashMap<String, String>;

/// What was there when the copy first looked.
pub(super) struct Seen {
    /// None when nothing is replaced.
    versions: Option<Versions>,
}

/// Looks at the folder here to which a folder comes, before that waits for its turn or for the other device.
pub(in crate::consume) async fn look_here_first(job: &Job) -> Result<(), Trouble> {
    let Some(row) = job.row() else { return Ok(()) };
    let copy = &row.transfer;
    let comes = copy.direction == Direction::Download && copy.tree.is_some();
    if !comes || copy.conflict != Conflict::Replace || row.looked {
        return Ok(());
    }
    let (root, stop) = (copy.local_path.clone(), job.stop.clone());
    let versions = blocking(move || Ok(here(&root, &|| stop.is_cancelled()))).await?;
    if job.stop.is_cancelled() {
        return Err(Trouble::Interrupted);
    }
    job.saw(versions).await
}

/// The files below a folder here. What cannot be looked at, and what is more than a tree may have, is not in it, and so
/// not replaced either. Links are not followed.
fn here(root: &Path, stopped: &dyn Fn() -> bool) -> Versions {
    let mut versions = Versions::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if stopped() || versions.len() >= TREE {
                return versions;
            }
            let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
            let Some(name) = name.to_str().filter(|name| !path::is_reserved(name)) else { continue };
            let below = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
            if kind.is_dir() {
                folders.push((entry.path(), below));
            } else if kind.is_file()
                && let Some(version) = disk::version(&entry.path())
            {
                versions.insert(below, version);
            }
        }
    }
    versions
}

impl Seen {
    /// What was written down.
    pub(super) async fn before(job: &Job, row: &Row) -> Result<Self, Trouble> {
        let versions = match row.transfer.conflict {
            Conflict::Replace => Some(job.seen().await?),
            Conflict::Refuse | Conflict::KeepBoth | Conflict::Skip => None,
        };
        Ok(Self { versions })
    }

    /// The same; at the first try `now` is written down, as far as it is about what the copy is to bring.
    pub(super) async fn first(job: &Job, row: &Row, files: &[Item], now: &Versions) -> Result<Self, Trouble> {
        if row.transfer.conflict == Conflict::Replace && !row.looked {
            let of = |item: &Item| Some((item.copy.clone(), now.get(&item.copy)?.clone()));
            job.saw(files.iter().filter_map(of).collect()).await?;
        }
        Self::before(job, row).await
    }

    /// What a file may take the place of. `ours` is the version that is there now, when an earlier try brought it.
    pub(super) fn replaces(&self, item: &Item, ours: Option<&String>) -> Replaces {
        let Some(versions) = &self.versions else { return Replaces::Anything };
        match ours.or_else(|| versions.get(&item.copy)) {
            Some(version) => Replaces::Version(version.clone()),
            None => Replaces::Nothing,
        }
    }
}

/// Whether what is there has the size and time of what was brought: nobody has touched it since.
pub(super) fn untouched(told: &Told, item: &Item, size: u64, modified: Option<i64>) -> bool {
    told.note.copy == item.copy && told.modified.is_some() && (told.size, told.modified) == (size, modified)
}
