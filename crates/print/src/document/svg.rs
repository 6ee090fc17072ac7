//! SVG to a PDF page, as the drawing it is: lines stay lines.
//!
//! Pictures inside come along when they are part of the file; what it refers to elsewhere is not fetched. Text is set
//! in the fonts that were opened before ([`super::fonts`]).

use super::{DocumentError, Format, Paper, fonts::Fonts, image::place};
use crate::ticket::Options;
use krilla::{
    geom::{Size, Transform},
    page::PageSettings,
};
use krilla_svg::{SurfaceExt, SvgSettings};
use std::sync::Arc;
use usvg::{ImageHrefResolver, Tree};

/// The largest file that is read: more is no drawing for one sheet.
pub(super) const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A pixel of CSS in points.
const PIXEL: f32 = 0.75;

/// Whether a file begins like an SVG.
#[must_use]
pub fn is_svg(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let Ok(text) =
        std::str::from_utf8(head).or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]))
    else {
        return false;
    };
    let text = text.trim_start();
    // Plain text may speak of SVG: only XML that begins with it is one.
    text.starts_with("<svg")
        || ((text.starts_with("<?xml") || text.starts_with("<!")) && text.contains("<svg"))
}

/// Looks whether it can be read.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn check(bytes: &[u8]) -> Result<(), DocumentError> {
    read(bytes, None).map(|_| ())
}

/// One page with the drawing on it.
///
/// # Errors
/// [`DocumentError`].
pub fn page(bytes: &[u8], options: &Options, fonts: &Fonts) -> Result<Vec<u8>, DocumentError> {
    let damaged = || DocumentError::Damaged { format: Format::Svg };
    let tree = read(bytes, Some(fonts))?;
    let natural = (tree.size().width() * PIXEL, tree.size().height() * PIXEL);
    let paper = Paper::of(options.media.as_deref());
    let (sheet, scale) = place(natural, paper, options.scaling, options.orientation);
    let (width, height) = (natural.0 * scale, natural.1 * scale);
    let size = Size::from_wh(width, height).ok_or_else(damaged)?;
    let mut document = krilla::Document::new();
    let mut page =
        document.start_page_with(PageSettings::from_wh(sheet.width, sheet.height).ok_or_else(damaged)?);
    let mut surface = page.surface();
    let middle = Transform::from_translate((sheet.width - width) / 2.0, (sheet.height - height) / 2.0);
    surface.push_transform(&middle);
    surface.draw_svg(&tree, size, SvgSettings::default()).ok_or_else(damaged)?;
    surface.pop();
    surface.finish();
    page.finish();
    document.finish().map_err(|_| damaged())
}

fn read(bytes: &[u8], fonts: Option<&Fonts>) -> Result<Tree, DocumentError> {
    let mut options = usvg::Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    if let Some(fonts) = fonts
        && bytes.windows(5).any(|window| window == b"<text")
    {
        options.fontdb = Arc::new(fonts.database());
        options.font_family = "sans-serif".to_owned();
    }
    Tree::from_data(bytes, &options).map_err(|_| DocumentError::Damaged { format: Format::Svg })
}
