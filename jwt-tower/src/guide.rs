//! The guide: a tutorial, how-to guides, reference and explanations.
//!
//! It is here only in the documentation, not in the crate that is built. A block with the mark "not tested" is for
//! another framework; the one for this crate is beside it, unless the page is about the other.
//!
//! # Tutorial
//!
//! - [Your first protected application](self::first_application)
//!
//! # How-to guides
//!
//! - [Use your identity provider](self::identity_provider)
//! - [Take the token from a cookie or another place](self::cookies)
//! - [Ask the issuer about opaque tokens](self::introspection)
//! - [Load, choose and rotate keys](self::keys)
//! - [Read and check the claims](self::claims)
//! - [Accept access tokens, verify ID tokens](self::access_and_id_tokens)
//! - [Say what a token allows: guards](self::guards)
//! - [Ask for a stronger or a fresh sign-in](self::step_up)
//! - [Meet FAPI 2.0](self::fapi2)
//! - [Write your own answers](self::own_answers)
//! - [Bind tokens to a key of their client](self::bound_tokens)
//! - [Bind logins to a browser](self::device_bound_logins)
//! - [Protect cookies against cross-site requests](self::cross_site_requests)
//! - [WebSockets, server-sent events and downloads](self::websockets_and_downloads)
//! - [Protect a gRPC service](self::grpc)
//! - [Put a reverse proxy in front](self::reverse_proxies)
//! - [Let a reverse proxy ask](self::forward_auth)
//! - [Use hyper or another Tower stack](self::other_tower_stacks)
//! - [Tell clients where to get a token](self::resource_metadata)
//! - [Protect an MCP server](self::mcp)
//! - [Verify and sign tokens without a request](self::tokens_without_requests)
//! - [Log people in](self::log_people_in)
//! - [Sign in with a provider](self::sign_in_with_a_provider)
//! - [Issue tokens and publish your keys](self::issue_tokens)
//! - [Sign with a key in an HSM, a KMS or Vault](self::sign_with_an_hsm)
//! - [Use sessions](self::sessions)
//! - [Accept API keys of services](self::api_keys)
//! - [Refuse a token before it expires](self::revoke_tokens)
//! - [Store logins and revocations in a file](self::sqlite)
//! - [Store logins and revocations in PostgreSQL](self::postgres)
//! - [Take logouts of your identity provider](self::logout_from_elsewhere)
//! - [Store logins and revocations in Redis](self::redis)
//! - [Write your own store](self::own_store)
//! - [Pass a token on to another service](self::forward_tokens)
//! - [Test your application](self::test_your_application)
//! - [Accept tokens that are bound to a certificate](self::mutual_tls)
//! - [Protect some routes and not others](self::routing)
//! - [Order the middleware](self::middleware_order)
//! - [Run it in production](self::deploy)
//! - [Move from another crate](self::migrate)
//! - [Write an adapter for another framework](self::write_an_adapter)
//!
//! # Reference
//!
//! - [Crates, features, algorithms and limits](self::features)
//! - [Every default and its reason](self::defaults)
//! - [Answers: what clients, caches and the log get](self::answers)
//! - [Every log text, its cause and its fix](self::errors)
//! - [Logs, spans and metrics](self::logs_and_metrics)
//! - [Keys that are fetched](self::fetched_keys)
//! - [Profiles: the rules for access tokens and ID tokens](self::token_profiles)
//! - [Logins: tokens, cookies, settings, answers](self::login)
//! - [Partners: what it was tried with](self::partners)
//! - [The Model Context Protocol: rules and tests](self::mcp_rules)
//!
//! # Explanation
//!
//! - [Sessions or JWTs?](self::sessions_or_jwts)
//! - [How a token is verified](self::verification)
//! - [The cache of verified tokens](self::token_cache)
//! - [Refresh tokens, sessions and revocation](self::logins_and_revocation)
//! - [What a thief can do with what](self::what_a_thief_can_do)
//! - [Threat model](self::threat_model)
//! - [Comparison with other crates](self::comparison)

#[doc = include_str!("../guide/first_application.md")]
pub mod first_application {}
#[doc = include_str!("../guide/identity_provider.md")]
pub mod identity_provider {}
#[doc = include_str!("../guide/cookies.md")]
pub mod cookies {}
#[doc = include_str!("../guide/introspection.md")]
pub mod introspection {}
#[doc = include_str!("../guide/keys.md")]
pub mod keys {}
#[doc = include_str!("../guide/claims.md")]
pub mod claims {}
#[doc = include_str!("../guide/access_and_id_tokens.md")]
pub mod access_and_id_tokens {}
#[doc = include_str!("../guide/guards.md")]
pub mod guards {}
#[doc = include_str!("../guide/step_up.md")]
pub mod step_up {}
#[doc = include_str!("../guide/fapi2.md")]
pub mod fapi2 {}
#[doc = include_str!("../guide/own_answers.md")]
pub mod own_answers {}
#[doc = include_str!("../guide/bound_tokens.md")]
pub mod bound_tokens {}
#[doc = include_str!("../guide/device_bound_logins.md")]
pub mod device_bound_logins {}
#[doc = include_str!("../guide/cross_site_requests.md")]
pub mod cross_site_requests {}
#[doc = include_str!("../guide/websockets_and_downloads.md")]
pub mod websockets_and_downloads {}
#[doc = include_str!("../guide/grpc.md")]
pub mod grpc {}
#[doc = include_str!("../guide/reverse_proxies.md")]
pub mod reverse_proxies {}
#[doc = include_str!("../guide/forward_auth.md")]
pub mod forward_auth {}
#[doc = include_str!("../guide/other_tower_stacks.md")]
pub mod other_tower_stacks {}
#[doc = include_str!("../guide/resource_metadata.md")]
pub mod resource_metadata {}
#[doc = include_str!("../guide/mcp.md")]
pub mod mcp {}
#[doc = include_str!("../guide/tokens_without_requests.md")]
pub mod tokens_without_requests {}
#[doc = include_str!("../guide/log_people_in.md")]
pub mod log_people_in {}
#[doc = include_str!("../guide/sign_in_with_a_provider.md")]
pub mod sign_in_with_a_provider {}
#[doc = include_str!("../guide/issue_tokens.md")]
pub mod issue_tokens {}
#[doc = include_str!("../guide/sign_with_an_hsm.md")]
pub mod sign_with_an_hsm {}
#[doc = include_str!("../guide/sessions.md")]
pub mod sessions {}
#[doc = include_str!("../guide/api_keys.md")]
pub mod api_keys {}
#[doc = include_str!("../guide/revoke_tokens.md")]
pub mod revoke_tokens {}
#[doc = include_str!("../guide/sqlite.md")]
pub mod sqlite {}
#[doc = include_str!("../guide/postgres.md")]
pub mod postgres {}
#[doc = include_str!("../guide/logout_from_elsewhere.md")]
pub mod logout_from_elsewhere {}
#[doc = include_str!("../guide/redis.md")]
pub mod redis {}
#[doc = include_str!("../guide/own_store.md")]
pub mod own_store {}
#[doc = include_str!("../guide/forward_tokens.md")]
pub mod forward_tokens {}
#[doc = include_str!("../guide/test_your_application.md")]
pub mod test_your_application {}
#[doc = include_str!("../guide/mutual_tls.md")]
pub mod mutual_tls {}
#[doc = include_str!("../guide/routing.md")]
pub mod routing {}
#[doc = include_str!("../guide/middleware_order.md")]
pub mod middleware_order {}
#[doc = include_str!("../guide/deploy.md")]
pub mod deploy {}
#[doc = include_str!("../guide/migrate.md")]
pub mod migrate {}
#[doc = include_str!("../guide/write_an_adapter.md")]
pub mod write_an_adapter {}
#[doc = include_str!("../guide/features.md")]
pub mod features {}
#[doc = include_str!("../guide/defaults.md")]
pub mod defaults {}
#[doc = include_str!("../guide/answers.md")]
pub mod answers {}
#[doc = include_str!("../guide/errors.md")]
pub mod errors {}
#[doc = include_str!("../guide/logs_and_metrics.md")]
pub mod logs_and_metrics {}
#[doc = include_str!("../guide/fetched_keys.md")]
pub mod fetched_keys {}
#[doc = include_str!("../guide/token_profiles.md")]
pub mod token_profiles {}
#[doc = include_str!("../guide/login.md")]
pub mod login {}
#[doc = include_str!("../guide/partners.md")]
pub mod partners {}
#[doc = include_str!("../guide/mcp_rules.md")]
pub mod mcp_rules {}
#[doc = include_str!("../guide/sessions_or_jwts.md")]
pub mod sessions_or_jwts {}
#[doc = include_str!("../guide/verification.md")]
pub mod verification {}
#[doc = include_str!("../guide/token_cache.md")]
pub mod token_cache {}
#[doc = include_str!("../guide/logins_and_revocation.md")]
pub mod logins_and_revocation {}
#[doc = include_str!("../guide/what_a_thief_can_do.md")]
pub mod what_a_thief_can_do {}
#[doc = include_str!("../guide/threat_model.md")]
pub mod threat_model {}
#[doc = include_str!("../guide/comparison.md")]
pub mod comparison {}
