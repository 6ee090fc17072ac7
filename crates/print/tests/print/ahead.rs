//! A large document goes into its queue while it arrives, and nothing of it is printed before it is accepted.

use super::{
    cups::{Cupsd, eventually},
    offering::{Document, NIGHT, Owner, Running, answer, files, put_request, subject},
};
use http::StatusCode;
use lanyard_link::body;
use lanyard_print::{
    QueueId,
    document::Format,
    ticket::{Options, State, Ticket},
};
use std::{fs, sync::atomic::Ordering, time::Duration};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Bytes of a piece that arrives.
const PIECE: usize = 1 << 20;

/// One that is so large that it goes ahead.
fn large() -> Document {
    let small = Document::pdf(2);
    let mut large = lopdf::Document::load_mem(&small.bytes).unwrap();
    large.add_object(lopdf::Stream::new(lopdf::Dictionary::new(), vec![b'x'; 20 << 20]));
    let mut bytes = Vec::new();
    large.save_to(&mut bytes).unwrap();
    Document { bytes, ..small }
}

/// A document that arrives piece by piece.
struct Arrival {
    job: Uuid,
    to: body::Sender,
    answer: JoinHandle<(StatusCode, Vec<u8>)>,
}

impl Arrival {
    fn begin(running: &Running, share: &str, ticket: &Ticket) -> Self {
        Self::of(running, share, ticket, Uuid::new_v4())
    }

    fn of(running: &Running, share: &str, ticket: &Ticket, job: Uuid) -> Self {
        let (to, body) = body::channel(2);
        let (offer, request) = (running.offer.clone(), put_request(share, job, ticket, body));
        let answer = tokio::spawn(async move { answer(offer.serve(subject(1), request).await).await });
        Self { job, to, answer }
    }

    /// One of which half is here, and which its queue knows.
    async fn half(running: &Running, cupsd: &Cupsd, share: &str, document: &Document) -> Self {
        let arrival = Self::begin(running, share, &document.ticket(Options::default()));
        arrival.brings(&document.bytes[..document.bytes.len() / 2]).await;
        eventually("the queue has a job", || waiting(cupsd) == 1);
        arrival
    }

    /// As much of it as is listened to.
    async fn brings(&self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            if self.to.send(piece.to_vec()).await.is_err() {
                return;
            }
        }
    }

    /// The rest of it.
    async fn ends(self, bytes: &[u8]) -> StatusCode {
        self.brings(bytes).await;
        let _ = self.to.finish().await;
        self.answer.await.unwrap().0
    }
}

/// The jobs of CUPS that are not over, as `lpstat` counts them.
fn waiting(cupsd: &Cupsd) -> usize {
    cupsd.tool("lpstat", &["-o"]).lines().count()
}

/// Nothing of it is in any queue, on paper, or on the disk.
async fn leaves_nothing(cupsd: &Cupsd, owner: &Owner) {
    eventually("the empty job is withdrawn", || waiting(cupsd) == 0);
    eventually("the document is thrown away", || owner.spooled() == 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cupsd.printed(), [], "nothing is printed that was not accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_in_the_queue_before_it_is_here_and_printed_once_when_it_is() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let arrival = Arrival::begin(&running, "raw", &document.ticket(Options::default()));
    let job = arrival.job;
    let (most, last) = document.bytes.split_at(document.bytes.len() - 1);
    arrival.brings(most).await;
    eventually("the queue has a job", || waiting(&cupsd) == 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!cupsd.has_received(), "its last byte is missing");
    assert_eq!(running.offer.jobs().await.unwrap(), [], "it is nobody's job yet");
    assert_eq!(arrival.ends(last).await, StatusCode::CREATED);
    running.until(job, State::Done).await;
    let printed = cupsd.printed();
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert_eq!(printed[0].title, document.title);
    assert!(fs::read(&printed[0].document).unwrap() == document.bytes, "other bytes are on paper");
    assert_eq!(cupsd.tool("lpstat", &["-W", "all", "-o"]).lines().count(), 1, "it went ahead, and only once");
    eventually("the document is deleted", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_off_or_is_another_than_announced_leaves_nothing() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let ticket = document.ticket(Options::default());

    let arrival = Arrival::half(&running, &cupsd, "raw", &document).await;
    drop(arrival.to);
    assert_eq!(arrival.answer.await.unwrap().0, StatusCode::BAD_REQUEST);
    leaves_nothing(&cupsd, &owner).await;

    // Whoever brings it is gone, and nobody waits for an answer.
    let arrival = Arrival::half(&running, &cupsd, "raw", &document).await;
    arrival.answer.abort();
    leaves_nothing(&cupsd, &owner).await;

    let altered = Ticket { blake3: Some(blake3::hash(b"another").to_hex().to_string()), ..ticket.clone() };
    let arrival = Arrival::begin(&running, "raw", &altered);
    assert_eq!(arrival.ends(&document.bytes).await, StatusCode::UNPROCESSABLE_ENTITY);
    leaves_nothing(&cupsd, &owner).await;

    let mut no_pdf = large();
    no_pdf.bytes[..8].copy_from_slice(b"no pdf!\n");
    no_pdf.format = Format::Pdf;
    let arrival = Arrival::begin(&running, "raw", &no_pdf.ticket(Options::default()));
    assert_eq!(arrival.ends(&no_pdf.bytes).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    leaves_nothing(&cupsd, &owner).await;

    // The same job comes again, whole.
    let arrival = Arrival::of(&running, "raw", &ticket, Uuid::new_v4());
    let job = arrival.job;
    assert_eq!(arrival.ends(&document.bytes).await, StatusCode::CREATED);
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_job_comes_again_after_a_break_and_is_printed_once() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let ticket = document.ticket(Options::default());
    let job = Uuid::new_v4();
    for share in [1, 3, 7, 12, 19] {
        let arrival = Arrival::of(&running, "raw", &ticket, job);
        // One that is still cleared up after is told to come again.
        let listens =
            tokio::time::timeout(Duration::from_secs(2), arrival.brings(&document.bytes[..share * PIECE]));
        let _ = listens.await;
        arrival.answer.abort();
    }
    loop {
        let arrival = Arrival::of(&running, "raw", &ticket, job);
        let _ = arrival.to.send(document.bytes.clone()).await;
        let _ = arrival.to.finish().await;
        match arrival.answer.await.unwrap().0 {
            StatusCode::CREATED => break,
            code => assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
    eventually("all other jobs of the queue are withdrawn", || waiting(&cupsd) == 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_meanwhile_withdraws_it_when_it_is_back() {
    let mut cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let arrival = Arrival::begin(&running, "raw", &document.ticket(Options::default()));
    arrival.brings(&document.bytes[..PIECE]).await;
    eventually("the queue has a job", || waiting(&cupsd) == 1);
    // Nobody is there any more who could clear up.
    running.crash().await;
    arrival.answer.abort();
    let _ = arrival.answer.await;
    // It stays what it is as long as CUPS is away.
    cupsd.stop();
    let running = owner.run();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cupsd.up();
    leaves_nothing(&cupsd, &owner).await;
    let job = running.accept("raw", &document, Options::default()).await;
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_service_that_dies_meanwhile_gets_it_when_it_is_back() {
    let mut cupsd = Cupsd::start();
    // The queues are saved; what comes now is not, for half a minute.
    cupsd.stop();
    cupsd.up();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let half = document.bytes.len() / 2;
    let arrival = Arrival::half(&running, &cupsd, "raw", &document).await;
    let job = arrival.job;
    cupsd.kill();
    assert_eq!(
        arrival.ends(&document.bytes[half..]).await,
        StatusCode::CREATED,
        "it is safe here all the same"
    );
    assert_eq!(running.until(job, State::Stopped).await.reason.as_deref(), Some("print_service_away"));
    cupsd.up();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_meanwhile_at_either_end_is_not_printed() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let half = document.bytes.len() / 2;

    // By its sender, before it has come.
    let arrival = Arrival::half(&running, &cupsd, "raw", &document).await;
    let cancel = format!("/v1/jobs/{}/cancel?share=raw&attempt=1", arrival.job);
    assert_eq!(running.ask(1, http::Method::POST, &cancel).await.0, StatusCode::OK);
    assert_eq!(arrival.ends(&document.bytes[half..]).await, StatusCode::OK);
    leaves_nothing(&cupsd, &owner).await;

    // By somebody at the owner's computer, in the queue.
    let arrival = Arrival::half(&running, &cupsd, "raw", &document).await;
    let job = arrival.job;
    cupsd.tool("cancel", &["-a"]);
    assert_eq!(arrival.ends(&document.bytes[half..]).await, StatusCode::CREATED);
    let status = running.until(job, State::Cancelled).await;
    assert_eq!(status.detail.as_deref(), Some("Cancelled at the printer."));
    leaves_nothing(&cupsd, &owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_in_the_queue_when_it_is_here_is_taken_out_again() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = large();
    let half = document.bytes.len() / 2;
    let arrival = Arrival::half(&running, &cupsd, "night", &document).await;
    let job = arrival.job;
    NIGHT.store(true, Ordering::SeqCst);
    let accepted = arrival.ends(&document.bytes[half..]).await;
    let held = running.until(job, State::Held).await;
    eventually("the empty job is withdrawn", || waiting(&cupsd) == 0);
    NIGHT.store(false, Ordering::SeqCst);
    assert_eq!(accepted, StatusCode::CREATED);
    assert_eq!(held.reason.as_deref(), Some("quiet_hours"));
    running.offer.release(job, lanyard_print::offer::By::Owner).await.unwrap();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

/// Whoever brings a document may be gone at any moment, and come again at once.
#[tokio::test(flavor = "multi_thread")]
async fn one_who_is_gone_at_the_end_finds_each_document_carried_out_once() {
    let owner = Owner::alone();
    let running = owner.run();
    let document = Document::pdf(1);
    let ticket = document.ticket(Options::default());
    const ROUNDS: u64 = 60;
    for round in 0..ROUNDS {
        let arrival = Arrival::begin(&running, QueueId::SAVE_AS_PDF, &ticket);
        let job = arrival.job;
        arrival.brings(&document.bytes).await;
        let _ = arrival.to.finish().await;
        // The whole way takes some 10 ms.
        tokio::time::sleep(Duration::from_micros(round * 300)).await;
        arrival.answer.abort();
        loop {
            match running.put(1, QueueId::SAVE_AS_PDF, job, &ticket, &document.bytes).await.0 {
                StatusCode::CREATED | StatusCode::OK => break,
                code => assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE),
            }
        }
        running.until(job, State::Done).await;
    }
    assert_eq!(files(&owner.printed_folder()).len() as u64, ROUNDS);
    eventually("all documents are deleted", || owner.spooled() == 0);
}
