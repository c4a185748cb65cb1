//! Standards that tokens follow beside RFC 7519: access tokens of RFC 9068, ID tokens of OpenID Connect.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::header::Header;
use super::validation::{Validation, missing};
use crate::claims::Noted;
use crate::clock::{Number, NumericDate};
use crate::error::{AuthenticatorBuildError, Malformed, Mismatch, ProfileClaim, RegisteredClaim, TokenError};

/// A standard that tokens must follow beside RFC 7519. Each rule has its clause beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Profile {
    /// None.
    Plain,
    /// Access tokens of RFC 9068.
    AccessToken,
    /// ID tokens of OpenID Connect Core 1.0, for a client of that identifier.
    IdToken { client_id: Box<str> },
}

impl Profile {
    /// What the builder was told must not undo what the standard demands.
    pub(crate) fn check_config(&self, validation: &Validation) -> Result<(), AuthenticatorBuildError> {
        if *self == Self::Plain {
            return Ok(());
        }
        // RFC 9068 §4, OpenID Connect Core §3.1.3.7 no. 2: `iss` is that of an issuer who is known beforehand.
        if validation.issuers.is_empty() {
            return Err(AuthenticatorBuildError::ProfileWithoutIssuer);
        }
        // RFC 9068 §4 and Core §3.1.3.7 no. 3 and 9: audience and expiry are checked.
        if validation.any_audience || !validation.expiry_required {
            return Err(AuthenticatorBuildError::ProfileContradiction);
        }
        Ok(())
    }

    pub(crate) fn check_header(&self, header: &Header) -> Result<(), TokenError> {
        let (good, expected) = match self {
            Self::Plain => return Ok(()),
            // RFC 9068 §4: `at+jwt` or `application/at+jwt`, and nothing else.
            Self::AccessToken => (header.is_of_type(&["at+jwt".into()]), "at+jwt"),
            // Core names no type, and issuers leave it out or write `JWT`. All others say that they are something else:
            // an access token, a logout token.
            Self::IdToken { .. } => (header.typ().is_none() || header.is_of_type(&["JWT".into()]), "JWT"),
        };
        if good { Ok(()) } else { Err(TokenError::Type(Mismatch::new(header.typ(), [expected]))) }
    }

    /// What the standard says beside the expectations of the builder. `json` is the text of the claims.
    pub(crate) fn check_claims(&self, noted: &Noted<'_>, json: &str, expected: &Validation) -> Result<(), TokenError> {
        // RFC 9068 §2.2, Core §2.
        let required: &[&'static str] = match self {
            Self::Plain => return Ok(()),
            Self::AccessToken => &["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
            Self::IdToken { .. } => &["iss", "sub", "aud", "exp", "iat"],
        };
        if let Some(claim) = required.iter().find(|name| !noted.has(name)) {
            return Err(missing(claim));
        }
        let beside = Beside::read(json)?;
        let Self::IdToken { client_id } = self else {
            // RFC 8693 §4.3: the identifier of the client, a string.
            return beside.text(ProfileClaim::ClientId).map(|_| ());
        };
        // Core §2: no more than 255 ASCII characters.
        if noted.registered.subject.as_ref().is_some_and(|subject| subject.len() > 255 || !subject.is_ascii()) {
            return Err(TokenError::ClaimType(RegisteredClaim::Subject));
        }
        // Core §3.1.3.7 no. 3: the client itself, and beside it only whom the client trusts.
        let audiences = noted.registered.audience.as_slice();
        let trusted = |audience: &str| expected.audiences.iter().any(|trusted| **trusted == *audience);
        if !audiences.iter().any(|audience| **audience == **client_id) || !audiences.iter().all(|one| trusted(one)) {
            let expected = expected.audiences.iter().map(AsRef::as_ref);
            return Err(TokenError::Audience(Mismatch::new(audiences.iter().map(AsRef::as_ref), expected)));
        }
        // Core §3.1.3.7 no. 4 and 5: with several audiences the one that asked is named, and whenever named, it is this.
        match beside.text(ProfileClaim::AuthorizedParty)? {
            Some(party) if *party != **client_id => Err(TokenError::AuthorizedParty),
            None if audiences.len() > 1 => Err(missing("azp")),
            _ => Ok(()),
        }
    }
}

/// Claims that the standards have beside those of RFC 7519: read where a profile asks for them, by a second pass.
#[derive(Deserialize)]
pub(crate) struct Beside<'j> {
    #[serde(borrow, default, deserialize_with = "present")]
    client_id: Option<&'j RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    azp: Option<&'j RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    nonce: Option<&'j RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    auth_time: Option<&'j RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    at_hash: Option<&'j RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    c_hash: Option<&'j RawValue>,
}

/// A member that is there, `null` included.
fn present<'j, D: Deserializer<'j>>(deserializer: D) -> Result<Option<&'j RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'j> Beside<'j> {
    /// `json` was read before, so that it is an object without duplicate members.
    pub(crate) fn read(json: &'j str) -> Result<Self, TokenError> {
        serde_json::from_str(json).map_err(|_| TokenError::Malformed(Malformed::Claims))
    }

    /// A claim that must be a string where it is there.
    pub(crate) fn text(&self, claim: ProfileClaim) -> Result<Option<Cow<'j, str>>, TokenError> {
        let Some(value) = self.value(claim) else { return Ok(None) };
        let text: Result<Text<'j>, _> = serde_json::from_str(value.get());
        text.map(|Text(text)| Some(text)).map_err(|_| TokenError::ProfileClaimType(claim))
    }

    /// A claim that must be a moment where it is there.
    pub(crate) fn date(&self, claim: ProfileClaim) -> Result<Option<NumericDate>, TokenError> {
        let Some(value) = self.value(claim) else { return Ok(None) };
        let seconds = serde_json::from_str::<f64>(value.get()).ok();
        let date = seconds.and_then(|seconds| NumericDate::from_number(Number::Float(seconds)));
        date.map(Some).ok_or(TokenError::ProfileClaimType(claim))
    }

    fn value(&self, claim: ProfileClaim) -> Option<&'j RawValue> {
        match claim {
            ProfileClaim::ClientId => self.client_id,
            ProfileClaim::AuthorizedParty => self.azp,
            ProfileClaim::Nonce => self.nonce,
            ProfileClaim::AuthenticationTime => self.auth_time,
            ProfileClaim::AccessTokenHash => self.at_hash,
            ProfileClaim::CodeHash => self.c_hash,
        }
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);
