//! PWG raster and URF, as phones and drivers send them, to PDF pages.
//!
//! Row by row: pixels are packed again while they are unpacked, and what is packed leaves at once. What a
//! header claims is believed only as far as the rows that follow bear it out, and not beyond `MAX_PIXELS`.

use super::{DocumentError, Format, MAX_PAGES};
use crate::render::raster::{
    Kind,
    header::{Claims, PWG_MAGIC, Pixel, URF_MAGIC},
    lines::unpack,
};
use flate2::{Compression, write::ZlibEncoder};
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

/// Writes a PDF with a page for each page, while it reads: neither is ever in memory as a whole.
///
/// # Errors
/// [`DocumentError`]; what was written then is no PDF.
pub fn write(file: impl Read, format: Format, out: impl Write) -> Result<(), DocumentError> {
    let mut input = BufReader::with_capacity(256 * 1024, file);
    let kind = begin(&mut input, format)?;
    let mut pages = Pages::begin(out)?;
    let mut unpacked = 0u64;
    // A URF says how many pages it has, and there may be rubbish after them; zero means that it does not know.
    while !input.fill_buf()?.is_empty() {
        let claims = Claims::read(kind, &mut input).map_err(|error| refused(&error, format))?;
        let Some(claims) = claims else { break };
        bounded(&claims)?;
        unpacked = unpacked.saturating_add(u64::from(claims.bytes) * u64::from(claims.height));
        if pages.kids.len() == MAX_PAGES || unpacked > MAX_BYTES {
            return Err(DocumentError::TooMuch("there is too much in this raster".to_owned()));
        }
        pages.add(&claims, &mut input).map_err(|error| refused(&error, format))?;
    }
    if pages.kids.is_empty() { Err(DocumentError::Damaged { format }) } else { Ok(pages.finish()?) }
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

/// A PDF (ISO 32000-1 §7.5) that is written from its beginning to its end.
struct Pages<W> {
    out: W,
    written: u64,
    /// Where each object begins; the first two are written last.
    places: Vec<u64>,
    kids: Vec<usize>,
}

const CATALOG: usize = 1;
const TREE: usize = 2;

impl<W: Write> Pages<W> {
    fn begin(out: W) -> io::Result<Self> {
        let mut pages = Self { out, written: 0, places: vec![0; TREE], kids: Vec::new() };
        pages.write_all(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")?;
        Ok(pages)
    }

    /// Begins the next object and tells its number.
    fn object(&mut self) -> io::Result<usize> {
        self.places.push(self.written);
        let number = self.places.len();
        writeln!(self, "{number} 0 obj")?;
        Ok(number)
    }

    /// One page's rows as an image, and the page that is all of it.
    fn add(&mut self, claims: &Claims, input: &mut impl Read) -> io::Result<()> {
        let (space, bits) = match claims.pixel {
            Pixel::Black1 | Pixel::White1 => ("DeviceGray", 1),
            Pixel::Black8 | Pixel::Grey8 => ("DeviceGray", 8),
            Pixel::Rgb8 => ("DeviceRGB", 8),
            Pixel::Cmyk8 => ("DeviceCMYK", 8),
        };
        let decode = if matches!(claims.pixel, Pixel::Black1 | Pixel::Black8) { "/Decode[1 0]" } else { "" };
        let image = self.object()?;
        let (width, height, length) = (claims.width, claims.height, image + 1);
        writeln!(
            self,
            "<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/{space}\
             /BitsPerComponent {bits}{decode}/Filter/FlateDecode/Length {length} 0 R>>\nstream"
        )?;
        let before = self.written;
        let mut packed = ZlibEncoder::new(&mut *self, Compression::fast());
        let mut row = vec![0; claims.bytes as usize];
        let mut rows = 0;
        while rows < height {
            let times = unpack(input, claims.pixel.unit(), claims.pixel.white(), &mut row)?;
            // A count that goes beyond the page is a mistake that printers overlook.
            for _ in 0..times.min((height - rows) as usize) {
                packed.write_all(&row)?;
                rows += 1;
            }
        }
        packed.finish()?;
        let length = self.written - before;
        writeln!(self, "\nendstream\nendobj")?;
        self.object()?;
        writeln!(self, "{length}\nendobj")?;
        let points = |pixels: u32, dpi: u32| f64::from(pixels) * 72.0 / f64::from(dpi);
        let (across, up) = (points(width, claims.dpi.0), points(height, claims.dpi.1));
        let drawn = format!("q {across:.3} 0 0 {up:.3} 0 0 cm /I Do Q");
        let content = self.object()?;
        writeln!(self, "<</Length {}>>\nstream\n{drawn}\nendstream\nendobj", drawn.len())?;
        let page = self.object()?;
        writeln!(
            self,
            "<</Type/Page/Parent {TREE} 0 R/MediaBox[0 0 {across:.3} {up:.3}]/Contents {content} 0 R\
             /Resources<</XObject<</I {image} 0 R>>>>>>\nendobj"
        )?;
        self.kids.push(page);
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.places[CATALOG - 1] = self.written;
        writeln!(self, "{CATALOG} 0 obj\n<</Type/Catalog/Pages {TREE} 0 R>>\nendobj")?;
        self.places[TREE - 1] = self.written;
        let kids: String = self.kids.iter().map(|kid| format!("{kid} 0 R ")).collect();
        let count = self.kids.len();
        writeln!(self, "{TREE} 0 obj\n<</Type/Pages/Count {count}/Kids[{kids}]>>\nendobj")?;
        let (table, size) = (self.written, self.places.len() + 1);
        write!(self, "xref\n0 {size}\n0000000000 65535 f \n")?;
        for place in std::mem::take(&mut self.places) {
            // Twenty bytes each, the blank at the end included.
            self.write_all(format!("{place:010} 00000 n \n").as_bytes())?;
        }
        write!(self, "trailer\n<</Size {size}/Root {CATALOG} 0 R>>\nstartxref\n{table}\n%%EOF\n")?;
        self.flush()
    }
}

impl<W: Write> Write for Pages<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
        let mut bytes = Vec::new();
        write(&urf()[..], Format::Urf, &mut bytes).unwrap();
        let made = lopdf::Document::load_mem(&bytes).unwrap();
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
        let mut streams = made.objects.values().filter_map(|object| object.as_stream().ok());
        let image = streams.find(|stream| stream.dict.get(b"Width").is_ok()).unwrap();
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
                let _ = write(&bytes[..], Format::Urf, io::sink());
            }
            let _ = check(&bytes[..], Format::Urf);
            let _ = check(&bytes[..], Format::PwgRaster);
        }
    }
}
