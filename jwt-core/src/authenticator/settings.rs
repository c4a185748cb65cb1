//! The settings of an authenticator that are not about the type of its claims, and what is wrong with them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::renewal::Renewal;
use super::{Allowed, Gate};
use crate::answer::{Challenges, ResponseHeaders, Scheme};
use crate::binding::{BindingSettings, Surroundings};
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::clock::{Clock, SystemClock};
use crate::config_error::Given;
use crate::error::AuthenticatorBuildError;
use crate::issuers::Trusting;
use crate::metadata::ResourceMetadata;
use crate::observe::near_miss::Sources;
use crate::request::cross_site::CrossSite;
use crate::request::source::TokenSource;
use crate::verify::{
    AnyVerifier, Authority, DEFAULT_MAX_TOKEN_LEN, Kind, ReadToken, Remember, RevocationCheck, Validation,
};

/// Each is documented where it is set, by [`AuthenticatorBuilder`](super::AuthenticatorBuilder).
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) given: Given,
    pub(super) trusting: Trusting,
    pub(super) sources: Vec<TokenSource>,
    pub(super) validation: Validation,
    pub(super) max_token_len: Option<usize>,
    /// Whether the application has checks of its own.
    pub(super) checked: bool,
    pub(super) cross_site: CrossSite,
    pub(super) binding: BindingSettings,
    pub(super) hierarchy: ScopeHierarchy,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) allowed: Allowed,
    pub(super) realm: Option<String>,
    pub(super) grpc: bool,
    pub(super) metadata: Option<ResourceMetadata>,
    pub(super) subject_in_spans: bool,
    pub(super) kinds: Vec<Arc<dyn Kind>>,
    /// The last of the kinds, once it is known what is expected of every token.
    pub(super) last_kind: Option<MakeKind>,
    pub(crate) revocation: Option<Revocation>,
    pub(super) memory: Option<Box<dyn Remember>>,
    pub(super) renewal: Option<Renewal>,
}

/// Makes a kind of token, with what is expected of every token.
pub(super) type MakeKind =
    Box<dyn FnOnce(&Validation, &Arc<dyn Clock>) -> Result<Arc<dyn Kind>, AuthenticatorBuildError> + Send + Sync>;

/// Makes what knows the type of the claims.
pub(super) type MakeApplication = Box<dyn FnOnce(Authority) -> Arc<dyn ReadToken>>;

/// How revoked tokens are found, and for how long after their `exp` they are remembered.
pub(crate) struct Revocation {
    pub(crate) check: RevocationCheck,
    pub(crate) leeway: Duration,
}

impl Settings {
    pub(super) fn build(mut self, application: MakeApplication) -> Result<Gate, AuthenticatorBuildError> {
        if self.sources.is_empty() {
            self.sources.push(TokenSource::bearer());
        }
        let proofs = self.sources.iter().any(TokenSource::is_bearer);
        let proofs_only = self.binding.dpop_required;
        let binding = std::mem::take(&mut self.binding).build(&Surroundings {
            sources: &self.sources,
            validation: &self.validation,
            renews: self.renewal.is_some(),
            several_tokens: self.allowed.several_tokens,
            expired_is_anonymous: self.allowed.expired,
            knows_revoked: self.revocation.is_some() || self.checked,
        })?;
        let algorithms: Vec<_> = binding.proof_algorithms().filter(|_| proofs).collect();
        if self.metadata.as_ref().is_some_and(|metadata| !metadata.complete(&algorithms, proofs_only)) {
            return Err(AuthenticatorBuildError::SharedMetadata);
        }
        let algorithms = format!("algs=\"{}\"", algorithms.join(" "));
        let schemes = [(!proofs_only).then_some(Scheme::BEARER), proofs.then_some(Scheme::dpop(&algorithms))];
        let schemes: Vec<_> = schemes.into_iter().flatten().collect();
        let metadata = self.metadata.as_ref().map(ResourceMetadata::url);
        let challenges = Challenges::new(self.realm.as_deref(), &schemes, metadata)?.with_grpc(self.grpc);
        for (index, source) in self.sources.iter().enumerate() {
            source.check()?;
            if self.sources[..index].iter().any(|other| other.to_string() == source.to_string()) {
                let token_source = source.to_string().into();
                return Err(AuthenticatorBuildError::DuplicateSource { token_source });
            }
        }
        self.cross_site.check_config()?;
        let (sources, cross_site) = (std::mem::take(&mut self.sources), std::mem::take(&mut self.cross_site));
        if self.allowed.expired && !self.allowed.no_token {
            return Err(AuthenticatorBuildError::ExpiredWithoutOptional);
        }
        let (allowed, subject_in_spans, renewal) = (self.allowed, self.subject_in_spans, self.renewal.take());
        let response_headers = ResponseHeaders::of(&sources, allowed.no_token);
        let verifier = self.verifier(challenges.clone(), application)?.into();
        Ok(Gate {
            sources: Arc::new(Sources::new(sources)),
            cross_site,
            binding,
            verifier,
            allowed,
            subject_in_spans,
            challenges,
            response_headers,
            renewal,
        })
    }

    /// For bare tokens.
    pub(super) fn build_verifier(self, application: MakeApplication) -> Result<AnyVerifier, AuthenticatorBuildError> {
        self.verifier(Challenges::new(None, &[Scheme::BEARER], None)?, application)
    }

    fn verifier(
        self,
        challenges: Challenges,
        application: MakeApplication,
    ) -> Result<AnyVerifier, AuthenticatorBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(AuthenticatorBuildError::SetTwice { setting });
        }
        if self.hierarchy.has_empty() {
            return Err(AuthenticatorBuildError::EmptyExpectation { setting: "scope_implies" });
        }
        let max_token_len = self.max_token_len.unwrap_or(DEFAULT_MAX_TOKEN_LEN);
        if max_token_len < 64 {
            return Err(AuthenticatorBuildError::TokenLimit { bytes: max_token_len });
        }
        if let Some(Revocation { leeway, .. }) = &self.revocation
            && *leeway < self.validation.leeway
        {
            let (revocations, tokens) = (*leeway, self.validation.leeway);
            return Err(AuthenticatorBuildError::RevocationLeeway { revocations, tokens });
        }
        let (hierarchy, clock) = (self.hierarchy, self.clock.unwrap_or_else(|| Arc::new(SystemClock)));
        let mut kinds = self.kinds;
        kinds.extend(self.last_kind.map(|make| make(&self.validation, &clock)).transpose()?);
        Ok(AnyVerifier {
            trusted: self.trusting.build(self.validation, !kinds.is_empty())?,
            max_token_len,
            application: application(Authority { hierarchy, challenges, clock: clock.clone() }),
            checked: self.checked,
            clock,
            kinds,
            revocation: self.revocation.map(|revocation| revocation.check),
            memory: self.memory,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorBuilder")
            .field("keys", &self.trusting.keys)
            .field("issuers", &self.trusting.issuers)
            .field("sources", &self.sources)
            .field("cross_site", &self.cross_site)
            .field("validation", &self.validation)
            .field("allowed", &self.allowed)
            .field("realm", &self.realm)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
