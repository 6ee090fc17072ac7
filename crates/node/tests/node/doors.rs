//! One table of who may do what, run through every door there is. A new door joins by one line in [`DOORS`].

use crate::{
    Neighbour,
    phone::{Part, Phone},
    start, status,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Method, Request, StatusCode};
use lanyard_api::{PassAction, Request as Ask, Response};
use lanyard_drive::offer::Folder;
use lanyard_node::{Node, circle::Known, shares};
use lanyard_print::{
    QueueId,
    document::Format,
    ticket::{Options, TICKET_HEADER, Ticket},
};
use lanyard_trust::{
    Action, Audience, Gate, Grant, NodeId, PassId, PlainId, Refusal, ShareId, Subject, Until, Used, Who,
};
use std::{
    collections::{BTreeMap, HashSet},
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

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

/// Other nodes at our printers, over TLS.
struct PeerPrinting;

impl Door for PeerPrinting {
    fn name(&self) -> &'static str {
        "printing, for other nodes"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish != Wish::Print {
                return None;
            }
            if case.who == Person::Nobody {
                return Some(without_a_key(world).await);
            }
            let neighbour = world.people.get(&case.who)?;
            let text = b"Hello";
            let ticket = Ticket {
                title: "hello.txt".into(),
                format: Format::Text,
                size: text.len() as u64,
                blake3: blake3::hash(text).to_hex().to_string(),
                attempt: 1,
                pages: None,
                options: Options::default(),
            };
            let request = Request::builder()
                .method(Method::PUT)
                .uri(format!("/v1/printers/{}/jobs/{}", world.printer, Uuid::new_v4()))
                .header(TICKET_HEADER, ticket.to_header());
            let (status, body) = neighbour.send(request, text.to_vec()).await;
            Some(outcome(status, &body, "reason"))
        }
        .boxed()
    }
}

/// Other nodes at our folders, over TLS.
struct PeerDrives;

impl Door for PeerDrives {
    fn name(&self) -> &'static str {
        "drives, for other nodes"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish == Wish::Print {
                return None;
            }
            if case.who == Person::Nobody {
                return Some(without_a_key(world).await);
            }
            let neighbour = world.people.get(&case.who)?;
            let at = |verb: &str| Request::builder().uri(format!("/v1/drives/{}/{verb}", world.drive));
            if case.wish == Wish::Write {
                let name = Uuid::new_v4().simple().to_string();
                let text = b"Hello";
                let whole = [text.as_slice(), blake3::hash(text).as_bytes()].concat();
                let request = at(&format!("file?path={name}")).method(Method::PUT);
                let request = request.header(lanyard_drive::wire::SIZE, text.len());
                let (status, body) = neighbour.send(request, whole).await;
                let outcome = outcome(status, &body, "code");
                let written = world.folder.path().join(name).exists();
                assert_eq!(written, outcome == Outcome::Yes, "{}: what is refused is not written", case.name);
                return Some(outcome);
            }
            let mut outcomes = Vec::new();
            for verb in ["list", "stat?path=letter.txt", "file?path=letter.txt", "manifest?path=letter.txt"] {
                let (status, body) = neighbour.send(at(verb), Vec::new()).await;
                let told = String::from_utf8_lossy(&body).into_owned();
                let outcome = outcome(status, &body, "code");
                let leaks = told.contains("letter") || told.contains("Dear");
                assert!(outcome == Outcome::Yes || !leaks, "{}: a refusal tells nothing: {told}", case.name);
                outcomes.push(outcome);
            }
            assert!(outcomes.iter().all(|one| *one == outcomes[0]), "{}: {outcomes:?}", case.name);
            Some(outcomes[0])
        }
        .boxed()
    }
}

/// This computer's front ends; other users of it are nobody.
struct LocalSocket;

impl Door for LocalSocket {
    fn name(&self) -> &'static str {
        "the local socket"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        let private = || {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
                let (dir, socket) = (world.data.path(), world.data.path().join("node.sock"));
                if mode(dir) == 0o700 && mode(&socket) == 0o600 { Outcome::Hidden } else { Outcome::Yes }
            }
            #[cfg(not(unix))]
            {
                let _ = world;
                Outcome::Hidden // a named pipe of this user's; tested with the door
            }
        };
        std::future::ready((case.who == Person::Nobody).then(private)).boxed()
    }
}

/// A browser on this computer; without the link's token it is nobody.
struct BrowserPage;

impl Door for BrowserPage {
    fn name(&self) -> &'static str {
        "the browser page"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Nobody {
                return None;
            }
            let Response::Link(link) = world.node.handle(Ask::BrowserLink).await.unwrap() else { panic!() };
            let address = link.trim_start_matches("http://").split('/').next().unwrap().to_owned();
            let body = r#"{"do":"shares"}"#;
            let request = format!(
                "POST /rpc HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let answer = raw(&address, request.as_bytes()).await;
            Some(if answer.starts_with("HTTP/1.1 401") { Outcome::Hidden } else { Outcome::Yes })
        }
        .boxed()
    }
}

/// Guests with a browser. A pass brings its own rule, so the case's rules are made anew with the pass in the place of
/// the one they name.
struct GuestPage;

impl Door for GuestPage {
    fn name(&self) -> &'static str {
        "the guests' page"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Guest {
                return None;
            }
            let core = world.node.core();
            let (share, action) = match case.wish {
                Wish::Print => (&world.printer, PassAction::Print),
                Wish::Read | Wish::Write => (&world.drive, PassAction::Read),
            };
            let until = core.clock.now().wall + 3_600_000;
            let make = async |share: String, action| {
                let ask = Ask::CreatePass { share, action, until, label: String::new() };
                let Response::NewPass(pass) = world.node.handle(ask).await.unwrap() else { panic!() };
                pass
            };
            // With the last pass the door itself is shut, which is no answer: another guest keeps it open.
            let elsewhere = tempfile::tempdir().unwrap();
            let ask = Ask::ShareFolder {
                path: elsewhere.path().to_str().unwrap().to_owned(),
                name: None,
                write: false,
                audience: Vec::new(),
                until: None,
            };
            let Response::Share(other) = world.node.handle(ask).await.unwrap() else { panic!() };
            make(other.id.clone(), PassAction::Read).await;
            let pass = make(share.0.clone(), action).await;
            let phone = Phone::by_link(&pass).await;
            let named = |grant: &Grant| {
                let who = match grant.who {
                    Audience::Guest(PASS) => Audience::Guest(pass.pass.id.parse().unwrap()),
                    other => other,
                };
                Grant { who, ..grant.clone() }
            };
            shares::regrant(core, share, |grants| *grants = case.grants.iter().map(named).collect())
                .await
                .unwrap();
            let file = [Part::File("hello.txt", b"Hello")];
            let outcome = match case.wish {
                Wish::Print => {
                    let answer = phone.form("/g/print", &file).await;
                    if answer.at().starts_with("/g/job/") { Outcome::Yes } else { Outcome::Hidden }
                }
                Wish::Read | Wish::Write => {
                    let list = phone.get("/g/list").await;
                    let letter = phone.get("/g/file?path=letter.txt").await;
                    assert_eq!(list.status, letter.status, "{}", case.name);
                    let told = list.text() + &letter.text();
                    let may = list.status.is_success();
                    assert_eq!(
                        told.contains("letter") || told.contains("Dear"),
                        may,
                        "{}: {told}",
                        case.name
                    );
                    let written = phone.form("/g/upload", &file).await;
                    assert!(!written.status.is_success() && !world.folder.path().join("hello.txt").exists());
                    match (may, case.wish) {
                        (true, Wish::Read) => Outcome::Yes,
                        (true, _) => Outcome::No,
                        (false, _) => Outcome::Hidden,
                    }
                }
            };
            // It may have ended already, with its rule.
            let _ = world.node.handle(Ask::EndPass { pass: pass.pass.id.clone() }).await;
            world.node.handle(Ask::Unshare { share: other.id }).await.unwrap();
            Some(outcome)
        }
        .boxed()
    }
}

/// Clients without Lanyard at our printers, over plain HTTP as over TLS: `tests/tests` has those over TLS.
struct PlainPrinting;

impl Door for PlainPrinting {
    fn name(&self) -> &'static str {
        "printing, for clients without Lanyard"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Plain || case.wish != Wish::Print {
                return None;
            }
            let port = status(&world.node).await.port;
            let body = print_job(&format!("ipp://127.0.0.1:{port}/ipp/print/{}", world.printer));
            let head = format!(
                "POST /ipp/print/{} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/ipp\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                world.printer,
                body.len()
            );
            let request = [head.as_bytes(), &body].concat();
            // The door itself opens and shuts with the rules, a moment later.
            let begun = Instant::now();
            loop {
                let answer = raw_bytes(&format!("127.0.0.1:{port}"), &request).await;
                let outcome = printed(&answer);
                if outcome == case.expected || begun.elapsed() > Duration::from_secs(5) {
                    return Some(outcome);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        .boxed()
    }
}

/// Guests and clients without Lanyard at our folders: WebDAV over TLS. A guest's password is the secret of the link.
struct StandardFolders;

impl Door for StandardFolders {
    fn name(&self) -> &'static str {
        "folders, for clients without Lanyard"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish == Wish::Print || !matches!(case.who, Person::Guest | Person::Plain) {
                return None;
            }
            let core = world.node.core();
            let until = core.clock.now().wall + 3_600_000;
            let make = async |share: String| {
                let ask = Ask::CreatePass { share, action: PassAction::Read, until, label: String::new() };
                let Response::NewPass(pass) = world.node.handle(ask).await.unwrap() else { panic!() };
                pass
            };
            // The door is open as long as anybody may come through it: here that is another guest.
            let elsewhere = tempfile::tempdir().unwrap();
            let ask = Ask::ShareFolder {
                path: elsewhere.path().to_str().unwrap().to_owned(),
                name: None,
                write: false,
                audience: vec![lanyard_api::Grant::to(lanyard_api::Audience::Home)],
                until: None,
            };
            let Response::Share(other) = world.node.handle(ask).await.unwrap() else { panic!() };
            let opener = make(other.id.clone()).await;
            let client = Phone::of(&opener);
            let mut password = None;
            let mut ended = None;
            if case.who == Person::Guest {
                let pass = make(world.drive.0.clone()).await;
                let named = |grant: &Grant| {
                    let who = match grant.who {
                        Audience::Guest(PASS) => Audience::Guest(pass.pass.id.parse().unwrap()),
                        other => other,
                    };
                    Grant { who, ..grant.clone() }
                };
                shares::regrant(core, &world.drive, |grants| {
                    *grants = case.grants.iter().map(named).collect();
                })
                .await
                .unwrap();
                password = Some(pass.link.split_once('#').unwrap().1.to_owned());
                ended = Some(pass.pass.id);
            }
            let ask = async |method: &str, path: &str, body: &'static str| {
                let uri = format!("/dav/{}/{path}", world.drive);
                let mut request = client.request(method.parse().unwrap(), &uri).header("depth", "1");
                if let Some(password) = &password {
                    let text = data_encoding::BASE64.encode(format!("guest:{password}").as_bytes());
                    request = request.header("authorization", format!("Basic {text}"));
                }
                client.send(request.body(http_body_util::Full::from(body)).unwrap()).await
            };
            let outcome = |answer: &crate::phone::Answer| match answer.status.as_u16() {
                200..=299 => Outcome::Yes,
                401 | 404 => Outcome::Hidden,
                // Those whose pass has ended with its rule give wrong passwords, too often in the end.
                429 if answer.header("retry-after") == "60" => Outcome::Hidden,
                403 => Outcome::Asks,
                405 => Outcome::No,
                429 => Outcome::Spent,
                other => panic!("{other}"),
            };
            let outcome = if case.wish == Wish::Write {
                let name = Uuid::new_v4().simple().to_string();
                let outcome = outcome(&ask("PUT", &name, "Hello").await);
                let written = world.folder.path().join(name).exists();
                assert_eq!(written, outcome == Outcome::Yes, "{}: what is refused is not written", case.name);
                outcome
            } else {
                let (list, letter) = (ask("PROPFIND", "", "").await, ask("GET", "letter.txt", "").await);
                let (first, second) = (outcome(&list), outcome(&letter));
                assert_eq!(first, second, "{}", case.name);
                let told = list.text() + &letter.text();
                let leaks = told.contains("letter") || told.contains("Dear");
                assert_eq!(leaks, first == Outcome::Yes, "{}: {told}", case.name);
                first
            };
            if let Some(pass) = ended {
                // It may have ended already, with its rule.
                let _ = world.node.handle(Ask::EndPass { pass }).await;
            }
            world.node.handle(Ask::Unshare { share: other.id }).await.unwrap();
            Some(outcome)
        }
        .boxed()
    }
}

/// `Print-Job` of five letters (RFC 8010 §3.1.1).
fn print_job(uri: &str) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 2, 0, 0, 0, 1, 1];
    for (tag, name, value) in [
        (0x47, "attributes-charset", "utf-8"),
        (0x48, "attributes-natural-language", "en"),
        (0x45, "printer-uri", uri),
        (0x42, "requesting-user-name", "somebody"),
        (0x49, "document-format", "text/plain"),
    ] {
        bytes.push(tag);
        for text in [name, value] {
            bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes.push(3);
    bytes.extend(b"Hello");
    bytes
}

fn printed(answer: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(answer);
    let Some(at) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Outcome::Hidden; // shut
    };
    if text.starts_with("HTTP/1.1 404") {
        return Outcome::Hidden;
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let ipp = &answer[at + 4..];
    match u16::from_be_bytes([ipp[2], ipp[3]]) {
        0x0000 | 0x0001 => {
            // RFC 8011 §5.3.7: 4 is pending-held.
            let name = b"job-state\x00\x04";
            let at = ipp.windows(name.len()).position(|bytes| bytes == name).expect("the state of the job");
            if ipp[at + name.len() + 3] == 4 { Outcome::Asks } else { Outcome::Yes }
        }
        0x0401 | 0x0403 => Outcome::No,
        0x0406 => Outcome::Hidden,
        // PWG 5100.13 §13: client-error-account-limit-reached
        0x041C => Outcome::Spent,
        other => panic!("status {other:#06x}: {text}"),
    }
}

/// What one gets at the door for other nodes who has no key to prove.
async fn without_a_key(world: &World) -> Outcome {
    let port = status(&world.node).await.port;
    let answer = raw(&format!("127.0.0.1:{port}"), b"GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n").await;
    if answer.contains(" 200 ") { Outcome::Yes } else { Outcome::Hidden }
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

fn outcome(status: StatusCode, body: &[u8], field: &str) -> Outcome {
    if status.is_success() {
        return Outcome::Yes;
    }
    let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match told[field].as_str() {
        Some("not_found") => Outcome::Hidden,
        Some("not_allowed") => Outcome::No,
        Some("must_ask") => Outcome::Asks,
        Some("spent") => Outcome::Spent,
        _ => panic!("{status}: {}", String::from_utf8_lossy(body)),
    }
}
