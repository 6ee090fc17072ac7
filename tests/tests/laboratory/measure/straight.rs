//! A standard printer that no node shares, and the same printer through a driverless queue of CUPS's.

use super::{Figure, Most, REST, ROUNDS, jobs, median};
use anyhow::{Context, Result, ensure};
use lanyard_api::JobState;
use lanyard_tests::{Lab, Node, PaperPrinter, StandardPrinter, documents, inside::Timed};
use std::{
    fs, thread,
    time::{Duration, Instant, SystemTime},
};

const NAME: &str = "Kitchen";

/// `ada`'s node and `ada`'s CUPS, and a printer that both know.
struct Both {
    ada: Node,
    cups: PaperPrinter,
    printer: StandardPrinter,
    file: String,
    _lab: Lab,
}

impl Both {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let (host, kitchen) = (lab.host("ada")?, lab.host("kitchen")?);
        let printer = StandardPrinter::install(&kitchen, NAME, &["application/pdf", "image/pwg-raster"])?;
        let cups = PaperPrinter::install(&host)?;
        let uri = format!("ipp://{}:8631/ipp/print", kitchen.ipv4()?);
        cups.admin(&["lpadmin", "-p", NAME, "-E", "-v", &uri, "-m", "everywhere"])?;
        let ada = Node::at_home(&host)?;
        ada.finds_printer(NAME)?;
        let file = host.dir().join("one.pdf");
        fs::write(&file, documents::pdf(&["One page"]))?;
        Ok(Self { ada, cups, printer, file: file.to_string_lossy().into_owned(), _lab: lab })
    }

    fn lp(&self) -> Result<Timed> {
        let server = self.cups.environment().into_iter().map(|(name, value)| format!("{name}={value}"));
        let server = server.collect::<Vec<_>>().join(" ");
        self.ada.host().time(&["env", &server, "lp", "-d", NAME, &self.file])
    }

    /// Prints once; until it was on paper, and until this computer knew that.
    fn round(&self, ours: bool) -> Result<(Duration, Duration)> {
        let before = self.printer.sheets()?;
        let known_before = if ours { 0 } else { self.cups.completions()? };
        let (timed, out, known) = thread::scope(|scope| {
            let printing = scope
                .spawn(|| if ours { self.ada.time(&["print", &self.file, "--on", NAME]) } else { self.lp() });
            let out = moment("on paper", || Ok(self.printer.sheets()? > before));
            let timed = printing.join().ok().context("the command could not be timed")?;
            let known = moment("known to be printed", || {
                if ours {
                    // The newest one comes first.
                    Ok(jobs(&self.ada)?.first().is_some_and(|job| job.state == JobState::Done))
                } else {
                    Ok(self.cups.completions()? > known_before)
                }
            });
            anyhow::Ok((timed?, out?, known?))
        })?;
        thread::sleep(REST);
        Ok((timed.until(out), timed.until(known)))
    }
}

/// Waits for something; when it was so.
fn moment(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<SystemTime> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < Duration::from_secs(60), "it is not {what}");
        // Not so often that the asking keeps those busy who are to print.
        thread::sleep(Duration::from_millis(3));
    }
    Ok(SystemTime::now())
}

pub(super) fn straight_to_a_printer() -> Result<()> {
    let both = Both::new()?;
    let (mut on_paper, mut known) = ([vec![], vec![]], [vec![], vec![]]);
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            let ours = (round + turn) % 2 == 0;
            let (out, end) = both.round(ours)?;
            if round > 0 {
                on_paper[usize::from(ours)].push(out);
                known[usize::from(ours)].push(end);
            }
        }
    }
    for (what, [cups, lanyard], most) in [
        // CUPS's backend asks the printer each second.
        ("one page straight to an IPP printer, known to be printed", known, 0.5),
        ("one page straight to an IPP printer, on paper", on_paper, 1.0),
    ] {
        Figure {
            what,
            unit: "ms",
            ours: median(lanyard),
            peer: Some(("CUPS, driverless", median(cups))),
            goal: Most::Times(most),
        }
        .tell();
    }
    Ok(())
}
