//! Start, run, stop.

use crate::{
    Config, Core, DataDir,
    asks::{self, Asks},
    circle::Circle,
    clock::{self, Clock},
    config,
    core::Parts,
    discs,
    doctor::probe::Probes,
    doors::{browser::Browser, local},
    drives::{self, Drives},
    events::Events,
    gateway::{self, Gateway},
    guests::{self, Guests},
    home::{self, Homes},
    inbox::{self, Inbox},
    lock::Lock,
    mounts::{self, Mounts},
    moved::Moved,
    networks::{self, Networks},
    pause::{self, Pause},
    plain::{self, Plain},
    presence::{self, Presence},
    printing::{self, Printing},
    settings::{self, Settings},
    shares::{self, Shares},
    status,
    uploads::Uploads,
    web::WebDoors,
};
use futures_util::future::BoxFuture;
use lanyard_api::{ApiError, Change, ErrorCode, Event, Request, Response};
use lanyard_link::{Doors, Limits, Peers};
use lanyard_store::{Migrations, Store};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::sync::{OnceCell, broadcast::error::RecvError, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long stopping waits for tasks that are told to end.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How long saying goodbye to the network may take.
const GOODBYE: Duration = Duration::from_millis(1500);

/// How many events wait for one front end before it loses its place.
const EVENTS_AHEAD: usize = 64;

/// A running node.
#[derive(Clone)]
pub struct Node {
    core: Arc<Core>,
    /// Given back when the node has stopped, or when the last handle goes.
    lock: Arc<Mutex<Option<Lock>>>,
    stopped: Arc<OnceCell<()>>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another node uses the same data.
    #[error(
        "Lanyard is running already with this data (process {pid}). Use that one, stop it first, or give this \
         one a place of its own with --data."
    )]
    AlreadyRunning {
        /// Its process id, 0 when it does not tell.
        pid: u32,
    },
    /// The data directory, the key or the store cannot be used, or the system refused something essential.
    #[error("{what}: {reason}")]
    Failed {
        /// What was being done.
        what: String,
        /// Why it failed.
        reason: String,
    },
}

impl StartError {
    /// Something essential failed while `what` was being done.
    pub fn failed(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Failed { what: what.into(), reason: reason.to_string() }
    }
}

impl Node {
    /// Brings a node up: lock, key, store, rooms, doors.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        crate::arenas::few();
        let begun = SystemTime::now();
        let data = DataDir::resolve(config.data.as_deref())?;
        let opening = tokio::task::spawn_blocking(move || Opened::open(config, data));
        let opened = opening.await.map_err(|error| StartError::failed("starting", error))??;
        let Opened { lock, core } = opened;
        let node =
            Self { core: Arc::new(core), lock: Arc::new(Mutex::new(Some(lock))), stopped: Arc::default() };
        if let Err(error) = start_rooms(&node.core).await {
            node.stop().await;
            return Err(error);
        }
        #[cfg(target_os = "linux")]
        node.core.tasks.spawn(crate::pages::run(node.core.cancel.clone()));
        let took = begun.elapsed().unwrap_or_default();
        tracing::info!(id = %node.core.identity.node_id(), ms = took.as_millis() as u64, "the node is ready");
        Ok(node)
    }

    /// Answers a request of this computer's own front ends.
    ///
    /// # Errors
    /// An [`ApiError`] whose code a screen can act on.
    pub async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        answer(Arc::clone(&self.core), request).await
    }

    /// A snapshot, then every change. A listener that falls too far behind gets a new snapshot instead of what it
    /// missed. Ends when the node stops.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::Receiver<Event> {
        subscribe(&self.core)
    }

    /// Returns when this node goes on with a key that is no longer this device's (see `Request::SettleMove`): stop
    /// it and start it again.
    pub async fn renewed(&self) {
        self.core.moved.renewed().cancelled().await;
    }

    /// Says goodbye to the network, finishes what must not be cut, closes the store. Does nothing the second time.
    pub async fn stop(&self) {
        self.stopped.get_or_init(|| self.stop_once()).await;
    }

    /// What this node is made of, for tests that set up what a second device would.
    #[doc(hidden)]
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    async fn stop_once(&self) {
        let core = &self.core;
        tracing::info!("the node stops");
        core.events.emit(Change::Stopping);
        // While the others can still be reached: what programs here have written goes over.
        mounts::stop(core).await;
        if tokio::time::timeout(GOODBYE, presence::stop(core)).await.is_err() {
            tracing::warn!("saying goodbye took too long");
        }
        core.cancel.cancel();
        core.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, core.tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = core.tasks.len(),
                "some work did not end in time; it is finished after the next start"
            );
        }
        local::clean_up(&core.data);
        // Last: the next node may begin now.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// [`Node::handle`] for the doors. Its type is spelled out because a door can be opened by a request, and is
/// itself made of requests.
pub(crate) fn answer(core: Arc<Core>, request: Request) -> BoxFuture<'static, Result<Response, ApiError>> {
    Box::pin(async move {
        if core.cancel.is_cancelled() {
            return Err(ApiError::new(ErrorCode::Stopping, "Lanyard is stopping."));
        }
        crate::handle::handle(&core, request).await
    })
}

/// [`Node::subscribe`] for the doors.
pub(crate) fn subscribe(core: &Arc<Core>) -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(EVENTS_AHEAD);
    let told = Arc::clone(core);
    core.tasks.spawn(async move { tell(&told, &sender).await });
    receiver
}

async fn tell(core: &Arc<Core>, sender: &mpsc::Sender<Event>) {
    let mut events = core.events.listen();
    let mut from = None;
    loop {
        let event = match from {
            None => {
                let snapshot = Box::new(status::snapshot(core).await);
                Event { seq: snapshot.seq, change: Change::Snapshot(snapshot) }
            }
            Some(last) => {
                let heard = tokio::select! {
                    // In this order, so that the farewell is heard before the end.
                    biased;
                    heard = events.recv() => heard,
                    () = sender.closed() => return,
                    () = core.cancel.cancelled() => return,
                };
                match heard {
                    Ok(event) if event.seq <= last => continue, // in the snapshot already
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => {
                        from = None;
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        from = Some(event.seq);
        let ends = matches!(event.change, Change::Stopping);
        tokio::select! {
            biased;
            sent = sender.send(event) => if sent.is_err() || ends { return },
            // A listener that reads no more must not hold the stopping node up.
            () = core.cancel.cancelled() => return,
        }
    }
}

/// Everything that is read from the disk before anything runs.
struct Opened {
    lock: Lock,
    core: Core,
}

impl Opened {
    /// Blocks on the disk.
    fn open(mut config: Config, data: DataDir) -> Result<Self, StartError> {
        config.loopback |= std::env::var_os("LANYARD_LOOPBACK").is_some_and(|value| value == "1");
        data.create()?;
        let lock = Lock::take(&data)?;
        let (moved, identity) = Moved::load(&data)?;
        let opened =
            Store::open(&data.store(), MIGRATIONS).map_err(|error| StartError::failed("the store", error))?;
        let mut notices = Vec::new();
        if let Some(aside) = opened.set_aside {
            notices.push(format!(
                "The store was damaged. It was kept as {} and a new one begun: shares, networks and the list of \
                 jobs are empty.",
                aside.display()
            ));
        }
        let store = opened.store;
        let in_store = |error| StartError::failed("the store", error);
        let settings = Settings::new(store.clone());
        status::settle_name(&settings, config.name.as_deref()).map_err(in_store)?;
        let clock = Clock::load(settings.clone());
        let circle = Circle::default();
        let uploads = Uploads::new(data.uploads());
        uploads.clean(Duration::ZERO);
        let parts = Parts {
            downloads: config::downloads(&config, &data),
            config,
            data,
            peers: Peers::new(identity.clone()),
            doors: Doors::new(Limits::default(), {
                let circle = circle.clone();
                move |node| circle.knows(node)
            }),
            identity,
            shares: Arc::new(Shares::load(store.clone(), clock.clone(), circle.clone()).map_err(in_store)?),
            pause: Arc::new(Pause::load(settings.clone(), clock.clone()).map_err(in_store)?),
            moved: Arc::new(moved),
            clock,
            circle,
            store,
            settings,
            events: Events::new(),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let inbox = Inbox::open(&parts)?;
        let core = Core {
            home: Homes::open(&parts)?,
            networks: Networks::open(&parts)?,
            presence: Presence::open(&parts)?,
            printing: Printing::open(&parts)?,
            drives: Drives::open(&parts, &inbox)?,
            inbox,
            mounts: Mounts::open(&parts)?,
            discs: discs::Discs::default(),
            gateway: Gateway::open(&parts).map_err(in_store)?,
            guests: Guests::open(&parts).map_err(in_store)?,
            parts,
            asks: Asks::default(),
            plain: Plain::default(),
            web: WebDoors::default(),
            uploads,
            browser: Browser::default(),
            probes: Probes::default(),
            notices,
            started_at: SystemTime::now(),
        };
        Ok(Self { lock, core })
    }
}

/// The tables of every room.
const MIGRATIONS: &[Migrations] = &[
    settings::MIGRATIONS,
    shares::MIGRATIONS,
    gateway::MIGRATIONS,
    guests::MIGRATIONS,
    networks::MIGRATIONS,
    presence::MIGRATIONS,
    home::MIGRATIONS,
    lanyard_print::MIGRATIONS,
    lanyard_drive::MIGRATIONS,
    lanyard_drive::offer::dav::MIGRATIONS,
    mounts::MIGRATIONS,
];

async fn start_rooms(core: &Arc<Core>) -> Result<(), StartError> {
    clock::start(core);
    pause::start(core);
    shares::start(core);
    asks::start(core).await?;
    networks::start(core).await?;
    presence::start(core).await?;
    home::start(core);
    printing::start(core).await?;
    gateway::start(core).await?;
    drives::start(core).await?;
    mounts::start(core);
    discs::start(core);
    inbox::start(core);
    guests::start(core).await;
    plain::start(core);
    local::open(core).await
}
