//! What only a store beside the process can do: be down, come back, and be shared.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::revocation::Revoked;
use jwt_core::session::{NewSignIn, RefreshError};
use jwt_core::store::StoreError;
use jwt_core::{RedisStore, RefreshTokens, Revocations, Sessions};
use serde_json::json;
use stores_tests::{
    OtherServer, RedisCluster, RedisSentinels, RedisServer, TestClock, Traffic, documented_rights, is_revoked, proved,
    redis_is_installed, until,
};

const ISSUER: &str = "https://issuer.example.com";
const FAR: NumericDate = NumericDate::from_secs(4_000_000_000);

fn sign_in(subject: &str) -> NewSignIn {
    NewSignIn::new(subject, &()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_redis_see_each_others_revocations() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    let here = Revocations::builder(Arc::new(RedisStore::connect(&server.url()).await.unwrap())).open().await.unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_revoke")).args([&server.url(), ISSUER, "theirs"]).status().unwrap();
    assert!(status.success());
    let theirs = proved(json!({"iss": ISSUER, "jti": "theirs"}));
    // Four times a second, this list looks by itself. How long that takes on a busy machine decides nothing.
    until("known here", || here.check(&theirs) == Err(Revoked::Revoked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_announced_on_one_server_behind_sentinels_and_in_a_cluster() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start_without_disk();
    let sentinels = RedisSentinels::start_without_disk().await;
    let cluster = RedisCluster::start_without_disk().await;
    // Another node than that of the log.
    let beside = cluster.primary_of("other:{revocations}:log").await;
    for (url, there) in [
        (server.url(), server.url()),
        (sentinels.url(), sentinels.url()),
        (cluster.url_beside(beside + 1), cluster.url_beside(beside)),
    ] {
        let open = async |url: &str| {
            let store = RedisStore::connect(url).await.unwrap().prefix("other:");
            // No poll: what is known was announced.
            Revocations::builder(Arc::new(store)).poll_interval(Duration::from_secs(3600)).open().await.unwrap()
        };
        let (here, there) = (open(&url).await, open(&there).await);
        for number in 0..20 {
            here.revoke(ISSUER, &number.to_string(), FAR).await.unwrap();
            until("announced", || is_revoked(&there, number)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_given_twice_is_refused_at_the_first_use() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let second = Duration::from_secs(1);
    for (twice, setting) in [
        (store.clone().prefix("a:").prefix("b:"), "prefix"),
        (store.clone().timeout(second).timeout(2 * second), "timeout"),
        (store.clone().max_revocations(1).max_revocations(2), "max_revocations"),
    ] {
        let store = Arc::new(twice);
        let opened = Revocations::builder(store.clone()).open().await.err().unwrap();
        let started = RefreshTokens::builder(store).build().unwrap().start(sign_in("alice")).await.err().unwrap();
        for error in [opened, started] {
            assert!(matches!(error, StoreError::SetTwice { setting: named } if named == setting), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_its_prefix_and_a_time_to_live_and_no_token_is_in_it() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).await.unwrap().prefix("shop:"));
    let tokens = RefreshTokens::builder(store.clone()).build().unwrap();
    let sessions = Sessions::builder(store.clone()).build().unwrap();
    let revocations = Revocations::builder(store).open().await.unwrap();
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    sessions.look_up(&session).await.unwrap();
    let (renewed, _) = sessions.renew(&session, &()).await.unwrap().unwrap();
    revocations.revoke(ISSUER, "1", FAR).await.unwrap();
    revocations.revoke_all(ISSUER, "alice", Duration::from_secs(60)).await.unwrap();

    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 6, "{keys:?}");
    let mut content = String::new();
    for key in &keys {
        assert!(key.starts_with("shop:"), "{key}");
        let ttl: i64 = redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
        assert!(ttl > 0, "{key} lives for ever");
        if key.contains("sign-ins") {
            let values: Vec<String> = redis::cmd("HVALS").arg(key).query_async(&mut connection).await.unwrap();
            content.extend(values);
        }
    }
    assert!(content.contains("alice"));
    for token in [first, second, session, renewed] {
        // Behind the prefix and the owner: handle and secret, in whatever windows an encoder might have cut them.
        let secret = &token.as_str()[4 + 22..];
        for start in 0..secret.len() - 12 {
            assert!(!content.contains(&secret[start..start + 12]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_or_silent_is_unavailable_and_comes_back() {
    if !redis_is_installed() {
        return;
    }
    let mut server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).await.unwrap().timeout(Duration::from_millis(500)));
    let clock = TestClock::new();
    let tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let sessions = Sessions::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let revocations = Revocations::builder(store).open().await.unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (session, started) = sessions.start(sign_in("alice")).await.unwrap();
    revocations.revoke(ISSUER, "before", FAR).await.unwrap();

    let unavailable = async || {
        let is = |error: StoreError| matches!(error, StoreError::Unavailable(_));
        assert!(matches!(tokens.refresh(&token).await, Err(RefreshError::Store(StoreError::Unavailable(_)))));
        assert!(is(tokens.start(sign_in("bob")).await.unwrap_err()));
        assert!(is(tokens.list("alice").await.unwrap_err()));
        assert!(is(sessions.look_up(&session).await.unwrap_err()));
        assert!(is(sessions.renew(&session, &()).await.unwrap_err()));
        assert!(is(sessions.end_all("nobody").await.unwrap_err()));
        assert!(is(revocations.revoke(ISSUER, "meanwhile", FAR).await.unwrap_err()));
        // What is known is known, and what could not be told to others is refused here at least.
        for id in ["before", "meanwhile"] {
            assert_eq!(revocations.check(&proved(json!({"iss": ISSUER, "jti": id}))), Err(Revoked::Revoked));
        }
    };
    server.kill();
    unavailable().await;
    server.restart();
    // A renewal that was asked for while nobody was there was not done.
    assert_eq!(sessions.look_up(&session).await.unwrap().unwrap().id, started.id);

    server.pause();
    unavailable().await;
    server.resume();
    // What was asked of a server that did not answer may have been done: the same token gets the same successor. The
    // session was renewed without anybody knowing, or not.
    let (next, _) = tokens.refresh(&token).await.unwrap();
    tokens.refresh(&next).await.unwrap();
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);

    let nobody = RedisStore::connect("redis://127.0.0.1:1").await;
    assert!(matches!(nobody, Err(StoreError::Unavailable(_))));
}

/// What the book says that a user needs, with a password that needs an escape.
fn rights() -> String {
    format!("on >p@ss:w/rd% {}", documented_rights().0)
}

const USER: &str = "app:p%40ss%3Aw%2Frd%25@";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_rights_can_do_every_operation() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    server.run(&format!("ACL SETUSER app {}", rights())).await;
    every_operation(&server.url().replace("//", &format!("//{USER}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_other_servers_too_a_revocation_is_announced_to_a_user_with_the_documented_rights() {
    for other in [OtherServer::Valkey, OtherServer::Redis62].into_iter().filter(|other| other.is_installed()) {
        let server = RedisServer::start_other(other);
        let (rights, announced) = documented_rights();
        server.run(&format!("ACL SETUSER app on >secret resetchannels {rights} {announced}")).await;
        let open = async || {
            let store = RedisStore::connect(&server.url().replace("//", "//app:secret@")).await.unwrap();
            // No poll: what is known was announced.
            let list = Revocations::builder(Arc::new(store)).poll_interval(Duration::from_secs(3600));
            list.open().await.unwrap()
        };
        let (here, there) = (open().await, open().await);
        for number in 0..20 {
            here.revoke(ISSUER, &number.to_string(), FAR).await.unwrap();
            until("announced", || is_revoked(&there, number)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_the_user_may_also_ask_how_it_is_laid_out() {
    if !redis_is_installed() {
        return;
    }
    let cluster = RedisCluster::start_without_disk().await;
    for node in cluster.nodes() {
        node.run(&format!("ACL SETUSER app {} +ping +asking +cluster|slots", rights())).await;
        node.run("CONFIG SET requirepass theirs").await;
    }
    every_operation(&cluster.url().replace("//", &format!("//{USER}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_the_user_may_also_ask_for_the_role_and_sentinels_have_users_of_their_own() {
    if !redis_is_installed() {
        return;
    }
    let mut redis = RedisSentinels::start_without_disk().await;
    redis.server(0).run(&format!("ACL SETUSER app {} +select +role", rights())).await;
    for index in 0..3 {
        redis
            .sentinel(index)
            .run("ACL SETUSER watcher on >p&ss=w+rd resetchannels -@all +role +sentinel|masters +subscribe &+switch-master")
            .await;
        redis.sentinel(index).run("ACL SETUSER default resetpass -@all").await;
    }
    let url = redis.url().replace("//", &format!("//{USER}"));
    every_operation(&format!("{url}/3?sentinel_username=watcher&sentinel_password=p%26ss%3Dw%2Brd")).await;
    let number: usize = redis.server(0).ask("DBSIZE").await.unwrap();
    assert_eq!(number, 0, "all is in the database that was named");
    assert!(
        matches!(RedisStore::connect(&url).await, Err(StoreError::Unavailable(_))),
        "the sentinels want to know who"
    );
}

async fn every_operation(url: &str) {
    let store = Arc::new(RedisStore::connect(url).await.unwrap());
    let clock = TestClock::new();
    let tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).per_subject(2).build().unwrap();
    let sessions = Sessions::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let revocations = Revocations::builder(store).open().await.unwrap();
    for subject in ["alice", "bob", "carol"] {
        for _ in 0..3 {
            tokens.start(sign_in(subject)).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        let (token, family) = tokens.start(sign_in(subject)).await.unwrap();
        let (next, _) = tokens.refresh(&token).await.unwrap();
        assert_eq!(tokens.list(subject).await.unwrap().len(), 2);
        tokens.end(&next).await.unwrap();
        tokens.end_one(subject, family.id).await.unwrap();
        tokens.end_all(subject).await.unwrap();
        let (session, _) = sessions.start(sign_in(subject)).await.unwrap();
        clock.advance(Duration::from_secs(600));
        assert!(sessions.look_up(&session).await.unwrap().is_some());
        sessions.renew(&session, &()).await.unwrap().unwrap();
        revocations.revoke(ISSUER, subject, FAR).await.unwrap();
        revocations.revoke_all(ISSUER, subject, Duration::from_secs(60)).await.unwrap();
    }
    revocations.catch_up().await.unwrap();
    assert_eq!(revocations.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_when_redis_is_killed_amid_traffic() {
    if !redis_is_installed() {
        return;
    }
    let mut server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).await.unwrap());
    let elsewhere = Arc::new(RedisStore::connect(&server.url()).await.unwrap());
    let elsewhere = Revocations::builder(elsewhere).open().await.unwrap();

    let traffic = Traffic::start(&store).await;
    for _ in 0..3 {
        traffic.goes_on().await;
        server.kill();
        traffic.is_refused().await;
        server.restart();
    }
    traffic.goes_on().await;
    let acknowledged = traffic.revoked();
    traffic.stop().await;

    let started_later = Arc::new(RedisStore::connect(&server.url()).await.unwrap());
    let started_later = Revocations::builder(started_later).open().await.unwrap();
    let last = *acknowledged.last().unwrap();
    until("the last one is known", || is_revoked(&elsewhere, last)).await;
    for number in acknowledged {
        assert!(is_revoked(&started_later, number), "{number}");
        assert!(is_revoked(&elsewhere, number), "{number}");
    }
}
