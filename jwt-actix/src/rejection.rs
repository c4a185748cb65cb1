//! How rejections become responses: with a problem document, or in the words of the application.

use std::sync::Arc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use jwt_core::AuthError;
use jwt_core::adapter::{self, Rejection};

use crate::response::{Fields, head, response};

/// How an application answers in its own words.
pub(crate) type Hook = dyn Fn(&AuthError, &HttpRequest, HttpResponseBuilder) -> HttpResponse + Send + Sync;

/// The response to a rejected request.
pub(crate) fn rejected(rejection: &Rejection, request: &HttpRequest, hook: Option<&Arc<Hook>>) -> HttpResponse {
    match hook {
        Some(hook) => {
            let mut response = hook(&rejection.error, request, head(&rejection.answer.head()));
            let status = adapter::StatusCode::from_u16(response.status().as_u16());
            let status = status.map(|status| rejection.complete(status, &mut Fields(response.headers_mut())).as_u16());
            let status = status.ok().and_then(|status| StatusCode::from_u16(status).ok());
            *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response
        }
        None => response(rejection.answer.response()),
    }
}

/// The denial of a guard, which leaves the body to the middleware outside of it.
pub(crate) fn denial(rejection: Rejection) -> HttpResponse {
    on_its_way(head(&rejection.answer.head()).finish(), rejection)
}

/// The rejection of an extractor, which is complete in itself where no middleware is outside.
pub(crate) fn extractor_rejection(rejection: Rejection) -> HttpResponse {
    on_its_way(response(rejection.answer.response()), rejection)
}

/// The rejection goes along in the extensions of its response, to the middleware that knows how the application answers.
fn on_its_way(mut response: HttpResponse, rejection: Rejection) -> HttpResponse {
    response.extensions_mut().insert(rejection);
    response
}

/// The response as the middleware makes it, in place of this one, if it is a rejection.
pub(crate) fn worded<B: MessageBody>(
    mut response: ServiceResponse<B>,
    hook: Option<&Arc<Hook>>,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let rejection = response.response_mut().extensions_mut().remove::<Rejection>();
    match rejection {
        Some(rejection) => {
            let (request, _) = response.into_parts();
            let response = rejected(&rejection, &request, hook);
            ServiceResponse::new(request, response).map_into_right_body()
        }
        None => response.map_into_left_body(),
    }
}
