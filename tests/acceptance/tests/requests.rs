//! What a request may look like, beside what `published` has: every test is run against every stack.

use acceptance::{STACKS, Server, User, base64url, builder, good_claims, hs256};
use jwt_core::AuthenticatorBuilder;

/// Runs a test against a server of every stack.
fn everywhere(build: impl Fn() -> AuthenticatorBuilder<User>, test: impl Fn(&Server)) {
    for stack in STACKS {
        test(&stack.start(build().build().unwrap()));
    }
}

#[test]
fn a_good_token_reaches_the_handler_as_typed_claims() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        let reply = server.get_with_bearer(&token);
        assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{}", server.stack);
    });
}

#[test]
fn a_huge_or_odd_request_is_never_a_5xx() {
    everywhere(builder, |server| {
        for value in [
            "x".repeat(15 * 1024),
            ".".repeat(15 * 1024),
            format!("{}.{}.x", base64url("{\"alg\":\"HS256\"}"), base64url("[".repeat(8000))),
            "\u{fe}\u{ff}.ü.ß".to_owned(),
            "%00.%0d%0a.\"".to_owned(),
        ] {
            let reply = server.get_with_bearer(&value);
            assert!((400..500).contains(&reply.status), "{} {:?}: {reply:?}", server.stack, &value[..9]);
        }
        let huge = server.get_with_bearer(&"x".repeat(1024 * 1024));
        assert!((400..500).contains(&huge.status), "{}: {huge:?}", server.stack);
    });
}
