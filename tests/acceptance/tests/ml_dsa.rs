//! ML-DSA (RFC 9964): its vectors, its keys in every form, and what does not go with signatures of some thousand bytes.
#![cfg(feature = "aws-lc-rs")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, STACKS, Stopped, User, base64url, good_claims, key_file, named_key};
use jwt_core::adapter::Verdict;
use jwt_core::error::TokenError;
use jwt_core::issue::RotationError;
use jwt_core::key::KeyError;
use jwt_core::login::{Login, LoginsBuildError, LoginsBuilder};
use jwt_core::{
    Algorithm, AuthError, Authenticator, Issuer, KeySet, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens,
    SigningKey, Verifier, VerifyingKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];

/// An example of RFC 9964, appendix A.1.
#[derive(Deserialize)]
struct Example {
    kid: String,
    r#pub: String,
    jws: String,
}

fn examples() -> Vec<(Algorithm, Example)> {
    let examples: BTreeMap<String, Example> = serde_json::from_str(include_str!("rfc9964.json")).unwrap();
    examples.into_iter().map(|(name, example)| (name.parse().unwrap(), example)).collect()
}

/// The private key of the example: its seed is of zeros.
fn private_jwk(algorithm: Algorithm, example: &Example) -> Value {
    json!({"kty": "AKP", "alg": algorithm.as_str(), "pub": example.r#pub, "priv": base64url([0; 32])})
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::pem(algorithm, key_file(&format!("{}.pem", named_key(algorithm).unwrap()))).unwrap()
}

fn verifier(key: impl Into<KeySet>) -> Verifier<User> {
    let builder = Authenticator::builder().keys(key.into()).issuer(ISSUER).audience(AUDIENCE).clock(Stopped);
    builder.build_verifier().unwrap()
}

fn issuer(key: SigningKey) -> Issuer {
    Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap()
}

fn alice() -> User {
    User { sub: "alice".into(), name: "Alice".into() }
}

fn jwks(issuer: &Issuer) -> Value {
    serde_json::from_str(&issuer.jwks()).unwrap()
}

#[test]
fn the_seed_of_an_example_yields_its_public_key_and_its_thumbprint() {
    let examples = examples();
    assert_eq!(examples.iter().map(|(algorithm, _)| *algorithm).collect::<Vec<_>>(), ALGORITHMS);
    for (algorithm, example) in examples {
        let key = SigningKey::jwk(algorithm, &private_jwk(algorithm, &example).to_string()).unwrap();
        let published = jwks(&issuer(key))["keys"][0].clone();
        let expected = json!({
            "kty": "AKP", "alg": algorithm.as_str(), "pub": example.r#pub, "kid": example.kid, "use": "sig",
        });
        assert_eq!(published, expected);
    }
}

#[test]
fn the_signature_of_an_example_holds_and_a_changed_one_does_not() {
    for (algorithm, example) in examples() {
        let mut jwk = private_jwk(algorithm, &example);
        jwk.as_object_mut().unwrap().remove("priv");
        let verifier = verifier(VerifyingKey::jwk(algorithm, &jwk.to_string()).unwrap());
        // A sentence of a novel, and so no claims: which are read only where the signature holds.
        let error = verifier.verify(&example.jws).unwrap_err();
        assert!(matches!(error, AuthError::InvalidToken(TokenError::Malformed(_))), "{algorithm}: {error}");
        let (message, signature) = example.jws.rsplit_once('.').unwrap();
        for place in [0, signature.len() / 2, signature.len() - 10] {
            let other = if &signature[place..=place] == "A" { "B" } else { "A" };
            let changed = format!("{message}.{}{other}{}", &signature[..place], &signature[place + 1..]);
            let error = verifier.verify(&changed).unwrap_err();
            assert!(matches!(error, AuthError::InvalidToken(TokenError::Signature)), "{algorithm}: {error}");
        }
    }
}

#[test]
fn a_jwk_without_its_algorithm_or_with_members_of_another_kind_or_length_is_refused() {
    for (algorithm, example) in examples() {
        let whole = private_jwk(algorithm, &example);
        let with = |changes: Value| {
            let mut jwk = whole.clone();
            for (name, value) in changes.as_object().unwrap() {
                match value {
                    Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
                    value => jwk[name] = value.clone(),
                }
            }
            jwk.to_string()
        };
        let invalid = KeyError::Invalid(algorithm);
        let other = ALGORITHMS.into_iter().find(|other| *other != algorithm).unwrap();
        let bytes = example.r#pub.len() * 3 / 4;
        let public = |jwk: &str| VerifyingKey::jwk(algorithm, jwk).err();
        let private = |jwk: &str| SigningKey::jwk(algorithm, jwk).err();
        for (changes, of_public, of_private) in [
            (json!({}), None, None),
            // RFC 9964 §3: required.
            (json!({"alg": null}), Some(KeyError::Jwk), Some(KeyError::Jwk)),
            (json!({"pub": null}), Some(KeyError::Jwk), Some(KeyError::Jwk)),
            (json!({"priv": null}), None, Some(KeyError::NotPrivate)),
            (json!({"alg": other.as_str()}), Some(KeyError::OtherAlgorithm), Some(KeyError::OtherAlgorithm)),
            (json!({"alg": "ES256"}), Some(KeyError::WrongKind(Algorithm::ES256)), None),
            (json!({"alg": "ML-DSA-99"}), Some(KeyError::Unsupported), Some(KeyError::Unsupported)),
            (json!({"kty": "OKP"}), Some(KeyError::Unsupported), Some(KeyError::Unsupported)),
            (json!({"pub": base64url(vec![1; bytes + 1])}), Some(invalid.clone()), Some(invalid.clone())),
            (json!({"pub": base64url(vec![1; bytes - 1])}), Some(invalid.clone()), Some(invalid.clone())),
            (json!({"pub": null, "x": example.r#pub}), Some(KeyError::Jwk), Some(KeyError::Jwk)),
            // RFC 9964 §4: the seed, of 32 bytes, and no expanded key.
            (json!({"priv": base64url([0; 31])}), None, Some(invalid.clone())),
            (json!({"priv": base64url([0; 2560])}), None, Some(invalid.clone())),
            (json!({"priv": null, "d": base64url([0; 32])}), None, Some(KeyError::Jwk)),
            (json!({"priv": base64url([1; 32])}), None, Some(KeyError::OtherPublicHalf)),
        ] {
            let jwk = with(changes.clone());
            assert_eq!(public(&jwk), of_public, "{algorithm} {changes}");
            if changes["alg"] != "ES256" {
                assert_eq!(private(&jwk), of_private, "{algorithm} {changes}");
            }
        }
        // Nobody says by which algorithm such a key is meant, so a set does not guess it either.
        let nameless = with(json!({"alg": null, "priv": null, "kid": "nameless"}));
        for set in [KeySet::jwks, |set| KeySet::jwks_allowing(set, &ALGORITHMS)] {
            let error = set(format!(r#"{{"keys":[{nameless}]}}"#)).unwrap_err();
            assert!(error.to_string().contains("and `alg` where `kty` is `AKP`"), "{error}");
        }
    }
}

#[test]
fn a_private_key_is_read_from_pkcs8_with_its_seed_its_expanded_form_and_both() {
    // `ml-dsa-65.pem` has both, the two others have their seed (RFC 9881 §6).
    for (algorithm, file) in [
        (Algorithm::MlDsa44, "ml-dsa-44.pem"),
        (Algorithm::MlDsa44, "ml-dsa-44.expanded.pem"),
        (Algorithm::MlDsa65, "ml-dsa-65.pem"),
        (Algorithm::MlDsa87, "ml-dsa-87.pem"),
    ] {
        let token = SigningKey::pem(algorithm, key_file(file)).unwrap().sign(&good_claims()).unwrap();
        let name = named_key(algorithm).unwrap();
        for form in ["pub", "cert"] {
            let public = VerifyingKey::pem(algorithm, key_file(&format!("{name}.{form}.pem"))).unwrap();
            assert_eq!(*verifier(public).verify(&token).unwrap(), alice(), "{file} {form}");
        }
        for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(SigningKey::pem(other, key_file(file)).unwrap_err(), KeyError::WrongKind(other));
            let public = key_file(&format!("{name}.pub.pem"));
            assert_eq!(VerifyingKey::pem(other, public).unwrap_err(), KeyError::WrongKind(other));
        }
    }
}

fn logins(issuer: &Issuer) -> LoginsBuilder {
    Logins::builder(issuer.clone(), RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap())
}

#[test]
fn a_login_in_cookies_is_not_built_where_a_token_is_too_large_for_one() {
    for algorithm in [Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let error = logins(&issuer(key(algorithm))).build().unwrap_err();
        assert_eq!(error, LoginsBuildError::TooLargeForCookie { algorithm });
        let text = error.to_string();
        for advice in [algorithm.as_str(), "ES256", "`.without_cookies()`", "`Authorization`", "`Sessions`"] {
            assert!(text.contains(advice), "{advice}: {text}");
        }
        // Also where it does not sign yet.
        let next = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key(Algorithm::MlDsa44));
        let next = next.published_key(key(algorithm)).build().unwrap();
        assert_eq!(logins(&next).build().unwrap_err(), LoginsBuildError::TooLargeForCookie { algorithm });
    }
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::MlDsa44] {
        assert!(logins(&issuer(key(algorithm))).build().is_ok(), "{algorithm}");
    }
}

#[test]
fn the_issuer_of_a_login_in_cookies_rotates_to_no_key_whose_tokens_are_too_large_for_one() {
    let issuer = issuer(key(Algorithm::ES256));
    let _logins = logins(&issuer).build().unwrap();
    for algorithm in [Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let refused = RotationError::TooLargeForCookie { algorithm };
        assert_eq!(issuer.rotate(key(algorithm)), Err(refused));
        assert_eq!(issuer.publish(key(algorithm)), Err(refused));
        assert!(refused.to_string().contains("`.without_cookies()`"), "{refused}");
    }
    assert_eq!(jwks(&issuer)["keys"].as_array().unwrap().len(), 1, "nothing has changed");
    assert_eq!(issuer.rotate(key(Algorithm::MlDsa44)), Ok(()));
}

#[tokio::test]
async fn a_login_without_cookies_is_signed_by_any_algorithm_and_is_no_login_of_a_browser() {
    for algorithm in ALGORITHMS {
        let issuer = issuer(key(algorithm));
        let logins = logins(&issuer).without_cookies().build().unwrap();
        let auth = logins.authenticator::<User>().build().unwrap();
        let first = logins.log_in(&alice(), "the application").await.unwrap();
        let login = logins.refresh(first.refresh_token().unwrap().as_str()).await.unwrap();
        let token = login.access_token().as_str();
        let head = |name: &str, value: String| http::Request::get("/").header(name, value).body(()).unwrap();
        let verdict = auth.authenticate(&head("authorization", format!("Bearer {token}")));
        assert!(matches!(verdict, Verdict::Verified(user) if *user == alice()), "{algorithm}");
        let verdict = auth.authenticate(&head("cookie", format!("__Host-access_token={token}")));
        assert!(!matches!(verdict, Verdict::Verified(_)), "{algorithm}");

        let request = http::Request::post("/auth/login").header("sec-fetch-site", "same-origin").body(()).unwrap();
        let error = logins.attempt(&request).unwrap_err();
        assert!(matches!(error, LoginError::NoCookies), "{error}");
        assert_eq!(error.status(), 500, "a mistake of the application");
        let refresh = format!("__Secure-refresh_token={}", login.refresh_token().unwrap().as_str());
        assert!(logins.refresh_from_request(&head("cookie", refresh)).await.is_err(), "{algorithm}");
    }
    let contradiction = logins(&issuer(key(Algorithm::ES256))).without_cookies();
    let contradiction = contradiction.cookies(LoginCookies::builder().build().unwrap()).build().unwrap_err();
    assert_eq!(contradiction, LoginsBuildError::NoCookies { setting: "cookies" });
    let contradiction = logins(&issuer(key(Algorithm::ES256))).without_cookies().transparent_renewal();
    assert_eq!(contradiction.build().unwrap_err(), LoginsBuildError::NoCookies { setting: "transparent_renewal" });
}

#[test]
fn whether_a_token_fits_into_a_cookie_is_said_in_advance() {
    let cookies = LoginCookies::builder().build().unwrap();
    let fits =
        |algorithm, claims: &Value| Login::new(issuer(key(algorithm)).sign(claims).unwrap()).fits_cookies(&cookies);
    let claims = json!({"sub": "alice", "name": "Alice"});
    assert!(fits(Algorithm::ES256, &claims) && fits(Algorithm::MlDsa44, &claims));
    assert!(!fits(Algorithm::MlDsa65, &claims) && !fits(Algorithm::MlDsa87, &claims));
    assert!(!fits(Algorithm::MlDsa44, &json!({"sub": "alice", "roles": "x".repeat(400)})));
}

/// How many clients send requests at once, and how many of their requests each key has to sign.
const CLIENTS: usize = 4;
const FOR_EACH_KEY: usize = 40;

/// Says that it is over when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_request_fails_while_the_ring_goes_from_es256_to_ml_dsa_and_back() {
    for stack in STACKS {
        let issuer = issuer(key(Algorithm::ES256).with_kid("0"));
        let server = stack.start(issuer.authenticator().build().unwrap());
        let (good, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let first = issuer.sign(&alice()).unwrap();
        let ask = |token: &str| {
            let reply = server.get_with_bearer(token);
            assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{}", server.stack);
            good.fetch_add(1, Ordering::Relaxed);
        };
        let client = || {
            // Whoever fails ends it for all.
            let _end = End(&over);
            let mut before = first.clone();
            while !over.load(Ordering::Relaxed) {
                let token = issuer.sign(&alice()).unwrap();
                ask(token.as_str());
                // One of the key before stays good, and so does the first of all.
                ask(before.as_str());
                ask(first.as_str());
                before = token;
            }
        };
        thread::scope(|scope| {
            let _end = End(&over);
            for _ in 0..CLIENTS {
                scope.spawn(client);
            }
            let ring = [Algorithm::MlDsa65, Algorithm::MlDsa87, Algorithm::ES256, Algorithm::MlDsa44, Algorithm::ES384];
            for (number, algorithm) in (1..).zip(ring) {
                let kid = format!("{number}");
                issuer.publish(key(algorithm).with_kid(&*kid)).unwrap();
                issuer.activate(&kid).unwrap();
                let enough = good.load(Ordering::Relaxed) + FOR_EACH_KEY;
                while good.load(Ordering::Relaxed) < enough && !over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
                let token = issuer.sign(&alice()).unwrap();
                let user = issuer.authenticator::<User>().build_verifier().unwrap().verify(token.as_str()).unwrap();
                let header = user.header().unwrap();
                assert_eq!((header.algorithm(), header.kid()), (algorithm, Some(&*kid)));
            }
        });
        assert!(good.load(Ordering::Relaxed) >= 5 * FOR_EACH_KEY);
    }
}
