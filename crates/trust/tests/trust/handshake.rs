//! Two ends of a TLS connection in memory.

use lanyard_trust::{
    Identity,
    identity::{ALPN, is_other_device, peer_id},
};
use rustls::{
    ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection,
    client::{Resumption, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName},
};
use std::{io::Write, sync::Arc};
use tempfile::TempDir;

pub(crate) fn device() -> (Identity, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Identity::load_or_create(dir.path()).unwrap(), dir)
}

pub(crate) fn connect(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from("node.invalid").unwrap();
    let mut client = ClientConnection::new(client, name)?;
    let mut server = ServerConnection::new(server)?;
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

#[test]
fn both_sides_know_who_is_there_and_share_a_secret_that_nobody_else_has() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (client, server) = connect(anna.client_config(Some(ben.node_id())), ben.server_config()).unwrap();
    assert_eq!(peer_id(client.peer_certificates()), Some(ben.node_id()));
    assert_eq!(peer_id(server.peer_certificates()), Some(anna.node_id()));
    assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.alpn_protocol(), Some(ALPN));
    assert_eq!(server.server_name(), None, "no name may go over the network in the clear");
    let of_client = client.export_keying_material([0; 32], b"EXPORTER-lanyard-test", None).unwrap();
    let of_server = server.export_keying_material([0; 32], b"EXPORTER-lanyard-test", None).unwrap();
    assert_eq!(of_client, of_server);
    let (other, _) = connect(anna.client_config(None), ben.server_config()).unwrap();
    let of_other = other.export_keying_material([0; 32], b"EXPORTER-lanyard-test", None).unwrap();
    assert_ne!(of_client, of_other, "two connections never share their secret");
}

#[test]
fn another_device_at_the_address_is_refused_in_the_handshake() {
    let ((anna, _a), (ben, _b), (mallory, _m)) = (device(), device(), device());
    let error = connect(anna.client_config(Some(ben.node_id())), mallory.server_config()).unwrap_err();
    assert!(is_other_device(&error), "{error}");
}

#[test]
fn a_stranger_is_met_when_no_key_is_expected() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (client, _) = connect(anna.client_config(None), ben.server_config()).unwrap();
    assert_eq!(peer_id(client.peer_certificates()), Some(ben.node_id()));
}

#[test]
fn a_key_that_the_server_does_not_hold_is_no_proof() {
    // Mallory shows Ben's key but can only sign with her own.
    let ((anna, _a), (ben, _b), (mallory, _m)) = (device(), device(), device());
    let (client, _) = connect(anna.client_config(None), ben.server_config()).unwrap();
    let bens_key = client.peer_certificates().unwrap()[0].clone().into_owned();
    let signer = rustls::crypto::ring::sign::any_eddsa_type(
        &ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new())
            .unwrap()
            .as_ref()
            .to_vec()
            .into(),
    )
    .unwrap();
    let stolen = Arc::new(rustls::sign::CertifiedKey::new(vec![bens_key], signer));
    let mut server = (*mallory.server_config()).clone();
    server.cert_resolver = Arc::new(rustls::server::AlwaysResolvesServerRawPublicKeys::new(stolen));
    let error = connect(anna.client_config(Some(ben.node_id())), Arc::new(server)).unwrap_err();
    assert!(matches!(error, Error::InvalidCertificate(rustls::CertificateError::BadSignature)), "{error:?}");
}

#[test]
fn a_connection_cannot_be_resumed_without_proving_the_key_again() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    // A client that would like to resume.
    let mut eager = (*anna.client_config(Some(ben.node_id()))).clone();
    eager.resumption = Resumption::in_memory_sessions(16);
    eager.enable_early_data = true;
    let (eager, server) = (Arc::new(eager), ben.server_config());
    for _ in 0..3 {
        let (mut client, mut served) = connect(eager.clone(), server.clone()).unwrap();
        assert!(client.early_data().is_none(), "no data before the proof");
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(client.tls13_tickets_received(), 0);
        assert_eq!(peer_id(served.peer_certificates()), Some(anna.node_id()));
        // Tickets would come with the first bytes after the handshake.
        served.writer().write_all(b"hello").unwrap();
        let mut bytes = Vec::new();
        served.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets().unwrap();
        assert_eq!(client.tls13_tickets_received(), 0);
    }
}

#[test]
fn a_client_with_a_certificate_or_without_any_key_is_refused() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let ours = anna.client_config(None);

    // As a browser comes: it expects a certificate and has none.
    let mut browser = ClientConfig::builder_with_provider(ours.crypto_provider().clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    browser.alpn_protocols = vec![ALPN.to_vec()];
    connect(Arc::new(browser), ben.server_config()).unwrap_err();
    // Knows raw keys, but shows none of its own.
    let mut nobody = (*ours).clone();
    nobody.client_auth_cert_resolver = Arc::new(Nothing);
    let error = connect(Arc::new(nobody), ben.server_config()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoCertificatesPresented | Error::PeerIncompatible(_) | Error::AlertReceived(_)
        ),
        "{error:?}"
    );
}

#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ED25519, rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[derive(Debug)]
struct Nothing;

impl rustls::client::ResolvesClientCert for Nothing {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn another_protocol_is_refused() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut client = (*anna.client_config(None)).clone();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    connect(Arc::new(client), ben.server_config()).unwrap_err();
}

#[test]
fn who_comes_to_join_meets_only_who_waits_for_that() {
    let ((server, _a), (client, _b)) = (device(), device());
    let joining = client.join_client_config(Some(server.node_id()));
    let (_, met) = connect(joining.clone(), server.join_server_config()).unwrap();
    assert_eq!(peer_id(met.peer_certificates()), Some(client.node_id()), "both prove their keys there, too");
    connect(joining, server.server_config()).unwrap_err();
    connect(client.client_config(None), server.join_server_config()).unwrap_err();
    let other = client.join_client_config(Some(client.node_id()));
    assert!(is_other_device(&connect(other, server.join_server_config()).unwrap_err()));
}

#[test]
fn what_is_no_single_ed25519_key_is_nobody() {
    assert_eq!(peer_id(None), None);
    assert_eq!(peer_id(Some(&[])), None);
    assert_eq!(peer_id(Some(&[CertificateDer::from(vec![0; 44])])), None);
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (client, _) = connect(anna.client_config(None), ben.server_config()).unwrap();
    let key = client.peer_certificates().unwrap()[0].clone().into_owned();
    assert!(peer_id(Some(std::slice::from_ref(&key))).is_some());
    assert_eq!(peer_id(Some(&[key.clone(), key.clone()])), None, "one key, not a chain");
    let mut longer = key.to_vec();
    longer.push(0);
    assert_eq!(peer_id(Some(&[CertificateDer::from(longer)])), None);
}
