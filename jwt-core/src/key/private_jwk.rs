//! One private JSON Web Key (RFC 7518 §6, RFC 8037 §2, RFC 9964 §4), read to sign with it.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::jwk::{Jwk, bare, member, number, without_zeros};
use super::{KeyError, SigningKey, pkcs8};
use crate::json::{StrictSeed, read_object};
use crate::key::algorithm::{Algorithm, Family};
use crate::key::crypto::{Material, PrivateKey};

/// The members that the public reader leaves out.
#[derive(Deserialize)]
struct Private {
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
    oth: Option<IgnoredAny>,
    #[serde(rename = "priv")]
    seed: Option<String>,
}

pub(super) fn signing_key(algorithm: Algorithm, json: &str) -> Result<SigningKey, KeyError> {
    let jwk = Jwk::read(json)?;
    jwk.algorithms(Some(&[algorithm]))?;
    jwk.check_purpose("sign", KeyError::NotForSigning)?;
    let private: Private = read_object(bare(json), StrictSeed(PhantomData)).map_err(|_| KeyError::Jwk)?;
    let key = if algorithm.family() == Family::Hmac {
        SigningKey::secret(algorithm, member(jwk.k.as_ref())?)?
    } else {
        let key = SigningKey::new(algorithm, PrivateKey::der(algorithm, &der(algorithm, &jwk, &private)?)?)?;
        // A key whose signatures its public half does not verify is found here, and not by the first client.
        if !is_half_of(&jwk, &key)? {
            return Err(KeyError::OtherPublicHalf);
        }
        key
    };
    Ok(match jwk.kid {
        Some(kid) => key.with_kid(kid),
        None => key,
    })
}

/// PKCS#1 for RSA, PKCS#8 for the others.
fn der(algorithm: Algorithm, jwk: &Jwk<'_>, private: &Private) -> Result<Vec<u8>, KeyError> {
    if !jwk.is_private() {
        return Err(KeyError::NotPrivate);
    }
    let key_type = algorithm.key_type();
    match key_type.family {
        Family::Hmac => Err(KeyError::WrongKind(algorithm)),
        Family::Ec | Family::Seed => {
            let text = if key_type.kty == "AKP" { &private.seed } else { &private.d };
            let number = number(algorithm, text.as_ref(), key_type.private)?;
            Ok(pkcs8::of(key_type, &number, Some(&jwk.bytes(algorithm)?)))
        }
        Family::Rsa if private.oth.is_some() => Err(KeyError::Unsupported),
        Family::Rsa => {
            let Private { p, q, dp, dq, qi, .. } = private;
            let numbers = [&jwk.n, &jwk.e, &private.d, p, q, dp, dq, qi].map(|text| member(text.as_ref()));
            let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(pkcs8::rsa(numbers.iter().map(Vec::as_slice)))
        }
    }
}

fn is_half_of(jwk: &Jwk<'_>, key: &SigningKey) -> Result<bool, KeyError> {
    let Some(parts) = key.public_parts() else { return Ok(false) };
    Ok(match parts.material() {
        Material::Secret(_) => false,
        Material::RsaComponents { n, e } => {
            let (given_n, given_e) = (member(jwk.n.as_ref())?, member(jwk.e.as_ref())?);
            without_zeros(&given_n) == without_zeros(n) && without_zeros(&given_e) == without_zeros(e)
        }
        Material::Bytes(bytes) => jwk.bytes(key.algorithm())? == bytes,
    })
}
