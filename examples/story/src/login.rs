//! The login service: signs tokens, publishes its public keys, and revokes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use jwt_core::Sessions;
use jwt_core::login::Login;
use jwt_core::login::logout::LogoutReceiver;
use jwt_core::{Algorithm, Issuer, LoginCookies, Revocations, SigningKey};
use jwt_tower::{Claims, Jwks, JwtAuth, LogoutRoute};

use crate::access::{self, BRIEF};
use crate::provider::Provider;
use crate::user::{Place, SignIn, User};
use crate::witness;
use crate::world::World;

pub(crate) const ISSUER: &str = "https://login.example.com";
/// The name of the key that signs until it is rotated.
pub(crate) const FIRST_KEY: &str = "key-1";
/// How long a token lasts: short, since it cannot be taken back without a list.
pub(crate) const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Whoever signs, and whoever rotates the key.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    usual: Issuer,
    brief: Issuer,
    keys: Arc<AtomicUsize>,
    /// Whether keys are of ML-DSA-65 from now on.
    ml_dsa: Arc<AtomicBool>,
}

impl Signer {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        // #issuer
        let key = SigningKey::generate(Algorithm::ES256)?.with_kid(FIRST_KEY);
        let issuer = |lifetime| {
            Issuer::builder(ISSUER)
                .audience("orders")
                .audience("invoices")
                .signing_key(key.clone())
                .access_token_lifetime(lifetime)
                .build()
        };
        let (keys, ml_dsa) = (Arc::new(AtomicUsize::new(1)), Arc::default());
        Ok(Self { usual: issuer(LIFETIME)?, brief: issuer(BRIEF)?, keys, ml_dsa })
    }

    /// Signs with a new key of ML-DSA-65 from now on, or with one of ES256 again. What is verified already does not
    /// change: the keys of both kinds are published side by side.
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub(crate) fn set_ml_dsa(&self, ml_dsa: bool) -> Result<String, Box<dyn Error + Send + Sync>> {
        self.ml_dsa.store(ml_dsa, Ordering::Release);
        self.rotate()
    }

    /// By which algorithm tokens are signed.
    pub(crate) fn algorithm(&self) -> Algorithm {
        if self.ml_dsa.load(Ordering::Acquire) { Algorithm::MlDsa65 } else { Algorithm::ES256 }
    }

    /// Signs with a new key from now on, without a head start: an instance that does not know the key yet fetches it
    /// when the first token of it comes. With `Issuer::rotate`, it would have it by then.
    ///
    /// # Errors
    /// If the operating system gives no random numbers.
    pub(crate) fn rotate(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        // #rotate
        let kid = format!("key-{}", self.keys.fetch_add(1, Ordering::AcqRel) + 1);
        let key = SigningKey::generate(self.algorithm())?.with_kid(&*kid);
        for issuer in [&self.usual, &self.brief] {
            issuer.publish(key.clone())?;
            issuer.activate(&kid)?;
        }
        Ok(kid)
    }

    /// The name of the key that signs.
    pub(crate) fn active_kid(&self) -> String {
        self.usual.active_kid().unwrap_or_default()
    }
}

struct Office {
    signer: Signer,
    cookies: LoginCookies,
    revocations: Revocations,
}

/// The routes of the service.
pub(crate) async fn router(
    signer: Signer,
    provider: &Provider,
    world: Arc<World>,
) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let cache = world.cache.connect().await?;
    let revocations = Revocations::builder(cache.clone()).open().await?;
    // #logout-receiver
    // What the provider says has ended is over for every service: sessions in the cache, and on the list the rest.
    let sessions = Sessions::builder(cache).build()?;
    let receiver = LogoutReceiver::builder(&revocations).sessions(&sessions).provider(provider.trusted()).build()?;
    let cookies = access::cookies()?;
    let authenticator = signer
        .usual
        .authenticator::<User>()
        .source(jwt_core::TokenSource::bearer())
        .source(cookies.source())
        .leeway(Duration::ZERO)
        .revocations(&revocations)
        .build()?;
    let jwks = Jwks::new(signer.usual.clone());
    let office = Arc::new(Office { signer, cookies, revocations });
    Ok(Router::new()
        .route("/revoke", post(revoke))
        .layer(JwtAuth::new(authenticator))
        .route("/login", post(login).delete(logout))
        .route_service("/.well-known/jwks.json", jwks)
        .with_state(office)
        .layer(LogoutRoute::new(receiver))
        .layer(axum::middleware::from_fn_with_state((world, "login".to_owned()), crate::orders::watch)))
}

async fn login(State(office): State<Arc<Office>>, Json(sign_in): Json<SignIn>) -> Response {
    // #login
    let issuer = if sign_in.brief { &office.signer.brief } else { &office.signer.usual };
    let Some(user) = User::named(&sign_in.name) else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(token) = issuer.sign(&user) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let login = Login::new(token);
    match sign_in.place {
        // A browser would drop it without a word.
        Place::Cookie if !login.fits_cookies(&office.cookies) => {
            witness::logged(format!("a token of {} characters is no cookie", login.access_token().as_str().len()));
            StatusCode::UNPROCESSABLE_ENTITY.into_response()
        }
        // #cookie
        Place::Cookie => (StatusCode::NO_CONTENT, login.dangerous_set_cookies(&office.cookies)).into_response(),
        // #storage
        Place::Storage => (office.cookies.clear(), login.json().map(Body::from)).into_response(),
    }
}

async fn logout(State(office): State<Arc<Office>>) -> Response {
    (StatusCode::NO_CONTENT, office.cookies.clear()).into_response()
}

async fn revoke(State(office): State<Arc<Office>>, Claims(user): Claims<User>) -> StatusCode {
    witness::proved();
    let (Some(issuer), Some(id), Some(end)) = (user.issuer(), user.token_id(), user.expires_at()) else {
        return StatusCode::BAD_REQUEST;
    };
    // #revoke
    match office.revocations.revoke(issuer, id, end).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) => {
            witness::logged(error);
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
