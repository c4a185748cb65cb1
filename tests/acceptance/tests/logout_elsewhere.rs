//! Logouts that identity providers tell of: logout tokens and security events, over TCP on every stack; what they end, and
//! what is refused.

mod events;
mod sign_ins;
mod tokens;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{
    AUDIENCE, Connection, LOGOUT_STACKS, Log, NOW, Reply, SECRET, Server, Stopped, User, WatchedStore, compact,
    request_to,
};
use jwt_core::adapter::Response;
use jwt_core::clock::NumericDate;
use jwt_core::login::logout::{LogoutEvent, LogoutProvider, LogoutReceiver, LogoutReceiverBuilder};
use jwt_core::session::{NewSignIn, ProviderSession};
use jwt_core::store::{Revocation, RevocationStore, StoreError, StoreFuture};
use jwt_core::{
    Algorithm, Authenticator, Issuer, KeySet, Logins, MemoryStore, RefreshTokens, Revocations, Sessions, SigningKey,
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
