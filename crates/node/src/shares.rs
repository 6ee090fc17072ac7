//! What this computer offers, to whom. The gate that every door asks.
//!
//! The rule for one request is `trust`'s `decide`; this module only keeps the table, in memory and in the
//! store, counts what is brought, and tells front ends and neighbours when something changes. What is behind a
//! share (a queue, a folder) is served by the rooms that ask the gate. Questions to the owner wait in `asks`.

mod behind;
mod folder;
mod gate;
mod kept;
mod offer;
mod passes;
mod permit;
mod rules;
mod tally;
mod watch;

pub use behind::share_disc;
pub(crate) use behind::{let_go, targets};
pub(crate) use gate::OpenPrinter;
pub use kept::MIGRATIONS;
pub(crate) use kept::folders_in;
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
    core::from_store,
    mounts,
    names::{self, Named},
    printing,
};
use lanyard_api::{ApiError, Change, ErrorCode, Grant, Millis, Share, ShareKind, SharePolicy};
use lanyard_drive::offer::Medium;
use lanyard_print::QueueId;
use lanyard_store::{Store, StoreError};
use lanyard_trust::{Audience, Policy, ShareId, names::MAX_NAME, names::clean};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tally::Tally;
use tokio::sync::Notify;

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

impl Shares {
    /// Reads the shares. A row that makes no sense is skipped: it then offers nothing.
    ///
    /// # Errors
    /// When the store does.
    pub fn load(store: Store, clock: Clock, circle: Circle) -> Result<Self, StoreError> {
        let table = kept::load(&store, &clock)?
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
        let (id, entry) = (id.clone(), entry.clone());
        let policy = serde_json::to_string(&entry.policy).map_err(internal)?;
        let behind = serde_json::to_string(&entry.behind).map_err(internal)?;
        let work = move |store: &Store| kept::save(store, &id, &entry, [&policy, &behind]);
        self.store.run(work).await.map_err(from_store)
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
        self.store.run(move |store| kept::remove(store, &ids)).await.map_err(from_store)
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
    if mounts::is_at_a_mount(core, Path::new(&folder.path)) {
        let words =
            format!("“{}” has a drive of another computer in it, which is not yours to offer.", folder.path);
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
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

/// Eight base32 characters: short enough to type, and nothing depends on nobody guessing it.
fn random_id() -> Result<String, ApiError> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes).map_err(internal)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
