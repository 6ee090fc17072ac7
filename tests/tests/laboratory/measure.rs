//! Figures, not tests: printing beside CUPS, in the same run and in turns.
//!
//! They run when asked for by `--measure` (`cargo xtask bench print` does, with a release build) and assert nothing
//! about time: a goal that is missed is shown as missed. Commands are timed where they run, so that the way into a
//! host of the laboratory, which is the same for both, is in none of the figures. What is said of a pair is the ratio of
//! the medians of rounds in which both had their turn, and each was the first as often as the other.

pub(crate) mod figure;
mod follow;
mod shared;
mod straight;

use anyhow::{Context, Result, bail, ensure};
use lanyard_api::{Job, Request, Response};
use lanyard_tests::{Lab, Node, PaperPrinter, inside::Timed, scenarios, soon};
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant, SystemTime},
};

use figure::{Figure, Most, median};
use follow::{a_change_of_state, a_long_history, a_preview};
use shared::{a_hundred_pages_at_once, half_a_gigabyte, one_page};
use straight::straight_to_a_printer;

scenarios![
    #[alone]
    one_page,
    #[alone]
    straight_to_a_printer,
    #[alone]
    a_hundred_pages_at_once,
    #[alone]
    half_a_gigabyte,
    #[alone]
    a_change_of_state,
    #[alone]
    a_preview,
    #[alone]
    a_long_history,
];

/// The queue whose paper is a file.
const QUEUE: &str = "Null";

/// How often one page is printed each way.
const ROUNDS: usize = 40;

/// Between two rounds, so that nothing of one is still going on in the next.
const REST: Duration = Duration::from_millis(300);

/// A queue of `ben`'s CUPS, open to the network, and shared by `ben`'s node; `ada` uses both. It is a raw one into a
/// file, so that what is measured is the way there and not the paper.
struct Beside {
    sender: Node,
    owner: Node,
    printer: PaperPrinter,
    out: PathBuf,
    cups: String,
    _lab: Lab,
}

impl Beside {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
        let printer = PaperPrinter::install_open(&ben)?;
        let out = ben.dir().join("paper");
        printer.add_file_queue(QUEUE, &out)?;
        let owner = Node::at_home_beside(&ben, &printer)?;
        let sender = Node::at_home(&ada)?;
        owner.run(&["share", "printer", QUEUE, "--name", QUEUE])?;
        sender.finds_printer(QUEUE)?;
        let cups = format!("{}:631", ben.ipv4()?);
        Ok(Self { sender, owner, printer, out, cups, _lab: lab })
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.sender.host().dir().join(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// `lp` straight to the other computer's CUPS. Of several files it would make one job, so it is started for each.
    fn lp(&self, files: &[&str]) -> Result<Timed> {
        const EACH: &str =
            r#"server=$1; queue=$2; shift 2; for file do lp -h "$server" -d "$queue" "$file"; done"#;
        let mut command = match files {
            [_] => vec!["lp", "-h", &self.cups, "-d", QUEUE],
            _ => vec!["sh", "-ec", EACH, "sh", &self.cups, QUEUE],
        };
        command.extend(files);
        self.sender.host().time(&command)
    }

    fn lanyard(&self, files: &[&str]) -> Result<Timed> {
        let mut command = vec!["print"];
        command.extend(files);
        command.extend(["--on", QUEUE]);
        self.sender.time(&command)
    }

    /// What the paper is before a document comes onto it.
    fn blank(&self) -> Option<SystemTime> {
        fs::metadata(&self.out).and_then(|found| found.modified()).ok()
    }

    /// Waits until the paper, which was so, has `bytes` on it; when that was.
    fn on_paper(&self, blank: Option<SystemTime>, bytes: u64) -> Result<SystemTime> {
        let begun = Instant::now();
        loop {
            if let Ok(found) = fs::metadata(&self.out)
                && found.len() == bytes
                && found.modified().ok() != blank
            {
                return Ok(SystemTime::now());
            }
            ensure!(
                begun.elapsed() < Duration::from_secs(60),
                "nothing came out of the printer, which has {:?} of {bytes} bytes:\n{}",
                fs::metadata(&self.out).map(|found| found.len()),
                self.printer.log()
            );
            thread::sleep(Duration::from_micros(500));
        }
    }

    /// Prints in one way and waits for the paper: the command's own time, and until it was on paper.
    fn round(
        &self,
        bytes: u64,
        print: impl FnOnce() -> Result<Timed> + Send,
    ) -> Result<(Duration, Duration)> {
        let blank = self.blank();
        // Small documents are on paper before their command has ended.
        let (printed, out) = thread::scope(|scope| {
            let printing = scope.spawn(print);
            let out = self.on_paper(blank, bytes);
            let printed = printing.join().unwrap_or_else(|_| bail!("the command could not be timed"));
            (printed, out)
        });
        let (printed, out) = (printed?, out?);
        thread::sleep(REST);
        Ok((printed.took, printed.until(out)))
    }

    /// Waits until CUPS has finished that many jobs. It is not asked, which would keep it from printing.
    fn finished(&self, count: usize) -> Result<()> {
        soon("all are finished", Duration::from_secs(300), || {
            let finished = self.printer.completions()?;
            ensure!(finished >= count, "{finished} of {count} are finished");
            Ok(())
        })
    }
}

/// All jobs a node knows.
fn jobs(node: &Node) -> Result<Vec<Job>> {
    match node.ask(&Request::Jobs)? {
        Response::Jobs(jobs) => Ok(jobs),
        other => bail!("asked for jobs, it told {other:?}"),
    }
}

/// Waits until all of a node's jobs are so.
fn jobs_are(node: &Node, what: &str, limit: Duration, are: impl Fn(&Job) -> bool) -> Result<SystemTime> {
    let begun = Instant::now();
    loop {
        let jobs = jobs(node)?;
        if jobs.iter().all(&are) {
            return Ok(SystemTime::now());
        }
        let odd = jobs.iter().find(|job| !are(job));
        ensure!(begun.elapsed() < limit, "a job is not {what}: {odd:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The most memory a node ever held, in MB.
fn peak(node: &mut Node) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process()?.pid()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}
