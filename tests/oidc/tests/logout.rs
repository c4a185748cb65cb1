//! People who log out at a provider that is certified and not ours, and whose tokens and sessions here end with that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::{AUDIENCE, LOGOUT_STACKS, User};
use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::session::{NewSignIn, ProviderSession};
use jwt_core::verify::AuthenticationRequest;
use jwt_core::{Authenticator, MemoryStore, RemoteKeySet, Revocations, Sessions};
use oidc_tests::{LoginProvider, Tokens, eventually};
use serde_json::Value;

fn authenticator(provider: &LoginProvider, keys: &RemoteKeySet, list: &Revocations) -> Authenticator<User> {
    let builder = Authenticator::builder().keys(keys).issuer(provider.issuer()).audience(AUDIENCE);
    builder.revocations(list).build().unwrap()
}

#[test]
fn whoever_logs_out_at_the_provider_is_logged_out_here_within_a_second() {
    let Some(provider) = LoginProvider::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in LOGOUT_STACKS {
        // Two instances, which share the stores.
        let store = Arc::new(MemoryStore::new());
        let lists = [(), ()].map(|()| runtime.block_on(Revocations::builder(store.clone()).open()).unwrap());
        let sessions = Sessions::builder(store.clone()).revocations(&lists[0]).build().unwrap();
        let keys = RemoteKeySet::discover(provider.issuer());
        let fails = Arc::new(AtomicBool::new(true));
        let hook_fails = fails.clone();
        let receiver = LogoutReceiver::builder(&lists[0])
            .provider(LogoutProvider::new(provider.issuer(), &keys, LoginProvider::CLIENT))
            .sessions(&sessions)
            .on_event(move |_| {
                let fails = hook_fails.clone();
                async move { if fails.load(Ordering::SeqCst) { Err(io::Error::other("no")) } else { Ok(()) } }
            })
            .build()
            .unwrap();
        let path = receiver.path().to_owned();
        let servers = lists.each_ref().map(|list| stack.start(authenticator(&provider, &keys, list), receiver.clone()));
        provider.tell_logouts_to(&format!("http://{}{path}", servers[0].address));

        // Alice is there with two browsers, and Bob with one.
        let mut browsers = [provider.browser(), provider.browser(), provider.browser()];
        let names = ["alice", "alice", "bob"];
        let tokens: Vec<Tokens> = browsers.iter_mut().zip(names).map(|(browser, name)| browser.log_in(name)).collect();
        let verifier = Authenticator::<Value>::builder().keys(&keys).issuer(provider.issuer());
        let verifier = verifier.build_id_token_verifier(LoginProvider::CLIENT).unwrap();
        let own: Vec<String> = tokens
            .iter()
            .map(|tokens| {
                let request = AuthenticationRequest::with_nonce("n");
                let id_token = runtime.block_on(verifier.verify_async(&tokens.id_token, &request)).unwrap();
                let at = ProviderSession::of(&id_token).unwrap();
                assert!(at.session_id.is_some(), "{}", stack.name);
                let new = NewSignIn::new("a user of ours", &()).unwrap().provider_session(at);
                runtime.block_on(sessions.start(new)).unwrap().0.as_str().to_owned()
            })
            .collect();
        let served = |which: usize| {
            let statuses = servers.each_ref().map(|server| server.get_with_bearer(&tokens[which].access_token).status);
            (statuses, runtime.block_on(sessions.look_up(&own[which])).unwrap().is_some())
        };
        for which in 0..3 {
            assert_eq!(served(which), ([200, 200], true), "{} {which}", stack.name);
        }

        browsers[0].log_out();
        let since = Instant::now();
        eventually("the logout on the other instance", || served(0) == ([401, 401], false));
        assert!(since.elapsed() < Duration::from_secs(5), "{}: {:?}", stack.name, since.elapsed());
        assert_eq!([served(1), served(2)], [([200, 200], true); 2], "{}", stack.name);
        // The hook has failed, and the provider knows that the logout may not be complete.
        let said = provider.delivered();
        assert!(said.last().is_some_and(|last| last.contains("400")), "{}: {said:?}", stack.name);

        fails.store(false, Ordering::SeqCst);
        browsers[2].log_out();
        eventually("the next logout", || served(2) == ([401, 401], false));
        assert_eq!(provider.delivered().last().map(String::as_str), Some("delivered"), "{}", stack.name);
        assert_eq!(served(1), ([200, 200], true), "{}", stack.name);
    }
}

#[test]
fn no_other_token_of_the_provider_is_a_logout() {
    let Some(provider) = LoginProvider::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let list = runtime.block_on(Revocations::builder(Arc::new(MemoryStore::new())).open()).unwrap();
    let keys = RemoteKeySet::discover(provider.issuer());
    let trusted = LogoutProvider::new(provider.issuer(), &keys, LoginProvider::CLIENT).audience(AUDIENCE);
    let receiver = LogoutReceiver::builder(&list).provider(trusted).build().unwrap();
    let tokens = provider.browser().log_in("alice");
    for token in [&tokens.id_token, &tokens.access_token] {
        for (media, body) in [
            ("application/x-www-form-urlencoded", format!("logout_token={token}")),
            ("application/secevent+jwt", token.clone()),
        ] {
            let head = http::Request::post(receiver.path()).header("content-type", media).body(()).unwrap();
            let response = runtime.block_on(receiver.respond(&head, Ok(body.as_bytes())));
            assert_eq!(response.status(), 400, "{media}");
        }
    }
    assert!(list.is_empty());
}
