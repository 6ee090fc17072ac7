//! A computer of the laboratory: namespaces for network, mounts, host name and processes.
//!
//! The namespaces have no names. A small shell is their first process and waits for the end of its standard input,
//! which is a pipe from the runner. When the runner ends, in whatever way, the pipe closes, the shell ends, the kernel
//! kills everything else in the host and takes the interfaces down with the network namespace. So nothing needs to be
//! swept after a run that was killed, and no process of a scenario can outlive it.

mod capture;
mod process;

pub use capture::Capture;
pub use process::Process;

use crate::{inside::Timed, scratch::Scratch};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// No command in a host may take longer unless it says so.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

const FIRST_PROCESS: &str = include_str!("host/first-process.sh");

/// Where the host hangs on the network, for pulling the plug.
#[derive(Clone, Debug)]
pub(crate) struct Plug {
    /// A process in the network namespace that holds the other end.
    pub(crate) namespace: u32,
    /// The other end's name there.
    pub(crate) interface: String,
}

/// One computer; clones are the same computer.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    pid: u32,
    scratch: Scratch,
    addresses: Mutex<(Option<Ipv4Addr>, Option<Ipv6Addr>)>,
    plug: Mutex<Option<Plug>>,
    holder: Mutex<(Child, Option<ChildStdin>)>,
}

impl Host {
    /// A computer without any cable.
    ///
    /// # Errors
    /// When the system does not let us make namespaces.
    pub fn new(name: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--uts", "--pid", "--fork", "--", "sh", "-c", FIRST_PROCESS, "sh"])
            .arg(name)
            .arg(scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(scratch.path().join("first-process.err"))?)
            .spawn()
            .context("start unshare")?;
        let stdin = holder.stdin.take();
        let stdout = holder.stdout.take().context("no output of the host's first process")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("wait for the host's first process")?;
        let Some(pid) = line.trim().strip_prefix("ready ").and_then(|pid| pid.parse().ok()) else {
            let _ = holder.kill();
            let _ = holder.wait();
            let words = fs::read_to_string(scratch.path().join("first-process.err")).unwrap_or_default();
            bail!("the namespaces of host {name} could not be set up: {}", words.trim());
        };
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            pid,
            scratch,
            addresses: Mutex::new((None, None)),
            plug: Mutex::new(None),
            holder: Mutex::new((holder, stdin)),
        })))
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The process id, seen from the machine, of the first process in its namespaces.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// A directory of its own; the same path inside and outside.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.0.scratch.path()
    }

    /// A path inside the host as the test can open it, also below the host's own mounts.
    #[must_use]
    pub fn seen_from_here(&self, path: &Path) -> PathBuf {
        let below_root = path.strip_prefix("/").unwrap_or(path);
        PathBuf::from(format!("/proc/{}/root", self.0.pid)).join(below_root)
    }

    /// Its IPv4 address on `eth0`.
    ///
    /// # Errors
    /// When it has none.
    pub fn ipv4(&self) -> Result<Ipv4Addr> {
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).0.context("no IPv4 address")
    }

    /// Its IPv6 address on `eth0`, not the link-local one.
    ///
    /// # Errors
    /// When it has none.
    pub fn ipv6(&self) -> Result<Ipv6Addr> {
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).1.context("no IPv6 address")
    }

    /// A command that will run inside, not started yet.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.0.pid.to_string(), "-n", "-m", "-u", "-p", "--"])
            .arg(program)
            .stdin(Stdio::null())
            .env("HOME", self.dir())
            .env("TMPDIR", "/tmp")
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("CUPS_SERVER");
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, takes longer than a minute, or fails; with what it wrote to its standard error.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        let output = self.output(command)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{} on {}: {}: {}",
            command.join(" "),
            self.0.name,
            output.status,
            stderr.trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a line of shell to its end.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn sh(&self, line: &str) -> Result<String> {
        self.run(&["sh", "-ec", line])
    }

    /// Runs a command to its end, whatever its exit status.
    ///
    /// # Errors
    /// When it cannot be started or takes longer than a minute.
    pub fn output(&self, command: &[&str]) -> Result<Output> {
        self.output_with(command, &[])
    }

    /// Runs a command with more environment.
    ///
    /// # Errors
    /// As [`Host::output`].
    pub fn output_with(&self, command: &[&str], environment: &[(String, String)]) -> Result<Output> {
        let limit = COMMAND_LIMIT.as_secs().to_string();
        let output = self
            .command("timeout")
            .args(["-k", "1", &limit])
            .args(command)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()
            .with_context(|| format!("start {} on {}", command.join(" "), self.0.name))?;
        ensure!(
            output.status.code() != Some(124),
            "{} on {}: no end after {limit} s",
            command.join(" "),
            self.0.name
        );
        Ok(output)
    }

    /// Starts a command that goes on; it ends when the returned value is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, command: &[&str]) -> Result<Process> {
        self.spawn_with(command, &[])
    }

    /// Starts a command that goes on, with more environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_with(&self, command: &[&str], environment: &[(String, String)]) -> Result<Process> {
        let (program, arguments) = command.split_first().context("no program")?;
        let label = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stdout, stderr) = loop {
            let number = next_number();
            let stdout = self.dir().join(format!("{label}.{number}.out"));
            if !stdout.exists() {
                break (stdout, self.dir().join(format!("{label}.{number}.err")));
            }
        };
        let mut child = self
            .command(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("start {label} on {}", self.0.name))?;
        let Some(pid) = process::child_of(&mut child)? else {
            let words = fs::read_to_string(&stderr).unwrap_or_default();
            bail!("{label} on {} did not start: {}", self.0.name, words.trim());
        };
        Ok(Process { child, pid, stdout, stderr, label: format!("{label} on {}", self.0.name) })
    }

    /// Starts a part of the test binary itself inside the host (see [`crate::inside`]).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_inside(&self, arguments: &[&str]) -> Result<Process> {
        let me = std::env::current_exe()?.to_string_lossy().into_owned();
        let mut command = vec![me.as_str(), crate::inside::MARK];
        command.extend(arguments);
        self.spawn(&command)
    }

    /// Runs a part of the test binary itself inside the host (see [`crate::inside`]).
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn run_inside(&self, arguments: &[&str]) -> Result<String> {
        let me = std::env::current_exe()?.to_string_lossy().into_owned();
        let mut command = vec![me.as_str(), crate::inside::MARK];
        command.extend(arguments);
        self.run(&command)
    }

    /// Runs a command inside the host and tells how long it took there.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn time(&self, command: &[&str]) -> Result<Timed> {
        let mut timed = vec!["time"];
        timed.extend(command);
        Timed::read(&self.run_inside(&timed)?)
    }

    /// Records what is sent and received on `eth0` until the returned value is stopped.
    ///
    /// # Errors
    /// When tcpdump does not start listening.
    pub fn capture(&self, filter: &str) -> Result<Capture> {
        self.record("eth0", filter, 2048)
    }

    /// The same on another interface, `any` for all of them.
    ///
    /// # Errors
    /// As [`Host::capture`].
    pub fn capture_on(&self, interface: &str, filter: &str) -> Result<Capture> {
        self.record(interface, filter, 2048)
    }

    /// Records every packet that passes any interface, whole. On a switch that is everything everybody says.
    ///
    /// # Errors
    /// When tcpdump does not start listening.
    pub fn capture_all(&self) -> Result<Capture> {
        self.record("any", "not arp", 65_535)
    }

    /// Each packet takes `longest` bytes of tcpdump's buffer, so a recording of whole ones holds fewer of them.
    fn record(&self, interface: &str, filter: &str, longest: u32) -> Result<Capture> {
        let file = self.dir().join(format!("capture.{}.pcap", next_number()));
        let path = file.to_string_lossy().into_owned();
        let process = self.spawn(&[
            "tcpdump",
            "-i",
            interface,
            "-n",
            "-U",
            "--immediate-mode",
            "-B",
            "65536",
            "-s",
            &longest.to_string(),
            "-Z",
            "root",
            "-w",
            &path,
            filter,
        ])?;
        crate::soon("tcpdump listens", Duration::from_secs(5), || {
            ensure!(process.errors().contains("listening on"), "{}", process.errors());
            Ok(())
        })?;
        Ok(Capture { host: self.clone(), process, file })
    }

    /// A small disk of its own at `path`; only the host sees it (use [`Host::seen_from_here`]).
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn small_disk(&self, path: &Path, bytes: u64) -> Result<()> {
        let path = path.to_string_lossy();
        self.run(&["mkdir", "-p", &path])?;
        self.run(&["mount", "-t", "tmpfs", "-o", &format!("size={bytes},mode=755"), "tmpfs", &path])?;
        Ok(())
    }

    /// Pulls the cable out.
    ///
    /// # Errors
    /// When there is none.
    pub fn unplug(&self) -> Result<()> {
        self.set_plug("down")
    }

    /// Puts it back.
    ///
    /// # Errors
    /// When there is none.
    pub fn plug(&self) -> Result<()> {
        self.set_plug("up")
    }

    fn set_plug(&self, state: &str) -> Result<()> {
        let plug = self.0.plug.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let plug = plug.context("this host has no cable")?;
        run_in_network(plug.namespace, &["ip", "link", "set", "dev", &plug.interface, state])
    }

    /// Gives `eth0` other addresses, as a DHCP server or a router may at any time.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn change_address(&self, ipv4: Ipv4Addr, ipv6: Ipv6Addr) -> Result<()> {
        self.sh(&format!(
            "ip addr flush dev eth0 scope global
             ip addr add {ipv4}/24 brd + dev eth0
             ip -6 addr add {ipv6}/64 dev eth0 nodad
             ip route replace 224.0.0.0/4 dev eth0"
        ))?;
        self.set_addresses(Some(ipv4), Some(ipv6));
        Ok(())
    }

    pub(crate) fn set_addresses(&self, ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) {
        *self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner) = (ipv4, ipv6);
    }

    pub(crate) fn set_cable(&self, plug: Plug) {
        *self.0.plug.lock().unwrap_or_else(PoisonError::into_inner) = Some(plug);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let holder = self.holder.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The end of its input is the end of the host; see the module's documentation.
        drop(holder.1.take());
        if let Some(pid) = pid(self.pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = holder.0.wait();
    }
}

/// Runs a command in the network namespace of a process, but in nobody else's other namespaces.
pub(crate) fn run_in_network(namespace: u32, command: &[&str]) -> Result<()> {
    let output = Command::new("nsenter")
        .args(["-t", &namespace.to_string(), "-n", "--"])
        .args(command)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", command.join(" ")))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", command.join(" "), stderr.trim());
    Ok(())
}

fn next_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn pid(raw: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(raw).ok()?)
}
