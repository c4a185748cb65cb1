//! Who is trusted, and for what: one issuer, several, or those that a rule covers; and how `iss` selects among them.

mod key_source;
#[cfg(feature = "remote")]
pub mod providers;
mod several;
#[cfg(feature = "remote")]
pub mod tenants;
mod trusted_issuer;

use std::collections::HashSet;
use std::sync::Arc;

pub(crate) use several::OpenIssuers;
use several::Several;
pub use trusted_issuer::TrustedIssuer;

use crate::error::AuthenticatorBuildError;
use crate::key::{KeySource, LiveKeys, Source};
use crate::verify::{Party, Standing, Trust, Trusted, Validation};

/// Whom a builder was told to trust.
#[derive(Default)]
pub(crate) struct Trusting {
    pub(crate) keys: Option<KeySource>,
    /// Further names of the issuer of these keys.
    pub(crate) aliases: Vec<Box<str>>,
    pub(crate) issuers: Vec<TrustedIssuer>,
    pub(crate) open: Option<MakeOpenIssuers>,
    /// What is expected of tokens is expected of others than JWTs.
    pub(crate) expected_of_others: bool,
}

/// Makes issuers that are not known beforehand, once it is known what is expected of everybody.
pub(crate) type MakeOpenIssuers =
    Box<dyn FnOnce(&Validation) -> Result<Arc<dyn OpenIssuers>, AuthenticatorBuildError> + Send + Sync>;

impl Trusting {
    /// The parties, each with what is expected of its tokens. `lookups_are_enough` says that
    /// there are tokens which are looked up.
    pub(crate) fn build(
        self,
        common: Validation,
        lookups_are_enough: bool,
    ) -> Result<Trusted, AuthenticatorBuildError> {
        let Self { keys, aliases, issuers, open, expected_of_others } = self;
        if issuers.is_empty() && open.is_none() {
            if lookups_are_enough && keys.is_none() && aliases.is_empty() && (expected_of_others || common.is_silent())
            {
                return Ok(Trusted::Nobody);
            }
            return Ok(Trusted::One(party(keys.ok_or(AuthenticatorBuildError::NoKeys)?, common, &aliases, None)?));
        }
        let mut parties = Vec::with_capacity(issuers.len() + 1);
        let mut names = HashSet::new();
        for issuer in issuers {
            for name in issuer.names() {
                if !names.insert(name.clone()) {
                    return Err(AuthenticatorBuildError::DuplicateIssuer { issuer: name.clone() });
                }
            }
            parties.push(issuer.party(&common, None)?);
        }
        let open = open.map(|make| make(&common)).transpose()?;
        match (keys, common.issuers.first()) {
            (None, None) => {
                if let Some(alias) = aliases.into_iter().next() {
                    return Err(AuthenticatorBuildError::AliasWithoutIssuer { alias });
                }
            }
            (None, Some(issuer)) => {
                return Err(AuthenticatorBuildError::IssuerWithoutKeys { issuer: issuer.clone() });
            }
            (Some(_), None) => return Err(AuthenticatorBuildError::NamelessIssuer),
            (Some(keys), Some(_)) => {
                if let Some(twice) = common.issuers.iter().chain(&aliases).find(|name| names.contains(*name)) {
                    return Err(AuthenticatorBuildError::DuplicateIssuer { issuer: twice.clone() });
                }
                parties.push(party(keys, common, &aliases, None)?);
            }
        }
        Ok(Trusted::Several(Box::new(Several::new(parties, open))))
    }
}

fn party(
    keys: KeySource,
    mut validation: Validation,
    aliases: &[Box<str>],
    standing: Option<Arc<dyn Standing>>,
) -> Result<Party, AuthenticatorBuildError> {
    let trust = |keys: LiveKeys, validation: Validation| {
        validation.party_check.map_or(Ok(()), |check| check(&validation, &keys))?;
        Ok::<_, AuthenticatorBuildError>(Arc::new(Trust::new(keys, validation).while_standing(standing)))
    };
    let named = |mut validation: Validation| match aliases.first() {
        Some(alias) if validation.issuers.is_empty() => {
            Err(AuthenticatorBuildError::AliasWithoutIssuer { alias: alias.clone() })
        }
        Some(_) if aliases.iter().any(|alias| alias.is_empty()) => {
            Err(AuthenticatorBuildError::EmptyExpectation { setting: "issuer_alias" })
        }
        _ => {
            validation.issuers.extend(aliases.iter().cloned());
            validation.checked()
        }
    };
    match keys.0 {
        Source::Live(keys) => Ok(Party { trust: trust(keys, named(validation)?)?, feed: None }),
        Source::Fetched(feed) => {
            if let Some(discovered) = feed.issuer() {
                if validation.issuers.is_empty() {
                    validation.issuers.push(discovered.into());
                }
                if let Some(expected) = validation.issuers.iter().find(|expected| ***expected != *discovered) {
                    let (expected, discovered) = (expected.clone(), discovered.into());
                    return Err(AuthenticatorBuildError::DiscoveredIssuer { expected, discovered });
                }
            }
            let validation = named(validation)?;
            Ok(Party { trust: trust(feed.start()?, validation)?, feed: Some(feed) })
        }
    }
}
