//! Raster for printers that read nothing else: PWG raster (PWG 5102.4) and Apple's URF, one page after the other.
//!
//! [`lines`] packs and unpacks rows of pixels, which both formats do alike; [`header`] writes and reads what stands
//! before each page. [`write()`] draws a document's sides in bands, so that neither a page nor a document is ever in
//! memory as a whole. Reading, for documents that phones send, is [`crate::document::raster`]'s.

pub mod header;
pub mod lines;

use super::{
    page::{MOST_PIXELS, Pen, Pixels, Turn, grey},
    sides::{Side, Size},
};
use crate::{document::DocumentError, ticket::Sides};
use header::Page;
use lines::Packer;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Which raster a printer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raster {
    /// The format.
    pub kind: Kind,
    /// What a pixel is.
    pub space: Space,
    /// Pixels an inch, in both directions.
    pub dpi: u32,
    /// What the printer wants done to the backs of sheets.
    pub back: SheetBack,
}

/// A raster format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `image/pwg-raster`.
    Pwg,
    /// `image/urf`.
    Urf,
}

/// What a pixel is (PWG 5102.4 `pwg-raster-document-type-supported`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// One bit, 1 is black. URF has none.
    Black1,
    /// One byte, 0 is black.
    Sgray8,
    /// Three bytes.
    Srgb8,
}

/// How the back of a sheet is to be turned (PWG 5102.4 §8.1 `pwg-raster-document-sheet-back`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetBack {
    /// As the front.
    #[default]
    Normal,
    /// Mirrored: top to bottom, or left to right when the sheets are turned on the short edge.
    Flipped,
    /// By 180 degrees when the sheets are turned on the short edge.
    ManualTumble,
    /// By 180 degrees when the sheets are turned on the long edge.
    Rotated,
}

impl SheetBack {
    /// From its IPP keyword.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "normal" => Self::Normal,
            "flipped" => Self::Flipped,
            "manual-tumble" => Self::ManualTumble,
            "rotated" => Self::Rotated,
            _ => return None,
        })
    }

    /// Whether a back is mirrored left to right, and top to bottom.
    fn mirrors(self, sides: Sides) -> (bool, bool) {
        match (self, sides) {
            (_, Sides::OneSided) | (Self::Normal, _) => (false, false),
            (Self::Flipped, Sides::TwoSidedLongEdge) => (false, true),
            (Self::Flipped, Sides::TwoSidedShortEdge) => (true, false),
            (Self::ManualTumble, Sides::TwoSidedShortEdge) | (Self::Rotated, Sides::TwoSidedLongEdge) => {
                (true, true)
            }
            (Self::ManualTumble | Self::Rotated, _) => (false, false),
        }
    }
}

impl Space {
    /// Bits of a pixel.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Black1 => 1,
            Self::Sgray8 => 8,
            Self::Srgb8 => 24,
        }
    }

    /// Bytes that belong together in packing: a pixel, or eight of them.
    fn unit(self) -> usize {
        if self == Self::Srgb8 { 3 } else { 1 }
    }
}

/// Draws sides as a raster to `out`.
///
/// # Errors
/// [`DocumentError::TooMuch`] for a sheet with more pixels than a raster can have; when `out` refuses.
pub fn write(
    pen: &Pen<'_>,
    sides: &[Side],
    raster: Raster,
    duplex: Sides,
    mut out: impl Write,
) -> Result<(), DocumentError> {
    if !(72..=1200).contains(&raster.dpi) || (raster.kind, raster.space) == (Kind::Urf, Space::Black1) {
        return Err(DocumentError::TooMuch("the printer wants a raster that is not made here".to_owned()));
    }
    let count = u32::try_from(sides.len()).unwrap_or(u32::MAX);
    header::begin(raster.kind, count, &mut out)?;
    for (index, side) in sides.iter().enumerate() {
        let (pixels, turned) = sheet(side.size, raster.dpi)?;
        let (mirrored, upside) = if index % 2 == 1 { raster.back.mirrors(duplex) } else { (false, false) };
        let page = Page {
            width: pixels.width.into(),
            height: pixels.height.into(),
            dpi: raster.dpi,
            space: raster.space,
            duplex,
            mirrors: (mirrored, upside),
            count,
        };
        page.write(raster.kind, &mut out)?;
        let mut packer = Packer::new(raster.space.unit(), &mut out);
        let mut shades = Shades::new(raster.space, pixels.width.into());
        let turn = Turn { quarter: turned, mirrored, upside };
        pen.draw(side, pixels, turn, |rows| {
            let width = usize::from(pixels.width) * 3;
            rows.chunks_exact(width).try_for_each(|row| packer.row(shades.of(row)))
        })?;
        packer.finish()?;
    }
    out.flush()?;
    Ok(())
}

/// A side's pixels as the paper is fed, short edge first, and whether the side is turned for that.
fn sheet(size: Size, dpi: u32) -> Result<(Pixels, bool), DocumentError> {
    let turned = size.width > size.height;
    let (short, long) = if turned { (size.height, size.width) } else { (size.width, size.height) };
    let pixels = |side: f32| (side / 72.0 * dpi as f32).round().max(1.0) as u32;
    let (width, height) = (pixels(short), pixels(long));
    if width > MOST_PIXELS || height > MOST_PIXELS {
        return Err(DocumentError::TooMuch("the paper is too large for this printer".to_owned()));
    }
    Ok((Pixels { width: width as u16, height: height as u16 }, turned))
}

/// Rows of colours as rows of what the printer wants.
struct Shades {
    space: Space,
    grey: Vec<u8>,
    bits: Vec<u8>,
    row: usize,
}

impl Shades {
    fn new(space: Space, width: usize) -> Self {
        Self { space, grey: Vec::with_capacity(width), bits: Vec::with_capacity(width / 8 + 1), row: 0 }
    }

    fn of<'a>(&'a mut self, rgb: &'a [u8]) -> &'a [u8] {
        if self.space == Space::Srgb8 {
            return rgb;
        }
        grey(rgb, &mut self.grey);
        if self.space == Space::Sgray8 {
            return &self.grey;
        }
        self.bits.clear();
        self.bits.resize(self.grey.len().div_ceil(8), 0);
        let thresholds = &BAYER[self.row % 8];
        for (at, shade) in self.grey.iter().enumerate() {
            if *shade <= thresholds[at % 8] * 4 + 1 {
                self.bits[at / 8] |= 0x80 >> (at % 8);
            }
        }
        self.row += 1;
        &self.bits
    }
}

/// Ordered dithering: B. E. Bayer's matrix, 0 to 62 so that four times it stays below white.
const BAYER: [[u8; 8]; 8] = [
    [0, 32, 8, 40, 2, 34, 10, 42],
    [48, 16, 56, 24, 50, 18, 58, 26],
    [12, 44, 4, 36, 14, 46, 6, 38],
    [60, 28, 52, 20, 62, 30, 54, 22],
    [3, 35, 11, 43, 1, 33, 9, 41],
    [51, 19, 59, 27, 49, 17, 57, 25],
    [15, 47, 7, 39, 13, 45, 5, 37],
    [62, 31, 55, 23, 61, 29, 53, 21],
];
