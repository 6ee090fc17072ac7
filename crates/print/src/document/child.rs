//! The node's side of reading documents: a child for every look, watched, bounded, and ended whatever happens.
//!
//! The child is this same program, started with one argument (see [`super::inside`]); on Linux it is a fork of one that
//! was started so, which reads nothing itself. It gets the document opened for reading, and opens nothing itself but fonts
//! of this computer; its environment is empty. What it says is read as a stranger's answer. One that dies, takes too long
//! or says something odd costs that one document.

#[cfg(target_os = "linux")]
pub(super) mod nursery;
#[cfg(not(target_os = "linux"))]
#[path = "child/each.rs"]
mod nursery;
mod process;

pub use process::ChildProgram;

use super::{
    DocumentError, Format, Inspected,
    finish::Finish,
    office::Office,
    wire::{Outcome, Question},
};
use crate::{
    render::{raster::Raster, sides::is_laid_out},
    ticket::Options,
};
use nursery::Nursery;
use process::{By, Silence, anew, look};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Children at one time, in the whole node.
const AT_ONCE: usize = 2;

/// How long a look may take by the clock, how long counting pages, and how long making a PDF.
const LOOK: Duration = Duration::from_secs(15);
const COUNT: Duration = Duration::from_secs(10);
const MAKE: Duration = Duration::from_secs(60);

/// How long drawing one side may take, and how long a whole document's raster: a page at 600 dpi takes a second or two.
const SHOW: Duration = Duration::from_secs(20);
const DRAW: Duration = Duration::from_secs(20 * 60);

/// A PDF above this is not looked at only to fit it to another paper.
const MAX_FITTED: u64 = 64 * 1024 * 1024;

/// What is behind the name of a PDF that is not finished yet.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// How long a document waits for its turn.
const TURN: Duration = Duration::from_secs(120);

/// Looks into documents. Clones share the seats of the children.
#[derive(Clone)]
pub struct Documents {
    by: By,
    office: Office,
    seats: Arc<Semaphore>,
    /// A whole document's raster takes minutes: one at a time, so that a seat is left for short looks.
    long: Arc<Semaphore>,
    cancel: CancellationToken,
}

impl Documents {
    /// Looks by means of that program. What `cancel` cancels ends the children too.
    #[must_use]
    pub fn new(program: ChildProgram, cancel: CancellationToken) -> Self {
        Self {
            by: By::Child(Nursery::of(program)),
            office: Office::of_this_system(),
            seats: Arc::new(Semaphore::new(AT_ONCE)),
            long: Arc::new(Semaphore::new(1)),
            cancel,
        }
    }

    #[cfg(test)]
    pub(crate) fn here() -> Self {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        Self {
            by: By::Ourselves,
            office: Office::of_this_system(),
            seats,
            long: Arc::new(Semaphore::new(1)),
            cancel: CancellationToken::new(),
        }
    }

    /// There will be a document to look into soon: a person is about to print.
    pub fn expect(&self) {
        match &self.by {
            By::Child(nursery) => nursery.expect(),
            #[cfg(test)]
            By::Ourselves => {}
        }
    }

    /// Tells what a file is from its content, and whether it can be opened. With `count`, the pages of a PDF are
    /// counted if that does not take too long.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn inspect(&self, path: &Path, count: bool) -> Result<Inspected, DocumentError> {
        let patience = if count { COUNT } else { LOOK };
        let told = match self.ask(Question::Inspect { count }, path, None, patience).await? {
            // A large document is printed without its number of pages.
            Err(TooSlow) if count => self.ask(Question::Inspect { count: false }, path, None, LOOK).await?,
            told => told,
        };
        match told {
            Ok(Outcome::Found { format, pages }) => Ok(Inspected { format, pages }),
            told => Err(refused(told)),
        }
    }

    /// As [`Documents::inspect`], for what somebody else sent: an Office document is refused, because LibreOffice
    /// reads it without the limits of a child.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn inspect_strange(&self, path: &Path, count: bool) -> Result<Inspected, DocumentError> {
        let found = self.inspect(path, count).await?;
        if found.format == Format::Office { Err(DocumentError::OfficeFromOthers) } else { Ok(found) }
    }

    /// The same, with another LibreOffice.
    #[must_use]
    pub fn with_office(mut self, office: Office) -> Self {
        self.office = office;
        self
    }

    /// Whether the fonts of this computer have every character of a text.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn is_legible(&self, path: &Path) -> Result<bool, DocumentError> {
        match self.ask(Question::IsLegible, path, None, LOOK).await? {
            Ok(Outcome::Legible(legible)) => Ok(legible),
            told => Err(refused(told)),
        }
    }

    /// Turns any printable document into a PDF file at `out`, with the chosen pages, arrangement and copies in it; a
    /// PDF in which that changes nothing is copied byte by byte. The file is written and fsynced, its directory is
    /// not.
    ///
    /// # Errors
    /// [`DocumentError`]; what is at `out` then is to be thrown away.
    pub async fn to_pdf(
        &self,
        path: &Path,
        format: Format,
        options: &Options,
        out: &Path,
    ) -> Result<(), DocumentError> {
        self.to_finished_pdf(path, format, options, &Finish::default(), out).await
    }

    /// The same, and what paper would have is in it, too.
    ///
    /// # Errors
    /// As [`Documents::to_pdf`].
    pub async fn to_finished_pdf(
        &self,
        path: &Path,
        format: Format,
        options: &Options,
        finish: &Finish,
        out: &Path,
    ) -> Result<(), DocumentError> {
        if self.finish(path, format, options, finish, out).await? == Laid::Made {
            return Ok(());
        }
        let (path, out) = (path.to_owned(), out.to_owned());
        let copied = crate::spool::blocking(move || {
            let mut target = anew(&out)?;
            io::copy(&mut File::open(path)?, &mut target)?;
            target.sync_all()
        });
        Ok(copied.await?)
    }

    /// As [`Documents::lay_out`], and then finishes what came of it.
    ///
    /// # Errors
    /// [`DocumentError`]; what is at `out` then is to be thrown away.
    pub async fn finish(
        &self,
        path: &Path,
        format: Format,
        options: &Options,
        finish: &Finish,
        out: &Path,
    ) -> Result<Laid, DocumentError> {
        if finish.is_nothing() {
            return self.lay_out(path, format, options, out).await;
        }
        let mut plain = out.to_owned().into_os_string();
        plain.push(UNFINISHED);
        // Away again whatever happens.
        let plain = Temporary(plain.into());
        let laid = self.lay_out(path, format, options, &plain.0).await?;
        let from = if laid == Laid::Made { &plain.0 } else { path };
        let question = Question::Finish { finish: finish.clone() };
        let error = match self.ask(question, from, Some(out), MAKE * 4).await {
            Ok(Ok(Outcome::Made)) => return Ok(Laid::Made),
            Ok(told) => refused(told),
            Err(error) => error,
        };
        let about_us = matches!(error, DocumentError::Io(_) | DocumentError::NotNow(_));
        if about_us || !finish.is_dispensable() {
            return Err(error);
        }
        // No print dialog's usual two sides may keep a document from being printed.
        tracing::debug!(%error, "a PDF is kept without its wish for two sides");
        if laid == Laid::Made {
            fs::rename(&plain.0, out)?;
        }
        Ok(laid)
    }

    /// True for a document of so many bytes in which nothing is to be changed.
    #[must_use]
    pub fn stays_as_it_is(format: Format, options: &Options, bytes: u64) -> bool {
        is_dispensable(format, options) && (options.media.is_none() || bytes > MAX_FITTED)
    }

    /// As [`Documents::to_pdf`], but a PDF in which nothing is to be changed is not written again.
    ///
    /// # Errors
    /// [`DocumentError`]; what is at `out` then is to be thrown away.
    pub async fn lay_out(
        &self,
        path: &Path,
        format: Format,
        options: &Options,
        out: &Path,
    ) -> Result<Laid, DocumentError> {
        if format == Format::Office {
            return self.through_office(path, options, out).await;
        }
        if Self::stays_as_it_is(format, options, tokio::fs::metadata(path).await?.len()) {
            return Ok(Laid::AsIs);
        }
        let dispensable = is_dispensable(format, options);
        let question = Question::ToPdf { format, options: options.clone() };
        // Hundreds of pages of pixels are packed anew.
        let pixels = matches!(format, Format::PwgRaster | Format::Urf | Format::Tiff);
        match self.ask(question, path, Some(out), if pixels { MAKE * 4 } else { MAKE }).await {
            Ok(Ok(Outcome::Made)) => Ok(Laid::Made),
            Ok(Ok(Outcome::AsIs)) if format == Format::Pdf => Ok(Laid::AsIs),
            Ok(told) => match refused(told) {
                DocumentError::Unreadable | DocumentError::TooMuch(_) if dispensable => Ok(Laid::AsIs),
                error => Err(error),
            },
            Err(DocumentError::Unreadable) if dispensable => Ok(Laid::AsIs),
            Err(error) => Err(error),
        }
    }

    /// LibreOffice makes a PDF, which is then treated like any other.
    async fn through_office(
        &self,
        path: &Path,
        options: &Options,
        out: &Path,
    ) -> Result<Laid, DocumentError> {
        let (mut plain, stop) = (out.to_owned().into_os_string(), self.cancel.child_token());
        plain.push(".office.pdf");
        let plain = Temporary(plain.into());
        let _stop_when_dropped = stop.clone().drop_guard();
        self.office.to_pdf(path, &plain.0, stop).await?;
        let laid = Box::pin(self.lay_out(&plain.0, Format::Pdf, options, out)).await?;
        if laid == Laid::AsIs {
            fs::rename(&plain.0, out)?;
        }
        Ok(Laid::Made)
    }

    /// Draws one side of paper, as a PNG at `out`.
    ///
    /// # Errors
    /// [`DocumentError`]; what is at `out` then is to be thrown away.
    pub async fn show(
        &self,
        path: &Path,
        format: Format,
        look: Look,
        out: &Path,
    ) -> Result<Shown, DocumentError> {
        match self.ask(Question::Show { format, look }, path, Some(out), SHOW).await? {
            Ok(Outcome::Shown(shown)) => Ok(shown),
            told => Err(refused(told)),
        }
    }

    /// Makes a raster for a printer that reads nothing else, with the chosen pages, arrangement and copies in it, at
    /// `out`. The file is written and fsynced.
    ///
    /// # Errors
    /// [`DocumentError`]; what is at `out` then is to be thrown away.
    pub async fn to_raster(
        &self,
        path: &Path,
        format: Format,
        options: &Options,
        raster: Raster,
        out: &Path,
    ) -> Result<(), DocumentError> {
        let turn = self.long.acquire().await;
        let _turn = turn.map_err(|_| DocumentError::NotNow("the node is stopping".to_owned()))?;
        let question = Question::Raster { format, options: options.clone(), raster };
        match self.ask(question, path, Some(out), DRAW).await? {
            Ok(Outcome::Made) => Ok(()),
            told => Err(refused(told)),
        }
    }

    /// Asks a child, when there is a seat for it. It is ended when this is dropped.
    async fn ask(
        &self,
        question: Question,
        path: &Path,
        out: Option<&Path>,
        patience: Duration,
    ) -> Result<Result<Outcome, TooSlow>, DocumentError> {
        let stopping = || DocumentError::NotNow("the node is stopping".to_owned());
        let seat = tokio::time::timeout(TURN, self.seats.clone().acquire_owned()).await;
        let seat = seat.map_err(|_| DocumentError::NotNow("too many are waiting".to_owned()))?;
        let seat = seat.map_err(|_| stopping())?;
        let stop = self.cancel.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let (by, path, out) = (self.by.clone(), path.to_owned(), out.map(Path::to_owned));
        let looking = tokio::task::spawn_blocking(move || {
            // The seat is free when the child is gone, not when somebody stops waiting for it.
            let _seat = seat;
            if stop.is_cancelled() {
                return Err(Silence::Stopped);
            }
            look(&by, &question, &path, out.as_deref(), patience, &stop)
        });
        match looking.await.map_err(|_| stopping())? {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(Silence::TooSlow) => Ok(Err(TooSlow)),
            Err(Silence::Died) => Err(DocumentError::Unreadable),
            Err(Silence::Stopped) => Err(stopping()),
            Err(Silence::NotStarted(error)) => {
                tracing::warn!(%error, "no process for reading a document");
                Err(DocumentError::NotNow(error.to_string()))
            }
            Err(Silence::Io(error)) => Err(error.into()),
        }
    }
}

/// What became of a document that was to be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Laid {
    /// It is a PDF that needs no change; nothing was written.
    AsIs,
    /// A PDF was written.
    Made,
}

/// What one side of paper is to look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Pages, paper and arrangement.
    pub options: Options,
    /// The sheet when none was chosen: a PWG media name; none means that pages keep their own size.
    pub paper: Option<String>,
    /// Which side, from 1; one beyond the last is the last.
    pub side: u32,
    /// Pixels of the longer edge.
    pub edge: u32,
    /// Colour or grey.
    pub color: bool,
    /// A picture by itself, without paper around it; its pages are still pages where it has several.
    #[serde(default)]
    pub bare: bool,
}

/// A side that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Sides of paper that the document makes, once.
    pub sides: u32,
    /// Pages in it.
    pub pages: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A file that goes away when nobody needs it any more.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The one kind of silence that a caller may do something about.
struct TooSlow;

/// Another paper alone is no reason not to print: what is too much for a child is left to the queue, which scales it as
/// it does for any other program.
fn is_dispensable(format: Format, options: &Options) -> bool {
    let as_it_comes = options.pages.is_none() && options.copies.unwrap_or(1) == 1 && !is_laid_out(options);
    format == Format::Pdf && as_it_comes
}

/// What a caller hears that did not get the answer it wanted.
fn refused(told: Result<Outcome, TooSlow>) -> DocumentError {
    match told {
        Ok(Outcome::Refused(reason)) => reason.into(),
        // The right answer to another question is as good as none.
        Ok(_) | Err(TooSlow) => DocumentError::Unreadable,
    }
}
