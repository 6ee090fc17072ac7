//! What strangers do, and what it must not cost the others.

use crate::node::{Node, SOON, ask, closes_within, connect, get, text};
use lanyard_link::Limits;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

fn strict() -> Limits {
    Limits {
        handshake: Duration::from_millis(500),
        header: Duration::from_millis(500),
        stall: Duration::from_secs(1),
        ..Limits::default()
    }
}

#[tokio::test]
async fn who_does_not_shake_hands_is_cut() {
    let node = Node::with_limits("127.0.0.1:0", strict());
    let mut silent = connect("127.0.0.1", node.address).await.unwrap();
    let started = Instant::now();
    assert!(closes_within(&mut silent, SOON).await);
    assert!(started.elapsed() >= Duration::from_millis(400), "not before its time");
    let mut wrong = connect("127.0.0.1", node.address).await.unwrap();
    wrong.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(closes_within(&mut wrong, SOON).await);
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_cut() {
    let node = Node::with_limits("127.0.0.1:0", strict());
    let mut stream = node.raw("127.0.0.1").await;
    let started = Instant::now();
    while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
        assert!(started.elapsed() < SOON, "still open after {:?}", started.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.requests(), 0);
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let node = Node::start("127.0.0.1:0");
    for header in ["x: y\r\n".repeat(65), format!("x: {}\r\n", "y".repeat(20_000))] {
        let mut stream = node.raw("127.0.0.1").await;
        let _ = stream.write_all(format!("GET /who HTTP/1.1\r\nhost: x\r\n{header}\r\n").as_bytes()).await;
        let mut answer = vec![0; 12];
        if stream.read_exact(&mut answer).await.is_ok() {
            assert_eq!(answer, b"HTTP/1.1 431");
        }
    }
    assert_eq!(node.requests(), 0);
}

#[tokio::test]
async fn a_body_of_one_byte_a_moment_is_cut_and_the_handler_is_told() {
    let node = Node::with_limits("127.0.0.1:0", strict());
    let mut stream = node.raw("127.0.0.1").await;
    stream.write_all(b"PUT /hash HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
    let started = Instant::now();
    while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(8), "still open after {:?}", started.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(started.elapsed() >= Duration::from_millis(900), "cut after {:?} already", started.elapsed());
    assert_eq!(node.seen.broken_requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_asks_for_much_and_takes_nothing_or_next_to_nothing_is_cut() {
    let node = Node::with_limits("127.0.0.1:0", strict());
    for (at, bytes_at_a_time) in [(1, 0), (2, 16)] {
        let mut stream = node.raw("127.0.0.1").await;
        assert_eq!(ask(&mut stream, "/pieces/10000").await, "HTTP/1.1 200");
        let started = Instant::now();
        while node.seen.broken_answers.load(Ordering::SeqCst) < at {
            assert!(started.elapsed() < Duration::from_secs(8), "still being served");
            let _ = stream.get_mut().0.try_read(&mut vec![0; bytes_at_a_time]);
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_request_only() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    for _ in 0..3 {
        let response = peers.request(node.id(), get("/panic"), SOON).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(text(response).await, "internal error", "nothing is told about the inside");
        assert_eq!(peers.request(node.id(), get("/who"), SOON).await.unwrap().status(), 200);
    }
}

/// Runs itself again as a process that may open only few files.
#[cfg(unix)]
#[tokio::test]
async fn running_out_of_descriptors_does_not_stop_the_listener() {
    let output = tokio::process::Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 64 && exec \"$0\" --exact hostile::with_few_descriptors --ignored --nocapture")
        .arg(std::env::current_exe().unwrap())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "not a test: run by the one above with few descriptors"]
async fn with_few_descriptors() {
    let node = Node::start("127.0.0.1:0");
    let mut open = Vec::new();
    // Each connection takes two, one at either end.
    while let Ok(stream) = connect("127.0.0.1", node.address).await {
        assert!(open.len() < 100, "descriptors are not limited");
        open.push(stream);
    }
    sleep(Duration::from_millis(500)).await;
    assert!(!node.running.is_finished(), "the listener gave up");
    drop(open);
    let (peers, _dir) = node.caller();
    let started = Instant::now();
    while peers.request(node.id(), get("/who"), SOON).await.is_err() {
        assert!(started.elapsed() < SOON, "it does not accept again");
        sleep(Duration::from_millis(50)).await;
    }
}
