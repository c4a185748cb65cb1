//! Metadata of the protected resource (RFC 9728): what a client has to know in order to get a token for it, and where it is.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_TYPE,
};
use http::{HeaderValue, Response, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config_error::debug_as_display;
use crate::request::RequestHead;
use crate::transport::address::is_secure;

/// Where the document is, in front of the path of the resource (RFC 9728 §3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What a client has to know about this resource in order to get a token for it: OAuth 2.0 Protected Resource Metadata
/// (RFC 9728), which clients of the Model Context Protocol look for. The document is made once. Cheap to clone.
///
/// Told to the [builder](crate::AuthenticatorBuilder::resource_metadata), every challenge says where it is; the
/// `MetadataRoute` of the adapters serves it. The authenticator adds what it knows of proofs:
/// `dpop_signing_alg_values_supported` and, where nothing else is accepted, `dpop_bound_access_tokens_required`.
///
/// ```
/// use jwt_core::{Authenticator, KeySet, metadata::ResourceMetadata};
///
/// let metadata = ResourceMetadata::builder("https://api.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scope("read:things")
///     .build()?;
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/mcp");
///
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience(metadata.resource())
///     .resource_metadata(&metadata)
///     .build()?;
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ResourceMetadata(Arc<Document>);

struct Document {
    resource: String,
    url: String,
    /// Where the path begins in `url`.
    path_at: usize,
    members: Map<String, Value>,
    json: String,
    /// With what an authenticator has told.
    completed: OnceLock<String>,
    /// Whether it is at the bare well-known path as well.
    at_root: bool,
}

/// A way for a bearer token to come to the resource (RFC 9728 §2, `bearer_methods_supported`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BearerMethod {
    /// In the `Authorization` header (RFC 6750 §2.1).
    Header,
    /// In the query parameter `access_token` (RFC 6750 §2.3).
    Query,
}

impl ResourceMetadata {
    /// Metadata of the resource with that identifier, which is its URL: `https`, or `http` on loopback, without query
    /// and fragment (RFC 9728 §1.2). Clients compare it with the address that they use, so it is the one that they see
    /// and not the one behind a proxy.
    pub fn builder(resource: impl Into<String>) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder {
            resource: resource.into(),
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            bearer_methods: Vec::new(),
            urls: Vec::new(),
            names: Vec::new(),
            members: Vec::new(),
            at_root: false,
        }
    }

    /// The identifier of the resource. Authorization servers put it into `aud` (RFC 8707).
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Where the document is: what a challenge says.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The path of [`url`](Self::url).
    pub fn path(&self) -> &str {
        &self.0.url[self.0.path_at..]
    }

    /// The document.
    pub fn json(&self) -> &str {
        self.0.completed.get().unwrap_or(&self.0.json)
    }

    /// Adds which proofs are accepted (RFC 9728 §2), where the application has not said so itself. `false`, where something
    /// else was added before.
    pub(crate) fn complete(&self, proof_algorithms: &[&str], proofs_only: bool) -> bool {
        let mut members = self.0.members.clone();
        if !proof_algorithms.is_empty() {
            members.entry("dpop_signing_alg_values_supported").or_insert_with(|| proof_algorithms.into());
        }
        if proofs_only {
            members.entry("dpop_bound_access_tokens_required").or_insert(Value::Bool(true));
        }
        let json = Value::from(members).to_string();
        *self.0.completed.get_or_init(|| json.clone()) == json
    }

    /// The response to a request for the document; `None` for a request that is for something else. Pages of every
    /// origin may read it, since the clients that look for it run in browsers too.
    pub fn response(&self, head: &impl RequestHead) -> Option<Response<String>> {
        if head.path() != self.path() && !(self.0.at_root && head.path() == WELL_KNOWN) {
            return None;
        }
        let (status, fields, body) = match head.method() {
            "GET" | "HEAD" => {
                let fields: &[_] = &[
                    (CONTENT_TYPE, "application/json"),
                    (CACHE_CONTROL, "public, max-age=3600"),
                    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
                ];
                (StatusCode::OK, fields, self.json())
            }
            // The preflight of a page whose client sends a header of its own.
            "OPTIONS" => {
                let fields: &[_] = &[
                    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
                    (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
                    (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
                    (ACCESS_CONTROL_MAX_AGE, "3600"),
                ];
                (StatusCode::NO_CONTENT, fields, "")
            }
            _ => return None,
        };
        let mut response = Response::new(body.to_owned());
        *response.status_mut() = status;
        for (name, value) in fields {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceMetadata").field(&self.json()).finish()
    }
}

/// Builds a [`ResourceMetadata`]. Members that nothing is said about are left out of the document, and empty ones too.
#[derive(Debug)]
#[must_use]
pub struct ResourceMetadataBuilder {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    bearer_methods: Vec<BearerMethod>,
    urls: Vec<(&'static str, String)>,
    names: Vec<String>,
    members: Vec<(String, Option<Value>)>,
    at_root: bool,
}

impl ResourceMetadataBuilder {
    /// An authorization server that issues tokens for this resource, by its issuer identifier (RFC 8414 §2). Called
    /// again, another one.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// A scope that a client may ask for. Called again, another one.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// A way in which a token may come. Called again, another one. [`BearerMethod::Header`].
    pub fn bearer_method(mut self, method: BearerMethod) -> Self {
        self.bearer_methods.push(method);
        self
    }

    /// What to call the resource when people are asked whether a client may use it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// The page of its documentation.
    pub fn documentation(self, url: impl Into<String>) -> Self {
        self.url("resource_documentation", url)
    }

    /// The page that says what may be done with its data.
    pub fn policy(self, url: impl Into<String>) -> Self {
        self.url("resource_policy_uri", url)
    }

    /// The page of its terms of service.
    pub fn terms_of_service(self, url: impl Into<String>) -> Self {
        self.url("resource_tos_uri", url)
    }

    /// The JWK Set of the resource itself: not the keys by which tokens are verified.
    pub fn jwks_uri(self, url: impl Into<String>) -> Self {
        self.url("jwks_uri", url)
    }

    /// A member that has no method here, of this standard or of one that builds on it. An empty text, array or object
    /// is left out (RFC 9728 §3.2).
    pub fn member(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        self.members.push((name.into(), serde_json::to_value(value).ok()));
        self
    }

    /// Serves the document at `/.well-known/oauth-protected-resource` as well, whatever the path of the resource: where clients
    /// of the Model Context Protocol look that have not read the challenge. Right for a host with one protected resource. Off.
    pub fn also_at_root(mut self) -> Self {
        self.at_root = true;
        self
    }

    fn url(mut self, member: &'static str, url: impl Into<String>) -> Self {
        self.urls.push((member, url.into()));
        self
    }

    /// The metadata, or what is wrong with it.
    pub fn build(self) -> Result<ResourceMetadata, MetadataBuildError> {
        let resource = Address::read(&self.resource).filter(|resource| !resource.has_query);
        let resource =
            resource.ok_or_else(|| MetadataBuildError::Resource { resource: self.resource.as_str().into() })?;
        // The slash behind the host alone goes, one behind a path stays (RFC 9728 §3.1).
        let path = if resource.path == "/" { "" } else { resource.path };
        let url = format!("{}{WELL_KNOWN}{path}", resource.origin);
        let path_at = resource.origin.len();

        let is_issuer = |url: &String| Address::read(url).is_some_and(|issuer| !issuer.has_query);
        if let Some(issuer) = self.authorization_servers.iter().find(|url| !is_issuer(url)) {
            return Err(MetadataBuildError::AuthorizationServer { issuer: issuer.as_str().into() });
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(MetadataBuildError::Scope { scope: scope.as_str().into() });
        }
        let methods: Vec<&str> = match &*self.bearer_methods {
            [] => vec![BearerMethod::Header.as_str()],
            methods => methods.iter().map(|method| method.as_str()).collect(),
        };

        let mut document = Map::new();
        document.insert("resource".to_owned(), self.resource.as_str().into());
        let mut set = |name: &str, value: Value| match document.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(MetadataBuildError::DuplicateMember { member: name.into() }),
        };
        set("authorization_servers", self.authorization_servers.into())?;
        set("scopes_supported", self.scopes.into())?;
        set("bearer_methods_supported", methods.into())?;
        for name in self.names {
            set("resource_name", name.into())?;
        }
        for (name, url) in self.urls {
            if Address::read(&url).is_none() {
                return Err(MetadataBuildError::Url { member: name, url: url.into() });
            }
            set(name, url.into())?;
        }
        for (name, value) in self.members {
            let value = value.ok_or_else(|| MetadataBuildError::Member { member: name.as_str().into() })?;
            set(&name, value)?;
        }
        document.retain(|_, value| !is_empty(value));
        let json = Value::from(document.clone()).to_string();
        let (members, completed, at_root) = (document, OnceLock::new(), self.at_root);
        let resource = self.resource;
        Ok(ResourceMetadata(Arc::new(Document { resource, url, path_at, members, json, completed, at_root })))
    }
}

impl BearerMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
        }
    }
}

/// An absolute URL in its parts.
struct Address<'u> {
    /// Scheme and authority.
    origin: &'u str,
    /// With its first slash, where there is one.
    path: &'u str,
    has_query: bool,
}

impl<'u> Address<'u> {
    /// `https`, or `http` on this machine, where there is nobody in between. Nothing in it that needs an escape in a
    /// quoted string (RFC 9110 §5.6.4).
    fn read(url: &'u str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b);
        if !is_secure(&uri) || authority.as_str().contains('@') || !url.bytes().all(plain) {
            return None;
        }
        let origin_len = uri.scheme_str()?.len() + "://".len() + authority.as_str().len();
        let (origin, rest) = url.split_at_checked(origin_len)?;
        let path = rest.split('?').next()?;
        Some(Self { origin, path, has_query: rest.len() > path.len() })
    }
}

/// RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Why metadata cannot be built as asked. `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataBuildError {
    /// The identifier of the resource is no URL that clients could trust.
    #[error(
        "the resource {resource:?} must be an absolute `https` URL (`http` on loopback) without query and fragment"
    )]
    Resource {
        /// The identifier.
        resource: Box<str>,
    },
    /// An authorization server is not named by its issuer identifier.
    #[error(
        "the authorization server {issuer:?} must be an absolute `https` URL (`http` on loopback) without query and fragment"
    )]
    AuthorizationServer {
        /// The issuer identifier.
        issuer: Box<str>,
    },
    /// A member that must be a URL is none.
    #[error("`{member}` is {url:?}, and must be an absolute `https` URL (`http` on loopback) without fragment")]
    Url {
        /// The member of the document.
        member: &'static str,
        /// Its value.
        url: Box<str>,
    },
    /// A scope with characters that no scope may have (RFC 6749 §3.3), or an empty one.
    #[error("the scope {scope:?} must be printable ASCII without space, `\"` and `\\`: add several by several calls")]
    Scope {
        /// The scope.
        scope: Box<str>,
    },
    /// A member that is there already.
    #[error("the member {member:?} is set twice: keep one")]
    DuplicateMember {
        /// The name of the member.
        member: Box<str>,
    },
    /// A member whose value does not serialize to JSON.
    #[error("the value of the member {member:?} does not serialize to JSON")]
    Member {
        /// The name of the member.
        member: Box<str>,
    },
}

debug_as_display!(MetadataBuildError);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(resource: &str) -> Result<String, MetadataBuildError> {
        ResourceMetadata::builder(resource).build().map(|metadata| metadata.url().to_owned())
    }

    #[test]
    fn the_well_known_path_stands_between_host_and_path() {
        let root = "https://api.example.com/.well-known/oauth-protected-resource";
        assert_eq!(url("https://api.example.com").as_deref(), Ok(root));
        assert_eq!(url("https://api.example.com/"), url("https://api.example.com"));
        assert_eq!(url("https://api.example.com/mcp"), Ok(format!("{root}/mcp")));
        assert_eq!(url("https://api.example.com/a/b/"), Ok(format!("{root}/a/b/")));
        assert_eq!(
            url("http://127.0.0.1:3000/mcp").as_deref(),
            Ok("http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp")
        );
    }

    #[test]
    fn a_resource_that_clients_could_not_trust_or_compare_is_refused() {
        for resource in [
            "",
            "/mcp",
            "api.example.com",
            "http://api.example.com",
            "http://localhost.example.com",
            "ftp://api.example.com",
            "https://",
            "https://user@api.example.com",
            "https://api.example.com/mcp?tenant=1",
            "https://api.example.com/mcp#top",
            "https://api.example.com/\"quoted\"",
            "https://api.example.com/a\\b",
            "https://api.example.com/ä",
            "https://api.example.com/a b",
        ] {
            assert_eq!(url(resource), Err(MetadataBuildError::Resource { resource: resource.into() }), "{resource}");
        }
        for resource in ["http://localhost", "http://[::1]:8080/x", "https://[2001:db8::1]/x"] {
            assert!(url(resource).is_ok(), "{resource}");
        }
    }

    #[test]
    fn only_what_was_said_is_in_the_document() {
        let document = |builder: ResourceMetadataBuilder| -> Value {
            serde_json::from_str(builder.build().unwrap().json()).unwrap()
        };
        let least = ResourceMetadata::builder("https://api.example.com");
        assert_eq!(
            document(least),
            json!({"resource": "https://api.example.com", "bearer_methods_supported": ["header"]})
        );
        let empty =
            ResourceMetadata::builder("https://api.example.com").name("").member("x", json!([])).member("y", ());
        assert_eq!(document(empty).as_object().unwrap().len(), 2);
        let full = ResourceMetadata::builder("https://api.example.com/mcp")
            .authorization_server("https://one.example.com")
            .authorization_server("https://two.example.com/tenant")
            .scope("read")
            .scope("write")
            .bearer_method(BearerMethod::Header)
            .bearer_method(BearerMethod::Query)
            .name("The API")
            .documentation("https://api.example.com/docs?lang=en")
            .policy("https://api.example.com/policy")
            .terms_of_service("https://api.example.com/terms")
            .jwks_uri("https://api.example.com/jwks.json")
            .member("dpop_bound_access_tokens_required", false);
        assert_eq!(
            document(full),
            json!({
                "resource": "https://api.example.com/mcp",
                "authorization_servers": ["https://one.example.com", "https://two.example.com/tenant"],
                "scopes_supported": ["read", "write"],
                "bearer_methods_supported": ["header", "query"],
                "resource_name": "The API",
                "resource_documentation": "https://api.example.com/docs?lang=en",
                "resource_policy_uri": "https://api.example.com/policy",
                "resource_tos_uri": "https://api.example.com/terms",
                "jwks_uri": "https://api.example.com/jwks.json",
                "dpop_bound_access_tokens_required": false,
            })
        );
    }

    #[test]
    fn what_a_client_could_not_use_is_refused() {
        let builder = || ResourceMetadata::builder("https://api.example.com");
        let error = |builder: ResourceMetadataBuilder| builder.build().unwrap_err();
        for issuer in ["login", "https://a.example?x"] {
            let expected = MetadataBuildError::AuthorizationServer { issuer: issuer.into() };
            assert_eq!(error(builder().authorization_server(issuer)), expected);
        }
        for scope in ["", "two scopes", "a\"b", "a\\b", "ä"] {
            assert_eq!(error(builder().scope(scope)), MetadataBuildError::Scope { scope: scope.into() }, "{scope}");
        }
        let expected = MetadataBuildError::Url { member: "resource_documentation", url: "docs".into() };
        assert_eq!(error(builder().documentation("docs")), expected);
        for (twice, member) in [
            (builder().member("resource", "https://other.example.com"), "resource"),
            (builder().member("a", 1).member("a", 1), "a"),
        ] {
            assert_eq!(error(twice), MetadataBuildError::DuplicateMember { member: member.into() });
        }
    }

    #[test]
    fn the_document_is_at_its_path_alone_and_for_reading() {
        let metadata = ResourceMetadata::builder("https://api.example.com/mcp").build().unwrap();
        let status = |method: &str, path: &str| {
            let request = http::Request::builder().method(method).uri(path).body(()).unwrap();
            metadata.response(&request).map(|response| response.status().as_u16())
        };
        assert_eq!(status("GET", metadata.path()), Some(200));
        assert_eq!(status("HEAD", metadata.path()), Some(200));
        assert_eq!(status("OPTIONS", metadata.path()), Some(204));
        assert_eq!(status("POST", metadata.path()), None);
        for path in ["/mcp", WELL_KNOWN, "/.well-known/oauth-protected-resource/mcp/", "/"] {
            assert_eq!(status("GET", path), None, "{path}");
        }
    }
}
