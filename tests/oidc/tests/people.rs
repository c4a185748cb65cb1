//! People who sign in with a provider that is certified and not ours, and whose logins here follow what it says of them later.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Browser, ISSUER, ROUTED, User};
use jwt_core::login::NewLogin;
use jwt_core::login::oidc::{ProviderLoginBuilder, ProviderUser};
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use oidc_tests::{LoginProvider, eventually};

const INTERVAL: Duration = Duration::from_secs(300);

#[derive(serde::Deserialize)]
struct Person {
    name: String,
}

async fn sign_in(person: ProviderUser<Person>) -> Result<Option<NewLogin>, Infallible> {
    let user = User { sub: person.subject().to_owned(), name: person.claims().name.clone() };
    Ok(Some(person.log_in(&user)))
}

/// What an ID token says of the authentication.
#[derive(serde::Deserialize)]
struct Authenticated {
    acr: String,
    auth_time: u64,
}

async fn sign_in_as_authenticated(person: ProviderUser<Authenticated>) -> Result<Option<NewLogin>, Infallible> {
    let Authenticated { acr, auth_time } = person.claims();
    let user = User { sub: person.subject().to_owned(), name: format!("{acr} {auth_time}") };
    Ok(Some(person.log_in(&user)))
}

fn people(provider: &LoginProvider) -> ProviderLoginBuilder {
    ProviderLogin::builder(provider.issuer(), "app")
        .client_secret("a secret that everybody knows")
        .scope("profile")
        .parameter("login_hint", "alice")
        .parameter("prompt", "consent")
        .keep_refresh_token([7; 32])
}

fn logins(clock: &TestClock, store: &Arc<MemoryStore>, people: ProviderLoginBuilder) -> Logins {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
    let refresh = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let logins = Logins::builder(issuer, refresh).public_origin("https://localhost");
    logins.provider("people", people.build().unwrap()).build().unwrap()
}

fn sign_in_at(provider: &LoginProvider, browser: &mut Browser) {
    let back = provider.browser().follow(&browser.begin("/auth/login/people"), "https://localhost/");
    let reply = browser.get(&back);
    assert_eq!(reply.status, 303, "{back}: {reply:?}");
}

#[test]
fn a_login_follows_what_the_provider_says_of_somebody() {
    let Some(provider) = LoginProvider::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in ROUTED {
        let clock = TestClock::new();
        let logins = logins(&clock, &Arc::default(), people(&provider).on_sign_in(sign_in));
        let server = stack.start(logins.clone());
        let mut browser = Browser::at(&server);
        let known = || runtime.block_on(logins.refresh_tokens().list("alice")).unwrap().len();

        provider.call("alice", Some("Alice"));
        sign_in_at(&provider, &mut browser);
        assert_eq!(browser.name(), "Alice", "{}", stack.name);
        // Several times, since each refresh token of this provider is good once.
        for name in ["Alice Smith", "Alice Jones", "Alice"] {
            provider.call("alice", Some(name));
            clock.advance(INTERVAL);
            assert_eq!((browser.refresh().status, browser.name()), (204, name.to_owned()), "{}", stack.name);
        }
        // A logout here ends the grant there.
        let ended = provider.ended();
        assert_eq!(browser.send("POST", "/auth/logout", &[("Sec-Fetch-Site", "same-origin")], "").status, 204);
        eventually("the refresh token is given back", || provider.ended() == ended + 1);

        sign_in_at(&provider, &mut browser);
        provider.call("alice", None);
        clock.advance(INTERVAL);
        assert_eq!((browser.refresh().status, browser.jar.len(), known()), (400, 0, 0), "{}", stack.name);
    }
}

#[test]
fn what_was_demanded_of_a_sign_in_is_what_the_provider_says_again() {
    let Some(provider) = LoginProvider::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in ROUTED {
        let (clock, store) = (TestClock::new(), Arc::default());
        let demanding = |acr| {
            let people = people(&provider).max_age(Duration::from_secs(60)).require_acr(acr);
            logins(&clock, &store, people.on_sign_in(sign_in_as_authenticated))
        };
        let (before, after) = (demanding("silver"), demanding("gold"));
        let [first, second] = [&before, &after].map(|logins| stack.start(logins.clone()));
        let mut browser = Browser::at(&first);
        sign_in_at(&provider, &mut browser);
        let name = browser.name();
        assert!(name.starts_with("silver "), "{}: {name}", stack.name);
        for _ in 0..2 {
            clock.advance(INTERVAL);
            assert_eq!((browser.refresh().status, browser.name()), (204, name.clone()), "{}", stack.name);
        }
        // More is demanded of everybody from now on.
        browser.move_to(&second);
        clock.advance(INTERVAL);
        assert_eq!((browser.refresh().status, browser.jar.len()), (400, 0), "{}", stack.name);
        let known = runtime.block_on(after.refresh_tokens().list("alice")).unwrap().len();
        assert_eq!(known, 0, "{}", stack.name);
    }
}
