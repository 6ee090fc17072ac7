//! A queue of this computer that is shared, as a printer for standard clients.
//!
//! A document goes the way of every other one: the gate is asked, it is on disk before it is accepted, and the queue's
//! worker carries it over.

use super::printer::{Document, Facts, NewJob, Printer, Progress, Refused};
use crate::{
    QueueId,
    document::{DocumentError, Format},
    offer::{NotTaken, Offer, OfferError, hold::By, lock, walk_in::Unannounced},
    spool::KeepError,
    system::{More, QueueInfo, QueueState, SpoolError},
    ticket::Capabilities,
};
use futures_util::future::BoxFuture;
use lanyard_trust::{Action, NodeId, Refusal, ShareId, Subject};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// What becomes PDF here although nodes do not send it to each other.
const RASTER: [Format; 2] = [Format::PwgRaster, Format::Urf];

/// What is shown on this computer when somebody wants to know which printer that is.
pub type Identify = dyn Fn(&ShareId, Option<String>) + Send + Sync;

/// This computer's shared printers, for standard clients. Clones share it.
#[derive(Clone)]
pub struct SharedPrinters {
    inner: Arc<Inner>,
}

struct Inner {
    offer: Offer,
    device: NodeId,
    identify: Box<Identify>,
    /// The system's queues, as last told.
    queues: Mutex<Option<(Instant, Vec<QueueInfo>)>>,
    /// What each queue can do, as last told; also while its system does not answer.
    able: Mutex<HashMap<QueueId, Able>>,
}

/// What a queue can do, and when it said so.
#[derive(Clone)]
struct Able {
    can: Capabilities,
    more: More,
    at: Instant,
}

/// One of them, as one client sees it.
pub struct Shared {
    printers: SharedPrinters,
    subject: Subject,
    share: ShareId,
    dns_sd_name: Option<String>,
}

/// The UUID of a shared printer: the same for ever, and in DNS-SD. It tells nothing of the device's key.
#[must_use]
pub fn printer_uuid(device: &NodeId, share: &ShareId) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("lanyard printer uuid v1");
    hasher.update(device.as_bytes()).update(share.0.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

impl SharedPrinters {
    /// The printers that `offer` has, of this device.
    #[must_use]
    pub fn new(offer: Offer, device: NodeId, identify: Box<Identify>) -> Self {
        let inner = Inner { offer, device, identify, queues: Mutex::default(), able: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A shared printer as `subject` sees it. Whether there is one for it is found out when it is asked.
    #[must_use]
    pub fn of(&self, subject: Subject, share: ShareId) -> Shared {
        Shared { printers: self.clone(), subject, share, dns_sd_name: None }
    }

    /// A queue as it is now, at most a second old.
    async fn queue(&self, id: &QueueId) -> Option<QueueInfo> {
        const FRESH: Duration = Duration::from_secs(1);
        let find = |queues: &[QueueInfo]| queues.iter().find(|queue| queue.id == *id).cloned();
        if let Some((at, queues)) = &*lock(&self.inner.queues)
            && at.elapsed() < FRESH
        {
            return find(queues);
        }
        let queues = self.inner.offer.queues().await;
        let found = find(&queues);
        *lock(&self.inner.queues) = Some((Instant::now(), queues));
        found
    }

    /// What a queue can do; while its system does not answer, what it could when it last did.
    async fn able(&self, id: &QueueId) -> Result<Able, SpoolError> {
        const FRESH: Duration = Duration::from_secs(60);
        let known = lock(&self.inner.able).get(id).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < FRESH) {
            return Ok(known.clone());
        }
        let offer = &self.inner.offer;
        let asked = async {
            let can = offer.capabilities(id).await?;
            let more = offer.inner.spoolers.of(id).more(id).await?;
            Ok(Able { can, more, at: Instant::now() })
        };
        match (asked.await, known) {
            (Ok(told), _) => {
                let mut able = lock(&self.inner.able);
                if able.len() > 500 {
                    able.clear();
                }
                able.insert(id.clone(), told.clone());
                Ok(told)
            }
            (Err(SpoolError::Away(_)), Some(known)) => Ok(known),
            (Err(error), _) => Err(error),
        }
    }
}

impl Shared {
    /// The same, told to be announced under this name in DNS-SD.
    #[must_use]
    pub fn announced_as(self, dns_sd_name: Option<String>) -> Self {
        Self { dns_sd_name, ..self }
    }

    fn look(&self) -> Result<QueueId, Refused> {
        let gate = &self.printers.inner.offer.inner.gate;
        gate.look(&self.share, &self.subject, Action::Print).map_err(refused)
    }

    async fn tell(&self) -> Result<Facts, Refused> {
        let id = self.look()?;
        let Able { mut can, mut more, .. } = self.printers.able(&id).await.map_err(spooler_refused)?;
        if can.formats.contains(&Format::Pdf) {
            // What other nodes do not send each other, and phones and print dialogs do.
            can.formats
                .extend(RASTER.iter().filter(|raster| !can.formats.contains(raster)).collect::<Vec<_>>());
        }
        // Said before, not after the page has come out grey.
        can.color &= !self.printers.inner.offer.inner.gate.terms(&self.share, &self.subject).grey;
        let queue = self.printers.queue(&id).await;
        let inner = &self.printers.inner;
        let name = (inner.offer.inner.name_of)(&self.share).unwrap_or_else(|| id.0.clone());
        let is_ours = id.0 == QueueId::SAVE_AS_PDF;
        let (state, mut reasons, message) = match &queue {
            Some(queue) => (queue.state, queue.reasons.clone(), None),
            // Jobs are taken all the same: they wait here until it is back.
            None => {
                let words = "The print service of this computer does not answer. Jobs wait here.";
                (QueueState::Stopped, vec!["shutdown".to_owned()], Some(words.to_owned()))
            }
        };
        if queue.as_ref().is_some_and(|queue| queue.paused)
            && !reasons.iter().any(|reason| reason == "paused")
        {
            reasons.push("paused".to_owned());
        }
        if is_ours {
            // A page of a file has no edge that cannot be printed on, and every paper is there.
            more.margins = [0; 4];
            more.media_ready = can.media.clone();
            // A file keeps every dot of every picture, however many an inch.
            more.printed = more.resolutions.clone();
        }
        Ok(Facts {
            uuid: printer_uuid(&inner.device, &self.share),
            name,
            dns_sd_name: self.dns_sd_name.clone(),
            location: queue.as_ref().and_then(|queue| queue.location.clone()),
            model: queue.as_ref().and_then(|queue| queue.model.clone()),
            // A page is put before what becomes a PDF.
            covers: can.formats.contains(&Format::Pdf),
            can,
            state,
            reasons,
            message,
            waiting: queue.as_ref().map_or(0, |queue| queue.waiting),
            accepting: true,
            supplies: queue.map(|queue| queue.supplies).unwrap_or_default(),
            holds: true,
            more,
        })
    }

    async fn keep(&self, new: NewJob, document: Document) -> Result<(), Refused> {
        let offer = &self.printers.inner.offer;
        let coming = Unannounced {
            job: new.job,
            title: &new.title,
            format: new.format,
            options: new.options,
            user: Some(&new.user),
            most: new.bytes.unwrap_or_else(|| offer.inner.spool.room()),
            held: new.held,
            // The client follows its job and sees that it waits for the owner.
            may_wait: true,
        };
        // Its buffers are large, and this waits for as long as a document takes.
        let taking = Box::pin(offer.take_document(&self.subject, &self.share, coming, document));
        taking.await.map(|_| ()).map_err(not_taken)
    }
}

impl Printer for Shared {
    fn facts(&self) -> BoxFuture<'_, Result<Facts, Refused>> {
        Box::pin(self.tell())
    }

    fn admit(&self) -> Result<(), Refused> {
        let gate = &self.printers.inner.offer.inner.gate;
        match gate.admit(&self.share, &self.subject, Action::Print) {
            // The job is taken and waits for the owner's word.
            Ok(_) | Err(Refusal::MustAsk) => Ok(()),
            Err(refusal) => Err(refused(refusal)),
        }
    }

    fn take(&self, job: NewJob, document: Document) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(self.keep(job, document))
    }

    fn progress(&self, jobs: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Progress>, Refused>> {
        Box::pin(async move {
            let rows = &self.printers.inner.offer.inner.rows;
            let read = move |rows: &crate::offer::Rows| {
                let known = jobs.iter().map(|job| rows.job(*job)).collect::<Result<Vec<_>, _>>();
                Ok(known?.into_iter().flatten().collect::<Vec<_>>())
            };
            let known = rows.run(read).await.map_err(|error| Refused::Internal(error.to_string()))?;
            let progress = known.into_iter().map(|job| Progress {
                job: job.job,
                state: job.journal.state,
                reason: job.journal.reason.clone(),
                detail: job.journal.detail.clone(),
                bytes: job.bytes,
                pages: job.pages,
                pages_done: job.journal.pages_done,
                ended_at: job.ended_at,
            });
            Ok(progress.collect())
        })
    }

    fn cancel(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(
            async move { self.printers.inner.offer.cancel(job).await.map(|_| ()).map_err(offer_refused) },
        )
    }

    fn hold(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            self.printers.inner.offer.hold(job, By::Sender).await.map(|_| ()).map_err(offer_refused)
        })
    }

    fn release(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            self.printers.inner.offer.release(job, By::Sender).await.map(|_| ()).map_err(offer_refused)
        })
    }

    fn identify(&self, words: Option<String>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            self.look()?;
            (self.printers.inner.identify)(&self.share, words);
            Ok(())
        })
    }
}

fn refused(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Unknown => Refused::NotFound,
        Refusal::NotAllowed | Refusal::MustAsk => Refused::NotAllowed,
        Refusal::Spent => Refused::Spent,
    }
}

fn spooler_refused(error: SpoolError) -> Refused {
    match error {
        SpoolError::NotFound => Refused::NotFound,
        SpoolError::Full => Refused::Full,
        SpoolError::NotAccepting => Refused::NotAccepting,
        error => Refused::Away(error.to_string()),
    }
}

fn offer_refused(error: OfferError) -> Refused {
    match error {
        OfferError::NotFound => Refused::NotFound,
        OfferError::NotNow(words) => Refused::NotPossible(words.to_owned()),
        OfferError::Refused(refusal) => refused(refusal),
        OfferError::Spooler(error) => spooler_refused(error),
        error => Refused::Internal(error.to_string()),
    }
}

fn not_taken(error: NotTaken) -> Refused {
    match error {
        NotTaken::Refused(refusal) => refused(refusal),
        NotTaken::NotKept(KeepError::Full) => Refused::Full,
        NotTaken::NotKept(KeepError::TooLarge) => Refused::TooLarge,
        NotTaken::NotKept(KeepError::Cut | KeepError::Altered) => Refused::Cut,
        NotTaken::NotPrintable(error) => not_printable(error),
        NotTaken::NotAble(words) => Refused::NotAble(words),
        NotTaken::TooMany => Refused::Busy,
        error => Refused::Internal(error.to_string()),
    }
}

fn not_printable(error: DocumentError) -> Refused {
    match error {
        DocumentError::Unsupported | DocumentError::NoOffice | DocumentError::OfficeFromOthers => {
            Refused::FormatNotSupported(error.to_string())
        }
        DocumentError::Locked => Refused::Locked(error.to_string()),
        DocumentError::NotNow(words) => Refused::Away(words),
        DocumentError::Io(error) => Refused::Internal(error.to_string()),
        error => Refused::FormatError(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printers_uuid_is_its_own_and_stays() {
        let (here, there) = (NodeId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let share = |name: &str| ShareId(name.to_owned());
        assert_eq!(printer_uuid(&here, &share("a")), printer_uuid(&here, &share("a")));
        assert_ne!(printer_uuid(&here, &share("a")), printer_uuid(&here, &share("b")));
        assert_ne!(printer_uuid(&here, &share("a")), printer_uuid(&there, &share("a")));
        assert_eq!(printer_uuid(&here, &share("a")).get_version_num(), 4);
    }
}
