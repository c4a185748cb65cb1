//! Sizes, floods and slow clients. Everything is bounded.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Allow::{Either, Refused, RefusedOrClosed, Served};
use crate::case::{Case, defence, must, taste};
use crate::run::SERVED;
use crate::wire;
use crate::world::World;

/// A good token is served, and soon.
fn serves(world: &World, patience: Duration) -> Result<(), String> {
    let request = world.with(world.good()).bytes();
    let came = wire::exchange(world.target.place().address, &request, false, patience);
    match came.map_err(|why| format!("no answer: {why}"))?.status {
        200..300 => Ok(()),
        status => Err(format!("{status} came")),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("robust.4k", "RFC 9110 §4.1", "A good token of 4 KB is served.")
            .token(Served, |w| w.token().claim("x", "x".repeat(2800)).compact()),
        defence("robust.large-token", "RFC 6585 §5", "A token of 1 MB is refused, or the connection is closed.")
            .token(RefusedOrClosed, |w| w.token().claim("x", "x".repeat(1 << 20)).compact())
            .act("a good token behind it", |w| serves(w, wire::PATIENCE)),
        defence("robust.dots", "RFC 7515 §7.1", "Thousands of dots are refused.").token(Refused, |_| ".".repeat(6000)),
        defence("robust.many-fields", "RFC 6585 §5", "Hundreds of header fields break nothing.").send(Either, |w| {
            (0..80).fold(w.with(w.good()), |request, number| request.field(&format!("X-Kit-{number}"), "x"))
        }),
        defence("robust.long-kid", "RFC 7515 §4.1.4", "A name of a key of 5 KB is refused.")
            .token(Refused, |w| w.token().header("kid", "k".repeat(5000)).key(w.stranger()).compact()),
        defence("robust.many-audiences", "RFC 7519 §4.1.3", "A thousand audiences break nothing.").token(Either, |w| {
            let mut all = vec!["x".to_owned(); 1000];
            all.push(w.target.tokens.audience.clone());
            w.token().claim("aud", all).compact()
        }),
        defence(
            "robust.flood",
            "RFC 9110 §15.6",
            "300 bad tokens at once get their answers, and a good one is served after them.",
        )
        .act("a flood on eight connections at a time", |w| {
            let forged = w.with(w.token().key(w.stranger()).compact()).bytes();
            let address = w.target.place().address;
            let failed: Vec<String> = thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            (0..38)
                                .filter_map(|_| match wire::exchange(address, &forged, false, wire::PATIENCE) {
                                    Ok(answer) if (400..500).contains(&answer.status) => None,
                                    Ok(answer) => Some(format!("{} came", answer.status)),
                                    Err(why) => Some(format!("no answer: {why}")),
                                })
                                .collect::<Vec<_>>()
                        })
                    })
                    .collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
            });
            match failed.first() {
                None => serves(w, wire::PATIENCE),
                Some(why) => Err(format!("{} of 304 went wrong: {why}", failed.len())),
            }
        }),
        taste(
            "robust.slow-heads",
            "RFC 9110 §15.5.9",
            "Twenty clients that never finish their head do not keep others waiting.",
        )
        .act("twenty open heads", |w| {
            let address = w.target.place().address;
            let open: Vec<TcpStream> = (0..20)
                .filter_map(|_| {
                    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: kit\r\nAuthorization: Bearer ").ok()?;
                    Some(stream)
                })
                .collect();
            let start = Instant::now();
            let served = serves(w, Duration::from_secs(5));
            drop(open);
            served.and_then(
                |()| {
                    if start.elapsed() > Duration::from_secs(3) { Err("it waited".to_owned()) } else { Ok(()) }
                },
            )
        }),
        must("robust.pipelined", "RFC 9112 §9.3.2", "On one connection, each request is judged by its own token.").act(
            "a good one, a forged one and a bare one",
            |w| {
                let keep = |request: wire::Request| {
                    let text = request.bytes();
                    String::from_utf8_lossy(&text).replace("Connection: close\r\n", "")
                };
                let requests = [
                    (keep(w.with(w.good())), 200..300),
                    (keep(w.with(w.token().key(w.stranger()).compact())), 400..500),
                    (keep(w.bare()), 400..500),
                ];
                let address = w.target.place().address;
                let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))
                    .map_err(|error| format!("no answer: {error}"))?;
                for (number, (request, expected)) in requests.iter().enumerate() {
                    // A server may end the connection behind a refusal, or behind every answer.
                    let sent = stream.write_all(request.as_bytes());
                    let answer = wire::read(&mut stream, false, Instant::now() + wire::PATIENCE);
                    let answer = match (sent, answer) {
                        (Ok(()), Ok(answer)) => answer,
                        _ if number > 0 => return Ok(()),
                        (_, Err(why)) => return Err(format!("no answer: {why}")),
                        (Err(error), _) => return Err(format!("no answer: {error}")),
                    };
                    if number > 0 && (200..300).contains(&answer.status) {
                        return Err(format!("{SERVED}{} came to request {}", answer.status, number + 1));
                    }
                    if !expected.contains(&answer.status) {
                        return Err(format!("{} came to request {}", answer.status, number + 1));
                    }
                }
                Ok(())
            },
        ),
        defence(
            "robust.still-there",
            "RFC 9110 §15.6",
            "After all this a good token is served and a forged one is refused.",
        )
        .token(Served, World::good)
        .token(Refused, |w| w.token().key(w.stranger()).compact()),
    ]
}
