//! The few kinds of documents that can be printed: told apart by their content, checked, turned into PDF.
//!
//! A name or a declared type is never believed, and the node never looks into a document itself: [`Documents`] starts
//! a short-lived [`child`] for each look, which takes everything from itself but that document ([`limits`]) before it
//! reads ([`inside`]). Text, JPEG and PNG become PDF where a queue does not take them as they are ([`text`],
//! [`image`]); PDFs are counted and cut ([`pdf`]). No rendering, no previews.

pub mod child;
pub mod image;
pub mod inside;
pub mod limits;
pub mod pdf;
pub mod text;
mod wire;

/// For the fuzz targets, which cannot reach what is private; compiled for nothing else.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// What a child wrote.
    pub fn answer(bytes: &[u8]) {
        if let Some(answer) = super::wire::Answer::parse(bytes) {
            assert_eq!(super::wire::Answer::parse(&answer.to_line()), Some(answer));
        }
    }
}

pub use child::{ChildProgram, Documents};

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
    /// The PDF needs a password for that.
    #[error("the PDF is protected: pages cannot be taken out of it")]
    Protected,
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

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Text => "text",
        }
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
