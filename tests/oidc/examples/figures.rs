//! What fetched keys and many issuers cost, side by side in one process: `cargo run --release -p oidc-tests --example
//! figures`. Each pair takes turns in many short rounds, so that a busy machine disturbs both alike; the minima are
//! printed, in nanoseconds, and their ratio, which should be at most 1.1.

use std::hint::black_box;
use std::time::{Duration, Instant};

use acceptance::{AUDIENCE, User};
use jwt_core::adapter::Verdict;
use jwt_core::{Algorithm, Authenticator, KeySet, RemoteKeySet, SigningKey, TrustedIssuer, VerifyingKey};
use oidc_tests::{Key, Scripted, builder, jwks};
use serde_json::json;

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
                if let Err(pending) = auth.authenticate(&request.body(()).expect("a request")).outcome() {
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

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
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
