//! What has to be refused.

use std::net::SocketAddr;
use std::time::Instant;

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::wire::{self, Answer, Wire};
use super::{BROKEN, LIFETIME, Pace, Shared, Store};
use crate::provider::ISSUER;
use crate::report;

/// How many requests are on the way on one connection.
const AT_ONCE: u16 = 16;

/// A request and how it may be refused. It may always be 503 where the keys have to be fetched for it.
struct Junk {
    request: Vec<u8>,
    statuses: &'static [u16],
    store: Option<Store>,
}

impl Junk {
    fn new(request: Vec<u8>, statuses: &'static [u16]) -> Self {
        Self { request, statuses, store: None }
    }
}

/// Sends it, again and again.
pub(super) fn send(shared: &Shared, server: SocketAddr, rate: u32) {
    let Ok(mut wire) = Wire::open(server) else { return };
    let (mut number, mut pace) = (0, Pace::new(rate));
    while shared.goes_on() {
        let tokens = shared.tokens();
        let Some(tokens) = tokens.good_and_expired() else {
            shared.pause(50);
            continue;
        };
        let batch: Vec<Junk> = (number..number + usize::from(AT_ONCE)).map(|number| junk(number, tokens)).collect();
        let before = Instant::now();
        let mut refused = 0;
        let requests = batch.iter().map(|junk| junk.request.as_slice());
        let each = |number: usize, answer: Answer| {
            let Junk { statuses, store, .. } = &batch[number];
            let excused = store.is_some_and(|store| shared.outages.excuse(store, before, Instant::now()));
            if statuses.contains(&answer.status) || (answer.status == 503 && excused) {
                refused += 1;
            } else if answer.status < 400 {
                shared.bad("served: junk", before, &answer);
            } else {
                shared.bad("junk is refused in another way", before, &answer);
            }
        };
        let answered = wire.open_again_after(LIFETIME).and_then(|()| wire.exchange(requests, each));
        shared.report.good(report::REFUSED, refused);
        if let Err(error) = answered {
            shared.report.bad(BROKEN, &error.to_string());
            let _ = wire.open_again();
        }
        number += usize::from(AT_ONCE);
        pace.keep(AT_ONCE);
    }
}

/// Sends tokens of keys that nobody has, or with a signature that is not that of their key. Some of them wait for the keys to be fetched, so nothing else is on that connection.
pub(super) fn flood(shared: &Shared, server: SocketAddr, number: usize) {
    let Ok(mut wire) = Wire::open(server) else { return };
    for count in 0.. {
        if !shared.goes_on() {
            return;
        }
        let tokens = shared.tokens();
        let token = match tokens.good_and_expired() {
            // Another key may have the name by now, so keys may be fetched for that one too.
            Some([good, _]) if count % 4 == 3 => tampered(good),
            _ => unsigned(&json!({"alg": "RS256", "kid": format!("flood {number} {count}")})),
        };
        let sent = Instant::now();
        match wire.send(&wire::get("/api/me", &wire::bearer(&token))) {
            Ok(answer) if matches!(answer.status, 401 | 503) => shared.report.good(report::FLOOD, 1),
            Ok(answer) => shared.bad("served: a token of a key that nobody has", sent, &answer),
            Err(error) => {
                shared.report.bad(BROKEN, &error.to_string());
                let _ = wire.open_again();
            }
        }
        shared.pause(2);
    }
}

fn junk(number: usize, [good, expired]: [&str; 2]) -> Junk {
    let me = |token: &str| wire::get("/api/me", &wire::bearer(token));
    match number % 7 {
        0 => Junk::new(wire::get("/api/me", ""), &[401]),
        1 => Junk::new(me("junk"), &[401]),
        2 => Junk::new(me(expired), &[401]),
        3 => Junk::new(me(&unsigned(&json!({"alg": "none"}))), &[401]),
        4 => {
            let twice = format!("{}{}", wire::bearer(good), wire::bearer("other"));
            Junk::new(wire::get("/api/me", &twice), &[400])
        }
        5 => {
            // A token of the provider is none of these logins.
            let store = Store::ALL[number / 7 % 2];
            Junk::new(wire::get(&format!("/{}/me", store.name()), &wire::bearer(good)), &[401])
        }
        _ => {
            let store = Store::ALL[number / 7 % 2];
            let path = format!("/{}/auth/refresh", store.name());
            let body = json!({"refresh_token": format!("junk {number}")}).to_string();
            let request = wire::post(&path, "Content-Type: application/json\r\n", &body);
            Junk { request, statuses: &[400, 401], store: Some(store) }
        }
    }
}

/// Another signature, of the same length.
fn tampered(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').unwrap_or_default();
    format!("{rest}.{}", signature.chars().rev().collect::<String>())
}

/// The shape of a token, with a signature that nobody has made.
fn unsigned(header: &Value) -> String {
    let claims = json!({"iss": ISSUER, "aud": "soak", "sub": "nobody", "name": "Nobody", "exp": 4_000_000_000_u64});
    let encode = |text: &Value| URL_SAFE_NO_PAD.encode_to_string(text.to_string());
    format!("{}.{}.{}", encode(header), encode(&claims), "A".repeat(342))
}
