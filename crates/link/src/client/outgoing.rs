//! A request on its way: what is needed to send it again, and how far it has got.

use crate::{Body, BodyError, body};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, request::Parts};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The longest body that is kept for a second attempt.
const LONGEST_COPY: u64 = 64 * 1024;

/// A request that was not sent yet.
pub(super) struct Outgoing {
    request: Request<Body>,
    copy: Option<Copy>,
    sent: Sent,
}

/// Everything needed to make the request again.
#[derive(Clone)]
pub(super) struct Copy {
    parts: Parts,
    bytes: Bytes,
}

/// How far a request's body has got.
#[derive(Clone)]
pub(super) struct Sent {
    /// Cancelled when hyper has taken the last byte, or lets go of the body.
    complete: CancellationToken,
    /// Cancelled when the rest of the body is not wanted any more.
    abandoned: CancellationToken,
    instant: bool,
}

impl Outgoing {
    pub(super) fn new(request: Request<Body>) -> Self {
        let (parts, mut body) = request.into_parts();
        let mut bytes = None;
        if body.is_end_stream() {
            bytes = Some(Bytes::new());
        } else if let Some(length) = body.size_hint().exact().filter(|length| *length <= LONGEST_COPY) {
            // A body made of bytes that are all there gives all of them at once; any other is left as it is.
            match body.frame().now_or_never() {
                Some(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.len() as u64 == length => bytes = Some(data),
                    Ok(data) => body = Begun { first: Some(Frame::data(data)), rest: body }.boxed(),
                    Err(frame) => body = Begun { first: Some(frame), rest: body }.boxed(),
                },
                Some(Some(Err(error))) => {
                    body = body::stream(futures_util::stream::iter([Err(error)]));
                }
                Some(None) | None => {}
            }
        }
        match bytes {
            Some(bytes) if parts.method.is_idempotent() => Self::again(Copy { parts, bytes }),
            Some(bytes) => Self {
                request: Request::from_parts(parts, body::full(bytes)),
                copy: None,
                sent: Sent::at_once(),
            },
            None => {
                let sent = Sent::in_time();
                let watched =
                    Watched { body, sent: sent.clone(), _complete: sent.complete.clone().drop_guard() };
                Self { request: Request::from_parts(parts, watched.boxed()), copy: None, sent }
            }
        }
    }

    /// A second attempt.
    pub(super) fn again(copy: Copy) -> Self {
        let request = Request::from_parts(copy.parts.clone(), body::full(copy.bytes.clone()));
        Self { request, copy: Some(copy), sent: Sent::at_once() }
    }

    /// What came back without a byte having been sent.
    pub(super) fn unsent(request: Request<Body>, copy: Option<Copy>, sent: Sent) -> Self {
        Self { request, copy, sent }
    }

    pub(super) fn split(self) -> (Request<Body>, Option<Copy>, Sent) {
        (self.request, self.copy, self.sent)
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.copy.is_some()
    }
}

impl Sent {
    fn at_once() -> Self {
        Self { complete: CancellationToken::new(), abandoned: CancellationToken::new(), instant: true }
    }

    fn in_time() -> Self {
        Self { instant: false, ..Self::at_once() }
    }

    /// Whether there is no body to wait for.
    pub(super) fn is_instant(&self) -> bool {
        self.instant
    }

    pub(super) fn is_complete(&self) -> bool {
        self.instant || self.complete.is_cancelled()
    }

    pub(super) async fn completed(&self) {
        self.complete.cancelled().await;
    }

    /// Breaks the body off when dropped: there was an answer, and nobody reads the rest.
    pub(super) fn abandon_guard(self) -> DropGuard {
        self.abandoned.drop_guard()
    }
}

/// A body whose first frame was already taken.
struct Begun {
    first: Option<Frame<Bytes>>,
    rest: Body,
}

impl hyper::body::Body for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + first);
        }
        hint
    }
}

/// A body that tells when it has been sent.
struct Watched {
    body: Body,
    sent: Sent,
    _complete: DropGuard,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.sent.abandoned.is_cancelled() {
            return Poll::Ready(Some(Err("the answer came before the end of the body".into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.sent.complete.cancel();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use http::Method;

    fn request(method: Method, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        request
    }

    #[tokio::test]
    async fn only_what_can_safely_be_sent_twice_is_repeatable() {
        let streamed = || body::stream(futures_util::stream::iter([Ok(Frame::data(Bytes::from("x")))]));
        for (method, body, repeatable) in [
            (Method::GET, body::empty(), true),
            (Method::PUT, body::full("x"), true),
            (Method::POST, body::empty(), false),
            (Method::POST, body::full("x"), false),
            (Method::PUT, streamed(), false),
            (Method::PUT, body::full(vec![0; 65 * 1024]), false),
        ] {
            let what = format!("{method} {:?}", body.size_hint());
            assert_eq!(Outgoing::new(request(method, body)).is_repeatable(), repeatable, "{what}");
        }
    }

    #[tokio::test]
    async fn looking_at_a_body_takes_nothing_away_from_it() {
        let (sender, pieces) = body::channel(4);
        sender.send("one ").await.unwrap();
        sender.send("two").await.unwrap();
        sender.finish().await.unwrap();
        let sized = Begun { first: Some(Frame::data(Bytes::from("zero "))), rest: body::full("one") }.boxed();
        for (body, whole) in
            [(pieces, "one two"), (sized, "zero one"), (body::full("all"), "all"), (body::empty(), "")]
        {
            let (request, _, sent) = Outgoing::new(request(Method::PUT, body)).split();
            let bytes = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes, whole);
            assert!(sent.is_complete());
        }
    }
}
