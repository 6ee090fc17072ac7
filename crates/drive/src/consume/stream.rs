//! A remote file as a stream of verified pieces, for a door that hands it straight on to a browser.
//!
//! Nothing unverified leaves here: a piece that does not match ends the stream, and a browser then shows the download
//! as failed.

use super::browse::{self, Remote, RemoteError};
use crate::{
    content::{self, Manifest},
    path::SharePath,
    wire::Code,
};
use bytes::Bytes;
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces per request.
const RUN: usize = 8;
/// How often one run is tried.
const TRIES: u32 = 5;

/// Opens a file. Takes as long as the other device needs to read it once.
///
/// # Errors
/// [`RemoteError`].
pub async fn open(remote: &Remote, path: &SharePath) -> Result<(u64, Body), RemoteError> {
    let (head, body) = remote.open_manifest(path, false).await?;
    let manifest = browse::read_manifest(head.size, body).await?;
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(2);
    let (remote, path) = (remote.clone(), path.clone());
    tokio::spawn(async move {
        if let Err(error) = send_all(&remote, &path, &head.etag, &manifest, &sender).await {
            tracing::info!(%error, "a file could not be handed on to its end");
            let _ = sender.send(Err(error.into())).await;
        }
    });
    let body =
        lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    Ok((head.size, body))
}

async fn send_all(
    remote: &Remote,
    path: &SharePath,
    etag: &str,
    manifest: &Manifest,
    sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
) -> Result<(), RemoteError> {
    let (mut next, mut tries) = (0, 0);
    while next < manifest.values().len() {
        let before = next;
        match send_run(remote, path, etag, manifest, &mut next, sender).await {
            Ok(true) => {}
            Ok(false) => return Ok(()), // nobody reads any more
            Err(error @ RemoteError::Refused(code)) if code != Code::Busy => return Err(error),
            Err(error) => {
                tries = if next > before { 1 } else { tries + 1 };
                if tries >= TRIES {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(100 << tries)).await;
            }
        }
    }
    Ok(())
}

async fn send_run(
    remote: &Remote,
    path: &SharePath,
    etag: &str,
    manifest: &Manifest,
    next: &mut usize,
    sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
) -> Result<bool, RemoteError> {
    let (size, values) = (manifest.size(), manifest.values());
    let end = (*next + RUN).min(values.len());
    let range = content::piece_range(size, *next).start..content::piece_range(size, end - 1).end;
    let mut body = remote.range(path, etag, &range).await?;
    let mut rest = Bytes::new();
    while *next < end {
        let wanted = content::piece_range(size, *next);
        let wanted = usize::try_from(wanted.end - wanted.start).unwrap_or(usize::MAX);
        let mut piece = Vec::with_capacity(wanted);
        while piece.len() < wanted {
            if rest.is_empty() {
                rest = browse::next_content(&mut body, None).await?;
            }
            let take = rest.len().min(wanted - piece.len());
            piece.extend_from_slice(&rest.split_to(take));
        }
        if content::piece_value(size, *next, &piece) != values[*next] {
            return Err(browse::broken("a piece does not match the original"));
        }
        if sender.send(Ok(Frame::data(piece.into()))).await.is_err() {
            return Ok(false);
        }
        *next += 1;
    }
    Ok(true)
}
