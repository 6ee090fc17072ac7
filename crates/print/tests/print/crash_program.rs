//! One side of printing as a process: an owner of printers, or a sender. Tests start it, kill it and start it again.
//!
//! `owner DIR SOCKET CHILD` says `key KEY`, `port PORT` and `ipp PORT`, then serves nodes at the one and standard clients at
//! the other. `sender DIR CHILD` says `gateway PORT`, where programs print on the owner's queue, and reads lines: `owner KEY
//! PORT IPP`, `print PATH SHARE`, `direct PATH SHARE` (to the owner as a printer that no node shares), `move JOB SHARE`,
//! `cancel JOB`, `hold JOB`, `release JOB`, `release-all`, `reprint JOB`. It says `accepted JOB TITLE` when a document is
//! safe, `is JOB STATE` when that changes, `over JOB STATE REASON` for each job that is over, also for those of earlier
//! lives. Both read `arm PLACE` and die there.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use lanyard_link::{Body, Caller, Doors, Incoming, Limits, Listener, Peers, Serve};
use lanyard_print::{
    MIGRATIONS, QueueId,
    consume::{
        self, Arriving, Deed, Outbox, OutgoingState, Target,
        standard::{Find, PrinterId, Way},
    },
    document::{ChildProgram, Documents, Format},
    fault,
    offer::{
        self, Offer,
        ipp::{Document, Facts, More, NewJob, Place, Printer, Progress, Refused, Server, SharedPrinters},
    },
    system::{
        QueueState, Spoolers,
        cups::{Address, Cups},
    },
    ticket::{Capabilities, Options, State},
};
use lanyard_store::Store;
use lanyard_trust::{Action, Gate, Identity, NodeId, PlainId, Refusal, ShareId, Subject, Who};
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc};
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
    let server = Server::open(Store::open(&dir.join("ipp"), &[MIGRATIONS]).unwrap().store).unwrap();
    let shared = SharedPrinters::new(offer.clone(), identity.node_id(), Box::new(|_, _| {}));
    let subject = Subject { who: Who::Plain(PlainId::of(Ipv4Addr::LOCALHOST.into())), on_own_network: true };
    let of =
        move |share: &str| -> Box<dyn Printer> { Box::new(shared.of(subject, ShareId(share.to_owned()))) };
    println!("ipp {}", serve_ipp(server, of).await);
    let mut lines = lines();
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            fault::arm(line.strip_prefix("arm ").unwrap());
        }
    });
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
    let ways = Ways::default();
    outbox.find_printers_by(Arc::new(ways.clone()));
    let mut owner: Option<NodeId> = None;
    let mut started = false;
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let of = |node: NodeId, share: &str| Target {
            node,
            share: ShareId(share.to_owned()),
            printer: share.to_owned(),
            device_name: "owner".to_owned(),
            ask: false,
            identity: None,
        };
        let known = owner;
        let target = |share: &str| of(known.unwrap(), share);
        let id = |job: &str| job.parse::<Uuid>().unwrap();
        match words.as_slice() {
            ["owner", key, port, ipp] => {
                let node: NodeId = key.parse().unwrap();
                peers.learn(node, vec![SocketAddr::new([127, 0, 0, 1].into(), port.parse().unwrap())]);
                *ways.0.lock().unwrap() = ipp.parse().ok();
                owner = Some(node);
                if !std::mem::replace(&mut started, true) {
                    outbox.start().unwrap();
                    tokio::spawn(tell(outbox.clone()));
                    let server =
                        Server::open(Store::open(&dir.join("ipp"), &[MIGRATIONS]).unwrap().store).unwrap();
                    let (outbox, target) = (outbox.clone(), of(node, "pages"));
                    let of = move |_: &str| -> Box<dyn Printer> {
                        Box::new(Gateway { outbox: outbox.clone(), target: target.clone() })
                    };
                    println!("gateway {}", serve_ipp(server, of).await);
                }
                outbox.is_back(node);
            }
            ["print" | "direct", path, share] => {
                let path = PathBuf::from(path);
                let title = path.file_name().unwrap().to_string_lossy().into_owned();
                let target = match words[0] {
                    "direct" => {
                        Target { node: printer(share).node(), share: printer(share).share(), ..target(share) }
                    }
                    _ => target(share),
                };
                let taken = outbox.take(target, title.clone(), &path, Options::default()).await;
                println!("accepted {} {title}", taken.unwrap().job);
            }
            ["move", job, share] => {
                let (outbox, job, target) = (outbox.clone(), id(job), target(share));
                tokio::spawn(async move { drop(outbox.move_to(job, target).await) });
            }
            // A person who is told that it is too late is told so.
            ["cancel", job] => drop(outbox.cancel(id(job)).await),
            ["hold", job] => drop(outbox.hold(id(job)).await),
            ["release", job] => drop(outbox.release(id(job)).await),
            ["release-all"] => {
                for job in outbox.jobs().await.unwrap().iter().filter(|job| job.may(Deed::Release)) {
                    drop(outbox.release(job.job).await);
                }
            }
            ["reprint", job] => {
                if let Ok(again) = outbox.reprint(id(job)).await {
                    println!("again {} {}", again.job, again.title);
                }
            }
            ["arm", ..] => fault::arm(line.strip_prefix("arm ").unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

/// Standard input, a line at a time.
fn lines() -> mpsc::Receiver<String> {
    let (heard, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if heard.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The owner's queue as a printer that no node shares.
fn printer(share: &str) -> PrinterId {
    PrinterId::of_service(&format!("{share}._ipp._tcp.local"))
}

/// Where the owner answers standard clients in this life.
#[derive(Clone, Default)]
struct Ways(Arc<Mutex<Option<u16>>>);

impl Find for Ways {
    fn ways(&self, printer: &PrinterId) -> Vec<Way> {
        let name = printer.as_str().trim_start_matches("dnssd:").split('.').next().unwrap();
        let port = *self.0.lock().unwrap();
        let way = |port| Way {
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], port))],
            host: "127.0.0.1".to_owned(),
            path: format!("/ipp/print/{name}"),
            tls: false,
        };
        port.map(way).into_iter().collect()
    }
}

/// Serves printers in IPP on loopback, as the doors of a node do.
async fn serve_ipp(
    server: Server,
    of: impl Fn(&str) -> Box<dyn Printer> + Clone + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, remote)) = listener.accept().await {
            let (server, of) = (server.clone(), of.clone());
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let (server, of) = (server.clone(), of.clone());
                async move {
                    let path = request.uri().path().to_owned();
                    let share = path.split('/').nth(3).unwrap_or_default().to_owned();
                    let place = Place {
                        secure: false,
                        authority: address.to_string(),
                        path: format!("/ipp/print/{share}"),
                        both: false,
                    };
                    let client =
                        Subject { who: Who::Plain(PlainId::of(remote.ip())), on_own_network: true }.id();
                    let request = request.map(|body| {
                        use http_body_util::BodyExt;
                        Incoming::from(body.map_err(Into::into).boxed())
                    });
                    Ok::<_, Infallible>(
                        server.serve(of(&share).as_ref(), &share, &place, client, request).await,
                    )
                }
            });
            tokio::spawn(async move {
                let mut http = hyper::server::conn::http1::Builder::new();
                drop(http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    address.port()
}

/// The owner's queue for this computer's programs: as the node's gateway, without what it knows of devices.
struct Gateway {
    outbox: Outbox,
    target: Target,
}

impl Gateway {
    fn failed(error: impl std::fmt::Display) -> Refused {
        Refused::Internal(error.to_string())
    }
}

impl Printer for Gateway {
    fn facts(&self) -> BoxFuture<'_, Result<Facts, Refused>> {
        let can = Capabilities {
            formats: Format::SENT.to_vec(),
            color: true,
            sides: Vec::new(),
            media: vec!["iso_a4_210x297mm".to_owned()],
            media_default: Some("iso_a4_210x297mm".to_owned()),
            max_copies: 99,
            quality: Vec::new(),
            sources: Vec::new(),
            media_types: Vec::new(),
        };
        let facts = Facts {
            uuid: Uuid::from_u128(1),
            name: "pages".to_owned(),
            dns_sd_name: None,
            location: None,
            model: None,
            can,
            state: QueueState::Idle,
            reasons: Vec::new(),
            message: None,
            waiting: 0,
            accepting: true,
            supplies: Vec::new(),
            holds: true,
            more: More::default(),
        };
        Box::pin(async { Ok(facts) })
    }

    fn admit(&self) -> Result<(), Refused> {
        Ok(())
    }

    fn take(&self, job: NewJob, document: Document) -> BoxFuture<'_, Result<(), Refused>> {
        let NewJob { job, title, options, format, held, bytes, .. } = job;
        let arriving = Arriving { job, title, format, options, held, bytes };
        Box::pin(async move {
            let taken = self.outbox.take_arriving(self.target.clone(), arriving, document).await;
            taken.map(|job| println!("accepted {} {}", job.job, job.title)).map_err(Self::failed)
        })
    }

    fn progress(&self, jobs: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Progress>, Refused>> {
        Box::pin(async move {
            let all = self.outbox.jobs().await.map_err(Self::failed)?;
            let all: HashMap<Uuid, _> = all.into_iter().map(|job| (job.job, job)).collect();
            let told = jobs.iter().filter_map(|job| all.get(job)).map(|job| Progress {
                job: job.job,
                state: match job.state {
                    OutgoingState::Sending => State::Waiting,
                    OutgoingState::At(state) => state,
                },
                reason: job.reason.clone(),
                detail: job.detail.clone(),
                bytes: job.bytes,
                pages: job.pages,
                pages_done: job.pages_done,
                ended_at: job.ended_at,
            });
            Ok(told.collect())
        })
    }

    fn cancel(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move { self.outbox.cancel(job).await.map(drop).map_err(Self::failed) })
    }
}

/// Says what is over, and asks after the rest far more often than a node does, which hears the news by itself.
async fn tell(outbox: Outbox) {
    let (mut said, mut states) = (HashSet::new(), HashMap::new());
    loop {
        for job in outbox.jobs().await.unwrap() {
            let state = match job.state {
                OutgoingState::At(state) => state.keyword(),
                OutgoingState::Sending => "sending",
            };
            if states.insert(job.job, state) != Some(state) {
                println!("is {} {state}", job.job);
            }
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
