//! Searches by name on drives of others, as front ends follow them.
//!
//! The walking is done by the devices that offer the drives; here their finds come together. A front end asks for more
//! with the number of finds it knows, and is answered as soon as there are others. A search ends by itself when nobody
//! asks for a while, when four others were begun, or when a newer one takes its place; then the other devices stop
//! walking too, because nobody reads what they send.

use super::{convert, refused, remote, remote_path};
use crate::{
    Core,
    presence::{self, RemoteShare},
};
use lanyard_api::{ApiError, Entry, ErrorCode, Hit, Search, Unseen};
use lanyard_drive::{
    consume::{RemoteError, search::Told},
    frames,
    words::{LONGEST, Words},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Searches at one time; the oldest gives way.
const MOST: usize = 4;
/// Drives that one search asks at one time.
const AT_ONCE: usize = 8;
/// Finds of one search, from all drives together.
const MOST_HITS: usize = 2_000;
/// How long an answer waits for something to tell.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long the first answer waits: with it comes the id, by which a search can be ended.
const AT_FIRST: Duration = Duration::from_millis(300);
/// For so long nobody may ask for more before a search ends.
const IDLE: Duration = Duration::from_secs(20);

/// Searches that are under way or were of late.
#[derive(Default)]
pub(super) struct Searches {
    known: Mutex<VecDeque<Arc<Known>>>,
}

struct Known {
    id: Uuid,
    found: Mutex<Found>,
    /// Counts up with everything there is to tell.
    news: watch::Sender<u64>,
    cancel: CancellationToken,
}

struct Found {
    hits: Vec<Hit>,
    done: bool,
    unseen: Vec<Unseen>,
    silent: Vec<String>,
    asked: Instant,
}

impl Searches {
    fn known(&self) -> MutexGuard<'_, VecDeque<Arc<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, id: &str) {
        let id = Uuid::parse_str(id).ok();
        self.known().retain(|search| {
            let stays = Some(search.id) != id;
            if !stays {
                search.cancel.cancel();
            }
            stays
        });
    }

    fn add(&self, search: Arc<Known>) {
        let mut known = self.known();
        while known.len() >= MOST {
            if let Some(oldest) = known.pop_front() {
                oldest.cancel.cancel();
            }
        }
        known.push_back(search);
    }

    fn find(&self, id: &str) -> Result<Arc<Known>, ApiError> {
        let wanted = Uuid::parse_str(id).ok();
        let gone = || ApiError::new(ErrorCode::NotFound, "This search is over.");
        self.known().iter().find(|search| Some(search.id) == wanted).cloned().ok_or_else(gone)
    }
}

impl Known {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when there is no place for another find.
    fn change(&self, change: impl FnOnce(&mut Found) -> bool) -> bool {
        let room = change(&mut self.found());
        self.news.send_modify(|count| *count += 1);
        room
    }

    /// Waits until there are more than `after` finds, or it is over.
    async fn tell(&self, after: usize, patience: Duration) -> Search {
        let mut news = self.news.subscribe();
        let wait = async {
            loop {
                news.borrow_and_update();
                let (hits, done) = {
                    let mut found = self.found();
                    found.asked = Instant::now();
                    (found.hits.len(), found.done)
                };
                if hits > after || done || news.changed().await.is_err() {
                    return;
                }
            }
        };
        // What has come until then is told in any case.
        let _ = tokio::time::timeout(patience, wait).await;
        let mut found = self.found();
        found.asked = Instant::now();
        Search {
            id: self.id.to_string(),
            hits: found.hits.get(after..).unwrap_or_default().to_vec(),
            count: u32::try_from(found.hits.len()).unwrap_or(u32::MAX),
            done: found.done,
            unseen: found.unseen.clone(),
            silent: found.silent.clone(),
        }
    }
}

impl Found {
    fn unseen(&mut self, what: Unseen) {
        if !self.unseen.contains(&what) {
            self.unseen.push(what);
        }
    }
}

/// Begins a search on one drive or on all that can be read.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`; what a single drive answers otherwise too, when only that one is searched.
pub async fn begin(
    core: &Arc<Core>,
    words: &str,
    drive: Option<String>,
    path: &str,
    instead_of: Option<String>,
) -> Result<Search, ApiError> {
    if let Some(before) = instead_of {
        core.drives.searches.end(&before);
    }
    if Words::parse(words).is_none() {
        let text = format!("A search needs words of names, up to {LONGEST} letters.");
        return Err(ApiError::new(ErrorCode::Invalid, text));
    }
    let path = remote_path(path)?;
    let shares = match &drive {
        Some(drive) => vec![presence::find_drive(core, drive)?],
        None => presence::readable_drives(core),
    };
    let search = Arc::new(Known {
        id: Uuid::new_v4(),
        found: Mutex::new(Found {
            hits: Vec::new(),
            done: shares.is_empty(),
            unseen: Vec::new(),
            silent: Vec::new(),
            asked: Instant::now(),
        }),
        news: watch::Sender::new(0),
        cancel: core.cancel.child_token(),
    });
    // One drive that does not answer is an answer; of several the others go on.
    if let ([share], Some(_)) = (shares.as_slice(), &drive) {
        let words = words.to_owned();
        let opened = remote(core, share).search(&path, &words).await;
        let mut opened =
            opened.map_err(|error| refused(&error, &share.device_name, &super::shown(&path, share)))?;
        let (search, share) = (Arc::clone(&search), share.clone());
        run(core, Arc::clone(&search), async move {
            let ended = follow(&search, &share, &mut opened).await;
            settle(&search, &share, ended);
        });
    } else if !shares.is_empty() {
        let (search, words) = (Arc::clone(&search), words.to_owned());
        let (seats, peers) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::clone(core));
        run(core, Arc::clone(&search), async move {
            let mut drives = JoinSet::new();
            for share in shares {
                let (search, words, path) = (Arc::clone(&search), words.clone(), path.clone());
                let (seats, remote) = (Arc::clone(&seats), remote(&peers, &share));
                drives.spawn(async move {
                    let Ok(_seat) = seats.acquire().await else { return };
                    let ended = match remote.search(&path, &words).await {
                        Ok(mut opened) => follow(&search, &share, &mut opened).await,
                        Err(error) => Err(error),
                    };
                    settle(&search, &share, ended);
                });
            }
            while drives.join_next().await.is_some() {}
        });
    }
    core.drives.searches.add(Arc::clone(&search));
    Ok(search.tell(0, AT_FIRST).await)
}

/// Goes on with a search.
///
/// # Errors
/// `not_found` when it is over and forgotten.
pub async fn more(core: &Core, search: &str, after: u32) -> Result<Search, ApiError> {
    let search = core.drives.searches.find(search)?;
    Ok(search.tell(after as usize, PATIENCE).await)
}

/// Ends a search.
pub fn end(core: &Core, search: &str) {
    core.drives.searches.end(search);
}

/// Runs it until it is over, not wanted any more, or forgotten.
fn run(core: &Arc<Core>, search: Arc<Known>, work: impl Future<Output = ()> + Send + 'static) {
    core.tasks.spawn(async move {
        let idle = async {
            loop {
                let left = IDLE.saturating_sub(search.found().asked.elapsed());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = search.cancel.cancelled() => {}
            () = idle => {}
        }
        search.change(|found| {
            found.done = true;
            true
        });
    });
}

async fn follow(
    search: &Known,
    share: &RemoteShare,
    opened: &mut lanyard_drive::consume::search::Search,
) -> Result<(), RemoteError> {
    while let Some(told) = opened.next().await? {
        let goes_on = match told {
            Told::Looking(_) => true,
            Told::Found(entry) => {
                let hit = hit(share, entry);
                search.change(|found| {
                    if found.hits.len() >= MOST_HITS {
                        found.unseen(Unseen::Limit);
                        return false;
                    }
                    found.hits.push(hit);
                    true
                })
            }
            Told::Limited => search.change(|found| {
                found.unseen(Unseen::Limit);
                true
            }),
            Told::Unseen(..) => search.change(|found| {
                found.unseen(Unseen::Folder);
                true
            }),
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

fn settle(search: &Known, share: &RemoteShare, ended: Result<(), RemoteError>) {
    let Err(error) = ended else { return };
    tracing::debug!(%error, "a drive was not searched to its end");
    search.change(|found| {
        found.unseen(Unseen::Drive);
        found.silent.push(share.name.clone());
        true
    });
}

fn hit(share: &RemoteShare, entry: frames::Entry) -> Hit {
    let folder = entry.path.split_last().map(|(names, _)| names.join("/")).unwrap_or_default();
    Hit {
        drive: share.id(),
        folder,
        entry: Entry {
            name: entry.path.name().unwrap_or_default().to_owned(),
            kind: convert::kind(entry.kind),
            size: entry.size,
            modified: entry.modified.map(|nanos| nanos.div_euclid(1_000_000)),
            etag: None,
            misnamed: None,
        },
    }
}
