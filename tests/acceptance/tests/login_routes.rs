//! The ready routes of logins, and the extractor that one logs in by, over TCP on every stack.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, Log, ROUTED, Reply, Server, User, request_to, shows_token};
use jwt_core::clock::Clock;
use jwt_core::login::{BodyError, Device, Login, LoginRoute, LoginsBuildError, LoginsBuilder};
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Issuer, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens, Revocations, SigningKey,
    TrustedIssuer,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How many cookies are cleared: those of a login, and the refresh token under other settings.
const CLEARED: usize = 5;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");

struct Place {
    runtime: Runtime,
    clock: TestClock,
    logins: Logins,
}

impl Place {
    fn new() -> Self {
        Self::with(|builder| builder.after_log_in("/home").after_log_out("/bye?seen"))
    }

    fn with(configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (clock, store) = (TestClock::new(), Arc::new(MemoryStore::new()));
        let list = runtime.block_on(Revocations::builder(store.clone()).clock(clock.clone()).open()).unwrap();
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(store).clock(clock.clone()).build().unwrap();
        let logins = configure(Logins::builder(issuer, refresh).revocations(&list)).build().unwrap();
        Self { runtime, clock, logins }
    }

    fn log_in(&self, name: &str, label: &str) -> Login {
        let user = User { sub: name.to_owned(), name: name.to_owned() };
        self.runtime.block_on(self.logins.log_in(&user, label)).unwrap()
    }

    fn labels(&self, name: &str) -> Vec<String> {
        let logins = self.runtime.block_on(self.logins.refresh_tokens().list(name)).unwrap();
        let mut labels: Vec<String> = logins.into_iter().map(|login| login.label).collect();
        labels.sort();
        labels
    }
}

fn everywhere(test: impl Fn(&Server, &Place)) {
    for stack in ROUTED {
        let place = Place::new();
        test(&stack.start(place.logins.clone()), &place);
    }
}

fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
    let length = body.len().to_string();
    let mut fields = fields.to_vec();
    if method != "GET" {
        fields.push(("Content-Length", &length));
    }
    let request = [&*request_to("localhost", method, target, &fields), body.as_bytes()].concat();
    let reply = Connection::open(server.address).send(&request);
    if !matches!(target, "/me" | "/auth/other") && reply.status != 404 {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{} {target}: {reply:?}", server.stack);
    }
    reply
}

/// What a browser sends back.
fn jar(reply: &Reply) -> String {
    reply.cookies().into_iter().map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

fn bearer(login: &Login) -> String {
    format!("Bearer {}", login.access_token().as_str())
}

fn refresh_body(login: &Login) -> String {
    json!({"refresh_token": login.refresh_token().unwrap().as_str()}).to_string()
}

#[test]
fn a_browser_logs_in_is_refreshed_and_logs_out_without_a_line_of_the_application() {
    everywhere(|server, place| {
        let name = server.stack;
        let agent = ("User-Agent", "Firefox on Linux");
        let reply = send(server, "POST", "/auth/login", &[agent], "");
        assert_eq!((reply.status, &*reply.body, reply.cookies().len()), (204, "", 3), "{name}: {reply:?}");
        assert_eq!(place.labels("alice"), ["Firefox on Linux"], "{name}");
        let first = jar(&reply);
        assert_eq!(send(server, "GET", "/me", &[("Cookie", &first)], "").status, 200, "{name}");

        let reply = send(server, "POST", "/auth/refresh", &[("Cookie", &first)], "");
        assert_eq!((reply.status, &*reply.body, reply.cookies().len()), (204, "", 3), "{name}: {reply:?}");
        let second = jar(&reply);
        assert_ne!(first, second, "{name}");

        let reply = send(server, "POST", "/auth/logout", &[("Cookie", &second)], "");
        assert_eq!((reply.status, &*reply.body, reply.cookies().len()), (204, "", CLEARED), "{name}: {reply:?}");
        assert_eq!(send(server, "GET", "/me", &[("Cookie", &second)], "").status, 401, "{name}");
        let reply = send(server, "POST", "/auth/refresh", &[("Cookie", &second)], "");
        assert_eq!((reply.status, &*reply.body), (400, r#"{"error":"invalid_grant"}"#), "{name}");
        assert_eq!(reply.cookies().len(), CLEARED, "{name}: a login that has ended is forgotten");
    });
}

#[test]
fn the_form_of_a_page_goes_on_to_another_page() {
    everywhere(|server, _| {
        let name = server.stack;
        let to = |reply: &Reply| (reply.status, reply.header("location").map(str::to_owned));
        let home = (303, Some("/home".to_owned()));
        let bye = (303, Some("/bye?seen".to_owned()));
        let login = send(server, "POST", "/auth/login", &[FORM], "name=alice");
        assert_eq!((to(&login), login.cookies().len()), (home.clone(), 3), "{name}");
        let jar_of_login = jar(&login);
        for media in ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x", "text/plain"] {
            let fields = [("Content-Type", media), ("Cookie", &*jar_of_login)];
            let reply = send(server, "POST", "/auth/refresh", &fields, "a=b");
            assert_eq!((to(&reply), reply.cookies().len()), (home.clone(), 3), "{name}: {media}");
        }
        let reply = send(server, "POST", "/auth/logout", &[FORM, ("Cookie", &jar_of_login)], "");
        assert_eq!((to(&reply), reply.cookies().len()), (bye.clone(), CLEARED), "{name}");
        // Nobody is logged in any more: what needs a user leads to where one logs in.
        let reply = send(server, "POST", "/auth/logout-everywhere", &[FORM, ("Cookie", &jar_of_login)], "");
        assert_eq!(to(&reply), bye, "{name}");
    });
}

#[test]
fn a_client_that_is_no_browser_has_its_refresh_token_in_json_both_ways() {
    everywhere(|server, place| {
        let name = server.stack;
        let login = place.log_in("alice", "phone");
        let media = ("Content-Type", "Application/JSON; charset=utf-8");
        let reply = send(server, "POST", "/auth/refresh", &[media], &refresh_body(&login));
        assert_eq!((reply.status, reply.cookies().len()), (200, 0), "{name}: {reply:?}");
        let tokens: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)), "{name}");
        let authorization = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        assert_eq!(send(server, "GET", "/me", &[("Authorization", &authorization)], "").status, 200, "{name}");

        // What is in the body counts, whichever cookies come along.
        let browser = jar(&send(server, "POST", "/auth/login", &[], ""));
        let body = json!({"refresh_token": tokens["refresh_token"]}).to_string();
        let reply = send(server, "POST", "/auth/refresh", &[JSON, ("Cookie", &browser)], &body);
        assert_eq!((reply.status, reply.cookies().len()), (200, 0), "{name}: {reply:?}");
        let body = json!({"refresh_token": serde_json::from_str::<Value>(&reply.body).unwrap()["refresh_token"]});

        let reply = send(server, "POST", "/auth/logout", &[JSON], &body.to_string());
        assert_eq!((reply.status, &*reply.body, reply.cookies().len()), (204, "", 0), "{name}: {reply:?}");
        assert_eq!(send(server, "GET", "/me", &[("Authorization", &authorization)], "").status, 401, "{name}");
        let reply = send(server, "POST", "/auth/refresh", &[JSON], &body.to_string());
        assert_eq!((reply.status, &*reply.body), (400, r#"{"error":"invalid_grant"}"#), "{name}");

        // An access token in the header ends its login as well.
        let (one, two) = (place.log_in("bob", "one"), place.log_in("bob", "two"));
        let fields = [JSON, ("Authorization", &*bearer(&one))];
        assert_eq!(send(server, "POST", "/auth/logout", &fields, &refresh_body(&two)).status, 204, "{name}");
        assert_eq!(place.labels("bob"), [""; 0], "{name}");
    });
}

#[test]
fn a_body_that_holds_no_refresh_token_is_refused_and_costs_no_login() {
    everywhere(|server, place| {
        let login = place.log_in("alice", "phone");
        let long = format!("{{\"refresh_token\": \"{}\"}}", "x".repeat(LoginRoute::MAX_BODY));
        let deep = "[".repeat(4000);
        let twice = r#"{"refresh_token":"a","refresh_token":"b"}"#;
        for (fields, body, status) in [
            (&[JSON][..], "{", 400),
            (&[JSON], "{}", 400),
            (&[JSON], r#"{"refresh_token":1}"#, 400),
            (&[JSON], twice, 400),
            (&[JSON], "[]", 400),
            (&[JSON], "null", 400),
            (&[JSON], "\u{feff}{}", 400),
            (&[JSON], &*deep, 400),
            (&[JSON], r#"{"refresh_token":"jrt_junk"}"#, 400),
            (&[JSON], "", 400),
            (&[JSON], &*long, 413),
            (&[FORM], &*long, 413),
            (&[("Content-Type", "application/xml")], "<a/>", 415),
            (&[("Content-Type", "application/jsonp")], "{}", 415),
            (&[("Content-Type", "")], "{}", 415),
            (&[], &*refresh_body(&login), 415),
            (&[JSON, FORM], "{}", 415),
        ] {
            let reply = send(server, "POST", "/auth/refresh", fields, body);
            let cut: String = body.chars().take(40).collect();
            assert_eq!(reply.status, status, "{} {fields:?} {cut}: {reply:?}", server.stack);
            assert!(reply.body.starts_with(r#"{"error":"invalid_"#), "{} {cut}: {reply:?}", server.stack);
        }
        let chunked = format!(
            "POST /auth/logout HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3000\r\n{}\r\n0\r\n\r\n",
            "x".repeat(0x3000)
        );
        assert_eq!(Connection::open(server.address).send(chunked.as_bytes()).status, 413, "{}", server.stack);
        assert_eq!(place.labels("alice"), ["phone"], "{}", server.stack);
    });
}

#[test]
fn a_logout_with_a_body_that_cannot_be_read_ends_what_the_head_has_and_says_so() {
    let long = "x".repeat(LoginRoute::MAX_BODY + 1);
    for (field, body, status) in
        [(JSON, "{}", 400), (JSON, "{", 400), (("Content-Type", "application/xml"), "<a/>", 415), (JSON, &*long, 413)]
    {
        everywhere(|server, place| {
            let case = format!("{} {field:?} {status}", server.stack);
            let login = jar(&send(server, "POST", "/auth/login", &[], ""));
            let other_site = [field, ("Cookie", &*login), ("Sec-Fetch-Site", "cross-site")];
            let reply = send(server, "POST", "/auth/logout", &other_site, body);
            assert_eq!((reply.status, place.labels("alice").len(), reply.cookies().len()), (403, 1, 0), "{case}");
            let reply = send(server, "POST", "/auth/logout", &[field, ("Cookie", &login)], body);
            assert_eq!((reply.status, reply.cookies().len()), (status, CLEARED), "{case}: {reply:?}");
            assert_eq!(place.labels("alice"), [""; 0], "{case}");
            assert_eq!(send(server, "GET", "/me", &[("Cookie", &login)], "").status, 401, "{case}");
        });
    }
}

#[test]
fn devices_are_listed_and_ended_by_their_user_alone() {
    everywhere(|server, place| {
        let name = server.stack;
        let (phone, tablet, bob) =
            (place.log_in("alice", "phone"), place.log_in("alice", "<tablet>"), place.log_in("bob", "bob's"));
        let list = |login: &Login| -> Vec<Value> {
            let reply = send(server, "GET", "/auth/devices", &[("Authorization", &bearer(login))], "");
            assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{name}");
            serde_json::from_str(&reply.body).unwrap()
        };
        let devices = list(&phone);
        let of = |label: &str| devices.iter().find(|device| device["label"] == label).unwrap();
        assert_eq!(
            (devices.len(), &of("phone")["current"], &of("<tablet>")["current"]),
            (2, &json!(true), &json!(false))
        );
        let now = place.clock.now().as_secs();
        assert_eq!((&of("phone")["signed_in_at"], &of("phone")["used_at"]), (&json!(now), &json!(now)), "{name}");
        assert_eq!(of("phone")["expires_at"], json!(now + 14 * 24 * 3600), "{name}");

        // Of somebody else, or of nobody: nothing happens.
        let id = |device: &Value| device["id"].as_str().unwrap().to_owned();
        let of_bob = id(&list(&bob)[0]);
        let authorization = bearer(&phone);
        let fields = [("Authorization", &*authorization)];
        for target in [format!("/auth/devices/{of_bob}"), "/auth/devices/AAAAAAAAAAAAAAAAAAAAAA".to_owned()] {
            assert_eq!(send(server, "DELETE", &target, &fields, "").status, 204, "{name}");
        }
        assert_eq!(list(&bob).len(), 1, "{name}");

        let target = format!("/auth/devices/{}", id(of("<tablet>")));
        let reply = send(server, "DELETE", &target, &fields, "");
        assert_eq!((reply.status, reply.cookies().len()), (204, 0), "{name}: {reply:?}");
        assert_eq!(send(server, "GET", "/me", &[("Authorization", &bearer(&tablet))], "").status, 401, "{name}");
        assert_eq!(place.labels("alice"), ["phone"], "{name}");

        // One's own is a logout.
        let target = format!("/auth/devices/{}/logout", id(of("phone")));
        let reply = send(server, "POST", &target, &[fields[0], FORM], "");
        assert_eq!((reply.status, reply.header("location")), (303, Some("/bye?seen")), "{name}: {reply:?}");
        assert_eq!(reply.cookies().len(), CLEARED, "{name}");
        assert_eq!(place.labels("alice"), [""; 0], "{name}");
    });
}

#[test]
fn a_logout_everywhere_ends_every_login_of_the_user_and_no_other() {
    everywhere(|server, place| {
        let name = server.stack;
        let (phone, tablet, bob) =
            (place.log_in("alice", "phone"), place.log_in("alice", "tablet"), place.log_in("bob", "bob's"));
        place.clock.advance(Duration::from_secs(1));
        let reply = send(server, "POST", "/auth/logout-everywhere", &[("Authorization", &bearer(&phone))], "");
        assert_eq!((reply.status, reply.cookies().len()), (204, CLEARED), "{name}: {reply:?}");
        assert_eq!((place.labels("alice").len(), place.labels("bob").len()), (0, 1), "{name}");
        for (login, status) in [(&phone, 401), (&tablet, 401), (&bob, 200)] {
            assert_eq!(send(server, "GET", "/me", &[("Authorization", &bearer(login))], "").status, status, "{name}");
        }
    });
}

#[test]
fn who_may_be_anonymous_elsewhere_may_not_on_a_route_of_a_user_and_the_log_says_so_once() {
    let (log, place) = (Log::here(), Place::new());
    let auth = place.logins.authenticator::<User>().optional().build().unwrap();
    for (field, level, said) in [
        ("accept", "DEBUG", r#"looked_in="the header field \"authorization\""#),
        ("authorization", "INFO", r#"the scheme \"Basic\", expected \"Bearer\""#),
    ] {
        let request = http::Request::get("/auth/devices").header(field, "Basic YWxpY2U6eA").body(()).unwrap();
        log.take();
        let route = place.logins.route(&request).unwrap();
        let response = place.runtime.block_on(route.respond(&auth, &request, Ok(b"")));
        let text = log.take();
        assert_eq!((response.status().as_u16(), text.matches("request rejected").count()), (401, 1), "{text}");
        assert!(text.contains(level) && text.contains(said), "{text}");
    }
}

#[test]
fn without_a_good_token_there_is_a_challenge_and_from_another_site_nothing() {
    everywhere(|server, place| {
        let name = server.stack;
        let browser = jar(&send(server, "POST", "/auth/login", &[], ""));
        let id = place.runtime.block_on(place.logins.refresh_tokens().list("alice")).unwrap()[0].id;
        let (one, by_form) = (format!("/auth/devices/{id}"), format!("/auth/devices/{id}/logout"));
        let routes =
            [("GET", "/auth/devices"), ("POST", "/auth/logout-everywhere"), ("DELETE", &one), ("POST", &by_form)];
        for (method, target) in routes {
            let reply = send(server, method, target, &[], "");
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer")), "{name} {target}");
            let reply = send(server, method, target, &[("Authorization", "Bearer a.b.c")], "");
            assert_eq!(reply.challenge(), Some("Bearer error=\"invalid_token\""), "{name} {target}");
        }
        let forged = [("Cookie", &*browser), ("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
        let unsafe_routes = [("POST", "/auth/refresh"), ("POST", "/auth/logout")];
        for (method, target) in routes.into_iter().skip(1).chain(unsafe_routes) {
            for fields in [forged.to_vec(), [&forged[..], &[FORM]].concat()] {
                let reply = send(server, method, target, &fields, "");
                assert_eq!((reply.status, reply.cookies().len()), (403, 0), "{name} {target}: {reply:?}");
            }
        }
        assert_eq!(place.labels("alice").len(), 1, "{name}");
    });
}

#[test]
fn another_method_is_answered_with_the_right_one_and_another_path_is_the_applications() {
    everywhere(|server, _| {
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        for (method, target, allow) in [
            ("GET", "/auth/refresh", "POST"),
            ("PUT", "/auth/logout", "POST"),
            ("GET", "/auth/logout-everywhere", "POST"),
            ("POST", "/auth/devices", "GET, HEAD"),
            ("GET", &*format!("/auth/devices/{id}"), "DELETE"),
            ("GET", &*format!("/auth/devices/{id}/logout"), "POST"),
        ] {
            let reply = send(server, method, target, &[], "");
            assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{} {target}", server.stack);
        }
        assert_eq!(send(server, "POST", "/auth/other", &[], "").body, "of the application", "{}", server.stack);
        for target in
            ["/auth", "/auth/", "/auth/refresh/", "/authx/refresh", "/refresh", "/auth/devices/junk", "/AUTH/refresh"]
        {
            assert_eq!(send(server, "POST", target, &[], "").status, 404, "{} {target}", server.stack);
        }
    });
}

#[test]
fn nobody_logs_in_by_a_link_from_another_site_or_without_the_layer_that_checks_it() {
    let log = Log::here();
    everywhere(|server, place| {
        let name = server.stack;
        for method in ["GET", "OPTIONS"] {
            let reply = send(server, method, "/auth/login", &[], "");
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{name}: {reply:?}");
        }
        for forged in [
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")][..],
            &[("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.localhost")],
            &[("Origin", "null")],
            &[("Origin", "http://localhost"), ("Origin", "http://localhost")],
        ] {
            let reply = send(server, "POST", "/auth/login", &[forged, &[FORM]].concat(), "name=mallory");
            assert_eq!((reply.status, reply.cookies().len()), (403, 0), "{name} {forged:?}: {reply:?}");
        }
        log.take();
        let reply = send(server, "POST", "/outside", &[], "");
        assert_eq!((reply.status, reply.cookies().len()), (500, 0), "{name}: {reply:?}");
        let text = log.take();
        assert!(text.contains("LoginRoutes::new"), "{name}: the log names the fix: {text}");
        assert!(!reply.body.contains("LoginRoutes"), "{name}: and the client learns nothing: {reply:?}");
        assert_eq!(place.labels("alice"), [""; 0], "{name}");
    });
}

#[test]
fn a_user_of_another_issuer_or_of_no_name_sees_and_ends_nothing_here() {
    let place = Place::new();
    place.log_in("alice", "phone");
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    let trusted = TrustedIssuer::new("https://other.example.com", other.verifying_key());
    let auth = place.logins.authenticator::<User>().trust(trusted).build().unwrap();
    let stranger = Issuer::builder("https://other.example.com").audience(AUDIENCE).signing_key(other);
    let stranger = stranger.clock(place.clock.clone()).build().unwrap();
    let of_stranger = stranger.sign(&json!({"sub": "alice", "name": "Alice"})).unwrap();
    let of_nobody = place.logins.issuer().sign(&json!({"name": "Alice"})).unwrap();
    let auth_of_nobody = place.logins.authenticator::<Value>().build().unwrap();
    for (method, target) in [("GET", "/auth/devices"), ("POST", "/auth/logout-everywhere")] {
        let request = |token: &str| {
            let request = http::Request::builder().method(method).uri(target);
            request.header("authorization", format!("Bearer {token}")).body(()).unwrap()
        };
        let (stranger, nobody) = (request(of_stranger.as_str()), request(of_nobody.as_str()));
        let route = || place.logins.route(&stranger).unwrap();
        for response in [
            place.runtime.block_on(route().respond(&auth, &stranger, Ok(&[]))),
            place.runtime.block_on(route().respond(&auth_of_nobody, &nobody, Ok(&[]))),
        ] {
            assert_eq!((response.status().as_u16(), response.body().contains("phone")), (403, false), "{response:?}");
        }
    }
    assert_eq!(place.labels("alice"), ["phone"]);
}

#[test]
fn a_login_that_is_renewed_on_the_way_to_a_route_gets_its_cookies() {
    for stack in ROUTED {
        let place = Place::with(LoginsBuilder::transparent_renewal);
        let server = stack.start(place.logins.clone());
        let browser = jar(&send(&server, "POST", "/auth/login", &[], ""));
        place.clock.advance(Duration::from_secs(3600));
        let reply = send(&server, "GET", "/auth/devices", &[("Cookie", &browser)], "");
        assert_eq!((reply.status, reply.cookies().len()), (200, 2), "{}: {reply:?}", server.stack);
        assert!(reply.body.contains("\"current\":true"), "{}: {reply:?}", server.stack);
    }
}

#[test]
fn while_the_store_is_away_the_client_is_told_to_try_again() {
    for stack in ROUTED {
        let store = Arc::new(acceptance::WatchedStore::new());
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
        let refresh = RefreshTokens::builder(store.clone()).build().unwrap();
        let logins = Logins::builder(issuer, refresh).build().unwrap();
        let server = stack.start(logins);
        let browser = jar(&send(&server, "POST", "/auth/login", &[], ""));
        store.set_down(true);
        for (method, target, cleared) in [
            ("POST", "/auth/refresh", 0),
            ("POST", "/auth/logout", CLEARED),
            ("GET", "/auth/devices", 0),
            ("POST", "/auth/login", 0),
        ] {
            let reply = send(&server, method, target, &[("Cookie", &browser)], "");
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{} {target}", server.stack);
            assert_eq!(reply.cookies().len(), cleared, "{} {target}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn the_routes_are_where_browsers_send_the_refresh_token() {
    let place = Place::with(|builder| {
        let cookies = LoginCookies::builder().refresh_path("/account").build().unwrap();
        builder.cookies(cookies).routes_path("/account/login/")
    });
    let routed = |path: &str| place.logins.route(&http::Request::post(path).body(()).unwrap()).is_some();
    assert!(routed("/account/login/refresh") && !routed("/auth/refresh") && !routed("/account/refresh"));
    let by_default =
        Place::with(|builder| builder.cookies(LoginCookies::builder().refresh_path("/a/b").build().unwrap()));
    assert!(by_default.logins.route(&http::Request::post("/a/b/refresh").body(()).unwrap()).is_some());
}

#[test]
fn a_path_that_is_not_one_of_this_host_is_refused_with_its_fix() {
    let build = |configure: &dyn Fn(LoginsBuilder) -> LoginsBuilder| {
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
        let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
        configure(Logins::builder(issuer, refresh)).build().map(drop)
    };
    for path in ["", "home", "//evil.example", "/\\evil.example", "https://evil.example/", "/a b", "/a\r\nX: y", "/ä"]
    {
        for (setting, error) in [
            ("after_log_in", build(&|builder| builder.after_log_in(path))),
            ("after_log_out", build(&|builder| builder.after_log_out(path))),
            ("routes_path", build(&|builder| builder.routes_path(path))),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error, LoginsBuildError::Path { setting, path: path.into() });
            assert!(error.to_string().contains("begins with one `/`"), "{error}");
        }
    }
    for path in ["/", "/authx", "/account"] {
        let error = build(&|builder| builder.routes_path(path)).unwrap_err();
        assert!(matches!(error, LoginsBuildError::RoutesPath { .. }), "{path}: {error}");
        assert!(error.to_string().contains("`/auth`"), "{error}");
    }
}

#[test]
fn a_device_and_a_route_say_what_they_are_without_a_secret() {
    let place = Place::new();
    let login = place.log_in("alice", "phone");
    let verifier = place.logins.authenticator::<User>().build_verifier().unwrap();
    let token = verifier.verify(login.access_token().as_str()).unwrap();
    let devices: Vec<Device> = place.runtime.block_on(place.logins.devices(&token)).unwrap();
    let printed = format!("{devices:?} {:?} {:?}", LoginError::from(BodyError::Json), LoginError::MissingRoutes);
    assert!(devices[0].current && !shows_token(&printed), "{printed}");
}
