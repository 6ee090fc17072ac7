//! This computer itself: its networks, its listener, its data, what confines it.

use super::{super::Facts, count, fixed, offers, said};
use crate::confine::Level;
use lanyard_api::{
    Check, CheckKind, Finding, FixAction, Network, NetworkProfile, Outcome, Remedy, SharingState,
};

/// Less free space than this keeps documents from being taken.
const LOW_SPACE: u64 = 200 << 20;

pub(super) fn network(facts: &Facts) -> Check {
    let what = CheckKind::Network;
    let status = &facts.status;
    if status.moved {
        return fixed(said(what, Outcome::Failed, Finding::KeyMoved), Remedy::TellMoved);
    }
    if status.sharing == SharingState::Paused {
        let mut check = fixed(said(what, Outcome::Warning, Finding::Paused), Remedy::Resume);
        check.action = Some(FixAction::Resume);
        return check;
    }
    if status.networks.is_empty() {
        return fixed(said(what, Outcome::Failed, Finding::NoNetwork), Remedy::Connect);
    }
    let (own, public): (Vec<_>, Vec<_>) =
        status.networks.iter().partition(|network| network.profile == NetworkProfile::Trusted);
    let names = |networks: &[&Network]| networks.iter().map(|network| network.name.clone()).collect();
    if own.is_empty() {
        let found = Finding::PublicNetwork { networks: names(&public) };
        let mut check = fixed(said(what, Outcome::Warning, found), Remedy::Trust);
        check.action = Some(FixAction::TrustNetwork);
        return check;
    }
    said(what, Outcome::Good, Finding::OwnNetwork { networks: names(&own) })
}

pub(super) fn listening(facts: &Facts) -> Check {
    let what = CheckKind::Listening;
    if !offers(facts) {
        return said(what, Outcome::Unknown, Finding::NothingOffered);
    }
    let port = facts.status.port;
    let with_notices = |first: Finding| {
        let notices = facts.status.notices.iter().map(|words| Finding::Notice { words: words.clone() });
        std::iter::once(first).chain(notices).collect::<Vec<_>>()
    };
    if facts.listening == 0 {
        return fixed(said(what, Outcome::Failed, with_notices(Finding::NoPort)), Remedy::PortTaken);
    }
    if facts.announced == 0 {
        let found = with_notices(Finding::NotAnnounced { port });
        return fixed(said(what, Outcome::Failed, found), Remedy::MulticastTaken);
    }
    said(what, Outcome::Good, Finding::Open { port, addresses: count(facts.listening) })
}

pub(super) fn data(facts: &Facts) -> Check {
    let what = CheckKind::Data;
    let dir = facts.status.data_dir.clone();
    if let Some(error) = &facts.data.unwritable {
        let found = Finding::Unwritable { dir: dir.clone(), error: error.clone() };
        return fixed(said(what, Outcome::Failed, found), Remedy::LookAtData { dir });
    }
    if !facts.data.open.is_empty() {
        let paths = facts.data.open.clone();
        let check = said(what, Outcome::Failed, Finding::OpenToOthers { paths: paths.clone() });
        return fixed(check, Remedy::CloseToOthers { paths });
    }
    if let Some(free) = facts.data.free.filter(|free| *free < LOW_SPACE) {
        let found = Finding::LowSpace { mebibytes: free >> 20 };
        return fixed(said(what, Outcome::Warning, found), Remedy::MakeRoom { dir });
    }
    said(what, Outcome::Good, Finding::DataGood)
}

pub(super) fn sandbox(facts: &Facts) -> Check {
    let what = CheckKind::Sandbox;
    let sandbox = &facts.sandbox;
    let landlock = sandbox.landlock.as_ref();
    let confined = landlock.and_then(|landlock| match landlock.level() {
        Level::Full => Some(Finding::Landlock { folders: count(landlock.folders()) }),
        Level::Partial => Some(Finding::LandlockPart { folders: count(landlock.folders()) }),
        Level::None => None,
    });
    let by: Vec<Finding> = confined
        .into_iter()
        .chain(sandbox.seccomp.then_some(Finding::SystemCalls))
        .chain(sandbox.no_new_privileges.then_some(Finding::NoNewPrivileges))
        .collect();
    let after = |first: Finding| std::iter::once(first).chain(by.clone()).collect::<Vec<_>>();
    let asked_in_vain = landlock.is_some_and(|landlock| !landlock.holds());
    if asked_in_vain {
        return fixed(said(what, Outcome::Warning, after(Finding::NotConfined)), Remedy::LandlockNeeds);
    }
    if sandbox.root && landlock.is_none() {
        return fixed(said(what, Outcome::Warning, Finding::Root), Remedy::RunConfined);
    }
    match by.is_empty() {
        true => said(what, Outcome::Good, Finding::ByUser),
        false => said(what, Outcome::Good, after(Finding::Confined)),
    }
}
