//! What a person types or a camera reads: codes, links, recovery codes, identities.

use lanyard_trust::{
    HomeId, NodeId, RecoveryCode,
    join::{Code, Link},
};
use std::str::FromStr;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    same_again::<Code>(text);
    same_again::<Link>(text);
    same_again::<NodeId>(text);
    same_again::<HomeId>(text);
    if let Ok(code) = RecoveryCode::from_str(text) {
        let written = code.to_string();
        assert!(RecoveryCode::from_str(&written).is_ok_and(|again| again.to_string() == written));
    }
}

/// What was understood is understood the same way when it is written down.
fn same_again<T: FromStr + ToString + PartialEq>(text: &str) {
    if let Ok(read) = T::from_str(text) {
        let written = read.to_string();
        assert!(T::from_str(&written).is_ok_and(|again| again == read), "{text:?} became {written:?}");
    }
}
