//! A whole node on the loopback interface: start, stop, what a second one sees, and what its doors refuse.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod events;
mod guests;
mod life;
mod phone;
mod shares;

use lanyard_api::{NodeStatus, Request, Response};
use lanyard_node::{Config, Node};
use std::path::Path;

/// A node that stays on this computer, with its data below `data`.
async fn start(data: &Path) -> Node {
    Node::start(config(data)).await.unwrap()
}

fn config(data: &Path) -> Config {
    Config { data: Some(data.to_owned()), name: None, port: None, loopback: true }
}

async fn status(node: &Node) -> NodeStatus {
    match node.handle(Request::Status).await.unwrap() {
        Response::Status(status) => status,
        other => panic!("{other:?}"),
    }
}
