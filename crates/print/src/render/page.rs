//! A PDF's pages, drawn onto sides of paper with `hayro`.
//!
//! Drawn in bands from top to bottom: a side at 600 dpi has 140 MB of pixels, and nobody needs them all at once.
//! Fonts that a document does not bring are the fourteen standard ones, which are built in.

use super::sides::{Side, Size};
use crate::document::{DocumentError, Format};
use hayro::{
    RenderCache, RenderSettings,
    hayro_interpret::{InterpreterSettings, util::TransformExt},
    hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData, page::Page},
    kurbo::Affine,
    vello_cpu::{
        Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit, color::palette::css::WHITE,
    },
};

/// Bytes of pixels that are drawn at once; the memory of drawing is a few times that.
const BAND: usize = 12 * 1024 * 1024;

/// The longest edge of a side in pixels: the most that a printer's raster has, and what the renderer can count.
pub const MOST_PIXELS: u32 = 32_767;

/// An open PDF.
pub struct Pages {
    pdf: Pdf,
}

/// What is drawn with: keeps what one page needed for the next.
pub struct Pen<'a> {
    pages: &'a Pages,
    cache: RenderCache<'a>,
    interpreter: InterpreterSettings,
    settings: RenderSettings,
}

/// A picture's width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Across.
    pub width: u16,
    /// Down.
    pub height: u16,
}

/// How a side is laid onto the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// By a quarter against the clock, for a lying side on paper that is fed upright.
    pub quarter: bool,
    /// After that, left for right.
    pub mirrored: bool,
    /// After that, top for bottom.
    pub upside: bool,
}

impl Pages {
    /// Opens a PDF, also one whose password is empty.
    ///
    /// # Errors
    /// [`DocumentError::Locked`] for one with a password, [`DocumentError::Damaged`] for one that makes no sense or
    /// has no page.
    pub fn open(bytes: impl Into<PdfData>) -> Result<Self, DocumentError> {
        let pdf = Pdf::new(bytes).map_err(|error| match error {
            LoadPdfError::Decryption(
                DecryptionError::PasswordProtected | DecryptionError::UnsupportedAlgorithm,
            ) => DocumentError::Locked,
            LoadPdfError::Decryption(_) | LoadPdfError::Invalid => DAMAGED,
        })?;
        if pdf.pages().is_empty() { Err(DAMAGED) } else { Ok(Self { pdf }) }
    }

    /// How many there are; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pdf.pages().len()
    }

    /// Their sizes, upright.
    #[must_use]
    pub fn sizes(&self) -> Vec<Size> {
        self.pdf.pages().iter().map(size).collect()
    }

    /// Something to draw them with.
    #[must_use]
    pub fn pen(&self) -> Pen<'_> {
        Pen {
            pages: self,
            cache: RenderCache::new(),
            interpreter: InterpreterSettings::default(),
            settings: RenderSettings::default(),
        }
    }
}

const DAMAGED: DocumentError = DocumentError::Damaged { format: Format::Pdf };

/// ISO 32000-1 table 30: the default user space unit is a multiple of 1/72 inch.
fn unit(page: &Page<'_>) -> f32 {
    let unit = page.raw().get::<f32>(&b"UserUnit"[..]).unwrap_or(1.0);
    if (0.01..=1000.0).contains(&unit) { unit } else { 1.0 }
}

fn size(page: &Page<'_>) -> Size {
    let (width, height) = page.render_dimensions();
    Size::new(width * unit(page), height * unit(page))
}

impl Pixels {
    /// The picture of a side whose longer edge has so many pixels.
    #[must_use]
    pub fn with_edge(size: Size, edge: u32) -> Self {
        let scale = edge.clamp(1, MOST_PIXELS) as f32 / size.width.max(size.height);
        let pixels = |side: f32| ((side * scale).round() as u16).max(1);
        Self { width: pixels(size.width), height: pixels(size.height) }
    }
}

impl Turn {
    /// From a side, counted in points from its upper left, to pixels.
    fn onto(self, size: Size, pixels: Pixels) -> Affine {
        let (width, height) = (f64::from(pixels.width), f64::from(pixels.height));
        let (across, down) = (f64::from(size.width), f64::from(size.height));
        let laid = if self.quarter {
            // What was at the upper right is at the upper left.
            let turned = Affine::new([0.0, -1.0, 1.0, 0.0, 0.0, across]);
            Affine::scale_non_uniform(width / down, height / across) * turned
        } else {
            Affine::scale_non_uniform(width / across, height / down)
        };
        let mirror = |on: bool, span: f64| if on { (-1.0, span) } else { (1.0, 0.0) };
        let ((a, e), (d, f)) = (mirror(self.mirrored, width), mirror(self.upside, height));
        Affine::new([a, 0.0, 0.0, d, e, f]) * laid
    }
}

impl Pen<'_> {
    /// Draws a side and gives its rows from top to bottom to `take`, some rows at a time: three bytes a pixel, red,
    /// green and blue. What is not covered is white.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn draw<E>(
        &self,
        side: &Side,
        pixels: Pixels,
        turn: Turn,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Pixels { width, height } = pixels;
        let rows = (BAND / (usize::from(width) * 4)).clamp(16, usize::from(u16::MAX));
        let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(height);
        let onto_pixels = turn.onto(side.size, pixels);
        let mut context = RenderContext::new(width, rows);
        let mut pixmap = Pixmap::new(width, rows);
        let mut resources = Resources::default();
        let mut row: Vec<u8> = Vec::with_capacity(usize::from(width) * usize::from(rows) * 3);
        let mut top = 0;
        while top < height {
            let high = rows.min(height - top);
            context.reset_and_resize(width, high);
            pixmap.resize(width, high);
            let band = Affine::translate((0.0, -f64::from(top))) * onto_pixels;
            for placed in &side.pages {
                let Some(page) = self.pages.pdf.pages().get(placed.page) else { continue };
                let drawn = size(page);
                // The renderer counts downwards from the upper edge, the side upwards from the lower one.
                let upper = side.size.height - placed.y - drawn.height * placed.scale;
                let scale = f64::from(placed.scale * unit(page));
                let onto = band
                    * Affine::translate((f64::from(placed.x), f64::from(upper)))
                    * Affine::scale(scale)
                    * page.initial_transform(true).to_kurbo();
                hayro::render_into(page, &self.cache, &self.interpreter, &self.settings, &mut context, onto);
            }
            context.flush();
            let white = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..Default::default() };
            context.render_with(&mut pixmap, &mut resources, white);
            row.clear();
            for pixel in pixmap.data_as_u8_slice().chunks_exact(4) {
                row.extend_from_slice(&pixel[..3]);
            }
            take(&row)?;
            top += high;
        }
        Ok(())
    }
}

/// What a printer without colour makes of it (ITU-R BT.601), one byte a pixel.
pub fn grey(rgb: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(rgb.chunks_exact(3).map(|pixel| {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        u8::try_from((299 * r + 587 * g + 114 * b + 500) / 1000).unwrap_or(u8::MAX)
    }));
}

/// A side as PNG.
///
/// # Errors
/// When `out` refuses.
pub fn png(
    pen: &Pen<'_>,
    side: &Side,
    pixels: Pixels,
    color: bool,
    out: impl std::io::Write,
) -> Result<(), DocumentError> {
    let mut encoder = png::Encoder::new(out, pixels.width.into(), pixels.height.into());
    encoder.set_color(if color { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_depth(png::BitDepth::Eight);
    // It is looked at once, on this computer: small matters less than soon.
    encoder.set_compression(png::Compression::Fast);
    let refused = |error: png::EncodingError| DocumentError::Io(error.into());
    let mut writer = encoder.write_header().map_err(refused)?;
    let mut stream = writer.stream_writer().map_err(refused)?;
    let mut greys = Vec::new();
    pen.draw(side, pixels, Turn::default(), |rows| {
        if color {
            return std::io::Write::write_all(&mut stream, rows);
        }
        grey(rows, &mut greys);
        std::io::Write::write_all(&mut stream, &greys)
    })?;
    stream.finish().map_err(refused)
}
