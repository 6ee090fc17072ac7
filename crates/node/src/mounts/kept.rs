//! The table of mounts: what is to be where, and again after a start. How a drive appears is `how`: FUSE on Linux, and what
//! the system has for WebDAV on macOS and Windows.

use super::bookmarks;
#[cfg(windows)]
use super::explorer::{self as how, choose, prepare, real_place};
#[cfg(target_os = "macos")]
use super::finder as how;
#[cfg(target_os = "linux")]
use super::fuse as how;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use super::nowhere as how;
#[cfg(unix)]
use super::places::{choose, prepare, real_place};
use crate::{
    Core, confine,
    core::from_store,
    drives::{refused, remote},
    presence::{self, RemoteShare},
};
use lanyard_api::{ApiError, Change, ErrorCode, Mount, MountNote};
use lanyard_store::{Store, StoreError, rusqlite};
use lanyard_trust::{NodeId, ShareId};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Each takes a thread or two and a number of files.
const MOST: usize = 64;
/// What was written last has so long to go over when the node stops.
const AT_STOP: Duration = Duration::from_secs(2);

/// Between two tries to make one appear whose device is needed for it.
const AGAIN: Duration = Duration::from_secs(30);

/// A place that is ready, and whether it was made for this.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) dir: PathBuf,
    pub(super) made: bool,
}

#[derive(Default)]
pub(super) struct Table {
    rows: Mutex<BTreeMap<PathBuf, Row>>,
}

/// One mount.
struct Row {
    node: NodeId,
    share: ShareId,
    drive: String,
    device_name: String,
    at_start: bool,
    /// The folder was made for this and goes with it.
    made_dir: bool,
    mounted: Option<Arc<how::Mounted>>,
    /// Its device was not there when it was to be mounted; it is tried again.
    waits: bool,
    note: Option<MountNote>,
    detail: Option<String>,
}

impl Row {
    /// What it is called in a file manager.
    fn label(&self) -> String {
        format!("{} – {}", self.drive, self.device_name)
    }

    fn shown(&self, dir: &Path) -> Mount {
        Mount {
            dir: dir.to_string_lossy().into_owned(),
            drive_id: format!("{}@{}", self.share.0, self.node),
            drive: self.drive.clone(),
            device: self.node.to_string(),
            device_name: self.device_name.clone(),
            at_start: self.at_start,
            mounted: self.mounted.is_some(),
            note: self.note.clone(),
            detail: self.detail.clone(),
        }
    }
}

impl Table {
    pub(super) fn load(store: &Store) -> Result<Self, StoreError> {
        let sql = "SELECT dir, node, share, drive, device_name, made_dir FROM mount";
        let read = |row: &rusqlite::Row<'_>| {
            let node: String = row.get(1)?;
            let dir: String = row.get(0)?;
            Ok(node.parse().ok().map(|node| {
                let row = Row {
                    node,
                    share: ShareId(row.get(2)?),
                    drive: row.get(3)?,
                    device_name: row.get(4)?,
                    at_start: true,
                    made_dir: row.get(5)?,
                    mounted: None,
                    waits: false,
                    note: None,
                    detail: None,
                };
                Ok::<_, rusqlite::Error>((PathBuf::from(dir), row))
            }))
        };
        let rows: Vec<Option<Result<(PathBuf, Row), rusqlite::Error>>> =
            store.read(|c| c.prepare(sql)?.query_map([], read)?.collect())?;
        Ok(Self { rows: Mutex::new(rows.into_iter().flatten().flatten().collect()) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is mounted, or is to be, by its place.
#[must_use]
pub fn list(core: &Core) -> Vec<Mount> {
    core.mounts.table.lock().iter().map(|(dir, row)| row.shown(dir)).collect()
}

/// Whether a folder is in a mounted drive or around one, on systems where that is not told for each file: what others offer
/// to this computer is not passed on.
pub(crate) fn is_at_a_mount(core: &Core, folder: &Path) -> bool {
    if cfg!(target_os = "linux") {
        return false; // each file is looked at (`lanyard_drive::offer`)
    }
    // What a letter of a drive stands for, as Windows writes it in full.
    let is_dav = folder.to_string_lossy().contains(r"\DavWWWRoot\dav\");
    let touches = |dir: &Path| folder.starts_with(dir) || dir.starts_with(folder);
    is_dav || list(core).iter().any(|mount| touches(Path::new(&mount.dir)))
}

fn tell(core: &Core) {
    core.events.emit(Change::Mounts(list(core)));
}

/// Mounts again what is to be mounted at every start.
pub fn start(core: &Arc<Core>) {
    let dirs: Vec<PathBuf> = core.mounts.table.lock().keys().cloned().collect();
    let (settings, kept) = (core.settings.clone(), dirs.clone());
    // A node that was killed left its places in the file manager.
    core.tasks.spawn_blocking(move || bookmarks::keep_only(&settings, &kept));
    let core = Arc::clone(core);
    core.clone().tasks.spawn(async move {
        // Also what was not to come back.
        let _ = tokio::task::spawn_blocking(how::clean_up_all).await;
        if dirs.is_empty() {
            return;
        }
        for dir in dirs {
            again(&core, &dir).await;
        }
        tell(&core);
        let cancel = core.cancel.clone();
        let _ = cancel.run_until_cancelled(until_all_are_there(&core)).await;
    });
}

/// Tries again what could not appear because its device was away.
async fn until_all_are_there(core: &Arc<Core>) {
    loop {
        let waits = |(dir, row): (&PathBuf, &Row)| row.waits.then(|| dir.clone());
        let waiting: Vec<PathBuf> = core.mounts.table.lock().iter().filter_map(waits).collect();
        if waiting.is_empty() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
        for dir in waiting {
            again(core, &dir).await;
        }
        tell(core);
    }
}

/// Mounts something that was mounted when this node last ran. The device need not be there.
async fn again(core: &Arc<Core>, dir: &Path) {
    let (place, made) = {
        let rows = core.mounts.table.lock();
        (dir.to_owned(), rows.get(dir).is_some_and(|row| row.made_dir))
    };
    let ready = tokio::task::spawn_blocking(move || {
        how::clean_up(&place);
        if made && !place.exists() {
            let _ = fs::create_dir(&place); // what is wrong with it is said when it is mounted
        }
    });
    if ready.await.is_err() {
        return;
    }
    let share = core.mounts.table.lock().get(dir).map(|row| RemoteShare {
        node: row.node,
        share: row.share.clone(),
        name: row.drive.clone(),
        device_name: row.device_name.clone(),
        ask: false,
        identity: None,
    });
    let Some(share) = share else { return };
    let done = appear(core, &share, dir, None).await;
    if let Some(row) = core.mounts.table.lock().get_mut(dir) {
        match done {
            Ok(mounted) => {
                (row.waits, row.note, row.detail) = (false, None, how::advice(&mounted));
                row.mounted = Some(mounted);
            }
            Err(error) => {
                row.waits = how::NEEDS_THE_DEVICE;
                row.note = Some(MountNote::Failed { code: error.code });
                row.detail = Some(error.to_string());
            }
        }
    }
}

/// Takes all of it away before the node stops.
pub async fn stop(core: &Arc<Core>) {
    let mounted: Vec<Arc<how::Mounted>> =
        core.mounts.table.lock().values_mut().filter_map(|row| row.mounted.take()).collect();
    futures_util::future::join_all(mounted.iter().map(|mounted| mounted.unmount(AT_STOP))).await;
    let made = |(dir, row): (&PathBuf, &Row)| (row.made_dir && !row.at_start).then(|| dir.clone());
    let made: Vec<PathBuf> = core.mounts.table.lock().iter().filter_map(made).collect();
    for dir in made {
        // Only an empty one goes.
        let _ = fs::remove_dir(dir);
    }
    let stay = |(dir, row): (&PathBuf, &Row)| row.at_start.then(|| dir.clone());
    let stay: Vec<PathBuf> = core.mounts.table.lock().iter().filter_map(stay).collect();
    let settings = core.settings.clone();
    let _ = tokio::task::spawn_blocking(move || bookmarks::keep_only(&settings, &stay)).await;
}

/// Mounts a drive.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a place that cannot be used,
/// `no_fuse` where a part of the system is missing, `not_available` where this system cannot do it.
pub async fn mount(
    core: &Arc<Core>,
    drive: &str,
    dir: Option<String>,
    at_start: bool,
) -> Result<Mount, ApiError> {
    if confine::confinement().is_some_and(|confined| confined.holds()) {
        let words = "Lanyard runs confined here (--confined), and a confined program cannot mount anything.";
        return Err(ApiError::new(ErrorCode::NotAvailable, words));
    }
    if core.mounts.table.lock().len() >= MOST {
        return Err(ApiError::new(ErrorCode::Busy, format!("{MOST} drives are mounted already.")));
    }
    let share = presence::find_drive(core, drive)?;
    // Said before anything is made: a drive that cannot be reached now is not mounted by hand.
    let top = remote(core, &share).stat(&lanyard_drive::path::SharePath::top()).await;
    let top = top.map_err(|error| refused(&error, &share.device_name, &share.name))?;
    let home = directories::BaseDirs::new();
    let home = home.as_ref().map(directories::BaseDirs::home_dir);
    let dir = choose(home, dir, &share.name, &share.device_name)?;
    let dir = tokio::task::spawn_blocking(move || real_place(dir)).await;
    let dir = dir.map_err(|_| ApiError::new(ErrorCode::Stopping, "Stopping."))?;
    if list(core).iter().any(|mount| mount.mounted && Path::new(&mount.dir) == dir) {
        let words = format!("A drive is mounted at {} already.", dir.display());
        return Err(ApiError::new(ErrorCode::Exists, words));
    }
    let preparing = Arc::clone(core);
    let preparing = tokio::task::spawn_blocking(move || {
        how::clean_up(&dir);
        prepare(&preparing, &dir)
    });
    let Place { dir, made } =
        preparing.await.map_err(|_| ApiError::new(ErrorCode::Stopping, "Stopping."))??;
    let mounted = match appear(core, &share, &dir, Some(top)).await {
        Ok(mounted) => mounted,
        Err(error) => {
            if made {
                let _ = fs::remove_dir(&dir);
            }
            return Err(error);
        }
    };
    let row = Row {
        node: share.node,
        share: share.share,
        drive: share.name,
        device_name: share.device_name,
        at_start,
        made_dir: made,
        detail: how::advice(&mounted),
        mounted: Some(mounted),
        waits: false,
        note: None,
    };
    let shown = row.shown(&dir);
    if at_start {
        keep(core, &dir, &row).await?;
    }
    let (settings, place, label) = (core.settings.clone(), dir.clone(), row.label());
    core.mounts.table.lock().insert(dir, row);
    tell(core);
    let _ = tokio::task::spawn_blocking(move || bookmarks::add(&settings, &place, &label)).await;
    Ok(shown)
}

/// Makes it appear, and notices when somebody else takes it away.
async fn appear(
    core: &Arc<Core>,
    share: &RemoteShare,
    dir: &Path,
    top: Option<lanyard_drive::wire::Stat>,
) -> Result<Arc<how::Mounted>, ApiError> {
    let mounted = how::appear(core, share, dir, top).await?;
    let mounted = Arc::new(mounted);
    let (watched, ended, place) = (Arc::clone(core), mounted.ended(), dir.to_owned());
    let this = Arc::downgrade(&mounted);
    core.tasks.spawn(async move {
        tokio::select! {
            () = watched.cancel.cancelled() => return,
            () = ended.cancelled() => {}
        }
        gone(&watched, &place, &this);
    });
    Ok(mounted)
}

/// Somebody has unmounted it (`fusermount3 -u`, Finder): it is not there any more, and comes back only at the next start.
fn gone(core: &Core, dir: &Path, this: &std::sync::Weak<how::Mounted>) {
    let mut rows = core.mounts.table.lock();
    let Some(row) = rows.get_mut(dir) else { return };
    let same = row.mounted.as_ref().is_some_and(|mounted| std::ptr::eq(Arc::as_ptr(mounted), this.as_ptr()));
    if !same {
        return;
    }
    row.mounted = None;
    row.note = Some(MountNote::Elsewhere);
    row.detail = Some(how::GONE.to_owned());
    let stays = row.at_start;
    if !stays {
        rows.remove(dir);
    }
    drop(rows);
    if !stays {
        let (settings, place) = (core.settings.clone(), dir.to_owned());
        core.tasks.spawn_blocking(move || bookmarks::remove(&settings, &place));
    }
    tell(core);
}

/// Keeps what there is to tell the owner of a mount.
#[cfg(target_os = "linux")]
pub(super) fn note(core: &Core, dir: &Path, note: MountNote, words: String) {
    if let Some(row) = core.mounts.table.lock().get_mut(dir) {
        (row.note, row.detail) = (Some(note), Some(words));
    }
    tell(core);
}

/// Takes a mount away.
///
/// # Errors
/// `not_found` when there is none at that place, `busy` when it was to be done with care and programs use files there.
pub async fn unmount(core: &Arc<Core>, dir: &str, careful: bool) -> Result<(), ApiError> {
    let asked = PathBuf::from(dir.trim_end_matches('/'));
    let real = tokio::task::spawn_blocking(move || real_place(asked)).await;
    let real = real.map_err(|_| ApiError::new(ErrorCode::Stopping, "Stopping."))?;
    let place = {
        let rows = core.mounts.table.lock();
        rows.get(&real).map(|row| (real, row.mounted.clone(), row.made_dir))
    };
    let Some((place, mounted, made)) = place else {
        return Err(ApiError::new(ErrorCode::NotFound, format!("Nothing of Lanyard's is mounted at {dir}.")));
    };
    if let Some(mounted) = mounted {
        how::leave(&mounted, &place, careful).await?;
    }
    core.mounts.table.lock().remove(&place);
    let (settings, bookmark) = (core.settings.clone(), place.clone());
    let _ = tokio::task::spawn_blocking(move || bookmarks::remove(&settings, &bookmark)).await;
    if made {
        let _ = fs::remove_dir(&place);
    }
    let text = place.to_string_lossy().into_owned();
    let forget = move |store: &Store| store.write(|t| t.execute("DELETE FROM mount WHERE dir = ?1", [&text]));
    core.store.run(forget).await.map_err(from_store)?;
    tell(core);
    Ok(())
}

async fn keep(core: &Core, dir: &Path, row: &Row) -> Result<(), ApiError> {
    let values = (
        dir.to_string_lossy().into_owned(),
        row.node.to_string(),
        row.share.0.clone(),
        row.drive.clone(),
        row.device_name.clone(),
        row.made_dir,
    );
    let sql = "INSERT OR REPLACE INTO mount (dir, node, share, drive, device_name, made_dir)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let save = move |store: &Store| store.write(|t| t.execute(sql, values));
    core.store.run(save).await.map(|_| ()).map_err(from_store)
}
