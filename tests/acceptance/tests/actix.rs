//! What is particular to actix-web: where middleware goes, what outer middleware sees, `Option`.

use acceptance::{Member, TooYoung, User, builder, good_claims, hs256, member_builder};
use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use jwt_actix::error::Denial;
use jwt_actix::{AuthError, Claims, JwtAuth, Require};

fn auth() -> JwtAuth {
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
    let auth = auth().on_rejection(|error, _, mut head| match error {
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

fn member_auth() -> JwtAuth {
    JwtAuth::new(member_builder().build().unwrap())
}

fn member(path: &str, scope: &str) -> TestRequest {
    let mut claims = good_claims();
    claims["scope"] = scope.into();
    TestRequest::get().uri(path).insert_header(("Authorization", format!("Bearer {}", hs256(&claims))))
}

#[actix_web::test]
async fn a_guard_works_on_an_app_a_scope_and_a_resource() {
    async fn served() -> &'static str {
        "served"
    }
    let guard = || Require::scope("in");
    // What is wrapped last is outermost.
    let on_app = init_service(App::new().wrap(guard()).wrap(member_auth()).route("/", web::get().to(served))).await;
    let scope = web::scope("/api").wrap(guard()).wrap(member_auth()).route("/", web::get().to(served));
    let on_scope = init_service(App::new().service(scope)).await;
    let resource = web::resource("/me").wrap(guard()).to(served);
    let on_resource = init_service(App::new().service(resource).wrap(member_auth())).await;
    let in_one = App::new().wrap(member_auth().require(guard())).route("/", web::get().to(served));
    let in_one = init_service(in_one).await;
    macro_rules! check {
        ($app:ident, $path:literal) => {
            assert_eq!(call_service(&$app, member($path, "in").to_request()).await.status(), StatusCode::OK);
            let response = call_service(&$app, member($path, "out").to_request()).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert!(String::from_utf8(read_body(response).await.to_vec()).unwrap().contains("\"status\":403"));
        };
    }
    check!(on_app, "/");
    check!(in_one, "/");
    check!(on_scope, "/api/");
    check!(on_resource, "/me");
}

#[actix_web::test]
async fn a_guard_around_the_middleware_is_a_guard_without_one() {
    let app =
        App::new().wrap(member_auth()).wrap(Require::scope("in")).route("/", web::get().to(|| async { "served" }));
    let response = call_service(&init_service(app).await, member("/", "in").to_request()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[actix_web::test]
async fn one_hook_words_what_the_middleware_a_guard_and_an_extractor_refuse() {
    async fn name(Claims(user): Claims<Member>) -> String {
        user.sub.clone()
    }
    let auth = JwtAuth::new(member_builder().optional().realm("hooked").build().unwrap());
    let auth = auth.on_rejection(|error, request, mut head| {
        let why = match error {
            AuthError::MissingToken => "no token".to_owned(),
            AuthError::Forbidden(Denial::Scope(scope)) => format!("scope {scope}"),
            AuthError::Forbidden(Denial::Policy(reason)) => {
                format!("age {}", reason.downcast_ref::<TooYoung>().unwrap().0)
            }
            other => panic!("{other}"),
        };
        head.body(format!("{why} at {}", request.path()))
    });
    let young = Require::policy(|member: &Member| if member.age < 18 { Err(TooYoung(member.age)) } else { Ok(()) });
    let app = App::new()
        .route("/claims", web::get().to(name))
        .service(web::resource("/read").wrap(Require::scope("read")).to(name))
        .service(web::resource("/young").wrap(young).to(name))
        .wrap(auth);
    let app = init_service(app).await;
    for (path, scope, status, challenge, body) in [
        ("/claims", None, 401, "Bearer realm=\"hooked\"", "no token at /claims"),
        ("/read", None, 401, "Bearer realm=\"hooked\"", "no token at /read"),
        (
            "/read",
            Some("x"),
            403,
            "Bearer realm=\"hooked\", error=\"insufficient_scope\", scope=\"read\"",
            "scope read at /read",
        ),
        ("/young", Some("x"), 403, "Bearer realm=\"hooked\", error=\"insufficient_scope\"", "age 0 at /young"),
    ] {
        let request = scope.map_or_else(|| TestRequest::get().uri(path), |scope| member(path, scope)).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(
            (response.status().as_u16(), response.headers().get("www-authenticate").unwrap().as_bytes()),
            (status, challenge.as_bytes())
        );
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
        assert_eq!(read_body(response).await, body);
    }
}

#[actix_web::test]
async fn an_application_answers_with_anything_that_is_a_response_and_a_refusal_stays_one() {
    use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
    async fn answer<T: Responder + 'static>(
        hook: fn(&AuthError, &HttpRequest, HttpResponseBuilder) -> T,
    ) -> ServiceResponse<impl MessageBody> {
        let app = init_service(App::new().wrap(auth().on_rejection(hook)).route("/", web::get().to(name))).await;
        call_service(&app, TestRequest::get().to_request()).await
    }
    macro_rules! says {
        ($hook:expr, $status:literal, $body:literal) => {
            let response = answer($hook).await;
            assert_eq!(response.status().as_u16(), $status, "{}", $body);
            assert_eq!(response.headers().get("www-authenticate").unwrap(), "Bearer", "{}", $body);
            assert_eq!(response.headers().get("cache-control").unwrap(), "no-store", "{}", $body);
            assert_eq!(read_body(response).await, $body);
        };
    }
    says!(|error, _, _| error.public_message(), 401, "This resource needs an access token.");
    says!(|_, _, _| web::Json(serde_json::json!({"error": "sign in"})), 401, "{\"error\":\"sign in\"}");
    says!(|_, _, _| ("all is well", StatusCode::OK), 401, "all is well");
    says!(|_, _, _| HttpResponse::NoContent().finish(), 401, "");
    says!(|_, _, mut head| head.body("mine"), 401, "mine");
    says!(|_, _, _| HttpResponse::NotFound().finish(), 404, "");
    says!(|_, _, _| web::Redirect::to("/login").see_other(), 303, "");
    let own = answer(|_, _, _| HttpResponse::Ok().insert_header(("WWW-Authenticate", "Mine")).finish()).await;
    assert_eq!(own.headers().get_all("www-authenticate").collect::<Vec<_>>(), ["Mine"]);
}
