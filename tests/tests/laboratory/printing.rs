//! Printing on somebody else's printer, onto paper that can be read.

use crate::office::Office;
use anyhow::{Result, ensure};
use lanyard_api::{Job, JobState};
use lanyard_tests::{DirectCable, documents, runner::remark, scenarios, soon};
use std::{
    fs,
    time::{Duration, Instant},
};

scenarios![
    a_pdf_arrives_on_paper_with_its_text,
    two_copies_of_page_two_are_two_sheets,
    both_sides_are_asked_of_the_printer,
    a_jpeg_a_png_and_a_text_arrive_on_paper,
    a_waiting_job_is_cancelled_and_never_printed,
    a_job_being_printed_is_cancelled_at_the_printer,
    a_printer_without_paper_says_so_and_goes_on_with_new_paper,
    a_printer_that_is_no_longer_shared_is_gone,
    save_as_pdf_prints_into_a_folder,
    a_direct_cable_is_enough_to_print_and_to_copy,
    an_unknown_printer_is_refused,
    an_ambiguous_printer_is_refused_with_the_candidates,
    what_is_no_document_is_refused,
    impossible_options_are_refused,
];

fn a_pdf_arrives_on_paper_with_its_text() -> Result<()> {
    let office = Office::new()?;
    let file = office.file("minutes.pdf", &documents::pdf(&["The first page (1)", "The second page"]))?;
    let begun = Instant::now();
    let job: Job = office.sender.json(&["print", &file, "--on", "Office", "--wait"])?;
    remark(format!("on paper {} ms after the command", begun.elapsed().as_millis()));
    ensure!(job.state == JobState::Done, "{job:?}");
    ensure!(job.title == "minutes.pdf" && job.device == office.owner.ready().id, "{job:?}");
    let tray = office.printer.tray_with(1, Duration::from_secs(5))?;
    ensure!(tray[0].pages == ["The first page (1)", "The second page"], "{tray:?}");
    ensure!(tray[0].copies == 1, "{tray:?}");
    let theirs = office.owner.job_becomes(&job.id, JobState::Done, Duration::from_secs(5))?;
    ensure!(theirs.device == office.sender.ready().id && theirs.device_name == "ada", "{theirs:?}");
    Ok(())
}

fn two_copies_of_page_two_are_two_sheets() -> Result<()> {
    let office = Office::new()?;
    let file = office.file("three.pdf", &documents::pdf(&["one", "two", "three"]))?;
    office.sender.run(&["print", &file, "--on", "Office", "--copies", "2", "--pages", "2-2", "--wait"])?;
    let tray = office.printer.tray_with(1, Duration::from_secs(5))?;
    ensure!(tray[0].pages.iter().all(|page| page == "two"), "{tray:?}");
    ensure!(tray[0].sheets() == 2, "{} sheets: {tray:?}", tray[0].sheets());
    office.sender.run(&["print", &file, "--on", "Office", "--pages", "1-1,3", "--wait"])?;
    let tray = office.printer.tray_with(2, Duration::from_secs(5))?;
    ensure!(tray[1].pages == ["one", "three"] && tray[1].copies == 1, "{tray:?}");
    Ok(())
}

fn both_sides_are_asked_of_the_printer() -> Result<()> {
    let office = Office::new()?;
    let file = office.file("two.pdf", &documents::pdf(&["one", "two"]))?;
    office.sender.run(&["print", &file, "--on", "Office", "--sides", "two-long", "--wait"])?;
    let tray = office.printer.tray_with(1, Duration::from_secs(5))?;
    ensure!(tray[0].sides == "two-sided-long-edge", "{tray:?}");
    Ok(())
}

fn a_jpeg_a_png_and_a_text_arrive_on_paper() -> Result<()> {
    let office = Office::new()?;
    for (number, (name, picture)) in
        [("board.jpg", documents::jpeg(512)), ("board.png", documents::png(512))].iter().enumerate()
    {
        let file = office.file(name, picture)?;
        office.sender.run(&["print", &file, "--on", "Office", "--wait"])?;
        let tray = office.printer.tray_with(number + 1, Duration::from_secs(10))?;
        let printed = &tray[number];
        ensure!(printed.pages.len() == 1 && printed.copies == 1, "{name}: {printed:?}");
        let dark = office.printer.dark_part(printed)?;
        // Half of the board is black; how large it is on the page is the printing system's choice.
        ensure!((0.02..0.6).contains(&dark), "{name}: {dark:.2} of the page is dark");
    }
    let file =
        office.file("letter.txt", "Dear Ben,\nthe quick brown fox\njumps over the lazy dog.\n".as_bytes())?;
    office.sender.run(&["print", &file, "--on", "Office", "--wait"])?;
    let tray = office.printer.tray_with(3, Duration::from_secs(10))?;
    let words: Vec<&str> = tray[2].pages[0].split_whitespace().collect();
    ensure!(words.join(" ") == "Dear Ben, the quick brown fox jumps over the lazy dog.", "{tray:?}");
    Ok(())
}

fn a_waiting_job_is_cancelled_and_never_printed() -> Result<()> {
    let office = Office::new()?;
    office.printer.set_busy(true)?;
    let first = office.print("first.pdf", "kept")?;
    office.sender.job_becomes(&first.id, JobState::Printing, Duration::from_secs(15))?;
    let second = office.print("second.pdf", "regretted")?;
    office.sender.job_becomes(&second.id, JobState::Waiting, Duration::from_secs(15))?;
    let cancelled: Job = office.sender.json(&["cancel", &second.id])?;
    ensure!(cancelled.id == second.id, "{cancelled:?}");
    office.sender.job_becomes(&second.id, JobState::Cancelled, Duration::from_secs(10))?;
    office.owner.job_becomes(&second.id, JobState::Cancelled, Duration::from_secs(10))?;
    office.printer.set_busy(false)?;
    office.sender.job_becomes(&first.id, JobState::Done, Duration::from_secs(20))?;
    std::thread::sleep(Duration::from_secs(2));
    let tray = office.printer.tray()?;
    ensure!(tray.len() == 1 && tray[0].pages == ["kept"], "{tray:?}");
    Ok(())
}

fn a_job_being_printed_is_cancelled_at_the_printer() -> Result<()> {
    let office = Office::new()?;
    office.printer.set_paper(false)?;
    let job = office.print("stuck.pdf", "stuck")?;
    soon("the printer has it", Duration::from_secs(20), || {
        ensure!(office.printer.waiting_in_cups()? == 1, "it is not in the queue");
        Ok(())
    })?;
    // The owner of a printer may cancel what others print on it.
    office.owner.run(&["cancel", &job.id])?;
    office.sender.job_becomes(&job.id, JobState::Cancelled, Duration::from_secs(10))?;
    soon("the queue is empty", Duration::from_secs(10), || {
        ensure!(office.printer.waiting_in_cups()? == 0, "it is still in the queue");
        Ok(())
    })
}

fn a_printer_without_paper_says_so_and_goes_on_with_new_paper() -> Result<()> {
    let office = Office::new()?;
    office.printer.set_paper(false)?;
    let job = office.print("report.pdf", "worth waiting for")?;
    let stopped = office.sender.job_becomes(&job.id, JobState::Stopped, Duration::from_secs(20))?;
    ensure!(stopped.reason.as_deref() == Some("media-empty"), "{stopped:?}");
    soon("the printer's own state says it too", Duration::from_secs(20), || {
        let printer = office.sender.finds_printer("Office")?;
        ensure!(printer.reasons.iter().any(|reason| reason == "media-empty"), "{printer:?}");
        Ok(())
    })?;
    ensure!(office.printer.tray()?.is_empty(), "it printed without paper");
    office.printer.set_paper(true)?;
    let done = office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(20))?;
    ensure!(done.reason.is_none(), "an old reason stays: {done:?}");
    let tray = office.printer.tray_with(1, Duration::from_secs(5))?;
    ensure!(tray[0].pages == ["worth waiting for"], "{tray:?}");
    Ok(())
}

fn a_printer_that_is_no_longer_shared_is_gone() -> Result<()> {
    let office = Office::new()?;
    let file = office.file("late.pdf", &documents::pdf(&["too late"]))?;
    let id = office.sender.finds_printer("Office")?.id;
    office.owner.run(&["unshare", "Office"])?;
    soon("it is gone", Duration::from_secs(5), || {
        let left = office.sender.nearby()?.printers;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })?;
    office.sender.refuses(&["print", &file, "--on", &id])?;
    ensure!(office.printer.ever_in_cups()? == 0, "it reached the queue");
    Ok(())
}

fn save_as_pdf_prints_into_a_folder() -> Result<()> {
    let office = Office::without_printer()?;
    office.owner.run(&["share", "printer", "save-as-pdf", "--name", "Archive"])?;
    office.sender.finds_printer("Archive")?;
    let file = office.file("kept.pdf", &documents::pdf(&["kept for good"]))?;
    let job: Job = office.sender.json(&["print", &file, "--on", "Archive", "--wait"])?;
    ensure!(job.state == JobState::Done, "{job:?}");
    let folder = office.owner.data().join("downloads/Printed");
    let saved: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    ensure!(saved.len() == 1, "{saved:?}");
    let path = saved[0].path().to_string_lossy().into_owned();
    ensure!(path.ends_with(".pdf"), "{path}");
    ensure!(office.owner.host().run(&["pdftotext", &path, "-"])?.contains("kept for good"));
    Ok(())
}

fn a_direct_cable_is_enough_to_print_and_to_copy() -> Result<()> {
    let cable = DirectCable::new("ada", "ben")?;
    let office = Office::between(cable.left, &cable.right)?;
    let file = office.file("cable.pdf", &documents::pdf(&["over one cable"]))?;
    office.sender.run(&["print", &file, "--on", "Office", "--wait"])?;
    let tray = office.printer.tray_with(1, Duration::from_secs(10))?;
    ensure!(tray[0].pages == ["over one cable"], "{tray:?}");

    let folder = cable.right.dir().join("shared");
    fs::create_dir(&folder)?;
    let content = documents::noise(3_000_000, 5);
    fs::write(folder.join("big.bin"), &content)?;
    office.owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared"])?;
    office.sender.finds_drive("Shared")?;
    let copy = office.sender.host().dir().join("big.bin");
    office.sender.run(&["get", "Shared:big.bin", &copy.to_string_lossy()])?;
    ensure!(fs::read(copy)? == content, "the copy is different");
    Ok(())
}

fn an_unknown_printer_is_refused() -> Result<()> {
    let office = Office::without_printer()?;
    let file = office.file("a.pdf", &documents::pdf(&["a"]))?;
    let reason = office.sender.refuses(&["print", &file, "--on", "Nonesuch"])?;
    ensure!(reason.contains("Nonesuch"), "{reason}");
    let jobs: Vec<Job> = office.sender.json(&["jobs"])?;
    ensure!(jobs.is_empty(), "a job for nobody: {jobs:?}");
    Ok(())
}

fn an_ambiguous_printer_is_refused_with_the_candidates() -> Result<()> {
    let office = Office::new()?;
    office.owner.run(&["share", "printer", "save-as-pdf", "--name", "Office archive"])?;
    office.sender.finds_printer("Office archive")?;
    let file = office.file("a.pdf", &documents::pdf(&["a"]))?;
    let reason = office.sender.refuses(&["print", &file, "--on", "ffic"])?;
    ensure!(reason.contains("Office@ben") && reason.contains("Office archive@ben"), "{reason}");
    // The whole name means one printer, even where it is the beginning of another one's.
    office.sender.run(&["print", &file, "--on", "Office@ben", "--wait"])?;
    office.printer.tray_with(1, Duration::from_secs(10)).map(drop)
}

fn what_is_no_document_is_refused() -> Result<()> {
    let office = Office::new()?;
    let missing = office.sender.host().dir().join("missing.pdf").to_string_lossy().into_owned();
    let reason = office.sender.refuses(&["print", &missing, "--on", "Office"])?;
    ensure!(reason.contains("missing.pdf"), "{reason}");
    let folder = office.sender.host().dir().to_string_lossy().into_owned();
    for (what, path) in [
        ("an empty file", office.file("empty.pdf", b"")?),
        ("noise", office.file("noise.bin", &documents::noise(50_000, 3))?),
        ("noise that calls itself PDF", office.file("noise.pdf", &documents::noise(50_000, 4))?),
        ("a program", std::env::current_exe()?.to_string_lossy().into_owned()),
        ("a folder", folder),
    ] {
        let reason = office.sender.refuses(&["print", &path, "--on", "Office"])?;
        remark(format!("{what}: {reason:?}"));
    }
    std::thread::sleep(Duration::from_secs(1));
    ensure!(office.printer.ever_in_cups()? == 0, "something reached the queue");
    Ok(())
}

fn impossible_options_are_refused() -> Result<()> {
    let office = Office::new()?;
    let file = office.file("a.pdf", &documents::pdf(&["a"]))?;
    for options in
        [["--pages", "3-1"], ["--pages", "0"], ["--pages", "x"], ["--copies", "0"], ["--copies", "100000"]]
    {
        let output = office.sender.output(&["print", &file, "--on", "Office", options[0], options[1]])?;
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(matches!(output.status.code(), Some(1 | 2)), "{options:?}: {} {reason}", output.status);
        ensure!(!reason.trim().is_empty(), "{options:?}: no reason");
    }
    ensure!(office.printer.ever_in_cups()? == 0, "something reached the queue");
    Ok(())
}
