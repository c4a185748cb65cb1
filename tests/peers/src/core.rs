//! Bare tokens: what a verification costs over the signature alone.

use std::hint::black_box;
use std::mem::MaybeUninit;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64_simd::{Out, URL_SAFE_NO_PAD};
use jwt_core::Algorithm;
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, HS256Key, MACLike, PS256PublicKey,
    RS256PublicKey, RSAPublicKeyLike, VerificationOptions,
};

use crate::measure::{Case, Id};
use crate::ours::{self, Mode};
use crate::recipe::Recipe;
use crate::tokens::{AUDIENCE, ISSUER, Key, User, UserWithoutSubject};

pub(crate) const LAYER: &str = "core";

/// The row that nobody who hands over typed claims can be below.
pub(crate) const FLOOR: &str = "floor";

pub(crate) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::HS256, Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

pub(crate) fn cases() -> Vec<Case> {
    ALGORITHMS.into_iter().flat_map(of_algorithm).collect()
}

fn of_algorithm(algorithm: Algorithm) -> Vec<Case> {
    let keys = [Key::generate(algorithm)];
    let [key] = &keys;
    let id = |implementation: &str, mode| Id::new(LAYER, algorithm.as_str(), implementation, mode);
    let recipe = Recipe::new(key);
    let mut cases = vec![
        raw(id("raw", "cold"), key),
        floor(id(FLOOR, "cold"), key),
        case(id("jsonwebtoken", "cold"), key, move |token| recipe.verify(token).is_some()),
        jwt_simple(id("jwt-simple", "cold"), key),
    ];
    for mode in Mode::BOTH {
        let ours = ours::authenticator(algorithm, &keys, mode);
        cases.push(case(id("ours", mode.name()), key, move |token| ours::verify(&ours, token).is_some()));
    }
    cases
}

/// `verify` says whether a token is good; it is tried before it is believed.
fn case(id: Id, key: &Key, verify: impl Fn(&str) -> bool + 'static) -> Case {
    let token = key.token();
    assert!(verify(&token), "{id} refuses a good token");
    for (kind, bad) in key.bad_tokens() {
        assert!(!verify(&bad), "{id} accepts a token that is {kind}");
    }
    Case::new(id, move |calls| {
        for _ in 0..calls {
            assert!(verify(black_box(&token)));
        }
    })
}

/// The signature alone, decoded before, under a key that was parsed before.
fn raw(id: Id, key: &Key) -> Case {
    let token = key.token();
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let message = message.as_bytes().to_vec();
    let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("base64url");
    let key = RawKey::new(key);
    Case::new(id, move |calls| {
        for _ in 0..calls {
            assert!(key.holds(black_box(&message), black_box(&signature)));
        }
    })
}

/// The signature, its base64 and that of the claims, and the claims read into the type of the application, whatever they say:
/// what nobody can leave out who hands over typed claims.
fn floor(id: Id, key: &Key) -> Case {
    let token = key.token();
    let key = RawKey::new(key);
    Case::new(id, move |calls| {
        for _ in 0..calls {
            assert!(key.claims(black_box(&token)).is_some());
        }
    })
}

/// A key of aws-lc-rs as it is.
pub(crate) enum RawKey {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl RawKey {
    pub(crate) fn new(key: &Key) -> Self {
        let public = |algorithm: &'static dyn VerificationAlgorithm| {
            Self::Public(ParsedPublicKey::new(algorithm, &key.public_der).expect("a key"))
        };
        match key.algorithm {
            Algorithm::RS256 => public(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::PS256 => public(&RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => public(&ECDSA_P256_SHA256_FIXED),
            Algorithm::EdDSA => public(&ED25519),
            _ => Self::Secret(hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_bytes())),
        }
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }

    /// What is signed of a compact token, if the signature holds. Nothing else is checked.
    pub(crate) fn verified<'t>(&self, token: &'t str) -> Option<&'t str> {
        let (message, signature) = token.rsplit_once('.')?;
        let mut buffer = [MaybeUninit::uninit(); 512];
        let signature = URL_SAFE_NO_PAD.decode(signature.as_bytes(), Out::from_uninit_slice(&mut buffer)).ok()?;
        self.holds(message.as_bytes(), signature).then_some(message)
    }

    fn claims(&self, token: &str) -> Option<User> {
        let (_, payload) = self.verified(token)?.split_once('.')?;
        serde_json::from_str(std::str::from_utf8(&URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?).ok()?).ok()
    }
}

fn jwt_simple(id: Id, key: &Key) -> Case {
    let options = VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some([AUDIENCE.to_owned()].into()),
        ..VerificationOptions::default()
    };
    // It wants the options as its own, so every call has to make a copy of them.
    macro_rules! verify {
        ($key:expr) => {{
            let simple = $key;
            case(id, key, move |token| simple.verify_token::<UserWithoutSubject>(token, Some(options.clone())).is_ok())
        }};
    }
    match key.algorithm {
        Algorithm::RS256 => verify!(RS256PublicKey::from_pem(&key.public_pem).expect("a key")),
        Algorithm::PS256 => verify!(PS256PublicKey::from_pem(&key.public_pem).expect("a key")),
        Algorithm::ES256 => verify!(ES256PublicKey::from_pem(&key.public_pem).expect("a key")),
        Algorithm::EdDSA => verify!(Ed25519PublicKey::from_pem(&key.public_pem).expect("a key")),
        _ => verify!(HS256Key::from_bytes(key.secret.as_bytes())),
    }
}
