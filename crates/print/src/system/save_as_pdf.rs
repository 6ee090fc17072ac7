//! The built-in printer: writes a PDF into a folder, exactly one for each job, whatever happens in between.
//!
//! The PDF is made under a hidden name in the folder and fsynced; then a note with the name chosen for it is
//! fsynced; then it gets that name. A crash leaves one of three states that can be told apart: no note (begin
//! again), a note and the hidden file (give it its name), a note and no hidden file (done).

use super::{
    Handover, QueueInfo, QueueState, SendError, Sighting, SpoolError, Spooler, Stage, device::Device,
};
use crate::{
    QueueId,
    document::{DocumentError, Documents, Format, child::UNFINISHED, finish::Finish},
    spool::{blocking, sync_dir},
    ticket::{Capabilities, MAX_COPIES, Quality, Sides},
};
use futures_util::future::BoxFuture;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tokio::sync::Mutex;

/// The printer that is always there.
#[derive(Clone)]
pub struct SaveAsPdf {
    documents: Documents,
    folder: PathBuf,
    notes: PathBuf,
}

impl SaveAsPdf {
    /// Writes into `folder`, remembers in `notes`; both are made when needed.
    #[must_use]
    pub fn new(documents: Documents, folder: PathBuf, notes: PathBuf) -> Self {
        Self { documents, folder, notes }
    }

    /// There while the printer is stopped.
    fn stopped(&self) -> PathBuf {
        self.notes.join("paused")
    }

    fn is_paused(&self) -> bool {
        self.stopped().exists()
    }

    fn set_paused(&self, pause: bool) -> io::Result<()> {
        if pause {
            fs::create_dir_all(&self.notes)?;
            write_synced(&self.stopped(), b"")?;
        } else if let Err(error) = fs::remove_file(self.stopped())
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        Ok(())
    }

    fn note(&self, mark: &str) -> PathBuf {
        self.notes.join(format!("{mark}.saved"))
    }

    fn hidden(&self, mark: &str) -> PathBuf {
        self.folder.join(format!(".{mark}.lanyard-part"))
    }

    /// Where the PDF of a job is, once it has its name.
    #[must_use]
    pub fn saved(&self, mark: &str) -> Option<PathBuf> {
        let name = fs::read_to_string(self.note(mark)).ok()?;
        (!self.hidden(mark).exists()).then(|| self.folder.join(name))
    }

    async fn save(&self, job: &Handover) -> Result<(), DocumentError> {
        // A node that stops leaves its last step to itself; one that starts again in the same process must not work
        // on the same job beside it.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
        let turn = ONE_AT_A_TIME.lock().await;
        let (printer, mark) = (self.clone(), job.mark.clone());
        let hidden = self.hidden(&mark);
        let begun = blocking(move || printer.begin(&mark).map(|begun| (turn, begun)));
        let (turn, begun) = begun.await?;
        let noted = match begun {
            Begun::Saved => return Ok(()),
            Begun::Noted(name) => Some(name),
            Begun::Nothing => {
                let finish = Finish::kept(&job.options, job.cover.clone());
                let made =
                    self.documents.to_finished_pdf(&job.document, job.format, &job.options, &finish, &hidden);
                made.await.inspect_err(|_| drop(fs::remove_file(&hidden)))?;
                None
            }
        };
        let (printer, mark, title) = (self.clone(), job.mark.clone(), job.title.clone());
        blocking(move || {
            let _turn = turn;
            printer.finish(&mark, &title, noted)
        })
        .await?;
        Ok(())
    }

    fn begin(&self, mark: &str) -> io::Result<Begun> {
        if self.saved(mark).is_some() {
            return Ok(Begun::Saved);
        }
        fs::create_dir_all(&self.folder)?;
        fs::create_dir_all(&self.notes)?;
        Ok(fs::read_to_string(self.note(mark)).map_or(Begun::Nothing, Begun::Noted))
    }

    fn finish(&self, mark: &str, title: &str, noted: Option<String>) -> io::Result<()> {
        let name = self.claim(mark, title, noted)?;
        // Only our own empty file is there: this replaces nothing.
        fs::rename(self.hidden(mark), self.folder.join(name))?;
        sync_dir(&self.folder)
    }

    /// Finds a free name, notes it, and takes it with an empty file.
    fn claim(&self, mark: &str, title: &str, noted: Option<String>) -> io::Result<String> {
        let stem = file_stem(title);
        let mut candidates = noted.clone().into_iter().chain((1..).map(|n| numbered(&stem, n)));
        loop {
            let Some(name) = candidates.next() else { return Err(io::ErrorKind::AlreadyExists.into()) };
            let place = self.folder.join(&name);
            if noted.as_ref() == Some(&name) {
                // Noted before a crash: an empty file there is the one that we put.
                if fs::metadata(&place).is_ok_and(|found| found.is_file() && found.len() == 0) {
                    return Ok(name);
                }
            } else if place.exists() {
                continue;
            } else {
                write_synced(&self.note(mark), name.as_bytes())?;
                sync_dir(&self.notes)?;
            }
            match fs::OpenOptions::new().write(true).create_new(true).open(&place) {
                Ok(_) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What is there of a job.
enum Begun {
    Nothing,
    /// The PDF is whole and a name was chosen for it.
    Noted(String),
    Saved,
}

impl Spooler for SaveAsPdf {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        let paused = self.is_paused();
        let queue = QueueInfo {
            id: QueueId(QueueId::SAVE_AS_PDF.to_owned()),
            name: "Save as PDF".to_owned(),
            model: None,
            location: None,
            state: if paused { QueueState::Stopped } else { QueueState::Idle },
            reasons: paused.then(|| "paused".to_owned()).into_iter().collect(),
            waiting: 0,
            is_default: false,
            supplies: Vec::new(),
            paused,
            device: Device::default(),
        };
        Box::pin(async move { Ok(vec![queue]) })
    }

    fn capabilities<'a>(&'a self, _: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        let media = [
            "iso_a4_210x297mm",
            "iso_a3_297x420mm",
            "iso_a5_148x210mm",
            "na_letter_8.5x11in",
            "na_legal_8.5x14in",
            "iso_a6_105x148mm",
            "na_index-4x6_4x6in",
            "na_5x7_5x7in",
        ];
        let capabilities = Capabilities {
            formats: Format::SENT.to_vec(),
            color: true,
            // A file has no sides; it tells whoever prints it which were wished for.
            sides: vec![Sides::OneSided, Sides::TwoSidedLongEdge, Sides::TwoSidedShortEdge],
            media: media.map(str::to_owned).to_vec(),
            // A PDF keeps the paper it has, and so does its preview.
            media_default: None,
            max_copies: MAX_COPIES,
            // A draft is a small file.
            quality: vec![Quality::Normal, Quality::Draft],
            sources: Vec::new(),
            media_types: Vec::new(),
        };
        Box::pin(async move { Ok(capabilities) })
    }

    fn create<'a>(&'a self, _: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        let paused = self.is_paused();
        Box::pin(async move { if paused { Err(SpoolError::Paused) } else { Ok(1) } })
    }

    fn pause<'a>(&'a self, _: &'a QueueId, pause: bool) -> BoxFuture<'a, Result<(), SpoolError>> {
        let printer = self.clone();
        Box::pin(async move {
            blocking(move || printer.set_paused(pause)).await.map_err(|error| DocumentError::Io(error).into())
        })
    }

    fn send<'a>(&'a self, job: &'a Handover, _: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            self.save(job).await.map_err(|error| SendError { error: error.into(), whole: false })
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a QueueId,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        let sighting = self.saved(mark).map(|place| Sighting {
            job: 1,
            stage: Stage::Done,
            begun: true,
            documents: 1,
            reason: None,
            detail: place.file_name().map(|name| format!("Saved as {}.", name.to_string_lossy())),
            pages_done: None,
            life: 0,
        });
        Box::pin(async move { Ok(sighting) })
    }

    fn look<'a>(
        &'a self,
        queue: &'a QueueId,
        mark: &'a str,
        _: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        self.find(queue, mark)
    }

    fn cancel<'a>(&'a self, _: &'a QueueId, _: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, mark: &str) {
        let hidden = self.hidden(mark);
        let mut unfinished = hidden.clone().into_os_string();
        unfinished.push(UNFINISHED);
        // What a crash left behind.
        let _ = fs::remove_file(unfinished);
        let _ = fs::remove_file(hidden);
        let _ = fs::remove_file(self.note(mark));
    }

    fn absence_is_proof(&self) -> bool {
        true
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("note-part");
    let mut file = fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)
}

fn numbered(stem: &str, n: u32) -> String {
    if n == 1 { format!("{stem}.pdf") } else { format!("{stem} ({n}).pdf") }
}

/// A document's name as a file name that every system takes.
fn file_stem(title: &str) -> String {
    let mut stem: String =
        title.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c }).collect();
    for extension in [
        ".pdf", ".jpeg", ".jpg", ".png", ".txt", ".tiff", ".tif", ".webp", ".svg", ".odt", ".ods", ".odp",
        ".docx", ".xlsx", ".pptx", ".doc", ".xls", ".ppt", ".rtf",
    ] {
        let cut = stem.len().saturating_sub(extension.len());
        if stem.is_char_boundary(cut) && stem[cut..].eq_ignore_ascii_case(extension) {
            stem.truncate(cut);
        }
    }
    while stem.len() > 180 {
        stem.pop();
    }
    let stem = stem.trim_matches(|c: char| c == '.' || c.is_whitespace());
    const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com1", "lpt1"];
    if stem.is_empty() || RESERVED.contains(&stem.to_ascii_lowercase().as_str()) {
        "Document".to_owned()
    } else {
        stem.to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::ticket::Options;

    fn job(dir: &Path, mark: &str) -> Handover {
        let document = dir.join("in.txt");
        fs::write(&document, "hello\n").unwrap();
        Handover {
            queue: QueueId(QueueId::SAVE_AS_PDF.to_owned()),
            mark: mark.to_owned(),
            title: "../letter.txt".to_owned(),
            document,
            format: Format::Text,
            options: Options::default(),
            cover: None,
        }
    }

    fn files(printer: &SaveAsPdf) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&printer.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn printer(dir: &Path) -> SaveAsPdf {
        SaveAsPdf::new(Documents::here(), dir.join("Printed"), dir.join("notes"))
    }

    #[tokio::test]
    async fn a_job_makes_one_file_however_often_it_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let printer = printer(dir.path());
        let first = job(dir.path(), "a.1");
        printer.save(&first).await.unwrap();
        printer.save(&first).await.unwrap();
        assert_eq!(files(&printer), ["_letter.pdf"], "one file, inside the folder");
        printer.save(&job(dir.path(), "b.1")).await.unwrap();
        assert_eq!(files(&printer), ["_letter (2).pdf", "_letter.pdf"]);
    }

    #[tokio::test]
    async fn a_crash_after_any_step_still_ends_in_one_file() {
        for step in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let printer = printer(dir.path());
            let job = job(dir.path(), "a.1");
            fs::create_dir_all(&printer.folder).unwrap();
            fs::create_dir_all(&printer.notes).unwrap();
            let hidden = printer.hidden("a.1");
            if step == 0 {
                fs::write(&hidden, "%PDF-half of it").unwrap();
            } else {
                printer.documents.to_pdf(&job.document, job.format, &job.options, &hidden).await.unwrap();
            }
            if step >= 2 {
                fs::write(printer.note("a.1"), "_letter.pdf").unwrap();
            }
            if step >= 3 {
                fs::write(printer.folder.join("_letter.pdf"), "").unwrap();
            }
            assert!(printer.saved("a.1").is_none(), "step {step} is not done");
            printer.save(&job).await.unwrap();
            assert_eq!(files(&printer), ["_letter.pdf"], "after a crash at step {step}");
            let text = fs::read(printer.folder.join("_letter.pdf")).unwrap();
            assert!(text.windows(5).any(|w| w == b"hello"), "whole after a crash at step {step}");
            assert!(printer.saved("a.1").is_some());
        }
    }

    #[tokio::test]
    async fn a_file_of_the_persons_own_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let printer = printer(dir.path());
        let job = job(dir.path(), "a.1");
        fs::create_dir_all(&printer.folder).unwrap();
        fs::create_dir_all(&printer.notes).unwrap();
        let hidden = printer.hidden("a.1");
        printer.documents.to_pdf(&job.document, job.format, &job.options, &hidden).await.unwrap();
        fs::write(printer.note("a.1"), "_letter.pdf").unwrap();
        fs::write(printer.folder.join("_letter.pdf"), "mine").unwrap();
        printer.save(&job).await.unwrap();
        assert_eq!(fs::read(printer.folder.join("_letter.pdf")).unwrap(), b"mine");
        assert_eq!(files(&printer), ["_letter (2).pdf", "_letter.pdf"]);
    }
}
