//! For the fuzz targets, which cannot reach what is private; compiled for nothing else.

pub use crate::{
    document::fuzzing::{answer, inspect, raster},
    offer::ipp::fuzzing::request,
};

use crate::{client::attributes, ticket::is_media_name};
use lanyard_ipp::{GroupTag, Limits, Message};

/// What a printer or a spooler answered, up to what is shown of it.
pub fn answered(bytes: &[u8]) {
    let Ok((message, _)) = Message::decode(bytes, Limits::ANSWER) else { return };
    for group in &message.groups {
        let can = attributes::capabilities_of(group);
        assert!(can.media.iter().chain(&can.media_default).all(|name| is_media_name(name)), "{can:?}");
        let supplies = attributes::supplies(group);
        assert!(supplies.len() <= 16, "{} supplies", supplies.len());
        for supply in &supplies {
            assert!(is_fit(&supply.name) && supply.level.is_none_or(|level| level <= 100), "{supply:?}");
        }
        for name in ["printer-info", "printer-location", "printer-make-and-model"] {
            assert!(attributes::told(group, name).is_none_or(|text| is_fit(&text) && !text.is_empty()));
        }
        assert!(attributes::reasons(group).len() <= 16);
        let _ = (attributes::queue_state(group), attributes::blocking(group), attributes::has_begun(group));
        let _ = (attributes::is_open(group), attributes::documents(group));
        let _ = attributes::sighting(group, message.group(GroupTag::Printer));
    }
}

/// Whether people may be shown it.
pub(crate) fn is_fit(text: &str) -> bool {
    text.len() <= 300 && !text.chars().any(char::is_control)
}
