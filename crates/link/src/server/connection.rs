//! One accepted connection: what it is for, the handshake, and then whoever takes care of its kind.
//!
//! What a caller wants is told by the ALPN of its first message, before anything is answered. Whoever asks for a
//! protocol that is not spoken at the moment gets the answer of the link between nodes, which speaks none but its own:
//! a door that is shut looks like one that was never there. So does plain HTTP, which is told from TLS by the first
//! byte.

use super::{
    Caller, Doors, Serve, Visitor,
    admission::Place,
    doors::{HTTP_ALPN, OpenPlain, OpenWeb},
    requests::{Ends, Handler},
    sessions::Session,
    upgrade::Upgrade,
};
use crate::{
    meeting::{Join, Meeting, exporter},
    wire::{self, Transport},
};
use lanyard_trust::{
    Identity, NodeId,
    identity::{ALPN, JOIN_ALPN, peer_id},
};
use rustls::{
    ServerConfig,
    server::{Acceptor, ClientHello},
};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{io::AsyncBufReadExt, net::TcpStream, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a meeting may take, in which somebody walks to another device and answers a question there.
const MEETING: Duration = Duration::from_secs(12 * 60);

/// What all connections of one listener share.
#[derive(Clone)]
pub(super) struct Connections {
    tls: Arc<ServerConfig>,
    tls_of_join: Arc<ServerConfig>,
    pub(super) doors: Doors,
    serve: Arc<dyn Serve>,
    /// Ends connections between requests.
    pub(super) stop: CancellationToken,
    /// Ends connections wherever they are.
    pub(super) cut: CancellationToken,
    pub(super) tasks: TaskTracker,
}

type Tls = TlsStream<wire::Socket>;

/// What a caller came for.
enum Purpose {
    Link,
    Join(Arc<dyn Join>),
    Visit(OpenWeb),
}

/// Who is there after the handshake.
enum Arrived {
    Node(Caller, Session, Tls),
    Meeting(Arc<dyn Join>, Meeting),
    Visitor(OpenWeb, Visitor, Tls),
    Plain(OpenPlain, Visitor, wire::Socket),
}

impl Connections {
    pub(super) fn new(
        identity: &Identity,
        doors: Doors,
        serve: Arc<dyn Serve>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let (tls, tls_of_join) = (identity.server_config(), identity.join_server_config());
        Self { tls, tls_of_join, doors, serve, stop, cut, tasks: TaskTracker::new() }
    }

    /// Serves a connection in a task of its own.
    pub(super) fn begin(&self, stream: TcpStream, remote: SocketAddr, place: Place) {
        let connection = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = connection.cut.cancelled() => {}
                () = Box::pin(connection.serve_one(stream, remote, place)) => {}
            }
        });
    }

    /// Returns when every connection has ended.
    pub(super) async fn all_done(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn serve_one(&self, stream: TcpStream, remote: SocketAddr, mut place: Place) {
        let pushed_out = place.pushed_out();
        let time = place.handshake(self.doors.limits().handshake);
        let arrived = tokio::select! {
            () = self.stop.cancelled() => return,
            () = pushed_out.cancelled() => {
                return tracing::debug!(%remote, "made room for another connection");
            }
            arrived = timeout(time, self.receive(stream, remote, &mut place)) => arrived,
        };
        match arrived {
            Ok(Ok(Arrived::Node(caller, session, tls))) => {
                let serve = self.serve.clone();
                let handler = Arc::new(move |request| serve.serve(caller, request));
                let ends = Ends { stop: &CancellationToken::new(), cut: session.cut() };
                self.answer_requests(tls, remote, handler, Arc::new(place), ends).await;
            }
            Ok(Ok(Arrived::Visitor(web, visitor, tls))) => {
                self.answer_visitor(web, visitor, tls, Arc::new(place)).await;
            }
            Ok(Ok(Arrived::Plain(plain, visitor, socket))) => {
                self.answer_plain(plain, visitor, socket, Arc::new(place)).await;
            }
            Ok(Ok(Arrived::Meeting(join, meeting))) => {
                if timeout(MEETING, join.meet(meeting)).await.is_err() {
                    tracing::debug!(%remote, "a meeting took too long");
                }
            }
            Ok(Err(error)) => tracing::debug!(%remote, %error, "no handshake"),
            Err(_) => tracing::debug!(%remote, "the handshake took too long"),
        }
    }

    async fn answer_visitor(&self, web: OpenWeb, visitor: Visitor, tls: impl Transport, place: Arc<Place>) {
        let visit = web.visit;
        let handler: Handler = Arc::new(move |request| visit.visit(visitor, request));
        let ends = Ends { stop: &web.shut, cut: &CancellationToken::new() };
        self.answer_requests(tls, visitor.remote, handler, place, ends).await;
    }

    async fn answer_plain(
        &self,
        plain: OpenPlain,
        visitor: Visitor,
        socket: wire::Socket,
        place: Arc<Place>,
    ) {
        let visit = plain.visit;
        let handler: Handler = Arc::new(move |request| visit.visit(visitor, request));
        let ends = Ends { stop: &plain.shut, cut: &CancellationToken::new() };
        let upgrade = Upgrade::new(&self.doors);
        let left =
            self.answer_until_upgrade(socket, visitor.remote, handler, place.clone(), ends, &upgrade).await;
        let Some((socket, changed)) = left else { return };
        let secured = tokio::select! {
            () = self.stop.cancelled() => return,
            secured = timeout(self.doors.limits().handshake, changed.secure(socket)) => secured,
        };
        match secured {
            Ok(Ok((web, tls))) => {
                self.answer_visitor(web, Visitor { tls: true, ..visitor }, tls, place).await;
            }
            Ok(Err(error)) => tracing::debug!(remote = %visitor.remote, %error, "no change to TLS"),
            Err(_) => tracing::debug!(remote = %visitor.remote, "the change to TLS took too long"),
        }
    }

    /// Shakes hands and finds the right place for whoever is there.
    async fn receive(&self, stream: TcpStream, remote: SocketAddr, place: &mut Place) -> io::Result<Arrived> {
        let local = stream.local_addr()?;
        let mut socket = wire::socket(stream)?;
        if let Some(plain) = self.doors.plain()
            && begins_request(socket.fill_buf().await?)
        {
            place.heard(Instant::now());
            if !place.take_visit() {
                return Err(io::Error::other("too many visitors"));
            }
            return Ok(Arrived::Plain(plain, Visitor { remote, local, tls: false }, socket));
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        place.heard(Instant::now());
        match self.purpose(&hello.client_hello()) {
            Purpose::Link => {
                let tls = shake_hands(hello, self.tls.clone()).await?;
                if tls.get_ref().1.alpn_protocol() != Some(ALPN) {
                    return Err(wire::invalid("the caller speaks another protocol"));
                }
                let node = proven(&tls)?;
                // Before the question whether it is known: see `Sessions::close`.
                let session = self.doors.sessions().enter(node);
                let has_place =
                    if self.doors.knows(&node) { place.take_known(node) } else { place.take_open() };
                if !has_place {
                    return Err(io::Error::other("too many connections of this device, or of strangers"));
                }
                Ok(Arrived::Node(Caller { node, remote, local }, session, tls))
            }
            Purpose::Join(join) => {
                if !place.take_meeting() {
                    return Err(io::Error::other("too many devices want to join"));
                }
                let tls = shake_hands(hello, self.tls_of_join.clone()).await?;
                let caller = Caller { node: proven(&tls)?, remote, local };
                let secret = exporter(tls.get_ref().1)?;
                Ok(Arrived::Meeting(join, Meeting::new(caller, secret, tls, self.doors.limits().stall)))
            }
            Purpose::Visit(web) => {
                if !place.take_visit() {
                    return Err(io::Error::other("too many visitors"));
                }
                let tls = shake_hands(hello, web.tls.clone()).await?;
                Ok(Arrived::Visitor(web, Visitor { remote, local, tls: true }, tls))
            }
        }
    }

    /// What a caller came for, as far as there is such a thing at the moment.
    fn purpose(&self, hello: &ClientHello<'_>) -> Purpose {
        let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
        if offered.contains(&ALPN) {
            return Purpose::Link;
        }
        if offered.contains(&JOIN_ALPN)
            && let Some(join) = self.doors.join()
        {
            return Purpose::Join(join);
        }
        // Programs that print or read files need not say anything (RFC 7301 is younger than many of them).
        if (offered.is_empty() || offered.contains(&HTTP_ALPN))
            && let Some(web) = self.doors.web()
        {
            return Purpose::Visit(web);
        }
        Purpose::Link
    }
}

/// Whether this is the beginning of a request of HTTP (RFC 9112 §3: a method, in capitals) and not of TLS (RFC 8446
/// §5.1: 22, a handshake record).
fn begins_request(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}

async fn shake_hands(hello: StartHandshake<wire::Socket>, tls: Arc<ServerConfig>) -> io::Result<Tls> {
    hello.into_stream_with(tls, |session| session.set_buffer_limit(Some(wire::TLS_BUFFER))).await
}

/// The key that the caller has proven.
fn proven(tls: &Tls) -> io::Result<NodeId> {
    peer_id(tls.get_ref().1.peer_certificates()).ok_or_else(|| wire::invalid("the caller shows no key"))
}
