//! A server of the Model Context Protocol, as a layer.

use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response, Uri};
use http_body::Body;
use jwt_core::mcp::{McpBodyError, McpResource};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Unread, read};
use crate::mcp_body::{McpBody, McpResponseBody};
use crate::request::{Facts, Head};

/// Lets only requests through to a server of the Model Context Protocol that its [`McpResource`] allows, serves the metadata of
/// the resource, and answers everything else as the protocol says. It takes the place of [`JwtAuth`](crate::JwtAuth) and of
/// [`MetadataRoute`](crate::MetadataRoute): extractors and [`Require`](crate::Require) work inside of it.
///
/// Every request that comes by is one to the protocol. Routes that are not go outside of it, and the well-known paths inside:
///
/// ```no_run
/// # use axum::{Router, routing::post};
/// use jwt_tower::mcp::McpResource;
/// use jwt_tower::{McpAuth, Require};
///
/// # async fn mcp() {}
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let resource = McpResource::builder("https://mcp.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scope("mcp:use")
///     .tool("delete", Require::scope("admin"))
///     .build()?;
/// let app: Router = Router::new().route("/mcp", post(mcp)).layer(McpAuth::new(resource));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// With the Rust SDK of the protocol, `.route_service("/mcp", StreamableHttpService::new(…))`, whose handlers find the user by
/// [`mcp::user`](crate::mcp::user) in the extensions of the `http::request::Parts` that they are given.
pub struct McpAuth<C> {
    resource: McpResource<C>,
    facts: Facts,
}

impl<C> McpAuth<C> {
    /// A layer that asks this resource.
    pub fn new(resource: McpResource<C>) -> Self {
        Self { resource, facts: Facts::default() }
    }

    /// Takes the address of the peer from this type in the extensions of the request; see
    /// [`JwtAuth::peer_from`](crate::JwtAuth::peer_from).
    #[must_use]
    pub fn peer_from<T: Deref<Target = SocketAddr> + Send + Sync + 'static>(mut self) -> Self {
        self.facts.peer = Some(|extensions| extensions.get::<T>().map(|address| address.ip()));
        self
    }

    /// Takes the target of the request from this type in its extensions; see
    /// [`JwtAuth::uri_from`](crate::JwtAuth::uri_from).
    #[must_use]
    pub fn uri_from<T: Deref<Target = Uri> + Send + Sync + 'static>(mut self) -> Self {
        self.facts.uri = Some(|extensions| extensions.get::<T>().map(|uri| &**uri));
        self
    }
}

impl<C> Clone for McpAuth<C> {
    fn clone(&self) -> Self {
        Self { resource: self.resource.clone(), facts: self.facts }
    }
}

impl<C> fmt::Debug for McpAuth<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("McpAuth").field(&self.resource).finish()
    }
}

impl<S, C> Layer<S> for McpAuth<C> {
    type Service = McpAuthService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        McpAuthService { inner, auth: self.clone() }
    }
}

/// The service that [`McpAuth`] makes.
pub struct McpAuthService<S, C> {
    inner: S,
    auth: McpAuth<C>,
}

impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for McpAuthService<S, C>
where
    S: Service<Request<McpBody>, Response = Response<ResBody>, Future: Send, Error: Send> + Clone + Send + 'static,
    C: DeserializeOwned + Send + Sync + 'static,
    ReqBody: Body<Data: Send> + Send + 'static,
    ResBody: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<McpResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = McpFuture<ResBody, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The one that was polled ready goes with the request; a clone takes its place.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        McpFuture(Box::pin(serve(self.auth.clone(), ready, request)))
    }
}

async fn serve<S, C, ReqBody, ResBody>(
    auth: McpAuth<C>,
    mut inner: S,
    request: Request<ReqBody>,
) -> Result<Response<McpResponseBody<ResBody>>, S::Error>
where
    S: Service<Request<McpBody>, Response = Response<ResBody>>,
    C: DeserializeOwned + Send + Sync + 'static,
    ReqBody: Body,
    ResBody: Body<Data = Bytes>,
{
    let McpAuth { resource, facts } = auth;
    let (parts, body) = request.into_parts();
    let mut request = Request::from_parts(parts, McpBody::default());
    let admitted = {
        let head = Head::of(&request, facts);
        resource.admit(&head, async |most| read(body, most).await).await
    };
    let mut call = match admitted {
        Ok(call) => call,
        Err(response) => return Ok(response.map(McpResponseBody::own)),
    };
    *request.body_mut() = McpBody::new(call.body.take());
    call.withheld().iter().for_each(|name| drop(request.headers_mut().remove(name)));
    request.extensions_mut().insert(call.admission.clone());
    let mut response = inner.call(request).await?;
    call.complete(response.headers_mut());
    if !call.lists_tools() {
        return Ok(response.map(McpResponseBody::inner));
    }
    let (mut parts, body) = response.into_parts();
    let body = read(body, resource.max_body()).await;
    Ok(match resource.visible_tools(&call, &parts.headers, body.as_deref().map_err(|error| *error)).await {
        Ok(visible) => {
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, McpResponseBody::own(visible))
        }
        Err(response) => response.map(McpResponseBody::own),
    })
}

impl From<Unread> for McpBodyError {
    fn from(why: Unread) -> Self {
        match why {
            Unread::TooLong => Self::TooLong,
            Unread::Broken => Self::Broken,
        }
    }
}

impl<S: Clone, C> Clone for McpAuthService<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), auth: self.auth.clone() }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for McpAuthService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpAuthService").field("inner", &self.inner).field("auth", &self.auth).finish()
    }
}

/// The response of the service behind, or the one in its place.
pub struct McpFuture<B, E>(Served<B, E>);

type Served<B, E> = Pin<Box<dyn Future<Output = Result<Response<McpResponseBody<B>>, E>> + Send>>;

impl<B, E> Future for McpFuture<B, E> {
    type Output = Result<Response<McpResponseBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B, E> fmt::Debug for McpFuture<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpFuture").finish_non_exhaustive()
    }
}
