//! `Require`: a guard as middleware.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage};
use jwt_core::adapter::{Deciding, Decision, Rejection, require_facade};
use jwt_core::guard::Policy;
use pin_project_lite::pin_project;

use crate::rejection;
use crate::request::Head;

/// Lets only requests through whose token allows it: a guard for a resource, a scope or a whole application.
///
/// It stands inside of a [`JwtAuth`](crate::JwtAuth), as often as wanted: nothing is verified or read again. Whatever it
/// denies is answered as that `JwtAuth` answers. Where scopes and roles are, its authenticator is told by
/// [`scopes`](jwt_core::AuthenticatorBuilder::scopes) and [`roles`](jwt_core::AuthenticatorBuilder::roles).
///
/// ```
/// use actix_web::{App, web};
/// use jwt_actix::{Authenticator, JwtAuth, KeySet, Require, Scopes};
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     scope: Scopes,
///     age: u8,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Authenticator::<User>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience("api")
///     .scopes(|user| &user.scope)
///     .build()?;
/// let things = web::resource("/things")
///     .wrap(Require::scope("read:things").and(Require::policy(|user: &User| user.age >= 18)))
///     .to(|| async { "things" });
/// // What is wrapped last is outermost.
/// let app = App::new().service(things).wrap(JwtAuth::new(auth));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Require(Policy);

require_facade!(Require);

impl<S, B> Transform<S, ServiceRequest> for Require
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = RequireMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(self.around(inner)))
    }
}

impl Require {
    pub(crate) fn around<S>(&self, inner: S) -> RequireMiddleware<S> {
        RequireMiddleware { inner: Rc::new(inner), policy: self.0.clone() }
    }
}

/// The service that [`Require`] makes.
pub struct RequireMiddleware<S> {
    inner: Rc<S>,
    policy: Policy,
}

impl<S, B> Service<ServiceRequest> for RequireMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = RequireFuture<S>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // The borrow of the extensions ends with this line, before the inner service can ask for one.
        let decision = self.policy.decide(request.extensions().get(), &Head(request.request()));
        let state = match decision {
            Decision::Allowed => return RequireFuture { state: State::Allowed { future: self.inner.call(request) } },
            Decision::Denied(rejection) => State::Denied { denied: Some(Box::new((rejection, request))) },
            Decision::Pending(deciding) => {
                State::Deciding { deciding, held: Some(Box::new((self.inner.clone(), request))) }
            }
        };
        RequireFuture { state }
    }
}

impl<S> fmt::Debug for RequireMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireMiddleware").field(&self.policy).finish()
    }
}

pin_project! {
    /// The response of the inner service, or the denial.
    pub struct RequireFuture<S>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S>
    where
        S: Service<ServiceRequest>,
    {
        Allowed {
            #[pin]
            future: S::Future,
        },
        Deciding {
            deciding: Deciding,
            held: Option<Box<(Rc<S>, ServiceRequest)>>,
        },
        Denied {
            denied: Option<Box<(Rejection, ServiceRequest)>>,
        },
    }
}

impl<S, B> Future for RequireFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projected::Allowed { future } => return future.poll(cx).map_ok(ServiceResponse::map_into_left_body),
                Projected::Deciding { deciding, held } => {
                    let decided = ready!(Pin::new(deciding).poll(cx));
                    // Polled after it was ready, which the contract of futures leaves open.
                    let Some(held) = held.take() else { return Poll::Pending };
                    let (inner, request) = *held;
                    match decided {
                        Ok(()) => State::Allowed { future: inner.call(request) },
                        Err(rejection) => State::Denied { denied: Some(Box::new((rejection, request))) },
                    }
                }
                Projected::Denied { denied } => {
                    return match denied.take() {
                        Some(denied) => {
                            let (rejection, request) = *denied;
                            let response = request.into_response(rejection::denial(rejection));
                            Poll::Ready(Ok(response.map_into_right_body()))
                        }
                        None => Poll::Pending,
                    };
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<ServiceRequest>> fmt::Debug for RequireFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
