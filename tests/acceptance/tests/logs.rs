//! What the log says, and what it never says.

use std::sync::Arc;

use acceptance::{
    Connection, GUARDED, Log, NOW, STACKS, Stack, WatchedStore, base64url, builder, builder_with, compact, good_claims,
    hs256, member_builder, plain_member_builder, request_to, shows_token,
};
use jwt_core::login::Login;
use jwt_core::session::NewSignIn;
use jwt_core::{Algorithm, Issuer, KeySet, LoginCookies, Sessions, SigningKey, TokenSource};

/// A session that is served, one whose store is away, and one that has ended.
fn sessions_come_and_go(stack: Stack) {
    let store = Arc::new(WatchedStore::new());
    let sessions = Sessions::builder(store.clone()).build().unwrap();
    let server = stack.start(builder().sessions(&sessions).build().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let started = runtime.block_on(sessions.start(NewSignIn::new("alice", &good_claims()).unwrap()));
    let token = started.unwrap().0;
    assert_eq!(server.get_with_bearer(token.as_str()).status, 200);
    store.set_down(true);
    assert_eq!(server.get_with_bearer(token.as_str()).status, 503);
    store.set_down(false);
    runtime.block_on(sessions.end(&token)).unwrap();
    assert_eq!(server.get_with_bearer(token.as_str()).status, 401);
}

#[test]
fn the_log_says_why_and_how_to_fix_it_and_never_the_token() {
    let log = Log::here();
    let good = hs256(&good_claims());
    let mut expired = good_claims();
    expired["exp"] = 1.into();
    let expired = hs256(&expired);
    let forged = format!("{}A", &good[..good.len() - 1]);
    for stack in STACKS {
        let sources = builder().source(TokenSource::bearer()).source(TokenSource::cookie("t"));
        let server = stack.start(sources.build().unwrap());
        let logged = |name: &str, case: &dyn Fn()| {
            log.take();
            case();
            let text = log.take();
            for secret in [&good, &expired, &forged] {
                for part in secret.split('.').skip(1) {
                    assert!(!text.contains(part), "{} {name}: {text}", stack.name);
                }
            }
            text
        };
        let text = logged("good", &|| assert_eq!(server.get_with_bearer(&good).status, 200));
        assert!(!text.contains("request rejected"), "{text}");
        let text = logged("expired", &|| assert_eq!(server.get_with_bearer(&expired).status, 401));
        assert!(text.contains("invalid token: expired") && text.contains("https://issuer.example.com"), "{text}");
        let text = logged("forged", &|| assert_eq!(server.get_with_bearer(&forged).status, 401));
        assert!(text.contains("the signature does not hold"), "{text}");
        let text = logged("missing", &|| assert_eq!(server.get("/me", &[]).status, 401));
        assert!(text.contains("no token in the request"), "{text}");
        let text = logged("twice", &|| {
            let bearer = format!("Bearer {good}");
            let fields = [("Authorization", &*bearer), ("Authorization", &*bearer)];
            assert_eq!(server.get("/me", &fields).status, 400);
        });
        assert!(text.contains("more than once"), "{text}");
        let text = logged("cross-site", &|| {
            let cookie = format!("t={good}");
            let fields = [("Cookie", &*cookie), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://a.example\"\t")];
            let post = request_to("localhost", "POST", "/me", &fields);
            assert_eq!(Connection::open(server.address).send(&post).status, 403);
        });
        assert!(
            text.contains("WARN") && text.contains("`Sec-Fetch-Site`") && text.contains(".trusted_origin("),
            "{text}"
        );
        assert!(text.contains(r#"unverified_origin="https://a.example\""#), "{text}");
        let text = logged("generated", &|| drop(SigningKey::generate(Algorithm::HS256).unwrap()));
        assert!(
            text.contains("WARN") && text.contains("after a restart") && text.contains("SigningKey::pem"),
            "{text}"
        );
        let text = logged("large cookie", &|| {
            let key = SigningKey::secret(Algorithm::HS256, [1; 32]).unwrap();
            let issuer = Issuer::builder("i").audience("a").signing_key(key).build().unwrap();
            let cookies = LoginCookies::builder().build().unwrap();
            let login = |size| Login::new(issuer.sign(&serde_json::json!({"blob": "x".repeat(size)})).unwrap());
            login(2000).dangerous_set_cookies(&cookies);
            assert!(!log.take().contains("4096"));
            login(4000).dangerous_set_cookies(&cookies);
        });
        assert!(text.contains("WARN") && text.contains("4096") && text.contains("__Host-access_token"), "{text}");
        assert!(!shows_token(&text), "{text}");
        let text = logged("session", &|| sessions_come_and_go(stack));
        let told = ["ERROR", "connection refused", "no such session"];
        assert!(told.iter().all(|reason| text.contains(reason)) && !text.contains("jst_"), "{text}");
        let text = logged("no layer", &|| assert_eq!(server.get("/unprotected", &[]).status, 500));
        assert!(text.contains("ERROR") && text.contains("JwtAuth::new"), "{text}");
        let text = logged("other type", &|| {
            let bearer = format!("Bearer {good}");
            assert_eq!(server.get("/elsewhere", &[("Authorization", &bearer)]).status, 500);
        });
        assert!(text.contains("Other") && text.contains("acceptance::User"), "{text}");
    }
    for stack in GUARDED {
        let server = stack.start(member_builder().build().unwrap());
        let plain = stack.start(plain_member_builder().build().unwrap());
        let bearer = format!("Bearer {good}");
        for (server, path, status, reasons) in [
            (&server, "/read", 403, &["INFO", "the scope `read:things` is needed", "https://issuer.example.com"][..]),
            (&server, "/admin", 403, &["INFO", "the role `admin` is needed"]),
            (&server, "/grown-up", 403, &["INFO", "0 is too young"]),
            (&server, "/no-scope", 500, &["ERROR", "RFC 6749"]),
            (&server, "/stranger", 500, &["ERROR", "Stranger", "acceptance::guarded::Member"]),
            (&server, "/unprotected", 500, &["ERROR", "JwtAuth::new"]),
            (&plain, "/read", 500, &["ERROR", ".scopes("]),
            (&plain, "/admin", 500, &["ERROR", ".roles("]),
        ] {
            log.take();
            assert_eq!(server.get(path, &[("Authorization", &bearer)]).status, status, "{path}");
            let text = log.take();
            assert!(reasons.iter().all(|reason| text.contains(reason)), "{} {path}: {text}", server.stack);
            assert!(!text.contains(good.rsplit('.').next().unwrap()), "{} {path}: {text}", server.stack);
        }
    }
}

/// Every event about a request that is not served.
fn refusals(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("request rejected") || line.contains("request denied")).collect()
}

#[test]
fn every_refusal_leaves_exactly_one_event_which_says_what_was_nearly_a_token() {
    let log = Log::here();
    let good = hs256(&good_claims());
    let (bare, colon) = (good.clone(), format!("Bearer: {good}"));
    let cookie = format!("theme=dark; Access-Token={good}");
    type Fields<'f> = &'f [(&'f str, &'f str)];
    let cases: [(Fields<'_>, &str, &str); 7] = [
        (
            &[],
            "DEBUG",
            r#"looked_in="the header field \"authorization\" with the scheme \"Bearer\", the cookie \"access_token\"""#,
        ),
        (&[("Authorization", "Basic YWxpY2U6c2VjcmV0")], "INFO", r#"the scheme \"Basic\", expected \"Bearer\""#),
        (&[("Authorization", &bare)], "INFO", r#"a token without \"Bearer\" and a space in front of it"#),
        (&[("Authorization", &colon)], "INFO", r#"has `:` behind \"Bearer\""#),
        (&[("Cookie", &cookie)], "INFO", r#"a cookie with the name \"Access-Token\""#),
        (&[("Cookie", &format!("session={good}"))], "INFO", r#".source(TokenSource::cookie(\"session\"))"#),
        (&[("X-Access-Token", &good)], "INFO", r#".source(TokenSource::header(\"x-access-token\"))"#),
    ];
    for stack in STACKS {
        for optional in [false, true] {
            let sources = builder().source(TokenSource::bearer()).source(TokenSource::cookie("access_token"));
            let sources = if optional { sources.optional() } else { sources };
            let server = stack.start(sources.build().unwrap());
            for (fields, level, said) in &cases {
                for path in ["/me", "/maybe"] {
                    let case = format!("{} {path} {optional} {fields:?}", stack.name);
                    log.take();
                    let status = server.get(path, fields).status;
                    let text = log.take();
                    let refused = refusals(&text);
                    if optional && (path == "/maybe" || stack.name == "hyper") {
                        assert_eq!((status, refused.len()), (200, 0), "{case}: {text}");
                        continue;
                    }
                    assert_eq!((status, refused.len()), (401, 1), "{case}: {text}");
                    assert!(refused[0].contains(level) && refused[0].contains(said), "{case}: {text}");
                    assert!(!text.contains(&good[..20]) && !text.contains("YWxpY2U"), "{case}: {text}");
                    assert!(!text.contains("None") && !text.contains("unverified"), "{case}: {text}");
                }
            }
        }
    }
}

#[test]
fn a_refused_token_is_called_what_it_is() {
    let log = Log::here();
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good_claims();
        claims[name] = value;
        hs256(&claims)
    };
    let header = |header: &str| compact(header, good_claims().to_string().as_bytes());
    let cases = [
        (with("exp", (NOW - 90).into()), "expired 90 s ago, by `exp`"),
        (with("nbf", (NOW + 90).into()), "not valid for another 90 s, by `nbf`"),
        (with("nbf", (NOW * 1000).into()), "it looks like milliseconds"),
        (
            with("iss", "https://evil\n.example".into()),
            r#"`iss` is "https://evil\n.example", expected "https://issuer.example.com""#,
        ),
        (with("aud", serde_json::json!(["x", "y"])), r#"`aud` is "x", "y", expected "api""#),
        (with("aud", "z".repeat(500).into()), "`aud` is \"zzz"),
        (with("name", 5.into()), "`name` is of type integer, expected a string"),
        (with("sub", 5.into()), "claim `sub` has the wrong type: it takes a string"),
        (header(r#"{"alg":"none"}"#), "a token without a signature"),
        (header(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#), "an encrypted token (JWE)"),
        (format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url("{}")), "a token without a signature"),
    ];
    for stack in STACKS {
        let server = stack.start(builder().build().unwrap());
        for (token, said) in &cases {
            log.take();
            assert_eq!(server.get_with_bearer(token).status, 401);
            let text = log.take();
            let refused = refusals(&text);
            assert_eq!(refused.len(), 1, "{}: {text}", stack.name);
            assert!(refused[0].contains(said), "{} {said}: {text}", stack.name);
            assert!(refused[0].len() < 700, "{}: {text}", stack.name);
        }
    }
    const TEXT: &str = "Zm9yIHRoZSB0ZXN0cyBvZiB0aGUgbG9nOiAzMiBieXRlcyBvciBtb3Jl";
    let keys = KeySet::hs256(TEXT).unwrap();
    let verifier = builder_with(keys).build_verifier().unwrap();
    let signed_by = |key: SigningKey| verifier.verify(key.sign(&good_claims()).unwrap());
    assert!(signed_by(SigningKey::secret(Algorithm::HS256, TEXT).unwrap()).is_ok());
    let error = signed_by(SigningKey::secret_base64(Algorithm::HS256, TEXT).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`VerifyingKey::secret_base64(…)`"), "{error}");
    let server = STACKS[0].start(builder().build().unwrap());
    log.take();
    for _ in 0..3 {
        assert_eq!(server.get_with_bearer(&with("exp", ((NOW + 600) * 1000).into())).status, 200);
    }
    let text = log.take();
    assert_eq!(text.matches("looks like milliseconds").count(), 1, "{text}");
}
