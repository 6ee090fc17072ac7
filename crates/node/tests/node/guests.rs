//! Guests with nothing but a browser: in by a link or a PIN, for one thing, until it ends.

mod hostile;
mod passes;

use crate::{
    phone::{BOUNDARY, Part, Phone, form},
    start,
};
use http::{Method, StatusCode};
use http_body_util::Full;
use lanyard_api::{
    ApiError, Audience, Grant, Job, JobState, NewPass, Pass, PassAction, Request, Response, Share,
};
use lanyard_node::Node;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

struct Host {
    node: Node,
    data: TempDir,
    folder: TempDir,
}

impl Host {
    async fn start() -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let node = start(data.path()).await;
        Self { node, data, folder }
    }

    async fn printer(&self, name: &str) -> Share {
        let request = Request::SharePrinter {
            queue: "save-as-pdf".into(),
            name: Some(name.into()),
            audience: Vec::new(),
            until: None,
        };
        let Response::Share(share) = self.node.handle(request).await.unwrap() else { panic!() };
        share
    }

    /// For nobody but guests: one for everyone on the network would open the door for file managers, too.
    async fn folder(&self, name: &str) -> Share {
        let request = Request::ShareFolder {
            path: self.folder.path().to_str().unwrap().to_owned(),
            name: Some(name.into()),
            write: false,
            audience: vec![Grant::to(Audience::Home)],
            until: None,
        };
        let Response::Share(share) = self.node.handle(request).await.unwrap() else { panic!() };
        share
    }

    async fn pass(&self, share: &Share, action: PassAction) -> NewPass {
        self.try_pass(&share.id, action, Duration::from_secs(7200)).await.unwrap()
    }

    async fn try_pass(&self, share: &str, action: PassAction, time: Duration) -> Result<NewPass, ApiError> {
        let until = now() + i64::try_from(time.as_millis()).unwrap();
        let request = Request::CreatePass { share: share.into(), action, until, label: "Aunt".into() };
        match self.node.handle(request).await? {
            Response::NewPass(pass) => Ok(pass),
            other => panic!("{other:?}"),
        }
    }

    async fn passes(&self) -> Vec<Pass> {
        let Response::Passes(passes) = self.node.handle(Request::Passes).await.unwrap() else { panic!() };
        passes
    }

    async fn end(&self, pass: &NewPass) {
        self.node.handle(Request::EndPass { pass: pass.pass.id.clone() }).await.unwrap();
    }

    async fn jobs(&self) -> Vec<Job> {
        let Response::Jobs(jobs) = self.node.handle(Request::Jobs).await.unwrap() else { panic!() };
        jobs
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The smallest PDF that every reader takes.
fn pdf() -> Vec<u8> {
    let mut text = String::from("%PDF-1.4\n");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
    ];
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(text.len());
        text += &format!("{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let table = text.len();
    text += "xref\n0 4\n0000000000 65535 f \n";
    for place in places {
        text += &format!("{place:010} 00000 n \n");
    }
    text += &format!("trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n");
    text.into_bytes()
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(Instant::now() < patience, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_page(answer: &crate::phone::Answer) {
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_prints_with_a_pin_and_without_a_script_and_sees_it_done() {
    let host = Host::start().await;
    let pass = host.pass(&host.printer("Laser").await, PassAction::Print).await;
    let mut phone = Phone::of(&pass);
    let page = phone.get(pass.page.split_once(&phone.address.to_string()).unwrap().1).await;
    is_page(&page);
    assert!(
        page.text().contains("action=\"/g/pin\"") && !page.text().contains("Laser"),
        "nothing is told yet"
    );
    let answer = phone.pin(&pass, &pass.pin).await;
    assert_eq!((answer.status, answer.at()), (StatusCode::SEE_OTHER, "/g/"));
    let page = phone.get("/g/").await;
    is_page(&page);
    assert!(page.text().contains("Laser") && page.text().contains("enctype=\"multipart/form-data\""));

    let document = pdf();
    let answer =
        phone.form("/g/print", &[Part::Field("copies", "1"), Part::File("letter.pdf", &document)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let job = answer.at().to_owned();
    assert!(job.starts_with("/g/job/"));
    eventually("the page says that it is printed", async || {
        let page = phone.get(&job).await;
        is_page(&page);
        let done = page.text().contains(">Printed<");
        assert_eq!(page.text().contains("http-equiv=\"refresh\""), !done, "it looks again until it is done");
        assert!(page.text().contains("letter.pdf"));
        done
    })
    .await;
    let jobs = host.jobs().await;
    assert_eq!((jobs.len(), jobs[0].state), (1, JobState::Done));
    assert_eq!((jobs[0].device_name.as_str(), jobs[0].title.as_str()), ("Aunt", "letter.pdf"));
    let printed: Vec<_> =
        fs::read_dir(host.data.path().join("downloads/Printed")).into_iter().flatten().flatten().collect();
    let printed = if printed.is_empty() { walk(host.data.path(), "letter") } else { vec![printed[0].path()] };
    assert_eq!(fs::read(&printed[0]).unwrap(), document, "the very document is on paper");
    assert!(host.passes().await[0].last_used.is_some());
    host.node.stop().await;
}

/// Files below `dir` whose name begins like that.
fn walk(dir: &Path, begin: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path, begin));
        } else if path.file_name().unwrap().to_str().unwrap().starts_with(begin) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_printed_is_refused_in_words_and_leaves_nothing_behind() {
    let host = Host::start().await;
    let pass = host.pass(&host.printer("Laser").await, PassAction::Print).await;
    let phone = Phone::by_link(&pass).await;
    let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\xff\xfe";
    for (parts, words) in [
        (vec![Part::File("a.exe", program)], "can&#39;t be printed"),
        (vec![Part::File("a.pdf", b"")], "Choose a file"),
        (vec![Part::File("", b"")], "Choose a file"),
        (vec![Part::Field("copies", "2")], "Choose a file"),
    ] {
        let answer = phone.form("/g/print", &parts).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
    }
    let whole = form(&[Part::File("letter.pdf", &pdf())]);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let cut = phone.send(phone.post("/g/print", &kind, whole[..whole.len() - 30].to_vec())).await;
    assert_eq!(cut.status, StatusCode::UNPROCESSABLE_ENTITY, "a form that ends in the middle");
    assert!(host.jobs().await.is_empty());
    let spool = host.data.path().join("spool/in");
    assert_eq!(fs::read_dir(spool).unwrap().count(), 0, "nothing waits in the spool");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_looks_and_downloads_and_nothing_more() {
    let host = Host::start().await;
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("secret.txt"), b"secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(secret.path(), host.folder.path().join("way-out")).unwrap();
    host.put("sub folder/deep.txt", b"deep");
    host.put("Grüße & <b>.txt", b"0123456789");
    let pass = host.pass(&host.folder("Photos").await, PassAction::Read).await;
    let phone = Phone::by_link(&pass).await;
    let page = phone.get("/g/").await;
    is_page(&page);
    assert!(
        page.text().contains("Grüße &amp; &lt;b&gt;.txt")
            && page.text().contains("/g/list?path=sub%20folder")
    );
    assert!(!page.text().contains("way-out"), "what cannot be opened is not shown");
    let link = page.text().split("href=\"/g/file?").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let path = format!("/g/file?{link}");
    let file = phone.get(&path).await;
    assert_eq!((file.status, &file.body[..]), (StatusCode::OK, &b"0123456789"[..]));
    assert!(file.header("content-disposition").starts_with("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe"));
    assert_eq!(file.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert!(file.headers.keys().all(|name| !name.as_str().starts_with("lanyard-")));

    let part = |if_range: Option<&str>| {
        let mut request = phone.request(Method::GET, &path).header("range", "bytes=2-4");
        if let Some(tag) = if_range {
            request = request.header("if-range", tag.to_owned());
        }
        phone.send(request.body(Full::default()).unwrap())
    };
    for tag in [None, Some(file.header("etag"))] {
        let answer = part(tag).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
        assert_eq!(answer.header("content-range"), "bytes 2-4/10");
    }
    let changed = part(Some("\"another\"")).await;
    assert_eq!((changed.status, changed.body.len()), (StatusCode::OK, 10), "another file is sent whole");

    let deep = phone.get("/g/list?path=sub%20folder").await;
    assert!(deep.text().contains("/g/file?path=sub%20folder/deep.txt"));
    for path in [
        "..",
        "../",
        "%2e%2e",
        "sub%20folder/../..",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "way-out",
        "way-out/secret.txt",
        "a%00b",
        "%ff",
        "sub%20folder/%2e%2e/%2e%2e/etc",
        ".",
        "\\..\\..",
        "nothing",
    ] {
        for door in ["list", "file"] {
            let answer = phone.get(&format!("/g/{door}?path={path}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{door} {path}: {}", answer.text());
            assert!(!answer.text().contains("secret"), "{door} {path}");
        }
    }
    for path in ["/g/print", "/g/upload"] {
        let answer = phone.form(path, &[Part::File("new.txt", b"new")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} is for others");
    }
    for path in ["/", "/g/job/1", "/g/unknown", "/v1/hello", "/rpc", "/g/file/", "/favicon.ico"] {
        assert_eq!(phone.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!host.names().contains(&"new.txt".to_owned()));
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_puts_files_into_a_folder_without_seeing_or_replacing_what_is_there() {
    let host = Host::start().await;
    host.put("letter.txt", b"the owner's");
    let pass = host.pass(&host.folder("Inbox").await, PassAction::Add).await;
    let phone = Phone::by_link(&pass).await;
    let page = phone.get("/g/").await;
    assert!(page.text().contains("multiple") && !page.text().contains("letter"), "nothing of what is there");
    let big = vec![7_u8; 5 << 20];
    let parts = [
        Part::File("letter.txt", b"the guest's"),
        Part::File("big.bin", &big),
        Part::File("../../outside.txt", b"x"),
        Part::File(".hidden", b"y"),
    ];
    let answer = phone.form("/g/upload", &parts).await;
    is_page(&answer);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.text().matches("Arrived").count(), 4);
    assert!(!answer.text().contains("(2)"), "that the name was taken is not told");
    assert_eq!(host.names(), ["big.bin", "hidden", "letter (2).txt", "letter.txt", "outside.txt"]);
    let read = |name: &str| fs::read(host.folder.path().join(name)).unwrap();
    assert_eq!(read("letter.txt"), b"the owner's");
    assert_eq!(read("letter (2).txt"), b"the guest's");
    assert!(read("big.bin") == big);
    for path in ["/g/list", "/g/list?path=", "/g/file?path=letter.txt", "/g/file?path=letter%20(2).txt"] {
        assert_eq!(phone.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let whole = form(&[Part::File("half.bin", &big)]);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let cut = phone.send(phone.post("/g/upload", &kind, whole[..3 << 20].to_vec())).await;
    assert_eq!(cut.status, StatusCode::UNPROCESSABLE_ENTITY);
    let nothing = phone.form("/g/upload", &[Part::File("", b"")]).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(host.names().len(), 5, "whole or not at all: {:?}", host.names());
    host.node.stop().await;
}
