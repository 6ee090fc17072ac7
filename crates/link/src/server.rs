//! The listening side.
//!
//! One port takes three kinds of callers, told apart by the ALPN of their first message: other nodes, and, while their
//! [`Doors`] are open, devices that want to join and visitors without a key. Visitors may come without TLS while there
//! is a door for that.
//!
//! What a stranger can do to it is bounded here: connections, time to shake hands, size and time of a header, the
//! speed of a body in both directions. A handler that panics costs its own request and nothing else.

mod admission;
mod connection;
mod doors;
mod requests;
mod sessions;
mod upgrade;

pub use doors::{Doors, Visit, Visitor, Web};
pub use sessions::Sessions;

use crate::{Body, Incoming};
use connection::Connections;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use lanyard_trust::{Identity, NodeId};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How many connections the system keeps for us until they are accepted.
const BACKLOG: i32 = 256;

/// How long to wait when the system has no descriptors left for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// How long requests under way may go on after the listener was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Who sent a request, as the TLS handshake proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key at the other end.
    pub node: NodeId,
    /// Where the connection came from.
    pub remote: SocketAddr,
    /// The address of ours it came to.
    pub local: SocketAddr,
}

/// What answers requests.
pub trait Serve: Send + Sync + 'static {
    /// Answers one request. Never panics on what a stranger sends.
    ///
    /// An answer given before the whole body was read reaches the caller all the same; the rest of the body is
    /// thrown away. When the connection breaks, the body ends in an error and the future goes on for up to 30 s, so
    /// that it can put things in order; it is dropped when the listener stops.
    fn serve(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>>;
}

/// How much all listeners with the same [`Doors`] put up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. A third of them is kept for known devices.
    pub connections: usize,
    /// Connections at once of strangers from one address: an IPv4 address, an IPv6 address on the same link, or an
    /// IPv6 /64 from beyond it. A known device may have as many of its own.
    pub per_address: usize,
    /// From accept to the end of the TLS handshake; 2 s at most where no open place was left.
    pub handshake: Duration,
    /// From when a request may begin to the end of its header; so also how long a connection may stay idle.
    pub header: Duration,
    /// A body that is waited for, or an answer that is not taken, must move 1 KiB a second on average over this
    /// time.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 32,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

/// A bound socket that does not accept yet.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
}

impl Listener {
    /// Binds one address (with its scope for link-local IPv6); port 0 takes a free one. An IPv6 socket never takes
    /// IPv4 connections.
    ///
    /// # Errors
    /// When the system refuses: the address is gone or the port is taken.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // On Unix this lets a restarted node take its port back at once; on Windows it would let another program
        // take the port from us.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self { socket: socket.into() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until cancelled: `serve` answers other nodes, `doors` whoever else may come in. Listeners of one node
    /// share their doors.
    ///
    /// Then lets requests under way end for a moment and closes everything. Dropping the future closes everything at
    /// once.
    pub async fn run(
        self,
        identity: Identity,
        doors: Doors,
        serve: Arc<dyn Serve>,
        cancel: CancellationToken,
    ) {
        let local = self.socket.local_addr().ok();
        let listener = match TcpListener::from_std(self.socket) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(?local, %error, "the listener could not start");
                return;
            }
        };
        tracing::debug!(?local, "listening");
        // Cancelled when this future is dropped, too.
        let cut = CancellationToken::new();
        let _cut_at_the_end = cut.clone().drop_guard();
        let connections =
            Connections::new(&identity, doors.clone(), serve, cancel.child_token(), cut.clone());
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => match doors.admission().admit(remote, local, Instant::now()) {
                    Some(place) => connections.begin(stream, remote, place),
                    None => tracing::debug!(%remote, "too many connections; one was refused"),
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: connections that end give some back.
                    tracing::warn!(%error, "cannot accept connections at the moment");
                    tokio::select! {
                        () = cancel.cancelled() => break,
                        () = sleep(BREATH) => {}
                    }
                }
            }
        }
        drop(listener);
        let all_done = connections.all_done();
        if timeout(GRACE, all_done).await.is_err() {
            cut.cancel();
            connections.all_done().await;
        }
        tracing::debug!(?local, "stopped listening");
    }
}

/// Errors of a connection that was gone before it was accepted (accept(2): treat them like "try again").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
    )
}
