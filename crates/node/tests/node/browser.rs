//! The browser door, spoken to in raw bytes: what it refuses, and what it lets through.

use crate::start;
use lanyard_api::{Request, Response};
use lanyard_node::Node;
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Door {
    port: u16,
    token: String,
}

impl Door {
    async fn open(node: &Node) -> Self {
        let Response::Link(link) = node.handle(Request::BrowserLink).await.unwrap() else { panic!() };
        let rest = link.strip_prefix("http://127.0.0.1:").expect(&link);
        let (port, token) = rest.split_once("/#token=").expect(&link);
        assert_eq!(token.len(), 32, "128 bits");
        Self { port: port.parse().unwrap(), token: token.to_owned() }
    }

    /// The status and the whole answer to a request with these header lines.
    async fn send(&self, head: &str, headers: &[&str], body: &[u8]) -> (u16, String) {
        let mut request = format!("{head} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("Connection: close\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // A refusal may come before all of a large body went out.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(10), reading).await.expect("an answer comes");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}", self.port)
    }

    fn token(&self) -> String {
        format!("X-Lanyard-Token: {}", self.token)
    }
}

const JSON: &str = "Content-Type: application/json";
const ASK: &[u8] = br#"{"do":"status"}"#;

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("uploads")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_that_was_opened_by_a_link_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let (host, token) = (door.host(), door.token());

    let (status, answer) = door.send("POST /rpc", &[&host, &token, JSON], ASK).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#"{"ok":{"is":"status""#), "{answer}");
    let lower = answer.to_lowercase();
    for header in ["content-security-policy: default-src 'self'", "x-content-type-options: nosniff"] {
        assert!(lower.contains(header), "{header} is missing in {answer}");
    }
    assert!(!lower.contains("access-control"), "no CORS: {answer}");

    let origin = format!("Origin: http://127.0.0.1:{}", door.port);
    assert_eq!(door.send("POST /rpc", &[&host, &token, JSON, &origin], ASK).await.0, 200);

    let wrong = format!("X-Lanyard-Token: {}", "0".repeat(32));
    let query = format!("POST /rpc?token={}", door.token);
    for (expected, head, headers) in [
        (401, "POST /rpc", vec![host.as_str(), JSON]),
        (401, "POST /rpc", vec![&host, JSON, &wrong]),
        (401, query.as_str(), vec![&host, JSON]),
        (421, "POST /rpc", vec!["Host: evil.example", &token, JSON]),
        (421, "GET /", vec!["Host: evil.example"]),
        (403, "POST /rpc", vec![&host, &token, JSON, "Origin: http://evil.example"]),
        (403, "POST /rpc", vec![&host, &token, JSON, "Origin: null"]),
        (403, "POST /rpc", vec![&host, &token, JSON, "Sec-Fetch-Site: cross-site"]),
        (415, "POST /rpc", vec![&host, &token, "Content-Type: application/x-www-form-urlencoded"]),
        (415, "POST /rpc", vec![&host, &token, "Content-Type: text/plain"]),
        (401, "OPTIONS /rpc", vec![&host, "Access-Control-Request-Method: POST"]),
        (405, "GET /rpc", vec![&host, &token]),
        (405, "POST /", vec![&host, &token]),
    ] {
        let (status, answer) = door.send(head, &headers, ASK).await;
        assert_eq!(status, expected, "{head} {headers:?}: {answer}");
        assert!(!answer.contains("check_words"), "nothing is told: {answer}");
    }
    node.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", door.port)).await.is_err(), "the door goes with the node");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_long_or_makes_no_sense_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let (host, token) = (door.host(), door.token());
    for (expected, body) in [
        (400, b"{}".to_vec()),
        (400, br#"{"do":"explode"}"#.to_vec()),
        (400, b"[".repeat(10_000)),
        (413, vec![b' '; 2 << 20]),
    ] {
        let (status, answer) = door.send("POST /rpc", &[&host, &token, JSON], &body).await;
        assert_eq!(status, expected, "{} bytes: {answer}", body.len());
    }
    assert_eq!(door.send("POST /rpc", &[&host, &token, JSON], ASK).await.0, 200, "the node goes on");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_kept_whole_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let (host, token) = (door.host(), door.token());
    let body = vec![7; 300_000];
    let (status, answer) =
        door.send("POST /upload?name=%2Ftmp%2Fa+letter.pdf", &[&host, &token], &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""name":"a letter.pdf""#) && answer.contains(r#""bytes":300000"#), "{answer}");
    assert_eq!(files(data.path()), 1);

    assert_eq!(door.send("POST /upload", &[&host, &token], &body).await.0, 400, "without a name");
    assert_eq!(door.send("POST /upload?name=x", &[&host], &body).await.0, 401);

    // More than any disk here has: refused before a byte is read.
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let head = format!(
        "POST /upload?name=big HTTP/1.1\r\n{host}\r\n{token}\r\nContent-Length: {}\r\n\r\n",
        u64::MAX / 4
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("507"), "{}", String::from_utf8_lossy(&answer));

    // One that breaks off leaves nothing.
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let head =
        format!("POST /upload?name=x HTTP/1.1\r\n{host}\r\n{token}\r\nContent-Length: 1000\r\n\r\nabc");
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if files(data.path()) == 1 {
            break;
        }
    }
    assert_eq!(files(data.path()), 1, "only the whole one is there");
    node.stop().await;
    let node = start(data.path()).await;
    assert_eq!(files(data.path()), 0, "nothing is left over from an earlier run");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_needs_a_drive_that_is_there() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let (host, token) = (door.host(), door.token());
    let (status, answer) = door.send("GET /download?drive=music&path=a", &[&host, &token], b"").await;
    assert!((400..500).contains(&status), "{answer}");
    assert!(answer.contains(r#"{"error":"#), "{answer}");
    assert_eq!(door.send("GET /download?drive=music", &[&host, &token], b"").await.0, 400);
    assert_eq!(door.send("GET /download?drive=music&path=a", &[&host], b"").await.0, 401);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_its_header_byte_by_byte_is_cut_off() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let drip = async {
        for byte in b"POST /rpc HTTP/1.1\r\nHost: x".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            let mut answer = [0; 64];
            if let Ok(Ok(0)) =
                tokio::time::timeout(Duration::from_millis(250), stream.read(&mut answer)).await
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), drip).await.expect("the connection is closed");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_browser_start_with_the_snapshot() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let door = Door::open(&node).await;
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let head = format!("GET /events HTTP/1.1\r\n{}\r\n{}\r\n\r\n", door.host(), door.token());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    let reading = async {
        while !text.contains(r#""what":"snapshot""#) {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            assert_ne!(read, 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap();
    assert!(text.to_lowercase().contains("content-type: application/x-ndjson"), "{text}");
    node.stop().await;
}
