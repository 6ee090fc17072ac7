//! One table of who may do what, run through every door there is. A new door joins by one line in [`DOORS`]; the ways
//! through them are in the modules below.

mod dav;
mod guests;
mod here;
mod ipp;
mod peers;

use crate::{Neighbour, start};
use dav::StandardFolders;
use futures_util::{FutureExt, future::BoxFuture};
use guests::GuestPage;
use here::{BrowserPage, LocalSocket};
use ipp::PlainPrinting;
use lanyard_api::{NewPass, PassAction, Request as Ask, Response};
use lanyard_drive::offer::Folder;
use lanyard_node::{Node, circle::Known, shares};
use lanyard_print::QueueId;
use lanyard_trust::{
    Action, Audience, Gate, Grant, NodeId, PassId, PlainId, Refusal, ShareId, Subject, Until, Used, Who,
};
use peers::{PeerDrives, PeerPrinting};
use std::{
    collections::{BTreeMap, HashSet},
    net::Ipv4Addr,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The doors.
const DOORS: &[&dyn Door] = &[
    &TheGate,
    &PeerPrinting,
    &PeerDrives,
    &LocalSocket,
    &BrowserPage,
    &GuestPage,
    &PlainPrinting,
    &StandardFolders,
];

/// A way in.
trait Door: Sync {
    fn name(&self) -> &'static str;

    /// What comes of it; none when this door does not know such people or such wishes.
    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Person {
    /// A device of the home.
    Member,
    /// A device that rules name.
    Named,
    /// Any device on the owner's network.
    Stranger,
    /// A device that was put out of the home; rules name it, too.
    Expelled,
    /// A device of the home and a stranger, on a network that is not the owner's.
    MemberAway,
    StrangerAway,
    /// Somebody with a pass.
    Guest,
    /// A client without Lanyard that proves nothing, on the owner's network and on another.
    Plain,
    PlainAway,
    /// Somebody who proves nothing.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Print,
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Yes,
    /// The owner is asked first.
    Asks,
    /// Not today.
    Spent,
    /// It is there, but not for this.
    No,
    /// There is no such thing, as far as they can see.
    Hidden,
}

struct Case {
    name: &'static str,
    grants: Vec<Grant>,
    who: Person,
    wish: Wish,
    expected: Outcome,
}

const PASS: PassId = PassId::from_bytes([7; 8]);

/// The node whose doors are tried, and those who try.
struct World {
    node: Node,
    data: TempDir,
    folder: TempDir,
    printer: ShareId,
    drive: ShareId,
    people: BTreeMap<Person, Neighbour>,
}

impl World {
    async fn new() -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("letter.txt"), "Dear reader").unwrap();
        let node = start(data.path()).await;
        let nobody = vec![lanyard_api::Grant::to(lanyard_api::Audience::Device {
            id: NodeId::from_bytes([200; 32]).to_string(),
        })];
        let share = async |request| match node.handle(request).await.unwrap() {
            Response::Share(share) => ShareId(share.id),
            other => panic!("{other:?}"),
        };
        let printer = share(Ask::SharePrinter {
            queue: QueueId::SAVE_AS_PDF.into(),
            name: None,
            audience: nobody.clone(),
            until: None,
        });
        let drive = share(Ask::ShareFolder {
            path: folder.path().to_str().unwrap().to_owned(),
            name: None,
            write: false,
            audience: nobody,
            until: None,
        });
        let (printer, drive) = (printer.await, drive.await);
        let mut people = BTreeMap::new();
        for person in [Person::Member, Person::Named, Person::Stranger, Person::Expelled] {
            people.insert(person, Neighbour::of(&node).await);
        }
        let only = |person| HashSet::from([people[&person].id()]);
        node.core().circle.set(Known {
            members: only(Person::Member),
            expelled: only(Person::Expelled),
            paired: HashSet::new(),
        });
        Self { node, data, folder, printer, drive, people }
    }

    /// A pass for an hour.
    async fn pass(&self, share: &ShareId, action: PassAction) -> NewPass {
        let until = self.node.core().clock.now().wall + 3_600_000;
        let ask = Ask::CreatePass { share: share.0.clone(), action, until, label: String::new() };
        let Response::NewPass(pass) = self.node.handle(ask).await.unwrap() else { panic!() };
        pass
    }

    /// The rules of a case for a share, with this pass in the place of the one that they name.
    async fn regrant_to(&self, pass: &NewPass, share: &ShareId, case: &Case) {
        let named = |grant: &Grant| {
            let who = match grant.who {
                Audience::Guest(PASS) => Audience::Guest(pass.pass.id.parse().unwrap()),
                other => other,
            };
            Grant { who, ..grant.clone() }
        };
        let grants: Vec<Grant> = case.grants.iter().map(named).collect();
        shares::regrant(self.node.core(), share, |old| *old = grants).await.unwrap();
    }

    fn subject(&self, who: Person) -> Option<Subject> {
        let device =
            |person, on_own_network| Subject { who: Who::Device(self.people[&person].id()), on_own_network };
        let here = PlainId::of(Ipv4Addr::LOCALHOST.into());
        let plain = |on_own_network| Subject { who: Who::Plain(here), on_own_network };
        Some(match who {
            Person::MemberAway => device(Person::Member, false),
            Person::StrangerAway => device(Person::Stranger, false),
            Person::Guest => Subject { who: Who::Guest(PASS), on_own_network: true },
            Person::Plain => plain(true),
            Person::PlainAway => plain(false),
            Person::Nobody => return None,
            person => device(person, true),
        })
    }

    fn cases(&self) -> Vec<Case> {
        use Outcome::{Asks, Hidden, No, Spent, Yes};
        use Person::{
            Expelled, Guest, Member, MemberAway, Named, Nobody, Plain, PlainAway, Stranger, StrangerAway,
        };
        use Wish::{Print, Read, Write};
        let network = || Grant::to(Audience::Network);
        let home = || Grant::to(Audience::Home);
        let named = || Grant::to(Audience::Device(self.people[&Named].id()));
        let expelled = || Grant::to(Audience::Device(self.people[&Expelled].id()));
        let pass = || Grant::to(Audience::Guest(PASS));
        let over = Some(Until { at: 1, ran: 1 });
        let mut cases = Vec::new();
        let mut case = |name, grants: Vec<Grant>, who: &[Person], wishes: &[Wish], expected| {
            for (who, wish) in who.iter().flat_map(|who| wishes.iter().map(move |wish| (*who, *wish))) {
                cases.push(Case { name, grants: grants.clone(), who, wish, expected });
            }
        };
        let all = [Print, Read, Write];
        let devices = [Member, Named, Stranger, Expelled];
        let everyone =
            [Member, Named, Stranger, Expelled, MemberAway, StrangerAway, Guest, Plain, PlainAway, Nobody];

        case("nothing was said", vec![], &everyone, &all, Hidden);
        case("everyone at home", vec![network()], &devices, &[Print, Read], Yes);
        case("everyone at home reads only", vec![network()], &devices, &[Write], No);
        let elsewhere = [MemberAway, StrangerAway, Guest, PlainAway, Nobody];
        case("nobody elsewhere", vec![network()], &elsewhere, &all, Hidden);
        case("who proves nothing is one of the network", vec![network()], &[Plain], &[Print, Read], Yes);
        case("and may be asked about", vec![Grant { ask: true, ..network() }], &[Plain], &[Print], Asks);
        case(
            "and has a day's worth",
            vec![Grant { max_jobs: Some(0), ..network() }],
            &[Plain],
            &[Print],
            Spent,
        );
        case(
            "but is nobody by name",
            vec![home(), named(), expelled(), pass()],
            &[Plain, PlainAway],
            &all,
            Hidden,
        );
        case("the home", vec![home()], &[Member, MemberAway], &[Print, Read], Yes);
        case("not the home", vec![home()], &[Named, Stranger, Expelled, Guest, Nobody], &all, Hidden);
        case("one device", vec![named()], &[Named], &[Print, Read], Yes);
        case("not the others", vec![named()], &[Member, Stranger, Expelled, Guest, Nobody], &all, Hidden);
        case("one that was put out", vec![expelled(), home()], &[Expelled], &all, Hidden);
        case("may write", vec![Grant { write: true, ..home() }], &[Member], &[Write], Yes);
        case("only one may write", vec![home(), Grant { write: true, ..named() }], &[Member], &[Write], No);
        case(
            "strangers ask",
            vec![home(), Grant { ask: true, ..network() }],
            &[Stranger, Named],
            &[Print, Read],
            Asks,
        );
        case(
            "members do not",
            vec![home(), Grant { ask: true, ..network() }],
            &[Member],
            &[Print, Read],
            Yes,
        );
        case(
            "asked before it is written",
            vec![network(), Grant { ask: true, write: true, ..named() }],
            &[Named],
            &[Write],
            Asks,
        );
        case("it has ended", vec![Grant { until: over, ..network() }], &everyone, &all, Hidden);
        case(
            "another rule goes on",
            vec![Grant { until: over, ask: true, ..named() }, home()],
            &[Member],
            &[Read],
            Yes,
        );
        case("no more today", vec![Grant { max_jobs: Some(0), ..network() }], &[Stranger], &[Print], Spent);
        case(
            "not that much today",
            vec![Grant { max_bytes: Some(1), write: true, ..network() }],
            &[Stranger],
            &[Write],
            Spent,
        );
        case("a guest", vec![pass()], &[Guest], &[Print, Read], Yes);
        case("a guest writes nothing", vec![pass()], &[Guest], &[Write], No);
        case("a pass is no key", vec![pass()], &devices, &all, Hidden);
        cases
    }
}

/// Somebody with a pass for a share of its own, who keeps the doors for guests open.
struct OtherGuest {
    share: String,
    pass: NewPass,
    _folder: TempDir,
}

impl OtherGuest {
    async fn of(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ask = Ask::ShareFolder {
            path: folder.path().to_str().unwrap().to_owned(),
            name: None,
            write: false,
            audience: vec![lanyard_api::Grant::to(lanyard_api::Audience::Home)],
            until: None,
        };
        let Response::Share(share) = world.node.handle(ask).await.unwrap() else { panic!() };
        let pass = world.pass(&ShareId(share.id.clone()), PassAction::Read).await;
        Self { share: share.id, pass, _folder: folder }
    }

    async fn leave(self, world: &World) {
        world.node.handle(Ask::Unshare { share: self.share }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_answers_every_case_as_the_rule_says() {
    let world = World::new().await;
    let core = world.node.core();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for case in world.cases() {
        for share in [&world.printer, &world.drive] {
            shares::regrant(core, share, |grants| *grants = case.grants.clone()).await.unwrap();
        }
        let mut doors = 0;
        for door in DOORS {
            let Some(outcome) = door.try_action(&world, &case).await else { continue };
            let Case { name, who, wish, expected, .. } = &case;
            assert_eq!(outcome, *expected, "{}: {name}: {who:?} wants to {wish:?}", door.name());
            *answers.entry(door.name()).or_default() += 1;
            doors += 1;
        }
        assert!(doors > 0, "no door knows the case {}: {:?} {:?}", case.name, case.who, case.wish);
    }
    println!("cases by door: {answers:?}");
    for door in DOORS {
        assert!(answers.contains_key(door.name()), "{} was not tried", door.name());
    }
    world.node.stop().await;
}

/// What every other door asks.
struct TheGate;

impl Door for TheGate {
    fn name(&self) -> &'static str {
        "the gate"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        let decided = world.subject(case.who).map(|subject| {
            let shares = &world.node.core().shares;
            let (printer, drive) = (&world.printer, &world.drive);
            // As a door does: asked first, claimed when something is brought.
            let brings = |bytes| Used { jobs: u32::from(case.wish == Wish::Print), bytes, pages: 0 };
            let decided = match case.wish {
                Wish::Print => Gate::<QueueId>::admit(&**shares, printer, &subject, Action::Print)
                    .and_then(|_| {
                        Gate::<QueueId>::claim(&**shares, printer, &subject, Action::Print, brings(5))
                    })
                    .map(|()| Gate::<QueueId>::give_back(&**shares, printer, &subject, brings(5))),
                Wish::Read => Gate::<Folder>::admit(&**shares, drive, &subject, Action::List)
                    .and_then(|_| Gate::<Folder>::admit(&**shares, drive, &subject, Action::Read))
                    .map(|_| ()),
                Wish::Write => Gate::<Folder>::admit(&**shares, drive, &subject, Action::Write)
                    .and_then(|_| Gate::<Folder>::claim(&**shares, drive, &subject, Action::Write, brings(5)))
                    .map(|()| Gate::<Folder>::give_back(&**shares, drive, &subject, brings(5))),
            };
            match decided {
                Ok(()) => Outcome::Yes,
                Err(Refusal::MustAsk) => Outcome::Asks,
                Err(Refusal::Spent) => Outcome::Spent,
                Err(Refusal::NotAllowed) => Outcome::No,
                Err(Refusal::Unknown) => Outcome::Hidden,
            }
        });
        std::future::ready(decided).boxed()
    }
}

/// Everything that comes back for these bytes, as text.
async fn raw(address: &str, bytes: &[u8]) -> String {
    String::from_utf8_lossy(&raw_bytes(address, bytes).await).into_owned()
}

async fn raw_bytes(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // It may be cut off, which is an answer, too.
    let _ = tokio::time::timeout(Duration::from_secs(15), reading).await.expect("the door closes");
    answer
}
