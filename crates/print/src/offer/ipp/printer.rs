//! What the server speaks for: a printer as one client sees it.
//!
//! Behind it may be a queue of this computer that is shared ([`super::Shared`]) or somebody else's printer that was
//! added to this computer (the loopback gateway). The server knows IPP and nothing of either; the printer knows
//! nothing of IPP.

use crate::{
    document::Format,
    system::{More, QueueState},
    ticket::{Capabilities, Options, State, Supply},
};
use futures_util::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use lanyard_ipp::Status;
use lanyard_link::body::BodyError;
use uuid::Uuid;

/// A document on its way in, decompressed. It ends in an error when it is not whole.
pub type Document = UnsyncBoxBody<Bytes, BodyError>;

/// A printer as one client sees it: made for a request, with whoever asks inside. Which jobs are whose is the
/// server's business; it asks only about jobs that it had taken for the same client.
pub trait Printer: Send + Sync {
    /// What it is, can do and is doing. At most a second or so old; asked for nearly every request.
    fn facts(&self) -> BoxFuture<'_, Result<Facts, Refused>>;

    /// Whether the client may print now: asked before a job is made.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self) -> Result<(), Refused>;

    /// Takes a document. When this returns it is safe on this computer's disk, and it is printed exactly once; after
    /// an error nothing is left of it.
    fn take(&self, job: NewJob, document: Document) -> BoxFuture<'_, Result<(), Refused>>;

    /// What became of jobs that it took, in any order; those it has forgotten are left out.
    fn progress(&self, jobs: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Progress>, Refused>>;

    /// Cancels a job that it took.
    fn cancel(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>>;

    /// Keeps a job back that is not being printed.
    fn hold(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        let _ = job;
        Box::pin(async { Err(Refused::NotSupported) })
    }

    /// Lets a job go that is kept back.
    fn release(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        let _ = job;
        Box::pin(async { Err(Refused::NotSupported) })
    }

    /// Somebody wants to know which printer this is: show something to whoever sits there.
    fn identify(&self, words: Option<String>) -> BoxFuture<'_, Result<(), Refused>> {
        let _ = words;
        Box::pin(async { Ok(()) })
    }
}

/// What a printer is, can do and is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Stays the same for ever; the same in DNS-SD.
    pub uuid: Uuid,
    /// What people call it.
    pub name: String,
    /// Its name in DNS-SD, where it is announced.
    pub dns_sd_name: Option<String>,
    /// A place.
    pub location: Option<String>,
    /// Make and model.
    pub model: Option<String>,
    /// What may be chosen. [`Capabilities::formats`] is what it takes.
    pub can: Capabilities,
    /// What it is doing.
    pub state: QueueState,
    /// Why, as IPP keywords without severity.
    pub reasons: Vec<String>,
    /// Plain words behind that.
    pub message: Option<String>,
    /// Jobs that are not on paper yet.
    pub waiting: u32,
    /// False while it takes no jobs.
    pub accepting: bool,
    /// Ink, toner and the like.
    pub supplies: Vec<Supply>,
    /// True when jobs can be held and released.
    pub holds: bool,
    /// True when a cover sheet can be made for a job.
    pub covers: bool,
    /// What is not among the capabilities; unknown for many printers.
    pub more: More,
}

/// A job that is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its UUID, chosen by the server and told to the client.
    pub job: Uuid,
    /// Who the client says its user is: for display, proof of nothing.
    pub user: String,
    /// The document's name, cleaned.
    pub title: String,
    /// What was chosen, and the printer can do.
    pub options: Options,
    /// What the client says the document is; none when it does not know.
    pub format: Option<Format>,
    /// True when it is not to be printed before it is released.
    pub held: bool,
    /// The document's size, where it is known before it has come.
    pub bytes: Option<u64>,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub job: Uuid,
    /// Where it is.
    pub state: State,
    /// IPP keyword or one of Lanyard's codes behind it.
    pub reason: Option<String>,
    /// Plain words behind it.
    pub detail: Option<String>,
    /// The document's size.
    pub bytes: u64,
    /// Its pages, when they could be counted.
    pub pages: Option<u32>,
    /// Pages that reached paper.
    pub pages_done: Option<u32>,
    /// When it was over, in Unix milliseconds.
    pub ended_at: Option<i64>,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such printer or job, or not for this client to know of.
    #[error("There is no such thing here.")]
    NotFound,
    /// The owner has not allowed it.
    #[error("The owner of this printer has not allowed that.")]
    NotAllowed,
    /// As much as the owner allows a day was printed.
    #[error("The owner allows so much a day, and that is used up. Try again tomorrow.")]
    Spent,
    /// Not while so much else is going on.
    #[error("Too much is waiting there already. Try again later.")]
    Busy,
    /// The printer takes no jobs now.
    #[error("The printer takes no jobs at the moment.")]
    NotAccepting,
    /// What is behind the printer does not answer.
    #[error("The printer cannot be reached: {0}")]
    Away(String),
    /// No room for the document.
    #[error("There is no room for this document on the disk.")]
    Full,
    /// More than is taken.
    #[error("The document is too large.")]
    TooLarge,
    /// It ended early.
    #[error("The document did not arrive whole.")]
    Cut,
    /// Nothing that can be printed here.
    #[error("{0}")]
    FormatNotSupported(String),
    /// It is damaged, or not what was announced.
    #[error("{0}")]
    FormatError(String),
    /// It is locked with a password.
    #[error("{0}")]
    Locked(String),
    /// The printer cannot do what was chosen.
    #[error("{0}")]
    NotAble(String),
    /// Not in the state it is in.
    #[error("{0}")]
    NotPossible(String),
    /// This printer does not do that at all.
    #[error("This printer does not do that.")]
    NotSupported,
    /// A fault of ours.
    #[error("Something failed here: {0}")]
    Internal(String),
}

impl Refused {
    /// The status that says it (RFC 8011 appendix B).
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound => Status::NotFound,
            Self::NotAllowed => Status::NotAuthorized,
            Self::Spent => Status::AccountLimitReached,
            Self::Busy => Status::Busy,
            Self::NotAccepting => Status::NotAcceptingJobs,
            Self::Away(_) => Status::ServiceUnavailable,
            Self::Full => Status::TemporaryError,
            Self::TooLarge => Status::RequestEntityTooLarge,
            Self::Cut => Status::BadRequest,
            Self::FormatNotSupported(_) => Status::DocumentFormatNotSupported,
            Self::FormatError(_) => Status::DocumentFormatError,
            Self::Locked(_) => Status::DocumentPasswordError,
            Self::NotAble(_) => Status::AttributesOrValuesNotSupported,
            Self::NotPossible(_) => Status::NotPossible,
            Self::NotSupported => Status::OperationNotSupported,
            Self::Internal(_) => Status::InternalError,
        }
    }
}
