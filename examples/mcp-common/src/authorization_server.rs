//! The smallest authorization server that clients of the Model Context Protocol can find their way through: metadata (RFC
//! 8414), registration of clients (RFC 7591), authorization codes with PKCE (RFC 7636), resource indicators (RFC 8707), and
//! `iss` in its answers (RFC 9207).
//!
//! For trying out, and for nothing else: it asks nobody for a password.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jwt_core::{Algorithm, Issuer, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_http::cors::CorsLayer;

/// Who can be signed in, and what they may be granted.
const USERS: [(&str, &[&str]); 2] =
    [("alice", &["notes", "notes:write"]), ("root", &["notes", "notes:write", "admin"])];

/// How long an authorization code is good.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// The most that is remembered of strangers.
const MAX_REMEMBERED: usize = 1_000;

/// An authorization server that runs until the process ends.
#[derive(Debug)]
pub struct AuthorizationServer {
    issuer: String,
}

impl AuthorizationServer {
    /// Starts one on any free port of this machine, for one resource. Needs a Tokio runtime.
    ///
    /// # Errors
    /// Where no port is free, or no key can be made.
    pub fn start(resource: &str) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let name = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let issuer =
            Issuer::builder(&name).audience(resource).signing_key(SigningKey::generate(Algorithm::ES256)?).build()?;
        let place = Arc::new(Place { name: name.clone(), issuer, clients: Mutex::default(), codes: Mutex::default() });
        let app = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/jwks", get(jwks))
            .route("/register", post(register))
            .route("/authorize", get(ask))
            .route("/authorize/{user}", get(authorize))
            .route("/token", post(token))
            .layer(CorsLayer::permissive())
            .with_state(place);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { issuer: name })
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

struct Place {
    name: String,
    issuer: Issuer,
    /// The redirect URIs of each client.
    clients: Mutex<HashMap<String, Vec<String>>>,
    codes: Mutex<HashMap<String, Grant>>,
}

/// What an authorization code stands for.
struct Grant {
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    subject: &'static str,
    scope: String,
    until: Instant,
}

async fn metadata(State(place): State<Arc<Place>>) -> Json<Value> {
    let Place { name, .. } = &*place;
    Json(json!({
        "issuer": name,
        "authorization_endpoint": format!("{name}/authorize"),
        "token_endpoint": format!("{name}/token"),
        "registration_endpoint": format!("{name}/register"),
        "jwks_uri": format!("{name}/jwks"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": USERS[1].1,
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(place): State<Arc<Place>>) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "application/jwk-set+json")], place.issuer.jwks())
}

async fn register(State(place): State<Arc<Place>>, Json(mut client): Json<Value>) -> Response {
    let uris: Option<Vec<String>> = serde_json::from_value(client["redirect_uris"].clone()).ok();
    let Some(uris) = uris.filter(|uris| !uris.is_empty()) else { return refused("invalid_redirect_uri") };
    let Some(id) = random() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let mut clients = place.clients.lock().unwrap_or_else(PoisonError::into_inner);
    if clients.len() >= MAX_REMEMBERED {
        clients.clear();
    }
    clients.insert(id.clone(), uris);
    client["client_id"] = id.into();
    client["token_endpoint_auth_method"] = "none".into();
    (StatusCode::CREATED, Json(client)).into_response()
}

#[derive(Debug, Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    code_challenge_method: String,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    scope: String,
}

impl Place {
    /// Nothing is sent to an address that the client has not registered.
    fn knows(&self, asked: &Asked) -> bool {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let uris = clients.get(&asked.client_id);
        asked.code_challenge_method == "S256" && uris.is_some_and(|uris| uris.contains(&asked.redirect_uri))
    }
}

/// A page with a link for each user.
async fn ask(State(place): State<Arc<Place>>, Query(asked): Query<Asked>, request: http::Uri) -> Response {
    if !place.knows(&asked) {
        return refused("invalid_request");
    }
    // A query has no character that HTML would take for another, but `&`.
    let query = request.query().unwrap_or_default().replace('&', "&amp;").replace(['"', '<'], "");
    let mut links = String::new();
    for (user, scopes) in USERS {
        let scopes = scopes.join(", ");
        let _ = write!(links, "<p><a href=\"/authorize/{user}?{query}\">Continue as {user}</a>, who has {scopes}</p>");
    }
    Html(format!("<!doctype html><title>Notes</title><h1>A client wants to use Notes</h1>{links}")).into_response()
}

async fn authorize(State(place): State<Arc<Place>>, Path(user): Path<String>, Query(asked): Query<Asked>) -> Response {
    let user = USERS.into_iter().find(|(name, _)| *name == user);
    let (Some((subject, may)), true, Some(code)) = (user, place.knows(&asked), random()) else {
        return refused("invalid_request");
    };
    let scope = asked.scope.split(' ').filter(|scope| may.contains(scope)).collect::<Vec<_>>().join(" ");
    let mut answer = format!("code={code}&iss={}", escaped(&place.name));
    if let Some(state) = &asked.state {
        let _ = write!(answer, "&state={}", escaped(state));
    }
    let separator = if asked.redirect_uri.contains('?') { '&' } else { '?' };
    let to = format!("{}{separator}{answer}", asked.redirect_uri);
    let Asked { client_id, redirect_uri, code_challenge, .. } = asked;
    let until = Instant::now() + CODE_LIFETIME;
    let mut codes = place.codes.lock().unwrap_or_else(PoisonError::into_inner);
    if codes.len() >= MAX_REMEMBERED {
        codes.retain(|_, grant| grant.until > Instant::now());
    }
    codes.insert(code, Grant { client_id, redirect_uri, code_challenge, subject, scope, until });
    Redirect::to(&to).into_response()
}

#[derive(Debug, Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    code_verifier: String,
    client_id: String,
    redirect_uri: String,
}

async fn token(State(place): State<Arc<Place>>, Form(exchange): Form<Exchange>) -> Response {
    if exchange.grant_type != "authorization_code" {
        return refused("unsupported_grant_type");
    }
    let grant = place.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&exchange.code);
    let challenge = base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, exchange.code_verifier.as_bytes()));
    let is_good = |grant: &Grant| {
        grant.until > Instant::now()
            && grant.client_id == exchange.client_id
            && grant.redirect_uri == exchange.redirect_uri
            && grant.code_challenge == challenge
    };
    let Some(grant) = grant.filter(is_good) else { return refused("invalid_grant") };
    let claims = json!({"sub": grant.subject, "client_id": grant.client_id, "scope": grant.scope});
    match place.issuer.sign(&claims) {
        Ok(token) => Json(json!({
            "access_token": token.as_str(),
            "token_type": "Bearer",
            "expires_in": token.expires_in().as_secs(),
            "scope": grant.scope,
        }))
        .into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn refused(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response()
}

/// A text that nobody guesses.
fn random() -> Option<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).ok()?;
    Some(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
}

/// A text in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
