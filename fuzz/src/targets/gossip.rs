//! Messages about a home's log, one a line, from somebody who is no member: nothing comes of them.

use lanyard_trust::{
    Log, NodeId, RecoveryCode,
    membership::gossip::{Message, Sync, answer},
};
use std::sync::LazyLock;

/// A home that is the same each time, so that inputs can name it.
pub(super) static HOME: LazyLock<Log> = LazyLock::new(|| {
    let code: RecoveryCode = "C4G6-6VV4-CMG6-CVVJ-41JQ-CSBJ-44TT".parse().expect("a code");
    Log::found(&code.key(), "home", [1; 32], [2; 16]).expect("a home can be founded")
});

/// Whose log it is.
pub(super) fn me() -> NodeId {
    NodeId::from_bytes([9; 32])
}

pub(crate) fn run(bytes: &[u8]) {
    let mut log = HOME.clone();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Message>(line) else { continue };
        let answered = answer(&mut log, me(), message.clone());
        assert!(answered.new.is_empty(), "an operation of a stranger was taken");
        let (mut sync, _) = Sync::begin(&log, me());
        let _ = sync.take(&mut log, message); // most are no answer to what was asked
    }
    assert_eq!(log.digest(), HOME.digest());
}
