//! Bodies of requests and responses on the link: making them, and reading them within limits.
//!
//! A body that breaks off is never mistaken for a whole one: [`Sender`] must be told to [`Sender::finish`], and a
//! [`file()`] that turns out shorter than announced is an error.

mod file;
mod incoming;
mod read;

pub use file::file;
pub use incoming::Incoming;
pub use read::{Lines, ReadError, read, read_json};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use serde::Serialize;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// Why a body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body of any origin.
pub type Body = BoxBody<Bytes, BodyError>;

/// Nothing.
#[must_use]
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Bytes that are all there.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// Frames as they come.
#[must_use]
pub fn stream<S>(frames: S) -> Body
where
    S: futures_util::Stream<Item = Result<Frame<Bytes>, BodyError>> + Send + Sync + 'static,
{
    StreamBody::new(frames).boxed()
}

/// A body whose bytes are sent by another task, and the sending half. At most `pieces` wait to be taken; then
/// [`Sender::send`] waits, so a slow reader slows the writer down.
#[must_use]
pub fn channel(pieces: usize) -> (Sender, Body) {
    let (sender, receiver) = mpsc::channel(pieces.max(1));
    (Sender { pieces: sender }, ChannelBody { pieces: Some(receiver) }.boxed())
}

/// The receiving half of [`channel`]; None after the end.
struct ChannelBody {
    pieces: Option<mpsc::Receiver<Piece>>,
}

impl hyper::body::Body for ChannelBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        let piece = ready!(pieces.poll_recv(cx));
        if let Some(Piece::Bytes(bytes)) = piece {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        self.pieces = None;
        Poll::Ready(match piece {
            Some(Piece::End(trailers)) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            _ => Some(Err("the sender went away before the end of the body".into())),
        })
    }
}

/// The sending half of [`channel`]. Dropped before [`Sender::finish`], it breaks the body off: the other side sees
/// an error and not a short body.
#[derive(Debug)]
pub struct Sender {
    pieces: mpsc::Sender<Piece>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End(Option<HeaderMap>),
}

/// Nobody reads the body any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the body any more")]
pub struct Gone;

impl Sender {
    /// Sends bytes; waits while the reader is behind.
    ///
    /// # Errors
    /// [`Gone`] when the reader has gone.
    pub async fn send(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        self.pieces.send(Piece::Bytes(bytes.into())).await.map_err(|_| Gone)
    }

    /// Sends one value as a line of JSON (NDJSON).
    ///
    /// # Errors
    /// [`Gone`] when the reader has gone, or when the value cannot be written as JSON: the body then breaks off.
    pub async fn send_line<T: Serialize>(&self, value: &T) -> Result<(), Gone> {
        let mut line = serde_json::to_vec(value).map_err(|_| Gone)?;
        line.push(b'\n');
        self.send(line).await
    }

    /// Ends the body properly.
    ///
    /// # Errors
    /// [`Gone`] when the reader has gone.
    pub async fn finish(self) -> Result<(), Gone> {
        self.pieces.send(Piece::End(None)).await.map_err(|_| Gone)
    }

    /// The same with fields behind the body (RFC 9110 §6.5), which the head's `Trailer` must have announced.
    ///
    /// # Errors
    /// [`Gone`] when the reader has gone.
    pub async fn finish_with(self, trailers: HeaderMap) -> Result<(), Gone> {
        self.pieces.send(Piece::End(Some(trailers))).await.map_err(|_| Gone)
    }

    /// Returns when the reader has gone.
    pub async fn closed(&self) {
        self.pieces.closed().await;
    }
}

/// A JSON answer. A value that cannot be written as JSON becomes a 500.
#[must_use]
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, b"{}".to_vec()),
    };
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A status with a short text, for refusals.
#[must_use]
pub fn status(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(full(text.to_owned()));
    *response.status_mut() = status;
    response
}
