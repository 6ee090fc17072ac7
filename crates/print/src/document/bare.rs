//! The sheet that a picture fills: for looking at the picture itself, not at paper with it.

use super::{DocumentError, Format, image, picture};
use std::{
    fs::File,
    io::{Read, Seek},
};

/// The longer side of such a sheet in points. How many pixels are drawn does not depend on it.
const LONG: f32 = 1_000.0;
/// The shortest side that is a sheet ([`super::Paper::of`]).
const SHORT: f32 = 72.0;
const MILLIMETRES: f32 = 25.4 / 72.0;

/// A PWG media name of the picture's own proportions; none for what is no picture of pixels.
///
/// # Errors
/// [`DocumentError`] when its header cannot be read.
pub(super) fn sheet(document: &mut File, format: Format) -> Result<Option<String>, DocumentError> {
    document.rewind()?;
    let size = match format {
        Format::Jpeg => {
            let mut head = Vec::new();
            document.take(image::MAX_FILE).read_to_end(&mut head)?;
            let header = image::jpeg_header(&head)?;
            let (width, height) = (f32::from(header.width), f32::from(header.height));
            if header.orientation >= 5 { (height, width) } else { (width, height) }
        }
        Format::Png => pixels(image::png_size(&mut *document)?),
        Format::WebP => pixels(picture::webp_size(&mut *document)?),
        Format::Tiff => pixels(picture::tiff_size(&mut *document)?),
        _ => return Ok(None),
    };
    Ok(name(size))
}

fn pixels((width, height): (u32, u32)) -> (f32, f32) {
    (width as f32, height as f32)
}

/// Upright, as sheets are told; one that lies is turned for a picture that lies.
fn name((width, height): (f32, f32)) -> Option<String> {
    let (short, long) = if width < height { (width, height) } else { (height, width) };
    let short = (short / long * LONG).max(SHORT);
    (long > 0.0 && short.is_finite())
        .then(|| format!("custom_picture_{}x{}mm", short * MILLIMETRES, LONG * MILLIMETRES))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::document::Paper;

    #[test]
    fn a_sheet_has_the_proportions_of_the_picture_and_stands() {
        for size in [(400.0, 300.0), (300.0, 400.0)] {
            let paper = Paper::of(name(size).as_deref());
            assert!((paper.height / paper.width - 4.0 / 3.0).abs() < 0.001, "{paper:?}");
        }
        let line = Paper::of(name((50_000.0, 1.0)).as_deref());
        assert!((line.width - SHORT).abs() < 0.01, "a line is given some room: {line:?}");
    }

    #[test]
    fn a_picture_without_pixels_has_no_sheet() {
        assert_eq!(name((0.0, 0.0)), None);
    }
}
