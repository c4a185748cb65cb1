//! What only several servers can do: one of them fails, and another one takes its place.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::session::{NewSignIn, OpaqueToken, RefreshError};
use jwt_core::store::StoreError;
use jwt_core::{RedisStore, RefreshTokens, Revocations, Sessions};
use stores_tests::{RedisCluster, RedisSentinels, Traffic, is_revoked, redis_is_installed, until};

const LOG: &str = "jwt:{revocations}:log";

async fn store(url: &str) -> Arc<RedisStore> {
    Arc::new(RedisStore::connect(url).await.unwrap())
}

/// Every revocation that was acknowledged is known to an instance that starts now, and to one that has been there all
/// the time; but for some that nobody had but the primary that was lost.
async fn all_are_known(url: &str, there: &Revocations, revoked: &[usize], but: &[Range<usize>]) {
    let started_later = Revocations::builder(store(url).await).open().await.unwrap();
    let last = *revoked.last().unwrap();
    until("the last one is known", || is_revoked(there, last)).await;
    let sure = |index: &usize| !but.iter().any(|range| range.contains(index));
    let unknown_to = |list: &Revocations| -> Vec<usize> {
        (0..revoked.len()).filter(sure).filter(|index| !is_revoked(list, revoked[*index])).collect()
    };
    let unknown = unknown_to(&started_later);
    assert!(unknown.is_empty(), "of {}, but {but:?}, unknown are {unknown:?}", revoked.len());
    // It may have read on a primary that did not know that it was none any more, and reads again for that.
    until("all are known", || unknown_to(there).is_empty()).await;
}

#[derive(Clone, Copy)]
enum Fault {
    Killed,
    Hangs,
}

async fn a_primary_of_a_cluster_is_lost(fault: Fault) {
    if !redis_is_installed() {
        return;
    }
    let mut cluster = RedisCluster::start().await;
    let there = Revocations::builder(store(&cluster.url()).await).open().await.unwrap();
    let traffic = Traffic::start(&store(&cluster.url()).await).await;
    let mut unsure = Vec::new();
    // Its replica takes over, and then it takes over from its replica.
    for _ in 0..2 {
        traffic.goes_on().await;
        let primary = cluster.primary_of(LOG).await;
        // The users pause, so that the replica has all that they were told. The others go on.
        let held = traffic.hold_refreshes().await;
        let sure = traffic.revoked().len();
        cluster.is_replicated(primary).await;
        match fault {
            Fault::Killed => cluster.node(primary).kill(),
            Fault::Hangs => cluster.node(primary).pause(),
        }
        // Of the revocations since then, the last may be lost, and one more that was on its way to us.
        unsure.push(sure..traffic.revoked().len() + 1);
        drop(held);
        traffic.is_refused().await;
        traffic.goes_on().await;
        assert_ne!(cluster.primary_of_other_than(LOG, primary).await, primary);
        match fault {
            Fault::Killed => cluster.node(primary).restart(),
            Fault::Hangs => cluster.node(primary).resume(),
        }
        cluster.is_whole().await;
    }
    traffic.goes_on().await;
    let revoked = traffic.revoked();
    traffic.stop().await;
    all_are_known(&cluster.url(), &there, &revoked, &unsure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_when_a_primary_is_killed_amid_traffic() {
    a_primary_of_a_cluster_is_lost(Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_when_a_primary_hangs_amid_traffic() {
    a_primary_of_a_cluster_is_lost(Fault::Hangs).await;
}

async fn the_primary_of_sentinels_is_lost(fault: Fault) {
    if !redis_is_installed() {
        return;
    }
    let mut redis = RedisSentinels::start().await;
    let there = Revocations::builder(store(&redis.url()).await).open().await.unwrap();
    let traffic = Traffic::start(&store(&redis.url()).await).await;
    let mut unsure = Vec::new();
    for _ in 0..2 {
        traffic.goes_on().await;
        let primary = redis.primary().await;
        let held = traffic.hold_refreshes().await;
        let sure = traffic.revoked().len();
        redis.is_replicated(primary).await;
        match fault {
            Fault::Killed => redis.server(primary).kill(),
            Fault::Hangs => redis.server(primary).pause(),
        }
        unsure.push(sure..traffic.revoked().len() + 1);
        drop(held);
        traffic.is_refused().await;
        traffic.goes_on().await;
        assert_ne!(redis.primary().await, primary);
        match fault {
            Fault::Killed => redis.server(primary).restart(),
            Fault::Hangs => redis.server(primary).resume(),
        }
        redis.are_ready().await;
        redis.is_replicated(redis.primary().await).await;
    }
    // Those that are left know enough.
    redis.sentinel(0).kill();
    redis.sentinel(1).pause();
    traffic.goes_on().await;
    let revoked = traffic.revoked();
    traffic.stop().await;
    all_are_known(&redis.url(), &there, &revoked, &unsure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_name_another_primary_when_it_is_killed_amid_traffic() {
    the_primary_of_sentinels_is_lost(Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_name_another_primary_when_it_hangs_amid_traffic() {
    the_primary_of_sentinels_is_lost(Fault::Hangs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_does_not_know_that_there_is_another_is_left() {
    if !redis_is_installed() {
        return;
    }
    let redis = RedisSentinels::start_without_disk().await;
    let sessions = Sessions::builder(store(&redis.url()).await).build().unwrap();
    sessions.start(NewSignIn::new("alice", &()).unwrap()).await.unwrap();
    let old = redis.primary().await;
    redis.is_replicated(old).await;
    redis.change_behind_its_back(old).await;
    while redis.primary().await == old {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It still takes what it is asked to, and all of that will be lost. Only the sentinels know better.
    let new = redis.primary().await;
    let sign_ins = async |server: usize| redis.servers()[server].ask::<usize>("DBSIZE").await.unwrap();
    for number in 0.. {
        let user = format!("user {number}");
        let before = sign_ins(new).await;
        sessions.start(NewSignIn::new(&user, &()).unwrap()).await.unwrap();
        if sign_ins(new).await > before {
            break;
        }
        assert!(number < 6000, "the old one is written to for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    redis.tell(old).await;
    redis.are_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_has_become_a_replica_is_left() {
    if !redis_is_installed() {
        return;
    }
    let redis = RedisSentinels::start_without_disk().await;
    let traffic = Traffic::start(&store(&redis.url()).await).await;
    traffic.goes_on().await;
    let held = traffic.hold_refreshes().await;
    let old = redis.primary().await;
    redis.is_replicated(old).await;
    // Nobody closes the connections to the old one, and no sentinel tells that there is another.
    redis.change_by_hand(old).await;
    redis.is_replicated(redis.primary().await).await;
    drop(held);
    traffic.goes_on().await;
    traffic.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_move_to_another_node_are_found_there() {
    if !redis_is_installed() {
        return;
    }
    let cluster = RedisCluster::start().await;
    let there = Revocations::builder(store(&cluster.url()).await).open().await.unwrap();
    let traffic = Traffic::start(&store(&cluster.url()).await).await;
    traffic.goes_on().await;
    let from = cluster.primary_of(LOG).await;
    let to = (from + 1) % 3;
    let (source, target) = (&cluster.nodes()[from], &cluster.nodes()[to]);
    let id = async |node: usize| cluster.nodes()[node].ask::<String>("CLUSTER MYID").await.unwrap();
    let (source_id, target_id) = (id(from).await, id(to).await);
    // The log, and a user who is on the same node by chance.
    let users: Vec<String> = source.ask("KEYS jwt:sign-ins:*").await.unwrap();
    for key in [LOG, users.first().unwrap()] {
        let slot = cluster.slot(key).await;
        target.run(&format!("CLUSTER SETSLOT {slot} IMPORTING {source_id}")).await;
        source.run(&format!("CLUSTER SETSLOT {slot} MIGRATING {target_id}")).await;
        traffic.goes_on().await;
        // One key after the other: in between, a script on all of them has to wait.
        let keys: Vec<String> = source.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 10")).await.unwrap();
        for key in keys {
            source.run(&format!("MIGRATE 127.0.0.1 {}  0 60000 KEYS {key}", target.port())).await;
        }
        traffic.goes_on().await;
        target.run(&format!("CLUSTER SETSLOT {slot} NODE {target_id}")).await;
        source.run(&format!("CLUSTER SETSLOT {slot} NODE {target_id}")).await;
        traffic.goes_on().await;
        assert_eq!(cluster.primary_of(key).await, to);
    }
    let revoked = traffic.revoked();
    traffic.stop().await;
    all_are_known(&cluster.url(), &there, &revoked, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_cluster_see_each_others_revocations() {
    if !redis_is_installed() {
        return;
    }
    let cluster = RedisCluster::start().await;
    // They need not name the same nodes, nor those that have the log.
    let log = cluster.primary_of(LOG).await;
    let here = Revocations::builder(store(&cluster.url_beside(log)).await).open().await.unwrap();
    let arguments = [&cluster.url_beside(log + 1), "https://issuer.example.com", "7"];
    assert!(Command::new(env!("CARGO_BIN_EXE_revoke")).args(arguments).status().unwrap().success());
    until("known here", || is_revoked(&here, 7)).await;
}

/// What is refused while nobody is there, and good again afterwards.
struct Visitor {
    url: String,
    tokens: RefreshTokens,
    token: OpaqueToken,
    sessions: Sessions,
    session: OpaqueToken,
    revocations: Revocations,
}

impl Visitor {
    async fn of(url: String) -> Self {
        let store = store(&url).await;
        let tokens = RefreshTokens::builder(store.clone()).grace(Duration::from_secs(3600)).build().unwrap();
        let sessions = Sessions::builder(store.clone()).build().unwrap();
        let revocations = Revocations::builder(store).open().await.unwrap();
        let sign_in = || NewSignIn::new("alice", &()).unwrap();
        let (token, _) = tokens.start(sign_in()).await.unwrap();
        let (session, _) = sessions.start(sign_in()).await.unwrap();
        Self { url, tokens, token, sessions, session, revocations }
    }

    async fn is_refused(&self) {
        let is = |error: StoreError| matches!(error, StoreError::Unavailable(_));
        for _ in 0..3 {
            let refreshed = self.tokens.refresh(&self.token).await;
            assert!(matches!(refreshed, Err(RefreshError::Store(StoreError::Unavailable(_)))));
            assert!(is(self.tokens.list("alice").await.unwrap_err()));
            assert!(is(self.sessions.look_up(&self.session).await.unwrap_err()));
            assert!(is(self.revocations.revoke("", "1", NumericDate::from_secs(4_000_000_000)).await.unwrap_err()));
        }
        assert!(is(RedisStore::connect(&self.url).await.unwrap_err()));
    }

    async fn is_served(&self) {
        let found = loop {
            match self.sessions.look_up(&self.session).await {
                Ok(found) => break found,
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_))),
            }
        };
        assert!(found.is_some());
        self.tokens.refresh(&self.token).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_is_unavailable_and_comes_back() {
    if !redis_is_installed() {
        return;
    }
    let mut cluster = RedisCluster::start().await;
    let visitor = Visitor::of(cluster.url()).await;
    (0..6).for_each(|node| cluster.node(node).kill());
    visitor.is_refused().await;
    (0..6).for_each(|node| cluster.node(node).restart());
    cluster.is_whole().await;
    visitor.is_served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_and_without_sentinels_the_store_is_unavailable_and_comes_back() {
    if !redis_is_installed() {
        return;
    }
    let mut redis = RedisSentinels::start().await;
    let visitor = Visitor::of(redis.url()).await;
    for index in 0..3 {
        redis.sentinel(index).kill();
        redis.server(index).kill();
    }
    visitor.is_refused().await;
    (0..3).for_each(|index| redis.server(index).restart());
    (0..3).for_each(|index| redis.sentinel(index).restart());
    redis.are_ready().await;
    visitor.is_served().await;
}
