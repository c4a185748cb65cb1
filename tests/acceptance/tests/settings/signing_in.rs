//! Settings of what issues, logs in and logs out.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, SECRET, Stopped};
use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::login::SameSite;
use jwt_core::login::logout::{
    EventKind, EventSubject, LogoutEvent, LogoutProvider, LogoutReceiver, LogoutReceiverBuilder,
};
use jwt_core::revocation::{RevocationsBuilder, WhileUnreachable};
use jwt_core::session::{NewSignIn, ProviderSession, RefreshTokensBuilder, SessionsBuilder};
use jwt_core::{
    Algorithm, CsrfTokens, Issuer, LoginCookies, Logins, MemoryStore, RefreshTokens, Revocations, Sessions, SigningKey,
};

use super::Second::{Adds, SaysTheSame};
use super::{MINUTE, Row, THUMBPRINT, key, keys, refresh_tokens, refused, revocations, run, store};

pub(super) fn issuers(rows: &mut Vec<Row>) {
    let new = || Issuer::builder(ISSUER).audience(AUDIENCE);
    let build = |builder: jwt_core::issue::IssuerBuilder| builder.build();
    twice! { rows, "IssuerBuilder", new(), build;
        signing_key(key().with_kid("one"))(key().with_kid("two"));
    }
    twice! { rows, "IssuerBuilder", new().signing_key(key()), build;
        access_token_lifetime(MINUTE)(2 * MINUTE);
        typ("JWT")("at+jwt");
        jwks_max_age(MINUTE)(2 * MINUTE);
        head_start(10 * MINUTE)(20 * MINUTE);
        clock(Stopped)(Stopped);
    }
    let published = |kid: &str| SigningKey::generate(Algorithm::ES256).unwrap().with_kid(kid);
    let issuer = new().signing_key(key()).audience("two").published_key(published("three"));
    let issuer = issuer.published_key(published("four")).build().unwrap();
    let text = format!("{issuer:?} {}", issuer.jwks());
    for part in [AUDIENCE, "two", "three", "four"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    rows.push(("IssuerBuilder", "audience", Adds));
    rows.push(("IssuerBuilder", "published_key", Adds));
}

pub(super) fn logins(rows: &mut Vec<Row>) {
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key()).build().unwrap();
    let new = || Logins::builder(issuer.clone(), refresh_tokens());
    let build = |builder: jwt_core::login::LoginsBuilder| builder.build();
    let cookies = |name: &str| LoginCookies::builder().access_name(name).build().unwrap();
    let (one, two) = (revocations(), revocations());
    async fn nobody(_: jwt_core::session::SignIn) -> Result<Option<acceptance::User>, std::io::Error> {
        Ok(None)
    }
    let alice = acceptance::User { sub: "alice".to_owned(), name: "Alice".to_owned() };
    twice! { rows, "LoginsBuilder", new(), build;
        cookies(cookies("one"))(cookies("two"));
        revocations(&one)(&two);
        reload(nobody)(nobody);
        routes_path("/auth")("/auth/login");
        after_log_in("/one")("/two");
        after_log_out("/one")("/two");
        dpop(Dpop::new())(Dpop::new());
    }
    let login = |new: jwt_core::login::NewLogin| run(new);
    let request = http::Request::post("/login").body(()).unwrap();
    twice! { rows, "NewLogin", new().build().unwrap().log_in(&alice, ""), login;
        remember(false)(true);
        remember_for(MINUTE)(2 * MINUTE);
        access_token_lifetime(MINUTE)(MINUTE / 2);
        provider_session(ProviderSession::new(ISSUER, "one"))(ProviderSession::new(ISSUER, "two"));
        claim("claim", 1)("claim", 2);
        proof_from(&request)(&request);
    }
    let two = Issuer::builder(ISSUER).audience("one").audience("two").signing_key(key()).build().unwrap();
    let both = run(Logins::builder(two.clone(), refresh_tokens())
        .build()
        .unwrap()
        .log_in(&alice, "")
        .audience("one")
        .audience("two"));
    for (text, what) in [
        (both.unwrap().access_token().as_str(), "NewLogin"),
        (two.token(&alice).audience("one").audience("two").sign().unwrap().as_str(), "NewToken"),
    ] {
        let token = two.authenticator::<()>().build_verifier().unwrap().verify(text).unwrap();
        assert_eq!(token.audience().collect::<Vec<_>>(), ["one", "two"], "{what}");
        rows.push((what, "audience", Adds));
    }
    twice! { rows, "NewToken", issuer.token(&alice), |new: jwt_core::issue::NewToken<'_, acceptance::User>| new.sign();
        lifetime(MINUTE)(MINUTE / 2);
        bound_to(THUMBPRINT)(THUMBPRINT);
    }
    let trusted = new().trusted_origin("https://one.example").trusted_origin("https://two.example");
    let text = format!("{trusted:?}");
    assert!(text.contains("one.example") && text.contains("two.example"), "{text}");
    rows.push(("LoginsBuilder", "trusted_origin", Adds));
    assert!(new().transparent_renewal().transparent_renewal().build().is_ok());
    rows.push(("LoginsBuilder", "transparent_renewal", SaysTheSame));
    rows.push(("LoginsBuilder", "bind_to_device", refused(new().bind_to_device().bind_to_device().build())));
    let both = format!("{:?}", new().device_exempt("/one").device_exempt("/two"));
    assert!(both.contains("/one") && both.contains("/two"), "{both}");
    rows.push(("LoginsBuilder", "device_exempt", Adds));
    assert!(new().without_cookies().without_cookies().build().is_ok());
    rows.push(("LoginsBuilder", "without_cookies", SaysTheSame));
    let origins = new().public_origin("https://one.example").public_origin("https://two.example");
    let text = format!("{origins:?}");
    assert!(text.contains("one.example") && text.contains("two.example") && origins.build().is_ok(), "{text}");
    rows.push(("LoginsBuilder", "public_origin", Adds));
    assert!(new().require_dpop().require_dpop().build().is_ok());
    rows.push(("LoginsBuilder", "require_dpop", SaysTheSame));

    let csrf = CsrfTokens::new(SECRET).unwrap();
    twice! { rows, "LoginCookiesBuilder", LoginCookies::builder(), |builder: jwt_core::login::LoginCookiesBuilder| builder.build();
        access_name("one")("two");
        refresh_name("one")("two");
        refresh_path("/one")("/two");
        same_site(SameSite::Lax)(SameSite::Strict);
        refresh_same_site(SameSite::Lax)(SameSite::Strict);
        csrf(&csrf)(&csrf);
    }
    let named = || LoginCookies::builder().access_name("access").refresh_name("refresh");
    twice! { rows, "LoginCookiesBuilder", named(), |builder: jwt_core::login::LoginCookiesBuilder| builder.build();
        domain("one.example")("two.example");
    }
    let plain = LoginCookies::builder().dangerous_plain_http_on_localhost().dangerous_plain_http_on_localhost();
    assert!(plain.build().is_ok());
    rows.push(("LoginCookiesBuilder", "dangerous_plain_http_on_localhost", SaysTheSame));
    let in_frames = || LoginCookies::builder().same_site(SameSite::None).refresh_same_site(SameSite::None);
    assert!(in_frames().partitioned().partitioned().build().is_ok());
    rows.push(("LoginCookiesBuilder", "partitioned", SaysTheSame));
    let (one, two) = (LoginCookies::builder().access_name("one"), LoginCookies::builder().access_name("two"));
    let (one, two) = (one.build().unwrap(), two.build().unwrap());
    let both = LoginCookies::builder().formerly(&one).formerly(&two).build().unwrap();
    let cleared: Vec<_> =
        both.clear().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
    let cleared = cleared.join("\n");
    assert!(cleared.contains("one=;") && cleared.contains("two=;"), "{cleared}");
    rows.push(("LoginCookiesBuilder", "formerly", Adds));
}

pub(super) fn providers(rows: &mut Vec<Row>) {
    use jwt_core::ProviderLogin;
    use jwt_core::login::oidc::{ProviderAccess, ProviderLoginBuilder, ProviderUser};
    async fn nobody(_: ProviderUser<()>) -> Result<Option<jwt_core::login::NewLogin>, std::io::Error> {
        Ok(None)
    }
    async fn nobody_there(_: ProviderAccess) -> Result<Option<jwt_core::login::NewLogin>, std::io::Error> {
        Ok(None)
    }
    struct Offline;
    impl jwt_core::key::Fetch for Offline {
        fn fetch(&self, _: http::Request<Vec<u8>>, _: usize) -> jwt_core::key::Fetching<'_> {
            Box::pin(async { Err(jwt_core::key::FetchError::Timeout) })
        }
    }
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let signing = SigningKey::generate(Algorithm::ES256).unwrap();
    let new = || ProviderLogin::builder("https://a.example", "app");
    twice! { rows, "ProviderLoginBuilder", new(), |builder: ProviderLoginBuilder| builder.build();
        on_sign_in(nobody)(nobody);
        on_access(nobody_there)(nobody_there);
        client_secret("one")("two");
        client_secret_post("one")("two");
        private_key_jwt(&signing)(&signing);
        mutual_tls()();
        public_client()();
        max_age(MINUTE)(2 * MINUTE);
        dpop(&key)(&key);
        cookie_secret([1; 32])([2; 32]);
        failure_page("/one")("/two");
        timeout(MINUTE)(2 * MINUTE);
        refresh_interval(MINUTE)(2 * MINUTE);
        stale_if_error(MINUTE)(2 * MINUTE);
        client(Offline)(Offline);
    }
    for adds in ["scope", "parameter", "require_acr", "root_certificate", "keep_refresh_token"] {
        rows.push(("ProviderLoginBuilder", adds, Adds));
    }
    for flag in ["form_post", "without_pushed_requests", "log_out_at_provider", "dangerous_allow_plain_http"] {
        rows.push(("ProviderLoginBuilder", flag, SaysTheSame));
    }
    rows.push(("LoginsBuilder", "provider", Adds));
}

pub(super) fn sign_ins(rows: &mut Vec<Row>) {
    twice! { rows, "RefreshTokensBuilder", RefreshTokens::builder(store()), |builder: RefreshTokensBuilder| builder.build();
        idle_timeout(MINUTE)(2 * MINUTE);
        absolute_timeout(100_000 * MINUTE)(200_000 * MINUTE);
        grace(MINUTE)(Duration::ZERO);
        per_subject(1)(2);
        subject_key([1; 32])([2; 32]);
        clock(Stopped)(Stopped);
    }
    twice! { rows, "SessionsBuilder", Sessions::builder(store()), |builder: SessionsBuilder| builder.build();
        idle_timeout(MINUTE)(2 * MINUTE);
        absolute_timeout(100_000 * MINUTE)(200_000 * MINUTE);
        per_subject(1)(2);
        subject_key([1; 32])([2; 32]);
        revocations(&revocations())(&revocations());
        clock(Stopped)(Stopped);
    }
    twice! { rows, "RevocationsBuilder", Revocations::builder(store()), |builder: RevocationsBuilder| run(builder.open());
        poll_interval(MINUTE)(2 * MINUTE);
        while_unreachable(WhileUnreachable::KeepLastKnown)(WhileUnreachable::RefuseAfter(MINUTE));
        leeway(MINUTE)(2 * MINUTE);
        clock_skew(MINUTE)(2 * MINUTE);
        per_subject(1)(2);
        clock(Stopped)(Stopped);
    }
    // Stores have no `build()`: the first use has the error.
    twice! { rows, "MemoryStore", MemoryStore::new(), |store: MemoryStore| {
            let store = Arc::new(store);
            let opened = run(Revocations::builder(store.clone()).open()).map(|_| ());
            let sessions = Sessions::builder(store).build().unwrap();
            let started = run(async { sessions.start(NewSignIn::new("alice", &()).unwrap()).await }).map(|_| ());
            assert_eq!(format!("{opened:?}"), format!("{started:?}"));
            started
        };
        max_sign_ins(1)(2);
        max_revocations(1)(2);
    }
}

pub(super) fn logouts(rows: &mut Vec<Row>) {
    async fn nobody(_: EventSubject) -> Result<Vec<String>, std::io::Error> {
        Ok(Vec::new())
    }
    async fn nothing(_: LogoutEvent) -> Result<(), std::io::Error> {
        Ok(())
    }
    let list = revocations();
    let provider = || LogoutProvider::new(ISSUER, keys(), "client");
    let new = || LogoutReceiver::builder(&list).provider(provider());
    let logins = || {
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key()).build().unwrap();
        Logins::builder(issuer, refresh_tokens()).build().unwrap()
    };
    let sessions = || Sessions::builder(store()).build().unwrap();
    twice! { rows, "LogoutReceiverBuilder", new(), |builder: LogoutReceiverBuilder| builder.build();
        logins(&logins())(&logins());
        sessions(&sessions())(&sessions());
        path("/one")("/two");
        replay_store(store())(store());
        logout_max_age(MINUTE)(2 * MINUTE);
        event_max_age(MINUTE)(2 * MINUTE);
        resolve(nobody)(nobody);
        on_event(nothing)(nothing);
    }
    let both = new().report_only(EventKind::AccountPurged).report_only(EventKind::SessionRevoked);
    let text = format!("{both:?}");
    assert!(text.contains("AccountPurged") && text.contains("SessionRevoked"), "{text}");
    rows.push(("LogoutReceiverBuilder", "report_only", Adds));
    let both = format!("{:?}", new().provider(LogoutProvider::new("https://two.example", keys(), "client")));
    assert!(both.contains(ISSUER) && both.contains("two.example"), "{both}");
    rows.push(("LogoutReceiverBuilder", "provider", Adds));

    let built = |provider: LogoutProvider| LogoutReceiver::builder(&list).provider(provider).build();
    twice! { rows, "LogoutProvider", provider(), built;
        access_token_lifetime(MINUTE)(2 * MINUTE);
        push_authorization("one")("two");
    }
    let both = format!("{:?}", provider().audience("one").audience("two").users_of("three").users_of("four"));
    assert!(["one", "two", "three", "four"].iter().all(|name| both.contains(name)), "{both}");
    rows.push(("LogoutProvider", "audience", Adds));
    rows.push(("LogoutProvider", "users_of", Adds));
    assert!(built(provider().access_tokens_without_sid().access_tokens_without_sid()).is_ok());
    rows.push(("LogoutProvider", "access_tokens_without_sid", SaysTheSame));
    assert!(built(provider().dangerous_allow_generic_typ().dangerous_allow_generic_typ()).is_ok());
    rows.push(("LogoutProvider", "dangerous_allow_generic_typ", SaysTheSame));
}
