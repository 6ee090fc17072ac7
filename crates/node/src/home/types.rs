//! The device on which a code is typed, or a link pasted.

use super::{
    in_home, internal, lock, need_keeper, no_home, reach,
    talk::{Came, Talk, failed},
    tell, welcome,
};
use crate::{Core, presence, status};
use lanyard_api::{ApiError, ErrorCode, HomeState, Purpose, Role};
use lanyard_discovery::{Kind, Opening, Service};
use lanyard_link::LinkError;
use lanyard_trust::{
    NodeId,
    join::{
        About, Code, Established, Frame, JoinError, Link, MOST_CANDIDATES, Next, ParseCodeError, Random,
        Secret, Side, Types,
    },
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long a code is looked for when nobody nearby announces its digits: an advert may be on its way.
const LOOK: Duration = Duration::from_secs(3);
/// How many devices without an advert are asked whether they show the code.
const MOST_ASKED: usize = 16;
/// After this long a code that is typed again starts anew.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// Which devices were tried for the code that was typed last: each gets one guess, and a person asks for each.
#[derive(Default)]
pub(super) struct Tried {
    last: Mutex<Option<(String, Instant, Vec<String>)>>,
    /// Counts up when a person does not want to wait any longer.
    stopped: watch::Sender<u64>,
}

/// One device that may show the code.
struct Candidate {
    /// Its advert's name, or its address.
    name: String,
    addresses: Vec<SocketAddr>,
    expected: Option<NodeId>,
}

/// Adverts of devices that show a code.
pub(super) fn heard(core: &Core) -> Vec<(Service, Opening)> {
    let services = core.presence.heard();
    let opening = |service: Service| {
        let opening = service.opening.clone().filter(|_| service.kind == Kind::Lanyard)?;
        let ours = service.addresses.iter().all(|address| core.networks.is_ours(address.ip()));
        // On the loopback network everybody has the same addresses.
        let echo = ours && core.networks.reach() == lanyard_discovery::Reach::Lan;
        (!echo).then_some((service, opening))
    };
    let own = core.home.showing.opening(core);
    services.into_iter().filter_map(opening).filter(|(_, opening)| Some(opening) != own.as_ref()).collect()
}

/// Types a code that another device shows.
///
/// # Errors
/// `invalid` for what is no code; `wrong_code`, `code_ended`, `in_home`, `no_home`, `not_keeper`, `peer_unreachable`,
/// `other_version`, `not_allowed`, `busy`.
pub async fn type_code(
    core: &Arc<Core>,
    code: &str,
    purpose: Purpose,
    address: Option<String>,
) -> Result<HomeState, ApiError> {
    let mut stopped = core.home.tried.stopped.subscribe();
    let secret = read(code)?;
    let side = side(core, purpose)?;
    let typed = match address {
        Some(address) => Some(reach::addresses(core, &address).await?),
        None => None,
    };
    let began = Instant::now();
    // Who gets this guess at a code that was typed; a device at an address or behind a link was chosen by a person.
    let mut guessing = None;
    let mut talk = match &secret {
        Secret::Link(link) => {
            let addresses = typed.unwrap_or_else(|| link.addresses.clone());
            let at = Candidate { name: String::new(), addresses, expected: Some(link.node) };
            meet(core, &at).await?
        }
        Secret::Code(code) => match typed {
            Some(addresses) => {
                meet(core, &Candidate { name: String::new(), addresses, expected: None }).await?
            }
            None => {
                let (talk, name) = find(core, *code).await?;
                guessing = Some((*code, name));
                talk
            }
        },
    };
    let found = began.elapsed();
    let about = About::new(&status::name(&core.settings), std::env::consts::OS);
    let random = Random::draw(getrandom::fill).map_err(|error| internal(error.to_string()))?;
    let ends = talk.ends(core.identity.node_id());
    let (mut types, hello) = Types::new(ends, about, side, secret, random, Instant::now()).map_err(failed)?;
    let gone = |_| failed(JoinError::Timeout);
    talk.send(&hello).await.map_err(gone)?;
    let established = loop {
        // Only here: what the two tell each other once the code was right is not left half done.
        let came = tokio::select! {
            came = talk.next(types.deadline(), false) => came,
            Ok(()) = stopped.changed() => {
                return Err(ApiError::new(ErrorCode::CodeEnded, "You stopped before the other device had answered."));
            }
        };
        let step = match came {
            Came::End => return Err(failed(JoinError::Timeout)),
            Came::Late => types.late(),
            Came::Frame(frame) => types.on(frame, Instant::now()),
        };
        if let Some(frame) = &step.send {
            // From here on it can check one guess of its own, whatever becomes of the talk.
            if matches!(frame, Frame::Confirm(_))
                && let Some((code, name)) = guessing.take()
            {
                core.home.tried.note(code, name);
            }
            talk.send(frame).await.map_err(gone)?;
        }
        match step.next {
            Next::Listen | Next::Ask(_) => {}
            Next::Done(established) => break *established,
            Next::Failed(JoinError::SameSide) => return Err(same_side(core, side)),
            Next::Failed(reason) => return Err(failed(reason)),
        }
    };
    let Established { peer, side: _, home, mut channel } = established;
    match side {
        Side::Member => welcome::let_in(core, &mut talk, &mut channel, &peer, Role::Member).await?,
        Side::Joiner => welcome::come_in(core, &mut talk, &mut channel, home).await?,
        Side::Peer => welcome::pair(core, &mut talk, &mut channel, &peer, false).await?,
    }
    let all = began.elapsed();
    tracing::info!(node = %peer.node, found_ms = found.as_millis() as u64, ms = all.as_millis() as u64, "joined by a code");
    // It listens where it was reached.
    presence::seek(core, peer.node, vec![talk.caller().remote]);
    tell(core).await;
    Ok(super::state(core).await)
}

fn read(typed: &str) -> Result<Secret, ApiError> {
    let invalid = |error: String| {
        ApiError::new(ErrorCode::Invalid, format!("That is no code of another device: {error}."))
    };
    match typed.parse::<Code>() {
        Ok(code) => Ok(Secret::Code(code)),
        Err(ParseCodeError::Link) => {
            let link: Link = typed.parse().map_err(|error: lanyard_trust::join::ParseLinkError| {
                let code = match error {
                    lanyard_trust::join::ParseLinkError::Newer => ErrorCode::OtherVersion,
                    lanyard_trust::join::ParseLinkError::NoLink => ErrorCode::Invalid,
                };
                ApiError::new(code, format!("{error}."))
            })?;
            Ok(Secret::Link(Box::new(link)))
        }
        Err(error) => Err(invalid(error.to_string())),
    }
}

fn side(core: &Core, purpose: Purpose) -> Result<Side, ApiError> {
    let kept = core.home.kept();
    match purpose {
        Purpose::JoinHome if kept.home().is_some() => Err(in_home(&kept)),
        Purpose::JoinHome => Ok(Side::Joiner),
        Purpose::AddDevice => {
            need_keeper(core, kept.home().ok_or_else(no_home)?)?;
            Ok(Side::Member)
        }
        Purpose::Pair => Ok(Side::Peer),
    }
}

fn same_side(core: &Core, side: Side) -> ApiError {
    match side {
        Side::Member => in_home(&core.home.kept()),
        Side::Joiner => {
            ApiError::new(ErrorCode::NoHome, "The other device is in no home that this one could join.")
        }
        Side::Peer => failed(JoinError::SameSide),
    }
}

/// Finds a device that shows a code with these first two digits and had no guess at it yet, and connects to it.
async fn find(core: &Arc<Core>, code: Code) -> Result<(Talk, String), ApiError> {
    let mut changes = core.presence.changes();
    let until = Instant::now() + LOOK;
    let mut silent: Vec<String> = Vec::new();
    loop {
        changes.mark_unchanged();
        match next_candidate(core, code, &silent) {
            // One that does not answer must not keep the right one from being found.
            Pick::One(candidate) => match meet(core, &candidate).await {
                Ok(talk) => return Ok((talk, candidate.name)),
                Err(error) if silent.len() + 1 >= MOST_CANDIDATES => return Err(error),
                Err(_) => {
                    silent.push(candidate.name);
                    continue;
                }
            },
            Pick::AllTried => {
                return Err(ApiError::new(
                    ErrorCode::WrongCode,
                    "The code is not right for any device nearby that shows one like it. Make a new one there.",
                ));
            }
            Pick::None => {}
        }
        let changed = tokio::time::timeout_at(until.into(), changes.changed());
        if !matches!(changed.await, Ok(Ok(()))) {
            return ask_around(core, code).await;
        }
    }
}

enum Pick {
    One(Candidate),
    AllTried,
    None,
}

/// Anyone can announce these digits, so no more than three devices get a guess, and each gets one.
fn next_candidate(core: &Core, code: Code, silent: &[String]) -> Pick {
    let tried = core.home.tried.of(code);
    let mut candidates: Vec<Candidate> = heard(core)
        .into_iter()
        .filter(|(_, opening)| opening.discriminator == code.discriminator())
        .map(|(service, _)| Candidate {
            name: service.fullname,
            addresses: service.addresses,
            expected: None,
        })
        .filter(|candidate| !silent.contains(&candidate.name))
        .collect();
    if candidates.is_empty() && tried.is_empty() {
        return Pick::None;
    }
    candidates.retain(|candidate| !tried.contains(&candidate.name));
    match candidates.into_iter().next() {
        Some(candidate) if tried.len() < MOST_CANDIDATES => Pick::One(candidate),
        _ => Pick::AllTried,
    }
}

/// Where multicast does not get through: devices that are known, one after the other. One that shows no code answers as
/// if it had no such door.
async fn ask_around(core: &Arc<Core>, code: Code) -> Result<(Talk, String), ApiError> {
    for (node, addresses) in presence::online(core).into_iter().take(MOST_ASKED) {
        let name = node.to_string();
        if core.home.tried.of(code).contains(&name) {
            continue;
        }
        let candidate = Candidate { name, addresses, expected: Some(node) };
        if let Ok(talk) = meet(core, &candidate).await {
            return Ok((talk, candidate.name));
        }
    }
    let digits = code.discriminator();
    Err(ApiError::new(
        ErrorCode::WrongCode,
        format!(
            "No device nearby shows a code that begins with {digits:02}. Type the other device's address too, if it \
             is on this network."
        ),
    ))
}

async fn meet(core: &Core, candidate: &Candidate) -> Result<Talk, ApiError> {
    let met = core.peers.meet(&candidate.addresses, candidate.expected).await;
    met.map(Talk::new).map_err(|error| {
        let detail = match error {
            LinkError::OtherDevice => {
                "Another device answers there than the one that made the link.".to_owned()
            }
            _ => "The other device does not answer, or shows no code any more.".to_owned(),
        };
        ApiError::new(ErrorCode::PeerUnreachable, detail)
    })
}

/// Whoever types a code here does not wait for the other device any longer.
pub(super) fn stop(core: &Core) {
    core.home.tried.stopped.send_modify(|count| *count += 1);
}

impl Tried {
    /// The devices that were tried for a code, if it was the last one.
    fn of(&self, code: Code) -> Vec<String> {
        let last = lock(&self.last);
        let same = last.as_ref().filter(|(known, at, _)| *known == code.to_string() && at.elapsed() < FORGET);
        same.map(|(.., tried)| tried.clone()).unwrap_or_default()
    }

    fn note(&self, code: Code, name: String) {
        let mut tried = self.of(code);
        tried.push(name);
        *lock(&self.last) = Some((code.to_string(), Instant::now(), tried));
    }
}
