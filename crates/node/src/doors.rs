//! Where requests come in: other nodes over the LAN, this computer's front ends over a local socket, a browser
//! over loopback, whoever comes over the LAN without a key: guests with a browser, printing clients.

pub(crate) mod ask_gate;
pub mod browser;
pub mod dav;
pub(crate) mod front;
pub mod guest;
pub mod ipp;
pub mod lan;
pub mod local;
mod ui;
pub mod visit;

/// Out of file descriptors or the like: waiting a moment beats spinning on the same error.
pub(crate) async fn pause_after(error: &std::io::Error) {
    tracing::warn!(%error, "a local connection could not be accepted");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}
