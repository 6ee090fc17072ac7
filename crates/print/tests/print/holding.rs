//! Jobs that are kept back, let go, allowed and taken back, over a real CUPS.

use super::{
    cups::{Cupsd, eventually},
    offering::{Document, NIGHT, Owner, Running, subject},
};
use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use lanyard_print::{
    offer::{By, Hold, IncomingJob, NotTaken, OfferError, Unannounced},
    ticket::{Capabilities, Color, JobStatus, MUST_ASK, Options, State, Ticket},
};
use lanyard_trust::{Refusal, ShareId};
use std::{sync::atomic::Ordering, time::Duration};
use uuid::Uuid;

async fn bring(
    running: &Running,
    share: &str,
    document: &Document,
    how: Unannounced<'_>,
) -> Result<IncomingJob, NotTaken> {
    let body = Full::new(Bytes::copy_from_slice(&document.bytes));
    let share = ShareId(share.to_owned());
    running.offer.take_document(&subject(1), &share, Unannounced { most: 1 << 20, ..how }, body).await
}

async fn tell(running: &Running, who: u8, job: Uuid, what: &str) -> Result<JobStatus, String> {
    let (code, body) = running.ask(who, Method::POST, &format!("/v1/jobs/{job}/{what}")).await;
    if code == StatusCode::OK {
        return Ok(serde_json::from_slice(&body).unwrap());
    }
    Err(String::from_utf8(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_its_sender_keeps_back_stays_through_a_crash_until_it_is_let_go() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = Document::pdf(1);
    let how = Unannounced { held: true, user: Some("anna\u{7}"), ..Unannounced::new("a.pdf", 0) };
    let job = bring(&running, "pages", &document, how).await.unwrap();
    assert_eq!((job.journal.state, job.user.as_deref()), (State::Held, Some("anna")));
    running.crash().await;
    let running = owner.run();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(running.status(job.job).await.reason.as_deref(), Some("job-hold-until-specified"));
    assert_eq!(cupsd.tool("lpstat", &["-o"]), "", "nothing of it is in the queue");
    let released = running.offer.release(job.job, By::Sender).await.unwrap();
    assert_eq!(released.journal.state, State::Waiting);
    running.until(job.job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
    let again = running.offer.hold(job.job, By::Owner).await;
    assert!(matches!(again, Err(OfferError::NotNow(_))), "it is over: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_the_queue_is_kept_back_there_while_others_pass() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let first = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(first, State::Printing).await;
    let document = Document::pdf(1);
    let second = running.accept("pages", &document, Options::default()).await;
    let third = running.accept("pages", &Document::pdf(1), Options::default()).await;
    eventually("all three are in the queue", || cupsd.tool("lpstat", &["-o"]).lines().count() == 3);
    assert!(tell(&running, 1, first, "hold").await.is_err(), "it is being printed");
    assert!(tell(&running, 2, second, "hold").await.is_err(), "it is somebody else's");
    assert_eq!(tell(&running, 1, second, "hold").await.unwrap().state, State::Held);
    cupsd.behave_well();
    running.until(first, State::Done).await;
    running.until(third, State::Done).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(running.status(second).await.state, State::Held);
    assert!(cupsd.printed().iter().all(|printed| printed.title != document.title));
    tell(&running, 1, second, "release").await.unwrap();
    running.until(second, State::Done).await;
    assert_eq!(cupsd.printed().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_keeps_back_its_sender_cannot_let_go() {
    let cupsd = Cupsd::start();
    cupsd.tool("cupsdisable", &["pages"]);
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(job, State::Stopped).await;
    // Whoever manages the printer speaks for the owner.
    let held = tell(&running, 9, job, "hold").await.unwrap();
    assert_eq!((held.state, held.reason.as_deref()), (State::Held, Some("owner")));
    let refused = tell(&running, 1, job, "release").await.unwrap_err();
    assert!(refused.contains("owner"), "{refused}");
    cupsd.tool("cupsenable", &["pages"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(running.status(job).await.state, State::Held);
    tell(&running, 9, job, "release").await.unwrap();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_must_be_allowed_waits_for_the_owners_word() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = Document::pdf(1);
    let refused = bring(&running, "waits", &document, Unannounced::new("a.pdf", 0)).await;
    assert!(matches!(refused, Err(NotTaken::Refused(Refusal::MustAsk))), "it did not say that it can wait");
    let waits = || Unannounced { may_wait: true, ..Unannounced::new("a.pdf", 0) };
    let yes = bring(&running, "waits", &document, waits()).await.unwrap();
    let no = bring(&running, "waits", &document, waits()).await.unwrap();
    assert_eq!((yes.journal.state, yes.journal.reason.as_deref()), (State::Held, Some(MUST_ASK)));
    let early = running.offer.release(yes.job, By::Sender).await;
    assert!(matches!(early, Err(OfferError::NotNow(_))), "a sender cannot answer for the owner: {early:?}");
    running.crash().await;
    let running = owner.run();
    running.offer.allow(yes.job).await.unwrap();
    let denied = running.offer.deny(no.job, Refusal::NotAllowed).await.unwrap();
    assert_eq!((denied.journal.state, denied.journal.unprinted), (State::Failed, true));
    running.until(yes.job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
    assert!(running.offer.allow(no.job).await.is_err(), "a no is a no");
    eventually("the documents are deleted", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_taken_back_only_while_nothing_of_it_can_be_on_paper() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let first = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(first, State::Printing).await;
    let second = running.accept("pages", &Document::pdf(1), Options::default()).await;
    eventually("both are in the queue", || cupsd.tool("lpstat", &["-o"]).lines().count() == 2);
    let query = "cancel?share=pages&attempt=1&unbegun=1";
    assert!(tell(&running, 1, first, query).await.unwrap_err().contains("not_now"));
    tell(&running, 1, second, query).await.unwrap();
    let status = running.until(second, State::Cancelled).await;
    assert!(status.unprinted, "{status:?}");
    // It may come again, on this printer or another.
    let document = Document::pdf(1);
    let ticket = Ticket { attempt: 2, ..document.ticket(Options::default()) };
    let (code, _) = running.put(1, "raw", second, &ticket, &document.bytes).await;
    assert_eq!(code, StatusCode::CREATED);
    cupsd.behave_well();
    running.until(first, State::Done).await;
    running.until(second, State::Done).await;
    assert_eq!(cupsd.printed().len(), 2);
    let job = running.offer.jobs().await.unwrap().into_iter().find(|job| job.job == second).unwrap();
    assert_eq!(job.journal.holds.first(), None::<Hold>);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_quiet_hours_is_printed_when_they_are_over_or_the_owner_says_so() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    NIGHT.store(true, Ordering::SeqCst);
    let running = owner.run();
    let first = running.accept("night", &Document::pdf(1), Options::default()).await;
    let second = running.accept("night", &Document::pdf(1), Options::default()).await;
    assert_eq!(running.status(first).await.reason.as_deref(), Some("quiet_hours"));
    running.crash().await;
    let running = owner.run();
    // Others' jobs on the same printer go by.
    let other = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(other, State::Done).await;
    assert_eq!(running.status(first).await.state, State::Held);
    let early = running.offer.release(first, By::Sender).await;
    assert!(matches!(early, Err(OfferError::NotNow(_))), "{early:?}");
    running.offer.release(first, By::Owner).await.unwrap();
    running.until(first, State::Done).await;
    assert_eq!(running.status(second).await.state, State::Held);
    NIGHT.store(false, Ordering::SeqCst);
    // The clock is looked at every now and then, and whenever there is something to do.
    let other = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(second, State::Done).await;
    running.until(other, State::Done).await;
    assert_eq!(cupsd.printed().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_colour_is_not_allowed_it_is_said_before_and_printed_in_grey() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let told = async |share: &str| {
        let (_, body) = running.ask(1, Method::GET, &format!("/v1/printers/{share}")).await;
        serde_json::from_slice::<Capabilities>(&body).unwrap().color
    };
    assert!(told("pages").await && !told("grey").await);
    let color = Options { color: Some(Color::Color), ..Options::default() };
    let job = running.accept("grey", &Document::pdf(1), color).await;
    running.until(job, State::Done).await;
    let options = &cupsd.printed()[0].options;
    assert!(options.contains("print-color-mode=monochrome"), "{options}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_counted_here_whatever_the_sender_says() {
    let owner = Owner::alone();
    let running = owner.run();
    let copies = |copies| Options { copies: Some(copies), ..Options::default() };
    let feeds = "page\u{c}".repeat(8);
    for (what, document, options, accepted) in [
        ("three pages", Document::pdf(3), Options::default(), true),
        ("four", Document::pdf(4), Options::default(), false),
        ("two, twice", Document::pdf(2), copies(2), false),
        ("two of four", Document::pdf(4), Options { pages: "2-3".parse().ok(), ..Options::default() }, true),
        ("a text", Document::text("one page"), Options::default(), true),
        ("a text of many pages", Document::text(&feeds), Options::default(), false),
    ] {
        let ticket = Ticket { pages: Some(1), ..document.ticket(options) };
        let (code, _) = running.put(1, "grey", Uuid::new_v4(), &ticket, &document.bytes).await;
        let expected = if accepted { StatusCode::CREATED } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(code, expected, "{what}");
    }
}
