//! Start and stop.

use crate::{asks::until, config, start, status};
use lanyard_api::{ErrorCode, Request, Response};
use lanyard_node::{Attached, Config, Node, StartError};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_answers_and_stops_and_is_the_same_device_the_next_time() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let first = status(&node).await;
    assert_eq!(first.id.len(), 52);
    assert!(first.first_run);
    assert!(first.notices.is_empty(), "{:?}", first.notices);
    node.handle(Request::Rename { name: "  Anna's\u{202e}  laptop ".into() }).await.unwrap();
    node.handle(Request::FinishFirstRun).await.unwrap();
    node.stop().await;
    node.stop().await;
    let error = node.handle(Request::Status).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Stopping);

    let node = start(data.path()).await;
    let second = status(&node).await;
    assert_eq!(second.id, first.id, "a device is its key");
    assert_eq!(second.name, "Anna's laptop");
    assert!(!second.first_run);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_given_at_start_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(Config { name: Some("Ben".into()), ..config(data.path()) }).await.unwrap();
    assert_eq!(status(&node).await.name, "Ben");
    node.stop().await;
    let node = start(data.path()).await;
    assert_eq!(status(&node).await.name, "Ben");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_which_nothing_can_be_shown_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    let error = node.handle(Request::Rename { name: "\u{202e}\n".into() }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_for_the_same_data_is_refused_until_the_first_has_stopped() {
    let data = tempfile::tempdir().unwrap();
    let node = start(data.path()).await;
    match Node::start(config(data.path())).await.map(|_| ()) {
        // Windows locks the bytes of the file, so the process id cannot be read there.
        Err(StartError::AlreadyRunning { pid }) => assert!(pid == std::process::id() || cfg!(windows)),
        other => panic!("{other:?}"),
    }
    status(&node).await;
    node.stop().await;
    // A program that another test starts in this moment has all that is open here, until it is that program.
    let again = until("the data to be free", async || Node::start(config(data.path())).await.ok()).await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_set_aside_and_the_owner_is_told() {
    let data = tempfile::tempdir().unwrap();
    start(data.path()).await.stop().await;
    let junk = b"no database at all".repeat(500);
    std::fs::write(data.path().join("lanyard.db"), &junk).unwrap();
    let node = start(data.path()).await;
    let notices = status(&node).await.notices;
    assert!(notices.iter().any(|notice| notice.contains("damaged")), "{notices:?}");
    let kept = std::fs::read_dir(data.path()).unwrap().flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("lanyard.db.damaged-") && std::fs::read(entry.path()).unwrap() == junk
    });
    assert!(kept, "the old bytes are kept for an expert");
    node.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_look_into_the_data_or_use_the_socket() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let node = start(data.path()).await;
    let mode = |path: &str| std::fs::metadata(data.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("spool"), 0o700);
    assert_eq!(mode("uploads"), 0o700);
    assert_eq!(mode("node.sock"), 0o600);
    assert_eq!(mode("lanyard.db"), 0o600);
    node.stop().await;
    assert!(!data.path().join("node.sock").exists(), "the socket goes with the node");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_attaches_to_a_running_node_and_to_no_other() {
    let data = tempfile::tempdir().unwrap();
    assert!(Attached::connect(Some(data.path())).await.is_none());
    let node = start(data.path()).await;
    let attached = Attached::connect(Some(data.path())).await.expect("a node runs");
    let Response::Status(told) = attached.handle(Request::Status).await.unwrap() else { panic!() };
    assert_eq!(told, status(&node).await);
    let error = attached.handle(Request::Unshare { share: "none".into() }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound, "the node's own errors come through");
    node.stop().await;
    let error = attached.handle(Request::Status).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Stopping);
    assert!(Attached::connect(Some(data.path())).await.is_none());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_with_a_very_long_path_has_a_door_too() {
    let data = tempfile::tempdir().unwrap();
    let deep = data.path().join("a-rather-long-name-of-a-directory".repeat(4));
    let node = start(&deep).await;
    let attached = Attached::connect(Some(&deep)).await.expect("the door is open");
    attached.handle(Request::Status).await.unwrap();
    node.stop().await;
    assert!(Attached::connect(Some(&deep)).await.is_none());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_killed_node_left_behind_is_no_obstacle() {
    let data = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(data.path().join("node.sock")).unwrap());
    assert!(Attached::connect(Some(data.path())).await.is_none());
    let node = start(data.path()).await;
    assert!(Attached::connect(Some(data.path())).await.is_some());
    node.stop().await;
}
