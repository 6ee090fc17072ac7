//! TLS to printers: their certificates are their own, so what is checked is that the key stays the same.
//!
//! A printer signs its certificate itself, often with a wrong name or date, and nobody vouches for it. The first
//! connection shows a key; who keeps it (trust on first use) sees when another one comes. That the other side holds
//! the key is proven by the handshake as always.

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{io, net::IpAddr, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// BLAKE3 of a key's SubjectPublicKeyInfo: survives a renewed certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; 32]);

/// Shakes hands with whatever is there. Returns the key that it has proven to hold.
///
/// # Errors
/// When there is no TLS that we speak, or no key to be seen.
pub(crate) async fn wrap<S>(stream: S, host: &str, address: IpAddr) -> io::Result<(TlsStream<S>, Key)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name =
        ServerName::try_from(host.to_owned()).unwrap_or_else(|_| ServerName::IpAddress(address.into()));
    let tls = TlsConnector::from(config()?).connect(name, stream).await?;
    let certificates = tls.get_ref().1.peer_certificates();
    let key = certificates.and_then(|chain| chain.first()).and_then(key_of);
    let key = key.ok_or_else(|| io::Error::other("the printer showed no key"))?;
    Ok((tls, key))
}

fn key_of(certificate: &CertificateDer<'_>) -> Option<Key> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Key(*blake3::hash(&parsed.subject_public_key_info()).as_bytes()))
}

fn config() -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Believes any certificate, but none whose key the other side does not hold.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
