//! What CUPS's attributes mean: queues, abilities, and where a job is.
//!
//! Pure: attribute groups go in, our own types come out, bounded and cleaned.

use super::super::{
    QueueInfo, QueueState, Sighting, Stage,
    ipp_codec::{boolean, number, text, texts, values},
};
use crate::{
    QueueId,
    document::Format,
    ticket::{Capabilities, MAX_COPIES, Sides, is_media_name, keyword, words},
};
use ipp::{attribute::IppAttributeGroup, value::IppValue};

pub(super) fn queue_info(group: &IppAttributeGroup) -> Option<QueueInfo> {
    let id = text(group, "printer-name").filter(|name| !name.is_empty())?;
    let told = |name| text(group, name).map(|text| words(&text)).filter(|text| !text.is_empty());
    Some(QueueInfo {
        name: told("printer-info").unwrap_or_else(|| words(&id)),
        model: told("printer-make-and-model"),
        location: told("printer-location"),
        state: queue_state(group),
        reasons: reasons(group),
        waiting: number(group, "queued-job-count").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        is_default: false,
        supplies: Vec::new(),
        paused: false,
        id: QueueId(id),
    })
}

fn queue_state(group: &IppAttributeGroup) -> QueueState {
    match number(group, "printer-state") {
        Some(4) => QueueState::Processing,
        Some(5) => QueueState::Stopped,
        _ => QueueState::Idle,
    }
}

fn reasons(group: &IppAttributeGroup) -> Vec<String> {
    let mut reasons: Vec<String> =
        texts(group, "printer-state-reasons").iter().filter_map(|reason| keyword(reason)).collect();
    reasons.truncate(16);
    reasons
}

/// Whether a queue's printer is this computer's to offer: not a class, not one that CUPS found on the network by
/// itself, not a mirror of another computer's queue. Offering those again would make rings.
pub(super) fn is_own(group: &IppAttributeGroup) -> bool {
    // cups.h: CUPS_PRINTER_CLASS, _REMOTE, _IMPLICIT, _FAX, _DISCOVERED
    const NOT_OWN: i32 = 0x0001 | 0x0002 | 0x0001_0000 | 0x0004_0000 | 0x0100_0000;
    let kind = number(group, "printer-type").unwrap_or(0);
    let temporary = boolean(group, "printer-is-temporary").unwrap_or(false);
    kind & NOT_OWN == 0 && !temporary && !text(group, "device-uri").is_some_and(|uri| is_mirror(&uri))
}

/// Whether a device is another CUPS's queue (`/printers/…`, announced with the resource `/cups`).
fn is_mirror(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.starts_with("implicitclass:") };
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match scheme {
        "implicitclass" => true,
        "ipp" | "ipps" | "http" | "https" => path.starts_with("printers/") || path.starts_with("classes/"),
        "dnssd" => path == "cups",
        _ => false,
    }
}

pub(super) fn capabilities_of(group: &IppAttributeGroup) -> Capabilities {
    let takes = texts(group, "document-format-supported");
    let takes = |format: Format| takes.iter().any(|mime| mime == format.mime());
    // What is no PDF becomes one where the queue does not take it.
    let formats = Format::SENT.into_iter().filter(|format| takes(*format) || takes(Format::Pdf)).collect();
    let mut sides: Vec<Sides> =
        texts(group, "sides-supported").iter().filter_map(|name| Sides::from_keyword(name)).collect();
    if let Some(default) = text(group, "sides-default").and_then(|name| Sides::from_keyword(&name)) {
        sides.sort_by_key(|sides| *sides != default);
    }
    let copies = match values(group, "copies-supported").first() {
        Some(IppValue::RangeOfInteger { max, .. }) => u32::try_from(*max).unwrap_or(1),
        _ => MAX_COPIES,
    };
    let modes = texts(group, "print-color-mode-supported");
    Capabilities {
        formats,
        color: boolean(group, "color-supported").unwrap_or(false) || modes.iter().any(|mode| mode == "color"),
        sides,
        media: texts(group, "media-supported").into_iter().filter(|name| is_sheet(name)).collect(),
        media_default: text(group, "media-default").filter(|name| is_sheet(name)),
        max_copies: copies,
        quality: Vec::new(),
        sources: Vec::new(),
        media_types: Vec::new(),
    }
}

/// A real sheet: not the ends of a range of custom sizes.
fn is_sheet(name: &str) -> bool {
    is_media_name(name) && !name.starts_with("custom_min_") && !name.starts_with("custom_max_")
}

pub(super) fn sighting(job: &IppAttributeGroup, state: i32, printer: Option<&IppAttributeGroup>) -> Sighting {
    let job_reasons = texts(job, "job-state-reasons");
    let raw_reasons = printer.map(|group| texts(group, "printer-state-reasons")).unwrap_or_default();
    let blocking = raw_reasons.iter().find(|reason| blocks(reason)).and_then(|reason| keyword(reason));
    let stopped = printer.is_some_and(|group| queue_state(group) == QueueState::Stopped);
    let held = || {
        job_reasons.iter().filter_map(|reason| keyword(reason)).find(|reason| reason.starts_with("job-hold"))
    };
    let (stage, reason) = match state {
        3 | 4 if stopped => (Stage::Stopped, blocking.or_else(|| Some("paused".to_owned()))),
        3 | 4 => (Stage::Waiting, held()),
        5 if blocking.is_some() => (Stage::Stopped, blocking),
        5 => (Stage::Printing, None),
        6 => (Stage::Stopped, blocking.or_else(|| Some("stopped".to_owned()))),
        7 => (Stage::Cancelled, None),
        8 => (Stage::Aborted, job_reasons.iter().find_map(|reason| keyword(reason))),
        9 => (Stage::Done, None),
        _ => (Stage::Waiting, None),
    };
    let count = |name| number(job, name).and_then(|n| u32::try_from(n).ok());
    let message = text(job, "job-printer-state-message").filter(|message| !message.is_empty());
    let message = message.or_else(|| printer.and_then(|group| text(group, "printer-state-message")));
    Sighting {
        job: number(job, "job-id").unwrap_or(0),
        stage,
        begun: has_begun(job),
        documents: documents(job),
        reason,
        detail: message.map(|message| words(&message)).filter(|message| !message.is_empty()),
        pages_done: count("job-impressions-completed")
            .filter(|n| *n > 0)
            .or_else(|| count("job-media-sheets-completed").filter(|n| *n > 0)),
    }
}

/// Whether CUPS has begun to print a job, whatever became of it.
pub(super) fn has_begun(job: &IppAttributeGroup) -> bool {
    matches!(number(job, "job-state"), Some(5 | 6 | 9))
        || number(job, "time-at-processing").is_some_and(|at| at > 0)
}

/// Documents a job has or had: CUPS counts files, which go when a job is over, and keeps their size.
pub(super) fn documents(job: &IppAttributeGroup) -> u32 {
    let count = |name| number(job, name).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    count("number-of-documents").max(u32::from(count("job-k-octets") > 0))
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
mod tests {
    use super::*;
    use ipp::{attribute::IppAttribute, model::DelimiterTag, value::IppName};

    fn group(values: &[(&str, IppValue)]) -> IppAttributeGroup {
        let mut group = IppAttributeGroup::new(DelimiterTag::PrinterAttributes);
        for (name, value) in values {
            group.attributes_mut().push(IppAttribute::new(IppName::new(*name).unwrap(), value.clone()));
        }
        group
    }

    fn word(text: &str) -> IppValue {
        IppValue::new_keyword(text).unwrap()
    }

    #[test]
    fn mirrors_of_other_computers_queues_are_not_ours_to_offer() {
        let own = |uri: &str, kind: i32| {
            is_own(&group(&[
                ("device-uri", IppValue::new_uri(uri).unwrap()),
                ("printer-type", IppValue::Integer(kind)),
            ]))
        };
        assert!(own("usb://Brother/HL-L2350", 0x4));
        assert!(own("socket://192.168.1.9", 0x4), "a network printer that its owner set up here");
        assert!(own("ipp://localhost:8631/ipp/print", 0x4));
        assert!(own("file:/tmp/x", 0));
        assert!(!own("ipp://laptop.local:631/printers/Laser", 0x4), "another CUPS's queue");
        assert!(!own("dnssd://Laser%20%40%20laptop._ipp._tcp.local/cups?uuid=1", 0x4));
        assert!(own("dnssd://Laser._ipp._tcp.local/?uuid=1", 0x4));
        assert!(!own("implicitclass://Laser/", 0x4));
        assert!(!own("usb://x", 0x0100_0004), "discovered");
        assert!(!own("usb://x", 0x6), "remote");
    }

    #[test]
    fn a_queue_that_stopped_stops_its_jobs_and_says_why() {
        let job = group(&[("job-id", IppValue::Integer(7))]);
        let printer = group(&[
            ("printer-state", IppValue::Enum(5)),
            (
                "printer-state-reasons",
                IppValue::Array(vec![word("cups-ipp-missing-cancel-job"), word("media-empty-error")]),
            ),
        ]);
        let seen = sighting(&job, 3, Some(&printer));
        assert_eq!((seen.stage, seen.reason.as_deref()), (Stage::Stopped, Some("media-empty")));
        let printer = group(&[
            ("printer-state", IppValue::Enum(4)),
            ("printer-state-reasons", word("toner-low-warning")),
        ]);
        assert_eq!(sighting(&job, 5, Some(&printer)).stage, Stage::Printing, "low toner stops nothing");
        let printer =
            group(&[("printer-state", IppValue::Enum(4)), ("printer-state-reasons", word("offline-report"))]);
        assert_eq!(sighting(&job, 5, Some(&printer)).stage, Stage::Stopped);
    }

    #[test]
    fn only_what_a_queue_can_do_is_told() {
        let told = capabilities_of(&group(&[
            (
                "document-format-supported",
                IppValue::Array(vec![IppValue::new_mime_media_type("application/pdf").unwrap()]),
            ),
            (
                "sides-supported",
                IppValue::Array(vec![word("one-sided"), word("two-sided-long-edge"), word("x")]),
            ),
            ("sides-default", word("two-sided-long-edge")),
            (
                "media-supported",
                IppValue::Array(vec![word("iso_a4_210x297mm"), word("custom_min_1x1mm"), word("<b>")]),
            ),
            ("copies-supported", IppValue::RangeOfInteger { min: 1, max: 9999 }),
        ]))
        .bounded();
        assert_eq!(told.formats, Format::SENT, "we make PDF of the others");
        assert_eq!(told.sides, [Sides::TwoSidedLongEdge, Sides::OneSided]);
        assert_eq!(told.media, ["iso_a4_210x297mm"]);
        assert_eq!(told.max_copies, MAX_COPIES);
        assert!(!told.color);
    }
}
