//! Reaching a standard printer, and knowing it again by its key.

use super::{PrinterId, Way};
use crate::client::{
    Stream,
    tls::{self, Key},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{io, net::SocketAddr, time::Duration};
use tokio::net::TcpStream;

/// For one address to answer, and for the handshake: small printers compute slowly.
const CONNECT: Duration = Duration::from_secs(2);
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Before the next address is tried beside one that has not answered.
const BESIDE: Duration = Duration::from_millis(250);

/// What is known of a printer's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing yet, or whatever there is will do.
    Any,
    /// This one.
    Only(Key),
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// Nobody answers.
    Away(String),
    /// Somebody answers with another key. Nothing was sent.
    OtherKey(Key),
}

/// A connection, where it leads, and the key that was proven on it.
pub(super) struct Dialled {
    pub(super) stream: Box<dyn Stream>,
    pub(super) way: Way,
    pub(super) address: SocketAddr,
    pub(super) key: Option<Key>,
}

/// Tries the ways in their order, and on each its addresses. A printer whose key is known is reached encrypted or not
/// at all: else anybody could take its place by leaving the encryption out.
pub(super) async fn dial(printer: &PrinterId, ways: &[Way], known: Known) -> Result<Dialled, DialError> {
    let mut last = DialError::Away("it is not to be found on this network".to_owned());
    for way in ways {
        if !way.tls && matches!(known, Known::Only(_)) {
            continue;
        }
        let mut knocking = Knocking::at(&way.addresses);
        while let Some((address, answered)) = knocking.next().await {
            let proven = match answered {
                Ok(stream) => prove(way, address, stream).await,
                Err(error) => Err(error),
            };
            match (proven, known) {
                (Ok((_, Some(key))), Known::Only(expected)) if key != expected => {
                    tracing::warn!(printer = printer.as_str(), "a printer shows another key than before");
                    last = DialError::OtherKey(key);
                }
                (Ok((stream, key)), _) => return Ok(Dialled { stream, way: way.clone(), address, key }),
                (Err(error), _) => {
                    tracing::debug!(printer = printer.as_str(), %address, %error, "no way to a printer");
                    if matches!(last, DialError::Away(_)) {
                        last = DialError::Away(error.to_string());
                    }
                }
            }
        }
    }
    Err(last)
}

/// Connections to several addresses of one printer, in the order in which it answers. The next address is tried as
/// soon as one fails, or beside one that says nothing for a moment (RFC 8305 §5).
struct Knocking<'a> {
    waiting: std::slice::Iter<'a, SocketAddr>,
    open: FuturesUnordered<BoxFuture<'a, (SocketAddr, io::Result<TcpStream>)>>,
}

impl<'a> Knocking<'a> {
    fn at(addresses: &'a [SocketAddr]) -> Self {
        Self { waiting: addresses.iter(), open: FuturesUnordered::new() }
    }

    async fn next(&mut self) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        loop {
            self.open.extend(self.waiting.next().map(|address| knock(*address).boxed()));
            tokio::select! {
                Some(answered) = self.open.next() => return Some(answered),
                () = tokio::time::sleep(BESIDE), if self.waiting.len() > 0 => {}
                else => return None,
            }
        }
    }
}

async fn knock(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    (address, connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
}

/// Encrypts a connection where the way says so.
async fn prove(
    way: &Way,
    address: SocketAddr,
    stream: TcpStream,
) -> io::Result<(Box<dyn Stream>, Option<Key>)> {
    stream.set_nodelay(true)?;
    if !way.tls {
        return Ok((Box::new(stream), None));
    }
    let wrapping = tokio::time::timeout(HANDSHAKE, tls::wrap(stream, &way.host, address.ip()));
    let (stream, key) = wrapping.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok((Box::new(stream), Some(key)))
}
