use crate::world::{MIB, Owner, Reader, SHARE, noise};
use http::Method;
use lanyard_drive::{
    consume::{
        Conflict, NewUpload, Reason, State,
        remote::{Terms, Which},
    },
    content::FileId,
    path::SharePath,
};
use lanyard_link::Body;
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, SystemTime},
};

fn source(reader: &Reader, content: &[u8]) -> PathBuf {
    let path = reader.dir.path().join("source.bin");
    fs::write(&path, content).unwrap();
    path
}

fn signed(content: &[u8]) -> Vec<u8> {
    let mut body = content.to_vec();
    body.extend_from_slice(blake3::hash(content).as_bytes());
    body
}

async fn put(reader: &Reader, query: &str, headers: &[(&str, &str)], body: Body) -> (u16, String) {
    let uri = format!("/v1/drives/{SHARE}/file?{query}");
    let (status, answer) = reader.raw(Method::PUT, &uri, headers, body).await;
    (status, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_arrive_identical_with_their_time() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(987_654_321_987_654_321);
    for size in [0, 1, MIB - 1, MIB, MIB + 1, 40 * MIB] {
        let (name, content) = (format!("{size}.bin"), noise(size, size as u64));
        let source = source(&reader, &content);
        fs::File::options().write(true).open(&source).unwrap().set_modified(time).unwrap();
        let copy = reader.done(reader.put(&source, &name, Conflict::Refuse).await).await;
        assert_eq!((copy.size, copy.bytes_done), (Some(size as u64), size as u64), "{name}");
        assert!(fs::read(owner.root().join(&name)).unwrap() == content, "{name} is different");
        assert_eq!(fs::metadata(owner.root().join(&name)).unwrap().modified().unwrap(), time, "{name}");
    }
    assert_eq!(owner.names().len(), 6, "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_share_takes_nothing() {
    let owner = Owner::new();
    owner.rules.write.store(false, Ordering::SeqCst);
    owner.write("old", b"old");
    let reader = Reader::new(&owner);
    for query in ["path=new", "path=old&conflict=replace"] {
        let (status, answer) =
            put(&reader, query, &[("lanyard-size", "3")], lanyard_link::body::full(signed(b"new"))).await;
        assert_eq!(status, 403, "{query}: {answer}");
    }
    let copy = reader.end(reader.put(&source(&reader, b"new"), "old", Conflict::Replace).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::NotAllowed)), "{copy:?}");
    let copy = reader.end(reader.put(&source(&reader, b"new"), "new", Conflict::Refuse).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::NotAllowed)), "{copy:?}");
    assert_eq!(owner.names(), ["old"]);
    assert_eq!(fs::read(owner.root().join("old")).unwrap(), b"old");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_cut_long_or_wrong_leaves_nothing() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(3 * MIB, 1);
    let good = signed(&content);
    let size = content.len().to_string();
    let mut flipped = good.clone();
    flipped[MIB] ^= 1;
    let mut longer = good.clone();
    longer.push(0);
    let cases: [(&str, Vec<u8>, u16); 4] = [
        ("cut", good[..2 * MIB].to_vec(), 422),
        ("without its hash", content.clone(), 422),
        ("one bit wrong", flipped, 422),
        ("too long", longer, 422),
    ];
    for (what, body, expected) in cases {
        let headers = [("lanyard-size", size.as_str())];
        let (status, answer) = put(&reader, "path=a.bin", &headers, lanyard_link::body::full(body)).await;
        assert_eq!(status, expected, "{what}: {answer}");
        assert_eq!(owner.names(), [""; 0], "{what}");
    }
    for headers in [&[][..], &[("lanyard-size", "-1")], &[("lanyard-size", "99999999999999999999")]] {
        let (status, _) = put(&reader, "path=a.bin", headers, lanyard_link::body::full(good.clone())).await;
        assert_eq!(status, 400, "{headers:?}");
    }
    let (status, answer) =
        put(&reader, "path=a.bin", &[("lanyard-size", size.as_str())], lanyard_link::body::full(good)).await;
    assert_eq!(status, 201, "the right one is taken: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_leaves_nothing_and_the_old_file_as_it_was() {
    let owner = Owner::new();
    owner.write("a.bin", b"old");
    let reader = Reader::new(&owner);
    let (sender, body) = lanyard_link::body::channel(1);
    let request = {
        let uri = format!("/v1/drives/{SHARE}/file?path=a.bin&conflict=replace");
        let request = http::Request::put(uri).header("lanyard-size", 4 * MIB).body(body).unwrap();
        let (peers, node) = (reader.peers.clone(), owner.id);
        tokio::spawn(async move { peers.request(node, request, Duration::from_secs(20)).await })
    };
    sender.send(noise(2 * MIB, 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(owner.names().len(), 2, "it grows under a hidden name");
    drop(sender);
    assert!(request.await.unwrap().is_err());
    for _ in 0..200 {
        if owner.names() == ["a.bin"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(owner.names(), ["a.bin"]);
    assert_eq!(fs::read(owner.root().join("a.bin")).unwrap(), b"old");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_a_folder_that_was_removed_meanwhile_is_refused() {
    let owner = Owner::new();
    fs::create_dir(owner.root().join("folder")).unwrap();
    let reader = Reader::new(&owner);
    let content = noise(2 * MIB, 3);
    let (sender, body) = lanyard_link::body::channel(1);
    let request = {
        let uri = format!("/v1/drives/{SHARE}/file?path=folder%2Fa.bin");
        let request = http::Request::put(uri).header("lanyard-size", 2 * MIB).body(body).unwrap();
        let (peers, node) = (reader.peers.clone(), owner.id);
        tokio::spawn(async move { peers.request(node, request, Duration::from_secs(20)).await })
    };
    let (first, rest) = content.split_at(MIB);
    sender.send(first.to_vec()).await.unwrap();
    let hidden = || fs::read_dir(owner.root().join("folder")).unwrap().count();
    for _ in 0..200 {
        if hidden() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let folder = SharePath::parse("folder").unwrap();
    reader.remote().remove(&folder, Which::Any, true, Terms::settled()).await.unwrap();
    sender.send(rest.to_vec()).await.unwrap();
    sender.send(FileId::of(&content).0.to_vec()).await.unwrap();
    sender.finish().await.unwrap();
    assert_eq!(request.await.unwrap().unwrap().status(), 404, "it is not said to be there");
    let binned = reader.remote().bin().await.unwrap().things;
    let place = owner.root().join(".lanyard-bin").join(&binned[0].id).join("item");
    assert_eq!((binned.len(), fs::read_dir(place).unwrap().count()), (1, 0), "nor is it in the bin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_numbered_or_replaced_as_asked() {
    let owner = Owner::new();
    owner.write("a.txt", b"old");
    fs::create_dir(owner.root().join("folder")).unwrap();
    let reader = Reader::new(&owner);
    let file = source(&reader, b"new");
    let copy = reader.end(reader.put(&file, "a.txt", Conflict::Refuse).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Exists)), "{copy:?}");
    let copy = reader.done(reader.put(&file, "a.txt", Conflict::KeepBoth).await).await;
    assert_eq!(copy.remote_path, "a (2).txt");
    let copy = reader.done(reader.put(&file, "a.txt", Conflict::KeepBoth).await).await;
    assert_eq!(copy.remote_path, "a (3).txt");
    assert_eq!(fs::read(owner.root().join("a.txt")).unwrap(), b"old");
    reader.done(reader.put(&file, "a.txt", Conflict::Replace).await).await;
    assert_eq!(fs::read(owner.root().join("a.txt")).unwrap(), b"new");
    let copy = reader.end(reader.put(&file, "folder", Conflict::Replace).await).await;
    assert_eq!(copy.reason, Some(Reason::Exists), "a folder is never replaced by a file: {copy:?}");
    assert_eq!(owner.names(), ["a (2).txt", "a (3).txt", "a.txt", "folder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_can_name_the_state_it_replaces() {
    let owner = Owner::new();
    owner.write("a.txt", b"old");
    let reader = Reader::new(&owner);
    let (_, stat) = reader.raw_get("stat", "path=a.txt").await;
    let stat: lanyard_drive::wire::Stat = serde_json::from_slice(&stat).unwrap();
    let etag = stat.etag.unwrap();
    let body = || lanyard_link::body::full(signed(b"new"));
    let headers = [("lanyard-size", "3"), ("if-match", "\"another\"")];
    assert_eq!(put(&reader, "path=a.txt&conflict=replace", &headers, body()).await.0, 412);
    assert_eq!(put(&reader, "path=gone.txt&conflict=replace", &headers, body()).await.0, 412);
    assert_eq!(fs::read(owner.root().join("a.txt")).unwrap(), b"old");
    let headers = [("lanyard-size", "3"), ("if-match", etag.as_str())];
    assert_eq!(put(&reader, "path=a.txt&conflict=replace", &headers, body()).await.0, 201);
    assert_eq!(fs::read(owner.root().join("a.txt")).unwrap(), b"new");
    assert_eq!(owner.names(), ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_not_every_system_can_hold_are_not_written() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    for name in ["CON", "nul.txt", "a%3Ab", "a%5Cb", "dot.", "space%20", "a%0Ab", ".x.lanyard-part"] {
        let body = lanyard_link::body::full(signed(b"x"));
        let (status, answer) = put(&reader, &format!("path={name}"), &[("lanyard-size", "1")], body).await;
        assert_eq!(status, 400, "{name}: {answer}");
    }
    assert_eq!(owner.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_doubles_nothing() {
    for conflict in [Conflict::Refuse, Conflict::KeepBoth, Conflict::Replace] {
        let owner = Owner::new();
        let reader = Reader::new(&owner);
        let content = noise(2 * MIB, 3);
        owner.way.lost.store(1, Ordering::SeqCst);
        let copy = reader.done(reader.put(&source(&reader, &content), "a.bin", conflict).await).await;
        assert_eq!(owner.way.lost.load(Ordering::SeqCst), 0, "the answer was lost");
        assert_eq!(
            (copy.remote_path.as_str(), owner.names()),
            ("a.bin", vec!["a.bin".to_owned()]),
            "{conflict:?}"
        );
        assert!(fs::read(owner.root().join("a.bin")).unwrap() == content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_a_start_of_either_side() {
    let mut owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(30 * MIB, 4);
    let file = source(&reader, &content);
    owner.stop().await;
    let id = reader.put(&file, "a.bin", Conflict::Refuse).await;
    reader.until(id, "waiting", |copy| copy.state == State::Waiting && copy.reason.is_some()).await;
    owner.start();
    let reader = reader.restart(&owner).await;
    reader.done(id).await;
    assert!(fs::read(owner.root().join("a.bin")).unwrap() == content);
    assert_eq!(owner.names(), ["a.bin"]);
    assert!(file.exists(), "the source is a person's own file and stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_our_own_is_there_until_the_end_is_written_down_and_gone_after_the_next_start() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let file = source(&reader, b"sent by a browser");
    let was_there: Arc<Mutex<Vec<bool>>> = Arc::default();
    *reader.told.lock().unwrap() = Some({
        let (was_there, file) = (Arc::clone(&was_there), file.clone());
        Box::new(move |copy| {
            if copy.state == State::Done {
                was_there.lock().unwrap().push(file.exists());
            }
        })
    });
    let new = NewUpload { owns_source: true, ..reader.upload(&file, "a.bin", Conflict::Refuse) };
    let id = reader.transfers.upload(new).await.unwrap().id;
    reader.done(id).await;
    assert_eq!(*was_there.lock().unwrap(), [true], "a crash at this moment would not find it any more");
    reader = reader.restart(&owner).await;
    assert!(!file.exists(), "a file of ours went away with its copy");

    // As if the crash had come before it could be removed.
    fs::write(&file, b"sent by a browser").unwrap();
    reader = reader.restart(&owner).await;
    reader.restart(&owner).await;
    assert!(!file.exists(), "what a crash left is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_killed_owner_are_removed_once_they_are_old() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let old = SystemTime::now() - Duration::from_secs(3_600);
    let ancient = SystemTime::now() - Duration::from_secs(8 * 24 * 3_600);
    let copied = owner.root().join(".lanyard-copy-7.lanyard-part");
    fs::create_dir_all(copied.join("folder")).unwrap();
    fs::File::open(&copied).unwrap().set_modified(ancient).unwrap();
    for (name, age) in [
        (".lanyard-put-1.lanyard-part", Some(old)),
        (".lanyard-put-2.lanyard-part", None),
        (".lanyard-edit-3.lanyard-part", Some(old)),
        (".lanyard-edit-4.lanyard-part", Some(ancient)),
        (".lanyard-copy-5.lanyard-part", Some(old)),
        (".lanyard-copy-6.lanyard-part", Some(ancient)),
        ("mine", Some(ancient)),
    ] {
        owner.write(name, b"x");
        if let Some(time) = age {
            fs::File::options()
                .write(true)
                .open(owner.root().join(name))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
    }
    reader.done(reader.put(&source(&reader, b"x"), "a.bin", Conflict::Refuse).await).await;
    let left = [
        ".lanyard-copy-5.lanyard-part",
        ".lanyard-edit-3.lanyard-part",
        ".lanyard-put-2.lanyard-part",
        "a.bin",
        "mine",
    ];
    assert_eq!(owner.names(), left, "these may still be growing");
}

/// The hidden part of a file that is on its way, with its bytes.
fn part(owner: &Owner) -> Option<(PathBuf, u64)> {
    let name = owner.names().into_iter().find(|name| name.starts_with(".lanyard-up-"))?;
    let path = owner.root().join(name);
    let length = fs::metadata(&path).ok()?.len();
    Some((path, length))
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_on_where_it_was_interrupted() {
    use std::os::unix::fs::MetadataExt;
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(40 * MIB + 5, 12);
    let file = source(&reader, &content);
    reader.transfers.limit_all(Some(20 << 20));
    let id = reader.put(&file, "a.bin", Conflict::Refuse).await;
    let far = |_: &_| part(&owner).is_some_and(|(_, length)| length >= 6 * MIB as u64);
    reader.until(id, "six pieces", far).await;
    reader.transfers.pause(id).await;
    let (path, length) = part(&owner).expect("what came of it stays");
    assert!(length < content.len() as u64, "it was not interrupted");
    // As long as it is open, no other file gets its number.
    let held = fs::File::open(&path).unwrap();
    // The program is started again, too.
    let reader = reader.restart(&owner).await;
    reader.transfers.retry(id).await;
    let copy = reader.done(id).await;
    assert_eq!(copy.bytes_done, content.len() as u64);
    assert!(fs::read(owner.root().join("a.bin")).unwrap() == content, "the copy is different");
    assert_eq!(
        fs::metadata(owner.root().join("a.bin")).unwrap().ino(),
        held.metadata().unwrap().ino(),
        "it was sent from its beginning again"
    );
    assert_eq!(owner.names(), ["a.bin"], "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_of_a_file_is_compared_and_a_wrong_piece_travels_again() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let mut content = noise(24 * MIB, 13);
    let file = source(&reader, &content);
    reader.transfers.limit_all(Some(12 << 20));
    let id = reader.put(&file, "a.bin", Conflict::Refuse).await;
    reader
        .until(id, "six pieces", |_| part(&owner).is_some_and(|(_, length)| length >= 6 * MIB as u64))
        .await;
    reader.transfers.pause(id).await;
    // One piece is damaged there, and here somebody has changed the file behind it.
    let (path, _) = part(&owner).expect("what came of it stays");
    let mut damaged = fs::read(&path).unwrap();
    damaged[3 * MIB + 7] ^= 1;
    fs::write(&path, damaged).unwrap();
    content[20 * MIB] ^= 1;
    fs::write(&file, &content).unwrap();
    reader.transfers.limit_all(None);
    reader.transfers.retry(id).await;
    reader.done(id).await;
    assert!(fs::read(owner.root().join("a.bin")).unwrap() == content, "the copy is different");
    assert_eq!(owner.names(), ["a.bin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cancelled_or_forbidden_upload_nothing_stays() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let file = source(&reader, &noise(24 * MIB, 14));
    reader.transfers.limit_all(Some(6 << 20));
    let id = reader.put(&file, "a.bin", Conflict::Refuse).await;
    reader.until(id, "a piece", |_| part(&owner).is_some_and(|(_, length)| length >= 2 * MIB as u64)).await;
    reader.transfers.cancel(id).await;
    gone(&owner).await;
    let id = reader.put(&file, "a.bin", Conflict::Refuse).await;
    reader.until(id, "a piece", |_| part(&owner).is_some_and(|(_, length)| length >= 2 * MIB as u64)).await;
    owner.rules.write.store(false, Ordering::SeqCst);
    let copy = reader.end(id).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::NotAllowed)), "{copy:?}");
    gone(&owner).await;
}

async fn gone(owner: &Owner) {
    for _ in 0..500 {
        if owner.names().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("something stays: {:?}", owner.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_on_with_what_is_not_there() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(3 * MIB, 15);
    let size = content.len().to_string();
    let headers = [("lanyard-size", size.as_str())];
    let part = uuid::Uuid::from_u128(7);
    for (query, expected) in [
        (format!("path=a.bin&part={part}&at={MIB}"), 404),
        (format!("path=a.bin&at={MIB}"), 400),
        (format!("path=../a.bin&part={part}"), 400),
    ] {
        let body = lanyard_link::body::full(signed(&content[MIB..]));
        let (status, answer) = put(&reader, &query, &headers, body).await;
        assert_eq!(status, expected, "{query}: {answer}");
    }
    owner.write(&format!(".lanyard-up-{}.lanyard-part", part.simple()), &content[..MIB + 9]);
    for at in [1, MIB - 1, 2 * MIB, 5 * MIB] {
        let body = lanyard_link::body::full(signed(&content));
        let (status, answer) = put(&reader, &format!("path=a.bin&part={part}&at={at}"), &headers, body).await;
        assert_eq!(status, 422, "{at}: {answer}");
    }
    let mut right = content[MIB..].to_vec();
    right.extend_from_slice(blake3::hash(&content).as_bytes());
    let query = format!("path=a.bin&part={part}&at={MIB}");
    let (status, answer) = put(&reader, &query, &headers, lanyard_link::body::full(right)).await;
    assert_eq!(status, 201, "{answer}");
    assert!(fs::read(owner.root().join("a.bin")).unwrap() == content);
    assert_eq!(owner.names(), ["a.bin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_beside_and_comes_again_is_the_one_that_is_there_whatever_its_number() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(3 * MIB + 7, 1);
    let size = content.len().to_string();
    // Another picture, of the same size even, and one of another size under the first number.
    owner.write("photo.jpg", &noise(3 * MIB + 7, 2));
    owner.write("photo (2).jpg", b"small");
    for _ in 0..3 {
        let body = lanyard_link::body::full(signed(&content));
        let headers = [("lanyard-size", size.as_str())];
        let (status, answer) = put(&reader, "path=photo.jpg&conflict=keep_both", &headers, body).await;
        assert_eq!(status, 201, "{answer}");
        let stored: lanyard_drive::wire::Stored = serde_json::from_str(&answer).unwrap();
        assert_eq!((stored.path.as_str(), stored.size), ("photo (3).jpg", content.len() as u64));
        assert_eq!(
            owner.names(),
            ["photo (2).jpg", "photo (3).jpg", "photo.jpg"],
            "doubled, or a rest is left"
        );
    }
    assert!(fs::read(owner.root().join("photo (3).jpg")).unwrap() == content);
}

/// The mark of a received file.
#[cfg(target_os = "linux")]
fn mark(path: PathBuf) -> Option<String> {
    let mut value = vec![0; 256];
    let length = rustix::fs::getxattr(&path, "user.xdg.origin.url", &mut value[..]).ok()?;
    value.truncate(length);
    String::from_utf8(value).ok()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_beside_is_told_as_it_comes_and_carries_the_mark_of_its_sender() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(5 * MIB + 7, 1);
    let size = content.len().to_string();
    let bring = |path: &'static str| {
        let (reader, size, body) = (&reader, &size, lanyard_link::body::full(signed(&content)));
        async move {
            let query = format!("path={path}&conflict=keep_both");
            put(reader, &query, &[("lanyard-size", size)], body).await
        }
    };
    assert_eq!(bring("plain.bin").await.0, 201);
    assert_eq!(mark(owner.root().join("plain.bin")), None, "nobody asked for a mark");
    *owner.rules.origin.lock().unwrap() = Some("lanyard:Ben".to_owned());
    owner.rules.moved.store(0, Ordering::SeqCst);
    owner.write("film.bin", b"another film");
    assert_eq!(bring("film.bin").await.0, 201);
    let landed = owner.rules.landed.lock().unwrap().clone();
    let [_, film] = &landed[..] else { panic!("told of each: {landed:?}") };
    assert_ne!(film, "film.bin", "beside what was there");
    assert_eq!(mark(owner.root().join(film)).as_deref(), Some("lanyard:Ben"));
    assert_eq!(fs::read(owner.root().join("film.bin")).unwrap(), b"another film");
    assert_eq!(owner.rules.moved.load(Ordering::SeqCst), 5 * MIB as u64, "each block, before it was whole");
}
