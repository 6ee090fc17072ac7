//! Where requests come in: other nodes over the LAN, this computer's front ends over a local socket, a browser
//! over loopback, guests over the LAN with nothing but a browser.

pub mod browser;
mod front;
pub mod guest;
pub mod ipp;
pub mod lan;
pub mod local;
mod ui;

/// Out of file descriptors or the like: waiting a moment beats spinning on the same error.
async fn pause_after(error: &std::io::Error) {
    tracing::warn!(%error, "a local connection could not be accepted");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}
