//! Fault 2: what junk with made-up names can spend.

use super::*;

#[tokio::test(start_paused = true)]
async fn names_that_discovery_refuses_are_not_new_tenants() {
    let provider = Provider::with(&["acme", "umbrella"]);
    let auth = trusting(provider.tenants().max_new_per_minute(2));
    for n in 0..10 {
        assert_eq!(ask(&auth, &junk(&issuer(&format!("made-up-{n}")))).await, 401);
    }
    for tenant in ["acme", "umbrella"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200, "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_name_costs_one_request_once_it_is_known_where_metadata_is() {
    for place in [APPENDED, RFC_8414, 2] {
        let provider = Provider::default();
        provider.publish(&issuer("acme"), place);
        let auth = trusting(provider.tenants());
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
        let before = provider.count();
        for n in 0..20 {
            assert_eq!(ask(&auth, &junk(&issuer(&format!("made-up-{n}")))).await, 401);
        }
        assert_eq!(provider.count() - before, 20, "place {place}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_client_cannot_use_up_what_unknown_names_may_cost() {
    let provider = Provider::with(&["acme", "umbrella"]);
    let auth = trusting(provider.tenants());
    let mut without_room = 0;
    for n in 0..500 {
        let (status, retry_after) = ask_from(&auth, &junk(&issuer(&format!("made-up-{n}"))), client(1)).await;
        assert!(status == 401 || (status == 503 && retry_after <= Some(60)), "{status} {retry_after:?}");
        without_room += usize::from(status == 503);
    }
    assert!(without_room > 400, "{without_room}");
    for tenant in ["acme", "umbrella"] {
        assert_eq!(ask_from(&auth, &token(&issuer(tenant)), client(2)).await, (200, None), "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_gets_503_and_comes_in_when_told_to() {
    let provider = Provider::with(&["acme"]);
    let auth = trusting(provider.tenants());
    for n in 0..1000 {
        let (status, retry_after) = ask_from(&auth, &junk(&issuer(&format!("made-up-{n}"))), None).await;
        assert!(status == 401 || (status == 503 && retry_after <= Some(60)), "{status} {retry_after:?}");
    }
    assert!(provider.count() <= 120, "{}", provider.count());
    let (status, retry_after) = ask_from(&auth, &token(&issuer("acme")), None).await;
    assert_eq!(status, 503);
    sleep(Duration::from_secs(retry_after.unwrap())).await;
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_is_asked_for_a_few_names_at_once_and_for_fewer_by_one_client() {
    let provider = Provider::with(&["acme", "umbrella"]);
    provider.delay(3 * SECOND);
    let auth = trusting(provider.tenants().max_unconfirmed_per_minute(100_000));
    let flood = |from: Option<IpAddr>, name: &str| -> Vec<_> {
        (0..100).map(|n| send(&auth, junk(&issuer(&format!("{name}-{n}"))), from)).collect()
    };
    let one = flood(client(1), "one");
    sleep(SECOND).await;
    assert_eq!(provider.most_at_once(), 4);
    let by_another = send(&auth, token(&issuer("acme")), client(2));
    sleep(SECOND).await;
    let all = flood(None, "all");
    sleep(SECOND).await;
    assert_eq!(provider.most_at_once(), 32);
    assert_eq!(ask_from(&auth, &token(&issuer("umbrella")), client(3)).await, (503, Some(1)));
    assert_eq!(by_another.await.unwrap(), (200, None));
    for junk in one.into_iter().chain(all) {
        assert!(matches!(junk.await.unwrap(), (401, None) | (503, Some(1))));
    }
    assert_eq!(ask_from(&auth, &token(&issuer("umbrella")), client(3)).await, (200, None));
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_room_for_others() {
    let provider = Provider::with(&["acme"]);
    provider.delay(5 * SECOND);
    let auth = trusting(provider.tenants());
    for round in 0..3 {
        let gone: Vec<_> = (0..32).map(|n| send(&auth, junk(&issuer(&format!("{round}-{n}"))), None)).collect();
        sleep(SECOND).await;
        for request in gone {
            request.abort();
        }
        sleep(2 * MINUTE).await;
    }
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refused_name_is_asked_for_less_and_less_often() {
    let provider = Provider::with(&["acme"]);
    let auth = trusting(provider.tenants());
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    let made_up = junk(&issuer("made-up"));
    let mut asked_at = Vec::new();
    for second in 0..20 * 60 {
        let before = provider.count_of(&issuer("made-up"));
        let (status, retry_after) = ask_from(&auth, &made_up, None).await;
        match provider.count_of(&issuer("made-up")) - before {
            0 => {
                let since = second - asked_at.last().unwrap();
                assert_eq!(status, if since < 60 { 401 } else { 503 }, "{since} seconds after it was refused");
                assert!(retry_after <= Some(300));
            }
            requests => {
                assert_eq!((status, requests), (401, if asked_at.len() < 2 { 1 } else { 3 }));
                asked_at.push(second);
            }
        }
        sleep(SECOND).await;
    }
    assert_eq!(asked_at, [0, 60, 180, 420, 720, 1020]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_strangers_have_named_before_it_existed_comes_in_when_told_to() {
    let provider = Provider::with(&["acme"]);
    let auth = trusting(provider.tenants());
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    for _ in 0..10 * 60 {
        ask(&auth, &junk(&issuer("late"))).await;
        sleep(SECOND).await;
    }
    // It was refused a minute ago, and more than once.
    provider.publish(&issuer("late"), APPENDED);
    let (status, retry_after) = ask_from(&auth, &token(&issuer("late")), None).await;
    assert_eq!((status, retry_after), (503, Some(120)));
    sleep(120 * SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("late"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_metadata_is_elsewhere_is_found_though_others_of_its_host_are_not_there() {
    let provider = Provider::with(&["acme"]);
    provider.publish(&issuer("odd"), RFC_8414);
    let auth = trusting(provider.tenants());
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    for minutes in [1, 2] {
        assert_eq!(ask(&auth, &token(&issuer("odd"))).await, 401);
        sleep(minutes * MINUTE).await;
    }
    assert_eq!(ask(&auth, &token(&issuer("odd"))).await, 200);
    // From now on, both places are.
    provider.publish(&issuer("odd-2"), RFC_8414);
    provider.publish(&issuer("even-2"), APPENDED);
    for tenant in ["odd-2", "even-2"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200, "{tenant}");
    }
    // And every place of another host is.
    provider.publish("https://login.example.net/t", 2);
    let other = Tenants::matching({
        let provider = provider.clone();
        move |issuer| Some(TrustedIssuer::new(issuer, RemoteKeySet::discover(issuer).client(provider.clone())))
    });
    let auth = trusting(other);
    for issuer in [&*issuer("acme"), "https://login.example.net/t"] {
        assert_eq!(ask(&auth, &token(issuer)).await, 200, "{issuer}");
    }
}

/// What strangers name is no hint where others are.
#[tokio::test(start_paused = true)]
async fn strangers_cannot_choose_where_metadata_is_looked_for() {
    let provider = Provider::with(&["acme"]);
    provider.publish(&issuer("odd"), RFC_8414);
    let auth = trusting(provider.tenants());
    assert_eq!(ask(&auth, &junk(&issuer("acme"))).await, 401);
    assert_eq!(ask(&auth, &token(&issuer("odd"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn tenants_that_strangers_name_and_that_exist_are_new_ones_and_those_who_are_known_do_not_care() {
    let provider = Provider::with(&["acme", "a", "b", "c"]);
    let auth = trusting(provider.tenants().max_new_per_minute(3));
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    sleep(SECOND).await;
    for tenant in ["a", "b"] {
        assert_eq!(ask(&auth, &junk(&issuer(tenant))).await, 401);
    }
    let before = provider.count();
    assert_eq!(ask_from(&auth, &token(&issuer("c")), None).await, (503, Some(59)));
    assert_eq!(provider.count(), before);
    for tenant in ["acme", "a", "b"] {
        assert_eq!(ask(&auth, &token(&issuer(tenant))).await, 200, "{tenant}");
    }
    sleep(59 * SECOND).await;
    assert_eq!(ask(&auth, &token(&issuer("c"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_none_cost_no_network() {
    let provider = Provider::with(&["acme"]);
    let auth = trusting(provider.tenants());
    let good = token(&issuer("acme"));
    let (header, rest) = good.split_once('.').unwrap();
    let claims = rest.split_once('.').unwrap().0;
    for (n, bad) in
        [format!("e30.{rest}"), format!("!.{rest}"), format!("{header}.{claims}.!"), format!("{header}.e30.AA")]
            .into_iter()
            .enumerate()
    {
        assert_eq!(ask(&auth, &bad).await, 401, "{n}");
    }
    assert_eq!(provider.count(), 0);
    assert_eq!(ask(&auth, &unsigned(&issuer("acme"))).await, 401, "it is looked up before the signature is");
    assert_eq!(ask(&auth, &good).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_asked_again_after_a_minute_and_does_not_hold_up_who_is_known() {
    let provider = Provider::with(&["acme", "umbrella"]);
    let auth = trusting(provider.tenants());
    assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
    for status in [500, 503, 429, 403] {
        provider.fail(Some(status));
        let (status, retry_after) = ask_from(&auth, &token(&issuer("umbrella")), None).await;
        assert!(status == 503 && retry_after <= Some(60));
        let before = provider.count();
        let again = ask_from(&auth, &token(&issuer("umbrella")), None).await;
        assert_eq!((again, provider.count()), ((503, Some(60)), before));
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200);
        sleep(MINUTE).await;
    }
    provider.fail(None);
    assert_eq!(ask(&auth, &token(&issuer("umbrella"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_before_it_was_asked_everywhere_has_not_said_that_it_knows_no_such_tenant() {
    for status in [500, 503, 429] {
        let provider = Provider::default();
        provider.publish(&issuer("acme"), RFC_8414);
        let auth = trusting(provider.tenants());
        provider.delay(SECOND);
        let answer = send(&auth, token(&issuer("acme")), None);
        // The first place has said that there is nothing by then.
        sleep(SECOND * 3 / 2).await;
        provider.fail(Some(status));
        assert_eq!(answer.await.unwrap(), (503, Some(60)), "{status}");
        provider.fail(None);
        sleep(MINUTE).await;
        assert_eq!(ask(&auth, &token(&issuer("acme"))).await, 200, "{status}");
    }
}

/// A rule that covers hosts that strangers choose.
#[tokio::test(start_paused = true)]
async fn hosts_that_strangers_make_up_cost_no_more_requests_than_other_names() {
    let provider = Provider::default();
    provider.publish("https://acme.example", APPENDED);
    let client = provider.clone();
    let auth = trusting(Tenants::matching(move |issuer| {
        Some(TrustedIssuer::new(issuer, RemoteKeySet::discover(issuer).client(client.clone())))
    }));
    for n in 0..1000 {
        ask(&auth, &junk(&format!("https://made-up-{n}.example"))).await;
    }
    assert!(provider.count() <= 60, "{}", provider.count());
    sleep(SECOND * 3).await;
    assert_eq!(ask(&auth, &token("https://acme.example")).await, 200);
}
