//! The child's side: what this same program does when the node starts it to read one document.
//!
//! A program that runs a node calls [`answer_if_child`] first of all in its `main`: no thread, no log and no
//! configuration is there yet. The document is the standard input, a PDF to be made the standard output, unless both come
//! with the question; the answer goes to the standard error. Nothing is opened here, and nothing is read before
//! [`Limits`] are in force.

#[cfg(target_os = "linux")]
use super::child::nursery::zygote::{self, Born};
use super::{
    DocumentError, Format, Inspected, Look, Paper, Shown, bare,
    finish::{self, Finish},
    fonts::Fonts,
    image, impose,
    limits::{self, Limits, STACK},
    office, pdf, picture, raster, svg, text,
    wire::{Answer, Outcome, Question},
};
use crate::{
    render::{
        page::{self, Pages, Pixels},
        raster::{self as out_raster, Raster},
        sides::{self, Arranged, Size},
    },
    ticket::{Options, Scaling, Sides},
};
use lopdf::Document;
use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    panic,
    process::ExitCode,
    sync::Arc,
    thread,
};

/// The first argument of a child; the question is the second, or that it comes later.
pub(super) const CHILD: &str = "--lanyard-document-child";

/// When this process was started to read a document, does that and says how to exit. None in every other process.
#[must_use]
pub fn answer_if_child() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != OsStr::new(CHILD) {
        return None;
    }
    let question = arguments.next().unwrap_or_default();
    #[cfg(target_os = "linux")]
    if question == zygote::WORD {
        return Some(be_born().unwrap_or_else(|| {
            // What takes time and does not depend on the question is done before it comes.
            let mapped = limits::mapped();
            match zygote::be_asked() {
                Ok(Some((question, document, out))) => {
                    answer(question, mapped, move || Ok((document, or_nothing(out)?)))
                }
                Ok(None) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }));
    }
    Some(match question.to_str().and_then(|question| serde_json::from_str(question).ok()) {
        Some(question) => answer(question, limits::mapped(), handles),
        None => ExitCode::FAILURE,
    })
}

/// Makes children as the node orders them, and says how to exit when it wants no more. None in each child, which has not
/// been asked yet.
#[cfg(target_os = "linux")]
#[doc(hidden)]
#[must_use]
pub fn be_born() -> Option<ExitCode> {
    match zygote::multiply() {
        Ok(Born::Child) => None,
        Ok(Born::Zygote) => Some(ExitCode::SUCCESS),
        Err(_) => Some(ExitCode::FAILURE),
    }
}

/// Reads on a thread with a large stack. Ends the process from there when all went well.
fn answer(
    question: Question,
    mapped: u64,
    handles: impl FnOnce() -> io::Result<(File, File)> + Send + 'static,
) -> ExitCode {
    // What a panic has to say would stand where the answer is expected.
    panic::set_hook(Box::new(|_| {}));
    // Opened while anything can be.
    let fonts = fonts_for(&question);
    let begun = Limits::begin_at(mapped);
    let reading = thread::Builder::new().stack_size(STACK).spawn(move || -> io::Result<()> {
        let (mut document, out) = handles()?;
        let size = document.seek(SeekFrom::End(0))?;
        let confined = Limits::for_document(size).within(question.patience(), question.most()).take(
            begun,
            &document,
            &out,
            fonts.files(),
        );
        let outcome = work(&question, &mut document, &out, &fonts);
        io::stderr().write_all(&Answer { confined, outcome }.to_line())?;
        // A thread that merely ended would need calls that are not left.
        std::process::exit(0)
    });
    // Only failures come back.
    let _ = reading.map(thread::JoinHandle::join);
    ExitCode::FAILURE
}

/// The file to write, or the standard output, which is none then.
#[cfg(target_os = "linux")]
fn or_nothing(out: Option<File>) -> io::Result<File> {
    use std::os::fd::AsFd;
    out.map_or_else(|| io::stdout().as_fd().try_clone_to_owned().map(File::from), Ok)
}

/// The document and the file to write.
fn handles() -> io::Result<(File, File)> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let document = io::stdin().as_fd().try_clone_to_owned()?;
        Ok((document.into(), io::stdout().as_fd().try_clone_to_owned()?.into()))
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle;
        let document = io::stdin().as_handle().try_clone_to_owned()?;
        Ok((document.into(), io::stdout().as_handle().try_clone_to_owned()?.into()))
    }
}

/// What a question may need of this computer's fonts.
pub(super) fn fonts_for(question: &Question) -> Fonts {
    match question {
        Question::IsLegible => Fonts::for_text(),
        Question::ToPdf { format, .. } | Question::Show { format, .. } | Question::Raster { format, .. } => {
            match format {
                Format::Text => Fonts::for_text(),
                Format::Svg => Fonts::for_drawings(),
                _ => Fonts::default(),
            }
        }
        // For a name that is not of Western Europe.
        Question::Finish { finish } if finish.cover.is_some() => Fonts::for_text(),
        Question::Inspect { .. } | Question::Finish { .. } => Fonts::default(),
    }
}

pub(super) fn work(question: &Question, document: &mut File, out: &File, fonts: &Fonts) -> Outcome {
    let done = match question {
        Question::Inspect { count } => return Outcome::of_inspection(inspect(document, *count)),
        Question::IsLegible => read(document, Format::Text)
            .and_then(|bytes| text::is_legible(&bytes, fonts))
            .map(Outcome::Legible),
        Question::ToPdf { format, options } => to_pdf(document, *format, options, out, fonts),
        Question::Finish { finish } => finished(document, finish, out, fonts),
        Question::Show { format, look } => show(document, *format, look, out, fonts).map(Outcome::Shown),
        Question::Raster { format, options, raster } => {
            draw(document, *format, options, *raster, out, fonts).map(|()| Outcome::Made)
        }
    };
    done.unwrap_or_else(|error| Outcome::Refused(error.into()))
}

/// Tells what a file is from its content, and whether it can be opened. With `count`, the pages of a PDF are
/// counted, which reads the whole file.
pub(super) fn inspect(document: &mut File, count: bool) -> Result<Inspected, DocumentError> {
    let size = document.seek(SeekFrom::End(0))?;
    document.rewind()?;
    let mut head = Vec::with_capacity(1024);
    Read::by_ref(document).take(1024).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(DocumentError::Empty);
    }
    if head.windows(5).any(|window| window == b"%PDF-") {
        let counted = count && size <= pdf::MAX_COUNTED;
        let pages = if counted { Some(pdf::pages(read(document, Format::Pdf)?)?) } else { None };
        return Ok(Inspected { format: Format::Pdf, pages });
    }
    let one_page = |format| Ok(Inspected { format, pages: Some(1) });
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        image::jpeg_header(&read(document, Format::Jpeg)?)?;
        return one_page(Format::Jpeg);
    }
    document.rewind()?;
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        image::png_header(document)?;
        return one_page(Format::Png);
    }
    if [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| head.starts_with(magic)) {
        return Ok(Inspected { format: Format::Tiff, pages: picture::tiff_pages(document, count)? });
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        picture::webp_header(document)?;
        return one_page(Format::WebP);
    }
    // ISO/IEC 23008-12: no decoder has a licence that fits, but a person may know what to do.
    let brands = [&b"heic"[..], b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif"];
    if head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(|brand| brands.contains(&brand)) {
        return Err(DocumentError::Heif);
    }
    if let Some(format) = raster::kind(&head) {
        raster::check(document, format)?;
        return Ok(Inspected { format, pages: None });
    }
    if office::is_office(&head) {
        return Ok(Inspected { format: Format::Office, pages: None });
    }
    if svg::is_svg(&head) {
        svg::check(&read(document, Format::Svg)?)?;
        return one_page(Format::Svg);
    }
    // PostScript and PJL are programs for a printer, not something to read: printed as text they are a stack of code.
    if head.starts_with(b"%!") || head.starts_with(b"\x1b%-12345X") {
        return Err(DocumentError::Unsupported);
    }
    text::check(&read(document, Format::Text)?)?;
    Ok(Inspected { format: Format::Text, pages: None })
}

/// A PDF that was made.
enum Made {
    Open(Box<Document>),
    Written(Vec<u8>),
}

impl Made {
    fn opened(self) -> Result<Document, DocumentError> {
        match self {
            Self::Open(document) => Ok(*document),
            Self::Written(bytes) => pdf::open(&bytes),
        }
    }

    fn written(self) -> Result<Vec<u8>, DocumentError> {
        match self {
            Self::Open(mut document) => {
                let mut bytes = Vec::new();
                document.save_to(&mut bytes)?;
                Ok(bytes)
            }
            Self::Written(bytes) => Ok(bytes),
        }
    }
}

/// Makes a PDF of anything else, on the chosen paper, scaled and turned as was chosen.
fn make(
    document: &mut File,
    format: Format,
    options: &Options,
    fonts: &Fonts,
) -> Result<Made, DocumentError> {
    let open = |document| Ok(Made::Open(Box::new(document)));
    let rewound = |document: &mut File| document.rewind();
    match format {
        Format::Pdf => Ok(Made::Written(read(document, format)?)),
        Format::Text => text::lay_out(&read(document, format)?, options, fonts).map(|made| match made {
            text::LaidOut::Western(document) => Made::Open(document),
            text::LaidOut::Shaped(bytes) => Made::Written(bytes),
        }),
        Format::Jpeg => open(image::jpeg_page(read(document, format)?, options)?),
        Format::Svg => Ok(Made::Written(svg::page(&read(document, format)?, options, fonts)?)),
        Format::Png => {
            rewound(document)?;
            open(image::png_page(document, options)?)
        }
        Format::Tiff => {
            rewound(document)?;
            open(picture::tiff_document(document, options)?)
        }
        Format::WebP => {
            rewound(document)?;
            open(picture::webp_page(document, options)?)
        }
        Format::PwgRaster | Format::Urf => {
            rewound(document)?;
            let mut bytes = Vec::new();
            raster::write(document, format, &mut bytes)?;
            Ok(Made::Written(bytes))
        }
        // LibreOffice is the node's to start.
        Format::Office => Err(DocumentError::Unsupported),
    }
}

/// Sides of a document whose pages have these sizes. What was made here is on its paper already.
fn arrange(
    pages: &[Size],
    format: Format,
    options: &Options,
    paper: Option<Paper>,
) -> Result<Arranged, DocumentError> {
    if format == Format::Pdf || matches!(format, Format::PwgRaster | Format::Urf) {
        return sides::arrange(pages, options, paper);
    }
    let made = Options { scaling: None, media: None, ..options.clone() };
    let paper = Paper::of(options.media.as_deref());
    // A single page keeps the sheet it was made on, which may lie.
    sides::arrange(pages, &made, sides::is_laid_out(&made).then_some(paper))
}

fn to_pdf(
    document: &mut File,
    format: Format,
    options: &Options,
    out: &File,
    fonts: &Fonts,
) -> Result<Outcome, DocumentError> {
    let once = options.copies.unwrap_or(1) == 1;
    let as_made = options.pages.is_none() && once;
    if matches!(format, Format::PwgRaster | Format::Urf) && as_made && !sides::is_laid_out(options) {
        document.rewind()?;
        raster::write(document, format, BufWriter::new(out))?;
        return Ok(Outcome::Made);
    }
    let made = make(document, format, options, fonts)?;
    let may_change = sides::is_laid_out(options) || (format == Format::Pdf && options.media.is_some());
    if let Made::Written(bytes) = &made
        && format != Format::Pdf
        && as_made
        && !may_change
    {
        (&mut &*out).write_all(bytes)?;
        return Ok(Outcome::Made);
    }
    let made = match made {
        // Most pages have the paper's size: that is seen without reading more than their tree.
        Made::Written(bytes) if format == Format::Pdf && as_made => {
            let bytes = Arc::new(bytes);
            let sizes = Pages::open(bytes.clone()).map(|pages| pages.sizes());
            if sizes.is_ok_and(|sizes| arrange(&sizes, format, options, None).is_ok_and(|to| !to.changed)) {
                return Ok(Outcome::AsIs);
            }
            pdf::open(&bytes)?
        }
        made => made.opened()?,
    };
    let mut made = made;
    if may_change {
        let arranged = arrange(&impose::sizes(&made), format, options, None)?;
        if arranged.changed {
            impose::lay_out(&mut made, &arranged)?;
            let copies = Options { copies: options.copies, ..Options::default() };
            pdf::write(made, format, &copies, out)?;
            return Ok(Outcome::Made);
        }
    }
    if format == Format::Pdf && as_made {
        return Ok(Outcome::AsIs);
    }
    pdf::write(made, format, options, out)?;
    Ok(Outcome::Made)
}

fn finished(
    document: &mut File,
    finish: &Finish,
    out: &File,
    fonts: &Fonts,
) -> Result<Outcome, DocumentError> {
    let mut pdf = pdf::open(&read(document, Format::Pdf)?)?;
    finish::finish(&mut pdf, finish, fonts)?;
    pdf::write(pdf, Format::Pdf, &Options::default(), out)?;
    Ok(Outcome::Made)
}

/// Draws the wanted side.
fn show(
    document: &mut File,
    format: Format,
    look: &Look,
    out: &File,
    fonts: &Fonts,
) -> Result<Shown, DocumentError> {
    let mut options = look.options.clone();
    let paper = look.paper.as_deref().map(|paper| Paper::of(Some(paper)));
    if look.bare
        && let Some(sheet) = bare::sheet(document, format)?
    {
        options = Options { media: Some(sheet), scaling: Some(Scaling::Fill), ..Options::default() };
    }
    if format != Format::Pdf && options.media.is_none() {
        options.media.clone_from(&look.paper);
    }
    let pages = Pages::open(make(document, format, &options, fonts)?.written()?)?;
    let arranged = arrange(&pages.sizes(), format, &options, paper)?;
    let last = arranged.sides.len() - 1;
    let side = &arranged.sides[(look.side.max(1) as usize - 1).min(last)];
    let pixels = Pixels::with_edge(side.size, look.edge);
    page::png(&pages.pen(), side, pixels, look.color, BufWriter::new(out))?;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Shown {
        sides: count(arranged.sides.len()),
        pages: count(pages.count()),
        width: pixels.width.into(),
        height: pixels.height.into(),
    })
}

/// Draws all sides as a raster. Copies are the printer's business.
fn draw(
    document: &mut File,
    format: Format,
    options: &Options,
    raster: Raster,
    out: &File,
    fonts: &Fonts,
) -> Result<(), DocumentError> {
    let pages = Pages::open(make(document, format, options, fonts)?.written()?)?;
    let arranged = arrange(&pages.sizes(), format, options, None)?;
    let duplex = options.sides.unwrap_or(Sides::OneSided);
    out_raster::write(&pages.pen(), &arranged.sides, raster, duplex, BufWriter::new(out))
}

/// The whole document, if it is not larger than what is taken of its kind.
fn read(document: &mut File, format: Format) -> Result<Vec<u8>, DocumentError> {
    let size = document.seek(SeekFrom::End(0))?;
    document.rewind()?;
    let too_much = |words: &str| DocumentError::TooMuch(words.to_owned());
    let (most, over) = match format {
        Format::Pdf => (pdf::MAX_CUT, too_much("the PDF is too large to be changed")),
        Format::Text => (text::MAX_TEXT, DocumentError::Unsupported),
        Format::Svg => (svg::MAX_FILE, too_much("the drawing is too large")),
        _ => (image::MAX_FILE, too_much("the picture is too large")),
    };
    if size > most {
        return Err(over);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    // One that grows while it is read is cut where it ended.
    document.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
