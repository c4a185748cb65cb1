use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};

/// A response of the core in actix-web's type, which is of an older `http`.
pub fn response(response: http::Response<String>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_headers(&mut HttpResponse::build(status), &parts.headers).body(body)
}

/// Header fields of the core beside those that a response has, such as the cookies of a login.
///
/// ```
/// use actix_web::HttpResponse;
/// use jwt_actix::{LoginCookies, with_headers};
///
/// async fn logout(cookies: actix_web::web::Data<LoginCookies>) -> HttpResponse {
///     with_headers(&mut HttpResponse::NoContent(), &cookies.clear()).finish()
/// }
/// # let _ = logout;
/// ```
pub fn with_headers<'b>(
    builder: &'b mut HttpResponseBuilder,
    headers: &http::HeaderMap,
) -> &'b mut HttpResponseBuilder {
    for (name, value) in headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
    builder
}
