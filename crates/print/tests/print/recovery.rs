//! Crashes of the node and of the print service: a job is printed once, or a person is asked.

use super::{
    cups::{Cupsd, eventually},
    offering::{Document, Owner, files},
};
use lanyard_print::{
    QueueId,
    ticket::{MAYBE_PRINTED, Options, State, Ticket},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_at_any_moment_prints_each_job_once() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let mut jobs = Vec::new();
    let mut titles = Vec::new();
    for round in 0..30u64 {
        let running = owner.run();
        let document = Document::pdf(1);
        jobs.push(running.accept("pages", &document, Options::default()).await);
        titles.push(document.title);
        // Lives long enough to get a little further each time.
        tokio::time::sleep(Duration::from_millis(round * 2)).await;
        running.crash().await;
    }
    let running = owner.run();
    for job in jobs {
        running.until(job, State::Done).await;
    }
    let mut printed: Vec<String> = cupsd.printed().into_iter().map(|printed| printed.title).collect();
    printed.sort();
    titles.sort();
    assert_eq!(printed, titles, "each once, none twice, none lost");
    eventually("the documents are deleted", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_at_any_moment_saves_each_pdf_once() {
    let owner = Owner::alone();
    let mut jobs = Vec::new();
    for round in 0..30u64 {
        let running = owner.run();
        jobs.push(running.accept(QueueId::SAVE_AS_PDF, &Document::pdf(1), Options::default()).await);
        tokio::time::sleep(Duration::from_millis(round)).await;
        running.crash().await;
    }
    let running = owner.run();
    for job in &jobs {
        running.until(*job, State::Done).await;
    }
    assert_eq!(files(&owner.printed_folder()).len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_service_that_restarts_while_it_prints_ends_the_job_once() {
    let mut cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(job, State::Printing).await;
    cupsd.stop();
    let status = running.until(job, State::Stopped).await;
    assert_eq!(status.reason.as_deref(), Some("print_service_away"));
    cupsd.behave_well();
    cupsd.up();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1, "CUPS itself prints it again; we do not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_killed_print_service_forgot_is_sent_again_if_it_had_not_begun() {
    let mut cupsd = Cupsd::start();
    cupsd.tool("cupsdisable", &["pages"]);
    // The queue's state is saved; what comes now is not, for half a minute.
    cupsd.stop();
    cupsd.up();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    assert_eq!(running.until(job, State::Stopped).await.reason.as_deref(), Some("paused"));
    cupsd.kill();
    assert_eq!(running.until_reason(job, "print_service_away").await.state, State::Stopped);
    cupsd.up();
    let listed = cupsd.tool("lpstat", &["-o"]);
    cupsd.tool("cupsenable", &["pages"]);
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1, "CUPS knew after its death: {listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_lost_while_it_is_printed_is_not_printed_again_without_asking() {
    let mut cupsd = Cupsd::start();
    // The queue is saved; what comes now is not, for half a minute.
    cupsd.stop();
    cupsd.up();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = Document::pdf(1);
    let job = running.accept("pages", &document, Options::default()).await;
    running.until(job, State::Printing).await;
    // CUPS calls it printing before the printer has anything of it.
    eventually("the printer has the document", || cupsd.has_received());
    cupsd.kill();
    cupsd.up();
    running.until_reason(job, MAYBE_PRINTED).await;
    // The printer still has what it got before.
    cupsd.behave_well();
    eventually("the page comes out", || cupsd.printed().len() == 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(cupsd.printed().len(), 1, "nothing was sent again");
    // The sender looked at the printer and wants it once more.
    let ticket = Ticket { attempt: 2, ..document.ticket(Options::default()) };
    let (code, _) = running.put(1, "pages", job, &ticket, &document.bytes).await;
    assert_eq!(code, http::StatusCode::CREATED);
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 2);
    eventually("the documents of both attempts are gone", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_comes_while_the_print_service_is_down_is_printed_when_it_is_up() {
    let mut cupsd = Cupsd::start();
    cupsd.stop();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    assert_eq!(running.until(job, State::Stopped).await.reason.as_deref(), Some("print_service_away"));
    cupsd.up();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}
