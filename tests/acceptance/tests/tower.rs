//! What is particular to Tower: readiness, bodies, bounds.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use acceptance::{Member, TooYoung, User, builder, good_claims, hs256, member_builder};
use http::{Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use jwt_tower::error::Denial;
use jwt_tower::guard::Grants;
use jwt_tower::{AuthError, Claims, JwtAuth, RejectionBody, Require, VerifiedToken};
use tower::{Layer, Service, ServiceExt, service_fn};

fn layer() -> JwtAuth {
    JwtAuth::new(builder().build().unwrap())
}

fn good_request<B: Default>() -> Request<B> {
    let bearer = format!("Bearer {}", hs256(&good_claims()));
    Request::builder().header("authorization", bearer).body(B::default()).unwrap()
}

/// Panics when it is called without having been polled ready, as the contract of Tower allows it to.
#[derive(Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        ready(Ok(Response::new("served".to_owned())))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    let mut service = layer().layer(Strict::default());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(good_request()).await.unwrap();
        assert_eq!(response.into_body(), "served");
        // A rejected request leaves the inner service ready for the next one.
        let response = service.ready().await.unwrap().call(Request::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn layer_service_and_claims_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&layer());
    shared(&layer().layer(Strict::default()));
    shared(&builder().build().unwrap());
    let verified = builder().build().unwrap().verifier().verify(hs256(&good_claims())).unwrap();
    shared(&verified);
    shared(&verified.token());
}

#[tokio::test]
async fn any_body_that_can_be_made_out_of_a_text_carries_the_problem_document() {
    async fn body_of<B>() -> String
    where
        B: From<&'static str> + Body<Data = Bytes, Error: Debug>,
    {
        let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(B::from("")))));
        let response = layer().layer(inner).oneshot(Request::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
    assert!(body_of::<axum::body::Body>().await.contains("\"status\":401"));
    assert!(body_of::<Full<Bytes>>().await.contains("\"status\":401"));
    assert!(body_of::<String>().await.contains("\"status\":401"));
}

#[tokio::test]
async fn bodies_of_tonic_and_boxed_ones_are_served_with_empty_bodies() {
    let inner = service_fn(|_: Request<tonic::body::Body>| {
        ready(Ok::<_, Infallible>(Response::new(tonic::body::Body::default())))
    });
    let service = layer().empty_body().layer(inner);
    let response = service.clone().oneshot(Request::new(tonic::body::Body::default())).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
    );
    assert_eq!(service.oneshot(good_request()).await.unwrap().status(), StatusCode::OK);

    type Boxed = UnsyncBoxBody<Bytes, Infallible>;
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Boxed::default()))));
    let response = layer().empty_body().layer(inner).oneshot(Request::default()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_application_may_answer_in_its_own_words_and_status_and_challenge_stay() {
    let layer = layer().on_rejection_response(|error, _, head| {
        let text = if matches!(error, AuthError::MissingToken) { "Please sign in." } else { "Please sign in again." };
        head.map(|()| text.to_owned())
    });
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let response = layer.layer(inner).oneshot(Request::default()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.into_body(), "Please sign in.");
}

#[tokio::test]
async fn an_inner_layer_does_not_inherit_the_claims_of_an_outer_one() {
    // The outer layer takes a bearer token; the inner one looks elsewhere and finds nobody.
    let cookie = jwt_tower::TokenSource::cookie("other");
    let inner_layer = JwtAuth::new(builder().source(cookie).optional().build().unwrap());
    let handler = service_fn(|request: Request<()>| {
        let name = jwt_tower::claims::<User>(request.extensions()).unwrap().map(|user| user.name.clone());
        ready(Ok::<_, Infallible>(Response::new(name.unwrap_or_default())))
    });
    let response = layer().layer(inner_layer.layer(handler)).oneshot(good_request()).await.unwrap();
    assert_eq!(response.into_body(), "");
}

fn member(more: &str) -> Request<()> {
    let mut claims = good_claims();
    claims["scope"] = more.into();
    Request::builder().header("authorization", format!("Bearer {}", hs256(&claims))).body(()).unwrap()
}

fn member_layer() -> JwtAuth {
    JwtAuth::new(member_builder().build().unwrap())
}

#[tokio::test]
async fn a_guard_that_waits_calls_the_service_that_was_polled_ready() {
    let guard = Require::policy_async(|member: VerifiedToken<Member>| async move {
        tokio::task::yield_now().await;
        member.scope.grants("in")
    });
    let mut service = (member_layer(), guard).layer(Strict::default());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(member("in")).await.unwrap();
        assert_eq!(response.into_body(), "served");
        let response = service.ready().await.unwrap().call(member("out")).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let response = (member_layer(), Require::scope("in")).layer(Strict::default());
        assert_eq!(response.oneshot(member("in")).await.unwrap().into_body(), "served");
    }
}

#[tokio::test]
async fn one_hook_words_what_the_layer_a_guard_and_an_extractor_refuse() {
    async fn name(Claims(user): Claims<Member>) -> String {
        user.sub.clone()
    }

    let hook = |error: &AuthError, request: &http::request::Parts, head: Response<()>| {
        let why = match error {
            AuthError::MissingToken => "no token".to_owned(),
            AuthError::Forbidden(Denial::Scope(scope)) => format!("scope {scope}"),
            AuthError::Forbidden(Denial::Policy(reason)) => {
                format!("age {}", reason.downcast_ref::<TooYoung>().unwrap().0)
            }
            other => panic!("{other}"),
        };
        head.map(|()| axum::body::Body::from(format!("{why} at {}", request.uri.path())))
    };
    let young = Require::policy(|member: &Member| if member.age < 18 { Err(TooYoung(member.age)) } else { Ok(()) });
    let app = axum::Router::new()
        .route("/claims", axum::routing::get(name))
        .route("/read", axum::routing::get(name).route_layer(Require::scope("read")))
        .route("/young", axum::routing::get(name).route_layer(young));
    let auth = member_builder().optional().realm("hooked").build().unwrap();
    let app = app.layer(JwtAuth::new(auth).on_rejection(hook));
    for (path, token, status, challenge, body) in [
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
        let mut request = token.map_or_else(Request::default, member).map(|()| axum::body::Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["www-authenticate"].as_bytes()),
            (status, challenge.as_bytes()),
            "{path}"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    }
}

#[tokio::test]
async fn guards_stand_before_bodies_of_tonic_and_their_refusals_have_the_body_of_the_layer() {
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(tonic::body::Body::default()))));
    let service = (member_layer().empty_body(), Require::scope("in")).layer(inner);
    assert_eq!(service.clone().oneshot(member("in")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(service.oneshot(member("out")).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_guard_around_the_layer_is_a_guard_without_one() {
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "served" }));
    let app = app.layer(member_layer()).layer(Require::scope("in"));
    let response = app.oneshot(member("in").map(|()| axum::body::Body::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_guard_for_the_whole_application_is_a_layer_inside_of_the_other() {
    let route = || axum::Router::new().route("/", axum::routing::get(|| async { "served" }));
    let in_two = route().layer(Require::scope("in")).layer(member_layer());
    let in_one = route().layer(member_layer().require(Require::scope("in")));
    for app in [in_two, in_one] {
        let status = |scope| {
            let (app, request) = (app.clone(), member(scope).map(|()| axum::body::Body::empty()));
            async move { app.oneshot(request).await.unwrap().status() }
        };
        assert_eq!((status("in").await, status("out").await), (StatusCode::OK, StatusCode::FORBIDDEN));
    }
}

#[tokio::test]
async fn a_refused_extraction_does_not_print_the_token_of_its_request() {
    use axum::extract::FromRequestParts;

    let token = hs256(&good_claims());
    let request = Request::builder().header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let rejection = Claims::<User>::from_request_parts(&mut request.into_parts().0, &()).await.unwrap_err();
    assert!(matches!(rejection.error(), AuthError::NotConfigured(_)));
    let printed = format!("{rejection:?} {rejection:#?}");
    assert!(printed.contains("MissingLayer"), "{printed}");
    assert!(token.split('.').all(|part| !printed.contains(part)), "{printed}");
}

#[tokio::test]
async fn where_grpc_services_are_a_call_is_answered_in_grpc_whatever_makes_the_body() {
    async fn head<R: RejectionBody<String> + Clone>(layer: JwtAuth<R>) -> Response<String> {
        let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
        let request = Request::post("/").version(Version::HTTP_2).header("content-type", "application/grpc");
        layer.layer(inner).oneshot(request.body(()).unwrap()).await.unwrap()
    }
    let layer = || JwtAuth::new(builder().grpc().build().unwrap());
    let in_own_words = layer().on_rejection_response(|_, _, head| head.map(|()| String::new()));
    for response in [head(layer()).await, head(layer().empty_body()).await, head(in_own_words).await] {
        assert_eq!((response.status(), &**response.body()), (StatusCode::OK, ""));
        for (name, value) in [
            ("content-type", "application/grpc"),
            ("grpc-status", "16"),
            ("grpc-message", "A valid access token is needed."),
            ("www-authenticate", "Bearer"),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn an_application_on_axum_answers_with_anything_that_is_a_response_and_a_refusal_stays_one() {
    use axum::response::{IntoResponse, Redirect};
    async fn answer<T: IntoResponse + 'static>(
        hook: fn(&AuthError, &http::request::Parts, Response<()>) -> T,
    ) -> axum::response::Response {
        let app = axum::Router::new().route("/", axum::routing::get(|| async { "served" }));
        let app = app.layer(layer().on_rejection(hook));
        app.oneshot(Request::get("/").body(axum::body::Body::empty()).unwrap()).await.unwrap()
    }
    for (response, status, body) in [
        (answer(|error, _, _| error.public_message()).await, 401, "This resource needs an access token."),
        (answer(|_, _, _| axum::Json(serde_json::json!({"error": "sign in"}))).await, 401, r#"{"error":"sign in"}"#),
        (answer(|_, _, _| (StatusCode::OK, "all is well")).await, 401, "all is well"),
        (answer(|_, _, _| StatusCode::NO_CONTENT).await, 401, ""),
        (answer(|_, _, head| head.map(|()| axum::body::Body::from("mine"))).await, 401, "mine"),
        (answer(|_, _, _| StatusCode::NOT_FOUND).await, 404, ""),
        (answer(|_, _, _| Redirect::to("/login")).await, 303, ""),
    ] {
        assert_eq!(response.status().as_u16(), status, "{body}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer", "{body}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{body}");
        let bytes = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(bytes, body);
    }
    let own = answer(|_, _, _| ([("WWW-Authenticate", "Mine"), ("Cache-Control", "private")], "mine")).await;
    assert_eq!(
        (&own.headers()["www-authenticate"], &own.headers()["cache-control"]),
        (&"Mine".parse().unwrap(), &"private".parse().unwrap())
    );
}

#[tokio::test]
async fn on_any_stack_a_hook_that_says_all_is_well_refuses_all_the_same() {
    let layer = layer().on_rejection_response(|_, _, _| Response::new("all is well".to_owned()));
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let response = layer.layer(inner).oneshot(Request::default()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}
