//! One issuer of several, with keys and expectations of its own.

use std::sync::Arc;
use std::time::Duration;

use super::party;
use crate::claims::RegisteredClaims;
use crate::config_error::Given;
use crate::error::{AuthenticatorBuildError, RegisteredClaim};
use crate::key::KeySource;
use crate::verify::{Party, Profile, Standing, Validation};

/// One issuer of several that an authenticator trusts; given to
/// [`AuthenticatorBuilder::trust`](crate::AuthenticatorBuilder::trust).
///
/// Its tokens are verified with its keys and with no others, and must name it in `iss`. What it does not say itself is
/// as the builder says it.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    pub(crate) name: Box<str>,
    pub(crate) keys: KeySource,
    aliases: Vec<Box<str>>,
    audiences: Vec<Box<str>>,
    any_audience: bool,
    types: Vec<Box<str>>,
    required: Vec<Arc<str>>,
    max_age: Option<Duration>,
    access_tokens_only: bool,
    padding_allowed: bool,
    mistyped_allowed: RegisteredClaims,
    given: Given,
}

impl TrustedIssuer {
    /// The issuer of that name, byte for byte as it stands in `iss`, and its keys.
    pub fn new(name: impl Into<String>, keys: impl Into<KeySource>) -> Self {
        Self {
            name: name.into().into_boxed_str(),
            keys: keys.into(),
            aliases: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            types: Vec::new(),
            required: Vec::new(),
            max_age: None,
            access_tokens_only: false,
            padding_allowed: false,
            mistyped_allowed: RegisteredClaims::default(),
            given: Given::default(),
        }
    }

    /// One more name under which it writes tokens with the same keys; see
    /// [`AuthenticatorBuilder::issuer_alias`](crate::AuthenticatorBuilder::issuer_alias). Called again, any of them. Not for
    /// tenants.
    #[must_use]
    pub fn issuer_alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into().into_boxed_str());
        self
    }

    /// Accepts another type of a registered claim in its tokens, and in those of nobody else; see
    /// [`AuthenticatorBuilder::dangerous_allow_mistyped_claim`](crate::AuthenticatorBuilder::dangerous_allow_mistyped_claim).
    #[must_use]
    pub fn dangerous_allow_mistyped_claim(mut self, claim: RegisteredClaim) -> Self {
        self.mistyped_allowed.insert(claim);
        self
    }

    /// Accepts padding in its tokens, and in those of nobody else; see
    /// [`AuthenticatorBuilder::dangerous_allow_padded_tokens`](crate::AuthenticatorBuilder::dangerous_allow_padded_tokens).
    #[must_use]
    pub fn dangerous_allow_padded_tokens(mut self) -> Self {
        self.padding_allowed = true;
        self
    }

    /// Expects `aud` of its tokens to be or to hold this, instead of what the builder says. Called again, any of them.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// Accepts its tokens whoever they were made for; see
    /// [`AuthenticatorBuilder::any_audience`](crate::AuthenticatorBuilder::any_audience).
    #[must_use]
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Expects the `typ` header of its tokens to be this, instead of what the builder says. Called again, any of them.
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.types.push(typ.into().into_boxed_str());
        self
    }

    /// Requires a claim of that name in its tokens, beside those that the builder requires.
    #[must_use]
    pub fn required_claim(mut self, name: impl Into<Arc<str>>) -> Self {
        self.required.push(name.into());
        self
    }

    /// The maximum age of its tokens, instead of what the builder says.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.given.once("max_age");
        self.max_age = Some(max_age);
        self
    }

    /// Takes the access tokens of RFC 9068 and no others from it, whatever the other issuers write; see
    /// [`AuthenticatorBuilder::access_token_profile`](crate::AuthenticatorBuilder::access_token_profile). A verifier for
    /// ID tokens takes ID tokens all the same.
    #[must_use]
    pub fn access_token_profile(mut self) -> Self {
        self.access_tokens_only = true;
        self
    }

    /// What is expected of everybody, and what of this one. It is trusted for as long as `standing` holds.
    pub(crate) fn party(
        self,
        common: &Validation,
        standing: Option<Arc<dyn Standing>>,
    ) -> Result<Party, AuthenticatorBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(AuthenticatorBuildError::SetTwice { setting });
        }
        if let (Some(alias), Some(_)) = (self.aliases.first(), &standing) {
            return Err(AuthenticatorBuildError::TenantAlias { alias: alias.clone() });
        }
        let validation = self.validation(common);
        party(self.keys, validation, &self.aliases, standing)
    }

    /// All its names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Box<str>> {
        std::iter::once(&self.name).chain(&self.aliases)
    }

    /// What is expected of its tokens, where that is expected of everybody.
    pub(crate) fn validation(&self, common: &Validation) -> Validation {
        let mut validation = common.clone();
        validation.issuers = vec![self.name.clone()];
        if !self.audiences.is_empty() || self.any_audience {
            (validation.audiences, validation.any_audience) = (self.audiences.clone(), self.any_audience);
        }
        if !self.types.is_empty() {
            validation.types.clone_from(&self.types);
        }
        validation.required.extend(self.required.iter().cloned());
        validation.max_age = self.max_age.or(common.max_age);
        validation.padding_allowed |= self.padding_allowed;
        validation.mistyped_allowed.extend(self.mistyped_allowed);
        if self.access_tokens_only && validation.profile == Profile::Plain {
            validation.profile = Profile::AccessToken;
        }
        validation
    }
}
