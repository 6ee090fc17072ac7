//! What the owner's half does not accept, and to whom it tells nothing.

use super::offering::{Document, Owner, node};
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use lanyard_print::{
    QueueId,
    document::Format,
    ticket::{HASH_TRAILER, Options, Refused, State, TICKET_HEADER, Ticket},
};
use lanyard_trust::{Subject, Who};
use std::{path::Path, process::Command, time::Duration};
use uuid::Uuid;

fn reason(body: &[u8]) -> String {
    serde_json::from_slice::<Refused>(body).unwrap().reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_what_the_ticket_says_is_never_accepted() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let ticket = document.ticket(Options::default());
    let put = async |ticket: &Ticket, bytes: &[u8]| {
        let job = Uuid::new_v4();
        let answer = running.put(1, QueueId::SAVE_AS_PDF, job, ticket, bytes).await;
        let (known, _) = running.ask(1, Method::GET, &format!("/v1/jobs/{job}")).await;
        assert_eq!(known, StatusCode::NOT_FOUND, "nothing is kept");
        answer
    };
    let mut altered = document.bytes.clone();
    altered[100] ^= 1;
    assert_eq!(put(&ticket, &altered).await.0, StatusCode::UNPROCESSABLE_ENTITY, "altered");
    assert_eq!(put(&ticket, &document.bytes[..200]).await.0, StatusCode::BAD_REQUEST, "cut short");
    let mut longer = document.bytes.clone();
    longer.push(b' ');
    assert_eq!(put(&ticket, &longer).await.0, StatusCode::UNPROCESSABLE_ENTITY, "longer");
    let lies = Ticket { format: Format::Png, ..ticket.clone() };
    let (status, body) = put(&lies, &document.bytes).await;
    assert_eq!(
        (status, reason(&body).as_str()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_document")
    );
    let program = Document { bytes: b"\x7fELF\x02\x01\x01\0\0".to_vec(), ..Document::text("") };
    let (status, _) = put(&program.ticket(Options::default()), &program.bytes).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "no document at all");
    let huge = Ticket { size: 3 << 30, ..ticket.clone() };
    assert_eq!(put(&huge, &document.bytes).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(owner.spooled(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_whose_hash_follows_it_is_accepted_with_that_hash_and_never_without() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let told = document.ticket(Options::default());
    let right = told.blake3.clone().unwrap();
    let ticket = Ticket { blake3: None, ..told };
    let put = async |ticket: &Ticket, bytes: &[u8], hash: Option<&str>| {
        let job = Uuid::new_v4();
        let mut frames = vec![Ok::<_, std::io::Error>(Frame::data(Bytes::copy_from_slice(bytes)))];
        if let Some(hash) = hash {
            let mut behind = HeaderMap::new();
            behind.insert(HASH_TRAILER, hash.parse().unwrap());
            frames.push(Ok(Frame::trailers(behind)));
        }
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("/v1/printers/{}/jobs/{job}", QueueId::SAVE_AS_PDF))
            .header(TICKET_HEADER, ticket.to_header())
            .body(StreamBody::new(futures_util::stream::iter(frames)))
            .unwrap();
        let subject = Subject { who: Who::Device(node(1)), on_own_network: true };
        (running.offer.serve(subject, request).await.status(), job)
    };
    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
    let other = "0".repeat(64);
    for hash in [None, Some(other.as_str()), Some("no hash"), Some(""), Some(&right[..63])] {
        let (status, job) = put(&ticket, &document.bytes, hash).await;
        assert!(refused.contains(&status), "{hash:?}: {status}");
        assert_eq!(running.ask(1, Method::GET, &format!("/v1/jobs/{job}")).await.0, StatusCode::NOT_FOUND);
    }
    let short = &document.bytes[..100];
    let of_short = blake3::hash(short).to_hex().to_string();
    assert_eq!(put(&ticket, short, Some(&of_short)).await.0, StatusCode::BAD_REQUEST, "not all of it");
    let announced = Ticket { blake3: Some(other), ..ticket.clone() };
    let (status, _) = put(&announced, &document.bytes, Some(&right)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "what the ticket says counts");
    assert_eq!(owner.spooled(), 0);
    let (status, job) = put(&ticket, &document.bytes, Some(&right.to_ascii_uppercase())).await;
    assert_eq!(status, StatusCode::CREATED);
    running.until(job, State::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_goes_away_in_the_middle_leaves_nothing() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let job = Uuid::new_v4();
    let first = Bytes::copy_from_slice(&document.bytes[..100]);
    let frames = futures_util::stream::iter([Ok(Frame::data(first)), Err(std::io::Error::other("gone"))]);
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("/v1/printers/{}/jobs/{job}", QueueId::SAVE_AS_PDF))
        .header(TICKET_HEADER, document.ticket(Options::default()).to_header())
        .body(StreamBody::new(frames))
        .unwrap();
    let subject = Subject { who: Who::Device(node(1)), on_own_network: true };
    let answer = running.offer.serve(subject, request).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let _ = answer.into_body().collect().await;
    assert_eq!(owner.spooled(), 0);
    let (status, _) = running
        .put(1, QueueId::SAVE_AS_PDF, job, &document.ticket(Options::default()), &document.bytes)
        .await;
    assert_eq!(status, StatusCode::CREATED, "the same job can come again, whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_arriving_already_is_refused_and_the_first_one_goes_on() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let (job, ticket) = (Uuid::new_v4(), document.ticket(Options::default()));
    let (rest, waiting) = tokio::sync::oneshot::channel::<()>();
    let halves = [&document.bytes[..100], &document.bytes[100..]].map(Bytes::copy_from_slice);
    let [first, second] = halves.map(|half| Ok::<_, std::io::Error>(Frame::data(half)));
    let later = futures_util::stream::once(async move {
        let _ = waiting.await;
        second
    });
    let frames = Box::pin(futures_util::stream::iter([first]).chain(later));
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("/v1/printers/{}/jobs/{job}", QueueId::SAVE_AS_PDF))
        .header(TICKET_HEADER, ticket.to_header())
        .body(StreamBody::new(frames))
        .unwrap();
    let subject = Subject { who: Who::Device(node(1)), on_own_network: true };
    let arriving = running.offer.serve(subject, request);
    let meanwhile = async {
        for _ in 0..3 {
            // The first one has begun, for it was polled before.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let again = running.put(1, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes);
            let (status, body) = tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
            assert_eq!((status, reason(&body).as_str()), (StatusCode::SERVICE_UNAVAILABLE, "busy"));
        }
        rest.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(arriving, meanwhile);
    assert_eq!(answer.status(), StatusCode::CREATED, "the one that was there first is accepted");
    running.until(job, State::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_is_asked_for_every_document_and_every_look() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let ticket = document.ticket(Options::default());
    for (share, code, words) in [
        ("secret", StatusCode::NOT_FOUND, "not_found"),
        ("closed", StatusCode::FORBIDDEN, "not_allowed"),
        ("asks", StatusCode::FORBIDDEN, "must_ask"),
        ("spent", StatusCode::TOO_MANY_REQUESTS, "spent"),
    ] {
        let (status, body) = running.put(1, share, Uuid::new_v4(), &ticket, &document.bytes).await;
        assert_eq!((status, reason(&body).as_str()), (code, words));
        assert_eq!(running.ask(1, Method::GET, &format!("/v1/printers/{share}")).await.0, code);
    }
    assert_eq!(owner.spooled(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_sender_may_follow_or_cancel_a_job_or_send_it_again() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let job = running.accept(QueueId::SAVE_AS_PDF, &document, Options::default()).await;
    running.until(job, State::Done).await;
    assert_eq!(running.ask(2, Method::GET, &format!("/v1/jobs/{job}")).await.0, StatusCode::NOT_FOUND);
    let cancel = format!("/v1/jobs/{job}/cancel?share={}", QueueId::SAVE_AS_PDF);
    assert_eq!(running.ask(2, Method::POST, &cancel).await.0, StatusCode::NOT_FOUND);
    let ticket = document.ticket(Options::default());
    let (status, _) = running.put(2, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = running.put(1, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes).await;
    assert_eq!(status, StatusCode::OK, "a repeated request is the same job");
    let again = Ticket { attempt: 2, ..ticket };
    let (status, _) = running.put(1, QueueId::SAVE_AS_PDF, job, &again, &document.bytes).await;
    assert_eq!(status, StatusCode::OK, "what is printed is not printed again");
    assert_eq!(super::offering::files(&owner.printed_folder()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_manage_a_printer_cancels_the_jobs_of_others_but_is_told_nothing_of_them() {
    let owner = Owner::alone();
    let running = owner.run();
    // A queue that no print service answers for keeps the job waiting.
    let job = running.accept("raw", &Document::pdf(1), Options::default()).await;
    let cancel = format!("/v1/jobs/{job}/cancel");
    assert_eq!(running.ask(2, Method::POST, &cancel).await.0, StatusCode::NOT_FOUND);
    assert_eq!(running.ask(9, Method::GET, &format!("/v1/jobs/{job}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(running.ask(9, Method::POST, &cancel).await.0, StatusCode::OK);
    assert_eq!(running.status(job).await.state, State::Cancelled, "as soon as the owner has heard of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_overtakes_its_document_counts() {
    let owner = Owner::alone();
    let running = owner.run();
    let (job, document) = (Uuid::new_v4(), Document::pdf(1));
    let cancel = format!("/v1/jobs/{job}/cancel?share={}&attempt=1", QueueId::SAVE_AS_PDF);
    assert_eq!(running.ask(1, Method::POST, &cancel).await.0, StatusCode::OK);
    let ticket = document.ticket(Options::default());
    let (status, _) = running.put(1, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(running.status(job).await.state, State::Cancelled);
    assert_eq!(owner.spooled(), 0);
    assert!(running.offer.jobs().await.unwrap().is_empty(), "nobody is shown a job that never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_document_and_keeps_nothing_of_it() {
    let owner = Owner::alone();
    let disk = SmallDisk::mount(&owner.dir.path().join("small"));
    let running = owner.run_with_spool(disk.path.clone());
    let document = Document::text(&"a line of text\n".repeat(500_000));
    let job = Uuid::new_v4();
    let ticket = document.ticket(Options::default());
    let (status, body) = running.put(1, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes).await;
    assert_eq!((status, reason(&body).as_str()), (StatusCode::INSUFFICIENT_STORAGE, "disk_full"));
    assert_eq!(std::fs::read_dir(&disk.path).unwrap().count(), 0);
    assert_eq!(running.ask(1, Method::GET, &format!("/v1/jobs/{job}")).await.0, StatusCode::NOT_FOUND);
    let small = Document::pdf(1);
    let job = running.accept(QueueId::SAVE_AS_PDF, &small, Options::default()).await;
    running.until(job, State::Done).await;
    running.crash().await;
}

/// A file system with 36 MiB: a small document fits beside what is kept free, 7 MB do not.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=36m", "none"]).arg(path).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test needs the right to mount a tmpfs");
        Self { path: path.to_owned() }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
