//! One accepted connection: handshake, then requests, one after the other.
//!
//! A handler runs in a task of its own: when the connection breaks, it reads an error from the body and comes to
//! an orderly end, instead of being dropped wherever it waits.

use super::{Caller, Limits, Serve, admission::Place};
use crate::{
    Body, Incoming, body,
    progress::Progress,
    wire::{self, Wire},
};
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use lanyard_trust::{
    Identity,
    identity::{ALPN, peer_id},
};
use rustls::ServerConfig;
use std::{io, net::SocketAddr, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::oneshot,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The longest header, with the request line.
const HEADER_BYTES: usize = 16 * 1024;

/// The most fields of a header.
const HEADER_FIELDS: usize = 64;

/// How long the rest of a body is taken and thrown away after the handler has lost interest. Closing at once would
/// reset the connection, and with it lose the answer on its way.
const LINGER: Duration = Duration::from_secs(2);

/// How long a handler may go on after its connection has ended.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// What all connections of one listener share.
#[derive(Clone)]
pub(super) struct Connections {
    tls: Arc<ServerConfig>,
    limits: Limits,
    serve: Arc<dyn Serve>,
    /// Ends connections between requests.
    stop: CancellationToken,
    /// Ends connections wherever they are.
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Connections {
    pub(super) fn new(
        identity: &Identity,
        limits: Limits,
        serve: Arc<dyn Serve>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        Self { tls: identity.server_config(), limits, serve, stop, cut, tasks: TaskTracker::new() }
    }

    /// Serves a connection in a task of its own.
    pub(super) fn begin(&self, stream: TcpStream, remote: SocketAddr, place: Place) {
        let connection = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = connection.cut.cancelled() => {}
                () = Box::pin(connection.serve_one(stream, remote, Arc::new(place))) => {}
            }
        });
    }

    /// Returns when every connection has ended.
    pub(super) async fn all_done(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn serve_one(&self, stream: TcpStream, remote: SocketAddr, place: Arc<Place>) {
        let tls = tokio::select! {
            () = self.stop.cancelled() => return,
            shaken = timeout(self.limits.handshake, self.shake_hands(stream)) => shaken,
        };
        let (caller, tls) = match tls {
            Ok(Ok((node, local, tls))) => (Caller { node, remote, local }, tls),
            Ok(Err(error)) => return tracing::debug!(%remote, %error, "no handshake"),
            Err(_) => return tracing::debug!(%remote, "the handshake took too long"),
        };
        let over = CancellationToken::new();
        let _over = over.clone().drop_guard();
        let service = service_fn(|request| {
            let answer = self.answer(caller, request, place.clone(), over.clone());
            // No answer means that the listener is being closed: the connection breaks off.
            async move { answer.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted)) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_headers(HEADER_FIELDS)
            .max_header_size(HEADER_BYTES)
            .max_buf_size(wire::HTTP_BUFFER);
        let io = TokioIo::new(Wire::new(tls, self.limits.stall));
        let mut connection = pin!(http.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%remote, node = ?caller.node, %error, "a connection broke");
        }
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> io::Result<(lanyard_trust::NodeId, SocketAddr, TlsStream<wire::Socket>)> {
        let local = stream.local_addr()?;
        let accepting = TlsAcceptor::from(self.tls.clone());
        let mut tls = accepting
            .accept_with(wire::socket(stream)?, |session| session.set_buffer_limit(Some(wire::TLS_BUFFER)))
            .await?;
        let (_, session) = tls.get_mut();
        if session.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the caller speaks another protocol"));
        }
        let node = peer_id(session.peer_certificates())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the caller shows no key"))?;
        Ok((node, local, tls))
    }

    /// Starts the handler of one request.
    fn answer(
        &self,
        caller: Caller,
        request: Request<hyper::body::Incoming>,
        place: Arc<Place>,
        over: CancellationToken,
    ) -> oneshot::Receiver<Response<Body>> {
        let request = request.map(|body| {
            let incoming = Incoming::from_wire(body, Progress::steady(self.limits.stall), None);
            incoming.with_rest(self.linger())
        });
        let (serve, cut) = (self.serve.clone(), self.cut.clone());
        let handling = async move { serve.serve(caller, request).await };
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
                tracing::error!(node = ?caller.node, "a request made its handler panic");
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
