//! The doors for other nodes, over TLS.

use super::{Case, Door, Outcome, Person, Wish, World, raw};
use crate::{Neighbour, status};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{Method, Request, StatusCode};
use lanyard_drive::{
    frames::{Frame, Replaces, SmallFile},
    path::SharePath,
};
use lanyard_print::{
    document::Format,
    ticket::{Options, TICKET_HEADER, Ticket},
};
use uuid::Uuid;

/// Other nodes at our printers, over TLS.
pub(super) struct PeerPrinting;

impl Door for PeerPrinting {
    fn name(&self) -> &'static str {
        "printing, for other nodes"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish != Wish::Print {
                return None;
            }
            if case.who == Person::Nobody {
                return Some(without_a_key(world).await);
            }
            let neighbour = world.people.get(&case.who)?;
            let text = b"Hello";
            let ticket = Ticket {
                title: "hello.txt".into(),
                format: Format::Text,
                size: text.len() as u64,
                blake3: Some(blake3::hash(text).to_hex().to_string()),
                attempt: 1,
                pages: None,
                options: Options::default(),
            };
            let request = Request::builder()
                .method(Method::PUT)
                .uri(format!("/v1/printers/{}/jobs/{}", world.printer, Uuid::new_v4()))
                .header(TICKET_HEADER, ticket.to_header());
            let (status, body) = neighbour.send(request, text.to_vec()).await;
            Some(outcome(status, &body, "reason"))
        }
        .boxed()
    }
}

/// Other nodes at our folders, over TLS.
pub(super) struct PeerDrives;

impl Door for PeerDrives {
    fn name(&self) -> &'static str {
        "drives, for other nodes"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish == Wish::Print {
                return None;
            }
            if case.who == Person::Nobody {
                return Some(without_a_key(world).await);
            }
            let neighbour = world.people.get(&case.who)?;
            let at = |verb: &str| Request::builder().uri(format!("/v1/drives/{}/{verb}", world.drive));
            if case.wish == Wish::Write {
                let name = Uuid::new_v4().simple().to_string();
                let text = b"Hello";
                let whole = [text.as_slice(), blake3::hash(text).as_bytes()].concat();
                let request = at(&format!("file?path={name}")).method(Method::PUT);
                let request = request.header(lanyard_drive::wire::SIZE, text.len());
                let (status, body) = neighbour.send(request, whole).await;
                let outcome = outcome(status, &body, "code");
                let written = world.folder.path().join(name).exists();
                assert_eq!(written, outcome == Outcome::Yes, "{}: what is refused is not written", case.name);
                assert_eq!(
                    many_at_once(world, neighbour, case).await,
                    outcome,
                    "{}: many at once",
                    case.name
                );
                return Some(outcome);
            }
            let letter = std::fs::read(world.folder.path().join("letter.txt")).unwrap();
            let have = serde_json::json!({
                "id": blake3::hash(&letter).to_hex().as_str(), "size": letter.len(), "name": "letter.txt",
            });
            let ask = |verb: &str| (at(verb), Vec::new());
            let questions = [
                ask("list"),
                ask("stat?path=letter.txt"),
                ask("file?path=letter.txt"),
                ask("manifest?path=letter.txt"),
                ask("tree"),
                (at("batch").method(Method::POST), br#"[{"path":"letter.txt"}]"#.to_vec()),
                (at("have").method(Method::POST), have.to_string().into_bytes()),
            ];
            let mut outcomes = Vec::new();
            for (question, text) in questions {
                let (status, body) = neighbour.send(question, text).await;
                let told = String::from_utf8_lossy(&body).into_owned();
                let outcome = outcome(status, &body, "code");
                let leaks = told.contains("letter") || told.contains("Dear");
                assert!(outcome == Outcome::Yes || !leaks, "{}: a refusal tells nothing: {told}", case.name);
                outcomes.push(outcome);
            }
            assert!(outcomes.iter().all(|one| *one == outcomes[0]), "{}: {outcomes:?}", case.name);
            Some(outcomes[0])
        }
        .boxed()
    }
}

/// A small file in a batch.
async fn many_at_once(world: &World, neighbour: &Neighbour, case: &Case) -> Outcome {
    let path = SharePath::parse(&Uuid::new_v4().simple().to_string()).unwrap();
    let on_disk = world.folder.path().join(path.to_path());
    let content = Bytes::from_static(b"Hello");
    let file = Frame::File(SmallFile {
        path,
        modified: None,
        executable: false,
        content,
        replaces: Replaces::Anything,
    });
    let frames = [file.written(), Frame::End(1).written()].concat();
    let uri = format!("/v1/drives/{}/batch", world.drive);
    let request = Request::builder().method(Method::PUT).uri(uri).header(lanyard_drive::wire::SIZE, 5);
    let (status, body) = neighbour.send(request, frames).await;
    let outcome = outcome(status, &body, "code");
    assert_eq!(on_disk.exists(), outcome == Outcome::Yes, "{}: what is refused is not written", case.name);
    outcome
}

/// What one gets at the door for other nodes who has no key to prove.
async fn without_a_key(world: &World) -> Outcome {
    let port = status(&world.node).await.port;
    let answer = raw(&format!("127.0.0.1:{port}"), b"GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n").await;
    if answer.contains(" 200 ") { Outcome::Yes } else { Outcome::Hidden }
}

fn outcome(status: StatusCode, body: &[u8], field: &str) -> Outcome {
    if status.is_success() {
        return Outcome::Yes;
    }
    let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match told[field].as_str() {
        Some("not_found") => Outcome::Hidden,
        Some("not_allowed") => Outcome::No,
        Some("must_ask") => Outcome::Asks,
        Some("spent") => Outcome::Spent,
        _ => panic!("{status}: {}", String::from_utf8_lossy(body)),
    }
}
