//! One port, three kinds of callers.

use crate::node::{Node, SOON, WEB_NAME, ask, closes_within, connect, get, identity, text};
use lanyard_link::{Duplex, Limits, LinkError, Meeting, Peers};
use lanyard_trust::identity::{ALPN, JOIN_ALPN};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    client::Resumption,
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

/// A browser that trusts this certificate, speaks this TLS and offers these protocols.
pub(crate) fn browser(
    certificate: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    offered: &[&[u8]],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

async fn visit(node: &Node, source: &str, browser: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = connect(source, node.address).await?;
    TlsConnector::from(browser).connect(WEB_NAME.try_into().unwrap(), stream).await
}

/// What a device hears that speaks with raw keys and offers only this protocol.
async fn hears(node: &Node, offered: &[u8]) -> String {
    let mut config = ClientConfig::clone(&identity().0.client_config(None));
    config.alpn_protocols = vec![offered.to_vec()];
    match visit(node, "127.0.0.1", Arc::new(config)).await {
        Ok(_) => "welcome".to_owned(),
        Err(error) => error.to_string(),
    }
}

async fn says_it_back(meeting: &mut Meeting) -> bool {
    let said = meeting.stream.write_all(b"hello").await.is_ok() && meeting.stream.flush().await.is_ok();
    let mut back = [0; 5];
    said && meeting.stream.read_exact(&mut back).await.is_ok() && &back == b"hello"
}

/// Whether the other side hangs up without a word.
async fn hangs_up(stream: &mut dyn Duplex) -> bool {
    let ended = tokio::time::timeout(SOON, stream.read(&mut [0; 64])).await;
    !matches!(ended.expect("still open"), Ok(1..))
}

#[tokio::test]
async fn one_port_takes_nodes_and_who_wants_to_join_and_visitors() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let node = Node::start(address);
        node.open_join();
        let certificate = node.open_web();
        let source = if node.address.is_ipv4() { "127.0.0.1" } else { "::1" };
        let (peers, _dir) = node.caller();
        let response = peers.request(node.id(), get("/who"), SOON).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut meeting = peers.meet(&[node.address], Some(node.id())).await.unwrap();
        assert!(says_it_back(&mut meeting).await);
        for version in [&TLS13, &TLS12] {
            // A browser would rather speak HTTP/2; an old program says nothing.
            for offered in [&[b"h2".as_slice(), b"http/1.1"][..], &[]] {
                let browser = browser(&certificate, version, offered);
                let mut visit = visit(&node, source, browser).await.unwrap();
                let agreed = visit.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                assert_eq!(agreed, (!offered.is_empty()).then(|| b"http/1.1".to_vec()));
                assert_eq!(visit.get_ref().1.protocol_version(), Some(version.version));
                assert_eq!(ask(&mut visit, "/who").await, "HTTP/1.1 200");
            }
            let only_h2 = browser(&certificate, version, &[b"h2"]);
            visit(&node, source, only_h2).await.unwrap_err();
        }
        assert_eq!(node.requests(), 5);
    }
    assert_eq!(TLS12.version, ProtocolVersion::TLSv1_2);
}

#[tokio::test]
async fn a_door_that_is_shut_looks_like_one_that_was_never_there() {
    let node = Node::start("127.0.0.1:0");
    let nonsense = hears(&node, b"nonsense/1").await;
    assert!(nonsense.contains("NoApplicationProtocol"), "{nonsense}");
    for _ in 0..2 {
        assert_eq!(hears(&node, JOIN_ALPN).await, nonsense);
        assert_eq!(hears(&node, b"http/1.1").await, nonsense);
        assert_eq!(hears(&node, ALPN).await, "welcome", "nodes are not asked to wait outside");
        node.open_join();
        assert_eq!(hears(&node, JOIN_ALPN).await, "welcome");
        assert_eq!(hears(&node, b"http/1.1").await, nonsense, "one door does not open the other");
        let certificate = node.open_web();
        let tls13 = browser(&certificate, &TLS13, &[b"http/1.1"]);
        visit(&node, "127.0.0.1", tls13.clone()).await.unwrap();
        assert_eq!(hears(&node, b"nonsense/1").await, nonsense);
        node.doors.set_join(None);
        node.doors.set_web(None);
        visit(&node, "127.0.0.1", tls13).await.unwrap_err();
        let silent = browser(&certificate, &TLS12, &[]);
        visit(&node, "127.0.0.1", silent).await.unwrap_err();
    }
    let (peers, _dir) = node.caller();
    let error = peers.meet(&[node.address], None).await.unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { tried: 1 }), "{error}");
    assert!(node.seen.met.lock().unwrap().len() == 2 && node.requests() == 0);
}

#[tokio::test]
async fn two_devices_that_meet_know_each_others_keys_and_share_a_secret_of_this_connection() {
    let node = Node::start("127.0.0.1:0");
    node.open_join();
    let (peers, id, _dir) = node.caller_with_id();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for expected in [None, Some(node.id())] {
        let mut meeting = peers.meet(&[closed, node.address], expected).await.unwrap();
        assert_eq!((meeting.caller.node, meeting.caller.remote), (node.id(), node.address));
        assert!(says_it_back(&mut meeting).await);
        assert_eq!(node.seen.met.lock().unwrap().last(), Some(&(id, meeting.exporter)));
        let shown = format!("{meeting:?}");
        assert!(!shown.contains(&format!("{:?}", &meeting.exporter[..4])) && !shown.contains("exporter"));
    }
    let met = node.seen.met.lock().unwrap().clone();
    assert_ne!(met[0].1, met[1].1, "two connections never have the same");
    let error = peers.meet(&[node.address], Some(id)).await.unwrap_err();
    assert!(matches!(error, LinkError::OtherDevice), "{error}");
}

#[tokio::test]
async fn few_devices_meet_at_once_and_shutting_the_door_disturbs_none_of_them() {
    let node = Node::start("127.0.0.1:0");
    node.open_join();
    let (peers, _dir) = node.caller();
    let mut first = peers.meet(&[node.address], None).await.unwrap();
    let mut second = peers.meet(&[node.address], None).await.unwrap();
    let error = peers.meet(&[node.address], None).await.unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { .. }), "two from one address: {error}");
    node.doors.set_join(None);
    assert!(says_it_back(&mut first).await && says_it_back(&mut second).await);
    drop(first);
    node.open_join();
    let started = Instant::now();
    while peers.meet(&[node.address], None).await.is_err() {
        assert!(started.elapsed() < SOON, "the place was not given back");
        sleep(Duration::from_millis(20)).await;
    }
    node.cancel.cancel();
    assert!(hangs_up(&mut second.stream).await, "a listener that stops waits for no meeting");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn visitors_are_few_and_nodes_are_not_counted_with_them() {
    let node = Node::start("127.0.0.1:0");
    let certificate = node.open_web();
    let browser = browser(&certificate, &TLS13, &[]);
    let mut visits = Vec::new();
    for source in 2..8 {
        let mut from_there = 0;
        for _ in 0..17 {
            if let Ok(visit) = visit(&node, &format!("127.0.0.{source}"), browser.clone()).await {
                visits.push(visit);
                from_there += 1;
            }
        }
        assert_eq!(from_there, if source < 6 { 16 } else { 0 }, "16 from one address, 64 in all");
    }
    let (peers, _dir) = node.caller();
    assert_eq!(peers.request(node.id(), get("/who"), SOON).await.unwrap().status(), 200);
    let mut from_there = node.raw("127.0.0.2").await;
    assert_eq!(ask(&mut from_there, "/who").await, "HTTP/1.1 200");
}

#[tokio::test]
async fn a_visitor_is_held_to_the_same_limits_as_a_node() {
    let limits = Limits { header: Duration::from_millis(500), ..Limits::default() };
    let node = Node::with_limits("127.0.0.1:0", limits);
    let browser = browser(&node.open_web(), &TLS12, &[b"http/1.1"]);
    let mut slow = visit(&node, "127.0.0.1", browser.clone()).await.unwrap();
    let started = Instant::now();
    while slow.write_all(b"x").await.is_ok() && slow.flush().await.is_ok() {
        assert!(started.elapsed() < SOON, "still open after {:?}", started.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    let mut long = visit(&node, "127.0.0.1", browser.clone()).await.unwrap();
    let _ =
        long.write_all(format!("GET /who HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000)).as_bytes()).await;
    let mut answer = vec![0; 12];
    if long.read_exact(&mut answer).await.is_ok() {
        assert_eq!(answer, b"HTTP/1.1 431");
    }
    assert_eq!(node.requests(), 0);
    let mut unlucky = visit(&node, "127.0.0.1", browser).await.unwrap();
    assert_eq!(ask(&mut unlucky, "/panic").await, "HTTP/1.1 500");
}

#[tokio::test]
async fn shutting_the_door_sends_idle_visitors_away_and_lets_the_others_finish() {
    let node = Node::start("127.0.0.1:0");
    let browser = browser(&node.open_web(), &TLS13, &[b"http/1.1"]);
    let mut idle = visit(&node, "127.0.0.1", browser.clone()).await.unwrap();
    let mut busy = visit(&node, "127.0.0.1", browser).await.unwrap();
    let asking = tokio::spawn(async move {
        let status = ask(&mut busy, "/after/500").await;
        (status, closes_within(&mut busy, Duration::from_secs(1)).await)
    });
    while node.requests() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    node.doors.set_web(None);
    assert!(closes_within(&mut idle, Duration::from_secs(1)).await);
    assert_eq!(asking.await.unwrap(), ("HTTP/1.1 200".to_owned(), true));
}

/// A device whose access was taken back might have kept a session from before (a node that was attacked, or one of
/// another make, may have given it one).
#[tokio::test]
async fn a_device_that_offers_an_old_session_has_to_prove_its_key_again() {
    let node = Node::start("127.0.0.1:0");
    let mut generous = rustls::ServerConfig::clone(&node.identity.server_config());
    generous.send_tls13_tickets = 4;
    generous.session_storage = rustls::server::ServerSessionMemoryCache::new(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let generous_address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(generous));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            // Until the other side has read it.
            let _ = stream.read(&mut [0]).await;
        }
    });
    let (caller, _dir) = identity();
    let mut eager = ClientConfig::clone(&caller.client_config(Some(node.id())));
    eager.resumption = Resumption::in_memory_sessions(16);
    let eager = TlsConnector::from(Arc::new(eager));
    let shake = async |address| {
        let stream = TcpStream::connect(address).await.unwrap();
        eager.connect("node.invalid".try_into().unwrap(), stream).await.unwrap()
    };
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = shake(generous_address).await;
        // Tickets come with the first bytes.
        stream.read_exact(&mut [0]).await.unwrap();
        kinds.push(stream.get_ref().1.handshake_kind());
    }
    assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)], "it does offer what it has");
    for _ in 0..2 {
        let mut stream = shake(node.address).await;
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(ask(&mut stream, "/who").await, "HTTP/1.1 200");
        assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0, "and gets nothing new to offer");
    }
    let peers = Peers::new(caller);
    peers.learn(node.id(), vec![node.address]);
    assert_eq!(text(peers.request(node.id(), get("/refuse"), SOON).await.unwrap()).await, "not for you");
}
