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
    let config = Config { data, name, port, loopback, ..Config::default() };
    loop {
        // Listened for from here on: whoever reads that the node is ready may stop it at once.
        let mut asked = Box::pin(asked_to_stop());
        let node = Node::start(config.clone()).await?;
        let told = announce(&node, json).await;
        let is_renewed = told.is_ok()
            && tokio::select! {
                () = &mut asked => false,
                // It goes on as another device, with everything built anew around the new key.
                () = node.renewed() => true,
            };
        let stopping = node.stop();
        tokio::select! {
            () = stopping => {}
            // Whoever asks twice does not want to wait.
            () = asked_to_stop() => return Err(Failure::said("stopped at once, as asked twice")),
        }
        if !is_renewed {
            return told;
        }
    }
}

/// Gives up all files but the node's own, those it shares and `allow`, for the whole process.
pub(crate) fn confine(data: Option<PathBuf>, allow: &[PathBuf]) -> Result<(), StartError> {
    lanyard_node::confine::enter(&Config { data, ..Config::default() }, allow)
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
            format!("“{name}” is ready. Others cannot see it: sharing is paused (lanyard sharing resume).")
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

/// Ends when the process is told to stop. It listens from when it is made, not from when it is waited for.
#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()]
        .map(|kind| signal(kind).ok());
    async move {
        // Without a handler a signal ends the process by itself.
        let [mut term, mut int, mut hup] = signals;
        let come = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        };
        tokio::select! {
            () = come(&mut term) => {}
            () = come(&mut int) => {}
            () = come(&mut hup) => {}
        }
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
