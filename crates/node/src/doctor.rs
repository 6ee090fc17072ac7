//! The self-check: what could keep devices from each other, tried from both sides; and the support bundle.
//!
//! Everything that takes time runs side by side and has an end, so that the whole takes a few seconds. What was seen
//! is gathered here; what it means is decided in `verdict`, which is pure.

mod bundle;
mod firewall;
pub(crate) mod probe;
mod verdict;

pub use bundle::bundle;

use crate::{Core, confine, home, presence, status};
use firewall::Firewall;
use lanyard_api::{ApiError, Check, ErrorCode, HomeState, NodeStatus};
use lanyard_discovery::{interfaces, multicast::Ear};
use presence::Neighbour;
use probe::{Answer, Reached};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// The longest the whole may take.
const WHOLE: Duration = Duration::from_secs(11);
/// How long we ask by multicast and listen for answers.
const MULTICAST: Duration = Duration::from_secs(2);
/// How long one that does not answer is waited for.
const REACH: Duration = Duration::from_millis(2500);
/// Devices that are asked, and devices that are tried.
const MAX_ASKED: usize = 8;
const MAX_TRIED: usize = 16;
/// Addresses that are looked up in the routing table, which costs no packet.
const MAX_LOOKED_UP: usize = 256;

/// Everything that was seen.
#[derive(Clone, Debug)]
struct Facts {
    status: NodeStatus,
    /// Addresses that listen.
    listening: usize,
    /// Interfaces on which this device is announced.
    announced: usize,
    /// Devices that answered our probe.
    answers: Vec<Answer>,
    /// Devices that are online and did not answer it.
    unasked: Vec<String>,
    /// Addresses of which anything came by multicast; none when nothing could be listened to.
    heard: Option<BTreeSet<IpAddr>>,
    /// Devices that do not answer, and how knocking at them went.
    tried: Vec<Tried>,
    /// Whether a router answers: none when there is none.
    gateway: Option<bool>,
    wireless: bool,
    /// Neighbours to whom the way leads elsewhere, and through which interface.
    detours: Vec<(IpAddr, String)>,
    home: HomeState,
    data: Data,
    sandbox: Sandbox,
    firewall: Firewall,
}

/// A device that should be there.
#[derive(Clone, Debug)]
struct Tried {
    /// Its name, or the address where multicast DNS says that it is.
    name: String,
    /// It was heard, so it is awake.
    is_heard: bool,
    reached: Reached,
}

/// The key and the data directory.
#[derive(Clone, Debug, Default)]
struct Data {
    /// Files that others on this computer may read, which were closed to them at start or are open now.
    open: Vec<String>,
    unwritable: Option<String>,
    free: Option<u64>,
}

/// What confines this process.
#[derive(Clone, Debug, Default)]
struct Sandbox {
    landlock: Option<confine::Confinement>,
    no_new_privileges: bool,
    seccomp: bool,
    root: bool,
}

/// Looks at everything.
///
/// # Errors
/// `internal` when it does not come to an end.
pub async fn check(core: &Arc<Core>) -> Result<Vec<Check>, ApiError> {
    match tokio::time::timeout(WHOLE, Box::pin(look(core))).await {
        Ok(facts) => Ok(verdict::checks(&facts)),
        Err(_) => Err(ApiError::new(ErrorCode::Internal, "The self-check did not come to an end.")),
    }
}

async fn look(core: &Arc<Core>) -> Facts {
    let status = status::status(core).await;
    let (listening, announced) = core.networks.running();
    let neighbours = presence::neighbours(core).await;
    let nearby = neighbours.iter().flat_map(|device| &device.addresses).map(SocketAddr::ip).collect();
    let (online, away): (Vec<Neighbour>, Vec<Neighbour>) = neighbours.into_iter().partition(|n| n.online);
    let (heard, (answers, unasked), (tried, gateway, wireless), data, home) = tokio::join!(
        hear(core),
        ask(core, &online, !listening.is_empty()),
        reach(core, &online, away),
        data(core),
        home::state(core),
    );
    let detours = detours(core, nearby).await;
    Facts {
        status,
        listening: listening.len(),
        announced,
        answers,
        unasked,
        heard,
        tried,
        gateway,
        wireless,
        detours,
        home,
        data,
        sandbox: sandbox(),
        firewall: Firewall::find(),
    }
}

/// Asks by multicast on every interface of the owner's networks.
async fn hear(core: &Core) -> Option<BTreeSet<IpAddr>> {
    let ears: Vec<Ear> = core
        .networks
        .own_interfaces()
        .iter()
        .filter_map(|interface| {
            Ear::open(interface)
                .inspect_err(|error| tracing::debug!(%error, "multicast cannot be heard"))
                .ok()
        })
        .collect();
    if ears.is_empty() {
        return None;
    }
    let heard = futures_util::future::join_all(ears.iter().map(|ear| ear.ask(MULTICAST))).await;
    Some(heard.into_iter().flatten().collect())
}

/// Has devices that are online try to reach and hear this one.
async fn ask(core: &Core, online: &[Neighbour], is_offered: bool) -> (Vec<Answer>, Vec<String>) {
    // Where nothing listens there is nothing to be reached, and that is said already.
    if !is_offered {
        return (Vec::new(), Vec::new());
    }
    let asked = online.iter().take(MAX_ASKED);
    let answers = futures_util::future::join_all(asked.clone().map(|device| probe::ask(core, device))).await;
    let unasked = asked
        .zip(&answers)
        .filter(|(_, answer)| answer.is_none())
        .map(|(device, _)| device.name.clone())
        .collect();
    (answers.into_iter().flatten().collect(), unasked)
}

/// Knocks at devices that should be there and do not answer.
async fn reach(core: &Core, online: &[Neighbour], away: Vec<Neighbour>) -> (Vec<Tried>, Option<bool>, bool) {
    let mut targets: Vec<(String, bool, Vec<SocketAddr>)> = Vec::new();
    let heard = presence::heard(core).await;
    for device in away {
        let is_heard = heard.iter().any(|addresses| addresses.iter().any(|a| device.addresses.contains(a)));
        targets.push((device.name, is_heard, device.addresses));
    }
    for addresses in heard {
        let is_known = |address: &SocketAddr| {
            online.iter().any(|device| device.addresses.contains(address))
                || targets.iter().any(|(_, _, known)| known.contains(address))
        };
        if let Some(first) = addresses.first().filter(|_| !addresses.iter().any(is_known)) {
            targets.push((first.ip().to_string(), true, addresses));
        }
    }
    // Whoever was heard is awake, and so tells more.
    targets.sort_by_key(|(_, is_heard, _)| !is_heard);
    targets.truncate(MAX_TRIED);
    let tried = targets.into_iter().map(|(name, is_heard, addresses)| async move {
        let reached = probe::reach(&addresses, REACH, is_neighbour).await;
        Tried { name, is_heard, reached }
    });
    let tried = futures_util::future::join_all(tried).await;
    let seen = core.networks.surroundings();
    let gateways: Vec<_> = seen.iter().filter_map(|seen| seen.gateway).collect();
    let gateway = (!gateways.is_empty()).then(|| gateways.iter().any(|gateway| gateway.mac.is_some()));
    (tried, gateway, seen.iter().any(|seen| seen.wireless))
}

/// Whether the neighbour table has a hardware address for this one: it answered the question for it (RFC 826).
fn is_neighbour(ip: IpAddr) -> bool {
    let arp = std::fs::read_to_string("/proc/net/arp").unwrap_or_default();
    arp.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace();
        let address = fields.next().and_then(|text| text.parse::<IpAddr>().ok());
        let flags =
            fields.nth(1).and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
        // ATF_COM: the entry is complete.
        address == Some(ip) && flags.is_some_and(|flags| flags & 2 != 0)
    })
}

/// Neighbours to whom packets leave through another interface than the one they are on: a VPN that takes everything.
/// It takes them away, so those that are remembered or heard count as much as those that answer.
async fn detours(core: &Core, nearby: Vec<IpAddr>) -> Vec<(IpAddr, String)> {
    let own = core.networks.own_interfaces();
    let gateways = core.networks.surroundings().into_iter().filter_map(|seen| Some(seen.gateway?.address));
    let heard = presence::heard(core).await.into_iter().flatten().map(|address| address.ip());
    let mut targets: Vec<IpAddr> = nearby.into_iter().chain(heard).chain(gateways).collect();
    targets.sort_unstable();
    targets.dedup();
    let detour = |target: IpAddr| {
        if !own.iter().any(|interface| interface.addresses.iter().any(|prefix| prefix.contains(target))) {
            return None;
        }
        let any: IpAddr =
            if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        // Connecting a datagram socket sends nothing; it asks the routing table.
        socket.connect((target, 9)).ok()?;
        let from = socket.local_addr().ok()?.ip();
        let is_straight = core.networks.is_ours(from) || from == target;
        (!is_straight).then(|| (target, interfaces::name_of(from).unwrap_or_else(|| from.to_string())))
    };
    targets.into_iter().take(MAX_LOOKED_UP).filter_map(detour).collect()
}

async fn data(core: &Core) -> Data {
    let data = core.data.clone();
    let looked = tokio::task::spawn_blocking(move || Data {
        open: open_to_others(&[data.root(), &data.root().join("node.key"), &data.store()]),
        unwritable: tempfile_in(data.root()).err().map(|error| error.to_string()),
        free: fs4::available_space(data.root()).ok(),
    });
    looked.await.unwrap_or_default()
}

#[cfg(unix)]
fn open_to_others(paths: &[&Path]) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let is_open = |path: &&&Path| path.metadata().is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
    paths.iter().filter(is_open).map(|path| path.display().to_string()).collect()
}

#[cfg(not(unix))]
fn open_to_others(_: &[&Path]) -> Vec<String> {
    Vec::new()
}

/// Writes a file and takes it away.
fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!("check-{}.tmp", std::process::id()));
    let written = std::fs::write(&path, b"lanyard");
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

#[cfg(target_os = "linux")]
fn sandbox() -> Sandbox {
    // proc_pid_status(5).
    let about = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
    };
    Sandbox {
        landlock: confine::confinement(),
        no_new_privileges: field("NoNewPrivs") == "1",
        seccomp: field("Seccomp") == "2",
        root: rustix::process::geteuid().is_root(),
    }
}

#[cfg(not(target_os = "linux"))]
fn sandbox() -> Sandbox {
    Sandbox { landlock: confine::confinement(), ..Sandbox::default() }
}
