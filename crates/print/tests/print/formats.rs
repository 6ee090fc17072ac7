//! Each kind of document on its way to paper, and rasters in both directions.

use super::pages::{A4_NAME, Desk, Picture, pdf, plain, text_of, words};
use lanyard_print::{
    document::{DocumentError, Format, Look, office::Office},
    render::raster::{Kind, Raster, SheetBack, Space},
    ticket::{Options, Orientation, Scaling, Sides},
};
use std::{
    fs,
    io::Cursor,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};
use tiff::encoder::{TiffEncoder, colortype};

const RED: [u8; 3] = [255, 0, 0];

/// A picture whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32) -> Vec<u8> {
    let row: Vec<u8> =
        (0..width).flat_map(|x| if x < width / 2 { [255, 0, 0] } else { [0, 0, 255] }).collect();
    row.repeat(height as usize)
}

async fn kind(desk: &Desk, path: &Path) -> (Format, Option<u32>) {
    let found = desk.documents.inspect(path, true).await.unwrap();
    (found.format, found.pages)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_tiff_is_printed() {
    let desk = Desk::new();
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    encoder.write_image::<colortype::RGB8>(400, 200, &halves(400, 200)).unwrap();
    encoder.write_image::<colortype::Gray8>(200, 400, &[0; 200 * 400]).unwrap();
    encoder.write_image::<colortype::Gray16>(200, 400, &[0x8000; 200 * 400]).unwrap();
    let path = desk.put("scan", &bytes.into_inner());
    assert_eq!(kind(&desk, &path).await, (Format::Tiff, Some(3)));
    let (shown, first) = desk.side(&path, &Options::default(), 1).await;
    assert_eq!(shown.sides, 3);
    assert!(shown.width > shown.height, "a wide picture lies");
    assert_eq!((first.at(0.3, 0.5), first.at(0.7, 0.5)), (RED, [0, 0, 255]));
    let (_, second) = desk.side(&path, &Options::default(), 2).await;
    assert_eq!((second.at(0.5, 0.5), second.at(0.05, 0.05)), ([0; 3], [255; 3]));
    let (_, third) = desk.side(&path, &Options::default(), 3).await;
    assert_eq!(third.at(0.5, 0.5), [128; 3], "sixteen bits become eight");
    let upright = Options { orientation: Some(Orientation::Portrait), ..Options::default() };
    let (shown, _) = desk.side(&path, &upright, 1).await;
    assert!(shown.width < shown.height, "unless that was chosen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webp_is_printed_and_fills_the_paper_when_that_was_chosen() {
    let desk = Desk::new();
    let mut bytes = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.encode(&halves(60, 90), 60, 90, image_webp::ColorType::Rgb8).unwrap();
    let path = desk.put("picture", &bytes);
    assert_eq!(kind(&desk, &path).await, (Format::WebP, Some(1)));
    let (_, small) = desk.side(&path, &Options::default(), 1).await;
    assert_eq!((small.at(0.48, 0.5), small.at(0.3, 0.5)), (RED, [255; 3]), "60 points in the middle");
    let fill = Options { scaling: Some(Scaling::Fill), ..Options::default() };
    let (_, large) = desk.side(&path, &fill, 1).await;
    assert_eq!((large.at(0.01, 0.01), large.at(0.99, 0.99)), (RED, [0, 0, 255]));
    let made = Picture::of_pdf(&desk.to_pdf(&path, &fill).await, 1, 400);
    assert!(made.difference(&large) < 1.0, "{}", made.difference(&large));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawing_stays_a_drawing_and_fetches_nothing() {
    let desk = Desk::new();
    let svg = r#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
        width="400" height="400"><rect width="200" height="400" fill="red"/>
        <image x="200" width="200" height="400" xlink:href="file:///etc/passwd"/>
        <text x="210" y="100" font-size="30" font-family="sans-serif">Drawn</text></svg>"#;
    let path = desk.put("drawing", svg.as_bytes());
    assert_eq!(kind(&desk, &path).await, (Format::Svg, Some(1)));
    let made = desk.to_pdf(&path, &Options::default()).await;
    assert!(text_of(&made).contains("Drawn"), "text stays text: {}", text_of(&made));
    let (_, preview) = desk.side(&path, &Options::default(), 1).await;
    assert_eq!((preview.at(0.4, 0.5), preview.at(0.65, 0.6)), (RED, [255; 3]));
    assert!(preview.difference(&Picture::of_pdf(&made, 1, 400)) < 2.0);
    let said = desk.put("about.txt", b"An <svg> element begins a drawing.\n");
    assert_eq!(kind(&desk, &said).await.0, Format::Text, "to speak of one is not to be one");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_other_alphabets_is_printed_in_fonts_of_this_computer() {
    let desk = Desk::new();
    let words = "Привет, мир\nΚαλημέρα κόσμε\nשלום עולם\nمرحبا بالعالم\nZażółć gęślą jaźń\n漢字とかな\n";
    let path = desk.put("words.txt", words.as_bytes());
    assert!(desk.documents.is_legible(&path).await.unwrap(), "DejaVu and Droid have these");
    let text = text_of(&desk.to_pdf(&path, &Options::default()).await);
    for word in ["Привет, мир", "Καλημέρα κόσμε", "Zażółć gęślą jaźń", "漢字とかな"]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(text.contains("שלום") || text.contains("םולש"), "in either order of reading: {text}");
    let (_, preview) = desk.side(&path, &Options::default(), 1).await;
    let dark = |x: f32, y: f32| (0..60).any(|i| preview.at(x + i as f32 * 0.004, y)[0] < 160);
    let row = |n: f32| (54.0 + 8.0 + 12.0 * n) / 841.89;
    assert!(dark(0.09, row(0.0)) && !dark(0.09, row(2.0)), "Hebrew begins at the right");
    assert!(dark(0.65, row(2.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_that_is_not_western_is_wrapped_and_paged_and_loses_nothing() {
    let desk = Desk::new();
    let line: String = (0..60).map(|n| format!("слово{n} ")).collect();
    let text: String = format!("{line}\n").repeat(100);
    let path = desk.put("long.txt", text.as_bytes());
    let start = Instant::now();
    let made = desk.to_pdf(&path, &Options::default()).await;
    println!(
        "{} KB of text: {:?}, {} KB of PDF",
        text.len() / 1024,
        start.elapsed(),
        fs::metadata(&made).unwrap().len() / 1024
    );
    let found = text_of(&made);
    for n in [0, 31, 59] {
        let count = found.split_whitespace().filter(|word| *word == format!("слово{n}")).count();
        assert_eq!(count, 100, "слово{n}");
    }
    assert!(desk.documents.inspect(&made, true).await.unwrap().pages.unwrap() > 9);
}

fn raster(kind: Kind, space: Space) -> Raster {
    Raster { kind, space, dpi: 150, back: SheetBack::Normal }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raster_shows_the_pages_that_it_was_made_of() {
    let desk = Desk::new();
    let path = desk.put("doc.pdf", &pdf(vec![words(1), plain("1 0 0"), plain("0 0 0")]));
    for (kind, format) in [(Kind::Pwg, Format::PwgRaster), (Kind::Urf, Format::Urf)] {
        for space in [Space::Srgb8, Space::Sgray8, Space::Black1] {
            if (kind, space) == (Kind::Urf, Space::Black1) {
                continue;
            }
            let out = desk.out("raster");
            let options = Options { sides: Some(Sides::TwoSidedLongEdge), ..Options::default() };
            let start = Instant::now();
            let done =
                desk.documents.to_raster(&path, Format::Pdf, &options, raster(kind, space), &out).await;
            done.unwrap();
            println!(
                "{kind:?} {space:?}: {:?}, {} KB",
                start.elapsed(),
                fs::metadata(&out).unwrap().len() / 1024
            );
            assert_eq!(super::formats::kind(&desk, &out).await.0, format);
            let (shown, first) = desk.side(&out, &Options::default(), 1).await;
            assert_eq!((shown.sides, shown.width, shown.height), (3, 283, 400));
            let (_, original) = desk.side(&path, &Options::default(), 1).await;
            assert!(first.difference(&original) < 12.0, "{}", first.difference(&original));
            let (_, third) = desk.side(&out, &Options::default(), 3).await;
            assert_eq!(third.at(0.5, 0.5), [0; 3], "{kind:?} {space:?}");
            if space == Space::Srgb8 {
                let (_, second) = desk.side(&out, &Options::default(), 2).await;
                assert_eq!(second.at(0.5, 0.5), RED);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_back_of_a_sheet_is_turned_as_the_printer_says() {
    let desk = Desk::new();
    // Red at the lower left.
    let page =
        || super::pages::Page { content: "1 0 0 rg 0 0 100 100 re f".to_owned(), more: Default::default() };
    let path = desk.put("two.pdf", &pdf(vec![page(), page()]));
    let corners = [(0.05, 0.95), (0.95, 0.95), (0.05, 0.05), (0.95, 0.05)];
    let cases = [
        (SheetBack::Normal, Sides::TwoSidedLongEdge, 0),
        (SheetBack::Flipped, Sides::TwoSidedLongEdge, 2),
        (SheetBack::Flipped, Sides::TwoSidedShortEdge, 1),
        (SheetBack::Rotated, Sides::TwoSidedLongEdge, 3),
        (SheetBack::Rotated, Sides::TwoSidedShortEdge, 0),
        (SheetBack::ManualTumble, Sides::TwoSidedShortEdge, 3),
        (SheetBack::Flipped, Sides::OneSided, 0),
    ];
    for (back, sides, corner) in cases {
        let out = desk.out("raster");
        let options = Options { sides: Some(sides), ..Options::default() };
        let raster = Raster { back, ..raster(Kind::Pwg, Space::Srgb8) };
        desk.documents.to_raster(&path, Format::Pdf, &options, raster, &out).await.unwrap();
        for (side, corner) in [(1, 0), (2, corner)] {
            let (_, picture) = desk.side(&out, &Options::default(), side).await;
            for (index, (x, y)) in corners.into_iter().enumerate() {
                let red = picture.at(x, y) == RED;
                assert_eq!(red, index == corner, "{back:?} {sides:?} side {side}, corner {index}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_reads_our_raster() {
    let desk = Desk::new();
    let path = desk.put("doc.pdf", &pdf(vec![plain("1 0 0"), plain("0 0 1")]));
    let out = desk.out("pages.pwg");
    let to = Raster { dpi: 100, ..raster(Kind::Pwg, Space::Srgb8) };
    desk.documents.to_raster(&path, Format::Pdf, &Options::default(), to, &out).await.unwrap();
    // PWG 5102.4 in a few lines of another language, from the specification and not from our code.
    let reader = r#"
import struct, sys
d = open(sys.argv[1], 'rb').read(); assert d[:4] == b'RaS2'; at = 4; seen = []
while at < len(d):
    h = d[at:at + 1796]; at += 1796; g = lambda o: struct.unpack('>I', h[o:o + 4])[0]
    assert h[:10] == b'PwgRaster\0' and g(276) == g(280) == 100 and g(396) == 0 and g(400) == 19 and g(420) == 3
    w, height, n = g(372), g(376), g(388) // 8; assert g(392) == w * n and g(452) == 2
    assert (g(352), g(356)) == (595, 842), (g(352), g(356)); rows = []
    while len(rows) < height:
        times = d[at] + 1; at += 1; row = b''
        while len(row) < w * n:
            c = d[at]; at += 1
            if c < 128: row += d[at:at + n] * (c + 1); at += n
            else: assert c > 128; k = 257 - c; row += d[at:at + n * k]; at += n * k
        assert len(row) == w * n; rows += [row] * times
    assert len(rows) == height; seen.append((w, height, set(rows[5][i:i + n] for i in range(0, w * n, n))))
print(seen == [(827, 1169, {b'\xff\0\0'}), (827, 1169, {b'\0\0\xff'})], seen)
"#;
    let read = std::process::Command::new("python3").args(["-c", reader]).arg(&out).output();
    let read = read.expect("python3 is installed");
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(said.starts_with("True"), "{said}{}", String::from_utf8_lossy(&read.stderr));
}

/// A PWG page header with these claims.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"RaS2".to_vec();
    let mut header = vec![0; 1796];
    let mut put = |at: usize, value: u32| header[at..at + 4].copy_from_slice(&value.to_be_bytes());
    put(276, 300);
    put(280, 300);
    put(372, width);
    put(376, height);
    put(384, 8);
    put(388, 8);
    put(392, width);
    put(400, 18);
    put(420, 1);
    bytes.extend(header);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raster_of_four_gigapixels_is_refused_at_once_and_a_broken_one_is_damaged() {
    let desk = Desk::new();
    let start = Instant::now();
    let mut huge = claims(65_535, 65_535);
    huge.extend([255, 127, 0].repeat(10_000));
    let path = desk.put("huge", &huge);
    let told = desk.documents.inspect(&path, true).await;
    assert!(matches!(told, Err(DocumentError::TooMuch(_))), "{told:?}");
    let told = desk.documents.to_pdf(&path, Format::PwgRaster, &Options::default(), &desk.out("x")).await;
    assert!(matches!(told, Err(DocumentError::TooMuch(_))), "{told:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // Rows that are not there, rows that are longer than the page, a line length that does not fit.
    let cut = claims(1000, 1000);
    let long = [claims(10, 10), vec![0, 127, 0]].concat();
    let mut wrong = claims(10, 10);
    wrong[4 + 392 + 3] = 11;
    for bytes in [cut, long, wrong, b"RaS2".to_vec(), b"UNIRAST\0\0\0\0\x01".to_vec()] {
        let path = desk.put("broken", &bytes);
        let format = if bytes.starts_with(b"R") { Format::PwgRaster } else { Format::Urf };
        let told = desk.documents.to_pdf(&path, format, &Options::default(), &desk.out("x")).await;
        assert!(matches!(told, Err(DocumentError::Damaged { .. })), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_phone_that_cannot_be_read_says_what_to_do() {
    let desk = Desk::new();
    let path = desk.put("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let told = desk.documents.inspect(&path, true).await.unwrap_err();
    assert!(told.to_string().contains("as JPEG"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_claim_to_be_huge_or_end_early_are_refused() {
    let desk = Desk::new();
    let mut bytes = Cursor::new(Vec::new());
    TiffEncoder::new(&mut bytes).unwrap().write_image::<colortype::Gray8>(64, 64, &[7; 64 * 64]).unwrap();
    let whole = bytes.into_inner();
    for cut in [4, 8, 100, whole.len() - 10] {
        let path = desk.put("cut", &whole[..cut.min(whole.len() - 1)]);
        let told = desk.documents.to_pdf(&path, Format::Tiff, &Options::default(), &desk.out("x")).await;
        assert!(told.is_err(), "cut at {cut}");
    }
    // Width and height in the directory, whose place is told at 4: a count and entries of twelve bytes.
    let mut huge = whole;
    let directory = u32::from_le_bytes(huge[4..8].try_into().unwrap()) as usize;
    for entry in huge[directory + 2..].chunks_exact_mut(12) {
        if [256, 257].contains(&u16::from_le_bytes([entry[0], entry[1]])) {
            entry[2] = 4;
            entry[8..12].copy_from_slice(&60_000u32.to_le_bytes());
        }
    }
    let path = desk.put("huge", &huge);
    let told = desk.documents.to_pdf(&path, Format::Tiff, &Options::default(), &desk.out("x")).await;
    assert!(told.is_err(), "{told:?}");
}

const WORD: &[u8] =
    b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml";

#[tokio::test(flavor = "multi_thread")]
async fn an_office_document_says_what_it_needs_where_there_is_no_libreoffice() {
    let desk = Desk::new();
    let documents = desk.documents.clone().with_office(Office::at(Vec::new()));
    let path = desk.put("letter.docx", WORD);
    let told = documents.to_pdf(&path, Format::Office, &Options::default(), &desk.out("x")).await;
    assert!(told.as_ref().is_err_and(|error| error.to_string().contains("not installed")), "{told:?}");
    let told = documents.inspect_strange(&path, true).await;
    assert!(
        matches!(told, Err(DocumentError::OfficeFromOthers)),
        "a stranger's is not given to it: {told:?}"
    );
}

/// A stand-in for LibreOffice, which is not installed for tests: it says what it was asked and answers with `pdf`.
fn stand_in(desk: &Desk, script: &str) -> Office {
    let path = desk.put("soffice", format!("#!/bin/sh\n{script}\n").as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Office::at(vec![path])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_document_goes_through_libreoffice_and_is_then_a_pdf_like_any_other() {
    let desk = Desk::new();
    let ready = desk.put("ready.pdf", &pdf(vec![words(1), words(2)]));
    let log = desk.out("asked");
    let script = format!(
        "echo \"$@\" > {log}; pwd >> {log}; env >> {log}; mkdir -p out; cp {ready} out/document.pdf",
        log = log.display(),
        ready = ready.display()
    );
    let documents = desk.documents.clone().with_office(stand_in(&desk, &script));
    let path = desk.put("letter.docx", WORD);
    let options = Options { number_up: Some(2), media: Some(A4_NAME.to_owned()), ..Options::default() };
    documents.to_pdf(&path, Format::Office, &options, &desk.out("made.pdf")).await.unwrap();
    let found = documents.inspect(&desk.out("made.pdf"), true).await.unwrap();
    assert_eq!(found.pages, Some(1), "two pages on a side");
    let asked = fs::read_to_string(&log).unwrap();
    for word in ["--headless", "--convert-to pdf --outdir", "-env:UserInstallation=file:///", "document.docx"]
    {
        assert!(asked.contains(word), "{word} in {asked}");
    }
    assert!(!asked.contains("CARGO"), "it gets no environment: {asked}");
    let left: Vec<_> =
        fs::read_dir(desk.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".office")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_libreoffice_that_fails_makes_nothing_and_one_that_nobody_waits_for_is_ended() {
    let desk = Desk::new();
    let path = desk.put("letter.docx", WORD);
    for script in ["exit 3", "true"] {
        let documents = desk.documents.clone().with_office(stand_in(&desk, script));
        let told = documents.to_pdf(&path, Format::Office, &Options::default(), &desk.out("x")).await;
        assert!(matches!(told, Err(DocumentError::OfficeFailed)), "{script}: {told:?}");
    }
    let mark = desk.out("still-here");
    let script = format!("(sleep 2; touch {}) & sleep 60", mark.display());
    let documents = desk.documents.clone().with_office(stand_in(&desk, &script));
    let (options, out) = (Options::default(), desk.out("x"));
    let asked = documents.to_pdf(&path, Format::Office, &options, &out);
    assert!(tokio::time::timeout(Duration::from_secs(1), asked).await.is_err());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!mark.exists(), "what it had started is ended too");
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_of_everything_that_can_be_printed_are_png() {
    let desk = Desk::new();
    let path = desk.put("note.txt", "Grüße\n".as_bytes());
    let look = Look {
        options: Options::default(),
        paper: Some("na_letter_8.5x11in".into()),
        side: 1,
        edge: 110,
        color: true,
        bare: false,
    };
    let shown = desk.documents.show(&path, Format::Text, look, &desk.out("x")).await.unwrap();
    assert_eq!((shown.width, shown.height), (85, 110), "text comes on the printer's own paper");
}
