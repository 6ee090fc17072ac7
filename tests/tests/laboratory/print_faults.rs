//! Power cuts and broken cables while something is printed: it is printed once, not never and not twice.

use crate::office::Office;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState};
use lanyard_tests::{Lab, documents, impair, runner::remark, scenarios, soon};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Moments after "print" was answered, in milliseconds. The document needs about 400 ms to cross the cable; then it is
/// handed to the print system, which is where a job could get lost or doubled.
const MOMENTS: &[u64] = &[0, 60, 180, 300, 380, 410, 440, 470, 500, 530, 570, 620, 800];

scenarios![
    the_owner_is_killed_while_the_printer_prints,
    the_owner_is_killed_at_any_moment_and_every_job_is_printed_once,
    the_sender_is_killed_at_any_moment_and_every_job_is_printed_once,
    both_are_killed_and_the_job_is_printed_once,
    a_job_waits_for_a_cable_and_survives_a_restart_meanwhile,
    the_cable_is_pulled_in_the_middle_of_a_document,
    a_node_asked_to_stop_forgets_no_job,
    the_print_system_is_away_when_the_job_arrives,
    a_full_disk_at_the_owner_refuses_the_job_and_prints_the_next_one,
    a_full_disk_at_the_sender_refuses_the_job,
];

fn the_owner_is_killed_while_the_printer_prints() -> Result<()> {
    let mut office = Office::new()?;
    office.printer.set_busy(true)?;
    let job = office.print("once.pdf", "just once")?;
    office.owner.job_becomes(&job.id, JobState::Printing, Duration::from_secs(15))?;
    office.owner.kill()?;
    office.owner.start_again()?;
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(40))?;
    printed_once(&office, &["just once"])
}

fn the_owner_is_killed_at_any_moment_and_every_job_is_printed_once() -> Result<()> {
    killed_at_any_moment(|office| {
        office.owner.kill()?;
        office.owner.start_again()
    })
}

fn the_sender_is_killed_at_any_moment_and_every_job_is_printed_once() -> Result<()> {
    killed_at_any_moment(|office| {
        office.sender.kill()?;
        office.sender.start_again()
    })
}

fn killed_at_any_moment(strike: impl Fn(&mut Office) -> Result<()>) -> Result<()> {
    let mut office = Office::new()?;
    let rate = impair::rate(office.sender.host(), 20, office.owner.host())?;
    remark(format!("at {rate:.1} Mbit/s"));
    let mut texts = Vec::new();
    for moment in MOMENTS {
        let text = format!("struck after {moment}");
        let file =
            office.file(&format!("{moment}.pdf"), &documents::pdf_with_ballast(&[&text], 1_000_000))?;
        let job: Job = office.sender.json(&["print", &file, "--on", "Office"])?;
        thread::sleep(Duration::from_millis(*moment));
        strike(&mut office)?;
        let begun = Instant::now();
        office
            .sender
            .job_becomes(&job.id, JobState::Done, Duration::from_secs(45))
            .with_context(|| format!("struck after {moment} ms"))?;
        remark(format!("{moment} ms: on paper {:.1} s later", begun.elapsed().as_secs_f64()));
        texts.push(text);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    printed_once(&office, &texts)
}

fn both_are_killed_and_the_job_is_printed_once() -> Result<()> {
    let mut office = Office::new()?;
    office.printer.set_busy(true)?;
    let job = office.print("both.pdf", "after the power cut")?;
    office.sender.job_becomes(&job.id, JobState::Printing, Duration::from_secs(15))?;
    office.owner.kill()?;
    office.sender.kill()?;
    office.printer.set_busy(false)?;
    // The printer goes on without anybody; what the nodes find afterwards is a job that is finished.
    office.printer.tray_with(1, Duration::from_secs(20))?;
    office.sender.start_again()?;
    office.owner.start_again()?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(40))?;
    printed_once(&office, &["after the power cut"])
}

fn a_job_waits_for_a_cable_and_survives_a_restart_meanwhile() -> Result<()> {
    let mut office = Office::new()?;
    office.owner.host().unplug()?;
    let job = office.print("later.pdf", "better late than never")?;
    ensure!(job.state == JobState::Sending, "{job:?}");
    thread::sleep(Duration::from_secs(1));
    office.sender.kill()?;
    office.sender.start_again()?;
    let waiting = office.sender.job(&job.id)?;
    ensure!(waiting.state == JobState::Sending, "{waiting:?}");
    office.owner.host().plug()?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(60))?;
    printed_once(&office, &["better late than never"])
}

fn the_cable_is_pulled_in_the_middle_of_a_document() -> Result<()> {
    let office = Office::new()?;
    impair::rate(office.sender.host(), 20, office.owner.host())?;
    let file = office.file("big.pdf", &documents::pdf_with_ballast(&["a long way"], 5_000_000))?;
    let job: Job = office.sender.json(&["print", &file, "--on", "Office"])?;
    thread::sleep(Duration::from_millis(900));
    office.owner.host().unplug()?;
    let cut = office.sender.job(&job.id)?;
    ensure!(cut.state == JobState::Sending, "it was faster than the cable allows: {cut:?}");
    thread::sleep(Duration::from_secs(3));
    office.owner.host().plug()?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(90))?;
    printed_once(&office, &["a long way"])
}

fn a_node_asked_to_stop_forgets_no_job() -> Result<()> {
    let mut office = Office::new()?;
    office.printer.set_busy(true)?;
    let job = office.print("stop.pdf", "in good order")?;
    office.owner.job_becomes(&job.id, JobState::Printing, Duration::from_secs(15))?;
    let took = office.owner.stop()?;
    remark(format!("stopped in {} ms", took.as_millis()));
    office.owner.start_again()?;
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(40))?;
    printed_once(&office, &["in good order"])
}

fn the_print_system_is_away_when_the_job_arrives() -> Result<()> {
    let mut office = Office::new()?;
    office.printer.kill_cups()?;
    let job = office.print("patient.pdf", "patience")?;
    thread::sleep(Duration::from_secs(2));
    let waiting = office.sender.job(&job.id)?;
    ensure!(
        !matches!(waiting.state, JobState::Done | JobState::Failed | JobState::Cancelled),
        "it did not wait for the print system: {waiting:?}"
    );
    office.printer.start_cups()?;
    office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(60))?;
    printed_once(&office, &["patience"])
}

// A node keeps 32 MiB of the disk free for others: on one of 40 there is room for small documents only.
fn a_full_disk_at_the_owner_refuses_the_job_and_prints_the_next_one() -> Result<()> {
    let lab = Lab::new()?;
    let ben = lab.host("ben")?;
    ben.small_disk(&ben.dir().join("data"), 40 << 20)?;
    let office = Office::between(lab.host("ada")?, &ben)?;
    let file = office.file("big.pdf", &documents::pdf_with_ballast(&["too big"], 9_000_000))?;
    let job: Job = office.sender.json(&["print", &file, "--on", "Office"])?;
    let told = soon("the sender is told", Duration::from_secs(15), || {
        let job = office.sender.job(&job.id)?;
        ensure!(job.reason.is_some(), "{job:?}");
        Ok(job)
    })?;
    remark(format!("{:?}: {:?}", told.state, told.detail));
    ensure!(told.reason.as_deref() == Some("disk_full"), "{told:?}");
    office.sender.run(&["cancel", &job.id])?;
    let small = office.print("small.pdf", "small enough")?;
    office.sender.job_becomes(&small.id, JobState::Done, Duration::from_secs(30))?;
    printed_once(&office, &["small enough"])
}

fn a_full_disk_at_the_sender_refuses_the_job() -> Result<()> {
    let lab = Lab::new()?;
    let ada = lab.host("ada")?;
    ada.small_disk(&ada.dir().join("data"), 40 << 20)?;
    let office = Office::between(ada, &lab.host("ben")?)?;
    let file = office.file("big.pdf", &documents::pdf_with_ballast(&["too big"], 9_000_000))?;
    let reason = office.sender.refuses(&["print", &file, "--on", "Office"])?;
    remark(format!("{reason:?}"));
    let reason = reason.to_lowercase();
    ensure!(["disk", "space", "room"].iter().any(|word| reason.contains(word)), "{reason}");
    let small = office.print("small.pdf", "small enough")?;
    office.sender.job_becomes(&small.id, JobState::Done, Duration::from_secs(30))?;
    printed_once(&office, &["small enough"])
}

/// The tray holds exactly these one-page documents, and the print system printed no more than that.
fn printed_once(office: &Office, texts: &[&str]) -> Result<()> {
    // A second print would be on its way now.
    thread::sleep(Duration::from_secs(3));
    let tray = office.printer.tray()?;
    let mut printed: Vec<&str> =
        tray.iter().flat_map(|document| &document.pages).map(String::as_str).collect();
    printed.sort_unstable();
    let mut wanted = texts.to_vec();
    wanted.sort_unstable();
    ensure!(printed == wanted, "on the tray: {printed:?}");
    ensure!(tray.iter().all(|document| document.copies == 1), "{tray:?}");
    // An empty job that a killed node left behind may have been cancelled; it never reached the printer.
    let jobs = office.printer.completed_in_cups()?;
    ensure!(jobs == texts.len(), "the print system printed {jobs} jobs for {} documents", texts.len());
    ensure!(office.printer.waiting_in_cups()? == 0, "a job is left in the print system");
    Ok(())
}
