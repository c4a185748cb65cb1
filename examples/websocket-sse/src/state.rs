//! What both frameworks share: one authenticator for each place of the token, and the links to downloads.

use std::error::Error;
use std::time::Duration;

use jwt_tower::clock::{Clock, NumericDate, SystemClock};
use jwt_tower::key::SigningError;
use jwt_tower::{Algorithm, Authenticator, AuthenticatorBuilder, KeySet, SigningKey, TokenSource, VerifiedToken};

/// The user of a session.
#[derive(serde::Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
}

/// The file that a link allows to download.
#[derive(serde::Deserialize)]
pub(crate) struct Link {
    pub(crate) file: String,
}

/// How many seconds a link is valid: a browser follows it at once.
const LINK_LIFE: u64 = 30;

/// A request with a token in two places is refused, and a browser sends its cookie with every request. So each kind of
/// route has its own authenticator, with one source.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) by_subprotocol: Authenticator<User>,
    pub(crate) by_cookie: Authenticator<User>,
    pub(crate) by_link: Authenticator<Link>,
    links: SigningKey,
}

impl AppState {
    /// `session` returns a builder with the keys that verify the users' tokens.
    pub(crate) fn new(session: impl Fn() -> AuthenticatorBuilder<User>) -> Result<Self, Box<dyn Error>> {
        // Links have their own key and audience: a link is not a session, and a session is not a link.
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let by_link = Authenticator::builder()
            .keys(KeySet::hs256(secret)?)
            .audience("download")
            .source(TokenSource::query("token"))
            .leeway(Duration::ZERO)
            .build()?;
        Ok(Self {
            by_subprotocol: session().source(TokenSource::websocket_protocol("bearer.")).build()?,
            // A WebSocket handshake or unsafe request with a cookie is refused when a page of another origin made it.
            by_cookie: session().source(TokenSource::cookie("__Host-token")).build()?,
            by_link,
            links: SigningKey::secret(Algorithm::HS256, secret)?,
        })
    }

    /// The address of a download, valid for this user and file, for half a minute.
    pub(crate) fn link(&self, user: &VerifiedToken<User>, file: &str) -> Result<String, SigningError> {
        let end = SystemClock.now().as_secs() + LINK_LIFE;
        let claims = serde_json::json!({"aud": "download", "sub": user.subject(), "file": file, "exp": end});
        Ok(format!("/files/{file}?token={}", self.links.sign(&claims)?))
    }
}

/// How long a connection may stay open: until the token expires.
pub(crate) fn time_left<C>(token: &VerifiedToken<C>) -> Duration {
    let end = token.expires_at().map(NumericDate::since_epoch).unwrap_or_default();
    end.saturating_sub(SystemClock.now().since_epoch())
}
