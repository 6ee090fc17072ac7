//! This device's home: its members, how devices come in and go, and devices connected without one.
//!
//! Who belongs to the home is what its signed log comes to (`lanyard_trust::membership`). Every change goes one way:
//! a copy is changed and written to the disk, then it takes the place of the old one, then the circle that all doors
//! ask is set, then connections of devices that went are cut, and only then is anybody told.

mod acks;
mod act;
mod gossip;
mod kept;
mod places;
mod reach;
mod shows;
mod talk;
mod types;
mod wake;
mod welcome;

pub use act::{create, forget_paired, leave, member, recover, remove, rename, renamed, set_role};
pub use gossip::serve;
pub use kept::MIGRATIONS;
pub use reach::{connect, is_one_of_ours, marks};
pub use shows::{answer_invite, close_invite, open_invite};
pub use types::type_code;
pub use wake::{wake, wake_for};

pub(crate) use gossip::{digest_line, heard_digest, is_back};
pub(crate) use reach::saying;

use crate::{Core, StartError, circle::Known, core::Parts, networks, presence, status::check_signs};
use kept::{Ended, Kept};
use lanyard_api::{
    ApiError, Change, DeviceState, ErrorCode, Home, HomeState, Member, Os, Paired, Role, Window,
};
use lanyard_store::StoreError;
use lanyard_trust::{Log, NodeId, membership};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The most windows nearby that front ends are shown.
const MAX_WINDOWS: usize = 32;
/// Changes of addresses come in groups.
const GATHER: Duration = Duration::from_millis(500);

/// The home of this device, and what goes on around it.
pub struct Homes {
    kept: Mutex<Arc<Kept>>,
    /// Held by whoever changes what is kept.
    turn: tokio::sync::Mutex<()>,
    showing: shows::Showing,
    tried: types::Tried,
    gossip: gossip::Gossip,
    made: acks::Made,
    woken: wake::Woken,
    /// What could not be used at start.
    notices: Vec<String>,
    /// What front ends were told last.
    told: Mutex<HomeState>,
}

impl Homes {
    /// Reads what is kept, and says who belongs together with this device.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        let (kept, notices) =
            Kept::load(&parts.store).map_err(|error| StartError::failed("the home", error))?;
        parts.circle.set(known(&kept));
        Ok(Self {
            kept: Mutex::new(Arc::new(kept)),
            turn: tokio::sync::Mutex::default(),
            showing: shows::Showing::default(),
            tried: types::Tried::default(),
            gossip: gossip::Gossip::default(),
            made: acks::Made::default(),
            woken: wake::Woken::default(),
            notices,
            told: Mutex::default(),
        })
    }

    fn kept(&self) -> Arc<Kept> {
        Arc::clone(&lock(&self.kept))
    }
}

/// Starts what keeps the home together: exchange with other members, and knocking where they were last.
pub fn start(core: &Arc<Core>) {
    core.tasks.spawn(gossip::run(Arc::clone(core)));
    core.tasks.spawn(reach::run(Arc::clone(core)));
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let mut places = core.networks.changes();
        loop {
            settle_own(&core).await;
            tokio::select! {
                () = core.cancel.cancelled() => return,
                changed = places.changed() => if changed.is_err() { return },
            }
            tokio::time::sleep(GATHER).await;
        }
    });
}

/// What the owner should know about the home.
pub fn notices(core: &Core) -> Vec<String> {
    let mut notices = core.home.notices.clone();
    let kept = core.home.kept();
    if let Some(name) = put_out_of(&kept) {
        notices.push(format!("This device was put out of “{name}”."));
    }
    notices.extend(acks::notice(&kept));
    notices
}

/// The name of the home that put this device out.
fn put_out_of(kept: &Kept) -> Option<String> {
    let log = kept.log.as_ref().filter(|_| kept.ended == Some(Ended::PutOut))?;
    Some(log.state().name.clone())
}

/// Everything about belonging together.
pub async fn state(core: &Core) -> HomeState {
    let kept = core.home.kept();
    let seen = presence::sightings(core);
    HomeState {
        home: kept.home().map(|log| home(core, &kept, log, &seen)),
        put_out_of: put_out_of(&kept),
        invite: core.home.showing.shown(),
        windows: windows(core),
        paired: kept
            .paired
            .iter()
            .map(|(node, pair)| Paired {
                id: node.to_string(),
                name: pair.name.clone(),
                since: pair.since,
                state: seen.state(node),
            })
            .collect(),
    }
}

/// Tells front ends, if something is other than they were told last.
pub(crate) async fn tell(core: &Core) {
    let now = state(core).await;
    let changed = {
        let mut told = lock(&core.home.told);
        let changed = without_times(&told) != without_times(&now);
        *told = now.clone();
        changed
    };
    if changed {
        core.events.emit(Change::Home(now));
    }
}

/// Changes what is kept, and does what follows from it. Nothing happens when `work` fails or the disk refuses.
async fn change<T>(
    core: &Arc<Core>,
    work: impl FnOnce(&mut Kept) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let _turn = core.home.turn.lock().await;
    let before = core.home.kept();
    let mut after = Kept::clone(&before);
    let done = work(&mut after)?;
    follow(core, &mut after);
    if after.is_same_as(&before) {
        return Ok(done);
    }
    let after = Arc::new(after);
    let (writing, known_before) = (Arc::clone(&after), Arc::clone(&before));
    core.store.run(move |store| writing.write(store, &known_before)).await.map_err(from_store)?;
    *lock(&core.home.kept) = Arc::clone(&after);
    take_effect(core, &before, &after).await;
    Ok(done)
}

/// What follows from the log by itself: this device may have been put out, and a new epoch has a secret of its own.
fn follow(core: &Core, kept: &mut Kept) {
    let me = core.identity.node_id();
    if kept.state().is_some_and(|state| !state.is_member(me)) {
        kept.ended.get_or_insert(Ended::PutOut);
    }
    kept.tidy();
    acks::settle(core, kept);
    let Some(home) = kept.home().map(Log::home) else { return };
    if kept.key_maker() == Some(me) {
        kept.make_key();
    }
    places::settle(core, home, &mut kept.places);
}

/// Doors first, then connections, then words.
async fn take_effect(core: &Arc<Core>, before: &Kept, after: &Kept) {
    let (old, new) = (core.circle.known(), known(after));
    core.circle.set(new.clone());
    let is_known = |node: &&NodeId| new.members.contains(*node) || new.paired.contains(*node);
    let me = core.identity.node_id();
    for node in old.members.union(&old.paired).filter(|node| !is_known(node) && **node != me) {
        presence::cut(core, node);
        let cut = core.doors.sessions().close(node);
        core.peers.forget(node);
        tracing::info!(%node, cut, "a device does not belong here any more");
    }
    if old != new {
        core.presence.offers_changed();
        presence::look_again(core);
    }
    if before.ended != after.ended {
        tracing::info!(ended = ?after.ended, "this device's part in its home has changed");
        core.events.emit(Change::Status(crate::status::status(core).await));
    }
    if before.digest() != after.digest() {
        gossip::tell(core, after);
    }
    if let Some(own) = after.acks.get(&me).filter(|own| before.acks.get(&me) != Some(*own)) {
        gossip::soon(core, own.to);
    }
    if before.places != after.places {
        reach::seek_all(core);
    }
    if before.key() != after.key() || before.paired != after.paired {
        networks::follow(core).await;
    }
    tell(core).await;
}

/// Says where this device is now, when that has changed.
async fn settle_own(core: &Arc<Core>) {
    let kept = core.home.kept();
    if kept.home().is_some()
        && let Err(error) = change(core, |_| Ok(())).await
    {
        tracing::warn!(%error, "where this device is cannot be told to its home");
    }
}

fn known(kept: &Kept) -> Known {
    let state = kept.state();
    Known {
        members: state.map(|state| state.members.keys().copied().collect()).unwrap_or_default(),
        expelled: state.map(|state| state.removed.iter().copied().collect()).unwrap_or_default(),
        paired: kept.paired.keys().copied().collect::<HashSet<_>>(),
    }
}

fn home(core: &Core, kept: &Kept, log: &Log, seen: &presence::Sightings) -> Home {
    let me = core.identity.node_id();
    let state = log.state();
    let mut members: Vec<Member> = state
        .members
        .iter()
        .map(|(node, member)| {
            let this_device = *node == me;
            let said = kept.places.get(node).map(places::Place::said);
            let told = said.map_or(Os::Other, |said| presence::os(&said.os));
            Member {
                id: node.to_string(),
                name: member.name.clone(),
                os: if this_device { crate::status::os() } else { seen.os(node).unwrap_or(told) },
                role: role(member.role),
                this_device,
                state: if this_device { DeviceState::Online } else { seen.state(node) },
                last_seen: if this_device { None } else { seen.last_seen(node) },
                check_words: node.check_words(),
                check_signs: check_signs(node),
                can_wake: !this_device && said.is_some_and(|said| !said.macs.is_empty()),
            }
        })
        .collect();
    members.sort_by_cached_key(|member| (!member.this_device, member.name.to_lowercase(), member.id.clone()));
    Home {
        id: log.home().to_string(),
        name: state.name.clone(),
        role: state.role(me).map_or(Role::Member, role),
        heard: members.iter().filter_map(|member| member.last_seen).max(),
        members,
    }
}

/// Devices nearby that show a code.
fn windows(core: &Core) -> Vec<Window> {
    let mut windows: Vec<Window> = types::heard(core)
        .into_iter()
        .map(|(_, opening)| Window {
            discriminator: format!("{:02}", opening.discriminator),
            label: opening.label,
        })
        .collect();
    windows.sort_by(|a, b| (&a.label, &a.discriminator).cmp(&(&b.label, &b.discriminator)));
    windows.dedup();
    windows.truncate(MAX_WINDOWS);
    windows
}

fn without_times(state: &HomeState) -> HomeState {
    let mut state = state.clone();
    if let Some(home) = &mut state.home {
        home.heard = None;
        for member in &mut home.members {
            member.last_seen = None;
        }
    }
    state
}

/// The log of the home, if there is one.
fn home_of(kept: &mut Kept) -> Result<&mut Log, ApiError> {
    if kept.ended.is_some() {
        return Err(no_home());
    }
    kept.log.as_mut().ok_or_else(no_home)
}

fn need_keeper(core: &Core, log: &Log) -> Result<(), ApiError> {
    if log.state().is_keeper(core.identity.node_id()) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::NotKeeper,
        "Only a device that keeps the home may do that. Do it there, or use the recovery code.",
    ))
}

const fn role(role: membership::Role) -> Role {
    match role {
        membership::Role::Member => Role::Member,
        membership::Role::Keeper => Role::Keeper,
    }
}

const fn role_in_log(role: Role) -> membership::Role {
    match role {
        Role::Member => membership::Role::Member,
        Role::Keeper => membership::Role::Keeper,
    }
}

fn no_home() -> ApiError {
    ApiError::new(ErrorCode::NoHome, "This device is in no home.")
}

fn in_home(kept: &Kept) -> ApiError {
    let name = kept.state().map(|state| state.name.clone()).unwrap_or_default();
    ApiError::new(ErrorCode::InHome, format!("This device is in the home “{name}”. Leave that first."))
}

fn refused(reject: membership::Reject) -> ApiError {
    use membership::{Quota, Reject};
    let code = match reject {
        Reject::Unauthorised => ErrorCode::NotKeeper,
        Reject::TooMany(Quota::Devices | Quota::Log | Quota::Author | Quota::Storage) => ErrorCode::Busy,
        _ => ErrorCode::Invalid,
    };
    let detail = match reject {
        Reject::LastKeeper => {
            "This is the only device that keeps the home. Make another one a keeper first.".to_owned()
        }
        Reject::TooMany(Quota::Devices) => {
            format!("A home has at most {} devices.", membership::MAX_DEVICES)
        }
        other => format!("{other}."),
    };
    ApiError::new(code, detail)
}

fn from_store(error: StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::DiskFull,
        _ => ErrorCode::Internal,
    };
    ApiError::new(code, format!("The home cannot be written down: {error}."))
}

fn internal(detail: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Internal, detail)
}

fn millis() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
