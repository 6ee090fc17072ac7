//! What this computer offers, to whom. The gate that every door asks.
//!
//! The rule for one request is `trust`'s `decide`; this module only keeps the table, in memory and in the
//! store, counts what is brought, and tells front ends and neighbours when something changes. What is behind a
//! share (a queue, a folder) is served by the rooms that ask the gate. Questions to the owner wait in `asks`.

mod behind;
mod folder;
mod gate;
mod offer;
mod passes;
mod permit;
mod rules;
mod tally;
mod watch;

pub use behind::share_disc;
pub(crate) use behind::{let_go, targets};
pub(crate) use gate::OpenPrinter;
pub use offer::offers_for;
pub(crate) use passes::{grant_pass, revoke_passes};
pub use permit::{always, once, regrant, standing};
pub use watch::start;

use behind::Behind;
use rules::{ends, whom};

use crate::{
    Core, asks,
    circle::Circle,
    clock::Clock,
    confine,
    names::{self, Named},
    printing,
};
use lanyard_api::{ApiError, Change, ErrorCode, Grant, Millis, Share, ShareKind, SharePolicy};
use lanyard_drive::offer::Medium;
use lanyard_print::QueueId;
use lanyard_store::{Migrations, Store, StoreError, rusqlite};
use lanyard_trust::{Audience, Policy, ShareId, Until, names::MAX_NAME, names::clean};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tally::Tally;
use tokio::sync::Notify;

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "share",
    steps: &[
        "CREATE TABLE share (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('printer', 'folder')),
        name TEXT NOT NULL,
        target TEXT NOT NULL,
        audience TEXT NOT NULL,
        writable INTEGER NOT NULL,
        until INTEGER,
        created_at INTEGER NOT NULL
    ) STRICT;",
        // `audience` was a list of classes and `until` a time of day; both now stand in `policy` with all that a
        // rule can say.
        "ALTER TABLE share ADD COLUMN policy TEXT;",
        // What limited callers have brought today, `who` as `Subject::id` tells it.
        "CREATE TABLE share_use (
        share TEXT NOT NULL,
        who TEXT NOT NULL,
        day INTEGER NOT NULL,
        jobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (share, who)
    ) STRICT, WITHOUT ROWID;",
        "ALTER TABLE share_use ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;",
        // What a folder is on, when that comes and goes. A disc is a folder whose target is an image or a drive.
        "ALTER TABLE share ADD COLUMN behind TEXT;",
    ],
};

/// More shares than this would not fit a neighbour's list, and no owner wants them.
const MAX_SHARES: usize = 256;

/// The shares, in memory and in the store.
pub struct Shares {
    store: Store,
    clock: Clock,
    circle: Circle,
    table: RwLock<BTreeMap<ShareId, Entry>>,
    /// Wakes the watcher when there is something new to watch.
    changed: Notify,
    looks: watch::Looks,
    tally: Mutex<Tally>,
    /// Rung when somebody may use something now that they might not before, or the other way round.
    retell: Notify,
}

/// One share and what is known of the thing behind it.
#[derive(Clone, Debug)]
struct Entry {
    kind: ShareKind,
    name: String,
    target: String,
    policy: Policy,
    created_at: Millis,
    available: bool,
    /// Free and total bytes of the disk behind a folder, as last seen.
    disk: Option<(u64, u64)>,
    /// What a folder is on.
    behind: Behind,
    /// Whether that is in, as last seen, and by what it is noticed that it changed.
    medium: Medium,
    stamp: Option<String>,
    /// The owner wants to take this out: it is not served again before it has been out.
    left: Option<Medium>,
}

/// The shared folders of a node that does not run, for whoever must know them before it starts.
pub(crate) fn folders_in(store: &Path) -> Vec<PathBuf> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = rusqlite::Connection::open_with_flags(store, flags)?;
        let mut statement = connection.prepare("SELECT target FROM share WHERE kind = 'folder'")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    // A store that is not there yet, or damaged, shares nothing.
    read().unwrap_or_default().into_iter().map(PathBuf::from).collect()
}

impl Shares {
    /// Reads the shares. A row that makes no sense is skipped: it then offers nothing.
    ///
    /// # Errors
    /// When the store does.
    pub fn load(store: Store, clock: Clock, circle: Circle) -> Result<Self, StoreError> {
        let sql =
            "SELECT id, kind, name, target, audience, writable, until, created_at, policy, behind FROM share";
        let rows: Vec<(ShareId, Option<Entry>)> =
            store.read(|c| c.prepare(sql)?.query_map([], |found| row(found, &clock))?.collect())?;
        let table = rows
            .into_iter()
            .filter_map(|(id, entry)| {
                if entry.is_none() {
                    tracing::error!(share = %id, "a share that makes no sense is not offered");
                }
                Some((id, entry?))
            })
            .collect();
        let tally = Mutex::new(gate::load(&store, clock.now().wall)?);
        Ok(Self {
            tally,
            retell: Notify::new(),
            store,
            clock,
            circle,
            table: RwLock::new(table),
            changed: Notify::new(),
            looks: watch::Looks::default(),
        })
    }

    /// The name of a share and of the queue behind it, for job rows and logs.
    pub fn name_of(&self, share: &ShareId) -> Option<String> {
        self.read().get(share).map(|entry| entry.name.clone())
    }

    /// The share that offers a queue, if any.
    pub fn share_of_queue(&self, queue: &QueueId) -> Option<ShareId> {
        self.share_of(ShareKind::Printer, &queue.0)
    }

    fn share_of(&self, kind: ShareKind, target: &str) -> Option<ShareId> {
        let table = self.read();
        table.iter().find(|(_, e)| e.kind == kind && e.target == target).map(|(id, _)| id.clone())
    }

    fn list(&self) -> Vec<Share> {
        let mut shares: Vec<(Millis, Share)> =
            self.read().iter().map(|(id, entry)| (entry.created_at, entry.share(id))).collect();
        shares.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.id.cmp(&b.1.id)));
        shares.into_iter().map(|(_, share)| share).collect()
    }

    fn find(&self, query: &str) -> Result<ShareId, ApiError> {
        let table = self.read();
        if let Some((id, _)) = table.iter().find(|(_, entry)| entry.target == query) {
            return Ok(id.clone());
        }
        let things: Vec<Named<ShareId>> = table
            .iter()
            .map(|(id, entry)| Named {
                id: id.0.clone(),
                name: entry.name.clone(),
                device: String::new(),
                value: id.clone(),
            })
            .collect();
        names::find("share", query, &things)
    }

    /// The folder that a person means, and its name.
    pub(crate) fn folder_named(&self, query: &str) -> Result<(ShareId, String), ApiError> {
        let id = self.find(query)?;
        let table = self.read();
        match table.get(&id) {
            Some(entry) if entry.kind == ShareKind::Folder => Ok((id.clone(), entry.name.clone())),
            Some(entry) => Err(ApiError::new(ErrorCode::Invalid, format!("{} is not a folder.", entry.name))),
            None => Err(ApiError::new(ErrorCode::NotFound, format!("There is no share “{query}”."))),
        }
    }

    /// Adds a share, on the disk before it is in memory. Its name gets a number when it is taken.
    async fn add(&self, mut entry: Entry) -> Result<Share, ApiError> {
        if self.read().len() >= MAX_SHARES {
            return Err(ApiError::new(ErrorCode::Busy, format!("{MAX_SHARES} things are shared already.")));
        }
        if self.share_of(entry.kind, &entry.target).is_some() {
            return Err(ApiError::new(ErrorCode::Exists, format!("“{}” is shared already.", entry.name)));
        }
        entry.name = self.unique(&entry.name, None);
        let id = ShareId(random_id()?);
        self.save(&id, &entry).await?;
        let share = entry.share(&id);
        self.write().insert(id, entry);
        self.changed.notify_one();
        Ok(share)
    }

    async fn save(&self, id: &ShareId, entry: &Entry) -> Result<(), ApiError> {
        let policy = serde_json::to_string(&entry.policy).map_err(internal)?;
        let behind = serde_json::to_string(&entry.behind).map_err(internal)?;
        let (id, entry) = (id.clone(), entry.clone());
        let sql = "INSERT INTO share (id, kind, name, target, audience, writable, created_at, policy, behind)
            VALUES (?1, ?2, ?3, ?4, '[]', ?5, ?6, ?7, ?8)
            ON CONFLICT (id) DO UPDATE SET name = ?3, writable = ?5, policy = ?7";
        let work = move |store: &Store| {
            store.write(|t| {
                let kind = kind_word(entry.kind);
                t.execute(
                    sql,
                    (
                        &id.0,
                        kind,
                        &entry.name,
                        &entry.target,
                        entry.policy.write,
                        entry.created_at,
                        &policy,
                        &behind,
                    ),
                )
            })
        };
        self.store.run(work).await.map_err(from_store)?;
        Ok(())
    }

    /// Takes shares away: from memory first, so that nothing is served a moment longer than the owner wants.
    async fn remove(&self, ids: Vec<ShareId>) -> Result<(), ApiError> {
        {
            let mut table = self.write();
            let mut tally = self.tally();
            for id in &ids {
                table.remove(id);
                tally.forget(id);
            }
        }
        let work = move |store: &Store| {
            store.write(|t| {
                for id in &ids {
                    t.execute("DELETE FROM share WHERE id = ?1", [&id.0])?;
                    t.execute("DELETE FROM share_use WHERE share = ?1", [&id.0])?;
                }
                Ok(())
            })
        };
        self.store.run(work).await.map_err(from_store)
    }

    /// `name`, with a number when another share has it.
    fn unique(&self, name: &str, except: Option<&ShareId>) -> String {
        if !self.is_taken(name, except) {
            return name.to_owned();
        }
        let numbered = |n: usize| {
            let suffix = format!(" {n}");
            let mut room = MAX_NAME.saturating_sub(suffix.len()).min(name.len());
            while !name.is_char_boundary(room) {
                room -= 1;
            }
            format!("{}{suffix}", name[..room].trim_end())
        };
        // One more than there are shares is always free.
        (2..=MAX_SHARES + 2).map(numbered).find(|name| !self.is_taken(name, except)).unwrap_or_default()
    }

    fn is_taken(&self, name: &str, except: Option<&ShareId>) -> bool {
        let wanted = name.to_lowercase();
        self.read().iter().any(|(id, entry)| Some(id) != except && entry.name.to_lowercase() == wanted)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<ShareId, Entry>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<ShareId, Entry>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(
        kind: ShareKind,
        name: &str,
        target: String,
        audience: Vec<Grant>,
        until: Option<Millis>,
        core: (&Clock, &Circle),
    ) -> Result<Self, ApiError> {
        let (clock, circle) = core;
        let name = clean(name)
            .ok_or_else(|| ApiError::new(ErrorCode::Invalid, "A share needs a name that can be shown."))?;
        let now = clock.now();
        let grants = whom(audience, kind, clock, circle)?;
        let policy = Policy { grants, write: false, until: ends(until, clock)? }.sorted();
        Ok(Self {
            kind,
            name,
            target,
            policy,
            created_at: now.wall,
            available: true,
            disk: None,
            behind: Behind::Fixed,
            medium: Medium::Fixed,
            stamp: None,
            left: None,
        })
    }

    fn share(&self, id: &ShareId) -> Share {
        Share {
            id: id.0.clone(),
            kind: if self.kind == ShareKind::Folder { self.behind.kind() } else { self.kind },
            name: self.name.clone(),
            target: self.target.clone(),
            policy: SharePolicy {
                audience: self.policy.grants.iter().map(rules::shown).collect(),
                write: self.policy.write,
                until: self.policy.until.map(|until| until.at),
            },
            available: self.available,
        }
    }
}

/// The folders that this computer shares.
pub(crate) fn folders(core: &Core) -> Vec<PathBuf> {
    let table = core.shares.read();
    let folders = table.values().filter(|entry| entry.kind == ShareKind::Folder);
    folders.map(|entry| PathBuf::from(&entry.target)).collect()
}

/// Those of them that are here now, on the disk or drive that was meant.
pub(crate) fn folders_that_are_in(core: &Core) -> Vec<PathBuf> {
    let table = core.shares.read();
    let is_in = |entry: &&Entry| {
        entry.kind == ShareKind::Folder && matches!(entry.medium, Medium::Fixed | Medium::Drive(Some(_)))
    };
    table.values().filter(is_in).map(|entry| PathBuf::from(&entry.target)).collect()
}

/// All shares, for front ends, oldest first.
pub async fn list(core: &Core) -> Vec<Share> {
    watch::look(core).await;
    core.shares.list()
}

/// Offers a queue.
///
/// # Errors
/// `not_found`, `ambiguous`, `exists`.
pub async fn share_printer(
    core: &Arc<Core>,
    queue: String,
    name: Option<String>,
    audience: Vec<Grant>,
    until: Option<Millis>,
) -> Result<Share, ApiError> {
    let things: Vec<Named<lanyard_api::Queue>> = printing::queues(core)
        .await
        .into_iter()
        .map(|queue| Named {
            id: queue.id.clone(),
            name: queue.name.clone(),
            device: String::new(),
            value: queue,
        })
        .collect();
    let queue = names::find("print queue", &queue, &things)?;
    let name = name.unwrap_or(queue.name);
    let share = core
        .shares
        .add(Entry::new(ShareKind::Printer, &name, queue.id, audience, until, (&core.clock, &core.circle))?)
        .await?;
    tracing::info!(share = %share.id, "a printer is shared");
    changed(core);
    // Its row in the list of queues names the share now.
    core.events.emit(Change::Queues(printing::queues(core).await));
    Ok(share)
}

/// Offers a folder.
///
/// # Errors
/// `not_found`, `unreadable`, `invalid`, `exists`.
pub async fn share_folder(
    core: &Arc<Core>,
    path: String,
    name: Option<String>,
    write: bool,
    audience: Vec<Grant>,
    until: Option<Millis>,
) -> Result<Share, ApiError> {
    if !confine::allows(Path::new(&path)) {
        let detail = "This node is confined to the folders it was started with. Start it again with --allow and this folder.";
        return Err(ApiError::new(ErrorCode::NotAvailable, detail));
    }
    let data = core.data.root().to_owned();
    let checked = tokio::task::spawn_blocking(move || {
        let folder = folder::check(&path, &data, write)?;
        let on = behind::of_folder(Path::new(&folder.path));
        Ok::<_, ApiError>((folder, on))
    });
    let (folder, on) = checked.await.map_err(internal)??;
    let mut entry = Entry::new(
        ShareKind::Folder,
        &name.unwrap_or(folder.name),
        folder.path,
        audience,
        until,
        (&core.clock, &core.circle),
    )?;
    entry.policy.write = write;
    entry.disk = folder.disk;
    (entry.behind, entry.medium) = on;
    let share = core.shares.add(entry).await?;
    tracing::info!(share = %share.id, write, "a folder is shared");
    changed(core);
    Ok(share)
}

/// What is to be changed of a share; what is none stays as it is.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The name others see.
    pub name: Option<String>,
    /// Whether all who read a folder may write to it.
    pub write: Option<bool>,
    /// Who may use it; passes of guests stay.
    pub audience: Option<Vec<Grant>>,
    /// When it ends by itself; 0 means never.
    pub until: Option<Millis>,
}

/// Changes a share.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `exists`.
pub async fn change(core: &Arc<Core>, share: &str, wanted: Wanted) -> Result<Share, ApiError> {
    let Wanted { name, write, audience, until } = wanted;
    let id = core.shares.find(share)?;
    let unknown = || ApiError::new(ErrorCode::NotFound, "The share has just been taken back.");
    let mut entry = core.shares.read().get(&id).cloned().ok_or_else(unknown)?;
    if let Some(name) = name {
        let name = clean(&name)
            .ok_or_else(|| ApiError::new(ErrorCode::Invalid, "A share needs a name that can be shown."))?;
        if core.shares.is_taken(&name, Some(&id)) {
            return Err(ApiError::new(ErrorCode::Exists, format!("Something else is shared as “{name}”.")));
        }
        entry.name = name;
    }
    if let Some(write) = write {
        if entry.kind == ShareKind::Printer {
            return Err(ApiError::new(ErrorCode::Invalid, "Nobody writes to a printer; they print."));
        }
        if write && entry.behind.kind() == ShareKind::Disc {
            return Err(ApiError::new(ErrorCode::Invalid, "Nobody writes to a disc."));
        }
        entry.policy.write = write;
    }
    if let Some(audience) = audience {
        let mut grants = whom(audience, entry.kind, &core.clock, &core.circle)?;
        let passes = entry.policy.grants.iter().filter(|grant| matches!(grant.who, Audience::Guest(_)));
        grants.extend(passes.cloned());
        entry.policy.grants = grants;
        entry.policy = entry.policy.sorted();
    }
    match until {
        None => {}
        Some(0) => entry.policy.until = None,
        Some(at) => entry.policy.until = ends(Some(at), &core.clock)?,
    }
    core.shares.save(&id, &entry).await?;
    let share = {
        let mut table = core.shares.write();
        let kept = table.get_mut(&id).ok_or_else(unknown)?;
        kept.name = entry.name;
        kept.policy = entry.policy;
        kept.share(&id)
    };
    changed(core);
    Ok(share)
}

/// Takes a share back. Copies under way from it are cut at their next piece; jobs already accepted are printed.
///
/// # Errors
/// `not_found`, `ambiguous`.
pub async fn unshare(core: &Arc<Core>, share: &str) -> Result<(), ApiError> {
    let id = core.shares.find(share)?;
    let kind = core.shares.read().get(&id).map(|entry| entry.kind);
    tracing::info!(share = %id, "a share is taken back");
    let removed = core.shares.remove(vec![id]).await;
    changed(core);
    if kind == Some(ShareKind::Printer) {
        core.events.emit(Change::Queues(printing::queues(core).await));
    }
    removed
}

/// Tells front ends and neighbours.
fn changed(core: &Core) {
    core.events.emit(Change::Shares(core.shares.list()));
    core.presence.offers_changed();
    asks::sift(core);
}

fn row(row: &rusqlite::Row<'_>, clock: &Clock) -> rusqlite::Result<(ShareId, Option<Entry>)> {
    let kind = match row.get::<_, String>(1)?.as_str() {
        "printer" => Some(ShareKind::Printer),
        "folder" => Some(ShareKind::Folder),
        _ => None,
    };
    let policy = match row.get::<_, Option<String>>(8)? {
        Some(policy) => serde_json::from_str(&policy).ok(),
        None => old_policy(&row.get::<_, String>(4)?, row.get(5)?, row.get(6)?, clock),
    };
    let (name, target, created_at) = (row.get(2)?, row.get(3)?, row.get(7)?);
    // A share of which it is not known what it is on is not served from whatever is there.
    let behind =
        row.get::<_, Option<String>>(9)?.map_or(Some(Behind::Fixed), |text| serde_json::from_str(&text).ok());
    let entry = kind.zip(policy).zip(behind).map(|((kind, policy), behind)| Entry {
        kind,
        name,
        target,
        policy,
        created_at,
        available: true,
        disk: None,
        medium: behind.unseen(),
        behind,
        stamp: None,
        left: None,
    });
    Ok((ShareId(row.get(0)?), entry))
}

/// A rule from before there were homes: classes of subjects, one right to write, one time of day.
fn old_policy(audience: &str, write: bool, until: Option<Millis>, clock: &Clock) -> Option<Policy> {
    let audience: Vec<Audience> = serde_json::from_str(audience).ok()?;
    let grants = audience.into_iter().map(lanyard_trust::Grant::to).collect();
    Some(Policy { grants, write, until: until.map(|at| Until::at(at, &clock.now())) }.sorted())
}

fn kind_word(kind: ShareKind) -> &'static str {
    match kind {
        ShareKind::Printer => "printer",
        ShareKind::Folder | ShareKind::Disc => "folder",
    }
}

/// Eight base32 characters: short enough to type, and nothing depends on nobody guessing it.
fn random_id() -> Result<String, ApiError> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes).map_err(internal)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, error.to_string())
}

fn from_store(error: StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::DiskFull,
        StoreError::Closing => ErrorCode::Stopping,
        StoreError::Sqlite(_) => ErrorCode::Internal,
    };
    ApiError::new(code, error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
