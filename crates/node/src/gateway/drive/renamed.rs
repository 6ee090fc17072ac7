//! Putting one text in the place of another of the same length, in headers and in bodies that come piece by piece.

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The same with `to` wherever `from` was. Both have the same length.
pub(super) fn rename(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    rename_in(&mut text, from, to);
    text
}

fn rename_in(text: &mut [u8], from: &[u8], to: &[u8]) {
    if from.is_empty() || from.len() != to.len() {
        return;
    }
    let mut at = 0;
    while let Some(window) = text.get_mut(at..at + from.len()) {
        if window == from {
            window.copy_from_slice(to);
            at += from.len();
        } else {
            at += 1;
        }
    }
}

/// How many bytes at the end may be the beginning of the text that is looked for.
fn begun(text: &[u8], from: &[u8]) -> usize {
    let most = from.len().saturating_sub(1).min(text.len());
    (1..=most).rev().find(|length| text.ends_with(&from[..*length])).unwrap_or(0)
}

/// A body in which one text stands for another.
pub(super) struct Renamed<B> {
    body: B,
    from: Vec<u8>,
    to: Vec<u8>,
    /// What came last and may go on as the text that is looked for.
    held: BytesMut,
    ended: bool,
}

impl<B> Renamed<B> {
    pub(super) fn new(body: B, from: &[u8], to: &[u8]) -> Self {
        Self { body, from: from.to_vec(), to: to.to_vec(), held: BytesMut::new(), ended: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Renamed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        while !this.ended {
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
                this.ended = true;
                break;
            };
            let Ok(data) = frame?.into_data() else { continue };
            this.held.extend_from_slice(&data);
            rename_in(&mut this.held, &this.from, &this.to);
            let whole = this.held.len() - begun(&this.held, &this.from);
            if whole > 0 {
                return Poll::Ready(Some(Ok(Frame::data(this.held.split_to(whole).freeze()))));
            }
        }
        let rest = this.held.split().freeze();
        Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;

    fn through(pieces: Vec<Vec<u8>>, from: &[u8], to: &[u8]) -> Vec<u8> {
        let frames = pieces
            .into_iter()
            .map(|piece| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(piece))));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        Renamed::new(body, from, to).collect().now_or_never().unwrap().unwrap().to_bytes().to_vec()
    }

    #[test]
    fn a_text_is_found_across_pieces() {
        let pieces = vec![b"<a>/dav/se".to_vec(), b"cre".to_vec(), Vec::new(), b"t/x</a>sec".to_vec()];
        assert_eq!(through(pieces, b"secret", b"others"), b"<a>/dav/others/x</a>sec");
        assert_eq!(rename(b"aaa", b"aa", b"bb"), b"bba");
        assert_eq!(rename(b"abc", b"", b""), b"abc");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_the_same(text in "[ab]{0,60}", cuts in proptest::collection::vec(0_usize..60, 0..6)) {
            let whole = rename(text.as_bytes(), b"abab", b"xxxx");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut at) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(text.as_bytes()[at..cut].to_vec());
                at = cut;
            }
            pieces.push(text.as_bytes()[at..].to_vec());
            prop_assert_eq!(through(pieces, b"abab", b"xxxx"), whole);
        }
    }
}
