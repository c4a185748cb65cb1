//! What a token must allow, beside what `published` has: every guard on every stack.

use acceptance::{GUARDED, Member, Reply, Server, good_claims, hs256, member_builder, plain_member_builder};
use jwt_core::AuthenticatorBuilder;
use serde_json::{Value, json};

fn everywhere(build: impl Fn() -> AuthenticatorBuilder<Member>, test: impl Fn(&Server)) {
    for stack in GUARDED {
        test(&stack.start(build().build().unwrap()));
    }
}

/// A token with these claims beside the good ones.
fn token(more: &Value) -> String {
    let mut claims = good_claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    hs256(&claims)
}

fn get(server: &Server, path: &str, more: &Value) -> Reply {
    server.get(path, &[("Authorization", &format!("Bearer {}", token(more)))])
}

#[track_caller]
fn assert_served(server: &Server, path: &str, more: &Value) {
    let reply = get(server, path, more);
    assert_eq!((reply.status, &*reply.body), (200, "served"), "{} {path} {more}", server.stack);
}

#[track_caller]
fn assert_refused(server: &Server, path: &str, more: &Value, challenge: &str) {
    let reply = get(server, path, more);
    let case = format!("{} {path} {more}: {reply:?}", server.stack);
    assert_eq!((reply.status, reply.challenge()), (403, Some(challenge)), "{case}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{case}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{case}");
    let document: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((&document["status"], &document["title"]), (&json!(403), &json!("Forbidden")), "{case}");
    assert_eq!(document["detail"], "The access token does not allow this.", "{case}");
}

const FORBIDDEN: &str = "Bearer error=\"insufficient_scope\"";
const READ: &str = "Bearer error=\"insufficient_scope\", scope=\"read:things\"";
const BOTH: &str = "Bearer error=\"insufficient_scope\", scope=\"read:things write:things\"";

#[test]
fn a_scope_opens_what_needs_it_and_nothing_like_it_does() {
    everywhere(member_builder, |server| {
        for granting in ["read:things", "write:things read:things", "x read:things y"] {
            assert_served(server, "/read", &json!({"scope": granting}));
            assert_served(server, "/rights", &json!({"scope": granting}));
        }
        for other in ["", "read", "read:thing", "read:things2", "READ:THINGS", "read:things,write:things"] {
            assert_refused(server, "/read", &json!({"scope": other}), READ);
        }
        assert_refused(server, "/read", &json!({}), READ);
        assert_served(server, "/open", &json!({}));
    });
}

#[test]
fn all_scopes_are_all_needed_and_all_named() {
    everywhere(member_builder, |server| {
        for path in ["/all", "/both-scopes"] {
            assert_served(server, path, &json!({"scope": "write:things read:things"}));
            assert_served(server, path, &json!({"scope": "write:things", "permissions": ["read:things"]}));
            for scope in ["", "read:things", "write:things"] {
                assert_refused(server, path, &json!({"scope": scope}), BOTH);
            }
        }
    });
}

#[test]
fn a_policy_decides_by_the_claims_and_its_reason_stays_inside() {
    everywhere(member_builder, |server| {
        assert_served(server, "/grown-up", &json!({"age": 18}));
        assert_refused(server, "/grown-up", &json!({"age": 17}), FORBIDDEN);
        assert!(!get(server, "/grown-up", &json!({"age": 17})).body.contains("young"));
        assert_served(server, "/yes", &json!({}));
        assert_refused(server, "/no", &json!({}), FORBIDDEN);
        assert_served(server, "/some", &json!({"age": 18}));
        assert_refused(server, "/some", &json!({"age": 17}), FORBIDDEN);
    });
}

#[test]
fn a_policy_may_wait() {
    everywhere(member_builder, |server| {
        assert_served(server, "/listed", &json!({"sub": "alice"}));
        assert_refused(server, "/listed", &json!({"sub": "mallory"}), FORBIDDEN);
        assert_served(server, "/listed-and", &json!({"scope": "read:things"}));
        assert_refused(server, "/listed-and", &json!({}), READ);
        assert_served(server, "/listed-or", &json!({"realm_access": {"roles": ["admin"]}}));
        assert_refused(server, "/listed-or", &json!({}), FORBIDDEN);
    });
}

#[test]
fn a_guard_without_the_layer_and_one_that_cannot_work_are_500_and_say_nothing() {
    let everything = json!({
        "scope": "read:things write:things read things", "realm_access": {"roles": ["admin"]}, "age": 99,
    });
    let silent = |server: &Server, path: &str| {
        let reply = get(server, path, &everything);
        assert_eq!((reply.status, reply.challenge()), (500, None), "{} {path}: {reply:?}", server.stack);
        assert!(!reply.body.contains("JwtAuth") && !reply.body.contains("scope"), "{} {path}", server.stack);
    };
    everywhere(member_builder, |server| {
        for path in ["/unprotected", "/no-scope", "/nothing", "/stranger"] {
            silent(server, path);
        }
    });
    everywhere(plain_member_builder, |server| {
        for path in ["/read", "/any", "/admin", "/and", "/or"] {
            silent(server, path);
        }
        assert_served(server, "/grown-up", &everything);
    });
}
