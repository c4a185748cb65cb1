//! The service that `JwtAuth` makes, and the way of a request through it.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use jwt_core::Authenticator;
use jwt_core::adapter::{Admission, AnyClaims, Outcome, Pending, Rejection, ResponseHeaders};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::JwtAuth;
use crate::rejection::{ProblemBody, Rejected, RejectionBody};
use crate::request::Head;

impl<S, R: Clone> Layer<S> for JwtAuth<R> {
    type Service = JwtAuthService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtAuthService { inner, auth: self.clone() }
    }
}

/// The service that [`JwtAuth`] makes.
pub struct JwtAuthService<S, R = ProblemBody> {
    inner: S,
    auth: JwtAuth<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for JwtAuthService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectionBody<ResBody> + Clone,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // `inner` itself, which was polled ready, and no clone of it, which was not.
        let state = match outcome(&self.auth.authenticator, &Head::of(&request, self.auth.facts)) {
            Ok(outcome) => self.auth.settle(&mut self.inner, request, outcome),
            Err(verdict) => {
                let clone = self.inner.clone();
                let (inner, auth) = (mem::replace(&mut self.inner, clone), self.auth.clone());
                State::Waiting { verdict, held: Some(Box::new(Held { inner, auth, request })) }
            }
        };
        ResponseFuture { state }
    }
}

/// Of no type of request, so that it is compiled here and not in the application.
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

impl<R> JwtAuth<R> {
    /// What becomes of a request with this outcome.
    fn settle<S, ReqBody, ResBody>(
        &self,
        inner: &mut S,
        mut request: Request<ReqBody>,
        outcome: Outcome,
    ) -> State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
        R: RejectionBody<ResBody> + Clone,
    {
        let (admission, headers) = admission(&self.authenticator, outcome, &Head::of(&request, self.facts));
        match admission {
            Ok(admission) => {
                request.extensions_mut().insert(admission);
                State::Admitted { future: inner.call(request), rejection: self.rejection.clone(), headers }
            }
            Err(rejection) => {
                let mut response = self.rejection.response(&rejection, &request.into_parts().0);
                complete(&mut response, headers.as_deref());
                State::Rejected { response: Some(response) }
            }
        }
    }
}

impl<S: Clone, R: Clone> Clone for JwtAuthService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), auth: self.auth.clone() }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for JwtAuthService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthService").field("inner", &self.inner).field("auth", &self.auth).finish()
    }
}

pin_project! {
    /// The response of the inner service, or the rejection.
    pub struct ResponseFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, R, ReqBody, ResBody>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Waiting {
            verdict: Pending,
            held: Option<Box<Held<S, R, ReqBody>>>,
        },
        Admitted {
            #[pin]
            future: S::Future,
            rejection: R,
            headers: Option<Arc<ResponseHeaders>>,
        },
        Rejected {
            response: Option<Response<ResBody>>,
        },
    }
}

/// A request that waits for its verdict, and what it will need then.
struct Held<S, R, ReqBody> {
    inner: S,
    auth: JwtAuth<R>,
    request: Request<ReqBody>,
}

impl<S, R, ReqBody, ResBody> Future for ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectionBody<ResBody> + Clone,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projected::Waiting { verdict, held } => {
                    let outcome = ready!(Pin::new(verdict).poll(cx));
                    // Polled after it was ready, which the contract of futures leaves open.
                    let Some(held) = held.take() else { return Poll::Pending };
                    let Held { mut inner, auth, request } = *held;
                    auth.settle(&mut inner, request, outcome)
                }
                Projected::Admitted { future, rejection, headers } => {
                    let mut polled = future.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut polled {
                        Rejected::reword(response, &*rejection);
                        complete(response, headers.as_deref());
                    }
                    return polled;
                }
                Projected::Rejected { response } => {
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, R, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Adds what caches must be told of the response, and the cookies of a renewed login.
fn complete<B>(response: &mut Response<B>, headers: Option<&ResponseHeaders>) {
    if let Some(headers) = headers {
        headers.apply(response.headers_mut());
    }
}
