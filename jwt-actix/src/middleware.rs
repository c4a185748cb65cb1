use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use jwt_core::{Admission, AuthError, Authenticator, Caching, Outcome, Pending};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;

use crate::rejection::{self, Hook};
use crate::request::Head;

/// Lets only authenticated requests through.
pub struct JwtAuth<C> {
    authenticator: Authenticator<C>,
    hook: Option<Arc<Hook>>,
}

impl<C> JwtAuth<C> {
    /// Middleware that asks this authenticator, and answers rejected requests with a problem document (RFC 9457).
    pub fn new(authenticator: Authenticator<C>) -> Self {
        Self { authenticator, hook: None }
    }

    /// Answers rejected requests with an empty body.
    #[must_use]
    pub fn empty_body(self) -> Self {
        self.on_rejection(|_, _, mut head| head.finish())
    }

    /// Answers rejected requests by a function of the application. It gets the error, the request, and the head of the
    /// answer, with status and challenge set, and puts a body to it.
    ///
    /// What a [`Require`](crate::Require) or an extractor further inside refuses comes by here as well. The response is
    /// replaced as a whole: what other middleware in between has put into its head is lost.
    ///
    /// ```
    /// # use jwt_actix::{Authenticator, JwtAuth, KeySet};
    /// # let auth = Authenticator::<()>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .build()?;
    /// let middleware = JwtAuth::new(auth).on_rejection(|_error, _request, mut head| head.body("Please sign in."));
    /// # let _ = middleware;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_rejection(
        mut self,
        hook: impl Fn(&AuthError, &HttpRequest, HttpResponseBuilder) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }
}

impl<C> Clone for JwtAuth<C> {
    fn clone(&self) -> Self {
        Self { authenticator: self.authenticator.clone(), hook: self.hook.clone() }
    }
}

impl<C> fmt::Debug for JwtAuth<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtAuth").field(&self.authenticator).finish()
    }
}

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
        let (admission, caching) = Admission::of(&self.authenticator, outcome);
        match admission {
            Ok(admission) => {
                // The borrow of the extensions ends here, before the inner service can ask for one.
                request.extensions_mut().insert(admission);
                State::Admitted { future: inner.call(request), hook: self.hook.clone(), caching }
            }
            Err(rejection) => {
                let response = rejection::response(&rejection, request.request(), self.hook.as_ref());
                // An answer and no `Err`: middleware outside of this one, such as CORS, works on answers only.
                let response = request.into_response(response).map_into_right_body();
                State::Rejected { response: Some(told(response, caching.as_deref())) }
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
            caching: Option<Arc<Caching>>,
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
                Projected::Admitted { future, hook, caching } => {
                    return future
                        .poll(cx)
                        .map_ok(|response| told(rejection::worded(response, hook.as_ref()), caching.as_deref()));
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
fn told<B>(mut response: ServiceResponse<B>, caching: Option<&Caching>) -> ServiceResponse<B> {
    let Some(caching) = caching else { return response };
    let headers = response.headers_mut();
    for (name, value) in caching.fields(headers.contains_key(CACHE_CONTROL)) {
        // The same bytes in the older version of the types.
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            if name == CACHE_CONTROL {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
    response
}
