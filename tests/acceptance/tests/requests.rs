//! What a request may look like: every test is run against every stack.

use acceptance::{Reply, STACKS, Server, User, base64url, builder, good_claims, hs256};
use jwt_core::{AuthenticatorBuilder, TokenSource};

/// Runs a test against a server of every stack.
fn everywhere(build: impl Fn() -> AuthenticatorBuilder<User>, test: impl Fn(&Server)) {
    for stack in STACKS {
        test(&stack.start(build().build().unwrap()));
    }
}

#[track_caller]
fn assert_answer(server: &Server, reply: &Reply, status: u16, challenge: &str, case: &str) {
    assert_eq!((reply.status, reply.challenge()), (status, Some(challenge)), "{} {case}: {reply:?}", server.stack);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{} {case}", server.stack);
    let document: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(document["status"], status, "{} {case}", server.stack);
}

const BARE: &str = "Bearer";
const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";
const INVALID_REQUEST: &str = "Bearer error=\"invalid_request\"";

#[test]
fn a_good_token_reaches_the_handler_as_typed_claims() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        let reply = server.get_with_bearer(&token);
        assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{}", server.stack);
    });
}

#[test]
fn no_token_is_401_with_a_bare_challenge() {
    everywhere(builder, |server| assert_answer(server, &server.get("/me", &[]), 401, BARE, ""));
    everywhere(
        || builder().realm("the api"),
        |server| {
            assert_answer(server, &server.get("/me", &[]), 401, "Bearer realm=\"the api\"", "");
        },
    );
}

#[test]
fn the_scheme_is_read_in_any_case_and_with_several_spaces() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR  "] {
            let reply = server.get("/me", &[("Authorization", &format!("{scheme} {token}"))]);
            assert_eq!(reply.status, 200, "{} {scheme}", server.stack);
        }
    });
}

#[test]
fn another_scheme_is_no_token() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        for value in ["Basic YWxpY2U6c2VjcmV0", &format!("JWT {token}"), &format!("Bearer{token}"), &token] {
            assert_answer(server, &server.get("/me", &[("Authorization", value)]), 401, BARE, value);
        }
    });
}

#[test]
fn malformed_credentials_are_400() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        for value in [
            "Bearer",
            "Bearer ",
            &format!("Bearer\t{token}"),
            &format!("Bearer {token} {token}"),
            &format!("Bearer {token}, Bearer {token}"),
            &format!("Bearer {token},"),
        ] {
            assert_answer(server, &server.get("/me", &[("Authorization", value)]), 400, INVALID_REQUEST, value);
        }
    });
}

#[test]
fn two_authorization_headers_are_400_even_when_they_are_equal_or_of_other_schemes() {
    let bearer = format!("Bearer {}", hs256(&good_claims()));
    everywhere(builder, |server| {
        for second in [&*bearer, "Basic YWxpY2U6c2VjcmV0", "Bearer x"] {
            let fields = [("Authorization", &*bearer), ("authorization", second)];
            assert_answer(server, &server.get("/me", &fields), 400, INVALID_REQUEST, second);
            let fields = [("Authorization", second), ("authorization", &*bearer)];
            assert_answer(server, &server.get("/me", &fields), 400, INVALID_REQUEST, second);
        }
    });
}

#[test]
fn a_cookie_is_read_where_it_is_configured_and_only_by_its_exact_name() {
    let token = hs256(&good_claims());
    let build = || builder().source(TokenSource::cookie("access_token"));
    everywhere(build, |server| {
        for cookie in [
            format!("access_token={token}"),
            format!("a=b; access_token={token}; c=d"),
            format!("a=b;access_token={token}"),
        ] {
            assert_eq!(server.get("/me", &[("Cookie", &cookie)]).status, 200, "{} {cookie}", server.stack);
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
            assert_answer(server, &server.get("/me", &[("Cookie", &cookie)]), 401, BARE, &cookie);
        }
        // The default source is replaced, so the header is not looked at.
        assert_answer(server, &server.get_with_bearer(&token), 401, BARE, "bearer");
    });
}

#[test]
fn a_cookie_is_not_read_where_it_is_not_configured() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        let reply = server.get("/me", &[("Cookie", &format!("access_token={token}"))]);
        assert_answer(server, &reply, 401, BARE, "");
    });
}

#[test]
fn the_same_cookie_twice_is_400() {
    let token = hs256(&good_claims());
    let build = || builder().source(TokenSource::cookie("access_token"));
    everywhere(build, |server| {
        let twice = format!("access_token={token}; access_token={token}");
        assert_answer(server, &server.get("/me", &[("Cookie", &twice)]), 400, INVALID_REQUEST, "one field");
        let once = format!("access_token={token}");
        let fields = [("Cookie", &*once), ("Cookie", &*once)];
        assert_answer(server, &server.get("/me", &fields), 400, INVALID_REQUEST, "two fields");
        let quoted = format!("access_token=\"{token}\"");
        assert_answer(server, &server.get("/me", &[("Cookie", &quoted)]), 400, INVALID_REQUEST, "quoted");
    });
}

#[test]
fn tokens_in_two_configured_places_are_400_even_when_equal() {
    let token = hs256(&good_claims());
    let (bearer, cookie) = (format!("Bearer {token}"), format!("t={token}"));
    let build = || {
        builder()
            .source(TokenSource::cookie("t"))
            .source(TokenSource::bearer())
            .source(TokenSource::header("x-token"))
            .source(TokenSource::query("t"))
    };
    everywhere(build, |server| {
        let query = format!("/me?t={token}");
        for (target, fields) in [
            ("/me", vec![("Authorization", &*bearer), ("Cookie", &*cookie)]),
            ("/me", vec![("X-Token", &*token), ("Cookie", &*cookie)]),
            (&*query, vec![("Authorization", &*bearer)]),
            (&*query, vec![("Cookie", &*cookie)]),
        ] {
            assert_answer(server, &server.get(target, &fields), 400, INVALID_REQUEST, target);
        }
        for (target, fields) in [
            ("/me", vec![("Authorization", &*bearer), ("Cookie", "other=1")]),
            ("/me", vec![("Authorization", "Basic x"), ("Cookie", &*cookie)]),
            ("/me", vec![("X-Token", &*token)]),
            (&*query, vec![]),
        ] {
            assert_eq!(server.get(target, &fields).status, 200, "{} {target} {fields:?}", server.stack);
        }
    });
}

#[test]
fn optional_serves_anonymous_requests_and_still_refuses_bad_tokens() {
    let token = hs256(&good_claims());
    everywhere(
        || builder().optional(),
        |server| {
            assert_eq!(server.get("/maybe", &[]).body, "null", "{}", server.stack);
            let bearer = format!("Bearer {token}");
            let reply = server.get("/maybe", &[("Authorization", &bearer)]);
            assert_eq!(reply.body, r#"{"sub":"alice","name":"Alice"}"#, "{}", server.stack);
            let tampered = format!("Bearer {token}A");
            assert_answer(
                server,
                &server.get("/maybe", &[("Authorization", &tampered)]),
                401,
                INVALID_TOKEN,
                "tampered",
            );
            assert_answer(
                server,
                &server.get("/maybe", &[("Authorization", "Bearer")]),
                400,
                INVALID_REQUEST,
                "malformed",
            );
            // A handler that needs claims says so itself, with the challenge of its layer. hyper has no such extractor.
            if server.stack != "hyper" {
                assert_answer(server, &server.get("/me", &[]), 401, BARE, "needed after all");
            }
        },
    );
}

#[test]
fn the_compact_token_can_be_passed_on() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        let reply = server.get("/token", &[("Authorization", &format!("Bearer {token}"))]);
        assert_eq!((reply.status, &reply.body), (200, &token), "{}", server.stack);
    });
}

#[test]
fn a_missing_layer_is_a_500_that_says_nothing_on_the_wire() {
    let token = hs256(&good_claims());
    everywhere(builder, |server| {
        for fields in [&[][..], &[("Authorization", &*format!("Bearer {token}"))]] {
            let reply = server.get("/unprotected", fields);
            assert_eq!((reply.status, reply.challenge()), (500, None), "{}", server.stack);
            assert!(!reply.body.contains("JwtAuth") && !reply.body.contains("layer"), "{}", reply.body);
        }
        let reply = server.get("/elsewhere", &[("Authorization", &*format!("Bearer {token}"))]);
        assert_eq!((reply.status, reply.challenge()), (500, None), "{}", server.stack);
    });
}

#[test]
fn a_token_over_the_limit_is_refused_before_it_is_decoded() {
    let build = || builder().max_token_len(1000);
    everywhere(build, |server| {
        let mut claims = good_claims();
        assert_eq!(server.get_with_bearer(&hs256(&claims)).status, 200, "{}", server.stack);
        claims["padding"] = "x".repeat(1000).into();
        assert_answer(server, &server.get_with_bearer(&hs256(&claims)), 401, INVALID_TOKEN, "");
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

/// The values of a field, each on its own line or not.
fn values(reply: &Reply, name: &str) -> Vec<String> {
    let lines = reply.headers.iter().filter(|(other, _)| other == name);
    let mut values: Vec<String> =
        lines.flat_map(|(_, line)| line.split(',')).map(|value| value.trim().to_ascii_lowercase()).collect();
    values.sort();
    values
}

#[test]
fn a_refusal_is_never_stored() {
    everywhere(
        || builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")),
        |server| {
            for fields in [&[][..], &[("Authorization", "Bearer a.b.c")], &[("Authorization", "Bearer a b")]] {
                let reply = server.get("/me", fields);
                assert_eq!(reply.header("cache-control"), Some("no-store"), "{} {reply:?}", server.stack);
            }
        },
    );
}

#[test]
fn what_came_by_authorization_alone_is_left_to_the_rules_that_caches_have_for_it() {
    everywhere(builder, |server| {
        let reply = server.get_with_bearer(&hs256(&good_claims()));
        assert_eq!((reply.header("cache-control"), reply.header("vary")), (None, None), "{}", server.stack);
    });
}

#[test]
fn what_may_have_come_by_a_cookie_is_private_and_varies_by_it() {
    let token = hs256(&good_claims());
    let (cookie, bearer) = (format!("t={token}"), format!("Bearer {token}"));
    everywhere(
        || builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")),
        |server| {
            for field in [("Cookie", &*cookie), ("Authorization", &*bearer)] {
                let reply = server.get("/me", &[field]);
                let case = format!("{} {reply:?}", server.stack);
                assert_eq!((reply.status, reply.header("cache-control")), (200, Some("private")), "{case}");
                assert_eq!(values(&reply, "vary"), ["authorization", "cookie"], "{case}");
                // What the application says of its caching stays, and so does what else it varies by.
                let reply = server.get("/cached", &[field]);
                let case = format!("{} {reply:?}", server.stack);
                assert_eq!((reply.status, reply.header("cache-control")), (200, Some("max-age=60")), "{case}");
                assert_eq!(values(&reply, "vary"), ["accept", "authorization", "cookie"], "{case}");
            }
        },
    );
}

#[test]
fn what_anybody_may_see_varies_by_who_asks() {
    everywhere(
        || builder().optional(),
        |server| {
            for fields in [vec![], vec![("Authorization", format!("Bearer {}", hs256(&good_claims())))]] {
                let fields: Vec<_> = fields.iter().map(|(name, value): &(&str, String)| (*name, &**value)).collect();
                let reply = server.get("/maybe", &fields);
                let case = format!("{} {reply:?}", server.stack);
                assert_eq!((reply.status, reply.header("cache-control")), (200, None), "{case}");
                assert_eq!(values(&reply, "vary"), ["authorization"], "{case}");
            }
        },
    );
}

#[test]
fn what_came_by_a_query_is_private() {
    everywhere(
        || builder().source(TokenSource::query("t")),
        |server| {
            let reply = server.get(&format!("/me?t={}", hs256(&good_claims())), &[]);
            assert_eq!(
                (reply.header("cache-control"), reply.header("vary")),
                (Some("private"), None),
                "{}",
                server.stack
            );
        },
    );
}
