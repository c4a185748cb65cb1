//! With a cache the verdict is the one without, whatever happens in between.
#![cfg(feature = "cache")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, NOW, SECRET, Stopped, User, good_claims, hs256};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::TokenError;
use jwt_core::{
    Algorithm, AuthError, Authenticator, AuthenticatorBuilder, KeySet, LiveKeys, SigningKey, TokenCache, Verifier,
    VerifyingKey,
};
use proptest::prelude::*;
use serde_json::json;

/// A clock that is set by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("revoked")]
struct Revoked;

/// The builder of the suite without its cache and its keys, since each test here brings its own.
fn unkeyed() -> AuthenticatorBuilder<User> {
    Authenticator::builder().issuer(ISSUER).audience(AUDIENCE)
}

fn builder() -> AuthenticatorBuilder<User> {
    unkeyed().keys(KeySet::hs256(SECRET).unwrap()).clock(Stopped)
}

#[test]
fn a_token_with_a_long_signature_is_kept_as_well() {
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        if !acceptance::is_built_in(algorithm) {
            continue;
        }
        let key = SigningKey::generate(algorithm).unwrap();
        let keys = KeySet::from(key.verifying_key());
        let verifier = unkeyed().keys(keys).clock(Stopped).cache(TokenCache::new()).build_verifier().unwrap();
        let token = key.sign(&good_claims()).unwrap();
        for _ in 0..2 {
            verifier.verify(&token).unwrap();
        }
        let stats = verifier.cache_stats().unwrap();
        assert_eq!((stats.hits, stats.entries), (1, 1), "{algorithm}: {} bytes", token.len());
    }
}

#[test]
fn a_hit_is_counted_and_yields_the_same_token() {
    let verifier = builder().cache(TokenCache::new()).build_verifier().unwrap();
    let token = hs256(&good_claims());
    let first = verifier.verify(&token).unwrap();
    let second = verifier.verify(&token).unwrap();
    let third = verifier.verify(&token).unwrap();
    assert_eq!((first.claims_json(), first.token().as_str()), (second.claims_json(), second.token().as_str()));
    assert!(std::ptr::eq(second.claims(), third.claims()), "the claims are shared");
    let stats = verifier.cache_stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.evictions, stats.entries), (2, 1, 0, 1));
    assert!(stats.bytes > token.len() as u64);
}

#[test]
fn threads_that_see_the_same_token_do_not_all_share_its_count_of_references() {
    let verifier = builder().cache(TokenCache::new()).build_verifier().unwrap();
    let token = hs256(&good_claims());
    // As the next hit of each thread has them.
    let hit = || {
        for _ in 0..2 {
            verifier.verify(&token).unwrap();
        }
        verifier.verify(&token).unwrap()
    };
    // Two threads may share a copy, when others came between them. So many in a row do not.
    let tokens: Vec<_> = std::thread::scope(|scope| (0..16).map(|_| scope.spawn(hit).join().unwrap()).collect());
    let first = tokens[0].claims();
    assert!(tokens.iter().any(|token| !std::ptr::eq(token.claims(), first)));
    assert!(tokens.iter().all(|token| token.claims().sub == first.sub));
}

#[test]
fn hits_by_many_threads_are_all_counted() {
    let verifier = builder().cache(TokenCache::new()).build_verifier().unwrap();
    let tokens: Vec<String> = (0..300)
        .map(|number| {
            let mut claims = good_claims();
            claims["jti"] = number.to_string().into();
            hs256(&claims)
        })
        .collect();
    for token in &tokens {
        verifier.verify(token).unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for token in tokens.iter().cycle().take(3000) {
                    assert_eq!(verifier.verify(token).unwrap().token().as_str(), token);
                }
            });
        }
    });
    let stats = verifier.cache_stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.entries), (24_000, 300, 300));
}

#[test]
fn what_threads_have_for_themselves_is_within_the_bound() {
    let bound = 1024 * 1024;
    let verifier = builder().cache(TokenCache::new().max_bytes(bound)).build_verifier().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let verifier = &verifier;
            scope.spawn(move || {
                for number in 0..1000 {
                    let mut claims = good_claims();
                    claims["jti"] = format!("{thread} {number}").into();
                    let token = hs256(&claims);
                    for _ in 0..3 {
                        verifier.verify(&token).unwrap();
                    }
                }
            });
        }
    });
    let stats = verifier.cache_stats().unwrap();
    assert!(stats.bytes <= bound as u64 && stats.bytes > bound as u64 / 2, "{stats:?}");
}

#[test]
fn only_proved_tokens_of_moderate_length_get_in() {
    let verifier = builder().cache(TokenCache::new()).build_verifier().unwrap();
    let token = hs256(&good_claims());
    for forged in [token.replacen('.', ".e", 1), format!("{token}A"), token[..token.len() - 1].to_owned()] {
        assert!(verifier.verify(&forged).is_err());
    }
    let mut claims = good_claims();
    claims["padding"] = "x".repeat(8192).into();
    assert!(verifier.verify(hs256(&claims)).is_ok());
    claims = good_claims();
    claims["exp"] = 1.into();
    assert!(verifier.verify(hs256(&claims)).is_err());
    assert_eq!(verifier.cache_stats().unwrap().entries, 0);
}

#[test]
fn it_is_bounded_by_entries_and_by_bytes() {
    let fill = |bound: TokenCache| {
        let verifier = builder().cache(bound).build_verifier().unwrap();
        for number in 0..5000 {
            let mut claims = good_claims();
            claims["jti"] = number.to_string().into();
            verifier.verify(hs256(&claims)).unwrap();
        }
        verifier.cache_stats().unwrap()
    };
    let by_entries = fill(TokenCache::new().max_entries(1000));
    assert!(by_entries.entries <= 1000 && by_entries.entries > 500 && by_entries.evictions > 3000, "{by_entries:?}");
    let unbounded = fill(TokenCache::new().max_entries(usize::MAX).max_bytes(64 * 1024 * 1024));
    assert_eq!((unbounded.entries, unbounded.evictions), (5000, 0), "{unbounded:?}");
    let nothing = fill(TokenCache::new().max_bytes(0));
    assert_eq!(nothing.entries, 0, "{nothing:?}");
    let by_bytes = fill(TokenCache::new().max_bytes(256 * 1024));
    assert!(by_bytes.bytes <= 256 * 1024 && by_bytes.entries > 100 && by_bytes.evictions > 3000, "{by_bytes:?}");
}

#[test]
fn a_token_in_the_cache_ends_when_it_expires_when_its_key_goes_and_when_it_is_revoked() {
    let (clock, revoked) = (Hand::at(NOW), Arc::new(Mutex::new(HashSet::<String>::new())));
    let list = revoked.clone();
    let keys = LiveKeys::new(KeySet::hs256(SECRET).unwrap());
    let verifier = unkeyed()
        .keys(&keys)
        .clock(clock.clone())
        .cache(TokenCache::new())
        .leeway(Duration::ZERO)
        .check(move |user| if list.lock().unwrap().contains(&user.sub) { Err(Revoked) } else { Ok(()) })
        .build_verifier()
        .unwrap();
    let token = hs256(&good_claims());
    let other = hs256(&{
        let mut claims = good_claims();
        claims["sub"] = "bob".into();
        claims
    });
    for _ in 0..2 {
        assert!(verifier.verify(&token).is_ok() && verifier.verify(&other).is_ok());
    }
    clock.set(NOW + 600);
    assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::Expired { .. }))));
    clock.set(NOW);
    assert!(verifier.verify(&token).is_ok());
    revoked.lock().unwrap().insert("alice".into());
    assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::Check(_)))));
    assert!(verifier.verify(&other).is_ok());
    keys.replace(KeySet::hs256([7; 32]).unwrap());
    assert!(matches!(verifier.verify(&other), Err(AuthError::InvalidToken(TokenError::Signature))));
    // Forgotten as soon as it is asked for.
    assert_eq!(verifier.cache_stats().unwrap().entries, 1);
    keys.replace(KeySet::hs256(SECRET).unwrap());
    assert!(verifier.verify(&other).is_ok());
}

#[derive(Debug, Clone)]
enum Step {
    Verify(usize),
    Tamper(usize, usize),
    Clock(u64),
    Keys(u8),
    Revoke(usize),
    Restore(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..TOKENS).prop_map(Step::Verify),
        2 => (0..TOKENS, 0..400_usize).prop_map(|(token, at)| Step::Tamper(token, at)),
        2 => (0..3000_u64).prop_map(|offset| Step::Clock(NOW - 1000 + offset)),
        1 => (1..8_u8).prop_map(Step::Keys),
        1 => (0..TOKENS).prop_map(Step::Revoke),
        1 => (0..TOKENS).prop_map(Step::Restore),
    ]
}

/// Tokens of three keys, with and without `kid`, that begin, end and age at different times.
const TOKENS: usize = 36;

fn tokens() -> Vec<String> {
    (0_u8..)
        .take(TOKENS)
        .map(|number| {
            let key = SigningKey::secret(Algorithm::HS256, [number % 3; 32]).unwrap();
            let key = if number % 2 == 0 { key.with_kid(format!("k{}", number % 3)) } else { key };
            let number = u64::from(number);
            let mut claims = json!({
                "sub": number.to_string(), "name": "x", "iat": NOW - 100 * (number % 11), "exp": NOW + 100 * (number % 7),
            });
            if number.is_multiple_of(4) {
                claims["nbf"] = (NOW - 300 + 100 * (number % 5)).into();
            }
            key.sign(&claims).unwrap()
        })
        .collect()
}

/// The keys of a set: one bit for each.
fn keys(set: u8) -> KeySet {
    let key = |number: u8| VerifyingKey::secret(Algorithm::HS256, [number; 32]).unwrap().with_kid(format!("k{number}"));
    KeySet::new((0..3).filter(|number| set >> number & 1 == 1).map(key)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_cached_verifier_and_an_uncached_one_agree_at_every_step(
        steps in prop::collection::vec(step(), 1..120), small in any::<bool>(),
    ) {
        let tokens = tokens();
        let (clock, revoked) = (Hand::at(NOW), Arc::new(Mutex::new(HashSet::<String>::new())));
        let live = LiveKeys::new(keys(7));
        let verifier = |cache: Option<TokenCache>| -> Verifier<User> {
            let list = revoked.clone();
            let builder = Authenticator::builder()
                .keys(&live)
                .any_audience()
                .max_age(Duration::from_secs(900))
                .leeway(Duration::from_secs(10))
                .clock(clock.clone())
                .check(move |user: &jwt_core::VerifiedToken<User>| {
                    if list.lock().unwrap().contains(&user.sub) { Err(Revoked) } else { Ok(()) }
                });
            let builder = match cache {
                Some(bound) => builder.cache(bound),
                None => builder,
            };
            builder.build_verifier().unwrap()
        };
        let bound = if small { TokenCache::new().max_entries(4) } else { TokenCache::new() };
        let (cached, uncached) = (verifier(Some(bound)), verifier(None));
        let verdict = |verifier: &Verifier<User>, token: &str| match verifier.verify(token) {
            Ok(token) => Ok((token.claims_json().to_owned(), token.token().as_str().to_owned())),
            Err(error) => Err(error.to_string()),
        };
        for step in steps {
            match step {
                Step::Verify(number) => {
                    prop_assert_eq!(verdict(&cached, &tokens[number]), verdict(&uncached, &tokens[number]));
                }
                Step::Tamper(number, at) => {
                    let mut token = tokens[number].clone();
                    let at = at % token.len();
                    let other = if &token[at..=at] == "A" { "B" } else { "A" };
                    token.replace_range(at..=at, other);
                    prop_assert_eq!(verdict(&cached, &token), verdict(&uncached, &token));
                }
                Step::Clock(seconds) => clock.set(seconds),
                Step::Keys(set) => live.replace(keys(set)),
                Step::Revoke(number) => { revoked.lock().unwrap().insert(number.to_string()); }
                Step::Restore(number) => { revoked.lock().unwrap().remove(&number.to_string()); }
            }
        }
    }
}
