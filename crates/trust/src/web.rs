//! The identity for clients that need a certificate: browsers, printing clients, Explorer and Finder.
//!
//! A second key, because they do not take Ed25519, and a self-signed certificate for the `.local` name. Both are kept:
//! clients remember a certificate they were told to trust, and ask again for another one. Nodes among themselves do
//! without (see [`crate::identity`]). Time is an argument.

use crate::identity::{IdentityError, key_file};
use data_encoding::{BASE64, HEXUPPER};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::{
    ServerConfig,
    crypto::ring as provider,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    server::NoServerSessionStorage,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 24 * 60 * 60;
/// Apple refuses certificates of more than 398 days.
const VALID: u64 = 397 * DAY;
/// A new certificate is made when less is left.
const RENEW: u64 = 30 * DAY;

/// The web key and its certificate.
#[derive(Clone)]
pub struct WebIdentity {
    certified: Arc<CertifiedKey>,
    until: u64,
    since: u64,
}

/// Why there is no web identity.
#[derive(Debug, thiserror::Error)]
pub enum WebIdentityError {
    /// `host_label` cannot stand before `.local`.
    #[error("not a host name: letters a to z, digits and dashes are expected, 63 at most")]
    Label,
    /// A file cannot be used, or the key file is damaged.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

/// `web.cert`: the certificate, and what must be known of it without reading it.
#[derive(Serialize, Deserialize)]
struct Kept {
    label: String,
    /// Unix seconds.
    since: u64,
    until: u64,
    /// DER in base64.
    certificate: String,
}

impl WebIdentity {
    /// Loads `dir/web.key` and `dir/web.cert`, or makes them. The certificate is made anew, with the same key, when it
    /// is for another name, when less than 30 days of its 397 are left, when the clock is outside of it (a computer
    /// that did not know the time when it was made), and when it is damaged. The key never is.
    ///
    /// `host_label` is the name without `.local`. Call it again from time to time to renew: see
    /// [`Self::is_current`].
    ///
    /// # Errors
    /// [`WebIdentityError`]
    pub fn load_or_create(dir: &Path, host_label: &str, now: SystemTime) -> Result<Self, WebIdentityError> {
        let label = host_label.to_ascii_lowercase();
        if !is_label(&label) {
            return Err(WebIdentityError::Label);
        }
        let path = dir.join("web.key");
        let generate = || EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        let pkcs8 = key_file::load_or_create(&path, generate).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => IdentityError::Damaged { path: path.clone() },
            _ => IdentityError::Io { path: path.clone(), source },
        })?;
        let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8);
        let damaged = || IdentityError::Damaged { path: path.clone() };
        let key =
            KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256).map_err(|_| damaged())?;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let path = dir.join("web.cert");
        let kept = match key_file::load(&path) {
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes).ok(),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                None
            }
            Err(source) => return Err(IdentityError::Io { path, source }.into()),
        };
        if let Some(kept) = kept.filter(|kept| kept.label == label)
            && let Ok(certificate) = BASE64.decode(kept.certificate.as_bytes())
            && let Ok(identity) = Self::of(certificate.into(), &pkcs8, kept.since, kept.until)
            && identity.is_current_at(now)
        {
            return Ok(identity);
        }
        let since = now.saturating_sub(DAY);
        let until = since + VALID;
        let certificate = make(&label, &key, since, until)?;
        let kept = Kept { label, since, until, certificate: BASE64.encode(&certificate) };
        let json =
            serde_json::to_vec(&kept).map_err(|error| WebIdentityError::Certificate(error.to_string()))?;
        key_file::write(&path, &json).map_err(|source| IdentityError::Io { path, source })?;
        Self::of(certificate, &pkcs8, since, until)
    }

    /// Whether the certificate need not be renewed yet.
    #[must_use]
    pub fn is_current(&self, now: SystemTime) -> bool {
        self.is_current_at(now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }

    /// SHA-256 of the certificate as browsers show it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.certificate());
        let bytes: Vec<String> = hash.as_ref().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
        bytes.join(":")
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |certificate| certificate.as_ref())
    }

    /// TLS 1.3 and 1.2, no client certificates, no resumption, ALPN `http/1.1` only: HTTP/2 would be a second way in
    /// that nothing on a local network needs.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "what is built in fits what is built in"
    )]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider speaks both")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.certified.clone())));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Arc::new(config)
    }

    /// Fails when the certificate is not for the key.
    fn of(
        certificate: CertificateDer<'static>,
        pkcs8: &PrivatePkcs8KeyDer<'_>,
        since: u64,
        until: u64,
    ) -> Result<Self, WebIdentityError> {
        let other = |error: rustls::Error| WebIdentityError::Certificate(error.to_string());
        let signer = provider::sign::any_ecdsa_type(&pkcs8.clone_key().into()).map_err(other)?;
        let certified = CertifiedKey::new(vec![certificate], signer);
        certified.keys_match().map_err(other)?;
        Ok(Self { certified: Arc::new(certified), since, until })
    }

    fn is_current_at(&self, now: u64) -> bool {
        (self.since..self.until.saturating_sub(RENEW)).contains(&now)
    }
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

fn make(
    label: &str,
    key: &KeyPair,
    since: u64,
    until: u64,
) -> Result<CertificateDer<'static>, WebIdentityError> {
    let failed = |error: rcgen::Error| WebIdentityError::Certificate(error.to_string());
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let name = format!("{label}.local");
    let mut params = CertificateParams::new([name.clone()]).map_err(failed)?;
    params.not_before = at(since).into();
    params.not_after = at(until).into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Firefox refuses two certificates of one issuer with the same number (SEC_ERROR_REUSED_ISSUER_AND_SERIAL).
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|error| WebIdentityError::Certificate(error.to_string()))?;
    // Positive, and never shorter.
    serial[0] = serial[0] & 0x3f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params.self_signed(key).map_err(failed)?.der().clone())
}

/// RFC 1123 §2.1.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
