//! The keys that a verifier trusts.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::jwk::{Jwk, bare};
use super::{KeyError, VerifyingKey};
use crate::json::{NameSeed, Names};
use crate::key::algorithm::Algorithm;

/// The keys that a verifier trusts: any number of them, each with its algorithm and perhaps a name.
///
/// | `kid` of the token | keys that it is verified with |
/// |---|---|
/// | names keys of the set | those |
/// | names none | the keys without a name |
/// | absent | all |
///
/// Of these, only keys of the token's algorithm are tried: at most 16, in their order. A `kid` that names a key which is
/// [skipped](Self::skipped) is refused for the reason that the key is.
///
/// ```
/// use jwt_core::{Algorithm, KeySet, VerifyingKey};
///
/// let one = KeySet::hs256(b"a secret of at least thirty-two bytes")?;
/// let rotation = KeySet::new([
///     VerifyingKey::secret(Algorithm::HS256, b"the secret that is in use from today on")?.with_kid("new"),
///     VerifyingKey::secret(Algorithm::HS256, b"the secret that was in use until today.")?.with_kid("old"),
/// ])?;
/// # let _ = (one, rotation);
/// # Ok::<(), jwt_core::key::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
    by_kid: Arc<HashMap<Arc<str>, Vec<usize>>>,
    skipped: Arc<[SkippedKey]>,
}

/// How many keys of one algorithm a single token may make us try.
const MAX_TRIES: usize = 16;

/// A key of a JWK Set that is not used here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the set, counted from zero.
    pub index: usize,
    /// Its name, where it could be read.
    pub kid: Option<String>,
    /// Why it is not used.
    pub reason: KeyError,
}

/// Why no key of a set comes into question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCandidate<'s> {
    /// `kid` names no key of the set, and there is no key without a name.
    UnknownKid,
    /// `kid` names a key of the set that is not used, and there is no key without a name.
    Unusable(&'s KeyError),
    /// None of the keys that come into question is for the algorithm.
    NoKeyForAlgorithm,
    /// Neither. One of them names no algorithm, could be for this one as well, and is taken to be for that one.
    Assumed(Algorithm),
}

/// What a `kid` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named<'s> {
    /// Keys that are used.
    Used,
    /// A key that is not used, for this reason.
    Skipped(&'s KeyError),
    Nothing,
}

impl KeySet {
    /// Those keys.
    ///
    /// # Errors
    /// [`KeyError::Empty`] where there are none.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeyError> {
        Self::with_skipped(keys.into_iter().collect(), Vec::new())
    }

    /// One HS256 secret of at least 32 bytes; see [`VerifyingKey::secret`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(VerifyingKey::secret(Algorithm::HS256, secret)?.into())
    }

    /// One RS256 public key in PEM; see [`VerifyingKey::pem`].
    pub fn rs256_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(VerifyingKey::pem(Algorithm::RS256, pem)?.into())
    }

    /// One ES256 public key in PEM; see [`VerifyingKey::pem`].
    pub fn es256_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(VerifyingKey::pem(Algorithm::ES256, pem)?.into())
    }

    /// One Ed25519 public key in PEM, for tokens that call the algorithm `EdDSA` and for those that call it
    /// `Ed25519` (RFC 9864); see [`VerifyingKey::pem`].
    pub fn ed25519_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let key = VerifyingKey::pem(Algorithm::EdDSA, pem)?;
        let renamed = VerifyingKey { algorithm: Algorithm::Ed25519, ..key.clone() };
        Self::new([key, renamed])
    }

    /// A JWK Set (RFC 7517 §5) in JSON.
    ///
    /// A key is used with the algorithm that its `alg` names. Without `alg`, an RSA key is used with RS256, a secret
    /// with HS256, and the others with the algorithm of their curve; never with the one that a token asks for. Keys
    /// that cannot verify here are [skipped](Self::skipped): those with a `use` other than `sig` or a `key_ops` without
    /// `verify`, unknown kinds, weak and malformed keys.
    ///
    /// # Errors
    /// [`KeyError::JwkSet`] where it is no JWK Set, [`KeyError::Empty`] where it has no usable key.
    pub fn jwks(json: impl AsRef<str>) -> Result<Self, KeyError> {
        Self::read_jwks(json.as_ref(), None, false, |_| Ok(()))
    }

    /// The same for a set whose writer is careless: base64url with padding, coordinates of elliptic curves without
    /// their leading zeros, and these or the numbers of RSA with a sign byte or zeros in front. All are read as what they
    /// stand for; everything else is as strict as ever.
    ///
    /// # Errors
    /// As [`jwks`](Self::jwks).
    pub fn lenient_jwks(json: impl AsRef<str>) -> Result<Self, KeyError> {
        Self::read_jwks(json.as_ref(), None, true, |_| Ok(()))
    }

    /// A JWK Set whose keys are used with one of `algorithms` or not at all. A key without `alg` is used with each of
    /// them that fits its kind.
    ///
    /// # Errors
    /// As [`jwks`](Self::jwks).
    pub fn jwks_allowing(json: impl AsRef<str>, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        Self::read_jwks(json.as_ref(), Some(algorithms), false, |_| Ok(()))
    }

    /// A JWK Set whose keys are used if `check` lets them pass.
    pub(super) fn read_jwks(
        json: &str,
        allowed: Option<&[Algorithm]>,
        lenient: bool,
        check: impl Fn(&Jwk<'_>) -> Result<(), KeyError>,
    ) -> Result<Self, KeyError> {
        let jwks = Jwks::read(json)?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, raw) in jwks.keys.into_iter().enumerate() {
            let jwk = Jwk::read(raw.get()).map(|jwk| if lenient { jwk.respelled() } else { jwk });
            let kid = jwk.as_ref().map_or_else(|_| Jwk::name(raw.get()), |jwk| jwk.kid.clone());
            let mut add = |jwk: Jwk<'_>| {
                check(&jwk)?;
                let before = keys.len();
                let mut reasons = Vec::new();
                for algorithm in jwk.algorithms(allowed)? {
                    match jwk.verifying_key(algorithm) {
                        Ok(key) => keys.push(VerifyingKey { assumed: jwk.alg.is_none() && allowed.is_none(), ..key }),
                        Err(reason) => reasons.push(reason),
                    }
                }
                // A key that serves one of its algorithms is not skipped for being too weak for another.
                match reasons.into_iter().next() {
                    Some(reason) if keys.len() == before => Err(reason),
                    _ => Ok(()),
                }
            };
            if let Err(reason) = jwk.and_then(&mut add) {
                skipped.push(SkippedKey { index, kid, reason });
            }
        }
        Self::with_skipped(keys, skipped)
    }

    pub(crate) fn with_skipped(keys: Vec<VerifyingKey>, skipped: Vec<SkippedKey>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::Empty { skipped: skipped.into() });
        }
        let mut by_kid: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (index, key) in keys.iter().enumerate() {
            if let Some(kid) = &key.kid {
                by_kid.entry(kid.clone()).or_default().push(index);
            }
        }
        Ok(Self { keys: keys.into(), by_kid: Arc::new(by_kid), skipped: skipped.into() })
    }

    /// The keys, in their order. A JWK that is used with several algorithms is there once for each.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The keys of a JWK Set that are not used, and why: worth a warning in the log at the start.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The keys that may have signed a token with this `alg` and `kid`: one at least, 16 at most.
    pub(crate) fn candidates(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<Vec<&VerifyingKey>, NoCandidate<'_>> {
        let named = kid.and_then(|kid| self.by_kid.get(kid));
        let candidates: Vec<&VerifyingKey> = match named {
            Some(indices) => indices
                .iter()
                .filter_map(|index| self.keys.get(*index))
                .filter(|key| key.algorithm == algorithm)
                .take(MAX_TRIES)
                .collect(),
            None => self
                .keys
                .iter()
                .filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.is_none()))
                .take(MAX_TRIES)
                .collect(),
        };
        if !candidates.is_empty() {
            return Ok(candidates);
        }
        Err(match kid.map(|kid| self.named(kid)) {
            Some(Named::Skipped(reason)) => NoCandidate::Unusable(reason),
            Some(Named::Nothing) => NoCandidate::UnknownKid,
            Some(Named::Used) | None => {
                let fits = |key: &&VerifyingKey| {
                    let named = kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
                    key.assumed && named && key.algorithm.family() == algorithm.family()
                };
                let assumed = self.keys.iter().find(fits);
                assumed.map_or(NoCandidate::NoKeyForAlgorithm, |key| NoCandidate::Assumed(key.algorithm))
            }
        })
    }

    /// What a `kid` names.
    pub(crate) fn named(&self, kid: &str) -> Named<'_> {
        if self.by_kid.contains_key(kid) {
            return Named::Used;
        }
        let skipped = self.skipped.iter().find(|key| key.kid.as_deref() == Some(kid));
        skipped.map_or(Named::Nothing, |key| Named::Skipped(&key.reason))
    }
}

/// The keys of a JWK Set as they are written. What is odd about one of them is no matter of the others.
pub(super) struct Jwks<'a> {
    pub(super) keys: Vec<&'a RawValue>,
}

impl<'a> Jwks<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        let json = bare(json);
        if !json.starts_with('{') {
            return Err(KeyError::JwkSet);
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let jwks = deserializer.deserialize_map(JwksVisitor).map_err(|_| KeyError::JwkSet)?;
        deserializer.end().map_err(|_| KeyError::JwkSet)?;
        Ok(jwks)
    }
}

struct JwksVisitor;

impl<'de> Visitor<'de> for JwksVisitor {
    type Value = Jwks<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK Set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut keys) = (Names::default(), None);
        while let Some(name) = map.next_key_seed(NameSeed)? {
            names.insert(&name)?;
            match &*name {
                "keys" => keys = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        keys.map(|keys| Jwks { keys }).ok_or_else(|| Error::missing_field("keys"))
    }
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        let by_kid = key.kid.iter().map(|kid| (kid.clone(), vec![0])).collect();
        Self { keys: [key].into(), by_kid: Arc::new(by_kid), skipped: [].into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::SigningKey;
    use crate::key::public_jwk::PublicJwk;

    #[test]
    fn an_odd_key_is_no_matter_of_the_others_and_an_odd_set_is_no_set() {
        let key = PublicJwk::of(&SigningKey::generate(Algorithm::ES256).unwrap()).map(|jwk| json!(jwk)).unwrap();
        for odd in [
            r#"{"kty":"EC","kty":"EC"}"#,
            r#"{"kid":"x","nested":{"a":1,"a":2}}"#,
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"kty":"EC","x":1e999}"#,
            "null",
            "[[]]",
            "1e999",
            &"[".repeat(500).chars().chain("]".repeat(500).chars()).collect::<String>(),
        ] {
            let set = KeySet::jwks(format!(r#" {{"keys":[{odd},{key},{odd}],"more":{{}}}} "#)).unwrap();
            assert_eq!((set.keys().len(), set.skipped().len()), (1, 2), "{odd}");
        }
        for set in [
            format!("[[{key}]]"),
            format!(r#"{{"keys":[{key}],"keys":[]}}"#),
            format!(r#"{{"keys":[{key}],"\u006beys":[]}}"#),
            format!(r#"{{"keys":[{key}],"a":1,"a":1}}"#),
            format!(r#"{{"keys":[{key}]}}{{}}"#),
            format!(r#"{{"keys":{key}}}"#),
            format!(r#"{{"Keys":[{key}]}}"#),
            r#"{"keys":null}"#.to_owned(),
        ] {
            assert_eq!(KeySet::jwks(&set).unwrap_err(), KeyError::JwkSet, "{set}");
        }
    }

    #[test]
    fn a_kid_names_keys_that_are_used_or_one_that_is_not_or_none() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let jwk = |more: serde_json::Value| {
            let mut jwk = serde_json::to_value(PublicJwk::of(&key).unwrap()).unwrap();
            jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            jwk
        };
        let mut set = vec![
            jwk(json!({"kid": "enc", "use": "enc"})),
            jwk(json!({"kid": "ops", "key_ops": ["verify", "verify"]})),
            jwk(json!({"kid": "alg", "alg": "ECDH-ES"})),
            json!({"kid": "future", "kty": "KTY", "pub": "AAAA"}),
            json!({"kid": "no alg", "kty": "AKP", "pub": "AAAA"}),
            json!({"kid": "x25519", "kty": "OKP", "crv": "X25519", "x": "AAAA"}),
            // What cannot be read as a JWK has a name all the same.
            jwk(json!({"kid": "odd member", "x": 5})),
            json!({"kid": "no kty"}),
            json!({"kid": "weak", "kty": "oct", "k": "AAAA"}),
            // Two of one name, of which one is used.
            jwk(json!({"kid": "both", "use": "enc"})),
            jwk(json!({"kid": "both"})),
        ];
        let twice = format!(r#"{{"kid":"twice","x":"AA",{}"#, &jwk(json!({})).to_string()[1..]);
        let read = |set: &[serde_json::Value]| {
            let keys: Vec<String> = set.iter().map(ToString::to_string).chain([twice.clone()]).collect();
            KeySet::jwks(format!(r#"{{"keys":[{}]}}"#, keys.join(","))).unwrap()
        };
        let keys = read(&set);
        let candidates = |keys: &KeySet, algorithm, kid| match keys.candidates(algorithm, Some(kid)) {
            Ok(keys) => format!("{} keys", keys.len()),
            Err(NoCandidate::Unusable(reason)) => reason.to_string(),
            Err(none) => format!("{none:?}"),
        };
        for (kid, reason) in [
            ("enc", KeyError::NotForVerification),
            ("ops", KeyError::KeyOps),
            ("alg", KeyError::Unsupported),
            ("future", KeyError::Unsupported),
            ("no alg", KeyError::Jwk),
            ("x25519", KeyError::Unsupported),
            ("odd member", KeyError::Jwk),
            ("no kty", KeyError::Jwk),
            ("weak", KeyError::WeakSecret { algorithm: Algorithm::HS256, bytes: 3, needed: 32 }),
            ("twice", KeyError::Jwk),
        ] {
            for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::HS256] {
                assert_eq!(candidates(&keys, algorithm, kid), reason.to_string(), "{kid}");
            }
        }
        assert_eq!(candidates(&keys, Algorithm::ES256, "both"), "1 keys");
        assert_eq!(candidates(&keys, Algorithm::RS256, "both"), "NoKeyForAlgorithm");
        assert_eq!(candidates(&keys, Algorithm::ES256, "nobody"), "UnknownKid");
        // A key without a name goes with every name that none of the used ones has.
        set.push(jwk(json!({})));
        let keys = read(&set);
        assert_eq!(candidates(&keys, Algorithm::ES256, "enc"), "1 keys");
        assert_eq!(candidates(&keys, Algorithm::ES256, "nobody"), "1 keys");
        assert_eq!(candidates(&keys, Algorithm::RS256, "enc"), KeyError::NotForVerification.to_string());
    }
}
