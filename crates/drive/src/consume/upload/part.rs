//! What is at the other side already of a file whose sending was interrupted.

use super::interruptible;
use crate::{
    consume::{
        browse::{self, Remote, RemoteError},
        transfers::Job,
        trouble::Trouble,
    },
    content::{self, PIECE, PieceValue},
    disk,
    path::SharePath,
};
use std::{fs::File, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A smaller file is sent again from its beginning.
pub(super) const WORTH: u64 = 8 << 20;
/// How long the other side may take for the next few values: it reads and hashes what it has.
const STALL: Duration = Duration::from_secs(20);

/// A file that is on its way; what came of it is of no use to anybody when its copy is cancelled.
#[derive(Clone)]
pub(in crate::consume) struct Sent {
    pub(super) remote: Remote,
    pub(super) target: SharePath,
    pub(super) conflict: &'static str,
    pub(super) part: Uuid,
}

impl Sent {
    /// Tells the other side that nobody comes back for the rest.
    pub(in crate::consume) async fn forget(&self) {
        if let Err(error) = self.remote.forget_arrived(&self.target, self.conflict, self.part).await {
            tracing::debug!(%error, "what came of a cancelled copy stays where it is for a day");
        }
    }
}

/// The name of the part of one file of a tree, the same for every try.
pub(in crate::consume) fn of_item(copy: Uuid, path: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("lanyard part of a file in a copied folder");
    hasher.update(copy.as_bytes()).update(path.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Uuid::from_bytes(bytes)
}

/// The values of the pieces that are there and the same as here, from the first one on; none when nothing is.
pub(super) async fn there(
    job: &Job,
    remote: &Remote,
    target: &SharePath,
    conflict: &str,
    part: Uuid,
    file: &Arc<File>,
    size: u64,
) -> Result<Vec<PieceValue>, Trouble> {
    let (sender, receiver) = mpsc::channel(64);
    let compared = {
        let (file, stop) = (Arc::clone(file), job.stop.clone());
        tokio::task::spawn_blocking(move || compare(&file, size, receiver, &|| stop.is_cancelled()))
    };
    // Whatever goes wrong here, the file can be sent from its beginning.
    if let Err(error) = interruptible(job, values(remote, target, conflict, part, sender)).await? {
        tracing::debug!(%error, "what is there of a file was not told");
    }
    let same = compared.await.unwrap_or_default();
    if !same.is_empty() {
        tracing::info!(
            pieces = same.len(),
            of = content::pieces(size),
            "going on with a file that was being sent"
        );
    }
    Ok(same)
}

async fn values(
    remote: &Remote,
    target: &SharePath,
    conflict: &str,
    part: Uuid,
    sender: mpsc::Sender<PieceValue>,
) -> Result<(), RemoteError> {
    let mut body = remote.arrived(target, conflict, part).await?;
    let mut left = Vec::new();
    while let Some(data) = browse::next_data(&mut body, STALL).await? {
        left.extend_from_slice(&data);
        let whole = left.len() / 32 * 32;
        for value in left[..whole].chunks_exact(32) {
            let mut array = [0; 32];
            array.copy_from_slice(value);
            if sender.send(array).await.is_err() {
                return Ok(()); // the first difference was found
            }
        }
        left.drain(..whole);
    }
    Ok(())
}

/// Reads as much of the file here as is there, until something differs.
fn compare(
    file: &File,
    size: u64,
    mut theirs: mpsc::Receiver<PieceValue>,
    stopped: &dyn Fn() -> bool,
) -> Vec<PieceValue> {
    let (mut same, mut bytes) = (Vec::new(), Vec::new());
    while let Some(value) = theirs.blocking_recv() {
        let at = same.len() as u64 * PIECE;
        // The last piece always travels: it may be a short one, and a file that is all there costs one piece to finish.
        if at + PIECE >= size || stopped() {
            break;
        }
        if disk::read_at(file, &mut bytes, at, PIECE as usize).is_err() || bytes.len() as u64 != PIECE {
            break;
        }
        if content::piece_value(size, same.len(), &bytes) != value {
            break;
        }
        same.push(value);
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_file_has_the_same_name_in_every_try_and_no_two_files_share_one() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(of_item(one, "films/a.mkv"), of_item(one, "films/a.mkv"));
        assert_ne!(of_item(one, "films/a.mkv"), of_item(one, "films/b.mkv"));
        assert_ne!(of_item(one, "films/a.mkv"), of_item(other, "films/a.mkv"));
    }
}
