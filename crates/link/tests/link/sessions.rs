//! Cutting a device off.

use crate::node::{ALONE, Node, SOON, get, hash, pieces, request};
use http::Method;
use http_body_util::BodyExt;
use lanyard_link::{Incoming, body::Lines};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::sleep};

const AT_ONCE: Duration = Duration::from_millis(100);

/// Reads until the body breaks off, and tells when that was.
fn read_to_the_break(mut body: Incoming) -> JoinHandle<Instant> {
    tokio::spawn(async move {
        loop {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return Instant::now(),
                None => panic!("the body came to its end"),
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_cut_off_gets_no_more_of_a_long_answer_and_others_go_on() {
    let _alone = ALONE.lock().await;
    let node = Node::start("127.0.0.1:0");
    let ((removed, gone, _a), (other, _b)) = (node.caller_with_id(), node.caller());
    let kept = other.request(node.id(), get("/pieces/1600"), SOON).await.unwrap();
    let kept = tokio::spawn(hash(kept.into_body()));
    let endless = removed.request(node.id(), get("/zeros/100000000"), SOON).await.unwrap();
    let reading = read_to_the_break(endless.into_body());
    let watch = removed.request(node.id(), get("/watch"), SOON).await.unwrap();
    let watching = read_to_the_break(watch.into_body());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(node.doors.sessions().count(&gone), 2);
    let closed = Instant::now();
    assert_eq!(node.doors.sessions().close(&gone), 2);
    for ended in [reading.await.unwrap(), watching.await.unwrap()] {
        let after = ended.duration_since(closed);
        println!("cut after {after:?}");
        assert!(after < AT_ONCE, "it went on for {after:?}");
    }
    assert_eq!(kept.await.unwrap().unwrap().0, 1600 * 64 * 1024, "the other device's copy is whole");
    let again = removed.request(node.id(), get("/who"), SOON).await.unwrap();
    assert_eq!(again.status(), 200, "who may come back is for others to say");
}

#[tokio::test]
async fn what_a_cut_off_device_is_sending_breaks_off_and_the_handler_is_told() {
    let node = Node::start("127.0.0.1:0");
    let (peers, gone, _dir) = node.caller_with_id();
    let (body, sent) = pieces(1 << 40);
    let id = node.id();
    let sending = tokio::spawn(async move {
        peers.request(id, request(Method::PUT, "/hash", body), SOON).await.unwrap_err()
    });
    while node.requests() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let closed = Instant::now();
    assert_eq!(node.doors.sessions().close(&gone), 1);
    sending.await.unwrap();
    assert_eq!(sent.await, "nobody took it");
    while node.seen.broken_requests.load(Ordering::SeqCst) == 0 {
        assert!(closed.elapsed() < SOON, "the handler was not told");
        sleep(Duration::from_millis(5)).await;
    }
    while node.doors.sessions().count(&gone) > 0 {
        assert!(closed.elapsed() < SOON, "the connection is still counted");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Without taking back what the system has buffered, a reader who takes his time would be served for minutes.
#[tokio::test]
async fn what_was_on_its_way_to_a_cut_off_device_is_taken_back() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let node = Node::start("127.0.0.1:0");
    let (caller, _dir) = crate::node::identity();
    let mut stream = node.try_raw_as(&caller, "127.0.0.1").await.unwrap();
    stream.write_all(b"GET /zeros/1000 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    // Long enough for every buffer between the two to fill.
    sleep(Duration::from_millis(500)).await;
    assert_eq!(node.doors.sessions().close(&caller.node_id()), 1);
    sleep(Duration::from_millis(100)).await;
    let mut taken = 0;
    let mut bytes = vec![0; 64 * 1024];
    let error = loop {
        match stream.get_mut().0.read(&mut bytes).await {
            Ok(0) => panic!("it ended as if that were all, after {taken} bytes"),
            Ok(read) => taken += read,
            Err(error) => break error,
        }
    };
    println!("{taken} bytes had arrived before");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_forgotten_device_is_not_read_from_any_more() {
    let _alone = ALONE.lock().await;
    let node = Node::start("127.0.0.1:0");
    let (peers, _dir) = node.caller();
    let endless = peers.request(node.id(), get("/zeros/100000000"), SOON).await.unwrap();
    let reading = read_to_the_break(endless.into_body());
    let watch = peers.request(node.id(), get("/watch"), SOON).await.unwrap();
    let mut lines = Lines::new(watch.into_body(), 100);
    lines.next().await.unwrap().unwrap();
    let forgotten = Instant::now();
    peers.forget(&node.id());
    let after = reading.await.unwrap().duration_since(forgotten);
    assert!(after < AT_ONCE, "it went on for {after:?}");
    while lines.next().await.is_ok_and(|line| line.is_some()) {
        assert!(forgotten.elapsed() < SOON, "the stream goes on");
    }
}
