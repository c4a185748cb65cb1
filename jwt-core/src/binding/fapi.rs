//! FAPI 2.0 Security Profile (February 2025): what it demands of a resource server, in §5.3.4 and §5.4.1, of settings and of each
//! token.

use std::time::Duration;

use super::BindingSettings;
use crate::claims::RegisteredClaims;
use crate::clock::NumericDate;
use crate::error::{AuthenticatorBuildError, Fapi2Contradiction, TokenError};
use crate::key::{Algorithm, KeySet, LiveKeys, VerifyingKey};
use crate::request::source::TokenSource;
use crate::verify::{Common, Header, Validation};

/// Those of §5.4.1 (1), for tokens and for proofs. Ed25519 is RFC 9864's name of `EdDSA` with that curve, which §5.4.1 allows.
pub(super) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Ed25519, Algorithm::EdDSA, Algorithm::ES256, Algorithm::PS256];

/// How far the clock of an issuer or a client may be ahead: so far in any case, and no further (§5.3.2.1 (13)).
const AHEAD: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(60);

/// What of the settings beside those of bound tokens has a say in whether these can work.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the builder")]
pub(crate) struct Surroundings<'a> {
    pub(crate) sources: &'a [TokenSource],
    pub(crate) validation: &'a Validation,
    /// Logins are renewed by a cookie.
    pub(crate) renews: bool,
    pub(crate) several_tokens: bool,
    pub(crate) expired_is_anonymous: bool,
    /// Something says which tokens were revoked.
    pub(crate) knows_revoked: bool,
}

impl Surroundings<'_> {
    /// What is about requests; [`check_party`] is about issuers.
    pub(super) fn check(&self, binding: &BindingSettings) -> Result<(), Fapi2Contradiction> {
        let cookie = "the refresh token in a cookie".to_owned();
        let other = self.sources.iter().find(|source| !source.is_bearer()).map(ToString::to_string);
        if let Some(source) = other.or(self.renews.then_some(cookie)) {
            return Err(Fapi2Contradiction::Source { token_source: source.into() });
        }
        let dangerous = [
            (self.several_tokens, "dangerous_allow_several_tokens", "§5.3.4 (1)"),
            (self.expired_is_anonymous, "dangerous_allow_expired_as_anonymous", "§5.3.4 (3)"),
            bound_allowed(self.validation),
        ];
        check_dangerous(dangerous)?;
        if !self.knows_revoked {
            return Err(Fapi2Contradiction::Revocations);
        }
        let is_secure = |origin: &str| origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if binding.public_origins.is_empty() || !binding.public_origins.iter().all(|origin| is_secure(origin)) {
            return Err(Fapi2Contradiction::PublicOrigin);
        }
        match binding.dpop.algorithms.iter().find(|algorithm| !ALGORITHMS.contains(algorithm)) {
            Some(algorithm) => Err(Fapi2Contradiction::ProofAlgorithm { algorithm: *algorithm }),
            None => Ok(()),
        }
    }
}

/// What is expected of the tokens of one issuer, and of the keys that are there by now. Of keys that are fetched later, each
/// token says whether they do.
pub(crate) fn check_party(validation: &Validation, keys: &LiveKeys) -> Result<(), AuthenticatorBuildError> {
    if validation.issuers.is_empty() {
        return Err(Fapi2Contradiction::Issuer.into());
    }
    if validation.any_audience {
        return Err(Fapi2Contradiction::Audience.into());
    }
    check_dangerous([
        (!validation.expiry_required, "dangerous_allow_tokens_without_expiry", "§5.3.4 (3)"),
        bound_allowed(validation),
        (validation.id_tokens_allowed, "dangerous_accept_id_tokens", "§5.4.1, RFC 8725 §3.12"),
        (validation.padding_allowed, "dangerous_allow_padded_tokens", "§5.4.1, RFC 7515 §2"),
        (
            validation.mistyped_allowed != RegisteredClaims::default(),
            "dangerous_allow_mistyped_claim",
            "§5.4.1, RFC 7519 §4.1",
        ),
    ])?;
    if !AHEAD.contains(&validation.leeway) {
        return Err(Fapi2Contradiction::Leeway { leeway: validation.leeway }.into());
    }
    let keys = keys.current();
    let mut algorithms = keys.iter().flat_map(KeySet::keys).map(VerifyingKey::algorithm);
    match algorithms.find(|algorithm| !ALGORITHMS.contains(algorithm)) {
        Some(algorithm) => Err(Fapi2Contradiction::KeyAlgorithm { algorithm }.into()),
        None => Ok(()),
    }
}

/// Told before it contradicts what is required of bound tokens anyway, and of each issuer.
fn bound_allowed(validation: &Validation) -> (bool, &'static str, &'static str) {
    (validation.bound_allowed, "dangerous_allow_bound_tokens", "§5.3.4 (5)")
}

fn check_dangerous(
    settings: impl IntoIterator<Item = (bool, &'static str, &'static str)>,
) -> Result<(), Fapi2Contradiction> {
    match settings.into_iter().find(|(given, ..)| *given) {
        Some((_, setting, clause)) => Err(Fapi2Contradiction::Dangerous { setting, clause }),
        None => Ok(()),
    }
}

/// What is expected of a verified token beside what is expected anyway: its algorithm, since keys may have been fetched or
/// replaced, and its `iat`, which otherwise counts only where there is a maximum age.
pub(super) fn check_token(token: &Common, now: NumericDate, leeway: Duration) -> Result<(), TokenError> {
    if let Some(algorithm) = token.header().map(Header::algorithm)
        && !ALGORITHMS.contains(&algorithm)
    {
        return Err(TokenError::Fapi2Algorithm(algorithm));
    }
    match token.times().issued_at {
        Some(at) if at > now.saturating_add(leeway) => {
            Err(TokenError::IssuedInFuture { early: at.since_epoch().saturating_sub(now.since_epoch()) })
        }
        _ => Ok(()),
    }
}
