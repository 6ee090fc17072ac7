//! One task for each device: delivers documents, asks after them, carries cancels over, waits while it is away.

use super::{AskError, Bell, Leaving, Outbox, OutboxError, OutgoingJob, lock, outgoing::Phase, read_answer};
use crate::{
    fault,
    ticket::{JobStatus, MUST_ASK, Question, Refused, TICKET_HEADER},
};
use futures_util::{FutureExt, TryStreamExt};
use http::{Method, Request, StatusCode, header};
use hyper::body::{Bytes, Frame};
use lanyard_link::{Body, BodyError, LinkError, body};
use lanyard_trust::NodeId;
use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

/// Between two tries while a device does not answer; doubles up to the second.
const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A job whose owner has not said anything for so long is asked after: the news come by themselves, but the stream
/// that brings them may have been broken just then.
const SILENCE: Duration = Duration::from_secs(30);

/// From the end of the document to the owner's answer: it checks and fsyncs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A question that has no answer after this long has none: the owner's device ends it earlier, if it is there.
const ANSWER: Duration = Duration::from_secs(6 * 60);

/// Bytes of a document that are read at once.
pub(super) const PIECE: u64 = 256 * 1024;

/// A device that answered this recently is believed to be there.
const FRESH: Duration = Duration::from_secs(3);

pub(super) struct Courier {
    pub(super) outbox: Outbox,
    pub(super) node: NodeId,
    bell: Arc<Bell>,
    pause: Duration,
    /// When the device answered last.
    answered: Option<Instant>,
    asked: HashMap<Uuid, Instant>,
    mismatches: HashMap<Uuid, u32>,
    /// Jobs whose owner was asked, and when first.
    questions: HashMap<Uuid, Instant>,
}

/// What came of one job's turn.
enum Turn {
    /// Nothing more to do for it now.
    Fine,
    /// The device is away or busy: everything waits.
    Wait,
}

/// What came of a question to the owner.
enum Permission {
    /// The document may leave.
    Given,
    /// Not now, or not at all.
    NotYet(Turn),
}

impl Courier {
    pub(super) fn new(outbox: Outbox, node: NodeId, bell: Arc<Bell>) -> Self {
        Self {
            outbox,
            node,
            bell,
            pause: AWAY.0,
            answered: None,
            asked: HashMap::new(),
            mismatches: HashMap::new(),
            questions: HashMap::new(),
        }
    }

    /// Works until it is dropped. Sleeps while there is nothing to do.
    pub(super) async fn run(mut self) {
        loop {
            if self.bell.back.swap(false, Ordering::AcqRel) {
                self.pause = AWAY.0;
                self.asked.clear();
                self.answers();
            }
            let pause = self.round().await;
            self.bell.sleeps.store(true, Ordering::Release);
            let ring = self.bell.ring.notified();
            match pause {
                None => ring.await,
                Some(pause) => drop(tokio::time::timeout(pause, ring).await),
            }
            self.bell.sleeps.store(false, Ordering::Release);
        }
    }

    /// Gives every open job its turn; returns when to come again.
    async fn round(&mut self) -> Option<Duration> {
        let node = self.node;
        let rows = self.outbox.inner.rows.clone();
        let jobs = match rows.glance(move |rows| rows.open_jobs(Some(node))).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return Some(AWAY.1);
            }
        };
        self.asked.retain(|job, _| jobs.iter().any(|open| open.job == *job));
        self.mismatches.retain(|job, _| jobs.iter().any(|open| open.job == *job));
        self.questions.retain(|job, _| jobs.iter().any(|open| open.job == *job));
        if jobs.is_empty() {
            return None;
        }
        for job in jobs {
            match self.turn(job).await {
                Turn::Fine => self.pause = AWAY.0,
                Turn::Wait => {
                    if self.bell.waits.load(Ordering::Acquire) {
                        self.go_around().await;
                    }
                    let pause = self.pause;
                    self.pause = (self.pause * 2).min(AWAY.1);
                    return Some(pause);
                }
            }
        }
        Some(SILENCE)
    }

    /// The device is there.
    fn answers(&mut self) {
        self.answered = Some(Instant::now());
        self.bell.waits.store(false, Ordering::Release);
    }

    /// A request without a document.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), AskError> {
        let told = self.outbox.ask(self.node, method, path, body).await;
        if !matches!(told, Err(AskError::Link(_))) {
            self.answers();
        }
        told
    }

    async fn turn(&mut self, job: OutgoingJob) -> Turn {
        let fresh = lock(&self.bell.fresh).remove(&job.job);
        match job.phase {
            Phase::Here if job.hold => Turn::Fine,
            Phase::Here => self.deliver(job).await,
            Phase::Offered if fresh.is_some() && !job.hold => {
                let leaving = fresh.flatten().filter(Leaving::goes_on);
                self.send(job, false, leaving).await
            }
            // Perhaps it is there already: ask before a large document travels twice.
            Phase::Offered => match self.ask_after(&job).await {
                Turn::Fine => match self.reread(&job).await {
                    Some(job) if job.node != self.node || job.hold => Turn::Fine,
                    Some(job) if matches!(job.phase, Phase::Here | Phase::Offered) => self.deliver(job).await,
                    _ => Turn::Fine,
                },
                wait => wait,
            },
            Phase::There if job.hold => self.carry_hold(&job).await,
            Phase::There if self.asked.get(&job.job).is_some_and(|at| at.elapsed() < SILENCE) => Turn::Fine,
            Phase::There => {
                self.asked.insert(job.job, Instant::now());
                self.ask_after(&job).await
            }
            Phase::Cancelling => self.carry_cancel(&job).await,
            Phase::Over => Turn::Fine,
        }
    }

    async fn deliver(&mut self, job: OutgoingJob) -> Turn {
        if job.asks_first
            && let Permission::NotYet(turn) = self.ask_owner(&job).await
        {
            return turn;
        }
        if !job.left
            && let Err(error) = self.is_there(&job).await
        {
            return self.away(&job, &error).await;
        }
        // On disk before the first byte leaves: from here on the owner may have it.
        let left_before = job.left;
        let Ok(job) = self.change(&job, OutgoingJob::offered).await else { return Turn::Wait };
        if job.phase != Phase::Offered || job.node != self.node {
            return Turn::Fine;
        }
        self.send(job, left_before, None).await
    }

    /// Sends a document that is offered, as the disk knows. `left_before` when an earlier try may have left whole, and
    /// `leaving` what of this one is on its way.
    async fn send(&mut self, job: OutgoingJob, left_before: bool, leaving: Option<Leaving>) -> Turn {
        fault::point("courier: about to leave");
        let whole = leaving.as_ref().map_or_else(Arc::default, Leaving::whole);
        let sending = match leaving {
            Some(leaving) => leaving.end(job.blake3.clone()).boxed(),
            None => match self.request(&job, Arc::clone(&whole)).await {
                Ok(request) => self.outbox.inner.peers.request(self.node, request, PATIENCE).boxed(),
                Err(error) => {
                    tracing::error!(job = %job.job, %error, "our copy of a document cannot be read");
                    let detail = format!("The kept copy of the document cannot be read: {error}");
                    return self.refused(&job, Refused { reason: "unreadable".to_owned(), detail }).await;
                }
            },
        };
        let sent = tokio::select! {
            sent = sending => Some(sent),
            // Dropping the request cuts the document short, so the owner does not accept it.
            () = self.unwanted(&job) => None,
        };
        fault::point("courier: sent, the answer is not recorded");
        if !whole.load(Ordering::Acquire) && !matches!(sent, Some(Ok(_))) {
            let _ = self.change(&job, move |job| job.not_left(left_before)).await;
        }
        let Some(sent) = sent else { return Turn::Fine };
        let answer = match sent {
            Ok(response) => read_answer(response).await,
            Err(error) => Err(error.into()),
        };
        if !matches!(answer, Err(AskError::Link(_))) {
            self.answers();
        }
        match answer {
            Ok((_, told)) => self.heard(&job, &told).await,
            Err(AskError::Link(error)) => self.away(&job, &error).await,
            Err(AskError::Unexpected) => {
                self.away(&job, &LinkError::Broken("no answer to read".to_owned())).await
            }
            Err(AskError::Refused(refusal)) => self.judge(&job, refusal, left_before).await,
        }
    }

    /// A small document is gone as soon as the system has it, and then it may have arrived, for all that we know: one for
    /// a device that has fallen asleep could neither go by another way nor be moved. So the device answers first.
    async fn is_there(&mut self, job: &OutgoingJob) -> Result<(), LinkError> {
        // The outbox has connected to it while it looked at the document.
        if self.answered.is_some_and(|at| at.elapsed() < FRESH) || self.outbox.inner.peers.is_warm(self.node)
        {
            return Ok(());
        }
        match self.ask(Method::GET, &format!("/v1/jobs/{}", job.job), Vec::new()).await {
            Err(AskError::Link(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Asks the owner whether this document may come. Asked again, it is the same question: the answer may have been
    /// told while we did not listen.
    async fn ask_owner(&mut self, job: &OutgoingJob) -> Permission {
        let question = Question {
            share: &job.share.0,
            action: "print",
            title: &job.title,
            pages: job.pages,
            bytes: job.bytes,
        };
        let Ok(question) = serde_json::to_vec(&question) else { return Permission::NotYet(Turn::Wait) };
        let turn = match self.ask(Method::POST, "/v1/asks", question).await {
            Ok((StatusCode::OK, _)) => {
                self.questions.remove(&job.job);
                return match self.change(job, OutgoingJob::allowed).await {
                    Ok(_) => Permission::Given,
                    Err(_) => Permission::NotYet(Turn::Wait),
                };
            }
            Ok(_) => self.wait_for_answer(job).await,
            // The owner has many questions already: ours is put again later.
            Err(AskError::Refused(refusal)) if matches!(refusal.reason.as_str(), "busy" | "stopping") => {
                self.wait_for_answer(job).await
            }
            Err(AskError::Refused(refusal)) if refusal.reason == "internal" => Turn::Wait,
            Err(AskError::Refused(mut refusal)) => {
                if refusal.reason == "not_allowed" {
                    refusal.detail = no_permission(job);
                }
                self.refused(job, refusal).await
            }
            Err(AskError::Link(error)) => self.away(job, &error).await,
            Err(AskError::Unexpected) => Turn::Wait,
        };
        Permission::NotYet(turn)
    }

    async fn wait_for_answer(&mut self, job: &OutgoingJob) -> Turn {
        let since = *self.questions.entry(job.job).or_insert_with(Instant::now);
        if since.elapsed() >= ANSWER {
            let (reason, detail) = ("not_allowed".to_owned(), no_permission(job));
            return self.refused(job, Refused { reason, detail }).await;
        }
        match self.change(job, OutgoingJob::must_ask).await {
            // Other printers of this device need not wait for this owner's answer.
            Ok(_) => Turn::Fine,
            Err(_) => Turn::Wait,
        }
    }

    /// Whether a refusal is for good.
    async fn judge(&mut self, job: &OutgoingJob, refusal: Refused, left_before: bool) -> Turn {
        const MISMATCHES: u32 = 3;
        if refusal.reason == MUST_ASK {
            // We did not know. It is asked with the next turn, which first makes sure that the owner has not got an
            // earlier try, if there was one: this one it has not.
            let asks = move |job: &mut OutgoingJob| {
                job.must_ask();
                if !left_before {
                    job.not_left(false);
                }
            };
            let _ = self.change(job, asks).await;
            return Turn::Wait;
        }
        let later = match refusal.reason.as_str() {
            // A fault there is no word on the job: a device that is being switched off breaks off its work with one,
            // and it may have taken the document just before. The next turn asks first.
            "disk_full" | "busy" | "stopping" | "internal" => true,
            "mismatch" => {
                let count = self.mismatches.entry(job.job).or_default();
                *count += 1;
                *count < MISMATCHES
            }
            _ => false,
        };
        if !later {
            return self.refused(job, refusal).await;
        }
        let waits = move |job: &mut OutgoingJob| job.waits(&refusal.reason, &refusal.detail);
        let _ = self.change(job, waits).await;
        Turn::Wait
    }

    async fn refused(&self, job: &OutgoingJob, refusal: Refused) -> Turn {
        match self.change(job, move |job| job.refused(&refusal)).await {
            Ok(_) => Turn::Fine,
            Err(_) => Turn::Wait,
        }
    }

    async fn away(&mut self, job: &OutgoingJob, error: &LinkError) -> Turn {
        tracing::debug!(job = %job.job, %error, "the printer's device does not answer");
        self.answered = None;
        self.bell.waits.store(true, Ordering::Release);
        let waits = |job: &mut OutgoingJob| {
            job.waits(
                "peer_unreachable",
                "The printer's device does not answer. The job goes out when it is back.",
            );
        };
        let _ = self.change(job, waits).await;
        Turn::Wait
    }

    async fn ask_after(&mut self, job: &OutgoingJob) -> Turn {
        let path = format!("/v1/jobs/{}", job.job);
        match self.ask(Method::GET, &path, Vec::new()).await {
            Ok((_, told)) => self.heard(job, &told).await,
            Err(AskError::Refused(refusal)) if refusal.reason == "not_found" => self.forgotten(job).await,
            Err(AskError::Link(error)) => self.away(job, &error).await,
            Err(_) => Turn::Wait,
        }
    }

    /// One that goes elsewhere is only taken back if it has not begun.
    async fn carry_cancel(&mut self, job: &OutgoingJob) -> Turn {
        let unbegun = if job.moving.is_some() { "&unbegun=1" } else { "" };
        let path =
            format!("/v1/jobs/{}/cancel?share={}&attempt={}{unbegun}", job.job, job.share, job.attempt);
        match self.ask(Method::POST, &path, Vec::new()).await {
            Ok((_, told)) => self.heard(job, &told).await,
            Err(AskError::Refused(refusal)) if refusal.reason == "not_now" && job.moving.is_some() => {
                match self.change(job, OutgoingJob::not_given_back).await {
                    Ok(_) => self.ask_after(job).await,
                    Err(_) => Turn::Wait,
                }
            }
            Err(AskError::Refused(refusal))
                if matches!(refusal.reason.as_str(), "not_found" | "not_allowed") =>
            {
                self.forgotten(job).await
            }
            Err(AskError::Link(error)) => self.away(job, &error).await,
            Err(_) => Turn::Wait,
        }
    }

    /// It was kept back while it was on its way, and has arrived.
    async fn carry_hold(&mut self, job: &OutgoingJob) -> Turn {
        let path = format!("/v1/jobs/{}/hold", job.job);
        let told = match self.ask(Method::POST, &path, Vec::new()).await {
            Ok((_, told)) => Some(told),
            // It is too late for that.
            Err(AskError::Refused(refusal)) if refusal.reason == "not_now" => None,
            Err(AskError::Refused(refusal)) if refusal.reason == "not_found" => {
                return self.forgotten(job).await;
            }
            Err(AskError::Link(error)) => return self.away(job, &error).await,
            Err(_) => return Turn::Wait,
        };
        if self.change(job, OutgoingJob::held_there).await.is_err() {
            return Turn::Wait;
        }
        match told {
            Some(told) => self.heard(job, &told).await,
            None => self.ask_after(job).await,
        }
    }

    /// Changes a row as long as it is this device's and this attempt: what comes of an earlier one says nothing.
    pub(super) async fn change(
        &self,
        job: &OutgoingJob,
        how: impl FnOnce(&mut OutgoingJob) + Send + 'static,
    ) -> Result<OutgoingJob, OutboxError> {
        let (node, attempt) = (self.node, job.attempt);
        fault::point("courier: about to record");
        let own = move |row: &mut OutgoingJob| {
            if row.node == node && row.attempt == attempt {
                how(row);
            }
        };
        let changed = self.outbox.change(job.job, own).await;
        fault::point("courier: recorded");
        changed
    }

    async fn heard(&self, job: &OutgoingJob, told: &[u8]) -> Turn {
        let Ok(status) = serde_json::from_slice::<JobStatus>(told) else { return Turn::Wait };
        let (node, attempt) = (self.node, job.attempt);
        let is_it = move |row: &OutgoingJob| row.node == node && row.attempt == attempt;
        fault::point("courier: about to record");
        let changed = self.outbox.change_by_news(job.job, status.bounded(), is_it).await;
        fault::point("courier: recorded");
        match changed {
            Ok(_) => Turn::Fine,
            Err(_) => Turn::Wait,
        }
    }

    async fn forgotten(&self, job: &OutgoingJob) -> Turn {
        match self.change(job, OutgoingJob::forgotten).await {
            Ok(_) => Turn::Fine,
            Err(_) => Turn::Wait,
        }
    }

    async fn reread(&self, job: &OutgoingJob) -> Option<OutgoingJob> {
        let (rows, job) = (self.outbox.inner.rows.clone(), job.job);
        rows.glance(move |rows| rows.job(job)).await.ok().flatten()
    }

    /// Ends when a person cancels the job, keeps it back or wants it elsewhere.
    async fn unwanted(&self, job: &OutgoingJob) {
        let mut changes = self.outbox.changes();
        let (id, attempt) = (job.job, job.attempt);
        let is_unwanted = |row: &OutgoingJob| {
            row.job == id && (row.phase == Phase::Cancelling || row.hold || row.attempt != attempt)
        };
        let rows = self.outbox.inner.rows.clone();
        if let Ok(Some(row)) = rows.glance(move |rows| rows.job(id)).await
            && is_unwanted(&row)
        {
            return;
        }
        loop {
            match changes.recv().await {
                Ok(row) if is_unwanted(&row) => return,
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// `whole` is set before the last byte leaves. So the link must not repeat this by itself: we must know.
    async fn request(&self, job: &OutgoingJob, whole: Arc<AtomicBool>) -> io::Result<Request<Body>> {
        let path = self.outbox.inner.spool.path(&job.document());
        let document = if job.bytes <= PIECE {
            at_once(path, whole).await?
        } else {
            in_pieces(path, job.bytes, whole).await?
        };
        Request::builder()
            .method(Method::PUT)
            .uri(place_of(job))
            .header(TICKET_HEADER, job.ticket().to_header())
            .header(header::CONTENT_TYPE, job.format.mime())
            .header(header::CONTENT_LENGTH, job.bytes)
            .body(document)
            .map_err(io::Error::other)
    }
}

/// Where a document goes on its owner's device.
pub(super) fn place_of(job: &OutgoingJob) -> String {
    format!("/v1/printers/{}/jobs/{}", job.share, job.job)
}

/// A document that leaves together with its head.
async fn at_once(path: PathBuf, whole: Arc<AtomicBool>) -> io::Result<Body> {
    let document = Bytes::from(tokio::fs::read(path).await?);
    let piece = async move {
        whole.store(true, Ordering::Release);
        Ok(Frame::data(document))
    };
    Ok(body::stream(futures_util::stream::once(piece)))
}

async fn in_pieces(path: PathBuf, bytes: u64, whole: Arc<AtomicBool>) -> io::Result<Body> {
    let file = tokio::fs::File::open(path).await?;
    let mut left = 0;
    let pieces = ReaderStream::with_capacity(file, PIECE as usize).map_ok(move |piece| {
        left += piece.len() as u64;
        whole.fetch_or(left >= bytes, Ordering::AcqRel);
        Frame::data(piece)
    });
    Ok(body::stream(pieces.map_err(|error| -> BodyError { error.into() })))
}

fn no_permission(job: &OutgoingJob) -> String {
    format!("The owner of {} has not allowed this.", job.device_name)
}

impl Drop for Courier {
    fn drop(&mut self) {
        lock(&self.outbox.inner.couriers).remove(&self.node);
    }
}
