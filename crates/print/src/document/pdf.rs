//! PDFs: counting pages, taking pages out, making copies, writing what we made ourselves.
//!
//! `lopdf` keeps a document and all its objects in memory and believes what it reads: this is for the child.

use super::{DocumentError, Format, MAX_PAGES};
use crate::{render::page::Pages, ticket::Options};
use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
};

/// Above this the pages are not counted.
pub(super) const MAX_COUNTED: u64 = 32 * 1024 * 1024;

/// Above this no pages are taken out.
pub(super) const MAX_CUT: u64 = 256 * 1024 * 1024;

pub(super) const DAMAGED: DocumentError = DocumentError::Damaged { format: Format::Pdf };

/// What a page inherits from the tree above it (ISO 32000-1, table 30).
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// Counts the pages.
///
/// # Errors
/// [`DocumentError::Locked`] when it has a password, [`DocumentError::Damaged`] when it cannot be opened or has no
/// page.
pub fn pages(bytes: Vec<u8>) -> Result<u32, DocumentError> {
    // Reads no more than the tree of pages, and mends what readers are used to mend.
    Ok(u32::try_from(Pages::open(bytes)?.count()).unwrap_or(u32::MAX))
}

/// Opens a PDF that pages are to be taken out of.
///
/// # Errors
/// [`DocumentError::Damaged`], [`DocumentError::Locked`].
pub fn open(bytes: &[u8]) -> Result<Document, DocumentError> {
    let mut document = Document::load_mem(bytes).map_err(|_| DAMAGED)?;
    // Many are only protected against changes, and open without a password.
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(DocumentError::Locked);
    }
    Ok(document)
}

/// Applies page ranges and copies to a document, made of a file of that kind, and writes it to `out`.
///
/// # Errors
/// [`DocumentError`].
pub fn write(
    mut document: Document,
    format: Format,
    options: &Options,
    out: &File,
) -> Result<(), DocumentError> {
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
    let mut out = BufWriter::new(out);
    let saved = document.save_to(&mut out).and_then(|()| out.flush());
    saved.map_err(|error| match error.raw_os_error() {
        // A disk that is full is no fault of the document.
        Some(_) => error.into(),
        None => DocumentError::Damaged { format },
    })
}

pub(super) fn page_ids(document: &Document) -> Vec<ObjectId> {
    let pages: BTreeMap<u32, ObjectId> = document.get_pages();
    pages.into_values().collect()
}

/// Replaces the page tree by one flat list: the wanted pages, `copies` times over.
fn lay_pages(document: &mut Document, wanted: &[ObjectId], copies: usize) -> Result<(), DocumentError> {
    let root = document.new_object_id();
    let mut sheets: Vec<Dictionary> = Vec::with_capacity(wanted.len());
    for id in wanted {
        let mut sheet = document.get_dictionary(*id).map_err(|_| DAMAGED)?.clone();
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
    replace_tree(document, root, kids)
}

/// Gives a document other pages: `kids`, which name `root` as their parent.
pub(super) fn replace_tree(
    document: &mut Document,
    root: ObjectId,
    kids: Vec<Object>,
) -> Result<(), DocumentError> {
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count });
    let catalog = document.catalog_mut().map_err(|_| DAMAGED)?;
    catalog.set("Pages", root);
    // What points at pages that are gone would keep them in the file.
    for key in ["Outlines", "Dests", "Names", "StructTreeRoot", "PageLabels", "OpenAction", "AcroForm"] {
        catalog.remove(key.as_bytes());
    }
    document.prune_objects();
    Ok(())
}

pub(super) fn inherited(document: &Document, page: ObjectId, key: &[u8]) -> Option<Object> {
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
