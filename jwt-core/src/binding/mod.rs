//! Proof of possession (RFC 7800): whether whoever sent a token that is bound to a key has that key.

mod address;
#[cfg(feature = "login")]
pub(crate) mod at_login;
mod certificate;
#[cfg(feature = "device")]
pub(crate) mod device;
mod dpop;
mod elements;
mod fapi;
mod htu;
mod nonce;
mod proof_keys;
mod proxies;
mod replay;
mod signing;
#[cfg(feature = "login")]
mod with_store;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::claims::confirmation::Confirmation;
pub use crate::claims::confirmation::Possession;
pub use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::error::{AuthError, AuthenticatorBuildError, ProofError, TokenError, Unavailable};
use crate::key::crypto;
use crate::request::RequestHead;
use crate::request::source::{Presented, TokenSource};
use crate::verify::{AnyToken, Common};
use address::{PublicAddresses, RequestAddress};
use certificate::Certificate;
pub use dpop::Dpop;
use dpop::{Expected, GoodProof, MAX_PROOF, Proofs};
pub(crate) use fapi::{Surroundings, check_party};
pub use nonce::DpopNonces;
use proxies::Proxies;
pub use proxies::TrustedProxies;
use replay::Answer;
pub use signing::{DpopKey, DpopProof};

/// The field that a proof comes in (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What the builder of an authenticator is told of bound tokens.
#[derive(Default)]
pub(crate) struct BindingSettings {
    pub(crate) dpop: Dpop,
    pub(crate) dpop_required: bool,
    /// By a proof of either kind.
    pub(crate) bound_required: bool,
    pub(crate) fapi: bool,
    pub(crate) proxies: Option<TrustedProxies>,
    /// Origins, each perhaps with a path that a proxy takes off.
    pub(crate) public_origins: Vec<Box<str>>,
}

/// What is asked of the sender of a bound token.
pub(crate) struct Binding {
    proofs: Proofs,
    dpop_required: bool,
    bound_required: bool,
    fapi: bool,
    addresses: PublicAddresses,
    proxies: Option<Proxies>,
    leeway: Duration,
}

impl BindingSettings {
    pub(crate) fn build(mut self, around: &Surroundings<'_>) -> Result<Binding, AuthenticatorBuildError> {
        if self.fapi {
            around.check(&self)?;
            self.bound_required = true;
            self.dpop = self.dpop.limited_to(&fapi::ALGORITHMS);
        }
        let proofs = around.sources.iter().any(TokenSource::is_bearer);
        let unproven = around.validation.bound_allowed || around.renews;
        if self.dpop_required && (!proofs || unproven) {
            return Err(AuthenticatorBuildError::DpopContradiction);
        }
        if self.bound_required && unproven {
            return Err(AuthenticatorBuildError::BoundContradiction);
        }
        let Self { dpop, dpop_required, bound_required, fapi, proxies, public_origins } = self;
        let proxies = proxies.map(TrustedProxies::build).transpose()?;
        let (proofs, addresses) = (dpop.build()?, PublicAddresses::new(&public_origins)?);
        Ok(Binding {
            proofs,
            dpop_required,
            bound_required,
            fapi,
            addresses,
            proxies,
            leeway: around.validation.leeway,
        })
    }
}

/// What a request shows beside its token, kept until that is verified.
pub(crate) struct Shown {
    /// Under the scheme `DPoP`.
    proof: Option<ShownProof>,
    certificate: Option<Certificate>,
}

/// What it shows that may be a proof.
pub(crate) struct ShownProof {
    proof: Result<Box<[u8]>, ProofError>,
    method: Box<str>,
    address: RequestAddress,
}

/// The answer of a store that was asked whether a proof is new.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send>>;

impl Binding {
    /// The names of the algorithms that a proof may be signed by.
    pub(crate) fn proof_algorithms(&self) -> impl Iterator<Item = &'static str> {
        self.proofs.algorithms.iter().map(|algorithm| algorithm.as_str())
    }

    /// Whether it is a bearer token and may be one: the usual case, for which [`shown`](Self::shown) and
    /// [`check`](Self::check) would cost time and change nothing.
    pub(crate) fn asks_nothing_of(&self, token: &Common, presented: Presented) -> bool {
        let is_bearer = token.confirmation().is_none() && presented != Presented::WithProof;
        is_bearer && !(self.bound_required || self.dpop_required || self.fapi)
    }

    /// What a request shows that its token may be bound to; `None` where there is nothing. `token` is `None` until it is
    /// verified, and then it may be bound to everything.
    pub(crate) fn shown(
        &self,
        head: &impl RequestHead,
        presented: Presented,
        token: Option<&Common>,
    ) -> Option<Box<Shown>> {
        let is_bound = |token: &Common| token.confirmation().is_some_and(|cnf| cnf.certificate.is_some());
        let proof = (presented == Presented::WithProof).then(|| self.shown_proof(head));
        let certificate = token.is_none_or(is_bound).then(|| Certificate::of(head, self.proxies.as_ref()));
        (proof.is_some() || certificate.is_some()).then(|| Box::new(Shown { proof, certificate }))
    }

    fn shown_proof(&self, head: &impl RequestHead) -> ShownProof {
        let name = DPOP;
        let mut fields = head.header_values(&name);
        let proof = match (fields.next(), fields.next()) {
            (None, _) => Err(ProofError::Missing),
            (Some(_), Some(_)) => Err(ProofError::Repeated),
            (Some(proof), None) if proof.len() > MAX_PROOF => Err(ProofError::TooLong { limit: MAX_PROOF }),
            (Some(proof), None) => Ok(proof.into()),
        };
        ShownProof { proof, method: head.method().into(), address: self.addresses.of(head, self.proxies.as_ref()) }
    }

    /// How whoever sent the token has shown that it is theirs, or why they may not use it. In the end a store may have to be
    /// asked whether a proof is new.
    pub(crate) fn check(
        &self,
        sent: &AnyToken,
        shown: Option<&Shown>,
        now: NumericDate,
    ) -> Result<(Possession, Option<Asking>), AuthError> {
        let token = sent.common();
        if self.fapi {
            fapi::check_token(token, now, self.leeway)?;
        }
        let proof = shown.and_then(|shown| shown.proof.as_ref());
        let Some(confirmation) = token.confirmation() else {
            return match proof {
                None if self.bound_required => Err(TokenError::ProofRequired.into()),
                None if !self.dpop_required => Ok((Possession::BEARER, None)),
                _ => Err(TokenError::NotBound.into()),
            };
        };
        if confirmation.is_by_device() {
            // FAPI 2.0 and DPoP ask for a proof with each request.
            let enough = proof.is_none() && !self.dpop_required && !self.fapi;
            return if enough {
                Ok((Possession::BEARER.with_device(), None))
            } else {
                Err(TokenError::NotBound.into())
            };
        }
        let certificate = self.check_certificate(confirmation, shown.and_then(|shown| shown.certificate.as_ref()));
        let by_certificate = match certificate {
            Ok(shown) => shown,
            // Where bound tokens pass as bearer tokens.
            Err(_) if token.check_unproven().is_ok() => false,
            Err(error) => return Err(error.into()),
        };
        let possession = if by_certificate { Possession::BEARER.with_certificate() } else { Possession::BEARER };
        let Some(proof) = proof else {
            return match confirmation.proof_key {
                None if by_certificate && self.dpop_required => Err(TokenError::NotBound.into()),
                None if by_certificate => Ok((possession, None)),
                _ => token.check_unproven().map(|()| (possession, None)).map_err(AuthError::from),
            };
        };
        // A token that is bound to a certificate alone is none for DPoP.
        let key = confirmation.proof_key.as_ref().ok_or_else(|| TokenError::unproven(confirmation))?;
        let signed = proof.proof.as_ref().map_err(|error| AuthError::from(error.clone()))?;
        let token_hash = confirmation.token_hash(|| crypto::sha256(sent.as_str().as_bytes()).try_into().ok());
        let token_hash = token_hash.ok_or(ProofError::AccessTokenHash)?;
        let GoodProof { used, wants_nonce } = self.proofs.check(
            signed,
            &Expected {
                key: Some(key),
                token_hash: Some(token_hash),
                method: &proof.method,
                is_address: &|htu| proof.address.is(htu, &self.addresses),
                now,
                leeway: self.leeway,
            },
        )?;
        let possession = possession.with_dpop(wants_nonce);
        match self.proofs.used.first_use(used, now) {
            Answer::Now(first) => outcome(Some(first)).map(|()| (possession, None)),
            Answer::Later(asking) => Ok((possession, Some(Box::pin(async move { outcome(asking.await) })))),
        }
    }

    /// Whether the token is bound to a certificate, and that is the one of the client (RFC 8705 §3).
    fn check_certificate(&self, confirmation: &Confirmation, shown: Option<&Certificate>) -> Result<bool, TokenError> {
        let Some(expected) = &confirmation.certificate else { return Ok(false) };
        // A token that came by another way than a request.
        let shown = shown.ok_or(TokenError::Bound)?;
        match shown.thumbprint(self.proxies.as_ref()) {
            Ok(shown) if shown == *expected => Ok(true),
            Ok(_) => Err(TokenError::OtherCertificate),
            Err(error) => Err(TokenError::NoCertificate(error)),
        }
    }

    /// The nonce for an answer, where the client needs one.
    pub(crate) fn nonce_for(
        &self,
        result: &Result<Option<AnyToken>, AuthError>,
        now: impl FnOnce() -> NumericDate,
    ) -> Option<HeaderValue> {
        let wanted = match result {
            Ok(Some(token)) => token.possession().wants_nonce(),
            Err(AuthError::InvalidProof(error)) => error.wants_nonce(),
            _ => false,
        };
        self.proofs.nonces.as_ref().filter(|_| wanted)?.at(now())
    }
}

fn outcome(first: Option<FirstUse>) -> Result<(), AuthError> {
    match first {
        Some(FirstUse::Yes) => Ok(()),
        Some(FirstUse::No) => Err(ProofError::Replayed.into()),
        Some(FirstUse::Full) => Err(Unavailable::Proofs.into()),
        None => Err(Unavailable::Store.into()),
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("dpop_required", &self.dpop_required)
            .field("bound_required", &self.bound_required)
            .field("fapi", &self.fapi)
            .field("public_addresses", &self.addresses)
            .field("proxies", &self.proxies)
            .field("proof_algorithms", &self.proofs.algorithms)
            .field("nonces", &self.proofs.nonces)
            .finish_non_exhaustive()
    }
}
