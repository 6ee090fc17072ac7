//! What stands before each page of a raster: 1,796 bytes in PWG raster (PWG 5102.4 §4.3, CUPS's version 2 page header),
//! 32 in URF. Big-endian both.

use super::{Kind, Space};
use crate::ticket::Sides;
use std::io::{self, Read, Write};

/// Length of a PWG page header.
const PWG: usize = 1796;

/// Length of a URF page header.
const URF: usize = 32;

/// How a PWG raster begins.
pub const PWG_MAGIC: &[u8; 4] = b"RaS2";

/// How a URF begins.
pub const URF_MAGIC: &[u8; 8] = b"UNIRAST\0";

/// What is written about a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) dpi: u32,
    pub(super) space: Space,
    pub(super) duplex: Sides,
    pub(super) mirrors: (bool, bool),
    pub(super) count: u32,
}

/// What is read of a page: claims of whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pixels an inch, across and down.
    pub dpi: (u32, u32),
    /// What a pixel is.
    pub pixel: Pixel,
    /// Bytes of a row.
    pub bytes: u32,
}

/// What a pixel is, in the rasters that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixel {
    /// One bit; 1 is black.
    Black1,
    /// One bit; 1 is white.
    White1,
    /// One byte; 255 is black.
    Black8,
    /// One byte; 255 is white.
    Grey8,
    /// Three bytes.
    Rgb8,
    /// Four bytes.
    Cmyk8,
}

/// Begins a raster of so many pages.
pub(super) fn begin(kind: Kind, pages: u32, out: &mut impl Write) -> io::Result<()> {
    match kind {
        Kind::Pwg => out.write_all(PWG_MAGIC),
        Kind::Urf => {
            out.write_all(URF_MAGIC)?;
            out.write_all(&pages.to_be_bytes())
        }
    }
}

impl Page {
    pub(super) fn write(&self, kind: Kind, out: &mut impl Write) -> io::Result<()> {
        match kind {
            Kind::Pwg => out.write_all(&self.pwg()),
            Kind::Urf => out.write_all(&self.urf()),
        }
    }

    fn pwg(&self) -> Vec<u8> {
        let mut header = vec![0; PWG];
        let mut put = |at: usize, value: u32| header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let (space, colors, each) = match self.space {
            Space::Black1 => (3, 1, 1),
            Space::Sgray8 => (18, 1, 8),
            Space::Srgb8 => (19, 3, 8),
        };
        let points = |pixels: u32| (f64::from(pixels) * 72.0 / f64::from(self.dpi)).round() as u32;
        let transform = |mirrored: bool| if mirrored { u32::MAX } else { 1 };
        put(272, u32::from(self.duplex != Sides::OneSided));
        put(276, self.dpi);
        put(280, self.dpi);
        put(340, 1); // NumCopies: the printer is told apart from the document.
        put(352, points(self.width));
        put(356, points(self.height));
        put(368, u32::from(self.duplex == Sides::TwoSidedShortEdge));
        put(372, self.width);
        put(376, self.height);
        put(384, each);
        put(388, self.space.bits());
        put(392, (self.width * self.space.bits()).div_ceil(8));
        put(400, space);
        put(420, colors);
        put(452, self.count);
        put(456, transform(self.mirrors.0));
        put(460, transform(self.mirrors.1));
        put(480, 0x00ff_ffff); // AlternatePrimary: white.
        header[..9].copy_from_slice(b"PwgRaster");
        header
    }

    fn urf(&self) -> [u8; URF] {
        let mut header = [0; URF];
        header[0] = if self.space == Space::Srgb8 { 24 } else { 8 };
        header[1] = u8::from(self.space == Space::Srgb8);
        header[2] = match self.duplex {
            Sides::OneSided => 1,
            Sides::TwoSidedShortEdge => 2,
            Sides::TwoSidedLongEdge => 3,
        };
        header[3] = 4;
        header[12..16].copy_from_slice(&self.width.to_be_bytes());
        header[16..20].copy_from_slice(&self.height.to_be_bytes());
        header[20..24].copy_from_slice(&self.dpi.to_be_bytes());
        header
    }
}

impl Claims {
    /// Reads the header of the next page; none at the end of the document.
    ///
    /// # Errors
    /// When it ends in the middle; [`io::ErrorKind::InvalidData`] when it is of a kind that is not read here.
    pub fn read(kind: Kind, input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = vec![0; if kind == Kind::Pwg { PWG } else { URF }];
        let mut read = 0;
        while read < header.len() {
            match input.read(&mut header[read..])? {
                0 if read == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read += more,
            }
        }
        let claims = if kind == Kind::Pwg { Self::pwg(&header) } else { Self::urf(&header) };
        let claims = claims.filter(|claims| claims.width > 0 && claims.height > 0);
        claims.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn pwg(header: &[u8]) -> Option<Self> {
        let at = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        // cupsColorOrder: only chunky, the one that PWG raster has.
        if at(396)? != 0 {
            return None;
        }
        let pixel = match (at(400)?, at(384)?, at(388)?) {
            (3, 1, 1) => Pixel::Black1,
            (0 | 18, 1, 1) => Pixel::White1,
            (3, 8, 8) => Pixel::Black8,
            (0 | 18, 8, 8) => Pixel::Grey8,
            (1 | 19 | 20, 8, 24) => Pixel::Rgb8,
            (6, 8, 32) => Pixel::Cmyk8,
            _ => return None,
        };
        let (width, bytes) = (at(372)?, at(392)?);
        let needed = u64::from(width).checked_mul(pixel.bits())?.div_ceil(8);
        (u64::from(bytes) == needed).then_some(Self {
            width,
            height: at(376)?,
            dpi: (sensible(at(276)?)?, sensible(at(280)?)?),
            pixel,
            bytes,
        })
    }

    fn urf(header: &[u8]) -> Option<Self> {
        let at = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let pixel = match (header.get(1)?, header.first()?) {
            (0 | 4, 8) => Pixel::Grey8,
            (1 | 3 | 5, 24) => Pixel::Rgb8,
            (6, 32) => Pixel::Cmyk8,
            _ => return None,
        };
        let (width, dpi) = (at(12)?, sensible(at(20)?)?);
        let bytes = u32::try_from(u64::from(width) * pixel.bits() / 8).ok()?;
        Some(Self { width, height: at(16)?, dpi: (dpi, dpi), pixel, bytes })
    }
}

impl Pixel {
    /// Bits of one.
    #[must_use]
    pub fn bits(self) -> u64 {
        match self {
            Self::Black1 | Self::White1 => 1,
            Self::Black8 | Self::Grey8 => 8,
            Self::Rgb8 => 24,
            Self::Cmyk8 => 32,
        }
    }

    /// Bytes that belong together in packing.
    #[must_use]
    pub fn unit(self) -> usize {
        usize::try_from(self.bits().div_ceil(8)).unwrap_or(1)
    }

    /// The byte that paper is made of.
    #[must_use]
    pub fn white(self) -> u8 {
        match self {
            Self::Black1 | Self::Black8 | Self::Cmyk8 => 0,
            Self::White1 | Self::Grey8 | Self::Rgb8 => 255,
        }
    }
}

fn sensible(dpi: u32) -> Option<u32> {
    (50..=4800).contains(&dpi).then_some(dpi)
}
