//! The child's side: what this same program does when the node starts it to read one document.
//!
//! A program that runs a node calls [`answer_if_child`] first of all in its `main`: no thread, no log and no
//! configuration is there yet. The document is the standard input, a PDF to be made the standard output, the answer
//! goes to the standard error. Nothing is opened here, and nothing is read before [`Limits`] are in force.

use super::{
    DocumentError, Format, Inspected, Paper, image,
    limits::{Limits, STACK},
    pdf, text,
    wire::{Answer, Outcome, Question},
};
use crate::ticket::Options;
use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    panic,
    process::ExitCode,
    thread,
};

/// The first argument of a child; the question is the second.
pub(super) const CHILD: &str = "--lanyard-document-child";

/// When this process was started to read a document, does that and says how to exit. None in every other process.
#[must_use]
pub fn answer_if_child() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != OsStr::new(CHILD) {
        return None;
    }
    let question = arguments.next().unwrap_or_default();
    Some(match question.to_str().and_then(|question| serde_json::from_str(question).ok()) {
        Some(question) => answer(question),
        None => ExitCode::FAILURE,
    })
}

/// Reads on a thread with a large stack. Ends the process from there when all went well.
fn answer(question: Question) -> ExitCode {
    // What a panic has to say would stand where the answer is expected.
    panic::set_hook(Box::new(|_| {}));
    let begun = Limits::begin();
    let reading = thread::Builder::new().stack_size(STACK).spawn(move || -> io::Result<()> {
        let (mut document, out) = handles()?;
        let size = document.seek(SeekFrom::End(0))?;
        let confined = Limits::for_document(size).take(begun, &document, &out);
        let outcome = work(&question, &mut document, &out);
        io::stderr().write_all(&Answer { confined, outcome }.to_line())?;
        // A thread that merely ended would need calls that are not left.
        std::process::exit(0)
    });
    // Only failures come back.
    let _ = reading.map(thread::JoinHandle::join);
    ExitCode::FAILURE
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

pub(super) fn work(question: &Question, document: &mut File, out: &File) -> Outcome {
    match question {
        Question::Inspect { count } => Outcome::of_inspection(inspect(document, *count)),
        Question::IsWestern => {
            match read(document, Format::Text).and_then(|bytes| text::is_western(&bytes)) {
                Ok(western) => Outcome::Western(western),
                Err(error) => Outcome::Refused(error.into()),
            }
        }
        Question::ToPdf { format, options } => match to_pdf(document, *format, options, out) {
            Ok(()) => Outcome::Made,
            Err(error) => Outcome::Refused(error.into()),
        },
    }
}

/// Tells what a file is from its content, and whether it can be opened. With `count`, the pages of a PDF are
/// counted, which reads the whole file.
fn inspect(document: &mut File, count: bool) -> Result<Inspected, DocumentError> {
    let size = document.seek(SeekFrom::End(0))?;
    document.rewind()?;
    let mut head = Vec::with_capacity(1024);
    Read::by_ref(document).take(1024).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(DocumentError::Empty);
    }
    if head.windows(5).any(|window| window == b"%PDF-") {
        let counted = count && size <= pdf::MAX_COUNTED;
        let pages = if counted { pdf::pages(&read(document, Format::Pdf)?)? } else { None };
        return Ok(Inspected { format: Format::Pdf, pages });
    }
    let one_page = |format| Ok(Inspected { format, pages: Some(1) });
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        image::jpeg_header(&read(document, Format::Jpeg)?)?;
        return one_page(Format::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        document.rewind()?;
        image::png_header(document)?;
        return one_page(Format::Png);
    }
    text::check(&read(document, Format::Text)?)?;
    Ok(Inspected { format: Format::Text, pages: None })
}

fn to_pdf(document: &mut File, format: Format, options: &Options, out: &File) -> Result<(), DocumentError> {
    let paper = Paper::of(options.media.as_deref());
    let made = match format {
        Format::Pdf => pdf::open(&read(document, format)?)?,
        Format::Text => text::lay_out(&read(document, format)?, paper)?,
        Format::Jpeg => image::jpeg_page(read(document, format)?, paper)?,
        Format::Png => {
            document.rewind()?;
            image::png_page(document, paper)?
        }
    };
    pdf::write(made, format, options, out)
}

/// The whole document, if it is not larger than what is taken of its kind.
fn read(document: &mut File, format: Format) -> Result<Vec<u8>, DocumentError> {
    let size = document.seek(SeekFrom::End(0))?;
    document.rewind()?;
    let too_much = |words: &str| DocumentError::TooMuch(words.to_owned());
    let (most, over) = match format {
        Format::Pdf => (pdf::MAX_CUT, too_much("the PDF is too large to take pages out of it")),
        Format::Jpeg | Format::Png => (image::MAX_FILE, too_much("the picture is too large")),
        Format::Text => (text::MAX_TEXT, DocumentError::Unsupported),
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
