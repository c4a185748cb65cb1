//! Proofs in requests that ask for tokens (RFC 9449 §5): they say which key the tokens are going to be bound to.

use std::time::Duration;

use http::HeaderValue;

use super::dpop::{Expected, GoodProof};
use super::replay::Answer;
use super::{Binding, BindingSettings, DPOP, PublicAddresses, ShownProof, outcome};
use crate::claims::confirmation::Thumbprint;
use crate::clock::NumericDate;
use crate::error::{AuthError, AuthenticatorBuildError};
use crate::request::RequestHead;

/// A proof that is good.
pub(crate) struct KeyOfClient {
    pub(crate) thumbprint: Thumbprint,
    /// The next nonce, where it is time for one.
    pub(crate) nonce: Option<HeaderValue>,
}

/// Whether a request has a proof, of whatever kind.
pub(crate) fn has_proof(head: &impl RequestHead) -> bool {
    head.header_values(&DPOP).next().is_some()
}

impl BindingSettings {
    /// For requests that ask for tokens. `leeway` is how far clocks may differ.
    pub(crate) fn build_at_login(self, leeway: Duration) -> Result<Binding, AuthenticatorBuildError> {
        Ok(Binding {
            proofs: self.dpop.build()?,
            dpop_required: self.dpop_required,
            bound_required: false,
            fapi: false,
            addresses: PublicAddresses::new(&self.public_origins)?,
            proxies: None,
            leeway,
        })
    }
}

impl Binding {
    /// Whether tokens have to be bound.
    pub(crate) fn is_required(&self) -> bool {
        self.dpop_required
    }

    /// What a request for tokens shows; `None` where it has no proof.
    pub(crate) fn shown_at_login(&self, head: &impl RequestHead) -> Option<ShownProof> {
        has_proof(head).then(|| self.shown_proof(head))
    }

    /// The key of whoever asks for tokens: the one that is expected, or any where none is.
    ///
    /// # Errors
    /// [`AuthError::InvalidProof`]; [`TokenError::OtherProofKey`](crate::error::TokenError::OtherProofKey) where it is another
    /// key; [`AuthError::Unavailable`] where nobody can say whether the proof is new.
    pub(crate) async fn key_at_login(
        &self,
        shown: &ShownProof,
        key: Option<&Thumbprint>,
        now: NumericDate,
    ) -> Result<KeyOfClient, AuthError> {
        let proof = shown.proof.as_ref().map_err(|error| AuthError::from(error.clone()))?;
        let GoodProof { used, wants_nonce } = self.proofs.check(
            proof,
            &Expected {
                key,
                token_hash: None,
                method: &shown.method,
                is_address: &|htu| shown.address.is(htu, &self.addresses),
                now,
                leeway: self.leeway,
            },
        )?;
        let thumbprint = used.key;
        let asked = self.proofs.used.first_use(used, now);
        outcome(match asked {
            Answer::Now(first) => Some(first),
            Answer::Later(asking) => asking.await,
        })?;
        Ok(KeyOfClient { thumbprint, nonce: wants_nonce.then(|| self.nonce(now)).flatten() })
    }

    /// A nonce for a client that has none, or an old one; `None` where none are demanded.
    pub(crate) fn nonce(&self, now: NumericDate) -> Option<HeaderValue> {
        self.proofs.nonces.as_ref()?.at(now)
    }
}
