//! The document's part of what the fuzz targets call.

use super::{
    DocumentError, Format, Inspected, inside,
    limits::STACK,
    raster as documents,
    wire::{Answer, Outcome},
};
use crate::render::raster::{Kind, header::Claims, lines::unpack};
use std::{
    fs::{self, File},
    io::{self, Seek, Write},
    panic,
    sync::OnceLock,
    thread,
};

/// What a child wrote.
pub fn answer(bytes: &[u8]) {
    if let Some(answer) = Answer::parse(bytes) {
        assert_eq!(Answer::parse(&answer.to_line()), Some(answer));
    }
}

/// What a child is asked of every document, on a thread like the child's. It may panic in the crates that read PDF,
/// TIFF, WebP and SVG: that ends a child and is what a child is for. It may not in what is ours.
pub fn inspect(bytes: &[u8]) {
    static QUIET: OnceLock<()> = OnceLock::new();
    QUIET.get_or_init(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // Crates from elsewhere have absolute paths.
            if panic.location().is_none_or(|at| !at.file().starts_with('/')) {
                loud(panic);
            }
        }));
    });
    let Ok(document) = file(bytes) else { return };
    let reading = thread::Builder::new().stack_size(STACK).spawn(move || look(document));
    let _ = reading.map(thread::JoinHandle::join); // what is ours has ended the process
}

fn look(mut document: File) {
    match inside::inspect(&mut document, true) {
        Ok(Inspected { pages, .. }) => assert_ne!(pages, Some(0), "a document without pages is damaged"),
        Err(DocumentError::Io(error)) => {
            assert!(error.raw_os_error().is_none(), "a document made the system refuse: {error}");
        }
        Err(error) => {
            let line = Answer { confined: true, outcome: Outcome::Refused(error.into()) }.to_line();
            assert!(Answer::parse(&line).is_some(), "the node would not understand why");
        }
    }
}

fn file(bytes: &[u8]) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("lanyard-fuzz-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    fs::remove_file(&path)?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// A raster, twice: page by page, and as the PDF that is made of it. They agree about how many pages there are.
pub fn raster(bytes: &[u8]) {
    let Some(format) = documents::kind(bytes) else { return };
    let Some(pages) = rows(bytes, format) else { return };
    let mut pdf = Vec::new();
    match documents::write(bytes, format, &mut pdf) {
        Ok(()) => {
            let count = format!("/Type/Pages/Count {pages}/");
            assert!(pdf.windows(count.len()).any(|window| window == count.as_bytes()), "not {pages} pages");
        }
        Err(error) => assert!(!matches!(error, DocumentError::Io(_)), "{error}"),
    }
}

/// How many whole pages there are, if none of them claims to be so large that unpacking it is only slow.
fn rows(bytes: &[u8], format: Format) -> Option<usize> {
    const MOST: u64 = 64 << 10;
    let (kind, begin) = if format == Format::Urf { (Kind::Urf, 12) } else { (Kind::Pwg, 4) };
    let (mut input, mut pages) = (bytes.get(begin..)?, 0);
    while let Ok(Some(claims)) = Claims::read(kind, &mut input) {
        if u64::from(claims.bytes) * u64::from(claims.height) > MOST || claims.height > 4096 {
            return None;
        }
        let mut row = vec![0; claims.bytes as usize];
        let mut rows = 0;
        while rows < claims.height as usize {
            match unpack(&mut input, claims.pixel.unit(), claims.pixel.white(), &mut row) {
                Ok(times) => rows += times,
                // The rest is no page.
                Err(_) => return Some(pages),
            }
        }
        pages += 1;
        if input.is_empty() {
            break;
        }
    }
    Some(pages)
}
