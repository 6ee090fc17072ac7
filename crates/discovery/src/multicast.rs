//! Multicast DNS on one interface: the sockets that `browse` listens with, and whether anything gets through.
//!
//! The daemon of `announce` says nothing when its port is taken by another program or its packets are dropped. The
//! self-check has ears of its own beside it (RFC 6762 §15.1: the port is shared), and asks one question with them.

use crate::{Interface, message::MAX_MESSAGE};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket as StdSocket},
    time::Duration,
};
use tokio::net::UdpSocket;

/// The port of multicast DNS (RFC 6762 §3).
pub const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// Between two questions: an answer is sent at most once a second (RFC 6762 §6).
const ASK_AGAIN: Duration = Duration::from_millis(600);
/// Most addresses that are told; a flood must not grow the list.
const MAX_HEARD: usize = 256;

/// Who is there? A question for `_lanyard._tcp.local` PTR, as RFC 6762 §18 has it.
const QUESTION: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x08_lanyard\x04_tcp\x05local\0\0\x0c\0\x01";

/// Open ears on one interface.
pub struct Ear {
    v4: Option<UdpSocket>,
    v6: Option<(UdpSocket, u32)>,
}

/// Whether the port of multicast DNS can be had beside those who share it.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when a program keeps it to itself.
pub fn port_is_free(interface: &Interface) -> io::Result<()> {
    for domain in [Domain::IPV4, Domain::IPV6] {
        if interface.addresses.iter().any(|prefix| prefix.address.is_ipv4() == (domain == Domain::IPV4)) {
            bound(domain)?;
        }
    }
    Ok(())
}

impl Ear {
    /// Listens on `interface`, for each family that it has an address of.
    ///
    /// # Errors
    /// When the system refuses all of it.
    pub fn open(interface: &Interface) -> io::Result<Self> {
        let ipv4 = interface.addresses.iter().find_map(|prefix| match prefix.address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        });
        let has_v6 = interface.addresses.iter().any(|prefix| prefix.address.is_ipv6());
        let v4 = ipv4.map(open_v4).transpose();
        let v6 = has_v6.then(|| open_v6(interface.index)).transpose();
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => Ok(Self { v4, v6: v6.map(|socket| (socket, interface.index)) }),
            (Ok(v4 @ Some(_)), Err(_)) => Ok(Self { v4, v6: None }),
            (Err(_), Ok(Some(v6))) => Ok(Self { v4: None, v6: Some((v6, interface.index)) }),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Waits for a packet and tells how long it is and from which address it came. What does not fit is lost.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> (usize, IpAddr) {
        // Two buffers would be filled at once; which socket has something is found out first.
        loop {
            let socket = tokio::select! {
                ready = readable(self.v4.as_ref()) => ready,
                ready = readable(self.v6.as_ref().map(|(socket, _)| socket)) => ready,
            };
            match socket.try_recv_from(buffer) {
                Ok((length, from)) if from.port() == PORT => return (length, from.ip()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An ICMP error of an earlier question; not spinning on it is all there is to do.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Sends a packet to everybody. One that cannot be sent is one that nobody hears.
    pub(crate) async fn send(&self, bytes: &[u8]) {
        if let Some(v4) = &self.v4 {
            let _ = v4.send_to(bytes, (GROUP_V4, PORT)).await;
        }
        if let Some((v6, index)) = &self.v6 {
            let group = SocketAddr::V6(SocketAddrV6::new(GROUP_V6, PORT, 0, *index));
            let _ = v6.send_to(bytes, group).await;
        }
    }

    /// Asks who is there, again and again, and tells for `time` from which addresses anything came.
    pub async fn ask(&self, time: Duration) -> BTreeSet<IpAddr> {
        let asking = async {
            loop {
                self.send(QUESTION).await;
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        tokio::select! {
            heard = self.hear(time, |_| false) => heard,
            () = asking => BTreeSet::new(),
        }
    }

    /// Tells from which addresses anything came, within `time` or until `is_enough`.
    pub async fn hear(&self, time: Duration, is_enough: impl Fn(IpAddr) -> bool) -> BTreeSet<IpAddr> {
        let mut heard = BTreeSet::new();
        // Nobody looks at what was said, but Windows calls it an error when it does not fit.
        let mut buffer = vec![0; MAX_MESSAGE];
        let hearing = async {
            while heard.len() < MAX_HEARD {
                let (_, from) = self.receive(&mut buffer).await;
                heard.insert(from);
                if is_enough(from) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(time, hearing).await; // its end is no error
        heard
    }
}

/// Waits until there is something to read, for ever without a socket.
async fn readable(socket: Option<&UdpSocket>) -> &UdpSocket {
    let Some(socket) = socket else { return std::future::pending().await };
    if socket.readable().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await; // what is wrong with it is said when it is read
    }
    socket
}

fn open_v4(address: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = bound(Domain::IPV4)?;
    // Linux lets a socket hear what came on other interfaces, if any program listens to the group there.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.join_multicast_v4(&GROUP_V4, &address)?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_ttl_v4(255)?;
    ready(socket)
}

fn open_v6(index: u32) -> io::Result<UdpSocket> {
    let socket = bound(Domain::IPV6)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v6(false)?;
    socket.join_multicast_v6(&GROUP_V6, index)?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(255)?;
    ready(socket)
}

fn ready(socket: Socket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(StdSocket::from(socket))
}

fn bound(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    let any: IpAddr = if domain == Domain::IPV4 {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        socket.set_only_v6(true)?;
        Ipv6Addr::UNSPECIFIED.into()
    };
    socket.bind(&SocketAddr::new(any, PORT).into())?;
    Ok(socket)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::{Reach, interfaces};

    #[tokio::test]
    async fn two_ears_share_the_port_and_one_hears_the_others_question() {
        let interface = interfaces::read(Reach::Loopback).unwrap().remove(0);
        port_is_free(&interface).unwrap();
        let (asks, hears) = (Ear::open(&interface).unwrap(), Ear::open(&interface).unwrap());
        let (_, heard) = tokio::join!(
            asks.ask(Duration::from_millis(300)),
            hears.hear(Duration::from_millis(300), |from| from.is_loopback())
        );
        assert!(heard.iter().any(IpAddr::is_loopback), "{heard:?}");
    }
}
