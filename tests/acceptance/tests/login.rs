//! Logging in, and the keys of the issuer, over TCP on every stack; what cookies are set to, and which are refused.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{
    AUDIENCE, Connection, ISSUER, LOGIN_STACKS, Reply, Server, User, WatchedStore, key_file, request_to, shows_token,
};
use jwt_core::adapter::Verdict;
use jwt_core::error::CrossSiteError;
use jwt_core::login::{
    Login, LoginCookiesBuildError, LoginCookiesBuilder, LoginsBuildError, LoginsBuilder, RefreshToken, SameSite,
};
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, AuthError, Authenticator, CsrfTokens, Issuer, KeySet, LoginCookies, Logins, MemoryStore, RefreshTokens,
    Revocations, SigningKey,
};
use serde_json::{Value, json};

fn issuer() -> Issuer {
    let key = SigningKey::pem(Algorithm::ES256, key_file("p256.pem")).unwrap().with_kid("first");
    Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap()
}

fn tokens() -> LoginsBuilder {
    Logins::builder(issuer(), RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap())
}

fn everywhere(test: impl Fn(&Server, &Logins)) {
    for stack in LOGIN_STACKS {
        let tokens = tokens().build().unwrap();
        test(&stack.start(tokens.clone()), &tokens);
    }
}

/// How many cookies are cleared: those of a login, and the refresh token under other settings.
const CLEARED: usize = 5;

/// A cookie in two: the pair that a browser sends back, and what it keeps to itself.
fn parted(cookie: &str) -> (&str, &str) {
    cookie.split_once("; ").unwrap()
}

fn csrf() -> CsrfTokens {
    CsrfTokens::new([5; 32]).unwrap()
}

fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
    Connection::open(server.address).send(&request_to("localhost", method, target, fields))
}

fn login(issuer: &Issuer) -> Login {
    let access = issuer.sign(&json!({"sub": "alice", "name": "Alice"})).unwrap();
    Login::new(access).with_refresh(RefreshToken::new("refresh-me", Duration::from_secs(3600)).unwrap())
}

/// The two cookies, with `…` for the access token.
fn cookies_of(builder: LoginCookiesBuilder) -> [String; 2] {
    let issuer = issuer();
    let login = login(&issuer);
    let headers = login.dangerous_set_cookies(&builder.build().unwrap());
    let values: Vec<String> = headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().replace(login.access_token().as_str(), "…"))
        .collect();
    values.try_into().unwrap()
}

#[test]
fn a_login_in_json_is_what_rfc_6749_says_and_its_token_opens_the_door() {
    everywhere(|server, _| {
        let reply = send(server, "POST", "/auth/token", &[]);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{}", server.stack);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", server.stack);
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)), "{}", server.stack);
        assert!(body["refresh_token"].as_str().unwrap().starts_with("jrt_"), "{}", server.stack);
        let reply = server.get_with_bearer(body["access_token"].as_str().unwrap());
        assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{}", server.stack);
    });
}

#[test]
fn a_login_by_cookies_opens_the_door_and_a_logout_closes_it() {
    everywhere(|server, _| {
        let reply = send(server, "POST", "/auth/login", &[]);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/me")), "{}", server.stack);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", server.stack);
        let cookies = reply.cookies();
        let [access, refresh, login] = *cookies else { panic!("{}: {cookies:?}", server.stack) };
        let (pair, attributes) = access.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-access_token=eyJ"), "{}: {access}", server.stack);
        assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=900", "{}", server.stack);
        let (refresh, kept) = parted(refresh);
        assert!(refresh.starts_with("__Secure-refresh_token=jrt_"), "{}: {refresh}", server.stack);
        let seconds = kept.strip_prefix("HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=").unwrap();
        assert!((1_209_000..=1_209_600).contains(&seconds.parse::<u64>().unwrap()), "{}: {kept}", server.stack);
        // Which login the refresh token is of, where no other host can write it.
        let (login, kept) = parted(login);
        assert!(login.starts_with("__Host-refresh_token_id=") && !refresh.contains(login), "{}: {login}", server.stack);
        assert_eq!(
            kept,
            format!("HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age={seconds}"),
            "{}: {kept}",
            server.stack
        );
        let refresh = &*format!("{refresh}; {login}");
        let reply = send(server, "GET", "/me", &[("Cookie", pair)]);
        assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{}", server.stack);

        let forged = [("Cookie", refresh), ("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
        assert_eq!(send(server, "POST", "/auth/refresh", &forged).status, 403, "{}", server.stack);
        let none = send(server, "POST", "/auth/refresh", &[]);
        assert_eq!((none.status, &*none.body), (400, r#"{"error":"invalid_request"}"#), "{}", server.stack);
        let renewed = send(server, "POST", "/auth/refresh", &[("Cookie", refresh)]);
        assert_eq!(renewed.status, 200, "{}", server.stack);
        let cookies = renewed.cookies();
        let [access, next, same] = *cookies else { panic!("{}: {cookies:?}", server.stack) };
        assert_eq!(parted(same).0, login, "{}", server.stack);
        let next = &*format!("{}; {login}", parted(next).0);
        assert!(parted(access).0 != pair && next != refresh, "{}", server.stack);
        assert_eq!(send(server, "GET", "/me", &[("Cookie", parted(access).0)]).status, 200, "{}", server.stack);

        let reply = send(server, "POST", "/auth/logout", &[("Cookie", next)]);
        let ended = send(server, "POST", "/auth/refresh", &[("Cookie", next)]);
        assert_eq!((ended.status, &*ended.body), (400, r#"{"error":"invalid_grant"}"#), "{}", server.stack);
        assert_eq!(ended.header("content-type"), Some("application/json"), "{}", server.stack);
        assert_eq!(ended.header("cache-control"), Some("no-store"), "{}", server.stack);
        assert_eq!(
            reply.cookies(),
            [
                "__Host-access_token=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
                "__Secure-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=0",
                "__Host-refresh_token_id=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0",
                // As it is with transparent renewal, and without the prefix.
                "__Secure-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0",
                "__Host-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0",
            ],
            "{}",
            server.stack
        );
        // What a browser that keeps empty cookies would send.
        assert_eq!(send(server, "GET", "/me", &[("Cookie", "__Host-access_token=")]).status, 401, "{}", server.stack);
    });
}

#[test]
fn a_logout_ends_the_access_token_too_where_tokens_can_be_revoked() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for stack in LOGIN_STACKS {
        let list = runtime.block_on(Revocations::builder(Arc::new(MemoryStore::new())).open()).unwrap();
        let server = stack.start(tokens().revocations(&list).build().unwrap());
        let log_in = || {
            let reply = send(&server, "POST", "/auth/login", &[]);
            let [access, refresh, login] = *reply.cookies() else { panic!("{}: {reply:?}", server.stack) };
            (parted(access).0.to_owned(), format!("{}; {}", parted(refresh).0, parted(login).0))
        };
        let ((access, refresh), (other, _)) = (log_in(), log_in());
        let status = |method: &str, target: &str, fields: &[(&str, &str)]| send(&server, method, target, fields).status;
        let both = format!("{access}; {refresh}");
        let forged = [("Cookie", &*both), ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(status("POST", "/auth/logout", &forged), 403, "{}", server.stack);
        // Under a path of its own, the refresh token may not be there: the access token alone is no different.
        let forged = [("Cookie", &*access), ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(status("POST", "/auth/logout", &forged), 403, "{}", server.stack);
        // Nor is a request to which the browser adds no cookie, since the answer would clear them.
        let forged = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
        let reply = send(&server, "POST", "/auth/logout", &forged);
        assert_eq!((reply.status, reply.cookies().len()), (403, 0), "{}", server.stack);
        assert_eq!(status("GET", "/me", &[("Cookie", &access)]), 200, "{}", server.stack);

        let reply = send(&server, "POST", "/auth/logout", &[("Cookie", &both)]);
        assert_eq!((reply.status, reply.cookies().len()), (200, CLEARED), "{}", server.stack);
        assert_eq!(status("GET", "/me", &[("Cookie", &access)]), 401, "{}", server.stack);
        assert_eq!(status("POST", "/auth/refresh", &[("Cookie", &refresh)]), 400, "{}", server.stack);
        assert_eq!(status("GET", "/me", &[("Cookie", &other)]), 200, "{}: another device", server.stack);

        let bearer = format!("Bearer {}", other.split_once('=').unwrap().1);
        assert_eq!(status("POST", "/auth/logout", &[("Authorization", &bearer)]), 200, "{}", server.stack);
        assert_eq!(status("GET", "/me", &[("Authorization", &bearer)]), 401, "{}", server.stack);
        // Whoever is logged out already stays so.
        for fields in [&[][..], &[("Authorization", &*bearer)], &[("Cookie", &*both)]] {
            assert_eq!(status("POST", "/auth/logout", fields), 200, "{}", server.stack);
        }
    }
}

#[test]
fn a_user_is_logged_out_on_all_devices_at_once_and_nobody_else_is() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for stack in LOGIN_STACKS {
        let (clock, store) = (TestClock::new(), Arc::new(MemoryStore::new()));
        let list = Revocations::builder(store.clone()).clock(clock.clone());
        let list = runtime.block_on(list.open()).unwrap();
        let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(store).clock(clock.clone()).build().unwrap();
        let tokens = Logins::builder(issuer, refresh).revocations(&list).build().unwrap();
        let server = stack.start(tokens.clone());
        let log_in = || {
            let reply = send(&server, "POST", "/auth/login", &[]);
            let [access, refresh, login] = *reply.cookies() else { panic!("{}: {reply:?}", server.stack) };
            (parted(access).0.to_owned(), format!("{}; {}", parted(refresh).0, parted(login).0))
        };
        let (phone, laptop) = (log_in(), log_in());
        let bob = User { sub: "bob".into(), name: "Bob".into() };
        let bob = runtime.block_on(tokens.log_in(&bob, "")).unwrap();
        let status =
            |method: &str, target: &str, cookie: &str| send(&server, method, target, &[("Cookie", cookie)]).status;
        clock.advance(Duration::from_secs(1));
        let forged = [("Cookie", &*phone.0), ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(send(&server, "POST", "/auth/everywhere", &forged).status, 403, "{}", server.stack);
        assert_eq!(status("GET", "/me", &laptop.0), 200, "{}", server.stack);

        let reply = send(&server, "POST", "/auth/everywhere", &[("Cookie", &phone.0)]);
        assert_eq!((reply.status, reply.cookies().len()), (200, CLEARED), "{}: {reply:?}", server.stack);
        for (access, refresh) in [&phone, &laptop] {
            assert_eq!(status("GET", "/me", access), 401, "{}", server.stack);
            assert_eq!(status("POST", "/auth/refresh", refresh), 400, "{}", server.stack);
        }
        let bearer = format!("Bearer {}", bob.access_token().as_str());
        assert_eq!(send(&server, "GET", "/me", &[("Authorization", &bearer)]).status, 200, "{}", server.stack);
        let refresh = bob.refresh_token().unwrap().as_str();
        let cookies = bob.dangerous_set_cookies(&LoginCookies::builder().build().unwrap());
        let cookies: Vec<&str> =
            cookies.get_all("set-cookie").iter().map(|value| parted(value.to_str().unwrap()).0).collect();
        assert_eq!(cookies[1], format!("__Secure-refresh_token={refresh}"), "{}", server.stack);
        assert_eq!(status("POST", "/auth/refresh", &cookies[1..].join("; ")), 200, "{}", server.stack);

        // A later login is good.
        clock.advance(Duration::from_secs(1));
        assert_eq!(status("GET", "/me", &log_in().0), 200, "{}", server.stack);
    }
}

#[test]
fn a_store_that_is_away_is_a_503_at_renewal_and_logout() {
    for stack in LOGIN_STACKS {
        let store = Arc::new(WatchedStore::new());
        let refresh_tokens = RefreshTokens::builder(store.clone()).build().unwrap();
        let server = stack.start(Logins::builder(issuer(), refresh_tokens).build().unwrap());
        let reply = send(&server, "POST", "/auth/login", &[]);
        let [access, refresh, login] = *reply.cookies() else { panic!("{}: {reply:?}", server.stack) };
        let refresh = format!("{}; {}", parted(refresh).0, parted(login).0);
        let cookies = format!("{}; {refresh}", parted(access).0);
        for path in ["/auth/refresh", "/auth/logout", "/auth/everywhere"] {
            let refresh = if path == "/auth/everywhere" { &cookies } else { &refresh };
            store.set_down(true);
            let reply = send(&server, "POST", path, &[("Cookie", refresh)]);
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{} {path}", server.stack);
            // Whoever logs out is logged out here, and is told that a copy of the token may be good elsewhere.
            let cleared = if path == "/auth/logout" { CLEARED } else { 0 };
            assert_eq!(reply.cookies().len(), cleared, "{} {path}", server.stack);
            store.set_down(false);
            assert_eq!(send(&server, "POST", path, &[("Cookie", refresh)]).status, 200, "{} {path}", server.stack);
        }
    }
}

#[test]
fn the_jwk_set_is_served_with_caching_headers_and_proves_the_tokens() {
    everywhere(|server, tokens| {
        let reply = send(server, "GET", "/.well-known/jwks.json", &[]);
        assert_eq!((reply.status, &reply.body), (200, &tokens.issuer().jwks()), "{}", server.stack);
        assert_eq!(reply.header("content-type"), Some("application/jwk-set+json"), "{}", server.stack);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=300"), "{}", server.stack);
        let verifier = Authenticator::<User>::builder().keys(KeySet::jwks(&reply.body).unwrap()).audience(AUDIENCE);
        let token = tokens.issuer().sign(&json!({"sub": "alice", "name": "Alice"})).unwrap();
        assert!(verifier.build_verifier().unwrap().verify(token.as_str()).is_ok(), "{}", server.stack);

        let etag = reply.header("etag").unwrap();
        for known in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let reply = send(server, "GET", "/.well-known/jwks.json", &[("If-None-Match", &known)]);
            assert_eq!((reply.status, &*reply.body), (304, ""), "{} {known}", server.stack);
            assert_eq!(reply.header("etag"), Some(etag), "{}", server.stack);
            assert_eq!(reply.header("cache-control"), Some("public, max-age=300"), "{}", server.stack);
        }
        tokens.issuer().rotate(SigningKey::pem(Algorithm::EdDSA, key_file("ed25519.pem")).unwrap()).unwrap();
        let changed = send(server, "GET", "/.well-known/jwks.json", &[("If-None-Match", etag)]);
        assert_eq!((changed.status, &changed.body), (200, &tokens.issuer().jwks()), "{}", server.stack);
        assert_ne!(changed.body, reply.body);

        let refused = send(server, "POST", "/.well-known/jwks.json", &[]);
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{}", server.stack);
    });
}

#[test]
fn cookies_can_be_named_placed_and_widened() {
    assert_eq!(
        cookies_of(
            LoginCookies::builder()
                .access_name("__Secure-at")
                .refresh_name("rt")
                .refresh_path("/session/renew")
                .same_site(SameSite::None)
                .refresh_same_site(SameSite::Lax)
                .domain("example.com")
        ),
        [
            "__Secure-at=…; HttpOnly; SameSite=None; Secure; Path=/; Domain=example.com; Max-Age=900",
            "rt=refresh-me; HttpOnly; SameSite=Lax; Secure; Path=/session/renew; Domain=example.com; Max-Age=3600",
        ]
    );
    assert_eq!(
        cookies_of(LoginCookies::builder().dangerous_plain_http_on_localhost().access_name("__HOST-access_token")),
        [
            "access_token=…; HttpOnly; SameSite=Lax; Path=/; Max-Age=900",
            "refresh_token=refresh-me; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=3600",
        ]
    );
    // The prefixes for cookies that no script can have set need `Secure` as well.
    let plain = LoginCookies::builder().dangerous_plain_http_on_localhost();
    let [access, refresh] = cookies_of(plain.access_name("__Host-Http-at").refresh_name("__http-rt"));
    assert!(access.starts_with("at=") && refresh.starts_with("rt="), "{access} {refresh}");
}

#[test]
fn cookies_that_a_browser_refuses_or_that_leak_are_refused_with_their_fix() {
    use LoginCookiesBuildError::{HostPrefix, Name, SameName, SameSiteNone};
    let new = LoginCookies::builder;
    let path = |path: &str| {
        let name = "__Secure-refresh_token".into();
        LoginCookiesBuildError::Path { name, path: path.into() }
    };
    let domain = |domain: &str| LoginCookiesBuildError::Domain { name: "at".into(), domain: domain.into() };
    for (builder, expected, fix) in [
        (new().domain("example.com"), HostPrefix { name: "__Host-access_token".into() }, "__Secure-…"),
        (new().refresh_name("__Host-refresh_token"), HostPrefix { name: "__Host-refresh_token".into() }, "path `/`"),
        (new().refresh_name("__hOST-refresh_token"), HostPrefix { name: "__hOST-refresh_token".into() }, "path `/`"),
        (
            new().access_name("csrf_token").csrf(&csrf()).dangerous_plain_http_on_localhost(),
            SameName { name: "csrf_token".into() },
            "its own",
        ),
        (
            new().refresh_name("csrf_token").csrf(&csrf()).dangerous_plain_http_on_localhost(),
            SameName { name: "csrf_token".into() },
            "its own",
        ),
        (
            new().dangerous_plain_http_on_localhost().same_site(SameSite::None),
            SameSiteNone { name: "access_token".into() },
            "dangerous_plain_http_on_localhost",
        ),
        (new().access_name("a b"), Name { name: "a b".into() }, "letters"),
        (new().access_name("a=b"), Name { name: "a=b".into() }, "letters"),
        (new().access_name(""), Name { name: "".into() }, "letters"),
        (new().access_name("t").refresh_name("t"), SameName { name: "t".into() }, "its own"),
        (new().refresh_path("auth"), path("auth"), "begins with `/`"),
        (new().refresh_path("/a; Domain=evil.example"), path("/a; Domain=evil.example"), "`;`"),
        (new().refresh_path("/a\r\nX: y"), path("/a\r\nX: y"), "white space"),
        (new().access_name("at").domain("com"), domain("com"), "a dot in it"),
        (new().access_name("at").domain(".example.com"), domain(".example.com"), "none in front"),
        (new().access_name("at").domain("example.com; x"), domain("example.com; x"), "host name"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(fix), "{error}");
    }
}

#[test]
fn a_trusted_origin_that_no_browser_sends_is_refused_with_its_fix() {
    for origin in ["https://app.example.com/", "app.example.com", "*", "https://App.example.com"] {
        let error = tokens().trusted_origin("https://app.example.com").trusted_origin(origin).build().unwrap_err();
        assert_eq!(error, LoginsBuildError::TrustedOrigin { origin: origin.into() });
        assert!(error.to_string().contains(origin) && error.to_string().contains("in lower case"), "{error}");
    }
}

#[test]
fn a_refresh_token_that_would_break_out_of_its_cookie_is_refused() {
    for token in ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nb", "ä"] {
        assert!(RefreshToken::new(token, Duration::from_secs(1)).is_err(), "{token:?}");
    }
}

#[test]
fn a_login_never_prints_its_tokens() {
    let login = login(&issuer());
    let cookies = login.dangerous_set_cookies(&LoginCookies::builder().build().unwrap());
    let printed = format!("{login:?} {cookies:?}");
    assert!(!shows_token(&printed) && !printed.contains("refresh-me"), "{printed}");
}

#[test]
fn a_login_without_a_refresh_token_has_none_in_either_form() {
    let login = Login::new(issuer().sign(&json!({"sub": "alice"})).unwrap());
    assert!(!login.json().body().contains("refresh_token"));
    assert_eq!(
        login.dangerous_set_cookies(&LoginCookies::builder().build().unwrap()).get_all("set-cookie").iter().count(),
        1
    );
}

#[test]
fn a_csrf_token_is_set_beside_the_access_token_and_required_of_unsafe_requests() {
    for stack in LOGIN_STACKS {
        let tokens = tokens().cookies(LoginCookies::builder().csrf(&csrf()).build().unwrap()).build().unwrap();
        let server = stack.start(tokens);
        let log_in = || {
            let reply = send(&server, "POST", "/auth/login", &[]);
            let cookies = reply.cookies();
            let [access, _, csrf, _] = *cookies else { panic!("{}: {cookies:?}", server.stack) };
            let (pair, attributes) = csrf.split_once("; ").unwrap();
            assert_eq!(attributes, "SameSite=Strict; Secure; Path=/; Max-Age=900", "{}", server.stack);
            let access = access.split_once(';').unwrap().0.to_owned();
            (access, pair.strip_prefix("__Host-csrf_token=").unwrap().to_owned())
        };
        let ((access, token), (_, other)) = (log_in(), log_in());
        let status = |method: &str, fields: &[(&str, &str)]| {
            let fields = [&[("Cookie", &*access)], fields].concat();
            send(&server, method, "/me", &fields).status
        };
        assert_eq!(status("GET", &[]), 200, "{}", server.stack);
        assert_eq!(status("POST", &[("X-CSRF-Token", &token)]), 200, "{}", server.stack);
        assert_eq!(status("POST", &[]), 403, "{}", server.stack);
        assert_eq!(status("POST", &[("X-CSRF-Token", &other)]), 403, "{}: of another login", server.stack);
        assert_eq!(status("POST", &[("X-CSRF-Token", "")]), 403, "{}", server.stack);
        assert_eq!(status("POST", &[("X-CSRF-Token", &token), ("X-CSRF-Token", &token)]), 403, "{}", server.stack);
        // It is not in the place of where the request comes from, but beside it.
        assert_eq!(
            status("POST", &[("X-CSRF-Token", &token), ("Sec-Fetch-Site", "cross-site")]),
            403,
            "{}",
            server.stack
        );
        let bearer = format!("Bearer {}", access.strip_prefix("__Host-access_token=").unwrap());
        assert_eq!(send(&server, "POST", "/me", &[("Authorization", &bearer)]).status, 200, "{}", server.stack);

        let cleared = send(&server, "POST", "/auth/logout", &[]);
        assert_eq!(cleared.cookies()[2], "__Host-csrf_token=; SameSite=Strict; Secure; Path=/; Max-Age=0");
    }
}

#[test]
fn a_token_without_a_name_has_no_csrf_token_to_go_with() {
    let key = SigningKey::secret(Algorithm::HS256, [1; 32]).unwrap();
    let auth = Authenticator::<()>::builder()
        .keys(key.verifying_key())
        .audience(AUDIENCE)
        .source(jwt_core::TokenSource::cookie("t"))
        .csrf(&csrf())
        .build()
        .unwrap();
    let token = key.sign(&json!({"aud": AUDIENCE, "exp": 4_000_000_000_u64})).unwrap();
    let post = http::Request::post("/")
        .header("cookie", format!("t={token}"))
        .header("x-csrf-token", csrf().token_for("").unwrap())
        .body(())
        .unwrap();
    let Verdict::Rejected(error) = auth.authenticate(&post) else { panic!("it has no `jti`") };
    assert!(matches!(error, AuthError::CrossSite(CrossSiteError::NoTokenId)), "{error}");
}
