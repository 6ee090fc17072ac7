//! The process that children are made by, as a browser's are: this program, loaded and linked once. It has one thread,
//! has read nothing, and has nothing open but its own socket.
//!
//! On that socket comes an order for a child with the child's end of another socket, and back goes the child as a
//! descriptor of its process, with which the node can end it and see that it has ended. Of itself the zygote never says
//! anything to a child, nor a child to it.

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, send, sendmsg, socketpair,
    },
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, set_parent_process_death_signal, setpgid, waitpid,
    },
    stdio::{dup2_stderr, dup2_stdin},
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use super::super::super::wire::Question;

/// The question of a process that makes children.
pub(in super::super::super) const WORD: &str = "zygote";

/// What a child says when it has its question.
pub(super) const TAKEN: u8 = 1;

/// The longest question.
const MAX_QUESTION: usize = 128 * 1024;

/// Files that come along with one message.
const MAX_FILES: usize = 2;

/// Who comes back from [`multiply`].
pub(in super::super::super) enum Born {
    /// A child. It talks to the node by its standard input and its standard error.
    Child,
    /// The process itself: nobody wants children any more.
    Zygote,
}

/// Makes children as they are ordered on the standard input.
pub(in super::super::super) fn multiply() -> io::Result<Born> {
    // When the node's thread that gives the orders is gone, so is the reason to go on.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let orders = io::stdin().as_fd().try_clone_to_owned()?;
    let mut children = Vec::<(Pid, OwnedFd)>::new();
    loop {
        children.retain(|(child, _)| matches!(waitpid(Some(*child), WaitOptions::NOHANG), Ok(None)));
        if !is_ordered(&orders, &children)? {
            continue;
        }
        let mut word = [0; 1];
        let (0.., files) = hear(&orders, &mut word)?;
        let Some(end) = files.into_iter().next() else { return Ok(Born::Zygote) };
        match fork::fork() {
            Ok(fork::Fork::Child) => {
                drop((orders, children));
                dup2_stdin(&end)?;
                dup2_stderr(&end)?;
                // What a terminal sends to the node's processes is for the node.
                let _ = setpgid(None, None);
                return Ok(Born::Child);
            }
            Ok(fork::Fork::Parent(child)) => {
                let child = Pid::from_raw(child).ok_or(io::ErrorKind::InvalidData)?;
                let process = pidfd_open(child, PidfdFlags::empty())?;
                tell(&orders, &[0], &[process.as_fd()])?;
                children.push((child, process));
            }
            // No room for another process: the node is told that there is none.
            Err(_) => tell(&orders, &[0], &[])?,
        }
    }
}

/// Waits for an order, or for the end of a child: false.
fn is_ordered(orders: &OwnedFd, children: &[(Pid, OwnedFd)]) -> io::Result<bool> {
    let all = [orders].into_iter().chain(children.iter().map(|(_, process)| process));
    let mut all: Vec<_> = all.map(|one| PollFd::new(one, PollFlags::IN)).collect();
    retry_on_intr(|| poll(&mut all, None))?;
    Ok(all.first().is_some_and(|orders| !orders.revents().is_empty()))
}

/// The child's question, its document and the file to write, if it is to write one. None when it is not needed.
pub(in super::super::super) fn be_asked() -> io::Result<Option<(Question, File, Option<File>)>> {
    let mut line = vec![0; MAX_QUESTION];
    let stdin = io::stdin();
    let (bytes, files) = hear(&stdin, &mut line)?;
    if bytes == 0 {
        return Ok(None);
    }
    let question = line.get(..bytes).map(serde_json::from_slice).ok_or(io::ErrorKind::InvalidData)??;
    let mut files = files.into_iter().map(File::from);
    let document = files.next().ok_or(io::ErrorKind::InvalidData)?;
    // From here on it is the document that may be to blame.
    send(&stdin, &[TAKEN], SendFlags::NOSIGNAL)?;
    Ok(Some((question, document, files.next())))
}

/// Two ends that say whole messages to each other.
pub(super) fn talk() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// One message, and files that go along.
pub(super) fn tell(to: &OwnedFd, line: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        rights.push(SendAncillaryMessage::ScmRights(files));
    }
    retry_on_intr(|| sendmsg(to, &[IoSlice::new(line)], &mut rights, SendFlags::NOSIGNAL)).map(drop)
}

/// The length of a message, 0 when there will be none, and the files that came along.
pub(super) fn hear(from: &impl AsFd, line: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let told =
        retry_on_intr(|| recvmsg(from, &mut [IoSliceMut::new(line)], &mut rights, RecvFlags::CMSG_CLOEXEC))?;
    let files = rights.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    Ok((told.bytes, files.flatten().collect()))
}
