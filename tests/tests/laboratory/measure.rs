//! Figures, not tests: printing beside CUPS on the same queue, in the same run, in turns.
//!
//! They run when asked for by `--measure` (`cargo xtask bench print` does, with a release build) and assert nothing
//! about time. The queue is a raw one into a file, so that what is measured is the way there and not the paper.

use anyhow::{Context, Result, ensure};
use lanyard_api::{JobState, PrinterState, Request, Response};
use lanyard_tests::{Host, Lab, Node, PaperPrinter, documents, runner::remark, scenarios, soon};
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant, SystemTime},
};

scenarios![
    #[alone]
    one_page,
    #[alone]
    a_hundred_pages_at_once,
    #[alone]
    half_a_gigabyte,
    #[alone]
    a_change_of_state,
];

/// The queue whose paper is a file.
const QUEUE: &str = "Null";

/// How often one page is printed each way.
const ROUNDS: usize = 15;

/// A queue of `ben`'s CUPS, open to the network, and shared by `ben`'s node; `ada` uses both.
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

    fn ada(&self) -> &Host {
        self.sender.host()
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.ada().dir().join(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// `lp` straight to the other computer's CUPS.
    fn lp(&self, files: &[&str]) -> Result<()> {
        let mut command = vec!["lp", "-h", &self.cups, "-d", QUEUE];
        command.extend(files);
        self.ada().run(&command).map(drop)
    }

    fn lanyard(&self, files: &[&str]) -> Result<()> {
        let mut command = vec!["print"];
        command.extend(files);
        command.extend(["--on", QUEUE]);
        self.sender.run(&command).map(drop)
    }

    /// Waits until the paper was written to after `since` and holds that many bytes; when that was.
    fn on_paper(&self, since: SystemTime, bytes: u64) -> Result<SystemTime> {
        let begun = Instant::now();
        loop {
            if let Ok(found) = fs::metadata(&self.out)
                && found.len() == bytes
                && let Ok(at) = found.modified()
                && at > since
            {
                return Ok(at);
            }
            ensure!(
                begun.elapsed() < Duration::from_secs(60),
                "nothing came out of the printer, which has {:?} of {bytes} bytes:\n{}",
                fs::metadata(&self.out).map(|found| found.len()),
                self.printer.log()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until none of the sender's jobs is on its way to the owner any more.
    fn accepted(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let Response::Jobs(jobs) = self.sender.ask(&Request::Jobs)? else { anyhow::bail!("no jobs") };
            if jobs.iter().all(|job| job.state != JobState::Sending) {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(120), "a job is not accepted");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until CUPS has finished that many jobs.
    fn finished(&self, count: usize) -> Result<()> {
        soon("all are finished", Duration::from_secs(180), || {
            let finished = self.printer.completed_in_cups()?;
            ensure!(finished >= count, "{finished} of {count} are finished");
            Ok(())
        })
    }
}

fn one_page() -> Result<()> {
    let beside = Beside::new()?;
    let document = documents::pdf(&["One page"]);
    let bytes = document.len() as u64;
    let file = beside.file("one.pdf", &document)?;
    let (mut submit, mut lp, mut ours, mut accepted, mut lanyard) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let since = SystemTime::now();
        let begun = Instant::now();
        beside.lp(&[&file])?;
        let submitted = begun.elapsed();
        let out = beside.on_paper(since, bytes)?.duration_since(since)?;
        thread::sleep(Duration::from_millis(300));
        let again = SystemTime::now();
        let begun = Instant::now();
        beside.lanyard(&[&file])?;
        let safe_here = begun.elapsed();
        beside.accepted()?;
        let safe_there = begun.elapsed();
        let printed = beside.on_paper(again, bytes)?.duration_since(again)?;
        thread::sleep(Duration::from_millis(300));
        // The first one warms everything up.
        if round > 0 {
            submit.push(submitted);
            lp.push(out);
            ours.push(safe_here);
            accepted.push(safe_there);
            lanyard.push(printed);
        }
    }
    let (submit, lp, lanyard) = (median(submit), median(lp), median(lanyard));
    let (ours, accepted) = (median(ours), median(accepted));
    remark(format!("lp: submitted {submit:.0} ms, on paper {lp:.0} ms"));
    remark(format!("Lanyard: safe here {ours:.0} ms, safe there {accepted:.0} ms, on paper {lanyard:.0} ms"));
    remark(format!("on paper {:.2} × lp (goal 1.2)", lanyard / lp));
    remark(format!("accepted {:.2} × lp's submission (goal 0.5)", ours / submit));
    Ok(())
}

fn a_hundred_pages_at_once() -> Result<()> {
    const COUNT: usize = 100;
    let beside = Beside::new()?;
    let files: Vec<String> = (0..COUNT)
        .map(|number| {
            beside.file(&format!("page-{number}.pdf"), &documents::pdf(&[&format!("Page {number}")]))
        })
        .collect::<Result<_>>()?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let begun = Instant::now();
    // `lp` with several files makes one job of them, so it is started for each.
    for file in &files {
        beside.lp(&[file])?;
    }
    let submitted = begun.elapsed();
    beside.finished(COUNT)?;
    let lp = begun.elapsed();
    let begun = Instant::now();
    beside.lanyard(&files)?;
    let safe_here = begun.elapsed();
    beside.accepted()?;
    let safe_there = begun.elapsed();
    beside.finished(2 * COUNT)?;
    let lanyard = begun.elapsed();
    let rate = |time: Duration| 100.0 / time.as_secs_f64();
    remark(format!("lp: accepted {:.0}/s, finished {:.1}/s", rate(submitted), rate(lp)));
    remark(format!(
        "Lanyard: safe here {:.0}/s, safe there {:.0}/s, finished {:.1}/s",
        rate(safe_here),
        rate(safe_there),
        rate(lanyard)
    ));
    remark(format!("accepted at {:.1} × CUPS's rate (goal 3)", rate(safe_here) / rate(submitted)));
    remark(format!("finished at {:.2} × CUPS's rate (goal 0.95)", rate(lanyard) / rate(lp)));

    // Nine hundred more for the history, of which the owner remembers as many as it does.
    for _ in 0..9 {
        beside.lanyard(&files)?;
    }
    let times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            let asked = beside.sender.ask(&Request::Jobs)?;
            let Response::Jobs(jobs) = asked else { anyhow::bail!("no jobs") };
            ensure!(jobs.len() >= 500, "only {} jobs are remembered", jobs.len());
            Ok(begun.elapsed())
        })
        .collect::<Result<_>>()?;
    let Response::Jobs(jobs) = beside.sender.ask(&Request::Jobs)? else { anyhow::bail!("no jobs") };
    remark(format!("{} jobs listed in {:.0} ms (goal 50)", jobs.len(), median(times)));
    Ok(())
}

fn half_a_gigabyte() -> Result<()> {
    let mut beside = Beside::new()?;
    let document = documents::pdf_with_ballast(&["Heavy"], 500_000_000);
    let bytes = document.len() as u64;
    let file = beside.file("heavy.pdf", &document)?;
    drop(document);
    let since = SystemTime::now();
    beside.lp(&[&file])?;
    let lp = beside.on_paper(since, bytes)?.duration_since(since)?;
    fs::remove_file(&beside.out)?;
    let since = SystemTime::now();
    beside.lanyard(&[&file])?;
    let lanyard = beside.on_paper(since, bytes)?.duration_since(since)?;
    let peaks = [peak(&mut beside.sender)?, peak(&mut beside.owner)?];
    remark(format!("500 MB: lp {:.1} s, Lanyard {:.1} s", lp.as_secs_f64(), lanyard.as_secs_f64()));
    remark(format!("{:.2} × a raw CUPS queue (goal 1.2)", lanyard.as_secs_f64() / lp.as_secs_f64()));
    remark(format!("most memory: sender {} MB, owner {} MB (goal 40)", peaks[0], peaks[1]));
    Ok(())
}

/// The most memory a node ever held, in MB.
fn peak(node: &mut Node) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process()?.pid()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1000)
}

fn a_change_of_state() -> Result<()> {
    let beside = Beside::new()?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let (command, wanted) = match round % 2 {
            0 => ("cupsdisable", PrinterState::Stopped),
            _ => ("cupsenable", PrinterState::Ready),
        };
        beside.printer.admin(&[command, QUEUE])?;
        let begun = Instant::now();
        loop {
            let nearby = beside.sender.nearby()?;
            if nearby.printers.iter().any(|printer| printer.name == QUEUE && printer.state == wanted) {
                break;
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "the change is not shown");
        }
        times.push(begun.elapsed());
        thread::sleep(Duration::from_millis(700));
    }
    let slowest = times.iter().max().copied().unwrap_or_default();
    remark(format!(
        "a change at the queue is shown to the sender after {:.0} ms, at most {:.0} ms (goal 300)",
        median(times),
        slowest.as_secs_f64() * 1000.0
    ));
    Ok(())
}

/// The middle one, in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1000.0
}
