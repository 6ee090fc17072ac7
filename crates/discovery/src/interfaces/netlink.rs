//! A netlink socket that becomes readable when a link, an address or a route changes. What it says is not read:
//! the interfaces are read anew anyway.

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, netlink::SocketAddrNetlink};
use std::{io, os::unix::net::UnixDatagram as Blocking, time::Duration};
use tokio::net::UnixDatagram;

/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE`, rtnetlink(7).
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// One change comes as several messages; they are waited for together.
const GATHER: Duration = Duration::from_millis(50);

pub(super) struct Netlink {
    /// Only `recv` is called on it, which is the same for every socket that carries datagrams; tokio has no safe
    /// type for the others.
    socket: UnixDatagram,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
        net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self { socket: UnixDatagram::from_std(Blocking::from(socket))? })
    }

    pub(super) async fn change(&mut self) -> io::Result<()> {
        self.socket.readable().await?;
        tokio::time::sleep(GATHER).await;
        let mut message = [0_u8; 8192];
        // Bounded: whoever changes routes in a tight loop must not keep us here.
        for _ in 0..256 {
            match self.socket.try_recv(&mut message) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Messages were lost, which only means that much has changed.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
