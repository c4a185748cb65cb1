//! Logouts of an identity provider on every store: what was recorded is found, and what one instance has done no other does
//! again.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jwt_core::clock::Clock;
use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::session::{NewSignIn, ProviderSession};
use jwt_core::{Algorithm, KeySet, Revocations, Sessions, SigningKey};
use serde_json::json;
use stores_tests::{Stores, TestClock};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const ISSUER: &str = "https://login.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    once_on_all_instances(Stores::memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    once_on_all_instances(Stores::sqlite().await).await;
}

macro_rules! where_it_is_installed {
    ($($name:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            if let Some(stores) = Stores::$name().await {
                once_on_all_instances(stores).await;
            }
        }
    )*};
}

where_it_is_installed!(postgres, serializable, pgbouncer, redis, sentinels, cluster);

/// The status of the answer to a logout of that name.
async fn log_out(receiver: &LogoutReceiver, clock: &TestClock, jti: &str, names: serde_json::Value) -> u16 {
    let mut claims = json!({
        "iss": ISSUER, "aud": "client", "iat": clock.now().as_secs(), "exp": clock.now().as_secs() + 60, "jti": jti,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    claims.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().with_typ("logout+jwt");
    let body = format!("logout_token={}", key.sign(&claims).unwrap());
    let head = http::Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(()).unwrap();
    receiver.respond(&head, Ok(body.as_bytes())).await.status().as_u16()
}

async fn once_on_all_instances(stores: Stores) {
    let (clock, told) = (TestClock::new(), Arc::new(AtomicUsize::new(0)));
    let sessions = Sessions::builder(stores.sign_ins.clone()).clock(clock.clone()).build().unwrap();
    let mut receivers = Vec::new();
    for _ in 0..2 {
        let list = Revocations::builder(stores.revocations.clone()).clock(clock.clone()).open().await.unwrap();
        let told = told.clone();
        let receiver = LogoutReceiver::builder(&list)
            .provider(LogoutProvider::new(ISSUER, KeySet::hs256(SECRET).unwrap(), "client"))
            .sessions(&sessions)
            .replay_store(stores.proofs.clone())
            .on_event(move |_| {
                told.fetch_add(1, Ordering::SeqCst);
                async { Ok::<(), std::io::Error>(()) }
            });
        receivers.push(receiver.build().unwrap());
    }
    let mut tokens = Vec::new();
    for sid in ["s-1", "s-2"] {
        let at = ProviderSession::new(ISSUER, "alice").session_id(sid);
        let new = NewSignIn::new("a user of ours", &()).unwrap().provider_session(at);
        tokens.push(sessions.start(new).await.unwrap().0);
    }
    let live = async || {
        let found = [sessions.look_up(&tokens[0]).await.unwrap(), sessions.look_up(&tokens[1]).await.unwrap()];
        found.map(|session| session.is_some())
    };
    let by_sid = json!({"sid": "s-1"});
    for receiver in &receivers {
        assert_eq!(log_out(receiver, &clock, "1", by_sid.clone()).await, 200);
        assert_eq!((live().await, told.load(Ordering::SeqCst)), ([false, true], 1));
    }
    for receiver in &receivers {
        assert_eq!(log_out(receiver, &clock, "1", json!({"sub": "alice"})).await, 400, "another one of that name");
    }
    assert_eq!(live().await, [false, true]);
    assert_eq!(log_out(&receivers[1], &clock, "2", json!({"sub": "alice"})).await, 200);
    assert_eq!((live().await, told.load(Ordering::SeqCst)), ([false, false], 2));
}
