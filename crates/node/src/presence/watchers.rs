//! Those who watch us: one stream per device, fed by a task of its own.

use super::our_hello;
use crate::{
    Core, home, shares,
    wire::{Hello, Offers, WatchLine},
};
use http::{HeaderValue, Response, StatusCode, header};
use lanyard_link::{
    Body, Caller,
    body::{self, Gone, Sender},
};
use lanyard_trust::{NodeId, Subject};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// The most devices that may watch at once.
const MAX_WATCHERS: usize = 256;
/// Lines that wait for one watcher; one that is further behind is cut off and asks again.
const LINES: usize = 64;
/// After this many seconds without a line a watcher is told that we are alive, while there are few.
const ALIVE: u16 = 10;
/// That many watchers are few; twice as many are told half as often. A line and its acknowledgement are some 220 bytes
/// on the cable, and each device hears from as many as it tells: whatever their number, that is 400 bytes a second.
const FEW: usize = 9;
/// The longest time without a line.
const LONGEST_ALIVE: u16 = 70;
/// Changes of offers come in groups; they are told together.
const GATHER: Duration = Duration::from_millis(100);
/// How long a watcher may take to take a line.
const TAKE: Duration = Duration::from_secs(25);

/// The open streams.
pub(super) struct Watchers {
    open: Mutex<HashMap<NodeId, Watcher>>,
    offers: watch::Sender<u64>,
    /// Counts streams, so that the end of an old one does not close its successor.
    count: watch::Sender<u64>,
}

struct Watcher {
    number: u64,
    lines: mpsc::Sender<WatchLine>,
    bye: CancellationToken,
    local: SocketAddr,
}

impl Watchers {
    pub(super) fn new() -> Self {
        Self { open: Mutex::default(), offers: watch::Sender::new(0), count: watch::Sender::new(0) }
    }

    pub(super) fn push(&self, to: &NodeId, line: WatchLine) {
        let mut open = self.open();
        let Some(watcher) = open.get(to) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = watcher.lines.try_send(line) {
            // It comes back and asks for everything: better than a gap it does not know of.
            tracing::debug!(%to, "a watcher is too far behind");
            open.remove(to);
        }
    }

    pub(super) fn offers_changed(&self) {
        self.offers.send_modify(|version| *version += 1);
    }

    /// Tells those who watch through these addresses of ours that we stop.
    pub(super) fn say_bye(&self, through: impl Fn(SocketAddr) -> bool) {
        for watcher in self.open().values().filter(|watcher| through(watcher.local)) {
            watcher.bye.cancel();
        }
    }

    /// Returns when nobody watches through these addresses any more.
    pub(super) async fn gone(&self, through: impl Fn(SocketAddr) -> bool) {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            if !self.open().values().any(|watcher| through(watcher.local)) {
                return;
            }
            if count.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends the stream of one watcher.
    pub(super) fn cut(&self, node: &NodeId) {
        self.open().remove(node);
    }

    /// After how many seconds without a line a watcher is told that we are alive.
    pub(super) fn alive(&self) -> u16 {
        alive(self.open().len())
    }

    fn enter(&self, node: NodeId, watcher: Watcher) -> bool {
        let mut open = self.open();
        // A device that dials again has given up its old stream, whether we have noticed or not.
        if open.len() >= MAX_WATCHERS && !open.contains_key(&node) {
            return false;
        }
        open.insert(node, watcher);
        true
    }

    fn exit(&self, node: &NodeId, number: u64) {
        let mut open = self.open();
        if open.get(node).is_some_and(|watcher| watcher.number == number) {
            open.remove(node);
        }
        drop(open);
        self.count.send_modify(|count| *count += 1);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<NodeId, Watcher>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alive(watchers: usize) -> u16 {
    let times = u16::try_from(watchers.div_ceil(FEW)).unwrap_or(u16::MAX);
    ALIVE.saturating_mul(times).clamp(ALIVE, LONGEST_ALIVE)
}

/// Opens a stream for `caller`.
pub(super) fn serve(core: &Arc<Core>, caller: Caller, subject: Subject) -> Response<Body> {
    let watchers = &core.presence.watchers;
    let mut number = 0;
    watchers.count.send_modify(|count| {
        *count += 1;
        number = *count;
    });
    let (lines, told) = mpsc::channel(LINES);
    let bye = core.cancel.child_token();
    let watcher = Watcher { number, lines, bye: bye.clone(), local: caller.local };
    if !watchers.enter(caller.node, watcher) {
        return body::status(StatusCode::SERVICE_UNAVAILABLE, "too many devices watch this one");
    }
    let (sender, stream) = body::channel(8);
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let offers = core.presence.watchers.offers.subscribe();
        let speech = Speech { core: &core, node: caller.node, subject, sender: &sender, told, offers, bye };
        if speech.speak().await.is_ok() {
            let _ = timeout(TAKE, sender.finish()).await; // it may have gone; then there is nobody to tell
        }
        core.presence.watchers.exit(&caller.node, number);
    });
    let mut response = Response::new(stream);
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
    response
}

/// What one watcher is told.
struct Speech<'a> {
    core: &'a Arc<Core>,
    node: NodeId,
    subject: Subject,
    sender: &'a Sender,
    told: mpsc::Receiver<WatchLine>,
    offers: watch::Receiver<u64>,
    bye: CancellationToken,
}

impl Speech<'_> {
    /// Speaks until the end. An error means that the watcher has gone.
    async fn speak(mut self) -> Result<(), Gone> {
        let node = self.node;
        let mut hello = our_hello(self.core, &node);
        let mut offers = shares::offers_for(self.core, &self.subject).await;
        self.say(&WatchLine::Hello(hello.clone())).await?;
        self.say(&WatchLine::Offers(offers.clone())).await?;
        if let Some(line) = home::digest_line(self.core, &node) {
            self.say(&line).await?;
        }
        loop {
            tokio::select! {
                () = self.bye.cancelled() => return self.say(&WatchLine::Bye).await,
                () = self.sender.closed() => return Err(Gone),
                line = self.told.recv() => match line {
                    Some(line) => self.say(&line).await?,
                    // Cut off, or its place was taken by a newer stream.
                    None => return Err(Gone),
                },
                changed = self.offers.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    sleep(GATHER).await;
                    self.offers.mark_unchanged();
                    self.tell_changes(&mut hello, &mut offers).await?;
                }
                () = sleep(Duration::from_secs(hello.alive.into())) => {
                    let new = our_hello(self.core, &node);
                    if new == hello {
                        self.say(&WatchLine::Alive).await?;
                    } else {
                        self.say(&WatchLine::Hello(new.clone())).await?;
                        hello = new;
                    }
                }
            }
        }
    }

    async fn tell_changes(&self, hello: &mut Hello, offers: &mut Offers) -> Result<(), Gone> {
        let new = our_hello(self.core, &self.node);
        if new != *hello {
            self.say(&WatchLine::Hello(new.clone())).await?;
            *hello = new;
        }
        let new = shares::offers_for(self.core, &self.subject).await;
        if new != *offers {
            self.say(&WatchLine::Offers(new.clone())).await?;
            *offers = new;
        }
        Ok(())
    }

    async fn say(&self, line: &WatchLine) -> Result<(), Gone> {
        timeout(TAKE, self.sender.send_line(line)).await.unwrap_or(Err(Gone))
    }
}
