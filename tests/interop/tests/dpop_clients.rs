//! Clients of npm that know DPoP (RFC 9449) call servers of every stack: with keys of every algorithm that they make, with a
//! nonce that is demanded, and with a token that is somebody else's.

use std::time::SystemTime;

use acceptance::{AUDIENCE, ISSUER, SECRET, STACKS, Server, User, hs256};
use interop_tests::{Called, Client, Library, Peer};
use jwt_core::binding::{Dpop, DpopNonces};
use jwt_core::{Authenticator, KeySet};
use serde_json::json;

const PACKAGES: [&str; 3] = ["dpop", "oauth4webapi", "openid-client"];
const ALGORITHMS: [&str; 4] = ["ES256", "Ed25519", "PS256", "RS256"];

fn peer() -> Option<Peer> {
    let installed = Library::Dpop.is_installed();
    outside::is_there(installed, "dpop, oauth4webapi or openid-client", "tests/setup interop")
        .then(|| Peer::start(Library::Dpop).unwrap())
}

/// The clock is that of the machine, since the clients have it too.
fn servers(dpop: impl Fn() -> Dpop) -> Vec<Server> {
    let start = |stack: acceptance::Stack| {
        let builder = Authenticator::<User>::builder().keys(KeySet::hs256(SECRET).unwrap());
        stack.start(builder.issuer(ISSUER).audience(AUDIENCE).dpop(dpop()).build().unwrap())
    };
    STACKS.into_iter().map(start).collect()
}

/// A token that is bound to the key of a client.
fn token(client: &Client) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let cnf = json!({"jkt": client.jkt});
    hs256(&json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "iat": now, "exp": now + 600, "cnf": cnf,
    }))
}

fn url(server: &Server) -> String {
    format!("http://{}/me", server.address)
}

#[test]
fn a_client_is_served_with_a_key_of_every_algorithm_that_it_makes() {
    let Some(mut peer) = peer() else { return };
    let servers = servers(Dpop::new);
    for package in PACKAGES {
        for algorithm in ALGORITHMS {
            let client = peer.client(package, algorithm).unwrap();
            let token = token(&client);
            for server in &servers {
                // The second time its key is known.
                for (method, query) in [("GET", ""), ("GET", "?page=2#top"), ("POST", "")] {
                    let called = peer.call(&client, method, &(url(server) + query), &token).unwrap();
                    assert_eq!(called.statuses, [200], "{} {package} {algorithm} {method}: {called:?}", server.stack);
                    assert!(called.body.contains("Alice"), "{called:?}");
                }
            }
        }
    }
}

#[test]
fn a_client_of_another_key_is_refused_and_reads_why() {
    let Some(mut peer) = peer() else { return };
    let servers = servers(Dpop::new);
    for package in PACKAGES {
        let [owner, thief] = [(); 2].map(|()| peer.client(package, "ES256").unwrap());
        let token = token(&owner);
        for server in &servers {
            let called = peer.call(&thief, "GET", &url(server), &token).unwrap();
            assert_eq!(called.statuses, [401], "{} {package}: {called:?}", server.stack);
            // The package dpop reads no answers.
            if package != "dpop" {
                let of =
                    |scheme: &str| called.challenges.iter().find(|challenge| challenge["scheme"] == scheme).unwrap();
                assert_eq!(of("dpop")["error"], "invalid_token", "{called:?}");
                assert!(of("dpop")["algs"].starts_with("Ed25519 EdDSA ES256 "), "{called:?}");
                assert!(of("bearer").get("error").is_none(), "{called:?}");
            }
        }
    }
}

#[test]
fn a_client_gets_a_nonce_with_its_first_try_and_keeps_it() {
    let Some(mut peer) = peer() else { return };
    let nonces = DpopNonces::of_this_process().unwrap();
    let servers = servers(|| Dpop::new().nonces(&nonces));
    for package in PACKAGES {
        for algorithm in ["ES256", "Ed25519"] {
            let client = peer.client(package, algorithm).unwrap();
            let token = token(&client);
            let mut call = |server: &Server| -> Called {
                let called = peer.call(&client, "GET", &url(server), &token).unwrap();
                assert!(called.body.contains("Alice"), "{} {package}: {called:?}", server.stack);
                called
            };
            for (index, server) in servers.iter().enumerate() {
                // The package dpop leaves it to the application, ours in the peer has one nonce for all servers, and these
                // share their secret.
                let first: &[u16] = if package == "dpop" && index > 0 { &[200] } else { &[401, 200] };
                assert_eq!(call(server).statuses, first, "{} {package}", server.stack);
                assert_eq!(call(server).statuses, [200], "{} {package}", server.stack);
            }
        }
    }
}
