//! What a person chooses for a job, in the terms of IPP.

use super::{Capabilities, PageRanges};
use serde::{Deserialize, Serialize};

/// What a person chose. What is left out is the printer's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// 1 to [`MAX_COPIES`](super::MAX_COPIES); none means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// None means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PageRanges>,
    /// Sides of the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
    /// Colour or grey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// A PWG 5101.1 media name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// How finely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// A tray: RFC 8011 `media-source` keyword.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A kind of paper: PWG 5100.3 `media-type` keyword.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Pages on one side; none means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_up: Option<u32>,
    /// How a page is fitted to the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How text and pictures lie on the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// Laid out to be folded into a booklet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub booklet: bool,
    /// With a sheet before it that says what it is and whose (RFC 8011 §5.2.3 `job-sheets`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cover: bool,
    /// Dots an inch with which the printer prints (RFC 8011 §5.2.12 `printer-resolution`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<u32>,
}

/// RFC 8011 §5.2.13 `print-quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// 3.
    Draft,
    /// 4.
    Normal,
    /// 5.
    High,
}

/// PWG 5100.13 `print-scaling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Made smaller when it is too large for the paper, else as it is.
    Auto,
    /// As large as fits.
    Fit,
    /// Fills the paper; what is beyond the edge is cut.
    Fill,
    /// As it is; what is beyond the edge is cut.
    None,
}

/// RFC 8011 §5.2.10 `orientation-requested`, as far as a person chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// 3.
    Portrait,
    /// 4.
    Landscape,
}

/// The numbers of pages that can be put on one side.
pub const NUMBER_UP: [u32; 6] = [1, 2, 4, 6, 9, 16];

/// Dots an inch that a printer may have.
pub const DPI: std::ops::RangeInclusive<u32> = 50..=9600;

/// RFC 8011 §5.2.8 `sides`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// One side.
    OneSided,
    /// Both, turned on the long edge.
    TwoSidedLongEdge,
    /// Both, turned on the short edge.
    TwoSidedShortEdge,
}

/// PWG 5100.13 `print-color-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// Colour where the document has it.
    Color,
    /// Grey.
    Monochrome,
}

impl Options {
    /// Whether a printer can do what was chosen; says all that it cannot.
    ///
    /// # Errors
    /// Words for a person.
    pub fn fit(&self, printer: &Capabilities) -> Result<(), String> {
        let mut lacks: Vec<String> = Vec::new();
        let mut say = |words: &str| lacks.push(words.to_owned());
        if self.copies.is_some_and(|copies| copies > printer.max_copies) {
            say(&format!("This printer makes at most {} copies.", printer.max_copies));
        }
        if let Some(sides) = self.sides
            && sides != Sides::OneSided
            && !printer.sides.contains(&sides)
        {
            say("This printer cannot print on both sides that way.");
        }
        if self.color == Some(Color::Color) && !printer.color {
            say("This printer does not print colour.");
        }
        let is_missing = |chosen: &Option<String>, has: &[String]| {
            chosen.as_ref().is_some_and(|chosen| !has.is_empty() && !has.contains(chosen))
        };
        if is_missing(&self.source, &printer.sources) {
            say("This printer has no such tray.");
        }
        if is_missing(&self.media_type, &printer.media_types) {
            say("This printer knows no such kind of paper.");
        }
        if let Some(media) = self.media.as_ref().filter(|_| is_missing(&self.media, &printer.media)) {
            say(&format!("This printer has no paper size {media}."));
        }
        if lacks.is_empty() { Ok(()) } else { Err(lacks.join(" ")) }
    }

    /// Sides of paper that a document of so many pages makes, copies counted.
    #[must_use]
    pub fn sides_of(&self, pages: u32) -> u32 {
        let chosen = match &self.pages {
            Some(ranges) => u32::try_from(ranges.within(pages).count()).unwrap_or(u32::MAX),
            None => pages,
        };
        let on_one = match self.booklet {
            true => 2,
            false => self.number_up.unwrap_or(1).max(1),
        };
        let cover = u32::from(self.cover);
        chosen.div_ceil(on_one).saturating_add(cover).saturating_mul(self.copies.unwrap_or(1))
    }

    /// True when nothing was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Sides {
    /// Its IPP keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::OneSided => "one-sided",
            Self::TwoSidedLongEdge => "two-sided-long-edge",
            Self::TwoSidedShortEdge => "two-sided-short-edge",
        }
    }

    /// From its IPP keyword.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        [Self::OneSided, Self::TwoSidedLongEdge, Self::TwoSidedShortEdge]
            .into_iter()
            .find(|sides| sides.keyword() == keyword)
    }
}

impl Color {
    /// Its IPP keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Color => "color",
            Self::Monochrome => "monochrome",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::document::Format;

    #[test]
    fn sides_of_paper_are_counted_with_copies_and_pages_on_one_side() {
        let options = |pages: Option<&str>, number_up, copies| Options {
            pages: pages.map(|pages| pages.parse().unwrap()),
            number_up,
            copies,
            ..Options::default()
        };
        assert_eq!(options(None, None, None).sides_of(7), 7);
        assert_eq!(options(Some("2-3,9"), None, Some(2)).sides_of(7), 4, "there is no page 9");
        assert_eq!(options(None, Some(4), Some(3)).sides_of(7), 6);
        assert_eq!(Options { booklet: true, ..Options::default() }.sides_of(7), 4);
        assert_eq!(Options { cover: true, ..options(None, None, Some(2)) }.sides_of(7), 16, "a cover each");
        assert_eq!(options(None, None, Some(u32::MAX)).sides_of(7), u32::MAX);
    }

    #[test]
    fn everything_that_a_printer_lacks_is_said_at_once() {
        let printer = Capabilities {
            formats: vec![Format::Pdf],
            color: false,
            sides: vec![Sides::OneSided],
            media: vec!["iso_a4_210x297mm".to_owned()],
            media_default: None,
            max_copies: 9,
            quality: Vec::new(),
            sources: Vec::new(),
            media_types: Vec::new(),
        };
        let chosen = Options {
            copies: Some(10),
            color: Some(Color::Color),
            sides: Some(Sides::TwoSidedLongEdge),
            media: Some("iso_a3_297x420mm".to_owned()),
            ..Options::default()
        };
        let words = chosen.fit(&printer).unwrap_err();
        for lack in ["at most 9 copies", "both sides", "colour", "iso_a3_297x420mm"] {
            assert!(words.contains(lack), "{words}");
        }
        let can = Options { copies: Some(9), sides: Some(Sides::OneSided), ..Options::default() };
        assert_eq!(can.fit(&printer), Ok(()));
    }
}
