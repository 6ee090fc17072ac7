//! JPEG and PNG onto a sheet of paper.
//!
//! A JPEG goes into the PDF as it is, turned the way its camera says; a PNG is decoded, its transparency laid on
//! white. Pictures are made smaller to fit, never larger than 72 dots an inch would make them, unless it was chosen
//! that they fill the paper.

use super::{DocumentError, Format, MAX_PAGES, Paper};
use crate::ticket::{Options, Orientation, Scaling};
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use std::io::{BufReader, Read, Seek};

/// The largest file of a picture that is read whole.
pub(super) const MAX_FILE: u64 = 256 * 1024 * 1024;

/// The most pixels we decode.
pub(super) const MAX_PIXELS: u64 = 50_000_000;

/// Kept free around a picture: one centimetre.
pub(super) const MARGIN: f32 = 28.35;

/// What a JPEG says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegHeader {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Colour components: 1, 3 or 4.
    pub components: u8,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// True when Adobe's marker says that CMYK is stored inverted.
    pub adobe: bool,
}

/// Reads the header of a JPEG.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn jpeg_header(bytes: &[u8]) -> Result<JpegHeader, DocumentError> {
    parse_jpeg(bytes).ok_or(DocumentError::Damaged { format: Format::Jpeg })
}

/// Reads the header of a PNG.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn png_header(file: impl Read + Seek) -> Result<(), DocumentError> {
    let decoder = png::Decoder::new(BufReader::new(file));
    decoder.read_info().map(|_| ()).map_err(damaged_png)
}

/// The pixels of a PNG, across and down.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub(super) fn png_size(file: impl Read + Seek) -> Result<(u32, u32), DocumentError> {
    let reader = png::Decoder::new(BufReader::new(file)).read_info().map_err(damaged_png)?;
    Ok((reader.info().width, reader.info().height))
}

/// One page with a JPEG on it.
///
/// # Errors
/// [`DocumentError`].
pub fn jpeg_page(bytes: Vec<u8>, options: &Options) -> Result<Document, DocumentError> {
    let header = jpeg_header(&bytes)?;
    let space = match header.components {
        1 => "DeviceGray",
        3 => "DeviceRGB",
        _ => "DeviceCMYK",
    };
    let mut image = image_dictionary(header.width.into(), header.height.into(), space);
    image.set("Filter", "DCTDecode");
    if header.components == 4 && header.adobe {
        let inverted: Vec<Object> = [1, 0].repeat(4).into_iter().map(Object::Integer).collect();
        image.set("Decode", inverted);
    }
    let stream = Stream::new(image, bytes).with_compression(false);
    let mut pages = Pictures::new(options);
    pages.add(stream, (header.width.into(), header.height.into()), header.orientation)?;
    Ok(pages.finish())
}

/// One page with a PNG on it.
///
/// # Errors
/// [`DocumentError`].
pub fn png_page(file: impl Read + Seek, options: &Options) -> Result<Document, DocumentError> {
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(damaged_png)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DocumentError::TooMuch("the picture has too many pixels".to_owned()));
    }
    let size = reader.output_buffer_size().ok_or(DocumentError::Damaged { format: Format::Png })?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(damaged_png)?;
    pixels.truncate(frame.buffer_size());
    let (space, samples) = match frame.color_type {
        png::ColorType::Grayscale => ("DeviceGray", pixels),
        png::ColorType::GrayscaleAlpha => ("DeviceGray", on_white::<1>(pixels)),
        png::ColorType::Rgb => ("DeviceRGB", pixels),
        png::ColorType::Rgba => ("DeviceRGB", on_white::<3>(pixels)),
        // `EXPAND` leaves no palette.
        png::ColorType::Indexed => return Err(DocumentError::Damaged { format: Format::Png }),
    };
    let mut pages = Pictures::new(options);
    pages.add_pixels((width, height), (space, 8), samples)?;
    Ok(pages.finish())
}

/// Pages with one picture each.
pub struct Pictures {
    document: Document,
    root: lopdf::ObjectId,
    kids: Vec<Object>,
    paper: Paper,
    scaling: Option<Scaling>,
    orientation: Option<Orientation>,
}

impl Pictures {
    /// For the chosen paper.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let mut document = Document::with_version("1.4");
        let root = document.new_object_id();
        Self {
            document,
            root,
            kids: Vec::new(),
            paper: Paper::of(options.media.as_deref()),
            scaling: options.scaling,
            orientation: options.orientation,
        }
    }

    /// Adds a page with samples that are not packed yet, in a colour space of so many bits a sample.
    ///
    /// # Errors
    /// [`DocumentError::TooMuch`] when there are too many pages.
    pub fn add_pixels(
        &mut self,
        size: (u32, u32),
        (space, bits): (&str, u8),
        samples: Vec<u8>,
    ) -> Result<(), DocumentError> {
        let mut dictionary = image_dictionary(size.0, size.1, space);
        dictionary.set("BitsPerComponent", i64::from(bits));
        let mut stream = Stream::new(dictionary, samples);
        stream.compress().map_err(|error| DocumentError::Io(std::io::Error::other(error)))?;
        self.add(stream, size, 1)
    }

    /// Adds a page, turned if the picture is wide, with the picture in its middle.
    ///
    /// # Errors
    /// [`DocumentError::TooMuch`] when there are too many pages.
    pub fn add(&mut self, image: Stream, size: (u32, u32), orientation: u8) -> Result<(), DocumentError> {
        let turned = orientation >= 5;
        let (width, height) = if turned { (size.1, size.0) } else { size };
        let (width, height) = (width as f32, height as f32);
        let (sheet, scale) = place((width, height), self.paper, self.scaling, self.orientation);
        let (w, h) = (width * scale, height * scale);
        let (x, y) = ((sheet.width - w) / 2.0, (sheet.height - h) / 2.0);
        // The unit square's image under the eight EXIF orientations (CIPA DC-008 §4.6.4, tag 274).
        let matrix = match orientation {
            2 => [-w, 0.0, 0.0, h, x + w, y],
            3 => [-w, 0.0, 0.0, -h, x + w, y + h],
            4 => [w, 0.0, 0.0, -h, x, y + h],
            5 => [0.0, -h, -w, 0.0, x + w, y + h],
            6 => [0.0, -h, w, 0.0, x, y + h],
            7 => [0.0, h, w, 0.0, x, y],
            8 => [0.0, h, -w, 0.0, x + w, y],
            _ => [w, 0.0, 0.0, h, x, y],
        };
        self.put(image, matrix, sheet)
    }

    fn put(&mut self, image: Stream, matrix: [f32; 6], sheet: Paper) -> Result<(), DocumentError> {
        if self.kids.len() == MAX_PAGES {
            return Err(DocumentError::TooMuch(format!("more than {MAX_PAGES} pages in one file")));
        }
        let [a, b, c, d, e, f] = matrix;
        let content = format!("q {a:.3} {b:.3} {c:.3} {d:.3} {e:.3} {f:.3} cm /I Do Q\n");
        let image = self.document.add_object(image);
        let content = self.document.add_object(Stream::new(dictionary! {}, content.into_bytes()));
        let page = self.document.add_object(dictionary! {
            "Type" => "Page",
            "Parent" => self.root,
            "MediaBox" => vec![0.into(), 0.into(), sheet.width.into(), sheet.height.into()],
            "Resources" => dictionary! { "XObject" => dictionary! { "I" => image } },
            "Contents" => content,
        });
        self.kids.push(page.into());
        Ok(())
    }

    /// All of them as a document.
    #[must_use]
    pub fn finish(mut self) -> Document {
        let count = i64::try_from(self.kids.len()).unwrap_or(i64::MAX);
        let tree = dictionary! { "Type" => "Pages", "Kids" => self.kids, "Count" => count };
        self.document.set_object(self.root, tree);
        let catalog = self.document.add_object(dictionary! { "Type" => "Catalog", "Pages" => self.root });
        self.document.trailer.set("Root", catalog);
        self.document
    }
}

/// The sheet for a picture, lying if the picture does or that was chosen, and how much larger the picture becomes.
pub(super) fn place(
    (width, height): (f32, f32),
    paper: Paper,
    scaling: Option<Scaling>,
    orientation: Option<Orientation>,
) -> (Paper, f32) {
    let lying = orientation.map_or(width > height, |chosen| chosen == Orientation::Landscape);
    let sheet = if lying { paper.turned() } else { paper };
    let room = ((sheet.width - 2.0 * MARGIN) / width).min((sheet.height - 2.0 * MARGIN) / height);
    let scale = match scaling {
        None | Some(Scaling::Auto) => room.min(1.0),
        Some(Scaling::Fit) => room,
        Some(Scaling::Fill) => (sheet.width / width).max(sheet.height / height),
        Some(Scaling::None) => 1.0,
    };
    (sheet, scale)
}

fn image_dictionary(width: u32, height: u32, space: &str) -> Dictionary {
    dictionary! {
        "Type" => "XObject", "Subtype" => "Image", "Width" => i64::from(width), "Height" => i64::from(height),
        "ColorSpace" => space, "BitsPerComponent" => 8,
    }
}

/// Lays pixels with alpha (`N` colours and one alpha byte each) on white, where they are: there may be hundreds of
/// megabytes of them.
pub(super) fn on_white<const N: usize>(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len() / (N + 1);
    for pixel in 0..count {
        let alpha = u16::from(pixels[pixel * (N + 1) + N]);
        for colour in 0..N {
            let sample = u16::from(pixels[pixel * (N + 1) + colour]);
            let mixed = (sample * alpha + 255 * (255 - alpha) + 127) / 255;
            pixels[pixel * N + colour] = u8::try_from(mixed).unwrap_or(255);
        }
    }
    pixels.truncate(count * N);
    pixels
}

fn damaged_png(_: png::DecodingError) -> DocumentError {
    DocumentError::Damaged { format: Format::Png }
}

/// Walks the segments up to the frame header (ITU-T T.81 §B.2).
fn parse_jpeg(bytes: &[u8]) -> Option<JpegHeader> {
    let mut at = 2;
    let mut orientation = 1;
    let mut adobe = false;
    loop {
        while *bytes.get(at)? != 0xff {
            at += 1;
        }
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let segment = bytes.get(at + 2..at + length)?;
        match marker {
            0xe1 => orientation = exif_orientation(segment).unwrap_or(orientation),
            0xee => adobe |= segment.starts_with(b"Adobe"),
            // Arithmetic coding and lossless frames (the rest of 0xc0..) are not what printers read.
            0xc0..=0xc2 => {
                let height = u16::from_be_bytes([*segment.get(1)?, *segment.get(2)?]);
                let width = u16::from_be_bytes([*segment.get(3)?, *segment.get(4)?]);
                let components = *segment.get(5)?;
                let good = width > 0 && height > 0 && matches!(components, 1 | 3 | 4);
                return good.then_some(JpegHeader { width, height, components, orientation, adobe });
            }
            0xd9 | 0xda => return None,
            _ => {}
        }
        at += length;
    }
}

pub(super) fn exif_orientation(segment: &[u8]) -> Option<u8> {
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let little = tiff.starts_with(b"II");
    let short = |at: usize| {
        let pair = [*tiff.get(at)?, *tiff.get(at + 1)?];
        Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let long = |at: usize| {
        let (first, second) = (u32::from(short(at)?), u32::from(short(at + 2)?));
        usize::try_from(if little { second << 16 | first } else { first << 16 | second }).ok()
    };
    let directory = long(4)?;
    for entry in 0..usize::from(short(directory)?).min(64) {
        let at = directory.checked_add(2 + entry * 12)?;
        if short(at)? == 0x0112 {
            return u8::try_from(short(at + 8)?).ok().filter(|value| (1..=8).contains(value));
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn png(width: u32, height: u32, color: png::ColorType, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        out
    }

    #[test]
    fn transparent_pixels_become_white_paper() {
        let file = png(2, 1, png::ColorType::Rgba, &[9, 9, 9, 0, 10, 20, 30, 255]);
        let document = png_page(Cursor::new(file), &Options::default()).unwrap();
        let stream = document.objects.values().find_map(|o| o.as_stream().ok()).unwrap();
        let pixels = stream.decompressed_content().unwrap_or_else(|_| stream.content.clone());
        assert_eq!(pixels, [255, 255, 255, 10, 20, 30]);
    }

    #[test]
    fn a_torn_png_is_refused() {
        let mut file = png(64, 64, png::ColorType::Rgb, &[7; 64 * 64 * 3]);
        file.truncate(file.len() - 30);
        assert!(png_page(Cursor::new(file), &Options::default()).is_err());
    }

    #[test]
    fn a_jpeg_tells_its_size_and_which_way_is_up() {
        let mut jpeg = vec![0xff, 0xd8];
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend_from_slice(&[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]);
        jpeg.extend_from_slice(&[0xff, 0xe1]);
        jpeg.extend_from_slice(&u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
        jpeg.extend_from_slice(&exif);
        jpeg.extend_from_slice(&[0xff, 0xc0, 0, 11, 8, 0, 20, 0, 40, 1, 1, 0x11, 0]);
        let header = parse_jpeg(&jpeg).unwrap();
        assert_eq!((header.width, header.height, header.components, header.orientation), (40, 20, 1, 6));
        for end in 0..jpeg.len() {
            let _ = parse_jpeg(&jpeg[..end]);
        }
        assert_eq!(parse_jpeg(b"\xff\xd8\xff\xd9"), None);
    }
}
