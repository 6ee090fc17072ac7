//! Questions to the other device, asked with patience: a device that is away for a moment is waited for, one that stays
//! away is an error soon, so that no program hangs. A device that was waited for in vain is not waited for again by every
//! question that follows: one task looks for it, and until it is back the others fail at once.

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
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long an operation waits for the other device before it fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// One try: a connection that leads nowhere is given up for a new one.
const TRY: Duration = Duration::from_secs(4);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a device that is known to be away may take to be found again before questions to it fail.
const FIND: Duration = Duration::from_secs(1);
/// Nobody looks for a device any more after nobody has asked it anything for so long.
const FORGOTTEN: Duration = Duration::from_secs(30);
/// Between two looks at whether the device that works on something long is still there.
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

    /// Asks until it is answered or [`PATIENCE`] is over. Each try may be answered by the other side after we have
    /// given it up: what must not be done twice carries a UUID.
    pub(super) async fn ask<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        question: impl Fn() -> F,
    ) -> Result<T, Failed> {
        if !self.is_there().await {
            return Err(Failed { code: None, retried: false });
        }
        let due = Instant::now() + PATIENCE;
        let mut retried = false;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let code = match timeout(TRY.min(left), question()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(RemoteError::Refused(code))) if code != Code::Busy => {
                    return Err(Failed { code: Some(code), retried });
                }
                Ok(Err(RemoteError::Refused(code))) => Some(code),
                Ok(Err(RemoteError::Nonsense(why))) => {
                    tracing::warn!(why, "a mounted drive's device gives answers that make no sense");
                    return Err(Failed { code: None, retried });
                }
                Ok(Err(RemoteError::Link(_))) | Err(_) => {
                    retried = true;
                    None
                }
            };
            if Instant::now() + PAUSE >= due {
                if code.is_none() {
                    self.absence.begins();
                }
                return Err(Failed { code, retried });
            }
            sleep(PAUSE).await;
        }
    }

    /// The same for what may take long, on the way (content over a slow link) or on the other side (a large file onto a
    /// slow disk): it has the time that it needs as long as the device is there.
    pub(super) async fn ask_long<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        question: impl Fn() -> F,
    ) -> Result<T, Failed> {
        if !self.is_there().await {
            return Err(Failed { code: None, retried: false });
        }
        let mut retried = false;
        for _ in 0..3 {
            let answer = tokio::select! {
                answer = question() => answer,
                failed = self.gone() => return Err(Failed { retried: true, ..failed }),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(RemoteError::Refused(code)) if code != Code::Busy => {
                    return Err(Failed { code: Some(code), retried });
                }
                Err(RemoteError::Nonsense(_)) => return Err(Failed { code: None, retried }),
                Err(RemoteError::Refused(_)) => sleep(PAUSE).await,
                Err(RemoteError::Link(_)) => {
                    retried = true;
                    // Waits until it is back, or fails.
                    self.ask(|| self.remote.stat(TOP.get_or_init(SharePath::top))).await?;
                }
            }
        }
        Err(Failed { code: None, retried })
    }

    /// Ends when the device has not answered for [`PATIENCE`].
    async fn gone(&self) -> Failed {
        let mut next = Instant::now() + LOOK;
        loop {
            sleep_until(next).await;
            if let Err(failed @ Failed { code: None, .. }) =
                self.ask(|| self.remote.stat(TOP.get_or_init(SharePath::top))).await
            {
                return failed;
            }
            next = Instant::now() + LOOK;
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
