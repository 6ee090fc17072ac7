//! Some bytes of a remote file as a stream, for a player that seeks: read as it goes, a little ahead.
//!
//! Each byte comes over the authenticated link from the file with the entity tag that was asked for; a file that changes
//! meanwhile ends the stream. Nothing is kept, and nothing is hashed: what is kept as a file goes through
//! [`super::transfers`].

use super::{
    browse::{Remote, RemoteError},
    remote::Place,
};
use crate::wire::Code;
use bytes::Bytes;
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use std::{ops::Range, time::Duration};
use tokio::sync::mpsc;

/// The first read is small, so that a player has something at once; the others are as large as this.
const FIRST: u64 = 128 * 1024;
const BLOCK: u64 = 1 << 20;
/// How often one block is tried.
const TRIES: u32 = 5;

/// Streams that range of the file, which must be within it.
#[must_use]
pub fn open(remote: Remote, place: Place, etag: String, range: Range<u64>) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(1);
    tokio::spawn(async move {
        let (mut at, mut length) = (range.start, FIRST);
        while at < range.end {
            let block = at..(at + length).min(range.end);
            let reading = read(&remote, &place, &etag, block.clone());
            let frame = tokio::select! {
                frame = reading => frame,
                // A player that seeks drops one stream and opens another.
                () = sender.closed() => return,
            };
            let failed = frame.is_err();
            let frame = frame.map(Frame::data).map_err(|error| {
                tracing::info!(%error, "a file could not be played to its end");
                BodyError::from(error)
            });
            if sender.send(frame).await.is_err() || failed {
                return;
            }
            (at, length) = (block.end, BLOCK);
        }
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

async fn read(remote: &Remote, place: &Place, etag: &str, block: Range<u64>) -> Result<Bytes, RemoteError> {
    let mut tries = 0;
    loop {
        match remote.read(place, block.clone(), Some(etag)).await {
            Err(error @ RemoteError::Refused(code)) if code != Code::Busy => return Err(error),
            Err(error) if tries + 1 >= TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100 << tries)).await;
            }
            Ok(bytes) => return Ok(bytes),
        }
    }
}
