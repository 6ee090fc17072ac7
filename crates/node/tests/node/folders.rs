//! The door for file managers: who is asked for a password, what one is worth, and what is not answered.

use crate::{phone::Phone, start, status};
use http::StatusCode;
use http_body_util::Full;
use lanyard_api::{Grant, NewPass, PassAction, Request as Ask, Response};
use lanyard_node::Node;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn share(node: &Node, folder: &TempDir, name: &str, audience: Vec<Grant>) -> String {
    let path = folder.path().to_str().unwrap().to_owned();
    let ask = Ask::ShareFolder { path, name: Some(name.to_owned()), write: true, audience, until: None };
    let Response::Share(share) = node.handle(ask).await.unwrap() else { panic!() };
    share.id
}

/// Nobody but guests, as long as there is no home.
fn home() -> Vec<Grant> {
    vec![Grant::to(lanyard_api::Audience::Home)]
}

async fn pass(node: &Node, share: &str, action: PassAction) -> NewPass {
    let until = node.core().clock.now().wall + 3_600_000;
    let ask = Ask::CreatePass { share: share.to_owned(), action, until, label: String::new() };
    let Response::NewPass(pass) = node.handle(ask).await.unwrap() else { panic!() };
    pass
}

fn token(pass: &NewPass) -> String {
    pass.link.split_once('#').unwrap().1.to_owned()
}

fn number(pass: &NewPass) -> String {
    pass.page.rsplit('/').next().unwrap().to_owned()
}

struct Client(Phone);

impl Client {
    async fn ask(&self, method: &str, path: &str, login: Option<(&str, &str)>) -> crate::phone::Answer {
        let mut request = self.0.request(method.parse().unwrap(), path).header("depth", "1");
        if let Some((user, password)) = login {
            let text = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
            request = request.header("authorization", format!("Basic {text}"));
        }
        self.0.send(request.body(Full::default()).unwrap()).await
    }

    async fn status(&self, method: &str, path: &str, login: Option<(&str, &str)>) -> u16 {
        self.ask(method, path, login).await.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_comes_in_with_the_secret_or_the_pin_of_a_pass_for_reading() {
    let (data, folder, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("letter.txt"), "Dear reader").unwrap();
    let node = start(data.path()).await;
    let id = share(&node, &folder, "Fotos & mehr", home()).await;
    let hidden = share(&node, &other, "Hidden", home()).await;
    let reader = pass(&node, &id, PassAction::Read).await;
    let adder = pass(&node, &hidden, PassAction::Add).await;
    let client = Client(Phone::of(&reader));
    let (top, letter) = (format!("/dav/{id}/"), format!("/dav/{id}/letter.txt"));

    let asked = client.ask("PROPFIND", &top, None).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(asked.header("www-authenticate"), "Basic realm=\"Lanyard\", charset=\"UTF-8\"");
    assert_eq!(client.status("OPTIONS", "/dav/", None).await, 401);
    assert_eq!(client.status("GET", "/dav/no-such-share/", None).await, 401, "what is there is not told");

    let (secret, number) = (token(&reader), number(&reader));
    for login in [("anybody", secret.as_str()), ("", &secret), (&number, &reader.pin)] {
        assert_eq!(client.status("PROPFIND", &top, Some(login)).await, 207);
        assert_eq!(client.ask("GET", &letter, Some(login)).await.text(), "Dear reader");
    }
    let login = Some(("x", secret.as_str()));
    let list = client.ask("PROPFIND", "/dav/", login).await.text();
    assert!(list.contains("<D:href>/dav/Fotos%20%26%20mehr/</D:href>") && !list.contains("Hidden"), "{list}");
    assert_eq!(client.status("GET", "/dav/Fotos%20%26%20mehr/letter.txt", login).await, 200, "by its name");
    for (method, path) in [("GET", format!("/dav/{hidden}/")), ("PROPFIND", "/dav/Hidden/".to_owned())] {
        assert_eq!(client.status(method, &path, login).await, 404, "a pass is for one share");
    }
    for method in ["PUT", "DELETE", "MKCOL", "LOCK", "MOVE"] {
        assert_eq!(client.status(method, &letter, login).await, 405, "{method}: a guest reads");
    }
    let answer = client.ask("GET", &letter, login).await;
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(answer.header("content-disposition"), "attachment");

    let theirs = token(&adder);
    assert_eq!(client.status("PROPFIND", &format!("/dav/{hidden}/"), Some(("x", &theirs))).await, 404);
    let (cut, capitals) = (&secret[1..], secret.to_uppercase());
    for wrong in ["", cut, capitals.as_str(), &format!("{secret}A")] {
        assert_eq!(client.status("PROPFIND", &top, Some((&number, wrong))).await, 401, "{wrong}");
    }
    node.handle(Ask::EndPass { pass: reader.pass.id }).await.unwrap();
    assert!(client.0.connect().await.is_ok(), "there is still the other guest's door");
    // Nobody is let in by this door any more, so what is asked there is what a page would be asked.
    assert_eq!(client.status("GET", &letter, login).await, 404);
    let status = client.status("PROPFIND", &top, login).await;
    assert!(matches!(status, 404 | 415), "{status}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_counts_once_however_often_a_program_repeats_it() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = start(data.path()).await;
    let id = share(&node, &folder, "Docs", home()).await;
    let pass = pass(&node, &id, PassAction::Read).await;
    let client = Client(Phone::of(&pass));
    let (top, number) = (format!("/dav/{id}/"), number(&pass));
    let right = Some((number.as_str(), pass.pin.as_str()));
    let wrong: Vec<String> =
        (0..5).map(|n| format!("{:08}", (pass.pin.parse::<u32>().unwrap() + 1 + n) % 100_000_000)).collect();
    for _ in 0..20 {
        let status = client.status("PROPFIND", &top, Some((&number, &wrong[0]))).await;
        assert!(matches!(status, 401 | 429), "{status}");
    }
    assert_eq!(client.status("PROPFIND", &top, right).await, 207, "one mistake is one");
    for pin in &wrong {
        client.status("PROPFIND", &top, Some((&number, pin))).await;
    }
    let status = client.status("PROPFIND", &top, right).await;
    assert!(matches!(status, 401 | 429), "five different ones end it: {status}");
    assert_eq!(client.status("PROPFIND", &top, Some(("", &token(&pass)))).await, 207, "the link still opens");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_not_answered_for_other_hosts_or_pages_or_without_encryption() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("letter.txt"), "Dear reader").unwrap();
    let node = start(data.path()).await;
    let id = share(&node, &folder, "Docs", vec![Grant::to(lanyard_api::Audience::Network)]).await;
    // For a certificate to know the door by, and a printer so that there is a door without encryption as well.
    let pass = pass(&node, &id, PassAction::Read).await;
    let printer = Ask::SharePrinter {
        queue: lanyard_print::QueueId::SAVE_AS_PDF.into(),
        name: None,
        audience: vec![Grant::to(lanyard_api::Audience::Network)],
        until: None,
    };
    node.handle(printer).await.unwrap();
    let client = Client(Phone::of(&pass));
    let letter = format!("/dav/{id}/letter.txt");
    assert_eq!(client.ask("GET", &letter, None).await.text(), "Dear reader");
    let send = async |method: &str, name: &'static str, value: &str| {
        let mut request = client.0.request(method.parse().unwrap(), &letter);
        request.headers_mut().unwrap().insert(name, value.parse().unwrap());
        client.0.send(request.body(Full::default()).unwrap()).await.status.as_u16()
    };
    assert_eq!(send("GET", "host", "rebind.evil.example").await, 421);
    assert_eq!(send("PUT", "origin", "https://evil.example").await, 403);
    assert_eq!(send("GET", "sec-fetch-site", "cross-site").await, 403);
    assert_eq!(send("POST", "content-type", "text/plain").await, 403);
    assert_eq!(std::fs::read_to_string(folder.path().join("letter.txt")).unwrap(), "Dear reader");

    let address = format!("127.0.0.1:{}", status(&node).await.port);
    let request = format!("GET {letter} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(!answer.contains("Dear") && !answer.contains(" 200 "), "{answer}");
    node.stop().await;
}
