//! A device key that came here with a disk: is this the same device in a new place, or a copy of it?
//!
//! Two devices with one key are one device to everybody else, so nothing is offered and nobody is greeted until a
//! person has said which it is. Where a key belongs is remembered by `lanyard_trust::identity::machine`.

use crate::{Core, DataDir, StartError, networks, status};
use lanyard_api::{ApiError, Change, ErrorCode, NodeStatus};
use lanyard_trust::{
    Identity,
    identity::machine::{self, Place},
};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use tokio_util::sync::CancellationToken;

/// What is known about where the key belongs.
#[derive(Default)]
pub struct Moved {
    state: AtomicU8,
    /// Cancelled when this runs with a key that is no longer this device's.
    renewed: CancellationToken,
}

const SETTLED: u8 = 0;
const OPEN: u8 = 1;
const RENEWED: u8 = 2;

impl Moved {
    /// Loads the key, and notices when it came from another machine. Blocks.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub(crate) fn load(data: &DataDir) -> Result<(Self, Identity), StartError> {
        Self::load_on(data, machine::id().as_deref())
    }

    fn load_on(data: &DataDir, machine: Option<&str>) -> Result<(Self, Identity), StartError> {
        let failed = |error| StartError::failed("this device's key", error);
        let place = Identity::place(data.root(), machine).map_err(failed)?;
        let identity = Identity::load_or_create(data.root()).map_err(failed)?;
        let moved = Self::default();
        match (place, machine) {
            (Place::Elsewhere, _) => {
                tracing::warn!(
                    "this device's key was made on another computer; nothing is offered until a person says why"
                );
                moved.state.store(OPEN, Ordering::Release);
            }
            (Place::New | Place::Unknown, Some(machine)) => {
                // Without the note a copy is not noticed later; this device works all the same.
                if let Err(error) = Identity::adopt(data.root(), machine) {
                    tracing::warn!(%error, "this computer cannot be noted beside the key");
                }
            }
            (Place::New | Place::Unknown, None) | (Place::Same, _) => {}
        }
        Ok((moved, identity))
    }

    /// Whether nothing may be offered because of it.
    pub(crate) fn withholds(&self) -> bool {
        self.state.load(Ordering::Acquire) != SETTLED
    }

    /// What the owner should know.
    pub(crate) fn notice(&self) -> Option<String> {
        (self.state.load(Ordering::Acquire) == RENEWED).then(|| {
            "This is a new device now. Start Lanyard again; until then nothing is shared.".to_owned()
        })
    }

    /// Cancelled when the node must be stopped and started again to go on with its new key.
    pub(crate) fn renewed(&self) -> CancellationToken {
        self.renewed.clone()
    }
}

/// Whether a person must say first what happened. Nothing is offered until then.
pub fn is_open(core: &Core) -> bool {
    core.moved.state.load(Ordering::Acquire) == OPEN
}

/// Settles it. After `new_device` the running node goes on offering nothing: its key was replaced on the disk, and
/// it takes effect with the next start (see [`crate::Node::renewed`]).
///
/// # Errors
/// `invalid` when there is no question, `internal` when the key cannot be written.
pub async fn settle(core: &Arc<Core>, new_device: bool) -> Result<NodeStatus, ApiError> {
    // Whoever comes first settles it.
    let settled = if new_device { RENEWED } else { SETTLED };
    if core.moved.state.compare_exchange(OPEN, RENEWED, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return Err(ApiError::new(
            ErrorCode::Invalid,
            "This device is where it has always been; there is nothing to settle.",
        ));
    }
    let data = core.data.clone();
    let written = tokio::task::spawn_blocking(move || write(&data, new_device)).await;
    let written = written.map_err(|error| error.to_string()).and_then(|written| written);
    if let Err(error) = written {
        core.moved.state.store(OPEN, Ordering::Release);
        return Err(ApiError::new(
            ErrorCode::Internal,
            format!("This device's key cannot be written: {error}."),
        ));
    }
    core.moved.state.store(settled, Ordering::Release);
    networks::follow(core).await;
    let status = status::status(core).await;
    core.events.emit(Change::Status(status.clone()));
    if new_device {
        tracing::info!("this is a new device from the next start on");
        core.moved.renewed.cancel();
    }
    Ok(status)
}

fn write(data: &DataDir, new_device: bool) -> Result<(), String> {
    let machine = machine::id();
    let done = match (new_device, &machine) {
        (true, machine) => Identity::become_new(data.root(), machine.as_deref()).map(|_| ()),
        (false, Some(machine)) => Identity::adopt(data.root(), machine),
        (false, None) => Ok(()),
    };
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const HERE: &str = "d9a9c3f2b4e84c6d9a0b1c2d3e4f5a6b";
    const THERE: &str = "00a9c3f2b4e84c6d9a0b1c2d3e4f5a6b";

    #[test]
    fn a_key_is_noticed_on_another_machine_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(dir.path().to_owned());
        let on = |machine| Moved::load_on(&data, machine).unwrap();
        let (moved, first) = on(Some(HERE));
        assert!(!moved.withholds(), "a new key");
        assert!(
            !on(Some(HERE)).0.withholds() && !on(None).0.withholds(),
            "the same machine, or none that tells"
        );
        let (moved, same) = on(Some(THERE));
        assert!(moved.withholds());
        assert_eq!(first.node_id(), same.node_id(), "nothing is changed before a person has spoken");
        assert!(on(Some(THERE)).0.withholds(), "asking once does not settle it");
    }
}
