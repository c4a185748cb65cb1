//! Providers and stores that fail, requests that are dropped, and several that come at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use acceptance::{Browser, Log, ROUTED};
use jwt_core::Logins;
use tokio::sync::Semaphore;

use super::super::{OnFailure, error, refused};
use super::{INTERVAL, PAUSE, Place, STALE, eventually, everywhere, in_json, keeping};

#[test]
fn while_the_provider_is_down_a_login_goes_on_for_a_while() {
    everywhere(Place::new, |server, place, log| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        place.is_called("Alice Smith");
        place.idp.script().down = true;
        log.take();
        let mut logged = String::new();
        for _ in 0..5 {
            place.after(INTERVAL);
            assert_eq!((browser.refresh().status, browser.name()), (204, "alice".into()), "{name}");
            logged += &log.take();
        }
        let failed = "a provider does not say whether logins go on";
        assert_eq!(logged.matches(failed).count(), 1, "{name}: {logged}");
        // The provider has answered at the sign-in.
        place.after((STALE + INTERVAL).saturating_sub(5 * INTERVAL));
        let before = browser.jar.clone();
        let reply = browser.refresh();
        assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{name}");
        assert!(reply.header("retry-after").is_some() && browser.jar == before, "{name}: it is not over");
        place.idp.script().down = false;
        assert_eq!(browser.refresh().status, 503, "{name}: it is not asked all the time");
        place.after(PAUSE);
        assert_eq!((browser.refresh().status, browser.name()), (204, "Alice Smith".into()), "{name}");
        assert!(log.take().contains("a provider says again whether logins go on"), "{name}");
        // A refusal of this service is no end of the login either.
        for refusal in [(401, "invalid_client"), (400, "unsupported_grant_type"), (503, "temporarily_unavailable")] {
            place.idp.script().grants.error = Some(refusal);
            place.after(INTERVAL);
            assert_eq!((browser.refresh().status, place.logins()), (204, 1), "{name} {refusal:?}");
            place.idp.script().grants.error = None;
            place.after(PAUSE);
            assert_eq!(browser.refresh().status, 204, "{name} {refusal:?}");
        }
        place.idp.script().grants.error = Some((400, "invalid_grant"));
        place.after(INTERVAL);
        assert_eq!((browser.refresh().status, place.logins()), (400, 0), "{name}");
    });
    // Not at all, where the application wants it so.
    let place = Place::with(|builder| keeping(builder).stale_if_error(Duration::ZERO), |logins| logins);
    let server = ROUTED[0].start(place.instances[0].clone());
    let mut browser = Browser::at(&server);
    place.sign_in(&mut browser);
    place.idp.script().down = true;
    assert_eq!(place.refresh_after(&mut browser, INTERVAL).status, 503);
}

/// Each answer of the provider waits for a permit.
fn closed(place: &Place) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    place.idp.script().grants.gate = Some(gate.clone());
    gate
}

#[test]
fn of_many_refreshes_at_once_on_two_instances_one_asks_the_provider() {
    let _told = OnFailure(Log::here());
    let place = Place::with(keeping, in_json);
    let server = ROUTED[0].start(place.instances[0].clone());
    let token = place.signed_in(&server);
    place.is_called("Alice Smith");
    place.after(INTERVAL);
    let gate = closed(&place);
    let [one, other] = place.instances.clone();
    let refresh = |logins: Logins| {
        let token = token.clone();
        place.runtime.spawn(async move { logins.refresh(token).await })
    };
    // The first two wait for the provider, on one instance; the other instance goes on with what is known.
    let waiting = [refresh(one.clone()), refresh(one)];
    eventually("the provider is asked", || place.idp.script().grants.waiting > 0);
    let quick = place.runtime.block_on(refresh(other)).unwrap().unwrap();
    gate.add_permits(1);
    for waiting in waiting {
        let login = place.runtime.block_on(waiting).unwrap().unwrap();
        assert_eq!(login.refresh_token().unwrap().as_str(), quick.refresh_token().unwrap().as_str(), "as a retry");
    }
    assert_eq!(place.asked().len(), 1);
    // What the provider gave is in the record, although that has been refreshed in between.
    assert_eq!(place.name(), "Alice Smith");
    place.after(INTERVAL);
    gate.add_permits(1);
    let next = quick.refresh_token().unwrap().as_str();
    place.runtime.block_on(place.instances[1].refresh(next)).unwrap();
    assert_eq!((place.asked().len(), place.logins()), (2, 1));
}

#[test]
fn a_request_that_is_dropped_loses_nothing() {
    let _told = OnFailure(Log::here());
    let place = Place::with(keeping, in_json);
    let server = ROUTED[0].start(place.instances[0].clone());
    let token = place.signed_in(&server);
    place.is_called("Alice Smith");
    place.after(INTERVAL);
    let gate = closed(&place);
    let logins = place.instances[0].clone();
    let dropped = place.runtime.spawn({
        let token = token.clone();
        async move { logins.refresh(token).await }
    });
    eventually("the provider is asked", || place.idp.script().grants.waiting > 0);
    dropped.abort();
    gate.add_permits(1);
    eventually("its answer is stored", || place.name() == "Alice Smith");
    let login = place.runtime.block_on(place.instances[0].refresh(token)).unwrap();
    assert_eq!((place.asked().len(), place.logins()), (1, 1));
    gate.add_permits(1);
    place.after(INTERVAL);
    place.runtime.block_on(place.instances[0].refresh(login.refresh_token().unwrap().as_str())).unwrap();
    assert_eq!((place.asked().len(), place.logins()), (2, 1));
}

#[test]
fn what_the_provider_gave_is_held_for_a_store_that_fails() {
    everywhere(Place::new, |server, place, log| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        place.is_called("Alice Smith");
        place.store.stuck.store(true, Ordering::SeqCst);
        let reply = place.refresh_after(&mut browser, INTERVAL);
        assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{name}");
        assert!(log.take().contains("what a provider has given for a login could not be stored"), "{name}");
        // Nobody else asks with the token that is no longer good.
        assert_eq!((browser.refresh().status, place.asked().len()), (503, 1), "{name}");
        place.store.stuck.store(false, Ordering::SeqCst);
        eventually("it is stored", || place.name() == "Alice Smith");
        assert_eq!((browser.refresh().status, browser.name()), (204, "Alice Smith".into()), "{name}");
        let until = Instant::now() + Duration::from_secs(20);
        while place.asked().len() < 2 {
            assert!(Instant::now() < until, "{name}: nobody may ask again");
            assert_eq!(place.refresh_after(&mut browser, INTERVAL).status, 204, "{name}");
        }
        assert_eq!(place.logins(), 1, "{name}");
    });
}
