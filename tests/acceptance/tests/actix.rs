//! What is particular to actix-web: where middleware goes, what outer middleware sees, `Option`.

use acceptance::{User, builder, good_claims, hs256};
use actix_web::http::StatusCode;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use jwt_actix::{AuthError, Claims, JwtAuth};

fn auth() -> JwtAuth<User> {
    JwtAuth::new(builder().build().unwrap())
}

async fn name(Claims(user): Claims<User>) -> String {
    user.name.clone()
}

fn good_request(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("Authorization", format!("Bearer {}", hs256(&good_claims()))))
}

#[actix_web::test]
async fn it_works_on_an_app_a_scope_and_a_resource() {
    let on_app = init_service(App::new().wrap(auth()).route("/", web::get().to(name))).await;
    let on_scope =
        init_service(App::new().service(web::scope("/api").wrap(auth()).route("/", web::get().to(name)))).await;
    let on_resource = init_service(App::new().service(web::resource("/me").wrap(auth()).to(name))).await;
    macro_rules! check {
        ($app:ident, $path:literal) => {
            let response = call_service(&$app, good_request($path).to_request()).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(read_body(response).await, "Alice");
            let response = call_service(&$app, TestRequest::get().uri($path).to_request()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        };
    }
    check!(on_app, "/");
    check!(on_scope, "/api/");
    check!(on_resource, "/me");
}

#[actix_web::test]
async fn outer_middleware_sees_a_rejection_as_a_response() {
    let app =
        App::new().wrap(auth()).wrap(DefaultHeaders::new().add(("x-outer", "seen"))).route("/", web::get().to(name));
    let app = init_service(app).await;
    let response = call_service(&app, TestRequest::get().to_request()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers().get("x-outer").unwrap(), "seen");
}

#[actix_web::test]
async fn the_application_may_answer_in_its_own_words_and_status_and_challenge_stay() {
    let auth = auth().on_rejection(|error, mut head| match error {
        AuthError::MissingToken => head.body("Please sign in."),
        _ => head.body("Please sign in again."),
    });
    let app = init_service(App::new().wrap(auth).route("/", web::get().to(name))).await;
    let response = call_service(&app, TestRequest::get().to_request()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers().get("www-authenticate").unwrap(), "Bearer");
    assert_eq!(read_body(response).await, "Please sign in.");
}

#[actix_web::test]
async fn bodies_can_be_left_empty() {
    let app = init_service(App::new().wrap(auth().empty_body()).route("/", web::get().to(name))).await;
    let response = call_service(&app, TestRequest::get().to_request()).await;
    assert_eq!(response.headers().get("www-authenticate").unwrap(), "Bearer");
    assert!(read_body(response).await.is_empty());
}

#[actix_web::test]
async fn an_option_is_none_where_the_middleware_is_missing_since_actix_swallows_the_error() {
    async fn maybe(user: Option<Claims<User>>) -> String {
        user.map_or_else(|| "nobody".to_owned(), |user| user.name.clone())
    }
    let app = init_service(App::new().route("/", web::get().to(maybe)).route("/needed", web::get().to(name))).await;
    let response = call_service(&app, good_request("/").to_request()).await;
    assert_eq!(read_body(response).await, "nobody");
    let response = call_service(&app, good_request("/needed").to_request()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
