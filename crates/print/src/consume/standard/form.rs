//! In which form a document goes to a printer: as it is, as a PDF that is made of it, or drawn as a raster.
//!
//! [`how`] decides from what the printer says of itself and is pure; [`Ready`] is the file that is sent.

use crate::{
    client::attributes::takes,
    document::{Documents, Format, Laid},
    render::{
        raster::{Kind, Raster, SheetBack, Space},
        sides::is_laid_out,
    },
    system::{Handover, SpoolError},
    ticket::{Color, Options, is_media_name},
};
use lanyard_ipp::{Group, ResolutionUnit, Value};
use std::path::{Path, PathBuf};

/// What [`how`] looks at besides the printer's formats.
pub(super) const ASKED: [&str; 4] = [
    "pwg-raster-document-resolution-supported",
    "pwg-raster-document-type-supported",
    "pwg-raster-document-sheet-back",
    "urf-supported",
];

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As it is.
    AsItIs,
    /// As a PDF with these choices carried out in it; a PDF in which that changes nothing is sent as it is.
    Pdf(Options),
    /// Drawn, with these choices carried out in it.
    Raster(Options, Raster),
}

impl How {
    /// True when the pages that were chosen are taken out of the document here.
    pub(super) fn cuts_pages(&self) -> bool {
        match self {
            Self::AsItIs => false,
            Self::Pdf(with) | Self::Raster(with, _) => with.pages.is_some(),
        }
    }
}

/// Decides.
///
/// # Errors
/// [`SpoolError::Unsupported`] when the printer takes nothing that can be made of it.
pub(super) fn how(format: Format, options: &Options, facts: &Group) -> Result<How, SpoolError> {
    let laid_out = is_laid_out(options);
    let plain = options.pages.is_none() && !laid_out;
    // Pictures are drawn by the printer, text is laid out here: what printers make of it differs.
    if takes(facts, format) && plain && !matches!(format, Format::Pdf | Format::Text) {
        return Ok(How::AsItIs);
    }
    let paper = facts.text("media-default").filter(|name| is_media_name(name)).map(str::to_owned);
    if takes(facts, Format::Pdf) {
        let cuts = laid_out || facts.bool("page-ranges-supported") != Some(true);
        return Ok(How::Pdf(Options {
            copies: None,
            sides: None,
            color: None,
            pages: options.pages.clone().filter(|_| cuts),
            media: options.media.clone().or(paper.filter(|_| laid_out || format != Format::Pdf)),
            ..options.clone()
        }));
    }
    if let Some(raster) = raster(options, facts) {
        let media = options.media.clone().or(paper);
        return Ok(How::Raster(Options { copies: None, media, ..options.clone() }, raster));
    }
    if takes(facts, format) && plain {
        return Ok(How::AsItIs);
    }
    Err(SpoolError::Unsupported(format!("This printer does not take {} documents.", format.name())))
}

/// The raster that suits the printer best: as many dots an inch as were chosen, else 300, or as near as it has, with colour where it is wanted.
fn raster(options: &Options, facts: &Group) -> Option<Raster> {
    if takes(facts, Format::PwgRaster) {
        let told = facts.find("pwg-raster-document-resolution-supported")?;
        let dpi = nearest(told.values.iter().filter_map(dpi), options)?;
        let types: Vec<&str> = facts.texts("pwg-raster-document-type-supported").collect();
        let back = facts.text("pwg-raster-document-sheet-back").and_then(SheetBack::from_keyword);
        let space = space(options, |name| types.contains(&name))?;
        return Some(Raster { kind: Kind::Pwg, space, dpi, back: back.unwrap_or_default() });
    }
    if !takes(facts, Format::Urf) {
        return None;
    }
    let told: Vec<String> = facts.texts("urf-supported").map(str::to_ascii_uppercase).collect();
    let resolutions = told.iter().find_map(|one| one.strip_prefix("RS"))?;
    let dpi = nearest(resolutions.split('-').filter_map(|dpi| dpi.parse().ok()), options)?;
    let has = |name: &str| told.iter().any(|one| one.starts_with(name));
    let space = space(options, |name| match name {
        "srgb_8" => has("SRGB24"),
        "sgray_8" => has("W8"),
        _ => false,
    })?;
    // DM1 to DM4 in AirPrint's order of the same four.
    let backs = [
        ("DM1", SheetBack::Normal),
        ("DM2", SheetBack::Flipped),
        ("DM3", SheetBack::Rotated),
        ("DM4", SheetBack::ManualTumble),
    ];
    let back = backs.into_iter().find(|(name, _)| has(name)).map(|(_, back)| back);
    Some(Raster { kind: Kind::Urf, space, dpi, back: back.unwrap_or_default() })
}

fn dpi(value: &Value) -> Option<u32> {
    match value {
        Value::Resolution(told) if told.x == told.y && told.unit == ResolutionUnit::PerInch => {
            u32::try_from(told.x).ok()
        }
        _ => None,
    }
}

fn nearest(all: impl Iterator<Item = u32>, options: &Options) -> Option<u32> {
    const USUAL: u32 = 300;
    let wanted = options.dpi.unwrap_or(USUAL);
    all.filter(|dpi| (72..=1200).contains(dpi)).min_by_key(|dpi| (dpi.abs_diff(wanted), *dpi))
}

fn space(options: &Options, has: impl Fn(&str) -> bool) -> Option<Space> {
    let all = [("srgb_8", Space::Srgb8), ("sgray_8", Space::Sgray8), ("black_1", Space::Black1)];
    let grey = options.color == Some(Color::Monochrome);
    let mut liked = all.to_vec();
    if grey {
        liked.rotate_left(1);
    }
    liked.into_iter().find(|(name, _)| has(name)).map(|(_, space)| space)
}

/// The file that is sent: the document itself, or one made of it that goes away afterwards.
pub(super) struct Ready {
    pub(super) path: PathBuf,
    pub(super) mime: &'static str,
    made: bool,
}

impl Ready {
    pub(super) async fn make(documents: &Documents, job: &Handover, how: &How) -> Result<Self, SpoolError> {
        let as_it_is = Self { path: job.document.clone(), mime: job.format.mime(), made: false };
        let beside = |ending: &str| {
            let mut made = job.document.clone().into_os_string();
            made.push(ending);
            PathBuf::from(made)
        };
        match how {
            How::AsItIs => Ok(as_it_is),
            How::Pdf(with) => {
                // Away again whatever happens while it is made.
                let ready = Self { path: beside(".pdf"), mime: Format::Pdf.mime(), made: true };
                match documents.lay_out(&job.document, job.format, with, &ready.path).await? {
                    Laid::Made => Ok(ready),
                    Laid::AsIs => Ok(as_it_is),
                }
            }
            How::Raster(with, raster) => {
                let format = match raster.kind {
                    Kind::Pwg => Format::PwgRaster,
                    Kind::Urf => Format::Urf,
                };
                let ready = Self { path: beside(".raster"), mime: format.mime(), made: true };
                draw(documents, job, with, *raster, &ready.path).await?;
                Ok(ready)
            }
        }
    }
}

async fn draw(
    documents: &Documents,
    job: &Handover,
    with: &Options,
    raster: Raster,
    out: &Path,
) -> Result<(), SpoolError> {
    Ok(documents.to_raster(&job.document, job.format, with, raster, out).await?)
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::client::attributes::tests::group;
    use lanyard_ipp::Attribute;

    fn formats(all: &[&str]) -> Attribute {
        Attribute::many("document-format-supported", all.iter().map(|mime| Value::mime(*mime)))
    }

    #[test]
    fn a_pdf_goes_as_it_is_where_that_will_do_and_is_cut_where_the_printer_cannot() {
        let options = Options { pages: Some("2".parse().unwrap()), ..Options::default() };
        let pdf = formats(&["application/pdf", "image/jpeg"]);
        let cuts = |facts: &Group, options: &Options| how(Format::Pdf, options, facts).unwrap().cuts_pages();
        let cannot = group(vec![pdf.clone()]);
        let can = group(vec![pdf, Attribute::one("page-ranges-supported", Value::Boolean(true))]);
        assert!(cuts(&cannot, &options));
        assert!(!cuts(&can, &options));
        let two_up = Options { number_up: Some(2), ..options };
        assert!(cuts(&can, &two_up), "the pages are chosen before they are arranged");
        assert_eq!(how(Format::Jpeg, &Options::default(), &can).unwrap(), How::AsItIs);
        assert!(matches!(how(Format::Text, &Options::default(), &can).unwrap(), How::Pdf(_)));
    }

    #[test]
    fn a_printer_that_reads_only_raster_gets_what_it_reads() {
        let pwg = group(vec![
            formats(&["image/pwg-raster", "image/jpeg"]),
            Attribute::many("pwg-raster-document-resolution-supported", [600, 360].map(Value::dpi)),
            Attribute::keywords("pwg-raster-document-type-supported", ["black_1", "sgray_8", "srgb_8"]),
            Attribute::one("pwg-raster-document-sheet-back", Value::keyword("rotated")),
        ]);
        let How::Raster(_, raster) = how(Format::Pdf, &Options::default(), &pwg).unwrap() else { panic!() };
        let expected = Raster { kind: Kind::Pwg, space: Space::Srgb8, dpi: 360, back: SheetBack::Rotated };
        assert_eq!(raster, expected);
        let grey = Options { color: Some(Color::Monochrome), ..Options::default() };
        let How::Raster(_, raster) = how(Format::Pdf, &grey, &pwg).unwrap() else { panic!() };
        assert_eq!(raster.space, Space::Sgray8);
        let urf = group(vec![
            formats(&["image/urf"]),
            Attribute::keywords("urf-supported", ["V1.4", "W8", "RS300-600", "DM3", "CP1"]),
        ]);
        let How::Raster(_, raster) = how(Format::Text, &Options::default(), &urf).unwrap() else { panic!() };
        let expected = Raster { kind: Kind::Urf, space: Space::Sgray8, dpi: 300, back: SheetBack::Rotated };
        assert_eq!(raster, expected);
        assert!(how(Format::Pdf, &Options::default(), &group(vec![formats(&["image/jpeg"])])).is_err());
    }
}
