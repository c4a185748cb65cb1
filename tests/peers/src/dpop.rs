//! Requests with tokens that are bound to a key of their client (DPoP, RFC 9449), and the memory of used proofs.
//!
//! A proof is good once, so each call takes another one out of a stock that is signed beforehand.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64_simd::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use jwt_core::adapter::Verdict;
use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::{Algorithm, Authenticator};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::alloc;
use crate::measure::{Case, Id, ROUNDS, Row, measure};
use crate::ours::{self, Mode};
use crate::tokens::{Key, User};
use crate::tower;

pub(crate) const LAYER: &str = "dpop";

/// Ed25519 by the name that every peer knows.
pub(crate) const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDSA, Algorithm::ES256];

pub(crate) const RAW: &str = "raw signature of the proof";
pub(crate) const CORE: &str = "ours, the core alone";
pub(crate) const PEERS: [&str; 2] = ["huskarl-axum", "authkestra"];

/// The address of the route.
pub(crate) const ORIGIN: &str = "https://api.example.com";

const DPOP: HeaderName = HeaderName::from_static("dpop");
/// More than one case takes in all its turns. The age that proofs may have at the peers is a minute.
const STOCK: usize = 24_000;

/// How many proofs are remembered at a time in the rows about the memory.
pub(crate) const LIVE_PROOFS: usize = 1_000_000;
/// Bytes that are alive with the proofs and were not before, for each.
pub(crate) const BYTES_A_PROOF: &str = "bytes_a_proof";
/// From here on, proofs are measured.
const PROBES: usize = 64;

/// Measures; `wanted` says which rows.
pub(crate) fn rows(runtime: &Rc<Runtime>, wanted: impl Fn(&Id) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for algorithm in ALGORITHMS {
        // One after the other, so that no proof grows old meanwhile.
        let names = [RAW, CORE, "bare", "ours"].into_iter().chain(PEERS);
        let ids: Vec<Id> = names.map(|name| id(algorithm, name)).collect();
        if ids.iter().any(&wanted) {
            rows.extend(measure(cases(algorithm, runtime).into_iter().filter(|case| wanted(&case.id)).collect()));
        }
    }
    if [EMPTY, FULL].iter().any(|name| wanted(&memory_id(name))) {
        rows.extend(memory());
    }
    rows
}

pub(crate) fn id(algorithm: Algorithm, implementation: &str) -> Id {
    let mode = match implementation {
        RAW | "bare" => Mode::Cold,
        // The peers have no cache of tokens.
        peer if PEERS.contains(&peer) => Mode::Cold,
        _ => Mode::Cached,
    };
    Id::new(LAYER, algorithm.as_str(), implementation, mode.name())
}

/// A client: its token, and proofs that none has seen.
pub(crate) struct Client {
    authorization: HeaderValue,
    proofs: Vec<HeaderValue>,
}

impl Client {
    fn new(key: &Key, client: &DpopKey, proofs: usize) -> Self {
        let token = key.bound_token(client.thumbprint());
        let proof = |_| {
            let proof = client.proof("GET", &format!("{ORIGIN}/")).for_token(&token).sign().expect("a proof");
            HeaderValue::try_from(proof).expect("a header value")
        };
        let authorization = HeaderValue::try_from(format!("DPoP {token}")).expect("a header value");
        Self { authorization, proofs: (0..proofs).map(proof).collect() }
    }

    pub(crate) fn request(&self, number: usize) -> Request<()> {
        let proof = self.proofs.get(number).expect("a proof is left: STOCK is large enough");
        let request = Request::get("/").header(AUTHORIZATION, &self.authorization).header(DPOP, proof);
        request.body(()).expect("a request")
    }

    /// A request without the proof, which is refused.
    pub(crate) fn unproven(&self) -> Request<()> {
        Request::get("/").header(AUTHORIZATION, &self.authorization).body(()).expect("a request")
    }
}

fn cases(algorithm: Algorithm, runtime: &Rc<Runtime>) -> Vec<Case> {
    let keys = [Key::generate(Algorithm::RS256)];
    let client = DpopKey::generate(algorithm).expect("a key");
    let client = Rc::new(Client::new(&keys[0], &client, STOCK));
    let id = |name| id(algorithm, name);
    let mut cases = vec![raw(id(RAW), algorithm, &client), core(id(CORE), authenticator(&keys), &client)];
    let routers = [
        ("bare", tower::bare()),
        ("ours", tower::behind(authenticator(&keys))),
        (PEERS[0], runtime.block_on(tower::huskarl_with_proofs(&keys[0]))),
        (PEERS[1], tower::authkestra(&keys[0])),
    ];
    for (name, router) in routers {
        cases.push(tower::with_proofs(id(name), runtime, router, &client));
    }
    cases
}

fn authenticator(keys: &[Key]) -> Authenticator<User> {
    // Proofs stay good for the whole run, so that all of them are remembered.
    let dpop = Dpop::new().max_age(Duration::from_secs(6 * 3600)).max_proofs(2 * LIVE_PROOFS, 2 * LIVE_PROOFS);
    let builder = ours::builder(Algorithm::RS256, keys, Mode::Cached);
    builder.public_origin(ORIGIN).dpop(dpop).build().expect("an authenticator")
}

/// Only the signature, aws-lc-rs, with a parsed key and decoded signatures. Another proof for each call, as everywhere: the
/// processor learns the way through one signature that it sees again and again, and takes a tenth less time for it.
fn raw(id: Id, algorithm: Algorithm, client: &Client) -> Case {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url");
    let split = |proof: &HeaderValue| {
        let (message, signature) = proof.to_str().expect("text").rsplit_once('.').expect("a signature");
        (message.to_owned(), decode(signature))
    };
    let proofs: Vec<(String, Vec<u8>)> = client.proofs.iter().map(split).collect();
    let header = proofs[0].0.split('.').next().expect("a header");
    let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
    let member = |name: &str| decode(header["jwk"][name].as_str().unwrap_or_default());
    let key = match algorithm {
        Algorithm::ES256 => {
            let point = [&[4][..], &member("x"), &member("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        _ => ParsedPublicKey::new(&ED25519, member("x")),
    };
    let key = key.expect("a key");
    let mut next = 0;
    Case::new(id, move |calls| {
        for _ in 0..calls {
            let (message, signature) = &proofs[next];
            assert!(key.verify_sig(black_box(message.as_bytes()), black_box(signature)).is_ok());
            next = (next + 1) % proofs.len();
        }
    })
}

fn core(id: Id, auth: Authenticator<User>, client: &Rc<Client>) -> Case {
    assert!(!is_verified(&auth, &client.unproven()), "{id} accepts a token without a proof");
    assert!(is_verified(&auth, &client.request(0)), "{id} refuses a good proof");
    assert!(!is_verified(&auth, &client.request(0)), "{id} accepts a proof twice");
    let client = client.clone();
    let mut next = 1;
    Case::new(id, move |calls| {
        for _ in 0..calls {
            assert!(is_verified(&auth, black_box(&client.request(next))));
            next += 1;
        }
    })
}

fn is_verified(auth: &Authenticator<User>, request: &Request<()>) -> bool {
    matches!(auth.authenticate(request), Verdict::Verified(_))
}

pub(crate) const EMPTY: &str = "ours, few proofs remembered";
pub(crate) const FULL: &str = "ours, 1000000 proofs remembered";

pub(crate) fn memory_id(name: &str) -> Id {
    Id::new(LAYER, "EdDSA", name, Mode::Cached.name())
}

/// A request where a million proofs are remembered and where there are few, and what the million takes up.
fn memory() -> [Row; 2] {
    const AT_ONCE: usize = 1000;
    let keys = [Key::generate(Algorithm::RS256)];
    let key = DpopKey::generate(Algorithm::EdDSA).expect("a key");
    let [few, many] = [(); 2].map(|()| authenticator(&keys));
    let all = |auth: &Authenticator<User>, count: usize| {
        let client = Client::new(&keys[0], &key, count);
        let begun = Instant::now();
        for number in 0..count {
            assert!(is_verified(auth, black_box(&client.request(number))));
        }
        begun.elapsed().as_nanos() as f64 / count as f64
    };
    // The key of the client and one token are known before the reading of the meter.
    all(&many, 1);
    let live = alloc::live_bytes();
    for done in (0..LIVE_PROOFS).step_by(AT_ONCE) {
        if done % (100 * AT_ONCE) == 0 {
            eprintln!("{LAYER}: {done} of {LIVE_PROOFS} proofs");
        }
        all(&many, AT_ONCE);
    }
    let grown = (alloc::live_bytes() - live) as f64 / LIVE_PROOFS as f64;
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (auth, rounds) in [&few, &many].into_iter().zip(&mut rounds) {
            rounds.push(all(auth, PROBES));
        }
    }
    let [few, many] = rounds;
    let mut full = Row::new(memory_id(FULL), many, None);
    full.extra.push((BYTES_A_PROOF, grown));
    [Row::new(memory_id(EMPTY), few, None), full]
}
