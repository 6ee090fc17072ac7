//! The gateway's door: HTTP on loopback, for this computer's print system and programs.
//!
//! What is asked by WebDAV goes to the drives (`drive`). Otherwise: a request passes the gate in front of all HTTP (`lanyard_trust::gate`), comes from a user who may print here, and
//! names a printer by its secret; anything else finds nothing.

use super::{
    crowd::{self, Crowd, Marks},
    drive,
    kept::Added,
    peer,
    printer::Remote,
};
use crate::{
    Core,
    doors::{
        self,
        ask_gate::{self, Way},
        front,
    },
};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use lanyard_link::{Body, body};
use lanyard_print::offer::ipp::Place;
use lanyard_trust::gate::{self, Own, Surface};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::{TcpListener, TcpStream};

/// Where printers are.
pub(super) const PRINTERS: &str = "/ipp/print/";

/// On 127.0.0.1 alone: where the queues lead is a number, so that nobody else can answer to the name `localhost`.
pub(super) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

pub(super) async fn accept(core: Arc<Core>, listener: TcpListener, port: u16) {
    let crowd = Crowd::new(crowd::PLACES);
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Some(place) = crowd.place().await else { return };
                let core = Arc::clone(&core);
                core.tasks.clone().spawn(async move {
                    tokio::select! {
                        () = serve(core, stream, remote, port, place.marks()) => {}
                        () = place.must_leave() => tracing::debug!(%remote, "it asked for nothing, and others wait"),
                    }
                });
            }
            Err(error) => doors::pause_after(&error).await,
        }
    }
}

async fn serve(core: Arc<Core>, stream: TcpStream, remote: SocketAddr, port: u16, marks: Marks) {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let looking = marks.looked_at();
    let asked = tokio::task::spawn_blocking(move || peer::may_print(remote, here)).await;
    drop(looking);
    if !remote.ip().is_loopback() || !asked.unwrap_or(false) {
        return tracing::warn!(%remote, "another user's program was turned away");
    }
    // Answers are small and asked for one after the other.
    let _ = stream.set_nodelay(true);
    let answered = move |core, request| {
        let busy = marks.busy();
        async move { busy.until_sent(answer(core, request, port).await) }
    };
    front::connection(core, stream, answered).await;
}

async fn answer(core: Arc<Core>, request: Request<Incoming>, port: u16) -> Response<Body> {
    if drive::is_for(request.uri().path()) {
        return Box::pin(drive::serve(core, request, port)).await;
    }
    let authority = match admit(&request, port) {
        Ok(authority) => authority,
        Err(refused) => {
            tracing::debug!(%refused, "a request did not get to the added printers");
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::FORBIDDEN);
            return body::status(status, &format!("{refused}\n"));
        }
    };
    let Some(added) = request.uri().path().strip_prefix(PRINTERS).and_then(|rest| behind(&core, rest)) else {
        return body::status(StatusCode::NOT_FOUND, "not found\n");
    };
    if *request.method() != Method::POST {
        // Whoever follows a link in the print dialog.
        return body::status(StatusCode::OK, "This printer is somebody else's, by way of Lanyard.\n");
    }
    let place = Place { secure: false, authority, path: format!("{PRINTERS}{}", added.secret), both: false };
    let key = format!("gateway:{}", added.uuid);
    let client = core.identity.node_id();
    let (server, _) = crate::printing::standard(&core);
    let server = server.clone();
    let printer = Remote::new(core, added);
    // Boxed: it waits for as long as a document takes, and few of its kind run at once.
    Box::pin(server.serve(&printer, &key, &place, client, request)).await
}

/// The printer that a path names, jobs of it included.
fn behind(core: &Core, rest: &str) -> Option<Added> {
    let secret = rest.split('/').next()?;
    core.gateway.by_secret(secret)
}

/// Lets a request in and tells under which host and port it came.
fn admit<B>(request: &Request<B>, port: u16) -> Result<String, gate::Refused> {
    let way = Way { surface: Surface::Ipp, from_loopback: true, tls: false };
    let own = Own { addresses: &[Ipv4Addr::LOCALHOST.into()], names: &["localhost"] };
    let host = ask_gate::admit(request, way, &own)?;
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    // CUPS leaves a port out that it takes for the usual one.
    Ok(format!("{name}:{port}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn admitted(headers: &[(&str, &str)]) -> Result<String, u16> {
        let mut request = Request::builder().method("POST").uri("/ipp/print/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(&request.body(()).unwrap(), 40123).map_err(gate::Refused::status)
    }

    #[test]
    fn only_this_computers_print_system_gets_in_and_no_page_of_the_web() {
        let ipp = ("content-type", "application/ipp");
        let host = ("host", "127.0.0.1:40123");
        assert_eq!(admitted(&[host, ipp]).as_deref(), Ok("127.0.0.1:40123"));
        assert_eq!(admitted(&[("host", "localhost:40123"), ipp]).as_deref(), Ok("localhost:40123"));
        assert_eq!(admitted(&[("host", "evil.example:40123"), ipp]), Err(421), "DNS rebinding");
        assert_eq!(admitted(&[host, ipp, ("origin", "http://evil.example")]), Err(403));
        assert_eq!(admitted(&[host, ipp, ("sec-fetch-site", "cross-site")]), Err(403));
        assert_eq!(admitted(&[host, ("content-type", "text/plain")]), Err(415), "a form");
        assert_eq!(admitted(&[ipp]), Err(400), "no host");
    }
}
