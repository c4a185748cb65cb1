//! The same on every stack, over real connections and without a provider: a request that has to wait for keys is held,
//! and is answered like any other once they are there or cannot be had.

use std::thread;
use std::time::Duration;

use acceptance::STACKS;
use jwt_core::{RemoteKeySet, TokenCache};
use oidc_tests::{Key, KeyServer, Reply, builder, jwks};

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
        assert!(auth.authenticate(&request()).outcome().is_err(), "it waits");
    }
    let held: Vec<_> = (0..1024).map(|_| auth.authenticate(&request()).outcome().unwrap_err()).collect();
    let error = auth.authenticate(&request()).outcome().unwrap().result().unwrap_err();
    assert_eq!(auth.answer(&error).status.as_u16(), 503);
    drop(held);
    assert!(auth.authenticate(&request()).outcome().is_err(), "there is room again");
}
