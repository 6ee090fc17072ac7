use crate::world::{MIB, Owner, Reader, names, noise};
use http_body_util::BodyExt;
use lanyard_drive::{
    consume::{BeginError, Conflict, NewDownload, Reason, State, stream},
    path::SharePath,
};
use std::{
    fs,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_are_copied_identically_with_their_time() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789);
    for size in [0, 1, MIB - 1, MIB, MIB + 1, 40 * MIB] {
        let (name, content) = (format!("{size}.bin"), noise(size, size as u64));
        owner.write(&name, &content);
        fs::File::options().write(true).open(owner.root().join(&name)).unwrap().set_modified(time).unwrap();
        let copy = reader.done(reader.get(&name, Conflict::Refuse).await).await;
        assert_eq!((copy.size, copy.bytes_done), (Some(size as u64), size as u64), "{name}");
        assert!(fs::read(reader.here().join(&name)).unwrap() == content, "{name} is different");
        let modified = fs::metadata(reader.here().join(&name)).unwrap().modified().unwrap();
        assert_eq!(modified, time, "{name}");
        // A second time its hash is remembered; it must be the same.
        let again = reader.done(reader.get(&name, Conflict::Replace).await).await;
        assert!(fs::read(&again.local_path).unwrap() == content, "{name} is different the second time");
    }
    assert_eq!(names(&reader.here()).len(), 6, "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_numbered_or_replaced_as_asked() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.txt", b"new");
    fs::write(reader.here().join("a.txt"), b"old").unwrap();
    let new = NewDownload {
        node: owner.id,
        device_name: String::new(),
        share: lanyard_trust::ShareId(crate::world::SHARE.to_owned()),
        drive: String::new(),
        tree: false,
        size: None,
        path: SharePath::parse("a.txt").unwrap(),
        folder: reader.here(),
        name: "a.txt".to_owned(),
        conflict: Conflict::Refuse,
    };
    assert!(matches!(reader.transfers.download(new).await, Err(BeginError::Exists(_))), "at once");
    let copy = reader.done(reader.get("a.txt", Conflict::KeepBoth).await).await;
    assert_eq!(copy.local_path, reader.here().join("a (2).txt"));
    assert_eq!(fs::read(reader.here().join("a.txt")).unwrap(), b"old");
    reader.done(reader.get("a.txt", Conflict::Replace).await).await;
    assert_eq!(fs::read(reader.here().join("a.txt")).unwrap(), b"new");
    assert_eq!(names(&reader.here()), ["a (2).txt", "a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_gets_no_name_that_leads_elsewhere_or_is_hidden() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.txt", b"new");
    for name in ["../a.txt", "/a.txt", "", "..", ".lanyard-bin", ".x.lanyard-part", "a/b"] {
        let new = NewDownload {
            node: owner.id,
            device_name: String::new(),
            share: lanyard_trust::ShareId(crate::world::SHARE.to_owned()),
            drive: String::new(),
            tree: false,
            size: None,
            path: SharePath::parse_remote("a.txt").unwrap(),
            folder: reader.here(),
            name: name.to_owned(),
            conflict: Conflict::Replace,
        };
        let begun = reader.transfers.download(new).await;
        assert!(matches!(begun, Err(BeginError::BadPath(_))), "{name:?}");
    }
    assert_eq!(names(&reader.here()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_taken_while_the_copy_ran_is_not_overwritten() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.bin", &noise(4 * MIB, 1));
    owner.slow(50);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done > 0).await;
    fs::write(reader.here().join("a.bin"), b"somebody else's").unwrap();
    let copy = reader.end(id).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Exists)), "{copy:?}");
    assert_eq!(fs::read(reader.here().join("a.bin")).unwrap(), b"somebody else's");
    fs::remove_file(reader.here().join("a.bin")).unwrap();
    let sent = owner.content_sent();
    reader.transfers.retry(id).await;
    reader.done(id).await;
    assert_eq!(owner.content_sent(), sent, "everything was here already");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_at_once_and_leaves_nothing() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.bin", &noise(20 * MIB, 1));
    owner.slow(100);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done > 0).await;
    assert_eq!(names(&reader.here()).len(), 1, "it grows under a hidden name");
    let begun = std::time::Instant::now();
    let copy = reader.transfers.cancel(id).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    assert_eq!(copy.state, State::Cancelled);
    assert_eq!(names(&reader.here()), [""; 0], "nothing is left");
    // And it stays so, also after a start.
    let reader = reader.restart(&owner).await;
    assert_eq!(reader.transfers.get(id).unwrap().state, State::Cancelled);
    owner.slow(0);
    reader.transfers.retry(id).await;
    reader.done(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_copy_that_failed_goes_when_it_is_given_up() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.bin", &noise(20 * MIB, 1));
    owner.slow(100);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done > 0).await;
    fs::remove_file(owner.root().join("a.bin")).unwrap();
    reader.transfers.pause(id).await;
    reader.transfers.retry(id).await;
    let copy = reader.end(id).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::NotFound)), "{copy:?}");
    assert_eq!(names(&reader.here()).len(), 1, "it is kept for another try");
    assert_eq!(reader.transfers.cancel(id).await.unwrap().state, State::Cancelled);
    assert_eq!(names(&reader.here()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_a_folder_fails_with_its_reason() {
    let owner = Owner::new();
    fs::create_dir(owner.root().join("folder")).unwrap();
    let reader = Reader::new(&owner);
    for (name, reason) in
        [("missing", Reason::NotFound), ("folder", Reason::Invalid), ("no/way", Reason::NotFound)]
    {
        let copy = reader.end(reader.get(name, Conflict::Refuse).await).await;
        assert_eq!((copy.state, copy.reason), (State::Failed, Some(reason)), "{name}: {copy:?}");
        assert!(copy.detail.is_some_and(|detail| detail.contains(name)), "the words name it");
    }
    assert_eq!(names(&reader.here()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_handed_on_to_a_browser_is_verified_on_the_way() {
    let owner = Owner::new();
    let content = noise(20 * MIB + 3, 5);
    owner.write("a.bin", &content);
    owner.write("empty", b"");
    let reader = Reader::new(&owner);
    let path = SharePath::parse("a.bin").unwrap();
    owner.way.lies.store(2, Ordering::SeqCst);
    let (size, body) = stream::open(&reader.remote(), &path).await.unwrap();
    assert_eq!(size, content.len() as u64);
    assert!(body.collect().await.unwrap().to_bytes() == content, "a lie is fetched again");
    owner.way.lies.store(u32::MAX, Ordering::SeqCst);
    let (_, body) = stream::open(&reader.remote(), &path).await.unwrap();
    assert!(body.collect().await.is_err(), "a liar's file is cut off");
    let (size, body) = stream::open(&reader.remote(), &SharePath::parse("empty").unwrap()).await.unwrap();
    assert_eq!((size, body.collect().await.unwrap().to_bytes().len()), (0, 0));
}
