//! What an issuer signs, whom it lets know by which keys, and how those change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, NOW, SECRET, User, key_file, named_key, shows_token};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::{RegisteredClaim, TokenError};
use jwt_core::issue::{IssueError, IssuerBuildError, IssuerBuilder, RotationError};
use jwt_core::{Algorithm, AuthError, Authenticator, Issuer, KeySet, SigningKey, Verifier};
use serde_json::{Value, json};

/// A clock that goes when it is told to.
#[derive(Clone)]
struct Dial(Arc<AtomicU64>);

impl Dial {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Dial {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn key(algorithm: Algorithm) -> SigningKey {
    match named_key(algorithm) {
        Some(name) => SigningKey::pem(algorithm, key_file(&format!("{name}.pem"))).unwrap(),
        None => SigningKey::secret(algorithm, [7; 64]).unwrap(),
    }
}

fn builder(dial: &Dial) -> IssuerBuilder {
    Issuer::builder(ISSUER).audience(AUDIENCE).clock(dial.clone())
}

fn issuer(dial: &Dial) -> Issuer {
    builder(dial).signing_key(key(Algorithm::ES256).with_kid("first")).build().unwrap()
}

fn alice() -> User {
    User { sub: "alice".into(), name: "Alice".into() }
}

fn verifier(issuer: &Issuer) -> Verifier<User> {
    issuer.authenticator().build_verifier().unwrap()
}

/// Somebody else, who has nothing but the JWK Set, fetched now.
fn stranger(issuer: &Issuer, dial: &Dial) -> Option<Verifier<User>> {
    let keys = KeySet::jwks(issuer.jwks()).ok()?;
    let builder = Authenticator::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE).typ("at+jwt");
    Some(builder.clock(dial.clone()).build_verifier().unwrap())
}

fn kids(issuer: &Issuer) -> Vec<String> {
    let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let mut kids: Vec<String> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    kids.sort();
    kids
}

#[test]
fn a_token_says_by_whom_for_whom_and_for_how_long_it_is() {
    let dial = Dial::new();
    let issuer = issuer(&dial);
    let token = issuer.sign(&alice()).unwrap();
    let verified = verifier(&issuer).verify(token.as_str()).unwrap();
    assert_eq!(*verified, alice());
    assert_eq!((verified.issuer(), verified.subject()), (Some(ISSUER), Some("alice")));
    assert_eq!(verified.audience().collect::<Vec<_>>(), [AUDIENCE]);
    assert_eq!(verified.issued_at().unwrap().as_secs(), NOW);
    assert_eq!(verified.expires_at(), Some(token.expires_at()));
    assert_eq!((token.expires_at().as_secs(), token.expires_in().as_secs()), (NOW + 900, 900));
    assert_eq!(verified.token_id(), Some(token.token_id()));
    assert_eq!((verified.header().unwrap().typ(), verified.header().unwrap().kid()), (Some("at+jwt"), Some("first")));
    assert_ne!(issuer.sign(&alice()).unwrap().token_id(), token.token_id());
}

#[test]
fn a_token_of_the_same_key_that_is_no_access_token_opens_nothing() {
    let dial = Dial::new();
    let key = key(Algorithm::ES256).with_kid("first");
    let own = verifier(&builder(&dial).signing_key(key.clone()).build().unwrap());
    let claims = acceptance::good_claims();
    let error = own.verify(key.sign(&claims).unwrap()).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Type(_))), "{error}");
    assert!(own.verify(key.with_typ("at+jwt").sign(&claims).unwrap()).is_ok());
}

#[test]
fn what_is_configured_is_in_the_token() {
    let dial = Dial::new();
    let issuer = builder(&dial)
        .audience("billing")
        .typ("JWT")
        .access_token_lifetime(Duration::from_secs(60))
        .signing_key(key(Algorithm::EdDSA))
        .build()
        .unwrap();
    let token = issuer.sign(&json!({"sub": "alice", "name": "Alice", "nbf": NOW})).unwrap();
    let verified = verifier(&issuer).verify(token.as_str()).unwrap();
    assert_eq!(verified.audience().collect::<Vec<_>>(), [AUDIENCE, "billing"]);
    assert_eq!((verified.header().unwrap().typ(), verified.expires_at().unwrap().as_secs()), (Some("JWT"), NOW + 60));
    let order: Vec<&str> =
        verified.claims_json().split('"').skip(1).step_by(2).filter(|word| word.len() == 3).collect();
    assert_eq!(&order[..3], ["iss", "aud", AUDIENCE]);
}

#[test]
fn claims_that_the_issuer_sets_are_not_overwritten_but_refused() {
    let issuer = issuer(&Dial::new());
    for (name, claim) in [
        ("iss", RegisteredClaim::Issuer),
        ("aud", RegisteredClaim::Audience),
        ("iat", RegisteredClaim::IssuedAt),
        ("exp", RegisteredClaim::ExpirationTime),
        ("jti", RegisteredClaim::JwtId),
    ] {
        for value in [json!("x"), json!(null), json!(4_000_000_000_u64)] {
            let error = issuer.sign(&json!({"sub": "alice", name: value})).unwrap_err();
            assert_eq!(error, IssueError::Collision(claim));
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    // Of that name further down they are the application's own.
    assert!(issuer.sign(&json!({"sub": "alice", "card": {"exp": "12/29"}})).is_ok());
}

#[test]
fn claims_that_are_no_object_are_refused() {
    #[derive(serde::Serialize)]
    struct Twice {
        role: &'static str,
        #[serde(rename = "role")]
        again: &'static str,
    }
    let issuer = issuer(&Dial::new());
    for claims in [json!([]), json!("x"), json!(1), json!(null)] {
        assert_eq!(issuer.sign(&claims).unwrap_err(), IssueError::Claims, "{claims}");
    }
    assert_eq!(issuer.sign(&Twice { role: "user", again: "admin" }).unwrap_err(), IssueError::Claims);
    assert!(issuer.sign(&json!({})).is_ok());
}

#[test]
fn every_algorithm_signs_and_is_proved_here_and_by_whoever_has_the_jwk_set() {
    let dial = Dial::new();
    for algorithm in Algorithm::ALL.iter().copied() {
        if !acceptance::is_built_in(algorithm) {
            continue;
        }
        let issuer = builder(&dial).signing_key(key(algorithm)).build().unwrap();
        let token = issuer.sign(&alice()).unwrap();
        let own = verifier(&issuer).verify(token.as_str()).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(own.header().unwrap().algorithm(), algorithm);
        match stranger(&issuer, &dial) {
            Some(stranger) => assert_eq!(*stranger.verify(token.as_str()).unwrap(), alice(), "{algorithm}"),
            None => assert!(algorithm.as_str().starts_with("HS"), "{algorithm}"),
        }
    }
}

#[test]
fn secrets_and_private_numbers_are_never_published() {
    let dial = Dial::new();
    let issuer = builder(&dial)
        .signing_key(key(Algorithm::HS256).with_kid("secret"))
        .published_key(key(Algorithm::RS256).with_kid("rsa"))
        .published_key(key(Algorithm::ES384).with_kid("ec"))
        .published_key(key(Algorithm::Ed25519).with_kid("ed"))
        .build()
        .unwrap();
    let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    assert_eq!(kids(&issuer), ["ec", "ed", "rsa"]);
    for key in set["keys"].as_array().unwrap() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert_eq!(key.get(member), None, "{key}");
        }
        assert_eq!(key["use"], "sig");
    }
}

#[test]
fn a_key_without_a_name_is_named_by_its_thumbprint() {
    // RFC 8037 §A.3: the thumbprint of the key of §A.1.
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    });
    let key = SigningKey::jwk(Algorithm::EdDSA, &jwk.to_string()).unwrap();
    let issuer = builder(&Dial::new()).signing_key(key).build().unwrap();
    assert_eq!(issuer.active_kid().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    assert_eq!(kids(&issuer), ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]);
}

#[test]
fn a_rotation_fails_no_request() {
    let dial = Dial::new();
    let issuer = issuer(&dial);
    let own = verifier(&issuer);
    let old = issuer.sign(&alice()).unwrap();
    // One stranger fetched right before the rotation and keeps the set for as long as it may, another right after.
    let stale = stranger(&issuer, &dial).unwrap();
    issuer.rotate(key(Algorithm::EdDSA).with_kid("second")).unwrap();
    let kept = stranger(&issuer, &dial).unwrap();
    let mut seen = Vec::new();
    for second in (0..600 + 900 + 200).step_by(10) {
        let token = issuer.sign(&alice()).unwrap();
        let verified = own.verify(token.as_str()).unwrap();
        assert_eq!(*kept.verify(token.as_str()).unwrap(), alice());
        assert!(second > 300 || stale.verify(token.as_str()).is_ok());
        assert_eq!(*stranger(&issuer, &dial).unwrap().verify(token.as_str()).unwrap(), alice());
        seen.push(verified.header().unwrap().kid().unwrap().to_owned());
        if dial.now() < old.expires_at() {
            assert_eq!(*own.verify(old.as_str()).unwrap(), alice());
        }
        dial.forward(10);
    }
    assert_eq!(seen.iter().filter(|kid| *kid == "first").count(), 61, "it signs until the head start is over");
    assert!(seen.is_sorted(), "there is no way back");
    assert_eq!(kids(&issuer), ["first", "second"], "the old one is still there for clocks that differ");
    dial.forward(300);
    assert_eq!(kids(&issuer), ["second"], "and goes after that");
    assert_eq!(issuer.active_kid().as_deref(), Some("second"));
}

#[test]
fn how_long_copies_of_the_keys_are_kept_is_said_and_a_new_key_waits_as_long_as_is_configured() {
    let dial = Dial::new();
    let builder = builder(&dial).jwks_max_age(Duration::from_secs(20)).head_start(Duration::from_secs(40));
    let issuer = builder.signing_key(key(Algorithm::ES256).with_kid("first")).build().unwrap();
    let answer = issuer.jwks_response(&http::Request::get("/").body(()).unwrap());
    assert_eq!(answer.headers()["cache-control"], "public, max-age=20");
    issuer.rotate(key(Algorithm::EdDSA).with_kid("second")).unwrap();
    assert_eq!(kids(&issuer), ["first", "second"], "it is published at once");
    dial.forward(39);
    assert_eq!(issuer.active_kid().as_deref(), Some("first"));
    dial.forward(2);
    assert_eq!(issuer.active_kid().as_deref(), Some("second"));
}

#[test]
fn the_last_token_of_a_key_is_good_to_its_end() {
    let dial = Dial::new();
    let issuer = issuer(&dial);
    let own = verifier(&issuer);
    issuer.publish(key(Algorithm::EdDSA).with_kid("second")).unwrap();
    let last = issuer.sign(&alice()).unwrap();
    issuer.activate("second").unwrap();
    assert_eq!(own.verify(issuer.sign(&alice()).unwrap().as_str()).unwrap().header().unwrap().kid(), Some("second"));
    // And to the end of the leeway that verifiers grant.
    dial.forward(900 + 29);
    assert!(issuer.sign(&alice()).is_ok());
    assert_eq!(*own.verify(last.as_str()).unwrap(), alice());
}

#[test]
fn a_published_key_proves_and_does_not_sign() {
    let dial = Dial::new();
    let other = builder(&dial).signing_key(key(Algorithm::EdDSA).with_kid("second")).build().unwrap();
    let issuer = issuer(&dial);
    let token = other.sign(&alice()).unwrap();
    let own = verifier(&issuer);
    assert!(own.verify(token.as_str()).is_err());
    issuer.publish(key(Algorithm::EdDSA).with_kid("second")).unwrap();
    assert_eq!(*own.verify(token.as_str()).unwrap(), alice());
    assert_eq!(issuer.active_kid().as_deref(), Some("first"));
    dial.forward(1_000_000);
    assert_eq!((issuer.active_kid().as_deref(), kids(&issuer).len()), (Some("first"), 2), "until somebody says so");
}

#[test]
fn a_withdrawn_key_proves_nothing_any_more() {
    let dial = Dial::new();
    let issuer = issuer(&dial);
    let own = verifier(&issuer);
    let token = issuer.sign(&alice()).unwrap();
    assert_eq!(issuer.withdraw("first"), Err(RotationError::Active));
    issuer.publish(key(Algorithm::EdDSA).with_kid("second")).unwrap();
    issuer.activate("second").unwrap();
    assert!(own.verify(token.as_str()).is_ok());
    issuer.withdraw("first").unwrap();
    assert!(own.verify(token.as_str()).is_err());
    assert_eq!(kids(&issuer), ["second"]);
}

#[test]
fn what_cannot_be_rotated_is_refused_and_changes_nothing() {
    let issuer = issuer(&Dial::new());
    assert_eq!(issuer.activate("nobody"), Err(RotationError::UnknownKid));
    assert_eq!(issuer.withdraw("nobody"), Err(RotationError::UnknownKid));
    assert_eq!(issuer.publish(key(Algorithm::EdDSA).with_kid("first")), Err(RotationError::DuplicateKid));
    assert_eq!(issuer.rotate(key(Algorithm::EdDSA).with_kid("first")), Err(RotationError::DuplicateKid));
    assert_eq!(issuer.activate("first"), Ok(()), "it is the one already");
    assert_eq!(kids(&issuer), ["first"]);
}

#[test]
fn whoever_signs_while_keys_change_gets_a_token_that_is_good() {
    let issuer = issuer(&Dial::new());
    let own = verifier(&issuer);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let sign = || {
            let mut seen = std::collections::HashSet::new();
            while done.load(Ordering::Relaxed) == 0 {
                let token = issuer.sign(&alice()).unwrap();
                seen.insert(own.verify(token.as_str()).unwrap().header().unwrap().kid().unwrap().to_owned());
            }
            seen.len()
        };
        let signers = [scope.spawn(sign), scope.spawn(sign)];
        for round in 0..200 {
            let kid = round.to_string();
            issuer.publish(key(Algorithm::HS256).with_kid(&*kid)).unwrap();
            issuer.activate(&kid).unwrap();
            // So that each key signs something, whatever the scheduler does.
            let token = issuer.sign(&alice()).unwrap();
            assert_eq!(own.verify(token.as_str()).unwrap().header().unwrap().kid(), Some(&*kid));
        }
        done.store(1, Ordering::Relaxed);
        assert!(signers.into_iter().all(|signer| signer.join().unwrap() > 0));
    });
}

#[test]
fn secrets_without_names_rotate_too() {
    let dial = Dial::new();
    let secret = |byte: u8| SigningKey::secret(Algorithm::HS256, [byte; 32]).unwrap();
    let issuer = builder(&dial).signing_key(secret(1)).build().unwrap();
    let own = verifier(&issuer);
    let before = issuer.sign(&alice()).unwrap();
    issuer.rotate(secret(2)).unwrap();
    dial.forward(700);
    let after = issuer.sign(&alice()).unwrap();
    assert!(KeySet::hs256([2; 32]).is_ok_and(|keys| {
        let other = Authenticator::<User>::builder().keys(keys).audience(AUDIENCE).clock(dial.clone());
        other.build_verifier().unwrap().verify(after.as_str()).is_ok()
    }));
    assert!(own.verify(before.as_str()).is_ok() && own.verify(after.as_str()).is_ok());
    assert_eq!(issuer.jwks(), r#"{"keys":[]}"#);
}

#[test]
fn an_issuer_that_makes_no_sense_is_refused_with_its_fix() {
    let empty = || Issuer::builder(ISSUER);
    let keyed = || empty().signing_key(key(Algorithm::ES256).with_kid("first"));
    for (builder, expected, fix) in [
        (empty().audience(AUDIENCE), IssuerBuildError::NoSigningKey, ".signing_key("),
        (keyed(), IssuerBuildError::NoAudience, ".audience("),
        (keyed().audience(""), IssuerBuildError::EmptyAudience, "empty"),
        (
            Issuer::builder("").signing_key(key(Algorithm::ES256)).audience(AUDIENCE),
            IssuerBuildError::EmptyName,
            "empty",
        ),
        (keyed().audience(AUDIENCE).typ(""), IssuerBuildError::EmptyType, "empty"),
        (
            keyed().audience(AUDIENCE).access_token_lifetime(Duration::from_millis(900)),
            IssuerBuildError::TokenLifetime(Duration::from_millis(900)),
            "a few minutes",
        ),
        (
            keyed().audience(AUDIENCE).head_start(Duration::from_secs(299)),
            IssuerBuildError::HeadStart {
                head_start: Duration::from_secs(299),
                jwks_max_age: Duration::from_secs(300),
            },
            "as long",
        ),
        (
            keyed().audience(AUDIENCE).published_key(key(Algorithm::EdDSA).with_kid("first")),
            IssuerBuildError::DuplicateKid { kid: "first".into() },
            "thumbprint",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(fix), "{error}");
    }
}

#[test]
fn tokens_and_keys_never_print() {
    let issuer =
        builder(&Dial::new()).signing_key(SigningKey::secret(Algorithm::HS256, SECRET).unwrap()).build().unwrap();
    let token = issuer.sign(&alice()).unwrap();
    let printed = format!("{issuer:?} {token:?}");
    assert!(!shows_token(&printed) && !printed.contains("suite"), "{printed}");
}
