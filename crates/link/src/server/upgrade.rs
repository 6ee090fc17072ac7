//! Changing to TLS on a connection that began without (RFC 2817).
//!
//! A visitor asks with `Upgrade: TLS/1.0` and is told 101; then it shakes hands, and only then it gets the answer to
//! what it asked, encrypted (§3.3). What it asked is put together again and read as the first request on the encrypted
//! connection, so that one place answers. A request with a body is answered as if it had not asked: its body has
//! left unencrypted already, which nothing makes undone.

use super::{Doors, doors::OpenWeb};
use crate::{
    Body, body,
    wire::{self, Prefixed, Transport},
};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Body as _;
use std::{
    io,
    sync::{Mutex, PoisonError},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What may become of one connection.
pub(super) struct Upgrade {
    doors: Option<Doors>,
    taken: Mutex<Option<Changed>>,
}

/// A visitor that has been told to change.
pub(super) struct Changed {
    web: OpenWeb,
    /// The head of its request.
    asked: Bytes,
    /// What came behind that.
    next: Bytes,
}

impl Upgrade {
    /// Possible while the door for visitors is open.
    pub(super) fn new(doors: &Doors) -> Self {
        Self { doors: Some(doors.clone()), taken: Mutex::default() }
    }

    /// Not possible.
    pub(super) fn never() -> Self {
        Self { doors: None, taken: Mutex::default() }
    }

    pub(super) fn is_possible(&self) -> bool {
        self.doors.is_some()
    }

    /// The answer to a request that changes the protocol, if it does.
    pub(super) fn take(&self, request: &Request<hyper::body::Incoming>) -> Option<Response<Body>> {
        if !is_asked_for(request.headers()) || !request.body().is_end_stream() {
            return None;
        }
        let web = self.doors.as_ref()?.web()?;
        let changed = Changed { web, asked: head(request), next: Bytes::new() };
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("TLS/1.0, HTTP/1.1"));
        Some(response)
    }

    /// What became of it.
    pub(super) fn taken(&self) -> Option<Changed> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Changed {
    /// The bytes that came behind the request; whoever does not wait for the answer begins to shake hands at once.
    pub(super) fn with_next(self, next: Bytes) -> Self {
        Self { next, ..self }
    }

    /// Shakes hands. What is read from the connection begins with the request that was asked without encryption.
    pub(super) async fn secure<T: Transport>(
        self,
        socket: T,
    ) -> io::Result<(OpenWeb, Prefixed<TlsStream<Prefixed<T>>>)> {
        let acceptor = TlsAcceptor::from(self.web.tls.clone());
        let socket = Prefixed::new(self.next, socket);
        let tls =
            acceptor.accept_with(socket, |session| session.set_buffer_limit(Some(wire::TLS_BUFFER))).await?;
        Ok((self.web, Prefixed::new(self.asked, tls)))
    }
}

/// `Connection: upgrade` with `Upgrade: TLS/…` (RFC 9110 §7.8).
fn is_asked_for(headers: &HeaderMap) -> bool {
    let tokens = |name: HeaderName| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',').map(str::trim)).collect::<Vec<_>>()
    };
    tokens(header::CONNECTION).iter().any(|token| token.eq_ignore_ascii_case("upgrade"))
        && tokens(header::UPGRADE).iter().any(|token| {
            token.split_once('/').is_some_and(|(protocol, _)| protocol.eq_ignore_ascii_case("tls"))
        })
}

/// The head of a request without what concerns this connection.
fn head(request: &Request<hyper::body::Incoming>) -> Bytes {
    const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::UPGRADE, header::EXPECT];
    let mut head = BytesMut::new();
    head.put_slice(format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).as_bytes());
    for (name, value) in request.headers().iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name)) {
        head.put_slice(name.as_str().as_bytes());
        head.put_slice(b": ");
        head.put_slice(value.as_bytes());
        head.put_slice(b"\r\n");
    }
    head.put_slice(b"\r\n");
    head.freeze()
}
