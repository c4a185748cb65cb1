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
use jwt_core::Authenticator;
use jwt_core::adapter::{Admission, AnyClaims, Outcome, Pending, Rejection, ResponseHeaders};
use pin_project_lite::pin_project;

use crate::auth::JwtAuth;
use crate::rejection::{self, Hook};
use crate::request::Head;
use crate::require::{Require, RequireMiddleware};
use crate::response::{CompletedError, Fields};

impl<S, B> Transform<S, ServiceRequest> for JwtAuth
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = JwtAuthMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(JwtAuthMiddleware { inner: Rc::new(inner), auth: self.clone() }))
    }
}

/// A [`JwtAuth`] with a guard inside; made by [`JwtAuth::require`].
#[derive(Debug, Clone)]
pub struct JwtAuthAndRequire {
    pub(crate) auth: JwtAuth,
    pub(crate) guard: Require,
}

impl<S, B> Transform<S, ServiceRequest> for JwtAuthAndRequire
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<EitherBody<B>>>;
    type Error = Error;
    type Transform = JwtAuthMiddleware<RequireMiddleware<S>>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        self.auth.new_transform(self.guard.around(inner))
    }
}

/// The service that [`JwtAuth`] makes.
pub struct JwtAuthMiddleware<S> {
    inner: Rc<S>,
    auth: JwtAuth,
}

impl<S, B> Service<ServiceRequest> for JwtAuthMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let state = match outcome(&self.auth.authenticator, &Head(request.request())) {
            Ok(outcome) => self.auth.settle(&*self.inner, request, outcome),
            Err(verdict) => {
                let (inner, auth) = (self.inner.clone(), self.auth.clone());
                State::Waiting { verdict, held: Some(Box::new(Held { inner, auth, request })) }
            }
        };
        ResponseFuture { state }
    }
}

/// Of no type of service, so that it is compiled here and not in the application.
fn outcome(authenticator: &Authenticator<AnyClaims>, head: &Head<'_>) -> Result<Outcome, Pending> {
    authenticator.outcome(head)
}

/// The same.
fn admission(
    authenticator: &Authenticator<AnyClaims>,
    outcome: Outcome,
    head: &Head<'_>,
) -> (Result<Admission, Rejection>, Option<Arc<ResponseHeaders>>) {
    Admission::of(authenticator, outcome, head)
}

impl JwtAuth {
    /// What becomes of a request with this outcome.
    fn settle<S, B>(&self, inner: &S, request: ServiceRequest, outcome: Outcome) -> State<S, B>
    where
        S: Service<ServiceRequest>,
    {
        let head = Head(request.request());
        let (admission, headers) = admission(&self.authenticator, outcome, &head);
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

impl<S> fmt::Debug for JwtAuthMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtAuthMiddleware").field(&self.auth).finish()
    }
}

pin_project! {
    /// The response of the inner service, or the rejection.
    pub struct ResponseFuture<S, B>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, B>
    where
        S: Service<ServiceRequest>,
    {
        Waiting {
            verdict: Pending,
            held: Option<Box<Held<S>>>,
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
struct Held<S> {
    inner: Rc<S>,
    auth: JwtAuth,
    request: ServiceRequest,
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
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

impl<S: Service<ServiceRequest>, B> fmt::Debug for ResponseFuture<S, B> {
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
