//! Visitors who begin without TLS, and those who change to it.

use crate::{
    doors::browser,
    node::{Node, SOON, WEB_NAME, ask, closes_within, connect, get},
};
use lanyard_link::Limits;
use rustls::version::{TLS12, TLS13};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

const OPTIONS: &str =
    "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: TLS/1.2,TLS/1.0\r\n\r\n";

/// Reads a whole answer with a length.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    let reading = async {
        loop {
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let no_body = head.starts_with("HTTP/1.1 1");
                if no_body || length.is_some_and(|length| body.len() >= length.parse().unwrap()) {
                    return;
                }
            }
            text.push(char::from(stream.read_u8().await.unwrap()));
        }
    };
    timeout(SOON, reading).await.unwrap_or(());
    text
}

async fn plain(node: &Node) -> TcpStream {
    connect("127.0.0.1", node.address).await.unwrap()
}

async fn send(node: &Node, bytes: &str) -> (TcpStream, String) {
    let mut stream = plain(node).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    (stream, answer)
}

#[tokio::test]
async fn one_port_takes_plain_http_while_that_door_is_open() {
    let node = Node::start("127.0.0.1:0");
    let before = {
        let mut stream = plain(&node).await;
        stream.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    };
    assert!(!before.starts_with(b"HTTP"), "a door that is shut was never there");
    node.open_web();
    let mut stream = plain(&node).await;
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    assert_eq!(all, before, "nor does the door for browsers open it");
    node.open_plain();
    let mut stream = plain(&node).await;
    for _ in 0..3 {
        stream.write_all(b"GET /secret HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.ends_with("GET /secret tls=false"));
    }
    let (peers, _dir) = node.caller();
    assert_eq!(
        peers.request(node.id(), get("/who"), SOON).await.unwrap().status(),
        200,
        "nodes come as before"
    );
    node.doors.set_plain(None);
    assert!(closes_within(&mut stream, Duration::from_secs(1)).await, "and it shuts");
}

#[tokio::test]
async fn whoever_asks_changes_to_tls_on_the_same_connection_and_is_answered_there() {
    let node = Node::start("127.0.0.1:0");
    node.open_plain();
    let certificate = node.open_web();
    let secret =
        "GET /secret HTTP/1.1\r\nhost: x\r\nConnection: keep-alive, upgrade\r\nUpgrade: TLS/1.0\r\n\r\n";
    for (version, asked, first) in [
        (&TLS13, OPTIONS, "OPTIONS * tls=true"),
        (&TLS12, OPTIONS, "OPTIONS * tls=true"),
        (&TLS13, secret, "GET /secret tls=true"),
    ] {
        let (stream, told) = send(&node, asked).await;
        let lower = told.to_ascii_lowercase();
        assert!(told.starts_with("HTTP/1.1 101"), "{told}");
        assert!(lower.contains("connection: upgrade") && lower.contains("upgrade: tls/1.0"), "{told}");
        let browser = browser(&certificate, version, &[]);
        let mut tls =
            TlsConnector::from(browser).connect(WEB_NAME.try_into().unwrap(), stream).await.unwrap();
        let told = answer(&mut tls).await;
        assert!(told.starts_with("HTTP/1.1 200") && told.ends_with(first), "{told}");
        tls.write_all(b"GET /secret HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut tls).await.ends_with("GET /secret tls=true"), "it goes on encrypted");
    }
}

#[tokio::test]
async fn a_client_that_begins_to_shake_hands_before_it_is_told_is_understood() {
    let node = Node::start("127.0.0.1:0");
    node.open_plain();
    let browser = browser(&node.open_web(), &TLS13, &[]);
    let mut stream = plain(&node).await;
    let mut session = rustls::ClientConnection::new(browser, WEB_NAME.try_into().unwrap()).unwrap();
    let mut eager = OPTIONS.as_bytes().to_vec();
    session.write_tls(&mut eager).unwrap();
    stream.write_all(&eager).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 101"));
    let mut bytes = vec![0; 4096];
    let read = timeout(SOON, stream.read(&mut bytes)).await.unwrap().unwrap();
    assert_eq!((bytes[0], bytes[5]), (22, 2), "a ServerHello is the next thing: {:?}", &bytes[..read.min(8)]);
}

#[tokio::test]
async fn a_request_is_answered_as_it_is_where_changing_makes_no_sense() {
    let node = Node::start("127.0.0.1:0");
    node.open_plain();
    let (_, told) = send(&node, OPTIONS).await;
    assert!(told.ends_with("OPTIONS * tls=false"), "there is no certificate: {told}");
    node.open_web();
    let with_body = "POST /count HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: TLS/1.0\r\n\
                     content-length: 5\r\n\r\nhello";
    let (_, told) = send(&node, with_body).await;
    assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("5"), "its body is out already: {told}");
    for other in ["upgrade: websocket\r\nconnection: upgrade", "upgrade: TLS/1.0", "connection: upgrade"] {
        let (_, told) = send(&node, &format!("GET /secret HTTP/1.1\r\nhost: x\r\n{other}\r\n\r\n")).await;
        assert!(told.ends_with("GET /secret tls=false"), "{other}: {told}");
    }
    let mut nonsense = send(&node, OPTIONS).await.0;
    nonsense.write_all(b"GET /secret HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let seen = node.requests();
    assert!(closes_within(&mut nonsense, SOON).await, "whoever does not shake hands then is shown out");
    assert_eq!(node.requests(), seen, "and nothing of it was answered");
}

#[tokio::test]
async fn whoever_waits_to_be_told_to_go_on_is_told() {
    let node = Node::start("127.0.0.1:0");
    node.open_plain();
    let head =
        "POST /count HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n";
    let (mut stream, told) = send(&node, head).await;
    assert!(told.starts_with("HTTP/1.1 100"), "{told}");
    stream.write_all(b"5\r\nhello\r\n0\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream).await.ends_with("5"));
    let (_, told) = send(&node, &head.replace("/count", "/refuse")).await;
    assert!(told.starts_with("HTTP/1.1 403") || told.starts_with("HTTP/1.1 100"), "{told}");
}

#[tokio::test]
async fn a_plain_visitor_is_held_to_the_same_limits_as_others() {
    let limits = Limits {
        header: Duration::from_millis(500),
        handshake: Duration::from_millis(500),
        stall: Duration::from_millis(700),
        ..Limits::default()
    };
    let node = Node::with_limits("127.0.0.1:0", limits);
    node.open_plain();
    node.open_web();
    let mut silent = plain(&node).await;
    assert!(closes_within(&mut silent, SOON).await, "one that says nothing");
    let mut slow = plain(&node).await;
    let started = Instant::now();
    while slow.write_all(b"G").await.is_ok() {
        assert!(started.elapsed() < SOON, "still open after {:?}", started.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    let (_, told) =
        send(&node, &format!("GET /secret HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20_000))).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
    let stalled = "POST /hash HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf";
    let (_, told) = send(&node, stalled).await;
    assert!(told.starts_with("HTTP/1.1 408"), "a body that stops: {told}");
    let (mut never, told) = send(&node, OPTIONS).await;
    assert!(told.starts_with("HTTP/1.1 101"), "{told}");
    assert!(closes_within(&mut never, SOON).await, "one that does not shake hands after all");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn plain_visitors_are_counted_with_the_others() {
    let node = Node::start("127.0.0.1:0");
    node.open_plain();
    let browser = browser(&node.open_web(), &TLS13, &[]);
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut stream = connect("127.0.0.9", node.address).await.unwrap();
        stream.write_all(b"GET /secret HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        if answer_begins(&mut stream).await {
            kept.push(stream);
        }
    }
    assert_eq!(kept.len(), 16, "from one address");
    let stream = connect("127.0.0.9", node.address).await.unwrap();
    TlsConnector::from(browser).connect(WEB_NAME.try_into().unwrap(), stream).await.unwrap_err();
    let mut known = node.raw("127.0.0.9").await;
    assert_eq!(ask(&mut known, "/who").await, "HTTP/1.1 200", "and nodes are not");
}

#[cfg(target_os = "linux")]
async fn answer_begins(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).await.is_ok() && &bytes == b"HTTP/1.1 200"
}
