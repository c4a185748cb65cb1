//! The servers: what both of them serve, for each framework in its own file.

mod actix;
mod tower;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::net::TcpListener;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jwt_core::adapter::{RequestHead, Response};
use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{
    Algorithm, Authenticator, Issuer, LoginCookies, Logins, PostgresStore, RedisStore, RefreshTokens, RemoteKeySet,
    Revocations, SigningKey, TokenCache,
};
use serde::{Deserialize, Serialize};

use crate::ALLOCATOR;
use crate::provider::ISSUER;
use crate::traffic::Store;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Framework {
    Axum,
    Actix,
}

impl Framework {
    pub(crate) const ALL: [Self; 2] = [Self::Axum, Self::Actix];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Actix => "actix",
        }
    }
}

impl FromStr for Framework {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|framework| framework.name() == name).ok_or_else(|| format!("no framework {name}"))
    }
}

/// A fault, so that one sees that it is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Planted {
    Lost,
    Served,
    Panic,
    Leak,
    Descriptors,
}

impl Planted {
    const ALL: [(Self, &str); 5] = [
        (Self::Lost, "lost"),
        (Self::Served, "served"),
        (Self::Panic, "panic"),
        (Self::Leak, "leak"),
        (Self::Descriptors, "descriptors"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(planted, _)| *planted == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::ALL.iter().find(|(_, other)| *other == name);
        all.map(|(planted, _)| *planted).ok_or_else(|| format!("no fault {name}"))
    }
}

/// Where everything is that the servers depend on.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    pub(crate) redis: String,
    pub(crate) postgres: String,
    pub(crate) keys: String,
}

/// The claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) sub: String,
    pub(crate) name: String,
}

/// Behind every handler. Cheap to clone.
#[derive(Clone)]
struct Service {
    /// For the tokens of the provider.
    fetched: Authenticator<User>,
    redis: Sessions,
    postgres: Sessions,
    planted: Option<Planted>,
    requests: Arc<AtomicU64>,
}

/// Logins in one store, and the authenticator for their tokens.
#[derive(Clone)]
struct Sessions {
    logins: Logins,
    auth: Authenticator<User>,
}

/// How many requests go by between two strikes of a planted fault.
const STRIKES: u64 = 5000;

impl Service {
    async fn open(stores: &Stores, planted: Option<Planted>) -> Result<Self, Box<dyn Error>> {
        let seconds = Duration::from_secs;
        // Fetched again after some seconds, so that a withdrawn key is soon forgotten.
        let keys = RemoteKeySet::jwks(&stores.keys)
            .lifetime(seconds(5), seconds(5), seconds(5))
            .stale_if_error(seconds(120))
            .timeout(seconds(2));
        let fetched = Authenticator::builder()
            .keys(&keys)
            .issuer(ISSUER)
            .audience("soak")
            // It is full before the warm-up is over.
            .cache(TokenCache::new().max_entries(300))
            .build()?;
        keys.ready_within(seconds(30)).await?;
        let redis = Arc::new(RedisStore::connect(&stores.redis).await?);
        let postgres = Arc::new(PostgresStore::connect(&stores.postgres).await?);
        Ok(Self {
            fetched,
            redis: Sessions::open(Store::Redis, redis).await?,
            postgres: Sessions::open(Store::Postgres, postgres).await?,
            planted,
            requests: Arc::default(),
        })
    }

    /// The handler of every protected route.
    fn me(&self, user: &User) -> Result<String, ()> {
        let strikes = self.requests.fetch_add(1, Ordering::Relaxed) % STRIKES == STRIKES - 1;
        match self.planted {
            Some(Planted::Lost) if strikes => return Err(()),
            #[expect(clippy::panic, reason = "it is what was asked for")]
            Some(Planted::Panic) if strikes => panic!("planted"),
            Some(Planted::Leak) => drop(Box::leak(Box::new([0_u8; 64]))),
            Some(Planted::Descriptors) if strikes => mem::forget(File::open("/dev/null")),
            _ => {}
        }
        Ok(user.sub.clone())
    }
}

impl Sessions {
    async fn open<S: SignInStore + RevocationStore + 'static>(
        place: Store,
        store: Arc<S>,
    ) -> Result<Self, Box<dyn Error>> {
        let second = Duration::from_secs(1);
        // Both servers have the same secret: a login of one is good at the other.
        let key = SigningKey::secret(Algorithm::HS256, "the same secret on both of the servers")?;
        let issuer = Issuer::builder(format!("https://{}.example.com", place.name()))
            .audience("soak")
            // So short, and so little leeway, that what is revoked is forgotten before the warm-up is over.
            .access_token_lifetime(20 * second)
            .signing_key(key)
            .build()?;
        // The default is 10 seconds; an outage that lasts longer than that, on a busy machine, would end logins.
        let refresh = RefreshTokens::builder(store.clone()).grace(60 * second).build()?;
        let revocations = Revocations::builder(store).leeway(second).clock_skew(second).open().await?;
        let logins = Logins::builder(issuer, refresh)
            .cookies(LoginCookies::builder().refresh_path(format!("/{}/auth", place.name())).build()?)
            .revocations(&revocations)
            .routes_path(format!("/{}/auth", place.name()))
            .build()?;
        let auth = logins.authenticator().leeway(second).cache(TokenCache::new().max_entries(100)).build()?;
        Ok(Self { logins, auth })
    }

    /// For browsers.
    async fn log_in(&self, head: &impl RequestHead) -> Response<String> {
        let attempt = match self.logins.attempt(head) {
            Ok(attempt) => attempt,
            Err(error) => return error.response(),
        };
        attempt.log_in(&user(head)).await.map_or_else(|error| error.response(), |login| login.response())
    }

    /// For everybody else.
    async fn api_log_in(&self, head: &impl RequestHead) -> Response<String> {
        let login = self.logins.log_in(&user(head), "soak").await;
        login.map_or_else(|error| error.response(), |login| login.json())
    }
}

/// Who that is, the query says; there are no passwords here.
fn user(head: &impl RequestHead) -> User {
    let sub = head.query().unwrap_or("nobody").to_owned();
    User { name: format!("The user {sub}"), sub }
}

/// Serves until the process is ended, and says on stdout first `port` and its port, and then `live` and how many bytes are
/// alive, twice a second.
pub(crate) fn serve(framework: Framework, stores: &Stores, planted: Option<Planted>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let ready = move || {
        say(&format!("port {port}"));
        thread::spawn(|| {
            loop {
                thread::sleep(Duration::from_millis(500));
                say(&format!("live {}", ALLOCATOR.allocated()));
            }
        });
    };
    match framework {
        Framework::Axum => tower::serve(listener, stores, planted, ready),
        Framework::Actix => actix::serve(listener, stores, planted, ready),
    }
}

/// Nobody listens any more where that fails.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
