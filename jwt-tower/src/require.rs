//! `Require`: a guard as a layer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use jwt_core::adapter::{Deciding, Decision, Rejection, require_facade};
use jwt_core::guard::Policy;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::rejection::Rejected;

/// Lets only requests through whose token allows it: a guard for a route, a group of routes or a whole application.
///
/// It stands inside of a [`JwtAuth`](crate::JwtAuth), as often as wanted: nothing is verified or read again. Whatever it
/// denies is answered as that `JwtAuth` answers. Where scopes and roles are, its authenticator is told by
/// [`scopes`](jwt_core::AuthenticatorBuilder::scopes) and [`roles`](jwt_core::AuthenticatorBuilder::roles).
///
/// ```
/// use axum::{Router, routing::get};
/// use jwt_tower::{Authenticator, JwtAuth, KeySet, Require, Scopes};
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
/// let app: Router = Router::new()
///     .route("/things", get(|| async { "things" }))
///     .route_layer(Require::scope("read:things").and(Require::policy(|user: &User| user.age >= 18)))
///     .layer(JwtAuth::new(auth));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Require(Policy);

require_facade!(Require);

impl<S> Layer<S> for Require {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService { inner, policy: self.0.clone() }
    }
}

/// The service that [`Require`] makes.
#[derive(Debug, Clone)]
pub struct RequireService<S> {
    inner: S,
    policy: Policy,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequireService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RequireFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.policy.decide(request.extensions().get(), &request) {
            Decision::Allowed => return RequireFuture { state: State::Allowed { future: self.inner.call(request) } },
            Decision::Denied(rejection) => State::Denied { denied: Some(Box::new((rejection, request))) },
            Decision::Pending(deciding) => {
                // The one that was polled ready waits with the request; a clone takes its place.
                let next = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, next);
                State::Deciding { deciding, held: Some(Box::new((ready, request))) }
            }
        };
        RequireFuture { state }
    }
}

pin_project! {
    /// The response of the inner service, or the denial.
    pub struct RequireFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Allowed {
            #[pin]
            future: S::Future,
        },
        Deciding {
            deciding: Deciding,
            held: Option<Box<(S, Request<B>)>>,
        },
        Denied {
            denied: Option<Box<(Rejection, Request<B>)>>,
        },
    }
}

impl<S, ReqBody, ResBody> Future for RequireFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projected::Allowed { future } => return future.poll(cx),
                Projected::Deciding { deciding, held } => {
                    let decided = ready!(Pin::new(deciding).poll(cx));
                    // Polled after it was ready, which the contract of futures leaves open.
                    let Some(held) = held.take() else { return Poll::Pending };
                    let (mut inner, request) = *held;
                    match decided {
                        Ok(()) => State::Allowed { future: inner.call(request) },
                        Err(rejection) => State::Denied { denied: Some(Box::new((rejection, request))) },
                    }
                }
                Projected::Denied { denied } => {
                    return match denied.take() {
                        Some(denied) => Poll::Ready(Ok(denial(*denied))),
                        None => Poll::Pending,
                    };
                }
            };
            state.set(next);
        }
    }
}

/// Without a body, since any may be the type of bodies here; the layer outside has one.
fn denial<A, B: Default>((rejection, request): (Rejection, Request<A>)) -> Response<B> {
    let response = rejection.answer.head().map(|()| B::default());
    Rejected { rejection, request: Box::new(request.into_parts().0) }.with(response)
}

impl<S: Service<Request<B>>, B> fmt::Debug for RequireFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
