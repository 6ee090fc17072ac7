//! A large document that leaves while it is still copied here.
//!
//! All of it may go ahead but the hash, which follows it: without that its owner takes nothing. The hash leaves when the
//! copy is on the disk and its row says that the document is offered, so it is the last piece of a document that leaves as
//! any other. Whatever happens before breaks the request off, and the document leaves later, from its copy (ADR 0024).

use super::{Inner, Outbox, OutgoingJob, delivery};
use crate::{
    fault,
    spool::Growing,
    ticket::{HASH_TRAILER, TICKET_HEADER, Ticket},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use lanyard_link::{Incoming, LinkError, body};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// Pieces that are read before the connection takes them.
const READ_AHEAD: usize = 2;

/// A request whose document is on its way, and whose hash is not. Dropping it breaks the request off.
pub(super) struct Leaving {
    ticket: Ticket,
    hash: oneshot::Sender<String>,
    whole: Arc<AtomicBool>,
    answer: AbortOnDropHandle<Result<Response<Incoming>, LinkError>>,
    _alone: OwnedSemaphorePermit,
}

impl Outbox {
    /// Lets a job leave whose document is going to be copied now, if it could leave at once. Whoever copies tells what is
    /// returned how far it is.
    pub(super) fn let_leave(&self, job: &OutgoingJob) -> Option<(watch::Sender<u64>, Leaving)> {
        let bell = self.free_courier_of(job)?;
        // One for each device: the line is not faster for two.
        let alone = Arc::clone(&bell.leaving).try_acquire_owned().ok()?;
        let Inner { spool, peers, .. } = &*self.inner;
        let ticket = Ticket { blake3: None, ..job.ticket() };
        let (written, copying) = Growing::at(spool.path(&job.document()), job.bytes);
        let (to, body) = body::channel(READ_AHEAD);
        let request = Request::builder()
            .method(Method::PUT)
            .uri(delivery::place_of(job))
            .header(TICKET_HEADER, ticket.to_header())
            .header(header::CONTENT_TYPE, job.format.mime())
            .header(header::TRAILER, HASH_TRAILER)
            .body(body)
            .ok()?;
        let (hash, behind) = oneshot::channel();
        let whole = Arc::new(AtomicBool::new(false));
        let (peers, node, told) = (peers.clone(), job.node, Arc::clone(&whole));
        let answer = tokio::spawn(async move {
            let following = follow(copying, to, behind, &told);
            let answer = peers.request(node, request, delivery::PATIENCE);
            tokio::pin!(answer);
            tokio::select! {
                answer = &mut answer => answer,
                // One that cannot be read has broken the body off, of which the answer tells.
                _ = following => answer.await,
            }
        });
        let answer = AbortOnDropHandle::new(answer);
        Some((written, Leaving { ticket, hash, whole, answer, _alone: alone }))
    }
}

impl Leaving {
    /// Whether what has left is this job's document, as far as is known without its hash.
    pub(super) fn is_of(&self, job: &OutgoingJob) -> bool {
        self.ticket == Ticket { blake3: None, ..job.ticket() }
    }

    /// Whether there is no answer yet: one that comes before the hash is no good one.
    pub(super) fn goes_on(&self) -> bool {
        !self.answer.is_finished()
    }

    /// True from when the hash may have left.
    pub(super) fn whole(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.whole)
    }

    /// Lets the hash go, and waits for the answer.
    pub(super) async fn end(self, hash: String) -> Result<Response<Incoming>, LinkError> {
        // An answer that is there already is heard all the same.
        let _ = self.hash.send(hash);
        self.answer.await.unwrap_or_else(|error| Err(LinkError::Broken(error.to_string())))
    }
}

/// Sends what is there of our copy, waits for more, and ends with the hash. Ends before, and breaks the body off, when the
/// copy ends before it is whole or nobody wants it to leave.
async fn follow(
    mut copying: Growing,
    to: body::Sender,
    hash: oneshot::Receiver<String>,
    whole: &AtomicBool,
) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    while let Some(piece) = copying.next().await? {
        to.send(piece).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    }
    fault::point("courier: a document has left while it was copied, and not its hash");
    let hash = HeaderValue::from_str(&hash.await.map_err(gone)?).map_err(io::Error::other)?;
    whole.store(true, Ordering::Release);
    let behind = HeaderMap::from_iter([(HeaderName::from_static(HASH_TRAILER), hash)]);
    to.finish_with(behind).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
}
