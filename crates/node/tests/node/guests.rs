//! Guests with nothing but a browser: in by a link or a PIN, for one thing, until it ends.

use crate::{
    phone::{BOUNDARY, Part, Phone, form},
    start,
};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use lanyard_api::{
    ApiError, Audience, ErrorCode, Grant, Job, JobState, NewPass, Pass, PassAction, Request, Response, Share,
};
use lanyard_node::Node;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EVIL: &str = "<img src=x onerror=alert(1)>\"'";
const ESCAPED: &str = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;";

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

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_ended_cuts_a_download_and_shuts_the_door() {
    let host = Host::start().await;
    host.put("film.bin", &vec![1; 64 << 20]);
    let share = host.folder("Films").await;
    let (pass, other) =
        (host.pass(&share, PassAction::Read).await, host.pass(&share, PassAction::Read).await);
    let (phone, neighbour) = (Phone::by_link(&pass).await, Phone::by_link(&other).await);
    let begin = async |phone: &Phone| {
        let request = phone.request(Method::GET, "/g/file?path=film.bin").body(Full::default()).unwrap();
        let mut body = phone.begin(request).await.into_body();
        body.frame().await.unwrap().unwrap();
        body
    };
    let (mut cut, mut whole) = (begin(&phone).await, begin(&neighbour).await);
    host.end(&pass).await;
    let ended = Instant::now();
    let mut rest = 0;
    let error = loop {
        match cut.frame().await {
            Some(Ok(frame)) => rest += frame.into_data().map_or(0, |bytes| bytes.len()),
            other => break other,
        }
    };
    println!("cut {} ms after the click, {rest} bytes were still on their way", ended.elapsed().as_millis());
    assert!(matches!(error, Some(Err(_))), "broken off, not ended: {error:?}");
    assert!(rest < 32 << 20 && ended.elapsed() < Duration::from_secs(2));
    let mut got = 0;
    while let Some(frame) = whole.frame().await {
        got += frame.unwrap().into_data().map_or(0, |bytes| bytes.len());
    }
    assert!(got > 60 << 20, "the other guest's goes on");

    let answer = phone.get("/g/").await;
    assert_eq!((answer.status, answer.at()), (StatusCode::SEE_OTHER, "/g"), "out");
    assert_eq!(phone.get("/g/file?path=film.bin").await.status, StatusCode::SEE_OTHER);
    let again = Phone::of(&pass).open(&pass.link).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the link opens nothing any more");
    let Response::Shares(shares) = host.node.handle(Request::Shares).await.unwrap() else { panic!() };
    assert_eq!(shares[0].policy.audience.len(), 2, "everyone as before, and the other guest");
    host.end(&other).await;
    assert!(phone.connect().await.is_err(), "with the last pass the door is shut");
    let pass = host.pass(&share, PassAction::Read).await;
    assert_eq!(Phone::by_link(&pass).await.get("/g/").await.status, StatusCode::OK, "and opens again");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_ends_in_time_and_with_its_share() {
    let host = Host::start().await;
    let share = host.folder("Photos").await;
    let short = host.try_pass(&share.id, PassAction::Read, Duration::from_millis(1500)).await.unwrap();
    let phone = Phone::by_link(&short).await;
    assert_eq!(phone.get("/g/").await.status, StatusCode::OK);
    eventually("the pass has ended", async || host.passes().await.is_empty()).await;
    eventually("the door is shut", async || phone.connect().await.is_err()).await;

    let (pass, printing) = (
        host.pass(&share, PassAction::Add).await,
        host.pass(&host.printer("P").await, PassAction::Print).await,
    );
    let phone = Phone::by_link(&pass).await;
    host.node.handle(Request::Unshare { share: share.id.clone() }).await.unwrap();
    let answer = phone.form("/g/upload", &[Part::File("late.txt", b"late")]).await;
    assert!(!answer.status.is_success(), "{}", answer.status);
    assert!(host.names().is_empty());
    eventually("the pass has ended with its share", async || host.passes().await.len() == 1).await;
    assert_eq!(host.passes().await[0].id, printing.pass.id);
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_pins_burn_it_for_good_and_the_owner_sees_that() {
    let host = Host::start().await;
    let share = host.folder("Photos").await;
    let (pass, other) =
        (host.pass(&share, PassAction::Read).await, host.pass(&share, PassAction::Read).await);
    let wrong = if pass.pin == "31415926" { "31415927" } else { "31415926" };
    let mut phone = Phone::of(&pass);
    for text in ["", "1234", "12345678x"] {
        assert_eq!(phone.pin(&pass, text).await.status, StatusCode::FORBIDDEN, "no guess: {text}");
    }
    for _ in 0..4 {
        assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::FORBIDDEN);
    }
    assert!(host.passes().await.iter().all(|pass| !pass.pin_burned));
    assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        phone.pin(&pass, &pass.pin).await.status,
        StatusCode::FORBIDDEN,
        "the right one comes too late"
    );
    assert!(phone.cookie.is_none());
    let passes = host.passes().await;
    let burned: Vec<&str> =
        passes.iter().filter(|pass| pass.pin_burned).map(|pass| pass.id.as_str()).collect();
    assert_eq!(burned, [pass.pass.id.as_str()]);
    assert_eq!(phone.pin(&other, &other.pin).await.status, StatusCode::SEE_OTHER, "others are not touched");
    assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::TOO_MANY_REQUESTS, "ten tries a minute");
    Phone::by_link(&pass).await;

    host.node.stop().await;
    let node = start(host.data.path()).await;
    let Response::Passes(passes) = node.handle(Request::Passes).await.unwrap() else { panic!() };
    assert_eq!(passes.iter().filter(|pass| pass.pin_burned).count(), 1, "remembered over a restart");
    assert_eq!(Phone::of(&pass).pin(&pass, &pass.pin).await.status, StatusCode::FORBIDDEN);
    assert!(
        phone.get("/g/").await.status == StatusCode::SEE_OTHER,
        "cookies are worth nothing after a restart"
    );
    assert_eq!(Phone::of(&pass).pin(&other, &other.pin).await.status, StatusCode::SEE_OTHER);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_elsewhere_can_make_a_browser_send_does_not_get_in() {
    let host = Host::start().await;
    let pass = host.pass(&host.printer("Laser").await, PassAction::Print).await;
    let phone = Phone::by_link(&pass).await;
    let ours = format!("https://{}", phone.address);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let document = form(&[Part::File("a.txt", b"text")]);
    type Case<'a> = (&'static str, u16, &'a [(&'static str, &'a str)]);
    let cases: [Case<'_>; 9] = [
        ("DNS rebinding", 421, &[("host", "rebind.evil.example"), ("origin", &ours)]),
        ("another address", 421, &[("host", "192.0.2.1:7717"), ("origin", &ours)]),
        ("a form from elsewhere", 403, &[("origin", "https://evil.example")]),
        ("a hidden origin", 403, &[("origin", "null")]),
        ("no origin", 403, &[]),
        ("http", 403, &[("origin", &ours.replace("https", "http"))]),
        ("cross-site", 403, &[("origin", &ours), ("sec-fetch-site", "cross-site")]),
        ("same-site", 403, &[("origin", &ours), ("sec-fetch-site", "same-site")]),
        ("text", 415, &[("origin", &ours), ("content-type", "text/plain")]),
    ];
    for (case, expected, headers) in cases {
        let mut request = phone.request(Method::POST, "/g/print");
        let set = request.headers_mut().unwrap();
        set.insert("content-type", kind.parse().unwrap());
        for (name, value) in headers {
            set.insert(http::HeaderName::from_static(name), value.parse().unwrap());
        }
        let answer = phone.send(request.body(Full::new(document.clone().into())).unwrap()).await;
        assert_eq!(answer.status, expected, "{case}");
        is_page(&answer);
    }
    for (name, value, expected) in [
        ("host", "rebind.evil.example", 421),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", "https://evil.example", 403),
    ] {
        let mut request = phone.request(Method::GET, "/g/").body(Full::default()).unwrap();
        request.headers_mut().insert(http::HeaderName::from_static(name), value.parse().unwrap());
        assert_eq!(phone.send(request).await.status, expected, "{name}: {value}");
    }
    let preflight = phone.request(Method::OPTIONS, "/g/print").header("origin", "https://evil.example");
    let preflight = preflight.header("access-control-request-method", "POST").body(Full::default()).unwrap();
    let answer = phone.send(preflight).await;
    assert!(!answer.status.is_success());
    is_page(&answer);
    assert!(host.jobs().await.is_empty());
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_opens_its_own_pass_and_nothing_of_another() {
    let host = Host::start().await;
    host.put("a.txt", b"a");
    let printer = host.printer("Laser").await;
    let printing = Phone::by_link(&host.pass(&printer, PassAction::Print).await).await;
    let reading = Phone::by_link(&host.pass(&host.folder("Photos").await, PassAction::Read).await).await;
    let answer = printing.form("/g/print", &[Part::File("letter.txt", b"Dear aunt")]).await;
    let job = answer.at().to_owned();
    let other = Phone::by_link(&host.pass(&printer, PassAction::Print).await).await;
    assert_eq!(printing.get(&job).await.status, StatusCode::OK);
    assert_eq!(other.get(&job).await.status, StatusCode::NOT_FOUND, "another guest's job");
    assert_eq!(reading.get(&job).await.status, StatusCode::NOT_FOUND);
    assert_eq!(printing.get("/g/file?path=a.txt").await.status, StatusCode::NOT_FOUND);
    assert_eq!(reading.get("/g/file?path=a.txt").await.status, StatusCode::OK);
    let mut nobody = printing.clone();
    for cookie in ["", "__Host-lanyard=", "__Host-lanyard=AAAAAAAAAAAAAAAAAAAAAA"] {
        nobody.cookie = Some(cookie.to_owned());
        assert_eq!(nobody.get("/g/").await.status, StatusCode::SEE_OTHER, "{cookie}");
        let answer = nobody.form("/g/print", &[Part::File("a.txt", b"text")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{cookie}");
    }
    let leave = printing.send(printing.post("/g/leave", "application/x-www-form-urlencoded", "")).await;
    assert_eq!((leave.status, leave.at()), (StatusCode::SEE_OTHER, "/g"));
    assert!(leave.header("set-cookie").ends_with("Max-Age=0"));
    assert_eq!(printing.get(&job).await.status, StatusCode::SEE_OTHER, "whoever left is out");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_becomes_a_part_of_the_page() {
    let host = Host::start().await;
    host.node.handle(Request::Rename { name: EVIL.into() }).await.unwrap();
    host.put(EVIL, b"x");
    let reading = Phone::by_link(&host.pass(&host.folder(EVIL).await, PassAction::Read).await).await;
    let printing =
        Phone::by_link(&host.pass(&host.printer(&format!("P{EVIL}")).await, PassAction::Print).await).await;
    let adding = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let request =
            Request::ShareFolder { path, name: None, write: false, audience: Vec::new(), until: None };
        let Response::Share(share) = host.node.handle(request).await.unwrap() else { panic!() };
        let phone = Phone::by_link(&host.pass(&share, PassAction::Add).await).await;
        let name = EVIL.replace('"', "%22");
        phone.form("/g/upload", &[Part::File(&name, b"x")]).await
    };
    let answer = printing.form("/g/print", &[Part::File("<script>alert(1)</script>.txt", b"text")]).await;
    let job = printing.get(answer.at()).await;
    for page in [reading.get("/g/").await, printing.get("/g/").await, adding, job] {
        let text = page.text();
        assert!(!text.contains("<img") && !text.contains("<script>"), "{text}");
        assert!(text.contains("&lt;"), "the name is there as text: {text}");
    }
    assert!(reading.get("/g/").await.text().matches(ESCAPED).count() >= 3, "share, device and file");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_bodies_that_hardly_move_hold_nobody_up() {
    let host = Host::start().await;
    let pass = host.pass(&host.printer("Laser").await, PassAction::Print).await;
    let phone = Phone::by_link(&pass).await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut stream = phone.connect().await.unwrap();
        let head = format!(
            "POST /g/print HTTP/1.1\r\nhost: {0}\r\norigin: https://{0}\r\ncookie: {1}\r\ncontent-length: 100000\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n--{BOUNDARY}\r\nContent-Disp",
            phone.address,
            phone.cookie.as_deref().unwrap()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    let begun = Instant::now();
    let answer = phone.form("/g/print", &[Part::File("letter.txt", b"Dear aunt")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    println!("printed beside ten slow bodies in {} ms", begun.elapsed().as_millis());
    assert!(begun.elapsed() < Duration::from_secs(2));
    host.end(&pass).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(3), slow[0].read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the end of the pass ends them");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_made_only_for_what_makes_sense() {
    let host = Host::start().await;
    let (printer, folder) = (host.printer("Laser").await, host.folder("Photos").await);
    let hour = Duration::from_secs(3600);
    let code = async |share: &str, action, time| host.try_pass(share, action, time).await.unwrap_err().code;
    assert_eq!(code("nothing", PassAction::Read, hour).await, ErrorCode::NotFound);
    assert_eq!(code(&printer.id, PassAction::Read, hour).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Print, hour).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Read, Duration::ZERO).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Read, 31 * 24 * hour).await, ErrorCode::Invalid);
    let pass = host.pass(&folder, PassAction::Read).await;
    assert_eq!(pass.pin.len(), 8);
    assert!(pass.link.starts_with("https://127.0.0.1:") && pass.link.len() < 60, "{}", pass.link);
    assert!(pass.qr.len() >= 25 && pass.qr.iter().all(|row| row.len() == pass.qr.len()));
    for _ in 1..32 {
        host.pass(&folder, PassAction::Read).await;
    }
    assert_eq!(code(&folder.id, PassAction::Read, hour).await, ErrorCode::Busy);
    let mut pages: Vec<String> = Vec::new();
    pages.extend(host.passes().await.into_iter().map(|pass| pass.id));
    pages.sort();
    pages.dedup();
    assert_eq!(pages.len(), 32);
    let ended = host.node.handle(Request::EndPass { pass: "no such pass".into() }).await.unwrap_err();
    assert_eq!(ended.code, ErrorCode::NotFound);
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pass_the_port_does_not_speak_to_browsers() {
    let host = Host::start().await;
    let pass = host.pass(&host.folder("Photos").await, PassAction::Read).await;
    let phone = Phone::of(&pass);
    phone.connect().await.unwrap();
    let mut other = pass.clone();
    other.fingerprint = other.fingerprint.replace(|c: char| c.is_ascii_digit(), "A");
    assert!(Phone::of(&other).connect().await.is_err(), "the fingerprint that is shown is the certificate's");
    host.end(&pass).await;
    assert!(phone.connect().await.is_err());
    let plainly = async || {
        let mut plain = tokio::net::TcpStream::connect(phone.address).await.unwrap();
        plain.write_all(b"GET /g HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(!plainly().await.starts_with("HTTP"), "never without encryption");
    // A printer for everyone on the network opens the port to printing, and to nothing of the guests'.
    host.printer("Laser").await;
    eventually("the port is open", async || plainly().await.starts_with("HTTP/1.1 404")).await;
    assert_eq!(phone.get("/g").await.status, StatusCode::NOT_FOUND, "there is no pass any more");
    assert_eq!(phone.get("/g/").await.status, StatusCode::NOT_FOUND);
    host.node.stop().await;
}
