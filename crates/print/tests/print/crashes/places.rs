//! Each place there is, one after the other: a process dies exactly there, both come back, and every document that was
//! accepted is on paper once.

use super::{Process, Said, World};
use lanyard_print::fault::POINTS;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Print-Job of RFC 8011 §4.2.1.
const PRINT_JOB: &str = "{
    OPERATION Print-Job
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR name requesting-user-name ada
    ATTR name job-name $title
    FILE $filename
    STATUS successful-ok
}
";

/// Whose death it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Owner,
    Sender,
}

/// What goes on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    /// A document is printed.
    Print,
    /// One is printed, and then one that is so large that it leaves while it is copied.
    Large,
    /// The owner's side has died once already, there.
    After(&'static str),
    /// Somebody without Lanyard prints.
    Phone,
    /// A program prints on a queue that leads to the gateway.
    Program,
    /// A document goes to a printer that no node shares.
    Direct,
    /// A document is printed once more.
    Reprint,
    /// A job waits in a queue that is stopped, and somebody wants that of it.
    Wish(&'static str),
}

/// One death.
struct Death {
    place: &'static str,
    side: Side,
    story: Story,
}

/// Where a process dies only in another story than that of a document that is printed.
const SPECIAL: &[(&str, Story)] = &[
    ("courier: a document has left while it was copied, and not its hash", Story::Large),
    ("ahead: an empty job is written down, and not made", Story::Large),
    ("ahead: an empty job is made, and nobody knows its number", Story::Large),
    ("ahead: all has gone into the queue but the last piece", Story::Large),
    (
        "ahead: an empty job is withdrawn, and still written down",
        Story::After("ahead: all has gone into the queue but the last piece"),
    ),
    ("outbox: a copy for once more is kept, without a row", Story::Reprint),
    ("carrier: decided, not recorded", Story::Direct),
    ("carrier: about to act", Story::Direct),
    ("carrier: acted, not recorded", Story::Direct),
    ("carrier: recorded, and the outbox does not know", Story::Direct),
    ("offer: a wish is recorded, and the worker does not know", Story::Wish("hold")),
    ("walk-in: a document is kept, without a row", Story::Phone),
    ("ipp: a job has its number, and no document", Story::Phone),
    ("ipp: a document is taken, and that is not written down", Story::Phone),
    ("ipp: a document is taken, and the answer is about to leave", Story::Phone),
    ("worker: about to search", Story::After("worker: about to hand over")),
    ("worker: searched, not recorded", Story::After("worker: handed over, not recorded")),
    ("worker: about to abandon an empty job", Story::After("worker: an empty job is made, not recorded")),
    ("worker: abandoned, not recorded", Story::After("worker: an empty job is made, not recorded")),
    ("worker: about to cancel", Story::Wish("cancel")),
    ("worker: cancelled, not recorded", Story::Wish("cancel")),
    ("worker: about to hold", Story::Wish("hold")),
    ("worker: held, not recorded", Story::Wish("hold")),
    ("worker: about to release", Story::Wish("release")),
    ("worker: released, not recorded", Story::Wish("release")),
];

/// The gateway's side of what standard clients bring, and its way into the outbox.
const GATEWAY: &[&str] = &[
    "ipp: a job has its number, and no document",
    "spool: a document is whole, and not on the disk",
    "spool: a document is on the disk, and perhaps not its name",
    "outbox: our copy is kept, without a row",
    "outbox: a job is entered, and the person does not know",
    "ipp: a document is taken, and that is not written down",
    "ipp: a document is taken, and the answer is about to leave",
];

/// What a document passes on both sides when it leaves while it is copied, and goes into its queue while it arrives.
const LEAVING: &[(&str, Side)] = &[
    ("spool: a document is whole, and not on the disk", Side::Sender),
    ("outbox: our copy is kept, without a row", Side::Sender),
    ("outbox: a job is entered, and the person does not know", Side::Sender),
    ("courier: about to leave", Side::Sender),
    ("courier: sent, the answer is not recorded", Side::Sender),
    ("spool: a document is whole, and not on the disk", Side::Owner),
    ("offer: a document is kept, without a row", Side::Owner),
    ("offer: a job is entered, and nobody knows", Side::Owner),
    ("offer: a job is entered, and the answer is about to leave", Side::Owner),
    ("worker: about to hand over", Side::Owner),
    ("worker: handed over, not recorded", Side::Owner),
    ("worker: what happened is recorded", Side::Owner),
];

/// What is passed on both sides whatever somebody wants of a job that waits.
const WISHES: &[(&str, Side)] = &[
    ("outbox: a change is about to be recorded", Side::Sender),
    ("outbox: a change is recorded, and nothing is done about it", Side::Sender),
    ("offer: a wish is recorded, and the worker does not know", Side::Owner),
    ("worker: decided, not recorded", Side::Owner),
    ("worker: what happened is recorded", Side::Owner),
];

fn deaths() -> Vec<Death> {
    let side_of = |place: &str| {
        let senders = ["outbox", "courier", "carrier"];
        if senders.iter().any(|begin| place.starts_with(begin)) { Side::Sender } else { Side::Owner }
    };
    let story_of = |place: &str| {
        let special = SPECIAL.iter().find(|(special, _)| *special == place);
        special.map_or(Story::Print, |(_, story)| *story)
    };
    let each = POINTS.iter().map(|&place| Death { place, side: side_of(place), story: story_of(place) });
    // Both sides keep documents in the same way.
    let copies = POINTS.iter().filter(|place| place.starts_with("spool"));
    let copies = copies.map(|&place| Death { place, side: Side::Sender, story: Story::Print });
    let gateway = GATEWAY.iter().map(|&place| Death { place, side: Side::Sender, story: Story::Program });
    let wishes = ["cancel", "hold", "move"].into_iter().flat_map(|wish| {
        WISHES.iter().map(move |&(place, side)| Death { place, side, story: Story::Wish(wish) })
    });
    let leaving = LEAVING.iter().map(|&(place, side)| Death { place, side, story: Story::Large });
    let place = "offer: a job is entered, and nobody knows";
    let phone = Death { place, side: Side::Owner, story: Story::Phone };
    each.chain(copies).chain(gateway).chain(wishes).chain(leaving).chain([phone]).collect()
}

/// What people want done with documents, and so what may have become of them.
#[derive(Default)]
struct Wanted {
    cancelled: Vec<String>,
    moved: Vec<String>,
    direct: Vec<String>,
    twice: Vec<String>,
}

/// Waits for something or for the end of a process; true when it came.
fn comes(process: &mut Process, mut what: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if what() {
            return true;
        }
        if process.is_dead() {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing comes within 20 s");
}

fn has_said(said: &Said, line: &str) -> bool {
    said.lock().unwrap().iter().any(|known| known == line)
}

/// Makes a PDF so large that it is sent while it is copied and handed over while it arrives.
pub(super) fn enlarge(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let mut document = lopdf::Document::load(path).unwrap();
    document.add_object(lopdf::Stream::new(lopdf::Dictionary::new(), vec![b'x'; 12 << 20]));
    document.save(path).unwrap();
}

impl World {
    /// Prints, and waits until the document is safe; its job.
    fn accepted(&self, sender: &mut Process, how: &str, title: &str, path: &str) -> Option<String> {
        sender.tell(&format!("{how} {path} pages"));
        let mut job = None;
        comes(sender, || {
            let said = self.said.lock().unwrap();
            job = said.iter().find_map(|line| {
                let (job, said) = line.strip_prefix("accepted ")?.split_once(' ')?;
                (said == title).then(|| job.to_owned())
            });
            job.is_some()
        });
        job
    }

    /// As a program or a phone prints. What it is answered says nothing more than what the other side says itself.
    fn ipptool(&self, port: &str, path: &str, title: &str) {
        let uri = format!("ipp://127.0.0.1:{port}/ipp/print/pages");
        let test = self.path("print.test");
        fs::write(&test, PRINT_JOB).unwrap();
        let title = format!("title={title}");
        let words = ["-t", "-T", "10", "-f", path, "-d", &title, &uri, &test];
        Command::new("ipptool").args(words).output().expect("ipptool is there");
    }

    /// One death and what it takes to come to it.
    fn die(&mut self, death: &Death, wanted: &mut Wanted) {
        let Death { place, side, story } = *death;
        let path = self.document();
        let title = path.file_name().unwrap().to_string_lossy().into_owned();
        println!("{side:?} {place} {story:?}: {title}");
        let path = path.display().to_string();
        let waits = matches!(story, Story::Wish(_));
        if waits {
            // CUPS prints a job again that it is printing when its queue is stopped.
            super::super::cups::eventually("nothing is being printed", || {
                self.cupsd.tool("lpstat", &["-p", "pages"]).contains("is idle")
            });
            self.cupsd.tool("cupsdisable", &["pages"]);
        }
        if let Story::After(first) = story {
            if first.starts_with("ahead") {
                enlarge(&path);
            }
            let (mut owner, mut sender) = self.begin(Some(first), None);
            sender.tell(&format!("print {path} pages"));
            comes(&mut owner, || false);
        }
        let heard = self.said.lock().unwrap().len();
        // What waits is armed when it waits.
        let fault = (!waits && !matches!(story, Story::Reprint | Story::Large)).then_some(place);
        let (mut owner, mut sender) = match side {
            Side::Owner => self.begin(fault, None),
            Side::Sender => self.begin(None, fault),
        };
        match story {
            Story::After(_) => {}
            Story::Print => sender.tell(&format!("print {path} pages")),
            Story::Large => {
                // The way is there, and known.
                let small = self.document();
                let small_title = small.file_name().unwrap().to_string_lossy().into_owned();
                let small = small.display().to_string();
                let job = self.accepted(&mut sender, "print", &small_title, &small).expect("nobody dies yet");
                comes(&mut sender, || has_said(&self.said.clone(), &format!("is {job} done")));
                enlarge(&path);
                let mortal = if side == Side::Owner { &mut owner } else { &mut sender };
                mortal.tell(&format!("arm {place}"));
                thread::sleep(Duration::from_millis(50));
                sender.tell(&format!("print {path} pages"));
            }
            Story::Direct => {
                wanted.direct.push(title);
                sender.tell(&format!("direct {path} pages"));
            }
            Story::Phone => {
                let port = owner.word("ipp ").expect("it is there");
                self.ipptool(&port, &path, &title);
            }
            Story::Program => {
                let (said, mut port) = (self.said.clone(), None);
                comes(&mut sender, || {
                    // Of this life.
                    let said = said.lock().unwrap();
                    port = said[heard..]
                        .iter()
                        .find_map(|line| line.strip_prefix("gateway ").map(str::to_owned));
                    port.is_some()
                });
                let port = port.expect("it is there");
                self.ipptool(&port, &path, &title);
            }
            Story::Reprint => {
                let job = self.accepted(&mut sender, "print", &title, &path).expect("nobody dies yet");
                comes(&mut sender, || has_said(&self.said.clone(), &format!("is {job} done")));
                wanted.twice.push(title);
                sender.tell(&format!("arm {place}"));
                sender.tell(&format!("reprint {job}"));
            }
            Story::Wish(wish) => {
                let job = self.accepted(&mut sender, "print", &title, &path).expect("nobody dies yet");
                let said = self.said.clone();
                comes(&mut sender, || has_said(&said, &format!("is {job} stopped")));
                if wish == "release" {
                    sender.tell(&format!("hold {job}"));
                    comes(&mut sender, || has_said(&said, &format!("is {job} held")));
                }
                match wish {
                    "cancel" => wanted.cancelled.push(title),
                    "move" => wanted.moved.push(title),
                    _ => {}
                }
                let mortal = if side == Side::Owner { &mut owner } else { &mut sender };
                mortal.tell(&format!("arm {place}"));
                // The one that dies knows it before the other wants anything.
                thread::sleep(Duration::from_millis(50));
                let to = if wish == "move" { " save-as-pdf" } else { "" };
                sender.tell(&format!("{wish} {job}{to}"));
            }
        }
        let mortal = if side == Side::Owner { &mut owner } else { &mut sender };
        comes(mortal, || false);
        if waits {
            self.cupsd.tool("cupsenable", &["pages"]);
        }
    }
}

#[test]
fn a_process_that_dies_at_any_place_prints_each_document_once() {
    let mut world = World::new();
    let mut wanted = Wanted::default();
    let mut died = BTreeMap::<&str, u32>::new();
    for death in deaths() {
        let before = world.places().get(death.place).copied().unwrap_or_default();
        world.die(&death, &mut wanted);
        super::super::cups::eventually("it says where it died", || {
            world.places().get(death.place).copied().unwrap_or_default() > before
        });
        *died.entry(death.place).or_default() += 1;
    }
    let never: Vec<&str> = POINTS.iter().copied().filter(|place| !died.contains_key(place)).collect();
    assert!(never.is_empty(), "nobody dies at {never:#?}");
    let fates = world.peace();
    println!("{} deaths, {} documents", died.values().sum::<u32>(), fates.len());
    for (title, fate) in &fates {
        let over = fate.over.as_ref().map(|(state, reason)| (state.as_str(), reason.as_str()));
        let most = if wanted.twice.contains(title) { 2 } else { 1 };
        assert!(fate.printed <= most, "{title} was printed {} times: {fate:?}", fate.printed);
        match over {
            None => assert!(!fate.accepted, "{title} is lost: {fate:?}"),
            // It was too late, or nothing of it is on paper.
            Some(("cancelled", _)) if wanted.cancelled.contains(title) => {}
            // Taken back, and after its owner's death it is not sure that nothing of it is on paper: a person is told.
            Some(("cancelled", _)) => assert!(wanted.moved.contains(title), "{title}: {fate:?}"),
            // A printer without a journal that was cut off: a person looks.
            Some(("stopped", "maybe_printed")) => assert!(wanted.direct.contains(title), "{title}: {fate:?}"),
            Some(("done", _)) => assert!(fate.printed >= 1, "{title}: {fate:?}"),
            Some(other) => panic!("{title} ended as {other:?}: {fate:?}"),
        }
    }
}
