//! Listening for nodes and for standard printers and folders on every real interface.
//!
//! Browsing sends queries and nothing else, so it also runs on networks that are not the owner's. Each interface has an
//! [`Ear`] and a [`Cache`] of its own; what they hear of one service is put together here and handed to the [`Table`].

use crate::{
    Interface, Kind, Opening, Service, Table, Token,
    cache::{Cache, Resolved},
    message::{self, MAX_MESSAGE, Message, Name},
    multicast::Ear,
    table::{Advert, Heard},
};
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

/// After an interface could not be listened on, doubled each time up to the second.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is looked whether the computer slept.
const LOOK: Duration = Duration::from_secs(10);
/// The clocks may differ by this much without anybody having slept.
const AWAKE: Duration = Duration::from_secs(3);

/// The table of what is heard, and the task that fills it. Clones share it.
#[derive(Clone)]
pub struct Browser {
    table: Arc<Mutex<Table>>,
    /// What was heard on each interface, by its number.
    caches: Arc<Mutex<HashMap<u32, Cache>>>,
    version: watch::Sender<u64>,
}

impl Browser {
    /// Nothing heard yet; [`Browser::run`] fills it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(Mutex::new(Table::new(Instant::now()))),
            caches: Arc::default(),
            version: watch::Sender::new(0),
        }
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

    /// These are there now, and not because multicast DNS says so: nobody needs to be asked about them for a while.
    pub fn vouch(&self, services: &[&Service]) {
        let now = Instant::now();
        let mut caches = self.caches();
        for service in services {
            let name = Name::of(&service.fullname);
            caches.values_mut().for_each(|cache| cache.vouch(&name, now));
        }
    }

    /// Listens until cancelled. `interfaces` are the ones that are up.
    pub async fn run(self, mut interfaces: watch::Receiver<Arc<Vec<Interface>>>, cancel: CancellationToken) {
        let mut listening: HashMap<u32, (Interface, CancellationToken)> = HashMap::new();
        let mut tasks = JoinSet::new();
        loop {
            let now = Arc::clone(&interfaces.borrow_and_update());
            listening.retain(|_, (known, stop)| {
                let stays = now.contains(known);
                if !stays {
                    stop.cancel();
                }
                stays
            });
            self.forget_other_than(&now);
            for interface in now.iter() {
                listening.entry(interface.index).or_insert_with(|| {
                    let stop = cancel.child_token();
                    tasks.spawn(self.clone().listen(interface.clone(), interfaces.clone(), stop.clone()));
                    (interface.clone(), stop)
                });
            }
            loop {
                tokio::select! {
                    changed = interfaces.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => cancel.cancel(),
                    },
                    Some(_) = tasks.join_next() => {}
                    () = cancel.cancelled() => return,
                }
            }
        }
    }

    /// Listens on one interface until stopped.
    async fn listen(
        self,
        interface: Interface,
        interfaces: watch::Receiver<Arc<Vec<Interface>>>,
        stop: CancellationToken,
    ) {
        let mut pause = PAUSE;
        loop {
            let error = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.hear(&interface, &interfaces) => ended,
            };
            tracing::warn!(interface = interface.name, %error, "multicast DNS failed; it is tried again");
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Hears and asks; ends only when that is impossible.
    async fn hear(
        &self,
        interface: &Interface,
        interfaces: &watch::Receiver<Arc<Vec<Interface>>>,
    ) -> io::Error {
        let ear = match Ear::open(interface) {
            Ok(ear) => ear,
            Err(error) => return error,
        };
        let mut seed = [0; 8];
        if let Err(error) = getrandom::fill(&mut seed) {
            return error.into();
        }
        let index = interface.index;
        self.caches()
            .entry(index)
            .and_modify(|cache| cache.again(Instant::now()))
            .or_insert_with(|| Cache::new(Instant::now(), u64::from_le_bytes(seed)));
        // Its addresses may be others than before, and with them what is on the link.
        self.offer_all(index, interfaces);
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut clocks = (Instant::now(), SystemTime::now());
        loop {
            let next = {
                let caches = self.caches();
                let Some(cache) = caches.get(&index) else { return io::ErrorKind::NotFound.into() };
                cache.next()
            };
            let now = Instant::now();
            let heard = tokio::select! {
                (length, from) = ear.receive(&mut buffer) => Some((length, from)),
                () = sleep(next.saturating_duration_since(now).min(LOOK)) => None,
            };
            let slept = slept(&mut clocks);
            let message = heard
                .filter(|(_, from)| is_neighbour(interface, *from))
                .and_then(|(length, from)| Some((Message::read(buffer.get(..length)?)?, from)));
            if let Some(bytes) = self.take(index, slept, message, interface, interfaces) {
                ear.send(&bytes).await;
            }
        }
    }

    /// Takes a message and does what is due; the question that is to be asked, if there is one.
    fn take(
        &self,
        index: u32,
        slept: Option<Duration>,
        message: Option<(Message, IpAddr)>,
        interface: &Interface,
        interfaces: &watch::Receiver<Arc<Vec<Interface>>>,
    ) -> Option<Vec<u8>> {
        let now = Instant::now();
        let (due, mut changed) = {
            let mut caches = self.caches();
            let cache = caches.get_mut(&index)?;
            if let Some(slept) = slept {
                cache.slept(slept, now);
            }
            let is_ours = |from: IpAddr| interface.addresses.iter().any(|prefix| prefix.address == from);
            // Our own question comes back, too, and is nobody else's.
            let message = message.filter(|(message, from)| message.response || !is_ours(*from));
            let changed = message.map(|(message, _)| cache.take(&message, now)).unwrap_or_default();
            (cache.due(now), changed)
        };
        for (kind, name) in &due.gone {
            self.lose(*kind, name, interfaces);
        }
        changed.extend(due.changed);
        for name in &changed {
            self.offer(name, interfaces);
        }
        if due.round {
            // What the table had no room for gets another chance.
            self.offer_all(index, interfaces);
        }
        due.asking.map(|asking| message::question(&asking.questions, &asking.known))
    }

    /// Gives the table what is known of a service on all interfaces. False when that is nothing.
    fn offer(&self, name: &Name, interfaces: &watch::Receiver<Arc<Vec<Interface>>>) -> bool {
        let now = Instant::now();
        let advert = {
            let caches = self.caches();
            let resolved =
                caches.iter().filter_map(|(index, cache)| Some((*index, cache.resolved(name, now)?)));
            let resolved: Vec<(u32, Resolved<'_>)> = resolved.collect();
            advert(&resolved)
        };
        let Some(advert) = advert else { return false };
        let interfaces = interfaces.borrow().clone();
        let heard = self.table().heard(advert, &interfaces, now);
        tracing::trace!(%name, ?heard, "heard");
        self.tell(heard == Heard::Changed);
        true
    }

    fn offer_all(&self, index: u32, interfaces: &watch::Receiver<Arc<Vec<Interface>>>) {
        let names: Vec<Name> = {
            let caches = self.caches();
            let Some(cache) = caches.get(&index) else { return };
            cache.all(Instant::now()).map(|resolved| resolved.name.clone()).collect()
        };
        for name in names {
            self.offer(&name, interfaces);
        }
    }

    /// A service is gone from one interface; it may still be there on another.
    fn lose(&self, kind: Kind, name: &Name, interfaces: &watch::Receiver<Arc<Vec<Interface>>>) {
        if !self.offer(name, interfaces) {
            let gone = self.table().gone(kind, &name.to_string());
            self.tell(gone);
        }
    }

    /// Forgets what was heard on interfaces that are not there any more.
    fn forget_other_than(&self, interfaces: &[Interface]) {
        let stays = |index: u32| interfaces.iter().any(|interface| interface.index == index);
        let lost: Vec<(Kind, Name)> = {
            let mut caches = self.caches();
            let gone: Vec<u32> = caches.keys().copied().filter(|index| !stays(*index)).collect();
            let gone: Vec<Cache> = gone.iter().filter_map(|index| caches.remove(index)).collect();
            gone.iter().flat_map(Cache::names).map(|(kind, name)| (kind, name.clone())).collect()
        };
        let (_, interfaces) = watch::channel(Arc::new(interfaces.to_vec()));
        for (kind, name) in lost {
            self.lose(kind, &name, &interfaces);
        }
    }

    fn tell(&self, changed: bool) {
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caches(&self) -> MutexGuard<'_, HashMap<u32, Cache>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

/// Only neighbours speak multicast DNS (RFC 6762 §11).
fn is_neighbour(interface: &Interface, from: IpAddr) -> bool {
    interface.is_on_link(from) || interface.addresses.iter().any(|prefix| prefix.address == from)
}

/// For how long the computer slept since the last look: that time has passed on one of the two clocks only.
fn slept(clocks: &mut (Instant, SystemTime)) -> Option<Duration> {
    let now = (Instant::now(), SystemTime::now());
    let awake = now.0.saturating_duration_since(clocks.0);
    let passed = now.1.duration_since(clocks.1).unwrap_or_default();
    *clocks = now;
    passed.checked_sub(awake).filter(|slept| *slept > AWAKE)
}

/// What all interfaces together say of one service.
pub(crate) fn advert(resolved: &[(u32, Resolved<'_>)]) -> Option<Advert> {
    let (_, first) = resolved.first()?;
    let mut addresses: Vec<(IpAddr, u32)> =
        resolved.iter().flat_map(|(index, r)| r.addresses.iter().map(|ip| (*ip, *index))).collect();
    // Many interfaces can hold many; the table cuts further down, after it has sorted out the usable ones.
    addresses.truncate(64);
    let value = |key| message::entry(first.text, key);
    let text = |key| value(key).map(|text| text.chars().take(200).collect());
    let is_node = first.kind == Kind::Lanyard;
    let token = value("n").filter(|_| is_node).and_then(|n| Token::read(n, value("t").unwrap_or_default()));
    let digits = value("d").filter(|_| is_node && value("j") == Some("1"));
    Some(Advert {
        kind: first.kind,
        fullname: first.name.to_string(),
        host: first.host.to_string(),
        port: first.port,
        addresses,
        model: text("ty"),
        location: text("note"),
        uuid: text("UUID"),
        resource: text("rp"),
        token,
        opening: digits.and_then(|digits| Opening::read(digits, value("l"))),
    })
}
