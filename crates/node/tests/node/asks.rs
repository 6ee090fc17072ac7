//! Two nodes: one asks, the other's owner answers.

use crate::{Neighbour, address, start, status};
use http::{Method, Request, StatusCode};
use lanyard_api::{
    Access, Answer, Ask, Audience, Change, Document, Drive, ErrorCode, Grant, Job, JobState, PrintOptions,
    Printer, Request as Do, Response, ShareKind,
};
use lanyard_link::body;
use lanyard_node::{Node, circle::Known};
use lanyard_print::QueueId;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Waits until something is so; 20 s at most.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes `node` see what `owner` offers, as a greeting does.
pub(crate) async fn introduce(owner: &Node, node: &Node) {
    let (core, to) = (owner.core(), node.core().identity.node_id());
    core.peers.learn(to, vec![address(node).await]);
    let hello = json!({"v": 1, "name": "Anna", "os": "linux", "port": status(owner).await.port});
    let request = Request::builder().method(Method::POST).uri("/v1/hello");
    let request = request.body(body::full(hello.to_string())).unwrap();
    let answer = core.peers.request(to, request, Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

async fn asks(node: &Node) -> Vec<Ask> {
    match node.handle(Do::Asks).await.unwrap() {
        Response::Asks(asks) => asks,
        other => panic!("{other:?}"),
    }
}

async fn answer(node: &Node, ask: &Ask, answer: Answer) {
    node.handle(Do::AnswerAsk { ask: ask.id.clone(), answer }).await.unwrap();
}

async fn one_ask(node: &Node) -> Ask {
    until("a question comes", async || asks(node).await.into_iter().next()).await
}

fn id(node: &Node) -> String {
    node.core().identity.node_id().to_string()
}

/// What `owner` offers: the nodes of other tests on this computer are seen, too.
async fn printer(node: &Node, owner: &str) -> Option<Printer> {
    let Response::Nearby(nearby) = node.handle(Do::Nearby).await.unwrap() else { panic!() };
    nearby.printers.into_iter().find(|printer| printer.device.as_deref() == Some(owner))
}

pub(crate) async fn drive(node: &Node, owner: &str) -> Option<Drive> {
    let Response::Nearby(nearby) = node.handle(Do::Nearby).await.unwrap() else { panic!() };
    nearby.drives.into_iter().find(|drive| drive.device == owner)
}

async fn print(node: &Node, printer: &Printer, file: &Path) -> Job {
    let request = Do::Print {
        printer: printer.id.clone(),
        document: Document::Path { path: file.to_str().unwrap().to_owned() },
        options: PrintOptions::default(),
    };
    match node.handle(request).await.unwrap() {
        Response::Job(job) => job,
        other => panic!("{other:?}"),
    }
}

async fn job(node: &Node, id: &str) -> Job {
    let Response::Jobs(jobs) = node.handle(Do::Jobs).await.unwrap() else { panic!() };
    jobs.into_iter().find(|job| job.id == id).unwrap()
}

async fn job_until(node: &Node, id: &str, state: JobState, reason: Option<&str>) -> Job {
    let reached =
        async || Some(job(node, id).await).filter(|j| j.state == state && j.reason.as_deref() == reason);
    until(&format!("{state:?}, {reason:?}"), reached).await
}

fn asking() -> Vec<Grant> {
    vec![Grant { ask: true, ..Grant::to(Audience::Network) }]
}

async fn share_printer(node: &Node, audience: Vec<Grant>) {
    let queue = QueueId::SAVE_AS_PDF.to_owned();
    node.handle(Do::SharePrinter { queue, name: Some("Save".into()), audience, until: None }).await.unwrap();
}

pub(crate) async fn share_folder(node: &Node, path: &Path, audience: Vec<Grant>) {
    let path = path.to_str().unwrap().to_owned();
    let name = Some("Music".into());
    node.handle(Do::ShareFolder { path, name, write: false, audience, until: None }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_its_owner_and_goes_out_or_ends_with_the_answer() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node, owner) = (start(here.path()).await, start(there.path()).await);
    let file = here.path().join("letter.txt");
    std::fs::write(&file, "Dear reader").unwrap();
    share_printer(&owner, asking()).await;
    introduce(&owner, &node).await;
    let found = until("the printer is seen", async || printer(&node, &id(&owner)).await).await;
    assert_eq!(found.access, Access::Ask);

    let mut events = owner.subscribe();
    let first = print(&node, &found, &file).await;
    let waits = job_until(&node, &first.id, JobState::Sending, Some("must_ask")).await;
    assert!(waits.detail.unwrap().starts_with("Waiting for the owner of"), "a person reads why");
    let told = async {
        loop {
            match events.recv().await.expect("the node runs").change {
                Change::Asks(asks) if !asks.is_empty() => return asks,
                _ => {}
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(10), told).await.expect("front ends are told");
    let question = told[0].clone();
    assert_eq!(question.title.as_deref(), Some("letter.txt"));
    assert_eq!((question.bytes, question.known), (Some(11), false));
    assert_eq!(question.device, id(&node));
    let waiting = async || printer(&node, &id(&owner)).await.filter(|p| p.access == Access::Waiting);
    until("it is shown as waiting", waiting).await;
    let spool = std::fs::read_dir(there.path().join("spool/in")).unwrap().count();
    assert_eq!(spool, 0, "no byte of it has come");

    let begun = Instant::now();
    answer(&owner, &question, Answer::Once).await;
    job_until(&node, &first.id, JobState::Done, None).await;
    println!("from the answer to paper: {:?}", begun.elapsed());
    assert!(asks(&owner).await.is_empty());
    until("the yes is used up", async || {
        printer(&node, &id(&owner)).await.filter(|p| p.access == Access::Ask)
    })
    .await;

    let second = print(&node, &found, &file).await;
    let question = one_ask(&owner).await;
    let third = print(&node, &found, &file).await;
    job_until(&node, &third.id, JobState::Sending, Some("must_ask")).await;
    assert_eq!(asks(&owner).await.len(), 1, "one question of one device for one printer");
    node.handle(Do::CancelJob { job: third.id.clone() }).await.unwrap();
    job_until(&node, &third.id, JobState::Cancelled, None).await;
    answer(&owner, &question, Answer::No).await;
    let failed = job_until(&node, &second.id, JobState::Failed, Some("not_allowed")).await;
    assert!(failed.detail.unwrap().contains("has not allowed this"));
    until("a no is shown", async || {
        printer(&node, &id(&owner)).await.filter(|p| p.access == Access::Refused)
    })
    .await;

    let soon = print(&node, &found, &file).await;
    job_until(&node, &soon.id, JobState::Failed, Some("not_allowed")).await;
    assert!(asks(&owner).await.is_empty(), "a no is not asked away");
    let printed = std::fs::read_dir(there.path().join("downloads/Printed")).unwrap().count();
    assert_eq!(printed, 1, "exactly the one that was allowed");
    node.stop().await;
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn always_gives_the_device_a_rule_of_its_own_that_a_restart_keeps() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let music = tempfile::tempdir().unwrap();
    std::fs::write(music.path().join("song"), "la").unwrap();
    let (node, owner) = (start(here.path()).await, start(there.path()).await);
    share_folder(&owner, music.path(), asking()).await;
    introduce(&owner, &node).await;
    let asking_drive = async || drive(&node, &id(&owner)).await.filter(|d| d.access == Access::Ask);
    let music_id = until("the drive is seen", asking_drive).await.id;
    let list = || Do::List { drive: music_id.clone(), path: String::new(), after: None };
    assert_eq!(node.handle(list()).await.unwrap_err().code, ErrorCode::MustAsk);

    node.handle(Do::AskOwner { what: music_id.clone() }).await.unwrap();
    until("it waits", async || drive(&node, &id(&owner)).await.filter(|d| d.access == Access::Waiting)).await;
    let question = one_ask(&owner).await;
    answer(&owner, &question, Answer::Always).await;
    until("it is allowed", async || drive(&node, &id(&owner)).await.filter(|d| d.access == Access::Allowed))
        .await;
    node.handle(list()).await.unwrap();
    let Response::Shares(shares) = owner.handle(Do::Shares).await.unwrap() else { panic!() };
    let expected = [Grant::to(Audience::Device { id: id(&node) }), asking().remove(0)];
    assert_eq!(shares[0].policy.audience, expected);
    owner.stop().await;

    let owner = start(there.path()).await;
    introduce(&owner, &node).await;
    until("it is allowed still", async || node.handle(list()).await.ok()).await;
    node.stop().await;
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_bounded_and_strangers_learn_nothing_from_it() {
    let there = tempfile::tempdir().unwrap();
    let music = tempfile::tempdir().unwrap();
    let owner = start(there.path()).await;
    share_printer(&owner, asking()).await;
    let nobody = Grant::to(Audience::Device { id: id(&owner) });
    share_folder(&owner, music.path(), vec![nobody]).await;
    let Response::Shares(shares) = owner.handle(Do::Shares).await.unwrap() else { panic!() };
    let share = |kind| &shares.iter().find(|share| share.kind == kind).unwrap().id;
    let [save, hidden] = [ShareKind::Printer, ShareKind::Folder].map(share);
    let stranger = Neighbour::of(&owner).await;
    let ask = async |question: Value| {
        let request = Request::builder().method(Method::POST).uri("/v1/asks");
        let (status, body) = stranger.send(request, question.to_string().into_bytes()).await;
        (status, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    };
    let question = json!({"share": save, "action": "print", "title": "a\u{202e}b\n"});
    let (status, first) = ask(question.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    assert!(first["ends_in"].as_u64().unwrap() <= 300_000);
    assert_eq!(ask(question.clone()).await.1["ask"], first["ask"], "the same again is the same question");
    assert_eq!(asks(&owner).await[0].title.as_deref(), Some("ab"), "what strangers write is cleaned");
    for (question, expected) in [
        (json!({"share": hidden, "action": "read"}), StatusCode::NOT_FOUND),
        (json!({"share": "none", "action": "print"}), StatusCode::NOT_FOUND),
        (json!({"share": save, "action": "read"}), StatusCode::NOT_FOUND),
        (json!({"share": save, "action": "explode"}), StatusCode::BAD_REQUEST),
        (json!("x".repeat(10_000)), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(ask(question.clone()).await.0, expected, "{question}");
    }
    let wrong = Do::AnswerAsk { ask: "zzzzzzzz".into(), answer: Answer::Once };
    assert_eq!(owner.handle(wrong).await.unwrap_err().code, ErrorCode::NotFound);

    // Whoever takes the share back has answered.
    owner.handle(Do::Unshare { share: save.clone() }).await.unwrap();
    assert!(asks(&owner).await.is_empty());
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_circle_sees_nothing_a_moment_later_and_its_copy_is_cut() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let music = tempfile::tempdir().unwrap();
    std::fs::write(music.path().join("song"), vec![7; 64 << 20]).unwrap();
    let (node, owner) = (start(here.path()).await, start(there.path()).await);
    let device = node.core().identity.node_id();
    let home = Known { members: [device, owner.core().identity.node_id()].into(), ..Known::default() };
    owner.core().circle.set(home);
    share_folder(&owner, music.path(), vec![Grant::to(Audience::Home)]).await;
    introduce(&owner, &node).await;
    until("the drive is seen", async || drive(&node, &id(&owner)).await).await;
    // A reader that takes its time: the copy is under way when the rule changes.
    let share = drive(&node, &id(&owner)).await.unwrap().id.split('@').next().unwrap().to_owned();
    let request = Request::builder().uri(format!("/v1/drives/{share}/file?path=song"));
    let request = request.body(body::empty()).unwrap();
    let to = owner.core().identity.node_id();
    let answer = node.core().peers.request(to, request, Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    owner.core().circle.set(Known { expelled: [device].into(), ..Known::default() });
    let begun = Instant::now();
    until("it is gone", async || drive(&node, &id(&owner)).await.is_none().then_some(())).await;
    println!("from the change to the other screen: {:?}", begun.elapsed());
    let read = body::read(answer.into_body(), 65 << 20, Duration::from_secs(20)).await;
    assert!(read.is_err(), "the copy that was under way is cut");
    node.stop().await;
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_ends_by_itself_and_the_others_stay() {
    let (data, music) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let owner = start(data.path()).await;
    let soon = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64 + 1_500;
    let other = Grant::to(Audience::Device { id: id(&owner) });
    let audience = vec![Grant { until: Some(soon), ..Grant::to(Audience::Network) }, other.clone()];
    share_folder(&owner, music.path(), audience).await;
    let stranger = Neighbour::of(&owner).await;
    let Response::Shares(shares) = owner.handle(Do::Shares).await.unwrap() else { panic!() };
    let look = async || {
        let request = Request::builder().uri(format!("/v1/drives/{}/list", shares[0].id));
        stranger.send(request, Vec::new()).await.0
    };
    assert_eq!(look().await, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    assert_eq!(look().await, StatusCode::NOT_FOUND, "to the moment");
    let dropped = async || {
        let Response::Shares(shares) = owner.handle(Do::Shares).await.unwrap() else { panic!() };
        (shares[0].policy.audience == std::slice::from_ref(&other)).then_some(())
    };
    until("the rule is dropped", dropped).await;
    owner.stop().await;
}
