//! A crowd at the port, and known devices that get through it. Each address of 127.0.0.0/8 counts as one of its own.
#![cfg(target_os = "linux")]

use crate::node::{ALONE, Node, SOON, ask, closes_within, connect, get, identity};
use lanyard_link::{Limits, Peers};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};

#[tokio::test]
async fn a_flood_from_one_address_does_not_stop_another() {
    let node = Node::start("127.0.0.1:0");
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(connect("127.0.0.2", node.address).await.unwrap());
    }
    let (peers, _dir) = node.caller();
    let started = Instant::now();
    assert_eq!(peers.request(node.id(), get("/who"), SOON).await.unwrap().status(), 200);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    if let Ok(mut stream) = node.try_raw("127.0.0.2").await {
        assert!(closes_within(&mut stream, Duration::from_secs(1)).await, "the flooder has no more place");
    }
    assert_eq!(node.requests(), 1);
}

#[tokio::test]
async fn of_two_thousand_connections_those_that_prove_nothing_keep_two_thirds_of_the_places() {
    let limits = Limits { handshake: Duration::from_secs(60), ..Limits::default() };
    let node = Node::with_limits("127.0.0.1:0", limits);
    let mut open = Vec::new();
    for at in 0..2000 {
        open.push(connect(&format!("127.0.1.{}", 1 + at % 100), node.address).await.unwrap());
        if at % 100 == 99 {
            open = still_open(open).await;
        }
    }
    assert!((170..=186).contains(&open.len()), "170 and up to 16 in haste, but {}", open.len());
    sleep(Duration::from_millis(2200)).await;
    open = still_open(open).await;
    assert_eq!(open.len(), 170);
    let (stranger, _a) = node.caller();
    stranger.request(node.id(), get("/who"), SOON).await.unwrap_err();
    let (known, id, _b) = node.caller_with_id();
    node.known.lock().unwrap().insert(id);
    assert_eq!(known.request(node.id(), get("/who"), SOON).await.unwrap().status(), 200);
    drop(open);
    let started = Instant::now();
    while stranger.request(node.id(), get("/who"), SOON).await.is_err() {
        assert!(started.elapsed() < SOON, "the places were not given back");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn still_open(streams: Vec<TcpStream>) -> Vec<TcpStream> {
    sleep(Duration::from_millis(100)).await;
    let is_open = |stream: &TcpStream| matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    streams.into_iter().filter(is_open).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_device_gets_through_two_thousand_sockets_from_one_address() {
    known_devices_get_through(|_| "127.0.0.2".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_device_gets_through_two_thousand_sockets_from_a_hundred_addresses() {
    // It has to find its moment among them, and a connection that the system drops is tried again after 1 s only.
    known_devices_get_through(|at| format!("127.0.2.{}", 1 + at % 100)).await;
}

/// A known device that is still waiting after this long is shut out. What it takes is printed: on a computer that
/// does nothing else it is a fraction of a second, and 4,000 ends of connections in one process are not that.
const SHUT_OUT: Duration = Duration::from_secs(15);

/// Half of the sockets say nothing, half shake hands and then dribble a header. Whoever is cut comes again.
async fn known_devices_get_through(source: fn(usize) -> String) {
    let _alone = ALONE.lock().await;
    allow_many_descriptors(5000);
    let node = Arc::new(Node::start("127.0.0.1:0"));
    let (known, _dir) = identity();
    node.known.lock().unwrap().insert(known.node_id());
    let before = memory();
    let connected = Arc::new(AtomicUsize::new(0));
    let (stranger, _stranger_dir) = identity();
    let flood: Vec<_> = (0..2000)
        .map(|at| {
            let (node, connected, stranger) = (node.clone(), connected.clone(), stranger.clone());
            tokio::spawn(async move {
                loop {
                    if at % 2 == 0 {
                        if let Ok(mut silent) = connect(&source(at), node.address).await {
                            connected.fetch_add(1, Ordering::Relaxed);
                            closes_within(&mut silent, Duration::from_secs(60)).await;
                        }
                    } else if let Ok(mut slow) = node.try_raw_as(&stranger, &source(at)).await {
                        connected.fetch_add(1, Ordering::Relaxed);
                        while slow.write_all(b"x").await.is_ok() && slow.flush().await.is_ok() {
                            sleep(Duration::from_millis(250)).await;
                        }
                    }
                    // Not all at the same moment.
                    sleep(Duration::from_millis(2000 + at as u64)).await;
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let (mut slowest, mut turned_away) = (Duration::ZERO, 0);
    for _ in 0..10 {
        // From an address of its own, and from one that the crowd uses.
        let started = Instant::now();
        let peers = Peers::new(known.clone());
        peers.learn(node.id(), vec![node.address]);
        let elsewhere = async {
            while peers.request(node.id(), get("/who"), SOON).await.is_err() {
                turned_away += 1;
                sleep(Duration::from_millis(150)).await;
            }
        };
        timeout(SHUT_OUT, elsewhere).await.expect("no answer from elsewhere");
        let elsewhere = started.elapsed();
        let started = Instant::now();
        let in_the_crowd = async {
            // As `Peers` does, which cannot choose the address it calls from.
            let mut stream = loop {
                match node.try_raw_as(&known, &source(0)).await {
                    Ok(stream) => break stream,
                    Err(_) => sleep(Duration::from_millis(150)).await,
                }
            };
            assert_eq!(ask(&mut stream, "/who").await, "HTTP/1.1 200");
        };
        timeout(SHUT_OUT, in_the_crowd).await.expect("no answer in the crowd");
        slowest = slowest.max(elsewhere).max(started.elapsed());
        sleep(Duration::from_millis(200)).await;
    }
    assert!(connected.load(Ordering::Relaxed) >= 1000, "this was no flood");
    println!(
        "slowest of 20 answers {slowest:?}, {turned_away} turned away for good, {} connections of the crowd, memory of both sides {before} -> {} KiB",
        connected.load(Ordering::Relaxed),
        memory(),
    );
    for task in flood {
        task.abort();
    }
}

fn allow_many_descriptors(many: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = current.is_none_or(|current| current >= many);
    if !enough {
        let raised = Rlimit { current: Some(many.min(maximum.unwrap_or(many))), maximum };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

/// What this process has in memory, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
