//! Tokens that an issuer is asked about, as a kind of token of a verifier.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::answer::Said;
use super::asker::{Asker, retry_after};
use super::error::IntrospectionError;
use super::known::{Digest, Known, digest};
use super::limits::{Limits, Unknown};
use super::status::{Outcome, Reporter};
use crate::error::{AuthError, TokenError, Unavailable};
use crate::single_flight::SingleFlight;
use crate::verify::{AnyToken, AnyVerifier, Evidence, Finding, Kind, Trust, UntrustedToken};

/// What tokens of this service itself begin with, which are never sent anywhere: those of sessions and refresh tokens.
const OWN: [&[u8]; 2] = [b"jst_", b"jrt_"];
/// How many dots a JWT has, and one that is encrypted.
const DOTS_OF_JWTS: [usize; 2] = [2, 4];

/// When it is worth another try where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

pub(super) struct Introspected {
    pub(super) asker: Asker,
    /// The issuer whose JWTs are asked about too.
    pub(super) jwts_of: Option<Box<str>>,
    pub(super) expected: Expected,
    pub(super) known: Known,
    pub(super) flights: SingleFlight<Digest, Result<AnyToken, AuthError>>,
    pub(super) limits: Limits,
    pub(super) reporter: Arc<Reporter>,
    pub(super) timeout: Duration,
}

/// What is expected of answers.
pub(super) struct Expected {
    pub(super) trust: Arc<Trust>,
    /// The same for answers that do not name the issuer, where they need not.
    pub(super) nameless: Option<Arc<Trust>>,
    /// Whether `token_type` may be missing.
    pub(super) untyped: bool,
}

impl Expected {
    fn trust(&self, said: &Said<'_>) -> &Arc<Trust> {
        self.nameless.as_ref().filter(|_| !said.has_issuer).unwrap_or(&self.trust)
    }
}

impl Introspected {
    /// What comes of a question, and of the same question that somebody else asks.
    async fn asked(
        &self,
        token: &str,
        digest: &Digest,
        client: Option<IpAddr>,
        verifier: &AnyVerifier,
    ) -> Result<AnyToken, AuthError> {
        let now = Instant::now();
        let unavailable = |retry_after| {
            let stale = self.known.stale(digest, Instant::now());
            stale.ok_or(AuthError::Unavailable(Unavailable::Introspection { retry_after }))
        };
        if let Some(pause) = self.limits.pause(now) {
            return unavailable(pause);
        }
        let unknown = if self.known.was_good(digest) { None } else { Some(self.spend(client, now)?) };
        let answer = self.question(token, unknown.is_some()).await;
        // The answer may be as old as the question.
        match answer.and_then(|json| self.read(json, verifier)) {
            Ok(result) => {
                self.limits.answered();
                self.known.keep(digest, &result, now);
                self.reporter.answered(match &result {
                    Ok(_) => Outcome::Active,
                    Err(TokenError::Inactive) => Outcome::Inactive,
                    Err(_) => Outcome::Refused,
                });
                if let (Ok(_), Some(unknown)) = (&result, unknown) {
                    unknown.was_good();
                }
                result.map_err(AuthError::from)
            }
            Err(error) => {
                self.reporter.failed(&error);
                let pause = match error {
                    // The issuer has not been asked.
                    IntrospectionError::Busy => SOON,
                    _ => self.limits.failed(Instant::now()),
                };
                unavailable(retry_after(&error).unwrap_or(pause))
            }
        }
    }

    fn spend(&self, client: Option<IpAddr>, now: Instant) -> Result<Unknown<'_>, AuthError> {
        self.limits.spend(client, now).map_err(|retry_after| {
            self.reporter.limited();
            Unavailable::IntrospectionLimit { retry_after }.into()
        })
    }

    async fn question(&self, token: &str, is_unknown: bool) -> Result<String, IntrospectionError> {
        let turn = timeout(self.timeout, self.limits.turn(is_unknown)).await;
        let _turn = turn.ok().flatten().ok_or(IntrospectionError::Busy)?;
        let answer = timeout(self.timeout, self.asker.ask(token)).await;
        answer.map_err(|_| IntrospectionError::Fetch(crate::key::FetchError::Timeout))?
    }

    /// An answer, held against what is expected of tokens. The token itself does not get in.
    fn read(&self, json: String, verifier: &AnyVerifier) -> Result<Result<AnyToken, TokenError>, IntrospectionError> {
        let said = Said::read(&json)?;
        if !said.active {
            return Ok(Err(TokenError::Inactive));
        }
        if let Err(error) = said.check_kind(self.expected.untyped) {
            return Ok(Err(error));
        }
        let is_for_dpop = said.is_for_dpop;
        let evidence = Evidence { header: None, trust: self.expected.trust(&said).clone(), generation: 0 };
        Ok(verifier.read(evidence, b"", json).and_then(|verified| {
            let has_key = verified.common().confirmation().is_some_and(|confirmation| confirmation.proof_key.is_some());
            // It is no bearer token, and nothing says what its proof has to be signed with.
            if is_for_dpop && !has_key { Err(TokenError::UnknownBinding) } else { Ok(verified) }
        }))
    }

    /// A token that was found good, as the sender of this request has it: whatever may have changed is looked at.
    fn admit(known: &AnyToken, token: &str, verifier: &AnyVerifier) -> Result<AnyToken, AuthError> {
        verifier.check_again(known)?;
        let sent = known.sent_as(token);
        verifier.check(&sent)?;
        Ok(sent)
    }
}

impl Kind for Introspected {
    fn recognizes(&self, token: &[u8]) -> bool {
        if !token.is_ascii() || OWN.iter().any(|own| token.starts_with(own)) {
            return false;
        }
        let dots = memchr::memchr_iter(b'.', token).count();
        !DOTS_OF_JWTS.contains(&dots) || self.jwts_of.as_ref().is_some_and(|issuer| is_jwt_of(token, issuer))
    }

    fn recall(&self, token: &[u8], verifier: &AnyVerifier) -> Option<Result<AnyToken, AuthError>> {
        let text = std::str::from_utf8(token).ok()?;
        let known = self.known.fresh(&digest(token)?, Instant::now())?;
        Some(known.and_then(|known| Self::admit(&known, text, verifier)))
    }

    fn find<'a>(&'a self, token: &'a [u8], client: Option<IpAddr>, verifier: &'a AnyVerifier) -> Finding<'a> {
        Box::pin(async move {
            let text = std::str::from_utf8(token).map_err(|_| TokenError::Inactive)?;
            let digest = digest(token).ok_or(Unavailable::Introspection { retry_after: SOON })?;
            let fresh = || self.known.fresh(&digest, Instant::now());
            let work = self.asked(text, &digest, client, verifier);
            let known = self.flights.join(digest, fresh, work, |_| ()).await?;
            Self::admit(&known, text, verifier)
        })
    }
}

/// Whether a JWT names this issuer, before anything of it is verified: to choose whom to ask, and nothing else. The answer
/// has to name it too.
fn is_jwt_of(token: &[u8], issuer: &str) -> bool {
    #[derive(Deserialize)]
    struct Named<'j> {
        #[serde(borrow)]
        iss: Cow<'j, str>,
    }
    let claims = UntrustedToken::split(token).and_then(UntrustedToken::claims);
    let named = claims.ok().and_then(|json| Some(serde_json::from_str::<Named<'_>>(&json).ok()?.iss == issuer));
    named.unwrap_or(false)
}
