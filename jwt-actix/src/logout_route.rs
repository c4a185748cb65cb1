//! The route for logouts of identity providers, as middleware.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpResponse};
use jwt_core::login::logout::LogoutReceiver;

use crate::body::read;
use crate::request::Head;
use crate::response::response;
use crate::route_future::RouteFuture;

/// Serves the path of a [`LogoutReceiver`], `/auth/provider-events` unless it says otherwise, and passes everything else on.
/// Goes around the `App`, outside of [`JwtAuth`](crate::JwtAuth), since a provider sends no access token.
///
/// ```
/// # use std::sync::Arc;
/// # use actix_web::{App, web};
/// # use jwt_actix::{KeySet, MemoryStore, Revocations};
/// use jwt_actix::login::logout::{LogoutProvider, LogoutReceiver};
/// use jwt_actix::{Authenticator, JwtAuth, LogoutRoute};
///
/// # async fn me() -> &'static str { "" }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::hs256("a secret of at least thirty-two bytes")?;
/// let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
/// let auth =
///     Authenticator::<()>::builder().keys(keys.clone()).audience("api").revocations(&revocations).build()?;
/// let receiver = LogoutReceiver::builder(&revocations)
///     .provider(LogoutProvider::new("https://login.example.com", keys, "my-client"))
///     .build()?;
/// let app = App::new()
///     .route("/me", web::get().to(me))
///     .wrap(JwtAuth::new(auth))
///     .wrap(LogoutRoute::new(receiver)); // the last middleware is the outermost
/// # let _ = app; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LogoutRoute(Option<LogoutReceiver>);

impl LogoutRoute {
    /// The route of that receiver; of `None` there is none, and everything is passed on.
    pub fn new(receiver: impl Into<Option<LogoutReceiver>>) -> Self {
        Self(receiver.into())
    }
}

impl<S, B> Transform<S, ServiceRequest> for LogoutRoute
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = LogoutRouteMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(LogoutRouteMiddleware { inner, receiver: self.0.clone() }))
    }
}

/// The service that [`LogoutRoute`] makes.
#[derive(Debug)]
pub struct LogoutRouteMiddleware<S> {
    inner: S,
    receiver: Option<LogoutReceiver>,
}

impl<S, B> Service<ServiceRequest> for LogoutRouteMiddleware<S>
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
        match self.receiver.as_ref().filter(|receiver| receiver.takes(&Head(request.request()))) {
            Some(receiver) => RouteFuture::answering(answer(receiver.clone(), request)),
            None => RouteFuture::passed(self.inner.call(request)),
        }
    }
}

async fn answer(receiver: LogoutReceiver, request: ServiceRequest) -> ServiceResponse {
    let (request, payload) = request.into_parts();
    let body = read(&request, payload, LogoutReceiver::MAX_BODY).await;
    let answer = receiver.respond(&Head(&request), body.as_deref().map_err(|error| *error)).await;
    let response: HttpResponse = response(answer);
    ServiceResponse::new(request, response)
}
