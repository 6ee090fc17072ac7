//! A listening node with a handler that can do everything the tests need, and a calling one.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use lanyard_link::{
    Body, Caller, Doors, Incoming, Join, Limits, Listener, Meeting, Peers, Serve, Visit, Visitor, Web, body,
};
use lanyard_trust::{Identity, NodeId};
use rustls::{ServerConfig, pki_types::CertificateDer};
use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Held by tests that crowd the processor and by those that measure moments.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub(crate) fn identity() -> (Identity, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Identity::load_or_create(dir.path()).unwrap(), dir)
}

/// What the handler saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    /// Bodies of requests that broke off.
    pub(crate) broken_requests: AtomicUsize,
    /// Bodies of answers that nobody took.
    pub(crate) broken_answers: AtomicUsize,
    /// Who came to join, and the secret of that connection.
    pub(crate) met: Mutex<Vec<(NodeId, [u8; 32])>>,
}

pub(crate) struct Node {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    pub(crate) cancel: CancellationToken,
    pub(crate) running: JoinHandle<()>,
    pub(crate) doors: Doors,
    /// Whose places are kept.
    pub(crate) known: Arc<Mutex<HashSet<NodeId>>>,
    _dir: Option<TempDir>,
}

impl Node {
    pub(crate) fn start(address: &str) -> Self {
        Self::with_limits(address, Limits::default())
    }

    pub(crate) fn with_limits(address: &str, limits: Limits) -> Self {
        let (identity, dir) = identity();
        let listener = Listener::bind(address.parse().unwrap()).unwrap();
        Self { _dir: Some(dir), ..Self::run(identity, listener, limits) }
    }

    pub(crate) fn run(identity: Identity, listener: Listener, limits: Limits) -> Self {
        let (seen, cancel) = (Arc::<Seen>::default(), CancellationToken::new());
        let address = listener.local_addr().unwrap();
        let handler = Arc::new(Handler(seen.clone()));
        let known = Arc::<Mutex<HashSet<NodeId>>>::default();
        let whom_we_know = known.clone();
        let doors = Doors::new(limits, move |node| whom_we_know.lock().unwrap().contains(node));
        let running = tokio::spawn(listener.run(identity.clone(), doors.clone(), handler, cancel.clone()));
        Self { identity, address, seen, cancel, running, doors, known, _dir: None }
    }

    pub(crate) fn open_join(&self) {
        self.doors.set_join(Some(Arc::new(Handler(self.seen.clone()))));
    }

    /// Lets visitors in and returns the certificate they will see.
    pub(crate) fn open_web(&self) -> CertificateDer<'static> {
        let (tls, certificate) = web_tls();
        self.doors.set_web(Some(Web { tls, visit: Arc::new(Handler(self.seen.clone())) }));
        certificate
    }

    /// Lets visitors in who speak without TLS.
    pub(crate) fn open_plain(&self) {
        self.doors.set_plain(Some(Arc::new(Handler(self.seen.clone()))));
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.node_id()
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Calls it from a new node that knows its address.
    pub(crate) fn caller(&self) -> (Peers, TempDir) {
        let (peers, _, dir) = self.caller_with_id();
        (peers, dir)
    }

    pub(crate) fn caller_with_id(&self) -> (Peers, NodeId, TempDir) {
        let (identity, dir) = identity();
        let id = identity.node_id();
        let peers = Peers::new(identity);
        peers.learn(self.id(), vec![self.address]);
        (peers, id, dir)
    }

    /// A TLS connection from `source` on which a test writes what it likes.
    pub(crate) async fn raw(&self, source: &str) -> TlsStream<TcpStream> {
        self.try_raw(source).await.unwrap()
    }

    pub(crate) async fn try_raw(&self, source: &str) -> std::io::Result<TlsStream<TcpStream>> {
        self.try_raw_as(&identity().0, source).await
    }

    pub(crate) async fn try_raw_as(
        &self,
        identity: &Identity,
        source: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = connect(source, self.address).await?;
        let config = identity.client_config(Some(self.id()));
        TlsConnector::from(config).connect("x.invalid".try_into().unwrap(), stream).await
    }

    pub(crate) async fn stop(self) -> Identity {
        self.cancel.cancel();
        self.running.await.unwrap();
        self.identity
    }
}

pub(crate) async fn connect(source: &str, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(source.parse().unwrap(), 0))?;
    socket.connect(address).await
}

/// Whether the other side has closed a connection on which it has nothing to say, within `time`.
pub(crate) async fn closes_within(stream: &mut (impl AsyncReadExt + Unpin), time: Duration) -> bool {
    let mut bytes = vec![0; 4096];
    let closed = async { while matches!(stream.read(&mut bytes).await, Ok(read) if read > 0) {} };
    timeout(time, closed).await.is_ok()
}

/// Sends a request on a raw connection and reads the status line.
pub(crate) async fn ask(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = vec![0; 12];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(body::empty()).unwrap()
}

pub(crate) fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let bytes = body::read(response.into_body(), 1 << 20, SOON).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The `at`th piece of a body of which no two pieces are alike.
pub(crate) fn piece(at: u64) -> Bytes {
    let mut piece = vec![0; 64 * 1024];
    blake3::Hasher::new().update(&at.to_le_bytes()).finalize_xof().fill(&mut piece);
    piece.into()
}

/// A body of `pieces` pieces and the hash of it.
pub(crate) fn pieces(pieces: u64) -> (Body, impl Future<Output = String>) {
    let (sender, body) = body::channel(4);
    let sending = tokio::spawn(async move {
        let mut hash = blake3::Hasher::new();
        for at in 0..pieces {
            let piece = piece(at);
            hash.update(&piece);
            if sender.send(piece).await.is_err() {
                return "nobody took it".to_owned();
            }
        }
        let _ = sender.finish().await;
        hash.finalize().to_string()
    });
    (body, async { sending.await.unwrap() })
}

pub(crate) async fn hash(mut body: Incoming) -> Result<(u64, String), String> {
    let (mut length, mut hash) = (0, blake3::Hasher::new());
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
        length += data.len() as u64;
        hash.update(&data);
    }
    Ok((length, hash.finalize().to_string()))
}

pub(crate) async fn count(mut body: Incoming) -> u64 {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().into_data().unwrap_or_default().len() as u64;
    }
    length
}

/// The name in the certificate for visitors.
pub(crate) const WEB_NAME: &str = "lanyard-test.local";

fn web_tls() -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new([WEB_NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate = certificate.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    (Arc::new(config), certificate)
}

struct Handler(Arc<Seen>);

impl Visit for Handler {
    fn visit(&self, visitor: Visitor, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let nobody =
            Caller { node: NodeId::from_bytes([0; 32]), remote: visitor.remote, local: visitor.local };
        if request.uri().path() == "/secret" || request.method() == Method::OPTIONS {
            self.0.requests.fetch_add(1, Ordering::SeqCst);
            let told = format!("{} {} tls={}", request.method(), request.uri(), visitor.tls);
            return Box::pin(async move { body::status(StatusCode::OK, &told) });
        }
        self.serve(nobody, request)
    }
}

impl Join for Handler {
    /// Says everything back.
    fn meet(&self, meeting: Meeting) -> BoxFuture<'static, ()> {
        self.0.met.lock().unwrap().push((meeting.caller.node, meeting.exporter));
        Box::pin(async move {
            let (mut read, mut write) = tokio::io::split(meeting.stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        })
    }
}

impl Serve for Handler {
    fn serve(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let seen = self.0.clone();
        seen.requests.fetch_add(1, Ordering::SeqCst);
        Box::pin(answer(seen, caller, request))
    }
}

async fn answer(seen: Arc<Seen>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let number = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.parse::<u64>().ok());
    match path.as_str() {
        "/who" => body::json(
            StatusCode::OK,
            &(caller.node.to_string(), caller.remote.to_string(), caller.local.to_string()),
        ),
        "/hash" => match hash(request.into_body()).await {
            Ok((length, hash)) => body::status(StatusCode::OK, &format!("{length} {hash}")),
            Err(error) => {
                seen.broken_requests.fetch_add(1, Ordering::SeqCst);
                body::status(StatusCode::REQUEST_TIMEOUT, &error)
            }
        },
        "/count" => body::status(StatusCode::OK, &count(request.into_body()).await.to_string()),
        "/refuse" => body::status(StatusCode::FORBIDDEN, "not for you"),
        "/panic" => panic!("a test asked for this"),
        "/never" => std::future::pending().await,
        "/watch" => {
            let (sender, body) = body::channel(1);
            tokio::spawn(async move {
                for beat in 0.. {
                    if sender.send_line(&beat).await.is_err() {
                        break;
                    }
                    sleep(Duration::from_millis(50)).await;
                }
                seen.broken_answers.fetch_add(1, Ordering::SeqCst);
            });
            Response::new(body)
        }
        "/quiet" => {
            let (sender, body) = body::channel(1);
            tokio::spawn(async move {
                let _ = sender.send("a word").await;
                std::future::pending::<()>().await;
                drop(sender);
            });
            Response::new(body)
        }
        "/broken" => {
            let (sender, body) = body::channel(1);
            tokio::spawn(async move { sender.send("half of i").await });
            Response::new(body)
        }
        _ => {
            if let Some(count) = number("/pieces/") {
                let (body, sent) = pieces(count);
                tokio::spawn(async move {
                    if sent.await == "nobody took it" {
                        seen.broken_answers.fetch_add(1, Ordering::SeqCst);
                    }
                });
                return Response::new(body);
            }
            if let Some(megabytes) = number("/zeros/") {
                let zeros = Bytes::from(vec![0; 1 << 20]);
                let frames = (0..megabytes).map(move |_| Ok(hyper::body::Frame::data(zeros.clone())));
                return Response::new(body::stream(futures_util::stream::iter(frames)));
            }
            if let Some(millis) = number("/after/") {
                sleep(Duration::from_millis(millis)).await;
                return body::status(StatusCode::OK, "at last");
            }
            body::status(StatusCode::NOT_FOUND, "not found")
        }
    }
}
