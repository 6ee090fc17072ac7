//! Reaching a device at one of several addresses.

use super::LinkError;
use crate::wire;
use futures_util::{StreamExt, stream::FuturesUnordered};
use lanyard_trust::{
    NodeId,
    identity::{is_other_device, peer_id},
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{collections::VecDeque, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long one address has the field to itself (RFC 8305 §5 recommends 250 ms and no less than 100 ms; on a local
/// network an address that works answers within a few).
const STAGGER: Duration = Duration::from_millis(150);

/// How often an address is tried again where somebody accepts and hangs up: a device whose port is crowded does that,
/// and has a place for us a moment later.
const AGAIN: usize = 8;

/// A handshaken connection.
pub(super) struct Dialled {
    pub(super) tls: TlsStream<wire::Socket>,
    pub(super) node: NodeId,
    pub(super) address: SocketAddr,
    pub(super) local: SocketAddr,
}

/// Tries addresses one after the other without waiting for those before to give up; the first that completes the
/// TLS handshake wins (RFC 8305). Who hangs up is tried again after the others. A dead address costs [`STAGGER`], not a timeout.
pub(super) struct Race {
    config: Arc<ClientConfig>,
    addresses: Vec<SocketAddr>,
}

impl Race {
    pub(super) fn new(config: Arc<ClientConfig>, addresses: &[SocketAddr]) -> Self {
        Self { config, addresses: addresses.to_vec() }
    }

    /// Ends when one has won or all have failed. Has no deadline of its own.
    pub(super) async fn run(self) -> Result<Dialled, LinkError> {
        let tried = self.addresses.len();
        let mut waiting: VecDeque<(SocketAddr, usize)> =
            self.addresses.into_iter().map(|address| (address, AGAIN)).collect();
        let mut running = FuturesUnordered::new();
        let mut other_device = false;
        let mut next_at = Instant::now();
        loop {
            tokio::select! {
                biased;
                Some(ended) = running.next() => match ended {
                    Ok(dialled) => return Ok(dialled),
                    Err(Failed { address, left, error }) => {
                        tracing::debug!(%address, %error, "could not connect");
                        other_device |= tells_of_another_device(&error);
                        let fresh = waiting.front().is_some_and(|(_, left)| *left == AGAIN);
                        if left > 0 && is_hanging_up(&error) {
                            waiting.push_back((address, left - 1));
                        }
                        next_at = Instant::now() + if fresh { Duration::ZERO } else { STAGGER };
                    }
                },
                () = sleep_until(next_at), if !waiting.is_empty() => {
                    if let Some((address, left)) = waiting.pop_front() {
                        running.push(attempt(self.config.clone(), address, left));
                    }
                    next_at = Instant::now() + STAGGER;
                }
                else => break,
            }
        }
        Err(if other_device { LinkError::OtherDevice } else { LinkError::Unreachable { tried } })
    }
}

struct Failed {
    address: SocketAddr,
    /// How often it may be tried again.
    left: usize,
    error: io::Error,
}

async fn attempt(config: Arc<ClientConfig>, address: SocketAddr, left: usize) -> Result<Dialled, Failed> {
    connect(config, address).await.map_err(|error| Failed { address, left, error })
}

/// Whether somebody accepted the connection and then ended it without a word.
fn is_hanging_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

async fn connect(config: Arc<ClientConfig>, address: SocketAddr) -> io::Result<Dialled> {
    let stream = TcpStream::connect(address).await?;
    let local = stream.local_addr()?;
    // Never sent: there is no SNI. rustls wants a name all the same.
    let name = ServerName::IpAddress(address.ip().into());
    let wanted = config.alpn_protocols.clone();
    let tls = TlsConnector::from(config)
        .connect_with(name, wire::socket(stream)?, |session| session.set_buffer_limit(Some(wire::TLS_BUFFER)))
        .await?;
    let (_, session) = tls.get_ref();
    let speaks_ours =
        session.alpn_protocol().is_some_and(|protocol| wanted.iter().any(|one| one == protocol));
    let node = peer_id(session.peer_certificates()).filter(|_| speaks_ours);
    let node = node.ok_or_else(|| wire::invalid("this is no node"))?;
    Ok(Dialled { tls, node, address, local })
}

fn tells_of_another_device(error: &io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()).is_some_and(is_other_device)
}
