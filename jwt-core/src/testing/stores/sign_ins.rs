//! Refresh tokens and sessions, on a store of sign-ins.

#![expect(clippy::unwrap_used, reason = "whatever is wrong in a case makes it fail")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::{Case, cases};
use super::{millis, seconds, test_clock};
use crate::clock::{Clock, NumericDate};
use crate::session::{NewSignIn, OpaqueToken, RefreshError, RefreshTokens, Sessions, SignIn};
use crate::store::{Change, Digest, Owner, Record, Rotation, Salt, SignInId, SignInKey, SignInStore, Touch};
use crate::testing::TestClock;

type Store = Arc<dyn SignInStore>;

const DAY: u64 = 24 * 60 * 60;

pub(super) fn all() -> Vec<Case<Store>> {
    cases![
        a_refresh_yields_a_successor_and_the_data_of_the_login,
        a_reused_token_ends_its_family_and_no_other,
        every_retry_within_the_grace_gets_the_same_successor,
        the_grace_ends_with_the_first_use_of_the_successor,
        without_a_grace_a_retry_is_a_reuse,
        a_thousand_refreshes_at_once_yield_one_successor,
        a_family_ends_when_it_is_idle_and_when_it_is_old,
        a_subject_has_so_many_families_and_the_oldest_ends,
        signed_in_on_these_devices,
        a_logout_ends_the_family_whichever_of_its_tokens_it_brings,
        a_stranger_who_knows_the_name_of_a_family_cannot_end_it,
        whatever_is_no_refresh_token_is_refused,
        data_and_labels_come_back_as_they_were,
        a_session_is_looked_up_until_it_ends,
        a_session_lasts_while_it_is_used_and_no_longer_than_its_end,
        a_renewed_session_has_another_token_and_other_claims,
        of_many_renewals_at_once_one_counts,
        sessions_and_families_do_not_mix,
        every_member_of_a_record_comes_back_as_it_was,
        a_call_that_is_made_again_changes_nothing_more,
    ]
}

fn refresh_tokens(store: &Store, clock: &TestClock) -> RefreshTokens {
    RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap()
}

fn sessions(store: &Store, clock: &TestClock) -> Sessions {
    Sessions::builder(store.clone()).clock(clock.clone()).build().unwrap()
}

fn sign_in(subject: &str) -> NewSignIn {
    NewSignIn::new(subject, &json!({"roles": ["reader"]})).unwrap()
}

fn is_ended(answer: &Result<(OpaqueToken, SignIn), RefreshError>) -> bool {
    matches!(answer, Err(RefreshError::Ended))
}

async fn a_refresh_yields_a_successor_and_the_data_of_the_login(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (first, started) = tokens.start(sign_in("alice").label("Firefox")).await.unwrap();
    let mut seen = HashSet::from([first.as_str().to_owned()]);
    let mut token = first;
    for _ in 0..5 {
        clock.advance(seconds(600));
        let (next, family) = tokens.refresh(&token).await.unwrap();
        assert!(seen.insert(next.as_str().to_owned()), "every token is another one");
        assert_eq!((family.id, &*family.subject, &*family.label), (started.id, "alice", "Firefox"));
        assert_eq!(family.data::<Value>().unwrap(), json!({"roles": ["reader"]}));
        assert_eq!((family.created_at, family.used_at), (started.created_at, clock.now()));
        assert_eq!(family.ends_at, started.ends_at);
        token = next;
    }
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
}

async fn a_reused_token_ends_its_family_and_no_other(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (elsewhere, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (first, started) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    clock.advance(seconds(10));
    let Err(RefreshError::Reused(family)) = tokens.refresh(&first).await else { panic!("the token was used before") };
    assert_eq!((family.id, &*family.subject), (started.id, "alice"));
    // Neither the thief nor the user gets any further, and nobody else is harmed.
    assert!(is_ended(&tokens.refresh(&second).await));
    assert!(is_ended(&tokens.refresh(&first).await));
    tokens.refresh(&elsewhere).await.unwrap();
}

async fn every_retry_within_the_grace_gets_the_same_successor(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    for _ in 0..3 {
        clock.advance(seconds(3));
        assert_eq!(tokens.refresh(&first).await.unwrap().0, second);
    }
    clock.advance(millis(999));
    assert_eq!(tokens.refresh(&first).await.unwrap().0, second, "one millisecond before its end");
    tokens.refresh(&second).await.unwrap();
}

async fn the_grace_ends_with_the_first_use_of_the_successor(store: Store) {
    let tokens = refresh_tokens(&store, &test_clock());
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    let (third, _) = tokens.refresh(&second).await.unwrap();
    assert_eq!(tokens.refresh(&second).await.unwrap().0, third);
    assert!(matches!(tokens.refresh(&first).await, Err(RefreshError::Reused(_))));
    assert!(is_ended(&tokens.refresh(&third).await));
}

async fn without_a_grace_a_retry_is_a_reuse(store: Store) {
    let builder = RefreshTokens::builder(store.clone()).clock(test_clock());
    let tokens = builder.grace(Duration::ZERO).build().unwrap();
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    tokens.refresh(&first).await.unwrap();
    assert!(matches!(tokens.refresh(&first).await, Err(RefreshError::Reused(_))));
}

async fn a_thousand_refreshes_at_once_yield_one_successor(store: Store) {
    let tokens = Arc::new(refresh_tokens(&store, &test_clock()));
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let refreshing: Vec<_> = (0..1000)
        .map(|_| {
            let (tokens, first) = (tokens.clone(), first.clone());
            tokio::spawn(async move { tokens.refresh(&first).await.unwrap().0.as_str().to_owned() })
        })
        .collect();
    let mut successors = HashSet::new();
    for refresh in refreshing {
        successors.insert(refresh.await.unwrap());
    }
    assert_eq!(successors.len(), 1, "all of them got the same");
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
    tokens.refresh(successors.into_iter().next().unwrap()).await.unwrap();
}

async fn a_family_ends_when_it_is_idle_and_when_it_is_old(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (idle, _) = tokens.start(sign_in("alice")).await.unwrap();
    clock.advance(millis(14 * DAY * 1000 - 1));
    let (idle, _) = tokens.refresh(&idle).await.unwrap();
    clock.advance(seconds(14 * DAY));
    assert!(is_ended(&tokens.refresh(&idle).await));
    assert!(tokens.list("alice").await.unwrap().is_empty());

    let (mut used, started) = tokens.start(sign_in("alice")).await.unwrap();
    for _ in 0..8 {
        clock.advance(seconds(11 * DAY));
        used = tokens.refresh(&used).await.unwrap().0;
    }
    let (used, family) = tokens.refresh(&used).await.unwrap();
    assert_eq!(family.expires_at, started.ends_at, "it is no longer than ninety days in all");
    clock.advance(seconds(2 * DAY));
    assert!(is_ended(&tokens.refresh(&used).await));
}

async fn a_subject_has_so_many_families_and_the_oldest_ends(store: Store) {
    let clock = test_clock();
    let builder = RefreshTokens::builder(store.clone()).clock(clock.clone());
    let tokens = builder.per_subject(3).build().unwrap();
    let (bob, _) = tokens.start(sign_in("bob")).await.unwrap();
    let mut families = Vec::new();
    for _ in 0..5 {
        clock.advance(seconds(1));
        families.push(tokens.start(sign_in("alice")).await.unwrap().0);
    }
    for (index, family) in families.iter().enumerate() {
        assert_eq!(is_ended(&tokens.refresh(family).await), index < 2, "{index}");
    }
    tokens.refresh(&bob).await.unwrap();
}

async fn signed_in_on_these_devices(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (phone, on_phone) = tokens.start(sign_in("alice").label("Phone")).await.unwrap();
    clock.advance(seconds(60));
    let (laptop, _) = tokens.start(sign_in("alice").label("Laptop")).await.unwrap();
    let (_, of_bob) = tokens.start(sign_in("bob").label("Desk")).await.unwrap();
    clock.advance(seconds(60));
    let (phone, on_phone_now) = tokens.refresh(&phone).await.unwrap();

    let devices = tokens.list("alice").await.unwrap();
    let labels: Vec<&str> = devices.iter().map(|device| &*device.label).collect();
    assert_eq!(labels, ["Phone", "Laptop"], "the last used first");
    assert_eq!(devices[0], on_phone_now);

    // Only one's own.
    tokens.end_one("alice", of_bob.id).await.unwrap();
    assert_eq!(tokens.list("bob").await.unwrap().len(), 1);
    // The name survives its way through a web page.
    let id: SignInId = on_phone.id.to_string().parse().unwrap();
    tokens.end_one("alice", id).await.unwrap();
    assert!(is_ended(&tokens.refresh(&phone).await));
    let (laptop, _) = tokens.refresh(&laptop).await.unwrap();

    tokens.end_all("alice").await.unwrap();
    assert!(is_ended(&tokens.refresh(&laptop).await));
    assert!(tokens.list("alice").await.unwrap().is_empty());
    assert_eq!(tokens.list("bob").await.unwrap().len(), 1);
}

async fn a_logout_ends_the_family_whichever_of_its_tokens_it_brings(store: Store) {
    let clock = test_clock();
    let tokens = refresh_tokens(&store, &clock);
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    tokens.end(&first).await.unwrap();
    assert!(is_ended(&tokens.refresh(&second).await));
    tokens.end(&second).await.unwrap();
    tokens.end("no token at all").await.unwrap();
}

async fn a_stranger_who_knows_the_name_of_a_family_cannot_end_it(store: Store) {
    let tokens = refresh_tokens(&store, &test_clock());
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (other, _) = tokens.start(sign_in("alice")).await.unwrap();
    // The front of a token says whose it is; the rest is for its holder to know. Here, the rest of another one's.
    let (front, rest) = (&token.as_str()[..25], &other.as_str()[25..]);
    let mut forged = format!("{front}{rest}");
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    assert!(is_ended(&tokens.refresh(&forged).await));
    tokens.end(&forged).await.unwrap();
    tokens.refresh(&token).await.unwrap();
    tokens.refresh(&other).await.unwrap();
}

async fn whatever_is_no_refresh_token_is_refused(store: Store) {
    let clock = test_clock();
    let (tokens, sessions) = (refresh_tokens(&store, &clock), sessions(&store, &clock));
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let dressed_up = session.as_str().replace("jst_", "jrt_");
    for text in ["", "jrt_", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", session.as_str(), &token.as_str()[..80]] {
        assert!(matches!(tokens.refresh(text).await, Err(RefreshError::Malformed)), "{text:?}");
        tokens.end(text).await.unwrap();
    }
    assert!(is_ended(&tokens.refresh(&dressed_up).await));
    for text in ["", token.as_str(), &token.as_str().replace("jrt_", "jst_"), &dressed_up] {
        assert!(sessions.look_up(text).await.unwrap().is_none(), "{text:?}");
        assert!(sessions.renew(text, &()).await.unwrap().is_none(), "{text:?}");
    }
    assert!(sessions.look_up(&session).await.unwrap().is_some());
    tokens.refresh(&token).await.unwrap();
}

async fn data_and_labels_come_back_as_they_were(store: Store) {
    let tokens = refresh_tokens(&store, &test_clock());
    let odd = "Ålïçé \"\\/\u{7f}\u{0}\n\r\t\u{2028} 日本 🦀 <&> ' ]] -- {}";
    let data =
        json!({"text": odd, "list": [], "object": {}, "number": 9_007_199_254_740_993_u64, "small": 0.1, "none": null});
    let new = NewSignIn::new(odd, &data).unwrap().label(odd);
    let (token, _) = tokens.start(new).await.unwrap();
    let (_, family) = tokens.refresh(&token).await.unwrap();
    assert_eq!((&*family.subject, &*family.label), (odd, odd));
    assert_eq!(family.data_json(), data.to_string());
    assert_eq!(tokens.list(odd).await.unwrap(), [family]);

    let (_, long) = tokens.start(sign_in("alice").label(&"ü".repeat(5000))).await.unwrap();
    assert_eq!(long.label.chars().count(), 200);
}

async fn a_session_is_looked_up_until_it_ends(store: Store) {
    let sessions = sessions(&store, &test_clock());
    let (token, started) = sessions.start(sign_in("alice").label("Firefox")).await.unwrap();
    assert_eq!(sessions.look_up(&token).await.unwrap(), Some(started));
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);
    sessions.end(&token).await.unwrap();
    assert_eq!(sessions.look_up(&token).await.unwrap(), None);
    let (one, first) = sessions.start(sign_in("alice")).await.unwrap();
    let (two, _) = sessions.start(sign_in("alice")).await.unwrap();
    sessions.end_one("alice", first.id).await.unwrap();
    assert!(sessions.look_up(&one).await.unwrap().is_none());
    assert!(sessions.look_up(&two).await.unwrap().is_some());
    sessions.end_all("alice").await.unwrap();
    assert!(sessions.look_up(&two).await.unwrap().is_none());
}

async fn a_session_lasts_while_it_is_used_and_no_longer_than_its_end(store: Store) {
    let clock = test_clock();
    let sessions = sessions(&store, &clock);
    let (idle, _) = sessions.start(sign_in("alice")).await.unwrap();
    let (used, _) = sessions.start(sign_in("alice")).await.unwrap();
    for _ in 0..28 {
        clock.advance(seconds(25 * 60));
        assert!(sessions.look_up(&used).await.unwrap().is_some());
    }
    assert!(sessions.look_up(&idle).await.unwrap().is_none());
    clock.advance(millis(20 * 60 * 1000 - 1));
    assert!(sessions.look_up(&used).await.unwrap().is_some(), "one millisecond before twelve hours");
    clock.advance(millis(1));
    assert!(sessions.look_up(&used).await.unwrap().is_none());
}

async fn a_renewed_session_has_another_token_and_other_claims(store: Store) {
    let clock = test_clock();
    let sessions = sessions(&store, &clock);
    let (token, started) = sessions.start(sign_in("alice").label("Firefox")).await.unwrap();
    clock.advance(seconds(60));
    let (renewed, session) = sessions.renew(&token, &json!({"admin": true})).await.unwrap().unwrap();
    assert_ne!(renewed, token);
    assert_eq!((session.id, &*session.label, session.ends_at), (started.id, "Firefox", started.ends_at));
    assert_eq!(sessions.look_up(&renewed).await.unwrap().unwrap().data_json(), r#"{"admin":true}"#);
    // The one that somebody else may know is good for nothing, and does no harm.
    assert!(sessions.look_up(&token).await.unwrap().is_none());
    assert!(sessions.renew(&token, &()).await.unwrap().is_none());
    assert!(sessions.look_up(&renewed).await.unwrap().is_some());
}

async fn of_many_renewals_at_once_one_counts(store: Store) {
    let sessions = Arc::new(sessions(&store, &test_clock()));
    let (token, _) = sessions.start(sign_in("alice")).await.unwrap();
    let renewing: Vec<_> = (0..100)
        .map(|number| {
            let (sessions, token) = (sessions.clone(), token.clone());
            tokio::spawn(async move { sessions.renew(&token, &number).await.unwrap() })
        })
        .collect();
    let mut renewed = Vec::new();
    for renewal in renewing {
        renewed.extend(renewal.await.unwrap());
    }
    let [(token, session)] = &renewed[..] else { panic!("{} renewals", renewed.len()) };
    assert_eq!(sessions.look_up(token).await.unwrap().as_ref(), Some(session));
}

async fn sessions_and_families_do_not_mix(store: Store) {
    let clock = test_clock();
    let (tokens, sessions) = (refresh_tokens(&store, &clock), sessions(&store, &clock));
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (session, in_session) = sessions.start(sign_in("alice")).await.unwrap();
    tokens.end_one("alice", in_session.id).await.unwrap();
    sessions.end_all("alice").await.unwrap();
    assert!(sessions.look_up(&session).await.unwrap().is_none());
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
    tokens.refresh(&token).await.unwrap();
}

/// A record, in the way of somebody else's library: the store sees nothing else.
fn record(number: u8, at: NumericDate) -> (SignInKey, Record) {
    let key = SignInKey { owner: Owner::new([7; 16]), id: SignInId::new([number; 16]) };
    let later = |by: u64| NumericDate::from_millis(at.as_millis() + by);
    let record = Record {
        id: key.id,
        subject: "alice\0".into(),
        label: "\u{1f600} '\\\"".into(),
        data: r#"{"a":"\u0000'"}"#.into(),
        options: r#"{"b":[1,"\\"]}"#.into(),
        secret: Digest::new([number; 32]),
        rotated: Some(Rotation { from: Digest::new([1; 32]), salt: Salt::new([2; 32]), at: later(1) }),
        created_at: at,
        used_at: later(2),
        expires_at: later(10_000),
        ends_at: later(20_000),
    };
    (key, record)
}

fn as_json(record: Option<&Record>) -> Value {
    serde_json::to_value(record).unwrap()
}

async fn every_member_of_a_record_comes_back_as_it_was(store: Store) {
    let now = test_clock().now();
    let (key, record) = record(9, now);
    store.insert(key.owner, record.clone(), 3, now).await.unwrap();
    let touch = Touch { expires_at: now, after: seconds(3600) };
    let found = store.find(key, record.secret, touch, now).await.unwrap();
    assert_eq!(as_json(found.as_ref()), as_json(Some(&record)));
    let listed = store.list(key.owner, now).await.unwrap();
    assert_eq!(as_json(listed.first()), as_json(Some(&record)));
    assert!(store.find(key, Digest::new([3; 32]), touch, now).await.unwrap().is_none(), "another secret");
    let bare = Record { rotated: None, options: String::new(), ..record };
    store.insert(key.owner, bare.clone(), 3, now).await.unwrap();
    let found = store.find(key, bare.secret, touch, now).await.unwrap();
    assert_eq!(as_json(found.as_ref()), as_json(Some(&bare)), "in the place of the other");
    let nobody = SignInKey { owner: Owner::new([8; 16]), id: key.id };
    assert!(store.find(nobody, bare.secret, touch, now).await.unwrap().is_none(), "of another owner");
    // The last millisecond of its life, and the first after that.
    let end = bare.expires_at;
    let just_before = NumericDate::from_millis(end.as_millis() - 1);
    assert!(store.find(key, bare.secret, touch, just_before).await.unwrap().is_some());
    assert!(store.find(key, bare.secret, touch, end).await.unwrap().is_none());
    assert!(store.list(key.owner, end).await.unwrap().is_empty());
}

async fn a_call_that_is_made_again_changes_nothing_more(store: Store) {
    let now = test_clock().now();
    let (key, first) = record(5, now);
    for _ in 0..2 {
        store.insert(key.owner, first.clone(), 1, now).await.unwrap();
    }
    let (_, other) = record(6, NumericDate::from_millis(now.as_millis() - 1));
    store.insert(key.owner, other, 2, now).await.unwrap();
    let later = NumericDate::from_millis(now.as_millis() + 100);
    let change = || Change {
        secret: Digest::new([50; 32]),
        salt: Salt::new([51; 32]),
        expires_at: NumericDate::from_millis(now.as_millis() + 99_000),
        data: Some("{}".into()),
        options: Some(r#"{"until_closed":true}"#.into()),
    };
    let mut expected = first.clone();
    assert!(expected.change(first.secret, change(), later));
    for _ in 0..2 {
        let changed = store.change(key, first.secret, change(), later).await.unwrap();
        assert_eq!(as_json(changed.as_ref()), as_json(Some(&expected)));
    }
    // What a change does not name stays.
    let next = || Change { secret: Digest::new([52; 32]), data: None, options: None, ..change() };
    let before = expected.secret;
    assert!(expected.change(before, next(), later));
    let changed = store.change(key, before, next(), later).await.unwrap();
    assert_eq!(as_json(changed.as_ref()), as_json(Some(&expected)));
    // The same secret again: how it was made stays too, for whoever retries.
    let (current, made) = (expected.secret, expected.rotated);
    let again = || Change { secret: current, data: Some("[]".into()), ..change() };
    let a_little_later = NumericDate::from_millis(later.as_millis() + 10);
    assert!(expected.change(current, again(), a_little_later));
    assert_eq!((expected.secret, expected.rotated), (current, made));
    for _ in 0..2 {
        let changed = store.change(key, current, again(), a_little_later).await.unwrap();
        assert_eq!(as_json(changed.as_ref()), as_json(Some(&expected)));
    }
    let touch = Touch { expires_at: NumericDate::from_millis(now.as_millis() + 15_000), after: millis(50) };
    let much_later = NumericDate::from_millis(a_little_later.as_millis() + 50);
    assert!(expected.touch(touch, much_later));
    for _ in 0..2 {
        let touched = store.find(key, expected.secret, touch, much_later).await.unwrap();
        assert_eq!(as_json(touched.as_ref()), as_json(Some(&expected)));
    }
    for _ in 0..2 {
        store.remove(key).await.unwrap();
        assert!(store.change(key, expected.secret, change(), later).await.unwrap().is_none());
        assert_eq!(store.list(key.owner, now).await.unwrap().len(), 1);
    }
    for _ in 0..2 {
        store.remove_all(key.owner).await.unwrap();
        assert!(store.list(key.owner, now).await.unwrap().is_empty());
    }
}
