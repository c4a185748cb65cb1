//! A server of the Model Context Protocol, as middleware.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::h1;
use actix_web::body::{BodyLimitExceeded, BoxBody, EitherBody, MessageBody, to_bytes_limited};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{Error, HttpMessage, web};
use jwt_core::mcp::{McpBodyError, McpCall, McpResource};
use serde::de::DeserializeOwned;

use crate::body::{Unread, read};
use crate::request::Head;
use crate::response::{CompletedError, Fields, response};

/// Lets only requests through to a server of the Model Context Protocol that its [`McpResource`] allows, serves the metadata of
/// the resource, and answers everything else as the protocol says. It takes the place of [`JwtAuth`](crate::JwtAuth) and of
/// [`MetadataRoute`](crate::MetadataRoute): extractors and [`Require`](crate::Require) work inside of it.
///
/// Every request that comes by is one to the protocol. It goes around the `App`, which gets the requests for the well-known
/// paths too; or around a scope, with a [`MetadataRoute`](crate::MetadataRoute) of [`McpResource::metadata`] around the `App`.
///
/// ```no_run
/// # use actix_web::{App, HttpResponse, web};
/// use jwt_actix::mcp::McpResource;
/// use jwt_actix::{McpAuth, Require};
///
/// # async fn mcp() -> HttpResponse { HttpResponse::Ok().finish() }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let resource = McpResource::builder("https://mcp.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scope("mcp:use")
///     .tool("delete", Require::scope("admin"))
///     .build()?;
/// let app = App::new().route("/mcp", web::post().to(mcp)).wrap(McpAuth::new(resource));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub struct McpAuth<C>(McpResource<C>);

impl<C> McpAuth<C> {
    /// Middleware that asks this resource.
    pub fn new(resource: McpResource<C>) -> Self {
        Self(resource)
    }
}

impl<C> Clone for McpAuth<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for McpAuth<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("McpAuth").field(&self.0).finish()
    }
}

impl<S, C, B> Transform<S, ServiceRequest> for McpAuth<C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = McpAuthMiddleware<S, C>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(McpAuthMiddleware { inner: Rc::new(inner), auth: self.clone() }))
    }
}

/// The service that [`McpAuth`] makes.
pub struct McpAuthMiddleware<S, C> {
    inner: Rc<S>,
    auth: McpAuth<C>,
}

impl<S, C, B> Service<ServiceRequest> for McpAuthMiddleware<S, C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = McpFuture<B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        McpFuture(Box::pin(serve(self.auth.0.clone(), self.inner.clone(), request)))
    }
}

async fn serve<S, C, B>(
    resource: McpResource<C>,
    inner: Rc<S>,
    mut request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B>>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody + 'static,
{
    let payload = request.take_payload();
    let admitted = {
        let http = request.request();
        resource.admit(&Head(http), async |most| read(http, payload, most).await).await
    };
    let mut call = match admitted {
        Ok(call) => call,
        Err(refusal) => return Ok(request.into_response(response(refusal)).map_into_right_body()),
    };
    request.set_payload(payload_of(call.body.take()));
    call.withheld().iter().for_each(|name| drop(request.headers_mut().remove(name.as_str())));
    // The borrow of the extensions ends here, before the inner service can ask for one.
    request.extensions_mut().insert(call.admission.clone());
    let mut served = match inner.call(request).await {
        Ok(served) => served,
        // Middleware further inside may return an error instead of a response, which is made of it later.
        Err(error) => return Err(CompletedError::of(error, move |fields| call.complete(fields))),
    };
    call.complete(&mut Fields(served.headers_mut()));
    if call.lists_tools() { Ok(visible(&resource, &call, served).await) } else { Ok(served.map_into_left_body()) }
}

/// The response to a list of tools, with those in it that the token may call.
async fn visible<C, B>(
    resource: &McpResource<C>,
    call: &McpCall<web::Bytes>,
    served: ServiceResponse<B>,
) -> ServiceResponse<EitherBody<B>>
where
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody + 'static,
{
    let (request, served) = served.into_parts();
    let (mut served, body) = served.into_parts();
    let body = match to_bytes_limited(body, resource.max_body()).await {
        Ok(body) => body.map_err(|_| McpBodyError::Broken),
        Err(BodyLimitExceeded { .. }) => Err(McpBodyError::TooLong),
    };
    let body = body.as_deref().map_err(|error| *error);
    let visible = resource.visible_tools(call, &Fields(served.headers_mut()), body).await;
    let response = match visible {
        Ok(visible) => {
            served.headers_mut().remove(CONTENT_LENGTH);
            served.set_body(BoxBody::new(visible))
        }
        Err(refusal) => response(refusal),
    };
    ServiceResponse::new(request, response).map_into_right_body()
}

impl From<Unread> for McpBodyError {
    fn from(why: Unread) -> Self {
        match why {
            Unread::TooLong => Self::TooLong,
            Unread::Broken => Self::Broken,
        }
    }
}

/// A payload of these bytes.
fn payload_of(bytes: Option<web::Bytes>) -> Payload {
    let (_, mut payload) = h1::Payload::create(true);
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        payload.unread_data(bytes);
    }
    Payload::from(payload)
}

impl<S, C> fmt::Debug for McpAuthMiddleware<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("McpAuthMiddleware").field(&self.auth).finish()
    }
}

/// The response of the service behind, or the one in its place.
pub struct McpFuture<B>(Served<B>);

type Served<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

impl<B> Future for McpFuture<B> {
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B> fmt::Debug for McpFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpFuture").finish_non_exhaustive()
    }
}
