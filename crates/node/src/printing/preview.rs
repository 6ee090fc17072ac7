//! What will be on paper, before it is.
//!
//! Each side is drawn by a child that reads the document as it would for printing, so there is nothing to get out of
//! step; about 50 ms for an ordinary page. The PDF that was made of a document with many pages of pixels, of a long text
//! or by LibreOffice is kept for the next side of the same file, because that takes seconds. A newer wish for a side of
//! a document ends an older one.

use super::{Source, ask_capabilities, convert::options_of, outbox_error};
use crate::{Core, StartError, presence};
use data_encoding::BASE64;
use lanyard_api::{ApiError, Difference, Document, ErrorCode, Orientation, Preview, PrintOptions};
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

/// PDFs that were made are kept of so many documents.
const KEPT: usize = 4;

/// A text above this takes long enough to lay out that the result is kept.
const LONG_TEXT: u64 = 256 * 1024;

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
    /// PDFs that took long to make, the latest last.
    made: tokio::sync::Mutex<Vec<Converted>>,
}

/// A document that a PDF was made of, with choices that show in it.
struct Converted {
    of: (Fingerprint, Options),
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

    /// The file to draw, what it is, and what is still to be done with it.
    async fn readable(
        &self,
        source: &Path,
        options: &Options,
        paper: Option<&String>,
    ) -> Result<(PathBuf, Format, Options), DocumentError> {
        let found = self.documents.inspect(source, false).await?;
        let about = fs::metadata(source)?;
        let lasting = match found.format {
            Format::Office | Format::Tiff | Format::PwgRaster | Format::Urf => true,
            Format::Text => about.len() > LONG_TEXT,
            _ => false,
        };
        if !lasting {
            return Ok((source.to_owned(), found.format, options.clone()));
        }
        let media = options.media.clone().or_else(|| paper.cloned());
        let how = match found.format {
            // It knows its own paper.
            Format::Office | Format::PwgRaster | Format::Urf => Options::default(),
            _ => Options {
                media: media.clone(),
                scaling: options.scaling,
                orientation: options.orientation,
                ..Options::default()
            },
        };
        // What was made on its paper is not scaled again.
        let scaling = options.scaling.filter(|_| how == Options::default());
        let left = Options { media, scaling, ..options.clone() };
        let of = Fingerprint { path: source.to_owned(), size: about.len(), changed: about.modified().ok() };
        let of = (of, how);
        // Held while it is made: two sides of one document come from one conversion.
        let mut made = self.made.lock().await;
        let known = match made.iter().position(|known| known.of == of) {
            Some(at) => made.remove(at),
            None => {
                let pdf = self.dir.join(format!("{}.pdf", Uuid::new_v4().simple()));
                let mut unfinished = Unfinished(Some(pdf.clone()));
                self.documents.to_pdf(source, found.format, &of.1, &pdf).await?;
                unfinished.0 = None;
                Converted { of, pdf }
            }
        };
        let pdf = known.pdf.clone();
        made.push(known);
        while made.len() > KEPT {
            let _ = fs::remove_file(made.remove(0).pdf);
        }
        Ok((pdf, Format::Pdf, left))
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

/// A PDF in the making; gone when it is given up.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = self.0.as_ref().map(fs::remove_file);
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
        let paper = abilities.as_ref().and_then(|printer| printer.media_default.clone());
        let (path, format, left) = previews.readable(&source.path, &options, paper.as_ref()).await?;
        let look = Look {
            paper,
            side,
            edge: size,
            color: options.color != Some(Color::Monochrome)
                && abilities.as_ref().is_none_or(|printer| printer.color),
            options: left,
            bare: false,
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
        differs.push(Difference::Orientation);
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

/// What a printer will do otherwise than was chosen.
fn differences(options: &Options, printer: &Capabilities) -> Vec<Difference> {
    let both = |sides: &Sides| *sides != Sides::OneSided;
    let lacks_sides =
        options.sides.as_ref().is_some_and(|sides| both(sides) && !printer.sides.contains(sides));
    // A printer that lists nothing was not asked, or cannot be told: nothing is known of what it lacks.
    let lacks = |chosen: &Option<String>, has: &[String]| {
        chosen.as_ref().is_some_and(|chosen| !has.is_empty() && !has.contains(chosen))
    };
    let most = printer.max_copies;
    let media = || Difference::Media { media: options.media.clone().unwrap_or_default() };
    [
        (options.color == Some(Color::Color) && !printer.color).then_some(Difference::Grey),
        lacks_sides.then_some(Difference::OneSided),
        (options.booklet && !printer.sides.iter().any(both)).then_some(Difference::BookletByHand),
        lacks(&options.media, &printer.media).then(media),
        lacks(&options.source, &printer.sources).then_some(Difference::Tray),
        lacks(&options.media_type, &printer.media_types).then_some(Difference::MediaType),
        options.copies.is_some_and(|copies| copies > most).then_some(Difference::Copies { most }),
    ]
    .into_iter()
    .flatten()
    .collect()
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
        let media = "iso_a3_297x420mm".to_owned();
        let expected = [
            Difference::Grey,
            Difference::OneSided,
            Difference::BookletByHand,
            Difference::Media { media },
            Difference::Copies { most: 9 },
        ];
        assert_eq!(differences(&options, &printer), expected);
        let options = Options {
            copies: Some(9),
            color: Some(Color::Monochrome),
            media: Some("iso_a4_210x297mm".to_owned()),
            ..Options::default()
        };
        assert!(differences(&options, &printer).is_empty());
    }
}
