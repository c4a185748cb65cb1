//! With SoftHSM. Its module reads its configuration from the environment once, so each test is a process of its own that
//! runs the second half of it, with an empty token.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::object::Attribute;
use hsm_tests::{Token, configuration, softhsm_is_installed};
use jwt_core::issue::{IssueError, SignerError};
use jwt_core::{
    Algorithm, Authenticator, Issuer, KeySet, LoginError, Logins, MemoryStore, RefreshTokens, SigningKey, Verifier,
};

const AUDIENCE: &str = "api";
const ISSUER: &str = "https://auth.example.com";
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    sub: String,
}

fn alice() -> User {
    User { sub: "alice".to_owned() }
}

/// Runs that test, which is ignored otherwise, with a token of its own.
fn with_token(test: &str) {
    if !softhsm_is_installed() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("jwt-hsm-{}-{test}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("softhsm::{test}"), "--ignored", "--nocapture"])
        .env("SOFTHSM2_CONF", configuration(&directory))
        .output()
        .unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

macro_rules! tests {
    ($($name:ident => $inner:ident;)*) => {$(
        #[test]
        fn $name() {
            with_token(stringify!($inner));
        }
    )*};
}

tests! {
    what_the_token_signs_is_verified_by_whoever_has_the_published_set => signs;
    the_private_key_cannot_be_read => keeps_its_key;
    a_key_of_the_token_follows_one_of_the_process_and_the_other_way_round => rotates;
    people_log_in_with_a_key_of_the_token_and_get_503_when_it_is_gone => logs_in;
}

/// Somebody else, who has nothing but the JWK Set, fetched now.
fn stranger(issuer: &Issuer) -> Verifier<User> {
    let keys = KeySet::jwks_allowing(issuer.jwks(), &ALGORITHMS).unwrap();
    let builder = Authenticator::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE).typ("at+jwt");
    builder.build_verifier().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `what_the_token_signs_is_verified_by_whoever_has_the_published_set`"]
async fn signs() {
    let token = Token::new();
    for algorithm in ALGORITHMS {
        let key = token.generate(algorithm).remote(algorithm);
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
        // At the same time, and more than once.
        let all: Vec<_> = (0..20).map(|_| tokio::spawn(issuer.sign_async(&alice()))).collect();
        for signing in all {
            let signed = signing.await.unwrap().unwrap();
            assert_eq!(*stranger(&issuer).verify(signed.as_str()).unwrap(), alice(), "{algorithm}");
        }
    }
}

#[tokio::test]
#[ignore = "run by `the_private_key_cannot_be_read`"]
async fn keeps_its_key() {
    let token = Token::new();
    for algorithm in [Algorithm::ES256, Algorithm::RS256] {
        let told = token.generate(algorithm).told();
        assert!(matches!(*told, [Attribute::KeyType(_)]), "{algorithm}: {told:?}");
    }
}

#[tokio::test]
#[ignore = "run by `a_key_of_the_token_follows_one_of_the_process_and_the_other_way_round`"]
async fn rotates() {
    let token = Token::new();
    let here = SigningKey::generate(Algorithm::ES256).unwrap().with_kid("here");
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(here).build().unwrap();
    let first = issuer.sign(&alice()).unwrap();
    issuer.publish(token.generate(Algorithm::ES256).remote(Algorithm::ES256).with_kid("there")).unwrap();
    issuer.activate("there").unwrap();
    let second = issuer.sign_async(&alice()).await.unwrap();
    issuer.publish(SigningKey::generate(Algorithm::ES256).unwrap().with_kid("back")).unwrap();
    issuer.activate("back").unwrap();
    let third = issuer.sign_async(&alice()).await.unwrap();
    for token in [&first, &second, &third] {
        assert!(stranger(&issuer).verify(token.as_str()).is_ok());
    }
    issuer.withdraw("there").unwrap();
    assert!(stranger(&issuer).verify(second.as_str()).is_err());
}

#[tokio::test]
#[ignore = "run by `people_log_in_with_a_key_of_the_token_and_get_503_when_it_is_gone`"]
async fn logs_in() {
    let token = Token::new();
    let key = token.generate(Algorithm::ES256);
    let remote = key.remote(Algorithm::ES256).with_timeout(Duration::from_secs(60));
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(remote).build().unwrap();
    let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let logins = Logins::builder(issuer, refresh_tokens).build().unwrap();
    let login = logins.log_in(&alice(), "").await.unwrap();
    let login = logins.refresh(login.refresh_token().unwrap().as_str()).await.unwrap();
    assert!(stranger(logins.issuer()).verify(login.access_token().as_str()).is_ok());

    key.destroy();
    let error = logins.refresh(login.refresh_token().unwrap().as_str()).await.unwrap_err();
    assert!(matches!(error, LoginError::Issue(IssueError::Signer(SignerError::Failed(_)))), "{error}");
    assert_eq!(error.response().status(), 503);
}
