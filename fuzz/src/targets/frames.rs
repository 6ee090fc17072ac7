//! The frames in which trees and small files travel between devices.

use lanyard_drive::frames::{Frame, MAX_FRAME, Reader};

pub(crate) fn run(bytes: &[u8]) {
    let (mut reader, mut frames) = (Reader::default(), 0);
    // In portions of uneven sizes, as a network cuts them.
    for portion in bytes.chunks(1 + bytes.len() % 97) {
        reader.take(portion);
        loop {
            match reader.next() {
                Ok(Some(frame)) => {
                    frames += 1;
                    check(&frame);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    assert!(frames <= bytes.len(), "frames out of nothing");
}

/// What was read is what is written again.
fn check(frame: &Frame) {
    let written = frame.written();
    assert!(!written.is_empty() && written.len() <= MAX_FRAME);
    let mut again = Reader::default();
    again.take(&written);
    match (again.next(), frame) {
        // It tells how many came before it, which is none here.
        (_, Frame::End(_)) => {}
        (Ok(Some(read)), frame) => assert!(read == *frame, "{frame:?} became {read:?}"),
        (other, frame) => panic!("{frame:?} became {other:?}"),
    }
}
