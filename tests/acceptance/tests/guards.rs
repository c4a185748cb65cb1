//! What a token must allow: every guard on every stack.

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
const WRITE: &str = "Bearer error=\"insufficient_scope\", scope=\"write:things\"";
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
fn scopes_may_be_an_array_and_stand_in_several_places() {
    everywhere(member_builder, |server| {
        assert_served(server, "/read", &json!({"scope": ["write:things", "read:things"]}));
        assert_served(server, "/read", &json!({"permissions": ["read:things"]}));
        assert_refused(server, "/read", &json!({"permissions": ["read:things write:things"]}), READ);
        assert_refused(server, "/read", &json!({"realm_access": {"roles": ["read:things"]}}), READ);
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
fn any_scope_is_enough_and_the_first_is_named() {
    everywhere(member_builder, |server| {
        assert_served(server, "/any", &json!({"scope": "read:things"}));
        assert_served(server, "/any", &json!({"scope": "write:things"}));
        assert_refused(server, "/any", &json!({"scope": "other"}), READ);
    });
}

#[test]
fn a_role_opens_and_a_missing_one_names_no_scope() {
    everywhere(member_builder, |server| {
        assert_served(server, "/admin", &json!({"realm_access": {"roles": ["user", "admin"]}}));
        assert_served(server, "/admin", &json!({"resource_access": {"shop": {"roles": ["admin"]}}}));
        assert_refused(server, "/admin", &json!({"resource_access": {"bank": {"roles": ["admin"]}}}), FORBIDDEN);
        assert_refused(server, "/admin", &json!({"realm_access": {"roles": ["administrator"]}}), FORBIDDEN);
        assert_refused(server, "/admin", &json!({"scope": "admin"}), FORBIDDEN);
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
    });
}

#[test]
fn guards_are_put_together_by_and_and_by_or() {
    let admin = json!({"realm_access": {"roles": ["admin"]}});
    let reader = json!({"scope": "read:things"});
    let writer = json!({"scope": "write:things"});
    let reading_admin = json!({"scope": "read:things", "realm_access": {"roles": ["admin"]}});
    everywhere(member_builder, |server| {
        assert_served(server, "/and", &reading_admin);
        assert_refused(server, "/and", &admin, READ);
        // The scope is there: to name it would send the client round in circles.
        assert_refused(server, "/and", &reader, FORBIDDEN);
        assert_served(server, "/or", &admin);
        assert_served(server, "/or", &writer);
        // Of two ways in, the one that a client can ask for.
        assert_refused(server, "/or", &reader, WRITE);
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
fn a_policy_that_cannot_decide_is_503_and_no_verdict_on_the_user() {
    everywhere(member_builder, |server| {
        for path in ["/down", "/down-or"] {
            let reply = get(server, path, &json!({}));
            let case = format!("{} {path}: {reply:?}", server.stack);
            assert_eq!(
                (reply.status, reply.challenge(), reply.header("retry-after")),
                (503, None, Some("5")),
                "{case}"
            );
        }
        assert_served(server, "/down-or", &json!({"realm_access": {"roles": ["admin"]}}));
    });
}

#[test]
fn guards_add_up_from_the_group_to_the_route() {
    everywhere(member_builder, |server| {
        assert_served(server, "/stacked", &json!({"scope": "read:things write:things"}));
        assert_refused(server, "/stacked", &json!({"scope": "write:things"}), READ);
        assert_refused(server, "/stacked", &json!({"scope": "read:things"}), WRITE);
    });
}

#[test]
fn the_realm_stands_before_the_error() {
    everywhere(
        || member_builder().realm("the api"),
        |server| {
            let challenge = "Bearer realm=\"the api\", error=\"insufficient_scope\", scope=\"read:things\"";
            assert_refused(server, "/read", &json!({}), challenge);
        },
    );
}

#[test]
fn a_request_without_a_token_that_meets_a_guard_is_asked_for_one() {
    everywhere(
        || member_builder().optional(),
        |server| {
            assert_eq!(server.get("/open", &[]).status, 200, "{}", server.stack);
            for path in ["/read", "/admin", "/grown-up", "/listed", "/stacked", "/claims"] {
                let reply = server.get(path, &[]);
                let case = format!("{} {path}: {reply:?}", server.stack);
                assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer")), "{case}");
                assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{case}");
                assert!(reply.body.contains("\"status\":401"), "{case}");
            }
            assert_served(server, "/read", &json!({"scope": "read:things"}));
        },
    );
}

#[test]
fn a_bad_token_never_gets_as_far_as_a_guard() {
    everywhere(
        || member_builder().optional(),
        |server| {
            let reply = server.get("/read", &[("Authorization", "Bearer a.b.c")]);
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")));
        },
    );
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
