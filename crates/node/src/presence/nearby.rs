//! What front ends are shown of all this.

use super::{
    RemoteShare, book,
    devices::{Link, Row},
};
use crate::{
    Core, asks, gateway, home,
    names::Named,
    printing,
    status::check_signs,
    wire::{OfferedDrive, OfferedPrinter},
};
use lanyard_api::{Access, Change, Device, DeviceState, Drive, Nearby, Printer, PrinterState, Relation};
use lanyard_discovery::{Interface, Kind, Service};
use lanyard_print::consume::standard::PrinterId;
use lanyard_trust::NodeId;
use std::{sync::Arc, time::Duration};

/// Between two events; what happens meanwhile is told together.
const GATHER: Duration = Duration::from_millis(100);

/// Everything that can be used now.
pub(super) fn nearby(core: &Core) -> Nearby {
    let interfaces = core.networks.interfaces().borrow().clone();
    let mut nearby = Nearby::default();
    for (node, row) in core.presence.devices().shown() {
        nearby.devices.push(device(core, node, row, &interfaces));
        nearby.printers.extend(row.offers.printers.iter().map(|offered| printer(core, node, row, offered)));
        nearby.drives.extend(row.offers.drives.iter().map(|offered| drive(core, node, row, offered)));
    }
    nearby.printers.extend(standard_printers(core));
    let key = |name: &str, id: &str| (name.to_lowercase(), id.to_owned());
    nearby.devices.sort_by_cached_key(|device| key(&device.name, &device.id));
    nearby.printers.sort_by_cached_key(|printer| key(&printer.name, &printer.id));
    nearby.drives.sort_by_cached_key(|drive| key(&drive.name, &drive.id));
    nearby
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
pub(super) fn standard_printers(core: &Core) -> Vec<Printer> {
    let services = core.presence.browser.services();
    let is_ours =
        |service: &Service| service.addresses.iter().all(|address| core.networks.is_ours(address.ip()));
    let mut printers: Vec<(Kind, Printer)> = Vec::new();
    for service in services.iter().filter(|s| matches!(s.kind, Kind::Ipp | Kind::Ipps) && !is_ours(s)) {
        if is_offered_by_a_device(core, service) {
            continue;
        }
        let shown = (service.kind, standard(core, service));
        // Most speak both kinds: one printer, better with TLS.
        match printers
            .iter_mut()
            .find(|(_, p)| p.name == shown.1.name && p.device_name == shown.1.device_name)
        {
            Some(known) if service.kind == Kind::Ipps => *known = shown,
            Some(_) => {}
            None => printers.push(shown),
        }
    }
    printers.into_iter().map(|(_, printer)| printer).collect()
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

/// The same for standard printers.
pub(super) fn named_standard(printers: Vec<Printer>) -> Vec<Named<RemoteShare>> {
    let named = |printer: Printer| {
        let id = PrinterId::parse(&printer.id)?;
        let value = RemoteShare {
            node: id.node(),
            share: id.share(),
            name: printer.name.clone(),
            device_name: printer.device_name.clone(),
            ask: false,
        };
        Some(Named { id: printer.id, name: printer.name, device: printer.device_name, value })
    };
    printers.into_iter().filter_map(named).collect()
}

/// Whether a device offers the printer behind this advert already: its own print system announces it, too, as
/// `Name @ host`.
fn is_offered_by_a_device(core: &Core, service: &Service) -> bool {
    core.presence.devices().shown().any(|(_, row)| {
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
