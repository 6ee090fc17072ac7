//! Another program, in another language and by another SPAKE2, joins as the protocol is described.
//!
//! Python with the two packages of `tests/python/requirements.txt` is needed: the one that `LANYARD_PYTHON` names, or
//! one that is made below the target directory the first time, which fetches them from PyPI. Without, these tests fail.

use lanyard_trust::{
    NodeId,
    join::{
        About, Code, Confirm, Ends, Established, Frame, Invite, JoinError, Next, Purpose, Random, Shows,
        Window,
    },
};
use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

const OWN: NodeId = NodeId::from_bytes([1; 32]);
const PYTHONS: NodeId = NodeId::from_bytes([2; 32]);
const EXPORTER: [u8; 32] = [3; 32];
const ADMIT: Purpose = Purpose::Admit { home: [4; 32] };
/// A whole run takes a quarter of a second; the machine may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// A Python that has what `joiner.py` imports.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| env::var_os("LANYARD_PYTHON").map_or_else(make_python, PathBuf::from))
}

fn make_python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let program = folder.join(if cfg!(windows) { r"Scripts\python.exe" } else { "bin/python" });
    let requirements = source("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    // Written last, so that a half-made one is made again.
    let made = folder.join("made");
    if fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return program;
    }
    let run = |command: &mut Command, what: &str| {
        let ran = command.output();
        let ran = ran.unwrap_or_else(|error| panic!("python3 is needed for this test ({what}): {error}"));
        assert!(ran.status.success(), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder), "making a Python for this test");
    run(
        Command::new(&program)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
            .arg("--requirement")
            .arg(&requirements),
        "fetching spake2 and cryptography from PyPI",
    );
    fs::write(&made, wanted).unwrap();
    program
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Python that runs, and what it wrote so far.
struct Joiner {
    child: Child,
    frames: mpsc::Receiver<Vec<u8>>,
    received: Vec<Frame>,
}

impl Drop for Joiner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Joiner {
    fn start(secret: &str, side: &str, exporter: [u8; 32]) -> Self {
        let what = if secret.starts_with("lanyard:") { "link" } else { "code" };
        let told = serde_json::json!({
            what: secret,
            "side": side,
            "own": hex(PYTHONS.as_bytes()),
            "peer": hex(OWN.as_bytes()),
            "exporter": hex(&exporter),
            "say": hex(b"hello from Python"),
        });
        let mut child = Command::new(python())
            .arg(source("joiner.py"))
            .arg(told.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", python().display()));
        let mut out = child.stdout.take().unwrap();
        let (sender, frames) = mpsc::sync_channel(4);
        std::thread::spawn(move || {
            let mut head = [0; 4];
            while out.read_exact(&mut head).is_ok() {
                let mut json = vec![0; Frame::length(head, true).unwrap()];
                if out.read_exact(&mut json).is_err() || sender.send(json).is_err() {
                    break;
                }
            }
        });
        Self { child, frames, received: Vec::new() }
    }

    fn read(&mut self) -> Frame {
        let Ok(json) = self.frames.recv_timeout(LIMIT) else {
            let _ = self.child.kill();
            panic!("Python said nothing more, but: {}", self.last_words());
        };
        let frame = Frame::decode(&json).unwrap();
        self.received.push(frame.clone());
        frame
    }

    fn write(&mut self, frame: &Frame) {
        self.child.stdin.as_mut().unwrap().write_all(&frame.encode()).unwrap();
    }

    /// Closes its input and waits for what it says in the end.
    fn last_words(&mut self) -> String {
        drop(self.child.stdin.take());
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        words.trim().to_owned()
    }

    /// Lets it join.
    fn join(&mut self, window: &mut Window) -> Result<Established, JoinError> {
        let mut shows = shows();
        loop {
            let step = shows.on(Ok(self.read()), window, Instant::now());
            if let Some(frame) = &step.send {
                self.write(frame);
            }
            match step.next {
                Next::Listen => {}
                Next::Ask(_) => {
                    self.write(&Frame::Wait);
                    let step = shows.answer(true, window, Instant::now());
                    self.write(&step.send.unwrap());
                    match step.next {
                        Next::Done(established) => return Ok(*established),
                        other => panic!("{other:?}"),
                    }
                }
                Next::Done(established) => return Ok(*established),
                Next::Failed(reason) => return Err(reason),
            }
        }
    }
}

fn shows() -> Shows {
    let ends = Ends { own: OWN, peer: PYTHONS, exporter: EXPORTER };
    let random = Random::draw(getrandom::fill).unwrap();
    Shows::new(ends, About::new("Desk", "linux"), true, random, Instant::now())
}

fn window(purpose: Purpose) -> Window {
    Window::open(Invite::draw(purpose, getrandom::fill).unwrap(), Instant::now())
}

#[test]
fn python_joins_with_the_right_code_and_with_the_link() {
    let link = |window: &Window| window.invite().link(OWN, ["192.168.1.7:7717".parse().unwrap()]).to_string();
    let code = |window: &Window| window.invite().code().to_string();
    type Shown<'a> = &'a dyn Fn(&Window) -> String;
    let ways: [(Purpose, &str, Shown<'_>); 4] = [
        (ADMIT, "joiner", &code),
        (ADMIT, "joiner", &link),
        (Purpose::Join, "member", &code),
        (Purpose::Pair, "peer", &code),
    ];
    for (purpose, side, shown) in ways {
        let mut window = window(purpose);
        let mut joiner = Joiner::start(&shown(&window), side, EXPORTER);
        let mut established = joiner.join(&mut window).unwrap();
        assert_eq!(established.peer.about, About::new("Python", "linux"));
        for payload in [&b"welcome, "[..], b"and thank you"] {
            joiner.write(&established.channel.seal(payload).unwrap());
            let Frame::Sealed(sealed) = joiner.read() else { panic!("not sealed") };
            assert_eq!(established.channel.open(sealed).unwrap(), b"hello from Python");
        }
        let words = joiner.last_words();
        assert_eq!(words, format!("joined Desk {}", hex(b"welcome, and thank you")), "{purpose:?}");
    }
}

#[test]
fn python_with_a_wrong_code_or_on_another_connection_is_refused() {
    let mut shown = window(ADMIT);
    let right = shown.invite().code().to_string();
    let last = if right.ends_with('1') { '2' } else { '1' };
    let wrong: Code = format!("{}{last}", &right[..9]).parse().unwrap();
    for (code, exporter) in [(wrong.to_string(), EXPORTER), (right, [9; 32])] {
        let mut joiner = Joiner::start(&code, "joiner", exporter);
        assert_eq!(joiner.join(&mut shown).err(), Some(JoinError::WrongCode));
        assert_eq!(joiner.last_words(), "failed wrong_code");
    }
    assert_eq!(shown.tries(), 2);
}

#[test]
fn what_python_sent_is_refused_when_somebody_sends_it_again() {
    let invite = Invite::draw(ADMIT, getrandom::fill).unwrap();
    let mut shown = Window::open_for(invite, 2, Instant::now());
    let mut joiner = Joiner::start(&shown.invite().code().to_string(), "joiner", EXPORTER);
    joiner.join(&mut shown).unwrap();
    let recorded = joiner.received.clone();
    assert!(matches!(&recorded[..], [Frame::Hello(_), Frame::Confirm(Confirm { .. })]), "{recorded:?}");
    let mut shows = shows();
    let [hello, confirm] = [recorded[0].clone(), recorded[1].clone()];
    let step = shows.on(Ok(hello), &mut shown, Instant::now());
    assert!(matches!(step.send, Some(Frame::Share(_))));
    let step = shows.on(Ok(confirm), &mut shown, Instant::now());
    assert!(matches!(step.next, Next::Failed(JoinError::WrongCode)), "{step:?}");
}
