//! What fetched keys, many issuers and answers about opaque tokens cost, side by side in one process: `cargo run --release -p
//! oidc-tests --example figures`. Each pair takes turns in many short rounds, so that a busy machine disturbs both alike; the
//! minima are printed, in nanoseconds, and their ratio, which should be at most 1.1, and 1.5 for requests with opaque tokens.
//! `figures introspection` prints these alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use acceptance::{AUDIENCE, User};
use jwt_core::adapter::Verdict;
use jwt_core::introspection::Introspection;
use jwt_core::key::{Fetch, Fetching};
use jwt_core::{Algorithm, Authenticator, KeySet, RemoteKeySet, SigningKey, TokenCache, TrustedIssuer, VerifyingKey};
use oidc_tests::{Key, Scripted, builder, jwks};
use serde_json::json;
use tower::ServiceExt;

const ROUNDS: u32 = 41;
const ISSUERS: usize = 1000;

/// An authenticator, and the requests that it gets in turn.
struct Case {
    auth: Authenticator<User>,
    requests: Vec<http::Request<()>>,
}

impl Case {
    fn new(auth: Authenticator<User>, tokens: impl IntoIterator<Item = String>) -> Self {
        let request = |token| http::Request::get("/").header("authorization", format!("Bearer {token}")).body(());
        let requests = tokens.into_iter().map(|token| request(token).expect("a token fits into a field")).collect();
        let case = Self { auth, requests };
        case.calls(case.requests.len());
        case
    }

    fn calls(&self, count: usize) {
        for request in self.requests.iter().cycle().take(count) {
            assert!(matches!(self.auth.authenticate(black_box(request)), Verdict::Verified(_)));
        }
    }

    fn nanoseconds(&self, count: usize) -> f64 {
        let begun = Instant::now();
        self.calls(count);
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

fn compare(what: &str, one: &Case, other: &Case, calls: usize) {
    let (mut least, mut other_least) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        least = least.min(one.nanoseconds(calls));
        other_least = other_least.min(other.nanoseconds(calls));
    }
    println!("{what}: {least:.0} and {other_least:.0}, ratio {:.3}", other_least / least);
}

/// So many issuers, each with a key of its own.
fn issuers(algorithm: Algorithm, count: usize, named: bool) -> (Authenticator<User>, Vec<String>) {
    let (private, public) = (acceptance::key_file("rsa.pem"), acceptance::key_file("rsa.pub.pem"));
    let mut trusting = builder();
    let mut tokens = Vec::new();
    for number in 0..count {
        let (issuer, kid) = (format!("https://login-{number:04}.example.com/"), format!("key-{number:04}"));
        let (mut signing, mut verifying) = pair(algorithm, number, &private, &public);
        if named {
            (signing, verifying) = (signing.with_kid(&*kid), verifying.with_kid(&*kid));
        }
        let claims = json!({"iss": issuer, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "exp": 4_000_000_000_u64});
        tokens.push(signing.sign(&claims).expect("claims are an object"));
        trusting = trusting.trust(TrustedIssuer::new(issuer, KeySet::from(verifying)));
    }
    (trusting.build().expect("an authenticator"), tokens)
}

/// As many keys, all of them of one issuer: what is left beside this is what the issuers cost, and not the memory that
/// their keys take up.
fn one_with_all_keys(algorithm: Algorithm) -> (Authenticator<User>, Vec<String>) {
    let (private, public) = (acceptance::key_file("rsa.pem"), acceptance::key_file("rsa.pub.pem"));
    let issuer = "https://login-0000.example.com/";
    let claims = json!({"iss": issuer, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "exp": 4_000_000_000_u64});
    let (keys, tokens): (Vec<_>, Vec<_>) = (0..ISSUERS)
        .map(|number| {
            let (signing, verifying) = pair(algorithm, number, &private, &public);
            let kid = format!("key-{number:04}");
            let token = signing.with_kid(&*kid).sign(&claims).expect("claims are an object");
            (verifying.with_kid(kid), token)
        })
        .unzip();
    let keys = KeySet::new(keys).expect("keys");
    (builder().keys(keys).issuer(issuer).build().expect("an authenticator"), tokens)
}

fn pair(algorithm: Algorithm, number: usize, private: &str, public: &str) -> (SigningKey, VerifyingKey) {
    let secret = format!("secret {number:04} of forty-eight bytes, none of them hidden");
    let (signing, verifying) = match algorithm {
        Algorithm::HS256 => (SigningKey::secret(algorithm, &secret), VerifyingKey::secret(algorithm, &secret)),
        _ => (SigningKey::pem(algorithm, private), VerifyingKey::pem(algorithm, public)),
    };
    (signing.expect("a key"), verifying.expect("a key"))
}

/// Fetched keys of a provider that answers for ever, or only once, with so many requests waiting for it.
fn fetched(runtime: &tokio::runtime::Runtime, hangs: bool) -> Case {
    let key = Key::new("known");
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let auth = runtime.block_on(async {
        let keys = RemoteKeySet::jwks("https://login.example.com/jwks").client(client.clone()).timeout(Duration::MAX);
        let auth = builder().keys(&keys).build().expect("an authenticator");
        keys.ready().await.expect("keys");
        if hangs {
            client.take(Duration::from_secs(86_400), Duration::ZERO);
            // Past the cool-down, so that the fetch is under way when they come.
            tokio::time::sleep(Duration::from_secs(6)).await;
            let junk = Key::new("junk").token("https://login.example.com");
            for _ in 0..2000 {
                let request = http::Request::get("/").header("authorization", format!("Bearer {junk}"));
                if let Err(pending) = auth.outcome(&request.body(()).expect("a request")) {
                    tokio::spawn(pending);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(client.count(), 2, "it hangs");
        }
        auth
    });
    Case::new(auth, [key.token("https://login.example.com")])
}

/// Says of every token that it is one for Alice.
struct Knows;

impl Fetch for Knows {
    fn fetch(&self, _: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        let claims = json!({
            "active": true, "token_type": "Bearer", "iss": "https://login.example.com", "aud": AUDIENCE, "sub": "alice",
            "name": "Alice", "exp": 4_000_000_000_u64,
        });
        Box::pin(async move { Ok(http::Response::new(claims.to_string().into_bytes())) })
    }
}

/// Nanoseconds of a request, of two services in turns.
async fn compare_services<S, F>(what: &str, one: S, other: S, call: impl Fn(&S) -> F)
where
    F: Future<Output = bool>,
{
    let mut least = [f64::MAX; 2];
    for _ in 0..ROUNDS * 5 {
        for (service, least) in [&one, &other].into_iter().zip(&mut least) {
            let begun = Instant::now();
            for _ in 0..500 {
                assert!(call(service).await);
            }
            *least = least.min(begun.elapsed().as_secs_f64() * 1e9 / 500.0);
        }
    }
    let [one, other] = least;
    println!("{what}: {one:.0} and {other:.0}, ratio {:.3}", other / one);
}

/// A cached JWT, and a cached answer about an opaque token: the core alone, and requests to a route without a network.
fn introspection(runtime: &tokio::runtime::Runtime) {
    let key = Key::new("k");
    let keys = || KeySet::jwks(jwks([&key])).expect("a key");
    let jwt = key.token("https://login.example.com");
    // As long as those of providers are.
    let opaque = "mF_9.B5f-4.1JqM_x7Qk2Zr0Vw8Yd3Ns5Tb6Ug9Ih0Pc".replace('.', "");
    let ask = || Introspection::at("https://login.example.com/ask").client_secret("api", "secret").client(Knows);
    let by_key = || builder().keys(keys()).cache(TokenCache::new()).build().expect("an authenticator");
    let by_answer = || {
        let auth = builder().introspect(ask()).build().expect("an authenticator");
        runtime.block_on(auth.verifier().verify_async(&opaque)).expect("a good token");
        auth
    };
    let cases = (Case::new(by_key(), [jwt.clone()]), Case::new(by_answer(), [opaque.clone()]));
    compare("cached JWT and cached answer, the core alone", &cases.0, &cases.1, 2000);

    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (bearer_jwt, bearer_opaque) = (format!("Bearer {jwt}"), format!("Bearer {opaque}"));
    let tower = |auth, bearer: &str| {
        let handler = |jwt_tower::Claims(user): jwt_tower::Claims<User>| async move { user.name.clone() };
        let routes = axum::Router::new().route("/", axum::routing::get(handler));
        (routes.layer(jwt_tower::JwtAuth::new(auth)), bearer.to_owned())
    };
    let (one, other) = (tower(by_key(), &bearer_jwt), tower(by_answer(), &bearer_opaque));
    current.block_on(compare_services("the same, requests to axum", one, other, |(routes, bearer)| {
        let request = http::Request::get("/").header("authorization", bearer).body(axum::body::Body::empty());
        let response = routes.clone().oneshot(request.expect("a request"));
        async move { response.await.expect("it answers").status() == 200 }
    }));
    let both = [(by_key(), &bearer_jwt), (by_answer(), &bearer_opaque)];
    let system = actix_web::rt::System::new();
    system.block_on(async {
        let mut services = Vec::new();
        for (auth, bearer) in both {
            async fn handler(user: jwt_actix::Claims<User>) -> String {
                user.name.clone()
            }
            let app = actix_web::App::new().wrap(jwt_actix::JwtAuth::new(auth));
            let app = app.route("/", actix_web::web::get().to(handler));
            services.push((actix_web::test::init_service(app).await, bearer.clone()));
        }
        let other = services.pop().expect("two");
        let one = services.pop().expect("two");
        compare_services("the same, requests to actix-web", one, other, |(app, bearer)| {
            let request =
                actix_web::test::TestRequest::get().uri("/").insert_header(("authorization", bearer.as_str()));
            let response = actix_web::dev::Service::call(app, request.to_request());
            async move { response.await.expect("it answers").status() == 200 }
        })
        .await;
    });
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    introspection(&runtime);
    if std::env::args().any(|argument| argument == "introspection") {
        return;
    }
    let (quiet, hanging) = (fetched(&runtime, false), fetched(&runtime, true));
    compare("ES256, the provider answers and hangs", &quiet, &hanging, 50);

    for (algorithm, calls) in [(Algorithm::HS256, 2000), (Algorithm::RS256, 100)] {
        for named in [true, false] {
            let case = |count| {
                let (auth, tokens) = issuers(algorithm, count, named);
                Case::new(auth.clone(), tokens.clone()); // all of them have been used
                (auth, tokens)
            };
            let ((one, token), (many, tokens)) = (case(1), case(ISSUERS));
            let kids = if named { "with kid" } else { "without kid" };
            let (one, middle) = (Case::new(one, token), Case::new(many.clone(), [tokens[ISSUERS / 2].clone()]));
            compare(&format!("{algorithm} {kids}, one issuer and one of 1 000"), &one, &middle, calls);
            let all = Case::new(many, tokens);
            compare(&format!("{algorithm} {kids}, one issuer and 1 000 in turn"), &one, &all, calls.max(ISSUERS));
            if named {
                let (one, tokens) = one_with_all_keys(algorithm);
                let one = Case::new(one, tokens);
                let what = format!("{algorithm} {kids}, in turn, one issuer with 1 000 keys and 1 000 with one");
                compare(&what, &one, &all, calls.max(ISSUERS));
            }
        }
    }
}
