//! What front ends are shown of all this.

use super::{
    RemoteShare, book,
    devices::{Link, Row},
    routes::{self, Way},
};
use crate::{
    Core, asks, gateway, home,
    names::Named,
    printing,
    status::check_signs,
    web,
    wire::{OfferedDrive, OfferedPrinter},
};
use lanyard_api::{Access, Change, Device, DeviceState, Drive, Nearby, Printer, PrinterState, Relation};
use lanyard_discovery::{Interface, Kind, Service};
use lanyard_print::{consume::standard::PrinterId, offer::ipp::printer_uuid};
use lanyard_trust::{NodeId, ShareId};
use std::{sync::Arc, time::Duration};

/// Between two events; what happens meanwhile is told together.
const GATHER: Duration = Duration::from_millis(100);

/// Everything that can be used now.
pub(super) fn nearby(core: &Core) -> Nearby {
    let interfaces = core.networks.interfaces().borrow().clone();
    let mut nearby = Nearby::default();
    for (node, row) in core.presence.devices().shown() {
        nearby.devices.push(device(core, node, row, &interfaces));
        nearby.drives.extend(row.offers.drives.iter().map(|offered| drive(core, node, row, offered)));
    }
    nearby.printers = routes::cards(ways(core));
    let key = |name: &str, id: &str| (name.to_lowercase(), id.to_owned());
    nearby.devices.sort_by_cached_key(|device| key(&device.name, &device.id));
    nearby.printers.sort_by_cached_key(|printer| key(&printer.name, &printer.id));
    nearby.drives.sort_by_cached_key(|drive| key(&drive.name, &drive.id));
    nearby
}

/// All ways to all printers.
fn ways(core: &Core) -> Vec<Way> {
    let mut ways = Vec::new();
    for (node, row) in core.presence.devices().shown() {
        ways.extend(row.offers.printers.iter().map(|offered| way(core, node, row, offered)));
    }
    ways.extend(standard_ways(core));
    ways
}

/// Other ways to a printer, by devices of ours that seem to be there.
pub(super) fn around(core: &Core, printer: &RemoteShare) -> Vec<RemoteShare> {
    let mut ways = ways(core);
    if !ways.iter().any(|way| way.to.node == printer.node && way.to.share == printer.share) {
        // Its device has been away for so long that it is not shown any more.
        ways.push(gone(core, printer));
    }
    routes::around(ways, printer)
}

/// One device, if it is shown.
pub(super) fn device_of(core: &Core, node: &NodeId) -> Option<Device> {
    let interfaces = core.networks.interfaces().borrow().clone();
    let devices = core.presence.devices();
    let (node, row) = devices.shown().find(|(known, _)| *known == node)?;
    Some(device(core, node, row, &interfaces))
}

/// Tells front ends of changes until the node stops.
pub(super) async fn tell(core: Arc<Core>) {
    let mut heard = core.presence.browser.changes();
    let mut told = Nearby::default();
    loop {
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = core.presence.dirty.notified() => {}
            changed = heard.changed() => if changed.is_err() { return },
        }
        let now = nearby(&core);
        if without_times(&now) != without_times(&told) {
            told = now.clone();
            core.events.emit(Change::Nearby(now));
            core.presence.shown.send_modify(|version| *version += 1);
        }
        // The same devices are shown there, and codes that were heard.
        home::tell(&core).await;
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = tokio::time::sleep(GATHER) => {}
        }
    }
}

/// Standard printers on the network that no device shares.
fn standard_ways(core: &Core) -> Vec<Way> {
    let services = core.presence.browser.services();
    let is_ours =
        |service: &Service| service.addresses.iter().all(|address| core.networks.is_ours(address.ip()));
    let mut printers: Vec<(Kind, Way)> = Vec::new();
    for service in services.iter().filter(|s| matches!(s.kind, Kind::Ipp | Kind::Ipps) && !is_ours(s)) {
        if is_offered_by_a_device(core, service) {
            continue;
        }
        let way = standard_way(core, service);
        let is_shown =
            |known: &Printer| known.name == way.printer.name && known.device_name == way.printer.device_name;
        // Most speak both kinds: one printer, better with TLS.
        match printers.iter_mut().find(|(_, known)| is_shown(&known.printer)) {
            Some(known) if service.kind == Kind::Ipps => *known = (service.kind, way),
            Some(_) => {}
            None => printers.push((service.kind, way)),
        }
    }
    printers.into_iter().map(|(_, way)| way).collect()
}

/// For finding by name.
pub(super) fn named(shares: Vec<RemoteShare>) -> Vec<Named<RemoteShare>> {
    let named = |share: RemoteShare| Named {
        id: format!("{}@{}", share.share, share.node),
        name: share.name.clone(),
        device: share.device_name.clone(),
        value: share,
    };
    shares.into_iter().map(named).collect()
}

/// All printers for finding by name: each way with the number of its printer, the best way first.
pub(super) fn named_printers(core: &Core) -> Vec<Named<(usize, RemoteShare)>> {
    let printers = routes::printers(ways(core)).into_iter().enumerate();
    let named = |(number, way): (usize, Way)| Named {
        id: way.printer.id,
        name: way.printer.name,
        device: way.printer.device_name,
        value: (number, way.to),
    };
    printers.flat_map(|(number, ways)| ways.into_iter().map(move |way| (number, way))).map(named).collect()
}

/// By what a printer on the network may be known to be the one behind a device's queue.
fn identities(service: &Service) -> Vec<String> {
    let uuid = service.uuid.iter().map(|uuid| format!("uuid:{uuid}"));
    let names =
        [format!("at:{}", service.host.to_lowercase()), format!("at:{}.local", service.host.to_lowercase())];
    let addresses = service.addresses.iter().map(|address| format!("at:{}", address.ip()));
    uuid.chain(names).chain(addresses).collect()
}

/// Whether a device offers the printer behind this advert already: it announces it itself to clients without Lanyard,
/// or its own print system does, as `Name @ host`.
fn is_offered_by_a_device(core: &Core, service: &Service) -> bool {
    core.presence.devices().shown().any(|(node, row)| {
        let announced = |share: &str| printer_uuid(node, &ShareId(share.to_owned())).to_string();
        let is_its_own =
            service.host == web::host_label_of(node)
                || row.offers.printers.iter().any(|offered| {
                    service.uuid.as_ref().is_some_and(|uuid| *uuid == announced(&offered.share))
                });
        if is_its_own {
            return true;
        }
        let same_host = service.addresses.iter().any(|a| row.addresses.iter().any(|b| a.ip() == b.ip()));
        let name = service.name.to_lowercase();
        same_host && row.offers.printers.iter().any(|offered| name.starts_with(&offered.name.to_lowercase()))
    })
}

fn relation(core: &Core, node: &NodeId) -> Relation {
    match (core.circle.is_member(node), core.circle.knows(node)) {
        (true, _) => Relation::Home,
        (false, true) => Relation::Paired,
        (false, false) => Relation::Stranger,
    }
}

fn device(core: &Core, node: &NodeId, row: &Row, interfaces: &[Interface]) -> Device {
    Device {
        id: node.to_string(),
        check_words: node.check_words(),
        check_signs: check_signs(node),
        relation: relation(core, node),
        name: row.shown_name(node),
        os: row.os,
        state: if row.link == Link::Online { DeviceState::Online } else { DeviceState::Unreachable },
        addresses: row.current().iter().map(|address| book::written(address, interfaces)).collect(),
        last_seen: row.last_seen,
    }
}

fn way(core: &Core, node: &NodeId, row: &Row, offered: &OfferedPrinter) -> Way {
    let to = RemoteShare {
        node: *node,
        share: ShareId(offered.share.clone()),
        name: offered.name.clone(),
        device_name: row.shown_name(node),
        ask: offered.ask,
        identity: offered.identity.clone(),
    };
    Way {
        to,
        printer: printer(core, node, row, offered),
        identities: offered.identity.iter().cloned().collect(),
        is_of_a_friend: core.circle.knows(node),
    }
}

/// A way that is not there.
fn gone(core: &Core, to: &RemoteShare) -> Way {
    let printer = Printer {
        id: format!("{}@{}", to.share, to.node),
        name: to.name.clone(),
        device: Some(to.node.to_string()),
        device_name: to.device_name.clone(),
        model: None,
        location: None,
        state: PrinterState::Unreachable,
        reasons: Vec::new(),
        waiting: 0,
        access: Access::Allowed,
        usable: true,
        supplies: Vec::new(),
        routes: Vec::new(),
        added: false,
    };
    Way {
        printer,
        identities: to.identity.iter().cloned().collect(),
        is_of_a_friend: core.circle.knows(&to.node),
        to: to.clone(),
    }
}

fn standard_way(core: &Core, service: &Service) -> Way {
    let (id, printer) = (PrinterId::of_service(&service.fullname), standard(core, service));
    let to = RemoteShare {
        node: id.node(),
        share: id.share(),
        name: printer.name.clone(),
        device_name: printer.device_name.clone(),
        ask: false,
        identity: None,
    };
    Way { to, printer, identities: identities(service), is_of_a_friend: false }
}

fn printer(core: &Core, node: &NodeId, row: &Row, offered: &OfferedPrinter) -> Printer {
    let state = match offered.state.as_str() {
        _ if row.link != Link::Online => PrinterState::Unreachable,
        "processing" => PrinterState::Busy,
        "stopped" => PrinterState::Stopped,
        _ => PrinterState::Ready,
    };
    Printer {
        id: format!("{}@{node}", offered.share),
        name: offered.name.clone(),
        device: Some(node.to_string()),
        device_name: row.shown_name(node),
        model: offered.model.clone(),
        location: offered.location.clone(),
        state,
        reasons: offered.reasons.clone(),
        waiting: offered.waiting,
        access: asks::access(core, node, &offered.share, offered.ask),
        usable: true,
        supplies: offered.supplies.iter().cloned().map(printing::shown_supply).collect(),
        routes: Vec::new(),
        added: gateway::is_added(core, node, &offered.share),
    }
}

fn drive(core: &Core, node: &NodeId, row: &Row, offered: &OfferedDrive) -> Drive {
    Drive {
        id: format!("{}@{node}", offered.share),
        name: offered.name.clone(),
        device: node.to_string(),
        device_name: row.shown_name(node),
        access: asks::access(core, node, &offered.share, offered.ask),
        writable: offered.writable,
        disc: offered.disc,
        available: offered.available && row.link == Link::Online,
        free_bytes: offered.free,
        total_bytes: offered.total,
    }
}

fn standard(core: &Core, service: &Service) -> Printer {
    let id = PrinterId::of_service(&service.fullname);
    let told = printing::told_by(core, &id);
    let (state, reasons) = match &told {
        Some(Ok(told)) => (printing::shown_queue_state(told.state), told.reasons.clone()),
        // It has not been asked yet, or this is no network to ask on.
        None => (PrinterState::Ready, Vec::new()),
        Some(Err(())) => (PrinterState::Unreachable, Vec::new()),
    };
    let told = told.and_then(Result::ok);
    let (model, location) = (service.model.clone(), service.location.clone());
    Printer {
        name: service.name.clone(),
        device: None,
        device_name: service.host.clone(),
        model: model.or_else(|| told.as_ref()?.model.clone()),
        location: location.or_else(|| told.as_ref()?.location.clone()),
        state,
        reasons,
        waiting: told.as_ref().map_or(0, |told| told.waiting),
        access: Access::Allowed,
        usable: true,
        supplies: told.into_iter().flat_map(|told| told.supplies).map(printing::shown_supply).collect(),
        routes: Vec::new(),
        added: gateway::is_added(core, &id.node(), &id.share().0),
        id: id.as_str().to_owned(),
    }
}

/// A sign of life alone is no event.
fn without_times(nearby: &Nearby) -> Nearby {
    let mut nearby = nearby.clone();
    for device in &mut nearby.devices {
        device.last_seen = 0;
    }
    nearby
}
