//! A client that has no token finds out where to get one (RFC 9728).

use acceptance::{Connection, Reply, STACKS, Server, builder, good_claims, hs256, metadata};

const PATH: &str = "/.well-known/oauth-protected-resource/me";
const URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/me";

fn everywhere(test: impl Fn(&Server)) {
    for stack in STACKS {
        test(&stack.start(builder().realm("api").resource_metadata(&metadata()).build().unwrap()));
    }
}

fn send(server: &Server, method: &str, path: &str) -> Reply {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n\r\n");
    Connection::open(server.address).send(head.as_bytes())
}

#[test]
fn every_challenge_says_where_the_metadata_is() {
    everywhere(|server| {
        let bad = server.get_with_bearer("nonsense");
        let malformed = server.get("/me", &[("Authorization", "Bearer")]);
        for (reply, before) in [
            (server.get("/me", &[]), "realm=\"api\""),
            (bad, "realm=\"api\", error=\"invalid_token\""),
            (malformed, "realm=\"api\", error=\"invalid_request\""),
        ] {
            let challenge = format!("Bearer {before}, resource_metadata=\"{URL}\"");
            assert_eq!(reply.challenge(), Some(&*challenge), "{}", server.stack);
        }
    });
}

#[test]
fn the_document_is_read_without_a_token_by_pages_of_every_origin() {
    everywhere(|server| {
        let reply = send(server, "GET", PATH);
        assert_eq!((reply.status, &*reply.body), (200, metadata().json()), "{}", server.stack);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{}", server.stack);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=3600"), "{}", server.stack);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{}", server.stack);
        // What stands behind the path is no part of it.
        assert_eq!(send(server, "GET", &format!("{PATH}?x=1")).status, 200, "{}", server.stack);
    });
}

#[test]
fn a_preflight_lets_any_header_through() {
    everywhere(|server| {
        let reply = send(server, "OPTIONS", PATH);
        assert_eq!(reply.status, 204, "{}", server.stack);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{}", server.stack);
        assert_eq!(reply.header("access-control-allow-headers"), Some("*"), "{}", server.stack);
    });
}

#[test]
fn a_head_request_gets_the_same_head_and_no_body() {
    everywhere(|server| {
        let mut connection = Connection::open(server.address);
        let head = |method: &str| format!("{method} {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        let length = metadata().json().len().to_string();
        let reply = connection.send_for_head(&head("HEAD"));
        assert_eq!((reply.status, reply.header("content-length")), (200, Some(&*length)), "{}", server.stack);
        // Had there been a body, the next answer would not begin with a status line.
        assert_eq!(connection.send(&head("GET")).body, metadata().json(), "{}", server.stack);
    });
}

#[test]
fn everything_else_goes_on_to_the_routes_behind() {
    let bearer = format!("Bearer {}", hs256(&good_claims()));
    everywhere(|server| {
        assert_eq!(server.get("/me", &[("Authorization", &bearer)]).status, 200, "{}", server.stack);
        for (method, path) in [("POST", PATH), ("GET", "/.well-known/oauth-protected-resource"), ("OPTIONS", "/me")] {
            assert_eq!(send(server, method, path).status, 401, "{} {method} {path}", server.stack);
        }
    });
}
