//! What the ID token of a refresh has to say (OpenID Connect Core 1.0 §12.2).

use std::time::Duration;

use acceptance::{Browser, Log, ROUTED};
use jwt_core::clock::Clock;
use jwt_core::login::oidc::ProviderLoginBuilder;
use jwt_core::testing::{TestClock, TestToken};
use serde_json::{Value, json};

use super::super::{Change as TokenChange, OnFailure, error, refused};
use super::{INTERVAL, Place, SAME_ORIGIN, eventually, everywhere, keeping};

#[test]
fn an_id_token_of_somebody_else_ends_the_login() {
    type Change = fn(TestToken) -> TestToken;
    let changes: [(&str, Change); 7] = [
        ("subject", |token| token.claim("sub", "bob")),
        ("audience", TestToken::wrong_audience),
        ("issuer", TestToken::wrong_issuer),
        ("age", TestToken::expired),
        ("signature", TestToken::signed_by_a_stranger),
        ("nonce", |token| token.claim("nonce", "another")),
        ("auth_time", |token| token.claim("auth_time", 4_000_000_000_u64)),
    ];
    let stacks = ROUTED.into_iter().cycle();
    for ((what, change), stack) in changes.into_iter().zip(stacks) {
        let place = Place::new();
        let server = stack.start(place.instances[0].clone());
        let mut browser = Browser::at(&server);
        place.sign_in(&mut browser);
        place.idp.script().grants.change = Some(Box::new(change));
        let reply = place.refresh_after(&mut browser, INTERVAL);
        assert_eq!(error(&reply), refused(400, "invalid_grant"), "{what}: {reply:?}");
        assert_eq!((place.logins(), browser.jar.len()), (0, 0), "{what}");
    }
}

/// An ID token that says when somebody authenticated, and how; or nothing of that.
fn says(time: Option<u64>, acr: impl Into<Value>) -> TokenChange {
    let acr = acr.into();
    Box::new(move |token| {
        let token = if acr.is_null() { token } else { token.claim("acr", &acr) };
        time.into_iter().fold(token, |token, time| token.claim("auth_time", time))
    })
}

fn demanding(builder: ProviderLoginBuilder) -> ProviderLoginBuilder {
    keeping(builder).max_age(Duration::from_secs(60)).require_acr("gold").require_acr("silver")
}

#[test]
fn an_id_token_of_another_authentication_ends_the_login() {
    everywhere(
        || Place::with(demanding, |logins| logins),
        |server, place, log| {
            let (name, mut browser) = (server.stack, Browser::at(server));
            let time = TestClock::new().now().as_secs() - 10;
            place.idp.script().change = Some(says(Some(time), "gold"));
            place.sign_in(&mut browser);
            for (what, time, acr) in [
                ("the same", Some(time), json!("gold")),
                ("another that is demanded", Some(time), json!("silver")),
                ("nothing of it", None, Value::Null),
            ] {
                place.idp.script().grants.change = Some(says(time, acr));
                place.is_called(what);
                let reply = place.refresh_after(&mut browser, INTERVAL);
                assert_eq!((reply.status, browser.name()), (204, what.to_owned()), "{name}: {reply:?}");
            }
            browser.send("POST", "/auth/logout", &[SAME_ORIGIN], "");
            for (what, time, acr, reason) in [
                ("later", time + 1, json!("gold"), "auth_time"),
                ("earlier", time - 1, json!("gold"), "auth_time"),
                ("less", time, json!("bronze"), "`acr` of the ID token is none of those"),
                ("a number", time, json!(1), "`acr` of the ID token is none of those"),
                ("empty", time, json!(""), "`acr` of the ID token is none of those"),
            ] {
                place.sign_in(&mut browser);
                place.idp.script().grants.change = Some(says(Some(time), acr));
                let before = place.idp.script().grants.revoked.len();
                log.take();
                let reply = place.refresh_after(&mut browser, INTERVAL);
                assert_eq!(error(&reply), refused(400, "invalid_grant"), "{name} {what}: {reply:?}");
                assert_eq!((place.logins(), browser.jar.len()), (0, 0), "{name} {what}");
                let logged = log.take();
                let told = logged.lines().find(|line| line.contains("a login has ended at its provider"));
                assert!(told.is_some_and(|line| line.contains(reason)), "{name} {what}: {logged}");
                eventually("the refresh token is given back", || place.idp.script().grants.revoked.len() > before);
            }
        },
    );
}

#[test]
fn what_is_demanded_later_holds_for_logins_that_are_there() {
    let an_hour_ago = TestClock::new().now().as_secs() - 3600;
    for stack in ROUTED {
        let _told = OnFailure(Log::here());
        let place = Place::new();
        let [before, after] = [place.instances[0].clone(), place.instance(demanding)].map(|logins| stack.start(logins));
        // Nobody has authenticated in the last minute: that is for a sign-in.
        for (acr, expected) in [("gold", 204), ("bronze", 400)] {
            place.idp.script().change = Some(says(Some(an_hour_ago), acr));
            place.idp.script().grants.change = Some(says(Some(an_hour_ago), acr));
            let mut browser = Browser::at(&before);
            place.sign_in(&mut browser);
            browser.move_to(&after);
            let reply = place.refresh_after(&mut browser, INTERVAL);
            assert_eq!(reply.status, expected, "{} {acr}: {reply:?}", stack.name);
        }
    }
}

#[test]
fn an_answer_without_an_id_token_says_that_the_login_goes_on() {
    everywhere(Place::new, |server, place, _| {
        let (name, mut browser) = (server.stack, Browser::at(server));
        place.sign_in(&mut browser);
        place.idp.script().grants.without_id_token = true;
        place.is_called("Alice Smith");
        place.after(INTERVAL);
        assert_eq!((browser.refresh().status, browser.name()), (204, "alice".into()), "{name}");
        assert_eq!((browser.refresh().status, place.asked().len()), (204, 1), "{name}");
        // A provider that leaves the refresh token as it is.
        place.idp.script().grants.without_id_token = false;
        place.idp.script().grants.without_rotation = true;
        for _ in 0..2 {
            place.after(INTERVAL);
            assert_eq!((browser.refresh().status, browser.name()), (204, "Alice Smith".into()), "{name}");
        }
        let asked = place.asked();
        assert_eq!(asked[1], asked[2], "{name}");
    });
}
