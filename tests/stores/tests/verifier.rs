//! Revoked tokens are refused where requests come in, and sessions are looked up there.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::time::Duration;

use jwt_core::adapter::{Admission, Verdict};
use jwt_core::error::{AuthenticatorBuildError, TokenError, Unavailable};
use jwt_core::revocation::WhileUnreachable;
use jwt_core::session::NewSignIn;
use jwt_core::store::SignInStore;
use jwt_core::{
    Algorithm, AuthError, Authenticator, AuthenticatorBuilder, Issuer, KeySet, Logins, MemoryStore, RedisStore,
    RefreshTokens, Revocations, Sessions, SigningKey, TokenCache,
};
use serde_json::json;
use stores_tests::{RedisServer, Stores, TestClock, redis_is_installed};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

fn builder() -> AuthenticatorBuilder<()> {
    Authenticator::builder().keys(KeySet::hs256(SECRET).unwrap()).audience("api")
}

fn token(id: &str) -> String {
    let claims = json!({"jti": id, "sub": "alice", "iat": 1_700_000_000, "aud": "api", "exp": 4_000_000_000_u64});
    SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap()
}

fn verdict(auth: &Authenticator<()>, token: &str) -> Verdict<()> {
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    auth.authenticate(&request.body(()).unwrap())
}

#[tokio::test]
async fn a_revoked_token_is_refused_whether_it_is_cached_or_not() {
    let list = Revocations::builder(Arc::new(MemoryStore::new())).open().await.unwrap();
    for (id, builder) in
        [("proved", builder().revocations(&list)), ("cached", builder().revocations(&list).cache(TokenCache::new()))]
    {
        let auth = builder.build().unwrap();
        let (one, other) = (token(id), token("other"));
        assert!(matches!(verdict(&auth, &one), Verdict::Verified(_)));
        assert!(matches!(verdict(&auth, &one), Verdict::Verified(_)));
        let Verdict::Verified(proved) = verdict(&auth, &one) else { panic!("it was good a moment ago") };
        list.revoke("", id, proved.expires_at().unwrap()).await.unwrap();
        let Verdict::Rejected(error) = verdict(&auth, &one) else { panic!("it is revoked") };
        assert!(matches!(error, AuthError::InvalidToken(TokenError::Revoked)));
        let answer = auth.answer(&error);
        assert_eq!(answer.status.as_u16(), 401);
        assert_eq!(answer.challenges()[0], r#"Bearer error="invalid_token""#);
        assert!(matches!(verdict(&auth, &other), Verdict::Verified(_)));
        assert!(auth.verifier().verify(&one).is_err());
    }
    let auth = builder().revocations(&list).build().unwrap();
    list.revoke_all("", "alice", Duration::from_secs(3600)).await.unwrap();
    assert!(matches!(verdict(&auth, &token("other")), Verdict::Rejected(_)));
}

#[tokio::test]
async fn a_list_that_is_out_of_date_is_a_503_where_that_was_chosen() {
    let clock = TestClock::new();
    let choice = WhileUnreachable::RefuseAfter(Duration::from_secs(30));
    let list = Revocations::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).while_unreachable(choice);
    let list = list.poll_interval(Duration::from_secs(3600)).open().await.unwrap();
    let auth = builder().revocations(&list).build().unwrap();
    assert!(matches!(verdict(&auth, &token("1")), Verdict::Verified(_)));
    clock.advance(Duration::from_secs(31));
    let Verdict::Rejected(error) = verdict(&auth, &token("1")) else { panic!("nobody knows whether it is revoked") };
    assert!(matches!(error, AuthError::Unavailable(Unavailable::Revocations)));
    let answer = auth.answer(&error);
    assert_eq!((answer.status.as_u16(), answer.retry_after), (503, Some(1)));
}

#[tokio::test]
async fn a_verifier_that_takes_tokens_longer_than_they_are_remembered_is_not_built() {
    let list = Revocations::builder(Arc::new(MemoryStore::new())).open().await.unwrap();
    let lenient = builder().leeway(Duration::from_secs(301)).revocations(&list);
    assert_eq!(
        lenient.build().err(),
        Some(AuthenticatorBuildError::RevocationLeeway {
            revocations: Duration::from_secs(300),
            tokens: Duration::from_secs(301)
        })
    );
    assert!(builder().leeway(Duration::from_secs(300)).revocations(&list).build().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_redis_is_a_503_while_redis_is_away_and_good_again_afterwards() {
    if !redis_is_installed() {
        return;
    }
    let mut server = RedisServer::start();
    let sessions = Sessions::builder(Arc::new(RedisStore::connect(&server.url()).await.unwrap())).build().unwrap();
    let auth = Authenticator::<()>::builder().sessions(&sessions).build().unwrap();
    let (token, _) = sessions.start(NewSignIn::new("alice", &json!({})).unwrap()).await.unwrap();
    let look_up = async || {
        let Verdict::Pending(pending) = verdict(&auth, token.as_str()) else { panic!("it has to be looked up") };
        pending.await.result().map(|session| session.unwrap().subject().unwrap().to_owned())
    };
    assert_eq!(look_up().await.unwrap(), "alice");
    server.kill();
    let error = look_up().await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable(Unavailable::Store)), "{error}");
    assert_eq!(auth.answer(&error).status.as_u16(), 503);
    server.restart();
    while let Err(error) = look_up().await {
        assert!(matches!(error, AuthError::Unavailable(Unavailable::Store)), "{error}");
    }
    sessions.end(&token).await.unwrap();
    assert!(matches!(look_up().await, Err(AuthError::InvalidToken(TokenError::NoSession))));
}

/// An instance of an application that renews logins on the way of a request.
fn instance(store: Arc<dyn SignInStore>) -> Logins {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let issuer = Issuer::builder("https://issuer.example.com").audience("api").signing_key(key).build().unwrap();
    let refresh_tokens = RefreshTokens::builder(store).build().unwrap();
    Logins::builder(issuer, refresh_tokens).transparent_renewal().build().unwrap()
}

/// What the response to a request with this refresh token brings, as the next one.
async fn renewed(tokens: Logins, refresh: String) -> String {
    let auth = tokens.authenticator::<()>().build().unwrap();
    let request = http::Request::get("/").header("cookie", format!("__Host-refresh_token={refresh}")).body(()).unwrap();
    let Verdict::Pending(pending) = auth.authenticate(&request) else { panic!("it has to be renewed") };
    let (admission, headers) = Admission::of(&auth, pending.await, &request);
    assert!(admission.is_ok());
    let mut response = http::HeaderMap::new();
    headers.unwrap().apply(&mut response);
    let cookie = response.get_all("set-cookie").iter().nth(1).unwrap().to_str().unwrap().to_owned();
    cookie.split_once(';').unwrap().0.split_once('=').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_renew_one_login_at_once_agree_on_its_next_token() {
    let mut stores = vec![Stores::memory()];
    stores.extend(Stores::redis().await);
    for stores in stores {
        let instances: Vec<Logins> = (0..4).map(|_| instance(stores.sign_ins.clone())).collect();
        let login = instances[0].log_in(&json!({"sub": "alice"}), "").await.unwrap();
        let refresh = login.refresh_token().unwrap().as_str().to_owned();
        let requests = (0..40).map(|n| tokio::spawn(renewed(instances[n % 4].clone(), refresh.clone())));
        let requests: Vec<_> = requests.collect();
        let mut next = Vec::new();
        for request in requests {
            next.push(request.await.unwrap());
        }
        next.dedup();
        assert_eq!(next.len(), 1, "{stores:?}");
        assert_ne!(renewed(instances[1].clone(), next.remove(0)).await, refresh, "{stores:?}");
        assert_eq!(instances[2].refresh_tokens().list("alice").await.unwrap().len(), 1, "{stores:?}");
    }
}
