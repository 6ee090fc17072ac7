//! PDFs: counting pages, taking pages out, making copies, writing what we made ourselves.
//!
//! A stranger's PDF is parsed by `lopdf` on a thread of its own with a large stack; a panic there or a parse that
//! takes too long costs that one answer, never the node.

use super::{DocumentError, MAX_PAGES};
use crate::ticket::Options;
use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Above this the pages are not counted: `lopdf` keeps the whole file and all its objects in memory.
const MAX_COUNTED: u64 = 32 * 1024 * 1024;

/// Above this no pages are taken out.
const MAX_CUT: u64 = 256 * 1024 * 1024;

/// What a page inherits from the tree above it (ISO 32000-1, table 30).
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// Counts the pages; none when the file is too large, protected, or takes too long to read.
///
/// # Errors
/// [`DocumentError::Damaged`] when it cannot be opened or has no page.
pub fn pages(path: &Path, size: u64) -> Result<Option<u32>, DocumentError> {
    if size > MAX_COUNTED {
        return Ok(None);
    }
    let path = path.to_owned();
    let counted = guarded(Duration::from_secs(5), move || -> Result<Option<u32>, DocumentError> {
        let bytes = fs::read(path)?;
        match Document::load_mem(&bytes) {
            Ok(document) => match page_ids(&document).len() {
                // A protected file's page tree may hide in object streams that we cannot read.
                0 if document.is_encrypted() => Ok(None),
                0 => Err(DocumentError::Damaged { kind: "PDF" }),
                count => Ok(u32::try_from(count).ok()),
            },
            Err(_) if contains(&bytes, b"/Encrypt") => Ok(None),
            Err(_) => Err(DocumentError::Damaged { kind: "PDF" }),
        }
    });
    match counted {
        Ok(counted) => counted,
        Err(Unguarded::Panicked) => Err(DocumentError::Damaged { kind: "PDF" }),
        Err(Unguarded::TooSlow | Unguarded::Busy) => Ok(None),
    }
}

/// Writes the chosen pages, as many times as chosen, to `out`.
///
/// # Errors
/// [`DocumentError`].
pub fn select(path: &Path, options: &Options, out: &Path) -> Result<(), DocumentError> {
    if fs::metadata(path)?.len() > MAX_CUT {
        return Err(DocumentError::TooMuch("the PDF is too large to take pages out of it".to_owned()));
    }
    let (path, options, out): (PathBuf, Options, PathBuf) =
        (path.to_owned(), options.clone(), out.to_owned());
    let cut = guarded(Duration::from_secs(120), move || {
        let document = Document::load(path).map_err(|_| DocumentError::Damaged { kind: "PDF" })?;
        if document.is_encrypted() {
            return Err(DocumentError::Protected);
        }
        write(document, &options, &out)
    });
    match cut {
        Ok(cut) => cut,
        Err(Unguarded::Panicked) => Err(DocumentError::Damaged { kind: "PDF" }),
        Err(_) => Err(DocumentError::TooMuch("it takes too long to take pages out of this PDF".to_owned())),
    }
}

/// Applies page ranges and copies to a document and writes it, fsynced, to `out`.
///
/// # Errors
/// [`DocumentError`].
pub fn write(mut document: Document, options: &Options, out: &Path) -> Result<(), DocumentError> {
    let copies = options.copies.unwrap_or(1) as usize;
    if options.pages.is_some() || copies > 1 {
        let ids = page_ids(&document);
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let wanted: Vec<ObjectId> = match &options.pages {
            None => ids,
            Some(ranges) => {
                ranges.within(count).filter_map(|page| ids.get(page as usize - 1).copied()).collect()
            }
        };
        if wanted.is_empty() {
            return Err(DocumentError::NoSuchPages);
        }
        if wanted.len().saturating_mul(copies) > MAX_PAGES {
            return Err(DocumentError::TooMuch(format!("more than {MAX_PAGES} pages in one file")));
        }
        lay_pages(&mut document, &wanted, copies)?;
    }
    let mut file = BufWriter::new(File::create(out)?);
    document.save_to(&mut file).map_err(|_| DocumentError::Damaged { kind: "PDF" })?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(())
}

fn page_ids(document: &Document) -> Vec<ObjectId> {
    let pages: BTreeMap<u32, ObjectId> = document.get_pages();
    pages.into_values().collect()
}

/// Replaces the page tree by one flat list: the wanted pages, `copies` times over.
fn lay_pages(document: &mut Document, wanted: &[ObjectId], copies: usize) -> Result<(), DocumentError> {
    let damaged = |_| DocumentError::Damaged { kind: "PDF" };
    let root = document.new_object_id();
    let mut sheets: Vec<Dictionary> = Vec::with_capacity(wanted.len());
    for id in wanted {
        let mut sheet = document.get_dictionary(*id).map_err(damaged)?.clone();
        for key in INHERITED {
            if !sheet.has(key)
                && let Some(value) = inherited(document, *id, key)
            {
                sheet.set(key, value);
            }
        }
        sheet.set("Parent", root);
        sheets.push(sheet);
    }
    let mut kids: Vec<Object> = Vec::with_capacity(sheets.len() * copies);
    for _ in 0..copies {
        for sheet in &sheets {
            kids.push(document.add_object(sheet.clone()).into());
        }
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count });
    let catalog = document.catalog_mut().map_err(damaged)?;
    catalog.set("Pages", root);
    // What points at pages that are gone would keep them in the file.
    for key in ["Outlines", "Dests", "Names", "StructTreeRoot", "PageLabels", "OpenAction", "AcroForm"] {
        catalog.remove(key.as_bytes());
    }
    document.prune_objects();
    Ok(())
}

fn inherited(document: &Document, page: ObjectId, key: &[u8]) -> Option<Object> {
    let mut node = page;
    // A damaged tree may be a ring.
    for _ in 0..32 {
        let dictionary = document.get_dictionary(node).ok()?;
        if let Ok(value) = dictionary.get(key) {
            return Some(value.clone());
        }
        node = dictionary.get(b"Parent").ok()?.as_reference().ok()?;
    }
    None
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

enum Unguarded {
    Panicked,
    TooSlow,
    Busy,
}

/// Runs `work` on a thread of its own. A thread cannot be stopped from outside, so one that takes too long is
/// left to end by itself, and only a few may be under way.
fn guarded<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unguarded> {
    const AT_ONCE: usize = 4;
    const STACK: usize = 64 * 1024 * 1024;
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    struct Seat;
    impl Drop for Seat {
        fn drop(&mut self) {
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        }
    }
    let seat = RUNNING
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < AT_ONCE).then_some(n + 1))
        .map(|_| Seat)
        .map_err(|_| Unguarded::Busy)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().name("pdf".to_owned()).stack_size(STACK).spawn(move || {
        let _seat = seat;
        // A panic drops the sender, which the receiver sees as a disconnection.
        let _ = sender.send(work());
    });
    if spawned.is_err() {
        return Err(Unguarded::Busy);
    }
    receiver.recv_timeout(patience).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Unguarded::TooSlow,
        mpsc::RecvTimeoutError::Disconnected => Unguarded::Panicked,
    })
}
