//! The ready routes of logins, as middleware.

use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage, HttpResponse};
use jwt_core::adapter::AnyClaims;
use jwt_core::login::{BodyError, LoginRoute};
use jwt_core::{Authenticator, Logins};

use crate::body::{Unread, read};
use crate::request::Head;
use crate::response::response;
use crate::route_future::RouteFuture;

/// Serves the [ready routes](LoginRoute) of logins, such as `/auth/refresh` and `/auth/logout`, and passes everything else
/// on; the extractor [`SameOrigin`](crate::SameOrigin), by which a handler logs in, needs it too. Goes around the `App`,
/// outside of [`JwtAuth`](crate::JwtAuth), since these requests have no good access token, or none yet.
///
/// The authenticator is the one that these logins have built: it says whose devices are listed and ended.
///
/// ```
/// # use std::sync::Arc;
/// # use actix_web::{App, web};
/// # use jwt_actix::{Algorithm, Issuer, MemoryStore, RefreshTokens, SigningKey};
/// use jwt_actix::{JwtAuth, LoginRoutes, Logins};
///
/// # #[derive(serde::Deserialize)]
/// # struct User { name: String }
/// # async fn me() -> &'static str { "" }
/// # let key = SigningKey::generate(Algorithm::ES256)?;
/// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
/// let logins = Logins::builder(issuer, refresh_tokens).build()?;
/// let auth = logins.authenticator::<User>().build()?;
/// let app = App::new()
///     .route("/me", web::get().to(me))
///     .wrap(JwtAuth::new(auth.clone()))
///     .wrap(LoginRoutes::new(logins, auth)); // the last middleware is the outermost
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

impl<S, B> Transform<S, ServiceRequest> for LoginRoutes
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = LoginRoutesMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(LoginRoutesMiddleware { inner, routes: self.clone() }))
    }
}

/// The service that [`LoginRoutes`] makes.
#[derive(Debug)]
pub struct LoginRoutesMiddleware<S> {
    inner: S,
    routes: LoginRoutes,
}

impl<S, B> Service<ServiceRequest> for LoginRoutesMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = RouteFuture<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let LoginRoutes { logins, authenticator } = &self.routes;
        let route = logins.route(&Head(request.request()));
        if let Some(route) = route {
            RouteFuture::answering(answer(route, authenticator.clone(), request))
        } else {
            if logins.may_be_attempted(&Head(request.request())) {
                request.extensions_mut().insert(logins.clone());
            }
            RouteFuture::passed(self.inner.call(request))
        }
    }
}

async fn answer(
    route: LoginRoute,
    authenticator: Authenticator<AnyClaims>,
    request: ServiceRequest,
) -> ServiceResponse
where
{
    let (request, payload) = request.into_parts();
    let body = read(&request, payload, LoginRoute::MAX_BODY).await;
    let body = body.as_deref().map_err(|error| *error);
    let response: HttpResponse = response(route.respond(&authenticator, &Head(&request), body).await);
    ServiceResponse::new(request, response)
}

impl From<Unread> for BodyError {
    fn from(why: Unread) -> Self {
        match why {
            Unread::TooLong => Self::TooLong,
            Unread::Broken => Self::Broken,
        }
    }
}
