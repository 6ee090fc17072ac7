//! Requests between two nodes that mean well.

use crate::node::{Node, SOON, get, hash, identity, pieces, request, text};
use http::{Method, StatusCode};
use lanyard_link::{Limits, LinkError, Listener, Peers, body};
use std::{
    io::Write,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn a_request_tells_who_sent_it_and_its_answer_comes_back_over_both_protocols() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let node = Node::start(address);
        let (identity, _dir) = identity();
        let peers = Peers::new(identity.clone());
        let greeted = peers.greet(&[node.address]).await.unwrap();
        assert_eq!((greeted.node, greeted.address), (node.id(), node.address));
        assert_eq!(peers.addresses(&node.id()), [node.address], "the address is learnt");
        let response = peers.request(node.id(), get("/who"), SOON).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let who: (String, String, String) = serde_json::from_str(&text(response).await).unwrap();
        let local = greeted.local.to_string();
        assert_eq!(
            who,
            (identity.node_id().to_string(), local, node.address.to_string()),
            "the greeting's own connection is used"
        );
    }
}

/// The laboratory runs this where there is a link; elsewhere it says that it did not look.
#[tokio::test]
async fn a_link_local_address_works_with_its_scope() {
    let link_local = if_addrs::get_if_addrs().unwrap().into_iter().find_map(|interface| {
        let IpAddr::V6(address) = interface.ip() else { return None };
        let scope = interface.index.filter(|_| address.is_unicast_link_local())?;
        Some(SocketAddr::V6(SocketAddrV6::new(address, 0, 0, scope)))
    });
    let Some(address) = link_local else {
        return println!("skipped: no interface here has a link-local IPv6 address");
    };
    let node = Node::run(identity().0, Listener::bind(address).unwrap(), Limits::default());
    let (peers, _dir) = node.caller();
    let response = peers.request(node.id(), get("/who"), SOON).await.unwrap();
    let who: (String, String, String) = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(who.2, node.address.to_string(), "the scope is part of the address: {address}");
}

#[tokio::test]
async fn two_hundred_megabytes_arrive_as_they_were_sent_in_both_directions() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let count = 200 * 16;
    let (body, sent) = pieces(count);
    let started = Instant::now();
    let response = peers.request(node.id(), request(Method::PUT, "/hash", body), SOON).await.unwrap();
    let up = started.elapsed();
    let expected = sent.await;
    assert_eq!(text(response).await, format!("{} {expected}", 200 << 20));
    let started = Instant::now();
    let response = peers.request(node.id(), get(&format!("/pieces/{count}")), SOON).await.unwrap();
    assert_eq!(hash(response.into_body()).await, Ok((200 << 20, expected)));
    println!("200 MiB: up {up:?}, down {:?}", started.elapsed());
}

#[tokio::test]
async fn dead_and_foreign_addresses_cost_a_moment_and_not_a_timeout() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let stranger = Node::start("127.0.0.1:0");
    // Accepts, but never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for first in [mute.local_addr().unwrap(), closed, stranger.address, "192.0.2.1:9".parse().unwrap()] {
        let (peers, _dir) = node.caller();
        peers.learn(node.id(), vec![first, node.address]);
        let started = Instant::now();
        let response = peers.request(node.id(), get("/who"), SOON).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(started.elapsed() < Duration::from_secs(2), "{first} cost {:?}", started.elapsed());
        assert_eq!(peers.addresses(&node.id()), [node.address, first], "what works comes first");
        peers.learn(node.id(), vec![first, node.address]);
        assert_eq!(peers.addresses(&node.id()), [node.address, first], "and stays first");
    }
    assert_eq!(stranger.requests(), 0);
    drop(peers);
}

#[tokio::test]
async fn another_device_at_the_address_gets_nothing() {
    let (right, wrong) = (Node::start("127.0.0.1:0"), Node::start("127.0.0.1:0"));
    let (peers, _dir) = right.caller();
    peers.learn(right.id(), vec![wrong.address]);
    let error = peers.request(right.id(), get("/who"), SOON).await.unwrap_err();
    assert!(matches!(error, LinkError::OtherDevice), "{error}");
    assert_eq!(wrong.requests(), 0);
}

#[tokio::test]
async fn a_device_that_is_nowhere_is_unreachable_in_time() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    peers.learn(node.id(), vec![]);
    let error = peers.request(node.id(), get("/who"), SOON).await.unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { tried: 0 }), "{error}");
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    peers.learn(node.id(), vec![mute.local_addr().unwrap()]);
    let started = Instant::now();
    let soon = Duration::from_millis(500);
    let error = peers.request(node.id(), get("/who"), soon).await.unwrap_err();
    assert!(matches!(error, LinkError::Timeout), "{error}");
    let error = peers.greet(&[mute.local_addr().unwrap()]).await.unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { tried: 1 }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_deadline_is_for_the_answer_and_not_for_a_long_body() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let deadline = Duration::from_millis(400);
    let started = Instant::now();
    let error = peers.request(node.id(), get("/never"), deadline).await.unwrap_err();
    assert!(matches!(error, LinkError::Timeout), "{error}");
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    let (sender, body) = body::channel(1);
    let sending = tokio::spawn(async move {
        for _ in 0..10 {
            sender.send("slowly ").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        sender.finish().await.unwrap();
    });
    let response = peers.request(node.id(), request(Method::PUT, "/hash", body), deadline).await.unwrap();
    assert!(text(response).await.starts_with("70 "));
    sending.await.unwrap();
}

#[tokio::test]
async fn a_way_that_is_warmed_is_there_before_the_request() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    peers.warm(node.id()).await.unwrap();
    // The request finds a connection where no new one can be made.
    peers.learn(node.id(), vec![]);
    assert_eq!(peers.request(node.id(), get("/who"), SOON).await.unwrap().status(), 200);
    peers.forget(&node.id());
    assert!(matches!(peers.warm(node.id()).await, Err(LinkError::Unreachable { tried: 0 })));
}

#[tokio::test]
async fn connections_are_used_again_and_a_stream_delays_nobody() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let from = async |path: &str| {
        let response = peers.request(node.id(), get(path), SOON).await.unwrap();
        let who: (String, String, String) = serde_json::from_str(&text(response).await).unwrap();
        who.1
    };
    let first = from("/who").await;
    assert_eq!(from("/who").await, first, "the connection is kept");
    let watch = peers.request(node.id(), get("/watch"), SOON).await.unwrap();
    let mut lines = body::Lines::new(watch.into_body(), 100);
    assert_eq!(lines.next_json::<u64>().await.unwrap(), Some(0));
    let second = from("/who").await;
    assert_ne!(second, first, "the stream has the first one for itself");
    assert_eq!(from("/who").await, second);
    assert_eq!(lines.next_json::<u64>().await.unwrap(), Some(1), "the stream goes on");
    drop(lines);
    for _ in 0..100 {
        if node.seen.broken_answers.load(Ordering::SeqCst) == 1 {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("dropping the answer did not end it at the other side");
}

#[tokio::test]
async fn many_requests_at_once_all_get_their_own_answer() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let requests = (0..200).map(|at| {
        let (peers, node) = (peers.clone(), node.id());
        tokio::spawn(async move {
            let text_sent = format!("request {at}");
            let expected = format!("{} {}", text_sent.len(), blake3::hash(text_sent.as_bytes()));
            let put = request(Method::PUT, "/hash", body::full(text_sent));
            let response = peers.request(node, put, Duration::from_secs(20)).await.unwrap();
            assert_eq!(text(response).await, expected);
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_was_started_again_on_its_port_is_reached_at_once() {
    let mut node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    for _ in 0..3 {
        let response = peers.request(node.id(), get("/who"), SOON).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        text(response).await;
        let address = node.address;
        let identity = node.stop().await;
        node = Node::run(identity, Listener::bind(address).unwrap(), Limits::default());
    }
    let post = request(Method::POST, "/hash", body::full("x"));
    let response = peers.request(node.id(), post, SOON).await.unwrap();
    assert!(text(response).await.starts_with("1 "));
}

#[tokio::test]
async fn a_kept_connection_that_dies_under_a_request_costs_a_repeat_only_where_that_is_safe() {
    // Answers the first request of each connection, and hangs up on the second after having read it.
    let (identity, _dir) = identity();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hung_up = Arc::new(AtomicUsize::new(0));
    let (tls, count) = (TlsAcceptor::from(identity.server_config()), hung_up.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = tls.accept(stream).await.unwrap();
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            stream.flush().await.unwrap();
            if stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let (caller, _dir) = crate::node::identity();
    let peers = Peers::new(caller);
    let node = identity.node_id();
    peers.learn(node, vec![address]);
    let send = async |method: Method| {
        peers.request(node, request(method, "/", body::full("x")), SOON).await.map(text)
    };
    assert_eq!(send(Method::PUT).await.unwrap().await, "ok");
    assert_eq!(send(Method::PUT).await.unwrap().await, "ok", "repeated on a new connection");
    assert_eq!(hung_up.load(Ordering::SeqCst), 1);
    let error = send(Method::POST).await.err().expect("a POST is never sent twice");
    assert!(matches!(error, LinkError::Broken(_)), "{error}");
    assert_eq!(hung_up.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_to_a_body_that_nobody_wants_arrives() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    for _ in 0..5 {
        let (body, sent) = pieces(100 * 16);
        let response = peers.request(node.id(), request(Method::PUT, "/refuse", body), SOON).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(text(response).await, "not for you");
        sent.await;
    }
}

#[tokio::test]
async fn a_forgotten_device_loses_its_connections_at_once() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let calling = {
        let (peers, node) = (peers.clone(), node.id());
        tokio::spawn(async move { peers.request(node, get("/never"), Duration::from_secs(60)).await })
    };
    while node.requests() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    peers.forget(&node.id());
    let error = calling.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Broken(_)), "{error}");
    let error = peers.request(node.id(), get("/who"), SOON).await.unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { tried: 0 }), "{error}");
}

#[tokio::test]
async fn no_more_than_sixteen_addresses_are_kept() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let many: Vec<SocketAddr> = (1..100).map(|port| SocketAddr::new(node.address.ip(), port)).collect();
    peers.learn(node.id(), many.iter().chain(&many).copied().collect());
    assert_eq!(peers.addresses(&node.id()), many[..16]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "not a test: a measurement, cargo test --release -p lanyard-link -- --ignored --nocapture throughput"]
async fn throughput() {
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let mut file = tempfile::tempfile().unwrap();
    for at in 0..(1u64 << 30) / (64 * 1024) {
        file.write_all(&crate::node::piece(at % 16)).unwrap();
    }
    for _ in 0..3 {
        let body = body::file(file.try_clone().unwrap(), 0, 1 << 30);
        let started = Instant::now();
        let response = peers.request(node.id(), request(Method::PUT, "/count", body), SOON).await.unwrap();
        assert_eq!(text(response).await, (1u64 << 30).to_string());
        let up = (1u64 << 30) as f64 / 1e6 / started.elapsed().as_secs_f64();
        let started = Instant::now();
        let response = peers.request(node.id(), get("/zeros/1024"), SOON).await.unwrap();
        assert_eq!(crate::node::count(response.into_body()).await, 1 << 30);
        let down = (1u64 << 30) as f64 / 1e6 / started.elapsed().as_secs_f64();
        println!("1 GiB: up from a file {up:.0} MB/s, down from memory {down:.0} MB/s");
    }
}
