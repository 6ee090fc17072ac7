//! `lanyard print --preview`: a side of paper as a picture, instead of printing it.

use crate::{
    Failure,
    ask::{self, Asked},
    show,
};
use data_encoding::BASE64;
use lanyard_api::{Difference, Document, PrintOptions, Request, Response};
use serde::Serialize;
use std::{fs, path::Path};

/// The longer edge of the picture in pixels.
const EDGE: u32 = 1600;

/// What is said about a picture that was written.
#[derive(Serialize)]
struct Written<'a> {
    sides: u32,
    pages: u32,
    side: u32,
    width: u32,
    height: u32,
    differs: Vec<String>,
    file: &'a Path,
}

/// Writes a side as PNG.
pub(crate) async fn preview(
    node: &Asked,
    printer: String,
    document: Document,
    options: PrintOptions,
    (side, file): (u32, &Path),
    json: bool,
) -> Result<(), Failure> {
    let wish = Request::Preview { printer: Some(printer), document, options, side, size: EDGE };
    let Response::Preview(shown) = node.ask(wish).await? else { return Err(ask::odd()) };
    let png = BASE64.decode(shown.png.as_bytes()).map_err(|_| ask::odd())?;
    fs::write(file, png).map_err(|error| {
        let file = show::clean(&file.to_string_lossy());
        Failure::said(format!("The picture cannot be written to “{file}”: {error}."))
    })?;
    let written = Written {
        sides: shown.sides,
        pages: shown.pages,
        side: shown.side,
        width: shown.width,
        height: shown.height,
        differs: shown.differs.iter().map(sentence).collect(),
        file,
    };
    show::show(json, &written, |written| {
        let place = show::clean(&written.file.to_string_lossy());
        let mut text = format!("Side {} of {}: {place}\n", written.side, written.sides);
        written.differs.iter().for_each(|words| text.push_str(&format!("{}\n", show::clean(words))));
        text
    })
}

/// What will not be as it was chosen.
fn sentence(difference: &Difference) -> String {
    let said = match difference {
        Difference::Grey => "This printer has no colour: it will be grey.",
        Difference::OneSided => {
            "This printer does not print both sides that way: it will be one side a sheet."
        }
        Difference::BookletByHand => {
            "This printer prints one side only: lay the sheets in again for the other side of the booklet."
        }
        Difference::Media { media } => return format!("This printer has no paper {media}."),
        Difference::Tray => "This printer has no such tray: it will take its own.",
        Difference::MediaType => "This printer knows no such kind of paper: it will take what is in it.",
        Difference::Copies { most } => return format!("This printer makes at most {most} copies."),
        Difference::Orientation => "The pages of a PDF keep the way they lie.",
    };
    said.to_owned()
}
