//! The settings of a server of the Model Context Protocol, and what is wrong with them.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderValue, Uri};

use super::error::McpBuildError;
use super::rules::Rules;
use super::site::Site;
use super::{Inner, McpResource, McpUser};
use crate::authenticator::{Authenticator, AuthenticatorBuilder};
use crate::claims::ClaimsType;
use crate::config_error::Given;
use crate::guard::Policy;
use crate::issuers::TrustedIssuer;
use crate::key::RemoteKeySet;
use crate::metadata::ResourceMetadata;
use crate::request::cross_site::is_origin;

/// The most that is read of a body unless something else is said: what the Rust SDK of the protocol takes too.
const DEFAULT_MAX_BODY: usize = 4 * 1024 * 1024;
/// Under that no request of the protocol fits.
const LEAST_MAX_BODY: usize = 1024;

/// What authorization servers call the right to refresh tokens.
const OFFLINE_ACCESS: &str = "offline_access";

/// Builds an [`McpResource`]. Only an authorization server has no default.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`authorization_server`](Self::authorization_server) | none: an error | clients have to be told where to get a token |
/// | audience | the resource, with and without a `/` at its end | a token made for another server must not open this one |
/// | [`scope`](Self::scope) | none | only the application knows the names of its scopes |
/// | [`tool`](Self::tool), [`prompt`](Self::prompt), [`method`](Self::method) | every good token | the same |
/// | [`other_tools`](Self::other_tools) | every good token | the same |
/// | [`filter_tool_lists`](Self::filter_tool_lists) | off | lists are read as a whole for it |
/// | [`allowed_origin`](Self::allowed_origin) | that of the resource | a page of somebody else must not reach a server of its reader |
/// | [`allowed_host`](Self::allowed_host) | that of the resource | DNS rebinding |
/// | [`max_body`](Self::max_body) | 4 MiB | more than any call of a tool needs |
/// | `Authorization` and `DPoP` | not handed on | a token must not be passed through to others |
#[derive(Debug)]
#[must_use]
pub struct McpResourceBuilder {
    resource: String,
    given: Given,
    issuers: Vec<TrustedIssuer>,
    key_sets: Vec<RemoteKeySet>,
    announced: Vec<String>,
    scopes: Vec<String>,
    supported: Vec<String>,
    names: Vec<String>,
    rules: Rules,
    twice: Option<Box<str>>,
    unnamed: Option<&'static str>,
    site: Site,
    max_body: usize,
    filters: bool,
    keeps_token: bool,
}

impl McpResourceBuilder {
    pub(super) fn new(resource: String) -> Self {
        Self {
            resource,
            given: Given::default(),
            issuers: Vec::new(),
            key_sets: Vec::new(),
            announced: Vec::new(),
            scopes: Vec::new(),
            supported: Vec::new(),
            names: Vec::new(),
            rules: Rules::default(),
            twice: None,
            unnamed: None,
            site: Site::default(),
            max_body: DEFAULT_MAX_BODY,
            filters: false,
            keeps_token: false,
        }
    }

    /// An authorization server whose tokens are accepted, by its issuer identifier (RFC 8414 §2). Its keys are discovered and
    /// kept fresh; see [`RemoteKeySet`]. Called again, another one.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let keys = RemoteKeySet::discover(&issuer);
        self.key_sets.push(keys.clone());
        self.trusted_server(TrustedIssuer::new(issuer, &keys))
    }

    /// An authorization server with keys or expectations of its own, such as keys at an address that it does not publish.
    /// Called again, another one.
    pub fn trusted_server(mut self, issuer: TrustedIssuer) -> Self {
        self.announced.push(issuer.name.to_string());
        self.issuers.push(issuer);
        self
    }

    /// An authorization server that clients are told of, and whose tokens the builder in [`build_with`](Self::build_with)
    /// knows how to verify: tenants, or tokens that are looked up. Called again, another one.
    pub fn announced_server(mut self, issuer: impl Into<String>) -> Self {
        self.announced.push(issuer.into());
        self
    }

    /// A scope that every request needs. It is in the challenge of a 401, from which clients choose what to ask for, and in
    /// `scopes_supported`. Called again, all of them. None.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// A scope that clients may ask for, in `scopes_supported`. By the protocol these are the ones for basic use: what a tool
    /// needs beside, its 403 says. Called again, another one. None.
    pub fn supported_scope(mut self, scope: impl Into<String>) -> Self {
        self.supported.push(scope.into());
        self
    }

    /// What to call the server when people are asked whether a client may use it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// What a token must allow for a call of that tool, beside what every request needs. Names are compared byte for byte.
    pub fn tool(mut self, name: impl Into<String>, needed: impl Into<Policy>) -> Self {
        let rules = &mut self.rules.tools;
        add(rules, "tool", name.into(), needed.into(), &mut self.twice, &mut self.unnamed);
        self
    }

    /// What a token must allow for a call of a tool that is not named by [`tool`](Self::tool). Every good token.
    pub fn other_tools(mut self, needed: impl Into<Policy>) -> Self {
        self.given.once("other_tools");
        self.rules.other_tools = Some(needed.into());
        self
    }

    /// What a token must allow to get that prompt, beside what every request needs.
    pub fn prompt(mut self, name: impl Into<String>, needed: impl Into<Policy>) -> Self {
        let rules = &mut self.rules.prompts;
        add(rules, "prompt", name.into(), needed.into(), &mut self.twice, &mut self.unnamed);
        self
    }

    /// What a token must allow for a message of that method, such as `resources/read`, beside what every request needs. That
    /// of `tools/call` is needed for each tool too.
    pub fn method(mut self, method: impl Into<String>, needed: impl Into<Policy>) -> Self {
        let rules = &mut self.rules.methods;
        add(rules, "method", method.into(), needed.into(), &mut self.twice, &mut self.unnamed);
        self
    }

    /// Leaves tools out of the answer to `tools/list` that the token may not call. The answer is read as a whole, up to
    /// [`max_body`](Self::max_body); one that cannot be read is not shown. Off.
    pub fn filter_tool_lists(mut self) -> Self {
        self.filters = true;
        self
    }

    /// An origin whose pages may use the server, exactly as their browser writes it, such as `https://app.example.com`.
    /// Called again, each of them. The origin of the resource.
    pub fn allowed_origin(mut self, origin: impl Into<String>) -> Self {
        self.site.origins.push(origin.into().into_boxed_str());
        self
    }

    /// Serves pages of every origin. Whoever looks at any page lets it reach this server, also one that only they can reach;
    /// without a token it gets nothing. Right for a public server that is used out of browsers everywhere.
    pub fn dangerous_allow_any_origin(mut self) -> Self {
        self.site.any_origin = true;
        self
    }

    /// One more `Host` under which requests come, such as the one that a proxy writes: a host and, where it is not the default
    /// one, a port. Called again, each of them. That of the resource.
    pub fn allowed_host(mut self, host: impl Into<String>) -> Self {
        self.site.hosts.push(host.into().into_boxed_str());
        self
    }

    /// Serves requests whatever is in `Host`: then a page can have its own name point to this server (DNS rebinding). Right
    /// where a proxy in front checks it.
    pub fn dangerous_allow_any_host(mut self) -> Self {
        self.site.any_host = true;
        self
    }

    /// The most that is read of a body, in bytes. 4 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.given.once("max_body");
        self.max_body = bytes;
        self
    }

    /// Leaves `Authorization` and `DPoP` in the request that is handed on, where a tool could pass the token through to
    /// another server, which the protocol forbids. Right where something further inside verifies the token again.
    pub fn dangerous_keep_token_in_request(mut self) -> Self {
        self.keeps_token = true;
        self
    }

    /// The server, with the claims of [`McpUser`], or what is wrong with it. Scopes are looked for in `scope` and `scp`.
    ///
    /// # Errors
    /// [`McpBuildError`]. Keys that are discovered are fetched in the background of a Tokio runtime, which has to be there.
    pub fn build(self) -> Result<McpResource<McpUser>, McpBuildError> {
        self.build_with(
            Authenticator::builder().scopes(|user: &McpUser| &user.scope).scopes(|user: &McpUser| &user.scp),
        )
    }

    /// The server with the claims and the settings of an authenticator, which has to be told where its
    /// [scopes](AuthenticatorBuilder::scopes) are: for roles, [implied scopes](AuthenticatorBuilder::scope_implies), proofs,
    /// revocation, or a cache. Audience, issuers, metadata and the public origin are added to it here.
    ///
    /// # Errors
    /// [`McpBuildError`]
    pub fn build_with<C: ClaimsType>(
        mut self,
        authenticator: AuthenticatorBuilder<C>,
    ) -> Result<McpResource<C>, McpBuildError> {
        if let Some(call) =
            self.twice.take().or_else(|| self.given.twice().map(|setting| format!("{setting}(…)").into()))
        {
            return Err(McpBuildError::SetTwice { call });
        }
        if let Some(setting) = self.unnamed {
            return Err(McpBuildError::EmptyName { setting });
        }
        if self.announced.is_empty() {
            return Err(McpBuildError::NoAuthorizationServer);
        }
        if self.max_body < LEAST_MAX_BODY {
            return Err(McpBuildError::MaxBody { bytes: self.max_body });
        }
        for (setting, scopes) in [("scope", &self.scopes), ("supported_scope", &self.supported)] {
            if scopes.iter().any(|scope| scope == OFFLINE_ACCESS) {
                return Err(McpBuildError::OfflineAccess { setting, scope: OFFLINE_ACCESS });
            }
        }
        let resource = canonical(&self.resource);
        let mut metadata = ResourceMetadata::builder(&resource).also_at_root();
        for issuer in &self.announced {
            metadata = metadata.authorization_server(issuer);
        }
        let mut known: Vec<&String> = Vec::new();
        for scope in self.scopes.iter().chain(&self.supported) {
            if !known.contains(&scope) {
                known.push(scope);
                metadata = metadata.scope(scope);
            }
        }
        for name in &self.names {
            metadata = metadata.name(name);
        }
        let metadata = metadata.build()?;
        let site = site(std::mem::take(&mut self.site), &resource)?;

        let other = resource.strip_suffix('/').map_or_else(|| format!("{resource}/"), str::to_owned);
        let mut authenticator =
            authenticator.audience(&resource).audience(other).public_origin(&*site.1).resource_metadata(&metadata);
        for issuer in self.issuers {
            authenticator = authenticator.trust(issuer);
        }
        let authenticator = authenticator.build()?;
        let mut rules = self.rules;
        let mut scope_parameter = None;
        if !self.scopes.is_empty() {
            // What no challenge can carry is an error of the metadata already.
            scope_parameter = HeaderValue::try_from(format!("scope=\"{}\"", self.scopes.join(" "))).ok();
            rules.every = Some(Policy::all_scopes(self.scopes));
        }
        Ok(McpResource(Arc::new(Inner {
            authenticator,
            metadata,
            scope_parameter,
            rules: rules.joined(),
            site: site.0,
            max_body: self.max_body,
            filters: self.filters,
            keeps_token: self.keeps_token,
            key_sets: self.key_sets,
        })))
    }
}

fn add(
    rules: &mut HashMap<Box<str>, Policy>,
    setting: &'static str,
    name: String,
    needed: Policy,
    twice: &mut Option<Box<str>>,
    unnamed: &mut Option<&'static str>,
) {
    if name.is_empty() {
        unnamed.get_or_insert(setting);
    }
    let call = format!("{setting}({name:?}, …)");
    if rules.insert(name.into_boxed_str(), needed).is_some() {
        twice.get_or_insert(call.into());
    }
}

/// The identifier of the resource in the form that the protocol wants: scheme and host in lower case, and no slash behind the
/// host alone.
fn canonical(resource: &str) -> String {
    let host_at = resource.find("://").map_or(0, |at| at + 3);
    let path_at = resource[host_at..].find(['/', '?', '#']).map_or(resource.len(), |at| host_at + at);
    let (origin, path) = resource.split_at(path_at);
    format!("{}{}", origin.to_ascii_lowercase(), if path == "/" { "" } else { path })
}

/// With what the resource says of itself; and its origin.
fn site(mut site: Site, resource: &str) -> Result<(Site, String), McpBuildError> {
    if let Some(origin) = site.origins.iter().find(|origin| !is_origin(origin)) {
        return Err(McpBuildError::Origin { origin: origin.clone() });
    }
    let is_host = |host: &str| {
        let uri: Option<Uri> = format!("http://{host}/").parse().ok();
        uri.and_then(|uri| uri.authority().cloned())
            .is_some_and(|authority| authority.as_str() == host && !host.contains('@'))
    };
    if let Some(host) = site.hosts.iter().find(|host| !is_host(host)) {
        return Err(McpBuildError::HostName { host: host.clone() });
    }
    let (scheme, rest) = resource.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    site.default_port = if scheme == "https" { ":443" } else { ":80" };
    let bare = host.strip_suffix(site.default_port).unwrap_or(host);
    site.origins.push(format!("{scheme}://{bare}").into());
    site.hosts.push(host.into());
    let origin = format!("{scheme}://{host}");
    Ok((site, origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_has_the_form_that_the_protocol_wants() {
        for (given, canonical_form) in [
            ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp"),
            ("https://mcp.example.com", "https://mcp.example.com"),
            ("https://mcp.example.com/", "https://mcp.example.com"),
            ("HTTPS://MCP.example.COM:8443/Server/MCP", "https://mcp.example.com:8443/Server/MCP"),
            ("https://mcp.example.com/mcp/", "https://mcp.example.com/mcp/"),
        ] {
            assert_eq!(canonical(given), canonical_form);
        }
    }
}
