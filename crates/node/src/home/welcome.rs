//! What two devices tell each other once the code was right: the home's log and its secrets to the one that comes in,
//! a common secret to two that are connected without a home.

use super::{
    act::adopt,
    change, gossip, home_of, in_home, internal,
    kept::{Kept, MAX_PAIRED, Pair},
    millis, need_keeper, places, reach, refused, role_in_log,
    talk::{Talk, broken},
};
use crate::Core;
use lanyard_api::{ApiError, ErrorCode, Role};
use lanyard_trust::{
    HomeId, Log, NodeId, Op,
    join::{Channel, Peer},
    membership::{Body, Checkpoint, MAX_STORED, gossip::Bytes},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many bytes of the log go into one message, before base64.
const CARGO: usize = 256 * 1024;

/// A part of what a new device is told.
#[derive(Serialize, Deserialize)]
struct Welcome {
    /// Operations of the home's log, parents first.
    ops: Vec<Bytes>,
    /// With the first: the checkpoint that stands for what came before the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<Bytes>,
    /// Another part follows.
    more: bool,
    /// In the last part: what members know besides.
    #[serde(default)]
    news: gossip::News,
}

/// What the new device answers, and what two that are connected without a home tell each other.
#[derive(Serialize, Deserialize)]
struct Thanks {
    /// Where it is.
    #[serde(default)]
    news: gossip::News,
}

/// The secret of two devices that are connected without a home; the one that shows the code makes it.
#[derive(Serialize, Deserialize)]
struct Common {
    key: Option<Bytes>,
}

/// Lets the device at the other end into this device's home.
pub(super) async fn let_in(
    core: &Arc<Core>,
    talk: &mut Talk,
    channel: &mut Channel,
    peer: &Peer,
    role: Role,
) -> Result<(), ApiError> {
    let name = peer.about.name.clone();
    let device = peer.node;
    change(core, |kept| {
        let log = home_of(kept)?;
        need_keeper(core, log)?;
        if log.state().removed.contains(&device) {
            tracing::info!(%device, "it was put out before and is let in again");
        }
        if log.state().role(device).is_some_and(|has| has >= role_in_log(role)) {
            return Ok(());
        }
        let body = Body::Add { device, role: role_in_log(role), name };
        log.author(&core.identity, body).map(drop).map_err(refused)
    })
    .await?;
    let kept = core.home.kept();
    let log = kept.home().ok_or_else(super::no_home)?;
    let mut parts: Vec<Vec<Bytes>> = vec![Vec::new()];
    let mut cargo = 0;
    for op in log.ops() {
        let bytes = op.to_bytes();
        cargo += bytes.len();
        if cargo > CARGO {
            cargo = bytes.len();
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(Bytes(bytes));
        }
    }
    if let Some(base) = log.base()
        && let Some(first) = parts.first_mut().filter(|part| !part.is_empty())
    {
        // A message of its own: it may be long.
        let rest = first.split_off(1);
        let genesis = std::mem::replace(first, rest);
        let base = Some(Bytes(base.to_bytes()));
        talk.tell(channel, &Welcome { ops: genesis, base, more: true, news: gossip::News::default() })
            .await?;
    }
    let last = parts.len() - 1;
    for (number, ops) in parts.into_iter().enumerate() {
        let more = number != last;
        let news = if more { gossip::News::default() } else { gossip::news(&kept) };
        talk.tell(channel, &Welcome { ops, base: None, more, news }).await?;
    }
    let thanks: Thanks = talk.hear(channel).await?;
    gossip::take_news(core, thanks.news).await;
    Ok(())
}

/// Comes into the home of the device at the other end. `bound` is the home that the code was bound to, if it was.
pub(super) async fn come_in(
    core: &Arc<Core>,
    talk: &mut Talk,
    channel: &mut Channel,
    bound: Option<[u8; 32]>,
) -> Result<(), ApiError> {
    let mut ops: Vec<Op> = Vec::new();
    let mut base = None;
    let news = loop {
        let part: Welcome = talk.hear(channel).await?;
        if let Some(bytes) = &part.base {
            base = Some(Checkpoint::from_bytes(&bytes.0).map_err(|error| broken(error.to_string()))?);
        }
        for bytes in &part.ops {
            ops.push(Op::from_bytes(&bytes.0).map_err(|error| broken(error.to_string()))?);
        }
        if ops.len() > MAX_STORED {
            return Err(broken("its home's log is too long"));
        }
        if !part.more {
            break part.news;
        }
    };
    let log = read(ops, base, bound.map(HomeId::from_bytes), core.identity.node_id())?;
    let place = change(core, |kept| {
        if kept.home().is_some() {
            return Err(in_home(kept));
        }
        let home = log.home();
        adopt(kept, log);
        gossip::merge(kept, news);
        places::settle(core, home, &mut kept.places);
        let me = core.identity.node_id();
        Ok(kept.places.get(&me).map(|place| place.signed().clone()))
    })
    .await?;
    let news = gossip::News::of_place(place);
    talk.tell(channel, &Thanks { news }).await?;
    reach::seek_all(core);
    Ok(())
}

/// Connects with the device at the other end without a home.
pub(super) async fn pair(
    core: &Arc<Core>,
    talk: &mut Talk,
    channel: &mut Channel,
    peer: &Peer,
    shows: bool,
) -> Result<(), ApiError> {
    let key = if shows {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| internal(error.to_string()))?;
        talk.tell(channel, &Common { key: Some(Bytes(key.to_vec())) }).await?;
        let _: Common = talk.hear(channel).await?;
        key
    } else {
        let common: Common = talk.hear(channel).await?;
        let key = common.key.and_then(|key| key.0.try_into().ok());
        key.ok_or_else(|| broken("there was no common secret in it"))?
    };
    let name = peer.about.name.clone();
    let enter = |kept: &mut Kept| {
        if kept.paired.len() >= MAX_PAIRED && !kept.paired.contains_key(&peer.node) {
            let detail = format!("At most {MAX_PAIRED} devices are connected without a home.");
            return Err(ApiError::new(ErrorCode::Busy, detail));
        }
        kept.paired.insert(peer.node, Pair { name, since: millis(), key });
        Ok(())
    };
    change(core, enter).await?;
    if !shows {
        talk.tell(channel, &Common { key: None }).await?;
    }
    Ok(())
}

/// The log, if it is one, of the home that was meant, with this device in it.
fn read(ops: Vec<Op>, base: Option<Checkpoint>, bound: Option<HomeId>, me: NodeId) -> Result<Log, ApiError> {
    let mut ops = ops.into_iter();
    let genesis = ops.next().ok_or_else(|| broken("its home has no beginning"))?;
    let mut log = match base {
        // The word of the member that showed or typed the code: nobody else speaks through this channel.
        Some(base) => Log::open_at(genesis, base).map_err(|error| broken(error.to_string()))?,
        None => Log::open(genesis).map_err(|error| broken(error.to_string()))?,
    };
    log.insert_all(ops);
    if bound.is_some_and(|bound| bound != log.home()) {
        return Err(broken("it is another home than the one it spoke of"));
    }
    if !log.state().is_member(me) {
        return Err(broken("this device is not in it"));
    }
    Ok(log)
}
