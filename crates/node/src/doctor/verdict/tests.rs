//! Each trouble once, and what is said to it.

use super::{
    super::{
        Answer, Data, Sandbox, Tried,
        firewall::Firewall,
        probe::{Probed, Reached},
    },
    *,
};
use crate::wire;
use lanyard_api::{CheckKind, HomeState, Network, NetworkProfile, NodeStatus, Os, SharingState};

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
    for what in
        [CheckKind::Inbound, CheckKind::Outbound, CheckKind::Multicast, CheckKind::Clock, CheckKind::Version]
    {
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
