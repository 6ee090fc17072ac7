//! A phone's browser, as far as the node can tell: TLS that knows one certificate, HTTP/1.1, a cookie, forms.

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use lanyard_api::NewPass;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn at(&self) -> &str {
        self.header("location")
    }
}

/// A browser on the page of one pass.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) address: SocketAddr,
    tls: Arc<ClientConfig>,
    pub(crate) cookie: Option<String>,
}

/// A part of a form.
pub(crate) enum Part<'a> {
    Field(&'a str, &'a str),
    File(&'a str, &'a [u8]),
}

pub(crate) const BOUNDARY: &str = "----WebKitFormBoundaryx7";

impl Phone {
    /// It trusts the certificate whose fingerprint the owner was shown, and no other.
    pub(crate) fn of(pass: &NewPass) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let only = Only { fingerprint: pass.fingerprint.clone(), provider: Arc::clone(&provider) };
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(only))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let address = pass.page.strip_prefix("https://").unwrap().split('/').next().unwrap();
        Self { address: address.parse().unwrap(), tls: Arc::new(tls), cookie: None }
    }

    /// One that came in by the link.
    pub(crate) async fn by_link(pass: &NewPass) -> Self {
        let mut phone = Self::of(pass);
        let answer = phone.open(&pass.link).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
        phone
    }

    pub(crate) async fn open(&mut self, link: &str) -> Answer {
        let token = link.split_once('#').unwrap().1;
        let body = format!("{{\"token\":\"{token}\"}}");
        let answer = self.send(self.post("/g/open", "application/json", body)).await;
        self.keep(&answer);
        answer
    }

    pub(crate) async fn pin(&mut self, pass: &NewPass, pin: &str) -> Answer {
        let number = pass.page.rsplit('/').next().unwrap();
        let form = format!("number={number}&pin={pin}");
        let answer = self.send(self.post("/g/pin", "application/x-www-form-urlencoded", form)).await;
        self.keep(&answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Full::default()).unwrap()).await
    }

    /// A form with files, as a browser sends it without any script.
    pub(crate) async fn form(&self, path: &str, parts: &[Part<'_>]) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(self.post(path, &kind, form(parts))).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        request
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        let request = self.request(Method::POST, path).header("content-type", kind);
        request.header("origin", format!("https://{}", self.address)).body(Full::new(body.into())).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (head, body) = self.begin(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// The answer's header; the body is still to be read.
    pub(crate) async fn begin(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let stream = self.connect().await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::clone(&self.tls)).connect(self.address.ip().into(), stream).await
    }

    fn keep(&mut self, answer: &Answer) {
        let line = answer.header(header::SET_COOKIE.as_str());
        if let Some((cookie, rest)) = line.split_once(';') {
            assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=7200");
            self.cookie = Some(cookie.to_owned());
        }
    }
}

pub(crate) fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let (head, content) = match part {
            Part::Field(name, value) => (format!("name=\"{name}\""), value.as_bytes()),
            Part::File(name, content) => (
                format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream"),
                *content,
            ),
        };
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

#[derive(Debug)]
struct Only {
    fingerprint: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let hash = self.provider.cipher_suites.iter().find_map(|suite| match suite {
            rustls::SupportedCipherSuite::Tls13(suite) => {
                let hash = suite.common.hash_provider.hash(certificate);
                (hash.as_ref().len() == 32).then_some(hash)
            }
            rustls::SupportedCipherSuite::Tls12(_) => None,
        });
        let shown: Vec<String> = hash.unwrap().as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        if shown.join(":") == self.fingerprint && chain.is_empty() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("not the certificate that the owner was shown".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
