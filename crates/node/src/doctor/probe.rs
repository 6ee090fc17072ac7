//! The other side of the self-check: `POST /v1/probe`, by which a device asks another one whether it can be reached
//! and heard.
//!
//! A neighbour must not be able to send us knocking around: we connect only to the address that the request came
//! from, only above port 1023, only with the key pinned that the request proved, and once a second for each device.
//! The addresses in a request are only compared with what is heard.

use crate::{Core, networks, presence, wire};
use http::{Method, Request, Response, StatusCode};
use lanyard_discovery::multicast::Ear;
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_trust::NodeId;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Semaphore;

/// The longest request and the longest answer.
const MAX_BODY: usize = 16 * 1024;
const BODY_DEADLINE: Duration = Duration::from_secs(3);
/// How long the one who is asked listens and knocks.
const LISTEN: Duration = Duration::from_secs(2);
const KNOCK: Duration = Duration::from_secs(3);
/// How long the one who asks waits for the answer.
const ANSWER: Duration = Duration::from_secs(6);
/// Requests at once.
const AT_ONCE: usize = 8;
/// Between two requests of one device.
const BETWEEN: Duration = Duration::from_secs(1);
/// Devices whose last request is remembered.
const MAX_REMEMBERED: usize = 512;
/// Addresses of the other side that are looked at.
const MAX_ADDRESSES: usize = 64;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Probe {
    /// The protocol that the asker speaks.
    v: u16,
    /// Where it listens; 0 when it does not.
    #[serde(default)]
    port: u16,
    /// Its addresses, to tell it from others that are heard.
    #[serde(default)]
    addresses: Vec<IpAddr>,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Probed {
    /// The protocol that the asked one speaks.
    pub(super) v: u16,
    /// The version of Lanyard that runs there.
    #[serde(default)]
    pub(super) version: String,
    /// Whether it could connect back; none when it did not try.
    #[serde(default)]
    pub(super) reached: Option<bool>,
    /// Why not.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// Whether it hears multicast of the asker.
    #[serde(default)]
    pub(super) hears: bool,
    /// Its clock, in Unix milliseconds.
    #[serde(default)]
    pub(super) clock: i64,
    /// Its addresses where the request came in.
    #[serde(default)]
    pub(super) addresses: Vec<IpAddr>,
}

/// How much others may ask.
pub struct Probes {
    last: Mutex<HashMap<NodeId, Instant>>,
    places: Semaphore,
}

impl Default for Probes {
    fn default() -> Self {
        Self { last: Mutex::default(), places: Semaphore::new(AT_ONCE) }
    }
}

impl Probes {
    /// Whether it is this device's turn.
    fn admits(&self, node: NodeId, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, asked| now.saturating_duration_since(*asked) < BETWEEN);
        if last.contains_key(&node) || last.len() >= MAX_REMEMBERED {
            return false;
        }
        last.insert(node, now);
        true
    }
}

/// Answers `/v1/probe`.
pub(crate) async fn serve(core: Arc<Core>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    if request.uri().path() != "/v1/probe" {
        return body::status(StatusCode::NOT_FOUND, "not found");
    }
    if *request.method() != Method::POST {
        return body::status(StatusCode::METHOD_NOT_ALLOWED, "another method is expected");
    }
    let Ok(_place) = core.probes.places.try_acquire() else {
        return body::status(StatusCode::TOO_MANY_REQUESTS, "too much at once");
    };
    if !core.probes.admits(caller.node, Instant::now()) {
        return body::status(StatusCode::TOO_MANY_REQUESTS, "too soon");
    }
    let Ok(mut probe) = body::read_json::<Probe, _>(request.into_body(), MAX_BODY, BODY_DEADLINE).await
    else {
        return body::status(StatusCode::BAD_REQUEST, "a probe is expected");
    };
    probe.addresses.truncate(MAX_ADDRESSES);
    let ((reached, error), hears) =
        tokio::join!(knock(&core, &caller, probe.port), hears(&core, &caller, &probe));
    let answer = Probed {
        v: wire::VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reached,
        error,
        hears,
        clock: millis(),
        addresses: core.networks.interface_of(caller.local).map(|i| addresses(&[i])).unwrap_or_default(),
    };
    body::json(StatusCode::OK, &answer)
}

async fn knock(core: &Core, caller: &Caller, port: u16) -> (Option<bool>, Option<String>) {
    if port < 1024 || !core.networks.near(caller.remote).is_some_and(|place| place.own) {
        return (None, None);
    }
    let mut address = caller.remote;
    address.set_port(port);
    match core.peers.knock(caller.node, address, KNOCK).await {
        Ok(()) => (Some(true), None),
        Err(error) => (Some(false), Some(error.to_string())),
    }
}

async fn hears(core: &Core, caller: &Caller, probe: &Probe) -> bool {
    let Some(interface) = core.networks.interface_of(caller.local) else { return false };
    let is_asker = |ip: IpAddr| ip == caller.remote.ip() || probe.addresses.contains(&ip);
    match Ear::open(&interface) {
        Ok(ear) => ear.hear(LISTEN, is_asker).await.into_iter().any(is_asker),
        Err(error) => {
            tracing::debug!(%error, "multicast cannot be listened to");
            false
        }
    }
}

/// What a device answered to our probe.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) probed: Probed,
    /// How far its clock is ahead of ours, in milliseconds.
    pub(super) ahead: i64,
}

/// Asks one device. None when it does not answer, or does not know the question.
pub(super) async fn ask(core: &Core, device: &presence::Neighbour) -> Option<Answer> {
    let (own, port) = (core.networks.own_interfaces(), networks::port(core));
    let probe = Probe { v: wire::VERSION, port, addresses: addresses(&own) };
    let mut request = Request::new(body::full(serde_json::to_vec(&probe).ok()?));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/probe");
    let began = (Instant::now(), millis());
    let asking = async {
        let response =
            core.peers.request(device.node, request, ANSWER).await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status()));
        }
        let probed = body::read_json::<Probed, _>(response.into_body(), MAX_BODY, BODY_DEADLINE).await;
        probed.map_err(|error| error.to_string())
    };
    let mut probed: Probed = asking
        .await
        .inspect_err(|error| tracing::debug!(node = %device.node, error, "no answer to a probe"))
        .ok()?;
    probed.addresses.truncate(MAX_ADDRESSES);
    // Its clock was read right before it answered.
    let now = began.1.saturating_add(i64::try_from(began.0.elapsed().as_millis()).unwrap_or(i64::MAX));
    Some(Answer { name: device.name.clone(), ahead: probed.clock.saturating_sub(now), probed })
}

fn addresses(interfaces: &[lanyard_discovery::Interface]) -> Vec<IpAddr> {
    let all = interfaces.iter().flat_map(|interface| &interface.addresses);
    all.map(|prefix| prefix.address).take(MAX_ADDRESSES).collect()
}

/// How a bare TCP connection to one of these addresses went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    /// Somebody is there and nobody listens.
    Refused,
    /// Somebody is there (the neighbour table has its hardware address) and says nothing.
    Silent,
    /// Nobody is there.
    Nobody,
}

/// Tries one address after the other, all at once. `is_there` asks the neighbour table.
pub(super) async fn reach(
    addresses: &[SocketAddr],
    patience: Duration,
    is_there: impl Fn(IpAddr) -> bool,
) -> Reached {
    let attempts = addresses.iter().take(4).map(|address| async move {
        match tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(_)) => Reached::Yes,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Reached::Refused,
            Ok(Err(_)) | Err(_) => Reached::Nobody,
        }
    });
    let went = futures_util::future::join_all(attempts).await;
    for best in [Reached::Yes, Reached::Refused] {
        if went.contains(&best) {
            return best;
        }
    }
    if addresses.iter().any(|address| is_there(address.ip())) { Reached::Silent } else { Reached::Nobody }
}

pub(super) fn millis() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_turn_a_second_and_a_crowd_of_keys_fills_no_memory() {
        let probes = Probes::default();
        let now = Instant::now();
        let node = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_le_bytes());
            NodeId::from_bytes(bytes)
        };
        assert!(probes.admits(node(1), now));
        assert!(!probes.admits(node(1), now + Duration::from_millis(900)));
        assert!(probes.admits(node(2), now), "another one is not in its way");
        assert!(probes.admits(node(1), now + BETWEEN));
        let later = now + Duration::from_secs(9);
        let admitted = (0..10_000).filter(|number| probes.admits(node(*number), later)).count();
        assert_eq!(admitted, MAX_REMEMBERED);
    }
}
