//! What is asked of a provider: where its endpoints are, where a browser is sent, and which tokens a code yields.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::error::ProviderError;
use super::flow::Flow;
use crate::binding::DpopKey;
use crate::forward::OAuthErrorCode;
use crate::key::remote_parts::{self, Credentials, DefaultClient, Method, RootCertificates};
use crate::key::{Fetch, FetchError, Fetching};
use crate::transport::form::append;

/// For how long endpoints are not discovered again.
const LIFETIME: Duration = Duration::from_secs(3600);
/// For how long nobody asks again where the endpoints are, after a provider did not say so.
const PAUSE: Duration = Duration::from_secs(1);
/// How many connections are kept open for the next request.
const IDLE_CONNECTIONS: usize = 4;
/// The longest answer of an endpoint, in bytes.
const MAX_BYTES: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

const AUTHORIZATION_ENDPOINT: &str = "authorization_endpoint";
pub(super) const TOKEN_ENDPOINT: &str = "token_endpoint";
const PUSHED_ENDPOINT: &str = "pushed_authorization_request_endpoint";
const END_SESSION_ENDPOINT: &str = "end_session_endpoint";
const REVOCATION_ENDPOINT: &str = "revocation_endpoint";
/// The scope by which a refresh token is asked for (OpenID Connect Core 1.0 §11).
const OFFLINE_ACCESS: &str = "offline_access";
/// The longest refresh token that is kept, in bytes: the record of a login stays small.
const MAX_REFRESH_TOKEN: usize = 8 * 1024;

/// Where the endpoints are.
#[derive(Clone)]
pub(super) enum Place {
    /// Where the metadata of this issuer says.
    Issuer(String),
    Endpoints {
        authorization: String,
        token: String,
    },
}

/// How a provider is asked, and for what.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting")]
pub(super) struct How {
    pub(super) place: Place,
    pub(super) credentials: Credentials,
    pub(super) client: Option<Arc<dyn Fetch>>,
    pub(super) roots: RootCertificates,
    pub(super) plain_http: bool,
    pub(super) scope: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) form_post: bool,
    pub(super) pushed: bool,
    pub(super) dpop: Option<DpopKey>,
    /// Whether a refresh token is wanted.
    pub(super) offline: bool,
    pub(super) timeout: Duration,
}

pub(super) struct Provider {
    pub(super) how: How,
    own_client: OnceCell<DefaultClient>,
    endpoints: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    endpoints: Option<(Arc<Endpoints>, Instant)>,
    failed: Option<(ProviderError, Instant)>,
}

/// The endpoints, all of which may be used.
pub(super) struct Endpoints {
    authorization: String,
    token: String,
    pushed: Option<String>,
    pub(super) end_session: Option<String>,
    revocation: Option<String>,
    /// Whether refresh tokens are asked for by their scope.
    offline_access: bool,
    /// Whether each answer names the provider (RFC 9207 §3).
    pub(super) names_itself: bool,
    /// Whether the token endpoint takes proofs of this service (RFC 9449 §5.1).
    dpop: bool,
}

/// What the token endpoint gave. No `Debug`: it holds tokens.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) is_bound: bool,
    pub(super) id: Option<String>,
    pub(super) refresh: Option<String>,
}

/// What an endpoint has answered.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    error: Option<String>,
    access_token: Option<String>,
    token_type: Option<String>,
    id_token: Option<String>,
    refresh_token: Option<String>,
    request_uri: Option<String>,
}

/// A client that several share.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<dyn Fetch>);

impl Fetch for Shared {
    fn fetch(&self, request: Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_> {
        self.0.fetch(request, max_bytes)
    }
}

impl Provider {
    pub(super) fn new(how: How) -> Self {
        Self { how, own_client: OnceCell::new(), endpoints: Mutex::default() }
    }

    /// The name in `iss`.
    pub(super) fn issuer(&self) -> Option<&str> {
        match &self.how.place {
            Place::Issuer(issuer) => Some(issuer),
            Place::Endpoints { .. } => None,
        }
    }

    async fn client(&self) -> Result<&dyn Fetch, FetchError> {
        if let Some(client) = &self.how.client {
            return Ok(&**client);
        }
        let own = self.own_client.get_or_try_init(|| async {
            let roots = self.how.roots.clone();
            // On a thread that may block, since it takes milliseconds.
            let make = move || DefaultClient::new(CONNECT_TIMEOUT, IDLE_CONNECTIONS, roots.certificates()?);
            spawn_blocking(make).await.map_err(|_| FetchError::Stopped)?
        });
        Ok(own.await?)
    }

    /// The endpoints, as long as the provider has said once where they are.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, ProviderError> {
        let issuer = match &self.how.place {
            Place::Endpoints { authorization, token } => {
                let (authorization, token) = (authorization.clone(), token.clone());
                return Ok(Arc::new(Endpoints {
                    authorization,
                    token,
                    pushed: None,
                    end_session: None,
                    revocation: None,
                    offline_access: false,
                    names_itself: false,
                    dpop: true,
                }));
            }
            Place::Issuer(issuer) => issuer,
        };
        let mut known = self.endpoints.lock().await;
        let fresh = |since: &Instant, lifetime| since.elapsed() < lifetime;
        match &*known {
            Known { endpoints: Some((endpoints, since)), .. } if fresh(since, LIFETIME) => return Ok(endpoints.clone()),
            Known { endpoints: None, failed: Some((error, since)) } if fresh(since, PAUSE) => return Err(error.clone()),
            Known { endpoints: Some((endpoints, _)), failed: Some((_, since)) } if fresh(since, PAUSE) => {
                return Ok(endpoints.clone());
            }
            Known { .. } => {}
        }
        let discovered = self.in_time(self.discover(issuer)).await;
        match (discovered, &known.endpoints) {
            (Ok(endpoints), _) => {
                let endpoints = Arc::new(endpoints);
                *known = Known { endpoints: Some((endpoints.clone(), Instant::now())), failed: None };
                Ok(endpoints)
            }
            // They seldom move, and where they have, the next request says so.
            (Err(error), Some((endpoints, _))) => {
                let endpoints = endpoints.clone();
                known.failed = Some((error, Instant::now()));
                Ok(endpoints)
            }
            (Err(error), None) => {
                known.failed = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
        timeout(self.how.timeout, asked).await.unwrap_or(Err(FetchError::Timeout.into()))
    }

    async fn discover(&self, issuer: &str) -> Result<Endpoints, ProviderError> {
        let metadata = remote_parts::discover(self.client().await?, issuer).await?;
        let usable = |endpoint: &'static str, address: Option<String>| match address {
            Some(address) => remote_parts::check_named(&address, issuer, self.how.plain_http)
                .map(|()| Some(address))
                .map_err(|_| ProviderError::Endpoint { endpoint }),
            None => Ok(None),
        };
        let by_certificate = matches!(self.how.credentials.method, Method::MutualTls);
        let for_certificates = metadata.mtls_endpoint_aliases;
        let aliased = |alias: Option<String>, other| alias.filter(|_| by_certificate).or(other);
        let needed = |endpoint, address| usable(endpoint, address)?.ok_or(ProviderError::Endpoint { endpoint });
        let pushed = metadata.pushed_authorization_request_endpoint;
        let pushed =
            aliased(for_certificates.pushed_authorization_request_endpoint, pushed).filter(|_| self.how.pushed);
        Ok(Endpoints {
            authorization: needed(AUTHORIZATION_ENDPOINT, metadata.authorization_endpoint)?,
            token: needed(TOKEN_ENDPOINT, aliased(for_certificates.token_endpoint, metadata.token_endpoint))?,
            pushed: usable(PUSHED_ENDPOINT, pushed)?,
            end_session: usable(END_SESSION_ENDPOINT, metadata.end_session_endpoint)?,
            // Nobody signs in by it, so one that may not be used is none.
            revocation: usable(
                REVOCATION_ENDPOINT,
                aliased(for_certificates.revocation_endpoint, metadata.revocation_endpoint),
            )
            .unwrap_or_default(),
            offline_access: self.how.offline && metadata.scopes_supported.iter().any(|scope| scope == OFFLINE_ACCESS),
            names_itself: metadata.authorization_response_iss_parameter_supported,
            dpop: self.how.dpop.as_ref().is_some_and(|key| {
                let offered = &metadata.dpop_signing_alg_values_supported;
                offered.iter().any(|algorithm| algorithm == key.algorithm())
            }),
        })
    }

    /// The address that a browser is sent to: with everything that is asked for in it, or what stands for it at a provider
    /// that was told before (RFC 9126 §4).
    pub(super) async fn authorization(&self, flow: &Flow, redirect_uri: &str) -> Result<String, ProviderError> {
        let endpoints = self.endpoints().await?;
        let mut asked = String::new();
        append(&mut asked, "client_id", &self.how.credentials.id);
        let pushed = match &endpoints.pushed {
            None => None,
            Some(endpoint) => {
                let mut form = self.asked(&endpoints, flow, redirect_uri);
                // Every other way to authenticate has it in the form (RFC 9126 §2.1).
                if matches!(self.how.credentials.method, Method::Basic { .. }) {
                    append(&mut form, "client_id", &self.how.credentials.id);
                }
                let said = self.post(&endpoints, endpoint, PUSHED_ENDPOINT, form).await?;
                Some(said.request_uri.ok_or(ProviderError::Malformed { endpoint: PUSHED_ENDPOINT })?)
            }
        };
        match pushed {
            Some(request_uri) => append(&mut asked, "request_uri", &request_uri),
            None => asked = format!("{asked}&{}", self.asked(&endpoints, flow, redirect_uri)),
        }
        let separator = if endpoints.authorization.contains('?') { '&' } else { '?' };
        Ok(format!("{}{separator}{asked}", endpoints.authorization))
    }

    /// What is asked of the authorization endpoint, without the name of the client.
    fn asked(&self, endpoints: &Endpoints, flow: &Flow, redirect_uri: &str) -> String {
        let how = &self.how;
        let mut form = String::from("response_type=code&code_challenge_method=S256");
        append(&mut form, "redirect_uri", redirect_uri);
        append(&mut form, "code_challenge", &flow.challenge());
        append(&mut form, "state", &flow.state);
        let asked_for = how.scope.split(' ').any(|scope| scope == OFFLINE_ACCESS);
        if endpoints.offline_access && !asked_for {
            append(&mut form, "scope", &format!("{} {OFFLINE_ACCESS}", how.scope));
        } else if !how.scope.is_empty() {
            append(&mut form, "scope", &how.scope);
        }
        if self.issuer().is_some() {
            append(&mut form, "nonce", &flow.nonce);
        }
        if how.form_post {
            append(&mut form, "response_mode", "form_post");
        }
        if let Some(key) = self.key_at(endpoints) {
            append(&mut form, "dpop_jkt", key.thumbprint());
        }
        for (name, value) in &how.parameters {
            append(&mut form, name, value);
        }
        form
    }

    /// The key of proofs, at a provider that takes them.
    pub(super) fn key_at(&self, endpoints: &Endpoints) -> Option<&DpopKey> {
        self.how.dpop.as_ref().filter(|_| endpoints.dpop)
    }

    /// Exchanges a code for tokens (RFC 6749 §4.1.3).
    pub(super) async fn tokens(&self, code: &str, flow: &Flow, redirect_uri: &str) -> Result<Tokens, ProviderError> {
        let endpoints = self.endpoints().await?;
        let mut form = String::from("grant_type=authorization_code");
        append(&mut form, "code", code);
        append(&mut form, "redirect_uri", redirect_uri);
        append(&mut form, "code_verifier", &flow.verifier);
        self.read_tokens(&endpoints, form).await
    }

    /// Exchanges a refresh token for tokens of today (RFC 6749 §6).
    pub(super) async fn refreshed(&self, refresh_token: &str) -> Result<Tokens, ProviderError> {
        let endpoints = self.endpoints().await?;
        let mut form = String::from("grant_type=refresh_token");
        append(&mut form, "refresh_token", refresh_token);
        self.read_tokens(&endpoints, form).await
    }

    async fn read_tokens(&self, endpoints: &Endpoints, form: String) -> Result<Tokens, ProviderError> {
        let said = self.post(endpoints, &endpoints.token, TOKEN_ENDPOINT, form).await?;
        let malformed = || ProviderError::Malformed { endpoint: TOKEN_ENDPOINT };
        let kind = said.token_type.ok_or_else(malformed)?;
        let is_bound = kind.eq_ignore_ascii_case("dpop") && self.key_at(endpoints).is_some();
        if !is_bound && !kind.eq_ignore_ascii_case("bearer") {
            return Err(malformed());
        }
        let refresh = said.refresh_token.filter(|token| !token.is_empty() && token.len() <= MAX_REFRESH_TOKEN);
        Ok(Tokens { access: said.access_token.ok_or_else(malformed)?, is_bound, id: said.id_token, refresh })
    }

    /// Gives a refresh token back (RFC 7009 §2.1), at a provider that takes it.
    pub(super) async fn revoke(&self, refresh_token: &str) -> Result<(), ProviderError> {
        let endpoints = self.endpoints().await?;
        let Some(address) = &endpoints.revocation else { return Ok(()) };
        let mut form = String::from("token_type_hint=refresh_token");
        append(&mut form, "token", refresh_token);
        let response = self.in_time(self.post_once(address, &form, None, None)).await?;
        if response.status().is_success() { Ok(()) } else { Err(remote_parts::not_found(address, &response).into()) }
    }

    /// Sends a form as the client that this service is there.
    async fn post(
        &self,
        endpoints: &Endpoints,
        address: &str,
        endpoint: &'static str,
        form: String,
    ) -> Result<Said, ProviderError> {
        let key = self.key_at(endpoints).filter(|_| endpoint == TOKEN_ENDPOINT);
        let posted = async {
            let response = self.post_once(address, &form, key, None).await?;
            let nonce = response.headers().get(DPOP_NONCE).filter(|_| key.is_some());
            match nonce.and_then(|nonce| nonce.to_str().ok()) {
                // RFC 9449 §8: with the nonce that it demands, once.
                Some(nonce) if says(&response).error.as_deref() == Some("use_dpop_nonce") => {
                    self.post_once(address, &form, key, Some(nonce)).await
                }
                _ => Ok(response),
            }
        };
        let response = self.in_time(posted).await?;
        let status = response.status();
        if status.is_success() || status.is_client_error() {
            // GitHub refuses by 200.
            match says(&response).error {
                // What GitHub calls it.
                Some(error) if error == "bad_refresh_token" => {
                    return Err(ProviderError::RefusedRequest(OAuthErrorCode::InvalidGrant));
                }
                Some(error) => return Err(ProviderError::RefusedRequest(OAuthErrorCode::of(&error))),
                None if status.is_success() => {}
                None => return Err(remote_parts::not_found(address, &response).into()),
            }
            let document = remote_parts::document(&response)?;
            return serde_json::from_slice(document).map_err(|_| ProviderError::Malformed { endpoint });
        }
        Err(remote_parts::not_found(address, &response).into())
    }

    async fn post_once(
        &self,
        address: &str,
        form: &str,
        key: Option<&DpopKey>,
        nonce: Option<&str>,
    ) -> Result<Response<Vec<u8>>, ProviderError> {
        let (mut form, mut fields) = (form.to_owned(), HeaderMap::new());
        let audience = self.issuer().unwrap_or(address);
        self.how.credentials.put(&mut form, &mut fields, audience).ok_or(ProviderError::Random)?;
        if let Some(key) = key {
            let proof = key.proof("POST", address);
            let proof = nonce.map_or_else(|| key.proof("POST", address), |nonce| proof.nonce(nonce));
            let proof = proof.sign().map_err(|_| ProviderError::Random)?;
            fields.insert(DPOP, HeaderValue::try_from(proof).map_err(|_| ProviderError::Random)?);
        }
        let request = Request::post(address).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut request = request.body(form.into_bytes()).map_err(FetchError::transport)?;
        request.headers_mut().extend(fields);
        Ok(remote_parts::send(self.client().await?, address, request, MAX_BYTES).await?)
    }

    /// A document of the provider for whoever holds an access token.
    pub(super) async fn get(&self, address: &str, tokens: &Tokens) -> Result<Vec<u8>, ProviderError> {
        let scheme = if tokens.is_bound { "DPoP" } else { "Bearer" };
        let value = HeaderValue::try_from(format!("{scheme} {}", tokens.access));
        let mut value = value.map_err(|_| ProviderError::Malformed { endpoint: TOKEN_ENDPOINT })?;
        value.set_sensitive(true);
        let mut request = Request::get(address).header(ACCEPT, "application/json").header(AUTHORIZATION, value);
        if let Some(key) = self.how.dpop.as_ref().filter(|_| tokens.is_bound) {
            let proof = key.proof("GET", address).for_token(&tokens.access).sign();
            request = request.header(DPOP, proof.map_err(|_| ProviderError::Random)?);
        }
        let request = request.body(Vec::new()).map_err(FetchError::transport)?;
        let sent = async { Ok(remote_parts::send(self.client().await?, address, request, MAX_BYTES).await?) };
        let response = self.in_time(sent).await?;
        match response.status() {
            StatusCode::OK => Ok(remote_parts::document(&response)?.to_vec()),
            _ => Err(remote_parts::not_found(address, &response).into()),
        }
    }
}

/// What an answer says, as far as it is JSON.
fn says(response: &Response<Vec<u8>>) -> Said {
    serde_json::from_slice(response.body()).unwrap_or_default()
}
