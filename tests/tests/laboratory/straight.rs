//! Straight to a printer on the network that no node shares.

use anyhow::{Result, ensure};
use lanyard_api::{Job, JobState, PrinterState};
use lanyard_tests::{Lab, Node, StandardPrinter, documents, runner::remark, scenarios, soon};
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    thread,
    time::{Duration, Instant},
};

/// Moments after "print" was answered, in milliseconds: the hand-over takes a few tens.
const MOMENTS: &[u64] = &[0, 5, 10, 20, 30, 45, 60, 80, 110, 150, 250, 400];

scenarios![
    the_sender_of_a_job_for_a_standard_printer_is_killed_at_any_moment_and_each_is_printed_once,
    a_standard_printer_is_found_told_of_and_printed_on,
    a_standard_printer_without_paper_says_so_and_goes_on_with_new_paper,
    a_standard_printer_that_moves_to_another_address_is_found_there,
    a_standard_printer_that_is_switched_off_in_the_middle_gets_nothing_twice,
    a_job_for_a_standard_printer_is_cancelled_while_it_waits_and_while_it_is_printed,
    what_a_standard_printer_cannot_print_is_refused_with_the_reason,
    a_printer_that_reads_only_raster_gets_raster,
];

/// `ada`'s node and a printer called "Kitchen".
struct Kitchen {
    ada: Node,
    printer: StandardPrinter,
    host: lanyard_tests::Host,
    _lab: Lab,
}

impl Kitchen {
    fn new() -> Result<Self> {
        Self::with(&["application/pdf", "image/jpeg", "image/pwg-raster"])
    }

    fn with(formats: &[&str]) -> Result<Self> {
        let lab = Lab::new()?;
        let host = lab.host("kitchen")?;
        let printer = StandardPrinter::install(&host, "Kitchen", formats)?;
        let ada = Node::at_home(&lab.host("ada")?)?;
        ada.finds_printer("Kitchen")?;
        Ok(Self { ada, printer, host, _lab: lab })
    }

    fn print(&self, name: &str, text: &str) -> Result<Job> {
        let path = self.ada.host().dir().join(name);
        fs::write(&path, documents::pdf(&[text]))?;
        self.ada.json(&["print", &path.to_string_lossy(), "--on", "Kitchen"])
    }
}

fn a_standard_printer_is_found_told_of_and_printed_on() -> Result<()> {
    let kitchen = Kitchen::new()?;
    let printer = soon("the printer tells of itself", Duration::from_secs(15), || {
        let printer = kitchen.ada.finds_printer("Kitchen")?;
        ensure!(!printer.supplies.is_empty(), "{printer:?}");
        Ok(printer)
    })?;
    ensure!(printer.usable && printer.device.is_none() && printer.id.starts_with("dnssd:"), "{printer:?}");
    ensure!(printer.state == PrinterState::Ready, "{printer:?}");
    let path = kitchen.ada.host().dir().join("two.pdf");
    fs::write(&path, documents::pdf(&["one", "two"]))?;
    let path = path.to_string_lossy();
    let begun = Instant::now();
    let command = ["print", &path, "--on", "Kitchen", "--copies", "2", "--sides", "two-long", "--wait"];
    let job: Job = kitchen.ada.json(&command)?;
    remark(format!("on paper {} ms after the command", begun.elapsed().as_millis()));
    ensure!(job.state == JobState::Done && job.device == printer.id, "{job:?}");
    let tray = kitchen.printer.tray_with(1, Duration::from_secs(5))?;
    ensure!(tray[0].pages == ["one", "two"] && tray[0].copies == 2, "{tray:?}");
    ensure!(tray[0].sides == "two-sided-long-edge", "{tray:?}");
    let text = kitchen.ada.host().dir().join("letter.txt");
    fs::write(&text, "Dear Ben")?;
    kitchen.ada.run(&["print", &text.to_string_lossy(), "--on", "Kitchen", "--wait"])?;
    let tray = kitchen.printer.tray_with(2, Duration::from_secs(5))?;
    ensure!(tray[1].pages == ["Dear Ben"], "{tray:?}");
    Ok(())
}

fn a_standard_printer_without_paper_says_so_and_goes_on_with_new_paper() -> Result<()> {
    let kitchen = Kitchen::new()?;
    kitchen.printer.set_paper(false)?;
    let job = kitchen.print("thirsty.pdf", "paper please")?;
    let stopped = kitchen.ada.job_becomes(&job.id, JobState::Stopped, Duration::from_secs(10))?;
    ensure!(stopped.reason.as_deref() == Some("media-empty"), "{stopped:?}");
    kitchen.printer.set_paper(true)?;
    kitchen.ada.job_becomes(&job.id, JobState::Done, Duration::from_secs(10))?;
    kitchen.printer.tray_with(1, Duration::from_secs(5))?;
    Ok(())
}

fn a_standard_printer_that_moves_to_another_address_is_found_there() -> Result<()> {
    let kitchen = Kitchen::new()?;
    kitchen.print("before.pdf", "before")?;
    kitchen.printer.tray_with(1, Duration::from_secs(10))?;
    kitchen.host.change_address(Ipv4Addr::new(10, 77, 0, 99), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 99))?;
    let job = kitchen.print("after.pdf", "after")?;
    kitchen.printer.keeps_its_name()?;
    kitchen.ada.job_becomes(&job.id, JobState::Done, Duration::from_secs(30))?;
    kitchen.printer.tray_with(2, Duration::from_secs(5))?;
    Ok(())
}

fn the_sender_of_a_job_for_a_standard_printer_is_killed_at_any_moment_and_each_is_printed_once() -> Result<()>
{
    let mut kitchen = Kitchen::new()?;
    let mut texts = Vec::new();
    for moment in MOMENTS {
        // A node that was just started has to hear of it first.
        kitchen.ada.finds_printer("Kitchen")?;
        let text = format!("killed after {moment} ms");
        let job = kitchen.print(&format!("{moment}.pdf"), &text)?;
        thread::sleep(Duration::from_millis(*moment));
        kitchen.ada.kill()?;
        kitchen.ada.start_again()?;
        kitchen.ada.job_becomes(&job.id, JobState::Done, Duration::from_secs(40))?;
        texts.push(text);
    }
    let tray = kitchen.printer.tray_with(texts.len(), Duration::from_secs(10))?;
    let printed: Vec<&str> = tray.iter().map(|sheet| sheet.pages[0].as_str()).collect();
    ensure!(printed == texts, "{printed:?}");
    Ok(())
}

fn a_standard_printer_that_is_switched_off_in_the_middle_gets_nothing_twice() -> Result<()> {
    let mut kitchen = Kitchen::new()?;
    kitchen.printer.set_busy(true)?;
    let job = kitchen.print("interrupted.pdf", "interrupted")?;
    kitchen.ada.job_becomes(&job.id, JobState::Printing, Duration::from_secs(10))?;
    kitchen.printer.off()?;
    let stopped = kitchen.ada.job_becomes(&job.id, JobState::Stopped, Duration::from_secs(15))?;
    ensure!(stopped.reason.as_deref() == Some("peer_unreachable"), "{stopped:?}");
    kitchen.printer.on()?;
    soon("a person is asked to look", Duration::from_secs(60), || {
        let job = kitchen.ada.job(&job.id)?;
        ensure!(job.reason.as_deref() == Some("maybe_printed"), "{job:?}");
        Ok(())
    })?;
    kitchen.printer.set_busy(false)?;
    thread::sleep(Duration::from_secs(2));
    ensure!(kitchen.printer.tray()?.len() <= 1, "{:?}", kitchen.printer.tray()?);
    kitchen.printer.empty_tray()?;
    kitchen.ada.run(&["retry", &job.id])?;
    kitchen.ada.job_becomes(&job.id, JobState::Done, Duration::from_secs(20))?;
    kitchen.printer.tray_with(1, Duration::from_secs(5))?;
    Ok(())
}

fn a_job_for_a_standard_printer_is_cancelled_while_it_waits_and_while_it_is_printed() -> Result<()> {
    let kitchen = Kitchen::new()?;
    kitchen.printer.set_busy(true)?;
    let first = kitchen.print("first.pdf", "first")?;
    kitchen.ada.job_becomes(&first.id, JobState::Printing, Duration::from_secs(10))?;
    let second = kitchen.print("second.pdf", "second")?;
    kitchen.ada.run(&["cancel", &second.id])?;
    kitchen.ada.job_becomes(&second.id, JobState::Cancelled, Duration::from_secs(10))?;
    kitchen.ada.run(&["cancel", &first.id])?;
    let unconfirmed = kitchen.ada.job(&first.id)?;
    ensure!(unconfirmed.reason.as_deref() == Some("cancel_unconfirmed"), "{unconfirmed:?}");
    // This printer stops between two pages, not in the middle of one.
    kitchen.printer.set_busy(false)?;
    soon("both are over", Duration::from_secs(20), || {
        for id in [&first.id, &second.id] {
            let job = kitchen.ada.job(id)?;
            ensure!(job.state == JobState::Cancelled && job.ended_at.is_some(), "{job:?}");
        }
        Ok(())
    })?;
    thread::sleep(Duration::from_secs(1));
    let tray = kitchen.printer.tray()?;
    ensure!(!tray.iter().any(|sheet| sheet.pages == ["second"]), "{tray:?}");
    Ok(())
}

fn a_printer_that_reads_only_raster_gets_raster() -> Result<()> {
    for (format, magic) in [("image/pwg-raster", b"RaS2".as_slice()), ("image/urf", b"UNIRAST".as_slice())] {
        let kitchen = Kitchen::with(&[format])?;
        let job = kitchen.print("drawn.pdf", "drawn")?;
        kitchen.ada.job_becomes(&job.id, JobState::Done, Duration::from_secs(30))?;
        let received = kitchen.printer.received()?;
        ensure!(
            received.len() == 1 && received[0].starts_with(magic),
            "{format}: {} documents",
            received.len()
        );
    }
    Ok(())
}

fn what_a_standard_printer_cannot_print_is_refused_with_the_reason() -> Result<()> {
    let kitchen = Kitchen::with(&["image/jpeg"])?;
    let job = kitchen.print("a.pdf", "a")?;
    let failed = kitchen.ada.job_becomes(&job.id, JobState::Failed, Duration::from_secs(10))?;
    ensure!(failed.reason.as_deref() == Some("unsupported_document"), "{failed:?}");
    ensure!(failed.detail.as_deref().is_some_and(|words| words.contains("PDF")), "{failed:?}");
    Ok(())
}
