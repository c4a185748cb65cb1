//! `memory`: how many bytes each thing takes up that is remembered, counted by the allocator, and whether the bounds hold
//! while far more comes. Run it with `--release`.

use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::NumericDate;
use jwt_core::key::{Fetch, Fetching};
use jwt_core::session::NewSignIn;
use jwt_core::{
    Algorithm, Authenticator, Issuer, KeySet, MemoryStore, RefreshTokens, RemoteKeySet, Revocations, Sessions,
    SigningKey, Tenants, TokenCache, TrustedIssuer,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Counts the bytes that are alive.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

const HELP: &str = "\
usage: memory [ROW]

Prints how many bytes each thing takes up that is remembered, and how much more there is at most while 100 000 things more
come than the bound allows: the table of docs/reference/speed.md. With a word, the rows that have it in their name.

It ends with 1 where more than 1.3 times is taken up.";

/// How many come beyond a bound.
const FLOOD: usize = 100_000;
/// How much more than what the bound stands for may be taken up.
const MOST: f64 = 1.3;
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const FAR: u64 = 4_000_000_000;

type Failure = Box<dyn Error>;

/// The claims of a token as applications have them.
#[derive(Debug, Clone, Deserialize)]
#[expect(dead_code, reason = "they take up memory")]
struct User {
    name: String,
    email: String,
    scope: String,
}

fn main() -> ExitCode {
    let word = std::env::args().nth(1);
    if word.as_deref().is_some_and(|word| word == "--help" || word == "-h") {
        let _ = writeln!(io::stdout(), "{HELP}");
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let all = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(rows(&word.unwrap_or_default())));
    match all {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr(), "memory: {error}");
            ExitCode::from(2)
        }
    }
}

async fn rows(word: &str) -> Result<bool, Failure> {
    let mut table = Table { word: word.to_owned(), good: true };
    say("| what | bytes each | bound | KiB at the bound | with 100 000 more |")?;
    say("|---|---|---|---|---|")?;
    cached_tokens(&mut table).await?;
    sign_ins(&mut table).await?;
    revocations(&mut table).await?;
    keys(&mut table).await?;
    tenants(&mut table).await?;
    proofs(&mut table).await?;
    Ok(table.good)
}

struct Table {
    word: String,
    good: bool,
}

impl Table {
    fn has(&self, what: &str) -> bool {
        what.contains(&self.word)
    }

    /// Adds as many as the bound allows, and then a flood.
    async fn row<F: Future<Output = Result<(), Failure>>>(
        &mut self,
        what: &str,
        bound: usize,
        mut add: impl FnMut(usize) -> F,
    ) -> Result<(), Failure> {
        let empty = ALLOCATOR.allocated();
        add(0).await?;
        let first = ALLOCATOR.allocated();
        for number in 1..bound {
            add(number).await?;
        }
        let full = ALLOCATOR.allocated();
        let mut most = full;
        for number in bound..bound + FLOOD {
            add(number).await?;
            most = most.max(ALLOCATOR.allocated());
        }
        self.print(what, bound, full - first, full - empty, most - empty)
    }

    /// `filled`: by all but the first. `full`: by all.
    fn print(&mut self, what: &str, bound: usize, filled: usize, full: usize, most: usize) -> Result<(), Failure> {
        let times = as_f64(most) / as_f64(full);
        let mark = if times <= MOST { "" } else { " !" };
        self.good &= mark.is_empty();
        let each = as_f64(filled) / as_f64(bound.saturating_sub(1).max(1));
        let (each, bound) =
            if filled == 0 { (String::new(), "16 MiB".into()) } else { (format!("{each:.0}"), bound.to_string()) };
        Ok(say(&format!("| {what} | {each} | {bound} | {} | × {times:.2}{mark} |", full / 1024))?)
    }
}

fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn claims(number: usize) -> Value {
    json!({
        "iss": "https://login.example.com", "aud": "api", "sub": format!("user-{number:08}"), "exp": FAR, "iat": 1,
        "jti": format!("{number:032}"), "name": "Alice Adams", "email": "alice.adams@example.com",
        "scope": "openid profile orders:read orders:write",
    })
}

fn request(scheme: &str, token: &str) -> Result<Request<()>, Failure> {
    Ok(Request::get("/").header("authorization", format!("{scheme} {token}")).body(())?)
}

/// Whether it was verified.
async fn is_good(auth: &Authenticator<User>, request: &Request<()>) -> bool {
    auth.authenticate(request).settled().await.result().is_ok()
}

/// The resident memory of this process, in bytes.
fn resident() -> Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

async fn cached_tokens(table: &mut Table) -> Result<(), Failure> {
    let rows = [
        ("verified token in the cache, 0.6 KiB of text, HS256", Algorithm::HS256, TokenCache::new(), 10_000),
        ("verified token in the cache, 0.9 KiB of text, RS256", Algorithm::RS256, TokenCache::new(), 10_000),
    ];
    for (what, algorithm, cache, bound) in rows {
        if !table.has(what) {
            continue;
        }
        let key = match algorithm {
            Algorithm::HS256 => SigningKey::secret(algorithm, SECRET)?,
            _ => SigningKey::generate(algorithm)?,
        };
        let auth = Authenticator::<User>::builder()
            .keys(KeySet::new([key.verifying_key()])?)
            .audience("api")
            .cache(cache)
            .build()?;
        // A token of RS256 takes a while to be signed: of that flood, a tenth is enough.
        let step = if algorithm == Algorithm::RS256 { 10 } else { 1 };
        let add = |number: usize| {
            let (auth, key) = (&auth, &key);
            async move {
                if number >= bound && !number.is_multiple_of(step) {
                    return Ok(());
                }
                let token = key.sign(&claims(number))?;
                if is_good(auth, &request("Bearer", &token)?).await { Ok(()) } else { Err("a good token".into()) }
            }
        };
        table.row(what, bound, add).await?;
    }
    let what = "the same, 7.5 KiB of text, bound by 16 MiB";
    if table.has(what) {
        let key = SigningKey::secret(Algorithm::HS256, SECRET)?;
        let keys = KeySet::new([key.verifying_key()])?;
        let auth = Authenticator::<User>::builder().keys(keys).audience("api").cache(TokenCache::new()).build()?;
        let (empty, mut most) = (ALLOCATOR.allocated(), 0);
        for number in 0..FLOOD / 10 {
            let mut claims = claims(number);
            claims["scope"] = "orders:read ".repeat(430).trim_end().into();
            let token = key.sign(&claims)?;
            if !is_good(&auth, &request("Bearer", &token)?).await {
                return Err("a large good token is refused".into());
            }
            most = most.max(ALLOCATOR.allocated());
        }
        let mebibytes = 16 * 1024 * 1024;
        table.print(what, 1, 0, mebibytes, most - empty)?;
    }
    Ok(())
}

async fn sign_ins(table: &mut Table) -> Result<(), Failure> {
    let new = |number: usize| {
        let data = json!({"name": "Alice Adams", "roles": ["reader"]});
        let new = NewSignIn::new(format!("user-{number:08}"), &data)?;
        Ok::<_, Failure>(new.label("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"))
    };
    let what = "session in MemoryStore";
    if table.has(what) {
        let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build()?;
        let add = async |number| {
            sessions.start(new(number)?).await?;
            Ok(())
        };
        table.row(what, 100_000, add).await?;
    }
    let what = "family of refresh tokens in MemoryStore";
    if table.has(what) {
        let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
        let add = async |number| {
            let (token, _) = refresh.start(new(number)?).await?;
            refresh.refresh(&token).await?;
            Ok(())
        };
        table.row(what, 100_000, add).await?;
    }
    Ok(())
}

async fn revocations(table: &mut Table) -> Result<(), Failure> {
    let far = NumericDate::from_secs(FAR);
    let what = "revoked token in MemoryStore and in the list of its instance";
    if table.has(what) {
        let list = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
        // Nine tenths are for tokens, and one for whole subjects.
        let add = async |number: usize| {
            // The store is full, which is an error.
            let _ = list.revoke("https://login.example.com", &format!("{number:032}"), far).await;
            Ok(())
        };
        table.row(what, 90_000, add).await?;
    }
    let what = "the same in the list of another instance";
    if table.has(what) {
        let store = Arc::new(MemoryStore::new());
        let list = Revocations::builder(store.clone()).open().await?;
        for number in 0..90_000 {
            list.revoke("https://login.example.com", &format!("{number:032}"), far).await?;
        }
        let empty = ALLOCATOR.allocated();
        let other = Revocations::builder(store).open().await?;
        let full = ALLOCATOR.allocated() - empty;
        for number in 90_000..90_000 + FLOOD {
            let _ = list.revoke("https://login.example.com", &format!("{number:032}"), far).await;
        }
        other.catch_up().await?;
        table.print(what, 90_000, full, full, ALLOCATOR.allocated() - empty)?;
    }
    Ok(())
}

#[derive(Clone)]
/// A provider in memory: every issuer below `tenant` is there, and has the same keys.
struct Provider {
    keys: Arc<str>,
}

impl Fetch for Provider {
    fn fetch(&self, request: Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let address = request.uri().to_string();
            let issuer = address.split("/.well-known").next().unwrap_or_default();
            let body = if !address.contains(".well-known") {
                self.keys.to_string()
            } else if address.contains("/tenant-") {
                json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks.json")}).to_string()
            } else {
                String::new()
            };
            assert!(body.len() <= max_bytes, "the default client would not read more");
            let mut response = http::Response::new(body.into_bytes());
            if response.body().is_empty() {
                *response.status_mut() = http::StatusCode::NOT_FOUND;
            }
            Ok(response)
        })
    }
}

fn published(algorithm: Algorithm, count: usize) -> Result<String, Failure> {
    let mut issuer = Issuer::builder("https://login.example.com").audience("api");
    issuer = issuer.signing_key(SigningKey::generate(algorithm)?.with_kid("0"));
    for number in 1..count {
        issuer = issuer.published_key(SigningKey::generate(algorithm)?.with_kid(number.to_string()));
    }
    Ok(issuer.build()?.jwks())
}

async fn keys(table: &mut Table) -> Result<(), Failure> {
    // As many as a fetched set may have.
    const MOST_KEYS: usize = 100;
    let rows = [
        ("key of a set, RS256", Algorithm::RS256),
        ("key of a set, ES256", Algorithm::ES256),
        ("key of a set, EdDSA", Algorithm::EdDSA),
    ];
    for (what, algorithm) in rows {
        if !table.has(what) {
            continue;
        }
        let jwks = published(algorithm, MOST_KEYS)?;
        let empty = ALLOCATOR.allocated();
        let set = KeySet::jwks(&jwks)?;
        let full = ALLOCATOR.allocated() - empty;
        drop(set);
        // A fetched set with more keys is refused as a whole.
        let jwks: Value = serde_json::from_str(&jwks)?;
        let all = jwks["keys"].as_array().cloned().unwrap_or_default();
        let many: Vec<Value> = (0..MOST_KEYS * 8)
            .map(|number| {
                let mut key = all[number % MOST_KEYS].clone();
                key["kid"] = format!("flood {number}").into();
                key
            })
            .collect();
        let provider = Provider { keys: json!({ "keys": many }).to_string().into() };
        let remote = RemoteKeySet::jwks("https://login.example.com/jwks.json").client(provider);
        let auth = Authenticator::<User>::builder().keys(&remote).any_audience().build()?;
        let empty = ALLOCATOR.allocated();
        if remote.ready().await.is_ok() {
            return Err("a set with too many keys is taken".into());
        }
        let most = ALLOCATOR.allocated().saturating_sub(empty);
        drop(auth);
        table.print(what, MOST_KEYS, full, full, full.max(most))?;
        // What aws-lc has of a key is not counted: as many as it takes to see them in the memory of the process.
        let (before, jwks) = (resident()?, jwks.to_string());
        let sets: Vec<KeySet> = (0..100).map(|_| KeySet::jwks(&jwks)).collect::<Result<_, _>>()?;
        let each = resident()?.saturating_sub(before) / (sets.len() * MOST_KEYS);
        say(&format!("| the same in resident memory, with what aws-lc has of it | {each} | | | |"))?;
    }
    Ok(())
}

async fn tenants(table: &mut Table) -> Result<(), Failure> {
    let what = "tenant with two RS256 keys that has sent a good token";
    if !table.has(what) {
        return Ok(());
    }
    let (first, second) = (SigningKey::generate(Algorithm::RS256)?, SigningKey::generate(Algorithm::RS256)?);
    let issuer = Issuer::builder("https://login.example.com").audience("api").signing_key(first.clone().with_kid("0"));
    let keys = issuer.published_key(second.with_kid("1")).build()?.jwks();
    let provider = Provider { keys: keys.into() };
    let rule = move |name: &str| {
        let keys = RemoteKeySet::discover(name).client(provider.clone());
        name.starts_with("https://login.example.com/").then(|| TrustedIssuer::new(name, keys))
    };
    let many = u32::MAX / 4;
    let tenants = Tenants::matching(rule).max_new_per_minute(many).max_unconfirmed_per_minute(many);
    let auth = Authenticator::<User>::builder().trust_tenants(tenants).audience("api").build()?;
    let key = first.with_kid("0");
    let add = async |number: usize| {
        // Of the flood, one in twenty is a tenant, and the others are names that nobody knows.
        let is_tenant = number < 1000 || number.is_multiple_of(20);
        let mut claims = claims(number);
        let name = if is_tenant { "tenant" } else { "nobody" };
        claims["iss"] = format!("https://login.example.com/{name}-{number}").into();
        let token = if is_tenant { key.sign(&claims)? } else { format!("{}x", unsigned(&claims)) };
        let good = is_good(&auth, &request("Bearer", &token)?).await;
        if good == is_tenant { Ok(()) } else { Err(format!("{name} {number}: {good}").into()) }
    };
    table.row(what, 1000, add).await
}

/// The shape of a token, with a signature that nobody has made.
fn unsigned(claims: &Value) -> String {
    let encode = |text: &Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text.to_string());
    format!("{}.{}.{}", encode(&json!({"alg": "RS256", "kid": "0"})), encode(claims), "A".repeat(341))
}

async fn proofs(table: &mut Table) -> Result<(), Failure> {
    let rows: [(&str, Option<Arc<MemoryStore>>); 2] = [
        ("used proof (DPoP), in this process", None),
        ("used proof (DPoP), in MemoryStore", Some(Arc::new(MemoryStore::new()))),
    ];
    for (what, store) in rows {
        if !table.has(what) {
            continue;
        }
        // A proof takes a while to be signed and verified.
        const BOUND: usize = 50_000;
        let signing = SigningKey::secret(Algorithm::HS256, SECRET)?;
        let key = DpopKey::generate(Algorithm::EdDSA)?;
        let mut claims = claims(0);
        claims["cnf"] = json!({"jkt": key.thumbprint()});
        let token = signing.sign(&claims)?;
        let dpop = Dpop::new().max_proofs(BOUND, BOUND).max_age(Duration::from_secs(3600));
        let dpop = match store {
            None => dpop,
            Some(store) => dpop.replay_store(store),
        };
        let auth = Authenticator::<User>::builder()
            .keys(KeySet::new([signing.verifying_key()])?)
            .audience("api")
            .public_origin("https://api.example.com")
            .cache(TokenCache::new())
            .dpop(dpop)
            .build()?;
        let add = async |number: usize| {
            let proof =
                key.proof("GET", "https://api.example.com/").for_token(&token).id(&number.to_string()).sign()?;
            let mut request = request("DPoP", &token)?;
            request.headers_mut().insert("dpop", proof.parse()?);
            let good = is_good(&auth, &request).await;
            if good == (number < BOUND) { Ok(()) } else { Err(format!("proof {number}: {good}").into()) }
        };
        table.row(what, BOUND, add).await?;
    }
    Ok(())
}
