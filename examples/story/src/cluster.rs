//! The whole cluster: a login service, three instances of orders behind a balancer, invoices, and the shared cache.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::Algorithm;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::access::Access;
use crate::cable::Cable;
use crate::cache::Cache;
use crate::client::Http;
use crate::front::{Balancer, Front};
use crate::instance::Instance;
use crate::load::{self, Counters, Counts, Kind, Load};
use crate::login::{self, Signer};
use crate::provider::{Event, Happens, Provider};
use crate::world::{Switches, World};
use crate::{invoices, sentence};

/// How often the page hears of the cluster.
const TICK: Duration = Duration::from_millis(500);

/// How the cluster is put together.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The Redis that is the shared cache; in this process if there is none.
    pub redis: Option<String>,
    /// What stands in front of the instances.
    pub balancer: Balancer,
    /// Who sends requests all the time.
    pub load: Load,
}

/// All of it, running.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) world: Arc<World>,
    signer: Signer,
    provider: Provider,
    front: Front,
    instances: Mutex<[Instance; 3]>,
    jwt: Counters,
    session: Counters,
    redis: bool,
    tick: watch::Sender<Tick>,
}

/// What the cluster is like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a switch of the page")]
pub struct State {
    /// How many instances get requests.
    pub instances: usize,
    /// Whether a client stays with its instance.
    pub sticky: bool,
    /// Whether sessions are in the shared cache.
    pub shared: bool,
    /// Whether the shared cache can be reached.
    pub cache: bool,
    /// Which instances live.
    pub alive: [bool; 3],
    /// The name of the key that signs.
    pub kid: String,
    /// Whether that is one of ML-DSA-65, and not of ES256.
    pub ml_dsa: bool,
    /// Whether the cache is a real Redis.
    pub redis: bool,
    /// What stands in front.
    pub balancer: &'static str,
}

/// What happened in half a second.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tick {
    /// The number of the tick.
    pub number: u64,
    /// What the cluster is like at its end.
    pub state: State,
    /// What became of requests with a JWT.
    pub jwt: Counts,
    /// What became of requests with a session.
    pub session: Counts,
    /// What to expect, and why.
    pub sentence: String,
}

impl Cluster {
    /// Starts everything, inside of a Tokio runtime.
    ///
    /// # Errors
    /// If something does not start: there is no Redis at that address, or no such balancer on this machine.
    pub async fn start(setup: &Setup) -> Result<Arc<Self>, Box<dyn Error + Send + Sync>> {
        let cache = match &setup.redis {
            None => Cache::here(),
            Some(url) => {
                Cache::Redis(Cable::to(url).await.map_err(|error| format!("no Redis at that address: {error}"))?)
            }
        };
        let listeners = [listener().await?, listener().await?, listener().await?, listener().await?, listener().await?];
        let [login, invoices, orders @ ..] = listeners;
        let world = Arc::new(World {
            switches: Switches::default(),
            witness: crate::witness::Witness::default(),
            cache,
            login_port: login.local_addr()?.port(),
            invoices_port: invoices.local_addr()?.port(),
        });

        let signer = Signer::new()?;
        let provider = Provider::new()?;
        let router = login::router(signer.clone(), &provider, world.clone()).await?;
        tokio::spawn(axum::serve(login, router).into_future());
        let access = Access::open("invoices", &world).await?;
        tokio::spawn(axum::serve(invoices, invoices::router(&access, world.clone())).into_future());

        let addresses = [orders[0].local_addr()?, orders[1].local_addr()?, orders[2].local_addr()?];
        drop(orders);
        let mut instances = [1, 2, 3].map(|number| Instance::new(number, addresses[number - 1]));
        for instance in &mut instances {
            instance.start(&world).await?;
        }
        let front = Front::start(setup.balancer, addresses.map(|address| address.port())).await?;

        let cluster = Arc::new(Self {
            world,
            signer,
            provider,
            front,
            instances: Mutex::new(instances),
            jwt: Counters::default(),
            session: Counters::default(),
            redis: setup.redis.is_some(),
            tick: watch::Sender::default(),
        });
        load::start(&cluster, setup.load);
        tokio::spawn(tick(cluster.clone()));
        Ok(cluster)
    }

    /// Lets one or three instances have the requests.
    pub fn set_instances(&self, instances: usize) {
        self.world.switches.set_instances(instances);
    }

    /// Lets a client stay with its instance, or not.
    pub fn set_sticky(&self, sticky: bool) {
        self.world.switches.set_sticky(sticky);
    }

    /// Keeps sessions in the shared cache from now on, or each in its instance.
    pub fn set_shared(&self, shared: bool) {
        self.world.switches.set_shared(shared);
    }

    /// Kills the shared cache, or brings it back.
    pub fn set_cache(&self, up: bool) {
        self.world.cache.set_up(up);
    }

    /// Kills an instance, 0 to 2, or starts it again.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn set_alive(&self, instance: usize, alive: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut instances = self.instances.lock().await;
        let instance = instances.get_mut(instance).ok_or("there are three instances")?;
        if alive {
            return instance.start(&self.world).await;
        }
        instance.kill().await;
        Ok(())
    }

    /// Signs with a new key from now on, and yields its name.
    ///
    /// # Errors
    /// If there is none to be made.
    pub fn rotate(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        self.signer.rotate()
    }

    /// Signs with a new key of ML-DSA-65 from now on, or with one of ES256 again, and yields its name.
    ///
    /// # Errors
    /// If there is none to be made.
    pub fn set_ml_dsa(&self, ml_dsa: bool) -> Result<String, Box<dyn Error + Send + Sync>> {
        self.signer.set_ml_dsa(ml_dsa)
    }

    /// What the identity provider has to say of a user.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn event(&self, happens: Happens, user: &str) -> Result<Event, Box<dyn Error + Send + Sync>> {
        self.provider.event(happens, user)
    }

    /// Has the provider tell the login service, and yields the status of the answer.
    ///
    /// # Errors
    /// If there is none.
    pub async fn deliver(&self, event: &Event) -> Result<u16, Box<dyn Error + Send + Sync>> {
        let request = http::Request::post("/auth/provider-events").header(http::header::CONTENT_TYPE, event.media);
        let request = request.body(hyper::body::Bytes::from(event.body.clone()))?;
        Ok(Http::default().send(request, self.login_port()).await?.status().as_u16())
    }

    /// What the cluster is like.
    pub async fn state(&self) -> State {
        let alive = self.instances.lock().await.each_ref().map(Instance::is_alive);
        let switches = &self.world.switches;
        State {
            instances: switches.instances(),
            sticky: switches.sticky(),
            shared: switches.shared(),
            cache: self.world.cache.is_up(),
            alive,
            kid: self.signer.active_kid(),
            ml_dsa: self.signer.algorithm() == Algorithm::MlDsa65,
            redis: self.redis,
            balancer: match self.front.balancer {
                Balancer::Here => "built-in",
                Balancer::HaProxy => "HAProxy",
                Balancer::Nginx => "nginx",
            },
        }
    }

    /// What became of the requests of that kind since the start.
    pub fn counts(&self, kind: Kind) -> Counts {
        self.counters(kind).read()
    }

    pub(crate) fn counters(&self, kind: Kind) -> &Counters {
        if kind == Kind::Jwt { &self.jwt } else { &self.session }
    }

    /// Where to send requests to orders.
    pub fn front_port(&self) -> u16 {
        self.front.port(self.world.switches.instances(), self.world.switches.sticky())
    }

    /// Where to sign in.
    pub fn login_port(&self) -> u16 {
        self.world.login_port
    }

    /// Whether anybody listens to the ticks.
    pub(crate) fn is_watched(&self) -> bool {
        self.tick.receiver_count() > 0
    }

    /// What happened in the last half second, and from then on.
    pub fn ticks(&self) -> watch::Receiver<Tick> {
        self.tick.subscribe()
    }
}

async fn listener() -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

async fn tick(cluster: Arc<Cluster>) {
    let mut clock = tokio::time::interval(TICK);
    let (mut jwt, mut session) = (Counts::default(), Counts::default());
    for number in 1.. {
        clock.tick().await;
        let state = cluster.state().await;
        let (now_jwt, now_session) = (cluster.counts(Kind::Jwt), cluster.counts(Kind::Session));
        let sentence = sentence::of(&state);
        cluster.tick.send_replace(Tick {
            number,
            state,
            jwt: now_jwt.since(jwt),
            session: now_session.since(session),
            sentence,
        });
        (jwt, session) = (now_jwt, now_session);
    }
}
