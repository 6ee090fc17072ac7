//! TIFF and WebP onto sheets of paper: decoded, brought to eight bits of grey or colour, laid on white.
//!
//! A TIFF may have many pages, a fax one bit a pixel. What cameras and scanners do not make (floating point, planes,
//! L*a*b*) is refused with words.

use super::{
    DocumentError, Format, MAX_PAGES,
    image::{MAX_PIXELS, Pictures, on_white},
};
use crate::ticket::Options;
use image_webp::WebPDecoder;
use lopdf::Document;
use std::io::{BufReader, Read, Seek};
use tiff::{
    ColorType,
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};

/// Reads the beginning of a TIFF, and counts its pages where that is wanted.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn tiff_pages(file: impl Read + Seek, count: bool) -> Result<Option<u32>, DocumentError> {
    let mut decoder = open_tiff(file)?;
    decoder.dimensions().map_err(damaged)?;
    if !count {
        return Ok(None);
    }
    let mut pages = 1;
    while decoder.more_images() && (pages as usize) < MAX_PAGES {
        decoder.next_image().map_err(damaged)?;
        pages += 1;
    }
    Ok(Some(pages))
}

/// A page for each page of a TIFF.
///
/// # Errors
/// [`DocumentError`].
pub fn tiff_document(file: impl Read + Seek, options: &Options) -> Result<Document, DocumentError> {
    let mut decoder = open_tiff(file)?;
    let mut pages = Pictures::new(options);
    loop {
        tiff_page(&mut decoder, &mut pages)?;
        if !decoder.more_images() {
            return Ok(pages.finish());
        }
        decoder.next_image().map_err(damaged)?;
    }
}

fn open_tiff<R: Read + Seek>(file: R) -> Result<Decoder<BufReader<R>>, DocumentError> {
    let mut limits = Limits::default();
    // The child's own limit is the hard one; this one has words.
    limits.decoding_buffer_size = 400 * 1024 * 1024;
    limits.intermediate_buffer_size = 128 * 1024 * 1024;
    Ok(Decoder::new(BufReader::new(file)).map_err(damaged)?.with_limits(limits))
}

fn tiff_page<R: Read + Seek>(
    decoder: &mut Decoder<BufReader<R>>,
    pages: &mut Pictures,
) -> Result<(), DocumentError> {
    let (width, height) = decoder.dimensions().map_err(damaged)?;
    if width == 0 || height == 0 {
        return Err(DocumentError::Damaged { format: Format::Tiff });
    }
    if u64::from(width) * u64::from(height) > 4 * MAX_PIXELS {
        return Err(too_many_pixels());
    }
    let kind = decoder.colortype().map_err(damaged)?;
    let palette = match kind {
        ColorType::Palette(_) => decoder.get_tag_u16_vec(Tag::ColorMap).map_err(damaged)?,
        _ => Vec::new(),
    };
    let unknown = || DocumentError::TooMuch("this kind of TIFF cannot be printed; save it as PNG".to_owned());
    let samples = match decoder.read_image().map_err(damaged)? {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => {
            samples.into_iter().map(|sample| u8::try_from(sample >> 8).unwrap_or(u8::MAX)).collect()
        }
        _ => return Err(unknown()),
    };
    let size = (width, height);
    match kind {
        ColorType::Gray(bits @ (1 | 2 | 4)) => pages.add_pixels(size, ("DeviceGray", bits), samples),
        ColorType::Gray(8 | 16) => pages.add_pixels(size, ("DeviceGray", 8), samples),
        ColorType::GrayA(8 | 16) => pages.add_pixels(size, ("DeviceGray", 8), on_white::<1>(samples)),
        ColorType::RGB(8 | 16) => pages.add_pixels(size, ("DeviceRGB", 8), samples),
        ColorType::RGBA(8 | 16) => pages.add_pixels(size, ("DeviceRGB", 8), on_white::<3>(samples)),
        ColorType::CMYK(8 | 16) => pages.add_pixels(size, ("DeviceCMYK", 8), samples),
        ColorType::YCbCr(8) => pages.add_pixels(size, ("DeviceRGB", 8), rgb_of(samples)),
        ColorType::Palette(bits @ (1 | 2 | 4 | 8)) => {
            let colors = coloured(&samples, bits.into(), &palette, width as usize).ok_or_else(unknown)?;
            pages.add_pixels(size, ("DeviceRGB", 8), colors)
        }
        _ => Err(unknown()),
    }
}

/// Colours of indices: the map has all reds, then all greens, then all blues (TIFF 6.0 §5).
fn coloured(samples: &[u8], bits: usize, map: &[u16], width: usize) -> Option<Vec<u8>> {
    let entries = 1 << bits;
    if map.len() < 3 * entries {
        return None;
    }
    let color =
        |plane: usize, index: usize| u8::try_from(map[plane * entries + index] >> 8).unwrap_or(u8::MAX);
    let row = (width * bits).div_ceil(8);
    let mut out = Vec::with_capacity(samples.len() * 3 * 8 / bits);
    for row in samples.chunks(row) {
        for pixel in 0..width.min(row.len() * 8 / bits) {
            let bit = pixel * bits;
            let index = usize::from(row[bit / 8] >> (8 - bits - bit % 8)) & (entries - 1);
            out.extend([color(0, index), color(1, index), color(2, index)]);
        }
    }
    Some(out)
}

/// ITU-R BT.601 at full range, as JPEGs inside TIFFs have it.
fn rgb_of(mut samples: Vec<u8>) -> Vec<u8> {
    for pixel in samples.chunks_exact_mut(3) {
        let (y, cb, cr) = (f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0);
        // A cast saturates.
        pixel[0] = (y + 1.402 * cr).round() as u8;
        pixel[1] = (y - 0.344_14 * cb - 0.714_14 * cr).round() as u8;
        pixel[2] = (y + 1.772 * cb).round() as u8;
    }
    samples
}

/// Reads the header of a WebP.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn webp_header(file: impl Read + Seek) -> Result<(), DocumentError> {
    WebPDecoder::new(BufReader::new(file)).map(|_| ()).map_err(damaged_webp)
}

/// The pixels of a WebP, across and down.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub(super) fn webp_size(file: impl Read + Seek) -> Result<(u32, u32), DocumentError> {
    Ok(WebPDecoder::new(BufReader::new(file)).map_err(damaged_webp)?.dimensions())
}

/// The pixels of a TIFF's first page, across and down.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub(super) fn tiff_size(file: impl Read + Seek) -> Result<(u32, u32), DocumentError> {
    open_tiff(file)?.dimensions().map_err(damaged)
}

/// One page with a WebP on it; of one that moves, its beginning.
///
/// # Errors
/// [`DocumentError`].
pub fn webp_page(file: impl Read + Seek, options: &Options) -> Result<Document, DocumentError> {
    let mut decoder = WebPDecoder::new(BufReader::new(file)).map_err(damaged_webp)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(too_many_pixels());
    }
    decoder.set_memory_limit(256 * 1024 * 1024);
    let size = decoder.output_buffer_size().ok_or_else(too_many_pixels)?;
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).map_err(damaged_webp)?;
    let pixels = if decoder.has_alpha() { on_white::<3>(pixels) } else { pixels };
    let mut pages = Pictures::new(options);
    pages.add_pixels((width, height), ("DeviceRGB", 8), pixels)?;
    Ok(pages.finish())
}

fn too_many_pixels() -> DocumentError {
    DocumentError::TooMuch("the picture has too many pixels".to_owned())
}

fn damaged(error: tiff::TiffError) -> DocumentError {
    match error {
        tiff::TiffError::LimitsExceeded => too_many_pixels(),
        tiff::TiffError::UnsupportedError(_) => {
            DocumentError::TooMuch("this kind of TIFF cannot be printed; save it as PNG".to_owned())
        }
        _ => DocumentError::Damaged { format: Format::Tiff },
    }
}

fn damaged_webp(_: image_webp::DecodingError) -> DocumentError {
    DocumentError::Damaged { format: Format::WebP }
}
