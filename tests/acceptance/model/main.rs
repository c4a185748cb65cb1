//! Every order in which logouts, refreshes, logins and polls can happen, on two instances: each time, nothing of what was
//! ended is accepted once all instances have polled, and nothing else was ended.
//!
//! The actors are the code itself. Each of their calls to a store waits until it is its turn, so that an order of turns is a
//! run, and all orders are tried: with no failure, with one failure of a store at any call, and with one failover at any call
//! to a replica that lags behind. The last has counterexamples, which are those of asynchronous replication: an acknowledged
//! write is lost. The test says so, and that there are none where no write is lost.

mod login;

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use acceptance::{AUDIENCE, NOW, SECRET, Stopped, User, compact};
use jwt_core::clock::NumericDate;
use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::session::{NewSignIn, ProviderSession};
use jwt_core::store::{
    Change, Digest, Owner, Record, Revocation, RevocationStore, SignInId, SignInKey, SignInStore, StoreError,
    StoreFuture, Touch,
};
use jwt_core::{Algorithm, Authenticator, Issuer, KeySet, Logins, RefreshTokens, Revocations, Sessions, SigningKey};
use serde_json::json;

const PROVIDER: &str = "https://login.example.com";
const OWN: &str = "https://own.example.com";

/// What the stores hold, all of it in one server.
#[derive(Debug, Clone, Default)]
struct Held {
    sign_ins: BTreeMap<(Owner, SignInId), Record>,
    log: Vec<(u64, Revocation)>,
}

/// A server whose calls wait for their turn.
#[derive(Default)]
struct Server(Mutex<State>);

#[derive(Default)]
struct State {
    held: Held,
    /// What was held before each of the last writes.
    before: Vec<Held>,
    /// Calls wait, and so are made one by one.
    in_turns: bool,
    /// The next call fails: nothing is done, or all of it and the answer is lost.
    fails: Option<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NotDone,
    AnswerLost,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn call<'s, T: Send + 's>(
        &'s self,
        writes: bool,
        call: impl FnOnce(&mut Held) -> T + Send + Unpin + 's,
    ) -> StoreFuture<'s, T> {
        Box::pin(Turn { server: self, call: Some(call), waits: true, writes })
    }
}

/// A call: it waits once, and is made when it is polled again.
struct Turn<'s, F> {
    server: &'s Server,
    call: Option<F>,
    waits: bool,
    writes: bool,
}

impl<T, F: FnOnce(&mut Held) -> T + Unpin> Future for Turn<'_, F> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let server = self.server;
        let mut state = server.state();
        if state.in_turns && std::mem::take(&mut self.waits) {
            return Poll::Pending;
        }
        let fault = state.fails.take();
        let away = || StoreError::unavailable(io::Error::other("away"));
        if fault == Some(Fault::NotDone) {
            return Poll::Ready(Err(away()));
        }
        let call = self.call.take().expect("a call is made once");
        if self.writes {
            let held = state.held.clone();
            state.before.push(held);
        }
        let answer = call(&mut state.held);
        Poll::Ready(if fault.is_some() { Err(away()) } else { Ok(answer) })
    }
}

impl SignInStore for Server {
    fn insert(&self, owner: Owner, record: Record, _: usize, _: NumericDate) -> StoreFuture<'_, ()> {
        self.call(true, move |held| drop(held.sign_ins.insert((owner, record.id), record)))
    }

    fn find(&self, key: SignInKey, secret: Digest, _: Touch, _: NumericDate) -> StoreFuture<'_, Option<Record>> {
        self.call(false, move |held| {
            held.sign_ins.get(&(key.owner, key.id)).filter(|record| record.secret == secret).cloned()
        })
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        self.call(true, move |held| {
            let record = held.sign_ins.get_mut(&(key.owner, key.id))?;
            record.change(expected, change, now);
            Some(record.clone())
        })
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.call(true, move |held| drop(held.sign_ins.remove(&(key.owner, key.id))))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.call(true, move |held| held.sign_ins.retain(|(other, _), _| *other != owner))
    }

    fn list(&self, owner: Owner, _: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        self.call(false, move |held| {
            let of_owner = held.sign_ins.iter().filter(|((other, _), _)| *other == owner);
            of_owner.map(|(_, record)| record.clone()).collect()
        })
    }
}

impl RevocationStore for Server {
    fn add(&self, revocation: Revocation, _: NumericDate) -> StoreFuture<'_, ()> {
        self.call(true, move |held| {
            let number = held.log.last().map_or(1, |(number, _)| number + 1);
            held.log.push((number, revocation));
        })
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.call(false, move |held| held.log.iter().filter(|(other, _)| *other > number).cloned().collect())
    }
}

struct Instance {
    list: Revocations,
    logins: Logins,
    sessions: Sessions,
    /// One that ends logins, and one that ends sessions too, which takes more calls.
    receivers: [LogoutReceiver; 2],
    own: Authenticator<User>,
    provided: Authenticator<User>,
}

/// Whatever one login has brought.
#[derive(Default, Clone)]
struct Login {
    access: Vec<String>,
    refresh: Vec<String>,
    session: Option<String>,
}

struct World {
    server: Arc<Server>,
    instances: [Instance; 2],
    /// By what it is called: `s-1` and `s-2` of Alice, `s-3` of Bob.
    logins: Mutex<BTreeMap<&'static str, Login>>,
}

fn subject(sid: &str) -> &'static str {
    if sid == "s-3" { "bob" } else { "alice" }
}

fn at(sid: &str) -> ProviderSession {
    ProviderSession::new(PROVIDER, subject(sid)).session_id(sid)
}

fn user(sid: &str) -> User {
    User { sub: subject(sid).to_owned(), name: String::new() }
}

fn access(sid: &str) -> String {
    let claims = json!({
        "iss": PROVIDER, "aud": AUDIENCE, "sub": subject(sid), "name": "", "sid": sid, "iat": NOW - 60, "exp": NOW + 600,
    });
    compact(r#"{"alg":"HS256","typ":"at+jwt"}"#, claims.to_string().as_bytes())
}

async fn instance(server: &Arc<Server>) -> Instance {
    let list = Revocations::builder(server.clone()).clock(Stopped).poll_interval(Duration::from_secs(3600));
    let list = list.open().await.unwrap();
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let issuer = Issuer::builder(OWN).audience(AUDIENCE).signing_key(key).clock(Stopped).build().unwrap();
    let refresh = RefreshTokens::builder(server.clone()).clock(Stopped).build().unwrap();
    let logins = Logins::builder(issuer, refresh).revocations(&list).build().unwrap();
    let sessions = Sessions::builder(server.clone()).clock(Stopped).revocations(&list).build().unwrap();
    let keys = KeySet::hs256(SECRET).unwrap();
    let receiver = || {
        let provider = LogoutProvider::new(PROVIDER, keys.clone(), "client");
        LogoutReceiver::builder(&list).provider(provider).logins(&logins)
    };
    let receivers = [receiver().build().unwrap(), receiver().sessions(&sessions).build().unwrap()];
    let provided = Authenticator::builder().keys(keys).issuer(PROVIDER).audience(AUDIENCE).clock(Stopped);
    let provided = provided.revocations(&list).build().unwrap();
    let own = logins.authenticator().build().unwrap();
    Instance { list, logins, sessions, receivers, own, provided }
}

/// What there is at first.
#[derive(Clone)]
struct Start {
    held: Held,
    logins: BTreeMap<&'static str, Login>,
}

impl World {
    /// People have logged in.
    async fn start() -> Start {
        let server = Arc::new(Server::default());
        let instances = [instance(&server).await, instance(&server).await];
        let world = Self { server, instances, logins: Mutex::default() };
        for sid in ["s-1", "s-2", "s-3"] {
            let login = world.instances[0].logins.log_in(&user(sid), "").provider_session(at(sid)).await.unwrap();
            world.keep(sid, &login);
            let new = NewSignIn::new(subject(sid), &user(sid)).unwrap().provider_session(at(sid));
            let session = world.instances[0].sessions.start(new).await.unwrap().0;
            world.logins.lock().unwrap().entry(sid).or_default().session = Some(session.as_str().to_owned());
        }
        let (held, logins) = (world.server.state().held.clone(), world.logins.into_inner().unwrap());
        Start { held, logins }
    }

    async fn new(start: &Start) -> Arc<Self> {
        let server = Arc::new(Server::default());
        server.state().held = start.held.clone();
        let instances = [instance(&server).await, instance(&server).await];
        Arc::new(Self { server, instances, logins: Mutex::new(start.logins.clone()) })
    }

    fn keep(&self, sid: &'static str, login: &jwt_core::login::Login) {
        let mut logins = self.logins.lock().unwrap();
        let kept = logins.entry(sid).or_default();
        kept.access.push(login.access_token().as_str().to_owned());
        kept.refresh.extend(login.refresh_token().map(|token| token.as_str().to_owned()));
    }

    fn first(&self, sid: &str) -> Login {
        self.logins.lock().unwrap()[sid].clone()
    }

    /// What is accepted of a login, on any instance that has polled, or what is not. `ended` says which is wrong.
    async fn wrong(&self, sid: &str, ended: bool, provider_too: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let login = self.first(sid);
        for (on, instance) in self.instances.iter().enumerate() {
            instance.list.catch_up().await.unwrap();
            let mut note = |what: &str, accepted: bool| {
                if accepted == ended {
                    wrong.push(format!("{sid} on {on}: {what}"));
                }
            };
            for token in &login.access {
                note("access token", instance.own.verifier().verify(token).is_ok());
            }
            if provider_too {
                note("access token of the provider", instance.provided.verifier().verify(access(sid)).is_ok());
            }
            if let (Some(session), true) = (&login.session, provider_too) {
                note("session", instance.sessions.look_up(session).await.unwrap().is_some());
            }
            // The last one, which is the one that is good; after an end none is.
            let refresh = if ended { &login.refresh[..] } else { &login.refresh[login.refresh.len() - 1..] };
            for token in refresh.iter().filter(|_| ended || on == 0) {
                note("refresh token", instance.logins.refresh(token).await.is_ok());
            }
        }
        wrong
    }
}

type Actor = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// The provider ends a session, on the first instance, until it is told that this was done.
    EndSession,
    /// The same for all of a user.
    EndUser,
    /// A client refreshes with the token that it got at login, on the second instance.
    Refresh,
    /// Somebody logs in by the session that ends, on the second instance.
    LogIn,
    /// The user logs out here, on the second instance, until that was done.
    LogOut,
    /// All of the user's logins here end, on the second instance, until that was done.
    LogOutEverywhere,
    /// The second instance polls.
    Poll,
}

/// One token: the provider sends the same one again.
fn logout_token(names: &serde_json::Value) -> String {
    let mut claims = json!({
        "iss": PROVIDER, "aud": "client", "iat": NOW, "exp": NOW + 60, "jti": "1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    for (name, value) in names.as_object().unwrap() {
        claims[name] = value.clone();
    }
    compact(r#"{"alg":"HS256","typ":"logout+jwt"}"#, claims.to_string().as_bytes())
}

impl Does {
    fn actor(self, world: &Arc<World>) -> Actor {
        let world = world.clone();
        Box::pin(async move {
            let [one, two] = &world.instances;
            match self {
                Self::EndSession | Self::EndUser => {
                    let names = if self == Self::EndUser { json!({"sub": "alice"}) } else { json!({"sid": "s-1"}) };
                    let body = format!("logout_token={}", logout_token(&names));
                    let head = http::Request::post("/").header("content-type", "application/x-www-form-urlencoded");
                    let head = head.body(()).unwrap();
                    let receiver = &one.receivers[usize::from(self == Self::EndUser)];
                    while receiver.respond(&head, Ok(body.as_bytes())).await.status() != 200 {}
                }
                Self::Refresh => {
                    let token = world.first("s-1").refresh[0].clone();
                    if let Ok(login) = two.logins.refresh(token).await {
                        world.keep("s-1", &login);
                    }
                }
                Self::LogIn => {
                    if let Ok(login) = two.logins.log_in(&user("s-1"), "").provider_session(at("s-1")).await {
                        world.keep("s-1", &login);
                    }
                }
                Self::LogOut => {
                    let token = world.first("s-1").refresh[0].clone();
                    while two.logins.log_out(&token).await.is_err() {}
                }
                Self::LogOutEverywhere => while two.logins.log_out_everywhere("alice").await.is_err() {},
                Self::Poll => drop(two.list.catch_up().await),
            }
        })
    }
}

/// What may go wrong once in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Failure,
    /// To a replica that has not seen the last writes, as many as this at most.
    Failover(usize),
}

/// One choice: whose turn it is, and what goes wrong before.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Turn(usize),
    Failing(usize, Fault),
    Failover(usize),
}

/// What one order of turns has come to.
struct Run {
    /// At each point, how many choices there were, and which was taken.
    taken: Vec<(usize, usize)>,
    wrong: Vec<String>,
    told: Vec<Choice>,
    lost_a_write: bool,
}

async fn run(start: &Start, does: &[Does], trouble: Trouble, plan: &[usize]) -> Run {
    let world = World::new(start).await;
    world.server.state().in_turns = true;
    let mut actors: Vec<Option<Actor>> = does.iter().map(|does| Some(does.actor(&world))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut step = |actor: &mut Option<Actor>| {
        if actor.as_mut().is_some_and(|actor| actor.as_mut().poll(&mut context).is_ready()) {
            *actor = None;
        }
    };
    // Each up to its first call.
    actors.iter_mut().for_each(&mut step);
    let (mut taken, mut told, mut had_trouble, mut lost_a_write) = (Vec::new(), Vec::new(), false, false);
    loop {
        let waiting: Vec<usize> = (0..actors.len()).filter(|index| actors[*index].is_some()).collect();
        let mut choices: Vec<Choice> = waiting.iter().copied().map(Choice::Turn).collect();
        let writes = world.server.state().before.len();
        match trouble {
            Trouble::Failure if !had_trouble => {
                let faults = [Fault::NotDone, Fault::AnswerLost];
                choices.extend(waiting.iter().flat_map(|index| faults.map(|fault| Choice::Failing(*index, fault))));
            }
            Trouble::Failover(most) if !had_trouble => {
                choices.extend((1..=most.min(writes)).map(Choice::Failover));
            }
            _ => {}
        }
        // A failover may also come when everything is done; that nothing more happens is a choice as well.
        if waiting.is_empty() && choices.is_empty() {
            break;
        }
        if waiting.is_empty() {
            choices.insert(0, Choice::Turn(usize::MAX));
        }
        let choice = plan.get(taken.len()).copied().unwrap_or(0);
        taken.push((choices.len(), choice));
        told.push(choices[choice]);
        match choices[choice] {
            Choice::Turn(usize::MAX) => break,
            Choice::Turn(index) => step(&mut actors[index]),
            Choice::Failing(index, fault) => {
                world.server.state().fails = Some(fault);
                step(&mut actors[index]);
                had_trouble = true;
            }
            Choice::Failover(writes) => {
                let mut state = world.server.state();
                let kept = state.before.len() - writes;
                state.held = state.before[kept].clone();
                state.before.truncate(kept);
                (had_trouble, lost_a_write) = (true, true);
            }
        }
    }
    world.server.state().in_turns = false;
    let user_ends = does.contains(&Does::EndUser);
    let provider_ends = user_ends || does.contains(&Does::EndSession);
    let own_ends = does.contains(&Does::LogOutEverywhere);
    let mut wrong = Vec::new();
    if provider_ends || own_ends {
        // The provider's tokens are the provider's to end: where it does not, only what is signed here is looked at.
        wrong.extend(world.wrong("s-1", true, provider_ends).await);
        wrong.extend(world.wrong("s-2", user_ends || own_ends, user_ends).await);
        wrong.extend(world.wrong("s-3", false, true).await);
    }
    Run { taken, wrong, told, lost_a_write }
}

/// Every run, until one is wrong that has to be right. How many there were, and how many were wrong.
fn every_order(does: &[Does], trouble: Trouble) -> (usize, usize) {
    // One for each run: the tasks that follow the lists end with it.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let start = runtime().block_on(World::start());
    let (mut plan, mut runs, mut wrong) = (Vec::new(), 0, 0);
    loop {
        let run = runtime().block_on(run(&start, does, trouble, &plan));
        runs += 1;
        if !run.wrong.is_empty() {
            assert!(run.lost_a_write, "{does:?}: {:?} after {:?}", run.wrong, run.told);
            wrong += 1;
        }
        // The next plan: the last choice that has another one after it.
        let Some(last) = run.taken.iter().rposition(|(of, choice)| choice + 1 < *of) else { break };
        plan = run.taken[..=last].iter().map(|(_, choice)| *choice).collect();
        plan[last] += 1;
    }
    (runs, wrong)
}

#[test]
fn in_every_order_what_was_ended_is_over_and_nothing_else_is() {
    for does in [
        &[Does::EndSession, Does::Refresh][..],
        &[Does::EndSession, Does::Poll],
        &[Does::EndSession, Does::LogIn],
        &[Does::EndSession, Does::LogOut],
        &[Does::EndUser, Does::Refresh],
        &[Does::LogOutEverywhere, Does::Refresh, Does::Poll],
        &[Does::LogOutEverywhere, Does::EndSession],
    ] {
        let (runs, wrong) = every_order(does, Trouble::None);
        assert!(runs > 5 && wrong == 0, "{does:?}: {runs}");
        println!("{does:?}: {runs} orders");
    }
}

#[test]
fn one_failure_of_a_store_at_any_call_changes_nothing_of_that() {
    for does in [&[Does::EndSession, Does::Refresh][..], &[Does::EndUser], &[Does::LogOutEverywhere, Does::Refresh]] {
        let (runs, wrong) = every_order(does, Trouble::Failure);
        assert!(runs > 5 && wrong == 0, "{does:?}: {runs}");
        println!("{does:?}: {runs} orders with a failure");
    }
}

#[test]
fn only_a_failover_that_loses_writes_brings_back_what_was_ended() {
    for does in [&[Does::EndSession][..], &[Does::EndSession, Does::Refresh]] {
        let (runs, wrong) = every_order(does, Trouble::Failover(3));
        // Known, and documented: with asynchronous replication a logout that was acknowledged can be lost.
        assert!(wrong > 0 && wrong < runs, "{does:?}: {wrong} of {runs}");
        println!("{does:?}: {wrong} of {runs} orders with a failover that loses up to three writes");
    }
}
