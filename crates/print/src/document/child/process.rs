//! One child process: started, listened to, ended.

#[cfg(test)]
use super::super::inside::{fonts_for, work};
use super::{
    super::{
        inside::CHILD,
        wire::{Outcome, Question},
    },
    nursery::Nursery,
};
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::Once,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// The program that is started as a child. It must call [`crate::document::inside::answer_if_child`] first of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildProgram {
    path: PathBuf,
    /// Before the argument that makes it a child.
    words: Vec<OsString>,
}

impl ChildProgram {
    /// The program that runs now.
    ///
    /// # Errors
    /// When the system does not say which one that is.
    pub fn this_one() -> io::Result<Self> {
        // The very same program, even when an update has put another one in its place.
        let running = Path::new("/proc/self/exe");
        let path =
            if cfg!(target_os = "linux") && running.exists() { running.into() } else { env::current_exe()? };
        Ok(Self { path, words: Vec::new() })
    }

    /// Another program, and words that come before ours.
    #[must_use]
    pub fn at(path: PathBuf, words: &[&str]) -> Self {
        Self { path, words: words.iter().map(OsString::from).collect() }
    }

    /// What starts it as a child that is asked `question`.
    pub(super) fn command(&self, question: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.words).arg(CHILD).arg(question).env_clear();
        // Without these, packages that bring their own libraries, and Windows, cannot start a program.
        for name in ["LD_LIBRARY_PATH", "SystemRoot"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            command.current_dir("/").process_group(0);
        }
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(CREATE_NO_WINDOW);
        }
        command
    }
}

#[derive(Clone)]
pub(super) enum By {
    Child(Nursery),
    /// In this process: tests of this crate that are about something else, and have no program to start.
    #[cfg(test)]
    Ourselves,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// It ended without one, or gave none that makes sense.
    Died,
    TooSlow,
    /// Nobody waits for it any more.
    Stopped,
    /// It could not be started.
    NotStarted(io::Error),
    /// The document or the file for its PDF could not be opened, or that not be written.
    Io(io::Error),
}

/// One look, from opening the document to the end of the child. Blocks.
pub(super) fn look(
    by: &By,
    question: &Question,
    path: &Path,
    out: Option<&Path>,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<Outcome, Silence> {
    let document = File::open(path).map_err(Silence::Io)?;
    let out = out.map(anew).transpose().map_err(Silence::Io)?;
    let outcome = match by {
        By::Child(nursery) => {
            let ask = || nursery.ask(question, &document, out.as_ref()).map_err(Silence::NotStarted);
            let deadline = Instant::now() + patience;
            let mut child = ask()?;
            let mut answer = child.answer(deadline, stop);
            while matches!(answer, Err(Silence::Died)) && child.died_waiting() {
                child = ask()?;
                answer = child.answer(deadline, stop);
            }
            let answer = answer?;
            nursery.over(child);
            tell_if_unconfined(answer.confined);
            answer.outcome
        }
        #[cfg(test)]
        By::Ourselves => {
            let mut document = document;
            let nowhere = || File::options().write(true).open("/dev/null");
            let out = out.as_ref().map_or_else(nowhere, File::try_clone).map_err(Silence::Io)?;
            work(question, &mut document, &out, &fonts_for(question))
        }
    };
    if let (Outcome::Made, Some(out)) = (&outcome, out) {
        out.sync_all().map_err(Silence::Io)?;
    }
    Ok(outcome)
}

/// A new file at `path`. A child of an earlier life may still write to the one that was there: not to this.
pub(super) fn anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::options().write(true).create_new(true).open(path),
    }
}

/// A child that runs; ended when dropped, and everything it started with it.
pub(super) struct Running(pub(super) process::Child);

impl Running {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody has waited for it yet, so the number is still its own.
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says once what a system cannot do; where none of its kind can, the documentation says so.
fn tell_if_unconfined(confined: bool) {
    static TOLD: Once = Once::new();
    if !confined && cfg!(target_os = "linux") {
        TOLD.call_once(|| {
            tracing::warn!(
                "documents are read in a process that this system cannot keep from files and networks"
            );
        });
    }
}
