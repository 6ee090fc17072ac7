//! The certificate for browsers, as a client with the rules of the web sees it.

use lanyard_trust::web::{WebIdentity, WebIdentityError};
use rustls::{
    ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, UnixTime},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// 2026-11-28
const NOW: Duration = Duration::from_secs(1_795_824_000);

fn at(time: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + time
}

fn load(dir: &Path, time: Duration) -> WebIdentity {
    WebIdentity::load_or_create(dir, "lanyard-7f3a", at(time)).unwrap()
}

#[derive(Debug)]
struct Clock(Duration);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

/// A client that trusts this certificate and nothing else, at this time.
fn connect(
    identity: &WebIdentity,
    server: Arc<ServerConfig>,
    name: &str,
    time: Duration,
    version: &'static SupportedProtocolVersion,
) -> Result<ClientConnection, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(identity.certificate().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(Clock(time)))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name)?;
    let mut server = ServerConnection::new(server)?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut &bytes[..]).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets()?;
    }
    Ok(client)
}

#[test]
fn a_client_that_trusts_the_certificate_gets_in_under_its_name_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let web = load(dir.path(), NOW);
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let client = connect(&web, web.server_config(), "lanyard-7f3a.local", NOW, version).unwrap();
        assert_eq!(client.protocol_version(), Some(spoken));
        assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]), "HTTP/2 was offered and not taken");
        assert_eq!(client.tls13_tickets_received(), 0);
        for other in ["lanyard-7f3b.local", "lanyard-7f3a.local.evil.example", "192.168.1.7"] {
            connect(&web, web.server_config(), other, NOW, version).unwrap_err();
        }
    }
}

#[test]
fn it_is_good_for_397_days_and_for_clocks_that_are_a_little_late() {
    let dir = tempfile::tempdir().unwrap();
    let web = load(dir.path(), NOW);
    let good = |time| connect(&web, web.server_config(), "lanyard-7f3a.local", time, &TLS13).is_ok();
    assert!(good(NOW - DAY / 2) && good(NOW + 395 * DAY));
    assert!(!good(NOW - 2 * DAY) && !good(NOW + 397 * DAY), "no longer than Apple takes");
}

#[test]
fn it_stays_the_same_until_it_is_renewed_with_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let first = load(dir.path(), NOW);
    let key = fs::read(dir.path().join("web.key")).unwrap();
    for days in [0, 100, 365] {
        let again = load(dir.path(), NOW + days * DAY);
        assert_eq!(again.fingerprint(), first.fingerprint(), "after {days} days");
        assert!(again.is_current(at(NOW + days * DAY)));
    }
    let mut prints = vec![first.fingerprint()];
    // Nearly over; over; and a clock that turned out to be in the past.
    for time in [NOW + 367 * DAY, NOW + 2000 * DAY, NOW - 400 * DAY, Duration::ZERO] {
        let renewed = load(dir.path(), time);
        assert!(!prints.contains(&renewed.fingerprint()));
        assert!(renewed.is_current(at(time)));
        prints.push(renewed.fingerprint());
        let name = "lanyard-7f3a.local";
        connect(&renewed, renewed.server_config(), name, time.max(DAY), &TLS13).unwrap();
        assert!(fs::read(dir.path().join("web.key")).unwrap() == key, "the key stays");
    }
}

#[test]
fn another_name_or_a_damaged_certificate_makes_a_new_one_and_a_damaged_key_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = load(dir.path(), NOW);
    let other = WebIdentity::load_or_create(dir.path(), "Desk", at(NOW)).unwrap();
    assert_ne!(other.fingerprint(), first.fingerprint());
    connect(&other, other.server_config(), "desk.local", NOW, &TLS13).unwrap();

    // A whole certificate, but for another key.
    let elsewhere = tempfile::tempdir().unwrap();
    load(elsewhere.path(), NOW);
    let strange = fs::read(elsewhere.path().join("web.cert")).unwrap();
    for damaged in [&b""[..], b"{}", b"\xff\xfe", &strange, &[b' '; 100_000]] {
        fs::write(dir.path().join("web.cert"), damaged).unwrap();
        let made = load(dir.path(), NOW);
        connect(&made, made.server_config(), "lanyard-7f3a.local", NOW, &TLS13).unwrap();
    }
    fs::write(dir.path().join("web.key"), "no key").unwrap();
    let error = WebIdentity::load_or_create(dir.path(), "desk", at(NOW)).unwrap_err();
    assert!(matches!(error, WebIdentityError::File(_)), "{error}");
    assert_eq!(fs::read(dir.path().join("web.key")).unwrap(), b"no key");
}

#[test]
fn what_cannot_be_a_host_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for label in ["", "a.b", "-a", "a-", "ä", "a b", "*", &"a".repeat(64)] {
        let error = WebIdentity::load_or_create(dir.path(), label, at(NOW)).unwrap_err();
        assert!(matches!(error, WebIdentityError::Label), "{label:?}: {error}");
    }
}

#[test]
fn the_secret_is_not_in_what_a_log_would_show_and_others_cannot_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let web = load(dir.path(), NOW);
    let shown = format!("{web:?}");
    assert_eq!(shown, format!("WebIdentity {{ fingerprint: {:?}, .. }}", web.fingerprint()));
    assert_eq!(web.fingerprint().len(), 95);
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(dir.path().join("web.key")).unwrap()) & 0o777,
        0o600
    );
}
