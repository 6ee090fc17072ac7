//! The folder here to which a folder comes.

use crate::{
    consume::{
        download::blocking,
        journal::Row,
        transfer::{Conflict, Reason},
        transfers::Job,
        trouble::Trouble,
    },
    path,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder here: made by this copy, or there already and asked for. True when it may hold something.
pub(super) async fn root(job: &Job, row: &Row) -> Result<(PathBuf, bool), Trouble> {
    let copy = &row.transfer;
    let folder = copy.local_path.parent().unwrap_or(Path::new("/")).to_owned();
    if row.placing {
        // An earlier try has chosen it; it may have been removed since.
        let root = copy.local_path.clone();
        let made = root.clone();
        blocking(move || fs::create_dir_all(&made).map_err(|error| Trouble::local(&error, &made))).await?;
        return Ok((root, true));
    }
    for number in 1..1_000 {
        let root = folder.join(path::numbered(&row.wanted, number));
        let may_hold = match (make_root(root.clone()).await?, copy.conflict) {
            (Root::New, _) => false,
            (Root::There, Conflict::Replace | Conflict::Skip) => true,
            (Root::There | Root::Taken, Conflict::KeepBoth) => continue,
            (Root::There | Root::Taken, _) => break,
        };
        // Not before it is made: until then it may be somebody else's.
        let chosen = root.clone();
        let saved = job.save(|row| (row.placing, row.transfer.local_path) = (true, chosen)).await;
        if saved.is_err() && !may_hold {
            // The next try makes it again; nothing is in it.
            let _ = tokio::fs::remove_dir(&root).await;
        }
        return saved.map(|()| (root, may_hold));
    }
    let taken = folder.join(&row.wanted);
    Err(Trouble::Final(Reason::Exists, format!("{} is there already.", taken.display())))
}

/// What was found where the folder of a copy goes.
enum Root {
    New,
    There,
    /// Something that is no folder.
    Taken,
}

async fn make_root(root: PathBuf) -> Result<Root, Trouble> {
    blocking(move || match fs::create_dir(&root) {
        Ok(()) => Ok(Root::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::metadata(&root).is_ok_and(|there| there.is_dir());
            Ok(if is_folder { Root::There } else { Root::Taken })
        }
        Err(error) => Err(Trouble::local(&error, &root)),
    })
    .await
}
