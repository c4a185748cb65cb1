//! A provider whose logouts count here.

use std::fmt;
use std::time::Duration;

use super::LogoutBuildError;
use crate::config_error::Given;
use crate::issuers::TrustedIssuer;
use crate::key::{Algorithm, KeySource, SigningKey, VerifyingKey, crypto};

/// An identity provider, or another transmitter of security events, whose logouts and events end what they name.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`audience`](Self::audience) | the client alone | a stream of security events may have an `aud` of its own |
/// | [`users_of`](Self::users_of) | itself | nobody ends the logins of another issuer's users |
/// | [`access_token_lifetime`](Self::access_token_lifetime) | 24 hours | no known provider has a longer default |
/// | [`access_tokens_without_sid`](Self::access_tokens_without_sid) | off: they have the `sid` of the logout token | |
/// | [`push_authorization`](Self::push_authorization) | none: the signature says who it is | only the provider knows whether it sends one |
/// | [`dangerous_allow_generic_typ`](Self::dangerous_allow_generic_typ) | off | `typ` is what tells kinds of tokens apart (RFC 8725 §3.11) |
#[derive(Debug, Clone)]
pub struct LogoutProvider {
    pub(super) issuer: Box<str>,
    keys: KeySource,
    pub(super) audiences: Vec<Box<str>>,
    users_of: Vec<Box<str>>,
    pub(super) access_token_lifetime: Duration,
    pub(super) access_tokens_without_sid: bool,
    authorization: Option<Result<Authorization, LogoutBuildError>>,
    pub(super) generic_typ_allowed: bool,
    given: Given,
}

impl LogoutProvider {
    /// The provider of that name, byte for byte as in `iss`, with its keys, such as a [`RemoteKeySet`](crate::RemoteKeySet).
    /// `client_id` is what it calls this application: the `aud` of its logout tokens.
    pub fn new(issuer: impl Into<String>, keys: impl Into<KeySource>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into().into(),
            keys: keys.into(),
            audiences: vec![client_id.into().into()],
            users_of: Vec::new(),
            access_token_lifetime: Duration::from_secs(24 * 60 * 60),
            access_tokens_without_sid: false,
            authorization: None,
            generic_typ_allowed: false,
            given: Given::default(),
        }
    }

    /// What else this application is called in `aud`, such as by a stream of security events. Each call adds one. None.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into());
        self
    }

    /// Whose users it speaks of, where that is another issuer than itself: the `iss` of their tokens. A subject of any other
    /// issuer is refused with `access_denied`. Each call adds one. Itself.
    #[must_use]
    pub fn users_of(mut self, issuer: impl Into<String>) -> Self {
        self.users_of.push(issuer.into().into());
        self
    }

    /// The longest lifetime of its access tokens: for as long, what it ended is kept on the list of revoked tokens. Where it
    /// is longer than said here, such a token is good again after that. 24 hours.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.given.once("access_token_lifetime");
        self.access_token_lifetime = lifetime;
        self
    }

    /// Its access tokens do not have the `sid` of its logout tokens. Then a logout of one session ends the access tokens of
    /// all sessions of its user, if it says which: nobody can tell whose they are. A client gets the next one by a refresh at
    /// the provider. Sign-ins of this application end by `sid` as ever. Off: such access tokens go on until they expire.
    #[must_use]
    pub fn access_tokens_without_sid(mut self) -> Self {
        self.access_tokens_without_sid = true;
        self
    }

    /// The whole value of the field `Authorization` with which it pushes security events, such as `Bearer …` (RFC 8935 §3).
    /// Others are refused with `authentication_failed`. None: whoever has a good security event may bring it.
    #[must_use]
    pub fn push_authorization(mut self, value: impl AsRef<[u8]>) -> Self {
        self.given.once("push_authorization");
        self.authorization = Some(Authorization::new(value.as_ref()));
        self
    }

    /// Accepts tokens whose `typ` is `JWT`, or missing from a security event, for providers of before RFC 8725. Then only the
    /// claim `events` tells its logouts from its other tokens: whoever can have it sign claims of their choice can end
    /// logins. Off.
    #[must_use]
    pub fn dangerous_allow_generic_typ(mut self) -> Self {
        self.generic_typ_allowed = true;
        self
    }

    pub(super) fn check(&self) -> Result<(), LogoutBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(LogoutBuildError::SetTwice { setting });
        }
        if self.users_of.iter().any(|issuer| issuer.is_empty()) {
            return Err(LogoutBuildError::Empty { setting: "users_of" });
        }
        match &self.authorization {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn trusted(&self) -> TrustedIssuer {
        let trusted = TrustedIssuer::new(&*self.issuer, self.keys.clone());
        self.audiences.iter().fold(trusted, |trusted, audience| trusted.audience(&**audience))
    }

    /// Whose users it speaks of.
    pub(super) fn issuers_of_users(&self) -> &[Box<str>] {
        if self.users_of.is_empty() { std::slice::from_ref(&self.issuer) } else { &self.users_of }
    }

    /// Whether who pushes a security event has said what was agreed on.
    pub(super) fn is_authenticated<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        let Some(Ok(expected)) = &self.authorization else { return true };
        values.next().is_some_and(|value| expected.is(value)) && values.next().is_none()
    }
}

/// A secret that is compared in a time that says nothing about it: by the HMAC of both under a random key.
#[derive(Clone)]
struct Authorization {
    key: VerifyingKey,
    tag: Box<[u8]>,
}

impl Authorization {
    fn new(value: &[u8]) -> Result<Self, LogoutBuildError> {
        if value.is_empty() {
            return Err(LogoutBuildError::Empty { setting: "push_authorization" });
        }
        let random = || {
            let key = SigningKey::secret(Algorithm::HS256, crypto::random::<32>()?).ok()?;
            Some(Self { tag: key.signature(value).ok()?.into(), key: key.verifying_key() })
        };
        random().ok_or(LogoutBuildError::Randomness)
    }

    fn is(&self, value: &[u8]) -> bool {
        self.key.verify(value, &self.tag)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
