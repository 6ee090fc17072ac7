//! Running other programs: shown before they run, with a clear error when they fail.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// What a program said, and how it ended.
pub(crate) struct Said {
    /// Whether it ended with status 0.
    pub(crate) ok: bool,
    /// Standard output and standard error.
    pub(crate) text: String,
}

/// A program in the repository's top folder, free of what `cargo run` has told this process about itself. The
/// toolchain's libraries are nothing to other programs, and a build script that watches a variable such as
/// `CARGO_PKG_NAME` (ring's does) would run again, and with it half the workspace, whenever a person and this program
/// build in turn.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::project::root()).env_remove("LD_LIBRARY_PATH");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether a program of this name is on the PATH.
pub(crate) fn has(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).any(|folder| folder.join(&file).is_file())
}

/// Shows the command, runs it, and fails unless it ends with status 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = show(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("starting {line}"))?;
    ended(&line, status)
}

/// Runs a command without showing it and gives its standard output; fails unless it ends with status 0.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {line}"))?;
    if !output.status.success() {
        bail!("{line}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Shows the command, runs it for at most `limit`, and lets its output through while keeping it.
pub(crate) fn tee(command: &Command, limit: Duration) -> Result<Said> {
    eprintln!("$ {}", show(command));
    keep(command, limit, io::stdout(), io::stderr())
}

/// Runs a command for at most `limit` and keeps its output, without showing either.
pub(crate) fn quietly(command: &Command, limit: Duration) -> Result<Said> {
    keep(command, limit, io::sink(), io::sink())
}

fn keep(
    command: &Command,
    limit: Duration,
    out: impl Write,
    err: impl Write + Send + 'static,
) -> Result<Said> {
    let line = show(command);
    let mut child = limited(command, limit)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {line}"))?;
    let errors = child.stderr.take().map(|pipe| thread::spawn(move || pass_on(pipe, err)));
    let output = child.stdout.take().map(|pipe| pass_on(pipe, out));
    let status = child.wait().with_context(|| format!("waiting for {line}"))?;
    let mut text = output.unwrap_or_default();
    if let Some(errors) = errors {
        text.push_str(&errors.join().unwrap_or_default());
    }
    if status.code() == Some(TIMED_OUT) && has("timeout") {
        eprintln!("xtask: stopped after {} s", limit.as_secs());
    }
    Ok(Said { ok: status.success(), text })
}

/// The command as a person would type it, for messages.
pub(crate) fn show(command: &Command) -> String {
    let mut line = short(command.get_program());
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        if argument.is_empty()
            || argument.contains(|c: char| c.is_whitespace() || "'\"$|;&()<>*?".contains(c))
        {
            line.push_str(&format!("'{argument}'"));
        } else {
            line.push_str(&argument);
        }
    }
    line
}

/// `command`, made to end with this process: neighbours and tests must not outlive the chore that started them. It is
/// in a process group of its own, so that Ctrl-C, which ends this process, reaches it as one polite signal and not two.
pub(crate) fn tied(command: &Command) -> Command {
    #[cfg(target_os = "linux")]
    if has("setpriv") {
        use std::os::unix::process::CommandExt as _;
        let mut tied = wrapped(["setpriv", "--pdeathsig", "TERM"], command);
        tied.process_group(0);
        return tied;
    }
    wrapped([], command)
}

/// The status with which coreutils' `timeout` reports that time was up.
const TIMED_OUT: i32 = 124;

fn limited(command: &Command, limit: Duration) -> Command {
    if cfg!(target_os = "linux") && has("timeout") {
        let seconds = limit.as_secs().to_string();
        tied(&wrapped(["timeout", "--kill-after=20", &seconds], command))
    } else {
        wrapped([], command)
    }
}

fn wrapped<const N: usize>(words: [&str; N], command: &Command) -> Command {
    let mut program = match words.first() {
        Some(first) => {
            let mut program = Command::new(first);
            program.args(&words[1..]).arg(command.get_program());
            program
        }
        None => Command::new(command.get_program()),
    };
    program.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        program.current_dir(folder);
    }
    program
}

fn short(program: &OsStr) -> String {
    let path = Path::new(program);
    match path.strip_prefix(crate::project::root()) {
        Ok(inside) => inside.display().to_string(),
        Err(_) => path.file_name().unwrap_or(program).to_string_lossy().into_owned(),
    }
}

fn pass_on(mut from: impl Read, mut to: impl Write) -> String {
    let mut kept = Vec::new();
    let mut piece = [0_u8; 8192];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        kept.extend_from_slice(&piece[..length]);
        // A closed terminal is no reason to lose the result.
        let _ = to.write_all(&piece[..length]).and_then(|()| to.flush());
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn ended(line: &str, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { bail!("{line}: {status}") }
}
