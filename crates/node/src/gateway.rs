//! The loopback gateway: printers of others in this computer's own print dialog, and drives for its own programs.
//!
//! A printer that was added gets a queue in the system's spooler that leads to a door of ours on loopback. What a program
//! prints there is taken into the outbox before it is answered, and waits, travels and is followed like any other job;
//! the queue neither knows nor needs to know where the printer is. The door exists while a printer is added or a drive has an address, always on
//! the same port if the system lets us have it.
//!
//! Drives that were given an address are reached through the same door, by WebDAV (`drive`).
//!
//! The path of each printer holds 128 random bits, so no other user of this computer can guess one; other users'
//! programs are turned away as well where the system tells whose a connection is (`peer`).

mod crowd;
mod door;
pub(crate) mod drive;
mod kept;
mod login;
mod lost;
mod peer;
mod printer;
mod system;

pub use kept::MIGRATIONS;

use crate::{Core, StartError, core::Parts, presence::RemoteShare, printing, settings::Settings};
use drive::Offered;
use kept::{Added, Rows};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_print::consume::standard::PrinterId;
use lanyard_store::StoreError;
use lanyard_trust::NodeId;
use login::Logins;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use system::QueueError;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The most printers that are added.
const MOST: usize = 100;

/// Under this name the door's port is remembered.
const PORT: &str = "gateway-port";

/// Printers that were added, drives that have an address, and the door to them.
pub struct Gateway {
    rows: Rows,
    added: Mutex<Vec<Added>>,
    drives: Mutex<Vec<Offered>>,
    /// Passwords for drives, where the system needs them.
    logins: Option<Logins>,
    /// The door's port while it is open.
    port: tokio::sync::Mutex<Option<u16>>,
}

impl Gateway {
    /// Knows what was added; opens nothing.
    ///
    /// # Errors
    /// When the store does.
    pub fn open(parts: &Parts) -> Result<Self, StoreError> {
        let rows = Rows::new(parts.store.clone());
        let (added, drives) = (Mutex::new(rows.added()?), Mutex::new(rows.drives()?));
        let logins = Logins::of(&Settings::new(parts.store.clone())).unwrap_or_else(|error| {
            tracing::error!(%error, "drives on loopback have no password, and let nobody in");
            None
        });
        Ok(Self { added, drives, logins, rows, port: tokio::sync::Mutex::default() })
    }

    fn added(&self) -> MutexGuard<'_, Vec<Added>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drives(&self) -> MutexGuard<'_, Vec<Offered>> {
        self.drives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, uuid: Uuid) -> Option<Added> {
        self.added().iter().find(|added| added.uuid == uuid).cloned()
    }

    /// The printer behind a secret. All are compared, so that the time taken says nothing.
    fn by_secret(&self, secret: &str) -> Option<Added> {
        let added = self.added();
        let same = |added: &&Added| is_same(added.secret.as_bytes(), secret.as_bytes());
        added.iter().filter(same).fold(None, |_, found| Some(found.clone()))
    }
}

/// In constant time for texts of the same length.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    std::hint::black_box(differ) == 0 && one.len() == other.len()
}

/// Whether a printer is in this computer's print dialog by way of this.
pub(crate) fn is_added(core: &Core, node: &NodeId, share: &str) -> bool {
    core.gateway.added().iter().any(|added| added.node == *node && added.share.0 == share)
}

/// Opens the door if there is anything behind it, and sees to it that the queues lead there.
///
/// # Errors
/// None at present: a door that does not open is logged, and the queues keep their jobs.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    if core.gateway.added().is_empty() && core.gateway.drives().is_empty() {
        return Ok(());
    }
    match open_door(core).await {
        Ok(_) if core.gateway.added().is_empty() => {}
        Ok(port) => {
            let core = Arc::clone(core);
            core.tasks.clone().spawn(async move {
                let cancel = core.cancel.clone();
                let _ = cancel
                    .run_until_cancelled(Box::pin(async {
                        settle(&core, port).await;
                        lost::watch(&core).await;
                    }))
                    .await;
            });
        }
        Err(error) => tracing::error!(%error, "what other programs print is not taken"),
    }
    Ok(())
}

/// Opens the door unless it is open. Returns its port.
async fn open_door(core: &Arc<Core>) -> std::io::Result<u16> {
    let mut open = core.gateway.port.lock().await;
    if let Some(port) = *open {
        return Ok(port);
    }
    let remembered = remembered_port(&core.settings);
    let listener = match remembered {
        // The same as before, so that the queues need not be changed.
        Some(port) => match door::bind(port).await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(port, %error, "the gateway's port is taken; another one is used");
                door::bind(0).await?
            }
        },
        None => door::bind(0).await?,
    };
    let port = listener.local_addr()?.port();
    if remembered != Some(port)
        && let Err(error) = core.settings.set(PORT, &port.to_string())
    {
        tracing::warn!(%error, "the gateway's port is not remembered");
    }
    spawn_door(core, listener, port);
    *open = Some(port);
    Ok(port)
}

fn spawn_door(core: &Arc<Core>, listener: TcpListener, port: u16) {
    tracing::info!(port, "the gateway is open on loopback");
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        let _ = cancel.run_until_cancelled(door::accept(core, listener, port)).await;
    });
}

fn remembered_port(settings: &Settings) -> Option<u16> {
    settings.text(PORT).ok().flatten()?.parse().ok().filter(|port| *port >= 1024)
}

/// Makes the system's queues what they should be: those that lead elsewhere are pointed here. The spooler may start
/// after us.
async fn settle(core: &Arc<Core>, port: u16) {
    const TRIES: u32 = 10;
    for attempt in 0..TRIES {
        match settle_once(core, port).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, attempt, "the added printers' queues are not settled"),
        }
        tokio::time::sleep(Duration::from_secs(3 << attempt.min(6))).await;
    }
}

async fn settle_once(core: &Arc<Core>, port: u16) -> Result<(), QueueError> {
    let there = system::queues(core).await?;
    let added = core.gateway.added().clone();
    for one in added {
        let uri = device_uri(port, &one.secret);
        match there.iter().find(|(queue, _)| *queue == one.queue) {
            Some((_, Some(found))) if *found == uri => {}
            // CUPS does not tell everyone where a queue leads.
            Some((_, None)) => {}
            Some(_) => system::move_queue(core, &one.queue, &uri).await?,
            // Somebody has removed it with the system's own tools: that is how they want it.
            None => {
                tracing::info!(queue = one.queue, "an added printer's queue is gone");
                forget(core, &one).await;
            }
        }
    }
    Ok(())
}

/// Where a queue of ours leads. CUPS is told not to wait for the job's end (`waitjob`): what it would still count as
/// its own it would send again after a restart, and the job is ours as soon as it is taken.
fn device_uri(port: u16, secret: &str) -> String {
    format!("ipp://127.0.0.1:{port}{}{secret}?waitjob=false&waitprinter=false", door::PRINTERS)
}

/// Puts a printer into this computer's own print dialog. Does nothing for one that is there.
pub(crate) async fn add(core: &Arc<Core>, printer: RemoteShare) -> Result<(), ApiError> {
    if !system::CAN {
        return Err(ApiError::not_available("Adding a printer to the print dialog"));
    }
    if is_added(core, &printer.node, &printer.share.0) {
        return Ok(());
    }
    if core.gateway.added().len() >= MOST {
        let words = format!("{MOST} printers are added already. Remove one first.");
        return Err(ApiError::new(ErrorCode::Busy, words));
    }
    // The dialog shows what the printer can do, so it must tell once.
    let able = printing::abilities(core, &printer).await?;
    let port = open_door(core).await.map_err(|error| {
        ApiError::new(
            ErrorCode::Internal,
            format!("The gateway for other programs cannot be opened: {error}."),
        )
    })?;
    let there = system::queues(core).await.map_err(|error| system_error(&error))?;
    let taken: Vec<String> = there.into_iter().map(|(queue, _)| queue).collect();
    let added = Added {
        secret: random_secret()?,
        uuid: Uuid::new_v4(),
        queue: queue_name(&printer.name, &printer.device_name, &taken),
        node: printer.node,
        share: printer.share,
        name: printer.name,
        device_name: printer.device_name,
        able: Some(able),
        identity: printer.identity,
    };
    // Known before the queue is made: the system asks the door at once what the printer can do.
    let row = added.clone();
    core.gateway.rows.run(move |rows| rows.put(&row)).await.map_err(|error| store_error(&error))?;
    core.gateway.added().push(added.clone());
    let uri = device_uri(port, &added.secret);
    if let Err(error) = system::add_queue(core, &added.queue, &added.shown_name(), &uri).await {
        forget(core, &added).await;
        return Err(system_error(&error));
    }
    tracing::info!(queue = added.queue, "a printer was added to the system's print dialog");
    core.presence.nearby_changed();
    Ok(())
}

/// Takes a printer out of the print dialog and cancels what waits for it from there.
pub(crate) async fn remove(core: &Arc<Core>, query: &str) -> Result<(), ApiError> {
    let added = find(core, query)?;
    system::remove_queue(core, &added.queue).await.map_err(|error| system_error(&error))?;
    let uuid = added.uuid;
    let jobs =
        core.gateway.rows.run(move |rows| rows.jobs(uuid)).await.map_err(|error| store_error(&error))?;
    printing::cancel_all(core, &jobs).await;
    forget(core, &added).await;
    tracing::info!(queue = added.queue, "a printer was removed from the system's print dialog");
    core.presence.nearby_changed();
    Ok(())
}

/// The added printer that a person means: one need not be near to be removed.
fn find(core: &Core, query: &str) -> Result<Added, ApiError> {
    let named: Vec<crate::names::Named<Added>> = core
        .gateway
        .added()
        .iter()
        .map(|added| crate::names::Named {
            id: match PrinterId::of_share(&added.share) {
                Some(printer) => printer.as_str().to_owned(),
                None => format!("{}@{}", added.share, added.node),
            },
            name: added.name.clone(),
            device: added.device_name.clone(),
            value: added.clone(),
        })
        .collect();
    let by_queue = named.iter().find(|named| named.value.queue == query.trim());
    match by_queue {
        Some(named) => Ok(named.value.clone()),
        None => crate::names::find("added printer", query, &named),
    }
}

async fn forget(core: &Core, added: &Added) {
    let uuid = added.uuid;
    core.gateway.added().retain(|known| known.uuid != uuid);
    if let Err(error) = core.gateway.rows.run(move |rows| rows.remove(uuid)).await {
        tracing::error!(%error, "a removed printer was not forgotten");
    }
    core.presence.nearby_changed();
}

fn random_secret() -> Result<String, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("No random bytes: {error}.")))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// A name for the system's queue: `Laser_at_Bens_PC`, with a number behind it while another queue is called that.
fn queue_name(printer: &str, device: &str, taken: &[String]) -> String {
    // CUPS allows 127 bytes; some programs fewer.
    const PART: usize = 40;
    let word = |text: &str| {
        let mut word = String::new();
        for c in text.chars() {
            match c {
                'ä' | 'Ä' => word.push_str("ae"),
                'ö' | 'Ö' => word.push_str("oe"),
                'ü' | 'Ü' => word.push_str("ue"),
                'ß' => word.push_str("ss"),
                c if c.is_ascii_alphanumeric() || c == '-' => word.push(c),
                '\'' | '’' => {}
                _ if word.ends_with('_') || word.is_empty() => {}
                _ => word.push('_'),
            }
        }
        word.truncate(PART);
        word.trim_matches('_').to_owned()
    };
    let parts = [word(printer), word(device)];
    let parts: Vec<String> = parts.into_iter().filter(|word| !word.is_empty()).collect();
    let base = if parts.is_empty() { "Lanyard".to_owned() } else { parts.join("_at_") };
    let is_taken = |name: &str| taken.iter().any(|taken| taken.eq_ignore_ascii_case(name));
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(base)
}

fn store_error(error: &StoreError) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("The store refused: {error}."))
}

fn system_error(error: &QueueError) -> ApiError {
    match error {
        QueueError::NotAllowed => {
            let user = std::env::var("USER").unwrap_or_else(|_| "YOUR-NAME".to_owned());
            let words = format!(
                "Your user may not change this computer's print queues. An administrator can allow it once: on Debian \
                 and Ubuntu with “sudo usermod -aG lpadmin {user}”, on Fedora and Arch with “sudo usermod -aG sys \
                 {user}”. Then sign out and in again, and start Lanyard anew."
            );
            ApiError::new(ErrorCode::NotAllowed, words)
        }
        error => {
            let words = format!("The system's print service did not do it: {error}.");
            ApiError::new(ErrorCode::PrinterFailed, words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_so_that_its_owner_knows_it() {
        assert_eq!(queue_name("Laser", "Ben's PC", &[]), "Laser_at_Bens_PC");
        assert_eq!(queue_name("Drucker Büro/1", "", &[]), "Drucker_Buero_1");
        assert_eq!(queue_name("打印机", "電腦", &[]), "Lanyard");
        let taken = ["laser_at_pc".to_owned(), "Laser_at_PC_2".to_owned()];
        assert_eq!(queue_name("Laser", "PC", &taken), "Laser_at_PC_3");
        assert!(queue_name(&"x".repeat(500), &"y".repeat(500), &[]).len() < 120);
    }

    #[test]
    fn where_a_queue_leads_is_known_as_ours() {
        #[cfg(unix)]
        assert!(lanyard_print::system::cups::added::leads_to_us(&device_uri(40123, &"0".repeat(32))));
    }

    #[test]
    fn a_secret_is_the_same_only_as_a_whole() {
        assert!(is_same(b"abc", b"abc"));
        assert!(!is_same(b"abc", b"abd"));
        assert!(!is_same(b"abc", b"ab"));
        assert!(!is_same(b"abc", b""));
    }
}
