//! What was seen, in words: one check for each thing, with what helps. Pure.

use super::{Facts, Tried, probe::Reached};
use crate::wire;
use lanyard_api::{Check, CheckKind, FixAction, NetworkProfile, Outcome, SharingState};
use lanyard_trust::names::clean;

/// Clocks that differ by more than this are worth a word, in milliseconds.
const CLOCKS: i64 = 5 * 60 * 1000;
/// Less free space than this keeps documents from being taken.
const LOW_SPACE: u64 = 200 << 20;

/// Everything, in the order of [`CheckKind`].
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        network(facts),
        listening(facts),
        inbound(facts),
        outbound(facts),
        multicast(facts),
        same_network(facts),
        clock(facts),
        version(facts),
        home(facts),
        data(facts),
        sandbox(facts),
    ]
}

fn said(what: CheckKind, outcome: Outcome, detail: impl Into<String>) -> Check {
    let action = (outcome == Outcome::Failed).then_some(FixAction::CheckAgain);
    Check { what, outcome, detail: detail.into(), fix: None, action }
}

fn fixed(mut check: Check, fix: impl Into<String>) -> Check {
    check.fix = Some(fix.into());
    check
}

fn network(facts: &Facts) -> Check {
    let what = CheckKind::Network;
    let status = &facts.status;
    if status.moved {
        let check = said(
            what,
            Outcome::Failed,
            "This device's key came here from another computer. Nothing is offered.",
        );
        return fixed(
            check,
            "Say what happened. The same device in a new computer: lanyard moved same. A copy of another one: \
             lanyard moved new",
        );
    }
    if status.sharing == SharingState::Paused {
        let check = said(what, Outcome::Warning, "Sharing is paused: nobody can see this computer.");
        let mut check = fixed(check, "lanyard sharing resume");
        check.action = Some(FixAction::Resume);
        return check;
    }
    if status.networks.is_empty() {
        let check = said(what, Outcome::Failed, "This computer is on no network.");
        return fixed(check, "Connect a cable or join a Wi-Fi.");
    }
    let (own, public): (Vec<_>, Vec<_>) =
        status.networks.iter().partition(|network| network.profile == NetworkProfile::Trusted);
    let names = |networks: &[&lanyard_api::Network]| {
        networks.iter().map(|network| network.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    if own.is_empty() {
        let detail = format!("{} is not marked as yours: nothing is offered there.", names(&public));
        let mut check =
            fixed(said(what, Outcome::Warning, detail), "If it is yours: lanyard network trust current");
        check.action = Some(FixAction::TrustNetwork);
        return check;
    }
    said(what, Outcome::Good, format!("On {}, marked as yours.", names(&own)))
}

/// Whether there is anything to be reached at all; what keeps it from being so is said by [`network`].
fn offers(facts: &Facts) -> bool {
    matches!(facts.status.sharing, SharingState::Visible | SharingState::Failed)
}

fn listening(facts: &Facts) -> Check {
    let what = CheckKind::Listening;
    if !offers(facts) {
        return said(what, Outcome::Unknown, "Nothing is to be offered now, so nothing listens.");
    }
    let port = facts.status.port;
    let notices = || facts.status.notices.join(" ");
    if facts.listening == 0 {
        let check = said(what, Outcome::Failed, format!("No port is open for other devices. {}", notices()));
        return fixed(
            check,
            "See which program has the port: sudo ss -ltnp; or take another: lanyard run --port 7718",
        );
    }
    if facts.announced == 0 {
        let check = said(
            what,
            Outcome::Failed,
            format!("Port {port} is open, but this device is not announced. {}", notices()),
        );
        return fixed(check, "See which program has the port of multicast DNS: sudo ss -lunp sport = :5353");
    }
    said(what, Outcome::Good, format!("Port {port} is open on {} addresses, and announced.", facts.listening))
}

fn inbound(facts: &Facts) -> Check {
    let what = CheckKind::Inbound;
    if !offers(facts) {
        return said(what, Outcome::Unknown, "Nothing is offered now that could be reached.");
    }
    let port = facts.status.port;
    let (reached, not): (Vec<_>, Vec<_>) = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.reached.is_some())
        .partition(|answer| answer.probed.reached == Some(true));
    let names = |answers: &[&super::Answer]| {
        answers.iter().map(|answer| answer.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (reached.is_empty(), not.is_empty()) {
        (true, true) => said(what, Outcome::Unknown, "No other device is there that could try."),
        (false, true) => {
            said(what, Outcome::Good, format!("{} can connect to this device.", names(&reached)))
        }
        (is_none, false) => {
            let why = not.iter().find_map(|answer| answer.probed.error.as_deref()).and_then(clean);
            let detail = format!(
                "{} cannot connect to port {port} of this device, though this one reaches them ({}). A firewall on \
                 this computer, or a network that lets connections through in one direction only.",
                names(&not),
                why.unwrap_or_else(|| "no reason told".to_owned())
            );
            let outcome = if is_none { Outcome::Failed } else { Outcome::Warning };
            fixed(said(what, outcome, detail), facts.firewall.open(port))
        }
    }
}

fn outbound(facts: &Facts) -> Check {
    let what = CheckKind::Outbound;
    let names = |wanted: &dyn Fn(&Tried) -> bool| {
        facts
            .tried
            .iter()
            .filter(|tried| wanted(tried))
            .map(|tried| tried.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let silent = names(&|tried| {
        tried.reached == Reached::Silent || tried.is_heard && tried.reached == Reached::Nobody
    });
    let is_isolated = facts.answers.is_empty()
        && facts.unasked.is_empty()
        && facts.tried.iter().all(|tried| tried.reached == Reached::Nobody);
    if facts.tried.is_empty() {
        let online: Vec<&str> = facts
            .answers
            .iter()
            .map(|a| a.name.as_str())
            .chain(facts.unasked.iter().map(String::as_str))
            .collect();
        return match online.is_empty() {
            true => said(what, Outcome::Unknown, "No other device has been met on this network."),
            false => said(what, Outcome::Good, format!("{} can be reached.", online.join(", "))),
        };
    }
    if is_isolated && facts.gateway == Some(true) {
        let detail = format!(
            "The router answers, but no other device does ({}). They are off or asleep, or the network keeps its \
             devices apart.",
            names(&|_| true)
        );
        let outcome =
            if facts.tried.iter().any(|tried| tried.is_heard) { Outcome::Failed } else { Outcome::Warning };
        let place =
            if facts.wireless { "On the router, look at the Wi-Fi" } else { "On the router or switch, look" };
        return fixed(
            said(what, outcome, detail),
            format!(
                "Wake the other device. {place} for “client isolation”, “AP isolation” or “guest network”, and turn \
                 it off for these devices."
            ),
        );
    }
    if !silent.is_empty() {
        let check = said(
            what,
            Outcome::Failed,
            format!("{silent}: there, but connections are not answered. A firewall on that device."),
        );
        return fixed(check, "On that device: lanyard doctor. It tells the command that opens its firewall.");
    }
    let refused = names(&|tried| tried.reached == Reached::Refused);
    if !refused.is_empty() {
        let check = said(what, Outcome::Warning, format!("{refused}: there, but Lanyard does not listen."));
        return fixed(
            check,
            "Start Lanyard there, and mark the network as yours: lanyard network trust current",
        );
    }
    let asleep = names(&|tried| tried.reached == Reached::Nobody);
    if !asleep.is_empty() {
        return said(what, Outcome::Warning, format!("{asleep}: off, asleep or gone from this network."));
    }
    said(what, Outcome::Good, format!("{} can be reached.", names(&|_| true)))
}

fn multicast(facts: &Facts) -> Check {
    let what = CheckKind::Multicast;
    let Some(heard) = &facts.heard else {
        return said(what, Outcome::Unknown, "There is no network of yours on which to try.");
    };
    if facts.answers.is_empty() {
        let others = heard
            .iter()
            .filter(|ip| !facts.status.networks.iter().any(|n| n.addresses.contains(&ip.to_string())));
        return match others.count() {
            0 => said(what, Outcome::Unknown, "Nothing is heard, and no other device is there to try with."),
            n => said(
                what,
                Outcome::Unknown,
                format!(
                    "{n} addresses are heard, but no device is there that could tell whether it hears this one."
                ),
            ),
        };
    }
    let hears_us = facts.answers.iter().filter(|answer| answer.probed.hears).count();
    let heard_by_us = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.addresses.iter().any(|ip| heard.contains(ip)))
        .count();
    let all = facts.answers.len();
    let detail = format!(
        "{hears_us} of {all} nearby can hear this device, and this one can hear {heard_by_us} of them."
    );
    let fix = format!(
        "Let UDP port 5353 in and out: {}. Some routers and switches drop multicast: turn off “IGMP snooping” or \
         “multicast filtering”. Devices that were met before find each other without it.",
        facts.firewall.open(facts.status.port)
    );
    match (hears_us, heard_by_us) {
        (a, b) if a == all && b == all => said(what, Outcome::Good, detail),
        (0, _) | (_, 0) => {
            let detail =
                format!("{detail} Multicast DNS is filtered, so new devices do not find each other.");
            fixed(said(what, Outcome::Failed, detail), fix)
        }
        _ => fixed(said(what, Outcome::Warning, detail), fix),
    }
}

fn same_network(facts: &Facts) -> Check {
    let what = CheckKind::SameNetwork;
    if let Some((target, through)) = facts.detours.first() {
        let detail = format!(
            "The way to {target} on this network leads through {through}. A VPN takes what is meant for devices nearby."
        );
        return fixed(
            said(what, Outcome::Failed, detail),
            "In the VPN's settings allow the local network (“LAN access”, “split tunnelling”), or turn it off here.",
        );
    }
    match facts.status.networks.len() {
        0 => said(what, Outcome::Unknown, "There is no network."),
        1 => said(what, Outcome::Good, "Nothing stands between this device and its network."),
        n => said(
            what,
            Outcome::Good,
            format!(
                "This computer is on {n} networks at once; devices see it on those that are marked as yours."
            ),
        ),
    }
}

fn clock(facts: &Facts) -> Check {
    let what = CheckKind::Clock;
    let Some(worst) = facts.answers.iter().max_by_key(|answer| answer.ahead.saturating_abs()) else {
        return said(what, Outcome::Unknown, "No other device is there to compare with.");
    };
    let minutes = worst.ahead.saturating_abs() / 60_000;
    if worst.ahead.saturating_abs() <= CLOCKS {
        return said(what, Outcome::Good, "The clocks agree.");
    }
    let way = if worst.ahead > 0 { "ahead of" } else { "behind" };
    let wrong = facts.answers.iter().filter(|answer| answer.ahead.saturating_abs() > CLOCKS).count();
    let whose = if wrong == facts.answers.len() && wrong > 1 { "This clock is the odd one." } else { "" };
    let detail = format!("The clock of {} is {minutes} minutes {way} this one's. {whose}", worst.name);
    let check = said(what, Outcome::Warning, detail.trim_end());
    fixed(
        check,
        "Let both computers set their clocks: timedatectl set-ntp true. Ends of shares and passes depend on it.",
    )
}

fn version(facts: &Facts) -> Check {
    let what = CheckKind::Version;
    if facts.answers.is_empty() {
        return match facts.unasked.is_empty() {
            true => said(what, Outcome::Unknown, "No other device is there to compare with."),
            false => fixed(
                said(
                    what,
                    Outcome::Warning,
                    format!(
                        "{} did not answer the self-check: busy, or an older version.",
                        facts.unasked.join(", ")
                    ),
                ),
                "Bring Lanyard up to date on all devices.",
            ),
        };
    }
    let (ours, mine) = (wire::VERSION, &facts.status.version);
    if let Some(other) = facts.answers.iter().find(|answer| answer.probed.v != ours) {
        let detail = format!("{} speaks protocol {}, this device {ours}.", other.name, other.probed.v);
        return fixed(
            said(what, Outcome::Failed, detail),
            "Bring Lanyard up to date on the older of the two.",
        );
    }
    let others: Vec<String> = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.version != *mine)
        .map(|answer| format!("{} {}", answer.name, clean(&answer.probed.version).unwrap_or_default()))
        .collect();
    match others.is_empty() {
        true => said(what, Outcome::Good, format!("All run {mine}.")),
        false => said(
            what,
            Outcome::Good,
            format!("This device runs {mine}, {}; they understand each other.", others.join(", ")),
        ),
    }
}

fn home(facts: &Facts) -> Check {
    let what = CheckKind::Home;
    let Some(home) = &facts.home.home else {
        return said(what, Outcome::Unknown, "This device is in no home.");
    };
    let others = home.members.iter().filter(|member| !member.this_device);
    let (here, all) = (
        others.clone().filter(|member| member.state == lanyard_api::DeviceState::Online).count(),
        others.count(),
    );
    let detail = format!("{here} of {all} other devices of {} answer.", home.name);
    match (here, all) {
        (_, 0) => said(what, Outcome::Good, format!("{} has no other device yet.", home.name)),
        (0, _) => said(
            what,
            Outcome::Warning,
            format!("{detail} What was changed elsewhere is not known here yet."),
        ),
        _ => said(what, Outcome::Good, detail),
    }
}

fn data(facts: &Facts) -> Check {
    let what = CheckKind::Data;
    let dir = &facts.status.data_dir;
    if let Some(error) = &facts.data.unwritable {
        let check = said(what, Outcome::Failed, format!("Nothing can be written to {dir}: {error}."));
        return fixed(
            check,
            format!("Look at its rights and at the space on its disk: ls -ld {dir}; df -h {dir}"),
        );
    }
    if !facts.data.open.is_empty() {
        let open = facts.data.open.join(" ");
        let check = said(what, Outcome::Failed, format!("Others on this computer may look into {open}."));
        return fixed(check, format!("chmod go= {open}"));
    }
    if let Some(free) = facts.data.free.filter(|free| *free < LOW_SPACE) {
        let detail = format!("Only {} MiB are free where Lanyard keeps its data.", free >> 20);
        return fixed(said(what, Outcome::Warning, detail), format!("Make room: df -h {dir}"));
    }
    said(what, Outcome::Good, "The key and the data are this user's alone, and can be written.")
}

fn sandbox(facts: &Facts) -> Check {
    let what = CheckKind::Sandbox;
    let sandbox = &facts.sandbox;
    let mut parts: Vec<String> = Vec::new();
    if let Some(landlock) = &sandbox.landlock {
        parts.push(landlock.words());
    }
    if sandbox.seccomp {
        parts.push("a filter of system calls".to_owned());
    }
    if sandbox.no_new_privileges {
        parts.push("no new privileges".to_owned());
    }
    let asked_in_vain = sandbox.landlock.as_ref().is_some_and(|landlock| !landlock.holds());
    if asked_in_vain {
        let detail = format!("Asked to be confined, but this kernel does not: {}.", parts.join(", "));
        return fixed(
            said(what, Outcome::Warning, detail),
            "Landlock needs Linux 5.13 or later with it turned on.",
        );
    }
    if sandbox.root && sandbox.landlock.is_none() {
        let check = said(what, Outcome::Warning, "This runs as root, and nothing confines it.");
        return fixed(
            check,
            "Run it as a user of its own: packaging/lanyard.service; or with lanyard run --confined",
        );
    }
    match parts.is_empty() {
        true => said(
            what,
            Outcome::Good,
            "Confined by the rights of its user only; lanyard run --confined does more.",
        ),
        false => said(what, Outcome::Good, format!("Confined: {}.", parts.join(", "))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::{Answer, Data, Sandbox, firewall::Firewall, probe::Probed};
    use super::*;
    use lanyard_api::{HomeState, Network, NodeStatus, Os};

    fn facts() -> Facts {
        Facts {
            status: NodeStatus {
                id: String::new(),
                check_words: String::new(),
                check_signs: Vec::new(),
                name: "Ada".into(),
                name_shown: true,
                version: "1.0.0".into(),
                os: Os::Linux,
                data_dir: "/d".into(),
                downloads_dir: "/d".into(),
                port: 7717,
                pid: 1,
                started_at: 0,
                first_run: false,
                sharing: SharingState::Visible,
                paused_until: None,
                moved: false,
                networks: vec![Network {
                    id: "n".into(),
                    name: "eth0".into(),
                    profile: NetworkProfile::Trusted,
                    connected: true,
                    interface: None,
                    addresses: vec!["10.0.0.1".into()],
                    suggested: false,
                }],
                notices: Vec::new(),
            },
            listening: 2,
            announced: 1,
            answers: vec![answer()],
            unasked: Vec::new(),
            heard: Some(["10.0.0.2".parse().unwrap()].into()),
            tried: Vec::new(),
            gateway: None,
            wireless: false,
            detours: Vec::new(),
            home: HomeState::default(),
            data: Data::default(),
            sandbox: Sandbox::default(),
            firewall: Firewall::Ufw,
        }
    }

    fn answer() -> Answer {
        let probed = Probed {
            v: wire::VERSION,
            version: "1.0.0".into(),
            reached: Some(true),
            error: None,
            hears: true,
            clock: 0,
            addresses: vec!["10.0.0.2".parse().unwrap()],
        };
        Answer { name: "Ben".into(), probed, ahead: 20 }
    }

    fn of(facts: &Facts, what: CheckKind) -> Check {
        checks(facts).into_iter().find(|check| check.what == what).unwrap()
    }

    #[test]
    fn when_all_is_well_nothing_is_to_be_done() {
        for check in checks(&facts()) {
            assert!(matches!(check.outcome, Outcome::Good | Outcome::Unknown), "{check:?}");
            assert!(check.fix.is_none() && check.action.is_none(), "{check:?}");
        }
    }

    #[test]
    fn every_trouble_fails_its_own_check_and_says_what_helps() {
        type Trouble = (&'static str, CheckKind, Outcome, &'static str, fn(&mut Facts));
        let troubles: &[Trouble] = &[
            ("no network", CheckKind::Network, Outcome::Failed, "cable", |f| f.status.networks.clear()),
            ("a public network", CheckKind::Network, Outcome::Warning, "trust", |f| {
                f.status.networks[0].profile = NetworkProfile::Public;
            }),
            ("paused", CheckKind::Network, Outcome::Warning, "resume", |f| {
                f.status.sharing = SharingState::Paused
            }),
            ("moved", CheckKind::Network, Outcome::Failed, "moved new", |f| f.status.moved = true),
            ("a taken port", CheckKind::Listening, Outcome::Failed, "ss -ltnp", |f| f.listening = 0),
            ("a taken 5353", CheckKind::Listening, Outcome::Failed, "5353", |f| f.announced = 0),
            ("our firewall", CheckKind::Inbound, Outcome::Failed, "ufw allow 7717/tcp", |f| {
                f.answers[0].probed.reached = Some(false);
            }),
            ("one direction", CheckKind::Inbound, Outcome::Warning, "ufw", |f| {
                f.answers.push(answer());
                f.answers[0].probed.reached = Some(false);
            }),
            ("their firewall", CheckKind::Outbound, Outcome::Failed, "On that device", |f| {
                f.tried = vec![Tried { name: "Cleo".into(), is_heard: true, reached: Reached::Silent }];
            }),
            ("isolation", CheckKind::Outbound, Outcome::Failed, "isolation", |f| {
                f.answers.clear();
                f.gateway = Some(true);
                f.tried = vec![Tried { name: "Cleo".into(), is_heard: true, reached: Reached::Nobody }];
            }),
            ("filtered", CheckKind::Multicast, Outcome::Failed, "5353", |f| {
                f.heard = Some(std::collections::BTreeSet::new());
                f.answers[0].probed.hears = false;
            }),
            ("half filtered", CheckKind::Multicast, Outcome::Failed, "5353", |f| {
                f.answers[0].probed.hears = false
            }),
            ("a VPN", CheckKind::SameNetwork, Outcome::Failed, "VPN", |f| {
                f.detours = vec![("10.0.0.2".parse().unwrap(), "wg0".into())];
            }),
            ("a wrong clock", CheckKind::Clock, Outcome::Warning, "timedatectl", |f| {
                f.answers[0].ahead = -600_000
            }),
            ("another protocol", CheckKind::Version, Outcome::Failed, "up to date", |f| {
                f.answers[0].probed.v = 99
            }),
            ("readable data", CheckKind::Data, Outcome::Failed, "chmod", |f| f.data.open = vec!["/d".into()]),
            ("a full disk", CheckKind::Data, Outcome::Warning, "df", |f| f.data.free = Some(5)),
            ("root", CheckKind::Sandbox, Outcome::Warning, "--confined", |f| f.sandbox.root = true),
        ];
        for (name, what, outcome, help, break_it) in troubles {
            let mut facts = facts();
            break_it(&mut facts);
            let check = of(&facts, *what);
            assert_eq!(check.outcome, *outcome, "{name}: {check:?}");
            assert!(check.fix.as_deref().unwrap_or_default().contains(help), "{name}: {check:?}");
        }
    }

    #[test]
    fn whoever_could_not_try_is_no_verdict() {
        let mut facts = facts();
        facts.answers.clear();
        facts.heard = Some(std::collections::BTreeSet::new());
        for what in [
            CheckKind::Inbound,
            CheckKind::Outbound,
            CheckKind::Multicast,
            CheckKind::Clock,
            CheckKind::Version,
        ] {
            assert_eq!(of(&facts, what).outcome, Outcome::Unknown, "{what:?}");
        }
    }

    #[test]
    fn what_a_stranger_wrote_is_cleaned() {
        let mut facts = facts();
        facts.answers[0].probed.reached = Some(false);
        facts.answers[0].probed.error = Some("\u{1b}[2Jgone".into());
        facts.answers[0].probed.version = format!("\u{202e}{}", "9".repeat(5000));
        for check in checks(&facts) {
            assert!(check.detail.len() < 600, "{check:?}");
            assert!(!check.detail.contains(['\u{1b}', '\u{202e}']), "{check:?}");
        }
    }
}
