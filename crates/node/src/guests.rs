//! Passes for guests: a link or a PIN that opens one share for one thing, for a while.
//!
//! A pass is a grant on its share, so the gate decides about guests as about everybody else; this module makes and
//! ends it together with the secrets that open it, and keeps who is in at the moment. The door for guests is open while
//! there is a pass (`web`). What a guest sees is `doors::guest`'s business. A pass leads to nothing but its share:
//! never into the home, never to another device.

mod ending;
mod enter;
mod secret;
mod sessions;
mod table;
mod tries;

pub use enter::{NotIn, enter_by_link, enter_by_password, enter_by_pin};
pub use secret::Secret;
pub(crate) use sessions::LASTS as SESSION_LASTS;
pub use table::MIGRATIONS;

use crate::{
    Core,
    core::{Parts, from_store},
    doors,
    names::{self, Named},
    networks, qr, shares, web,
};
use lanyard_api::{ApiError, Change, ErrorCode, FolderAddress, Millis, NewPass, Pass, PassAction, ShareKind};
use lanyard_store::{Store, StoreError};
use lanyard_trust::{
    Audience, Grant, NodeId, PassId, ShareId, Subject, Until, Who, names::clean, web::WebIdentity,
};
use sessions::Sessions;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use table::Row;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tries::Tries;

/// Passes at once.
const MOST: usize = 32;

/// The longest life of a pass.
const LONGEST: Millis = 30 * 24 * 3600 * 1000;

/// Passes, and who is in with them.
pub struct Guests {
    store: Store,
    passes: Mutex<BTreeMap<PassId, Live>>,
    /// What guests are called, by what their jobs are kept under; outlives the passes.
    names: Mutex<BTreeMap<NodeId, String>>,
    sessions: Sessions,
    tries: Mutex<Tries>,
    changed: Notify,
    /// Held while a pass is made or ended, so that nothing is half there when passes and grants are compared.
    changing: tokio::sync::Mutex<()>,
}

struct Live {
    row: Row,
    /// Cancelled when the pass ends.
    cut: CancellationToken,
    /// Wrong PINs that were given as passwords: programs repeat what a person mistyped once.
    mistyped: Vec<blake3::Hash>,
}

/// Somebody who came in with a pass.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The pass.
    pub pass: PassId,
    /// What it opens.
    pub share: ShareId,
    /// For what.
    pub action: PassAction,
    /// When it ends by itself.
    pub ends_at: Millis,
    /// Cancelled when it ends in any way.
    pub cut: CancellationToken,
}

impl Guests {
    /// Opens this part; nothing runs yet.
    ///
    /// # Errors
    /// When the store does.
    pub fn open(parts: &Parts) -> Result<Self, StoreError> {
        let (rows, names) = table::load(&parts.store)?;
        let live = |row: Row| (row.id, Live::new(row, parts.cancel.child_token()));
        Ok(Self {
            store: parts.store.clone(),
            passes: Mutex::new(rows.into_iter().map(live).collect()),
            names: Mutex::new(names),
            sessions: Sessions::default(),
            tries: Mutex::default(),
            changed: Notify::new(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// What to call the guest whose jobs are kept under this id, if it is one.
    pub fn name_of(&self, id: &NodeId) -> Option<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Whoever came in with this cookie, unless the pass has ended since.
    pub fn guest(&self, session: &Secret) -> Option<Guest> {
        let pass = self.sessions.pass_of(session, Instant::now())?;
        self.passes().get(&pass).map(Live::guest)
    }

    /// Whether there is anything for a guest.
    pub(crate) fn has_passes(&self) -> bool {
        !self.passes().is_empty()
    }

    /// Whether there is a pass with which somebody may read a folder.
    pub(crate) fn has_reader(&self) -> bool {
        self.passes().values().any(|live| live.row.action == PassAction::Read)
    }

    /// Forgets a cookie.
    pub fn leave(&self, session: &Secret) {
        self.sessions.end(session);
    }

    fn passes(&self) -> MutexGuard<'_, BTreeMap<PassId, Live>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, core: &Core) -> Vec<Pass> {
        let mut passes: Vec<Pass> = self.passes().values().map(|live| live.row.shown(core)).collect();
        passes.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        passes
    }
}

impl Guest {
    /// Who that is to the gate. Listeners exist on own networks only (see `networks`).
    #[must_use]
    pub fn subject(&self) -> Subject {
        subject(self.pass)
    }
}

impl Live {
    fn new(row: Row, cut: CancellationToken) -> Self {
        Self { row, cut, mistyped: Vec::new() }
    }

    fn guest(&self) -> Guest {
        Guest {
            pass: self.row.id,
            share: self.row.share.clone(),
            action: self.row.action,
            ends_at: self.row.until.at,
            cut: self.cut.clone(),
        }
    }
}

impl Row {
    fn shown(&self, core: &Core) -> Pass {
        Pass {
            id: self.id.to_string(),
            share: self.share.0.clone(),
            share_name: core.shares.name_of(&self.share).unwrap_or_default(),
            action: self.action,
            label: self.label.clone(),
            created_at: self.created_at,
            ends_at: self.until.at,
            last_used: self.last_used,
            pin_burned: self.pin.is_none(),
        }
    }
}

/// Opens the door if there is a pass, and ends passes in time from now on. A certificate that cannot be made is logged, and guests wait for the next try.
pub async fn start(core: &Arc<Core>) {
    if let Err(error) = web::settle(core).await {
        tracing::error!(%error, "guests cannot come in");
    }
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        let _ = cancel.run_until_cancelled(ending::watch(&core)).await;
        // They hold whatever they need weakly, but nobody shall come in any more.
        web::shut(&core);
    });
}

/// All passes that have not ended, newest first.
pub async fn list(core: &Core) -> Vec<Pass> {
    core.guests.list(core)
}

/// Makes a pass.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `unreadable` for a folder that cannot be written to, `network_public`, `busy`.
pub async fn create(
    core: &Arc<Core>,
    share: &str,
    action: PassAction,
    until: Millis,
    label: &str,
) -> Result<NewPass, ApiError> {
    let share = core.shares.opened_by_pass(share, action).await?;
    let now = core.clock.now();
    if until <= now.wall {
        return Err(invalid("That time has passed already."));
    }
    if until > now.wall + LONGEST {
        return Err(invalid("A pass for a guest lasts 30 days at most."));
    }
    let label = match label.trim() {
        "" => String::new(),
        label => clean(label).ok_or_else(|| invalid("The note cannot be shown."))?,
    };
    let address = reached_at(core).ok_or_else(|| {
        let detail = "This computer is on no network that is marked as yours, so no guest can reach it.";
        ApiError::new(ErrorCode::NetworkPublic, detail)
    })?;
    let _changing = core.guests.changing.lock().await;
    let (token, pin) = (Secret::random().map_err(random)?, secret::Pin::random().map_err(random)?);
    let row = {
        let passes = core.guests.passes();
        if passes.len() >= MOST {
            return Err(ApiError::new(
                ErrorCode::Busy,
                format!("There are {MOST} passes for guests already."),
            ));
        }
        let taken: Vec<u8> = passes.values().map(|live| live.row.number).collect();
        let number = secret::number(&taken).map_err(random)?;
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(random)?;
        let salt = Secret::random().map_err(random)?;
        Row {
            id: PassId::from_bytes(id),
            number,
            share,
            action,
            label,
            token: token.hash(),
            pin: Some(pin.hash(&salt)),
            salt,
            wrong: 0,
            until: Until::at(until, &now),
            created_at: now.wall,
            last_used: None,
        }
    };
    let identity = open(core, row.clone()).await?;
    let page = format!("https://{address}/g/{}", row.number);
    let link = format!("https://{address}/g#{}", token.text());
    tracing::info!(pass = %row.id, ?action, "a pass for a guest was made");
    Ok(NewPass {
        pass: row.shown(core),
        qr: qr::rows(&link)?,
        link,
        page,
        pin: pin.text(),
        fingerprint: identity.fingerprint(),
    })
}

/// Where programs that speak WebDAV find a folder, and whom they let in there.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` for a printer, `not_allowed` when neither everyone on the network nor a guest may
/// look into it, `network_public`.
pub async fn folder_address(core: &Arc<Core>, share: &str) -> Result<FolderAddress, ApiError> {
    let (id, name) = core.shares.folder_named(share)?;
    let open = core.shares.folders_for_everyone().iter().any(|(share, _)| *share == id);
    let guests =
        core.guests.passes().values().any(|live| {
            live.row.share == id && live.row.action == PassAction::Read && live.row.pin.is_some()
        });
    if !open && !guests {
        let words = format!("Neither everyone on the network nor a guest may look into {name}.");
        return Err(ApiError::new(ErrorCode::NotAllowed, words));
    }
    let address = reached_at(core).ok_or_else(|| {
        let detail = "This computer is on no network that is marked as yours, so nobody can reach it.";
        ApiError::new(ErrorCode::NetworkPublic, detail)
    })?;
    let identity = web::settle(core).await?.ok_or_else(|| {
        ApiError::new(ErrorCode::NotAllowed, format!("{name} is not offered to anybody without Lanyard now."))
    })?;
    let url = format!("https://{address}{}", doors::dav::path_of(&id, &name));
    let qr = qr::rows(&url)?;
    Ok(FolderAddress { url, qr, open, guests, fingerprint: identity.fingerprint() })
}

/// Ends a pass, and whatever is under way with it.
///
/// # Errors
/// `not_found`, `ambiguous`.
pub async fn end(core: &Arc<Core>, pass: &str) -> Result<Vec<Pass>, ApiError> {
    let _changing = core.guests.changing.lock().await;
    let things: Vec<Named<PassId>> = core
        .guests
        .passes()
        .values()
        .map(|live| Named {
            id: live.row.id.to_string(),
            name: live.row.label.clone(),
            device: String::new(),
            value: live.row.id,
        })
        .collect();
    let id = names::find("pass", pass, &things)?;
    end_all(core, &[id]).await?;
    Ok(list(core).await)
}

/// Puts a new pass into the store, onto its share, and into effect.
async fn open(core: &Arc<Core>, row: Row) -> Result<WebIdentity, ApiError> {
    let (id, share) = (row.id, row.share.clone());
    let grant = Grant {
        add_only: row.action == PassAction::Add,
        until: Some(row.until),
        ..Grant::to(Audience::Guest(id))
    };
    let kept = row.clone();
    core.guests.store.run(move |store| table::insert(store, &kept)).await.map_err(from_store)?;
    {
        let called = if row.label.is_empty() { "Guest".to_owned() } else { row.label.clone() };
        core.guests.names.lock().unwrap_or_else(PoisonError::into_inner).insert(subject(id).id(), called);
        let cut = core.cancel.child_token();
        core.guests.passes().insert(id, Live::new(row, cut));
    }
    let opened = async {
        shares::grant_pass(core, &share, grant).await?;
        web::settle(core)
            .await?
            .ok_or_else(|| ApiError::new(ErrorCode::Internal, "The pass has ended already."))
    };
    match opened.await {
        Ok(identity) => {
            core.guests.changed.notify_one();
            tell(core);
            Ok(identity)
        }
        Err(error) => {
            let _ = end_all(core, &[id]).await; // the first error is the one to tell
            Err(error)
        }
    }
}

/// Ends passes: first what a guest has in hand, then what is written down.
async fn end_all(core: &Arc<Core>, ids: &[PassId]) -> Result<(), ApiError> {
    for id in ids {
        let ended = core.guests.passes().remove(id);
        core.guests.sessions.end_all(id);
        if let Some(live) = ended {
            live.cut.cancel();
            tracing::info!(pass = %id, "a guest's pass has ended");
        }
    }
    let revoked = shares::revoke_passes(core, ids).await;
    let gone = ids.to_vec();
    let removed = core.guests.store.run(move |store| table::remove(store, &gone)).await.map_err(from_store);
    let settled = web::settle(core).await;
    tell(core);
    settled.map(|_| ()).and(revoked).and(removed)
}

/// Where a phone reaches this computer: an address without a scope, which no link can carry.
fn reached_at(core: &Core) -> Option<SocketAddr> {
    let mut addresses = networks::listening(core);
    addresses.retain(|address| match address.ip() {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    });
    addresses.sort_by_key(|address| (address.ip().is_loopback(), address.is_ipv6()));
    addresses.first().copied()
}

fn tell(core: &Core) {
    core.events.emit(Change::Passes(core.guests.list(core)));
}

fn subject(pass: PassId) -> Subject {
    Subject { who: Who::Guest(pass), on_own_network: true }
}

/// What a pass of this action opens.
#[must_use]
pub fn kind_for(action: PassAction) -> ShareKind {
    match action {
        PassAction::Print => ShareKind::Printer,
        PassAction::Read | PassAction::Add => ShareKind::Folder,
    }
}

fn invalid(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::Invalid, detail)
}

fn random(error: getrandom::Error) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("No random bytes: {error}."))
}
