//! A document that takes long to be made into what its queue takes, and those behind it: a print service of our own that
//! makes a document ready when the test says so.

use super::offering::{Document, Owner};
use futures_util::future::BoxFuture;
use lanyard_print::{
    QueueId,
    system::{Handover, QueueInfo, SendError, Sighting, SpoolError, Spooler, Stage},
    ticket::{Capabilities, Options, State},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// What it has: jobs by number, with their marks; titles in the order in which they were printed.
#[derive(Default)]
struct Jobs {
    marks: HashMap<i32, (String, bool)>,
    printed: Vec<String>,
}

#[derive(Clone)]
struct Slow {
    jobs: Arc<Mutex<Jobs>>,
    /// Titles that are made ready now; pictures wait for that.
    ready: watch::Sender<Vec<String>>,
}

impl Slow {
    fn new() -> Self {
        Self { jobs: Arc::default(), ready: watch::Sender::new(Vec::new()) }
    }

    fn sight(&self, mark: &str) -> Option<Sighting> {
        let jobs = self.jobs.lock().unwrap();
        let (number, (_, has_document)) = jobs.marks.iter().find(|(_, (known, _))| known == mark)?;
        Some(Sighting {
            job: *number,
            stage: if *has_document { Stage::Done } else { Stage::Waiting },
            begun: *has_document,
            documents: u32::from(*has_document),
            reason: None,
            detail: None,
            pages_done: None,
            life: 0,
        })
    }

    fn printed(&self) -> Vec<String> {
        self.jobs.lock().unwrap().printed.clone()
    }

    fn make_ready(&self, title: &str) {
        self.ready.send_modify(|ready| ready.push(title.to_owned()));
    }
}

impl Spooler for Slow {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn capabilities<'a>(&'a self, _: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        Box::pin(async { Err(SpoolError::NotFound) })
    }

    fn must_prepare(&self, job: &Handover) -> bool {
        job.title.ends_with(".png")
    }

    fn prepare<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = self.ready.subscribe().wait_for(|ready| ready.contains(&job.title)).await;
        })
    }

    fn create<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(async move {
            let mut jobs = self.jobs.lock().unwrap();
            let number = i32::try_from(jobs.marks.len()).unwrap() + 1;
            jobs.marks.insert(number, (job.mark.clone(), false));
            Ok(number)
        })
    }

    fn send<'a>(&'a self, job: &'a Handover, number: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let mut jobs = self.jobs.lock().unwrap();
            jobs.marks.get_mut(&number).unwrap().1 = true;
            jobs.printed.push(job.title.clone());
            Ok(())
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a QueueId,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(async move { Ok(self.sight(mark)) })
    }

    fn look<'a>(
        &'a self,
        _: &'a QueueId,
        mark: &'a str,
        _: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(async move { Ok(self.sight(mark)) })
    }

    fn cancel<'a>(&'a self, _: &'a QueueId, _: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }
}

fn picture(title: &str) -> Document {
    Document { title: title.to_owned(), ..Document::png() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_takes_long_to_be_made_does_not_keep_the_next_one_waiting() {
    let (owner, slow) = (Owner::alone(), Slow::new());
    let running = owner.run_with_spooler(Box::new(slow.clone()));
    let first = running.accept("pages", &picture("slow.png"), Options::default()).await;
    let next = Document::pdf(1);
    let second = running.accept("pages", &next, Options::default()).await;
    running.until(second, State::Done).await;
    assert_eq!(slow.printed(), std::slice::from_ref(&next.title));
    assert_eq!(running.status(first).await.state, State::Waiting, "it waits, and nobody is told of trouble");
    slow.make_ready("slow.png");
    running.until(first, State::Done).await;
    assert_eq!(slow.printed(), [next.title, "slow.png".to_owned()], "and once");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_soon_made_are_printed_in_the_order_in_which_they_came() {
    // On a machine so busy that this takes longer than those behind wait, it says nothing.
    const SOON: Duration = Duration::from_secs(2);
    for _ in 0..20 {
        let (owner, slow) = (Owner::alone(), Slow::new());
        let running = owner.run_with_spooler(Box::new(slow.clone()));
        let begun = Instant::now();
        running.accept("pages", &picture("first.png"), Options::default()).await;
        running.accept("pages", &picture("second.png"), Options::default()).await;
        let third = Document::pdf(1);
        let last = running.accept("pages", &third, Options::default()).await;
        // The second is ready before the first, and the third needs no making.
        slow.make_ready("second.png");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = slow.printed();
        slow.make_ready("first.png");
        running.until(last, State::Done).await;
        if begun.elapsed() < SOON {
            assert_eq!(before, [""; 0], "they wait for the first");
            assert_eq!(slow.printed(), ["first.png".to_owned(), "second.png".to_owned(), third.title]);
            return;
        }
    }
    panic!("this machine is never quick enough");
}
