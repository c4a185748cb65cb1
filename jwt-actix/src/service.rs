//! The service that `JwtAuth` makes, and the way of a request through it.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage};
use jwt_core::adapter::{Admission, Outcome, Pending, ResponseHeaders};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;

use crate::auth::JwtAuth;
use crate::rejection::{self, Hook};
use crate::request::Head;
use crate::require::{Require, RequireMiddleware};
use crate::response::{CompletedError, Fields};

impl<S, C, B> Transform<S, ServiceRequest> for JwtAuth<C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = JwtAuthMiddleware<S, C>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(JwtAuthMiddleware { inner: Rc::new(inner), auth: self.clone() }))
    }
}

/// A [`JwtAuth`] with a guard inside; made by [`JwtAuth::require`].
#[derive(Debug)]
pub struct JwtAuthAndRequire<C> {
    pub(crate) auth: JwtAuth<C>,
    pub(crate) guard: Require,
}

impl<C> Clone for JwtAuthAndRequire<C> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), guard: self.guard.clone() }
    }
}

impl<S, C, B> Transform<S, ServiceRequest> for JwtAuthAndRequire<C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<EitherBody<B>>>;
    type Error = Error;
    type Transform = JwtAuthMiddleware<RequireMiddleware<S>, C>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        self.auth.new_transform(self.guard.around(inner))
    }
}

/// The service that [`JwtAuth`] makes.
pub struct JwtAuthMiddleware<S, C> {
    inner: Rc<S>,
    auth: JwtAuth<C>,
}

impl<S, C, B> Service<ServiceRequest> for JwtAuthMiddleware<S, C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    C: DeserializeOwned + Send + Sync + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S, C, B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let state = match self.auth.authenticator.authenticate(&Head(request.request())).outcome() {
            Ok(outcome) => self.auth.settle(&*self.inner, request, outcome),
            Err(verdict) => {
                let (inner, auth) = (self.inner.clone(), self.auth.clone());
                State::Waiting { verdict, held: Some(Box::new(Held { inner, auth, request })) }
            }
        };
        ResponseFuture { state }
    }
}

impl<C: Send + Sync + 'static> JwtAuth<C> {
    /// What becomes of a request with this outcome.
    fn settle<S, B>(&self, inner: &S, request: ServiceRequest, outcome: Outcome<C>) -> State<S, C, B>
    where
        S: Service<ServiceRequest>,
    {
        let head = Head(request.request());
        let (admission, headers) = Admission::of(&self.authenticator, outcome, &head);
        match admission {
            Ok(admission) => {
                // The borrow of the extensions ends here, before the inner service can ask for one.
                request.extensions_mut().insert(admission);
                State::Admitted { future: inner.call(request), hook: self.hook.clone(), headers }
            }
            Err(rejection) => {
                let response = rejection::rejected(&rejection, request.request(), self.hook.as_ref());
                // An answer and no `Err`: middleware outside of this one, such as CORS, works on answers only.
                let response = request.into_response(response).map_into_right_body();
                State::Rejected { response: Some(completed(response, headers.as_deref())) }
            }
        }
    }
}

impl<S, C> fmt::Debug for JwtAuthMiddleware<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtAuthMiddleware").field(&self.auth).finish()
    }
}

pin_project! {
    /// The response of the inner service, or the rejection.
    pub struct ResponseFuture<S, C, B>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S, C, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, C, B>
    where
        S: Service<ServiceRequest>,
    {
        Waiting {
            verdict: Pending<C>,
            held: Option<Box<Held<S, C>>>,
        },
        Admitted {
            #[pin]
            future: S::Future,
            hook: Option<Arc<Hook>>,
            headers: Option<Arc<ResponseHeaders>>,
        },
        Rejected {
            response: Option<ServiceResponse<EitherBody<B>>>,
        },
    }
}

/// A request that waits for its verdict, and what it will need then.
struct Held<S, C> {
    inner: Rc<S>,
    auth: JwtAuth<C>,
    request: ServiceRequest,
}

impl<S, C, B> Future for ResponseFuture<S, C, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    C: Send + Sync + 'static,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projected::Waiting { verdict, held } => {
                    let outcome = ready!(Pin::new(verdict).poll(cx));
                    // Polled after it was ready, which the contract of futures leaves open.
                    let Some(held) = held.take() else { return Poll::Pending };
                    let Held { inner, auth, request } = *held;
                    auth.settle(&*inner, request, outcome)
                }
                Projected::Admitted { future, hook, headers } => {
                    return future.poll(cx).map(|result| match result {
                        Ok(response) => Ok(completed(rejection::worded(response, hook.as_ref()), headers.as_deref())),
                        // Middleware further inside may return an error instead of a response, which is made of it later.
                        Err(error) => Err(match headers {
                            Some(headers) => {
                                let headers = headers.clone();
                                CompletedError::of(error, move |fields| headers.apply(fields))
                            }
                            None => error,
                        }),
                    });
                }
                Projected::Rejected { response } => {
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<ServiceRequest>, C, B> fmt::Debug for ResponseFuture<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// The response with what caches must be told of it, and with the cookies of a renewed login.
fn completed<B>(mut response: ServiceResponse<B>, headers: Option<&ResponseHeaders>) -> ServiceResponse<B> {
    if let Some(headers) = headers {
        headers.apply(&mut Fields(response.headers_mut()));
    }
    response
}
