//! A shared printer and the test suites of the printing world, run from another computer with Debian's `ipptool`.
//!
//! What passed is compared with the table in `docs/conformance.md`: it may become more, not less. Where
//! `LANYARD_CONFORMANCE` names a folder, the figures are left there for `cargo xtask conformance`, which writes the table.

use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState, Share};
use lanyard_tests::{
    Host, Lab, Node, PaperPrinter,
    conformance::{Score, Suites},
    printer::QUEUE,
    runner::remark,
    scenarios, soon,
};
use std::{env, fs, path::PathBuf, time::Duration};

scenarios![
    a_shared_queue_passes_the_suites_of_ipp,
    save_as_pdf_passes_the_suites_of_ipp,
    a_shared_queue_passes_the_suite_of_ipp_everywhere,
    save_as_pdf_passes_the_suite_of_ipp_everywhere,
];

const TABLE: &str = include_str!("../../../docs/conformance.md");

/// Suites without any failure.
const SUITES: [&str; 4] = ["ipp-1.1.test", "ipp-2.0.test", "answers.test", "documents.test"];

/// Suites for printers with a console of their own, which want operations for whoever stands there: they are told of,
/// and not promised.
const REPORTED: [&str; 2] = ["ipp-2.1.test", "ipp-2.2.test"];

/// Debian's examples of single operations. `get-printer-attributes-suite.test` is not among them: of two of its tests
/// that ask for the same, one wants `media-col-database` and one forbids it.
const COMPANIONS: [&str; 11] = [
    "get-printer-attributes.test",
    "get-job-template-attributes.test",
    "get-jobs.test",
    "validate-job.test",
    "print-job.test",
    "print-job-deflate.test",
    "print-job-gzip.test",
    "print-job-hold.test",
    "print-job-media-col.test",
    "create-job.test",
    "identify-printer.test",
];

fn a_shared_queue_passes_the_suites_of_ipp() -> Result<()> {
    Tested::queue()?.passes_all()
}

fn save_as_pdf_passes_the_suites_of_ipp() -> Result<()> {
    Tested::save_as_pdf()?.passes_all()
}

fn a_shared_queue_passes_the_suite_of_ipp_everywhere() -> Result<()> {
    let tested = Tested::queue()?;
    tested.passes("ipp-everywhere.test")?;
    tested.has_failed_at_nothing().map(|_| ())
}

fn save_as_pdf_passes_the_suite_of_ipp_everywhere() -> Result<()> {
    let tested = Tested::save_as_pdf()?;
    tested.passes("ipp-everywhere.test")?;
    tested.has_printed_what_it_took()
}

/// A printer of `ben`'s, and `ada`, who tests it.
struct Tested {
    printer: &'static str,
    uri: String,
    suites: Suites,
    tester: Host,
    // Dropped in this order.
    owner: Node,
    _paper: Option<PaperPrinter>,
    _lab: Lab,
}

impl Tested {
    fn queue() -> Result<Self> {
        Self::new("a shared queue of CUPS", QUEUE)
    }

    fn save_as_pdf() -> Result<Self> {
        Self::new("Save as PDF", "save-as-pdf")
    }

    fn new(printer: &'static str, queue: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
        let (paper, owner) = if queue == QUEUE {
            let paper = PaperPrinter::install_colour(&ben)?;
            let owner = Node::at_home_beside(&ben, &paper)?;
            (Some(paper), owner)
        } else {
            (None, Node::at_home(&ben)?)
        };
        let share: Share = owner.json(&["share", "printer", queue, "--name", "Office", "--to", "network"])?;
        let uri = format!("ipp://{}:{}/ipp/print/{}", ben.ipv4()?, owner.status()?.port, share.id);
        let suites = Suites::write(&ada.dir().join("suites"))?;
        Ok(Self { printer, uri, suites, tester: ada, owner, _paper: paper, _lab: lab })
    }

    fn passes_all(&self) -> Result<()> {
        for suite in SUITES {
            self.passes(suite)?;
        }
        for suite in REPORTED {
            self.report(suite, &self.run(suite)?)?;
        }
        let mut all = Score::default();
        for suite in COMPANIONS {
            let score = self.run(suite)?;
            all.passed += score.passed;
            all.skipped += score.skipped;
            all.failed.extend(score.failed.into_iter().map(|why| format!("{suite}: {why}")));
        }
        self.holds("single operations", &all)
    }

    fn passes(&self, suite: &str) -> Result<()> {
        self.holds(suite, &self.run(suite)?)
    }

    /// The suites look at answers only; a document that was taken must become paper, too.
    fn has_failed_at_nothing(&self) -> Result<Vec<Job>> {
        let jobs: Vec<Job> = self.owner.json(&["jobs"])?;
        ensure!(!jobs.is_empty(), "no job at all");
        let failed: Vec<&Job> = jobs.iter().filter(|job| job.state == JobState::Failed).collect();
        ensure!(
            failed.is_empty(),
            "{} jobs failed after they were taken: {:?}",
            failed.len(),
            failed.first()
        );
        Ok(jobs)
    }

    fn has_printed_what_it_took(&self) -> Result<()> {
        soon("every job is over", Duration::from_secs(200), || {
            let jobs = self.has_failed_at_nothing()?;
            let over = |job: &&Job| matches!(job.state, JobState::Done | JobState::Cancelled);
            let over = jobs.iter().filter(over).count();
            ensure!(over == jobs.len(), "{over} of {} jobs are over", jobs.len());
            Ok(())
        })
    }

    fn run(&self, suite: &str) -> Result<Score> {
        self.suites.run(&self.tester, &self.uri, suite)
    }

    /// No failure, and at least as much as was told of before.
    fn holds(&self, suite: &str, score: &Score) -> Result<()> {
        self.report(suite, score)?;
        ensure!(score.failed.is_empty(), "{suite} on {}:\n{}", self.printer, score.failed.join("\n"));
        let Some(told) = promised(TABLE, suite, self.printer) else { return Ok(()) };
        ensure!(
            score.passed >= told,
            "{suite} on {}: {} passed, the table says {told}",
            self.printer,
            score.passed
        );
        Ok(())
    }

    fn report(&self, suite: &str, score: &Score) -> Result<()> {
        let Score { passed, failed, skipped } = score;
        let failed = failed.len();
        remark(format!("{suite} on {}: {passed} passed, {failed} failed, {skipped} skipped", self.printer));
        if let Some(dir) = env::var_os("LANYARD_CONFORMANCE") {
            let dir = PathBuf::from(dir);
            let line = format!("| {suite} | {} | {passed} | {failed} | {skipped} |\n", self.printer);
            let file = dir.join(format!("{suite} {}", self.printer));
            fs::write(&file, line).with_context(|| file.display().to_string())?;
        }
        Ok(())
    }
}

/// The number of passed tests in the table.
fn promised(table: &str, suite: &str, printer: &str) -> Option<usize> {
    let begin = format!("| {suite} | {printer} | ");
    let rest = table.lines().find_map(|line| line.strip_prefix(&begin))?;
    rest.split('|').next()?.trim().parse().ok()
}
