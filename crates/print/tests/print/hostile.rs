//! Documents that are made to hurt: each is refused or handled within limits, and the node prints on.

use super::{
    cups::Cupsd,
    offering::{Document, Owner, documents},
};
use flate2::{Compress, Compression, FlushCompress};
use lanyard_print::{
    QueueId,
    document::{DocumentError, Format, Look},
    ticket::{Options, State},
};
use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A PDF of these objects, numbered from 1, the first being the catalog; `trailer` may add to the trailer.
fn pdf(objects: &[&[u8]], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.5\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let table = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let trailer = trailer.replace("HERE", &table.to_string());
    let size = objects.len() + 1;
    out.extend_from_slice(format!("trailer\n<</Size {size}/Root 1 0 R{trailer}>>\n").as_bytes());
    out.extend_from_slice(format!("startxref\n{table}\n%%EOF\n").as_bytes());
    out
}

const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
const TREE: &[u8] = b"<</Type/Pages/Kids[3 0 R]/Count 1>>";
const PAGE: &[u8] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>";

/// Gibibytes of zeros, deflated. The checksum at its end is wrong: whoever gets there has unpacked them.
fn bomb(gibibytes: usize) -> Vec<u8> {
    const PIECE: usize = 1 << 20;
    let mut piece = Vec::with_capacity(64 * 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; PIECE], &mut piece, FlushCompress::Full)
        .unwrap();
    [&[0x78, 0xda][..], &piece.repeat(gibibytes * 1024), &[3, 0, 0, 0, 0, 1]].concat()
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Filter/FlateDecode/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// A PDF whose table of objects is a compressed stream.
fn compressed_table(data: &[u8]) -> Vec<u8> {
    let mut out = b"%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n".to_vec();
    let place = out.len();
    let table = stream("/Type/XRef/Size 4/W[1 4 2]/Root 1 0 R", data);
    out.extend_from_slice(&[b"9 0 obj\n", &table[..], b"\nendobj\n"].concat());
    out.extend_from_slice(format!("startxref\n{place}\n%%EOF\n").as_bytes());
    out
}

/// A PNG's beginning: its claims, and nothing of it.
fn huge_png() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 65535, 65535);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &bomb(1)).unwrap();
    drop(writer);
    out
}

fn noise(length: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    (0..length).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
}

/// Names, kinds and bytes.
fn corpus() -> Vec<(&'static str, Format, Vec<u8>)> {
    let deep = |open: &[u8], close: &[u8], n: usize| [open.repeat(n), close.repeat(n)].concat();
    let arrays = deep(b"[", b"]", 1_000_000);
    let dictionaries = deep(b"<</a", b">>", 1_000_000);
    let whole = Document::pdf(200).bytes;
    let packed = stream("/Type/ObjStm/N 3/First 20", &bomb(2));
    let ring = b"<</Type/Pages/Kids[2 0 R 2 0 R]/Parent 2 0 R/Count 2000000000>>";
    let drawing = b"<</Length 5>>stream\n/A Do\nendstream";
    let with = |named: &str| {
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</A {named}>>>>>>"
        )
    };
    let form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>/Length 11>>stream\n/A Do /A Do\nendstream";
    let image = stream(
        "/Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceRGB/BitsPerComponent 8",
        &bomb(1),
    );
    let tall = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1 999999999]>>";
    let drawn = |inside: &[u8]| {
        let head = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">";
        [&head[..], inside, b"</svg>"].concat()
    };
    let noisy_jpeg = [0xff, 0xd8, 0xff].into_iter().chain(noise(1 << 20)).collect();
    vec![
        ("cut", Format::Pdf, whole[..whole.len() / 2].to_vec()),
        ("empty inside", Format::Pdf, b"%PDF-1.7\n%%EOF\n".to_vec()),
        ("arrays", Format::Pdf, pdf(&[CATALOG, TREE, PAGE, &arrays], "")),
        ("open arrays", Format::Pdf, [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"[".repeat(3_000_000)].concat()),
        ("dictionaries", Format::Pdf, pdf(&[CATALOG, TREE, PAGE, &dictionaries], "")),
        ("table after table", Format::Pdf, pdf(&[CATALOG, TREE, PAGE], "/Prev HERE")),
        ("ring of pages", Format::Pdf, pdf(&[CATALOG, ring], "")),
        ("page is a stream of itself", Format::Pdf, pdf(&[CATALOG, b"2 0 R"], "")),
        ("length of itself", Format::Pdf, pdf(&[CATALOG, TREE, b"<</Length 3 0 R>>stream\nx"], "")),
        ("packed objects", Format::Pdf, pdf(&[CATALOG, TREE, PAGE, &packed], "")),
        ("packed table", Format::Pdf, compressed_table(&bomb(2))),
        ("form of itself", Format::Pdf, pdf(&[CATALOG, TREE, with("5 0 R").as_bytes(), drawing, form], "")),
        ("huge image", Format::Pdf, pdf(&[CATALOG, TREE, with("5 0 R").as_bytes(), drawing, &image], "")),
        ("tall page", Format::Pdf, pdf(&[CATALOG, TREE, tall], "")),
        ("huge picture", Format::Png, huge_png()),
        ("noise", Format::Jpeg, noisy_jpeg),
        ("deep drawing", Format::Svg, drawn(&deep(b"<g>", b"</g>", 300_000))),
        ("drawing of itself", Format::Svg, drawn(b"<g id=\"a\"><use href=\"#a\"/><use href=\"#a\"/></g>")),
        (
            "drawing with a file",
            Format::Svg,
            drawn(b"<image href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>"),
        ),
        ("empty lines", Format::Text, b"\n".repeat(8 << 20)),
        ("form feeds", Format::Text, b"\x0c".repeat(8 << 20)),
    ]
}

/// Megabytes of this process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_made_to_hurt_are_refused_or_read_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let looking = documents(&[], &CancellationToken::new());
    let (path, out) = (dir.path().join("in"), dir.path().join("out"));
    let options = Options { pages: Some("1".parse().unwrap()), ..Options::default() };
    let two_up = Options { number_up: Some(2), ..Options::default() };
    for (name, format, bytes) in corpus() {
        fs::write(&path, &bytes).unwrap();
        drop(bytes);
        let start = Instant::now();
        let found = looking.inspect(&path, true).await;
        let looked = start.elapsed();
        let made = looking.to_pdf(&path, format, &options, &out).await;
        println!("{name}: {found:?} in {looked:?}; {made:?} in {:?}", start.elapsed() - looked);
        let fault = |error: &DocumentError| matches!(error, DocumentError::Io(_) | DocumentError::NotNow(_));
        assert!(!found.as_ref().is_err_and(fault), "{name}: {found:?}");
        assert!(!made.as_ref().is_err_and(fault), "{name}: {made:?}");
        assert!(start.elapsed() < Duration::from_secs(60), "{name}");
        // What is unpacked without end costs its time once more, and other kinds take the same way as above.
        if format != Format::Pdf || name.starts_with("packed") {
            continue;
        }
        let start = Instant::now();
        let look =
            Look { options: two_up.clone(), paper: None, side: 1, edge: 500, color: true, bare: false };
        let shown = looking.show(&path, format, look, &out).await;
        let drawn = start.elapsed();
        let laid = looking.to_pdf(&path, format, &two_up, &out).await;
        println!("{name}: {shown:?} in {drawn:?}; {laid:?} in {:?}", start.elapsed() - drawn);
        assert!(!shown.as_ref().is_err_and(fault), "{name}: {shown:?}");
        assert!(!laid.as_ref().is_err_and(fault), "{name}: {laid:?}");
        assert!(start.elapsed() < Duration::from_secs(90), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_one_line_of_200_megabytes_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("line");
    let mut file = fs::File::create(&path).unwrap();
    for _ in 0..200 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    let start = Instant::now();
    let told = documents(&[], &CancellationToken::new()).inspect(&path, true).await;
    assert!(matches!(told, Err(DocumentError::Unsupported)), "{told:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_prints_for_others_while_one_sends_what_is_made_to_hurt() {
    let cupsd = Cupsd::start();
    let owner = Owner::with(&cupsd);
    let running = owner.run();
    let options = Options { pages: Some("1".parse().unwrap()), ..Options::default() };
    let bytes = compressed_table(&bomb(2));
    let bomb = Document { format: Format::Pdf, title: "bomb.pdf".to_owned(), bytes };
    let before = resident();
    let hurts = running.accept(QueueId::SAVE_AS_PDF, &bomb, options).await;
    let start = Instant::now();
    let good = running.accept("pages", &Document::png(), Options::default()).await;
    running.until(good, State::Done).await;
    println!("printed after {:?}; the other: {:?}", start.elapsed(), running.status(hurts).await.state);
    let status = running.until(hurts, State::Failed).await;
    println!("given up after {:?}: {:?}", start.elapsed(), status.detail);
    println!("the node had {before} MB in memory and has {} MB", resident());
    assert!(resident() < before + 64, "what the document unpacks to is not in the node's memory");
    let after = running.accept(QueueId::SAVE_AS_PDF, &Document::pdf(2), Options::default()).await;
    running.until(after, State::Done).await;
}
