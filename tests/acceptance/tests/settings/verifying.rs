//! Settings of what verifies, guards and passes on.

use std::sync::Arc;

use acceptance::{AUDIENCE, ISSUER, SECRET, Stopped, builder as authenticator};
use jwt_core::api_key::{ApiKey, ApiKeyDigest, ApiKeyStore, ApiKeys, ApiKeysBuilder, FindingApiKey, KnownApiKey};
use jwt_core::binding::{Dpop, DpopKey, DpopNonces, TrustedProxies};
use jwt_core::error::Misuse;
use jwt_core::forward::{ExchangeError, ExchangeRequest, Exchanging, ForwardTarget, Forwarder, TokenExchange};
use jwt_core::guard::{AuthorizationDetail, Policy};
use jwt_core::mcp::{McpResource, McpResourceBuilder};
use jwt_core::metadata::{BearerMethod, ResourceMetadataBuilder};
use jwt_core::{Algorithm, Authenticator, CsrfTokens, MemoryStore, Sessions, TrustedIssuer};

use super::Second::{Adds, SaysTheSame};
use super::{MINUTE, Row, Second, keys, metadata, proxies, refused, revocations, run, store};

struct Down;

impl TokenExchange for Down {
    fn exchange(&self, _: ExchangeRequest) -> Exchanging<'_> {
        Box::pin(async { Err(ExchangeError::transport(std::io::Error::other("down"))) })
    }
}

pub(super) fn authenticators(rows: &mut Vec<Row>) {
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
pub(super) fn caches(rows: &mut Vec<Row>) {
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
pub(super) fn caches(_: &mut Vec<Row>) {}

pub(super) fn metadata_documents(rows: &mut Vec<Row>) {
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

/// A store without any key.
struct Nothing;

impl ApiKeyStore for Nothing {
    fn find(&self, _: ApiKeyDigest) -> FindingApiKey<'_> {
        Box::pin(async { Ok(None) })
    }
}

pub(super) fn api_keys(rows: &mut Vec<Row>) {
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

pub(super) fn forwarders(rows: &mut Vec<Row>) {
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

pub(super) fn mcp_resources(rows: &mut Vec<Row>) {
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
