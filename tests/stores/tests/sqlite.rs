//! What only a store in a file can do: survive a restart, be shared by processes, be damaged, and fill the disk.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::session::{NewSignIn, RefreshError};
use jwt_core::store::{SchemaError, StoreError};
use jwt_core::{RefreshTokens, Revocations, Sessions, SqliteStore};
use serde_json::json;
use stores_tests::{SmallDisk, TestClock, TestDirectory, Traffic, is_revoked, until};

const ISSUER: &str = "https://issuer.example.com";
const FAR: NumericDate = NumericDate::from_secs(4_000_000_000);

fn sign_in(subject: &str) -> NewSignIn {
    NewSignIn::new(subject, &()).unwrap()
}

fn is_unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

/// The SQLite of Debian looks at what ours has written, or the test has nothing to look with.
fn sqlite3(file: &std::path::Path, sql: &str) -> Option<String> {
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 20000"]).arg(file).arg(sql).output().ok()?;
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let directory = TestDirectory::new();
    let file = directory.path().join("store.db");
    let clock = TestClock::new();
    let tokens = async || {
        let store = Arc::new(SqliteStore::open(&file).await.unwrap());
        RefreshTokens::builder(store).clock(clock.clone()).build().unwrap()
    };
    let (token, family) = tokens().await.start(sign_in("alice")).await.unwrap();
    let (next, _) = tokens().await.refresh(&token).await.unwrap();
    let list = async || Revocations::builder(Arc::new(SqliteStore::open(&file).await.unwrap())).open().await.unwrap();
    list().await.revoke(ISSUER, "1", FAR).await.unwrap();
    assert_eq!(tokens().await.refresh(&token).await.unwrap().0, next);
    assert_eq!(tokens().await.list("alice").await.unwrap()[0].id, family.id);
    assert!(is_revoked(&list().await, 1));
    if let Some(check) = sqlite3(&file, "PRAGMA integrity_check") {
        assert_eq!(check, "ok");
        assert_eq!(sqlite3(&file, "SELECT subject FROM jwt_sign_ins").unwrap(), "alice");
    }
    #[cfg(unix)]
    for file in std::fs::read_dir(directory.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_says_why() {
    let directory = TestDirectory::new();
    let path = |name: &str| directory.path().join(name);
    let builder = || SqliteStore::builder(path("store.db"));
    for name in ["", "Jwt", "1_", "a;b", "a b"] {
        let error = builder().prefix(name).open().await.err().unwrap();
        assert!(matches!(error, StoreError::Schema(SchemaError::Name { .. })), "{name}: {error}");
    }
    for file in ["", ":memory:"] {
        let error = SqliteStore::open(file).await.err().unwrap();
        assert!(matches!(error, StoreError::Schema(SchemaError::NoFile)), "{file}: {error}");
    }
    let second = Duration::from_secs(1);
    for (twice, setting) in [
        (builder().prefix("a_").prefix("b_"), "prefix"),
        (builder().timeout(second).timeout(second), "timeout"),
        (builder().max_revocations(1).max_revocations(2), "max_revocations"),
    ] {
        let error = twice.open().await.err().unwrap();
        assert!(matches!(error, StoreError::SetTwice { setting: named } if named == setting), "{error}");
    }
    std::fs::write(path("text"), "no database, but long enough to be read as the head of one".repeat(20)).unwrap();
    for file in ["text", "nowhere/store.db", "."] {
        let error = SqliteStore::open(path(file)).await.err().unwrap();
        assert!(is_unavailable(&error), "{file}: {error}");
    }
    builder().open().await.unwrap();
    if sqlite3(&path("store.db"), "INSERT INTO jwt_schema (version) VALUES (7)").is_some() {
        let error = builder().open().await.err().unwrap();
        assert!(matches!(error, StoreError::Schema(SchemaError::Newer { found: 7, known: 1 })), "{error}");
    }
    // Beside tables of the application, and of another store.
    builder().prefix("auth_").open().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_file_and_one_that_holds_it_makes_others_wait_within_the_timeout() {
    let directory = TestDirectory::new();
    let file = directory.path().join("store.db");
    let open = async || {
        let builder = SqliteStore::builder(&file).timeout(Duration::from_millis(300));
        Arc::new(builder.open().await.unwrap())
    };
    let here = Revocations::builder(open().await).open().await.unwrap();
    let arguments = [file.to_str().unwrap(), ISSUER, "7"];
    assert!(Command::new(env!("CARGO_BIN_EXE_revoke")).args(arguments).status().unwrap().success());
    until("known here", || is_revoked(&here, 7)).await;

    let sessions = Sessions::builder(open().await).build().unwrap();
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(is_unavailable(&sessions.start(sign_in("bob")).await.unwrap_err()));
    assert!(sessions.look_up(&session).await.unwrap().is_some(), "a read waits for nobody");
    other.execute_batch("ROLLBACK").unwrap();
    sessions.start(sign_in("bob")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_nobody_waits_for_any_more_are_bounded_and_not_done() {
    let directory = TestDirectory::new();
    let file = directory.path().join("store.db");
    let store = SqliteStore::builder(&file).timeout(Duration::from_millis(300)).open().await.unwrap();
    let sessions = Arc::new(Sessions::builder(Arc::new(store)).build().unwrap());
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let starts = (0..2000).map(|number| {
        let sessions = sessions.clone();
        tokio::spawn(async move { sessions.start(sign_in(&number.to_string())).await })
    });
    for start in starts.collect::<Vec<_>>() {
        assert!(is_unavailable(&start.await.unwrap().unwrap_err()));
    }
    other.execute_batch("ROLLBACK").unwrap();
    sessions.start(sign_in("alice")).await.unwrap();
    let rows: u32 = other.query_row("SELECT count(*) FROM jwt_sign_ins", (), |row| row.get(0)).unwrap();
    assert!(rows < 10, "{rows} were done although nobody waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_file_that_is_not_there_yet_is_opened_by_several_at_once() {
    for number in 0..40 {
        let directory = TestDirectory::new();
        let file = directory.path().join("store.db");
        let opening: Vec<_> =
            (0..8).map(|_| tokio::spawn(SqliteStore::builder(&file).timeout(Duration::from_secs(20)).open())).collect();
        for opened in opening {
            let opened = opened.await.unwrap();
            assert!(opened.is_ok(), "file {number}: {}", opened.err().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_on_two_stores_of_one_file_loses_nothing() {
    let directory = TestDirectory::new();
    let file = directory.path().join("store.db");
    let open = async || Arc::new(SqliteStore::builder(&file).timeout(Duration::from_secs(20)).open().await.unwrap());
    let elsewhere = Revocations::builder(open().await).open().await.unwrap();
    let one = Traffic::start(&open().await).await;
    // Its clock stands still too, at the same moment.
    let other = Sessions::builder(open().await).clock(TestClock::new()).build().unwrap();
    for number in 0..20 {
        other.start(sign_in(&format!("other {number}"))).await.unwrap();
    }
    one.goes_on().await;
    let acknowledged = one.revoked();
    one.stop().await;
    until("all are known", || acknowledged.iter().all(|number| is_revoked(&elsewhere, *number))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unavailable_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = Arc::new(SqliteStore::open(disk.path().join("store.db")).await.unwrap());
    let tokens = RefreshTokens::builder(store).clock(TestClock::new()).build().unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    disk.fill();
    let data = json!("x".repeat(10_000));
    let mut kept = 0;
    let error = loop {
        match tokens.start(NewSignIn::new(format!("user {kept}"), &data).unwrap()).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100_000, "the disk is never full");
    };
    assert!(is_unavailable(&error), "{error}");
    disk.free();
    let refreshed = tokens.refresh(&token).await;
    assert!(!matches!(refreshed, Err(RefreshError::Store(_))), "{refreshed:?}");
    for number in 0..kept {
        assert_eq!(tokens.list(&format!("user {number}")).await.unwrap().len(), 1, "{number} of {kept}");
    }
}
