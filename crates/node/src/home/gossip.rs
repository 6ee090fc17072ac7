//! How members come to know the same: the log first, then the home's secrets and where everybody is.
//!
//! A member that knows something new says so on every watch stream ([`WatchLine::Home`]); whoever hears a digest that
//! is not its own asks at once (`POST /v1/home/sync`). Now and then one asks another for no reason.
//!
//! The door answers members. It takes operations from anybody who knows the home, because the log lets in only what is
//! signed by whoever had the right: so a new device brings the news of itself. And it tells a device that was put out
//! what led up to that, which it had a right to know, and nothing that came later.

mod rounds;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod simulated;

use self::rounds::Rounds;
use super::{Ended, Kept, acks, change, home_of, lock, places, wake};
use crate::{Core, presence, wire::WatchLine};
use data_encoding::HEXLOWER;
use http::{Method, Request, Response, StatusCode};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_trust::{
    Log, NodeId, Op, OpId,
    membership::{
        Body as Said, EPOCHS, MAX_DEVICES,
        gossip::{self, Bytes, MAX_MESSAGE, Message, Sync},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Between two exchanges for no reason.
const NOW_AND_THEN: Duration = Duration::from_secs(5 * 60);
/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a device that leaves waits for others to hear of it.
const FAREWELL: Duration = Duration::from_secs(3);
/// The longest body: a message of the log, or all that members know besides.
const MAX_BODY: usize = MAX_MESSAGE + 64 * 1024;
/// Operations that travel together, in bytes before base64.
const CARGO: usize = 96 * 1024;
/// How often strangers may bring operations, all together.
const STRANGERS: u32 = 30;
const STRANGERS_PER: Duration = Duration::from_secs(60);

/// Exchanges under way.
pub(super) struct Gossip {
    rounds: Mutex<Rounds>,
    /// The signature that this device has handed to the keeper that asked for it.
    handed: Mutex<Option<[u8; 64]>>,
    strangers: Mutex<(Instant, u32)>,
}

/// What members know besides the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct News {
    #[serde(default)]
    keys: Vec<EpochKey>,
    #[serde(default)]
    places: Vec<places::Signed>,
    /// What members acknowledged of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acks: Vec<acks::Told>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EpochKey {
    epoch: OpId,
    key: Bytes,
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", content = "value", rename_all = "snake_case")]
enum Ask {
    Log(Message),
    News(News),
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
enum Answer {
    Log {
        message: Message,
        /// The digest of everything.
        all: Bytes,
    },
    News(News),
}

impl Default for Gossip {
    fn default() -> Self {
        Self {
            rounds: Mutex::default(),
            handed: Mutex::default(),
            strangers: Mutex::new((Instant::now(), 0)),
        }
    }
}

impl News {
    /// One device's place and nothing else.
    pub(super) fn of_place(place: Option<places::Signed>) -> Self {
        Self { places: place.into_iter().collect(), ..Self::default() }
    }
}

/// All that this device knows besides the log.
pub(super) fn news(kept: &Kept) -> News {
    News {
        keys: kept
            .keys
            .iter()
            .map(|(epoch, key)| EpochKey { epoch: *epoch, key: Bytes(key.to_vec()) })
            .collect(),
        places: kept.places.values().map(|place| place.signed().clone()).collect(),
        acks: kept.acks.values().map(acks::Told::of).collect(),
    }
}

/// Takes what a member told. Of two secrets for one epoch the lower one stays, everywhere.
pub(super) fn merge(kept: &mut Kept, news: News) {
    let Some(log) = kept.home() else { return };
    let home = log.home();
    let epochs: HashSet<OpId> = log.epochs().iter().rev().take(EPOCHS).copied().collect();
    let state = log.state();
    let told: Vec<places::Place> = news
        .places
        .iter()
        .take(MAX_DEVICES)
        .filter_map(|signed| places::Place::read(signed, home))
        .filter(|place| state.is_member(place.node()))
        .collect();
    let mut known = kept.acks.clone();
    if !news.acks.is_empty() {
        log.merge_acks(&mut known, news.acks.into_iter().take(MAX_DEVICES).filter_map(acks::Told::read));
    }
    for EpochKey { epoch, key } in news.keys {
        let Ok(key) = <[u8; 32]>::try_from(key.0) else { continue };
        if epochs.contains(&epoch) {
            let known = kept.keys.entry(epoch).or_insert(key);
            *known = (*known).min(key);
        }
    }
    places::merge(&mut kept.places, told);
    kept.acks = known;
}

pub(super) async fn take_news(core: &Arc<Core>, news: News) {
    let taken = change(core, |kept| {
        merge(kept, news);
        Ok(())
    });
    if let Err(error) = taken.await {
        tracing::warn!(%error, "what another member knows cannot be kept");
    }
}

/// What one who watches this device is told of the home, if it is anybody's business.
pub(crate) fn digest_line(core: &Core, node: &NodeId) -> Option<WatchLine> {
    let known = core.circle.known();
    if !known.members.contains(node) && !known.expelled.contains(node) {
        return None;
    }
    line(&core.home.kept())
}

fn line(kept: &Kept) -> Option<WatchLine> {
    Some(WatchLine::Home { digest: HEXLOWER.encode(&kept.digest()?) })
}

/// Tells every member that there is something new.
pub(super) fn tell(core: &Core, kept: &Kept) {
    let (Some(state), Some(line)) = (kept.state(), line(kept)) else { return };
    for node in state.members.keys() {
        core.presence.push(node, line.clone());
    }
}

/// A device said what it knows.
pub(crate) fn heard_digest(core: &Arc<Core>, node: NodeId, digest: &str) {
    let own = core.home.kept().digest();
    if own.is_some_and(|own| HEXLOWER.encode(&own) != digest) {
        soon(core, node);
    }
}

/// A member is there: it may not know yet that this device is one, and then says nothing by itself.
pub(crate) fn is_back(core: &Arc<Core>, node: NodeId) {
    soon(core, node);
}

/// Exchanges what is known with a member, now and then, until the node stops.
pub(super) async fn run(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = tokio::time::sleep(NOW_AND_THEN) => {}
        }
        // Whoever should have made it may be away for long.
        if core.home.kept().key_maker().is_some() {
            let made = change(&core, |kept| {
                kept.make_key();
                Ok(())
            });
            if let Err(error) = made.await {
                tracing::warn!(%error, "the home gets no new secret");
            }
        }
        let members = core.circle.known().members;
        let online: Vec<NodeId> = presence::online(&core)
            .into_iter()
            .map(|(node, _)| node)
            .filter(|node| members.contains(node))
            .collect();
        let mut random = [0; 8];
        if online.is_empty() || getrandom::fill(&mut random).is_err() {
            continue;
        }
        let pick = u64::from_le_bytes(random) % online.len() as u64;
        soon(&core, online[pick as usize]);
    }
}

/// Begins an exchange, or lets another follow the one that is under way.
pub(super) fn soon(core: &Arc<Core>, node: NodeId) {
    if node == core.identity.node_id() || !core.circle.is_member(&node) {
        return;
    }
    let Some(node) = lock(&core.home.gossip.rounds).want(node) else { return };
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let mut next = Some(node);
        while let Some(node) = next {
            let exchanged = tokio::select! {
                () = core.cancel.cancelled() => return,
                exchanged = exchange(&core, node) => exchanged,
            };
            if let Err(error) = exchanged {
                tracing::debug!(%node, error, "the exchange with another member did not come to its end");
            }
            next = lock(&core.home.gossip.rounds).over(node);
        }
    });
}

/// What this device has acknowledged to a keeper that may not have it yet: nobody else needs it, so that nobody else is
/// told that there is something new.
fn owed(core: &Core, node: NodeId) -> Option<[u8; 64]> {
    let kept = core.home.kept();
    let own = kept.acks.get(&core.identity.node_id()).filter(|own| own.to == node)?;
    (*lock(&core.home.gossip.handed) != Some(own.signature)).then_some(own.signature)
}

async fn exchange(core: &Arc<Core>, node: NodeId) -> Result<(), String> {
    let mut introduced = false;
    'begin: loop {
        let kept = core.home.kept();
        let Some(log) = kept.home() else { return Ok(()) };
        let (mut sync, mut ask) = Sync::begin(log, core.identity.node_id());
        let mut differs = false;
        loop {
            let answer = match put(core, node, &Ask::Log(ask)).await {
                Ok(answer) => answer,
                Err(Refused::Forbidden) if !introduced => {
                    introduced = true;
                    let ops: Vec<Op> = log.ops().cloned().collect();
                    bring(core, node, log, &ops).await.map_err(|refused| refused.in_words())?;
                    continue 'begin;
                }
                Err(refused) => return Err(refused.in_words()),
            };
            let Answer::Log { message, all } = answer else {
                return Err("it answered something else".to_owned());
            };
            let next = take(core, &mut sync, message).await?;
            differs |= core.home.kept().digest().is_some_and(|own| all.0 != own);
            match next {
                Some(next) => ask = next,
                None if !differs && owed(core, node).is_none() => return Ok(()),
                None => break,
            }
        }
        let kept = core.home.kept();
        if kept.home().is_none() {
            return Ok(());
        }
        let owed = owed(core, node);
        match put(core, node, &Ask::News(news(&kept))).await {
            Ok(Answer::News(theirs)) => {
                if owed.is_some() {
                    *lock(&core.home.gossip.handed) = owed;
                }
                take_news(core, theirs).await;
            }
            Ok(Answer::Log { .. }) => return Err("it answered something else".to_owned()),
            Err(refused) => return Err(refused.in_words()),
        }
        return Ok(());
    }
}

/// Takes one answer; what comes next, if anything.
async fn take(core: &Arc<Core>, sync: &mut Sync, message: Message) -> Result<Option<Message>, String> {
    let next = change(core, |kept| {
        let log = home_of(kept)?;
        let next = sync.take(log, message);
        let next = next.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        if next.put_out {
            kept.ended = Some(Ended::PutOut);
        }
        Ok(next)
    });
    Ok(next.await.map_err(|error| error.to_string())?.ask)
}

/// Brings operations to a device, which may not know yet that this one is a member.
async fn bring(core: &Core, node: NodeId, log: &Log, ops: &[Op]) -> Result<(), Refused> {
    if log.base().is_some() {
        put(core, node, &Ask::Log(gossip::checkpoint(log))).await?;
    }
    let mut rest = ops;
    while !rest.is_empty() {
        let mut cargo = 0;
        let fitting = rest.iter().take_while(|op| {
            cargo += op.to_bytes().len();
            cargo <= CARGO
        });
        let part: Vec<Bytes> = fitting.map(|op| Bytes(op.to_bytes())).collect();
        rest = &rest[part.len().max(1)..];
        put(core, node, &Ask::Log(Message::Ops { home: log.home(), ops: part })).await?;
    }
    Ok(())
}

/// Tells others something before this device is none of them any more. Waits a little for them.
pub(super) async fn hand_over(core: &Arc<Core>, log: &Log, ops: &[Op], others: &[NodeId]) {
    let online: HashSet<NodeId> = presence::online(core).into_iter().map(|(node, _)| node).collect();
    let telling = others.iter().filter(|node| online.contains(node)).map(|node| bring(core, *node, log, ops));
    let _ = tokio::time::timeout(FAREWELL, futures_util::future::join_all(telling)).await; // they hear it later
}

/// Why a question was not answered.
enum Refused {
    Forbidden,
    Other(String),
}

impl Refused {
    fn in_words(self) -> String {
        match self {
            Self::Forbidden => "it knows nothing of this device".to_owned(),
            Self::Other(words) => words,
        }
    }
}

async fn put(core: &Core, node: NodeId, ask: &Ask) -> Result<Answer, Refused> {
    let other = |error: &dyn std::fmt::Display| Refused::Other(error.to_string());
    let bytes = serde_json::to_vec(ask).map_err(|error| other(&error))?;
    let mut request = Request::new(body::full(bytes));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/home/sync");
    let response = core.peers.request(node, request, DEADLINE).await.map_err(|error| other(&error))?;
    match response.status() {
        StatusCode::OK => {
            body::read_json(response.into_body(), MAX_BODY, DEADLINE).await.map_err(|error| other(&error))
        }
        StatusCode::FORBIDDEN => Err(Refused::Forbidden),
        status => Err(other(&status)),
    }
}

/// Answers `/v1/home/…`.
pub async fn serve(core: Arc<Core>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    if request.method() != Method::POST {
        return body::status(StatusCode::METHOD_NOT_ALLOWED, "another method is expected");
    }
    match request.uri().path() {
        "/v1/home/sync" => match body::read_json(request.into_body(), MAX_BODY, DEADLINE).await {
            Ok(ask) => answer(&core, caller.node, ask).await,
            Err(error) => {
                tracing::debug!(from = %caller.remote, %error, "no question about the home");
                body::status(StatusCode::BAD_REQUEST, "a question about the home is expected")
            }
        },
        "/v1/home/wake" => wake::serve(&core, caller, request).await,
        _ => body::status(StatusCode::NOT_FOUND, "not found"),
    }
}

async fn answer(core: &Arc<Core>, from: NodeId, ask: Ask) -> Response<Body> {
    let kept = core.home.kept();
    let Some(log) = kept.home() else { return body::status(StatusCode::NOT_FOUND, "not found") };
    let (member, me) = (core.circle.is_member(&from), core.identity.node_id());
    match ask {
        Ask::Log(message @ (Message::Ops { .. } | Message::Checkpoint { .. })) => {
            if !member && !may_bring(&core.home.gossip) {
                return body::status(StatusCode::TOO_MANY_REQUESTS, "later");
            }
            let taken = change(core, |kept| {
                let answer = gossip::answer(home_of(kept)?, me, message);
                if answer.put_out {
                    kept.ended = Some(Ended::PutOut);
                }
                Ok(answer.message)
            });
            match taken.await {
                Ok(message) => told(message, &core.home.kept()),
                Err(error) => {
                    tracing::warn!(%error, "the home's log cannot be written");
                    body::status(StatusCode::INTERNAL_SERVER_ERROR, "the log cannot be written")
                }
            }
        }
        Ask::Log(message) if member => told(gossip::answer(&mut log.clone(), me, message).message, &kept),
        Ask::Log(message) => match up_to_the_removal(log, from) {
            Some(mut log) => {
                let message = gossip::answer(&mut log, me, message).message;
                body::json(StatusCode::OK, &Answer::Log { message, all: Bytes::default() })
            }
            None => forbidden(),
        },
        Ask::News(theirs) if member => {
            take_news(core, theirs).await;
            body::json(StatusCode::OK, &Answer::News(news(&core.home.kept())))
        }
        Ask::News(_) => forbidden(),
    }
}

fn told(message: Message, kept: &Kept) -> Response<Body> {
    let all = Bytes(kept.digest().map(|digest| digest.to_vec()).unwrap_or_default());
    body::json(StatusCode::OK, &Answer::Log { message, all })
}

fn forbidden() -> Response<Body> {
    body::status(StatusCode::FORBIDDEN, "for devices of the home")
}

fn may_bring(gossip: &Gossip) -> bool {
    let mut strangers = lock(&gossip.strangers);
    let (since, count) = &mut *strangers;
    if since.elapsed() >= STRANGERS_PER {
        (*since, *count) = (Instant::now(), 0);
    }
    *count += 1;
    *count <= STRANGERS
}

/// The log as the removal of this device saw it, that removal included; after a checkpoint that remembers the removal,
/// the checkpoint.
fn up_to_the_removal(log: &Log, device: NodeId) -> Option<Log> {
    let removes = |id: &&OpId| {
        log.op(**id).is_some_and(|op| matches!(op.body(), Said::Remove { device: gone } if *gone == device))
    };
    if log.state().is_member(device) {
        return None;
    }
    match log.epochs().iter().rev().find(removes) {
        Some(removal) => log.up_to(&[*removal]),
        None if log.base()?.remembers_as_out(device) => log.up_to(&[]),
        None => None,
    }
}
