//! The doors for this computer's own programs.

use super::{Case, Door, Outcome, Person, World, raw};
use futures_util::{FutureExt, future::BoxFuture};
use lanyard_api::{Request as Ask, Response};

/// This computer's front ends; other users of it are nobody.
pub(super) struct LocalSocket;

impl Door for LocalSocket {
    fn name(&self) -> &'static str {
        "the local socket"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        let private = || {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
                let (dir, socket) = (world.data.path(), world.data.path().join("node.sock"));
                if mode(dir) == 0o700 && mode(&socket) == 0o600 { Outcome::Hidden } else { Outcome::Yes }
            }
            #[cfg(not(unix))]
            {
                let _ = world;
                Outcome::Hidden // a named pipe of this user's; tested with the door
            }
        };
        std::future::ready((case.who == Person::Nobody).then(private)).boxed()
    }
}

/// A browser on this computer; without the link's token it is nobody.
pub(super) struct BrowserPage;

impl Door for BrowserPage {
    fn name(&self) -> &'static str {
        "the browser page"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Nobody {
                return None;
            }
            let Response::Link(link) = world.node.handle(Ask::BrowserLink).await.unwrap() else { panic!() };
            let address = link.trim_start_matches("http://").split('/').next().unwrap().to_owned();
            let body = r#"{"do":"shares"}"#;
            let request = format!(
                "POST /rpc HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let answer = raw(&address, request.as_bytes()).await;
            Some(if answer.starts_with("HTTP/1.1 401") { Outcome::Hidden } else { Outcome::Yes })
        }
        .boxed()
    }
}
