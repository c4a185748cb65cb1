//! What a route of this library answers, or the service behind it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use pin_project_lite::pin_project;

pin_project! {
    /// The response of a route, such as that of [`MetadataRoute`](crate::MetadataRoute), or that of the service behind it.
    pub struct RouteFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Passed {
            #[pin]
            future: F,
        },
        Answering {
            response: Pin<Box<dyn Future<Output = ServiceResponse>>>,
        },
    }
}

impl<F> RouteFuture<F> {
    /// The request was for the service behind.
    pub(crate) fn passed(future: F) -> Self {
        Self { state: State::Passed { future } }
    }

    /// The request was for the route.
    pub(crate) fn answering(response: impl Future<Output = ServiceResponse> + 'static) -> Self {
        Self { state: State::Answering { response: Box::pin(response) } }
    }
}

impl<F, B> Future for RouteFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Passed { future } => future.poll(cx).map_ok(ServiceResponse::map_into_left_body),
            Projected::Answering { response } => {
                response.as_mut().poll(cx).map(|response| Ok(response.map_into_right_body()))
            }
        }
    }
}

impl<F> fmt::Debug for RouteFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFuture").finish_non_exhaustive()
    }
}
