//! Stopping a listener.

use crate::node::{Node, SOON, closes_within, connect, get, text};
use lanyard_link::{Listener, body::Lines};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn cancelling_closes_idle_connections_and_streams_and_the_port() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let watch = peers.request(node.id(), get("/watch"), SOON).await.unwrap();
    let mut lines = Lines::new(watch.into_body(), 100);
    lines.next().await.unwrap().unwrap();
    let mut idle = node.raw("127.0.0.1").await;
    let mut unshaken = connect("127.0.0.1", node.address).await.unwrap();
    let address = node.address;
    let started = Instant::now();
    timeout(SOON, node.stop()).await.expect("the listener does not stop");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(closes_within(&mut idle, Duration::from_secs(1)).await);
    assert!(closes_within(&mut unshaken, Duration::from_secs(1)).await);
    while lines.next().await.is_ok_and(|line| line.is_some()) {
        assert!(started.elapsed() < SOON, "the stream goes on");
    }
    connect("127.0.0.1", address).await.unwrap_err();
    Listener::bind(address).expect("the port is free again");
}

#[tokio::test]
async fn a_request_under_way_may_end_first() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let (id, cancel) = (node.id(), node.cancel.clone());
    let asking = tokio::spawn(async move { peers.request(id, get("/after/500"), SOON).await });
    while node.requests() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    assert_eq!(text(asking.await.unwrap().unwrap()).await, "at last");
    timeout(Duration::from_secs(1), node.running).await.expect("nothing keeps it any more").unwrap();
}

#[tokio::test]
async fn dropping_the_future_closes_everything_at_once() {
    let node = Node::start("127.0.0.1:0");
    let mut idle = node.raw("127.0.0.1").await;
    node.running.abort();
    assert!(closes_within(&mut idle, Duration::from_secs(1)).await);
}

#[tokio::test]
async fn dropping_the_peers_closes_their_connections() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let watch = peers.request(node.id(), get("/watch"), SOON).await.unwrap();
    drop(peers);
    let mut lines = Lines::new(watch.into_body(), 100);
    let to_the_end = async { while lines.next().await.is_ok_and(|line| line.is_some()) {} };
    timeout(Duration::from_secs(1), to_the_end).await.expect("the stream goes on");
}

#[tokio::test]
async fn two_listeners_never_share_a_port() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let first = Listener::bind(address.parse().unwrap()).unwrap();
        let error = Listener::bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    }
    // The same port on each of our addresses.
    let four = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = four.local_addr().unwrap().port();
    Listener::bind(format!("[::]:{port}").parse().unwrap()).expect("IPv6 leaves IPv4 alone");
}
