//! The device that shows a code: one code at a time, its life, and the devices that try it.

use super::{
    in_home, internal, lock, millis, need_keeper, no_home, places,
    talk::{Came, Talk},
    tell, types, welcome,
};
use crate::{Core, networks, qr, status};
use futures_util::{FutureExt, future::BoxFuture};
use lanyard_api::{ApiError, ErrorCode, Invite, InviteDevice, InviteState, Purpose, Role};
use lanyard_discovery::Opening;
use lanyard_link::{Join, Meeting};
use lanyard_trust::join::{
    self, About, End, Established, Frame, Next, OPEN_FOR, Peer, Random, Rate, Shows, Side, Step, WAIT_EVERY,
    Window,
};
use std::{
    sync::{Arc, Mutex, Weak},
    time::Instant,
};
use tokio::sync::oneshot;

/// The code on this device's screen.
#[derive(Default)]
pub(super) struct Showing {
    now: Mutex<Option<Shown>>,
    rate: Mutex<Rate>,
    count: Mutex<u64>,
}

struct Shown {
    /// Tells it from the code before it.
    number: u64,
    window: Window,
    role: Role,
    confirm: bool,
    invite: Invite,
    /// Whom a person is asked about.
    answer: Option<oneshot::Sender<bool>>,
}

impl Showing {
    pub(super) fn shown(&self) -> Option<Invite> {
        lock(&self.now).as_ref().map(|shown| shown.invite.clone())
    }

    /// What is announced of it while it is open: the first two digits, and what this device calls itself.
    pub(super) fn opening(&self, core: &Core) -> Option<Opening> {
        let now = lock(&self.now);
        let shown = now.as_ref().filter(|shown| !shown.is_over())?;
        let discriminator = shown.window.invite().code().discriminator();
        Some(Opening { discriminator, label: status::label(core) })
    }

    /// Does something with the code of this number, if it is still the one that is shown.
    fn with<T>(&self, number: u64, work: impl FnOnce(&mut Shown) -> T) -> Option<T> {
        lock(&self.now).as_mut().filter(|shown| shown.number == number).map(work)
    }
}

impl Shown {
    fn is_over(&self) -> bool {
        !matches!(self.invite.state, InviteState::Open | InviteState::Asking)
    }

    /// Brings what front ends are shown in line with the window.
    fn settle(&mut self, now: Instant) {
        let ended = self.window.ended(now);
        self.invite.failed = self.window.tries();
        // What a device came in with is shown until the next code.
        if self.invite.state == InviteState::Used {
            return;
        }
        self.invite.state = match ended {
            None if self.answer.is_some() => InviteState::Asking,
            None => InviteState::Open,
            Some(End::Expired) => InviteState::Expired,
            Some(End::Burned) => InviteState::Burned,
            // It counts as used when the device is in.
            Some(End::Used) => self.invite.state,
            Some(End::Closed) => InviteState::Closed,
        };
    }
}

/// Shows a code.
///
/// # Errors
/// `no_home`, `in_home`, `not_keeper`, `network_public`, `busy`.
pub async fn open_invite(
    core: &Arc<Core>,
    purpose: Purpose,
    role: Role,
    confirm: bool,
) -> Result<Invite, ApiError> {
    let meant = {
        let kept = core.home.kept();
        match purpose {
            Purpose::AddDevice => {
                let log = kept.home().ok_or_else(no_home)?;
                need_keeper(core, log)?;
                join::Purpose::Admit { home: *log.home().as_bytes() }
            }
            Purpose::JoinHome if kept.home().is_some() => return Err(in_home(&kept)),
            Purpose::JoinHome => join::Purpose::Join,
            Purpose::Pair => join::Purpose::Pair,
        }
    };
    if networks::port(core) == 0 {
        return Err(ApiError::new(
            ErrorCode::NetworkPublic,
            "The other device cannot reach this one: no network here is marked as yours.",
        ));
    }
    let now = Instant::now();
    lock(&core.home.showing.rate).admit(now).map_err(|wait| {
        let minutes = wait.as_secs() / 60 + 1;
        ApiError::new(
            ErrorCode::Busy,
            format!("That were many codes. The next one can be made in {minutes} minutes."),
        )
    })?;
    let drawn = join::Invite::draw(meant, getrandom::fill).map_err(|error| internal(error.to_string()))?;
    let link = drawn.link(core.identity.node_id(), places::own(core)).to_string();
    let open_for = i64::try_from(OPEN_FOR.as_millis()).unwrap_or(i64::MAX);
    let invite = Invite {
        purpose,
        code: drawn.code().to_string(),
        qr: qr::rows(&link)?,
        link,
        ends_at: millis().saturating_add(open_for),
        state: InviteState::Open,
        failed: 0,
        device: None,
    };
    let number = {
        let mut count = lock(&core.home.showing.count);
        *count += 1;
        *count
    };
    let window = Window::open(drawn, now);
    let until = window.until();
    let shown = Shown { number, window, role, confirm, invite: invite.clone(), answer: None };
    *lock(&core.home.showing.now) = Some(shown);
    core.doors.set_join(Some(Arc::new(Door { core: Arc::downgrade(core), number })));
    networks::follow(core).await;
    tell(core).await;
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        tokio::select! {
            () = core.cancel.cancelled() => {}
            () = tokio::time::sleep_until(until.into()) => settle(&core, number).await,
        }
    });
    Ok(invite)
}

/// Shows the code no longer.
///
/// # Errors
/// None at the moment: closing what is closed is no error.
pub async fn close_invite(core: &Arc<Core>) -> Result<(), ApiError> {
    types::stop(core);
    let number = lock(&core.home.showing.now).as_mut().map(|shown| {
        shown.window.close();
        shown.answer = None;
        shown.number
    });
    if let Some(number) = number {
        settle(core, number).await;
    }
    Ok(())
}

/// Says yes or no to the device that typed the code.
///
/// # Errors
/// `not_found` when nobody waits.
pub async fn answer_invite(core: &Arc<Core>, accept: bool) -> Result<(), ApiError> {
    let waiting = lock(&core.home.showing.now).as_mut().and_then(|shown| shown.answer.take());
    let answered = waiting.is_some_and(|waiting| waiting.send(accept).is_ok());
    if !answered {
        return Err(ApiError::new(ErrorCode::NotFound, "No device waits for an answer."));
    }
    Ok(())
}

/// Brings everything in line with the window: what is shown, what is announced, and the door.
async fn settle(core: &Arc<Core>, number: u64) {
    let over = core.home.showing.with(number, |shown| {
        shown.settle(Instant::now());
        shown.is_over()
    });
    if over == Some(true) {
        core.doors.set_join(None);
        networks::follow(core).await;
    }
    tell(core).await;
}

/// Meets devices while a code is shown.
struct Door {
    /// The doors belong to the core, so they must not keep it.
    core: Weak<Core>,
    number: u64,
}

impl Join for Door {
    fn meet(&self, meeting: Meeting) -> BoxFuture<'static, ()> {
        let (core, number) = (self.core.upgrade(), self.number);
        async move {
            let Some(core) = core else { return };
            let from = meeting.caller;
            match meet(&core, number, Talk::new(meeting)).await {
                Ok(()) => tracing::info!(node = %from.node, "a device came by the code"),
                Err(why) => tracing::info!(remote = %from.remote, why, "a device did not come by the code"),
            }
            settle(&core, number).await;
        }
        .boxed()
    }
}

async fn meet(core: &Arc<Core>, number: u64, mut talk: Talk) -> Result<(), String> {
    let showing = &core.home.showing;
    let gone = || "the code is shown no longer".to_owned();
    let (confirm, role) = showing.with(number, |shown| (shown.confirm, shown.role)).ok_or_else(gone)?;
    let about = About::new(&status::name(&core.settings), std::env::consts::OS);
    let random = Random::draw(getrandom::fill).map_err(|error| error.to_string())?;
    let mut shows = Shows::new(talk.ends(core.identity.node_id()), about, confirm, random, Instant::now());
    let Established { peer, side, home: _, mut channel } = loop {
        let step = match talk.next(shows.deadline(), false).await {
            Came::End => {
                showing.with(number, |shown| shows.hung_up(&mut shown.window));
                return Err("it hung up".to_owned());
            }
            Came::Late => showing.with(number, |shown| shows.late(&mut shown.window)),
            Came::Frame(frame) => {
                showing.with(number, |shown| shows.on(frame, &mut shown.window, Instant::now()))
            }
        };
        let mut step = step.ok_or_else(gone)?;
        if let Next::Ask(peer) = &step.next {
            let peer = peer.clone();
            if let Some(frame) = &step.send {
                talk.send(frame).await.map_err(|error| error.to_string())?;
            }
            step = ask(core, number, &mut talk, &mut shows, &peer).await?;
        }
        if let Some(frame) = &step.send {
            talk.send(frame).await.map_err(|error| error.to_string())?;
        }
        match step.next {
            Next::Listen | Next::Ask(_) => {}
            Next::Done(established) => break *established,
            Next::Failed(reason) => return Err(reason.to_string()),
        }
    };
    let done = match side {
        Side::Joiner => welcome::let_in(core, &mut talk, &mut channel, &peer, role).await,
        Side::Member => welcome::come_in(core, &mut talk, &mut channel, None).await,
        Side::Peer => welcome::pair(core, &mut talk, &mut channel, &peer, true).await,
    };
    if done.is_ok() {
        lock(&showing.rate).give_back();
    }
    showing.with(number, |shown| {
        shown.invite.device = Some(device(&peer));
        shown.invite.state = if done.is_ok() { InviteState::Used } else { InviteState::Closed };
    });
    done.map_err(|error| error.to_string())
}

/// Asks the person here, and lets the other side know meanwhile that it goes on.
async fn ask(
    core: &Arc<Core>,
    number: u64,
    talk: &mut Talk,
    shows: &mut Shows,
    peer: &Peer,
) -> Result<Step, String> {
    let showing = &core.home.showing;
    let gone = || "the code is shown no longer".to_owned();
    let (answer, mut answered) = oneshot::channel();
    showing
        .with(number, |shown| {
            shown.answer = Some(answer);
            shown.invite.device = Some(device(peer));
            shown.settle(Instant::now());
        })
        .ok_or_else(gone)?;
    tell(core).await;
    let step = loop {
        tokio::select! {
            answer = &mut answered => {
                let yes = answer.unwrap_or(false);
                break showing.with(number, |shown| shows.answer(yes, &mut shown.window, Instant::now()));
            }
            came = talk.next(shows.deadline(), false) => match came {
                Came::Late => break showing.with(number, |shown| shows.late(&mut shown.window)),
                Came::End => {
                    showing.with(number, |shown| shows.hung_up(&mut shown.window));
                    break None;
                }
                Came::Frame(frame) => {
                    break showing.with(number, |shown| shows.on(frame, &mut shown.window, Instant::now()));
                }
            },
            () = tokio::time::sleep(WAIT_EVERY) => {
                talk.send(&Frame::Wait).await.map_err(|error| error.to_string())?;
            }
        }
    };
    showing.with(number, |shown| {
        shown.answer = None;
        if !matches!(step, Some(Step { next: Next::Done(_), .. })) {
            shown.invite.device = None;
        }
    });
    step.ok_or_else(gone)
}

fn device(peer: &Peer) -> InviteDevice {
    InviteDevice { name: peer.about.name.clone(), os: crate::presence::os(&peer.about.os) }
}
