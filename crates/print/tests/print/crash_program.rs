//! One side of printing as a process: an owner of printers, or a sender. Tests start it, kill it and start it again.
//!
//! `owner DIR SOCKET CHILD` says `key KEY` and `port PORT`, then serves. `sender DIR CHILD` reads lines: `owner KEY PORT`,
//! `print PATH SHARE`, `move JOB SHARE`, `cancel JOB`; it says `accepted JOB TITLE` when a document is safe,
//! `over JOB STATE REASON` for each job that is over, also for those of earlier lives.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use lanyard_link::{Body, Caller, Doors, Incoming, Limits, Listener, Peers, Serve};
use lanyard_print::{
    MIGRATIONS, QueueId,
    consume::{self, Outbox, OutgoingState, Target},
    document::{ChildProgram, Documents},
    offer::{self, Offer},
    system::{
        Spoolers,
        cups::{Address, Cups},
    },
    ticket::Options,
};
use lanyard_store::Store;
use lanyard_trust::{Action, Gate, Identity, NodeId, Refusal, ShareId, Subject, Who};
use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// A share is called as its queue, and everybody may print.
struct Open;

impl Gate<QueueId> for Open {
    fn admit(&self, share: &ShareId, _: &Subject, _: Action) -> Result<QueueId, Refusal> {
        Ok(QueueId(share.0.clone()))
    }
}

struct Door(Offer);

impl Serve for Door {
    fn serve(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let offer = self.0.clone();
        let subject = Subject { who: Who::Device(caller.node), on_own_network: true };
        async move { offer.serve(subject, request).await }.boxed()
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["owner", dir, socket, child] => owner(Path::new(dir), socket.into(), child.into()).await,
        ["sender", dir, child] => sender(Path::new(dir), child.into()).await,
        _ => panic!("owner DIR SOCKET CHILD, or sender DIR CHILD"),
    }
}

fn documents(child: PathBuf, cancel: &CancellationToken) -> Documents {
    Documents::new(ChildProgram::at(child, &[]), cancel.clone())
}

async fn owner(dir: &Path, socket: PathBuf, child: PathBuf) {
    let cancel = CancellationToken::new();
    let identity = Identity::load_or_create(dir).unwrap();
    let documents = documents(child, &cancel);
    let cups = Cups::at(Address::Socket(socket), documents.clone());
    let (printed, notes) = (dir.join("Printed"), dir.join("notes"));
    let offer = Offer::open(offer::Parts {
        store: Store::open(&dir.join("db"), &[MIGRATIONS]).unwrap().store,
        spool: dir.join("in"),
        spoolers: Arc::new(Spoolers::new(Box::new(cups), documents.clone(), printed, &notes)),
        documents,
        gate: Arc::new(Open),
        name_of: Box::new(|share| Some(share.0.clone())),
        cancel: cancel.clone(),
        tasks: TaskTracker::new(),
    })
    .unwrap();
    offer.start().unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    println!("key {}", identity.node_id());
    println!("port {}", listener.local_addr().unwrap().port());
    let door: Arc<dyn Serve> = Arc::new(Door(offer));
    listener.run(identity, Doors::new(Limits::default(), |_| false), door, cancel).await;
}

async fn sender(dir: &Path, child: PathBuf) {
    let cancel = CancellationToken::new();
    let peers = Peers::new(Identity::load_or_create(dir).unwrap());
    let outbox = Outbox::open(consume::Parts {
        store: Store::open(&dir.join("db"), &[MIGRATIONS]).unwrap().store,
        spool: dir.join("out"),
        documents: documents(child, &cancel),
        peers: peers.clone(),
        cancel,
        tasks: TaskTracker::new(),
    })
    .unwrap();
    outbox.start().unwrap();
    tokio::spawn(tell(outbox.clone()));
    let mut owner: Option<NodeId> = None;
    let (heard, mut lines) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if heard.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let target = |share: &str| Target {
            node: owner.unwrap(),
            share: ShareId(share.to_owned()),
            printer: share.to_owned(),
            device_name: "owner".to_owned(),
            ask: false,
        };
        match words.as_slice() {
            ["owner", key, port] => {
                let node: NodeId = key.parse().unwrap();
                peers.learn(node, vec![SocketAddr::new([127, 0, 0, 1].into(), port.parse().unwrap())]);
                owner = Some(node);
                outbox.is_back(node);
            }
            ["print", path, share] => {
                let path = PathBuf::from(path);
                let title = path.file_name().unwrap().to_string_lossy().into_owned();
                let taken = outbox.take(target(share), title.clone(), &path, Options::default()).await;
                println!("accepted {} {title}", taken.unwrap().job);
            }
            ["move", job, share] => {
                let (outbox, job, target) = (outbox.clone(), job.parse::<Uuid>().unwrap(), target(share));
                tokio::spawn(async move { drop(outbox.move_to(job, target).await) });
            }
            ["cancel", job] => drop(outbox.cancel(job.parse().unwrap()).await),
            other => panic!("{other:?}"),
        }
    }
}

/// Says what is over, and asks after the rest far more often than a node does, which hears the news by itself.
async fn tell(outbox: Outbox) {
    let mut said = HashSet::new();
    loop {
        for job in outbox.jobs().await.unwrap() {
            let state = match job.state {
                OutgoingState::At(state) => state.keyword(),
                OutgoingState::Sending => "sending",
            };
            let asked = job.reason.as_deref() == Some(lanyard_print::ticket::MAYBE_PRINTED);
            if (job.ended_at.is_some() || asked) && said.insert((job.job, state)) {
                println!("over {} {state} {}", job.job, job.reason.as_deref().unwrap_or("-"));
            }
            if job.ended_at.is_none() {
                outbox.is_back(job.node);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
