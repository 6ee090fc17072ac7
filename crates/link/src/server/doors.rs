//! Who may come in at the one port besides the nodes, and what all listeners count together.

use super::{Limits, Sessions, admission::Admission};
use crate::{Body, Incoming, meeting::Join};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use lanyard_trust::NodeId;
use rustls::ServerConfig;
use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// ALPN of HTTP/1.1 (RFC 7301 §6).
pub(super) const HTTP_ALPN: &[u8] = b"http/1.1";

/// Someone without a key: a browser, a phone that prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Where the connection came from.
    pub remote: SocketAddr,
    /// The address of ours it came to.
    pub local: SocketAddr,
    /// Whether the connection is encrypted. Nothing may be asked for or told on one that is not which others must not
    /// read.
    pub tls: bool,
}

/// What answers visitors.
pub trait Visit: Send + Sync + 'static {
    /// Answers one request, as [`Serve`](super::Serve) does. Nothing is proven about who sent it.
    fn visit(&self, visitor: Visitor, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>>;
}

/// What is needed to let visitors in.
#[derive(Clone)]
pub struct Web {
    /// The certificate that is shown to them. The protocol is set to HTTP/1.1 and early data is turned off, whatever
    /// it says.
    pub tls: Arc<ServerConfig>,
    /// What answers them.
    pub visit: Arc<dyn Visit>,
}

/// What the listeners of a node share: limits and counts, the registry of connections, and the doors for joining, for
/// visitors and for visitors without encryption. All are shut at first; while they are, the port answers as if there
/// were no such thing. Clones are the same doors.
#[derive(Clone)]
pub struct Doors {
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    admission: Admission,
    sessions: Sessions,
    is_known: Box<dyn Fn(&NodeId) -> bool + Send + Sync>,
    join: Mutex<Option<Arc<dyn Join>>>,
    web: Mutex<Option<OpenWeb>>,
    plain: Mutex<Option<OpenPlain>>,
}

/// The door for visitors while it is open.
#[derive(Clone)]
pub(super) struct OpenWeb {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) visit: Arc<dyn Visit>,
    /// Cancelled when the door is shut.
    pub(super) shut: CancellationToken,
}

/// The door for visitors without encryption while it is open.
#[derive(Clone)]
pub(super) struct OpenPlain {
    pub(super) visit: Arc<dyn Visit>,
    /// Cancelled when the door is shut.
    pub(super) shut: CancellationToken,
}

impl Doors {
    /// With these limits over all listeners. `is_known` tells which devices have their places kept when strangers
    /// crowd the port; it is asked once for each connection, does not wait for anything, and grants nothing.
    #[must_use]
    pub fn new(limits: Limits, is_known: impl Fn(&NodeId) -> bool + Send + Sync + 'static) -> Self {
        let shared = Shared {
            limits,
            admission: Admission::new(&limits),
            sessions: Sessions::default(),
            is_known: Box::new(is_known),
            join: Mutex::default(),
            web: Mutex::default(),
            plain: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Opens the door for devices that want to join, or shuts it. Meetings under way go on: they end with their
    /// future.
    pub fn set_join(&self, join: Option<Arc<dyn Join>>) {
        *lock(&self.shared.join) = join;
    }

    /// Opens the door for visitors, or shuts it. Visitors who came through the door as it was before get the answer
    /// they wait for, and have to come again.
    pub fn set_web(&self, web: Option<Web>) {
        let web = web.map(|Web { tls, visit }| {
            let mut tls = ServerConfig::clone(&tls);
            tls.alpn_protocols = vec![HTTP_ALPN.to_vec()];
            // What is sent before the handshake is over can be sent again by anybody (RFC 8446 §8).
            tls.max_early_data_size = 0;
            OpenWeb { tls: Arc::new(tls), visit, shut: CancellationToken::new() }
        });
        let before = std::mem::replace(&mut *lock(&self.shared.web), web);
        if let Some(before) = before {
            before.shut.cancel();
        }
    }

    /// Opens the door for visitors who speak HTTP without TLS, or shuts it, as [`Doors::set_web`] does. While the door
    /// for visitors is open as well, they may change to TLS on the connection that they have (RFC 2817).
    pub fn set_plain(&self, visit: Option<Arc<dyn Visit>>) {
        let plain = visit.map(|visit| OpenPlain { visit, shut: CancellationToken::new() });
        let before = std::mem::replace(&mut *lock(&self.shared.plain), plain);
        if let Some(before) = before {
            before.shut.cancel();
        }
    }

    /// The connections of each device.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.shared.admission
    }

    pub(super) fn knows(&self, node: &NodeId) -> bool {
        (self.shared.is_known)(node)
    }

    pub(super) fn join(&self) -> Option<Arc<dyn Join>> {
        lock(&self.shared.join).clone()
    }

    pub(super) fn web(&self) -> Option<OpenWeb> {
        lock(&self.shared.web).clone()
    }

    pub(super) fn plain(&self) -> Option<OpenPlain> {
        lock(&self.shared.plain).clone()
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors")
            .field("join", &self.join().is_some())
            .field("web", &self.web().is_some())
            .field("plain", &self.plain().is_some())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
