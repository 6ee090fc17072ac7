//! A printer of somebody else's in this computer's own print dialog: what any program prints there comes out, once.

use crate::office::Office;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState};
use lanyard_tests::{
    Lab, Node, PaperPrinter, Setup, StandardPrinter, documents, runner::remark, scenarios, soon, stays,
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

scenarios![
    what_a_program_prints_comes_out_at_the_owners_printer,
    a_sleeping_owner_and_a_restart_cost_no_job_and_double_none,
    what_is_printed_while_lanyard_does_not_run_is_kept_by_cups,
    a_removed_printer_leaves_nothing_behind,
    a_gateway_whose_port_is_taken_moves_and_takes_its_queues_along,
    another_user_of_the_computer_does_not_get_in,
    a_standard_printer_can_be_added_too,
    the_node_is_killed_at_any_moment_and_what_a_program_prints_comes_out_once,
    a_job_is_held_in_the_dialog_and_by_whoever_speaks_ipp_to_the_gateway,
    a_user_who_may_not_change_queues_is_told_what_to_do_and_nothing_is_left_half_made,
];

const QUEUE: &str = "Office_at_ben";

/// `ben` shares "Office"; `ada` has a CUPS of her own and has added it.
struct Desk {
    office: Office,
    // After the node.
    cups: PaperPrinter,
}

impl Desk {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let ada = lab.host("ada")?;
        let cups = PaperPrinter::install(&ada)?;
        let office = Office::on(lab, ada, Some(&cups))?;
        office.sender.run(&["printer", "add", "Office"])?;
        Ok(Self { office, cups })
    }

    /// As any program prints.
    fn lp(&self, name: &str, text: &str, options: &[&str]) -> Result<()> {
        let file = self.office.file(name, &documents::pdf(&[text]))?;
        let mut command = vec!["lp", "-d", QUEUE];
        command.extend(options);
        command.push(&file);
        self.cups.admin(&command).map(|_| ())
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.office.sender.json(&["jobs"])
    }

    fn taken(&self, count: usize) -> Result<Vec<Job>> {
        soon("the jobs are in the outbox and no longer with CUPS", Duration::from_secs(30), || {
            let jobs = self.jobs()?;
            ensure!(jobs.len() == count, "{jobs:?}\n{}", self.cups.log());
            ensure!(self.cups.waiting_in_cups()? == 0, "{}", self.cups.log());
            Ok(jobs)
        })
    }
}

fn what_a_program_prints_comes_out_at_the_owners_printer() -> Result<()> {
    let desk = Desk::new()?;
    let shown = desk.cups.admin(&["lpstat", "-l", "-p", QUEUE])?;
    ensure!(shown.contains("Office (ben)"), "{shown}");
    ensure!(desk.office.sender.finds_printer("Office")?.added);
    let begun = Instant::now();
    desk.lp("letter.pdf", "from a program", &["-n", "2", "-o", "sides=two-sided-long-edge"])?;
    let tray = desk.office.printer.tray_with(1, Duration::from_secs(40))?;
    remark(format!("on paper {} ms after lp", begun.elapsed().as_millis()));
    ensure!(tray[0].pages == ["from a program"] && tray[0].copies == 2, "{tray:?}");
    ensure!(tray[0].sides == "two-sided-long-edge", "{tray:?}");
    let jobs = desk.taken(1)?;
    desk.office.sender.job_becomes(&jobs[0].id, JobState::Done, Duration::from_secs(10))?;
    ensure!(jobs[0].title.contains("letter.pdf"), "{jobs:?}");
    // It is not ours to offer: that would come round in a ring.
    let queues = desk.office.sender.refuses(&["share", "printer", QUEUE])?;
    ensure!(queues.contains(QUEUE), "{queues}");
    Ok(())
}

fn a_sleeping_owner_and_a_restart_cost_no_job_and_double_none() -> Result<()> {
    let mut desk = Desk::new()?;
    desk.office.owner.kill()?;
    desk.lp("one.pdf", "one", &[])?;
    desk.lp("two.pdf", "two", &[])?;
    let jobs = desk.taken(2)?;
    desk.office.sender.kill()?;
    desk.office.sender.start_again()?;
    desk.lp("three.pdf", "three", &[])?;
    desk.taken(3)?;
    desk.cups.kill_cups()?;
    desk.cups.start_cups()?;
    desk.office.owner.start_again()?;
    for job in jobs {
        desk.office.sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(60))?;
    }
    let tray = desk.office.printer.tray_with(3, Duration::from_secs(30))?;
    let pages: Vec<&str> = tray.iter().map(|sheet| sheet.pages[0].as_str()).collect();
    ensure!(pages == ["one", "two", "three"], "{pages:?}");
    thread::sleep(Duration::from_secs(3));
    ensure!(desk.office.printer.tray()?.len() == 3);
    Ok(())
}

fn what_is_printed_while_lanyard_does_not_run_is_kept_by_cups() -> Result<()> {
    let mut desk = Desk::new()?;
    desk.office.sender.kill()?;
    desk.lp("early.pdf", "early", &[])?;
    thread::sleep(Duration::from_secs(2));
    ensure!(desk.cups.waiting_in_cups()? == 1, "{}", desk.cups.log());
    desk.office.sender.start_again()?;
    let tray = desk.office.printer.tray_with(1, Duration::from_secs(60))?;
    ensure!(tray[0].pages == ["early"], "{tray:?}");
    Ok(())
}

fn a_removed_printer_leaves_nothing_behind() -> Result<()> {
    let mut desk = Desk::new()?;
    desk.office.owner.kill()?;
    desk.lp("regretted.pdf", "regretted", &[])?;
    let jobs = desk.taken(1)?;
    desk.office.sender.run(&["printer", "remove", "Office"])?;
    let queues = desk.cups.admin(&["lpstat", "-e"])?;
    ensure!(!queues.contains(QUEUE), "{queues}");
    desk.office.sender.job_becomes(&jobs[0].id, JobState::Cancelled, Duration::from_secs(5))?;
    desk.office.owner.start_again()?;
    ensure!(!desk.office.sender.finds_printer("Office")?.added);
    thread::sleep(Duration::from_secs(3));
    ensure!(desk.office.printer.tray()?.is_empty());
    let refused = desk.office.sender.refuses(&["printer", "remove", "Office"])?;
    ensure!(refused.contains("no added printer"), "{refused}");
    Ok(())
}

fn a_gateway_whose_port_is_taken_moves_and_takes_its_queues_along() -> Result<()> {
    let mut desk = Desk::new()?;
    let before = desk.cups.admin(&["lpstat", "-v", QUEUE])?;
    let port = before.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next());
    let port = port.ok_or_else(|| anyhow::anyhow!("no port in {before}"))?.to_owned();
    desk.office.sender.kill()?;
    let program =
        format!("import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)");
    let _squatter = desk.office.sender.host().spawn(&["python3", "-c", &program])?;
    soon("the port is taken", Duration::from_secs(10), || {
        let sockets = desk.office.sender.host().run(&["ss", "-Hltn", &format!("sport = :{port}")])?;
        ensure!(!sockets.trim().is_empty(), "nothing listens");
        Ok(())
    })?;
    desk.office.sender.start_again()?;
    soon("the queue leads to another port", Duration::from_secs(20), || {
        let now = desk.cups.admin(&["lpstat", "-v", QUEUE])?;
        ensure!(!now.contains(&port), "{now}");
        Ok(())
    })?;
    desk.lp("moved.pdf", "moved", &[])?;
    let tray = desk.office.printer.tray_with(1, Duration::from_secs(40))?;
    ensure!(tray[0].pages == ["moved"], "{tray:?}");
    Ok(())
}

fn another_user_of_the_computer_does_not_get_in() -> Result<()> {
    let desk = Desk::new()?;
    let shown = desk.cups.admin(&["lpstat", "-v", QUEUE])?;
    let uri = shown.split("ipp://").nth(1).and_then(|rest| rest.split(['?', '\n']).next());
    let uri = uri.ok_or_else(|| anyhow::anyhow!("no address in {shown}"))?;
    let page = format!("http://{uri}");
    let ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", &page];
    let host = desk.office.sender.host();
    ensure!(host.output(&ask)?.stdout == b"200", "we get in");
    let mut other = vec!["setpriv", "--reuid", "1234", "--clear-groups", "--"];
    other.extend(ask);
    let answer = host.output(&other)?.stdout;
    ensure!(answer == b"000", "another user got {}", String::from_utf8_lossy(&answer));
    let elsewhere = page.replace(|c: char| c.is_ascii_hexdigit() && c.is_ascii_lowercase(), "0");
    ensure!(elsewhere != page);
    let guessed = host.output(&["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", &elsewhere])?.stdout;
    ensure!(guessed == b"404", "{}", String::from_utf8_lossy(&guessed));
    Ok(())
}

fn a_standard_printer_can_be_added_too() -> Result<()> {
    let lab = Lab::new()?;
    let kitchen = lab.host("kitchen")?;
    let printer = StandardPrinter::install(&kitchen, "Kitchen", &["application/pdf", "image/jpeg"])?;
    let host = lab.host("ada")?;
    let cups = PaperPrinter::install(&host)?;
    let ada = Node::at_home_beside(&host, &cups)?;
    ada.finds_printer("Kitchen")?;
    ada.run(&["printer", "add", "Kitchen"])?;
    let file = host.dir().join("menu.pdf");
    fs::write(&file, documents::pdf(&["soup"]))?;
    cups.admin(&["lp", "-d", "Kitchen_at_kitchen", &file.to_string_lossy()])?;
    let tray = printer.tray_with(1, Duration::from_secs(40))?;
    ensure!(tray[0].pages == ["soup"], "{tray:?}");
    Ok(())
}

/// Moments after `lp` was answered, in milliseconds: CUPS needs a while until it hands over.
const MOMENTS: &[u64] = &[20, 60, 90, 120, 150, 180, 220, 300];

fn the_node_is_killed_at_any_moment_and_what_a_program_prints_comes_out_once() -> Result<()> {
    let mut desk = Desk::new()?;
    let mut texts = Vec::new();
    for moment in MOMENTS {
        let text = format!("struck after {moment}");
        desk.lp(&format!("{moment}.pdf"), &text, &[])?;
        thread::sleep(Duration::from_millis(*moment));
        desk.office.sender.kill()?;
        desk.office.sender.start_again()?;
        texts.push(text);
        soon("CUPS has handed it over, and it is on paper", Duration::from_secs(120), || {
            ensure!(desk.cups.waiting_in_cups()? == 0, "CUPS has it: {}", desk.cups.log());
            let jobs = desk.jobs()?;
            let all_done = jobs.iter().all(|job| job.state == JobState::Done);
            ensure!(all_done && jobs.len() >= texts.len(), "{jobs:?}\n{}", desk.cups.log());
            Ok(())
        })
        .with_context(|| format!("struck after {moment} ms"))?;
    }
    let tray = desk.office.printer.tray()?;
    let pages: Vec<&str> = tray.iter().map(|sheet| sheet.pages[0].as_str()).collect();
    ensure!(pages == texts, "{pages:?}");
    Ok(())
}

/// Prints `$filename` and asks to keep it back; what it prints is the job's number.
const PRINT_HELD: &str = "{
    OPERATION Print-Job
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR name requesting-user-name ada
    ATTR name job-name $filename
    GROUP job-attributes-tag
    ATTR keyword job-hold-until $until
    FILE $filename
    STATUS successful-ok
    EXPECT job-id
    DISPLAY job-id
}
";

/// Hold-Job or Release-Job of a job.
const HANDLE: &str = "{
    OPERATION $what
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR integer job-id $job
    ATTR name requesting-user-name ada
    STATUS successful-ok
}
";

impl Desk {
    /// Asks the gateway in IPP.
    fn ipp(&self, test: &str, words: &[&str], file: &str) -> Result<String> {
        let shown = self.cups.admin(&["lpstat", "-v", QUEUE])?;
        let uri = shown.split("ipp://").nth(1).and_then(|rest| rest.split(['?', '\n']).next());
        let uri = uri.map(|rest| format!("ipp://{rest}"));
        let uri = uri.ok_or_else(|| anyhow::anyhow!("no address in {shown}"))?;
        let path = self.office.file("ask.test", test.as_bytes())?;
        let mut command = vec!["ipptool", "-c", "-f", file];
        for word in words {
            command.extend(["-d", word]);
        }
        command.extend([uri.as_str(), path.as_str()]);
        self.office.sender.host().run(&command)
    }

    /// Prints by way of the gateway; returns the number that it gives the job, and the job.
    fn print_by_ipp(&self, name: &str, until: &str) -> Result<(String, Job)> {
        let before = self.jobs()?;
        let file = self.office.file(&format!("{name}.pdf"), &documents::pdf(&[name]))?;
        let told = self.ipp(PRINT_HELD, &[&format!("until={until}")], &file)?;
        let number = told.lines().last().unwrap_or_default().trim().to_owned();
        let new = self.jobs()?.into_iter().find(|job| !before.iter().any(|known| known.id == job.id));
        Ok((number, new.ok_or_else(|| anyhow::anyhow!("no job has come: {told}"))?))
    }
}

fn a_job_is_held_in_the_dialog_and_by_whoever_speaks_ipp_to_the_gateway() -> Result<()> {
    let desk = Desk::new()?;
    let limit = Duration::from_secs(40);
    // CUPS keeps it back itself, and hands it over when it is let go.
    desk.lp("dialog.pdf", "dialog", &["-H", "hold"])?;
    stays("it is kept back", Duration::from_secs(2), || {
        ensure!(desk.jobs()?.is_empty() && desk.cups.waiting_in_cups()? == 1, "{:?}", desk.jobs()?);
        Ok(())
    })?;
    let waiting = desk.cups.admin(&["lpstat", "-o", QUEUE])?;
    let waiting = waiting.split_whitespace().next().unwrap_or_default();
    desk.cups.admin(&["lp", "-i", waiting, "-H", "resume"])?;
    let tray = desk.office.printer.tray_with(1, limit)?;
    ensure!(tray[0].pages == ["dialog"], "{tray:?}");
    // The gateway itself: kept back from the beginning.
    let (number, job) = desk.print_by_ipp("early", "indefinite")?;
    ensure!(job.state == JobState::Held, "{job:?}");
    ensure!(job.reason.as_deref() == Some("job-hold-until-specified"), "{job:?}");
    stays("it is kept back", Duration::from_secs(2), || {
        ensure!(desk.office.printer.ever_in_cups()? == 1, "it went to the owner");
        Ok(())
    })?;
    desk.ipp(HANDLE, &["what=Release-Job", &format!("job={number}")], "/dev/null")?;
    desk.office.sender.job_becomes(&job.id, JobState::Done, limit)?;
    // And one that its owner has.
    desk.office.printer.set_busy(true)?;
    let (_, first) = desk.print_by_ipp("first", "no-hold")?;
    desk.office.sender.job_becomes(&first.id, JobState::Printing, limit)?;
    let (number, late) = desk.print_by_ipp("late", "no-hold")?;
    desk.office.sender.job_becomes(&late.id, JobState::Waiting, limit)?;
    desk.ipp(HANDLE, &["what=Hold-Job", &format!("job={number}")], "/dev/null")?;
    desk.office.sender.job_becomes(&late.id, JobState::Held, limit)?;
    desk.office.owner.job_becomes(&late.id, JobState::Held, limit)?;
    desk.office.printer.set_busy(false)?;
    desk.office.sender.job_becomes(&first.id, JobState::Done, limit)?;
    desk.ipp(HANDLE, &["what=Release-Job", &format!("job={number}")], "/dev/null")?;
    desk.office.sender.job_becomes(&late.id, JobState::Done, limit)?;
    let tray = desk.office.printer.tray_with(4, limit)?;
    ensure!(tray[3].pages == ["late"], "{tray:?}");
    Ok(())
}

/// CUPS lets only its administrators make queues. Nobody else is one by being there.
fn a_user_who_may_not_change_queues_is_told_what_to_do_and_nothing_is_left_half_made() -> Result<()> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.run(&["share", "printer", "save-as-pdf", "--name", "Office", "--to", "network"])?;
    let host = lab.host("ada")?;
    let cups = PaperPrinter::install_guarded(&host)?;
    let before = cups.admin(&["lpstat", "-v"])?;
    let environment = cups.environment().into_iter().chain([("USER".to_owned(), "daemon".to_owned())]);
    let setup =
        Setup { user: Some("daemon".to_owned()), environment: environment.collect(), ..Setup::default() };
    let mut ada = Node::at_home_with(&host, setup)?;
    ada.finds_printer("Office")?;
    for _ in 0..2 {
        let words = ada.refuses(&["printer", "add", "Office"])?;
        ensure!(words.contains("may not change this computer's print queues"), "{words}");
        ensure!(words.contains("sudo usermod -aG lpadmin daemon"), "what to do: {words}");
        ensure!(cups.admin(&["lpstat", "-v"])? == before, "a queue was made all the same");
        ensure!(!ada.finds_printer("Office")?.added, "it counts as added");
        let words = ada.refuses(&["printer", "remove", "Office"])?;
        ensure!(words.contains("Office"), "{words}");
        // What is written down is seen after a start.
        ada.stop()?;
        ada.start_again()?;
        ada.finds_printer("Office")?;
    }
    Ok(())
}
