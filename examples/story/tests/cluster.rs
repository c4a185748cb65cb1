//! The cluster under constant load, behind a real HAProxy and in front of a real Redis: each switch of the page in turn,
//! and what becomes of whom. `tests/run story`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use redis_servers::RedisServer;
use story::{Balancer, Cluster, Counts, Happens, Kind, Load, Setup};

use crate::client::Probe;

/// How long something may take that is certain to come: far more than it does on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many requests of a kind are enough to say what becomes of them.
const ENOUGH: u64 = 300;

/// How many clients there are of each kind, and so how many requests can be on the way at once.
const CLIENTS: usize = 6;

/// What happened to the requests of both kinds in one part of the story.
struct Part {
    jwt: Counts,
    session: Counts,
}

/// The results, as a table for people.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, part: &Part, seen: &str) {
        let cell = |counts: Counts| match counts.total_failed() {
            0 => format!("all of {}", counts.total_served()),
            _ => format!("{} of {}", counts.total_served(), counts.total_served() + counts.total_failed()),
        };
        // A write to a string does not fail.
        let _ = writeln!(self.0, "| {what} | {} | {} | {seen} |", cell(part.jwt), cell(part.session));
    }
}

fn counts(cluster: &Cluster) -> Part {
    Part { jwt: cluster.counts(Kind::Jwt), session: cluster.counts(Kind::Session) }
}

fn since(cluster: &Cluster, before: &Part) -> Part {
    let now = counts(cluster);
    Part { jwt: now.jwt.since(before.jwt), session: now.session.since(before.session) }
}

fn is_there(program: &str) -> bool {
    outside::is_there(outside::is_installed(program), program, "tests/setup story")
}

/// Waits until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !so().await {
        assert!(start.elapsed() < PATIENCE, "it did not come to that: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What becomes of the next requests: enough with a JWT, and some with a session, which may each wait for a dead cache.
async fn watch(cluster: &Cluster) -> Part {
    let before = counts(cluster);
    until("enough requests", async || {
        let part = since(cluster, &before);
        let all = |counts: Counts| counts.total_served() + counts.total_failed();
        all(part.jwt) >= ENOUGH && all(part.session) >= 20
    })
    .await;
    since(cluster, &before)
}

/// Waits until so many requests with a session in a row were served: whoever had to has signed in again.
async fn until_sessions_are_served(cluster: &Cluster) {
    let mut before = counts(cluster).session;
    until("all sessions served", async || {
        let now = cluster.counts(Kind::Session).since(before);
        if now.total_failed() > 0 {
            before = cluster.counts(Kind::Session);
        }
        now.total_failed() == 0 && now.total_served() >= 100
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_carries_a_jwt_is_served_through_all_of_it() {
    let _alone = crate::MACHINE.write().await;
    if !["haproxy", "redis-server"].into_iter().all(is_there) {
        return;
    }
    let mut redis = RedisServer::start();
    let setup = Setup {
        redis: Some(redis.url()),
        balancer: Balancer::HaProxy,
        load: Load { clients: CLIENTS, pause: Duration::from_millis(20), only_watched: false },
    };
    let cluster = Cluster::start(&setup).await.expect("the cluster starts");
    let mut table = Table::default();
    until("served by all", async || cluster.counts(Kind::Jwt).served.iter().all(|served| *served > 0)).await;
    let start = counts(&cluster);

    three_instances_without_a_shared_cache(&cluster, &mut table).await;
    a_sticky_balancer(&cluster, &mut table).await;
    a_shared_cache(&cluster, &mut table).await;
    another_key(&cluster, &mut table).await;
    ml_dsa_and_back(&cluster, &mut table).await;
    a_token_that_was_changed(&cluster, &mut table).await;
    a_token_that_was_revoked(&cluster, &mut table).await;
    let before_death = since(&cluster, &start);
    assert_eq!(before_death.jwt.total_failed(), 0, "nothing of that touches another token: {:?}", before_death.jwt);
    a_dead_cache(&cluster, &mut redis, &mut table).await;
    a_user_who_is_out_at_the_provider(&cluster, &mut redis, &mut table, Happens::LogOut).await;
    a_user_who_is_out_at_the_provider(&cluster, &mut redis, &mut table, Happens::Disable).await;
    a_dead_instance(&cluster, &mut table).await;

    keep(&table);
}

async fn three_instances_without_a_shared_cache(cluster: &Arc<Cluster>, table: &mut Table) {
    let part = watch(cluster).await;
    assert_eq!(part.jwt.total_failed(), 0, "{:?}", part.jwt);
    assert!(part.session.refused.iter().all(|refused| *refused > 0), "every instance knows its own only");

    // One session: the instance that began it knows it, the two others do not.
    let probe = Probe::with_session(cluster).await;
    let mut answers = probe.ask_all(cluster).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 401, 401]);
    // One token: all of them.
    assert_eq!(Probe::with_jwt(cluster).await.ask_all(cluster).await, [200, 200, 200]);
    table.row("three instances, round-robin", &part, "a session is known where it began, and nowhere else");
}

async fn a_sticky_balancer(cluster: &Arc<Cluster>, table: &mut Table) {
    cluster.set_sticky(true);
    until_sessions_are_served(cluster).await;
    let part = watch(cluster).await;
    assert_eq!((part.jwt.total_failed(), part.session.total_failed()), (0, 0));
    table.row("a sticky balancer", &part, "each client stays with the instance that remembers it");
    cluster.set_sticky(false);
}

async fn a_shared_cache(cluster: &Arc<Cluster>, table: &mut Table) {
    cluster.set_shared(true);
    until_sessions_are_served(cluster).await;
    let part = watch(cluster).await;
    assert_eq!((part.jwt.total_failed(), part.session.total_failed()), (0, 0));
    assert_eq!(Probe::with_session(cluster).await.ask_all(cluster).await, [200, 200, 200]);
    table.row("a shared cache, round-robin again", &part, "every instance asks Redis");
}

async fn another_key(cluster: &Arc<Cluster>, table: &mut Table) {
    let old = Probe::with_jwt(cluster).await;
    let before = counts(cluster);
    let kid = cluster.rotate().expect("a key can be made");
    let new = Probe::with_jwt(cluster).await;
    assert!(new.header().contains(&kid), "{} signs now: {}", kid, new.header());
    assert_eq!(new.ask_all(cluster).await, [200, 200, 200], "the new key is fetched when its first token comes");
    assert_eq!(old.ask_all(cluster).await, [200, 200, 200], "the old one stays good for what it signed");
    watch(cluster).await;
    let part = since(cluster, &before);
    assert_eq!((part.jwt.total_failed(), part.session.total_failed()), (0, 0));
    table.row("the key is rotated, without a head start", &part, "tokens of both keys are taken by every instance");
}

async fn ml_dsa_and_back(cluster: &Arc<Cluster>, table: &mut Table) {
    let before = counts(cluster);
    let mut probes = vec![Probe::with_jwt(cluster).await];
    for (ml_dsa, algorithm) in [(true, "ML-DSA-65"), (false, "ES256")] {
        cluster.set_ml_dsa(ml_dsa).expect("a key can be made");
        let probe = Probe::with_jwt(cluster).await;
        assert!(probe.header().contains(&format!(r#""{algorithm}""#)), "{}", probe.header());
        probes.push(probe);
        for probe in &probes {
            assert_eq!(probe.ask_all(cluster).await, [200, 200, 200], "{}", probe.header());
        }
        watch(cluster).await;
    }
    let part = since(cluster, &before);
    assert_eq!((part.jwt.total_failed(), part.session.total_failed()), (0, 0));
    table.row("ML-DSA-65 signs, and ES256 again", &part, "tokens of both are taken by every instance");
}

async fn a_token_that_was_changed(cluster: &Arc<Cluster>, table: &mut Table) {
    let before = counts(cluster);
    let changed = Probe::with_jwt(cluster).await.for_somebody_else();
    assert_eq!(changed.ask_all(cluster).await, [401, 401, 401]);
    watch(cluster).await;
    let part = since(cluster, &before);
    table.row("a token is tampered with", &part, "refused by every instance");
}

async fn a_token_that_was_revoked(cluster: &Arc<Cluster>, table: &mut Table) {
    let before = counts(cluster);
    // The machine may be busy with something else for a moment, so the best of some tries counts.
    let mut times = Vec::new();
    for _ in 0..5 {
        let probe = Probe::with_jwt(cluster).await;
        assert_eq!(probe.ask_all(cluster).await, [200, 200, 200]);
        probe.revoke(cluster).await;
        let revoked = Instant::now();
        until("refused everywhere", async || probe.ask_all(cluster).await == [401, 401, 401]).await;
        times.push(revoked.elapsed());
    }
    let (fastest, slowest) = (times.iter().min().expect("five"), times.iter().max().expect("five"));
    assert!(*fastest < Duration::from_secs(1), "four times a second, each instance asks for what is new: {times:?}");
    let part = since(cluster, &before);
    table.row(
        "a token is revoked, five times",
        &part,
        &format!("refused by every instance after {} to {} ms", fastest.as_millis(), slowest.as_millis()),
    );
}

async fn a_dead_cache(cluster: &Arc<Cluster>, redis: &mut RedisServer, table: &mut Table) {
    let (before, probe) = (counts(cluster), Probe::with_session(cluster).await);
    redis.kill();
    until("sessions are refused", async || probe.ask(cluster).await.0 == 503).await;
    let part = watch(cluster).await;
    assert_eq!(part.jwt.total_failed(), 0, "{:?}", part.jwt);
    assert_eq!(part.session.total_served(), 0, "there is nobody to ask: {:?}", part.session);
    table.row("Redis is killed", &part, "sessions are refused everywhere; no JWT notices");

    redis.restart();
    until_sessions_are_served(cluster).await;
    assert_eq!(probe.ask(cluster).await.0, 200, "what Redis acknowledged, it still has");

    // What the page does to a Redis of somebody else's: it cuts the cable, and joins it again.
    cluster.set_cache(false);
    until("sessions are refused", async || probe.ask(cluster).await.0 == 503).await;
    cluster.set_cache(true);
    until("and served again", async || probe.ask(cluster).await.0 == 200).await;
    let all = since(cluster, &before);
    assert_eq!(all.jwt.total_failed(), 0, "nor while it died and came back: {:?}", all.jwt);
}

async fn a_user_who_is_out_at_the_provider(
    cluster: &Arc<Cluster>,
    redis: &mut RedisServer,
    table: &mut Table,
    happens: Happens,
) {
    let (what, user, refused) = match happens {
        Happens::LogOut => ("a user logs out at the provider, while Redis is dead", "Bea", 400),
        Happens::Disable => ("an account is disabled at the provider, while Redis is dead", "Cleo", 503),
    };
    let before = counts(cluster);
    let probes = [Probe::with_jwt_of(cluster, user).await, Probe::with_session_of(cluster, user).await];
    for probe in &probes {
        assert_eq!(probe.ask_all(cluster).await, [200, 200, 200]);
    }
    redis.kill();
    let event = cluster.event(happens, &user.to_lowercase()).expect("it can be signed");
    assert_eq!(cluster.deliver(&event).await.expect("an answer"), refused, "nothing is said to be done that was not");
    watch(cluster).await;
    redis.restart();
    until("the provider is told that it is done", async || matches!(cluster.deliver(&event).await, Ok(200 | 202)))
        .await;
    let (done, mut served, mut last) = (Instant::now(), 0, Duration::ZERO);
    until("refused everywhere", async || {
        let mut all = true;
        for probe in &probes {
            let answers = probe.ask_all(cluster).await;
            all &= answers == [401, 401, 401];
            let good = answers.iter().filter(|status| **status == 200).count();
            if good > 0 {
                (served, last) = (served + good, done.elapsed());
            }
        }
        all
    })
    .await;
    until_sessions_are_served(cluster).await;
    let part = since(cluster, &before);
    assert_eq!(part.jwt.total_failed(), 0, "nobody else is out: {:?}", part.jwt);
    table.row(
        what,
        &part,
        &format!(
            "told again after it was back: {served} of their requests still served, the last after {} ms",
            last.as_millis()
        ),
    );
}

async fn a_dead_instance(cluster: &Arc<Cluster>, table: &mut Table) {
    let before = counts(cluster);
    cluster.set_alive(1, false).await.expect("it can be killed");
    watch(cluster).await;
    let dying = since(cluster, &before);
    let held = u64::try_from(CLIENTS).expect("a few");
    assert!(dying.jwt.total_failed() <= held, "only what it held can be lost: {:?}", dying.jwt);
    let part = watch(cluster).await;
    assert_eq!((part.jwt.total_failed(), part.session.total_failed()), (0, 0), "the others go on");
    assert_eq!(part.jwt.served[1], 0, "it is dead");
    table.row("orders-2 is killed", &dying, "the others go on; its sessions were in the shared cache");

    cluster.set_alive(1, true).await.expect("it can be started");
    let before = counts(cluster);
    until("it serves again", async || since(cluster, &before).jwt.served[1] > 20).await;
    assert_eq!(since(cluster, &before).jwt.total_failed(), 0);

    // And where the sessions are in the instances: what it knew is gone.
    cluster.set_shared(false);
    cluster.set_sticky(true);
    until_sessions_are_served(cluster).await;
    let mut probe = Probe::with_session(cluster).await;
    while probe.ask(cluster).await.1 != Some(1) {
        probe = Probe::with_session(cluster).await;
    }
    let before = counts(cluster);
    cluster.set_alive(1, false).await.expect("it can be killed");
    until("the session is gone", async || probe.ask(cluster).await.0 == 401).await;
    until_sessions_are_served(cluster).await;
    let part = since(cluster, &before);
    assert!(part.jwt.total_failed() <= held, "only what it held can be lost: {:?}", part.jwt);
    table.row("orders-2 is killed, sticky, without a shared cache", &part, "whoever was with it has to sign in again");
}

/// Into the book where `STORY_KEEP` is set, and else to where it does no harm.
fn keep(table: &Table) {
    let days = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs() / 86400;
    let text = format!(
        "<!-- Written by `STORY_KEEP=1 tests/run story`. -->\n# The story, measured\n\nServed, of the requests \
         that {CLIENTS} clients of each kind sent meanwhile; HAProxy in front, Redis behind, {}.\n\n| event | with a JWT | with a session | |\n|---|---|---|---|\n{}",
        date(days),
        table.0,
    );
    let directory = match env::var_os("STORY_KEEP") {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference"),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(),
    };
    fs::write(directory.join("story-results.md"), &text).expect("the directory can be written to");
    println!("{text}");
}

/// That many days after 1970-01-01, as a date.
fn date(days: u64) -> String {
    let (mut year, mut rest) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while rest >= lengths[month] {
        rest -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, rest + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_does_as_well() {
    let _alone = crate::MACHINE.write().await;
    if !is_there("nginx") {
        return;
    }
    let load = Load { clients: 2, pause: Duration::from_millis(20), only_watched: false };
    let setup = Setup { balancer: Balancer::Nginx, load, ..Setup::default() };
    let cluster = Cluster::start(&setup).await.expect("the cluster starts");
    until("served by all", async || cluster.counts(Kind::Jwt).served.iter().all(|served| *served > 0)).await;
    assert_eq!(Probe::with_jwt(&cluster).await.ask_all(&cluster).await, [200, 200, 200]);

    cluster.set_sticky(true);
    until_sessions_are_served(&cluster).await;
    let before = counts(&cluster);
    cluster.set_alive(0, false).await.expect("it can be killed");
    watch(&cluster).await;
    assert!(since(&cluster, &before).jwt.total_failed() <= 2, "only what it held can be lost");
}
