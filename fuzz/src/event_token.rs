use std::sync::Arc;
use std::time::Duration;

use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::{KeySet, MemoryStore, Revocations};

use crate::now;
use crate::reference::{Json, Registered};
use crate::token::{NOW, SECRET, Stopped, sign};

const ISSUER: &str = "https://login.example.com";
const CLIENT: &str = "client";
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
const LEEWAY: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
enum Sent {
    Logout,
    Event,
}

/// Sends the input as the body of a logout and of a security event, and the claims behind its first line, validly signed,
/// under that line as the header. An empty first line stands for the header of each. True where something was accepted.
pub fn event_token(data: &[u8]) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime can be built");
    let mut accepted = false;
    for sent in [Sent::Logout, Sent::Event] {
        // As it is, it has a good signature only where a seed has one.
        accepted |= send(&runtime, sent, data).is_some();
        let Some(end) = data.iter().position(|byte| *byte == b'\n') else { continue };
        let (header, claims) = (&data[..end], &data[end + 1..]);
        let usual = match sent {
            Sent::Logout => &br#"{"alg":"HS256","typ":"logout+jwt"}"#[..],
            Sent::Event => br#"{"alg":"HS256","typ":"secevent+jwt"}"#,
        };
        let token = sign(if header.is_empty() { usual } else { header }, claims);
        let body = if sent == Sent::Logout { format!("logout_token={token}") } else { token };
        if let Some(entries) = send(&runtime, sent, body.as_bytes()) {
            accepted = true;
            let claims = Json::object(claims).expect("what is accepted is an object");
            assert!(claims.has_private_names() || may_be_accepted(sent, &claims), "accepted against the model");
            assert!(sent == Sent::Event || entries > 0, "a logout that is accepted ends something");
        }
    }
    accepted
}

/// How many entries the list has, where it was accepted.
fn send(runtime: &tokio::runtime::Runtime, sent: Sent, body: &[u8]) -> Option<usize> {
    let list = Revocations::builder(Arc::new(MemoryStore::new())).clock(Stopped);
    let list = runtime.block_on(list.open()).expect("the store is here");
    let keys = KeySet::hs256(SECRET).expect("the secret is long enough");
    let receiver = LogoutReceiver::builder(&list).provider(LogoutProvider::new(ISSUER, keys, CLIENT));
    let receiver = receiver.build().expect("it is configured completely");
    let media = if sent == Sent::Logout { "application/x-www-form-urlencoded" } else { "application/secevent+jwt" };
    let head = http::Request::post(receiver.path()).header("content-type", media).body(()).expect("it is a request");
    let response = now(receiver.respond(&head, Ok(body)));
    let good = if sent == Sent::Logout { 200 } else { 202 };
    assert!([good, 400].contains(&response.status().as_u16()), "{}", response.status());
    assert_eq!(response.headers()["cache-control"], "no-store");
    if response.status() != good {
        assert!(list.is_empty(), "what is refused ends nothing");
        serde_json::from_str::<serde_json::Value>(response.body()).expect("a refusal is JSON");
        return None;
    }
    assert!(response.body().is_empty());
    let again = now(receiver.respond(&head, Ok(body)));
    assert_eq!(again.status(), good, "the same token again is done already");
    Some(list.len())
}

/// What has to be so at least.
fn may_be_accepted(sent: Sent, claims: &Json) -> bool {
    let Ok(registered) = Registered::read(claims) else { return false };
    let now = Duration::from_secs(NOW);
    let max_age = Duration::from_secs(if sent == Sent::Logout { 300 } else { 24 * 3600 });
    let Some(issued) = registered.issued_at else { return false };
    let common = registered.issuer == Some(ISSUER)
        && registered.audience.contains(&CLIENT)
        && registered.token_id.is_some_and(|id| !id.is_empty())
        && issued <= now + LEEWAY
        && now < issued.saturating_add(max_age + LEEWAY)
        && registered.expires_at.is_none_or(|end| now < end.saturating_add(LEEWAY))
        && registered.not_before.is_none_or(|begin| begin <= now + LEEWAY);
    let Some(Json::Object(events)) = claims.get("events") else { return false };
    let events_are_good = match sent {
        Sent::Logout => {
            registered.expires_at.is_some()
                && claims.get("nonce").is_none()
                && matches!(&events[..], [(name, Json::Object(_))] if name == LOGOUT)
                && (registered.subject.is_some() || claims.get("sid").and_then(Json::text).is_some())
        }
        Sent::Event => {
            !events.is_empty() && events.iter().all(|(name, event)| name != LOGOUT && matches!(event, Json::Object(_)))
        }
    };
    common && events_are_good
}
