//! Where children come from: each is started when it is needed, with its question as an argument and its document as its
//! standard input.

use super::{
    super::wire::{Answer, MAX_ANSWER, Question},
    process::{ChildProgram, Running, Silence},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    process::Stdio,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Starts children.
#[derive(Clone)]
pub(in super::super) struct Nursery {
    program: Arc<ChildProgram>,
}

/// A child that has been asked.
pub(super) struct Child {
    running: Running,
}

impl Child {
    /// None ever waits.
    #[allow(clippy::unused_self)]
    pub(super) fn died_waiting(&self) -> bool {
        false
    }

    /// Waits for one line; what comes after it is not read.
    pub(super) fn answer(&mut self, deadline: Instant, stop: &CancellationToken) -> Result<Answer, Silence> {
        /// How soon a stop is heard.
        const TICK: Duration = Duration::from_millis(20);
        let pipe = self.running.0.stderr.take().ok_or(Silence::Died)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let read = move || {
            let mut line = Vec::new();
            let read = BufReader::new(pipe.take(MAX_ANSWER)).read_until(b'\n', &mut line);
            let _ = sender.send(read.map(|_| line));
        };
        thread::Builder::new().name("document answer".to_owned()).spawn(read).map_err(Silence::NotStarted)?;
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(Ok(line)) => return Answer::parse(&line).ok_or(Silence::Died),
                Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Silence::Died),
                Err(mpsc::RecvTimeoutError::Timeout) if stop.is_cancelled() => return Err(Silence::Stopped),
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Err(Silence::TooSlow);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Nursery {
    pub(in super::super) fn of(program: ChildProgram) -> Self {
        Self { program: Arc::new(program) }
    }

    /// A child that has been asked.
    pub(super) fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> io::Result<Child> {
        let mut command = self.program.command(&serde_json::to_string(question)?);
        command.stdin(document.try_clone()?).stderr(Stdio::piped());
        command.stdout(match out {
            Some(out) => out.try_clone()?.into(),
            None => Stdio::null(),
        });
        Ok(Child { running: Running::start(command)? })
    }

    /// A child has answered: it is ended.
    #[allow(clippy::unused_self)]
    pub(super) fn over(&self, child: Child) {
        drop(child);
    }

    /// Nothing is started before it is needed here.
    pub(in super::super) fn expect(&self) {}
}
