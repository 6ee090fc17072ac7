//! The device's own key and what is made of it.
//!
//! Between nodes there are no certificates: each side shows its bare Ed25519 key (RFC 7250) and proves it holds
//! the secret half. So nothing expires, no clock is needed, and the key is the identity.

pub(crate) mod key_file;
pub mod machine;
mod raw_key;

use crate::NodeId;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use rustls::{
    ClientConfig, ServerConfig,
    client::{AlwaysResolvesClientRawPublicKeys, Resumption},
    crypto::{CryptoProvider, ring as provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::CertifiedKey,
    version::TLS13,
};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// ALPN of the link between nodes.
pub const ALPN: &[u8] = b"lanyard/1";
/// ALPN of a connection to join. Anyone may make one, and only while an invite is open.
pub const JOIN_ALPN: &[u8] = b"lanyard-join/1";

/// This device's key pair. Cloning is cheap; the secret half is not reachable from outside.
#[derive(Clone)]
pub struct Identity {
    node_id: NodeId,
    /// The key as a home's log is signed with it.
    pair: Arc<Ed25519KeyPair>,
    /// The key as rustls signs with it.
    certified: Arc<CertifiedKey>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key file cannot be read or written.
    #[error("cannot use the key file {path}: {source}")]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file holds no key. It is left untouched: making a new one would make this a stranger to everyone.
    #[error("the key file {path} is damaged")]
    Damaged {
        /// The key file.
        path: PathBuf,
    },
}

impl Identity {
    /// Loads `dir/node.key`, or makes it (0600, written whole under a temporary name, fsynced, renamed).
    ///
    /// A key file that others on this computer may read is closed to them, with a warning in the log. The
    /// caller makes sure that no second node runs on the same directory.
    ///
    /// # Errors
    /// [`IdentityError`] when the file cannot be used.
    pub fn load_or_create(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join("node.key");
        let generate = || Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = key_file::load_or_create(&path, generate).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => IdentityError::Damaged { path: path.clone() },
            _ => IdentityError::Io { path: path.clone(), source },
        })?;
        Self::from_pkcs8(&pkcs8).ok_or(IdentityError::Damaged { path })
    }

    /// The public half.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// Signs a message (RFC 8032). What is signed says itself what it is for, so that no signature serves two ends.
    #[must_use]
    #[expect(clippy::missing_panics_doc, clippy::expect_used, reason = "an Ed25519 signature has one length")]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("64 bytes")
    }

    /// TLS 1.3, raw public keys both ways (RFC 7250), any client key accepted (each request is authorised by the
    /// gate), no tickets, no early data, ALPN [`ALPN`] only.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.server_config_for(ALPN)
    }

    /// The same with [`JOIN_ALPN`] only.
    #[must_use]
    pub fn join_server_config(&self) -> Arc<ServerConfig> {
        self.server_config_for(JOIN_ALPN)
    }

    #[expect(clippy::expect_used, reason = "what is built in fits what is built in")]
    fn server_config_for(&self, alpn: &[u8]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider speaks TLS 1.3")
            .with_client_cert_verifier(raw_key::Verifier::any())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.certified.clone())));
        config.alpn_protocols = vec![alpn.to_vec()];
        // A resumed connection does not prove the client's key again: a device whose access was taken back could
        // go on. There is nothing to resume with.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        config.ignore_client_order = !has_fast_aes();
        Arc::new(config)
    }

    /// The same from the other side. With `expected`, a server that holds another key is refused in the handshake
    /// with [`is_other_device`].
    #[must_use]
    pub fn client_config(&self, expected: Option<NodeId>) -> Arc<ClientConfig> {
        self.client_config_for(ALPN, expected)
    }

    /// The same with [`JOIN_ALPN`] only. With a code nobody is expected yet, with a link its device is.
    #[must_use]
    pub fn join_client_config(&self, expected: Option<NodeId>) -> Arc<ClientConfig> {
        self.client_config_for(JOIN_ALPN, expected)
    }

    #[expect(clippy::expect_used, reason = "what is built in fits what is built in")]
    fn client_config_for(&self, alpn: &[u8], expected: Option<NodeId>) -> Arc<ClientConfig> {
        let verifier = expected.map_or_else(raw_key::Verifier::any, raw_key::Verifier::only);
        let mut config = ClientConfig::builder_with_provider(crypto())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                self.certified.clone(),
            )));
        config.alpn_protocols = vec![alpn.to_vec()];
        // There are no names between nodes, and a name in the clear would tell the network who is meant.
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Arc::new(config)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        // Checks the key and that both halves belong together, more strictly than rustls does.
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let signer = provider::sign::any_eddsa_type(match &der {
            PrivateKeyDer::Pkcs8(der) => der,
            _ => return None,
        })
        .ok()?;
        let shown = CertificateDer::from(raw_key::encode(&public).to_vec());
        Some(Self {
            node_id: NodeId::from_bytes(public),
            pair: Arc::new(pair),
            certified: Arc::new(CertifiedKey::new(vec![shown], signer)),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.node_id).finish()
    }
}

/// The identity behind what `peer_certificates()` of a rustls connection returned.
#[must_use]
pub fn peer_id(certificates: Option<&[CertificateDer<'_>]>) -> Option<NodeId> {
    match certificates? {
        [only] => raw_key::decode(only).map(NodeId::from_bytes),
        _ => None,
    }
}

/// Whether a handshake failed because the server proved another key than the expected one.
#[must_use]
pub fn is_other_device(error: &rustls::Error) -> bool {
    *error == raw_key::other_device()
}

/// The one cryptography provider, with the cipher first that this processor is fast at. On a processor without
/// AES instructions (a Raspberry Pi 4) AES is several times slower than ChaCha20; the client's order counts unless
/// the server has no AES instructions.
fn crypto() -> Arc<CryptoProvider> {
    use provider::cipher_suite::{
        TLS13_AES_128_GCM_SHA256 as AES_128, TLS13_AES_256_GCM_SHA384 as AES_256,
        TLS13_CHACHA20_POLY1305_SHA256 as CHACHA20,
    };
    let cipher_suites =
        if has_fast_aes() { vec![AES_128, AES_256, CHACHA20] } else { vec![CHACHA20, AES_128, AES_256] };
    Arc::new(CryptoProvider { cipher_suites, ..provider::default_provider() })
}

fn has_fast_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
    }
    #[cfg(target_arch = "aarch64")]
    {
        std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    {
        false
    }
}
