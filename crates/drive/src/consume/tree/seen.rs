//! What a copied folder may replace in a folder that is there: the files that were there when the copy first looked, as
//! they were then.
//!
//! It is written down before anything is replaced, so that a copy that goes on after a night does not take what was
//! written that night for what a person agreed to lose. Another decision of that person lets the copy look anew.

use super::Item;
use crate::{
    consume::{
        journal::{Row, Told},
        transfer::Conflict,
        transfers::Job,
        trouble::Trouble,
    },
    frames::Replaces,
};
use std::collections::HashMap;

/// Versions of files by their paths in the copy.
pub(super) type Versions = HashMap<String, String>;

/// What was there when the copy first looked.
pub(super) struct Seen {
    /// None when nothing is replaced.
    versions: Option<Versions>,
}

impl Seen {
    /// `now` are the files that are there, of those that the copy is to bring. At the first try they are what was seen.
    pub(super) async fn first(job: &Job, row: &Row, files: &[Item], now: &Versions) -> Result<Self, Trouble> {
        if row.transfer.conflict != Conflict::Replace {
            return Ok(Self { versions: None });
        }
        if row.looked {
            return Ok(Self { versions: Some(job.seen().await?) });
        }
        let of = |item: &Item| Some((item.copy.clone(), now.get(&item.copy)?.clone()));
        let versions: Versions = files.iter().filter_map(of).collect();
        job.saw(versions.clone()).await?;
        Ok(Self { versions: Some(versions) })
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
