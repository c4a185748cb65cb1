//! Logins whose provider is asked again: the claims of today, and the end at the provider.

mod failures;
mod id_tokens;

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acceptance::{AUDIENCE, Browser, ISSUER, Log, ROUTED, Reply, Server, User};
use jwt_core::binding::DpopKey;
use jwt_core::clock::NumericDate;
use jwt_core::login::oidc::{ProviderAccess, ProviderLoginBuilder, ProviderUser};
use jwt_core::login::{LoginError, LoginsBuilder};
use jwt_core::session::RefreshError;
use jwt_core::store::{Change, Digest, Owner, Record, SignInKey, SignInStore, StoreError, StoreFuture, Touch};
use jwt_core::testing::{TestClock, TestDevice};
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, Revocations, SigningKey};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{CLIENT, FORM, Idp, ORIGIN, OnFailure, Person, SECRET, builder, error, refused, sign_in};

const KEY: [u8; 32] = [7; 32];
const SAME_ORIGIN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const INTERVAL: Duration = Duration::from_secs(300);
const STALE: Duration = Duration::from_secs(3600);
/// For how long a provider that has failed is not asked.
const PAUSE: Duration = Duration::from_secs(10);

/// A store in memory that says what it was given, and changes nothing on demand.
#[derive(Default)]
struct Spy {
    store: MemoryStore,
    seen: Mutex<String>,
    stuck: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
#[error("no")]
struct Stuck;

impl Spy {
    fn see(&self, what: &str) {
        self.seen.lock().unwrap().push_str(what);
    }
}

impl SignInStore for Spy {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        self.see(&serde_json::to_string(&record).unwrap());
        self.store.insert(owner, record, keep, now)
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        self.store.find(key, secret, touch, now)
    }

    fn change(&self, key: SignInKey, old: Digest, new: Change, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        if self.stuck.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(StoreError::unavailable(Stuck))));
        }
        self.see(new.options.as_deref().unwrap_or_default());
        self.store.change(key, old, new, now)
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.store.remove(key)
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.store.remove_all(owner)
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        self.store.list(owner, now)
    }
}

/// One application with a provider that gives refresh tokens.
struct Place {
    runtime: Runtime,
    clock: TestClock,
    idp: Idp,
    store: Arc<Spy>,
    /// Two instances, which share store and secrets.
    instances: [Logins; 2],
}

fn keeping(builder: ProviderLoginBuilder) -> ProviderLoginBuilder {
    builder.keep_refresh_token(KEY)
}

impl Place {
    fn new() -> Self {
        Self::with(keeping, |logins| logins)
    }

    fn with(
        configure: impl Fn(ProviderLoginBuilder) -> ProviderLoginBuilder,
        logins: impl Fn(LoginsBuilder) -> LoginsBuilder,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (clock, store, idp) = (TestClock::new(), Arc::new(Spy::default()), Idp::new("https://a.example"));
        idp.script().grants.given = true;
        idp.script().metadata["revocation_endpoint"] = "https://a.example/revoke".into();
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let list = runtime.block_on(Revocations::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).open());
        let list = list.unwrap();
        let instance = || {
            let _guard = runtime.enter();
            let provider = configure(builder(&idp).cookie_secret([9; 32])).on_sign_in(sign_in).build().unwrap();
            let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key.clone()).clock(clock.clone());
            let refresh = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
            let builder = Logins::builder(issuer.build().unwrap(), refresh).public_origin(ORIGIN).revocations(&list);
            logins(builder.provider("a", provider)).build().unwrap()
        };
        let instances = [instance(), instance()];
        Self { runtime, clock, idp, store, instances }
    }

    /// Another instance, with other settings of the provider.
    fn instance(&self, configure: impl Fn(ProviderLoginBuilder) -> ProviderLoginBuilder) -> Logins {
        let _guard = self.runtime.enter();
        let provider = configure(builder(&self.idp)).on_sign_in(sign_in).build().unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).clock(self.clock.clone());
        let issuer = issuer.signing_key(SigningKey::generate(Algorithm::EdDSA).unwrap()).build().unwrap();
        let refresh = RefreshTokens::builder(self.store.clone()).clock(self.clock.clone()).build().unwrap();
        Logins::builder(issuer, refresh).public_origin(ORIGIN).provider("a", provider).build().unwrap()
    }

    fn logins(&self) -> usize {
        self.runtime.block_on(self.instances[0].refresh_tokens().list("a:alice")).unwrap().len()
    }

    /// What the login is made of, as the application has remembered it.
    fn name(&self) -> String {
        let logins = self.runtime.block_on(self.instances[0].refresh_tokens().list("a:alice")).unwrap();
        logins[0].data::<User>().unwrap().name
    }

    /// The refresh tokens that the provider was asked with, in their order.
    fn asked(&self) -> Vec<String> {
        let script = self.idp.script();
        script.posted.iter().filter_map(|(_, form)| form.get("refresh_token").cloned()).collect()
    }

    fn is_called(&self, name: &str) {
        self.idp.script().grants.names.insert("alice".to_owned(), name.to_owned());
    }

    fn after(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn sign_in(&self, browser: &mut Browser) {
        let query = self.idp.agree(&browser.begin("/auth/login/a"), "alice");
        let reply = browser.get(&format!("/auth/callback/a?{query}"));
        assert_eq!((reply.status, browser.user().as_deref()), (303, Some("a:alice")), "{reply:?}");
    }

    fn refresh_after(&self, browser: &mut Browser, time: Duration) -> Reply {
        self.after(time);
        browser.refresh()
    }

    /// A login of a client that is no browser: its refresh token.
    fn signed_in(&self, server: &Server) -> String {
        let mut browser = Browser::at(server);
        let query = self.idp.agree(&browser.begin("/auth/login/a"), "alice");
        let reply = browser.get(&format!("/auth/callback/a?{query}"));
        let tokens: Value = serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"));
        tokens["refresh_token"].as_str().unwrap().to_owned()
    }
}

fn everywhere(place: impl Fn() -> Place, test: impl Fn(&Server, &Place, &Log)) {
    for stack in ROUTED {
        let log = Log::here();
        let _told = OnFailure(log.clone());
        let place = place();
        test(&stack.start(place.instances[0].clone()), &place, &log);
    }
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_refresh_has_the_claims_of_today_and_nobody_reads_the_token_in_the_store() {
    everywhere(Place::new, |server, place, log| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        place.is_called("Alice Smith");
        // The provider has just said who it is.
        assert_eq!((browser.refresh().status, browser.name()), (204, "alice".into()), "{name}");
        assert!(place.asked().is_empty(), "{name}");
        for (again, called) in ["Alice Smith", "Alice Jones", "Alice"].into_iter().enumerate() {
            place.is_called(called);
            place.after(INTERVAL);
            assert_eq!((browser.refresh().status, browser.name()), (204, called.to_owned()), "{name}");
            assert_eq!(place.asked().len(), again + 1, "{name}");
            assert_eq!((browser.refresh().status, place.asked().len()), (204, again + 1), "{name}: once for each");
        }
        // Each of them once, as the provider has given it.
        let tokens = place.asked();
        assert_eq!(tokens.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{name}: {tokens:?}");
        let form = place.idp.script().posted.last().unwrap().1.clone();
        assert_eq!(form["grant_type"], "refresh_token", "{name}");
        assert_eq!(form["authorization"], "Basic YXBwOnRoZStzZWNyZXQrb2YrdGhlK2FwcA==", "{name}: as its client");
        let (seen, logged) = (place.store.seen.lock().unwrap().clone(), log.take());
        assert!(seen.contains("asked_at") && seen.contains("token"), "{name}: {seen}");
        for token in
            tokens.iter().map(String::as_str).chain(place.idp.script().grants.tokens.keys().map(String::as_str))
        {
            assert!(!seen.contains(token) && !logged.contains(token), "{name}: {token}");
        }
    });
}

#[test]
fn the_login_ends_when_the_provider_says_that_its_own_is_over() {
    everywhere(Place::new, |server, place, log| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        let access = browser.jar.clone();
        place.idp.script().grants.tokens.clear();
        let reply = place.refresh_after(&mut browser, INTERVAL);
        assert_eq!(error(&reply), refused(400, "invalid_grant"), "{name}: {reply:?}");
        assert!(browser.jar.is_empty(), "{name}: {:?}", browser.jar);
        assert_eq!(place.logins(), 0, "{name}");
        let mut copy = Browser::at(server).with(access);
        assert_eq!(copy.user(), None, "{name}: its access token is revoked");
        assert!(log.take().contains("a login has ended at its provider, so it ends here"), "{name}");
    });
}

#[test]
fn the_application_has_the_last_word_each_time() {
    everywhere(Place::new, |server, place, _| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        // Its database is down: the next refresh asks again, and nothing is lost.
        place.is_called("trouble");
        let reply = place.refresh_after(&mut browser, INTERVAL);
        assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{name}");
        place.is_called("Alice Smith");
        assert_eq!((browser.refresh().status, browser.name()), (204, "Alice Smith".into()), "{name}");
        assert_eq!(place.asked().len(), 2, "{name}");
        place.is_called("mallory");
        let reply = place.refresh_after(&mut browser, INTERVAL);
        assert_eq!(error(&reply), refused(400, "invalid_grant"), "{name}");
        assert_eq!((place.logins(), browser.jar.len()), (0, 0), "{name}");
        // What the provider has just given is given back.
        eventually("the refresh token is given back", || {
            place.idp.script().grants.tokens.values().all(Option::is_none)
        });
    });
}

fn in_json(logins: LoginsBuilder) -> LoginsBuilder {
    logins.without_cookies()
}

#[test]
fn a_logout_gives_the_refresh_token_back() {
    everywhere(Place::new, |server, place, _| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        // The last one, by its number.
        let given = || format!("rt-{}", place.idp.script().next);
        for (fields, target) in [
            (&[SAME_ORIGIN, FORM][..], "/auth/logout"),
            (&[SAME_ORIGIN][..], "/auth/logout"),
            (&[SAME_ORIGIN][..], "/auth/logout-everywhere"),
        ] {
            place.sign_in(&mut browser);
            let token = given();
            assert!(browser.send("POST", target, fields, "").status < 400, "{name} {target}");
            assert_eq!((place.logins(), browser.user()), (0, None), "{name} {target}");
            eventually("the refresh token is given back", || place.idp.script().grants.revoked.contains(&token));
        }
        let form = place.idp.script().posted.last().unwrap().clone();
        assert_eq!((&*form.0, &*form.1["token_type_hint"]), ("/revoke", "refresh_token"), "{name}");
        assert!(form.1.contains_key("authorization"), "{name}: as its client");
        // Whatever fails there, the login ends.
        place.sign_in(&mut browser);
        place.idp.script().down = true;
        assert_eq!(browser.send("POST", "/auth/logout", &[SAME_ORIGIN], "").status, 204, "{name}");
        assert_eq!((place.logins(), browser.user()), (0, None), "{name}");
        place.idp.script().down = false;
        // A second use of our own token ends the login, and this as well.
        place.sign_in(&mut browser);
        let (token, mut thief) = (given(), browser.clone());
        assert_eq!(browser.refresh().status, 204, "{name}");
        assert_eq!(place.refresh_after(&mut thief, INTERVAL).status, 400, "{name}");
        eventually("the refresh token is given back", || place.idp.script().grants.revoked.contains(&token));
        // And so does a sign-in that the application refuses.
        let before = place.idp.script().grants.revoked.len();
        let query = place.idp.agree(&browser.begin("/auth/login/a"), "mallory");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 403, "{name}");
        eventually("the refresh token is given back", || place.idp.script().grants.revoked.len() > before);
    });
}

#[test]
fn logins_that_renew_themselves_have_the_claims_of_today_too() {
    let renewing = |logins: LoginsBuilder| logins.transparent_renewal();
    everywhere(
        || Place::with(keeping, renewing),
        |server, place, _| {
            let (name, mut browser) = (server.stack, Browser::at(server));
            place.sign_in(&mut browser);
            place.is_called("Alice Smith");
            place.after(Duration::from_secs(3600));
            assert_eq!((browser.name(), place.asked().len()), ("Alice Smith".into(), 1), "{name}");
            place.idp.script().down = true;
            place.after(2 * STALE);
            assert_eq!(browser.send("GET", "/me", &[], "").status, 503, "{name}");
            place.idp.script().down = false;
            place.idp.script().grants.tokens.clear();
            place.after(PAUSE);
            assert_eq!(browser.send("GET", "/me", &[], "").status, 401, "{name}");
            assert_eq!((place.logins(), browser.jar.len()), (0, 0), "{name}");
        },
    );
}

#[test]
fn a_login_that_is_bound_to_its_browser_has_the_claims_of_today_too() {
    everywhere(
        || Place::with(keeping, LoginsBuilder::bind_to_device),
        |server, place, _| {
            let (name, mut browser) = (server.stack, Browser::at(server));
            place.idp.script().change = Some(Box::new(|token| token.claim("sid", "s-1")));
            let query = place.idp.agree(&browser.begin("/auth/login/a"), "alice");
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            let challenge = |field: &str| field.split('"').rev().nth(1).unwrap().to_owned();
            let device = TestDevice::new();
            let offered = challenge(reply.header("secure-session-registration").unwrap());
            let proof = device.registration(&offered);
            let fields = [SAME_ORIGIN, ("Secure-Session-Response", &*proof)];
            assert_eq!(browser.send("POST", "/auth/device/register", &fields, "").status, 200, "{name}");
            let known = place.runtime.block_on(place.instances[0].refresh_tokens().list("a:alice")).unwrap();
            assert!(known[0].provider_session.is_some(), "{name}: the provider can still end it");
            let session = known[0].id.to_string();
            let mut refresh = || {
                let named = [SAME_ORIGIN, ("Sec-Secure-Session-Id", &*session)];
                let reply = browser.send("POST", "/auth/device/refresh", &named, "");
                let asked = reply.header("secure-session-challenge").unwrap();
                let proof = device.refresh(asked.split('"').nth(1).unwrap());
                let fields = [named[0], named[1], ("Secure-Session-Response", &*proof)];
                (browser.send("POST", "/auth/device/refresh", &fields, "").status, browser.user())
            };
            place.is_called("Alice Smith");
            place.after(INTERVAL);
            assert_eq!(refresh(), (200, Some("a:alice".into())), "{name}");
            assert_eq!((place.name(), place.asked().len()), ("Alice Smith".into(), 1), "{name}");
            place.idp.script().grants.tokens.clear();
            place.after(INTERVAL);
            assert_eq!(refresh(), (400, None), "{name}");
            assert_eq!(place.logins(), 0, "{name}");
        },
    );
}

#[test]
fn secrets_can_be_replaced_and_without_the_right_one_the_provider_is_not_asked() {
    let log = Log::here();
    let _told = OnFailure(log.clone());
    let place = Place::with(keeping, in_json);
    let server = ROUTED[0].start(place.instances[0].clone());
    let token = place.signed_in(&server);
    let refresh = |logins: &Logins, token: &str| {
        let login = place.runtime.block_on(logins.refresh(token))?;
        Ok::<_, LoginError>(login.refresh_token().unwrap().as_str().to_owned())
    };
    let both = place.instance(|builder| builder.keep_refresh_token([8; 32]).keep_refresh_token(KEY));
    place.after(INTERVAL);
    let token = refresh(&both, &token).unwrap();
    assert_eq!(place.asked().len(), 1);
    // It is encrypted under the new one now.
    let new = place.instance(|builder| builder.keep_refresh_token([8; 32]));
    place.after(INTERVAL);
    let token = refresh(&new, &token).unwrap();
    assert_eq!(place.asked().len(), 2);
    let old = &place.instances[0];
    place.after(INTERVAL);
    let token = refresh(old, &token).unwrap();
    assert_eq!(place.asked().len(), 2, "the login goes on, as while the provider is down");
    place.after(STALE);
    assert!(matches!(refresh(old, &token), Err(LoginError::ProviderUnavailable)));
    assert_eq!(refresh(&new, &token).map(|_| place.asked().len()).unwrap(), 3);
    // Where nothing is kept any more, nobody asks.
    let off = place.instance(|builder| builder);
    place.after(2 * STALE);
    assert!(matches!(refresh(&off, &token), Ok(_) | Err(LoginError::Refresh(RefreshError::Reused(_)))));
    assert_eq!(place.asked().len(), 3);
}

#[test]
fn offline_access_is_asked_for_where_the_provider_has_it() {
    let log = Log::here();
    for (supported, expected) in
        [(json!(["openid"]), "openid profile"), (json!(["openid", "offline_access"]), "openid profile offline_access")]
    {
        let place = Place::new();
        place.idp.script().metadata["scopes_supported"] = supported;
        let server = ROUTED[0].start(place.instances[0].clone());
        let location = Browser::at(&server).begin("/auth/login/a");
        assert_eq!(place.idp.asked(&location)["scope"], expected);
        // What the application has asked for itself is asked for once.
        let named = place.instance(|builder| keeping(builder).scope("offline_access"));
        let server = ROUTED[0].start(named);
        let location = Browser::at(&server).begin("/auth/login/a");
        assert_eq!(place.idp.asked(&location)["scope"], "openid profile offline_access");
        let server = ROUTED[0].start(place.instance(|builder| builder));
        let location = Browser::at(&server).begin("/auth/login/a");
        assert_eq!(place.idp.asked(&location)["scope"], "openid profile", "not where it is not kept");
    }
    // A provider that gives none all the same.
    let place = Place::new();
    place.idp.script().grants.given = false;
    let server = ROUTED[0].start(place.instances[0].clone());
    log.take();
    for _ in 0..2 {
        let mut browser = Browser::at(&server);
        place.sign_in(&mut browser);
        assert_eq!(place.refresh_after(&mut browser, 2 * STALE).status, 204);
    }
    assert_eq!(log.take().matches("no refresh token came with a sign-in").count(), 1);
}

#[test]
fn a_provider_without_id_tokens_is_asked_again_too() {
    async fn user(access: ProviderAccess) -> Result<Option<jwt_core::login::NewLogin>, std::io::Error> {
        let name = format!("{} {}", access.access_token(), access.is_refresh());
        Ok(Some(access.log_in(&User { sub: "alice".into(), name })))
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for stack in ROUTED {
        let (idp, clock) = (Idp::new("https://a.example"), TestClock::new());
        idp.script().grants.given = true;
        let provider = ProviderLogin::oauth2("https://a.example/authorize", "https://a.example/token", CLIENT)
            .client_secret_post(SECRET)
            .client(idp.clone())
            .keep_refresh_token(KEY)
            .on_access(user)
            .build()
            .unwrap();
        let logins = super::logins_builder(&clock).provider("github", provider).build().unwrap();
        let server = stack.start(logins.clone());
        let mut browser = Browser::at(&server);
        let location = browser.begin("/auth/login/github");
        let query = idp.agree(&location, "alice").replace("&iss=https%3A%2F%2Fa.example", "");
        assert_eq!(browser.get(&format!("/auth/callback/github?{query}")).status, 303, "{}", stack.name);
        assert_eq!(browser.name(), "at-alice false", "{}", stack.name);
        clock.advance(INTERVAL);
        assert_eq!((browser.refresh().status, browser.name()), (204, "at-again-alice true".into()), "{}", stack.name);
        // What GitHub says of one that is over.
        idp.script().grants.error = Some((200, "bad_refresh_token"));
        clock.advance(INTERVAL);
        assert_eq!(browser.refresh().status, 400, "{}", stack.name);
        assert!(runtime.block_on(logins.refresh_tokens().list("alice")).unwrap().is_empty(), "{}", stack.name);
    }
}

#[test]
fn the_function_may_say_more_and_may_not_say_somebody_else() {
    async fn user(person: ProviderUser<Person>) -> Result<Option<jwt_core::login::NewLogin>, std::io::Error> {
        let sub = if person.claims().name == "other" { "bob" } else { "alice" };
        let login = person.log_in(&json!({"sub": sub, "name": "Alice"})).claim("level", person.claims().name.len());
        Ok(Some(if person.is_refresh() { login } else { login.remember(false) }))
    }
    for stack in ROUTED {
        let (idp, clock) = (Idp::new("https://a.example"), TestClock::new());
        let key = DpopKey::generate(Algorithm::ES256).unwrap();
        idp.script().grants.given = true;
        idp.script().metadata["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _guard = runtime.enter();
        let provider = builder(&idp).keep_refresh_token(KEY).dpop(&key).on_sign_in(user).build().unwrap();
        let server = stack.start(super::logins_builder(&clock).provider("a", provider).build().unwrap());
        let mut browser = Browser::at(&server);
        let query = idp.agree(&browser.begin("/auth/login/a"), "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303, "{}", stack.name);
        let level = |browser: &Browser| {
            let payload = browser.jar["__Host-access_token"].split('.').nth(1).unwrap().to_owned();
            let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
            serde_json::from_slice::<Value>(&claims).unwrap()["level"].clone()
        };
        assert_eq!(level(&browser), 5, "{}", stack.name);
        idp.script().grants.names.insert("alice".into(), "Alice S.".into());
        idp.script().nonce_demanded = true;
        clock.advance(INTERVAL);
        let reply = browser.refresh();
        assert_eq!((reply.status, level(&browser)), (204, 8.into()), "{}", stack.name);
        let cookies = reply.cookies();
        assert!(
            cookies.iter().all(|cookie| !cookie.contains("Max-Age")),
            "{}: as at the sign-in: {cookies:?}",
            stack.name
        );
        let proofs = idp.script().posted.iter().filter(|(_, form)| form.contains_key("dpop")).count();
        assert_eq!(proofs, 3, "{}: also with the nonce that is demanded", stack.name);
        idp.script().grants.names.insert("alice".into(), "other".into());
        clock.advance(INTERVAL);
        assert_eq!(error(&browser.refresh()), refused(500, "server_error"), "{}", stack.name);
        idp.script().grants.names.insert("alice".into(), "Al".into());
        assert_eq!((browser.refresh().status, level(&browser)), (204, 2.into()), "{}: nothing is lost", stack.name);
    }
}
