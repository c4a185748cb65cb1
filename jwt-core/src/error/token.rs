//! Why a token is not good.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{CertificateError, CheckError};
use crate::claims::RegisteredClaim;
use crate::claims::confirmation::Confirmation;
use crate::config_error::{MAX_UNVERIFIED, unverified};
use crate::json::{DataError, ReadError};
use crate::key::KeyError;
use crate::key::algorithm::Algorithm;

/// Why a token is not good.
///
/// For the log and for code, never for the client: names and times of the token are in it, and what the configuration
/// expects. What came from the token is debug text of at most 128 characters, so that it stays on one line. No other claim
/// is in it, and no part of the token itself.
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
    /// An encrypted token (RFC 7516). None is decrypted here.
    #[error("an encrypted token (JWE): have its issuer send this service tokens that are signed and not encrypted")]
    Encrypted,
    /// A token without a signature (RFC 7519 §6): `alg` is `none`, or the third part is empty.
    #[error("a token without a signature: `alg` is `none`, or the signature is empty")]
    Unsecured,
    /// The `alg` header names no supported signature algorithm.
    #[error("`alg` is not a supported signature algorithm")]
    UnknownAlgorithm,
    /// A supported algorithm, for which none of the keys that come into question is made.
    #[error("no key accepts {0} for this token")]
    AlgorithmNotAllowed(Algorithm),
    /// A supported algorithm. The key says of itself only what kind it is, and is used with another one of that kind.
    #[error(
        "the token is signed by {token}, and its key names no `alg` and is used with {key}: if its issuer signs by {token}, say so by `.algorithms([Algorithm::{token}])` of the `RemoteKeySet`, or by `KeySet::jwks_allowing`"
    )]
    AlgorithmAssumed {
        /// The algorithm of the token.
        token: Algorithm,
        /// The algorithm that the key is used with.
        key: Algorithm,
    },
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
    /// The signature does not hold. It would under the bytes that the text of the secret is the base64 of.
    #[error(
        "the signature holds under the decoded secret, and the key is its base64 text: load it by `VerifyingKey::secret_base64(…)`"
    )]
    SecretInBase64,
    /// The `typ` header is not one of the expected.
    #[error("`typ` is {0}")]
    Type(Mismatch),
    /// A registered claim has a type or a value that its standard does not allow.
    #[error("claim `{claim}` has the wrong type: it takes {expected}", claim = .0, expected = .0.expected())]
    ClaimType(RegisteredClaim),
    /// The claims do not fit the application's claims type.
    #[error("the claims do not fit their type: {0}")]
    Shape(ShapeError),
    /// A claim that the configuration demands is not there.
    #[error("claim `{0}` is missing")]
    MissingClaim(Arc<str>),
    /// At or past `exp` and the leeway (RFC 7519 §4.1.4).
    #[error("expired {} s ago, by `exp`", ago.as_secs())]
    Expired {
        /// The time since `exp`.
        ago: Duration,
    },
    /// Before `nbf` less the leeway (RFC 7519 §4.1.5).
    #[error("not valid for another {} s, by `nbf`{}", early.as_secs(), hint(*early))]
    NotYetValid {
        /// The time until `nbf`.
        early: Duration,
    },
    /// Older than the [maximum age](crate::AuthenticatorBuilder::max_age) and the leeway, by `iat`.
    #[error("older than the maximum age by {} s, by `iat`", by.as_secs())]
    TooOld {
        /// The age beyond the maximum.
        by: Duration,
    },
    /// Issued later than now and the leeway, by `iat`, where there is a maximum age.
    #[error("issued {} s in the future, by `iat`{}", early.as_secs(), hint(*early))]
    IssuedInFuture {
        /// The time until `iat`.
        early: Duration,
    },
    /// `iss` is not an expected issuer.
    #[error("`iss` is {0}")]
    Issuer(Mismatch),
    /// `aud` holds no expected audience.
    #[error("`aud` is {0}")]
    Audience(Mismatch),
    /// The claim `cnf` binds the token to a key of its client (RFC 7800, RFC 8705, RFC 9449), and whoever sent it as a
    /// bearer token has not shown that key.
    #[error("bound to a key of its client, and sent without proof of that key")]
    Bound,
    /// The claim `cnf` binds the token to something that cannot be checked here: neither `jkt` nor `x5t#S256`.
    #[error("bound by `cnf` to something else than `jkt` (DPoP) or `x5t#S256` (mutual TLS), which is not checked here")]
    UnknownBinding,
    /// The proof that came with the token is by another key than the one that the token is bound to (RFC 9449 §7.1).
    #[error("the DPoP proof is by another key than the one that the token is bound to")]
    OtherProofKey,
    /// The token is bound to a certificate (RFC 8705 §3), and none of the client is known.
    #[error("bound to a certificate of its client, and none is known: {0}")]
    NoCertificate(CertificateError),
    /// The token is bound to another certificate than the one that the client has shown (RFC 8705 §3).
    #[error(
        "bound to another certificate than that of the connection: it is the token of another client, or the client has a new certificate since it got the token"
    )]
    OtherCertificate,
    /// Not bound to a key, and sent under the scheme `DPoP`, or where only bound tokens are accepted.
    #[error("not bound to a key of its client, and sent under the scheme `DPoP` or where that is demanded")]
    NotBound,
    /// Whoever sent it has shown no key that it is bound to, and that is demanded: by `Require::bound()`, by
    /// [`require_bound_tokens`](crate::AuthenticatorBuilder::require_bound_tokens) or by
    /// [`fapi2`](crate::AuthenticatorBuilder::fapi2).
    #[error(
        "only tokens that are bound to a key of their client are accepted here: have the client get one, and send it under the scheme `DPoP` with a proof (`cnf.jkt`), or over mutual TLS with its certificate (`cnf.x5t#S256`)"
    )]
    ProofRequired,
    /// Signed by an algorithm that FAPI 2.0 does not allow (Security Profile §5.4.1), where
    /// [`fapi2`](crate::AuthenticatorBuilder::fapi2) is demanded.
    #[error(
        "signed by {0}, and `.fapi2()` accepts PS256, ES256, and EdDSA with Ed25519: have the issuer use one of them"
    )]
    Fapi2Algorithm(Algorithm),
    /// It has claims that only an ID token has (OpenID Connect Core 1.0): it says who has logged in, and opens no API.
    #[error(
        "an ID token or a logout token, which opens no API: have the client send its access token, or call `.dangerous_accept_id_tokens()`"
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
    /// The user authenticated too long ago, by `auth_time`.
    #[error("the user authenticated too long ago, by {} s and by `auth_time`", by.as_secs())]
    AuthenticationTooOld {
        /// The time beyond what is allowed.
        by: Duration,
    },
    /// The user authenticated later than now, by `auth_time`.
    #[error("the user authenticates in {} s, by `auth_time`{}", early.as_secs(), hint(*early))]
    AuthenticationInFuture {
        /// The time until `auth_time`.
        early: Duration,
    },
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
    #[error(
        "of no kind that is accepted here: not the token of a session, and there are no keys for JWTs; `Introspection::every_token` has their issuer asked about them"
    )]
    NotASession,
    /// The issuer was asked, and says that the token is not active (RFC 7662 §2.2).
    #[error("not active, says its issuer: it has expired, was revoked, never was, or is not for this service to know")]
    Inactive,
    /// The issuer was asked, and `token_type` or `token_use` of its answer says that it is no access token. Refresh tokens are
    /// active too.
    #[error("no access token, says its issuer: `token_type` is {0}")]
    TokenKind(Mismatch),
    /// Refused by a check of the application.
    #[error("refused by a check: {0}")]
    Check(CheckError),
}

impl TokenError {
    /// A bound token whose key was not shown.
    pub(crate) fn unproven(confirmation: &Confirmation) -> Self {
        if *confirmation == Confirmation::default() { Self::UnknownBinding } else { Self::Bound }
    }

    /// An issuer that is not trusted.
    pub(crate) fn untrusted(issuer: &str) -> Self {
        Self::Issuer(Mismatch::untrusted(issuer))
    }
}

/// What looks like milliseconds: it is later than the year 5000.
pub(crate) const MILLISECONDS: Duration = Duration::from_secs(100_000_000_000);

fn hint(early: Duration) -> &'static str {
    if early >= MILLISECONDS { ": it looks like milliseconds, and has to be in seconds" } else { "" }
}

/// What a token says, and what it should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    found: Box<str>,
    expected: Box<str>,
}

impl Mismatch {
    /// How many names are listed.
    const MAX_LISTED: usize = 4;

    /// `found` are names that the token gives, none where it gives none.
    pub(crate) fn new<'n>(
        found: impl IntoIterator<Item = &'n str>,
        expected: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let mut said = String::new();
        for name in found.into_iter().take(MAX_UNVERIFIED) {
            if said.len() >= MAX_UNVERIFIED {
                break;
            }
            let comma = if said.is_empty() { "" } else { ", " };
            said.push_str(comma);
            said.push_str(&unverified(name));
        }
        let found = if said.is_empty() { "missing".into() } else { said.chars().take(MAX_UNVERIFIED).collect() };
        let mut listed = Vec::new();
        let mut expected = expected.into_iter();
        listed.extend(expected.by_ref().take(Self::MAX_LISTED).map(|name| format!("{name:?}")));
        let more = expected.size_hint().0;
        if more > 0 {
            listed.push(format!("one of {more} more"));
        }
        Self { found, expected: listed.join(" or ").into() }
    }

    /// A name that is not trusted.
    pub(crate) fn untrusted(name: &str) -> Self {
        Self::new([name], [])
    }

    /// What the token says, as debug text of at most 128 characters.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What it should say: the configured names, as debug text. Empty where those are many, or chosen by a rule.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found)?;
        match &*self.expected {
            "" => f.write_str(", which is not trusted here"),
            expected => write!(f, ", expected {expected}"),
        }
    }
}

/// Which part of a token could not be read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not three non-empty parts: no JWT.
    #[error("not three parts separated by dots")]
    Parts,
    /// Not canonical base64url without padding (RFC 7515 §2).
    #[error("not canonical base64url without padding")]
    Base64,
    /// Base64url with padding, as load balancers of AWS write it.
    #[error(
        "its parts are padded with `=`, which RFC 7515 §2 forbids: `.dangerous_allow_padded_tokens()` accepts tokens of an issuer that writes them so"
    )]
    Padded,
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

impl Malformed {
    /// What is wrong with a text that was read as JSON.
    pub(crate) fn of(error: &ReadError, otherwise: Self) -> Self {
        match error {
            ReadError::Duplicate => Self::Duplicate,
            ReadError::NotAnObject | ReadError::Data(_) => otherwise,
        }
    }
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
/// Names the member by its path, such as `org.role`, and the types; never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError {
    path: Option<Arc<str>>,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Missing,
    /// What the value is, and what the type takes.
    Type {
        found: Arc<str>,
        expected: Arc<str>,
    },
    Other,
}

impl ShapeError {
    /// Why the claims do not fit their type. The messages of serde quote values. Only what the type itself brings is taken out
    /// of them.
    pub(crate) fn of(mut path: String, error: &DataError) -> Self {
        let message = &*error.0;
        let problem =
            if let Some((name, _)) = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
                path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                Problem::Missing
            } else {
                Self::types(message).unwrap_or(Problem::Other)
            };
        let path = path.chars().take(MAX_UNVERIFIED).flat_map(char::escape_debug).collect::<String>();
        Self { path: (!path.is_empty()).then(|| path.into()), problem }
    }

    /// Out of “invalid type: string "…", expected u64 at line 1 column 2”. A value may have any text in it, and stands
    /// before what is expected.
    fn types(message: &str) -> Option<Problem> {
        let (_, value) =
            message.split_once(": ").filter(|(start, _)| matches!(*start, "invalid type" | "invalid value"))?;
        let (found, expected) = value.rsplit_once(", expected ")?;
        let expected = expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected);
        let found = found.split(['`', '"']).next().unwrap_or_default().trim_end();
        Some(Problem::Type { found: found.into(), expected: expected.into() })
    }

    /// The member that is not there or has another type, by the path of its names from the claims down: `org.role`,
    /// `groups[2]`. `None` where it cannot be told, such as in a flattened type.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The path of the member, where what is wrong is that it is not there.
    pub fn missing_field(&self) -> Option<&str> {
        self.path().filter(|_| self.problem == Problem::Missing)
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().unwrap_or("a member");
        match &self.problem {
            Problem::Missing => write!(f, "missing field `{path}`"),
            Problem::Type { found, expected } => write!(f, "`{path}` is of type {found}, expected {expected}"),
            Problem::Other => write!(f, "`{path}` has a value that its type does not take"),
        }
    }
}

impl Error for ShapeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_chose_stays_on_one_line_and_is_cut() {
        let mismatch = Mismatch::new(["a\nb\u{202e}"], ["https://a.example"]);
        assert_eq!(mismatch.to_string(), r#""a\nb\u{202e}", expected "https://a.example""#);
        let long = "x".repeat(5000);
        let many = vec![&*long; 5000];
        assert!(Mismatch::new(many.iter().copied(), ["a"; 9]).to_string().len() < 256);
        assert_eq!(Mismatch::new([], ["a"]).to_string(), r#"missing, expected "a""#);
        assert_eq!(Mismatch::untrusted("a").to_string(), r#""a", which is not trusted here"#);
    }

    #[test]
    fn a_shape_error_names_the_member_and_the_types_and_no_value() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Claims {
            org: Org,
            #[serde(default)]
            level: Option<Level>,
        }
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Org {
            role: String,
            ids: Vec<u64>,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Level {
            One,
        }
        for (json, said) in [
            ("{}", "missing field `org`"),
            (r#"{"org":{"ids":[]}}"#, "missing field `org.role`"),
            (r#"{"org":{"role":5,"ids":[]}}"#, "`org.role` is of type integer, expected a string"),
            (
                r#"{"org":{"role":"x","ids":[1,"secret, expected nothing"]}}"#,
                "`org.ids[1]` is of type string, expected u64",
            ),
            (r#"{"org":{"role":"x","ids":[-1]}}"#, "`org.ids[0]` is of type integer, expected u64"),
            (r#"{"org":"secret"}"#, "`org` is of type string, expected struct Org"),
            (r#"{"org":{"role":null,"ids":[]}}"#, "`org.role` is of type null, expected a string"),
            (r#"{"org":{"role":"x","ids":[]},"level":"secret"}"#, "`level` has a value that its type does not take"),
        ] {
            let (path, error) = crate::json::read_into::<Claims>(json).err().unwrap();
            let error = ShapeError::of(path, &error);
            assert_eq!(error.to_string(), said, "{json}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
