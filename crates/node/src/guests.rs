//! Passes for guests: a link or a PIN that opens one share for one thing, for a while.
//!
//! A pass is a grant on its share, so the gate decides about guests as about everybody else; this module makes and
//! ends it together with the secrets that open it, and keeps who is in at the moment. The door for guests is open while
//! there is a pass (`web`). What a guest sees is `doors::guest`'s business. A pass leads to nothing but its share:
//! never into the home, never to another device.

mod secret;
mod sessions;
mod table;
mod tries;

pub use secret::Secret;
pub(crate) use sessions::LASTS as SESSION_LASTS;
pub use table::MIGRATIONS;

use crate::{
    Core,
    core::Parts,
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
    time::{Duration, Instant},
};
use table::Row;
use tokio::sync::{Notify, broadcast::error::RecvError};
use tokio_util::sync::CancellationToken;
use tries::Tries;

/// Passes at once.
const MOST: usize = 32;

/// The longest life of a pass.
const LONGEST: Millis = 30 * 24 * 3600 * 1000;

/// Wrong PINs in all until it is burned.
const WRONG_PINS: u8 = 5;

/// How often passes are looked through when nothing else gives reason to.
const EVERY: Duration = Duration::from_secs(60);

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

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotIn {
    /// No such secret, or it opens nothing any more.
    Wrong,
    /// Too many tries in too short a time.
    TooMany,
    /// The node is at fault.
    Failed,
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

    fn may_try(&self, from: IpAddr) -> bool {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).allow(from, Instant::now())
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
        let _ = cancel.run_until_cancelled(watch(&core)).await;
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

/// Somebody opened a link. Gives the cookie.
///
/// # Errors
/// [`NotIn`].
pub async fn enter_by_link(core: &Arc<Core>, token: &str, from: IpAddr) -> Result<Secret, NotIn> {
    let wanted = Secret::from_text(token).map(|token| token.hash());
    // Every one is compared, so that the time taken says nothing; comparing hashes takes the same time for each.
    let found = wanted.and_then(|wanted| {
        core.guests
            .passes()
            .values()
            .fold(None, |hit, live| if live.row.token == wanted { Some(live.row.id) } else { hit })
    });
    match found {
        Some(pass) => admit(core, pass).await,
        // Nobody guesses 128 bits; this is about noise.
        None if core.guests.may_try(from) => Err(NotIn::Wrong),
        None => Err(NotIn::TooMany),
    }
}

/// Somebody typed a PIN on the page with this number. Gives the cookie. Every wrong one counts against the pass,
/// wherever it comes from, before anything is answered.
///
/// # Errors
/// [`NotIn`].
pub async fn enter_by_pin(core: &Arc<Core>, number: &str, pin: &str, from: IpAddr) -> Result<Secret, NotIn> {
    if !core.guests.may_try(from) {
        return Err(NotIn::TooMany);
    }
    // What cannot be a PIN is no guess.
    let pin = secret::Pin::from_text(pin).ok_or(NotIn::Wrong)?;
    let number: u8 = number.trim().parse().map_err(|_| NotIn::Wrong)?;
    let tried = {
        let mut passes = core.guests.passes();
        let Some(live) = passes.values_mut().find(|live| live.row.number == number) else {
            return Err(NotIn::Wrong);
        };
        let Some(expected) = live.row.pin else { return Err(NotIn::Wrong) };
        if pin.hash(&live.row.salt) == expected {
            Ok(live.row.id)
        } else {
            live.row.wrong = live.row.wrong.saturating_add(1);
            if live.row.wrong >= WRONG_PINS {
                live.row.pin = None;
            }
            Err(live.row.clone())
        }
    };
    match tried {
        Ok(pass) => admit(core, pass).await,
        Err(row) => {
            note_wrong(core, row).await;
            Err(NotIn::Wrong)
        }
    }
}

/// A program gave a name and a password, as it does with every request: the secret of a link, whatever the name, or the
/// number of a page and its PIN. Nothing is kept for the next request. The same wrong PIN counts once.
///
/// # Errors
/// [`NotIn`].
pub async fn enter_by_password(
    core: &Arc<Core>,
    user: &str,
    password: &str,
    from: IpAddr,
) -> Result<Guest, NotIn> {
    let wrong = |core: &Core| if core.guests.may_try(from) { NotIn::Wrong } else { NotIn::TooMany };
    if let Some(token) = Secret::from_text(password) {
        let wanted = token.hash();
        let found = core
            .guests
            .passes()
            .values()
            .fold(None, |hit, live| if live.row.token == wanted { Some(live.row.id) } else { hit });
        return match found {
            Some(pass) => is_in(core, pass).await,
            None => Err(wrong(core)),
        };
    }
    // What cannot be a PIN is no guess.
    let Some(pin) = secret::Pin::from_text(password) else { return Err(wrong(core)) };
    let Ok(number) = user.trim().parse::<u8>() else { return Err(wrong(core)) };
    let tried = {
        let mut passes = core.guests.passes();
        let live = passes.values_mut().find(|live| live.row.number == number);
        match live.and_then(|live| live.row.pin.map(|pin| (live, pin))) {
            None => Err(None),
            Some((live, expected)) => {
                let hash = pin.hash(&live.row.salt);
                if hash == expected {
                    Ok(live.row.id)
                } else if live.mistyped.contains(&hash) {
                    Err(None)
                } else {
                    live.mistyped.push(hash);
                    live.row.wrong = live.row.wrong.saturating_add(1);
                    if live.row.wrong >= WRONG_PINS {
                        live.row.pin = None;
                    }
                    Err(Some(live.row.clone()))
                }
            }
        }
    };
    match tried {
        Ok(pass) => is_in(core, pass).await,
        Err(row) => {
            if let Some(row) = row {
                note_wrong(core, row).await;
            }
            Err(wrong(core))
        }
    }
}

/// Writes a wrong PIN down.
async fn note_wrong(core: &Arc<Core>, row: Row) {
    tracing::warn!(pass = %row.id, wrong = row.wrong, "a wrong PIN for a guest's pass");
    let burned = row.pin.is_none();
    if let Err(error) = core.guests.store.run(move |store| table::note(store, &row)).await {
        tracing::error!(%error, "a wrong PIN could not be written down");
    }
    if burned {
        tell(core);
    }
}

/// Whoever has the secret of this pass. That it is used is written down now and then, not for every request.
async fn is_in(core: &Arc<Core>, pass: PassId) -> Result<Guest, NotIn> {
    /// Milliseconds.
    const NOTED: Millis = 10 * 60 * 1000;
    let now = core.clock.now();
    let (guest, row) = {
        let mut passes = core.guests.passes();
        let live = passes.get_mut(&pass).filter(|live| !live.row.until.is_over(&now)).ok_or(NotIn::Wrong)?;
        let is_news = live.row.last_used.is_none_or(|before| now.wall - before > NOTED);
        if is_news {
            live.row.last_used = Some(now.wall);
        }
        (live.guest(), is_news.then(|| live.row.clone()))
    };
    if let Some(row) = row {
        if let Err(error) = core.guests.store.run(move |store| table::note(store, &row)).await {
            tracing::warn!(%error, "when a pass was last used could not be written down");
        }
        tell(core);
    }
    Ok(guest)
}

async fn admit(core: &Arc<Core>, pass: PassId) -> Result<Secret, NotIn> {
    let now = core.clock.now();
    let row = {
        let mut passes = core.guests.passes();
        let live = passes.get_mut(&pass).filter(|live| !live.row.until.is_over(&now)).ok_or(NotIn::Wrong)?;
        live.row.last_used = Some(now.wall);
        live.row.clone()
    };
    let session = core.guests.sessions.begin(pass, Instant::now()).map_err(|_| NotIn::Failed)?;
    if let Err(error) = core.guests.store.run(move |store| table::note(store, &row)).await {
        tracing::warn!(%error, "when a pass was last used could not be written down");
    }
    tell(core);
    Ok(session)
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

/// Ends passes whose time is over, whose share is gone or says otherwise; renews the certificate.
async fn watch(core: &Arc<Core>) {
    let mut events = core.events.listen();
    forget_orphans(core).await;
    loop {
        sweep(core).await;
        let next = tokio::time::sleep(until_next(core));
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                () = core.guests.changed.notified() => break,
                event = events.recv() => match event {
                    Ok(event) if matches!(event.change, Change::Shares(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}

/// What a crash in the middle left behind: a grant without its pass opens nothing, but is in the way of whoever reads
/// the rules.
async fn forget_orphans(core: &Arc<Core>) {
    let _changing = core.guests.changing.lock().await;
    let granted = core.shares.passes();
    let orphans: Vec<PassId> = {
        let passes = core.guests.passes();
        granted.into_iter().map(|(_, pass)| pass).filter(|pass| !passes.contains_key(pass)).collect()
    };
    if let Err(error) = shares::revoke_passes(core, &orphans).await {
        tracing::warn!(%error, "rules of passes that are no more stay until the next start");
    }
}

async fn sweep(core: &Arc<Core>) {
    let changing = core.guests.changing.lock().await;
    let now = core.clock.now();
    let granted = core.shares.passes();
    let ended: Vec<PassId> = {
        let passes = core.guests.passes();
        let is_over = |row: &Row| row.until.is_over(&now) || !granted.contains(&(row.share.clone(), row.id));
        passes.values().filter(|live| is_over(&live.row)).map(|live| live.row.id).collect()
    };
    if !ended.is_empty()
        && let Err(error) = end_all(core, &ended).await
    {
        tracing::warn!(%error, "ended passes stay in the store until the next try");
    }
    drop(changing);
    if let Err(error) = web::settle(core).await {
        tracing::error!(%error, "guests cannot come in");
    }
}

fn until_next(core: &Core) -> Duration {
    let now = core.clock.now();
    let left = |row: &Row| (row.until.at - now.wall).min(row.until.ran - now.ran).max(0);
    let next = core.guests.passes().values().map(|live| left(&live.row)).min();
    // A little later than the end, so that it is over then.
    let next = next.and_then(|left| u64::try_from(left + 20).ok()).map_or(EVERY, Duration::from_millis);
    next.min(EVERY)
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

fn from_store(error: StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::DiskFull,
        StoreError::Closing => ErrorCode::Stopping,
        StoreError::Sqlite(_) => ErrorCode::Internal,
    };
    ApiError::new(code, error.to_string())
}
