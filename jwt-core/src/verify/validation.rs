//! What the claims of a token must say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::header::Header;
use super::profile::Profile;
use super::token::VerifiedToken;
use crate::claims::{Audience, Noted, RegisteredClaims, Times};
use crate::clock::NumericDate;
use crate::error::{AuthenticatorBuildError, CheckError, CheckOutcome, Mismatch, TokenError};
use crate::json::Names;
use crate::key::LiveKeys;

/// What a token of one trusted party must say. Filled by the builder, which documents each member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(unpredictable_function_pointer_comparisons, reason = "the one `party_check` is copied from the builder")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the builder")]
pub(crate) struct Validation {
    pub(crate) issuers: Vec<Box<str>>,
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) any_audience: bool,
    pub(crate) types: Vec<Box<str>>,
    pub(crate) required: Vec<Arc<str>>,
    pub(crate) expiry_required: bool,
    pub(crate) bound_allowed: bool,
    pub(crate) id_tokens_allowed: bool,
    pub(crate) padding_allowed: bool,
    pub(crate) mistyped_allowed: RegisteredClaims,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) profile: Profile,
    pub(crate) party_check: Option<PartyCheck>,
}

/// Whether what is expected of the tokens of one party, and its keys, do for a profile of a room above.
pub(crate) type PartyCheck = fn(&Validation, &LiveKeys) -> Result<(), AuthenticatorBuildError>;

impl Default for Validation {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            types: Vec::new(),
            required: Vec::new(),
            expiry_required: true,
            bound_allowed: false,
            id_tokens_allowed: false,
            padding_allowed: false,
            mistyped_allowed: RegisteredClaims::default(),
            leeway: Duration::from_secs(30),
            max_age: None,
            profile: Profile::Plain,
            party_check: None,
        }
    }
}

impl Validation {
    /// Itself, if it is in order.
    pub(crate) fn checked(self) -> Result<Self, AuthenticatorBuildError> {
        match self.audiences.first() {
            None if !self.any_audience => return Err(AuthenticatorBuildError::NoAudience),
            Some(audience) if self.any_audience => {
                return Err(AuthenticatorBuildError::AudienceContradiction { audience: audience.clone() });
            }
            _ => {}
        }
        for (setting, expected) in [("issuer", &self.issuers), ("audience", &self.audiences), ("typ", &self.types)] {
            if expected.iter().any(|one| one.is_empty()) {
                return Err(AuthenticatorBuildError::EmptyExpectation { setting });
            }
        }
        if self.required.iter().any(|name| name.is_empty()) {
            return Err(AuthenticatorBuildError::EmptyExpectation { setting: "required_claim" });
        }
        self.profile.check_config(&self)?;
        Ok(self)
    }

    pub(crate) fn check_header(&self, header: &Header) -> Result<(), TokenError> {
        if !self.types.is_empty() && !header.is_of_type(&self.types) {
            return Err(TokenError::Type(mismatch(header.typ(), &self.types)));
        }
        self.profile.check_header(header)
    }

    /// Whether nothing is expected of a JWT in particular.
    pub(crate) fn is_silent(&self) -> bool {
        let names = self.issuers.is_empty() && self.audiences.is_empty() && self.types.is_empty();
        let claims = self.required.is_empty() && self.max_age.is_none() && matches!(self.profile, Profile::Plain);
        names && claims && !self.any_audience
    }

    /// `json` is the text of the claims.
    pub(crate) fn check_claims(&self, noted: &Noted<'_>, json: &str, now: NumericDate) -> Result<(), TokenError> {
        let claims = &noted.registered;
        // First of all, since the rest is what is expected of this issuer's tokens.
        if !self.issuers.is_empty() {
            let issuer = claims.issuer.as_deref().ok_or_else(|| missing("iss"))?;
            if !self.issuers.iter().any(|expected| **expected == *issuer) {
                return Err(TokenError::Issuer(mismatch([issuer], &self.issuers)));
            }
        }
        self.check_times(claims.times, now)?;
        if !self.any_audience {
            if matches!(claims.audience, Audience::Absent) {
                return Err(missing("aud"));
            }
            let audiences = claims.audience.as_slice();
            if !audiences.iter().any(|audience| self.audiences.iter().any(|expected| **expected == **audience)) {
                return Err(TokenError::Audience(mismatch(audiences.iter().map(AsRef::as_ref), &self.audiences)));
            }
        }
        if !self.id_tokens_allowed && is_id_token(&noted.names) && self.profile == Profile::Plain {
            return Err(TokenError::IdToken);
        }
        match self.required.iter().find(|name| !noted.has(name)) {
            Some(name) => Err(TokenError::MissingClaim(name.clone())),
            None => self.profile.check_claims(noted, json, self),
        }
    }

    /// The part that passes with time. All sums saturate.
    pub(crate) fn check_times(&self, times: Times, now: NumericDate) -> Result<(), TokenError> {
        let Times { expires_at, not_before, issued_at } = times;
        let now = now.since_epoch();
        match expires_at {
            // `exp` is the first moment at which the token is no longer good.
            Some(expires_at) if now >= expires_at.since_epoch().saturating_add(self.leeway) => {
                return Err(TokenError::Expired { ago: now.saturating_sub(expires_at.since_epoch()) });
            }
            None if self.expiry_required => return Err(missing("exp")),
            _ => {}
        }
        let too_early = |at: Duration| now.saturating_add(self.leeway) < at;
        if let Some(at) = not_before.map(NumericDate::since_epoch).filter(|at| too_early(*at)) {
            return Err(TokenError::NotYetValid { early: at.saturating_sub(now) });
        }
        if let Some(max_age) = self.max_age {
            let issued_at = issued_at.ok_or_else(|| missing("iat"))?.since_epoch();
            if now >= issued_at.saturating_add(max_age).saturating_add(self.leeway) {
                return Err(TokenError::TooOld { by: now.saturating_sub(issued_at.saturating_add(max_age)) });
            }
            if too_early(issued_at) {
                return Err(TokenError::IssuedInFuture { early: issued_at.saturating_sub(now) });
            }
        }
        Ok(())
    }
}

/// Whether claims have what only ID tokens have, or logout tokens (`events`, RFC 8417 §2.2): the hashes of what came along with them (OpenID Connect Core 1.0
/// §3.1.3.6, §3.3.2.11; Financial-grade API §5.1), and the `nonce` of a login. `auth_time` and `azp` are in access tokens
/// of some issuers too, which then have a scope or name the client as RFC 9068 does.
pub(crate) fn is_id_token(names: &Names<'_>) -> bool {
    let has = |name: &str| names.contains(name);
    ["at_hash", "c_hash", "s_hash", "nonce"].into_iter().any(has)
        || ((has("auth_time") && has("azp") || has("events")) && !["scope", "scp", "client_id"].into_iter().any(has))
}

fn mismatch<'n>(found: impl IntoIterator<Item = &'n str>, expected: &'n [Box<str>]) -> Mismatch {
    Mismatch::new(found, expected.iter().map(AsRef::as_ref))
}

pub(crate) fn missing(claim: &'static str) -> TokenError {
    TokenError::MissingClaim(claim.into())
}

/// The checks of the application, in their order.
pub(crate) struct Checks<C>(pub(crate) Vec<Check<C>>);

pub(crate) type Check<C> = Box<dyn Fn(&VerifiedToken<C>) -> Result<(), CheckError> + Send + Sync>;

impl<C> Checks<C> {
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add<O: CheckOutcome>(&mut self, check: impl Fn(&VerifiedToken<C>) -> O + Send + Sync + 'static) {
        self.0.push(Box::new(move |token| check(token).into_result()));
    }

    pub(crate) fn pass(&self, token: &VerifiedToken<C>) -> Result<(), TokenError> {
        self.0.iter().try_for_each(|check| check(token)).map_err(TokenError::Check)
    }
}

impl<C> fmt::Debug for Checks<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks", self.0.len())
    }
}
