//! What a stranger may try at this door: after each of it the door answers everybody else as before.

use super::Server;
use crate::world::names;
use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const SECRET: &str = "the secret outside";

fn with_secret() -> Server {
    let server = Server::new();
    let outside = server.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), SECRET).unwrap();
    fs::create_dir(server.root().join("in")).unwrap();
    fs::write(server.root().join("in/file"), "fine").unwrap();
    server
}

impl Server {
    /// That nothing outside of the folder was touched.
    fn assert_outside_is_untouched(&self, what: &str) {
        let outside = self.dir.path().join("outside");
        assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), SECRET, "{what}");
        assert_eq!(names(&outside), ["secret"], "{what}");
        let above = names(self.dir.path());
        assert!(above.iter().all(|name| !name.contains("evil")), "{what}: {above:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_leads_out_of_the_share() {
    let server = with_secret();
    symlink("../outside", server.root().join("out")).unwrap();
    symlink("../outside/secret", server.root().join("direct")).unwrap();
    let absolute = server.dir.path().join("outside/secret").to_string_lossy().into_owned();
    let paths = [
        "/../outside/secret",
        "/in/../../outside/secret",
        "/%2e%2e/outside/secret",
        "/%2E%2E%2Foutside%2Fsecret",
        "/in/..%2f..%2foutside%2fsecret",
        "/..%5Coutside%5Csecret",
        "/C%3A%5Cevil",
        "/%5C%5C%3F%5Cevil",
        "/%252e%252e/outside/secret",
        "/out/secret",
        "/out/evil",
        "/direct",
        "/%00",
        "/in%00/evil",
        "/%ff",
        "/%c0%ae%c0%ae/outside/secret",
        "/%",
        "//outside/secret",
        "/./in/file",
        "/in//file",
        absolute.as_str(),
    ];
    for path in paths {
        for method in ["GET", "HEAD", "PROPFIND", "PROPPATCH", "DELETE", "LOCK", "MKCOL", "PUT"] {
            let answer = server.ask(method, path, &[("Depth", "0")], "").await;
            assert!(!answer.text().contains(SECRET), "{method} {path}");
            server.assert_outside_is_untouched(&format!("{method} {path}"));
        }
        // The same as the other end of a way.
        for method in ["COPY", "MOVE"] {
            let to = format!("/dav/x{path}");
            let answer = server.ask(method, "/in/file", &[("Destination", &to)], "").await;
            server.assert_outside_is_untouched(&format!("{method} to {path}: {}", answer.status));
            let to = format!("{}taken", server.url());
            server.ask(method, path, &[("Destination", &to), ("Overwrite", "T")], "").await;
            assert!(
                !server.has("taken") || fs::read_to_string(server.root().join("taken")).unwrap() != SECRET
            );
            if !server.has("in/file") {
                fs::create_dir_all(server.root().join("in")).unwrap();
                server.write("in/file", "fine");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_overran_others_are_refused_and_nothing_ends() {
    let server = with_secret();
    let nested = |count: usize| format!("{}{}", "<a>".repeat(count), "</a>".repeat(count));
    let in_prop = format!("<propfind xmlns='DAV:'><prop>{}</prop></propfind>", nested(5_000));
    let lol = "<!DOCTYPE l [<!ENTITY a 'haha'><!ENTITY b '&a;&a;&a;&a;'>]><propfind xmlns='DAV:'><prop>&b;</prop></propfind>";
    let outside = "<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><propertyupdate xmlns='DAV:'><set><prop><x xmlns='u'>&a;</x></prop></set></propertyupdate>";
    let long = format!("<propfind xmlns='DAV:'>{}</propfind>", " ".repeat(70_000));
    for body in [
        nested(9_000),
        "<a>".repeat(20_000),
        in_prop,
        lol.to_owned(),
        outside.to_owned(),
        long,
        "\u{0}".to_owned(),
    ] {
        for method in ["PROPFIND", "PROPPATCH", "LOCK"] {
            let answer = server.ask(method, "/in/file", &[("Depth", "0")], &body).await;
            let shown: String = body.chars().take(30).collect();
            assert!(matches!(answer.status, 400 | 413), "{method} with {shown}: {}", answer.status);
            assert!(!answer.has("root:"), "nothing is read from elsewhere");
        }
    }
    assert_eq!(server.ask("GET", "/in/file", &[], "").await.text(), "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_in_while_a_client_writes_leads_nowhere() {
    let server = Arc::new(with_secret());
    let (folder, link) = (server.root().join("swap"), server.root().join("swap-link"));
    fs::create_dir(&folder).unwrap();
    symlink("../outside", &link).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = {
        let (stop, aside) = (Arc::clone(&stop), server.root().join("swap-aside"));
        std::thread::spawn(move || {
            let mut rounds = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                // Whatever fails meanwhile (a client made or removed the name) is tried again.
                let _ = fs::rename(&folder, &aside);
                let _ = fs::rename(&link, &folder);
                let _ = fs::rename(&folder, &link);
                let _ = fs::rename(&aside, &folder);
                rounds += 1;
            }
            rounds
        })
    };
    let (begun, mut tried) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(10) || tried < 100 {
        let to = format!("{}swap/evil", server.url());
        for (method, path, headers) in [
            ("PUT", "/swap/evil", &[][..]),
            ("GET", "/swap/secret", &[]),
            ("PROPFIND", "/swap/", &[("Depth", "1")]),
            ("COPY", "/in/file", &[("Destination", to.as_str())]),
            ("LOCK", "/swap/evil2", &[]),
            ("DELETE", "/swap/secret", &[]),
            ("MKCOL", "/swap/evil3", &[]),
        ] {
            let answer = server.ask(method, path, headers, "").await;
            assert!(
                !answer.has(SECRET) && !answer.has("/swap/secret</D:href>"),
                "{method}: {}",
                answer.text()
            );
            tried += 1;
        }
        server.assert_outside_is_untouched("while links are swapped");
    }
    stop.store(true, Ordering::SeqCst);
    let rounds = swapping.join().unwrap();
    println!("{tried} requests while the link was swapped {rounds} times");
    assert!(rounds > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_and_headers_that_make_no_sense_hold_nobody_up() {
    let server = with_secret();
    let pipe = server.root().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for method in ["GET", "PUT", "PROPFIND", "LOCK", "COPY", "MOVE", "PROPPATCH"] {
        let to = format!("{}x", server.url());
        let headers = [("Destination", to.as_str()), ("Depth", "0")];
        let asked = server.ask(method, "/pipe", &headers, "");
        let answer = tokio::time::timeout(Duration::from_secs(20), asked).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} waits for a pipe"));
        assert!(answer.status >= 400, "{method}: {}", answer.status);
    }
    let long = format!("({})", "<urn:x>".repeat(500));
    for (name, value) in [
        ("If", long.as_str()),
        ("If", "(((("),
        ("If", "<x> ("),
        ("Depth", "1.5"),
        ("Timeout", "Second-99999999999999999999999"),
        ("Destination", "%ff"),
        ("Overwrite", "maybe"),
        ("Range", "bytes=0-,-1,9999999999999999999999-"),
        ("X-OC-Mtime", "99999999999999999999"),
        ("X-Expected-Entity-Length", "-1"),
        ("Lock-Token", "<>"),
    ] {
        for method in ["GET", "PUT", "COPY", "LOCK", "UNLOCK", "PROPFIND", "DELETE"] {
            let answer = server.ask(method, "/nothing/here", &[(name, value)], "").await;
            assert!(
                (400..500).contains(&answer.status) || answer.status == 502,
                "{method} {name}: {}",
                answer.status
            );
        }
    }
    assert_eq!(server.ask("GET", "/in/file", &[], "").await.text(), "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_does_not_open_everything_at_once() {
    let server = with_secret();
    server.write("large", vec![b'x'; 32 << 20]);
    let mut open = Vec::new();
    let request = format!("GET /dav/x/large HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut statuses = Vec::new();
    // One address has 16 places, and one caller 24 files: what is not answered now is refused, not queued.
    for _ in 0..40 {
        let Ok(mut stream) = tokio::net::TcpStream::connect(server.address).await else { continue };
        let _ = stream.write_all(request.as_bytes()).await;
        let mut head = [0; 12];
        if stream.read_exact(&mut head).await.is_ok() {
            statuses.push(String::from_utf8_lossy(&head[9..]).into_owned());
        }
        open.push(stream);
    }
    let served = statuses.iter().filter(|status| *status == "200").count();
    assert!((8..=24).contains(&served), "{statuses:?}");
    drop(open);
    let begun = Instant::now();
    loop {
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let last =
            format!("GET /dav/x/in/file HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        let _ = stream.write_all(last.as_bytes()).await;
        let mut answer = String::new();
        if stream.read_to_string(&mut answer).await.is_ok() && answer.ends_with("fine") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody is served any more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
