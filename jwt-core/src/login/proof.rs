//! The proofs that come with logins and refreshes, and why one is refused.

use std::sync::Arc;

use http::HeaderValue;

use super::{LoginError, Logins};
use crate::binding::ShownProof;
use crate::binding::at_login::{KeyOfClient, has_proof};
use crate::claims::confirmation::Thumbprint;
use crate::config_error::debug_as_display;
use crate::error::{AuthError, ProofError, TokenError};
use crate::request::RequestHead;

/// What a request for tokens says of the key that they are to be bound to.
#[derive(Clone)]
pub(super) enum Proof {
    Absent,
    Shown(Arc<ShownProof>),
    /// The tokens are for cookies, and there is a proof all the same, or none.
    InCookies {
        given: bool,
    },
}

impl Proof {
    /// Of a request whose tokens are for cookies.
    pub(super) fn in_cookies(head: &impl RequestHead) -> Self {
        Self::InCookies { given: has_proof(head) }
    }
}

/// Who asks for tokens.
#[derive(Default)]
pub(super) struct Client {
    /// The key that they are to be bound to.
    pub(super) thumbprint: Option<Thumbprint>,
    /// The next nonce, where it is time for one.
    pub(super) nonce: Option<HeaderValue>,
}

/// Why the proof that came with a login or a refresh is not good, and the nonce that the next one has to have in it.
#[derive(Clone, thiserror::Error)]
#[error("invalid DPoP proof: {reason}")]
pub struct RefusedProof {
    reason: Box<ProofError>,
    nonce: Option<HeaderValue>,
}

debug_as_display!(RefusedProof);

impl RefusedProof {
    /// Why.
    pub fn reason(&self) -> &ProofError {
        &self.reason
    }

    /// What the client gets in `DPoP-Nonce`, where it may try again with it.
    pub fn nonce(&self) -> Option<&HeaderValue> {
        self.nonce.as_ref()
    }
}

impl Logins {
    pub(super) fn proof_of(&self, head: &impl RequestHead) -> Proof {
        self.0.binding.shown_at_login(head).map_or(Proof::Absent, |shown| Proof::Shown(Arc::new(shown)))
    }

    /// Checks a proof; `bound` is the key that the login is bound to already.
    pub(super) async fn client(&self, proof: &Proof, bound: Option<&Thumbprint>) -> Result<Client, LoginError> {
        let (binding, now) = (&self.0.binding, self.0.issuer.now());
        let shown = match proof {
            Proof::InCookies { given: true } => return Err(LoginError::ProofInCookies),
            Proof::Absent | Proof::InCookies { .. } if bound.is_some() || binding.is_required() => {
                return Err(LoginError::ProofMissing);
            }
            Proof::Absent | Proof::InCookies { .. } => return Ok(Client::default()),
            Proof::Shown(shown) => shown,
        };
        match binding.key_at_login(shown, bound, now).await {
            Ok(KeyOfClient { thumbprint, nonce }) => Ok(Client { thumbprint: Some(thumbprint), nonce }),
            Err(AuthError::InvalidProof(reason)) => {
                let nonce = if reason.wants_nonce() { binding.nonce(now) } else { None };
                Err(RefusedProof { reason: Box::new(reason), nonce }.into())
            }
            Err(AuthError::InvalidToken(TokenError::OtherProofKey)) => Err(LoginError::OtherKey),
            Err(AuthError::Unavailable(unavailable)) => Err(LoginError::ProofsUnavailable(unavailable)),
            Err(error) => Err(error.into()),
        }
    }
}
