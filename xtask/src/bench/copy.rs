//! Between two nodes: a document until it is safe on the other side, and a large file beside a web server.

use super::{Folder, Goal, Row, median, millis, tell};
use crate::{demo, shell};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const GIBIBYTE: u64 = 1 << 30;

/// From `lanyard print` to the event that says: safe with the printer's owner.
pub(super) fn print(folder: &Folder) -> Result<()> {
    const ROUNDS: usize = 20;
    let (here, there) = (folder.node("here")?, folder.node("there")?);
    there.ask(&["share", "printer", "save-as-pdf", "--name", "Paper"])?;
    wait_for(&here, "printers", "Paper")?;
    let mut watch = shell::tied(&here.command(&["jobs", "--watch", "--json"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting `lanyard jobs --watch`")?;
    let lines = demo::lines(watch.stdout.take());
    thread::sleep(Duration::from_millis(500));
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let file = folder.path().join(format!("page-{round}.pdf"));
        fs::write(&file, demo::one_page("One page", &format!("Round {round}")))?;
        let began = Instant::now();
        here.ask(&["print", &file.to_string_lossy(), "--on", "Paper", "--json"])?;
        let title = format!("page-{round}");
        let accepted = loop {
            let (line, time) =
                lines.recv_timeout(Duration::from_secs(20)).context("the job did not get there")?;
            let job: Value = serde_json::from_str(&line).with_context(|| format!("reading {line:?}"))?;
            ensure!(job["state"] != "failed", "the job failed: {line}");
            let is_ours = job["title"].as_str().is_some_and(|name| name.trim_end_matches(".pdf") == title);
            if is_ours && job["state"] != "sending" {
                break time;
            }
        };
        times.push(accepted.saturating_duration_since(began));
    }
    let _ = watch.kill();
    let _ = watch.wait();
    let middle = millis(median(&mut times));
    let slowest = millis(times.last().copied().unwrap_or_default());
    tell(Row::of("one page accepted there, middle of 20", middle, "ms", Goal::Most(150.0)));
    tell(Row::of("one page accepted there, slowest", slowest, "ms", Goal::Most(150.0)));
    Ok(())
}

/// 1 GiB by `lanyard get` and by curl from nginx over TLS, in turns, so that both meet the same machine.
pub(super) fn get(folder: &Folder) -> Result<()> {
    const ROUNDS: usize = 5;
    let memory = Folder::in_memory("get-in-memory", 4 * GIBIBYTE)?;
    let folder = memory.as_ref().unwrap_or(folder);
    let place = if memory.is_some() { "in memory" } else { "on the disk" };
    let shared = folder.path().join("shared");
    fs::create_dir_all(&shared)?;
    write_noise(&shared.join("large.bin"))?;
    let web = WebServer::start(folder.path(), &shared)?;
    let (here, there) = (folder.node("here")?, folder.node("there")?);
    there.ask(&["share", "folder", &shared.to_string_lossy(), "--name", "Large"])?;
    wait_for(&here, "drives", "Large")?;
    let copy = folder.path().join("copy.bin");
    let (mut by_curl, mut by_lanyard) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        by_curl.push(timed(&copy, || web.fetch(&copy))?);
        by_lanyard.push(timed(&copy, || {
            here.ask(&["get", "Large:large.bin", &copy.to_string_lossy(), "--json"]).map(drop)
        })?);
    }
    let rate = |time: Duration| GIBIBYTE as f64 / 1e6 / time.as_secs_f64();
    let (curl, lanyard) = (rate(median(&mut by_curl)), rate(median(&mut by_lanyard)));
    const LEAST: f64 = 0.8;
    let ours = Row::of(&format!("get 1 GiB {place}, verified"), lanyard, "MB/s", Goal::Nothing);
    tell(Row {
        peer: format!("curl, nginx, TLS {curl:.0} MB/s"),
        ratio: format!("{:.2} ×", lanyard / curl),
        goal: format!("≥ {LEAST} ×"),
        met: Some(lanyard >= LEAST * curl),
        ..ours
    });
    Ok(())
}

fn timed(copy: &Path, fetch: impl Fn() -> Result<()>) -> Result<Duration> {
    if copy.exists() {
        fs::remove_file(copy)?;
    }
    let began = Instant::now();
    fetch()?;
    let time = began.elapsed();
    ensure!(fs::metadata(copy)?.len() == GIBIBYTE, "the copy has the wrong size");
    Ok(time)
}

fn wait_for(node: &demo::Node, list: &str, name: &str) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let nearby: Value = serde_json::from_str(&node.ask(&["nearby", "--json"])?)?;
        if nearby[list].as_array().into_iter().flatten().any(|thing| thing["name"] == name) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("{name} did not appear among the {list}")
}

/// Content that nothing can shorten: xorshift64*.
fn write_noise(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = Vec::with_capacity(1 << 20);
    for _ in 0..GIBIBYTE >> 20 {
        block.clear();
        while block.len() < 1 << 20 {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            block.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(())
}

/// A private nginx on loopback with a certificate of its own.
struct WebServer {
    process: Child,
    port: u16,
}

impl WebServer {
    fn start(folder: &Path, shared: &Path) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        shell::read(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
                .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
        )?;
        let configuration = folder.join("nginx.conf");
        let user = if shell::read(Command::new("id").arg("-u"))?.trim() == "0" { "user root;" } else { "" };
        let (at, key, certificate, shared) =
            (folder.display(), key.display(), certificate.display(), shared.display());
        fs::write(
            &configuration,
            format!(
                "{user} daemon off; pid {at}/nginx.pid; error_log stderr; worker_processes auto;\n\
                 events {{ worker_connections 64; }}\n\
                 http {{ access_log off; sendfile on; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
                 fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
                 server {{ listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3; root {shared};\n\
                 ssl_certificate {certificate}; ssl_certificate_key {key}; }} }}\n"
            ),
        )?;
        let mut nginx = Command::new("nginx");
        nginx.arg("-e").arg("stderr").arg("-c").arg(&configuration);
        let process = shell::tied(&nginx).stdin(Stdio::null()).spawn().context("starting nginx")?;
        let server = Self { process, port };
        let end = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < end, "nginx does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn fetch(&self, to: &Path) -> Result<()> {
        let address = format!("https://127.0.0.1:{}/large.bin", self.port);
        shell::read(
            Command::new("curl").args(["-fsk", "--noproxy", "*", "--tlsv1.3", &address, "-o"]).arg(to),
        )
        .map(drop)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        // SIGTERM to the master, which ends its workers.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
