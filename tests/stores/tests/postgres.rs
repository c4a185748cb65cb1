//! What only a store in PostgreSQL can do: be migrated, announce, be lost and found again.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jwt_core::clock::{Clock, NumericDate};
use jwt_core::revocation::Revoked;
use jwt_core::session::{NewSignIn, RefreshError};
use jwt_core::store::{Revocation, RevocationStore, RevocationTarget, SchemaError, StoreError, StoreUrlError};
use jwt_core::{PostgresStore, RefreshTokens, Revocations, Sessions};
use serde_json::json;
use stores_tests::{
    PgBouncer, PostgresServer, TestClock, Traffic, is_revoked, pgbouncer_is_installed, postgres_is_installed, proved,
    until,
};

const ISSUER: &str = "https://issuer.example.com";
const FAR: NumericDate = NumericDate::from_secs(4_000_000_000);
const NEVER: Duration = Duration::from_secs(3600);

fn sign_in(subject: &str) -> NewSignIn {
    NewSignIn::new(subject, &()).unwrap()
}

async fn store(url: &str) -> Arc<PostgresStore> {
    let store = PostgresStore::connect(url).await.unwrap();
    store.migrate().await.unwrap();
    Arc::new(store)
}

fn entry(number: usize) -> Revocation {
    let target = RevocationTarget::Token { issuer: ISSUER.into(), id: number.to_string() };
    Revocation { target, forget_at: FAR }
}

fn is_unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once_and_those_of_a_later_version_are_refused() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let connect = async || PostgresStore::builder(&server.url()).schema("auth").connect().await;
    let refresh_tokens = |store: &PostgresStore| RefreshTokens::builder(Arc::new(store.clone())).build().unwrap();
    let before = connect().await.unwrap();
    let error = refresh_tokens(&before).start(sign_in("alice")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Schema(SchemaError::Missing { schema }) if &**schema == "auth"), "{error}");

    // Many instances start at once.
    let migrations = (0..8).map(|_| {
        let store = before.clone();
        tokio::spawn(async move { store.migrate().await })
    });
    for migration in migrations.collect::<Vec<_>>() {
        migration.await.unwrap().unwrap();
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'auth'";
    assert_eq!(server.ask(tables).await.unwrap().as_deref(), Some("6"));
    assert_eq!(server.ask(&tables.replace("auth", "public")).await.unwrap().as_deref(), Some("0"));
    refresh_tokens(&before).start(sign_in("alice")).await.unwrap();

    server.run("INSERT INTO auth.schema_version (version) VALUES (7)").await;
    let newer = [before.migrate().await.unwrap_err(), connect().await.err().unwrap()];
    for error in newer {
        assert!(matches!(error, StoreError::Schema(SchemaError::Newer { found: 7, known: 1 })), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_can_be_applied_by_hand_and_the_store_needs_no_right_to_make_tables() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let sql = include_str!("../../../jwt-core/src/store/sql/postgres/1.sql");
    server.run(&format!("CREATE SCHEMA jwt; {sql}")).await;
    server
        .run(
            "CREATE ROLE app LOGIN PASSWORD 'p@ss:w/rd%'; GRANT USAGE ON SCHEMA jwt TO app; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jwt TO app",
        )
        .await;
    let url = server.url().replace("postgres@", "app:p%40ss%3Aw%2Frd%25@");
    // Finds that there is nothing to do.
    let store = store(&url).await;
    let tokens = RefreshTokens::builder(store.clone()).build().unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    tokens.refresh(&token).await.unwrap();
    tokens.end_all("alice").await.unwrap();
    let list = Revocations::builder(store).open().await.unwrap();
    list.revoke_all(ISSUER, "alice", Duration::from_secs(60)).await.unwrap();
    list.revoke(ISSUER, "1", FAR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_with_what_to_write() {
    let error = async |url: &str| PostgresStore::connect(url).await.err().unwrap();
    for url in ["", "redis://127.0.0.1", "postgres://host:port/x", "host=127.0.0.1"] {
        let error = error(url).await;
        assert!(matches!(error, StoreError::Config(StoreUrlError::Postgres)), "{url}: {error}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = error(&format!("postgres://u:secret@127.0.0.1/x?sslmode={mode}")).await;
        assert!(matches!(error, StoreError::Config(StoreUrlError::PostgresTls)), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
    let builder = || PostgresStore::builder("postgres://127.0.0.1:1/x");
    for name in ["", "Auth", "1st", "a;b", "a\"b", "jwt.", &"a".repeat(41)] {
        let error = builder().schema(name).connect().await.err().unwrap();
        assert!(matches!(error, StoreError::Schema(SchemaError::Name { .. })), "{name}: {error}");
    }
    for (twice, setting) in [
        (builder().schema("a").schema("b"), "schema"),
        (builder().timeout(NEVER).timeout(NEVER), "timeout"),
        (builder().max_revocations(1).max_revocations(2), "max_revocations"),
        (builder().listen_at("postgres://a").listen_at("postgres://b"), "listen_at"),
    ] {
        let error = twice.connect().await.err().unwrap();
        assert!(matches!(error, StoreError::SetTwice { setting: named } if named == setting), "{error}");
    }
    assert!(is_unavailable(&error("postgres://127.0.0.1:1/x").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_announced_and_what_was_not_heard_is_found_by_a_poll() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let here = store(&server.url()).await;
    let here = Revocations::builder(here).open().await.unwrap();
    // No poll: what is known there was announced.
    let hears = Revocations::builder(store(&server.url()).await).poll_interval(NEVER).open().await.unwrap();
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";
    server.waits_for(listens, "2").await;
    for number in 0..20 {
        here.revoke(ISSUER, &number.to_string(), FAR).await.unwrap();
        until("announced", || is_revoked(&hears, number)).await;
    }
    // The connection that listens is lost, and made again.
    let polls = Revocations::builder(store(&server.url()).await).open().await.unwrap();
    server.cut_connections().await;
    while here.revoke(ISSUER, "20", FAR).await.is_err() {}
    until("polled", || is_revoked(&polls, 20)).await;
    server.waits_for(listens, "3").await;
    until("read after the connection was made again", || is_revoked(&hears, 20)).await;
    while here.revoke(ISSUER, "21", FAR).await.is_err() {}
    until("announced again", || is_revoked(&hears, 21)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_is_seen_before_one_with_a_lower_number() {
    const WRITERS: usize = 8;
    const EACH: usize = 100;
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let log = store(&server.url()).await;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    log.add(entry(writer * EACH + number), NumericDate::from_secs(1)).await.unwrap();
                }
            })
        })
        .collect();
    let reader = {
        let (log, done) = (store(&server.url()).await, done.clone());
        tokio::spawn(async move {
            // Reads behind the last number only, as instances do.
            let (mut last, mut seen) = (0, BTreeSet::new());
            loop {
                let all_are_written = done.load(Ordering::SeqCst);
                let page = log.since(last).await.unwrap();
                if page.is_empty() && all_are_written {
                    return seen;
                }
                for (number, _) in page {
                    assert!(number > last);
                    last = number;
                    seen.insert(number);
                }
            }
        })
    };
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(reader.await.unwrap().len(), WRITERS * EACH);

    // One that has its number and is not committed holds up the others.
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let last = log.since(0).await.unwrap().last().unwrap().0;
    client
        .batch_execute("BEGIN; SELECT jwt.add_revocation(1, 9999, 1, '{}', 4000000000000, NULL, NULL)")
        .await
        .unwrap();
    let error = log.add(entry(999_999), NumericDate::from_secs(1)).await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");
    assert!(log.since(last).await.unwrap().is_empty());
    client.batch_execute("ROLLBACK").await.unwrap();
    log.add(entry(999_999), NumericDate::from_secs(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_never_returned_and_goes_in_bounded_steps() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let store = store(&server.url()).await;
    let clock = TestClock::new();
    let sessions = Sessions::builder(store).clock(clock.clone()).absolute_timeout(NEVER).build().unwrap();
    let (token, _) = sessions.start(sign_in("alice")).await.unwrap();
    for number in 0..99 {
        sessions.start(sign_in(&format!("user {number}"))).await.unwrap();
    }
    let rows =
        async || -> usize { server.ask("SELECT count(*) FROM jwt.sign_ins").await.unwrap().unwrap().parse().unwrap() };
    clock.advance(NEVER);
    assert!(sessions.look_up(&token).await.unwrap().is_none());
    assert!(sessions.list("alice").await.unwrap().is_empty());
    assert_eq!(rows().await, 100);
    let mut left = vec![100];
    for number in 0..4 {
        sessions.start(sign_in(&format!("new {number}"))).await.unwrap();
        left.push(rows().await);
    }
    assert!(left.windows(2).all(|pair| pair[0] - pair[1].min(pair[0]) <= 32), "{left:?}");
    assert_eq!(left.last(), Some(&4));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_the_database() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let store = store(&server.url()).await;
    let tokens = RefreshTokens::builder(store.clone()).build().unwrap();
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    let row = server.ask("SELECT row_to_json(s)::text FROM jwt.sign_ins s").await.unwrap().unwrap();
    assert!(row.contains("alice"));
    for token in [first, second] {
        let secret = &token.as_str()[4 + 22..];
        for start in 0..secret.len() - 12 {
            assert!(!row.contains(&secret[start..start + 12]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_or_silent_is_unavailable_and_comes_back() {
    if !postgres_is_installed() {
        return;
    }
    let mut server = PostgresServer::start();
    store(&server.url()).await;
    let store = PostgresStore::builder(&server.url()).timeout(Duration::from_millis(500)).connect().await.unwrap();
    let store = Arc::new(store);
    let clock = TestClock::new();
    let tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let sessions = Sessions::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let revocations = Revocations::builder(store).open().await.unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (session, started) = sessions.start(sign_in("alice")).await.unwrap();
    revocations.revoke(ISSUER, "before", FAR).await.unwrap();
    let unavailable = async || {
        assert!(matches!(tokens.refresh(&token).await, Err(RefreshError::Store(StoreError::Unavailable(_)))));
        assert!(is_unavailable(&tokens.start(sign_in("bob")).await.unwrap_err()));
        assert!(is_unavailable(&tokens.list("alice").await.unwrap_err()));
        assert!(is_unavailable(&sessions.look_up(&session).await.unwrap_err()));
        assert!(is_unavailable(&sessions.end_all("nobody").await.unwrap_err()));
        assert!(is_unavailable(&revocations.revoke(ISSUER, "meanwhile", FAR).await.unwrap_err()));
        for id in ["before", "meanwhile"] {
            assert_eq!(revocations.check(&proved(json!({"iss": ISSUER, "jti": id}))), Err(Revoked::Revoked));
        }
    };
    server.kill();
    unavailable().await;
    server.restart();
    assert_eq!(sessions.look_up(&session).await.unwrap().unwrap().id, started.id);
    server.pause();
    unavailable().await;
    server.resume();
    // It may take a moment until all of its processes go on.
    let mut next = tokens.refresh(&token).await;
    while let Err(RefreshError::Store(error)) = next {
        assert!(is_unavailable(&error), "{error}");
        next = tokens.refresh(&token).await;
    }
    let (next, _) = next.unwrap();
    tokens.refresh(&next).await.unwrap();
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);
}

/// What was acknowledged is known to an instance that starts now, and to one that was there all the time.
async fn all_are_known(url: &str, elsewhere: &Revocations, acknowledged: &[usize]) {
    let started_later = Revocations::builder(store(url).await).open().await.unwrap();
    for number in acknowledged {
        assert!(is_revoked(&started_later, *number), "{number}");
    }
    until("all are known", || acknowledged.iter().all(|number| is_revoked(elsewhere, *number))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_when_the_server_is_killed_or_cut_off_amid_traffic() {
    if !postgres_is_installed() {
        return;
    }
    let mut server = PostgresServer::start();
    let elsewhere = Revocations::builder(store(&server.url()).await).open().await.unwrap();
    let traffic = Traffic::start(&store(&server.url()).await).await;
    for _ in 0..2 {
        traffic.goes_on().await;
        server.kill();
        traffic.is_refused().await;
        server.restart();
        traffic.goes_on().await;
        server.cut_connections().await;
    }
    traffic.goes_on().await;
    let acknowledged = traffic.revoked();
    traffic.stop().await;
    all_are_known(&server.url(), &elsewhere, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_when_a_replica_takes_over_amid_traffic() {
    if !postgres_is_installed() {
        return;
    }
    // A write is acknowledged once the replica has it.
    let mut primary = PostgresServer::start_with(&["synchronous_standby_names=*", "synchronous_commit=local"]);
    let replica = primary.replica(&["synchronous_standby_names=", "hot_standby=on"]);
    primary.waits_for("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1").await;
    primary.run("ALTER SYSTEM SET synchronous_commit = on").await;
    let ports = (primary.port(), replica.port());
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write&synchronous_commit=on",
        ports.0, ports.1
    );
    let url = url.replace("&synchronous_commit=on", "&options=-c%20synchronous_commit%3Don");
    let elsewhere = Revocations::builder(store(&url).await).open().await.unwrap();
    let traffic = Traffic::start(&store(&url).await).await;
    traffic.goes_on().await;
    primary.kill();
    traffic.is_refused().await;
    replica.promote().await;
    traffic.goes_on().await;
    let acknowledged = traffic.revoked();
    traffic.stop().await;
    all_are_known(&url, &elsewhere, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_written_to_is_unavailable_for_writes() {
    if !postgres_is_installed() {
        return;
    }
    let primary = PostgresServer::start();
    let sessions = Sessions::builder(store(&primary.url()).await).build().unwrap();
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    let replica = primary.replica(&[]);
    let there = Arc::new(PostgresStore::connect(&replica.url()).await.unwrap());
    let there = Sessions::builder(there).build().unwrap();
    assert!(there.look_up(&session).await.unwrap().is_some(), "a read is served");
    let error = there.start(sign_in("bob")).await.unwrap_err();
    assert!(is_unavailable(&error) && error.to_string().contains("read-only"), "{error}");
    // And served as soon as it is the primary.
    replica.promote().await;
    there.start(sign_in("bob")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_in_use_elsewhere_is_waited_for_within_the_timeout() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    store(&server.url()).await;
    let config = server.url().parse().unwrap();
    let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(1).build().unwrap();
    let builder = PostgresStore::with_pool(pool.clone()).timeout(Duration::from_millis(200));
    let sessions = Sessions::builder(Arc::new(builder.connect().await.unwrap())).build().unwrap();
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    let taken = pool.get().await.unwrap();
    let error = sessions.look_up(&session).await.unwrap_err();
    assert!(is_unavailable(&error) && error.to_string().contains("pool"), "{error}");
    let waits = sessions.look_up(&session);
    let (found, ()) = tokio::join!(waits, async {
        tokio::task::yield_now().await;
        drop(taken);
    });
    assert!(found.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_shares_connections_needs_its_setting_and_says_so_without_it() {
    if !postgres_is_installed() || !pgbouncer_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let bouncer = PgBouncer::start(&server);
    let direct = store(&server.url()).await;
    let pooled = PostgresStore::builder(&bouncer.url()).transaction_pooling().listen_at(&server.url());
    let pooled = Arc::new(pooled.connect().await.unwrap());
    let hears = Revocations::builder(pooled.clone()).poll_interval(NEVER).open().await.unwrap();
    server.waits_for("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'", "2").await;
    Revocations::builder(direct).open().await.unwrap().revoke(ISSUER, "1", FAR).await.unwrap();
    until("announced, beside the pooler", || is_revoked(&hears, 1)).await;

    // Traffic through three connections of the pooler, while they are cut.
    let traffic = Traffic::start(&pooled).await;
    for _ in 0..3 {
        traffic.goes_on().await;
        server.cut_connections().await;
    }
    traffic.goes_on().await;
    traffic.stop().await;

    // Without the setting, some operation meets a connection on which its statement was not prepared.
    let prepares = PostgresStore::builder(&bouncer.url()).listen_at(&server.url()).connect().await;
    let mut errors = Vec::new();
    match prepares {
        Err(error) => errors.push(error),
        Ok(store) => {
            let store = Arc::new(store);
            let sessions = Arc::new(Sessions::builder(store).build().unwrap());
            // One is tried again and may then be lucky, so until one is not.
            for _ in 0..100 {
                let starts = (0..200).map(|number| {
                    let sessions = sessions.clone();
                    tokio::spawn(async move { sessions.start(sign_in(&number.to_string())).await })
                });
                for start in starts.collect::<Vec<_>>() {
                    errors.extend(start.await.unwrap().err());
                }
                if !errors.is_empty() {
                    break;
                }
            }
        }
    }
    assert!(!errors.is_empty(), "it works by chance");
    assert!(errors.iter().all(is_unavailable));
    assert!(errors.iter().any(|error| error.to_string().contains("`.transaction_pooling()`")), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_postgres_see_each_others_revocations() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let here = Revocations::builder(store(&server.url()).await).open().await.unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_revoke")).args([&server.url(), ISSUER, "7"]).status().unwrap();
    assert!(status.success());
    until("known here", || is_revoked(&here, 7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unavailable_and_loses_nothing() {
    if !postgres_is_installed() {
        return;
    }
    let Some(disk) = stores_tests::SmallDisk::mount() else { return };
    let server = PostgresServer::start_in(disk.path().join("server"), &["max_wal_size=64MB", "min_wal_size=32MB"]);
    let store = store(&server.url()).await;
    let clock = TestClock::new();
    let tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    disk.fill();
    let data = json!("x".repeat(100_000));
    let mut kept = 0;
    let error = loop {
        let new = NewSignIn::new(format!("user {kept}"), &data).unwrap();
        match tokens.start(new).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 10_000, "the disk is never full");
    };
    assert!(is_unavailable(&error), "{error}");
    disk.free();
    // It may have started again.
    let mut next = tokens.refresh(&token).await;
    while let Err(RefreshError::Store(error)) = next {
        assert!(is_unavailable(&error), "{error}");
        next = tokens.refresh(&token).await;
    }
    next.unwrap();
    for number in 0..kept {
        assert_eq!(tokens.list(&format!("user {number}")).await.unwrap().len(), 1, "{number} of {kept}");
    }
    assert!(clock.now() < FAR);
}
