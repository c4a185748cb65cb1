//! One trusted party: its keys, what was learned under them, and what its tokens must say.

use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::sync::{Arc, Once};

use arc_swap::ArcSwap;

use super::header::Header;
use super::known_headers::{Known, KnownHeaders};
use super::party::Party;
use super::token::{Evidence, UntrustedToken};
use super::validation::Validation;
use crate::base64url;
use crate::clock::NumericDate;
use crate::error::{AuthError, MILLISECONDS, Malformed, TokenError};
use crate::key::algorithm::{Algorithm, MAX_SIGNATURE};
use crate::key::{KeyFeed, Lack, LiveKeys, Named, NoCandidate, Snapshot, VerifyingKey};
use crate::observe::log;

pub(crate) struct Trust {
    pub(crate) keys: LiveKeys,
    pub(crate) validation: Validation,
    known_headers: ArcSwap<KnownHeaders>,
    standing: Option<Arc<dyn Standing>>,
    /// The log was told of an `exp` in milliseconds.
    milliseconds: Once,
}

/// Whether a party is still trusted, where that can change while it is in use. Asked on the path of requests: it takes no
/// lock unless something has changed. Moments are on its own clock.
pub(crate) trait Standing: Send + Sync {
    /// Whether the party is trusted as it is, and when that was looked at.
    fn holds(&self) -> Option<u64>;

    /// A token of the party was verified at that moment. Says whether the party is still trusted as it is.
    fn verified(&self, at: u64) -> bool;

    /// Whether the party will never be trusted again.
    fn is_over(&self) -> bool;

    /// Where to fetch keys from for a party that has none, on behalf of a client of that address; or why not now.
    fn fetch(&self, party: &Party, client: Option<IpAddr>) -> Result<Arc<dyn KeyFeed>, AuthError>;
}

/// Why there is no key to say whether a token is good.
pub(super) enum Unverified {
    Refused(TokenError),
    /// Refused by the keys at hand, and perhaps not by those that are published by now.
    Doubtful {
        error: TokenError,
        algorithm: Algorithm,
        lack: Lack,
    },
    /// No keys have arrived yet.
    NoKeys,
}

impl<E: Into<TokenError>> From<E> for Unverified {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Trust {
    pub(crate) fn new(keys: LiveKeys, validation: Validation) -> Self {
        let known_headers = ArcSwap::from_pointee(KnownHeaders::new(keys.snapshot().generation));
        Self { keys, validation, known_headers, standing: None, milliseconds: Once::new() }
    }

    /// The same for as long as it is trusted by that.
    pub(crate) fn while_standing(self, standing: Option<Arc<dyn Standing>>) -> Self {
        Self { standing, ..self }
    }

    pub(super) fn standing(&self) -> Option<&dyn Standing> {
        self.standing.as_deref()
    }

    /// Whether the party is trusted as it is, and when that was looked at.
    pub(crate) fn holds(&self) -> Option<u64> {
        self.standing().map_or(Some(0), Standing::holds)
    }

    /// A token of the party was verified at that moment. Says whether the party is still trusted as it is.
    pub(super) fn verified(&self, at: u64) -> bool {
        self.standing().is_none_or(|standing| standing.verified(at))
    }

    /// A token was found good that ends in thousands of years. That is within the standard, and a mistake of its issuer.
    pub(super) fn check_unit(&self, expires_at: Option<NumericDate>) {
        if expires_at.is_some_and(|end| end.since_epoch() >= MILLISECONDS) {
            self.milliseconds.call_once(|| log::milliseconds(self.validation.issuers.first().map(AsRef::as_ref)));
        }
    }

    /// Whether the party will never be trusted again.
    pub(crate) fn is_over(&self) -> bool {
        self.standing().is_some_and(Standing::is_over)
    }

    /// Finds a key under which the signature holds.
    pub(super) fn verify(self: &Arc<Self>, token: UntrustedToken<'_>) -> Result<Evidence, Unverified> {
        if token.padded && !self.validation.padding_allowed {
            return Err(TokenError::Malformed(Malformed::Padded).into());
        }
        // Not filled with zeros first, which takes as long as reading some claims.
        let mut buffer = [MaybeUninit::uninit(); MAX_SIGNATURE];
        let signature = base64url::decode_into_uninit(token.signature, &mut buffer);
        let meant_decoded =
            |key: &VerifyingKey| signature.is_some_and(|signature| key.is_meant_decoded(token.message, signature));
        let wrong = |candidates: &[&VerifyingKey]| match candidates {
            [key, ..] if meant_decoded(key) => TokenError::SecretInBase64,
            _ => TokenError::Signature,
        };
        let holds = |key: &VerifyingKey| signature.is_some_and(|signature| key.verify(token.message, signature));

        let generation = self.keys.generation();
        let learned = self.known_headers.load();
        // All tokens of one key share their first segment: one that was verified is looked up, not parsed.
        let known = if learned.generation == generation { learned.get(token.header) } else { None };
        if let Some(known) = known {
            if signature.is_none() {
                return Err(TokenError::Malformed(Malformed::Base64).into());
            }
            if holds(&known.key) {
                return Ok(Evidence { header: Some(known.header.clone()), trust: self.clone(), generation });
            }
            if known.only_candidate {
                let snapshot = self.keys.snapshot();
                return Err(no_key(&snapshot, &known.header, wrong(&[&known.key])));
            }
        }
        let header = Header::read(token.header)?;
        if signature.is_none() {
            return Err(TokenError::Malformed(Malformed::Base64).into());
        }
        self.validation.check_header(&header)?;
        let snapshot = self.keys.snapshot();
        let keys = snapshot.keys.as_ref().ok_or(Unverified::NoKeys)?;
        let candidates = keys.candidates(header.algorithm(), header.kid()).map_err(|none| {
            let error = match none {
                NoCandidate::UnknownKid => TokenError::UnknownKey,
                NoCandidate::Unusable(reason) => TokenError::UnusableKey(reason.clone()),
                NoCandidate::NoKeyForAlgorithm => TokenError::AlgorithmNotAllowed(header.algorithm()),
                NoCandidate::Assumed(key) => TokenError::AlgorithmAssumed { token: header.algorithm(), key },
            };
            no_key(&snapshot, &header, error)
        })?;
        let key = candidates.iter().copied().find(|key| holds(key));
        let key = key.ok_or_else(|| no_key(&snapshot, &header, wrong(&candidates)))?.clone();
        let header = Arc::new(header);
        // A header that several keys may stand behind is known by the first of them, and stays so.
        if known.is_none() {
            let known = Known { header: header.clone(), key, only_candidate: candidates.len() == 1 };
            self.learn(token.header, known, snapshot.generation, keys.keys().len());
        }
        Ok(Evidence { header: Some(header), trust: self.clone(), generation: snapshot.generation })
    }

    /// Keeps a header segment for the next token that has it.
    fn learn(&self, segment: &[u8], known: Known, generation: u64, keys: usize) {
        let known = Arc::new(known);
        self.known_headers.rcu(|learned| {
            if learned.generation == generation {
                return learned.with(segment, &known, keys);
            }
            if learned.generation > generation {
                // The keys were replaced in between.
                return KnownHeaders::clone(learned);
            }
            KnownHeaders::new(generation).with(segment, &known, keys)
        });
    }
}

/// What it means that none of the keys verifies a token. One that gives a name may be verified by a key that has that name
/// by now, unless the key that has it at present is there and is not used. One that gives none looks like every forgery, unless
/// keys are still to come.
fn no_key(snapshot: &Snapshot, header: &Header, error: TokenError) -> Unverified {
    if snapshot.incomplete {
        return Unverified::NoKeys;
    }
    let lack = match header.kid().zip(snapshot.keys.as_ref()).map(|(kid, keys)| keys.named(kid)) {
        Some(Named::Nothing) => Lack::Name,
        Some(Named::Used) => Lack::Signature,
        Some(Named::Skipped(_)) | None => return Unverified::Refused(error),
    };
    Unverified::Doubtful { error, algorithm: header.algorithm(), lack }
}
