//! A document that comes in, on its way to its file: written and hashed beside what still arrives.

use super::{Early, KeepError, Kept, STALL, blocking, create};
use bytes::BytesMut;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// At least so much is written at once. A thread is busy with it only while there is something to write, however slowly
/// it comes.
const BATCH: usize = 128 * 1024;

/// What came.
pub(super) struct Received {
    pub(super) kept: Kept,
    /// The fields behind it.
    pub(super) trailers: HeaderMap,
}

/// Takes at most `most` bytes into a new file. Whoever follows it is told of its size as it grows.
pub(super) async fn receive<B>(
    path: &Path,
    most: u64,
    mut body: B,
    grown: Option<watch::Sender<u64>>,
) -> Result<Received, KeepError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut to = Writing::Idle(Target::new(path, grown).map_err(KeepError::of)?);
    let (mut size, mut trailers) = (0u64, HeaderMap::new());
    // Small pieces are put together, so that a sender of single bytes takes no more memory than any other.
    let mut batch = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(STALL, body.frame()).await.map_err(|_| KeepError::Cut)?;
        let Some(frame) = frame else { break };
        let data = match frame.map_err(|_| KeepError::Cut)?.into_data() {
            Ok(data) => data,
            Err(other) => {
                trailers.extend(other.into_trailers().unwrap_or_default());
                continue;
            }
        };
        size += data.len() as u64;
        if size > most {
            return Err(KeepError::TooLarge);
        }
        if batch.is_empty() {
            if data.len() >= BATCH {
                to = to.write(data).await.map_err(KeepError::of)?;
                continue;
            }
            batch.reserve(2 * BATCH);
        }
        batch.extend_from_slice(&data);
        if batch.len() >= BATCH {
            to = to.write(batch.split().freeze()).await.map_err(KeepError::of)?;
        }
    }
    let written = to.write(batch.freeze()).await.map_err(KeepError::of)?;
    let Target { hasher, early, .. } = written.done().await.map_err(KeepError::of)?;
    if early.is_busy() {
        blocking(move || early.end()).await.map_err(KeepError::of)?;
    }
    Ok(Received { kept: Kept { size, blake3: hasher.finalize().to_hex().to_string() }, trailers })
}

struct Target {
    file: File,
    hasher: Box<blake3::Hasher>,
    early: Early,
    written: u64,
    grown: Option<watch::Sender<u64>>,
}

/// A batch is written, or none.
enum Writing {
    Idle(Target),
    Busy(AbortOnDropHandle<io::Result<Target>>),
}

impl Target {
    fn new(path: &Path, grown: Option<watch::Sender<u64>>) -> io::Result<Self> {
        let file = create(path)?;
        Ok(Self { early: Early::of(&file), file, hasher: Box::default(), written: 0, grown })
    }

    fn write(mut self, batch: &[u8]) -> io::Result<Self> {
        self.file.write_all(batch)?;
        self.written += batch.len() as u64;
        if let Some(grown) = &self.grown {
            grown.send_replace(self.written);
        }
        self.hasher.update(batch);
        self.early.wrote(batch.len())?;
        Ok(self)
    }
}

impl Writing {
    /// Begins with a batch once the one before it is written.
    async fn write(self, batch: Bytes) -> io::Result<Self> {
        let target = self.done().await?;
        Ok(Self::Busy(AbortOnDropHandle::new(tokio::task::spawn_blocking(move || target.write(&batch)))))
    }

    async fn done(self) -> io::Result<Target> {
        match self {
            Self::Idle(target) => Ok(target),
            Self::Busy(writing) => writing.await.map_err(|_| io::Error::other("the node is stopping"))?,
        }
    }
}
