use crate::world::{Owner, Reader, SHARE};
use http::Method;
use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const SECRET: &[u8] = b"the secret outside";

fn with_secret() -> Owner {
    let owner = Owner::new();
    let outside = owner.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), SECRET).unwrap();
    fs::create_dir(owner.root().join("in")).unwrap();
    owner
}

fn holds_secret(body: &[u8]) -> bool {
    body.windows(SECRET.len()).any(|window| window == SECRET)
        || body.windows(6).any(|window| window == b"secret")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_share() {
    let owner = with_secret();
    symlink("../outside", owner.root().join("out")).unwrap();
    symlink(owner.dir.path().join("outside/secret"), owner.root().join("direct")).unwrap();
    symlink("in", owner.root().join("stays-inside")).unwrap();
    fs::write(owner.root().join("in/file"), b"fine").unwrap();
    let absolute = owner.dir.path().join("outside/secret").to_string_lossy().into_owned();
    let paths = [
        "../outside/secret",
        "in/../../outside/secret",
        "%2e%2e/outside/secret",
        "..%2foutside%2fsecret",
        "%2e%2e%2foutside%2fsecret",
        "in%2f..%2f..%2foutside%2fsecret",
        "out/secret",
        "direct",
        "stays-inside/file",
        "in//file",
        "./in/file",
        "in/./file",
        "in%00/file",
        "..%5coutside%5csecret",
        "%252e%252e/outside/secret",
        absolute.as_str(),
        "/",
        "..",
    ];
    let reader = Reader::new(&owner);
    for path in paths {
        for verb in ["list", "stat", "manifest", "file"] {
            if verb == "stat" && path == "direct" {
                continue; // a link may be looked at, as a link
            }
            let (status, body) = reader.raw_get(verb, &format!("path={path}")).await;
            assert!((400..500).contains(&status), "{verb} {path}: {status}");
            assert!(!holds_secret(&body), "{verb} {path}");
        }
    }
    assert_eq!(reader.raw_get("file", "path=in/file").await, (200, b"fine".to_vec()));
    let (_, body) = reader.raw_get("stat", "path=direct").await;
    assert!(String::from_utf8_lossy(&body).contains("\"other\""), "a link is a link");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_outside_of_the_share() {
    let owner = with_secret();
    symlink("../outside", owner.root().join("out")).unwrap();
    symlink("../outside/new", owner.root().join("dangling")).unwrap();
    let reader = Reader::new(&owner);
    let content = b"planted";
    let mut body = content.to_vec();
    body.extend_from_slice(blake3::hash(content).as_bytes());
    for path in
        ["../planted", "out/planted", "dangling", "%2e%2e/planted", "/tmp/planted", "in/../../planted"]
    {
        for conflict in ["refuse", "replace"] {
            let uri = format!("/v1/drives/{SHARE}/file?path={path}&conflict={conflict}");
            let body = lanyard_link::body::full(body.clone());
            let (status, _) = reader.raw(Method::PUT, &uri, &[("lanyard-size", "7")], body).await;
            assert!((400..500).contains(&status), "{path} {conflict}: {status}");
        }
    }
    assert_eq!(crate::world::names(&owner.dir.path().join("outside")), ["secret"]);
    assert_eq!(owner.names(), ["dangling", "in", "out"], "and the links are still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_swapped_in_while_we_look_leads_nowhere() {
    let owner = with_secret();
    let root = owner.root();
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/secret"), b"inside").unwrap();
    symlink("../outside", root.join("trap")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (stop, root) = (Arc::clone(&stop), root.clone());
        std::thread::spawn(move || {
            let mut swaps = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                // The name `door` is now a folder of the share, now a link out of it, without a moment in between.
                fs::rename(root.join("real"), root.join("door")).unwrap();
                fs::rename(root.join("door"), root.join("real")).unwrap();
                fs::rename(root.join("trap"), root.join("door")).unwrap();
                fs::rename(root.join("door"), root.join("trap")).unwrap();
                swaps += 1;
            }
            swaps
        })
    };
    let reader = Reader::new(&owner);
    let (begun, mut inside, mut refused) = (Instant::now(), 0, 0);
    while begun.elapsed() < Duration::from_secs(3) {
        let (status, body) = reader.raw_get("file", "path=door/secret").await;
        assert_ne!(body, SECRET, "the link was followed");
        match status {
            200 => {
                assert_eq!(body, b"inside");
                inside += 1;
            }
            _ => refused += 1,
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapper.join().unwrap();
    assert!(inside > 0 && refused > 0 && swaps > 100, "the race was real: {inside}, {refused}, {swaps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_share_or_none_is_unknown() {
    let owner = with_secret();
    let reader = Reader::new(&owner);
    for uri in [
        "/v1/drives/other/list?path=",
        "/v1/drives//list?path=",
        "/v1/drives/docs%2f../list?path=",
        "/v1/drives/docs",
    ] {
        let (status, _) = reader.raw(Method::GET, uri, &[], lanyard_link::body::empty()).await;
        assert_eq!(status, 404, "{uri}");
    }
}
