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
    settings::Settings,
    wire::{Announced, SendAnswer},
};
use desk::{Desk, Heard, PATIENCE, Said};
use http::{Method, Request, Response, StatusCode};
use lanyard_api::{Answer, ApiError, Ask, Change, ErrorCode, Inbox as Shown, InboxSender, ShareKind};
use lanyard_drive::{
    offer::{Folder, Medium},
    wire::SEND,
};
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_print::ticket;
use lanyard_trust::{Action, Gate, NodeId, Refusal, ShareId, Subject, Used, Who};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// Where it is kept among the settings.
const KEPT: &str = "inbox";
/// The folder below the downloads.
const FOLDER: &str = "Lanyard";
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
    folder: PathBuf,
}

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
        Ok(Arc::new(Self {
            desk: Mutex::new(desk),
            settings: parts.settings.clone(),
            circle: parts.circle.clone(),
            clock: parts.clock.clone(),
            folder: parts.downloads.join(FOLDER),
        }))
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
        match self.desk().said(id, &from, self.clock.now().ran) {
            Said::Yes => Ok(Folder { root: self.folder.clone(), writable: false, medium: Medium::Fixed }),
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
    }

    fn brought(&self, share: &ShareId, _: &Subject, brought: Used) {
        self.desk().settle(share.0.strip_prefix(SEND).unwrap_or_default(), brought.bytes, true);
    }
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
    let folder = core.inbox.folder.clone();
    let room = tokio::task::spawn_blocking(move || {
        // Made here, so that whatever comes after a yes finds it, and so that the disk behind it can be asked.
        std::fs::create_dir_all(&folder).and_then(|()| fs4::available_space(&folder))
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
    let heard = core.inbox.desk().announce(&announced.id, from, title, announced.bytes, (now.wall, now.ran));
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
    Some(core.inbox.keep())
}

/// The inbox, for front ends.
pub async fn shown(core: &Core) -> Shown {
    let desk = core.inbox.desk().clone();
    let name = |node: &NodeId| core.presence.name_of(node);
    let always = desk.always.iter();
    let always =
        always.map(|node| InboxSender { device: node.to_string(), device_name: name(node) }).collect();
    let sending = |one: desk::Sending| lanyard_api::Sending {
        id: one.id,
        device: one.from.to_string(),
        device_name: name(&one.from),
        title: one.title,
        bytes: one.bytes,
        bytes_done: one.brought.min(one.bytes),
        state: match one.said {
            Said::Nothing => lanyard_api::SendingState::Asking,
            Said::Yes => lanyard_api::SendingState::Accepted,
            Said::No => lanyard_api::SendingState::Refused,
        },
        asked_at: one.asked_at,
    };
    let sendings = desk.sendings.into_iter().rev().map(sending).collect();
    Shown { folder: core.inbox.folder.to_string_lossy().into_owned(), always, sendings }
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
    Ok(shown(core).await)
}

fn changed(core: &Core) {
    core.events.emit(Change::Asks(crate::asks::all(core)));
}
