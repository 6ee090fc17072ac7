//! One connection as HTTP sees it: large reads and writes, and an end for a reader who does not read.

use crate::progress::Progress;
use bytes::{Buf, Bytes};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// What TLS reads its records from. rustls alone asks the socket for 4 KiB at a time.
pub(crate) type Socket = BufReader<TcpStream>;

/// How much is read from a socket at a time.
const READ_AHEAD: usize = 128 * 1024;

/// How much plain text rustls takes before it must be written out.
pub(crate) const TLS_BUFFER: usize = 256 * 1024;

/// What HTTP may buffer of a body in each direction.
pub(crate) const HTTP_BUFFER: usize = 512 * 1024;

/// A socket as TLS wants it.
pub(crate) fn socket(stream: TcpStream) -> io::Result<Socket> {
    stream.set_nodelay(true)?;
    prefer_bbr(&stream);
    Ok(BufReader::with_capacity(READ_AHEAD, stream))
}

/// A line that loses a packet now and then, as wireless ones do, is not full: BBR goes on, where what most systems have
/// slows down (100 Mbit/s, 5 ms and 1 % loss: several times). Where the system has none, or does not let this user choose
/// (`tcp_allowed_congestion_control`), its own choice stays.
fn prefer_bbr(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_congestion(b"bbr");
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// An error about what the other side said.
pub(crate) fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whatever HTTP runs over, with or without TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket below all of it.
    fn tcp(&self) -> &TcpStream;
}

impl Transport for Socket {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0.tcp()
    }
}

/// A connection that breaks when what is written does not move on.
pub(crate) struct Wire<T> {
    tls: T,
    writing: Progress,
}

impl<T> Wire<T> {
    pub(crate) fn new(tls: T, stall: Duration) -> Self {
        Self { tls, writing: Progress::steady(stall) }
    }

    /// What it was made of.
    pub(crate) fn into_inner(self) -> T {
        self.tls
    }

    /// Watches one attempt to write.
    fn watch<R>(&mut self, cx: &mut Context<'_>, attempt: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if attempt.is_pending() {
            ready!(self.writing.poll_stalled(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        attempt
    }
}

impl<T: Transport> Wire<T> {
    /// Ends the connection and takes back what the system has not sent yet. A plain end would still deliver all of it,
    /// however long the reader takes.
    pub(crate) fn abandon(self) {
        // When the system refuses, a plain end has to do.
        let _ = self.tls.tcp().set_zero_linger();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    /// Takes as many TLS records as are there and fit, not one.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let start = buf.filled().len();
            match Pin::new(&mut self.tls).poll_read(cx, buf) {
                Poll::Ready(Ok(())) if buf.filled().len() > start => {}
                // The end, an error or nothing more at the moment is told after what came before it; both are
                // met again on the next call.
                _ if start > before => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.tls).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = &attempt {
            self.writing.moved(*written);
        }
        self.watch(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.tls).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(written)) = &attempt {
            self.writing.moved(*written);
        }
        self.watch(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.tls).poll_flush(cx);
        if let Poll::Ready(Ok(())) = &attempt {
            self.writing.done();
        }
        self.watch(cx, attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.tls).poll_shutdown(cx);
        self.watch(cx, attempt)
    }
}

/// A connection on which something is read before what comes from the other side.
pub(crate) struct Prefixed<T> {
    before: Bytes,
    rest: T,
}

impl<T> Prefixed<T> {
    pub(crate) fn new(before: Bytes, rest: T) -> Self {
        Self { before, rest }
    }
}

impl<T: Transport> Transport for Prefixed<T> {
    fn tcp(&self) -> &TcpStream {
        self.rest.tcp()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Prefixed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.has_remaining() {
            return Pin::new(&mut self.rest).poll_read(cx, buf);
        }
        let some = self.before.remaining().min(buf.remaining());
        buf.put_slice(&self.before.split_to(some));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Prefixed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.rest.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(cx)
    }
}
