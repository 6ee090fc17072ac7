//! How documents come into the outbox: copied, looked at, and entered, which is a row on disk.
//!
//! Of several documents the next are copied and looked at while the ones before are entered, and those that are ready by
//! then are entered together: the disk is asked once for all of them. They keep their order.

use super::{
    Bell, Inner, Leaving, Outbox, OutboxError, OutgoingJob, Target, lock, outgoing, standard, table::Rows,
};
use crate::{
    document::{DocumentError, Format, Inspected},
    fault,
    spool::{Copied, KeepError, Kept, Spool},
    ticket::Options,
};
use futures_util::{StreamExt, stream};
use lanyard_store::StoreError;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// So many documents are copied and looked at while others are entered.
const AHEAD: usize = 2;

/// So many are entered together.
const TOGETHER: usize = 8;

/// What a document is to be printed as.
struct Wanted {
    id: Uuid,
    target: Target,
    title: String,
    options: Options,
    /// It may leave while it is copied.
    at_once: bool,
}

impl Wanted {
    fn job(&self, kept: &Kept, found: Inspected) -> OutgoingJob {
        let Self { id, target, title, options, .. } = self;
        OutgoingJob::new(*id, target.clone(), title.clone(), kept, found, options.clone())
    }
}

/// A document whose copy is on disk, and the job it is to be.
struct Ready {
    copy: OwnCopy,
    job: OutgoingJob,
    leaving: Option<Leaving>,
}

impl Outbox {
    /// Takes a document. When this returns, our copy and its row are on disk.
    ///
    /// # Errors
    /// [`OutboxError`]; then nothing is kept.
    pub async fn take(
        &self,
        target: Target,
        title: String,
        document: &Path,
        options: Options,
    ) -> Result<OutgoingJob, OutboxError> {
        self.warm_the_way(&target);
        let wanted = Wanted { id: Uuid::new_v4(), target, title, options, at_once: true };
        let Ready { copy, job, leaving } = self.ready(&wanted, document).await?;
        self.enter(copy, job, leaving).await
    }

    /// Takes documents, each with its title, that are to be printed in this order. When this returns, what was taken is
    /// on disk; of the others it says why not.
    pub async fn take_all(
        &self,
        target: &Target,
        documents: Vec<(String, PathBuf)>,
        options: &Options,
    ) -> Vec<Result<OutgoingJob, OutboxError>> {
        self.warm_the_way(target);
        let (ready, mut waiting) = mpsc::channel(TOGETHER);
        // Of several, those before it would have to leave first.
        let at_once = documents.len() == 1;
        let look = |(title, path): (String, PathBuf)| async move {
            let (id, target, options) = (Uuid::new_v4(), target.clone(), options.clone());
            self.ready(&Wanted { id, target, title, options, at_once }, &path).await
        };
        let looking = async move {
            let mut looked = stream::iter(documents).map(look).buffered(AHEAD);
            while let Some(document) = looked.next().await {
                // Somebody waits for it as long as anybody waits for this.
                let _ = ready.send(document).await;
            }
        };
        let entering = async {
            let (mut some, mut taken) = (Vec::new(), Vec::new());
            while waiting.recv_many(&mut some, TOGETHER).await > 0 {
                self.enter_in_order(&mut some, &mut taken).await;
            }
            taken
        };
        tokio::join!(looking, entering).1
    }

    /// Copies a document and looks at it.
    async fn ready(&self, wanted: &Wanted, document: &Path) -> Result<Ready, OutboxError> {
        let copy = OwnCopy::of(wanted.id, &self.inner.spool);
        let (kept, found, leaving) = self.keep(&copy.name, document, wanted).await?;
        found.has_some_of(wanted.options.pages.as_ref())?;
        Ok(Ready { copy, job: wanted.job(&kept, found), leaving })
    }

    /// Connects to the owner while the document is copied and looked at.
    pub(super) fn warm_the_way(&self, target: &Target) {
        if standard::PrinterId::of_share(&target.share).is_some() {
            return;
        }
        let (peers, cancel, node) = (self.inner.peers.clone(), self.inner.cancel.clone(), target.node);
        self.inner.tasks.spawn(async move {
            // One that is away is the courier's business.
            let _ = cancel.run_until_cancelled(peers.warm(node)).await;
        });
    }

    /// Makes a row for a copy that is on disk.
    pub(super) async fn enter(
        &self,
        copy: OwnCopy,
        mut job: OutgoingJob,
        leaving: Option<Leaving>,
    ) -> Result<OutgoingJob, OutboxError> {
        self.offer_at_once(&mut job, leaving);
        // From here on the row may be there, whoever stops waiting for it.
        copy.enter();
        self.put(vec![job.clone()]).await.into_iter().collect::<Result<(), _>>()?;
        self.has_entered(&job);
        Ok(job)
    }

    /// Makes rows for what is ready, all at once.
    async fn enter_in_order(
        &self,
        some: &mut Vec<Result<Ready, OutboxError>>,
        taken: &mut Vec<Result<OutgoingJob, OutboxError>>,
    ) {
        let first = taken.len();
        let mut latest = taken.iter().flatten().map(|job| job.created_at).max().unwrap_or(0);
        let mut left = None;
        for one in some.drain(..) {
            taken.push(one.map(|Ready { copy, mut job, leaving }| {
                left = left.take().or(leaving);
                // They leave as their times say.
                latest = job.created_at.max(latest + 1);
                job.created_at = latest;
                copy.enter();
                job
            }));
        }
        let Some(new) = taken.get_mut(first..) else { return };
        if let Some(job) = new.iter_mut().flatten().next() {
            self.offer_at_once(job, left);
        }
        let mut put = self.put(new.iter().flatten().cloned().collect()).await.into_iter();
        for one in new {
            let Ok(job) = one else { continue };
            match put.next().unwrap_or(Err(StoreError::Closing)) {
                Ok(()) => self.has_entered(job),
                Err(error) => *one = Err(error.into()),
            }
        }
    }

    /// Writes rows, whoever stops waiting for it: all or, where the disk refuses that, those that it takes. Of the others
    /// nothing is kept.
    async fn put(&self, jobs: Vec<OutgoingJob>) -> Vec<Result<(), StoreError>> {
        let (outbox, count) = (self.clone(), jobs.len());
        let put = move |rows: &Rows| {
            fault::point("outbox: our copy is kept, without a row");
            if rows.put_all(&jobs).is_ok() {
                return Ok(jobs.iter().map(|_| Ok(())).collect());
            }
            let one = |job: &OutgoingJob| rows.put(job).inspect_err(|_| outbox.forget(job));
            Ok(jobs.iter().map(one).collect())
        };
        let closing = |_| (0..count).map(|_| Err(StoreError::Closing)).collect();
        self.inner.rows.run(put).await.unwrap_or_else(closing)
    }

    /// Nothing is kept of a job that could not be entered.
    fn forget(&self, job: &OutgoingJob) {
        self.inner.spool.remove(&job.document());
        if let Some(bell) = lock(&self.inner.couriers).get(&job.node) {
            lock(&bell.fresh).remove(&job.job);
        }
    }

    fn has_entered(&self, job: &OutgoingJob) {
        fault::point("outbox: a job is entered, and the person does not know");
        tracing::info!(job = %job.job, to = ?job.node, bytes = job.bytes, "document taken for printing");
        self.tell(job);
        self.wake(job.node, false);
    }

    /// Enters a job as offered when it leaves at once, so that it is written down once and not twice. What of it is on
    /// its way already goes on if it is this very document.
    fn offer_at_once(&self, job: &mut OutgoingJob, leaving: Option<Leaving>) {
        let leaving = leaving.filter(|leaving| leaving.goes_on() && leaving.is_of(job));
        let bell = match leaving {
            // Whatever else leaves before its end.
            Some(_) => lock(&self.inner.couriers).get(&job.node).cloned(),
            None => self.free_courier_of(job).filter(|_| self.inner.peers.is_warm(job.node)),
        };
        let Some(bell) = bell else { return };
        job.offered();
        lock(&bell.fresh).insert(job.job, leaving);
    }

    /// Who would carry a job away at once, as far as can be known, if the device is there.
    pub(super) fn free_courier_of(&self, job: &OutgoingJob) -> Option<Arc<Bell>> {
        let bell = lock(&self.inner.couriers).get(&job.node).cloned().filter(|bell| bell.is_free())?;
        (job.may_go_around() && !job.asks_first).then_some(bell)
    }

    /// Copies first and looks at the copy: what is looked at is what is sent. What other nodes cannot read becomes PDF
    /// here: this computer has the fonts and the programs that the person sees it with.
    async fn keep(
        &self,
        name: &str,
        source: &Path,
        wanted: &Wanted,
    ) -> Result<(Kept, Inspected, Option<Leaving>), OutboxError> {
        /// Up to this size a copy takes less time than a look, so there is only the one look at the copy.
        const COPIED_UNSEEN: u64 = 8 * 1024 * 1024;
        let inner = &self.inner;
        let found = match inner.spool.copied_if_small(name, source, COPIED_UNSEEN).await? {
            Copied::Whole(kept) => {
                let found = self.settle_and_look(name).await?;
                if found.format.is_sent() {
                    return Ok((kept, found, None));
                }
                found
            }
            // Says "no document" before a large file is copied for nothing.
            Copied::Not { size } => {
                let found = inner.documents.inspect(source, true).await.map_err(|error| match error {
                    DocumentError::Io(source_error) => {
                        KeepError::Unreadable { path: source.to_owned(), source: source_error }.into()
                    }
                    error => OutboxError::from(error),
                })?;
                if found.format.is_sent() {
                    found.has_some_of(wanted.options.pages.as_ref())?;
                    let early = wanted.at_once.then(|| Kept { size, blake3: String::new() });
                    let early = early.and_then(|whole| self.let_leave(&wanted.job(&whole, found)));
                    let (grown, leaving) = early.unzip();
                    let (kept, found) = self.keep_as_it_is(name, source, grown).await?;
                    return Ok((kept, found, leaving));
                }
                found
            }
        };
        // The pages and copies that were chosen are taken from it where it is printed.
        let options = wanted.options.clone();
        let paper = Options { pages: None, copies: None, number_up: None, booklet: false, ..options };
        let (kept, found) = self.keep_as_pdf(name, source, found.format, &paper).await?;
        Ok((kept, found, None))
    }

    /// Copies a document, and looks at the copy while it goes to the disk. Whoever follows the copy is told how it grows.
    async fn keep_as_it_is(
        &self,
        name: &str,
        source: &Path,
        grown: Option<watch::Sender<u64>>,
    ) -> Result<(Kept, Inspected), OutboxError> {
        let kept = self.inner.spool.copied(name, source, grown).await?;
        Ok((kept, self.settle_and_look(name).await?))
    }

    async fn settle_and_look(&self, name: &str) -> Result<Inspected, OutboxError> {
        let Inner { spool, documents, .. } = &*self.inner;
        let path = spool.path(name);
        let (settled, found) = tokio::join!(spool.settle(name), documents.inspect(&path, true));
        settled?;
        Ok(found?)
    }

    /// Makes a PDF of a document and keeps that under `name`, in the place of whatever is there.
    pub(super) async fn keep_as_pdf(
        &self,
        name: &str,
        source: &Path,
        format: Format,
        options: &Options,
    ) -> Result<(Kept, Inspected), OutboxError> {
        let Inner { spool, documents, .. } = &*self.inner;
        let made = Made(spool.path(&format!("{name}.made")));
        documents.to_pdf(source, format, options, &made.0).await?;
        self.keep_as_it_is(name, &made.0, None).await
    }
}

/// Our copy of a document that has no row yet; gone when dropped before it has.
pub(super) struct OwnCopy {
    spool: Spool,
    pub(super) name: String,
    entered: bool,
}

impl OwnCopy {
    pub(super) fn of(job: Uuid, spool: &Spool) -> Self {
        Self { spool: spool.clone(), name: outgoing::document_name(job), entered: false }
    }

    fn enter(mut self) {
        self.entered = true;
    }
}

impl Drop for OwnCopy {
    fn drop(&mut self) {
        if !self.entered {
            self.spool.remove(&self.name);
        }
    }
}

/// A PDF that was made on the way; gone when it has been copied.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
