//! What is remembered of DPoP proofs, and nonces that are demanded (RFC 9449 §8, §11.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use acceptance::{NOW, STACKS, User, base64url, good_claims, hs256};
use aws_lc_rs::digest::{SHA256, digest};
use jwt_core::binding::{Dpop, DpopNonces};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::{Authenticator, KeySet};

use super::{Key, ORIGIN, at, claims, send, servers, told, usual};

#[test]
fn one_proof_is_good_once() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    for server in usual() {
        let first = key.proof(&token);
        assert_eq!(send(&server, "DPoP", &token, &[&first]).status, 200);
        for _ in 0..2 {
            let reply = send(&server, "DPoP", &token, &[&first]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
        }
        // The same name in another proof of the key is the same; with another key it is another one.
        let mut claims = claims(&token);
        let again = key.sign(&key.header().to_string(), &claims.to_string());
        assert_eq!(send(&server, "DPoP", &token, &[&again]).status, 200);
        claims["iat"] = (NOW - 1).into();
        let again = key.sign(&key.header().to_string(), &claims.to_string());
        assert_eq!(told(&send(&server, "DPoP", &token, &[&again]), "DPoP").0, 401);
        let others = other.token();
        claims["ath"] = base64url(digest(&SHA256, others.as_bytes())).into();
        let again = other.sign(&other.header().to_string(), &claims.to_string());
        assert_eq!(send(&server, "DPoP", &others, &[&again]).status, 200);
    }
}

#[test]
fn a_full_memory_refuses_new_proofs_and_forgets_none() {
    let (key, other) = (Key::new(), Key::new());
    for server in servers(|builder| builder.public_origin(ORIGIN).dpop(Dpop::new().max_proofs(1000, 3))) {
        let token = key.token();
        let proofs: Vec<String> = (0..5).map(|_| key.proof(&token)).collect();
        let statuses: Vec<u16> = proofs.iter().map(|proof| send(&server, "DPoP", &token, &[proof]).status).collect();
        assert_eq!(statuses, [200, 200, 200, 503, 503], "{}", server.stack);
        let reply = send(&server, "DPoP", &token, &[&proofs[4]]);
        assert_eq!((reply.header("retry-after"), reply.challenges().count()), (Some("1"), 0), "{reply:?}");
        assert_eq!(told(&send(&server, "DPoP", &token, &[&proofs[0]]), "DPoP").0, 401, "it was used");
        let token = other.token();
        assert_eq!(send(&server, "DPoP", &token, &[&other.proof(&token)]).status, 200, "somebody else's");
    }
}

/// A clock that is moved by hand.
#[derive(Clone)]
pub(super) struct Moving(pub(super) Arc<AtomicU64>);

impl Clock for Moving {
    fn now(&self) -> NumericDate {
        at(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_demanded_nonce_comes_with_the_refusal_and_in_time_with_answers() {
    let key = Key::new();
    let token = key.token();
    for stack in STACKS {
        let clock = Moving(Arc::new(NOW.into()));
        let nonces = DpopNonces::new([7; 32]).unwrap();
        let auth = Authenticator::<User>::builder()
            .keys(KeySet::hs256(acceptance::SECRET).unwrap())
            .issuer(acceptance::ISSUER)
            .audience(acceptance::AUDIENCE)
            .clock(clock.clone())
            .public_origin(ORIGIN)
            .dpop(Dpop::new().nonces(&nonces));
        let server = stack.start(auth.build().unwrap());
        let with = |nonce: Option<&str>| {
            let mut claims = claims(&token);
            claims["iat"] = clock.now().as_secs().into();
            claims["nonce"] = nonce.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            send(&server, "DPoP", &token, &[&proof])
        };
        let reply = with(None);
        assert_eq!(told(&reply, "DPoP"), (401, "use_dpop_nonce"), "{}: {reply:?}", server.stack);
        let nonce = reply.header("dpop-nonce").unwrap().to_owned();
        for _ in 0..2 {
            let reply = with(Some(&nonce));
            assert_eq!((reply.status, reply.header("dpop-nonce")), (200, None), "{}: {reply:?}", server.stack);
        }
        assert_eq!(told(&with(Some("made up")), "DPoP"), (401, "use_dpop_nonce"));
        clock.0.fetch_add(150, Ordering::SeqCst);
        let reply = with(Some(&nonce));
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
        let next = reply.header("dpop-nonce").unwrap().to_owned();
        assert_ne!(next, nonce);
        clock.0.fetch_add(150, Ordering::SeqCst);
        let reply = with(Some(&nonce));
        assert_eq!(told(&reply, "DPoP"), (401, "use_dpop_nonce"), "it has run out: {reply:?}");
        assert!(reply.header("dpop-nonce").is_some());
        let reply = with(Some(&next));
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
        // Nothing of that for a bearer token, and none without a good token.
        let reply = send(&server, "Bearer", &hs256(&good_claims()), &[]);
        assert_eq!((reply.status, reply.header("dpop-nonce")), (200, None), "{}: {reply:?}", server.stack);
    }
}
