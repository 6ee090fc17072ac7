//! What a home's log came to, in place of its operations, from somebody who is no member: nobody takes it.

use super::gossip::{HOME, me};
use lanyard_trust::membership::Checkpoint;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(checkpoint) = Checkpoint::from_bytes(bytes) else { return };
    assert_eq!(checkpoint.to_bytes(), bytes, "there is one encoding of everything");
    let mut log = HOME.clone();
    assert!(log.condense(&checkpoint, me()).is_err(), "nobody has signed it");
    assert_eq!(log.digest(), HOME.digest());
}
