//! Why a token is not good.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::CheckError;
use crate::claims::RegisteredClaim;
use crate::key::KeyError;
use crate::key::algorithm::Algorithm;

/// Why a token is not good.
///
/// Names and numbers in here come from the configuration; nothing of the token is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than the configured limit, in bytes.
    #[error("token longer than {limit} bytes")]
    TooLong {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// Not a compact JWS of three parts (RFC 7515 §7.1), or a part that cannot be read.
    #[error("malformed token: {0}")]
    Malformed(Malformed),
    /// The `alg` header names no supported signature algorithm; `none` is one of those names.
    #[error("`alg` is not a supported signature algorithm")]
    UnknownAlgorithm,
    /// A supported algorithm, for which none of the keys that come into question is made.
    #[error("no key accepts {0} for this token")]
    AlgorithmNotAllowed(Algorithm),
    /// The `kid` header names no key of the set.
    #[error("`kid` names no known key")]
    UnknownKey,
    /// The `kid` header names a key of the set that cannot be used, such as one for encryption, and this is why.
    #[error("`kid` names a key that cannot be used: {0}")]
    UnusableKey(KeyError),
    /// A `crit` header, or `b64` other than true: nothing of that kind is understood here (RFC 7515 §4.1.11, RFC 7797).
    #[error("a critical header that is not understood")]
    CriticalHeader,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// The `typ` header is not one of the expected.
    #[error("`typ` is missing or not one of the expected")]
    Type,
    /// A registered claim has a type or a value that its standard does not allow.
    #[error("claim `{0}` has the wrong type")]
    ClaimType(RegisteredClaim),
    /// The claims do not fit the application's claims type.
    #[error("the claims do not fit their type: {0}")]
    Shape(ShapeError),
    /// A claim that the configuration demands is not there.
    #[error("claim `{0}` is missing")]
    MissingClaim(Arc<str>),
    /// At or past `exp` and the leeway (RFC 7519 §4.1.4).
    #[error("expired")]
    Expired,
    /// Before `nbf` less the leeway (RFC 7519 §4.1.5).
    #[error("not yet valid")]
    NotYetValid,
    /// Older than the maximum age, or issued in the future, by `iat`.
    #[error("older than the maximum age, or issued in the future")]
    Age,
    /// `iss` is not an expected issuer.
    #[error("not an expected issuer")]
    Issuer,
    /// `aud` holds no expected audience.
    #[error("not an expected audience")]
    Audience,
    /// The claim `cnf` binds the token to a key of its client (RFC 7800, RFC 8705, RFC 9449), and whoever sent it as a
    /// bearer token has not shown that key.
    #[error("bound to a key of its client, and sent without proof of that key")]
    Bound,
    /// It has claims that only an ID token has (OpenID Connect Core 1.0): it says who has logged in, and opens no API.
    #[error(
        "an ID token, which opens no API: have the client send its access token, or call `.dangerous_accept_id_tokens()`"
    )]
    IdToken,
    /// A claim of a profile has another type than its standard says.
    #[error("claim `{0}` has the wrong type")]
    ProfileClaimType(ProfileClaim),
    /// `nonce` is not that of the login, or there should be none (OpenID Connect Core §3.1.3.7).
    #[error("`nonce` is not that of this login")]
    Nonce,
    /// `azp` is another client (OpenID Connect Core §3.1.3.7).
    #[error("`azp` is another client")]
    AuthorizedParty,
    /// The user authenticated too long ago, or in the future, by `auth_time`.
    #[error("the user authenticated too long ago, or in the future")]
    AuthenticationAge,
    /// `at_hash` is not that of the access token (OpenID Connect Core §3.1.3.8).
    #[error("`at_hash` is not that of the access token")]
    AccessTokenHash,
    /// `c_hash` is not that of the authorization code (OpenID Connect Core §3.3.2.10).
    #[error("`c_hash` is not that of the authorization code")]
    CodeHash,
    /// This claim is not what the ID token of the same login says (OpenID Connect Core §3.3.3.6, §12.2).
    #[error("claim `{0}` is not that of the ID token of the same login")]
    OtherLogin(&'static str),
    /// It was revoked.
    #[error("revoked")]
    Revoked,
    /// The token of a session that has ended, or that never was.
    #[error("no such session: it has ended, or it never was")]
    NoSession,
    /// A token of another kind, where only sessions are accepted.
    #[error("not the token of a session, and nothing else is accepted")]
    NotASession,
    /// Refused by a check of the application.
    #[error("refused by a check: {0}")]
    Check(CheckError),
}

/// Which part of a token could not be read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not exactly three non-empty parts: an encrypted token (five), an unsecured one, or no JWT at all.
    #[error("not three parts separated by dots")]
    Parts,
    /// Not canonical base64url without padding (RFC 7515 §2).
    #[error("not canonical base64url without padding")]
    Base64,
    /// The header is longer than the limit.
    #[error("header longer than {0} bytes")]
    HeaderTooLong(usize),
    /// The `kid` header is longer than the limit.
    #[error("`kid` longer than {0} bytes")]
    KidTooLong(usize),
    /// The header is not a JSON object in UTF-8, or one of its registered members has the wrong type.
    #[error("the header is not a JSON object with members of the right types")]
    Header,
    /// The claims are not a JSON object in UTF-8, are nested too deeply, or have something before or after them.
    #[error("the claims are not a JSON object")]
    Claims,
    /// A member name occurs twice in one JSON object (RFC 7515 §4, RFC 7519 §4).
    #[error("duplicate member name")]
    Duplicate,
}

/// A claim that RFC 9068 or OpenID Connect has beside those of RFC 7519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProfileClaim {
    /// `client_id`, the client that asked for the access token: a string.
    ClientId,
    /// `azp`, the client that asked for the ID token: a string.
    AuthorizedParty,
    /// `nonce`, what ties it to a login: a string.
    Nonce,
    /// `auth_time`, when the user authenticated: a number.
    AuthenticationTime,
    /// `at_hash`, what ties it to an access token: a string.
    AccessTokenHash,
    /// `c_hash`, what ties it to an authorization code: a string.
    CodeHash,
}

impl ProfileClaim {
    /// The name as it stands in the claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::AuthorizedParty => "azp",
            Self::Nonce => "nonce",
            Self::AuthenticationTime => "auth_time",
            Self::AccessTokenHash => "at_hash",
            Self::CodeHash => "c_hash",
        }
    }
}

impl fmt::Display for ProfileClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the claims and the application's type part.
///
/// Names the missing field, which the type knows; never a value, which only the token knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError(Option<Arc<str>>);

impl ShapeError {
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        // The messages of serde quote values. This one quotes only a name that the type itself brings.
        let message = error.to_string();
        let field = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        Self(field.map(|(name, _)| name.into()))
    }

    /// The field that is not there, if that is what is wrong.
    pub fn missing_field(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(field) => write!(f, "missing field `{field}`"),
            None => f.write_str("a value of another type than the field has"),
        }
    }
}

impl Error for ShapeError {}
