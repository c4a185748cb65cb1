//! The ready routes of logins, as a layer.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use jwt_core::adapter::AnyClaims;
use jwt_core::login::{BodyError, LoginRoute};
use jwt_core::{Authenticator, Logins};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Unread, read};
use crate::route_future::RouteFuture;

/// Serves the [ready routes](LoginRoute) of logins, such as `/auth/refresh` and `/auth/logout`, and passes everything else
/// on; the extractor `SameOrigin`, by which a handler logs in, needs it too. Goes outside of
/// [`JwtAuth`](crate::JwtAuth), since these requests have no good access token, or none yet.
///
/// The authenticator is the one that these logins have built: it says whose devices are listed and ended.
///
/// ```
/// # use std::sync::Arc;
/// # use axum::{Router, routing::get};
/// # use jwt_tower::{Algorithm, Issuer, MemoryStore, RefreshTokens, SigningKey};
/// use jwt_tower::{JwtAuth, LoginRoutes, Logins};
///
/// # #[derive(serde::Deserialize)]
/// # struct User { name: String }
/// # async fn me() {}
/// # let key = SigningKey::generate(Algorithm::ES256)?;
/// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
/// let logins = Logins::builder(issuer, refresh_tokens).build()?;
/// let auth = logins.authenticator::<User>().build()?;
/// let app: Router = Router::new()
///     .route("/me", get(me))
///     .layer(JwtAuth::new(auth.clone()))
///     .layer(LoginRoutes::new(logins, auth)); // the last layer is the outermost
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoginRoutes {
    logins: Logins,
    authenticator: Authenticator<AnyClaims>,
}

impl LoginRoutes {
    /// The routes of these logins.
    pub fn new<C>(logins: Logins, authenticator: Authenticator<C>) -> Self {
        Self { logins, authenticator: authenticator.untyped() }
    }
}

impl fmt::Debug for LoginRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoginRoutes").field(&self.logins).finish()
    }
}

impl<S> Layer<S> for LoginRoutes {
    type Service = LoginRoutesService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LoginRoutesService { inner, routes: self.clone() }
    }
}

/// The service that [`LoginRoutes`] makes.
#[derive(Debug, Clone)]
pub struct LoginRoutesService<S> {
    inner: S,
    routes: LoginRoutes,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for LoginRoutesService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body<Data: Send> + Send + 'static,
    ResBody: From<String>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let LoginRoutes { logins, authenticator } = &self.routes;
        if let Some(route) = logins.route(&request) {
            RouteFuture::answering(answer(route, authenticator.clone(), request))
        } else {
            if logins.may_be_attempted(&request) {
                request.extensions_mut().insert(logins.clone());
            }
            RouteFuture::passed(self.inner.call(request))
        }
    }
}

async fn answer<B>(route: LoginRoute, authenticator: Authenticator<AnyClaims>, request: Request<B>) -> Response<String>
where
    B: Body,
{
    let (head, body) = request.into_parts();
    let body = read(body, LoginRoute::MAX_BODY).await;
    route.respond(&authenticator, &head, body.as_deref().map_err(|error| *error)).await
}

impl From<Unread> for BodyError {
    fn from(why: Unread) -> Self {
        match why {
            Unread::TooLong => Self::TooLong,
            Unread::Broken => Self::Broken,
        }
    }
}
