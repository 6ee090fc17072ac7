//! What a person sees of it: a change, a preview, a long history.

use super::{Beside, Figure, Most, QUEUE, ROUNDS, jobs, jobs_are, median};
use anyhow::{Result, bail, ensure};
use lanyard_api::{Document, JobState, PrintOptions, PrinterState, Request, Response};
use lanyard_tests::{Lab, Node, documents};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

pub(super) fn a_change_of_state() -> Result<()> {
    let beside = Beside::new()?;
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        let (command, wanted) = match round % 2 {
            0 => ("cupsdisable", PrinterState::Stopped),
            _ => ("cupsenable", PrinterState::Ready),
        };
        beside.printer.admin(&[command, QUEUE])?;
        let begun = Instant::now();
        loop {
            let Response::Nearby(nearby) = beside.sender.ask(&Request::Nearby)? else {
                bail!("nothing nearby")
            };
            if nearby.printers.iter().any(|printer| printer.name == QUEUE && printer.state == wanted) {
                break;
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "the change is not shown");
            thread::sleep(Duration::from_millis(1));
        }
        // The first comes after a long rest.
        if round > 0 {
            times.push(begun.elapsed());
        }
        // A number of milliseconds that has nothing to do with how often anybody looks.
        thread::sleep(Duration::from_millis(631 + 37 * round as u64));
    }
    if ROUNDS % 2 == 0 {
        beside.printer.admin(&["cupsenable", QUEUE])?;
    }
    let slowest = times.iter().max().copied().unwrap_or_default();
    shown("a queue that stops or goes on, shown to the sender", median(times));
    shown("the same, the slowest", slowest.as_secs_f64() * 1000.0);

    let document = documents::pdf(&["One page"]);
    let bytes = document.len() as u64;
    let file = beside.file("one.pdf", &document)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let blank = beside.blank();
        beside.lanyard(&[&file])?;
        let out = beside.on_paper(blank, bytes)?;
        let known =
            jobs_are(&beside.sender, "printed", Duration::from_secs(20), |job| job.state == JobState::Done)?;
        times.push(known.duration_since(out).unwrap_or_default());
    }
    shown("a job that is printed, shown to the sender", median(times));
    Ok(())
}

fn shown(what: &'static str, ours: f64) {
    Figure { what, unit: "ms", ours, peer: None, goal: Most::Value(300.0) }.tell();
}

pub(super) fn a_preview() -> Result<()> {
    let lab = Lab::new()?;
    let node = Node::start(&lab.host("ada")?)?;
    let texts: Vec<String> = (1..=100).map(|page| format!("Page {page} of a hundred")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let file = node.host().dir().join("hundred.pdf");
    fs::write(&file, documents::pdf(&texts))?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let told = node.ask(&Request::Preview {
            printer: None,
            document: Document::Path { path: file.to_string_lossy().into_owned() },
            options: PrintOptions::default(),
            side: 1,
            size: 1000,
        })?;
        times.push(begun.elapsed());
        let Response::Preview(preview) = told else { bail!("no preview") };
        ensure!(preview.pages == 100 && !preview.png.is_empty(), "{} pages", preview.pages);
    }
    let ours = median(times);
    Figure { what: "preview of page 1 of 100", unit: "ms", ours, peer: None, goal: Most::Value(300.0) }
        .tell();
    Ok(())
}

pub(super) fn a_long_history() -> Result<()> {
    const JOBS: usize = 1_000;
    let beside = Beside::new()?;
    let files: Vec<String> = (0..100)
        .map(|number| {
            beside.file(&format!("page-{number}.pdf"), &documents::pdf(&[&format!("Page {number}")]))
        })
        .collect::<Result<_>>()?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for _ in 0..JOBS / files.len() {
        beside.lanyard(&files)?;
        jobs_are(&beside.sender, "printed", Duration::from_secs(120), |job| job.state == JobState::Done)?;
    }
    let known = jobs(&beside.sender)?.len();
    ensure!(known == JOBS, "of {JOBS} jobs {known} are remembered");
    let (mut asked, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        jobs(&beside.sender)?;
        asked.push(begun.elapsed());
        shown.push(beside.sender.time(&["jobs"])?.took);
    }
    for (what, times) in
        [("1,000 jobs in the history, told to a window", asked), ("the same by lanyard jobs", shown)]
    {
        Figure { what, unit: "ms", ours: median(times), peer: None, goal: Most::Value(50.0) }.tell();
    }
    Ok(())
}
