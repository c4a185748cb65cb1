//! The metadata of the protected resource, as a layer.

use std::future::ready;
use std::task::{Context, Poll};

use http::{Request, Response};
use jwt_core::metadata::ResourceMetadata;
use tower_layer::Layer;
use tower_service::Service;

use crate::route_future::RouteFuture;

/// Serves the [`ResourceMetadata`] at its well-known path and passes everything else on. Goes outside of
/// [`JwtAuth`](crate::JwtAuth), since the document is for clients that have no token yet.
///
/// ```
/// # use axum::{Router, routing::get};
/// use jwt_tower::metadata::ResourceMetadata;
/// use jwt_tower::{Authenticator, JwtAuth, KeySet, MetadataRoute};
///
/// # async fn things() {}
/// let metadata = ResourceMetadata::builder("https://api.example.com/things")
///     .authorization_server("https://login.example.com")
///     .build()?;
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience(metadata.resource())
///     .resource_metadata(&metadata)
///     .build()?;
/// let app: Router = Router::new()
///     .route("/things", get(things))
///     .layer(JwtAuth::new(auth))
///     .layer(MetadataRoute::new(metadata)); // the last layer is the outermost
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

impl<S> Layer<S> for MetadataRoute {
    type Service = MetadataRouteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetadataRouteService { inner, metadata: self.0.clone() }
    }
}

/// The service that [`MetadataRoute`] makes.
#[derive(Debug, Clone)]
pub struct MetadataRouteService<S> {
    inner: S,
    metadata: ResourceMetadata,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for MetadataRouteService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<String>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.metadata.response(&request) {
            Some(response) => RouteFuture::answering(ready(response)),
            None => RouteFuture::passed(self.inner.call(request)),
        }
    }
}
