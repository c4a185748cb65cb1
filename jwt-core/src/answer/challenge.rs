use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::answer::grpc::{GrpcStatus, Protocol};
use crate::error::{AuthError, ConfigError, Denial};
use crate::request::RequestHead;

/// What goes on the wire for an [`AuthError`]: status, `WWW-Authenticate` and a fixed problem document (RFC 9457).
///
/// The only place that knows a status code. Every text in it is fixed when the authenticator is built; nothing of a
/// request or of a token is ever in it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 400, 401, 403, 500 or 503; 200 for gRPC, which has a status of its own.
    pub status: StatusCode,
    /// The value of `WWW-Authenticate` (RFC 6750 §3), where the status calls for one.
    pub challenge: Option<HeaderValue>,
    /// The value of `Retry-After` (RFC 9110 §10.2.3), in seconds, where another try is worth it.
    pub retry_after: Option<u64>,
    /// The body; its media type is [`Answer::CONTENT_TYPE`]. Empty for gRPC.
    pub body: &'static str,
    /// Set where the client speaks gRPC.
    grpc: Option<(Protocol, GrpcStatus)>,
}

impl Answer {
    /// The media type of [`body`](Self::body).
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// The header fields beside that of the body.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let challenge = self.challenge.iter().map(|challenge| (WWW_AUTHENTICATE, challenge.clone()));
        let retry_after = self.retry_after.map(|seconds| (RETRY_AFTER, seconds.into()));
        // A cache that keeps a refusal shows it to those who may come in.
        let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let grpc = self.grpc.map(|(protocol, status)| protocol.trailers_only(status));
        challenge.chain(retry_after).chain([no_store]).chain(grpc.into_iter().flatten())
    }

    /// The same answer in the protocol of the request: for one of gRPC or gRPC-Web, by its content type, a response
    /// that is over with its head, with the status of gRPC in it. Challenge and `Retry-After` stay, as metadata.
    #[must_use]
    pub fn for_request(self, head: &impl RequestHead) -> Self {
        match Protocol::of(head) {
            Some(protocol) => {
                let grpc = Some((protocol, self.grpc_status()));
                Self { status: StatusCode::OK, body: "", grpc, ..self }
            }
            None => self,
        }
    }

    /// What a service of gRPC answers where it has to say the same.
    pub fn grpc_status(&self) -> GrpcStatus {
        match (self.grpc, self.status) {
            (Some((_, status)), _) => status,
            // Malformed credentials are no credentials: the request itself is not what gRPC would call an argument.
            (None, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST) => GrpcStatus::Unauthenticated,
            (None, StatusCode::FORBIDDEN) => GrpcStatus::PermissionDenied,
            (None, StatusCode::SERVICE_UNAVAILABLE) => GrpcStatus::Unavailable,
            (None, _) => GrpcStatus::Internal,
        }
    }

    /// A 500 that says nothing: the application is put together wrongly, which is not the client's business.
    pub(crate) const NOT_CONFIGURED: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        challenge: None,
        retry_after: None,
        body: r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#,
        grpc: None,
    };
}

/// The challenges of one authenticator, made once.
#[derive(Clone)]
pub(crate) struct Challenges {
    bare: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    insufficient_scope: HeaderValue,
}

impl Challenges {
    /// A realm is printable ASCII without `"` and `\`, so that it needs no escape in a quoted string.
    pub(crate) fn new(realm: Option<&str>) -> Result<Self, ConfigError> {
        let valid = |realm: &str| realm.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if !realm.is_none_or(valid) {
            return Err(ConfigError::Realm);
        }
        let with = |error: Option<&str>| {
            let realm = realm.map(|realm| format!("realm=\"{realm}\""));
            let error = error.map(|error| format!("error=\"{error}\""));
            let parameters: Vec<String> = realm.into_iter().chain(error).collect();
            let space = if parameters.is_empty() { "" } else { " " };
            HeaderValue::try_from(format!("Bearer{space}{}", parameters.join(", "))).map_err(|_| ConfigError::Realm)
        };
        Ok(Self {
            bare: with(None)?,
            invalid_request: with(Some("invalid_request"))?,
            invalid_token: with(Some("invalid_token"))?,
            insufficient_scope: with(Some("insufficient_scope"))?,
        })
    }

    /// Says in every challenge where the metadata of the resource is (RFC 9728 §5.1). `url` needs no escape in a quoted
    /// string, which [`ResourceMetadata`](crate::ResourceMetadata) sees to.
    pub(crate) fn with_metadata(mut self, url: &str) -> Self {
        for challenge in
            [&mut self.bare, &mut self.invalid_request, &mut self.invalid_token, &mut self.insufficient_scope]
        {
            // A challenge is a scheme, and behind it parameters with commas in between (RFC 9110 §11.6.1).
            let parting: &[u8] = if challenge.as_bytes().contains(&b'=') { b", " } else { b" " };
            let value = [challenge.as_bytes(), parting, b"resource_metadata=\"", url.as_bytes(), b"\""].concat();
            if let Ok(value) = HeaderValue::try_from(value) {
                *challenge = value;
            }
        }
        self
    }

    pub(crate) fn answer(&self, error: &AuthError) -> Answer {
        match error {
            AuthError::MissingToken => Answer {
                status: StatusCode::UNAUTHORIZED,
                challenge: Some(self.bare.clone()),
                retry_after: None,
                body: r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"This resource needs an access token."}"#,
                grpc: None,
            },
            AuthError::InvalidToken(_) => Answer {
                status: StatusCode::UNAUTHORIZED,
                challenge: Some(self.invalid_token.clone()),
                retry_after: None,
                body: r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The access token is not valid."}"#,
                grpc: None,
            },
            AuthError::InvalidRequest(_) => Answer {
                status: StatusCode::BAD_REQUEST,
                challenge: Some(self.invalid_request.clone()),
                retry_after: None,
                body: r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The request must carry exactly one access token."}"#,
                grpc: None,
            },
            AuthError::Unavailable(unavailable) => Answer {
                status: StatusCode::SERVICE_UNAVAILABLE,
                challenge: None,
                retry_after: Some(whole_seconds(unavailable.retry_after())),
                body: r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Authentication is not possible at the moment."}"#,
                grpc: None,
            },
            // Without a challenge: no other token would make it better.
            AuthError::CrossSite(_) => Answer {
                status: StatusCode::FORBIDDEN,
                challenge: None,
                retry_after: None,
                body: r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"The request may come from another site."}"#,
                grpc: None,
            },
            AuthError::Forbidden(denial) => Answer {
                status: StatusCode::FORBIDDEN,
                challenge: Some(self.forbidden(denial)),
                retry_after: None,
                body: r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token does not allow this."}"#,
                grpc: None,
            },
            AuthError::NotConfigured(_) => Answer::NOT_CONFIGURED,
        }
    }

    /// RFC 6750 §3 demands a challenge, and §3.1 has one error code for all that goes beyond what the token allows.
    /// `scope` stands there only where scopes would help: a client that is told so after a role was missing would ask
    /// for a new token again and again.
    fn forbidden(&self, denial: &Denial) -> HeaderValue {
        let bare = &self.insufficient_scope;
        let Denial::Scope(scope) = denial else { return bare.clone() };
        // The guard has seen to it that a scope needs no escape.
        let value = [bare.as_bytes(), b", scope=\"", scope.as_bytes(), b"\""].concat();
        HeaderValue::try_from(value).unwrap_or_else(|_| bare.clone())
    }
}

/// Rounded up, and at least one.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.bare, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CrossSiteError, Misuse, RequestError, TokenError, Unavailable};

    fn challenge(realm: Option<&str>, error: &AuthError) -> Option<String> {
        let answer = Challenges::new(realm).unwrap().answer(error);
        answer.challenge.map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_missing_token_gets_a_bare_challenge() {
        assert_eq!(challenge(None, &AuthError::MissingToken).as_deref(), Some("Bearer"));
        assert_eq!(challenge(Some("api"), &AuthError::MissingToken).as_deref(), Some("Bearer realm=\"api\""));
    }

    #[test]
    fn an_error_code_follows_the_realm_behind_a_comma() {
        let error = AuthError::InvalidToken(TokenError::Expired);
        assert_eq!(challenge(Some("api"), &error).as_deref(), Some("Bearer realm=\"api\", error=\"invalid_token\""));
        let error = AuthError::InvalidRequest(RequestError::Repeated);
        assert_eq!(challenge(None, &error).as_deref(), Some("Bearer error=\"invalid_request\""));
    }

    #[test]
    fn a_needed_scope_follows_the_error_code_and_nothing_else_does() {
        let error = AuthError::Forbidden(Denial::Scope("read:things write".into()));
        assert_eq!(
            challenge(Some("api"), &error).as_deref(),
            Some("Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"read:things write\"")
        );
        let error = AuthError::Forbidden(Denial::Role("admin".into()));
        assert_eq!(challenge(None, &error).as_deref(), Some("Bearer error=\"insufficient_scope\""));
    }

    #[test]
    fn the_metadata_stands_behind_everything_else() {
        let url = "https://api.example.com/.well-known/oauth-protected-resource";
        let challenge = |realm, error| {
            let answer = Challenges::new(realm).unwrap().with_metadata(url).answer(&error);
            answer.challenge.unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(challenge(None, AuthError::MissingToken), format!("Bearer resource_metadata=\"{url}\""));
        assert_eq!(
            challenge(Some("api"), AuthError::InvalidToken(TokenError::Expired)),
            format!("Bearer realm=\"api\", error=\"invalid_token\", resource_metadata=\"{url}\"")
        );
    }

    #[test]
    fn a_misuse_says_nothing_on_the_wire() {
        let answer = Challenges::new(None).unwrap().answer(&AuthError::NotConfigured(Misuse::MissingLayer));
        assert_eq!((answer.status.as_u16(), answer.challenge), (500, None));
        assert!(!answer.body.contains("JwtAuth"));
    }

    #[test]
    fn what_cannot_be_had_is_worth_another_try_and_no_challenge() {
        let unavailable = Unavailable::Keys { retry_after: Duration::from_millis(1500) };
        let answer = Challenges::new(None).unwrap().answer(&unavailable.into());
        assert_eq!((answer.status.as_u16(), answer.challenge, answer.retry_after), (503, None, Some(2)));
    }

    #[test]
    fn a_client_of_grpc_is_told_in_its_status_and_the_challenge_stays() {
        let challenges = Challenges::new(None).unwrap();
        let request = http::Request::builder().header("content-type", "application/grpc+proto").body(()).unwrap();
        let unavailable = Unavailable::Keys { retry_after: Duration::from_secs(5) };
        for (error, status, header) in [
            (AuthError::MissingToken, GrpcStatus::Unauthenticated, Some(("www-authenticate", "Bearer"))),
            (AuthError::InvalidToken(TokenError::Expired), GrpcStatus::Unauthenticated, None),
            (AuthError::InvalidRequest(RequestError::Repeated), GrpcStatus::Unauthenticated, None),
            (AuthError::Unavailable(unavailable), GrpcStatus::Unavailable, Some(("retry-after", "5"))),
            (AuthError::Forbidden(Denial::Role("admin".into())), GrpcStatus::PermissionDenied, None),
            (AuthError::NotConfigured(Misuse::MissingLayer), GrpcStatus::Internal, None),
        ] {
            let plain = challenges.answer(&error);
            let answer = plain.clone().for_request(&request);
            assert_eq!((plain.grpc_status(), answer.grpc_status()), (status, status), "{error}");
            assert_eq!((answer.status, answer.body), (StatusCode::OK, ""), "{error}");
            let headers: http::HeaderMap = answer.headers().collect();
            assert_eq!(headers["grpc-status"], status.code().to_string(), "{error}");
            assert_eq!(headers["grpc-message"], status.message(), "{error}");
            assert_eq!(headers["content-type"], "application/grpc", "{error}");
            if let Some((name, value)) = header {
                assert_eq!(headers[name], value, "{error}");
            }
            assert_eq!(plain.clone().for_request(&http::Request::new(())).status, plain.status, "{error}");
        }
    }

    #[test]
    fn every_body_is_a_problem_document_with_the_status_of_its_answer() {
        let challenges = Challenges::new(None).unwrap();
        for error in [
            AuthError::MissingToken,
            AuthError::InvalidToken(TokenError::Signature),
            AuthError::InvalidRequest(RequestError::Malformed),
            AuthError::Unavailable(Unavailable::KEYS),
            AuthError::CrossSite(CrossSiteError::OriginMissing),
            AuthError::Forbidden(Denial::Role("admin".into())),
            AuthError::NotConfigured(Misuse::MissingLayer),
        ] {
            let answer = challenges.answer(&error);
            let document: serde_json::Value = serde_json::from_str(answer.body).unwrap();
            assert_eq!(document["status"], answer.status.as_u16());
            assert_eq!(document["title"], answer.status.canonical_reason().unwrap());
        }
    }

    #[test]
    fn a_realm_that_would_break_out_of_its_quotes_is_refused() {
        for realm in ["a\"b", "a\\b", "a\r\nb", "ü"] {
            assert_eq!(Challenges::new(Some(realm)).err(), Some(ConfigError::Realm), "{realm:?}");
        }
    }
}
