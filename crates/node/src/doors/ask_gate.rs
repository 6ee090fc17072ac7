//! What the gate of `lanyard-trust` is asked about a request: the same for every door that speaks HTTP with strangers.

use http::{HeaderName, Request, header};
use lanyard_link::Visitor;
use lanyard_trust::gate::{self, Arrival, Asked, Own, Surface};

/// How a request came in.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// What kind of door it is for.
    pub(crate) surface: Surface,
    /// From this computer itself.
    pub(crate) from_loopback: bool,
    /// Under encryption.
    pub(crate) tls: bool,
}

impl Way {
    /// That of a visitor from the network.
    pub(crate) fn of(visitor: &Visitor, surface: Surface) -> Self {
        Self { surface, from_loopback: visitor.remote.ip().is_loopback(), tls: visitor.tls }
    }
}

/// Lets a request in, and tells under which host it came, with the port if the client wrote one.
pub(crate) fn admit<B>(request: &Request<B>, way: Way, own: &Own<'_>) -> Result<String, gate::Refused> {
    ask(request, way, |asked| {
        gate::admit(asked, own)?;
        Ok(asked.host.first().copied().unwrap_or_default().to_owned())
    })
}

/// Lets the first page of a link in, which another page may lead to.
pub(crate) fn admit_entry<B>(request: &Request<B>, way: Way, own: &Own<'_>) -> Result<(), gate::Refused> {
    let values = |name| values(request, HeaderName::from_static(name));
    let (mode, dest) = (values("sec-fetch-mode"), values("sec-fetch-dest"));
    ask(request, way, |asked| gate::admit_entry(asked, &Arrival { mode: &mode, dest: &dest }, own))
}

fn ask<B, T>(request: &Request<B>, way: Way, decide: impl FnOnce(&Asked<'_>) -> T) -> T {
    let values = |name| values(request, name);
    decide(&Asked {
        surface: way.surface,
        method: request.method().as_str(),
        authority: request.uri().authority().map(http::uri::Authority::as_str),
        host: &values(header::HOST),
        origin: &values(header::ORIGIN),
        fetch_site: &values(HeaderName::from_static("sec-fetch-site")),
        content_type: &values(header::CONTENT_TYPE),
        from_loopback: way.from_loopback,
        tls: way.tls,
    })
}

/// All values of a header; one that is no text counts as empty, and not as none.
fn values<B>(request: &Request<B>, name: HeaderName) -> Vec<&str> {
    request.headers().get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect()
}
