//! Where children come from, and one that is there before it is needed.
//!
//! To start a program takes longer than most looks into a document: it is loaded and linked first, and a desktop's
//! program for a good part of a second. So after each good answer the next child is started, and waits for its question
//! on a socket, which brings the document along. Each still reads one document. One that nobody needed is ended after a
//! while, and it ends by itself when the node does.

use super::{
    super::wire::Question,
    process::{ChildProgram, Running},
};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

/// The question of a child that is told it later.
pub(in super::super) const WAIT: &str = "wait";

/// How long a child waits for a document.
const SPARE: Duration = Duration::from_secs(60);

/// From an answer to the start of the next child, which would take the processor from what is done with the answer.
const REST: Duration = Duration::from_millis(10);

/// The longest question.
const MAX_QUESTION: usize = 128 * 1024;

/// Starts children. Clones share the one that waits.
#[derive(Clone)]
pub(in super::super) struct Nursery {
    program: Arc<ChildProgram>,
    keeper: Arc<Mutex<Option<Sender<Wish>>>>,
}

enum Wish {
    /// One to be asked now.
    Child(SyncSender<io::Result<Child>>),
    /// One will be asked soon.
    Spare,
    /// This one has answered.
    Over(Child),
}

/// A child that waits for its question, or has it.
pub(super) struct Child {
    pub(super) running: Running,
    questions: OwnedFd,
    /// Started because it was needed.
    fresh: bool,
}

impl Nursery {
    pub(in super::super) fn of(program: ChildProgram) -> Self {
        Self { program: Arc::new(program), keeper: Arc::default() }
    }

    /// A child that has been asked.
    pub(super) fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> io::Result<Child> {
        loop {
            let (to, child) = sync_channel(1);
            self.wish(Wish::Child(to))?;
            let child = child.recv().map_err(io::Error::other)??;
            match child.ask(question, document, out) {
                // What became of it says nothing about the document: it died while it waited.
                Err(Errno::PIPE | Errno::CONNRESET) if !child.fresh => {}
                // And of this one its silence tells.
                Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => return Ok(child),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// There will be a document soon.
    pub(in super::super) fn expect(&self) {
        // Without one that waits, the next is started when it is needed.
        let _ = self.wish(Wish::Spare);
    }

    /// A child has answered: it is ended, and perhaps there are more documents.
    pub(super) fn over(&self, child: Child) {
        let _ = self.wish(Wish::Over(child));
    }

    fn wish(&self, wish: Wish) -> io::Result<()> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let keeper = match &mut *keeper {
            Some(keeper) => keeper,
            none => {
                // A child is ended by the system with the thread that started it, so this one lasts as long as anybody
                // may look into a document.
                let (wishes, program) = (channel(), Arc::clone(&self.program));
                let keep = move || keep(&program, &wishes.1);
                thread::Builder::new().name("document children".to_owned()).spawn(keep)?;
                none.insert(wishes.0)
            }
        };
        keeper.send(wish).map_err(io::Error::other)
    }
}

fn keep(program: &ChildProgram, wishes: &Receiver<Wish>) {
    let (mut spare, mut is_due) = (None::<Child>, false);
    loop {
        let wish = match (&spare, is_due) {
            (Some(_), _) => wishes.recv_timeout(SPARE),
            (None, true) => wishes.recv_timeout(REST),
            (None, false) => wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match wish {
            Ok(Wish::Child(to)) => {
                is_due = false;
                let ready = spare.take().map_or_else(|| Child::start(program, true), Ok);
                // For somebody who does not wait any more, it is ended again.
                let _ = to.send(ready);
            }
            Ok(Wish::Over(child)) => {
                drop(child);
                is_due = true;
            }
            Ok(Wish::Spare) if spare.is_none() => spare = Child::start(program, false).ok(),
            Ok(Wish::Spare) => {}
            Err(RecvTimeoutError::Timeout) if spare.is_none() => {
                is_due = false;
                spare = Child::start(program, false).ok();
            }
            Err(RecvTimeoutError::Timeout) => spare = None,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Child {
    fn start(program: &ChildProgram, fresh: bool) -> io::Result<Self> {
        let (questions, answers) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = program.command(WAIT);
        command.stdin(answers).stdout(Stdio::null());
        Ok(Self { running: Running::start(command)?, questions, fresh })
    }

    /// Of one that is dead: it waited, and died before it had its question, so its silence says nothing of the document.
    pub(super) fn died_waiting(&self) -> bool {
        let said = rustix::net::recv(&self.questions, &mut [0; 1], RecvFlags::DONTWAIT);
        !self.fresh && said.map_or(true, |(bytes, _)| bytes == 0)
    }

    fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> Result<(), Errno> {
        let line = serde_json::to_vec(question).map_err(|_| Errno::INVAL)?;
        let files: Vec<BorrowedFd<'_>> =
            [Some(document), out].into_iter().flatten().map(File::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        rights.push(SendAncillaryMessage::ScmRights(&files));
        sendmsg(&self.questions, &[IoSlice::new(&line)], &mut rights, SendFlags::NOSIGNAL).map(drop)
    }
}

/// The child's side: its question, its document and the file to write, if it is to write one. None when it is not
/// needed.
pub(in super::super) fn be_asked() -> io::Result<Option<(Question, File, Option<File>)>> {
    let mut line = vec![0; MAX_QUESTION];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let stdin = io::stdin();
    let told = rustix::io::retry_on_intr(|| {
        recvmsg(stdin.as_fd(), &mut [IoSliceMut::new(&mut line)], &mut rights, RecvFlags::CMSG_CLOEXEC)
    })?;
    if told.bytes == 0 {
        return Ok(None);
    }
    let question = line.get(..told.bytes).map(serde_json::from_slice).ok_or(io::ErrorKind::InvalidData)??;
    let mut files = rights.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let mut files = files.by_ref().flatten().map(File::from);
    let document = files.next().ok_or(io::ErrorKind::InvalidData)?;
    // From here on it is the document that may be to blame.
    rustix::net::send(stdin.as_fd(), &[1], SendFlags::NOSIGNAL)?;
    Ok(Some((question, document, files.next())))
}
