//! One printer on the network that two computers offer: one card, and whoever is there carries the document.

use crate::household::{admit, create};
use anyhow::{Result, ensure};
use lanyard_api::{Job, JobState, Printer};
use lanyard_tests::{
    Host, Lab, Node, PaperPrinter, StandardPrinter, documents, runner::remark, scenarios, soon,
};
use std::{
    fs,
    time::{Duration, Instant},
};

scenarios![a_printer_that_two_computers_offer_is_one_and_is_reached_by_whichever_is_there];

const QUEUE: &str = "Kitchen_Queue";
const SOON: Duration = Duration::from_secs(40);

/// A computer with a queue that leads to the printer in the kitchen.
struct Offering {
    node: Node,
    cups: PaperPrinter,
}

impl Offering {
    fn new(host: &Host, kitchen: &Host) -> Result<Self> {
        let cups = PaperPrinter::install(host)?;
        let uri = format!("ipp://{}:8631/ipp/print", kitchen.ipv4()?);
        cups.admin(&["lpadmin", "-p", QUEUE, "-E", "-v", &uri, "-m", "everywhere"])?;
        let node = Node::at_home_beside(host, &cups)?;
        node.run(&["share", "printer", QUEUE, "--name", "Kitchen"])?;
        Ok(Self { node, cups })
    }

    fn id(&self) -> &str {
        &self.node.ready().id
    }
}

fn a_printer_that_two_computers_offer_is_one_and_is_reached_by_whichever_is_there() -> Result<()> {
    let lab = Lab::new()?;
    let kitchen = lab.host("kitchen")?;
    let printer = StandardPrinter::install(&kitchen, "Kitchen", &["application/pdf"])?;
    let both = [Offering::new(&lab.host("ben")?, &kitchen)?, Offering::new(&lab.host("cleo")?, &kitchen)?];
    let ada = Node::at_home(&lab.host("ada")?)?;
    // Whose word counts for what is the same printer: devices of one home.
    create(&both[0].node, "Home")?;
    for new in [&both[1].node, &ada] {
        admit(&both[0].node, new)?;
    }
    let card: Printer = soon("one card has all ways", SOON, || {
        let printers = ada.nearby()?.printers;
        ensure!(printers.len() == 1, "{printers:?}");
        let is_way = |one: &Offering| printers[0].routes.iter().any(|route| route.ends_with(one.id()));
        ensure!(both.iter().all(is_way) && printers[0].routes.len() == 3, "{printers:?}");
        Ok(printers[0].clone())
    })?;
    let print = |text: &str| -> Result<Job> {
        let file = ada.host().dir().join(format!("{text}.pdf"));
        fs::write(&file, documents::pdf(&[text]))?;
        // By the name that both call it.
        ada.json(&["print", &file.to_string_lossy(), "--on", "Kitchen"])
    };
    let first = print("first")?;
    let (near, other) = match card.device.as_deref() == Some(both[0].id()) {
        true => (&both[0], &both[1]),
        false => (&both[1], &both[0]),
    };
    ensure!(first.device == near.id(), "{first:?} on {card:?}");
    ada.job_becomes(&first.id, JobState::Done, SOON)?;

    // One that the first computer has is its own; one that it has not goes by the other.
    near.node.run(&["printer", "pause", QUEUE])?;
    let theirs = print("theirs")?;
    ada.job_becomes(&theirs.id, JobState::Stopped, SOON)?;
    near.node.host().unplug()?;
    let begun = Instant::now();
    let late = print("late")?;
    let late = ada.job_becomes(&late.id, JobState::Done, SOON)?;
    remark(format!("by the other computer {} ms after the cable was pulled", begun.elapsed().as_millis()));
    ensure!(late.device == other.id() && late.device_name == other.node.name(), "{late:?}");
    let waits = ada.job(&theirs.id)?;
    ensure!(waits.device == near.id() && waits.ended_at.is_none(), "it may be on paper there: {waits:?}");
    ensure!(printer.tray_with(2, SOON)?[1].pages == ["late"], "{:?}", printer.tray()?);

    near.node.host().plug()?;
    near.node.run(&["printer", "resume", QUEUE])?;
    ada.job_becomes(&theirs.id, JobState::Done, Duration::from_secs(90))?;
    let pages: Vec<String> = printer.tray_with(3, SOON)?.into_iter().flat_map(|sheet| sheet.pages).collect();
    ensure!(pages == ["first", "late", "theirs"], "{pages:?}");
    for one in &both {
        ensure!(one.cups.waiting_in_cups()? == 0, "{}", one.cups.log());
    }
    Ok(())
}
