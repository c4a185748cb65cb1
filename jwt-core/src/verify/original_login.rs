//! What the ID token of a login said, for the ID tokens that follow it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::NumericDate;
use crate::error::{ProfileClaim, TokenError};
use crate::verify::profile::Beside;
use crate::verify::{Common, VerifiedToken};

/// What the ID token of a login said, as far as those that follow must agree with it (OpenID Connect Core 1.0 §12.2 and
/// §3.3.3.6). Keep it where the refresh token is kept: it serializes, and outlives the ID token.
///
/// ```
/// use jwt_core::verify::{AuthenticationRequest, OriginalLogin};
///
/// # fn later(
/// #     verifier: &jwt_core::verify::IdTokenVerifier<()>, id_token: &str, refreshed: &str, nonce: &str,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// // At the login:
/// let person = verifier.verify(id_token, &AuthenticationRequest::with_nonce(nonce))?;
/// let kept = serde_json::to_string(&OriginalLogin::of(&person))?;
///
/// // And when the answer to a refresh brings another ID token:
/// let login: OriginalLogin = serde_json::from_str(&kept)?;
/// let person = verifier.verify(refreshed, &AuthenticationRequest::refresh_of(&login))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalLogin {
    iss: String,
    sub: String,
    aud: Vec<String>,
    /// In milliseconds.
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl OriginalLogin {
    /// That of an ID token which an [`IdTokenVerifier`](crate::verify::IdTokenVerifier) has verified.
    pub fn of<C>(token: &VerifiedToken<C>) -> Self {
        let beside = Beside::read(token.claims_json()).ok();
        let text = |claim| Some(beside.as_ref()?.text(claim).ok()??.into_owned());
        let date = |claim| Some(beside.as_ref()?.date(claim).ok()??.as_millis());
        Self {
            iss: token.issuer().unwrap_or_default().to_owned(),
            sub: token.subject().unwrap_or_default().to_owned(),
            aud: token.audience().map(str::to_owned).collect(),
            iat: token.issued_at().map_or(0, NumericDate::as_millis),
            azp: text(ProfileClaim::AuthorizedParty),
            auth_time: date(ProfileClaim::AuthenticationTime),
            nonce: text(ProfileClaim::Nonce),
        }
    }

    /// Core §3.3.3.6: of the same user at the same issuer.
    pub(crate) fn check_user(&self, token: &Common) -> Result<(), TokenError> {
        same("iss", token.issuer() == Some(&self.iss))?;
        same("sub", token.subject() == Some(&self.sub))
    }

    /// Core §12.2, clause by clause.
    pub(crate) fn check_refreshed(&self, token: &Common, beside: &Beside<'_>) -> Result<(), TokenError> {
        self.check_user(token)?;
        let leeway = u64::try_from(token.leeway().as_millis()).unwrap_or(u64::MAX);
        // The moment at which this one was issued, which is not before the first.
        let issued = token.times().issued_at.map_or(0, NumericDate::as_millis);
        same("iat", issued.saturating_add(leeway) >= self.iat)?;
        // In whatever order, since it is a set.
        let known = |audience: &str| self.aud.iter().any(|one| one == audience);
        let all_there = self.aud.iter().all(|one| token.audience().any(|audience| audience == one));
        same("aud", all_there && token.audience().all(known))?;
        // That of the login and not of the refresh. Where the login did not say, it cannot be later than its token.
        if let Some(time) = beside.date(ProfileClaim::AuthenticationTime)? {
            let time = time.as_millis();
            let good = self.auth_time.map_or(time <= self.iat.saturating_add(leeway), |first| time == first);
            same("auth_time", good)?;
        }
        // Absent where it was absent.
        same("azp", beside.text(ProfileClaim::AuthorizedParty)?.as_deref() == self.azp.as_deref())?;
        // It should not have one, and if it has, then the same.
        let nonce = beside.text(ProfileClaim::Nonce)?;
        same("nonce", nonce.is_none() || nonce.as_deref() == self.nonce.as_deref())
    }
}

fn same(claim: &'static str, holds: bool) -> Result<(), TokenError> {
    if holds { Ok(()) } else { Err(TokenError::OtherLogin(claim)) }
}

impl fmt::Debug for OriginalLogin {
    /// Without the user and the nonce.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginalLogin").field("iss", &self.iss).field("aud", &self.aud).finish_non_exhaustive()
    }
}
