//! Everything that writes an answer: status, challenges and header fields.

mod cache_control;
mod challenge;
mod grpc;

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

pub(crate) use cache_control::{Cookies, DPOP_NONCE};
pub use cache_control::{HeaderFields, ResponseHeaders};
use challenge::ChallengeSet;
pub(crate) use challenge::{Challenges, Scheme};
pub use grpc::GrpcStatus;
use grpc::Protocol;

use crate::request::RequestHead;
use crate::request::source::is_with_proof;

/// What goes on the wire for an [`AuthError`](crate::AuthError): status, `WWW-Authenticate` and a fixed problem document
/// (RFC 9457).
///
/// The only place that knows a status code. Every text in it is fixed when the authenticator is built; nothing of a
/// request or of a token is ever in it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 400, 401, 403, 500 or 503. 200 to a call of gRPC, which has a status of its own, and to nothing else.
    pub status: StatusCode,
    /// The value of `Retry-After` (RFC 9110 §10.2.3), in seconds, where another try is worth it.
    pub retry_after: Option<u64>,
    /// The body, an `application/problem+json` document. Empty for gRPC.
    pub body: &'static str,
    challenges: Option<ChallengeSet>,
    asked: Asked,
    grpc: Grpc,
}

/// Whether an answer may be, or is, one of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grpc {
    /// No service of gRPC is behind the layer, so that a status of 200 would be taken for a yes.
    Never,
    /// To a call, it will be.
    ToCalls,
    Is(Protocol, GrpcStatus),
}

/// What of a request its answer depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    grpc: Option<Protocol>,
    /// Its token came under the scheme `DPoP`.
    dpop: bool,
}

impl Asked {
    const PLAINLY: Self = Self { grpc: None, dpop: false };

    pub(crate) fn by(head: &impl RequestHead) -> Self {
        Self { grpc: Protocol::of(head), dpop: is_with_proof(head) }
    }
}

impl Answer {
    const MISSING_TOKEN: Self = Self::fixed(
        StatusCode::UNAUTHORIZED,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"This resource needs an access token."}"#,
    );
    const INVALID_TOKEN: Self = Self::fixed(
        StatusCode::UNAUTHORIZED,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The access token is not valid."}"#,
    );
    const INVALID_PROOF: Self = Self::fixed(
        StatusCode::UNAUTHORIZED,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The DPoP proof is not valid."}"#,
    );
    const STEP_UP: Self = Self::fixed(
        StatusCode::UNAUTHORIZED,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The user has to authenticate again, or in another way."}"#,
    );
    const INVALID_REQUEST: Self = Self::fixed(
        StatusCode::BAD_REQUEST,
        r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The request must carry exactly one access token."}"#,
    );
    const UNAVAILABLE: Self = Self::fixed(
        StatusCode::SERVICE_UNAVAILABLE,
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Authentication is not possible at the moment."}"#,
    );
    const CROSS_SITE: Self = Self::fixed(
        StatusCode::FORBIDDEN,
        r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"The request may come from another site."}"#,
    );
    const FORBIDDEN: Self = Self::fixed(
        StatusCode::FORBIDDEN,
        r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token does not allow this."}"#,
    );
    /// A 500 that says nothing: the application is put together wrongly, which is not the client's business.
    pub(crate) const NOT_CONFIGURED: Self = Self::fixed(
        StatusCode::INTERNAL_SERVER_ERROR,
        r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#,
    );

    const fn fixed(status: StatusCode, body: &'static str) -> Self {
        Self { status, retry_after: None, body, challenges: None, asked: Asked::PLAINLY, grpc: Grpc::Never }
    }

    fn challenged(self, challenges: &ChallengeSet) -> Self {
        Self { challenges: Some(challenges.clone()), ..self }
    }

    fn offering_grpc(self) -> Self {
        Self { grpc: Grpc::ToCalls, ..self }
    }

    fn unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(whole_seconds(retry_after)), ..Self::UNAVAILABLE }
    }

    /// The values of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1), one per accepted scheme; none where the status calls for
    /// none. The reason is in that of the scheme that the request has used.
    pub fn challenges(&self) -> &[HeaderValue] {
        self.challenges.as_ref().map(|challenges| &*challenges[usize::from(self.asked.dpop)]).unwrap_or_default()
    }

    /// The whole response, with its problem document.
    pub fn response(&self) -> http::Response<&'static str> {
        let mut response = self.head().map(|()| self.body);
        if !matches!(self.grpc, Grpc::Is(..)) {
            let media_type = HeaderValue::from_static("application/problem+json");
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        response
    }

    /// The response without its document and the media type of one: for those who put another body to it, or none.
    pub fn head(&self) -> http::Response<()> {
        let mut response = http::Response::new(());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for challenge in self.challenges() {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        // A cache that keeps a refusal shows it to those who may come in.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Grpc::Is(protocol, status) = self.grpc {
            headers.extend(protocol.trailers_only(status));
        }
        response
    }

    /// The same answer as the request wants it: with the reason in the challenge of the scheme that it has used, and in its
    /// protocol. Where the authenticator was told that
    /// [gRPC services](crate::AuthenticatorBuilder::grpc) stand behind it, a call of gRPC or gRPC-Web gets a response that is
    /// over with its head, with the status of gRPC in it. Challenges and `Retry-After` stay, as metadata.
    #[must_use]
    pub fn for_request(self, head: &impl RequestHead) -> Self {
        self.to(Asked::by(head))
    }

    pub(crate) fn to(self, asked: Asked) -> Self {
        match (asked.grpc, self.grpc) {
            (Some(protocol), Grpc::ToCalls) => {
                let grpc = Grpc::Is(protocol, self.grpc_status());
                Self { status: StatusCode::OK, body: "", asked, grpc, ..self }
            }
            _ => Self { asked, ..self },
        }
    }

    /// What a service of gRPC answers where it has to say the same.
    pub fn grpc_status(&self) -> GrpcStatus {
        match (self.grpc, self.status) {
            (Grpc::Is(_, status), _) => status,
            // Malformed credentials are no credentials: the request itself is not what gRPC would call an argument.
            (_, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST) => GrpcStatus::Unauthenticated,
            (_, StatusCode::FORBIDDEN) => GrpcStatus::PermissionDenied,
            (_, StatusCode::SERVICE_UNAVAILABLE) => GrpcStatus::Unavailable,
            (_, _) => GrpcStatus::Internal,
        }
    }
}

/// Rounded up, and at least one.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}
