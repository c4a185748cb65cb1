//! One question to an issuer: where it is asked, how, and what the answer is.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::error::IntrospectionError;
use crate::answer::{Challenges, Scheme};
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::clock::Clock;
use crate::error::{AuthError, AuthenticatorBuildError, IntrospectionBuildError};
use crate::key::remote_parts::{self, Credentials, DefaultClient, Metadata, Method, RootCertificates};
use crate::key::{Fetch, FetchError, KeySource, Source};
use crate::transport::form::append;
use crate::verify::{AnyVerifier, Application, Authority, Party, Trust, Trusted, Validation, Verifier};

/// For how long an endpoint is not discovered again that answers.
const ENDPOINT_LIFETIME: Duration = Duration::from_secs(3600);
/// How many connections are kept open for the next question.
const IDLE_CONNECTIONS: usize = 8;
/// The longest age of a signed answer: it is made for this question.
const MAX_ANSWER_AGE: Duration = Duration::from_secs(60);
/// RFC 9701 §5.
const SIGNED: &str = "token-introspection+jwt";

/// Where is asked.
#[derive(Clone)]
pub(super) enum Place {
    /// At the endpoint that the metadata of this issuer names.
    Issuer(String),
    Endpoint(String),
}

impl Place {
    pub(super) fn name(&self) -> &str {
        let (Self::Issuer(name) | Self::Endpoint(name)) = self;
        name
    }
}

/// How is asked.
#[derive(Clone)]
pub(super) struct How {
    pub(super) place: Place,
    pub(super) issuer: Option<String>,
    pub(super) credentials: Credentials,
    pub(super) assertion_audience: Option<String>,
    pub(super) client: Option<Arc<dyn Fetch>>,
    pub(super) roots: RootCertificates,
    pub(super) plain_http: bool,
    pub(super) connect_timeout: Duration,
    pub(super) max_bytes: usize,
}

pub(super) struct Asker {
    how: How,
    signed: Option<Verifier<SignedAnswer>>,
    own_client: OnceCell<DefaultClient>,
    endpoint: Mutex<Option<(String, Instant)>>,
}

/// The claims of a signed answer (RFC 9701 §5).
#[derive(Deserialize)]
pub(super) struct SignedAnswer {
    token_introspection: Box<RawValue>,
}

impl Asker {
    pub(super) fn new(how: How, signed: Option<Verifier<SignedAnswer>>) -> Self {
        Self { how, signed, own_client: OnceCell::new(), endpoint: Mutex::default() }
    }

    /// The text of the JSON object that the issuer says of this token.
    pub(super) async fn ask(&self, token: &str) -> Result<String, IntrospectionError> {
        let client = self.client().await?;
        let endpoint = self.endpoint(client).await?;
        let request = self.request(&endpoint, token)?;
        let answer = self.answer(client, &endpoint, request).await;
        if answer.is_err() && matches!(self.how.place, Place::Issuer(_)) {
            // It may be somewhere else by now.
            *self.endpoint.lock().await = None;
        }
        answer
    }

    async fn client(&self) -> Result<&dyn Fetch, FetchError> {
        if let Some(client) = &self.how.client {
            return Ok(&**client);
        }
        let own = self.own_client.get_or_try_init(|| async {
            let (connect_timeout, roots) = (self.how.connect_timeout, self.how.roots.clone());
            // On a thread that may block, since it takes milliseconds.
            let make = move || DefaultClient::new(connect_timeout, IDLE_CONNECTIONS, roots.certificates()?);
            spawn_blocking(make).await.map_err(|_| FetchError::Stopped)?
        });
        Ok(own.await?)
    }

    async fn endpoint(&self, client: &dyn Fetch) -> Result<String, IntrospectionError> {
        let issuer = match &self.how.place {
            Place::Endpoint(endpoint) => return Ok(endpoint.clone()),
            Place::Issuer(issuer) => issuer,
        };
        let mut known = self.endpoint.lock().await;
        if let Some((endpoint, since)) = &*known
            && since.elapsed() < ENDPOINT_LIFETIME
        {
            return Ok(endpoint.clone());
        }
        let endpoint = self.named_by(remote_parts::discover(client, issuer).await?, issuer)?;
        *known = Some((endpoint.clone(), Instant::now()));
        Ok(endpoint)
    }

    fn named_by(&self, metadata: Metadata, issuer: &str) -> Result<String, IntrospectionError> {
        let by_certificate = matches!(self.how.credentials.method, Method::MutualTls);
        let alias = metadata.mtls_endpoint_aliases.introspection_endpoint.filter(|_| by_certificate);
        let endpoint = alias.or(metadata.introspection_endpoint).ok_or(IntrospectionError::NoEndpoint)?;
        remote_parts::check_named(&endpoint, issuer, self.how.plain_http)
            .map_err(|_| IntrospectionError::InsecureEndpoint)?;
        Ok(endpoint)
    }

    /// RFC 7662 §2.1, and RFC 9701 §4 where signed answers are demanded.
    fn request(&self, endpoint: &str, token: &str) -> Result<Request<Vec<u8>>, IntrospectionError> {
        let how = &self.how;
        let (mut form, mut fields) = (String::new(), http::HeaderMap::new());
        append(&mut form, "token", token);
        append(&mut form, "token_type_hint", "access_token");
        let audience = how.assertion_audience.as_deref().or(how.issuer.as_deref()).unwrap_or(endpoint);
        how.credentials.put(&mut form, &mut fields, audience).ok_or(IntrospectionError::Assertion)?;
        let accept = if self.signed.is_some() { "application/token-introspection+jwt" } else { "application/json" };
        let request = Request::post(endpoint).header(ACCEPT, accept);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut request = request.body(form.into_bytes()).map_err(FetchError::transport)?;
        request.headers_mut().extend(fields);
        Ok(request)
    }

    async fn answer(
        &self,
        client: &dyn Fetch,
        endpoint: &str,
        request: Request<Vec<u8>>,
    ) -> Result<String, IntrospectionError> {
        let response = remote_parts::send(client, endpoint, request, self.how.max_bytes).await?;
        match response.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(IntrospectionError::Credentials { status: status.as_u16() });
            }
            StatusCode::BAD_REQUEST if says_invalid_client(response.body()) => {
                return Err(IntrospectionError::Credentials { status: 400 });
            }
            _ => return Err(remote_parts::not_found(endpoint, &response).into()),
        }
        let is_signed = is_signed(&response);
        let document = remote_parts::document(&response)?;
        let text = std::str::from_utf8(document).map_err(|_| IntrospectionError::Answer)?;
        match &self.signed {
            None if is_signed => Err(IntrospectionError::Signed),
            None => Ok(text.to_owned()),
            Some(_) if !is_signed => Err(IntrospectionError::NotSigned),
            Some(verifier) => match verifier.verify_async(text.trim_ascii()).await {
                Ok(answer) => Ok(answer.claims().token_introspection.get().to_owned()),
                Err(error) => Err(IntrospectionError::BadSignature(error)),
            },
        }
    }
}

/// The media type of a signed answer, whatever parameters it has.
fn is_signed(response: &Response<Vec<u8>>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.strip_prefix(b"application/").is_some_and(|kind| kind.eq_ignore_ascii_case(SIGNED.as_bytes()))
}

fn says_invalid_client(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Failure {
        error: String,
    }
    serde_json::from_slice(body)
        .is_ok_and(|Failure { error }| matches!(&*error, "invalid_client" | "unauthorized_client"))
}

/// What verifies signed answers: the keys of the issuer, for this client alone, and made a moment ago.
pub(super) fn signed_answers(
    keys: KeySource,
    issuer: &str,
    client_id: &str,
    common: &Validation,
    clock: &Arc<dyn Clock>,
) -> Result<Verifier<SignedAnswer>, AuthenticatorBuildError> {
    let validation = Validation {
        issuers: vec![issuer.into()],
        audiences: vec![client_id.into()],
        types: vec![SIGNED.into()],
        expiry_required: false,
        max_age: Some(MAX_ANSWER_AGE),
        leeway: common.leeway,
        id_tokens_allowed: true,
        ..Validation::default()
    };
    let (keys, feed) = match keys.0 {
        Source::Live(keys) => (keys, None),
        Source::Fetched(feed) => {
            let keys = feed.start().map_err(IntrospectionBuildError::from)?;
            (keys, Some(feed))
        }
    };
    let trust = Arc::new(Trust::new(keys, validation.checked()?));
    let challenges = Challenges::new(None, &[Scheme::BEARER], None)?;
    let authority = Authority { hierarchy: ScopeHierarchy::default(), challenges, clock: clock.clone() };
    Ok(Verifier::of(AnyVerifier {
        trusted: Trusted::One(Party { trust, feed }),
        max_token_len: usize::MAX,
        application: Arc::new(Application::<SignedAnswer>::new(authority)),
        checked: false,
        clock: clock.clone(),
        kinds: Vec::new(),
        revocation: None,
        memory: None,
    }))
}

/// The error of a signed answer that is not known to be bad: keys that could not be had.
pub(super) fn retry_after(error: &IntrospectionError) -> Option<Duration> {
    match error {
        IntrospectionError::BadSignature(AuthError::Unavailable(unavailable)) => Some(unavailable.retry_after()),
        _ => None,
    }
}
