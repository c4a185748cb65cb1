//! A law of logins, against made-up histories: after a logout, no credential of that login is accepted anywhere, and the
//! response clears every cookie that the login may have set; whatever state cookies, stores and clocks are in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, SECRET, User, WatchedStore};
use http::{HeaderMap, Request};
use jwt_core::adapter::Verdict;
use jwt_core::clock::NumericDate;
use jwt_core::login::Login;
use jwt_core::store::{Revocation, RevocationStore, StoreError, StoreFuture};
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Authenticator, CsrfTokens, Issuer, LoginCookies, Logins, MemoryStore, RefreshTokens, Revocations,
    SigningKey,
};
use proptest::prelude::*;

const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Two clocks and the leeway of a verifier.
const STATED: Duration = Duration::from_secs(15 * 60 + 40 + 30 + 1);

/// One step of a history. An index picks an instance, or one of the tokens that there are.
#[derive(Debug, Clone, Copy)]
enum Step {
    Refresh { on: usize, token: usize },
    Get { on: usize, access: usize, refresh: usize },
    Wait(u64),
    SignInsAreAway(bool),
    RevocationsFail(u8),
}

/// What the request that logs out carries.
#[derive(Debug, Clone)]
struct Logout {
    on: usize,
    bearer: Option<usize>,
    access: Vec<usize>,
    refresh: Vec<usize>,
    junk: Vec<(usize, &'static str)>,
    companion: bool,
    /// A refresh with that token is under way, and waits for the store until the logout is done.
    under_way: Option<(usize, usize)>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2_usize, 0..9_usize).prop_map(|(on, token)| Step::Refresh { on, token }),
        4 => (0..2_usize, 0..9_usize, 0..9_usize).prop_map(|(on, access, refresh)| Step::Get { on, access, refresh }),
        4 => prop_oneof![0..15_u64, 0..1200_u64].prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::SignInsAreAway),
        1 => (0..3_u8).prop_map(Step::RevocationsFail),
    ]
}

fn logout() -> impl Strategy<Value = Logout> {
    let indices = || prop::collection::vec(0..9_usize, 0..3);
    let junk = prop::sample::select(vec!["", "junk", "\"", "jrt_x", "eyJ.e30.x", "a b"]);
    let junk = prop::collection::vec((0..6_usize, junk), 0..4);
    let under_way = prop::option::of((0..2_usize, 0..9_usize));
    (0..2_usize, prop::option::of(0..9_usize), indices(), indices(), junk, any::<bool>(), under_way).prop_map(
        |(on, bearer, access, refresh, junk, companion, under_way)| Logout {
            on,
            bearer,
            access,
            refresh,
            junk,
            companion,
            under_way,
        },
    )
}

/// A log of revocations that fails on demand: 1 as a store that is away, 2 as one that is full.
#[derive(Default)]
struct Log {
    store: MemoryStore,
    fails: AtomicU8,
}

#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Down;

impl Log {
    fn unless_down<'s, T: Send + 's>(&self, operation: StoreFuture<'s, T>, reads: bool) -> StoreFuture<'s, T> {
        match self.fails.load(Ordering::SeqCst) {
            1 => Box::pin(async { Err(StoreError::unavailable(Down)) }),
            2 if !reads => Box::pin(async { Err(StoreError::Full) }),
            _ => operation,
        }
    }
}

impl RevocationStore for Log {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        if self.fails.load(Ordering::SeqCst) > 0 {
            return self.unless_down(Box::pin(async { Ok(()) }), false);
        }
        self.store.add(revocation, now)
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.unless_down(self.store.since(number), true)
    }
}

struct Instance {
    clock: TestClock,
    list: Revocations,
    logins: Logins,
    auth: Authenticator<User>,
}

struct World {
    sign_ins: Arc<WatchedStore>,
    log: Arc<Log>,
    instances: Vec<Instance>,
    login_cookies: LoginCookies,
    access: Vec<String>,
    refresh: Vec<String>,
    companion: String,
    /// Name, path and domain of every cookie that was set.
    cookies: BTreeSet<String>,
    refresh_name: String,
}

/// What browsers tell cookies by.
fn identity(cookie: &str) -> String {
    let mut parts = cookie.split("; ");
    let name = parts.next().unwrap_or_default().split('=').next().unwrap_or_default();
    let rest: Vec<&str> = parts.filter(|part| part.starts_with("Path=") || part.starts_with("Domain=")).collect();
    format!("{name}; {}", rest.join("; "))
}

fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap())
}

impl World {
    async fn new(kind: u8, skew: u64) -> Self {
        let (sign_ins, log) = (Arc::new(WatchedStore::new()), Arc::new(Log::default()));
        let cookies = match kind {
            0 => LoginCookies::builder(),
            1 => LoginCookies::builder().csrf(&CsrfTokens::new([5; 32]).unwrap()).refresh_path("/"),
            _ => LoginCookies::builder().refresh_name("__Host-refresh_token").refresh_path("/"),
        };
        let login_cookies = cookies.build().unwrap();
        let mut instances = Vec::new();
        for ahead in [0, skew] {
            let clock = TestClock::new();
            clock.advance(Duration::from_secs(ahead));
            let list = Revocations::builder(log.clone()).clock(clock.clone());
            // The test polls by itself.
            let list = list.poll_interval(Duration::from_secs(3600)).open().await.unwrap();
            let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
            let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone());
            let issuer = issuer.access_token_lifetime(LIFETIME).build().unwrap();
            let refresh = RefreshTokens::builder(sign_ins.clone()).clock(clock.clone()).build().unwrap();
            let builder = Logins::builder(issuer, refresh).revocations(&list).cookies(login_cookies.clone());
            let builder = if kind == 0 { builder } else { builder.transparent_renewal() };
            let logins = builder.build().unwrap();
            let auth = logins.authenticator::<User>().build().unwrap();
            instances.push(Instance { clock, list, logins, auth });
        }
        let refresh_name = if kind == 2 { "__Host-refresh_token" } else { "__Secure-refresh_token" }.to_owned();
        let (access, refresh, companion, cookies) = (Vec::new(), Vec::new(), String::new(), BTreeSet::new());
        let mut world =
            Self { sign_ins, log, instances, login_cookies, access, refresh, companion, cookies, refresh_name };
        let user = User { sub: "alice".into(), name: "Alice".into() };
        let login = world.instances[0].logins.log_in(&user, "").await.unwrap();
        world.keep(&login);
        assert!(world.accepts(0, &world.access[0]) && world.accepts(1, &world.access[0]));
        world
    }

    /// A browser keeps what it is given, and so does everybody who has a copy.
    fn keep(&mut self, login: &Login) {
        let headers = login.dangerous_set_cookies(&self.login_cookies);
        let cookies: Vec<String> = set_cookies(&headers).map(str::to_owned).collect();
        self.keep_cookies(&cookies);
    }

    fn keep_cookies(&mut self, cookies: &[String]) {
        for cookie in cookies {
            self.cookies.insert(identity(cookie));
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            match name {
                "__Host-access_token" => self.access.push(value.to_owned()),
                "__Host-refresh_token_id" => value.clone_into(&mut self.companion),
                name if name == self.refresh_name && self.refresh.last().is_none_or(|last| last != value) => {
                    self.refresh.push(value.to_owned());
                }
                _ => {}
            }
        }
    }

    fn get(access: &str, refresh: &str, name: &str, companion: &str) -> Request<()> {
        let cookie = format!("__Host-access_token={access}; {name}={refresh}; __Host-refresh_token_id={companion}");
        Request::get("/").header("cookie", cookie).body(()).unwrap()
    }

    fn accepts(&self, on: usize, access: &str) -> bool {
        let request = Request::get("/").header("authorization", format!("Bearer {access}")).body(()).unwrap();
        matches!(self.instances[on].auth.authenticate(&request), Verdict::Verified(_))
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Refresh { on, token } => {
                let token = self.refresh[token % self.refresh.len()].clone();
                if let Ok(login) = self.instances[on].logins.refresh(token).await {
                    self.keep(&login);
                }
            }
            Step::Get { on, access, refresh } => {
                let access = &self.access[access % self.access.len()];
                let refresh = &self.refresh[refresh % self.refresh.len()];
                let request = Self::get(access, refresh, &self.refresh_name, &self.companion);
                if let Verdict::Pending(pending) = self.instances[on].auth.authenticate(&request) {
                    let (_, headers) =
                        jwt_core::adapter::Admission::of(&self.instances[on].auth, pending.await, &request);
                    let mut response = HeaderMap::new();
                    if let Some(headers) = headers {
                        headers.apply(&mut response);
                    }
                    let cookies: Vec<String> = set_cookies(&response).map(str::to_owned).collect();
                    self.keep_cookies(&cookies);
                }
            }
            Step::Wait(seconds) => self.wait(Duration::from_secs(seconds)),
            Step::SignInsAreAway(away) => self.sign_ins.set_down(away),
            Step::RevocationsFail(how) => self.log.fails.store(how, Ordering::SeqCst),
        }
    }

    fn wait(&self, time: Duration) {
        for instance in &self.instances {
            instance.clock.advance(time);
        }
    }

    fn request(&self, logout: &Logout) -> Request<()> {
        let mut pairs: Vec<String> = Vec::new();
        for index in &logout.access {
            pairs.push(format!("__Host-access_token={}", self.access[index % self.access.len()]));
        }
        for index in &logout.refresh {
            pairs.push(format!("{}={}", self.refresh_name, self.refresh[index % self.refresh.len()]));
        }
        // Whatever else: some token that names the login is there, or nobody could tell which one is to end.
        pairs.push(format!("{}={}", self.refresh_name, self.refresh[0]));
        if logout.companion {
            pairs.push(format!("__Host-refresh_token_id={}", self.companion));
        }
        for (index, junk) in &logout.junk {
            let name = if index % 2 == 0 { "__Host-access_token" } else { &self.refresh_name };
            pairs.insert(index % (pairs.len() + 1), format!("{name}={junk}"));
        }
        let request = Request::post("/auth/logout").header("cookie", pairs.join("; "));
        let request = match logout.bearer {
            Some(index) => {
                request.header("authorization", format!("Bearer {}", self.access[index % self.access.len()]))
            }
            None => request,
        };
        request.body(()).unwrap()
    }

    fn some_access_token_is_good(&self, request: &Request<()>, on: usize) -> bool {
        let carried =
            |token: &String| request.headers().values().any(|value| value.to_str().unwrap().contains(&**token));
        // As the instance verifies them that logs out: revoked or not.
        let verifier = self.instances[on].logins.issuer().authenticator::<()>().build_verifier().unwrap();
        self.access.iter().filter(|token| carried(token)).any(|token| verifier.verify(token.as_str()).is_ok())
    }

    /// Whatever is accepted of the login, on whichever instance.
    async fn accepted(&mut self) -> Vec<String> {
        let mut accepted = Vec::new();
        // First each tells the store what it could not be told before, and then each hears of it.
        for instance in self.instances.iter().chain(&self.instances) {
            instance.list.catch_up().await.unwrap();
        }
        for on in 0..self.instances.len() {
            for token in &self.access {
                if self.accepts(on, token) {
                    accepted.push(format!("{on}: access token"));
                }
            }
            for token in &self.refresh {
                if self.instances[on].logins.refresh(token).await.is_ok() {
                    accepted.push(format!("{on}: refresh token"));
                }
                let request = Self::get("", token, &self.refresh_name, &self.companion);
                if let Verdict::Pending(pending) = self.instances[on].auth.authenticate(&request)
                    && pending.await.result().is_ok()
                {
                    accepted.push(format!("{on}: renewal"));
                }
            }
        }
        accepted
    }
}

async fn holds(kind: u8, skew: u64, steps: Vec<Step>, logout: Logout) {
    let mut world = World::new(kind, skew).await;
    let mut lost = false;
    for step in steps {
        let families =
            || async { world.instances[0].logins.refresh_tokens().list("alice").await.map(|list| list.len()) };
        let before = families().await;
        let is_full = world.log.fails.load(Ordering::SeqCst) == 2;
        world.step(step).await;
        let families = world.instances[0].logins.refresh_tokens().list("alice").await.map(|list| list.len());
        // A second use ended the login while the list had no room: the log says so, and tokens run out by themselves.
        lost |= is_full && matches!((before, families), (Ok(1), Ok(0)));
    }

    let under_way = logout.under_way.map(|(on, token)| {
        let (logins, token) = (world.instances[on].logins.clone(), world.refresh[token % world.refresh.len()].clone());
        world.sign_ins.close();
        tokio::spawn(async move { logins.refresh(token).await })
    });
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    let mut request = world.request(&logout);
    let is_full = world.log.fails.load(Ordering::SeqCst) == 2;
    let known = world.some_access_token_is_good(&request, logout.on);
    let mut result = world.instances[logout.on].logins.log_out_from_request(&request).await;
    if let Some(under_way) = under_way {
        world.sign_ins.open();
        if let Ok(login) = under_way.await.unwrap() {
            world.keep(&login);
        }
    }

    // Every cookie is cleared, in every case.
    let (headers, error) = match &result {
        Ok(cleared) => (cleared.clone(), None),
        Err(refusal) => (refusal.response().headers().clone(), Some(refusal.response().status().as_u16())),
    };
    assert!(error.is_none_or(|status| status == 503), "{error:?}");
    let cleared: BTreeSet<String> =
        set_cookies(&headers).filter(|cookie| cookie.ends_with("Max-Age=0")).map(identity).collect();
    assert!(world.cookies.is_subset(&cleared), "{:?} {cleared:?}", world.cookies);

    // The stores come back. Whoever was told that something failed tries again, which does what is missing.
    world.sign_ins.set_down(false);
    world.log.fails.store(0, Ordering::SeqCst);
    lost |= is_full && !known;
    if result.is_err() {
        request = world.request(&logout);
        result = world.instances[logout.on].logins.log_out_from_request(&request).await;
        assert!(result.is_ok(), "the stores are back");
    }
    let mut accepted = world.accepted().await;
    if lost {
        accepted.retain(|what| !what.ends_with("access token"));
    }
    assert_eq!(accepted, Vec::<String>::new(), "at once");
    world.wait(STATED);
    assert_eq!(world.accepted().await, Vec::<String>::new(), "after the stated time");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn after_a_logout_nothing_of_the_login_is_accepted_and_its_cookies_are_cleared(
        kind in 0..3_u8,
        skew in 0..20_u64,
        steps in prop::collection::vec(step(), 0..10),
        logout in logout(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(holds(kind, skew, steps, logout));
    }
}
