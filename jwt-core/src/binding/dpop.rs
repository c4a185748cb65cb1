//! Proofs of possession by DPoP (RFC 9449): what is expected of them, and the check of one.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use serde_json::{Map, Value};

use super::nonce::{DpopNonces, Freshness};
use super::proof_keys::{ProofKey, ProofKeys};
use super::replay::{ProofMemory, UsedProofs};
use crate::base64url;
use crate::claims::confirmation::Thumbprint;
use crate::claims::used_proof::UsedProof;
use crate::clock::{Number, NumericDate};
use crate::config_error::Given;
use crate::error::{AuthError, AuthenticatorBuildError, Malformed, ProofError, TokenError};
use crate::json::{ReadError, StrictSeed, read_object};
use crate::key::algorithm::{Algorithm, Family, MAX_SIGNATURE};
use crate::key::{MAX_HEADER, VerifyingKey, crypto};
use crate::verify::UntrustedToken;

/// What is expected of the proofs that come with tokens which are bound to a key (`cnf.jkt`, RFC 9449). Without it, the
/// defaults.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`max_age`](Self::max_age) | 60 seconds | a proof is made for one request |
/// | [`algorithm`](Self::algorithm) | every one with a key pair, but ML-DSA, whose keys fill the head of a request | what clients have |
/// | [`nonces`](Self::nonces) | off | they cost the first request of each client a second try |
/// | [`max_proofs`](Self::max_proofs) | 1 000 000, and 10 000 per key | 55 MB, used up only by that many |
///
/// ```
/// use std::time::Duration;
/// use jwt_core::binding::Dpop;
/// use jwt_core::{Algorithm, Authenticator, KeySet};
///
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience("api")
///     .public_origin("https://api.example.com")
///     .dpop(Dpop::new().max_age(Duration::from_secs(30)).algorithm(Algorithm::Ed25519).algorithm(Algorithm::ES256))
///     .build()?;
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Dpop {
    given: Given,
    max_age: Duration,
    pub(super) algorithms: Vec<Algorithm>,
    nonces: Option<DpopNonces>,
    limits: (usize, usize),
    used: Option<Arc<dyn UsedProofs>>,
}

/// The longest proof that is read, in bytes: what servers take as a request head.
pub(super) const MAX_PROOF: usize = 16 * 1024;
/// The longest `jti` of a proof, in bytes. Eight times what any client library makes.
const MAX_JTI: usize = 512;
/// The members of a JWK that hold a private key (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2; RFC 9964), and a secret (§6.4).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"];

impl Dpop {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            given: Given::default(),
            max_age: Duration::from_secs(60),
            algorithms: Vec::new(),
            nonces: None,
            limits: (1_000_000, 10_000),
            used: None,
        }
    }

    /// How old a proof may be, by its `iat`. It may be ahead of the clock here by the
    /// [leeway](crate::AuthenticatorBuilder::leeway). 60 seconds.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.given.once("Dpop::max_age");
        self.max_age = max_age;
        self
    }

    /// An algorithm that proofs may be signed by. The first call replaces the default, further ones add. Challenges name them
    /// in this order (`algs`, RFC 9449 §5.1).
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithms.push(algorithm);
        self
    }

    /// Demands a nonce of this service in every proof (RFC 9449 §9). Off.
    ///
    /// For scripts of another origin to see it, the answer to their CORS request has to expose `DPoP-Nonce` and
    /// `WWW-Authenticate` (`Access-Control-Expose-Headers`).
    pub fn nonces(mut self, nonces: &DpopNonces) -> Self {
        self.given.once("Dpop::nonces");
        self.nonces = Some(nonces.clone());
        self
    }

    /// How many proofs the memory of this process holds, of all clients and of one key. A proof is held until it is too old.
    /// In a store, only the number of one key counts; one in memory has limits of its own. What does not fit is refused with a
    /// 503: with the defaults, that is beyond 16 000 requests per second for a minute, or 160 of one client. 1 000 000 and
    /// 10 000.
    pub fn max_proofs(mut self, total: usize, per_key: usize) -> Self {
        self.given.once("Dpop::max_proofs");
        self.limits = (total, per_key);
        self
    }

    #[cfg_attr(not(feature = "login"), expect(dead_code, reason = "only stores are shared"))]
    pub(super) fn remembered_by(mut self, used: Arc<dyn UsedProofs>) -> Self {
        self.given.once("Dpop::replay_store");
        self.used = Some(used);
        self
    }

    /// Where it was not told which algorithms, these.
    pub(super) fn limited_to(mut self, algorithms: &[Algorithm]) -> Self {
        if self.algorithms.is_empty() {
            self.algorithms = algorithms.iter().copied().filter(|algorithm| crypto::has(*algorithm)).collect();
        }
        self
    }

    pub(super) fn build(self) -> Result<Proofs, AuthenticatorBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(AuthenticatorBuildError::SetTwice { setting });
        }
        let algorithms = if self.algorithms.is_empty() { usual_algorithms() } else { self.algorithms };
        if let Some(secret) = algorithms.iter().find(|algorithm| algorithm.family() == Family::Hmac) {
            return Err(AuthenticatorBuildError::ProofAlgorithm { algorithm: *secret });
        }
        let (total, per_key) = self.limits;
        if total == 0 || per_key == 0 || self.max_age.is_zero() {
            return Err(AuthenticatorBuildError::NoProofs);
        }
        let per_key = u32::try_from(per_key).unwrap_or(u32::MAX);
        Ok(Proofs {
            max_age: self.max_age,
            algorithms,
            nonces: self.nonces,
            used: self.used.unwrap_or_else(|| Arc::new(ProofMemory::new(total))),
            per_key,
            keys: ProofKeys::new(),
        })
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self::new()
    }
}

/// Ed25519 first, as the fastest and smallest.
fn usual_algorithms() -> Vec<Algorithm> {
    const ORDER: [Algorithm; 11] = [
        Algorithm::Ed25519,
        Algorithm::EdDSA,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::ES512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
    ];
    ORDER.into_iter().filter(|algorithm| crypto::has(*algorithm)).collect()
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("max_age", &self.max_age)
            .field("algorithms", &self.algorithms)
            .field("nonces", &self.nonces)
            .field("max_proofs", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The check of proofs, and what it remembers.
pub(super) struct Proofs {
    pub(super) max_age: Duration,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) nonces: Option<DpopNonces>,
    pub(super) used: Arc<dyn UsedProofs>,
    per_key: u32,
    keys: ProofKeys,
}

/// What a proof has to go with.
pub(super) struct Expected<'a> {
    /// The key that the token is bound to. None where the proof says which key tokens are going to be bound to.
    pub(super) key: Option<&'a Thumbprint>,
    /// SHA-256 of the access token that the proof comes with. None at a token endpoint.
    pub(super) token_hash: Option<&'a Thumbprint>,
    pub(super) method: &'a str,
    /// Whether `htu` is the address of the request.
    pub(super) is_address: &'a dyn Fn(&str) -> Result<(), ProofError>,
    pub(super) now: NumericDate,
    pub(super) leeway: Duration,
}

/// A proof that is good but for the question whether it was used before.
pub(super) struct GoodProof {
    pub(super) used: UsedProof,
    /// It is time for another nonce.
    pub(super) wants_nonce: bool,
}

#[derive(Deserialize)]
struct ProofClaims<'a> {
    #[serde(borrow)]
    jti: Option<Cow<'a, str>>,
    #[serde(borrow)]
    htm: Option<Cow<'a, str>>,
    #[serde(borrow)]
    htu: Option<Cow<'a, str>>,
    iat: Option<f64>,
    /// Proofs have neither of the next two, but what says when it is good is good only then.
    exp: Option<f64>,
    nbf: Option<f64>,
    #[serde(borrow)]
    ath: Option<Cow<'a, str>>,
    #[serde(borrow)]
    nonce: Option<Cow<'a, str>>,
}

impl Proofs {
    /// RFC 9449 §4.3. The signature is verified before the claims are read.
    pub(super) fn check(&self, proof: &[u8], expected: &Expected<'_>) -> Result<GoodProof, AuthError> {
        let parts = split(proof)?;
        let known = expected.key.and_then(|thumbprint| Some((*thumbprint, self.keys.get(thumbprint, parts.header)?)));
        let is_known = known.is_some();
        let (thumbprint, key) = match known {
            Some(known) => known,
            None => self.key_in_header(parts.header, expected.key)?,
        };
        let signature = signature(&parts)?;
        if !key.key.verify(parts.message, &signature) {
            return Err(ProofError::Signature.into());
        }
        // A key that no token is bound to yet may never be seen again.
        if !is_known && expected.key.is_some() {
            self.keys.insert(&thumbprint, key);
        }
        let claims = parts.claims().map_err(|_| ProofError::Malformed(Malformed::Claims))?;
        Ok(self.check_claims(&claims, thumbprint, expected)?)
    }

    /// The key of a proof, if it is the one that is expected.
    fn key_in_header(
        &self,
        segment: &[u8],
        expected: Option<&Thumbprint>,
    ) -> Result<(Thumbprint, Arc<ProofKey>), AuthError> {
        let (header, algorithm) = read_header(segment, "dpop+jwt", &self.algorithms)?;
        let (thumbprint, key) = own_key(&header, algorithm)?;
        if expected.is_some_and(|expected| *expected != thumbprint) {
            return Err(TokenError::OtherProofKey.into());
        }
        Ok((thumbprint, Arc::new(ProofKey { segment: segment.into(), key })))
    }

    fn check_claims(&self, text: &str, key: Thumbprint, expected: &Expected<'_>) -> Result<GoodProof, ProofError> {
        let claims: ProofClaims<'_> = read_object(text, StrictSeed(PhantomData)).map_err(|error| match error {
            ReadError::Data(_) => ProofError::Claim(mistyped(text)),
            error => malformed(&error, Malformed::Claims),
        })?;
        let missing = ProofError::Claim;
        let jti = claims.jti.filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI).ok_or(missing("jti"))?;
        let htm = claims.htm.ok_or(missing("htm"))?;
        let htu = claims.htu.ok_or(missing("htu"))?;
        let moment = |seconds: f64| NumericDate::from_number(Number::Float(seconds));
        let issued_at = claims.iat.and_then(moment).ok_or(missing("iat"))?;
        let expires_at = claims.exp.map(|exp| moment(exp).ok_or(missing("exp"))).transpose()?;
        let not_before = claims.nbf.map(|nbf| moment(nbf).ok_or(missing("nbf"))).transpose()?;
        let ath = match expected.token_hash {
            Some(hash) => Some((hash, claims.ath.ok_or(missing("ath"))?)),
            None => None,
        };
        if *htm != *expected.method {
            return Err(ProofError::Method);
        }
        (expected.is_address)(&htu)?;
        if let Some((hash, ath)) = ath {
            let mut buffer = [0; 32];
            if base64url::decode_into(ath.as_bytes(), &mut buffer) != Some(hash) {
                return Err(ProofError::AccessTokenHash);
            }
        }
        let (now, at) = (expected.now.since_epoch(), issued_at.since_epoch());
        if at > now.saturating_add(expected.leeway) {
            return Err(ProofError::InFuture { early: at.saturating_sub(now) });
        }
        let last = at.saturating_add(self.max_age);
        if now > last {
            return Err(ProofError::TooOld { by: now.saturating_sub(last) });
        }
        let has_ended = expires_at.is_some_and(|end| now >= end.since_epoch().saturating_add(expected.leeway));
        if has_ended || not_before.is_some_and(|begin| begin.since_epoch() > now.saturating_add(expected.leeway)) {
            return Err(ProofError::NotNow);
        }
        let wants_nonce = match &self.nonces {
            None => false,
            Some(nonces) => {
                let nonce = claims.nonce.ok_or(ProofError::NonceMissing)?;
                nonces.check(&nonce, expected.now).ok_or(ProofError::NonceInvalid)? == Freshness::Aging
            }
        };
        let used = self.used_proof(key, &jti, issued_at.saturating_add(self.max_age));
        Ok(GoodProof { used, wants_nonce })
    }

    /// By what a proof is known again.
    pub(super) fn used_proof(&self, key: Thumbprint, jti: &str, until: NumericDate) -> UsedProof {
        let id = crypto::sha256(&[&key, jti.as_bytes()].concat());
        let id = id.first_chunk::<16>().copied().unwrap_or_default();
        UsedProof { key, id, until, attempt: [0; 8], limit: self.per_key }
    }
}

/// The header of a proof of that type by one of these algorithms.
pub(super) fn read_header(
    segment: &[u8],
    typ: &str,
    algorithms: &[Algorithm],
) -> Result<(Map<String, Value>, Algorithm), ProofError> {
    if segment.len() > MAX_HEADER {
        return Err(ProofError::Malformed(Malformed::HeaderTooLong(MAX_HEADER)));
    }
    let bytes = base64url::decode(segment).ok_or(ProofError::Malformed(Malformed::Base64))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ProofError::Malformed(Malformed::Header))?;
    let header: Map<String, Value> =
        read_object(text, StrictSeed(PhantomData)).map_err(|error| malformed(&error, Malformed::Header))?;
    if header.contains_key("crit") || header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
        return Err(ProofError::CriticalHeader);
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    // Compared as media types are (RFC 7515 §4.1.9).
    let found = text("typ").map(str::to_ascii_lowercase);
    if found.as_deref().is_none_or(|found| found.strip_prefix("application/").unwrap_or(found) != typ) {
        return Err(ProofError::Type);
    }
    let algorithm = text("alg").and_then(|alg| alg.parse::<Algorithm>().ok());
    let algorithm = algorithm.filter(|algorithm| algorithms.contains(algorithm)).ok_or(ProofError::Algorithm)?;
    Ok((header, algorithm))
}

/// The key that a proof has in its own header.
pub(super) fn own_key(
    header: &Map<String, Value>,
    algorithm: Algorithm,
) -> Result<(Thumbprint, VerifyingKey), ProofError> {
    let jwk = header.get("jwk").and_then(Value::as_object).ok_or(ProofError::Malformed(Malformed::Header))?;
    if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
        return Err(ProofError::PrivateKey);
    }
    let key = VerifyingKey::jwk(algorithm, &Value::Object(jwk.clone()).to_string()).map_err(ProofError::Key)?;
    Ok((thumbprint(jwk).ok_or(ProofError::Malformed(Malformed::Header))?, key))
}

/// The signature of a proof, decoded.
pub(super) fn signature(parts: &UntrustedToken<'_>) -> Result<Vec<u8>, ProofError> {
    let signature = Some(parts.signature).filter(|signature| signature.len() <= MAX_SIGNATURE * 4 / 3 + 2);
    signature.and_then(base64url::decode).ok_or(ProofError::Malformed(Malformed::Base64))
}

/// The parts of a proof.
pub(super) fn split(proof: &[u8]) -> Result<UntrustedToken<'_>, ProofError> {
    UntrustedToken::split(proof).map_err(|error| match error {
        TokenError::Unsecured => ProofError::Algorithm,
        _ => ProofError::Malformed(Malformed::Parts),
    })
}

pub(super) fn malformed(error: &ReadError, otherwise: Malformed) -> ProofError {
    ProofError::Malformed(Malformed::of(error, otherwise))
}

/// Which claim has the wrong type.
fn mistyped(text: &str) -> &'static str {
    let claims: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let is =
        |name: &str, right: fn(&Value) -> bool| claims.get(name).is_none_or(|value| right(value) || value.is_null());
    let text = ["jti", "htm", "htu", "ath", "nonce"].into_iter().find(|name| !is(name, Value::is_string));
    text.or(["exp", "nbf"].into_iter().find(|name| !is(name, Value::is_number))).unwrap_or("iat")
}

/// RFC 7638 of a public key that was read before: SHA-256 over the members that make it, in the order of their names.
fn thumbprint(jwk: &Map<String, Value>) -> Option<Thumbprint> {
    let kty = jwk.get("kty")?.as_str()?;
    let members: &[&str] = match kty {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        // RFC 9964.
        "AKP" => &["alg", "kty", "pub"],
        _ => return None,
    };
    let mut text = String::with_capacity(256);
    for name in members {
        let separator = if text.is_empty() { '{' } else { ',' };
        // Names of curves and base64url, which need no escape: the key was read.
        let value = jwk.get(*name)?.as_str().filter(|value| !value.contains(['"', '\\']))?;
        text.extend([separator, '"']);
        text.extend([name, "\":\"", value, "\""]);
    }
    text.push('}');
    crypto::sha256(text.as_bytes()).try_into().ok()
}
