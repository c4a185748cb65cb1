//! Signing in with an identity provider, over TCP on every stack. The provider is scripted here: it does what it is told to,
//! also what no good one does. A certified one is in `tests/oidc`.

mod flows;
mod idp;
mod options;
mod today;

use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Browser, ISSUER, Log, ROUTED, Reply, Server, User};
use jwt_core::login::LoginsBuilder;
use jwt_core::login::oidc::{ProviderLoginBuilder, ProviderUser};
use jwt_core::session::ProviderSession;
use jwt_core::testing::{TestClock, TestToken};
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use serde_json::Value;
use tokio::runtime::Runtime;

use idp::{Change, Idp};

const CLIENT: &str = "app";
const SECRET: &str = "the secret of the app";
const ORIGIN: &str = "https://localhost";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// How many cookies a login sets.
const OF_LOGIN: usize = 3;

/// What the application reads of an ID token.
#[derive(serde::Deserialize)]
struct Person {
    name: String,
}

/// The application, and two providers that people sign in with.
struct Place {
    runtime: Runtime,
    clock: TestClock,
    a: Idp,
    b: Idp,
    logins: Logins,
}

impl Place {
    fn new() -> Self {
        Self::with(|builder| builder, |logins| logins)
    }

    fn with(
        configure: impl Fn(ProviderLoginBuilder) -> ProviderLoginBuilder,
        logins: impl FnOnce(LoginsBuilder) -> LoginsBuilder,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = TestClock::new();
        let (a, b) = (Idp::new("https://a.example"), Idp::new("https://b.example"));
        let built = {
            let _guard = runtime.enter();
            let provider = |idp: &Idp| configure(builder(idp)).on_sign_in(sign_in).build().unwrap();
            let builder = logins_builder(&clock).provider("a", provider(&a)).provider("b", provider(&b));
            logins(builder.after_log_in("/home").after_log_out("/bye")).build().unwrap()
        };
        Self { runtime, clock, a, b, logins: built }
    }

    fn labels(&self, subject: &str) -> Vec<String> {
        let logins = self.runtime.block_on(self.logins.refresh_tokens().list(subject)).unwrap();
        logins.into_iter().map(|login| login.label).collect()
    }
}

fn builder(idp: &Idp) -> ProviderLoginBuilder {
    ProviderLogin::builder(idp.name(), CLIENT).client_secret(SECRET).scope("profile").client(idp.clone())
}

fn logins_builder(clock: &TestClock) -> LoginsBuilder {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
    Logins::builder(issuer, refresh).public_origin(ORIGIN)
}

#[derive(Debug, thiserror::Error)]
#[error("the database is down")]
struct DatabaseDown;

/// The function of the application: `mallory` is refused, and of `trouble` nobody can say anything.
async fn sign_in(person: ProviderUser<Person>) -> Result<Option<jwt_core::login::NewLogin>, DatabaseDown> {
    match &*person.claims().name {
        "mallory" => Ok(None),
        "trouble" => Err(DatabaseDown),
        name => {
            let user = User { sub: format!("{}:{}", person.provider(), person.subject()), name: name.to_owned() };
            Ok(Some(person.log_in(&user)))
        }
    }
}

/// What was logged, for whoever reads why a test failed.
struct OnFailure(Log);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.0.take());
        }
    }
}

fn everywhere(place: impl Fn() -> Place, test: impl Fn(&Server, &Place)) {
    for stack in ROUTED {
        let _told = OnFailure(Log::here());
        let place = place();
        test(&stack.start(place.logins.clone()), &place);
    }
}

/// Where a reply leads, with its status.
fn to(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("location"))
}

fn error(reply: &Reply) -> (u16, String) {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    (reply.status, body["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn somebody_signs_in_and_has_a_login_as_any_other() {
    everywhere(Place::new, |server, place| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.a.script().change = Some(Box::new(|token| token.claim("sid", "s-1")));
        let reply = browser.get("/auth/login/a?return_to=%2Forders%3Fpage%3D2");
        let location = reply.header("location").unwrap();
        let asked = place.a.asked(location);
        let expected = [
            ("response_type", "code"),
            ("code_challenge_method", "S256"),
            ("redirect_uri", "https://localhost/auth/callback/a"),
            ("scope", "openid profile"),
        ];
        assert!(expected.iter().all(|(key, value)| asked[*key] == *value), "{name}: {asked:?}");
        assert!(asked["state"].len() == 32 && asked["nonce"].len() == 43, "{name}: {asked:?}");
        let flow = reply.cookies();
        assert_eq!(flow.len(), 1, "{name}: {flow:?}");
        for attribute in ["__Host-sign_in_", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/", "; Max-Age=600"] {
            assert!(flow[0].contains(attribute), "{name}: {flow:?}");
        }
        assert!(!flow[0].contains("Domain") && !flow[0].contains(&asked["state"]), "{name}: {flow:?}");

        let query = place.a.agree(location, "alice");
        let reply = browser.get(&format!("/auth/callback/a?{query}"));
        assert_eq!(to(&reply), (303, Some("/orders?page=2")), "{name}: {reply:?}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{name}");
        assert_eq!((browser.flows(), browser.jar.len()), (0, OF_LOGIN), "{name}: {:?}", browser.jar);
        assert_eq!(browser.user().as_deref(), Some("a:alice"), "{name}");
        assert_eq!(place.labels("a:alice"), ["Firefox on Linux"], "{name}");
        // The provider can end it (OpenID Connect Back-Channel Logout 1.0).
        let list = place.runtime.block_on(place.logins.refresh_tokens().list("a:alice")).unwrap();
        let session = ProviderSession::new("https://a.example", "alice").session_id("s-1");
        assert_eq!(list[0].provider_session, Some(session), "{name}");

        let form = place.a.script().posted[0].1.clone();
        assert_eq!((&*form["grant_type"], form.get("client_secret")), ("authorization_code", None), "{name}");
        // `app:the+secret+of+the+app` (RFC 6749 §2.3.1)
        assert_eq!(form["authorization"], "Basic YXBwOnRoZStzZWNyZXQrb2YrdGhlK2FwcA==", "{name}");

        let same_origin = ("Sec-Fetch-Site", "same-origin");
        assert_eq!(browser.send("POST", "/auth/refresh", &[same_origin], "").status, 204, "{name}");
        let reply = browser.send("POST", "/auth/logout", &[same_origin, FORM], "");
        assert_eq!(to(&reply), (303, Some("/bye")), "{name}: the session at the provider goes on");
        assert_eq!((browser.user(), place.labels("a:alice").len()), (None, 0), "{name}");
    });
}

#[test]
fn who_cancels_is_not_logged_in() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        for (code, expected) in [
            ("access_denied", refused(403, "access_denied")),
            ("login_required", refused(403, "access_denied")),
            ("temporarily_unavailable", refused(503, "temporarily_unavailable")),
            ("invalid_scope", refused(400, "invalid_request")),
        ] {
            let state = place.a.asked(&browser.begin("/auth/login/a"))["state"].clone();
            let reply = browser.get(&format!("/auth/callback/a?error={code}&state={state}&iss=https://a.example"));
            assert_eq!(error(&reply), expected, "{} {code}", server.stack);
            assert_eq!(reply.header("retry-after").is_some(), reply.status == 503, "{} {code}", server.stack);
        }
        assert_eq!((browser.user(), place.a.script().posted.len()), (None, 0), "{}", server.stack);
    });
    let place = || Place::with(|provider| provider.failure_page("/sign-in?lang=en"), |logins| logins);
    everywhere(place, |server, place| {
        let mut browser = Browser::at(server);
        let state = place.a.asked(&browser.begin("/auth/login/a"))["state"].clone();
        let reply = browser.get(&format!("/auth/callback/a?error=access_denied&state={state}&iss=https://a.example"));
        assert_eq!(to(&reply), (303, Some("/sign-in?lang=en&error=access_denied")), "{}", server.stack);
        assert_eq!(browser.flows(), 0, "{}", server.stack);
    });
}

#[test]
fn the_application_has_the_last_word() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        for (person, expected) in
            [("mallory", refused(403, "access_denied")), ("trouble", refused(503, "temporarily_unavailable"))]
        {
            let query = place.a.agree(&browser.begin("/auth/login/a"), person);
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            assert_eq!(error(&reply), expected, "{} {person}", server.stack);
            assert_eq!(browser.user(), None, "{} {person}", server.stack);
        }
    });
}

#[test]
fn an_id_token_that_is_not_good_logs_nobody_in() {
    type Change = fn(TestToken) -> TestToken;
    let changes: [(&str, Change); 9] = [
        ("nonce", |token| token.claim("nonce", "another")),
        ("no nonce", |token| token.without("nonce")),
        ("audience", TestToken::wrong_audience),
        ("issuer", TestToken::wrong_issuer),
        ("age", TestToken::expired),
        ("signature", TestToken::signed_by_a_stranger),
        ("algorithm", TestToken::unsigned),
        ("at_hash", |token| token.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")),
        ("authorized party", |token| token.claim("azp", "another")),
    ];
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        for (what, change) in changes {
            place.a.script().change = Some(Box::new(change));
            let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            assert_eq!(error(&reply), refused(400, "invalid_grant"), "{} {what}: {reply:?}", server.stack);
            assert_eq!((browser.user(), browser.flows()), (None, 0), "{} {what}", server.stack);
        }
    });
}

#[test]
fn how_and_when_somebody_has_authenticated_can_be_demanded() {
    let place = || {
        Place::with(
            |provider| provider.max_age(Duration::from_secs(60)).require_acr("gold").require_acr("silver"),
            |l| l,
        )
    };
    everywhere(place, |server, place| {
        let mut browser = Browser::at(server);
        let now = jwt_core::clock::Clock::now(&TestClock::new()).as_secs();
        for (ago, acr, expected) in [(1, "gold", 303), (1, "silver", 303), (1, "bronze", 403), (1000, "gold", 400)] {
            place.a.script().change =
                Some(Box::new(move |token| token.claim("auth_time", now - ago).claim("acr", acr)));
            let location = browser.begin("/auth/login/a");
            let asked = place.a.asked(&location);
            assert_eq!((&*asked["max_age"], &*asked["acr_values"]), ("60", "gold silver"), "{}", server.stack);
            let reply = browser.get(&format!("/auth/callback/a?{}", place.a.agree(&location, "alice")));
            assert_eq!(reply.status, expected, "{} {ago} {acr}: {reply:?}", server.stack);
        }
        place.a.script().change = None;
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 400, "{}", server.stack);
    });
}

#[test]
fn a_provider_that_is_down_is_a_503_and_the_answer_can_be_sent_again() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        place.a.script().down = true;
        let reply = browser.get("/auth/login/a");
        assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{}: {reply:?}", server.stack);
        assert!(reply.header("retry-after").is_some() && browser.flows() == 0, "{}", server.stack);
        // The other one goes on.
        let location = browser.begin("/auth/login/b");
        let callback = format!("/auth/callback/b?{}", place.b.agree(&location, "bob"));
        place.b.script().down = true;
        assert_eq!(error(&browser.get(&callback)), refused(503, "temporarily_unavailable"), "{}", server.stack);
        assert_eq!((browser.user(), browser.flows()), (None, 1), "{}", server.stack);
        place.b.script().down = false;
        assert_eq!(browser.get(&callback).status, 303, "{}", server.stack);
        assert_eq!(browser.user().as_deref(), Some("b:bob"), "{}", server.stack);
    });
}
