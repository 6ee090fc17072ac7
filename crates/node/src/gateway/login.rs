//! The name and the password that a program needs besides the address of a drive, on systems that show every user the
//! address of what is mounted and do not tell whose a connection is: macOS.
//!
//! Elsewhere none is asked for. Linux tells whose a connection is (`peer`), and Explorer sends no password without
//! encryption; Windows shows nobody what another user has connected.

use super::is_same;
use crate::settings::Settings;
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lanyard_link::{Body, body};

/// Whether this system needs it.
pub(super) const NEEDED: bool = cfg!(target_os = "macos");

/// Everybody's name; what counts is the password.
const USER: &str = "lanyard";

/// Under this name the key is kept.
const KEY: &str = "gateway-login";

/// From which the password of each drive is made.
pub(super) struct Logins([u8; 32]);

impl Logins {
    /// The key of this node, made when it is first needed; none where no password is asked for.
    ///
    /// # Errors
    /// When there is no key and none can be made or kept.
    pub(super) fn of(settings: &Settings) -> std::io::Result<Option<Self>> {
        if NEEDED { Self::load(settings).map(Some) } else { Ok(None) }
    }

    fn load(settings: &Settings) -> std::io::Result<Self> {
        let kept = settings.text(KEY).map_err(std::io::Error::other)?;
        let known = kept.and_then(|text| HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok());
        if let Some(key) = known {
            return Ok(Self(key));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        settings.set(KEY, &HEXLOWER.encode(&key)).map_err(std::io::Error::other)?;
        Ok(Self(key))
    }

    /// The name and the password for the drive with this secret: another text of 128 bits, which says nothing of the secret.
    pub(super) fn for_drive(&self, secret: &str) -> (String, String) {
        let made = blake3::keyed_hash(&self.0, secret.as_bytes());
        (USER.to_owned(), HEXLOWER.encode(&made.as_bytes()[..16]))
    }

    /// Whether a request brings them (RFC 7617).
    pub(super) fn admits(&self, secret: &str, headers: &HeaderMap) -> bool {
        let (user, password) = self.for_drive(secret);
        let expected = format!("{user}:{password}");
        let brought = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let encoded = match brought.split_at_checked(6) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"basic ") => rest.trim_ascii(),
            _ => return false,
        };
        BASE64.decode(encoded).is_ok_and(|brought| is_same(&brought, expected.as_bytes()))
    }
}

/// What a program hears that brings none.
pub(super) fn challenge() -> Response<Body> {
    let mut response = body::status(StatusCode::UNAUTHORIZED, "a password is needed\n");
    let asks = HeaderValue::from_static("Basic realm=\"Lanyard\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn only_the_password_of_this_drive_lets_in() {
        let logins = Logins([7; 32]);
        let secret = "00112233445566778899aabbccddeeff";
        let (user, password) = logins.for_drive(secret);
        assert_eq!(password.len(), 32);
        assert_ne!(password, secret);
        let basic = |user: &str, password: &str| BASE64.encode(format!("{user}:{password}").as_bytes());
        assert!(logins.admits(secret, &headers(&format!("Basic {}", basic(&user, &password)))));
        assert!(logins.admits(secret, &headers(&format!("basic  {}", basic(&user, &password)))));
        for wrong in [
            String::new(),
            "Basic".to_owned(),
            "Basic ?".to_owned(),
            format!("Bearer {}", basic(&user, &password)),
            format!("Basic {}", basic(&user, "")),
            format!("Basic {}", basic(&user, &logins.for_drive("another").1)),
            format!("Basic {}", basic(&user, &Logins([8; 32]).for_drive(secret).1)),
            format!("Basic {}", basic("", &password)),
        ] {
            assert!(!logins.admits(secret, &headers(&wrong)), "{wrong}");
        }
        assert!(!logins.admits(secret, &HeaderMap::new()));
    }

    #[test]
    fn the_key_stays_the_same_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let store = lanyard_store::Store::open(&dir.path().join("store"), &[crate::settings::MIGRATIONS]);
        let settings = Settings::new(store.unwrap().store);
        let first = Logins::load(&settings).unwrap().for_drive("x");
        assert_eq!(Logins::load(&settings).unwrap().for_drive("x"), first);
    }
}
