//! Why a request is refused: what the wire, the log and code are told.

mod build;
mod certificate;
mod check;
mod fapi;
mod introspection;
mod outcome;
mod proof;
mod step_up;
mod token;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

pub use build::AuthenticatorBuildError;
pub use certificate::{CertificateError, ProxyError};
pub use check::CheckError;
pub use fapi::Fapi2Contradiction;
pub use introspection::IntrospectionBuildError;
pub use outcome::CheckOutcome;
pub(crate) use outcome::NoReason;
pub use proof::ProofError;
pub use step_up::{Shortfall, StepUpError};
pub(crate) use token::MILLISECONDS;
pub use token::{Malformed, Mismatch, ProfileClaim, ShapeError, TokenError};

pub use crate::claims::RegisteredClaim;

pub use crate::transport::TransportError;

/// Why a request is not authenticated.
///
/// Each variant stands for one answer on the wire, made by [`Authenticator::answer`](crate::Authenticator::answer);
/// the causes inside are for logs and for code, never for the client.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No configured source holds a token: 401 with a bare challenge (RFC 6750 §3.1).
    #[error("no token in the request")]
    MissingToken,
    /// The request is malformed or ambiguous: 400 `invalid_request`.
    #[error("invalid request: {0}")]
    InvalidRequest(#[from] RequestError),
    /// The token is not good: 401 `invalid_token`.
    #[error("invalid token: {0}")]
    InvalidToken(#[from] TokenError),
    /// The token came with a proof of possession that is not good (RFC 9449 §7.1): 401 `invalid_dpop_proof`, or
    /// `use_dpop_nonce`.
    #[error("invalid DPoP proof: {0}")]
    InvalidProof(#[from] ProofError),
    /// The token is good, and its user has to authenticate again or in another way (RFC 9470 §3): 401
    /// `insufficient_user_authentication`.
    #[error("insufficient authentication: {0}")]
    StepUp(#[from] StepUpError),
    /// What the answer depends on cannot be had at the moment: 503 with `Retry-After`.
    #[error("unavailable: {0}")]
    Unavailable(#[from] Unavailable),
    /// The token came from a cookie, and the request may come from a page of another site: 403.
    #[error("cross-site request: {0}")]
    CrossSite(#[from] CrossSiteError),
    /// The token is good and does not allow the request: 403 `insufficient_scope`.
    #[error("not allowed: {0}")]
    Forbidden(#[from] Denial),
    /// The application is put together wrongly: 500, with the fix in the log and nothing on the wire.
    #[error("{0}")]
    NotConfigured(#[from] Misuse),
}

impl AuthError {
    /// What a client may be told: a fixed text for each variant, the same as in the problem document. Put this into answers
    /// of your own, and never the text of the error itself, which is for the log: it names claims, keys and settings.
    pub fn public_message(&self) -> &'static str {
        match self {
            Self::MissingToken => "This resource needs an access token.",
            Self::InvalidToken(_) => "The access token is not valid.",
            Self::InvalidProof(_) => "The DPoP proof is not valid.",
            Self::StepUp(_) => "The user has to authenticate again, or in another way.",
            Self::InvalidRequest(_) => "The request must carry exactly one access token.",
            Self::Unavailable(_) => "Authentication is not possible at the moment.",
            Self::CrossSite(_) => "The request may come from another site.",
            Self::Forbidden(_) => "The access token does not allow this.",
            Self::NotConfigured(_) => "Internal Server Error",
        }
    }
}

/// What is wrong with a request beside its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The header field, cookie or parameter of a source is there more than once.
    #[error("the place of the token is there more than once")]
    Repeated,
    /// More than one configured source holds a token (RFC 6750 §2).
    #[error("more than one source holds a token")]
    SeveralSources,
    /// Not one token after the scheme, a list of credentials, or a quoted cookie.
    #[error("malformed credentials")]
    Malformed,
}

/// Why a request with a cookie may come from a page of another site, and what to configure where it should not count as
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrossSiteError {
    /// `Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not there.
    #[error(
        "`Sec-Fetch-Site` is neither `same-origin` nor `none`, and there is no `Origin`: if a proxy drops it, have it pass the one that it got; if pages of that origin may do this, add it by `.trusted_origin(\"…\")`"
    )]
    OriginMissing,
    /// `Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not trusted.
    #[error(
        "`Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not a trusted one: if pages of that origin may do this, add it by `.trusted_origin(\"…\")`"
    )]
    OriginUntrusted,
    /// There is no `Sec-Fetch-Site`, and `Origin` is neither of the host of the request nor trusted.
    #[error(
        "no `Sec-Fetch-Site`, and `Origin` is not of the host in `Host`: if pages of that origin may do this, add it by `.trusted_origin(\"…\")`; if a proxy changes `Host`, have it pass the one that it got"
    )]
    OriginNotHost,
    /// There is no `Sec-Fetch-Site`, and no host to compare `Origin` with.
    #[error("no `Sec-Fetch-Site`, and no `Host` to compare `Origin` with: have the proxy pass the one that it got")]
    HostMissing,
    /// There is neither `Sec-Fetch-Site` nor `Origin`, one of which is [required](crate::AuthenticatorBuilder::origin_required).
    #[error(
        "neither `Sec-Fetch-Site` nor `Origin`, of which `.origin_required()` demands one: have clients that are no browsers send the token in `Authorization`"
    )]
    HeadersMissing,
    /// This one of `Sec-Fetch-Site`, `Origin`, `Host` and `X-CSRF-Token` is there more than once.
    #[error("`{0}` is there more than once: have proxy and page send one")]
    Repeated(&'static str),
    /// There is no `X-CSRF-Token`, which `csrf` demands.
    #[error(
        "no `X-CSRF-Token`, which `.csrf(…)` demands: have the page send the value of the cookie `__Host-csrf_token`"
    )]
    TokenMissing,
    /// `X-CSRF-Token` does not go with the access token.
    #[error(
        "`X-CSRF-Token` was not made for this access token: have the page read its cookie again for each request, and give every instance the same secret"
    )]
    TokenInvalid,
    /// The access token has no name that an `X-CSRF-Token` could go with.
    #[error(
        "the access token has no `jti` for an `X-CSRF-Token` to go with: have its issuer set one, or leave out `.csrf(…)`"
    )]
    NoTokenId,
}

/// What cannot be had at the moment. The token may be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The keys of the issuer: not fetched yet, or fetched too long ago to know whether the key of this token is among
    /// them, or to be trusted.
    #[error("the issuer's keys could not be fetched, or not yet")]
    Keys {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// What a policy of the application decides by, such as a database.
    #[error("what a policy decides by could not be had")]
    Policy {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The issuer, who has to be asked about the token (RFC 7662): it does not answer, or not as the standard says.
    #[error("the issuer could not be asked about the token")]
    Introspection {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// A question to the issuer about a token that nobody has heard of: as many were asked lately as the limits allow, for
    /// everybody or for this client.
    #[error("no more unknown tokens are asked about at the moment")]
    IntrospectionLimit {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The list of revoked tokens: not brought up to date for longer than was allowed.
    #[error("the list of revoked tokens is out of date")]
    Revocations,
    /// The memory of DPoP proofs: as many were used lately as it holds, by everybody or with the key of this one.
    #[error("no more DPoP proofs can be remembered at the moment")]
    Proofs,
    /// The store of sessions or of refresh tokens.
    #[error("the store is unavailable")]
    Store,
}

impl Unavailable {
    /// Keys that nobody fetches.
    pub(crate) const KEYS: Self = Self::Keys { retry_after: Duration::from_secs(1) };

    /// When it is worth another try.
    pub fn retry_after(self) -> Duration {
        match self {
            Self::Keys { retry_after }
            | Self::Policy { retry_after }
            | Self::Introspection { retry_after }
            | Self::IntrospectionLimit { retry_after } => retry_after,
            Self::Revocations | Self::Proofs | Self::Store => Duration::from_secs(1),
        }
    }
}

/// Why a good token does not allow a request.
///
/// Names in here come from the guard; nothing of the token is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// It does not grant these scopes, separated by spaces: what the challenge names.
    #[error("the scope `{0}` is needed")]
    Scope(Arc<str>),
    /// It does not grant this role.
    #[error("the role `{0}` is needed")]
    Role(Arc<str>),
    /// No element of `authorization_details` allows this, which is JSON: `type`, and what else is needed (RFC 9396 §2).
    #[error("an authorization detail is needed that allows {0}")]
    AuthorizationDetail(Arc<str>),
    /// `authorization_details` is not what RFC 9396 §2 says, so that nothing in it counts.
    #[error("`authorization_details` is not an array of objects, each with a `type`, and names in arrays of strings")]
    AuthorizationDetailsType,
    /// A policy of the application refused it.
    #[error("{0}")]
    Policy(CheckError),
}

impl Denial {
    /// The denial of a policy that gives this reason.
    pub fn because(reason: impl Error + Send + Sync + 'static) -> Self {
        Self::Policy(CheckError::new(reason))
    }
}

/// How the application was put together wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A handler asks for claims, or a guard for a token, on a route that no layer protects.
    #[error(
        "no JwtAuth in front of this route: add `.layer(JwtAuth::new(…))` (Tower) or `.wrap(JwtAuth::new(…))` (actix-web), outside of every guard"
    )]
    MissingLayer,
    /// A handler or a policy asks for claims of another type than its layer yields.
    #[error(
        "the handler or policy asks for claims of type `{wanted}`, the JwtAuth in front of it yields `{found}`: make them one type"
    )]
    OtherClaimsType {
        /// The type that is asked for.
        wanted: &'static str,
        /// The type that the layer yields.
        found: &'static str,
    },
    /// A guard asks for a scope, and the authenticator was not told where scopes are.
    #[error(
        "a guard needs a scope, and nobody knows where scopes are: call `.scopes(|claims| &claims.scope)` on the builder"
    )]
    ScopesUnknown,
    /// A guard asks for a role, and the authenticator was not told where roles are.
    #[error(
        "a guard needs a role, and nobody knows where roles are: call `.roles(|claims| &claims.roles)` on the builder"
    )]
    RolesUnknown,
    /// A guard was made of a name that is no scope (RFC 6749 §3.3), or of none at all.
    #[error(
        "a guard names no scope: it takes one or more, each of printable ASCII without space, `\"` and `\\` (RFC 6749 §3.3)"
    )]
    ScopeName,
    /// A guard was made of a value that no `acr` in a challenge can have (RFC 9470 §3), of none at all, or two guards were
    /// joined that no `acr` satisfies.
    #[error(
        "a guard names no usable `acr`: it takes one or more, each of printable ASCII without space, `\"` and `\\`, and two that are joined by `and` have one in common"
    )]
    Acr,
    /// A guard asks for an authorization detail without a `type`, or with two identifiers (RFC 9396 §2).
    #[error(
        "a guard asks for an authorization detail that cannot be: without `type`, or with `identifier` twice, which none has: name one of each"
    )]
    AuthorizationDetail,
}
