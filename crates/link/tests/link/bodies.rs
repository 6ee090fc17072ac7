//! What comes through whole, and what is told when it does not.

use crate::node::{Node, SOON, get, hash, request, text};
use bytes::Bytes;
use http::{Method, header};
use http_body_util::BodyExt;
use lanyard_link::body::{self, Incoming, Lines, ReadError};
use std::{io::Write, sync::atomic::Ordering, time::Duration};
use tokio::time::timeout;

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_a_short_body() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    // Whether the header still comes is a matter of luck.
    if let Ok(response) = peers.request(node.id(), get("/broken"), SOON).await {
        hash(response.into_body()).await.unwrap_err();
    }
    let (sender, body) = body::channel(1);
    let (seen, so_far) = (node.seen.clone(), node.requests());
    tokio::spawn(async move {
        sender.send("half of i").await.unwrap();
        while seen.requests.load(Ordering::SeqCst) == so_far {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let answer = peers.request(node.id(), request(Method::PUT, "/hash", body), SOON).await;
    assert!(answer.is_err(), "the connection is broken off");
    for _ in 0..100 {
        if node.seen.broken_requests.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the handler was not told");
}

#[tokio::test]
async fn a_part_of_a_file_is_sent_with_its_length() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let mut file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    file.write_all(&content).unwrap();
    for (offset, length) in [(0, 3_000_000), (1, 262_144), (2_999_999, 1), (17, 1_000_000), (5, 0)] {
        let part = &content[offset..offset + length];
        let body = body::file(file.try_clone().unwrap(), offset as u64, length as u64);
        let response = peers.request(node.id(), request(Method::PUT, "/hash", body), SOON).await.unwrap();
        assert_eq!(text(response).await, format!("{length} {}", blake3::hash(part)));
    }
}

#[tokio::test]
async fn an_answer_that_falls_silent_ends_after_30_s_unless_it_may_be_quiet_for_longer() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let answer = async || peers.request(node.id(), get("/quiet"), SOON).await.unwrap().into_body();
    let ends_within = async |body: &mut Incoming, seconds| {
        let ended = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
        timeout(Duration::from_secs(seconds), ended).await.is_ok()
    };
    let mut usual = answer().await;
    let mut quiet = answer().await.quiet_for(Duration::from_secs(180));
    // From here on the clock jumps to whatever is waited for.
    tokio::time::pause();
    assert!(!ends_within(&mut usual, 25).await);
    assert!(ends_within(&mut usual, 10).await);
    assert!(!ends_within(&mut quiet, 170).await);
    assert!(ends_within(&mut quiet, 20).await);
}

#[tokio::test]
async fn a_file_that_became_shorter_breaks_off() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 1000]).unwrap();
    let body = body::file(file, 0, 1001);
    let answer = peers.request(node.id(), request(Method::PUT, "/hash", body), SOON).await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_its_deadline() {
    let made = |text: &'static str| Incoming::from(body::full(text));
    assert_eq!(body::read(made("12345"), 5, SOON).await.unwrap(), "12345");
    assert!(matches!(body::read(made("123456"), 5, SOON).await, Err(ReadError::TooLarge { limit: 5 })));
    assert_eq!(body::read_json::<Vec<u8>, _>(made("[1,2]"), 5, SOON).await.unwrap(), [1, 2]);
    let error = body::read_json::<Vec<u8>, _>(made("[1,"), 5, SOON).await.unwrap_err();
    assert!(matches!(error, ReadError::NotJson(_)), "{error}");

    let (sender, endless) = body::channel(1);
    let sending = tokio::spawn(async move { while sender.send("more and more ").await.is_ok() {} });
    let error = body::read(endless, 1000, SOON).await.unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { .. }), "{error}");
    sending.await.unwrap();

    let (_sender, silent) = body::channel(1);
    let error = body::read(silent, 1000, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, ReadError::Timeout), "{error}");
}

#[tokio::test]
async fn lines_come_one_by_one_however_they_were_cut() {
    let (sender, body) = body::channel(16);
    for part in ["{\"a\":1}\n{\"a\"", ":2}\n", "\n", "not json\n{\"a\":3}"] {
        sender.send(Bytes::from(part)).await.unwrap();
    }
    sender.finish().await.unwrap();
    let mut lines = Lines::new(body.into(), 20);
    assert_eq!(lines.next().await.unwrap().unwrap(), "{\"a\":1}");
    assert_eq!(lines.next_json::<serde_json::Value>().await.unwrap().unwrap()["a"], 2);
    assert_eq!(lines.next().await.unwrap().unwrap(), "");
    let error = lines.next_json::<serde_json::Value>().await.unwrap_err();
    assert!(matches!(error, ReadError::NotJson(_)), "{error}");
    assert_eq!(lines.next_json::<serde_json::Value>().await.unwrap().unwrap()["a"], 3);
    assert_eq!(lines.next().await.unwrap(), None);

    let mut long = Lines::new(body::full(vec![b'x'; 21]).into(), 20);
    assert!(matches!(long.next().await, Err(ReadError::TooLarge { limit: 20 })));
}

#[tokio::test]
async fn an_answer_of_known_length_says_so() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let response = peers.request(node.id(), get("/refuse"), SOON).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "11");
}
