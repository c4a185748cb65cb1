//! A verified token, and its compact form.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Identity;
use super::authority::{Application, Authority, Granted};
use super::header::Header;
use super::trust::Trust;
use crate::answer::Challenges;
use crate::base64url;
use crate::claims::confirmation::{Confirmation, Possession};
use crate::claims::{Noted, Registered, Text, Times};
use crate::clock::NumericDate;
use crate::error::{Malformed, Misuse, TokenError};

/// A token of which nothing is verified: three parts of some bytes.
#[derive(Clone, Copy)]
pub(crate) struct UntrustedToken<'t> {
    pub(crate) header: &'t [u8],
    pub(crate) payload: &'t [u8],
    pub(crate) signature: &'t [u8],
    /// What is signed: header, dot, payload.
    pub(crate) message: &'t [u8],
    /// The parts had the padding of base64 behind them, as they still have in the message.
    pub(crate) padded: bool,
}

impl<'t> UntrustedToken<'t> {
    /// Splits at the first and the last dot. A dot in between is no base64url and is refused with the payload.
    pub(crate) fn split(token: &'t [u8]) -> Result<Self, TokenError> {
        let parts = || {
            let first = memchr::memchr(b'.', token)?;
            let last = memchr::memrchr(b'.', token)?;
            let header = token.get(..first)?;
            let payload = token.get(first + 1..last)?;
            let signature = token.get(last + 1..)?;
            let whole = !header.is_empty() && !payload.is_empty();
            whole.then_some(Self { header, payload, signature, message: token.get(..last)?, padded: false })
        };
        match parts() {
            None => Err(TokenError::Malformed(Malformed::Parts)),
            Some(token) if token.signature.is_empty() => Err(TokenError::Unsecured),
            Some(token) => Ok(token),
        }
    }

    /// The same without the padding of its parts, if each is as long as padding makes it.
    pub(super) fn unpadded(self) -> Self {
        match base64url::without_padding_of_all([self.header, self.payload, self.signature]) {
            Some([header, payload, signature]) => Self { header, payload, signature, padded: true, ..self },
            None => self,
        }
    }

    /// The JSON of the claims, with room behind it for the token.
    pub(crate) fn claims(self) -> Result<String, TokenError> {
        let token_len = self.message.len() + 1 + self.signature.len();
        let mut json = Vec::with_capacity(self.payload.len() * 3 / 4 + token_len);
        base64url::decode_onto(self.payload, &mut json).ok_or(TokenError::Malformed(Malformed::Base64))?;
        String::from_utf8(json).map_err(|_| TokenError::Malformed(Malformed::Claims))
    }
}

/// A token that was verified: its signature holds and its claims are what was asked for. Or a token that was looked up,
/// such as that of a session, of which the record says what a JWT says of itself. Cheap to clone.
///
/// Dereferences to the application's claims. Only a [`Verifier`](crate::Verifier) makes one, and with the feature
/// `testing` a test.
pub struct VerifiedToken<C>(Arc<Parts<C>>, Sent);

/// How it was sent, if that is not as usual: as a bearer token that is kept with its claims. Behind one pointer, since verified
/// tokens are moved often.
#[derive(Clone, Default)]
struct Sent(Option<Arc<Specially>>);

#[derive(Clone, Default)]
struct Specially {
    possession: Possession,
    /// The compact token, where it is kept nowhere.
    token: Option<Box<str>>,
}

impl Sent {
    fn with(self, change: impl FnOnce(&mut Specially)) -> Self {
        let mut sent = self.0.map(Arc::unwrap_or_clone).unwrap_or_default();
        change(&mut sent);
        Self(Some(Arc::new(sent)))
    }

    fn token<'t>(&'t self, common: &'t Common) -> &'t str {
        self.0.as_ref().and_then(|sent| sent.token.as_deref()).unwrap_or_else(|| common.compact())
    }

    fn possession(&self) -> Possession {
        self.0.as_ref().map_or(Possession::BEARER, |sent| sent.possession)
    }
}

pub(super) struct Parts<C> {
    claims: C,
    common: Common,
    application: Arc<Application<C>>,
}

/// What is the same whatever the type of the claims.
pub(crate) struct Common {
    facts: Facts,
    /// The JSON of the claims, and behind it the compact token, if it is kept: one allocation for both.
    text: String,
    json_len: usize,
}

/// What is known of a token beside its claims.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) registered: Registered<Text>,
    /// `cnf`, what it is bound to.
    pub(crate) confirmation: Option<Box<Confirmation>>,
    /// None of a token that was looked up.
    pub(crate) evidence: Option<Evidence>,
}

/// Under what a token was verified.
#[derive(Clone)]
pub(crate) struct Evidence {
    /// None of a token that its issuer was asked about.
    pub(crate) header: Option<Arc<Header>>,
    pub(crate) trust: Arc<Trust>,
    /// That of the keys.
    #[allow(dead_code, reason = "only a cache asks again")]
    pub(crate) generation: u64,
}

impl Facts {
    /// As they were noted when the claims were read, the JSON of which is `json`.
    pub(super) fn of(noted: Noted<'_>, json: &str, evidence: Option<Evidence>) -> Self {
        Self { confirmation: noted.confirmation(json), registered: noted.registered.detach(json), evidence }
    }
}

impl Common {
    /// `text` is the JSON of the claims.
    pub(crate) fn new(facts: Facts, mut text: String, token: &[u8]) -> Result<Self, TokenError> {
        let json_len = text.len();
        text.push_str(std::str::from_utf8(token).map_err(|_| TokenError::Malformed(Malformed::Base64))?);
        Ok(Self { facts, text, json_len })
    }

    pub(crate) fn json(&self) -> &str {
        &self.text[..self.json_len]
    }

    pub(crate) fn compact(&self) -> &str {
        &self.text[self.json_len..]
    }

    #[allow(dead_code, reason = "for the feature `cache`")]
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it is bound to.
    pub(crate) fn confirmation(&self) -> Option<&Confirmation> {
        self.facts.confirmation.as_deref()
    }

    /// Whether it is good although nobody has shown that it is theirs.
    pub(crate) fn check_unproven(&self) -> Result<(), TokenError> {
        match self.confirmation() {
            Some(confirmation)
                if !confirmation.is_by_device()
                    && !self.trust().is_some_and(|trust| trust.validation.bound_allowed) =>
            {
                Err(TokenError::unproven(confirmation))
            }
            _ => Ok(()),
        }
    }

    /// By whom it was verified; none of a token that was looked up.
    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.facts.evidence.as_ref().map(|evidence| &*evidence.trust)
    }

    pub(crate) fn header(&self) -> Option<&Header> {
        self.facts.evidence.as_ref().and_then(|evidence| evidence.header.as_deref())
    }

    pub(crate) fn times(&self) -> Times {
        self.facts.registered.times
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text_of(self.facts.registered.issuer.as_ref())
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.text_of(self.facts.registered.subject.as_ref())
    }

    pub(crate) fn token_id(&self) -> Option<&str> {
        self.text_of(self.facts.registered.token_id.as_ref())
    }

    pub(crate) fn audience(&self) -> impl Iterator<Item = &str> {
        self.facts.registered.audience.as_slice().iter().map(|audience| audience.in_json(self.json()))
    }

    fn text_of<'s>(&'s self, text: Option<&'s Text>) -> Option<&'s str> {
        text.map(|text| text.in_json(self.json()))
    }

    /// How far the clock of its issuer may be off.
    pub(crate) fn leeway(&self) -> Duration {
        self.trust().map_or(Duration::ZERO, |trust| trust.validation.leeway)
    }

    /// By what it is known.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            issuer: self.issuer(),
            token_id: self.token_id(),
            subject: self.subject(),
            issued_at: self.times().issued_at,
            claims: self.json(),
        }
    }

    /// Whether it is still good at that moment, by the rules of its issuer.
    pub(super) fn check_times(&self, now: NumericDate) -> Result<(), TokenError> {
        self.trust().map_or(Ok(()), |trust| trust.validation.check_times(self.times(), now))
    }
}

impl<C> VerifiedToken<C> {
    pub(crate) fn new(claims: C, common: Common, application: Arc<Application<C>>) -> Self {
        Self(Arc::new(Parts { claims, common, application }), Sent::default())
    }

    pub(crate) fn common(&self) -> &Common {
        &self.0.common
    }

    #[allow(dead_code, reason = "for a provider of the feature `remote`")]
    pub(crate) fn compact(&self) -> &str {
        self.1.token(self.common())
    }

    /// How its sender has shown that it is theirs. [`Possession::BEARER`] of a token that came by another way than a request.
    pub fn possession(&self) -> Possession {
        self.1.possession()
    }

    /// The application's claims.
    pub fn claims(&self) -> &C {
        &self.0.claims
    }

    /// The application's claims by value: moved where nobody else holds the token, such as a cache or the extensions of the
    /// request, and cloned otherwise.
    pub fn into_claims(self) -> C
    where
        C: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.claims.clone(), |own| own.claims)
    }

    /// `iss`: who issued the token.
    pub fn issuer(&self) -> Option<&str> {
        self.common().issuer()
    }

    /// `sub`: whom the token is about. Of a session, who signed in.
    pub fn subject(&self) -> Option<&str> {
        self.common().subject()
    }

    /// `jti`: the name of the token. Of a session, its `SignInId`, which stays the same when its token
    /// changes.
    pub fn token_id(&self) -> Option<&str> {
        self.common().token_id()
    }

    /// `sid`: the login that the token belongs to, in tokens of `Logins` and of identity providers. `None` also for a value
    /// that is no string, or that has escapes.
    pub fn session_id(&self) -> Option<&str> {
        self.common().identity().session_id()
    }

    /// `aud`: whom the token is for.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.common().audience()
    }

    /// `exp`: from when on the token is not good any more. Of a session, when it ends unless it is used again.
    pub fn expires_at(&self) -> Option<NumericDate> {
        self.common().times().expires_at
    }

    /// `nbf`: until when the token is not good yet.
    pub fn not_before(&self) -> Option<NumericDate> {
        self.common().times().not_before
    }

    /// `iat`: when the token was issued. Of a session, when it began.
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.common().times().issued_at
    }

    /// The header of a JWT; `None` for a session, which has none, and for a token that its issuer was asked about.
    pub fn header(&self) -> Option<&Header> {
        self.common().header()
    }

    /// The JSON text of the claims, byte for byte as it was signed. Of a session, what the application keeps with it.
    pub fn claims_json(&self) -> &str {
        self.common().json()
    }
}

impl<C: Send + Sync + 'static> VerifiedToken<C> {
    pub(crate) fn into_any(self) -> AnyToken {
        CompactToken(self.0, self.1)
    }

    /// The compact token itself, to pass on. Of a session its token, which tells nobody anything who does not share the
    /// store.
    pub fn token(&self) -> CompactToken {
        CompactToken(self.0.clone(), self.1.clone())
    }
}

impl<C> Clone for VerifiedToken<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl<C> Deref for VerifiedToken<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0.claims
    }
}

impl<C: Serialize> Serialize for VerifiedToken<C> {
    /// As the application's claims.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.claims.serialize(serializer)
    }
}

impl<C> fmt::Debug for VerifiedToken<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.header();
        f.debug_struct("VerifiedToken")
            .field("algorithm", &header.map(Header::algorithm))
            .field("kid", &header.and_then(Header::kid))
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}

/// The compact token of a request that was verified, for passing it on to another service. Never prints itself.
#[derive(Clone)]
pub struct CompactToken(Arc<dyn Verified>, Sent);

/// A verified token, whatever the type of its claims.
pub(crate) use CompactToken as AnyToken;

impl CompactToken {
    /// The token. Treat it as a password: whoever holds it is the user.
    pub fn as_str(&self) -> &str {
        self.1.token(self.common())
    }
}

impl AnyToken {
    pub(crate) fn common(&self) -> &Common {
        self.0.common()
    }

    /// The same, sent by somebody who has shown that it is theirs.
    pub(crate) fn shown_by(self, possession: Possession) -> Self {
        // Most requests are, and need no allocation.
        if possession == Possession::BEARER {
            return self;
        }
        Self(self.0, self.1.with(|sent| sent.possession = possession))
    }

    /// The same, sent as this compact token. It is not kept with what is kept of the token.
    #[allow(dead_code, reason = "for the feature `introspection`")]
    pub(crate) fn sent_as(&self, token: &str) -> Self {
        Self(self.0.clone(), self.1.clone().with(|sent| sent.token = Some(token.into())))
    }

    /// How its sender has shown that it is theirs.
    pub(crate) fn possession(&self) -> Possession {
        self.1.possession()
    }

    /// The token with claims of type `C`, or what is wrong with the application.
    pub(crate) fn typed<C: Send + Sync + 'static>(self) -> Result<VerifiedToken<C>, Misuse> {
        let (wanted, found) = (std::any::type_name::<C>(), self.0.claims_type());
        let any: Arc<dyn Any + Send + Sync> = self.0;
        let parts = any.downcast().map_err(|_| Misuse::OtherClaimsType { wanted, found })?;
        Ok(VerifiedToken(parts, self.1))
    }

    /// The claims alone.
    pub(crate) fn claims_as<C: Send + Sync + 'static>(&self) -> Result<&C, Misuse> {
        let (wanted, found) = (std::any::type_name::<C>(), self.0.claims_type());
        let any: &dyn Any = &*self.0;
        let parts = any.downcast_ref::<Parts<C>>().ok_or(Misuse::OtherClaimsType { wanted, found })?;
        Ok(&parts.claims)
    }

    /// Whether the checks of the application let it pass.
    pub(super) fn check(&self) -> Result<(), TokenError> {
        self.0.clone().check(self.1.clone())
    }

    pub(crate) fn has_scope(&self, name: &str) -> Result<bool, Misuse> {
        let has = |name: &str| self.0.grants(Granted::Scope, name);
        let has_it = has(name).ok_or(Misuse::ScopesUnknown)?;
        Ok(has_it || self.0.authority().hierarchy.implying(name).any(|wider| has(wider) == Some(true)))
    }

    pub(crate) fn has_role(&self, name: &str) -> Result<bool, Misuse> {
        self.0.grants(Granted::Role, name).ok_or(Misuse::RolesUnknown)
    }

    /// The challenges of the authenticator that verified it.
    pub(crate) fn challenges(&self) -> &Challenges {
        &self.0.authority().challenges
    }

    /// What it takes up in memory beside what hangs on its claims, in bytes.
    #[allow(dead_code, reason = "for the feature `cache`")]
    pub(crate) fn size(&self) -> usize {
        size_of_val(&*self.0) + self.common().text.capacity()
    }

    /// Whether it is bound to a key of its client.
    pub(crate) fn is_bound(&self) -> bool {
        self.common().confirmation().is_some_and(|confirmation| !confirmation.is_by_device())
    }

    /// The present moment, as it counts for tokens, and how far the clock of its issuer may be off.
    pub(crate) fn now(&self) -> (NumericDate, Duration) {
        (self.0.authority().clock.now(), self.common().leeway())
    }
}

impl fmt::Debug for CompactToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompactToken([redacted])")
    }
}

trait Verified: Any + Send + Sync {
    fn common(&self) -> &Common;
    fn claims_type(&self) -> &'static str;
    fn check(self: Arc<Self>, sent: Sent) -> Result<(), TokenError>;
    fn grants(&self, what: Granted, name: &str) -> Option<bool>;
    fn authority(&self) -> &Authority;
}

impl<C: Send + Sync + 'static> Verified for Parts<C> {
    fn common(&self) -> &Common {
        &self.common
    }

    fn claims_type(&self) -> &'static str {
        std::any::type_name::<C>()
    }

    fn check(self: Arc<Self>, sent: Sent) -> Result<(), TokenError> {
        let application = self.application.clone();
        application.checks.pass(&VerifiedToken(self, sent))
    }

    fn grants(&self, what: Granted, name: &str) -> Option<bool> {
        self.application.grants(&self.claims, what, name)
    }

    fn authority(&self) -> &Authority {
        &self.application.authority
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_parts_are_split_at_the_outer_dots() {
        let token = UntrustedToken::split(b"aa.bb.cc").unwrap();
        assert_eq!((token.header, token.payload, token.signature), (&b"aa"[..], &b"bb"[..], &b"cc"[..]));
        assert_eq!(token.message, b"aa.bb");
    }

    #[test]
    fn anything_less_than_three_parts_is_refused() {
        for token in ["", ".", "..", "a", "a.b", "a..", ".a.", "..a", "a.b.", ".a.b", "a..b"] {
            assert!(UntrustedToken::split(token.as_bytes()).is_err(), "{token:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_a_split_make_the_token_again(token in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(parts) = UntrustedToken::split(&token) {
                let again = [parts.header, b".", parts.payload, b".", parts.signature].concat();
                prop_assert_eq!(&again, &token);
                prop_assert_eq!([parts.message, b".", parts.signature].concat(), token);
            }
        }
    }
}
