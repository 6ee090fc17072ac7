//! Where children come from, and one that is there before it is needed.
//!
//! To start a program takes longer than most looks into a document: it is loaded and linked first, and a desktop's
//! program for a good part of a second. So it is started once, as a [`zygote`], from which each child is a fork; and after
//! each good answer the next child is made, which waits for its question on a socket that brings the document along. Each
//! still reads one document. What nobody needed for a while is ended, and all of it ends by itself when the node does.

pub(in super::super) mod zygote;

use super::{
    super::wire::{Answer, MAX_ANSWER, Question},
    process::{ChildProgram, Running, Silence},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
    net::{RecvFlags, recv},
    process::{Signal, pidfd_send_signal},
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long a child waits for a document, and a zygote for the next child.
const SPARE: Duration = Duration::from_secs(60);

/// From an answer to the next child, which would take the processor from what is done with the answer.
const REST: Duration = Duration::from_millis(10);

/// A program that has not made a child after this long does not make one.
const BIRTH: Duration = Duration::from_secs(15);

/// A killed process that is not gone after this long hangs in the system; nobody can end it.
const DEATH: Duration = Duration::from_secs(5);

/// Makes children. Clones share the one that waits.
#[derive(Clone)]
pub(in super::super) struct Nursery {
    program: Arc<ChildProgram>,
    spare: Spare,
    keeper: Arc<Mutex<Option<Sender<Wish>>>>,
}

/// The child that waits, taken without waking anybody.
type Spare = Arc<Mutex<Option<Child>>>;

enum Wish {
    /// One to be asked now.
    Child(SyncSender<io::Result<Child>>),
    /// One will be asked soon.
    Soon,
    /// This one has answered.
    Over(Child),
}

/// A child that waits for its question, or has it.
pub(super) struct Child {
    process: OwnedFd,
    talk: OwnedFd,
    /// Made because it was needed.
    fresh: bool,
    /// It has its question.
    asked: bool,
    /// The system ends a child with its zygote.
    _zygote: Arc<Zygote>,
}

/// The process that children are forks of; ended with the last who needs it.
struct Zygote {
    orders: OwnedFd,
    _process: Running,
}

impl Nursery {
    pub(in super::super) fn of(program: ChildProgram) -> Self {
        Self { program: Arc::new(program), spare: Arc::default(), keeper: Arc::default() }
    }

    /// A child that has been asked.
    pub(super) fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> io::Result<Child> {
        loop {
            // Not locked while one is made: whoever makes it may look for the spare one.
            let spare = lock(&self.spare).take();
            let child = spare.map_or_else(|| self.made(), Ok)?;
            match child.ask(question, document, out) {
                // What became of it says nothing about the document: it died while it waited.
                Err(Errno::PIPE | Errno::CONNRESET) if !child.fresh => {}
                // And of this one its silence tells.
                Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => return Ok(child),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn made(&self) -> io::Result<Child> {
        let (to, child) = sync_channel(1);
        self.wish(Wish::Child(to))?;
        child.recv().map_err(io::Error::other)?
    }

    /// There will be a document soon.
    pub(in super::super) fn expect(&self) {
        // Without one that waits, the next is made when it is needed.
        let _ = self.wish(Wish::Soon);
    }

    /// A child has answered: it is ended, and perhaps there are more documents.
    pub(super) fn over(&self, child: Child) {
        let _ = self.wish(Wish::Over(child));
    }

    fn wish(&self, wish: Wish) -> io::Result<()> {
        let mut keeper = lock(&self.keeper);
        let keeper = match &mut *keeper {
            Some(keeper) => keeper,
            none => {
                // A zygote is ended by the system with the thread that started it, so this one lasts as long as anybody
                // may look into a document.
                let wishes = channel();
                let (program, spare) = (Arc::clone(&self.program), Arc::clone(&self.spare));
                let keep = move || Keeper { program, spare, zygote: None }.keep(&wishes.1);
                thread::Builder::new().name("document children".to_owned()).spawn(keep)?;
                none.insert(wishes.0)
            }
        };
        keeper.send(wish).map_err(io::Error::other)
    }
}

/// Keeps the zygote, and sees to it that a child waits.
struct Keeper {
    program: Arc<ChildProgram>,
    spare: Spare,
    zygote: Option<Arc<Zygote>>,
}

impl Keeper {
    fn keep(mut self, wishes: &Receiver<Wish>) {
        let mut is_due = false;
        loop {
            let wish = match (&self.zygote, is_due) {
                (_, true) => wishes.recv_timeout(REST),
                (Some(_), false) => wishes.recv_timeout(SPARE),
                (None, false) => wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match wish {
                // For somebody who does not wait any more, it is ended again.
                Ok(Wish::Child(to)) => drop(to.send(self.child(true))),
                Ok(Wish::Over(child)) => {
                    drop(child);
                    is_due = true;
                }
                Ok(Wish::Soon) => self.see_to_one(),
                Err(RecvTimeoutError::Timeout) if is_due => {
                    is_due = false;
                    self.see_to_one();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let spare = lock(&self.spare).take();
                    drop((spare, self.zygote.take()));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn see_to_one(&mut self) {
        if lock(&self.spare).is_none() {
            // Without one, the next is made when it is needed.
            let spare = self.child(false).ok();
            *lock(&self.spare) = spare;
        }
    }

    fn child(&mut self, fresh: bool) -> io::Result<Child> {
        if let Some(zygote) = self.zygote.take()
            && let Ok(child) = zygote.child(fresh)
        {
            self.zygote = Some(zygote);
            return Ok(child);
        }
        // None, or one that has died.
        let zygote = Arc::new(Zygote::start(&self.program)?);
        let child = zygote.child(fresh)?;
        self.zygote = Some(zygote);
        Ok(child)
    }
}

impl Zygote {
    fn start(program: &ChildProgram) -> io::Result<Self> {
        let (orders, theirs) = zygote::talk()?;
        let mut command = program.command(zygote::WORD);
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { orders, _process: Running::start(command)? })
    }

    fn child(self: &Arc<Self>, fresh: bool) -> io::Result<Child> {
        let (talk, theirs) = zygote::talk()?;
        zygote::tell(&self.orders, &[0], &[theirs.as_fd()])?;
        // Else it would stay open when the child is dead.
        drop(theirs);
        if !is_readable(&self.orders, BIRTH) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (_, files) = zygote::hear(&self.orders, &mut [0])?;
        let process = files.into_iter().next().ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Child { process, talk, fresh, asked: false, _zygote: Arc::clone(self) })
    }
}

impl Child {
    /// Of one that is dead: it waited, and died before it had its question, so its silence says nothing of the document.
    pub(super) fn died_waiting(&self) -> bool {
        !self.fresh && !self.asked
    }

    fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> Result<(), Errno> {
        let line = serde_json::to_vec(question).map_err(|_| Errno::INVAL)?;
        let files: Vec<BorrowedFd<'_>> =
            [Some(document), out].into_iter().flatten().map(File::as_fd).collect();
        zygote::tell(&self.talk, &line, &files)
    }

    /// Waits for the answer; what comes after it is not read.
    pub(super) fn answer(&mut self, deadline: Instant, stop: &CancellationToken) -> Result<Answer, Silence> {
        /// How soon a stop is heard.
        const TICK: Duration = Duration::from_millis(20);
        let mut line = [0; MAX_ANSWER as usize];
        loop {
            if is_readable(&self.talk, TICK) {
                match retry_on_intr(|| recv(&self.talk, &mut line, RecvFlags::empty())) {
                    Ok((1, _)) if line.first() == Some(&zygote::TAKEN) => self.asked = true,
                    Ok((bytes, _)) => return Answer::parse(&line[..bytes]).ok_or(Silence::Died),
                    Err(_) => return Err(Silence::Died),
                }
            } else if stop.is_cancelled() {
                return Err(Silence::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(Silence::TooSlow);
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // One that is dead already is no error.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        is_readable(&self.process, DEATH);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is something to read, or nothing ever will be, within that time. A process is readable once it is over.
fn is_readable(what: &OwnedFd, within: Duration) -> bool {
    let within = Timespec::try_from(within).ok();
    let mut ready = [PollFd::new(what, PollFlags::IN)];
    retry_on_intr(|| poll(&mut ready, within.as_ref())).is_ok_and(|count| count > 0)
}
