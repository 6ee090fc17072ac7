//! Waking a sleeping device of the home over the network.
//!
//! A magic packet goes to the hardware address it told while it was awake, on every own network of this device and of
//! every member that is awake. Whether it wakes is up to its firmware and its card.

use super::{act, lock, no_home, places::Mac};
use crate::{Core, networks, presence};
use http::{Request, Response, StatusCode};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_trust::NodeId;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The discard port (RFC 863), which magic packets are sent to by custom.
const PORT: u16 = 9;
/// Between two packets for one device that another asks for.
const BETWEEN: Duration = Duration::from_secs(10);
/// Between two packets for one device that nobody asked for.
const BY_ITSELF: Duration = Duration::from_secs(60);
/// How long another member may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest question.
const MAX_BODY: usize = 1024;

/// When devices were woken last.
#[derive(Default)]
pub(super) struct Woken {
    asked: Mutex<HashMap<NodeId, Instant>>,
    by_itself: Mutex<HashMap<NodeId, Instant>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wake {
    node: NodeId,
}

/// Wakes a device of the home.
///
/// # Errors
/// `no_home`, `not_found`, `not_available` when it told no way to wake it.
pub async fn wake(core: &Arc<Core>, device: &str) -> Result<(), ApiError> {
    let node = {
        let kept = core.home.kept();
        let log = kept.home().ok_or_else(no_home)?;
        act::find(log, device)?
    };
    if macs(core, &node).is_empty() {
        let detail = "This device told no way to wake it: it has no wired network, or runs another system.";
        return Err(ApiError::new(ErrorCode::NotAvailable, detail));
    }
    rouse(core, node).await;
    Ok(())
}

/// Something waits for a device: it is woken, if it can be, at most once a minute.
pub fn wake_for(core: &Arc<Core>, node: NodeId) {
    if macs(core, &node).is_empty() || !is_time(&core.home.woken.by_itself, node, BY_ITSELF) {
        return;
    }
    tracing::info!(%node, "a device that something waits for is woken");
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        tokio::select! {
            () = core.cancel.cancelled() => {}
            () = rouse(&core, node) => {}
        }
    });
}

/// Sends the packet, and asks every member that is awake to do the same.
async fn rouse(core: &Arc<Core>, node: NodeId) {
    send(core, &node);
    let members = core.circle.known().members;
    let asking = presence::online(core).into_iter().filter(|(other, _)| members.contains(other)).map(
        |(other, _)| async move {
            let Ok(bytes) = serde_json::to_vec(&Wake { node }) else { return };
            let mut request = Request::new(body::full(bytes));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = http::Uri::from_static("/v1/home/wake");
            if let Err(error) = core.peers.request(other, request, DEADLINE).await {
                tracing::debug!(%other, %error, "a member does not help to wake another");
            }
        },
    );
    futures_util::future::join_all(asking).await;
}

/// `POST /v1/home/wake {"node":…}`, for members.
pub(super) async fn serve(core: &Arc<Core>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    if !core.circle.is_member(&caller.node) {
        return body::status(StatusCode::FORBIDDEN, "for devices of the home");
    }
    let Ok(Wake { node }) = body::read_json(request.into_body(), MAX_BODY, DEADLINE).await else {
        return body::status(StatusCode::BAD_REQUEST, "a device is expected");
    };
    if macs(core, &node).is_empty() {
        return body::status(StatusCode::NOT_FOUND, "no way to wake it is known");
    }
    if !is_time(&core.home.woken.asked, node, BETWEEN) {
        return body::status(StatusCode::TOO_MANY_REQUESTS, "it was woken a moment ago");
    }
    send(core, &node);
    body::status(StatusCode::ACCEPTED, "sent")
}

fn macs(core: &Core, node: &NodeId) -> Vec<Mac> {
    let kept = core.home.kept();
    let place = kept.places.get(node).filter(|_| kept.home().is_some());
    place.map(|place| place.said().macs.clone()).unwrap_or_default()
}

fn is_time(last: &Mutex<HashMap<NodeId, Instant>>, node: NodeId, between: Duration) -> bool {
    let mut last = lock(last);
    last.retain(|_, at| at.elapsed() < between);
    if last.contains_key(&node) {
        return false;
    }
    last.insert(node, Instant::now());
    true
}

fn send(core: &Core, node: &NodeId) {
    for (own, broadcast) in networks::own_broadcasts(core) {
        for mac in macs(core, node) {
            for to in [Ipv4Addr::BROADCAST, broadcast] {
                if let Err(error) = send_one(own, to, &mac) {
                    tracing::debug!(%own, %to, %error, "a magic packet was not sent");
                }
            }
        }
    }
}

fn send_one(own: Ipv4Addr, to: Ipv4Addr, mac: &Mac) -> io::Result<()> {
    // Bound to an address of an own network, so that it leaves by that interface and no other.
    let socket = std::net::UdpSocket::bind((own, 0))?;
    socket.set_broadcast(true)?;
    socket.send_to(&magic(mac), SocketAddr::from((to, PORT))).map(drop)
}

/// Six times 255, then the hardware address 16 times.
fn magic(mac: &Mac) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    packet.extend(mac.iter().copied().cycle().take(16 * 6));
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_packet_has_the_address_sixteen_times() {
        let packet = magic(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(packet.len(), 102);
        assert_eq!(&packet[..8], &[255, 255, 255, 255, 255, 255, 1, 2]);
        assert_eq!(&packet[96..], &[1, 2, 3, 4, 5, 6]);
    }
}
