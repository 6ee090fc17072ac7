//! Reads a file on its own thread, hashes it, and hands it to the network.

use crate::{
    consume::{browse::About, transfers::Pace},
    content::{self, PieceValue},
    disk,
};
use bytes::Bytes;
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// What the reading thread and the watching task share.
pub(super) struct Sending {
    bytes: AtomicU64,
    /// Why the source could not be read to its end.
    failed: Mutex<Option<io::Error>>,
}

impl Sending {
    /// So many bytes are there already.
    pub(super) fn from(bytes: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), failed: Mutex::default() }
    }

    /// Bytes handed to the network, with those that were there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the source could not be read, once.
    pub(super) fn failed(&self) -> Option<io::Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The content behind the pieces that are `there` already, then the FileId of all of it.
pub(super) fn pump(
    file: Arc<File>,
    about: About,
    there: Vec<PieceValue>,
    pace: Pace,
    sending: Arc<Sending>,
) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(2);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = pump_all(&file, about, there, &pace, &sending, &sender) {
            *sending.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            let _ = sender.blocking_send(Err("the file could not be read".into()));
        }
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

fn pump_all(
    file: &File,
    About { size, modified, .. }: About,
    mut values: Vec<PieceValue>,
    pace: &Pace,
    sending: &Sending,
    sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
) -> io::Result<()> {
    for piece in values.len()..content::pieces(size) {
        let range = content::piece_range(size, piece);
        let mut bytes = Vec::new();
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        disk::read_at(file, &mut bytes, range.start, length)?;
        if bytes.len() < length {
            return Err(io::Error::other("the file became shorter while it was copied"));
        }
        values.push(content::piece_value(size, piece, &bytes));
        if sender.blocking_send(Ok(Frame::data(bytes.into()))).is_err() {
            return Ok(()); // nobody sends any more; why is known there
        }
        sending.bytes.store(range.end, Ordering::Relaxed);
        std::thread::sleep(pace.spend(range.end - range.start));
    }
    let now = file.metadata()?;
    if now.len() != size || now.modified().ok().and_then(disk::nanos) != modified {
        return Err(io::Error::other("the file changed while it was copied"));
    }
    let id =
        content::merge(size, &values).ok_or_else(|| io::Error::other("pieces of the file are missing"))?;
    let _ = sender.blocking_send(Ok(Frame::data(Bytes::copy_from_slice(&id.0))));
    Ok(())
}
