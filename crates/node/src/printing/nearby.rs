//! Standard printers on the network: where they are now, and what they say of themselves.
//!
//! A printer is asked once when it appears and from time to time, but by itself only on the owner's own networks: on
//! others this node goes to nobody unasked.

use crate::{
    Core,
    presence::{self, RemoteShare},
};
use futures_util::{StreamExt, stream};
use lanyard_discovery::{Kind, Service};
use lanyard_print::consume::{
    Around, Target,
    standard::{Find, PrinterId, Told, Way},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// A printer is asked again after this long; one that did not answer later.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_SILENT: Duration = Duration::from_secs(5 * 60);

/// Between two looks at who is due.
const LOOK: Duration = Duration::from_secs(5);

/// Printers that are asked, and at once.
const MOST: usize = 64;
const AT_ONCE: usize = 4;

/// What printers have said.
#[derive(Default)]
pub(super) struct Asked {
    known: Mutex<HashMap<PrinterId, Answer>>,
}

struct Answer {
    at: Instant,
    /// Where it was then: somewhere else it is asked at once.
    place: Vec<std::net::SocketAddr>,
    told: Result<Told, ()>,
}

impl Asked {
    fn known(&self) -> MutexGuard<'_, HashMap<PrinterId, Answer>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a printer said last; an error when it did not answer.
pub(crate) fn told_by(core: &Core, printer: &PrinterId) -> Option<Result<Told, ()>> {
    core.printing.nearby.known().get(printer).map(|answer| answer.told.clone())
}

/// Lets the outbox find printers, and asks those that are there.
pub(super) fn start(core: &Arc<Core>) {
    core.printing.outbox.find_printers_by(Arc::new(Finder(Arc::downgrade(core))));
    core.printing.outbox.find_other_ways_by(Arc::new(Finder(Arc::downgrade(core))));
    core.tasks.spawn(watch(Arc::clone(core)));
}

/// Finds printers among what multicast DNS hears, and other ways among what devices offer.
struct Finder(Weak<Core>);

impl Find for Finder {
    fn ways(&self, printer: &PrinterId) -> Vec<Way> {
        let Some(core) = self.0.upgrade() else { return Vec::new() };
        let mut services = heard(&core);
        services.retain(|service| PrinterId::of_service(&service.fullname) == *printer);
        // Encrypted first.
        services.sort_by_key(|service| service.kind != Kind::Ipps);
        services.into_iter().map(way).collect()
    }
}

impl Around for Finder {
    fn around(&self, printer: &Target) -> Vec<Target> {
        let Some(core) = self.0.upgrade() else { return Vec::new() };
        let share = RemoteShare {
            node: printer.node,
            share: printer.share.clone(),
            name: printer.printer.clone(),
            device_name: printer.device_name.clone(),
            ask: printer.ask,
            identity: printer.identity.clone(),
        };
        presence::around(&core, &share).into_iter().map(super::target_of).collect()
    }
}

fn heard(core: &Core) -> Vec<Service> {
    let mut services = core.presence.heard();
    services.retain(|service| matches!(service.kind, Kind::Ipp | Kind::Ipps));
    services
}

fn way(service: Service) -> Way {
    let host = if service.host.contains('.') { service.host } else { format!("{}.local", service.host) };
    // RFC 8011 has no default; nearly all that leave `rp` out mean this one.
    let path = service.resource.filter(|path| !path.is_empty()).unwrap_or_else(|| "ipp/print".to_owned());
    Way { addresses: service.addresses, host, path: format!("/{path}"), tls: service.kind == Kind::Ipps }
}

async fn watch(core: Arc<Core>) {
    let mut changes = core.presence.changes();
    loop {
        round(&core).await;
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                // Adverts come in bursts.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Asks those that are due.
async fn round(core: &Arc<Core>) {
    let mut due = Vec::new();
    {
        let mut places: HashMap<PrinterId, Vec<std::net::SocketAddr>> = HashMap::new();
        for service in heard(core) {
            let is_own =
                |address: &std::net::SocketAddr| core.networks.near(*address).is_some_and(|place| place.own);
            let is_ours = service.addresses.iter().all(|address| core.networks.is_ours(address.ip()));
            if !is_ours && service.addresses.iter().any(is_own) {
                places.entry(PrinterId::of_service(&service.fullname)).or_default().extend(service.addresses);
            }
        }
        let mut known = core.printing.nearby.known();
        known.retain(|printer, _| places.contains_key(printer));
        for (printer, place) in places.into_iter().take(MOST) {
            let is_due = known.get(&printer).is_none_or(|answer| {
                let again = if answer.told.is_ok() { AGAIN } else { AGAIN_SILENT };
                answer.place != place || answer.at.elapsed() >= again
            });
            if is_due {
                due.push((printer, place));
            }
        }
    }
    let asking = due.into_iter().map(|(printer, place)| Box::pin(ask(Arc::clone(core), printer, place)));
    let asking = stream::iter(asking).buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(()));
    let _ = core.cancel.run_until_cancelled(asking).await;
}

async fn ask(core: Arc<Core>, printer: PrinterId, place: Vec<std::net::SocketAddr>) {
    // Perhaps jobs wait for it.
    core.printing.outbox.is_back(printer.node());
    let told = core.printing.outbox.ask_printer(&printer).await;
    let told =
        told.map_err(|error| tracing::debug!(printer = printer.as_str(), %error, "a printer does not tell"));
    let answer = Answer { at: Instant::now(), place, told };
    let before = core.printing.nearby.known().insert(printer.clone(), answer);
    let after = told_by(&core, &printer);
    if before.map(|answer| answer.told) != after {
        core.presence.nearby_changed();
    }
}
