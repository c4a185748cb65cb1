//! `scoreboard-peers NAME`: one server with one crate, as its documentation has it. All are told the same by the environment.

mod tls;

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
struct User {
    sub: String,
}

type Failure = Box<dyn Error + Send + Sync>;

fn told(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The address at which clients reach it.
fn origin() -> String {
    if told("SETTING") == "tls" {
        format!("https://127.0.0.1:{}", told("TLS_PORT"))
    } else {
        format!("http://127.0.0.1:{}", told("PORT"))
    }
}

async fn serve(app: Router) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", told("PORT"))).await?;
    Ok(axum::serve(listener, app).await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The features that all of them switch on together leave jsonwebtoken and rustls with two backends.
    _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match env::args().nth(1).unwrap_or_default().as_str() {
        "huskarl-axum" => serve(huskarl().await?).await,
        "authkestra-axum" => serve(authkestra().await?).await,
        "oauth-resource-server" => serve(oauth_resource_server()?).await,
        "jwt-authorizer" => jwt_authorizer().await,
        "axum-jwt-auth" => serve(axum_jwt_auth().await?).await,
        "tower-oauth2-resource-server" => serve(tower_oauth2().await?).await,
        "recipe-axum" => serve(recipe_axum()).await,
        "recipe-actix" => recipe_actix().await,
        other => Err(format!("{other:?} is no server").into()),
    }
}

async fn huskarl() -> Result<Router, Failure> {
    use huskarl_axum::extensions::ClientCertDer;
    use huskarl_axum::layers::ValidatorLayer;
    use huskarl_axum::resource_server::core::EndpointUrl;
    use huskarl_axum::resource_server::core::client_auth::ClientSecret;
    use huskarl_axum::resource_server::core::jwt::JtiUniquenessChecker;
    use huskarl_axum::resource_server::core::platform::MaybeSendBoxFuture;
    use huskarl_axum::resource_server::core::secrets::{EnvVarSecret, encodings::StringEncoding};
    use huskarl_axum::resource_server::validator::custom::CustomValidator;
    use huskarl_axum::resource_server::validator::introspection::IntrospectionValidator;

    #[derive(Clone, Debug, Deserialize)]
    struct Nothing {}

    /// The store of used proofs, which its documentation leaves to the application.
    #[derive(Debug, Default)]
    struct Used(Mutex<HashSet<String>>);

    impl JtiUniquenessChecker for Used {
        fn check_and_mark_seen(
            &self,
            jti: &str,
        ) -> MaybeSendBoxFuture<'_, Result<bool, huskarl_axum::resource_server::core::Error>> {
            let is_new = self.0.lock().map(|mut all| all.insert(jti.to_owned())).unwrap_or(false);
            Box::pin(async move { Ok(!is_new) })
        }
    }

    let router = Router::new().route("/protected", get(async || "served\n"));
    let client = huskarl_reqwest::ReqwestClient::builder().build().await?;
    if told("SETTING") == "introspection" {
        let secret = EnvVarSecret::new("CLIENT_SECRET", &StringEncoding)?;
        let validator = IntrospectionValidator::builder()
            .client_id(told("CLIENT_ID"))
            .issuer(told("ISSUER"))
            .introspection_endpoint(told("INTROSPECTION_URL").parse()?)
            .aud(told("AUDIENCE"))
            .client_auth(ClientSecret::new(secret))
            .http_client(client)
            .build()
            .await?;
        let layer = ValidatorLayer::builder().validator(validator).base_url(origin())?.build();
        return Ok(router.layer(layer.authenticated()));
    }
    let jwks: EndpointUrl = told("JWKS_URL").parse()?;
    let validator = CustomValidator::builder()
        .with_claims::<Nothing>()
        .jwks_uri(jwks)
        .jwks_source(client)
        .iss(told("ISSUER"))
        .aud(told("AUDIENCE"))
        .dpop_jti_checker(Used::default())
        .build()
        .await?;
    let layer = ValidatorLayer::builder().validator(validator).base_url(origin())?.build();
    let app = router.layer(layer.authenticated());
    tls::serve(&app, ClientCertDer).await?;
    Ok(app)
}

async fn authkestra() -> Result<Router, Failure> {
    use authkestra_axum::Auth;
    use authkestra_engine::store::memory::MemoryStore;
    use authkestra_engine::token::cert_binding::ClientCertificateDer;
    use authkestra_resource::Guard;
    use authkestra_resource::dpop::DpopJtiRecord;
    use authkestra_resource::jwt::{JwtStrategy, ValidationConfig};
    use jsonwebtoken::Algorithm;

    async fn hello(Auth(user): Auth<User>) -> String {
        user.sub
    }
    let config = ValidationConfig::builder()
        .jwks_url(told("JWKS_URL"))
        .issuer(told("ISSUER"))
        .audience(told("AUDIENCE"))
        .algorithms(vec![Algorithm::RS256])
        .require_dpop(true)
        .dpop_resource_origin(origin())
        .require_cert_binding(told("SETTING") == "tls")
        .build();
    let used = MemoryStore::<DpopJtiRecord>::new();
    let strategy = JwtStrategy::<User>::new(config).with_dpop_replay_store(Arc::new(used));
    let guard = Arc::new(Guard::builder().strategy(strategy).build());
    let app = Router::new().route("/protected", get(hello)).with_state(guard);
    tls::serve(&app, ClientCertificateDer).await?;
    Ok(app)
}

fn oauth_resource_server() -> Result<Router, Failure> {
    use oauth_resource_server::axum::{AuthLayer, metadata_router};
    use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator, static_token_policy};

    let config: OAuthConfig = serde_json::from_value(serde_json::json!({
        "enabled": true,
        "issuer": told("ISSUER"),
        "audience": told("AUDIENCE"),
        "resource": format!("http://127.0.0.1:{}/protected", told("PORT")),
        "required_scope": "orders:read",
    }))?;
    let resolved = config.resolve(KeyNaming::Dotted("oauth"))?.ok_or("it is not enabled")?;
    let oauth = Arc::new(OAuthValidator::new(&resolved)?);
    oauth.spawn_background_refresh();
    let decision = static_token_policy(None, Some(&resolved), false)?;
    let auth = AuthLayer::from_decision(decision, Some(Arc::clone(&oauth)))?;
    Ok(Router::new()
        .route("/protected", get(async || "served\n"))
        .route_layer(auth)
        .merge(metadata_router(Some(oauth))))
}

async fn jwt_authorizer() -> Result<(), Failure> {
    use axum07::routing::get;
    use jwt_authorizer::{AuthorizerBuilder, IntoLayer, JwtClaims, Validation};

    async fn hello(JwtClaims(user): JwtClaims<User>) -> String {
        user.sub
    }
    let (issuer, audience) = (told("ISSUER"), told("AUDIENCE"));
    let validation = Validation::new().iss(&[issuer]).aud(&[audience]);
    let builder: AuthorizerBuilder<User> = AuthorizerBuilder::from_jwks_url(&told("JWKS_URL"));
    let authorizer = builder.validation(validation).build().await?;
    let app = axum07::Router::new().route("/protected", get(hello)).layer(authorizer.into_layer());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", told("PORT"))).await?;
    Ok(axum07::serve(listener, app).await?)
}

async fn axum_jwt_auth() -> Result<Router, Failure> {
    use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
    use jsonwebtoken10::{Algorithm, Validation};

    async fn hello(user: Claims<User>) -> String {
        user.claims.sub
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[told("AUDIENCE")]);
    validation.set_issuer(&[told("ISSUER")]);
    let decoder = RemoteJwksDecoder::builder().jwks_url(told("JWKS_URL")).validation(validation).build()?;
    let decoder = Arc::new(decoder);
    // It ends with the process.
    std::mem::forget(decoder.initialize().await?);
    let decoder: Decoder<User> = decoder;
    Ok(Router::new().route("/protected", get(hello)).with_state(decoder))
}

async fn tower_oauth2() -> Result<Router, Failure> {
    use axum::Extension;
    use tower_oauth2_resource_server::server::OAuth2ResourceServer;
    use tower_oauth2_resource_server::tenant::TenantConfiguration;

    async fn hello(Extension(user): Extension<User>) -> String {
        user.sub
    }
    let tenant = TenantConfiguration::builder(told("ISSUER")).audiences(&[told("AUDIENCE")]).build().await?;
    let server = OAuth2ResourceServer::<User>::builder().add_tenant(tenant).build().await?;
    Ok(Router::new().route("/protected", get(hello)).layer(server.into_layer()))
}

/// `jsonwebtoken::decode` with a key and a validation that were made at the start.
struct Recipe {
    key: jsonwebtoken::DecodingKey,
    validation: jsonwebtoken::Validation,
}

impl Recipe {
    fn new() -> Self {
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_issuer(&[told("ISSUER")]);
        validation.set_audience(&[told("AUDIENCE")]);
        let pem = told("PUBLIC_KEY");
        Self { key: jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"), validation }
    }

    fn verify(&self, token: &str) -> Option<User> {
        jsonwebtoken::decode::<User>(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }
}

fn recipe_axum() -> Router {
    use axum::RequestPartsExt;
    use axum::extract::{FromRef, FromRequestParts};
    use axum::http::StatusCode;
    use axum::http::request::Parts;
    use axum_extra::TypedHeader;
    use axum_extra::headers::Authorization;
    use axum_extra::headers::authorization::Bearer;

    struct Authenticated(User);

    impl<S> FromRequestParts<S> for Authenticated
    where
        Arc<Recipe>: FromRef<S>,
        S: Send + Sync,
    {
        type Rejection = StatusCode;

        async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
            let TypedHeader(Authorization(bearer)) =
                parts.extract::<TypedHeader<Authorization<Bearer>>>().await.map_err(|_| StatusCode::UNAUTHORIZED)?;
            let recipe: Arc<Recipe> = FromRef::from_ref(state);
            recipe.verify(bearer.token()).map(Self).ok_or(StatusCode::UNAUTHORIZED)
        }
    }

    async fn hello(Authenticated(user): Authenticated) -> String {
        user.sub
    }
    Router::new().route("/protected", get(hello)).with_state(Arc::new(Recipe::new()))
}

async fn recipe_actix() -> Result<(), Failure> {
    use actix_web::dev::ServiceRequest;
    use actix_web::web::Data;
    use actix_web::{App, HttpMessage, HttpServer, web};
    use actix_web_httpauth::extractors::bearer::{BearerAuth, Config};
    use actix_web_httpauth::extractors::{AuthenticationError, bearer};
    use actix_web_httpauth::middleware::HttpAuthentication;

    async fn check(
        request: ServiceRequest,
        credentials: BearerAuth,
    ) -> Result<ServiceRequest, (actix_web::Error, ServiceRequest)> {
        let recipe = request.app_data::<Data<Recipe>>().expect("it is there");
        match recipe.verify(credentials.token()) {
            Some(user) => {
                request.extensions_mut().insert(user);
                Ok(request)
            }
            None => {
                let config = request.app_data::<Config>().cloned().unwrap_or_default();
                let config: bearer::Config = config;
                Err((AuthenticationError::from(config).into(), request))
            }
        }
    }

    let recipe = Data::new(Recipe::new());
    let port: u16 = told("PORT").parse()?;
    let run = move || {
        actix_web::rt::System::new().block_on(
            HttpServer::new(move || {
                App::new().service(
                    web::resource("/protected")
                        .app_data(recipe.clone())
                        .wrap(HttpAuthentication::bearer(check))
                        .to(async |user: web::ReqData<User>| user.sub.clone()),
                )
            })
            .workers(2)
            .bind(("127.0.0.1", port))?
            .run(),
        )
    };
    Ok(tokio::task::spawn_blocking(run).await??)
}
