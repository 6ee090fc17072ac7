//! Frames of two devices that are joining, before they know each other.

use lanyard_trust::join::Frame;

pub(crate) fn run(bytes: &[u8]) {
    if let Some(head) = bytes.first_chunk() {
        let _ = (Frame::length(*head, false), Frame::length(*head, true));
    }
    let Ok(frame) = Frame::decode(bytes) else { return };
    let encoded = frame.encode();
    let again = Frame::decode(&encoded[4..]).map(|frame| frame.encode());
    assert!(again.is_ok_and(|again| again == encoded), "what was read is not what is written");
}
