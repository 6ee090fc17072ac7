//! Sending to a person's device: announced until there is an answer, then copied like anything else.
//!
//! A sending is nothing but its copies, which all go to one share, `send-` and an id. So a restart needs no more than
//! the copies that are not over: whatever waits is announced again. The receiving half is `inbox`.

use crate::{
    Core,
    drives::{self, Outgoing},
    home,
    wire::{Announced, SendAnswer, SendOver},
};
use http::{Method, Request, StatusCode};
use lanyard_api::{ApiError, Change, Document, ErrorCode, Event, Transfer};
use lanyard_drive::{
    consume::{self, Direction, Reason, State},
    wire::{SEND, is_send},
};
use lanyard_link::body;
use lanyard_trust::{NodeId, ShareId};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

/// Files and folders in one sending.
const MOST: usize = 200;
/// Names that are told to whoever is asked.
pub(crate) const NAMES: usize = 10;
/// Bytes of them: an announcement is a short one.
const NAMES_BYTES: usize = 3 * 1024;
/// How long the other device may take to take an announcement.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it is asked whether there is an answer.
const WAITS: Duration = Duration::from_secs(1);
/// How often it is tried while the device is away; presence wakes copies, not this.
const AWAY: Duration = Duration::from_secs(5);
/// How often it is tried to say that it is over.
const TELLS: u32 = 5;
/// How often a sending that was accepted is looked at: the other device may have forgotten it.
const GOES_ON: Duration = Duration::from_secs(10);

/// Sends files and folders of this computer to a device of the home.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `unreadable`.
pub async fn send(core: &Arc<Core>, files: Vec<Document>, device: &str) -> Result<Vec<Transfer>, ApiError> {
    if files.is_empty() || files.len() > MOST {
        let words = format!("Between one and {MOST} files and folders can be sent at once.");
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    let node = home::member(core, device)?;
    let share = ShareId(format!("{SEND}{}", Uuid::new_v4()));
    let mut outgoing = Vec::with_capacity(files.len());
    for file in &files {
        // All are looked at before the first one is written down.
        outgoing.push(Outgoing::look(core, file).await?);
    }
    let device_name = core.presence.name_of(&node);
    let mut begun = Vec::with_capacity(outgoing.len());
    for one in outgoing {
        begun.push(drives::hand_over(core, one, node, &device_name, &share).await?);
    }
    see_to(core, node, share);
    Ok(begun)
}

/// Sends once more what did not get there.
///
/// # Errors
/// As [`send`].
pub async fn again(core: &Arc<Core>, copy: consume::Transfer) -> Result<Transfer, ApiError> {
    let node = home::member(core, &copy.node.to_string())?;
    let outgoing = drives::look_again(core, &copy).await?;
    let share = ShareId(format!("{SEND}{}", Uuid::new_v4()));
    let begun = drives::hand_over(core, outgoing, node, &copy.device_name, &share).await?;
    see_to(core, node, share);
    Ok(begun)
}

/// Goes on with what was not over when the node stopped.
pub fn resume(core: &Arc<Core>) {
    let all = drives::copies(core);
    let open: BTreeSet<(NodeId, ShareId)> =
        all.into_iter().filter(is_open).map(|copy| (copy.node, copy.share)).collect();
    for (node, share) in open {
        see_to(core, node, share);
    }
}

fn is_open(copy: &consume::Transfer) -> bool {
    copy.direction == Direction::Upload && is_send(&copy.share) && !copy.state.is_ended()
}

/// Announces a sending until all of it is over.
fn see_to(core: &Arc<Core>, node: NodeId, share: ShareId) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let mut accepted = false;
        let mut events = core.events.listen();
        loop {
            let copies: Vec<consume::Transfer> = drives::copies(&core)
                .into_iter()
                .filter(|copy| is_open(copy) && copy.share == share)
                .collect();
            if copies.is_empty() {
                return is_over(&core, node, &share).await;
            }
            let pause = match announce(&core, node, &share, None).await {
                Some(SendAnswer::Accepted) => {
                    if !std::mem::replace(&mut accepted, true) {
                        drives::peer_is_back(&core, node).await;
                    }
                    GOES_ON
                }
                Some(SendAnswer::Waits | SendAnswer::Busy) => WAITS,
                Some(SendAnswer::Refused) => {
                    end(&core, &copies, Reason::NotAllowed, "It was not accepted at").await;
                    return;
                }
                Some(SendAnswer::NoRoom) => {
                    end(&core, &copies, Reason::DiskFull, "There is no room for it at").await;
                    return;
                }
                None => {
                    home::wake_for(&core, node);
                    AWAY
                }
            };
            tokio::select! {
                () = core.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = one_ends(&mut events, node) => {}
            }
        }
    });
}

/// Waits until something that is sent to this device is over.
async fn one_ends(events: &mut broadcast::Receiver<Event>, node: NodeId) {
    loop {
        match events.recv().await {
            Ok(Event { change: Change::Transfer(copy), .. }) => {
                if copy.inbox && copy.ended_at.is_some() && copy.device == node.to_string() {
                    return;
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Says that nothing more comes, so that nobody there waits for it. Whoever is away then finds out by itself: what was
/// accepted ends after a time, and a question sooner.
async fn is_over(core: &Arc<Core>, node: NodeId, share: &ShareId) {
    let all: Vec<consume::Transfer> =
        drives::copies(core).into_iter().filter(|copy| copy.share == *share).collect();
    let whole = all.iter().all(|copy| copy.state == State::Done);
    let over = if whole { SendOver::Whole } else { SendOver::Stopped };
    for _ in 0..TELLS {
        if announce(core, node, share, Some(over)).await.is_some() {
            return;
        }
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = tokio::time::sleep(AWAY) => {}
        }
    }
}

async fn end(core: &Core, copies: &[consume::Transfer], reason: Reason, words: &str) {
    for copy in copies {
        drives::give_up(core, copy.id, reason, format!("{words} {}.", copy.device_name)).await;
    }
}

/// What is sent, in the order in which it was chosen, as far as there is room for it in an announcement.
fn names(all: &[consume::Transfer]) -> Vec<String> {
    let mut room = NAMES_BYTES;
    let names = all.iter().rev().map(|copy| copy.remote_path.clone());
    names
        .take(NAMES)
        .take_while(|name| room.checked_sub(name.len()).map(|left| room = left).is_some())
        .collect()
}

/// None when the device does not answer, or makes no sense.
async fn announce(core: &Core, node: NodeId, share: &ShareId, over: Option<SendOver>) -> Option<SendAnswer> {
    let all: Vec<consume::Transfer> =
        drives::copies(core).into_iter().filter(|copy| copy.share == *share).collect();
    let first = all.last().map(|copy| copy.remote_path.clone()).unwrap_or_default();
    let title = match all.len() {
        0 | 1 => first,
        more => format!("{first} + {}", more - 1),
    };
    let announced = Announced {
        id: share.0.strip_prefix(SEND)?.to_owned(),
        title,
        bytes: all.iter().filter_map(|copy| copy.size).sum(),
        files: u32::try_from(all.len()).ok(),
        names: names(&all),
        over,
    };
    let mut request = Request::new(body::full(serde_json::to_vec(&announced).ok()?));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/sends");
    let answer = core.peers.request(node, request, DEADLINE).await.ok()?;
    if answer.status() != StatusCode::OK {
        // A device that has put us out, or is too old to be sent to.
        let refused = answer.status() == StatusCode::NOT_FOUND;
        return refused.then_some(SendAnswer::Refused);
    }
    body::read_json(answer.into_body(), 1_024, DEADLINE).await.ok()
}
