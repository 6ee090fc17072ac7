//! What a copied folder may replace in a folder that is there: the files that were there when the copy first looked, as
//! they were then.
//!
//! It is written down before anything is replaced, so that a copy that goes on after a night does not take what was
//! written that night for what a person agreed to lose. A folder of this computer is looked at as soon as the copy begins,
//! one of another device when that first answers. Another decision of the person lets the copy look anew.

use super::{Item, names::Folding};
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
    /// None when nothing is replaced. By what the paths are to the disk.
    versions: Option<Versions>,
    folding: Folding,
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
    /// What was written down, for a disk to which these names are one.
    pub(super) async fn before(job: &Job, row: &Row, folding: Folding) -> Result<Self, Trouble> {
        let versions = match row.transfer.conflict {
            Conflict::Replace => Some(job.seen().await?),
            Conflict::Refuse | Conflict::KeepBoth | Conflict::Skip => None,
        };
        Ok(Self::folded(versions, folding))
    }

    fn folded(versions: Option<Versions>, folding: Folding) -> Self {
        let fold = |(path, version): (String, String)| (folding.of(&path), version);
        Self { versions: versions.map(|versions| versions.into_iter().map(fold).collect()), folding }
    }

    /// The same; at the first try `now` is written down, as far as it is about what the copy is to bring.
    pub(super) async fn first(job: &Job, row: &Row, files: &[Item], now: &Versions) -> Result<Self, Trouble> {
        if row.transfer.conflict == Conflict::Replace && !row.looked {
            let of = |item: &Item| Some((item.copy.clone(), now.get(&item.copy)?.clone()));
            job.saw(files.iter().filter_map(of).collect()).await?;
        }
        // How the disk of another device compares names is not known.
        Self::before(job, row, Folding::default()).await
    }

    /// What a file may take the place of. `ours` is the version that is there now, when an earlier try brought it.
    pub(super) fn replaces(&self, item: &Item, ours: Option<&String>) -> Replaces {
        let Some(versions) = &self.versions else { return Replaces::Anything };
        match ours.or_else(|| versions.get(&self.folding.of(&item.copy))) {
            Some(version) => Replaces::Version(version.clone()),
            None => Replaces::Nothing,
        }
    }
}

/// Whether what is there has the size and time of what was brought: nobody has touched it since.
pub(super) fn untouched(told: &Told, item: &Item, size: u64, modified: Option<i64>) -> bool {
    told.note.copy == item.copy && told.modified.is_some() && (told.size, told.modified) == (size, modified)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_every_name_that_is_the_same_to_the_disk() {
        let item = |copy: &str| Item {
            path: copy.to_owned(),
            copy: copy.to_owned(),
            size: 1,
            modified: None,
            replaces: Replaces::Anything,
        };
        let there: Versions = [("In/Photo.JPG", "one"), ("in/caf\u{e9}", "two")]
            .map(|(path, version)| (path.to_owned(), version.to_owned()))
            .into();
        let version = |version: &str| Replaces::Version(version.to_owned());
        let exact = Seen::folded(Some(there.clone()), Folding::default());
        assert_eq!(exact.replaces(&item("In/Photo.JPG"), None), version("one"));
        assert_eq!(exact.replaces(&item("in/photo.jpg"), None), Replaces::Nothing, "another file there");

        let folding = Folding { ignores_case: true, ignores_form: true };
        let folding = Seen::folded(Some(there), folding);
        assert_eq!(folding.replaces(&item("in/photo.jpg"), None), version("one"));
        assert_eq!(folding.replaces(&item("IN/CAFE\u{301}"), None), version("two"));
        assert_eq!(folding.replaces(&item("in/other"), None), Replaces::Nothing);
        let ours = "ours".to_owned();
        assert_eq!(folding.replaces(&item("in/photo.jpg"), Some(&ours)), version("ours"));
    }
}
