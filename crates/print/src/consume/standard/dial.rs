//! Reaching a standard printer, and knowing it again by its key.

use super::{PrinterId, Way};
use crate::client::{
    Stream,
    tls::{self, Key},
};
use std::{io, time::Duration};
use tokio::net::TcpStream;

/// For one address to answer, and for the handshake: small printers compute slowly.
const CONNECT: Duration = Duration::from_secs(2);
const HANDSHAKE: Duration = Duration::from_secs(10);

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

/// A connection, the way it went, and the key that was proven on it.
pub(super) struct Dialled {
    pub(super) stream: Box<dyn Stream>,
    pub(super) way: Way,
    pub(super) key: Option<Key>,
}

/// Tries the ways in their order, and on each its addresses. A printer whose key is known is reached encrypted or not
/// at all: else anybody could take its place by leaving the encryption out.
pub(super) async fn dial(printer: &PrinterId, ways: Vec<Way>, known: Known) -> Result<Dialled, DialError> {
    let mut last = DialError::Away("it is not to be found on this network".to_owned());
    for way in ways {
        if !way.tls && matches!(known, Known::Only(_)) {
            continue;
        }
        for address in &way.addresses {
            match attempt(&way, *address).await {
                Ok((stream, key)) => match (known, key) {
                    (Known::Only(expected), Some(key)) if key != expected => {
                        tracing::warn!(printer = printer.as_str(), "a printer shows another key than before");
                        last = DialError::OtherKey(key);
                    }
                    _ => return Ok(Dialled { stream, way, key }),
                },
                Err(error) => {
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

async fn attempt(way: &Way, address: std::net::SocketAddr) -> io::Result<(Box<dyn Stream>, Option<Key>)> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await.map_err(late)??;
    stream.set_nodelay(true)?;
    if !way.tls {
        return Ok((Box::new(stream), None));
    }
    let (stream, key) =
        tokio::time::timeout(HANDSHAKE, tls::wrap(stream, &way.host, address.ip())).await.map_err(late)??;
    Ok((Box::new(stream), Some(key)))
}
