//! What will be on paper, before it is.
//!
//! Each side is drawn by a child that reads the document as it would for printing, so there is nothing to get out of
//! step; about 50 ms for an ordinary page. Only what LibreOffice made is kept between two sides of the same file,
//! because that takes seconds. A newer wish for a side of a document ends an older one.

use super::{Source, ask_capabilities, convert::options_of, outbox_error};
use crate::{Core, StartError, presence};
use data_encoding::BASE64;
use lanyard_api::{ApiError, Document, ErrorCode, Orientation, Preview, PrintOptions};
use lanyard_print::{
    consume::OutboxError,
    document::{DocumentError, Documents, Format, Look},
    ticket::{Capabilities, Color, Options, Sides},
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What LibreOffice made is kept of so many documents.
const KEPT: usize = 4;

/// The longest edge of a picture in pixels.
const EDGES: std::ops::RangeInclusive<u32> = 16..=2400;

/// How long a printer may take to say what it can; then it is believed to be able to do everything.
const PATIENCE: Duration = Duration::from_secs(3);

/// Previews of this node.
pub(super) struct Previews {
    documents: Documents,
    dir: PathBuf,
    /// What is being drawn, by document.
    drawn: Mutex<HashMap<PathBuf, (Uuid, CancellationToken)>>,
    /// What LibreOffice made, the latest last.
    made: tokio::sync::Mutex<Vec<Converted>>,
}

/// A document that LibreOffice made a PDF of.
struct Converted {
    of: Fingerprint,
    pdf: PathBuf,
}

/// A file, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint {
    path: PathBuf,
    size: u64,
    changed: Option<SystemTime>,
}

impl Previews {
    /// Keeps its pictures in `dir`, which is emptied.
    pub(super) fn open(documents: Documents, dir: PathBuf) -> Result<Self, StartError> {
        let _ = fs::remove_dir_all(&dir);
        let made = fs::create_dir_all(&dir);
        made.map_err(|error| StartError::failed("making a place for previews", error))?;
        Ok(Self { documents, dir, drawn: Mutex::default(), made: tokio::sync::Mutex::default() })
    }

    /// The file to draw, and what it is.
    async fn readable(&self, source: &Path) -> Result<(PathBuf, Format), DocumentError> {
        let found = self.documents.inspect(source, false).await?;
        if found.format != Format::Office {
            return Ok((source.to_owned(), found.format));
        }
        let about = fs::metadata(source)?;
        let of = Fingerprint { path: source.to_owned(), size: about.len(), changed: about.modified().ok() };
        // Held while it is made: two sides of one document are made from one conversion.
        let mut made = self.made.lock().await;
        let at = match made.iter().position(|known| known.of == of) {
            Some(at) => at,
            None => {
                let pdf = self.dir.join(format!("{}.pdf", Uuid::new_v4().simple()));
                self.documents.office_to_pdf(source, &pdf).await?;
                made.push(Converted { of, pdf });
                while made.len() > KEPT {
                    let _ = fs::remove_file(made.remove(0).pdf);
                }
                made.len() - 1
            }
        };
        let known = made.remove(at);
        let pdf = known.pdf.clone();
        made.push(known);
        Ok((pdf, Format::Pdf))
    }

    fn drawn(&self) -> MutexGuard<'_, HashMap<PathBuf, (Uuid, CancellationToken)>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what was being drawn of a document, and says when this is no longer wanted either.
    fn begin(&self, document: &Path) -> Drawing<'_> {
        let (id, superseded) = (Uuid::new_v4(), CancellationToken::new());
        if let Some((_, older)) = self.drawn().insert(document.to_owned(), (id, superseded.clone())) {
            older.cancel();
        }
        let picture = self.dir.join(format!("{}.png", id.simple()));
        Drawing { previews: self, document: document.to_owned(), id, superseded, picture }
    }
}

/// A picture in the making; its file goes away with it.
struct Drawing<'a> {
    previews: &'a Previews,
    document: PathBuf,
    id: Uuid,
    superseded: CancellationToken,
    picture: PathBuf,
}

impl Drop for Drawing<'_> {
    fn drop(&mut self) {
        let mut drawn = self.previews.drawn();
        if drawn.get(&self.document).is_some_and(|(id, _)| *id == self.id) {
            drawn.remove(&self.document);
        }
        let _ = fs::remove_file(&self.picture);
    }
}

/// One side of paper as the job would print it.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `unsupported_document`, `unreadable`; `busy` for one that a newer wish for the
/// same document has ended.
pub async fn preview(
    core: &Arc<Core>,
    printer: Option<String>,
    document: Document,
    options: PrintOptions,
    side: u32,
    size: u32,
) -> Result<Preview, ApiError> {
    if !EDGES.contains(&size) {
        let words = format!("A preview is {} to {} pixels large.", EDGES.start(), EDGES.end());
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    let turned = options.orientation;
    let options = options_of(options)?;
    let source = Source::of(core, document)?;
    let abilities = match printer {
        None => None,
        Some(printer) => {
            let found = presence::find_printer(core, &printer)?;
            let told = tokio::time::timeout(PATIENCE, ask_capabilities(core, &found)).await;
            told.ok().and_then(Result::ok)
        }
    };
    let previews = &core.printing.previews;
    let drawing = previews.begin(&source.path);
    let draw = async {
        let (path, format) = previews.readable(&source.path).await?;
        let look = Look {
            paper: abilities.as_ref().and_then(|printer| printer.media_default.clone()),
            side,
            edge: size,
            color: options.color != Some(Color::Monochrome)
                && abilities.as_ref().is_none_or(|printer| printer.color),
            options: options.clone(),
        };
        let shown = previews.documents.show(&path, format, look, &drawing.picture).await?;
        Ok((shown, tokio::fs::read(&drawing.picture).await?, format))
    };
    let drawn: Result<_, DocumentError> = tokio::select! {
        drawn = draw => drawn,
        () = drawing.superseded.cancelled() => {
            return Err(ApiError::new(ErrorCode::Busy, "A newer preview of this document was asked for."));
        }
    };
    let (shown, png, format) = drawn.map_err(|error| outbox_error(OutboxError::Document(error)))?;
    let mut differs = abilities.map(|printer| differences(&options, &printer)).unwrap_or_default();
    if turned.is_some_and(|turned| turned == Orientation::Landscape) && format == Format::Pdf {
        differs.push("The pages of a PDF keep the way they lie.".to_owned());
    }
    Ok(Preview {
        sides: shown.sides,
        pages: shown.pages,
        side: side.clamp(1, shown.sides),
        png: BASE64.encode(&png),
        width: shown.width,
        height: shown.height,
        differs,
    })
}

/// What a printer will do otherwise than was chosen, in sentences.
fn differences(options: &Options, printer: &Capabilities) -> Vec<String> {
    let mut differs = Vec::new();
    let mut say = |differs_so: bool, words: String| {
        if differs_so {
            differs.push(words);
        }
    };
    say(
        options.color == Some(Color::Color) && !printer.color,
        "This printer has no colour: it will be grey.".to_owned(),
    );
    let both = |sides: &Sides| *sides != Sides::OneSided;
    let lacks_sides =
        options.sides.as_ref().is_some_and(|sides| both(sides) && !printer.sides.contains(sides));
    say(
        lacks_sides,
        "This printer does not print both sides that way: it will be one side a sheet.".to_owned(),
    );
    say(
        options.booklet && !printer.sides.iter().any(both),
        "This printer prints one side only: lay the sheets in again for the other side of the booklet."
            .to_owned(),
    );
    let lacks = |chosen: &Option<String>, has: &[String]| {
        chosen.as_ref().is_some_and(|chosen| !has.is_empty() && !has.contains(chosen))
    };
    say(
        lacks(&options.media, &printer.media),
        format!("This printer has no paper {}.", options.media.as_deref().unwrap_or_default()),
    );
    say(
        lacks(&options.source, &printer.sources),
        "This printer has no such tray: it will take its own.".to_owned(),
    );
    say(
        lacks(&options.media_type, &printer.media_types),
        "This printer knows no such kind of paper: it will take what is in it.".to_owned(),
    );
    let most = printer.max_copies;
    say(
        options.copies.is_some_and(|copies| copies > most),
        format!("This printer makes at most {most} copies."),
    );
    differs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn plain_printer() -> Capabilities {
        serde_json::from_str(
            r#"{"formats":["application/pdf","image/x-new"],"color":false,"sides":["one-sided"],"media":["iso_a4_210x297mm"],"max_copies":9}"#,
        )
        .unwrap()
    }

    #[test]
    fn what_a_printer_cannot_do_is_said_and_what_it_can_is_not() {
        let printer = plain_printer();
        assert_eq!(printer.formats, [Format::Pdf], "a kind that we do not know is left out");
        assert!(differences(&Options::default(), &printer).is_empty());
        let options = Options {
            copies: Some(10),
            color: Some(Color::Color),
            sides: Some(Sides::TwoSidedLongEdge),
            media: Some("iso_a3_297x420mm".to_owned()),
            booklet: true,
            ..Options::default()
        };
        let said = differences(&options, &printer);
        assert_eq!(said.len(), 5, "{said:?}");
        let options = Options {
            copies: Some(9),
            color: Some(Color::Monochrome),
            media: Some("iso_a4_210x297mm".to_owned()),
            ..Options::default()
        };
        assert!(differences(&options, &printer).is_empty());
    }
}
