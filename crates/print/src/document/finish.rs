//! What a printer would do with the paper, done in a PDF: a cover sheet before it, its colour taken out, and for a
//! file that is kept, small pictures and on which sides of the paper it is to be printed.
//!
//! The pages are what they are to be by then; arranging them is `render::sides`'. A cover sheet and a wish for two
//! sides leave everything else of a document as it was. Without colour it is laid out anew, which costs its links.

use super::{
    DocumentError, Paper,
    fonts::Fonts,
    image::{self, MAX_PIXELS},
    impose, pdf,
    text::{self, LaidOut},
};
use crate::{
    render::sides::{Placed, Side, Size},
    ticket::{Color, Options, Quality, Sides},
};
use ::image::{ExtendedColorType, ImageFormat, codecs::jpeg::JpegEncoder, imageops};
use lanyard_ipp::DateTime;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Dots an inch that a picture keeps in a small file, if it were as large as the page.
const SMALL_DPI: f32 = 150.0;

/// How well a picture in a small file is kept, of 100.
const SMALL_QUALITY: u8 = 60;

/// How much larger than in a text the letters on a cover sheet are.
const LARGE: f32 = 1.7;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The sides of the paper on which whoever prints the file is to print it; none says nothing.
    pub sides: Option<Sides>,
    /// Nothing but greys.
    pub grey: bool,
    /// Pictures as small as they may be.
    pub small: bool,
    /// A sheet before the others.
    pub cover: Option<Cover>,
}

/// What a cover sheet says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    /// The document's name.
    pub title: String,
    /// Who sent it, as far as that is known.
    pub user: Option<String>,
    /// When it was sent, in words.
    pub sent: String,
    /// Whether the sheet has a second side, which stays blank.
    pub two_sided: bool,
}

impl Finish {
    /// What of a person's choices is about paper, for a document that becomes a file.
    #[must_use]
    pub fn kept(options: &Options, cover: Option<Cover>) -> Self {
        Self {
            // Without a wish a file is printed as whoever prints it likes.
            sides: options.sides.filter(|sides| *sides != Sides::OneSided),
            grey: options.color == Some(Color::Monochrome),
            small: options.quality == Some(Quality::Draft),
            cover,
        }
    }

    /// Only a cover sheet, if any: the rest is the printer's.
    #[must_use]
    pub fn covered(cover: Option<Cover>) -> Self {
        Self { cover, ..Self::default() }
    }

    /// There is nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a document that is too much for a child may go without: a wish changes no page.
    #[must_use]
    pub(super) fn is_dispensable(&self) -> bool {
        !self.grey && !self.small && self.cover.is_none()
    }
}

impl Cover {
    /// For a document that was sent at a time, in Unix seconds.
    #[must_use]
    pub fn new(title: &str, user: Option<&str>, sent: i64, options: &Options) -> Self {
        let [year, year_low, month, day, hour, minute, ..] = DateTime::from_unix(sent).0;
        let year = u16::from_be_bytes([year, year_low]);
        Self {
            title: title.to_owned(),
            user: user.map(str::to_owned),
            sent: format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC"),
            two_sided: options.booklet || options.sides.is_some_and(|sides| sides != Sides::OneSided),
        }
    }

    /// The words on it.
    fn text(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("For\n  {user}\n\n")).unwrap_or_default();
        format!("\n\n\n{user}Document\n  {}\n\nSent\n  {}\n", self.title, self.sent)
    }
}

/// Does it all to a document.
///
/// # Errors
/// [`DocumentError`].
pub fn finish(document: &mut Document, finish: &Finish, fonts: &Fonts) -> Result<(), DocumentError> {
    if finish.small {
        make_small(document);
    }
    if finish.grey {
        impose::take_colour_out(document)?;
    }
    if let Some(cover) = &finish.cover {
        put_before(document, cover, fonts)?;
    }
    finish.sides.map_or(Ok(()), |sides| wish_for(document, sides))
}

/// Writes into the document how its reader's print dialog begins (ISO 32000-1 §12.2, table 150).
fn wish_for(document: &mut Document, sides: Sides) -> Result<(), DocumentError> {
    let name = match sides {
        Sides::OneSided => "Simplex",
        Sides::TwoSidedLongEdge => "DuplexFlipLongEdge",
        Sides::TwoSidedShortEdge => "DuplexFlipShortEdge",
    };
    let catalog = document.catalog().map_err(|_| pdf::DAMAGED)?;
    let told = catalog.get(b"ViewerPreferences").and_then(|told| document.dereference(told));
    let mut preferences = told.ok().and_then(|(_, told)| told.as_dict().ok()).cloned().unwrap_or_default();
    preferences.set("Duplex", name);
    document.catalog_mut().map_err(|_| pdf::DAMAGED)?.set("ViewerPreferences", preferences);
    // The entry is one of PDF 1.7; versions are compared as they are written.
    if document.version.as_str() < "1.7" {
        document.version = "1.7".to_owned();
    }
    Ok(())
}

/// Puts a cover sheet before the first page, on paper of that page's size.
fn put_before(document: &mut Document, cover: &Cover, fonts: &Fonts) -> Result<(), DocumentError> {
    let pages = impose::sizes(document);
    let size = *pages.first().ok_or(pdf::DAMAGED)?;
    let paper = Paper { width: size.width / LARGE, height: size.height / LARGE };
    let mut sheet = match text::on(cover.text().as_bytes(), paper, fonts)? {
        LaidOut::Western(sheet) => *sheet,
        LaidOut::Shaped(bytes) => pdf::open(&bytes)?,
    };
    sheet.renumber_objects_with(document.max_id.checked_add(1).ok_or(pdf::DAMAGED)?);
    let words = *pdf::page_ids(&sheet).first().ok_or(pdf::DAMAGED)?;
    document.max_id = sheet.max_id;
    document.objects.append(&mut sheet.objects);
    let whole = Side { size, pages: vec![Placed { page: 0, scale: LARGE, x: 0.0, y: 0.0 }] };
    let root = document.new_object_id();
    let mut kids = vec![impose::sheet_of(document, root, &whole, words)?];
    if cover.two_sided {
        kids.push(impose::blank(document, root, size));
    }
    let catalog = document.catalog_mut().map_err(|_| pdf::DAMAGED)?;
    let before = catalog.get(b"Pages").and_then(Object::as_reference).map_err(|_| pdf::DAMAGED)?;
    catalog.set("Pages", root);
    // They count from the first page.
    catalog.remove(b"PageLabels");
    document.get_dictionary_mut(before).map_err(|_| pdf::DAMAGED)?.set("Parent", root);
    let count = i64::try_from(pages.len() + kids.len()).unwrap_or(i64::MAX);
    let mut kids: Vec<Object> = kids.into_iter().map(Object::from).collect();
    kids.push(before.into());
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count });
    Ok(())
}

/// Packs large pictures anew, with fewer dots. One that would not become smaller, or of a kind that is rare, stays.
fn make_small(document: &mut Document) {
    let edges = impose::sizes(document).into_iter().map(|Size { width, height }| width.max(height));
    let most = edges.fold(72.0, f32::max) / 72.0 * SMALL_DPI;
    let masks = masks(document);
    let pictures: Vec<ObjectId> = document
        .objects
        .iter()
        .filter(|(id, object)| !masks.contains(id) && object.as_stream().is_ok_and(is_picture))
        .map(|(id, _)| *id)
        .collect();
    for id in pictures {
        let small = document.get_object(id).and_then(Object::as_stream);
        let small = small.ok().and_then(|picture| smaller(document, picture, most));
        if let Some(small) = small {
            document.set_object(id, small);
        }
    }
}

fn is_picture(stream: &Stream) -> bool {
    stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
}

/// What cuts other pictures out: small faults show at their edges.
fn masks(document: &Document) -> BTreeSet<ObjectId> {
    let of = |object: &Object| -> Vec<ObjectId> {
        let Ok(stream) = object.as_stream() else { return Vec::new() };
        let mask = |key: &[u8]| stream.dict.get(key).and_then(Object::as_reference).ok();
        [mask(b"SMask"), mask(b"Mask")].into_iter().flatten().collect()
    };
    document.objects.values().flat_map(of).collect()
}

/// The same picture with no edge longer than `most`, if it is one of grey or of red, green and blue with eight bits.
fn smaller(document: &Document, picture: &Stream, most: f32) -> Option<Stream> {
    let dict = &picture.dict;
    // A key colour, a stencil, or values that mean something else.
    let odd = |key: &[u8]| dict.get(key).is_ok_and(|told| told.as_reference().is_err());
    if [&b"Mask"[..], b"Decode", b"ImageMask"].iter().any(|key| odd(key)) || dict.has(b"SMaskInData") {
        return None;
    }
    let side = |key: &[u8]| dict.get(key).and_then(Object::as_i64).ok().and_then(|n| u32::try_from(n).ok());
    let (width, height) = (side(b"Width")?, side(b"Height")?);
    let pixels = u64::from(width) * u64::from(height);
    let scale = most / width.max(height) as f32;
    if pixels == 0 || pixels > MAX_PIXELS || scale >= 1.0 {
        return None;
    }
    let to = |side: u32| ((side as f32 * scale).round() as u32).max(1);
    let components = components(document, dict.get(b"ColorSpace").ok()?)?;
    let samples = samples(picture, (width, height), components)?;
    let (kind, samples) = match components {
        1 => {
            let whole = ::image::GrayImage::from_raw(width, height, samples)?;
            (ExtendedColorType::L8, imageops::thumbnail(&whole, to(width), to(height)).into_raw())
        }
        _ => {
            let whole = ::image::RgbImage::from_raw(width, height, samples)?;
            (ExtendedColorType::Rgb8, imageops::thumbnail(&whole, to(width), to(height)).into_raw())
        }
    };
    let mut packed = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut packed, SMALL_QUALITY);
    encoder.encode(&samples, to(width), to(height), kind).ok()?;
    if packed.len() >= picture.content.len() {
        return None;
    }
    let mut dict = dict.clone();
    dict.remove(b"DecodeParms");
    dict.set("Filter", "DCTDecode");
    dict.set("Width", i64::from(to(width)));
    dict.set("Height", i64::from(to(height)));
    Some(Stream::new(dict, packed).with_compression(false))
}

/// Colours of a pixel, for the colour spaces of nearly every picture.
fn components(document: &Document, space: &Object) -> Option<u8> {
    let (_, space) = document.dereference(space).ok()?;
    if let Ok(name) = space.as_name() {
        return match name {
            b"DeviceGray" => Some(1),
            b"DeviceRGB" => Some(3),
            _ => None,
        };
    }
    let [family, profile, ..] = space.as_array().ok()?.as_slice() else { return None };
    let (_, profile) = document.dereference(profile).ok()?;
    let dictionary = |object: &Object| -> Option<Dictionary> {
        object.as_dict().or_else(|_| object.as_stream().map(|stream| &stream.dict)).ok().cloned()
    };
    match family.as_name().ok()? {
        b"CalGray" => Some(1),
        b"CalRGB" => Some(3),
        b"ICCBased" => match dictionary(profile)?.get(b"N").and_then(Object::as_i64).ok()? {
            1 => Some(1),
            3 => Some(3),
            _ => None,
        },
        _ => None,
    }
}

/// A picture's samples, eight bits each.
fn samples(picture: &Stream, (width, height): (u32, u32), components: u8) -> Option<Vec<u8>> {
    let filters = picture.filters().unwrap_or_default();
    if matches!(filters.as_slice(), [b"DCTDecode"]) {
        let header = image::jpeg_header(&picture.content).ok()?;
        let same = (u32::from(header.width), u32::from(header.height), header.components);
        if same != (width, height, components) {
            return None;
        }
        let whole = ::image::load_from_memory_with_format(&picture.content, ImageFormat::Jpeg).ok()?;
        return Some(if components == 1 {
            whole.into_luma8().into_raw()
        } else {
            whole.into_rgb8().into_raw()
        });
    }
    let bits = picture.dict.get(b"BitsPerComponent").and_then(Object::as_i64).ok()?;
    if bits != 8 || !matches!(filters.as_slice(), [] | [b"FlateDecode"]) {
        return None;
    }
    let length = usize::try_from(u64::from(width) * u64::from(height) * u64::from(components)).ok()?;
    // With what predictors add to each line.
    let most = length.checked_add(height as usize)?;
    let mut samples = if filters.is_empty() {
        picture.content.clone()
    } else {
        picture.decompressed_content_with_limit(most).ok()?
    };
    samples.truncate(length);
    (samples.len() == length).then_some(samples)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "finish_tests.rs"]
mod tests;
