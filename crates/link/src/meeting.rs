//! Two devices that meet so that one may join the other.
//!
//! Here they get a connection on which both have proven their keys, and a secret that only its two ends share. What
//! they say to each other, and whether anybody joins, is decided by others.

use crate::{
    Caller,
    wire::{self, Wire},
};
use futures_util::future::BoxFuture;
use rustls::ConnectionCommon;
use std::{fmt, io, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// What the secret of a connection is derived under (RFC 8446 §7.5).
const EXPORTER: &[u8] = b"EXPORTER-lanyard-join-v1";

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A device on the other end of a connection that was made for joining. Dropping it ends the connection.
pub struct Meeting {
    /// The other device. That it has this key is proven; that it is the one a person means is not.
    pub caller: Caller,
    /// A secret of exactly this connection: whoever relays between two connections has two different ones.
    pub exporter: [u8; 32],
    /// What the two say to each other. A write fails when the other side does not read; a read waits, so who reads
    /// sets the deadline.
    pub stream: Box<dyn Duplex>,
}

/// Who meets devices that want to join.
pub trait Join: Send + Sync + 'static {
    /// Talks to one device. The connection ends with the future, which is dropped after 12 minutes.
    ///
    /// A caller that tries several of our addresses at once may make a connection and leave it without a word.
    fn meet(&self, meeting: Meeting) -> BoxFuture<'static, ()>;
}

impl Meeting {
    pub(crate) fn new<T>(caller: Caller, exporter: [u8; 32], tls: T, stall: Duration) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self { caller, exporter, stream: Box::new(Wire::new(tls, stall)) }
    }
}

impl fmt::Debug for Meeting {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meeting").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// The secret of a connection whose handshake is over.
pub(crate) fn exporter<Data>(session: &ConnectionCommon<Data>) -> io::Result<[u8; 32]> {
    session.export_keying_material([0; 32], EXPORTER, None).map_err(wire::invalid)
}
