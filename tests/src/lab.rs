//! How the hosts are connected: a switch with a LAN on it, or one cable between two of them.

use crate::host::{Host, Plug, run_in_network};
use anyhow::Result;
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU8, Ordering},
};

/// One LAN: a bridge in a namespace of its own that leads nowhere else.
///
/// Host *n* has `10.77.0.n/24`, `fd77::n/64` and a link-local IPv6 address on `eth0`. There is no default route.
#[derive(Debug)]
pub struct Lab {
    switch: Host,
    hosts: AtomicU8,
}

impl Lab {
    /// A switch without any host yet.
    ///
    /// # Errors
    /// When the system does not let us make namespaces.
    pub fn new() -> Result<Self> {
        let switch = Host::new("switch")?;
        switch.sh("ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
             ip link set br0 up")?;
        Ok(Self { switch, hosts: AtomicU8::new(0) })
    }

    /// A new computer on this LAN.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn host(&self, name: &str) -> Result<Host> {
        let number = self.hosts.fetch_add(1, Ordering::Relaxed) + 1;
        let host = Host::new(name)?;
        let port = format!("p{number}");
        let owner = host.pid().to_string();
        run_in_network(
            self.switch.pid(),
            &["ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &owner],
        )?;
        run_in_network(self.switch.pid(), &["ip", "link", "set", &port, "master", "br0", "up"])?;
        host.set_cable(Plug { namespace: self.switch.pid(), interface: port });
        host.run(&["ip", "link", "set", "eth0", "up"])?;
        host.change_address(
            Ipv4Addr::new(10, 77, 0, number),
            Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, u16::from(number)),
        )?;
        Ok(host)
    }

    /// The switch itself, for recording everything that passes (`any` interface).
    #[must_use]
    pub fn switch(&self) -> &Host {
        &self.switch
    }
}

/// Two computers and one cable: nothing but link-local addresses.
#[derive(Debug)]
pub struct DirectCable {
    /// One end.
    pub left: Host,
    /// The other end.
    pub right: Host,
}

impl DirectCable {
    /// Connects two new hosts.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn new(left: &str, right: &str) -> Result<Self> {
        let (left, right) = (Host::new(left)?, Host::new(right)?);
        let other = right.pid().to_string();
        run_in_network(
            left.pid(),
            &["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &other],
        )?;
        for (host, address, far) in [
            (&left, Ipv4Addr::new(169, 254, 10, 1), &right),
            (&right, Ipv4Addr::new(169, 254, 200, 2), &left),
        ] {
            host.sh(&format!(
                "ip link set eth0 up
                 ip addr add {address}/16 brd + scope link dev eth0
                 ip route add 224.0.0.0/4 dev eth0"
            ))?;
            host.set_addresses(Some(address), None);
            host.set_cable(Plug { namespace: far.pid(), interface: "eth0".into() });
        }
        Ok(Self { left, right })
    }
}
