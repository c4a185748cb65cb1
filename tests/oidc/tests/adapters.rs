//! The same on every stack, over real connections and without a provider: a request that has to wait for keys is held,
//! and is answered like any other once they are there or cannot be had.

use std::thread;
use std::time::Duration;

use acceptance::STACKS;
use jwt_core::{KeySet, RemoteKeySet, Tenants, TokenCache, TrustedIssuer};
use oidc_tests::{Key, KeyServer, Reply, builder, jwks};
use serde_json::json;

const ISSUER: &str = "https://login.example.com";

#[test]
fn a_request_waits_for_its_key_and_is_answered_by_the_result() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in STACKS {
        let (old, new) = (Key::new("old"), Key::new("new"));
        let keys = KeyServer::start({
            let set = jwks([&old]);
            move |_| {
                thread::sleep(Duration::from_millis(300));
                Reply::ok(set.clone())
            }
        });
        let remote = RemoteKeySet::jwks(keys.url("/jwks")).cool_down(Duration::ZERO);
        let server = stack.start(builder().keys(&remote).cache(TokenCache::new()).build().unwrap());

        // From the first request on, whoever sends it and however many do.
        let token = old.token(ISSUER);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(server.get_with_bearer(&token).status, 200, "{}", stack.name));
            }
        });
        assert_eq!(keys.count(), 1, "{}", stack.name);

        let set = jwks([&old, &new]);
        keys.behave(move |_| Reply::ok(set.clone()));
        let reply = server.get_with_bearer(&new.token(ISSUER));
        assert_eq!(reply.status, 200, "{}: {reply:?}", stack.name);
        assert!(reply.body.contains("Alice"), "{reply:?}");

        let reply = server.get_with_bearer(&Key::new("junk").token(ISSUER));
        assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")), "{}", stack.name);

        keys.behave(|_| Reply::status(500));
        let reply = server.get_with_bearer(&Key::new("junk").token(ISSUER));
        assert_eq!((reply.status, reply.challenge()), (503, None), "{}: {reply:?}", stack.name);
        assert!(reply.header("retry-after").is_some() && reply.body.contains("503"), "{reply:?}");
        assert_eq!(server.get_with_bearer(&token).status, 200, "{}", stack.name);
    }
}

#[test]
fn a_client_that_goes_away_leaves_no_trace() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let key = Key::new("k");
    let keys = KeyServer::start(|_| Reply::Hang);
    let remote = RemoteKeySet::jwks(keys.url("/jwks")).timeout(Duration::from_secs(20));
    let auth = builder().keys(&remote).build().unwrap();
    let request =
        || http::Request::get("/").header("authorization", format!("Bearer {}", key.token(ISSUER))).body(()).unwrap();
    // Far more than may wait at a time, but never at the same time.
    for _ in 0..2000 {
        assert!(auth.outcome(&request()).is_err(), "it waits");
    }
    let held: Vec<_> = (0..1024).map(|_| auth.outcome(&request()).unwrap_err()).collect();
    let error = auth.outcome(&request()).unwrap().result().unwrap_err();
    assert_eq!(auth.answer(&error).status.as_u16(), 503);
    drop(held);
    assert!(auth.outcome(&request()).is_err(), "there is room again");
}

#[test]
fn several_issuers_with_fixed_and_fetched_keys_stand_behind_one_layer() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in STACKS {
        // All of one name: the issuer alone tells them apart.
        let [near, far, tenant] = [(); 3].map(|()| Key::new("k"));
        let keys = KeyServer::start(|_| Reply::status(404));
        let (base, far_set, tenant_set) = (keys.url(""), jwks([&far]), jwks([&tenant]));
        keys.behave(move |request| match &*request.path {
            "/far/jwks" => Reply::ok(far_set.clone()),
            "/tenants/jwks" => Reply::ok(tenant_set.clone()),
            "/tenants/acme/.well-known/openid-configuration" => {
                let issuer = format!("{base}/tenants/acme");
                Reply::ok(json!({"issuer": issuer, "jwks_uri": format!("{base}/tenants/jwks")}).to_string())
            }
            _ => Reply::status(404),
        });
        let [near_name, far_name] = ["https://near.example", "https://far.example"];
        let auth = builder()
            .trust(TrustedIssuer::new(near_name, KeySet::jwks(jwks([&near])).unwrap()).access_token_profile())
            .trust(TrustedIssuer::new(far_name, RemoteKeySet::jwks(keys.url("/far/jwks")).cool_down(Duration::ZERO)))
            .trust_tenants(Tenants::template(keys.url("/tenants/{tenant}")))
            .cache(TokenCache::new());
        let server = stack.start(auth.build().unwrap());
        let status = |token: &str| server.get_with_bearer(token).status;

        let tenant_name = keys.url("/tenants/acme");
        for _ in 0..2 {
            assert_eq!(status(&near.access_token(near_name)), 200, "{}", stack.name);
            assert_eq!(status(&far.token(far_name)), 200, "{}", stack.name);
            assert_eq!(status(&tenant.token(&tenant_name)), 200, "{}", stack.name);
        }
        assert_eq!(status(&near.token(near_name)), 401, "{}: no access token", stack.name);
        for (key, issuer) in [(&far, near_name), (&near, far_name), (&near, &*tenant_name), (&tenant, far_name)] {
            assert_eq!(status(&key.access_token(issuer)), 401, "{}: {issuer}", stack.name);
        }
        let fetches = keys.count();
        for issuer in ["https://nobody.example", &keys.url("/elsewhere/acme")] {
            let reply = server.get_with_bearer(&far.token(issuer));
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")), "{reply:?}");
        }
        assert_eq!(keys.count(), fetches, "{}: a stranger costs no network", stack.name);
    }
}

#[test]
fn junk_and_forgeries_make_no_401_of_a_key_that_was_just_published() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let cool_down = Duration::from_secs(3);
    for stack in STACKS {
        let (known, new, forger) = (Key::new("known"), Key::new("new"), Key::new("known"));
        let keys = KeyServer::start({
            let set = jwks([&known]);
            move |_| Reply::ok(set.clone())
        });
        let remote = RemoteKeySet::jwks(keys.url("/jwks")).cool_down(cool_down);
        let server = stack.start(builder().keys(&remote).build().unwrap());
        assert_eq!(server.get_with_bearer(&known.token(ISSUER)).status, 200, "{}", stack.name);
        thread::sleep(cool_down);
        // A stranger who knows what the next key is called.
        let junk = Key::new("new").token(ISSUER);
        assert_eq!(server.get_with_bearer(&junk).status, 401, "{}", stack.name);
        let set = jwks([&known, &new]);
        keys.behave(move |_| Reply::ok(set.clone()));
        let fetches = keys.count();
        let reply = server.get_with_bearer(&new.token(ISSUER));
        assert_eq!((reply.status, reply.challenge()), (503, None), "{}: {reply:?}", stack.name);
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!(Duration::from_secs(wait) <= cool_down, "{}: {wait}", stack.name);
        // The same junk again was looked up, and forgeries are forgeries.
        for token in [&junk, &forger.token(ISSUER)] {
            assert_eq!(server.get_with_bearer(token).status, 401, "{}", stack.name);
        }
        assert_eq!(server.get_with_bearer(&known.token(ISSUER)).status, 200, "{}", stack.name);
        assert_eq!(keys.count(), fetches, "{}", stack.name);
        thread::sleep(Duration::from_secs(wait));
        assert_eq!(server.get_with_bearer(&new.token(ISSUER)).status, 200, "{}", stack.name);
    }
}

#[test]
fn another_key_under_a_known_name_is_found_by_its_first_token_and_an_unusable_one_is_not_looked_for() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in STACKS {
        let (before, after, mut enc) = (Key::new("k"), Key::new("k"), Key::new("enc"));
        enc.jwk["use"] = "enc".into();
        let keys = KeyServer::start({
            let set = jwks([&before, &enc]);
            move |_| Reply::ok(set.clone())
        });
        let remote = RemoteKeySet::jwks(keys.url("/jwks")).cool_down(Duration::from_secs(1));
        let server = stack.start(builder().keys(&remote).cache(TokenCache::new()).build().unwrap());
        let old = before.token(ISSUER);
        assert_eq!(server.get_with_bearer(&old).status, 200, "{}", stack.name);
        for _ in 0..100 {
            assert_eq!(server.get_with_bearer(&enc.token(ISSUER)).status, 401, "{}", stack.name);
        }
        assert_eq!(keys.count(), 1, "{}", stack.name);
        let set = jwks([&after, &enc]);
        keys.behave(move |_| Reply::ok(set.clone()));
        assert_eq!(server.get_with_bearer(&after.token(ISSUER)).status, 200, "{}", stack.name);
        assert_eq!(keys.count(), 2, "{}", stack.name);
        assert_eq!(server.get_with_bearer(&old).status, 401, "{}: it is cached no more", stack.name);
    }
}
