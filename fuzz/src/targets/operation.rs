//! One signed operation of a home's log.

use lanyard_trust::{Log, Op};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(op) = Op::from_bytes(bytes) else { return };
    assert_eq!(op.to_bytes(), bytes, "there is one encoding of everything");
    if let Ok(log) = Log::open(op.clone()) {
        assert!(log.op(op.id()).is_some());
    }
}
