//! What people do with jobs besides printing: hold, let go, move, print again; and an owner's rules about them.

use crate::office::Office;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Ask, Job, JobAction, JobState, Queue, Share};
use lanyard_tests::{Lab, Node, PaperPrinter, documents, printer::QUEUE, scenarios, soon, stays};
use std::{fs, time::Duration};

scenarios![
    a_job_is_held_and_let_go_on_its_owners_computer,
    several_files_are_printed_in_their_order_and_bad_ones_are_named,
    a_job_goes_to_another_printer_and_is_printed_again,
    a_queue_is_stopped_and_goes_on,
    whoever_manages_a_printer_holds_and_cancels_the_jobs_of_others,
    a_phone_waits_for_the_owners_word,
    pages_are_counted_and_colour_is_kept_back,
    nothing_is_printed_in_quiet_hours_but_what_the_owner_lets_go,
];

const SOON: Duration = Duration::from_secs(20);

fn a_job_is_held_and_let_go_on_its_owners_computer() -> Result<()> {
    let office = Office::new()?;
    office.printer.set_busy(true)?;
    let first = office.print("first.pdf", "first")?;
    office.sender.job_becomes(&first.id, JobState::Printing, SOON)?;
    let refused = office.sender.refuses(&["hold", &first.id])?;
    ensure!(refused.contains("printed already"), "{refused}");
    let second = office.print("second.pdf", "second")?;
    let waiting = office.sender.job_becomes(&second.id, JobState::Waiting, SOON)?;
    ensure!(waiting.actions.contains(&JobAction::Hold), "{waiting:?}");
    let held: Job = office.sender.json(&["hold", &second.id])?;
    ensure!(held.state == JobState::Held, "{held:?}");
    ensure!(held.reason.as_deref() == Some("job-hold-until-specified"), "{held:?}");
    let theirs = office.owner.job_becomes(&second.id, JobState::Held, SOON)?;
    ensure!(theirs.actions == [JobAction::Cancel, JobAction::Release], "{theirs:?}");
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&first.id, JobState::Done, SOON)?;
    stays("it is kept back", Duration::from_secs(2), || {
        ensure!(office.printer.tray()?.len() == 1, "it was printed");
        Ok(())
    })?;
    office.sender.run(&["release", &second.id])?;
    office.sender.job_becomes(&second.id, JobState::Done, SOON)?;
    ensure!(office.printer.tray_with(2, SOON)?[1].pages == ["second"], "{:?}", office.printer.tray()?);
    Ok(())
}

fn several_files_are_printed_in_their_order_and_bad_ones_are_named() -> Result<()> {
    let office = Office::new()?;
    // More than are taken with one request.
    let texts: Vec<String> = (1..=11).map(|number| format!("number {number}")).collect();
    let files: Vec<String> = texts
        .iter()
        .map(|text| match text.as_str() {
            "number 3" => office.file("number 3.pdf", b"%!PS"),
            "number 10" => Ok("/no/such/number 10.pdf".to_owned()),
            _ => office.file(&format!("{text}.pdf"), &documents::pdf(&[text])),
        })
        .collect::<Result<_>>()?;
    let mut command = vec!["print", "--on", "Office"];
    command.extend(files.iter().map(String::as_str));
    let reason = office.sender.refuses(&command)?;
    ensure!(reason.contains("number 3.pdf"), "the first that is wrong is named: {reason}");
    let good: Vec<&String> =
        texts.iter().filter(|text| !["number 3", "number 10"].contains(&text.as_str())).collect();
    let tray = office.printer.tray_with(good.len(), Duration::from_secs(60))?;
    let printed: Vec<&String> = tray.iter().flat_map(|printed| &printed.pages).collect();
    ensure!(printed == good, "{printed:?}");
    Ok(())
}

fn a_job_goes_to_another_printer_and_is_printed_again() -> Result<()> {
    let office = Office::new()?;
    office.owner.run(&["share", "printer", "save-as-pdf", "--name", "Mill"])?;
    office.sender.finds_printer("Mill")?;
    office.printer.set_busy(true)?;
    let first = office.print("first.pdf", "first")?;
    office.sender.job_becomes(&first.id, JobState::Printing, SOON)?;
    let refused = office.sender.refuses(&["move", &first.id, "--to", "Mill"])?;
    ensure!(refused.contains("being printed already"), "{refused}");
    let second = office.print("second.pdf", "second")?;
    office.sender.job_becomes(&second.id, JobState::Waiting, SOON)?;
    let moved: Job = office.sender.json(&["move", &second.id, "--to", "Mill"])?;
    ensure!(moved.id == second.id && moved.printer == "Mill", "{moved:?}");
    let done = office.sender.job_becomes(&second.id, JobState::Done, SOON)?;
    ensure!(done.actions == [JobAction::Reprint], "{done:?}");
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&first.id, JobState::Done, SOON)?;
    let again: Job = office.sender.json(&["reprint", &second.id])?;
    ensure!(again.id != second.id && again.printer == "Mill", "{again:?}");
    office.sender.job_becomes(&again.id, JobState::Done, SOON)?;
    stays("each is printed where it was wanted", Duration::from_secs(2), || {
        let tray = office.printer.tray()?;
        ensure!(tray.len() == 1 && tray[0].pages == ["first"], "{tray:?}");
        Ok(())
    })
}

fn a_queue_is_stopped_and_goes_on() -> Result<()> {
    let office = Office::new()?;
    let queues: Vec<Queue> = office.owner.json(&["printer", "pause", QUEUE])?;
    ensure!(queues.iter().any(|queue| queue.id == QUEUE && queue.paused), "{queues:?}");
    let job = office.print("later.pdf", "later")?;
    let stopped = office.sender.job_becomes(&job.id, JobState::Stopped, SOON)?;
    ensure!(stopped.reason.as_deref() == Some("paused"), "{stopped:?}");
    let queues: Vec<Queue> = office.owner.json(&["printer", "resume", QUEUE])?;
    ensure!(queues.iter().any(|queue| queue.id == QUEUE && !queue.paused), "{queues:?}");
    office.sender.job_becomes(&job.id, JobState::Done, SOON)?;
    Ok(())
}

fn whoever_manages_a_printer_holds_and_cancels_the_jobs_of_others() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, cleo) = (lab.host("ada")?, lab.host("cleo")?);
    let office = Office::on(lab, ada, None)?;
    let cleo = Node::at_home(&cleo)?;
    cleo.finds_printer("Office")?;
    let refused = cleo.refuses(&["jobs", "--on", "Office"])?;
    ensure!(refused.contains("not allowed"), "{refused}");
    office.owner.run(&["allow", "Office", "--to", "network", "--manage"])?;
    office.printer.set_busy(true)?;
    let first = office.print("first.pdf", "first")?;
    office.sender.job_becomes(&first.id, JobState::Printing, SOON)?;
    let second = office.print("second.pdf", "second")?;
    office.sender.job_becomes(&second.id, JobState::Waiting, SOON)?;
    let seen: Vec<Job> = cleo.json(&["jobs", "--on", "Office"])?;
    let titles: Vec<&str> = seen.iter().map(|job| job.title.as_str()).collect();
    ensure!(titles == ["second.pdf", "first.pdf"], "{seen:?}");
    ensure!(seen[0].device_name == "ada" && seen[0].actions.contains(&JobAction::Hold), "{seen:?}");
    let own: Vec<Job> = cleo.json(&["jobs"])?;
    ensure!(own.is_empty(), "they are not hers: {own:?}");
    let held: Job = cleo.json(&["hold", &second.id, "--on", "Office"])?;
    ensure!(held.state == JobState::Held, "{held:?}");
    let held = office.sender.job_becomes(&second.id, JobState::Held, SOON)?;
    ensure!(held.reason.as_deref() == Some("owner"), "its sender is told why: {held:?}");
    cleo.run(&["release", &second.id, "--on", "Office"])?;
    office.sender.job_becomes(&second.id, JobState::Waiting, SOON)?;
    let refused = cleo.refuses(&["hold", &first.id, "--on", "Office"])?;
    ensure!(refused.contains("printed already"), "{refused}");
    cleo.run(&["cancel", &second.id, "--on", "Office"])?;
    office.sender.job_becomes(&second.id, JobState::Cancelled, SOON)?;
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&first.id, JobState::Done, SOON)?;
    stays("the other one is not printed", Duration::from_secs(2), || {
        let tray = office.printer.tray()?;
        ensure!(tray.len() == 1 && tray[0].pages == ["first"], "{tray:?}");
        Ok(())
    })
}

fn a_phone_waits_for_the_owners_word() -> Result<()> {
    let lab = Lab::new()?;
    let (ben, cleo) = (lab.host("ben")?, lab.host("cleo")?);
    let printer = PaperPrinter::install(&ben)?;
    let owner = Node::at_home_beside(&ben, &printer)?;
    let share: Share =
        owner.json(&["share", "printer", QUEUE, "--name", "Office", "--to", "network", "--ask"])?;
    let uri = format!("ipp://{}:{}/ipp/print/{}", ben.ipv4()?, owner.status()?.port, share.id);
    let print = |text: &str| -> Result<Job> {
        let before: Vec<Job> = owner.json(&["jobs"])?;
        let path = cleo.dir().join("phone.pdf");
        fs::write(&path, documents::pdf(&[text]))?;
        let path = path.to_string_lossy().into_owned();
        cleo.run(&["ipptool", "-tI", "-T", "20", "-f", &path, &uri, "print-job.test"])?;
        let jobs: Vec<Job> = owner.json(&["jobs"])?;
        let new = jobs.into_iter().find(|job| !before.iter().any(|known| known.id == job.id));
        new.context("no job has come")
    };
    let asked = |job: &Job| -> Result<Ask> {
        soon("the owner is asked", SOON, || {
            let asks: Vec<Ask> = owner.json(&["asks"])?;
            ensure!(asks.len() == 1, "{asks:?}");
            Ok(asks[0].clone())
        })
        .inspect(|ask| assert_eq!(ask.title.as_deref(), Some(job.title.as_str())))
    };
    let yes = print("allowed")?;
    ensure!(yes.state == JobState::Held && yes.reason.as_deref() == Some("must_ask"), "{yes:?}");
    owner.run(&["answer", &asked(&yes)?.id, "once"])?;
    owner.job_becomes(&yes.id, JobState::Done, SOON)?;
    let no = print("refused")?;
    owner.run(&["answer", &asked(&no)?.id, "no"])?;
    let failed = owner.job_becomes(&no.id, JobState::Failed, SOON)?;
    ensure!(failed.reason.as_deref() == Some("not_allowed"), "{failed:?}");
    let tray = printer.tray_with(1, SOON)?;
    ensure!(tray.len() == 1 && tray[0].pages == ["allowed"], "{tray:?}");
    Ok(())
}

fn pages_are_counted_and_colour_is_kept_back() -> Result<()> {
    let office = Office::new()?;
    office.owner.run(&["allow", "Office", "--to", "network", "--max-pages", "3", "--grey"])?;
    let two = office.file("two.pdf", &documents::pdf(&["one", "two"]))?;
    let refused = office.sender.refuses(&["print", &two, "--on", "Office", "--color"])?;
    ensure!(refused.contains("colour"), "it is said before: {refused}");
    office.printer.set_busy(true)?;
    let first: Job = office.sender.json(&["print", &two, "--on", "Office"])?;
    office.sender.job_becomes(&first.id, JobState::Printing, SOON)?;
    let second: Job = office.sender.json(&["print", &two, "--on", "Office"])?;
    let failed = office.sender.job_becomes(&second.id, JobState::Failed, SOON)?;
    ensure!(failed.reason.as_deref() == Some("spent"), "{failed:?}");
    // One page is left; taken back unprinted, it may be printed again.
    let one = office.file("one.pdf", &documents::pdf(&["one"]))?;
    for _ in 0..2 {
        let job: Job = office.sender.json(&["print", &one, "--on", "Office"])?;
        office.sender.job_becomes(&job.id, JobState::Waiting, SOON)?;
        office.sender.run(&["cancel", &job.id])?;
        office.owner.job_becomes(&job.id, JobState::Cancelled, SOON)?;
        soon("it is over there", SOON, || {
            ensure!(office.owner.job(&job.id)?.ended_at.is_some(), "it is not");
            Ok(())
        })?;
    }
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&first.id, JobState::Done, SOON)?;
    Ok(())
}

fn nothing_is_printed_in_quiet_hours_but_what_the_owner_lets_go() -> Result<()> {
    let office = Office::new()?;
    // From an hour ago until an hour ahead, by the clock of the owner's computer.
    let clock = office.owner.host().run(&["date", "+%H:%M"])?;
    let (hours, minutes) = clock.trim().split_once(':').context("a clock")?;
    let hours: u32 = hours.parse()?;
    let quiet = format!("{:02}:{minutes}-{:02}:{minutes}", (hours + 23) % 24, (hours + 1) % 24);
    office.owner.run(&["allow", "Office", "--to", "network", "--quiet", &quiet])?;
    let job = office.print("night.pdf", "night")?;
    let held = office.sender.job_becomes(&job.id, JobState::Held, SOON)?;
    ensure!(held.reason.as_deref() == Some("quiet_hours"), "{held:?}");
    ensure!(!held.actions.contains(&JobAction::Release), "that is the owner's: {held:?}");
    stays("it waits", Duration::from_secs(2), || {
        ensure!(office.printer.ever_in_cups()? == 0, "it is in the queue");
        Ok(())
    })?;
    office.owner.run(&["release", &job.id])?;
    office.sender.job_becomes(&job.id, JobState::Done, SOON)?;
    Ok(())
}
