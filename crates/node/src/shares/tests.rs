//! The table and the gate, without a node around them.

use super::*;
use lanyard_api::{Audience as Shown, ShareKind as Shared};
use lanyard_drive::offer::Folder;
use lanyard_trust::{Action, Claim, Gate, Grant as Rule, NodeId, Refusal, Subject, Until, Used, Who};

fn shares() -> Shares {
    load(&Store::in_memory(&[MIGRATIONS, crate::settings::MIGRATIONS]).unwrap())
}

fn clock(store: &Store) -> Clock {
    Clock::load(crate::settings::Settings::new(store.clone()))
}

fn load(store: &Store) -> Shares {
    Shares::load(store.clone(), clock(store), Circle::default()).unwrap()
}

fn entry(shares: &Shares, target: &str, until: Option<Millis>) -> Entry {
    let core = (&shares.clock, &shares.circle);
    Entry::new(ShareKind::Folder, "Music", target.into(), Vec::new(), until, core).unwrap()
}

fn insert(shares: &Shares, id: &str, kind: ShareKind, policy: Policy) -> ShareId {
    let id = ShareId(id.to_owned());
    let target = if kind == ShareKind::Printer { "Laser" } else { "/srv/music" };
    let entry = Entry {
        kind,
        name: id.0.clone(),
        target: target.to_owned(),
        policy,
        created_at: 0,
        available: true,
        disk: None,
        behind: Behind::Fixed,
        medium: Medium::Fixed,
        stamp: None,
        left: None,
    };
    shares.write().insert(id.clone(), entry);
    id
}

fn near() -> Subject {
    Subject { who: Who::Device(NodeId::from_bytes([7; 32])), on_own_network: true }
}

fn everyone() -> Policy {
    Policy { grants: vec![Rule::to(Audience::Network)], ..Policy::default() }
}

fn open(shares: &Shares, id: &ShareId, subject: &Subject, action: Action) -> Result<Folder, Refusal> {
    shares.admit(id, subject, action)
}

fn queue(shares: &Shares, id: &ShareId, subject: &Subject, action: Action) -> Result<QueueId, Refusal> {
    shares.admit(id, subject, action)
}

#[test]
fn the_gate_denies_by_default() {
    let shares = shares();
    let nobody = insert(&shares, "nobody", ShareKind::Folder, Policy::default());
    assert_eq!(open(&shares, &nobody, &near(), Action::List), Err(Refusal::Unknown));
    assert_eq!(open(&shares, &ShareId("none".into()), &near(), Action::List), Err(Refusal::Unknown));
    let away = Subject { on_own_network: false, ..near() };
    let id = insert(&shares, "open", ShareKind::Folder, everyone());
    assert_eq!(open(&shares, &id, &away, Action::List), Err(Refusal::Unknown));
    assert_eq!(open(&shares, &id, &near(), Action::Write), Err(Refusal::NotAllowed));
    assert!(open(&shares, &id, &near(), Action::Read).is_ok());
}

#[test]
fn a_share_of_one_kind_does_not_open_as_the_other() {
    let shares = shares();
    let music = insert(&shares, "music", ShareKind::Folder, everyone());
    let laser = insert(&shares, "laser", ShareKind::Printer, everyone());
    assert_eq!(queue(&shares, &music, &near(), Action::Print), Err(Refusal::Unknown));
    assert_eq!(open(&shares, &laser, &near(), Action::List), Err(Refusal::Unknown));
    assert_eq!(queue(&shares, &laser, &near(), Action::Read), Err(Refusal::NotAllowed));
    assert_eq!(queue(&shares, &laser, &near(), Action::Print), Ok(QueueId("Laser".into())));
}

#[test]
fn a_share_ends_by_itself() {
    let shares = shares();
    let over = Policy { until: Some(Until { at: 1, ran: 0 }), ..everyone() };
    let id = insert(&shares, "over", ShareKind::Folder, over);
    assert_eq!(open(&shares, &id, &near(), Action::Read), Err(Refusal::Unknown));
}

#[tokio::test]
async fn shares_are_there_again_after_a_restart_and_gone_after_unsharing() {
    let store = Store::in_memory(&[MIGRATIONS, crate::settings::MIGRATIONS]).unwrap();
    let shares = load(&store);
    let share = shares.add(entry(&shares, "/srv/music", Some(i64::MAX))).await.unwrap();
    assert_eq!(
        share.policy.audience,
        [Grant::to(Shown::Network)],
        "an empty audience means the owner's networks"
    );
    let again = load(&store);
    assert_eq!(again.list(), std::slice::from_ref(&share));
    again.remove(vec![ShareId(share.id)]).await.unwrap();
    assert!(load(&store).list().is_empty());
}

#[tokio::test]
async fn two_shares_of_one_name_get_told_apart() {
    let shares = shares();
    let entry = |target: &str| entry(&shares, target, None);
    shares.add(entry("/a")).await.unwrap();
    assert_eq!(shares.add(entry("/b")).await.unwrap().name, "Music 2");
    assert_eq!(shares.add(entry("/a")).await.unwrap_err().code, ErrorCode::Exists);
}

#[test]
fn folders_that_hold_too_much_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let inside = data.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let refused = [Path::new("/"), data.path(), inside.as_path(), Path::new("/proc")];
    for path in refused {
        let error = folder::check(path.to_str().unwrap(), data.path(), false).unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid, "{}", path.display());
    }
    if let Some(dirs) = directories::BaseDirs::new() {
        let home = dirs.home_dir().to_str().unwrap();
        assert!(folder::check(home, data.path(), false).is_err());
    }
    let other = tempfile::tempdir().unwrap();
    let checked = folder::check(other.path().to_str().unwrap(), data.path(), true).unwrap();
    assert!(checked.disk.is_some());
    let file = other.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (path, code) in [(file, ErrorCode::Invalid), (other.path().join("none"), ErrorCode::NotFound)] {
        let error = folder::check(path.to_str().unwrap(), data.path(), false).unwrap_err();
        assert_eq!(error.code, code);
    }
    assert_eq!(folder::check("music", data.path(), false).unwrap_err().code, ErrorCode::Invalid, "relative");
}

fn store() -> Store {
    Store::in_memory(&[MIGRATIONS, crate::settings::MIGRATIONS]).unwrap()
}

fn bring(shares: &Arc<Shares>, id: &ShareId, used: Used) -> Result<Claim<QueueId>, Refusal> {
    let gate: Arc<dyn Gate<QueueId>> = shares.clone();
    Claim::take(gate, id.clone(), near(), Action::Print, used)
}

const JOB: Used = Used { jobs: 1, bytes: 10, pages: 0 };

#[test]
fn a_day_is_used_up_by_what_was_accepted_and_a_restart_gives_nothing_back() {
    let store = store();
    let shares = Arc::new(load(&store));
    let limited = Rule { max_jobs: Some(2), max_bytes: Some(25), ..Rule::to(Audience::Network) };
    let policy = Policy { grants: vec![limited], ..Policy::default() };
    let id = insert(&shares, "laser", ShareKind::Printer, policy.clone());
    bring(&shares, &id, JOB).unwrap().keep();
    drop(bring(&shares, &id, JOB).unwrap());
    let large = Used { jobs: 1, bytes: 16, pages: 0 };
    assert!(matches!(bring(&shares, &id, large), Err(Refusal::Spent)), "it says so before it takes a byte");
    let under_way = bring(&shares, &id, JOB).unwrap();
    assert!(matches!(bring(&shares, &id, JOB), Err(Refusal::Spent)), "what is on its way counts");
    under_way.keep();
    assert_eq!(queue(&shares, &id, &near(), Action::Print), Err(Refusal::Spent));

    let again = Arc::new(load(&store));
    insert(&again, "laser", ShareKind::Printer, policy);
    assert_eq!(queue(&again, &id, &near(), Action::Print), Err(Refusal::Spent));
    let other = Subject { who: Who::Device(NodeId::from_bytes([8; 32])), ..near() };
    assert!(queue(&again, &id, &other, Action::Print).is_ok(), "each has a day of its own");
}

#[test]
fn pages_count_on_top_of_a_claim_and_come_back_when_nothing_was_printed() {
    let store = store();
    let shares = Arc::new(load(&store));
    let limited = Rule { max_pages: Some(5), no_color: true, ..Rule::to(Audience::Network) };
    let policy = Policy { grants: vec![limited], ..Policy::default() };
    let id = insert(&shares, "laser", ShareKind::Printer, policy.clone());
    let terms = Gate::<QueueId>::terms(&*shares, &id, &near());
    assert!(terms.counted && terms.grey && terms.quiet.is_none());
    let pages = |pages| Used { pages, ..Used::default() };
    let mut claim = bring(&shares, &id, JOB).unwrap();
    claim.add(Action::Print, pages(4)).unwrap();
    assert_eq!(claim.add(Action::Print, pages(2)), Err(Refusal::Spent));
    claim.keep();
    let mut next = bring(&shares, &id, JOB).unwrap();
    assert_eq!(next.add(Action::Print, pages(2)), Err(Refusal::Spent), "four of five are used");
    next.add(Action::Print, pages(1)).unwrap();
    assert_eq!(queue(&shares, &id, &near(), Action::Print), Err(Refusal::Spent), "five on their way");
    drop(next);
    let again = Arc::new(load(&store));
    insert(&again, "laser", ShareKind::Printer, policy);
    let now = again.clock.now().wall;
    let mut over = bring(&again, &id, JOB).unwrap();
    assert_eq!(over.add(Action::Print, pages(2)), Err(Refusal::Spent), "a restart forgets nothing");
    let unused = |at| Gate::<QueueId>::unused(&*again, &id, near().id(), at, pages(4));
    unused(now - 24 * 3600 * 1000);
    assert_eq!(over.add(Action::Print, pages(2)), Err(Refusal::Spent), "that was yesterday's");
    unused(now);
    over.add(Action::Print, pages(5)).unwrap();
}

#[test]
fn nothing_is_written_down_of_who_has_no_limit() {
    let store = store();
    let shares = Arc::new(load(&store));
    let id = insert(&shares, "laser", ShareKind::Printer, everyone());
    bring(&shares, &id, JOB).unwrap().keep();
    let count = "SELECT count(*) FROM share_use";
    assert_eq!(store.read(|c| c.query_row(count, [], |row| row.get::<_, i64>(0))).unwrap(), 0);
}

#[test]
fn a_yes_for_once_is_good_for_one_job_and_never_for_more_than_was_asked() {
    let shares = Arc::new(shares());
    let asks = Rule { ask: true, ..Rule::to(Audience::Network) };
    let policy = Policy { grants: vec![asks.clone()], ..Policy::default() };
    let id = insert(&shares, "laser", ShareKind::Printer, policy);
    assert!(matches!(bring(&shares, &id, JOB), Err(Refusal::MustAsk)));
    let looked: Result<QueueId, Refusal> = shares.look(&id, &near(), Action::Print);
    assert!(looked.is_ok(), "what it could do may be seen");
    let ran = shares.clock.now().ran;
    let yes = |grant| shares.tally().allow(gate::key(&id, &near()), grant, ran + 10_000, Some(1), ran);
    yes(asks.clone());
    assert!(queue(&shares, &id, &near(), Action::Print).is_ok());
    assert_eq!(queue(&shares, &id, &near(), Action::Manage), Err(Refusal::NotAllowed));
    let claim = bring(&shares, &id, JOB).unwrap();
    assert!(matches!(bring(&shares, &id, JOB), Err(Refusal::MustAsk)), "two at once are one too many");
    claim.keep();
    assert!(matches!(bring(&shares, &id, JOB), Err(Refusal::MustAsk)));

    yes(asks);
    shares.write().get_mut(&id).unwrap().policy.grants.clear();
    assert_eq!(queue(&shares, &id, &near(), Action::Print), Err(Refusal::Unknown), "the rule is stronger");
}

#[test]
fn a_permission_does_not_survive_a_restart() {
    let store = store();
    let asks = Rule { ask: true, ..Rule::to(Audience::Network) };
    let policy = Policy { grants: vec![asks.clone()], ..Policy::default() };
    for expected in [true, false] {
        let shares = load(&store);
        let id = insert(&shares, "music", ShareKind::Folder, policy.clone());
        if expected {
            shares.tally().allow(gate::key(&id, &near()), asks.clone(), i64::MAX, None, 0);
        }
        assert_eq!(open(&shares, &id, &near(), Action::Read).is_ok(), expected);
    }
}

#[tokio::test]
async fn a_shared_disc_is_away_after_a_start_until_it_was_seen_and_nobody_writes_to_it() {
    let store = store();
    let shares = load(&store);
    let on = Behind::Disc { id: "00112233".to_owned() };
    let mut disc = entry(&shares, "/dev/sr0", None);
    (disc.behind, disc.policy) = (on, Policy { write: true, ..everyone() });
    let share = shares.add(disc).await.unwrap();
    assert_eq!(share.kind, Shared::Disc);
    let again = load(&store);
    assert_eq!(again.list()[0].kind, Shared::Disc, "a restart does not make a folder of it");
    let folder: Folder = again.admit(&ShareId(share.id), &near(), Action::Read).unwrap();
    assert_eq!((folder.medium, folder.writable), (Medium::Disc(None), false));
}

#[tokio::test]
async fn a_share_of_which_it_is_not_known_what_it_is_on_is_not_served() {
    let store = store();
    let shares = load(&store);
    shares.add(entry(&shares, "/srv/music", None)).await.unwrap();
    assert_eq!(load(&store).list().len(), 1);
    store.write(|t| t.execute("UPDATE share SET behind = '{\"on\":\"tape\"}'", ()).map(drop)).unwrap();
    assert!(load(&store).list().is_empty(), "written by a later version");
}
