//! What both frameworks have in common: one authenticator per door, and the links to downloads.

use std::error::Error;
use std::time::Duration;

use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, Clock, KeySet, NumericDate, SigningError, SigningKey, SystemClock,
    TokenSource, VerifiedToken,
};

/// Whose session it is.
#[derive(serde::Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
}

/// What a link is good for.
#[derive(serde::Deserialize)]
pub(crate) struct Link {
    pub(crate) file: String,
}

/// How long a link is good: the time that a browser takes to follow it.
const LINK_LIFE: u64 = 30;

/// A token in two places of one request is refused, and a browser sends its cookie wherever it goes. Hence one
/// authenticator per door, each with the one source that belongs there.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) by_subprotocol: Authenticator<User>,
    pub(crate) by_cookie: Authenticator<User>,
    pub(crate) by_link: Authenticator<Link>,
    links: SigningKey,
}

impl Doors {
    /// `session` yields a builder that knows the keys of the tokens that users have.
    pub(crate) fn new(session: impl Fn() -> AuthenticatorBuilder<User>) -> Result<Self, Box<dyn Error>> {
        // Links have a key and an audience of their own: a link is no session, and a session is no link.
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
            // Requests with a cookie that come from pages of other origins are refused, WebSocket handshakes included.
            by_cookie: session().source(TokenSource::cookie("__Host-token")).build()?,
            by_link,
            links: SigningKey::secret(Algorithm::HS256, secret)?,
        })
    }

    /// The address of a download, good for this user, this file and half a minute.
    pub(crate) fn link(&self, user: &VerifiedToken<User>, file: &str) -> Result<String, SigningError> {
        let end = SystemClock.now().as_secs() + LINK_LIFE;
        let claims = serde_json::json!({"aud": "download", "sub": user.subject(), "file": file, "exp": end});
        Ok(format!("/files/{file}?token={}", self.links.sign(&claims)?))
    }
}

/// How long a connection may stay open: as long as the token would have been good for another request.
pub(crate) fn time_left<C>(token: &VerifiedToken<C>) -> Duration {
    let end = token.expires_at().map(NumericDate::since_epoch).unwrap_or_default();
    end.saturating_sub(SystemClock.now().since_epoch())
}
