//! What is known of each device: its addresses and its open connections.

use super::{LinkError, SILENCE, dial::Dialled, in_words};
use crate::{
    Body,
    wire::{self, Wire},
};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use lanyard_trust::NodeId;
use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Addresses kept of one device.
const ADDRESSES: usize = 16;

/// Devices kept. A local network with more of them is not one we are made for.
const DEVICES: usize = 1024;

/// Connections to one device at once, well below what its listener accepts from one address.
const CONNECTIONS: usize = 24;

/// Idle connections kept to one device.
const IDLE: usize = 8;

/// How long an idle connection is kept: less than a listener waits for the next header.
const IDLE_FOR: Duration = Duration::from_secs(8);

/// How fresh a connection must be for a request that cannot be sent twice.
const FRESH: Duration = Duration::from_secs(2);

/// How long a connection just used may take to be ready again.
const READY: Duration = Duration::from_millis(250);

/// The longest header of an answer.
const HEADER_BYTES: usize = 16 * 1024;

/// Addresses and idle connections of all devices.
pub(super) struct Book {
    entries: Mutex<Entries>,
    /// Ends every connection when the book goes.
    life: CancellationToken,
    _end: DropGuard,
}

#[derive(Default)]
struct Entries {
    devices: HashMap<NodeId, Entry>,
    /// Whether a task is looking for connections that were idle for too long.
    sweeping: bool,
}

struct Entry {
    addresses: Vec<SocketAddr>,
    last_good: Option<SocketAddr>,
    idle: Vec<Idle>,
    line: Line,
    used: Instant,
}

struct Idle {
    sender: SendRequest<Body>,
    since: Instant,
}

/// The connections to one device, from when it became known until it is forgotten.
#[derive(Clone)]
pub(super) struct Line {
    life: CancellationToken,
    slots: Arc<Semaphore>,
}

impl Default for Book {
    fn default() -> Self {
        let life = CancellationToken::new();
        Self { entries: Mutex::default(), _end: life.clone().drop_guard(), life }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("devices", &self.lock().devices.len()).finish_non_exhaustive()
    }
}

impl Book {
    pub(super) fn learn(&self, node: NodeId, addresses: Vec<SocketAddr>) {
        let mut entries = self.lock();
        let entry = entries.of(node, &self.life);
        entry.addresses = Vec::new();
        let good = entry.last_good.filter(|good| addresses.contains(good));
        for address in good.into_iter().chain(addresses) {
            if entry.addresses.len() < ADDRESSES && !entry.addresses.contains(&address) {
                entry.addresses.push(address);
            }
        }
    }

    pub(super) fn addresses(&self, node: &NodeId) -> Vec<SocketAddr> {
        self.lock().devices.get(node).map(|entry| entry.addresses.clone()).unwrap_or_default()
    }

    /// Puts an address that worked first.
    pub(super) fn works(&self, node: NodeId, address: SocketAddr) {
        let mut entries = self.lock();
        let entry = entries.of(node, &self.life);
        entry.last_good = Some(address);
        entry.addresses.retain(|known| *known != address);
        entry.addresses.insert(0, address);
        entry.addresses.truncate(ADDRESSES);
    }

    pub(super) fn forget(&self, node: &NodeId) {
        if let Some(entry) = self.lock().devices.remove(node) {
            entry.line.life.cancel();
        }
    }

    pub(super) fn line(&self, node: NodeId) -> Line {
        self.lock().of(node, &self.life).line.clone()
    }

    /// An idle connection that is ready for a request, the one used last first.
    pub(super) async fn take(&self, node: NodeId, repeatable: bool) -> Option<SendRequest<Body>> {
        let oldest = if repeatable { IDLE_FOR } else { FRESH };
        loop {
            let mut sender = {
                let mut entries = self.lock();
                let idle = &mut entries.devices.get_mut(&node)?.idle;
                idle.retain(|idle| !idle.sender.is_closed());
                let last = idle.last().filter(|idle| idle.since.elapsed() < oldest)?;
                let since = last.since;
                tracing::trace!(?node, idle = ?since.elapsed(), "using a kept connection");
                idle.pop()?.sender
            };
            if let Ok(Ok(())) = timeout(READY, sender.ready()).await {
                return Some(sender);
            }
        }
    }

    /// Whether a connection will be fresh for a while yet.
    pub(super) fn is_warm(&self, node: &NodeId) -> bool {
        let entries = self.lock();
        let Some(last) = entries.devices.get(node).and_then(|entry| entry.idle.last()) else { return false };
        !last.sender.is_closed() && last.since.elapsed() < FRESH / 2
    }

    /// Keeps a connection for later requests, unless its device was forgotten since it was opened.
    pub(super) fn keep(self: &Arc<Self>, node: NodeId, line: &Line, sender: SendRequest<Body>) {
        if line.life.is_cancelled() || sender.is_closed() {
            return;
        }
        let mut entries = self.lock();
        let Some(entry) = entries.devices.get_mut(&node) else { return };
        entry.idle.push(Idle { sender, since: Instant::now() });
        if entry.idle.len() > IDLE {
            entry.idle.remove(0);
        }
        if !entries.sweeping
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            entries.sweeping = true;
            runtime.spawn(sweep(Arc::downgrade(self), self.life.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that were idle for too long, as long as there are any.
async fn sweep(book: Weak<Book>, life: CancellationToken) {
    loop {
        tokio::select! {
            () = life.cancelled() => return,
            () = sleep(IDLE_FOR / 4) => {}
        }
        let Some(book) = book.upgrade() else { return };
        let mut entries = book.lock();
        let mut any = false;
        for entry in entries.devices.values_mut() {
            entry.idle.retain(|idle| idle.since.elapsed() < IDLE_FOR && !idle.sender.is_closed());
            any |= !entry.idle.is_empty();
        }
        if !any {
            entries.sweeping = false;
            return;
        }
    }
}

impl Entries {
    fn of(&mut self, node: NodeId, life: &CancellationToken) -> &mut Entry {
        if self.devices.len() >= DEVICES && !self.devices.contains_key(&node) {
            let oldest = self.devices.iter().min_by_key(|(_, entry)| entry.used).map(|(node, _)| *node);
            if let Some(entry) = oldest.and_then(|oldest| self.devices.remove(&oldest)) {
                entry.line.life.cancel();
            }
        }
        let entry = self.devices.entry(node).or_insert_with(|| Entry {
            addresses: Vec::new(),
            last_good: None,
            idle: Vec::new(),
            line: Line { life: life.child_token(), slots: Arc::new(Semaphore::new(CONNECTIONS)) },
            used: Instant::now(),
        });
        entry.used = Instant::now();
        entry
    }
}

impl Line {
    /// Waits until there may be one more connection.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, LinkError> {
        self.slots.clone().acquire_owned().await.map_err(|_| LinkError::Broken("closed".to_owned()))
    }

    /// Speaks HTTP on a new connection, in a task of its own that ends with the connection or the line.
    pub(super) async fn open(&self, dialled: Dialled) -> Result<SendRequest<Body>, LinkError> {
        let slot = self.slot().await?;
        self.open_in(slot, dialled).await
    }

    /// The same in a slot that was waited for before.
    pub(super) async fn open_in(
        &self,
        slot: OwnedSemaphorePermit,
        dialled: Dialled,
    ) -> Result<SendRequest<Body>, LinkError> {
        let Dialled { tls, node, address, .. } = dialled;
        let io = TokioIo::new(Wire::new(tls, SILENCE));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(wire::HTTP_BUFFER)
            .max_header_size(HEADER_BYTES)
            .handshake(io)
            .await
            .map_err(|error| LinkError::Broken(in_words(&error)))?;
        let life = self.life.clone();
        tokio::spawn(async move {
            let _slot = slot;
            tokio::select! {
                () = life.cancelled() => {}
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(?node, %address, %error, "a connection broke");
                },
            }
        });
        Ok(sender)
    }
}
