//! What two nodes say about a job: the ticket that comes with a document, and what became of it.
//!
//! Parsed once, at the edge, into types that hold only what makes sense. Strangers send these too, so every text
//! is bounded and cleaned here. HTTP is left to the two halves.

mod managed;

use crate::document::Format;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The header that carries a ticket, as unpadded base64url of its JSON: titles are not ASCII.
pub const TICKET_HEADER: &str = "lanyard-ticket";

/// The longest ticket header.
pub const MAX_TICKET: usize = 8 * 1024;

/// The largest document taken.
pub const MAX_DOCUMENT: u64 = 2 * 1024 * 1024 * 1024;

/// The most copies of one job.
pub const MAX_COPIES: u32 = 999;

/// The reason of a job that may or may not be on paper: only a person can look.
pub const MAYBE_PRINTED: &str = "maybe_printed";

/// The reason of a job that was cancelled here while its owner may have it and has not answered.
pub const CANCEL_UNCONFIRMED: &str = "cancel_unconfirmed";

/// The reason of a job that waits for the owner's permission.
pub const MUST_ASK: &str = "must_ask";

/// The reason of a job that its sender keeps back (RFC 8011 §5.3.8).
pub const HELD_BY_SENDER: &str = "job-hold-until-specified";

/// A question to the owner of a printer: may this be printed? The body of `POST /v1/asks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Question<'a> {
    /// The share.
    pub(crate) share: &'a str,
    /// What is wanted: `print`.
    pub(crate) action: &'a str,
    /// The document's name.
    pub(crate) title: &'a str,
    /// Its pages.
    pub(crate) pages: Option<u32>,
    /// Its size.
    pub(crate) bytes: u64,
}

/// What comes with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The document's name, for people.
    pub title: String,
    /// What kind of document it is; the receiver looks for itself.
    pub format: Format,
    /// Bytes of the document.
    pub size: u64,
    /// BLAKE3 of the document, 64 hexadecimal digits.
    pub blake3: String,
    /// Counts the times a person asked for this job: a repeated request with the same number is the same job, a
    /// higher one after a failure prints again.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Pages in the document, when the sender knows.
    #[serde(default)]
    pub pages: Option<u32>,
    /// What was chosen.
    #[serde(default)]
    pub options: Options,
}

/// Why a ticket is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Too long, no base64url, no JSON, or a field of the wrong kind.
    #[error("the ticket cannot be read")]
    Unreadable,
    /// Readable, but it makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// What a person chose. What is left out is the printer's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// 1 to [`MAX_COPIES`]; none means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// None means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PageRanges>,
    /// Sides of the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
    /// Colour or grey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// A PWG 5101.1 media name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// How finely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// A tray: RFC 8011 `media-source` keyword.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A kind of paper: PWG 5100.3 `media-type` keyword.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Pages on one side; none means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_up: Option<u32>,
    /// How a page is fitted to the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How text and pictures lie on the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// Laid out to be folded into a booklet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub booklet: bool,
    /// With a sheet before it that says what it is and whose (RFC 8011 §5.2.3 `job-sheets`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cover: bool,
    /// Dots an inch with which the printer prints (RFC 8011 §5.2.12 `printer-resolution`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<u32>,
}

/// RFC 8011 §5.2.13 `print-quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// 3.
    Draft,
    /// 4.
    Normal,
    /// 5.
    High,
}

/// PWG 5100.13 `print-scaling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Made smaller when it is too large for the paper, else as it is.
    Auto,
    /// As large as fits.
    Fit,
    /// Fills the paper; what is beyond the edge is cut.
    Fill,
    /// As it is; what is beyond the edge is cut.
    None,
}

/// RFC 8011 §5.2.10 `orientation-requested`, as far as a person chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// 3.
    Portrait,
    /// 4.
    Landscape,
}

/// The numbers of pages that can be put on one side.
pub const NUMBER_UP: [u32; 6] = [1, 2, 4, 6, 9, 16];

/// Dots an inch that a printer may have.
pub const DPI: std::ops::RangeInclusive<u32> = 50..=9600;

/// RFC 8011 §5.2.8 `sides`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// One side.
    OneSided,
    /// Both, turned on the long edge.
    TwoSidedLongEdge,
    /// Both, turned on the short edge.
    TwoSidedShortEdge,
}

/// PWG 5100.13 `print-color-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// Colour where the document has it.
    Color,
    /// Grey.
    Monochrome,
}

/// Pages of a document, 1-based, ascending, without overlaps; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRanges(Vec<(u32, u32)>);

/// The text names no pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pages are written like 1-3,5")]
pub struct ParsePageRangesError;

/// What a printer can do; only this is offered to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What it takes, our own conversion included; kinds that this version does not know are left out.
    #[serde(deserialize_with = "known_formats")]
    pub formats: Vec<Format>,
    /// Whether it prints colour.
    pub color: bool,
    /// The sides it can print on, its default first; empty when it does not say.
    #[serde(default)]
    pub sides: Vec<Sides>,
    /// PWG 5101.1 media names.
    #[serde(default)]
    pub media: Vec<String>,
    /// The medium it uses when nothing is said.
    #[serde(default)]
    pub media_default: Option<String>,
    /// The most copies it makes of one job.
    pub max_copies: u32,
    /// Qualities it can be told, its default first.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Trays it can be told, as IPP keywords, its default first.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Kinds of paper it can be told, as IPP keywords, its default first.
    #[serde(default)]
    pub media_types: Vec<String>,
}

/// Something a printer uses up (PWG 5100.13 `printer-supply`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// What the printer calls it.
    pub name: String,
    /// `#rrggbb`, for what has a colour.
    #[serde(default)]
    pub color: Option<String>,
    /// What is left, in percent; none when the printer knows only that some is.
    #[serde(default)]
    pub level: Option<u8>,
    /// True when it will soon be needed.
    #[serde(default)]
    pub low: bool,
}

/// Where a job is with the owner of the printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Safe on the owner's disk, not on paper yet.
    Waiting,
    /// Kept back until somebody lets it go, or for a time.
    Held,
    /// Being printed.
    Printing,
    /// A person must do something.
    Stopped,
    /// On paper.
    Done,
    /// Cancelled.
    Cancelled,
    /// Will not be printed.
    Failed,
}

pub use managed::ManagedJob;

/// What an owner tells the sender of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The sender's UUID.
    pub job: Uuid,
    /// Which attempt this is about.
    pub attempt: u32,
    /// Counts up with every change, so that old news can be told from new.
    pub rev: u64,
    /// Where it is.
    pub state: State,
    /// True when nothing more will happen to it: a cancel is shown at once but may come too late.
    #[serde(default)]
    pub over: bool,
    /// The IPP keyword or error code behind the state.
    #[serde(default)]
    pub reason: Option<String>,
    /// Plain words behind it.
    #[serde(default)]
    pub detail: Option<String>,
    /// Pages that reached paper, when the printer tells.
    #[serde(default)]
    pub pages_done: Option<u32>,
    /// It is over, and certainly nothing of it is on paper: it may be printed elsewhere.
    #[serde(default)]
    pub unprinted: bool,
}

/// Why an owner did not take a document: the body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A code of `lanyard-api`'s list.
    pub reason: String,
    /// Plain words.
    pub detail: String,
}

impl Ticket {
    /// The header's value.
    #[must_use]
    pub fn to_header(&self) -> String {
        // A ticket holds nothing that JSON cannot say.
        BASE64URL_NOPAD.encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a header's value and checks what can be checked without the document.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn from_header(value: &[u8]) -> Result<Self, TicketError> {
        if value.len() > MAX_TICKET {
            return Err(TicketError::Unreadable);
        }
        let json = BASE64URL_NOPAD.decode(value).map_err(|_| TicketError::Unreadable)?;
        let mut ticket: Self = serde_json::from_slice(&json).map_err(|_| TicketError::Unreadable)?;
        let invalid = |text: &str| Err(TicketError::Invalid(text.to_owned()));
        if ticket.size == 0 {
            return invalid("the document is empty");
        }
        if ticket.blake3.len() != 64 || !ticket.blake3.bytes().all(|b| b.is_ascii_hexdigit()) {
            return invalid("the hash is no BLAKE3 hash");
        }
        if ticket.attempt == 0 || ticket.options.copies.is_some_and(|n| n == 0 || n > MAX_COPIES) {
            return invalid("a number is out of range");
        }
        if ticket.options.media.as_deref().is_some_and(|media| !is_media_name(media)) {
            return invalid("the paper size has no PWG name");
        }
        let is_keyword = |text: &String| keyword(text).as_ref() == Some(text);
        if !ticket.options.source.iter().chain(&ticket.options.media_type).all(is_keyword) {
            return invalid("a choice is no IPP keyword");
        }
        if ticket.options.number_up.is_some_and(|n| !NUMBER_UP.contains(&n)) {
            return invalid("so many pages do not go on one side");
        }
        if ticket.options.dpi.is_some_and(|dpi| !DPI.contains(&dpi)) {
            return invalid("no printer has so many dots an inch");
        }
        ticket.blake3.make_ascii_lowercase();
        ticket.title = title(&ticket.title);
        Ok(ticket)
    }
}

impl Options {
    /// Whether a printer can do what was chosen; says all that it cannot.
    ///
    /// # Errors
    /// Words for a person.
    pub fn fit(&self, printer: &Capabilities) -> Result<(), String> {
        let mut lacks: Vec<String> = Vec::new();
        let mut say = |words: &str| lacks.push(words.to_owned());
        if self.copies.is_some_and(|copies| copies > printer.max_copies) {
            say(&format!("This printer makes at most {} copies.", printer.max_copies));
        }
        if let Some(sides) = self.sides
            && sides != Sides::OneSided
            && !printer.sides.contains(&sides)
        {
            say("This printer cannot print on both sides that way.");
        }
        if self.color == Some(Color::Color) && !printer.color {
            say("This printer does not print colour.");
        }
        let is_missing = |chosen: &Option<String>, has: &[String]| {
            chosen.as_ref().is_some_and(|chosen| !has.is_empty() && !has.contains(chosen))
        };
        if is_missing(&self.source, &printer.sources) {
            say("This printer has no such tray.");
        }
        if is_missing(&self.media_type, &printer.media_types) {
            say("This printer knows no such kind of paper.");
        }
        if let Some(media) = self.media.as_ref().filter(|_| is_missing(&self.media, &printer.media)) {
            say(&format!("This printer has no paper size {media}."));
        }
        if lacks.is_empty() { Ok(()) } else { Err(lacks.join(" ")) }
    }

    /// Sides of paper that a document of so many pages makes, copies counted.
    #[must_use]
    pub fn sides_of(&self, pages: u32) -> u32 {
        let chosen = match &self.pages {
            Some(ranges) => u32::try_from(ranges.within(pages).count()).unwrap_or(u32::MAX),
            None => pages,
        };
        let on_one = match self.booklet {
            true => 2,
            false => self.number_up.unwrap_or(1).max(1),
        };
        let cover = u32::from(self.cover);
        chosen.div_ceil(on_one).saturating_add(cover).saturating_mul(self.copies.unwrap_or(1))
    }

    /// True when nothing was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Sides {
    /// Its IPP keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::OneSided => "one-sided",
            Self::TwoSidedLongEdge => "two-sided-long-edge",
            Self::TwoSidedShortEdge => "two-sided-short-edge",
        }
    }

    /// From its IPP keyword.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        [Self::OneSided, Self::TwoSidedLongEdge, Self::TwoSidedShortEdge]
            .into_iter()
            .find(|sides| sides.keyword() == keyword)
    }
}

impl Color {
    /// Its IPP keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Color => "color",
            Self::Monochrome => "monochrome",
        }
    }
}

impl PageRanges {
    /// First and last page of each range.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The pages of a document with `count` pages that are meant; may be empty.
    pub fn within(&self, count: u32) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(move |&(first, last)| first..=last.min(count))
    }
}

impl FromStr for PageRanges {
    type Err = ParsePageRangesError;

    /// Reads `1-3,5`. Ranges may overlap and come in any order; they print in the document's.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MAX_RANGES: usize = 100;
        const MAX_PAGE: u32 = 99_999;
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|n| digits && (1..=MAX_PAGE).contains(n)).ok_or(ParsePageRangesError)
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last || ranges.len() == MAX_RANGES {
                return Err(ParsePageRangesError);
            }
            ranges.push((first, last));
        }
        ranges.sort_unstable();
        // RFC 8011 §5.2.7: ascending, not overlapping.
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Ok(Self(merged))
    }
}

impl fmt::Display for PageRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl Serialize for PageRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PageRanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Capabilities {
    /// The same, fit to be shown: bounded, and only names that are names.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        const MAX_MEDIA: usize = 200;
        const MAX_KEYWORDS: usize = 50;
        self.media.retain(|name| is_media_name(name));
        self.media.truncate(MAX_MEDIA);
        self.media_default = self.media_default.filter(|name| is_media_name(name));
        self.formats.dedup();
        self.formats.truncate(16);
        self.sides.truncate(3);
        self.max_copies = self.max_copies.clamp(1, MAX_COPIES);
        self.quality.truncate(3);
        for keywords in [&mut self.sources, &mut self.media_types] {
            *keywords = keywords.iter().filter_map(|name| keyword(name)).take(MAX_KEYWORDS).collect();
        }
        self
    }
}

impl State {
    /// True when nothing more will happen by itself or by a person at the printer.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// Its name on the wire and in the store.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Printing => "printing",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        [Self::Waiting, Self::Held, Self::Printing, Self::Stopped, Self::Done, Self::Cancelled, Self::Failed]
            .into_iter()
            .find(|state| state.keyword() == keyword)
    }
}

impl JobStatus {
    /// The same, fit to be stored and shown.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.over &= self.state.is_final();
        self.unprinted &= self.over && self.state != State::Done;
        self.reason = self.reason.and_then(|reason| keyword(&reason));
        self.detail = self.detail.map(|detail| words(&detail)).filter(|detail| !detail.is_empty());
        self
    }
}

fn known_formats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Format>, D::Error> {
    let told = Vec::<String>::deserialize(deserializer)?;
    Ok(told.iter().filter_map(|mime| Format::from_mime(mime)).collect())
}

fn first_attempt() -> u32 {
    1
}

/// The PWG name behind a short one (`A4`), a PWG name as it is, none for anything else.
#[must_use]
pub fn media_name(text: &str) -> Option<String> {
    const SHORT: [(&str, &str); 10] = [
        ("a3", "iso_a3_297x420mm"),
        ("a4", "iso_a4_210x297mm"),
        ("a5", "iso_a5_148x210mm"),
        ("a6", "iso_a6_105x148mm"),
        ("b5", "iso_b5_176x250mm"),
        ("letter", "na_letter_8.5x11in"),
        ("legal", "na_legal_8.5x14in"),
        ("executive", "na_executive_7.25x10.5in"),
        ("ledger", "na_ledger_11x17in"),
        ("tabloid", "na_ledger_11x17in"),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let known = SHORT.iter().find(|(short, _)| *short == lower).map(|(_, name)| (*name).to_owned());
    known.or_else(|| is_media_name(&lower).then_some(lower))
}

/// PWG 5101.1 §5: `class_name_WIDTHxHEIGHTunit`.
#[must_use]
pub fn is_media_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if text.len() > 128 || !text.bytes().all(allowed) {
        return false;
    }
    let mut parts = text.rsplitn(2, '_');
    let (Some(size), Some(name)) = (parts.next(), parts.next()) else { return false };
    let Some(size) = size.strip_suffix("mm").or_else(|| size.strip_suffix("in")) else { return false };
    let number = |text: &str| text.parse::<f32>().is_ok_and(|n| n > 0.0 && n < 10_000.0);
    name.contains('_') && size.split_once('x').is_some_and(|(w, h)| number(w) && number(h))
}

/// A stranger's document name, fit to be shown: no control or direction characters, at most 200 bytes.
#[must_use]
pub fn title(text: &str) -> String {
    let text = clean(text, 200);
    if text.is_empty() { "Document".to_owned() } else { text }
}

/// A stranger's sentence, fit to be shown; at most 300 bytes.
#[must_use]
pub fn words(text: &str) -> String {
    clean(text, 300)
}

/// A stranger's keyword without its severity (RFC 8011 §5.4.12), or none when it is not one.
#[must_use]
pub fn keyword(text: &str) -> Option<String> {
    let text = ["-error", "-warning", "-report"].iter().find_map(|s| text.strip_suffix(s)).unwrap_or(text);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let good = !text.is_empty() && text.len() <= 64 && text != "none" && text.bytes().all(allowed);
    good.then(|| text.to_owned())
}

fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}');
        let c = match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || direction => continue,
            c => c,
        };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + c.len_utf8() > limit {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            title: "Rechnung März.pdf".to_owned(),
            format: Format::Pdf,
            size: 10,
            blake3: "ab".repeat(32),
            attempt: 1,
            pages: Some(2),
            options: Options { copies: Some(2), pages: Some("1-3,5".parse().unwrap()), ..Options::default() },
        }
    }

    #[test]
    fn a_ticket_survives_its_way_through_a_header() {
        let ticket = ticket();
        let header = ticket.to_header();
        assert!(header.bytes().all(|b| b.is_ascii_graphic()), "it must fit into a header");
        assert_eq!(Ticket::from_header(header.as_bytes()).unwrap(), ticket);
    }

    #[test]
    fn a_ticket_that_makes_no_sense_is_refused() {
        let header = |change: fn(&mut Ticket)| {
            let mut ticket = ticket();
            change(&mut ticket);
            Ticket::from_header(ticket.to_header().as_bytes())
        };
        assert!(header(|t| t.size = 0).is_err(), "an empty document");
        assert!(header(|t| t.blake3 = "zz".repeat(32)).is_err());
        assert!(header(|t| t.attempt = 0).is_err());
        assert!(header(|t| t.options.copies = Some(1000)).is_err());
        assert!(header(|t| t.options.media = Some("A4\n/etc".to_owned())).is_err());
        assert!(Ticket::from_header(&[b'A'; MAX_TICKET + 1]).is_err());
        assert!(Ticket::from_header(b"!!").is_err());
    }

    #[test]
    fn page_ranges_print_in_the_documents_order_without_repeats() {
        let ranges: PageRanges = "5, 1-3,2-4".parse().unwrap();
        assert_eq!(ranges.ranges(), [(1, 5)]);
        assert_eq!("7,1-2".parse::<PageRanges>().unwrap().to_string(), "1-2,7");
        assert_eq!("2-9".parse::<PageRanges>().unwrap().within(3).collect::<Vec<_>>(), [2, 3]);
        for bad in ["", "0", "3-1", "a", "1-", "-2", "1,,2", "+1", "1-2-3", "100000", "1;2"] {
            assert!(bad.parse::<PageRanges>().is_err(), "{bad:?} is no list of pages");
        }
        assert!(vec!["1"; 101].join(",").parse::<PageRanges>().is_err(), "a bounded list");
    }

    #[test]
    fn sides_of_paper_are_counted_with_copies_and_pages_on_one_side() {
        let options = |pages: Option<&str>, number_up, copies| Options {
            pages: pages.map(|pages| pages.parse().unwrap()),
            number_up,
            copies,
            ..Options::default()
        };
        assert_eq!(options(None, None, None).sides_of(7), 7);
        assert_eq!(options(Some("2-3,9"), None, Some(2)).sides_of(7), 4, "there is no page 9");
        assert_eq!(options(None, Some(4), Some(3)).sides_of(7), 6);
        assert_eq!(Options { booklet: true, ..Options::default() }.sides_of(7), 4);
        assert_eq!(Options { cover: true, ..options(None, None, Some(2)) }.sides_of(7), 16, "a cover each");
        assert_eq!(options(None, None, Some(u32::MAX)).sides_of(7), u32::MAX);
    }

    #[test]
    fn everything_that_a_printer_lacks_is_said_at_once() {
        let printer = Capabilities {
            formats: vec![Format::Pdf],
            color: false,
            sides: vec![Sides::OneSided],
            media: vec!["iso_a4_210x297mm".to_owned()],
            media_default: None,
            max_copies: 9,
            quality: Vec::new(),
            sources: Vec::new(),
            media_types: Vec::new(),
        };
        let chosen = Options {
            copies: Some(10),
            color: Some(Color::Color),
            sides: Some(Sides::TwoSidedLongEdge),
            media: Some("iso_a3_297x420mm".to_owned()),
            ..Options::default()
        };
        let words = chosen.fit(&printer).unwrap_err();
        for lack in ["at most 9 copies", "both sides", "colour", "iso_a3_297x420mm"] {
            assert!(words.contains(lack), "{words}");
        }
        let can = Options { copies: Some(9), sides: Some(Sides::OneSided), ..Options::default() };
        assert_eq!(can.fit(&printer), Ok(()));
    }

    #[test]
    fn paper_has_short_names_and_pwg_names_only() {
        assert_eq!(media_name("A4").unwrap(), "iso_a4_210x297mm");
        assert_eq!(media_name("Letter").unwrap(), "na_letter_8.5x11in");
        assert_eq!(media_name("jpn_hagaki_100x148mm").unwrap(), "jpn_hagaki_100x148mm");
        for bad in
            ["", "A4x", "iso_a4", "iso_a4_210x297", "iso_a4_0x297mm", "iso a4_210x297mm", "a_b_nanx1mm"]
        {
            assert_eq!(media_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_strangers_write_is_cleaned_and_bounded() {
        assert_eq!(title("a\u{202e}fdp.exe\r\n\u{7}"), "afdp.exe");
        assert_eq!(title("\u{200f}\n"), "Document");
        assert!(title(&"ü".repeat(500)).len() <= 200);
        assert_eq!(keyword("media-empty-error").as_deref(), Some("media-empty"));
        assert_eq!(keyword("none"), None);
        assert_eq!(keyword("<img>"), None);
    }
}
