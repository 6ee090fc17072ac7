//! What standard clients are told of one of CUPS's queues and is no choice: edges, what lies in the trays, where paper
//! comes out, how fast it is.

use super::{Cups, SpoolError};
use crate::{
    QueueId,
    system::More,
    ticket::{DPI, is_media_name, keyword},
};
use lanyard_ipp::{Attribute, Group, GroupTag, ResolutionUnit, Value};

const NAMES: [&str; 6] = [
    "media-col-default",
    "media-ready",
    "output-bin-default",
    "pages-per-minute",
    "printer-resolution-default",
    "printer-resolution-supported",
];

/// As many trays, and as many resolutions, as a printer may have.
const TRAYS: usize = 20;

impl Cups {
    pub(super) async fn more_of(&self, queue: &QueueId) -> Result<More, SpoolError> {
        let answer = self.queue_attributes(queue, &NAMES).await?;
        Ok(answer.group(GroupTag::Printer).map(more).unwrap_or_default())
    }
}

/// What an answer tells; what it does not is as it is with most printers.
fn more(group: &Group) -> More {
    let usual = More::default();
    let medium = group.find("media-col-default").and_then(|medium| medium.first().as_collection());
    let edge = |name: &str| {
        let member = medium?.iter().find(|member| member.name == name)?;
        // An edge wider than a hand is none.
        member.first().as_int().filter(|margin| (0..10_000).contains(margin))
    };
    let edges =
        ["media-top-margin", "media-bottom-margin", "media-left-margin", "media-right-margin"].map(edge);
    let margins = match edges {
        [Some(top), Some(bottom), Some(left), Some(right)] => [top, bottom, left, right],
        _ => usual.margins,
    };
    let ready = group.texts("media-ready").filter(|name| is_media_name(name)).map(str::to_owned);
    let pages_per_minute = group.find("pages-per-minute").map(Attribute::first).and_then(Value::as_int);
    More {
        margins,
        media_ready: ready.take(TRAYS).collect(),
        output_bins: group
            .text("output-bin-default")
            .and_then(keyword)
            .map_or(usual.output_bins, |bin| vec![bin]),
        // The mark of CUPS for a printer that it knows nothing of is 1.
        pages_per_minute: pages_per_minute.filter(|pages| *pages > 1).unwrap_or(usual.pages_per_minute),
        resolutions: usual.resolutions,
        printed: printed(group),
    }
}

/// Dots an inch with which it can be told to print, its default first; only those that are the same both ways.
fn printed(group: &Group) -> Vec<i32> {
    let of = |name| group.find(name).map(|told| told.values.as_slice()).unwrap_or_default();
    let square = |value: &Value| match value {
        Value::Resolution(told) if told.x == told.y && told.unit == ResolutionUnit::PerInch => {
            u32::try_from(told.x).ok().filter(|dpi| DPI.contains(dpi)).map(|_| told.x)
        }
        _ => None,
    };
    let default = of("printer-resolution-default").iter().find_map(square);
    let mut all: Vec<i32> =
        of("printer-resolution-supported").iter().filter_map(square).take(TRAYS).collect();
    all.dedup();
    all.sort_by_key(|dpi| Some(*dpi) != default);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_queue_tells_counts_and_what_makes_no_sense_does_not() {
        let margin = |name: &str, margin| Attribute::one(name, Value::Integer(margin));
        let told = |top| {
            let medium = Value::Collection(vec![
                margin("media-top-margin", top),
                margin("media-bottom-margin", 2),
                margin("media-left-margin", 3),
                margin("media-right-margin", 4),
            ]);
            more(&Group {
                tag: GroupTag::Printer,
                attributes: vec![
                    Attribute::one("media-col-default", medium),
                    Attribute::keywords("media-ready", ["iso_a4_210x297mm", "<b>"]),
                    Attribute::one("output-bin-default", Value::keyword("rear")),
                    Attribute::one("pages-per-minute", Value::Integer(1)),
                    Attribute::one("printer-resolution-default", Value::dpi(600)),
                    Attribute::many("printer-resolution-supported", [1, 300, 600].map(Value::dpi)),
                ],
            })
        };
        assert_eq!(told(1).margins, [1, 2, 3, 4]);
        assert_eq!(told(-5).margins, More::default().margins);
        assert_eq!(told(1).media_ready, ["iso_a4_210x297mm"]);
        assert_eq!(told(1).output_bins, ["rear"]);
        assert_eq!(told(1).printed, [600, 300], "its default first, and nothing that cannot be");
        assert_eq!(told(1).pages_per_minute, More::default().pages_per_minute);
    }
}
