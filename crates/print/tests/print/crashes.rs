//! Both sides as processes that are killed at the places of `fault`, or at any moment, over a real CUPS: every document
//! that was accepted is on paper once.
//!
//! `LANYARD_CRASH_LIVES` says how many lives (a sample without it), `LANYARD_CRASH_SEED` repeats a run. [`places`] goes to
//! each place there is.

mod places;

use super::cups::Cupsd;
use super::offering::Document;
use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Lives without a word about how many.
const SAMPLE: u32 = 90;

/// Places that a process comes by on the way of one job, and a few more.
const PLACES: u64 = 38;

/// How long one life lasts at most.
const LIFE: Duration = Duration::from_millis(1500);

/// What a process has said so far.
type Said = Arc<Mutex<Vec<String>>>;

/// A process that is killed when it is dropped.
struct Process {
    child: Child,
    stdin: ChildStdin,
    said: Said,
}

impl Process {
    fn start(words: &[&str], fault: Option<&str>, said: &Said, deaths: &Said) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lanyard-print-crash"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(fault) = fault {
            command.env("LANYARD_FAULT", fault);
        }
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        listen(child.stdout.take().unwrap(), said.clone());
        listen(child.stderr.take().unwrap(), deaths.clone());
        Self { child, stdin, said: said.clone() }
    }

    /// One that is dead does not hear it.
    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.stdin, "{line}");
    }

    fn is_dead(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn word(&mut self, key: &str) -> Option<String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            let told = self
                .said
                .lock()
                .unwrap()
                .iter()
                .rev()
                .find_map(|line| line.strip_prefix(key).map(|rest| rest.trim().to_owned()));
            if told.is_some() {
                return told;
            }
            if self.is_dead() {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("no {key} within 10 s");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: impl std::io::Read + Send + 'static, said: Said) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
    });
}

/// Two computers and a printer between lives.
struct World {
    cupsd: Cupsd,
    dir: TempDir,
    random: u64,
    deaths: Said,
    /// What the sender has said, over all its lives.
    said: Said,
    titles: Vec<String>,
}

/// What is known of a document at the end.
#[derive(Debug, Default)]
struct Fate {
    accepted: bool,
    over: Option<(String, String)>,
    printed: usize,
}

impl World {
    fn new() -> Self {
        let seed = env::var("LANYARD_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let seed = seed.unwrap_or_else(clock);
        println!("LANYARD_CRASH_SEED={seed}");
        let (dir, said) = (tempfile::tempdir().unwrap(), Said::default());
        for name in ["owner", "sender", "documents"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { cupsd: Cupsd::start(), dir, random: seed, deaths: Said::default(), said, titles: Vec::new() }
    }

    /// SplitMix64: enough to choose by, and the same for the same seed.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn owner(&self, fault: Option<&str>) -> Process {
        let socket = self.cupsd.socket().display().to_string();
        let child = env!("CARGO_BIN_EXE_lanyard-print-child");
        Process::start(&["owner", &self.path("owner"), &socket, child], fault, &Said::default(), &self.deaths)
    }

    fn sender(&self, fault: Option<&str>) -> Process {
        let child = env!("CARGO_BIN_EXE_lanyard-print-child");
        Process::start(&["sender", &self.path("sender"), child], fault, &self.said, &self.deaths)
    }

    fn document(&mut self) -> PathBuf {
        let document = Document::pdf(1);
        let path = self.dir.path().join("documents").join(&document.title);
        fs::write(&path, &document.bytes).unwrap();
        self.titles.push(document.title);
        path
    }

    /// One of three is so large that it is sent while it is copied and handed over while it arrives.
    fn any_document(&mut self) -> PathBuf {
        let path = self.document();
        if self.random(3) == 0 {
            places::enlarge(&path);
        }
        path
    }

    /// Both come up, the sender knows where the owner is.
    fn begin(&mut self, owner: Option<&str>, sender: Option<&str>) -> (Process, Process) {
        let (mut owner, mut sender) = (self.owner(owner), self.sender(sender));
        if let (Some(key), Some(port), Some(ipp)) =
            (owner.word("key "), owner.word("port "), owner.word("ipp "))
        {
            sender.tell(&format!("owner {key} {port} {ipp}"));
        }
        (owner, sender)
    }

    /// What became of each document, by its title.
    fn fates(&self) -> BTreeMap<String, Fate> {
        let mut fates: BTreeMap<String, Fate> =
            self.titles.iter().map(|title| (title.clone(), Fate::default())).collect();
        let mut names = HashMap::new();
        for line in self.said.lock().unwrap().iter() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["accepted" | "again", job, title] => {
                    names.insert((*job).to_owned(), (*title).to_owned());
                    fates.get_mut(*title).unwrap().accepted = true;
                }
                ["over", job, state, reason] => {
                    // One whose acceptance died with the sender has no title here.
                    if let Some(fate) = names.get(*job).and_then(|title| fates.get_mut(title)) {
                        fate.over = Some(((*state).to_owned(), (*reason).to_owned()));
                    }
                }
                _ => {}
            }
        }
        for printed in self.cupsd.printed() {
            fates.get_mut(&printed.title).unwrap().printed += 1;
        }
        for saved in super::offering::files(&self.dir.path().join("owner/Printed")) {
            let name = saved.file_name().unwrap().to_string_lossy().into_owned();
            let title = fates.keys().find(|title| name.starts_with(title.trim_end_matches(".pdf"))).cloned();
            fates.get_mut(&title.unwrap_or_else(|| panic!("{name} is nobody's"))).unwrap().printed += 1;
        }
        fates
    }

    /// Nobody dies any more, until all is over.
    fn peace(&mut self) -> BTreeMap<String, Fate> {
        let (_owner, mut sender) = self.begin(None, None);
        let begun = Instant::now();
        loop {
            sender.tell("release-all");
            let fates = self.fates();
            if fates.values().all(|fate| !fate.accepted || fate.over.is_some()) {
                // Whatever should not come has time to come.
                thread::sleep(Duration::from_secs(2));
                return self.fates();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "not over after a minute of peace: {fates:#?}"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Where processes have died, and how often.
    fn places(&self) -> BTreeMap<String, u32> {
        let mut places = BTreeMap::new();
        for line in self.deaths.lock().unwrap().iter() {
            if let Some(place) = line.strip_prefix("died at ") {
                *places.entry(place.to_owned()).or_default() += 1;
            }
        }
        places
    }
}

fn lives(part: u32) -> u32 {
    let wanted = env::var("LANYARD_CRASH_LIVES").ok().and_then(|lives| lives.parse().ok());
    wanted.unwrap_or(SAMPLE) / part
}

#[test]
fn a_sender_and_an_owner_that_die_anywhere_print_each_document_once() {
    let mut world = World::new();
    for _ in 0..lives(1) {
        let fault = |world: &mut World| (world.random(3) > 0).then(|| (world.random(PLACES) + 1).to_string());
        let faults = (fault(&mut world), fault(&mut world));
        let (mut owner, mut sender) = world.begin(faults.0.as_deref(), faults.1.as_deref());
        let path = world.any_document();
        sender.tell(&format!("print {} pages", path.display()));
        // Sometimes the end comes from outside, at any moment.
        let outside = Duration::from_millis(if world.random(4) == 0 { world.random(300) } else { u64::MAX });
        let title = path.file_name().unwrap().to_string_lossy().into_owned();
        let begun = Instant::now();
        while begun.elapsed() < LIFE.min(outside) {
            let over = world.fates().get(&title).is_some_and(|fate| fate.over.is_some());
            if over || sender.is_dead() || owner.is_dead() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Whoever is left may go on a little without the other.
        if world.random(2) == 0 {
            thread::sleep(Duration::from_millis(world.random(60)));
        }
    }
    let fates = world.peace();
    let places = world.places();
    println!(
        "{} documents, {} deaths at {} places: {places:#?}",
        fates.len(),
        places.values().sum::<u32>(),
        places.len()
    );
    for (title, fate) in &fates {
        assert!(fate.printed <= 1, "{title} was printed {} times", fate.printed);
        if fate.accepted {
            assert_eq!(fate.printed, 1, "{title} was accepted: {fate:?}");
            assert_eq!(fate.over.as_ref().map(|over| over.0.as_str()), Some("done"), "{title}");
        }
    }
    assert!(fates.values().filter(|fate| fate.accepted).count() * 2 > fates.len(), "most were accepted");
    assert!(places.len() >= 8, "too few places: {places:#?}");
}

#[test]
fn a_print_service_that_is_killed_too_loses_nothing_without_a_word() {
    let mut world = World::new();
    for _ in 0..lives(6) {
        let fault = (world.random(2) == 0).then(|| (world.random(PLACES) + 1).to_string());
        let (mut owner, mut sender) = world.begin(fault.as_deref(), None);
        let path = world.any_document();
        sender.tell(&format!("print {} pages", path.display()));
        // Inside of the half minute in which it has saved nothing.
        thread::sleep(Duration::from_millis(world.random(400)));
        world.cupsd.kill();
        thread::sleep(Duration::from_millis(world.random(100)));
        world.cupsd.up();
        if world.random(2) == 0 {
            let begun = Instant::now();
            while begun.elapsed() < LIFE && !owner.is_dead() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
    let fates = world.peace();
    let asked =
        fates.values().filter(|fate| fate.over.as_ref().is_some_and(|over| over.0 == "stopped")).count();
    println!("{} documents, {asked} of them in doubt", fates.len());
    for (title, fate) in &fates {
        assert!(fate.printed <= 1, "{title} was printed {} times", fate.printed);
        match fate.over.as_ref().map(|(state, reason)| (state.as_str(), reason.as_str())) {
            Some(("done", _)) => assert_eq!(fate.printed, 1, "{title}: {fate:?}"),
            // A person is asked, or told that the print service has given it up, and nothing more happens by itself.
            Some(("stopped", "maybe_printed") | ("failed", "printer_failed")) => {}
            None => assert!(!fate.accepted, "{title} is lost: {fate:?}"),
            other => panic!("{title} ended as {other:?}"),
        }
    }
}

#[test]
fn a_print_service_that_is_killed_after_it_has_saved_prints_all_without_asking() {
    let mut world = World::new();
    world.cupsd.tool("cupsdisable", &["pages"]);
    let (owner, mut sender) = world.begin(None, None);
    for _ in 0..5 {
        let path = world.document();
        sender.tell(&format!("print {} pages", path.display()));
    }
    super::cups::eventually("all are in the queue", || {
        world.cupsd.tool("lpstat", &["-o"]).lines().count() == 5
    });
    // Half a minute later it has saved what it knows; stopping it does, too.
    world.cupsd.stop();
    world.cupsd.up();
    world.cupsd.kill();
    drop(owner);
    world.cupsd.up();
    world.cupsd.tool("cupsenable", &["pages"]);
    drop(sender);
    let fates = world.peace();
    for (title, fate) in &fates {
        assert_eq!(
            (fate.printed, fate.over.as_ref().map(|over| over.0.as_str())),
            (1, Some("done")),
            "{title}"
        );
    }
}
