//! A JWK Set that anybody can read.

use crate::key::algorithm::{Algorithm, OCT};
use crate::key::jwk::Jwk;
use crate::key::set::Jwks;
use crate::key::{KeyError, KeySet};

/// The keys that can be used with `algorithms`. A published secret is known to everybody, and so is a published private
/// key: both are skipped. A secret is used all the same if its algorithm was asked for by name.
pub(super) fn read(json: &str, algorithms: Option<&[Algorithm]>, lenient: bool) -> Result<KeySet, KeyError> {
    KeySet::read_jwks(json, algorithms, lenient, |jwk| check(jwk, algorithms.is_some()))
}

fn check(jwk: &Jwk<'_>, secrets_wanted: bool) -> Result<(), KeyError> {
    match (jwk.kty == OCT.kty, jwk.is_private()) {
        (true, _) if secrets_wanted => Ok(()),
        (true, _) | (_, true) => Err(KeyError::Published),
        _ => Ok(()),
    }
}

/// The keys as they are written, usable or not, in the order of their text: two sets with the same text have the same
/// keys, in whatever order they came.
pub(super) fn written(json: &str) -> Result<Vec<Box<str>>, KeyError> {
    let mut keys: Vec<Box<str>> = Jwks::read(json)?.keys.into_iter().map(|key| key.get().into()).collect();
    keys.sort_unstable();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_of_any_kind_is_known_to_everybody() {
        for (kind, private) in [
            (r#""kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA""#, r#""d":"AAAA""#),
            (r#""kty":"OKP","crv":"Ed25519","x":"AAAA""#, r#""d":"AAAA""#),
            (r#""kty":"AKP","alg":"ML-DSA-65","pub":"AAAA""#, r#""priv":"AAAA""#),
        ] {
            let set = format!(r#"{{"keys":[{{{kind},{private}}}]}}"#);
            let Err(KeyError::Empty { skipped }) = read(&set, None, false) else { panic!("{set}") };
            assert_eq!(skipped[0].reason, KeyError::Published, "{set}");
        }
    }
}
