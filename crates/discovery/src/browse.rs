//! Listening for nodes and for standard printers and folders on every real interface.
//!
//! Browsing sends queries and nothing else, so it also runs on networks that are not the owner's. `mdns-sd`'s own
//! cache has no limit; when a flood has filled it, its daemon is ended and a new one begun.

use crate::{
    Interface, Kind, Opening, Reach, Service, Table, Token,
    interfaces::is_real,
    table::{Advert, Heard},
};
use futures_util::{StreamExt, stream::select_all};
use mdns_sd::{IfKind, IfPredicate, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the daemon looks for new interfaces, in seconds.
const INTERFACE_CHECK: u32 = 1;
/// How often the daemon's cache is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// Events after which the cache is measured in any case.
const MEASURE_EVENTS: u32 = 1_000;
/// Records in the daemon's cache above which it is begun anew.
const MAX_RECORDS: i64 = 4_096;
/// After a new beginning: what is not heard again by then is gone.
const REHEARD: Duration = Duration::from_secs(10);
/// Between two new beginnings, doubled each time up to the second.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The table of what is heard, and the task that fills it. Clones share it.
#[derive(Clone)]
pub struct Browser {
    table: Arc<Mutex<Table>>,
    version: watch::Sender<u64>,
}

/// Why listening stopped.
enum Ended {
    Cancelled,
    /// The daemon's cache was full, or it closed a stream that could not keep up.
    Flooded,
    Failed(mdns_sd::Error),
}

impl Browser {
    /// Nothing heard yet; [`Browser::run`] fills it.
    #[must_use]
    pub fn new() -> Self {
        Self { table: Arc::new(Mutex::new(Table::new(Instant::now()))), version: watch::Sender::new(0) }
    }

    /// Everything that may be there.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        self.table().services()
    }

    /// Counts up with each change of [`Browser::services`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Something real answered there; see [`Table::keep`].
    pub fn keep(&self, service: &Service) {
        self.table().keep(service.kind, &service.fullname);
    }

    /// Listens until cancelled. `interfaces` are the ones that are up.
    pub async fn run(
        self,
        reach: Reach,
        interfaces: watch::Receiver<Arc<Vec<Interface>>>,
        cancel: CancellationToken,
    ) {
        let mut pause = PAUSE;
        loop {
            let began = Instant::now();
            match self.listen(reach, &interfaces, &cancel).await {
                Ended::Cancelled => return,
                Ended::Flooded => tracing::warn!("too many multicast DNS records; listening begins anew"),
                Ended::Failed(error) => tracing::warn!(%error, "multicast DNS failed; it is tried again"),
            }
            pause = if began.elapsed() > LONGEST_PAUSE { PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            self.table().begin_again();
        }
    }

    async fn listen(
        &self,
        reach: Reach,
        interfaces: &watch::Receiver<Arc<Vec<Interface>>>,
        cancel: &CancellationToken,
    ) -> Ended {
        let daemon = match ServiceDaemon::new() {
            Ok(daemon) => daemon,
            Err(error) => return Ended::Failed(error),
        };
        let ended = self.listen_with(&daemon, reach, interfaces, cancel).await;
        let _ = daemon.shutdown(); // fails only when it has ended already
        ended
    }

    async fn listen_with(
        &self,
        daemon: &ServiceDaemon,
        reach: Reach,
        interfaces: &watch::Receiver<Arc<Vec<Interface>>>,
        cancel: &CancellationToken,
    ) -> Ended {
        let unwanted = IfPredicate::new(move |interface| match reach {
            Reach::Lan => interface.is_loopback() || interface.is_p2p || !is_real(&interface.name),
            Reach::Loopback => !interface.is_loopback(),
        });
        let begun = daemon
            .disable_interface(IfKind::Predicate(unwanted))
            .and_then(|()| daemon.set_ip_check_interval(INTERFACE_CHECK))
            .and_then(|()| {
                Kind::ALL
                    .into_iter()
                    .map(|kind| {
                        let events = daemon.browse(kind.service_type())?.into_stream();
                        let end = futures_util::stream::iter([(kind, None)]);
                        Ok(Box::pin(events.map(move |event| (kind, Some(event))).chain(end)))
                    })
                    .collect::<mdns_sd::Result<Vec<_>>>()
            });
        let mut events = match begun {
            Ok(streams) => select_all(streams),
            Err(error) => return Ended::Failed(error),
        };
        let mut measure = tokio::time::interval_at(tokio::time::Instant::now() + MEASURE, MEASURE);
        measure.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let reheard = tokio::time::sleep(REHEARD);
        tokio::pin!(reheard);
        let mut events_since = 0_u32;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ended::Cancelled,
                () = &mut reheard, if !reheard.is_elapsed() => {
                    let changed = self.table().drop_unheard();
                    self.tell(changed);
                }
                _ = measure.tick(), if events_since > 0 => {
                    events_since = 0;
                    if is_full(daemon).await {
                        return Ended::Flooded;
                    }
                }
                event = events.next() => {
                    let Some((kind, Some(event))) = event else { return Ended::Flooded };
                    self.take(kind, event, interfaces);
                    events_since += 1;
                    if events_since >= MEASURE_EVENTS {
                        events_since = 0;
                        if is_full(daemon).await {
                            return Ended::Flooded;
                        }
                    }
                }
            }
        }
    }

    fn take(&self, kind: Kind, event: ServiceEvent, interfaces: &watch::Receiver<Arc<Vec<Interface>>>) {
        let changed = match event {
            ServiceEvent::ServiceResolved(resolved) => {
                let interfaces = interfaces.borrow().clone();
                let heard = self.table().heard(advert(kind, &resolved), &interfaces, Instant::now());
                tracing::trace!(fullname = resolved.fullname, ?heard, "heard");
                heard == Heard::Changed
            }
            ServiceEvent::ServiceRemoved(_, fullname) => self.table().gone(kind, &fullname),
            _ => false,
        };
        self.tell(changed);
    }

    fn tell(&self, changed: bool) {
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

async fn is_full(daemon: &ServiceDaemon) -> bool {
    let Ok(metrics) = daemon.get_metrics() else { return true };
    match tokio::time::timeout(MEASURE, metrics.recv_async()).await {
        Ok(Ok(metrics)) => {
            let cached = metrics.iter().filter(|(counter, _)| counter.starts_with("cached-"));
            cached.map(|(_, count)| *count).sum::<i64>() > MAX_RECORDS
        }
        _ => true,
    }
}

fn advert(kind: Kind, resolved: &ResolvedService) -> Advert {
    let mut addresses = Vec::new();
    for address in resolved.get_addresses() {
        match address {
            ScopedIp::V4(v4) if v4.interface_ids().is_empty() => addresses.push(((*v4.addr()).into(), 0)),
            ScopedIp::V4(v4) => {
                addresses.extend(v4.interface_ids().iter().map(|id| ((*v4.addr()).into(), id.index)));
            }
            ScopedIp::V6(v6) => addresses.push(((*v6.addr()).into(), v6.scope_id().index)),
            _ => {}
        }
    }
    // A hostile record can hold thousands; the table cuts further down, after it has sorted out the usable ones.
    addresses.truncate(64);
    let text = |key| resolved.get_property_val_str(key).map(|text| text.chars().take(200).collect());
    let value = |key| resolved.get_property_val_str(key);
    let is_node = kind == Kind::Lanyard;
    let token = value("n").filter(|_| is_node).and_then(|n| Token::read(n, value("t").unwrap_or_default()));
    let digits = value("d").filter(|_| is_node && value("j") == Some("1"));
    Advert {
        kind,
        fullname: resolved.fullname.clone(),
        host: resolved.host.clone(),
        port: resolved.port,
        addresses,
        model: text("ty"),
        location: text("note"),
        uuid: text("UUID"),
        resource: text("rp"),
        token,
        opening: digits.and_then(|digits| Opening::read(digits, value("l"))),
    }
}
