//! The metadata of the protected resource, as a layer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use jwt_core::metadata::ResourceMetadata;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

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
    type Future = MetadataFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.metadata.response(&request) {
            Some(response) => State::Answered { response: Some(response.map(Into::into)) },
            None => State::Passed { future: self.inner.call(request) },
        };
        MetadataFuture { state }
    }
}

pin_project! {
    /// The document, or the response of the inner service.
    pub struct MetadataFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, B> {
        Passed {
            #[pin]
            future: F,
        },
        Answered {
            response: Option<Response<B>>,
        },
    }
}

impl<F, B, E> Future for MetadataFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Passed { future } => future.poll(cx),
            Projected::Answered { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after it was ready, which the contract of futures leaves open.
                None => Poll::Pending,
            },
        }
    }
}

impl<F, B> fmt::Debug for MetadataFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataFuture").finish_non_exhaustive()
    }
}
