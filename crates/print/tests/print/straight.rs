//! Straight to a printer that nobody shares, which goes wrong in every way that a printer can.

use super::{
    fake_printer::FakePrinter,
    offering::{Document, documents},
};
use lanyard_ipp::Operation;
use lanyard_link::Peers;
use lanyard_print::{
    MIGRATIONS,
    consume::{Deed, Outbox, OutgoingJob, OutgoingState, Parts, Target},
    document::Format,
    system::QueueState,
    ticket::{Options, Sides, State},
};
use lanyard_store::Store;
use lanyard_trust::Identity;
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

const PDF: &[&str] = &["application/pdf", "image/jpeg"];

/// This computer, and its outbox while it runs.
struct Here {
    dir: TempDir,
    store: Store,
    printer: FakePrinter,
    running: Option<(Outbox, CancellationToken, TaskTracker)>,
}

impl Here {
    fn with(printer: &FakePrinter) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db"), &[MIGRATIONS]).unwrap().store;
        let mut here = Self { dir, store, printer: printer.clone(), running: None };
        here.run();
        here
    }

    fn run(&mut self) {
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let outbox = Outbox::open(Parts {
            store: self.store.clone(),
            spool: self.dir.path().join("out"),
            documents: documents(&[], &cancel),
            peers: Peers::new(Identity::load_or_create(self.dir.path()).unwrap()),
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        })
        .unwrap();
        outbox.find_printers_by(Arc::new(self.printer.clone()));
        outbox.start().unwrap();
        self.running = Some((outbox, cancel, tasks));
    }

    /// Every task ends where it is.
    async fn crash(&mut self) {
        let (_, cancel, tasks) = self.running.take().unwrap();
        cancel.cancel();
        tasks.close();
        tasks.wait().await;
    }

    fn outbox(&self) -> &Outbox {
        &self.running.as_ref().unwrap().0
    }

    async fn print(&self, document: &Document, options: Options) -> Uuid {
        let path = self.dir.path().join(&document.title);
        fs::write(&path, &document.bytes).unwrap();
        let id = FakePrinter::id();
        let target = Target {
            node: id.node(),
            share: id.share(),
            printer: "Fake".to_owned(),
            device_name: "fake".to_owned(),
            ask: false,
            identity: None,
        };
        self.outbox().take(target, document.title.clone(), &path, options).await.unwrap().job
    }

    async fn job(&self, id: Uuid) -> OutgoingJob {
        self.outbox().jobs().await.unwrap().into_iter().find(|row| row.job == id).unwrap()
    }

    async fn until(&self, id: Uuid, what: impl Fn(&OutgoingJob) -> bool) -> OutgoingJob {
        let start = Instant::now();
        loop {
            let row = self.job(id).await;
            if what(&row) {
                return row;
            }
            assert!(start.elapsed() < Duration::from_secs(40), "not within 40 s: {row:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn is(&self, id: Uuid, state: State) -> OutgoingJob {
        self.until(id, |row| row.state == OutgoingState::At(state)).await
    }
}

async fn eventually(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(40), "not within 40 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_straight_to_the_printer_with_what_was_chosen() {
    let printer = FakePrinter::new(PDF);
    printer.on();
    let here = Here::with(&printer);
    let document = Document::pdf(2);
    let options = Options {
        copies: Some(3),
        sides: Some(Sides::TwoSidedLongEdge),
        pages: Some("1-2".parse().unwrap()),
        ..Options::default()
    };
    let start = Instant::now();
    let id = here.print(&document, options).await;
    let row = here.is(id, State::Done).await;
    println!("taken, printed and told in {:?}", start.elapsed());
    assert_eq!(row.pages_done, Some(2));
    assert_eq!(printer.printed(), [document.bytes], "as it is");
    let ticket = printer.ticket();
    assert_eq!((ticket.int("copies"), ticket.text("sides")), (Some(3), Some("two-sided-long-edge")));
    assert!(ticket.find("page-ranges").is_some());
    let left = fs::read_dir(here.dir.path().join("out")).unwrap();
    assert_eq!(left.count(), 1, "our copy stays for a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_becomes_a_pdf_for_a_printer_that_takes_one_and_is_refused_by_one_that_takes_neither() {
    let printer = FakePrinter::new(PDF);
    printer.on();
    let here = Here::with(&printer);
    let id = here.print(&Document::text("Hello"), Options::default()).await;
    here.is(id, State::Done).await;
    assert!(printer.printed()[0].starts_with(b"%PDF"));
    let raster = FakePrinter::new(&["image/pwg-raster", "image/jpeg"]);
    raster.on();
    let here = Here::with(&raster);
    let told = here.outbox().ask_printer(&FakePrinter::id()).await.unwrap();
    assert_eq!((told.can.formats, told.state), (vec![Format::Jpeg], QueueState::Idle));
    let id = here.print(&Document::text("Hello"), Options::default()).await;
    let row = here.is(id, State::Failed).await;
    assert_eq!(row.reason.as_deref(), Some("unsupported_document"), "{row:?}");
    assert_eq!(raster.asked(Operation::CreateJob), 0, "not even an empty job is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_a_printer_that_is_off_waits_and_finds_it_at_another_address() {
    let printer = FakePrinter::new(PDF);
    let mut here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    let waits = here.until(id, |row| row.reason.is_some()).await;
    assert_eq!((waits.state, waits.reason.as_deref()), (OutgoingState::Sending, Some("peer_unreachable")));
    here.crash().await;
    here.run();
    let first = printer.on();
    printer.off();
    assert_ne!(printer.on(), first);
    here.outbox().is_back(FakePrinter::id().node());
    here.is(id, State::Done).await;
    assert_eq!(printer.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_moves_away_from_an_open_connection_is_asked_where_it_is_now() {
    let printer = FakePrinter::new(PDF);
    printer.on();
    let here = Here::with(&printer);
    for heard_meanwhile in [false, true] {
        let id = here.print(&Document::pdf(1), Options::default()).await;
        here.is(id, State::Done).await;
        printer.leaves();
        if !heard_meanwhile {
            printer.on();
        }
        let start = Instant::now();
        let id = here.print(&Document::pdf(2), Options::default()).await;
        if heard_meanwhile {
            tokio::time::sleep(Duration::from_millis(300)).await;
            printer.on();
        }
        here.is(id, State::Done).await;
        assert!(start.elapsed() < Duration::from_secs(14), "an answer of nobody was waited for");
    }
    assert_eq!(printer.printed().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_hangs_up_without_a_word_after_every_answer_gets_each_document_once() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| ways.hangs_up_always = true);
    printer.on();
    let here = Here::with(&printer);
    for pages in 1..=3 {
        let id = here.print(&Document::pdf(pages), Options::default()).await;
        here.is(id, State::Done).await;
    }
    assert_eq!(printer.printed(), [1, 2, 3].map(|pages| Document::pdf(pages).bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_held_or_goes_elsewhere_as_long_as_the_printer_has_nothing_of_it() {
    let printer = FakePrinter::new(PDF);
    let here = Here::with(&printer);
    let (held, moved) = (
        here.print(&Document::pdf(1), Options::default()).await,
        here.print(&Document::pdf(1), Options::default()).await,
    );
    here.until(held, |row| row.reason.as_deref() == Some("peer_unreachable")).await;
    here.outbox().hold(held).await.unwrap();
    here.until(moved, |row| row.reason.as_deref() == Some("peer_unreachable")).await;
    let elsewhere = Target {
        node: lanyard_trust::NodeId::from_bytes([3; 32]),
        share: lanyard_trust::ShareId("laser".to_owned()),
        printer: "Laser".to_owned(),
        device_name: "Anna".to_owned(),
        ask: false,
        identity: None,
    };
    let row = here.outbox().move_to(moved, elsewhere.clone()).await.unwrap();
    assert_eq!((row.node, row.attempt), (elsewhere.node, 2), "nobody has to be asked");
    printer.on();
    here.outbox().is_back(FakePrinter::id().node());
    here.is(held, State::Held).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(printer.asked(Operation::SendDocument), 0);
    here.outbox().release(held).await.unwrap();
    here.is(held, State::Done).await;
    assert_eq!(printer.printed().len(), 1);
    let done = here.job(held).await;
    assert!(done.may(Deed::Reprint) && !done.may(Deed::Move) && !done.may(Deed::Hold));
    let refused = here.outbox().move_to(held, elsewhere).await;
    assert!(refused.is_err(), "it is printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_prints_nothing_twice() {
    for lost in [Operation::CreateJob, Operation::SendDocument] {
        let printer = FakePrinter::new(PDF);
        printer.set(|ways| ways.hangs_up_after = Some(lost));
        printer.on();
        let here = Here::with(&printer);
        let id = here.print(&Document::pdf(1), Options::default()).await;
        here.is(id, State::Done).await;
        assert_eq!(printer.printed().len(), 1, "{lost:?}");
        assert!(!printer.states().contains(&4), "no empty job is left behind: {:?}", printer.states());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_know_whether_it_is_on_paper_a_person_is_asked() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| {
        (ways.no_create_job, ways.drops_mark) = (true, true);
        ways.hangs_up_after = Some(Operation::PrintJob);
    });
    printer.on();
    let here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    let row = here.is(id, State::Stopped).await;
    assert_eq!(row.reason.as_deref(), Some("maybe_printed"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(printer.printed().len(), 1, "it is not sent again by itself");
    here.outbox().retry(id).await.unwrap();
    here.is(id, State::Done).await;
    assert_eq!(printer.printed().len(), 2, "a person wanted it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_hangs_up_in_the_middle_may_have_printed_half_of_it() {
    for no_create_job in [false, true] {
        let printer = FakePrinter::new(PDF);
        printer.set(|ways| (ways.cuts_at, ways.no_create_job) = (Some(100_000), no_create_job));
        printer.on();
        let here = Here::with(&printer);
        let mut document = Document::pdf(1);
        // Behind its end a PDF may hold anything.
        document.bytes.extend(vec![b' '; 8 << 20]);
        let id = here.print(&document, Options::default()).await;
        let row =
            here.until(id, |row| matches!(row.state, OutgoingState::At(s) if s != State::Printing)).await;
        assert!(matches!(row.state, OutgoingState::At(State::Stopped | State::Failed)), "{row:?}");
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(printer.printed().len(), 1, "half a document, and no second one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_at_any_step_prints_once() {
    for step in [Operation::GetPrinterAttributes, Operation::CreateJob, Operation::SendDocument] {
        for drops_mark in [false, true] {
            let printer = FakePrinter::new(PDF);
            printer.set(|ways| (ways.keeps_waiting, ways.drops_mark) = (Some(step), drops_mark));
            printer.on();
            let mut here = Here::with(&printer);
            let id = here.print(&Document::pdf(1), Options::default()).await;
            eventually("the printer is asked", || printer.asked(step) > 0).await;
            here.crash().await;
            printer.set(|ways| ways.keeps_waiting = None);
            here.run();
            here.is(id, State::Done).await;
            assert_eq!(printer.printed().len(), 1, "{step:?}, {drops_mark}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_without_create_job_that_keeps_the_mark_is_believed_after_a_crash() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| (ways.keeps_waiting, ways.no_create_job) = (Some(Operation::PrintJob), true));
    printer.on();
    let mut here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    eventually("the document is there", || !printer.printed().is_empty()).await;
    here.crash().await;
    printer.set(|ways| ways.keeps_waiting = None);
    here.run();
    here.is(id, State::Done).await;
    assert_eq!(printer.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_was_switched_off_while_it_printed_is_not_believed_to_have_printed() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| ways.stands = true);
    printer.on();
    let here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    here.is(id, State::Printing).await;
    printer.off();
    let row = here.is(id, State::Stopped).await;
    assert_eq!(row.reason.as_deref(), Some("peer_unreachable"));
    printer.set(|ways| ways.stands = false);
    printer.on();
    here.outbox().is_back(FakePrinter::id().node());
    let row = here.until(id, |row| row.reason.as_deref() == Some("maybe_printed")).await;
    assert_eq!(row.state, OutgoingState::At(State::Stopped));
    assert_eq!(printer.printed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_paper_is_said_and_a_cancel_reaches_the_printer() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| (ways.stands, ways.reasons) = (true, vec!["media-empty-error"]));
    printer.on();
    let here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    let row = here.is(id, State::Stopped).await;
    assert_eq!(row.reason.as_deref(), Some("media-empty"));
    let shown = here.outbox().cancel(id).await.unwrap();
    assert_eq!(shown.reason.as_deref(), Some("cancel_unconfirmed"), "the printer does not know yet");
    here.until(id, |row| row.reason.is_none() && row.state == OutgoingState::At(State::Cancelled)).await;
    assert_eq!(printer.states(), [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_printer_gets_one_job_after_the_other_in_their_order() {
    let printer = FakePrinter::new(PDF);
    printer.set(|ways| (ways.one_at_a_time, ways.stands) = (true, true));
    printer.on();
    let here = Here::with(&printer);
    let documents: Vec<Document> = (1..=3).map(Document::pdf).collect();
    let mut ids = Vec::new();
    for document in &documents {
        ids.push(here.print(document, Options::default()).await);
    }
    here.is(ids[0], State::Printing).await;
    let waits = here.until(ids[1], |row| row.reason.is_some()).await;
    assert_eq!((waits.state, waits.reason.as_deref()), (OutgoingState::Sending, Some("not-accepting-jobs")));
    printer.goes_on();
    for id in ids {
        here.is(id, State::Done).await;
    }
    let bytes: Vec<Vec<u8>> = documents.into_iter().map(|document| document.bytes).collect();
    assert_eq!(printer.printed(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_with_another_key_gets_nothing_until_a_person_says_so() {
    let printer = FakePrinter::new(PDF);
    printer.on_with_new_key();
    let here = Here::with(&printer);
    let id = here.print(&Document::pdf(1), Options::default()).await;
    here.is(id, State::Done).await;
    // Something else takes its place.
    printer.off();
    printer.on_with_new_key();
    let id = here.print(&Document::pdf(1), Options::default()).await;
    let row = here.is(id, State::Failed).await;
    assert_eq!(row.reason.as_deref(), Some("identity_changed"), "{row:?}");
    assert_eq!(printer.printed().len(), 1, "nothing was sent");
    here.outbox().retry(id).await.unwrap();
    here.is(id, State::Done).await;
    let id = here.print(&Document::pdf(1), Options::default()).await;
    here.is(id, State::Done).await;
    // A way without encryption is none for a printer that had it.
    printer.off();
    printer.on();
    let id = here.print(&Document::pdf(1), Options::default()).await;
    let row = here.until(id, |row| row.reason.is_some()).await;
    assert_eq!(row.reason.as_deref(), Some("peer_unreachable"), "{row:?}");
    assert_eq!(printer.printed().len(), 3);
}
