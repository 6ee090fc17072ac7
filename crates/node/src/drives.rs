//! Folders of others and copies in both directions, for front ends; and the door behind which ours are offered.
//!
//! What a name means, where a copy goes on this computer and how a failure reads is settled here; bytes are moved by
//! `lanyard-drive`.

mod begin;
pub mod change;
mod convert;
mod copies;
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
pub(crate) use begin::{Outgoing, hand_over, look_again};
pub use begin::{entry_here, get, put, save_image};
pub(crate) use convert::refused;
use convert::{api, api_transfer};
pub use copies::{cancel, limit, limit_of_all, next, notes, pause, peer_is_back, retry, settle, transfers};
pub(crate) use copies::{copies, give_up};
use http::{Request, Response};
use lanyard_api::{ApiError, Change, Entry, ErrorCode, Listing};
use lanyard_drive::{
    consume::{self, Remote, RemoteError, Transfers},
    offer::{
        Folder, Offer,
        dav::{Dav, Mounted},
    },
    path::{self, SharePath},
    wire::{Code, Kind, SEND, Stat},
};
use lanyard_link::{Body, Caller, Incoming};
use lanyard_trust::{Gate, ShareId, Subject};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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
    let limit = core.settings.text(copies::LIMIT).unwrap_or_default();
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
        misnamed: None,
    })
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
    SharePath::parse_remote(text.trim_matches('/'))
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

fn unreadable(path: &Path, error: &std::io::Error) -> ApiError {
    let (reason, words) = consume::local_words(error, path);
    ApiError::new(api(reason), words)
}
