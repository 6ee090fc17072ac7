//! Text in every alphabet that this computer has a font for.
//!
//! Lines are broken by the width of their characters, put into visual order (Unicode Annex 9, per line), and shaped run
//! by run, so that Arabic joins and Devanagari stacks. Each character is set in the first font that has it. Limits:
//! lines break at blanks and between East Asian characters, not by the rules of each language; nothing is hyphenated;
//! emoji are set only where a font draws them in black.

use super::{
    super::fonts::Fonts, DocumentError, LEADING, MARGIN, MAX_PAGES, Paper, SIZE, TAB, too_many_pages,
};
use crate::document::Format;
use krilla::{
    Data,
    geom::Point,
    page::PageSettings,
    paint::Fill,
    surface::Surface,
    text::{Font, GlyphId, KrillaGlyph},
};
use rustybuzz::{Direction, Face, UnicodeBuffer};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};
use unicode_bidi::BidiInfo;
use unicode_normalization::char::is_combining_mark;

/// Shown for a character that no font has.
const MISSING: char = '¤';

/// The longest line that is put into visual order as a whole; a longer one is cut before that.
const LONGEST: usize = 64 * 1024;

/// Fonts for a text, and which character is set in which.
pub struct Faces {
    fonts: Vec<Arc<Vec<u8>>>,
    of: HashMap<char, usize>,
    complete: bool,
}

impl Faces {
    /// Chooses of those fonts, the first that has a character for each.
    #[must_use]
    pub fn choose(text: &str, fonts: &Fonts) -> Self {
        let mut needed: BTreeSet<char> = text.chars().filter(|c| !c.is_control() && !is_mark(*c)).collect();
        needed.insert(MISSING);
        needed.insert(' ');
        let mut faces = Self { fonts: Vec::new(), of: HashMap::new(), complete: false };
        for bytes in fonts.contents() {
            let Some(face) = Face::from_slice(&bytes, 0) else { continue };
            let has: Vec<char> = needed.iter().copied().filter(|c| face.glyph_index(*c).is_some()).collect();
            if has.is_empty() {
                continue;
            }
            for c in has {
                needed.remove(&c);
                faces.of.insert(c, faces.fonts.len());
            }
            faces.fonts.push(bytes.clone());
            if needed.is_empty() {
                break;
            }
        }
        faces.complete = needed.is_empty();
        faces
    }

    /// There is no font at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fonts.is_empty()
    }

    /// Every character has one.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// Says something about its neighbours, and shows nothing itself.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
}

/// Lays a text out on as many sheets as it needs: a PDF.
///
/// # Errors
/// [`DocumentError::TooMuch`], [`DocumentError::Unsupported`] when a font turns out to be none.
pub fn lay_out(text: &str, paper: Paper, faces: &Faces) -> Result<Vec<u8>, DocumentError> {
    let setter = Setter::new(faces, paper.width - 2.0 * MARGIN).ok_or(DocumentError::Unsupported)?;
    let rows = (((paper.height - 2.0 * MARGIN) / LEADING) as usize).max(4);
    let mut document = krilla::Document::new();
    let mut count = 0;
    for sheet in text.split('\u{c}') {
        let sheet = sheet.strip_suffix('\n').unwrap_or(sheet);
        let mut lines: Vec<String> = Vec::new();
        for line in sheet.split('\n') {
            setter.wrap(line.strip_suffix('\r').unwrap_or(line), &mut lines);
            if lines.len() / rows > MAX_PAGES {
                return Err(too_many_pages());
            }
        }
        for lines in lines.chunks(rows) {
            count += 1;
            if count > MAX_PAGES {
                return Err(too_many_pages());
            }
            let settings =
                PageSettings::from_wh(paper.width, paper.height).ok_or(DocumentError::Unsupported)?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            surface.set_fill(Some(Fill::default()));
            for (row, line) in lines.iter().enumerate() {
                setter.set(line, MARGIN + SIZE + row as f32 * LEADING, &mut surface);
            }
            surface.finish();
            page.finish();
        }
    }
    document.finish().map_err(|_| DocumentError::Damaged { format: Format::Text })
}

struct Setter<'a> {
    faces: Vec<(Face<'a>, Font)>,
    of: &'a HashMap<char, usize>,
    width: f32,
}

/// Glyphs of one font, ready to be drawn.
struct Run {
    text: String,
    face: usize,
    glyphs: Vec<KrillaGlyph>,
    width: f32,
}

impl<'a> Setter<'a> {
    fn new(faces: &'a Faces, width: f32) -> Option<Self> {
        let open = |bytes: &'a Arc<Vec<u8>>| {
            let data: Arc<dyn AsRef<[u8]> + Send + Sync> = bytes.clone();
            Some((Face::from_slice(bytes, 0)?, Font::new(Data::from(data), 0)?))
        };
        let faces_open = faces.fonts.iter().map(open).collect::<Option<Vec<_>>>()?;
        Some(Self { faces: faces_open, of: &faces.of, width: width.max(8.0 * SIZE) })
    }

    /// The character as it is shown, and its font.
    fn shown(&self, c: char) -> (char, usize) {
        match self.of.get(&c) {
            Some(face) => (c, *face),
            None => (MISSING, self.of.get(&MISSING).copied().unwrap_or(0)),
        }
    }

    fn advance(&self, c: char) -> f32 {
        let (c, face) = self.shown(c);
        let face = &self.faces[face].0;
        let units = face.glyph_index(c).and_then(|glyph| face.glyph_hor_advance(glyph)).unwrap_or(0);
        f32::from(units) * SIZE / face.units_per_em() as f32
    }

    /// Breaks a line where it becomes too wide. Tabs become blanks, what no font has [`MISSING`].
    fn wrap(&self, line: &str, lines: &mut Vec<String>) {
        let mut current = String::new();
        let mut wide = 0.0;
        // Where the line may be broken, and how wide it is up to there.
        let mut broken: Option<(usize, f32)> = None;
        let mut column = 0;
        for c in line.chars() {
            let times = if c == '\t' { TAB - column % TAB } else { 1 };
            let c = if c == '\t' { ' ' } else { c };
            for _ in 0..times {
                let (c, advance) = if is_mark(c) || (is_combining_mark(c) && self.of.contains_key(&c)) {
                    (c, 0.0)
                } else {
                    (self.shown(c).0, self.advance(c))
                };
                let over = wide + advance > self.width && c != ' ' && !current.is_empty() && advance > 0.0;
                if over || current.len() > LONGEST {
                    let (at, before) = broken.take().unwrap_or((current.len(), wide));
                    let rest = current.split_off(at);
                    lines.push(std::mem::replace(&mut current, rest));
                    wide -= before;
                }
                if is_east_asian(c) && !current.is_empty() {
                    broken = Some((current.len(), wide));
                }
                current.push(c);
                wide += advance;
                column += 1;
                if c == ' ' || is_east_asian(c) {
                    broken = Some((current.len(), wide));
                }
            }
        }
        lines.push(current);
    }

    /// Draws one line. One that reads from the right begins there.
    fn set(&self, line: &str, baseline: f32, surface: &mut Surface<'_>) {
        let order = BidiInfo::new(line, None);
        let Some(paragraph) = order.paragraphs.first() else { return };
        let (levels, ranges) = order.visual_runs(paragraph, paragraph.range.clone());
        let mut runs: Vec<Run> = Vec::new();
        for range in ranges {
            let backwards = levels.get(range.start).is_some_and(|level| level.is_rtl());
            let mut parts = self.parts(&line[range]);
            if backwards {
                parts.reverse();
            }
            runs.extend(parts.into_iter().map(|(text, face)| self.shape(text, face, backwards)));
        }
        let whole: f32 = runs.iter().map(|run| run.width).sum();
        let mut x = MARGIN;
        if paragraph.level.is_rtl() {
            x += (self.width - whole).max(0.0);
        }
        for run in runs {
            let font = self.faces[run.face].1.clone();
            surface.draw_glyphs(Point::from_xy(x, baseline), &run.glyphs, font, &run.text, SIZE, false);
            x += run.width;
        }
    }

    /// Pieces of one font each. Marks stay with what they belong to.
    fn parts(&self, text: &str) -> Vec<(String, usize)> {
        let mut parts: Vec<(String, usize)> = Vec::new();
        for c in text.chars() {
            let joins = is_mark(c) || (is_combining_mark(c) && !parts.is_empty());
            let face = self.shown(c).1;
            match parts.last_mut() {
                Some((part, of)) if *of == face || joins => part.push(c),
                _ if is_mark(c) => {}
                _ => parts.push((c.to_string(), face)),
            }
        }
        parts
    }

    fn shape(&self, text: String, face: usize, backwards: bool) -> Run {
        let shaper = &self.faces[face].0;
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(&text);
        buffer.set_direction(if backwards { Direction::RightToLeft } else { Direction::LeftToRight });
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(shaper, &[], buffer);
        let em = shaper.units_per_em() as f32;
        let mut starts: Vec<usize> =
            shaped.glyph_infos().iter().map(|glyph| glyph.cluster as usize).chain([text.len()]).collect();
        starts.sort_unstable();
        starts.dedup();
        let of = |start: usize| -> Range<usize> {
            let next = starts.partition_point(|other| *other <= start);
            start..starts.get(next).copied().unwrap_or(text.len())
        };
        let both = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        let glyphs: Vec<KrillaGlyph> = both
            .map(|(glyph, at)| {
                let units = |value: i32| value as f32 / em;
                let (x, y) = (units(at.x_offset), units(at.y_offset));
                let id = GlyphId::new(glyph.glyph_id);
                let range = of(glyph.cluster as usize);
                KrillaGlyph::new(id, units(at.x_advance), x, y, units(at.y_advance), range, None)
            })
            .collect();
        let width = glyphs.iter().map(|glyph| glyph.x_advance * SIZE).sum();
        Run { text, face, glyphs, width }
    }
}

/// Lines may be broken before and after these.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fff}' | '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}
