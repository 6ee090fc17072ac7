//! `lanyard run`: a node in the foreground.

use crate::{Failure, ask, show};
use lanyard_api::{NodeStatus, Request, Response, SharingState};
use lanyard_node::{Config, DataDir, Node, StartError, logs};
use std::{
    io::{self, Write},
    path::PathBuf,
};

pub(crate) async fn run(
    data: Option<PathBuf>,
    name: Option<String>,
    port: Option<u16>,
    loopback: bool,
    log: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let layout = DataDir::resolve(data.as_deref())?;
    logs::start(&layout, log)?;
    let node = Node::start(Config { data, name, port, loopback, ..Config::default() }).await?;
    let told = announce(&node, json).await;
    if told.is_ok() {
        asked_to_stop().await;
    }
    let stopping = node.stop();
    tokio::select! {
        () = stopping => told,
        // Whoever asks twice does not want to wait.
        () = asked_to_stop() => Err(Failure::said("stopped at once, as asked twice")),
    }
}

/// One line that says the node is ready; scripts wait for it.
async fn announce(node: &Node, json: bool) -> Result<(), Failure> {
    let Response::Status(status) = node.handle(Request::Status).await? else { return Err(ask::odd()) };
    let line = if json {
        serde_json::json!({
            "ready": true,
            "id": status.id,
            "name": status.name,
            "port": status.port,
            "pid": status.pid,
        })
        .to_string()
    } else {
        ready(&status)
    };
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // A node that nobody listens to serves all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn ready(status: &NodeStatus) -> String {
    let name = show::clean(&status.name);
    match status.sharing {
        SharingState::Visible => format!("“{name}” is ready. Others can see it on port {}.", status.port),
        SharingState::Hidden => format!(
            "“{name}” is ready. Others cannot see it: no network is marked as yours (lanyard network trust current)."
        ),
        SharingState::Paused => {
            format!("“{name}” is ready. Others cannot see it: sharing is paused (lanyard unpause).")
        }
        SharingState::Offline => format!("“{name}” is ready. This computer is on no network."),
        SharingState::Failed => {
            format!("“{name}” is ready. Others cannot see it; lanyard status says why.")
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Said(error.to_string())
    }
}

#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        _ = hup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
