//! The TypeScript SDK of the Model Context Protocol is told the address of a protected server and nothing else about
//! it. It is refused, reads in our challenge where the metadata is and in the metadata who issues tokens, gets one from
//! oidc-provider, and is let in.

use std::net::TcpListener;

use jwt_core::binding::{Dpop, DpopNonces};
use jwt_core::metadata::ResourceMetadata;
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet};
use mcp_tests::{STACKS, Stack};
use serde_json::{Value, json};

use crate::peer::Peer;

/// A protected server that trusts the peer's tokens, and its origin.
fn server(
    stack: Stack,
    peer: &mut Peer,
    set: impl FnOnce(AuthenticatorBuilder<()>) -> AuthenticatorBuilder<()>,
) -> String {
    let issuer = peer.ask(&json!({"op": "keys"}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let metadata = ResourceMetadata::builder(format!("{origin}/mcp"))
        .authorization_server(issuer["issuer"].as_str().unwrap())
        .scope("things:read")
        .name("Whoami")
        .build()
        .unwrap();
    let auth = Authenticator::<()>::builder()
        .keys(KeySet::jwks(issuer["jwks"].as_str().unwrap()).unwrap())
        .issuer(issuer["issuer"].as_str().unwrap())
        .audience(metadata.resource())
        .typ("at+jwt")
        .realm("tools, and more")
        .resource_metadata(&metadata);
    let auth = set(auth).build().unwrap();
    peer.ask(&json!({"op": "allow", "resource": metadata.resource()}));
    stack.start(listener, auth, metadata);
    origin
}

#[test]
fn a_client_finds_its_way_from_a_401_to_a_token_and_back() {
    let Some(mut peer) = Peer::start() else { return };
    let issuer = peer.ask(&json!({"op": "keys"}))["issuer"].as_str().unwrap().to_owned();
    for stack in STACKS {
        let origin = server(stack, &mut peer, |builder| builder);
        let called = peer.ask(&json!({"op": "call", "url": format!("{origin}/mcp")}));
        assert_eq!(called["who"], "mcp-client", "{}: {called}", stack.name);

        let requests: Vec<&str> = called["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let metadata = format!("GET {origin}/.well-known/oauth-protected-resource/mcp - 200");
        assert_eq!(requests[..2], [&*format!("POST {origin}/mcp - 401"), &*metadata], "{}", stack.name);
        let token = requests.iter().position(|request| *request == format!("POST {issuer}/token Basic 200")).unwrap();
        let back = requests.iter().position(|request| *request == format!("POST {origin}/mcp Bearer 200")).unwrap();
        assert!(token < back, "{}: {requests:#?}", stack.name);
    }
}

#[test]
fn the_client_reads_out_of_every_challenge_what_was_put_into_it() {
    let Some(mut peer) = Peer::start() else { return };
    for stack in STACKS {
        let origin = server(stack, &mut peer, |builder| builder);
        let metadata = format!("{origin}/.well-known/oauth-protected-resource/mcp");
        for (authorization, status, error) in [
            (None, 401, None),
            (Some("Bearer nonsense"), 401, Some("invalid_token")),
            (Some("Bearer"), 400, Some("invalid_request")),
        ] {
            let request = json!({"op": "challenge", "url": format!("{origin}/mcp"), "authorization": authorization});
            let expected = json!({"status": status, "error": error, "resource_metadata": metadata});
            assert_eq!(peer.ask(&request), expected, "{} {authorization:?}", stack.name);
        }
    }
}

#[test]
fn a_client_that_knows_dpop_gets_a_bound_token_and_proves_it_at_each_request() {
    let Some(mut peer) = Peer::start() else { return };
    for stack in STACKS {
        for (alg, demands_nonce) in [("ES256", false), ("EdDSA", false), ("ES256", true), ("EdDSA", true)] {
            let origin = server(stack, &mut peer, |builder| {
                let nonces = DpopNonces::of_this_process().unwrap();
                let dpop = if demands_nonce { Dpop::new().nonces(&nonces) } else { Dpop::new() };
                builder.require_dpop().dpop(dpop)
            });
            let request = json!({"op": "call_with_proofs", "url": format!("{origin}/mcp"), "alg": alg});
            let called = peer.ask(&request);
            assert_eq!(called["who"], "mcp-client", "{} {alg}: {called}", stack.name);

            let requests: Vec<&str> = called["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let to_server: Vec<&str> =
                requests.iter().filter_map(|request| request.strip_prefix(&format!("POST {origin}/mcp "))).collect();
            assert_eq!(to_server[0], "- 401", "{}: {requests:#?}", stack.name);
            // One second try, and after that the nonce is known.
            let refused = to_server.iter().filter(|request| **request == "DPoP 401").count();
            assert_eq!(refused, usize::from(demands_nonce), "{} {alg}: {requests:#?}", stack.name);
            let served = to_server.iter().filter(|request| request.starts_with("DPoP 20")).count();
            assert_eq!(served, to_server.len() - 1 - refused, "{} {alg}: {requests:#?}", stack.name);
            assert!(served >= 3, "{requests:#?}");
        }
    }
}
