//! PWG raster and URF, as phones and drivers send them, to PDF pages.
//!
//! Row by row: a page's pixels are packed again while they are unpacked and are never in memory all at once. What a
//! header claims is believed only as far as the rows that follow bear it out, and not beyond [`MAX_PIXELS`].

use super::{DocumentError, Format, MAX_PAGES, Paper, image};
use crate::{
    render::raster::{
        Kind,
        header::{Claims, PWG_MAGIC, Pixel, URF_MAGIC},
        lines::unpack,
    },
    ticket::Options,
};
use flate2::{Compression, write::ZlibEncoder};
use lopdf::{Document, Object, Stream};
use std::io::{self, BufRead, BufReader, Read, Write};

/// The most pixels of a page: A3 at 1,200 dpi.
const MAX_PIXELS: u64 = 280_000_000;

/// The most bytes that all pages unpack to.
const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Which raster begins like that.
#[must_use]
pub fn kind(head: &[u8]) -> Option<Format> {
    if head.starts_with(PWG_MAGIC) {
        Some(Format::PwgRaster)
    } else {
        head.starts_with(URF_MAGIC).then_some(Format::Urf)
    }
}

/// Looks at the first page's header.
///
/// # Errors
/// [`DocumentError`].
pub fn check(file: impl Read, format: Format) -> Result<(), DocumentError> {
    let mut input = BufReader::new(file);
    let kind = begin(&mut input, format)?;
    let claims = Claims::read(kind, &mut input).map_err(|error| refused(&error, format))?;
    claims.map_or(Err(DocumentError::Damaged { format }), |claims| bounded(&claims).map(|_| ()))
}

/// A page for each page.
///
/// # Errors
/// [`DocumentError`].
pub fn document(file: impl Read, format: Format, options: &Options) -> Result<Document, DocumentError> {
    let mut input = BufReader::with_capacity(256 * 1024, file);
    let kind = begin(&mut input, format)?;
    let mut pages = image::Pictures::new(options);
    let (mut count, mut unpacked) = (0, 0u64);
    // A URF says how many pages it has, and there may be rubbish after them; zero means that it does not know.
    while !input.fill_buf()?.is_empty() {
        let claims = Claims::read(kind, &mut input).map_err(|error| refused(&error, format))?;
        let Some(claims) = claims else { break };
        bounded(&claims)?;
        unpacked = unpacked.saturating_add(u64::from(claims.bytes) * u64::from(claims.height));
        if count == MAX_PAGES || unpacked > MAX_BYTES {
            return Err(DocumentError::TooMuch("there is too much in this raster".to_owned()));
        }
        count += 1;
        let image = page(&claims, &mut input).map_err(|error| refused(&error, format))?;
        let points = |pixels: u32, dpi: u32| (f64::from(pixels) * 72.0 / f64::from(dpi)) as f32;
        let sheet =
            Paper { width: points(claims.width, claims.dpi.0), height: points(claims.height, claims.dpi.1) };
        pages.add_whole(image, sheet)?;
    }
    if count == 0 { Err(DocumentError::Damaged { format }) } else { Ok(pages.finish()) }
}

/// Reads what stands before the first page.
fn begin(input: &mut impl Read, format: Format) -> Result<Kind, DocumentError> {
    let (kind, length) = if format == Format::Urf { (Kind::Urf, 12) } else { (Kind::Pwg, 4) };
    let mut magic = vec![0; length];
    input.read_exact(&mut magic).map_err(|error| refused(&error, format))?;
    if self::kind(&magic) == Some(format) { Ok(kind) } else { Err(DocumentError::Damaged { format }) }
}

fn bounded(claims: &Claims) -> Result<u64, DocumentError> {
    let pixels = u64::from(claims.width) * u64::from(claims.height);
    if pixels > MAX_PIXELS {
        return Err(DocumentError::TooMuch("a page of this raster has too many pixels".to_owned()));
    }
    Ok(pixels)
}

/// One page's rows as an image.
fn page(claims: &Claims, input: &mut impl Read) -> io::Result<Stream> {
    let (space, bits) = match claims.pixel {
        Pixel::Black1 | Pixel::White1 => ("DeviceGray", 1),
        Pixel::Black8 | Pixel::Grey8 => ("DeviceGray", 8),
        Pixel::Rgb8 => ("DeviceRGB", 8),
        Pixel::Cmyk8 => ("DeviceCMYK", 8),
    };
    let mut dictionary = image::image_dictionary(claims.width, claims.height, space);
    dictionary.set("BitsPerComponent", bits);
    dictionary.set("Filter", "FlateDecode");
    if matches!(claims.pixel, Pixel::Black1 | Pixel::Black8) {
        dictionary.set("Decode", vec![Object::Integer(1), Object::Integer(0)]);
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut row = vec![0; claims.bytes as usize];
    let mut rows = 0;
    while rows < claims.height {
        let times = unpack(input, claims.pixel.unit(), claims.pixel.white(), &mut row)?;
        // A count that goes beyond the page is a mistake that printers overlook.
        for _ in 0..times.min((claims.height - rows) as usize) {
            packed.write_all(&row)?;
            rows += 1;
        }
    }
    Ok(Stream::new(dictionary, packed.finish()?).with_compression(false))
}

fn refused(error: &io::Error, format: Format) -> DocumentError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => DocumentError::Damaged { format },
        kind => DocumentError::Io(kind.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A raster of one grey page, packed by hand.
    fn urf() -> Vec<u8> {
        let mut bytes = b"UNIRAST\0\0\0\0\x01".to_vec();
        let mut header = [0; 32];
        header[0] = 8;
        header[12..16].copy_from_slice(&4u32.to_be_bytes());
        header[16..20].copy_from_slice(&3u32.to_be_bytes());
        header[20..24].copy_from_slice(&72u32.to_be_bytes());
        bytes.extend(header);
        // Twice a run of two and two different ones, then white to the end.
        bytes.extend([1, 1, 9, 255, 7, 8, 0, 128]);
        bytes
    }

    #[test]
    fn a_page_has_the_size_that_its_pixels_make() {
        let made = document(&urf()[..], Format::Urf, &Options::default()).unwrap();
        let page = made.get_dictionary(*made.get_pages().get(&1).unwrap()).unwrap();
        let sheet: Vec<f32> = page
            .get(b"MediaBox")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_float().unwrap())
            .collect();
        assert_eq!(sheet, [0.0, 0.0, 4.0, 3.0]);
        let image = made.objects.values().filter_map(|object| object.as_stream().ok());
        let image = image.filter(|stream| stream.dict.get(b"Width").is_ok()).next().unwrap();
        assert_eq!(image.decompressed_content().unwrap(), [9, 9, 7, 8, 9, 9, 7, 8, 255, 255, 255, 255]);
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_a_document_or_an_error(
            noise in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60, cut in 0usize..60, byte: u8,
        ) {
            let mut bytes = urf();
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(bytes.len() - cut % bytes.len());
            bytes.extend(noise);
            // Claims of a large page would only make this slow: they are bounded elsewhere.
            if bytes.len() > 32 && bytes[24..26] == [0, 0] && bytes[28..30] == [0, 0] {
                let _ = document(&bytes[..], Format::Urf, &Options::default());
            }
            let _ = check(&bytes[..], Format::Urf);
            let _ = check(&bytes[..], Format::PwgRaster);
        }
    }
}
