//! Static API keys behind the same extractors and guards as JWTs, on every stack.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{GUARDED, Log, Member, STACKS, Server, User, builder, good_claims, hs256, member_builder};
use jwt_core::api_key::{
    ApiKey, ApiKeyDigest, ApiKeyError, ApiKeyRefusal, ApiKeyStore, ApiKeyStoreError, ApiKeys, ApiKeysBuildError,
    FindingApiKey, KnownApiKey,
};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::TokenError;
use jwt_core::testing::TestClock;
use jwt_core::{AuthError, Authenticator, AuthenticatorBuilder, TokenSource, VerifiedToken};
use proptest::prelude::*;
use serde_json::json;

const INVALID: &str = r#"Bearer error="invalid_token""#;
const PRINTER: &str = r#"{"sub":"printer","name":"The printer"}"#;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn key() -> ApiKey {
    ApiKey::generate("acme").unwrap()
}

fn printer() -> User {
    User { sub: "printer".to_owned(), name: "The printer".to_owned() }
}

fn known(key: &ApiKey) -> KnownApiKey {
    KnownApiKey::new(key.digest(), &printer()).unwrap()
}

fn keys<'k>(all: impl IntoIterator<Item = &'k ApiKey>) -> ApiKeys {
    let builder = all.into_iter().fold(ApiKeys::builder("acme").no_keys_yet(), |builder, key| builder.key(known(key)));
    builder.build().unwrap()
}

/// API keys and nothing else.
fn alone(keys: &ApiKeys) -> AuthenticatorBuilder<User> {
    Authenticator::builder().credentials(keys.clone())
}

fn verify(keys: &ApiKeys, token: &str) -> Result<VerifiedToken<User>, AuthError> {
    let auth = alone(keys).build().unwrap();
    run(auth.verifier().verify_async(token))
}

fn refusal(keys: &ApiKeys, token: &str) -> ApiKeyRefusal {
    match verify(keys, token) {
        Err(AuthError::InvalidToken(TokenError::Check(reason))) => *reason.downcast_ref().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_refused(server: &Server, token: &str) {
    let reply = server.get_with_bearer(token);
    assert_eq!((reply.status, reply.challenge()), (401, Some(INVALID)), "{} {token:?}", server.stack);
    assert!(!reply.body.contains("acme_"), "{}", reply.body);
}

#[test]
fn a_key_gives_the_claims_of_its_caller_and_another_one_nothing() {
    let (good, other) = (key(), key());
    for stack in STACKS {
        let server = stack.start(alone(&keys([&good])).build().unwrap());
        let reply = server.get_with_bearer(good.as_str());
        assert_eq!((reply.status, &*reply.body), (200, PRINTER), "{}", stack.name);
        assert_refused(&server, other.as_str());
        assert_refused(&server, &good.as_str().replace("acme_", "acmf_"));
        assert_refused(&server, &good.as_str()[..good.as_str().len() - 1]);
        assert_refused(&server, &format!("{}x", good.as_str()));
        // What the service keeps opens nothing.
        assert_refused(&server, &good.digest().to_string());
        assert_refused(&server, &format!("acme_{}", &good.digest().to_string()[..43]));
        assert_eq!(server.get("/me", &[]).challenge(), Some("Bearer"), "{}", stack.name);
    }
}

#[test]
fn keys_and_jwts_are_accepted_side_by_side_from_any_source() {
    let good = key();
    for stack in STACKS {
        let auth = builder().credentials(keys([&good])).source(TokenSource::bearer());
        let server = stack.start(auth.source(TokenSource::header("X-Api-Key")).build().unwrap());
        assert_eq!(server.get_with_bearer(&hs256(&good_claims())).status, 200, "{}", stack.name);
        assert_eq!(server.get_with_bearer(good.as_str()).body, PRINTER, "{}", stack.name);
        let header = ("X-Api-Key", good.as_str());
        let reply = server.get("/me", &[header]);
        // Caches know of `Authorization` that it is private, and of no other field.
        assert_eq!((&*reply.body, reply.header("cache-control")), (PRINTER, Some("private")), "{}", stack.name);
        let bearer = format!("Bearer {}", good.as_str());
        assert_eq!(server.get("/me", &[header, ("Authorization", &bearer)]).status, 400, "{}", stack.name);
        assert_refused(&server, key().as_str());
    }
}

#[test]
fn guards_decide_by_the_claims_of_the_key() {
    let (reads, writes) = (key(), key());
    let with = |key: &ApiKey, scope: &str| {
        KnownApiKey::new(key.digest(), &json!({"sub": "alice", "scope": scope, "age": 7})).unwrap()
    };
    for stack in GUARDED {
        let keys = ApiKeys::builder("acme").key(with(&reads, "read:things")).key(with(&writes, "write:things"));
        let builder: AuthenticatorBuilder<Member> = member_builder().credentials(keys.build().unwrap());
        let server = stack.start(builder.build().unwrap());
        let get =
            |path: &str, key: &ApiKey| server.get(path, &[("Authorization", &format!("Bearer {}", key.as_str()))]);
        assert_eq!(get("/read", &reads).status, 200, "{}", stack.name);
        assert_eq!(get("/listed", &reads).status, 200, "{}", stack.name);
        assert_eq!(get("/grown-up", &reads).status, 403, "{}", stack.name);
        let refused = get("/read", &writes);
        let challenge = r#"Bearer error="insufficient_scope", scope="read:things""#;
        assert_eq!((refused.status, refused.challenge()), (403, Some(challenge)), "{}", stack.name);
    }
}

#[test]
fn a_caller_has_several_keys_while_they_are_rotated() {
    let (old, new) = (key(), key());
    let keys = keys([&old]);
    for stack in STACKS {
        keys.replace([known(&old)]).unwrap();
        let server = stack.start(alone(&keys).build().unwrap());
        assert_refused(&server, new.as_str());
        keys.replace([known(&old), known(&new)]).unwrap();
        for key in [&old, &new] {
            assert_eq!(server.get_with_bearer(key.as_str()).status, 200, "{}", stack.name);
        }
        // What cannot be taken over changes nothing.
        let error = keys.replace([known(&new), known(&new).id("again")]).unwrap_err();
        assert!(matches!(error, ApiKeysBuildError::Duplicate { .. }), "{error}");
        assert_eq!(server.get_with_bearer(old.as_str()).status, 200, "{}", stack.name);
        keys.replace([known(&new)]).unwrap();
        assert_refused(&server, old.as_str());
        assert_eq!(server.get_with_bearer(new.as_str()).status, 200, "{}", stack.name);
    }
}

#[test]
fn a_key_ends_when_it_expires_and_not_before() {
    let (good, clock) = (key(), TestClock::new());
    let end = NumericDate::from_secs(clock.now().as_secs() + 60);
    let builder = ApiKeys::builder("acme").key(known(&good).expires_at(end)).clock(clock.clone());
    let keys = builder.build().unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(verify(&keys, good.as_str()).unwrap().expires_at(), Some(end));
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&keys, good.as_str()), ApiKeyRefusal::Expired { expires_at: end });
    assert_eq!(refusal(&keys, key().as_str()), ApiKeyRefusal::Unknown);
}

#[test]
fn a_key_has_a_subject_and_a_name_and_neither_tells_the_key() {
    let (good, other) = (key(), key());
    let named = KnownApiKey::new(good.digest(), &json!({"sub": "x", "name": "X"})).unwrap().subject("y").id("y-2026");
    let keys = ApiKeys::builder("acme").key(named).key(known(&other)).build().unwrap();
    let verified = verify(&keys, good.as_str()).unwrap();
    assert_eq!((verified.subject(), verified.token_id()), (Some("y"), Some("y-2026")));
    let verified = verify(&keys, other.as_str()).unwrap();
    assert_eq!(verified.subject(), Some("printer"));
    let name = verified.token_id().unwrap();
    assert!(name.len() == 16 && other.digest().to_string().starts_with(name), "{name}");
    let shown = format!("{other:?} {:?} {keys:?} {verified:?}", known(&other));
    let secret = &other.as_str()["acme_".len()..];
    assert!(!shown.contains(secret) && !shown.contains(&other.digest().to_string()), "{shown}");
}

/// A table of keys, some of which finds the wrong one.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    keys: Vec<KnownApiKey>,
    asked: usize,
    down: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the database is gone")]
struct Gone;

impl ApiKeyStore for Table {
    fn find(&self, _: ApiKeyDigest) -> FindingApiKey<'_> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut rows = self.0.lock().unwrap();
            rows.asked += 1;
            if rows.down { Err(ApiKeyStoreError::new(Gone)) } else { Ok(rows.keys.first().cloned()) }
        })
    }
}

#[test]
fn a_store_is_asked_for_keys_that_are_not_in_the_list_and_503_is_the_answer_while_it_is_down() {
    let (listed, stored) = (key(), key());
    let log = Log::here();
    for stack in STACKS {
        let table = Table::default();
        table.0.lock().unwrap().keys.push(known(&stored));
        let keys = ApiKeys::builder("acme").key(known(&listed)).store(table.clone()).build().unwrap();
        let server = stack.start(alone(&keys).build().unwrap());
        assert_eq!(server.get_with_bearer(listed.as_str()).status, 200, "{}", stack.name);
        assert_eq!(server.get_with_bearer("acme_short").status, 401, "{}", stack.name);
        assert_eq!(table.0.lock().unwrap().asked, 0, "for nothing that is known, or that is no key");
        assert_eq!(server.get_with_bearer(stored.as_str()).body, PRINTER, "{}", stack.name);
        // It finds the one that it has, whichever is asked for.
        assert_refused(&server, key().as_str());
        log.take();
        table.0.lock().unwrap().down = true;
        let reply = server.get_with_bearer(stored.as_str());
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", stack.name);
        let said = log.take();
        assert!(said.contains("the database is gone") && !said.contains("acme_"), "{said}");
        assert_eq!(server.get_with_bearer(listed.as_str()).status, 200, "{}", stack.name);
    }
}

#[test]
fn a_refused_key_is_in_the_log_with_the_reason_and_without_the_key() {
    let log = Log::here();
    for stack in STACKS {
        let (good, other) = (key(), key());
        let expired = known(&good).expires_at(NumericDate::from_secs(1));
        let keys = ApiKeys::builder("acme").key(expired).build().unwrap();
        let server = stack.start(alone(&keys).build().unwrap());
        log.take();
        for (key, reason) in [(&good, "expired"), (&other, "not known")] {
            assert_refused(&server, key.as_str());
            let said = log.take();
            let secret = &key.as_str()["acme_".len()..];
            assert!(said.contains(reason) && !said.contains(secret), "{} {said}", stack.name);
        }
    }
}

#[test]
fn what_is_configured_wrongly_is_not_built() {
    let good = key();
    let build = |builder: jwt_core::api_key::ApiKeysBuilder| builder.build().map(drop).unwrap_err();
    assert_eq!(build(ApiKeys::builder("acme")), ApiKeysBuildError::NoKeys);
    let twice = build(ApiKeys::builder("acme").key(known(&good).id("one")).key(known(&good).id("two")));
    assert!(matches!(&twice, ApiKeysBuildError::Duplicate { id } if &**id == "one"), "{twice}");
    for prefix in ["", "a", "Acme", "acme_", "_acme", "1acme", "ac me", "acme-x", "jrt", "jst", &"a".repeat(33)] {
        let error = ApiKeyError::Prefix { prefix: prefix.into() };
        assert_eq!(build(ApiKeys::builder(prefix).key(known(&good))), ApiKeysBuildError::Key(error.clone()));
        assert_eq!(ApiKey::generate(prefix).unwrap_err(), error);
        assert!(error.to_string().contains("lower case letters"), "{error}");
    }
    for claims in [json!([1]), json!("text"), json!(null)] {
        assert_eq!(KnownApiKey::new(good.digest(), &claims).unwrap_err(), ApiKeysBuildError::Claims);
    }
    // A setting for JWTs has no effect on keys alone.
    assert!(alone(&keys([&good])).audience("api").build().is_err());
}

#[test]
fn keys_are_random_and_have_at_least_128_bits() {
    let keys: BTreeSet<String> = (0..1000).map(|_| key().as_str().to_owned()).collect();
    assert_eq!(keys.len(), 1000);
    // 43 characters of 6 bits each.
    assert!(keys.iter().all(|key| key.len() == "acme_".len() + 43));
    let digest = key().digest();
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert_eq!(ApiKeyDigest::from_bytes(*digest.as_bytes()), digest);
    // The SHA-256 of the text, so that others can make it: `printf %s KEY | sha256sum`.
    let key = key();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_str().as_bytes());
    assert_eq!(key.digest().as_bytes(), sha256.as_ref());
}

proptest! {
    #[test]
    fn whatever_stands_in_the_place_of_a_key_is_answered(token in "acme_[!-~]{0,60}|[!-~]{1,60}") {
        let keys = keys([&key()]);
        prop_assert!(matches!(verify(&keys, &token), Err(AuthError::InvalidToken(_))));
    }
}
