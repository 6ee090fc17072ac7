//! What this computer's own spooler can do, behind one trait.
//!
//! CUPS on Linux and macOS ([`cups`]), the built-in Save as PDF printer everywhere ([`save_as_pdf`]); on Windows
//! the queues are listed, handing documents over is not written yet. Nothing here decides what happens to a job:
//! `offer` does.

#[cfg(unix)]
pub mod cups;
pub mod device;
pub mod save_as_pdf;
#[cfg(windows)]
pub mod windows;

use crate::{
    QueueId,
    client::Following,
    document::{DocumentError, Documents, Format, finish::Cover},
    ticket::{Capabilities, Options, Supply},
};
use device::Device;
use futures_util::future::BoxFuture;
use std::{
    io,
    path::{Path, PathBuf},
};

/// A print queue of this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// The system's name of it.
    pub id: QueueId,
    /// A name for people.
    pub name: String,
    /// Make and model, when known.
    pub model: Option<String>,
    /// A place, when the owner told one.
    pub location: Option<String>,
    /// What it is doing.
    pub state: QueueState,
    /// Why, in IPP keywords without severity.
    pub reasons: Vec<String>,
    /// Jobs that are not on paper yet, ours and others'.
    pub waiting: u32,
    /// True for the system's default queue.
    pub is_default: bool,
    /// Ink, toner, paper that the printer tells of.
    pub supplies: Vec<Supply>,
    /// Stopped by its owner; jobs wait.
    pub paused: bool,
    /// The printer behind it.
    pub device: Device,
}

/// What is told to standard clients and is no choice in Lanyard's own dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct More {
    /// Edges it cannot print on, in hundredths of a millimetre: top, bottom, left, right.
    pub margins: [i32; 4],
    /// Dots an inch of a raster that it takes, the usual first; never empty.
    pub resolutions: Vec<i32>,
    /// Dots an inch with which it can be told to print, its default first; empty when it does not say.
    pub printed: Vec<i32>,
    /// PWG names of the media that lie in it, the first in use; the default medium where that is not known.
    pub media_ready: Vec<String>,
    /// Where the paper comes out, as IPP keywords, the default first; never empty.
    pub output_bins: Vec<String>,
    /// Pages a minute.
    pub pages_per_minute: i32,
}

impl Default for More {
    fn default() -> Self {
        Self {
            // A sixth of an inch, which all but the oldest printers can do.
            margins: [423; 4],
            resolutions: vec![300, 600],
            printed: Vec::new(),
            media_ready: Vec::new(),
            output_bins: vec!["face-down".to_owned()],
            pages_per_minute: 20,
        }
    }
}

/// RFC 8011 §5.4.11 `printer-state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// Nothing to do.
    Idle,
    /// Printing.
    Processing,
    /// Needs a person.
    Stopped,
}

/// What is handed to a queue.
#[derive(Clone, Debug)]
pub struct Handover {
    /// The queue.
    pub queue: QueueId,
    /// Our own mark, by which the job is found again whatever the system calls it.
    pub mark: String,
    /// The document's name.
    pub title: String,
    /// Where the document is.
    pub document: PathBuf,
    /// What it is.
    pub format: Format,
    /// What was chosen.
    pub options: Options,
    /// What is to be on its cover sheet, if it gets one.
    pub cover: Option<Cover>,
}

/// A job as the system shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The system's number of it. Numbers are used again: only the mark tells jobs apart.
    pub job: i32,
    /// Where it is.
    pub stage: Stage,
    /// True once the system has begun to print it, whatever it is doing now.
    pub begun: bool,
    /// Documents it has; 0 while it is a mere shell.
    pub documents: u32,
    /// IPP keyword behind the stage.
    pub reason: Option<String>,
    /// Plain words behind it.
    pub detail: Option<String>,
    /// Pages that reached paper.
    pub pages_done: Option<u32>,
    /// Which life of the print service tells this; another number than before means that it was away in between. 0
    /// where that is not known.
    pub life: u64,
}

/// Where a job is in the system's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits its turn, or is held.
    Waiting,
    /// Being printed.
    Printing,
    /// The printer needs a person.
    Stopped,
    /// On paper, as far as the system knows.
    Done,
    /// Cancelled.
    Cancelled,
    /// Given up.
    Aborted,
}

/// Why the system's spooler did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It does not answer, or answers that it cannot now. Whether it did what was asked is not known.
    #[error("the system's print service does not answer: {0}")]
    Away(String),
    /// No such queue or job.
    #[error("the system knows no such print queue or job")]
    NotFound,
    /// The queue does not take this kind of document.
    #[error("the printer does not take this kind of document")]
    Unsupported(String),
    /// Not now: the queue takes no jobs.
    #[error("the print queue takes no jobs at the moment")]
    NotAccepting,
    /// Not now: the queue was stopped.
    #[error("the print queue is stopped")]
    Paused,
    /// No, and asking again will not help.
    #[error("the system refused: {0}")]
    Refused(String),
    /// The disk is full.
    #[error("there is no room on the disk")]
    Full,
    /// Not written for this system yet.
    #[error("printing on this system's own queues is not available in this version")]
    NotAvailable,
}

impl From<DocumentError> for SpoolError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Io(error) if error.kind() == io::ErrorKind::StorageFull => Self::Full,
            DocumentError::Io(error) => Self::Refused(error.to_string()),
            DocumentError::NotNow(words) => Self::Away(words),
            error => Self::Unsupported(error.to_string()),
        }
    }
}

/// How a document was not handed over.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SendError {
    /// Why.
    #[source]
    pub error: SpoolError,
    /// True when the last byte had left: then it may have been taken although the answer is missing.
    pub whole: bool,
}

/// A system's print spooler. Handing a job over takes two steps, so that the system's number of it can be
/// recorded before the document, which is what can be printed, leaves.
pub trait Spooler: Send + Sync + 'static {
    /// The queues whose printer is this computer's own: no queue that merely mirrors another computer's.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>>;

    /// What a queue can do.
    fn capabilities<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>>;

    /// What standard clients are told of a queue besides.
    fn more<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, Result<More, SpoolError>> {
        let _ = queue;
        Box::pin(async { Ok(More::default()) })
    }

    /// There will be a job for a queue in a moment: learns what is asked of the queue before.
    fn expect<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, ()> {
        let _ = queue;
        Box::pin(async {})
    }

    /// True for a document that has to be made into something else before the queue can have it: that may take long.
    fn must_prepare(&self, job: &Handover) -> bool {
        let _ = job;
        false
    }

    /// Makes what the queue takes of a document, before there is a job for it, and keeps that until it is sent or
    /// forgotten. Nobody sees anything of it; what came of it is told by [`Spooler::send`].
    fn prepare<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, ()> {
        let _ = job;
        Box::pin(async {})
    }

    /// Makes an empty job and returns the system's number of it.
    fn create<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>>;

    /// Gives the document to a job that was made empty.
    fn send<'a>(&'a self, job: &'a Handover, number: i32) -> BoxFuture<'a, Result<(), SendError>>;

    /// True for a document of so many bytes that a queue takes as it is, whatever is in it.
    fn takes_as_it_is<'a>(&'a self, job: &'a Handover, bytes: u64) -> BoxFuture<'a, bool> {
        let _ = (job, bytes);
        Box::pin(async { false })
    }

    /// The same as [`Spooler::send`] for such a document while it is still written.
    fn send_following<'a>(
        &'a self,
        job: &'a Handover,
        number: i32,
        document: Following,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        let _ = (job, number, document);
        Box::pin(async { Err(SendError { error: SpoolError::NotAvailable, whole: false }) })
    }

    /// Finds a job by its mark, wherever it is, finished ones included.
    fn find<'a>(
        &'a self,
        queue: &'a QueueId,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>>;

    /// Looks at a job whose number is known; falls back to [`Spooler::find`] when another job has that number.
    fn look<'a>(
        &'a self,
        queue: &'a QueueId,
        mark: &'a str,
        number: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>>;

    /// Cancels a job. One that is finished already is no error.
    fn cancel<'a>(&'a self, queue: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>>;

    /// Keeps a job back that is not being printed yet.
    fn hold<'a>(&'a self, queue: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        let _ = (queue, number);
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    /// Lets it go.
    fn release<'a>(&'a self, queue: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        let _ = (queue, number);
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    /// Stops a queue, or lets it go on. What it prints just then comes to its end.
    fn pause<'a>(&'a self, queue: &'a QueueId, pause: bool) -> BoxFuture<'a, Result<(), SpoolError>> {
        let _ = (queue, pause);
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    /// Forgets what it remembers about a finished job.
    fn forget(&self, mark: &str) {
        let _ = mark;
    }

    /// True when a job that is not found was certainly not printed: then it can be sent again without asking.
    fn absence_is_proof(&self) -> bool {
        false
    }
}

/// The spoolers of this computer, by queue.
pub struct Spoolers {
    system: Box<dyn Spooler>,
    save_as_pdf: save_as_pdf::SaveAsPdf,
}

impl Spoolers {
    /// This system's own spooler, and Save as PDF into `folder`, remembering in `notes`.
    #[must_use]
    pub fn of_this_system(documents: Documents, folder: PathBuf, notes: &Path) -> Self {
        #[cfg(unix)]
        let system = Box::new(cups::Cups::from_environment(documents.clone()));
        #[cfg(windows)]
        let system = Box::new(windows::Winspool);
        Self::new(system, documents, folder, notes)
    }

    /// A given spooler, and Save as PDF.
    #[must_use]
    pub fn new(system: Box<dyn Spooler>, documents: Documents, folder: PathBuf, notes: &Path) -> Self {
        Self { system, save_as_pdf: save_as_pdf::SaveAsPdf::new(documents, folder, notes.to_owned()) }
    }

    /// The spooler behind a queue.
    #[must_use]
    pub fn of(&self, queue: &QueueId) -> &dyn Spooler {
        if queue.0 == QueueId::SAVE_AS_PDF { &self.save_as_pdf } else { self.system.as_ref() }
    }

    /// All queues, the built-in one last. When the system's spooler does not answer there is only that one.
    pub async fn queues(&self) -> Vec<QueueInfo> {
        let mut queues = match self.system.queues().await {
            Ok(queues) => queues,
            Err(error) => {
                tracing::debug!(%error, "the system's print queues are not known");
                Vec::new()
            }
        };
        queues.retain(|queue| queue.id.0 != QueueId::SAVE_AS_PDF);
        queues.extend(self.save_as_pdf.queues().await.unwrap_or_default());
        queues
    }
}
