//! Logouts that identity providers tell of: logout tokens and security events, over TCP on every stack; what they end, and
//! what is refused.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{
    AUDIENCE, Connection, LOGOUT_STACKS, Log, NOW, Reply, SECRET, STACKS, Server, Stopped, User, WatchedStore, compact,
    request_to,
};
use jwt_core::adapter::{Response, Verdict};
use jwt_core::clock::NumericDate;
use jwt_core::login::logout::{
    EventKind, EventSubject, LogoutEvent, LogoutProvider, LogoutReceiver, LogoutReceiverBuilder,
};
use jwt_core::session::{NewSignIn, ProviderSession};
use jwt_core::store::{Revocation, RevocationStore, StoreError, StoreFuture};
use jwt_core::{
    Algorithm, Authenticator, Issuer, KeySet, Logins, MemoryStore, RefreshTokens, Revocations, Sessions, SigningKey,
    TokenSource,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const PROVIDER: &str = "https://login.example.com";
const CLIENT: &str = "my-client";
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";

/// A log of revocations that can be taken away.
#[derive(Default)]
struct Away {
    store: MemoryStore,
    away: AtomicBool,
}

impl Away {
    fn set(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn fault<'s, T: Send + 's>(&self) -> Option<StoreFuture<'s, T>> {
        let away = self.away.load(Ordering::SeqCst);
        away.then(|| Box::pin(async { Err(StoreError::unavailable(io::Error::other("away"))) }) as StoreFuture<'s, T>)
    }
}

impl RevocationStore for Away {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        self.fault().unwrap_or_else(|| self.store.add(revocation, now))
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.fault().unwrap_or_else(|| self.store.since(number))
    }
}

/// An application on its stores, whose clock stands still.
struct Place {
    runtime: Runtime,
    log: Arc<Away>,
    sign_ins: Arc<WatchedStore>,
    list: Revocations,
    logins: Logins,
    sessions: Sessions,
    told: Arc<Mutex<Vec<LogoutEvent>>>,
    hook_fails: Arc<AtomicBool>,
}

fn keys() -> KeySet {
    KeySet::hs256(SECRET).unwrap()
}

fn provider() -> LogoutProvider {
    LogoutProvider::new(PROVIDER, keys(), CLIENT)
}

impl Place {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (log, sign_ins) = (Arc::new(Away::default()), Arc::new(WatchedStore::new()));
        let list = runtime.block_on(Revocations::builder(log.clone()).clock(Stopped).open()).unwrap();
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
        let issuer = Issuer::builder("https://own.example.com").audience(AUDIENCE).signing_key(key).clock(Stopped);
        let refresh = RefreshTokens::builder(sign_ins.clone()).clock(Stopped).build().unwrap();
        let logins = Logins::builder(issuer.build().unwrap(), refresh).revocations(&list).build().unwrap();
        let sessions = Sessions::builder(sign_ins.clone()).clock(Stopped).revocations(&list).build().unwrap();
        let (told, hook_fails) = (Arc::default(), Arc::default());
        Self { runtime, log, sign_ins, list, logins, sessions, told, hook_fails }
    }

    fn builder(&self) -> LogoutReceiverBuilder {
        let (told, fails) = (self.told.clone(), self.hook_fails.clone());
        LogoutReceiver::builder(&self.list).logins(&self.logins).sessions(&self.sessions).on_event(move |event| {
            let (told, fails) = (told.clone(), fails.clone());
            async move {
                if fails.load(Ordering::SeqCst) {
                    return Err(io::Error::other("no"));
                }
                told.lock().unwrap().push(event);
                Ok(())
            }
        })
    }

    fn receiver(&self) -> LogoutReceiver {
        self.builder().provider(provider()).build().unwrap()
    }

    fn send(&self, receiver: &LogoutReceiver, media: &str, body: &str) -> Response<String> {
        let head = http::Request::post(receiver.path()).header("content-type", media).body(()).unwrap();
        self.runtime.block_on(receiver.respond(&head, Ok(body.as_bytes())))
    }

    fn log_out(&self, receiver: &LogoutReceiver, token: &str) -> Response<String> {
        self.send(receiver, "application/x-www-form-urlencoded", &format!("logout_token={token}"))
    }

    fn push(&self, receiver: &LogoutReceiver, token: &str) -> Response<String> {
        self.send(receiver, "application/secevent+jwt", token)
    }

    fn authenticator(list: &Revocations) -> Authenticator<User> {
        let builder = Authenticator::builder().keys(keys()).issuer(PROVIDER).audience(AUDIENCE).clock(Stopped);
        builder.revocations(list).build().unwrap()
    }

    /// Whether an access token of the provider is accepted by a service that shares nothing but the list.
    fn accepts(&self, token: &str) -> bool {
        let other = self.runtime.block_on(Revocations::builder(self.log.clone()).clock(Stopped).open()).unwrap();
        Self::authenticator(&other).verifier().verify(token).is_ok()
    }

    fn start(&self, name: &str, at: impl Into<Option<ProviderSession>>) -> String {
        let mut new = NewSignIn::new(name, &user(name)).unwrap();
        if let Some(at) = at.into() {
            new = new.provider_session(at);
        }
        self.runtime.block_on(self.sessions.start(new)).unwrap().0.as_str().to_owned()
    }

    fn session_lives(&self, token: &str) -> bool {
        self.runtime.block_on(self.sessions.look_up(token)).unwrap().is_some()
    }

    /// The access token and the refresh token of a login.
    fn log_in(&self, name: &str, at: impl Into<Option<ProviderSession>>) -> (String, String) {
        let mut new = self.logins.log_in(&user(name), "");
        if let Some(at) = at.into() {
            new = new.provider_session(at);
        }
        let login = self.runtime.block_on(new).unwrap();
        (login.access_token().as_str().to_owned(), login.refresh_token().unwrap().as_str().to_owned())
    }

    /// Whether its access token is accepted, on an instance that shares the list alone, and whether it can be refreshed.
    fn login_lives(&self, (access, refresh): &(String, String)) -> (bool, bool) {
        let other = self.runtime.block_on(Revocations::builder(self.log.clone()).clock(Stopped).open()).unwrap();
        let issuer = self.logins.issuer().authenticator::<User>().revocations(&other).build().unwrap();
        let refreshed = self.runtime.block_on(self.logins.refresh_tokens().look_up(refresh));
        (issuer.verifier().verify(access).is_ok(), refreshed.is_ok())
    }

    fn told(&self) -> Vec<LogoutEvent> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

fn user(name: &str) -> User {
    User { sub: name.to_owned(), name: name.to_owned() }
}

fn at(sub: &str, sid: &str) -> ProviderSession {
    ProviderSession::new(PROVIDER, sub).session_id(sid)
}

fn token(typ: Option<&str>, claims: &Value) -> String {
    let header = match typ {
        Some(typ) => json!({"alg": "HS256", "typ": typ}),
        None => json!({"alg": "HS256"}),
    };
    compact(&header.to_string(), claims.to_string().as_bytes())
}

/// An access token of the provider.
fn access(sub: &str, sid: Option<&str>) -> String {
    let mut claims =
        json!({"iss": PROVIDER, "aud": AUDIENCE, "sub": sub, "name": sub, "iat": NOW - 60, "exp": NOW + 3600});
    if let Some(sid) = sid {
        claims["sid"] = sid.into();
    }
    token(Some("at+jwt"), &claims)
}

fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("jti-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The claims of a good logout token, without `sub` and `sid`.
fn logout_claims() -> Value {
    json!({
        "iss": PROVIDER, "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": unique(), "events": {LOGOUT: {}},
    })
}

fn with(mut claims: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn logout_token(more: &Value) -> String {
    token(Some("logout+jwt"), &with(logout_claims(), more))
}

fn event_claims(uri: &str, event: &Value, sub_id: &Value) -> Value {
    json!({"iss": PROVIDER, "aud": CLIENT, "iat": NOW, "jti": unique(), "events": {uri: event}, "sub_id": sub_id})
}

fn event(uri: &str, sub_id: &Value) -> String {
    token(Some("secevent+jwt"), &event_claims(uri, &json!({"event_timestamp": NOW}), sub_id))
}

fn iss_sub(sub: &str) -> Value {
    json!({"format": "iss_sub", "iss": PROVIDER, "sub": sub})
}

fn code(response: &Response<String>, member: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(response.body()).unwrap_or_default();
    (response.status().as_u16(), body[member].as_str().unwrap_or_default().to_owned())
}

fn post(server: &Server, media: &str, body: &str) -> Reply {
    let length = body.len().to_string();
    let fields = [("Content-Type", media), ("Content-Length", &*length)];
    let mut request = request_to("localhost", "POST", "/auth/provider-events", &fields);
    request.extend_from_slice(body.as_bytes());
    Connection::open(server.address).send(&request)
}

#[test]
fn a_logout_at_the_provider_ends_one_session_on_every_stack() {
    for stack in LOGOUT_STACKS {
        let place = Place::new();
        let server = stack.start(Place::authenticator(&place.list), place.receiver());
        let (one, other) = (access("alice", Some("s-1")), access("alice", Some("s-2")));
        for token in [&one, &other] {
            assert_eq!(server.get_with_bearer(token).status, 200, "{}", stack.name);
        }
        let told = logout_token(&json!({"sid": "s-1", "sub": "alice"}));
        let form = format!("state=x&logout_token={}", told.replace('.', "%2E"));
        let reply = post(&server, "application/x-www-form-urlencoded; charset=utf-8", &form);
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{}: {reply:?}", stack.name);
        assert_eq!((reply.body.as_str(), reply.header("set-cookie")), ("", None), "{}", stack.name);
        assert_eq!(server.get_with_bearer(&one).status, 401, "{}", stack.name);
        assert_eq!(server.get_with_bearer(&other).status, 200, "{}", stack.name);
        assert!(!place.accepts(&one) && place.accepts(&other), "{}", stack.name);
    }
}

#[test]
fn a_disabled_account_ends_with_all_its_sessions_on_every_stack() {
    for stack in LOGOUT_STACKS {
        let place = Place::new();
        let server = stack.start(Place::authenticator(&place.list), place.receiver());
        let (one, other, bob) = (access("alice", Some("s-1")), access("alice", None), access("bob", None));
        let set = event(&format!("{RISC}/account-disabled"), &iss_sub("alice"));
        let reply = post(&server, "application/secevent+jwt", &set);
        assert_eq!((reply.status, reply.header("cache-control")), (202, Some("no-store")), "{}: {reply:?}", stack.name);
        for (token, status) in [(&one, 401), (&other, 401), (&bob, 200)] {
            assert_eq!(server.get_with_bearer(token).status, status, "{}", stack.name);
        }
    }
}

#[test]
fn what_is_no_logout_is_refused_with_its_status_on_every_stack() {
    let answers: Vec<Vec<(u16, Option<String>, String)>> = LOGOUT_STACKS
        .iter()
        .map(|stack| {
            let place = Place::new();
            let server = stack.start(Place::authenticator(&place.list), place.receiver());
            let form = "application/x-www-form-urlencoded";
            let long = format!("logout_token={}", "a".repeat(40_000));
            let mut replies = vec![
                post(&server, "application/json", "{}"),
                post(&server, form, &long),
                post(&server, form, "logout_token="),
                post(&server, form, ""),
                post(&server, form, "logout_token=a.b.c"),
                post(&server, "application/secevent+jwt", "a.b.c"),
                server.get("/auth/provider-events", &[]),
                server.get("/auth/provider-events/", &[]),
            ];
            let put = request_to("localhost", "PUT", "/auth/provider-events", &[("Content-Length", "0")]);
            replies.push(Connection::open(server.address).send(&put));
            replies
                .into_iter()
                .map(|reply| (reply.status, reply.header("allow").map(str::to_owned), reply.body))
                .collect()
        })
        .collect();
    let statuses: Vec<u16> = answers[0].iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [415, 413, 400, 400, 400, 400, 405, 401, 405]);
    assert_eq!(answers[0][6].1.as_deref(), Some("POST"));
    assert!(answers[0][4].2.starts_with(r#"{"error":"invalid_request","error_description":""#), "{:?}", answers[0][4]);
    assert!(answers[0][5].2.starts_with(r#"{"err":"invalid_request","description":""#), "{:?}", answers[0][5]);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
}

#[test]
fn every_must_of_a_logout_token_is_demanded() {
    let place = Place::new();
    let receiver = place.receiver();
    let good = access("alice", Some("s-1"));
    let by_sid = json!({"sid": "s-1", "sub": "alice"});
    let claims = |more: &Value| with(with(logout_claims(), &by_sid), more);
    let of = |more: &Value| token(Some("logout+jwt"), &claims(more));
    let other_key = {
        let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_typ("logout+jwt");
        key.sign(&claims(&json!({}))).unwrap()
    };
    let body = acceptance::base64url(claims(&json!({})).to_string());
    let unsecured = format!("{}.{body}.", acceptance::base64url(r#"{"alg":"none","typ":"logout+jwt"}"#));
    let bad = [
        ("typ of an access token", token(Some("at+jwt"), &claims(&json!({})))),
        ("typ of an ID token", token(Some("JWT"), &claims(&json!({})))),
        ("typ of a security event", token(Some("secevent+jwt"), &claims(&json!({})))),
        ("empty typ", token(Some(""), &claims(&json!({})))),
        ("no iss", of(&json!({"iss": null}))),
        ("another iss", of(&json!({"iss": "https://evil.example"}))),
        ("no aud", of(&json!({"aud": null}))),
        ("another aud", of(&json!({"aud": AUDIENCE}))),
        ("no iat", of(&json!({"iat": null}))),
        ("an old iat", of(&json!({"iat": NOW - 331, "exp": NOW + 60}))),
        ("an iat in the future", of(&json!({"iat": NOW + 31}))),
        ("no exp", of(&json!({"exp": null}))),
        ("expired", of(&json!({"exp": NOW - 31}))),
        ("not yet", of(&json!({"nbf": NOW + 31}))),
        ("no jti", of(&json!({"jti": null}))),
        ("an empty jti", of(&json!({"jti": ""}))),
        ("a jti of another type", of(&json!({"jti": 1}))),
        ("no events", of(&json!({"events": null}))),
        ("no event", of(&json!({"events": {}}))),
        ("events of another type", of(&json!({"events": [LOGOUT]}))),
        ("an event of another type", of(&json!({"events": {LOGOUT: true}}))),
        ("another event", of(&json!({"events": {"https://example.com/other": {}}}))),
        ("one more event", of(&json!({"events": {LOGOUT: {}, "https://example.com/other": {}}}))),
        ("neither sid nor sub", of(&json!({"sid": null, "sub": null}))),
        ("a sid of another type", of(&json!({"sid": 1}))),
        ("an empty sid", of(&json!({"sid": ""}))),
        ("a sub of another type", of(&json!({"sub": ["alice"]}))),
        ("an empty sub", of(&json!({"sub": ""}))),
        ("a nonce", of(&json!({"nonce": "n"}))),
        (
            "a nonce that is null",
            token(Some("logout+jwt"), &{
                let mut claims = claims(&json!({}));
                claims["nonce"] = Value::Null;
                claims
            }),
        ),
        ("another key", other_key),
        ("alg none", unsecured),
        ("an access token", access("alice", Some("s-1"))),
    ];
    for (what, token) in bad {
        let response = place.log_out(&receiver, &token);
        assert_eq!(code(&response, "error"), (400, "invalid_request".into()), "{what}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{what}");
        // Nor by the other way in.
        assert_eq!(place.push(&receiver, &token).status(), 400, "{what}");
    }
    assert!(place.list.is_empty() && place.accepts(&good) && place.told().is_empty());
    for (what, token) in [
        ("without typ", token(None, &claims(&json!({})))),
        ("the long typ", token(Some("application/logout+jwt"), &claims(&json!({"sub": null})))),
        ("several aud", of(&json!({"aud": ["x", CLIENT], "sid": null}))),
        ("as old as it may be", of(&json!({"iat": NOW - 329, "exp": NOW - 29}))),
    ] {
        let response = place.log_out(&receiver, &token);
        assert_eq!((response.status().as_u16(), response.body().as_str()), (200, ""), "{what}");
    }
    assert!(!place.accepts(&good) && place.told().len() == 4);
}

#[test]
fn providers_of_before_have_a_way_in_that_says_what_it_gives_up() {
    let place = Place::new();
    let receiver = place.builder().provider(provider().dangerous_allow_generic_typ()).build().unwrap();
    let claims = with(logout_claims(), &json!({"sub": "alice"}));
    assert_eq!(place.log_out(&receiver, &token(Some("at+jwt"), &claims)).status(), 400);
    assert_eq!(place.log_out(&receiver, &token(Some("JWT"), &claims)).status(), 200);
    let set = event_claims(&format!("{RISC}/account-purged"), &json!({}), &iss_sub("alice"));
    assert_eq!(place.push(&receiver, &token(None, &set)).status(), 202);
}

#[test]
fn a_logout_token_opens_no_api() {
    let place = Place::new();
    let auth = Authenticator::<Value>::builder().keys(keys()).issuer(PROVIDER).audience(CLIENT).clock(Stopped);
    let auth = auth.build().unwrap();
    let told = logout_token(&json!({"sub": "alice"}));
    let refused = auth.verifier().verify(&told).unwrap_err().to_string();
    assert!(refused.contains("a logout token"), "{refused}");
    // An event by chance is in the claims of an access token that says that it is one.
    let own = token(None, &with(logout_claims(), &json!({"sub": "alice", "scope": "read"})));
    assert!(auth.verifier().verify(own).is_ok());
    drop(place);
}

#[test]
fn each_event_ends_what_it_names_and_nothing_else() {
    let session = json!({"format": "complex", "user": iss_sub("alice"), "session": {"format": "opaque", "id": "s-1"}});
    let of_draft = json!({"subject_type": "iss-sub", "iss": PROVIDER, "sub": "alice"});
    for (name, kind, event, sub_id, ends) in [
        (format!("{CAEP}/session-revoked"), EventKind::SessionRevoked, json!({}), &session, (true, false)),
        (format!("{CAEP}/session-revoked"), EventKind::SessionRevoked, json!({}), &iss_sub("alice"), (true, true)),
        (
            format!("{CAEP}/credential-change"),
            EventKind::CredentialChange,
            json!({"credential_type": "password", "change_type": "update"}),
            &iss_sub("alice"),
            (true, true),
        ),
        (
            format!("{CAEP}/credential-change"),
            EventKind::CredentialChange,
            json!({"credential_type": "fido2-platform", "change_type": "create"}),
            &iss_sub("alice"),
            (false, false),
        ),
        (
            format!("{CAEP}/token-claims-change"),
            EventKind::TokenClaimsChange,
            json!({"claims": {"role": "guest"}}),
            &iss_sub("alice"),
            (true, true),
        ),
        (format!("{RISC}/account-disabled"), EventKind::AccountDisabled, json!({}), &iss_sub("alice"), (true, true)),
        (format!("{RISC}/account-purged"), EventKind::AccountPurged, json!({}), &of_draft, (true, true)),
        (
            format!("{RISC}/account-purged"),
            EventKind::AccountPurged,
            json!({}),
            &json!({"format": "opaque", "id": "alice"}),
            (true, true),
        ),
        (
            "https://schemas.openid.net/secevent/ssf/event-type/verification".to_owned(),
            EventKind::Other("https://schemas.openid.net/secevent/ssf/event-type/verification".into()),
            json!({"state": "x"}),
            &json!({"format": "opaque", "id": "stream"}),
            (false, false),
        ),
    ] {
        let place = Place::new();
        let receiver = place.receiver();
        let (one, two, bob) = (at("alice", "s-1"), at("alice", "s-2"), at("bob", "s-3"));
        let tokens = [access("alice", Some("s-1")), access("alice", Some("s-2")), access("bob", Some("s-3"))];
        let sessions = [place.start("a", one.clone()), place.start("a", two.clone()), place.start("b", bob.clone())];
        let logins = [place.log_in("a", one), place.log_in("a", two), place.log_in("b", bob)];
        // Not by that provider, and of a user of the same name.
        let own = (place.start("alice", None), place.log_in("alice", None), place.log_in("a", None));
        let claims = event_claims(&name, &event, sub_id);
        let response = place.push(&receiver, &token(Some("secevent+jwt"), &claims));
        assert_eq!((response.status().as_u16(), response.body().as_str()), (202, ""), "{name}");

        let lives = [!ends.0, !ends.1, true];
        assert_eq!(tokens.each_ref().map(|token| place.accepts(token)), lives, "{name}");
        assert_eq!(sessions.each_ref().map(|token| place.session_lives(token)), lives, "{name}");
        assert_eq!(logins.each_ref().map(|login| place.login_lives(login)), lives.map(|one| (one, one)), "{name}");
        assert!(place.session_lives(&own.0), "{name}");
        assert_eq!([place.login_lives(&own.1), place.login_lives(&own.2)], [(true, true); 2], "{name}");
        let told = place.told();
        let [event_told] = &told[..] else { panic!("{name}: {told:?}") };
        let ended = lives.iter().filter(|lives| !**lives).count();
        assert_eq!((&event_told.kind, event_told.ended), (&kind, 2 * ended), "{name}");
        assert_eq!(event_told.details.parse::<Value>().unwrap(), event, "{name}");
    }
}

#[test]
fn a_security_event_that_is_not_good_is_refused_with_its_code() {
    let place = Place::new();
    let receiver = place.builder().provider(provider().push_authorization("Bearer of the provider")).build().unwrap();
    let authorized = |token: &str, authorization: &[&str]| {
        let mut head = http::Request::post(receiver.path()).header("content-type", "application/secevent+jwt");
        for value in authorization {
            head = head.header("authorization", *value);
        }
        let head = head.body(()).unwrap();
        code(&place.runtime.block_on(receiver.respond(&head, Ok(token.as_bytes()))), "err")
    };
    let good = ["Bearer of the provider"];
    let disabled = format!("{RISC}/account-disabled");
    let claims = |more: &Value| with(event_claims(&disabled, &json!({}), &iss_sub("alice")), more);
    let of = |more: &Value| token(Some("secevent+jwt"), &claims(more));
    let other_key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_typ("secevent+jwt");
    for (what, token, expected) in [
        ("another key", other_key.sign(&claims(&json!({}))).unwrap(), "invalid_key"),
        ("another iss", of(&json!({"iss": "https://evil.example"})), "invalid_issuer"),
        ("another aud", of(&json!({"aud": "somebody"})), "invalid_audience"),
        ("no aud", of(&json!({"aud": null})), "invalid_audience"),
        ("no typ", token(None, &claims(&json!({}))), "invalid_request"),
        ("typ of a logout token", token(Some("logout+jwt"), &claims(&json!({}))), "invalid_request"),
        ("no iat", of(&json!({"iat": null})), "invalid_request"),
        ("an old iat", of(&json!({"iat": NOW - 24 * 3600 - 31})), "invalid_request"),
        ("an iat in the future", of(&json!({"iat": NOW + 31})), "invalid_request"),
        ("no jti", of(&json!({"jti": null})), "invalid_request"),
        ("expired", of(&json!({"exp": NOW - 31})), "invalid_request"),
        ("no events", of(&json!({"events": null})), "invalid_request"),
        ("no subject", of(&json!({"sub_id": null})), "invalid_request"),
        ("a subject of another type", of(&json!({"sub_id": "alice"})), "invalid_request"),
        ("a subject without sub", of(&json!({"sub_id": {"format": "iss_sub", "iss": PROVIDER}})), "invalid_request"),
        ("a format", of(&json!({"sub_id": {"format": "did", "url": "did:example:1"}})), "invalid_request"),
        ("an empty complex", of(&json!({"sub_id": {"format": "complex"}})), "invalid_request"),
        ("an email", of(&json!({"sub_id": {"format": "email", "email": "a@example.com"}})), "invalid_request"),
        (
            "a user of another issuer",
            of(&json!({"sub_id": {"format": "iss_sub", "iss": "https://own.example.com", "sub": "alice"}})),
            "access_denied",
        ),
    ] {
        assert_eq!(authorized(&token, &good), (400, expected.into()), "{what}");
    }
    for wrong in [&[][..], &["Bearer of somebody"], &["bearer of the provider"], &[good[0], good[0]]] {
        assert_eq!(authorized(&of(&json!({})), wrong), (400, "authentication_failed".into()), "{wrong:?}");
    }
    assert!(place.list.is_empty() && place.told().is_empty());
    assert_eq!(authorized(&of(&json!({})), &good).0, 202);
    assert_eq!(authorized(&of(&json!({"iat": NOW - 24 * 3600})), &good).0, 202);
}

#[test]
fn a_transmitter_speaks_of_the_users_of_the_issuers_that_it_was_given() {
    let place = Place::new();
    let of_transmitter = LogoutProvider::new("https://signals.example.com", keys(), "stream").users_of(PROVIDER);
    let receiver = place.builder().provider(of_transmitter).build().unwrap();
    let alice = access("alice", None);
    let session = place.start("a", at("alice", "s-1"));
    let mut claims = event_claims(&format!("{RISC}/account-disabled"), &json!({}), &iss_sub("alice"));
    (claims["iss"], claims["aud"]) = ("https://signals.example.com".into(), "stream".into());
    assert_eq!(place.push(&receiver, &token(Some("secevent+jwt"), &claims)).status(), 202);
    assert!(!place.accepts(&alice) && !place.session_lives(&session));
}

#[test]
fn the_application_says_whose_address_that_is() {
    let place = Place::new();
    let resolve = |subject| async move {
        match subject {
            EventSubject::Email(email) if email == "a@example.com" => Ok(vec!["alice".to_owned()]),
            EventSubject::Email(email) if email == "down@example.com" => Err(io::Error::other("no database")),
            _ => Ok(Vec::new()),
        }
    };
    let receiver = place.builder().provider(provider()).resolve(resolve).build().unwrap();
    let alice = access("alice", None);
    let of = |email: &str| event(&format!("{CAEP}/session-revoked"), &json!({"format": "email", "email": email}));
    assert_eq!(place.push(&receiver, &of("stranger@example.com")).status(), 202);
    assert!(place.accepts(&alice));
    let response = place.push(&receiver, &of("down@example.com"));
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(place.push(&receiver, &of("a@example.com")).status(), 202);
    assert!(!place.accepts(&alice));
}

#[test]
fn what_was_not_ended_is_tried_again_with_the_same_token_and_done_once() {
    let place = Place::new();
    let receiver = place.receiver();
    let told = logout_token(&json!({"sub": "alice", "sid": "s-1"}));
    let set = event(&format!("{CAEP}/session-revoked"), &iss_sub("bob"));
    let alice =
        (access("alice", Some("s-1")), place.start("a", at("alice", "s-1")), place.log_in("a", at("alice", "s-1")));
    let bob = (access("bob", None), place.start("b", at("bob", "s-2")));

    // Each of what it takes fails once.
    let failures: [(&str, &dyn Fn(bool)); 3] = [
        ("the list", &|away| place.log.set(away)),
        ("the sign-ins", &|away| place.sign_ins.set_down(away)),
        ("the hook", &|away| place.hook_fails.store(away, Ordering::SeqCst)),
    ];
    for (what, fail) in failures {
        fail(true);
        let refused = place.log_out(&receiver, &told);
        assert_eq!(code(&refused, "error"), (400, "temporarily_unavailable".into()), "{what}");
        let refused = place.push(&receiver, &set);
        assert_eq!(code(&refused, "err"), (503, "temporarily_unavailable".into()), "{what}");
        assert_eq!(refused.headers()["retry-after"], "1", "{what}");
        fail(false);
        assert!(place.told().is_empty(), "{what}");
    }
    assert_eq!(place.log_out(&receiver, &told).status(), 200);
    assert_eq!(place.push(&receiver, &set).status(), 202);
    assert!(
        !place.accepts(&alice.0) && !place.session_lives(&alice.1) && place.login_lives(&alice.2) == (false, false)
    );
    assert!(!place.accepts(&bob.0) && !place.session_lives(&bob.1));
    assert_eq!(place.told().len(), 2);

    // The same again is done, and nothing happens.
    let again = place.start("b", at("bob", "s-4"));
    assert_eq!(place.log_out(&receiver, &told).status(), 200);
    assert_eq!(place.push(&receiver, &set).status(), 202);
    assert!(place.told().is_empty() && place.session_lives(&again));

    // Another token of the same name is none.
    let same_name = |jti: &Value| logout_token(&json!({"sub": "bob", "jti": jti}));
    let jti = json!("a name");
    assert_eq!(place.log_out(&receiver, &same_name(&jti)).status(), 200);
    let other = logout_token(&json!({"sub": "carol", "jti": jti}));
    assert_eq!(code(&place.log_out(&receiver, &other), "error"), (400, "invalid_request".into()));
    assert!(place.accepts(&access("carol", None)));
}

#[test]
fn what_began_after_an_event_goes_on() {
    let place = Place::new();
    let receiver = place.receiver();
    // It happened an hour ago, and comes now.
    let mut claims = event_claims(&format!("{CAEP}/session-revoked"), &json!({}), &iss_sub("alice"));
    claims["iat"] = (NOW - 3600).into();
    let before = token(
        None,
        &json!({"iss": PROVIDER, "aud": AUDIENCE, "sub": "alice", "name": "", "iat": NOW - 3601, "exp": NOW + 60}),
    );
    let (after, session) = (access("alice", None), place.start("a", at("alice", "s-9")));
    assert_eq!(place.push(&receiver, &token(Some("secevent+jwt"), &claims)).status(), 202);
    assert!(!place.accepts(&before) && place.accepts(&after) && place.session_lives(&session));
}

#[test]
fn sign_ins_of_which_no_session_is_known_end_with_any_of_their_user() {
    let place = Place::new();
    let receiver = place.receiver();
    let unnamed = place.start("a", ProviderSession::new(PROVIDER, "alice"));
    let other = place.start("a", at("alice", "s-2"));
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    assert!(place.session_lives(&unnamed) && place.session_lives(&other), "nobody knows whose session that is");
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1", "sub": "alice"}))).status(), 200);
    assert!(!place.session_lives(&unnamed) && place.session_lives(&other));
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sub": "alice"}))).status(), 200);
    assert!(!place.session_lives(&other));
}

#[test]
fn access_tokens_without_sid_end_with_their_user_where_that_is_said() {
    for (without, lives) in [(false, true), (true, false)] {
        let place = Place::new();
        let provider = if without { provider().access_tokens_without_sid() } else { provider() };
        let receiver = place.builder().provider(provider).build().unwrap();
        let (alice, session) = (access("alice", None), place.start("a", at("alice", "s-2")));
        assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1", "sub": "alice"}))).status(), 200);
        assert_eq!((place.accepts(&alice), place.session_lives(&session)), (lives, true));
    }
}

#[test]
fn an_event_that_is_only_reported_ends_nothing() {
    let place = Place::new();
    let builder = place.builder().provider(provider()).report_only(EventKind::TokenClaimsChange);
    let receiver = builder.report_only(EventKind::LoggedOut).path("/hooks/oidc").build().unwrap();
    assert_eq!(receiver.path(), "/hooks/oidc");
    let alice = (access("alice", None), place.start("a", at("alice", "s-1")));
    assert_eq!(place.push(&receiver, &event(&format!("{CAEP}/token-claims-change"), &iss_sub("alice"))).status(), 202);
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sub": "alice"}))).status(), 200);
    assert!(place.accepts(&alice.0) && place.session_lives(&alice.1) && place.told().len() == 2);
}

#[test]
fn a_sign_in_whose_session_ends_while_it_starts_has_ended() {
    let place = Place::new();
    let receiver = place.receiver();
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    // The provider has ended it before the application records it.
    let session = place.start("a", at("alice", "s-1"));
    assert!(!place.session_lives(&session));
    let login = place.logins.log_in(&user("a"), "").provider_session(at("alice", "s-1"));
    let refused = place.runtime.block_on(login).unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.to_string().as_str()), (400, "the sign-in has ended"));
    assert!(place.runtime.block_on(place.logins.refresh_tokens().list("a")).unwrap().is_empty());
    assert!(place.session_lives(&place.start("a", at("alice", "s-2"))));
}

#[test]
fn a_list_of_logins_says_what_they_belong_to() {
    let place = Place::new();
    let login = place.log_in("a", at("alice", "s-1"));
    place.log_in("a", None);
    let logins = place.runtime.block_on(place.logins.refresh_tokens().list("a")).unwrap();
    let known: BTreeSet<_> =
        logins.iter().map(|login| login.provider_session.as_ref().map(|at| at.subject.clone())).collect();
    assert_eq!(known, BTreeSet::from([None, Some("alice".to_owned())]));
    // The `sid` of an access token is the name of its login in the list.
    let token = place.logins.authenticator::<User>().build().unwrap().verifier().verify(&login.0).unwrap();
    let listed = logins.iter().find(|login| login.provider_session == Some(at("alice", "s-1"))).unwrap();
    assert_eq!(token.session_id(), Some(&*listed.id.to_string()));
    // A refresh keeps to it.
    let next = place.runtime.block_on(place.logins.refresh(&login.1)).unwrap();
    let found = place.runtime.block_on(place.logins.refresh_tokens().look_up(next.refresh_token().unwrap().as_str()));
    assert_eq!(found.unwrap().provider_session, Some(at("alice", "s-1")));
}

#[test]
fn a_logout_everywhere_reaches_services_that_share_the_list_alone() {
    let place = Place::new();
    // Another service, of another framework, with its own list on the same store, and nothing of the logins.
    let list = place.runtime.block_on(Revocations::builder(place.log.clone()).clock(Stopped).open()).unwrap();
    let servers = STACKS.map(|stack| {
        let auth = place.logins.issuer().authenticator::<User>().revocations(&list).source(TokenSource::bearer());
        stack.start(auth.build().unwrap())
    });
    let logins = [place.log_in("alice", None), place.log_in("alice", at("x", "s-1"))];
    let other = place.log_in("bob", None);
    place.runtime.block_on(place.logins.log_out_everywhere("alice")).unwrap();
    place.runtime.block_on(list.catch_up()).unwrap();
    for server in servers {
        for (access, _) in &logins {
            assert_eq!(server.get_with_bearer(access).status, 401, "{}", server.stack);
        }
        assert_eq!(server.get_with_bearer(&other.0).status, 200, "{}", server.stack);
    }
}

#[test]
fn id_tokens_name_the_session_that_a_sign_in_began_with() {
    let id_token = token(
        None,
        &json!({"iss": PROVIDER, "aud": CLIENT, "sub": "alice", "sid": "s-1", "iat": NOW, "exp": NOW + 60}),
    );
    let builder = Authenticator::<Value>::builder().keys(keys()).issuer(PROVIDER).clock(Stopped);
    let verifier = builder.build_id_token_verifier(CLIENT).unwrap();
    let request = jwt_core::verify::AuthenticationRequest::without_nonce();
    let alice = verifier.verify(&id_token, &request).unwrap();
    assert_eq!(ProviderSession::of(&alice).ok(), Some(at("alice", "s-1")));
}

#[test]
fn the_log_says_what_was_ended_and_why_not_and_never_whom() {
    let log = Log::here();
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let receiver = place.receiver();
    let send = |token: &str| {
        let head =
            http::Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(()).unwrap();
        runtime.block_on(receiver.respond(&head, Ok(format!("logout_token={token}").as_bytes()))).status().as_u16()
    };
    let told = logout_token(&json!({"sub": "secret-alice", "sid": "secret-session"}));
    assert_eq!(send(&told), 200);
    let text = log.take();
    assert!(text.contains("logout from elsewhere") && text.contains("event=logout ended=0"), "{text}");
    assert_eq!(send(&logout_token(&json!({"sub": "secret-alice", "nonce": "n"}))), 400);
    let refused = log.take();
    assert!(refused.contains("logout from elsewhere refused") && refused.contains("there is a `nonce`"), "{refused}");
    place.log.set(true);
    assert_eq!(send(&logout_token(&json!({"sub": "secret-alice"}))), 400);
    let failed = log.take();
    assert!(
        failed.contains("ERROR") && failed.contains("a logout from elsewhere could not be carried out"),
        "{failed}"
    );
    for text in [text, refused, failed] {
        assert!(!text.contains("secret-") && !text.contains(&told), "{text}");
    }
}

#[test]
fn a_receiver_that_cannot_work_is_not_built() {
    let place = Place::new();
    let built =
        |builder: LogoutReceiverBuilder| builder.build().err().map(|error| format!("{error:?}")).unwrap_or_default();
    assert!(built(place.builder()).contains(".provider("));
    assert!(built(place.builder().provider(provider()).path("hooks")).contains("begins with one `/`"));
    assert!(built(place.builder().provider(LogoutProvider::new(PROVIDER, keys(), ""))).contains("empty"));
    assert!(built(place.builder().provider(provider().users_of(""))).contains("users_of"));
    assert!(built(place.builder().provider(provider().push_authorization(""))).contains("push_authorization"));
    assert!(built(place.builder().provider(provider()).provider(provider())).contains("trusted twice"));
    assert!(built(place.builder().provider(provider()).path("/a").path("/b")).contains("`.path(…)` is called twice"));
    let twice = provider().access_token_lifetime(Duration::from_secs(1)).access_token_lifetime(Duration::from_secs(2));
    assert!(built(place.builder().provider(twice)).contains("`.access_token_lifetime(…)` is called twice"));
}

#[test]
fn sessions_and_tokens_of_the_same_place_are_checked_by_one_authenticator() {
    let place = Place::new();
    let auth = Authenticator::<User>::builder().sessions(&place.sessions).clock(Stopped).build().unwrap();
    let token = place.start("a", at("alice", "s-1"));
    let request = || http::Request::get("/me").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let status = || {
        let request = request();
        let Verdict::Pending(pending) = auth.authenticate(&request) else { panic!("a session is looked up") };
        let outcome = place.runtime.block_on(pending);
        outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200)
    };
    assert_eq!(status(), 200);
    assert_eq!(place.log_out(&place.receiver(), &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    assert_eq!(status(), 401);
}
