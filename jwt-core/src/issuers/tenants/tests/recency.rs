//! Fault 3: who makes room when there is none left.

use super::*;
#[cfg(feature = "cache")]
use crate::TokenCache;

/// Junk that names other tenants that exist.
async fn name_others(auth: &Authenticator<()>, provider: &Provider) {
    for n in 0..10 {
        let other = issuer(&format!("other-{n}"));
        provider.publish(&other, APPENDED);
        ask(auth, &junk(&other)).await;
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_sent_a_good_token_stays_before_whom_strangers_name() {
    let provider = Provider::with(&["busy", "quiet"]);
    let auth = trusting(provider.tenants().max_tenants(2));
    for tenant in ["busy", "quiet"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
    }
    let fetches = provider.count_of(&issuer("busy"));
    name_others(&auth, &provider).await;
    for tenant in ["busy", "quiet"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
    }
    assert_eq!(provider.count_of(&issuer("busy")), fetches, "it was not forgotten");
}

/// The tokens of the busy tenant are found by the hint of their header, and so `iss` is not looked up.
#[tokio::test(start_paused = true)]
async fn a_tenant_whose_tokens_come_by_hints_is_not_the_oldest() {
    let provider = Provider::with(&["busy", "quiet", "new"]);
    let auth = trusting(provider.tenants().max_tenants(2));
    assert_eq!(ask(&auth, &by_own_key(&provider, "busy")).await, 200);
    sleep(SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("quiet"))).await, 200);
    sleep(2 * SECOND).await;
    assert_eq!(ask(&auth, &by_own_key(&provider, "busy")).await, 200);
    sleep(2 * SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("new"))).await, 200);
    let fetches = provider.count_of(&issuer("busy"));
    assert_eq!(ask(&auth, &by_own_key(&provider, "busy")).await, 200);
    assert_eq!(provider.count_of(&issuer("busy")), fetches, "the quiet one made room");
}

/// The same by the cache of verified tokens.
#[cfg(feature = "cache")]
#[tokio::test(start_paused = true)]
async fn a_tenant_whose_tokens_come_from_the_cache_is_not_the_oldest() {
    let provider = Provider::with(&["busy", "quiet", "new"]);
    let auth = builder().trust_tenants(provider.tenants().max_tenants(2)).cache(TokenCache::new()).build().unwrap();
    let busy = token(&issuer("busy"));
    assert_eq!(ask(&auth, &busy).await, 200);
    sleep(SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("quiet"))).await, 200);
    sleep(2 * SECOND).await;
    assert_eq!(ask(&auth, &busy).await, 200);
    sleep(2 * SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("new"))).await, 200);
    let fetches = provider.count_of(&issuer("busy"));
    assert_eq!(ask(&auth, &busy).await, 200);
    assert_eq!(provider.count_of(&issuer("busy")), fetches, "the quiet one made room");
}

/// A token of that tenant by a key of its own, so that no other tenant has its header.
fn by_own_key(provider: &Provider, tenant: &str) -> String {
    let key = keys().junk.clone().with_kid(tenant);
    provider.script().documents.insert(format!("{}/keys", issuer(tenant)), jwks(&key));
    key.sign(&json!({"iss": issuer(tenant), "aud": "api", "exp": 4_000_000_000_u64})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_is_known_from_before_stays_whomever_strangers_name() {
    let provider = Provider::with(&["a", "b", "c"]);
    let names = restart::Names::default();
    let auth = trusting(provider.tenants().max_tenants(3).remember(names.clone()));
    for tenant in ["a", "b", "c"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
    }
    let auth = trusting(provider.tenants().max_tenants(3).remember(names).max_new_per_minute(10_000));
    for tenant in ["a", "b"] {
        assert_eq!(ask(&auth, &junk(&issuer(tenant))).await, 401);
    }
    for _ in 0..20 {
        name_others(&auth, &provider).await;
    }
    let before = provider.count();
    for tenant in ["a", "b"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200);
    }
    assert_eq!(provider.count(), before);
    assert_eq!(ask(&auth, &token(&issuer("c"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn the_names_of_strangers_are_few_and_their_keys_are_not_fetched_for_ever() {
    let provider = Provider::with(&["acme"]);
    let tenants = provider.tenants().max_new_per_minute(10_000).max_unconfirmed_per_minute(100_000);
    let auth = trusting(tenants);
    for n in 0..500 {
        let other = issuer(&format!("other-{n}"));
        provider.publish(&other, APPENDED);
        assert_eq!(ask(&auth, &junk(&other)).await, 401);
    }
    let before = provider.count();
    sleep(10 * MINUTE).await;
    let each = (provider.count() - before) / 2;
    assert!((64..=2 * 64).contains(&each), "{each} sets were fetched again in ten minutes");
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    drop(auth);
    let before = provider.count();
    sleep(60 * MINUTE).await;
    assert_eq!(provider.count(), before, "their fetching ends with the authenticator");
}
