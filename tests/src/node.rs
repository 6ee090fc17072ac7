//! A node on a host, and the `lanyard` command that talks to it.

use crate::{
    Hopeless,
    host::{Host, Process},
    inside::Timed,
    printer::PaperPrinter,
};
use anyhow::{Context, Result, bail, ensure};
use lanyard_api::{
    ApiError, Device, Job, JobState, Nearby, NodeStatus, Request, Response, Transfer, TransferState,
};
use rustix::process::Signal;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    env, fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

/// A node starts within a few hundred milliseconds; several scenarios at once may make that longer.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// The line a node prints when it can be used.
#[derive(Clone, Debug, Deserialize)]
pub struct Ready {
    /// The device's identity.
    pub id: String,
    /// The name others see.
    pub name: String,
    /// Its port for other nodes, 0 while it has none.
    pub port: u16,
}

/// How a node answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answered {
    Ok(Box<Response>),
    Error(ApiError),
}

/// How a node of the laboratory is started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The name others see; none means the host's name.
    pub name: Option<String>,
    /// More arguments of `lanyard run`.
    pub arguments: Vec<String>,
    /// More environment, for the node and for the commands that talk to it.
    pub environment: Vec<(String, String)>,
    /// The system's user it runs as; none means root, as the laboratory does.
    pub user: Option<String>,
}

/// One running node.
#[derive(Debug)]
pub struct Node {
    host: Host,
    setup: Setup,
    data: PathBuf,
    process: Option<Process>,
    ready: Ready,
}

impl Node {
    /// Starts a node named after its host. Its network is still public.
    ///
    /// # Errors
    /// When the binary is missing or does not become ready.
    pub fn start(host: &Host) -> Result<Self> {
        Self::start_with(host, Setup::default())
    }

    /// Starts a node and marks the network it is on as its owner's own.
    ///
    /// # Errors
    /// As [`Node::start`], or when the network cannot be marked.
    pub fn at_home(host: &Host) -> Result<Self> {
        Self::at_home_with(host, Setup::default())
    }

    /// The same in another way.
    ///
    /// # Errors
    /// As [`Node::at_home`].
    pub fn at_home_with(host: &Host, setup: Setup) -> Result<Self> {
        let node = Self::start_with(host, setup)?;
        node.trust_network()?;
        Ok(node)
    }

    /// The same beside a printer of its own.
    ///
    /// # Errors
    /// As [`Node::at_home`].
    pub fn at_home_beside(host: &Host, printer: &PaperPrinter) -> Result<Self> {
        Self::at_home_with(host, Setup { environment: printer.environment(), ..Setup::default() })
    }

    /// Starts a node in another way.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_with(host: &Host, setup: Setup) -> Result<Self> {
        let data = host.dir().join("data");
        if let Some(user) = &setup.user {
            let data = data.to_string_lossy();
            host.run(&["install", "-d", "-m", "700", "-o", user, &data])?;
            host.run(&["chown", user, &host.dir().to_string_lossy()])?;
        }
        let mut node = Self {
            host: host.clone(),
            setup,
            data,
            process: None,
            ready: Ready { id: String::new(), name: String::new(), port: 0 },
        };
        node.start_again()?;
        Ok(node)
    }

    /// Starts the node again with the same data.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_again(&mut self) -> Result<()> {
        let program = binary()?;
        let data = self.data.to_string_lossy().into_owned();
        let name = self.name().to_owned();
        let mut command = Vec::new();
        if let Some(user) = &self.setup.user {
            command.extend(["/usr/bin/setpriv", "--reuid", user, "--clear-groups", "--"]);
        }
        command.extend([program.as_str(), "run", "--json", "--data", &data, "--name", &name]);
        command.extend(self.setup.arguments.iter().map(String::as_str));
        let mut environment = self.setup.environment.clone();
        environment.push(("RUST_BACKTRACE".into(), "1".into()));
        let mut process = self.host.spawn_with(&command, &environment)?;
        let begun = Instant::now();
        self.ready = loop {
            if let Some(line) = process.written().split_inclusive('\n').find(|line| line.ends_with('\n')) {
                break serde_json::from_str(line).with_context(|| format!("the ready line is {line:?}"))?;
            }
            if !process.runs() || begun.elapsed() > READY_WITHIN {
                bail!("the node on {} did not become ready: {}", self.host.name(), process.errors().trim());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.process = Some(process);
        Ok(())
    }

    /// The host it runs on.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.setup.name.as_deref().unwrap_or(self.host.name())
    }

    /// Gives it another name from its next start on.
    pub fn set_name(&mut self, name: &str) {
        self.setup.name = Some(name.to_owned());
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it said when it became ready.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The running process.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the node does not run")
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill(&mut self) -> Result<()> {
        self.keep_words();
        self.process()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// Asks it to stop and waits for its end; answers how long that took.
    ///
    /// # Errors
    /// When it does not end, or not with status 0.
    pub fn stop(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let process = self.process()?;
        process.signal(Signal::TERM)?;
        let status = process.wait(Duration::from_secs(10))?;
        self.keep_words();
        self.process = None;
        ensure!(status == Some(0), "a node asked to stop ended with {status:?}");
        Ok(begun.elapsed())
    }

    /// Runs `lanyard` for this node and gives what it printed, whatever its exit status.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        let program = binary()?;
        let data = self.data.to_string_lossy().into_owned();
        let mut command = vec![program.as_str(), "--data", data.as_str()];
        command.extend(arguments);
        self.host.output_with(&command, &self.setup.environment)
    }

    /// Runs `lanyard` for this node.
    ///
    /// # Errors
    /// When it fails; with its words.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        ensure!(
            output.status.success(),
            "lanyard {} on {}: {}: {}",
            arguments.join(" "),
            self.host.name(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks the node over its own socket, as a front end does.
    ///
    /// # Errors
    /// When it does not answer within a minute, or refuses: then with its words.
    pub fn ask(&self, request: &Request) -> Result<Response> {
        let mut stream = UnixStream::connect(self.data.join("node.sock")).context("the node's socket")?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let body = serde_json::to_string(request)?;
        write!(
            stream,
            "POST /rpc HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the node's answer")?;
        let (_, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no answer: {answer:?}"))?;
        match serde_json::from_str(body).with_context(|| format!("it answered {answer:?}"))? {
            Answered::Ok(response) => Ok(*response),
            Answered::Error(error) => bail!("{:?}: {}", error.code, error.detail),
        }
    }

    /// Asks for what it has to refuse; answers its words.
    ///
    /// # Errors
    /// When it does not refuse.
    pub fn refuses_to(&self, request: &Request) -> Result<String> {
        match self.ask(request) {
            Ok(response) => bail!("{request:?} was answered with {response:?}"),
            Err(error) => Ok(format!("{error:#}")),
        }
    }

    /// Runs `lanyard … --json` and reads the document it prints.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let text = self.run(&arguments)?;
        serde_json::from_str(&text)
            .with_context(|| format!("lanyard {} printed {text:?}", arguments.join(" ")))
    }

    /// Runs `lanyard` for this node and tells how long that took.
    ///
    /// # Errors
    /// As [`Node::run`].
    pub fn time(&self, arguments: &[&str]) -> Result<Timed> {
        let program = binary()?;
        let data = self.data.to_string_lossy().into_owned();
        let mut command = vec![program.as_str(), "--data", data.as_str()];
        command.extend(arguments);
        self.host.time(&command)
    }

    /// Runs `lanyard` expecting it to fail in the proper way: exit status 1, a reason on stderr, nothing that looks
    /// like a crash. Answers the reason.
    ///
    /// # Errors
    /// When it succeeds or fails in another way.
    pub fn refuses(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        ensure!(
            output.status.code() == Some(1),
            "lanyard {}: {} instead of status 1; it wrote {:?} and {reason:?}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        ensure!(!reason.is_empty(), "lanyard {} failed without a reason", arguments.join(" "));
        ensure!(!reason.contains("panicked"), "lanyard {} crashed: {reason}", arguments.join(" "));
        Ok(reason)
    }

    /// Starts `lanyard` for this node and lets it go on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Process> {
        let program = binary()?;
        let data = self.data.to_string_lossy().into_owned();
        let mut command = vec![program.as_str(), "--data", data.as_str()];
        command.extend(arguments);
        self.host.spawn_with(&command, &self.setup.environment)
    }

    /// `lanyard network trust current`.
    ///
    /// # Errors
    /// When it fails.
    pub fn trust_network(&self) -> Result<()> {
        self.run(&["network", "trust", "current"]).map(drop)
    }

    /// `lanyard status`.
    ///
    /// # Errors
    /// When it fails.
    pub fn status(&self) -> Result<NodeStatus> {
        self.json(&["status"])
    }

    /// `lanyard nearby`.
    ///
    /// # Errors
    /// When it fails.
    pub fn nearby(&self) -> Result<Nearby> {
        self.json(&["nearby"])
    }

    /// The devices it sees now that answer, by name, sorted.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn sees(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self
            .nearby()?
            .devices
            .into_iter()
            .filter(|device| device.state == lanyard_api::DeviceState::Online)
            .map(|device| device.name)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Waits until it sees exactly these devices.
    ///
    /// # Errors
    /// When it sees others at the end of `limit`.
    pub fn sees_just(&self, names: &[&str], limit: Duration) -> Result<()> {
        crate::soon(&format!("{} sees just {names:?}", self.name()), limit, || {
            let seen = self.sees()?;
            ensure!(seen == names, "{} sees {seen:?}", self.name());
            Ok(())
        })
    }

    /// Waits until it sees the device called `name`.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn finds_device(&self, name: &str, limit: Duration) -> Result<Device> {
        crate::soon(&format!("{} finds {name}", self.name()), limit, || {
            let devices = self.nearby()?.devices;
            let seen = format!("{devices:?}");
            devices
                .into_iter()
                .find(|device| device.name == name && device.state == lanyard_api::DeviceState::Online)
                .with_context(|| format!("it sees {seen}"))
        })
    }

    /// Waits until a printer with this name can be used.
    ///
    /// # Errors
    /// When there is none within ten seconds.
    pub fn finds_printer(&self, name: &str) -> Result<lanyard_api::Printer> {
        crate::soon(&format!("{} finds the printer {name}", self.name()), Duration::from_secs(10), || {
            let printers = self.nearby()?.printers;
            let seen = format!("{printers:?}");
            printers
                .into_iter()
                .find(|printer| printer.name == name)
                .with_context(|| format!("it finds {seen}"))
        })
    }

    /// Waits until a drive with this name can be used.
    ///
    /// # Errors
    /// When there is none within ten seconds.
    pub fn finds_drive(&self, name: &str) -> Result<lanyard_api::Drive> {
        crate::soon(&format!("{} finds the drive {name}", self.name()), Duration::from_secs(10), || {
            let drives = self.nearby()?.drives;
            let seen = format!("{drives:?}");
            drives
                .into_iter()
                .find(|drive| drive.name == name && drive.available)
                .with_context(|| format!("it finds {seen}"))
        })
    }

    /// One of its print jobs.
    ///
    /// # Errors
    /// When it has none with this id.
    pub fn job(&self, id: &str) -> Result<Job> {
        let jobs: Vec<Job> = self.json(&["jobs"])?;
        jobs.into_iter().find(|job| job.id == id).with_context(|| format!("{} has no job {id}", self.name()))
    }

    /// Waits until a job is in `state`.
    ///
    /// # Errors
    /// When it is in another one at the end of `limit`.
    pub fn job_becomes(&self, id: &str, state: JobState, limit: Duration) -> Result<Job> {
        crate::soon(&format!("the job is {state:?} for {}", self.name()), limit, || {
            let job = self.job(id)?;
            let words = format!("it is {:?} ({:?}: {:?})", job.state, job.reason, job.detail);
            match job.state {
                now if now == state => Ok(job),
                JobState::Done | JobState::Cancelled | JobState::Failed => Err(Hopeless::because(words)),
                _ => bail!("{words}"),
            }
        })
    }

    /// Its copies, newest first.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn transfers(&self) -> Result<Vec<Transfer>> {
        self.json(&["transfers"])
    }

    /// Waits until its newest copy has moved at least `bytes` and is not whole yet.
    ///
    /// # Errors
    /// When there is none such within `limit`.
    pub fn is_copying(&self, bytes: u64, limit: Duration) -> Result<Transfer> {
        crate::soon(&format!("{} is in the middle of a copy", self.name()), limit, || {
            let newest = self.transfers()?.into_iter().next().context("no copy yet")?;
            ensure!(
                newest.state == TransferState::Running && newest.bytes_done >= bytes,
                "it is {:?} with {} bytes ({:?})",
                newest.state,
                newest.bytes_done,
                newest.detail
            );
            Ok(newest)
        })
    }

    /// Waits until its newest copy is in `state`.
    ///
    /// # Errors
    /// When it is in another one at the end of `limit`.
    pub fn copy_becomes(&self, state: TransferState, limit: Duration) -> Result<Transfer> {
        crate::soon(&format!("the copy is {state:?} for {}", self.name()), limit, || {
            let newest = self.transfers()?.into_iter().next().context("no copy")?;
            let words = format!(
                "it is {:?} with {} bytes ({:?}: {:?})",
                newest.state, newest.bytes_done, newest.reason, newest.detail
            );
            match newest.state {
                now if now == state => Ok(newest),
                TransferState::Done
                | TransferState::Cancelled
                | TransferState::Failed
                | TransferState::Paused => Err(Hopeless::because(words)),
                _ => bail!("{words}"),
            }
        })
    }

    /// What it has logged so far.
    #[must_use]
    pub fn words(&self) -> String {
        self.process.as_ref().map(Process::errors).unwrap_or_default()
    }

    fn keep_words(&self) {
        let words = self.words();
        let lines: Vec<&str> = words.lines().collect();
        let tail = lines[lines.len().saturating_sub(60)..].join("\n");
        crate::runner::evidence(format!("-- what the node on {} logged last:\n{tail}\n", self.host.name()));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.keep_words();
        }
    }
}

/// The `lanyard` under test: `LANYARD_BIN`, or the one beside this test binary in Cargo's target directory.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<String> {
    let path = match env::var_os("LANYARD_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let me = env::current_exe()?;
            let profile =
                me.parent().and_then(Path::parent).context("the test binary is in no target directory")?;
            profile.join("lanyard")
        }
    };
    ensure!(
        fs::metadata(&path).is_ok_and(|found| found.is_file()),
        "the program under test is missing: {} (build it with `cargo build -p lanyard-cli`, or set LANYARD_BIN)",
        path.display()
    );
    Ok(path.to_string_lossy().into_owned())
}
