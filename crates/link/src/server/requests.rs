//! The requests of one connection, one after the other.
//!
//! A handler runs in a task of its own: when the connection breaks, it reads an error from the body and comes to
//! an orderly end, instead of being dropped wherever it waits.

use super::{
    admission::Place,
    connection::Connections,
    upgrade::{Changed, Upgrade},
};
use crate::{
    Body, BodyError, Incoming, body,
    progress::Progress,
    wire::{self, Transport, Wire},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    future::poll_fn, io, net::SocketAddr, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration,
};
use tokio::{io::AsyncWriteExt, runtime::Handle, sync::oneshot, time::sleep};
use tokio_util::sync::CancellationToken;

/// The longest header, with the request line.
const HEADER_BYTES: usize = 16 * 1024;

/// The most fields of a header.
const HEADER_FIELDS: usize = 64;

/// How long the rest of a body is taken and thrown away after the handler has lost interest. Closing at once would
/// reset the connection, and with it lose the answer on its way.
const LINGER: Duration = Duration::from_secs(2);

/// How long a handler may go on after its connection has ended.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// What answers the requests of one connection.
pub(super) type Handler = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What ends one connection, besides the listener.
pub(super) struct Ends<'a> {
    /// Between requests.
    pub(super) stop: &'a CancellationToken,
    /// Wherever it is, and what is on its way is lost.
    pub(super) cut: &'a CancellationToken,
}

impl Connections {
    /// Answers requests until either side has had enough.
    pub(super) async fn answer_requests(
        &self,
        stream: impl Transport,
        remote: SocketAddr,
        handler: Handler,
        place: Arc<Place>,
        ends: Ends<'_>,
    ) {
        let left = self.answer_until_upgrade(stream, remote, handler, place, ends, &Upgrade::never()).await;
        debug_assert!(left.is_none(), "nobody was let change the protocol");
    }

    /// The same, until the other side changes to TLS: then the connection goes on, with what it was.
    pub(super) async fn answer_until_upgrade<T: Transport>(
        &self,
        stream: T,
        remote: SocketAddr,
        handler: Handler,
        place: Arc<Place>,
        ends: Ends<'_>,
        upgrade: &Upgrade,
    ) -> Option<(T, Changed)> {
        let limits = self.doors.limits();
        let over = CancellationToken::new();
        let _over = over.clone().drop_guard();
        let service = service_fn(|request| {
            if let Some(switching) = upgrade.take(&request) {
                return async { Ok(switching) }.boxed();
            }
            let answer = self.answer(handler.clone(), remote, request, place.clone(), over.clone());
            // No answer means that the listener is being closed: the connection breaks off.
            async { answer.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted)) }.boxed()
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header)
            .max_headers(HEADER_FIELDS)
            .max_header_size(HEADER_BYTES)
            .max_buf_size(wire::HTTP_BUFFER);
        let mut connection = http.serve_connection(TokioIo::new(Wire::new(stream, limits.stall)), service);
        let serving = async {
            tokio::select! {
                ended = drive(&mut connection, upgrade) => return ended,
                () = self.stop.cancelled() => {}
                () = ends.stop.cancelled() => {}
            }
            Pin::new(&mut connection).graceful_shutdown();
            drive(&mut connection, upgrade).await
        };
        let ended = tokio::select! {
            biased;
            () = ends.cut.cancelled() => None,
            ended = serving => Some(ended),
        };
        match ended {
            Some(Ok(())) if upgrade.is_possible() => {
                let parts = connection.into_parts();
                let mut wire = parts.io.into_inner();
                if let Some(changed) = upgrade.taken() {
                    return Some((wire.into_inner(), changed.with_next(parts.read_buf)));
                }
                if let Err(error) = wire.shutdown().await {
                    tracing::debug!(%remote, %error, "a connection broke at its end");
                }
            }
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%remote, %error, "a connection broke"),
            None => {
                connection.into_parts().io.into_inner().abandon();
                tracing::debug!(%remote, "a connection was cut");
            }
        }
        None
    }

    /// Starts the handler of one request.
    fn answer(
        &self,
        handler: Handler,
        remote: SocketAddr,
        request: Request<hyper::body::Incoming>,
        place: Arc<Place>,
        over: CancellationToken,
    ) -> oneshot::Receiver<Response<Body>> {
        let request = request.map(|body| {
            let incoming = Incoming::from_wire(body, Progress::steady(self.doors.limits().stall), None);
            incoming.with_rest(self.linger())
        });
        let cut = self.cut.clone();
        let handling = async move { handler(request).await };
        let (answer, answered) = oneshot::channel();
        self.tasks.spawn(async move {
            let _place = place;
            let too_late = async {
                over.cancelled().await;
                sleep(AFTERWARDS).await;
            };
            let response = tokio::select! {
                response = AssertUnwindSafe(handling).catch_unwind() => response,
                () = too_late => return,
                () = cut.cancelled() => return,
            };
            // Nobody may be there any more to take it.
            let _ = answer.send(response.unwrap_or_else(|_| {
                tracing::error!(%remote, "a request made its handler panic");
                body::status(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }));
        });
        answered
    }

    /// What becomes of the rest of a body that a handler did not read.
    fn linger(&self) -> impl FnOnce(hyper::body::Incoming) + Send + Sync + 'static {
        let (tasks, cut, runtime) = (self.tasks.clone(), self.cut.clone(), Handle::current());
        move |mut rest| {
            tasks.spawn_on(
                async move {
                    let throw_away = async { while let Some(Ok(_)) = rest.frame().await {} };
                    tokio::select! {
                        () = throw_away => {}
                        () = sleep(LINGER) => {}
                        () = cut.cancelled() => {}
                    }
                },
                &runtime,
            );
        }
    }
}

/// Moves a connection on to its end, or to where it changes the protocol: then the socket stays open.
async fn drive<T, S>(
    connection: &mut http1::Connection<TokioIo<Wire<T>>, S>,
    upgrade: &Upgrade,
) -> hyper::Result<()>
where
    T: Transport,
    S: HttpService<hyper::body::Incoming, ResBody = Body> + Unpin,
    S::Error: Into<BodyError>,
    S::Future: Unpin,
{
    if upgrade.is_possible() {
        poll_fn(|cx| connection.poll_without_shutdown(cx)).await
    } else {
        connection.await
    }
}
