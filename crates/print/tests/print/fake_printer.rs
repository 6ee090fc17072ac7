//! A fake: an IPP printer that goes wrong on request, at the moment that a test wants. Real ones are in the laboratory.

use lanyard_ipp::{Attribute, Group, GroupTag, Limits, Message, Operation, Status, Value};
use lanyard_print::consume::standard::{Find, PrinterId, Way};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// What a printer does wrong, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    /// It knows only Print-Job.
    pub(crate) no_create_job: bool,
    /// It forgets attributes that it does not know.
    pub(crate) drops_mark: bool,
    /// Takes one job at a time.
    pub(crate) one_at_a_time: bool,
    /// Jobs stay where they are.
    pub(crate) stands: bool,
    /// `printer-state-reasons`.
    pub(crate) reasons: Vec<&'static str>,
    /// Hangs up instead of answering to this, once; what was asked is done.
    pub(crate) hangs_up_after: Option<Operation>,
    /// Hangs up after every answer without having said that it would.
    pub(crate) hangs_up_always: bool,
    /// Does not answer to this until that is taken away again; what was asked is done.
    pub(crate) keeps_waiting: Option<Operation>,
    /// Hangs up after so many bytes of a document, once, and prints what it has.
    pub(crate) cuts_at: Option<usize>,
}

#[derive(Clone, Debug)]
struct Job {
    number: i32,
    name: String,
    user: String,
    mark: Option<String>,
    state: i32,
    documents: i32,
    pages: i32,
}

#[derive(Default)]
struct Inside {
    ways: Ways,
    formats: Vec<&'static str>,
    jobs: Vec<Job>,
    numbers: i32,
    printed: Vec<Vec<u8>>,
    asked: Vec<Operation>,
    tickets: Vec<Group>,
    off: bool,
    /// How often it was switched off: what was connected before is not any more.
    lives: u32,
    /// What was connected before it was here leads nowhere: nobody answers, and nobody hangs up either.
    here_since: u32,
}

/// The printer. Clones are the same one.
#[derive(Clone)]
pub(crate) struct FakePrinter {
    inside: Arc<Mutex<Inside>>,
    ways: Arc<Mutex<Vec<Way>>>,
}

impl FakePrinter {
    pub(crate) fn new(formats: &[&'static str]) -> Self {
        let inside = Inside { formats: formats.to_vec(), ..Inside::default() };
        Self { inside: Arc::new(Mutex::new(inside)), ways: Arc::default() }
    }

    pub(crate) fn id() -> PrinterId {
        PrinterId::of_service("fake._ipp._tcp.local.")
    }

    /// Is switched on, at a new address.
    pub(crate) fn on(&self) -> SocketAddr {
        self.listen(None)
    }

    /// The same over TLS, with a new key.
    pub(crate) fn on_with_new_key(&self) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["fake.local".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        self.listen(Some(Arc::new(config)));
    }

    fn listen(&self, tls: Option<Arc<ServerConfig>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        self.inside().off = false;
        let way = Way {
            addresses: vec![address],
            host: "fake.local".to_owned(),
            path: "/ipp/print".to_owned(),
            tls: tls.is_some(),
        };
        *self.ways.lock().unwrap() = vec![way];
        let printer = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                // Another life of the printer has another address.
                if printer.inside().off || printer.ways.lock().unwrap()[0].addresses[0] != address {
                    return;
                }
                let (printer, tls) = (printer.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => printer.serve(stream),
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        printer.serve(StreamOwned::new(session, stream))
                    }
                });
            }
        });
        address
    }

    /// Is switched off; jobs and numbers are forgotten.
    pub(crate) fn off(&self) {
        let mut inside = self.inside();
        inside.off = true;
        inside.lives += 1;
        inside.jobs.clear();
        inside.numbers = 0;
        let address = self.ways.lock().unwrap().first().map(|way| way.addresses[0]);
        drop(inside);
        if let Some(address) = address {
            // Wakes the listener, so that it sees.
            let _ = TcpStream::connect(address);
        }
        self.ways.lock().unwrap().clear();
    }

    /// Gets another address; its old one is nobody's.
    pub(crate) fn leaves(&self) {
        let mut inside = self.inside();
        inside.lives += 1;
        inside.here_since = inside.lives;
    }

    pub(crate) fn set(&self, how: impl FnOnce(&mut Ways)) {
        how(&mut self.inside().ways);
    }

    /// Lets a job that stands go on.
    pub(crate) fn goes_on(&self) {
        let mut inside = self.inside();
        inside.ways.stands = false;
        for job in inside.jobs.iter_mut().filter(|job| job.documents > 0 && job.state < 7) {
            job.state = 9;
        }
    }

    pub(crate) fn printed(&self) -> Vec<Vec<u8>> {
        self.inside().printed.clone()
    }

    pub(crate) fn asked(&self, operation: Operation) -> usize {
        self.inside().asked.iter().filter(|asked| **asked == operation).count()
    }

    /// What the last job was to be printed with.
    pub(crate) fn ticket(&self) -> Group {
        self.inside().tickets.last().cloned().unwrap()
    }

    /// States of all jobs.
    pub(crate) fn states(&self) -> Vec<i32> {
        self.inside().jobs.iter().map(|job| job.state).collect()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    fn serve<S: Read + Write>(&self, stream: S) {
        let mut stream = BufReader::new(stream);
        let life = self.inside().lives;
        while let Ok(true) = self.answer(&mut stream, life) {}
    }

    /// One request; false when the connection is to end.
    fn answer<S: Read + Write>(&self, stream: &mut BufReader<S>, life: u32) -> io::Result<bool> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(false);
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        let cut = self.inside().ways.cuts_at;
        while body.len() < length {
            let mut piece = vec![0; (length - body.len()).min(16 * 1024)];
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Ok(false);
            }
            body.extend_from_slice(&piece[..read]);
            let head = Message::decode(&body, Limits::REQUEST).ok();
            if let (Some(cut), Some((message, head))) = (cut, head)
                && body.len() - head > cut
            {
                let mut inside = self.inside();
                inside.ways.cuts_at = None;
                inside.printed.push(body[head..head + cut].to_vec());
                let number = message.find(GroupTag::Operation, "job-id").and_then(|id| id.first().as_int());
                for job in inside.jobs.iter_mut().filter(|job| Some(job.number) == number) {
                    (job.state, job.documents) = (8, 1);
                }
                return Ok(false);
            }
        }
        if life < self.inside().here_since {
            thread::sleep(Duration::from_secs(60));
        }
        let is_alive = {
            let inside = self.inside();
            !inside.off && inside.lives == life
        };
        if !is_alive {
            return Ok(false);
        }
        let (message, head) = Message::decode(&body, Limits::REQUEST).unwrap();
        let operation = Operation::from_code(message.code).unwrap();
        let answer = self.operate(operation, &message, &body[head..]);
        let hangs_up = {
            let ways = &mut self.inside().ways;
            let hangs_up = ways.hangs_up_after == Some(operation);
            if hangs_up {
                ways.hangs_up_after = None;
            }
            hangs_up
        };
        while self.inside().ways.keeps_waiting == Some(operation) {
            thread::sleep(Duration::from_millis(10));
        }
        if hangs_up {
            return Ok(false);
        }
        let answer = answer.encode();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.get_mut().write_all(head.as_bytes())?;
        stream.get_mut().write_all(&answer)?;
        stream.get_mut().flush()?;
        Ok(!self.inside().ways.hangs_up_always)
    }

    fn operate(&self, operation: Operation, message: &Message, document: &[u8]) -> Message {
        let mut inside = self.inside();
        inside.asked.push(operation);
        let answer = |status| Message::answer(message.version, status, message.request_id);
        let number = message.find(GroupTag::Operation, "job-id").and_then(|id| id.first().as_int());
        let job = inside.jobs.iter().position(|job| Some(job.number) == number);
        let busy = inside.ways.one_at_a_time && inside.jobs.iter().any(|job| job.state < 7);
        match (operation, job) {
            (Operation::GetPrinterAttributes, _) => inside.about_itself(answer(Status::Ok)),
            (Operation::CreateJob | Operation::PrintJob, _) if busy => answer(Status::Busy),
            (Operation::CreateJob | Operation::PrintJob, _) => {
                let mut told = answer(Status::Ok);
                let at = inside.new_job(message);
                if operation == Operation::PrintJob {
                    inside.take(at, document);
                }
                told.groups.push(inside.about(at));
                told
            }
            (Operation::SendDocument, Some(at)) => {
                inside.take(at, document);
                let mut told = answer(Status::Ok);
                told.groups.push(inside.about(at));
                told
            }
            (Operation::GetJobAttributes, Some(at)) => {
                let mut told = answer(Status::Ok);
                told.groups.push(inside.about(at));
                told
            }
            (Operation::GetJobs, _) => {
                let which = message.find(GroupTag::Operation, "which-jobs").unwrap().first().as_str();
                let open = which == Some("not-completed");
                let mut told = answer(Status::Ok);
                for at in 0..inside.jobs.len() {
                    if (inside.jobs[at].state < 7) == open {
                        told.groups.push(inside.about(at));
                    }
                }
                told
            }
            (Operation::CancelJob, Some(at)) if inside.jobs[at].state >= 7 => answer(Status::NotPossible),
            (Operation::CancelJob, Some(at)) => {
                inside.jobs[at].state = 7;
                answer(Status::Ok)
            }
            (_, None) => answer(Status::NotFound),
            _ => answer(Status::OperationNotSupported),
        }
    }
}

impl Inside {
    fn about_itself(&self, mut told: Message) -> Message {
        let mut operations = vec![
            Operation::PrintJob,
            Operation::GetJobs,
            Operation::GetJobAttributes,
            Operation::GetPrinterAttributes,
            Operation::CancelJob,
        ];
        if !self.ways.no_create_job {
            operations.extend([Operation::CreateJob, Operation::SendDocument]);
        }
        let codes = operations.iter().map(|operation| Value::Enum(i32::from(operation.code())));
        let reasons: &[&str] = if self.ways.reasons.is_empty() { &["none"] } else { &self.ways.reasons };
        let group = Group {
            tag: GroupTag::Printer,
            attributes: vec![
                Attribute::many("operations-supported", codes),
                Attribute::many(
                    "document-format-supported",
                    self.formats.iter().map(|mime| Value::mime(*mime)),
                ),
                Attribute::one("printer-is-accepting-jobs", Value::Boolean(true)),
                Attribute::one("printer-state", Value::Enum(3)),
                Attribute::keywords("printer-state-reasons", reasons.iter().copied()),
                Attribute::one("color-supported", Value::Boolean(true)),
                Attribute::keywords("sides-supported", ["one-sided", "two-sided-long-edge"]),
                Attribute::one("copies-supported", Value::Range(1, 9)),
                Attribute::one("page-ranges-supported", Value::Boolean(true)),
            ],
        };
        told.groups.push(group);
        told
    }

    fn new_job(&mut self, message: &Message) -> usize {
        self.numbers += 1;
        let told = message.group(GroupTag::Operation).unwrap();
        let text = |name: &str| told.text(name).unwrap_or_default().to_owned();
        let chosen = message.group(GroupTag::Job).cloned();
        let chosen = chosen.unwrap_or(Group { tag: GroupTag::Job, attributes: Vec::new() });
        let mark = chosen.text("lanyard-job-uuid").map(str::to_owned).filter(|_| !self.ways.drops_mark);
        self.tickets.push(chosen);
        self.jobs.push(Job {
            number: self.numbers,
            name: text("job-name"),
            user: text("requesting-user-name"),
            mark,
            state: 4,
            documents: 0,
            pages: 0,
        });
        self.jobs.len() - 1
    }

    fn take(&mut self, at: usize, document: &[u8]) {
        self.printed.push(document.to_vec());
        let job = &mut self.jobs[at];
        (job.documents, job.pages) = (1, 2);
        job.state = if self.ways.stands { 5 } else { 9 };
    }

    fn about(&self, at: usize) -> Group {
        let job = &self.jobs[at];
        let mut attributes = vec![
            Attribute::one("job-id", Value::Integer(job.number)),
            Attribute::one("job-name", Value::name(job.name.as_str())),
            Attribute::one("job-originating-user-name", Value::name(job.user.as_str())),
            Attribute::one("job-state", Value::Enum(job.state)),
            Attribute::one("number-of-documents", Value::Integer(job.documents)),
            Attribute::one("job-impressions-completed", Value::Integer(job.pages)),
        ];
        attributes
            .extend(job.mark.as_ref().map(|mark| Attribute::one("lanyard-job-uuid", Value::text(mark))));
        Group { tag: GroupTag::Job, attributes }
    }
}

impl Find for FakePrinter {
    fn ways(&self, printer: &PrinterId) -> Vec<Way> {
        assert_eq!(*printer, Self::id());
        self.ways.lock().unwrap().clone()
    }
}
