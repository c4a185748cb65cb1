//! `kit-servers tower|actix`: a server as an application would write it. What it expects, and where it listens, it is told by
//! the environment that `jwt-conformance` starts it in.

use std::env;
use std::error::Error;
use std::time::Duration;

use jwt_core::binding::{Dpop, DpopNonces};
use jwt_core::introspection::Introspection;
use jwt_core::metadata::ResourceMetadata;
use jwt_core::{Algorithm, Authenticator, RemoteKeySet, Scopes, TokenCache, TokenSource};

/// What the guards look at.
#[derive(serde::Deserialize)]
struct User {
    #[serde(default)]
    scope: Scopes,
}

const SCOPE: &str = "orders:read";
const ACR: &str = "gold";
const MAX_AGE: Duration = Duration::from_secs(300);

fn main() -> Result<(), Box<dyn Error>> {
    let framework = env::args().nth(1).unwrap_or_default();
    let port: u16 = env::var("PORT")?.parse()?;
    let runtime = tokio::runtime::Runtime::new()?;
    // Keys that are fetched are fetched in there, whichever framework serves.
    let inside = runtime.enter();
    let metadata = ResourceMetadata::builder(format!("http://127.0.0.1:{port}/protected"))
        .authorization_server(env::var("ISSUER")?)
        .build()?;
    let auth = authenticator(&metadata)?;
    drop(inside);
    match &*framework {
        "tower" => Ok(runtime.block_on(tower(port, auth, metadata))?),
        "actix" => Ok(actix_web::rt::System::new().block_on(actix(port, auth, metadata))?),
        _ => Err("usage: kit-servers tower|actix".into()),
    }
}

fn authenticator(metadata: &ResourceMetadata) -> Result<Authenticator<User>, Box<dyn Error>> {
    let algorithms: Vec<Algorithm> = env::var("ALGORITHMS")?.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let introspection = Introspection::at(env::var("INTROSPECTION_URL")?)
        .issuer(env::var("ISSUER")?)
        .client_secret(env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?)
        .timeout(Duration::from_secs(2));
    let mut builder = Authenticator::<User>::builder()
        .keys(RemoteKeySet::jwks(env::var("JWKS_URL")?).algorithms(algorithms))
        .issuer(env::var("ISSUER")?)
        .audience(env::var("AUDIENCE")?)
        .leeway(Duration::ZERO)
        .typ("at+jwt")
        .introspect(&introspection)
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("access_token"))
        .required_claim("sub")
        .scopes(|user: &User| &user.scope)
        .resource_metadata(metadata);
    match &*env::var("SETTING").unwrap_or_default() {
        "profile" => builder = builder.access_token_profile(),
        "nonce" => builder = builder.dpop(Dpop::new().nonces(&DpopNonces::of_this_process()?)),
        "cache" => builder = builder.cache(TokenCache::new()),
        _ => {}
    }
    Ok(builder.build()?)
}

async fn tower(port: u16, auth: Authenticator<User>, metadata: ResourceMetadata) -> std::io::Result<()> {
    use axum::Router;
    use axum::routing::{any, get};
    use jwt_tower::{JwtAuth, MetadataRoute, Require};

    let strong = Require::acr(ACR).and(Require::authenticated_within(MAX_AGE));
    let app = Router::new()
        .route("/protected", any(async || "served\n"))
        .route("/scope", get(async || "served\n").layer(Require::scope(SCOPE)))
        .route("/step-up", get(async || "served\n").layer(strong))
        .layer(JwtAuth::new(auth))
        .layer(MetadataRoute::new(metadata));
    axum::serve(tokio::net::TcpListener::bind(("127.0.0.1", port)).await?, app).await
}

async fn actix(port: u16, auth: Authenticator<User>, metadata: ResourceMetadata) -> std::io::Result<()> {
    use actix_web::{App, HttpServer, web};
    use jwt_actix::{JwtAuth, MetadataRoute, Require};

    let server = HttpServer::new(move || {
        let strong = Require::acr(ACR).and(Require::authenticated_within(MAX_AGE));
        App::new()
            .route("/protected", web::to(async || "served\n"))
            .service(web::resource("/scope").wrap(Require::scope(SCOPE)).to(async || "served\n"))
            .service(web::resource("/step-up").wrap(strong).to(async || "served\n"))
            .wrap(JwtAuth::new(auth.clone()))
            .wrap(MetadataRoute::new(metadata.clone()))
    });
    server.workers(2).bind(("127.0.0.1", port))?.run().await
}
