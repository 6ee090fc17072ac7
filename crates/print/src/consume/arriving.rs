//! A document for the outbox that comes in a stream: from a program of this computer that prints through the gateway.

use super::{Outbox, OutboxError, OutgoingJob, Target, taking::OwnCopy};
use crate::{
    document::{DocumentError, Format},
    ticket::{MAX_DOCUMENT, Options},
};
use hyper::body::{Body as HttpBody, Bytes};
use uuid::Uuid;

/// What comes with such a document.
#[derive(Clone, Debug)]
pub struct Arriving {
    /// The job's UUID; nobody else's.
    pub job: Uuid,
    /// The document's name.
    pub title: String,
    /// What the program says it is. It is looked at all the same; but what is damaged may look like text, and nobody
    /// wants that on paper.
    pub format: Option<Format>,
    /// What was chosen.
    pub options: Options,
    /// Kept back here until somebody lets it go.
    pub held: bool,
    /// Bytes, where that is known before they have come.
    pub bytes: Option<u64>,
}

impl Outbox {
    /// Takes a document that arrives. When this returns, our copy and its row are on disk; after an error nothing of
    /// it is left.
    ///
    /// # Errors
    /// [`OutboxError`]
    pub async fn take_arriving<B>(
        &self,
        target: Target,
        arriving: Arriving,
        body: B,
    ) -> Result<OutgoingJob, OutboxError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let Arriving { job: id, title, format, options, held, bytes } = arriving;
        let spool = &self.inner.spool;
        let most = bytes.map_or_else(|| spool.room(), |bytes| bytes.min(MAX_DOCUMENT));
        let copy = OwnCopy::of(id, spool);
        let mut kept = spool.receive_unannounced(&copy.name, most, body).await?;
        if kept.size == 0 {
            return Err(DocumentError::Empty.into());
        }
        let path = spool.path(&copy.name);
        let documents = &self.inner.documents;
        let mut found = documents.inspect(&path, true).await?;
        if let Some(format) = format.filter(|format| *format != found.format) {
            return Err(DocumentError::Damaged { format }.into());
        }
        found.has_some_of(options.pages.as_ref())?;
        if !found.format.is_sent() {
            // As with a file that a person prints: what the other side may not know is made here.
            let paper = Options { media: options.media.clone(), ..Options::default() };
            (kept, found) = self.keep_as_pdf(&copy.name, &path, found.format, &paper).await?;
        }
        let mut job = OutgoingJob::new(id, target, title, &kept, found, options);
        if held {
            job.begin_held();
        }
        self.enter(copy, job, None).await
    }
}
