//! A PDF laid out anew: its pages, as [`crate::render::sides`] says, on sides of paper.
//!
//! Each page becomes a form XObject (ISO 32000-1 §8.10) that is placed on a new page, so that fonts, pictures and
//! transparency stay what they were. What a reader would draw over a page and print (annotations, filled-in fields)
//! is drawn into it. Links, bookmarks and forms that can be filled in do not survive: this is for paper.

use super::{DocumentError, Format, pdf};
use crate::render::sides::{Arranged, Placed, Side, Size};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use std::collections::{HashMap, hash_map::Entry};

/// The most that the instructions of one page may unpack to.
const MAX_CONTENT: usize = 128 * 1024 * 1024;

/// The most annotations of one page that are drawn.
const MAX_ANNOTATIONS: usize = 5_000;

const DAMAGED: DocumentError = DocumentError::Damaged { format: Format::Pdf };

/// What a page says about itself: the box that is shown, the rotation in quarter turns, and the unit.
#[derive(Clone, Copy, Debug)]
struct Frame {
    shown: [f32; 4],
    turns: i64,
    unit: f32,
}

/// The sizes of a document's pages, upright.
#[must_use]
pub fn sizes(document: &Document) -> Vec<Size> {
    pdf::page_ids(document).into_iter().map(|page| Frame::of(document, page).size()).collect()
}

/// Puts a document's pages onto sides.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn lay_out(document: &mut Document, arranged: &Arranged) -> Result<(), DocumentError> {
    lay(document, &arranged.sides, Ink::AsItIs)
}

/// Takes the colour out of all pages: what is light stays light, and what is dark dark.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub fn take_colour_out(document: &mut Document) -> Result<(), DocumentError> {
    let alone = |(page, size)| Side { size, pages: vec![Placed { page, scale: 1.0, x: 0.0, y: 0.0 }] };
    let sides: Vec<Side> = sizes(document).into_iter().enumerate().map(alone).collect();
    lay(document, &sides, Ink::Grey)
}

/// A page with another one on it, which is no page of the document.
///
/// # Errors
/// [`DocumentError::Damaged`].
pub(super) fn sheet_of(
    document: &mut Document,
    root: ObjectId,
    side: &Side,
    page: ObjectId,
) -> Result<ObjectId, DocumentError> {
    let forms = HashMap::from([(0, form_of(document, page)?)]);
    Ok(sheet(document, root, side, &forms, Ink::AsItIs))
}

/// A page with nothing on it.
pub(super) fn blank(document: &mut Document, root: ObjectId, size: Size) -> ObjectId {
    sheet(document, root, &Side { size, pages: Vec::new() }, &HashMap::new(), Ink::AsItIs)
}

/// What pages are drawn with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ink {
    AsItIs,
    Grey,
}

fn lay(document: &mut Document, sides: &[Side], ink: Ink) -> Result<(), DocumentError> {
    let pages = pdf::page_ids(document);
    let root = document.new_object_id();
    let mut forms: HashMap<usize, ObjectId> = HashMap::new();
    let mut kids: Vec<Object> = Vec::with_capacity(sides.len());
    for side in sides {
        for placed in &side.pages {
            if let Entry::Vacant(form) = forms.entry(placed.page) {
                let page = *pages.get(placed.page).ok_or(DAMAGED)?;
                form.insert(form_of(document, page)?);
            }
        }
        kids.push(sheet(document, root, side, &forms, ink).into());
    }
    pdf::replace_tree(document, root, kids)
}

/// A side as a page.
fn sheet(
    document: &mut Document,
    root: ObjectId,
    side: &Side,
    forms: &HashMap<usize, ObjectId>,
    ink: Ink,
) -> ObjectId {
    let mut content = String::new();
    let mut named = Dictionary::new();
    for placed in &side.pages {
        let Some(form) = forms.get(&placed.page) else { continue };
        let name = format!("P{}", placed.page);
        let (scale, x, y) = (placed.scale, placed.x, placed.y);
        content.push_str(&format!("q {scale:.6} 0 0 {scale:.6} {x:.3} {y:.3} cm /{name} Do Q\n"));
        named.set(name, *form);
    }
    let mut resources = dictionary! { "XObject" => named };
    if ink == Ink::Grey {
        // White over all of it that leaves of what is below only how light it is (ISO 32000-1 §11.3.5.3).
        let (width, height) = (side.size.width, side.size.height);
        content.push_str(&format!("q /G gs 1 g 0 0 {width:.3} {height:.3} re f Q\n"));
        resources.set("ExtGState", dictionary! { "G" => dictionary! { "BM" => "Saturation" } });
    }
    let content = document.add_object(Stream::new(dictionary! {}, content.into_bytes()));
    let mut page = dictionary! {
        "Type" => "Page",
        "Parent" => root,
        "MediaBox" => vec![0.into(), 0.into(), side.size.width.into(), side.size.height.into()],
        "Resources" => resources,
        "Contents" => content,
    };
    if ink == Ink::Grey {
        // The colours are compared in one space, whatever each is given in.
        page.set("Group", dictionary! { "S" => "Transparency", "CS" => "DeviceRGB", "I" => true });
    }
    document.add_object(page)
}

/// A page as a form that is upright and begins at the origin.
fn form_of(document: &mut Document, page: ObjectId) -> Result<ObjectId, DocumentError> {
    let frame = Frame::of(document, page);
    let resources = pdf::inherited(document, page, b"Resources").unwrap_or_else(|| dictionary! {}.into());
    let group = document.get_dictionary(page).and_then(|page| page.get(b"Group")).ok().cloned();
    let mut dictionary = dictionary! {
        "Type" => "XObject", "Subtype" => "Form", "FormType" => 1,
        "BBox" => numbers(&frame.shown), "Matrix" => numbers(&frame.upright()), "Resources" => resources,
    };
    if let Some(group) = group {
        dictionary.set("Group", group);
    }
    let content = content(document, page, dictionary.clone())?;
    let over = annotations(document, page);
    if over.is_empty() {
        return Ok(document.add_object(content));
    }
    // The page's own instructions in a form of their own: what they leave changed must not bend what comes over it.
    let mut inner = content;
    inner.dict.remove(b"Matrix");
    let mut named = dictionary! { "C" => document.add_object(inner) };
    let mut drawn = "q /C Do Q\n".to_owned();
    for (index, (appearance, [a, b, c, d, e, f])) in over.into_iter().enumerate() {
        let name = format!("A{index}");
        drawn.push_str(&format!("q {a:.5} {b:.5} {c:.5} {d:.5} {e:.3} {f:.3} cm /{name} Do Q\n"));
        named.set(name, appearance);
    }
    dictionary.set("Resources", dictionary! { "XObject" => named });
    Ok(document.add_object(Stream::new(dictionary, drawn.into_bytes())))
}

/// A page's instructions as one stream. A single one stays packed as it is.
fn content(document: &Document, page: ObjectId, mut dictionary: Dictionary) -> Result<Stream, DocumentError> {
    let streams = document.get_page_contents(page);
    if let [only] = streams[..]
        && let Ok(stream) = document.get_object(only).and_then(Object::as_stream)
    {
        for key in [&b"Filter"[..], b"DecodeParms"] {
            if let Ok(value) = stream.dict.get(key) {
                dictionary.set(key, value.clone());
            }
        }
        return Ok(Stream::new(dictionary, stream.content.clone()).with_compression(false));
    }
    let content = document.get_page_content_with_limit(page, MAX_CONTENT);
    let mut stream = Stream::new(dictionary, content.map_err(|_| DAMAGED)?);
    stream.compress().map_err(|_| DAMAGED)?;
    Ok(stream)
}

/// What is drawn over a page when it is printed: appearances, and how each is brought to its place
/// (ISO 32000-1 §12.5.5, algorithm 8.1).
fn annotations(document: &Document, page: ObjectId) -> Vec<(ObjectId, [f32; 6])> {
    let Ok(annotations) = document.get_page_annotations(page) else { return Vec::new() };
    let placed = annotations.into_iter().filter_map(|annotation| {
        const HIDDEN: i64 = 2;
        const PRINT: i64 = 4;
        let flags = number(document, annotation, b"F").unwrap_or(0.0) as i64;
        let subtype = annotation.get(b"Subtype").and_then(Object::as_name).unwrap_or_default();
        if flags & HIDDEN != 0 || flags & PRINT == 0 || subtype == b"Popup" {
            return None;
        }
        let (id, appearance) = appearance(document, annotation)?;
        let rect = rectangle(document, annotation.get(b"Rect").ok()?)?;
        let bounds = rectangle(document, appearance.dict.get(b"BBox").ok()?)?;
        let matrix = appearance.dict.get(b"Matrix").ok().and_then(|matrix| floats::<6>(document, matrix));
        let bounds = transformed(bounds, matrix.unwrap_or([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
        let scale = |low: usize| match bounds[low + 2] - bounds[low] {
            span if span.abs() < f32::EPSILON => 1.0,
            span => (rect[low + 2] - rect[low]) / span,
        };
        let (across, up) = (scale(0), scale(1));
        Some((id, [across, 0.0, 0.0, up, rect[0] - bounds[0] * across, rect[1] - bounds[1] * up]))
    });
    placed.take(MAX_ANNOTATIONS).collect()
}

/// The normal appearance of an annotation, in the state it is in.
fn appearance<'a>(document: &'a Document, annotation: &Dictionary) -> Option<(ObjectId, &'a Stream)> {
    let appearances = resolved(document, annotation.get(b"AP").ok()?)?.as_dict().ok()?;
    let mut normal = appearances.get(b"N").ok()?;
    if let Ok(states) = resolved(document, normal)?.as_dict() {
        normal = states.get(annotation.get(b"AS").and_then(Object::as_name).ok()?).ok()?;
    }
    // A stream is always an object of its own.
    let id = normal.as_reference().ok()?;
    Some((id, document.get_object(id).and_then(Object::as_stream).ok()?))
}

impl Frame {
    fn of(document: &Document, page: ObjectId) -> Self {
        let a_box = |key: &[u8]| rectangle(document, &pdf::inherited(document, page, key)?);
        let a4 = super::Paper::of(None);
        let media = a_box(b"MediaBox").unwrap_or([0.0, 0.0, a4.width, a4.height]);
        let crop = a_box(b"CropBox").unwrap_or(media);
        let mut shown =
            [crop[0].max(media[0]), crop[1].max(media[1]), crop[2].min(media[2]), crop[3].min(media[3])];
        if shown[2] - shown[0] < 0.01 || shown[3] - shown[1] < 0.01 {
            shown = [0.0, 0.0, a4.width, a4.height];
        }
        let rotate = pdf::inherited(document, page, b"Rotate");
        let turns = rotate.and_then(|value| float(document, &value)).unwrap_or(0.0) as i64 / 90;
        let unit = document.get_dictionary(page).ok().and_then(|page| number(document, page, b"UserUnit"));
        let unit = unit.filter(|unit| (0.01..=1000.0).contains(unit)).unwrap_or(1.0);
        Self { shown, turns: turns.rem_euclid(4), unit }
    }

    fn size(&self) -> Size {
        let [left, low, right, high] = self.shown;
        let (width, height) = ((right - left) * self.unit, (high - low) * self.unit);
        if self.turns % 2 == 0 { Size::new(width, height) } else { Size::new(height, width) }
    }

    /// From the page's own coordinates to an upright page at the origin; `Rotate` turns clockwise.
    fn upright(&self) -> [f32; 6] {
        let [left, low, right, high] = self.shown;
        let matrix = match self.turns {
            1 => [0.0, -1.0, 1.0, 0.0, -low, right],
            2 => [-1.0, 0.0, 0.0, -1.0, right, high],
            3 => [0.0, 1.0, -1.0, 0.0, high, -left],
            _ => [1.0, 0.0, 0.0, 1.0, -left, -low],
        };
        matrix.map(|number| number * self.unit)
    }
}

fn transformed(rectangle: [f32; 4], [a, b, c, d, e, f]: [f32; 6]) -> [f32; 4] {
    let [left, low, right, high] = rectangle;
    let corners = [(left, low), (right, low), (left, high), (right, high)];
    let corners = corners.map(|(x, y)| (a * x + c * y + e, b * x + d * y + f));
    let start = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
    corners.into_iter().fold(start, |bounds, (x, y)| {
        [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)]
    })
}

fn numbers(values: &[f32]) -> Vec<Object> {
    values.iter().map(|value| Object::Real(*value)).collect()
}

fn resolved<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}

fn float(document: &Document, object: &Object) -> Option<f32> {
    resolved(document, object)?.as_float().ok().filter(|number| number.is_finite())
}

fn number(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<f32> {
    float(document, dictionary.get(key).ok()?)
}

fn floats<const N: usize>(document: &Document, object: &Object) -> Option<[f32; N]> {
    let values = resolved(document, object)?.as_array().ok()?;
    let values: Vec<f32> = values.iter().take(N).map_while(|value| float(document, value)).collect();
    values.try_into().ok()
}

/// Left, low, right, high, whichever corners were given.
fn rectangle(document: &Document, object: &Object) -> Option<[f32; 4]> {
    let [a, b, c, d] = floats::<4>(document, object)?;
    Some([a.min(c), b.min(d), a.max(c), b.max(d)])
}
