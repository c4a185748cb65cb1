//! Tokens and keys of PyJWT and of the npm package jose are good here, and ours are good there.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use interop_tests::{Library, Minted, Peer, Verdict};
use jwt_core::error::TokenError;
use jwt_core::key::{KeyError, KeySource};
use jwt_core::{Algorithm, AuthError, Authenticator, Issuer, KeySet, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "interop";

/// The application's claims: each kind of JSON value, and text that JSON writers escape differently.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    sub: String,
    name: String,
    admin: bool,
    level: i64,
    score: f64,
    roles: Vec<String>,
    tenant: Tenant,
    manager: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tenant {
    id: u64,
}

impl User {
    fn example() -> Self {
        Self {
            sub: "alice".into(),
            name: "Ålïçé \"\\/\u{7f}\n\u{2028} 日本 🦀 <&>".into(),
            admin: true,
            level: -(1 << 53) + 1,
            score: 0.1,
            roles: vec!["reader".into(), String::new()],
            tenant: Tenant { id: (1 << 53) - 1 },
            manager: None,
        }
    }
}

fn claims_for(issuer: &str, audience: &Value, expires_in: i64) -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    let mut claims = serde_json::to_value(User::example()).unwrap();
    claims["iss"] = issuer.into();
    claims["aud"] = audience.clone();
    claims["iat"] = now.into();
    claims["exp"] = (now + expires_in).into();
    claims
}

fn claims() -> Value {
    claims_for(ISSUER, &AUDIENCE.into(), 300)
}

fn verifier(keys: impl Into<KeySource>) -> Verifier<User> {
    Authenticator::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE).build_verifier().unwrap()
}

/// The token is good under those keys, and everything in it is what was signed.
#[track_caller]
fn assert_verified(keys: impl Into<KeySource>, token: &str, claims: &Value, case: &str) {
    let token = verifier(keys).verify(token).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(*token, User::example(), "{case}");
    assert_eq!((token.issuer(), token.subject()), (Some(ISSUER), Some("alice")), "{case}");
    assert!(token.audience().any(|audience| audience == AUDIENCE), "{case}");
    assert_eq!(token.expires_at().map(jwt_core::clock::NumericDate::as_secs), claims["exp"].as_u64(), "{case}");
    assert_eq!(serde_json::from_str::<Value>(token.claims_json()).unwrap(), *claims, "{case}");
}

/// The public key of a minted token, or its secret.
fn key_of(minted: &Minted, algorithm: Algorithm) -> VerifyingKey {
    VerifyingKey::jwk(algorithm, &minted.jwk.to_string()).unwrap()
}

/// The key that a peer signs with, taken out of its private key in PEM or its secret.
fn signing_key_of(minted: &Minted, algorithm: Algorithm) -> SigningKey {
    let Some(pem) = &minted.private_pem else {
        let secret = URL_SAFE_NO_PAD.decode_to_vec(minted.jwk["k"].as_str().unwrap()).unwrap();
        return SigningKey::secret(algorithm, secret).unwrap();
    };
    SigningKey::pem(algorithm, pem).unwrap()
}

fn der_of(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode_to_vec(base64).unwrap()
}

/// One process per library for all tests; `None` where `setup` has not been run.
fn peers() -> Option<&'static [Mutex<Peer>]> {
    static PEERS: OnceLock<Vec<Mutex<Peer>>> = OnceLock::new();
    let there = Library::ALL.iter().all(|library| library.is_installed());
    if !outside::is_there(there, "PyJWT or jose", "tests/setup interop") {
        return None;
    }
    let start = |library| Peer::start(library).unwrap_or_else(|error| panic!("{error}"));
    Some(PEERS.get_or_init(|| Library::ALL.into_iter().map(start).map(Mutex::new).collect()))
}

fn for_each_peer(mut test: impl FnMut(&mut Peer)) {
    for peer in peers().unwrap_or_default() {
        test(&mut peer.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Every algorithm of a peer that is known here, with its name and what to call the case in messages.
fn for_each_algorithm(mut test: impl FnMut(&mut Peer, Algorithm, &str)) {
    for_each_peer(|peer| {
        for name in peer.algorithms().unwrap() {
            let Ok(algorithm) = name.parse::<Algorithm>() else { continue };
            test(peer, algorithm, &format!("{} {name}", peer.library()));
        }
    });
}

#[test]
fn every_algorithm_is_exchanged_with_a_peer_and_ml_dsa_and_ed25519_by_that_name_with_jose_alone() {
    let mut lacking = Vec::new();
    for_each_peer(|peer| {
        let names: HashSet<String> = peer.algorithms().unwrap().into_iter().collect();
        let missing = Algorithm::ALL.iter().filter(|algorithm| !names.contains(algorithm.as_str()));
        lacking.extend(missing.map(|algorithm| (peer.library(), *algorithm)));
    });
    // PyJWT knows Ed25519 as EdDSA only, and no ML-DSA. What one peer lacks and the other has is exchanged all the same.
    let jose_alone = [Algorithm::Ed25519, Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];
    let expected = jose_alone.map(|algorithm| (Library::PyJwt, algorithm));
    assert_eq!(lacking, if peers().is_some() { &expected[..] } else { &[] });
}

#[test]
fn a_token_of_a_peer_is_good_under_its_key_as_a_jwk() {
    for_each_algorithm(|peer, algorithm, case| {
        let claims = claims();
        let minted = peer.mint(algorithm.as_str(), None, &claims).unwrap();
        assert_verified(key_of(&minted, algorithm), &minted.token, &claims, case);
        let mut bound = minted.jwk.clone();
        bound["alg"] = algorithm.as_str().into();
        bound["use"] = "sig".into();
        let key = VerifyingKey::jwk(algorithm, &bound.to_string()).unwrap();
        assert_verified(key, &minted.token, &claims, case);
    });
}

#[test]
fn a_token_of_a_peer_is_good_under_the_key_that_its_kid_names_in_a_jwk_set() {
    for_each_algorithm(|peer, algorithm, case| {
        let claims = claims();
        let minted = peer.mint(algorithm.as_str(), Some("this"), &claims).unwrap();
        let other = peer.mint(if algorithm == Algorithm::ES256 { "ES384" } else { "ES256" }, Some("other"), &claims);
        let set = |key: &Value| json!({"keys": [other.as_ref().unwrap().jwk, key]}).to_string();

        let mut bound = minted.jwk.clone();
        bound["alg"] = algorithm.as_str().into();
        let keys = KeySet::jwks(set(&bound)).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(keys.skipped(), [], "{case}");
        assert_verified(keys.clone(), &minted.token, &claims, case);
        assert_eq!(verifier(keys).verify(&minted.token).unwrap().header().unwrap().kid(), Some("this"), "{case}");

        // Without `alg` it is the application that says which algorithms there are.
        let keys = KeySet::jwks_allowing(set(&minted.jwk), &[algorithm]).unwrap();
        assert_verified(keys, &minted.token, &claims, case);

        let mut renamed = bound;
        renamed["kid"] = "that".into();
        let error = verifier(KeySet::jwks(set(&renamed)).unwrap()).verify(&minted.token).unwrap_err();
        assert!(matches!(error, AuthError::InvalidToken(TokenError::UnknownKey)), "{case}: {error}");
    });
}

#[test]
fn a_jwk_set_whose_keys_name_no_algorithm_serves_the_usual_one_of_each_kind() {
    for_each_peer(|peer| {
        let names: Vec<String> = peer.algorithms().unwrap();
        let usual = ["HS256", "RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
        let claims = claims();
        let minted: Vec<(&str, Minted)> = usual
            .into_iter()
            .filter(|name| names.iter().any(|known| known == name))
            .map(|name| (name, peer.mint(name, Some(name), &claims).unwrap()))
            .collect();
        let jwks = json!({"keys": minted.iter().map(|(_, minted)| &minted.jwk).collect::<Vec<_>>()});
        let keys = KeySet::jwks(jwks.to_string()).unwrap();
        for (name, minted) in &minted {
            assert_verified(keys.clone(), &minted.token, &claims, &format!("{} {name}", peer.library()));
        }
    });
}

#[test]
fn a_token_of_a_peer_is_good_under_its_public_key_in_pem_and_in_der() {
    for_each_algorithm(|peer, algorithm, case| {
        let claims = claims();
        let minted = peer.mint(algorithm.as_str(), None, &claims).unwrap();
        let Some(pem) = &minted.pem else { return };
        assert_verified(VerifyingKey::pem(algorithm, pem).unwrap(), &minted.token, &claims, case);
        assert_verified(VerifyingKey::pem(algorithm, pem.replace('\n', "\r\n")).unwrap(), &minted.token, &claims, case);
        assert_verified(VerifyingKey::der(algorithm, der_of(pem)).unwrap(), &minted.token, &claims, case);
        if matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519) {
            assert_verified(KeySet::ed25519_pem(pem).unwrap(), &minted.token, &claims, case);
        }
    });
}

#[test]
fn a_private_key_of_a_peer_is_no_public_key() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        let (Some(pem), Some(private)) = (&minted.pem, &minted.private_pem) else { return };
        assert_eq!(VerifyingKey::pem(algorithm, private).unwrap_err(), KeyError::Private, "{case}");
        assert!(VerifyingKey::der(algorithm, der_of(private)).is_err(), "{case}");
        assert_eq!(SigningKey::pem(algorithm, pem).unwrap_err(), KeyError::NotPrivate, "{case}");
    });
}

#[test]
fn a_key_of_a_peer_is_loaded_for_no_algorithm_of_another_kind() {
    let kind = |algorithm: Algorithm| match algorithm.as_str() {
        "EdDSA" | "Ed25519" => "Ed25519",
        name if name.starts_with("HS") => "HMAC",
        name if name.starts_with("ES") || name.starts_with("ML") => name,
        _ => "RSA",
    };
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        for other in Algorithm::ALL.iter().copied().filter(|other| kind(*other) != kind(algorithm)) {
            assert!(VerifyingKey::jwk(other, &minted.jwk.to_string()).is_err(), "{case} as {other}");
            let (Some(pem), Some(private)) = (&minted.pem, &minted.private_pem) else { continue };
            assert!(VerifyingKey::pem(other, pem).is_err(), "{case} as {other}");
            assert!(VerifyingKey::der(other, der_of(pem)).is_err(), "{case} as {other}");
            assert!(SigningKey::pem(other, private).is_err(), "{case} as {other}");
        }
    });
}

#[test]
fn a_token_of_a_peer_is_refused_when_it_was_changed() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        let verifier = verifier(key_of(&minted, algorithm));
        let [header, payload, signature] = minted.token.split('.').collect::<Vec<_>>().try_into().unwrap();

        let json = String::from_utf8(URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap();
        let forged = URL_SAFE_NO_PAD.encode_to_string(json.replacen("alice", "mallory", 1));
        assert_ne!(forged, payload, "{case}");
        let error = verifier.verify(format!("{header}.{forged}.{signature}")).unwrap_err();
        assert!(matches!(error, AuthError::InvalidToken(TokenError::Signature)), "{case}: {error}");

        let mut bits = URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
        for byte in [0, bits.len() / 2, bits.len() - 1] {
            bits[byte] ^= 0x10;
            let error =
                verifier.verify(format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode_to_string(&bits))).unwrap_err();
            assert!(matches!(error, AuthError::InvalidToken(TokenError::Signature)), "{case}: {error}");
            bits[byte] ^= 0x10;
        }
        for wrong in [&bits[1..], &bits[..bits.len() - 1], &[bits.as_slice(), &[0]].concat()] {
            let error =
                verifier.verify(format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode_to_string(wrong))).unwrap_err();
            // What is longer than a signature of any algorithm is not decoded.
            let too_long = algorithm == Algorithm::MlDsa87 && wrong.len() > bits.len();
            let refused = match &error {
                AuthError::InvalidToken(TokenError::Malformed(_)) => too_long,
                AuthError::InvalidToken(TokenError::Signature) => !too_long,
                _ => false,
            };
            assert!(refused, "{case}: {error}");
        }
        assert!(verifier.verify(&minted.token).is_ok(), "{case}: the token itself is good");
    });
}

#[test]
fn a_token_of_a_peer_is_refused_for_whom_it_is_from_whom_it_is_for_and_its_age() {
    for_each_algorithm(|peer, algorithm, case| {
        let mut error = |issuer: &str, audience: Value, expires_in: i64| {
            let claims = claims_for(issuer, &audience, expires_in);
            let minted = peer.mint(algorithm.as_str(), None, &claims).unwrap();
            verifier(key_of(&minted, algorithm)).verify(&minted.token).err()
        };
        assert!(
            matches!(error(ISSUER, "elsewhere".into(), 300), Some(AuthError::InvalidToken(TokenError::Audience(_)))),
            "{case}"
        );
        assert!(
            matches!(error(ISSUER, json!(["a", "b"]), 300), Some(AuthError::InvalidToken(TokenError::Audience(_)))),
            "{case}"
        );
        assert!(error(ISSUER, json!(["a", AUDIENCE]), 300).is_none(), "{case}");
        assert!(
            matches!(
                error("https://other.example.com", AUDIENCE.into(), 300),
                Some(AuthError::InvalidToken(TokenError::Issuer(_)))
            ),
            "{case}"
        );
        assert!(
            matches!(error(ISSUER, AUDIENCE.into(), -300), Some(AuthError::InvalidToken(TokenError::Expired { .. }))),
            "{case}"
        );
    });
}

#[test]
fn a_token_of_a_peer_is_refused_under_another_algorithm_of_the_same_kind_and_under_another_key() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        let error = |keys: VerifyingKey| verifier(keys).verify(&minted.token).unwrap_err();
        let jwk = minted.jwk.to_string();
        for other in Algorithm::ALL.iter().copied().filter(|other| *other != algorithm) {
            let Ok(key) = VerifyingKey::jwk(other, &jwk) else { continue };
            let error = error(key);
            assert!(
                matches!(error, AuthError::InvalidToken(TokenError::AlgorithmNotAllowed(asked)) if asked == algorithm),
                "{case}: {error}"
            );
        }
        // The peer has another key for every algorithm: a foreign one of the same kind, where there is one.
        let others: Vec<String> = peer.algorithms().unwrap();
        for other in others.iter().filter(|other| *other != algorithm.as_str()) {
            let foreign = peer.mint(other, None, &claims()).unwrap().jwk.to_string();
            let Ok(key) = VerifyingKey::jwk(algorithm, &foreign) else { continue };
            let error = error(key);
            assert!(
                matches!(error, AuthError::InvalidToken(TokenError::Signature)),
                "{case} under the key for {other}: {error}"
            );
        }
    });
}

#[test]
fn a_token_of_ours_is_good_for_a_peer_and_for_us() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        let claims = claims();
        let key = signing_key_of(&minted, algorithm);
        for key in [key.clone(), key.with_kid("ours").with_typ("at+jwt")] {
            let token = key.sign(&claims).unwrap();
            let verdict = peer.verify(algorithm.as_str(), &minted.jwk, &token, ISSUER, AUDIENCE).unwrap();
            assert_eq!(verdict, Verdict::Accepted(claims.clone()), "{case}");
            assert_verified(key_of(&minted, algorithm), &token, &claims, case);
        }
    });
}

#[test]
fn a_token_of_our_issuer_is_good_for_a_peer_that_has_its_jwk_set() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), Some("theirs"), &claims()).unwrap();
        let key = SigningKey::jwk(algorithm, &minted.private_jwk.to_string()).unwrap_or_else(|error| {
            panic!("{case}: {error}");
        });
        assert_eq!(key.kid(), Some("theirs"), "{case}");
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
        let token = issuer.sign(&User::example()).unwrap();
        let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
        // A secret is in no set; the peer has it by other means.
        let jwk = set["keys"].get(0).unwrap_or(&minted.jwk);
        let verdict = peer.verify(algorithm.as_str(), jwk, token.as_str(), ISSUER, AUDIENCE).unwrap();
        let Verdict::Accepted(claims) = verdict else { panic!("{case}: {verdict:?}") };
        let own = issuer.authenticator::<User>().build_verifier().unwrap().verify(token.as_str()).unwrap();
        assert_eq!(claims, serde_json::from_str::<Value>(own.claims_json()).unwrap(), "{case}");
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(AUDIENCE)), "{case}");
        // And the set names the same key as the peer does, to the byte.
        for member in ["kty", "crv", "n", "e", "x", "y", "pub"].iter().filter(|_| !set["keys"][0].is_null()) {
            assert_eq!(jwk.get(member), minted.jwk.get(member), "{case} {member}");
        }
    });
}

#[test]
fn a_generated_key_of_ours_is_good_for_a_peer() {
    for_each_algorithm(|peer, algorithm, case| {
        // The larger hashes of RSA have the same keys, each of which takes its time.
        if algorithm.as_str().starts_with("HS") || ["RS384", "RS512", "PS384", "PS512"].contains(&algorithm.as_str()) {
            return;
        }
        let key = SigningKey::generate(algorithm).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
        let token = issuer.sign(&User::example()).unwrap();
        let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
        let verdict = peer.verify(algorithm.as_str(), &set["keys"][0], token.as_str(), ISSUER, AUDIENCE).unwrap();
        assert!(matches!(verdict, Verdict::Accepted(_)), "{case}: {verdict:?}");
    });
}

#[test]
fn a_token_of_ours_is_refused_by_a_peer_for_another_audience_issuer_key_and_when_changed() {
    for_each_algorithm(|peer, algorithm, case| {
        let minted = peer.mint(algorithm.as_str(), None, &claims()).unwrap();
        let key = signing_key_of(&minted, algorithm);
        let mut assert_refused = |token: &str, audience: &str, issuer: &str, why: &str| {
            let verdict = peer.verify(algorithm.as_str(), &minted.jwk, token, issuer, audience).unwrap();
            assert!(matches!(verdict, Verdict::Rejected(_)), "{case}: {why}: {verdict:?}");
        };
        let token = key.sign(&claims()).unwrap();
        assert_refused(&token, "elsewhere", ISSUER, "for another audience");
        assert_refused(&token, AUDIENCE, "https://other.example.com", "of another issuer");
        let expired = key.sign(&claims_for(ISSUER, &AUDIENCE.into(), -300)).unwrap();
        assert_refused(&expired, AUDIENCE, ISSUER, "expired");
        let other = key.sign(&claims_for(ISSUER, &"elsewhere".into(), 300)).unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        assert_refused(&format!("{message}.{signature}"), AUDIENCE, ISSUER, "with the signature of another token");
    });
}

#[test]
fn a_token_is_good_under_the_certificate_of_its_key_in_pem_and_in_der() {
    for_each_algorithm(|peer, algorithm, case| {
        if peer.library() != Library::PyJwt || algorithm.as_str().starts_with("HS") {
            return;
        }
        let claims = claims();
        let certified = peer.certificate(algorithm.as_str(), &claims).unwrap();
        assert!(certified.pem.starts_with("-----BEGIN CERTIFICATE-----"), "{case}");
        assert_verified(VerifyingKey::pem(algorithm, &certified.pem).unwrap(), &certified.token, &claims, case);
        let der = der_of(&certified.pem);
        assert_verified(VerifyingKey::der(algorithm, der).unwrap(), &certified.token, &claims, case);
    });
}

#[test]
fn a_peer_that_cannot_do_what_it_is_asked_to_says_so() {
    for_each_peer(|peer| {
        let error = peer.mint("none", None, &claims()).unwrap_err().to_string();
        assert!(error.contains("algorithm not supported: none"), "{error}");
        assert!(peer.algorithms().is_ok(), "{}: the next answer is that of the next request", peer.library());
    });
}
