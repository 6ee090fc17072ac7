//! What other nodes ask of this computer's printers, over HTTP.

use super::{
    Arriving, Entering, IncomingJob, Offer, OfferError,
    hold::{By, Hold, Holds},
    is_of,
    journal::Entered,
    now, terms,
};
use crate::{
    QueueId,
    document::{DocumentError, Format},
    fault,
    spool::KeepError,
    system::SpoolError,
    ticket::{MUST_ASK, Refused, TICKET_HEADER, Ticket},
};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes};
use lanyard_link::{Body, body};
use lanyard_store::StoreError;
use lanyard_trust::{Action, Claim, Refusal, ShareId, Subject, Terms, Used};
use std::time::Duration;
use uuid::Uuid;

impl Offer {
    /// Answers a request below `/v1/printers/` or `/v1/jobs/`.
    pub async fn serve<B>(&self, subject: Subject, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin,
    {
        let (head, mut body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let answer = match (&head.method, parts.as_slice()) {
            (&Method::GET, ["v1", "printers", share]) => self.tell_capabilities(&subject, share).await,
            (&Method::GET, ["v1", "printers", share, "jobs"]) => self.tell_managed(&subject, share).await,
            (&Method::PUT, ["v1", "printers", share, "jobs", job]) => match job.parse() {
                Ok(job) => self.take(&subject, share, job, &head, &mut body).await,
                Err(_) => Err(refuse(StatusCode::BAD_REQUEST, "invalid", "that is no UUID")),
            },
            (&Method::GET, ["v1", "jobs", job]) => self.tell_job(&subject, job).await,
            (&Method::POST, ["v1", "jobs", job, "cancel"]) => self.cancel_for(&subject, job, &head).await,
            (&Method::POST, ["v1", "jobs", job, "hold"]) => self.hold_for(&subject, job).await,
            (&Method::POST, ["v1", "jobs", job, "release"]) => self.release_for(&subject, job).await,
            _ => Err(refuse(StatusCode::NOT_FOUND, "not_found", "there is nothing here")),
        };
        match answer {
            Ok(answer) => answer,
            Err(refusal) => {
                // A sender that still talks when it is refused would see a broken connection, not the answer.
                drain(body).await;
                *refusal
            }
        }
    }

    async fn tell_capabilities(&self, subject: &Subject, share: &str) -> Answer {
        // One who must ask first may see what there is to ask for.
        let queue = self.look(subject, share)?;
        let share = ShareId(share.to_owned());
        let told =
            self.capabilities_for(subject, &share, &queue).await.map_err(|error| spooler_refusal(&error))?;
        Ok(body::json(StatusCode::OK, &told))
    }

    async fn take<B>(
        &self,
        subject: &Subject,
        share: &str,
        job: Uuid,
        head: &request::Parts,
        body: &mut B,
    ) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin,
    {
        let admitted = self.admit(subject, share);
        let ticket = head.headers.get(TICKET_HEADER).map(|value| Ticket::from_header(value.as_bytes()));
        let ticket = match ticket {
            Some(Ok(ticket)) => ticket,
            Some(Err(error)) => return Err(refuse(StatusCode::BAD_REQUEST, "invalid", &error.to_string())),
            None => return Err(refuse(StatusCode::BAD_REQUEST, "invalid", "the ticket is missing")),
        };
        let rows = self.inner.rows.clone();
        let known = rows.glance(move |rows| rows.job(job)).await.map_err(|error| store_refusal(&error))?;
        let earlier = known.as_ref().map(IncomingJob::document);
        if let Some(known) = known {
            if !is_of(&known, subject.id()) {
                return Err(taken());
            }
            if known.attempt >= ticket.attempt || !known.may_come_again() {
                // It was accepted, whether or not another would be: what allowed it may be used up by it.
                // An answer all the same, but the rest of the document is not wanted: see `serve`.
                return Err(Box::new(status(StatusCode::OK, &known)));
            }
        }
        let queue = admitted?;
        let terms = self.inner.gate.terms(&ShareId(share.to_owned()), subject);
        let ticket = Ticket { options: Self::allowed(&terms, ticket.options), ..ticket };
        // Nothing is known of a queue whose system does not answer; it will say no itself if it must.
        if !ticket.options.is_default()
            && let Ok(printer) = self.capabilities(&queue).await
            && let Err(words) = ticket.options.fit(&printer)
        {
            return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &words));
        }
        let busy = || refuse(StatusCode::SERVICE_UNAVAILABLE, "busy", "this job is arriving already");
        let mut arriving = Arriving::begin(self, job).ok_or_else(busy)?;
        let claim = self.claim(subject, share, ticket.size)?;
        self.expect(&queue);
        let share = ShareId(share.to_owned());
        let printer = (self.inner.name_of)(&share).unwrap_or_else(|| queue.0.clone());
        let received = IncomingJob::received(job, subject.id(), share, queue, printer, ticket.clone());
        let received = IncomingJob { quiet: terms.quiet, ..received };
        let (grown, ahead) = self.go_ahead(&received).await.unzip();
        let received_whole = self.inner.spool.receive(&received.document(), &ticket, body, grown).await;
        received_whole.map_err(|error| keep_refusal(&error))?;
        arriving.has_come(received.document());
        let (job, claim) = self.look_into(subject, received, &terms, claim).await?;
        let entering = Entering { job, claim: Some(claim), ahead, earlier, arriving };
        match self.enter(entering).await.map_err(|error| store_refusal(&error))? {
            Entered::New(job) => {
                fault::point("offer: a job is entered, and the answer is about to leave");
                Ok(status(StatusCode::CREATED, &job))
            }
            Entered::Known(job) => Ok(status(StatusCode::OK, &job)),
            Entered::Taken => Err(taken()),
            Entered::TooMany => {
                Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many jobs are waiting there"))
            }
        }
    }

    /// Lets the system be asked about a queue while a document for it comes in.
    fn expect(&self, queue: &QueueId) {
        let (offer, queue) = (self.clone(), queue.clone());
        self.inner.tasks.spawn(async move {
            let expecting = offer.inner.spoolers.of(&queue).expect(&queue);
            offer.inner.cancel.run_until_cancelled(expecting).await
        });
    }

    /// What keeps a job back at this hour.
    pub(super) fn quiet_now(&self, terms: &Terms) -> Holds {
        match terms.quiet.is_some_and(|hours| self.inner.gate.is_quiet(hours)) {
            true => Hold::Quiet.into(),
            false => Holds::default(),
        }
    }

    /// Looks into a document while it goes to the disk; its job as it is entered, and what it takes of what its sender may
    /// print.
    async fn look_into(
        &self,
        subject: &Subject,
        received: IncomingJob,
        terms: &Terms,
        mut claim: Claim<QueueId>,
    ) -> Result<(IncomingJob, Claim<QueueId>), Refusing> {
        let name = received.document();
        let path = self.inner.spool.path(&name);
        let looking = self.inner.documents.inspect_strange(&path, terms.counted);
        let (settled, found) = tokio::join!(self.inner.spool.settle(&name), looking);
        settled.map_err(|error| keep_refusal(&error))?;
        fault::point("offer: a document is kept, without a row");
        let found = match found {
            Ok(found) if found.format == received.format => found,
            Ok(_) => {
                let words = "the document is not of the kind that was announced";
                return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_document", words));
            }
            Err(error) => return Err(document_refusal(&error)),
        };
        let sides = match terms.counted {
            true => self.sides(&path, &found, &received.options).await,
            false => None,
        };
        terms::count(terms, sides, &mut claim).map_err(gate_refusal)?;
        // Time has passed: the owner may have taken the printer back, or put the sender out.
        self.look(subject, &received.share.0)?;
        let holds = self.quiet_now(terms);
        Ok((IncomingJob { sides, created_at: now(), ..received.held(holds) }, claim))
    }

    async fn tell_job(&self, subject: &Subject, job: &str) -> Answer {
        if let Some(known) = self.own_job(subject, job).await? {
            return Ok(status(StatusCode::OK, &known));
        }
        // Whoever is told that it is not here may send it elsewhere.
        match job.parse().is_ok_and(|job| self.is_arriving(job)) {
            true => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "busy", "this job is arriving just now")),
            false => Err(unknown()),
        }
    }

    /// Keeps back a job of the caller's, or of anybody when the caller may manage the printer.
    async fn hold_for(&self, subject: &Subject, job: &str) -> Answer {
        let known = self.job_in_reach(subject, job).await?.ok_or_else(unknown)?;
        let by = if is_of(&known, subject.id()) { By::Sender } else { By::Owner };
        let held = self.hold(known.job, by).await.map_err(|error| handling_refusal(&error))?;
        Ok(status(StatusCode::OK, &held))
    }

    async fn release_for(&self, subject: &Subject, job: &str) -> Answer {
        let known = self.job_in_reach(subject, job).await?.ok_or_else(unknown)?;
        let by = if self.manages(subject, &known) { By::Owner } else { By::Sender };
        let released = self.release(known.job, by).await.map_err(|error| handling_refusal(&error))?;
        Ok(status(StatusCode::OK, &released))
    }

    /// Cancels a job of the caller's, or of anybody when the caller may manage the printer. `?share=…&attempt=…` tells
    /// of one that may not have come yet; with `&unbegun=1` nothing is done to one that may be on paper.
    async fn cancel_for(&self, subject: &Subject, text: &str, head: &request::Parts) -> Answer {
        let query = head.uri.query().unwrap_or_default();
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let attempt = value("attempt").and_then(|n| n.parse().ok()).unwrap_or(1);
        let known = self.job_in_reach(subject, text).await?;
        let is_another = |known: &IncomingJob| {
            is_of(known, subject.id()) && known.attempt < attempt && known.may_come_again()
        };
        let earlier = known.as_ref().filter(|known| is_another(known)).map(IncomingJob::document);
        if let Some(known) = known.filter(|known| !is_another(known)) {
            let cancelled = match value("unbegun") {
                Some(_) => self.take_back(known.job).await,
                None => self.cancel(known.job).await,
            };
            return Ok(status(StatusCode::OK, &cancelled.map_err(|error| handling_refusal(&error))?));
        }
        let (Some(share), Ok(job)) = (value("share"), text.parse::<Uuid>()) else { return Err(unknown()) };
        let queue = self.look(subject, share)?;
        let ticket = Ticket {
            title: String::new(),
            format: Format::Pdf,
            size: 0,
            blake3: None,
            attempt,
            pages: None,
            options: crate::ticket::Options::default(),
        };
        let ahead =
            IncomingJob::received(job, subject.id(), ShareId(share.to_owned()), queue, String::new(), ticket);
        let rows = self.inner.rows.clone();
        let known =
            rows.run(move |rows| rows.cancel_ahead(ahead)).await.map_err(|error| store_refusal(&error))?;
        if let Some(earlier) = earlier.filter(|_| known.attempt == attempt) {
            self.inner.spool.remove(&earlier);
        }
        if is_of(&known, subject.id()) { Ok(status(StatusCode::OK, &known)) } else { Err(unknown()) }
    }

    /// A job that the caller may cancel.
    async fn job_in_reach(&self, subject: &Subject, job: &str) -> Result<Option<IncomingJob>, Refusing> {
        let Some(known) = self.any_job(job).await? else { return Ok(None) };
        Ok((is_of(&known, subject.id()) || self.manages(subject, &known)).then_some(known))
    }

    fn manages(&self, subject: &Subject, job: &IncomingJob) -> bool {
        self.inner.gate.admit(&job.share, subject, Action::Manage).is_ok()
    }

    async fn own_job(&self, subject: &Subject, job: &str) -> Result<Option<IncomingJob>, Refusing> {
        Ok(self.any_job(job).await?.filter(|known| is_of(known, subject.id())))
    }

    async fn any_job(&self, job: &str) -> Result<Option<IncomingJob>, Refusing> {
        let Ok(job) = job.parse::<Uuid>() else { return Ok(None) };
        let rows = self.inner.rows.clone();
        rows.run(move |rows| rows.job(job)).await.map_err(|error| store_refusal(&error))
    }

    fn look(&self, subject: &Subject, share: &str) -> Result<QueueId, Refusing> {
        let share = ShareId(share.to_owned());
        self.inner.gate.look(&share, subject, Action::Print).map_err(gate_refusal)
    }

    fn claim(&self, subject: &Subject, share: &str, bytes: u64) -> Result<Claim<QueueId>, Refusing> {
        let (gate, share) = (self.inner.gate.clone(), ShareId(share.to_owned()));
        Claim::take(gate, share, *subject, Action::Print, Used { jobs: 1, bytes, pages: 0 })
            .map_err(gate_refusal)
    }

    fn admit(&self, subject: &Subject, share: &str) -> Result<QueueId, Refusing> {
        let share = ShareId(share.to_owned());
        self.inner.gate.admit(&share, subject, Action::Print).map_err(gate_refusal)
    }
}

pub(super) fn gate_refusal(refusal: Refusal) -> Refusing {
    let (code, reason) = match refusal {
        Refusal::Unknown => (StatusCode::NOT_FOUND, "not_found"),
        Refusal::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
        Refusal::MustAsk => (StatusCode::FORBIDDEN, MUST_ASK),
        Refusal::Spent => {
            let words = "The owner allows so much a day, and that is used up. Try again tomorrow.";
            return refuse(StatusCode::TOO_MANY_REQUESTS, "spent", words);
        }
    };
    refuse(code, reason, &refusal.to_string())
}

/// A refusal is boxed: it is large and seldom.
pub(super) type Refusing = Box<Response<Body>>;

pub(super) type Answer = Result<Response<Body>, Refusing>;

fn status(code: StatusCode, job: &IncomingJob) -> Response<Body> {
    body::json(code, &job.status())
}

fn refuse(code: StatusCode, reason: &str, detail: &str) -> Refusing {
    Box::new(body::json(code, &Refused { reason: reason.to_owned(), detail: detail.to_owned() }))
}

fn unknown() -> Refusing {
    refuse(StatusCode::NOT_FOUND, "not_found", "there is no such job of yours")
}

fn taken() -> Refusing {
    refuse(StatusCode::CONFLICT, "exists", "another job has that UUID")
}

fn keep_refusal(error: &KeepError) -> Refusing {
    let (code, reason) = match error {
        KeepError::Full => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        KeepError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid"),
        KeepError::Cut => (StatusCode::BAD_REQUEST, "mismatch"),
        KeepError::Altered => (StatusCode::UNPROCESSABLE_ENTITY, "mismatch"),
        KeepError::Io(_) | KeepError::Unreadable { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    tracing::warn!(%error, "a document was not accepted");
    refuse(code, reason, &error.to_string())
}

fn document_refusal(error: &DocumentError) -> Refusing {
    let (code, reason) = match error {
        DocumentError::Io(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        DocumentError::NotNow(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        _ => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_document"),
    };
    refuse(code, reason, &error.to_string())
}

pub(super) fn store_refusal(error: &StoreError) -> Refusing {
    let (code, reason) = match error {
        StoreError::Full => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        StoreError::Closing => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        StoreError::Sqlite(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    tracing::error!(%error, "the print jobs cannot be read or written");
    refuse(code, reason, &error.to_string())
}

fn handling_refusal(error: &OfferError) -> Refusing {
    match error {
        OfferError::NotFound => unknown(),
        OfferError::NotNow(words) => refuse(StatusCode::CONFLICT, "not_now", words),
        OfferError::Refused(refusal) => gate_refusal(*refusal),
        OfferError::Spooler(error) => spooler_refusal(error),
        OfferError::Store(error) => store_refusal(error),
        OfferError::Spool(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()),
    }
}

fn spooler_refusal(error: &SpoolError) -> Refusing {
    match error {
        SpoolError::NotFound => refuse(StatusCode::NOT_FOUND, "not_found", "the print queue is gone"),
        SpoolError::NotAvailable => refuse(StatusCode::NOT_IMPLEMENTED, "not_available", &error.to_string()),
        _ => refuse(StatusCode::SERVICE_UNAVAILABLE, "printer_failed", &error.to_string()),
    }
}

/// Reads what still comes, within reason.
pub(super) async fn drain<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) {
    const MOST: usize = 8 * 1024 * 1024;
    let all = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
}
