//! The door for whoever comes without a key: what they ask for decides whether it is a printing client, a file
//! manager or a guest's browser, and each finds nothing where there is nothing for it.
//!
//! Without encryption only printing is answered: no page for guests, and nothing that takes a secret.

use super::{dav, guest, ipp};
use crate::{Core, web};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use lanyard_link::{Body, Incoming, Visit, Visitor, body};
use std::sync::{Arc, Weak};

/// What visitors of the port meet. It holds the node weakly: the node holds it.
#[must_use]
pub fn door(core: &Arc<Core>) -> Arc<dyn Visit> {
    Arc::new(Door { core: Arc::downgrade(core), name: format!("{}.local", web::host_label(core)) })
}

struct Door {
    core: Weak<Core>,
    /// What this computer is called in the certificate.
    name: String,
}

impl Visit for Door {
    fn visit(&self, visitor: Visitor, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let Some(core) = self.core.upgrade() else {
            return std::future::ready(body::status(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")).boxed();
        };
        let prints = core.shares.has_printer_for_everyone();
        let has_folders = || core.shares.has_folder_for_everyone() || core.guests.has_reader();
        match room(request.method(), request.uri().path()) {
            Room::Printing if prints => ipp::serve(core, visitor, request).boxed(),
            Room::Folders if visitor.tls && has_folders() => dav::serve(core, visitor, request).boxed(),
            Room::Options if prints => std::future::ready(options()).boxed(),
            _ if visitor.tls && core.guests.has_passes() => {
                guest::serve(core, self.name.clone(), visitor, request).boxed()
            }
            _ => std::future::ready(body::status(StatusCode::NOT_FOUND, "there is nothing here\n")).boxed(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Printing,
    /// `OPTIONS *`: what the server as a whole can do (RFC 9110 §9.3.7). Clients ask it in order to change to TLS.
    Options,
    Folders,
    /// What guests have.
    Other,
}

fn room(method: &Method, path: &str) -> Room {
    match path {
        "*" if *method == Method::OPTIONS => Room::Options,
        // A client that was told the server and no printer asks for the list there.
        "/" if *method == Method::POST => Room::Printing,
        // Explorer asks here before it goes on to a folder.
        "/" if *method == Method::OPTIONS => Room::Folders,
        "/ipp/print" => Room::Printing,
        path if path.starts_with("/ipp/print/") => Room::Printing,
        path if dav::is_for(path) => Room::Folders,
        _ => Room::Other,
    }
}

fn options() -> Response<Body> {
    let mut response = Response::new(body::empty());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, POST"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_goes_to_its_room_and_nothing_else_is_served() {
        for path in ["/ipp/print/abc", "/ipp/print/abc/icon-48.png", "/ipp/print", "/"] {
            assert_eq!(room(&Method::POST, path), Room::Printing, "{path}");
        }
        assert_eq!(room(&Method::OPTIONS, "*"), Room::Options);
        assert_eq!(room(&Method::OPTIONS, "/"), Room::Folders);
        for path in ["/dav", "/dav/", "/dav/a/b"] {
            assert_eq!(room(&Method::GET, path), Room::Folders, "{path}");
        }
        for path in
            ["", "*", "/", "/ipp", "/ipp/printer", "/IPP/print/x", "/g", "/v1/hello", "/rpc", "/davos"]
        {
            assert_eq!(room(&Method::GET, path), Room::Other, "{path}");
        }
    }
}
