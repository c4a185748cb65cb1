//! Clients that never stop: the same number with sessions and with JWTs, each sending a request every so often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Bytes;
use serde::Serialize;

use crate::client::Http;
use crate::cluster::Cluster;

/// How many clients there are, and what they do.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many there are of each kind.
    pub clients: usize,
    /// How long each of them waits between two requests.
    pub pause: Duration,
    /// Whether they rest while nobody listens to the ticks of the cluster: no page is open, or none is to be seen.
    pub only_watched: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { clients: 4, pause: Duration::from_millis(100), only_watched: false }
    }
}

/// The two kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value token: the claims, signed.
    Jwt,
    /// A reference token: the number of a session.
    Session,
}

/// What became of the requests of one kind.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    served: [AtomicU64; 3],
    refused: [AtomicU64; 3],
    lost: AtomicU64,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Served with 200, by each instance.
    pub served: [u64; 3],
    /// Answered with anything else, by each instance.
    pub refused: [u64; 3],
    /// Not answered by any instance.
    pub lost: u64,
}

impl Counters {
    /// What they stand at.
    pub(crate) fn read(&self) -> Counts {
        let read = |counters: &[AtomicU64; 3]| counters.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        Counts { served: read(&self.served), refused: read(&self.refused), lost: self.lost.load(Ordering::Relaxed) }
    }

    fn count(&self, answer: Option<(StatusCode, &HeaderMap)>) {
        let instance = answer.and_then(|(_, headers)| instance(headers));
        let counter = match (answer, instance) {
            (Some((StatusCode::OK, _)), Some(n)) => &self.served[n],
            (Some(_), Some(n)) => &self.refused[n],
            _ => &self.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// What happened since then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let minus = |now: [u64; 3], before: [u64; 3]| std::array::from_fn(|n| now[n] - before[n]);
        Self {
            served: minus(self.served, before.served),
            refused: minus(self.refused, before.refused),
            lost: self.lost - before.lost,
        }
    }

    /// How many were served.
    pub fn total_served(self) -> u64 {
        self.served.iter().sum()
    }

    /// How many were not.
    pub fn total_failed(self) -> u64 {
        self.refused.iter().sum::<u64>() + self.lost
    }
}

/// Which instance says that it answered.
pub(crate) fn instance(headers: &HeaderMap) -> Option<usize> {
    let number: usize = headers.get("x-instance")?.to_str().ok()?.strip_prefix("orders-")?.parse().ok()?;
    (1..=3).contains(&number).then(|| number - 1)
}

// #load
/// Sends them all off.
pub(crate) fn start(cluster: &Arc<Cluster>, load: Load) {
    for n in 0..load.clients {
        for kind in [Kind::Jwt, Kind::Session] {
            let client = Client { cluster: cluster.clone(), http: Http::default(), kind, number: n, balancer: None };
            tokio::spawn(client.run(load));
        }
    }
}

/// Renews what it has before it ends, and signs in again when it has not been served for that long.
const RENEW: Duration = Duration::from_secs(120);
const GIVE_UP: Duration = Duration::from_secs(3);
/// How often a client that rests looks up.
const REST: Duration = Duration::from_millis(500);

struct Client {
    cluster: Arc<Cluster>,
    http: Http,
    kind: Kind,
    number: usize,
    /// The cookie of the balancer.
    balancer: Option<String>,
}

impl Client {
    async fn run(mut self, load: Load) {
        let mut clock = tokio::time::interval(load.pause);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.rest(load).await;
            clock.tick().await;
            let Some(token) = self.sign_in().await else { continue };
            let (start, mut served) = (Instant::now(), Instant::now());
            while start.elapsed() < RENEW && served.elapsed() < GIVE_UP {
                if self.rest(load).await {
                    served = Instant::now();
                }
                clock.tick().await;
                match self.ask(&token).await {
                    // Unless it is not the fault of the token.
                    Some(StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) | None => served = Instant::now(),
                    Some(_) => {}
                }
            }
        }
    }

    /// Waits until somebody watches, if that is wanted, and says whether it had to.
    async fn rest(&self, load: Load) -> bool {
        let mut rested = false;
        while load.only_watched && !self.cluster.is_watched() {
            tokio::time::sleep(REST).await;
            rested = true;
        }
        rested
    }

    async fn sign_in(&mut self) -> Option<String> {
        let body = format!(r#"{{"name":"Client {}","place":"storage"}}"#, self.number);
        let request = |path| Request::post(path).header(CONTENT_TYPE, "application/json").body(Bytes::from(body));
        let (request, port, member) = match self.kind {
            Kind::Jwt => (request("/login"), self.cluster.login_port(), "access_token"),
            Kind::Session => (request("/session"), self.cluster.front_port(), "session"),
        };
        let response = self.http.send(self.with_balancer(request.ok()?), port).await;
        let Some(response) = response.ok().filter(|response| response.status().is_success()) else {
            self.cluster.counters(self.kind).count(None);
            return None;
        };
        self.keep_balancer(response.headers());
        let answer: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
        answer.get(member)?.as_str().map(str::to_owned)
    }

    async fn ask(&mut self, token: &str) -> Option<StatusCode> {
        let request = Request::get("/orders").header(AUTHORIZATION, format!("Bearer {token}")).body(Bytes::new());
        let response = self.http.send(self.with_balancer(request.ok()?), self.cluster.front_port()).await.ok();
        let counters = self.cluster.counters(self.kind);
        counters.count(response.as_ref().map(|response| (response.status(), response.headers())));
        let response = response?;
        self.keep_balancer(response.headers());
        Some(response.status())
    }

    fn with_balancer(&self, mut request: Request<Bytes>) -> Request<Bytes> {
        if let Some(Ok(cookie)) = self.balancer.as_deref().map(str::parse) {
            request.headers_mut().insert(COOKIE, cookie);
        }
        request
    }

    fn keep_balancer(&mut self, headers: &HeaderMap) {
        let values = headers.get_all(SET_COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        for value in values.filter(|value| value.starts_with("instance=")) {
            self.balancer = value.split(';').next().map(str::to_owned);
        }
    }
}
