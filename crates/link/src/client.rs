//! The calling side.

mod book;
mod dial;
mod outgoing;

use crate::{Body, Caller, Incoming, Meeting, meeting::exporter, progress::Progress};
use book::{Book, Line};
use dial::{Dialled, Race};
use http::{HeaderValue, Request, Response, header};
use hyper::client::conn::http1::SendRequest;
use lanyard_trust::{Identity, NodeId};
use outgoing::{Outgoing, Sent};
use std::{error::Error as _, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How long it may take to reach a device at any of its addresses.
const DIAL: Duration = Duration::from_secs(5);

/// How long the body of an answer may be silent while it is waited for.
const SILENCE: Duration = Duration::from_secs(30);

/// Connections to other nodes: known addresses, a pool of kept-alive connections per device. Clones share it; when
/// the last one goes, so do the connections.
#[derive(Clone, Debug)]
pub struct Peers {
    identity: Identity,
    book: Arc<Book>,
}

/// Why a request to a device failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No address of it is known, or none answers.
    #[error("the device does not answer (addresses tried: {tried})")]
    Unreachable {
        /// How many addresses were tried.
        tried: usize,
    },
    /// Something answered with another key. Nothing was sent to it.
    #[error("another device answers at that address")]
    OtherDevice,
    /// The answer did not come in time.
    #[error("the device did not answer in time")]
    Timeout,
    /// The connection broke, or what came back is not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// A device met for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// Its key, proven by the handshake.
    pub node: NodeId,
    /// The address that answered first.
    pub address: SocketAddr,
    /// Our own address on that connection.
    pub local: SocketAddr,
}

impl Peers {
    /// For this identity, knowing nobody yet.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { identity, book: Arc::default() }
    }

    /// Remembers where a device may be reached, best first; replaces what was known. Bounded to 16 addresses. The
    /// one that worked last stays the first as long as it is among them.
    pub fn learn(&self, node: NodeId, addresses: Vec<SocketAddr>) {
        self.book.learn(node, addresses);
    }

    /// Where a device may be reached.
    #[must_use]
    pub fn addresses(&self, node: &NodeId) -> Vec<SocketAddr> {
        self.book.addresses(node)
    }

    /// Drops the addresses and the connections of a device; requests under way fail.
    pub fn forget(&self, node: &NodeId) {
        self.book.forget(node);
    }

    /// Races the addresses of a device not known yet and tells whose key answered. Keeps the connection for the
    /// requests that follow, and learns the address.
    ///
    /// # Errors
    /// [`LinkError`] when none of them completes a handshake within 5 s.
    pub async fn greet(&self, addresses: &[SocketAddr]) -> Result<Greeted, LinkError> {
        let race = Race::new(self.identity.client_config(None), addresses);
        let meeting = async {
            let dialled = race.run().await?;
            let Dialled { node, address, local, .. } = dialled;
            let line = self.book.line(node);
            let sender = line.open(dialled).await?;
            self.book.works(node, address);
            self.book.keep(node, &line, sender);
            Ok(Greeted { node, address, local })
        };
        timeout_at(Instant::now() + DIAL, meeting)
            .await
            .map_err(|_| LinkError::Unreachable { tried: addresses.len() })?
    }

    /// Races the addresses of a device in order to join it, or to let it join: with `expected` no other key is met.
    /// The connection belongs to the caller alone, nothing is learnt from it, and [`Self::forget`] leaves it.
    ///
    /// # Errors
    /// [`LinkError`] when none of them completes a handshake within 5 s. A device that waits for nobody, or has too
    /// many such guests already, looks like one that does not answer.
    pub async fn meet(
        &self,
        addresses: &[SocketAddr],
        expected: Option<NodeId>,
    ) -> Result<Meeting, LinkError> {
        let race = Race::new(self.identity.join_client_config(expected), addresses);
        let dialled = timeout_at(Instant::now() + DIAL, race.run()).await;
        let Dialled { tls, node, address, local } =
            dialled.map_err(|_| LinkError::Unreachable { tried: addresses.len() })??;
        let secret = exporter(tls.get_ref().1).map_err(|error| LinkError::Broken(error.to_string()))?;
        Ok(Meeting::new(Caller { node, remote: address, local }, secret, tls, SILENCE))
    }

    /// Whether exactly this device answers at exactly this address: a handshake, and the connection is closed. Keeps
    /// and learns nothing.
    ///
    /// # Errors
    /// [`LinkError`]; `Unreachable` also after `patience`.
    pub async fn knock(
        &self,
        node: NodeId,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<(), LinkError> {
        let race = Race::new(self.identity.client_config(Some(node)), &[address]);
        match timeout_at(Instant::now() + patience, race.run()).await {
            Ok(reached) => reached.map(|_| ()),
            Err(_) => Err(LinkError::Unreachable { tried: 1 }),
        }
    }

    /// Whether a device has answered within the last second, and its connection is still there.
    #[must_use]
    pub fn is_warm(&self, node: NodeId) -> bool {
        self.book.is_warm(&node)
    }

    /// Sees to it that a connection to a device is ready for a request that follows within a second or so.
    ///
    /// # Errors
    /// [`LinkError`], as for a request.
    pub async fn warm(&self, node: NodeId) -> Result<(), LinkError> {
        if self.book.is_warm(&node) {
            return Ok(());
        }
        let line = self.book.line(node);
        let sender = self.dial(&line, node, Instant::now() + DIAL).await?;
        self.book.keep(node, &line, sender);
        Ok(())
    }

    /// Sends a request over a kept or new connection and returns the answer once its header is there, within
    /// `deadline`. The request's URI is a path (`/v1/…`). Redirects are not followed.
    ///
    /// The deadline counts until the connection is there, and then from when the request has been sent to its end:
    /// a long body has as long as it needs while it moves (1 KiB a second). The body of the answer fails when
    /// nothing comes for 30 s; dropping it early, or the future, ends the connection and so the request.
    ///
    /// A request that finds its kept-alive connection closed before anything was sent goes out on another one. One
    /// that fails after that, but before an answer, is sent once more on a new connection if its method is
    /// idempotent and its body is empty or was made with [`crate::body::full`] (up to 64 KiB); otherwise the caller
    /// decides. A long-lived answer (a stream) occupies a connection of its own and delays nobody.
    ///
    /// # Errors
    /// [`LinkError`]; an HTTP status is not an error here.
    pub async fn request(
        &self,
        node: NodeId,
        mut request: Request<Body>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, LinkError> {
        let due = Instant::now() + deadline;
        let line = self.book.line(node);
        if let Ok(name) = HeaderValue::from_str(&node.to_string()) {
            request.headers_mut().insert(header::HOST, name);
        }
        let mut outgoing = Outgoing::new(request);
        while let Some(sender) = self.book.take(node, outgoing.is_repeatable()).await {
            match self.exchange(&line, node, sender, outgoing, due, deadline).await {
                Ok(response) => return Ok(response),
                Err(Failure { again: Some(unsent), after_sending: false, .. }) => outgoing = unsent,
                Err(Failure { again: Some(again), .. }) => {
                    outgoing = again;
                    break;
                }
                Err(Failure { error, .. }) => return Err(error),
            }
        }
        let sender = self.dial(&line, node, due).await?;
        self.exchange(&line, node, sender, outgoing, due, deadline).await.map_err(|failure| failure.error)
    }

    /// A new connection to exactly this device.
    async fn dial(&self, line: &Line, node: NodeId, due: Instant) -> Result<SendRequest<Body>, LinkError> {
        let addresses = self.book.addresses(&node);
        let race = Race::new(self.identity.client_config(Some(node)), &addresses);
        let dial_due = Instant::now() + DIAL;
        let dialling = async {
            let slot = line.slot().await?;
            let dialled = race.run().await?;
            let address = dialled.address;
            Ok((line.open_in(slot, dialled).await?, address))
        };
        let (sender, address) = timeout_at(due.min(dial_due), dialling).await.map_err(|_| {
            if due < dial_due {
                LinkError::Timeout
            } else {
                LinkError::Unreachable { tried: addresses.len() }
            }
        })??;
        self.book.works(node, address);
        Ok(sender)
    }

    async fn exchange(
        &self,
        line: &Line,
        node: NodeId,
        mut sender: SendRequest<Body>,
        outgoing: Outgoing,
        due: Instant,
        deadline: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let (request, copy, sent) = outgoing.split();
        let answer = sender.try_send_request(request);
        let late = late(&sent, due, deadline);
        let answered = tokio::select! {
            biased;
            answered = answer => answered,
            () = late => return Err(LinkError::Timeout.into()),
        };
        match answered {
            Ok(response) => {
                let (book, line) = (Arc::downgrade(&self.book), line.clone());
                let abandon = sent.clone().abandon_guard();
                let at_end = Box::new(move || {
                    drop(abandon);
                    // A request that is still being sent leaves its connection unfit for the next.
                    if let Some(book) = book.upgrade().filter(|_| sent.is_complete()) {
                        book.keep(node, &line, sender);
                    }
                });
                Ok(response.map(|body| Incoming::from_wire(body, Progress::alive(SILENCE), Some(at_end))))
            }
            Err(mut failed) => {
                let unsent =
                    failed.take_message().map(|request| Outgoing::unsent(request, copy.clone(), sent));
                let after_sending = unsent.is_none();
                let error = LinkError::Broken(in_words(&failed.into_error()));
                Err(Failure { error, again: unsent.or(copy.map(Outgoing::again)), after_sending })
            }
        }
    }
}

/// A request that was not answered.
struct Failure {
    error: LinkError,
    /// The request, if it may be sent again.
    again: Option<Outgoing>,
    after_sending: bool,
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        Self { error, again: None, after_sending: true }
    }
}

/// Ends when an answer is overdue.
fn late(sent: &Sent, due: Instant, deadline: Duration) -> impl Future<Output = ()> + Send + use<> {
    let sent = sent.clone();
    async move {
        if sent.is_instant() {
            sleep_until(due).await;
        } else {
            sent.completed().await;
            sleep(deadline).await;
        }
    }
}

/// hyper's errors keep the cause to themselves.
fn in_words(error: &hyper::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
