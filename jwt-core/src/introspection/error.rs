//! Why an issuer could not be asked about a token.

use crate::config_error::debug_as_display;
use crate::error::AuthError;
use crate::key::FetchError;

/// Why an issuer could not be asked about a token, or why its answer does not count. The request is answered with 503.
///
/// `Debug` says what `Display` says. Nothing of the token and of the credentials is in it.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// There is no answer, or one with another status than 200.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// The issuer does not take this service for its client (RFC 7662 §2.3).
    #[error(
        "the issuer refuses the credentials of this service (status {status}): are identifier and secret right, is it this way that the client authenticates, and may it introspect tokens?"
    )]
    Credentials {
        /// The status: 401 or 403, or 400 with `invalid_client`.
        status: u16,
    },
    /// The metadata of the issuer has no `introspection_endpoint`.
    #[error(
        "the metadata of the issuer has no `introspection_endpoint`: if it has one all the same, use `Introspection::at(…)`"
    )]
    NoEndpoint,
    /// The metadata of the issuer names an address that tokens must not be sent to.
    #[error(
        "`introspection_endpoint` of the metadata is no https address: tokens that are sent there can be read on the way"
    )]
    InsecureEndpoint,
    /// The answer is not what RFC 7662 §2.2 says.
    #[error(
        "the answer is not a JSON object whose `active` is true or false, or a member of it is there twice: is it the right address?"
    )]
    Answer,
    /// The answer is not signed, and has to be.
    #[error(
        "the answer is not signed, which `.require_signed_answers(…)` demands: have the issuer sign what it answers this client (RFC 9701)"
    )]
    NotSigned,
    /// The answer is signed, and there are no keys for that.
    #[error("the answer is signed (RFC 9701), and there are no keys for that: call `.require_signed_answers(…)`")]
    Signed,
    /// The signed answer is not good: its signature, `typ`, `iss`, `aud` or `iat`.
    #[error("the signed answer is not good (RFC 9701 §5): {0}")]
    BadSignature(AuthError),
    /// The assertion by which this service authenticates could not be signed.
    #[error("the client assertion could not be signed")]
    Assertion,
    /// As many questions are under way as may be, and none ended in time.
    #[error("too many questions are under way: is the issuer slow, or `.calls_at_once(…)` too low?")]
    Busy,
}

debug_as_display!(IntrospectionError);
