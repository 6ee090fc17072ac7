use crate::world::{Owner, Reader, SHARE};
use http::Method;
use lanyard_drive::{
    consume::{
        RemoteError,
        remote::{Place, Taken, Terms, Which},
    },
    path::SharePath,
    wire::{Code, Set},
};
use std::{fs, os::unix::fs::symlink, sync::atomic::Ordering};
use uuid::Uuid;

fn path(text: &str) -> SharePath {
    SharePath::parse(text).unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, RemoteError>) -> Code {
    match result {
        Err(RemoteError::Refused(code)) => code,
        other => panic!("{other:?}"),
    }
}

/// Every request that changes something: the method, the verb, and the query with `{}` for a path.
const VERBS: &[(Method, &str, &str)] = &[
    (Method::POST, "folder", "path={}"),
    (Method::POST, "file", "path={}"),
    (Method::POST, "move", "path={}&to=stolen"),
    (Method::POST, "move", "path=mine&to={}&conflict=replace"),
    (Method::POST, "move", "path=mine&to={}&conflict=bin"),
    (Method::POST, "copy", "path={}&to=stolen"),
    (Method::POST, "copy", "path=mine&to={}&conflict=replace"),
    (Method::DELETE, "file", "path={}"),
    (Method::DELETE, "file", "path={}&bin=no"),
    (Method::POST, "part", "path={}&part=5f0c1f6e-6b0c-4b62-9e0a-0f5d8d2a8c11"),
    (Method::PATCH, "file", "path={}&at=0"),
    (Method::POST, "set", "path={}"),
    (Method::POST, "sync", "path={}"),
    (Method::POST, "commit", "path={}&part=5f0c1f6e-6b0c-4b62-9e0a-0f5d8d2a8c11"),
    (Method::POST, "restore", "id={}"),
    (Method::DELETE, "bin", "id={}"),
    (Method::GET, "file", "id={}"),
];

async fn ask(reader: &Reader, verb: &(Method, &str, &str), path: &str) -> (u16, Vec<u8>) {
    let (method, verb, query) = verb;
    let uri = format!("/v1/drives/{SHARE}/{verb}?{}", query.replace("{}", path));
    let body = if *verb == "set" { "{\"size\":0}" } else { "changed" };
    let body = if *method == Method::GET { "" } else { body };
    reader.raw(method.clone(), &uri, &[], lanyard_link::body::full(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_leads_out_of_the_share_or_into_its_bin() {
    let owner = Owner::new();
    let outside = owner.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "the secret outside").unwrap();
    symlink(&outside, owner.root().join("out")).unwrap();
    symlink(outside.join("secret"), owner.root().join("direct")).unwrap();
    owner.write("binned", b"was removed");
    owner.write("mine", b"mine");
    let reader = Reader::new(&owner);
    let id = reader.remote().remove(&path("binned"), Which::Any, true, Terms::settled()).await.unwrap().id;
    let item = format!(".lanyard-bin/{}/item", id.unwrap());
    let absolute = outside.join("secret").to_string_lossy().into_owned();
    let places = [
        "../outside/secret",
        "..%2foutside%2fsecret",
        "%2e%2e/outside/secret",
        "out/secret",
        "out%2fsecret",
        "in/../../outside/secret",
        "mine%00",
        "",
        ".",
        "..",
        "/",
        ".lanyard-bin",
        ".LANYARD-BIN",
        item.as_str(),
        absolute.as_str(),
        ".x.lanyard-part",
    ];
    for place in places {
        for verb in VERBS {
            let (status, body) = ask(&reader, verb, place).await;
            // The top of the share has names as any folder has, and those may be made safe.
            let expected = if verb.1 == "sync" && place.is_empty() { 200..201 } else { 400..500 };
            assert!(expected.contains(&status), "{verb:?} {place}: {status}");
            assert!(!body.windows(10).any(|window| window == b"the secret"), "{verb:?} {place}");
        }
    }
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"the secret outside");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(owner.root().join("mine")).unwrap(), b"mine");
    assert_eq!(fs::read(owner.root().join(item)).unwrap(), b"was removed");
    assert!(owner.root().join("direct").symlink_metadata().unwrap().is_symlink());
    assert_eq!(owner.names(), [".lanyard-bin", "direct", "mine", "out"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_write_changes_nothing_and_sees_no_bin() {
    let owner = Owner::new();
    owner.write("mine", b"mine");
    let reader = Reader::new(&owner);
    owner.rules.write.store(false, Ordering::SeqCst);
    for verb in VERBS {
        let (status, _) = ask(&reader, verb, "mine").await;
        assert_eq!(status, 403, "{verb:?}");
    }
    assert_eq!(refused(reader.remote().bin().await), Code::NotAllowed);
    owner.rules.shared.store(false, Ordering::SeqCst);
    for verb in VERBS {
        let (status, _) = ask(&reader, verb, "mine").await;
        assert_eq!(status, 404, "{verb:?}");
    }
    assert_eq!(owner.names(), ["mine"]);
    assert_eq!(fs::read(owner.root().join("mine")).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_twice_is_done_once() {
    let owner = Owner::new();
    owner.write("a", b"a");
    let reader = Reader::new(&owner);
    let remote = reader.remote();
    let once = Terms { once: Some(Uuid::new_v4()), ..Terms::default() };
    for _ in 0..3 {
        remote.rename(&path("a"), &path("b"), Taken::Refuse, once).await.unwrap();
    }
    let again = Terms { once: Some(Uuid::new_v4()), ..Terms::default() };
    assert_eq!(refused(remote.rename(&path("a"), &path("b"), Taken::Refuse, again).await), Code::NotFound);
    let once = Terms { once: Some(Uuid::new_v4()), ..Terms::default() };
    let folder = path("folder");
    let (one, two) = tokio::join!(remote.make_folder(&folder, once), remote.make_folder(&folder, once));
    assert_eq!(one.unwrap(), two.unwrap(), "both at the same time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_comes_late_does_not_write_over_what_was_written_since() {
    let owner = Owner::new();
    owner.write("data", b"0123456789");
    let reader = Reader::new(&owner);
    let (remote, file) = (reader.remote(), path("data"));
    let part = Uuid::new_v4();
    remote.begin_part(&file, part).await.unwrap();
    for place in [Place::Named(file.clone()), Place::Part(file.clone(), part)] {
        let once = || Terms { once: Some(Uuid::new_v4()), ..Terms::default() };
        let (first, shorter) = (once(), once());
        let write = |text: &'static str, terms| remote.write(&place, 0, text.into(), terms);
        let set = |size, terms| remote.set(&place, Set { size: Some(size), ..Set::default() }, terms);
        let told = write("first, and long", first).await.unwrap();
        set(5, shorter).await.unwrap();
        write("then another", once()).await.unwrap();
        // As when both were given up while they waited, and asked for again.
        assert_eq!(write("first, and long", first).await.unwrap(), told, "what was answered then");
        set(5, shorter).await.unwrap();
        assert_eq!(remote.read(&place, 0..12, None).await.unwrap(), "then another");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_the_name_in_one_step_or_stands_beside_it() {
    let owner = Owner::new();
    owner.write("plan.txt", b"old");
    let reader = Reader::new(&owner);
    let remote = reader.remote();
    let file = path("plan.txt");
    let etag = remote.stat(&file).await.unwrap().etag;
    for (number, name) in [(1, "plan.txt"), (2, "plan (2).txt")] {
        let part = Uuid::new_v4();
        let place = Place::Part(file.clone(), part);
        remote.begin_part(&file, part).await.unwrap();
        remote.write(&place, 4, "world".into(), Terms::default()).await.unwrap();
        remote.write(&place, 0, format!("new{number}").into(), Terms::default()).await.unwrap();
        let terms = Terms { if_match: etag.as_deref(), ..Terms::default() };
        let committed = remote.commit(&file, part, Some(1_000_000_000_000_000_000), terms).await.unwrap();
        assert_eq!(committed.path, name);
        assert_eq!(fs::read(owner.root().join(name)).unwrap(), format!("new{number}world").as_bytes());
        assert_eq!(refused(remote.commit(&file, part, None, terms).await), Code::NotFound, "once");
    }
    assert_eq!(owner.names(), ["plan (2).txt", "plan.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_into_another_version_than_was_meant() {
    let owner = Owner::new();
    owner.write("data", b"0123456789");
    let reader = Reader::new(&owner);
    let (remote, place) = (reader.remote(), Place::Named(path("data")));
    let first = remote.stat(&path("data")).await.unwrap().etag;
    let second = remote
        .write(&place, 2, "xx".into(), Terms { if_match: first.as_deref(), ..Terms::default() })
        .await
        .unwrap()
        .etag;
    fs::write(owner.root().join("data"), "somebody else's, longer").unwrap();
    for etag in [&first, &second] {
        let written = remote
            .write(&place, 0, "yy".into(), Terms { if_match: etag.as_deref(), ..Terms::default() })
            .await;
        assert_eq!(refused(written), Code::Changed);
    }
    assert_eq!(fs::read(owner.root().join("data")).unwrap(), b"somebody else's, longer");
    let too_much = vec![0; lanyard_drive::wire::MAX_WRITE + 1];
    assert_eq!(refused(remote.write(&place, 0, too_much.into(), Terms::default()).await), Code::Mismatch);
    assert_eq!(
        refused(remote.write(&place, u64::MAX - 5, "zzzzzzzz".into(), Terms::default()).await),
        Code::DiskFull
    );
}
