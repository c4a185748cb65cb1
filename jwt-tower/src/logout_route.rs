//! The route for logouts of identity providers, as a layer.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use jwt_core::login::logout::LogoutReceiver;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::read;
use crate::route_future::RouteFuture;

/// Serves the path of a [`LogoutReceiver`], `/auth/provider-events` unless it says otherwise, and passes everything else on.
/// Goes outside of [`JwtAuth`](crate::JwtAuth), since a provider sends no access token.
///
/// ```
/// # use std::sync::Arc;
/// # use axum::{Router, routing::get};
/// # use jwt_tower::{KeySet, MemoryStore, Revocations};
/// use jwt_tower::login::logout::{LogoutProvider, LogoutReceiver};
/// use jwt_tower::{Authenticator, JwtAuth, LogoutRoute};
///
/// # async fn me() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::hs256("a secret of at least thirty-two bytes")?;
/// let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
/// let auth =
///     Authenticator::<()>::builder().keys(keys.clone()).audience("api").revocations(&revocations).build()?;
/// let receiver = LogoutReceiver::builder(&revocations)
///     .provider(LogoutProvider::new("https://login.example.com", keys, "my-client"))
///     .build()?;
/// let app: Router = Router::new()
///     .route("/me", get(me))
///     .layer(JwtAuth::new(auth))
///     .layer(LogoutRoute::new(receiver)); // the last layer is the outermost
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

impl<S> Layer<S> for LogoutRoute {
    type Service = LogoutRouteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LogoutRouteService { inner, receiver: self.0.clone() }
    }
}

/// The service that [`LogoutRoute`] makes.
#[derive(Debug, Clone)]
pub struct LogoutRouteService<S> {
    inner: S,
    receiver: Option<LogoutReceiver>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for LogoutRouteService<S>
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

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.receiver.as_ref().filter(|receiver| receiver.takes(&request)) {
            Some(receiver) => RouteFuture::answering(answer(receiver.clone(), request)),
            None => RouteFuture::passed(self.inner.call(request)),
        }
    }
}

async fn answer<B: Body>(receiver: LogoutReceiver, request: Request<B>) -> Response<String> {
    let (head, body) = request.into_parts();
    let body = read(body, LogoutReceiver::MAX_BODY).await;
    receiver.respond(&head, body.as_deref().map_err(|error| *error)).await
}
