//! One copy's own view of itself: what it changes is seen by others and written down.

use super::{Inner, Source, now};
use crate::consume::{
    browse::Remote,
    journal::{self, Row, Told},
    limit::Limit,
    transfer::{Reason, State, Transfer},
    trouble::Trouble,
    upload::Sent,
};
use lanyard_store::{Store, StoreError};
use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The limits that a copy keeps to.
#[derive(Clone, Debug, Default)]
pub(in crate::consume) struct Pace {
    pub(super) all: Arc<Limit>,
    pub(super) own: Arc<Limit>,
}

impl Pace {
    /// So many bytes have moved: how long to rest.
    pub(in crate::consume) fn spend(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        self.all.spend(bytes, now).max(self.own.spend(bytes, now))
    }
}

fn not_written(error: StoreError) -> Trouble {
    match error {
        StoreError::Closing => Trouble::Interrupted,
        StoreError::Full => {
            Trouble::Final(Reason::DiskFull, "There is no room left on this disk.".to_owned())
        }
        other => Trouble::Final(Reason::Internal, format!("The copy could not be written down: {other}.")),
    }
}

/// What a copy's task has in hand.
pub(in crate::consume) struct Job {
    pub(super) inner: Arc<Inner>,
    pub(super) id: Uuid,
    /// Cancelled by a person, or because the node stops.
    pub(in crate::consume) stop: CancellationToken,
    pub(in crate::consume) pace: Pace,
}

impl Job {
    /// The copy as it stands.
    pub(in crate::consume) fn row(&self) -> Option<Row> {
        self.inner.copies().get(&self.id).map(|held| held.row.clone())
    }

    /// Changes the copy where others see it, without writing it down.
    pub(in crate::consume) fn show(&self, change: impl FnOnce(&mut Transfer)) {
        let shown = {
            let mut copies = self.inner.copies();
            let Some(held) = copies.get_mut(&self.id) else { return };
            let before = held.row.transfer.clone();
            change(&mut held.row.transfer);
            (held.row.transfer != before).then(|| held.row.transfer.clone())
        };
        if let Some(transfer) = shown {
            (self.inner.changed)(&transfer);
        }
    }

    /// Changes the copy; others see it once it is on the disk, or cannot be brought there.
    pub(in crate::consume) async fn save(&self, change: impl FnOnce(&mut Row)) -> Result<(), Trouble> {
        let mut row = self.row().ok_or(Trouble::Interrupted)?;
        change(&mut row);
        let saved = row.clone();
        let result = self.inner.store.run(move |store| journal::save(store, &saved)).await;
        if let Some(held) = self.inner.copies().get_mut(&self.id) {
            // Its turn and its limit are not this task's to change.
            (row.turn, row.transfer.limit) = (held.row.turn, held.row.transfer.limit);
            held.row = row.clone();
        }
        let transfer = row.transfer;
        (self.inner.changed)(&transfer);
        result.map_err(not_written)
    }

    /// Writes down what became of a part of a tree.
    pub(in crate::consume) async fn tell(&self, told: Vec<Told>) -> Result<(), Trouble> {
        if told.is_empty() {
            return Ok(());
        }
        let id = self.id;
        let saved = self.inner.store.run(move |store| journal::save_tree(store, id, &told)).await;
        saved.map_err(not_written)
    }

    /// What became of a tree so far.
    pub(in crate::consume) async fn told(&self) -> Result<Vec<Told>, Trouble> {
        let id = self.id;
        self.inner.store.run(move |store| journal::load_tree(store, id)).await.map_err(not_written)
    }

    /// The versions of what a tree may replace, as they were written down.
    pub(in crate::consume) async fn seen(&self) -> Result<HashMap<String, String>, Trouble> {
        let id = self.id;
        self.inner.store.run(move |store| journal::load_seen(store, id)).await.map_err(not_written)
    }

    /// Writes them down.
    pub(in crate::consume) async fn saw(&self, versions: HashMap<String, String>) -> Result<(), Trouble> {
        let id = self.id;
        let saved = self.inner.store.run(move |store| journal::save_seen(store, id, &versions)).await;
        saved.map_err(not_written)?;
        self.save(|row| row.looked = true).await
    }

    /// The drives of others that may hold what this one holds.
    pub(in crate::consume) fn others(&self, than: &Remote) -> Vec<Source> {
        let all = self.inner.sources.get().map(|sources| sources()).unwrap_or_default();
        let (node, share) = than.place();
        all.into_iter().filter(|source| (source.node, &source.share) != (node, share)).collect()
    }

    /// Remembers which file is on its way, if one is of which something may stay at the other side.
    pub(in crate::consume) fn sends(&self, sent: Option<Sent>) {
        if let Some(held) = self.inner.copies().get_mut(&self.id) {
            held.sent = sent;
        }
    }

    /// Remembers the hidden file in which a large file of a tree grows, to remove it when the copy is cancelled. What is left
    /// of another one goes away: nobody comes back to it.
    pub(in crate::consume) async fn grows_in(&self, part: &Path) {
        let before = match self.inner.copies().get_mut(&self.id) {
            Some(held) => held.row.part.replace(part.to_owned()),
            None => return,
        };
        if before.as_deref() == Some(part) {
            return;
        }
        if let Some(before) = before {
            remove(&before).await;
        }
        let (id, part) = (self.id, part.to_owned());
        if let Err(error) = self.inner.store.run(move |store| journal::save_part(store, id, &part)).await {
            tracing::warn!(%error, "a hidden file could not be written down");
        }
    }

    /// Rests for as long as these bytes cost under the limits.
    pub(in crate::consume) async fn pace(&self, bytes: u64) {
        let rest = self.pace.spend(bytes);
        if !rest.is_zero() {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    pub(super) async fn waits(&self, reason: Reason, detail: String) {
        self.settle(|row| {
            let copy = &mut row.transfer;
            (copy.state, copy.rate) = (State::Waiting, 0);
            (copy.reason, copy.detail) = (Some(reason), Some(detail));
        })
        .await;
    }

    pub(super) async fn end(&self, state: State, why: Option<(Reason, String)>) {
        let (reason, detail) = why.unzip();
        if let Some(row) = self.row() {
            if row.transfer.tree.is_some() && matches!(state, State::Done | State::Cancelled) {
                let id = self.id;
                let trim = move |store: &Store| {
                    if state == State::Done {
                        journal::trim_tree(store, id)?;
                    }
                    journal::forget_seen(store, id)
                };
                if let Err(error) = self.inner.store.run(trim).await {
                    tracing::warn!(%error, "the list of a copied folder could not be shortened");
                }
            }
            if let Some(part) = row.part
                && (reason == Some(Reason::Mismatch) || is_empty(&part).await)
            {
                remove(&part).await;
            }
        }
        let ended = self.save(|row| {
            let copy = &mut row.transfer;
            // What was said while a copy that is now done went on is worth keeping: who sent something wrong.
            let detail = if state == State::Done { detail.or(copy.detail.take()) } else { detail };
            (copy.state, copy.rate, copy.reason, copy.detail) = (state, 0, reason, detail);
            copy.ended_at = Some(now());
            if state == State::Cancelled {
                row.looked = false;
            }
            if state == State::Done {
                row.part = None;
                if copy.tree.is_none() {
                    copy.bytes_done = copy.size.unwrap_or(copy.bytes_done);
                }
            }
        });
        match ended.await {
            // Not before that is written down: a copy that is not over yet could not go on without its source.
            Ok(()) if state == State::Done => self.remove_source().await,
            Ok(()) => {}
            Err(error) => self.not_settled(&error),
        }
    }

    /// The source of an upload that is done, if it is ours.
    async fn remove_source(&self) {
        if let Some(row) = self.row().filter(|row| row.owns_source) {
            row.remove_leftovers().await;
        }
    }

    /// Held by a person: everything stays for when it goes on.
    pub(super) async fn pauses(&self) {
        self.settle(|row| {
            let copy = &mut row.transfer;
            (copy.state, copy.rate, copy.reason, copy.detail) = (State::Paused, 0, None, None);
        })
        .await;
    }

    pub(super) async fn end_cancelled(&self) {
        if let Some(row) = self.row() {
            row.remove_leftovers().await;
        }
        let sent = self.inner.copies().get_mut(&self.id).and_then(|held| held.sent.take());
        if let Some(sent) = sent {
            // Nobody waits for it: the other device may be away.
            self.inner.tasks.spawn(async move { sent.forget().await });
        }
        let kept = self.row().is_some_and(|row| row.transfer.tree.is_some());
        if !kept {
            self.show(|copy| copy.bytes_done = 0);
        }
        self.end(State::Cancelled, None).await;
    }

    /// [`Job::save`] where nothing can be done about a failure.
    pub(super) async fn settle(&self, change: impl FnOnce(&mut Row)) {
        if let Err(error) = self.save(change).await {
            self.not_settled(&error);
        }
    }

    fn not_settled(&self, error: &Trouble) {
        tracing::error!(copy = %self.id, ?error, "the state of a copy could not be written down");
    }
}

async fn is_empty(path: &Path) -> bool {
    tokio::fs::symlink_metadata(path).await.is_ok_and(|metadata| metadata.len() == 0)
}

pub(super) async fn remove(path: &Path) {
    if let Err(error) = tokio::fs::remove_file(path).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an unfinished file could not be removed");
    }
}
