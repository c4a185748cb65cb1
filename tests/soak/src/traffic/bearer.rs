//! Tokens of fetched keys: those that were seen before, those that were not, and those of a key that was withdrawn.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jwt_core::SigningKey;
use serde_json::json;

use super::wire::{self, Answer, Wire};
use super::{BROKEN, LIFETIME, Pace, Shared};
use crate::provider::{Answers, ISSUER, new_key};
use crate::report;

/// How many tokens are sent again and again. Less than the caches hold.
const TOKENS: usize = 200;
/// How many requests are on the way on one connection.
const AT_ONCE: u16 = 32;
/// How long a key may be unknown after it was published and while the provider answers: a cool-down of five seconds, a fetch,
/// and as much again for a busy machine.
const UNKNOWN: Duration = Duration::from_secs(15);

/// Good tokens of keys that both servers know.
#[derive(Default)]
pub(super) struct Tokens {
    all: Vec<String>,
    requests: Vec<Vec<u8>>,
    /// One that was good an hour ago.
    expired: String,
}

impl Tokens {
    fn of(key: &SigningKey) -> Result<Self, Box<dyn Error>> {
        let all: Vec<String> = (0..TOKENS).map(|number| token(key, number, 3600)).collect::<Result<_, _>>()?;
        let requests = all.iter().map(|token| wire::get("/api/me", &wire::bearer(token))).collect();
        Ok(Self { all, requests, expired: token(key, 0, -3600)? })
    }

    /// Some of them, for a client of its own.
    pub(super) fn lines(&self) -> String {
        self.all[..self.all.len().min(usize::from(AT_ONCE))].join("\n")
    }

    /// One that is good and one that has expired, to make junk of; `None` before there are any.
    pub(super) fn good_and_expired(&self) -> Option<[&str; 2]> {
        Some([self.all.first()?, &self.expired])
    }
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs())
}

/// A token that is good for so many seconds; each has another `jti`.
fn token(key: &SigningKey, number: usize, seconds: i64) -> Result<String, Box<dyn Error>> {
    let (now, sub) = (now(), format!("user {number}"));
    let claims = json!({
        "iss": ISSUER, "aud": "soak", "sub": sub, "name": "Somebody", "iat": now,
        "exp": now.saturating_add_signed(seconds), "jti": format!("{number}"),
    });
    Ok(key.sign(&claims)?)
}

/// Sends the same tokens again and again, from a place on that is another for each connection.
pub(super) fn repeat(shared: &Shared, server: SocketAddr, rate: u32, first: u32) {
    let Ok(mut wire) = Wire::open(server) else { return };
    let (mut at, mut pace) = (first as usize * usize::from(AT_ONCE), Pace::new(rate));
    // One of them lasts as long as the soak: a server may keep something for each request of a connection.
    let lifetime = if first == 0 { Duration::MAX } else { LIFETIME };
    while shared.goes_on() {
        let tokens = shared.tokens();
        if tokens.requests.is_empty() {
            shared.pause(50);
            continue;
        }
        let before = Instant::now();
        let batch = (at..at + usize::from(AT_ONCE)).map(|at| tokens.requests[at % TOKENS].as_slice());
        let mut good = 0;
        let each = |_, answer: Answer| {
            if answer.status == 200 {
                good += 1;
            } else {
                shared.bad("lost: a valid token that was seen before", before, &answer);
            }
        };
        let answered = wire.open_again_after(lifetime).and_then(|()| wire.exchange(batch, each));
        shared.report.good(report::CACHED, good);
        if let Err(error) = answered {
            shared.report.bad(BROKEN, &error.to_string());
            let _ = wire.open_again();
        }
        at = (at + usize::from(AT_ONCE)) % TOKENS;
        pace.keep(AT_ONCE);
    }
}

/// Rotates the keys every few seconds, takes the provider away in between, and sends new tokens to both servers.
pub(super) fn rotate(shared: &Shared) {
    if let Err(error) = try_rotate(shared) {
        shared.report.bad("the provider failed", &error.to_string());
    }
}

fn try_rotate(shared: &Shared) -> Result<(), Box<dyn Error>> {
    let mut wires = Vec::new();
    for server in shared.servers {
        wires.push(Wire::open(server)?);
    }
    let mut current = shared.provider.first.clone();
    let mut number = 0;
    set(shared, &current)?;
    let downs = [Answers::Failure, Answers::Silence, Answers::Garbage, Answers::Nothing];
    for round in 1.. {
        // The provider is there: a key is published, and half of the time it signs at once.
        shared.provider.answers(Answers::Keys);
        let next = new_key(round)?;
        shared.provider.publish(&next)?;
        shared.report.trouble("keys rotated");
        let published = Instant::now();
        if round % 2 == 0 {
            new_tokens(shared, &mut wires, &current, &mut number, 6.0)?;
        }
        until_known(shared, &mut wires, &next, &mut number, published)?;
        set(shared, &next)?;
        // The requests that are on the way are answered before their key is withdrawn.
        new_tokens(shared, &mut wires, &next, &mut number, 1.5)?;
        shared.provider.withdraw(&next, &current)?;
        let withdrawn = Instant::now();
        new_tokens(shared, &mut wires, &next, &mut number, 1.0)?;
        is_refused(shared, &mut wires, &current, withdrawn)?;
        current = next;
        // The provider is away: what is known stays known.
        shared.provider.answers(downs[round % downs.len()]);
        shared.report.trouble("the provider went away");
        new_tokens(shared, &mut wires, &current, &mut number, 3.0)?;
        if !shared.goes_on() {
            return Ok(());
        }
    }
    Ok(())
}

fn set(shared: &Shared, key: &SigningKey) -> Result<(), Box<dyn Error>> {
    *shared.tokens.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Tokens::of(key)?);
    Ok(())
}

/// Sends new tokens of a key that both servers know, for so many seconds.
fn new_tokens(
    shared: &Shared,
    wires: &mut [Wire],
    key: &SigningKey,
    number: &mut usize,
    seconds: f64,
) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    while shared.goes_on() && Instant::now() < until {
        for wire in &mut *wires {
            *number += 1;
            let request = wire::get("/api/me", &wire::bearer(&token(key, *number, 3600)?));
            let sent = Instant::now();
            match wire.send(&request) {
                Ok(answer) if answer.status == 200 => shared.report.good(report::NEW, 1),
                Ok(answer) => shared.bad("lost: a new valid token", sent, &answer),
                Err(error) => {
                    shared.report.bad(BROKEN, &error.to_string());
                    wire.open_again()?;
                }
            }
        }
        shared.pause(5);
    }
    Ok(())
}

/// Sends tokens of a key that was published a moment ago until both servers have served one.
fn until_known(
    shared: &Shared,
    wires: &mut [Wire],
    key: &SigningKey,
    number: &mut usize,
    published: Instant,
) -> Result<(), Box<dyn Error>> {
    for wire in wires {
        while shared.goes_on() {
            *number += 1;
            let request = wire::get("/api/me", &wire::bearer(&token(key, *number, 3600)?));
            let sent = Instant::now();
            let answer = wire.send(&request)?;
            let late = published.elapsed() > UNKNOWN && shared.provider.up_for().is_some_and(|up| up > UNKNOWN);
            match answer.status {
                200 => {
                    shared.report.good(report::NEW, 1);
                    break;
                }
                503 if !late => shared.report.excused("the key was published a moment ago"),
                _ => {
                    shared.bad("lost: a token of a new key", sent, &answer);
                    break;
                }
            }
            shared.pause(100);
        }
    }
    Ok(())
}

/// Waits until both servers refuse a token of that key: they fetch the keys again after five seconds at most.
fn is_refused(shared: &Shared, wires: &mut [Wire], key: &SigningKey, withdrawn: Instant) -> Result<(), Box<dyn Error>> {
    let request = wire::get("/api/me", &wire::bearer(&token(key, 0, 3600)?));
    for wire in wires {
        while shared.goes_on() {
            let answer = wire.send(&request)?;
            match answer.status {
                401 => {
                    shared.report.good(report::WITHDRAWN, 1);
                    break;
                }
                200 if withdrawn.elapsed() < UNKNOWN => {}
                // Now it is a key that nobody knows.
                503 => shared.report.excused("the key is not known, and keys were fetched a moment ago"),
                _ => {
                    shared.late("served: a token of a withdrawn key", withdrawn, &answer);
                    break;
                }
            }
            shared.pause(100);
        }
    }
    Ok(())
}
