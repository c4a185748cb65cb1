//! Tokens that oidc-provider, Authlib and glewlwyd are asked about, at resource servers of every stack. Left out where
//! `setup` has not been run.

use std::thread;
use std::time::Duration;

use acceptance::{GUARDED, Member, STACKS, Server};
use jwt_core::binding::DpopKey;
use jwt_core::introspection::Introspection;
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, RemoteKeySet, TokenCache};
use oidc_tests::{Authlib, Glewlwyd, Key, Provider, builder};
use tokio::runtime::Runtime;

const ORIGIN: &str = "https://api.example.com";
/// How long an answer is used.
const KEPT: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn discover(provider: &Provider) -> Introspection {
    Introspection::discover(provider.issuer()).cache_for(KEPT).cache_inactive_for(Duration::ZERO)
}

fn servers(introspection: &Introspection) -> Vec<Server> {
    let auth = || builder().introspect(introspection).public_origin(ORIGIN).build().unwrap();
    STACKS.into_iter().map(|stack| stack.start(auth())).collect()
}

#[test]
fn opaque_tokens_are_good_until_the_provider_revokes_them_however_this_service_authenticates() {
    let Some(mut provider) = Provider::start() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    let own = Key::new("own");
    provider.know_client_key(&own.jwk);
    let keys = RemoteKeySet::discover(provider.issuer());
    let ways = [
        discover(&provider).client_secret("api", Provider::SECRET),
        discover(&provider).private_key_jwt("api-jwt", own.signing()),
        discover(&provider).client_secret_post("api-signed", Provider::SECRET),
        discover(&provider).client_secret_post("api-signed", Provider::SECRET).require_signed_answers(&keys),
    ];
    for introspection in ways {
        for server in servers(&introspection) {
            let case = format!("{} {introspection:?}", server.stack);
            let token = provider.opaque_token();
            assert!(!token.contains('.'), "{token}");
            for _ in 0..3 {
                let reply = server.get_with_bearer(&token);
                assert_eq!(reply.status, 200, "{case}: {reply:?} {:?}", introspection.status());
                assert!(reply.body.contains("Robot"), "{case}: {reply:?}");
            }
            assert_eq!(server.get_with_bearer("made-up").status, 401, "{case}");
            provider.revoke(&token);
            thread::sleep(KEPT);
            let reply = server.get_with_bearer(&token);
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")), "{case}");
        }
        assert_eq!(introspection.status().failures, 0, "{:?}", introspection.status());
    }

    let wrong = discover(&provider).client_secret("api", "not the secret");
    for server in servers(&wrong) {
        assert_eq!(server.get_with_bearer(&provider.opaque_token()).status, 503, "{}", server.stack);
    }
    let said = wrong.status().error.unwrap().to_string();
    assert!(said.contains("refuses the credentials of this service"), "{said}");

    let introspection = discover(&provider).client_secret("api", Provider::SECRET);
    let (servers, token, new) = (servers(&introspection), provider.opaque_token(), provider.opaque_token());
    for server in &servers {
        assert_eq!(server.get_with_bearer(&token).status, 200, "{}", server.stack);
    }
    provider.stop();
    for server in &servers {
        let reply = server.get_with_bearer(&new);
        assert!(reply.status == 503 && reply.header("retry-after").is_some(), "{}: {reply:?}", server.stack);
    }
}

#[test]
fn an_opaque_token_that_the_provider_bound_to_a_key_is_good_with_its_proof_alone() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    let introspection = discover(&provider).client_secret("api", Provider::SECRET);
    let [key, thief] = [(); 2].map(|()| DpopKey::generate(Algorithm::ES256).unwrap());
    let token = provider.opaque_token_bound_to(&key);
    let proof = |key: &DpopKey| key.proof("GET", &format!("{ORIGIN}/me")).for_token(&token).sign().unwrap();
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    for server in servers(&introspection) {
        let send = |fields: &[(&str, &str)]| server.get("/me", fields).status;
        for _ in 0..2 {
            assert_eq!(send(&[("authorization", &dpop), ("dpop", &proof(&key))]), 200, "{}", server.stack);
            assert_eq!(send(&[("authorization", &dpop), ("dpop", &proof(&thief))]), 401, "{}", server.stack);
            assert_eq!(send(&[("authorization", &bearer)]), 401, "{}", server.stack);
        }
    }
}

#[test]
fn jwts_and_opaque_tokens_of_one_provider_are_good_side_by_side() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    let introspection = discover(&provider).client_secret("api", Provider::SECRET);
    for stack in STACKS {
        let keys = RemoteKeySet::discover(provider.issuer());
        let auth = builder().keys(&keys).introspect(&introspection).cache(TokenCache::new());
        let server = stack.start(auth.build().unwrap());
        let before = introspection.status().answers;
        for token in [provider.token("ES256"), provider.opaque_token()] {
            assert_eq!(server.get_with_bearer(&token).status, 200, "{}", stack.name);
        }
        assert_eq!(introspection.status().answers - before, 1, "{}", stack.name);
    }
}

#[test]
fn opaque_tokens_of_authlib_are_good_until_it_revokes_them_and_its_refresh_tokens_never() {
    let Some(provider) = Authlib::start() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    let discover = || Introspection::discover(provider.issuer()).cache_for(KEPT).cache_inactive_for(Duration::ZERO);
    for introspection in
        [discover().client_secret("api", Authlib::SECRET), discover().client_secret_post("api", Authlib::SECRET)]
    {
        for server in servers(&introspection) {
            let case = format!("{} {introspection:?}", server.stack);
            let token = provider.token();
            let reply = server.get_with_bearer(&token);
            assert_eq!(reply.status, 200, "{case}: {reply:?} {:?}", introspection.status());
            assert!(reply.body.contains("Robot"), "{case}: {reply:?}");
            for bad in ["made-up", &provider.refresh_token()] {
                assert_eq!(server.get_with_bearer(bad).status, 401, "{case}: {bad}");
            }
            provider.revoke(&token);
            thread::sleep(KEPT);
            assert_eq!(server.get_with_bearer(&token).status, 401, "{case}");
        }
        assert_eq!(introspection.status().failures, 0, "{:?}", introspection.status());
    }
    let stranger = discover().client_secret("robot", Authlib::SECRET);
    for server in servers(&stranger) {
        assert_eq!(server.get_with_bearer(&provider.token()).status, 401, "it may not ask: {}", server.stack);
    }
}

#[test]
fn jwts_of_glewlwyd_that_it_is_asked_about_are_good_until_it_revokes_them_and_its_refresh_tokens_never() {
    let Some(provider) = Glewlwyd::start() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    // Its answers do not name it.
    let discover = || {
        let introspection =
            Introspection::discover(provider.issuer()).cache_for(KEPT).cache_inactive_for(Duration::ZERO);
        introspection.every_token().issuer_optional()
    };
    let start = |builder: AuthenticatorBuilder<Member>| {
        let auth = builder.audience(Glewlwyd::AUDIENCE).build().unwrap();
        GUARDED.map(|stack| stack.start(auth.clone()))
    };
    let keys = RemoteKeySet::discover(provider.issuer());
    let status =
        |server: &Server, token: &str| server.get("/claims", &[("authorization", &format!("Bearer {token}"))]).status;
    for introspection in [
        discover().client_secret(Glewlwyd::CLIENT, Glewlwyd::SECRET),
        discover().client_secret_post(Glewlwyd::CLIENT, Glewlwyd::SECRET),
    ] {
        let asking = start(Authenticator::builder().introspect(&introspection));
        let verifying = start(Authenticator::builder().keys(&keys).access_token_profile());
        for (asking, verifying) in asking.iter().zip(&verifying) {
            let case = format!("{} {introspection:?}", asking.stack);
            let [token, refresh_token] = provider.tokens();
            assert_eq!(
                [status(asking, &token), status(verifying, &token)],
                [200, 200],
                "{case}: {:?}",
                introspection.status()
            );
            for bad in ["made-up", &refresh_token] {
                assert_eq!([status(asking, bad), status(verifying, bad)], [401, 401], "{case}: {bad}");
            }
            provider.revoke(&token);
            thread::sleep(KEPT);
            assert_eq!(status(asking, &token), 401, "{case}");
        }
        assert_eq!(introspection.status().failures, 0, "{:?}", introspection.status());
    }
    // It signs its answers for the audience of the token, which is not the client that asks (RFC 9701 §5).
    let signed = discover().client_secret(Glewlwyd::CLIENT, Glewlwyd::SECRET).require_signed_answers(&keys);
    for server in start(Authenticator::builder().introspect(&signed)) {
        assert_eq!(status(&server, &provider.tokens()[0]), 503, "{}", server.stack);
    }
}
