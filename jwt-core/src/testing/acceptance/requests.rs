//! What a request may look like, and what caches are told.

use super::case::Case;
use super::make::{HS256, claims_with, compact, good};
use super::setup::Setup::{Bearer, Browser, Everywhere, LookedUp, Optional, Query, Strict};
use super::{challenge, name};
use serde_json::json;

pub(super) fn cases() -> Vec<Case> {
    [authorization(), cookies(), several_sources(), anonymous(), looked_up(), caches(), the_rest()].concat()
}

fn authorization() -> Vec<Case> {
    let token = good();
    let mut cases = vec![
        Case::get(Bearer, "requests: a good token", "/me").bearer(&token),
        Case::post(Bearer, "requests: a good token with POST", "/me").bearer(&token),
        Case::get(Bearer, "requests: a query, which is the application's", "/me?x=1&y=%20").bearer(&token),
        Case::get(Bearer, "requests: no token", "/me").refused(401, challenge::BARE),
        Case::post(Bearer, "requests: no token with POST", "/me").refused(401, challenge::BARE),
        Case::get(Strict, "requests: no token, with a realm", "/me").refused(401, "Bearer realm=\"the api\""),
        Case::get(Bearer, "requests: the compact token", "/token").bearer(&token).served(&token),
    ];
    for scheme in ["bearer", "BEARER", "bEaReR  "] {
        let case = Case::get(Bearer, name("requests: scheme", scheme), "/me");
        cases.push(case.field("Authorization", format!("{scheme} {token}")));
    }
    for value in ["Basic YWxpY2U6c2VjcmV0", &format!("JWT {token}"), &format!("Bearer{token}"), &token] {
        let case = Case::get(Bearer, name("requests: no token in another scheme", value), "/me");
        cases.push(case.field("Authorization", value).refused(401, challenge::BARE));
    }
    for (what, value) in [
        ("nothing", "Bearer".to_owned()),
        ("spaces", "Bearer ".to_owned()),
        ("a tab", format!("Bearer\t{token}")),
        ("two tokens", format!("Bearer {token} {token}")),
        ("two credentials", format!("Bearer {token}, Bearer {token}")),
        ("a comma", format!("Bearer {token},")),
    ] {
        let case = Case::get(Bearer, name("requests: malformed credentials,", what), "/me");
        cases.push(case.field("Authorization", value).refused(400, challenge::INVALID_REQUEST));
    }
    let bearer = format!("Bearer {token}");
    for second in [&*bearer, "Basic YWxpY2U6c2VjcmV0", "Bearer x"] {
        for (first, second) in [(&*bearer, second), (second, &*bearer)] {
            let case = Case::get(Bearer, name("requests: two fields, the second of them", second), "/me");
            let case = case.field("Authorization", first).field("authorization", second);
            cases.push(case.refused(400, challenge::INVALID_REQUEST));
        }
    }
    cases
}

fn cookies() -> Vec<Case> {
    let token = good();
    let mut cases = Vec::new();
    let get = |what: &str| Case::get(Browser, name("requests: cookie,", what), "/me");
    for (what, cookie) in [
        ("alone", format!("access_token={token}")),
        ("among others", format!("a=b; access_token={token}; c=d")),
        ("without a space", format!("a=b;access_token={token}")),
    ] {
        cases.push(get(what).field("Cookie", cookie));
    }
    for cookie in [
        format!("xaccess_token={token}"),
        format!("access_tokenX={token}"),
        format!("Access_Token={token}"),
        format!("access%5Ftoken={token}"),
        format!("$access_token={token}"),
        "access_token=".to_owned(),
        "access_token".to_owned(),
    ] {
        cases.push(get(&cookie).field("Cookie", &cookie).refused(401, challenge::BARE));
    }
    let once = format!("access_token={token}");
    let twice = [
        get("twice in one field").field("Cookie", format!("{once}; {once}")),
        get("twice in two fields").field("Cookie", &once).field("Cookie", &once),
        get("in quotes").field("Cookie", format!("access_token=\"{token}\"")),
        get("and a bearer token").field("Cookie", &once).bearer(&token),
    ];
    cases.extend(twice.map(|case| case.refused(400, challenge::INVALID_REQUEST)));
    cases.push(
        get("of a name that is not configured").field("Cookie", format!("t={token}")).refused(401, challenge::BARE),
    );
    let case = Case::get(Bearer, "requests: cookie, not configured", "/me").field("Cookie", once);
    cases.push(case.refused(401, challenge::BARE));
    let case = Case::get(Query, "requests: a bearer token, where another source is configured", "/me").bearer(&token);
    cases.push(case.refused(401, challenge::BARE));
    let changed = format!("access_token={token}A");
    cases.push(get("with a bad token").field("Cookie", changed).refused(401, challenge::INVALID_TOKEN));
    cases
}

fn several_sources() -> Vec<Case> {
    let token = good();
    let (bearer, cookie, query) = (format!("Bearer {token}"), format!("t={token}"), format!("/me?t={token}"));
    let get = |what: &str, target: &str| Case::get(Everywhere, name("requests: several sources,", what), target);
    let mut cases = vec![
        get("a field", "/me").field("X-Token", &token),
        get("a parameter", &query),
        get("a parameter among others", &format!("/me?a=b&t={token}&c")),
        get("a bearer token and another cookie", "/me").field("Authorization", &bearer).field("Cookie", "other=1"),
        get("a cookie and another scheme", "/me").field("Authorization", "Basic x").field("Cookie", &cookie),
    ];
    let two = [
        get("bearer token and cookie", "/me").field("Authorization", &bearer).field("Cookie", &cookie),
        get("field and cookie", "/me").field("X-Token", &token).field("Cookie", &cookie),
        get("parameter and bearer token", &query).field("Authorization", &bearer),
        get("parameter and cookie", &query).field("Cookie", &cookie),
        get("the parameter twice", &format!("{query}&t={token}")),
        get("the field twice", "/me").field("X-Token", &token).field("X-Token", &token),
    ];
    cases.extend(two.map(|case| case.refused(400, challenge::INVALID_REQUEST)));
    cases
}

fn anonymous() -> Vec<Case> {
    let token = good();
    let get =
        |what: &str, path: &str| Case::get(Optional, name("requests: where anonymous ones are served,", what), path);
    vec![
        get("no token", "/maybe").served("nobody"),
        get("a token", "/maybe").bearer(&token),
        get("a changed token", "/maybe").bearer(&format!("{token}A")).refused(401, challenge::INVALID_TOKEN),
        get("malformed credentials", "/maybe")
            .field("Authorization", "Bearer")
            .refused(400, challenge::INVALID_REQUEST),
        get("claims needed after all", "/me").refused(401, challenge::BARE),
        get("the token needed after all", "/token").refused(401, challenge::BARE),
        get("what anybody may see", "/maybe").served_telling("nobody", None, &["authorization"]),
        get("what Alice sees", "/maybe").bearer(&token).served_telling("alice", None, &["authorization"]),
    ]
}

/// The verdict has to be waited for.
fn looked_up() -> Vec<Case> {
    let get = |what: &str, path: &str| Case::get(LookedUp, name("requests: a token that is looked up,", what), path);
    vec![
        get("found", "/me").bearer("key_alice"),
        get("found, and passed on", "/token").bearer("key_alice").served("key_alice"),
        get("not found", "/me").bearer("key_mallory").refused(401, challenge::INVALID_TOKEN),
        get("while the store is down", "/me").bearer("key_down").unavailable(None),
        get("beside JWTs", "/me").bearer(&good()),
        get("found, and not allowed", "/read").bearer("key_alice").refused(403, challenge::READ),
        get("found, and allowed after another wait", "/listed").bearer("key_alice").served("served"),
    ]
}

fn caches() -> Vec<Case> {
    let token = good();
    let mut cases = vec![
        // RFC 9111 §3.5 has a rule for it.
        Case::get(Bearer, "caches: Authorization alone", "/me").bearer(&token).served_telling("alice", None, &[]),
        Case::get(Query, "caches: a parameter", format!("/me?t={token}")).served_telling("alice", Some("private"), &[]),
    ];
    for (name, value) in [("Cookie", format!("access_token={token}")), ("Authorization", format!("Bearer {token}"))] {
        let get = |path: &str| Case::get(Browser, format!("caches: {path} by {name}"), path).field(name, &value);
        cases.push(get("/me").served_telling("alice", Some("private"), &["authorization", "cookie"]));
        // What the application says stays, and so does what else it varies by.
        let vary = &["accept", "authorization", "cookie"];
        cases.push(get("/cached").served_telling("alice", Some("max-age=60"), vary));
    }
    cases
}

fn the_rest() -> Vec<Case> {
    let mut cases = vec![
        Case::get(Bearer, "misuse: claims without the adapter", "/unprotected").misconfigured(),
        Case::get(Bearer, "misuse: a token without the adapter", "/unprotected").bearer(&good()).misconfigured(),
        Case::get(Bearer, "misuse: claims of another type", "/elsewhere").bearer(&good()).misconfigured(),
    ];
    let deep = compact("{\"alg\":\"HS256\"}", "[".repeat(8000));
    for (what, value) in [
        ("a long word", "x".repeat(15 * 1024)),
        ("dots", ".".repeat(15 * 1024)),
        ("deep", deep),
        ("not ASCII", "\u{fe}\u{ff}.ü.ß".to_owned()),
        ("escapes", "%00.%0d%0a.\"".to_owned()),
    ] {
        cases.push(Case::get(Bearer, name("requests: odd,", what), "/me").bearer(&value).client_error());
    }
    let mut long = claims_with(&json!({"tenant": 1}));
    long["padding"] = "x".repeat(2000).into();
    let long = compact(r#"{"alg":"HS256","typ":"at+jwt"}"#, long.to_string());
    let case = Case::get(Strict, "requests: a token over the limit", "/me").bearer(&long);
    cases.push(case.refused(401, challenge::INVALID_TOKEN_OF_REALM));
    let case =
        Case::get(Strict, "requests: malformed credentials, with a realm", "/me").field("Authorization", "Bearer");
    cases.push(case.refused(400, "Bearer realm=\"the api\", error=\"invalid_request\""));
    let empty = compact(HS256, "{}");
    cases.push(Case::get(Bearer, "requests: no claims", "/me").bearer(&empty).refused(401, challenge::INVALID_TOKEN));
    cases
}
