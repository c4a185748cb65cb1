//! Together with the middlewares that applications have beside this one, in the order that `docs/how-to/middleware-order.md` gives.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{User, builder, good_claims, hs256};
use actix_web::middleware::{Compress, Logger, NormalizePath};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::get;
use governor::{Quota, RateLimiter};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt;
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::clock::NumericDate;
use jwt_tower::{Claims, JwtAuth, Require};
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

const PAGE: &str = "https://page.example.com";

fn layer() -> JwtAuth {
    JwtAuth::new(builder().build().unwrap())
}

fn cors() -> CorsLayer {
    let origin: http::HeaderValue = PAGE.parse().unwrap();
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET])
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE])
}

async fn long(Claims(user): Claims<User>) -> String {
    user.name.repeat(500)
}

fn request(method: &str, fields: &[(&str, &str)]) -> Request {
    let request = http::Request::builder().method(method).uri("/me");
    fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).unwrap()
}

fn bearer() -> String {
    format!("Bearer {}", hs256(&good_claims()))
}

async fn send(app: &Router, request: Request) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

const PREFLIGHT: [(&str, &str); 3] =
    [("origin", PAGE), ("access-control-request-method", "GET"), ("access-control-request-headers", "authorization")];

#[tokio::test]
async fn with_cors_outside_preflights_pass_and_a_page_can_read_why_it_is_refused() {
    let app = Router::new().route("/me", get(long)).layer(layer()).layer(cors());
    let (status, headers, _) = send(&app, request("OPTIONS", &PREFLIGHT)).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (StatusCode::OK, &PAGE.parse().unwrap()));
    assert_eq!(headers["access-control-allow-headers"], "authorization");

    let (status, headers, _) = send(&app, request("GET", &[("origin", PAGE)])).await;
    assert_eq!((status, headers["www-authenticate"].to_str().unwrap()), (StatusCode::UNAUTHORIZED, "Bearer"));
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    assert_eq!(headers["access-control-expose-headers"], "www-authenticate");

    let (status, headers, _) = send(&app, request("GET", &[("origin", PAGE), ("authorization", &bearer())])).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (StatusCode::OK, &PAGE.parse().unwrap()));
}

#[tokio::test]
async fn with_cors_inside_preflights_are_refused_which_is_why_the_order_matters() {
    let app = Router::new().route("/me", get(long)).layer(cors()).layer(layer());
    let (status, headers, _) = send(&app, request("OPTIONS", &PREFLIGHT)).await;
    assert_eq!((status, headers.get("access-control-allow-origin")), (StatusCode::UNAUTHORIZED, None));
}

#[tokio::test]
async fn compression_on_either_side_leaves_refusals_readable() {
    let guarded =
        || Router::new().route("/me", get(long)).route_layer(Require::policy(|user: &User| user.name == "Bob"));
    let plain = || Router::new().route("/me", get(long));
    for (side, app, guarded) in [
        (
            "outside",
            plain().layer(layer()).layer(CompressionLayer::new()),
            guarded().layer(layer()).layer(CompressionLayer::new()),
        ),
        (
            "inside",
            plain().layer(CompressionLayer::new()).layer(layer()),
            guarded().layer(CompressionLayer::new()).layer(layer()),
        ),
    ] {
        let authorization = bearer();
        let fields = [("accept-encoding", "gzip"), ("authorization", &*authorization)];
        let (status, headers, body) = send(&app, request("GET", &fields)).await;
        assert_eq!((status, &headers["content-encoding"]), (StatusCode::OK, &"gzip".parse().unwrap()), "{side}");
        assert!(body.len() < 500, "{side}");
        for (app, fields, expected) in [(&app, &fields[..1], 401), (&guarded, &fields[..], 403)] {
            let (status, headers, body) = send(app, request("GET", fields)).await;
            assert_eq!(status, expected, "{side}");
            assert!(headers.contains_key("www-authenticate"), "{side}");
            assert_eq!(headers["content-type"], "application/problem+json", "{side}");
            // Compressed and said to be, or neither.
            assert_eq!(headers.contains_key("content-encoding"), body.starts_with(&[0x1f, 0x8b]), "{side} {expected}");
        }
    }
}

#[tokio::test]
async fn a_timeout_outside_is_over_everything_and_hides_no_refusal() {
    async fn never(_: Claims<User>) -> &'static str {
        std::future::pending().await
    }
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_millis(20));
    let app = Router::new().route("/me", get(never)).layer(layer()).layer(timeout).layer(TraceLayer::new_for_http());
    let (status, ..) = send(&app, request("GET", &[("authorization", &bearer())])).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    let (status, ..) = send(&app, request("GET", &[])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn strangers_are_limited_outside_and_users_inside() {
    let quota = |burst: u32| Quota::per_hour(NonZeroU32::new(burst).unwrap());
    let (all, each) = (Arc::new(RateLimiter::direct(quota(5))), Arc::new(RateLimiter::keyed(quota(2))));
    let everybody = from_fn(move |request: Request, next: Next| {
        let all = all.clone();
        async move {
            if all.check().is_err() { StatusCode::TOO_MANY_REQUESTS.into_response() } else { next.run(request).await }
        }
    });
    let each_user = from_fn(move |Claims(user): Claims<User>, request: Request, next: Next| {
        let each = each.clone();
        async move {
            let user = user.subject().unwrap_or_default().to_owned();
            if each.check_key(&user).is_err() {
                StatusCode::TOO_MANY_REQUESTS.into_response()
            } else {
                next.run(request).await
            }
        }
    });
    let app = Router::new().route("/me", get(long)).layer(each_user).layer(layer()).layer(everybody);
    let authorization = bearer();
    let good = [("authorization", &*authorization)];
    let mut seen = Vec::new();
    for fields in [&good[..], &good, &good, &[], &[], &[]] {
        seen.push(send(&app, request("GET", fields)).await.0.as_u16());
    }
    // The third of Alice is too much for her, the sixth of all for everybody.
    assert_eq!(seen, [200, 200, 429, 401, 401, 429]);
}

#[actix_web::test]
async fn in_actix_web_as_well() {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};

    async fn long(jwt_actix::Claims(user): jwt_actix::Claims<User>) -> String {
        user.name.repeat(500)
    }
    let auth = jwt_actix::JwtAuth::new(builder().build().unwrap());
    let cors = actix_cors::Cors::default()
        .allowed_origin(PAGE)
        .allowed_methods(["GET"])
        .allowed_headers([header::AUTHORIZATION.as_str()])
        .expose_headers([header::WWW_AUTHENTICATE.as_str()]);
    let guarded = web::resource("/admin").wrap(jwt_actix::Require::policy(|user: &User| user.name == "Bob")).to(long);
    let app = App::new()
        .service(guarded)
        .route("/me", web::get().to(long))
        .wrap(auth)
        .wrap(cors)
        .wrap(Compress::default())
        .wrap(NormalizePath::trim())
        .wrap(Logger::default());
    let app = init_service(app).await;

    let fields = PREFLIGHT.into_iter();
    let preflight = fields.fold(TestRequest::with_uri("/me").method("OPTIONS".parse().unwrap()), |request, field| {
        request.insert_header(field)
    });
    let response = call_service(&app, preflight.to_request()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), PAGE);

    // With and without a slash at the end, which the outermost takes away.
    for path in ["/me", "/me/"] {
        let request = || TestRequest::with_uri(path).insert_header(("origin", PAGE));
        let response = call_service(&app, request().to_request()).await;
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(response.headers().get("www-authenticate").unwrap(), "Bearer");
        assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), PAGE);
        let expose = response.headers().get("access-control-expose-headers").unwrap();
        assert!(expose.to_str().unwrap().eq_ignore_ascii_case("www-authenticate"), "{expose:?}");

        let request = request().insert_header(("authorization", bearer())).insert_header(("accept-encoding", "gzip"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers().get("content-encoding").unwrap(), "gzip");
        assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), PAGE);
    }
    let request =
        TestRequest::with_uri("/admin").insert_header(("origin", PAGE)).insert_header(("authorization", bearer()));
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), PAGE);
    assert!(read_body(response).await.starts_with(b"{\"type\""));
}

/// An authenticator that demands nonces, and what a page sends to it.
fn demanding() -> (jwt_core::Authenticator<User>, String, String) {
    let key = DpopKey::generate(jwt_core::Algorithm::ES256).unwrap();
    let mut claims = good_claims();
    claims["cnf"] = serde_json::json!({"jkt": key.thumbprint()});
    let token = hs256(&claims);
    let nonces = DpopNonces::new([7; 32]).unwrap();
    let auth = builder().public_origin("https://api.example.com").dpop(Dpop::new().nonces(&nonces)).build().unwrap();
    let proof = key.proof("GET", "https://api.example.com/me").for_token(&token);
    let proof = proof.issued_at(NumericDate::from_secs(acceptance::NOW)).sign().unwrap();
    (auth, format!("DPoP {token}"), proof)
}

const DPOP_PREFLIGHT: [(&str, &str); 3] = [
    ("origin", PAGE),
    ("access-control-request-method", "GET"),
    ("access-control-request-headers", "authorization,dpop"),
];

#[tokio::test]
async fn a_script_of_another_origin_sees_the_nonce_that_it_has_to_use() {
    let (auth, authorization, proof) = demanding();
    let dpop = || [http::HeaderName::from_static("dpop"), http::HeaderName::from_static("dpop-nonce")];
    let [field, nonce] = dpop();
    let cors = cors().allow_headers([header::AUTHORIZATION, field]).expose_headers([header::WWW_AUTHENTICATE, nonce]);
    let app = Router::new().route("/me", get(long)).layer(JwtAuth::new(auth.clone())).layer(cors);
    let (status, headers, _) = send(&app, request("OPTIONS", &DPOP_PREFLIGHT)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["access-control-allow-headers"], "authorization,dpop");
    let fields = [("origin", PAGE), ("authorization", &*authorization), ("dpop", &*proof)];
    let (status, headers, _) = send(&app, request("GET", &fields)).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (StatusCode::UNAUTHORIZED, &PAGE.parse().unwrap()));
    assert_eq!(headers["access-control-expose-headers"], "www-authenticate,dpop-nonce");
    assert!(headers.contains_key("dpop-nonce"), "{headers:?}");
}

#[actix_web::test]
async fn a_script_of_another_origin_sees_the_nonce_of_actix_too() {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};

    let (auth, authorization, proof) = demanding();
    let cors = actix_cors::Cors::default()
        .allowed_origin(PAGE)
        .allowed_methods(["GET"])
        .allowed_headers([header::AUTHORIZATION.as_str(), "dpop"])
        .expose_headers([header::WWW_AUTHENTICATE.as_str(), "dpop-nonce"]);
    let auth = jwt_actix::JwtAuth::new(auth);
    let app = App::new().route("/me", web::get().to(|| async { "me" })).wrap(auth).wrap(cors);
    let app = init_service(app).await;
    let preflight = TestRequest::with_uri("/me").method("OPTIONS".parse().unwrap());
    let preflight = DPOP_PREFLIGHT.into_iter().fold(preflight, TestRequest::insert_header);
    assert_eq!(call_service(&app, preflight.to_request()).await.status(), 200);
    let fields = [("origin", PAGE), ("authorization", &*authorization), ("dpop", &*proof)];
    let request = fields.into_iter().fold(TestRequest::with_uri("/me"), TestRequest::insert_header);
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 401);
    let exposed =
        response.headers().get("access-control-expose-headers").unwrap().to_str().unwrap().to_ascii_lowercase();
    assert!(exposed.contains("dpop-nonce") && exposed.contains("www-authenticate"), "{exposed}");
    assert!(response.headers().contains_key("dpop-nonce"));
}
