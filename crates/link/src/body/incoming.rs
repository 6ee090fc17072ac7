//! The body that came from the other side.

use super::{Body, BodyError};
use crate::progress::Progress;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// A body from the other side of a link (or, for tests and doors that are no link, any [`Body`]). It fails when
/// the other side sends nothing, or next to nothing, while somebody waits for it.
pub struct Incoming {
    source: Source,
    progress: Option<Progress>,
    /// Called when the last byte has been taken; dropped unused when the body is dropped early.
    at_end: Option<AtEnd>,
    /// Takes what nobody read.
    rest: Option<Rest>,
}

pub(crate) type AtEnd = Box<dyn FnOnce() + Send + Sync>;

type Rest = Box<dyn FnOnce(hyper::body::Incoming) + Send + Sync>;

enum Source {
    Wire(hyper::body::Incoming),
    Made(Body),
}

impl Incoming {
    pub(crate) fn from_wire(body: hyper::body::Incoming, progress: Progress, at_end: Option<AtEnd>) -> Self {
        let mut incoming = Self { source: Source::Wire(body), progress: Some(progress), at_end, rest: None };
        if incoming.is_end_stream() {
            incoming.ended();
        }
        incoming
    }

    /// Puts up with that much silence while it is waited for, instead of 30 s: for streams whose other side says itself
    /// how often it speaks.
    #[must_use]
    pub fn quiet_for(mut self, longest: Duration) -> Self {
        if let Some(progress) = &mut self.progress {
            *progress = Progress::alive(longest);
        }
        self
    }

    /// Hands the body to `rest` when it is dropped before its end.
    pub(crate) fn with_rest(
        mut self,
        rest: impl FnOnce(hyper::body::Incoming) + Send + Sync + 'static,
    ) -> Self {
        self.rest = Some(Box::new(rest));
        self
    }

    fn ended(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            at_end();
        }
    }
}

impl From<Body> for Incoming {
    fn from(body: Body) -> Self {
        Self { source: Source::Made(body), progress: None, at_end: None, rest: None }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let Some(rest) = self.rest.take().filter(|_| !self.is_end_stream()) else { return };
        if let Source::Wire(body) = std::mem::replace(&mut self.source, Source::Made(super::empty())) {
            rest(body);
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

impl hyper::body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let polled = match &mut this.source {
            Source::Wire(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::from),
            Source::Made(body) => Pin::new(body).poll_frame(cx),
        };
        if polled.is_pending() {
            if let Some(progress) = &mut this.progress {
                ready!(progress.poll_stalled(cx));
                this.at_end = None;
                this.rest = None;
                return Poll::Ready(Some(Err(BodyError::from("the other side stopped sending"))));
            }
            return Poll::Pending;
        }
        let frame = ready!(polled);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(progress) = &mut this.progress {
                    progress.moved(frame.data_ref().map_or(0, Bytes::len));
                }
                if this.is_end_stream() {
                    this.ended();
                }
            }
            Some(Err(_)) => {
                this.at_end = None;
                this.rest = None;
            }
            None => this.ended(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Wire(body) => body.is_end_stream(),
            Source::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Wire(body) => body.size_hint(),
            Source::Made(body) => body.size_hint(),
        }
    }
}
