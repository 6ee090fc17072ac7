//! Offering folders.

use crate::start;
use lanyard_api::{Change, ErrorCode, Request, Response, Share};
use lanyard_node::Node;
use std::{path::Path, time::Duration};

async fn share(node: &Node, path: &Path, name: Option<&str>) -> Result<Share, lanyard_api::ApiError> {
    let request = Request::ShareFolder {
        path: path.to_str().unwrap().to_owned(),
        name: name.map(str::to_owned),
        write: false,
        audience: Vec::new(),
        until: None,
    };
    match node.handle(request).await? {
        Response::Share(share) => Ok(share),
        other => panic!("{other:?}"),
    }
}

async fn shares(node: &Node) -> Vec<Share> {
    match node.handle(Request::Shares).await.unwrap() {
        Response::Shares(shares) => shares,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_survives_a_restart_can_be_changed_and_taken_back() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = start(data.path()).await;
    let made = share(&node, folder.path(), Some("Music")).await.unwrap();
    assert!(made.available && !made.policy.write);
    assert_eq!(share(&node, folder.path(), None).await.unwrap_err().code, ErrorCode::Exists);
    node.stop().await;

    let node = start(data.path()).await;
    assert_eq!(shares(&node).await, std::slice::from_ref(&made));
    let request = Request::ChangeShare {
        share: "mus".into(),
        name: Some("Songs".into()),
        write: Some(true),
        audience: None,
        until: None,
    };
    let Response::Share(changed) = node.handle(request).await.unwrap() else { panic!() };
    assert_eq!((changed.id, changed.name.as_str(), changed.policy.write), (made.id, "Songs", true));
    node.handle(Request::Unshare { share: "songs".into() }).await.unwrap();
    assert!(shares(&node).await.is_empty());
    node.stop().await;
    let node = start(data.path()).await;
    assert!(shares(&node).await.is_empty(), "taken back for good");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_away_and_comes_back_is_told() {
    let (data, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = place.path().join("stick");
    std::fs::create_dir(&folder).unwrap();
    let node = start(data.path()).await;
    share(&node, &folder, None).await.unwrap();
    let mut events = node.subscribe();
    // What happens from here on comes as a change, not in the snapshot.
    let first = events.recv().await.unwrap();
    assert!(matches!(first.change, Change::Snapshot(_)), "{first:?}");
    std::fs::remove_dir(&folder).unwrap();
    let gone = async {
        // A look that was under way just then may still have found it.
        while shares(&node).await[0].available {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), gone).await.expect("gone at the next look");
    std::fs::create_dir(&folder).unwrap();
    // Now by itself, without anybody asking.
    let back = async {
        let mut gone = false;
        while let Some(event) = events.recv().await {
            if let Change::Shares(shares) = event.change {
                gone |= !shares[0].available;
                if gone && shares[0].available {
                    return;
                }
            }
        }
        panic!("the stream ended");
    };
    tokio::time::timeout(Duration::from_secs(15), back).await.expect("the folder is seen again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_ends_by_itself_and_is_gone() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = start(data.path()).await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let ask = |until| Request::ShareFolder {
        path: folder.path().to_str().unwrap().to_owned(),
        name: None,
        write: false,
        audience: Vec::new(),
        until: Some(until),
    };
    assert_eq!(node.handle(ask(now - 1)).await.unwrap_err().code, ErrorCode::Invalid);
    node.handle(ask(now + 1_000)).await.unwrap();
    assert_eq!(shares(&node).await.len(), 1);
    for _ in 0..30 {
        if shares(&node).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(shares(&node).await.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_own_data_is_never_shared() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    for path in [data.path().to_owned(), data.path().join("spool"), "/".into(), "/no/such/folder".into()] {
        assert!(share(&node, &path, None).await.is_err(), "{}", path.display());
    }
    assert!(shares(&node).await.is_empty());
    node.stop().await;
}
