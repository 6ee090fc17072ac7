//! The kinds of documents that can be printed: told apart by their content, checked, turned into PDF, shown.
//!
//! A name or a declared type is never believed, and the node never looks into a document itself: [`Documents`] starts
//! a short-lived [`child`] for each look, which takes everything from itself but that document ([`limits`]) before it
//! reads ([`inside`]). What is no PDF becomes one ([`text`], [`image`], [`picture`], [`svg`], [`raster`]); PDFs are
//! counted and cut ([`pdf`]) and laid out anew where that was chosen ([`impose`]); what paper would have and a file has
//! not is done at the end ([`finish`]). Drawing them is [`crate::render`]'s.
//! Office documents are LibreOffice's, where there is one ([`office`]).

mod bare;
pub mod child;
pub mod finish;
pub mod fonts;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub mod image;
pub mod impose;
pub mod inside;
pub mod limits;
pub mod office;
pub mod pdf;
pub mod picture;
pub mod raster;
pub mod svg;
pub mod text;
mod wire;

pub use child::{ChildProgram, Documents, Laid, Look, Shown};

use crate::ticket::PageRanges;
use serde::{Deserialize, Serialize};
use std::io;

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
    /// TIFF, of one or more pages.
    #[serde(rename = "image/tiff")]
    Tiff,
    /// WebP.
    #[serde(rename = "image/webp")]
    WebP,
    /// SVG.
    #[serde(rename = "image/svg+xml")]
    Svg,
    /// What printers without a language of their own are sent (PWG 5102.4).
    #[serde(rename = "image/pwg-raster")]
    PwgRaster,
    /// The same as Apple's devices send it.
    #[serde(rename = "image/urf")]
    Urf,
    /// Of a word processor, a spreadsheet or a presentation: LibreOffice tells which.
    #[serde(rename = "application/vnd.oasis.opendocument.text")]
    Office,
}

/// A document that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is, by its content.
    pub format: Format,
    /// Its pages, when they can be counted.
    pub pages: Option<u32>,
}

impl Inspected {
    /// Refuses a choice of pages that leaves none.
    pub(crate) fn has_some_of(&self, chosen: Option<&PageRanges>) -> Result<(), DocumentError> {
        match (chosen, self.pages) {
            (Some(chosen), Some(pages)) if chosen.within(pages).next().is_none() => {
                Err(DocumentError::NoSuchPages)
            }
            _ => Ok(()),
        }
    }
}

/// Why a document cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Not one of the kinds we print.
    #[error(
        "only PDF, pictures (JPEG, PNG, TIFF, WebP, SVG), UTF-8 text and Office documents can be printed"
    )]
    Unsupported,
    /// A picture of a kind that nothing here reads.
    #[error("HEIC and AVIF pictures cannot be read: save a copy as JPEG and print that")]
    Heif,
    /// An Office document, and nothing here that reads it.
    #[error(
        "Office documents are read by LibreOffice, which is not installed on this computer: install it, or save the \
         document as PDF"
    )]
    NoOffice,
    /// An Office document that LibreOffice gave up on.
    #[error("LibreOffice could not turn this document into pages: open it there and save it as PDF")]
    OfficeFailed,
    /// An Office document from somebody else: it is not read here.
    #[error("an Office document cannot be sent as it is: save it as PDF first")]
    OfficeFromOthers,
    /// It looks like one of them but cannot be opened.
    #[error("the {} file is damaged or not complete", format.name())]
    Damaged {
        /// What it looks like.
        format: Format,
    },
    /// Reading it took too much memory or time, or ended in a fault of ours.
    #[error("this document could not be read")]
    Unreadable,
    /// Too much for one job.
    #[error("{0}")]
    TooMuch(String),
    /// The PDF needs a password.
    #[error("the PDF has a password: save a copy without one and print that")]
    Locked,
    /// None of the chosen pages is in it.
    #[error("none of the chosen pages is in the document")]
    NoSuchPages,
    /// Nothing is known of it yet; the same may be tried again.
    #[error("documents cannot be read now: {0}")]
    NotNow(String),
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The most pages we make of anything.
pub const MAX_PAGES: usize = 10_000;

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pdf,
        Self::Jpeg,
        Self::Png,
        Self::Text,
        Self::Tiff,
        Self::WebP,
        Self::Svg,
        Self::PwgRaster,
        Self::Urf,
        Self::Office,
    ];

    /// What goes from one node to another: the first version knew no others. The rest is made PDF by its sender, who
    /// also has the fonts and the programs for it.
    pub const SENT: [Self; 4] = [Self::Pdf, Self::Jpeg, Self::Png, Self::Text];

    /// Its MIME type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Text => "text/plain",
            Self::Tiff => "image/tiff",
            Self::WebP => "image/webp",
            Self::Svg => "image/svg+xml",
            Self::PwgRaster => "image/pwg-raster",
            Self::Urf => "image/urf",
            Self::Office => "application/vnd.oasis.opendocument.text",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Text => "text",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Svg => "SVG",
            Self::PwgRaster | Self::Urf => "raster",
            Self::Office => "Office",
        }
    }

    /// Whether it goes to another node as it is.
    #[must_use]
    pub fn is_sent(self) -> bool {
        Self::SENT.contains(&self)
    }

    /// From its MIME type.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.mime() == mime)
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
    /// The same sheet, lying.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }

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
