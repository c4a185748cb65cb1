//! What an application can choose of a provider: the way of the answer, authentication, DPoP, the end of the session there.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Browser, ISSUER, ROUTED, User};
use jwt_core::binding::DpopKey;
use jwt_core::key::FetchError;
use jwt_core::login::oidc::{ProviderAccess, ProviderError, ProviderLoginBuilder};
use jwt_core::login::{LoginRoute, LoginsBuildError, LoginsBuilder};
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use serde_json::{Value, json};

use super::idp::{Idp, parameters};
use super::{CLIENT, FORM, Place, SECRET, builder, error, everywhere, logins_builder, refused, sign_in, to};

#[test]
fn an_answer_comes_by_a_form_where_that_is_asked_for() {
    everywhere(
        || Place::with(ProviderLoginBuilder::form_post, |logins| logins),
        |server, place| {
            let (name, mut browser) = (server.stack, Browser::at(server));
            let reply = browser.get("/auth/login/a?return_to=/x");
            let location = reply.header("location").unwrap();
            assert_eq!(place.a.asked(location)["response_mode"], "form_post", "{name}");
            assert!(reply.cookies()[0].contains("; SameSite=None"), "{name}");
            let form = place.a.agree(location, "alice");
            let cross_site = [("Origin", "https://a.example"), ("Sec-Fetch-Site", "cross-site")];
            let reply = browser.send("POST", "/auth/callback/a", &[cross_site[0], cross_site[1]], &form);
            assert_eq!(error(&reply), refused(415, "invalid_request"), "{name}");
            let json = ("Content-Type", "application/json");
            assert_eq!(browser.send("POST", "/auth/callback/a", &[json], &form).status, 415, "{name}");
            let long = format!("{form}&x={}", "x".repeat(LoginRoute::MAX_BODY));
            assert_eq!(browser.send("POST", "/auth/callback/a", &[FORM], &long).status, 413, "{name}");
            let reply = browser.send("POST", "/auth/callback/a", &[FORM, cross_site[0], cross_site[1]], &form);
            assert_eq!(to(&reply), (303, Some("/x")), "{name}: {reply:?}");
            assert_eq!(browser.user().as_deref(), Some("a:alice"), "{name}");
        },
    );
}

#[test]
fn what_is_asked_for_is_pushed_where_the_provider_takes_that() {
    everywhere(Place::new, |server, place| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.a.script().metadata["pushed_authorization_request_endpoint"] = "https://a.example/par".into();
        let location = browser.begin("/auth/login/a");
        assert!(location.contains("request_uri=urn%3Apushed%3A"), "{name}: {location}");
        assert!(place.a.script().posted[0].1.contains_key("authorization"), "{name}: as its client");
        let query = place.a.agree(&location, "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303, "{name}");
    });
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let others: [Box<dyn Fn(ProviderLoginBuilder) -> ProviderLoginBuilder>; 3] = [
        Box::new(|provider| provider.client_secret_post(SECRET)),
        Box::new(move |provider| provider.private_key_jwt(&key)),
        Box::new(ProviderLoginBuilder::public_client),
    ];
    for authenticate in others {
        let idp = Idp::new("https://a.example");
        idp.script().metadata["pushed_authorization_request_endpoint"] = "https://a.example/par".into();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _guard = runtime.enter();
        let provider = ProviderLogin::builder("https://a.example", CLIENT).client(idp.clone()).on_sign_in(sign_in);
        let logins = logins_builder(&TestClock::new()).provider("a", authenticate(provider).build().unwrap());
        let server = ROUTED[0].start(logins.build().unwrap());
        let mut browser = Browser::at(&server);
        let query = idp.agree(&browser.begin("/auth/login/a"), "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303);
    }
    let place = Place::with(ProviderLoginBuilder::without_pushed_requests, |logins| logins);
    place.a.script().metadata["pushed_authorization_request_endpoint"] = "https://a.example/par".into();
    let server = ROUTED[0].start(place.logins.clone());
    assert!(Browser::at(&server).begin("/auth/login/a").contains("code_challenge="));
}

#[test]
fn access_tokens_are_bound_to_a_key_where_the_provider_offers_it() {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    for offered in [true, false] {
        let place = Place::with(|provider| provider.dpop(&key), |logins| logins);
        if offered {
            place.a.script().metadata["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        }
        place.a.script().nonce_demanded = true;
        let server = ROUTED[0].start(place.logins.clone());
        let mut browser = Browser::at(&server);
        let location = browser.begin("/auth/login/a");
        assert_eq!(place.a.asked(&location).contains_key("dpop_jkt"), offered);
        let query = place.a.agree(&location, "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303);
        let proofs = place.a.script().posted.iter().filter(|(_, form)| form.contains_key("dpop")).count();
        assert_eq!(proofs, if offered { 2 } else { 0 }, "once more with the nonce that is demanded");
    }
}

#[test]
fn a_client_without_cookies_gets_the_login_in_json() {
    everywhere(
        || Place::with(|provider| provider, LoginsBuilder::without_cookies),
        |server, place| {
            let mut browser = Browser::at(server);
            let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            let tokens: Value = serde_json::from_str(&reply.body).unwrap();
            assert_eq!((reply.status, &tokens["token_type"]), (200, &"Bearer".into()), "{}: {reply:?}", server.stack);
            assert!(browser.jar.is_empty(), "{}: {:?}", server.stack, browser.jar);
            let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
            let reply = browser.send("GET", "/me", &[("Authorization", &bearer)], "");
            assert_eq!(reply.status, 200, "{}", server.stack);
        },
    );
}

#[test]
fn a_provider_without_id_tokens_is_asked_who_it_is() {
    #[derive(serde::Deserialize)]
    struct Account {
        login: String,
    }
    async fn user(access: ProviderAccess) -> Result<Option<jwt_core::login::NewLogin>, ProviderError> {
        assert!(!format!("{access:?}").contains("at-alice"));
        let account: Account = access.get_json("https://a.example/user").await?;
        let forbidden: Result<Account, _> = access.get_json("http://a.example/user").await;
        assert!(matches!(forbidden, Err(ProviderError::Unavailable(FetchError::Insecure))));
        Ok(Some(access.log_in(&User { sub: account.login, name: access.provider().to_owned() })))
    }
    for stack in ROUTED {
        let idp = Idp::new("https://a.example");
        let provider = ProviderLogin::oauth2("https://a.example/authorize", "https://a.example/token", CLIENT)
            .client_secret_post(SECRET)
            .scope("read:user")
            .client(idp.clone())
            .on_access(user)
            .build()
            .unwrap();
        let logins = logins_builder(&TestClock::new()).provider("github", provider).build().unwrap();
        let server = stack.start(logins);
        let mut browser = Browser::at(&server);
        let location = browser.begin("/auth/login/github");
        let asked = idp.asked(&location);
        assert!(asked["scope"] == "read:user" && !asked.contains_key("nonce"), "{asked:?}");
        // It does not name itself.
        let query = idp.agree(&location, "alice").replace("&iss=https%3A%2F%2Fa.example", "");
        let reply = browser.get(&format!("/auth/callback/github?{query}"));
        assert_eq!(to(&reply), (303, Some("/")), "{}: {reply:?}", stack.name);
        assert_eq!(browser.user().as_deref(), Some("Bearer at-alice"), "{}", stack.name);
        assert_eq!(idp.script().posted[0].1["client_secret"], SECRET, "{}", stack.name);
    }
}

#[test]
fn the_form_of_a_page_logs_out_at_the_provider_too_where_that_is_asked_for() {
    everywhere(
        || Place::with(ProviderLoginBuilder::log_out_at_provider, |logins| logins),
        |server, place| {
            let (name, mut browser) = (server.stack, Browser::at(server));
            let same_origin = ("Sec-Fetch-Site", "same-origin");
            let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
            browser.get(&format!("/auth/callback/a?{query}"));
            let strange = [FORM, ("Sec-Fetch-Site", "cross-site")];
            assert_eq!(browser.send("POST", "/auth/logout", &strange, "").status, 403, "{name}");
            let reply = browser.send("POST", "/auth/logout", &[FORM, same_origin], "");
            let location = reply.header("location").unwrap();
            let (endpoint, asked) = location.split_once('?').unwrap();
            let asked = parameters(asked);
            assert_eq!((reply.status, endpoint), (303, "https://a.example/logout"), "{name}");
            assert_eq!(
                (&*asked["client_id"], &*asked["post_logout_redirect_uri"]),
                (CLIENT, "https://localhost/bye"),
                "{name}"
            );
            assert_eq!(asked["id_token_hint"].split('.').count(), 3, "{name}");
            assert_eq!((browser.user(), browser.jar.len()), (None, 0), "{name}");
            // A script stays where it is.
            let query = place.b.agree(&browser.begin("/auth/login/b"), "bob");
            browser.get(&format!("/auth/callback/b?{query}"));
            assert_eq!(to(&browser.send("POST", "/auth/logout", &[same_origin], "")), (204, None), "{name}");
        },
    );
}

#[test]
fn what_cannot_work_is_not_built() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let idp = Idp::new("https://a.example");
    let provider = || builder(&idp).on_sign_in(sign_in).build().unwrap();
    let clock = TestClock::new();
    for name in ["", "a b", "a/b", "ä", &"a".repeat(33)] {
        let built = logins_builder(&clock).provider(name, provider()).build();
        assert!(matches!(built, Err(LoginsBuildError::ProviderName { .. })), "{name}");
    }
    let built = logins_builder(&clock).provider("a", provider()).provider("a", provider()).build();
    assert!(matches!(built, Err(LoginsBuildError::ProviderTwice { .. })));
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let built = Logins::builder(issuer, refresh).provider("a", provider()).build();
    assert!(matches!(built, Err(LoginsBuildError::NoPublicOrigin { .. })));

    let said = |builder: ProviderLoginBuilder| builder.build().err().map(|error| error.to_string()).unwrap_or_default();
    let of = |issuer: &str| ProviderLogin::builder(issuer, CLIENT).on_sign_in(sign_in);
    for (builder, words) in [
        (of("https://a.example"), "choose one of"),
        (of("https://a.example").client_secret("a").public_client(), "choose one of"),
        (of("https://a.example").client_secret(""), "empty identifier or secret"),
        (of("https://a.example").mutual_tls(), "needs an HTTP client"),
        (of("a.example").public_client(), "no address of a provider"),
        (of("https://a.example?b").public_client(), "no address of a provider"),
        (of("http://a.example").public_client(), "plain http"),
        (of("https://a.example").public_client().parameter("state", "x"), "this one is set here"),
        (of("https://a.example").public_client().scope("a b"), "is no scope"),
        (of("https://a.example").public_client().failure_page("//evil"), "a path of this host"),
        (of("https://a.example").public_client().cookie_secret([1; 31]), "cookie_secret"),
        (of("https://a.example").public_client().timeout(Duration::ZERO), "is zero"),
        (of("https://a.example").public_client().keep_refresh_token([1; 31]), "keep_refresh_token"),
        (of("https://a.example").public_client().stale_if_error(Duration::ZERO), "call `.keep_refresh_token(…)` too"),
        (
            of("https://a.example")
                .public_client()
                .keep_refresh_token([1; 32])
                .refresh_interval(Duration::from_secs(59)),
            "under a minute",
        ),
        (of("https://a.example").public_client().on_sign_in(sign_in), "called twice"),
        (ProviderLogin::builder("https://a.example", CLIENT).public_client(), "call `.on_sign_in(…)`"),
        (
            ProviderLogin::oauth2("https://a.example/a", "https://a.example/t", CLIENT)
                .public_client()
                .on_sign_in(sign_in),
            "is not for this provider",
        ),
        (
            ProviderLogin::builder("https://a.example", CLIENT)
                .public_client()
                .on_access(|access: ProviderAccess| async move { Ok::<_, Infallible>(Some(access.log_in(&()))) }),
            "is not for this provider",
        ),
    ] {
        let error = said(builder);
        assert!(error.contains(words), "{error:?}: {words}");
    }
}
