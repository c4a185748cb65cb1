//! Fault 4: a tenant that is not trusted any more.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
#[cfg(feature = "cache")]
use crate::TokenCache;

/// The rule of an application whose list of customers changes.
#[derive(Clone, Default)]
struct Customers(Arc<Mutex<HashSet<String>>>);

impl Customers {
    fn with(customers: &[&str]) -> Self {
        Self(Arc::new(Mutex::new(customers.iter().map(|tenant| issuer(tenant)).collect())))
    }

    fn leave(&self, tenant: &str) {
        self.0.lock().unwrap().remove(&issuer(tenant));
    }

    fn tenants(&self, provider: &Provider) -> Tenants {
        let (customers, provider) = (self.clone(), provider.clone());
        Tenants::matching(move |issuer| {
            let keys = RemoteKeySet::discover(issuer).client(provider.clone());
            customers.0.lock().unwrap().contains(issuer).then(|| TrustedIssuer::new(issuer, keys))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_the_rule_does_not_cover_any_more_is_refused_within_a_minute() {
    let (provider, customers) = (Provider::with(&["acme", "umbrella"]), Customers::with(&["acme", "umbrella"]));
    let auth = trusting(customers.tenants(&provider));
    for tenant in ["acme", "umbrella"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
    }
    customers.leave("acme");
    sleep(MINUTE).await;
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 401);
    assert_eq!(ask(&auth, &token(&issuer("umbrella"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_known_by_its_header_is_refused_as_well() {
    let (provider, customers) = (Provider::with(&["acme"]), Customers::with(&["acme"]));
    let auth = trusting(customers.tenants(&provider));
    for _ in 0..70 {
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
        sleep(SECOND).await;
    }
    customers.leave("acme");
    for _ in 0..60 {
        ask(&auth, &token(&issuer("acme"))).await;
        sleep(SECOND).await;
    }
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 401);
}

#[cfg(feature = "cache")]
#[tokio::test(start_paused = true)]
async fn a_token_that_is_remembered_is_refused_as_well() {
    let (provider, customers) = (Provider::with(&["acme"]), Customers::with(&["acme"]));
    let tenants = customers.tenants(&provider);
    let auth = builder().trust_tenants(tenants).cache(TokenCache::new()).build().unwrap();
    let token = token(&issuer("acme"));
    for _ in 0..70 {
        assert_eq!(ask(&auth, &token).await, 200);
        sleep(SECOND).await;
    }
    customers.leave("acme");
    for _ in 0..60 {
        ask(&auth, &token).await;
        sleep(SECOND).await;
    }
    assert_eq!(ask(&auth, &token).await, 401);
}

/// On a thread and a runtime of its own, so that a rule that blocks blocks nothing else by itself.
fn apart(auth: &Authenticator<()>, token: String) -> std::sync::mpsc::Receiver<u16> {
    let (done, answered) = std::sync::mpsc::channel();
    let auth = auth.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = done.send(runtime.block_on(async { ask(&auth, &token).await }));
    });
    answered
}

#[test]
fn a_rule_that_is_slow_blocks_nobody_else() {
    let provider = Provider::with(&["acme"]);
    let (blocked, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_blocked, is_open, client) = (blocked.clone(), open.clone(), provider.clone());
    let auth = trusting(Tenants::matching(move |issuer| {
        if issuer.ends_with("/slow") {
            is_blocked.store(true, Ordering::SeqCst);
            while !is_open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let keys = RemoteKeySet::discover(issuer).client(client.clone());
        Some(TrustedIssuer::new(issuer, keys))
    }));
    let slow = apart(&auth, junk(&issuer("slow")));
    while !blocked.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let other = apart(&auth, token(&issuer("acme"))).recv_timeout(Duration::from_secs(5));
    open.store(true, Ordering::SeqCst);
    assert_eq!(other, Ok(200));
    assert_eq!(slow.recv(), Ok(401));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_panics_is_503_for_its_name_and_nothing_for_others() {
    let provider = Provider::with(&["acme"]);
    let client = provider.clone();
    let auth = trusting(Tenants::matching(move |issuer| {
        assert!(!issuer.ends_with("/panic"), "the rule does not like that name");
        let keys = RemoteKeySet::discover(issuer).client(client.clone());
        Some(TrustedIssuer::new(issuer, keys))
    }));
    for _ in 0..3 {
        assert_eq!(ask_from(&auth, &junk(&issuer("panic")), None).await, (503, Some(1)));
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_removed_is_refused_at_once_and_comes_back_when_it_may() {
    let provider = Provider::with(&["acme", "umbrella"]);
    let tenants = provider.tenants();
    tenants.remove(&issuer("umbrella"));
    let one = trusting(tenants.clone());
    let other = trusting(tenants.clone());
    let acme = token(&issuer("acme"));
    for auth in [&one, &other] {
        for _ in 0..3 {
            assert_eq!(ask(auth, &acme).await, 200);
        }
        assert_eq!(ask(auth, &token(&issuer("umbrella"))).await, 401, "it was removed before");
    }
    let removed = tenants.clone();
    removed.remove(&issuer("acme"));
    assert_eq!((ask(&one, &acme).await, ask(&other, &acme).await), (401, 401));
    let before = provider.count();
    sleep(60 * MINUTE).await;
    assert_eq!((ask(&one, &acme).await, provider.count()), (401, before), "its keys are not fetched any more");
    tenants.restore(&issuer("acme"));
    assert_eq!((ask(&one, &acme).await, ask(&other, &acme).await), (200, 200));
}

#[cfg(feature = "cache")]
#[tokio::test(start_paused = true)]
async fn a_remembered_token_of_a_removed_tenant_is_refused_at_once() {
    let provider = Provider::with(&["acme"]);
    let tenants = provider.tenants();
    let auth = builder().trust_tenants(tenants.clone()).cache(TokenCache::new()).build().unwrap();
    let token = token(&issuer("acme"));
    for _ in 0..3 {
        assert_eq!(ask(&auth, &token).await, 200);
    }
    assert!(auth.verifier().cache_stats().unwrap().hits > 0);
    tenants.remove(&issuer("acme"));
    assert_eq!(ask(&auth, &token).await, 401);
    tenants.restore(&issuer("acme"));
    assert_eq!(ask(&auth, &token).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_removed_while_it_is_looked_up_is_refused() {
    let provider = Provider::with(&["acme"]);
    provider.delay(SECOND);
    let tenants = provider.tenants();
    let auth = trusting(tenants.clone());
    let request = send(&auth, token(&issuer("acme")), None);
    sleep(SECOND / 2).await;
    tenants.remove(&issuer("acme"));
    assert_eq!(request.await.unwrap(), (401, None));
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_a_setting_and_zero_asks_for_every_token() {
    for (interval, after) in [(Duration::ZERO, Duration::ZERO), (10 * SECOND, 10 * SECOND)] {
        let (provider, customers) = (Provider::with(&["acme"]), Customers::with(&["acme"]));
        let auth = trusting(customers.tenants(&provider).recheck_interval(interval));
        for _ in 0..3 {
            assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
        }
        customers.leave("acme");
        sleep(after).await;
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 401, "{interval:?}");
    }
}

/// A rule whose answer is chosen by the test.
fn by_turns(provider: &Provider, answer: impl Fn(TrustedIssuer) -> TrustedIssuer + Send + Sync + 'static) -> Tenants {
    let provider = provider.clone();
    Tenants::matching(move |issuer| {
        let keys = RemoteKeySet::discover(issuer).client(provider.clone());
        Some(answer(TrustedIssuer::new(issuer, keys)))
    })
}

#[tokio::test(start_paused = true)]
async fn what_the_rule_expects_of_a_tenant_counts_within_a_minute_and_its_keys_are_not_fetched_again() {
    let (provider, strict) = (Provider::with(&["acme"]), Arc::new(AtomicBool::new(false)));
    let expects = strict.clone();
    let auth = trusting(by_turns(&provider, move |trusted| {
        if expects.load(Ordering::SeqCst) { trusted.audience("theirs") } else { trusted }
    }));
    let acme = token(&issuer("acme"));
    assert_eq!(ask(&auth, &acme).await, 200);
    let before = provider.count();
    for (is_strict, status) in [(true, 401), (false, 200)] {
        strict.store(is_strict, Ordering::SeqCst);
        sleep(MINUTE).await;
        assert_eq!(ask(&auth, &acme).await, status);
    }
    assert_eq!(provider.count(), before);
}

#[tokio::test(start_paused = true)]
async fn other_keys_of_a_tenant_count_within_a_minute() {
    let (provider, moved) = (Provider::with(&["acme"]), Arc::new(AtomicBool::new(false)));
    let new_keys = crate::KeySet::jwks(jwks(&keys().junk)).unwrap();
    let has_moved = moved.clone();
    let client = provider.clone();
    let auth = trusting(Tenants::matching(move |issuer| {
        let keys = RemoteKeySet::discover(issuer).client(client.clone());
        let has_moved = has_moved.load(Ordering::SeqCst);
        Some(if has_moved { TrustedIssuer::new(issuer, new_keys.clone()) } else { TrustedIssuer::new(issuer, keys) })
    }));
    let (old, new) = (token(&issuer("acme")), junk(&issuer("acme")));
    assert_eq!((ask(&auth, &old).await, ask(&auth, &new).await), (200, 401));
    moved.store(true, Ordering::SeqCst);
    sleep(MINUTE).await;
    assert_eq!((ask(&auth, &old).await, ask(&auth, &new).await), (401, 200));
    moved.store(false, Ordering::SeqCst);
    sleep(MINUTE).await;
    assert_eq!((ask(&auth, &old).await, ask(&auth, &new).await), (200, 401));
}

/// Keys that the rule reads again every time are others every time.
#[tokio::test(start_paused = true)]
async fn a_rule_that_makes_its_keys_again_every_time_is_served() {
    let set = jwks(&keys().good);
    let auth = trusting(
        Tenants::matching(move |issuer| Some(TrustedIssuer::new(issuer, crate::KeySet::jwks(&set).unwrap())))
            .recheck_interval(SECOND),
    );
    for n in 0..200 {
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
        assert_eq!(ask(&auth, &junk(&issuer(&format!("made-up-{n}")))).await, 401);
        sleep(SECOND / 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_panics_when_it_is_asked_again_has_not_said_no() {
    let (provider, broken) = (Provider::with(&["acme"]), Arc::new(AtomicBool::new(false)));
    let is_broken = broken.clone();
    let auth = trusting(by_turns(&provider, move |trusted| {
        assert!(!is_broken.load(Ordering::SeqCst), "the database of the rule is away");
        trusted
    }));
    let acme = token(&issuer("acme"));
    assert_eq!(ask(&auth, &acme).await, 200);
    broken.store(true, Ordering::SeqCst);
    for second in 0..90 {
        let expected = if second < 60 { (200, None) } else { (503, Some(1)) };
        assert_eq!(ask_from(&auth, &acme, None).await, expected, "second {second}");
        sleep(SECOND).await;
    }
    broken.store(false, Ordering::SeqCst);
    assert_eq!(ask(&auth, &acme).await, 200);
}

/// The rule takes long when it is asked again: one request waits for it, and the others are served by its last answer.
#[test]
fn a_rule_that_is_slow_when_it_is_asked_again_blocks_one_request() {
    let set = crate::KeySet::jwks(jwks(&keys().good)).unwrap();
    let (calls, open) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, is_open) = (calls.clone(), open.clone());
    let auth = trusting(
        Tenants::matching(move |issuer| {
            *count.lock().unwrap() += 1;
            while *count.lock().unwrap() > 1 && !is_open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Some(TrustedIssuer::new(issuer, set.clone()))
        })
        .recheck_interval(60 * SECOND * 60)
        // Half an hour is more than a test has.
        .max_tenants(10),
    );
    let acme = token(&issuer("acme"));
    assert_eq!(apart(&auth, acme.clone()).recv(), Ok(200));
    // Another tenant blocks, and this one does not wait for it.
    let other = apart(&auth, token(&issuer("other")));
    while *calls.lock().unwrap() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    for _ in 0..3 {
        assert_eq!(apart(&auth, acme.clone()).recv_timeout(Duration::from_secs(5)), Ok(200));
    }
    open.store(true, Ordering::SeqCst);
    assert_eq!(other.recv(), Ok(200));
}
