//! What others offer and fetch files with, as Debian has it: each serves the same folder. Debian has no dufs:
//! `LANYARD_DUFS` names the program, and without it there is none.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{Host, Process, inside::Timed, soon};
use std::{env, fs, path::Path, time::Duration};

/// The password with which Samba's client comes.
const PASSWORD: &str = "laboratory";

/// Where nginx listens with TLS.
const NGINX: u16 = 8443;
/// Where dufs does.
const DUFS: u16 = 8445;

/// The servers of `ben`, and what `ada` calls them with.
pub(super) struct Servers {
    client: Host,
    address: String,
    dufs: bool,
    _running: Vec<Process>,
}

impl Servers {
    pub(super) fn start(ben: &Host, ada: &Host, shared: &Path) -> Result<Self> {
        let dir = ben.dir().join("servers");
        fs::create_dir_all(&dir)?;
        let (at, shared) = (dir.display(), shared.display());
        ben.sh(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ben \
             -keyout {at}/key.pem -out {at}/certificate.pem 2>/dev/null
             mkdir -p {at}/samba/private {at}/samba/lock {at}/samba/rpc"
        ))?;
        fs::write(
            dir.join("nginx.conf"),
            format!(
                "user root; daemon off; pid {at}/nginx.pid; error_log stderr; worker_processes auto;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log off; sendfile on; client_max_body_size 0; keepalive_requests 100000000;\n\
                 client_body_temp_path {shared}/.nginx; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;\n\
                 uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
                 server {{ listen {NGINX} ssl; ssl_protocols TLSv1.3; root {shared}; dav_methods PUT;\n\
                 ssl_certificate {at}/certificate.pem; ssl_certificate_key {at}/key.pem; }}\n\
                 server {{ listen 8080; root {shared}; }} }}\n"
            ),
        )?;
        fs::write(
            dir.join("smb.conf"),
            format!(
                "[global]\nserver role = standalone server\nserver smb encrypt = required\ndisable netbios = yes\n\
                 smb ports = 445\nload printers = no\nlog level = 0\nlog file = {at}/samba/log\nmap to guest = never\n\
                 passdb backend = tdbsam:{at}/samba/passdb.tdb\nprivate dir = {at}/samba/private\n\
                 lock directory = {at}/samba/lock\nstate directory = {at}/samba/lock\n\
                 cache directory = {at}/samba/lock\npid directory = {at}/samba\nncalrpc dir = {at}/samba/rpc\n\
                 [drive]\npath = {shared}\nread only = no\n"
            ),
        )?;
        fs::write(
            dir.join("rsyncd.conf"),
            format!("use chroot = no\nuid = root\ngid = root\n[drive]\npath = {shared}\nread only = no\n"),
        )?;
        ben.sh(&format!(
            "printf '{PASSWORD}\\n{PASSWORD}\\n' | smbpasswd -c {at}/smb.conf -a -s root >/dev/null"
        ))?;
        let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
        let (shared, certificate, key) = (shared.to_string(), file("certificate.pem"), file("key.pem"));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut commands: Vec<(Vec<String>, u16)> = vec![
            (words(&["nginx", "-e", "stderr", "-c", &file("nginx.conf")]), NGINX),
            (words(&["smbd", "-F", "--no-process-group", "-s", &file("smb.conf")]), 445),
            (words(&["rsync", "--daemon", "--no-detach", "--config", &file("rsyncd.conf")]), 873),
            (
                words(&[
                    "rclone",
                    "serve",
                    "webdav",
                    &shared,
                    "--addr",
                    ":8444",
                    "--cert",
                    &certificate,
                    "--key",
                    &key,
                    "--vfs-cache-mode",
                    "off",
                    "--config",
                    "/dev/null",
                ]),
                8444,
            ),
        ];
        let dufs = env::var("LANYARD_DUFS").ok();
        match &dufs {
            // Like the others it keeps no log.
            Some(dufs) => commands.push((
                words(&[
                    dufs,
                    &shared,
                    "--allow-all",
                    "--bind",
                    "0.0.0.0",
                    "--port",
                    &DUFS.to_string(),
                    "--log-format",
                    "",
                    "--tls-cert",
                    &certificate,
                    "--tls-key",
                    &key,
                ]),
                DUFS,
            )),
            None => {
                println!("without dufs: `cargo xtask bench drive` compiles it and names it in LANYARD_DUFS")
            }
        }
        let mut running = Vec::new();
        for (command, port) in commands {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let process = ben.spawn(&words).with_context(|| command.join(" "))?;
            soon(&format!("{} listens", words[0]), Duration::from_secs(10), || {
                let heard = ben.run(&["ss", "-Htln", &format!("sport = :{port}")])?;
                ensure!(!heard.trim().is_empty(), "{}", process.errors());
                Ok(())
            })?;
            running.push(process);
        }
        Ok(Self {
            client: ada.clone(),
            address: ben.ipv4()?.to_string(),
            dufs: dufs.is_some(),
            _running: running,
        })
    }

    /// From nginx, over TLS.
    pub(super) fn curl_get(&self, name: &str, to: &str) -> Result<Timed> {
        self.get(NGINX, name, to)
    }

    /// The same without TLS.
    pub(super) fn curl_get_plain(&self, name: &str, to: &str) -> Result<Timed> {
        let address = format!("http://{}:8080/{name}", self.address);
        self.client.time(&["curl", "-fs", "--noproxy", "*", &address, "-o", to])
    }

    /// To nginx, over TLS.
    pub(super) fn curl_put(&self, from: &str, name: &str) -> Result<Timed> {
        self.put(NGINX, from, name)
    }

    /// Whether dufs is there.
    pub(super) fn with_dufs(&self) -> bool {
        self.dufs
    }

    /// From dufs, over TLS.
    pub(super) fn dufs_get(&self, name: &str, to: &str) -> Result<Timed> {
        self.get(DUFS, name, to)
    }

    /// To dufs, over TLS.
    pub(super) fn dufs_put(&self, from: &str, name: &str) -> Result<Timed> {
        self.put(DUFS, from, name)
    }

    fn get(&self, port: u16, name: &str, to: &str) -> Result<Timed> {
        let address = format!("https://{}:{port}/{name}", self.address);
        self.client.time(&["curl", "-fsk", "--noproxy", "*", "--tlsv1.3", &address, "-o", to])
    }

    fn put(&self, port: u16, from: &str, name: &str) -> Result<Timed> {
        let address = format!("https://{}:{port}/{name}", self.address);
        self.client.time(&["curl", "-fsk", "--noproxy", "*", "--tlsv1.3", "-T", from, &address])
    }

    /// Words for Samba's client, encrypted.
    pub(super) fn samba(&self, words: &str) -> Result<Timed> {
        let user = format!("root%{PASSWORD}");
        let share = format!("//{}/drive", self.address);
        self.client.time(&["smbclient", &share, "-U", &user, "--client-protection=encrypt", "-c", words])
    }

    /// rsync's own protocol, which encrypts nothing.
    pub(super) fn rsync(&self, from: &str, to: &str) -> Result<Timed> {
        self.client.time(&["rsync", "-rt", from, to])
    }

    /// What rsync calls the folder.
    pub(super) fn module(&self, name: &str) -> String {
        format!("rsync://{}/drive/{name}", self.address)
    }

    /// rclone at both ends, over TLS; a path that begins with `:webdav:` is there.
    pub(super) fn rclone(&self, from: &str, to: &str) -> Result<Timed> {
        let url = format!("--webdav-url=https://{}:8444", self.address);
        let config = "--config=/dev/null";
        self.client.time(&[
            "rclone",
            "copyto",
            from,
            to,
            &url,
            "--no-check-certificate",
            config,
            "--ignore-times",
        ])
    }
}
