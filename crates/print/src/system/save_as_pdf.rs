//! The built-in printer: writes a PDF into a folder, exactly one for each job, whatever happens in between.
//!
//! The PDF is made under a hidden name in the folder and fsynced; then a note with the name chosen for it is
//! fsynced; then it gets that name. A crash leaves one of three states that can be told apart: no note (begin
//! again), a note and the hidden file (give it its name), a note and no hidden file (done).

use super::{Handover, QueueInfo, QueueState, SendError, Sighting, SpoolError, Spooler, Stage};
use crate::{
    QueueId,
    document::{self, DocumentError, Format},
    spool::sync_dir,
    ticket::{Capabilities, MAX_COPIES},
};
use futures_util::future::BoxFuture;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The printer that is always there.
pub struct SaveAsPdf {
    folder: PathBuf,
    notes: PathBuf,
}

impl SaveAsPdf {
    /// Writes into `folder`, remembers in `notes`; both are made when needed.
    #[must_use]
    pub fn new(folder: PathBuf, notes: PathBuf) -> Self {
        Self { folder, notes }
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

    fn save(&self, job: &Handover) -> Result<(), DocumentError> {
        // A node that stops leaves this thread to itself; one that starts again in the same process must not work
        // on the same job beside it.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if self.saved(&job.mark).is_some() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        fs::create_dir_all(&self.notes)?;
        let hidden = self.hidden(&job.mark);
        let noted = fs::read_to_string(self.note(&job.mark)).ok();
        if noted.is_none() {
            document::to_pdf(&job.document, job.format, &job.options, &hidden)
                .inspect_err(|_| drop(fs::remove_file(&hidden)))?;
        }
        let name = self.claim(&job.mark, &job.title, noted)?;
        // Only our own empty file is there: this replaces nothing.
        fs::rename(&hidden, self.folder.join(name))?;
        sync_dir(&self.folder)?;
        Ok(())
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

impl Spooler for SaveAsPdf {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        let queue = QueueInfo {
            id: QueueId(QueueId::SAVE_AS_PDF.to_owned()),
            name: "Save as PDF".to_owned(),
            model: None,
            location: None,
            state: QueueState::Idle,
            reasons: Vec::new(),
            waiting: 0,
            is_default: false,
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
        ];
        let capabilities = Capabilities {
            formats: Format::ALL.to_vec(),
            color: true,
            sides: vec![crate::ticket::Sides::OneSided],
            media: media.map(str::to_owned).to_vec(),
            media_default: Some(media[0].to_owned()),
            max_copies: MAX_COPIES,
        };
        Box::pin(async move { Ok(capabilities) })
    }

    fn create<'a>(&'a self, _: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(async { Ok(1) })
    }

    fn send<'a>(&'a self, job: &'a Handover, _: i32) -> BoxFuture<'a, Result<(), SendError>> {
        let (printer, job) = (Self::new(self.folder.clone(), self.notes.clone()), job.clone());
        Box::pin(async move {
            let saved = tokio::task::spawn_blocking(move || printer.save(&job)).await;
            let error = match saved {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(DocumentError::Io(error))) if error.kind() == io::ErrorKind::StorageFull => {
                    SpoolError::Full
                }
                Ok(Err(DocumentError::Io(error))) => SpoolError::Refused(error.to_string()),
                Ok(Err(error)) => SpoolError::Unsupported(error.to_string()),
                Err(_) => SpoolError::Away("the node is stopping".to_owned()),
            };
            Err(SendError { error, whole: false })
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
        let _ = fs::remove_file(self.hidden(mark));
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
    for extension in [".pdf", ".jpeg", ".jpg", ".png", ".txt"] {
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
        SaveAsPdf::new(dir.join("Printed"), dir.join("notes"))
    }

    #[test]
    fn a_job_makes_one_file_however_often_it_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let printer = printer(dir.path());
        let first = job(dir.path(), "a.1");
        printer.save(&first).unwrap();
        printer.save(&first).unwrap();
        assert_eq!(files(&printer), ["_letter.pdf"], "one file, inside the folder");
        printer.save(&job(dir.path(), "b.1")).unwrap();
        assert_eq!(files(&printer), ["_letter (2).pdf", "_letter.pdf"]);
    }

    #[test]
    fn a_crash_after_any_step_still_ends_in_one_file() {
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
                document::to_pdf(&job.document, job.format, &job.options, &hidden).unwrap();
            }
            if step >= 2 {
                fs::write(printer.note("a.1"), "_letter.pdf").unwrap();
            }
            if step >= 3 {
                fs::write(printer.folder.join("_letter.pdf"), "").unwrap();
            }
            assert!(printer.saved("a.1").is_none(), "step {step} is not done");
            printer.save(&job).unwrap();
            assert_eq!(files(&printer), ["_letter.pdf"], "after a crash at step {step}");
            let text = fs::read(printer.folder.join("_letter.pdf")).unwrap();
            assert!(text.windows(5).any(|w| w == b"hello"), "whole after a crash at step {step}");
            assert!(printer.saved("a.1").is_some());
        }
    }

    #[test]
    fn a_file_of_the_persons_own_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let printer = printer(dir.path());
        let job = job(dir.path(), "a.1");
        fs::create_dir_all(&printer.folder).unwrap();
        fs::create_dir_all(&printer.notes).unwrap();
        document::to_pdf(&job.document, job.format, &job.options, &printer.hidden("a.1")).unwrap();
        fs::write(printer.note("a.1"), "_letter.pdf").unwrap();
        fs::write(printer.folder.join("_letter.pdf"), "mine").unwrap();
        printer.save(&job).unwrap();
        assert_eq!(fs::read(printer.folder.join("_letter.pdf")).unwrap(), b"mine");
        assert_eq!(files(&printer), ["_letter (2).pdf", "_letter.pdf"]);
    }
}
