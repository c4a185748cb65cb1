//! Tokens that an issuer is asked about (RFC 7662, RFC 9701), on every stack and without a provider: what is asked, what is
//! made of the answer, what is kept of it, and what strangers and a broken issuer can cause.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use acceptance::{AUDIENCE, STACKS, User};
use jwt_core::adapter::ClientAddress;
use jwt_core::binding::DpopKey;
use jwt_core::error::{AuthError, TokenError, Unavailable};
use jwt_core::introspection::{Introspection, IntrospectionError};
use jwt_core::key::{Fetch, FetchError, Fetching};
use jwt_core::session::NewSignIn;
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, KeySet, MemoryStore, Revocations, Sessions, SigningKey,
};
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

#[test]
fn a_thousand_requests_at_once_with_a_new_token_ask_once() {
    let runtime = runtime();
    let asked = Asked::saying(&alice(ISSUER));
    asked.take(Duration::from_millis(200));
    let auth = auth(&asking(&asked));
    runtime.block_on(async {
        let requests: Vec<_> = (0..1000)
            .map(|_| {
                let auth = auth.clone();
                tokio::spawn(async move { status(&auth, "new").await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), 200);
        }
    });
    assert_eq!(asked.count(), 1);
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

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_a_while_and_not_for_longer() {
    let asked = Asked::saying(&alice(ISSUER));
    let auth_of = |introspection| auth(&introspection);
    let auth = auth_of(asking(&asked).cache_for(10 * SECOND).cache_inactive_for(2 * SECOND));
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 1));
    sleep(9 * SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 1));
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 2));
    asked.say(200, r#"{"active":false}"#);
    sleep(9 * SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 2), "what was revoked there is good here for a while");
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (401, 3));
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (401, 3));
    asked.say(200, alice(ISSUER).to_string());
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 4));

    // In an outage.
    asked.say(500, "");
    sleep(11 * SECOND).await;
    assert_eq!(status(&auth, "a").await, 503, "nobody knows whether it is good");
    asked.say(200, alice(ISSUER).to_string());
    let patient = auth_of(asking(&asked).cache_for(10 * SECOND).stale_if_error(20 * SECOND));
    assert_eq!(status(&patient, "a").await, 200);
    asked.say(500, "");
    sleep(29 * SECOND).await;
    assert_eq!((status(&patient, "a").await, status(&patient, "b").await), (200, 503));
    sleep(SECOND).await;
    assert_eq!(status(&patient, "a").await, 503);

    // As many as were asked for.
    asked.say(200, alice(ISSUER).to_string());
    let small = auth_of(asking(&asked).max_cached(10));
    for token in 0..100 {
        assert_eq!(status(&small, &format!("t{token}")).await, 200);
    }
    let before = asked.count();
    for token in 0..100 {
        assert_eq!(status(&small, &format!("t{token}")).await, 200);
    }
    assert!(asked.count() - before >= 90, "{}", asked.count() - before);
    for padding in [10, 60_000] {
        asked.say(200, but(alice(ISSUER), &json!({"x": "x".repeat(padding)})).to_string());
        let one = auth_of(asking(&asked).max_cached(1));
        let before = asked.count();
        for _ in 0..3 {
            assert_eq!(status(&one, "a").await, 200);
        }
        assert_eq!(asked.count() - before, 1, "even the smallest cache keeps the longest answer: {padding}");
    }
    asked.say(200, alice(ISSUER).to_string());
    let never = auth_of(asking(&asked).cache_for(Duration::ZERO));
    let before = asked.count();
    for _ in 0..3 {
        assert_eq!(status(&never, "a").await, 200);
    }
    assert_eq!(asked.count() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn strangers_cause_no_more_questions_than_the_limit_says_and_known_tokens_go_on() {
    let good = alice(ISSUER).to_string();
    let asked = Asked::new(move |request| {
        let is_good = String::from_utf8_lossy(request.body()).contains("token=good");
        (200, "application/json", if is_good { good.clone() } else { r#"{"active":false}"#.to_owned() })
    });
    let introspection = asking(&asked).calls_per_minute(80).cache_for(SECOND);
    let auth = auth(&introspection);
    for token in 0..200 {
        assert_eq!(status(&auth, &format!("good{token}")).await, 200, "good ones do not count");
    }
    let before = asked.count();
    let mut answers = [0, 0];
    for token in 0..1000 {
        match outcome(&auth, &format!("junk{token}"), Some(1)).await.unwrap_err() {
            AuthError::InvalidToken(TokenError::Inactive) => answers[0] += 1,
            AuthError::Unavailable(Unavailable::IntrospectionLimit { retry_after }) => {
                assert!(retry_after <= 60 * SECOND);
                answers[1] += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answers, asked.count() - before), ([5, 995], 5), "an eighth of what there is at once");
    for token in 0..1000 {
        let error = outcome(&auth, &format!("other{token}"), None).await.unwrap_err();
        answers[usize::from(matches!(error, AuthError::Unavailable(_)))] += 1;
    }
    assert_eq!(asked.count() - before, 40, "half of what a minute has");
    assert_eq!(introspection.status().limited, 995 + 965);
    assert_eq!(status(&auth, "good-that-is-new").await, 503, "nobody knows it");
    sleep(2 * SECOND).await;
    let before = asked.count();
    for token in 0..200 {
        assert_eq!(status(&auth, &format!("good{token}")).await, 200, "what was good is asked about again");
    }
    assert_eq!(asked.count() - before, 200);
    sleep(60 * SECOND).await;
    for token in 0..1000 {
        _ = status(&auth, &format!("more{token}")).await;
    }
    assert_eq!(asked.count() - before, 240);
}

#[tokio::test(start_paused = true)]
async fn no_more_questions_are_under_way_than_may_be_and_each_ends() {
    let asked = Asked::saying(&alice(ISSUER));
    asked.take(SECOND);
    let auth_of = |introspection| auth(&introspection);
    let auth = auth_of(asking(&asked).calls_at_once(8).timeout(5 * SECOND));
    let all = (0..24).map(|token| {
        let auth = auth.clone();
        tokio::spawn(async move { status(&auth, &format!("t{token}")).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(asked.most.load(Ordering::SeqCst), 6, "the rest is kept for tokens that were good before");
    // Who hangs is down.
    asked.take(3600 * SECOND);
    let begun = tokio::time::Instant::now();
    assert_eq!((status(&auth, "hang").await, begun.elapsed()), (503, 5 * SECOND));
    for _ in 0..2 {
        assert_eq!(status(&auth, "hang").await, 503);
    }
    let (begun, before) = (tokio::time::Instant::now(), asked.count());
    assert_eq!((status(&auth, "hang").await, begun.elapsed(), asked.count()), (503, Duration::ZERO, before));
    asked.take(Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(status(&auth, "hang").await, 200);
    // Whoever goes away leaves no trace.
    asked.take(3600 * SECOND);
    for token in 0..100 {
        let auth = auth.clone();
        let left = tokio::spawn(async move { status(&auth, &format!("left{token}")).await });
        sleep(Duration::from_millis(1)).await;
        left.abort();
    }
    asked.take(Duration::ZERO);
    assert_eq!(status(&auth, "another").await, 200);
}

#[test]
fn whatever_the_issuer_does_no_token_is_refused_or_accepted_for_it() {
    let runtime = runtime();
    let good = alice(ISSUER).to_string();
    let elsewhere = KeyServer::start({
        let good = good.clone();
        move |_| Reply::ok(good.clone())
    });
    let huge = format!("{},\"x\":\"{}\"}}", &good[..good.len() - 1], "x".repeat(1 << 20));
    let cases = [
        ("500", Reply::status(500)),
        ("404", Reply::status(404)),
        ("204", Reply::status(204)),
        ("429", Reply::status(429)),
        ("401", Reply::status(401)),
        ("400", Reply::Answer { status: 400, headers: Vec::new(), body: br#"{"error":"invalid_client"}"#.to_vec() }),
        ("201 with a good answer", Reply::Answer { status: 201, headers: Vec::new(), body: good.clone().into() }),
        ("307", Reply::status(307).with("Location", elsewhere.url("/ask"))),
        ("303", Reply::status(303).with("Location", elsewhere.url("/ask"))),
        ("silence", Reply::Hang),
        ("a slow drip", Reply::Drip),
        ("a closed connection", Reply::Close),
        ("half of an answer", Reply::Cut(good.clone().into_bytes())),
        ("1 MiB", Reply::ok(huge)),
        ("nothing", Reply::ok("")),
        ("truncated JSON", Reply::ok(&good.as_bytes()[..good.len() - 3])),
        ("a page", Reply::ok("<!DOCTYPE html><title>Sign in</title>").with("Content-Type", "text/html")),
        ("an array", Reply::ok(format!("[{good}]"))),
        ("two objects", Reply::ok(format!("{good}{good}"))),
        ("no `active`", Reply::ok(good.replace("active", "alive"))),
        ("`active` as text", Reply::ok(good.replace("\"active\":true", "\"active\":\"true\""))),
        ("`active` as a number", Reply::ok(good.replace("\"active\":true", "\"active\":1"))),
        ("`active` twice", Reply::ok(good.replace("\"active\":true", "\"active\":true,\"active\":true"))),
        ("a member twice", Reply::ok(good.replace("\"active\":true", "\"active\":true,\"sub\":\"eve\""))),
        ("no UTF-8", Reply::ok(b"{\"active\":true,\"x\":\"\xff\"}".as_slice())),
        ("deep JSON", Reply::ok(format!("{{\"active\":true,\"x\":{}", "[".repeat(60_000)))),
        ("a signed answer", Reply::ok("a.b.c").with("Content-Type", "application/token-introspection+jwt")),
        ("compressed", Reply::ok(good.clone()).with("Content-Encoding", "gzip")),
    ];
    for (name, reply) in cases {
        let server = KeyServer::start(move |_| reply.clone());
        let introspection = Introspection::at(server.url("/ask?key=hunter2")).issuer(ISSUER);
        let introspection = introspection.client_secret_post("api", "hunter3");
        let hangs = matches!(name, "silence" | "a slow drip");
        let introspection = introspection.timeout(if hangs { 2 * SECOND } else { 60 * SECOND });
        let auth = auth(&introspection);
        runtime.block_on(async {
            let error = outcome(&auth, "hunter4", None).await.unwrap_err();
            assert!(matches!(error, AuthError::Unavailable(Unavailable::Introspection { .. })), "{name}: {error:?}");
            let answer = auth.answer(&error);
            assert!(answer.status.as_u16() == 503 && answer.retry_after.is_some(), "{name}");
        });
        let asked = server.requests();
        assert!(hangs || asked[0].parameter("client_secret") == Some("hunter3"), "{name}: {asked:?}");
        let status = introspection.status();
        let said = status.error.clone().unwrap();
        let all = format!("{said:?} {said} {status:?} {introspection:?} {auth:?}");
        assert!(!all.contains("hunter"), "{name}: {all}");
        let refuses = matches!(said, IntrospectionError::Credentials { .. });
        assert_eq!(refuses, matches!(name, "400" | "401"), "{name}: {said:?}");
    }
    assert_eq!(elsewhere.count(), 0, "no redirect is followed");
}

/// An answer that is signed, with other members of its own and in its head.
fn signed(key: &SigningKey, typ: &str, outer: &Value) -> String {
    let claims = json!({"iss": ISSUER, "aud": "api", "iat": now(), "token_introspection": alice(ISSUER)});
    key.clone().with_typ(typ.to_owned()).sign(&but(claims, outer)).unwrap()
}

#[tokio::test]
async fn signed_answers_are_verified_and_unsigned_ones_refused_where_they_are_demanded() {
    const TYP: &str = "token-introspection+jwt";
    let [key, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap().with_kid("k"));
    let keys = KeySet::new([key.verifying_key()]).unwrap();
    let stale = json!({"iat": now() - 3600});
    let no_object = json!({"token_introspection": "active"});
    let inactive = json!({"token_introspection": {"active": false}});
    let swapped = json!({"token_introspection": alice("https://evil.example.com")});
    let media_type = "application/token-introspection+jwt; charset=utf-8";
    let cases = [
        ("good", media_type, signed(&key, TYP, &json!({})), 200),
        ("for several", media_type, signed(&key, TYP, &json!({"aud": ["api", "other"]})), 200),
        ("inactive", media_type, signed(&key, TYP, &inactive), 401),
        ("about a token of another issuer", media_type, signed(&key, TYP, &swapped), 401),
        ("not signed", "application/json", alice(ISSUER).to_string(), 503),
        ("not signed, and said to be", media_type, alice(ISSUER).to_string(), 503),
        ("signed, and said not to be", "application/json", signed(&key, TYP, &json!({})), 503),
        ("by another key", media_type, signed(&other, TYP, &json!({})), 503),
        ("an access token", media_type, signed(&key, "at+jwt", &json!({})), 503),
        ("a JWT", media_type, signed(&key, "JWT", &json!({})), 503),
        ("of another issuer", media_type, signed(&key, TYP, &json!({"iss": "https://evil.example.com"})), 503),
        ("for another client", media_type, signed(&key, TYP, &json!({"aud": "other"})), 503),
        ("for nobody", media_type, signed(&key, TYP, &json!({"aud": null})), 503),
        ("of another time", media_type, signed(&key, TYP, &stale), 503),
        ("of no time", media_type, signed(&key, TYP, &json!({"iat": null})), 503),
        ("without an answer", media_type, signed(&key, TYP, &json!({"token_introspection": null})), 503),
        ("no object", media_type, signed(&key, TYP, &no_object), 503),
        ("changed", media_type, signed(&key, TYP, &json!({})).replacen('.', ".e", 1), 503),
    ];
    for (case, media_type, body, expected) in cases {
        let asked = Asked::new(move |request| {
            assert_eq!(request.headers()["accept"], "application/token-introspection+jwt");
            (200, media_type, body.clone())
        });
        let introspection = asking(&asked).require_signed_answers(keys.clone());
        let auth = auth(&introspection);
        assert_eq!(status(&auth, "token").await, expected, "{case}: {:?}", introspection.status().error);
    }
}

#[tokio::test]
async fn this_service_authenticates_in_each_of_the_ways() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let verifier =
        Authenticator::<Value>::builder().keys(key.verifying_key()).audience(ISSUER).build_verifier().unwrap();
    let (sent, last) = (Arc::new(Mutex::new(None)), alice(ISSUER).to_string());
    let provider = Asked::new({
        let sent = sent.clone();
        let metadata = json!({
            "issuer": ISSUER, "introspection_endpoint": format!("{ISSUER}/ask"),
            "mtls_endpoint_aliases": {"introspection_endpoint": "https://mtls.example.com/ask"},
        });
        move |request| {
            if request.method() == "GET" {
                return (200, "application/json", metadata.to_string());
            }
            let form = String::from_utf8(request.body().clone()).unwrap();
            let authorization = request.headers().get("authorization").cloned();
            *sent.lock().unwrap() = Some((request.uri().to_string(), form, authorization));
            (200, "application/json", last.clone())
        }
    });
    let ask_by = async |introspection: Introspection| {
        assert_eq!(status(&auth(&introspection), "t").await, 200);
        sent.lock().unwrap().take().unwrap()
    };
    let new = || Introspection::discover(ISSUER).client(provider.clone());
    let (at, form, authorization) = ask_by(new().client_secret_post("api", "s&t")).await;
    assert_eq!((&*at, authorization), ("https://login.example.com/ask", None));
    assert_eq!(form, "token=t&token_type_hint=access_token&client_id=api&client_secret=s%26t");
    let (at, form, authorization) = ask_by(new().mutual_tls("api")).await;
    assert_eq!((&*at, authorization), ("https://mtls.example.com/ask", None));
    assert_eq!(form, "token=t&token_type_hint=access_token&client_id=api");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, form, authorization) = ask_by(new().private_key_jwt("api", &key)).await;
        let (form, assertion) = form.split_once("&client_assertion=").unwrap();
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        assert_eq!(form, format!("token=t&token_type_hint=access_token&client_id=api&client_assertion_type={kind}"));
        let claims = verifier.verify(assertion).unwrap();
        assert_eq!((claims.issuer(), claims.subject(), authorization), (Some("api"), Some("api"), None));
        assert_eq!(claims.expires_at().unwrap().as_secs() - claims.issued_at().unwrap().as_secs(), 60);
        seen.push(claims.token_id().unwrap().to_owned());
    }
    assert_ne!(seen[0], seen[1], "each is good once");
    let (_, form, _) = ask_by(new().private_key_jwt("api", &key).assertion_audience("https://other.example.com")).await;
    assert!(verifier.verify(form.split_once("&client_assertion=").unwrap().1).is_err());
}

#[tokio::test]
async fn metadata_of_somebody_else_or_with_an_unsafe_endpoint_leads_nowhere() {
    let good = alice(ISSUER).to_string();
    for (metadata, said) in [
        (
            json!({"issuer": "https://evil.example.com", "introspection_endpoint": format!("{ISSUER}/ask")}),
            "another issuer",
        ),
        (json!({"issuer": ISSUER, "introspection_endpoint": "http://login.example.com/ask"}), "https"),
        (json!({"issuer": ISSUER, "introspection_endpoint": "http://127.0.0.1/ask"}), "https"),
        (json!({"issuer": ISSUER}), "no `introspection_endpoint`"),
        (json!([]), "no metadata of the issuer"),
    ] {
        let good = good.clone();
        let asked = Asked::new(move |request| {
            let body = if request.method() == "POST" { good.clone() } else { metadata.to_string() };
            (200, "application/json", body)
        });
        let introspection = Introspection::discover(ISSUER).client(asked.clone()).client_secret("api", "secret");
        assert_eq!(status(&auth(&introspection), "token").await, 503, "{said}");
        let error = introspection.status().error.unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_work_does_not_build_and_says_why() {
    let asked = Asked::saying(&alice(ISSUER));
    let key = KeySet::hs256([1; 32]).unwrap();
    let at = |address: &str| Introspection::at(address).client_secret("api", "secret");
    let good = || at("https://a.example/ask");
    for (introspection, said) in [
        (at("https://a.example/ask#x"), "absolute https address"),
        (at("a.example"), "absolute https address"),
        (at("https://user:hunter2@a.example/ask"), "absolute https address"),
        (Introspection::discover("https://a.example?x").client_secret("a", "b"), "absolute https address"),
        (at("http://a.example/ask"), "dangerous_allow_plain_http"),
        (Introspection::at("https://a.example"), "client_secret"),
        (good().client_secret_post("api", "secret"), "keep one"),
        (Introspection::at("https://a.example").client_secret("", "b"), "is empty"),
        (Introspection::at("https://a.example").client_secret("a", ""), "is empty"),
        (Introspection::at("https://a.example").mutual_tls("a"), ".client(…)"),
        (good().every_token(), "needs the issuer"),
        (good().issuer_optional(), "needs the issuer"),
        (good().require_signed_answers(key), "needs the issuer"),
        (Introspection::discover(ISSUER).issuer("https://b.example").client_secret("a", "b"), "leave it out"),
        (good().max_cached(0), "max_cached"),
        (good().calls_per_minute(0), "calls_per_minute"),
        (good().calls_at_once(0), "calls_at_once"),
        (good().timeout(Duration::ZERO), "timeout"),
        (good().max_bytes(0), "max_bytes"),
        (good().root_certificate("ca.pem"), "readable certificate"),
        (good().cache_for(SECOND).cache_for(SECOND), "called twice"),
    ] {
        let error = builder().introspect(&introspection).build().unwrap_err();
        assert!(error.to_string().contains(said) && format!("{error:?}") == error.to_string(), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let error = Authenticator::<User>::builder().introspect(asking(&asked)).build().unwrap_err();
    assert!(error.to_string().contains(".audience("), "{error}");
    assert!(Authenticator::<User>::builder().introspect(asking(&asked).any_audience()).build().is_ok());
    assert!(builder().introspect(at("http://a.example/ask").dangerous_allow_plain_http()).build().is_ok());
}

#[tokio::test]
async fn no_setting_replaces_another_in_silence() {
    let provider = Asked::saying(&alice(ISSUER));
    let keys = || KeySet::hs256([1; 32]).unwrap();
    type Change = Box<dyn Fn(Introspection) -> Introspection>;
    let settings: [(&str, Change); 13] = [
        ("issuer", Box::new(|one| one.issuer(ISSUER))),
        ("assertion_audience", Box::new(|one| one.assertion_audience("a"))),
        ("require_signed_answers", Box::new(move |one| one.require_signed_answers(keys()))),
        ("cache_for", Box::new(|one| one.cache_for(SECOND))),
        ("cache_inactive_for", Box::new(|one| one.cache_inactive_for(SECOND))),
        ("stale_if_error", Box::new(|one| one.stale_if_error(SECOND))),
        ("max_cached", Box::new(|one| one.max_cached(1))),
        ("calls_per_minute", Box::new(|one| one.calls_per_minute(1))),
        ("calls_at_once", Box::new(|one| one.calls_at_once(1))),
        ("timeout", Box::new(|one| one.timeout(SECOND))),
        ("connect_timeout", Box::new(|one| one.connect_timeout(SECOND))),
        ("max_bytes", Box::new(|one| one.max_bytes(1))),
        ("client", Box::new(move |one| one.client(provider.clone()))),
    ];
    for (setting, change) in settings {
        let new = || Introspection::discover(ISSUER).client_secret("api", "secret");
        assert!(builder().introspect(change(new())).build().is_ok(), "{setting}");
        let error = builder().introspect(change(change(new()))).build().unwrap_err().to_string();
        assert!(error.contains(&format!(".{setting}(…)` of the introspection is called twice")), "{error}");
    }
    // These add, or say the same again.
    let both = Introspection::discover(ISSUER).client_secret("api", "secret").audience("a").audience(AUDIENCE);
    let both = both.every_token().every_token().issuer_optional().issuer_optional();
    let both = both.token_type_optional().token_type_optional().dangerous_allow_plain_http();
    assert!(builder().introspect(both.dangerous_allow_plain_http()).build().is_ok());
    let contradiction = Introspection::discover(ISSUER).client_secret("api", "secret").audience("a").any_audience();
    assert!(builder().introspect(contradiction).build().is_err());
    let one = || Introspection::discover(ISSUER).client_secret("api", "secret");
    let error = builder().introspect(one()).introspect(one()).build().unwrap_err().to_string();
    assert!(error.contains("`.introspect(…)` is called twice"), "{error}");
}
