//! What another device says it offers, bounded and cleaned before anything else sees it.

use crate::wire::{OfferedDrive, OfferedPrinter, Offers};
use lanyard_print::ticket::Supply;
use lanyard_trust::names::clean;
use std::collections::HashSet;

/// The most printers and the most folders of one device.
const MAX_OFFERS: usize = 64;
/// The most reasons of one printer.
const MAX_REASONS: usize = 8;
/// The most supplies of one printer.
const MAX_SUPPLIES: usize = 16;

/// Only what is usable: share ids that fit in a path, names for people, states and reasons that are keywords.
pub(crate) fn cleaned(offers: Offers) -> Offers {
    let mut seen = HashSet::new();
    let mut is_new = move |share: &str| is_share_id(share) && seen.insert(share.to_owned());
    let printers = offers.printers.into_iter().filter(|printer| is_new(&printer.share)).filter_map(printer);
    let printers: Vec<_> = printers.take(MAX_OFFERS).collect();
    let drives = offers.drives.into_iter().filter(|drive| is_new(&drive.share)).filter_map(drive);
    Offers { drives: drives.take(MAX_OFFERS).collect(), printers }
}

fn printer(offered: OfferedPrinter) -> Option<OfferedPrinter> {
    let text = |text: Option<String>| text.and_then(|text| clean(&text));
    let reasons = offered.reasons.into_iter().filter(|reason| is_keyword(reason) && reason != "none");
    Some(OfferedPrinter {
        name: clean(&offered.name)?,
        model: text(offered.model),
        location: text(offered.location),
        state: if is_keyword(&offered.state) { offered.state } else { String::new() },
        reasons: reasons.take(MAX_REASONS).collect(),
        share: offered.share,
        waiting: offered.waiting,
        supplies: offered.supplies.into_iter().filter_map(supply).take(MAX_SUPPLIES).collect(),
        ask: offered.ask,
        identity: offered.identity.filter(|identity| is_identity(identity)),
    })
}

fn supply(told: Supply) -> Option<Supply> {
    let is_color = |color: &String| {
        color
            .strip_prefix('#')
            .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    Some(Supply {
        name: clean(&told.name)?,
        color: told.color.filter(is_color),
        level: told.level.filter(|level| *level <= 100),
        low: told.low,
    })
}

fn drive(offered: OfferedDrive) -> Option<OfferedDrive> {
    Some(OfferedDrive { name: clean(&offered.name)?, ..offered })
}

pub(crate) fn is_share_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// As `lanyard_print::system::device` writes it.
fn is_identity(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":.-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

/// RFC 8011 §5.1.4, which allows lower case only; some printers do not keep to it.
fn is_keyword(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(share: &str, name: &str) -> OfferedPrinter {
        OfferedPrinter {
            share: share.to_owned(),
            name: name.to_owned(),
            model: None,
            location: None,
            state: "idle".to_owned(),
            reasons: Vec::new(),
            waiting: 0,
            supplies: Vec::new(),
            ask: false,
            identity: None,
        }
    }

    #[test]
    fn what_does_not_fit_in_a_path_or_on_a_screen_is_left_out() {
        let mut hostile = offered("ok", "Laser\u{7}\u{202e}");
        hostile.reasons =
            vec!["media-empty".to_owned(), "none".to_owned(), "<script>".to_owned(), "x".repeat(300)];
        let printers = vec![
            hostile,
            offered("ok", "the same id again"),
            offered("../jobs", "a path"),
            offered("", "nothing"),
            offered("blank", "\u{200b}\u{7}"),
        ];
        let cleaned = cleaned(Offers { printers, drives: Vec::new() });
        assert_eq!(cleaned.printers.len(), 1, "{:?}", cleaned.printers);
        assert_eq!(cleaned.printers[0].name, "Laser");
        assert_eq!(cleaned.printers[0].reasons, ["media-empty"]);
    }

    #[test]
    fn ten_thousand_offers_of_one_device_become_a_few() {
        let printers = (0..10_000).map(|number| offered(&format!("p{number}"), "Laser")).collect();
        assert_eq!(cleaned(Offers { printers, drives: Vec::new() }).printers.len(), MAX_OFFERS);
    }
}
