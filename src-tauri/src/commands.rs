//! The two commands of the page: `rpc` asks, `subscribe` listens. No third one.

use crate::{
    host::Host,
    shell::{Shell, ShellEvent, ShellRequest},
};
use lanyard_api::{ApiError, ErrorCode, Event, Request};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, State, ipc::Channel};

/// What the page asks: the node, or the window it sits in.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    Node(Request),
    Shell(ShellRequest),
}

/// What the page hears.
#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum News {
    /// From the node, numbered.
    Node(Box<Event>),
    /// From the window.
    Shell(ShellEvent),
    /// The node's stream ended; subscribe again.
    Ended,
}

#[tauri::command]
pub(crate) async fn rpc(
    app: AppHandle,
    host: State<'_, Host>,
    question: Question,
) -> Result<serde_json::Value, ApiError> {
    let answer = match question {
        Question::Shell(request) => return crate::shell::handle(&app, request).await,
        Question::Node(request) => host.node().await?.handle(request).await,
    };
    if matches!(&answer, Err(error) if error.code == ErrorCode::Stopping) {
        host.forget_attached().await;
    }
    serde_json::to_value(answer?).map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))
}

/// Streams until the page goes away or the node stops. The channel is dropped with the webview, and sending fails then.
#[tauri::command]
pub(crate) async fn subscribe(
    host: State<'_, Host>,
    shell: State<'_, Shell>,
    channel: Channel<News>,
) -> Result<(), ApiError> {
    let host = host.inner().clone();
    let mut window = shell.listen();
    let mut events = host.node().await?.subscribe().await?;
    tauri::async_runtime::spawn(async move {
        loop {
            let news = tokio::select! {
                event = events.recv() => event.map_or(News::Ended, |event| News::Node(Box::new(event))),
                Ok(event) = window.recv() => News::Shell(event),
            };
            let ended = matches!(news, News::Ended);
            if ended {
                host.forget_attached().await;
            }
            if channel.send(news).is_err() || ended {
                return;
            }
        }
    });
    Ok(())
}
