//! Two computers on loopback: an owner with a folder behind a real listener, a reader with a store and copies.

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use lanyard_drive::{
    consume::{Conflict, NewDownload, NewUpload, Remote, State, Transfer, Transfers},
    offer::{Folder, Medium, Offer},
    path::SharePath,
};
use lanyard_link::{Body, Caller, Doors, Incoming, Limits, Listener, Peers, Serve};
use lanyard_store::Store;
use lanyard_trust::{Action, Gate, Identity, NodeId, Refusal, ShareId, Subject, Who};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub(crate) const MIB: usize = 1 << 20;
pub(crate) const SHARE: &str = "docs";

/// The owner's rules, which a test may change at any time.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) root: Mutex<PathBuf>,
    pub(crate) shared: AtomicBool,
    pub(crate) write: AtomicBool,
    /// What is brought is marked with this.
    pub(crate) origin: Mutex<Option<String>>,
    /// Bytes that came before their file was whole, and what has its name.
    pub(crate) moved: AtomicU64,
    pub(crate) landed: Mutex<Vec<String>>,
    pub(crate) medium: Mutex<Medium>,
    /// The caller may do nothing any more.
    pub(crate) denied: AtomicBool,
}

impl Gate<Folder> for Rules {
    fn admit(&self, share: &ShareId, _: &Subject, action: Action) -> Result<Folder, Refusal> {
        if share.0 != SHARE || !self.shared.load(Ordering::SeqCst) {
            return Err(Refusal::Unknown);
        }
        if self.denied.load(Ordering::SeqCst) {
            return Err(Refusal::NotAllowed);
        }
        let writable = self.write.load(Ordering::SeqCst);
        if action == Action::Write && !writable {
            return Err(Refusal::NotAllowed);
        }
        Ok(Folder { root: self.root.lock().unwrap().clone(), writable, medium: *self.medium.lock().unwrap() })
    }

    fn moved(&self, _: &ShareId, _: &Subject, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::SeqCst);
    }

    fn landed(&self, _: &ShareId, _: &Subject, path: &str) {
        self.landed.lock().unwrap().push(path.to_owned());
    }

    fn origin(&self, _: &ShareId, _: &Subject) -> Option<String> {
        self.origin.lock().unwrap().clone()
    }
}

/// What happens to answers on their way, and what was counted.
#[derive(Default)]
pub(crate) struct Way {
    /// Bytes of file content that left.
    pub(crate) content: AtomicU64,
    /// Milliseconds before each frame of content, so that a copy is still under way when a test wants it to be.
    pub(crate) delay: AtomicU64,
    /// Milliseconds before it is told that bytes were written into a file, or what became of a batch.
    pub(crate) told_late: AtomicU64,
    /// Batches of small files that are being taken, and the most that were at once.
    batches: AtomicUsize,
    pub(crate) most_batches: AtomicUsize,
    /// Bytes were to be written into a file so many times.
    pub(crate) writes: AtomicU64,
    /// Requests that were to be answered only when names would survive a power cut, as `POST commit`.
    pub(crate) settled: Mutex<Vec<String>>,
    /// The disk stands still: as long as this is set, nothing is done but to tell what there is.
    pub(crate) stuck: AtomicBool,
    /// The disk's clock is so coarse that all versions of a file have one tag.
    pub(crate) coarse: AtomicBool,
    /// So many bytes more are said of every file than there are.
    pub(crate) boasts: AtomicU64,
    /// So many answers with content still get their first byte inverted.
    pub(crate) lies: AtomicU32,
    /// So many answers to a `PUT` still are lost after the file was stored.
    pub(crate) lost: AtomicU32,
    /// What somebody else does when a request arrives that begins like this, before it is answered; once.
    meanwhile: Mutex<Option<(&'static str, Meanwhile)>>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

impl Way {
    fn arrived(&self, method: &Method, uri: &http::Uri) {
        let below = uri.path_and_query().map_or("", |text| text.as_str());
        let verb = below.strip_prefix(&format!("/v1/drives/{SHARE}/")).unwrap_or(below);
        if verb.contains("settled=yes") {
            let verb = verb.split('?').next().unwrap_or_default();
            self.settled.lock().unwrap().push(format!("{method} {verb}"));
        }
        let mut meanwhile = self.meanwhile.lock().unwrap();
        if meanwhile.as_ref().is_some_and(|(begins, _)| format!("{method} {verb}").starts_with(begins))
            && let Some((_, work)) = meanwhile.take()
        {
            work();
        }
    }
}

struct Door {
    offer: Arc<Offer>,
    way: Arc<Way>,
}

impl Serve for Door {
    fn serve(&self, caller: Caller, mut request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let (offer, way) = (Arc::clone(&self.offer), Arc::clone(&self.way));
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            if method == Method::PATCH {
                way.writes.fetch_add(1, Ordering::SeqCst);
            }
            while way.stuck.load(Ordering::SeqCst) && !path.ends_with("/stat") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let coarse = way.coarse.load(Ordering::SeqCst);
            if coarse {
                request.headers_mut().remove(http::header::IF_MATCH);
            }
            let subject = Subject { who: Who::Device(caller.node), on_own_network: true };
            way.arrived(&method, request.uri());
            let is_batch_given = path.ends_with("/batch") && method == Method::PUT;
            if is_batch_given {
                let batches = way.batches.fetch_add(1, Ordering::SeqCst) + 1;
                way.most_batches.fetch_max(batches, Ordering::SeqCst);
            }
            let mut response = offer.serve(subject, request).await;
            let boasts = way.boasts.load(Ordering::SeqCst);
            let is_json = |kind| kind == "application/json";
            if (coarse || boasts > 0)
                && response.headers().get(http::header::CONTENT_TYPE).is_some_and(is_json)
            {
                response = retold(response, coarse, boasts).await;
            }
            if path.ends_with("/batch") && method == Method::POST && response.status().is_success() {
                return bend(response, way);
            }
            if method == Method::PATCH || is_batch_given {
                tokio::time::sleep(Duration::from_millis(way.told_late.load(Ordering::SeqCst))).await;
            }
            if is_batch_given {
                way.batches.fetch_sub(1, Ordering::SeqCst);
            }
            if path.ends_with("/file") && response.status().is_success() {
                return if method == Method::PUT { lose(response, &way) } else { bend(response, way) };
            }
            response
        }
        .boxed()
    }
}

fn take(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
}

fn lose(response: Response<Body>, way: &Way) -> Response<Body> {
    if !take(&way.lost) {
        return response;
    }
    let broken = futures_util::stream::iter([Err("lost on the way".into())]);
    Response::new(lanyard_link::body::stream(broken))
}

/// Every entity tag becomes the same one if the clock is `coarse`, and every size so much larger.
async fn retold(response: Response<Body>, coarse: bool, boasts: u64) -> Response<Body> {
    fn change(value: &mut serde_json::Value, coarse: bool, boasts: u64) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value.as_u64()) {
                        ("etag", _) if coarse && value.is_string() => *value = "\"one\"".into(),
                        ("size", Some(size)) => *value = (size + boasts).into(),
                        _ => change(value, coarse, boasts),
                    }
                }
            }
            serde_json::Value::Array(values) => {
                values.iter_mut().for_each(|value| change(value, coarse, boasts));
            }
            _ => {}
        }
    }
    let (mut head, body) = response.into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    let mut answer = serde_json::from_slice(&text).unwrap();
    change(&mut answer, coarse, boasts);
    head.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(head, lanyard_link::body::full(serde_json::to_vec(&answer).unwrap()))
}

fn bend(response: Response<Body>, way: Arc<Way>) -> Response<Body> {
    let (head, mut body) = response.into_parts();
    let (sender, bent) = lanyard_link::body::channel(1);
    let mut lie = take(&way.lies);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let Ok(Ok(data)) = frame.map(|frame| frame.into_data()) else { return };
            tokio::time::sleep(Duration::from_millis(way.delay.load(Ordering::SeqCst))).await;
            let data = if std::mem::take(&mut lie) { inverted(&data) } else { data };
            way.content.fetch_add(data.len() as u64, Ordering::SeqCst);
            if sender.send(data).await.is_err() {
                return;
            }
        }
        let _ = sender.finish().await;
    });
    Response::from_parts(head, bent)
}

fn inverted(data: &Bytes) -> Bytes {
    let mut bytes = data.to_vec();
    bytes[0] = !bytes[0];
    bytes.into()
}

/// A computer that offers a folder.
pub(crate) struct Owner {
    pub(crate) dir: TempDir,
    pub(crate) rules: Arc<Rules>,
    pub(crate) way: Arc<Way>,
    pub(crate) id: NodeId,
    identity: Identity,
    running: Option<(CancellationToken, tokio::task::JoinHandle<()>, SocketAddr)>,
}

impl Owner {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_create(dir.path()).unwrap();
        let root = dir.path().join("shared");
        fs::create_dir(&root).unwrap();
        let rules =
            Rules { root: Mutex::new(root), shared: true.into(), write: true.into(), ..Rules::default() };
        let id = identity.node_id();
        let mut owner =
            Self { dir, rules: Arc::new(rules), way: Arc::default(), id, identity, running: None };
        owner.start();
        owner
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.rules.root.lock().unwrap().clone()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().2
    }

    /// A fresh offer, as after a start of the program.
    pub(crate) fn start(&mut self) {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door { offer: Offer::new(self.rules.clone()), way: Arc::clone(&self.way) };
        let cancel = CancellationToken::new();
        let doors = Doors::new(Limits::default(), |_| false);
        let run = listener.run(self.identity.clone(), doors, Arc::new(door), cancel.clone());
        self.running = Some((cancel, tokio::spawn(run), address));
    }

    pub(crate) async fn stop(&mut self) {
        let (cancel, task, _) = self.running.take().unwrap();
        cancel.cancel();
        task.await.unwrap();
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.root().join(name), content).unwrap();
    }

    pub(crate) fn content_sent(&self) -> u64 {
        self.way.content.load(Ordering::SeqCst)
    }

    pub(crate) fn slow(&self, milliseconds: u64) {
        self.way.delay.store(milliseconds, Ordering::SeqCst);
    }

    /// Does something when the first request arrives that begins like this (`PUT file?path=a`), before it is answered.
    pub(crate) fn meanwhile(&self, begins: &'static str, work: impl FnOnce() + Send + 'static) {
        *self.way.meanwhile.lock().unwrap() = Some((begins, Box::new(work)));
    }

    /// Whether what was to be done meanwhile has been done.
    pub(crate) fn was_meanwhile(&self) -> bool {
        self.way.meanwhile.lock().unwrap().is_none()
    }

    /// All names in the shared folder, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.root())
    }
}

type Told = Box<dyn Fn(&Transfer) + Send>;

/// A computer that copies.
pub(crate) struct Reader {
    pub(crate) dir: TempDir,
    pub(crate) peers: Peers,
    pub(crate) transfers: Transfers,
    /// Told of every change of a copy.
    pub(crate) told: Arc<Mutex<Option<Told>>>,
    owner: NodeId,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Reader {
    pub(crate) fn new(owner: &Owner) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("here")).unwrap();
        Self::open(dir, owner)
    }

    fn open(dir: TempDir, owner: &Owner) -> Self {
        let identity = Identity::load_or_create(dir.path()).unwrap();
        let peers = Peers::new(identity);
        peers.learn(owner.id, owner.running.iter().map(|running| running.2).collect());
        let store = Store::open(&dir.path().join("store.db"), &[lanyard_drive::MIGRATIONS]).unwrap().store;
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let told: Arc<Mutex<Option<Told>>> = Arc::default();
        let changed = {
            let told = Arc::clone(&told);
            move |copy: &Transfer| told.lock().unwrap().iter().for_each(|told| told(copy))
        };
        let transfers =
            Transfers::open(store, peers.clone(), cancel.clone(), tasks.clone(), Arc::new(changed)).unwrap();
        Self { dir, peers, transfers, told, owner: owner.id, cancel, tasks }
    }

    /// Everything in memory goes; the disk stays.
    pub(crate) async fn restart(self, owner: &Owner) -> Self {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let Self { dir, .. } = self;
        let reader = Self::open(dir, owner);
        reader.transfers.resume();
        reader
    }

    pub(crate) fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    /// All names in the folder to which it copies, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.here())
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote::new(self.peers.clone(), self.owner, ShareId(SHARE.to_owned()))
    }

    pub(crate) async fn get(&self, name: &str, conflict: Conflict) -> Uuid {
        self.get_into(name, &self.here(), conflict).await
    }

    pub(crate) async fn get_into(&self, name: &str, folder: &Path, conflict: Conflict) -> Uuid {
        let path = SharePath::parse(name).unwrap();
        let new = NewDownload {
            node: self.owner,
            device_name: "Ben".to_owned(),
            share: ShareId(SHARE.to_owned()),
            drive: "Documents".to_owned(),
            name: path.name().unwrap().to_owned(),
            path,
            tree: false,
            size: None,
            folder: folder.to_owned(),
            conflict,
        };
        self.transfers.download(new).await.unwrap().id
    }

    pub(crate) async fn get_tree(&self, name: &str, conflict: Conflict) -> Uuid {
        let path = SharePath::parse(name).unwrap();
        let new = NewDownload {
            node: self.owner,
            device_name: "Ben".to_owned(),
            share: ShareId(SHARE.to_owned()),
            drive: "Documents".to_owned(),
            name: path.name().unwrap().to_owned(),
            path,
            tree: true,
            size: None,
            folder: self.here(),
            conflict,
        };
        self.transfers.download(new).await.unwrap().id
    }

    pub(crate) async fn put(&self, source: &Path, path: &str, conflict: Conflict) -> Uuid {
        self.put_over(source, path, conflict, None).await
    }

    /// As [`Self::put`], in place of one version only.
    pub(crate) async fn put_over(
        &self,
        source: &Path,
        path: &str,
        conflict: Conflict,
        seen: Option<String>,
    ) -> Uuid {
        let new = NewUpload { seen, ..self.upload(source, path, conflict) };
        self.transfers.upload(new).await.unwrap().id
    }

    /// An upload that is not begun.
    pub(crate) fn upload(&self, source: &Path, path: &str, conflict: Conflict) -> NewUpload {
        NewUpload {
            node: self.owner,
            device_name: "Ben".to_owned(),
            share: ShareId(SHARE.to_owned()),
            drive: "Documents".to_owned(),
            source: source.to_owned(),
            tree: source.is_dir(),
            size: None,
            path: SharePath::parse(path).unwrap(),
            conflict,
            seen: None,
            owns_source: false,
        }
    }

    /// Waits until a copy is as wanted.
    pub(crate) async fn until(&self, id: Uuid, what: &str, wanted: impl Fn(&Transfer) -> bool) -> Transfer {
        let begun = Instant::now();
        loop {
            let copy = self.transfers.get(id).expect("the copy is known");
            if wanted(&copy) {
                return copy;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: still {copy:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn end(&self, id: Uuid) -> Transfer {
        self.until(id, "the end", |copy| copy.state.is_ended()).await
    }

    pub(crate) async fn done(&self, id: Uuid) -> Transfer {
        let copy = self.end(id).await;
        assert_eq!(copy.state, State::Done, "{copy:?}");
        copy
    }

    /// A request as anybody with the protocol at hand could make it.
    pub(crate) async fn raw(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> (u16, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer =
            self.peers.request(self.owner, request.body(body).unwrap(), Duration::from_secs(20)).await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    pub(crate) async fn raw_get(&self, verb: &str, query: &str) -> (u16, Vec<u8>) {
        let uri = format!("/v1/drives/{SHARE}/{verb}?{query}");
        self.raw(Method::GET, &uri, &[], lanyard_link::body::empty()).await
    }
}

/// Bytes that do not repeat, the same for the same seed.
pub(crate) fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
