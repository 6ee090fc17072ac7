//! A part of a file as a body.

use super::{Body, BodyError};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::JoinHandle;

/// How much is read at a time: large enough that neither system calls nor task switches count.
const PIECE: u64 = 256 * 1024;

/// `length` bytes of `file` from `offset` on. The length is announced (`Content-Length`); a file that has become
/// shorter ends in an error. While one piece is being sent the next one is read.
#[must_use]
pub fn file(file: File, offset: u64, length: u64) -> Body {
    FileBody { reading: Reading::Not(Some(file)), next: offset, left: length }.boxed()
}

struct FileBody {
    reading: Reading,
    /// Where the next piece starts.
    next: u64,
    /// How much has not been handed out yet.
    left: u64,
}

enum Reading {
    Not(Option<File>),
    Piece(JoinHandle<(File, io::Result<Vec<u8>>)>),
}

impl FileBody {
    fn start(&mut self, mut file: File, offset: u64, length: u64) {
        self.reading = Reading::Piece(tokio::task::spawn_blocking(move || {
            let piece = read_piece(&mut file, offset, length.min(PIECE));
            (file, piece)
        }));
    }
}

fn read_piece(file: &mut File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut piece)?;
    if piece.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(piece) }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            match &mut this.reading {
                Reading::Not(file) => match file.take() {
                    Some(file) => {
                        let (next, left) = (this.next, this.left);
                        this.start(file, next, left);
                    }
                    // After an error.
                    None => return Poll::Ready(None),
                },
                Reading::Piece(task) => {
                    let read = ready!(Pin::new(task).poll(cx));
                    this.reading = Reading::Not(None);
                    let (file, piece) = match read {
                        Ok((file, Ok(piece))) => (file, piece),
                        Ok((_, Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                        Err(error) => return Poll::Ready(Some(Err(error.into()))),
                    };
                    this.next += piece.len() as u64;
                    this.left -= piece.len() as u64;
                    if this.left > 0 {
                        let (next, left) = (this.next, this.left);
                        this.start(file, next, left);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
