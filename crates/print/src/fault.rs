//! Places at which a test lets this process die. Compiled only with the feature `fault-points`, which no program has;
//! otherwise there is nothing here.
//!
//! With `LANYARD_FAULT=N` in its environment a process kills itself as it comes by the Nth place, counted over all of
//! them; with the name of a place as it comes by that one. As hard as SIGKILL is: nothing is cleaned up, nothing written
//! that was not.

/// One of these places.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub(crate) const fn point(_: &'static str) {}

/// All of them: a test dies at each.
#[cfg(feature = "fault-points")]
pub const POINTS: &[&str] = &[
    "spool: a document is whole, and not on the disk",
    "spool: a document is on the disk, and perhaps not its name",
    "outbox: our copy is kept, without a row",
    "outbox: a job is entered, and the person does not know",
    "outbox: a change is about to be recorded",
    "outbox: a change is recorded, and nothing is done about it",
    "outbox: a copy for once more is kept, without a row",
    "courier: a document has left while it was copied, and not its hash",
    "courier: about to leave",
    "courier: sent, the answer is not recorded",
    "courier: about to record",
    "courier: recorded",
    "carrier: decided, not recorded",
    "carrier: about to act",
    "carrier: acted, not recorded",
    "carrier: recorded, and the outbox does not know",
    "ahead: an empty job is written down, and not made",
    "ahead: an empty job is made, and nobody knows its number",
    "ahead: all has gone into the queue but the last piece",
    "ahead: an empty job is withdrawn, and still written down",
    "offer: a document is kept, without a row",
    "offer: a job is entered, and nobody knows",
    "offer: a job is entered, and the answer is about to leave",
    "offer: a wish is recorded, and the worker does not know",
    "walk-in: a document is kept, without a row",
    "ipp: a job has its number, and no document",
    "ipp: a document is taken, and that is not written down",
    "ipp: a document is taken, and the answer is about to leave",
    "worker: decided, not recorded",
    "worker: about to search",
    "worker: searched, not recorded",
    "worker: about to make an empty job",
    "worker: an empty job is made, not recorded",
    "worker: about to hand over",
    "worker: handed over, not recorded",
    "worker: about to abandon an empty job",
    "worker: abandoned, not recorded",
    "worker: about to cancel",
    "worker: cancelled, not recorded",
    "worker: about to hold",
    "worker: held, not recorded",
    "worker: about to release",
    "worker: released, not recorded",
    "worker: about to look",
    "worker: looked, not recorded",
    "worker: what happened is recorded",
    "worker: over, and the document is deleted",
];

/// Where it is died from now on, besides what the environment says.
#[cfg(feature = "fault-points")]
static ARMED: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);

/// From now on this process dies as it comes by that place.
#[cfg(feature = "fault-points")]
pub fn arm(place: &str) {
    *ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(place.to_owned());
}

/// One of these places.
#[cfg(feature = "fault-points")]
pub(crate) fn point(name: &'static str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    };
    static WANTED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("LANYARD_FAULT").ok());
    static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
        AtomicI64::new(WANTED.as_deref().and_then(|wanted| wanted.parse().ok()).unwrap_or(0))
    });
    if !POINTS.contains(&name) {
        eprintln!("{name} is not among the places that are died at");
        std::process::abort();
    }
    let armed = ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_deref() == Some(name);
    if armed || WANTED.as_deref() == Some(name) || LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        eprintln!("died at {name}");
        #[cfg(unix)]
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}
