//! How somebody comes in: by the link of a pass, by its number and PIN on a page, or by the same as a password. Wrong tries
//! are counted before they are answered.

use super::{Guest, Guests, Live, Secret, secret, table, table::Row, tell};
use crate::Core;
use lanyard_api::Millis;
use lanyard_trust::PassId;
use std::{
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::Instant,
};

/// Wrong PINs in all until it is burned.
const WRONG_PINS: u8 = 5;

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
    /// The pass that this secret of a link opens. Every one is compared, so that the time taken says nothing; comparing
    /// hashes takes the same time for each.
    fn pass_of(&self, token: &Secret) -> Option<PassId> {
        let wanted = token.hash();
        let passes = self.passes();
        passes.values().fold(None, |hit, live| if live.row.token == wanted { Some(live.row.id) } else { hit })
    }

    fn may_try(&self, from: IpAddr) -> bool {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).allow(from, Instant::now())
    }
}

impl Live {
    /// One more counts against it, and the last one burns its PIN.
    fn note_wrong_pin(&mut self) {
        self.row.wrong = self.row.wrong.saturating_add(1);
        if self.row.wrong >= WRONG_PINS {
            self.row.pin = None;
        }
    }
}

/// Somebody opened a link. Gives the cookie.
///
/// # Errors
/// [`NotIn`].
pub async fn enter_by_link(core: &Arc<Core>, token: &str, from: IpAddr) -> Result<Secret, NotIn> {
    match Secret::from_text(token).and_then(|token| core.guests.pass_of(&token)) {
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
            live.note_wrong_pin();
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
        return match core.guests.pass_of(&token) {
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
                    live.note_wrong_pin();
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
