//! Questions to the other device, asked with patience: a device that is away for a moment is waited for, one that stays
//! away is an error soon, so that no program hangs, and one that is there and slow has its time. A device that was waited
//! for in vain is not waited for again by every question that follows: one task looks for it, and until it is back the
//! others fail at once.

use crate::{
    consume::browse::{Remote, RemoteError},
    path::SharePath,
    wire::Code,
};
use rustix::io::Errno;
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long an operation waits for a device from which nothing comes.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long it goes on asking one that is there and does not get to it: a disk that is written to by everybody may keep a
/// single small change waiting for many seconds, and a program that is told of an error then has lost what it wrote.
const LONGEST: Duration = Duration::from_secs(60);
/// The first try: a connection that leads nowhere is given up for a new one.
const TRY: Duration = Duration::from_secs(4);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a device that is known to be away may take to be found again before questions to it fail.
const FIND: Duration = Duration::from_secs(1);
/// Nobody looks for a device any more after nobody has asked it anything for so long.
const FORGOTTEN: Duration = Duration::from_secs(30);
/// Between two looks at whether the device that has not answered yet is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Why an operation failed, and whether it may have been done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: Option<Code>,
    /// An earlier try was lost on the way, perhaps on the way back.
    pub(super) retried: bool,
}

impl Failed {
    /// What a program is told.
    pub(super) fn errno(self) -> Errno {
        match self.code {
            None => Errno::IO,
            Some(code) => errno(code),
        }
    }
}

impl From<Failed> for Errno {
    fn from(failed: Failed) -> Self {
        failed.errno()
    }
}

/// The drive behind a mount.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) remote: Remote,
    absence: Arc<Absence>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Whether the device is known to be away.
#[derive(Default)]
struct Absence {
    search: Mutex<Option<Search>>,
    over: Notify,
}

/// A device that did not answer in time.
struct Search {
    /// When a task began to look for it; none when nobody looks.
    since: Option<Instant>,
    /// When somebody last asked for it.
    asked: Instant,
}

impl Absence {
    fn lock(&self) -> MutexGuard<'_, Option<Search>> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self) {
        self.lock().get_or_insert(Search { since: None, asked: Instant::now() });
    }

    fn ends(&self) {
        *self.lock() = None;
        self.over.notify_waiters();
    }
}

impl Peer {
    pub(super) fn new(remote: Remote, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        Self { remote, absence: Arc::default(), tasks, cancel }
    }

    /// Whether the device is there as far as is known, or comes back within [`FIND`] of when somebody began to look.
    async fn is_there(&self) -> bool {
        let over = self.absence.over.notified();
        tokio::pin!(over);
        over.as_mut().enable();
        let since = {
            let mut search = self.absence.lock();
            let Some(search) = search.as_mut() else { return true };
            search.asked = Instant::now();
            *search.since.get_or_insert_with(|| {
                let (peer, cancel) = (self.clone(), self.cancel.clone());
                self.tasks.spawn(async move { cancel.run_until_cancelled(peer.search()).await });
                Instant::now()
            })
        };
        timeout_at(since + FIND, over).await.is_ok()
    }

    /// Looks for the device until it is there or nobody has asked for a while.
    async fn search(&self) {
        loop {
            let found = timeout(TRY, self.remote.stat(TOP.get_or_init(SharePath::top))).await;
            if matches!(found, Ok(Ok(_) | Err(RemoteError::Refused(_)))) {
                return self.absence.ends();
            }
            {
                let mut search = self.absence.lock();
                let Some(search) = search.as_mut() else { return };
                if search.asked.elapsed() > FORGOTTEN {
                    search.since = None;
                    return;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks until it is answered. Each try may be answered by the other side after we have given it up: what must not be
    /// done twice carries a UUID.
    pub(super) async fn ask<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        question: impl Fn() -> F,
    ) -> Result<T, Failed> {
        self.answer(question, Some(TRY)).await
    }

    /// The same for what may take long, on the way (content over a slow link) or on the other side (a large file onto a
    /// slow disk): each try has the time that it needs.
    pub(super) async fn ask_long<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        question: impl Fn() -> F,
    ) -> Result<T, Failed> {
        self.answer(question, None).await
    }

    /// `first` is the time of the first try; each of the following has twice as much, because a connection that leads
    /// nowhere and a disk that is busy look the same from here.
    async fn answer<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        question: impl Fn() -> F,
        first: Option<Duration>,
    ) -> Result<T, Failed> {
        if !self.is_there().await {
            return Err(Failed { code: None, retried: false });
        }
        let (begun, mut limit, mut retried) = (Instant::now(), first, false);
        let gone = self.gone();
        tokio::pin!(gone);
        loop {
            let answer = async {
                match limit {
                    Some(limit) => timeout(limit, question()).await.ok(),
                    None => Some(question().await),
                }
            };
            let answer = tokio::select! {
                answer = answer => answer,
                () = &mut gone => return Err(Failed { code: None, retried: true }),
            };
            match answer {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(RemoteError::Refused(Code::Busy))) => {}
                Some(Err(RemoteError::Refused(code))) => return Err(Failed { code: Some(code), retried }),
                Some(Err(RemoteError::Nonsense(why))) => {
                    tracing::warn!(why, "a mounted drive's device gives answers that make no sense");
                    return Err(Failed { code: None, retried });
                }
                Some(Err(RemoteError::Link(_))) | None => retried = true,
            }
            if begun.elapsed() > LONGEST {
                return Err(Failed { code: Some(Code::Busy), retried });
            }
            limit = limit.map(|limit| limit.saturating_mul(2));
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = &mut gone => return Err(Failed { code: None, retried }),
            }
        }
    }

    /// Ends when nothing has come from the device for [`PATIENCE`]: while something is asked of it that it has not
    /// answered yet, it is asked now and then for what needs no work. A refusal is a sign of life as well.
    async fn gone(&self) {
        let mut sign = Instant::now();
        loop {
            sleep(LOOK).await;
            let due = sign + PATIENCE;
            let look = self.remote.stat(TOP.get_or_init(SharePath::top));
            match timeout_at(due.min(Instant::now() + TRY), look).await {
                Ok(Ok(_) | Err(RemoteError::Refused(_) | RemoteError::Nonsense(_))) => sign = Instant::now(),
                _ if Instant::now() + PAUSE >= due => return self.absence.begins(),
                _ => {}
            }
        }
    }
}

static TOP: std::sync::OnceLock<SharePath> = std::sync::OnceLock::new();

/// A refusal, as a program knows it.
fn errno(code: Code) -> Errno {
    match code {
        Code::NotFound => Errno::NOENT,
        Code::NotAllowed | Code::MustAsk | Code::Unreadable | Code::Special => Errno::ACCESS,
        Code::Spent => Errno::DQUOT,
        Code::Invalid => Errno::INVAL,
        Code::WrongKind => Errno::NOTDIR,
        Code::Exists => Errno::EXIST,
        Code::NotEmpty => Errno::NOTEMPTY,
        Code::Changed => Errno::STALE,
        Code::DiskFull => Errno::NOSPC,
        Code::TooLarge => Errno::FBIG,
        Code::Busy => Errno::BUSY,
        Code::Away => Errno::NODEV,
        Code::Mismatch | Code::Damaged | Code::Failed => Errno::IO,
    }
}
