//! A server on axum that takes the tokens of an identity provider.
//!
//! `OIDC_ISSUER=https://login.example.com OIDC_AUDIENCE=api cargo run -p oidc-axum`, then `curl` its `/me` with a token
//! of that provider. `PORT` is 3000, 0 for any. `OIDC_ALGORITHMS`, such as `RS256,ES256`, are the only ones that are used;
//! without it, those that the keys name. With `OIDC_INTROSPECT=ID:SECRET`, tokens that are no JWTs are good too: the provider
//! is asked about them, as the client of that identifier and secret. With `OIDC_LOGOUT_CLIENT`, the client id at the provider,
//! whoever logs out there is logged out here: logout tokens and security events come in at `/auth/provider-events`. Without
//! keys from the provider it does not start, unless `OIDC_START_ANYWAY` is set.

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use jwt_tower::error::AuthenticatorBuildError;
use jwt_tower::introspection::Introspection;
use jwt_tower::key::{FetchError, UnknownAlgorithm};
use jwt_tower::login::logout::{LogoutBuildError, LogoutProvider, LogoutReceiver};
use jwt_tower::store::StoreError;
use jwt_tower::{Algorithm, Authenticator, Claims, JwtAuth, LogoutRoute, MemoryStore, RemoteKeySet, Revocations};

/// What this service wants to know. `sub` is in the tokens of every provider.
#[derive(serde::Deserialize)]
struct User {
    sub: String,
}

async fn me(Claims(user): Claims<User>) -> String {
    format!("Hello, {}!\n", user.sub)
}

async fn healthy(State(keys): State<RemoteKeySet>) -> (StatusCode, Json<serde_json::Value>) {
    let (usable, body) = health(&keys);
    (if usable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

const USAGE: &str = "\
A server on axum that takes the tokens of an identity provider.

usage: OIDC_ISSUER=URL OIDC_AUDIENCE=NAME [PORT=PORT] cargo run -p oidc-axum

  OIDC_ISSUER          the `iss` of the provider's tokens, such as https://login.example.com
  OIDC_AUDIENCE        what this service is called in the `aud` of the provider's tokens
  OIDC_INTROSPECT      ID:SECRET of a client that may ask the provider about tokens: accept opaque tokens too
  OIDC_LOGOUT_CLIENT   what the provider calls this application in the `aud` of its logout tokens: takes them, and
                       security events, at /auth/provider-events
  PORT                 where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
  OIDC_START_ANYWAY=1  serve at once, and answer 503 until the keys of the provider have arrived
";

#[tokio::main]
async fn main() -> ExitCode {
    command_line::arguments(USAGE, 0);
    // Every fetch that fails and every rejection is in the log, with its reason.
    tracing_subscriber::fmt().init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oidc-axum: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), StartError> {
    let settings = Settings::read()?;
    let mut keys = RemoteKeySet::discover(settings.issuer.clone());
    if let Some(algorithms) = settings.algorithms {
        keys = keys.algorithms(algorithms);
    }
    // What was ended. With several instances, in Redis: the feature `redis`, and a `RedisStore` in the place of this one.
    let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
    let logouts = settings.logout_client.map(|client| LogoutProvider::new(settings.issuer.clone(), &keys, client));
    let logouts =
        logouts.map(|provider| LogoutReceiver::builder(&revocations).provider(provider).build()).transpose()?;
    let mut builder =
        Authenticator::<User>::builder().keys(&keys).audience(settings.audience).revocations(&revocations);
    if let Some((id, secret)) = settings.introspect {
        builder = builder.introspect(Introspection::discover(settings.issuer).client_secret(id, secret));
    }
    let auth = builder.build()?;
    if !settings.start_anyway {
        keys.ready().await?;
    }
    let app = Router::new()
        .route("/me", get(me))
        .layer(JwtAuth::new(auth))
        .route("/health", get(healthy))
        .layer(LogoutRoute::new(logouts))
        .with_state(keys);
    let listener = tokio::net::TcpListener::from_std(command_line::listen(settings.port))?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// What the environment says.
struct Settings {
    issuer: String,
    audience: String,
    /// The only ones that are used.
    algorithms: Option<Vec<Algorithm>>,
    /// Identifier and secret by which the provider is asked about tokens that are no JWTs.
    introspect: Option<(String, String)>,
    /// The client at the provider whose logouts are taken.
    logout_client: Option<String>,
    port: u16,
    /// Serve at once, and answer 503 until the keys have arrived.
    start_anyway: bool,
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "OIDC_ISSUER is not set: the `iss` of your provider's tokens, such as https://login.example.com (see docs/how-to/identity-provider.md)"
    )]
    NoIssuer,
    #[error("OIDC_AUDIENCE is not set: what this service is called in the `aud` of your provider's tokens")]
    NoAudience,
    #[error("OIDC_ALGORITHMS: {name:?} is {error}, with commas between them")]
    Algorithm { name: String, error: UnknownAlgorithm },
    #[error("OIDC_INTROSPECT is not an identifier, a colon and a secret, of a client that may introspect tokens")]
    Introspect,
    #[error("PORT is no port: {0}")]
    Port(#[from] std::num::ParseIntError),
    #[error("OIDC_ISSUER and OIDC_AUDIENCE do not go: {0}")]
    Config(#[from] AuthenticatorBuildError),
    #[error(
        "no keys from OIDC_ISSUER: {0} (set OIDC_START_ANYWAY=1 to serve all the same, with 503 until they arrive)"
    )]
    Keys(#[from] FetchError),
    #[error("OIDC_LOGOUT_CLIENT does not go: {0}")]
    Logouts(#[from] LogoutBuildError),
    #[error("the list of what was ended cannot be opened: {0}")]
    Store(#[from] StoreError),
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
}

impl Settings {
    fn read() -> Result<Self, StartError> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            issuer: set("OIDC_ISSUER").ok_or(StartError::NoIssuer)?,
            audience: set("OIDC_AUDIENCE").ok_or(StartError::NoAudience)?,
            algorithms: set("OIDC_ALGORITHMS").map(|names| algorithms(&names)).transpose()?,
            introspect: set("OIDC_INTROSPECT").map(|pair| client(&pair).ok_or(StartError::Introspect)).transpose()?,
            logout_client: set("OIDC_LOGOUT_CLIENT"),
            port: set("PORT").map_or(Ok(3000), |port| port.parse())?,
            start_anyway: set("OIDC_START_ANYWAY").is_some(),
        })
    }
}

/// Names of algorithms with commas between them.
fn algorithms(names: &str) -> Result<Vec<Algorithm>, StartError> {
    let algorithm = |name: &str| name.parse().map_err(|error| StartError::Algorithm { name: name.to_owned(), error });
    names.split(',').map(str::trim).map(algorithm).collect()
}

/// An identifier and a secret, with a colon between them.
fn client(pair: &str) -> Option<(String, String)> {
    let (id, secret) = pair.split_once(':')?;
    (!id.is_empty() && !secret.is_empty()).then(|| (id.to_owned(), secret.to_owned()))
}

/// What strangers may know: well or not. Addresses, ages and errors of the keys are in the log, which has every fetch that
/// fails with its reason, and in `keys.status()` for a page that only operators can open.
fn health(keys: &RemoteKeySet) -> (bool, serde_json::Value) {
    let usable = keys.status().is_usable();
    (usable, serde_json::json!({ "status": if usable { "ok" } else { "unavailable" } }))
}
