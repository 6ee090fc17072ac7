//! What others can make a guest's browser send, or send themselves, comes to nothing.

use super::{Host, is_page};
use crate::phone::{BOUNDARY, Part, Phone, form};
use http::{Method, StatusCode};
use http_body_util::Full;
use lanyard_api::{PassAction, Request, Response};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EVIL: &str = "<img src=x onerror=alert(1)>\"'";
const ESCAPED: &str = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;";

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
