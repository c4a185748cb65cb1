//! Requests that another site may have made: refused where the token came from a cookie, on every stack.

use acceptance::{Connection, Reply, STACKS, Server, User, builder, good_claims, hs256, request_to};
use jwt_core::adapter::Verdict;
use jwt_core::{AuthError, Authenticator, AuthenticatorBuilder, CsrfTokens, TokenSource};

const HOST: &str = "api.example.com";
const OURS: &str = "https://api.example.com";
const APP: &str = "https://app.example.com";
const EVIL: &str = "https://evil.example";

fn with_cookie() -> AuthenticatorBuilder<User> {
    builder().source(TokenSource::cookie("t")).source(TokenSource::bearer())
}

fn everywhere(build: impl Fn() -> AuthenticatorBuilder<User>, test: impl Fn(&Server)) {
    for stack in STACKS {
        test(&stack.start(build().build().unwrap()));
    }
}

/// A request with a good token in its cookie.
fn send(server: &Server, method: &str, fields: &[(&str, &str)]) -> Reply {
    let cookie = format!("t={}", hs256(&good_claims()));
    let fields = [&[("Cookie", &*cookie)], fields].concat();
    Connection::open(server.address).send(&request_to(HOST, method, "/me", &fields))
}

#[track_caller]
fn assert_passes(server: &Server, method: &str, fields: &[(&str, &str)]) {
    let reply = send(server, method, fields);
    assert_eq!(reply.status, 200, "{} {method} {fields:?}: {reply:?}", server.stack);
}

#[track_caller]
fn assert_refused(server: &Server, method: &str, fields: &[(&str, &str)]) {
    let reply = send(server, method, fields);
    assert_eq!((reply.status, reply.challenge()), (403, None), "{} {method} {fields:?}: {reply:?}", server.stack);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", server.stack);
    assert!(!reply.body.contains("evil"), "{}: {}", server.stack, reply.body);
}

#[test]
fn a_page_of_the_same_origin_and_the_user_may_do_anything() {
    everywhere(with_cookie, |server| {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for site in ["same-origin", "none"] {
                assert_passes(server, method, &[("Sec-Fetch-Site", site)]);
                assert_passes(server, method, &[("Sec-Fetch-Site", site), ("Origin", OURS)]);
            }
        }
    });
}

#[test]
fn a_page_of_another_site_may_not_change_anything() {
    everywhere(with_cookie, |server| {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, same-origin", "null"] {
                assert_refused(server, method, &[("Sec-Fetch-Site", site)]);
                assert_refused(server, method, &[("Sec-Fetch-Site", site), ("Origin", EVIL)]);
                // What the browser says of the site counts before the comparison with the host.
                assert_refused(server, method, &[("Sec-Fetch-Site", site), ("Origin", OURS)]);
            }
        }
    });
}

#[test]
fn methods_that_change_nothing_pass_wherever_they_come_from() {
    everywhere(with_cookie, |server| {
        for method in ["GET", "OPTIONS", "TRACE"] {
            assert_passes(server, method, &[("Sec-Fetch-Site", "cross-site"), ("Origin", EVIL)]);
            assert_passes(server, method, &[("Origin", "null")]);
        }
    });
}

#[test]
fn a_websocket_handshake_counts_as_unsafe() {
    everywhere(with_cookie, |server| {
        for upgrade in ["websocket", "WebSocket", "h2c, websocket", "websocket/13"] {
            let from = |origin| [("Connection", "Upgrade"), ("Upgrade", upgrade), ("Origin", origin)];
            assert_refused(server, "GET", &from(EVIL));
            assert_refused(server, "GET", &from("null"));
            assert_passes(server, "GET", &from(OURS));
        }
    });
}

#[test]
fn without_fetch_metadata_the_origin_must_be_of_the_host() {
    everywhere(with_cookie, |server| {
        assert_passes(server, "POST", &[("Origin", OURS)]);
        for origin in [EVIL, "null", "", APP, "https://api.example.com.evil.example", "https://api.example.com:8443"] {
            assert_refused(server, "POST", &[("Origin", origin)]);
        }
    });
}

#[test]
fn a_trusted_origin_passes_exactly_as_it_is_written() {
    everywhere(
        || with_cookie().trusted_origin("https://other.example.com").trusted_origin(APP),
        |server| {
            for site in ["cross-site", "same-site"] {
                assert_passes(server, "POST", &[("Sec-Fetch-Site", site), ("Origin", APP)]);
                for origin in [EVIL, "http://app.example.com", "https://APP.example.com", "https://app.example.com:443"]
                {
                    assert_refused(server, "POST", &[("Sec-Fetch-Site", site), ("Origin", origin)]);
                }
                assert_refused(server, "POST", &[("Sec-Fetch-Site", site)]);
            }
            assert_passes(server, "POST", &[("Origin", APP)]);
        },
    );
}

#[test]
fn a_request_that_says_nothing_passes_unless_it_must_say_something() {
    everywhere(with_cookie, |server| assert_passes(server, "POST", &[]));
    everywhere(
        || with_cookie().origin_required(),
        |server| {
            assert_refused(server, "POST", &[]);
            assert_passes(server, "GET", &[]);
            assert_passes(server, "POST", &[("Sec-Fetch-Site", "same-origin")]);
            assert_passes(server, "POST", &[("Origin", OURS)]);
        },
    );
}

#[test]
fn headers_that_are_there_twice_are_refused() {
    everywhere(
        || with_cookie().trusted_origin(APP),
        |server| {
            for twice in [
                [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
                [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
                [("Origin", OURS), ("Origin", OURS)],
                [("Origin", APP), ("Origin", EVIL)],
            ] {
                assert_refused(server, "POST", &twice);
            }
            let reply = send(server, "POST", &[("Origin", OURS), ("Host", "api.example.com")]);
            assert!(matches!(reply.status, 400 | 403), "{}: {reply:?}", server.stack);
        },
    );
}

#[test]
fn a_bearer_token_is_never_affected() {
    let bearer = format!("Bearer {}", hs256(&good_claims()));
    everywhere(
        || with_cookie().origin_required(),
        |server| {
            for fields in [&[][..], &[("Sec-Fetch-Site", "cross-site"), ("Origin", EVIL)], &[("Origin", "null")]] {
                let fields = [&[("Authorization", &*bearer), ("Cookie", "other=1")], fields].concat();
                let reply = Connection::open(server.address).send(&request_to(HOST, "POST", "/me", &fields));
                assert_eq!(reply.status, 200, "{} {fields:?}: {reply:?}", server.stack);
            }
        },
    );
}

#[test]
fn it_can_be_turned_off_by_a_name_that_says_so() {
    everywhere(
        || with_cookie().dangerous_allow_cross_site_requests(),
        |server| assert_passes(server, "POST", &[("Sec-Fetch-Site", "cross-site"), ("Origin", EVIL)]),
    );
}

/// A POST with a good token in its cookie, and why it is refused, in the words that go to the log.
fn reason(auth: &Authenticator<User>, fields: &[(&str, &str)]) -> String {
    let mut post = http::Request::post("/me").header("cookie", format!("t={}", hs256(&good_claims())));
    for (name, value) in fields {
        post = post.header(*name, *value);
    }
    match auth.authenticate(&post.body(()).unwrap()) {
        Verdict::Rejected(error @ AuthError::CrossSite(_)) => error.to_string(),
        other => panic!("{fields:?}: {other:?}"),
    }
}

#[test]
fn the_reason_names_the_header_and_the_fix() {
    let auth = with_cookie().build().unwrap();
    let (host, evil, site) = (("host", HOST), ("origin", EVIL), ("sec-fetch-site", "cross-site"));
    for (fields, header, fix) in [
        (&[host, site][..], "there is no `Origin`", ".trusted_origin("),
        (&[host, site, evil], "`Origin` is not a trusted one", ".trusted_origin("),
        (&[host, evil], "`Origin` is not of the host in `Host`", ".trusted_origin("),
        (&[host, evil], "no `Sec-Fetch-Site`", "a proxy changes `Host`"),
        (&[evil], "no `Host`", "have the proxy pass"),
        (&[site, site], "`Sec-Fetch-Site` is there more than once", "send one"),
        (&[host, evil, evil], "`Origin` is there more than once", "send one"),
        (&[host, host, evil], "`Host` is there more than once", "send one"),
    ] {
        let reason = reason(&auth, fields);
        assert!(reason.contains(header) && reason.contains(fix), "{fields:?}: {reason}");
    }
    let reason_of_none = reason(&with_cookie().origin_required().build().unwrap(), &[host]);
    assert!(reason_of_none.contains("neither `Sec-Fetch-Site` nor `Origin`"), "{reason_of_none}");
    assert!(reason_of_none.contains("`Authorization`"), "{reason_of_none}");

    let auth = with_cookie().csrf(&CsrfTokens::new([5; 32]).unwrap()).build().unwrap();
    let token = ("x-csrf-token", "a");
    for (fields, header, fix) in [
        (&[][..], "no `X-CSRF-Token`", "`__Host-csrf_token`"),
        (&[token, token], "`X-CSRF-Token` is there more than once", "send one"),
    ] {
        let reason = reason(&auth, fields);
        assert!(reason.contains(header) && reason.contains(fix), "{fields:?}: {reason}");
    }
}
