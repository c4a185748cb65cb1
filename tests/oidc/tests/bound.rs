//! Tokens that oidc-provider binds to a key (RFC 9449) or to a certificate (RFC 8705), at resource servers of every stack that
//! have its keys by discovery. Left out where `setup` has not been run.

use acceptance::{STACKS, Server, User};
use jwt_core::binding::DpopKey;
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, RemoteKeySet, TokenCache};
use oidc_tests::{Provider, ResourceServer, builder};
use tokio::runtime::Runtime;

const ORIGIN: &str = "https://api.example.com";
const OF: ResourceServer = "ES256";

fn servers(
    runtime: &Runtime,
    provider: &Provider,
    set: fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>,
) -> Vec<Server> {
    let _inside = runtime.enter();
    let auth = || -> Authenticator<User> {
        let builder = builder().keys(RemoteKeySet::discover(provider.issuer())).typ("at+jwt").cache(TokenCache::new());
        set(builder.public_origin(ORIGIN)).build().unwrap()
    };
    STACKS.into_iter().map(|stack| stack.start(auth())).collect()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn proof(key: &DpopKey, token: &str) -> String {
    key.proof("GET", &format!("{ORIGIN}/me")).for_token(token).sign().unwrap()
}

fn send(server: &Server, scheme: &str, token: &str, proof: Option<&str>) -> u16 {
    let authorization = format!("{scheme} {token}");
    let mut fields = vec![("authorization", &*authorization)];
    fields.extend(proof.map(|proof| ("dpop", proof)));
    server.get("/me", &fields).status
}

#[test]
fn a_token_that_the_provider_bound_to_a_key_is_good_with_its_proof_alone() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    let (open, bound_only) = (
        servers(&runtime, &provider, |builder| builder),
        servers(&runtime, &provider, AuthenticatorBuilder::require_dpop),
    );
    for algorithm in [Algorithm::ES256, Algorithm::Ed25519, Algorithm::EdDSA] {
        let [key, thief] = [(); 2].map(|()| DpopKey::generate(algorithm).unwrap());
        let token = provider.token_bound_to(&key, OF);
        for server in open.iter().chain(&bound_only) {
            let case = format!("{} {algorithm}", server.stack);
            for _ in 0..2 {
                let good = proof(&key, &token);
                assert_eq!(send(server, "DPoP", &token, Some(&good)), 200, "{case}");
                assert_eq!(send(server, "DPoP", &token, Some(&good)), 401, "{case}: a proof that was used");
            }
            assert_eq!(send(server, "DPoP", &token, None), 401, "{case}: no proof");
            assert_eq!(send(server, "Bearer", &token, None), 401, "{case}: as a bearer token");
            assert_eq!(send(server, "Bearer", &token, Some(&proof(&key, &token))), 401, "{case}: as one with a proof");
            assert_eq!(send(server, "DPoP", &token, Some(&proof(&thief, &token))), 401, "{case}: the proof of a thief");
        }
    }
    // One client of the same provider has no key.
    let bearer = provider.token(OF);
    for (servers, status) in [(&open, 200), (&bound_only, 401)] {
        for server in servers {
            assert_eq!(send(server, "Bearer", &bearer, None), status, "{}", server.stack);
            let key = DpopKey::generate(Algorithm::ES256).unwrap();
            assert_eq!(send(server, "DPoP", &bearer, Some(&proof(&key, &bearer))), 401, "{}", server.stack);
        }
    }
}

#[test]
fn a_token_that_the_provider_bound_to_a_certificate_is_no_bearer_token() {
    let Some(provider) = Provider::start() else { return };
    let runtime = runtime();
    let certificate = rcgen::generate_simple_self_signed(vec!["machine.example".to_owned()]).unwrap();
    let token = provider.token_bound_to_certificate(&certificate.cert.pem(), OF);
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    for server in servers(&runtime, &provider, |builder| builder) {
        assert_eq!(send(&server, "Bearer", &token, None), 401, "{}", server.stack);
        assert_eq!(send(&server, "DPoP", &token, Some(&proof(&key, &token))), 401, "{}", server.stack);
    }
    // It is refused for that alone, and what it is bound to is the hash of the certificate.
    for server in servers(&runtime, &provider, AuthenticatorBuilder::dangerous_allow_bound_tokens) {
        assert_eq!(send(&server, "Bearer", &token, None), 200, "{}", server.stack);
    }
    let hash = acceptance::base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.cert.der()));
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["cnf"], serde_json::json!({"x5t#S256": hash}));
}
