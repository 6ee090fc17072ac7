//! The standard door, spoken to in raw bytes: what clients rely on, and what a stranger may try.

mod attacks;
mod changing;
mod clients;
mod locking;
mod reading;

use crate::world::{Rules, SHARE};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use lanyard_drive::offer::{
    Offer,
    dav::{self, Dav, Mounted},
};
use lanyard_link::{Body, Caller, Doors, Incoming, Limits, Listener, Serve, Visit, Visitor};
use lanyard_store::Store;
use lanyard_trust::{Identity, PlainId, ShareId, Subject, Who};
use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// A computer that offers a folder to whoever comes, over a real listener.
struct Server {
    /// Holds the folder, and what must not be reached beside it.
    dir: TempDir,
    rules: Arc<Rules>,
    address: SocketAddr,
    _cancel: tokio_util::sync::DropGuard,
}

struct Door(Arc<Dav>);

impl Visit for Door {
    fn visit(&self, visitor: Visitor, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let dav = Arc::clone(&self.0);
        let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
        let mounted = Mounted {
            share: ShareId(SHARE.to_owned()),
            name: "Documents".to_owned(),
            base: "/dav/x".to_owned(),
            authority: host.unwrap_or_default(),
        };
        // Two people on one computer: told apart by a header that no client of ours knows.
        let mut who = visitor.remote.ip();
        if request.headers().contains_key("x-somebody-else") {
            who = "10.9.9.9".parse().unwrap();
        }
        let subject = Subject { who: Who::Plain(PlainId::of(who)), on_own_network: true };
        async move {
            if request.uri().path() == "/dav/" {
                let shares = [("/dav/x/".to_owned(), "Documents".to_owned())];
                return dav::top("/dav/", &shares, request).await;
            }
            dav.serve(subject, mounted, request).await
        }
        .boxed()
    }
}

impl Serve for Door {
    fn serve(&self, _: Caller, _: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        std::future::ready(Response::new(lanyard_link::body::empty())).boxed()
    }
}

impl Server {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("shared");
        fs::create_dir(&root).unwrap();
        let rules = Arc::new(Rules {
            root: Mutex::new(root),
            shared: true.into(),
            write: true.into(),
            ..Rules::default()
        });
        let store = Store::in_memory(&[dav::MIGRATIONS]).unwrap();
        let door = Arc::new(Door(Dav::new(Offer::new(rules.clone()), store)));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let doors = Doors::new(Limits::default(), |_| false);
        doors.set_plain(Some(door.clone()));
        let cancel = CancellationToken::new();
        let identity = Identity::load_or_create(dir.path()).unwrap();
        tokio::spawn(listener.run(identity, doors, door, cancel.clone()));
        Self { dir, rules, address, _cancel: cancel.drop_guard() }
    }

    fn root(&self) -> PathBuf {
        self.rules.root.lock().unwrap().clone()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.root().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.root().join(name).symlink_metadata().is_ok()
    }

    /// Asks for a path below the share.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        self.ask_at(method, &format!("/dav/x{path}"), headers, body).await
    }

    async fn ask_at(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let body = body.as_ref();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has_length = headers.iter().any(|(name, _)| *name == "Transfer-Encoding");
        if !has_length && (!body.is_empty() || method == "PUT") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), body].concat();
        self.send(&bytes).await
    }

    async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // It may answer and hang up before it has heard all.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(&answer)
    }

    async fn put(&self, path: &str, content: &str) -> u16 {
        self.ask("PUT", path, &[], content).await.status
    }

    /// The share as a client is told of it.
    async fn find(&self, path: &str, depth: &str, body: &str) -> Answer {
        self.ask("PROPFIND", path, &[("Depth", depth)], body).await
    }

    fn url(&self) -> String {
        format!("http://{}/dav/x/", self.address)
    }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let rest = &bytes[end + 4..];
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { dechunked(rest) } else { rest.to_vec() };
        Self { status, head, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
