//! Knocking at what multicast DNS heard and at what is remembered, and saying who we are.

use super::{HELLO_DEADLINE, MAX_HELLO, hints::Hints, meet};
use crate::{Core, home, networks, wire::Hello};
use http::Request;
use lanyard_discovery::Service;
use lanyard_link::body;
use lanyard_trust::{NodeId, names::clean};
use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// Greets until the node stops.
pub(super) async fn run(core: Arc<Core>) {
    let hints = Arc::new(Mutex::new(Hints::default()));
    let done = Arc::new(Notify::new());
    let mut heard = core.presence.browser.changes();
    let mut places = core.networks.changes();
    // Networks whose remembered devices were greeted since this computer came to them.
    let mut visited: HashSet<String> = HashSet::new();
    loop {
        greet_remembered(&core, &mut visited).await;
        let ours = networks::own_names(&core).await;
        let mut services = core.presence.browser.services();
        services.retain(|service| is_worth_it(&core, service));
        let (due, next) = {
            let mut hints = hints.lock().unwrap_or_else(PoisonError::into_inner);
            let is_online =
                |node: &NodeId| *node == core.presence.me || core.presence.devices().is_online(node);
            let due = hints.due(&services, &ours, is_online, Instant::now());
            // A device that we watch needs no multicast to be known to be there, and its neighbours none to hear it.
            let mut there = hints.online(&services, is_online);
            there.extend(services.iter().filter(|service| ours.contains(&service.fullname)));
            core.presence.browser.vouch(&there);
            (due, hints.next())
        };
        for service in due {
            let (core, hints, done) = (Arc::clone(&core), Arc::clone(&hints), Arc::clone(&done));
            core.tasks.clone().spawn(async move {
                let node = greet_service(&core, &service).await;
                hints.lock().unwrap_or_else(PoisonError::into_inner).done(
                    &service.fullname,
                    node,
                    Instant::now(),
                );
                done.notify_one();
            });
        }
        let next = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = core.cancel.cancelled() => return,
            changed = heard.changed() => if changed.is_err() { return },
            changed = places.changed() => if changed.is_err() { return },
            () = done.notified() => {}
            () = core.presence.look.notified() => {}
            () = next => {}
        }
    }
}

/// On the owner's networks everybody is greeted, on others only devices that are known to belong to ours.
fn is_worth_it(core: &Core, service: &Service) -> bool {
    let over_own = |address: &SocketAddr| core.networks.near(*address).is_some_and(|place| place.own);
    service.addresses.iter().any(over_own) || home::is_one_of_ours(core, service)
}

/// Greets one service; the key that answered, if one did.
async fn greet_service(core: &Arc<Core>, service: &Service) -> Option<NodeId> {
    let node = greet(core, &service.addresses).await?;
    core.presence.browser.keep(service);
    Some(node)
}

/// Tries the devices that were met before on the networks this computer has just come to.
async fn greet_remembered(core: &Arc<Core>, visited: &mut HashSet<String>) {
    let here: HashSet<String> = core.networks.places().into_iter().map(|place| place.network).collect();
    let arrived: Vec<String> = here.difference(visited).cloned().collect();
    *visited = here;
    for network in arrived {
        let interfaces = core.networks.interfaces().borrow().clone();
        for (node, addresses) in core.presence.book.met_on(core, &network, &interfaces).await {
            if core.presence.devices().is_online(&node) {
                continue;
            }
            let core = Arc::clone(core);
            let own = core.networks.places().iter().any(|place| place.own && place.network == network);
            core.tasks.clone().spawn(async move {
                if core.circle.knows(&node) {
                    seek(&core, node, &addresses).await;
                } else if own {
                    greet(&core, &addresses).await;
                }
            });
        }
    }
}

/// Races the addresses, says hello to whoever answers and begins to watch it. The key that answered, if one did.
pub(super) async fn greet(core: &Arc<Core>, addresses: &[SocketAddr]) -> Option<NodeId> {
    let attempt = async {
        if core.moved.withholds() {
            // With a copied key we would take the place of the device it was copied from.
            return None;
        }
        let _turn = core.presence.greetings.acquire().await.ok()?;
        let greeted = match core.peers.greet(addresses).await {
            Ok(greeted) => greeted,
            Err(error) => {
                tracing::debug!(?addresses, %error, "nobody answers");
                return None;
            }
        };
        let node = greeted.node;
        if node == core.presence.me {
            return Some(node);
        }
        let theirs = say_hello(core, node, greeted.local).await?;
        if let Some(name) = clean(&theirs.name) {
            core.presence.book.call(node, &name);
        }
        let mut reachable = vec![greeted.address];
        reachable.extend(addresses.iter().filter(|address| **address != greeted.address));
        meet(core, node, reachable);
        Some(node)
    };
    tokio::select! {
        () = core.cancel.cancelled() => None,
        node = attempt => node,
    }
}

/// Says hello to exactly this device, if it is at one of these addresses. Nobody else learns who knocks: in TLS 1.3 the
/// caller shows its key after it has seen the other's.
pub(super) async fn seek(core: &Arc<Core>, node: NodeId, addresses: &[SocketAddr]) {
    let attempt = async {
        let _turn = core.presence.greetings.acquire().await.ok()?;
        if core.moved.withholds() {
            return None;
        }
        let mut all = addresses.to_vec();
        let known = core.presence.devices().addresses(&node);
        all.extend(known.into_iter().filter(|address| !addresses.contains(address)));
        core.peers.learn(node, all);
        // Which network it goes over is known only when it answers; what is said is what the nearest one may hear.
        let own = addresses.iter().any(|address| core.networks.near(*address).is_some_and(|place| place.own));
        let theirs = say(core, node, &hello_over(core, &node, own)).await?;
        if let Some(name) = clean(&theirs.name) {
            core.presence.book.call(node, &name);
        }
        meet(core, node, addresses.to_vec());
        Some(())
    };
    tokio::select! {
        () = core.cancel.cancelled() => {}
        _ = attempt => {}
    }
}

async fn say_hello(core: &Arc<Core>, node: NodeId, local: SocketAddr) -> Option<Hello> {
    let own = core.networks.place_of(local).is_some_and(|place| place.own);
    say(core, node, &hello_over(core, &node, own)).await
}

async fn say(core: &Arc<Core>, node: NodeId, hello: &Hello) -> Option<Hello> {
    let hello = serde_json::to_vec(hello).ok()?;
    let mut request = Request::new(body::full(hello));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/hello");
    let answered = async {
        let response = core.peers.request(node, request, HELLO_DEADLINE).await.map_err(|e| e.to_string())?;
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status()));
        }
        body::read_json::<Hello, _>(response.into_body(), MAX_HELLO, HELLO_DEADLINE)
            .await
            .map_err(|e| e.to_string())
    };
    answered.await.inspect_err(|error| tracing::debug!(%node, error, "no hello came back")).ok()
}

/// On a network that is not the owner's a stranger learns neither our name nor where we listen.
fn hello_over(core: &Core, node: &NodeId, own: bool) -> Hello {
    let mut hello = super::our_hello(core, node);
    if !own {
        hello.port = 0;
        if !core.circle.knows(node) {
            hello.name = String::new();
        }
    }
    hello
}
