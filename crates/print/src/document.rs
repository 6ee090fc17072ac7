//! The few kinds of documents that can be printed: told apart by their content, checked, turned into PDF.
//!
//! A name or a declared type is never believed. Text, JPEG and PNG become PDF where a queue does not take them as
//! they are ([`text`], [`image`]); PDFs are counted and cut ([`pdf`]). Everything here blocks: call it off the
//! async threads. No rendering, no previews.

pub mod image;
pub mod pdf;
pub mod text;

use crate::ticket::Options;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// What kind of document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// PDF.
    #[serde(rename = "application/pdf")]
    Pdf,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// UTF-8 text.
    #[serde(rename = "text/plain")]
    Text,
}

/// A document that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is, by its content.
    pub format: Format,
    /// Its pages, when they can be counted.
    pub pages: Option<u32>,
}

/// Why a document cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Not one of the kinds we print.
    #[error("only PDF, JPEG, PNG and UTF-8 text can be printed")]
    Unsupported,
    /// It looks like one of them but cannot be opened.
    #[error("the {kind} file is damaged or not complete")]
    Damaged {
        /// `PDF`, `JPEG`, `PNG`.
        kind: &'static str,
    },
    /// Too much for one job.
    #[error("{0}")]
    TooMuch(String),
    /// The PDF needs a password for that.
    #[error("the PDF is protected: pages cannot be taken out of it")]
    Protected,
    /// None of the chosen pages is in it.
    #[error("none of the chosen pages is in the document")]
    NoSuchPages,
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The largest text we lay out; more is no document for paper.
pub const MAX_TEXT: u64 = 8 * 1024 * 1024;

/// The most pages we make of anything.
pub const MAX_PAGES: usize = 10_000;

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pdf, Self::Jpeg, Self::Png, Self::Text];

    /// Its MIME type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Text => "text/plain",
        }
    }

    /// From its MIME type.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.mime() == mime)
    }
}

/// Tells what a file is from its content, and whether it can be opened. With `count`, the pages of a PDF are
/// counted, which reads the whole file.
///
/// # Errors
/// [`DocumentError`].
pub fn inspect(path: &Path, count: bool) -> Result<Inspected, DocumentError> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if size == 0 {
        return Err(DocumentError::Empty);
    }
    let mut head = Vec::with_capacity(1024);
    file.by_ref().take(1024).read_to_end(&mut head)?;
    if head.windows(5).any(|window| window == b"%PDF-") {
        let pages = if count { pdf::pages(path, size)? } else { None };
        return Ok(Inspected { format: Format::Pdf, pages });
    }
    let one_page = |format| Ok(Inspected { format, pages: Some(1) });
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        image::jpeg_header(path)?;
        return one_page(Format::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        image::png_header(path)?;
        return one_page(Format::Png);
    }
    text::check(path, size)?;
    Ok(Inspected { format: Format::Text, pages: None })
}

/// Turns any printable document into a PDF file at `out`, with the chosen pages and copies in it. Paper size
/// applies to text and pictures; a PDF keeps its own. The file is written and fsynced, its directory is not.
///
/// # Errors
/// [`DocumentError`]; what is at `out` then is to be thrown away.
pub fn to_pdf(path: &Path, format: Format, options: &Options, out: &Path) -> Result<(), DocumentError> {
    let paper = Paper::of(options.media.as_deref());
    match format {
        Format::Pdf if options.pages.is_none() && options.copies.unwrap_or(1) == 1 => {
            let mut target = File::create(out)?;
            io::copy(&mut File::open(path)?, &mut target)?;
            target.sync_all()?;
            Ok(())
        }
        Format::Pdf => pdf::select(path, options, out),
        Format::Text => pdf::write(text::lay_out(path, paper)?, options, out),
        Format::Jpeg => pdf::write(image::jpeg_page(path, paper)?, options, out),
        Format::Png => pdf::write(image::png_page(path, paper)?, options, out),
    }
}

/// A sheet in PDF points (1/72 inch), upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paper {
    /// Short side.
    pub width: f32,
    /// Long side.
    pub height: f32,
}

impl Paper {
    /// The sheet behind a PWG media name; A4 when it is none.
    #[must_use]
    pub fn of(media: Option<&str>) -> Self {
        const A4: Paper = Paper { width: 595.276, height: 841.89 };
        let size = || {
            let size = media?.rsplit('_').next()?;
            let (numbers, points) = match size.strip_suffix("mm") {
                Some(numbers) => (numbers, 72.0 / 25.4),
                None => (size.strip_suffix("in")?, 72.0),
            };
            let (width, height) = numbers.split_once('x')?;
            let (width, height) = (width.parse::<f32>().ok()? * points, height.parse::<f32>().ok()? * points);
            let fit = |side: f32| (72.0..=14_400.0).contains(&side);
            (fit(width) && fit(height)).then_some(Paper { width, height })
        };
        size().unwrap_or(A4)
    }
}
