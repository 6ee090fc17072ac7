//! Passes end in time, with their share, and with the rule that was theirs.

use super::{end_all, table::Row};
use crate::{Core, shares, web};
use lanyard_api::Change;
use lanyard_trust::PassId;
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// How often passes are looked through when nothing else gives reason to.
const EVERY: Duration = Duration::from_secs(60);

/// Ends passes whose time is over, whose share is gone or says otherwise; renews the certificate.
pub(super) async fn watch(core: &Arc<Core>) {
    let mut events = core.events.listen();
    forget_orphans(core).await;
    loop {
        sweep(core).await;
        let next = tokio::time::sleep(until_next(core));
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                () = core.guests.changed.notified() => break,
                event = events.recv() => match event {
                    Ok(event) if matches!(event.change, Change::Shares(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}

/// What a crash in the middle left behind: a grant without its pass opens nothing, but is in the way of whoever reads
/// the rules.
async fn forget_orphans(core: &Arc<Core>) {
    let _changing = core.guests.changing.lock().await;
    let granted = core.shares.passes();
    let orphans: Vec<PassId> = {
        let passes = core.guests.passes();
        granted.into_iter().map(|(_, pass)| pass).filter(|pass| !passes.contains_key(pass)).collect()
    };
    if let Err(error) = shares::revoke_passes(core, &orphans).await {
        tracing::warn!(%error, "rules of passes that are no more stay until the next start");
    }
}

async fn sweep(core: &Arc<Core>) {
    let changing = core.guests.changing.lock().await;
    let now = core.clock.now();
    let granted = core.shares.passes();
    let ended: Vec<PassId> = {
        let passes = core.guests.passes();
        let is_over = |row: &Row| row.until.is_over(&now) || !granted.contains(&(row.share.clone(), row.id));
        passes.values().filter(|live| is_over(&live.row)).map(|live| live.row.id).collect()
    };
    if !ended.is_empty()
        && let Err(error) = end_all(core, &ended).await
    {
        tracing::warn!(%error, "ended passes stay in the store until the next try");
    }
    drop(changing);
    if let Err(error) = web::settle(core).await {
        tracing::error!(%error, "guests cannot come in");
    }
}

fn until_next(core: &Core) -> Duration {
    let now = core.clock.now();
    let left = |row: &Row| (row.until.at - now.wall).min(row.until.ran - now.ran).max(0);
    let next = core.guests.passes().values().map(|live| left(&live.row)).min();
    // A little later than the end, so that it is over then.
    let next = next.and_then(|left| u64::try_from(left + 20).ok()).map_or(EVERY, Duration::from_millis);
    next.min(EVERY)
}
