//! Against oidc-provider, an OpenID provider that is certified and not ours. Left out where `setup` has not been run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use acceptance::{STACKS, Server, User};
use jwt_core::{Authenticator, RemoteKeySet, TokenCache};
use oidc_tests::{Provider, builder, eventually};
use tokio::runtime::Runtime;

const SECOND: Duration = Duration::from_secs(1);

/// The keys of the provider, with everything that takes minutes made to take seconds.
fn keys(provider: &Provider) -> RemoteKeySet {
    RemoteKeySet::discover(provider.issuer())
        .lifetime(2 * SECOND, SECOND, 2 * SECOND)
        .cool_down(Duration::from_millis(200))
}

fn authenticator(keys: &RemoteKeySet) -> Authenticator<User> {
    builder().keys(keys).typ("at+jwt").cache(TokenCache::new()).build().unwrap()
}

/// Every stack, each with keys of its own.
fn everywhere(
    runtime: &Runtime,
    provider: &Provider,
    change: fn(RemoteKeySet) -> RemoteKeySet,
) -> Vec<(Server, RemoteKeySet)> {
    let _inside = runtime.enter();
    let start = |stack: acceptance::Stack| {
        let keys = change(keys(provider));
        (stack.start(authenticator(&keys)), keys)
    };
    STACKS.into_iter().map(start).collect()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn tokens_of_every_algorithm_are_good_from_the_first_request_on() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    for (server, keys) in everywhere(&runtime, &provider, |keys| keys.stale_if_error(SECOND)) {
        for algorithm in Provider::RESOURCE_SERVERS {
            let reply = server.get_with_bearer(&provider.token(algorithm));
            assert_eq!(reply.status, 200, "{} {algorithm}: {reply:?}", server.stack);
            assert!(reply.body.contains("robot"), "{reply:?}");
        }
        let status = keys.status();
        assert_eq!((status.failures, status.skipped), (0, 0), "{status:?}");
        assert!(status.keys >= 4 && status.is_usable() && status.error.is_none(), "{status:?}");
        let forged = provider.token("ES256").replace('.', ".x");
        assert_eq!(server.get_with_bearer(&forged).status, 401);
    }
}

#[test]
fn no_good_request_is_refused_while_keys_rotate_under_load_and_the_provider_is_restarted() {
    let Some(mut provider) = Provider::start() else { return };
    let runtime = runtime();
    let servers = everywhere(&runtime, &provider, |keys| keys.stale_if_error(3600 * SECOND));
    for rotation in 2..4 {
        let known = provider.token("ES256");
        let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for (server, _) in &servers {
                let (known, stop, served) = (&known, &stop, &served);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let reply = server.get_with_bearer(known);
                        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for algorithm in Provider::RESOURCE_SERVERS {
                let kid = format!("{algorithm}-{rotation}");
                provider.rotate(algorithm, &kid);
                let token = provider.token(algorithm);
                thread::scope(|scope| {
                    for (server, _) in &servers {
                        for _ in 0..4 {
                            scope.spawn(|| {
                                let reply = server.get_with_bearer(&token);
                                assert_eq!(reply.status, 200, "{} {kid}: {reply:?}", server.stack);
                            });
                        }
                    }
                });
            }
            provider.stop();
            thread::sleep(SECOND / 2);
            provider.start_again();
            let before = served.load(Ordering::Relaxed);
            eventually("more requests", || served.load(Ordering::Relaxed) > before + 30);
            stop.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn an_outage_is_ours_only_after_a_while_and_ends_without_a_restart() {
    let Some(mut provider) = Provider::start() else { return };
    let runtime = runtime();
    let servers = everywhere(&runtime, &provider, |keys| keys.stale_if_error(SECOND));
    let token = provider.token("PS256");
    for (server, _) in &servers {
        assert_eq!(server.get_with_bearer(&token).status, 200);
    }
    provider.stop();
    for (server, keys) in &servers {
        eventually("the end of the keys", || !keys.status().is_usable());
        let reply = server.get_with_bearer(&token);
        assert_eq!((reply.status, reply.challenge()), (503, None), "{}: {reply:?}", server.stack);
        let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(keys.status().error.is_some() && keys.status().failures > 0);
    }
    provider.start_again();
    for (server, keys) in &servers {
        eventually("keys", || keys.status().is_usable());
        assert_eq!(server.get_with_bearer(&token).status, 200, "{}", server.stack);
    }
}

#[test]
fn the_tokens_of_a_withdrawn_key_stop_with_the_next_fetch_cached_or_not() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    let servers = everywhere(&runtime, &provider, |keys| keys.stale_if_error(SECOND));
    let (old, other) = (provider.token("EdDSA"), provider.token("RS256"));
    for (server, _) in &servers {
        for _ in 0..2 {
            assert_eq!((server.get_with_bearer(&old).status, server.get_with_bearer(&other).status), (200, 200));
        }
    }
    provider.rotate("EdDSA", "EdDSA-2");
    provider.withdraw("EdDSA-1");
    // The first token of the new key brings the news.
    let new = provider.token("EdDSA");
    for (server, _) in &servers {
        assert_eq!(server.get_with_bearer(&new).status, 200, "{}", server.stack);
        assert_eq!(server.get_with_bearer(&old).status, 401, "{}", server.stack);
        assert_eq!(server.get_with_bearer(&other).status, 200, "{}", server.stack);
    }
}
