//! Both halves over a real link: a sender's outbox and an owner that comes and goes.

use super::cups::{eventually, text_of};
use super::offering::{Document, Owner, Running, documents, files};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use lanyard_link::{Body, Caller, Doors, Incoming, Limits, Listener, Peers, Serve};
use lanyard_print::{
    MIGRATIONS, QueueId,
    consume::{Outbox, OutboxError, OutgoingJob, OutgoingState, Parts, Target, outgoing::Phase},
    document::{DocumentError, Format},
    offer::Offer,
    ticket::{Options, State},
};
use lanyard_store::Store;
use lanyard_trust::{Identity, NodeId, ShareId, Subject, Who};
use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

struct Door(Offer);

impl Serve for Door {
    fn serve(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let offer = self.0.clone();
        let subject = Subject { who: Who::Device(caller.node), on_own_network: true };
        async move { offer.serve(subject, request).await }.boxed()
    }
}

/// An owner's listener, in a run time of its own: when it goes away, everything of it ends, threads that are busy
/// with the disk included, as when a process is killed. What still ran would get in the way of its next life.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
    life: Option<Runtime>,
}

pub(crate) async fn listen(owner: &Owner, identity: &Identity, address: Option<SocketAddr>) -> Listening {
    let life = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bind = |address| {
        let _inside = life.enter();
        Listener::bind(address)
    };
    let running = {
        let _inside = life.enter();
        owner.run()
    };
    let address = address.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
    let start = Instant::now();
    let listener = loop {
        match bind(address) {
            Ok(listener) => break listener,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let address = listener.local_addr().unwrap();
    let door: Arc<dyn Serve> = Arc::new(Door(running.offer.clone()));
    let doors = Doors::new(Limits::default(), |_| false);
    life.spawn(listener.run(identity.clone(), doors, door, CancellationToken::new()));
    Listening { address, running, life: Some(life) }
}

impl Listening {
    pub(crate) async fn away(mut self) -> SocketAddr {
        let life = self.life.take().unwrap();
        tokio::task::spawn_blocking(move || life.shutdown_timeout(Duration::from_secs(20))).await.unwrap();
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.shutdown_background();
        }
    }
}

pub(crate) struct Sender {
    dir: TempDir,
    store: Store,
    pub(crate) peers: Peers,
    owner: NodeId,
}

impl Sender {
    pub(crate) fn new(owner: NodeId) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db"), &[MIGRATIONS]).unwrap().store;
        let peers = Peers::new(Identity::load_or_create(dir.path()).unwrap());
        Self { dir, store, peers, owner }
    }

    pub(crate) fn open(&self) -> (Outbox, CancellationToken) {
        let cancel = CancellationToken::new();
        let outbox = Outbox::open(Parts {
            store: self.store.clone(),
            spool: self.dir.path().join("out"),
            documents: documents(&[], &cancel),
            peers: self.peers.clone(),
            cancel: cancel.clone(),
            tasks: TaskTracker::new(),
        })
        .unwrap();
        outbox.start().unwrap();
        (outbox, cancel)
    }

    pub(crate) fn file(&self, document: &Document) -> PathBuf {
        let path = self.dir.path().join(&document.title);
        fs::write(&path, &document.bytes).unwrap();
        path
    }

    pub(crate) fn target(&self, share: &str) -> Target {
        Target {
            node: self.owner,
            share: ShareId(share.to_owned()),
            printer: "Printer".to_owned(),
            device_name: "Anna".to_owned(),
            ask: false,
            identity: None,
        }
    }

    pub(crate) async fn take(&self, outbox: &Outbox, share: &str, document: &Document) -> Uuid {
        let path = self.file(document);
        let target = self.target(share);
        let job = outbox.take(target, document.title.clone(), &path, Options::default()).await.unwrap();
        // The person may do with the file whatever they like from here on.
        fs::remove_file(path).unwrap();
        job.job
    }

    fn spooled(&self) -> usize {
        fs::read_dir(self.dir.path().join("out")).unwrap().count()
    }
}

pub(crate) async fn job(outbox: &Outbox, job: Uuid) -> OutgoingJob {
    outbox.jobs().await.unwrap().into_iter().find(|row| row.job == job).unwrap()
}

pub(crate) async fn until(outbox: &Outbox, id: Uuid, what: impl Fn(&OutgoingJob) -> bool) -> OutgoingJob {
    let start = Instant::now();
    loop {
        let row = job(outbox, id).await;
        if what(&row) {
            return row;
        }
        assert!(start.elapsed() < Duration::from_secs(40), "not within 40 s: {row:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Carries the owner's news, as a watch stream does.
pub(crate) fn carry_news(owner: &Listening, owner_id: NodeId, outbox: &Outbox) {
    let (mut changes, outbox) = (owner.running.offer.changes(), outbox.clone());
    tokio::spawn(async move {
        while let Ok(job) = changes.recv().await {
            outbox.heard(owner_id, job.status()).await;
        }
    });
}

pub(crate) fn done(job: &OutgoingJob) -> bool {
    job.state == OutgoingState::At(State::Done)
}

pub(crate) fn identity() -> (TempDir, Identity) {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(dir.path()).unwrap();
    (dir, identity)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_cannot_read_is_made_pdf_before_it_leaves() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100"><text y="50">Drawn</text></svg>"#;
    let drawing = Document { format: Format::Svg, title: "drawing.svg".to_owned(), bytes: svg.to_vec() };
    let id = sender.take(&outbox, QueueId::SAVE_AS_PDF, &drawing).await;
    let row = job(&outbox, id).await;
    assert_eq!((row.format, row.pages), (Format::Pdf, Some(1)));
    until(&outbox, id, done).await;
    let saved = files(&owner.printed_folder());
    assert_eq!(saved.len(), 1);
    assert!(saved[0].ends_with("drawing.pdf"), "{saved:?}");
    assert!(text_of(&saved[0]).contains("Drawn"));
    eventually("our copy stays for a while, and nothing else", || sender.spooled() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_out_and_its_end_comes_back() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let start = Instant::now();
    let id = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(3)).await;
    assert_eq!(job(&outbox, id).await.pages, Some(3));
    until(&outbox, id, done).await;
    println!("taken, sent, saved and told in {:?}", start.elapsed());
    assert_eq!(files(&owner.printed_folder()).len(), 1);
    assert_eq!(sender.spooled(), 1, "our copy stays for a while");
    let again = outbox.reprint(id).await.unwrap();
    until(&outbox, again.job, done).await;
    assert_eq!(files(&owner.printed_folder()).len(), 2);
    eventually("the owner deletes its copies", || owner.spooled() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_leaves_at_once_is_entered_as_offered_and_printed_once() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let path = sender.file(&Document::pdf(1));
    let mut phases = Vec::new();
    // The first finds nobody who carries it; a later one may come while the news of the last are being written down.
    while !phases.contains(&Phase::Offered) {
        assert!(phases.len() < 20, "none left at once: {phases:?}");
        let target = sender.target(QueueId::SAVE_AS_PDF);
        let taken = outbox.take(target, "A page".to_owned(), &path, Options::default()).await.unwrap();
        phases.push(taken.phase);
        until(&outbox, taken.job, done).await;
    }
    assert_eq!(phases[0], Phase::Here);
    assert_eq!(files(&owner.printed_folder()).len(), phases.len(), "each once");
}

/// One that is so large that it may leave while it is copied.
fn large(title: &str) -> Document {
    let mut large = Document { title: title.to_owned(), ..Document::pdf(2) };
    large.bytes.resize(20 << 20, b' ');
    large
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_leaves_while_it_is_copied_and_is_printed_once() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let path = sender.file(&large("Large"));
    let (mut left, mut printed) = (0, 0);
    // The first finds nobody who carries it; a later one may come while the news of the last are being written down.
    while left == 0 {
        assert!(printed < 20, "none left while it was copied");
        let target = sender.target(QueueId::SAVE_AS_PDF);
        let taking = outbox.take(target, "Large".to_owned(), &path, Options::default());
        tokio::pin!(taking);
        let came_before = async {
            while owner.spooled() == 0 {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        let early = tokio::select! {
            taken = &mut taking => Err(taken),
            () = came_before => Ok(()),
        };
        left += usize::from(early.is_ok());
        let taken = match early {
            Ok(()) => taking.await.unwrap(),
            Err(taken) => taken.unwrap(),
        };
        until(&outbox, taken.job, done).await;
        printed += 1;
        eventually("its owner has nothing left of it", || owner.spooled() == 0);
    }
    assert_eq!(files(&owner.printed_folder()).len(), printed, "each once");
    assert_eq!(sender.spooled(), printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_that_nobody_waits_for_any_more_or_that_changes_is_not_printed_as_it_left() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let known = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    until(&outbox, known, done).await;
    let path = sender.file(&large("Large"));
    for patience in 0..30 {
        let target = sender.target(QueueId::SAVE_AS_PDF);
        let taking = outbox.take(target, "Large".to_owned(), &path, Options::default());
        let _ = tokio::time::timeout(Duration::from_millis(patience), taking).await;
    }
    let jobs = || async { outbox.jobs().await.unwrap().len() };
    let start = Instant::now();
    while jobs().await != sender.spooled() || owner.spooled() > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{} jobs, {} copies",
            jobs().await,
            sender.spooled()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for job in outbox.jobs().await.unwrap() {
        until(&outbox, job.job, done).await;
    }
    assert_eq!(files(&owner.printed_folder()).len(), jobs().await, "each once, and no other");

    // What is added while it is copied makes it another document than the one that left; both are whole.
    let (mut rounds, mut grown) = (0, 0);
    while grown == 0 {
        assert!(rounds < 20, "none was copied with what was added when it had begun to leave");
        rounds += 1;
        let growing = sender.file(&large("Growing"));
        let target = sender.target(QueueId::SAVE_AS_PDF);
        let add = async {
            while owner.spooled() == 0 {
                tokio::task::yield_now().await;
            }
            let file = fs::OpenOptions::new().append(true).open(&growing).unwrap();
            std::io::Write::write_all(&mut &file, &[b' '; 4096]).unwrap();
        };
        let taking = outbox.take(target, "Growing".to_owned(), &growing, Options::default());
        let adding = tokio::time::timeout(Duration::from_secs(5), add);
        let (taken, _) = tokio::join!(taking, adding);
        let taken = taken.unwrap();
        grown += usize::from(taken.bytes > 20 << 20);
        until(&outbox, taken.job, done).await;
        assert_eq!(taken.pages, Some(2));
        eventually("its owner has nothing left of it", || owner.spooled() == 0);
    }
    assert_eq!(files(&owner.printed_folder()).len(), jobs().await, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_taken_together_keep_their_order_and_the_good_ones_are_printed() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let listening = listen(&owner, &key, None).await;
    let sender = Sender::new(key.node_id());
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    let documents: Vec<_> = (0..30)
        .map(|number| {
            // The earlier ones take longer.
            let title = format!("Number {number}");
            let made = match number {
                11 => Document { bytes: b"%!PS".to_vec(), ..Document::pdf(1) },
                _ => Document::pdf(60 - 2 * number),
            };
            let path = sender.file(&Document { title: title.clone(), ..made });
            if number == 7 {
                fs::remove_file(&path).unwrap();
            }
            (title, path)
        })
        .collect();
    let target = sender.target(QueueId::SAVE_AS_PDF);
    let taken = outbox.take_all(&target, documents, &Options::default()).await;
    assert_eq!(taken.len(), 30);
    let bad: Vec<_> = (0..30).filter(|number| taken[*number].is_err()).collect();
    assert_eq!(bad, [7, 11], "each is told in its place");
    let good: Vec<_> = taken.into_iter().flatten().collect();
    for (number, job) in (0..30).filter(|number| !bad.contains(number)).zip(&good) {
        assert_eq!(job.title, format!("Number {number}"));
    }
    assert!(good.windows(2).all(|two| two[0].created_at < two[1].created_at), "they leave in their order");
    for job in &good {
        until(&outbox, job.job, done).await;
    }
    assert_eq!(files(&owner.printed_folder()).len(), good.len(), "each once");
    assert_eq!(sender.spooled(), good.len(), "and nothing is left of the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_nobody_waits_for_any_more_are_entered_or_not_there() {
    let sender = Sender::new(identity().1.node_id());
    let (outbox, _cancel) = sender.open();
    // Large, so that some are being copied whenever it ends.
    let mut large = Document::pdf(3);
    large.bytes.resize(6 << 20, b' ');
    let path = sender.file(&large);
    let documents: Vec<_> = (0..40).map(|number| (number.to_string(), path.clone())).collect();
    for patience in (0..40).map(|number| number * 3) {
        let (target, documents) = (sender.target(QueueId::SAVE_AS_PDF), documents.clone());
        let options = Options::default();
        let taking = outbox.take_all(&target, documents, &options);
        let _ = tokio::time::timeout(Duration::from_millis(patience), taking).await;
    }
    let start = Instant::now();
    loop {
        let (rows, copies) = (outbox.jobs().await.unwrap().len(), sender.spooled());
        if rows == copies {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{rows} jobs, {copies} copies");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_for_a_device_that_is_away_waits_and_goes_out_when_it_is_back() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let sender = Sender::new(key.node_id());
    let (outbox, cancel) = sender.open();
    let id = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    let waits = until(&outbox, id, |job| job.reason.is_some()).await;
    assert_eq!((waits.state, waits.reason.as_deref()), (OutgoingState::Sending, Some("peer_unreachable")));
    // We stop and start again meanwhile.
    cancel.cancel();
    let (outbox, _cancel) = sender.open();
    let listening = listen(&owner, &key, None).await;
    carry_news(&listening, key.node_id(), &outbox);
    sender.peers.learn(key.node_id(), vec![listening.address]);
    outbox.is_back(key.node_id());
    until(&outbox, id, done).await;
    assert_eq!(files(&owner.printed_folder()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_dies_and_a_sender_that_dies_still_print_once() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let sender = Sender::new(key.node_id());
    let mut address = None;
    let mut ids = Vec::new();
    for round in 0..12u64 {
        let listening = listen(&owner, &key, address).await;
        sender.peers.learn(key.node_id(), vec![listening.address]);
        let (outbox, cancel) = sender.open();
        ids.push(sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await);
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        if round % 2 == 0 {
            cancel.cancel();
        }
        address = Some(listening.away().await);
        cancel.cancel();
    }
    let listening = listen(&owner, &key, address).await;
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, key.node_id(), &outbox);
    outbox.is_back(key.node_id());
    for id in &ids {
        until(&outbox, *id, done).await;
    }
    assert_eq!(files(&owner.printed_folder()).len(), ids.len(), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_the_owner_is_away_is_shown_at_once_and_delivered_later() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let sender = Sender::new(key.node_id());
    let listening = listen(&owner, &key, None).await;
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    // A queue that no print service answers for keeps the job waiting there.
    let id = sender.take(&outbox, "raw", &Document::pdf(1)).await;
    until(&outbox, id, |job| matches!(job.state, OutgoingState::At(_))).await;
    let address = listening.away().await;
    assert_eq!(outbox.cancel(id).await.unwrap().state, OutgoingState::At(State::Cancelled));
    let listening = listen(&owner, &key, Some(address)).await;
    outbox.is_back(key.node_id());
    let start = Instant::now();
    loop {
        let jobs = listening.running.offer.jobs().await.unwrap();
        if jobs[0].journal.state == State::Cancelled {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{jobs:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(job(&outbox, id).await.state, OutgoingState::At(State::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_does_not_allow_fails_with_that_reason() {
    let (_keys, key) = identity();
    let owner = Owner::alone();
    let sender = Sender::new(key.node_id());
    let listening = listen(&owner, &key, None).await;
    sender.peers.learn(key.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    for (share, reason) in [("closed", "not_allowed"), ("secret", "not_found")] {
        let id = sender.take(&outbox, share, &Document::pdf(1)).await;
        let failed = until(&outbox, id, |job| job.state == OutgoingState::At(State::Failed)).await;
        assert_eq!(failed.reason.as_deref(), Some(reason));
        let again = outbox.retry(id).await.unwrap();
        assert_eq!((again.attempt, again.state), (2, OutgoingState::Sending), "a person may try again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_documents_are_refused_and_nothing_of_them_is_kept() {
    let (_keys, key) = identity();
    let sender = Sender::new(key.node_id());
    let (outbox, _cancel) = sender.open();
    let refuse = async |name: &str, bytes: &[u8]| {
        let path = sender.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let taken = outbox.take(sender.target("raw"), name.to_owned(), &path, Options::default()).await;
        assert_eq!(sender.spooled(), 0, "{name}");
        taken.unwrap_err()
    };
    assert!(matches!(refuse("a.pdf", b"").await, OutboxError::Document(DocumentError::Empty)));
    assert!(matches!(
        refuse("b.pdf", b"PK\x03\x04\0\0").await,
        OutboxError::Document(DocumentError::Unsupported)
    ));
    assert!(matches!(
        refuse("b.ps", b"%!PS-Adobe-3.0\n/Helvetica findfont 12 scalefont setfont showpage\n").await,
        OutboxError::Document(DocumentError::Unsupported)
    ));
    let half = Document::pdf(2).bytes;
    let cut = refuse("c.pdf", &half[..60]).await;
    assert!(matches!(cut, OutboxError::Document(DocumentError::Damaged { .. })), "{cut:?}");
    let nested = [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"[".repeat(3_000_000)].concat();
    let bomb = refuse("d.pdf", &nested).await;
    assert!(
        matches!(bomb, OutboxError::Document(DocumentError::Damaged { .. })),
        "the node lives on: {bomb:?}"
    );
    let nowhere = PathBuf::from("/nonexistent");
    let missing = outbox.take(sender.target("raw"), "x".into(), &nowhere, Options::default()).await;
    assert!(missing.is_err());
    assert!(outbox.jobs().await.unwrap().is_empty());
}
