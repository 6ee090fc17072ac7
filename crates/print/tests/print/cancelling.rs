//! A job cancelled wherever it is, and a queue that goes away under its jobs, over a real CUPS.

use super::{
    cups::{Cupsd, eventually},
    offering::{Document, Owner, Running},
};
use http::{Method, StatusCode};
use lanyard_print::{
    offer::By,
    ticket::{JobStatus, Options, State},
};
use std::time::{Duration, Instant};
use uuid::Uuid;

async fn cancel(running: &Running, job: Uuid) -> JobStatus {
    let (code, told) = running.ask(1, Method::POST, &format!("/v1/jobs/{job}/cancel")).await;
    assert_eq!(code, StatusCode::OK);
    let told: JobStatus = serde_json::from_slice(&told).unwrap();
    assert_eq!(told.state, State::Cancelled, "it is shown at once");
    told
}

async fn until_over(running: &Running, job: Uuid) -> JobStatus {
    let begun = Instant::now();
    loop {
        let status = running.status(job).await;
        if status.over {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Brings a job into one state, cancels it there, and finds nothing of it on paper, in the queue or on the disk.
async fn cancelled_in(state: &str) {
    let mut cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    match state {
        "waiting behind another" | "printing" => cupsd.misbehave("slow"),
        "the queue stands still" | "held" => drop(cupsd.tool("cupsdisable", &["pages"])),
        "out of paper" => cupsd.misbehave("empty"),
        _ => cupsd.kill(),
    }
    let others = usize::from(state == "waiting behind another");
    for _ in 0..others {
        let first = running.accept("pages", &Document::pdf(1), Options::default()).await;
        running.until(first, State::Printing).await;
    }
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    let sure = match state {
        "waiting behind another" => {
            eventually("it is in the queue", || cupsd.tool("lpstat", &["-o"]).lines().count() == 2);
            running.until(job, State::Waiting).await;
            true
        }
        "printing" => {
            running.until(job, State::Printing).await;
            false
        }
        "the queue stands still" => {
            running.until_reason(job, "paused").await;
            true
        }
        "held" => {
            running.until_reason(job, "paused").await;
            running.offer.hold(job, By::Owner).await.unwrap();
            running.until(job, State::Held).await;
            true
        }
        "out of paper" => {
            running.until_reason(job, "media-empty").await;
            false
        }
        _ => {
            running.until_reason(job, "print_service_away").await;
            true
        }
    };
    cancel(&running, job).await;
    if state == "the print service is away" {
        cupsd.up();
    }
    let status = until_over(&running, job).await;
    assert_eq!((status.state, status.unprinted), (State::Cancelled, sure), "{state}");
    cupsd.behave_well();
    cupsd.tool("cupsenable", &["pages"]);
    eventually("the queue is empty", || cupsd.tool("lpstat", &["-o"]).trim().is_empty());
    assert_eq!(cupsd.printed().len(), others, "{state}");
    eventually("no document is left", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_behind_another_is_cancelled() {
    cancelled_in("waiting behind another").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_printed_is_cancelled_and_not_said_to_be_unprinted() {
    cancelled_in("printing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_a_queue_that_stands_still_is_cancelled() {
    cancelled_in("the queue stands still").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_held_in_the_queue_is_cancelled() {
    cancelled_in("held").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_paper_is_cancelled() {
    cancelled_in("out of paper").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_a_print_service_that_is_away_is_cancelled() {
    cancelled_in("the print service is away").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_queue_that_is_removed_end_with_a_word_and_are_not_printed_elsewhere() {
    let cupsd = Cupsd::start();
    cupsd.tool("cupsdisable", &["pages"]);
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let there = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until_reason(there, "paused").await;
    let here = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.offer.hold(here, By::Owner).await.unwrap();
    running.until(here, State::Held).await;
    cupsd.lpadmin(&["-x", "pages"]);
    // CUPS forgets its jobs with the queue, and nobody can say what became of this one.
    let lost = running.until_reason(there, "maybe_printed").await;
    assert!(lost.detail.is_some_and(|words| words.contains("Look at the printer")));
    let _ = running.offer.release(here, By::Owner).await;
    let begun = Instant::now();
    loop {
        let status = running.status(here).await;
        let told = status.state == State::Failed || status.reason.as_deref() == Some("maybe_printed");
        if told && status.detail.is_some() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "a person is told nothing: {status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(cupsd.printed().is_empty());
}
