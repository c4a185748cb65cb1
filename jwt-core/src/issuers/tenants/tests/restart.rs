//! Fault 2: who is known after a restart.

use super::*;
use crate::tenants::{TenantFile, TenantMemory};

/// Remembers in memory. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<Mutex<Vec<String>>>);

impl Names {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl TenantMemory for Names {
    fn names(&self, _: usize) -> Vec<String> {
        self.all()
    }

    fn add(&self, issuer: &str) {
        self.remove(issuer);
        self.0.lock().unwrap().push(issuer.to_owned());
    }

    fn remove(&self, issuer: &str) {
        self.0.lock().unwrap().retain(|name| name != issuer);
    }
}

fn tenants(names: std::ops::Range<usize>) -> Vec<String> {
    names.map(|n| format!("t{n}")).collect()
}

/// A provider with so many tenants, and what remembers them after each has sent a token.
async fn after_a_run(number: usize) -> (Provider, Names) {
    let (provider, names) = (Provider::default(), Names::default());
    let auth = trusting(provider.tenants().remember(names.clone()).max_new_per_minute(10_000));
    for tenant in tenants(0..number) {
        provider.publish(&issuer(&tenant), APPENDED);
        assert_eq!(ask(&auth, &token(&issuer(&tenant))).await, 200);
    }
    assert_eq!(names.all().len(), number);
    (provider, names)
}

#[tokio::test(start_paused = true)]
async fn whoever_was_known_before_a_restart_is_served_at_once_whatever_strangers_do() {
    let (provider, names) = after_a_run(100).await;
    let auth = trusting(provider.tenants().remember(names.clone()).max_new_per_minute(1).max_unconfirmed_per_minute(6));
    for tenant in tenants(0..100) {
        for n in 0..20 {
            ask(&auth, &junk(&issuer(&format!("made-up-{tenant}-{n}")))).await;
        }
        assert_eq!(ask(&auth, &token(&issuer(&tenant))).await, 200, "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_who_name_those_that_are_known_do_not_keep_them_out() {
    let (provider, names) = after_a_run(100).await;
    provider.delay(SECOND / 10);
    let auth = trusting(provider.tenants().remember(names).max_tenants(100));
    let junk: Vec<_> =
        (0..5).flat_map(|_| tenants(0..100)).map(|name| send(&auth, junk(&issuer(&name)), client(1))).collect();
    let good: Vec<_> = tenants(0..100).into_iter().map(|name| send(&auth, token(&issuer(&name)), client(2))).collect();
    for answer in good {
        assert_eq!(answer.await.unwrap(), (200, None));
    }
    for answer in junk {
        assert_eq!(answer.await.unwrap().0, 401);
    }
    assert_eq!(provider.most_at_once(), 32);
}

/// One host hangs, and strangers name its tenants.
#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_does_not_keep_out_the_tenants_of_another() {
    let (hangs, well, names) = (Provider::default(), Provider::default(), Names::default());
    hangs.delay(60 * MINUTE);
    well.publish("https://well.example/t", APPENDED);
    names.add("https://well.example/t");
    for tenant in tenants(0..100) {
        names.add(&issuer(&tenant));
    }
    let (one, other) = (hangs.clone(), well.clone());
    let auth = trusting(
        Tenants::matching(move |issuer| {
            let client = if issuer.starts_with(HOST) { one.clone() } else { other.clone() };
            Some(TrustedIssuer::new(issuer, RemoteKeySet::discover(issuer).client(client)))
        })
        .remember(names),
    );
    let junk: Vec<_> = tenants(0..100).iter().map(|name| send(&auth, junk(&issuer(name)), None)).collect();
    sleep(SECOND).await;
    assert_eq!(hangs.most_at_once(), 32);
    let begun = Instant::now();
    assert_eq!(ask(&auth, &token("https://well.example/t")).await, 200);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    for answer in junk {
        assert_eq!(answer.await.unwrap().0, 503);
    }
    assert_eq!(begun.elapsed(), 9 * SECOND, "nobody waits longer than a fetch may take");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_known_is_tried_again_soon_after_the_provider_failed() {
    let (provider, names) = after_a_run(1).await;
    let auth = trusting(provider.tenants().remember(names));
    provider.fail(Some(500));
    assert_eq!(ask_from(&auth, &token(&issuer("t0")), None).await, (503, Some(5)));
    provider.fail(None);
    sleep(5 * SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("t0"))).await, 200);
    // And no more often than once a minute, if it goes on failing.
    drop(auth);
    let names = Names::default();
    names.add(&issuer("t0"));
    let auth = trusting(provider.tenants().remember(names));
    provider.fail(Some(500));
    let before = provider.count();
    for _ in 0..20 * 60 {
        let (status, retry_after) = ask_from(&auth, &token(&issuer("t0")), None).await;
        assert!(status == 503 && retry_after <= Some(60), "{status} {retry_after:?}");
        sleep(SECOND).await;
    }
    assert!(provider.count() - before <= 24, "{}", provider.count() - before);
}

/// Names that a stranger names are not remembered, even where they exist.
#[tokio::test(start_paused = true)]
async fn only_names_of_good_tokens_are_remembered_and_those_that_leave_are_forgotten() {
    let (provider, names) = (Provider::with(&["acme", "umbrella", "stranger"]), Names::default());
    let tenants = provider.tenants().remember(names.clone());
    let auth = trusting(tenants.clone());
    for tenant in ["acme", "umbrella"] {
        for _ in 0..3 {
            assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
        }
    }
    for tenant in ["stranger", "made-up"] {
        assert_eq!(ask(&auth, &junk(&issuer(tenant))).await, 401);
    }
    assert_eq!(names.all(), [issuer("acme"), issuer("umbrella")]);
    tenants.remove(&issuer("acme"));
    assert_eq!(names.all(), [issuer("umbrella")]);
    let auth = trusting(Tenants::matching(|_| None).remember(names.clone()));
    assert_eq!(ask(&auth, &token(&issuer("umbrella"))).await, 401);
    assert_eq!(names.all(), [""; 0], "the rule does not cover it any more");
}

#[tokio::test(start_paused = true)]
async fn of_more_names_than_are_kept_the_last_ones_are() {
    let (provider, names) = after_a_run(10).await;
    let auth = trusting(provider.tenants().remember(names).max_tenants(3).max_unconfirmed_per_minute(6));
    for n in 0..20 {
        ask(&auth, &junk(&issuer(&format!("made-up-{n}")))).await;
    }
    for tenant in ["t9", "t8", "t7"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200, "{tenant}");
    }
    assert_eq!(ask(&auth, &token(&issuer("t6"))).await, 503);
}

#[tokio::test(start_paused = true)]
async fn a_file_remembers_from_one_run_to_the_next() {
    let path = std::env::temp_dir().join(format!("jwt-tenants-restart-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let provider = Provider::with(&["acme"]);
    for run in 0..3 {
        let tenants = provider.tenants().remember(TenantFile::open(&path).unwrap());
        let auth = trusting(tenants.max_unconfirmed_per_minute(6));
        if run > 0 {
            for n in 0..20 {
                ask(&auth, &junk(&issuer(&format!("made-up-{n}")))).await;
            }
        }
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200, "run {run}");
    }
    std::fs::remove_file(path).unwrap();
}
