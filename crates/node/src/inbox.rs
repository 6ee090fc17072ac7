//! What others send here: announced, answered by the owner or a rule, and only then taken.
//!
//! Each sending is a share of its own (`send-` and its id) that opens for the device that announced it, for adding and
//! nothing else, once there was a yes. What comes lands beside what is in the inbox folder and replaces nothing. The
//! bytes are taken by the same offer as everything else; the other half, sending, is in `sends`.

mod desk;

use crate::{
    Core, StartError,
    circle::Circle,
    clock::Clock,
    core::Parts,
    sends,
    settings::Settings,
    shares,
    wire::{Announced, SendAnswer, SendOver},
};
use desk::{Desk, Heard, PATIENCE, Said, Sending, Wish};
use http::{Method, Request, Response, StatusCode};
use lanyard_api::{
    Answer, ApiError, Ask, Change, ErrorCode, Inbox as Shown, InboxSender, SendingState, ShareKind,
};
use lanyard_drive::{
    offer::{Folder, Medium},
    path,
    wire::SEND,
};
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_print::ticket;
use lanyard_trust::{Action, Gate, NodeId, Refusal, ShareId, Subject, Used, Who};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// Where it is kept among the settings.
const KEPT: &str = "inbox";
/// Where the folder is kept that a person chose.
const CHOSEN: &str = "inbox_folder";
/// The folder below the downloads.
const FOLDER: &str = "Lanyard";
/// How often front ends are told what comes.
const TELL: Duration = Duration::from_millis(250);
/// The longest announcement.
const MAX_ANNOUNCEMENT: usize = 8 * 1024;
/// How long it may take to arrive.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// Room that is left on the disk.
const SPARE: u64 = 64 << 20;
/// What an [`Ask`] about a sending calls its share.
pub(crate) const SHARE: &str = "inbox";

/// The sendings of others.
pub struct Inbox {
    desk: Mutex<Desk>,
    settings: Settings,
    circle: Circle,
    clock: Clock,
    /// What is used when nothing was chosen; made when something comes.
    usual: PathBuf,
    chosen: Mutex<Option<PathBuf>>,
    /// Something is to be told.
    touched: Notify,
    /// What files that come are marked with: who has which name.
    names: Mutex<Option<Names>>,
}

/// Tells the name of a device.
type Names = Box<dyn Fn(&NodeId) -> String + Send + Sync>;

impl Inbox {
    /// Reads what was said before.
    ///
    /// # Errors
    /// When the store does.
    pub fn open(parts: &Parts) -> Result<Arc<Self>, StartError> {
        let kept = parts.settings.text(KEPT);
        let kept = kept.map_err(|error| StartError::failed("reading the inbox", error))?;
        // What this version cannot read is asked for again.
        let desk = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let chosen = parts.settings.text(CHOSEN);
        let chosen = chosen.map_err(|error| StartError::failed("reading the inbox", error))?;
        let chosen = chosen.filter(|path| !path.is_empty()).map(PathBuf::from);
        Ok(Arc::new(Self {
            desk: Mutex::new(desk),
            settings: parts.settings.clone(),
            circle: parts.circle.clone(),
            clock: parts.clock.clone(),
            usual: parts.downloads.join(FOLDER),
            chosen: Mutex::new(chosen),
            touched: Notify::new(),
            names: Mutex::new(None),
        }))
    }

    /// Where what is announced now goes, and whether a person chose that.
    fn folder(&self) -> (PathBuf, bool) {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_chosen = chosen.is_some();
        (chosen.unwrap_or_else(|| self.usual.clone()), is_chosen)
    }

    /// Where one of them goes.
    fn folder_of(&self, sending: &Sending) -> PathBuf {
        sending.folder.clone().unwrap_or_else(|| self.usual.clone())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what was said. What it counts may be older after a crash, which only lets a little more in.
    fn keep(&self) -> Result<(), ApiError> {
        let text = serde_json::to_string(&*self.desk());
        let text = text.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        self.settings.set(KEPT, &text).map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))
    }
}

impl Gate<Folder> for Inbox {
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Folder, Refusal> {
        let (Some(id), Who::Device(from)) = (share.0.strip_prefix(SEND), subject.who) else {
            return Err(Refusal::Unknown);
        };
        if !self.circle.knows(&from) {
            return Err(Refusal::Unknown);
        }
        // Whoever sends sees nothing of what is here.
        if action != Action::Add {
            return Err(Refusal::NotAllowed);
        }
        let desk = self.desk();
        match desk.said(id, &from, self.clock.now().ran) {
            Said::Yes => {
                let root = desk.sendings.iter().find(|one| one.id == id).map(|one| self.folder_of(one));
                Ok(Folder { root: root.ok_or(Refusal::Unknown)?, writable: false, medium: Medium::Fixed })
            }
            Said::Nothing => Err(Refusal::MustAsk),
            Said::No => Err(Refusal::NotAllowed),
        }
    }

    fn claim(
        &self,
        share: &ShareId,
        subject: &Subject,
        action: Action,
        bringing: Used,
    ) -> Result<(), Refusal> {
        self.admit(share, subject, action)?;
        let id = share.0.strip_prefix(SEND).unwrap_or_default();
        if self.desk().claim(id, bringing.bytes) { Ok(()) } else { Err(Refusal::Spent) }
    }

    fn give_back(&self, share: &ShareId, _: &Subject, claimed: Used) {
        self.desk().settle(share.0.strip_prefix(SEND).unwrap_or_default(), claimed.bytes, false);
        self.touched.notify_one();
    }

    fn brought(&self, share: &ShareId, _: &Subject, brought: Used) {
        self.desk().settle(share.0.strip_prefix(SEND).unwrap_or_default(), brought.bytes, true);
        self.touched.notify_one();
    }

    fn moved(&self, share: &ShareId, _: &Subject, bytes: u64) {
        self.desk().moved(share.0.strip_prefix(SEND).unwrap_or_default(), bytes);
        self.touched.notify_one();
    }

    fn landed(&self, share: &ShareId, _: &Subject, path: &str) {
        self.desk().landed(share.0.strip_prefix(SEND).unwrap_or_default(), path);
        self.touched.notify_one();
    }

    fn origin(&self, _: &ShareId, subject: &Subject) -> Option<String> {
        let Who::Device(from) = subject.who else { return None };
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Its label and nothing else: no address of anybody's stays in a file.
        names.as_ref().map(|name| format!("lanyard:{}", path::encode(&name(&from))))
    }
}

/// Tells front ends what comes, until the node stops.
pub fn start(core: &Arc<Core>) {
    let weak = Arc::downgrade(core);
    let name =
        move |node: &NodeId| weak.upgrade().map(|core| core.presence.name_of(node)).unwrap_or_default();
    *core.inbox.names.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(name));
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        let telling = async {
            loop {
                core.inbox.touched.notified().await;
                core.events.emit(Change::Inbox(shown(&core).await));
                tokio::time::sleep(TELL).await;
            }
        };
        let _ = cancel.run_until_cancelled(telling).await;
    });
}

/// Answers other nodes: `POST /v1/sends`, an announcement, which may be repeated to hear what was said meanwhile.
pub async fn serve(core: Arc<Core>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let known = core.circle.knows(&caller.node);
    if !known || request.method() != Method::POST || request.uri().path() != "/v1/sends" {
        return body::status(StatusCode::NOT_FOUND, "not found");
    }
    let announced: Announced =
        match body::read_json(request.into_body(), MAX_ANNOUNCEMENT, READ_DEADLINE).await {
            Ok(announced) => announced,
            Err(_) => return body::status(StatusCode::BAD_REQUEST, "an announcement is expected"),
        };
    if Uuid::parse_str(&announced.id).is_err() {
        return body::status(StatusCode::BAD_REQUEST, "no such id");
    }
    body::json(StatusCode::OK, &hear(&core, caller.node, announced).await)
}

async fn hear(core: &Arc<Core>, from: NodeId, announced: Announced) -> SendAnswer {
    if let Some(over) = announced.over {
        return hear_end(core, &from, &announced.id, over);
    }
    let (folder, chosen) = core.inbox.folder();
    let place = folder.clone();
    let room = tokio::task::spawn_blocking(move || {
        // Made here, so that whatever comes after a yes finds it, and so that the disk behind it can be asked. One that
        // was chosen may be on a disk that is not there now.
        let made = if chosen { Ok(()) } else { fs::create_dir_all(&place) };
        made.and_then(|()| fs4::available_space(&place))
    });
    match room.await {
        Ok(Ok(free)) if free >= announced.bytes.saturating_add(SPARE) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the inbox cannot be used");
            return SendAnswer::NoRoom;
        }
        _ => return SendAnswer::NoRoom,
    }
    let (title, now) = (ticket::title(&announced.title), core.clock.now());
    let names = announced.names.iter().take(sends::NAMES).map(|name| ticket::title(name)).collect();
    let wish = Wish { title, bytes: announced.bytes, files: announced.files, names, folder };
    let heard = core.inbox.desk().announce(&announced.id, from, wish, (now.wall, now.ran));
    let said = match heard {
        Heard::New(said) => {
            tracing::info!(device = %from, "somebody wants to send something");
            if let Err(error) = core.inbox.keep() {
                tracing::warn!(?error, "an announcement could not be written down");
            }
            changed(core);
            ask_ends(core);
            said
        }
        Heard::Known(said) => said,
        Heard::TooMany => return SendAnswer::Busy,
    };
    match said {
        Said::Yes => SendAnswer::Accepted,
        Said::Nothing => SendAnswer::Waits,
        Said::No => SendAnswer::Refused,
    }
}

/// The sender says that nothing more comes.
fn hear_end(core: &Arc<Core>, from: &NodeId, id: &str, over: SendOver) -> SendAnswer {
    if core.inbox.desk().end(id, from, over) {
        if let Err(error) = core.inbox.keep() {
            tracing::warn!(?error, "the end of a sending could not be written down");
        }
        changed(core);
    }
    SendAnswer::Accepted
}

/// Takes the question away when nobody has answered it.
fn ask_ends(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        tokio::select! {
            () = core.cancel.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(PATIENCE.unsigned_abs() + 100)) => {
                let any = core.inbox.desk().expire(core.clock.now().ran);
                if any {
                    changed(&core);
                }
            }
        }
    });
}

/// The questions about sendings, for the list of all questions.
pub(crate) fn asks(core: &Core) -> Vec<Ask> {
    let now = core.clock.now();
    let desk = core.inbox.desk();
    let waiting =
        desk.sendings.iter().filter(|one| one.said == Said::Nothing && now.ran - one.ran <= PATIENCE);
    waiting
        .map(|one| Ask {
            id: one.id.clone(),
            device: one.from.to_string(),
            device_name: core.presence.name_of(&one.from),
            address: String::new(),
            known: core.circle.knows(&one.from),
            share: SHARE.to_owned(),
            share_name: FOLDER.to_owned(),
            share_kind: ShareKind::Folder,
            title: Some(one.title.clone()),
            pages: None,
            bytes: Some(one.bytes),
            files: one.files,
            names: one.announced.clone(),
            folder: Some(core.inbox.folder_of(one).to_string_lossy().into_owned()),
            asked_at: one.asked_at,
            ends_at: now.wall.saturating_add(PATIENCE - (now.ran - one.ran)),
        })
        .collect()
}

/// Answers a question about a sending; none when there is no such question.
pub(crate) fn answer(core: &Arc<Core>, ask: &str, answer: Answer) -> Option<Result<(), ApiError>> {
    let wanted = ask.trim().to_lowercase();
    let id = {
        let desk = core.inbox.desk();
        let fits = |id: &str| wanted.len() >= 4 && id.starts_with(&wanted);
        let mut found = desk.sendings.iter().filter(|one| one.said == Said::Nothing && fits(&one.id));
        let id = found.next()?.id.clone();
        if found.next().is_some() {
            return None;
        }
        id
    };
    if !core.inbox.desk().answer(&id, answer != Answer::No, answer == Answer::Always) {
        return None;
    }
    core.inbox.touched.notify_one();
    Some(core.inbox.keep())
}

/// The inbox, for front ends.
pub async fn shown(core: &Core) -> Shown {
    let desk = core.inbox.desk().clone();
    let name = |node: &NodeId| core.presence.name_of(node);
    let always = desk.always.iter();
    let always =
        always.map(|node| InboxSender { device: node.to_string(), device_name: name(node) }).collect();
    let sending = |one: Sending| lanyard_api::Sending {
        id: one.id,
        device: one.from.to_string(),
        device_name: name(&one.from),
        title: one.title,
        bytes: one.bytes,
        bytes_done: one.brought.saturating_add(one.moving).min(one.bytes),
        files: one.files,
        folder: one.folder.unwrap_or_else(|| core.inbox.usual.clone()).to_string_lossy().into_owned(),
        names: one.names,
        state: match (one.said, one.over) {
            (Said::Nothing, _) => SendingState::Asking,
            (Said::Yes, Some(SendOver::Whole)) => SendingState::Done,
            (_, Some(SendOver::Stopped)) => SendingState::Withdrawn,
            (Said::Yes, None) => SendingState::Accepted,
            (Said::No, _) => SendingState::Refused,
        },
        asked_at: one.asked_at,
    };
    let sendings = desk.sendings.into_iter().rev().map(sending).collect();
    let (folder, chosen) = core.inbox.folder();
    let usable = !chosen || tokio::fs::metadata(&folder).await.is_ok_and(|about| about.is_dir());
    Shown { folder: folder.to_string_lossy().into_owned(), chosen, usable, always, sendings }
}

/// Chooses where received files go; none means the usual place.
///
/// # Errors
/// `invalid` for what is no folder that can take them, `not_found`, `unreadable`, the store's.
pub async fn set_folder(core: &Arc<Core>, folder: Option<String>) -> Result<Shown, ApiError> {
    let chosen = match folder {
        None => None,
        Some(text) => {
            let looking = Arc::clone(core);
            let looked = tokio::task::spawn_blocking(move || usable(&looking, &text)).await;
            Some(looked.map_err(|_| ApiError::new(ErrorCode::Stopping, "Stopping."))??)
        }
    };
    let text = chosen.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let kept = core.inbox.settings.set(CHOSEN, &text);
    kept.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    *core.inbox.chosen.lock().unwrap_or_else(PoisonError::into_inner) = chosen;
    core.inbox.touched.notify_one();
    Ok(shown(core).await)
}

/// A folder that can take what others send, without links in the way to it. Blocks on the disk.
fn usable(core: &Core, text: &str) -> Result<PathBuf, ApiError> {
    let asked = Path::new(text.trim());
    let invalid = |words: String| ApiError::new(ErrorCode::Invalid, words);
    if !asked.is_absolute() || text.contains('\0') {
        return Err(invalid(format!("“{text}” is no absolute path.")));
    }
    let dir = asked.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ApiError::new(ErrorCode::NotFound, format!("There is no folder {text}.")),
        _ => ApiError::new(ErrorCode::Unreadable, format!("{text}: {error}.")),
    })?;
    if dir.to_str().is_none() || !dir.is_dir() {
        return Err(invalid(format!("{text} is not a folder.")));
    }
    let inside = |outer: &Path| outer.canonicalize().is_ok_and(|outer| dir.starts_with(outer));
    if inside(core.data.root()) {
        return Err(invalid(format!("{text} is in Lanyard's own folder.")));
    }
    // What somebody sends is for this computer's owner and not for whoever may look into a share.
    if shares::folders(core).iter().any(|share| inside(share)) {
        return Err(invalid(format!(
            "{text} is in a folder that this computer shares: others would see what you receive."
        )));
    }
    let trial = dir.join(format!(".lanyard-{}", Uuid::new_v4().simple()));
    let tried = fs::File::create_new(&trial).and_then(|_| fs::remove_file(&trial));
    tried.map_err(|error| {
        ApiError::new(ErrorCode::Unreadable, format!("Nothing can be put into {text}: {error}."))
    })?;
    Ok(dir)
}

/// Takes a yes back, also in the middle: what is whole stays, the rest does not come.
///
/// # Errors
/// `not_found`, the store's.
pub async fn stop(core: &Arc<Core>, sending: &str) -> Result<Shown, ApiError> {
    let wanted = sending.trim().to_lowercase();
    let id =
        core.inbox.desk().sendings.iter().find(|one| one.id.starts_with(&wanted)).map(|one| one.id.clone());
    let stopped = !wanted.is_empty() && id.is_some_and(|id| core.inbox.desk().stop(&id));
    if !stopped {
        return Err(ApiError::new(ErrorCode::NotFound, format!("Nothing “{sending}” is sent here.")));
    }
    core.inbox.keep()?;
    changed(core);
    Ok(shown(core).await)
}

/// Asks again about what this device sends from now on.
///
/// # Errors
/// `not_found`, the store's.
pub async fn forget_sender(core: &Arc<Core>, device: &str) -> Result<Shown, ApiError> {
    let wanted = device.to_lowercase();
    let is_meant =
        |node: &NodeId| node.to_string() == device || core.presence.name_of(node).to_lowercase() == wanted;
    let meant: Vec<NodeId> = core.inbox.desk().always.iter().copied().filter(is_meant).collect();
    if meant.is_empty() {
        let words = format!("Files of “{device}” are not accepted without asking anyway.");
        return Err(ApiError::new(ErrorCode::NotFound, words));
    }
    core.inbox.desk().always.retain(|node| !meant.contains(node));
    core.inbox.keep()?;
    core.inbox.touched.notify_one();
    Ok(shown(core).await)
}

fn changed(core: &Core) {
    core.inbox.touched.notify_one();
    core.events.emit(Change::Asks(crate::asks::all(core)));
}
