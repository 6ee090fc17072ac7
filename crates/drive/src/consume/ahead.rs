//! The next page of a long folder, fetched while somebody still looks at the one before: both computers work at the same
//! time.

use super::{Remote, RemoteError};
use crate::{path::SharePath, wire::Page};
use lanyard_trust::{NodeId, ShareId};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::task::AbortOnDropHandle;

/// Folders of which a page is fetched ahead.
const FOLDERS: usize = 4;
/// A page that was asked for longer ago is asked for again: it may have become another one.
const FRESH: Duration = Duration::from_secs(3);

/// Pages that nobody has asked for yet.
#[derive(Default)]
pub struct Ahead {
    begun: Mutex<Vec<Begun>>,
}

/// A page: of which folder, and behind which cursor.
type Of = ((NodeId, ShareId), SharePath, String);

struct Begun {
    of: Of,
    since: Instant,
    /// Ends with this.
    page: AbortOnDropHandle<Result<Page, RemoteError>>,
}

impl Ahead {
    /// As [`Remote::list`], and begins to fetch the page that follows.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn list(
        &self,
        remote: &Remote,
        path: &SharePath,
        after: Option<&str>,
    ) -> Result<Page, RemoteError> {
        let fetched = match after.and_then(|after| self.take(&of(remote, path, after))) {
            // If it failed, the same question is asked once more: that may be some seconds ago.
            Some(page) => page.await.ok().and_then(Result::ok),
            None => None,
        };
        let page = match fetched {
            Some(page) => page,
            None => remote.list(path, after).await?,
        };
        if let Some(next) = &page.next {
            self.begin(remote, path, next);
        }
        Ok(page)
    }

    fn take(&self, of: &Of) -> Option<AbortOnDropHandle<Result<Page, RemoteError>>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|page| page.since.elapsed() < FRESH);
        let at = begun.iter().position(|page| page.of == *of)?;
        Some(begun.swap_remove(at).page)
    }

    fn begin(&self, remote: &Remote, path: &SharePath, after: &str) {
        let of = of(remote, path, after);
        let (remote, path, after) = (remote.clone(), path.clone(), after.to_owned());
        let task = tokio::spawn(async move { remote.list(&path, Some(&after)).await });
        let page = AbortOnDropHandle::new(task);
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|page| page.of != of && page.since.elapsed() < FRESH);
        if begun.len() >= FOLDERS {
            begun.remove(0);
        }
        begun.push(Begun { of, since: Instant::now(), page });
    }
}

fn of(remote: &Remote, path: &SharePath, after: &str) -> Of {
    let (node, share) = remote.place();
    ((node, share.clone()), path.clone(), after.to_owned())
}
