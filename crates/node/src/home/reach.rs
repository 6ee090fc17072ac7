//! Finding each other: by the tags that members put into what they announce, where they were last, and by an address
//! that a person typed.

use super::places::{self, Place};
use crate::{Core, presence};
use lanyard_api::{ApiError, Device, ErrorCode};
use lanyard_discovery::{Kind, Saying, Service, text::MAX_TAGS};
use lanyard_trust::NodeId;
use std::{
    collections::HashSet,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Duration,
};

/// The port of a typed address that names none.
const PORT: u16 = 7717;
/// Nodes never listen below: a typed address is no way to knock at other programs.
const LOWEST_PORT: u16 = 1024;
/// How long a name may take to become an address.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How long a device that answered may take to say who it is.
const SHOWN: Duration = Duration::from_secs(6);
/// Between two rounds at members that do not answer, doubled each time up to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After a change of networks or members: what comes with it comes together.
const GATHER: Duration = Duration::from_millis(300);

/// What this device announces besides where it is.
pub(crate) fn saying(core: &Core) -> Saying {
    let kept = core.home.kept();
    let mut keys: Vec<_> = kept.key().copied().into_iter().collect();
    let mut paired: Vec<_> = kept.paired.values().collect();
    paired.sort_by_key(|pair| std::cmp::Reverse(pair.since));
    keys.extend(paired.into_iter().map(|pair| pair.key));
    keys.truncate(MAX_TAGS);
    Saying { keys, opening: core.home.showing.opening(core) }
}

/// Whether a device of the home, or one that is connected directly, announces itself there. Members that have not heard
/// of the last removal use the secret before it.
#[must_use]
pub fn is_one_of_ours(core: &Core, service: &Service) -> bool {
    let Some(token) = service.token.as_ref().filter(|_| service.kind == Kind::Lanyard) else { return false };
    let kept = core.home.kept();
    let home = kept.keys.values().filter(|_| kept.home().is_some());
    home.chain(kept.paired.values().map(|pair| &pair.key)).any(|key| token.is_of(key))
}

/// The networks on which devices of the home were heard.
#[must_use]
pub fn marks(core: &Core) -> HashSet<String> {
    let services = core.presence.heard();
    let ours = services.iter().filter(|service| is_one_of_ours(core, service));
    let addresses = ours.flat_map(|service| &service.addresses);
    addresses.filter_map(|address| Some(core.networks.near(*address)?.network)).collect()
}

/// Knocks at members that are away, where they said they are, until the node stops.
pub(super) async fn run(core: Arc<Core>) {
    let mut networks = core.networks.changes();
    let mut circle = core.circle.changes();
    let mut pause = FIRST_PAUSE;
    let mut own = Vec::new();
    loop {
        let now = places::own(&core);
        if !now.is_empty() && now != own {
            if !own.is_empty() {
                greet_anew(&core);
            }
            own = now;
        }
        seek_all(&core);
        let changed = tokio::select! {
            () = core.cancel.cancelled() => return,
            changed = networks.changed() => changed,
            changed = circle.changed() => changed,
            () = tokio::time::sleep(pause) => {
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
        };
        if changed.is_err() {
            return;
        }
        pause = FIRST_PAUSE;
        tokio::time::sleep(GATHER).await;
    }
}

/// This device has other addresses: connections from the old ones are dead, though nobody has noticed yet. A hello from a
/// new one lets members know at once.
fn greet_anew(core: &Arc<Core>) {
    let members = core.circle.known().members;
    for (node, addresses) in presence::online(core).into_iter().filter(|(node, _)| members.contains(node)) {
        presence::seek_anew(core, node, addresses);
    }
}

/// Knocks once at each member that is away.
pub(super) fn seek_all(core: &Arc<Core>) {
    let kept = core.home.kept();
    if kept.home().is_none() {
        return;
    }
    let me = core.identity.node_id();
    let online: HashSet<NodeId> = presence::online(core).into_iter().map(|(node, _)| node).collect();
    for (node, place) in kept.places.iter().filter(|(node, _)| **node != me && !online.contains(node)) {
        let addresses = worth_trying(core, place);
        if !addresses.is_empty() {
            presence::seek(core, *node, addresses);
        }
    }
}

/// An address of the owner's networks is somebody else's in a café: tried are neighbours' anywhere, and others from the
/// owner's own networks. Nobody but the member itself learns who knocks.
fn worth_trying(core: &Core, place: &Place) -> Vec<SocketAddr> {
    let at_home = core.networks.places().iter().any(|place| place.own);
    let worth = |address: &&SocketAddr| at_home || core.networks.near(**address).is_some();
    place.said().addresses.iter().filter(worth).copied().collect()
}

/// Reaches a device at a typed address.
///
/// # Errors
/// `invalid`, `peer_unreachable`.
pub async fn connect(core: &Arc<Core>, address: &str) -> Result<Device, ApiError> {
    let addresses = addresses(core, address).await?;
    let unreachable =
        |detail: &str| ApiError::new(ErrorCode::PeerUnreachable, format!("{detail} ({address})."));
    let mut changes = core.presence.shown();
    let node = presence::greet(core, &addresses)
        .await
        .ok_or_else(|| unreachable("No device with Lanyard answers there"))?;
    if node == core.identity.node_id() {
        return Err(ApiError::new(ErrorCode::Invalid, "That is the address of this device itself."));
    }
    let until = tokio::time::Instant::now() + SHOWN;
    loop {
        changes.mark_unchanged();
        if let Some(device) = presence::device(core, &node) {
            return Ok(device);
        }
        let changed = tokio::time::timeout_at(until, changes.changed()).await;
        if !matches!(changed, Ok(Ok(()))) {
            return Err(unreachable("A device answers there, but does not say who it is"));
        }
    }
}

/// The addresses that a person means.
pub(super) async fn addresses(core: &Core, typed: &str) -> Result<Vec<SocketAddr>, ApiError> {
    let interfaces = core.networks.interfaces().borrow().clone();
    let index = |name: &str| interfaces.iter().find(|interface| interface.name == name).map(|i| i.index);
    let invalid = |detail: String| ApiError::new(ErrorCode::Invalid, detail);
    let written = parse(typed, index).ok_or_else(|| {
        invalid(format!("“{}” is no address. Like this: 192.168.1.7 or [fe80::1%eth0]:7717.", typed.trim()))
    })?;
    let addresses = match written {
        Written::Address(address) => vec![address],
        Written::Name(name, port) => {
            let looking = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name.as_str(), port)));
            let found =
                looking.await.ok().and_then(Result::ok).map(|found| found.take(8).collect::<Vec<_>>());
            found.filter(|found| !found.is_empty()).ok_or_else(|| {
                ApiError::new(ErrorCode::PeerUnreachable, format!("No computer is called “{name}” here."))
            })?
        }
    };
    if addresses.iter().any(|address| address.port() < LOWEST_PORT) {
        return Err(invalid(format!("Lanyard never uses a port below {LOWEST_PORT}.")));
    }
    Ok(addresses)
}

#[derive(Debug, PartialEq, Eq)]
enum Written {
    Address(SocketAddr),
    Name(String, u16),
}

fn parse(typed: &str, index: impl Fn(&str) -> Option<u32>) -> Option<Written> {
    let typed = typed.trim();
    if let Ok(address) = typed.parse::<SocketAddr>() {
        return Some(Written::Address(address));
    }
    if let Ok(ip) = typed.parse::<IpAddr>() {
        return Some(Written::Address(SocketAddr::new(ip, PORT)));
    }
    let (host, port) = match typed.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { PORT } else { port.strip_prefix(':')?.parse().ok()? })
        }
        None if typed.contains('%') => (typed, PORT),
        None => match typed.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (typed, PORT),
        },
    };
    if let Some((ip, scope)) = host.split_once('%') {
        let ip: Ipv6Addr = ip.parse().ok()?;
        let scope = index(scope).or_else(|| scope.parse().ok())?;
        return Some(Written::Address(SocketAddrV6::new(ip, port, 0, scope).into()));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(Written::Address(SocketAddr::new(ip, port)));
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let name = (1..=253).contains(&host.len()) && host.bytes().all(letter);
    name.then(|| Written::Name(host.to_owned(), port))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood_however_it_is_typed() {
        let index = |name: &str| (name == "eth0").then_some(4);
        let at = |text: &str| Some(Written::Address(text.parse().unwrap()));
        assert_eq!(parse(" 192.168.1.7 ", index), at("192.168.1.7:7717"));
        assert_eq!(parse("192.168.1.7:8000", index), at("192.168.1.7:8000"));
        assert_eq!(parse("fd00::1", index), at("[fd00::1]:7717"));
        assert_eq!(parse("[fd00::1]", index), at("[fd00::1]:7717"));
        assert_eq!(parse("[fe80::1%eth0]:7718", index), at("[fe80::1%4]:7718"));
        assert_eq!(parse("fe80::1%eth0", index), at("[fe80::1%4]:7717"));
        assert_eq!(parse("fe80::1%7", index), at("[fe80::1%7]:7717"));
        assert_eq!(parse("kitchen.local", index), Some(Written::Name("kitchen.local".to_owned(), 7717)));
        assert_eq!(parse("kitchen:8000", index), Some(Written::Name("kitchen".to_owned(), 8000)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in
            ["", "  ", "a b", "http://192.168.1.7/", "kitchen:port", "[fe80::1", "fe80::1%wlan9x", "1:2:3"]
        {
            assert_eq!(parse(typed, |_| None), None, "{typed}");
        }
    }
}
