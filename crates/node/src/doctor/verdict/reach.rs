//! The way between this device and others, in both directions.

use super::{
    super::{Answer, Facts, Tried, probe::Reached},
    count, fixed, offers, said,
};
use lanyard_api::{Check, CheckKind, Finding, Outcome, Remedy};
use lanyard_trust::names::clean;

pub(super) fn inbound(facts: &Facts) -> Check {
    let what = CheckKind::Inbound;
    if !offers(facts) {
        return said(what, Outcome::Unknown, Finding::NothingToReach);
    }
    let port = facts.status.port;
    let (reached, not): (Vec<_>, Vec<_>) = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.reached.is_some())
        .partition(|answer| answer.probed.reached == Some(true));
    let names = |answers: &[&Answer]| answers.iter().map(|answer| answer.name.clone()).collect();
    match (reached.is_empty(), not.is_empty()) {
        (true, true) => said(what, Outcome::Unknown, Finding::NobodyToTry),
        (false, true) => said(what, Outcome::Good, Finding::Reached { devices: names(&reached) }),
        (is_none, false) => {
            let why = not.iter().find_map(|answer| answer.probed.error.as_deref()).and_then(clean);
            let error = why.unwrap_or_else(|| "–".to_owned());
            let outcome = if is_none { Outcome::Failed } else { Outcome::Warning };
            let found = Finding::NotReached { devices: names(&not), port, error };
            fixed(said(what, outcome, found), facts.firewall.open(port))
        }
    }
}

pub(super) fn outbound(facts: &Facts) -> Check {
    let what = CheckKind::Outbound;
    let names = |wanted: &dyn Fn(&Tried) -> bool| -> Vec<String> {
        facts.tried.iter().filter(|tried| wanted(tried)).map(|tried| tried.name.clone()).collect()
    };
    if facts.tried.is_empty() {
        let online: Vec<String> =
            facts.answers.iter().map(|answer| &answer.name).chain(&facts.unasked).cloned().collect();
        return match online.is_empty() {
            true => said(what, Outcome::Unknown, Finding::NobodyMet),
            false => said(what, Outcome::Good, Finding::Reachable { devices: online }),
        };
    }
    let is_isolated = facts.answers.is_empty()
        && facts.unasked.is_empty()
        && facts.tried.iter().all(|tried| tried.reached == Reached::Nobody);
    if is_isolated && facts.gateway == Some(true) {
        let is_awake = facts.tried.iter().any(|tried| tried.is_heard);
        let outcome = if is_awake { Outcome::Failed } else { Outcome::Warning };
        let help = if facts.wireless { Remedy::WifiIsolation } else { Remedy::WiredIsolation };
        return fixed(said(what, outcome, Finding::Isolated { devices: names(&|_| true) }), help);
    }
    let silent = names(&|tried| {
        tried.reached == Reached::Silent || tried.is_heard && tried.reached == Reached::Nobody
    });
    if !silent.is_empty() {
        return fixed(said(what, Outcome::Failed, Finding::Silent { devices: silent }), Remedy::CheckThere);
    }
    let refused = names(&|tried| tried.reached == Reached::Refused);
    if !refused.is_empty() {
        let found = Finding::NotListening { devices: refused };
        return fixed(said(what, Outcome::Warning, found), Remedy::StartThere);
    }
    let asleep = names(&|tried| tried.reached == Reached::Nobody);
    if !asleep.is_empty() {
        return said(what, Outcome::Warning, Finding::Asleep { devices: asleep });
    }
    said(what, Outcome::Good, Finding::Reachable { devices: names(&|_| true) })
}

pub(super) fn multicast(facts: &Facts) -> Check {
    let what = CheckKind::Multicast;
    let Some(heard) = &facts.heard else {
        return said(what, Outcome::Unknown, Finding::NoOwnNetwork);
    };
    if facts.answers.is_empty() {
        let others = heard
            .iter()
            .filter(|ip| !facts.status.networks.iter().any(|n| n.addresses.contains(&ip.to_string())));
        return match others.count() {
            0 => said(what, Outcome::Unknown, Finding::NothingHeard),
            n => said(what, Outcome::Unknown, Finding::HeardUntold { addresses: count(n) }),
        };
    }
    let hears_us = facts.answers.iter().filter(|answer| answer.probed.hears).count();
    let heard_by_us = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.addresses.iter().any(|ip| heard.contains(ip)))
        .count();
    let all = facts.answers.len();
    let found = Finding::Hears { all: count(all), us: count(hears_us), them: count(heard_by_us) };
    let helps = || vec![facts.firewall.open(facts.status.port), Remedy::MulticastFilters];
    match (hears_us, heard_by_us) {
        (a, b) if a == all && b == all => said(what, Outcome::Good, found),
        (0, _) | (_, 0) => {
            fixed(said(what, Outcome::Failed, vec![found, Finding::MulticastFiltered]), helps())
        }
        _ => fixed(said(what, Outcome::Warning, found), helps()),
    }
}

pub(super) fn same_network(facts: &Facts) -> Check {
    let what = CheckKind::SameNetwork;
    if let Some((target, through)) = facts.detours.first() {
        let found = Finding::Detour { target: target.to_string(), through: through.clone() };
        return fixed(said(what, Outcome::Failed, found), Remedy::Vpn);
    }
    match facts.status.networks.len() {
        0 => said(what, Outcome::Unknown, Finding::NoNetwork),
        1 => said(what, Outcome::Good, Finding::Straight),
        n => said(what, Outcome::Good, Finding::SeveralNetworks { count: count(n) }),
    }
}
