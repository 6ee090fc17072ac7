//! What the attributes of printers and jobs mean, and what a person's choices are called in attributes.
//!
//! Pure: attribute groups go in, our own types come out, bounded and cleaned.

use crate::{
    document::Format,
    system::{QueueState, Sighting, Stage},
    ticket::{
        Capabilities, Color, MAX_COPIES, Options, Quality, Sides, Supply, is_media_name, keyword, words,
    },
};
use lanyard_ipp::{Attribute, Group, Value};
use std::collections::HashMap;

/// What [`capabilities_of`] looks at.
pub(crate) const CAPABILITIES: [&str; 14] = [
    "document-format-supported",
    "color-supported",
    "print-color-mode-supported",
    "sides-supported",
    "sides-default",
    "media-supported",
    "media-default",
    "media-col-default",
    "media-source-supported",
    "media-type-supported",
    "copies-supported",
    "print-quality-supported",
    "print-quality-default",
    "page-ranges-supported",
];

/// What [`supplies`] looks at.
pub(crate) const SUPPLIES: [&str; 6] = [
    "printer-supply",
    "printer-supply-description",
    "marker-names",
    "marker-colors",
    "marker-levels",
    "marker-low-levels",
];

pub(crate) fn queue_state(group: &Group) -> QueueState {
    match group.int("printer-state") {
        Some(4) => QueueState::Processing,
        Some(5) => QueueState::Stopped,
        _ => QueueState::Idle,
    }
}

/// Keywords without severity.
pub(crate) fn reasons(group: &Group) -> Vec<String> {
    group.texts("printer-state-reasons").filter_map(keyword).take(16).collect()
}

/// A text, cleaned; none when it is empty.
pub(crate) fn told(group: &Group, name: &str) -> Option<String> {
    group.text(name).map(words).filter(|text| !text.is_empty())
}

/// Whether the printer takes documents of a MIME type as they are.
pub(crate) fn takes(group: &Group, format: Format) -> bool {
    group.texts("document-format-supported").any(|mime| mime == format.mime())
}

pub(crate) fn capabilities_of(group: &Group) -> Capabilities {
    // What is no PDF becomes one where the queue does not take it.
    let formats = Format::SENT
        .into_iter()
        .filter(|format| takes(group, *format) || takes(group, Format::Pdf))
        .collect();
    let sides = group.texts("sides-supported").filter_map(Sides::from_keyword).collect();
    let copies = match group.find("copies-supported").map(Attribute::first) {
        Some(Value::Range(_, most)) => u32::try_from(*most).unwrap_or(1),
        _ => MAX_COPIES,
    };
    let quality = numbers(group, "print-quality-supported").filter_map(quality_of).collect();
    let loaded = group.find("media-col-default").and_then(|media| media.first().as_collection());
    let member = |name: &str| {
        let member = loaded?.iter().find(|member| member.name == name)?;
        member.first().as_str().and_then(keyword)
    };
    let keywords = |name| group.texts(name).filter_map(keyword).collect();
    Capabilities {
        formats,
        color: group.bool("color-supported").unwrap_or(false)
            || group.texts("print-color-mode-supported").any(|mode| mode == "color"),
        sides: first(sides, group.text("sides-default").and_then(Sides::from_keyword)),
        media: group.texts("media-supported").filter(|name| is_sheet(name)).map(str::to_owned).collect(),
        media_default: group.text("media-default").filter(|name| is_sheet(name)).map(str::to_owned),
        max_copies: copies,
        quality: first(quality, group.int("print-quality-default").and_then(quality_of)),
        sources: first(keywords("media-source-supported"), member("media-source")),
        media_types: first(keywords("media-type-supported"), member("media-type")),
    }
}

/// The same with one of them in front, if it is among them.
fn first<T: PartialEq>(mut all: Vec<T>, one: Option<T>) -> Vec<T> {
    all.sort_by_key(|known| Some(known) != one.as_ref());
    all
}

fn numbers<'a>(group: &'a Group, name: &str) -> impl Iterator<Item = i32> + use<'a> {
    let values = group.find(name).map(|attribute| attribute.values.as_slice()).unwrap_or_default();
    values.iter().filter_map(Value::as_int)
}

fn quality_of(number: i32) -> Option<Quality> {
    match number {
        3 => Some(Quality::Draft),
        4 => Some(Quality::Normal),
        5 => Some(Quality::High),
        _ => None,
    }
}

/// A real sheet: not the ends of a range of custom sizes.
fn is_sheet(name: &str) -> bool {
    is_media_name(name) && !name.starts_with("custom_min_") && !name.starts_with("custom_max_")
}

/// Copies come by the set: all pages, and then all pages again (RFC 8011 §5.2.4).
pub(crate) const COLLATED: &str = "separate-documents-collated-copies";

/// A person's choices as job attributes. What the layout of a page is about (pages on one side, scaling, booklets) is
/// done to the document before it is handed over.
pub(crate) fn job_attributes(options: &Options) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    let mut add = |name: &str, value: Option<Value>| {
        attributes.extend(value.map(|value| Attribute::one(name, value)));
    };
    add("copies", options.copies.and_then(|copies| i32::try_from(copies).ok()).map(Value::Integer));
    add("sides", options.sides.map(|sides| Value::keyword(sides.keyword())));
    add("print-color-mode", options.color.map(|color: Color| Value::keyword(color.keyword())));
    let quality = options.quality.map(|quality| match quality {
        Quality::Draft => 3,
        Quality::Normal => 4,
        Quality::High => 5,
    });
    add("print-quality", quality.map(Value::Enum));
    let dpi = options.dpi.and_then(|dpi| i32::try_from(dpi).ok());
    add("printer-resolution", dpi.map(Value::dpi));
    // Without a word, many printers put the copies of each page together.
    let sets = options.copies.filter(|copies| *copies > 1).map(|_| Value::keyword(COLLATED));
    add("multiple-document-handling", sets);
    add("media", options.media.as_ref().filter(|_| !has_media_col(options)).map(Value::keyword));
    if has_media_col(options) {
        // `media` and `media-col` exclude each other (PWG 5100.3 §3.13).
        add("media-col", Some(Value::Collection(media_col(options))));
    }
    if let Some(pages) = &options.pages {
        let end = |page: u32| i32::try_from(page).unwrap_or(i32::MAX);
        let ranges = pages.ranges().iter().map(|&(from, to)| Value::Range(end(from), end(to)));
        attributes.push(Attribute::many("page-ranges", ranges));
    }
    attributes
}

fn has_media_col(options: &Options) -> bool {
    options.source.is_some() || options.media_type.is_some()
}

fn media_col(options: &Options) -> Vec<Attribute> {
    let mut members = Vec::new();
    if let Some((width, height)) = options.media.as_deref().and_then(hundredths) {
        let size = vec![
            Attribute::one("x-dimension", Value::Integer(width)),
            Attribute::one("y-dimension", Value::Integer(height)),
        ];
        members.push(Attribute::one("media-size", Value::Collection(size)));
    }
    let keyword = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| Attribute::one(name, Value::keyword(value)))
    };
    members.extend(keyword("media-source", &options.source));
    members.extend(keyword("media-type", &options.media_type));
    members
}

/// The size behind a PWG 5101.1 media name, in hundredths of a millimetre.
fn hundredths(media: &str) -> Option<(i32, i32)> {
    let size = media.rsplit('_').next()?;
    let (numbers, factor) = match size.strip_suffix("mm") {
        Some(numbers) => (numbers, 100.0),
        None => (size.strip_suffix("in")?, 2540.0),
    };
    let (width, height) = numbers.split_once('x')?;
    let side = |text: &str| {
        let length = (text.parse::<f64>().ok()? * factor).round();
        #[allow(clippy::cast_possible_truncation, reason = "within the range")]
        (1.0..1e7).contains(&length).then_some(length as i32)
    };
    Some((side(width)?, side(height)?))
}

/// What the printer uses up. PWG 5100.13 §5.6.43 where the printer has it, else the attributes that CUPS shows.
pub(crate) fn supplies(group: &Group) -> Vec<Supply> {
    const MOST: usize = 16;
    let described: Vec<&str> = group.texts("printer-supply-description").collect();
    let values = group.find("printer-supply").map(|told| told.values.as_slice()).unwrap_or_default();
    let mut supplies: Vec<Supply> = values
        .iter()
        .take(MOST)
        .enumerate()
        .filter_map(|(index, value)| {
            let text = match value {
                Value::OctetString(octets) => String::from_utf8_lossy(octets).into_owned(),
                value => value.as_str()?.to_owned(),
            };
            supply(&text, described.get(index).copied())
        })
        .collect();
    if supplies.is_empty() {
        supplies = markers(group).take(MOST).collect();
    }
    supplies
}

/// `type=toner;maxcapacity=100;level=35;colorantname=black;`
fn supply(text: &str, described: Option<&str>) -> Option<Supply> {
    let parts: HashMap<&str, &str> = text.split(';').filter_map(|part| part.trim().split_once('=')).collect();
    let number = |name| parts.get(name)?.trim().parse::<i64>().ok();
    let colorant = parts.get("colorantname").map(|name| words(name)).filter(|name| !name.is_empty());
    let name = described.map(words).filter(|name| !name.is_empty());
    let name = name.or_else(|| colorant.clone()).or_else(|| parts.get("type").map(|kind| words(kind)))?;
    // RFC 3805: -1 other, -2 unknown, -3 some is left.
    let level = number("level").filter(|level| *level >= 0).map(|level| match number("maxcapacity") {
        Some(most) if most > 0 => level.saturating_mul(100) / most,
        _ => level,
    });
    let level = level.and_then(|level| u8::try_from(level.min(100)).ok());
    let color = colorant.as_deref().and_then(color_of);
    Some(Supply { name, color, level, low: level.is_some_and(|level| level <= LOW) })
}

/// What counts as low where the printer does not say.
const LOW: u8 = 10;

fn markers(group: &Group) -> impl Iterator<Item = Supply> + use<'_> {
    let colors: Vec<&str> = group.texts("marker-colors").collect();
    let levels: Vec<i32> = numbers(group, "marker-levels").collect();
    let lows: Vec<i32> = numbers(group, "marker-low-levels").collect();
    group.texts("marker-names").map(words).enumerate().filter(|(_, name)| !name.is_empty()).map(
        move |(index, name)| {
            let level = levels.get(index).and_then(|level| u8::try_from(*level).ok()).map(|l| l.min(100));
            let low = lows.get(index).and_then(|low| u8::try_from(*low).ok()).filter(|low| *low > 0);
            let color = colors.get(index).and_then(|color| color_of(color));
            Supply { name, color, level, low: level.is_some_and(|level| level <= low.unwrap_or(LOW)) }
        },
    )
}

/// `#rrggbb`, or the name of one of the usual colours.
fn color_of(text: &str) -> Option<String> {
    const NAMES: [(&str, &str); 9] = [
        ("black", "#000000"),
        ("cyan", "#00b7eb"),
        ("magenta", "#d9008d"),
        ("yellow", "#ffd800"),
        ("red", "#d02020"),
        ("green", "#209040"),
        ("blue", "#2040c0"),
        ("gray", "#808080"),
        ("grey", "#808080"),
    ];
    let text = text.trim().to_ascii_lowercase();
    let is_hex = text.len() == 7
        && text.strip_prefix('#').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_hex {
        return Some(text);
    }
    NAMES.iter().find(|(name, _)| text.contains(name)).map(|(_, color)| (*color).to_owned())
}

/// Where a job is: its own attributes, and its printer's where they are known.
pub(crate) fn sighting(job: &Group, printer: Option<&Group>) -> Sighting {
    let blocking = printer.and_then(blocking);
    let stopped = printer.is_some_and(|group| queue_state(group) == QueueState::Stopped);
    let job_reasons = || job.texts("job-state-reasons").filter_map(keyword);
    let held = || job_reasons().find(|reason| reason.starts_with("job-hold"));
    let (stage, reason) = match job.int("job-state").unwrap_or(3) {
        3 | 4 if stopped => (Stage::Stopped, blocking.or_else(|| Some("paused".to_owned()))),
        3 | 4 => (Stage::Waiting, held()),
        5 if blocking.is_some() => (Stage::Stopped, blocking),
        5 => (Stage::Printing, None),
        6 => (Stage::Stopped, blocking.or_else(|| Some("stopped".to_owned()))),
        7 => (Stage::Cancelled, None),
        8 => (Stage::Aborted, job_reasons().next()),
        9 => (Stage::Done, None),
        _ => (Stage::Waiting, None),
    };
    let message = told(job, "job-printer-state-message").or_else(|| told(printer?, "printer-state-message"));
    Sighting {
        job: job.int("job-id").unwrap_or(0),
        stage,
        begun: has_begun(job),
        documents: documents(job),
        reason,
        detail: message,
        pages_done: pages_done(job),
        life: 0,
    }
}

/// True while a job has not ended, so that its printer's state says something about it.
pub(crate) fn is_open(job: &Group) -> bool {
    matches!(job.int("job-state").unwrap_or(3), 3..=6)
}

fn pages_done(job: &Group) -> Option<u32> {
    let count = |name| job.int(name).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    count("job-impressions-completed").or_else(|| count("job-media-sheets-completed"))
}

/// Whether it has begun to be printed, whatever became of it.
pub(crate) fn has_begun(job: &Group) -> bool {
    matches!(job.int("job-state"), Some(5 | 6 | 9)) || job.int("time-at-processing").is_some_and(|at| at > 0)
}

/// Documents a job has or had: CUPS counts files, which go when a job is over, and keeps their size.
pub(crate) fn documents(job: &Group) -> u32 {
    let count = |name| job.int(name).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    count("number-of-documents").max(u32::from(count("job-k-octets") > 0))
}

/// The first reason why nothing goes on without a person.
pub(crate) fn blocking(printer: &Group) -> Option<String> {
    printer.texts("printer-state-reasons").find(|reason| blocks(reason)).and_then(keyword)
}

/// Whether a `printer-state-reasons` value means that nothing goes on without a person.
fn blocks(reason: &str) -> bool {
    const WHATEVER_THE_SEVERITY: [&str; 4] = ["offline", "paused", "media-empty", "media-needed"];
    const UNLESS_A_REMARK: [&str; 11] = [
        "media-jam",
        "cover-open",
        "door-open",
        "interlock-open",
        "toner-empty",
        "marker-supply-empty",
        "marker-waste-full",
        "output-area-full",
        "input-tray-missing",
        "output-tray-missing",
        "shutdown",
    ];
    let Some(name) = keyword(reason) else { return false };
    let remark = reason.ends_with("-report") || reason.ends_with("-warning");
    reason.ends_with("-error")
        || WHATEVER_THE_SEVERITY.contains(&name.as_str())
        || (UNLESS_A_REMARK.contains(&name.as_str()) && !remark)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub(crate) mod tests {
    use super::*;
    use lanyard_ipp::GroupTag;

    pub(crate) fn group(attributes: Vec<Attribute>) -> Group {
        Group { tag: GroupTag::Printer, attributes }
    }

    fn state(number: i32, reasons: &[&str]) -> Group {
        group(vec![
            Attribute::one("printer-state", Value::Enum(number)),
            Attribute::keywords("printer-state-reasons", reasons.iter().copied()),
        ])
    }

    fn job(state: i32) -> Group {
        group(vec![
            Attribute::one("job-id", Value::Integer(7)),
            Attribute::one("job-state", Value::Enum(state)),
        ])
    }

    #[test]
    fn a_queue_that_stopped_stops_its_jobs_and_says_why() {
        let seen = sighting(&job(3), Some(&state(5, &["cups-ipp-missing-cancel-job", "media-empty-error"])));
        assert_eq!((seen.stage, seen.reason.as_deref()), (Stage::Stopped, Some("media-empty")));
        let low = state(4, &["toner-low-warning"]);
        assert_eq!(sighting(&job(5), Some(&low)).stage, Stage::Printing, "low toner stops nothing");
        let offline = state(4, &["offline-report"]);
        assert_eq!(sighting(&job(5), Some(&offline)).stage, Stage::Stopped);
    }

    #[test]
    fn only_what_a_queue_can_do_is_told() {
        let loaded = vec![
            Attribute::one("media-source", Value::keyword("tray-2")),
            Attribute::one("media-type", Value::keyword("stationery")),
        ];
        let told = capabilities_of(&group(vec![
            Attribute::one("document-format-supported", Value::mime("application/pdf")),
            Attribute::keywords("sides-supported", ["one-sided", "two-sided-long-edge", "x"]),
            Attribute::one("sides-default", Value::keyword("two-sided-long-edge")),
            Attribute::keywords("media-supported", ["iso_a4_210x297mm", "custom_min_1x1mm", "<b>"]),
            Attribute::one("copies-supported", Value::Range(1, 9999)),
            Attribute::many("print-quality-supported", [3, 4, 5, 99].map(Value::Enum)),
            Attribute::one("print-quality-default", Value::Enum(4)),
            Attribute::keywords("media-source-supported", ["tray-1", "tray-2", "<i>"]),
            Attribute::one("media-col-default", Value::Collection(loaded)),
        ]))
        .bounded();
        assert_eq!(told.formats, Format::SENT, "we make PDF of the others");
        assert_eq!(told.sides, [Sides::TwoSidedLongEdge, Sides::OneSided]);
        assert_eq!(told.media, ["iso_a4_210x297mm"]);
        assert_eq!(told.max_copies, MAX_COPIES);
        assert_eq!(told.quality, [Quality::Normal, Quality::Draft, Quality::High]);
        assert_eq!(told.sources, ["tray-2", "tray-1"]);
        assert!(!told.color);
    }

    #[test]
    fn supplies_are_told_in_percent_whichever_way_the_printer_tells_them() {
        let pwg = group(vec![
            Attribute::many(
                "printer-supply",
                [
                    "index=1;type=toner;maxcapacity=200;level=100;colorantname=black;",
                    "type=toner;maxcapacity=-2;level=-3;colorantname=Cyan;",
                    "nonsense",
                ]
                .map(|text| Value::OctetString(text.as_bytes().to_vec())),
            ),
            Attribute::many("printer-supply-description", ["Black Toner", "", "x"].map(Value::text)),
        ]);
        let supplies = supplies(&pwg);
        assert_eq!((supplies[0].name.as_str(), supplies[0].level), ("Black Toner", Some(50)));
        assert_eq!(supplies[0].color.as_deref(), Some("#000000"));
        assert_eq!((supplies[1].name.as_str(), supplies[1].level, supplies[1].low), ("Cyan", None, false));
        let cups = group(vec![
            Attribute::many("marker-names", ["Black", "Waste"].map(Value::name)),
            Attribute::many("marker-colors", ["#101010", "none"].map(Value::name)),
            Attribute::many("marker-levels", [7, -1].map(Value::Integer)),
            Attribute::many("marker-low-levels", [8, 1].map(Value::Integer)),
        ]);
        let supplies = super::supplies(&cups);
        let black =
            Supply { name: "Black".to_owned(), color: Some("#101010".to_owned()), level: Some(7), low: true };
        assert_eq!(supplies[0], black);
        assert_eq!((supplies[1].color.as_deref(), supplies[1].level), (None, None));
    }

    #[test]
    fn a_tray_and_a_size_go_together() {
        let options = Options {
            media: Some("na_letter_8.5x11in".to_owned()),
            source: Some("tray-2".to_owned()),
            pages: Some("1-3,5".parse().unwrap()),
            ..Options::default()
        };
        let attributes = job_attributes(&options);
        let find = |name: &str| attributes.iter().find(|attribute| attribute.name == name);
        assert!(find("media").is_none(), "a printer refuses both");
        let media = find("media-col").unwrap().first().as_collection().unwrap();
        let size = media[0].first().as_collection().unwrap();
        assert_eq!(size[0].first().as_int(), Some(21_590));
        assert_eq!(find("page-ranges").unwrap().values, [Value::Range(1, 3), Value::Range(5, 5)]);
        assert!(job_attributes(&Options::default()).is_empty());
    }

    #[test]
    fn several_copies_are_wanted_by_the_set() {
        let of = |copies| job_attributes(&Options { copies: Some(copies), ..Options::default() });
        let handling = Attribute::one("multiple-document-handling", Value::keyword(COLLATED));
        assert!(of(2).contains(&handling));
        assert!(!of(1).contains(&handling), "one copy needs no word");
    }
}
