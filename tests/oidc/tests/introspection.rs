//! Tokens that an issuer is asked about (RFC 7662, RFC 9701), on every stack and without a provider: what is asked, what is
//! made of the answer, what is kept of it, and what strangers and a broken issuer can cause.

mod answers;
mod limits;
mod settings;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use acceptance::{AUDIENCE, STACKS, User};
use jwt_core::adapter::ClientAddress;
use jwt_core::binding::DpopKey;
use jwt_core::error::{AuthError, TokenError};
use jwt_core::introspection::Introspection;
use jwt_core::key::{Fetch, FetchError, Fetching};
use jwt_core::session::NewSignIn;
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, KeySet, MemoryStore, Revocations, Sessions};
use oidc_tests::{Key, KeyServer, Reply, Request, builder, jwks};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::sleep;

const ISSUER: &str = "https://login.example.com";
const SECOND: Duration = Duration::from_secs(1);

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// What an issuer says of a good token for Alice.
fn alice(issuer: &str) -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": issuer, "aud": AUDIENCE, "sub": "alice", "name": "Alice",
        "scope": "read", "client_id": "app", "iat": now(), "exp": now() + 3600, "jti": "1",
    })
}

/// An answer with other members; null for none.
fn but(mut answer: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => _ = answer.as_object_mut().unwrap().remove(name),
            value => answer[name] = value.clone(),
        }
    }
    answer
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

type Answers = dyn Fn(&http::Request<Vec<u8>>) -> (u16, &'static str, String) + Send + Sync;

/// A client that asks nobody. Clones share everything.
#[derive(Clone)]
struct Asked {
    answers: Arc<Mutex<Arc<Answers>>>,
    count: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    delay: Arc<Mutex<Duration>>,
}

impl Asked {
    fn new(answers: impl Fn(&http::Request<Vec<u8>>) -> (u16, &'static str, String) + Send + Sync + 'static) -> Self {
        Self {
            answers: Arc::new(Mutex::new(Arc::new(answers))),
            count: Arc::default(),
            most: Arc::default(),
            under_way: Arc::default(),
            delay: Arc::default(),
        }
    }

    /// Says that of every token.
    fn saying(answer: &Value) -> Self {
        let answer = answer.to_string();
        Self::new(move |_| (200, "application/json", answer.clone()))
    }

    fn say(&self, status: u16, answer: impl Into<String>) {
        let answer = answer.into();
        *self.answers.lock().unwrap() = Arc::new(move |_| (status, "application/json", answer.clone()));
    }

    fn take(&self, time: Duration) {
        *self.delay.lock().unwrap() = time;
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

struct UnderWay<'a>(&'a Asked);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fetch for Asked {
    fn fetch(&self, request: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        Box::pin(async move {
            self.count.fetch_add(1, Ordering::SeqCst);
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(under_way, Ordering::SeqCst);
            let _under_way = UnderWay(self);
            let delay = *self.delay.lock().unwrap_or_else(PoisonError::into_inner);
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (status, media_type, body) = answers(&request);
            let response = http::Response::builder().status(status).header("content-type", media_type);
            response.body(body.into_bytes()).map_err(FetchError::transport)
        })
    }
}

fn asking(asked: &Asked) -> Introspection {
    Introspection::at(format!("{ISSUER}/introspect"))
        .issuer(ISSUER)
        .client_secret("api", "secret")
        .client(asked.clone())
}

fn auth(introspection: &Introspection) -> Authenticator<User> {
    builder().introspect(introspection).build().unwrap()
}

async fn outcome(auth: &Authenticator<User>, token: &str, from: Option<u8>) -> Result<(), AuthError> {
    let mut request = http::Request::get("/me").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    if let Some(host) = from {
        request.extensions_mut().insert(ClientAddress([192, 0, 2, host].into()));
    }
    auth.authenticate(&request).settled().await.result().map(drop)
}

async fn status(auth: &Authenticator<User>, token: &str) -> u16 {
    outcome(auth, token, None).await.map_or_else(|error| auth.answer(&error).status.as_u16(), |()| 200)
}

#[test]
fn every_stack_asks_about_an_opaque_token_once_and_answers_as_for_a_jwt() {
    let runtime = runtime();
    let _inside = runtime.enter();
    for stack in STACKS {
        let idp = KeyServer::start(|_| Reply::status(404));
        let issuer = idp.url("");
        let (metadata, good) = (json!({"issuer": issuer, "introspection_endpoint": idp.url("/ask")}), alice(&issuer));
        idp.behave(move |request: &Request| match (&*request.path, request.parameter("token")) {
            ("/.well-known/openid-configuration", _) => Reply::ok(metadata.to_string()),
            ("/ask", Some("good%2Ftoken")) => Reply::ok(good.to_string()),
            ("/ask", Some(_)) => Reply::ok(r#"{"active":false}"#),
            _ => Reply::status(404),
        });
        let introspection = Introspection::discover(&issuer).client_secret("api", "a secret");
        let server = stack.start(auth(&introspection));
        assert_eq!(idp.count(), 0, "nothing is asked before a token comes");
        for _ in 0..5 {
            let reply = server.get_with_bearer("good/token");
            assert_eq!(reply.status, 200, "{}: {reply:?}", stack.name);
            assert!(reply.body.contains("Alice"), "{reply:?}");
        }
        assert_eq!(idp.count(), 2, "{}: the metadata, and one question", stack.name);
        let question = &idp.requests()[1];
        assert_eq!((&*question.method, &*question.body), ("POST", "token=good%2Ftoken&token_type_hint=access_token"));
        assert_eq!(question.header("authorization"), Some("Basic YXBpOmErc2VjcmV0"));
        assert_eq!(question.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(question.header("accept"), Some("application/json"));

        for _ in 0..3 {
            let reply = server.get_with_bearer("junk");
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")), "{reply:?}");
        }
        assert_eq!(idp.count(), 3, "{}: a refusal is kept too", stack.name);

        idp.behave(|_| Reply::Close);
        let reply = server.get_with_bearer("new");
        assert_eq!((reply.status, reply.challenge()), (503, None), "{}: {reply:?}", stack.name);
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        assert_eq!(server.get_with_bearer("good/token").status, 200, "{}: what is cached goes on", stack.name);
        let status = introspection.status();
        assert_eq!((status.answers, status.failures, status.limited, &*status.origin), (2, 1, 0, &*issuer));
        assert!(status.error.is_some());
    }
}

#[tokio::test]
async fn an_answer_is_held_against_what_is_expected_of_a_jwt() {
    let cases = [
        ("as it should be", json!({}), 200),
        ("several audiences", json!({"aud": ["other", AUDIENCE]}), 200),
        ("no scope", json!({"scope": null}), 200),
        ("another issuer", json!({"iss": "https://evil.example.com"}), 401),
        ("no issuer", json!({"iss": null}), 401),
        ("an issuer of the wrong type", json!({"iss": [ISSUER]}), 401),
        ("another audience", json!({"aud": "other"}), 401),
        ("no audience", json!({"aud": null}), 401),
        ("expired", json!({"exp": now() - 60}), 401),
        ("no end", json!({"exp": null}), 401),
        ("an end of the wrong type", json!({"exp": "never"}), 401),
        ("not valid yet", json!({"nbf": now() + 3600}), 401),
        ("a refresh token", json!({"token_type": "refresh_token"}), 401),
        ("no type", json!({"token_type": null}), 401),
        ("a refresh token of Keycloak", json!({"typ": "Refresh"}), 401),
        ("a refresh token of Hydra", json!({"token_use": "refresh_token"}), 401),
        ("claims that do not fit", json!({"name": 7}), 401),
        ("bound to a key", json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), 401),
        ("bound to a certificate", json!({"cnf": {"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}}), 401),
        ("bound to something", json!({"cnf": {"kid": "k"}}), 401),
        ("for DPoP, and bound to no key", json!({"token_type": "DPoP"}), 401),
        ("inactive, whatever else it says", json!({"active": false}), 401),
    ];
    for (case, members, expected) in cases {
        let asked = Asked::saying(&but(alice(ISSUER), &members));
        let auth = auth(&asking(&asked));
        for _ in 0..2 {
            let outcome = outcome(&auth, "token", None).await;
            let status = outcome.as_ref().map_or_else(|error| auth.answer(error).status.as_u16(), |()| 200);
            assert_eq!(status, expected, "{case}: {outcome:?}");
        }
        assert_eq!(asked.count(), 1, "{case}: either answer is kept");
    }
    let asked = Asked::saying(&but(alice(ISSUER), &json!({"iss": null, "token_type": null, "aud": "other"})));
    let lenient = asking(&asked).issuer_optional().token_type_optional().audience("other");
    assert_eq!(status(&auth(&lenient), "token").await, 200);
    let asked = Asked::saying(&but(alice(ISSUER), &json!({"iss": "https://evil.example.com", "aud": null})));
    let lenient = asking(&asked).issuer_optional().any_audience();
    assert_eq!(status(&auth(&lenient), "token").await, 401, "an issuer that is named is checked");
}

#[tokio::test]
async fn what_handlers_guards_and_revocations_look_at_is_there_as_of_a_jwt() {
    let asked = Asked::saying(&alice(ISSUER));
    let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await.unwrap();
    let clock = TestClock::new();
    let checked = Arc::new(AtomicUsize::new(0));
    let seen = checked.clone();
    let auth = builder()
        .introspect(asking(&asked))
        .revocations(&revocations)
        .clock(clock.clone())
        .check(move |token| {
            seen.fetch_add(1, Ordering::SeqCst);
            token.token().as_str() == "opaque"
        })
        .build()
        .unwrap();
    let token = auth.verifier().verify_async("opaque").await.unwrap();
    assert_eq!((token.issuer(), token.subject(), token.token_id()), (Some(ISSUER), Some("alice"), Some("1")));
    assert!(token.audience().eq([AUDIENCE]) && token.expires_at().is_some() && token.header().is_none());
    assert_eq!((&*token.name, token.token().as_str()), ("Alice", "opaque"));
    assert!(token.claims_json().contains("\"scope\":\"read\"") && !token.claims_json().contains("opaque"));
    // From now on it is cached: no wait, and no question.
    assert_eq!(auth.verifier().verify("opaque").unwrap().token().as_str(), "opaque");
    assert_eq!((asked.count(), checked.load(Ordering::SeqCst)), (1, 2));

    revocations.revoke(ISSUER, "1", token.expires_at().unwrap()).await.unwrap();
    let error = auth.verifier().verify("opaque").unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Revoked)), "{error:?}");
    clock.advance(2 * 3600 * SECOND);
    let error = auth.verifier().verify("opaque").unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Expired { .. })), "{error:?}");
    assert_eq!(asked.count(), 1);
}

#[tokio::test]
async fn a_token_that_the_issuer_says_is_bound_needs_its_proof() {
    let [key, thief] = [(); 2].map(|()| DpopKey::generate(Algorithm::ES256).unwrap());
    let bound = json!({"token_type": "DPoP", "cnf": {"jkt": key.thumbprint()}});
    let asked = Asked::saying(&but(alice(ISSUER), &bound));
    let auth = builder().introspect(asking(&asked)).public_origin("https://api.example.com").build().unwrap();
    let send = async |scheme: &str, key: Option<&DpopKey>| {
        let mut request = http::Request::get("/me").header("authorization", format!("{scheme} opaque"));
        if let Some(key) = key {
            let proof = key.proof("GET", "https://api.example.com/me").for_token("opaque").sign().unwrap();
            request = request.header("dpop", proof);
        }
        auth.authenticate(&request.body(()).unwrap()).settled().await.result().map(|token| token.unwrap().possession())
    };
    for _ in 0..2 {
        assert!(send("DPoP", Some(&key)).await.unwrap().by_dpop());
        assert!(send("DPoP", Some(&thief)).await.is_err() && send("Bearer", None).await.is_err());
    }
    assert_eq!(asked.count(), 1);
}

#[tokio::test]
async fn which_tokens_are_asked_about() {
    let asked = Asked::saying(&alice(ISSUER));
    let (ours, others) = (Key::new("k"), Key::new("k"));
    let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let user = User { sub: "bob".into(), name: "Bob".into() };
    let (session, _) = sessions.start(NewSignIn::new("bob", &user).unwrap()).await.unwrap();
    let keys = KeySet::jwks(jwks([&ours])).unwrap();
    let with = |introspection: Introspection| -> AuthenticatorBuilder<User> {
        builder().introspect(introspection).keys(keys.clone()).issuer(ISSUER).sessions(&sessions)
    };
    let auth = with(asking(&asked)).build().unwrap();
    let own = format!("jst_{}", "x".repeat(80));
    for (token, expected) in [
        (&*ours.token(ISSUER), 200),
        (&*others.token(ISSUER), 401),
        (session.as_str(), 200),
        (&*own, 401),
        (&*own.replace("jst_", "jrt_"), 401),
        ("a.b.c.d.e", 401),
    ] {
        assert_eq!((status(&auth, token).await, asked.count()), (expected, 0), "{token}");
    }
    for token in ["opaque", "with.one-dot", "a.b.c.d", "..."] {
        assert_eq!(status(&auth, token).await, 200, "{token}");
    }
    assert_eq!(asked.count(), 4);

    // What the issuer says counts, and not what the token says.
    let auth = with(asking(&asked).every_token()).build().unwrap();
    assert_eq!((status(&auth, &others.token(ISSUER)).await, asked.count()), (200, 5));
    assert_eq!((status(&auth, &others.token("https://other.example.com")).await, asked.count()), (401, 5));
    let alone = builder().introspect(asking(&asked)).build().unwrap();
    assert_eq!((status(&alone, &ours.token(ISSUER)).await, asked.count()), (401, 5));
}
