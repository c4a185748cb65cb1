//! The same service on actix-web: instance 3. Beside the first two nobody notices the difference.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpRequest, HttpResponse, web};
use hyper::body::Bytes;
use jwt_actix::store::StoreError;
use jwt_actix::{Claims, JwtAuth, Token, with_headers};
use serde_json::json;

use crate::orders::{Shop, invoices_of, orders_of};
use crate::user::{Place, SignIn, User};
use crate::witness;

/// The application of an instance of that name.
pub(crate) fn app(
    name: String,
    shop: Arc<Shop>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let auth = JwtAuth::new(shop.access.authenticator.clone());
    let world = shop.world.clone();
    // #actix
    App::new()
        .app_data(web::Data::from(shop))
        .route("/session", web::post().to(sign_in))
        .service(web::scope("/session/end").wrap(auth.clone()).route("", web::post().to(sign_out)))
        .service(
            web::scope("/orders")
                .wrap(auth)
                .route("", web::get().to(orders))
                .route("/invoices", web::get().to(invoices)),
        )
        .wrap(from_fn(move |request: ServiceRequest, next: Next<_>| {
            let (world, name) = (world.clone(), name.clone());
            async move {
                let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
                let status = |response: &Result<ServiceResponse<_>, Error>| match response {
                    Ok(response) => response.status().as_u16(),
                    Err(error) => error.as_response_error().status_code().as_u16(),
                };
                // Called no sooner than it is watched.
                let serve = async { next.call(request).await };
                let mut response = world.witness.watch(id, (&name, "actix-web"), serve, status).await?;
                if let Ok(name) = HeaderValue::from_str(&name) {
                    response.headers_mut().insert(HeaderName::from_static("x-instance"), name);
                }
                Ok::<_, Error>(response)
            }
        }))
}

async fn orders(Claims(user): Claims<User>) -> HttpResponse {
    witness::proved();
    HttpResponse::Ok().json(orders_of(&user))
}

async fn invoices(shop: web::Data<Shop>, Token(token): Token, request: HttpRequest) -> HttpResponse {
    witness::proved();
    passed_back(invoices_of(&shop, &token, id_of(&request)).await)
}

async fn sign_in(shop: web::Data<Shop>, web::Json(sign_in): web::Json<SignIn>) -> HttpResponse {
    let Some(user) = User::named(&sign_in.name) else { return HttpResponse::BadRequest().finish() };
    match shop.access.start_session(&user, sign_in.brief).await {
        Err(error) => unavailable(&error),
        Ok((token, session)) if sign_in.place == Place::Cookie => {
            with_headers(&mut HttpResponse::NoContent(), &shop.cookies.set_session(&token, &session)).finish()
        }
        Ok((token, _)) => {
            with_headers(&mut HttpResponse::Ok(), &shop.cookies.clear()).json(json!({"session": token.as_str()}))
        }
    }
}

async fn sign_out(shop: web::Data<Shop>, Token(token): Token) -> HttpResponse {
    witness::proved();
    match shop.access.end_session(token.as_str()).await {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &StoreError) -> HttpResponse {
    witness::logged(error);
    HttpResponse::ServiceUnavailable().finish()
}

fn id_of(request: &HttpRequest) -> Option<http::HeaderValue> {
    request.headers().get("x-request-id").and_then(|id| http::HeaderValue::from_bytes(id.as_bytes()).ok())
}

fn passed_back(answer: Result<http::Response<Bytes>, http::StatusCode>) -> HttpResponse {
    let (status, body) = match answer {
        Ok(response) => (response.status(), response.into_body()),
        Err(status) => (status, Bytes::new()),
    };
    let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    HttpResponse::build(status).content_type("application/json").body(body)
}
