//! One JSON Web Key, read for its public part (RFC 7517, RFC 7518 §6, RFC 8037 §2).

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
#[derive(Deserialize)]
pub(super) struct Jwk<'a> {
    pub(super) kty: Cow<'a, str>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) crv: Option<String>,
    pub(super) n: Option<String>,
    pub(super) e: Option<String>,
    pub(super) x: Option<String>,
    pub(super) y: Option<String>,
    pub(super) k: Option<String>,
    /// Whether there is a private part. What it is does not matter.
    d: Option<IgnoredAny>,
}

impl<'a> Jwk<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        read_object(json.trim(), StrictSeed(PhantomData)).map_err(|_| KeyError::Jwk)
    }

    /// The algorithms that the key is used with: the one that it names, else those of `allowed` that fit its kind,
    /// else the usual one of its kind.
    pub(super) fn algorithms(&self, allowed: Option<&[Algorithm]>) -> Result<Vec<Algorithm>, KeyError> {
        let fits = |algorithm: &Algorithm| {
            let key_type = algorithm.key_type();
            key_type.kty == self.kty && key_type.crv.is_none_or(|crv| self.crv.as_deref() == Some(crv))
        };
        let mut fitting: Vec<Algorithm> = Algorithm::ALL.iter().copied().filter(fits).collect();
        let family = fitting.first().ok_or(KeyError::Unsupported)?.family();
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
            (None, Some(allowed)) => fitting.retain(|alg| allowed.contains(alg)),
            // Never what the token says (RFC 8725 §3.1): what nearly everybody means, or what the curve says.
            (None, None) => match family {
                Family::Hmac | Family::Rsa => fitting.truncate(1),
                Family::Ec | Family::Ed25519 => {}
            },
        }
        if fitting.is_empty() { Err(KeyError::OtherAlgorithm) } else { Ok(fitting) }
    }

    /// Whether it has the private part of a key pair.
    pub(super) fn is_private(&self) -> bool {
        self.d.is_some()
    }

    pub(super) fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
        if !self.algorithms(Some(&[algorithm]))?.contains(&algorithm) {
            return Err(KeyError::WrongKind(algorithm));
        }
        if !self.allows("verify") {
            return Err(KeyError::NotForVerification);
        }
        let key = match algorithm.family() {
            Family::Hmac => {
                let secret = member(self.k.as_ref())?;
                check_secret(algorithm, &secret)?;
                VerifyingKey::new(algorithm, &Material::Secret(&secret))
            }
            Family::Rsa => {
                let (n, e) = (member(self.n.as_ref())?, member(self.e.as_ref())?);
                // Some libraries write the sign byte of the integer, which RFC 7518 §6.3.1.1 warns of.
                let (n, e) = (without_zeros(&n), without_zeros(&e));
                VerifyingKey::new(algorithm, &Material::RsaComponents { n, e })
            }
            Family::Ec => {
                let (x, y) = (member(self.x.as_ref())?, member(self.y.as_ref())?);
                if x.len() != y.len() {
                    return Err(KeyError::Invalid(algorithm));
                }
                VerifyingKey::new(algorithm, &Material::EcPoint(&[&[4], x.as_slice(), y.as_slice()].concat()))
            }
            Family::Ed25519 => VerifyingKey::new(algorithm, &Material::Ed25519(&member(self.x.as_ref())?)),
        }?;
        Ok(match &self.kid {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        })
    }

    /// Whether `use` and `key_ops` allow an operation on signatures.
    pub(super) fn allows(&self, operation: &str) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == operation))
    }
}

pub(super) fn member(text: Option<&String>) -> Result<Vec<u8>, KeyError> {
    text.and_then(|text| base64url::decode(text.as_bytes())).ok_or(KeyError::Jwk)
}

pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
