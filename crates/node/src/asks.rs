//! Questions to the owner, in both directions: others' that wait here for an answer, and ours at others.
//!
//! Somebody whose rule says "ask first" sends `POST /v1/asks`; the owner sees the question wherever a window is open
//! and answers; the asker is told over its watch stream. No answer within five minutes is a no, and a restart forgets
//! everything. What a yes opens is the business of `shares`; jobs that wait for one are the outbox's. A job whose sender
//! cannot ask by itself is here already, held, and its question is asked for it: see `printing::unanswered`.

mod desk;
mod ours;

use crate::{
    Core, StartError, inbox,
    presence::{self, RemoteShare},
    printing, shares,
    wire::{self, Allowed, Waits, WatchLine, Wish},
};
use desk::{Desk, Heard, Question};
use http::{Method, Request, Response, StatusCode};
use lanyard_api::{Access, Answer, ApiError, Ask, Change, ErrorCode, ShareKind};
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_print::{
    consume::standard::PrinterId,
    offer::IncomingJob,
    ticket::{self, Refused},
};
use lanyard_trust::{Action, Decision, NodeId, Refusal, ShareId, Subject, Who};
use ours::Ours;
use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use uuid::Uuid;

/// The longest question that is read, and the longest answer to ours.
const MAX_QUESTION: usize = 8 * 1024;

/// How long a question may take from its first to its last byte.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// How long another device may take to take a question.
const ASK_DEADLINE: Duration = Duration::from_secs(10);

/// The questions in both directions.
#[derive(Default)]
pub struct Asks {
    desk: Mutex<Desk>,
    ours: Mutex<Ours>,
    /// Rung when a question came, so that its end is waited for.
    came: Notify,
}

impl Asks {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ours(&self) -> MutexGuard<'_, Ours> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts waiting for the end of questions.
///
/// # Errors
/// None so far.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        loop {
            let next = core.asks.desk().next_end();
            let pause = next.map(|end| end.saturating_sub(core.clock.now().ran).max(0).unsigned_abs());
            let end = async {
                match pause {
                    Some(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = core.cancel.cancelled() => return,
                () = core.asks.came.notified() => {}
                () = end => {}
            }
            let ran = core.clock.now().ran;
            let over = core.asks.desk().expire(ran);
            for question in &over {
                tracing::info!(share = %question.share, "nobody has answered a question; that is a no");
                tell(&core, question, false);
            }
            if !over.is_empty() {
                changed(&core);
            }
        }
    });
    Ok(())
}

/// Questions that wait here, oldest first.
pub async fn list(core: &Core) -> Vec<Ask> {
    all(core)
}

/// The same, with those about what somebody wants to send here.
pub(crate) fn all(core: &Core) -> Vec<Ask> {
    let mut all = listed(core);
    all.extend(inbox::asks(core));
    all.sort_by_key(|ask| ask.asked_at);
    all
}

/// Answers one, by its id or the beginning of it.
///
/// # Errors
/// `not_found` when it has ended, or when the rule has changed; `invalid` when this cannot be answered for good.
pub async fn answer(core: &Arc<Core>, ask: &str, answer: Answer) -> Result<Vec<Ask>, ApiError> {
    if let Some(answered) = inbox::answer(core, ask, answer) {
        answered?;
        changed(core);
        return Ok(all(core));
    }
    let ended = || ApiError::new(ErrorCode::NotFound, "This question has ended.");
    let question = core.asks.desk().find(ask).ok_or_else(ended)?;
    let action = action(question.wish);
    match answer {
        Answer::Once => shares::once(core, &question.share, &question.subject, action)?,
        Answer::Always => shares::always(core, &question.share, &question.subject, action).await?,
        Answer::No => core.asks.desk().refuse(&question, core.clock.now().ran),
    }
    // A new rule sifts the questions: it may have told the answer already.
    if core.asks.desk().take(&question.id) {
        tell(core, &question, answer != Answer::No);
        changed(core);
    }
    Ok(all(core))
}

/// The rules have changed: questions for which there is nothing to ask any more are answered by that.
pub fn sift(core: &Core) {
    let waiting = core.asks.desk().waiting().to_vec();
    let mut fewer = false;
    for question in waiting {
        let now = shares::standing(core, &question.share, &question.subject, action(question.wish));
        let decision = now.map_or(Decision::Deny, |asked| asked.decision);
        if decision != Decision::Ask && core.asks.desk().take(&question.id) {
            tell(core, &question, decision == Decision::Allow);
            fewer = true;
        }
    }
    if fewer {
        changed(core);
    }
}

/// What becomes of a job that is here and waits for the owner's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It waits.
    Waits,
    /// Yes.
    Yes,
    /// No, and why.
    No(Refusal),
}

/// Asks the owner about a job that is here. Asked again, it is the same question.
pub(crate) fn about_job(core: &Core, job: &IncomingJob) -> Word {
    let Some(subject) = job.subject else { return Word::No(Refusal::NotAllowed) };
    let Some(found) = shares::standing(core, &job.share, &subject, Action::Print) else {
        return Word::No(Refusal::NotAllowed);
    };
    match found.decision {
        Decision::Allow => return Word::Yes,
        Decision::Ask => {}
        Decision::Spent => return Word::No(Refusal::Spent),
        Decision::Deny => return Word::No(Refusal::NotAllowed),
    }
    let (Ok(id), now) = (random_id(), core.clock.now()) else { return Word::Waits };
    let address = match subject.who {
        Who::Plain(plain) => plain.address(),
        Who::Device(_) | Who::Guest(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    let question = Question {
        id,
        subject,
        known: core.circle.knows(&subject.id()),
        address: SocketAddr::new(address, 0),
        share: job.share.clone(),
        wish: Wish::Print,
        title: Some(job.title.clone()),
        pages: job.pages,
        bytes: Some(job.bytes),
        job: Some(job.job),
        asked_at: now.wall,
        ends: now.ran.saturating_add(desk::PATIENCE),
    };
    let heard = core.asks.desk().ask(question, now.ran);
    match heard {
        Heard::New(question) => {
            tracing::info!(share = %question.share, job = %job.job, "a job waits for the owner's word");
            core.asks.came.notify_one();
            changed(core);
            Word::Waits
        }
        // There is room for its question later.
        Heard::Again(_) | Heard::TooMany => Word::Waits,
        Heard::TooSoon => Word::No(Refusal::NotAllowed),
    }
}

/// Takes back the questions about jobs that do not wait any more.
pub(crate) fn only_about(core: &Core, jobs: &HashSet<Uuid>) {
    let fewer = core.asks.desk().keep_jobs(jobs);
    if fewer {
        changed(core);
    }
}

/// Answers other nodes: `POST /v1/asks`.
pub async fn serve(
    core: Arc<Core>,
    caller: Caller,
    subject: Subject,
    request: Request<Incoming>,
) -> Response<Body> {
    if request.method() != Method::POST || request.uri().path() != "/v1/asks" {
        return refuse(StatusCode::NOT_FOUND, "not_found", "there is nothing here");
    }
    match body::read_json(request.into_body(), MAX_QUESTION, READ_DEADLINE).await {
        Ok(asked) => hear(&core, &caller, subject, asked),
        Err(error) => {
            tracing::debug!(from = %caller.remote, %error, "no question");
            refuse(StatusCode::BAD_REQUEST, "invalid", "a question is expected")
        }
    }
}

/// Asks the owner of a printer or drive.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed` right after a no, `busy`.
pub async fn ask_owner(core: &Arc<Core>, what: &str) -> Result<(), ApiError> {
    let (share, is_printer) = find(core, what)?;
    if PrinterId::of_share(&share.share).is_some() {
        let words = format!("“{}” is nobody's in particular: it can be used without asking.", share.name);
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    let wish = match (is_printer, share.ask) {
        (true, _) => Wish::Print,
        (false, true) => Wish::Read,
        // It can be read without asking, so what is missing is writing.
        (false, false) => Wish::Write,
    };
    let question =
        wire::Question { share: share.share.0.clone(), action: wish, title: None, pages: None, bytes: None };
    let (status, told) = send(core, &share, &question).await?;
    let refused = || {
        let told = serde_json::from_slice::<Refused>(&told).ok();
        told.map(|told| told.reason).unwrap_or_default()
    };
    let owner = &share.device_name;
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::ACCEPTED => {
            let waits: Waits = serde_json::from_slice(&told).map_err(|_| odd(owner))?;
            waits_at(core, share.node, share.share, Duration::from_millis(waits.ends_in));
            Ok(())
        }
        _ => Err(match refused().as_str() {
            "not_found" => {
                ApiError::new(ErrorCode::NotFound, format!("{owner} does not offer this any more."))
            }
            "not_allowed" => ApiError::new(
                ErrorCode::NotAllowed,
                format!("The owner of {owner} has said no. A minute after a no it can be asked again."),
            ),
            "spent" => ApiError::new(
                ErrorCode::Spent,
                format!("The owner of {owner} allows so much a day, and that is used up."),
            ),
            "busy" => ApiError::new(
                ErrorCode::Busy,
                format!("Too many questions wait for the owner of {owner}. Try again in a few minutes."),
            ),
            _ => odd(owner),
        }),
    }
}

/// A question of ours waits at another device.
pub(crate) fn waits_at(core: &Arc<Core>, node: NodeId, share: ShareId, ends_in: Duration) {
    let Some(ends_in) = core.asks.ours().wait((node, share), ends_in, Instant::now()) else { return };
    core.presence.nearby_changed();
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        tokio::select! {
            () = core.cancel.cancelled() => {}
            // If it was not answered until then, it shows as refused.
            () = tokio::time::sleep(ends_in + Duration::from_millis(50)) => core.presence.nearby_changed(),
        }
    });
}

/// A device told what became of a question of ours (an `asked` line of its watch stream).
pub(crate) fn heard_answer(core: &Arc<Core>, from: NodeId, share: String, yes: bool) {
    let known = core.asks.ours().answered(&(from, ShareId(share)), yes);
    tracing::debug!(%from, yes, known, "the owner of another device has answered");
    core.presence.nearby_changed();
    printing::owner_has_answered(core, from);
}

/// Whether something that another device offers can be used now.
pub(crate) fn access(core: &Core, node: &NodeId, share: &str, ask: bool) -> Access {
    if !ask {
        return Access::Allowed;
    }
    core.asks.ours().access(&(*node, ShareId(share.to_owned())), Instant::now())
}

fn hear(core: &Core, caller: &Caller, subject: Subject, asked: wire::Question) -> Response<Body> {
    let unknown = || refuse(StatusCode::NOT_FOUND, "not_found", "there is no such share");
    let (share, wish) = (ShareId(asked.share), asked.action);
    let Some(found) = shares::standing(core, &share, &subject, action(wish)) else { return unknown() };
    if (found.kind == ShareKind::Printer) != (wish == Wish::Print) {
        return unknown();
    }
    match found.decision {
        Decision::Allow => return body::json(StatusCode::OK, &Allowed { allowed: true }),
        Decision::Ask => {}
        Decision::Spent => {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "spent", "that is all for today");
        }
        Decision::Deny => {
            return refuse(StatusCode::FORBIDDEN, "not_allowed", "the owner has not allowed this");
        }
    }
    let (Ok(id), now) = (random_id(), core.clock.now()) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no random bytes");
    };
    let question = Question {
        id,
        subject,
        known: core.circle.knows(&caller.node),
        address: caller.remote,
        share,
        wish,
        title: asked.title.map(|title| ticket::title(&title)),
        pages: asked.pages,
        bytes: asked.bytes,
        job: None,
        asked_at: now.wall,
        ends: now.ran.saturating_add(desk::PATIENCE),
    };
    let heard = core.asks.desk().ask(question, now.ran);
    let question = match heard {
        Heard::New(question) => {
            tracing::info!(device = %caller.node, share = %question.share, "somebody asks the owner");
            core.asks.came.notify_one();
            changed(core);
            question
        }
        Heard::Again(question) => question,
        Heard::TooSoon => {
            let words = "the owner has not said yes; ask again in a minute";
            return refuse(StatusCode::TOO_MANY_REQUESTS, "not_allowed", words);
        }
        Heard::TooMany => {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "busy", "too many questions wait for the owner");
        }
    };
    let ends_in = question.ends.saturating_sub(now.ran).max(0);
    let waits = Waits {
        ask: question.id,
        ends_at: now.wall.saturating_add(ends_in),
        ends_in: ends_in.unsigned_abs(),
    };
    body::json(StatusCode::ACCEPTED, &waits)
}

fn listed(core: &Core) -> Vec<Ask> {
    let (waiting, now) = (core.asks.desk().waiting().to_vec(), core.clock.now());
    let shown = |question: Question| {
        let device = question.subject.id();
        let found = shares::standing(core, &question.share, &question.subject, action(question.wish))?;
        Some(Ask {
            id: question.id,
            device: device.to_string(),
            device_name: core.presence.name_of(&device),
            address: question.address.ip().to_string(),
            known: question.known,
            share: question.share.0,
            share_name: found.name,
            share_kind: found.kind,
            title: question.title,
            pages: question.pages,
            bytes: question.bytes,
            files: None,
            names: Vec::new(),
            folder: None,
            asked_at: question.asked_at,
            ends_at: now.wall.saturating_add(question.ends.saturating_sub(now.ran)),
        })
    };
    waiting.into_iter().filter_map(shown).collect()
}

fn tell(core: &Core, question: &Question, yes: bool) {
    if let Some(job) = question.job {
        return printing::owner_has_said(core, job, yes);
    }
    let line = WatchLine::Asked { share: question.share.0.clone(), yes };
    core.presence.push(&question.subject.id(), line);
}

fn changed(core: &Core) {
    core.events.emit(Change::Asks(all(core)));
}

fn action(wish: Wish) -> Action {
    match wish {
        Wish::Print => Action::Print,
        Wish::Read => Action::List,
        Wish::Write => Action::Write,
    }
}

/// The offered printer or drive that a person means; true for a printer.
fn find(core: &Core, what: &str) -> Result<(RemoteShare, bool), ApiError> {
    let (printer, drive) = (presence::find_printer(core, what), presence::find_drive(core, what));
    let not_there = |error: &ApiError| error.code == ErrorCode::NotFound;
    match (printer, drive) {
        (Ok(printer), Err(error)) if not_there(&error) => Ok((printer, true)),
        (Err(error), Ok(drive)) if not_there(&error) => Ok((drive, false)),
        (Ok(printer), Ok(drive)) => {
            let words = format!("“{what}” is a printer and a drive.");
            let mut error = ApiError::new(ErrorCode::Ambiguous, words);
            error.candidates = [printer, drive].map(|one| format!("{}@{}", one.share, one.node)).to_vec();
            Err(error)
        }
        (Err(error), Err(other)) if not_there(&error) && not_there(&other) => {
            Err(ApiError::new(ErrorCode::NotFound, format!("There is no printer and no drive “{what}”.")))
        }
        (Err(error), _) if !not_there(&error) => Err(error),
        (_, Err(error)) => Err(error),
        (Err(error), Ok(_)) => Err(error),
    }
}

async fn send(
    core: &Core,
    share: &RemoteShare,
    question: &wire::Question,
) -> Result<(StatusCode, Vec<u8>), ApiError> {
    let away = || {
        let words = format!("{} is not answering. It may be asleep.", share.device_name);
        ApiError::new(ErrorCode::PeerUnreachable, words)
    };
    let json = serde_json::to_vec(question)
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    let request = Request::builder().method(Method::POST).uri("/v1/asks").body(body::full(json));
    let request = request.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    let response = core.peers.request(share.node, request, ASK_DEADLINE).await.map_err(|_| away())?;
    let status = response.status();
    let told = body::read(response.into_body(), MAX_QUESTION, READ_DEADLINE).await.map_err(|_| away())?;
    Ok((status, told.to_vec()))
}

fn odd(owner: &str) -> ApiError {
    let words = format!("{owner} did not understand the question. It may run an older version of Lanyard.");
    ApiError::new(ErrorCode::OtherVersion, words)
}

fn refuse(code: StatusCode, reason: &str, detail: &str) -> Response<Body> {
    body::json(code, &Refused { reason: reason.to_owned(), detail: detail.to_owned() })
}

/// Eight base32 characters, short enough to type. Only the owner answers, so nobody need not guess it.
fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}
