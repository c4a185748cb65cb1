//! What contradicts FAPI 2.0 in the settings of an authenticator.

use std::time::Duration;

use crate::config_error::debug_as_display;
use crate::key::Algorithm;

/// What is missing for the FAPI 2.0 Security Profile (February 2025), or contradicts it, where
/// [`fapi2`](crate::AuthenticatorBuilder::fapi2) is called. Clauses are of that profile. `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fapi2Contradiction {
    /// A token source other than `Authorization` with the schemes `Bearer` and `DPoP` (§5.3.4 (1) and (2)).
    #[error(
        "`.fapi2()` accepts tokens in `Authorization` alone (FAPI 2.0 §5.3.4): leave out `.source(…)` of {token_source}, and renewals by cookie"
    )]
    Source {
        /// The source, in words.
        token_source: Box<str>,
    },
    /// No issuer (RFC 8725 §3.8, by §5.4.1 (1)).
    #[error("`.fapi2()` checks who issued a token (FAPI 2.0 §5.4.1, RFC 8725 §3.8): call `.issuer(\"…\")`")]
    Issuer,
    /// Any audience is accepted (RFC 8725 §3.9, by §5.4.1 (1)).
    #[error(
        "`.fapi2()` checks for whom a token was made (FAPI 2.0 §5.4.1, RFC 8725 §3.9): call `.audience(\"…\")` in the place of `.any_audience()`"
    )]
    Audience,
    /// A setting that gives up a check (§5.3.4 (3) and (5), §5.4.1).
    #[error("`.fapi2()` contradicts `.{setting}(…)`, which gives up what FAPI 2.0 demands ({clause}): leave it out")]
    Dangerous {
        /// The setting.
        setting: &'static str,
        /// The clause that demands it.
        clause: &'static str,
    },
    /// A leeway under which tokens of a clock that is 10 seconds ahead are refused, or of one that is more than 60 seconds ahead
    /// accepted (§5.3.2.1 (13)).
    #[error(
        "`.fapi2()` accepts tokens of clocks that are 10 s ahead, and none of clocks that are more than 60 s ahead (FAPI 2.0 §5.3.2.1): call `.leeway(…)` with 10 to 60 s instead of {leeway:?}"
    )]
    Leeway {
        /// The leeway of the tokens.
        leeway: Duration,
    },
    /// A key for an algorithm that is not allowed for tokens (§5.4.1 (1)).
    #[error(
        "`.fapi2()` accepts tokens by PS256, ES256, and EdDSA with Ed25519 (FAPI 2.0 §5.4.1), and there is a key for {algorithm}: load keys for these alone, of a JWK Set by `KeySet::jwks_allowing(…)`"
    )]
    KeyAlgorithm {
        /// The algorithm of the key.
        algorithm: Algorithm,
    },
    /// An algorithm that is not allowed for proofs (§5.4.1 (1)).
    #[error(
        "`.fapi2()` accepts proofs by PS256, ES256, and EdDSA with Ed25519 (FAPI 2.0 §5.4.1): leave out `Dpop::algorithm(Algorithm::{algorithm})`"
    )]
    ProofAlgorithm {
        /// The algorithm of the proofs.
        algorithm: Algorithm,
    },
    /// No address that the `htu` of a proof is compared with, or one without TLS (§5.2, §5.3.4 (5)).
    #[error(
        "`.fapi2()` compares proofs with the address that clients know (FAPI 2.0 §5.2, §5.3.4): call `.public_origin(\"https://…\")`"
    )]
    PublicOrigin,
    /// Nothing says which tokens were revoked (§5.3.4 (3)).
    #[error(
        "`.fapi2()` refuses tokens that were revoked (FAPI 2.0 §5.3.4): call `.revocations(…)`, or `.check(…)` with what knows whether a token was revoked"
    )]
    Revocations,
}

debug_as_display!(Fapi2Contradiction);
