use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, HttpResponseBuilder};
use jwt_core::Answer;

/// The status of an answer, in actix-web's version of the type.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Status and challenge, without a body yet.
pub(crate) fn head(answer: &Answer) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status(answer));
    for (name, value) in answer.headers() {
        builder.insert_header((name.as_str(), value.as_bytes()));
    }
    builder
}

/// The whole answer, with its problem document.
pub(crate) fn problem(answer: &Answer) -> HttpResponse {
    head(answer).insert_header((CONTENT_TYPE, Answer::CONTENT_TYPE)).body(answer.body)
}
