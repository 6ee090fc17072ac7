//! Documents for the tests of drawing, and ways to look at what became of them.

use super::offering::documents;
use lanyard_print::{
    document::{Documents, Look, Shown},
    ticket::Options,
};
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A4 in points.
pub(crate) const A4: [f32; 4] = [0.0, 0.0, 595.276, 841.89];

pub(crate) const A4_NAME: &str = "iso_a4_210x297mm";

/// A page: what it draws, and what it says besides.
pub(crate) struct Page {
    pub(crate) content: String,
    pub(crate) more: Dictionary,
}

/// A page all in one colour.
pub(crate) fn plain(color: &str) -> Page {
    Page { content: format!("{color} rg -9 -9 9999 9999 re f"), more: Dictionary::new() }
}

/// A PDF of these pages; `more` may change the document before it is written.
pub(crate) fn pdf_with(pages: Vec<Page>, more: impl FnOnce(&mut Document)) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let root = document.new_object_id();
    let font = document
        .add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let mut kids: Vec<Object> = Vec::new();
    for page in pages {
        let content = document.add_object(Stream::new(dictionary! {}, page.content.into_bytes()));
        let mut sheet = dictionary! {
            "Type" => "Page", "Parent" => root, "Contents" => content,
            "MediaBox" => A4.map(Object::Real).to_vec(),
            "Resources" => dictionary! { "Font" => dictionary! { "F" => font } },
        };
        for (key, value) in page.more {
            sheet.set(key, value);
        }
        kids.push(document.add_object(sheet).into());
    }
    let count = kids.len() as i64;
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count });
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    more(&mut document);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

pub(crate) fn pdf(pages: Vec<Page>) -> Vec<u8> {
    pdf_with(pages, |_| ())
}

/// A page of many words.
pub(crate) fn words(number: usize) -> Page {
    let lines: String = (0..50)
        .map(|line| {
            format!("(Page {number}, line {line}: the quick brown fox jumps over the lazy dog.) Tj T*\n")
        })
        .collect();
    Page { content: format!("BT /F 12 Tf 15 TL 50 790 Td {lines} ET"), more: Dictionary::new() }
}

/// A place with a document in it, and children that read.
pub(crate) struct Desk {
    pub(crate) dir: TempDir,
    pub(crate) documents: Documents,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), documents: documents(&[], &CancellationToken::new()) }
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A side as it would be printed, its longer edge 400 pixels.
    pub(crate) async fn side(&self, path: &Path, options: &Options, side: u32) -> (Shown, Picture) {
        let format = self.documents.inspect(path, false).await.unwrap().format;
        let look = Look { options: options.clone(), paper: None, side, edge: 400, color: true, bare: false };
        let out = self.out("side.png");
        let shown = self.documents.show(path, format, look, &out).await.unwrap();
        (shown, Picture::open(&out))
    }

    pub(crate) async fn to_pdf(&self, path: &Path, options: &Options) -> PathBuf {
        let format = self.documents.inspect(path, false).await.unwrap().format;
        let out = self.out("made.pdf");
        self.documents.to_pdf(path, format, options, &out).await.unwrap();
        out
    }
}

/// Pixels in colour.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    pub(crate) fn open(path: &Path) -> Self {
        let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut rgb).unwrap();
        if frame.color_type == png::ColorType::Grayscale {
            rgb = rgb.iter().flat_map(|grey| [*grey; 3]).collect();
        }
        Self { width: frame.width as usize, height: frame.height as usize, rgb }
    }

    /// The same by poppler's renderer.
    pub(crate) fn of_pdf(path: &Path, page: u32, edge: u32) -> Self {
        let out = path.with_extension("");
        let (page, edge) = (page.to_string(), edge.to_string());
        let done = Command::new("pdftoppm")
            .args(["-png", "-singlefile", "-f", &page, "-l", &page, "-scale-to", &edge])
            .arg(path)
            .arg(&out)
            .status()
            .expect("poppler-utils is installed");
        assert!(done.success());
        Self::open(&path.with_extension("png"))
    }

    /// The colour at a place between 0 and 1, from the upper left.
    pub(crate) fn at(&self, x: f32, y: f32) -> [u8; 3] {
        let (x, y) = ((x * self.width as f32) as usize, (y * self.height as f32) as usize);
        let at = (y.min(self.height - 1) * self.width + x.min(self.width - 1)) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// The mean difference of their samples, from 0 to 255.
    pub(crate) fn difference(&self, other: &Self) -> f64 {
        assert!(self.width.abs_diff(other.width) <= 1 && self.height.abs_diff(other.height) <= 1);
        let (width, height) = (self.width.min(other.width), self.height.min(other.height));
        let row = |picture: &Self, y: usize| {
            picture.rgb[y * picture.width * 3..(y * picture.width + width) * 3].to_vec()
        };
        let differs: u64 = (0..height)
            .flat_map(|y| row(self, y).into_iter().zip(row(other, y)))
            .map(|(a, b)| u64::from(a.abs_diff(b)))
            .sum();
        differs as f64 / (width * height * 3) as f64
    }
}

/// The text that `pdftotext` finds.
pub(crate) fn text_of(path: &Path) -> String {
    let output = Command::new("pdftotext").args(["-layout"]).arg(path).arg("-").output();
    String::from_utf8(output.expect("poppler-utils is installed").stdout).unwrap()
}
