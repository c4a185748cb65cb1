//! Signing in with an identity provider, over TCP on every stack. The provider is scripted here: it does what it is told to,
//! also what no good one does. A certified one is in `tests/oidc`.

mod today;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acceptance::{AUDIENCE, Browser, ISSUER, Log, ROUTED, Reply, RoutedStack, Server, User};
use aws_lc_rs::digest::{SHA256, digest};
use jwt_core::binding::DpopKey;
use jwt_core::key::{Fetch, FetchError, Fetching};
use jwt_core::login::oidc::{ProviderAccess, ProviderError, ProviderLoginBuilder, ProviderUser};
use jwt_core::login::{LoginRoute, LoginsBuildError, LoginsBuilder};
use jwt_core::session::ProviderSession;
use jwt_core::testing::{TestClock, TestIssuer, TestToken};
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

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

type Parameters = BTreeMap<String, String>;
type Change = Box<dyn Fn(TestToken) -> TestToken + Send>;

/// An identity provider: clones share everything.
#[derive(Clone)]
struct Idp(Arc<Mutex<Script>>);

struct Script {
    issuer: TestIssuer,
    metadata: Value,
    /// What was asked of the authorization endpoint, by the code or the address that stands for it.
    codes: BTreeMap<String, Parameters>,
    pushed: BTreeMap<String, Parameters>,
    /// The forms that its endpoints got, with the fields `Authorization` and `DPoP`.
    posted: Vec<(String, Parameters)>,
    change: Option<Change>,
    down: bool,
    nonce_demanded: bool,
    next: usize,
    grants: Grants,
}

/// What the provider has given for longer than a sign-in.
#[derive(Default)]
struct Grants {
    /// Whether refresh tokens are given.
    given: bool,
    /// Whether the ID token is left out when one is used.
    without_id_token: bool,
    /// Whether the refresh token stays when it is used.
    without_rotation: bool,
    /// The refresh tokens, with what was asked for at the sign-in. Each is good once; after a second use, none is.
    tokens: BTreeMap<String, Option<Parameters>>,
    revoked: Vec<String>,
    /// What people are called today.
    names: BTreeMap<String, String>,
    change: Option<Change>,
    error: Option<(u16, &'static str)>,
    /// Answers to refresh tokens wait for it.
    gate: Option<Arc<Semaphore>>,
    waiting: usize,
}

impl Idp {
    fn new(name: &str) -> Self {
        let metadata = json!({
            "issuer": name,
            "jwks_uri": format!("{name}/jwks"),
            "authorization_endpoint": format!("{name}/authorize"),
            "token_endpoint": format!("{name}/token"),
            "end_session_endpoint": format!("{name}/logout"),
            "authorization_response_iss_parameter_supported": true,
        });
        Self(Arc::new(Mutex::new(Script {
            issuer: TestIssuer::new().with_name(name).with_audience(CLIENT),
            metadata,
            codes: BTreeMap::new(),
            pushed: BTreeMap::new(),
            posted: Vec::new(),
            change: None,
            down: false,
            nonce_demanded: false,
            next: 0,
            grants: Grants::default(),
        })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> String {
        self.script().issuer.name().to_owned()
    }

    /// The person at the browser signs in and agrees. Yields the query of the way back.
    fn agree(&self, location: &str, person: &str) -> String {
        let mut asked = self.asked(location);
        asked.insert("person".to_owned(), person.to_owned());
        let mut script = self.script();
        script.next += 1;
        let code = format!("{}-{}", script.issuer.name().trim_start_matches("https://"), script.next);
        let state = asked["state"].clone();
        script.codes.insert(code.clone(), asked);
        format!("code={code}&state={state}&iss={}", escaped(script.issuer.name()))
    }

    /// What the address of the authorization endpoint asks for.
    fn asked(&self, location: &str) -> Parameters {
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.name()));
        let asked = parameters(query);
        assert_eq!(asked["client_id"], CLIENT);
        match asked.get("request_uri") {
            Some(uri) => {
                assert_eq!(asked.len(), 2, "nothing else goes through the browser: {asked:?}");
                self.script().pushed[uri].clone()
            }
            None => asked,
        }
    }

    fn answer(&self, request: &http::Request<Vec<u8>>) -> Option<(u16, Value, Option<&'static str>)> {
        let mut script = self.script();
        if script.down {
            return None;
        }
        let name = script.issuer.name().to_owned();
        let path = request.uri().to_string().strip_prefix(&*name)?.to_owned();
        let field = |name: &str| Some((name.to_owned(), request.headers().get(name)?.to_str().ok()?.to_owned()));
        let mut form = parameters(std::str::from_utf8(request.body()).ok()?);
        form.extend(["authorization", "dpop"].into_iter().filter_map(field));
        match &*path {
            "/.well-known/openid-configuration" => Some((200, script.metadata.clone(), None)),
            "/jwks" => Some((200, serde_json::from_str(&script.issuer.jwks()).ok()?, None)),
            "/user" => Some((200, json!({"login": form["authorization"]}), None)),
            "/par" => {
                let named = String::from_utf8_lossy(request.body()).matches("client_id=").count();
                if named != 1 {
                    return Some((400, json!({"error": "invalid_request"}), None));
                }
                script.posted.push((path, form.clone()));
                script.next += 1;
                let uri = format!("urn:pushed:{}", script.next);
                script.pushed.insert(uri.clone(), form);
                Some((201, json!({"request_uri": uri, "expires_in": 60}), None))
            }
            "/token" => {
                script.posted.push((path, form.clone()));
                if script.nonce_demanded && form.contains_key("dpop") {
                    script.nonce_demanded = false;
                    return Some((400, json!({"error": "use_dpop_nonce"}), Some("n-1")));
                }
                Some(if form["grant_type"] == "refresh_token" { script.refresh(&form) } else { script.redeem(&form) })
            }
            "/revoke" => {
                let token = form["token"].clone();
                script.posted.push((path, form));
                script.grants.tokens.remove(&token);
                script.grants.revoked.push(token);
                Some((200, Value::Null, None))
            }
            _ => None,
        }
    }
}

impl Script {
    /// RFC 6749 §4.1.3, RFC 7636 §4.6: a code once, with everything that it was asked for with.
    fn redeem(&mut self, form: &Parameters) -> (u16, Value, Option<&'static str>) {
        let refused = (400, json!({"error": "invalid_grant"}), None);
        let Some(asked) = self.codes.remove(&form["code"]) else { return refused };
        let challenge = acceptance::base64url(digest(&SHA256, form["code_verifier"].as_bytes()).as_ref());
        if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"] {
            return refused;
        }
        let mut token = self.issuer.token(&asked["person"]).claim("name", &asked["person"]);
        if let Some(nonce) = asked.get("nonce") {
            token = token.claim("nonce", nonce);
        }
        if let Some(change) = &self.change {
            token = change(token);
        }
        let kind = if form.contains_key("dpop") { "DPoP" } else { "Bearer" };
        let access = format!("at-{}", asked["person"]);
        let mut tokens =
            json!({"access_token": access, "token_type": kind, "expires_in": 60, "id_token": token.compact()});
        if self.grants.given {
            tokens["refresh_token"] = self.give(asked).into();
        }
        (200, tokens, None)
    }

    fn give(&mut self, asked: Parameters) -> String {
        self.next += 1;
        let token = format!("rt-{}", self.next);
        self.grants.tokens.insert(token.clone(), Some(asked));
        token
    }

    /// RFC 6749 §6, with the rotation of RFC 9700 §4.14.2.
    fn refresh(&mut self, form: &Parameters) -> (u16, Value, Option<&'static str>) {
        if let Some((status, error)) = self.grants.error {
            return (status, json!({"error": error}), None);
        }
        let refused = (400, json!({"error": "invalid_grant"}), None);
        let used = match self.grants.tokens.get_mut(&form["refresh_token"]) {
            Some(known) if self.grants.without_rotation => known.clone(),
            Some(known) => known.take(),
            None => return refused,
        };
        let Some(asked) = used else {
            self.grants.tokens.clear();
            return refused;
        };
        let person = &asked["person"];
        let name = self.grants.names.get(person).unwrap_or(person);
        let mut token = self.issuer.token(person).claim("name", name);
        if let Some(change) = &self.grants.change {
            token = change(token);
        }
        let kind = if form.contains_key("dpop") { "DPoP" } else { "Bearer" };
        let mut tokens = json!({"access_token": format!("at-again-{person}"), "token_type": kind, "expires_in": 60});
        if !self.grants.without_id_token {
            tokens["id_token"] = token.compact().into();
        }
        if !self.grants.without_rotation {
            tokens["refresh_token"] = self.give(asked).into();
        }
        (200, tokens, None)
    }
}

impl Fetch for Idp {
    fn fetch(&self, request: http::Request<Vec<u8>>, _max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let gate = self.script().grants.gate.clone();
            if let Some(gate) = gate.filter(|_| String::from_utf8_lossy(request.body()).contains("refresh_token=")) {
                self.script().grants.waiting += 1;
                gate.acquire().await.map_err(FetchError::transport)?.forget();
            }
            let down = || FetchError::transport(std::io::Error::other("nobody there"));
            let (status, body, nonce) = self.answer(&request).ok_or_else(down)?;
            let mut response = http::Response::builder().status(status);
            if let Some(nonce) = nonce {
                response = response.header("dpop-nonce", nonce);
            }
            let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
            response.body(body).map_err(FetchError::transport)
        })
    }
}

fn parameters(form: &str) -> Parameters {
    let url = reqwest::Url::parse(&format!("http://localhost/?{form}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn escaped(text: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://localhost/", [("x", text)]).unwrap();
    url.query().unwrap().trim_start_matches("x=").to_owned()
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
fn who_names_no_page_goes_on_to_the_one_of_the_application() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let location = browser.begin("/auth/login/b");
        let query = place.b.agree(&location, "bob");
        assert_eq!(to(&browser.get(&format!("/auth/callback/b?{query}"))), (303, Some("/home")), "{}", server.stack);
        assert_eq!(browser.user().as_deref(), Some("b:bob"), "{}", server.stack);
    });
}

#[test]
fn a_flow_leads_nowhere_else_and_begins_with_a_navigation() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        for page in
            ["//evil.example", "/%5Cevil.example", "https%3A%2F%2Fevil.example", "/%09/evil.example", "/auth/login/a"]
        {
            let reply = browser.get(&format!("/auth/login/a?return_to={page}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {page}", server.stack);
        }
        for mode in ["no-cors", "cors", "same-origin", "websocket"] {
            let reply = browser.send("GET", "/auth/login/a", &[("Sec-Fetch-Mode", mode)], "");
            assert_eq!(error(&reply), refused(403, "access_denied"), "{} {mode}", server.stack);
        }
        assert!(browser.jar.is_empty() && place.a.script().posted.is_empty(), "{}", server.stack);
        // A client that does not say.
        assert_eq!(browser.send("GET", "/auth/login/a", &[], "").status, 303, "{}", server.stack);
        let reply = browser.send("POST", "/auth/login/a", &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")), "{}", server.stack);
        let reply = browser.send("DELETE", "/auth/callback/a", &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")), "{}", server.stack);
        assert_eq!(browser.get("/auth/login/c").status, 404, "{}", server.stack);
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
fn an_answer_that_is_none_is_refused() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let state = parameters(&query)["state"].clone();
        for query in [
            "",
            "code=a",
            "state=x&code=a",
            &*format!("state={state}&state={state}&code=a&iss=https://a.example"),
            &*format!("state={state}A&code=a&iss=https://a.example"),
            &*format!("state={}&code=a&iss=https://a.example", "A".repeat(32)),
        ] {
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {query}", server.stack);
        }
        assert_eq!((browser.flows(), place.a.script().posted.len()), (1, 0), "{}", server.stack);
        // None of that has ended the flow.
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303, "{}", server.stack);
    });
}

#[test]
fn a_callback_that_is_replayed_logs_nobody_in() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let location = browser.begin("/auth/login/a");
        let before = browser.jar.clone();
        let callback = format!("/auth/callback/a?{}", place.a.agree(&location, "alice"));
        assert_eq!(browser.get(&callback).status, 303, "{}", server.stack);
        assert_eq!(error(&browser.get(&callback)), refused(400, "invalid_request"), "{}", server.stack);
        assert_eq!(browser.user().as_deref(), Some("a:alice"), "{}: the login goes on", server.stack);
        // Somebody has copied the cookie too: the provider redeems a code once.
        let mut thief = Browser::at(server).with(before);
        assert_eq!(error(&thief.get(&callback)), refused(400, "invalid_grant"), "{}", server.stack);
        assert_eq!((thief.user(), thief.flows()), (None, 0), "{}", server.stack);
    });
}

#[test]
fn each_tab_has_a_flow_of_its_own_and_there_are_only_so_many() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let first = browser.begin("/auth/login/a?return_to=/1");
        let second = browser.begin("/auth/login/b?return_to=/2");
        let third = browser.begin("/auth/login/a?return_to=/3");
        assert_eq!(browser.flows(), 3, "{}", server.stack);
        for (idp, provider, location, page) in
            [(&place.a, "a", third, "/3"), (&place.b, "b", second, "/2"), (&place.a, "a", first, "/1")]
        {
            let query = idp.agree(&location, "alice");
            let reply = browser.get(&format!("/auth/callback/{provider}?{query}"));
            assert_eq!(to(&reply), (303, Some(page)), "{}", server.stack);
        }
        let start = |_| {
            place.clock.advance(Duration::from_secs(1));
            browser.begin("/auth/login/a?return_to=/n")
        };
        let begun: Vec<String> = (0..20).map(start).collect();
        assert_eq!(browser.flows(), 4, "{}", server.stack);
        let last = place.a.agree(begun.last().unwrap(), "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{last}")).status, 303, "{}", server.stack);
        let oldest = place.a.agree(&begun[0], "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{oldest}")).status, 400, "{}", server.stack);
    });
}

#[test]
fn a_flow_ends_after_ten_minutes() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        place.clock.advance(Duration::from_secs(600));
        let reply = browser.get(&format!("/auth/callback/a?{query}"));
        assert_eq!(error(&reply), refused(400, "invalid_request"), "{}", server.stack);
        assert_eq!(place.a.script().posted.len(), 0, "{}", server.stack);
    });
}

#[test]
fn no_provider_gets_the_code_of_another_one() {
    everywhere(Place::new, |server, place| {
        // The provider `b` is not honest: it sends the browser on to `a` with what it was asked for, and has the answer of
        // `a` go to its own callback (mix-up, RFC 9700 §4.4).
        let mut browser = Browser::at(server);
        let at_b = browser.begin("/auth/login/b");
        let at_a = at_b.replace("https://b.example", "https://a.example");
        let query = place.a.agree(&at_a, "alice");
        for callback in ["/auth/callback/b", "/auth/callback/a"] {
            let reply = browser.get(&format!("{callback}?{query}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {callback}", server.stack);
        }
        assert!(place.a.script().posted.is_empty() && place.b.script().posted.is_empty(), "{}", server.stack);
        // Without a name, and the metadata say that there is always one.
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let nameless = query.split("&iss=").next().unwrap();
        let reply = browser.get(&format!("/auth/callback/a?{nameless}"));
        assert_eq!(error(&reply), refused(400, "invalid_request"), "{}", server.stack);
        assert!(place.a.script().posted.is_empty(), "{}", server.stack);
        // Where it does not say so, there need not be one.
        let place = Place::new();
        place.a.script().metadata["authorization_response_iss_parameter_supported"] = false.into();
        let server = &RoutedStack::start(ROUTED[0], place.logins.clone());
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let nameless = query.split("&iss=").next().unwrap();
        assert_eq!(browser.get(&format!("/auth/callback/a?{nameless}")).status, 303, "{}", server.stack);
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

/// Who can be brought to open which address. Two people with two browsers begin flows at two providers; each answer that a
/// provider has given to anybody is opened in either browser, at either callback. Whoever is logged in afterwards has signed
/// in as that person, in that browser, by that flow.
#[test]
fn nobody_is_logged_in_by_an_answer_that_is_not_to_a_flow_of_this_browser() {
    for stack in ROUTED {
        let mut logged_in = 0;
        for (at_browser, at_callback) in [(0, "a"), (0, "b"), (1, "a"), (1, "b")] {
            for (of_browser, of_provider) in [(0, "a"), (0, "b"), (1, "a"), (1, "b")] {
                for injected in [false, true] {
                    let place = Place::new();
                    let server = stack.start(place.logins.clone());
                    let mut browsers = [Browser::at(&server), Browser::at(&server)];
                    let mut answers = BTreeMap::new();
                    for (number, person) in [(0, "victim"), (1, "attacker")] {
                        for (provider, idp) in [("a", &place.a), ("b", &place.b)] {
                            let location = browsers[number].begin(&format!("/auth/login/{provider}"));
                            answers.insert((number, provider), (location.clone(), idp.agree(&location, person)));
                        }
                    }
                    let (_, mut query) = answers[&(of_browser, of_provider)].clone();
                    if injected {
                        // The code of somebody else, with the `state` of this browser (code injection, RFC 9700 §4.5).
                        let own = parameters(&answers[&(at_browser, at_callback)].1)["state"].clone();
                        let code = parameters(&query)["code"].clone();
                        query = format!("code={code}&state={own}&iss=https://{at_callback}.example");
                    }
                    let browser = &mut browsers[at_browser];
                    browser.get(&format!("/auth/callback/{at_callback}?{query}"));
                    let expected = ["victim", "attacker"][at_browser];
                    let is_own = (at_browser, at_callback) == (of_browser, of_provider);
                    let user = browser.user();
                    assert_eq!(user, is_own.then(|| format!("{at_callback}:{expected}")), "{}", stack.name);
                    logged_in += usize::from(user.is_some());
                }
            }
        }
        assert_eq!(logged_in, 8, "{}", stack.name);
    }
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
