//! The exchange of a token for a narrower one (RFC 8693): the request and the response.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::exchange_error::{ExchangeError, OAuthErrorCode};
use super::target::{ForwardTarget, Wish};
use crate::binding::DpopKey;
use crate::clock::NumericDate;
use crate::transport::form::append;
use crate::verify::CompactToken;

/// Exchanges the user's token for a narrower one, at the token endpoint of an authorization server (RFC 8693).
///
/// An implementation sends the form, with the credentials of this service, and returns the response. This crate writes the
/// form and reads the response:
///
/// ```
/// use jwt_core::forward::{ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, TokenExchange};
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("unreachable")]
/// # struct Down;
/// # struct Client;
/// # impl Client {
/// #     async fn post(&self, _: &str, _: String) -> Result<(u16, Vec<u8>), Down> { Err(Down) }
/// # }
///
/// struct TokenEndpoint {
///     client: Client,
/// }
///
/// impl TokenExchange for TokenEndpoint {
///     fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
///         Box::pin(async move {
///             let address = "https://login.example.com/token";
///             let answer = self.client.post(address, request.form()).await;
///             let (status, body) = answer.map_err(ExchangeError::transport)?;
///             ExchangedToken::from_answer(status, &body)
///         })
///     }
/// }
/// # let _ = TokenEndpoint { client: Client };
/// ```
///
/// Give the client a timeout: nothing else ends an exchange that hangs, unless its callers go away.
pub trait TokenExchange: Send + Sync {
    /// Exchanges the token.
    ///
    /// # Errors
    /// [`ExchangeError`], where there is no narrower token.
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_>;
}

/// An exchange that is under way.
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<ExchangedToken, ExchangeError>> + Send + 'a>>;

/// Which token is to be exchanged, and for what.
#[derive(Debug, Clone)]
pub struct ExchangeRequest {
    subject_token: CompactToken,
    wish: Wish,
    dpop: Option<DpopKey>,
}

impl ExchangeRequest {
    pub(super) fn new(subject_token: CompactToken, target: &ForwardTarget, dpop: Option<DpopKey>) -> Self {
        Self { subject_token, wish: target.wish.clone(), dpop }
    }

    /// The value of `DPoP` for the request to the token endpoint at that address, where the new token is to be
    /// [bound](super::ForwarderBuilder::dpop); `None` otherwise. `nonce` is that of the last answer of the endpoint, if it
    /// has sent one (`DPoP-Nonce`, RFC 9449 §8).
    ///
    /// # Errors
    /// [`ExchangeError::Proof`], where the operating system gives no random numbers.
    pub fn dpop_proof(&self, token_endpoint: &str, nonce: Option<&str>) -> Result<Option<String>, ExchangeError> {
        let Some(key) = &self.dpop else { return Ok(None) };
        let proof = key.proof("POST", token_endpoint);
        let proof = match nonce {
            Some(nonce) => proof.nonce(nonce),
            None => proof,
        };
        proof.sign().map(Some).map_err(|_| ExchangeError::Proof)
    }

    /// `subject_token`: the token of the user on whose behalf the call is made.
    pub fn subject_token(&self) -> &CompactToken {
        &self.subject_token
    }

    /// `audience`: the service that the new token is for.
    pub fn audience(&self) -> Option<&str> {
        self.wish.audience.as_deref()
    }

    /// `scope`: the scopes of the new token; those of the user's token, where none are named.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.wish.scopes.iter().map(String::as_str)
    }

    /// How long the new token should be good. Not a parameter of RFC 8693, and not in the [form](Self::form).
    pub fn lifetime(&self) -> Option<Duration> {
        self.wish.lifetime
    }

    /// The body of the request to the token endpoint (RFC 8693 §2.1), as `application/x-www-form-urlencoded`:
    /// `grant_type`, `subject_token`, `subject_token_type`, `requested_token_type`, and `audience` and `scope` where the
    /// target has them. It holds the user's token. Append with `&` what the authorization server needs beyond that.
    pub fn form(&self) -> String {
        let mut form = String::from("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange");
        for parameter in ["subject_token_type", "requested_token_type"] {
            append(&mut form, parameter, ACCESS_TOKEN);
        }
        append(&mut form, "subject_token", self.subject_token.as_str());
        if let Some(audience) = self.audience() {
            append(&mut form, "audience", audience);
        }
        if !self.wish.scopes.is_empty() {
            append(&mut form, "scope", &self.wish.scopes.join(" "));
        }
        form
    }
}

/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The narrower token that an exchange yielded. `Debug` does not show it.
#[derive(Clone)]
pub struct ExchangedToken {
    token: Arc<str>,
    lifetime: Option<Duration>,
    is_bound: bool,
}

impl ExchangedToken {
    /// A bearer token, and how long it is good from now on. Without a lifetime, it is used for the calls that wait for it,
    /// and is not kept.
    pub fn new(token: impl Into<Arc<str>>, lifetime: Option<Duration>) -> Self {
        Self { token: token.into(), lifetime, is_bound: false }
    }

    /// The same token, bound to the key of the proof that was in the request (`token_type` is `DPoP`, RFC 9449 §5).
    #[must_use]
    pub fn bound(self) -> Self {
        Self { is_bound: true, ..self }
    }

    /// Reads the response of a token endpoint (RFC 8693 §2.2).
    ///
    /// # Errors
    /// [`ExchangeError`], where it is not a success, or not an access token for the schemes `Bearer` or `DPoP`.
    pub fn from_answer(status: u16, body: &[u8]) -> Result<Self, ExchangeError> {
        #[derive(Deserialize)]
        struct Success {
            access_token: String,
            issued_token_type: String,
            token_type: String,
            expires_in: Option<u64>,
        }
        #[derive(Deserialize)]
        struct Failure {
            error: String,
        }
        if status != 200 {
            // With another status, the error comes from a failing server or from a proxy.
            let failure = serde_json::from_slice(body).ok().filter(|_| matches!(status, 400..=499));
            return Err(failure.map_or(ExchangeError::Status(status), |Failure { error }| {
                ExchangeError::Refused(OAuthErrorCode::of(&error))
            }));
        }
        let answer: Success = serde_json::from_slice(body).map_err(|_| ExchangeError::Malformed)?;
        let is_bearer = answer.token_type.eq_ignore_ascii_case("bearer");
        let is_bound = answer.token_type.eq_ignore_ascii_case("dpop");
        if !(is_bearer || is_bound) || !matches!(answer.issued_token_type.as_str(), ACCESS_TOKEN | JWT) {
            return Err(ExchangeError::TokenType);
        }
        let token = Self::new(answer.access_token, answer.expires_in.map(Duration::from_secs));
        Ok(Self { is_bound, ..token })
    }

    pub(super) fn received(self, asked_at: NumericDate, is_bound: bool) -> Result<Received, ExchangeError> {
        let end = |lifetime| asked_at.saturating_add(lifetime);
        if self.is_bound == is_bound {
            Ok(Received { token: self.token, end: self.lifetime.map(end) })
        } else {
            Err(ExchangeError::Binding)
        }
    }
}

/// An exchanged token whose end is known as a moment.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) token: Arc<str>,
    pub(super) end: Option<NumericDate>,
}

impl fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedToken").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<ExchangedToken, ExchangeError> {
        ExchangedToken::from_answer(200, body.as_bytes())
    }

    #[test]
    fn the_answer_of_the_standard_is_understood() {
        // RFC 8693 §2.3, with a shorter token.
        let exchanged = answer(
            r#"{"access_token":"eyJ.x.y","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":60}"#,
        )
        .unwrap();
        assert_eq!((&*exchanged.token, exchanged.lifetime), ("eyJ.x.y", Some(Duration::from_secs(60))));
        assert!(!format!("{exchanged:?}").contains("eyJ"));
    }

    #[test]
    fn a_token_that_is_no_bearer_access_token_is_not_taken() {
        for (issued, kind) in [("access_token", "N_A"), ("refresh_token", "Bearer"), ("id_token", "Bearer")] {
            let body = format!(
                r#"{{"access_token":"t","issued_token_type":"urn:ietf:params:oauth:token-type:{issued}","token_type":"{kind}"}}"#
            );
            assert!(matches!(answer(&body), Err(ExchangeError::TokenType)), "{body}");
        }
        for body in ["", "[]", "{}", r#"{"access_token":"t"}"#, r#"{"access_token":"t","token_type":"Bearer"}"#] {
            assert!(matches!(answer(body), Err(ExchangeError::Malformed)), "{body}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_an_outage() {
        let refused = ExchangedToken::from_answer(400, br#"{"error":"invalid_target","error_description":"secret"}"#);
        assert!(matches!(refused, Err(ExchangeError::Refused(OAuthErrorCode::InvalidTarget))));
        for (status, body) in [(400, "<html>"), (502, r#"{"error":"invalid_scope"}"#), (302, "")] {
            let outage = ExchangedToken::from_answer(status, body.as_bytes());
            assert!(matches!(outage, Err(ExchangeError::Status(of)) if of == status), "{status}");
        }
    }
}
