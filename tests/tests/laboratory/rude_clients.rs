//! Printing clients that mean harm, against a printer for everyone on the network: what they send is refused, what they
//! keep open is cut off, and meanwhile another client without Lanyard prints.

use anyhow::{Context, Result, ensure};
use flate2::{Compress, Compression, FlushCompress};
use lanyard_api::{Job, JobState, Share};
use lanyard_ipp::{Attribute, GroupTag, Message, Operation, Value};
use lanyard_tests::{Host, Lab, Node, Process, documents, runner::remark, scenarios, soon};
use std::{fs, time::Duration};

scenarios![
    what_is_made_to_hurt_a_printer_is_refused_and_others_print_on,
    #[alone]
    floods_of_jobs_keep_nobody_from_printing,
    a_request_of_a_byte_a_second_is_cut_off_in_each_of_its_parts,
    #[alone]
    two_thousand_connections_keep_no_phone_from_printing,
    nobody_gets_at_a_job_by_saying_the_name_of_its_owner,
];

/// A page with "secret" on it, behind a password (qpdf, RC4 with 128 bits).
const LOCKED: &[u8] = include_bytes!("documents/locked.pdf");

/// What all of it may add to the most memory that the node ever held, in KiB. Documents are not read in it.
const MOST_GROWTH: u64 = 40 * 1024;

/// `ben` has a printer for everyone, `cleo` prints on it, `mallory` has other plans; neither has Lanyard.
struct Square {
    owner: Node,
    cleo: Host,
    mallory: Host,
    path: String,
    address: String,
    printed: usize,
    lab: Lab,
}

impl Square {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let owner = Node::at_home(&lab.host("ben")?)?;
        let share: Share =
            owner.json(&["share", "printer", "save-as-pdf", "--name", "Paper", "--to", "network"])?;
        let address = format!("{}:{}", owner.host().ipv4()?, owner.status()?.port);
        let path = format!("/ipp/print/{}", share.id);
        let (cleo, mallory) = (lab.host("cleo")?, lab.host("mallory")?);
        let mut square = Self { owner, cleo, mallory, path, address, printed: 0, lab };
        // What comes with the first document is there before the memory is looked at.
        square.prints_on()?;
        Ok(square)
    }

    fn request(&self, operation: Operation) -> Message {
        let uri = format!("ipp://{}{}", self.address, self.path);
        Message::request(operation, 1).with(GroupTag::Operation, "printer-uri", Value::uri(uri))
    }

    fn print_job(&self, title: &str, document: &[u8]) -> Vec<u8> {
        let request = self.request(Operation::PrintJob);
        with_document(&request.with(GroupTag::Operation, "job-name", Value::name(title)), document)
    }

    /// Posts it from a host, with a length that may be false; what came back.
    fn post(&self, from: &Host, name: &str, body: &[u8], claimed: Option<usize>) -> Result<String> {
        let file = file(from, name, body)?;
        let mut command = vec!["post-ipp", &self.address, &self.path, &file];
        let claimed = claimed.map(|bytes| bytes.to_string());
        command.extend(claimed.as_deref());
        Ok(from.run_inside(&command)?.trim().to_owned())
    }

    /// `cleo` prints a page, and it is there.
    fn prints_on(&mut self) -> Result<()> {
        self.printed += 1;
        let title = format!("honest {}", self.printed);
        let body = self.print_job(&title, &documents::pdf(&[&title]));
        let told = self.post(&self.cleo, "honest.ipp", &body, None)?;
        ensure!(told.starts_with("http 200 ipp 0x0000"), "{title}: {told}");
        soon(&format!("{title} is printed"), Duration::from_secs(30), || {
            let jobs = self.jobs_of(&title)?;
            ensure!(jobs.len() == 1 && jobs[0].state == JobState::Done, "{jobs:?}");
            Ok(())
        })
    }

    fn jobs_of(&self, title: &str) -> Result<Vec<Job>> {
        let jobs: Vec<Job> = self.owner.json(&["jobs"])?;
        Ok(jobs.into_iter().filter(|job| job.title == title).collect())
    }

    /// The honest jobs are done, once each, and nothing else was printed but `others`.
    fn has_printed_only(&self, others: usize) -> Result<()> {
        let folder = self.owner.data().join("downloads/Printed");
        let names: Vec<String> = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        let honest = names.iter().filter(|name| name.starts_with("honest")).count();
        ensure!(honest == self.printed, "{honest} of {} honest documents: {names:?}", self.printed);
        ensure!(names.len() == honest + others, "{} of {others}: {names:?}", names.len() - honest);
        Ok(())
    }

    /// Prints on while it runs, at least three pages; what it had to say in the end.
    fn prints_on_during(&mut self, attack: &mut Process) -> Result<String> {
        let before = self.printed;
        while attack.runs() || self.printed < before + 3 {
            self.prints_on()?;
        }
        remark(format!("{} pages printed meanwhile", self.printed - before));
        ensure!(attack.wait(Duration::from_secs(10))? == Some(0), "{}", attack.errors());
        Ok(attack.written().trim().to_owned())
    }

    fn most(&mut self) -> Result<u64> {
        self.owner.process()?.most_kib()
    }

    fn has_not_grown_from(&mut self, before: u64) -> Result<()> {
        let after = self.most()?;
        remark(format!("at most {before} KiB before, {after} KiB after"));
        ensure!(after < before + MOST_GROWTH, "memory grew from {before} to {after} KiB");
        Ok(())
    }
}

fn what_is_made_to_hurt_a_printer_is_refused_and_others_print_on() -> Result<()> {
    const BAD: &[u16] = &[0x0400, 0x0408];
    const FORMAT: &[u16] = &[0x0411];
    let mut square = Square::new()?;
    let before = square.most()?;
    let print = |document: &[u8]| square.print_job("harm", document);
    let packed = |with: &str, document: &[u8]| {
        let request = square.request(Operation::PrintJob).with(
            GroupTag::Operation,
            "compression",
            Value::keyword(with),
        );
        with_document(&request, document)
    };
    let elsewhere = Message::request(Operation::GetPrinterAttributes, 1).with(
        GroupTag::Operation,
        "printer-uri",
        Value::uri("ipp://elsewhere.example/ipp/print/other"),
    );
    let no_operation = Message { code: 0x3fff, ..square.request(Operation::GetPrinterAttributes) };
    let beyond = square.request(Operation::PrintJob).with(GroupTag::Job, "page-ranges", Value::Range(7, 9));
    let two_pages = documents::pdf(&["one", "two"]);
    let (whole, deflated) = (print(&two_pages), bomb());
    let cases: Vec<(&str, Vec<u8>, Option<usize>, &[u16])> = vec![
        ("collections in collections", nested(&square), None, BAD),
        ("a hundred thousand attributes", many(&square), None, BAD),
        ("noise", documents::noise(300_000, 5), None, &[0, 0x0400, 0x0408, 0x0503]),
        ("an unknown operation", no_operation.encode(), None, &[0x0501]),
        ("another printer's address", elsewhere.encode(), None, &[0x0406]),
        ("a gzip that never ends", packed("gzip", &gzip(&deflated)), None, BAD),
        ("a deflate that never ends", packed("deflate", &deflated), None, BAD),
        ("four thousand million pixels of PWG", print(&huge_pwg()), None, FORMAT),
        ("four thousand million pixels of URF", print(&huge_urf()), None, FORMAT),
        ("a PDF with a password", print(LOCKED), None, &[0x0418]),
        ("a PDF that is damaged", print(&two_pages[..two_pages.len() / 3]), None, FORMAT),
        ("a PDF without pages", print(&documents::pdf(&[])), None, FORMAT),
        ("half of what was announced", whole.clone(), Some(whole.len() * 2), &[0x0400]),
        ("half of a document", whole[..whole.len() - 200].to_vec(), Some(whole.len()), &[0x0400]),
        ("pages that are not there", with_document(&beyond, &two_pages), None, &[0x0000]),
    ];
    for (number, (what, body, claimed, expected)) in cases.into_iter().enumerate() {
        let told = square.post(&square.mallory, &format!("harm{number}.ipp"), &body, claimed)?;
        let allowed = |code: &u16| told.contains(&format!("ipp 0x{code:04x}"));
        let cut = claimed.is_some() && told.starts_with("closed");
        ensure!(cut || expected.iter().any(allowed), "{what}: {told}");
        remark(format!("{what}: {told}"));
        square.prints_on().with_context(|| format!("after {what}"))?;
    }
    // The pages were chosen, and only the document tells that it has none of them: its job ends and says so.
    soon("a job without pages ends", Duration::from_secs(15), || {
        let jobs: Vec<Job> = square.owner.json(&["jobs"])?;
        let failed: Vec<&Job> = jobs.iter().filter(|job| job.state == JobState::Failed).collect();
        ensure!(failed.len() == 1, "{failed:?}");
        let words = failed[0].detail.clone().unwrap_or_default();
        ensure!(words.contains("none of the chosen pages"), "{:?}", failed[0]);
        Ok(())
    })?;
    square.has_printed_only(0)?;
    square.has_not_grown_from(before)
}

fn floods_of_jobs_keep_nobody_from_printing() -> Result<()> {
    let mut square = Square::new()?;
    let before = square.most()?;
    let empty = file(&square.mallory, "create.ipp", &square.request(Operation::CreateJob).encode())?;
    let mut flood =
        square.mallory.spawn_inside(&["flood-ipp", &square.address, &square.path, &empty, "10000"])?;
    let told = square.prints_on_during(&mut flood)?;
    remark(format!("10,000 jobs without a document: {}", told.replace('\n', ", ")));
    // As many as one client may have, and for the rest the words that there are too many.
    ensure!(times(&told, "http 200 ipp 0x0000") == 20, "{told}");
    ensure!(times(&told, "http 200 ipp 0x0507") == 9_980, "{told}");

    // From another address: of those that wait for a document this one has all that it may have.
    let eve = square.lab.host("eve")?;
    let body = square.print_job("flood", &documents::pdf(&["one of many"]));
    let body = file(&eve, "print.ipp", &body)?;
    let mut flood = eve.spawn_inside(&["flood-ipp", &square.address, &square.path, &body, "300"])?;
    let told = square.prints_on_during(&mut flood)?;
    remark(format!("300 jobs with one: {}", told.replace('\n', ", ")));
    let (taken, refused) = (times(&told, "http 200 ipp 0x0000"), times(&told, "http 200 ipp 0x0507"));
    ensure!(taken + refused == 300 && taken > 0, "{told}");
    soon("what was taken is printed, and nothing else", Duration::from_secs(120), || {
        square.has_printed_only(taken)
    })?;
    square.has_not_grown_from(before)
}

fn a_request_of_a_byte_a_second_is_cut_off_in_each_of_its_parts() -> Result<()> {
    const LIMIT: &str = "80";
    let mut square = Square::new()?;
    let before = square.most()?;
    let message = square.request(Operation::PrintJob).encode();
    // Another operation attribute, whose value of 3,000 bytes takes its time.
    let mut begun = message.clone();
    begun.pop();
    begun.extend([0x42, 0, 8]);
    begun.extend(b"job-name");
    begun.extend(3_000u16.to_be_bytes());
    let mut slow = Vec::new();
    for (part, begin) in [("header", &message), ("attributes", &begun), ("document", &message)] {
        let file = file(&square.mallory, &format!("{part}.ipp"), begin)?;
        let what = ["slow-ipp", &square.address, &square.path, part, &file, LIMIT];
        slow.push((part, square.mallory.spawn_inside(&what)?));
    }
    for (part, one) in &mut slow {
        let told = square.prints_on_during(one).with_context(|| (*part).to_owned())?;
        remark(format!("{part}: {}", told.lines().last().unwrap_or_default()));
    }
    square.has_printed_only(0)?;
    square.has_not_grown_from(before)
}

fn two_thousand_connections_keep_no_phone_from_printing() -> Result<()> {
    let mut square = Square::new()?;
    let before = square.most()?;
    let mut crowd = square.mallory.spawn_inside(&["besiege", &square.address, "2000", "15"])?;
    soon("the crowd is there", Duration::from_secs(15), || {
        ensure!(crowd.written().contains("besieged"), "{}", crowd.errors());
        Ok(())
    })?;
    let told = square.prints_on_during(&mut crowd)?;
    remark(told.replace('\n', ", "));
    square.has_printed_only(0)?;
    square.has_not_grown_from(before)
}

/// A user's name is a claim that anybody can make: what counts is where a request comes from.
fn nobody_gets_at_a_job_by_saying_the_name_of_its_owner() -> Result<()> {
    let square = Square::new()?;
    let named = |operation| {
        square.request(operation).with(GroupTag::Operation, "requesting-user-name", Value::name("cleo"))
    };
    let held = named(Operation::PrintJob).with(GroupTag::Operation, "job-name", Value::name("diary")).with(
        GroupTag::Job,
        "job-hold-until",
        Value::keyword("indefinite"),
    );
    let body = with_document(&held, &documents::pdf(&["for nobody else"]));
    let told = square.post(&square.cleo, "held.ipp", &body, None)?;
    ensure!(told.starts_with("http 200 ipp 0x0000"), "{told}");
    let of_job = |operation, number| {
        named(operation).with(GroupTag::Operation, "job-id", Value::Integer(number)).encode()
    };
    // Its number is small, so it is found by trying.
    for number in 1..=3 {
        for (operation, name) in [
            (Operation::GetJobAttributes, "see"),
            (Operation::CancelJob, "cancel"),
            (Operation::ReleaseJob, "release"),
            (Operation::CloseJob, "close"),
        ] {
            let told = square.post(&square.mallory, "forged.ipp", &of_job(operation, number), None)?;
            ensure!(told.starts_with("http 200 ipp 0x0406"), "{name} {number}: {told}");
        }
    }
    let told = square.post(&square.mallory, "all.ipp", &named(Operation::CancelMyJobs).encode(), None)?;
    ensure!(told.starts_with("http 200 ipp 0x0000"), "none of them are its own: {told}");
    let jobs = square.jobs_of("diary")?;
    ensure!(jobs.len() == 1 && jobs[0].state == JobState::Held, "{jobs:?}");
    // Whose it is can let it go.
    let own = (1..=3).any(|number| {
        let body = of_job(Operation::ReleaseJob, number);
        square.post(&square.cleo, "own.ipp", &body, None).is_ok_and(|told| told.contains("ipp 0x0000"))
    });
    ensure!(own, "nobody can release it");
    soon("it is printed", Duration::from_secs(15), || {
        let jobs = square.jobs_of("diary")?;
        ensure!(jobs.len() == 1 && jobs[0].state == JobState::Done, "{jobs:?}");
        Ok(())
    })
}

/// How often an answer came, of what a flood had to say.
fn times(told: &str, answer: &str) -> usize {
    let count = |line: &str| line.split_once(" × ").filter(|(_, told)| *told == answer)?.0.parse().ok();
    told.lines().find_map(count).unwrap_or(0)
}

fn file(host: &Host, name: &str, content: &[u8]) -> Result<String> {
    let path = host.dir().join(name);
    fs::write(&path, content)?;
    Ok(path.to_string_lossy().into_owned())
}

fn with_document(request: &Message, document: &[u8]) -> Vec<u8> {
    [&request.encode(), document].concat()
}

/// Collections within collections; servers have died of less.
fn nested(square: &Square) -> Vec<u8> {
    let mut bytes = square.request(Operation::GetPrinterAttributes).encode();
    bytes.pop();
    bytes.extend([0x02, 0x34, 0, 9]);
    bytes.extend(b"media-col\0\0");
    for _ in 0..30_000 {
        bytes.extend(b"\x4a\0\0\0\x01m\x34\0\0\0\0");
    }
    bytes
}

fn many(square: &Square) -> Vec<u8> {
    let mut request = square.request(Operation::GetPrinterAttributes);
    for number in 0..100_000 {
        request.add(GroupTag::Operation, Attribute::one(format!("a{number}"), Value::Integer(number)));
    }
    request.encode()
}

/// A raw DEFLATE stream of some megabytes that inflates to thousands of megabytes of nothing: one block, a thousand
/// times over.
fn bomb() -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut packed = Vec::with_capacity(64 << 10);
    let mut packer = Compress::new(Compression::best(), false);
    // The block ends at a byte, so that another may follow.
    let ended = packer.compress_vec(&zeros, &mut packed, FlushCompress::Full);
    assert!(ended.is_ok() && packer.total_in() == 1 << 20, "a block was not packed");
    packed.repeat(4_000)
}

/// The same in the wrapping of gzip (RFC 1952), whose end never comes.
fn gzip(deflated: &[u8]) -> Vec<u8> {
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..], deflated].concat()
}

/// The header of a page of 65,000 by 65,000 pixels, and nothing behind it.
fn huge_pwg() -> Vec<u8> {
    let mut page = documents::pwg_raster(documents::Raster::Colour, 600, 8, 8, 1);
    for (at, number) in [(372, 65_000u32), (376, 65_000), (392, 3 * 65_000)] {
        page[4 + at..8 + at].copy_from_slice(&number.to_be_bytes());
    }
    page
}

fn huge_urf() -> Vec<u8> {
    let mut file = b"UNIRAST\0\0\0\0\x01".to_vec();
    // Bits, colour space, sides, quality, then what nobody uses, width, height, dots an inch.
    file.extend([24, 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [65_000u32, 65_000, 600, 0, 0] {
        file.extend(number.to_be_bytes());
    }
    file
}
