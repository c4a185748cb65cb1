//! Step-up (RFC 9470), rich authorization (RFC 9396) and bound tokens as guards, on every stack: what the client is told, so that
//! it can do something about it.

use std::time::Duration;

use acceptance::{
    Connection, GUARDED, Log, Member, NOW, Reply, SECRET, Server, Stopped, good_claims, hs256, member_builder,
    request_to,
};
use jwt_core::binding::DpopKey;
use jwt_core::clock::NumericDate;
use jwt_core::error::{AuthError, Shortfall};
use jwt_core::guard::{Admission, AuthorizationDetail, Decision, Policy};
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, KeySet};
use serde_json::{Value, json};

const FORBIDDEN: &str = "Bearer error=\"insufficient_scope\"";
const ORIGIN: &str = "https://api.example.com";

fn everywhere(build: impl Fn(AuthenticatorBuilder<Member>) -> AuthenticatorBuilder<Member>, test: impl Fn(&Server)) {
    for stack in GUARDED {
        test(&stack.start(build(member_builder()).build().unwrap()));
    }
}

/// Good claims, and these.
fn claims(more: &Value) -> Value {
    let mut claims = good_claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn get(server: &Server, path: &str, more: &Value) -> Reply {
    server.get(path, &[("Authorization", &format!("Bearer {}", hs256(&claims(more))))])
}

#[track_caller]
fn assert_served(server: &Server, path: &str, more: &Value) {
    let reply = get(server, path, more);
    assert_eq!((reply.status, &*reply.body), (200, "served"), "{} {path} {more}", server.stack);
}

/// 401, with these parameters behind the error code of RFC 9470 §3.
#[track_caller]
fn assert_steps_up(server: &Server, path: &str, more: &Value, parameters: &str) {
    let reply = get(server, path, more);
    let case = format!("{} {path} {more}: {reply:?}", server.stack);
    let challenge = format!("Bearer error=\"insufficient_user_authentication\", {parameters}");
    assert_eq!((reply.status, reply.challenge()), (401, Some(&*challenge)), "{case}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{case}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{case}");
    let document: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((&document["status"], &document["title"]), (&json!(401), &json!("Unauthorized")), "{case}");
    assert_eq!(document["detail"], "The user has to authenticate again, or in another way.", "{case}");
}

#[track_caller]
fn assert_forbidden(server: &Server, path: &str, more: &Value) {
    let reply = get(server, path, more);
    assert_eq!((reply.status, reply.challenge()), (403, Some(FORBIDDEN)), "{} {path} {more}", server.stack);
}

#[test]
fn an_acr_that_is_needed_is_named_in_the_challenge() {
    everywhere(
        |builder| builder,
        |server| {
            assert_served(server, "/gold", &json!({"acr": "gold"}));
            assert_served(server, "/gold-or-silver", &json!({"acr": "gold"}));
            assert_served(server, "/gold-or-silver", &json!({"acr": "silver"}));
            for acr in
                [json!(null), json!(""), json!("Gold"), json!("gold silver"), json!(["gold"]), json!(1), json!({})]
            {
                assert_steps_up(server, "/gold", &json!({"acr": acr}), "acr_values=\"gold\"");
                assert_steps_up(server, "/gold-or-silver", &json!({"acr": acr}), "acr_values=\"gold silver\"");
            }
            assert_steps_up(server, "/gold", &json!({}), "acr_values=\"gold\"");
            assert_steps_up(server, "/gold", &json!({"auth_time": NOW}), "acr_values=\"gold\"");
        },
    );
}

#[test]
fn an_authentication_that_is_too_long_ago_has_to_be_made_again() {
    let needed = "max_age=\"300\"";
    // The leeway of the authenticator counts at both ends.
    for (leeway, slack) in [(None, 30), (Some(0), 0), (Some(5), 5)] {
        everywhere(
            |builder| match leeway {
                Some(seconds) => builder.leeway(Duration::from_secs(seconds)),
                None => builder,
            },
            |server| {
                for at in [NOW, NOW - 300, NOW - 300 - slack, NOW + slack] {
                    assert_served(server, "/recent", &json!({"auth_time": at}));
                }
                assert_served(server, "/recent", &json!({"auth_time": 1_789_999_990.5}));
                for at in [NOW - 301 - slack, 0, NOW + slack + 1, u64::MAX] {
                    assert_steps_up(server, "/recent", &json!({"auth_time": at}), needed);
                }
            },
        );
    }
    everywhere(
        |builder| builder,
        |server| {
            for value in [json!(null), json!(NOW.to_string()), json!([NOW]), json!(-1), json!(true)] {
                assert_steps_up(server, "/recent", &json!({"auth_time": value}), needed);
            }
            // When the token was issued says nothing.
            assert_steps_up(server, "/recent", &json!({"iat": NOW}), needed);
        },
    );
}

#[test]
fn what_is_joined_is_asked_for_at_once() {
    let needed = "acr_values=\"gold\", max_age=\"300\"";
    everywhere(
        |builder| builder,
        |server| {
            for path in ["/gold-recent", "/read-gold-recent"] {
                let with = |acr: &str, at: u64| json!({"acr": acr, "auth_time": at, "scope": "read:things"});
                assert_served(server, path, &with("gold", NOW));
                for claims in [with("silver", NOW), with("gold", NOW - 400), with("silver", NOW - 400)] {
                    assert_steps_up(server, path, &claims, needed);
                }
            }
            // Of two ways in, the one that a client can do something about.
            assert_steps_up(server, "/admin-or-gold", &json!({}), "acr_values=\"gold\"");
            assert_served(server, "/admin-or-gold", &json!({"realm_access": {"roles": ["admin"]}}));
        },
    );
}

#[test]
fn the_reason_is_in_the_challenge_of_the_scheme_that_was_used() {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    everywhere(
        |builder| builder.public_origin(ORIGIN).realm("api"),
        |server| {
            let token = hs256(&claims(&json!({"cnf": {"jkt": key.thumbprint()}, "acr": "silver"})));
            let send = |path: &str| {
                let url = format!("{ORIGIN}{path}");
                let moment = NumericDate::from_secs(NOW);
                let proof = key.proof("GET", &url).for_token(&token).issued_at(moment).sign().unwrap();
                server.get(path, &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)])
            };
            let reply = send("/gold");
            let challenges: Vec<&str> = reply.challenges().collect();
            assert_eq!((reply.status, challenges.len(), challenges[0]), (401, 2, "Bearer realm=\"api\""), "{reply:?}");
            let dpop = challenges[1];
            assert!(dpop.starts_with("DPoP realm=\"api\", error=\"insufficient_user_authentication\", "), "{dpop}");
            assert!(dpop.ends_with("\", acr_values=\"gold\""), "{dpop}");
            // The same key serves a token that its sender has shown to be theirs.
            assert_eq!(send("/bound").status, 200, "{}", server.stack);
        },
    );
}

#[test]
fn a_call_of_grpc_is_unauthenticated() {
    everywhere(AuthenticatorBuilder::grpc, |server| {
        let bearer = format!("Bearer {}", hs256(&good_claims()));
        let fields = [("authorization", &*bearer), ("content-type", "application/grpc-web"), ("content-length", "0")];
        let reply = Connection::open(server.address).send(&request_to("localhost", "POST", "/gold", &fields));
        assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("16")), "{}: {reply:?}", server.stack);
        let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"gold\"";
        assert_eq!(reply.challenge(), Some(challenge), "{reply:?}");
    });
}

#[test]
fn an_authorization_detail_allows_what_one_element_says() {
    let good = json!({
        "type": "account_information",
        "actions": ["list_accounts", "read_balances", "read_transactions"],
        "locations": ["https://api.example.com/accounts"],
        "x": [1],
    });
    let without = |name: &str| {
        let mut detail = good.clone();
        detail.as_object_mut().unwrap().remove(name);
        detail
    };
    let with = |name: &str, value: Value| {
        let mut detail = good.clone();
        detail[name] = value;
        detail
    };
    everywhere(
        |builder| builder,
        |server| {
            for details in [json!([good]), json!([{"type": "payment_initiation"}, good])] {
                assert_served(server, "/balances", &json!({"authorization_details": details}));
            }
            for details in [
                json!([]),
                json!(null),
                good.clone(),
                json!("account_information"),
                json!([without("type")]),
                json!([without("actions")]),
                json!([without("locations")]),
                json!([with("type", json!("ACCOUNT_INFORMATION"))]),
                json!([with("actions", json!(["list_accounts"]))]),
                json!([with("actions", json!("list_accounts read_balances"))]),
                json!([with("locations", json!(["https://api.example.com/accounts/"]))]),
                // Two halves are no whole.
                json!([with("actions", json!(["list_accounts"])), with("actions", json!(["read_balances"]))]),
                // Where one is not what the standard says, none counts.
                json!([good, {"actions": []}]),
                json!([good, 1]),
            ] {
                assert_forbidden(server, "/balances", &json!({"authorization_details": details}));
            }
            assert_forbidden(server, "/balances", &json!({}));
        },
    );
}

#[test]
fn a_handler_can_ask_for_what_depends_on_the_request() {
    let verifier = member_builder().build_verifier().unwrap();
    let detail = json!([{"type": "account", "identifier": "7", "privileges": ["owner"], "datatypes": ["balance"]}]);
    let token = verifier.verify(hs256(&claims(&json!({"authorization_details": detail})))).unwrap();
    let account = |id: &str| AuthorizationDetail::of_type("account").identifier(id);
    assert!(account("7").is_granted_by(&token) && !account("8").is_granted_by(&token));
    assert!(account("7").privilege("owner").datatype("balance").is_granted_by(&token));
    assert!(!account("7").privilege("guest").is_granted_by(&token));
    assert!(!account("7").datatype("history").is_granted_by(&token));
    assert!(!account("8").identifier("7").is_granted_by(&token), "an element has one identifier");
}

#[test]
fn a_token_whose_key_nobody_has_shown_is_none_for_a_guard_of_bound_tokens() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let challenge = "Bearer error=\"invalid_token\"";
    let log = Log::here();
    everywhere(AuthenticatorBuilder::dangerous_allow_bound_tokens, |server| {
        for more in [json!({}), json!({"cnf": {"jkt": jkt}})] {
            log.take();
            let reply = get(server, "/bound", &more);
            assert_eq!((reply.status, reply.challenge()), (401, Some(challenge)), "{}: {reply:?}", server.stack);
            let text = log.take();
            assert!(text.contains("request denied") && text.contains("under the scheme `DPoP` with a proof"), "{text}");
        }
    });
}

#[test]
fn a_guard_that_cannot_work_is_a_500_whose_log_line_names_the_fix() {
    let log = Log::here();
    everywhere(
        |builder| builder,
        |server| {
            for (path, fix) in
                [("/no-acr", "no usable `acr`"), ("/two-acrs", "one in common"), ("/no-type", "without `type`")]
            {
                log.take();
                let reply = get(server, path, &json!({"acr": "gold", "auth_time": NOW}));
                assert_eq!((reply.status, reply.challenge()), (500, None), "{} {path}: {reply:?}", server.stack);
                assert!(log.take().contains(fix), "{path}");
            }
        },
    );
}

#[test]
fn the_log_says_what_is_wrong_and_keeps_it_on_one_line() {
    let log = Log::here();
    everywhere(
        |builder| builder,
        |server| {
            for (path, more, reason) in [
                ("/gold", json!({}), r#"insufficient authentication: `acr` is missing, expected "gold""#),
                ("/gold", json!({"acr": "a\nb"}), r#"insufficient authentication: `acr` is "a\nb", expected "gold""#),
                ("/gold", json!({"acr": 1}), "claim `acr` has the wrong type"),
                ("/recent", json!({}), "`auth_time` is missing"),
                ("/recent", json!({"auth_time": "now"}), "claim `auth_time` has the wrong type"),
                ("/recent", json!({"auth_time": NOW - 400}), "authenticated too long ago, by 100 s"),
                ("/recent", json!({"auth_time": NOW + 400}), "the user authenticates in 400 s"),
                (
                    "/balances",
                    json!({}),
                    r#"an authorization detail is needed that allows {"type":"account_information","#,
                ),
                (
                    "/balances",
                    json!({"authorization_details": {}}),
                    "`authorization_details` is not an array of objects",
                ),
            ] {
                log.take();
                get(server, path, &more);
                let text = log.take();
                let line = text.lines().find(|line| line.contains("request denied")).unwrap_or_default();
                assert!(line.contains(reason), "{} {path} {more}: {text}", server.stack);
            }
        },
    );
}

/// A session or an API key has no leeway, and a guard of another claims type works as well: what it reads is the text.
#[test]
fn the_claims_type_of_the_application_plays_no_part() {
    let keys = KeySet::hs256(SECRET).unwrap();
    let auth = Authenticator::<()>::builder().keys(keys).any_audience().clock(Stopped).build().unwrap();
    let policy = Policy::acr("gold").and(Policy::authenticated_within(Duration::from_secs(60)));
    let decide = |more: &Value| {
        let request = http::Request::get("/").header("authorization", format!("Bearer {}", hs256(&claims(more))));
        let request = request.body(()).unwrap();
        let outcome = auth.outcome(&request).unwrap();
        let (admission, _) = Admission::of(&auth, outcome, &request);
        policy.decide(Some(&admission.unwrap()), &request)
    };
    assert!(matches!(decide(&json!({"acr": "gold", "auth_time": NOW - 60})), Decision::Allowed));
    let Decision::Denied(rejection) = decide(&json!({"acr": "gold", "auth_time": NOW - 100})) else {
        panic!("it is old")
    };
    let AuthError::StepUp(error) = rejection.error else { panic!("{:?}", rejection.error) };
    assert!(matches!(error.shortfall(), Shortfall::TooOld { by } if by.as_secs() == 40), "{error}");
    assert_eq!(error.parameters(), "acr_values=\"gold\", max_age=\"60\"");
    assert_eq!(AuthError::StepUp(error).public_message(), "The user has to authenticate again, or in another way.");
}
