//! One JSON Web Key, read for its public part (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{KeyError, VerifyingKey, check_secret};
use crate::base64url;
use crate::json::{StrictSeed, read_object};
use crate::key::algorithm::{Algorithm, Family};
use crate::key::crypto::Material;

/// The public members of a key, as they were written. Private ones are not read.
#[derive(Clone, PartialEq, Deserialize)]
pub(super) struct Jwk<'a> {
    pub(super) kty: Cow<'a, str>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    pub(super) alg: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) crv: Option<String>,
    pub(super) n: Option<String>,
    pub(super) e: Option<String>,
    pub(super) x: Option<String>,
    pub(super) y: Option<String>,
    pub(super) k: Option<String>,
    #[serde(rename = "pub")]
    pub(super) public: Option<String>,
    /// Whether there is a private part. What it is does not matter.
    d: Option<IgnoredAny>,
    #[serde(rename = "priv")]
    private: Option<IgnoredAny>,
}

impl<'a> Jwk<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        read_object(bare(json), StrictSeed(PhantomData)).map_err(|_| KeyError::Jwk)
    }

    /// The same with its members spelled as the standard has it: without padding, the numbers of RSA without zeros in
    /// front (RFC 7518 §6.3.1), and coordinates of elliptic curves as long as their curve demands (§6.2.1).
    pub(super) fn respelled(mut self) -> Self {
        let members = [&mut self.n, &mut self.e, &mut self.x, &mut self.y, &mut self.k, &mut self.public];
        for member in members.into_iter().flatten() {
            member.truncate(base64url::without_padding(member.as_bytes()).len());
        }
        let mut types = Algorithm::ALL.iter().map(|algorithm| algorithm.key_type());
        let curve = types.find(|curve| curve.kty == "EC" && curve.kty == self.kty && curve.crv == self.crv.as_deref());
        let resize = |text: Option<String>, length| text.and_then(|text| resized(&text, length));
        (self.n, self.e) = (resize(self.n, 0), resize(self.e, 0));
        if let Some(curve) = curve {
            (self.x, self.y) = (resize(self.x, curve.public), resize(self.y, curve.public));
        }
        self
    }

    /// The name of something that is perhaps no well-formed JWK.
    pub(super) fn name(json: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            kid: String,
        }
        serde_json::from_str(json).ok().map(|Named { kid }| kid)
    }

    /// The algorithms that the key is used with: the one that it names, else those of `allowed` that fit its kind,
    /// else the usual one of its kind.
    pub(super) fn algorithms(&self, allowed: Option<&[Algorithm]>) -> Result<Vec<Algorithm>, KeyError> {
        let fits = |algorithm: &Algorithm| {
            let key_type = algorithm.key_type();
            key_type.kty == self.kty && key_type.crv.is_none_or(|crv| self.crv.as_deref() == Some(crv))
        };
        let mut fitting: Vec<Algorithm> = Algorithm::ALL.iter().copied().filter(fits).collect();
        let key_type = fitting.first().ok_or(KeyError::Unsupported)?.key_type();
        match (&self.alg, allowed) {
            (Some(alg), allowed) => {
                let alg = alg.parse().map_err(|_| KeyError::Unsupported)?;
                if !fitting.contains(&alg) {
                    return Err(KeyError::WrongKind(alg));
                }
                if allowed.is_some_and(|allowed| !allowed.contains(&alg)) {
                    return Err(KeyError::OtherAlgorithm);
                }
                fitting = vec![alg];
            }
            // Required (RFC 9964 §3), since nothing else says which of them the key is for.
            (None, _) if self.kty == "AKP" => return Err(KeyError::Jwk),
            (None, Some(allowed)) => fitting.retain(|alg| allowed.contains(alg)),
            // Never what the token says (RFC 8725 §3.1): what nearly everybody means, or what the curve says.
            (None, None) if key_type.crv.is_none() => fitting.truncate(1),
            (None, None) => {}
        }
        if fitting.is_empty() { Err(KeyError::OtherAlgorithm) } else { Ok(fitting) }
    }

    /// Whether it has the private part of a key pair.
    pub(super) fn is_private(&self) -> bool {
        self.d.is_some() || self.private.is_some()
    }

    pub(super) fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
        let respelled = self.clone().respelled();
        let key = respelled.well_spelled(algorithm)?;
        // Some libraries write the sign byte of an integer, which RFC 7518 §6.3.1.1 warns of.
        if respelled == *self { Ok(key) } else { Err(KeyError::Misspelled) }
    }

    fn well_spelled(&self, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
        self.algorithms(Some(&[algorithm]))?;
        self.check_purpose("verify", KeyError::NotForVerification)?;
        let key = match algorithm.family() {
            Family::Hmac => {
                let secret = member(self.k.as_ref())?;
                check_secret(algorithm, &secret)?;
                VerifyingKey::new(algorithm, &Material::Secret(&secret))
            }
            Family::Rsa => {
                let (n, e) = (member(self.n.as_ref())?, member(self.e.as_ref())?);
                VerifyingKey::new(algorithm, &Material::RsaComponents { n: &n, e: &e })
            }
            Family::Ec | Family::Seed => VerifyingKey::new(algorithm, &Material::Bytes(&self.bytes(algorithm)?)),
        }?;
        Ok(match &self.kid {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        })
    }

    /// The public key as its algorithm has it, for a curve of RFC 7518 §6.2 an uncompressed point (SEC 1 §2.3.3).
    pub(super) fn bytes(&self, algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
        let key_type = algorithm.key_type();
        let number = |text: &Option<String>| number(algorithm, text.as_ref(), key_type.public);
        match key_type.family {
            Family::Ec => Ok([&[4], number(&self.x)?.as_slice(), number(&self.y)?.as_slice()].concat()),
            _ if key_type.kty == "AKP" => number(&self.public),
            _ => number(&self.x),
        }
    }

    /// Whether `use` (RFC 7517 §4.2) and `key_ops` (§4.3) allow an operation on signatures, `otherwise` if they do not.
    pub(super) fn check_purpose(&self, operation: &str, otherwise: KeyError) -> Result<(), KeyError> {
        let operations = self.key_ops.as_deref().unwrap_or_default();
        let is_named = self.key_ops.is_none() || operations.iter().any(|name| name == operation);
        if !is_named || self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(otherwise);
        }
        let is_named_twice = |(at, name): (usize, &String)| operations[..at].contains(name);
        // "If both are used, the information they convey MUST be consistent." Other names may be anybody's.
        let contradicts = |name: &String| self.usage.is_some() && ENCRYPTION.contains(&name.as_str());
        if operations.iter().enumerate().any(is_named_twice) || operations.iter().any(contradicts) {
            return Err(KeyError::KeyOps);
        }
        Ok(())
    }
}

/// The operations of RFC 7517 §4.3 that do not go with the use `sig`.
const ENCRYPTION: [&str; 6] = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];

/// Without white space around it, and without the byte order mark that some editors write (RFC 8259 §8.1).
pub(super) fn bare(json: &str) -> &str {
    json.trim_start_matches('\u{feff}').trim()
}

pub(super) fn member(text: Option<&String>) -> Result<Vec<u8>, KeyError> {
    text.and_then(|text| base64url::decode(text.as_bytes())).ok_or(KeyError::Jwk)
}

/// A public key, a coordinate or a private number, whose length is that of the curve whatever the number (RFC 7518
/// §6.2.1.2, §6.2.2.1; RFC 8037 §2; RFC 9964 §4).
pub(super) fn number(algorithm: Algorithm, text: Option<&String>, needed: usize) -> Result<Vec<u8>, KeyError> {
    let number = member(text)?;
    if number.len() == needed { Ok(number) } else { Err(KeyError::Invalid(algorithm)) }
}

pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The text of the same unsigned number in at least that many bytes; `None` where it is none.
fn resized(text: &str, length: usize) -> Option<String> {
    let number = base64url::decode(text.as_bytes()).filter(|number| !number.is_empty())?;
    let number = without_zeros(&number);
    Some(base64url::encode([&vec![0; length.saturating_sub(number.len())], number].concat()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::key::crypto::PublicParts;
    use crate::key::{KeySet, SigningKey};

    fn of(algorithm: Algorithm) -> (SigningKey, Value) {
        let key = SigningKey::generate(algorithm).unwrap();
        let jwk = serde_json::to_value(super::super::public_jwk::PublicJwk::of(&key).unwrap()).unwrap();
        (key, jwk)
    }

    fn read(algorithm: Algorithm, jwk: &Value) -> Result<VerifyingKey, KeyError> {
        let key = VerifyingKey::jwk(algorithm, &jwk.to_string());
        // A set has it if and only if it can be loaded by itself.
        let set = KeySet::jwks(json!({"keys": [jwk]}).to_string());
        assert_eq!(key.is_ok(), set.is_ok(), "{jwk}");
        key
    }

    #[test]
    fn operations_are_named_once_and_agree_with_the_use() {
        let (_, jwk) = of(Algorithm::ES256);
        let with = |usage: &Value, operations: &Value| {
            let mut jwk = jwk.clone();
            (jwk["use"], jwk["key_ops"]) = (usage.clone(), operations.clone());
            read(Algorithm::ES256, &jwk).err()
        };
        for (usage, operations, expected) in [
            (json!("sig"), json!(["verify"]), None),
            (json!("sig"), json!(["sign", "verify"]), None),
            (json!("sig"), json!(["verify", "of-another-application"]), None),
            (Value::Null, json!(["verify"]), None),
            (Value::Null, json!(["verify", "encrypt"]), None),
            (Value::Null, json!(["verify", "verify"]), Some(KeyError::KeyOps)),
            (Value::Null, json!(["verify", "sign", "verify"]), Some(KeyError::KeyOps)),
            (Value::Null, json!(["verify", "x", "x"]), Some(KeyError::KeyOps)),
            (json!("sig"), json!(["sign", "verify", "sign"]), Some(KeyError::KeyOps)),
            (json!("sig"), json!(["verify", "encrypt"]), Some(KeyError::KeyOps)),
            (json!("sig"), json!(["deriveBits", "verify"]), Some(KeyError::KeyOps)),
            (json!("sig"), json!(["wrapKey"]), Some(KeyError::NotForVerification)),
            (json!("enc"), json!(["verify"]), Some(KeyError::NotForVerification)),
            (json!("enc"), json!(["encrypt", "sign"]), Some(KeyError::NotForVerification)),
            (json!("enc"), json!(["encrypt"]), Some(KeyError::NotForVerification)),
            (json!("sig"), json!(["sign"]), Some(KeyError::NotForVerification)),
            (json!("sig"), json!([]), Some(KeyError::NotForVerification)),
            (json!("SIG"), json!(["verify"]), Some(KeyError::NotForVerification)),
            (json!("sig"), json!(["Verify"]), Some(KeyError::NotForVerification)),
            (json!("sig"), json!("verify"), Some(KeyError::Jwk)),
            (json!(["sig"]), json!(["verify"]), Some(KeyError::Jwk)),
        ] {
            assert_eq!(with(&usage, &operations), expected, "{usage} {operations}");
        }
    }

    #[test]
    fn a_private_key_whose_operations_are_named_twice_does_not_sign() {
        let secret = base64url::encode([7; 32]);
        let read = |operations: &[&str]| {
            SigningKey::jwk(Algorithm::HS256, &json!({"kty": "oct", "k": secret, "key_ops": operations}).to_string())
        };
        assert!(read(&["sign", "verify"]).is_ok());
        assert_eq!(read(&["sign", "sign"]).unwrap_err(), KeyError::KeyOps);
        assert_eq!(read(&["verify"]).unwrap_err(), KeyError::NotForSigning);
    }

    /// Keys are made until one has a coordinate that begins with a zero: what a careless writer leaves out.
    #[test]
    fn a_coordinate_is_as_long_as_its_curve_demands() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384] {
            let needed = algorithm.key_type().public;
            let (point, jwk) = loop {
                let (key, jwk) = of(algorithm);
                let Some(PublicParts::Bytes(point)) = key.public_parts() else { panic!() };
                if point[1] == 0 || point[1 + needed] == 0 {
                    break (point.clone(), jwk);
                }
            };
            read(algorithm, &jwk).unwrap();
            for (member, number) in [("x", &point[1..=needed]), ("y", &point[1 + needed..])] {
                let wrong =
                    [without_zeros(number), &[&[0], number].concat(), &number[1..], &[number, &[0]].concat(), &[]]
                        .map(<[u8]>::to_vec);
                for wrong in wrong.into_iter().filter(|wrong| wrong != number) {
                    let mut jwk = jwk.clone();
                    jwk[member] = base64url::encode(&wrong).into();
                    let error = read(algorithm, &jwk).unwrap_err();
                    // Read leniently, it is the same number, or one that is still refused.
                    let lenient = VerifyingKey::lenient_jwk(algorithm, &jwk.to_string());
                    let same = !wrong.is_empty() && without_zeros(&wrong) == without_zeros(number);
                    let expected = match wrong.len() {
                        0 => KeyError::Jwk,
                        _ if same => KeyError::Misspelled,
                        _ => KeyError::Invalid(algorithm),
                    };
                    assert_eq!(error, expected, "{member} of {} bytes", wrong.len());
                    assert_eq!(lenient.is_ok(), same, "{member} of {} bytes: {lenient:?}", wrong.len());
                }
                for end in ["=", "A=", "\n", " ", "+"] {
                    let mut jwk = jwk.clone();
                    jwk[member] = (base64url::encode(number) + end).into();
                    // 32 bytes are 43 characters, and the padding makes 44 of them.
                    let expected = if needed == 32 && end == "=" { KeyError::Misspelled } else { KeyError::Jwk };
                    assert_eq!(read(algorithm, &jwk).unwrap_err(), expected);
                }
            }
            // Both of them, so that their lengths agree.
            let mut both = jwk.clone();
            both["x"] = base64url::encode([&[0], &point[1..=needed]].concat()).into();
            both["y"] = base64url::encode([&[0], &point[1 + needed..]].concat()).into();
            assert_eq!(read(algorithm, &both).unwrap_err(), KeyError::Misspelled);
            assert!(VerifyingKey::lenient_jwk(algorithm, &both.to_string()).is_ok());
        }
        let (_, mut jwk) = of(Algorithm::EdDSA);
        for bytes in [0, 31, 33, 64] {
            jwk["x"] = base64url::encode(vec![9; bytes]).into();
            assert_eq!(read(Algorithm::EdDSA, &jwk).unwrap_err(), KeyError::Invalid(Algorithm::EdDSA));
        }
    }
}
