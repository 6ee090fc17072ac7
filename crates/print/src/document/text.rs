//! UTF-8 text to PDF pages: fixed pitch, wrapped, paged.
//!
//! Text in the letters of Western Europe is set in one of the 14 standard fonts, which every PDF reader has: nothing
//! is embedded and nothing depends on the computer. For the rest of the world's letters [`shaped`] uses this computer's
//! own fonts. What no font has is shown as [`MISSING`].

pub mod shaped;

use super::{DocumentError, MAX_PAGES, Paper, fonts::Fonts};
use crate::ticket::{Options, Orientation};
use lopdf::{Document, Object, Stream, dictionary};
use unicode_normalization::UnicodeNormalization;

/// The largest text we lay out; more is no document for paper.
pub(super) const MAX_TEXT: u64 = 8 * 1024 * 1024;

/// Shown for a character that the font lacks.
pub const MISSING: u8 = b'\xa4';

const SIZE: f32 = 10.0;
const LEADING: f32 = 12.0;
/// Courier's characters are all 600/1000 of the size wide.
const PITCH: f32 = SIZE * 0.6;
const MARGIN: f32 = 54.0;
const TAB: usize = 8;

/// Whether a file is text that can be printed.
///
/// # Errors
/// [`DocumentError::Unsupported`] for anything else.
pub fn check(bytes: &[u8]) -> Result<(), DocumentError> {
    read(bytes).map(|_| ())
}

/// Whether the standard fonts, or else those of this computer, have every character of a text.
///
/// # Errors
/// As [`check`].
pub fn is_legible(bytes: &[u8], fonts: &Fonts) -> Result<bool, DocumentError> {
    let text: String = read(bytes)?.nfc().collect();
    Ok(is_western(&text) || shaped::Faces::choose(&text, fonts).is_complete())
}

/// A text that was laid out.
pub enum LaidOut {
    /// In a standard font.
    Western(Box<Document>),
    /// In embedded ones: a written PDF.
    Shaped(Vec<u8>),
}

/// Lays a text out on as many sheets as it needs.
///
/// # Errors
/// As [`check`], and [`DocumentError::TooMuch`] above [`MAX_PAGES`].
pub fn lay_out(bytes: &[u8], options: &Options, fonts: &Fonts) -> Result<LaidOut, DocumentError> {
    let upright = Paper::of(options.media.as_deref());
    let lying = options.orientation == Some(Orientation::Landscape);
    on(bytes, if lying { upright.turned() } else { upright }, fonts)
}

/// The same on a sheet of any size.
///
/// # Errors
/// As [`lay_out`].
pub(super) fn on(bytes: &[u8], paper: Paper, fonts: &Fonts) -> Result<LaidOut, DocumentError> {
    let text: String = read(bytes)?.nfc().collect();
    if !is_western(&text) {
        let faces = shaped::Faces::choose(&text, fonts);
        if !faces.is_empty() {
            return shaped::lay_out(&text, paper, &faces).map(LaidOut::Shaped);
        }
    }
    western(&text, paper).map(Box::new).map(LaidOut::Western)
}

fn is_western(text: &str) -> bool {
    text.chars().all(|c| is_blank(c) || win_ansi(c).is_some())
}

fn western(text: &str, paper: Paper) -> Result<Document, DocumentError> {
    let columns = (((paper.width - 2.0 * MARGIN) / PITCH) as usize).max(8);
    let rows = (((paper.height - 2.0 * MARGIN) / LEADING) as usize).max(4);
    let mut document = Document::with_version("1.4");
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier", "Encoding" => "WinAnsiEncoding",
    });
    let root = document.new_object_id();
    let mut kids: Vec<Object> = Vec::new();
    for page in pages(text, columns, rows) {
        if kids.len() == MAX_PAGES {
            return Err(too_many_pages());
        }
        let content = document.add_object(Stream::new(dictionary! {}, page_content(&page, paper)));
        let sheet = dictionary! {
            "Type" => "Page",
            "Parent" => root,
            "MediaBox" => vec![0.into(), 0.into(), paper.width.into(), paper.height.into()],
            "Resources" => dictionary! { "Font" => dictionary! { "F" => font } },
            "Contents" => content,
        };
        kids.push(document.add_object(sheet).into());
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count });
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    Ok(document)
}

fn too_many_pages() -> DocumentError {
    DocumentError::TooMuch(format!("the text fills more than {MAX_PAGES} pages"))
}

fn read(bytes: &[u8]) -> Result<&str, DocumentError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::Unsupported)?;
    let printable = |c: char| !c.is_control() || is_blank(c);
    if !text.chars().all(printable) {
        return Err(DocumentError::Unsupported);
    }
    Ok(text)
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{c}')
}

/// Cuts a text into pages of lines, encoded for the font; stops soon after it has more than we make.
fn pages(text: &str, columns: usize, rows: usize) -> Vec<Vec<Vec<u8>>> {
    let mut pages: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    let mut put = |line: Vec<u8>, new_page: bool| {
        let full = pages.last().is_none_or(|page| page.len() == rows);
        if full || new_page {
            pages.push(Vec::new());
        }
        if let Some(page) = pages.last_mut() {
            page.push(line);
        }
        pages.len()
    };
    let mut made = 0;
    for (index, sheet) in text.split('\u{c}').enumerate() {
        let mut first = index > 0;
        let sheet = sheet.strip_suffix('\n').unwrap_or(sheet);
        for line in sheet.split('\n') {
            for piece in wrap(line.strip_suffix('\r').unwrap_or(line), columns) {
                made = put(piece, first);
                first = false;
            }
            if made > MAX_PAGES {
                return pages;
            }
        }
    }
    pages
}

/// Breaks one line at blanks where it can, inside a word where it must.
fn wrap(line: &str, columns: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut current: Vec<u8> = Vec::new();
    for c in line.chars() {
        match c {
            '\t' => {
                let stop = (current.len() / TAB + 1) * TAB;
                current.resize(stop.min(columns), b' ');
            }
            '\r' => {}
            c => current.push(win_ansi(c).unwrap_or(MISSING)),
        }
        if current.len() > columns {
            let at = current.iter().rposition(|b| *b == b' ').filter(|at| *at > columns / 2);
            let rest = match at {
                Some(at) => current.split_off(at + 1),
                None => current.split_off(columns),
            };
            out.push(std::mem::replace(&mut current, rest));
        }
    }
    out.push(current);
    out
}

fn page_content(lines: &[Vec<u8>], paper: Paper) -> Vec<u8> {
    let top = paper.height - MARGIN - SIZE;
    let mut content = format!("BT /F {SIZE} Tf {LEADING} TL {MARGIN} {top:.2} Td\n").into_bytes();
    for line in lines {
        content.push(b'(');
        for byte in line {
            if b"()\\".contains(byte) {
                content.push(b'\\');
            }
            content.push(*byte);
        }
        content.extend_from_slice(b") Tj T*\n");
    }
    content.extend_from_slice(b"ET\n");
    content
}

/// The character's code in WinAnsiEncoding (ISO 32000-1, annex D).
fn win_ansi(c: char) -> Option<u8> {
    const HIGH: [(char, u8); 27] = [
        ('€', 0x80),
        ('‚', 0x82),
        ('ƒ', 0x83),
        ('„', 0x84),
        ('…', 0x85),
        ('†', 0x86),
        ('‡', 0x87),
        ('ˆ', 0x88),
        ('‰', 0x89),
        ('Š', 0x8a),
        ('‹', 0x8b),
        ('Œ', 0x8c),
        ('Ž', 0x8e),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('˜', 0x98),
        ('™', 0x99),
        ('š', 0x9a),
        ('›', 0x9b),
        ('œ', 0x9c),
        ('ž', 0x9e),
        ('Ÿ', 0x9f),
    ];
    match c {
        ' '..='~' => u8::try_from(c).ok(),
        '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(c)).ok(),
        c => HIGH.iter().find(|(known, _)| *known == c).map(|(_, code)| *code),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn wide_lines_are_wrapped_and_nothing_of_them_is_lost() {
        let lines = wrap(&"word ".repeat(40), 30);
        assert!(lines.iter().all(|line| line.len() <= 31), "a blank may hang over the edge");
        let text: Vec<u8> = lines.concat();
        assert_eq!(text, "word ".repeat(40).into_bytes());
        assert_eq!(wrap(&"x".repeat(25), 10).len(), 3, "a word wider than the sheet is broken");
        assert_eq!(wrap("a\tb", 40), [b"a       b".to_vec()]);
    }

    #[test]
    fn long_texts_get_more_pages_and_a_form_feed_begins_one() {
        assert_eq!(pages("one\n", 10, 5).len(), 1, "the last line end makes no empty page");
        assert_eq!(pages(&"l\n".repeat(11), 10, 5).len(), 3);
        let two = pages("one\u{c}two", 10, 5);
        assert_eq!(two, [vec![b"one".to_vec()], vec![b"two".to_vec()]]);
    }

    #[test]
    fn a_character_that_the_font_lacks_is_shown_as_missing() {
        assert_eq!(wrap("aж€é", 10), [vec![b'a', MISSING, 0x80, 0xe9]]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for bad in [&b"\x00\x01\x02"[..], b"caf\xe9", b"\x1b[31mred"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check("Grüße\r\n".as_bytes()).is_ok());
        let none = Fonts::default();
        assert!(is_legible("Grüße\r\n".as_bytes(), &none).unwrap());
        assert!(!is_legible("Привет\n".as_bytes(), &none).unwrap(), "without a font for it");
    }
}
