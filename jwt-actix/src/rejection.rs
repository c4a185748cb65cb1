use std::sync::Arc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use jwt_core::{Answer, AuthError, Rejection};

/// How an application answers in its own words.
pub(crate) type Hook = dyn Fn(&AuthError, &HttpRequest, HttpResponseBuilder) -> HttpResponse + Send + Sync;

/// The status of an answer, in actix-web's version of the type.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Status and header fields, without a body yet.
fn head(answer: &Answer) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status(answer));
    for (name, value) in answer.headers() {
        builder.insert_header((name.as_str(), value.as_bytes()));
    }
    builder
}

/// The whole answer, with its problem document.
fn problem(answer: &Answer) -> HttpResponse {
    head(answer).insert_header((CONTENT_TYPE, Answer::CONTENT_TYPE)).body(answer.body)
}

/// The answer in the words of the application.
pub(crate) fn response(rejection: &Rejection, request: &HttpRequest, hook: Option<&Arc<Hook>>) -> HttpResponse {
    match hook {
        Some(hook) => hook(&rejection.error, request, head(&rejection.answer)),
        None => problem(&rejection.answer),
    }
}

/// The refusal of a guard, which leaves the words to the middleware outside of it.
pub(crate) fn refusal(rejection: Rejection) -> HttpResponse {
    on_its_way(head(&rejection.answer).finish(), rejection)
}

/// The refusal of an extractor, which has words of its own, should no middleware be outside.
pub(crate) fn extractor_refusal(rejection: Rejection) -> HttpResponse {
    on_its_way(problem(&rejection.answer), rejection)
}

/// The rejection goes along in the extensions of its response, to the middleware that knows how the application answers.
fn on_its_way(mut response: HttpResponse, rejection: Rejection) -> HttpResponse {
    response.extensions_mut().insert(rejection);
    response
}

/// The response as the middleware has it: in the words of the application, if it is a refusal.
pub(crate) fn worded<B: MessageBody>(
    mut response: ServiceResponse<B>,
    hook: Option<&Arc<Hook>>,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let rejection = response.response_mut().extensions_mut().remove::<Rejection>();
    match rejection {
        Some(rejection) => {
            let (request, _) = response.into_parts();
            let response = self::response(&rejection, &request, hook);
            ServiceResponse::new(request, response).map_into_right_body()
        }
        None => response.map_into_left_body(),
    }
}
