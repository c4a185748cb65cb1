//! What a token must allow: 403 with the scope in the challenge.

use serde_json::{Value, json};

use super::case::Case;
use super::challenge::{BARE, BOTH, FORBIDDEN, INVALID_TOKEN, READ, WRITE};
use super::make::with;
use super::setup::Setup::{Bearer, Optional, Plain, Strict};

fn get(path: &str, claims: &Value) -> Case {
    Case::get(Bearer, format!("guards: {path} with {claims}"), path).bearer(&with(claims))
}

pub(super) fn cases() -> Vec<Case> {
    let admin = json!({"realm_access": {"roles": ["user", "admin"]}});
    let read = json!({"scope": "read:things"});
    let write = json!({"scope": "write:things"});
    let both = json!({"scope": "write:things read:things"});
    let reading_admin = json!({"scope": "read:things", "realm_access": {"roles": ["admin"]}});
    let nothing = json!({});

    let served = [
        ("/read", read.clone()),
        ("/read", both.clone()),
        ("/read", json!({"scope": "x read:things y"})),
        ("/read", json!({"scope": ["write:things", "read:things"]})),
        ("/read", json!({"permissions": ["read:things"]})),
        ("/all", both.clone()),
        ("/all", json!({"scope": "write:things", "permissions": ["read:things"]})),
        ("/any", read.clone()),
        ("/any", write.clone()),
        ("/admin", admin.clone()),
        ("/admin", json!({"resource_access": {"shop": {"roles": ["admin"]}}})),
        ("/adult", json!({"age": 18})),
        ("/and", reading_admin),
        ("/or", admin.clone()),
        ("/or", write.clone()),
        ("/listed", nothing.clone()),
        ("/listed-and", read.clone()),
        ("/down-or", admin.clone()),
        ("/stacked", both),
    ];
    let refused = [
        ("/read", nothing.clone(), READ),
        ("/read", json!({"scope": ""}), READ),
        ("/read", json!({"scope": "read"}), READ),
        ("/read", json!({"scope": "read:thing"}), READ),
        ("/read", json!({"scope": "read:things2"}), READ),
        ("/read", json!({"scope": "READ:THINGS"}), READ),
        ("/read", json!({"scope": "read:things,write:things"}), READ),
        ("/read", json!({"permissions": ["read:things write:things"]}), READ),
        ("/read", json!({"realm_access": {"roles": ["read:things"]}}), READ),
        ("/all", nothing.clone(), BOTH),
        ("/all", read.clone(), BOTH),
        ("/all", write.clone(), BOTH),
        ("/any", json!({"scope": "other"}), READ),
        ("/admin", json!({"resource_access": {"bank": {"roles": ["admin"]}}}), FORBIDDEN),
        ("/admin", json!({"realm_access": {"roles": ["administrator"]}}), FORBIDDEN),
        ("/admin", json!({"scope": "admin"}), FORBIDDEN),
        ("/adult", json!({"age": 17}), FORBIDDEN),
        ("/and", admin, READ),
        // The scope is there: to name it would send the client round in circles.
        ("/and", read.clone(), FORBIDDEN),
        // Of two ways in, the one that a client can ask for.
        ("/or", read.clone(), WRITE),
        ("/listed", json!({"sub": "mallory"}), FORBIDDEN),
        ("/listed-and", nothing.clone(), READ),
        ("/listed-and", json!({"scope": "read:things", "sub": "mallory"}), FORBIDDEN),
        ("/stacked", nothing.clone(), READ),
        ("/stacked", write, READ),
        ("/stacked", read, WRITE),
    ];
    let mut cases: Vec<Case> = served.iter().map(|(path, claims)| get(path, claims).served("served")).collect();
    cases.extend(refused.iter().map(|(path, claims, challenge)| get(path, claims).refused(403, *challenge)));
    cases.extend(["/down", "/down-or"].map(|path| get(path, &nothing).unavailable(Some("5"))));
    cases.extend(misuse());

    let strict = make_strict();
    let challenge = "Bearer realm=\"the api\", error=\"insufficient_scope\", scope=\"read:things\"";
    cases.push(
        Case::get(Strict, "guards: the realm comes before the error", "/read").bearer(&strict).refused(403, challenge),
    );
    for path in ["/read", "/admin", "/adult", "/listed", "/stacked"] {
        let name = format!("guards: {path} asks an anonymous request for a token");
        cases.push(Case::get(Optional, name, path).refused(401, BARE));
    }
    for (name, path) in [("guards: a bad token", "/read"), ("guards: a bad token, to be waited for", "/listed")] {
        cases.push(Case::get(Optional, name, path).bearer("a.b.c").refused(401, INVALID_TOKEN));
    }
    cases
}

/// A guard without the adapter, and those that cannot work.
fn misuse() -> Vec<Case> {
    let everything = with(&json!({
        "scope": "read:things write:things read things", "realm_access": {"roles": ["admin"]}, "age": 99,
    }));
    let get = |setup, path: &str| Case::get(setup, format!("misuse: {path}"), path).bearer(&everything);
    let mut cases: Vec<Case> = ["/unprotected-guard", "/no-scope", "/stranger"].map(|path| get(Bearer, path)).into();
    // Nobody said where scopes and roles are.
    cases.extend(["/read", "/any", "/admin", "/and", "/or"].map(|path| get(Plain, path)));
    let mut cases: Vec<Case> = cases.into_iter().map(Case::misconfigured).collect();
    cases.push(get(Plain, "/adult").served("served"));
    cases
}

/// A good token where much is expected.
fn make_strict() -> String {
    let claims = super::make::claims_with(&json!({"tenant": 1}));
    super::make::compact(r#"{"alg":"HS256","typ":"at+jwt"}"#, claims.to_string())
}
