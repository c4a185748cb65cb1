//! This library beside frameworks and libraries that applications have, as `docs/how-to/routing.md` shows it.

use std::convert::Infallible;

use axum::body::Body;
use axum::{Json, Router, routing::get};
use http::{Request, StatusCode};
use jwt_core::testing::TestIssuer;
use jwt_tower::{Claims, JwtAuth, TokenSource};
use serde::Deserialize;
use tower::ServiceExt;

#[derive(Debug, Clone, Deserialize)]
struct User {
    name: String,
}

fn issuer() -> TestIssuer {
    TestIssuer::new()
}

fn layer(issuer: &TestIssuer) -> JwtAuth {
    JwtAuth::new(issuer.builder::<User>().build().unwrap())
}

fn bearer(issuer: &TestIssuer) -> String {
    format!("Bearer {}", issuer.token("alice").claim("name", "Alice").compact())
}

async fn me(Claims(user): Claims<User>) -> String {
    user.name.clone()
}

async fn status(app: &Router, path: &str, bearer: Option<&str>) -> StatusCode {
    let request = Request::get(path);
    let request = if let Some(bearer) = bearer { request.header("authorization", bearer) } else { request };
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

mod routing {
    use super::*;

    #[tokio::test]
    async fn layer_answers_unknown_paths_with_401_and_route_layer_with_404() {
        let issuer = issuer();
        let routes = || Router::new().route("/me", get(me));
        let (all, known) = (routes().layer(layer(&issuer)), routes().route_layer(layer(&issuer)));
        for app in [&all, &known] {
            assert_eq!(status(app, "/me", None).await, 401);
            assert_eq!(status(app, "/me", Some(&bearer(&issuer))).await, 200);
            assert_eq!(status(app, "/nothing", Some(&bearer(&issuer))).await, 404);
        }
        assert_eq!(status(&all, "/nothing", None).await, 401);
        assert_eq!(status(&known, "/nothing", None).await, 404);
    }

    #[tokio::test]
    async fn what_is_added_after_the_layer_and_what_is_outside_of_a_nested_router_is_public() {
        let issuer = issuer();
        let api = Router::new().route("/me", get(me)).layer(layer(&issuer));
        let app = Router::new().nest("/api", api).route("/health", get(async || "good"));
        assert_eq!(status(&app, "/health", None).await, 200);
        assert_eq!(status(&app, "/api/me", None).await, 401);
        assert_eq!(status(&app, "/api/me", Some(&bearer(&issuer))).await, 200);
        assert_eq!(status(&app, "/elsewhere", None).await, 404);
    }

    #[tokio::test]
    async fn an_optional_layer_that_is_off_lets_everybody_in_but_yields_no_claims() {
        let issuer = issuer();
        for on in [true, false] {
            let auth = tower::util::option_layer(on.then(|| layer(&issuer)));
            let app = Router::new().route("/me", get(me)).route("/open", get(async || "open")).layer(auth);
            assert_eq!(status(&app, "/open", None).await, if on { 401 } else { 200 });
            assert_eq!(status(&app, "/me", Some(&bearer(&issuer))).await, if on { 200 } else { 500 });
        }
    }

    #[actix_web::test]
    async fn actix_answers_unknown_paths_below_the_wrap_with_401_and_others_with_404() {
        use actix_web::middleware::Condition;
        use actix_web::{App, test, web};

        async fn me(user: jwt_actix::Claims<User>) -> String {
            user.0.name.clone()
        }
        let issuer = issuer();
        for on in [true, false] {
            let auth = jwt_actix::JwtAuth::new(issuer.builder::<User>().build().unwrap());
            let api = web::scope("/api").route("/me", web::get().to(me)).wrap(Condition::new(on, auth));
            let app = App::new().service(api).route("/health", web::get().to(async || "good"));
            let app = test::init_service(app).await;
            let status = async |path: &str, bearer: Option<String>| {
                let mut request = test::TestRequest::get().uri(path);
                if let Some(bearer) = bearer {
                    request = request.insert_header(("authorization", bearer));
                }
                match test::try_call_service(&app, request.to_request()).await {
                    Ok(response) => response.status().as_u16(),
                    Err(error) => error.as_response_error().status_code().as_u16(),
                }
            };
            assert_eq!(status("/health", None).await, 200);
            assert_eq!(status("/elsewhere", None).await, 404);
            assert_eq!(status("/api/nothing", None).await, if on { 401 } else { 404 });
            assert_eq!(status("/api/me", None).await, if on { 401 } else { 500 });
            assert_eq!(status("/api/me", Some(bearer(&issuer))).await, if on { 200 } else { 500 });
        }
    }
}

#[tokio::test]
async fn salvo_takes_the_layer_by_its_compatibility_and_handlers_find_the_claims() {
    use salvo::prelude::{Router, Service, StatusCode, TowerLayerCompat, handler};
    use salvo::test::{ResponseExt, TestClient};

    #[handler]
    async fn me(request: &mut salvo::Request) -> String {
        let user = jwt_tower::claims::<User>(request.extensions());
        user.ok().flatten().map_or_else(|| "nobody".to_owned(), |user| user.name.clone())
    }
    let issuer = issuer();
    let auth = layer(&issuer).compat::<salvo::http::ReqBody>();
    let service = Service::new(Router::with_path("me").hoop(auth).get(me));
    let refused = TestClient::get("http://localhost/me").send(&service).await;
    assert_eq!(refused.status_code, Some(StatusCode::UNAUTHORIZED));
    assert!(refused.headers.contains_key("www-authenticate"));
    let request = TestClient::get("http://localhost/me").add_header("authorization", bearer(&issuer), true);
    assert_eq!(request.send(&service).await.take_string().await.unwrap(), "Alice");
}

#[tokio::test]
async fn aide_documents_routes_whose_handlers_take_claims() {
    use aide::NoApi;
    use aide::axum::ApiRouter;
    use aide::axum::routing::get;
    use aide::openapi::OpenApi;

    async fn me(NoApi(Claims(user)): NoApi<Claims<User>>) -> Json<String> {
        Json(user.name.clone())
    }
    let issuer = issuer();
    let mut api = OpenApi::default();
    let app: axum::Router = ApiRouter::new().api_route("/me", get(me)).finish_api(&mut api).layer(layer(&issuer));
    assert_eq!(status(&app, "/me", None).await, 401);
    assert_eq!(status(&app, "/me", Some(&bearer(&issuer))).await, 200);
    assert!(api.paths.is_some_and(|paths| paths.paths.contains_key("/me")));
}

#[tokio::test]
async fn utoipa_has_the_schemes_of_the_authenticator() {
    use std::collections::BTreeMap;

    use utoipa::OpenApi;
    use utoipa::openapi::security::SecurityScheme;

    #[utoipa::path(get, path = "/me", responses((status = 200), (status = 401)), security(("bearer" = [])))]
    #[allow(dead_code)]
    async fn me() {}
    #[derive(OpenApi)]
    #[openapi(paths(me))]
    struct Api;

    let auth =
        issuer().builder::<User>().source(TokenSource::bearer()).source(TokenSource::cookie("t")).build().unwrap();
    let schemes: BTreeMap<String, SecurityScheme> = serde_json::from_str(&auth.openapi_security_schemes()).unwrap();
    let mut api = Api::openapi();
    let components = api.components.get_or_insert_default();
    for (name, scheme) in schemes {
        components.add_security_scheme(name, scheme);
    }
    let text = api.to_json().unwrap();
    assert!(text.contains(r#""bearer":{"type":"http","scheme":"bearer","bearerFormat":"JWT"}"#), "{text}");
    assert!(text.contains(r#""cookie_t":{"type":"apiKey","in":"cookie","name":"t"}"#), "{text}");
}

#[tokio::test]
async fn tower_sessions_and_claims_are_good_in_one_handler() {
    use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

    async fn visits(session: Session, Claims(user): Claims<User>) -> String {
        let visits = session.get::<u32>("visits").await.unwrap().unwrap_or(0) + 1;
        session.insert("visits", visits).await.unwrap();
        format!("{}: {visits}", user.name)
    }
    let issuer = issuer();
    let app = Router::new().route("/me", get(visits)).layer(SessionManagerLayer::new(MemoryStore::default()));
    let app = app.layer(layer(&issuer));
    assert_eq!(status(&app, "/me", None).await, 401);
    assert_eq!(status(&app, "/me", Some(&bearer(&issuer))).await, 200);
}

#[tokio::test]
async fn a_router_for_lambda_takes_the_layer() {
    let issuer = issuer();
    let app = Router::new().route("/me", get(me)).layer(layer(&issuer));
    // What `lambda_http::run(app)` asks of a service.
    fn for_lambda<S>(service: S) -> S
    where
        S: tower::Service<lambda_http::Request, Response = http::Response<Body>, Error = Infallible>,
    {
        service
    }
    let app = for_lambda(app);
    let request = Request::get("/me").header("authorization", bearer(&issuer));
    let answer = app.oneshot(request.body(lambda_http::Body::Empty).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn the_resolvers_of_async_graphql_get_the_claims_as_data() {
    use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Request, Schema};

    struct Query;
    #[Object]
    impl Query {
        async fn me(&self, context: &Context<'_>) -> async_graphql::Result<String> {
            let user = context.data::<jwt_tower::VerifiedToken<User>>()?;
            Ok(user.name.clone())
        }
    }
    async fn graphql(Claims(user): Claims<User>, query: String) -> String {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let response = schema.execute(Request::new(query).data(user)).await;
        response.data.to_string()
    }
    let issuer = issuer();
    let app: Router = Router::new().route("/graphql", axum::routing::post(graphql)).layer(layer(&issuer));
    let request = http::Request::post("/graphql").header("authorization", bearer(&issuer));
    let answer = app.oneshot(request.body(Body::from("{ me }")).unwrap()).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1024).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("Alice"), "{body:?}");
}
