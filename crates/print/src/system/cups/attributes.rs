//! What CUPS's attributes mean that no printer has: which queues there are, and whose.
//!
//! Pure: attribute groups go in, our own types come out, bounded and cleaned.

use crate::{
    QueueId,
    client::attributes::{queue_state, reasons, supplies, told},
    system::{QueueInfo, QueueState, device::Device},
    ticket::words,
};
use lanyard_ipp::Group;

pub(super) fn queue_info(group: &Group) -> Option<QueueInfo> {
    let id = group.text("printer-name").filter(|name| !name.is_empty())?;
    Some(QueueInfo {
        name: told(group, "printer-info").unwrap_or_else(|| words(id)),
        model: told(group, "printer-make-and-model"),
        location: told(group, "printer-location"),
        state: queue_state(group),
        reasons: reasons(group),
        waiting: group.int("queued-job-count").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        is_default: false,
        supplies: supplies(group),
        paused: queue_state(group) == QueueState::Stopped
            && reasons(group).iter().any(|reason| reason == "paused"),
        device: group.text("device-uri").map(Device::of).unwrap_or_default(),
        id: QueueId(id.to_owned()),
    })
}

/// Whether a queue's printer is this computer's to offer: not a class, not one that CUPS found on the network by
/// itself, not a mirror of another computer's queue, not one that leads back to us. Offering those again would make
/// rings.
pub(super) fn is_own(group: &Group) -> bool {
    // cups.h: CUPS_PRINTER_CLASS, _REMOTE, _IMPLICIT, _FAX, _DISCOVERED
    const NOT_OWN: i32 = 0x0001 | 0x0002 | 0x0001_0000 | 0x0004_0000 | 0x0100_0000;
    let kind = group.int("printer-type").unwrap_or(0);
    let temporary = group.bool("printer-is-temporary").unwrap_or(false);
    kind & NOT_OWN == 0
        && !temporary
        && group.text("printer-location") != Some(super::added::LOCATION)
        && !group.text("device-uri").is_some_and(|uri| is_mirror(uri) || super::added::leads_to_us(uri))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::client::attributes::tests::group;
    use lanyard_ipp::{Attribute, Value};

    #[test]
    fn mirrors_of_other_computers_queues_are_not_ours_to_offer() {
        let own = |uri: &str, kind: i32| {
            is_own(&group(vec![
                Attribute::one("device-uri", Value::uri(uri)),
                Attribute::one("printer-type", Value::Integer(kind)),
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
    fn a_queue_that_leads_back_to_us_is_not_offered_again() {
        let uri = "ipp://localhost:40123/ipp/print/0123456789abcdef0123456789abcdef";
        assert!(!is_own(&group(vec![Attribute::one("device-uri", Value::uri(uri))])));
        let marked = Attribute::one("printer-location", Value::text(super::super::added::LOCATION));
        assert!(!is_own(&group(vec![marked])), "the device is told to administrators only");
    }
}
