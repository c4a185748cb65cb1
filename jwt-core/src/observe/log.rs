//! The events about requests, target `jwt`: reasons, `kid` and issuer; never a token, never a claim of the application.
//!
//! Names that a stranger chose are written as debug text and cut short, so that they stay on one line.

use std::cell::LazyCell;
use std::fmt::Display;

use crate::config_error::MAX_UNVERIFIED;
use crate::error::{AuthError, CrossSiteError, Misuse};
use crate::facade::tracing;
use crate::facade::tracing::dispatcher::{Dispatch, get_default};
use crate::facade::tracing::field::debug;
use crate::facade::tracing::subscriber::NoSubscriber;

/// What a refused token says of itself. Nothing of it is verified.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub(crate) kid: Option<String>,
    pub(crate) issuer: Option<String>,
}

/// A request is not served. `claimed` is asked only where somebody listens.
pub(crate) fn rejected(error: &AuthError, claimed: impl FnOnce() -> Claimed) {
    // Not behind `enabled!`, which knows nothing of loggers of the crate `log`.
    let claimed = LazyCell::new(claimed);
    tracing::info!(
        target: "jwt",
        reason = %error,
        unverified_kid = claimed.kid.as_deref().map(debug),
        unverified_issuer = claimed.issuer.as_deref().map(debug),
        "request rejected"
    );
}

/// Whether anybody wants to know why a request has no token. Without a subscriber that may be a logger of the crate `log`:
/// `tracing` passes events on to it where the application has switched that on, and does not say so.
pub(crate) fn wants_no_token() -> bool {
    tracing::enabled!(target: "jwt", tracing::Level::INFO) || get_default(Dispatch::is::<NoSubscriber>)
}

/// A request without a token is not served. For people who have just got it nearly right, INFO; for the rest, DEBUG.
pub(crate) fn no_token(looked_in: &str, nearly: Option<&str>) {
    let reason = AuthError::MissingToken;
    if let Some(nearly) = nearly {
        tracing::info!(target: "jwt", reason = %reason, looked_in, nearly, "request rejected");
    } else {
        tracing::debug!(target: "jwt", reason = %reason, looked_in, "request rejected");
    }
}

/// A request is served as if it had no token.
pub(crate) fn expired_is_anonymous(error: &AuthError) {
    tracing::debug!(target: "jwt", reason = %error, "request taken as anonymous");
}

/// A request with a cookie is not served because of the page that it may come from.
/// Beside the page stands the host, since a proxy may have changed it.
pub(crate) fn cross_site(error: CrossSiteError, page_and_host: [Option<&[u8]>; 2]) {
    let short = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(MAX_UNVERIFIED)]).into_owned();
    let [origin, host] = page_and_host.map(|text| text.map(short));
    let (origin, host) = (origin.as_deref().map(debug), host.as_deref().map(debug));
    tracing::warn!(target: "jwt", reason = %error, unverified_origin = origin, unverified_host = host, "cross-site request rejected");
}

/// A request to a server of the Model Context Protocol is not served for something else than its token. `foreign`, where a page
/// of an attacker may be behind it.
#[cfg_attr(not(feature = "mcp"), expect(dead_code, reason = "only such servers refuse for that"))]
pub(crate) fn mcp_refused(error: &impl Display, foreign: bool, origin: Option<&[u8]>) {
    let origin = origin.map(|origin| String::from_utf8_lossy(&origin[..origin.len().min(MAX_UNVERIFIED)]));
    let origin = origin.as_deref().map(debug);
    if foreign {
        tracing::warn!(target: "jwt", reason = %error, unverified_origin = origin, "foreign MCP request refused");
    } else {
        tracing::info!(target: "jwt", reason = %error, unverified_origin = origin, "MCP request refused");
    }
}

/// A request is not served, although its token is good.
pub(crate) fn denied(error: &AuthError, kid: Option<&str>, issuer: Option<&str>) {
    tracing::info!(target: "jwt", reason = %error, kid = kid.map(debug), issuer = issuer.map(debug), "request denied");
}

/// Tokens of this issuer say when they end in milliseconds, which is read as seconds.
pub(crate) fn milliseconds(issuer: Option<&str>) {
    tracing::warn!(target: "jwt", issuer, "`exp` of a good token is after the year 5000 and looks like milliseconds: its issuer has to write seconds, otherwise its tokens never expire");
}

/// The application is put together wrongly.
pub(crate) fn misuse(misuse: Misuse) {
    tracing::error!(target: "jwt", "{misuse}");
}
