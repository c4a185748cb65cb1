//! The metadata of the protected resource, as middleware.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use jwt_core::metadata::ResourceMetadata;

use crate::request::Head;
use crate::response::response;
use crate::route_future::RouteFuture;

/// Serves the [`ResourceMetadata`] at its well-known path and passes everything else on. Goes around the `App`, outside
/// of [`JwtAuth`](crate::JwtAuth), since the document is for clients that have no token yet.
///
/// ```
/// # use actix_web::{App, web};
/// use jwt_actix::metadata::ResourceMetadata;
/// use jwt_actix::{Authenticator, JwtAuth, KeySet, MetadataRoute};
///
/// # async fn things() -> &'static str { "" }
/// let metadata = ResourceMetadata::builder("https://api.example.com/things")
///     .authorization_server("https://login.example.com")
///     .build()?;
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience(metadata.resource())
///     .resource_metadata(&metadata)
///     .build()?;
/// let app = App::new()
///     .route("/things", web::get().to(things))
///     .wrap(JwtAuth::new(auth))
///     .wrap(MetadataRoute::new(metadata)); // the last middleware is the outermost
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MetadataRoute(ResourceMetadata);

impl MetadataRoute {
    /// Serves that document.
    pub fn new(metadata: ResourceMetadata) -> Self {
        Self(metadata)
    }
}

impl<S, B> Transform<S, ServiceRequest> for MetadataRoute
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = MetadataRouteMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(MetadataRouteMiddleware { inner, metadata: self.0.clone() }))
    }
}

/// The service that [`MetadataRoute`] makes.
#[derive(Debug)]
pub struct MetadataRouteMiddleware<S> {
    inner: S,
    metadata: ResourceMetadata,
}

impl<S, B> Service<ServiceRequest> for MetadataRouteMiddleware<S>
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
        let response = self.metadata.response(&Head(request.request())).map(response);
        match response {
            Some(response) => RouteFuture::answering(ready(request.into_response(response))),
            None => RouteFuture::passed(self.inner.call(request)),
        }
    }
}
