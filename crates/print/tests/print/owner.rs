//! The owner's half with a real print service: what is asked for reaches the printer, and what happens is told.

use super::{
    cups::{Cupsd, eventually, text_of},
    offering::{Document, Owner, files},
};
use http::{Method, StatusCode};
use lanyard_print::{
    QueueId,
    document::Format,
    ticket::{Capabilities, Options, Sides, State},
};
use std::{
    fs,
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_document_reaches_the_printer_as_it_was_asked_for() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let document = Document::pdf(5);
    let options = Options {
        copies: Some(2),
        pages: Some("2-3,5".parse().unwrap()),
        sides: Some(Sides::TwoSidedLongEdge),
        ..Options::default()
    };
    let job = running.accept("pages", &document, options).await;
    running.until(job, State::Done).await;
    let printed = cupsd.printed();
    assert_eq!(printed.len(), 1, "once: {printed:?}");
    assert_eq!((printed[0].title.as_str(), printed[0].copies), (document.title.as_str(), 2));
    assert!(printed[0].options.contains("Duplex=DuplexNoTumble"), "{}", printed[0].options);
    let text = text_of(&printed[0].document);
    let pages: Vec<&str> = text.split('\u{c}').map(str::trim).filter(|page| !page.is_empty()).collect();
    assert_eq!(pages, ["Page 2", "Page 3", "Page 5"]);
    eventually("the document is deleted when it is on paper", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_share_a_side_reach_the_printer_laid_out_once() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let up = |number| Options {
        number_up: Some(number),
        pages: Some("2-5".parse().unwrap()),
        media: Some("iso_a4_210x297mm".to_owned()),
        ..Options::default()
    };
    for number in [2, 4] {
        let job = running.accept("pages", &Document::pdf(6), up(number)).await;
        running.until(job, State::Done).await;
    }
    let booklet = Options { booklet: true, ..Options::default() };
    let job = running.accept("pages", &Document::pdf(8), booklet).await;
    running.until(job, State::Done).await;
    let printed = cupsd.printed();
    let sides = |at: usize| -> Vec<Vec<String>> {
        let text = text_of(&printed[at].document);
        let sides = text.split('\u{c}').filter(|side| !side.trim().is_empty());
        let lines = |side: &str| {
            let mut lines: Vec<String> =
                side.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        sides.map(lines).collect()
    };
    assert_eq!(sides(0), [["Page 2", "Page 3"], ["Page 4", "Page 5"]], "neither cut nor laid out twice");
    assert_eq!(sides(1), [["Page 2", "Page 3", "Page 4", "Page 5"]]);
    let folded = [["Page 1", "Page 8"], ["Page 2", "Page 7"], ["Page 3", "Page 6"], ["Page 4", "Page 5"]];
    assert_eq!(sides(2), folded);
    assert!(printed[2].options.contains("Duplex=DuplexTumble"), "on both sides: {}", printed[2].options);
    eventually("what was made for it is deleted", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_pictures_are_printed_too() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    for document in [Document::text("Grüße an Anna\n"), Document::text("Привет\n"), Document::png()] {
        let job = running.accept("pages", &document, Options::default()).await;
        running.until(job, State::Done).await;
    }
    let printed = cupsd.printed();
    assert_eq!(printed.len(), 3);
    assert!(text_of(&printed[0].document).contains("Grüße an Anna"));
    assert!(fs::read(&printed[2].document).unwrap().starts_with(b"%PDF"), "CUPS made a page of the picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_queues_of_this_computer_are_listed_and_the_built_in_one() {
    let cupsd = Cupsd::start();
    cupsd.lpadmin(&["-p", "mirror", "-v", "ipp://other.local:631/printers/Laser", "-E"]);
    cupsd.lpadmin(&["-d", "pages"]);
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let queues = running.offer.queues().await;
    let names: Vec<&str> = queues.iter().map(|queue| queue.id.0.as_str()).collect();
    assert_eq!(
        names,
        ["pages", "raw", QueueId::SAVE_AS_PDF],
        "another computer's queue is not ours to offer"
    );
    assert_eq!(queues[0].model.as_deref(), Some("Lanyard Keep"));
    assert!(queues[0].is_default && !queues[1].is_default);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_printer_can_do_is_told_and_more_than_that_is_refused() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let (status, body) = running.ask(1, Method::GET, "/v1/printers/pages").await;
    assert_eq!(status, StatusCode::OK);
    let told: Capabilities = serde_json::from_slice(&body).unwrap();
    assert_eq!(told.formats, Format::SENT);
    assert_eq!(told.sides, [Sides::OneSided, Sides::TwoSidedLongEdge, Sides::TwoSidedShortEdge]);
    assert_eq!(told.media, ["iso_a4_210x297mm", "na_letter_8.5x11in"]);
    assert_eq!(told.media_default.as_deref(), Some("iso_a4_210x297mm"));
    let options = Options { media: Some("iso_a3_297x420mm".to_owned()), ..Options::default() };
    let document = Document::pdf(1);
    let (status, _) =
        running.put(1, "pages", uuid::Uuid::new_v4(), &document.ticket(options), &document.bytes).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "there is no A3 in it");
    assert_eq!(owner.spooled(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_without_paper_stops_the_job_with_its_reason_and_goes_on_when_filled() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("empty");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    let status = running.until(job, State::Stopped).await;
    assert_eq!(status.reason.as_deref(), Some("media-empty"));
    cupsd.behave_well();
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_stops_the_job_and_says_so() {
    let cupsd = Cupsd::start();
    cupsd.tool("cupsdisable", &["pages"]);
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    let status = running.until(job, State::Stopped).await;
    assert_eq!(status.reason.as_deref(), Some("paused"));
    cupsd.tool("cupsenable", &["pages"]);
    running.until(job, State::Done).await;
    assert_eq!(cupsd.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_being_printed_can_be_cancelled_by_its_sender() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(job, State::Printing).await;
    let (status, _) = running.ask(1, Method::POST, &format!("/v1/jobs/{job}/cancel")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(running.status(job).await.state, State::Cancelled, "shown at once");
    running.until(job, State::Cancelled).await;
    eventually("CUPS has no job left", || cupsd.tool("lpstat", &["-o"]).trim().is_empty());
    eventually("the document is deleted", || owner.spooled() == 0);
    cupsd.behave_well();
    assert!(cupsd.printed().is_empty(), "nothing of it came out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_at_the_printer_is_told_as_cancelled() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let job = running.accept("pages", &Document::pdf(1), Options::default()).await;
    running.until(job, State::Printing).await;
    cupsd.tool("cancel", &["-a"]);
    let status = running.until(job, State::Cancelled).await;
    assert!(status.detail.is_some_and(|detail| detail.contains("at the printer")));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_printed_in_the_order_in_which_they_came() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let mut titles = Vec::new();
    let mut last = None;
    for _ in 0..10 {
        let document = Document::pdf(1);
        last = Some(running.accept("pages", &document, Options::default()).await);
        titles.push(document.title);
    }
    running.until(last.unwrap(), State::Done).await;
    let printed: Vec<String> = cupsd.printed().into_iter().map(|printed| printed.title).collect();
    assert_eq!(printed, titles);
}

#[tokio::test(flavor = "multi_thread")]
async fn save_as_pdf_needs_no_print_service_and_honours_ranges_and_copies() {
    let owner = Owner::alone();
    let running = owner.run();
    let options = Options { copies: Some(2), pages: Some("2-3".parse().unwrap()), ..Options::default() };
    let job = running.accept(QueueId::SAVE_AS_PDF, &Document::pdf(4), options).await;
    let status = running.until(job, State::Done).await;
    assert!(status.detail.is_some_and(|detail| detail.starts_with("Saved as ")));
    let saved = files(&owner.printed_folder());
    assert_eq!(saved.len(), 1, "{saved:?}");
    let text = text_of(&saved[0]);
    let pages: Vec<&str> = text.split('\u{c}').map(str::trim).filter(|page| !page.is_empty()).collect();
    assert_eq!(pages, ["Page 2", "Page 3", "Page 2", "Page 3"]);
    let job = running.accept(QueueId::SAVE_AS_PDF, &Document::text("Grüße\n"), Options::default()).await;
    running.until(job, State::Done).await;
    let job = running.accept(QueueId::SAVE_AS_PDF, &Document::png(), Options::default()).await;
    running.until(job, State::Done).await;
    let saved = files(&owner.printed_folder());
    assert_eq!(saved.len(), 3);
    assert!(saved.iter().any(|pdf| text_of(pdf).contains("Grüße")));
    assert!(files(&owner.dir.path().join("notes")).is_empty(), "nothing is remembered of what is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_printer_is_told_within_a_second() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let mut jobs = vec![running.accept("pages", &Document::pdf(1), Options::default()).await];
    running.until(jobs[0], State::Printing).await;
    for _ in 0..8 {
        jobs.push(running.accept("pages", &Document::pdf(1), Options::default()).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (tool, expected) in [("cupsdisable", State::Stopped), ("cupsenable", State::Printing)] {
        cupsd.tool(tool, &["pages"]);
        let begun = Instant::now();
        let mut changes = running.offer.changes();
        while running.status(jobs[0]).await.state != expected {
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
        }
        println!("told {:?} after {tool}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(1), "{tool}");
    }
    cupsd.behave_well();
    for job in jobs {
        running.until(job, State::Done).await;
    }
    assert_eq!(cupsd.printed().len(), 9);
    let queues = running.offer.queues().await;
    let pages = queues.iter().find(|queue| queue.id.0 == "pages").unwrap();
    let supplies: Vec<_> = pages.supplies.iter().map(|one| (one.name.as_str(), one.level, one.low)).collect();
    assert_eq!(supplies, [("Black Toner", Some(5), true), ("Cyan", Some(80), false)]);
}
