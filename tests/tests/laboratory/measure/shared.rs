//! A queue that a node shares, and the same queue by `lp -h`.

use super::{Beside, Figure, Most, ROUNDS, median, peak};
use anyhow::Result;
use lanyard_tests::documents;
use std::{fs, time::Duration};

pub(super) fn one_page() -> Result<()> {
    let beside = Beside::new()?;
    let document = documents::pdf(&["One page"]);
    let bytes = document.len() as u64;
    let file = beside.file("one.pdf", &document)?;
    let (mut submit, mut lp, mut accepted, mut lanyard) = (vec![], vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            let ours = (round + turn) % 2 == 0;
            let print = || if ours { beside.lanyard(&[&file]) } else { beside.lp(&[&file]) };
            let (taken, out) = beside.round(bytes, print)?;
            // The first one warms everything up.
            match (round > 0, ours) {
                (false, _) => {}
                (true, true) => {
                    accepted.push(taken);
                    lanyard.push(out);
                }
                (true, false) => {
                    submit.push(taken);
                    lp.push(out);
                }
            }
        }
    }
    Figure {
        what: "one page on a shared queue, on paper",
        unit: "ms",
        ours: median(lanyard),
        peer: Some(("lp -h", median(lp))),
        goal: Most::Times(1.2),
    }
    .tell();
    Figure {
        what: "one page accepted, safe on the disk",
        unit: "ms",
        ours: median(accepted),
        peer: Some(("lp -h submits", median(submit))),
        goal: Most::Times(0.5),
    }
    .tell();
    Ok(())
}

pub(super) fn a_hundred_pages_at_once() -> Result<()> {
    const COUNT: usize = 100;
    const ROUNDS: usize = 3;
    let beside = Beside::new()?;
    let files: Vec<String> = (0..COUNT)
        .map(|number| {
            beside.file(&format!("page-{number}.pdf"), &documents::pdf(&[&format!("Page {number}")]))
        })
        .collect::<Result<_>>()?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (mut submit, mut lp, mut accepted, mut lanyard) = (vec![], vec![], vec![], vec![]);
    for turn in 0..2 * ROUNDS {
        let ours = matches!(turn % 4, 1 | 2);
        let timed = if ours { beside.lanyard(&files)? } else { beside.lp(&files)? };
        beside.finished((turn + 1) * COUNT)?;
        let done = timed.until(std::time::SystemTime::now());
        let (taken, finished) = if ours { (&mut accepted, &mut lanyard) } else { (&mut submit, &mut lp) };
        taken.push(timed.took);
        finished.push(done);
    }
    let rate = |times: Vec<Duration>| COUNT as f64 * 1000.0 / median(times);
    Figure {
        what: "100 jobs of one page, accepted",
        unit: "/s",
        ours: rate(accepted),
        peer: Some(("lp -h", rate(submit))),
        goal: Most::AtLeastTimes(3.0),
    }
    .tell();
    Figure {
        what: "100 jobs of one page, finished",
        unit: "/s",
        ours: rate(lanyard),
        peer: Some(("lp -h", rate(lp))),
        goal: Most::AtLeastTimes(0.95),
    }
    .tell();
    Ok(())
}

pub(super) fn half_a_gigabyte() -> Result<()> {
    const ROUNDS: usize = 5;
    let mut beside = Beside::new()?;
    let document = documents::pdf_with_ballast(&["Heavy"], 500_000_000);
    let bytes = document.len() as u64;
    let file = beside.file("heavy.pdf", &document)?;
    drop(document);
    let (mut lp, mut lanyard) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            let ours = (round + turn) % 2 == 0;
            let print = || if ours { beside.lanyard(&[&file]) } else { beside.lp(&[&file]) };
            let (_, out) = beside.round(bytes, print)?;
            fs::remove_file(&beside.out)?;
            if round > 0 {
                if ours { &mut lanyard } else { &mut lp }.push(out);
            }
        }
    }
    Figure {
        what: "500 MB on a shared queue, on paper",
        unit: "ms",
        ours: median(lanyard),
        peer: Some(("lp -h, raw", median(lp))),
        goal: Most::Times(1.2),
    }
    .tell();
    let peaks = [peak(&mut beside.sender)?, peak(&mut beside.owner)?];
    for (what, ours) in
        ["500 MB: most memory of the sender's node", "500 MB: most memory of the owner's node"]
            .into_iter()
            .zip(peaks)
    {
        Figure { what, unit: "MB", ours, peer: None, goal: Most::Value(40.0) }.tell();
    }
    Ok(())
}
