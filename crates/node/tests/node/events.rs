//! Snapshots and numbered changes.

use crate::start;
use lanyard_api::{Change, Event, Request, Response, Share};
use lanyard_node::{Attached, Node};
use std::{path::Path, time::Duration};
use tokio::sync::mpsc;

async fn share(node: &Node, path: &Path) -> Share {
    let path = path.to_str().unwrap().to_owned();
    let request = Request::ShareFolder { path, name: None, write: false, audience: Vec::new(), until: None };
    let Response::Share(share) = node.handle(request).await.unwrap() else { panic!() };
    share
}

/// Everything until the stream ends.
async fn all(mut events: mpsc::Receiver<Event>) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) =
        tokio::time::timeout(Duration::from_secs(10), events.recv()).await.expect("the stream ends")
    {
        all.push(event);
    }
    all
}

fn assert_whole(events: &[Event]) {
    assert!(matches!(events[0].change, Change::Snapshot(_)), "a stream starts with the snapshot");
    for pair in events.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1, "no number is missing: {pair:?}");
    }
    assert!(matches!(events[events.len() - 1].change, Change::Stopping), "and ends with the farewell");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_numbered_without_a_gap_to_every_front_end() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let here = node.subscribe();
    let attached = Attached::connect(Some(data.path())).await.unwrap();
    let there = attached.subscribe().await.unwrap();
    let folders: Vec<_> = (0..10).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut last = None;
    for folder in &folders {
        last = Some(share(&node, folder.path()).await);
    }
    let reading = tokio::spawn(async move { (all(here).await, all(there).await) });
    node.stop().await;
    let (here, there) = reading.await.unwrap();
    for events in [here, there] {
        assert_whole(&events);
        let shares = events.iter().rev().find_map(|event| match &event.change {
            Change::Shares(shares) => Some(shares),
            _ => None,
        });
        assert_eq!(shares.unwrap().last(), last.as_ref(), "the last change is the whole truth");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_that_falls_behind_gets_the_snapshot_again() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let mut events = node.subscribe();
    assert!(matches!(events.recv().await.unwrap().change, Change::Snapshot(_)));
    // Far more than any buffer holds, while nobody reads.
    for n in 0..3_000 {
        node.handle(Request::Rename { name: format!("name {n}") }).await.unwrap();
    }
    let mut again = None;
    while again.is_none() {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap();
        if let Change::Snapshot(snapshot) = event.change {
            assert_eq!(event.seq, snapshot.seq);
            again = Some(snapshot);
        }
    }
    assert_eq!(again.unwrap().status.name, "name 2999", "the new snapshot holds what was missed");
    node.stop().await;
}
