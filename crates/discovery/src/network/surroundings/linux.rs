//! Linux: `/proc/net/route`, `/proc/net/ipv6_route` and `/proc/net/arp`, proc(5).

use super::Surroundings;
use crate::{
    Interface,
    network::{Gateway, Seen},
};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
};

pub(super) struct ProcNet;

impl Surroundings for ProcNet {
    fn look(&self, interfaces: Vec<Interface>) -> Vec<Seen> {
        let read = |file| fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        let (route, route6, arp) = (read("route"), read("ipv6_route"), read("arp"));
        let seen = |interface: Interface| {
            let name = interface.name.as_str();
            let gateway = gateway_v4(&route, name)
                .map(|address| Gateway {
                    address: address.into(),
                    mac: hardware_address(&arp, name, address),
                })
                .or_else(|| {
                    gateway_v6(&route6, name).map(|address| Gateway { address: address.into(), mac: None })
                });
            let wireless = Path::new("/sys/class/net").join(name).join("wireless").exists();
            Seen { gateway, wireless, interface }
        };
        interfaces.into_iter().map(seen).collect()
    }

    fn ask_for_gateway(&self, seen: &Seen) {
        let Some(Gateway { address: gateway @ IpAddr::V4(_), mac: None }) = seen.gateway else { return };
        let ours = seen.interface.addresses.iter().find(|prefix| prefix.contains(gateway));
        let Some(ours) = ours else { return };
        let asked = UdpSocket::bind(SocketAddr::new(ours.address, 0))
            .and_then(|socket| socket.send_to(&[], SocketAddr::new(gateway, 9)));
        if let Err(error) = asked {
            tracing::debug!(%error, "the gateway's hardware address cannot be asked for");
        }
    }
}

/// The gateway of the default route with the smallest metric through `interface`.
fn gateway_v4(route: &str, interface: &str) -> Option<Ipv4Addr> {
    let rows = route.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, destination, gateway, _, _, _, metric, mask, ..] = fields[..] else { return None };
        // Addresses are written as the number the kernel holds in memory: network order, read as host order.
        let gateway = Ipv4Addr::from(u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes());
        let is_default = destination == "00000000" && mask == "00000000";
        (name == interface && is_default && !gateway.is_unspecified())
            .then_some((metric.parse::<u32>().ok()?, gateway))
    });
    rows.min().map(|(_, gateway)| gateway)
}

/// The router of the default route through `interface`. Its link-local address is as steady as its hardware
/// address, from which most routers make it.
fn gateway_v6(route: &str, interface: &str) -> Option<Ipv6Addr> {
    let rows = route.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, next, metric, _, _, _, name] = fields[..] else { return None };
        let next = Ipv6Addr::from(u128::from_str_radix(next, 16).ok()?);
        let is_default = length == "00" && destination.bytes().all(|byte| byte == b'0');
        (name == interface && is_default && !next.is_unspecified())
            .then_some((u32::from_str_radix(metric, 16).ok()?, next))
    });
    rows.min().map(|(_, gateway)| gateway)
}

fn hardware_address(arp: &str, interface: &str, gateway: Ipv4Addr) -> Option<[u8; 6]> {
    arp.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, _, flags, mac, _, name] = fields[..] else { return None };
        // ATF_COM: the entry is complete.
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        if name != interface || flags & 2 == 0 || address.parse() != Ok(gateway) {
            return None;
        }
        let mut bytes = [0_u8; 6];
        let mut parts = mac.split(':');
        for byte in &mut bytes {
            *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        (bytes != [0; 6]).then_some(bytes)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_with_the_smallest_metric_counts() {
        let route = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0102A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
            eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert_eq!(gateway_v4(route, "eth0"), Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(gateway_v4(route, "eth1"), None, "a default route to the link itself has no gateway");
        assert_eq!(gateway_v4("", "eth0"), None);
    }

    #[test]
    fn an_incomplete_entry_is_no_hardware_address() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
            192.168.1.1      0x1         0x2         02:00:00:00:00:01     *        eth0\n\
            192.168.1.2      0x1         0x0         00:00:00:00:00:00     *        eth0\n";
        let of = |interface, last| hardware_address(arp, interface, Ipv4Addr::new(192, 168, 1, last));
        assert_eq!(of("eth0", 1), Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(of("eth0", 2), None);
        assert_eq!(of("wlan0", 1), None);
    }

    #[test]
    fn the_ipv6_router_is_found() {
        let zero = "0".repeat(32);
        let line = format!(
            "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n"
        );
        assert_eq!(gateway_v6(&line, "eth0"), Some("fe80::1".parse().unwrap()));
        assert_eq!(gateway_v6(&line, "eth1"), None);
    }
}
