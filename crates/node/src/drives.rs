//! Folders of others and copies in both directions, for front ends; and the door behind which ours are offered.
//!
//! What a name means, where a copy goes on this computer and how a failure reads is settled here; bytes are moved by
//! `lanyard-drive`.

pub mod change;
mod convert;
pub mod fetched;
pub mod look;
pub mod media;
mod places;
pub mod search;

use crate::{
    Core, StartError,
    core::Parts,
    home,
    inbox::Inbox,
    presence::{self, RemoteShare},
    sends,
};
pub(crate) use convert::refused;
use convert::{api, api_transfer};
use http::{Request, Response};
use lanyard_api::{ApiError, Change, Conflict, Document, Entry, ErrorCode, Listing, Transfer, TransferNote};
use lanyard_drive::{
    consume::{self, BeginError, NewDownload, NewUpload, Remote, RemoteError, Transfers},
    offer::{
        Folder, Offer,
        dav::{Dav, Mounted},
    },
    path::{self, SharePath},
    wire::{Code, IMAGE, Kind, SEND, Stat, is_send},
};
use lanyard_link::{Body, Caller, Incoming};
use lanyard_trust::{Gate, NodeId, ShareId, Subject};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// The two halves of drives.
pub struct Drives {
    offer: Arc<Offer>,
    dav: Arc<Dav>,
    /// Takes what others send to the inbox.
    inbox: Arc<Offer>,
    transfers: Transfers,
    ahead: consume::ahead::Ahead,
    /// Files a browser sent, on their way to another device.
    outgoing: PathBuf,
    searches: search::Searches,
    looks: look::Looks,
    media: media::Media,
    fetched: fetched::Fetched,
}

impl Drives {
    /// Opens this part; nothing runs yet.
    ///
    /// # Errors
    /// When something it needs cannot be read.
    pub fn open(parts: &Parts, inbox: &Arc<Inbox>) -> Result<Self, StartError> {
        let events = parts.events.clone();
        let changed =
            Arc::new(move |copy: &consume::Transfer| events.emit(Change::Transfer(api_transfer(copy))));
        let (store, peers) = (parts.store.clone(), parts.peers.clone());
        let transfers = Transfers::open(store, peers, parts.cancel.clone(), parts.tasks.clone(), changed)
            .map_err(|error| StartError::failed("reading the copies under way", error))?;
        let outgoing = parts.data.root().join("outgoing");
        let looks = look::Looks::open(parts.data.spool().join("looks"))?;
        let inbox = Offer::new(Arc::clone(inbox) as Arc<dyn Gate<Folder>>);
        let offer = Offer::new(parts.shares.clone());
        let dav = Dav::new(Arc::clone(&offer), parts.store.clone());
        Ok(Self {
            offer,
            dav,
            inbox,
            transfers,
            ahead: consume::ahead::Ahead::default(),
            outgoing,
            searches: search::Searches::default(),
            looks,
            media: media::Media::default(),
            fetched: fetched::Fetched::default(),
        })
    }
}

/// Starts this part's tasks: copies that were under way go on.
///
/// # Errors
/// When the system refuses something it cannot do without.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    let (outgoing, transfers) = (core.drives.outgoing.clone(), core.drives.transfers.all());
    let swept = tokio::task::spawn_blocking(move || places::sweep(&outgoing, &transfers)).await;
    if let Err(error) = swept {
        tracing::warn!(%error, "files that were to be sent could not be looked through");
    }
    let limit = core.settings.text(LIMIT).unwrap_or_default();
    core.drives.transfers.limit_all(limit.and_then(|rate| rate.parse().ok()).filter(|rate| *rate > 0));
    let sources = {
        let core = Arc::downgrade(core);
        move || core.upgrade().map(|core| presence::drives_of_the_home(&core)).unwrap_or_default()
    };
    core.drives.transfers.ask_also(Box::new(sources));
    core.drives.transfers.resume();
    sends::resume(core);
    change::start(core);
    Ok(())
}

/// Answers other nodes: `/v1/drives/…`.
pub async fn serve(
    core: Arc<Core>,
    _caller: Caller,
    subject: Subject,
    request: Request<Incoming>,
) -> Response<Body> {
    let below = request.uri().path().strip_prefix("/v1/drives/").unwrap_or_default();
    if let Some((share, inside)) = passed_on(below) {
        let (dav, inside) = (Arc::clone(&core.drives.dav), inside.to_owned());
        let name = core.shares.name_of(&share).unwrap_or_default();
        return Box::pin(dav.serve_passed_on(subject, share, name, &inside, request)).await;
    }
    let offer = if below.starts_with(SEND) { &core.drives.inbox } else { &core.drives.offer };
    Arc::clone(offer).serve(subject, request).await
}

/// A request of a program on another computer, which its node passes on: the share, and the rest of the path.
fn passed_on(below: &str) -> Option<(ShareId, &str)> {
    let (share, rest) = below.split_once('/')?;
    let inside = rest.strip_prefix("dav").filter(|inside| inside.is_empty() || inside.starts_with('/'))?;
    let share = ShareId(path::decode(share).ok()?);
    (!share.0.starts_with(SEND)).then_some((share, inside))
}

/// Answers a guest what a node would get. The door decides what a guest may ask.
pub(crate) async fn serve_guest(core: &Core, subject: Subject, request: Request<Incoming>) -> Response<Body> {
    Arc::clone(&core.drives.offer).serve(subject, request).await
}

/// Answers a program that speaks WebDAV. The door has settled who it is.
pub(crate) async fn serve_dav(
    core: &Core,
    subject: Subject,
    mounted: Mounted,
    request: Request<Incoming>,
) -> Response<Body> {
    Arc::clone(&core.drives.dav).serve(subject, mounted, request).await
}

/// What takes files from guests.
pub(crate) fn offer(core: &Core) -> &Arc<Offer> {
    &core.drives.offer
}

/// A folder's content.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid`.
pub async fn list(
    core: &Arc<Core>,
    drive: &str,
    path: String,
    after: Option<String>,
) -> Result<Listing, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(&path)?;
    let page = core
        .drives
        .ahead
        .list(&remote(core, &share), &path, after.as_deref())
        .await
        .map_err(|error| refused(&error, &share.device_name, &shown(&path, &share)))
        .inspect_err(|error| {
            if error.code == ErrorCode::PeerUnreachable {
                home::wake_for(core, share.node);
            }
        })?;
    let entries = page.entries.into_iter().map(convert::entry).collect();
    Ok(Listing { path: path.to_string(), entries, next: page.next })
}

/// One file or folder of a drive.
///
/// # Errors
/// As [`list`].
pub async fn entry(core: &Arc<Core>, drive: &str, path: &str) -> Result<Entry, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let stat = remote(core, &share).stat(&path).await;
    let stat = stat.map_err(|error| refused(&error, &share.device_name, &shown(&path, &share)))?;
    Ok(Entry {
        name: path.name().unwrap_or(&share.name).to_owned(),
        kind: convert::kind(stat.kind),
        size: stat.size,
        modified: stat.modified.map(|nanos| nanos.div_euclid(1_000_000)),
        etag: stat.etag,
    })
}

/// Begins a download.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a folder or a special file, `exists`
/// when the name is taken here, `unreadable` when the place cannot be used.
pub async fn get(
    core: &Arc<Core>,
    drive: &str,
    path: String,
    dest: Option<String>,
    conflict: Conflict,
) -> Result<Transfer, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(&path)?;
    let there = what_is(core, &share, &path).await?;
    // All of a drive is called as the drive is.
    let name = path.name().unwrap_or(&share.name);
    let (folder, name) = places::destination(&core.downloads, dest, path::local_name(name)).await?;
    let tree = there.kind == Kind::Folder;
    let new = NewDownload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        tree,
        size: (!tree).then_some(there.size),
        path,
        folder,
        name,
        conflict: convert::conflict(conflict),
    };
    core.drives.transfers.download(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// Begins to copy a whole disc as it is.
///
/// # Errors
/// As [`get`]; `invalid` for what is no disc.
pub async fn save_image(
    core: &Arc<Core>,
    drive: &str,
    dest: Option<String>,
    conflict: Conflict,
) -> Result<Transfer, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let words = || format!("“{}” is not a disc, so there is no image of it.", share.name);
    let path = SharePath::top().join(IMAGE).map_err(|_| ApiError::new(ErrorCode::Invalid, words()))?;
    let there = what_is(core, &share, &path).await.map_err(|error| match error.code {
        ErrorCode::NotFound => ApiError::new(ErrorCode::Invalid, words()),
        _ => error,
    })?;
    let name = path::local_name(&format!("{}.iso", share.name));
    let (folder, name) = places::destination(&core.downloads, dest, name).await?;
    let new = NewDownload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        tree: false,
        size: Some(there.size),
        path,
        folder,
        name,
        conflict: convert::conflict(conflict),
    };
    core.drives.transfers.download(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// Begins an upload.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a name that not every system can hold,
/// `exists` when the name is taken there, `unreadable` when the file cannot be read.
pub async fn put(
    core: &Arc<Core>,
    document: Document,
    drive: &str,
    path: String,
    conflict: Conflict,
    replaces: Option<String>,
) -> Result<Transfer, ApiError> {
    let places::Source { path: source, name, size } = places::source(core, &document).await?;
    let share = presence::find_drive(core, drive)?;
    let target = target(core, &share, &path, &name, (conflict, replaces.as_deref()), size.is_none()).await?;
    let owns_source = matches!(document, Document::Upload { .. });
    let source = if owns_source { places::take_over(source, &core.drives.outgoing).await? } else { source };
    let new = NewUpload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        source,
        tree: size.is_none(),
        size,
        path: target,
        conflict: convert::conflict(conflict),
        seen: replaces,
        owns_source,
    };
    core.drives.transfers.upload(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// Copies, newest first.
pub async fn transfers(core: &Core) -> Vec<Transfer> {
    core.drives.transfers.all().iter().map(api_transfer).collect()
}

/// Stops a copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is finished.
pub async fn cancel(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state == consume::State::Done {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is finished already."));
    }
    core.drives
        .transfers
        .cancel(copy.id)
        .await
        .map(|copy| api_transfer(&copy))
        .ok_or_else(|| no_copy(transfer))
}

/// Goes on with a copy. What was sent to a person and did not get there is sent as another copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is finished.
pub async fn retry(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state == consume::State::Done {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is finished already."));
    }
    if is_send(&copy.share) && copy.state.is_ended() {
        // What was refused, or has ended there, is asked for anew.
        return sends::again(core, copy).await;
    }
    core.drives
        .transfers
        .retry(copy.id)
        .await
        .map(|copy| api_transfer(&copy))
        .ok_or_else(|| no_copy(transfer))
}

/// Goes on with a copy whose name was taken, now that a person has decided.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` for one that has not failed or whose receiver keeps everything.
pub async fn settle(
    core: &Arc<Core>,
    transfer: &str,
    conflict: Conflict,
    replaces: Option<String>,
) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state != consume::State::Failed || is_send(&copy.share) {
        return Err(ApiError::new(ErrorCode::Invalid, "Nothing is to be decided about this copy."));
    }
    let settled = core.drives.transfers.settle(copy.id, convert::conflict(conflict), replaces).await;
    settled.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// A file or folder of this computer that is sent somewhere.
pub(crate) struct Outgoing {
    path: PathBuf,
    name: String,
    size: u64,
    tree: bool,
    /// A browser's upload.
    upload: bool,
}

impl Outgoing {
    /// Looks at it: what it is and how large.
    pub(crate) async fn look(core: &Core, document: &Document) -> Result<Self, ApiError> {
        let places::Source { path, name, size } = places::source(core, document).await?;
        let upload = matches!(document, Document::Upload { .. });
        let tree = size.is_none();
        let size = match size {
            Some(size) => size,
            None => places::size_of_tree(path.clone()).await?,
        };
        Ok(Self { path, name: path::portable_name(&name), size, tree, upload })
    }
}

/// Looks again at what was to be sent by a copy that has ended.
pub(crate) async fn look_again(core: &Core, copy: &consume::Transfer) -> Result<Outgoing, ApiError> {
    let path = copy.local_path.to_string_lossy().into_owned();
    let upload = copy.local_path.starts_with(&core.drives.outgoing);
    let name = copy.remote_path.clone();
    let found = Outgoing::look(core, &Document::Path { path }).await?;
    Ok(Outgoing { name, upload, ..found })
}

/// Begins to send something to a person's inbox.
pub(crate) async fn hand_over(
    core: &Core,
    one: Outgoing,
    node: NodeId,
    device_name: &str,
    share: &ShareId,
) -> Result<Transfer, ApiError> {
    let invalid = |error: path::PathError| ApiError::new(ErrorCode::Invalid, format!("{error}."));
    let source = match one.upload {
        true => places::take_over(one.path, &core.drives.outgoing).await?,
        false => one.path,
    };
    let new = NewUpload {
        node,
        device_name: device_name.to_owned(),
        share: share.clone(),
        drive: INBOX.to_owned(),
        source,
        tree: one.tree,
        size: Some(one.size),
        path: SharePath::top().join(&one.name).map_err(invalid)?,
        conflict: consume::Conflict::KeepBoth,
        seen: None,
        owns_source: one.upload,
    };
    core.drives.transfers.upload(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// What the inbox is called in the history of copies.
const INBOX: &str = "Inbox";

/// All copies as this room knows them, newest first.
pub(crate) fn copies(core: &Core) -> Vec<consume::Transfer> {
    core.drives.transfers.all()
}

/// Ends a copy that can never go on.
pub(crate) async fn give_up(core: &Core, id: Uuid, reason: consume::Reason, words: String) {
    core.drives.transfers.give_up(id, reason, words).await;
}

/// Holds a copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is over.
pub async fn pause(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state.is_ended() {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is over already."));
    }
    let paused = core.drives.transfers.pause(copy.id).await;
    paused.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// Puts a copy before all others that wait.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is over, the store's.
pub async fn next(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state.is_ended() {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is over already."));
    }
    let moved = core.drives.transfers.next(copy.id).await;
    let moved = moved.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    moved.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// Where the limit for all copies together is kept.
const LIMIT: &str = "transfer_limit";

/// Sets how fast one copy or all together may go; tells the limit for all.
///
/// # Errors
/// `not_found`, `ambiguous`, the store's.
pub async fn limit(
    core: &Arc<Core>,
    transfer: Option<String>,
    rate: Option<u64>,
) -> Result<Option<u64>, ApiError> {
    let store = |error: lanyard_store::StoreError| ApiError::new(ErrorCode::Internal, error.to_string());
    match transfer {
        Some(transfer) => {
            let copy = find(core, &transfer)?;
            core.drives.transfers.limit_one(copy.id, rate).await.map_err(store)?;
        }
        None => {
            core.settings.set(LIMIT, &rate.unwrap_or(0).to_string()).map_err(store)?;
            core.drives.transfers.limit_all(rate);
        }
    }
    Ok(limit_of_all(core))
}

/// How fast all copies together may go.
pub fn limit_of_all(core: &Core) -> Option<u64> {
    core.drives.transfers.limit()
}

/// What there is to tell of a tree.
///
/// # Errors
/// `not_found`, `ambiguous`, the store's.
pub async fn notes(core: &Core, transfer: &str) -> Result<Vec<TransferNote>, ApiError> {
    let copy = find(core, transfer)?;
    let notes = core.drives.transfers.notes(copy.id).await;
    let notes = notes.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(notes.into_iter().map(convert::note).collect())
}

/// A device is back: copies that wait for it go on.
pub async fn peer_is_back(core: &Arc<Core>, node: NodeId) {
    core.drives.transfers.peer_is_back(node);
}

/// Opens a file of somebody else's to pass it on: its name, its size in bytes and its content, every piece verified
/// before it is passed on.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid`.
pub async fn open_download(
    core: &Arc<Core>,
    drive: &str,
    path: &str,
) -> Result<(String, u64, Body), ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let name = file_name(core, &share, &path).await?;
    let (size, body) = consume::stream::open(&remote(core, &share), &path)
        .await
        .map_err(|error| refused(&error, &share.device_name, &shown(&path, &share)))?;
    Ok((name, size, body))
}

/// The drive of another device that was found.
pub(crate) fn remote(core: &Core, share: &RemoteShare) -> Remote {
    Remote::new(core.peers.clone(), share.node, share.share.clone())
}

/// A path as people write it: slashes around it do not matter.
fn remote_path(text: &str) -> Result<SharePath, ApiError> {
    SharePath::parse(text.trim_matches('/'))
        .map_err(|error| ApiError::new(ErrorCode::Invalid, format!("“{text}”: {error}.")))
}

fn shown(path: &SharePath, share: &RemoteShare) -> String {
    if path.is_top() { share.name.clone() } else { path.to_string() }
}

/// A file or folder that is there, or why it cannot be copied.
async fn what_is(core: &Core, share: &RemoteShare, path: &SharePath) -> Result<Stat, ApiError> {
    let shown = shown(path, share);
    let stat = remote(core, share).stat(path).await;
    let stat = stat.map_err(|error| refused(&error, &share.device_name, &shown))?;
    match stat.kind {
        Kind::Other => Err(refused(&RemoteError::Refused(Code::Special), &share.device_name, &shown)),
        Kind::File | Kind::Folder => Ok(stat),
    }
}

/// The name of a file that is there, or why it cannot be handed on.
async fn file_name(core: &Core, share: &RemoteShare, path: &SharePath) -> Result<String, ApiError> {
    match (what_is(core, share, path).await?.kind, path.name()) {
        (Kind::File, Some(name)) => Ok(name.to_owned()),
        _ => {
            let words = format!("“{}” is a folder. A browser takes single files.", shown(path, share));
            Err(ApiError::new(ErrorCode::Invalid, words))
        }
    }
}

/// Where a file goes: into a folder that is there, or to a name that is not.
async fn target(
    core: &Core,
    share: &RemoteShare,
    text: &str,
    name: &str,
    (conflict, replaces): (Conflict, Option<&str>),
    tree: bool,
) -> Result<SharePath, ApiError> {
    let invalid = |error: path::PathError| ApiError::new(ErrorCode::Invalid, format!("{error}."));
    let mut path = remote_path(text)?;
    let mut there = stat_if_there(core, share, &path).await?;
    let folder_meant = path.is_top() || text.ends_with('/');
    if there.as_ref().is_some_and(|stat| stat.kind == Kind::Folder) {
        path = path.join(name).map_err(invalid)?;
        there = stat_if_there(core, share, &path).await?;
    } else if folder_meant {
        let words = format!("There is no folder “{path}” in {}.", share.name);
        return Err(ApiError::new(ErrorCode::NotFound, words));
    }
    path.check_new_name().map_err(invalid)?;
    let seen = |stat: &Stat| replaces.is_none_or(|seen| stat.etag.as_deref() == Some(seen));
    let taken = match there.map(|stat| (seen(&stat), stat.kind)) {
        None => false,
        // It is another version by now: asked again.
        Some((false, _)) if conflict == Conflict::Replace => true,
        Some((_, Kind::File)) if !tree => matches!(conflict, Conflict::Refuse | Conflict::Skip),
        // What is in a folder is settled file by file.
        Some((_, Kind::Folder)) if tree => conflict == Conflict::Refuse,
        Some(_) => conflict != Conflict::KeepBoth,
    };
    if taken {
        let words = format!("“{path}” is there already on {}.", share.device_name);
        return Err(ApiError::new(ErrorCode::Exists, words));
    }
    Ok(path)
}

async fn stat_if_there(core: &Core, share: &RemoteShare, path: &SharePath) -> Result<Option<Stat>, ApiError> {
    match remote(core, share).stat(path).await {
        Ok(stat) if !stat.writable => {
            Err(refused(&RemoteError::Refused(Code::NotAllowed), &share.device_name, &shown(path, share)))
        }
        Ok(stat) => Ok(Some(stat)),
        Err(RemoteError::Refused(Code::NotFound)) if !path.is_top() => Ok(None),
        Err(error) => Err(refused(&error, &share.device_name, &shown(path, share))),
    }
}

/// The one copy whose id begins like this.
fn find(core: &Core, beginning: &str) -> Result<consume::Transfer, ApiError> {
    let wanted = beginning.trim().to_lowercase();
    let fits = |id: Uuid| !wanted.is_empty() && id.to_string().starts_with(&wanted);
    let mut hits: Vec<consume::Transfer> =
        core.drives.transfers.all().into_iter().filter(|copy| fits(copy.id)).collect();
    match (hits.pop(), hits.is_empty()) {
        (None, _) => Err(no_copy(beginning)),
        (Some(copy), true) => Ok(copy),
        (Some(copy), false) => {
            let words = format!("More than one copy begins with “{beginning}”.");
            let mut error = ApiError::new(ErrorCode::Ambiguous, words);
            error.candidates = hits.iter().chain([&copy]).take(20).map(|copy| copy.id.to_string()).collect();
            Err(error)
        }
    }
}

fn no_copy(beginning: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("There is no copy “{beginning}”."))
}

fn not_begun(error: BeginError) -> ApiError {
    let code = match &error {
        BeginError::Exists(_) => ErrorCode::Exists,
        BeginError::BadPath(_) => ErrorCode::Invalid,
        BeginError::Store(lanyard_store::StoreError::Full) => ErrorCode::DiskFull,
        BeginError::Store(_) => ErrorCode::Internal,
    };
    ApiError::new(code, format!("{error}."))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ApiError {
    let (reason, words) = consume::local_words(error, path);
    ApiError::new(api(reason), words)
}
