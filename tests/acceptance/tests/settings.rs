//! Every setting of every builder adds, says the same again, or refuses a second call. None replaces in silence.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, SECRET, Stopped, builder as authenticator};
use jwt_core::api_key::{ApiKey, ApiKeyDigest, ApiKeyStore, ApiKeys, ApiKeysBuilder, FindingApiKey, KnownApiKey};
use jwt_core::binding::{Dpop, DpopKey, DpopNonces, TrustedProxies};
use jwt_core::error::Misuse;
use jwt_core::forward::{ExchangeError, ExchangeRequest, Exchanging, ForwardTarget, Forwarder, TokenExchange};
use jwt_core::guard::{AuthorizationDetail, Policy};
use jwt_core::login::SameSite;
use jwt_core::login::logout::{
    EventKind, EventSubject, LogoutEvent, LogoutProvider, LogoutReceiver, LogoutReceiverBuilder,
};
use jwt_core::mcp::{McpResource, McpResourceBuilder};
use jwt_core::metadata::{BearerMethod, ResourceMetadata, ResourceMetadataBuilder};
use jwt_core::revocation::{RevocationsBuilder, WhileUnreachable};
use jwt_core::session::{NewSignIn, ProviderSession, RefreshTokensBuilder, SessionsBuilder};
use jwt_core::store::StoreError;
use jwt_core::{
    Algorithm, Authenticator, CsrfTokens, Issuer, KeySet, LoginCookies, Logins, MemoryStore, RefreshTokens,
    Revocations, Sessions, SigningKey, TrustedIssuer,
};

const MINUTE: Duration = Duration::from_secs(60);
/// That of the key of RFC 9449 §6.1.
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// What a second call of a setting does.
enum Second {
    /// One more of them: both calls count.
    Adds,
    /// A setting without an argument: the second call says the same again.
    SaysTheSame,
    /// `build()` has this error.
    Refused(String),
}
use Second::{Adds, SaysTheSame};

/// Type of the builder, setting, and what a second call does.
type Row = (&'static str, &'static str, Second);

fn refused<T, E: Debug>(result: Result<T, E>) -> Second {
    Second::Refused(result.err().map(|error| format!("{error:?}")).unwrap_or_default())
}

/// One row per setting, with two calls that differ.
macro_rules! twice {
    ($rows:ident, $name:literal, $new:expr, $build:expr; $($setting:ident ($($first:expr),*) ($($second:expr),*);)*) => {$(
        $rows.push(($name, stringify!($setting), refused($build($new.$setting($($first),*).$setting($($second),*)))));
    )*};
}

struct Down;

impl TokenExchange for Down {
    fn exchange(&self, _: ExchangeRequest) -> Exchanging<'_> {
        Box::pin(async { Err(ExchangeError::transport(std::io::Error::other("down"))) })
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn key() -> SigningKey {
    SigningKey::secret(Algorithm::HS256, SECRET).unwrap()
}

fn keys() -> KeySet {
    KeySet::hs256(SECRET).unwrap()
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new())
}

fn refresh_tokens() -> RefreshTokens {
    RefreshTokens::builder(store()).build().unwrap()
}

fn revocations() -> Revocations {
    run(Revocations::builder(store()).open()).unwrap()
}

fn metadata() -> ResourceMetadataBuilder {
    ResourceMetadata::builder("https://api.example.com")
}

fn proxies() -> TrustedProxies {
    TrustedProxies::at(["10.0.0.7"]).client_cert()
}

fn authenticators(rows: &mut Vec<Row>) {
    let trusted = |issuer: TrustedIssuer| Authenticator::<()>::builder().trust(issuer).audience(AUDIENCE).build();
    let sessions = Sessions::builder(store()).build().unwrap();
    let (document, revocations) = (metadata().build().unwrap(), revocations());
    let csrf = CsrfTokens::new(SECRET).unwrap();
    twice! { rows, "AuthenticatorBuilder", authenticator(), |builder: jwt_core::AuthenticatorBuilder<acceptance::User>| builder.build();
        leeway(MINUTE)(2 * MINUTE);
        max_age(MINUTE)(2 * MINUTE);
        csrf(&csrf)(&CsrfTokens::new([8; 32]).unwrap());
        realm("one")("two");
        resource_metadata(&document)(&document);
        max_token_len(1_000)(2_000);
        sessions(&sessions)(&sessions);
        revocations(&revocations)(&revocations);
        dpop(Dpop::new())(Dpop::new());
        trusted_proxies(proxies())(proxies());
    }
    let proxies = |proxies: TrustedProxies| authenticator().trusted_proxies(proxies).build();
    twice! { rows, "TrustedProxies", TrustedProxies::dangerous_every_peer(), proxies;
        client_cert()();
        client_cert_pem("one")("two");
        x_forwarded_client_cert()();
    }
    for flag in ["forwarded", "x_forwarded_proto", "x_forwarded_host"] {
        rows.push(("TrustedProxies", flag, SaysTheSame));
    }
    let dpop = |dpop: Dpop| authenticator().dpop(dpop).build();
    twice! { rows, "Dpop", Dpop::new(), dpop;
        max_age(MINUTE)(2 * MINUTE);
        nonces(&DpopNonces::new(SECRET).unwrap())(&DpopNonces::new([8; 32]).unwrap());
        max_proofs(1, 1)(2, 2);
        replay_store(Arc::new(MemoryStore::new()))(Arc::new(MemoryStore::new()));
    }
    rows.push(("Dpop", "algorithm", Adds));
    for adds in ["action", "location", "datatype", "privilege"] {
        rows.push(("AuthorizationDetail", adds, Adds));
    }
    let named_twice = AuthorizationDetail::of_type("a").identifier("1").identifier("2");
    assert_eq!(format!("{:?}", Policy::authorization_detail(named_twice)), "unusable(AuthorizationDetail)");
    rows.push(("AuthorizationDetail", "identifier", Second::Refused(Misuse::AuthorizationDetail.to_string())));
    twice! { rows, "AuthenticatorBuilder", Authenticator::<()>::builder().audience(AUDIENCE), |builder: jwt_core::AuthenticatorBuilder<()>| builder.build();
        keys(keys())(keys());
    }
    twice! { rows, "AuthenticatorBuilder", Authenticator::<()>::builder().audience(AUDIENCE).keys(keys()), |builder: jwt_core::AuthenticatorBuilder<()>| builder.build();
        clock(Stopped)(Stopped);
    }
    for adds in [
        "trust",
        "issuer",
        "audience",
        "typ",
        "required_claim",
        "source",
        "trusted_origin",
        "credentials",
        "scopes",
        "roles",
        "check",
        "async_check",
        "issuer_alias",
        "dangerous_allow_mistyped_claim",
        "scope_implies",
        "public_origin",
        "provider",
    ] {
        rows.push(("AuthenticatorBuilder", adds, Adds));
    }
    for flag in [
        "any_audience",
        "access_token_profile",
        "dangerous_allow_tokens_without_expiry",
        "dangerous_allow_bound_tokens",
        "dangerous_accept_id_tokens",
        "dangerous_allow_padded_tokens",
        "dangerous_allow_several_tokens",
        "dangerous_allow_expired_as_anonymous",
        "origin_required",
        "dangerous_allow_cross_site_requests",
        "optional",
        "grpc",
        "subject_in_spans",
        "require_dpop",
        "require_bound_tokens",
        "fapi2",
    ] {
        rows.push(("AuthenticatorBuilder", flag, SaysTheSame));
    }
    twice! { rows, "TrustedIssuer", TrustedIssuer::new(ISSUER, keys()), trusted;
        max_age(MINUTE)(2 * MINUTE);
    }
    for adds in ["audience", "typ", "required_claim", "issuer_alias", "dangerous_allow_mistyped_claim"] {
        rows.push(("TrustedIssuer", adds, Adds));
    }
    for flag in ["any_audience", "access_token_profile", "dangerous_allow_padded_tokens"] {
        rows.push(("TrustedIssuer", flag, SaysTheSame));
    }
}

#[cfg(feature = "cache")]
fn caches(rows: &mut Vec<Row>) {
    use jwt_core::TokenCache;
    let new = || Authenticator::<()>::builder().audience(AUDIENCE).keys(keys());
    twice! { rows, "TokenCache", TokenCache::new(), |cache: TokenCache| new().cache(cache).build();
        max_entries(1)(2);
        max_bytes(1)(2);
    }
    twice! { rows, "AuthenticatorBuilder", new(), |builder: jwt_core::AuthenticatorBuilder<()>| builder.build();
        cache(TokenCache::new())(TokenCache::new());
    }
}

#[cfg(not(feature = "cache"))]
fn caches(_: &mut Vec<Row>) {}

fn metadata_documents(rows: &mut Vec<Row>) {
    twice! { rows, "ResourceMetadataBuilder", metadata(), |builder: ResourceMetadataBuilder| builder.build();
        name("one")("two");
        documentation("https://a.example")("https://b.example");
        policy("https://a.example")("https://b.example");
        terms_of_service("https://a.example")("https://b.example");
        jwks_uri("https://a.example")("https://b.example");
        member("x", 1)("x", 2);
    }
    let both = metadata()
        .authorization_server("https://one.example")
        .authorization_server("https://two.example")
        .scope("three")
        .scope("four")
        .bearer_method(BearerMethod::Header)
        .bearer_method(BearerMethod::Query)
        .build()
        .unwrap();
    let text = format!("{both:?}");
    for part in ["one.example", "two.example", "three", "four", "header", "query"] {
        assert!(text.to_lowercase().contains(part), "{part}: {text}");
    }
    for adds in ["authorization_server", "scope", "bearer_method"] {
        rows.push(("ResourceMetadataBuilder", adds, Adds));
    }
    assert!(metadata().also_at_root().also_at_root().build().is_ok());
    rows.push(("ResourceMetadataBuilder", "also_at_root", SaysTheSame));
}

fn issuers(rows: &mut Vec<Row>) {
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

fn logins(rows: &mut Vec<Row>) {
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

fn providers(rows: &mut Vec<Row>) {
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

fn sign_ins(rows: &mut Vec<Row>) {
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

fn logouts(rows: &mut Vec<Row>) {
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

/// A store without any key.
struct Nothing;

impl ApiKeyStore for Nothing {
    fn find(&self, _: ApiKeyDigest) -> FindingApiKey<'_> {
        Box::pin(async { Ok(None) })
    }
}

fn api_keys(rows: &mut Vec<Row>) {
    twice! { rows, "ApiKeysBuilder", ApiKeys::builder("acme"), |builder: ApiKeysBuilder| builder.build();
        store(Nothing)(Nothing);
    }
    twice! { rows, "ApiKeysBuilder", ApiKeys::builder("acme").store(Nothing), |builder: ApiKeysBuilder| builder.build();
        clock(Stopped)(Stopped);
    }
    let known = |id: &str| KnownApiKey::from_json(ApiKey::generate("acme").unwrap().digest(), "{}").id(id);
    let both = format!("{:?}", ApiKeys::builder("acme").key(known("one")).key(known("two")));
    assert!(both.contains("one") && both.contains("two"), "{both}");
    rows.push(("ApiKeysBuilder", "key", Adds));
    assert!(ApiKeys::builder("acme").no_keys_yet().no_keys_yet().build().is_ok());
    rows.push(("ApiKeysBuilder", "no_keys_yet", SaysTheSame));
}

fn forwarders(rows: &mut Vec<Row>) {
    let target = || ForwardTarget::new("https://one.example");
    let build = |builder: jwt_core::forward::ForwarderBuilder| builder.build();
    let new = || Forwarder::builder().target(target());
    twice! { rows, "ForwarderBuilder", new(), build;
        margin(MINUTE)(2 * MINUTE);
        max_exchanged(1)(2);
        clock(Stopped)(Stopped);
    }
    twice! { rows, "ForwarderBuilder", Forwarder::builder().target(target().scope("read")), build;
        exchange(Down)(Down);
    }
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    twice! { rows, "ForwarderBuilder", Forwarder::builder().target(target().scope("read")).exchange(Down), build;
        dpop(&key)(&key);
    }
    let both = new().target("https://two.example");
    assert!(format!("{both:?}").contains("two.example") && format!("{both:?}").contains("one.example"));
    rows.push(("ForwarderBuilder", "target", Adds));

    let with = |target: ForwardTarget| Forwarder::builder().target(target.scope("read")).exchange(Down).build();
    twice! { rows, "ForwardTarget", target(), with;
        audience("one")("two");
        lifetime(MINUTE)(2 * MINUTE);
        call_time(MINUTE)(2 * MINUTE);
    }
    let scopes = format!("{:?}", target().scope("read").scope("write"));
    assert!(scopes.contains("read") && scopes.contains("write"), "{scopes}");
    rows.push(("ForwardTarget", "scope", Adds));
}

fn mcp_resources(rows: &mut Vec<Row>) {
    let new = || McpResource::builder("https://mcp.example.com/mcp").trusted_server(TrustedIssuer::new(ISSUER, keys()));
    let (one, two) = (|| Policy::scope("one"), || Policy::scope("two"));
    twice! { rows, "McpResourceBuilder", new(), |builder: McpResourceBuilder| builder.build();
        tool("x", one())("x", two());
        prompt("x", one())("x", two());
        method("x", one())("x", two());
        other_tools(one())(two());
        max_body(2_000)(3_000);
    }
    let named = new().name("one").name("two").build().unwrap_err().to_string();
    assert!(named.contains("resource_name") && named.contains("twice"), "{named}");
    rows.push(("McpResourceBuilder", "name", Adds));
    let both = new()
        .authorization_server("https://one.example")
        .authorization_server("https://two.example")
        .trusted_server(TrustedIssuer::new("https://three.example", keys()))
        .announced_server("https://four.example")
        .announced_server("https://five.example")
        .scope("six")
        .scope("seven")
        .supported_scope("eight")
        .supported_scope("nine")
        .allowed_origin("https://ten.example")
        .allowed_origin("https://eleven.example")
        .allowed_host("twelve.example")
        .allowed_host("thirteen.example");
    let both = run(async { both.build() }).unwrap();
    let text = format!("{both:?}");
    for part in [
        ISSUER,
        "one.example",
        "two.example",
        "three.example",
        "four.example",
        "five.example",
        "six",
        "seven",
        "eight",
        "nine",
        "ten.example",
        "eleven.example",
        "twelve.example",
        "thirteen.example",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for adds in [
        "authorization_server",
        "trusted_server",
        "announced_server",
        "scope",
        "supported_scope",
        "allowed_origin",
        "allowed_host",
    ] {
        rows.push(("McpResourceBuilder", adds, Adds));
    }
    let flags = new()
        .filter_tool_lists()
        .filter_tool_lists()
        .dangerous_allow_any_origin()
        .dangerous_allow_any_origin()
        .dangerous_allow_any_host()
        .dangerous_allow_any_host()
        .dangerous_keep_token_in_request()
        .dangerous_keep_token_in_request();
    assert!(flags.build().is_ok());
    for flag in [
        "filter_tool_lists",
        "dangerous_allow_any_origin",
        "dangerous_allow_any_host",
        "dangerous_keep_token_in_request",
    ] {
        rows.push(("McpResourceBuilder", flag, SaysTheSame));
    }
}

fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    authenticators(&mut rows);
    caches(&mut rows);
    metadata_documents(&mut rows);
    issuers(&mut rows);
    logins(&mut rows);
    providers(&mut rows);
    sign_ins(&mut rows);
    logouts(&mut rows);
    api_keys(&mut rows);
    forwarders(&mut rows);
    mcp_resources(&mut rows);
    rows
}

#[test]
fn no_setting_replaces_in_silence() {
    let mut silent = Vec::new();
    for (builder, setting, second) in table() {
        if let Second::Refused(error) = second {
            // The name, which for a metadata document is that of the member, and that there are two of them.
            let named = error.contains(setting) || (builder == "ResourceMetadataBuilder" && error.contains("member"));
            if !(named && error.contains("twice")) {
                silent.push(format!("{builder}::{setting}: {error:?}"));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Types with settings that have tables of their own, or that need servers or features which this suite does not have.
const ELSEWHERE: [(&str, &str); 20] = [
    ("AuthenticatorBuilder", "trust_tenants"),
    ("AuthenticatorBuilder", "cache"),
    // In tests/oidc, with those of `Introspection`.
    ("AuthenticatorBuilder", "introspect"),
    ("TokenCache", "max_entries"),
    ("TokenCache", "max_bytes"),
    // On a real server: tests/stores.
    ("RedisStore", "prefix"),
    ("RedisStore", "timeout"),
    ("RedisStore", "max_revocations"),
    ("RedisStoreBuilder", "root_certificate"),
    ("RedisStoreBuilder", "client_certificate"),
    ("PostgresStoreBuilder", "schema"),
    ("PostgresStoreBuilder", "timeout"),
    ("PostgresStoreBuilder", "max_revocations"),
    ("PostgresStoreBuilder", "transaction_pooling"),
    ("PostgresStoreBuilder", "listen_at"),
    ("PostgresStoreBuilder", "listen_with"),
    // In a real file: tests/stores.
    ("SqliteStoreBuilder", "prefix"),
    ("SqliteStoreBuilder", "timeout"),
    ("SqliteStoreBuilder", "max_revocations"),
    ("SqliteStoreBuilder", "lose_last_writes_on_power_failure"),
];

#[test]
fn no_setting_is_missing_from_the_table() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../jwt-core/src");
    let rows = table();
    let mut known: BTreeSet<(&str, &str)> = rows.iter().map(|(builder, setting, _)| (*builder, *setting)).collect();
    known.extend(ELSEWHERE);
    let mut missing = Vec::new();
    let mut found = 0;
    let builders: BTreeSet<&str> = known.iter().map(|(builder, _)| *builder).collect();
    sources(&core, &mut |text| {
        for (owner, setting) in settings(text) {
            let is_builder = owner.ends_with("Builder") || builders.contains(owner);
            let is_known = known.contains(&(owner, setting));
            found += usize::from(is_builder);
            if is_builder && !is_known {
                missing.push(format!("{owner}::{setting}"));
            }
        }
    });
    assert!(found > 80, "the sources are read wrongly: {found}");
    assert!(missing.is_empty(), "add a row for each: {missing:#?}");
}

fn sources(folder: &Path, read: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Type and name of every public method that takes the value and yields it: a setting.
fn settings(text: &str) -> Vec<(&str, &str)> {
    let mut owner = "";
    let mut found = Vec::new();
    for (start, line) in text.lines().scan(0, |at, line| Some((std::mem::replace(at, *at + line.len() + 1), line))) {
        if let Some(rest) = line.strip_prefix("impl") {
            let name = rest.split_once("> ").filter(|_| rest.starts_with('<')).map_or(rest, |(_, name)| name).trim();
            owner = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        }
        let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
        let Some(rest) = rest.trim_start_matches("const ").strip_prefix("fn ") else { continue };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        // The whole signature, which may take several lines.
        let signature: String = text[start..].split('{').next().unwrap_or_default().split_whitespace().collect();
        let takes_itself = signature.contains("(mutself") || signature.contains("(self");
        if takes_itself && signature.contains("->Self") {
            found.push((owner, name));
        }
    }
    found
}

/// For a table that is written wrongly.
#[test]
fn a_setting_given_once_is_not_refused() {
    let error = |error: StoreError| format!("{error:?}");
    assert!(run(Revocations::builder(store()).leeway(MINUTE).clock(Stopped).open()).map_err(error).is_ok());
    assert!(Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key()).typ("JWT").clock(Stopped).build().is_ok());
}
