use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use jwt_core::{Admission, Authenticator, Verdict};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower_service::Service;

use crate::rejection::{ProblemBody, RejectionBody};

/// The service that [`JwtAuth`](crate::JwtAuth) makes.
pub struct JwtAuthService<S, C, R = ProblemBody> {
    inner: S,
    authenticator: Authenticator<C>,
    rejection: R,
}

impl<S, C, R> JwtAuthService<S, C, R> {
    pub(crate) fn new(inner: S, authenticator: Authenticator<C>, rejection: R) -> Self {
        Self { inner, authenticator, rejection }
    }
}

impl<S, C, R, ReqBody, ResBody> Service<Request<ReqBody>> for JwtAuthService<S, C, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    C: DeserializeOwned + Send + Sync + 'static,
    R: RejectionBody<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let admission = match self.authenticator.authenticate(&request) {
            Verdict::Verified(token) => Admission::verified(token),
            Verdict::Anonymous => Admission::anonymous(&self.authenticator),
            Verdict::Rejected(error) => {
                let response = self.rejection.response(&error, self.authenticator.answer(&error));
                return ResponseFuture::rejected(response);
            }
        };
        request.extensions_mut().insert(admission);
        // `inner` itself, which was polled ready, and no clone of it, which was not.
        ResponseFuture::admitted(self.inner.call(request))
    }
}

impl<S: Clone, C, R: Clone> Clone for JwtAuthService<S, C, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.authenticator.clone(), self.rejection.clone())
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for JwtAuthService<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthService")
            .field("inner", &self.inner)
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of the inner service, or the rejection.
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, B> {
        Admitted {
            #[pin]
            future: F,
        },
        Rejected {
            response: Option<Response<B>>,
        },
    }
}

impl<F, B> ResponseFuture<F, B> {
    fn admitted(future: F) -> Self {
        Self { state: State::Admitted { future } }
    }

    fn rejected(response: Response<B>) -> Self {
        Self { state: State::Rejected { response: Some(response) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Admitted { future } => future.poll(cx),
            Projected::Rejected { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after it was ready, which the contract of futures leaves open.
                None => Poll::Pending,
            },
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
