//! A shared printer and the test suites of the printing world, run from another computer with Debian's `ipptool`.
//!
//! What passed is compared with the table in `docs/conformance.md`: it may become more, not less. Where
//! `LANYARD_CONFORMANCE` names a folder, the figures are left there for `cargo xtask conformance`, which writes the table.

use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState, Share};
use lanyard_ipp::{Attribute, GroupTag, Message, Operation, Value};
use lanyard_tests::{
    Host, Lab, Node, PaperPrinter,
    conformance::{Score, Suites},
    documents,
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
    what_save_as_pdf_says_that_it_can_is_in_the_file,
    what_a_queue_says_that_it_can_comes_out_of_the_printer,
];

const TABLE: &str = include_str!("../../../docs/conformance.md");

/// Suites without any failure.
const SUITES: [&str; 4] = ["ipp-1.1.test", "ipp-2.0.test", "answers.test", "documents.test"];

/// Suites for printers with a console of their own, which want operations for whoever stands there: they are told of,
/// and not promised.
const REPORTED: [&str; 2] = ["ipp-2.1.test", "ipp-2.2.test"];

/// Debian's examples of single operations. `get-printer-attributes-suite.test` is not among them: of two of its tests
/// that ask for the same, one wants `media-col-database` and one forbids it. Nor are those that send a page of
/// PostScript, which Debian does not ship and nobody here reads, and one in which somebody takes the paper out.
const COMPANIONS: [&str; 18] = [
    "get-printer-attributes.test",
    "get-printer-description-attributes.test",
    "get-job-template-attributes.test",
    "get-jobs.test",
    "get-completed-jobs.test",
    "validate-job.test",
    "print-job.test",
    "print-job-and-wait.test",
    "print-job-deflate.test",
    "print-job-gzip.test",
    "print-job-hold.test",
    "print-job-letter.test",
    "print-job-manual.test",
    "print-job-media-col.test",
    "create-job.test",
    "identify-printer.test",
    "identify-printer-display.test",
    "identify-printer-multiple.test",
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

/// No suite looks at what became of a document. What is announced is done, in the file as on paper.
fn what_save_as_pdf_says_that_it_can_is_in_the_file() -> Result<()> {
    let tested = Tested::save_as_pdf()?;
    let document = documents::pdf(&["first", "second"]);
    let picture = documents::jpeg(3_000);
    let saved = |title: &str, format: &str, document: &[u8], name: &str, value: Value| -> Result<String> {
        let chosen = Attribute::one(name, value);
        tested.prints(title, format, document, vec![chosen])?;
        let file = tested.owner.data().join(format!("downloads/Printed/{title}.pdf"));
        let file = file.to_string_lossy().into_owned();
        soon(&format!("{title} is there"), Duration::from_secs(30), || {
            let length = fs::metadata(&file)?.len();
            ensure!(length > 0, "{title} is empty so far");
            Ok(())
        })?;
        Ok(file)
    };
    let text = |file: &str| tested.owner.host().run(&["pdftotext", file, "-"]);
    let pdf = "application/pdf";

    let sides = Value::keyword("two-sided-short-edge");
    let file = saved("sides", pdf, &document, "sides", sides)?;
    let bytes = fs::read(&file)?;
    let wish = b"/Duplex/DuplexFlipShortEdge";
    ensure!(bytes.windows(wish.len()).any(|window| window == wish), "no wish for two sides in {file}");
    ensure!(text(&file)?.contains("second"), "its pages are still there");

    let file = saved("covered", pdf, &document, "job-sheets", Value::keyword("standard"))?;
    let pages: Vec<String> = text(&file)?.split('\u{c}').map(str::to_owned).collect();
    ensure!(pages[0].contains("covered") && pages[0].contains("tester"), "{pages:?}");
    ensure!(pages[1].contains("first") && pages[2].contains("second"), "{pages:?}");

    let plain = saved("photo", "image/jpeg", &picture, "print-quality", Value::Enum(4))?;
    let small = saved("draft", "image/jpeg", &picture, "print-quality", Value::Enum(3))?;
    let (plain, small) = (fs::metadata(plain)?.len(), fs::metadata(small)?.len());
    remark(format!("a picture in {plain} bytes, as a draft in {small}"));
    ensure!(small < plain, "a draft of {small} bytes, else {plain}");

    let coloured = saved("colours", pdf, &coloured(), "print-color-mode", Value::keyword("color"))?;
    let grey = saved("greys", pdf, &self::coloured(), "print-color-mode", Value::keyword("monochrome"))?;
    ensure!(tested.shows_colour(&coloured)? && !tested.shows_colour(&grey)?, "{coloured} {grey}");
    Ok(())
}

fn what_a_queue_says_that_it_can_comes_out_of_the_printer() -> Result<()> {
    let tested = Tested::grey_queue()?;
    let paper = tested.paper.as_ref().context("no printer")?;
    let document = documents::pdf(&["first", "second"]);
    let chosen = vec![
        Attribute::one("copies", Value::Integer(2)),
        Attribute::one("job-sheets", Value::keyword("standard")),
        Attribute::one("sides", Value::keyword("two-sided-long-edge")),
        Attribute::many("page-ranges", [Value::Range(2, 2)]),
    ];
    tested.prints("covered", "application/pdf", &document, chosen)?;
    let printed = paper.tray_with(1, Duration::from_secs(60))?.remove(0);
    ensure!(printed.copies == 2 && printed.sides == "two-sided-long-edge", "{printed:?}");
    // The sheet has a back of its own, and then comes the one page that was chosen.
    ensure!(printed.pages.len() == 3, "{printed:?}");
    ensure!(printed.pages[0].contains("covered") && printed.pages[0].contains("tester"), "{printed:?}");
    ensure!(printed.pages[1].trim().is_empty() && printed.pages[2].trim() == "second", "{printed:?}");
    let ticket = fs::read_to_string(printed.document.with_file_name("ticket"))?;
    ensure!(ticket.contains("IPP_MULTIPLE_DOCUMENT_HANDLING=separate-documents-collated-copies"), "{ticket}");

    // A resolution that the queue tells reaches CUPS, which tells it to the driver.
    let told = tested.tester.run(&["ipptool", "-tv", &tested.uri, "get-printer-attributes.test"])?;
    let value = |name: &str| {
        let line = told.lines().find(|line| line.trim().starts_with(&format!("{name} (")));
        line.and_then(|line| line.split_once(" = ")).map(|(_, value)| value.to_owned())
    };
    let usual = value("printer-resolution-default").context("no default resolution")?;
    let all = value("printer-resolution-supported").context("no resolutions")?;
    remark(format!("resolutions {all}, usually {usual}"));
    let dpi = all.split(',').find_map(|dpi| dpi.strip_suffix("dpi")?.parse().ok()).context("no number")?;
    let chosen = vec![Attribute::one("printer-resolution", Value::dpi(dpi))];
    tested.prints("fine", "application/pdf", &document, chosen)?;
    paper.tray_with(2, Duration::from_secs(60))?;
    let question = tested.tester.dir().join("jobs.test");
    fs::write(&question, JOBS_IN_CUPS)?;
    let uri = format!("ipp://localhost/printers/{QUEUE}");
    let jobs = paper.admin(&["ipptool", "-tv", &uri, &question.to_string_lossy()])?;
    let told =
        jobs.lines().filter(|line| line.contains(&format!("printer-resolution (resolution) = {dpi}dpi")));
    ensure!(told.count() == 1, "{jobs}");
    Ok(())
}

/// All that CUPS knows of its jobs.
const JOBS_IN_CUPS: &str = "{
    OPERATION Get-Jobs
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR keyword which-jobs all
    ATTR keyword requested-attributes all
}
";

/// A page with red on it.
fn coloured() -> Vec<u8> {
    let text = "x".repeat(20);
    let mut pdf = documents::pdf(&[&text]);
    let black = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET");
    // As long as what it takes the place of: offsets stay right.
    let red = format!("{:1$}", "1 0 0 rg 0 0 300 300 re f", black.len());
    if let Some(at) = pdf.windows(black.len()).position(|window| window == black.as_bytes()) {
        pdf.splice(at..at + black.len(), red.bytes());
    }
    pdf
}

/// A printer of `ben`'s, and `ada`, who tests it.
struct Tested {
    printer: &'static str,
    uri: String,
    suites: Suites,
    tester: Host,
    // Dropped in this order.
    owner: Node,
    paper: Option<PaperPrinter>,
    _lab: Lab,
}

impl Tested {
    fn queue() -> Result<Self> {
        Self::new("a shared queue of CUPS", Some(PaperPrinter::install_colour))
    }

    /// With a printer whose paper comes out face down, so that pages are printed in their order.
    fn grey_queue() -> Result<Self> {
        Self::new("a shared queue of CUPS", Some(PaperPrinter::install))
    }

    fn save_as_pdf() -> Result<Self> {
        Self::new("Save as PDF", None)
    }

    fn new(printer: &'static str, install: Option<fn(&Host) -> Result<PaperPrinter>>) -> Result<Self> {
        let lab = Lab::new()?;
        let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
        let paper = install.map(|install| install(&ben)).transpose()?;
        let owner = match &paper {
            Some(paper) => Node::at_home_beside(&ben, paper)?,
            None => Node::at_home(&ben)?,
        };
        let queue = if paper.is_some() { QUEUE } else { "save-as-pdf" };
        let share: Share = owner.json(&["share", "printer", queue, "--name", "Office", "--to", "network"])?;
        let uri = format!("ipp://{}:{}/ipp/print/{}", ben.ipv4()?, owner.status()?.port, share.id);
        let suites = Suites::write(&ada.dir().join("suites"))?;
        Ok(Self { printer, uri, suites, tester: ada, owner, paper, _lab: lab })
    }

    /// Prints as the user `tester`, with what was chosen, all of which must be possible.
    fn prints(&self, title: &str, format: &str, document: &[u8], chosen: Vec<Attribute>) -> Result<()> {
        let (address, path) = self.uri.trim_start_matches("ipp://").split_once('/').context("no path")?;
        let mut request = Message::request(Operation::PrintJob, 1)
            .with(GroupTag::Operation, "printer-uri", Value::uri(self.uri.as_str()))
            .with(GroupTag::Operation, "requesting-user-name", Value::name("tester"))
            .with(GroupTag::Operation, "job-name", Value::name(title))
            .with(GroupTag::Operation, "ipp-attribute-fidelity", Value::Boolean(true))
            .with(GroupTag::Operation, "document-format", Value::mime(format));
        for attribute in chosen {
            request.add(GroupTag::Job, attribute);
        }
        let file = self.tester.dir().join("request.ipp");
        fs::write(&file, [&request.encode(), document].concat())?;
        let post = ["post-ipp", address, &format!("/{path}"), &file.to_string_lossy()];
        let told = self.tester.run_inside(&post)?;
        ensure!(told.starts_with("http 200 ipp 0x0000"), "{title}: {told}");
        Ok(())
    }

    /// Whether a page of a PDF is anything but grey, as poppler draws it.
    fn shows_colour(&self, file: &str) -> Result<bool> {
        let root = format!("{file}.page");
        self.owner.host().run(&["pdftoppm", "-r", "20", "-singlefile", file, &root])?;
        let image = fs::read(format!("{root}.ppm"))?;
        // "P6", the size and "255" each end a line; then three bytes a pixel.
        let pixels = image.splitn(4, |byte| *byte == b'\n').nth(3).context("not a PPM")?;
        Ok(pixels.chunks(3).any(|pixel| {
            pixel.iter().max().zip(pixel.iter().min()).is_some_and(|(most, least)| most - least > 8)
        }))
    }

    fn passes_all(&self) -> Result<()> {
        for suite in SUITES {
            self.passes(suite)?;
        }
        for suite in REPORTED {
            self.report(suite, &self.run(suite)?)?;
        }
        // The second time the connection becomes one of TLS after its first request (RFC 2817).
        for (name, options) in [("single operations", &[][..]), ("single operations, ipptool -E", &["-E"])] {
            let mut all = Score::default();
            for suite in COMPANIONS {
                let score = self.suites.run(&self.tester, &self.uri, suite, options)?;
                all.passed += score.passed;
                all.skipped += score.skipped;
                all.failed.extend(score.failed.into_iter().map(|why| format!("{suite}: {why}")));
            }
            self.holds(name, &all)?;
        }
        Ok(())
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
        self.suites.run(&self.tester, &self.uri, suite, &[])
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
            let file = dir.join(format!("{suite}, {}", self.printer));
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
