//! All cases, group by group.

mod answers;
mod bearer;
mod claims;
mod cookie;
mod dpop;
mod forward_auth;
mod grpc;
mod introspection;
mod json;
mod jws;
mod keys;
mod mcp;
mod metadata;
mod mtls;
mod rfc9068;
mod robust;
mod scope;
mod step_up;
mod times;

use crate::case::Case;
pub(crate) use mcp::first_message;

use crate::target::{Delivery, Target};

/// Each group and what it is about.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("bearer", "where a token is taken from (RFC 6750 §2, RFC 9110)"),
    ("answers", "what a refusal says, and what it must not (RFC 6750 §3, RFC 9110)"),
    ("jws", "signatures, algorithms, headers and keys (RFC 7515, 7517, 7518, 8725)"),
    ("claims", "issuer, audience, types and required claims (RFC 7519, 8725)"),
    ("times", "exp, nbf and their shapes (RFC 7519)"),
    ("json", "JSON that parsers disagree about (RFC 8259)"),
    ("rfc9068", "the profile for access tokens (RFC 9068)"),
    ("keys", "keys over HTTP: rotation, outages, floods, odd sets"),
    ("cookie", "tokens in cookies, and requests of other sites"),
    ("scope", "a scope that an address asks for (RFC 6750 §3.1)"),
    ("metadata", "metadata of the protected resource (RFC 9728)"),
    ("step_up", "a stronger or fresher sign-in (RFC 9470)"),
    ("dpop", "tokens that are bound to a key of their client (RFC 9449)"),
    ("introspection", "tokens that the server asks their issuer about (RFC 7662)"),
    ("forward_auth", "an address that a reverse proxy asks (nginx, Traefik)"),
    ("mcp", "a server of the Model Context Protocol over HTTP"),
    ("grpc", "a service of gRPC"),
    ("mtls", "tokens that are bound to a certificate of their client (RFC 8705)"),
    ("robust", "sizes, floods and slow clients"),
];

/// The cases of one group.
pub(crate) fn cases(group: &str) -> Vec<Case> {
    match group {
        "bearer" => bearer::cases(),
        "answers" => answers::cases(),
        "jws" => jws::cases(),
        "claims" => claims::cases(),
        "times" => times::cases(),
        "json" => json::cases(),
        "rfc9068" => rfc9068::cases(),
        "keys" => keys::cases(),
        "cookie" => cookie::cases(),
        "scope" => scope::cases(),
        "metadata" => metadata::cases(),
        "step_up" => step_up::cases(),
        "dpop" => dpop::cases(),
        "introspection" => introspection::cases(),
        "forward_auth" => forward_auth::cases(),
        "mcp" => mcp::cases(),
        "grpc" => grpc::cases(),
        "mtls" => mtls::cases(),
        "robust" => robust::cases(),
        _ => Vec::new(),
    }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    NAMES.iter().flat_map(|(name, _)| cases(name)).collect()
}

/// Groups whose tokens have no proof.
const NOT_BOUND: [&str; 6] = ["bearer", "cookie", "introspection", "mcp", "grpc", "mtls"];

/// Why a group does not apply to that target.
pub(crate) fn applies(group: &str, target: &Target) -> Result<(), &'static str> {
    let table = |is_there: bool, why| if is_there { Ok(()) } else { Err(why) };
    let is_opaque = target.introspection.as_ref().is_some_and(|introspection| introspection.only);
    if is_opaque && !["bearer", "answers", "cookie", "metadata", "introspection"].contains(&group) {
        return Err("introspection.only: the server takes no JWTs");
    }
    if target.dpop.as_ref().is_some_and(|dpop| dpop.only) && NOT_BOUND.contains(&group) {
        return Err("dpop.only: no token without a proof");
    }
    if target.mtls.as_ref().is_some_and(|mtls| mtls.only) && group != "mtls" {
        return Err("mtls.only: no token without a certificate");
    }
    // They have addresses of their own, that take a GET.
    let elsewhere = ["scope", "step_up", "forward_auth", "grpc", "mtls"];
    if target.mcp.as_ref().is_some_and(|mcp| mcp.only) && elsewhere.contains(&group) {
        return Err("mcp.only: there is no other address");
    }
    match group {
        "bearer" => {
            table(target.cookie.as_ref().is_none_or(|cookie| !cookie.only), "cookie.only: no token in the header")
        }
        "rfc9068" => table(target.tokens.rfc9068, "tokens.rfc9068 is not set"),
        "keys" => table(target.keys.delivery == Delivery::Fetched, "keys.delivery: they are not fetched"),
        "cookie" => table(target.cookie.is_some(), "there is no [cookie]"),
        "scope" => table(target.scope.is_some(), "there is no [scope]"),
        "metadata" => table(target.metadata.is_some(), "there is no [metadata]"),
        "step_up" => table(target.step_up.is_some(), "there is no [step_up]"),
        "dpop" => table(target.dpop.is_some(), "there is no [dpop]"),
        "introspection" => table(target.introspection.is_some(), "there is no [introspection]"),
        "forward_auth" => table(target.forward_auth.is_some(), "there is no [forward_auth]"),
        "mcp" => table(target.mcp.is_some(), "there is no [mcp]"),
        "grpc" => table(target.grpc.is_some(), "there is no [grpc]"),
        "mtls" => table(target.mtls.is_some(), "there is no [mtls]"),
        _ => Ok(()),
    }
}
