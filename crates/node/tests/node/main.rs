//! A whole node on the loopback interface: start, stop, what a second one sees, and what its doors refuse.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod asks;
mod browser;
mod doors;
mod events;
mod folders;
mod guests;
mod home;
mod life;
mod looking;
mod phone;
mod previews;
mod shares;

use http::{StatusCode, request};
use http_body_util::BodyExt;
use lanyard_api::{NodeStatus, Request, Response};
use lanyard_link::{Peers, body};
use lanyard_node::{Config, Node};
use lanyard_trust::{Identity, NodeId};
use std::{net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;

/// A node that stays on this computer, with its data below `data`.
async fn start(data: &Path) -> Node {
    Node::start(config(data)).await.unwrap()
}

fn config(data: &Path) -> Config {
    let document_child = Some(env!("CARGO_BIN_EXE_lanyard-node-child").into());
    Config { data: Some(data.to_owned()), loopback: true, document_child, ..Config::default() }
}

async fn status(node: &Node) -> NodeStatus {
    match node.handle(Request::Status).await.unwrap() {
        Response::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

/// The address at which other nodes reach this one.
async fn address(node: &Node) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], status(node).await.port))
}

/// A device with a key of its own that speaks to a node in plain requests.
struct Neighbour {
    peers: Peers,
    id: NodeId,
    node: NodeId,
    _keys: TempDir,
}

impl Neighbour {
    async fn of(node: &Node) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_create(keys.path()).unwrap();
        let (id, peers) = (identity.node_id(), Peers::new(identity));
        let to = node.core().identity.node_id();
        peers.learn(to, vec![address(node).await]);
        Self { peers, id, node: to, _keys: keys }
    }

    fn id(&self) -> NodeId {
        self.id
    }

    /// The status and the whole body of the answer.
    async fn send(&self, request: request::Builder, bytes: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let request = request.body(body::full(bytes)).unwrap();
        let answer = self.peers.request(self.node, request, Duration::from_secs(20)).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }
}
