//! The door on the LAN: routes what other nodes ask to the room that answers.
//!
//! It knows who calls (the key that the handshake proved) and where the connection came in; whether the caller
//! may do what it asks is decided by the gate of each room, request by request.

use crate::{Core, asks, doctor, drives, home, inbox, presence, printing};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode};

use lanyard_link::{Body, Caller, Incoming, Serve, body};
use lanyard_trust::{Subject, Who};
use std::sync::Arc;

/// What the listeners on the owner's networks serve.
#[must_use]
pub fn door(core: Arc<Core>) -> Arc<dyn Serve> {
    Arc::new(Door { core })
}

struct Door {
    core: Arc<Core>,
}

impl Serve for Door {
    fn serve(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let core = Arc::clone(&self.core);
        // Listeners exist on own networks only (see `networks`), so whatever comes in here came over one.
        let subject = Subject { who: Who::Device(caller.node), on_own_network: true };
        match room(request.uri().path()) {
            Some(Room::Presence) => presence::serve(core, caller, subject, request).boxed(),
            Some(Room::Printing) => printing::serve(core, caller, subject, request).boxed(),
            Some(Room::Asks) => asks::serve(core, caller, subject, request).boxed(),
            Some(Room::Drives) => drives::serve(core, caller, subject, request).boxed(),
            Some(Room::Inbox) => inbox::serve(core, caller, request).boxed(),
            Some(Room::Home) => home::serve(core, caller, request).boxed(),
            Some(Room::Doctor) => doctor::probe::serve(core, caller, request).boxed(),
            None => std::future::ready(body::status(StatusCode::NOT_FOUND, "not found")).boxed(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Presence,
    Printing,
    Drives,
    Inbox,
    Home,
    Asks,
    Doctor,
}

fn room(path: &str) -> Option<Room> {
    let rest = path.strip_prefix("/v1/")?;
    match rest.split_once('/').map_or(rest, |(first, _)| first) {
        "hello" | "watch" => Some(Room::Presence),
        "printers" | "jobs" => Some(Room::Printing),
        "drives" => Some(Room::Drives),
        "sends" => Some(Room::Inbox),
        "home" => Some(Room::Home),
        "asks" => Some(Room::Asks),
        "probe" => Some(Room::Doctor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_goes_to_its_room_and_nothing_else_is_served() {
        assert_eq!(room("/v1/hello"), Some(Room::Presence));
        assert_eq!(room("/v1/watch"), Some(Room::Presence));
        assert_eq!(room("/v1/printers/abc/jobs/1"), Some(Room::Printing));
        assert_eq!(room("/v1/jobs/1/cancel"), Some(Room::Printing));
        assert_eq!(room("/v1/drives/abc/list"), Some(Room::Drives));
        assert_eq!(room("/v1/sends"), Some(Room::Inbox));
        assert_eq!(room("/v1/home/sync"), Some(Room::Home));
        assert_eq!(room("/v1/asks"), Some(Room::Asks));
        assert_eq!(room("/v1/probe"), Some(Room::Doctor));
        for path in ["/", "/v1", "/v1/", "/v2/hello", "/v1/hellos", "/rpc", "//v1/hello", "/v1//jobs"] {
            assert_eq!(room(path), None, "{path}");
        }
    }
}
