//! A document from somebody who writes no ticket: a guest with a browser.
//!
//! It goes the way of every other one: on disk before it is accepted, entered in the journal, carried over by the
//! queue's worker. Only that its size, kind and hash are found out here instead of being announced.

use super::{
    Arriving, Entering, IncomingJob, Offer,
    hold::Hold,
    is_of,
    journal::{Entered, OPEN_PER_SENDER, document_name},
    terms,
};
use crate::{
    document::{DocumentError, Format},
    fault,
    spool::KeepError,
    ticket::{self, Options, Ticket},
};
use hyper::body::{Body as HttpBody, Bytes};
use lanyard_store::StoreError;
use lanyard_trust::{Action, Claim, Refusal, ShareId, Subject, Used};
use uuid::Uuid;

/// Jobs of one guest that are not over.
const OPEN: usize = 20;

/// What comes with such a document.
#[derive(Clone, Debug)]
pub struct Unannounced<'a> {
    /// The job's UUID; nobody else's.
    pub job: Uuid,
    /// The document's name.
    pub title: &'a str,
    /// What the sender says it is. It is looked at all the same; but what is damaged may look like text, and nobody
    /// wants that on paper.
    pub format: Option<Format>,
    /// What was chosen.
    pub options: Options,
    /// Who sends it, as the sending program calls its user. A claim.
    pub user: Option<&'a str>,
    /// Bytes of it at most.
    pub most: u64,
    /// The sender wants it kept back until it lets it go.
    pub held: bool,
    /// The sender can wait: where the owner must be asked first, the job is taken and kept back until the owner has
    /// answered ([`Offer::allow`], [`Offer::deny`]). Otherwise it is refused.
    pub may_wait: bool,
}

impl<'a> Unannounced<'a> {
    /// A document with a new UUID and nothing chosen.
    #[must_use]
    pub fn new(title: &'a str, most: u64) -> Self {
        Self {
            job: Uuid::new_v4(),
            title,
            format: None,
            options: Options::default(),
            user: None,
            most,
            held: false,
            may_wait: false,
        }
    }
}

/// Why a document was not accepted. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The gate says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It did not arrive, or there is no room for it.
    #[error(transparent)]
    NotKept(#[from] KeepError),
    /// It is nothing that can be printed.
    #[error(transparent)]
    NotPrintable(DocumentError),
    /// The printer cannot do what was chosen; words for a person.
    #[error("{0}")]
    NotAble(String),
    /// Too many jobs are waiting.
    #[error("too many jobs are waiting")]
    TooMany,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Offer {
    /// Takes a document of at most `most` bytes for a shared printer. The gate is asked before the first byte and
    /// again after the last one: whoever lost the right meanwhile prints nothing.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn take_unannounced<B>(
        &self,
        subject: &Subject,
        share: &ShareId,
        title: &str,
        options: Options,
        most: u64,
        body: B,
    ) -> Result<IncomingJob, NotTaken>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let coming = Unannounced { options, ..Unannounced::new(title, most) };
        self.take_document(subject, share, coming, body).await
    }

    /// The same, for a sender who says more about it.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn take_document<B>(
        &self,
        subject: &Subject,
        share: &ShareId,
        coming: Unannounced<'_>,
        body: B,
    ) -> Result<IncomingJob, NotTaken>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let Unannounced { job, title, format, options, user, most, held, may_wait } = coming;
        let gate = &self.inner.gate;
        let (queue, must_ask) = match gate.admit(share, subject, Action::Print) {
            Err(Refusal::MustAsk) if may_wait => (gate.look(share, subject, Action::Print)?, true),
            admitted => (admitted?, false),
        };
        let terms = gate.terms(share, subject);
        let options = Self::allowed(&terms, options);
        let mut holds = self.quiet_now(&terms);
        for hold in [must_ask.then_some(Hold::MustAsk), held.then_some(Hold::Sender)].into_iter().flatten() {
            holds = holds.with(hold);
        }
        if !options.is_default()
            && let Ok(printer) = self.capabilities(&queue).await
        {
            options.fit(&printer).map_err(NotTaken::NotAble)?;
        }
        let sender = subject.id();
        let open = self.inner.rows.run(|rows| rows.open_jobs(None)).await?;
        // A printing system sends whatever its people print, a browser what one person chose.
        let most_open = if may_wait { usize::try_from(OPEN_PER_SENDER).unwrap_or(OPEN) } else { OPEN };
        if open.iter().filter(|job| is_of(job, sender)).count() >= most_open {
            return Err(NotTaken::TooMany);
        }
        // So that nothing else takes the file for rubbish, and the number is nobody else's.
        let mut arriving = Arriving::begin(self, job).ok_or(NotTaken::TooMany)?;
        let name = document_name(job, 1);
        let kept = self.inner.spool.receive_unannounced(&name, most, body).await?;
        arriving.has_come(name.clone());
        fault::point("walk-in: a document is kept, without a row");
        // One that waits for the owner's word is counted when that is a yes.
        let mut claim = match must_ask {
            true => None,
            false => {
                let bringing = Used { jobs: 1, bytes: kept.size, pages: 0 };
                let gate = self.inner.gate.clone();
                Some(Claim::take(gate, share.clone(), *subject, Action::Print, bringing)?)
            }
        };
        let path = self.inner.spool.path(&name);
        // With its pages counted it is opened: a client hears of a password or of a damage while somebody is there.
        let found = self.inner.documents.inspect_strange(&path, true).await;
        let found = found.map_err(NotTaken::NotPrintable)?;
        if let Some(format) = format.filter(|format| found.format == Format::Text && *format != Format::Text)
        {
            return Err(NotTaken::NotPrintable(DocumentError::Damaged { format }));
        }
        let sides = match terms.counted {
            true => self.sides(&path, &found, &options).await,
            false => None,
        };
        if let Some(claim) = &mut claim {
            terms::count(&terms, sides, claim)?;
        }
        let queue = self.inner.gate.look(share, subject, Action::Print)?;
        let ticket = Ticket {
            title: ticket::title(title),
            format: found.format,
            size: kept.size,
            blake3: Some(kept.blake3),
            attempt: 1,
            pages: found.pages,
            options,
        };
        let printer = (self.inner.name_of)(share).unwrap_or_else(|| queue.0.clone());
        let received = IncomingJob::received(job, sender, share.clone(), queue, printer, ticket);
        let job = IncomingJob {
            user: user.map(ticket::words).filter(|user| !user.is_empty()),
            subject: must_ask.then_some(*subject),
            quiet: terms.quiet,
            sides,
            ..received.held(holds)
        };
        let entering = Entering { job, claim, ahead: None, earlier: None, arriving };
        match self.enter(entering).await? {
            Entered::New(job) => Ok(job),
            Entered::Known(_) | Entered::Taken | Entered::TooMany => Err(NotTaken::TooMany),
        }
    }

    /// A job, if it is this sender's.
    ///
    /// # Errors
    /// The store's.
    pub async fn job_of(&self, subject: &Subject, job: Uuid) -> Result<Option<IncomingJob>, StoreError> {
        let known = self.inner.rows.run(move |rows| rows.job(job)).await?;
        Ok(known.filter(|known| is_of(known, subject.id())))
    }
}
