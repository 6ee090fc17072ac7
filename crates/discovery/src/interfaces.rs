//! The network interfaces that count, and when they change.
//!
//! Which ones count is decided by name, not by driver: a container's `eth0` is a veth pair and still its way to
//! the LAN, while the host's `veth12ab` or `docker0` lead to containers and never to a person.

#[cfg(target_os = "linux")]
mod netlink;

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

/// The most addresses of one interface that are used; privacy extensions can pile up more.
const MAX_ADDRESSES: usize = 16;

/// Where this node reaches out to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The real interfaces; never loopback.
    Lan,
    /// The loopback interface and nothing else: two nodes on one computer.
    Loopback,
}

/// An address of ours with the length of its network prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// Bits of it that name the network.
    pub length: u8,
}

/// One interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The system's name of it.
    pub name: String,
    /// The system's number of it, which is also the scope of its link-local IPv6 addresses.
    pub index: u32,
    /// Its addresses, sorted.
    pub addresses: Vec<Prefix>,
}

/// Tells when the interfaces may have changed.
pub struct Changes {
    #[cfg(target_os = "linux")]
    netlink: Option<netlink::Netlink>,
}

/// The interfaces that are up and count, sorted by name.
///
/// # Errors
/// When the system does not tell.
pub fn read(reach: Reach) -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for found in if_addrs::get_if_addrs()? {
        let wanted = match reach {
            Reach::Lan => !found.is_loopback() && found.is_oper_up() && !found.is_p2p && is_real(&found.name),
            Reach::Loopback => found.is_loopback(),
        };
        let Some(index) = found.index.filter(|_| wanted) else { continue };
        let length = match &found.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        let prefix = Prefix { address: found.ip(), length };
        match interfaces.iter_mut().find(|known| known.index == index) {
            Some(known) if known.addresses.len() < MAX_ADDRESSES => known.addresses.push(prefix),
            Some(_) => {}
            None => interfaces.push(Interface { name: found.name, index, addresses: vec![prefix] }),
        }
    }
    for interface in &mut interfaces {
        interface.addresses.sort_unstable();
        interface.addresses.dedup();
    }
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(interfaces)
}

/// The interface that has this address, whichever kind it is.
#[must_use]
pub fn name_of(address: IpAddr) -> Option<String> {
    let all = if_addrs::get_if_addrs().ok()?;
    all.into_iter().find(|found| found.ip() == address).map(|found| found.name)
}

/// Whether an interface of this name leads to a LAN rather than to a tunnel, a container or a virtual machine.
#[must_use]
pub fn is_real(name: &str) -> bool {
    // `br0` is not here on purpose: on a home server that runs virtual machines it holds the LAN address.
    const VIRTUAL: [&str; 53] = [
        "lo",
        "docker",
        "br-",
        "veth",
        "virbr",
        "vmnet",
        "vboxnet",
        "vnet",
        "tun",
        "tap",
        "wg",
        "tailscale",
        "zt",
        "utun",
        "awdl",
        "llw",
        "ppp",
        "cni",
        "flannel",
        "cali",
        "lxc",
        "lxdbr",
        "podman",
        "nebula",
        "sit",
        "gre",
        "ip6tnl",
        "dummy",
        "ifb",
        "ipsec",
        "vethernet",
        "nordlynx",
        "proton",
        "mullvad",
        "wireguard",
        "cloudflarewarp",
        "outline",
        "ovpn",
        "hamachi",
        "ham",
        "gpd",
        "cscotun",
        "vpn",
        "xfrm",
        "vti",
        "cilium",
        "kube",
        "weave",
        "vxlan",
        "geneve",
        "hassio",
        "incusbr",
        "fwbr",
    ];
    let name = name.to_ascii_lowercase();
    !VIRTUAL.iter().any(|prefix| {
        // `lo` and `lo0` are loopback; `lom1` is the on-board network card of a server.
        name.strip_prefix(prefix).is_some_and(|rest| {
            !matches!(*prefix, "lo" | "wg" | "sit" | "gre" | "tap" | "tun" | "vpn" | "vti" | "ham" | "gpd")
                || rest.bytes().all(|byte| byte.is_ascii_digit())
                // `wg-home`, `tun_work`: named by a person or a program; no network card has such a name.
                || rest.starts_with(['-', '_'])
        })
    })
}

impl Prefix {
    /// Whether `ip` lies in the same network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (masked(self.address, self.length), masked(ip, self.length)) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => ours == theirs,
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => ours == theirs,
            _ => false,
        }
    }

    /// The network's own address: the host bits are zero.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        masked(self.address, self.length)
    }

    fn broadcast(&self) -> Option<IpAddr> {
        match self.network() {
            IpAddr::V4(network) if self.length < 31 => {
                let hosts = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                Some(IpAddr::V4((u32::from(network) | hosts).into()))
            }
            _ => None,
        }
    }
}

impl Interface {
    /// Whether a neighbour can have this address on this interface: in one of its networks, or link-local IPv6;
    /// never loopback (except on the loopback interface), multicast, broadcast or unspecified.
    #[must_use]
    pub fn is_on_link(&self, ip: IpAddr) -> bool {
        if ip.is_unspecified() || ip.is_multicast() {
            return false;
        }
        if self.is_loopback() || ip.is_loopback() {
            return self.is_loopback() && ip.is_loopback();
        }
        if let IpAddr::V6(v6) = ip
            && is_link_local_v6(v6)
        {
            return true;
        }
        let near = self.addresses.iter().filter(|prefix| prefix.contains(ip));
        near.clone().next().is_some()
            && near.clone().all(|prefix| prefix.broadcast() != Some(ip))
            && near.clone().all(|prefix| {
                prefix.network() != ip || ip.is_ipv6() || prefix.length >= 31 || prefix.address == ip
            })
    }

    /// An address on this interface with a port, and with the scope that link-local IPv6 needs.
    #[must_use]
    pub fn socket_address(&self, ip: IpAddr, port: u16) -> SocketAddr {
        match ip {
            IpAddr::V6(v6) if is_link_local_v6(v6) => SocketAddrV6::new(v6, port, 0, self.index).into(),
            _ => SocketAddr::new(ip, port),
        }
    }

    /// Whether this is the loopback interface.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.addresses.iter().any(|prefix| prefix.address.is_loopback())
    }
}

impl Changes {
    /// Begins to listen. Where the system cannot tell, [`Changes::wait`] is only a timer.
    #[must_use]
    pub fn open() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            netlink: netlink::Netlink::open()
                .inspect_err(|error| tracing::debug!(%error, "no netlink; interfaces are polled"))
                .ok(),
        }
    }

    /// Returns soon after something changed, and after `at_most` in any case.
    pub async fn wait(&mut self, at_most: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(netlink) = &mut self.netlink {
            if let Ok(Err(error)) = tokio::time::timeout(at_most, netlink.change()).await {
                tracing::warn!(%error, "netlink broke; interfaces are polled");
                self.netlink = None;
            }
            return;
        }
        tokio::time::sleep(at_most).await;
    }
}

/// Whether this is fe80::/10.
#[must_use]
pub fn is_link_local_v6(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfe80
}

/// Whether this address means something on its own link only.
#[must_use]
pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => is_link_local_v6(v6),
    }
}

fn masked(ip: IpAddr, length: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn interface(addresses: &[(&str, u8)]) -> Interface {
        Interface {
            name: "eth0".to_owned(),
            index: 7,
            addresses: addresses
                .iter()
                .map(|(address, length)| Prefix { address: address.parse().unwrap(), length: *length })
                .collect(),
        }
    }

    fn on_link(interface: &Interface, ip: &str) -> bool {
        interface.is_on_link(ip.parse().unwrap())
    }

    #[test]
    fn only_neighbours_are_on_link() {
        let eth = interface(&[("192.168.7.5", 24), ("fe80::5", 64), ("fd00:1::5", 64)]);
        for near in ["192.168.7.1", "192.168.7.254", "fe80::1", "fd00:1::99"] {
            assert!(on_link(&eth, near), "{near} is a neighbour");
        }
        for far in [
            "192.168.8.1",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "224.0.0.251",
            "ff02::fb",
            "192.168.7.255",
            "192.168.7.0",
            "255.255.255.255",
            "169.254.169.254",
            "8.8.8.8",
            "fd00:2::1",
            "2001:db8::1",
        ] {
            assert!(!on_link(&eth, far), "{far} is no neighbour");
        }
    }

    #[test]
    fn loopback_addresses_are_near_on_the_loopback_interface_only() {
        let lo = interface(&[("127.0.0.1", 8), ("::1", 128)]);
        assert!(on_link(&lo, "127.0.0.1") && on_link(&lo, "::1"));
        assert!(!on_link(&lo, "192.168.7.5") && !on_link(&lo, "fe80::1"));
    }

    #[test]
    fn a_link_local_address_keeps_its_scope_and_others_have_none() {
        let eth = interface(&[("fe80::5", 64)]);
        assert_eq!(eth.socket_address("fe80::9".parse().unwrap(), 80).to_string(), "[fe80::9%7]:80");
        assert_eq!(eth.socket_address("10.0.0.1".parse().unwrap(), 80).to_string(), "10.0.0.1:80");
    }

    #[test]
    fn interfaces_count_by_name() {
        for real in [
            "eth0",
            "enp3s0",
            "wlan0",
            "wlp2s0",
            "en0",
            "br0",
            "lom1",
            "Ethernet",
            "usb0",
            "bond0",
            "a0",
            "Wi-Fi",
            "wlx00c0ca",
            "end0",
            "vmbr0",
            "bridge0",
            "eth0.20",
            "team0",
            "macvlan0",
            "enx00e04c",
        ] {
            assert!(is_real(real), "{real} leads to a LAN");
        }
        for not in [
            "lo",
            "lo0",
            "docker0",
            "br-2f1e",
            "veth12ab",
            "virbr0",
            "tun0",
            "tap1",
            "wg0",
            "tailscale0",
            "utun3",
            "awdl0",
            "vEthernet (WSL)",
            "ztabcdef12",
            "wg-home",
            "tun_work",
            "nordlynx",
            "proton0",
            "CloudflareWARP",
            "vpn0",
            "cni0",
            "cali12ab",
            "flannel.1",
            "cilium_host",
            "kube-ipvs0",
            "vxlan.calico",
            "podman1",
            "lxcbr0",
            "incusbr0",
            "hassio",
            "vmnet8",
            "vboxnet0",
            "vnet3",
            "ppp0",
            "gre0",
            "sit0",
            "ip6tnl0",
            "dummy0",
        ] {
            assert!(!is_real(not), "{not} does not");
        }
    }

    #[test]
    fn this_computer_has_a_loopback_interface() {
        let found = read(Reach::Loopback).unwrap();
        assert!(found.iter().any(Interface::is_loopback), "{found:?}");
        assert!(read(Reach::Lan).unwrap().iter().all(|interface| !interface.is_loopback()));
    }
}
